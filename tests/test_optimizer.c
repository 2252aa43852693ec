/* Gradient descent and Adam. */
#include "golden.h"
#include "reference.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A store of two variables, `first` and `second` floats long, and its gradients. */
typedef struct problem {
    lstm_params *weights, *grads;
    float *w, *g;
    size_t count;
} problem;

static problem made(lstm_context *context, size_t first, size_t second)
{
    problem p;
    ck_ok(lstm_params_create(context, &p.weights));
    ck_ok(lstm_params_declare(p.weights, "first", 1, &first, NULL));
    ck_ok(lstm_params_declare(p.weights, "second", 1, &second, NULL));
    ck_ok(lstm_params_initialize(p.weights, 1));
    ck_ok(lstm_params_create_like(p.weights, &p.grads));
    p.w = lstm_params_edit(p.weights, &p.count);
    p.g = lstm_params_edit(p.grads, NULL);
    return p;
}

static void unmade(problem *p)
{
    lstm_params_destroy(p->weights);
    lstm_params_destroy(p->grads);
}

static void fill(float *values, size_t count, float value)
{
    for (size_t k = 0; k < count; k++)
        values[k] = value;
}

static lstm_optimizer *descent(lstm_context *context, const problem *p, float rate)
{
    lstm_optimizer *optimizer;
    ck_ok(lstm_optimizer_create_gradient_descent(
        context, p->weights, LSTM_ARGS(lstm_gradient_descent_config, .learning_rate = rate), &optimizer));
    return optimizer;
}

static lstm_optimizer *adam(lstm_context *context, const problem *p, const lstm_adam_config *config)
{
    lstm_optimizer *optimizer;
    ck_ok(lstm_optimizer_create_adam(context, p->weights, config, &optimizer));
    return optimizer;
}

/* Weights of 1 with gradients 0.1, -0.2, 0.3 in turn: what they are after each, in every place of both variables. */
static void check_golden(problem *p, lstm_optimizer *optimizer, const double *expected)
{
    const float gradients[] = {0.1f, -0.2f, 0.3f};
    fill(p->w, p->count, 1.0f);
    for (size_t t = 0; t < 3; t++) {
        fill(p->g, p->count, gradients[t]);
        ck_ok(lstm_optimizer_apply(optimizer, p->weights, p->grads));
        for (size_t k = 0; k < p->count; k++)
            ck_assert_double_eq_tol((double)p->w[k], expected[t], 1e-6);
    }
    lstm_optimizer_destroy(optimizer);
}

START_TEST(three_steps_give_the_golden_weights)
{
    const double by_descent[] = {0.95, 1.05, 0.9}, by_adam[] = {0.999000003, 0.999366106, 0.999022865};
    for (size_t count = 1; count < 40; count++) {
        problem p = made(NULL, count, 3);
        check_golden(&p, descent(NULL, &p, 0.5f), by_descent);
        check_golden(&p, adam(NULL, &p, NULL), by_adam);
        check_golden(&p,
                     adam(NULL, &p,
                          LSTM_ARGS(lstm_adam_config, .learning_rate = 0.001f, .beta1 = LSTM_VALUE(0.9f),
                                    .beta2 = LSTM_VALUE(0.999f), .epsilon = LSTM_VALUE(1e-8f))),
                     by_adam);
        unmade(&p);
    }
}
END_TEST

START_TEST(adam_adds_epsilon_to_the_uncorrected_root)
{
    problem p = made(NULL, 1, 1);
    lstm_optimizer *optimizer = adam(NULL, &p, NULL);
    fill(p.w, p.count, 0.0f);
    fill(p.g, p.count, 1e-7f);
    ck_ok(lstm_optimizer_apply(optimizer, p.weights, p.grads));
    /* The corrected form would give -9.0909e-4. */
    ck_assert_double_eq_tol((double)p.w[0], -2.40253e-4, 5e-9); /* float32's 0.999 is that far off */
    ck_assert_double_eq_tol((double)p.w[1], -2.40253e-4, 5e-9);
    lstm_optimizer_destroy(optimizer);
    unmade(&p);
}
END_TEST

/* Some configuration over many steps of random gradients, beside the oracle. */
static void check_adam(const lstm_adam_config *config, const reference_adam_rates *rates)
{
    enum { FIRST = 19, COUNT = FIRST + 30 };
    problem p = made(NULL, FIRST, COUNT - FIRST);
    lstm_optimizer *optimizer = adam(NULL, &p, config);
    double w[COUNT], m[COUNT] = {0}, v[COUNT] = {0}, g[COUNT];
    float expected[COUNT];
    for (size_t k = 0; k < COUNT; k++)
        w[k] = (double)p.w[k];
    const lstm_random random = lstm_random_named(3, "gradients");
    for (size_t t = 0; t < 50; t++) {
        lstm_random_uniform(&random, t * COUNT, COUNT, -1.0f, 2.0f, p.g);
        for (size_t k = 0; k < COUNT; k++)
            g[k] = (double)p.g[k];
        reference_adam(COUNT, rates, t + 1, g, w, m, v);
        ck_ok(lstm_optimizer_apply(optimizer, p.weights, p.grads));
        for (size_t k = 0; k < COUNT; k++)
            expected[k] = (float)w[k];
        ck_close(p.w, expected, COUNT, "weights");
    }
    lstm_optimizer_destroy(optimizer);
    unmade(&p);
}

START_TEST(adam_agrees_with_the_oracle_over_many_steps)
{
    check_adam(NULL, &(reference_adam_rates){(double)0.001f, (double)0.9f, (double)0.999f, (double)1e-8f});
    check_adam(LSTM_ARGS(lstm_adam_config, .learning_rate = 0.125f, .beta1 = LSTM_VALUE(0.5f),
                         .beta2 = LSTM_VALUE(0.75f), .epsilon = LSTM_VALUE(0.25f)),
               &(reference_adam_rates){0.125, 0.5, 0.75, 0.25});
    check_adam(LSTM_ARGS(lstm_adam_config, .beta1 = LSTM_VALUE(0.0f), .beta2 = LSTM_VALUE(0.5f)),
               &(reference_adam_rates){(double)0.001f, 0.0, 0.5, (double)1e-8f});
}
END_TEST

START_TEST(a_step_counts_once_and_not_once_for_each_variable)
{
    /* With a gradient that stays, each step of Adam is the learning rate long, if the powers belong to the step. */
    problem p = made(NULL, 5, 40000);
    lstm_optimizer *optimizer = adam(NULL, &p, LSTM_ARGS(lstm_adam_config, .learning_rate = 0.125f));
    fill(p.w, p.count, 0.0f);
    fill(p.g, p.count, 2.0f);
    for (size_t t = 1; t <= 10; t++) {
        ck_ok(lstm_optimizer_apply(optimizer, p.weights, p.grads));
        ck_assert_double_eq_tol((double)p.w[0], -0.125 * (double)t, 1e-5);
        for (size_t k = 1; k < p.count; k++) /* Check takes its time over every assertion */
            if (!same_bits(&p.w[k], &p.w[0], 1))
                ck_abort_msg("step %zu, weight %zu: %g beside %g", t, k, (double)p.w[k], (double)p.w[0]);
    }
    lstm_optimizer_destroy(optimizer);
    unmade(&p);
}
END_TEST

START_TEST(a_learning_rate_of_zero_leaves_the_weights)
{
    problem p = made(NULL, 20, 20);
    lstm_optimizer *optimizers[] = {descent(NULL, &p, 0.5f), adam(NULL, &p, NULL)};
    float before[40];
    memcpy(before, p.w, sizeof before);
    fill(p.g, p.count, 0.7f);
    for (size_t k = 0; k < 2; k++) {
        ck_ok(lstm_optimizer_set_learning_rate(optimizers[k], 0.0f));
        ck_ok(lstm_optimizer_apply(optimizers[k], p.weights, p.grads));
        ck_assert(same_bits(before, p.w, 40));
        lstm_optimizer_destroy(optimizers[k]);
    }
    unmade(&p);
}
END_TEST

START_TEST(the_learning_rate_that_is_set_is_that_of_the_next_step)
{
    problem p = made(NULL, 4, 4);
    lstm_optimizer *by_descent = descent(NULL, &p, 0.5f), *by_adam = adam(NULL, &p, NULL);
    fill(p.w, p.count, 0.0f);
    fill(p.g, p.count, 1.0f);
    ck_ok(lstm_optimizer_apply(by_descent, p.weights, p.grads));
    ck_assert_float_eq(p.w[7], -0.5f);
    ck_ok(lstm_optimizer_set_learning_rate(by_descent, 0.25f));
    ck_ok(lstm_optimizer_apply(by_descent, p.weights, p.grads));
    ck_assert_float_eq(p.w[7], -0.75f);
    fill(p.w, p.count, 0.0f);
    ck_ok(lstm_optimizer_set_learning_rate(by_adam, 8.0f));
    ck_ok(lstm_optimizer_apply(by_adam, p.weights, p.grads));
    ck_assert_double_eq_tol((double)p.w[7], -8.0, 1e-4);
    lstm_optimizer_destroy(by_descent);
    lstm_optimizer_destroy(by_adam);
    unmade(&p);
}
END_TEST

START_TEST(a_learning_rate_that_is_none_is_refused_and_the_old_one_stays)
{
    const float wrong[] = {-0.5f, -INFINITY, INFINITY, NAN};
    problem p = made(NULL, 1, 1);
    lstm_optimizer *optimizer = descent(NULL, &p, 0.5f);
    for (size_t k = 0; k < 4; k++)
        ck_fails(lstm_optimizer_set_learning_rate(optimizer, wrong[k]), LSTM_ERR_INVALID_ARGUMENT, "learning_rate");
    ck_fails(lstm_optimizer_set_learning_rate(NULL, 1.0f), LSTM_ERR_INVALID_ARGUMENT, "optimizer is NULL");
    fill(p.w, p.count, 0.0f);
    fill(p.g, p.count, 1.0f);
    ck_ok(lstm_optimizer_apply(optimizer, p.weights, p.grads));
    ck_assert_float_eq(p.w[0], -0.5f);
    lstm_optimizer_destroy(optimizer);
    unmade(&p);
}
END_TEST

START_TEST(the_number_of_threads_changes_no_bit_of_a_hundred_thousand_weights)
{
    enum { COUNT = 100003 };
    float *expected[2] = {NULL, NULL};
    for (size_t threads = 1; threads <= 3; threads++) {
        lstm_context *context;
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
        for (size_t rule = 0; rule < 2; rule++) {
            problem p = made(context, 3, COUNT - 3);
            lstm_optimizer *optimizer = rule ? adam(context, &p, NULL) : descent(context, &p, 0.01f);
            for (uint64_t t = 0; t < 4; t++) {
                ck_ok(lstm_params_initialize(p.grads, t + 2));
                ck_ok(lstm_optimizer_apply(optimizer, p.weights, p.grads));
            }
            if (threads == 1)
                expected[rule] = memcpy(test_allocate(COUNT, sizeof(float)), p.w, COUNT * sizeof(float));
            ck_assert(same_bits(expected[rule], p.w, COUNT));
            lstm_optimizer_destroy(optimizer);
            unmade(&p);
        }
        lstm_context_destroy(context);
    }
    free(expected[0]);
    free(expected[1]);
}
END_TEST

START_TEST(a_gradient_that_is_no_number_does_what_arithmetic_does_to_its_weight_alone)
{
    problem p = made(NULL, 20, 20);
    lstm_optimizer *optimizers[] = {descent(NULL, &p, 0.5f), adam(NULL, &p, NULL)};
    for (size_t k = 0; k < 2; k++) {
        fill(p.w, p.count, 1.0f);
        fill(p.g, p.count, 0.5f);
        p.g[7] = NAN;
        p.g[31] = INFINITY;
        ck_ok(lstm_optimizer_apply(optimizers[k], p.weights, p.grads));
        ck_assert(isnan(p.w[7]));
        ck_assert(k == 0 ? p.w[31] == -INFINITY : isnan(p.w[31])); /* Adam: infinity over infinity */
        for (size_t place = 0; place < p.count; place++)
            ck_assert(place == 7 || place == 31 || (p.w[place] < 1.0f && p.w[place] > 0.7f));
        lstm_optimizer_destroy(optimizers[k]);
    }
    unmade(&p);
}
END_TEST

START_TEST(epsilon_may_be_zero_and_then_the_smallest_gradient_takes_a_whole_step)
{
    problem p = made(NULL, 1, 1);
    lstm_optimizer *optimizer =
        adam(NULL, &p, LSTM_ARGS(lstm_adam_config, .learning_rate = 0.5f, .epsilon = LSTM_VALUE(0.0f)));
    fill(p.w, p.count, 0.0f);
    fill(p.g, p.count, 1e-12f);
    ck_ok(lstm_optimizer_apply(optimizer, p.weights, p.grads));
    ck_assert_double_eq_tol((double)p.w[0], -0.5, 1e-5);
    lstm_optimizer_destroy(optimizer);
    unmade(&p);
}
END_TEST

START_TEST(two_optimizers_on_one_layout_keep_their_own_slots)
{
    problem p = made(NULL, 4, 4);
    lstm_optimizer *one = adam(NULL, &p, NULL), *two = adam(NULL, &p, NULL);
    lstm_params *copy;
    ck_ok(lstm_params_create_like(p.weights, &copy));
    float *w = lstm_params_edit(copy, NULL);
    fill(p.w, p.count, 1.0f);
    fill(w, p.count, 1.0f);
    fill(p.g, p.count, 0.3f);
    ck_ok(lstm_optimizer_apply(one, p.weights, p.grads));
    ck_ok(lstm_optimizer_apply(one, p.weights, p.grads));
    ck_ok(lstm_optimizer_apply(two, copy, p.grads));
    ck_assert_double_eq_tol((double)w[0], 0.999, 1e-6);
    ck_assert_double_eq_tol((double)p.w[0], 0.998, 1e-6);
    lstm_params_destroy(copy);
    lstm_optimizer_destroy(one);
    lstm_optimizer_destroy(two);
    unmade(&p);
}
END_TEST

START_TEST(stores_of_another_layout_are_refused_and_nothing_moves)
{
    problem p = made(NULL, 4, 4), q = made(NULL, 4, 4); /* the same names and shapes do not make the same layout */
    lstm_optimizer *optimizer = descent(NULL, &p, 0.5f);
    float before[8];
    memcpy(before, p.w, sizeof before);
    fill(p.g, p.count, 1.0f);
    ck_fails(lstm_optimizer_apply(optimizer, q.weights, p.grads), LSTM_ERR_SHAPE, "weights");
    ck_fails(lstm_optimizer_apply(optimizer, p.weights, q.grads), LSTM_ERR_SHAPE, "gradients");
    ck_fails(lstm_optimizer_apply(optimizer, NULL, p.grads), LSTM_ERR_INVALID_ARGUMENT, "weights is NULL");
    ck_fails(lstm_optimizer_apply(optimizer, p.weights, NULL), LSTM_ERR_INVALID_ARGUMENT, "gradients is NULL");
    ck_fails(lstm_optimizer_apply(NULL, p.weights, p.grads), LSTM_ERR_INVALID_ARGUMENT, "optimizer is NULL");
    ck_fails(lstm_optimizer_apply(optimizer, p.weights, p.weights), LSTM_ERR_INVALID_ARGUMENT, "same store");
    ck_assert(same_bits(before, p.w, 8));
    lstm_optimizer_destroy(optimizer);
    unmade(&p);
    unmade(&q);
}
END_TEST

static void refuse_descent(const lstm_params *params, float rate)
{
    lstm_optimizer *optimizer = NULL;
    ck_fails(lstm_optimizer_create_gradient_descent(
                 NULL, params, LSTM_ARGS(lstm_gradient_descent_config, .learning_rate = rate), &optimizer),
             LSTM_ERR_INVALID_ARGUMENT, "learning_rate");
    ck_assert_ptr_null(optimizer);
}

static void refuse_adam(const lstm_params *params, const lstm_adam_config *config, const char *words)
{
    lstm_optimizer *optimizer = NULL;
    ck_fails(lstm_optimizer_create_adam(NULL, params, config, &optimizer), LSTM_ERR_INVALID_ARGUMENT, words);
    ck_assert_ptr_null(optimizer);
}

START_TEST(configurations_out_of_range_are_refused)
{
    const float no_rate[] = {-0.5f, INFINITY, -INFINITY, NAN}, no_beta[] = {-0.1f, 1.0f, 2.0f, NAN, INFINITY};
    const float no_epsilon[] = {-1e-8f, NAN, INFINITY};
    problem p = made(NULL, 1, 1);
    lstm_optimizer *optimizer = NULL;
    refuse_descent(p.weights, 0.0f);
    for (size_t k = 0; k < 4; k++) {
        refuse_descent(p.weights, no_rate[k]);
        refuse_adam(p.weights, LSTM_ARGS(lstm_adam_config, .learning_rate = no_rate[k]), "learning_rate");
    }
    for (size_t k = 0; k < 5; k++) {
        refuse_adam(p.weights, LSTM_ARGS(lstm_adam_config, .beta1 = LSTM_VALUE(no_beta[k])), "beta1");
        refuse_adam(p.weights, LSTM_ARGS(lstm_adam_config, .beta2 = LSTM_VALUE(no_beta[k])), "beta2");
    }
    for (size_t k = 0; k < 3; k++)
        refuse_adam(p.weights, LSTM_ARGS(lstm_adam_config, .epsilon = LSTM_VALUE(no_epsilon[k])), "epsilon");
    ck_fails(lstm_optimizer_create_gradient_descent(NULL, p.weights, NULL, &optimizer), LSTM_ERR_INVALID_ARGUMENT,
             "learning_rate");
    ck_assert_ptr_null(optimizer);
    unmade(&p);
}
END_TEST

START_TEST(an_optimizer_needs_a_sealed_store_and_a_place_to_go)
{
    const lstm_gradient_descent_config good = {.struct_size = sizeof good, .learning_rate = 0.5f};
    const lstm_adam_config empty = {0};
    problem p = made(NULL, 1, 1);
    lstm_params *open;
    lstm_optimizer *optimizer = NULL;
    ck_ok(lstm_params_create(NULL, &open));
    ck_fails(lstm_optimizer_create_gradient_descent(NULL, p.weights, &good, NULL), LSTM_ERR_INVALID_ARGUMENT,
             "optimizer is NULL");
    ck_fails(lstm_optimizer_create_adam(NULL, p.weights, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "optimizer is NULL");
    ck_fails(lstm_optimizer_create_gradient_descent(NULL, NULL, &good, &optimizer), LSTM_ERR_INVALID_ARGUMENT,
             "params is NULL");
    ck_fails(lstm_optimizer_create_adam(NULL, NULL, NULL, &optimizer), LSTM_ERR_INVALID_ARGUMENT, "params is NULL");
    ck_fails(lstm_optimizer_create_gradient_descent(NULL, open, &good, &optimizer), LSTM_ERR_STATE, "params is open");
    ck_fails(lstm_optimizer_create_adam(NULL, open, NULL, &optimizer), LSTM_ERR_STATE, "params is open");
    ck_fails(lstm_optimizer_create_adam(NULL, p.weights, &empty, &optimizer), LSTM_ERR_INVALID_ARGUMENT, "struct_size");
    ck_assert_ptr_null(optimizer);
    lstm_params_destroy(open);
    unmade(&p);
}
END_TEST

Suite *optimizer_suite(void)
{
    return test_suite(
        "optimizer",
        (const TTest *const[]){
            three_steps_give_the_golden_weights, adam_adds_epsilon_to_the_uncorrected_root,
            adam_agrees_with_the_oracle_over_many_steps, a_step_counts_once_and_not_once_for_each_variable,
            a_learning_rate_of_zero_leaves_the_weights, the_learning_rate_that_is_set_is_that_of_the_next_step,
            a_learning_rate_that_is_none_is_refused_and_the_old_one_stays,
            the_number_of_threads_changes_no_bit_of_a_hundred_thousand_weights,
            a_gradient_that_is_no_number_does_what_arithmetic_does_to_its_weight_alone,
            epsilon_may_be_zero_and_then_the_smallest_gradient_takes_a_whole_step,
            two_optimizers_on_one_layout_keep_their_own_slots, stores_of_another_layout_are_refused_and_nothing_moves,
            configurations_out_of_range_are_refused, an_optimizer_needs_a_sealed_store_and_a_place_to_go, NULL});
}
