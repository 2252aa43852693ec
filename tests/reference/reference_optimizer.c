#include "reference.h"

#include <math.h>

void reference_gradient_descent(size_t count, double learning_rate, const double *g, double *w)
{
    for (size_t k = 0; k < count; k++) {
        w[k] -= learning_rate * g[k];
    }
}

void reference_momentum(size_t count, double learning_rate, double momentum, bool nesterov,
                        const double *g, double *w, double *accumulator)
{
    for (size_t k = 0; k < count; k++) {
        accumulator[k] = momentum * accumulator[k] + g[k];
        if (nesterov) {
            w[k] -= learning_rate * g[k] + learning_rate * momentum * accumulator[k];
        } else {
            w[k] -= learning_rate * accumulator[k];
        }
    }
}

void reference_adagrad(size_t count, double learning_rate, const double *g, double *w,
                       double *accumulator)
{
    for (size_t k = 0; k < count; k++) {
        accumulator[k] += g[k] * g[k];
        w[k] -= learning_rate * g[k] / sqrt(accumulator[k]);
    }
}

void reference_adadelta(size_t count, double learning_rate, double rho, double epsilon,
                        const double *g, double *w, double *accumulator, double *accumulated_update)
{
    for (size_t k = 0; k < count; k++) {
        double update;

        accumulator[k] = rho * accumulator[k] + (1.0 - rho) * g[k] * g[k];
        update = sqrt(accumulated_update[k] + epsilon) / sqrt(accumulator[k] + epsilon) * g[k];
        w[k] -= learning_rate * update;
        accumulated_update[k] = rho * accumulated_update[k] + (1.0 - rho) * update * update;
    }
}

void reference_rmsprop(size_t count, const reference_rmsprop_rates *rates, const double *g,
                       double *w, double *mean_square, double *mean_gradient, double *momentum)
{
    for (size_t k = 0; k < count; k++) {
        double denominator;

        mean_square[k] += (1.0 - rates->decay) * (g[k] * g[k] - mean_square[k]);
        denominator = mean_square[k] + rates->epsilon;
        if (mean_gradient != NULL) {
            mean_gradient[k] += (1.0 - rates->decay) * (g[k] - mean_gradient[k]);
            denominator -= mean_gradient[k] * mean_gradient[k];
        }
        momentum[k] =
            rates->momentum * momentum[k] + rates->learning_rate * g[k] / sqrt(denominator);
        w[k] -= momentum[k];
    }
}

/* Epsilon is added to sqrt(v) without correcting v's bias ("epsilon hat"). */
void reference_adam(size_t count, const reference_adam_rates *rates, size_t step, const double *g,
                    double *w, double *m, double *v)
{
    double correction1 = 1.0 - pow(rates->beta1, (double)step);
    double correction2 = 1.0 - pow(rates->beta2, (double)step);
    double step_size = rates->learning_rate * sqrt(correction2) / correction1;

    for (size_t k = 0; k < count; k++) {
        m[k] += (1.0 - rates->beta1) * (g[k] - m[k]);
        v[k] += (1.0 - rates->beta2) * (g[k] * g[k] - v[k]);
        w[k] -= step_size * m[k] / (sqrt(v[k]) + rates->epsilon);
    }
}

void reference_adamw(size_t count, double weight_decay, const reference_adam_rates *rates,
                     size_t step, const double *g, double *w, double *m, double *v)
{
    for (size_t k = 0; k < count; k++) {
        w[k] -= weight_decay * w[k];
    }
    reference_adam(count, rates, step, g, w, m, v);
}

void reference_ftrl(size_t count, double learning_rate, double l1, double l2, const double *g,
                    double *w, double *accumulator, double *linear)
{
    for (size_t k = 0; k < count; k++) {
        double next = accumulator[k] + g[k] * g[k];

        linear[k] += g[k] - (sqrt(next) - sqrt(accumulator[k])) / learning_rate * w[k];
        accumulator[k] = next;
        w[k] = 0.0;
        if (fabs(linear[k]) > l1) {
            w[k] = (copysign(l1, linear[k]) - linear[k]) / (sqrt(next) / learning_rate + 2.0 * l2);
        }
    }
}

/* A norm that is not finite turns every value into NaN, as in late 1.x. */
double reference_clip_by_global_norm(size_t array_count, const size_t *sizes, double *const *arrays,
                                     double clip_norm)
{
    double sum = 0.0;
    double norm;
    double scale = 1.0;

    for (size_t a = 0; a < array_count; a++) {
        for (size_t k = 0; k < sizes[a]; k++) {
            sum += arrays[a][k] * arrays[a][k];
        }
    }
    norm = sqrt(sum);
    if (!isfinite(norm)) {
        scale = NAN;
    } else if (norm > clip_norm) {
        scale = clip_norm / norm;
    }
    for (size_t a = 0; a < array_count; a++) {
        for (size_t k = 0; k < sizes[a]; k++) {
            arrays[a][k] *= scale;
        }
    }
    return norm;
}
