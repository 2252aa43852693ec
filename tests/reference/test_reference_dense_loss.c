#include <math.h>

#include "finite_difference.h"
#include "reference.h"
#include "rnn_problem.h"
#include "test_reference.h"

/* What central differences in double can show. */
static const double GRADIENT_TOLERANCE = 1e-6;

/* Closed forms of a few operations in double. */
static const double ROUNDING_TOLERANCE = 1e-14;

static const uint64_t SEED = 1997;

enum { ROWS = 3, INPUTS = 4, UNITS = 5 };
enum { INPUT_SIZE = ROWS * INPUTS, KERNEL_SIZE = INPUTS * UNITS, OUTPUT_SIZE = ROWS * UNITS };

/* loss = sum(y d_y) */
typedef struct dense_problem {
    reference_dense dense;
    bool use_bias;
    double x[INPUT_SIZE], kernel[KERNEL_SIZE], bias[UNITS], d_y[OUTPUT_SIZE];
} dense_problem;

static void dense_forward(const dense_problem *problem, double *y)
{
    reference_dense_forward(&problem->dense, problem->kernel,
                            problem->use_bias ? problem->bias : NULL, ROWS, problem->x, y);
}

static double dense_loss(void *context)
{
    const dense_problem *problem = context;
    double y[OUTPUT_SIZE];
    double loss = 0.0;

    dense_forward(problem, y);
    for (size_t k = 0; k < OUTPUT_SIZE; k++) {
        loss += y[k] * problem->d_y[k];
    }
    return loss;
}

static dense_problem create_dense(reference_activation activation, bool use_bias)
{
    dense_problem problem = {.dense = {INPUTS, UNITS, activation}, .use_bias = use_bias};
    uint64_t generator = SEED;

    fill_random(INPUT_SIZE, problem.x, &generator);
    fill_random(KERNEL_SIZE, problem.kernel, &generator);
    fill_random(UNITS, problem.bias, &generator);
    fill_random(OUTPUT_SIZE, problem.d_y, &generator);
    return problem;
}

static void check_dense(size_t count, double *values, const double *gradient,
                        dense_problem *problem)
{
    double error = finite_difference_error(count, values, gradient, dense_loss, problem);

    ck_assert_double_le(error, GRADIENT_TOLERANCE);
}

/* _i: activation, with and without bias */
START_TEST(dense_gradients_match_central_differences)
{
    for (int use_bias = 0; use_bias <= 1; use_bias++) {
        dense_problem problem = create_dense((reference_activation)_i, use_bias);
        double d_x[INPUT_SIZE], d_kernel[KERNEL_SIZE] = {0.0}, d_bias[UNITS] = {0.0};

        reference_dense_backward(&problem.dense, problem.kernel, use_bias ? problem.bias : NULL,
                                 ROWS, problem.x, problem.d_y, d_x, d_kernel,
                                 use_bias ? d_bias : NULL);
        check_dense(INPUT_SIZE, problem.x, d_x, &problem);
        check_dense(KERNEL_SIZE, problem.kernel, d_kernel, &problem);
        check_dense(UNITS, problem.bias, d_bias, &problem);
    }
}
END_TEST

/* _i: activation */
START_TEST(dense_backward_adds_to_variables_and_does_not_need_d_x)
{
    dense_problem problem = create_dense((reference_activation)_i, true);
    double d_kernel[KERNEL_SIZE] = {0.0}, d_bias[UNITS] = {0.0};

    for (int pass = 0; pass < 2; pass++) {
        reference_dense_backward(&problem.dense, problem.kernel, problem.bias, ROWS, problem.x,
                                 problem.d_y, NULL, d_kernel, d_bias);
    }
    for (size_t k = 0; k < KERNEL_SIZE; k++) {
        d_kernel[k] /= 2.0;
    }
    for (size_t k = 0; k < UNITS; k++) {
        d_bias[k] /= 2.0;
    }
    check_dense(KERNEL_SIZE, problem.kernel, d_kernel, &problem);
    check_dense(UNITS, problem.bias, d_bias, &problem);
}
END_TEST

/* x = (1, 2), K = [[1, -1], [2, 0.5]], b = (-3, -1): pre-activations 2 and -1. */
START_TEST(dense_gives_known_values)
{
    const double x[] = {1.0, 2.0}, kernel[] = {1.0, -1.0, 2.0, 0.5}, bias[] = {-3.0, -1.0};
    const double expected[][2] = {
        [REFERENCE_LINEAR] = {2.0, -1.0},
        [REFERENCE_TANH] = {0.96402758007581688, -0.76159415595576489},
        [REFERENCE_SIGMOID] = {0.88079707797788244, 0.26894142136999512},
        [REFERENCE_RELU] = {2.0, 0.0},
        [REFERENCE_SOFTMAX] = {0.95257412682243322, 0.047425873177566781},
    };
    const reference_dense dense = {2, 2, (reference_activation)_i};
    double y[2];

    reference_dense_forward(&dense, kernel, bias, 1, x, y);
    ck_assert_double_eq_tol(y[0], expected[_i][0], ROUNDING_TOLERANCE);
    ck_assert_double_eq_tol(y[1], expected[_i][1], ROUNDING_TOLERANCE);
}
END_TEST

START_TEST(softmax_survives_large_pre_activations)
{
    const double x[] = {1.0}, kernel[] = {1000.0, -1000.0, 1000.0};
    const reference_dense dense = {1, 3, REFERENCE_SOFTMAX};
    double y[3];

    reference_dense_forward(&dense, kernel, NULL, 1, x, y);
    ck_assert_double_eq_tol(y[0], 0.5, ROUNDING_TOLERANCE);
    ck_assert_double_eq(y[1], 0.0);
    ck_assert_double_eq_tol(y[2], 0.5, ROUNDING_TOLERANCE);
}
END_TEST

typedef enum loss_kind { SOFTMAX, SPARSE_SOFTMAX, SIGMOID, SQUARED, LOSS_KINDS } loss_kind;

typedef struct loss_problem {
    loss_kind kind;
    double predictions[OUTPUT_SIZE], labels[OUTPUT_SIZE];
    size_t classes[ROWS];
} loss_problem;

/* Returns the sum of the losses; d_predictions may be NULL. */
static double evaluate(const loss_problem *problem, double *d_predictions)
{
    double losses[OUTPUT_SIZE] = {0.0};
    double sum = 0.0;

    switch (problem->kind) {
    case SOFTMAX:
        reference_softmax_cross_entropy(ROWS, UNITS, problem->predictions, problem->labels, losses,
                                        d_predictions);
        break;
    case SPARSE_SOFTMAX:
        reference_sparse_softmax_cross_entropy(ROWS, UNITS, problem->predictions, problem->classes,
                                               losses, d_predictions);
        break;
    case SIGMOID:
        reference_sigmoid_cross_entropy(OUTPUT_SIZE, problem->predictions, problem->labels, losses,
                                        d_predictions);
        break;
    case SQUARED:
        reference_mean_squared_error(ROWS, UNITS, problem->predictions, problem->labels, losses,
                                     d_predictions);
        break;
    case LOSS_KINDS:
        ck_abort();
    }
    for (size_t k = 0; k < OUTPUT_SIZE; k++) {
        sum += losses[k];
    }
    return sum;
}

static double loss_of(void *context)
{
    return evaluate(context, NULL);
}

/* Labels between 0 and 1 that sum to 1 in every row. */
static loss_problem create_loss(loss_kind kind)
{
    loss_problem problem = {.kind = kind, .classes = {0, UNITS - 1, 2}};
    uint64_t generator = SEED;

    fill_random(OUTPUT_SIZE, problem.predictions, &generator);
    fill_random(OUTPUT_SIZE, problem.labels, &generator);
    for (size_t row = 0; row < ROWS; row++) {
        double *labels = problem.labels + row * UNITS;
        double sum = 0.0;

        for (size_t k = 0; k < UNITS; k++) {
            sum += fabs(labels[k]);
        }
        for (size_t k = 0; k < UNITS; k++) {
            labels[k] = fabs(labels[k]) / sum;
        }
    }
    return problem;
}

/* _i: loss */
START_TEST(loss_gradients_match_central_differences)
{
    loss_problem problem = create_loss((loss_kind)_i);
    double d_predictions[OUTPUT_SIZE];
    double error;

    evaluate(&problem, d_predictions);
    error =
        finite_difference_error(OUTPUT_SIZE, problem.predictions, d_predictions, loss_of, &problem);
    ck_assert_double_le(error, GRADIENT_TOLERANCE);
}
END_TEST

START_TEST(uniform_logits_lose_the_log_of_the_class_count)
{
    const double logits[UNITS] = {0.5, 0.5, 0.5, 0.5, 0.5}, labels[UNITS] = {0.0, 1.0};
    const size_t label[1] = {1};
    double dense_loss_value[1], sparse_loss_value[1], dense_d[UNITS], sparse_d[UNITS];

    reference_softmax_cross_entropy(1, UNITS, logits, labels, dense_loss_value, dense_d);
    reference_sparse_softmax_cross_entropy(1, UNITS, logits, label, sparse_loss_value, sparse_d);
    ck_assert_double_eq_tol(dense_loss_value[0], log(UNITS), ROUNDING_TOLERANCE);
    ck_assert_double_eq(sparse_loss_value[0], dense_loss_value[0]);
    for (size_t k = 0; k < UNITS; k++) {
        ck_assert_double_eq_tol(dense_d[k], 1.0 / UNITS - labels[k], ROUNDING_TOLERANCE);
        ck_assert_double_eq(sparse_d[k], dense_d[k]);
    }
}
END_TEST

/* TF's kernel returns p - label whatever the labels sum to. */
START_TEST(softmax_gradient_does_not_scale_with_the_sum_of_labels)
{
    const double logits[2] = {0.0, 0.0}, labels[2] = {3.0, 1.0};
    double loss[1], d_logits[2];

    reference_softmax_cross_entropy(1, 2, logits, labels, loss, d_logits);
    ck_assert_double_eq_tol(loss[0], 4.0 * log(2.0), ROUNDING_TOLERANCE);
    ck_assert_double_eq_tol(d_logits[0], -2.5, ROUNDING_TOLERANCE);
    ck_assert_double_eq_tol(d_logits[1], -0.5, ROUNDING_TOLERANCE);
}
END_TEST

START_TEST(large_logits_give_finite_losses)
{
    const double logits[2] = {1000.0, -1000.0}, labels[2] = {0.0, 1.0};
    double losses[2], d_logits[2];

    reference_softmax_cross_entropy(1, 2, logits, labels, losses, d_logits);
    ck_assert_double_eq(losses[0], 2000.0);
    ck_assert_double_eq(d_logits[0], 1.0);
    ck_assert_double_eq(d_logits[1], -1.0);
    reference_sigmoid_cross_entropy(2, logits, labels, losses, d_logits);
    ck_assert_double_eq(losses[0], 1000.0);
    ck_assert_double_eq(losses[1], 1000.0);
    ck_assert_double_eq(d_logits[0], 1.0);
    ck_assert_double_eq(d_logits[1], -1.0);
}
END_TEST

START_TEST(squared_error_is_a_mean_without_a_half)
{
    const double predictions[4] = {1.0, 2.0, 3.0, 4.0}, labels[4] = {0.0, 2.0, 1.0, 1.0};
    double losses[2], d_predictions[4];

    reference_mean_squared_error(2, 2, predictions, labels, losses, d_predictions);
    ck_assert_double_eq(losses[0], 0.5);
    ck_assert_double_eq(losses[1], 6.5);
    ck_assert_double_eq(d_predictions[0], 1.0);
    ck_assert_double_eq(d_predictions[3], 3.0);
}
END_TEST

TCase *reference_dense_loss_tests(void)
{
    TCase *tests = tcase_create("dense and loss");

    tcase_add_loop_test(tests, dense_gradients_match_central_differences, 0, REFERENCE_SOFTMAX + 1);
    tcase_add_loop_test(tests, dense_backward_adds_to_variables_and_does_not_need_d_x, 0,
                        REFERENCE_SOFTMAX + 1);
    tcase_add_loop_test(tests, dense_gives_known_values, 0, REFERENCE_SOFTMAX + 1);
    tcase_add_test(tests, softmax_survives_large_pre_activations);
    tcase_add_loop_test(tests, loss_gradients_match_central_differences, 0, LOSS_KINDS);
    tcase_add_test(tests, uniform_logits_lose_the_log_of_the_class_count);
    tcase_add_test(tests, softmax_gradient_does_not_scale_with_the_sum_of_labels);
    tcase_add_test(tests, large_logits_give_finite_losses);
    tcase_add_test(tests, squared_error_is_a_mean_without_a_half);
    return tests;
}
