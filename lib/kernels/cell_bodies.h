/* The elementwise work of the cells: part of bodies.c. */
#ifndef LSTM__CELL_BODIES_H
#define LSTM__CELL_BODIES_H

#include "loops.h"

/* c_previous s(f) + s(i) act(j), in the one order that forward and backward share. */
INLINE V cell_before_clip(V c_previous, V gate_f, V gate_i, V value_j)
{
    return fused(c_previous, gate_f, times(gate_i, value_j));
}

INLINE V with_peephole(const float *w, size_t u, size_t lanes, V c, V pre_activation)
{
    return w ? fused(load(w + u, lanes), c, pre_activation) : pre_activation;
}

INLINE void lstm_forward_as(lstm_activation kind, const lstm_function *function, const lstm__lstm_options *options,
                            size_t rows, size_t h, float *gates, const float *c_previous, float *c, float *shown,
                            float *m)
{
    for (size_t row = 0; row < rows; row++) {
        float *i = gates + row * 4 * h, *j = i + h, *f = j + h, *o = f + h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V before = load(c_previous + at + u, lanes), pre_j = load(j + u, lanes);
            V gate_i = sigmoid(with_peephole(options->w_i, u, lanes, before, load(i + u, lanes)));
            V pre_f = with_peephole(options->w_f, u, lanes, before, load(f + u, lanes));
            V gate_f = sigmoid(plus(pre_f, all(options->forget_bias)));
            V value_j = activated(kind, function, pre_j);
            V cell = cell_before_clip(before, gate_f, gate_i, value_j);
            if (options->cell_clip > 0.0f)
                cell = clipped(cell, all(options->cell_clip));
            cell = without_denormals(cell);
            V gate_o = sigmoid(with_peephole(options->w_o, u, lanes, cell, load(o + u, lanes)));
            V value = activated(kind, function, cell);
            store(i + u, lanes, gate_i);
            store(j + u, lanes, kept(kind, pre_j, value_j));
            store(f + u, lanes, gate_f);
            store(o + u, lanes, gate_o);
            store(c + at + u, lanes, cell);
            store(shown + at + u, lanes, kept(kind, cell, value));
            store(m + at + u, lanes, without_denormals(times(gate_o, value)));
        }
    }
}

static void lstm_forward(const lstm__activation *act, const lstm__lstm_options *options, size_t rows, size_t h,
                         float *gates, const float *c_previous, float *c, float *shown, float *m)
{
    WITH_ACTIVATION(lstm_forward_as, act, options, rows, h, gates, c_previous, c, shown, m)
}

INLINE void lstm_backward_as(lstm_activation kind, const lstm_function *function, const lstm__lstm_options *options,
                             size_t rows, size_t h, float *gates, const float *c_previous, const float *shown,
                             const float *dm, float *dc)
{
    for (size_t row = 0; row < rows; row++) {
        float *i = gates + row * 4 * h, *j = i + h, *f = j + h, *o = f + h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V before = load(c_previous + at + u, lanes), keeps_j = load(j + u, lanes);
            V gate_i = load(i + u, lanes), value_j = value_of(kind, function, keeps_j);
            V gate_f = load(f + u, lanes), gate_o = load(o + u, lanes);
            V keeps = load(shown + at + u, lanes), d_output = load(dm + at + u, lanes);
            V d_o = times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o));
            V d_cell = fused(times(d_output, gate_o), derivative(kind, function, keeps), load(dc + at + u, lanes));
            d_cell = with_peephole(options->w_o, u, lanes, d_o, d_cell);
            if (options->cell_clip > 0.0f) {
                V unclipped = cell_before_clip(before, gate_f, gate_i, value_j);
                d_cell = if_less(all(options->cell_clip), magnitude(unclipped), all(0.0f), d_cell);
            }
            V d_i = times(times(d_cell, value_j), sigmoid_derivative(gate_i));
            V d_f = times(times(d_cell, before), sigmoid_derivative(gate_f));
            V d_before = with_peephole(options->w_i, u, lanes, d_i, times(d_cell, gate_f));
            store(i + u, lanes, d_i);
            store(j + u, lanes, times(times(d_cell, gate_i), derivative(kind, function, keeps_j)));
            store(f + u, lanes, d_f);
            store(o + u, lanes, d_o);
            store(dc + at + u, lanes, with_peephole(options->w_f, u, lanes, d_f, d_before));
        }
    }
}

static void lstm_backward(const lstm__activation *act, const lstm__lstm_options *options, size_t rows, size_t h,
                          float *gates, const float *c_previous, const float *shown, const float *dm, float *dc)
{
    WITH_ACTIVATION(lstm_backward_as, act, options, rows, h, gates, c_previous, shown, dm, dc)
}

INLINE void coupled_forward_as(lstm_activation kind, const lstm_function *function, float forget_bias, size_t rows,
                               size_t h, float *gates, const float *c_previous, float *c, float *shown, float *h_next)
{
    for (size_t row = 0; row < rows; row++) {
        float *j = gates + row * 3 * h, *f = j + h, *o = f + h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V pre_j = load(j + u, lanes), value_j = activated(kind, function, pre_j);
            V gate_f = sigmoid(plus(load(f + u, lanes), all(forget_bias))), gate_o = sigmoid(load(o + u, lanes));
            V cell = fused(load(c_previous + at + u, lanes), gate_f, times(minus(all(1.0f), gate_f), value_j));
            cell = without_denormals(cell);
            V value = activated(kind, function, cell);
            store(j + u, lanes, kept(kind, pre_j, value_j));
            store(f + u, lanes, gate_f);
            store(o + u, lanes, gate_o);
            store(c + at + u, lanes, cell);
            store(shown + at + u, lanes, kept(kind, cell, value));
            store(h_next + at + u, lanes, without_denormals(times(gate_o, value)));
        }
    }
}

static void coupled_forward(const lstm__activation *act, float forget_bias, size_t rows, size_t h, float *gates,
                            const float *c_previous, float *c, float *shown, float *h_next)
{
    WITH_ACTIVATION(coupled_forward_as, act, forget_bias, rows, h, gates, c_previous, c, shown, h_next)
}

INLINE void coupled_backward_as(lstm_activation kind, const lstm_function *function, size_t rows, size_t h,
                                float *gates, const float *c_previous, const float *shown, const float *dh, float *dc)
{
    for (size_t row = 0; row < rows; row++) {
        float *j = gates + row * 3 * h, *f = j + h, *o = f + h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V keeps_j = load(j + u, lanes), value_j = value_of(kind, function, keeps_j);
            V gate_f = load(f + u, lanes), gate_o = load(o + u, lanes);
            V keeps = load(shown + at + u, lanes), d_output = load(dh + at + u, lanes);
            V d_cell = fused(times(d_output, gate_o), derivative(kind, function, keeps), load(dc + at + u, lanes));
            V difference = minus(load(c_previous + at + u, lanes), value_j);
            store(j + u, lanes, times(times(d_cell, minus(all(1.0f), gate_f)), derivative(kind, function, keeps_j)));
            store(f + u, lanes, times(times(d_cell, difference), sigmoid_derivative(gate_f)));
            store(o + u, lanes, times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o)));
            store(dc + at + u, lanes, times(d_cell, gate_f));
        }
    }
}

static void coupled_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, const float *c_previous,
                             const float *shown, const float *dh, float *dc)
{
    WITH_ACTIVATION(coupled_backward_as, act, rows, h, gates, c_previous, shown, dh, dc)
}

INLINE void lstm_cell_forward_as(lstm_activation kind, const lstm_function *function, float forget_bias, size_t rows,
                                 size_t h, float *gates, const float *mask, const float *c_previous, float *c)
{
    for (size_t row = 0; row < rows; row++) {
        float *i = gates + row * 4 * h, *j = i + h, *f = j + h, *o = f + h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V gate_i = sigmoid(load(i + u, lanes)), pre_j = load(j + u, lanes);
            V gate_f = sigmoid(plus(load(f + u, lanes), all(forget_bias)));
            V value_j = activated(kind, function, pre_j);
            V used_j = mask ? times(value_j, load(mask + at + u, lanes)) : value_j;
            store(i + u, lanes, gate_i);
            store(j + u, lanes, kept(kind, pre_j, value_j));
            store(f + u, lanes, gate_f);
            store(o + u, lanes, sigmoid(load(o + u, lanes)));
            store(c + at + u, lanes,
                  without_denormals(cell_before_clip(load(c_previous + at + u, lanes), gate_f, gate_i, used_j)));
        }
    }
}

static void lstm_cell_forward(const lstm__activation *act, float forget_bias, size_t rows, size_t h, float *gates,
                              const float *mask, const float *c_previous, float *c)
{
    WITH_ACTIVATION(lstm_cell_forward_as, act, forget_bias, rows, h, gates, mask, c_previous, c)
}

INLINE void lstm_output_forward_as(lstm_activation kind, const lstm_function *function, size_t rows, size_t h,
                                   const float *gates, const float *c, float *shown, float *h_next)
{
    for (size_t row = 0; row < rows; row++) {
        const float *o = gates + row * 4 * h + 3 * h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V cell = load(c + at + u, lanes), value = activated(kind, function, cell);
            store(shown + at + u, lanes, kept(kind, cell, value));
            store(h_next + at + u, lanes, without_denormals(times(load(o + u, lanes), value)));
        }
    }
}

static void lstm_output_forward(const lstm__activation *act, size_t rows, size_t h, const float *gates, const float *c,
                                float *shown, float *h_next)
{
    WITH_ACTIVATION(lstm_output_forward_as, act, rows, h, gates, c, shown, h_next)
}

INLINE void lstm_output_backward_as(lstm_activation kind, const lstm_function *function, size_t rows, size_t h,
                                    float *gates, const float *shown, const float *dh, float *dc)
{
    for (size_t row = 0; row < rows; row++) {
        float *o = gates + row * 4 * h + 3 * h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V keeps = load(shown + at + u, lanes), d_output = load(dh + at + u, lanes), gate_o = load(o + u, lanes);
            V slope = derivative(kind, function, keeps);
            store(o + u, lanes, times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o)));
            store(dc + at + u, lanes, fused(times(d_output, gate_o), slope, load(dc + at + u, lanes)));
        }
    }
}

static void lstm_output_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, const float *shown,
                                 const float *dh, float *dc)
{
    WITH_ACTIVATION(lstm_output_backward_as, act, rows, h, gates, shown, dh, dc)
}

INLINE void lstm_cell_backward_as(lstm_activation kind, const lstm_function *function, size_t rows, size_t h,
                                  float *gates, const float *mask, const float *c_previous, float *dc)
{
    for (size_t row = 0; row < rows; row++) {
        float *i = gates + row * 4 * h, *j = i + h, *f = j + h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V gate_i = load(i + u, lanes), gate_f = load(f + u, lanes), keeps_j = load(j + u, lanes);
            V d_cell = load(dc + at + u, lanes), share = mask ? load(mask + at + u, lanes) : all(1.0f);
            V used_j = times(value_of(kind, function, keeps_j), share);
            V d_j = times(times(d_cell, gate_i), share);
            store(i + u, lanes, times(times(d_cell, used_j), sigmoid_derivative(gate_i)));
            store(j + u, lanes, times(d_j, derivative(kind, function, keeps_j)));
            store(f + u, lanes, times(times(d_cell, load(c_previous + at + u, lanes)), sigmoid_derivative(gate_f)));
            store(dc + at + u, lanes, times(d_cell, gate_f));
        }
    }
}

static void lstm_cell_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, const float *mask,
                               const float *c_previous, float *dc)
{
    WITH_ACTIVATION(lstm_cell_backward_as, act, rows, h, gates, mask, c_previous, dc)
}

static void gru_gates(size_t rows, size_t h, float *gates, const float *h_previous, float *reset)
{
    for (size_t row = 0; row < rows; row++) {
        float *r = gates + row * 2 * h, *u = r + h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_r = sigmoid(load(r + k, lanes));
            store(r + k, lanes, gate_r);
            store(u + k, lanes, sigmoid(load(u + k, lanes)));
            if (reset)
                store(reset + at + k, lanes, times(gate_r, load(h_previous + at + k, lanes)));
        }
    }
}

INLINE void gru_output_as(lstm_activation kind, const lstm_function *function, size_t rows, size_t h,
                          const float *gates, float *candidate, const float *h_previous, float *h_next)
{
    for (size_t row = 0; row < rows; row++) {
        const float *u = gates + row * 2 * h + h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_u = load(u + k, lanes), before = load(candidate + at + k, lanes);
            V value = activated(kind, function, before);
            V carried = times(gate_u, load(h_previous + at + k, lanes));
            store(candidate + at + k, lanes, kept(kind, before, value));
            store(h_next + at + k, lanes, without_denormals(fused(minus(all(1.0f), gate_u), value, carried)));
        }
    }
}

static void gru_output(const lstm__activation *act, size_t rows, size_t h, const float *gates, float *candidate,
                       const float *h_previous, float *h_next)
{
    WITH_ACTIVATION(gru_output_as, act, rows, h, gates, candidate, h_previous, h_next)
}

INLINE void gru_output_backward_as(lstm_activation kind, const lstm_function *function, size_t rows, size_t h,
                                   float *gates, float *candidate, const float *h_previous, float *dh)
{
    for (size_t row = 0; row < rows; row++) {
        float *u = gates + row * 2 * h + h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_u = load(u + k, lanes), keeps = load(candidate + at + k, lanes), d = load(dh + at + k, lanes);
            V difference = minus(load(h_previous + at + k, lanes), value_of(kind, function, keeps));
            V d_value = times(d, minus(all(1.0f), gate_u));
            store(u + k, lanes, times(times(d, difference), sigmoid_derivative(gate_u)));
            store(candidate + at + k, lanes, times(d_value, derivative(kind, function, keeps)));
            store(dh + at + k, lanes, times(d, gate_u));
        }
    }
}

static void gru_output_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, float *candidate,
                                const float *h_previous, float *dh)
{
    WITH_ACTIVATION(gru_output_backward_as, act, rows, h, gates, candidate, h_previous, dh)
}

static void gru_gates_backward(size_t rows, size_t h, float *gates, const float *h_previous, const float *d_reset,
                               float *dh)
{
    for (size_t row = 0; row < rows; row++) {
        float *r = gates + row * 2 * h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_r = load(r + k, lanes), d = load(d_reset + at + k, lanes);
            store(r + k, lanes, times(times(d, load(h_previous + at + k, lanes)), sigmoid_derivative(gate_r)));
            store(dh + at + k, lanes, fused(d, gate_r, load(dh + at + k, lanes)));
        }
    }
}

static void gru_reset_after(size_t rows, size_t h, const float *gates, const float *hidden, float *candidate)
{
    for (size_t row = 0; row < rows; row++) {
        const float *r = gates + row * 2 * h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h)
            store(candidate + at + k, lanes,
                  fused(load(r + k, lanes), load(hidden + at + k, lanes), load(candidate + at + k, lanes)));
    }
}

static void gru_reset_after_backward(size_t rows, size_t h, float *gates, float *hidden, const float *d)
{
    for (size_t row = 0; row < rows; row++) {
        float *r = gates + row * 2 * h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_r = load(r + k, lanes), value = load(hidden + at + k, lanes), gradient = load(d + at + k, lanes);
            store(r + k, lanes, times(times(gradient, value), sigmoid_derivative(gate_r)));
            store(hidden + at + k, lanes, times(gradient, gate_r));
        }
    }
}

#endif
