#include <math.h>

#include "rnn_problem.h"
#include "test_reference.h"

/* Sums of up to a hundred values, taken in another order. */
static const double DIGEST_TOLERANCE = 1e-12;

/* The seed of tensorflow_digests.py. */
static const uint64_t SEED = 2018;

enum {
    MAX_DIGESTS = 1 + REFERENCE_MAX_STATES + REFERENCE_MAX_VARIABLES + 1 + REFERENCE_MAX_STATES
};

typedef struct tensorflow_run {
    reference_cell cell;
    bool ragged;
    double digests[MAX_DIGESTS]; /* in the order of check_run */
} tensorflow_run;

#define SIZES .input = PROBLEM_INPUT, .units = PROBLEM_UNITS

static const tensorflow_run TENSORFLOW_RUNS[] = {
#include "tensorflow_digests.inc"
};

/* One number that depends on every value and its place. */
static double digest(size_t count, const double *values)
{
    double sum = 0.0;

    for (size_t k = 0; k < count; k++) {
        sum += values[k] / (double)(k + 1);
    }
    return sum;
}

static void check_digest(size_t count, const double *values, double expected)
{
    ck_assert_double_eq_tol(digest(count, values), expected,
                            DIGEST_TOLERANCE * fmax(1.0, fabs(expected)));
}

static void check_run(rnn_problem *problem, const double *expected)
{
    const reference_cell *cell = &problem->cell;

    rnn_problem_forward(problem);
    rnn_problem_backward(problem);
    check_digest(rnn_problem_output_size(problem), problem->outputs, *expected++);
    for (size_t leaf = 0; leaf < reference_state_count(cell); leaf++) {
        check_digest(rnn_problem_state_size(problem, leaf), problem->final_state[leaf],
                     *expected++);
    }
    for (size_t v = 0; v < reference_variable_count(cell); v++) {
        check_digest(reference_variable_size(cell, v), problem->d_variables[v], *expected++);
    }
    check_digest(rnn_problem_input_size(problem), problem->d_inputs, *expected++);
    for (size_t leaf = 0; leaf < reference_state_count(cell); leaf++) {
        check_digest(rnn_problem_state_size(problem, leaf), problem->d_initial_state[leaf],
                     *expected++);
    }
}

/* _i: run. Outputs, states and all gradients. */
START_TEST(runs_agree_with_tensorflow)
{
    const tensorflow_run *expected = &TENSORFLOW_RUNS[_i];
    rnn_problem problem;

    rnn_problem_create(&problem, &expected->cell, SEED);
    if (expected->ragged) {
        rnn_problem_make_ragged(&problem);
    }
    check_run(&problem, expected->digests);
    rnn_problem_destroy(&problem);
}
END_TEST

TCase *reference_tensorflow_tests(void)
{
    TCase *tests = tcase_create("tensorflow");

    tcase_add_loop_test(tests, runs_agree_with_tensorflow, 0,
                        (int)(sizeof TENSORFLOW_RUNS / sizeof *TENSORFLOW_RUNS));
    return tests;
}
