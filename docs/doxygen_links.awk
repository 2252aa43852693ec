# For both of Doxygen's input filters: the names of functions become links.

BEGIN {
    while (("cat include/lstm/*.h" | getline line) > 0)
        if (line ~ /^LSTM_API / && match(line, /lstm_[a-z0-9_]+\(/))
            functions[substr(line, RSTART, RLENGTH - 1)]
}

# The text with "()" behind each function's name: by these Doxygen knows it.
function link_functions(text,    linked, name)
{
    while (match(text, /lstm_[a-z0-9_]+/)) {
        name = substr(text, RSTART, RLENGTH)
        linked = linked substr(text, 1, RSTART + RLENGTH - 1)
        text = substr(text, RSTART + RLENGTH)
        if (name in functions && text !~ /^\(/)
            linked = linked "()"
    }
    return linked text
}
