#!/bin/sh
# AArch64, cross-compiled and run under qemu-user, gives the bits of this machine.
# Usage: check_neon.sh SOURCE_DIR WORK_DIR CMAKE BITS_PROGRAM. Prints TAP.
set -u
LC_ALL=C
export LC_ALL
source=$1
work=$2
cmake=$3
bits=$4

for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "ok 1 - AArch64 gives the same bits # SKIP there is no $tool (Debian: gcc-aarch64-linux-gnu, qemu-user)"
        echo "1..1"
        exit 0
    fi
done

fail()
{
    echo "not ok 1 - AArch64 gives the same bits"
    sed 's/^/# /' "$work/log"
    echo "1..1"
    exit 1
}

# The headers of Jansson and zlib are taken from here. What calls them is compiled, and not linked: bits.c reads no files.
mkdir -p "$work/include"
printf '#include <jansson.h>\n#include <zlib.h>\n' | cc -M -x c - 2>"$work/log" | tr ' ' '\n' |
    grep -E '/(jansson|jansson_config|zlib|zconf)\.h$' >"$work/headers"
while read -r header; do
    cp "$header" "$work/include/"
done <"$work/headers"
"$cmake" -S "$source" -B "$work/build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_BUILD_TYPE=Release -DLSTM_BLAS=none -DLSTM_WERROR=ON \
    -DJANSSON_INCLUDE_DIR="$work/include" -DJANSSON_LIBRARY="$work/jansson" \
    -DZLIB_INCLUDE_DIR="$work/include" -DZLIB_LIBRARY="$work/zlib" \
    -DLSTM_BUILD_TESTS=OFF -DLSTM_BUILD_EXAMPLES=OFF -DLSTM_INSTALL=OFF >"$work/log" 2>&1 || fail
"$cmake" --build "$work/build" --target lstm_static >"$work/log" 2>&1 || fail
aarch64-linux-gnu-gcc -std=c11 -O1 -static -I "$source/include" "$source/tests/bits.c" "$work/build/liblstm.a" -lm \
    -lpthread -o "$work/bits" >"$work/log" 2>&1 || fail
count=0
status=0
# 2: portable, 5: NEON
for isa in 2 5; do
    count=$((count + 1))
    "$bits" 2 >"$work/here" 2>"$work/log" || fail
    if qemu-aarch64 "$work/bits" "$isa" >"$work/there" 2>"$work/log" && diff "$work/here" "$work/there" >"$work/diff"; then
        echo "ok $count - AArch64, $(cat "$work/log"), gives the bits of this machine"
    else
        echo "not ok $count - AArch64, $(cat "$work/log"), gives the bits of this machine"
        sed 's/^/# /' "$work/diff"
        status=1
    fi
done
echo "1..$count"
exit $status
