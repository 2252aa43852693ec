/* The sequence loss: averages over time and batch, with weights and lengths. */
#include "golden.h"
#include "reference.h"
#include "suites.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4, TIME = 5, CLASSES = 6, STEPS = BATCH * TIME, FLOATS = STEPS * CLASSES, AVERAGES = 4 };
static const size_t lengths[BATCH] = {5, 0, 3, 1};
static const size_t loss_counts[AVERAGES] = {1, BATCH, TIME, STEPS};

/* Batch-major arrays of one batch. */
typedef struct sequences {
    float *logits, *weights;
    size_t targets[STEPS];
} sequences;

static sequences made(void)
{
    sequences s = {.logits = test_numbers("logits", FLOATS, 3.0f), .weights = test_numbers("weights", STEPS, 1.0f)};
    for (size_t k = 0; k < STEPS; k++) {
        s.targets[k] = (k * 5 + 1) % CLASSES;
        s.weights[k] = k % 7 == 2 ? 0.0f : s.weights[k] + 0.5f;
    }
    return s;
}

static void unmade(sequences *s)
{
    free(s->logits);
    free(s->weights);
}

static lstm_sequence_loss_args args_of(const sequences *s)
{
    return (lstm_sequence_loss_args){.struct_size = sizeof(lstm_sequence_loss_args),
                                     .batch = BATCH,
                                     .time = TIME,
                                     .classes = CLASSES,
                                     .logits = s->logits,
                                     .targets = s->targets};
}

/* [BATCH][TIME][size] to [TIME][BATCH][size]. */
static void to_time_major(size_t size, const void *from, void *to)
{
    for (size_t row = 0; row < BATCH; row++)
        for (size_t t = 0; t < TIME; t++)
            memcpy((char *)to + (t * BATCH + row) * size, (const char *)from + (row * TIME + t) * size, size);
}

/* The formula, in double: losses, and the gradient of their sum. */
static void oracle(const sequences *s, const lstm_sequence_loss_args *a, double *losses, double *d)
{
    double totals[STEPS] = {0}, sums[STEPS] = {0}, step[STEPS], gradient[FLOATS], logits[FLOATS];
    for (size_t k = 0; k < FLOATS; k++)
        logits[k] = (double)s->logits[k];
    reference_sparse_softmax_cross_entropy(STEPS, CLASSES, logits, s->targets, step, gradient);
    for (int pass = 0; pass < 2; pass++)
        for (size_t k = 0; k < STEPS; k++) {
            const size_t row = k / TIME, t = k % TIME, groups[AVERAGES] = {0, row, t, k}, group = groups[a->average];
            const bool live = !a->sequence_length || t < a->sequence_length[row];
            const double w = !live ? 0.0 : a->weights ? (double)s->weights[k] : 1.0;
            const double divisor = a->average == LSTM_AVERAGE_ACROSS_NEITHER ? 1.0 : totals[group] + 1e-12;
            totals[group] += pass ? 0.0 : w;
            sums[group] += pass ? 0.0 : w * step[k];
            losses[group] = sums[group] / divisor;
            for (size_t j = k * CLASSES; pass && j < (k + 1) * CLASSES; j++)
                d[j] = w / divisor * gradient[j];
        }
}

static void check_against_oracle(lstm_sequence_loss_args a, const sequences *s)
{
    double losses[STEPS], gradient[FLOATS];
    float loss[STEPS + 1], d[FLOATS + 1];
    for (size_t k = 0; k <= STEPS; k++)
        loss[k] = 55.0f;
    d[FLOATS] = 55.0f;
    a.loss = loss;
    a.d_logits = d;
    ck_ok(lstm_sequence_loss(NULL, &a));
    oracle(s, &a, losses, gradient);
    for (size_t k = 0; k < loss_counts[a.average]; k++)
        ck_assert_double_eq_tol((double)loss[k], losses[k], 1e-6 * (1.0 + fabs(losses[k])));
    for (size_t k = 0; k < FLOATS; k++)
        ck_assert_double_eq_tol((double)d[k], gradient[k], 1e-6 * (1.0 + fabs(gradient[k])));
    ck_assert(loss[loss_counts[a.average]] == 55.0f && d[FLOATS] == 55.0f);
}

START_TEST(losses_and_gradients_agree_with_the_formula)
{
    sequences s = made();
    for (unsigned way = 0; way < 4 * AVERAGES; way++) {
        lstm_sequence_loss_args a = args_of(&s);
        a.average = (lstm_sequence_average)(way / 4);
        a.weights = way & 1 ? s.weights : NULL;
        a.sequence_length = way & 2 ? lengths : NULL;
        check_against_oracle(a, &s);
    }
    unmade(&s);
}
END_TEST

START_TEST(the_layout_changes_no_bit)
{
    sequences s = made();
    for (unsigned way = 0; way < AVERAGES; way++) {
        float loss[STEPS], d[FLOATS], loss_there[STEPS], d_there[FLOATS], logits[FLOATS], weights[STEPS], back[FLOATS];
        size_t targets[STEPS];
        lstm_sequence_loss_args a = args_of(&s);
        a.average = (lstm_sequence_average)way;
        a.weights = s.weights;
        a.sequence_length = lengths;
        a.loss = loss;
        a.d_logits = d;
        ck_ok(lstm_sequence_loss(NULL, &a));
        to_time_major(CLASSES * sizeof(float), s.logits, logits);
        to_time_major(sizeof(float), s.weights, weights);
        to_time_major(sizeof(size_t), s.targets, targets);
        a.layout = LSTM_TIME_MAJOR;
        a.logits = logits;
        a.weights = weights;
        a.targets = targets;
        a.loss = loss_there;
        a.d_logits = d_there;
        ck_ok(lstm_sequence_loss(NULL, &a));
        to_time_major(CLASSES * sizeof(float), d, back);
        ck_assert(same_bits(d_there, back, FLOATS));
        if (a.average == LSTM_AVERAGE_ACROSS_NEITHER)
            to_time_major(sizeof(float), loss, back);
        ck_assert(same_bits(loss_there, a.average == LSTM_AVERAGE_ACROSS_NEITHER ? back : loss, loss_counts[way]));
    }
    unmade(&s);
}
END_TEST

START_TEST(masked_steps_are_not_read_and_have_exact_zeros)
{
    sequences clean = made(), dirty = made();
    for (size_t k = 0; k < STEPS; k++) {
        const bool past = k % TIME >= lengths[k / TIME];
        if (!past && dirty.weights[k] != 0.0f)
            continue;
        dirty.targets[k] = SIZE_MAX;
        dirty.weights[k] = past ? NAN : 0.0f;
        for (size_t j = k * CLASSES; j < (k + 1) * CLASSES; j++)
            dirty.logits[j] = NAN;
    }
    for (unsigned way = 0; way < AVERAGES; way++) {
        float loss[2][STEPS], d[2][FLOATS];
        for (int side = 0; side < 2; side++) {
            const sequences *s = side ? &dirty : &clean;
            lstm_sequence_loss_args a = args_of(s);
            a.average = (lstm_sequence_average)way;
            a.weights = s->weights;
            a.sequence_length = lengths;
            a.loss = loss[side];
            a.d_logits = d[side];
            ck_ok(lstm_sequence_loss(NULL, &a));
        }
        ck_assert(same_bits(loss[0], loss[1], loss_counts[way]) && same_bits(d[0], d[1], FLOATS));
        for (size_t k = 0; k < STEPS; k++)
            for (size_t j = k * CLASSES; dirty.targets[k] == SIZE_MAX && j < (k + 1) * CLASSES; j++)
                ck_assert(d[1][j] == 0.0f && !signbit(d[1][j]));
    }
    unmade(&clean);
    unmade(&dirty);
}
END_TEST

START_TEST(without_a_step_that_counts_the_losses_are_zero)
{
    const size_t none[BATCH] = {0};
    sequences s = made();
    for (unsigned way = 0; way < 2 * AVERAGES; way++) {
        float loss[STEPS], d[FLOATS];
        lstm_sequence_loss_args a = args_of(&s);
        a.average = (lstm_sequence_average)(way / 2);
        a.sequence_length = none;
        a.time = way & 1 ? 0 : TIME;
        a.loss = loss;
        a.d_logits = d;
        for (size_t k = 0; k < STEPS; k++)
            loss[k] = 55.0f;
        ck_ok(lstm_sequence_loss(NULL, &a));
        const size_t empty[AVERAGES] = {1, BATCH, 0, 0}, count = way & 1 ? empty[way / 2] : loss_counts[way / 2];
        for (size_t k = 0; k < STEPS; k++)
            ck_assert_float_eq(loss[k], k < count ? 0.0f : 55.0f);
    }
    unmade(&s);
}
END_TEST

START_TEST(empty_axes_of_any_other_size_take_no_time)
{
    lstm_sequence_loss_args a = {.struct_size = sizeof a, .classes = 3};
    float loss = 55.0f;
    a.loss = &loss;
    a.batch = SIZE_MAX;
    ck_ok(lstm_sequence_loss(NULL, &a));
    ck_assert_float_eq(loss, 0.0f);
    a.batch = 0;
    a.time = SIZE_MAX;
    loss = 55.0f;
    ck_ok(lstm_sequence_loss(NULL, &a));
    ck_assert_float_eq(loss, 0.0f);
}
END_TEST

START_TEST(over_both_axes_it_is_the_sparse_loss_over_the_sum_of_weights)
{
    sequences s = made();
    float loss, d[FLOATS], expected, d_expected[FLOATS];
    lstm_sequence_loss_args a = args_of(&s);
    a.weights = s.weights;
    a.loss = &loss;
    a.d_logits = d;
    ck_ok(lstm_sequence_loss(NULL, &a));
    ck_ok(lstm_sparse_softmax_cross_entropy(
        NULL, LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_SUM_OVER_WEIGHTS, .weights = s.weights), STEPS,
        CLASSES, s.logits, s.targets, d_expected, &expected));
    ck_assert_float_eq_tol(loss, expected, 1e-6f * expected);
    ck_assert(golden_difference(d, d_expected, FLOATS) < 1e-6);
    unmade(&s);
}
END_TEST

START_TEST(the_largest_logits_give_a_finite_loss_and_nan_a_loss_of_nan)
{
    sequences s = made();
    float loss[STEPS], d[FLOATS];
    lstm_sequence_loss_args a = args_of(&s);
    a.loss = loss;
    a.d_logits = d;
    for (size_t k = 0; k < FLOATS; k++)
        s.logits[k] = k % 3 ? FLT_MAX : -FLT_MAX;
    for (unsigned way = 0; way < AVERAGES; way++) {
        a.average = (lstm_sequence_average)way;
        ck_ok(lstm_sequence_loss(NULL, &a));
        for (size_t k = 0; k < FLOATS; k++)
            ck_assert(isfinite(d[k]));
        for (size_t k = 0; k < loss_counts[way]; k++)
            ck_assert(isfinite(loss[k]));
    }
    a.average = LSTM_AVERAGE_ACROSS_TIMESTEPS;
    s.logits[TIME * CLASSES] = NAN;
    ck_ok(lstm_sequence_loss(NULL, &a));
    ck_assert(isfinite(loss[0]) && isnan(loss[1]) && isfinite(loss[2]) && isfinite(loss[3]));
    unmade(&s);
}
END_TEST

START_TEST(bad_arguments_are_refused_and_nothing_is_written)
{
    sequences s = made();
    float out[FLOATS + 1];
    const size_t too_long[BATCH] = {0, 6, 0, 0};
    lstm_sequence_loss_args good = args_of(&s);
    good.d_logits = out;
    good.loss = out + FLOATS;
    lstm_sequence_loss_args a = good;
    ck_nothing_written(out, lstm_sequence_loss(NULL, NULL), "args is NULL");
    a.layout = (lstm_layout)2;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &a), "layout 2");
    a = good;
    a.average = (lstm_sequence_average)-1;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &a), "average");
    a = good;
    a.classes = 0;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &a), "classes is 0");
    a = good;
    a.logits = NULL;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &a), "logits is NULL");
    a = good;
    a.targets = NULL;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &a), "targets is NULL");
    a = good;
    a.sequence_length = too_long;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &a), "sequence_length[1] is 6");
    a = good;
    a.batch = SIZE_MAX / 4;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &a), "overflows");
    a = good;
    a.classes = SIZE_MAX / 4;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &a), "overflows");
    s.targets[TIME + 2] = CLASSES;
    ck_nothing_written(out, lstm_sequence_loss(NULL, &good), "row 1, time 2 is 6");
    unmade(&s);
}
END_TEST

Suite *sequence_loss_suite(void)
{
    return test_suite("sequence_loss",
                      (const TTest *const[]){losses_and_gradients_agree_with_the_formula, the_layout_changes_no_bit,
                                             masked_steps_are_not_read_and_have_exact_zeros,
                                             without_a_step_that_counts_the_losses_are_zero,
                                             empty_axes_of_any_other_size_take_no_time,
                                             over_both_axes_it_is_the_sparse_loss_over_the_sum_of_weights,
                                             the_largest_logits_give_a_finite_loss_and_nan_a_loss_of_nan,
                                             bad_arguments_are_refused_and_nothing_is_written, NULL});
}
