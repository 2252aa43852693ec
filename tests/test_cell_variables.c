/* The variables of cells: names, shapes, and how they start; items 8 and 26 of the semantics note. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The variables of a cell, which it takes. */
static lstm_params *started(lstm_cell *cell, size_t input)
{
    lstm_params *params;
    lstm_rnn *rnn;
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, NULL, cell, input, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 7));
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    return params;
}

static lstm_params *initialized(const char *kind, size_t input, size_t units)
{
    return started(test_cell(kind, units, LSTM_ACTIVATION_DEFAULT, 1.0f), input);
}

/* The variable rnn/NAME holds that value everywhere. */
static void check_constant(const lstm_params *params, const char *name, float value)
{
    char path[100];
    lstm_variable_info info;
    snprintf(path, sizeof path, "rnn/%s", name);
    ck_ok(lstm_params_find(params, path, &info));
    for (size_t k = 0; k < info.count; k++)
        ck_assert_msg(lstm_params_data(params, NULL)[info.offset + k] == value, "%s holds %g, not %g", path,
                      (double)lstm_params_data(params, NULL)[info.offset + k], (double)value);
}

static void check_bias(const char *kind, const char *name, float value)
{
    lstm_params *params = initialized(kind, 3, 5);
    check_constant(params, name, value);
    lstm_params_destroy(params);
}

START_TEST(biases_start_at_zero_but_for_the_gates_of_the_grus)
{
    check_bias("lstm", "lstm_cell/bias", 0.0f); /* the forget bias is not stored */
    check_bias("basic_lstm", "basic_lstm_cell/bias", 0.0f);
    check_bias("coupled_input_forget_lstm", "coupled_input_forget_gate_lstm_cell/bias", 0.0f);
    check_bias("basic_rnn", "basic_rnn_cell/bias", 0.0f);
    check_bias("gru", "gru_cell/gates/bias", 1.0f);
    check_bias("gru", "gru_cell/candidate/bias", 0.0f);
    check_bias("cudnn_compatible_gru", "cudnn_compatible_gru_cell/gates/bias", 1.0f);
    check_bias("cudnn_compatible_gru", "cudnn_compatible_gru_cell/candidate/input_projection/bias", 0.0f);
    check_bias("cudnn_compatible_gru", "cudnn_compatible_gru_cell/candidate/hidden_projection/bias", 0.0f);
}
END_TEST

START_TEST(an_lstms_initializer_is_for_kernel_peepholes_and_projection_but_not_for_the_bias)
{
    static const char *const names[] = {"kernel", "w_f_diag", "w_i_diag", "w_o_diag", "projection/kernel"};
    const lstm_initializer quarter = {.kind = LSTM_INITIALIZER_CONSTANT, .a = 0.25f};
    lstm_cell *cell;
    ck_ok(lstm_cell_create_lstm(
        NULL, 4, LSTM_ARGS(lstm_lstm_config, .use_peepholes = true, .num_proj = 2, .initializer = &quarter), &cell));
    lstm_params *params = started(cell, 3);
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        char name[100];
        snprintf(name, sizeof name, "lstm_cell/%s", names[k]);
        check_constant(params, name, 0.25f);
    }
    check_constant(params, "lstm_cell/bias", 0.0f);
    lstm_params_destroy(params);
}
END_TEST

typedef lstm_status create_gru(lstm_context *context, size_t num_units, const lstm_gru_config *config,
                               lstm_cell **cell);

/* A GRU's initializer reaches all its variables of that name, and no other. */
static void check_gru_initializers(create_gru *create, const char *cell_name, const char *const *parts, size_t count)
{
    const lstm_initializer quarter = {.kind = LSTM_INITIALIZER_CONSTANT, .a = 0.25f};
    for (int of_bias = 0; of_bias < 2; of_bias++) {
        lstm_cell *cell;
        ck_ok(create(NULL, 4,
                     LSTM_ARGS(lstm_gru_config, .kernel_initializer = of_bias ? NULL : &quarter,
                               .bias_initializer = of_bias ? &quarter : NULL),
                     &cell));
        lstm_params *params = started(cell, 3);
        for (size_t k = 0; k < count; k++) {
            char name[100];
            snprintf(name, sizeof name, "%s/%s/bias", cell_name, parts[k]);
            check_constant(params, name, of_bias ? 0.25f : k ? 0.0f : 1.0f);
            snprintf(name, sizeof name, "%s/%s/kernel", cell_name, parts[k]);
            if (!of_bias)
                check_constant(params, name, 0.25f);
        }
        lstm_params_destroy(params);
    }
}

START_TEST(a_grus_bias_initializer_hits_gates_and_candidate_and_its_kernel_initializer_both_kernels)
{
    static const char *const before[] = {"gates", "candidate"};
    static const char *const after[] = {"gates", "candidate/input_projection", "candidate/hidden_projection"};
    check_gru_initializers(lstm_cell_create_gru, "gru_cell", before, 2);
    check_gru_initializers(lstm_cell_create_cudnn_compatible_gru, "cudnn_compatible_gru_cell", after, 3);
}
END_TEST

START_TEST(norms_start_at_the_gain_and_shift_that_are_given_or_at_1_and_0)
{
    static const char *const norms[] = {"input", "transform", "forget", "output", "state"};
    for (int given = 0; given < 2; given++) {
        lstm_cell *cell;
        ck_ok(lstm_cell_create_layer_norm_basic_lstm(
            NULL, 4,
            given ? LSTM_ARGS(lstm_layer_norm_basic_lstm_config, .norm_gain = LSTM_VALUE(0.0f), .norm_shift = -0.5f)
                  : NULL,
            &cell));
        lstm_params *params = started(cell, 3);
        for (size_t k = 0; k < 5; k++) {
            char name[100];
            snprintf(name, sizeof name, "layer_norm_basic_lstm_cell/%s/gamma", norms[k]);
            check_constant(params, name, given ? 0.0f : 1.0f);
            snprintf(name, sizeof name, "layer_norm_basic_lstm_cell/%s/beta", norms[k]);
            check_constant(params, name, given ? -0.5f : 0.0f);
        }
        ck_assert_uint_eq(lstm_params_variable_count(params), 11); /* no bias */
        lstm_params_destroy(params);
    }
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
    check_glorot("coupled_input_forget_lstm", "rnn/coupled_input_forget_gate_lstm_cell/kernel", 10, 30,
                 sqrt(6.0 / 130.0));
    check_glorot("layer_norm_basic_lstm", "rnn/layer_norm_basic_lstm_cell/kernel", 10, 30, sqrt(6.0 / 160.0));
    check_glorot("cudnn_compatible_gru", "rnn/cudnn_compatible_gru_cell/candidate/input_projection/kernel", 10, 30,
                 sqrt(6.0 / 40.0));
    check_glorot("cudnn_compatible_gru", "rnn/cudnn_compatible_gru_cell/candidate/hidden_projection/kernel", 10, 30,
                 sqrt(6.0 / 60.0));
}
END_TEST

START_TEST(vectors_without_an_initializer_of_their_own_start_by_glorot_too)
{
    check_glorot("full_lstm", "rnn/lstm_cell/w_f_diag", 10, 300, sqrt(3.0 / 300.0));
    check_glorot("full_lstm", "rnn/lstm_cell/projection/kernel", 10, 30, sqrt(6.0 / 46.0));
    check_glorot("plain_layer_norm_basic_lstm", "rnn/layer_norm_basic_lstm_cell/bias", 10, 300, sqrt(3.0 / 1200.0));
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
        {"full_lstm", "rnn/lstm_cell/kernel", 2, {6, 20}}, /* [I+P, 4H] */
        {"full_lstm", "rnn/lstm_cell/bias", 1, {20}},
        {"full_lstm", "rnn/lstm_cell/w_f_diag", 1, {5}},
        {"full_lstm", "rnn/lstm_cell/w_i_diag", 1, {5}},
        {"full_lstm", "rnn/lstm_cell/w_o_diag", 1, {5}},
        {"full_lstm", "rnn/lstm_cell/projection/kernel", 2, {5, 3}},
        {"coupled_input_forget_lstm", "rnn/coupled_input_forget_gate_lstm_cell/kernel", 2, {8, 15}},
        {"coupled_input_forget_lstm", "rnn/coupled_input_forget_gate_lstm_cell/bias", 1, {15}},
        {"layer_norm_basic_lstm", "rnn/layer_norm_basic_lstm_cell/kernel", 2, {8, 20}},
        {"layer_norm_basic_lstm", "rnn/layer_norm_basic_lstm_cell/transform/gamma", 1, {5}},
        {"layer_norm_basic_lstm", "rnn/layer_norm_basic_lstm_cell/state/beta", 1, {5}},
        {"plain_layer_norm_basic_lstm", "rnn/layer_norm_basic_lstm_cell/bias", 1, {20}},
        {"cudnn_compatible_gru", "rnn/cudnn_compatible_gru_cell/gates/kernel", 2, {8, 10}},
        {"cudnn_compatible_gru", "rnn/cudnn_compatible_gru_cell/gates/bias", 1, {10}},
        {"cudnn_compatible_gru", "rnn/cudnn_compatible_gru_cell/candidate/input_projection/kernel", 2, {3, 5}},
        {"cudnn_compatible_gru", "rnn/cudnn_compatible_gru_cell/candidate/input_projection/bias", 1, {5}},
        {"cudnn_compatible_gru", "rnn/cudnn_compatible_gru_cell/candidate/hidden_projection/kernel", 2, {5, 5}},
        {"cudnn_compatible_gru", "rnn/cudnn_compatible_gru_cell/candidate/hidden_projection/bias", 1, {5}},
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

START_TEST(two_variables_of_one_name_are_refused)
{
    lstm_cell *cell = test_cell("gru", 3, LSTM_ACTIVATION_DEFAULT, 1.0f), *inner, *outer;
    lstm_params *params;
    lstm_rnn *rnn = NULL;
    ck_ok(lstm_cell_create_highway(NULL, cell, &inner));
    ck_ok(lstm_cell_create_highway(NULL, inner, &outer));
    ck_ok(lstm_params_create(NULL, &params));
    ck_fails(lstm_rnn_create(params, NULL, outer, 3, NULL, &rnn), LSTM_ERR_STATE, "two variables \"carry_w\"");
    ck_assert_ptr_null(rnn);
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    ck_ok(lstm_rnn_create(params, NULL, inner, 3, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 1));
    lstm_rnn_destroy(rnn);
    rnn = NULL;
    ck_fails(lstm_rnn_create(params, NULL, outer, 3, NULL, &rnn), LSTM_ERR_STATE, "two variables");
    ck_assert_ptr_null(rnn);
    lstm_params_destroy(params);
    lstm_cell_destroy(outer);
    lstm_cell_destroy(inner);
    lstm_cell_destroy(cell);
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
        ck_assert_uint_eq(lstm_rnn_output_size(rnn), test_output_width(test_cell_kinds[kind], 5));
        ck_assert_uint_eq(lstm_rnn_state_count(rnn), is_lstm ? 2 : 1);
        ck_assert_uint_eq(lstm_rnn_state_size(rnn, 0), 5);
        ck_assert_uint_eq(lstm_rnn_state_size(rnn, 1), is_lstm ? test_output_width(test_cell_kinds[kind], 5) : 0);
        ck_assert_uint_eq(lstm_rnn_state_size(rnn, 2), 0);
        lstm_rnn_destroy(rnn);
        lstm_cell_destroy(cell);
        lstm_params_destroy(params);
    }
}
END_TEST

Suite *cell_variables_suite(void)
{
    return test_suite("cell_variables",
                      (const TTest *const[]){
                          biases_start_at_zero_but_for_the_gates_of_the_grus,
                          an_lstms_initializer_is_for_kernel_peepholes_and_projection_but_not_for_the_bias,
                          a_grus_bias_initializer_hits_gates_and_candidate_and_its_kernel_initializer_both_kernels,
                          norms_start_at_the_gain_and_shift_that_are_given_or_at_1_and_0,
                          kernels_start_as_one_fused_glorot_matrix,
                          vectors_without_an_initializer_of_their_own_start_by_glorot_too,
                          variables_have_the_names_and_shapes_of_tensorflow,
                          two_variables_of_one_name_are_refused,
                          widths_are_those_of_the_cell,
                          NULL,
                      });
}
