#!/bin/sh
# The library in one file: compiles without a warning, exports nothing, and gives the library's bits.
# Usage: check_single.sh SOURCE_DIR WORK_DIR C_COMPILER BITS_PROGRAM SHARED_LIBRARY. Prints TAP.
# shellcheck disable=SC2086 # warnings are words
set -u
source=$1
work=$2
cc=$3
bits=$4
library=$5
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

warnings="-Wall -Wextra -Werror"

# listing NAME: the README's program of that name, in the folder library, and here, where it includes lstm.h of this folder.
listing()
{
    mkdir -p library && sed -n "/^<!-- file $1 -->/,/^\`\`\`\$/p" "$source/README.md" | sed -e 1,2d -e '$d' >"library/$1" &&
        sed 's|<lstm/lstm.h>|"lstm.h"|' "library/$1" >"$1" && [ -s "$1" ]
}

# build_with_library NAME
build_with_library()
{
    "$cc" -I "$source/include" "library/$1.c" "$library" -lm "-Wl,-rpath,${library%/*}" -o "library/$1"
}

header_compiles()
{
    echo '#include "lstm.h"' >unit.c && cp unit.c unit.cpp || return 1
    for compiler in "$cc" gcc clang; do
        ! command -v "$compiler" >/dev/null || $compiler -std=c11 -pedantic $warnings -fsyntax-only unit.c || return 1
    done
    for compiler in g++ clang++; do
        ! command -v "$compiler" >/dev/null || $compiler -std=c++17 -pedantic $warnings -fsyntax-only unit.cpp || return 1
    done
}

names_are_the_librarys()
{
    nm -g --defined-only single.o | awk '$3 !~ /^lstm_/ { print; bad = 1 } END { exit bad || !NR }'
}
exports_nothing()
{
    "$cc" -shared -o single.so single.o -lm -pthread && [ -z "$(nm -D --defined-only single.so)" ]
}

refuses_fast_math()
{
    ! "$cc" -ffast-math -fsyntax-only lstm_single.c 2>errors && grep 'without -ffast-math' errors
}

# same_output LIBRARYS OURS: runs both
same_output()
{
    "$1" >librarys && "$2" >ours && [ -s ours ] && diff librarys ours
}

# same_bits WORD...: compiles with these words, and compares each instruction set that the library has here
same_bits()
{
    "$@" -I . "$source/tests/bits.c" -lm -pthread -o bits || return 1
    for isa in 2 3 4 5; do
        "$bits" $isa >librarys 2>kernels || continue
        cat kernels
        ./bits $isa >ours && diff librarys ours || return 1
    done
    [ -s ours ]
}

# AArch64, cross-compiled and run under qemu-user; -O1 takes two thirds of -O2's time, and fuses operations as that does.
same_bits_on_aarch64()
{
    aarch64-linux-gnu-gcc -O1 $warnings -static -I . "$source/tests/bits.c" lstm_single.c -lm -pthread -o bits_aarch64 &&
        "$bits" 2 >librarys && qemu-aarch64 ./bits_aarch64 5 >ours && diff librarys ours
}

check "is made" sh "$source/cmake/single.sh" "$work"
cd "$work" || exit 1
mkdir lstm && cp lstm.h lstm # for programs that include it as lstm/lstm.h
check "the header compiles as C11 and as C++17" header_compiles
check "compiles with ${cc##*/}" "$cc" -O2 -fPIC $warnings -c lstm_single.c -o single.o
check "all its names are the library's" names_are_the_librarys
check "nothing of it is exported" exports_nothing
check "is not to be compiled with -ffast-math" refuses_fast_math
check "gives the library's bits on each instruction set" same_bits "$cc" single.o
check "gives them with no options at all" same_bits "$cc" lstm_single.c
other=clang
[ "${cc##*/}" != clang ] || other=gcc
if command -v $other >/dev/null 2>&1; then
    check "gives them with $other" same_bits $other $warnings lstm_single.c
fi
if command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 && command -v qemu-aarch64 >/dev/null 2>&1; then
    check "gives them on AArch64" same_bits_on_aarch64
fi

check "the README has longest_run.c" listing longest_run.c
check "longest_run.c builds with this file" "$cc" longest_run.c single.o -lm -pthread -o longest_run
check "longest_run.c builds with the library" build_with_library longest_run
check "longest_run prints the same with both" same_output library/longest_run ./longest_run
check "the README has stream_model.c" listing stream_model.c
check "stream_model.c builds with Jansson and zlib" "$cc" $warnings -DLSTM_SINGLE_WITH_FILES stream_model.c \
    lstm_single.c -ljansson -lz -lm -pthread -o stream_model
check "stream_model.c builds with the library" build_with_library stream_model
check "stream_model prints the same with both" same_output library/stream_model ./stream_model

finish
