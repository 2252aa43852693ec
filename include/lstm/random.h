/* Random numbers that are a function of their names: the same on every machine. SPDX-License-Identifier: MIT */
#ifndef LSTM_RANDOM_H
#define LSTM_RANDOM_H

#include <lstm/status.h>

/* A stream given to these functions must not be NULL. */

#ifdef __cplusplus
extern "C" {
#endif

/* A stream of random numbers without a state: number `index` of stream (seed, stream) is always the same, in any
 * order and on any thread. Philox4x32-10: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11.
 * Key: seed. Counter: index / 4 in the low 64 bits, stream in the high ones. */
typedef struct lstm_random {
    uint64_t seed, stream;
} lstm_random;

/* The stream that belongs to a name: streams of different names are independent, so that one more variable or
 * purpose shifts no other. The stream is the name's 64-bit FNV-1a hash. Any thread; name must not be NULL. */
LSTM_API lstm_random lstm_random_named(uint64_t seed, const char *name);

/* 32 random bits: number `index` of the stream. Any thread. */
LSTM_API uint32_t lstm_random_bits(const lstm_random *random, uint64_t index);

/* values[k] = number first + k of the stream, uniform in [low, high); high - low must be finite. Any thread. */
LSTM_API void lstm_random_uniform(const lstm_random *random, uint64_t first, size_t count, float low, float high,
                                  float *values);

/* values[k] = mean + stddev * z, z being number first + k of the stream, of the standard normal distribution: the
 * distribution's quantile, to a relative 4e-10 before rounding, at (word + 1/2) / 2^32, so that |z| < 6.4. stddev >= 0;
 * mean + 7 stddev must be finite. The same bits on every machine. Any thread. */
LSTM_API void lstm_random_normal(const lstm_random *random, uint64_t first, size_t count, float mean, float stddev,
                                 float *values);

/* The same of the normal distribution without what lies 2 standard deviations or more from its mean: what a generator
 * gives that draws such numbers again. The standard deviation that is left is 0.8796 stddev. Any thread. */
LSTM_API void lstm_random_truncated_normal(const lstm_random *random, uint64_t first, size_t count, float mean,
                                           float stddev, float *values);

/* Shuffle values[count] by Fisher and Yates with numbers 0 .. 2 * count of the stream; every order is as likely as any
 * other to within 2^-32. count <= 2^32 - 1. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_random_shuffle(const lstm_random *random, size_t count, uint32_t *values);

#ifdef __cplusplus
}
#endif
#endif
