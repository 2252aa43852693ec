#!/bin/sh
# The library's functions and public types are those of tests/abi/: nothing changes by accident.
# Usage: check_abi.sh SOURCE_DIR WORK_DIR C_COMPILER SHARED_LIBRARY. Prints TAP.
# check_abi.sh SOURCE_DIR WORK_DIR C_COMPILER SHARED_LIBRARY --update writes what there is to tests/abi/ instead.
#
# What is looked at is the single-file form, compiled with debug information: one unit, whose public types stand in another
# file than its private ones. tests/check_symbols.sh compares the shared library's own symbols. Needs abidw and abidiff
# (Debian: abigail-tools).
set -u
source=$1
work=$2
cc=$3
library=$4
update=${5-}
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

baseline=$source/tests/abi/x86_64.abi

describe()
{
    sh "$source/cmake/single.sh" "$work" &&
        "$cc" -g -O0 -fPIC -shared -DLSTM_SINGLE_WITH_FILES '-DLSTM_API=__attribute__((visibility("default")))' \
            -Wl,-soname,liblstm.so.0 "$work/lstm_single.c" -ljansson -lz -lm -pthread -o "$work/liblstm.so" &&
        abidw --header-file "$work/lstm.h" --drop-private-types --drop-undefined-syms --exported-interfaces-only \
            --type-id-style hash --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --no-parameter-names \
            --no-write-default-sizes --out-file "$work/all.abi" "$work/liblstm.so" &&
        sed "s| path='[^']*'||" "$work/all.abi" >"$work/x86_64.abi"
}

# What is new, what is gone, and what is another; "harmless" is another enumerator, for one.
is_the_baseline()
{
    abidiff --harmless --no-show-locs "$baseline" "$work/x86_64.abi" && return
    echo "docs/abi.md says what may change. If this is meant:"
    echo "sh tests/check_abi.sh $source $work $cc $library --update"
    return 1
}

soname_is()
{
    readelf -d "$library" | grep -F "Library soname: [$1]"
}

if [ "$(uname -sm)" != "Linux x86_64" ]; then
    missing="the baseline is for x86-64"
elif ! command -v abidw >/dev/null 2>&1 || ! command -v abidiff >/dev/null 2>&1; then
    missing="there is no abidiff (Debian: abigail-tools)"
else
    missing=
fi
if [ "$update" = --update ]; then
    [ -z "$missing" ] && describe && mv "$work/x86_64.abi" "$baseline"
    exit
fi

check "the soname is that of the major version" soname_is liblstm.so.0
if [ -n "$missing" ]; then
    skip "functions and types are those of tests/abi" "$missing"
else
    check "functions and types can be described" describe
    check "functions and types are those of tests/abi" is_the_baseline
fi
finish
