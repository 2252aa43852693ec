#!/bin/sh
# The layers of lib/: no file includes a private header of a layer above its own.
# Usage: check_includes.sh SOURCE_DIR. Prints TAP.
set -u
LC_ALL=C
export LC_ALL
cd "$1" || exit 1

# place(modules, their layer, the highest layer that they may see): dense layers, losses, optimizers and arrays stand
# beside the recurrent part, on params and what is below; losses of sequences stand on losses and arrays. Cells,
# cell_NAME, stand where cell does, and platform_NAME where platform does. A module that is not listed is an error.
# shellcheck disable=SC2016
find lib -name '*.[ch]' -o -name '*.def' | sort | xargs awk '
BEGIN {
    layer["kernels"] = 0; sees["kernels"] = 0
    place("status version memory platform random", 1, 1)
    place("context crew", 2, 2)
    place("names params params_store params_frozen initializer json_read tensor safetensors safetensors_json safetensors_write params_file import_pytorch", 3, 3)
    place("cell", 4, 4)
    place("rnn tape unroll dynamic_rnn dynamic_rnn_backward raw_rnn stream stream_state check_gradient", 5, 5)
    place("dense loss optimizer clip regularizer schedule array sequence_array embedding batches", 6, 3)
    place("sequence_loss ctc graph model model_run model_file model_selftest model_stream checkpoint checkpoint_files", 7, 7)
}
function place(modules, its_layer, highest,    names, k)
{
    for (k = split(modules, names, " "); k > 0; k--) {
        layer[names[k]] = its_layer
        sees[names[k]] = highest
    }
}
function module(path)
{
    if (path ~ /kernels\//)
        return "kernels"
    sub(/^.*\//, "", path)
    sub(/\.[a-z]+$/, "", path)
    sub(/^cell_.*$/, "cell", path)
    sub(/^platform_.*$/, "platform", path)
    return path
}
function complain(what) { wrong[FILENAME] = wrong[FILENAME] "# " FILENAME ":" FNR ": " what "\n" }
FNR == 1 {
    files[++count] = FILENAME
    from = module(FILENAME)
    if (!(from in layer))
        complain("this module has no layer in tests/check_includes.sh")
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    path = $0
    sub(/^[^"]*"/, "", path)
    sub(/".*$/, "", path)
    to = from == "kernels" && path !~ /^\.\./ ? "kernels" : module(path)
    if (path ~ /(examples|tests|include)\//)
        complain("includes " path)
    else if (!(to in layer))
        complain("includes " path ", whose module has no layer in tests/check_includes.sh")
    else if (from in layer && to != from && layer[to] > sees[from])
        complain(from " may not see " to)
}
/^[ \t]*#[ \t]*include[ \t]*<lstm\/lstm\.h>/ { complain("includes the umbrella header") }
/^[ \t]*#[ \t]*include[ \t]*</ && from != "platform" {
    path = $0
    sub(/^[^<]*</, "", path)
    sub(/>.*$/, "", path)
    if (path !~ /^(assert|ctype|float|inttypes|limits|math|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string)\.h$/ &&
        path !~ /^(lstm\/[a-z_]+|jansson|zlib)\.h$/ && !(from == "kernels" && path ~ /^(immintrin|arm_neon|cblas)\.h$/))
        complain("includes " path ", where platform_*.c alone call the operating system")
}
END {
    for (k = 1; k <= count; k++) {
        if (files[k] in wrong)
            failures++
        print (files[k] in wrong ? "not ok " : "ok ") k " - the includes of " files[k] " go downwards"
        printf "%s", wrong[files[k]]
    }
    print "1.." count + 0
    exit failures || !count
}'
