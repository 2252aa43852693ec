/* Softmax cross entropy and its gradient. */
#include "golden.h"
#include "reference.h"
#include "suites.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A loss is one float: half a unit in its last place, and float32 exponentials in its sum. */
static const double LOSS_TOLERANCE = 2e-7;

static const lstm_loss_config mean_config = {.struct_size = sizeof mean_config, .reduction = LSTM_REDUCTION_MEAN};
static const lstm_loss_config sum_config = {.struct_size = sizeof sum_config, .reduction = LSTM_REDUCTION_SUM};

static double *widened(const float *from, size_t count)
{
    double *to = test_allocate(count, sizeof *to);
    for (size_t k = 0; k < count; k++)
        to[k] = (double)from[k];
    return to;
}

typedef struct batch {
    size_t rows, classes;
    float *logits, *labels, *d;
    size_t *indices;
    /* by the oracle, of the sum over the rows */
    double loss;
    float *expected;
} batch;

/* Random logits; labels of any weights, or one-hot. */
static batch made(const char *name, size_t rows, size_t classes, float scale, bool one_hot)
{
    const size_t count = rows * classes;
    batch b = {.rows = rows, .classes = classes, .logits = test_numbers(name, count, scale)};
    b.d = test_allocate(count, sizeof *b.d);
    b.expected = test_allocate(count, sizeof *b.expected);
    b.indices = test_allocate(rows, sizeof *b.indices);
    b.labels = test_numbers("labels", count, 2.0f);
    for (size_t row = 0; row < rows; row++)
        b.indices[row] = (row * 7 + 3) % classes;
    if (one_hot)
        ck_ok(lstm_one_hot(rows, b.indices, classes, b.labels));
    double *logits = widened(b.logits, count), *labels = widened(b.labels, count);
    double *losses = test_allocate(rows, sizeof *losses), *d = test_allocate(count, sizeof *d);
    reference_softmax_cross_entropy(rows, classes, logits, labels, losses, d);
    for (size_t row = 0; row < rows; row++)
        b.loss += losses[row];
    for (size_t k = 0; k < count; k++)
        b.expected[k] = (float)d[k];
    free(logits);
    free(labels);
    free(losses);
    free(d);
    return b;
}

static void unmade(batch *b)
{
    free(b->logits);
    free(b->labels);
    free(b->d);
    free(b->expected);
    free(b->indices);
}

/* Losses of labels that do not sum to 1 cancel: to within the size of what is added. */
static void check_loss(const batch *b, float loss, double expected)
{
    double size = 0.0;
    for (size_t k = 0; k < b->rows * b->classes; k++)
        size += fabs((double)b->labels[k]) * (fabs((double)b->logits[k]) + log((double)b->classes));
    const double allowed = LOSS_TOLERANCE * (fabs(expected) + size * expected / (b->loss != 0.0 ? b->loss : 1.0));
    ck_assert_msg(fabs((double)loss - expected) <= fabs(allowed), "%zu rows, %zu classes: %.9g, expected %.9g", b->rows,
                  b->classes, (double)loss, expected);
}

START_TEST(loss_and_gradient_agree_with_the_oracle)
{
    const size_t rows[] = {1, 2, 7, 40}, classes[] = {1, 2, 3, 15, 16, 17, 21, 33, 130};
    const float scales[] = {0.01f, 3.0f, 30.0f};
    for (size_t r = 0; r < 4; r++)
        for (size_t c = 0; c < sizeof classes / sizeof classes[0]; c++)
            for (size_t k = 0; k < 6; k++) {
                batch b = made("logits", rows[r], classes[c], scales[k / 2], k & 1);
                float loss;
                ck_ok(lstm_softmax_cross_entropy(NULL, &sum_config, b.rows, b.classes, b.logits, b.labels, b.d, &loss));
                check_loss(&b, loss, b.loss);
                ck_close(b.d, b.expected, b.rows * b.classes, "d_logits");
                unmade(&b);
            }
}
END_TEST

START_TEST(the_gradient_is_p_minus_y_where_labels_do_not_sum_to_one)
{
    const float logits[] = {1.0f, 2.0f, 0.5f}, labels[] = {0.25f, 3.0f, -0.5f};
    float d[3], loss;
    double sum = 0.0;
    for (size_t k = 0; k < 3; k++)
        sum += exp((double)logits[k]);
    ck_ok(lstm_softmax_cross_entropy(NULL, &sum_config, 1, 3, logits, labels, d, &loss));
    for (size_t k = 0; k < 3; k++)
        ck_assert_double_eq_tol((double)d[k], exp((double)logits[k]) / sum - (double)labels[k], 1e-6);
}
END_TEST

START_TEST(the_mean_divides_loss_and_gradient_by_the_batch)
{
    for (size_t rows = 1; rows <= 9; rows++) {
        batch b = made("mean", rows, 5, 4.0f, true);
        float mean, sum, by_default;
        float *d_mean = test_allocate(rows * 5, sizeof *d_mean);
        ck_ok(lstm_softmax_cross_entropy(NULL, &sum_config, rows, 5, b.logits, b.labels, b.d, &sum));
        ck_ok(lstm_softmax_cross_entropy(NULL, &mean_config, rows, 5, b.logits, b.labels, d_mean, &mean));
        ck_ok(lstm_softmax_cross_entropy(NULL, NULL, rows, 5, b.logits, b.labels, NULL, &by_default));
        ck_assert_float_eq(mean, by_default);
        ck_assert_double_eq_tol((double)mean * (double)rows, (double)sum, 1e-6 * (double)sum);
        for (size_t k = 0; k < rows * 5; k++)
            ck_assert_double_le(fabs((double)d_mean[k] * (double)rows - (double)b.d[k]), 1e-6 * fabs((double)b.d[k]));
        free(d_mean);
        unmade(&b);
    }
}
END_TEST

/* One step of gradient descent along a gradient: how far the first weight moves. */
static double step_of(const float *gradient, size_t count)
{
    lstm_params *weights, *grads;
    lstm_optimizer *optimizer;
    ck_ok(lstm_params_create(NULL, &weights));
    ck_ok(lstm_params_declare(weights, "w", 1, &count, NULL));
    ck_ok(lstm_params_initialize(weights, 1));
    lstm_params_zero(weights);
    ck_ok(lstm_params_create_like(weights, &grads));
    memcpy(lstm_params_edit(grads, NULL), gradient, count * sizeof *gradient);
    ck_ok(lstm_optimizer_create_gradient_descent(
        NULL, weights, LSTM_ARGS(lstm_gradient_descent_config, .learning_rate = 0.5f), &optimizer));
    ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
    const double moved = (double)lstm_params_data(weights, NULL)[0];
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
    return moved;
}

START_TEST(a_step_of_gradient_descent_is_batch_times_longer_under_the_sum)
{
    enum { ROWS = 8 };
    batch b = made("step", ROWS, 4, 2.0f, true);
    ck_ok(lstm_softmax_cross_entropy(NULL, &sum_config, ROWS, 4, b.logits, b.labels, b.d, NULL));
    const double under_sum = step_of(b.d, ROWS * 4);
    ck_ok(lstm_softmax_cross_entropy(NULL, &mean_config, ROWS, 4, b.logits, b.labels, b.d, NULL));
    ck_assert_double_ne(under_sum, 0.0);
    ck_assert_double_eq(step_of(b.d, ROWS * 4) * ROWS, under_sum); /* exact: ROWS is a power of 2 */
    unmade(&b);
}
END_TEST

START_TEST(logits_of_a_thousand_give_the_loss_that_arithmetic_gives)
{
    const float logits[] = {-1000, 1000, 0, -1000, -1000, -1000, 1000, 1000, 1000};
    const size_t right[] = {1, 0, 2}, wrong[] = {0, 1, 0};
    float d[9], loss;
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, &sum_config, 3, 3, logits, right, d, &loss));
    ck_assert_double_eq_tol((double)loss, 2.0 * log(3.0), 1e-6);
    ck_assert_float_eq(d[1], 0.0f);
    ck_assert_double_eq_tol((double)d[3], 1.0 / 3.0 - 1.0, 1e-6);
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, &sum_config, 1, 3, logits, wrong, d, &loss));
    ck_assert_double_eq_tol((double)loss, 2000.0, 1e-3);
    ck_assert_float_eq(d[0], -1.0f);
    ck_assert_float_eq(d[1], 1.0f);
    ck_assert_float_eq(d[2], 0.0f);
}
END_TEST

START_TEST(the_largest_floats_as_logits_give_a_finite_loss_and_gradient)
{
    const float logits[] = {-FLT_MAX, 0, FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX, FLT_MAX, FLT_MAX};
    const float labels[] = {0, 0, 1, 0, 1, 0, 0, 0.5f, 0.5f};
    float d[9], loss;
    ck_ok(lstm_softmax_cross_entropy(NULL, &sum_config, 3, 3, logits, labels, d, &loss));
    ck_assert_double_eq_tol((double)loss, log(3.0) + log(2.0), 1e-6);
    for (size_t k = 0; k < 9; k++)
        ck_assert(fabsf(d[k]) <= 1.0f);
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, &sum_config, 1, 3, logits, (const size_t[]){1}, d, &loss));
    ck_assert_float_eq(loss, FLT_MAX);
    ck_assert(d[0] == 0.0f && d[1] == -1.0f && d[2] == 1.0f);
}
END_TEST

START_TEST(the_loss_of_two_classes_is_log_one_plus_exp_of_their_difference)
{
    for (int k = -1000; k <= 1000; k++) {
        const float logits[] = {0.02f * (float)k, 0.0f};
        float loss;
        ck_ok(lstm_sparse_softmax_cross_entropy(NULL, NULL, 1, 2, logits, (const size_t[]){0}, NULL, &loss));
        const double expected = log1p(exp(-(double)logits[0]));
        /* The sum of the exponentials, from 1 to 2, is a float; and so is the loss. */
        ck_assert_double_eq_tol((double)loss, expected, 1.5e-7 + 6e-8 * expected);
    }
}
END_TEST

START_TEST(sparse_labels_are_one_hot_labels)
{
    for (size_t classes = 1; classes < 40; classes++) {
        batch b = made("sparse", 6, classes, 8.0f, true);
        float sparse, dense;
        ck_ok(lstm_softmax_cross_entropy(NULL, NULL, 6, classes, b.logits, b.labels, b.expected, &dense));
        ck_ok(lstm_sparse_softmax_cross_entropy(NULL, NULL, 6, classes, b.logits, b.indices, b.d, &sparse));
        ck_assert_double_le(fabs((double)sparse - (double)dense), LOSS_TOLERANCE * fabs((double)dense));
        for (size_t k = 0; k < 6 * classes; k++)
            ck_assert_double_eq_tol((double)b.d[k], (double)b.expected[k], 2e-8); /* an ulp of 1/6 */
        unmade(&b);
    }
}
END_TEST

START_TEST(a_sparse_label_out_of_range_is_an_error_and_nothing_is_written)
{
    const size_t last_wrong[] = {0, 1, 3}, huge[] = {SIZE_MAX, 0, 0};
    float logits[9] = {0}, d[9], loss = 55.0f;
    for (size_t k = 0; k < 9; k++)
        d[k] = 55.0f;
    ck_fails(lstm_sparse_softmax_cross_entropy(NULL, NULL, 3, 3, logits, last_wrong, d, &loss),
             LSTM_ERR_INVALID_ARGUMENT, "labels[2] is 3");
    ck_fails(lstm_sparse_softmax_cross_entropy(NULL, NULL, 3, 3, logits, huge, d, &loss), LSTM_ERR_INVALID_ARGUMENT,
             "labels[0]");
    for (size_t k = 0; k < 9; k++)
        ck_assert_float_eq(d[k], 55.0f);
    ck_assert_float_eq(loss, 55.0f);
}
END_TEST

START_TEST(an_empty_batch_has_a_loss_of_zero)
{
    float loss = 55.0f, d = 55.0f;
    ck_ok(lstm_softmax_cross_entropy(NULL, &mean_config, 0, 3, NULL, NULL, &d, &loss));
    ck_assert_float_eq(loss, 0.0f);
    loss = 55.0f;
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, &sum_config, 0, 3, NULL, NULL, NULL, &loss));
    ck_assert_float_eq(loss, 0.0f);
    ck_assert_float_eq(d, 55.0f);
}
END_TEST

START_TEST(neither_gradient_nor_loss_need_be_wanted)
{
    batch b = made("wanted", 4, 9, 3.0f, true);
    float both, alone;
    float *d = test_allocate(36, sizeof *d);
    ck_ok(lstm_softmax_cross_entropy(NULL, NULL, 4, 9, b.logits, b.labels, b.d, &both));
    ck_ok(lstm_softmax_cross_entropy(NULL, NULL, 4, 9, b.logits, b.labels, NULL, &alone));
    ck_ok(lstm_softmax_cross_entropy(NULL, NULL, 4, 9, b.logits, b.labels, d, NULL));
    ck_ok(lstm_softmax_cross_entropy(NULL, NULL, 4, 9, b.logits, b.labels, NULL, NULL));
    ck_assert(same_bits(&both, &alone, 1));
    ck_assert(same_bits(b.d, d, 36));
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, NULL, 4, 9, b.logits, b.indices, b.d, &both));
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, NULL, 4, 9, b.logits, b.indices, NULL, &alone));
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, NULL, 4, 9, b.logits, b.indices, d, NULL));
    ck_assert(same_bits(&both, &alone, 1));
    ck_assert(same_bits(b.d, d, 36));
    free(d);
    unmade(&b);
}
END_TEST

START_TEST(a_row_of_a_batch_has_the_bits_it_has_alone)
{
    enum { ROWS = 11, CLASSES = 21 };
    batch b = made("rows", ROWS, CLASSES, 6.0f, true);
    float d[CLASSES], loss, sum;
    double added = 0.0;
    ck_ok(lstm_softmax_cross_entropy(NULL, &sum_config, ROWS, CLASSES, b.logits, b.labels, b.d, &sum));
    for (size_t row = 0; row < ROWS; row++) {
        const size_t at = row * CLASSES;
        ck_ok(lstm_softmax_cross_entropy(NULL, &sum_config, 1, CLASSES, b.logits + at, b.labels + at, d, &loss));
        ck_assert(same_bits(d, b.d + at, CLASSES));
        added += (double)loss;
    }
    ck_assert_double_eq_tol(added, (double)sum, 1e-6 * (double)sum);
    unmade(&b);
}
END_TEST

START_TEST(the_last_row_and_column_are_written_and_nothing_past_them)
{
    for (size_t classes = 1; classes < 35; classes++) {
        batch b = made("edge", 3, classes, 2.0f, true);
        float *d = test_allocate(3 * classes + 1, sizeof *d);
        for (size_t k = 0; k <= 3 * classes; k++)
            d[k] = 55.0f;
        ck_ok(lstm_softmax_cross_entropy(NULL, NULL, 3, classes, b.logits, b.labels, d, NULL));
        for (size_t k = 0; k < 3 * classes; k++)
            ck_assert_float_ne(d[k], 55.0f);
        ck_assert_float_eq(d[3 * classes], 55.0f);
        free(d);
        unmade(&b);
    }
}
END_TEST

START_TEST(bad_arguments_are_refused_and_nothing_is_written)
{
    const float logits[3] = {0}, labels[3] = {1};
    const size_t label = 0;
    const lstm_loss_config unknown = {.struct_size = sizeof unknown, .reduction = (lstm_reduction)7};
    float d[3] = {55, 55, 55}, loss = 55;
    ck_fails(lstm_softmax_cross_entropy(NULL, NULL, 1, 0, logits, labels, d, &loss), LSTM_ERR_INVALID_ARGUMENT,
             "classes");
    ck_fails(lstm_softmax_cross_entropy(NULL, NULL, 0, 0, NULL, NULL, d, &loss), LSTM_ERR_INVALID_ARGUMENT, "classes");
    ck_fails(lstm_softmax_cross_entropy(NULL, NULL, 1, 3, NULL, labels, d, &loss), LSTM_ERR_INVALID_ARGUMENT,
             "logits is NULL");
    ck_fails(lstm_softmax_cross_entropy(NULL, NULL, 1, 3, logits, NULL, d, &loss), LSTM_ERR_INVALID_ARGUMENT,
             "labels is NULL");
    ck_fails(lstm_softmax_cross_entropy(NULL, &unknown, 1, 3, logits, labels, d, &loss), LSTM_ERR_INVALID_ARGUMENT,
             "reduction");
    ck_fails(lstm_sparse_softmax_cross_entropy(NULL, NULL, 1, 0, logits, &label, d, &loss), LSTM_ERR_INVALID_ARGUMENT,
             "classes");
    ck_fails(lstm_sparse_softmax_cross_entropy(NULL, NULL, 1, 3, NULL, &label, d, &loss), LSTM_ERR_INVALID_ARGUMENT,
             "logits is NULL");
    ck_fails(lstm_sparse_softmax_cross_entropy(NULL, NULL, 1, 3, logits, NULL, d, &loss), LSTM_ERR_INVALID_ARGUMENT,
             "labels is NULL");
    ck_fails(lstm_sparse_softmax_cross_entropy(NULL, &unknown, 1, 3, logits, &label, d, &loss),
             LSTM_ERR_INVALID_ARGUMENT, "reduction");
    ck_assert(d[0] == 55 && d[1] == 55 && d[2] == 55 && loss == 55);
}
END_TEST

START_TEST(the_loss_is_finite_where_two_logits_are_two_flt_max_apart)
{
    const float logits[4] = {FLT_MAX, -FLT_MAX, FLT_MAX, 0.0f};
    const size_t labels[2] = {1, 1};
    const lstm_loss_config *sum = LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_SUM);
    float d[4], loss;
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, NULL, 1, 2, logits, labels, d, &loss));
    ck_assert_float_eq(loss, FLT_MAX);
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, sum, 2, 2, logits, labels, d, &loss));
    ck_assert_float_eq(loss, FLT_MAX);
    ck_assert_float_eq(d[0], 1.0f);
    ck_assert_float_eq(d[1], -1.0f);
}
END_TEST

/* One-hot labels say the same as sparse ones then, too. */
START_TEST(a_logit_of_minus_infinity_takes_its_class_away)
{
    const float logits[6] = {0.5f, -INFINITY, -0.25f, -INFINITY, -INFINITY, 3.0f};
    const float labels[6] = {1, 0, 0, 0, 0, 1};
    const size_t classes[2] = {0, 2};
    float d[6], sparse_d[6], loss[2], sparse[2];
    const lstm_loss_config *none = LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE);
    ck_ok(lstm_softmax_cross_entropy(NULL, none, 2, 3, logits, labels, d, loss));
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, none, 2, 3, logits, classes, sparse_d, sparse));
    ck_assert_double_eq_tol((double)loss[0], log1p(exp(-0.75)), 1e-6);
    ck_assert_float_eq(loss[1], 0.0f);
    ck_assert(same_bits(loss, sparse, 2));
    ck_assert(d[1] == 0.0f && d[3] == 0.0f && d[4] == 0.0f && d[5] == 0.0f);
    for (size_t k = 0; k < 6; k++)
        ck_assert_double_eq_tol((double)d[k], (double)sparse_d[k], 1e-6);
    ck_ok(lstm_softmax_cross_entropy(NULL, none, 1, 3, (const float[]){0.5f, NAN, -0.25f}, labels, d, loss));
    ck_assert(isnan(loss[0]));
    ck_ok(lstm_sparse_softmax_cross_entropy(NULL, none, 1, 3, logits, (const size_t[]){1}, d, loss));
    ck_assert(loss[0] > FLT_MAX / 2.0f);
}
END_TEST

Suite *loss_suite(void)
{
    return test_suite(
        "loss",
        (const TTest *const[]){
            loss_and_gradient_agree_with_the_oracle, the_gradient_is_p_minus_y_where_labels_do_not_sum_to_one,
            the_mean_divides_loss_and_gradient_by_the_batch,
            a_step_of_gradient_descent_is_batch_times_longer_under_the_sum,
            logits_of_a_thousand_give_the_loss_that_arithmetic_gives,
            the_largest_floats_as_logits_give_a_finite_loss_and_gradient,
            the_loss_of_two_classes_is_log_one_plus_exp_of_their_difference, sparse_labels_are_one_hot_labels,
            a_sparse_label_out_of_range_is_an_error_and_nothing_is_written, an_empty_batch_has_a_loss_of_zero,
            neither_gradient_nor_loss_need_be_wanted, a_row_of_a_batch_has_the_bits_it_has_alone,
            the_last_row_and_column_are_written_and_nothing_past_them, bad_arguments_are_refused_and_nothing_is_written,
            the_loss_is_finite_where_two_logits_are_two_flt_max_apart, a_logit_of_minus_infinity_takes_its_class_away,
            NULL});
}
