#!/bin/sh
# The sequence labelling program: it learns a small language, says the same for any number of threads, and refuses what
# it cannot use. Usage: check_sequence_labelling.sh PROGRAM, or a wrapper's words and then the program. Prints TAP.
set -u
work=
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

# write_text: 360 paragraphs of 12 of 16 words, some of which stand inside others
# shellcheck disable=SC2016
write_text()
{
    awk 'BEGIN {
        count = split("no now nowhere here he her the them then a an ant other mother moth on", word, " ")
        state = 1
        for (k = 1; k <= 360 * 12; k++) {
            state = state * 16807 % 2147483647
            printf "%s%s", word[state % count + 1], k % 12 ? " " : ".\n\n"
        }
    }'
}

# result THREADS PROGRAM...: its last line, as one line for each key=value
result()
{
    threads=$1
    shift
    "$@" --units 16 --layers 1 --batch 8 --epochs 6 --learning-rate 0.02 --samples 2 --quiet --threads "$threads" \
        "$text" >"$out" 2>&1 || { cat "$out" && return 1; }
    tail -n 1 "$out" | tr ' ' '\n'
}

# value KEY FILE
value()
{
    sed -n "s/^$1=//p" "$2"
}

# is_between LOW HIGH VALUE
is_between()
{
    echo "$3" | awk -v low="$1" -v high="$2" '
        { print }
        END { exit !(NR == 1 && $1 ~ /^[0-9.]+$/ && $1 >= low && $1 <= high) }'
}

learns()
{
    result 1 "$@" >"$one" && head -n 1 "$one" | grep -qx result && cat "$out" &&
        is_between 0.95 1 "$(value f1 "$one")" && is_between 0.5 "$(value f1 "$one")" "$(value longest_f1 "$one")" &&
        [ "$(value best_epoch "$one")" -ge 1 ] && grep -q '^restored sentences' "$out"
}

says_the_same()
{
    result 3 "$@" >"$three" && sed -e '/^threads=/d' -e '/seconds=/d' "$one" >"$one.same" &&
        sed -e '/^threads=/d' -e '/seconds=/d' "$three" >"$three.same" && [ -s "$one.same" ] &&
        diff "$one.same" "$three.same"
}

# refuses STATUS REASON OPTIONS_OF_ONE_WORD PROGRAM...; the reason stands in the only line it prints
# shellcheck disable=SC2086
refuses()
{
    expected=$1
    reason=$2
    options=$3
    shift 3
    "$@" $options >"$out" 2>&1
    status=$?
    cat "$out"
    [ "$status" -eq "$expected" ] && [ "$(wc -l <"$out")" -eq 1 ] && grep -qF -e "$reason" "$out"
}

text=$work/text
out=$work/out
one=$work/one
three=$work/three
write_text >"$text"
check "it learns where the words of a small language end" learns "$@"
check "three threads change nothing that it says" says_the_same "$@"
check "it takes a default text" "$@" --text "$text" --units 2 --layers 1 --epochs 1 --letters 3000 --quiet
check "it says how it is used" "$@" --help
check "no text is refused" refuses 2 "there is no FILE" "" "$@"
check "an unknown option is refused" refuses 2 "unitt" "--unitt 3 $text" "$@"
check "0 units are refused" refuses 2 "--units takes a whole number from 1 to 4096, not '0'" "--units 0 $text" "$@"
check "more than everything is refused" refuses 2 "--keep takes a number above 0 and up to 1" "--keep 1.5 $text" "$@"
check "a rate that is no number is refused" refuses 2 "--learning-rate takes" "--learning-rate nan $text" "$@"
check "a file that is not there is refused" refuses 1 "cannot be read" "$work/none" "$@"
check "too little text is refused" refuses 1 "too few" "$0" "$@"
finish
