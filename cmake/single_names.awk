# The names that a file of C keeps to itself, and giving them others where two files have the same. Not a parser: it knows
# C as this project writes it.

# Split off the next token of `rest`: token, and its kind: "name", "space" (comments too) or "other". in_comment goes on
# from line to line.
function next_token(    at)
{
    if (in_comment) {
        at = index(rest, "*/")
        in_comment = !at
        kind = "space"
        split_off(at ? at + 1 : length(rest))
    } else if (match(rest, /^[ \t]+/)) {
        kind = "space"
        split_off(RLENGTH)
    } else if (match(rest, /^[A-Za-z_][A-Za-z0-9_]*/)) {
        kind = "name"
        split_off(RLENGTH)
    } else if (rest ~ /^\/\*/) {
        kind = "space"
        in_comment = 1
        split_off(2)
    } else {
        kind = "other"
        if (!match(rest, /^("([^"\\]|\\.)*"|'([^'\\]|\\.)*'|[0-9][A-Za-z0-9_.]*|##|->)/))
            RLENGTH = 1
        split_off(RLENGTH)
    }
}
function split_off(count)
{
    token = substr(rest, 1, count)
    rest = substr(rest, count + 1)
}

# names[unit, name]: the unit keeps the name to itself; owners[name]: how many units do.
function note_name(unit, name)
{
    if (!((unit, name) in names) && name ~ /^[A-Za-z_]/ && name !~ /^(lstm__|LSTM_)/ && !(name in public_type)) {
        names[unit, name] = 1
        owners[name]++
    }
}

# A macro: its name, and how the names begin that it pastes: tile_across_##rows. One that stands for "static ..." declares what
# is static. parameters[]: its own.
function scan_define(unit, line,    name)
{
    rest = line
    sub(/^#[ \t]*define[ \t]+/, "", rest)
    next_token()
    name = token
    macro_list[unit, ++macro_count[unit]] = name
    read_parameters()
    if (rest ~ /^[ \t]*static /)
        static_macro[unit, name] = 1
    scan_pasting(unit)
}
function read_parameters(    k, count, list)
{
    split("", parameters)
    if (rest !~ /^\(/)
        return
    k = index(rest, ")")
    count = split(substr(rest, 2, k - 2), list, /[ ,]+/)
    rest = substr(rest, k + 1)
    for (k = 1; k <= count; k++)
        parameters[list[k]] = 1
}
function scan_pasting(unit,    last, before)
{
    while (rest != "") {
        next_token()
        if (kind == "space")
            continue
        if (token == "##" && before != "##" && last ~ /^[a-z]/ && !(last in parameters))
            note_name(unit, last)
        before = last
        last = token
    }
}

# Of a declaration at file scope, head[1 .. count] up to its body or semicolon: what it names, if that is static or a type.
function scan_head(unit, count,    first, k, depth, is_type, name)
{
    for (first = 1; first <= count; first++)
        if (head[first] == "typedef" || head[first] == "static" || (unit, head[first]) in static_macro)
            break
    if (first > count)
        return
    is_type = head[first] == "typedef"
    for (k = first + 1; k <= count; k++) {
        if (head[k] == "__attribute__") { # past its parentheses
            depth = 0
            do {
                k++
                depth += (head[k] == "(") - (head[k] == ")")
            } while (depth && k < count)
            continue
        }
        if (head[k] == "(" && head[k + 1] == "*") { # a pointer to a function
            k += 2
            note_name(unit, head[k] == "const" ? head[k + 1] : head[k])
            return
        }
        if (head[k] == "(" || head[k] == "[" || head[k] == "=")
            break
        if (head[k] == ",")
            note_name(unit, head[k - 1])
    }
    note_name(unit, head[k - 1])
    if (head[k] == "(" || is_type)
        return
    for (; k <= count; k++) { # more variables
        depth += (head[k] == "(" || head[k] == "[") - (head[k] == ")" || head[k] == "]")
        if (!depth && head[k] == ",")
            note_name(unit, head[k + 1] == "*" ? head[k + 2] : head[k + 1])
    }
}

# What a brace opens: the body of an "enum", of a "struct" (or union), of a function, or an initializer.
function opened(last, before)
{
    if (last == "enum" || before == "enum")
        return "enum"
    if (last ~ /^(struct|union)$/ || before ~ /^(struct|union)$/)
        return "struct"
    return last == "=" ? "values" : "code"
}

function scan_token(unit,    last)
{
    last = head[head_count]
    if (depth == 0 && token == "{") {
        body = opened(last, head[head_count - 1])
        if ((body == "enum" || body == "struct") && last != body && last != "union")
            note_name(unit, last)
        if (body == "code")
            scan_head(unit, head_count)
        depth = 1
        last_inside = "{"
    } else if (depth > 0) {
        if (depth == 1 && body == "enum" && kind == "name" && last_inside ~ /^[{,]$/)
            note_name(unit, token)
        depth += (token == "{") - (token == "}")
        last_inside = token
        if (depth == 0 && body == "code")
            head_count = 0
        else if (depth == 0)
            head[++head_count] = "{}"
    } else if (token == ";") {
        scan_head(unit, head_count)
        head_count = 0
    } else {
        head[++head_count] = token
    }
}

function scan(unit,    k, line)
{
    split("", head)
    head_count = depth = in_comment = 0
    for (k = 1; k <= line_count[unit]; k++) {
        line = lines[unit, k]
        if (line ~ /^#/ && !in_comment) {
            while (line ~ /\\$/) {
                sub(/\\$/, " ", line)
                line = line lines[unit, ++k]
            }
            if (line ~ /^#[ \t]*define/)
                scan_define(unit, line)
            else if (line ~ /^#[ \t]*undef/)
                undefined[unit, substr(line, match(line, /[A-Za-z0-9_]+$/))] = 1
            continue
        }
        for (rest = line; rest != "";) {
            next_token()
            if (kind != "space")
                scan_token(unit)
        }
    }
}

# A unit's line with other names for what it shares the names of: prefix_NAME. A member keeps its name; and a macro that
# puts a function into the member of its name, .P = P, gets the function's.
function renamed(unit, line, prefix,    result, new, define)
{
    define = line ~ /^#[ \t]*define/
    if (define && line ~ /\.[a-z]+ = [a-z]+,/ && match(line, /= [a-z]+,/))
        line = member_macro(line, prefix)
    for (rest = line; rest != "";) {
        next_token()
        new = token
        if (kind == "name" && (unit, token) in names && owners[token] > 1 && previous != "." && previous != "->" &&
            !(braces[brace_count] == "struct" && rest ~ /^[ \t]*[;,\[):]/))
            new = prefix token
        if (token == "{" && !define)
            braces[++brace_count] = opened(previous, before_previous)
        else if (token == "}" && !define && brace_count)
            brace_count--
        if (kind != "space") {
            before_previous = previous
            previous = token
        }
        result = result new
    }
    return result
}
function member_macro(line, prefix,    at, parameter)
{
    parameter = substr(line, RSTART + 2, RLENGTH - 3)
    at = index(line, "." parameter " = " parameter ",")
    return at ? substr(line, 1, at + length(parameter) + 3) prefix "##" substr(line, RSTART + 2) : line
}
