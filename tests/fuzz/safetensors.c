/* Any bytes as a safetensors file: from memory and from a file alike; what is read can be written and read again. */
#include "fuzz.h"
#include "mutate_file.h"

#include <stdlib.h>
#include <string.h>

const size_t fuzz_selector_size = 0;

static bool is_real(lstm_dtype dtype)
{
    return dtype == LSTM_DTYPE_F32 || dtype == LSTM_DTYPE_F16 || dtype == LSTM_DTYPE_BF16 || dtype == LSTM_DTYPE_F64;
}

static size_t count_of(const lstm_tensor *t)
{
    size_t count = 1;
    for (size_t k = 0; k < t->rank; k++)
        count *= t->shape[k];
    return count;
}

/* Values into an array of just the size; nothing into one that is not of it. */
static void read_values(const lstm_tensor *t)
{
    static const size_t sizes[] = {sizeof(float), sizeof(int64_t)};
    const size_t count = t->size ? count_of(t) : 0;
    for (size_t k = 0; k < 2 && count < 4096; k++) {
        void *values = fuzz_array(count, sizes[k]);
        const unsigned documented = FORMAT | (t->size ? 0 : SHAPE);
        lstm_status status = k ? fuzz_status(lstm_tensor_integers(t, count, values), "lstm_tensor_integers", documented)
                               : fuzz_status(lstm_tensor_floats(t, count, values), "lstm_tensor_floats", documented);
        need(!status || fuzz_untouched(values, count * sizes[k]));
        need(k || !is_real(t->dtype) || !status || !t->size);
        need(lstm_tensor_floats(t, count + 1, values) != LSTM_OK);
    }
}

static void check_tensor(const lstm_safetensors *file, const lstm_tensor *t)
{
    lstm_tensor found;
    unsigned char sum = 0;
    for (size_t k = 0; k < t->size; k++)
        sum ^= ((const unsigned char *)t->data)[k];
    volatile unsigned char all_is_read = sum;
    (void)all_is_read;
    need(!lstm_safetensors_find(file, t->name, &found));
    need(found.name == t->name && found.data == t->data && found.size == t->size);
    need(strcmp(lstm_dtype_name(t->dtype), "unknown") != 0);
    read_values(t);
    fuzz_arrays_check();
}

static void check_tensors(const lstm_safetensors *file)
{
    lstm_tensor t;
    for (size_t k = 0; k < lstm_safetensors_count(file); k++) {
        need(!lstm_safetensors_tensor(file, k, &t));
        check_tensor(file, &t);
    }
    need(lstm_safetensors_tensor(file, lstm_safetensors_count(file), &t) == LSTM_ERR_INVALID_ARGUMENT);
}

/* The tensors of both, with the same bytes. */
static void check_same(const lstm_safetensors *a, const lstm_safetensors *b)
{
    lstm_tensor t, found;
    need(lstm_safetensors_count(a) == lstm_safetensors_count(b));
    for (size_t k = 0; k < lstm_safetensors_count(a); k++) {
        need(!lstm_safetensors_tensor(a, k, &t) && !lstm_safetensors_find(b, t.name, &found));
        need(t.dtype == found.dtype && t.rank == found.rank && t.size == found.size);
        need(!t.rank || !memcmp(t.shape, found.shape, t.rank * sizeof *t.shape));
        need(!t.size || !memcmp(t.data, found.data, t.size));
    }
}

static void write_again(const lstm_safetensors *file)
{
    const size_t count = lstm_safetensors_count(file);
    lstm_tensor *tensors = calloc(count + 1, sizeof *tensors);
    lstm_safetensors *again;
    need(tensors);
    for (size_t k = 0; k < count; k++)
        need(!lstm_safetensors_tensor(file, k, &tensors[k]));
    need(!lstm_safetensors_save(fuzz_context(), fuzz_output_path(), NULL, 0, tensors, count));
    need(!lstm_safetensors_open(fuzz_context(), fuzz_output_path(), &again));
    check_same(file, again);
    lstm_safetensors_destroy(again);
    free(tensors);
}

/* A store with these variables is filled by the file, if all are of real numbers and ranks that a store has. */
static void load_as_weights(const lstm_safetensors *file, const void *bytes, size_t size)
{
    lstm_params *params;
    lstm_tensor t;
    bool fits = true;
    need(!lstm_params_create(fuzz_context(), &params));
    for (size_t k = 0; k < lstm_safetensors_count(file); k++) {
        need(!lstm_safetensors_tensor(file, k, &t));
        if (lstm_params_declare(params, t.name, t.rank, t.shape, NULL) || !is_real(t.dtype))
            fits = false;
    }
    lstm_status status = fuzz_status(lstm_params_load_memory(params, bytes, size), "lstm_params_load_memory", FORMAT);
    need(!fits || !status);
    need(!status == (lstm_params_data(params, NULL) != NULL));
    lstm_params_destroy(params);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    lstm_safetensors *file = FUZZ_MARK, *from_path = FUZZ_MARK;
    if (!size)
        return 0;
    fuzz_memory_begin();
    lstm_status status = fuzz_status(lstm_safetensors_open_memory(fuzz_context(), bytes, size, &file),
                                     "lstm_safetensors_open_memory", FORMAT);
    need(fuzz_memory_taken() <= 64 * size + 4096);
    need(fuzz_status(lstm_safetensors_open(fuzz_context(), fuzz_input_path(bytes, size), &from_path),
                     "lstm_safetensors_open", FORMAT) == status);
    need(fuzz_memory_taken() <= 2 * (64 * size + 4096));
    if (status) {
        need(file == FUZZ_MARK && from_path == FUZZ_MARK);
    } else {
        check_tensors(file);
        check_same(file, from_path);
        write_again(file);
        load_as_weights(file, bytes, size);
        lstm_safetensors_destroy(file);
        lstm_safetensors_destroy(from_path);
    }
    fuzz_memory_check();
    return 0;
}

/* A header and bytes 0, 1, 2, ... as data. */
static void seed(const char *name, const char *header, size_t data_size)
{
    unsigned char bytes[2048] = {0};
    const size_t length = strlen(header);
    need(8 + length + data_size <= sizeof bytes);
    bytes[0] = (unsigned char)(length & 0xFF);
    bytes[1] = (unsigned char)(length >> 8);
    memcpy(bytes + 8, header, length); /* NOLINT(bugprone-not-null-terminated-result): data follow */
    for (size_t k = 0; k < data_size; k++)
        bytes[8 + length + k] = (unsigned char)k;
    fuzz_seed(name, bytes, 8 + length + data_size);
}

void fuzz_seeds(void)
{
    const float values[6] = {1.0f, -2.0f, 0.5f};
    seed("empty", "{}", 0);
    seed("spaces", "  {\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}   ", 24);
    seed("scalars",
         "{\"f\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
         "\"i\":{\"dtype\":\"I32\",\"shape\":[],\"data_offsets\":[8,12]}}",
         12);
    seed("halves",
         "{\"b\":{\"dtype\":\"BF16\",\"shape\":[2,1],\"data_offsets\":[4,8]},"
         "\"h\":{\"dtype\":\"F16\",\"shape\":[1,1,2],\"data_offsets\":[0,4]}}",
         8);
    seed("integers",
         "{\"i\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]},"
         "\"u\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[16,24]}}",
         24);
    seed("no_elements",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}",
         3);
    seed("bits",
         "{\"a\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"F6_E2M3\",\"shape\":[4],\"data_offsets\":[2,5]}}",
         5);
    seed("as_an_array", "{\"a\":[{\"BOOL\":null},[2],[0,2]]}", 2);
    seed("metadata",
         "{\"__metadata__\":{\"by\":\"others\",\"none\":null},\"a\":{\"dtype\":\"C64\",\"shape\":[1],"
         "\"data_offsets\":[0,8],\"more\":[1e5,true]}}",
         8);
    seed("large_integer",
         "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":18446744073709551615}}", 1);
    seed("nested", "{\"a\":{\"more\":[[[[[[{\"a\":[]}]]]]]],\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
         1);
    seed("hole", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2);
    const lstm_tensor tensor = {"rnn/kernel", LSTM_DTYPE_F32, 2, (const size_t[]){2, 3}, values, sizeof values};
    need(!lstm_safetensors_save(NULL, fuzz_output_path(), NULL, 0, &tensor, 1));
    fuzz_seed_file("saved", "", 0, fuzz_output_path());
}
