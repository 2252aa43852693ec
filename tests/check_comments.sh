#!/bin/sh
# Each public function says what a caller has to know: a comment of its own, or one that it shares with its neighbours,
# and in it, in the comment of its section, or in that of a function that it refers to:
#   statuses    of a function that returns one: "Statuses:"
#   ownership   who destroys what is created; how long a pointer that is returned lives
#   shapes      each array that it is given or writes, as name[...], or *name for a single number
#   source      of a formula: TF1, or who and when
# and each object's type says which threads may use it: rules for all functions stand in lstm.h.
# Usage: check_comments.sh SOURCE_DIR. Prints TAP.
set -u
LC_ALL=C
export LC_ALL
cd "$1" || exit 1

# shellcheck disable=SC2016
awk '
function wrong(what) { faults[FILENAME] = faults[FILENAME] "# " FILENAME ":" FNR ": " what "\n" }

# A comment at the start of a line, which a blank line parts from what follows, is that of a section.
FNR == 1 { headers[++header_count] = FILENAME; comment = section = shared = ""; inside = declaring = 0 }
inside || /^\/\*/ {
    comment = (inside ? comment : "") " " $0
    inside = !/\*\//
    next
}
!declaring && /^$/ {
    if (comment != "")
        section = comment
    comment = shared = ""
    next
}
/^typedef struct lstm_[a-z_]+ lstm_[a-z_]+;/ {
    type = $4
    sub(/;/, "", type)
    types[type] = comment
    type_line[type] = FILENAME ":" FNR
    if (comment !~ /[Tt]hread/)
        wrong(type " says no rule for threads")
}
/^LSTM_API / { declaring = 1; declaration = "" }
declaring {
    declaration = declaration " " $0
    if (!/;/)
        next
    declaring = 0
    gsub(/[ \t]+/, " ", declaration)
    name = declaration
    sub(/\(.*/, "", name)
    sub(/^.*[ *]/, "", name)
    if (comment == "")
        comment = shared
    names[++count] = name
    text[name] = comment " " section
    said[name] = comment
    before[name] = names[count - 1]
    declared[name] = declaration
    place[name] = FILENAME
    line[name] = FNR
    shared = comment
}
{ comment = "" }

# The comment of a function with those that it leans on: "The same ..." is as the function before.
function whole(name, depth,    t, rest, word)
{
    t = text[name]
    if (depth > 4)
        return t
    if (said[name] ~ /^ \/\* The same|^ \/\* As /)
        t = t " " whole(before[name], depth + 1)
    rest = said[name]
    while (match(rest, /([Aa]s|[Tt]hose of|and|,) lstm_[a-z0-9_]+/)) {
        word = substr(rest, RSTART, RLENGTH)
        sub(/^.* /, "", word)
        rest = substr(rest, RSTART + RLENGTH)
        if (word in text && word != name)
            t = t " " whole(word, depth + 1)
    }
    return t
}
function fault(name, what)
{
    faults[place[name]] = faults[place[name]] "# " place[name] ":" line[name] ": " name " " what "\n"
}
function is_formula(name)
{
    return name ~ /_(cell|optimizer|rnn)_create_|_decay|_clip_|_(loss|entropy|error|difference|regularizer)$/ &&
        name != "lstm_cell_create_custom" || name ~ /_(constant|rnn|distance|decode)$/
}
function check_arrays(name, t,    list, n, k, parameter, word)
{
    list = declared[name]
    sub(/^[^(]*\(/, "", list)
    sub(/\);.*$/, "", list)
    n = split(list, parameter, ",")
    for (k = 1; k <= n; k++) {
        if (parameter[k] !~ /(float|double|size_t|uint32_t|uint64_t|int64_t|bool) (\*|const \*)/)
            continue
        word = parameter[k]
        sub(/^.*[ *]/, "", word)
        sub(/\[.*$/, "", word)
        if (t !~ ("(^|[^a-z_])" word "(\\[|,? (\\(|may))") && t !~ ("\\*" word) && parameter[k] !~ /\[[0-9]+\]$/)
            fault(name, "says no shape of " word)
    }
}
END {
    for (k = 1; k <= count; k++) {
        name = names[k]
        t = whole(name, 0)
        d = declared[name]
        if (said[name] == "")
            fault(name, "has no comment")
        if (d ~ /LSTM_API lstm_status / && t !~ /Statuses:/)
            fault(name, "says no statuses")
        if (d ~ /lstm_[a-z_]+ \*\*[a-z]+\);/ && t !~ /[Dd]estroy/)
            fault(name, "does not say who destroys what it creates")
        if (d ~ /LSTM_API [a-z_ ]+ \*[a-z_]+\(/ && t !~ /lives as long|[Vv]alid until|is static|belongs to/)
            fault(name, "does not say how long what it returns lives")
        if (is_formula(name) && text[name] !~ /TF1|[12][0-9][0-9][0-9]/)
            fault(name, "names no source of its formula")
        check_arrays(name, t)
    }
    for (k = 1; k <= header_count; k++) {
        found = faults[headers[k]]
        print (found ? "not ok " : "ok ") k " - what " headers[k] " says of its functions is complete"
        printf "%s", found
        failures += found != ""
    }
    print "1.." header_count + 0
    exit failures || count < 100
}' include/lstm/*.h
