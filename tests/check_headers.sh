#!/bin/sh
# Each public header compiles alone, and twice over, as C11 and as C++17, with each compiler at hand and no warning.
# Usage: check_headers.sh SOURCE_DIR C_COMPILER. Prints TAP.
set -u
source=$1
c_compiler=$2
work=
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

# compile_all LANGUAGE_STANDARD COMPILER
compile_all()
{
    command -v "$2" >/dev/null 2>&1 || return 0
    for header in "$source"/include/lstm/*.h; do
        name=lstm/${header##*/}
        file=$work/unit.c
        case $1 in c++*) file=$work/unit.cpp ;; esac
        printf '#include <%s>\n#include <%s>\n' "$name" "$name" >"$file"
        check "$name compiles alone as $1 with ${2##*/}" \
            "$2" -std="$1" -pedantic -Wall -Wextra -Wshadow -Werror -fsyntax-only -I"$source/include" "$file"
    done
}

compile_all c11 "$c_compiler"
for compiler in gcc clang; do
    [ "$compiler" = "${c_compiler##*/}" ] || compile_all c11 "$compiler"
done
for compiler in g++ clang++; do
    compile_all c++17 "$compiler"
done

# The umbrella header and the C++ consumer name every header.
for header in "$source"/include/lstm/*.h; do
    name=lstm/${header##*/}
    [ "$name" = lstm/lstm.h ] || check "lstm.h includes $name" grep -q "^#include <$name>" "$source/include/lstm/lstm.h"
    check "the C++ consumer includes $name" grep -q "^#include <$name>" "$source/tests/package/find_package/every_header.cpp"
done

# Every struct that a caller fills is tested as an older and a newer program would give it.
# shellcheck disable=SC2016
awk '/^typedef struct [a-z_]+ \{$/ { name = $3 } /^    size_t struct_size[;,]/ { print name }' "$source"/include/lstm/*.h \
    >"$work/structs"
while read -r name; do
    check "tests/test_struct_size.c has a reader of $name" grep -qE "READER(_NEEDS)?\($name," "$source/tests/test_struct_size.c"
done <"$work/structs"
[ -s "$work/structs" ] || failures=$((failures + 1))

finish && [ "$number" -gt 0 ]
