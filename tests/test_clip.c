/* Norms, and clipping by them. */
#include "suites.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two variables, 3 and 40 long. */
enum { FIRST = 3, COUNT = 43 };

static lstm_params *made(void)
{
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_declare(params, "first", 1, (size_t[]){FIRST}, NULL));
    ck_ok(lstm_params_declare(params, "second", 1, (size_t[]){COUNT - FIRST}, NULL));
    ck_ok(lstm_params_initialize(params, 1));
    float *numbers = test_numbers("clip", COUNT, 2.0f);
    memcpy(lstm_params_edit(params, NULL), numbers, COUNT * sizeof *numbers);
    free(numbers);
    return params;
}

static double norm_of(const float *values, size_t count)
{
    double sum = 0.0;
    for (size_t k = 0; k < count; k++)
        sum += (double)values[k] * (double)values[k];
    return sqrt(sum);
}

/* The block before a call. */
static float *copied(const lstm_params *params)
{
    return memcpy(test_allocate(COUNT, sizeof(float)), lstm_params_data(params, NULL), COUNT * sizeof(float));
}

START_TEST(values_are_brought_into_the_range_and_nan_stays)
{
    lstm_params *params = made();
    lstm_params_edit(params, NULL)[1] = NAN;
    lstm_params_edit(params, NULL)[2] = -INFINITY;
    float *before = copied(params);
    ck_ok(lstm_clip_by_value(params, -0.5f, 1.0f));
    const float *after = lstm_params_data(params, NULL);
    for (size_t k = 0; k < COUNT; k++)
        if (k == 1)
            ck_assert(isnan(after[k]));
        else
            ck_assert_float_eq(after[k], fminf(fmaxf(before[k], -0.5f), 1.0f));
    free(before);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_global_norm_above_the_limit_scales_all_and_is_given_as_it_was)
{
    lstm_params *params = made();
    float *before = copied(params);
    double norm;
    ck_ok(lstm_clip_by_global_norm(params, 1.5f, &norm));
    ck_assert_double_eq_tol(norm, norm_of(before, COUNT), 1e-12);
    const float *after = lstm_params_data(params, NULL);
    for (size_t k = 0; k < COUNT; k++)
        ck_assert_double_eq_tol((double)after[k], (double)before[k] * 1.5 / norm, 1e-6);
    ck_assert_double_eq_tol(norm_of(after, COUNT), 1.5, 1e-6);
    free(before);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(below_the_limit_the_values_keep_their_bits)
{
    lstm_params *params = made();
    float *before = copied(params);
    const double norm = norm_of(before, COUNT);
    ck_ok(lstm_clip_by_global_norm(params, (float)norm * 1.001f, NULL));
    ck_ok(lstm_clip_by_norm(params, (float)norm * 1.001f));
    ck_assert(same_bits(before, lstm_params_data(params, NULL), COUNT));
    free(before);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(zero_gradients_stay_zero_under_every_clip)
{
    lstm_params *params = made();
    double norm = 1.0;
    lstm_params_zero(params);
    ck_ok(lstm_clip_by_norm(params, 1e-30f));
    ck_ok(lstm_clip_by_global_norm(params, 1e-30f, &norm));
    ck_assert_double_eq(norm, 0.0);
    for (size_t k = 0; k < COUNT; k++)
        ck_assert_float_eq(lstm_params_data(params, NULL)[k], 0.0f);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(each_variable_is_clipped_by_its_own_norm)
{
    lstm_params *params = made();
    float *before = copied(params);
    double norms[2], large = norm_of(before + FIRST, COUNT - FIRST);
    for (size_t k = 0; k < FIRST; k++)
        before[k] = lstm_params_edit(params, NULL)[k] = 0.1f;
    ck_ok(lstm_clip_by_norm(params, 1.0f));
    for (size_t k = 0; k < 2; k++)
        ck_ok(lstm_variable_norm(params, k, &norms[k]));
    const float *after = lstm_params_data(params, NULL);
    ck_assert(same_bits(after, before, FIRST)); /* below the limit */
    ck_assert_double_eq_tol(norms[0], 0.1 * sqrt(3.0), 1e-8);
    ck_assert_double_eq_tol(norms[1], 1.0, 1e-6);
    for (size_t k = FIRST; k < COUNT; k++)
        ck_assert_double_eq_tol((double)after[k], (double)before[k] / large, 1e-6);
    free(before);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(the_largest_floats_are_scaled_to_a_small_norm)
{
    static const float clip_norms[] = {1.0f, 1e-3f, 1e-20f, 1e-30f};
    for (size_t k = 0; k < 4; k++) {
        lstm_params *params = made();
        float *values = lstm_params_edit(params, NULL);
        double norm;
        for (size_t j = 0; j < COUNT; j++)
            values[j] = j % 2 ? -FLT_MAX : FLT_MAX;
        ck_ok(lstm_clip_by_global_norm(params, clip_norms[k], &norm));
        ck_assert_double_eq_tol(norm / (double)FLT_MAX, sqrt((double)COUNT), 1e-6);
        for (size_t j = 0; j < COUNT; j++)
            ck_assert_double_eq_tol((double)values[j] / (double)clip_norms[k],
                                    (j % 2 ? -1.0 : 1.0) / sqrt((double)COUNT), 1e-6);
        lstm_params_destroy(params);
    }
}
END_TEST

START_TEST(a_norm_that_is_not_finite_makes_all_nan_and_is_named)
{
    const float wrong[2] = {NAN, INFINITY};
    for (size_t k = 0; k < 2; k++) {
        lstm_params *params = made();
        size_t index;
        ck_ok(lstm_first_not_finite(params, &index));
        ck_assert_uint_eq(index, 2);
        lstm_params_edit(params, NULL)[FIRST + 30] = wrong[k];
        ck_ok(lstm_first_not_finite(params, &index));
        ck_assert_uint_eq(index, 1);
        ck_ok(lstm_clip_by_global_norm(params, 1.0f, NULL));
        for (size_t j = 0; j < COUNT; j++)
            ck_assert(isnan(lstm_params_data(params, NULL)[j]));
        lstm_params_destroy(params);
    }
}
END_TEST

/* As in TensorFlow: t * clip_norm / max(norm, clip_norm). */
START_TEST(beside_an_infinity_its_own_norm_makes_zeros)
{
    lstm_params *params = made();
    float *values = lstm_params_edit(params, NULL);
    values[FIRST + 30] = -INFINITY;
    ck_ok(lstm_clip_by_norm(params, 1.0f));
    ck_assert(isnan(values[FIRST + 30]));
    ck_assert_float_eq(values[FIRST], 0.0f);
    ck_assert_float_eq(values[FIRST + 31], 0.0f);
    ck_assert_float_ne(values[0], 0.0f);
    values[FIRST + 31] = NAN;
    ck_ok(lstm_clip_by_norm(params, 1.0f));
    ck_assert(isnan(values[FIRST]));
    lstm_params_destroy(params);
}
END_TEST

START_TEST(bad_arguments_are_refused_and_nothing_moves)
{
    const float wrong[4] = {0.0f, -1.0f, NAN, INFINITY};
    lstm_params *params = made(), *open, *frozen;
    float *before = copied(params);
    double norm = 7.0;
    size_t index = 7;
    ck_ok(lstm_params_create(NULL, &open));
    ck_ok(lstm_params_freeze(params, NULL, &frozen));
    for (size_t k = 0; k < 4; k++) {
        ck_fails(lstm_clip_by_norm(params, wrong[k]), LSTM_ERR_INVALID_ARGUMENT, "clip_norm");
        ck_fails(lstm_clip_by_global_norm(params, wrong[k], &norm), LSTM_ERR_INVALID_ARGUMENT, "clip_norm");
    }
    ck_fails(lstm_clip_by_value(params, 1.0f, 0.5f), LSTM_ERR_INVALID_ARGUMENT, "low <= high");
    ck_fails(lstm_clip_by_value(params, NAN, 0.5f), LSTM_ERR_INVALID_ARGUMENT, "low <= high");
    ck_fails(lstm_clip_by_value(NULL, 0.0f, 1.0f), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_clip_by_norm(NULL, 1.0f), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_clip_by_global_norm(NULL, 1.0f, &norm), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_clip_by_value(open, 0.0f, 1.0f), LSTM_ERR_STATE, "open");
    ck_fails(lstm_clip_by_norm(frozen, 0.1f), LSTM_ERR_STATE, "frozen");
    ck_fails(lstm_clip_by_global_norm(frozen, 0.1f, &norm), LSTM_ERR_STATE, "frozen");
    ck_fails(lstm_variable_norm(NULL, 0, &norm), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_variable_norm(params, 2, &norm), LSTM_ERR_INVALID_ARGUMENT, "lstm_variable_norm: index is 2");
    ck_fails(lstm_variable_norm(params, 0, NULL), LSTM_ERR_INVALID_ARGUMENT, "norm");
    ck_fails(lstm_variable_norm(open, 0, &norm), LSTM_ERR_STATE, "open");
    ck_fails(lstm_first_not_finite(NULL, &index), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_first_not_finite(params, NULL), LSTM_ERR_INVALID_ARGUMENT, "index");
    ck_fails(lstm_first_not_finite(open, &index), LSTM_ERR_STATE, "open");
    ck_assert(same_bits(before, lstm_params_data(params, NULL), COUNT));
    ck_assert_double_eq(norm, 7.0);
    ck_assert_uint_eq(index, 7);
    free(before);
    lstm_params_destroy(frozen);
    lstm_params_destroy(open);
    lstm_params_destroy(params);
}
END_TEST

Suite *clip_suite(void)
{
    return test_suite("clip", (const TTest *const[]){
                                  values_are_brought_into_the_range_and_nan_stays,
                                  a_global_norm_above_the_limit_scales_all_and_is_given_as_it_was,
                                  below_the_limit_the_values_keep_their_bits,
                                  zero_gradients_stay_zero_under_every_clip,
                                  each_variable_is_clipped_by_its_own_norm,
                                  the_largest_floats_are_scaled_to_a_small_norm,
                                  a_norm_that_is_not_finite_makes_all_nan_and_is_named,
                                  beside_an_infinity_its_own_norm_makes_zeros,
                                  bad_arguments_are_refused_and_nothing_moves,
                                  NULL,
                              });
}
