#include <lstm/random.h>

#include "status.h"

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

void lstm_random_uniform(const lstm_random *random, uint64_t first, size_t count, float low, float high, float *values)
{
    uint32_t block[4];
    for (size_t k = 0; k < count; k++) {
        uint64_t index = first + k;
        if (k == 0 || index % 4 == 0)
            philox(random->seed, random->stream, index / 4, block);
        float unit = (float)(block[index % 4] >> 8) * 0x1p-24f;
        float value = low + unit * (high - low);
        values[k] = value < high || !(low < high) ? value : low; /* rounding may reach high, which is excluded */
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
