#!/bin/sh
# Builds what is needed and teaches a network to count: sh examples/counting/run.sh [options]
# The options are those of the program; --help lists them. Works from any directory.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
build=$top/build

sh "$top/cmake/bootstrap.sh" cmake make gcc libc6-dev libopenblas-dev libjansson-dev zlib1g-dev

# quietly COMMAND...: says nothing but when it fails
quietly()
{
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        echo "run.sh: this failed: $*" >&2
        exit 1
    }
}

# A build of another folder, in a tree that was copied or moved, is of no use.
fresh=
if [ -f "$build/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$top" "$build/CMakeCache.txt"; then
    fresh=--fresh
fi

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
quietly cmake $fresh -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release -DLSTM_BUILD_TESTS=OFF -DLSTM_BUILD_EXAMPLES=ON
quietly cmake --build "$build" --target counting --parallel "$jobs"
rm -f "$log"
trap - EXIT INT TERM

exec "$build/examples/counting/counting" --cache "$build/synthetic_dataset.bin" "$@"
