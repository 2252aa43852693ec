# The units that lstm_single.c is made of: each header and each .c file once, the kernels once for each instruction set.

function fail(what)
{
    print "single.sh: " what >"/dev/stderr"
    exit 1
}

# The whole of a file in one line, without comments of CMake's.
function read_cmake(name,    path, line, text)
{
    path = root "/" name
    while ((getline line <path) > 0) {
        sub(/#.*/, "", line)
        text = text line " "
    }
    close(path)
    return text
}

# The words between `start` and the next ")".
function words_of(text, start, words,    at)
{
    at = index(text, start)
    if (!at)
        fail("CMake's files have no " start)
    text = substr(text, at + length(start))
    text = substr(text, 1, index(text, ")") - 1)
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    return split(text, words, /[ \t]+/)
}

# sources[], bodies[], isas[] with isa_target[]: what the build compiles.
function read_build(    text, start, name, words, k, count)
{
    text = read_cmake("CMakeLists.txt")
    source_count = words_of(text, "add_library(lstm_objects OBJECT", sources)
    body_count = words_of(text, "add_library(${kernels} OBJECT", bodies)
    text = read_cmake("cmake/isa.cmake")
    start = "set(lstm_isa_flags_"
    while (k = index(text, start)) {
        text = substr(text, k + length(start))
        match(text, /^[A-Z0-9]+/)
        name = substr(text, 1, RLENGTH)
        if (!(name in isa_guard))
            fail("which processors have " name "? Say so in cmake/single.awk")
        isas[++isa_count] = name
        count = words_of("(" text, "(" name, words)
        isa_target[name] = ""
        for (k = 1; k <= count; k++)
            if (words[k] ~ /^-m/)
                isa_target[name] = isa_target[name] (isa_target[name] == "" ? "" : ",") substr(words[k], 3)
    }
}

function is_there(path,    line, result)
{
    result = (getline line <path) >= 0
    close(path)
    return result
}
function resolved(file, name,    folder)
{
    folder = file
    sub(/[^\/]*$/, "", folder)
    name = folder name
    while (sub(/[^\/.]+\/\.\.\//, "", name)) {
    }
    if (is_there(root "/" name))
        return name
    sub(/^.*\//, "lib/", name)
    if (!is_there(root "/" name))
        fail(file " includes " name ", which is not there")
    return name
}

# A condition that the form decides: 1 or 0; -1: it is left to the compiler.
function decided(condition,    result, any, all, k, j, ands, ors, name, count)
{
    result = 0
    any = split(condition, ors, /\|\|/)
    for (k = 1; k <= any; k++) {
        all = 1
        count = split(ors[k], ands, /&&/)
        for (j = 1; j <= count; j++) {
            name = ands[j]
            gsub(/[ \t]|defined|\(|\)/, "", name)
            if (name !~ /^!?(LSTM__ISA_[A-Z0-9]+|LSTM__HAVE_CBLAS|LSTM_[A-Z_]+_H)$/ || name ~ /ISA/ && isa == "")
                return -1
            all = all && (name ~ /^!/ ? substr(name, 2) != "LSTM__ISA_" isa : name == "LSTM__ISA_" isa)
        }
        result = result || all
    }
    return result
}

function condition_of(line,    condition)
{
    condition = line
    sub(/\/\*.*/, "", condition)
    if (sub(/^#[ \t]*ifdef[ \t]+/, "", condition))
        return "defined(" condition ")"
    if (sub(/^#[ \t]*ifndef[ \t]+/, "", condition))
        return "!defined(" condition ")"
    sub(/^#[ \t]*(el)?if[ \t]+/, "", condition)
    return condition
}

function put(unit, line)
{
    lines[unit, ++line_count[unit]] = line
    as_is[unit, line_count[unit]] = in_list
}

# Append a file to a unit: without what the form decides, its guard and its includes, which become units before this one.
# Of each level of conditions: branch[]: 1, 0 or, left to the compiler, -1; taken[]: one of its branches was.
function take(unit, file,    path, line, level, branch, taken, k)
{
    path = root "/" file
    level = 0
    if (!is_there(path))
        fail("there is no " file)
    while ((getline line <path) > 0) {
        if (line ~ /^#[ \t]*if/) {
            branch[++level] = decided(condition_of(line))
            taken[level] = branch[level]
        } else if (line ~ /^#[ \t]*el/ && branch[level] >= 0) {
            k = line ~ /^#[ \t]*else/ ? 1 : decided(condition_of(line))
            if (k < 0)
                fail(file ": cannot decide " line)
            branch[level] = k && !taken[level]
            taken[level] = taken[level] || k
        }
        if (line ~ /^#[ \t]*(if|el|endif)/) {
            if (branch[level] < 0 && is_live(branch, level))
                put(unit, line)
            level -= line ~ /^#[ \t]*endif/
        } else if (is_live(branch, level)) {
            if (line ~ /^#[ \t]*include/)
                take_include(unit, file, line, is_sure(branch, level))
            else if (line !~ /^#define LSTM_[A-Z_]+_H$/)
                put(unit, line)
        }
    }
    close(path)
}
function is_live(branch, level)
{
    for (; level > 0; level--)
        if (!branch[level])
            return 0
    return 1
}
function is_sure(branch, level)
{
    for (; level > 0; level--)
        if (branch[level] < 0)
            return 0
    return 1
}

# always: whatever the compiler decides.
function take_include(unit, file, line, always,    name, list)
{
    name = line
    sub(/^[^<"]*[<"]/, "", name)
    sub(/[>"].*$/, "", name)
    if (line ~ /"/) {
        name = resolved(file, name)
        if (name ~ /\.def$/) {
            list = in_list
            in_list = 1
            take(unit, name)
            in_list = list
        } else if (isa != "" && !(name in has_unit)) {
            if (!((isa, name) in has_unit)) {
                has_unit[isa, name] = 1
                take(unit, name)
            }
        } else {
            if (make_unit(name))
                with_files[unit] = 1
        }
    } else if (name ~ /^(jansson|zlib)\.h$/) {
        if (name == "jansson.h")
            with_files[unit] = 1
    } else if (name !~ /^lstm\//) {
        if (always)
            headers[unit] = headers[unit] name " "
        else
            put(unit, line)
    }
}

# A unit of a file; 1: it is of no use without Jansson.
function make_unit(file,    saved)
{
    if (!(file in has_unit)) {
        has_unit[file] = 1
        saved = isa
        isa = ""
        with_files[file] = 0
        take(file, file)
        isa = saved
        units[++unit_count] = file
    }
    return with_files[file]
}
