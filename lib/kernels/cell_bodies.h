/* The elementwise work of the cells: part of bodies.c. Each is the work on some units, and the planes that it is done on. */
#ifndef LSTM__CELL_BODIES_H
#define LSTM__CELL_BODIES_H

#include "loops.h"

#define PLANES(planes) planes, sizeof(planes) / sizeof *(planes)

/* c_previous s(f) + s(i) act(j), in the one order that forward and backward share. */
INLINE V cell_before_clip(V c_previous, V gate_f, V gate_i, V value_j)
{
    return fused(c_previous, gate_f, times(gate_i, value_j));
}

INLINE V with_peephole(const float *w, size_t u, size_t lanes, V c, V pre_activation)
{
    return w ? fused(load(w + u, lanes), c, pre_activation) : pre_activation;
}

/* The LSTM. */

enum { I, J, F, O, BEFORE, AFTER, SHOWN, M, W_I, W_F, W_O };
enum { D_M = AFTER, D_C = M }; /* backward */

INLINE void lstm_forward_units(lstm_activation kind, const lstm_function *function, const void *given, float *const *at,
                               size_t u, size_t lanes)
{
    const lstm__lstm_options *options = given;
    V before = load(at[BEFORE] + u, lanes), pre_j = load(at[J] + u, lanes);
    V gate_i = sigmoid(with_peephole(at[W_I], u, lanes, before, load(at[I] + u, lanes)));
    V pre_f = with_peephole(at[W_F], u, lanes, before, load(at[F] + u, lanes));
    V gate_f = sigmoid(plus(pre_f, all(options->forget_bias)));
    V value_j = activated(kind, function, pre_j);
    V cell = cell_before_clip(before, gate_f, gate_i, value_j);
    if (options->cell_clip > 0.0f)
        cell = clipped(cell, all(options->cell_clip));
    cell = without_denormals(cell);
    V gate_o = sigmoid(with_peephole(at[W_O], u, lanes, cell, load(at[O] + u, lanes)));
    V value = activated(kind, function, cell);
    store(at[I] + u, lanes, gate_i);
    store(at[J] + u, lanes, kept(kind, pre_j, value_j));
    store(at[F] + u, lanes, gate_f);
    store(at[O] + u, lanes, gate_o);
    store(at[AFTER] + u, lanes, cell);
    store(at[SHOWN] + u, lanes, kept(kind, cell, value));
    store(at[M] + u, lanes, without_denormals(times(gate_o, value)));
}

static void lstm_forward(const lstm__activation *act, const lstm__lstm_options *options, size_t rows, size_t h,
                         float *gates, const float *c_previous, float *c, float *shown, float *m)
{
    const plane planes[] = {{gates, 4 * h, IN_OUT},
                            {gates + h, 4 * h, IN_OUT},
                            {gates + 2 * h, 4 * h, IN_OUT},
                            {gates + 3 * h, 4 * h, IN_OUT},
                            input_plane(c_previous, h),
                            {c, h, OUT},
                            {shown, h, OUT},
                            {m, h, OUT},
                            input_plane(options->w_i, 0),
                            input_plane(options->w_f, 0),
                            input_plane(options->w_o, 0)};
    WITH_ACTIVATION(over_units, act, lstm_forward_units, options, PLANES(planes), rows, h)
}

INLINE void lstm_backward_units(lstm_activation kind, const lstm_function *function, const void *given,
                                float *const *at, size_t u, size_t lanes)
{
    const lstm__lstm_options *options = given;
    V before = load(at[BEFORE] + u, lanes), keeps_j = load(at[J] + u, lanes);
    V gate_i = load(at[I] + u, lanes), value_j = value_of(kind, function, keeps_j);
    V gate_f = load(at[F] + u, lanes), gate_o = load(at[O] + u, lanes);
    V keeps = load(at[SHOWN] + u, lanes), d_output = load(at[D_M] + u, lanes);
    V d_o = times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o));
    V d_cell = fused(times(d_output, gate_o), derivative(kind, function, keeps), load(at[D_C] + u, lanes));
    d_cell = with_peephole(at[W_O], u, lanes, d_o, d_cell);
    if (options->cell_clip > 0.0f) {
        V unclipped = cell_before_clip(before, gate_f, gate_i, value_j);
        d_cell = if_less(all(options->cell_clip), magnitude(unclipped), all(0.0f), d_cell);
    }
    V d_i = times(times(d_cell, value_j), sigmoid_derivative(gate_i));
    V d_f = times(times(d_cell, before), sigmoid_derivative(gate_f));
    V d_before = with_peephole(at[W_I], u, lanes, d_i, times(d_cell, gate_f));
    store(at[I] + u, lanes, d_i);
    store(at[J] + u, lanes, times(times(d_cell, gate_i), derivative(kind, function, keeps_j)));
    store(at[F] + u, lanes, d_f);
    store(at[O] + u, lanes, d_o);
    store(at[D_C] + u, lanes, with_peephole(at[W_F], u, lanes, d_f, d_before));
}

static void lstm_backward(const lstm__activation *act, const lstm__lstm_options *options, size_t rows, size_t h,
                          float *gates, const float *c_previous, const float *shown, const float *dm, float *dc)
{
    const plane planes[] = {{gates, 4 * h, IN_OUT},         {gates + h, 4 * h, IN_OUT},
                            {gates + 2 * h, 4 * h, IN_OUT}, {gates + 3 * h, 4 * h, IN_OUT},
                            input_plane(c_previous, h),     input_plane(dm, h),
                            input_plane(shown, h),          {dc, h, IN_OUT},
                            input_plane(options->w_i, 0),   input_plane(options->w_f, 0),
                            input_plane(options->w_o, 0)};
    WITH_ACTIVATION(over_units, act, lstm_backward_units, options, PLANES(planes), rows, h)
}

/* The coupled LSTM: j, f, o. */

enum { C_J, C_F, C_O, C_BEFORE, C_AFTER, C_SHOWN, C_H };
enum { C_D_H = C_AFTER, C_D_C = C_H };

INLINE void coupled_forward_units(lstm_activation kind, const lstm_function *function, const void *forget_bias,
                                  float *const *at, size_t u, size_t lanes)
{
    V pre_j = load(at[C_J] + u, lanes), value_j = activated(kind, function, pre_j);
    V gate_f = sigmoid(plus(load(at[C_F] + u, lanes), all(*(const float *)forget_bias)));
    V gate_o = sigmoid(load(at[C_O] + u, lanes));
    V cell = fused(load(at[C_BEFORE] + u, lanes), gate_f, times(minus(all(1.0f), gate_f), value_j));
    cell = without_denormals(cell);
    V value = activated(kind, function, cell);
    store(at[C_J] + u, lanes, kept(kind, pre_j, value_j));
    store(at[C_F] + u, lanes, gate_f);
    store(at[C_O] + u, lanes, gate_o);
    store(at[C_AFTER] + u, lanes, cell);
    store(at[C_SHOWN] + u, lanes, kept(kind, cell, value));
    store(at[C_H] + u, lanes, without_denormals(times(gate_o, value)));
}

static void coupled_forward(const lstm__activation *act, float forget_bias, size_t rows, size_t h, float *gates,
                            const float *c_previous, float *c, float *shown, float *h_next)
{
    const plane planes[] = {{gates, 3 * h, IN_OUT},
                            {gates + h, 3 * h, IN_OUT},
                            {gates + 2 * h, 3 * h, IN_OUT},
                            input_plane(c_previous, h),
                            {c, h, OUT},
                            {shown, h, OUT},
                            {h_next, h, OUT}};
    WITH_ACTIVATION(over_units, act, coupled_forward_units, &forget_bias, PLANES(planes), rows, h)
}

INLINE void coupled_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                   float *const *at, size_t u, size_t lanes)
{
    (void)options;
    V keeps_j = load(at[C_J] + u, lanes), value_j = value_of(kind, function, keeps_j);
    V gate_f = load(at[C_F] + u, lanes), gate_o = load(at[C_O] + u, lanes);
    V keeps = load(at[C_SHOWN] + u, lanes), d_output = load(at[C_D_H] + u, lanes);
    V d_cell = fused(times(d_output, gate_o), derivative(kind, function, keeps), load(at[C_D_C] + u, lanes));
    V difference = minus(load(at[C_BEFORE] + u, lanes), value_j);
    store(at[C_J] + u, lanes, times(times(d_cell, minus(all(1.0f), gate_f)), derivative(kind, function, keeps_j)));
    store(at[C_F] + u, lanes, times(times(d_cell, difference), sigmoid_derivative(gate_f)));
    store(at[C_O] + u, lanes, times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o)));
    store(at[C_D_C] + u, lanes, times(d_cell, gate_f));
}

static void coupled_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, const float *c_previous,
                             const float *shown, const float *dh, float *dc)
{
    const plane planes[] = {{gates, 3 * h, IN_OUT},
                            {gates + h, 3 * h, IN_OUT},
                            {gates + 2 * h, 3 * h, IN_OUT},
                            input_plane(c_previous, h),
                            input_plane(dh, h),
                            input_plane(shown, h),
                            {dc, h, IN_OUT}};
    WITH_ACTIVATION(over_units, act, coupled_backward_units, NULL, PLANES(planes), rows, h)
}

/* The LSTM in two halves: the cell, */

enum { MASK = AFTER + 1, HALF_D_C = AFTER };

INLINE void lstm_cell_forward_units(lstm_activation kind, const lstm_function *function, const void *forget_bias,
                                    float *const *at, size_t u, size_t lanes)
{
    V gate_i = sigmoid(load(at[I] + u, lanes)), pre_j = load(at[J] + u, lanes);
    V gate_f = sigmoid(plus(load(at[F] + u, lanes), all(*(const float *)forget_bias)));
    V value_j = activated(kind, function, pre_j);
    V used_j = at[MASK] ? times(value_j, load(at[MASK] + u, lanes)) : value_j;
    store(at[I] + u, lanes, gate_i);
    store(at[J] + u, lanes, kept(kind, pre_j, value_j));
    store(at[F] + u, lanes, gate_f);
    store(at[O] + u, lanes, sigmoid(load(at[O] + u, lanes)));
    store(at[AFTER] + u, lanes,
          without_denormals(cell_before_clip(load(at[BEFORE] + u, lanes), gate_f, gate_i, used_j)));
}

static void lstm_cell_forward(const lstm__activation *act, float forget_bias, size_t rows, size_t h, float *gates,
                              const float *mask, const float *c_previous, float *c)
{
    const plane planes[] = {{gates, 4 * h, IN_OUT},
                            {gates + h, 4 * h, IN_OUT},
                            {gates + 2 * h, 4 * h, IN_OUT},
                            {gates + 3 * h, 4 * h, IN_OUT},
                            input_plane(c_previous, h),
                            {c, h, OUT},
                            input_plane(mask, h)};
    WITH_ACTIVATION(over_units, act, lstm_cell_forward_units, &forget_bias, PLANES(planes), rows, h)
}

INLINE void lstm_cell_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                     float *const *at, size_t u, size_t lanes)
{
    (void)options;
    V gate_i = load(at[I] + u, lanes), gate_f = load(at[F] + u, lanes), keeps_j = load(at[J] + u, lanes);
    V d_cell = load(at[HALF_D_C] + u, lanes), share = at[MASK] ? load(at[MASK] + u, lanes) : all(1.0f);
    V used_j = times(value_of(kind, function, keeps_j), share);
    V d_j = times(times(d_cell, gate_i), share);
    store(at[I] + u, lanes, times(times(d_cell, used_j), sigmoid_derivative(gate_i)));
    store(at[J] + u, lanes, times(d_j, derivative(kind, function, keeps_j)));
    store(at[F] + u, lanes, times(times(d_cell, load(at[BEFORE] + u, lanes)), sigmoid_derivative(gate_f)));
    store(at[HALF_D_C] + u, lanes, times(d_cell, gate_f));
}

static void lstm_cell_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, const float *mask,
                               const float *c_previous, float *dc)
{
    const plane planes[] = {{gates, 4 * h, IN_OUT},
                            {gates + h, 4 * h, IN_OUT},
                            {gates + 2 * h, 4 * h, IN_OUT},
                            {NULL, 0, IN}, /* o stays */
                            input_plane(c_previous, h),
                            {dc, h, IN_OUT},
                            input_plane(mask, h)};
    WITH_ACTIVATION(over_units, act, lstm_cell_backward_units, NULL, PLANES(planes), rows, h)
}

/* and the output. */

enum { OUT_O, OUT_C, OUT_SHOWN, OUT_H };

INLINE void lstm_output_forward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                      float *const *at, size_t u, size_t lanes)
{
    (void)options;
    V cell = load(at[OUT_C] + u, lanes), value = activated(kind, function, cell);
    store(at[OUT_SHOWN] + u, lanes, kept(kind, cell, value));
    store(at[OUT_H] + u, lanes, without_denormals(times(load(at[OUT_O] + u, lanes), value)));
}

static void lstm_output_forward(const lstm__activation *act, size_t rows, size_t h, const float *gates, const float *c,
                                float *shown, float *h_next)
{
    const plane planes[] = {input_plane(gates + 3 * h, 4 * h), input_plane(c, h), {shown, h, OUT}, {h_next, h, OUT}};
    WITH_ACTIVATION(over_units, act, lstm_output_forward_units, NULL, PLANES(planes), rows, h)
}

INLINE void lstm_output_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                       float *const *at, size_t u, size_t lanes)
{
    (void)options;
    V keeps = load(at[OUT_SHOWN] + u, lanes), d_output = load(at[OUT_H] + u, lanes),
      gate_o = load(at[OUT_O] + u, lanes);
    V slope = derivative(kind, function, keeps);
    store(at[OUT_O] + u, lanes, times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o)));
    store(at[OUT_C] + u, lanes, fused(times(d_output, gate_o), slope, load(at[OUT_C] + u, lanes)));
}

static void lstm_output_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, const float *shown,
                                 const float *dh, float *dc)
{
    const plane planes[] = {{gates + 3 * h, 4 * h, IN_OUT}, {dc, h, IN_OUT}, input_plane(shown, h), input_plane(dh, h)};
    WITH_ACTIVATION(over_units, act, lstm_output_backward_units, NULL, PLANES(planes), rows, h)
}

/* The GRU. */

enum { R, U, G_BEFORE, RESET }; /* its gates, */

INLINE void gru_gates_units(lstm_activation kind, const lstm_function *function, const void *options, float *const *at,
                            size_t u, size_t lanes)
{
    (void)kind, (void)function, (void)options;
    V gate_r = sigmoid(load(at[R] + u, lanes));
    store(at[R] + u, lanes, gate_r);
    store(at[U] + u, lanes, sigmoid(load(at[U] + u, lanes)));
    if (at[RESET])
        store(at[RESET] + u, lanes, times(gate_r, load(at[G_BEFORE] + u, lanes)));
}

static void gru_gates(size_t rows, size_t h, float *gates, const float *h_previous, float *reset)
{
    const plane planes[] = {
        {gates, 2 * h, IN_OUT}, {gates + h, 2 * h, IN_OUT}, input_plane(h_previous, h), {reset, h, OUT}};
    over_units(LSTM_ACTIVATION_LINEAR, NULL, gru_gates_units, NULL, PLANES(planes), rows, h);
}

enum { CANDIDATE = R, G_AFTER = RESET }; /* its output, */

INLINE void gru_output_units(lstm_activation kind, const lstm_function *function, const void *options, float *const *at,
                             size_t u, size_t lanes)
{
    (void)options;
    V gate_u = load(at[U] + u, lanes), before = load(at[CANDIDATE] + u, lanes);
    V value = activated(kind, function, before);
    V carried = times(gate_u, load(at[G_BEFORE] + u, lanes));
    store(at[CANDIDATE] + u, lanes, kept(kind, before, value));
    store(at[G_AFTER] + u, lanes, without_denormals(fused(minus(all(1.0f), gate_u), value, carried)));
}

static void gru_output(const lstm__activation *act, size_t rows, size_t h, const float *gates, float *candidate,
                       const float *h_previous, float *h_next)
{
    const plane planes[] = {
        {candidate, h, IN_OUT}, input_plane(gates + h, 2 * h), input_plane(h_previous, h), {h_next, h, OUT}};
    WITH_ACTIVATION(over_units, act, gru_output_units, NULL, PLANES(planes), rows, h)
}

INLINE void gru_output_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                      float *const *at, size_t u, size_t lanes)
{
    (void)options;
    V gate_u = load(at[U] + u, lanes), keeps = load(at[CANDIDATE] + u, lanes), d = load(at[G_AFTER] + u, lanes);
    V difference = minus(load(at[G_BEFORE] + u, lanes), value_of(kind, function, keeps));
    V d_value = times(d, minus(all(1.0f), gate_u));
    store(at[U] + u, lanes, times(times(d, difference), sigmoid_derivative(gate_u)));
    store(at[CANDIDATE] + u, lanes, times(d_value, derivative(kind, function, keeps)));
    store(at[G_AFTER] + u, lanes, times(d, gate_u));
}

static void gru_output_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, float *candidate,
                                const float *h_previous, float *dh)
{
    const plane planes[] = {
        {candidate, h, IN_OUT}, {gates + h, 2 * h, IN_OUT}, input_plane(h_previous, h), {dh, h, IN_OUT}};
    WITH_ACTIVATION(over_units, act, gru_output_backward_units, NULL, PLANES(planes), rows, h)
}

INLINE void gru_gates_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                     float *const *at, size_t u, size_t lanes)
{
    (void)kind, (void)function, (void)options;
    V gate_r = load(at[R] + u, lanes), d = load(at[U] + u, lanes);
    store(at[R] + u, lanes, times(times(d, load(at[G_BEFORE] + u, lanes)), sigmoid_derivative(gate_r)));
    store(at[RESET] + u, lanes, fused(d, gate_r, load(at[RESET] + u, lanes)));
}

static void gru_gates_backward(size_t rows, size_t h, float *gates, const float *h_previous, const float *d_reset,
                               float *dh)
{
    const plane planes[] = {
        {gates, 2 * h, IN_OUT}, input_plane(d_reset, h), input_plane(h_previous, h), {dh, h, IN_OUT}};
    over_units(LSTM_ACTIVATION_LINEAR, NULL, gru_gates_backward_units, NULL, PLANES(planes), rows, h);
}

enum { HIDDEN = U, AFTER_CANDIDATE = G_BEFORE }; /* and the product before the reset. */

INLINE void gru_reset_after_units(lstm_activation kind, const lstm_function *function, const void *options,
                                  float *const *at, size_t u, size_t lanes)
{
    (void)kind, (void)function, (void)options;
    store(at[AFTER_CANDIDATE] + u, lanes,
          fused(load(at[R] + u, lanes), load(at[HIDDEN] + u, lanes), load(at[AFTER_CANDIDATE] + u, lanes)));
}

static void gru_reset_after(size_t rows, size_t h, const float *gates, const float *hidden, float *candidate)
{
    const plane planes[] = {input_plane(gates, 2 * h), input_plane(hidden, h), {candidate, h, IN_OUT}};
    over_units(LSTM_ACTIVATION_LINEAR, NULL, gru_reset_after_units, NULL, PLANES(planes), rows, h);
}

INLINE void gru_reset_after_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                           float *const *at, size_t u, size_t lanes)
{
    (void)kind, (void)function, (void)options;
    V gate_r = load(at[R] + u, lanes), value = load(at[HIDDEN] + u, lanes);
    V gradient = load(at[AFTER_CANDIDATE] + u, lanes);
    store(at[R] + u, lanes, times(times(gradient, value), sigmoid_derivative(gate_r)));
    store(at[HIDDEN] + u, lanes, times(gradient, gate_r));
}

static void gru_reset_after_backward(size_t rows, size_t h, float *gates, float *hidden, const float *d)
{
    const plane planes[] = {{gates, 2 * h, IN_OUT}, {hidden, h, IN_OUT}, input_plane(d, h)};
    over_units(LSTM_ACTIVATION_LINEAR, NULL, gru_reset_after_backward_units, NULL, PLANES(planes), rows, h);
}

#endif
