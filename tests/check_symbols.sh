#!/bin/sh
# What the shared library exports, what the headers declare, and tests/symbols.txt are one list; and what is exported
# carries the version of docs/abi.md.
# Usage: check_symbols.sh SOURCE_DIR NM SHARED_LIBRARY. Prints TAP.
# check_symbols.sh SOURCE_DIR prints the headers' list instead: how tests/symbols.txt is made.
set -u
LC_ALL=C
export LC_ALL
source=$1

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
"$2" -D --defined-only "$3" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort >"$work/exported"
compare 1 "the headers declare what tests/symbols.txt lists" "$work/declared"
compare 2 "the shared library exports what tests/symbols.txt lists" "$work/exported"
version=LSTM_$(sed -n 's/^#define LSTM_VERSION_STRING "\(.*\)\..*"/\1/p' "$source/include/lstm/version.h")
if "$2" -D --defined-only "$3" | awk -v end="@@$version" '
    $2 != "A" && substr($3, length($3) - length(end) + 1) != end { print "# " $3; bad = 1 }
    END { exit bad || !NR }'; then
    echo "ok 3 - the exported symbols have the version $version"
else
    failures=$((failures + 1))
    echo "not ok 3 - the exported symbols have the version $version"
fi
echo "1..3"
[ "$failures" -eq 0 ]
