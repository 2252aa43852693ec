/* How the bodies walk over arrays. */
#ifndef LSTM__LOOPS_H
#define LSTM__LOOPS_H

#include "functions.h"

#include <stdint.h>

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

/* Call a function whose first two arguments are an activation's kind and its function. TANH is a constant there. */
#define WITH_ACTIVATION(body, act, ...)                                                                                \
    if ((act)->kind == LSTM_ACTIVATION_TANH)                                                                           \
        body(LSTM_ACTIVATION_TANH, NULL, __VA_ARGS__);                                                                 \
    else                                                                                                               \
        body((act)->kind, &(act)->function, __VA_ARGS__);

/* What a cell's elementwise work reads and writes: rows of h units, ld apart. */
typedef enum plane_way { IN = 1, OUT = 2, IN_OUT = 3 } plane_way;
typedef struct plane {
    float *first; /* NULL: there is none */
    size_t ld;
    plane_way way;
} plane;

/* A plane that is only read. */
INLINE plane input_plane(const float *first, size_t ld)
{
    return (plane){(float *)(uintptr_t)first, ld, IN};
}

/* The work on a vector of units, which stand at at[k] + u of plane k. */
typedef void unit_body(lstm_activation kind, const lstm_function *function, const void *options, float *const *at,
                       size_t u);

INLINE V take(const float *p)
{
    return load(p, VECTOR_WIDTH);
}

INLINE void put(float *p, V x)
{
    store(p, VECTOR_WIDTH, x);
}

enum { TAIL_ROWS = 16, MOST_PLANES = 11, TAIL_FLOATS = (TAIL_ROWS + 1) * VECTOR_WIDTH };

/* Copy the last units of some rows of each plane, fewer than a vector holds, to one place behind the other, and back.
 * Behind the last one stand zeros: the work is done on whole vectors. */
static __attribute__((noinline)) void gather_tails(const plane *planes, size_t count, size_t row, size_t rows,
                                                   size_t from, size_t units, float (*tails)[TAIL_FLOATS])
{
    for (size_t k = 0; k < count; k++) {
        if (!planes[k].first || !(planes[k].way & IN))
            continue;
        for (size_t r = 0; r < rows; r++) /* each covers what is too much of the one before */
            put(tails[k] + r * units, load(planes[k].first + (row + r) * planes[k].ld + from, units));
        put(tails[k] + rows * units, all(0.0f));
    }
}

static __attribute__((noinline)) void scatter_tails(const plane *planes, size_t count, size_t row, size_t rows,
                                                    size_t from, size_t units, float (*tails)[TAIL_FLOATS])
{
    for (size_t k = 0; k < count; k++)
        for (size_t r = 0; r < rows && planes[k].first && planes[k].way & OUT; r++)
            store(planes[k].first + (row + r) * planes[k].ld + from, units, take(tails[k] + r * units));
}

/* Do the work on all units of all rows: in whole vectors, and what is left of each row together with that of others. What
 * `then` does comes after (NULL: nothing): where one long chain of operations waits for another, a processor looks ahead
 * over too few units to be busy meanwhile. */
INLINE void over_units(lstm_activation kind, const lstm_function *function, unit_body *body, unit_body *then,
                       const void *options, const plane *planes, size_t count, size_t rows, size_t h)
{
    const size_t tail = h % VECTOR_WIDTH, whole = h - tail;
    float tails[MOST_PLANES][TAIL_FLOATS];
    for (size_t row = 0; row < rows; row += TAIL_ROWS) {
        const size_t together = rows - row < TAIL_ROWS ? rows - row : TAIL_ROWS;
        if (tail)
            gather_tails(planes, count, row, together, whole, tail, tails);
        for (size_t r = whole ? 0 : together; r < together + (tail > 0); r++) {
            const size_t units = r < together ? whole : together * tail;
            float *at[MOST_PLANES];
            UNROLLED
            for (size_t k = 0; k < count; k++)
                at[k] = !planes[k].first ? NULL : r < together ? planes[k].first + (row + r) * planes[k].ld : tails[k];
            for (size_t u = 0; u < units; u += VECTOR_WIDTH)
                body(kind, function, options, at, u);
            for (size_t u = 0; u < units && then; u += VECTOR_WIDTH)
                then(kind, function, options, at, u);
        }
        if (tail)
            scatter_tails(planes, count, row, together, whole, tail, tails);
    }
}

#endif
