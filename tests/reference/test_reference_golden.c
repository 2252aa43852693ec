#include "reference.h"
#include "test_reference.h"

/* The rows are given to nine decimals. */
static const double GOLDEN_TOLERANCE = 5.1e-10;

enum { GOLDEN_STEPS = 3 };

/* One row of one unit, from zero, over these inputs. */
static const double GOLDEN_INPUTS[GOLDEN_STEPS] = {1.0, 0.0, 1.0};

typedef struct golden_lstm {
    reference_cell cell;
    double c[GOLDEN_STEPS];
    double h[GOLDEN_STEPS];
} golden_lstm;

#define LSTM .kind = REFERENCE_LSTM, .input = 1, .units = 1, .activation = REFERENCE_TANH
#define BASIC .kind = REFERENCE_BASIC_LSTM, .input = 1, .units = 1, .activation = REFERENCE_TANH

static const golden_lstm GOLDEN_LSTMS[] = {
    {{LSTM, .forget_bias = 1.0},
     {0.114207281, 0.074232770, 0.162980732},
     {0.069167148, 0.036764319, 0.097130246}},
    {{BASIC, .forget_bias = 1.0},
     {0.114207281, 0.074232770, 0.162980732},
     {0.069167148, 0.036764319, 0.097130246}},
    {{LSTM, .forget_bias = 0.0},
     {0.114207281, 0.048353390, 0.135886679},
     {0.069167148, 0.023972659, 0.081530846}},
    {{BASIC, .forget_bias = 0.0},
     {0.114207281, 0.048353390, 0.135886679},
     {0.069167148, 0.023972659, 0.081530846}},
    {{LSTM, .forget_bias = 1.0, .use_peepholes = true},
     {0.114207281, 0.074341802, 0.163510344},
     {0.069568782, 0.036991442, 0.098257438}},
    {{LSTM, .forget_bias = 1.0, .cell_clip = 0.15},
     {0.114207281, 0.074232770, 0.150000000},
     {0.069167148, 0.036764319, 0.089513999}},
};

/* Columns i, j, f, o; row 0 for x, row 1 for h. */
static const double LSTM_KERNEL[] = {0.1, 0.2, 0.3, 0.4, 0.5, -0.6, 0.7, -0.8};
static const double LSTM_BIAS[] = {0.01, 0.02, 0.03, 0.04};
static const double PEEPHOLE_F[] = {0.12};
static const double PEEPHOLE_I[] = {0.11};
static const double PEEPHOLE_O[] = {0.13};

START_TEST(lstms_give_the_golden_rows)
{
    const golden_lstm *golden = &GOLDEN_LSTMS[_i];
    const double *const variables[] = {LSTM_KERNEL, LSTM_BIAS, PEEPHOLE_F, PEEPHOLE_I, PEEPHOLE_O};

    for (size_t steps = 1; steps <= GOLDEN_STEPS; steps++) {
        const reference_run run = {.batch = 1, .time = steps, .inputs = GOLDEN_INPUTS};
        double outputs[GOLDEN_STEPS];
        double c[1];
        double h[1];
        double *const final_state[] = {c, h};

        reference_dynamic_rnn(&golden->cell, variables, &run, outputs, final_state);
        ck_assert_double_eq_tol(c[0], golden->c[steps - 1], GOLDEN_TOLERANCE);
        ck_assert_double_eq_tol(h[0], golden->h[steps - 1], GOLDEN_TOLERANCE);
        ck_assert_double_eq(outputs[steps - 1], h[0]);
    }
}
END_TEST

static void check_outputs(reference_kind kind, const double *const *variables,
                          const double *expected)
{
    const reference_cell cell = {
        .kind = kind, .input = 1, .units = 1, .activation = REFERENCE_TANH};
    const reference_run run = {.batch = 1, .time = GOLDEN_STEPS, .inputs = GOLDEN_INPUTS};
    double outputs[GOLDEN_STEPS];
    double h[1];
    double *const final_state[] = {h};

    reference_dynamic_rnn(&cell, variables, &run, outputs, final_state);
    for (size_t t = 0; t < GOLDEN_STEPS; t++) {
        ck_assert_double_eq_tol(outputs[t], expected[t], GOLDEN_TOLERANCE);
    }
    ck_assert_double_eq(h[0], outputs[GOLDEN_STEPS - 1]);
}

static const double GATES_KERNEL[] = {0.1, 0.2, 0.5, -0.6};
static const double GATES_BIAS[] = {1.0, 1.0};

START_TEST(gru_gives_the_golden_row)
{
    const double kernel[] = {0.3, 0.7}, bias[] = {0.0};
    const double *const variables[] = {GATES_KERNEL, GATES_BIAS, kernel, bias};
    const double expected[] = {0.067431650, 0.058394747, 0.120434094};

    check_outputs(REFERENCE_GRU, variables, expected);
}
END_TEST

START_TEST(cudnn_compatible_gru_gives_the_golden_row)
{
    const double w_x[] = {0.3}, b_x[] = {0.05}, w_h[] = {0.7}, b_h[] = {0.2};
    const double *const variables[] = {GATES_KERNEL, GATES_BIAS, w_x, b_x, w_h, b_h};
    const double expected[] = {0.106978139, 0.146851015, 0.240099463};

    check_outputs(REFERENCE_CUDNN_COMPATIBLE_GRU, variables, expected);
}
END_TEST

TCase *reference_golden_tests(void)
{
    TCase *tests = tcase_create("golden rows");

    tcase_add_loop_test(tests, lstms_give_the_golden_rows, 0,
                        (int)(sizeof GOLDEN_LSTMS / sizeof *GOLDEN_LSTMS));
    tcase_add_test(tests, gru_gives_the_golden_row);
    tcase_add_test(tests, cudnn_compatible_gru_gives_the_golden_row);
    return tests;
}
