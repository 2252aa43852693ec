/* Mutates a safetensors file as one: its header, as text or as JSON, or its data; then the header's length, and mostly
 * the places of the tensors and the checksum, are made right again. A graph that has changed gets the tensors it
 * needs. */
#include "mutate_json.h"

#include "mutate_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MAX_SIZE = 1 << 16, PREFIX = 8 };

/* A file taken apart. */
typedef struct parts {
    size_t header_size, data_size, room; /* room: for both */
    char header[MAX_SIZE];
    uint8_t data[MAX_SIZE];
} parts;

static parts file;

static void take_apart(const uint8_t *bytes, size_t size, size_t max_size)
{
    uint64_t length = 0;
    for (size_t k = 0; k < PREFIX; k++)
        length |= (uint64_t)bytes[k] << 8 * k;
    file.header_size = length < size - PREFIX ? (size_t)length : size - PREFIX;
    file.data_size = size - PREFIX - file.header_size;
    file.room = max_size - PREFIX;
    memcpy(file.header, bytes + PREFIX, file.header_size);
    memcpy(file.data, bytes + PREFIX + file.header_size, file.data_size);
}

static void fix_checksum(void)
{
    static const char key[] = "\"crc32:";
    for (size_t k = 0; k + sizeof key + 8 < file.header_size; k++) {
        char digits[9];
        if (memcmp(file.header + k, key, sizeof key - 1) != 0)
            continue;
        snprintf(digits, sizeof digits, "%08lx", crc32_z(0, file.data, file.data_size));
        memcpy(file.header + k + sizeof key - 1, digits, 8);
    }
}

static size_t put_together(uint8_t *bytes)
{
    for (size_t k = 0; k < PREFIX; k++)
        bytes[k] = (uint8_t)((uint64_t)file.header_size >> 8 * k);
    memcpy(bytes + PREFIX, file.header, file.header_size);
    memcpy(bytes + PREFIX + file.header_size, file.data, file.data_size);
    return PREFIX + file.header_size + file.data_size;
}

/* The bytes that an entry says it has; more than there is room for counts as none. */
static size_t size_of(const json_t *entry)
{
    static const struct {
        const char *name;
        size_t bits;
    } dtypes[] = {{"F32", 32}, {"F16", 16}, {"BF16", 16}, {"F64", 64}, {"I64", 64}, {"I32", 32},
                  {"U64", 64}, {"U8", 8},   {"BOOL", 8},  {"C64", 64}, {"F4", 4},   {"F6_E2M3", 6}};
    const json_t *shape = json_object_get(entry, "shape");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    size_t bits = 0;
    for (size_t k = 0; dtype && k < sizeof dtypes / sizeof *dtypes; k++)
        if (!strcmp(dtype, dtypes[k].name))
            bits = dtypes[k].bits;
    for (size_t k = 0; k < json_array_size(shape); k++) {
        const json_int_t axis = json_integer_value(json_array_get(shape, k));
        if (axis < 0 || axis > MAX_SIZE || (bits *= (size_t)axis) > 8 * MAX_SIZE)
            return 0;
    }
    return bits / 8;
}

/* The tensors stand one behind the other again; there are as many data as they need, the first ones over and over. */
static void fix_places(json_t *header)
{
    const char *name;
    json_t *entry;
    size_t end = 0;
    const size_t before = file.data_size ? file.data_size : 1;
    json_object_foreach (header, name, entry) {
        if (!strcmp(name, "__metadata__") || !json_is_object(entry))
            continue;
        const size_t begin = end, size = size_of(entry);
        end += size < MAX_SIZE - end ? size : 0;
        json_object_set_new(entry, "data_offsets", json_pack("[II]", (json_int_t)begin, (json_int_t)end));
    }
    for (size_t k = file.data_size; k < end; k++)
        file.data[k] = file.data[k % before];
    file.data_size = end;
}

/* Entries for the variables of the graph instead of those that are there, but for what is no weight. */
static void fit_to_graph(json_t *header)
{
    const char *graph = json_string_value(json_object_get(json_object_get(header, "__metadata__"), "lstm.model"));
    const char *name;
    json_t *entry;
    void *next;
    lstm_params *params;
    lstm_model *model;
    if (!graph || lstm_params_create(NULL, &params))
        return;
    if (lstm_model_create(params, graph, &model)) {
        lstm_params_destroy(params);
        return;
    }
    json_object_foreach_safe (header, next, name, entry)
        if (strcmp(name, "__metadata__") != 0 && strncmp(name, "checkpoint/", 11) != 0 && strncmp(name, "selftest/", 9))
            json_object_del(header, name);
    for (size_t k = 0; k < lstm_params_variable_count(params); k++) {
        lstm_variable_info info;
        json_t *shape = json_array();
        lstm_params_variable(params, k, &info);
        for (size_t axis = 0; axis < info.rank; axis++)
            json_array_append_new(shape, json_integer((json_int_t)info.shape[axis]));
        json_object_set_new(header, info.name, json_pack("{sssosn}", "dtype", "F32", "shape", shape, "data_offsets"));
    }
    lstm_model_destroy(model);
    lstm_params_destroy(params);
}

static bool mutate_as_json(uint64_t *state)
{
    json_t *header = json_loadb(file.header, file.header_size, 0, NULL);
    if (!json_is_object(header)) {
        json_decref(header);
        return false;
    }
    for (size_t k = fuzz_random(state, 3) + 1; k; k--)
        fuzz_mutate_json(header, state);
    if (fuzz_random(state, 2))
        fit_to_graph(header);
    if (fuzz_random(state, 4))
        fix_places(header);
    const size_t size = json_dumpb(header, file.header, sizeof file.header, JSON_COMPACT);
    json_decref(header);
    file.header_size = size < sizeof file.header ? size : sizeof file.header;
    return true;
}

static size_t mutate(uint8_t *data, size_t size, size_t max_size, uint64_t *state)
{
    take_apart(data, size, max_size);
    const size_t way = fuzz_random(state, 8);
    if (file.header_size == file.room || file.data_size == file.room)
        return LLVMFuzzerMutate(data, size, max_size);
    if (way == 0)
        file.data_size = LLVMFuzzerMutate(file.data, file.data_size, file.room - file.header_size);
    else if (way == 1 || !mutate_as_json(state))
        file.header_size = LLVMFuzzerMutate((uint8_t *)file.header, file.header_size, file.room - file.data_size);
    if (file.header_size + file.data_size > file.room)
        return size;
    if (fuzz_random(state, 16))
        fix_checksum();
    return put_together(data);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed;
    const size_t first = fuzz_selector_size;
    if (size < first + PREFIX || max_size > MAX_SIZE || fuzz_random(&state, 16) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    if (first && fuzz_random(&state, 8) == 0)
        data[fuzz_random(&state, first)] = (uint8_t)fuzz_random(&state, 256);
    return first + mutate(data + first, size - first, max_size - first, &state);
}
