#include <lstm/random.h>

#include "kernels/logarithm.h"
#include "status.h"

#include <math.h>

/* One block of Philox4x32-10: four words from a 128-bit counter and a 64-bit key. */
static void philox(uint64_t seed, uint64_t high, uint64_t low, uint32_t out[4])
{
    uint32_t x[4] = {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * x[0], b = (uint64_t)0xCD9E8D57u * x[2];
        uint32_t x1 = x[1], x3 = x[3];
        x[0] = (uint32_t)(b >> 32) ^ x1 ^ key[0];
        x[1] = (uint32_t)b;
        x[2] = (uint32_t)(a >> 32) ^ x3 ^ key[1];
        x[3] = (uint32_t)a;
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    for (int k = 0; k < 4; k++)
        out[k] = x[k];
}

lstm_random lstm_random_named(uint64_t seed, const char *name)
{
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a, 64 bits */
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        hash = (hash ^ *c) * 0x100000001B3u;
    return (lstm_random){.seed = seed, .stream = hash};
}

uint32_t lstm_random_bits(const lstm_random *random, uint64_t index)
{
    uint32_t block[4];
    philox(random->seed, random->stream, index / 4, block);
    return block[index % 4];
}

/* Word `index` of the stream. `block` holds the four words around it, and is filled when a new one begins. */
static uint32_t word_at(const lstm_random *random, uint64_t index, bool first, uint32_t block[4])
{
    if (first || index % 4 == 0)
        philox(random->seed, random->stream, index / 4, block);
    return block[index % 4];
}

void lstm_random_uniform(const lstm_random *random, uint64_t first, size_t count, float low, float high, float *values)
{
    uint32_t block[4];
    for (size_t k = 0; k < count; k++) {
        float unit = (float)(word_at(random, first + k, k == 0, block) >> 8) * 0x1p-24f;
        float value = low + unit * (high - low);
        values[k] = value < high || !(low < high) ? value : low; /* rounding may reach high, which is excluded */
    }
}

static double ratio(const double numerator[5], const double denominator[5], double x)
{
    double above = 0.0, below = 0.0;
    for (int k = 4; k >= 0; k--) {
        above = above * x + numerator[k];
        below = below * x + denominator[k];
    }
    return above / below;
}

/* The z that a standard normal number is below with probability p, 2^-33 <= p <= 1 - 2^-33: minimax ratios of
 * polynomials of our own fit, of (p - 1/2)^2 in the middle and of sqrt(-log p) in the tails, relative error below 4e-10.
 * Only IEEE operations: the same bits everywhere. */
static double normal_quantile(double p)
{
    static const double middle[2][5] = {
        {2.5066282753587057, -21.612861456629563, 60.690252893123585, -58.94767020526742, 11.083929476820398},
        {1.0, -9.66948163681286, 32.03484440185994, -41.045624368074144, 15.298353981810793}};
    static const double tail[2][5] = {
        {-3.131321271142173, -9.5465099345009, 6.267783445058442, 10.20669153240082, 1.7584290836659506},
        {1.0, 6.957409050239928, 7.261073300970716, 1.242095851619944, 2.662494518770135e-05}};
    const double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return q * ratio(middle[0], middle[1], q * q);
    const double z = ratio(tail[0], tail[1], sqrt(lstm__logarithm(1.0 / (q < 0.0 ? p : 1.0 - p))));
    return q < 0.0 ? -z : z;
}

void lstm_random_normal(const lstm_random *random, uint64_t first, size_t count, float mean, float stddev,
                        float *values)
{
    uint32_t block[4];
    for (size_t k = 0; k < count; k++) {
        const double p = ((double)word_at(random, first + k, k == 0, block) + 0.5) * 0x1p-32;
        values[k] = (float)((double)mean + (double)stddev * normal_quantile(p));
    }
}

void lstm_random_truncated_normal(const lstm_random *random, uint64_t first, size_t count, float mean, float stddev,
                                  float *values)
{
    const double below = 0.02275013194817921, between = 0.9544997361036416; /* of -2, and of -2 and 2 */
    uint32_t block[4];
    for (size_t k = 0; k < count; k++) {
        /* 24 bits, as they keep z so far from 2 that rounding to float does not reach it. */
        const double unit = ((double)(word_at(random, first + k, k == 0, block) >> 8) + 0.5) * 0x1p-24;
        values[k] = (float)((double)mean + (double)stddev * normal_quantile(below + between * unit));
    }
}

lstm_status lstm_random_shuffle(const lstm_random *random, size_t count, uint32_t *values)
{
    if (!random || (!values && count))
        return lstm__fail_null("lstm_random_shuffle", random ? "values" : "random");
    if (count > UINT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "lstm_random_shuffle: count is %zu, expected below 2^32", count);
    for (size_t left = count; left > 1; left--) {
        uint64_t draw = 2 * (uint64_t)(count - left); /* 64 bits a draw: a bias below 2^-32 */
        uint64_t bits = (uint64_t)lstm_random_bits(random, draw) << 32 | lstm_random_bits(random, draw + 1);
        size_t other = (size_t)(bits % left);
        uint32_t value = values[left - 1];
        values[left - 1] = values[other];
        values[other] = value;
    }
    return LSTM_OK;
}
