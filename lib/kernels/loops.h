/* How the bodies walk over arrays. */
#ifndef LSTM__LOOPS_H
#define LSTM__LOOPS_H

#include "functions.h"

#include <stdint.h>

#ifndef INLINE /* a build that counts branches counts each function once */
#define INLINE static inline __attribute__((always_inline))
#endif

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

INLINE V take(const float *p)
{
    return load(p, VECTOR_WIDTH);
}

INLINE void put(float *p, V x)
{
    store(p, VECTOR_WIDTH, x);
}

static void add(size_t count, const float *x, float *y)
{
    FOR_VECTORS (k, lanes, count)
        store(y + k, lanes, plus(load(y + k, lanes), load(x + k, lanes)));
}

enum { TAIL_ROWS = 16, MOST_PLANES = 11, TAIL_FLOATS = (TAIL_ROWS + 1) * VECTOR_WIDTH };

/* Where a vector of units stands: those of plane k at at[k] + u where its rows follow one another without a gap. With AVX-512
 * a vector may have units of two rows. */
typedef struct place {
    float *at[MOST_PLANES];
#ifdef LSTM__ISA_AVX512
    size_t row; /* what u is where rows are apart, `skip` further each time, */
    ptrdiff_t skip;
    size_t unit, h; /* and where all rows are one of h units */
    vector_mask of_row;
#endif
} place;

/* The work on a vector of units. */
typedef void unit_body(lstm_activation kind, const lstm_function *function, const void *options, const place *p,
                       size_t u);

/* Of a plane whose rows follow one another without a gap, */
INLINE V dense(const place *p, size_t k, size_t u)
{
    return take(p->at[k] + u);
}

INLINE void put_dense(const place *p, size_t k, size_t u, V x)
{
    put(p->at[k] + u, x);
}

/* of the one that is the same for all rows, */
INLINE V shared(const place *p, size_t k, size_t u)
{
#ifdef LSTM__ISA_AVX512
    (void)u;
    const float *at = p->at[k] + p->unit;
    return p->of_row == first_lanes(VECTOR_WIDTH) ? take(at) : load_either(p->of_row, at, at - p->h);
#else
    return take(p->at[k] + u);
#endif
}

/* and of those whose rows are apart, all as far. */
INLINE V apart(const place *p, size_t k, size_t u)
{
#ifdef LSTM__ISA_AVX512
    (void)u;
    const float *at = p->at[k] + p->row;
    return p->of_row == first_lanes(VECTOR_WIDTH) ? take(at) : load_either(p->of_row, at, at + p->skip);
#else
    return take(p->at[k] + u);
#endif
}

INLINE void put_apart(const place *p, size_t k, size_t u, V x)
{
#ifdef LSTM__ISA_AVX512
    (void)u;
    float *at = p->at[k] + p->row;
    if (p->of_row != first_lanes(VECTOR_WIDTH))
        store_either(p->of_row, at, at + p->skip, x);
    else
        put(at, x);
#else
    put(p->at[k] + u, x);
#endif
}

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

#ifdef LSTM__ISA_AVX512
/* A part of the work: `units` in whole vectors; over_ends: some have units of two rows. */
INLINE void walk(bool over_ends, lstm_activation kind, const lstm_function *function, unit_body *body,
                 const void *options, place p, size_t units)
{
    for (size_t u = 0; u < units; u += VECTOR_WIDTH) {
        const size_t left = p.h - p.unit; /* in the row */
        p.of_row = first_lanes(over_ends && left < VECTOR_WIDTH ? left : VECTOR_WIDTH);
        body(kind, function, options, &p, u);
        const bool ends = left <= VECTOR_WIDTH;
        p.row += VECTOR_WIDTH + (ends ? (size_t)p.skip : 0);
        p.unit += VECTOR_WIDTH - (ends ? p.h : 0);
    }
}

/* As below. Whole vectors go over the ends of rows; only what is left behind the last of some rows is gathered, or rows that
 * are narrower than a vector. All loads of a body come before its stores: a load waits for a masked store beside it. */
INLINE void over_units(lstm_activation kind, const lstm_function *function, unit_body *body, unit_body *then,
                       const void *options, const plane *planes, size_t count, size_t rows, size_t h)
{
    float tails[MOST_PLANES][TAIL_FLOATS];
    const size_t at_once = h % VECTOR_WIDTH || h <= 64 ? TAIL_ROWS : 1;
    size_t ld = h; /* of the planes whose rows are apart */
    UNROLLED
    for (size_t k = 0; k < count; k++)
        ld = planes[k].ld > ld ? planes[k].ld : ld;
    for (size_t row = 0; row < rows; row += at_once) {
        const size_t together = rows - row < at_once ? rows - row : at_once, end = row + together;
        const size_t left = h < VECTOR_WIDTH ? together * h : together * h % VECTOR_WIDTH, there = together * h - left;
        const size_t of_each = there ? left : h, first = there ? end - 1 : row;
        if (left)
            gather_tails(planes, count, first, end - first, h - of_each, of_each, tails);
        for (size_t part = there ? 0 : 1; part < (left ? 2 : 1); part++) {
            place p = {.skip = (ptrdiff_t)(ld - h), .h = part ? SIZE_MAX : h};
            UNROLLED
            for (size_t k = 0; k < count; k++)
                p.at[k] = !planes[k].first ? NULL : part ? tails[k] : planes[k].first + row * planes[k].ld;
            const size_t units = part ? left : there;
            if (!part && h % VECTOR_WIDTH) {
                walk(true, kind, function, body, options, p, units);
                if (then)
                    walk(true, kind, function, then, options, p, units);
            } else {
                walk(false, kind, function, body, options, p, units);
                if (then)
                    walk(false, kind, function, then, options, p, units);
            }
        }
        if (left)
            scatter_tails(planes, count, first, end - first, h - of_each, of_each, tails);
    }
}
#else

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
        for (size_t r = whole ? 0 : together; r < together + (tail > 0); r++) {
            const size_t units = r < together ? whole : together * tail;
            if (r == together) /* their rows are in the cache now */
                gather_tails(planes, count, row, together, whole, tail, tails);
            place p;
            UNROLLED
            for (size_t k = 0; k < count; k++)
                p.at[k] = !planes[k].first ? NULL
                          : r < together ? planes[k].first + (row + r) * planes[k].ld
                                         : tails[k];
            for (size_t u = 0; u < units; u += VECTOR_WIDTH)
                body(kind, function, options, &p, u);
            for (size_t u = 0; u < units && then; u += VECTOR_WIDTH)
                then(kind, function, options, &p, u);
        }
        if (tail)
            scatter_tails(planes, count, row, together, whole, tail, tails);
    }
}
#endif

#endif
