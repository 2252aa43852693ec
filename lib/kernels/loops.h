/* How the bodies walk over arrays. */
#ifndef LSTM__LOOPS_H
#define LSTM__LOOPS_H

#include "functions.h"

#define INLINE static inline __attribute__((always_inline))

/* A loop whose number of turns is known is to become straight code, or is not to. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#define NOT_UNROLLED _Pragma("clang loop unroll(disable)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#define NOT_UNROLLED _Pragma("GCC unroll 1")
#endif

/* For each vector of an array of `count` floats: its place k and its number of lanes n. */
#define FOR_VECTORS(k, n, count)                                                                                       \
    for (size_t k = 0, n; k < (count) && (n = (count)-k < VECTOR_WIDTH ? (count)-k : VECTOR_WIDTH, true);              \
         k += VECTOR_WIDTH)

/* Call a function whose first two arguments are an activation's kind, as a constant, and its function. */
#define WITH_ACTIVATION(body, act, ...)                                                                                \
    switch ((act)->kind) {                                                                                             \
    case LSTM_ACTIVATION_TANH: body(LSTM_ACTIVATION_TANH, NULL, __VA_ARGS__); break;                                   \
    case LSTM_ACTIVATION_SIGMOID: body(LSTM_ACTIVATION_SIGMOID, NULL, __VA_ARGS__); break;                             \
    case LSTM_ACTIVATION_RELU: body(LSTM_ACTIVATION_RELU, NULL, __VA_ARGS__); break;                                   \
    case LSTM_ACTIVATION_CUSTOM: body(LSTM_ACTIVATION_CUSTOM, &(act)->function, __VA_ARGS__); break;                   \
    default: body(LSTM_ACTIVATION_LINEAR, NULL, __VA_ARGS__); break;                                                   \
    }

#endif
