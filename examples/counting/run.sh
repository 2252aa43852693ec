#!/bin/sh
# Builds what is needed and teaches a network to count: sh examples/counting/run.sh [options]
# The options are those of the program; --help lists them. Works from any directory.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
build=$top/build

sh "$top/cmake/build_example.sh" counting
exec "$build/examples/counting/counting" --cache "$build/synthetic_dataset.bin" "$@"
