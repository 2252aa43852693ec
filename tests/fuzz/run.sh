#!/bin/sh
# Fuzzes each target for so many seconds, with Clang's libFuzzer, address and undefined behaviour sanitizers.
# Usage: sh tests/fuzz/run.sh SECONDS [TARGET...]
#
# FUZZ_JOBS of them at a time, as many as there are processors if it is not set. What is found goes to
# build/fuzz/findings, each one a file that build/fuzz/tests/fuzz/fuzz_TARGET FILE repeats; the corpus that grows is
# build/fuzz/corpus, from which the next run goes on. For each target one line is printed: executions, edges, and the
# time and the executions since the last edge that no input had reached before. The last line sums them up:
# "N executions, N findings; executions, and minutes without a new edge: TARGET N, M; ...". The exit status is 0 if there
# is no finding, 77 if there is no libFuzzer.
set -u
LC_ALL=C
export LC_ALL
unset CDPATH
cd "$(dirname "$0")/../.." || exit 1
here=$(pwd)/tests/fuzz
build=$(pwd)/build/fuzz

# fuzz SECONDS TARGET MAX_LEN ENTROPIC: the executions are left in build/fuzz/TARGET.result
fuzz()
{
    # A crash is a finding; so is an input that takes ten minutes, even where a fuzzer is stopped for some, or that asks
    # for memory which none of its size may take.
    # Of a target with thousands of edges, or whose inputs take microseconds, the entropic schedule takes half the time.
    # Each line gets its time by the shell, for some awks read a pipe in blocks.
    {
        "$build/tests/fuzz/fuzz_$2" "$build/corpus/$2" "$here/corpus/$2" -max_total_time="$1" -max_len="$3" \
            -entropic="$4" -timeout=600 -report_slow_units=600 -rss_limit_mb=2048 -malloc_limit_mb=64 \
            -detect_leaks=1 -print_final_stats=1 -reload=0 -artifact_prefix="$build/findings/$2-" 2>&1
        echo end
    } | while IFS= read -r line; do
        printf '%s %s\n' "$(date +%s)" "$line"
    done | tee "$build/$2.log" | awk -v target="$2" -v result="$build/$2.result" '
        { now = $1 }
        NR == 1 { start = last = now }
        match($0, /cov: [0-9]+/) {
            cov = substr($0, RSTART + 5, RLENGTH - 5) + 0
            if (cov > edges) {
                edges = cov
                last = now
                runs_then = substr($2, 2) + 0
            }
        }
        $2 == "stat::number_of_executed_units:" { runs = $3 + 0 }
        /SUMMARY: |does not hold: |Test unit written to/ { print target ": " $0 }
        END {
            printf "%s: %d executions, %d edges, the last new edge %d s and %d executions ago, of %d s\n", target,
                runs, edges, now - last, runs - runs_then, now - start
            printf "%d %d\n", runs, (now - last) / 60 >result
        }'
}

# By itself, as one of several: run.sh --one SECONDS TARGET
if [ "${1:-}" = --one ]; then
    case $3 in
    same_bits | calls) fuzz "$2" "$3" 400 0 ;;
    stream_state | dataset_cache) fuzz "$2" "$3" 1024 0 ;;
    *) fuzz "$2" "$3" 8192 1 ;;
    esac
    exit 0
fi

case ${1:-} in
'' | *[!0-9]*)
    echo "usage: sh tests/fuzz/run.sh SECONDS [TARGET...]" >&2
    exit 2
    ;;
esac
seconds=$1
shift
if ! echo 'int LLVMFuzzerTestOneInput(const char *b, unsigned long n) { return b && n > 9; }' |
    clang -x c -fsanitize=fuzzer,address -o /dev/null - 2>/dev/null; then
    echo "skipped: there is no clang with libFuzzer (Debian: clang, libclang-rt-14-dev, llvm)"
    exit 77
fi
mkdir -p "$build"
if ! { cmake --preset fuzz && cmake --build --preset fuzz --parallel "$(nproc)"; } >"$build/build.log" 2>&1; then
    grep -A 6 -E 'error|Error' "$build/build.log" | head -n 40
    echo "does not build; all of it is in build/fuzz/build.log"
    exit 1
fi
if [ $# -eq 0 ]; then
    for folder in "$here"/corpus/*/; do
        set -- "$@" "$(basename "$folder")"
    done
fi

# The targets write files: in memory, where there is a place for them. ASan keeps freed memory for a while, but not all,
# and one frame of where it was taken, for unwinding takes a fifth of the time; what repeats a finding sees all of them.
scratch=$(mktemp -d /dev/shm/lstm_fuzz.XXXXXX 2>/dev/null || mktemp -d "$build/scratch.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
TMPDIR=$scratch
ASAN_OPTIONS=quarantine_size_mb=32:malloc_context_size=1:allocator_may_return_null=1
UBSAN_OPTIONS=print_stacktrace=1
export TMPDIR ASAN_OPTIONS UBSAN_OPTIONS
for target in "$@"; do
    rm -f "$build/$target.result"
    mkdir -p "$build/corpus/$target" "$build/findings"
    # What was found before is tried first.
    find "$build/findings" -name "$target-*" -exec mv '{}' "$build/corpus/$target" ';'
done
printf '%s\n' "$@" | xargs -P "${FUZZ_JOBS:-$(nproc)}" -I '{}' sh "$here/run.sh" --one "$seconds" '{}'

runs=0
findings=0
each=
for target in "$@"; do
    read -r count minutes 2>/dev/null <"$build/$target.result" || count=0 minutes=0
    runs=$((runs + count))
    each="$each; $target $count, $minutes"
    [ "$count" -gt 0 ] || findings=$((findings + 1))
    for file in "$build/findings/$target"-*; do
        [ ! -f "$file" ] || findings=$((findings + 1))
    done
done
echo "$runs executions, $findings findings; executions, and minutes without a new edge: ${each#; }"
[ "$findings" -eq 0 ]
