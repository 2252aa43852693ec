/* Exponential, logistic sigmoid, tanh and the activations over vectors: finite polynomials, no libm, so that every
 * instruction set gives the same bits. */
#ifndef LSTM__FUNCTIONS_H
#define LSTM__FUNCTIONS_H

#include "kernels.h"
#include "vector.h"

/* y = n log 2 + r with n whole and |r| <= log(2) / 2; returns exp(r) - 1 with relative error below 2^-25, by a minimax
 * polynomial of our own fit: r + r^2 (c2 + c3 r + ... + c6 r^4). */
static inline V reduced_expm1(V y, V *n)
{
    *n = nearest(times(y, all(0x1.715476p+0f)));
    V r = fused(*n, all(-0x1.62e43p-1f), y);
    r = fused(*n, all(0x1.05c61p-29f), r);
    V q = all(0x1.6d9932p-10f);
    q = fused(q, r, all(0x1.12281cp-7f));
    q = fused(q, r, all(0x1.555486p-5f));
    q = fused(q, r, all(0x1.5554bp-3f));
    q = fused(q, r, all(0.5f));
    return fused(times(r, r), q, r);
}

/* exp(y) for y <= 0, with correct denormals; below -104 it is 0. */
static inline V exp_not_positive(V y)
{
    V n, p = reduced_expm1(maximum(all(-105.0f), y), &n);
    return times_power_of_2(plus(p, all(1.0f)), n);
}

/* 1 / (1 + exp(-x)), from exp(-|x|) so that neither tail cancels or overflows. */
static inline V sigmoid(V x)
{
    V e = exp_not_positive(minus(all(0.0f), magnitude(x)));
    return over(if_less(x, all(0.0f), e, all(1.0f)), plus(e, all(1.0f)));
}

/* t / (t + 2) with t = exp(2|x|) - 1, and the sign of x; from 2|x| = 20 on it is 1. */
static inline V hyperbolic_tangent(V x)
{
    V n, y = magnitude(x);
    V p = reduced_expm1(minimum(all(20.0f), plus(y, y)), &n);
    V power = power_of_2(n);
    V t = fused(power, p, minus(power, all(1.0f)));
    return with_sign(over(t, plus(t, all(2.0f))), x);
}

/* A custom function, called with whole vectors: lanes past the end of an array are zero. */
static inline V called(void (*function)(void *user, size_t count, const float *x, float *y), void *user, V x)
{
    float from[VECTOR_WIDTH], to[VECTOR_WIDTH];
    store(from, VECTOR_WIDTH, x);
    function(user, VECTOR_WIDTH, from, to);
    return load(to, VECTOR_WIDTH);
}

/* act(x); kind is known where these are inlined. NaN stays NaN. */
static inline V activated(lstm_activation kind, const lstm_function *function, V x)
{
    switch (kind) {
    case LSTM_ACTIVATION_TANH: return hyperbolic_tangent(x);
    case LSTM_ACTIVATION_SIGMOID: return sigmoid(x);
    case LSTM_ACTIVATION_RELU: return if_less(x, all(0.0f), all(0.0f), x);
    case LSTM_ACTIVATION_CUSTOM: return called(function->value, function->user, x);
    default: return x;
    }
}

/* What the tape keeps of x and act(x), and from that the value again, and the derivative. */
static inline V kept(lstm_activation kind, V x, V value)
{
    return kind == LSTM_ACTIVATION_CUSTOM ? x : value;
}

static inline V value_of(lstm_activation kind, const lstm_function *function, V keeps)
{
    return kind == LSTM_ACTIVATION_CUSTOM ? activated(kind, function, keeps) : keeps;
}

static inline V derivative(lstm_activation kind, const lstm_function *function, V keeps)
{
    switch (kind) {
    case LSTM_ACTIVATION_TANH: return fused(minus(all(0.0f), keeps), keeps, all(1.0f));
    case LSTM_ACTIVATION_SIGMOID: return times(keeps, minus(all(1.0f), keeps));
    case LSTM_ACTIVATION_RELU: return if_less(all(0.0f), keeps, all(1.0f), all(0.0f));
    case LSTM_ACTIVATION_CUSTOM: return called(function->derivative, function->user, keeps);
    default: return all(1.0f);
    }
}

static inline V sigmoid_derivative(V y)
{
    return times(y, minus(all(1.0f), y));
}

/* x, at most `limit` away from 0. NaN stays NaN. */
static inline V clipped(V x, V limit)
{
    return minimum(limit, maximum(minus(all(0.0f), limit), x));
}

static inline V without_denormals(V x)
{
    return if_less(magnitude(x), all(LSTM__TINY_STATE), all(0.0f), x);
}

#endif
