#!/bin/sh
# What the shared library exports, what the headers declare, and tests/symbols.txt are one list; what is exported carries the
# version of docs/abi.md; and what the library calls asks nothing of the operating system, but in lib/platform_*.c.
# Usage: check_symbols.sh SOURCE_DIR NM SHARED_LIBRARY OBJECT..., the objects of all other files. Prints TAP.
# check_symbols.sh SOURCE_DIR prints the headers' list instead: how tests/symbols.txt is made.
set -u
LC_ALL=C
export LC_ALL
source=$1
nm=${2:-}

declared()
{
    # A declaration may take several lines: LSTM_API type name(arguments);
    cat "$source"/include/lstm/*.h | grep -v '^#' | tr '\n' ' ' | tr ';' '\n' |
        sed -n 's/^.*LSTM_API [^(]*[ *]\(lstm_[a-z0-9_]*\)(.*$/\1/p' | sort
}

if [ $# -eq 1 ]; then
    declared
    exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# compare NUMBER DESCRIPTION FILE
compare()
{
    if [ -s "$3" ] && diff "$source/tests/symbols.txt" "$3" >"$work/diff"; then
        echo "ok $1 - $2"
    else
        failures=$((failures + 1))
        echo "not ok $1 - $2"
        sed 's/^/# /' "$work/diff"
    fi
}

declared >"$work/declared"
"$nm" -D --defined-only "$3" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort >"$work/exported"
compare 1 "the headers declare what tests/symbols.txt lists" "$work/declared"
compare 2 "the shared library exports what tests/symbols.txt lists" "$work/exported"
version=LSTM_$(sed -n 's/^#define LSTM_VERSION_STRING "\(.*\)\..*"/\1/p' "$source/include/lstm/version.h")
if "$nm" -D --defined-only "$3" | awk -v end="@@$version" '
    $2 != "A" && substr($3, length($3) - length(end) + 1) != end { print "# " $3; bad = 1 }
    END { exit bad || !NR }'; then
    echo "ok 3 - the exported symbols have the version $version"
else
    failures=$((failures + 1))
    echo "not ok 3 - the exported symbols have the version $version"
fi

# Functions that compute, on what they are given alone. Jansson's read and write memory here.
computing="bsearch qsort snprintf vsnprintf strtoul
memcmp memcpy memmove memset strchr strcmp strcpy strcspn strlen strncmp strspn strstr
ceil cos exp floor fmax fmin log pow crc32_z cblas_sgemm
json_array json_array_append_new json_array_get json_array_size json_delete json_dumpb json_integer json_integer_value
json_load_callback json_number_value json_object json_object_del json_object_get json_object_iter json_object_iter_key
json_object_iter_next json_object_iter_value json_object_key_to_iter json_object_set_new json_object_size json_pack
json_string json_string_length json_string_value json_true"
shift 3
"$nm" -u "$@" | awk '$1 == "U" { print $2 }' | sed -e 's/@.*//' -e 's/^__\(.*\)_chk$/\1/' | sort -u >"$work/called"
# shellcheck disable=SC2086 # one word for each function
printf '%s\n' $computing | sort >"$work/computing"
# Names with two underscores or a capital are the compiler's own.
comm -23 "$work/called" "$work/computing" | grep -vE '^(lstm_|_[_A-Z])' >"$work/others"
if grep -qx memcpy "$work/called" && [ ! -s "$work/others" ]; then
    echo "ok 4 - lib/platform_*.c alone call the operating system"
else
    failures=$((failures + 1))
    echo "not ok 4 - lib/platform_*.c alone call the operating system"
    sed 's/^/# others call /' "$work/others"
fi
echo "1..4"
[ "$failures" -eq 0 ]
