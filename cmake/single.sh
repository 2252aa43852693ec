#!/bin/sh
# Makes the library in two files, lstm.h and lstm_single.c: sh cmake/single.sh FOLDER
# docs/single-file.md says how to use them. Needs a POSIX shell and awk.
set -eu
LC_ALL=C
export LC_ALL

if [ $# -ne 1 ]; then
    echo "usage: sh cmake/single.sh FOLDER" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(CDPATH='' cd -- "$1" && pwd -P)
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

awk -v root="$root" -v folder="$folder" -f "$root/cmake/single_names.awk" -f "$root/cmake/single_units.awk" \
    -f "$root/cmake/single.awk"
