#!/bin/sh
# clang-tidy (.clang-tidy has its checks), cppcheck and GCC's -fanalyzer find nothing in the C files compiled here.
# Usage: sh tests/check_code.sh [PATH...]: files whose paths begin with one of these; lib/ examples/ tests/ by default.
#
# Why a finding is no mistake is said beside its line. A tool that is not there is left out. Logs are in build/code/.
# The last line is "N findings in N files: N clang-tidy, N cppcheck, N gcc"; the exit status is 0 if there are none, 77 if
# there is no tool.
set -u
LC_ALL=C
export LC_ALL
unset CDPATH
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
work=$root/build/code
export root
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
[ $# -gt 0 ] || set -- lib/ examples/ tests/

mkdir -p "$work"
if ! cmake --preset dev -B "$work" >"$work/log" 2>&1; then
    tail "$work/log"
    exit 1
fi
# A line for each file: its path and its command. Of the kernels, one for each instruction set.
awk -v root="$root/" -v wanted="$*" '
    BEGIN { count = split(wanted, path, " ") }
    $1 == "\"command\":" {
        command = $0
        sub(/^ *"command": "/, "", command)
        sub(/",$/, "", command)
        gsub(/\\"/, "\"", command)
        gsub(/\\\\/, "\\", command)
        sub(/ -o [^ ]+/, "", command)
    }
    $1 == "\"file\":" {
        file = $2
        gsub(/[",]/, "", file)
        file = substr(file, length(root) + 1)
        for (k = 1; k <= count; k++)
            if (index(file, path[k]) == 1)
                break
        isa = match(command, /LSTM__ISA_[A-Z0-9]+/) ? substr(command, RSTART, RLENGTH) : ""
        if (k <= count && !seen[file, isa]++)
            print file, command
    }' "$work/compile_commands.json" >"$work/commands"
files=$(cut -d ' ' -f 1 "$work/commands" | sort -u | wc -l)

# each SHELL_CODE: for each line of commands, where $file is the path, "$@" the command's words, and of lib/ what
# analyzed.h says, which status.c and the kernels have no need of.
each()
{
    # shellcheck disable=SC2016 # the inner shell's
    tr '\n' '\0' <"$work/commands" | xargs -0 -n 1 -P "$jobs" sh -c '
        code=$0
        file=${1%% *}
        eval "set -- ${1#* }"
        case $file in
        lib/status.c | lib/kernels/*) ;;
        lib/*) set -- "$@" -include "$root/tests/analyzed.h" ;;
        esac
        eval "$code"' "$1" 2>&1
}

# Not by compile_commands.json, for LLVM 14 takes each va_list for uninitialized once it has seen the file before.
# shellcheck disable=SC2016
run_clang_tidy()
{
    each 'shift; clang-tidy --quiet "$file" -- "$@"'
}

# legacyUninitvar takes the struct that LSTM_ARGS makes, and which has its own size in it, for one that is read before it is
# written.
run_cppcheck()
{
    for path in "$@"; do
        cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --suppress=legacyUninitvar \
            -j "$jobs" --project="$work/compile_commands.json" "--file-filter=$root/$path*" \
            --template='{file}:{line}: {severity}: {message} [{id}]' 2>&1
    done
}

# What GCC 12 is wrong about so often that nothing would be left beside the reasons:
#   lib/kernels/  loops over three planes that it leaves after two
#   examples/     memory that is kept in an array of pointers is lost for it; and that complain() of another file, or a
#                 reader whose file is missing, ends what is done, it does not know
#   tests/        what a function writes to an array that it is told of in a struct; the memory sanitizer sees to that
# shellcheck disable=SC2016
run_gcc()
{
    each '
        case $file in
        lib/kernels/*) set -- "$@" -Wno-analyzer-use-of-uninitialized-value -Wno-analyzer-null-dereference ;;
        examples/lstm_run/* | examples/sequence_labelling/*)
            set -- "$@" -Wno-analyzer-malloc-leak -Wno-analyzer-null-dereference -Wno-analyzer-possible-null-dereference ;;
        tests/*) set -- "$@" -Wno-analyzer-use-of-uninitialized-value ;;
        esac
        "$@" -fanalyzer -S -o /dev/null'
}

findings=0
summary=
# look NAME PROGRAM PATH...
look()
{
    name=$1
    if ! command -v "$2" >/dev/null 2>&1; then
        echo "$name: left out, for there is no $2"
        return
    fi
    shift 2
    start=$(date +%s)
    "run_$name" "$@" >"$work/$name.log"
    grep -E ': (fatal error|error|warning|performance|portability): ' "$work/$name.log" | sed "s,^$root/,," | sort -u >"$work/found"
    cat "$work/found"
    found=$(wc -l <"$work/found")
    findings=$((findings + found))
    summary="$summary, $((found)) $name"
    echo "$name: $((found)) findings ($(($(date +%s) - start)) s)"
}

look clang_tidy clang-tidy "$@"
look cppcheck cppcheck "$@"
if cc --version 2>/dev/null | grep -q 'Free Software Foundation'; then
    look gcc cc "$@"
else
    echo "gcc: left out, for cc is no GCC"
fi
if [ -z "$summary" ]; then
    echo "left out, for there is no tool"
    exit 77
fi
echo "$findings findings in $files files: ${summary#, }"
[ "$findings" -eq 0 ]
