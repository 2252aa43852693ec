# Doxygen's input filter for headers: turns their plain comments into Doxygen's. Prints the file.
#
#   the first comment                               is that of the file
#   a comment at the start of a line, then code     describes that code
#   a comment at the start of a line, then nothing  begins a group, which its first words name
#   an indented comment on lines of its own         describes the field below it
#   a comment behind a field or an enumerator       describes that one, or all fields of the line
#
# What has no comment gets one: a function or macro below another that of its neighbour, a struct the name of the
# function that takes it, a field or an enumerator whose name says everything a blank.

{ lines[NR] = $0 }

# A comment's text, safe from Doxygen's commands.
function escape(text)
{
    gsub(/[\\@<#%]/, "\\\\&", text)
    return link_functions(text)
}

# The text of the comment that begins on line `at`, without its marks; `at` becomes the line behind it.
function comment_at(   text, line)
{
    line = lines[at]
    sub(/^.*\/\* ?/, "", line)
    while (!sub(/ ?\*\/$/, "", line)) {
        text = text line "\n"
        line = lines[++at]
        sub(/^ +\* ?/, "", line)
    }
    at++
    return escape(text line)
}

# Which function takes a struct: the first of the file that names it.
function find_takers(   k, words, name, type)
{
    for (k = 1; k <= NR; k++) {
        words = lines[k] ~ /^LSTM_API / ? lines[k] : words " " lines[k]
        if (words !~ /^LSTM_API .*;$/)
            continue
        name = words
        sub(/\(.*/, "", name)
        sub(/^.*[ *]/, "", name)
        while (match(words, /const lstm_[a-z_]+ \*/)) {
            type = substr(words, RSTART + 6, RLENGTH - 8)
            words = substr(words, RSTART + RLENGTH)
            if (!(type in taker))
                taker[type] = name
        }
        words = ""
    }
}

function end_group()
{
    if (grouped)
        print "/**@}*/"
    grouped = 0
}
function print_group(text,    flat)
{
    end_group()
    flat = text
    gsub(/\n/, " ", flat)
    match(flat, /[.:;,]( |$)/)
    print "/** \\name " substr(flat, 1, RSTART - 1) "\n" substr(text, RSTART + 2) "\n */\n/**@{*/"
    grouped = 1
}

# Fields of one line, or an enumerator, each with the comment above or behind it.
function print_fields(line, above,    comment, type, n, names, k)
{
    comment = line ~ /size_t struct_size;/ ? "Its own size: LSTM_ARGS sets it." : "&nbsp;"
    if (line ~ / \/\* /)
        comment = comment_at()
    else
        at++
    if (line ~ /^ *[a-z_]+ \(\*[a-z_]+\)\(.*,$/) { # a pointer to a function, which goes on on the next line
        print "/** " above " */"
        print line
        return
    }
    sub(/ +\/\* .*$/, "", line)
    comment = " /**< " (above != "" ? above : comment) " */"
    if (line !~ /^ +[a-z][a-z_0-9 *]+[ *][a-z_0-9]+(\[[A-Z_0-9]+\])?(, [a-z_0-9*]+)*;$/) {
        print line comment
        return
    }
    sub(/;$/, "", line)
    match(line, /[*a-z_0-9]+(\[[A-Z_0-9]+\])?(, .*)?$/)
    type = substr(line, 1, RSTART - 1)
    n = split(substr(line, RSTART), names, ", ")
    for (k = 1; k <= n; k++)
        print type names[k] ";" comment
}

END {
    find_takers()
    at = 1
    while (at <= NR) {
        line = lines[at]
        if (line ~ /^\/\* /) {
            text = comment_at()
            if (!file_described++) {
                sub(/ SPDX-License-Identifier: MIT/, "", text)
                print "/** \\file\n" text "\n */"
            } else if (lines[at] == "") {
                print_group(text)
            } else {
                if (lines[at] ~ /^typedef struct [a-z_]+ [a-z_]+;/)
                    end_group()
                print "/** " text "\n */"
                described = 1
            }
            continue
        }
        if (line ~ /^ +\/\*/) {
            text = comment_at()
            print_fields(lines[at], text)
            continue
        }
        if (line ~ /^    [a-zA-Z]/) {
            print_fields(line, "")
            continue
        }
        if (line ~ /^#ifdef __cplusplus/)
            end_group()
        if (line ~ /^typedef struct lstm_[a-z_]+ \{/ && !described) {
            split(line, words, " ")
            print "/** Taken by " taker[words[3]] "(). */"
        }
        last = lines[at - 1]
        if (!described && (line ~ /^LSTM_API/ && last ~ /\);$/ || line ~ /^#define/ && last ~ /^#define/))
            print "/** " text "\n */"
        described = 0
        if (line ~ /[^ ] +\/\* /) {
            comment = comment_at()
            sub(/ +\/\* .*$/, "", line)
            print line " /**< " comment " */"
            continue
        }
        print line
        at++
    }
    end_group()
}
