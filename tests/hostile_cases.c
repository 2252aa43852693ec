#include "hostile.h"

#include <stddef.h>

#define Q "\\\"" /* a quote within the text of the graph, which is a string of JSON itself */
#define KEY(name) Q name Q ":"
#define LSTM "{" KEY("type") Q "lstm" Q "," KEY("num_units") "2}"
#define DENSE "{" KEY("type") Q "dense" Q "," KEY("units") "1}"
#define LAYERS "[{" KEY("type") Q "rnn" Q "," KEY("cell") LSTM "}," DENSE "]"
#define GRAPH "{" KEY("input_size") "3," KEY("layers") LAYERS "}"
#define FORMAT "\"lstm.format\":\"model\",\"lstm.version\":\"1\""
#define META "\"__metadata__\":{" FORMAT ",\"lstm.model\":\"" GRAPH "\"}"
#define TENSOR(name, dtype, shape, begin, end)                                                                         \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"
#define BIAS TENSOR("dense/bias", "F32", "1", 0, 4)
#define KERNEL TENSOR("dense/kernel", "F32", "2,1", 4, 12)
#define GATES TENSOR("rnn/lstm_cell/kernel", "F32", "5,8", 44, 204)
#define OUTPUTS TENSOR("selftest/1/outputs", "F32", "1,1,1", 268, 272)

const char hostile_model[] =
    "{" META "," BIAS "," KERNEL "," TENSOR("rnn/lstm_cell/bias", "F32", "8", 12, 44) "," GATES "," TENSOR(
        "selftest/0/inputs", "F32", "1,3,3", 204,
        240) "," TENSOR("selftest/0/sequence_length", "I32", "1", 240,
                        244) "," TENSOR("selftest/0/outputs", "F32", "1,3,1", 244,
                                        256) "," TENSOR("selftest/1/inputs", "F32", "1,1,3", 256, 268) "," OUTPUTS "}";

#define LAST(dtype, shape, end)                                                                                        \
    ",\"selftest/1/outputs\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[268," end "]}}"
#define ADD(tensor) OUTPUTS "}", OUTPUTS "," tensor "}"

const hostile_edit hostile_models[] = {
    /* the container */
    {"a header that is empty", NULL, "", 0, "JSON header cannot be read"},
    {"a header that is a list", NULL, "[]", -HOSTILE_MODEL_DATA, "not a JSON object"},
    {"a header that is no JSON", NULL, "model", 0, "JSON header cannot be read"},
    {"a header that goes on", NULL, "{}{}", -HOSTILE_MODEL_DATA, "JSON header cannot be read"},
    {"bytes that are no UTF-8", "dense/bias", "dense/\xFF", 0, "JSON header cannot be read"},
    {"a surrogate alone", "dense/bias", "dense/\\ud800", 0, "JSON header cannot be read"},
    {"a name with a NUL", "dense/bias", "dense/bias\\u0000", 0, "JSON header cannot be read"},
    {"a tensor twice", ADD(BIAS), 0, "duplicate object key"},
    {"a key of a tensor twice", "\"shape\":[1]", "\"shape\":[1],\"shape\":[1]", 0, "duplicate object key"},
    {"metadata twice", ADD(META), 0, "duplicate object key"},
    {"data that go on", ADD("\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[272,272]}"), 3,
     "3 bytes follow the last tensor"},
    {"data that are cut", "{", "{", -1, "ends at 272, but there are 271 bytes"},
    /* metadata */
    {"metadata that are a list", "{" META, "{\"__metadata__\":[]", 0, "__metadata__ is not a JSON object"},
    {"metadata with a number", FORMAT, FORMAT ",\"n\":1", 0, "\"n\" of __metadata__ is not a string"},
    {"no format", "\"lstm.format\":\"model\",", "", 0, "no lstm.format"},
    {"no version", ",\"lstm.version\":\"1\"", "", 0, "no lstm.version"},
    {"another format", "\"model\",", "\"Model\\u001b[2J\",", 0, "lstm.format is \"Model\\x1b[2J\""},
    {"another version", "\"1\"", "\"2\"", 0, "lstm.version is \"2\""},
    {"a params file", "\"lstm.format\":\"model\",\"lstm.version\":\"1\",\"lstm.model\"",
     "\"lstm.format\":\"params\",\"lstm.version\":\"1\",\"graph\"", 0, "no graph"},
    {"a params file with a graph", "\"model\",", "\"params\",", 0, "but there is an lstm.model"},
    {"a foreign file", FORMAT ",\"lstm.model\"", "\"format\":\"pt\",\"graph\"", 0, "no graph"},
    {"a graph that is null", "\"lstm.model\":\"" GRAPH "\"", "\"lstm.model\":null", 0, "no graph"},
    {"a checksum of another kind", FORMAT, FORMAT ",\"lstm.checksum\":\"crc32:0123456\"", 0, "lstm.checksum is"},
    {"a checksum in capitals", FORMAT, FORMAT ",\"lstm.checksum\":\"crc32:ABCDEF01\"", 0, "lstm.checksum is"},
    {"a wrong checksum", FORMAT, FORMAT ",\"lstm.checksum\":\"crc32:00000000\"", 0, "but the data give crc32:"},
    /* places */
    {"tensors on top of each other", "[4,12]", "[0,8]", 0, "tensor \"dense/kernel\" begins at 0, within another"},
    {"a hole", "[44,204]", "[45,205]", 0, "tensor \"rnn/lstm_cell/kernel\" begins at 45, behind a hole"},
    {"places past the end", OUTPUTS, TENSOR("selftest/1/outputs", "F32", "1,1,9", 268, 304), 0,
     "ends at 304, but there"},
    {"places the wrong way", "[44,204]", "[204,44]", 0, "data_offsets of tensor \"rnn/lstm_cell/kernel\""},
    {"places below 0", "[0,4]", "[-4,0]", 0, "data_offsets of tensor \"dense/bias\""},
    {"places with a fraction", "[0,4]", "[0.0,4.0]", 0, "data_offsets of tensor \"dense/bias\""},
    {"places past 2^64", "[0,4]", "[18446744073709551616,18446744073709551620]", 0,
     "data_offsets of tensor \"dense/bias\""},
    {"one place", "[0,4]", "[0]", 0, "data_offsets of tensor \"dense/bias\""},
    {"no places", ",\"data_offsets\":[0,4]", "", 0, "data_offsets of tensor \"dense/bias\""},
    {"fewer bytes than the shape has", "[0,4]", "[0,3]", 0, "takes 4 bytes, data_offsets span 3"},
    /* types and shapes */
    {"an unknown dtype", BIAS, TENSOR("dense/bias", "F33", "1", 0, 4), 0, "unknown dtype \"F33\""},
    {"a dtype that is a number", "\"dtype\":\"F32\"", "\"dtype\":32", 0, "tensor \"dense/bias\" has no dtype"},
    {"a weight of integers", BIAS, TENSOR("dense/bias", "I32", "1", 0, 4), 0, "wrong dtype of \"dense/bias\": I32"},
    {"a weight of bytes", BIAS, TENSOR("dense/bias", "F8_E4M3", "4", 0, 4), 0, "wrong shape of \"dense/bias\": [4]"},
    {"a shape that is turned", "[2,1]", "[1,2]", 0, "wrong shape of \"dense/kernel\": [1, 2], expected [2, 1]"},
    {"a rank too many", "[2,1]", "[2,1,1]", 0, "wrong shape of \"dense/kernel\": [2, 1, 1]"},
    {"a rank too few", "[2,1]", "[2]", 0, "wrong shape of \"dense/kernel\": [2], expected [2, 1]"},
    {"a size past 2^64", "[2,1]", "[4294967296,4294967296,4294967296]", 0, "tensor \"dense/kernel\" of shape"},
    {"a size of 2^63 bytes", "[2,1]", "[2305843009213693952]", 0, "tensor \"dense/kernel\" of shape"},
    {"an axis below 0", "[2,1]", "[-2,-1]", 0, "axis 0 of tensor \"dense/kernel\""},
    {"an axis that is a word", "[2,1]", "[2,\"1\"]", 0, "axis 1 of tensor \"dense/kernel\""},
    {"no shape", "\"shape\":[1],", "", 0, "tensor \"dense/bias\" has no shape"},
    {"a tensor that is a number", BIAS, "\"dense/bias\":4", 0, "tensor \"dense/bias\""},
    /* names */
    {"a weight by another name", "dense/bias", "dense/bias\\u0085", 0, "missing \"dense/bias\" [1]"},
    {"a weight without a name", "dense/bias", "", 0, "unused \"\" [1]"},
    {"a weight too many", ADD("\"a\\u009b31m\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[272,272]}"), 0,
     "unused \"a\\x9b31m\" [0]"},
    /* the graph */
    {"a graph that is no JSON", GRAPH, "layers", 0, "the graph: line 1"},
    {"a graph that is empty", GRAPH, "", 0, "the graph: line 1"},
    {"a graph that is a list", GRAPH, "[]", 0, "it is no object"},
    {"a graph with a NUL", GRAPH, GRAPH "\\u0000", 0, "\"lstm.model\" holds a NUL"},
    {"an unknown key", KEY("input_size"), KEY("x\\\\u009b") "1," KEY("input_size"), 0,
     "the key \"x\\x9b\" is not known"},
    {"a key of the graph twice", KEY("num_units") "2", KEY("num_units") "2," KEY("num_units") "2", 0,
     "duplicate object key"},
    {"an unknown layer", KEY("type") Q "dense", KEY("type") Q "conv", 0, "\"type\" is \"conv\""},
    {"an unknown cell", KEY("type") Q "lstm", KEY("type") Q "sru", 0, "layers[0].cell: \"type\" is \"sru\""},
    {"an unknown activation", KEY("units"), KEY("activation") Q "gelu" Q "," KEY("units"), 0, "\"gelu\""},
    {"no layers", LAYERS, "[]", 0, "\"layers\" has to be a list of 1"},
    {"a scope twice", DENSE, DENSE "," DENSE, 0, "the scope \"dense\" is used twice"},
    {"a scope that is taken", KEY("units"), KEY("scope") Q "selftest/0" Q "," KEY("units"), 0, "is reserved"},
    {"a width of 0", KEY("num_units") "2", KEY("num_units") "0", 0, "\"num_units\" has to be a whole number"},
    {"a width with a fraction", KEY("num_units") "2", KEY("num_units") "2.0", 0, "\"num_units\" has to be"},
    {"a width past 2^63", KEY("num_units") "2", KEY("num_units") "9223372036854775808", 0, "\"num_units\" has to be"},
    {"the largest width", KEY("num_units") "2", KEY("num_units") "2147483647", 0, "layers[0]"},
    {"a width of a million", KEY("num_units") "2", KEY("num_units") "1000000", 0,
     "wrong shape of \"rnn/lstm_cell/kernel\""},
    {"an input of 2^31 - 1", KEY("input_size") "3", KEY("input_size") "2147483647", 0, "axis 0 of \"kernel\""},
    {"a clip of 0", KEY("num_units"), KEY("cell_clip") "0," KEY("num_units"), 0, "\"cell_clip\" has to be"},
    {"a clip below 0", KEY("num_units"), KEY("proj_clip") "-1," KEY("num_units"), 0, "\"proj_clip\" has to be"},
    {"a clip past floats", KEY("num_units"), KEY("cell_clip") "1e39," KEY("num_units"), 0, "\"cell_clip\" has to be"},
    {"a number past doubles", KEY("num_units"), KEY("cell_clip") "1e400," KEY("num_units"), 0, "line 1: real number"},
    {"a forget bias past floats", KEY("num_units"), KEY("forget_bias") "-1e39," KEY("num_units"), 0, "\"forget_bias\""},
    {"another width than the weights", KEY("num_units") "2", KEY("num_units") "3", 0,
     "wrong shape of \"rnn/lstm_cell/kernel\": [5, 8], expected [6, 12]"},
    {"a residual cell that cannot add", LSTM, "{" KEY("type") Q "residual" Q "," KEY("cell") LSTM "}", 0,
     "output width 2"},
    {"a recurrent layer behind the last", KEY("cell") LSTM "},",
     KEY("return") Q "last" Q "," KEY("cell") LSTM "},{" KEY("type") Q "rnn" Q "," KEY("scope") Q "b" Q "," KEY("cell")
         LSTM "},",
     0, "layers[1]: a recurrent layer"},
    {NULL, NULL, NULL, 0, NULL},
};

const hostile_edit hostile_selftests[] = {
    {"no inputs", "selftest/1/inputs", "selftest/1/input", 0, "selftest/1: inputs have to be"},
    {"no outputs", "selftest/1/outputs", "selftest/2/output", 0, "selftest/1: outputs have to be"},
    {"a number left out", "selftest/0/outputs", "selftest/00/outputs", 0, "selftest/0: outputs have to be"},
    {"a word that means nothing",
     ADD("\"selftest/1/more\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[272,272]}"), 0,
     "\"selftest/1/more\" is no part of a self-test"},
    {"inputs of rank 2", "[1,3,3]", "[3,3]", 0, "selftest/0: inputs have to be [batch, time, input_size]"},
    {"inputs of another width", "[1,3,3]", "[1,9,1]", 0, "selftest/0: inputs have to be [batch, time, input_size]"},
    {"outputs of another time", "[1,3,1]", "[3,1,1]", 0, "selftest/0: outputs have to be [batch, time, width]"},
    {"outputs of rank 2", "[1,3,1]", "[1,3]", 0, "selftest/0: outputs have to be [batch, time, width]"},
    {"lengths of rank 2", "\"I32\",\"shape\":[1]", "\"I32\",\"shape\":[1,1]", 0, "sequence_length has to be [batch]"},
    {"lengths that are floats", "\"I32\"", "\"F32\"", 0, "sequence_length has to be I64 or I32"},
    {"outputs that are integers", OUTPUTS, TENSOR("selftest/1/outputs", "I32", "1,1,1", 268, 272), 0,
     "selftest/1: inputs and outputs have to be F32"},
    {"a test that is empty",
     ",\"selftest/1/inputs\":{\"dtype\":\"F32\",\"shape\":[1,1,3],\"data_offsets\":[256,268]}" LAST("F32", "1,1,1",
                                                                                                    "272"),
     ",\"selftest/1/inputs\":{\"dtype\":\"F32\",\"shape\":[1099511627776,0,3],\"data_offsets\":[256,256]},"
     "\"selftest/1/outputs\":{\"dtype\":\"F32\",\"shape\":[1099511627776,0,1],\"data_offsets\":[256,256]}}",
     -16, "selftest/1: it is empty"},
    {"outputs of another model", KEY("units"), KEY("activation") Q "tanh" Q "," KEY("units"), 0,
     "selftest/0 differs by"},
    {NULL, NULL, NULL, 0, NULL},
};

#define X TENSOR("inputs", "F32", "2,4,3", 0, 96)
#define LENGTHS TENSOR("sequence_length", "I64", "2", 96, 112)
#define C TENSOR("initial_state.0", "F32", "2,2", 112, 128)
#define H TENSOR("initial_state.1", "F32", "2,2", 128, 144)

const char hostile_inputs[] = "{" X "," LENGTHS "," C "," H "}";

/* Inputs of such a shape, which have no bytes, alone. */
#define NOTHING(shape)                                                                                                 \
    NULL, "{\"inputs\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[0,0]}}", -HOSTILE_INPUTS_DATA

const hostile_edit hostile_input_edits[] = {
    {"a header that is empty", NULL, "", 0, "JSON header cannot be read"},
    {"a checkpoint's checksum", "{" X, "{\"__metadata__\":{" FORMAT ",\"lstm.checksum\":\"crc32:00000000\"}," X, 0,
     "lstm.checksum is crc32:00000000, but the data give"},
    {"a version to come", "{" X, "{\"__metadata__\":{\"lstm.format\":\"params\",\"lstm.version\":\"2\"}," X, 0,
     "lstm.version is \"2\""},
    {"inputs of rank 1", "[2,4,3]", "[24]", 0, "\"inputs\" has the shape [24], expected [batch, time, 3]"},
    {"inputs of rank 4", "[2,4,3]", "[2,4,3,1]", 0, "\"inputs\" has the shape [2, 4, 3, 1]"},
    {"inputs of rank 40", "[2,4,3]",
     "[2,4,3,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 0,
     "\"inputs\" has the shape"},
    {"inputs of complex numbers", X, TENSOR("inputs", "C64", "1,4,3", 0, 96), 0, "C64"},
    {"inputs of 6 bits", X, TENSOR("inputs", "F6_E2M3", "2,64,1", 0, 96), 0, "\"inputs\" has the shape [2, 64, 1]"},
    {"inputs by another name", "\"inputs\"", "\"input\\u009b\"", 0, "a tensor \"input"},
    {"lengths of bytes", "\"I64\",\"shape\":[2]", "\"U8\",\"shape\":[16]", 0, "\"sequence_length\" is U8"},
    {"lengths of another sign", "\"I64\"", "\"U64\"", 0, "\"sequence_length\" is U64, expected I64 or I32"},
    {"lengths of rank 2", "\"I64\",\"shape\":[2]", "\"I64\",\"shape\":[2,1]", 0,
     "\"sequence_length\" has the shape [2, 1]"},
    {"lengths of rank 0", LENGTHS,
     "\"sequence_length\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[96,104]},"
     "\"a\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[104,112]}",
     0, "a tensor \"a\""},
    {"a state of rank 1", H, TENSOR("initial_state.1", "F32", "4", 128, 144), 0,
     "\"initial_state.1\" has the shape [4]"},
    {"a state of rank 3", H, TENSOR("initial_state.1", "F32", "2,2,1", 128, 144), 0,
     "\"initial_state.1\" has the shape"},
    {"a state of another batch", H, TENSOR("initial_state.1", "F32", "1,4", 128, 144), 0,
     "\"initial_state.1\" has the shape [1, 4], expected [2, 2]"},
    {"a state of halves", H, TENSOR("initial_state.1", "F16", "2,4", 128, 144), 0, "\"initial_state.1\" is F16"},
    {"the first state is missing", "initial_state.0", "initial_state.2", 0, "a tensor \"initial_state.2\""},
    {"a state by a number with a 0", "initial_state.1", "initial_state.01", 0, "a tensor \"initial_state.01\""},
    {"a state by a number below 0", "initial_state.1", "initial_state.-1", 0, "a tensor \"initial_state.-1\""},
    {"a state by 2^64", "initial_state.1", "initial_state.18446744073709551616", 0, "a tensor \"initial_state.1844"},
    {"a state by 2^64 + 1", "initial_state.1", "initial_state.18446744073709551617", 0,
     "a tensor \"initial_state.1844"},
    {"a state without a number", "initial_state.1", "initial_state.", 0, "a tensor \"initial_state.\""},
    {"outputs of before", "initial_state.1", "final_state.1", 0, "a tensor \"final_state.1\""},
    {"a million rows of nothing", NOTHING("[1048576,0,3]"), "\"inputs\" has the shape [1048576, 0, 3]"},
    {"2^40 rows of nothing", NOTHING("[1099511627776,0,3]"), "\"inputs\" has the shape [1099511627776, 0, 3]"},
    {"2^63 - 1 rows of nothing", NOTHING("[9223372036854775807,0,3]"), "\"inputs\" has the shape"},
    {"rows of no width", NOTHING("[1048576,1048576,0]"), "expected [batch, time, 3]"},
    {NULL, NULL, NULL, 0, NULL},
};

const char *const hostile_usages[][2] = {
    {"--threads 0 good inputs output", "--threads takes a positive whole number, not \"0\""},
    {"--threads= good inputs output", "--threads takes a positive whole number, not \"\""},
    {"--threads +2 good inputs output", "not \"+2\""},
    {"--threads 0x2 good inputs output", "not \"0x2\""},
    {"--threads 18446744073709551618 good inputs output", "--threads goes from 1 to 1024"},
    {"--chunk= good inputs output", "--chunk takes a positive whole number, not \"\""},
    {"--chunk 1e3 good inputs output", "not \"1e3\""},
    {"--chunk 00 good inputs output", "not \"00\""},
    {"--chunk --threads good inputs output", "not \"--threads\""},
    {"good inputs output --chunk", "--chunk needs a value"},
    {"--chunks 3 good inputs output", "\"--chunks\" is no option"},
    {"--describe=yes good", "takes none"},
    {"--selftest good inputs", "expected 1 file name, got 2"},
    {"--describe", "expected 1 file name, got 0"},
    {"-- --chunk 3 good inputs output", "expected 3 file names, got 5"},
    {"-t 2 good inputs output", "\"-t\" is no option"},
    {"--\xC2\x9B\x1B[31m good inputs output", "\"--???[31m\" is no option"},
    {NULL, NULL},
};
