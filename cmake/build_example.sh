#!/bin/sh
# Sets up what is needed and builds a program of examples/: sh cmake/build_example.sh NAME
# It becomes build/examples/NAME/NAME. Works from any directory, and says nothing but when something fails.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
build=$top/build

sh "$top/cmake/bootstrap.sh" cmake make gcc libc6-dev libopenblas-dev libjansson-dev zlib1g-dev

# quietly COMMAND...
quietly()
{
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        echo "build_example.sh: this failed: $*" >&2
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
quietly cmake --build "$build" --target "$1" --parallel "$jobs"
