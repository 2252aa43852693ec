#include <math.h>

#include "finite_difference.h"
#include "rnn_problem.h"
#include "rnn_variants.h"
#include "test_reference.h"

/* What central differences in double can show. */
static const double GRADIENT_TOLERANCE = 1e-6;

/* Check's limit of 4 s per test is too short under valgrind. */
static const double TIMEOUT_SECONDS = 120.0;

/* One that keeps every value farther than the difference step from the kinks of clips and relu. */
static const uint64_t SEED = 1997;

static void check_gradient(rnn_problem *problem, const char *name, size_t count, double *values,
                           const double *gradient)
{
    double error = finite_difference_error(count, values, gradient, rnn_problem_loss, problem);

    ck_assert_msg(error <= GRADIENT_TOLERANCE,
                  "%s: relative error %g (activation %d, ragged %d, initial state %d, reverse %d)",
                  name, error, (int)problem->cell.activation, problem->run.lengths != NULL,
                  problem->run.initial_state != NULL, problem->run.reverse);
}

static void check_all_gradients(rnn_problem *problem)
{
    const reference_cell *cell = &problem->cell;

    rnn_problem_backward(problem);
    for (size_t v = 0; v < reference_variable_count(cell); v++) {
        check_gradient(problem, reference_variable_name(cell, v), reference_variable_size(cell, v),
                       problem->variables[v], problem->d_variables[v]);
    }
    check_gradient(problem, "inputs", rnn_problem_input_size(problem), problem->inputs,
                   problem->d_inputs);
    for (size_t leaf = 0; leaf < reference_state_count(cell); leaf++) {
        if (problem->run.initial_state != NULL) {
            check_gradient(problem, "initial state", rnn_problem_state_size(problem, leaf),
                           problem->initial_state[leaf], problem->d_initial_state[leaf]);
        }
    }
}

/* With and without lengths, initial state and reversal. */
enum { CASES_PER_ACTIVATION = 8 };

static void create_case(rnn_problem *problem, int variant, size_t activation, size_t index)
{
    reference_cell cell = rnn_variant((size_t)variant, CELL_ACTIVATIONS[activation]);

    rnn_problem_create(problem, &cell, SEED + activation * CASES_PER_ACTIVATION + index);
    if (index & 1) {
        rnn_problem_make_ragged(problem);
    }
    if (index & 2) {
        rnn_problem_drop_initial_state(problem);
    }
    problem->run.reverse = index & 4;
}

/* _i: variant, in all loop tests here */
START_TEST(gradients_match_central_differences)
{
    for (size_t activation = 0; activation < ACTIVATION_COUNT; activation++) {
        for (size_t index = 0; index < CASES_PER_ACTIVATION; index++) {
            rnn_problem problem;

            create_case(&problem, _i, activation, index);
            check_all_gradients(&problem);
            rnn_problem_destroy(&problem);
        }
    }
}
END_TEST

static size_t count_at(size_t count, const double *values, double limit)
{
    size_t found = 0;

    for (size_t k = 0; k < count; k++) {
        found += fabs(values[k]) == limit;
    }
    return found;
}

static void check_clip_is_active(double clip, size_t clipped, size_t total)
{
    if (clip > 0.0) {
        ck_assert_uint_gt(clipped, 0);
        ck_assert_uint_lt(clipped, total);
    }
}

/* Otherwise the gradient test would prove nothing about clips. */
START_TEST(clips_are_reached_by_some_values_but_not_all)
{
    for (size_t activation = 0; activation < ACTIVATION_COUNT; activation++) {
        reference_cell cell = rnn_variant((size_t)_i, CELL_ACTIVATIONS[activation]);
        size_t cells = 0, clipped_cells = 0, outputs = 0, clipped_outputs = 0;

        for (size_t index = 0; index < CASES_PER_ACTIVATION; index++) {
            rnn_problem problem;

            create_case(&problem, _i, activation, index);
            rnn_problem_forward(&problem);
            cells += rnn_problem_state_size(&problem, 0);
            clipped_cells += count_at(rnn_problem_state_size(&problem, 0), problem.final_state[0],
                                      cell.cell_clip);
            outputs += rnn_problem_output_size(&problem);
            clipped_outputs +=
                count_at(rnn_problem_output_size(&problem), problem.outputs, cell.proj_clip);
            rnn_problem_destroy(&problem);
        }
        check_clip_is_active(cell.cell_clip, clipped_cells, cells);
        check_clip_is_active(cell.num_proj > 0 ? cell.proj_clip : 0.0, clipped_outputs, outputs);
    }
}
END_TEST

/*
 * One linear unit with i and o wide open and f shut: c~ = the bias of j, m = c. Returns the
 * gradient of m to that bias.
 */
static double gradient_through_clips(double bias_j, double cell_clip, double proj_clip)
{
    const reference_cell cell = {.kind = REFERENCE_LSTM,
                                 .input = 1,
                                 .units = 1,
                                 .num_proj = 1,
                                 .cell_clip = cell_clip,
                                 .proj_clip = proj_clip,
                                 .activation = REFERENCE_LINEAR};
    const double kernel[8] = {0.0}, bias[4] = {1000.0, bias_j, -1000.0, 1000.0};
    const double projection[1] = {1.0}, input[1] = {1.0}, d_output[1] = {1.0};
    const double *const variables[] = {kernel, bias, projection};
    const reference_run run = {.batch = 1, .time = 1, .inputs = input};
    double d_kernel[8] = {0.0}, d_bias[4] = {0.0}, d_projection[1] = {0.0};
    double *const d_variables[] = {d_kernel, d_bias, d_projection};

    reference_dynamic_rnn_backward(&cell, variables, &run, d_output, NULL, NULL, NULL, d_variables);
    return d_bias[1];
}

START_TEST(clips_pass_gradient_up_to_and_including_the_limit)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        ck_assert_double_eq(gradient_through_clips(sign * 0.5, 0.0, 0.0), 1.0);
        ck_assert_double_eq(gradient_through_clips(sign * 0.5, 0.75, 0.75), 1.0);
        ck_assert_double_eq(gradient_through_clips(sign * 0.5, 0.5, 0.0), 1.0);
        ck_assert_double_eq(gradient_through_clips(sign * 0.5, 0.0, 0.5), 1.0);
        ck_assert_double_eq(gradient_through_clips(sign * 0.5, 0.25, 0.0), 0.0);
        ck_assert_double_eq(gradient_through_clips(sign * 0.5, 0.0, 0.25), 0.0);
    }
}
END_TEST

START_TEST(relu_has_slope_zero_at_zero)
{
    const reference_cell cell = {
        .kind = REFERENCE_BASIC_RNN, .input = 1, .units = 1, .activation = REFERENCE_RELU};
    const double kernel[2] = {0.0}, bias[1] = {0.0}, input[1] = {1.0}, d_output[1] = {1.0};
    const double *const variables[] = {kernel, bias};
    const reference_run run = {.batch = 1, .time = 1, .inputs = input};
    double d_kernel[2] = {0.0}, d_bias[1] = {0.0};
    double *const d_variables[] = {d_kernel, d_bias};

    reference_dynamic_rnn_backward(&cell, variables, &run, d_output, NULL, NULL, NULL, d_variables);
    ck_assert_double_eq(d_bias[0], 0.0);
}
END_TEST

/* The checker itself: a right gradient passes, a slightly wrong one and a NaN do not. */
static double square(void *context)
{
    const double *x = context;

    return *x * *x;
}

START_TEST(finite_differences_notice_a_wrong_gradient)
{
    double x = 0.75;
    double right = 1.5, wrong = 1.5 + 1e-5, unknown = NAN;

    ck_assert_double_le(finite_difference_error(1, &x, &right, square, &x), GRADIENT_TOLERANCE);
    ck_assert_double_gt(finite_difference_error(1, &x, &wrong, square, &x), GRADIENT_TOLERANCE);
    ck_assert(isnan(finite_difference_error(1, &x, &unknown, square, &x)));
    ck_assert_double_eq(x, 0.75);
}
END_TEST

TCase *reference_gradient_tests(void)
{
    TCase *tests = tcase_create("gradients");

    tcase_set_timeout(tests, TIMEOUT_SECONDS);
    tcase_add_test(tests, finite_differences_notice_a_wrong_gradient);
    tcase_add_loop_test(tests, gradients_match_central_differences, 0, RNN_VARIANTS);
    tcase_add_loop_test(tests, clips_are_reached_by_some_values_but_not_all, 0, LSTM_VARIANTS);
    tcase_add_test(tests, clips_pass_gradient_up_to_and_including_the_limit);
    tcase_add_test(tests, relu_has_slope_zero_at_zero);
    return tests;
}
