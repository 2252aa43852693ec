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

INLINE V with_peephole(const place *p, size_t w, size_t u, V c, V pre_activation)
{
    return p->at[w] ? fused(shared(p, w, u), c, pre_activation) : pre_activation;
}

/* The LSTM. */

enum { I, J, F, O, BEFORE, AFTER, SHOWN, M, W_I, W_F, W_O };
enum { D_M = AFTER, D_C = M }; /* backward */

/* c of a vector of units from their pre-activations, of which i, j and f become the gates. */
INLINE V lstm_state(lstm_activation kind, const lstm_function *function, const lstm__lstm_options *options, V before,
                    V *i, V *j, V *f)
{
    *i = sigmoid(*i);
    *f = sigmoid(plus(*f, all(options->forget_bias)));
    *j = activated(kind, function, *j);
    V cell = cell_before_clip(before, *f, *i, *j);
    if (options->cell_clip > 0.0f)
        cell = clipped(cell, all(options->cell_clip));
    return without_denormals(cell);
}

INLINE void lstm_state_units(lstm_activation kind, const lstm_function *function, const void *given, const place *p,
                             size_t u)
{
    V before = dense(p, BEFORE, u), pre_j = apart(p, J, u), j = pre_j;
    V i = with_peephole(p, W_I, u, before, apart(p, I, u)), f = with_peephole(p, W_F, u, before, apart(p, F, u));
    V cell = lstm_state(kind, function, given, before, &i, &j, &f);
    if (p->at[SHOWN]) {
        put_apart(p, I, u, i);
        put_apart(p, J, u, kept(kind, pre_j, j));
        put_apart(p, F, u, f);
    }
    put_dense(p, AFTER, u, cell);
}

INLINE void lstm_shown_units(lstm_activation kind, const lstm_function *function, const void *given, const place *p,
                             size_t u)
{
    (void)given;
    V cell = dense(p, AFTER, u), value = activated(kind, function, cell);
    V gate_o = sigmoid(with_peephole(p, W_O, u, cell, apart(p, O, u)));
    if (p->at[SHOWN]) {
        put_apart(p, O, u, gate_o);
        put_dense(p, SHOWN, u, kept(kind, cell, value));
    }
    put_dense(p, M, u, without_denormals(times(gate_o, value)));
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
    over_units(act->kind, &act->function, lstm_state_units, lstm_shown_units, options, PLANES(planes), rows, h);
}

/* c of a vector of units of a row, and stored; */
INLINE V row_state(const lstm__lstm_options *options, size_t h, size_t u, size_t lanes, const float *gates,
                   const float *c_previous, float *c)
{
    const float *w_i = options->w_i, *w_f = options->w_f;
    V before = load_row(c_previous + u, lanes), i = load_row(gates + u, lanes), j = load_row(gates + h + u, lanes);
    V f = load_row(gates + 2 * h + u, lanes);
    i = w_i ? fused(load(w_i + u, lanes), before, i) : i;
    f = w_f ? fused(load(w_f + u, lanes), before, f) : f;
    V cell = lstm_state(LSTM_ACTIVATION_TANH, NULL, options, before, &i, &j, &f);
    store_row(c + u, lanes, cell);
    return cell;
}

/* and what of it is shown. */
INLINE void row_output(const lstm__lstm_options *options, size_t h, size_t u, size_t lanes, const float *gates, V cell,
                       float *m)
{
    const float *w_o = options->w_o;
    V o = load_row(gates + 3 * h + u, lanes);
    o = sigmoid(w_o ? fused(load(w_o + u, lanes), cell, o) : o);
    store_row(m + u, lanes, without_denormals(times(o, hyperbolic_tangent(cell))));
}

/* As over_units does it, without what many rows and planes need. The state of a single vector stays in its register. */
static void lstm_row(const lstm__lstm_options *options, size_t h, const float *gates, const float *c_previous, float *c,
                     float *m)
{
    const bool at_once = h <= VECTOR_WIDTH;
    for (size_t pass = 0; pass < (at_once ? 1 : 2); pass++)
        FOR_VECTORS (u, lanes, h) {
            V cell = pass ? load_row(c + u, lanes) : row_state(options, h, u, lanes, gates, c_previous, c);
            if (pass || at_once)
                row_output(options, h, u, lanes, gates, cell, m);
        }
}

INLINE void lstm_backward_units(lstm_activation kind, const lstm_function *function, const void *given, const place *p,
                                size_t u)
{
    const lstm__lstm_options *options = given;
    V before = dense(p, BEFORE, u), keeps_j = apart(p, J, u);
    V gate_i = apart(p, I, u), value_j = value_of(kind, function, keeps_j);
    V gate_f = apart(p, F, u), gate_o = apart(p, O, u);
    V keeps = dense(p, SHOWN, u), d_output = dense(p, D_M, u);
    V d_o = times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o));
    V d_cell = fused(times(d_output, gate_o), derivative(kind, function, keeps), dense(p, D_C, u));
    d_cell = with_peephole(p, W_O, u, d_o, d_cell);
    if (options->cell_clip > 0.0f) {
        V unclipped = cell_before_clip(before, gate_f, gate_i, value_j);
        d_cell = if_less(all(options->cell_clip), magnitude(unclipped), all(0.0f), d_cell);
    }
    V d_i = times(times(d_cell, value_j), sigmoid_derivative(gate_i));
    V d_f = times(times(d_cell, before), sigmoid_derivative(gate_f));
    V d_before = with_peephole(p, W_I, u, d_i, times(d_cell, gate_f));
    put_apart(p, I, u, d_i);
    put_apart(p, J, u, times(times(d_cell, gate_i), derivative(kind, function, keeps_j)));
    put_apart(p, F, u, d_f);
    put_apart(p, O, u, d_o);
    put_dense(p, D_C, u, with_peephole(p, W_F, u, d_f, d_before));
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
    over_units(act->kind, &act->function, lstm_backward_units, NULL, options, PLANES(planes), rows, h);
}

/* The coupled LSTM: j, f, o. */

enum { C_J, C_F, C_O, C_BEFORE, C_AFTER, C_SHOWN, C_H };
enum { C_D_H = C_AFTER, C_D_C = C_H };

INLINE void coupled_forward_units(lstm_activation kind, const lstm_function *function, const void *forget_bias,
                                  const place *p, size_t u)
{
    V pre_j = apart(p, C_J, u), value_j = activated(kind, function, pre_j);
    V gate_f = sigmoid(plus(apart(p, C_F, u), all(*(const float *)forget_bias)));
    V gate_o = sigmoid(apart(p, C_O, u));
    V cell = fused(dense(p, C_BEFORE, u), gate_f, times(minus(all(1.0f), gate_f), value_j));
    cell = without_denormals(cell);
    V value = activated(kind, function, cell);
    put_apart(p, C_J, u, kept(kind, pre_j, value_j));
    put_apart(p, C_F, u, gate_f);
    put_apart(p, C_O, u, gate_o);
    put_dense(p, C_AFTER, u, cell);
    put_dense(p, C_SHOWN, u, kept(kind, cell, value));
    put_dense(p, C_H, u, without_denormals(times(gate_o, value)));
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
    over_units(act->kind, &act->function, coupled_forward_units, NULL, &forget_bias, PLANES(planes), rows, h);
}

INLINE void coupled_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                   const place *p, size_t u)
{
    (void)options;
    V keeps_j = apart(p, C_J, u), value_j = value_of(kind, function, keeps_j);
    V gate_f = apart(p, C_F, u), gate_o = apart(p, C_O, u);
    V keeps = dense(p, C_SHOWN, u), d_output = dense(p, C_D_H, u);
    V d_cell = fused(times(d_output, gate_o), derivative(kind, function, keeps), dense(p, C_D_C, u));
    V difference = minus(dense(p, C_BEFORE, u), value_j);
    put_apart(p, C_J, u, times(times(d_cell, minus(all(1.0f), gate_f)), derivative(kind, function, keeps_j)));
    put_apart(p, C_F, u, times(times(d_cell, difference), sigmoid_derivative(gate_f)));
    put_apart(p, C_O, u, times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o)));
    put_dense(p, C_D_C, u, times(d_cell, gate_f));
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
    over_units(act->kind, &act->function, coupled_backward_units, NULL, NULL, PLANES(planes), rows, h);
}

/* The LSTM in two halves: the cell, */

enum { MASK = AFTER + 1, HALF_D_C = AFTER };

INLINE void lstm_cell_forward_units(lstm_activation kind, const lstm_function *function, const void *forget_bias,
                                    const place *p, size_t u)
{
    V gate_i = sigmoid(apart(p, I, u)), pre_j = apart(p, J, u);
    V gate_f = sigmoid(plus(apart(p, F, u), all(*(const float *)forget_bias))), gate_o = sigmoid(apart(p, O, u));
    V value_j = activated(kind, function, pre_j);
    V used_j = p->at[MASK] ? times(value_j, dense(p, MASK, u)) : value_j;
    put_apart(p, I, u, gate_i);
    put_apart(p, J, u, kept(kind, pre_j, value_j));
    put_apart(p, F, u, gate_f);
    put_apart(p, O, u, gate_o);
    put_dense(p, AFTER, u, without_denormals(cell_before_clip(dense(p, BEFORE, u), gate_f, gate_i, used_j)));
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
    over_units(act->kind, &act->function, lstm_cell_forward_units, NULL, &forget_bias, PLANES(planes), rows, h);
}

INLINE void lstm_cell_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                     const place *p, size_t u)
{
    (void)options;
    V gate_i = apart(p, I, u), gate_f = apart(p, F, u), keeps_j = apart(p, J, u);
    V d_cell = dense(p, HALF_D_C, u), share = p->at[MASK] ? dense(p, MASK, u) : all(1.0f);
    V used_j = times(value_of(kind, function, keeps_j), share);
    V d_j = times(times(d_cell, gate_i), share);
    put_apart(p, I, u, times(times(d_cell, used_j), sigmoid_derivative(gate_i)));
    put_apart(p, J, u, times(d_j, derivative(kind, function, keeps_j)));
    put_apart(p, F, u, times(times(d_cell, dense(p, BEFORE, u)), sigmoid_derivative(gate_f)));
    put_dense(p, HALF_D_C, u, times(d_cell, gate_f));
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
    over_units(act->kind, &act->function, lstm_cell_backward_units, NULL, NULL, PLANES(planes), rows, h);
}

/* and the output. */

enum { OUT_O, OUT_C, OUT_SHOWN, OUT_H };

INLINE void lstm_output_forward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                      const place *p, size_t u)
{
    (void)options;
    V cell = dense(p, OUT_C, u), value = activated(kind, function, cell);
    put_dense(p, OUT_SHOWN, u, kept(kind, cell, value));
    put_dense(p, OUT_H, u, without_denormals(times(apart(p, OUT_O, u), value)));
}

static void lstm_output_forward(const lstm__activation *act, size_t rows, size_t h, const float *gates, const float *c,
                                float *shown, float *h_next)
{
    const plane planes[] = {input_plane(gates + 3 * h, 4 * h), input_plane(c, h), {shown, h, OUT}, {h_next, h, OUT}};
    over_units(act->kind, &act->function, lstm_output_forward_units, NULL, NULL, PLANES(planes), rows, h);
}

INLINE void lstm_output_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                       const place *p, size_t u)
{
    (void)options;
    V keeps = dense(p, OUT_SHOWN, u), d_output = dense(p, OUT_H, u), gate_o = apart(p, OUT_O, u);
    V slope = derivative(kind, function, keeps);
    put_apart(p, OUT_O, u, times(times(d_output, value_of(kind, function, keeps)), sigmoid_derivative(gate_o)));
    put_dense(p, OUT_C, u, fused(times(d_output, gate_o), slope, dense(p, OUT_C, u)));
}

static void lstm_output_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, const float *shown,
                                 const float *dh, float *dc)
{
    const plane planes[] = {{gates + 3 * h, 4 * h, IN_OUT}, {dc, h, IN_OUT}, input_plane(shown, h), input_plane(dh, h)};
    over_units(act->kind, &act->function, lstm_output_backward_units, NULL, NULL, PLANES(planes), rows, h);
}

/* The GRU. */

enum { R, U, G_BEFORE, RESET }; /* its gates, */

INLINE void gru_gates_units(lstm_activation kind, const lstm_function *function, const void *options, const place *p,
                            size_t u)
{
    (void)kind, (void)function, (void)options;
    V gate_r = sigmoid(apart(p, R, u)), gate_u = sigmoid(apart(p, U, u));
    put_apart(p, R, u, gate_r);
    put_apart(p, U, u, gate_u);
    if (p->at[RESET])
        put_dense(p, RESET, u, times(gate_r, dense(p, G_BEFORE, u)));
}

static void gru_gates(size_t rows, size_t h, float *gates, const float *h_previous, float *reset)
{
    const plane planes[] = {
        {gates, 2 * h, IN_OUT}, {gates + h, 2 * h, IN_OUT}, input_plane(h_previous, h), {reset, h, OUT}};
    over_units(LSTM_ACTIVATION_LINEAR, NULL, gru_gates_units, NULL, NULL, PLANES(planes), rows, h);
}

enum { CANDIDATE = R, G_AFTER = RESET }; /* its output, */

INLINE void gru_output_units(lstm_activation kind, const lstm_function *function, const void *options, const place *p,
                             size_t u)
{
    (void)options;
    V gate_u = apart(p, U, u), before = dense(p, CANDIDATE, u);
    V value = activated(kind, function, before);
    V carried = times(gate_u, dense(p, G_BEFORE, u));
    put_dense(p, CANDIDATE, u, kept(kind, before, value));
    put_dense(p, G_AFTER, u, without_denormals(fused(minus(all(1.0f), gate_u), value, carried)));
}

static void gru_output(const lstm__activation *act, size_t rows, size_t h, const float *gates, float *candidate,
                       const float *h_previous, float *h_next)
{
    const plane planes[] = {
        {candidate, h, IN_OUT}, input_plane(gates + h, 2 * h), input_plane(h_previous, h), {h_next, h, OUT}};
    over_units(act->kind, &act->function, gru_output_units, NULL, NULL, PLANES(planes), rows, h);
}

INLINE void gru_output_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                      const place *p, size_t u)
{
    (void)options;
    V gate_u = apart(p, U, u), keeps = dense(p, CANDIDATE, u), d = dense(p, G_AFTER, u);
    V difference = minus(dense(p, G_BEFORE, u), value_of(kind, function, keeps));
    V d_value = times(d, minus(all(1.0f), gate_u));
    put_apart(p, U, u, times(times(d, difference), sigmoid_derivative(gate_u)));
    put_dense(p, CANDIDATE, u, times(d_value, derivative(kind, function, keeps)));
    put_dense(p, G_AFTER, u, times(d, gate_u));
}

static void gru_output_backward(const lstm__activation *act, size_t rows, size_t h, float *gates, float *candidate,
                                const float *h_previous, float *dh)
{
    const plane planes[] = {
        {candidate, h, IN_OUT}, {gates + h, 2 * h, IN_OUT}, input_plane(h_previous, h), {dh, h, IN_OUT}};
    over_units(act->kind, &act->function, gru_output_backward_units, NULL, NULL, PLANES(planes), rows, h);
}

INLINE void gru_gates_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                     const place *p, size_t u)
{
    (void)kind, (void)function, (void)options;
    V gate_r = apart(p, R, u), d = dense(p, U, u);
    put_apart(p, R, u, times(times(d, dense(p, G_BEFORE, u)), sigmoid_derivative(gate_r)));
    put_dense(p, RESET, u, fused(d, gate_r, dense(p, RESET, u)));
}

static void gru_gates_backward(size_t rows, size_t h, float *gates, const float *h_previous, const float *d_reset,
                               float *dh)
{
    const plane planes[] = {
        {gates, 2 * h, IN_OUT}, input_plane(d_reset, h), input_plane(h_previous, h), {dh, h, IN_OUT}};
    over_units(LSTM_ACTIVATION_LINEAR, NULL, gru_gates_backward_units, NULL, NULL, PLANES(planes), rows, h);
}

enum { HIDDEN = U, AFTER_CANDIDATE = G_BEFORE }; /* and the product before the reset. */

INLINE void gru_reset_after_units(lstm_activation kind, const lstm_function *function, const void *options,
                                  const place *p, size_t u)
{
    (void)kind, (void)function, (void)options;
    put_dense(p, AFTER_CANDIDATE, u, fused(apart(p, R, u), dense(p, HIDDEN, u), dense(p, AFTER_CANDIDATE, u)));
}

static void gru_reset_after(size_t rows, size_t h, const float *gates, const float *hidden, float *candidate)
{
    const plane planes[] = {input_plane(gates, 2 * h), input_plane(hidden, h), {candidate, h, IN_OUT}};
    over_units(LSTM_ACTIVATION_LINEAR, NULL, gru_reset_after_units, NULL, NULL, PLANES(planes), rows, h);
}

INLINE void gru_reset_after_backward_units(lstm_activation kind, const lstm_function *function, const void *options,
                                           const place *p, size_t u)
{
    (void)kind, (void)function, (void)options;
    V gate_r = apart(p, R, u), value = dense(p, HIDDEN, u);
    V gradient = dense(p, AFTER_CANDIDATE, u);
    put_apart(p, R, u, times(times(gradient, value), sigmoid_derivative(gate_r)));
    put_dense(p, HIDDEN, u, times(gradient, gate_r));
}

static void gru_reset_after_backward(size_t rows, size_t h, float *gates, float *hidden, const float *d)
{
    const plane planes[] = {{gates, 2 * h, IN_OUT}, {hidden, h, IN_OUT}, input_plane(d, h)};
    over_units(LSTM_ACTIVATION_LINEAR, NULL, gru_reset_after_backward_units, NULL, NULL, PLANES(planes), rows, h);
}

#endif
