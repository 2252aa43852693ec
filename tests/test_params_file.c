/* Stores in files: what comes back, what is refused, and that a failure changes nothing. */
#include "files.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t kernel_shape[] = {2, 3}, bias_shape[] = {3};

/* An open store of rnn/kernel [2, 3] and rnn/bias [3]. */
static lstm_params *open_store(void)
{
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_declare(params, "rnn/kernel", 2, kernel_shape, NULL));
    ck_ok(lstm_params_declare(params, "rnn/bias", 1, bias_shape, NULL));
    return params;
}

static lstm_params *sealed_store(void)
{
    lstm_params *params = open_store();
    ck_ok(lstm_params_initialize(params, 1));
    return params;
}

/* Write a file of these tensors, all of them of floats 1, 2, 3, ... */
typedef struct made {
    const char *name;
    size_t rank, shape[3];
    lstm_dtype dtype;
} made;

static void make_file(const char *path, const char *format, size_t count, const made *tensors)
{
    static const float data[64] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const lstm_metadata metadata = {"lstm.format", format};
    lstm_tensor t[16];
    for (size_t k = 0; k < count; k++) {
        t[k] = (lstm_tensor){tensors[k].name, tensors[k].dtype, tensors[k].rank, tensors[k].shape, data, 4};
        for (size_t axis = 0; axis < tensors[k].rank; axis++)
            t[k].size *= tensors[k].shape[axis];
    }
    ck_ok(lstm_safetensors_save(NULL, path, &metadata, format ? 1 : 0, t, count));
}

static const made kernel = {"rnn/kernel", 2, {2, 3}, LSTM_DTYPE_F32}, bias = {"rnn/bias", 1, {3}, LSTM_DTYPE_F32};

START_TEST(values_come_back_bit_by_bit_also_nan_and_infinity)
{
    size_t count;
    lstm_params *from = sealed_store(), *to = open_store(), *again = sealed_store();
    float *values = lstm_params_edit(from, &count);
    values[1] = NAN;
    values[2] = -INFINITY;
    values[3] = -0.0f;
    values[4] = 0x1p-149f;
    ck_ok(lstm_params_save(from, test_path("x")));
    ck_ok(lstm_params_load(to, test_path("x")));
    ck_ok(lstm_params_load(again, test_path("x")));
    ck_assert(same_bits(lstm_params_data(to, NULL), values, count));
    ck_assert(same_bits(lstm_params_data(again, NULL), values, count));
    lstm_params_destroy(from);
    lstm_params_destroy(to);
    lstm_params_destroy(again);
}
END_TEST

START_TEST(a_file_has_the_variables_in_order_and_its_format)
{
    lstm_params *params = sealed_store(), *frozen;
    lstm_safetensors *file;
    lstm_tensor tensor;
    ck_ok(lstm_params_freeze(params, NULL, &frozen));
    ck_ok(lstm_params_save(frozen, test_path("x")));
    ck_ok(lstm_safetensors_open(NULL, test_path("x"), &file));
    ck_assert_str_eq(lstm_safetensors_metadata(file, "lstm.format"), "params");
    ck_assert_uint_eq(lstm_safetensors_count(file), 2);
    ck_ok(lstm_safetensors_tensor(file, 0, &tensor));
    ck_assert_str_eq(tensor.name, "rnn/kernel");
    ck_assert_int_eq(tensor.dtype, LSTM_DTYPE_F32);
    ck_assert_uint_eq(tensor.rank, 2);
    ck_assert_uint_eq(tensor.shape[1], 3);
    ck_assert_mem_eq(tensor.data, lstm_params_data(params, NULL), 6 * sizeof(float));
    lstm_safetensors_destroy(file);
    lstm_params_destroy(params);
    lstm_params_destroy(frozen);
}
END_TEST

START_TEST(a_store_without_variables_can_be_saved_and_loaded)
{
    lstm_params *params, *other;
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_params_save(params, test_path("x")));
    ck_ok(lstm_params_create(NULL, &other));
    ck_ok(lstm_params_load(other, test_path("x")));
    ck_assert_ptr_nonnull(lstm_params_data(other, NULL));
    lstm_params_destroy(params);
    lstm_params_destroy(other);
}
END_TEST

START_TEST(loading_seals_an_open_store_as_initializing_does)
{
    lstm_params *params = open_store(), *like;
    size_t size;
    make_file(test_path("x"), NULL, 2, (const made[]){bias, kernel});
    unsigned char *bytes = get_file(test_path("x"), &size);
    ck_ok(lstm_params_load_memory(params, bytes, size));
    free(bytes);
    ck_assert_float_eq(lstm_params_data(params, NULL)[5], 6.0f);
    ck_fails(lstm_params_declare(params, "late", 1, bias_shape, NULL), LSTM_ERR_STATE, "sealed");
    ck_ok(lstm_params_create_like(params, &like));
    lstm_params_destroy(params);
    lstm_params_destroy(like);
}
END_TEST

/* A store that the file at x does not fit: refused with those words, and as it was, open or sealed. */
static void check_refused(lstm_status expected, const char *words)
{
    size_t count;
    lstm_params *open = open_store(), *sealed = sealed_store(), *before = sealed_store();
    ck_fails(lstm_params_load(open, test_path("x")), expected, words);
    ck_assert_ptr_null((const void *)lstm_params_data(open, NULL));
    ck_ok(lstm_params_declare(open, "late", 1, bias_shape, NULL));
    ck_fails(lstm_params_load(sealed, test_path("x")), expected, words);
    const float *values = lstm_params_data(before, &count);
    ck_assert(same_bits(lstm_params_data(sealed, NULL), values, count));
    lstm_params_destroy(open);
    lstm_params_destroy(sealed);
    lstm_params_destroy(before);
}

START_TEST(missing_unused_and_misshaped_tensors_are_named_and_nothing_changes)
{
    const made long_bias = {"rnn/bias", 1, {4}, LSTM_DTYPE_F32}, flat = {"rnn/kernel", 1, {6}, LSTM_DTYPE_F32};
    const made column = {"rnn/bias", 2, {3, 1}, LSTM_DTYPE_F32}, other = {"other", 3, {1, 2, 1}, LSTM_DTYPE_F32};
    const made slot = {"checkpoint/adam/m/rnn/bias", 1, {3}, LSTM_DTYPE_F32};
    const struct {
        made tensors[3];
        size_t count;
        const char *words;
    } cases[] = {
        {{kernel}, 1, "missing \"rnn/bias\" [3]"},
        {{kernel, bias, other}, 3, "unused \"other\" [1, 2, 1]"},
        {{kernel, bias, slot}, 3, "unused \"checkpoint/adam/m/rnn/bias\" [3]"},
        {{kernel, long_bias}, 2, "wrong shape of \"rnn/bias\": [4], expected [3]"},
        {{kernel, column}, 2, "wrong shape of \"rnn/bias\": [3, 1], expected [3]"},
        {{flat, bias}, 2, "wrong shape of \"rnn/kernel\": [6], expected [2, 3]"},
        {{flat, other},
         2,
         "\": wrong shape of \"rnn/kernel\": [6], expected [2, 3]; missing \"rnn/bias\" [3]; unused \"other\" [1, 2, "
         "1]"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        make_file(test_path("x"), NULL, cases[k].count, cases[k].tensors);
        check_refused(LSTM_ERR_FORMAT, cases[k].words);
    }
}
END_TEST

START_TEST(many_faults_make_one_message_of_bounded_length)
{
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    for (int k = 0; k < 50; k++) {
        char name[200];
        snprintf(name, sizeof name, "%d/%0150d", k, 0);
        ck_ok(lstm_params_declare(params, name, 1, bias_shape, NULL));
    }
    make_file(test_path("x"), NULL, 1, &kernel);
    ck_fails(lstm_params_load(params, test_path("x")), LSTM_ERR_FORMAT, "missing \"0/000");
    ck_assert_ptr_nonnull(strstr(lstm_error_message(), "; and 49 more"));
    lstm_params_destroy(params);
}
END_TEST

START_TEST(weights_come_out_of_model_and_checkpoint_files_too)
{
    const made test = {"selftest/0/inputs", 1, {2}, LSTM_DTYPE_F32};
    const made slot = {"checkpoint/adam/m/rnn/bias", 1, {3}, LSTM_DTYPE_F32};
    const char *const formats[] = {"model", "checkpoint"};
    for (size_t k = 0; k < 2; k++) {
        lstm_params *params = open_store();
        make_file(test_path("x"), formats[k], 4, (const made[]){test, kernel, slot, bias});
        ck_ok(lstm_params_load(params, test_path("x")));
        ck_assert_float_eq(lstm_params_data(params, NULL)[8], 3.0f);
        lstm_params_destroy(params);
    }
    make_file(test_path("x"), "params", 3, (const made[]){test, kernel, bias});
    check_refused(LSTM_ERR_FORMAT, "unused \"selftest/0/inputs\"");
}
END_TEST

START_TEST(narrow_and_wide_floats_are_converted_and_integers_refused)
{
    const uint16_t halves[] = {0x3C00, 0xC000, 0x7C00, 0x0001, 0, 0};
    const double wide[] = {0.1, 1e300, -3.0};
    const lstm_tensor tensors[] = {{"rnn/kernel", LSTM_DTYPE_F16, 2, kernel_shape, halves, sizeof halves},
                                   {"rnn/bias", LSTM_DTYPE_F64, 1, bias_shape, wide, sizeof wide}};
    lstm_params *params = open_store();
    ck_ok(lstm_safetensors_save(NULL, test_path("x"), NULL, 0, tensors, 2));
    ck_ok(lstm_params_load(params, test_path("x")));
    const float expected[] = {1.0f, -2.0f, INFINITY, 0x1p-24f, 0.0f, 0.0f, 0.1f, INFINITY, -3.0f};
    ck_assert(same_bits(lstm_params_data(params, NULL), expected, 9));
    lstm_params_destroy(params);
    const made integers = {"rnn/kernel", 2, {2, 3}, LSTM_DTYPE_I32};
    make_file(test_path("x"), NULL, 2, (const made[]){integers, bias});
    check_refused(LSTM_ERR_FORMAT, "wrong dtype of \"rnn/kernel\": I32");
}
END_TEST

START_TEST(a_damaged_or_absent_file_changes_nothing)
{
    size_t size;
    make_file(test_path("x"), NULL, 2, (const made[]){kernel, bias});
    unsigned char *bytes = get_file(test_path("x"), &size);
    bytes[size - 1] ^= 1;
    put_file(test_path("x"), bytes, size);
    check_refused(LSTM_ERR_FORMAT, "lstm.checksum");
    put_file(test_path("x"), bytes, size - 1);
    check_refused(LSTM_ERR_FORMAT, "lstm_params_load: \"");
    remove(test_path("x"));
    check_refused(LSTM_ERR_IO, "No such file");
    free(bytes);
}
END_TEST

START_TEST(open_and_frozen_stores_and_null_are_refused)
{
    lstm_params *open = open_store(), *sealed = sealed_store(), *frozen;
    ck_ok(lstm_params_freeze(sealed, NULL, &frozen));
    ck_ok(lstm_params_save(sealed, test_path("x")));
    ck_fails(lstm_params_save(open, test_path("y")), LSTM_ERR_STATE, "params is open");
    ck_fails(lstm_params_load(frozen, test_path("x")), LSTM_ERR_STATE, "frozen");
    ck_fails(lstm_params_load_memory(frozen, "", 0), LSTM_ERR_STATE, "frozen");
    ck_fails(lstm_params_save(NULL, "x"), LSTM_ERR_INVALID_ARGUMENT, "params is NULL");
    ck_fails(lstm_params_save(sealed, NULL), LSTM_ERR_INVALID_ARGUMENT, "path is NULL");
    ck_fails(lstm_params_load(NULL, "x"), LSTM_ERR_INVALID_ARGUMENT, "params is NULL");
    ck_fails(lstm_params_load(sealed, NULL), LSTM_ERR_INVALID_ARGUMENT, "path is NULL");
    ck_fails(lstm_params_load_memory(NULL, "", 0), LSTM_ERR_INVALID_ARGUMENT, "params is NULL");
    ck_fails(lstm_params_load_memory(sealed, NULL, 0), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    ck_fails(lstm_params_load_memory(sealed, "", 0), LSTM_ERR_FORMAT,
             "lstm_params_load_memory: not a safetensors file");
    ck_assert_uint_eq(count_files(), 1);
    lstm_params_destroy(open);
    lstm_params_destroy(sealed);
    lstm_params_destroy(frozen);
}
END_TEST

START_TEST(loaded_weights_make_the_last_forward_call_stale)
{
    lstm_params *params;
    lstm_rnn *rnn;
    lstm_tape *tape;
    lstm_cell *cell = test_cell("basic_rnn", 2, LSTM_ACTIVATION_TANH, 0.0f);
    const float x[] = {1.0f};
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, "rnn", cell, 1, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_params_save(params, test_path("x")));
    ck_ok(lstm_tape_create(rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 1, .max_time = 1), &tape));
    ck_ok(lstm_dynamic_rnn(tape, params, LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 1, .inputs = x)));
    ck_ok(lstm_params_load(params, test_path("x")));
    ck_assert_int_eq(lstm_dynamic_rnn_backward(tape, params, LSTM_ARGS(lstm_dynamic_rnn_grads, .d_params = NULL)),
                     LSTM_ERR_STATE);
    lstm_tape_destroy(tape);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}
END_TEST

Suite *params_file_suite(void)
{
    return test_suite(
        "params_file",
        (const TTest *const[]){
            values_come_back_bit_by_bit_also_nan_and_infinity, a_file_has_the_variables_in_order_and_its_format,
            a_store_without_variables_can_be_saved_and_loaded, loading_seals_an_open_store_as_initializing_does,
            missing_unused_and_misshaped_tensors_are_named_and_nothing_changes,
            many_faults_make_one_message_of_bounded_length, weights_come_out_of_model_and_checkpoint_files_too,
            narrow_and_wide_floats_are_converted_and_integers_refused, a_damaged_or_absent_file_changes_nothing,
            open_and_frozen_stores_and_null_are_refused, loaded_weights_make_the_last_forward_call_stale, NULL});
}
