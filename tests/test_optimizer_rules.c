/* The rules beside gradient descent and Adam: golden rows of the semantics note, slot starts, refusals. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 37, RULES = 7 };

/* Each rule with the numbers of its golden row, and the weight after gradients 0.1, -0.2, 0.3 from a weight of 1. */
static lstm_optimizer *make(lstm_context *context, const lstm_params *params, size_t which)
{
    const lstm_momentum_config momentum = {
        .struct_size = sizeof momentum, .learning_rate = 0.01f, .momentum = 0.9f, .use_nesterov = which == 1};
    const lstm_rmsprop_config rmsprop = {.struct_size = sizeof rmsprop,
                                         .learning_rate = 0.01f,
                                         .momentum = which == 5 ? 0.9f : 0.0f,
                                         .centered = which == 5};
    lstm_optimizer *optimizer = NULL;
    if (which < 2)
        ck_ok(lstm_optimizer_create_momentum(context, params, &momentum, &optimizer));
    else if (which == 2)
        ck_ok(lstm_optimizer_create_adagrad(context, params, LSTM_ARGS(lstm_adagrad_config, .learning_rate = 0.01f),
                                            &optimizer));
    else if (which == 3)
        ck_ok(lstm_optimizer_create_adadelta(context, params, LSTM_ARGS(lstm_adadelta_config, .learning_rate = 1.0f),
                                             &optimizer));
    else if (which < 6)
        ck_ok(lstm_optimizer_create_rmsprop(context, params, &rmsprop, &optimizer));
    else
        ck_ok(lstm_optimizer_create_adamw(context, params, LSTM_ARGS(lstm_adamw_config, .weight_decay = 0.01f),
                                          &optimizer));
    return optimizer;
}

static const double golden_rows[RULES][3] = {
    {0.999, 1.0001, 0.99809},                /* momentum */
    {0.9981, 1.00109, 0.996281},             /* Nesterov: differs at the first step */
    {0.996984887, 1.002148864, 0.996025140}, /* Adagrad: the accumulator starts at 0.1 */
    {0.999552791, 1.000121322, 0.999436884}, /* Adadelta */
    {0.998946493, 1.001162024, 0.997680259}, /* RMSProp: the mean square starts at 1 */
    {0.998946434, 1.000213920, 0.997871946}, /* centered, with momentum */
    {0.989000003, 0.979476106, 0.969338104}, /* AdamW: decay not times the learning rate */
};

static lstm_params *store(lstm_context *context, size_t count)
{
    lstm_params *params;
    ck_ok(lstm_params_create(context, &params));
    ck_ok(lstm_params_declare(params, "w", 1, &count, NULL));
    ck_ok(lstm_params_initialize(params, 3));
    return params;
}

START_TEST(every_rule_gives_its_golden_row)
{
    static const float gradients[3] = {0.1f, -0.2f, 0.3f};
    lstm_params *weights = store(NULL, COUNT), *grads;
    ck_ok(lstm_params_create_like(weights, &grads));
    for (size_t which = 0; which < RULES; which++) {
        lstm_optimizer *optimizer = make(NULL, weights, which);
        float *w = lstm_params_edit(weights, NULL), *g = lstm_params_edit(grads, NULL);
        for (size_t k = 0; k < COUNT; k++)
            w[k] = 1.0f;
        for (size_t step = 0; step < 3; step++) {
            for (size_t k = 0; k < COUNT; k++)
                g[k] = gradients[step];
            ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
            for (size_t k = 0; k < COUNT; k++)
                ck_assert_msg(fabs((double)w[k] - golden_rows[which][step]) < 3e-7, "rule %zu, step %zu: %.9f", which,
                              step, (double)w[k]);
        }
        lstm_optimizer_destroy(optimizer);
    }
    lstm_params_destroy(weights);
    lstm_params_destroy(grads);
}
END_TEST

START_TEST(the_number_of_threads_changes_no_bit_of_any_rule)
{
    enum { MANY = 100000 };
    for (size_t which = 0; which < RULES; which++) {
        float *first = NULL;
        for (size_t threads = 1; threads <= 3; threads++) {
            lstm_context *context;
            lstm_params *grads;
            ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
            lstm_params *weights = store(context, MANY);
            ck_ok(lstm_params_create_like(weights, &grads));
            lstm_optimizer *optimizer = make(context, weights, which);
            float *g = lstm_params_edit(grads, NULL);
            const lstm_random random = lstm_random_named(1, "gradient");
            for (size_t step = 0; step < 3; step++) {
                lstm_random_uniform(&random, step * MANY, MANY, -1.0f, 1.0f, g);
                ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
            }
            const float *w = lstm_params_data(weights, NULL);
            if (first)
                ck_assert(same_bits(first, w, MANY));
            else
                first = memcpy(test_allocate(MANY, sizeof *first), w, MANY * sizeof *w);
            lstm_optimizer_destroy(optimizer);
            lstm_params_destroy(grads);
            lstm_params_destroy(weights);
            lstm_context_destroy(context);
        }
        free(first);
    }
}
END_TEST

/* Three steps of that rule, from weights of 1, with gradients of 0.5; odd: but for some. */
static void three_steps(size_t which, bool odd, float *w)
{
    static const float others[] = {NAN, INFINITY, -INFINITY, 1e30f, 0.0f, 1e18f, 1e-42f};
    lstm_params *weights = store(NULL, COUNT), *grads;
    ck_ok(lstm_params_create_like(weights, &grads));
    lstm_optimizer *optimizer = make(NULL, weights, which);
    float *g = lstm_params_edit(grads, NULL);
    for (size_t k = 0; k < COUNT; k++) {
        lstm_params_edit(weights, NULL)[k] = 1.0f;
        g[k] = odd && k % 5 == 2 ? others[k / 5] : 0.5f;
    }
    for (size_t step = 0; step < 3; step++)
        ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
    memcpy(w, lstm_params_data(weights, NULL), COUNT * sizeof *w);
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
}

START_TEST(a_gradient_that_is_no_number_spoils_no_other_weight)
{
    enum { OF_NAN = 2, OF_ZERO = 22, OF_1E18 = 27, OF_DENORMAL = 32, ADAMW = 6 };
    for (size_t which = 0; which < RULES; which++) {
        float clean[COUNT], w[COUNT];
        three_steps(which, false, clean);
        three_steps(which, true, w);
        for (size_t k = 0; k < COUNT; k++)
            ck_assert(k % 5 == 2 || same_bits(&w[k], &clean[k], 1));
        ck_assert(isnan(w[OF_NAN]));
        ck_assert(isfinite(w[OF_1E18]) && isfinite(w[OF_DENORMAL]) && w[OF_1E18] < 1.0f);
        ck_assert(which == ADAMW ? w[OF_ZERO] < 1.0f : w[OF_ZERO] == 1.0f);
    }
}
END_TEST

/* After larger ones, both come down to where rounding lets them: the mean of squares to a little above the square, the
 * mean, whose square is taken away, to a little above the root. */
START_TEST(a_centred_mean_of_squares_does_not_fall_below_zero)
{
    lstm_params *weights = store(NULL, COUNT), *grads;
    lstm_optimizer *optimizer;
    ck_ok(lstm_params_create_like(weights, &grads));
    ck_ok(lstm_optimizer_create_rmsprop(
        NULL, weights, LSTM_ARGS(lstm_rmsprop_config, .learning_rate = 1e-6f, .centered = true), &optimizer));
    float *g = lstm_params_edit(grads, NULL);
    for (size_t step = 0; step < 400; step++) {
        for (size_t k = 0; k < COUNT; k++)
            g[k] = step < 60 ? 1e4f : 1000.0f + 7.0f * (float)k;
        ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
        for (size_t k = 0; k < COUNT; k++)
            ck_assert_msg(isfinite(lstm_params_data(weights, NULL)[k]), "weight %zu after step %zu", k, step);
    }
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
}
END_TEST

START_TEST(adamw_decays_by_the_weight_alone_or_by_the_learning_rate_times_it)
{
    for (int by_rate = 0; by_rate < 2; by_rate++)
        for (int zero_rate = 0; zero_rate < 2; zero_rate++) {
            lstm_params *weights = store(NULL, 3), *grads;
            lstm_optimizer *optimizer;
            ck_ok(lstm_params_create_like(weights, &grads)); /* of zero */
            ck_ok(lstm_optimizer_create_adamw(
                NULL, weights,
                LSTM_ARGS(lstm_adamw_config, .weight_decay = 0.25f, .learning_rate = 0.5f, .decay_by_rate = by_rate),
                &optimizer));
            if (zero_rate)
                ck_ok(lstm_optimizer_set_learning_rate(optimizer, 0.0f));
            float *w = lstm_params_edit(weights, NULL);
            w[0] = 8.0f;
            ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
            ck_assert_float_eq(w[0], !by_rate ? 6.0f : zero_rate ? 8.0f : 7.0f);
            lstm_optimizer_destroy(optimizer);
            lstm_params_destroy(grads);
            lstm_params_destroy(weights);
        }
}
END_TEST

START_TEST(a_moving_average_follows_the_weights)
{
    enum { MANY = 100000 };
    float *first = NULL;
    for (size_t threads = 1; threads <= 3; threads++) {
        lstm_context *context;
        lstm_params *shadow;
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
        lstm_params *weights = store(context, MANY);
        ck_ok(lstm_params_create_like(weights, &shadow));
        float *s = lstm_params_edit(shadow, NULL);
        const float *w = lstm_params_data(weights, NULL);
        for (int step = 0; step < 2; step++)
            ck_ok(lstm_moving_average(shadow, weights, 0.75f));
        for (size_t k = 0; k < MANY; k++) /* from zero: w (1 - 0.75^2) */
            ck_assert_double_eq_tol((double)s[k], (double)w[k] * 0.4375, 1e-8);
        if (first)
            ck_assert(same_bits(first, s, MANY));
        else
            first = memcpy(test_allocate(MANY, sizeof *first), s, MANY * sizeof *s);
        ck_fails(lstm_moving_average(NULL, weights, 0.5f), LSTM_ERR_INVALID_ARGUMENT, "shadow");
        ck_fails(lstm_moving_average(shadow, NULL, 0.5f), LSTM_ERR_INVALID_ARGUMENT, "weights");
        ck_fails(lstm_moving_average(shadow, shadow, 0.5f), LSTM_ERR_INVALID_ARGUMENT, "same store");
        ck_fails(lstm_moving_average(shadow, weights, 1.0f), LSTM_ERR_INVALID_ARGUMENT, "decay");
        ck_fails(lstm_moving_average(shadow, weights, NAN), LSTM_ERR_INVALID_ARGUMENT, "decay");
        lstm_params_destroy(shadow);
        lstm_params_destroy(weights);
        lstm_context_destroy(context);
    }
    free(first);
}
END_TEST

/* The create function of that name refuses the rest of the arguments, and makes nothing. */
#define refuses(kind, words, ...)                                                                                      \
    do {                                                                                                               \
        lstm_optimizer *made = NULL;                                                                                   \
        ck_fails(lstm_optimizer_create_##kind(NULL, weights, LSTM_ARGS(lstm_##kind##_config, __VA_ARGS__), &made),     \
                 LSTM_ERR_INVALID_ARGUMENT, words);                                                                    \
        ck_assert_ptr_null(made);                                                                                      \
    } while (0)

START_TEST(numbers_out_of_range_are_refused)
{
    lstm_params *weights = store(NULL, 3);
    refuses(momentum, "learning_rate", .momentum = 0.9f);
    refuses(momentum, "learning_rate", .learning_rate = -1.0f);
    refuses(momentum, "momentum", .learning_rate = 0.1f, .momentum = 1.0f);
    refuses(momentum, "momentum", .learning_rate = 0.1f, .momentum = NAN);
    refuses(adagrad, "learning_rate", .initial_accumulator_value = 0.1f);
    refuses(adagrad, "initial_accumulator_value", .learning_rate = 0.1f, .initial_accumulator_value = -0.1f);
    refuses(adagrad, "initial_accumulator_value", .learning_rate = 0.1f, .initial_accumulator_value = INFINITY);
    refuses(adadelta, "learning_rate", .learning_rate = INFINITY);
    refuses(adadelta, "decay", .rho = LSTM_VALUE(1.0f));
    refuses(adadelta, "epsilon", .epsilon = LSTM_VALUE(-1.0f));
    refuses(rmsprop, "learning_rate", .momentum = 0.5f);
    refuses(rmsprop, "decay", .learning_rate = 0.1f, .decay = LSTM_VALUE(-0.1f));
    refuses(rmsprop, "momentum", .learning_rate = 0.1f, .momentum = -0.1f);
    refuses(rmsprop, "epsilon", .learning_rate = 0.1f, .epsilon = LSTM_VALUE(NAN));
    refuses(adamw, "weight_decay", .learning_rate = 0.1f);
    refuses(adamw, "weight_decay", .weight_decay = 1.0f);
    refuses(adamw, "beta1", .weight_decay = 0.1f, .beta1 = LSTM_VALUE(1.0f));
    lstm_params_destroy(weights);
}
END_TEST

START_TEST(a_store_and_a_place_to_go_are_needed)
{
    lstm_params *weights = store(NULL, 3), *open;
    lstm_optimizer *made = NULL;
    const lstm_momentum_config *momentum = LSTM_ARGS(lstm_momentum_config, .learning_rate = 0.1f);
    const lstm_adagrad_config *adagrad = LSTM_ARGS(lstm_adagrad_config, .learning_rate = 0.1f);
    const lstm_rmsprop_config *rmsprop = LSTM_ARGS(lstm_rmsprop_config, .learning_rate = 0.1f);
    ck_ok(lstm_params_create(NULL, &open));
    ck_fails(lstm_optimizer_create_momentum(NULL, NULL, momentum, &made), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_optimizer_create_momentum(NULL, weights, momentum, NULL), LSTM_ERR_INVALID_ARGUMENT, "optimizer");
    ck_fails(lstm_optimizer_create_momentum(NULL, open, momentum, &made), LSTM_ERR_STATE, "open");
    ck_fails(lstm_optimizer_create_adagrad(NULL, NULL, adagrad, &made), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_optimizer_create_adagrad(NULL, weights, adagrad, NULL), LSTM_ERR_INVALID_ARGUMENT, "optimizer");
    ck_fails(lstm_optimizer_create_adadelta(NULL, NULL, NULL, &made), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_optimizer_create_adadelta(NULL, weights, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "optimizer");
    ck_fails(lstm_optimizer_create_rmsprop(NULL, NULL, rmsprop, &made), LSTM_ERR_INVALID_ARGUMENT, "params");
    ck_fails(lstm_optimizer_create_rmsprop(NULL, weights, rmsprop, NULL), LSTM_ERR_INVALID_ARGUMENT, "optimizer");
    ck_assert_ptr_null(made);
    lstm_params_destroy(open);
    lstm_params_destroy(weights);
}
END_TEST

Suite *optimizer_rules_suite(void)
{
    return test_suite("optimizer_rules", (const TTest *const[]){
                                             every_rule_gives_its_golden_row,
                                             the_number_of_threads_changes_no_bit_of_any_rule,
                                             a_gradient_that_is_no_number_spoils_no_other_weight,
                                             a_centred_mean_of_squares_does_not_fall_below_zero,
                                             adamw_decays_by_the_weight_alone_or_by_the_learning_rate_times_it,
                                             a_moving_average_follows_the_weights,
                                             numbers_out_of_range_are_refused,
                                             a_store_and_a_place_to_go_are_needed,
                                             NULL,
                                         });
}
