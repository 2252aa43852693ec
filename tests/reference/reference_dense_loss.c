#include "reference_math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest of count values. */
static double largest(size_t count, const double *values)
{
    double result = values[0];

    for (size_t k = 1; k < count; k++) {
        result = values[k] > result ? values[k] : result;
    }
    return result;
}

/* log softmax of one row: z - max - log(sum(exp(z - max))) */
static void log_softmax(size_t count, const double *z, double *result)
{
    double offset = largest(count, z);
    double sum = 0.0;

    for (size_t k = 0; k < count; k++) {
        sum += exp(z[k] - offset);
    }
    for (size_t k = 0; k < count; k++) {
        result[k] = z[k] - offset - log(sum);
    }
}

/* The pre-activations of one row. The caller frees. */
static double *dense_row(const reference_dense *dense, const double *kernel, const double *bias,
                         const double *x)
{
    double *z = reference_zeros(dense->units);

    if (bias != NULL) {
        reference_add(dense->units, bias, z);
    }
    reference_add_product(dense->inputs, dense->units, x, kernel, z);
    return z;
}

static void activate_row(const reference_dense *dense, const double *z, double *y)
{
    if (dense->activation == REFERENCE_SOFTMAX) {
        log_softmax(dense->units, z, y);
    }
    for (size_t k = 0; k < dense->units; k++) {
        y[k] = dense->activation == REFERENCE_SOFTMAX ? exp(y[k])
                                                      : reference_activate(dense->activation, z[k]);
    }
}

void reference_dense_forward(const reference_dense *dense, const double *kernel, const double *bias,
                             size_t rows, const double *x, double *y)
{
    for (size_t row = 0; row < rows; row++) {
        double *z = dense_row(dense, kernel, bias, x + row * dense->inputs);

        activate_row(dense, z, y + row * dense->units);
        free(z);
    }
}

/* Softmax: d_z = y (d_y - sum(d_y y)). */
static void activate_row_backward(const reference_dense *dense, const double *z, const double *d_y,
                                  double *d_z)
{
    double *y = reference_zeros(dense->units);
    double sum = 0.0;

    activate_row(dense, z, y);
    for (size_t k = 0; k < dense->units; k++) {
        sum += d_y[k] * y[k];
    }
    for (size_t k = 0; k < dense->units; k++) {
        d_z[k] = dense->activation == REFERENCE_SOFTMAX
                     ? y[k] * (d_y[k] - sum)
                     : d_y[k] * reference_activation_slope(dense->activation, z[k]);
    }
    free(y);
}

void reference_dense_backward(const reference_dense *dense, const double *kernel,
                              const double *bias, size_t rows, const double *x, const double *d_y,
                              double *d_x, double *d_kernel, double *d_bias)
{
    double *d_z = reference_zeros(dense->units);
    double *d_x_row = reference_zeros(dense->inputs);

    for (size_t row = 0; row < rows; row++) {
        const double *x_row = x + row * dense->inputs;
        double *z = dense_row(dense, kernel, bias, x_row);

        activate_row_backward(dense, z, d_y + row * dense->units, d_z);
        memset(d_x_row, 0, dense->inputs * sizeof *d_x_row);
        reference_add_product_backward(dense->inputs, dense->units, x_row, kernel, d_z, d_x_row,
                                       d_kernel);
        if (d_bias != NULL) {
            reference_add(dense->units, d_z, d_bias);
        }
        if (d_x != NULL) {
            memcpy(d_x + row * dense->inputs, d_x_row, dense->inputs * sizeof *d_x);
        }
        free(z);
    }
    free(d_z);
    free(d_x_row);
}

void reference_softmax_cross_entropy(size_t rows, size_t classes, const double *logits,
                                     const double *labels, double *losses, double *d_logits)
{
    double *log_p = reference_zeros(classes);

    for (size_t row = 0; row < rows; row++) {
        log_softmax(classes, logits + row * classes, log_p);
        losses[row] = 0.0;
        for (size_t k = 0; k < classes; k++) {
            double label = labels[row * classes + k];

            losses[row] -= label * log_p[k];
            if (d_logits != NULL) {
                d_logits[row * classes + k] = exp(log_p[k]) - label;
            }
        }
    }
    free(log_p);
}

void reference_sparse_softmax_cross_entropy(size_t rows, size_t classes, const double *logits,
                                            const size_t *labels, double *losses, double *d_logits)
{
    double *one_hot = reference_zeros(rows * classes);

    for (size_t row = 0; row < rows; row++) {
        if (labels[row] >= classes) {
            abort();
        }
        one_hot[row * classes + labels[row]] = 1.0;
    }
    reference_softmax_cross_entropy(rows, classes, logits, one_hot, losses, d_logits);
    free(one_hot);
}

/* max(z, 0) - z y + log1p(exp(-|z|)) */
void reference_sigmoid_cross_entropy(size_t count, const double *logits, const double *labels,
                                     double *losses, double *d_logits)
{
    for (size_t k = 0; k < count; k++) {
        double z = logits[k];

        losses[k] = (z > 0.0 ? z : 0.0) - z * labels[k] + log1p(exp(-fabs(z)));
        if (d_logits != NULL) {
            d_logits[k] = reference_sigmoid(z) - labels[k];
        }
    }
}

void reference_mean_squared_error(size_t rows, size_t width, const double *predictions,
                                  const double *labels, double *losses, double *d_predictions)
{
    for (size_t row = 0; row < rows; row++) {
        losses[row] = 0.0;
        for (size_t k = row * width; k < (row + 1) * width; k++) {
            double difference = predictions[k] - labels[k];

            losses[row] += difference * difference / (double)width;
            if (d_predictions != NULL) {
                d_predictions[k] = 2.0 * difference / (double)width;
            }
        }
    }
}
