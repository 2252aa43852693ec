/* One row of an LSTM's step in registers, from product to state: part of bodies.c. What a stream of one row waits for is
 * latency; gates that go through memory would add to it. */
#ifndef LSTM__ROW_BODIES_H
#define LSTM__ROW_BODIES_H

#include "cell_bodies.h"
#include "tiles.h"

/* As many vectors of units as registers hold the sums of four gates for. */
enum { ROW_VECTORS = WIDEST / 4 };

typedef struct lstm_row_work {
    const lstm__lstm_options *options;
    lstm__rows a[2];
    const float *b, *start, *before;
    size_t ldb, h, lanes; /* of the last vector */
    float *c, *m;
} lstm_row_work;

/* The state of a vector of units from their pre-activations i, j, f, o. */
INLINE void finish_units(const lstm_row_work *w, size_t u, size_t lanes, V i, V j, V f, V o)
{
    const lstm__lstm_options *options = w->options;
    V before = load(w->before + u, lanes);
    V gate_i = sigmoid(with_peephole(options->w_i, u, lanes, before, i)), value_j = hyperbolic_tangent(j);
    V gate_f = sigmoid(plus(with_peephole(options->w_f, u, lanes, before, f), all(options->forget_bias)));
    V cell = cell_before_clip(before, gate_f, gate_i, value_j);
    if (options->cell_clip > 0.0f)
        cell = clipped(cell, all(options->cell_clip));
    cell = without_denormals(cell);
    V gate_o = sigmoid(with_peephole(options->w_o, u, lanes, cell, o));
    store_lanes(w->c + u, lanes, cell);
    store_lanes(w->m + u, lanes, without_denormals(times(gate_o, hyperbolic_tangent(cell))));
}

INLINE void lstm_row_units(size_t width, size_t last, const lstm_row_work *w)
{
    V sums[4 * ROW_VECTORS];
    const size_t h = w->h, ldb = w->ldb;
    const float *b = w->b;
    UNROLLED
    for (size_t k = 0; k < 4 * width; k++)
        sums[k] =
            load(w->start + k / width * h + k % width * VECTOR_WIDTH, k % width + 1 < width ? VECTOR_WIDTH : last);
    for (size_t part = 0; part < 2; part++) {
        const float *a = w->a[part].first;
        const size_t count = w->a[part].width;
        NOT_UNROLLED
        for (size_t i = 0; i < count; i++, b += ldb) {
            const V factor = all(a[i]);
            UNROLLED
            for (size_t k = 0; k < 4 * width; k++)
                sums[k] = fused(
                    factor,
                    load(b + k / width * h + k % width * VECTOR_WIDTH, k % width + 1 < width ? VECTOR_WIDTH : last),
                    sums[k]);
        }
    }
    UNROLLED
    for (size_t v = 0; v < width; v++)
        finish_units(w, v * VECTOR_WIDTH, v + 1 < width ? VECTOR_WIDTH : last, sums[v], sums[width + v],
                     sums[2 * width + v], sums[3 * width + v]);
}

#define ROW_UNITS(width)                                                                                               \
    static void lstm_row_##width(const lstm_row_work *w)                                                               \
    {                                                                                                                  \
        lstm_row_units(width, w->lanes, w);                                                                            \
    }
EVERY_ROW_WIDTH(ROW_UNITS)
#undef ROW_UNITS
#define ENTRY(width) lstm_row_##width,
static void (*const lstm_rows_of[ROW_VECTORS])(const lstm_row_work *w) = {EVERY_ROW_WIDTH(ENTRY)};
#undef ENTRY

static void lstm_row(const lstm__lstm_options *options, size_t h, const lstm__rows *x, const lstm__rows *m_previous,
                     const lstm__matrix *matrix, const float *start, const float *c_previous, float *c, float *m)
{
    FOR_PANELS (at, width, lanes, h, ROW_VECTORS) {
        lstm__lstm_options own = *options;
        if (options->w_i) {
            own.w_i += at;
            own.w_f += at;
            own.w_o += at;
        }
        const lstm_row_work w = {.options = &own,
                                 .a = {*x, *m_previous},
                                 .b = matrix->values + at,
                                 .start = start + at,
                                 .before = c_previous + at,
                                 .ldb = matrix->ld,
                                 .h = h,
                                 .lanes = lanes,
                                 .c = c + at,
                                 .m = m + at};
        lstm_rows_of[width - 1](&w);
    }
}

#endif
