#!/bin/sh
# Doxygen makes the site of reference and guide without a warning; every function is in it, with a text; its links lead to
# pages and places that are there.
# Usage: check_site.sh SOURCE_DIR WORK_DIR. Prints TAP.
set -u
source=$1
work=$2
html=$work/html
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

if ! command -v doxygen >/dev/null 2>&1; then
    skip "the site" "there is no doxygen"
    finish
    exit
fi

# Whatever Doxygen says is a warning.
makes_site()
{
    sh "$source/docs/build.sh" "$work" >"$work/said" 2>&1
    status=$?
    cat "$work/said"
    [ "$status" -eq 0 ] && [ "$(cat "$work/said")" = "$html/index.html" ]
}

# Each function has a box with its name and, behind it, a text.
# shellcheck disable=SC2016
describes_functions()
{
    cat "$html"/*_8h.html | awk '
    /<h2 class="memtitle">/ {
        name = $0
        sub(/\(\).*$/, "", name)
        sub(/^.*>/, "", name)
    }
    /<div class="memdoc">/ { open = 1; next }
    open && /<p>/ { described[name] }
    /^<\/div>/ { open = 0 }
    END { for (name in described) print name }' | sort >"$work/described"
    grep '^lstm_' "$source/tests/symbols.txt" | sort | comm -23 - "$work/described" >"$work/missing"
    cat "$work/missing"
    [ -s "$work/described" ] && [ ! -s "$work/missing" ]
}

# A link is a page, or a page and a place in it; other sites are not asked.
# shellcheck disable=SC2016
links_lead_somewhere()
{
    (cd "$html" && awk '
    FNR == 1 { file = substr(FILENAME, 3); page[file] }
    {
        text = $0
        while (match(text, /(id|name)="[^"]*"/)) {
            place = substr(text, RSTART, RLENGTH - 1)
            sub(/^[a-z]*="/, "", place)
            places[file "#" place]
            text = substr(text, RSTART + RLENGTH)
        }
        text = $0
        while (match(text, / href="[^"]*"/)) {
            link = substr(text, RSTART + 7, RLENGTH - 8)
            text = substr(text, RSTART + RLENGTH)
            if (link ~ /^#/)
                link = file link
            if (link !~ /^(https?|javascript|mailto):/)
                links[link] = file
        }
    }
    END {
        for (link in links) {
            target = link
            sub(/#.*$/, "", target)
            if (target in page ? link ~ /#./ && !(link in places) : system("test -e \"" target "\"")) {
                print links[link] ": " link
                dead = 1
            }
        }
        exit dead || length(links) < 100
    }' ./*.html)
}

check "Doxygen makes the site without a warning" makes_site
check "every function is described" describes_functions
check "no link is dead" links_lead_somewhere
finish
