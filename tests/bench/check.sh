#!/bin/sh
# The benchmark builds against the installed library, and what it is to measure is right; no time is looked at.
# Usage: check.sh SOURCE_DIR BUILD_DIR WORK_DIR CMAKE C_COMPILER. Prints TAP.
set -u
source=$1
build=$2
work=$3
cmake=$4
cc=$5
unset DESTDIR
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

build_bench()
{
    "$cmake" -S "$source/tests/bench" -B "$work/program" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$work/prefix" &&
        "$cmake" --build "$work/program" --target bench counting_bench
}

# measures CASES ROWS: those cases, whose CSV has so many rows
measures()
{
    "$work/program/bench" --quick --rivals cblas --cases "$1" --csv "$work/csv" && cat "$work/csv" &&
        [ "$(head -n 1 "$work/csv")" = "$header" ] &&
        [ "$(awk -F, 'NR > 1 && NF == 18' "$work/csv" | wc -l)" -eq "$2" ]
}

# refuses OPTION...
refuses()
{
    "$work/program/bench" "$@"
    [ $? -eq 2 ]
}

header=case,kind,cell,time,batch,input,units,threads,library,version,isa,median_ms,min_ms,max_ms,gflops,
header=${header}peak_gflops,peak_fraction,ratio
for script in "$source"/tests/bench/*.sh; do
    check "${script#"$source"/} is shell" sh -n "$script"
done
if command -v python3 >/dev/null 2>&1; then
    for script in "$source"/tests/bench/rivals/*.py; do
        check "${script#"$source"/} is Python" \
            python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$script"
    done
fi
check "the library installs" "$cmake" --install "$build" --prefix "$work/prefix"
check "the benchmark builds" build_bench
check "a stream agrees with the reference" measures stream_h8 2
check "a training step agrees with the reference, and so do both kinds of GRU" measures gru_lab_train 4
check "a case that is not there is refused" refuses --rivals none --cases lab_trian
check "a rival that is not there is refused" refuses --rivals onedn
check "0 threads are refused" refuses --threads 0
check "an option without its value is refused" refuses --quick --csv

finish
