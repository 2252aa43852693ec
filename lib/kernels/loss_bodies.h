/* The bodies of losses in double: exponentials and logarithms of IEEE operations only, without branches, so that the
 * compiler makes vectors of the loops and every instruction set gives the same bits. Part of bodies.c. */
#ifndef LSTM__LOSS_BODIES_H
#define LSTM__LOSS_BODIES_H

#include "loops.h"

#include <stdint.h>
#include <string.h>

enum { PARTS = 16 };

/* Of partial sums, each over every 16th number, one fixed tree. */
INLINE double sum_of_parts(double *parts)
{
    for (size_t half = PARTS / 2; half; half /= 2)
        for (size_t k = 0; k < half; k++)
            parts[k] += parts[k + half];
    return parts[0];
}

/* exp(y) for y <= 0, with relative error below 1e-14; below -690 it is about 1e-300. y = n log 2 + r with n whole and
 * |r| <= log(2) / 2, and the series of exp(r); the constant pushes n's fraction out and leaves n in the low bits. */
INLINE double wide_exp(double y)
{
    y = y < -690.0 ? -690.0 : y;
    const double shifted = y * 0x1.71547652b82fep+0 + 0x1.8p52, n = shifted - 0x1.8p52;
    const double r = (y - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
    double sum = 1.0 / 39916800.0;
    sum = sum * r + 1.0 / 3628800.0;
    sum = sum * r + 1.0 / 362880.0;
    sum = sum * r + 1.0 / 40320.0;
    sum = sum * r + 1.0 / 5040.0;
    sum = sum * r + 1.0 / 720.0;
    sum = sum * r + 1.0 / 120.0;
    sum = sum * r + 1.0 / 24.0;
    sum = sum * r + 1.0 / 6.0;
    sum = sum * r + 0.5;
    sum = sum * r + 1.0;
    sum = sum * r + 1.0;
    uint64_t bits;
    double power;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

/* log(1 + x) for 0 <= x <= 2, with relative error below 1e-11: 1 + x = 2^k (1 + z) with z in [-0.3, 0.42], and the
 * series of log((1 + s) / (1 - s)) in s = z / (2 + z). */
INLINE double log_one_plus(double x)
{
    const double scale = x > 0x1.d413cccfe779ap+0 ? 0.25 : x > 0x1.a827999fcef32p-2 ? 0.5 : 1.0;
    const double whole = x > 0x1.d413cccfe779ap+0   ? 0x1.62e42fefa39efp+0
                         : x > 0x1.a827999fcef32p-2 ? 0x1.62e42fefa39efp-1
                                                    : 0.0;
    const double z = x * scale + (scale - 1.0), s = z / (z + 2.0), square = s * s;
    double sum = 1.0 / 13.0;
    sum = sum * square + 1.0 / 11.0;
    sum = sum * square + 1.0 / 9.0;
    sum = sum * square + 1.0 / 7.0;
    sum = sum * square + 1.0 / 5.0;
    sum = sum * square + 1.0 / 3.0;
    sum = sum * square + 1.0;
    return whole + 2.0 * s * sum;
}

/* The losses of single elements. */

INLINE void sigmoid_losses(size_t n, const float *z, const float *y, double *loss, double *slope)
{
    float powers[PARTS];
    FOR_VECTORS (k, lanes, n)
        store(powers + k, lanes, exp_not_positive(minus(all(0.0f), magnitude(load(z + k, lanes)))));
    for (size_t k = 0; k < n; k++) {
        const double x = (double)z[k], label = (double)y[k], power = (double)powers[k];
        loss[k] = (x > 0.0 ? x : 0.0) - x * label + log_one_plus(power);
        slope[k] = (x < 0.0 ? power : 1.0) / (1.0 + power) - label;
    }
}

/* At most 16 of them. NaN stays NaN. */
INLINE void losses_of(const lstm__element_loss *kind, size_t n, const float *x, const float *y, double *loss,
                      double *slope)
{
    if (kind->kind == LSTM__SIGMOID_CROSS_ENTROPY) {
        sigmoid_losses(n, x, y, loss, slope);
        return;
    }
    for (size_t k = 0; k < n; k++) {
        const double error = (double)x[k] - (double)y[k], size = error < 0.0 ? -error : error, delta = kind->delta;
        const double sign = error > 0.0 ? 1.0 : error < 0.0 ? -1.0 : error;
        if (kind->kind == LSTM__SQUARED_ERROR) {
            loss[k] = error * error;
            slope[k] = 2.0 * error;
        } else if (kind->kind == LSTM__ABSOLUTE_DIFFERENCE) {
            loss[k] = size;
            slope[k] = sign;
        } else {
            loss[k] = size > delta ? delta * (size - 0.5 * delta) : 0.5 * error * error;
            slope[k] = size > delta ? sign * delta : error;
        }
    }
}

static void element_losses(const lstm__element_loss *kind, size_t n, const float *x, const float *y,
                           const float *weights, size_t step, double scale, float *d, float *losses, double *sum)
{
    double parts[PARTS] = {0.0};
    for (size_t first = 0; first < n; first += PARTS) {
        const size_t count = n - first < PARTS ? n - first : PARTS;
        double loss[PARTS], slope[PARTS];
        losses_of(kind, count, x + first, y + first, loss, slope);
        for (size_t k = 0; k < count; k++) {
            const double weight = (double)weights[(first + k) * step];
            const double weighted = weight != 0.0 ? weight * loss[k] : 0.0;
            parts[k] += weighted;
            if (losses)
                losses[first + k] = lstm__rounded(weighted);
            if (d)
                d[first + k] = weight != 0.0 ? lstm__rounded(weight * scale * slope[k]) : 0.0f;
        }
    }
    *sum = sum_of_parts(parts);
}

/* CTC. Of three logarithms the largest stands out, so that no exponential overflows; NaN stays NaN. */

static void ctc_step(size_t n, const double *a, const double *a_gate, const double *b, const double *c,
                     const double *c_gate, const double *y, double *restrict to)
{
    for (size_t u = 0; u < n; u++) {
        const double first = a[u] + a_gate[u], second = b[u], third = c[u] + c_gate[u];
        const double larger = first > second ? first : second, smaller = first > second ? second : first;
        const double largest = larger > third ? larger : third, middle = larger > third ? third : larger;
        const double rest = wide_exp(smaller - largest) + wide_exp(middle - largest);
        to[u] = largest + log_one_plus(rest) + y[u];
    }
}

static void ctc_shares(size_t n, const double *a, const double *b, const double *y, double *restrict share)
{
    double largest = -DBL_MAX, parts[PARTS] = {0.0};
    for (size_t u = 0; u < n; u++) {
        share[u] = a[u] + b[u] - y[u];
        largest = share[u] > largest ? share[u] : largest;
    }
    for (size_t u = 0; u < n; u++)
        share[u] = wide_exp(share[u] - largest);
    for (size_t u = 0; u < n; u++)
        parts[u % PARTS] += share[u];
    const double sum = sum_of_parts(parts);
    for (size_t u = 0; u < n; u++)
        share[u] /= sum;
}

#endif
