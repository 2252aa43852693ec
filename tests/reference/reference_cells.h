#ifndef REFERENCE_CELLS_H
#define REFERENCE_CELLS_H

#include "reference_math.h"

/* reference_cell_step and its backward, one pair per kind of cell. */

typedef void reference_step(const reference_cell *cell, const double *const *variables,
                            const double *x, const double *state, double *output,
                            double *next_state);

typedef void reference_step_backward(const reference_cell *cell, const double *const *variables,
                                     const double *x, const double *state, const double *d_output,
                                     const double *d_next_state, double *d_x, double *d_state,
                                     double *const *d_variables);

reference_step reference_basic_rnn_step;
reference_step_backward reference_basic_rnn_step_backward;
reference_step reference_gru_step;
reference_step_backward reference_gru_step_backward;
reference_step reference_cudnn_compatible_gru_step;
reference_step_backward reference_cudnn_compatible_gru_step_backward;
reference_step reference_lstm_step; /* REFERENCE_BASIC_LSTM too */
reference_step_backward reference_lstm_step_backward;
reference_step reference_layer_norm_lstm_step;
reference_step_backward reference_layer_norm_lstm_step_backward;
reference_step reference_coupled_lstm_step;
reference_step_backward reference_coupled_lstm_step_backward;

/* The cell's activation and its derivative at x. */
double reference_act(const reference_cell *cell, double x);
double reference_act_slope(const reference_cell *cell, double x);

/*
 * [x|h] K and its backward: z is added to; K is `kernel`[input + h_width][columns], its first rows
 * are x's.
 */
void reference_add_joined_product(const reference_cell *cell, size_t h_width, size_t columns,
                                  const double *x, const double *h, const double *kernel,
                                  double *z);
void reference_add_joined_product_backward(const reference_cell *cell, size_t h_width,
                                           size_t columns, const double *x, const double *h,
                                           const double *kernel, const double *d_z, double *d_x,
                                           double *d_h, double *d_kernel);

#endif
