/* The dense layer beside the oracle. */
#include "golden.h"
#include "reference.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lstm_activation activations[] = {LSTM_ACTIVATION_DEFAULT, LSTM_ACTIVATION_LINEAR, LSTM_ACTIVATION_TANH,
                                              LSTM_ACTIVATION_SIGMOID, LSTM_ACTIVATION_RELU,   LSTM_ACTIVATION_SOFTMAX};
static const reference_activation oracles[] = {REFERENCE_LINEAR,  REFERENCE_LINEAR, REFERENCE_TANH,
                                               REFERENCE_SIGMOID, REFERENCE_RELU,   REFERENCE_SOFTMAX};
static const char *const names[] = {"default", "linear", "tanh", "sigmoid", "relu", "softmax"};
enum { ACTIVATIONS = sizeof activations / sizeof activations[0] };

/* Row counts about the blocks of 32 and 256. */
static const size_t row_counts[] = {0, 1, 31, 32, 33, 256, 300, 600};
enum { ROW_COUNTS = sizeof row_counts / sizeof row_counts[0] };

typedef struct layer {
    lstm_params *params, *grads;
    lstm_dense *dense;
    size_t rows, inputs, units, kernel, bias; /* kernel, bias: places in the block */
    bool no_bias;
    float *x, *y, *d_y, *d_x;
} layer;

/* Behind another variable, so that the kernel does not stand at the block's start. */
static layer made(size_t rows, size_t inputs, size_t units, lstm_activation activation, bool no_bias)
{
    const size_t three = 3;
    layer l = {.rows = rows, .inputs = inputs, .units = units, .kernel = three, .no_bias = no_bias};
    l.bias = l.kernel + inputs * units;
    ck_ok(lstm_params_create(NULL, &l.params));
    ck_ok(lstm_params_declare(l.params, "before", 1, &three, NULL));
    ck_ok(lstm_dense_create(l.params, "layer", inputs, units,
                            LSTM_ARGS(lstm_dense_config, .activation = activation, .no_bias = no_bias), &l.dense));
    ck_ok(lstm_params_initialize(l.params, 1));
    ck_ok(lstm_params_create_like(l.params, &l.grads));
    size_t count;
    float *weights = lstm_params_edit(l.params, &count);
    ck_assert_uint_eq(count, l.bias + (no_bias ? 0 : units));
    const lstm_random random = lstm_random_named(1, "weights");
    lstm_random_uniform(&random, 0, count, -1.0f, 1.0f, weights);
    l.x = test_numbers("x", rows * inputs, 1.0f);
    l.d_y = test_numbers("d_y", rows * units, 1.0f);
    l.y = test_allocate(rows * units + 1, sizeof(float));
    l.d_x = test_allocate(rows * inputs + 1, sizeof(float));
    l.y[rows * units] = l.d_x[rows * inputs] = 55.0f;
    return l;
}

static void unmade(layer *l)
{
    lstm_dense_destroy(l->dense);
    lstm_params_destroy(l->grads);
    lstm_params_destroy(l->params);
    free(l->x);
    free(l->y);
    free(l->d_y);
    free(l->d_x);
}

static double *widened(const float *from, size_t count)
{
    double *to = test_allocate(count, sizeof *to);
    for (size_t k = 0; k < count; k++)
        to[k] = (double)from[k];
    return to;
}

/* Compare floats with doubles, which are freed. */
static void check(const float *found, double *expected, size_t count, const layer *l, size_t act, const char *what)
{
    char words[120];
    float *narrow = test_allocate(count, sizeof *narrow);
    for (size_t k = 0; k < count; k++)
        narrow[k] = (float)expected[k];
    snprintf(words, sizeof words, "%s, %s, %zu rows, %zu -> %zu", what, names[act], l->rows, l->inputs, l->units);
    ck_close(found, narrow, count, words);
    free(narrow);
    free(expected);
}

/* Forward and backward of one layer; its gradients start at 1, to see that they are added to. */
static void check_layer(size_t rows, size_t inputs, size_t units, size_t act, bool no_bias)
{
    layer l = made(rows, inputs, units, activations[act], no_bias);
    const reference_dense oracle = {.inputs = inputs, .units = units, .activation = oracles[act]};
    const size_t weights = inputs * units;
    double *block = widened(lstm_params_data(l.params, NULL), l.bias + (no_bias ? 0 : units));
    double *x = widened(l.x, rows * inputs), *d_y = widened(l.d_y, rows * units);
    double *y = test_allocate(rows * units, sizeof *y), *d_x = test_allocate(rows * inputs, sizeof *d_x);
    double *d_kernel = test_allocate(weights, sizeof *d_kernel), *d_bias = test_allocate(units, sizeof *d_bias);
    double *bias = no_bias ? NULL : block + l.bias;
    size_t count;
    float *grads = lstm_params_edit(l.grads, &count);
    for (size_t k = 0; k < count; k++)
        grads[k] = 1.0f;
    for (size_t k = 0; k < weights; k++)
        d_kernel[k] = 1.0;
    for (size_t k = 0; k < units; k++)
        d_bias[k] = 1.0;
    reference_dense_forward(&oracle, block + l.kernel, bias, rows, x, y);
    reference_dense_backward(&oracle, block + l.kernel, bias, rows, x, d_y, d_x, d_kernel, no_bias ? NULL : d_bias);
    ck_ok(lstm_dense_forward(l.dense, l.params, rows, l.x, l.y));
    ck_ok(lstm_dense_backward(l.dense, l.params, rows, l.x, l.y, l.d_y, l.grads, l.d_x));
    check(l.y, y, rows * units, &l, act, "y");
    check(l.d_x, d_x, rows * inputs, &l, act, "d_x");
    check(grads + l.kernel, d_kernel, weights, &l, act, "d_kernel");
    check(grads + l.bias, d_bias, no_bias ? 0 : units, &l, act, "d_bias");
    for (size_t k = 0; k < l.kernel; k++)
        ck_assert_float_eq(grads[k], 1.0f); /* the variable before */
    ck_assert(l.y[rows * units] == 55.0f && l.d_x[rows * inputs] == 55.0f);
    free(block);
    free(x);
    free(d_y);
    unmade(&l);
}

START_TEST(every_activation_agrees_with_the_oracle_at_the_edges_of_blocks_and_tiles)
{
    const size_t units[] = {1, 2, 15, 16, 17, 63, 64, 65, 128, 129, 130};
    for (size_t act = 0; act < ACTIVATIONS; act++)
        for (size_t r = 0; r < ROW_COUNTS; r++)
            for (size_t u = 0; u < sizeof units / sizeof units[0]; u++)
                check_layer(row_counts[r], r % 2 ? 7 : 3, units[u], act, (r + u) % 3 == 0);
}
END_TEST

START_TEST(every_number_of_units_up_to_two_tiles_agrees_with_the_oracle)
{
    for (size_t units = 1; units <= 130; units++)
        check_layer(33, 5, units, units % ACTIVATIONS, false);
    for (size_t units = 60; units <= 70; units++)
        for (size_t act = 0; act < ACTIVATIONS; act++)
            check_layer(5, 5, units, act, false);
}
END_TEST

START_TEST(every_input_width_about_the_narrow_product_agrees_with_the_oracle)
{
    for (size_t inputs = 1; inputs <= 20; inputs++)
        for (size_t act = 0; act < ACTIVATIONS; act++)
            check_layer(9, inputs, 21, act, inputs % 2);
}
END_TEST

START_TEST(the_default_activation_is_the_linear_one)
{
    layer by_default = made(5, 6, 7, LSTM_ACTIVATION_DEFAULT, false),
          linear = made(5, 6, 7, LSTM_ACTIVATION_LINEAR, false);
    lstm_dense *bare;
    float y[35];
    ck_ok(lstm_dense_create(by_default.params, "layer", 6, 7, NULL, &bare));
    ck_ok(lstm_dense_forward(by_default.dense, by_default.params, 5, by_default.x, by_default.y));
    ck_ok(lstm_dense_forward(linear.dense, linear.params, 5, linear.x, linear.y));
    ck_ok(lstm_dense_forward(bare, by_default.params, 5, by_default.x, y));
    ck_assert(same_bits(by_default.y, linear.y, 35));
    ck_assert(same_bits(by_default.y, y, 35));
    lstm_dense_destroy(bare);
    unmade(&by_default);
    unmade(&linear);
}
END_TEST

START_TEST(either_gradient_may_be_left_out)
{
    for (size_t act = 0; act < ACTIVATIONS; act++) {
        layer l = made(70, 6, 66, activations[act], false);
        size_t count;
        float *grads = lstm_params_edit(l.grads, &count);
        float *alone = test_allocate(70 * 6, sizeof *alone), *both = test_allocate(count, sizeof *both);
        ck_ok(lstm_dense_forward(l.dense, l.params, 70, l.x, l.y));
        ck_ok(lstm_dense_backward(l.dense, l.params, 70, l.x, l.y, l.d_y, l.grads, l.d_x));
        memcpy(both, grads, count * sizeof *both);
        ck_ok(lstm_dense_backward(l.dense, l.params, 70, l.x, l.y, l.d_y, NULL, alone));
        ck_assert(same_bits(alone, l.d_x, 70 * 6));
        ck_assert(same_bits(grads, both, count));
        lstm_params_zero(l.grads);
        ck_ok(lstm_dense_backward(l.dense, l.params, 70, l.x, l.y, l.d_y, l.grads, NULL));
        ck_assert(same_bits(grads, both, count));
        ck_ok(lstm_dense_backward(l.dense, l.params, 70, l.x, l.y, l.d_y, NULL, NULL));
        free(alone);
        free(both);
        unmade(&l);
    }
}
END_TEST

START_TEST(gradients_of_two_calls_add_up)
{
    layer l = made(12, 6, 9, LSTM_ACTIVATION_TANH, false);
    size_t count;
    float *grads = lstm_params_edit(l.grads, &count);
    float *once = test_allocate(count, sizeof *once);
    ck_ok(lstm_dense_forward(l.dense, l.params, 12, l.x, l.y));
    ck_ok(lstm_dense_backward(l.dense, l.params, 12, l.x, l.y, l.d_y, l.grads, NULL));
    for (size_t k = 0; k < count; k++)
        once[k] = 2.0f * grads[k];
    ck_ok(lstm_dense_backward(l.dense, l.params, 12, l.x, l.y, l.d_y, l.grads, NULL));
    ck_close(grads, once, count, "twice");
    free(once);
    unmade(&l);
}
END_TEST

START_TEST(the_rows_of_a_softmax_sum_to_one_for_logits_of_any_size)
{
    const float scales[] = {0.0f, 1.0f, 100.0f, 1e30f};
    for (size_t s = 0; s < 4; s++)
        for (size_t units = 1; units < 70; units++) {
            layer l = made(40, 3, units, LSTM_ACTIVATION_SOFTMAX, false);
            for (size_t k = 0; k < 120; k++)
                l.x[k] *= scales[s];
            ck_ok(lstm_dense_forward(l.dense, l.params, 40, l.x, l.y));
            for (size_t row = 0; row < 40; row++) {
                double sum = 0.0;
                for (size_t k = 0; k < units; k++)
                    sum += fabs((double)l.y[row * units + k]);
                ck_assert_double_eq_tol(sum, 1.0, 1e-6);
            }
            unmade(&l);
        }
}
END_TEST

START_TEST(no_rows_need_no_arrays)
{
    layer l = made(1, 3, 4, LSTM_ACTIVATION_TANH, false);
    ck_ok(lstm_dense_forward(l.dense, l.params, 0, NULL, NULL));
    ck_ok(lstm_dense_backward(l.dense, l.params, 0, NULL, NULL, NULL, l.grads, NULL));
    ck_ok(lstm_dense_backward(l.dense, l.params, 0, NULL, NULL, NULL, NULL, NULL));
    unmade(&l);
}
END_TEST

START_TEST(bad_calls_are_refused_and_nothing_is_written)
{
    layer l = made(2, 3, 4, LSTM_ACTIVATION_SOFTMAX, false), other = made(2, 3, 4, LSTM_ACTIVATION_SOFTMAX, false);
    const lstm_status wrong = LSTM_ERR_INVALID_ARGUMENT;
    for (size_t k = 0; k < 8; k++)
        l.y[k] = 55.0f;
    ck_fails(lstm_dense_forward(NULL, l.params, 2, l.x, l.y), wrong, "dense is NULL");
    ck_fails(lstm_dense_forward(l.dense, NULL, 2, l.x, l.y), wrong, "params is NULL");
    ck_fails(lstm_dense_forward(l.dense, l.params, 2, NULL, l.y), wrong, "x is NULL");
    ck_fails(lstm_dense_forward(l.dense, l.params, 2, l.x, NULL), wrong, "y is NULL");
    ck_fails(lstm_dense_forward(l.dense, other.params, 2, l.x, l.y), LSTM_ERR_SHAPE, "params");
    for (size_t way = 0; way < 2; way++) { /* the wider of the two is the outputs, or the inputs */
        layer wide = made(1, way ? 3 : 1, way ? 1 : 3, LSTM_ACTIVATION_LINEAR, false);
        const size_t rows = SIZE_MAX / 3 / sizeof(float) + 1;
        ck_fails(lstm_dense_forward(wide.dense, wide.params, rows, l.x, l.y), wrong, "overflows");
        ck_fails(lstm_dense_backward(wide.dense, wide.params, rows, l.x, l.y, l.d_y, NULL, l.d_x), wrong, "overflows");
        unmade(&wide);
    }
    ck_fails(lstm_dense_backward(NULL, l.params, 2, l.x, l.y, l.d_y, l.grads, l.d_x), wrong, "dense is NULL");
    ck_fails(lstm_dense_backward(l.dense, NULL, 2, l.x, l.y, l.d_y, l.grads, l.d_x), wrong, "params is NULL");
    ck_fails(lstm_dense_backward(l.dense, l.params, 2, NULL, l.y, l.d_y, l.grads, l.d_x), wrong, "x is NULL");
    ck_fails(lstm_dense_backward(l.dense, l.params, 2, l.x, NULL, l.d_y, l.grads, l.d_x), wrong, "y is NULL");
    ck_fails(lstm_dense_backward(l.dense, l.params, 2, l.x, l.y, NULL, l.grads, l.d_x), wrong, "d_y is NULL");
    ck_fails(lstm_dense_backward(l.dense, other.params, 2, l.x, l.y, l.d_y, l.grads, l.d_x), LSTM_ERR_SHAPE, "params");
    ck_fails(lstm_dense_backward(l.dense, l.params, 2, l.x, l.y, l.d_y, other.grads, l.d_x), LSTM_ERR_SHAPE, "grads");
    ck_fails(lstm_dense_backward(l.dense, l.params, 2, l.x, l.y, l.d_y, l.params, l.d_x), wrong, "same store");
    for (size_t k = 0; k < 8; k++)
        ck_assert_float_eq(l.y[k], 55.0f);
    for (size_t k = 0; k < 6; k++)
        ck_assert_float_eq(l.d_x[k], 0.0f);
    size_t count;
    const float *grads = lstm_params_data(l.grads, &count);
    for (size_t k = 0; k < count; k++)
        ck_assert_float_eq(grads[k], 0.0f);
    unmade(&l);
    unmade(&other);
}
END_TEST

START_TEST(a_layer_on_an_open_store_waits_for_its_weights)
{
    lstm_params *params;
    lstm_dense *dense;
    const float x[3] = {0};
    float y[4] = {55, 55, 55, 55};
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_dense_create(params, NULL, 3, 4, NULL, &dense));
    ck_fails(lstm_dense_forward(dense, params, 1, x, y), LSTM_ERR_STATE, "open");
    ck_fails(lstm_dense_backward(dense, params, 1, x, y, y, NULL, NULL), LSTM_ERR_STATE, "open");
    ck_assert(y[0] == 55 && y[3] == 55);
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_dense_forward(dense, params, 1, x, y));
    ck_assert(y[0] == 0 && y[3] == 0);
    lstm_dense_destroy(dense);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_layer_that_cannot_be_is_refused)
{
    lstm_params *params;
    lstm_dense *dense = NULL;
    const lstm_status wrong = LSTM_ERR_INVALID_ARGUMENT;
    const size_t longest = INT32_MAX;
    ck_ok(lstm_params_create(NULL, &params));
    ck_fails(lstm_dense_create(NULL, NULL, 3, 4, NULL, &dense), wrong, "params is NULL");
    ck_fails(lstm_dense_create(params, NULL, 3, 4, NULL, NULL), wrong, "dense is NULL");
    ck_fails(lstm_dense_create(params, NULL, 0, 4, NULL, &dense), wrong, "input_size");
    ck_fails(lstm_dense_create(params, NULL, 3, 0, NULL, &dense), wrong, "units");
    ck_fails(lstm_dense_create(params, NULL, longest + 1, 4, NULL, &dense), wrong, "input_size");
    ck_fails(lstm_dense_create(params, NULL, 3, SIZE_MAX, NULL, &dense), wrong, "units");
    ck_fails(lstm_dense_create(params, "", 3, 4, NULL, &dense), wrong, "scope");
    ck_fails(lstm_dense_create(params, "a//b", 3, 4, NULL, &dense), wrong, "scope");
    for (int activation = -1; activation < 10; activation += activation < 0 ? 7 : 1)
        ck_fails(lstm_dense_create(params, NULL, 3, 4,
                                   LSTM_ARGS(lstm_dense_config, .activation = (lstm_activation)activation), &dense),
                 wrong, "activation");
    ck_assert_ptr_null(dense);
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    lstm_dense_destroy(NULL);
    lstm_params_destroy(params);
}
END_TEST

Suite *dense_suite(void)
{
    return test_suite("dense",
                      (const TTest *const[]){
                          every_activation_agrees_with_the_oracle_at_the_edges_of_blocks_and_tiles,
                          every_number_of_units_up_to_two_tiles_agrees_with_the_oracle,
                          every_input_width_about_the_narrow_product_agrees_with_the_oracle,
                          the_default_activation_is_the_linear_one, either_gradient_may_be_left_out,
                          gradients_of_two_calls_add_up, the_rows_of_a_softmax_sum_to_one_for_logits_of_any_size,
                          no_rows_need_no_arrays, bad_calls_are_refused_and_nothing_is_written,
                          a_layer_on_an_open_store_waits_for_its_weights, a_layer_that_cannot_be_is_refused, NULL});
}
