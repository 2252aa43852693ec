#include "reference_cells.h"

#include <stdlib.h>

double reference_act(const reference_cell *cell, double x)
{
    return reference_activate(cell->activation, x);
}

double reference_act_slope(const reference_cell *cell, double x)
{
    return reference_activation_slope(cell->activation, x);
}

void reference_add_joined_product(const reference_cell *cell, size_t h_width, size_t columns,
                                  const double *x, const double *h, const double *kernel, double *z)
{
    reference_add_product(cell->input, columns, x, kernel, z);
    reference_add_product(h_width, columns, h, kernel + cell->input * columns, z);
}

void reference_add_joined_product_backward(const reference_cell *cell, size_t h_width,
                                           size_t columns, const double *x, const double *h,
                                           const double *kernel, const double *d_z, double *d_x,
                                           double *d_h, double *d_kernel)
{
    size_t h_rows = cell->input * columns;

    reference_add_product_backward(cell->input, columns, x, kernel, d_z, d_x, d_kernel);
    reference_add_product_backward(h_width, columns, h, kernel + h_rows, d_z, d_h,
                                   d_kernel + h_rows);
}

/* BasicRNNCell: h' = act([x|h] K + b) */

void reference_basic_rnn_step(const reference_cell *cell, const double *const *variables,
                              const double *x, const double *state, double *output,
                              double *next_state)
{
    size_t n = cell->units;
    double *z = reference_zeros(n);

    reference_add(n, variables[1], z);
    reference_add_joined_product(cell, n, n, x, state, variables[0], z);
    for (size_t k = 0; k < n; k++) {
        output[k] = reference_act(cell, z[k]);
        next_state[k] = output[k];
    }
    free(z);
}

void reference_basic_rnn_step_backward(const reference_cell *cell, const double *const *variables,
                                       const double *x, const double *state, const double *d_output,
                                       const double *d_next_state, double *d_x, double *d_state,
                                       double *const *d_variables)
{
    size_t n = cell->units;
    double *z = reference_zeros(n);
    double *d_z = reference_zeros(n);

    reference_add(n, variables[1], z);
    reference_add_joined_product(cell, n, n, x, state, variables[0], z);
    for (size_t k = 0; k < n; k++) {
        d_z[k] = (d_output[k] + d_next_state[k]) * reference_act_slope(cell, z[k]);
    }
    reference_add(n, d_z, d_variables[1]);
    reference_add_joined_product_backward(cell, n, n, x, state, variables[0], d_z, d_x, d_state,
                                          d_variables[0]);
    free(z);
    free(d_z);
}

/*
 * r = gates[0..n), u = gates[n..2n): sigmoid([x|h] K_g + b_g), both kinds of GRU. The caller frees.
 */
static double *gru_gates(const reference_cell *cell, const double *const *variables,
                         const double *x, const double *h)
{
    size_t n = cell->units;
    double *gates = reference_zeros(2 * n);

    reference_add(2 * n, variables[1], gates);
    reference_add_joined_product(cell, n, 2 * n, x, h, variables[0], gates);
    for (size_t k = 0; k < 2 * n; k++) {
        gates[k] = reference_sigmoid(gates[k]);
    }
    return gates;
}

/* d_gates holds the gradients of r and u. */
static void gru_gates_backward(const reference_cell *cell, const double *const *variables,
                               const double *x, const double *h, const double *gates,
                               const double *d_gates, double *d_x, double *d_h,
                               double *const *d_variables)
{
    size_t n = cell->units;
    double *d_z = reference_zeros(2 * n);

    for (size_t k = 0; k < 2 * n; k++) {
        d_z[k] = d_gates[k] * gates[k] * (1.0 - gates[k]);
    }
    reference_add(2 * n, d_z, d_variables[1]);
    reference_add_joined_product_backward(cell, n, 2 * n, x, h, variables[0], d_z, d_x, d_h,
                                          d_variables[0]);
    free(d_z);
}

/* h' = u h + (1 - u) c with c = act(z), both kinds of GRU */
static void gru_blend(const reference_cell *cell, const double *gates, const double *z,
                      const double *h, double *output, double *next_state)
{
    size_t n = cell->units;

    for (size_t k = 0; k < n; k++) {
        double u = gates[n + k];

        output[k] = u * h[k] + (1.0 - u) * reference_act(cell, z[k]);
        next_state[k] = output[k];
    }
}

/* Writes d_u and d_z, adds to d_h. */
static void gru_blend_backward(const reference_cell *cell, const double *gates, const double *z,
                               const double *h, const double *d_output, const double *d_next_state,
                               double *d_u, double *d_z, double *d_h)
{
    size_t n = cell->units;

    for (size_t k = 0; k < n; k++) {
        double u = gates[n + k];
        double d = d_output[k] + d_next_state[k];

        d_u[k] = d * (h[k] - reference_act(cell, z[k]));
        d_z[k] = d * (1.0 - u) * reference_act_slope(cell, z[k]);
        d_h[k] += d * u;
    }
}

/* GRUCell: c = act([x | r h] K_c + b_c). Writes r h to `reset` and the pre-activation of c to z. */
static void gru_candidate(const reference_cell *cell, const double *const *variables,
                          const double *x, const double *h, const double *r, double *reset,
                          double *z)
{
    size_t n = cell->units;

    for (size_t k = 0; k < n; k++) {
        reset[k] = r[k] * h[k];
    }
    reference_add(n, variables[3], z);
    reference_add_joined_product(cell, n, n, x, reset, variables[2], z);
}

void reference_gru_step(const reference_cell *cell, const double *const *variables, const double *x,
                        const double *state, double *output, double *next_state)
{
    double *gates = gru_gates(cell, variables, x, state);
    double *reset = reference_zeros(cell->units);
    double *z = reference_zeros(cell->units);

    gru_candidate(cell, variables, x, state, gates, reset, z);
    gru_blend(cell, gates, z, state, output, next_state);
    free(gates);
    free(reset);
    free(z);
}

void reference_gru_step_backward(const reference_cell *cell, const double *const *variables,
                                 const double *x, const double *state, const double *d_output,
                                 const double *d_next_state, double *d_x, double *d_state,
                                 double *const *d_variables)
{
    size_t n = cell->units;
    double *gates = gru_gates(cell, variables, x, state);
    double *reset = reference_zeros(n);
    double *z = reference_zeros(n);
    double *d_gates = reference_zeros(2 * n);
    double *d_z = reference_zeros(n);
    double *d_reset = reference_zeros(n);

    gru_candidate(cell, variables, x, state, gates, reset, z);
    gru_blend_backward(cell, gates, z, state, d_output, d_next_state, d_gates + n, d_z, d_state);
    reference_add(n, d_z, d_variables[3]);
    reference_add_joined_product_backward(cell, n, n, x, reset, variables[2], d_z, d_x, d_reset,
                                          d_variables[2]);
    for (size_t k = 0; k < n; k++) {
        d_gates[k] = d_reset[k] * state[k];
        d_state[k] += d_reset[k] * gates[k];
    }
    gru_gates_backward(cell, variables, x, state, gates, d_gates, d_x, d_state, d_variables);
    free(gates);
    free(reset);
    free(z);
    free(d_gates);
    free(d_z);
    free(d_reset);
}

/*
 * CudnnCompatibleGRUCell: c = act(x W_x + b_x + r (h W_h + b_h)). Writes h W_h + b_h to `hidden`
 * and the pre-activation of c to z.
 */
static void cudnn_compatible_gru_candidate(const reference_cell *cell,
                                           const double *const *variables, const double *x,
                                           const double *h, const double *r, double *hidden,
                                           double *z)
{
    size_t n = cell->units;

    reference_add(n, variables[5], hidden);
    reference_add_product(n, n, h, variables[4], hidden);
    reference_add(n, variables[3], z);
    reference_add_product(cell->input, n, x, variables[2], z);
    for (size_t k = 0; k < n; k++) {
        z[k] += r[k] * hidden[k];
    }
}

void reference_cudnn_compatible_gru_step(const reference_cell *cell, const double *const *variables,
                                         const double *x, const double *state, double *output,
                                         double *next_state)
{
    double *gates = gru_gates(cell, variables, x, state);
    double *hidden = reference_zeros(cell->units);
    double *z = reference_zeros(cell->units);

    cudnn_compatible_gru_candidate(cell, variables, x, state, gates, hidden, z);
    gru_blend(cell, gates, z, state, output, next_state);
    free(gates);
    free(hidden);
    free(z);
}

void reference_cudnn_compatible_gru_step_backward(const reference_cell *cell,
                                                  const double *const *variables, const double *x,
                                                  const double *state, const double *d_output,
                                                  const double *d_next_state, double *d_x,
                                                  double *d_state, double *const *d_variables)
{
    size_t n = cell->units;
    double *gates = gru_gates(cell, variables, x, state);
    double *hidden = reference_zeros(n);
    double *z = reference_zeros(n);
    double *d_gates = reference_zeros(2 * n);
    double *d_z = reference_zeros(n);
    double *d_hidden = reference_zeros(n);

    cudnn_compatible_gru_candidate(cell, variables, x, state, gates, hidden, z);
    gru_blend_backward(cell, gates, z, state, d_output, d_next_state, d_gates + n, d_z, d_state);
    for (size_t k = 0; k < n; k++) {
        d_gates[k] = d_z[k] * hidden[k];
        d_hidden[k] = d_z[k] * gates[k];
    }
    reference_add(n, d_z, d_variables[3]);
    reference_add_product_backward(cell->input, n, x, variables[2], d_z, d_x, d_variables[2]);
    reference_add(n, d_hidden, d_variables[5]);
    reference_add_product_backward(n, n, state, variables[4], d_hidden, d_state, d_variables[4]);
    gru_gates_backward(cell, variables, x, state, gates, d_gates, d_x, d_state, d_variables);
    free(gates);
    free(hidden);
    free(z);
    free(d_gates);
    free(d_z);
    free(d_hidden);
}

static reference_step *step_of(const reference_cell *cell)
{
    switch (cell->kind) {
    case REFERENCE_BASIC_RNN:
        return reference_basic_rnn_step;
    case REFERENCE_BASIC_LSTM:
    case REFERENCE_LSTM:
        return reference_lstm_step;
    case REFERENCE_GRU:
        return reference_gru_step;
    case REFERENCE_CUDNN_COMPATIBLE_GRU:
        return reference_cudnn_compatible_gru_step;
    case REFERENCE_LAYER_NORM_BASIC_LSTM:
        return reference_layer_norm_lstm_step;
    case REFERENCE_COUPLED_INPUT_FORGET_LSTM:
        return reference_coupled_lstm_step;
    }
    abort();
}

static reference_step_backward *step_backward_of(const reference_cell *cell)
{
    switch (cell->kind) {
    case REFERENCE_BASIC_RNN:
        return reference_basic_rnn_step_backward;
    case REFERENCE_BASIC_LSTM:
    case REFERENCE_LSTM:
        return reference_lstm_step_backward;
    case REFERENCE_GRU:
        return reference_gru_step_backward;
    case REFERENCE_CUDNN_COMPATIBLE_GRU:
        return reference_cudnn_compatible_gru_step_backward;
    case REFERENCE_LAYER_NORM_BASIC_LSTM:
        return reference_layer_norm_lstm_step_backward;
    case REFERENCE_COUPLED_INPUT_FORGET_LSTM:
        return reference_coupled_lstm_step_backward;
    }
    abort();
}

void reference_cell_step(const reference_cell *cell, const double *const *variables,
                         const double *x, const double *state, double *output, double *next_state)
{
    step_of(cell)(cell, variables, x, state, output, next_state);
}

void reference_cell_step_backward(const reference_cell *cell, const double *const *variables,
                                  const double *x, const double *state, const double *d_output,
                                  const double *d_next_state, double *d_x, double *d_state,
                                  double *const *d_variables)
{
    step_backward_of(cell)(cell, variables, x, state, d_output, d_next_state, d_x, d_state,
                           d_variables);
}
