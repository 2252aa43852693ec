#include "reference_math.h"

#include <math.h>
#include <stdlib.h>

/* tf.contrib.layers.layer_norm's variance_epsilon */
static const double LAYER_NORM_EPSILON = 1e-12;

double *reference_zeros(size_t count)
{
    double *values = calloc(count > 0 ? count : 1, sizeof *values);

    if (values == NULL) {
        abort();
    }
    return values;
}

double reference_sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

double reference_activate(reference_activation activation, double x)
{
    switch (activation) {
    case REFERENCE_LINEAR:
        return x;
    case REFERENCE_TANH:
        return tanh(x);
    case REFERENCE_SIGMOID:
        return reference_sigmoid(x);
    case REFERENCE_RELU:
        return x <= 0.0 ? 0.0 : x; /* NaN stays */
    case REFERENCE_SOFTMAX:
        break;
    }
    abort();
}

double reference_activation_slope(reference_activation activation, double x)
{
    double y = reference_activate(activation, x);

    switch (activation) {
    case REFERENCE_LINEAR:
        return 1.0;
    case REFERENCE_TANH:
        return 1.0 - y * y;
    case REFERENCE_SIGMOID:
        return y * (1.0 - y);
    case REFERENCE_RELU:
        return x > 0.0 ? 1.0 : 0.0;
    case REFERENCE_SOFTMAX:
        break;
    }
    abort();
}

void reference_add_product(size_t rows, size_t columns, const double *x, const double *kernel,
                           double *z)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            z[j] += x[i] * kernel[i * columns + j];
        }
    }
}

void reference_add_product_backward(size_t rows, size_t columns, const double *x,
                                    const double *kernel, const double *d_z, double *d_x,
                                    double *d_kernel)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            d_x[i] += d_z[j] * kernel[i * columns + j];
            d_kernel[i * columns + j] += x[i] * d_z[j];
        }
    }
}

void reference_add(size_t count, const double *from, double *to)
{
    for (size_t i = 0; i < count; i++) {
        to[i] += from[i];
    }
}

double reference_clip(double v, double limit)
{
    if (limit > 0.0 && v > limit) {
        return limit;
    }
    if (limit > 0.0 && v < -limit) {
        return -limit;
    }
    return v;
}

double reference_clip_slope(double v, double limit)
{
    return limit > 0.0 && fabs(v) > limit ? 0.0 : 1.0;
}

/* Writes (x - mean) / deviation to `normalized` and returns the deviation. */
static double normalize(size_t count, const double *x, double *normalized)
{
    double n = (double)count;
    double mean = 0.0;
    double variance = 0.0;
    double deviation;

    for (size_t i = 0; i < count; i++) {
        mean += x[i] / n;
    }
    for (size_t i = 0; i < count; i++) {
        variance += (x[i] - mean) * (x[i] - mean) / n;
    }
    deviation = sqrt(variance + LAYER_NORM_EPSILON);
    for (size_t i = 0; i < count; i++) {
        normalized[i] = (x[i] - mean) / deviation;
    }
    return deviation;
}

void reference_layer_norm(size_t count, const double *x, const double *gamma, const double *beta,
                          double *y)
{
    normalize(count, x, y);
    for (size_t i = 0; i < count; i++) {
        y[i] = gamma[i] * y[i] + beta[i];
    }
}

/*
 * With n = (x - mean) / s and u = gamma d_y: d_x = (u - mean(u) - n mean(u n)) / s.
 */
void reference_layer_norm_backward(size_t count, const double *x, const double *gamma,
                                   const double *d_y, double *d_x, double *d_gamma, double *d_beta)
{
    double *normalized = reference_zeros(count);
    double deviation = normalize(count, x, normalized);
    double mean = 0.0;
    double correlation = 0.0;

    for (size_t i = 0; i < count; i++) {
        d_gamma[i] += d_y[i] * normalized[i];
        d_beta[i] += d_y[i];
        mean += gamma[i] * d_y[i] / (double)count;
        correlation += gamma[i] * d_y[i] * normalized[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        d_x[i] = (gamma[i] * d_y[i] - mean - normalized[i] * correlation) / deviation;
    }
    free(normalized);
}
