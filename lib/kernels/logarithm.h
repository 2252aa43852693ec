/* The natural logarithm in double, without libm. */
#ifndef LSTM__LOGARITHM_H
#define LSTM__LOGARITHM_H

/* log(x) for x >= 1, in double: x = m 2^e with m in [sqrt(1/2), sqrt(2)], and the series of log((1 + s) / (1 - s)) in
 * s = (m - 1) / (m + 1), cut below 1e-11. Only IEEE operations: the same bits everywhere. */
static inline double lstm__logarithm(double x)
{
    int exponent = 0;
    while (x > 0x1p32) {
        x *= 0x1p-32;
        exponent += 32;
    }
    while (x > 0x1.6a09e667f3bcdp+0) {
        x *= 0.5;
        exponent++;
    }
    double s = (x - 1.0) / (x + 1.0), square = s * s, sum = 0.0;
    for (int k = 13; k > 0; k -= 2)
        sum = sum * square + 1.0 / k;
    return exponent * 0x1.62e42fefa39efp-1 + 2.0 * s * sum;
}

#endif
