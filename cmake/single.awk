# Writes lstm.h and lstm_single.c into `folder`; see single.sh.

BEGIN {
    # Where the compiler may be asked for an instruction set.
    isa_guard["PORTABLE"] = ""
    isa_guard["AVX2"] = isa_guard["AVX512"] = "defined(__x86_64__) && defined(__GNUC__)"
    isa_guard["NEON"] = "defined(__aarch64__) && defined(__GNUC__)"
    isa_header["AVX2"] = isa_header["AVX512"] = "immintrin.h"
    isa_header["NEON"] = "arm_neon.h"
    hides = "defined(__GNUC__) && (defined(__ELF__) || defined(__APPLE__))" # who knows visibility
    read_build()
    merge("lstm/lstm.h")
    make_units()
    write_header()
    write_source()
}

# The public headers, merged.

# Add a header to merged[1 .. merged_count], behind those that it includes.
function merge(file,    path, line, name, after, text)
{
    if (file in is_merged)
        return
    is_merged[file] = 1
    path = root "/include/" file
    while ((getline line <path) > 0) {
        if (line ~ /^#include <lstm\//) {
            name = substr(line, 11)
            sub(/>.*/, "", name)
            merge(name)
        } else if (line ~ /^#include/) {
            merged_includes = merged_includes line "\n"
        } else if (line ~ /^#ifdef __cplusplus/) { # extern "C" { or its end, or a choice
            getline after <path
            if (after !~ /^(extern "C" \{|\})$/)
                text = text line "\n" after "\n"
            else
                getline after <path
        } else if (line !~ /^#(ifndef|define) LSTM_[A-Z_]+_H$/) {
            text = text line "\n"
            if (line ~ /^(typedef struct lstm_[a-z_]+ lstm_[a-z_]+;|\} lstm_[a-z_]+;)$/) {
                sub(/^.* /, "", line)
                public_type[substr(line, 1, length(line) - 1)] = 1
            }
        }
    }
    close(path)
    if (!sub(/#endif\n$/, "", text)) # the guard's
        fail(file " does not end with its guard")
    merged[++merged_count] = text
}

function write_header(    k)
{
    out = folder "/lstm.h"
    was_blank = 0
    emit_text(merged[merged_count]) # the overview
    emit_text("#ifndef LSTM_LSTM_H\n#define LSTM_LSTM_H\n\n" merged_includes)
    emit_text("\n/* These functions are there if lstm_single.c is compiled with LSTM_SINGLE_WITH_FILES, for they need Jansson and zlib:\n")
    emit_text(wrapped(file_functions()) " */\n")
    emit_text("\n/* What lstm_single.c becomes a part of does not export it. */\n#ifndef LSTM_API\n#if " hides "\n")
    emit_text("#define LSTM_API __attribute__((visibility(\"hidden\")))\n#else\n#define LSTM_API\n#endif\n#endif\n")
    emit_text("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n")
    for (k = 1; k < merged_count; k++)
        emit_text("\n" merged[k])
    emit_text("\n#ifdef __cplusplus\n}\n#endif\n#endif\n")
    close(out)
}

function file_functions(    k, text)
{
    for (k = 1; k <= unit_count; k++)
        if (with_files[units[k]])
            text = text defines[units[k]]
    return text
}
function wrapped(text,    list, count, k, line, result)
{
    count = split(text, list, / /)
    for (k = 1; k < count; k++) {
        if (list[k] ~ /^lstm__/)
            continue
        if (length(line) + length(list[k]) > 115) {
            result = result " *" line "\n"
            line = ""
        }
        line = line " " list[k]
    }
    return result " *" line
}

# Print lines, and of blank ones that follow each other the first.
function emit(line)
{
    if (line != "" || !was_blank)
        print line >out
    was_blank = line == ""
}
function emit_text(text,    list, count, k)
{
    count = split(text, list, /\n/)
    for (k = 1; k < count; k++)
        emit(list[k])
}

# The source.

function make_units(    k, j, unit)
{
    for (k = 1; k <= source_count; k++)
        if (!is_platform(sources[k]))
            make_unit(sources[k])
    make_unit("lib/platform_threads.c") # the last ones: their headers have many names
    make_unit("lib/platform_posix.c")
    for (k = 1; k <= isa_count; k++) {
        isa = isas[k]
        unit = "kernels " isa
        for (j = 1; j <= body_count; j++)
            take(unit, bodies[j])
        isa_units[k] = unit
    }
    isa = ""
    for (k = 1; k <= unit_count; k++)
        scan(units[k])
    for (k = 1; k <= isa_count; k++)
        scan(isa_units[k])
    find_files()
}

# with_files[unit]: those that need Jansson, and those that need one of these.
function find_files(    k, unit, again)
{
    for (k = 1; k <= unit_count; k++)
        note_functions(units[k])
    do {
        again = 0
        for (k = 1; k <= unit_count; k++) {
            unit = units[k]
            if (!with_files[unit] && unit ~ /\.c$/ && uses_files(unit))
                again = with_files[unit] = 1
        }
    } while (again)
}

# defines[unit]: the functions for others that stand in it, a blank after each; definer[]: where one stands; uses[]: which
# of them a unit names. A function of nobody's, which is the C library's, owns its name.
function note_functions(unit,    k, line, before)
{
    in_comment = 0
    for (k = 1; k <= line_count[unit]; k++) {
        line = lines[unit, k]
        if (line ~ /^[a-z].*[ *]lstm_[a-z0-9_]+\(/ && line !~ /^(static|typedef)/ && unit ~ /\.c$/) {
            before = substr(line, 1, index(line, "(") - 1)
            sub(/^.*[ *]/, "", before)
            definer[before] = unit
            defines[unit] = defines[unit] before " "
        }
        for (rest = line; rest != "";) {
            next_token()
            if (kind != "name")
                continue
            if (token ~ /^lstm_/)
                uses[unit, token] = 1
            if (rest ~ /^\(/ && !((unit, token) in names))
                owners[token]++
        }
    }
}
function uses_files(unit,    name)
{
    for (name in definer)
        if (with_files[definer[name]] && (unit, name) in uses)
            return 1
    return 0
}

function emit_includes(unit,    list, count, k)
{
    count = split(headers[unit], list, / /)
    for (k = 1; k < count; k++)
        if (!(list[k] in included)) {
            included[list[k]] = 1
            emit("#include <" list[k] ">")
        }
}

function emit_unit(unit, prefix,    k, name)
{
    emit("")
    split("", braces)
    brace_count = in_comment = 0
    for (k = 1; k <= line_count[unit]; k++)
        emit(as_is[unit, k] ? lines[unit, k] : renamed(unit, lines[unit, k], prefix))
    if (unit !~ /\.h$/)
        for (k = 1; k <= macro_count[unit]; k++) {
            name = macro_list[unit, k]
            if (!((unit, name) in undefined)) {
                undefined[unit, name] = 1
                emit("#undef " name)
            }
        }
}

function emit_source(unit,    prefix)
{
    prefix = unit
    sub(/^.*\//, "", prefix)
    sub(/\..*$/, "", prefix)
    emit("\n/* " unit " */")
    emit_includes(unit)
    emit_unit(unit, prefix "__")
}

function emit_isa(k,    unit, name)
{
    name = isas[k]
    unit = isa_units[k]
    emit("\n/* The kernels, " name " */")
    if (isa_guard[name] != "")
        emit("#if " isa_guard[name])
    if (name in isa_header)
        emit("#include <" isa_header[name] ">")
    gsub(/(immintrin|arm_neon)\.h /, "", headers[unit])
    emit_includes(unit)
    emit("#if " hides "\n#pragma GCC visibility push(hidden)\n#endif")
    emit("#define LSTM__ISA_" name)
    if (isa_target[name] != "") {
        emit("#ifdef __clang__")
        emit("#pragma clang attribute push(__attribute__((target(\"" isa_target[name] "\"))), apply_to = function)")
        emit("#else\n#pragma GCC push_options\n#pragma GCC target(\"" isa_target[name] "\")\n#endif")
    }
    emit_unit(unit, tolower(name) "__")
    if (isa_target[name] != "")
        emit("#ifdef __clang__\n#pragma clang attribute pop\n#else\n#pragma GCC pop_options\n#endif")
    emit("#undef LSTM__ISA_" name)
    emit("#if " hides "\n#pragma GCC visibility pop\n#endif")
    if (isa_guard[name] != "")
        emit("#endif")
}

# What CMakeLists.txt tells the compiler beside the source.
function emit_prologue(    text, words, count, k, path, line, pair)
{
    emit("/* liblstm in one file, made by cmake/single.sh. docs/single-file.md says how to use it.")
    emit(" * SPDX-License-Identifier: MIT\n *")
    path = root "/LICENSE"
    while ((getline line <path) > 0)
        emit(line == "" ? " *" : " * " line)
    close(path)
    emit(" */")
    emit("#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)")
    emit("#error \"lstm_single.c is to be compiled without -ffast-math: its results depend on the order of operations\"")
    emit("#endif\n#undef _GNU_SOURCE")
    text = read_cmake("CMakeLists.txt")
    text = substr(text, index(text, "set_source_files_properties(lib/platform_posix.c"))
    sub(/^[^"]*"/, "", text)
    count = split(substr(text, 1, index(text, "\"") - 1), words, /;/)
    for (k = 1; k <= count; k++) {
        split(words[k], pair, "=")
        emit("#undef " pair[1] "\n#define " pair[1] " " pair[2])
    }
    emit("\n/* As -ffp-contract=off: each operation is rounded. */")
    emit("#ifdef __clang__\n#pragma clang fp contract(off)")
    emit("#elif defined(__GNUC__)\n#pragma GCC optimize(\"fp-contract=off\", \"no-math-errno\", \"no-trapping-math\")")
    emit("/* Here GCC sees functions together of which the one sets what the other reads, and warns of what is not so. */")
    emit("#pragma GCC diagnostic ignored \"-Wmaybe-uninitialized\"\n#pragma GCC diagnostic ignored \"-Wformat-truncation\"")
    emit("#endif\n")
    emit("#include \"lstm.h\"\n")
    for (k = 1; k <= isa_count; k++)
        if (isa_guard[isas[k]] != "")
            emit("#if " isa_guard[isas[k]] "\n#define LSTM__HAVE_" isas[k] "\n#endif")
}

# zlib's, of which the library takes no more, where zlib is not linked.
function emit_checksum()
{
    emit("\n#ifdef LSTM_SINGLE_WITH_FILES\n#include <zlib.h>\n#else")
    emit("static unsigned long crc32_z(unsigned long sum, const unsigned char *bytes, size_t size)\n{")
    emit("    sum = ~sum & 0xFFFFFFFFul;")
    emit("    for (size_t k = 0; bytes && k < size; k++) {\n        sum ^= bytes[k];")
    emit("        for (int bit = 0; bit < 8; bit++)\n            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320ul : 0);\n    }")
    emit("    return ~sum & 0xFFFFFFFFul;\n}\n#endif")
}

# The private headers of the units with files, or of those without; what they declare is not exported.
function emit_headers(files,    k)
{
    for (k = 1; k <= unit_count; k++)
        if (is_header(k) && with_files[units[k]] == files)
            emit_includes(units[k])
    emit("#if " hides "\n#pragma GCC visibility push(hidden)\n#endif")
    for (k = 1; k <= unit_count; k++)
        if (is_header(k) && with_files[units[k]] == files)
            emit_source(units[k])
    emit("#if " hides "\n#pragma GCC visibility pop\n#endif")
}
function emit_sources(files,    k)
{
    for (k = 1; k <= unit_count; k++)
        if (!is_header(k) && with_files[units[k]] == files && !is_platform(units[k]))
            emit_source(units[k])
}
function is_platform(path)
{
    return path ~ /^lib\/platform_/
}
function is_header(k)
{
    return units[k] ~ /\.h$/
}

function write_source(    k)
{
    out = folder "/lstm_single.c"
    was_blank = 0
    emit_prologue()
    emit_checksum()
    emit_headers(0)
    for (k = 1; k <= isa_count; k++)
        emit_isa(k)
    emit_sources(0)
    emit("\n#ifdef LSTM_SINGLE_WITH_FILES\n#include <jansson.h>")
    emit_headers(1)
    emit_sources(1)
    emit("#endif")
    emit_source("lib/platform_threads.c")
    emit_source("lib/platform_posix.c")
    close(out)
}
