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
    size_t h, lanes; /* of the last vector */
    float *c, *m;
} lstm_row_work;

static void pack_gates(size_t k, size_t h, size_t gates, const float *b, float *packed)
{
    const size_t widest = WIDEST / gates;
    for (panels p = cut_columns(h, widest, false); next_panel(&p);)
        for (size_t i = 0; i < k; i++)
            for (size_t gate = 0; gate < gates; gate++)
                for (size_t v = 0; v < p.width; v++, packed += VECTOR_WIDTH)
                    put(packed, load(b + (i * gates + gate) * h + p.at + v * VECTOR_WIDTH,
                                     v + 1 < p.width ? VECTOR_WIDTH : p.lanes));
}

/* c and the output gate of a vector of units from their pre-activations i, j, f, o. */
INLINE V row_state(const lstm__lstm_options *options, size_t u, size_t lanes, V before, V i, V j, V f, V *o)
{
    V gate_i = sigmoid(with_peephole(options->w_i, u, lanes, before, i)), value_j = hyperbolic_tangent(j);
    V gate_f = sigmoid(plus(with_peephole(options->w_f, u, lanes, before, f), all(options->forget_bias)));
    V cell = cell_before_clip(before, gate_f, gate_i, value_j);
    if (options->cell_clip > 0.0f)
        cell = clipped(cell, all(options->cell_clip));
    cell = without_denormals(cell);
    *o = sigmoid(with_peephole(options->w_o, u, lanes, cell, *o));
    return cell;
}

INLINE void lstm_row_units(size_t width, const lstm_row_work *w)
{
    V sums[4 * ROW_VECTORS];
    const float *b = w->b;
    UNROLLED
    for (size_t k = 0; k < 4 * width; k++)
        sums[k] = load(w->start + k / width * w->h + k % width * VECTOR_WIDTH,
                       k % width + 1 < width ? VECTOR_WIDTH : w->lanes);
    for (size_t part = 0; part < 2; part++) {
        const float *a = w->a[part].first;
        const size_t count = w->a[part].width;
        NOT_UNROLLED
        for (size_t i = 0; i < count; i++, b += 4 * width * VECTOR_WIDTH) {
            const V factor = all(a[i]);
            UNROLLED
            for (size_t k = 0; k < 4 * width; k++)
                sums[k] = fused(factor, take(b + k * VECTOR_WIDTH), sums[k]);
        }
    }
    UNROLLED
    for (size_t v = 0; v < width; v++) {
        const size_t u = v * VECTOR_WIDTH, lanes = v + 1 < width ? VECTOR_WIDTH : w->lanes;
        V o = sums[3 * width + v];
        sums[v] = row_state(w->options, u, lanes, load(w->before + u, lanes), sums[v], sums[width + v],
                            sums[2 * width + v], &o);
        sums[width + v] = o;
    }
    UNROLLED
    for (size_t v = 0; v < width; v++) {
        const size_t u = v * VECTOR_WIDTH, lanes = v + 1 < width ? VECTOR_WIDTH : w->lanes;
        store_lanes(w->c + u, lanes, sums[v]);
        store_lanes(w->m + u, lanes, without_denormals(times(sums[width + v], hyperbolic_tangent(sums[v]))));
    }
}

#define ROW_UNITS(width)                                                                                               \
    static void lstm_row_##width(const lstm_row_work *w)                                                               \
    {                                                                                                                  \
        lstm_row_units(width, w);                                                                                      \
    }
EVERY_ROW_WIDTH(ROW_UNITS)
#undef ROW_UNITS
#define ENTRY(width) lstm_row_##width,
static void (*const lstm_rows_of[ROW_VECTORS])(const lstm_row_work *w) = {EVERY_ROW_WIDTH(ENTRY)};
#undef ENTRY

static void lstm_row(const lstm__lstm_options *options, size_t h, const lstm__rows *x, const lstm__rows *m_previous,
                     const lstm__matrix *matrix, bool backwards, const float *start, const float *c_previous, float *c,
                     float *m)
{
    const size_t skipped = matrix->rows - x->width - m_previous->width;
    for (panels p = cut_columns(h, ROW_VECTORS, backwards); next_panel(&p);) {
        lstm__lstm_options own = *options;
        if (options->w_i) {
            own.w_i += p.at;
            own.w_f += p.at;
            own.w_o += p.at;
        }
        const lstm_row_work w = {.options = &own,
                                 .a = {*x, *m_previous},
                                 .b = matrix->packed + 4 * (matrix->rows * p.at + skipped * p.width * VECTOR_WIDTH),
                                 .start = start + p.at,
                                 .before = c_previous + p.at,
                                 .h = h,
                                 .lanes = p.lanes,
                                 .c = c + p.at,
                                 .m = m + p.at};
        lstm_rows_of[p.width - 1](&w);
    }
}

#endif
