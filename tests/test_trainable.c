/* What is trained and what decays: optimizers, clipping, L2. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES = 7, MANY = 100003 };

/* Variables v0 to v6 of uneven sizes, together MANY floats. */
static lstm_params *pieces(lstm_context *context)
{
    const size_t sizes[PIECES] = {1, 17, 40001, 3, 29980, 30000, 1};
    lstm_params *params;
    char name[8];
    ck_ok(lstm_params_create(context, &params));
    for (size_t k = 0; k < PIECES; k++) {
        snprintf(name, sizeof name, "v%zu", k);
        ck_ok(lstm_params_declare(params, name, 1, &sizes[k], NULL));
    }
    ck_ok(lstm_params_initialize(params, 5));
    return params;
}

/* v1, v4 and v6 are not trained; v2 and v6 do not decay. */
static void set_flags(lstm_params *params)
{
    ck_ok(lstm_params_set_trainable(params, "v1", false, true));
    ck_ok(lstm_params_set_trainable(params, "v2", true, false));
    ck_ok(lstm_params_set_trainable(params, "v4", false, true));
    ck_ok(lstm_params_set_trainable(params, "v6", false, false));
}

static const bool is_trained[PIECES] = {true, false, true, true, false, true, false};
static const bool is_decayed[PIECES] = {true, false, false, true, false, true, false};

static lstm_optimizer *adamw(lstm_context *context, const lstm_params *params)
{
    lstm_optimizer *optimizer;
    ck_ok(
        lstm_optimizer_create_adamw(context, params, LSTM_ARGS(lstm_adamw_config, .weight_decay = 0.125f), &optimizer));
    return optimizer;
}

static void fill(lstm_params *params, const char *name, float scale)
{
    float *numbers = test_numbers(name, MANY, scale);
    memcpy(lstm_params_edit(params, NULL), numbers, MANY * sizeof *numbers);
    free(numbers);
}

/* The weights after three steps of AdamW. */
static float *after_steps(lstm_context *context, bool with_flags)
{
    lstm_params *weights = pieces(context), *grads;
    lstm_optimizer *optimizer = adamw(context, weights);
    ck_ok(lstm_params_create_like(weights, &grads));
    if (with_flags)
        set_flags(weights);
    for (int step = 0; step < 3; step++) {
        fill(grads, (const char *[]){"one", "two", "three"}[step], 1.0f);
        ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
    }
    float *w = memcpy(test_allocate(MANY, sizeof *w), lstm_params_data(weights, NULL), MANY * sizeof *w);
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
    return w;
}

START_TEST(weights_beside_frozen_ones_get_the_same_bits_on_any_number_of_threads)
{
    float *all = after_steps(NULL, false);
    lstm_params *start = pieces(NULL);
    for (size_t threads = 1; threads <= 3; threads++) {
        lstm_context *context;
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
        float *some = after_steps(context, true);
        for (size_t k = 0; k < PIECES; k++) {
            lstm_variable_info v;
            ck_ok(lstm_params_variable(start, k, &v));
            const float *unchanged = lstm_params_data(start, NULL);
            if (!is_trained[k])
                ck_assert(same_bits(some + v.offset, unchanged + v.offset, v.count));
            else
                ck_assert(same_bits(some + v.offset, all + v.offset, v.count) == is_decayed[k]);
        }
        free(some);
        lstm_context_destroy(context);
    }
    lstm_params_destroy(start);
    free(all);
}
END_TEST

START_TEST(a_frozen_variables_gradient_may_be_anything)
{
    lstm_params *weights = pieces(NULL), *grads;
    lstm_optimizer *optimizer = adamw(NULL, weights);
    lstm_variable_info v;
    double norm;
    ck_ok(lstm_params_create_like(weights, &grads));
    set_flags(weights);
    fill(grads, "one", 1.0f);
    ck_ok(lstm_params_variable(weights, 4, &v));
    lstm_params_edit(grads, NULL)[v.offset + 100] = NAN;
    lstm_params_edit(grads, NULL)[v.offset] = INFINITY;
    ck_ok(lstm_clip_by_global_norm(grads, 1.0f, &norm));
    ck_assert(isfinite(norm));
    ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
    size_t index;
    ck_ok(lstm_first_not_finite(weights, &index));
    ck_assert_uint_eq(index, PIECES);
    ck_ok(lstm_first_not_finite(grads, &index));
    ck_assert_uint_eq(index, 4);
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
}
END_TEST

/* The sum of squares of the variables so marked. */
static double sum_of_squares(const lstm_params *params, const bool marked[PIECES])
{
    double sum = 0.0;
    for (size_t k = 0; k < PIECES; k++) {
        lstm_variable_info v;
        ck_ok(lstm_params_variable(params, k, &v));
        for (size_t j = v.offset; marked[k] && j < v.offset + v.count; j++)
            sum += (double)lstm_params_data(params, NULL)[j] * (double)lstm_params_data(params, NULL)[j];
    }
    return sum;
}

typedef enum clip_kind { BY_GLOBAL_NORM, BY_NORM, BY_VALUE } clip_kind;

START_TEST(clipping_passes_over_what_is_not_trained_and_norms_do_not_count_it)
{
    for (clip_kind kind = BY_GLOBAL_NORM; kind <= BY_VALUE; kind++) {
        lstm_params *grads = pieces(NULL);
        double norm = 0.0;
        set_flags(grads);
        fill(grads, "clip", 1.0f);
        float *before =
            memcpy(test_allocate(MANY, sizeof *before), lstm_params_data(grads, NULL), MANY * sizeof(float));
        const double expected = sqrt(sum_of_squares(grads, is_trained));
        if (kind == BY_GLOBAL_NORM) {
            ck_ok(lstm_clip_by_global_norm(grads, 0.5f, &norm));
            ck_assert_double_eq_tol(norm, expected, 1e-9 * expected);
            ck_assert_double_eq_tol(sqrt(sum_of_squares(grads, is_trained)), 0.5, 1e-6);
        } else {
            ck_ok(kind == BY_NORM ? lstm_clip_by_norm(grads, 0.001f) : lstm_clip_by_value(grads, 0.0f, 0.0f));
        }
        for (size_t k = 0; k < PIECES; k++) {
            lstm_variable_info v;
            ck_ok(lstm_params_variable(grads, k, &v));
            ck_assert(same_bits(lstm_params_data(grads, NULL) + v.offset, before + v.offset, v.count) ==
                      !is_trained[k]);
        }
        free(before);
        lstm_params_destroy(grads);
    }
}
END_TEST

START_TEST(decay_flags_change_no_bit_of_a_norm)
{
    lstm_params *grads = pieces(NULL);
    double norm, again;
    ck_ok(lstm_clip_by_global_norm(grads, 1e30f, &norm));
    ck_ok(lstm_params_set_trainable(grads, "v3", true, false));
    ck_ok(lstm_clip_by_global_norm(grads, 1e30f, &again));
    ck_assert_double_eq(norm, again);
    lstm_params_destroy(grads);
}
END_TEST

START_TEST(with_nothing_to_train_a_step_changes_nothing_and_norms_are_zero)
{
    lstm_params *weights = pieces(NULL), *start = pieces(NULL), *grads;
    lstm_optimizer *optimizer = adamw(NULL, weights);
    double norm = 7.0, loss = 7.0;
    ck_ok(lstm_params_create_like(weights, &grads));
    ck_ok(lstm_params_set_trainable(weights, "*", false, true));
    fill(grads, "one", 1.0f);
    ck_ok(lstm_l2_regularizer(weights, 1.0f, grads, &loss));
    ck_ok(lstm_clip_by_global_norm(grads, 0.5f, &norm));
    ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
    ck_assert_double_eq(norm, 0.0);
    ck_assert_double_eq(loss, 0.0);
    ck_assert(same_bits(lstm_params_data(weights, NULL), lstm_params_data(start, NULL), MANY));
    float *expected = test_numbers("one", MANY, 1.0f);
    ck_assert(same_bits(lstm_params_data(grads, NULL), expected, MANY));
    free(expected);
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(start);
    lstm_params_destroy(weights);
}
END_TEST

/* L2. */

START_TEST(l2_adds_its_gradient_and_gives_its_loss_where_weights_are_trained_and_decay)
{
    const float scale = 0.25f;
    lstm_params *weights = pieces(NULL), *grads;
    double loss, only_loss;
    ck_ok(lstm_params_create_like(weights, &grads));
    set_flags(weights);
    fill(grads, "l2", 1.0f);
    float *before = test_numbers("l2", MANY, 1.0f);
    const float *w = lstm_params_data(weights, NULL), *g = lstm_params_data(grads, NULL);
    ck_ok(lstm_l2_regularizer(weights, scale, grads, &loss));
    const double expected = 0.25 * sum_of_squares(weights, is_decayed) / 2.0;
    ck_assert_double_eq_tol(loss, expected, 1e-12 * expected);
    for (size_t k = 0; k < PIECES; k++) {
        lstm_variable_info v;
        ck_ok(lstm_params_variable(weights, k, &v));
        if (!is_decayed[k])
            ck_assert(same_bits(g + v.offset, before + v.offset, v.count));
        for (size_t j = v.offset; is_decayed[k] && j < v.offset + v.count; j++)
            if (g[j] != fused(scale, w[j], before[j]))
                ck_abort_msg("%zu: %g", j, (double)g[j]);
    }
    ck_ok(lstm_l2_regularizer(weights, scale, NULL, &only_loss));
    ck_assert_double_eq(only_loss, loss);
    fill(grads, "l2", 1.0f);
    ck_ok(lstm_l2_regularizer(weights, scale, grads, NULL));
    ck_assert_float_eq(g[0], fused(scale, w[0], before[0]));
    fill(grads, "l2", 1.0f);
    ck_ok(lstm_l2_regularizer(weights, 0.0f, grads, &loss));
    ck_assert(same_bits(g, before, MANY));
    ck_assert_double_eq(loss, 0.0);
    free(before);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
}
END_TEST

/* Also of a block of more parts than are summed apart, where each part is longer. */
START_TEST(the_number_of_threads_changes_no_bit_of_l2)
{
    const size_t counts[] = {MANY, 16384 * 64 + 12345};
    for (size_t c = 0; c < 2; c++) {
        double first_loss = 0.0;
        float *first = NULL;
        for (size_t threads = 1; threads <= 3; threads++) {
            lstm_context *context;
            lstm_params *weights, *grads;
            double loss;
            ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
            ck_ok(lstm_params_create(context, &weights));
            ck_ok(lstm_params_declare(weights, "w", 1, &counts[c], NULL));
            ck_ok(lstm_params_initialize(weights, 3));
            ck_ok(lstm_params_create_like(weights, &grads));
            ck_ok(lstm_l2_regularizer(weights, 0.5f, grads, &loss));
            const float *g = lstm_params_data(grads, NULL), *w = lstm_params_data(weights, NULL);
            ck_assert_float_eq(g[counts[c] - 1], 0.5f * w[counts[c] - 1]);
            if (!first) {
                first = memcpy(test_allocate(counts[c], sizeof *g), g, counts[c] * sizeof *g);
                first_loss = loss;
            }
            ck_assert(same_bits(first, g, counts[c]));
            ck_assert_double_eq(first_loss, loss);
            lstm_params_destroy(grads);
            lstm_params_destroy(weights);
            lstm_context_destroy(context);
        }
        free(first);
    }
}
END_TEST

START_TEST(l2_refuses_what_it_cannot_use_and_touches_nothing)
{
    const float wrong[] = {-1.0f, NAN, INFINITY};
    lstm_params *weights = pieces(NULL), *grads, *other = pieces(NULL), *frozen, *open;
    double loss = 7.0;
    ck_ok(lstm_params_create(NULL, &open));
    ck_ok(lstm_params_create_like(weights, &grads));
    ck_ok(lstm_params_freeze(weights, NULL, &frozen));
    for (size_t k = 0; k < 3; k++)
        ck_fails(lstm_l2_regularizer(weights, wrong[k], grads, &loss), LSTM_ERR_INVALID_ARGUMENT, "scale");
    ck_fails(lstm_l2_regularizer(NULL, 1.0f, grads, &loss), LSTM_ERR_INVALID_ARGUMENT, "weights is NULL");
    ck_fails(lstm_l2_regularizer(weights, 1.0f, weights, &loss), LSTM_ERR_INVALID_ARGUMENT, "same store");
    ck_fails(lstm_l2_regularizer(weights, 1.0f, other, &loss), LSTM_ERR_SHAPE, "gradients");
    ck_fails(lstm_l2_regularizer(open, 1.0f, NULL, &loss), LSTM_ERR_STATE, "open");
    ck_fails(lstm_l2_regularizer(weights, 1.0f, frozen, &loss), LSTM_ERR_STATE, "frozen");
    ck_assert_double_eq(loss, 7.0);
    for (size_t k = 0; k < PIECES; k++) {
        ck_ok(lstm_variable_norm(grads, k, &loss));
        ck_assert_double_eq(loss, 0.0);
    }
    lstm_params_destroy(open);
    lstm_params_destroy(frozen);
    lstm_params_destroy(other);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
}
END_TEST

Suite *trainable_suite(void)
{
    return test_suite("trainable", (const TTest *const[]){
                                       weights_beside_frozen_ones_get_the_same_bits_on_any_number_of_threads,
                                       a_frozen_variables_gradient_may_be_anything,
                                       clipping_passes_over_what_is_not_trained_and_norms_do_not_count_it,
                                       decay_flags_change_no_bit_of_a_norm,
                                       with_nothing_to_train_a_step_changes_nothing_and_norms_are_zero,
                                       l2_adds_its_gradient_and_gives_its_loss_where_weights_are_trained_and_decay,
                                       the_number_of_threads_changes_no_bit_of_l2,
                                       l2_refuses_what_it_cannot_use_and_touches_nothing,
                                       NULL,
                                   });
}
