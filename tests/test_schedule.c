/* Learning rates: the formulas of the semantics note, at points worked out by hand. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <string.h>

/* A float32 result of double arithmetic. */
#define ck_rate(found, expected) ck_assert_double_eq_tol((double)(found), (expected), 1e-7)

START_TEST(the_exponential_falls_by_the_rate_each_period_or_in_stairs)
{
    ck_rate(lstm_exponential_decay(0.5f, 0, 10, 0.5, false), 0.5);
    ck_rate(lstm_exponential_decay(0.5f, 10, 10, 0.5, false), 0.25);
    ck_rate(lstm_exponential_decay(0.5f, 5, 10, 0.5, false), 0.5 * sqrt(0.5));
    ck_rate(lstm_exponential_decay(0.5f, 19, 10, 0.5, true), 0.25);
    ck_rate(lstm_exponential_decay(0.5f, 20, 10, 0.5, true), 0.125);
}
END_TEST

START_TEST(natural_and_inverse_time_follow_their_formulas)
{
    ck_rate(lstm_natural_exp_decay(0.5f, 15, 10, 0.5, false), 0.5 * exp(-0.75));
    ck_rate(lstm_natural_exp_decay(0.5f, 15, 10, 0.5, true), 0.5 * exp(-0.5));
    ck_rate(lstm_inverse_time_decay(0.5f, 15, 10, 2.0, false), 0.5 / 4.0);
    ck_rate(lstm_inverse_time_decay(0.5f, 15, 10, 2.0, true), 0.5 / 3.0);
}
END_TEST

START_TEST(a_boundary_belongs_to_the_piece_on_its_left)
{
    const uint64_t boundaries[2] = {10, 20};
    const float values[3] = {1.0f, 0.5f, 0.25f};
    const uint64_t steps[6] = {0, 10, 11, 20, 21, UINT64_MAX};
    const double expected[6] = {1.0, 1.0, 0.5, 0.5, 0.25, 0.25};
    for (size_t k = 0; k < 6; k++)
        ck_rate(lstm_piecewise_constant(steps[k], 2, boundaries, values), expected[k]);
    ck_rate(lstm_piecewise_constant(7, 0, NULL, values), 1.0);
}
END_TEST

START_TEST(the_polynomial_ends_at_its_end_or_cycles)
{
    ck_rate(lstm_polynomial_decay(0.1f, 0, 10, 0.01f, 1.0, false), 0.1);
    ck_rate(lstm_polynomial_decay(0.1f, 5, 10, 0.01f, 1.0, false), 0.055);
    ck_rate(lstm_polynomial_decay(0.1f, 5, 10, 0.01f, 2.0, false), 0.09 / 4.0 + 0.01);
    ck_rate(lstm_polynomial_decay(0.1f, 10, 10, 0.01f, 1.0, false), 0.01);
    ck_rate(lstm_polynomial_decay(0.1f, 1000, 10, 0.01f, 1.0, false), 0.01);
    ck_rate(lstm_polynomial_decay(0.1f, 0, 10, 0.01f, 1.0, true), 0.1);
    ck_rate(lstm_polynomial_decay(0.1f, 15, 10, 0.01f, 1.0, true), 0.09 * 0.25 + 0.01);
    ck_rate(lstm_polynomial_decay(0.1f, 20, 10, 0.01f, 1.0, true), 0.01);
}
END_TEST

START_TEST(the_cosine_stays_at_alpha_past_its_end)
{
    ck_rate(lstm_cosine_decay(0.2f, 0, 10, 0.1), 0.2);
    ck_rate(lstm_cosine_decay(0.2f, 5, 10, 0.1), 0.2 * (0.9 * 0.5 + 0.1));
    ck_rate(lstm_cosine_decay(0.2f, 10, 10, 0.1), 0.02);
    ck_rate(lstm_cosine_decay(0.2f, 99, 10, 0.1), 0.02);
}
END_TEST

START_TEST(the_cosine_restarts_longer_and_lower)
{
    ck_rate(lstm_cosine_decay_restarts(0.2f, 5, 10, 1.0, 1.0, 0.0), 0.1);
    ck_rate(lstm_cosine_decay_restarts(0.2f, 10, 10, 1.0, 0.5, 0.0), 0.1);
    ck_rate(lstm_cosine_decay_restarts(0.2f, 10, 10, 2.0, 0.5, 0.0), 0.1);  /* the second period: 20 steps */
    ck_rate(lstm_cosine_decay_restarts(0.2f, 20, 10, 2.0, 0.5, 0.0), 0.05); /* its middle */
    ck_rate(lstm_cosine_decay_restarts(0.2f, 30, 10, 2.0, 0.5, 0.0), 0.05); /* the third starts */
    ck_rate(lstm_cosine_decay_restarts(0.2f, 20, 10, 2.0, 0.5, 0.1), 0.2 * (0.9 * 0.25 + 0.1));
    /* Where the quotient of logarithms is rounded below a whole number; 1.0 by TensorFlow 2.21. */
    ck_rate(lstm_cosine_decay_restarts(1.0f, 12100, 100, 3.0, 1.0, 0.0), 1.0);
    ck_rate(lstm_cosine_decay_restarts(1.0f, 111, 1, 10.0, 1.0, 0.0), 1.0);
    ck_rate(lstm_cosine_decay_restarts(1.0f, 211, 16, 1.5, 1.0, 0.0), 1.0);
    ck_rate(lstm_cosine_decay_restarts(1.0f, 12100, 100, 3.0, 0.5, 0.0), 0.03125);
}
END_TEST

START_TEST(no_step_is_too_large_for_any)
{
    const uint64_t last = UINT64_MAX;
    const double steps = 1e-300;
    ck_rate(lstm_natural_exp_decay(0.1f, last, steps, 0.0, false), 0.1);
    ck_rate(lstm_inverse_time_decay(0.1f, last, steps, 0.0, true), 0.1);
    ck_rate(lstm_polynomial_decay(0.1f, last, steps, 0.01f, 1.0, true), 0.01);
    for (int k = 1; k <= 3; k++) {
        const float rate = lstm_cosine_decay_restarts(0.1f, last, steps, k, 1.0, 0.0);
        ck_assert(rate >= 0.0f && rate <= 0.1f);
    }
}
END_TEST

START_TEST(arguments_that_make_no_sense_give_nan_which_an_optimizer_refuses)
{
    const float values[1] = {1.0f};
    ck_assert(isnan(lstm_exponential_decay(0.1f, 3, 0, 0.5, false)));
    ck_assert(isnan(lstm_natural_exp_decay(0.1f, 3, -1, 0.5, false)));
    ck_assert(isnan(lstm_inverse_time_decay(0.1f, 3, NAN, 0.5, true)));
    ck_assert(isnan(lstm_polynomial_decay(0.1f, 3, 0, 0.0f, 1.0, true)));
    ck_assert(isnan(lstm_cosine_decay(0.1f, 3, 0, 0.0)));
    ck_assert(isnan(lstm_cosine_decay_restarts(0.1f, 3, 10, 0.5, 1.0, 0.0)));
    ck_assert(isnan(lstm_piecewise_constant(3, 1, NULL, values)));
    ck_assert(isnan(lstm_piecewise_constant(3, 0, NULL, NULL)));
}
END_TEST

Suite *schedule_suite(void)
{
    return test_suite("schedule", (const TTest *const[]){
                                      the_exponential_falls_by_the_rate_each_period_or_in_stairs,
                                      natural_and_inverse_time_follow_their_formulas,
                                      a_boundary_belongs_to_the_piece_on_its_left,
                                      the_polynomial_ends_at_its_end_or_cycles,
                                      the_cosine_stays_at_alpha_past_its_end,
                                      the_cosine_restarts_longer_and_lower,
                                      no_step_is_too_large_for_any,
                                      arguments_that_make_no_sense_give_nan_which_an_optimizer_refuses,
                                      NULL,
                                  });
}
