#include <math.h>
#include <string.h>

#include "reference_math.h"
#include "rnn_problem.h"
#include "rnn_variants.h"
#include "test_reference.h"

/* Equal but for the order of two additions or multiplications. */
static const double ROUNDING_TOLERANCE = 1e-14;

static const uint64_t SEED = 1997;

static void check_same(size_t count, const double *actual, const double *expected)
{
    for (size_t k = 0; k < count; k++) {
        ck_assert_double_eq(actual[k], expected[k]);
    }
}

static void create_problem(rnn_problem *problem, int variant)
{
    reference_cell cell = rnn_variant((size_t)variant, REFERENCE_TANH);

    rnn_problem_create(problem, &cell, SEED);
}

/* _i: variant, from here on where a test is given a range. */
START_TEST(rows_stop_at_their_length)
{
    rnn_problem ragged;
    size_t width;

    create_problem(&ragged, _i);
    width = reference_output_width(&ragged.cell);
    rnn_problem_make_ragged(&ragged);
    rnn_problem_forward(&ragged);
    for (size_t row = 0; row < PROBLEM_BATCH; row++) {
        rnn_problem cut;
        size_t length = rnn_problem_length(&ragged, row);
        size_t first = row * PROBLEM_TIME;
        const double *state[REFERENCE_MAX_STATES] = {NULL};

        create_problem(&cut, _i);
        cut.run.batch = 1;
        cut.run.time = length;
        cut.run.inputs = cut.inputs + first * PROBLEM_INPUT;
        for (size_t leaf = 0; leaf < reference_state_count(&cut.cell); leaf++) {
            state[leaf] = cut.initial_state[leaf] + row * reference_state_width(&cut.cell, leaf);
        }
        cut.run.initial_state = state;
        rnn_problem_forward(&cut);
        check_same(length * width, ragged.outputs + first * width, cut.outputs);
        for (size_t k = length * width; k < PROBLEM_TIME * width; k++) {
            ck_assert_double_eq(ragged.outputs[first * width + k], 0.0);
        }
        for (size_t leaf = 0; leaf < reference_state_count(&cut.cell); leaf++) {
            size_t leaf_width = reference_state_width(&cut.cell, leaf);

            check_same(leaf_width, ragged.final_state[leaf] + row * leaf_width,
                       length > 0 ? cut.final_state[leaf] : state[leaf]);
        }
        rnn_problem_destroy(&cut);
    }
    rnn_problem_destroy(&ragged);
}
END_TEST

START_TEST(rows_past_their_length_pass_the_state_gradient_back)
{
    rnn_problem problem;
    size_t empty_row = 1;

    create_problem(&problem, _i);
    rnn_problem_make_ragged(&problem);
    ck_assert_uint_eq(rnn_problem_length(&problem, empty_row), 0);
    rnn_problem_backward(&problem);
    for (size_t leaf = 0; leaf < reference_state_count(&problem.cell); leaf++) {
        size_t width = reference_state_width(&problem.cell, leaf);

        check_same(width, problem.d_initial_state[leaf] + empty_row * width,
                   problem.d_final_state[leaf] + empty_row * width);
    }
    for (size_t row = 0; row < PROBLEM_BATCH; row++) {
        for (size_t t = rnn_problem_length(&problem, row); t < PROBLEM_TIME; t++) {
            for (size_t k = 0; k < PROBLEM_INPUT; k++) {
                size_t at = (row * PROBLEM_TIME + t) * PROBLEM_INPUT + k;

                ck_assert_double_eq(problem.d_inputs[at], 0.0);
            }
        }
    }
    rnn_problem_destroy(&problem);
}
END_TEST

/* Turns the first `length` steps of every row [PROBLEM_TIME][width] round. */
static void reverse_rows(const rnn_problem *problem, size_t width, double *values)
{
    for (size_t row = 0; row < PROBLEM_BATCH; row++) {
        size_t length = rnn_problem_length(problem, row);

        for (size_t t = 0; t < length / 2; t++) {
            for (size_t k = 0; k < width; k++) {
                double *early = &values[(row * PROBLEM_TIME + t) * width + k];
                double *late = &values[(row * PROBLEM_TIME + length - 1 - t) * width + k];
                double kept = *early;

                *early = *late;
                *late = kept;
            }
        }
    }
}

START_TEST(a_reverse_run_is_a_forward_run_over_reversed_rows)
{
    for (int ragged = 0; ragged <= 1; ragged++) {
        rnn_problem backward;
        rnn_problem forward;

        create_problem(&backward, _i);
        create_problem(&forward, _i);
        if (ragged) {
            rnn_problem_make_ragged(&backward);
            rnn_problem_make_ragged(&forward);
        }
        backward.run.reverse = true;
        rnn_problem_forward(&backward);
        reverse_rows(&forward, PROBLEM_INPUT, forward.inputs);
        rnn_problem_forward(&forward);
        reverse_rows(&forward, reference_output_width(&forward.cell), forward.outputs);
        check_same(rnn_problem_output_size(&forward), backward.outputs, forward.outputs);
        for (size_t leaf = 0; leaf < reference_state_count(&forward.cell); leaf++) {
            check_same(rnn_problem_state_size(&forward, leaf), backward.final_state[leaf],
                       forward.final_state[leaf]);
        }
        rnn_problem_destroy(&backward);
        rnn_problem_destroy(&forward);
    }
}
END_TEST

START_TEST(missing_gradients_and_states_count_as_zero)
{
    rnn_problem zeros;
    rnn_problem missing;
    size_t leaves;
    const double *d_final_state[REFERENCE_MAX_STATES] = {NULL};

    create_problem(&zeros, _i);
    create_problem(&missing, _i);
    leaves = reference_state_count(&zeros.cell);
    memset(zeros.d_outputs, 0, rnn_problem_output_size(&zeros) * sizeof(double));
    memset(zeros.initial_state[0], 0, rnn_problem_state_size(&zeros, 0) * sizeof(double));
    memset(zeros.d_final_state[0], 0, rnn_problem_state_size(&zeros, 0) * sizeof(double));
    if (leaves > 1) {
        memset(zeros.initial_state[1], 0, rnn_problem_state_size(&zeros, 1) * sizeof(double));
        d_final_state[1] = missing.d_final_state[1];
    }
    rnn_problem_drop_initial_state(&missing);
    rnn_problem_backward(&zeros);
    reference_dynamic_rnn_backward(&missing.cell, (const double *const *)missing.variables,
                                   &missing.run, NULL, d_final_state, missing.d_inputs,
                                   missing.d_initial_state, missing.d_variables);
    check_same(rnn_problem_input_size(&zeros), missing.d_inputs, zeros.d_inputs);
    for (size_t v = 0; v < reference_variable_count(&zeros.cell); v++) {
        check_same(reference_variable_size(&zeros.cell, v), missing.d_variables[v],
                   zeros.d_variables[v]);
    }
    for (size_t leaf = 0; leaf < leaves; leaf++) {
        check_same(rnn_problem_state_size(&zeros, leaf), missing.d_initial_state[leaf],
                   zeros.d_initial_state[leaf]);
    }
    rnn_problem_destroy(&zeros);
    rnn_problem_destroy(&missing);
}
END_TEST

START_TEST(backward_adds_to_variables_and_overwrites_the_rest)
{
    rnn_problem once;
    rnn_problem twice;

    create_problem(&once, _i);
    create_problem(&twice, _i);
    rnn_problem_backward(&once);
    rnn_problem_backward(&twice);
    reference_dynamic_rnn_backward(&twice.cell, (const double *const *)twice.variables, &twice.run,
                                   twice.d_outputs, (const double *const *)twice.d_final_state,
                                   twice.d_inputs, twice.d_initial_state, twice.d_variables);
    check_same(rnn_problem_input_size(&once), twice.d_inputs, once.d_inputs);
    for (size_t leaf = 0; leaf < reference_state_count(&once.cell); leaf++) {
        check_same(rnn_problem_state_size(&once, leaf), twice.d_initial_state[leaf],
                   once.d_initial_state[leaf]);
    }
    for (size_t v = 0; v < reference_variable_count(&once.cell); v++) {
        for (size_t k = 0; k < reference_variable_size(&once.cell, v); k++) {
            ck_assert_double_eq_tol(twice.d_variables[v][k], 2.0 * once.d_variables[v][k],
                                    ROUNDING_TOLERANCE * (1.0 + fabs(once.d_variables[v][k])));
        }
    }
    rnn_problem_destroy(&once);
    rnn_problem_destroy(&twice);
}
END_TEST

START_TEST(empty_runs_pass_the_state_through)
{
    rnn_problem problem;

    create_problem(&problem, _i);
    problem.run.time = 0;
    rnn_problem_forward(&problem);
    rnn_problem_backward(&problem);
    for (size_t leaf = 0; leaf < reference_state_count(&problem.cell); leaf++) {
        size_t size = rnn_problem_state_size(&problem, leaf);

        check_same(size, problem.final_state[leaf], problem.initial_state[leaf]);
        check_same(size, problem.d_initial_state[leaf], problem.d_final_state[leaf]);
    }
    problem.run.batch = 0;
    problem.run.time = PROBLEM_TIME;
    rnn_problem_forward(&problem);
    rnn_problem_backward(&problem);
    rnn_problem_destroy(&problem);
}
END_TEST

static void check_same_forward(const reference_cell *a, const reference_cell *b)
{
    rnn_problem first, second;

    rnn_problem_create(&first, a, SEED);
    rnn_problem_create(&second, b, SEED);
    rnn_problem_forward(&first);
    rnn_problem_forward(&second);
    for (size_t k = 0; k < rnn_problem_output_size(&first); k++) {
        ck_assert_double_eq_tol(first.outputs[k], second.outputs[k], ROUNDING_TOLERANCE);
    }
    rnn_problem_destroy(&first);
    rnn_problem_destroy(&second);
}

START_TEST(cells_without_their_options_are_basic_lstms)
{
    reference_cell cell = {.kind = REFERENCE_BASIC_LSTM,
                           .input = PROBLEM_INPUT,
                           .units = PROBLEM_UNITS,
                           .forget_bias = 0.5,
                           .activation = REFERENCE_TANH};
    reference_cell other = cell;

    other.kind = REFERENCE_LAYER_NORM_BASIC_LSTM;
    check_same_forward(&cell, &other);
    other.kind = REFERENCE_LSTM;
    check_same_forward(&cell, &other);
    other.proj_clip = 0.01;
    check_same_forward(&cell, &other);
    other.kind = REFERENCE_BASIC_LSTM;
    other.cell_clip = 0.01;
    other.num_proj = 1;
    other.use_peepholes = true;
    check_same_forward(&cell, &other);
}
END_TEST

typedef struct expected_variable {
    reference_cell cell;
    size_t index;
    const char *name;
    size_t rows;
    size_t columns;
} expected_variable;

#define RNN                                                                                        \
    {                                                                                              \
        .kind = REFERENCE_BASIC_RNN, .input = 5, .units = 3                                        \
    }
#define LSTM                                                                                       \
    {                                                                                              \
        .kind = REFERENCE_LSTM, .input = 5, .units = 3, .num_proj = 2, .use_peepholes = true       \
    }
#define GRU                                                                                        \
    {                                                                                              \
        .kind = REFERENCE_GRU, .input = 5, .units = 3                                              \
    }
#define CUDNN                                                                                      \
    {                                                                                              \
        .kind = REFERENCE_CUDNN_COMPATIBLE_GRU, .input = 5, .units = 3                             \
    }
#define NORM                                                                                       \
    {                                                                                              \
        .kind = REFERENCE_LAYER_NORM_BASIC_LSTM, .input = 5, .units = 3, .layer_norm = true        \
    }
#define COUPLED                                                                                    \
    {                                                                                              \
        .kind = REFERENCE_COUPLED_INPUT_FORGET_LSTM, .input = 5, .units = 3                        \
    }

static const expected_variable EXPECTED_VARIABLES[] = {
    {RNN, 0, "kernel", 8, 3},
    {RNN, 1, "bias", 0, 3},
    {LSTM, 0, "kernel", 7, 12},
    {LSTM, 1, "bias", 0, 12},
    {LSTM, 2, "w_f_diag", 0, 3},
    {LSTM, 3, "w_i_diag", 0, 3},
    {LSTM, 4, "w_o_diag", 0, 3},
    {LSTM, 5, "projection/kernel", 3, 2},
    {GRU, 0, "gates/kernel", 8, 6},
    {GRU, 1, "gates/bias", 0, 6},
    {GRU, 2, "candidate/kernel", 8, 3},
    {GRU, 3, "candidate/bias", 0, 3},
    {CUDNN, 2, "candidate/input_projection/kernel", 5, 3},
    {CUDNN, 3, "candidate/input_projection/bias", 0, 3},
    {CUDNN, 4, "candidate/hidden_projection/kernel", 3, 3},
    {CUDNN, 5, "candidate/hidden_projection/bias", 0, 3},
    {NORM, 0, "kernel", 8, 12},
    {NORM, 1, "input/gamma", 0, 3},
    {NORM, 4, "transform/beta", 0, 3},
    {NORM, 5, "forget/gamma", 0, 3},
    {NORM, 8, "output/beta", 0, 3},
    {NORM, 10, "state/beta", 0, 3},
    {COUPLED, 0, "kernel", 8, 9},
    {COUPLED, 1, "bias", 0, 9},
};

START_TEST(variables_have_tensorflows_names_and_shapes)
{
    for (size_t k = 0; k < sizeof EXPECTED_VARIABLES / sizeof *EXPECTED_VARIABLES; k++) {
        const expected_variable *expected = &EXPECTED_VARIABLES[k];
        const reference_cell *cell = &expected->cell;

        ck_assert_uint_lt(expected->index, reference_variable_count(cell));
        ck_assert_str_eq(reference_variable_name(cell, expected->index), expected->name);
        ck_assert_uint_eq(reference_variable_rows(cell, expected->index), expected->rows);
        ck_assert_uint_eq(reference_variable_columns(cell, expected->index), expected->columns);
    }
    ck_assert_uint_eq(reference_variable_count(&(reference_cell)RNN), 2);
    ck_assert_uint_eq(reference_variable_count(&(reference_cell)LSTM), 6);
    ck_assert_uint_eq(reference_variable_count(&(reference_cell)GRU), 4);
    ck_assert_uint_eq(reference_variable_count(&(reference_cell)CUDNN), 6);
    ck_assert_uint_eq(reference_variable_count(&(reference_cell)NORM), REFERENCE_MAX_VARIABLES);
    ck_assert_uint_eq(reference_variable_count(&(reference_cell)COUPLED), 2);
    ck_assert_uint_eq(reference_state_width(&(reference_cell)LSTM, 0), 3);
    ck_assert_uint_eq(reference_state_width(&(reference_cell)LSTM, 1), 2);
}
END_TEST

TCase *reference_driver_tests(void)
{
    TCase *tests = tcase_create("drivers");

    tcase_add_loop_test(tests, rows_stop_at_their_length, 0, RNN_VARIANTS);
    tcase_add_loop_test(tests, rows_past_their_length_pass_the_state_gradient_back, 0,
                        RNN_VARIANTS);
    tcase_add_loop_test(tests, a_reverse_run_is_a_forward_run_over_reversed_rows, 0, RNN_VARIANTS);
    tcase_add_loop_test(tests, missing_gradients_and_states_count_as_zero, 0, RNN_VARIANTS);
    tcase_add_loop_test(tests, backward_adds_to_variables_and_overwrites_the_rest, 0, RNN_VARIANTS);
    tcase_add_loop_test(tests, empty_runs_pass_the_state_through, 0, RNN_VARIANTS);
    tcase_add_test(tests, cells_without_their_options_are_basic_lstms);
    tcase_add_test(tests, variables_have_tensorflows_names_and_shapes);
    return tests;
}
