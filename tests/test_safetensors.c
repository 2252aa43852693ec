/* The format: what is read and what is refused, headers and metadata, what the writer writes. Files: test_files.c. */
#include "files.h"
#include "platform.h"
#include "suites.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define B(begin, end) "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" #begin "," #end "]}"
#define ONE(dtype, shape, offsets) "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static lstm_status open_header(const char *header, size_t data_size, lstm_safetensors **file, unsigned char **bytes)
{
    size_t size;
    *bytes = safetensors_bytes(header, data_size, &size);
    lstm_status status = lstm_safetensors_open_memory(NULL, *bytes, size, file);
    if (status)
        free(*bytes);
    return status;
}

/* What the official reader takes. */
static const struct {
    const char *header;
    size_t data_size, tensors;
} accepted[] = {
    {"{}", 0, 0},
    {"{}      ", 0, 0},
    {" \t\r\n{} ", 0, 0},
    {"{" A "}", 8, 1},
    {"{" A "," B(8, 16) "}", 16, 2},
    {"{" B(8, 16) "," A "}", 16, 2},
    {"{\"__metadata__\":null," A "}", 8, 1},
    {"{\"__metadata__\":{\"key\":null,\"lstm.format\":null}," A "}", 8, 1},
    {"{\"__metadata__\":{}," A "}", 8, 1},
    {"{" A ",\"__metadata__\":{\"format\":\"pt\"}}", 8, 1},
    {"{\"a\":{\"x\":[1,{\"y\":null}],\"dtype\":\"F32\",\"shape\":[2],\"z\":-1.5e3,\"data_offsets\":[0,8]}}", 8, 1},
    {"{\"a\":{\"hash\":18446744073709551615,\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, 1},
    {ONE("\"F32\"", "[]", "[0,4]"), 4, 1},
    {ONE("\"F32\"", "[0]", "[0,0]"), 0, 1},
    {ONE("\"F32\"", "[3,0,7]", "[0,0]"), 0, 1},
    {ONE("\"F32\"", "[1,1,1,1,1,1,1,2]", "[0,8]"), 8, 1},
    {ONE("\"BOOL\"", "[2]", "[0,2]"), 2, 1},
    {ONE("\"F4\"", "[3,2]", "[0,3]"), 3, 1},
    {ONE("\"F6_E2M3\"", "[4]", "[0,3]"), 3, 1},
    {ONE("\"F8_E8M0\"", "[4]", "[0,4]"), 4, 1},
    {ONE("\"C64\"", "[2]", "[0,16]"), 16, 1},
    {ONE("{\"F32\":null}", "[2]", "[0,8]"), 8, 1},
    {"{\"a\":[\"F32\",[2],[0,8]]}", 8, 1},
    {"{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"\\ud83d\\ude00\xC3\xA4\\n\":{\"dtype\":\"F64\","
     "\"shape\":[1],\"data_offsets\":[1,9]}}",
     9, 2},
    {"{\"b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]},\"c\":{\"dtype\":\"U8\",\"shape\":[0],"
     "\"data_offsets\":[0,0]}," A "}",
     8, 3},
};

START_TEST(what_the_official_reader_takes_is_taken)
{
    lstm_safetensors *file;
    unsigned char *bytes;
    lstm_status status = open_header(accepted[_i].header, accepted[_i].data_size, &file, &bytes);
    ck_assert_msg(status == LSTM_OK, "%s: %s", accepted[_i].header, lstm_error_message());
    ck_assert_uint_eq(lstm_safetensors_count(file), accepted[_i].tensors);
    lstm_safetensors_destroy(file);
    free(bytes);
}
END_TEST

/* What it refuses, and keys that are given twice; words of the message. */
static const struct {
    const char *header;
    size_t data_size;
    const char *words;
} refused[] = {
    {"", 0, "JSON"},
    {"[]", 0, "not a JSON object"},
    {"null", 0, "JSON"},
    {"\xEF\xBB\xBF{}", 0, "JSON"},
    {"{} x", 0, "JSON"},
    {"{}, {}", 0, "more follows"},
    {"{}]", 0, "JSON"},
    {"{}], [{}", 0, "JSON"},
    {"{\"a\":", 0, "ends too early"},
    {"{" A ",}", 8, "JSON"},
    {"{" A "/**/}", 8, "JSON"},
    {"{\"a\xFF\":0}", 0, "JSON"},
    {"{\"a\xC0\x80\":0}", 0, "JSON"},
    {"{\"a\xED\xA0\x80\":0}", 0, "JSON"},
    {"{\"a\\ud800\":0}", 0, "JSON"},
    {"{\"a\x01\":0}", 0, "JSON"},
    {"{\"a\":{\"x\":1e999,\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "JSON"},
    {"{\"a\":{\"x\":NaN,\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "JSON"},
    {"{" A "," A "}", 8, "\\\"a\\\""},
    {"{\"__metadata__\":{},\"__metadata__\":{}," A "}", 8, "__metadata__"},
    {"{\"__metadata__\":{\"key\":\"1\",\"key\":\"2\"}," A "}", 8, "\\\"key\\\""},
    {"{\"a\":{\"odd\":1,\"odd\":1,\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "\\\"odd\\\""},
    {"{\"a\":{\"x\":[{\"deep\":1,\"deep\":1}],\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "deep"},
    {"{\"__metadata__\":[]," A "}", 8, "__metadata__"},
    {"{\"__metadata__\":\"x\"," A "}", 8, "__metadata__"},
    {"{\"__metadata__\":{\"key\":1}," A "}", 8, "\"key\""},
    {"{\"__metadata__\":{\"key\":1}," A "}", 8, "\"key\""},
    {"{\"a\":null}", 0, "tensor \"a\" has no dtype"},
    {"{\"a\":{}}", 0, "tensor \"a\" has no dtype"},
    {"{\"a\":[\"F32\",[2],[0,8],1]}", 8, "tensor \"a\""},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "tensor \"a\" has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets of tensor \"a\""},
    {ONE("\"F33\"", "[2]", "[0,8]"), 8, "unknown dtype \"F33\""},
    {ONE("\"f32\"", "[2]", "[0,8]"), 8, "unknown dtype \"f32\""},
    {ONE("\"F32\\u0000\"", "[2]", "[0,8]"), 8, "unknown dtype"},
    {ONE("17", "[2]", "[0,8]"), 8, "tensor \"a\" has no dtype"},
    {ONE("{\"F32\":1}", "[2]", "[0,8]"), 8, "tensor \"a\" has no dtype"},
    {ONE("\"F32\"", "2", "[0,8]"), 8, "tensor \"a\" has no shape"},
    {ONE("\"F32\"", "[2.0]", "[0,8]"), 8, "axis 0 of tensor \"a\""},
    {ONE("\"F32\"", "[1,2e0]", "[0,8]"), 8, "axis 1 of tensor \"a\""},
    {ONE("\"F32\"", "[-2]", "[0,8]"), 8, "axis 0 of tensor \"a\""},
    {ONE("\"F32\"", "[\"2\"]", "[0,8]"), 8, "axis 0 of tensor \"a\""},
    {ONE("\"F32\"", "[true]", "[0,4]"), 4, "axis 0 of tensor \"a\""},
    {ONE("\"F32\"", "[02]", "[0,8]"), 8, "JSON"},
    {ONE("\"F32\"", "[2]", "[0,8.0]"), 8, "data_offsets of tensor \"a\""},
    {ONE("\"F32\"", "[2]", "[0,8,8]"), 8, "data_offsets of tensor \"a\""},
    {ONE("\"F32\"", "[2]", "[8]"), 8, "data_offsets of tensor \"a\""},
    {ONE("\"F32\"", "[2]", "[8,0]"), 8, "data_offsets of tensor \"a\""},
    {ONE("\"F32\"", "[2]", "[-8,0]"), 8, "data_offsets of tensor \"a\""},
    {ONE("\"F32\"", "[2]", "[0,4]"), 4, "tensor \"a\" of shape [2] takes 8 bytes, data_offsets span 4"},
    {ONE("\"F32\"", "[18446744073709551615]", "[0,8]"), 8, "tensor \"a\""},
    {ONE("\"F32\"", "[4611686018427387904,4]", "[0,0]"), 0, "tensor \"a\""},
    {ONE("\"F32\"", "[9223372036854775807,9223372036854775807,0]", "[0,0]"), 0, "tensor \"a\""},
    {ONE("\"F64\"", "[2305843009213693952]", "[0,0]"), 0, "tensor \"a\""},
    {ONE("\"F4\"", "[3]", "[0,2]"), 2, "tensor \"a\" of shape [3]"},
    {ONE("\"F6_E3M2\"", "[1]", "[0,1]"), 1, "tensor \"a\""},
    {ONE("\"F32\"", "[2]", "[4,12]"), 12, "tensor \"a\" begins at 4, behind a hole"},
    {"{" A "," B(4, 12) "}", 12, "tensor \"b\" begins at 4, within another tensor"},
    {"{" A "," B(0, 8) "}", 8, "within another tensor"},
    {"{" A "," B(12, 20) "}", 20, "tensor \"b\" begins at 12, behind a hole"},
    {"{" A "," B(8, 16) "}", 15, "tensor \"b\" ends at 16, but there are 15 bytes"},
    {"{" A "}", 9, "1 bytes follow the last tensor"},
    {"{}", 1, "1 bytes follow"},
    {"{\"b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}," A "}", 8, "tensor \"b\" begins at 4"},
};

START_TEST(what_must_be_refused_is_refused_with_the_tensor_or_key)
{
    lstm_safetensors *file;
    unsigned char *bytes;
    lstm_status status = open_header(refused[_i].header, refused[_i].data_size, &file, &bytes);
    ck_assert_msg(status == LSTM_ERR_FORMAT, "%s: %s", refused[_i].header, lstm_status_string(status));
    ck_assert_msg(strstr(lstm_error_message(), refused[_i].words), "%s: \"%s\" lacks \"%s\"", refused[_i].header,
                  lstm_error_message(), refused[_i].words);
}
END_TEST

/* Metadata of this library's; words NULL: they are fine. */
static const struct {
    const char *metadata, *words;
} keys[] = {
    {"\"format\":\"pt\"", NULL},
    {"\"lstmx\":\"1\"", NULL},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1\"", NULL},
    {"\"lstm.format\":\"model\",\"lstm.version\":\"1\",\"lstm.model\":\"{}\"", NULL},
    {"\"lstm.format\":\"checkpoint\",\"lstm.version\":\"1\",\"lstm.note\":\"x\"", NULL},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1\",\"lstm.checksum\":\"crc32:88aa689f\"", NULL},
    {"\"lstm.format\":\"params\"", "no lstm.version"},
    {"\"lstm.version\":\"1\"", "no lstm.format"},
    {"\"lstm.checksum\":\"crc32:88aa689f\"", "no lstm.format"},
    {"\"lstm.anything\":\"x\"", "no lstm.format"},
    {"\"lstm.format\":\"weights\",\"lstm.version\":\"1\"", "lstm.format is \"weights\""},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"2\"", "lstm.version is \"2\""},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1.0\"", "lstm.version is \"1.0\""},
    {"\"lstm.format\":\"params\\u0000\",\"lstm.version\":\"1\"", "\"lstm.format\" holds a NUL"},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1\",\"lstm.model\":\"{}\"", "lstm.model"},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1\",\"lstm.checksum\":\"crc32:88aa689e\"",
     "lstm.checksum is crc32:88aa689e, but the data give crc32:88aa689f"},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1\",\"lstm.checksum\":\"crc32:88AA689F\"", "lstm.checksum"},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1\",\"lstm.checksum\":\"88aa689f\"", "lstm.checksum"},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1\",\"lstm.checksum\":\"crc32:88aa689f0\"", "lstm.checksum"},
    {"\"lstm.format\":\"params\",\"lstm.version\":\"1\",\"lstm.checksum\":\"\"", "lstm.checksum"},
};

START_TEST(keys_of_the_library_are_checked)
{
    char header[300];
    lstm_safetensors *file = NULL;
    unsigned char *bytes = NULL;
    snprintf(header, sizeof header, "{\"__metadata__\":{%s}," A "}", keys[_i].metadata);
    lstm_status status = open_header(header, 8, &file, &bytes);
    if (keys[_i].words) {
        ck_assert_msg(status == LSTM_ERR_FORMAT && strstr(lstm_error_message(), keys[_i].words), "%s: %s", header,
                      status ? lstm_error_message() : "taken");
    } else {
        ck_assert_msg(status == LSTM_OK, "%s: %s", header, lstm_error_message());
        lstm_safetensors_destroy(file);
        free(bytes);
    }
}
END_TEST

START_TEST(nesting_ends_where_the_official_reader_ends_it)
{
    for (size_t levels = 125; levels <= 5000; levels += levels < 127 ? 1 : 4873) {
        char *header = test_allocate(2 * levels + 100, 1), *at = header;
        lstm_safetensors *file;
        unsigned char *bytes;
        at += sprintf(at, "{\"a\":{\"x[[\\\"{\":");
        for (size_t k = 0; k < levels; k++)
            *at++ = '[';
        for (size_t k = 0; k < levels; k++)
            *at++ = ']';
        strcpy(at, ",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}");
        lstm_status status = open_header(header, 8, &file, &bytes);
        ck_assert_int_eq(status, levels == 125 ? LSTM_OK : LSTM_ERR_FORMAT);
        if (status) {
            ck_assert_ptr_nonnull(strstr(lstm_error_message(), "levels"));
        } else {
            lstm_safetensors_destroy(file);
            free(bytes);
        }
        free(header);
    }
}
END_TEST

START_TEST(a_header_length_is_not_believed)
{
    const uint64_t lengths[] = {0, 3, 57, 58, 1000, 100000000, 100000001, INT64_MAX, UINT64_MAX - 7, UINT64_MAX};
    size_t size;
    unsigned char *bytes = safetensors_bytes("{" A "}", 8, &size);
    lstm_safetensors *file;
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        for (size_t byte = 0; byte < 8; byte++)
            bytes[byte] = (unsigned char)(lengths[k] >> 8 * byte);
        ck_fails(lstm_safetensors_open_memory(NULL, bytes, size, &file), LSTM_ERR_FORMAT, "header");
    }
    for (size_t short_size = 0; short_size < 8; short_size++)
        ck_fails(lstm_safetensors_open_memory(NULL, bytes, short_size, &file), LSTM_ERR_FORMAT, "8 bytes");
    free(bytes);
}
END_TEST

START_TEST(names_are_escaped_and_shortened_in_messages)
{
    char header[2000], name[1000];
    lstm_safetensors *file;
    unsigned char *bytes;
    ck_fails(open_header("{\"a\\n\\u001b[31m\\u007f\\u0085\\\"\\\\\xC3\xA4\":{}}", 0, &file, &bytes), LSTM_ERR_FORMAT,
             "tensor \"a\\x0a\\x1b[31m\\x7f\\x85\\\"\\\\\xC3\xA4\" has");
    for (size_t skip = 0; skip < 2; skip++) { /* the cut falls into a character, or between two */
        for (size_t k = 0; k + 2 < sizeof name; k += 2)
            memcpy(name + k, "\xC3\xA4", 3);
        snprintf(header, sizeof header, "{\"%s%s\":{}}", skip ? "x" : "", name);
        ck_fails(open_header(header, 0, &file, &bytes), LSTM_ERR_FORMAT, "\xC3\xA4...\" has");
        ck_assert_uint_lt(strlen(lstm_error_message()), 250);
        ck_assert_ptr_null(strstr(lstm_error_message(), "\xC3..."));
    }
}
END_TEST

START_TEST(tensors_come_in_the_order_of_their_data_and_are_found_by_name)
{
    lstm_safetensors *file;
    unsigned char *bytes;
    lstm_tensor tensor;
    ck_ok(open_header("{" B(8, 16) ",\"__metadata__\":{\"k\":\"v\"}," A "}", 16, &file, &bytes));
    for (size_t k = 0; k < 2; k++) {
        ck_ok(lstm_safetensors_tensor(file, k, &tensor));
        ck_assert_str_eq(tensor.name, k ? "b" : "a");
        ck_assert_int_eq(tensor.dtype, LSTM_DTYPE_F32);
        ck_assert_uint_eq(tensor.rank, 1);
        ck_assert_uint_eq(tensor.shape[0], 2);
        ck_assert_uint_eq(tensor.size, 8);
        uint32_t first; /* the bytes are 0, 1, 2, ..., little-endian */
        memcpy(&first, tensor.data, sizeof first);
        ck_assert_uint_eq(first, 0x03020100 + 0x08080808 * k);
        lstm_tensor found;
        ck_ok(lstm_safetensors_find(file, tensor.name, &found));
        ck_assert_ptr_eq(found.data, tensor.data);
    }
    ck_assert_str_eq(lstm_safetensors_metadata(file, "k"), "v");
    ck_assert_ptr_null(lstm_safetensors_metadata(file, "a"));
    ck_fails(lstm_safetensors_find(file, "c", &tensor), LSTM_ERR_INVALID_ARGUMENT, "\"c\"");
    ck_fails(lstm_safetensors_find(file, "__metadata__", &tensor), LSTM_ERR_INVALID_ARGUMENT, "__metadata__");
    ck_fails(lstm_safetensors_tensor(file, 2, &tensor), LSTM_ERR_INVALID_ARGUMENT, "index is 2");
    lstm_safetensors_destroy(file);
    free(bytes);
}
END_TEST

START_TEST(null_is_an_argument_error_everywhere)
{
    lstm_safetensors *file;
    unsigned char *bytes;
    lstm_tensor tensor;
    ck_ok(open_header("{" A "}", 8, &file, &bytes));
    const lstm_status bad = LSTM_ERR_INVALID_ARGUMENT;
    ck_fails(lstm_safetensors_open(NULL, NULL, &file), bad, "path is NULL");
    ck_fails(lstm_safetensors_open(NULL, "x", NULL), bad, "file is NULL");
    ck_fails(lstm_safetensors_open_memory(NULL, NULL, 8, &file), bad, "bytes is NULL");
    ck_fails(lstm_safetensors_open_memory(NULL, bytes, 8, NULL), bad, "file is NULL");
    ck_fails(lstm_safetensors_tensor(NULL, 0, &tensor), bad, "file is NULL");
    ck_fails(lstm_safetensors_tensor(file, 0, NULL), bad, "tensor is NULL");
    ck_fails(lstm_safetensors_find(NULL, "a", &tensor), bad, "file is NULL");
    ck_fails(lstm_safetensors_find(file, NULL, &tensor), bad, "name is NULL");
    ck_fails(lstm_safetensors_find(file, "a", NULL), bad, "tensor is NULL");
    ck_fails(lstm_safetensors_save(NULL, NULL, NULL, 0, NULL, 0), bad, "path is NULL");
    ck_fails(lstm_safetensors_save(NULL, "x", NULL, 1, NULL, 0), bad, "metadata is NULL");
    ck_fails(lstm_safetensors_save(NULL, "x", NULL, 0, NULL, 1), bad, "tensors is NULL");
    ck_assert_ptr_null(lstm_safetensors_metadata(NULL, "a"));
    ck_assert_ptr_null(lstm_safetensors_metadata(file, NULL));
    ck_assert_ptr_null(lstm_safetensors_metadata(file, "a"));
    ck_assert_uint_eq(lstm_safetensors_count(NULL), 0);
    lstm_safetensors_destroy(NULL);
    lstm_safetensors_destroy(file);
    free(bytes);
}
END_TEST

static const size_t shapes[][5] = {{4, 2}, {8}, {1, 2, 1, 2, 2}, {0, 3}, {16, 1, 1}};
static const size_t ranks[] = {2, 1, 5, 2, 3};

START_TEST(tensors_of_every_dtype_come_back_as_they_were)
{
    enum { DTYPES = LSTM_DTYPE_U64 + 1 };
    static const unsigned char bits[DTYPES] = {8,  4,  6,  6,  8,  8,  8,  8,  8,  8,  8,
                                               16, 16, 16, 16, 32, 32, 32, 64, 64, 64, 64};
    const lstm_metadata metadata[] = {{"b", "\xC3\xA4 \" \\ \n \x7F"}, {"", ""}};
    lstm_tensor tensors[DTYPES];
    unsigned char data[DTYPES][128];
    for (size_t k = 0; k < DTYPES; k++) {
        size_t count = 1;
        for (size_t axis = 0; axis < ranks[k % 5]; axis++)
            count *= shapes[k % 5][axis];
        for (size_t byte = 0; byte < sizeof data[k]; byte++)
            data[k][byte] = (unsigned char)(31 * k + 7 * byte);
        tensors[k] = (lstm_tensor){
            lstm_dtype_name((lstm_dtype)k), (lstm_dtype)k, ranks[k % 5], shapes[k % 5], data[k], count * bits[k] / 8};
    }
    lstm_safetensors *file;
    ck_ok(lstm_safetensors_save(NULL, test_path("x"), metadata, 2, tensors, DTYPES));
    ck_ok(lstm_safetensors_open(NULL, test_path("x"), &file));
    ck_assert_uint_eq(lstm_safetensors_count(file), DTYPES);
    for (size_t k = 0; k < DTYPES; k++) {
        lstm_tensor found;
        ck_ok(lstm_safetensors_find(file, tensors[k].name, &found));
        ck_assert_int_eq(found.dtype, tensors[k].dtype);
        ck_assert_uint_eq(found.rank, tensors[k].rank);
        ck_assert_mem_eq(found.shape, tensors[k].shape, found.rank * sizeof(size_t));
        ck_assert_uint_eq(found.size, tensors[k].size);
        ck_assert(found.size == 0 || !memcmp(found.data, tensors[k].data, found.size));
        const size_t unit = bits[k] == 64 && k != LSTM_DTYPE_C64 ? 8 : bits[k] >= 32 ? 4 : bits[k] == 16 ? 2 : 1;
        ck_assert_uint_eq((uintptr_t)found.data % unit, 0);
    }
    for (size_t k = 0; k < 2; k++)
        ck_assert_str_eq(lstm_safetensors_metadata(file, metadata[k].key), metadata[k].value);
    lstm_safetensors_destroy(file);
}
END_TEST

START_TEST(a_written_file_says_format_version_and_checksum)
{
    const float data[] = {1.0f, -2.0f};
    const size_t shape[] = {2};
    const lstm_tensor tensor = {"a", LSTM_DTYPE_F32, 1, shape, data, sizeof data};
    const lstm_metadata model[] = {{"lstm.model", "{}"}, {"lstm.format", "model"}};
    char checksum[32];
    lstm_safetensors *file;
    for (size_t given = 0; given <= 2; given += 2) {
        size_t size;
        ck_ok(lstm_safetensors_save(NULL, test_path("x"), given ? model : NULL, given, &tensor, 1));
        unsigned char *bytes = get_file(test_path("x"), &size);
        ck_assert_uint_eq((size - sizeof data) % 8, 0); /* so the data are aligned */
        snprintf(checksum, sizeof checksum, "crc32:%08lx", crc32(0, bytes + size - sizeof data, sizeof data));
        ck_ok(lstm_safetensors_open_memory(NULL, bytes, size, &file));
        ck_assert_str_eq(lstm_safetensors_metadata(file, "lstm.format"), given ? "model" : "params");
        ck_assert_str_eq(lstm_safetensors_metadata(file, "lstm.version"), "1");
        ck_assert_str_eq(lstm_safetensors_metadata(file, "lstm.checksum"), checksum);
        lstm_safetensors_destroy(file);
        bytes[size - 1] ^= 1;
        ck_fails(lstm_safetensors_open_memory(NULL, bytes, size, &file), LSTM_ERR_FORMAT, "lstm.checksum");
        free(bytes);
    }
}
END_TEST

START_TEST(a_file_of_no_tensors_can_be_written)
{
    lstm_safetensors *file;
    ck_ok(lstm_safetensors_save(NULL, test_path("x"), NULL, 0, NULL, 0));
    ck_ok(lstm_safetensors_open(NULL, test_path("x"), &file));
    ck_assert_uint_eq(lstm_safetensors_count(file), 0);
    ck_assert_str_eq(lstm_safetensors_metadata(file, "lstm.checksum"), "crc32:00000000");
    lstm_safetensors_destroy(file);
}
END_TEST

static void save_fails(const lstm_metadata *metadata, size_t metadata_count, const lstm_tensor *tensors, size_t count,
                       const char *words)
{
    ck_fails(lstm_safetensors_save(NULL, test_path("x"), metadata, metadata_count, tensors, count),
             LSTM_ERR_INVALID_ARGUMENT, words);
    ck_assert_uint_eq(count_files(), 0);
}

START_TEST(what_could_not_be_read_is_not_written)
{
    const size_t shape[] = {2}, huge[] = {SIZE_MAX, 0};
    const float data[] = {1.0f, 2.0f};
    const lstm_tensor a = {"a", LSTM_DTYPE_F32, 1, shape, data, sizeof data};
    const lstm_tensor twice[] = {a, a};
    lstm_tensor bad = a;
    save_fails(NULL, 0, twice, 2, "\"a\" is given twice");
    bad.name = NULL;
    save_fails(NULL, 0, &bad, 1, "tensors[0] has no name");
    bad.name = "__metadata__";
    save_fails(NULL, 0, &bad, 1, "__metadata__");
    bad.name = "a\xFF";
    save_fails(NULL, 0, &bad, 1, "not UTF-8");
    bad = a;
    bad.shape = NULL;
    save_fails(NULL, 0, &bad, 1, "tensors[0] has no shape");
    bad = a;
    bad.data = NULL;
    save_fails(NULL, 0, &bad, 1, "tensors[0] has no data");
    bad = a;
    bad.size = 7;
    save_fails(NULL, 0, &bad, 1, "\"a\" do not fit");
    bad = a;
    bad.dtype = (lstm_dtype)22;
    save_fails(NULL, 0, &bad, 1, "\"a\" do not fit");
    bad = (lstm_tensor){"a", LSTM_DTYPE_F32, 2, huge, NULL, 0};
    if (SIZE_MAX > INT64_MAX) /* elsewhere no size is too large for the file */
        save_fails(NULL, 0, &bad, 1, "\"a\" do not fit");
    save_fails((const lstm_metadata[]){{"k", "1"}, {"k", "1"}}, 2, &a, 1, "\"k\" is given twice");
    save_fails((const lstm_metadata[]){{"k", NULL}}, 1, &a, 1, "metadata[0]");
    save_fails((const lstm_metadata[]){{NULL, "v"}}, 1, &a, 1, "metadata[0]");
    save_fails((const lstm_metadata[]){{"k", "\xC3"}}, 1, &a, 1, "\"k\"");
    save_fails((const lstm_metadata[]){{"lstm.checksum", "crc32:00000000"}}, 1, &a, 1, "lstm.checksum");
    save_fails((const lstm_metadata[]){{"lstm.format", "weights"}}, 1, &a, 1, "lstm.format");
    save_fails((const lstm_metadata[]){{"lstm.version", "2"}}, 1, &a, 1, "lstm.version");
    save_fails((const lstm_metadata[]){{"lstm.model", "{}"}}, 1, &a, 1, "lstm.model");
}
END_TEST

/* An allocator that gives nothing once `left` is used up. */
typedef struct meter {
    size_t left, live;
} meter;

static void *metered_allocate(void *user, size_t size, size_t alignment)
{
    meter *m = user;
    ck_assert_uint_gt(size, 0);
    void *memory = m->left ? lstm__platform_allocate(size, alignment) : NULL;
    if (!memory)
        return NULL;
    m->left--;
    m->live++;
    return memory;
}

static void metered_release(void *user, void *memory)
{
    ((meter *)user)->live--;
    lstm__platform_release(memory);
}

START_TEST(an_allocation_that_fails_is_out_of_memory_and_leaks_nothing)
{
    const size_t shape[] = {2};
    const float data[] = {1.0f, 2.0f};
    const lstm_tensor tensor = {"a", LSTM_DTYPE_F32, 1, shape, data, sizeof data};
    meter m = {.left = SIZE_MAX};
    lstm_context *context;
    ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .allocator = {&m, metered_allocate, metered_release}),
                              &context));
    size_t succeeded = 0;
    for (m.left = 0; succeeded < 2; m.left++) {
        const size_t left = m.left;
        lstm_safetensors *file = NULL;
        lstm_status status = lstm_safetensors_save(context, test_path("x"), NULL, 0, &tensor, 1);
        ck_assert(status == LSTM_OK || (status == LSTM_ERR_OUT_OF_MEMORY && count_files() == 0));
        ck_assert_uint_eq(m.live, 1);
        if (!status) {
            m.left = left;
            status = lstm_safetensors_open(context, test_path("x"), &file);
            ck_assert(status == LSTM_OK || status == LSTM_ERR_OUT_OF_MEMORY);
            lstm_safetensors_destroy(file);
            remove(test_path("x"));
            succeeded += !status;
        }
        ck_assert_uint_eq(m.live, 1);
        ck_assert_uint_lt(left, 50);
        m.left = left;
    }
    lstm_context_destroy(context);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(array)[0])

Suite *safetensors_suite(void)
{
    Suite *suite = test_suite(
        "safetensors",
        (const TTest *const[]){
            nesting_ends_where_the_official_reader_ends_it, a_header_length_is_not_believed,
            names_are_escaped_and_shortened_in_messages, tensors_come_in_the_order_of_their_data_and_are_found_by_name,
            null_is_an_argument_error_everywhere, tensors_of_every_dtype_come_back_as_they_were,
            a_written_file_says_format_version_and_checksum, a_file_of_no_tensors_can_be_written,
            what_could_not_be_read_is_not_written, an_allocation_that_fails_is_out_of_memory_and_leaks_nothing, NULL});
    TCase *tables = tcase_create("tables");
    suite_add_tcase(suite, tables);
    tcase_add_loop_test(tables, what_the_official_reader_takes_is_taken, 0, COUNT(accepted));
    tcase_add_loop_test(tables, what_must_be_refused_is_refused_with_the_tensor_or_key, 0, COUNT(refused));
    tcase_add_loop_test(tables, keys_of_the_library_are_checked, 0, COUNT(keys));
    return suite;
}
