#!/bin/sh
# The benchmark: this library and its rivals, interleaved in one run. Installs, builds, measures; asks for nothing.
# Usage: sh tests/bench/run.sh [--quick] [--threads N] [--rivals LIST] [--cases LIST] [--csv FILE] [--sweep] [--latency]
# docs/performance.md says what is measured and how.
set -u
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/bench/setup.sh
. "$top/tests/bench/setup.sh"

threads=1
rivals=onednn
option=
for argument in "$@"; do
    case $option in
    --threads) threads=$argument ;;
    --rivals) rivals=$argument ;;
    esac
    option=$argument
done

# What cannot be had is left out, with a line that says so.
available=
onednn=OFF
for rival in $(echo "$rivals" | tr ',' ' '); do
    case $rival in
    onednn)
        sh "$top/cmake/bootstrap.sh" gcc libc6-dev libdnnl-dev
        if echo '#include <oneapi/dnnl/dnnl.h>' | cc -E -dM - 2>/dev/null | grep -q 'DNNL_VERSION_MAJOR 2$'; then
            onednn=ON
        else
            say "onednn is left out: there is no oneDNN 2"
            continue
        fi
        ;;
    tf1 | torch | onnxruntime)
        if python=$(find_python "$rival"); then
            variable=BENCH_PYTHON_$(echo "$rival" | tr '[:lower:]' '[:upper:]')
            eval "$variable=\$python && export $variable"
        else
            say "$rival is left out"
            continue
        fi
        ;;
    esac
    available=$available${available:+,}$rival
done

OMP_NUM_THREADS=$threads
export OMP_NUM_THREADS
build_program bench "-DBENCH_ONEDNN=$onednn" || exit 1
"$build/program/bench" "$@" --rivals "${available:-none}"
