/* Exponential, logistic sigmoid, tanh and the activations over vectors: polynomials and their quotients, no libm, so that
 * every instruction set gives the same bits. */
#ifndef LSTM__FUNCTIONS_H
#define LSTM__FUNCTIONS_H

#include "kernels.h"
#include "vector.h"

/* r^2, but never denormal, which would take many times as long. What is added is nothing beside the 1 that r^2 is added
 * to. */
static inline V square_of(V r)
{
    return fused(r, r, all(0x1p-100f));
}

/* exp(r) = 1 + r + r^2 (c2 + c3 r + ... + c6 r^4) for |r| <= log(2) / 2, with the relative error of what exceeds 1 below
 * 2^-25: a minimax polynomial of our own fit. This is what r^2 is multiplied by, for exp(s r), where s is 1 or -1; short
 * chains of operations are worth more here than few. */
static inline V exp_tail(V r, V square, float s)
{
    V high = fused(all(0x1.12281cp-7f * s), r, all(0x1.555486p-5f));
    V low = fused(all(0x1.5554bp-3f * s), r, all(0.5f));
    high = fused(all(0x1.6d9932p-10f), square, high);
    return fused(high, square, low);
}

/* exp(y) for y <= 0, with correct denormals; below -104 it is 0. */
static inline V exp_not_positive(V y)
{
    y = maximum(all(-105.0f), y);
    V n = nearest(times(y, all(0x1.715476p+0f)));
    V r = fused(n, all(0x1.05c61p-29f), fused(n, all(-0x1.62e43p-1f), y));
    V square = square_of(r);
    return times_power_of_2(fused(square, exp_tail(r, square, 1.0f), plus(r, all(1.0f))), n);
}

/* 1 / (1 + exp(-x)) as k / (k + k exp(-x)), where k = 2^-24 keeps the exponential from overflowing before the quotient is
 * zero. With -x = n log 2 + r, the sum of n and 1.5 2^23 is n rounded, and its bits hold n. */
static inline V sigmoid(V x)
{
    const V k = all(0x1p-24f), round = all(0x1.8p23f);
    x = minimum(all(70.0f), maximum(all(-104.0f), x)); /* NaN stays NaN */
    V sum = fused(x, all(-0x1.715476p+0f), round);
    V n = minus(sum, round);
    V minus_r = fused(n, all(-0x1.05c61p-29f), fused(n, all(0x1.62e43p-1f), x));
    V square = square_of(minus_r);
    V exponential = fused(square, exp_tail(minus_r, square, -1.0f), minus(all(1.0f), minus_r));
    return over(k, fused(exponential, power_of_2_in(sum, -24), k));
}

/* With 2x = n log 2 + 2r and r coth(r) = c, exp(2x) is 2^n (c + r) / (c - r), so that tanh(x) is
 * ((2^n - 1) c + (2^n + 1) r) / ((2^n + 1) c + (2^n - 1) r), of which little is lost where x is small. c is a minimax
 * polynomial in r^2 of our own fit, for |r| <= log(2) / 4. From |x| = 8.5 on this is 1, and never more. */
static inline V hyperbolic_tangent(V x)
{
    const V one = all(1.0f), minus_one = all(-1.0f), round = all(0x1.8p23f);
    x = minimum(all(10.0f), maximum(all(-10.0f), x)); /* NaN stays NaN */
    V sum = fused(x, all(0x1.715476p+1f), round);
    V r = fused(minus(sum, round), all(-0x1.62e43p-2f), x), square = square_of(r);
    V minus_c = fused(fused(all(0x1.6ac42p-6f), square, all(-0x1.555528p-2f)), square, minus_one);
    V power = power_of_2_in(sum, 0), less = minus(one, power), more = plus(one, power);
    V numerator = fused(less, minus_c, times(more, r)); /* -0 for -0, as less is 0 then, and not -0 */
    return over(numerator, minus_fused(less, r, times(more, minus_c)));
}

/* A custom function, called with whole vectors: lanes past the end of an array are zero. */
static inline V called(void (*function)(void *user, size_t count, const float *x, float *y), void *user, V x)
{
    float from[VECTOR_WIDTH], to[VECTOR_WIDTH];
    store(from, VECTOR_WIDTH, x);
    function(user, VECTOR_WIDTH, from, to);
    return load(to, VECTOR_WIDTH);
}

/* act(x); kind is known where these are inlined: TANH, or otherwise a call, which is not much beside the code that there
 * would be for every kind at every place. NaN stays NaN. */
static __attribute__((noinline)) V activated_otherwise(lstm_activation kind, const lstm_function *function, V x)
{
    switch (kind) {
    case LSTM_ACTIVATION_TANH: return hyperbolic_tangent(x);
    case LSTM_ACTIVATION_SIGMOID: return sigmoid(x);
    case LSTM_ACTIVATION_RELU: return zero_if_less(x, all(0.0f), x);
    case LSTM_ACTIVATION_CUSTOM: return called(function->value, function->user, x);
    default: return x;
    }
}

static inline V activated(lstm_activation kind, const lstm_function *function, V x)
{
    return kind == LSTM_ACTIVATION_TANH ? hyperbolic_tangent(x) : activated_otherwise(kind, function, x);
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

static inline V tanh_derivative(V y)
{
    return fused(minus(all(0.0f), y), y, all(1.0f));
}

static __attribute__((noinline)) V derivative_otherwise(lstm_activation kind, const lstm_function *function, V keeps)
{
    switch (kind) {
    case LSTM_ACTIVATION_TANH: return tanh_derivative(keeps);
    case LSTM_ACTIVATION_SIGMOID: return times(keeps, minus(all(1.0f), keeps));
    case LSTM_ACTIVATION_RELU: return if_less(all(0.0f), keeps, all(1.0f), all(0.0f));
    case LSTM_ACTIVATION_CUSTOM: return called(function->derivative, function->user, keeps);
    default: return all(1.0f);
    }
}

static inline V derivative(lstm_activation kind, const lstm_function *function, V keeps)
{
    return kind == LSTM_ACTIVATION_TANH ? tanh_derivative(keeps) : derivative_otherwise(kind, function, keeps);
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
    return zero_if_less(magnitude(x), all(LSTM__TINY_STATE), x);
}

#endif
