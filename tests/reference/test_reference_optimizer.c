#include <math.h>
#include <string.h>

#include "reference.h"
#include "test_reference.h"

/* The table is given to nine decimals. */
static const double GOLDEN_TOLERANCE = 5.1e-10;

enum { STEPS = 3, WEIGHTS = 2, SLOTS = 3 };

/* Every weight starts at 1 and gets these gradients in turn. */
static const double GRADIENTS[STEPS] = {0.1, -0.2, 0.3};

typedef void optimizer_step(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS]);

typedef struct golden_optimizer {
    optimizer_step *step;
    double slots[SLOTS]; /* initial values */
    double w[STEPS];
} golden_optimizer;

static const reference_adam_rates ADAM = {
    .learning_rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};

static void descend(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    (void)step;
    (void)slots;
    reference_gradient_descent(WEIGHTS, 0.5, g, w);
}

static void adam(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    reference_adam(WEIGHTS, &ADAM, step, g, w, slots[0], slots[1]);
}

static void adamw(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    reference_adamw(WEIGHTS, 0.01, &ADAM, step, g, w, slots[0], slots[1]);
}

static void rmsprop(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    const reference_rmsprop_rates rates = {
        .learning_rate = 0.01, .decay = 0.9, .momentum = 0.0, .epsilon = 1e-10};

    (void)step;
    reference_rmsprop(WEIGHTS, &rates, g, w, slots[0], NULL, slots[2]);
}

static void centered_rmsprop(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    const reference_rmsprop_rates rates = {
        .learning_rate = 0.01, .decay = 0.9, .momentum = 0.9, .epsilon = 1e-10};

    (void)step;
    reference_rmsprop(WEIGHTS, &rates, g, w, slots[0], slots[1], slots[2]);
}

static void adagrad(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    (void)step;
    reference_adagrad(WEIGHTS, 0.01, g, w, slots[0]);
}

static void adadelta(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    (void)step;
    reference_adadelta(WEIGHTS, 1.0, 0.95, 1e-8, g, w, slots[0], slots[1]);
}

static void momentum(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    (void)step;
    reference_momentum(WEIGHTS, 0.01, 0.9, false, g, w, slots[0]);
}

static void nesterov(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    (void)step;
    reference_momentum(WEIGHTS, 0.01, 0.9, true, g, w, slots[0]);
}

static void ftrl(size_t step, const double *g, double *w, double slots[SLOTS][WEIGHTS])
{
    (void)step;
    reference_ftrl(WEIGHTS, 0.01, 0.0, 0.0, g, w, slots[0], slots[1]);
}

static const golden_optimizer GOLDEN_OPTIMIZERS[] = {
    {descend, {0.0}, {0.95, 1.05, 0.9}},
    {adam, {0.0}, {0.999000003, 0.999366106, 0.999022865}},
    {rmsprop, {1.0}, {0.998946493, 1.001162024, 0.997680259}},
    {centered_rmsprop, {1.0}, {0.998946434, 1.000213920, 0.997871946}},
    {adagrad, {0.1}, {0.996984887, 1.002148864, 0.996025140}},
    {adadelta, {0.0}, {0.999552791, 1.000121322, 0.999436884}},
    {momentum, {0.0}, {0.999, 1.0001, 0.99809}},
    {nesterov, {0.0}, {0.9981, 1.00109, 0.996281}},
    {adamw, {0.0}, {0.989000003, 0.979476106, 0.969338104}},
    {ftrl, {0.1, 0.0}, {0.043522297, 0.048686275, 0.042562551}},
};

START_TEST(optimizers_give_the_golden_weights)
{
    const golden_optimizer *golden = &GOLDEN_OPTIMIZERS[_i];
    double w[WEIGHTS];
    double slots[SLOTS][WEIGHTS];

    for (size_t k = 0; k < WEIGHTS; k++) {
        w[k] = 1.0;
        for (size_t s = 0; s < SLOTS; s++) {
            slots[s][k] = golden->slots[s];
        }
    }
    for (size_t t = 0; t < STEPS; t++) {
        const double g[WEIGHTS] = {GRADIENTS[t], GRADIENTS[t]};

        golden->step(t + 1, g, w, slots);
        for (size_t k = 0; k < WEIGHTS; k++) {
            ck_assert_double_eq_tol(w[k], golden->w[t], GOLDEN_TOLERANCE);
        }
    }
}
END_TEST

START_TEST(adam_adds_epsilon_to_the_uncorrected_root)
{
    const double g[1] = {1e-7};
    double w[1] = {0.0}, m[1] = {0.0}, v[1] = {0.0};

    reference_adam(1, &ADAM, 1, g, w, m, v);
    ck_assert_double_eq_tol(w[0], -2.40253e-4, GOLDEN_TOLERANCE);
}
END_TEST

START_TEST(adamw_decay_does_not_depend_on_the_learning_rate)
{
    const reference_adam_rates rates = {
        .learning_rate = 0.0, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    const double g[1] = {0.0};
    double w[1] = {2.0}, m[1] = {0.0}, v[1] = {0.0};

    reference_adamw(1, 0.25, &rates, 1, g, w, m, v);
    ck_assert_double_eq(w[0], 1.5);
}
END_TEST

START_TEST(ftrl_zeroes_weights_below_l1_and_shrinks_by_l2)
{
    const double g[2] = {0.5, 3.0};
    double w[2] = {0.0, 0.0}, accumulator[2] = {0.75, 7.0}, linear[2] = {0.0, 0.0};

    reference_ftrl(2, 1.0, 1.0, 0.5, g, w, accumulator, linear);
    ck_assert_double_eq(w[0], 0.0);
    ck_assert_double_eq_tol(w[1], (1.0 - 3.0) / (4.0 + 2.0 * 0.5), GOLDEN_TOLERANCE);
}
END_TEST

/* The global norm of these is 5. */
static const double CLIPPED_A[2] = {3.0, 0.0};
static const double CLIPPED_B[3] = {0.0, -4.0, 0.0};

static double clip(double a[2], double b[3], double clip_norm)
{
    const size_t sizes[] = {2, 3};
    double *const arrays[] = {a, b};

    memcpy(a, CLIPPED_A, sizeof CLIPPED_A);
    memcpy(b, CLIPPED_B, sizeof CLIPPED_B);
    return reference_clip_by_global_norm(2, sizes, arrays, clip_norm);
}

START_TEST(clip_by_global_norm_scales_to_the_limit_and_returns_the_norm_before)
{
    double a[2], b[3];

    ck_assert_double_eq(clip(a, b, 2.5), 5.0);
    ck_assert_double_eq(a[0], 1.5);
    ck_assert_double_eq(b[1], -2.0);
    ck_assert_double_eq(b[0], 0.0);
}
END_TEST

START_TEST(clip_by_global_norm_leaves_what_is_below_the_limit)
{
    double a[2], b[3];

    ck_assert_double_eq(clip(a, b, 5.0), 5.0);
    ck_assert_mem_eq(a, CLIPPED_A, sizeof a);
    ck_assert_mem_eq(b, CLIPPED_B, sizeof b);
}
END_TEST

START_TEST(clip_by_global_norm_keeps_zeros_and_marks_what_is_not_finite)
{
    double values[2] = {0.0, 0.0};
    double *const arrays[] = {values};
    const size_t sizes[] = {2};

    ck_assert_double_eq(reference_clip_by_global_norm(1, sizes, arrays, 1.0), 0.0);
    ck_assert_double_eq(values[0], 0.0);
    values[1] = INFINITY;
    ck_assert(isinf(reference_clip_by_global_norm(1, sizes, arrays, 1.0)));
    ck_assert(isnan(values[0]) && isnan(values[1]));
}
END_TEST

TCase *reference_optimizer_tests(void)
{
    TCase *tests = tcase_create("optimizer");

    tcase_add_loop_test(tests, optimizers_give_the_golden_weights, 0,
                        (int)(sizeof GOLDEN_OPTIMIZERS / sizeof *GOLDEN_OPTIMIZERS));
    tcase_add_test(tests, adam_adds_epsilon_to_the_uncorrected_root);
    tcase_add_test(tests, adamw_decay_does_not_depend_on_the_learning_rate);
    tcase_add_test(tests, ftrl_zeroes_weights_below_l1_and_shrinks_by_l2);
    tcase_add_test(tests, clip_by_global_norm_scales_to_the_limit_and_returns_the_norm_before);
    tcase_add_test(tests, clip_by_global_norm_leaves_what_is_below_the_limit);
    tcase_add_test(tests, clip_by_global_norm_keeps_zeros_and_marks_what_is_not_finite);
    return tests;
}
