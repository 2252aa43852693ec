#!/bin/sh
# Every listing of the documents is what it seems: C is compiled and run, or stands word for word in the file it is said
# to come from; link lines link; and the files, functions and presets that the text names exist.
# Usage: check_docs.sh SOURCE_DIR BUILD_DIR WORK_DIR CMAKE C_COMPILER. Prints TAP.
#
# A listing is a fence of three backticks at the start of a line, with one of these languages:
#   c      a whole program; or, after <!-- from FILE -->, a piece of FILE, white space aside
#   cmake  the lines of a CMakeLists.txt between project() and the end
#   sh     after <!-- run -->, run beside the programs, with the library installed; otherwise only parsed
#   text   after <!-- printed -->, what the program before it prints; otherwise anything else: formulas, trees
# After <!-- file NAME --> a program is called NAME for the cmake and sh listings of the same document.
# From <!-- names: off --> on, a document may name functions and files that do not exist.
set -u
source=$1
build=$2
work=$3
cmake=$4
cc=$5
unset DESTDIR LD_LIBRARY_PATH PKG_CONFIG_PATH
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

# extract DOCUMENT FOLDER: each listing becomes FOLDER/LINE.LANGUAGE, and a line "LINE LANGUAGE MARK WORD" of FOLDER/list;
# the text around them becomes FOLDER/prose. Fails where a listing could escape.
# shellcheck disable=SC2016
extract()
{
    awk -v folder="$2" '
    function complain(what)
    {
        print FILENAME ":" FNR ": " what
        bad = 1
    }
    /\t/ { complain("a tab") }
    open && /^```[ \t]*$/ { open = 0; close(out); next }
    open {
        print >out
        if (language == "text" && /lstm_[a-z0-9_]+\(|^#include/)
            complain("C in a listing of text")
        next
    }
    /^```/ {
        language = substr($0, 4)
        if (language !~ /^(c|cmake|sh|text)$/)
            complain("a listing in \"" language "\", expected c, cmake, sh or text")
        open = FNR
        out = folder "/" FNR "." language
        printf "" >out
        print FNR, language, (mark_line == FNR - 1 ? mark : "- -") >(folder "/list")
        next
    }
    /^<!-- (from|file) [^ ]+ -->$/ { mark = $2 " " $3; mark_line = FNR; next }
    /^<!-- (run|printed) -->$/ { mark = $2 " -"; mark_line = FNR; next }
    /^<!-- names: off -->$/ { silent = 1; next }
    /```|~~~/ { complain("a fence that is not three backticks at the start of a line") }
    /^[ >*+0-9.)-]*    / { complain("four spaces at the start of a line make a listing") }
    tolower($0) ~ /<(pre|code|script|style|textarea)[ >]/ { complain("HTML that makes a listing") }
    /<!--/ { complain("a comment that this test does not know") }
    !silent { print >(folder "/prose") }
    END {
        if (open)
            complain("the listing of line " open " does not end")
        exit bad
    }' "$1"
}

# is_quoted LISTING FILE
# shellcheck disable=SC2016
is_quoted()
{
    awk '
    { gsub(/[ \t\r]/, "") }
    FILENAME == ARGV[1] { listing = listing $0; next }
    { file = file $0 }
    END { exit !(length(listing) > 0 && index(file, listing) > 0) }' "$1" "$2"
}

# The flags of pkg-config are to be split into words.
# shellcheck disable=SC2046
compile()
{
    "$cc" -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow -Werror -o "$1" "$2" \
        $(pkg-config --cflags --libs lstm) -lm
}

# in_folder FOLDER COMMAND...
in_folder()
{
    (cd "$1" && shift && "$@")
}

# runs FOLDER PROGRAM
runs()
{
    in_folder "$@" >"$work/printed" 2>&1 || { cat "$work/printed" && return 1; }
}

# is_printed LISTING: by the program that ran last; the last digits are those of fused multiply-add.
is_printed()
{
    [ "$(uname -m)" = x86_64 ] && ! grep -qw fma /proc/cpuinfo || diff "$1" "$work/printed"
}

# configure_cmake LISTING FOLDER: as a project beside the programs; the library's source is its folder liblstm
configure_cmake()
{
    mkdir -p "$2/build" && cp "$2"/../*.c "$2" && ln -s "$source" "$2/liblstm" &&
        { echo 'cmake_minimum_required(VERSION 3.25)' && echo 'project(listing LANGUAGES C)' && cat "$1"; } \
            >"$2/CMakeLists.txt" &&
        "$cmake" -S "$2" -B "$2/build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" \
            -DFETCHCONTENT_SOURCE_DIR_LSTM="$source"
}

# check_listing FOLDER NAME LINE LANGUAGE MARK WORD
check_listing()
{
    listing=$1/$3.$4
    what="$2:$3"
    case $4/$5 in
    c/from) check "$what stands in $6" is_quoted "$listing" "$source/$6" ;;
    c/file | c/-)
        program=listing_$3.c
        [ "$5" = - ] || program=$6
        cp "$listing" "$1/programs/$program"
        check "$what compiles as a program" compile "$1/${program%.c}" "$1/programs/$program"
        check "$what runs" runs "$1/programs" "$1/${program%.c}"
        ;;
    cmake/-)
        check "$what configures" configure_cmake "$listing" "$1/programs/$3"
        if grep -q '^find_package(lstm' "$listing"; then
            check "$what builds" "$cmake" --build "$1/programs/$3/build"
        fi
        ;;
    sh/-) check "$what is shell" sh -n "$listing" ;;
    sh/run) check "$what runs" in_folder "$1/programs" sh -eu "$listing" ;;
    text/-) ;;
    text/printed) check "$what is printed" is_printed "$listing" ;;
    *) check "$what has a mark that fits" false ;;
    esac
}

# missing_names PROSE_OR_LISTING...: what is said to be in this project and is not
# shellcheck disable=SC2016
missing_names()
{
    missing=$(
        grep -ohE '\b(cmake|docs|examples|include|lib|tests)/[A-Za-z0-9_./-]+\.[a-z]+\b' "$@" | sort -u |
            while read -r path; do
                [ -e "$source/$path" ] || echo "$path"
            done
        grep -ohE '\blstm_[a-z0-9][a-z0-9_]*\b' "$@" | sort -u | while read -r name; do
            grep -qwrF "$name" "$source/include" "$source/lib" "$source/tests/CMakeLists.txt" || echo "$name"
        done
        grep -ohE '\blstm__[a-z0-9_]+\b' "$@" | sort -u | while read -r name; do
            grep -qwrF "$name" "$source/lib" || echo "$name"
        done
        grep -ohE '\bLSTM_[A-Z0-9_]+\b' "$@" | sort -u | while read -r name; do
            grep -qwrF "$name" "$source/include" "$source/lib" "$source/CMakeLists.txt" "$source/cmake" \
                "$source/tests/CMakeLists.txt" || echo "$name"
        done
        grep -ohE -e '--preset [a-z]+' "$@" | sort -u | while read -r word preset; do
            grep -qF "\"name\": \"$preset\"" "$source/CMakePresets.json" || echo "$word $preset"
        done
    )
    [ -z "$missing" ] || { echo "these are not there:" && echo "$missing" && return 1; }
}

# anchors DOCUMENT: what its headings are called in links
# shellcheck disable=SC2016
anchors()
{
    awk '
    /^```/ { listing = !listing }
    !listing && sub(/^#+ +/, "") {
        $0 = tolower($0)
        gsub(/[^a-z0-9 _-]/, "")
        gsub(/ /, "-")
        print
    }' "$1"
}

# dead_links DOCUMENT: links to files, seen from its own folder, and to headings
dead_links()
{
    dead=$(grep -oE '\]\([^)]+' "$1" | sed 's/^](//' | grep -v '^https\{0,1\}:' | while read -r link; do
        target=${1%/*}/${link%%#*}
        [ -n "${link%%#*}" ] || target=$1
        [ -e "$target" ] || echo "$link"
        case $link in *'#'*) anchors "$target" | grep -qxF "${link#*#}" || echo "$link" ;; esac
    done)
    [ -z "$dead" ] || { echo "these links lead nowhere:" && echo "$dead" && return 1; }
}

prefix=$work/prefix
check "the library installs" "$cmake" --install "$build" --prefix "$prefix"
config=$(find "$prefix" -name lstm.pc)
PKG_CONFIG_PATH=${config%/*}
LD_LIBRARY_PATH=$(PKG_CONFIG_PATH=$PKG_CONFIG_PATH pkg-config --variable=libdir lstm)
export PKG_CONFIG_PATH LD_LIBRARY_PATH

for document in "$source"/README.md "$source"/CHANGELOG.md "$source"/CONTRIBUTING.md "$source"/docs/*.md; do
    name=${document#"$source"/}
    folder=$work/$(echo "$name" | tr / _)
    mkdir -p "$folder/programs"
    : >"$folder/list"
    check "$name has only listings that are tested" extract "$document" "$folder"
    while read -r line language mark word; do
        check_listing "$folder" "$name" "$line" "$language" "$mark" "$word"
    done <"$folder/list"
    check "$name names what exists" missing_names "$folder/prose"
    check "$name has no dead links" dead_links "$document"
done

# The page of the command has each of its options.
grep -ohE '"  --[a-z]+' "$source"/examples/lstm_run/*.c | sed 's/^"  --//' >"$work/options"
while read -r option; do
    check "lstm-run.1 has --$option" grep -q "^\.BI* .*\\\\-\\\\-$option" "$source/examples/lstm_run/lstm-run.1"
done <"$work/options"

# Each cell has its entry.
sed -n 's/^LSTM_API lstm_status \(lstm_cell_create_[a-z0-9_]*\)(.*$/\1/p' "$source/include/lstm/cell.h" >"$work/cells"
while read -r function; do
    check "docs/cells.md has an entry for $function" grep -qF "\`$function\`" "$source/docs/cells.md"
done <"$work/cells"

finish && [ -s "$work/cells" ] && [ -s "$work/options" ]
