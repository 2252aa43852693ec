#!/bin/sh
# Sets up, builds and tests everything. Usage: sh tests/run.sh [--long] [--coverage]
#
#   release   as installed, with OpenBLAS; and the scripts: headers, includes, symbols, consumers of the package
#   asan      stops at memory errors, undefined behaviour and leaks; warnings are errors
#   netlib    as installed, with Netlib's BLAS
#   clang     with Clang, where there is one; warnings are errors
#   none      as installed, without a CBLAS; warnings are errors
#   --long    also tsan (data races), msan (memory read before it is written), valgrind, analyzers (check_code.sh), tests of
#             some minutes in release, tanh and sigmoid of every float, other machines (check_ports.sh), the Debian packages
#             in an empty Debian, and a minute of fuzzing for each target, where there is Clang's libFuzzer
#   --coverage  also which lines and branches of lib/ the tests run
#
# Not part of it, as they take an hour: load.sh 3600, and mutants/run.py, which asks whether the tests notice planted faults.
#
# A step that fails does not end the run. The last line is "N passed, N failed"; the exit status is 0 if none failed.
set -u
LC_ALL=C
export LC_ALL
unset CDPATH
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)

long=
coverage=
for argument in "$@"; do
    case $argument in
    --long) long=yes ;;
    --coverage) coverage=yes ;;
    *)
        echo "usage: sh tests/run.sh [--long] [--coverage]" >&2
        exit 2
        ;;
    esac
done

packages="gcc g++ libc6-dev make cmake pkgconf libopenblas-dev libblas-dev libjansson-dev zlib1g-dev check"
[ -z "$long" ] || packages="$packages valgrind qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    gcc-i686-linux-gnu libc6-dev-i386-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross musl-tools gcc-mingw-w64-x86-64 wine64 wine doxygen"
# shellcheck disable=SC2086 # one word for each package
if ! sh cmake/bootstrap.sh $packages; then
    echo "0 passed, 1 failed"
    exit 1
fi

# Tests that miss one of these are skipped, and say so.
optional="abigail-tools dpkg-dev file"
[ -z "$long" ] || optional="$optional lintian debootstrap clang clang-tidy cppcheck"
# shellcheck disable=SC2086
sh cmake/bootstrap.sh $optional || echo "run.sh: goes on without"

# Not detect_stack_use_after_return: the stack frames that GCC 12 fakes for it are not aligned for 64-byte vectors.
ASAN_OPTIONS=detect_leaks=1
UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
passed=0
failed=0

# add PASSED FAILED
add()
{
    passed=$((passed + $1))
    failed=$((failed + $2))
}

# test_build PRESET CTEST_OPTION...: configures, builds and tests build/PRESET
test_build()
{
    preset=$1
    shift
    build=$root/build/$preset
    start=$(date +%s)
    # A build of another folder, in a tree that was copied or moved, is of no use.
    if [ -f "$build/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"; then
        rm -rf "$build"
    fi
    mkdir -p "$build"
    rm -f "$build/junit.xml"
    if ! { cmake --preset "$preset" "-DLSTM_LONG_TESTS=${long:-no}" && cmake --build "$build" --parallel "$jobs"; } >"$build/build.log" 2>&1; then
        grep -A 6 -E 'error|Error|undefined reference' "$build/build.log" | head -n 60
        echo "$preset: does not build; all of it is in build/$preset/build.log"
        add 0 1
        return 1
    fi
    status=0
    ctest --test-dir "$build" --parallel "$jobs" --output-on-failure --timeout 900 --output-junit "$build/junit.xml" \
        --test-output-size-passed 10000000 --test-output-size-failed 10000000 "$@" >"$build/test.log" 2>&1 || status=1
    # Two words: the tests that passed and those that failed.
    # shellcheck disable=SC2046
    set -- $(sh tests/count.sh "$build/junit.xml" 2>/dev/null || echo 0 0)
    if [ "$2" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$1" -eq 0 ]; }; then
        set -- "$1" 1
    fi
    if [ "$2" -ne 0 ]; then
        grep -v -e ' Passed ' -e '^ *Start ' -e '^ok ' "$build/test.log" | head -n 100
        echo "$preset: all of it is in build/$preset/test.log"
    fi
    add "$1" "$2"
    echo "$preset: $1 passed, $2 failed ($(($(date +%s) - start)) s)"
    [ "$2" -eq 0 ]
}

# step NAME COMMAND...: one test; left out if its status is 77
step()
{
    name=$1
    shift
    start=$(date +%s)
    mkdir -p "$root/build"
    "$@" >"$root/build/$name.log" 2>&1
    status=$?
    case $status in
    0) add 1 0 ;;
    77) ;;
    *)
        cat "$root/build/$name.log"
        add 0 1
        ;;
    esac
    echo "$name: $(tail -n 1 "$root/build/$name.log") ($(($(date +%s) - start)) s)"
    return "$status"
}

# fuzz SECONDS: each target for so long; each is a test.
fuzz()
{
    start=$(date +%s)
    mkdir -p "$root/build"
    sh tests/fuzz/run.sh "$1" >"$root/build/fuzz.log" 2>&1
    status=$?
    case $status in
    0) add "$(grep -c ' executions, .* edges, ' "$root/build/fuzz.log")" 0 ;;
    77) ;;
    *)
        cat "$root/build/fuzz.log"
        add 0 1
        ;;
    esac
    echo "fuzz: $(tail -n 1 "$root/build/fuzz.log") ($(($(date +%s) - start)) s)"
}

# Sums what gcov says over all objects: a line or branch counts as run if any object's copy of it ran.
# shellcheck disable=SC2016
report_coverage()
{
    find "$root/build/coverage/CMakeFiles" -name '*.gcda' -exec gcov --branch-probabilities --stdout '{}' + 2>/dev/null |
        awk -v prefix="$root/" '
        $1 == "-:" && $2 ~ /^0:Source:/ {
            file = $0
            sub(/^.*0:Source:/, "", file)
            mine = index(file, prefix "lib/") == 1
            file = substr(file, length(prefix) + 1)
        }
        !mine { next }
        /^ *[0-9#=*-]+[*]?: *[0-9]+:/ {
            split($0, field, ":")
            gsub(/ /, "", field[1])
            line = file ":" field[2] + 0
            branch = 0
            if (field[1] != "-" && field[2] + 0 > 0) {
                lines[line] += field[1] + 0 > 0
                files[file]
            }
        }
        /^branch / { branches[line ":" branch++] += $3 == "taken" && $4 + 0 > 0 }
        END {
            for (key in lines) {
                name = key
                sub(/:.*$/, "", name)
                of_lines[name]++
                ran_lines[name] += lines[key] > 0
            }
            for (key in branches) {
                name = key
                sub(/:.*$/, "", name)
                of_branches[name]++
                ran_branches[name] += branches[key] > 0
            }
            for (name in files) {
                print row(name, ran_lines[name], of_lines[name], ran_branches[name], of_branches[name]) | "sort"
                l += ran_lines[name]; ll += of_lines[name]; b += ran_branches[name]; bb += of_branches[name]
            }
            close("sort")
            print row("lib/ in all", l, ll, b, bb)
        }
        function row(name, l, ll, b, bb)
        {
            return sprintf("%-34s lines %5.1f %% of %5d   branches %5.1f %% of %5d", name, ll ? 100 * l / ll : 100, ll,
                bb ? 100 * b / bb : 100, bb)
        }'
}

# shellcheck disable=SC2086 # no word, or two
test_build release ${long:+-C long}
# The sanitizers read their options and find leaks through /proc.
if [ "$(uname)" = Linux ] && [ ! -d /proc/self/task ]; then
    echo "asan: left out, for it takes /proc, which is not mounted here: mount -t proc proc /proc"
else
    test_build asan -LE tree
fi
test_build netlib -LE tree
test_build none -LE tree
if command -v clang >/dev/null 2>&1; then
    test_build clang -LE tree
fi
if [ -n "$long" ]; then
    test_build tsan -LE tree
    step msan_libraries sh tests/check_ports.sh --msan && test_build msan -LE tree
    test_build valgrind -LE tree --timeout 7200
    step code sh tests/check_code.sh
    fuzz 60
    sh tests/check_ports.sh >build/ports.log
    sed '$d' build/ports.log
    # shellcheck disable=SC2046 # "N passed, N failed"
    add $(sed -n '$s/ passed, \([0-9]*\) failed/ \1/p' build/ports.log)
fi
if [ -n "$coverage" ]; then
    find build/coverage -name '*.gcda' -exec rm -f '{}' + 2>/dev/null
    test_build coverage -LE tree
    report_coverage
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
