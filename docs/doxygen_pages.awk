# Doxygen's input filter for pages in Markdown. Prints the file.
#
#   `c'`                    would be a quotation for Doxygen, and becomes ``c'``
#   `lstm_rnn_create`       becomes a link
#   # A heading             gets the name that others link to, below the page's: {#cells-a-heading}
#   [text](cells.md#a-b)    becomes a link to such a name
#   [text](../lib/a.c)      a link to what is no page of the site becomes its text

function page_of(path)
{
    sub(/^.*\//, "", path)
    sub(/\.md$/, "", path)
    return tolower(path)
}

# The first link of the text from `start` on.
function next_link(start,    found)
{
    found = match(substr($0, start), /\]\([^)]+\)/)
    RSTART += start - 1
    return found
}

/^```/ { listing = !listing; print; next }
listing { print; next }
{
    start = 1
    while (next_link(start)) {
        target = substr($0, RSTART + 2, RLENGTH - 3)
        head = substr($0, 1, RSTART - 1)
        tail = substr($0, RSTART + RLENGTH)
        if (target ~ /^https?:/) {
            start = RSTART + RLENGTH
        } else if (target ~ /#/) {
            place = target
            sub(/^[^#]*#/, "", place)
            sub(/#.*$/, "", target)
            $0 = head "](#" page_of(target == "" ? FILENAME : target) "-" place ")"
            start = length($0)
            $0 = $0 tail
        } else if (target ~ /\.md$/) {
            start = RSTART + RLENGTH
        } else {
            match(head, /\[[^\[]*$/)
            start = length(head)
            $0 = substr(head, 1, RSTART - 1) substr(head, RSTART + 1) tail
        }
    }
    if (/^##+ /) {
        place = tolower($0)
        sub(/^#+ +/, "", place)
        gsub(/[^a-z0-9 _-]/, "", place)
        gsub(/ /, "-", place)
        gsub(/`/, "")
        print $0 " {#" page_of(FILENAME) "-" place "}"
        next
    }
    n = split($0, part, "`")
    if (code_goes_on || n > 0 && n % 2 == 0) { # code that does not end in its line stays as it is
        code_goes_on = n > 0 && (code_goes_on + n - 1) % 2
        print
        next
    }
    line = part[1]
    for (k = 2; k <= n; k++) {
        mark = (k % 2 == 0 ? part[k] : part[k - 1]) ~ /'/ ? "``" : "`"
        line = line mark (k % 2 == 0 ? link_functions(part[k]) : part[k])
    }
    print line
}
