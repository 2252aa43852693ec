/* Losses of single elements, and what weights and reductions make of any loss. */
#include "golden.h"
#include "reference.h"
#include "suites.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIGMOID, SQUARED, ABSOLUTE, HUBER, KINDS };
static const char *const names[KINDS] = {"lstm_sigmoid_cross_entropy", "lstm_mean_squared_error",
                                         "lstm_absolute_difference", "lstm_huber_loss"};
static const float delta = 0.75f;

/* Losses are floats with float32 exponentials in them. */
static const double TOLERANCE = 3e-7;

static lstm_status call(int kind, const lstm_loss_config *config, size_t batch, size_t width, const float *x,
                        const float *y, float *d, float *loss)
{
    switch (kind) {
    case SIGMOID: return lstm_sigmoid_cross_entropy(NULL, config, batch, width, x, y, d, loss);
    case SQUARED: return lstm_mean_squared_error(NULL, config, batch, width, x, y, d, loss);
    case ABSOLUTE: return lstm_absolute_difference(NULL, config, batch, width, x, y, d, loss);
    default: return lstm_huber_loss(NULL, config, batch, width, delta, x, y, d, loss);
    }
}

static double oracle(int kind, double x, double y, double *slope)
{
    const double error = x - y, size = fabs(error), wide = (double)delta;
    double loss;
    switch (kind) {
    case SIGMOID: reference_sigmoid_cross_entropy(1, &x, &y, &loss, slope); return loss;
    case SQUARED: reference_mean_squared_error(1, 1, &x, &y, &loss, slope); return loss;
    case ABSOLUTE: *slope = (double)((error > 0.0) - (error < 0.0)); return size;
    default:
        *slope = fmax(-wide, fmin(wide, error));
        return 0.5 * fmin(size, wide) * fmin(size, wide) + wide * fmax(size - wide, 0.0);
    }
}

/* Weights of every shape: where one stands, and how many there are. */
static size_t weight_place(lstm_weights_shape shape, size_t width, size_t row, size_t column)
{
    const size_t places[] = {row, row * width + column, column, 0};
    return places[shape];
}

static float *make_weights(size_t count)
{
    float *weights = test_numbers("weights", count, 1.0f);
    for (size_t k = 0; k < count; k++)
        weights[k] = k % 3 == 1 ? 0.0f : weights[k] + 0.75f;
    return weights;
}

static void check_case(int kind, size_t batch, size_t width, lstm_reduction reduction, int shape)
{
    const size_t count = batch * width;
    float *x = test_numbers("x", count, 3.0f), *y = test_numbers("y", count, 1.0f), *weights = make_weights(count);
    float *d = test_allocate(count + 1, sizeof *d), *loss = test_allocate(count + 1, sizeof *loss);
    const lstm_loss_config config = {.struct_size = sizeof config,
                                     .reduction = reduction,
                                     .weights = shape < 0 ? NULL : weights,
                                     .weights_shape = shape < 0 ? LSTM_WEIGHTS_PER_ROW : (lstm_weights_shape)shape};
    double sum = 0.0, weight_sum = 0.0, nonzero = 0.0, size = 0.0;
    for (size_t k = 0; k <= count; k++)
        d[k] = loss[k] = 55.0f;
    ck_ok(call(kind, &config, batch, width, x, y, d, loss));
    for (int pass = 0; pass < 2; pass++) { /* first the sums, then the elements */
        const double by[] = {(double)count, 1.0, 1.0, nonzero, weight_sum};
        for (size_t k = 0; k < count; k++) {
            const size_t place = shape < 0 ? 0 : weight_place((lstm_weights_shape)shape, width, k / width, k % width);
            const double w = shape < 0 ? 1.0 : (double)weights[place];
            double slope, l = oracle(kind, (double)x[k], (double)y[k], &slope);
            const double scale = by[reduction] != 0.0 ? w / by[reduction] : 0.0;
            sum += pass ? 0.0 : w * l;
            size += pass ? 0.0 : fabs(w) * (fabs(l) + 1.0);
            weight_sum += pass ? 0.0 : w;
            nonzero += pass || w == 0.0 ? 0.0 : 1.0;
            if (pass)
                ck_assert_msg(fabs((double)d[k] - scale * slope) <= TOLERANCE * fabs(scale) * (fabs(slope) + 1.0),
                              "%s: d %g, expected %g", names[kind], (double)d[k], scale * slope);
            if (pass && reduction == LSTM_REDUCTION_NONE)
                ck_assert_double_le(fabs((double)loss[k] - w * l), TOLERANCE * fabs(w) * (fabs(l) + 1.0));
        }
        if (pass && reduction != LSTM_REDUCTION_NONE && by[reduction] != 0.0)
            ck_assert_double_eq_tol((double)loss[0], sum / by[reduction], TOLERANCE * size / fabs(by[reduction]));
        else if (pass && reduction != LSTM_REDUCTION_NONE)
            ck_assert_float_eq(loss[0], 0.0f);
    }
    ck_assert(d[count] == 55.0f && loss[reduction == LSTM_REDUCTION_NONE ? count : 1] == 55.0f);
    free(x);
    free(y);
    free(weights);
    free(d);
    free(loss);
}

START_TEST(losses_and_gradients_agree_with_the_oracle_for_every_reduction_and_shape_of_weights)
{
    const size_t batches[] = {1, 2, 7}, widths[] = {1, 2, 15, 16, 17, 33, 70};
    for (size_t b = 0; b < 3; b++)
        for (size_t w = 0; w < 7; w++)
            for (unsigned reduction = 0; reduction < 5; reduction++)
                for (int shape = -1; shape < 4; shape++)
                    check_case(_i, batches[b], widths[w], (lstm_reduction)reduction, shape);
}
END_TEST

START_TEST(a_row_of_a_batch_has_the_bits_it_has_alone)
{
    enum { ROWS = 9, WIDTH = 37 };
    const lstm_loss_config *none = LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE);
    float *x = test_numbers("x", ROWS * WIDTH, 3.0f), *y = test_numbers("y", ROWS * WIDTH, 1.0f);
    float d[ROWS * WIDTH], loss[ROWS * WIDTH], d_row[WIDTH], loss_row[WIDTH];
    ck_ok(call(_i, none, ROWS, WIDTH, x, y, d, loss));
    for (size_t row = 0; row < ROWS; row++) {
        ck_ok(call(_i, none, 1, WIDTH, x + row * WIDTH, y + row * WIDTH, d_row, loss_row));
        ck_assert(same_bits(d_row, d + row * WIDTH, WIDTH) && same_bits(loss_row, loss + row * WIDTH, WIDTH));
    }
    free(x);
    free(y);
}
END_TEST

START_TEST(what_has_no_weight_may_be_nan_and_is_exactly_zero)
{
    const float weights[] = {1, 0, -0.0f, 2}, x[] = {1, NAN, INFINITY, 3}, y[] = {0, 1, NAN, 1};
    for (unsigned reduction = 0; reduction < 5; reduction++) {
        const lstm_loss_config config = {.struct_size = sizeof config,
                                         .reduction = (lstm_reduction)reduction,
                                         .weights_shape = LSTM_WEIGHTS_PER_ELEMENT,
                                         .weights = weights};
        float d[4], loss[4] = {0};
        ck_ok(call(_i, &config, 2, 2, x, y, d, loss));
        ck_assert(d[1] == 0.0f && !signbit(d[1]) && d[2] == 0.0f && !signbit(d[2]));
        for (size_t k = 0; k < 4; k++)
            ck_assert(isfinite(d[k]) && isfinite(loss[k]));
        ck_assert_float_eq(loss[1], 0.0f);
    }
}
END_TEST

START_TEST(weights_that_are_all_zero_or_add_up_to_zero_give_what_tensorflow_gives)
{
    const float zeros[] = {0, 0}, opposite[] = {1, -1}, x[] = {3, 2}, y[] = {1, 2};
    for (unsigned reduction = 0; reduction < 5; reduction++) {
        float d[2] = {55, 55}, loss[2] = {55, 0};
        lstm_loss_config config = {
            .struct_size = sizeof config, .reduction = (lstm_reduction)reduction, .weights = zeros};
        ck_ok(call(_i, &config, 2, 1, x, y, d, loss));
        ck_assert(d[0] == 0.0f && d[1] == 0.0f && loss[0] == 0.0f && loss[1] == 0.0f);
        config.weights = opposite;
        ck_ok(call(_i, &config, 2, 1, x, y, d, loss));
        ck_assert_int_eq(loss[0] == 0.0f, reduction == LSTM_REDUCTION_SUM_OVER_WEIGHTS);
        ck_assert_int_eq(d[0] == 0.0f, reduction == LSTM_REDUCTION_SUM_OVER_WEIGHTS);
    }
}
END_TEST

START_TEST(the_largest_numbers_give_a_finite_loss_and_gradient)
{
    const float x[] = {FLT_MAX, -FLT_MAX, FLT_MAX / 4, -FLT_MAX / 4, 1e4f, -1e4f, FLT_MAX, 0.0f};
    const float y[] = {-FLT_MAX, FLT_MAX, -FLT_MAX / 4, 0.5f, 0.0f, 1.0f, FLT_MAX, 0.0f};
    const float heavy[] = {FLT_MAX};
    for (unsigned reduction = 0; reduction < 5; reduction++)
        for (int weighted = 0; weighted < 2; weighted++) {
            const lstm_loss_config config = {.struct_size = sizeof config,
                                             .reduction = (lstm_reduction)reduction,
                                             .weights_shape = LSTM_WEIGHTS_SCALAR,
                                             .weights = weighted ? heavy : NULL};
            float d[8], loss[8] = {0};
            ck_ok(call(_i, &config, 1, 8, x, y, d, loss));
            for (size_t k = 0; k < 8; k++)
                ck_assert_msg(isfinite(d[k]) && isfinite(loss[k]), "%s: d %g, loss %g", names[_i], (double)d[k],
                              (double)loss[k]);
        }
}
END_TEST

START_TEST(nan_gives_nan_and_infinity_nothing_finite)
{
    const float x[] = {1, NAN, 2, INFINITY}, y[] = {0, 0, NAN, 0.5f};
    const lstm_loss_config *none = LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE);
    float d[4], loss[4], mean;
    ck_ok(call(_i, none, 1, 4, x, y, d, loss));
    ck_assert(isfinite(loss[0]) && isnan(loss[1]) && isnan(loss[2]) && !isfinite(loss[3]));
    ck_assert(isfinite(d[0]) && isnan(d[1]) && isnan(d[2]));
    ck_ok(call(_i, NULL, 1, 3, x, y, NULL, &mean));
    ck_assert(isnan(mean));
}
END_TEST

START_TEST(an_empty_batch_has_a_loss_of_zero_whatever_its_other_size)
{
    const size_t sizes[][2] = {{0, 0}, {0, 7}, {7, 0}, {SIZE_MAX, 0}, {0, SIZE_MAX}};
    const float weight = 1.0f;
    for (size_t k = 0; k < 5; k++)
        for (unsigned reduction = 0; reduction < 5; reduction++) {
            const lstm_loss_config config = {.struct_size = sizeof config,
                                             .reduction = (lstm_reduction)reduction,
                                             .weights_shape = LSTM_WEIGHTS_SCALAR,
                                             .weights = &weight};
            float d = 55.0f, loss = 55.0f;
            ck_ok(call(_i, &config, sizes[k][0], sizes[k][1], NULL, NULL, &d, &loss));
            ck_assert_float_eq(d, 55.0f);
            ck_assert_float_eq(loss, reduction == LSTM_REDUCTION_NONE ? 55.0f : 0.0f);
        }
}
END_TEST

START_TEST(neither_gradient_nor_loss_need_be_wanted)
{
    float *x = test_numbers("x", 36, 3.0f), *y = test_numbers("y", 36, 1.0f), d[36], other[36], loss, alone;
    ck_ok(call(_i, NULL, 4, 9, x, y, d, &loss));
    ck_ok(call(_i, NULL, 4, 9, x, y, NULL, &alone));
    ck_ok(call(_i, NULL, 4, 9, x, y, other, NULL));
    ck_ok(call(_i, LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE), 4, 9, x, y, NULL, NULL));
    ck_assert(same_bits(&loss, &alone, 1) && same_bits(d, other, 36));
    free(x);
    free(y);
}
END_TEST

START_TEST(bad_arguments_are_refused_and_nothing_is_written)
{
    const float x[4] = {0}, y[4] = {0};
    const lstm_loss_config reduction = {.struct_size = sizeof reduction, .reduction = (lstm_reduction)5};
    const lstm_loss_config shape = {.struct_size = sizeof shape, .weights_shape = (lstm_weights_shape)-1};
    float out[5];
    ck_nothing_written(out, call(_i, &reduction, 2, 2, x, y, out, out + 4), "reduction 5");
    ck_nothing_written(out, call(_i, &shape, 2, 2, x, y, out, out + 4), "weights_shape");
    ck_nothing_written(out, call(_i, NULL, 2, 2, NULL, y, out, out + 4),
                       _i == SIGMOID ? "logits is NULL" : "predictions is NULL");
    ck_nothing_written(out, call(_i, NULL, 2, 2, x, NULL, out, out + 4), "labels is NULL");
    ck_nothing_written(out, call(_i, NULL, SIZE_MAX / 2, 3, x, y, out, out + 4), "overflows");
    ck_assert_ptr_nonnull(strstr(lstm_error_message(), names[_i]));
}
END_TEST

START_TEST(a_delta_that_is_not_a_positive_number_is_refused)
{
    const float x = 1.0f, y = 0.0f, bad[] = {0.0f, -1.0f, NAN, INFINITY};
    float out[2];
    for (size_t k = 0; k < 4; k++)
        ck_nothing_written(out, lstm_huber_loss(NULL, NULL, 1, 1, bad[k], &x, &y, out, out + 1), "delta");
}
END_TEST

START_TEST(the_huber_loss_is_quadratic_up_to_delta_and_a_line_of_that_slope_beyond)
{
    const float x[] = {0.5f, 2.0f, -2.0f, 5.0f}, y[4] = {0};
    float d[4], loss[4];
    ck_ok(lstm_huber_loss(NULL, LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE), 4, 1, 2.0f, x, y, d,
                          loss));
    ck_assert(loss[0] == 0.125f && loss[1] == 2.0f && loss[2] == 2.0f && loss[3] == 8.0f);
    ck_assert(d[0] == 0.5f && d[1] == 2.0f && d[2] == -2.0f && d[3] == 2.0f);
}
END_TEST

START_TEST(a_sure_and_right_sigmoid_has_the_small_loss_that_it_should_have)
{
    for (int z = 1; z < 100; z++) {
        const float x = (float)z, y = 1.0f;
        float loss;
        ck_ok(lstm_sigmoid_cross_entropy(NULL, NULL, 1, 1, &x, &y, NULL, &loss));
        const double expected = log1p(exp(-(double)z)); /* denormal from 88 on */
        ck_assert_double_eq_tol((double)loss, expected, 1e-6 * expected + 1e-44);
    }
}
END_TEST

/* Weights of softmax. */

START_TEST(softmax_losses_are_weighted_and_reduced_as_all_others)
{
    enum { ROWS = 6, CLASSES = 5 };
    const float weights[ROWS] = {1, 0, 2.5f, -0.5f, 0, 3};
    const size_t indices[ROWS] = {0, SIZE_MAX, 2, 3, SIZE_MAX, 1}; /* those of no weight do not count */
    const double by[] = {6.0, 1.0, 1.0, 4.0, 6.0};                 /* 6: the rows, and the sum of the weights */
    float *logits = test_numbers("logits", ROWS * CLASSES, 3.0f), labels[ROWS * CLASSES] = {0};
    float plain[ROWS], d_plain[ROWS * CLASSES], loss[ROWS], d[ROWS * CLASSES], sparse[ROWS], d_sparse[ROWS * CLASSES];
    for (size_t row = 0; row < ROWS; row++)
        labels[row * CLASSES + (indices[row] < CLASSES ? indices[row] : 0)] = 1.0f;
    ck_ok(lstm_softmax_cross_entropy(NULL, LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE), ROWS, CLASSES,
                                     logits, labels, d_plain, plain));
    for (size_t k = 0; k < CLASSES; k++)
        logits[CLASSES + k] = labels[4 * CLASSES + k] = NAN;
    for (unsigned reduction = 0; reduction < 5; reduction++) {
        const lstm_loss_config config = {.struct_size = sizeof config,
                                         .reduction = (lstm_reduction)reduction,
                                         .weights_shape = LSTM_WEIGHTS_PER_ELEMENT, /* of one column: per row */
                                         .weights = weights};
        double sum = 0.0;
        ck_ok(lstm_softmax_cross_entropy(NULL, &config, ROWS, CLASSES, logits, labels, d, loss));
        ck_ok(lstm_sparse_softmax_cross_entropy(NULL, &config, ROWS, CLASSES, logits, indices, d_sparse, sparse));
        for (size_t row = 0; row < ROWS; row++) {
            const double w = (double)weights[row];
            sum += w * (double)plain[row];
            if (reduction == LSTM_REDUCTION_NONE)
                ck_assert_double_eq_tol((double)loss[row], w * (double)plain[row], 1e-6);
            for (size_t k = row * CLASSES; k < (row + 1) * CLASSES; k++)
                ck_assert_double_eq_tol((double)d[k], w / by[reduction] * (double)d_plain[k], 1e-6);
        }
        if (reduction != LSTM_REDUCTION_NONE)
            ck_assert_double_eq_tol((double)loss[0], sum / by[reduction], 1e-6);
        ck_assert(golden_difference(sparse, loss, reduction == LSTM_REDUCTION_NONE ? ROWS : 1) < 1e-6);
        ck_assert(golden_difference(d_sparse, d, ROWS * CLASSES) < 1e-6);
    }
    free(logits);
}
END_TEST

START_TEST(an_older_config_without_weights_is_read_as_before)
{
    const lstm_loss_config old = {
        .struct_size = offsetof(lstm_loss_config, weights), .reduction = LSTM_REDUCTION_SUM, .weights = &delta};
    const float logits[] = {1, 2}, labels[] = {0, 1};
    float loss, expected;
    ck_ok(lstm_softmax_cross_entropy(NULL, &old, 1, 2, logits, labels, NULL, &loss));
    ck_ok(lstm_softmax_cross_entropy(NULL, NULL, 1, 2, logits, labels, NULL, &expected));
    ck_assert_float_eq(loss, expected);
}
END_TEST

Suite *element_loss_suite(void)
{
    Suite *suite = test_suite(
        "element_loss", (const TTest *const[]){a_delta_that_is_not_a_positive_number_is_refused,
                                               the_huber_loss_is_quadratic_up_to_delta_and_a_line_of_that_slope_beyond,
                                               a_sure_and_right_sigmoid_has_the_small_loss_that_it_should_have,
                                               softmax_losses_are_weighted_and_reduced_as_all_others,
                                               an_older_config_without_weights_is_read_as_before, NULL});
    const TTest *const of_each[] = {losses_and_gradients_agree_with_the_oracle_for_every_reduction_and_shape_of_weights,
                                    a_row_of_a_batch_has_the_bits_it_has_alone,
                                    what_has_no_weight_may_be_nan_and_is_exactly_zero,
                                    weights_that_are_all_zero_or_add_up_to_zero_give_what_tensorflow_gives,
                                    the_largest_numbers_give_a_finite_loss_and_gradient,
                                    nan_gives_nan_and_infinity_nothing_finite,
                                    an_empty_batch_has_a_loss_of_zero_whatever_its_other_size,
                                    neither_gradient_nor_loss_need_be_wanted,
                                    bad_arguments_are_refused_and_nothing_is_written};
    TCase *group = tcase_create("each loss");
    for (size_t k = 0; k < sizeof of_each / sizeof of_each[0]; k++)
        tcase_add_loop_test(group, of_each[k], 0, KINDS);
    suite_add_tcase(suite, group);
    return suite;
}
