/* What is easy to get wrong in the cells: items 1 to 3, 7, 8 and 26 of the semantics note. */
#include "golden.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The note's golden rows have nine digits; float32 over three steps keeps about seven. */
#define ROW_TOLERANCE 5e-7

typedef struct small {
    lstm_params *weights;
    lstm_rnn *rnn;
    lstm_tape *tape;
} small;

/* A plan of one unit over one input, with these weights in the order of declaration. */
static small one_unit(const char *kind, float forget_bias, const float *weights)
{
    small s;
    size_t count;
    lstm_cell *cell = test_cell(kind, 1, LSTM_ACTIVATION_DEFAULT, forget_bias);
    ck_ok(lstm_params_create(NULL, &s.weights));
    ck_ok(lstm_rnn_create(s.weights, NULL, cell, 1, NULL, &s.rnn));
    ck_ok(lstm_params_initialize(s.weights, 0));
    ck_ok(lstm_tape_create(s.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 1, .max_time = 3), &s.tape));
    float *block = lstm_params_edit(s.weights, &count);
    memcpy(block, weights, count * sizeof *block);
    lstm_cell_destroy(cell);
    return s;
}

static void release(small *s)
{
    lstm_tape_destroy(s->tape);
    lstm_rnn_destroy(s->rnn);
    lstm_params_destroy(s->weights);
}

/* Inputs 1, 0, 1 from a zero state: the state after each step. */
static void check_rows(const char *kind, float forget_bias, const float *weights, const double (*rows)[2],
                       size_t leaves)
{
    static const float x[3] = {1.0f, 0.0f, 1.0f};
    small s = one_unit(kind, forget_bias, weights);
    for (size_t t = 1; t <= 3; t++) {
        float state[2];
        float *const final[2] = {&state[0], &state[1]};
        ck_ok(lstm_dynamic_rnn(
            s.tape, s.weights,
            LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = t, .inputs = x, .final_state = final)));
        for (size_t leaf = 0; leaf < leaves; leaf++)
            ck_assert_double_eq_tol((double)state[leaf], rows[t - 1][leaf], ROW_TOLERANCE);
    }
    release(&s);
}

static const float lstm_weights[12] = {.1f, .2f, .3f, .4f, .5f, -.6f, .7f, -.8f, .01f, .02f, .03f, .04f};

START_TEST(lstm_gives_the_golden_rows_with_forget_bias_1_and_0)
{
    static const double with[3][2] = {
        {0.114207281, 0.069167148}, {0.074232770, 0.036764319}, {0.162980732, 0.097130246}};
    static const double without[3][2] = {
        {0.114207281, 0.069167148}, {0.048353390, 0.023972659}, {0.135886679, 0.081530846}};
    check_rows("lstm", 1.0f, lstm_weights, with, 2);
    check_rows("lstm", 0.0f, lstm_weights, without, 2);
    check_rows("basic_lstm", 1.0f, lstm_weights, with, 2);
    check_rows("basic_lstm", 0.0f, lstm_weights, without, 2);
}
END_TEST

START_TEST(gru_gives_the_golden_rows)
{
    static const float weights[9] = {.1f, .2f, .5f, -.6f, 1.0f, 1.0f, .3f, .7f, 0.0f};
    static const double rows[3][2] = {{0.067431650}, {0.058394747}, {0.120434094}};
    check_rows("gru", 0.0f, weights, rows, 1);
}
END_TEST

/* One step from a state; returns h'. */
static float stepped(const char *kind, float forget_bias, const float *weights, float x, float c, float h,
                     float *c_next)
{
    small s = one_unit(kind, forget_bias, weights);
    float next[2];
    const float *const initial[2] = {&c, &h};
    float *const final[2] = {&next[0], &next[1]};
    ck_ok(lstm_dynamic_rnn(s.tape, s.weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 1, .inputs = &x,
                                     .initial_state = initial, .final_state = final)));
    release(&s);
    *c_next = next[0];
    return next[1];
}

START_TEST(the_forget_gate_is_the_third_column_block)
{
    float weights[12] = {0}, c;
    weights[2] = 2.0f; /* x -> f */
    weights[10] = 0.5f;
    stepped("lstm", 1.0f, weights, 1.0f, 1.0f, 0.0f, &c);
    ck_assert_double_eq_tol((double)c, 1.0 / (1.0 + exp(-(2.0 + 0.5 + 1.0))), ROW_TOLERANCE);
    weights[2] = weights[10] = 0.0f;
    weights[1] = 2.0f; /* x -> j, the candidate */
    stepped("lstm", 0.0f, weights, 1.0f, 1.0f, 0.0f, &c);
    ck_assert_double_eq_tol((double)c, 0.5 + 0.5 * tanh(2.0), ROW_TOLERANCE);
}
END_TEST

START_TEST(state_leaves_are_c_then_h)
{
    float c;
    const float from_c = stepped("lstm", 1.0f, lstm_weights, 0.0f, 1.0f, 0.0f, &c);
    const double i = 1.0 / (1.0 + exp(-0.01)), f = 1.0 / (1.0 + exp(-1.03)), o = 1.0 / (1.0 + exp(-0.04));
    const double expected = f + i * tanh(0.02);
    ck_assert_double_eq_tol((double)c, expected, ROW_TOLERANCE);
    ck_assert_double_eq_tol((double)from_c, o * tanh(expected), ROW_TOLERANCE);
    const float from_h = stepped("lstm", 1.0f, lstm_weights, 0.0f, 0.0f, 1.0f, &c);
    const double i1 = 1.0 / (1.0 + exp(-0.51)), o1 = 1.0 / (1.0 + exp(0.76));
    ck_assert_double_eq_tol((double)c, i1 * tanh(-0.58), ROW_TOLERANCE);
    ck_assert_double_eq_tol((double)from_h, o1 * tanh(i1 * tanh(-0.58)), ROW_TOLERANCE);
}
END_TEST

static lstm_params *initialized(const char *kind, size_t input, size_t units)
{
    lstm_params *params;
    lstm_rnn *rnn;
    lstm_cell *cell = test_cell(kind, units, LSTM_ACTIVATION_DEFAULT, 1.0f);
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, NULL, cell, input, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 7));
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    return params;
}

static void check_bias(const char *kind, const char *name, float value)
{
    lstm_params *params = initialized(kind, 3, 5);
    lstm_variable_info info;
    ck_ok(lstm_params_find(params, name, &info));
    for (size_t k = 0; k < info.count; k++)
        ck_assert_float_eq(lstm_params_data(params, NULL)[info.offset + k], value);
    lstm_params_destroy(params);
}

START_TEST(biases_start_at_zero_but_for_the_gates_of_the_gru)
{
    check_bias("lstm", "rnn/lstm_cell/bias", 0.0f); /* the forget bias is not stored */
    check_bias("basic_lstm", "rnn/basic_lstm_cell/bias", 0.0f);
    check_bias("basic_rnn", "rnn/basic_rnn_cell/bias", 0.0f);
    check_bias("gru", "rnn/gru_cell/gates/bias", 1.0f);
    check_bias("gru", "rnn/gru_cell/candidate/bias", 0.0f);
}
END_TEST

static void check_glorot(const char *kind, const char *name, size_t input, size_t units, double limit)
{
    lstm_params *params = initialized(kind, input, units);
    lstm_variable_info info;
    float largest = 0.0f;
    ck_ok(lstm_params_find(params, name, &info));
    for (size_t k = 0; k < info.count; k++)
        largest = fmaxf(largest, fabsf(lstm_params_data(params, NULL)[info.offset + k]));
    ck_assert_double_le((double)largest, limit);
    ck_assert_double_ge((double)largest, 0.99 * limit);
    lstm_params_destroy(params);
}

START_TEST(kernels_start_as_one_fused_glorot_matrix)
{
    check_glorot("lstm", "rnn/lstm_cell/kernel", 1, 50, 0.154611);
    check_glorot("lstm", "rnn/lstm_cell/kernel", 1, 24, 0.222682);
    check_glorot("basic_rnn", "rnn/basic_rnn_cell/kernel", 10, 30, sqrt(6.0 / 70.0));
    check_glorot("gru", "rnn/gru_cell/gates/kernel", 10, 30, sqrt(6.0 / 100.0));
    check_glorot("gru", "rnn/gru_cell/candidate/kernel", 10, 30, sqrt(6.0 / 70.0));
}
END_TEST

START_TEST(variables_have_the_names_and_shapes_of_tensorflow)
{
    static const struct {
        const char *kind, *name;
        size_t rank, shape[2];
    } expected[] = {
        {"basic_rnn", "rnn/basic_rnn_cell/kernel", 2, {8, 5}},
        {"basic_rnn", "rnn/basic_rnn_cell/bias", 1, {5}},
        {"basic_lstm", "rnn/basic_lstm_cell/kernel", 2, {8, 20}},
        {"basic_lstm", "rnn/basic_lstm_cell/bias", 1, {20}},
        {"lstm", "rnn/lstm_cell/kernel", 2, {8, 20}},
        {"lstm", "rnn/lstm_cell/bias", 1, {20}},
        {"gru", "rnn/gru_cell/gates/kernel", 2, {8, 10}},
        {"gru", "rnn/gru_cell/gates/bias", 1, {10}},
        {"gru", "rnn/gru_cell/candidate/kernel", 2, {8, 5}},
        {"gru", "rnn/gru_cell/candidate/bias", 1, {5}},
    };
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
        lstm_params *params = initialized(expected[k].kind, 3, 5);
        lstm_variable_info info;
        ck_ok(lstm_params_find(params, expected[k].name, &info));
        ck_assert_uint_eq(info.rank, expected[k].rank);
        for (size_t axis = 0; axis < info.rank; axis++)
            ck_assert_uint_eq(info.shape[axis], expected[k].shape[axis]);
        lstm_params_destroy(params);
    }
}
END_TEST

START_TEST(widths_are_those_of_the_cell)
{
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        const bool is_lstm = strstr(test_cell_kinds[kind], "lstm") != NULL;
        lstm_params *params;
        lstm_rnn *rnn;
        lstm_cell *cell = test_cell(test_cell_kinds[kind], 5, LSTM_ACTIVATION_DEFAULT, 1.0f);
        ck_ok(lstm_params_create(NULL, &params));
        ck_ok(lstm_rnn_create(params, "elsewhere", cell, 3, NULL, &rnn));
        ck_assert_uint_eq(lstm_rnn_input_size(rnn), 3);
        ck_assert_uint_eq(lstm_rnn_output_size(rnn), 5);
        ck_assert_uint_eq(lstm_rnn_state_count(rnn), is_lstm ? 2 : 1);
        ck_assert_uint_eq(lstm_rnn_state_size(rnn, 0), 5);
        ck_assert_uint_eq(lstm_rnn_state_size(rnn, 2), 0);
        lstm_rnn_destroy(rnn);
        lstm_cell_destroy(cell);
        lstm_params_destroy(params);
    }
}
END_TEST

/* A cell state that halves at every step ends at an exact zero and never passes a denormal. */
START_TEST(a_decaying_state_becomes_zero_and_not_denormal)
{
    float weights[12] = {0}, c = 1.0f, h = 0.0f;
    small s = one_unit("lstm", 0.0f, weights); /* f = 1/2, j = 0 */
    for (int t = 0; t < 200; t++) {
        const float x = 0.0f, *const initial[2] = {&c, &h};
        float *const final[2] = {&c, &h};
        ck_ok(lstm_dynamic_rnn(s.tape, s.weights,
                               LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 1, .inputs = &x,
                                         .initial_state = initial, .final_state = final)));
        ck_assert(c == 0.0f || c >= 0x1p-100f);
        ck_assert(h == 0.0f || h >= 0x1p-101f);
        ck_assert(t > 90 || c > 0.0f);
    }
    ck_assert_float_eq(c, 0.0f);
    ck_assert_float_eq(h, 0.0f);
    release(&s);
}
END_TEST

Suite *cells_suite(void)
{
    return test_suite("cells", (const TTest *const[]){
                                   lstm_gives_the_golden_rows_with_forget_bias_1_and_0,
                                   gru_gives_the_golden_rows,
                                   the_forget_gate_is_the_third_column_block,
                                   state_leaves_are_c_then_h,
                                   biases_start_at_zero_but_for_the_gates_of_the_gru,
                                   kernels_start_as_one_fused_glorot_matrix,
                                   variables_have_the_names_and_shapes_of_tensorflow,
                                   widths_are_those_of_the_cell,
                                   a_decaying_state_becomes_zero_and_not_denormal,
                                   NULL,
                               });
}
