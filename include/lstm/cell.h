/* Recurrent cells with TF1's names, formulas and defaults. SPDX-License-Identifier: MIT */
#ifndef LSTM_CELL_H
#define LSTM_CELL_H

#include <lstm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One step of a recurrent network, as a description without weights: immutable, usable by any number of plans and
 * threads. A plan keeps its cell alive. Formulas below use row vectors; [x|h] is concatenation; s() is the logistic
 * sigmoid; * between vectors is elementwise. I: input width, H: num_units. */
typedef struct lstm_cell lstm_cell;

/* Elementwise, but for softmax, which is over the last axis. */
typedef enum lstm_activation {
    LSTM_ACTIVATION_DEFAULT = 0, /* tanh for a cell, linear for a dense layer */
    LSTM_ACTIVATION_LINEAR = 1,
    LSTM_ACTIVATION_TANH = 2,
    LSTM_ACTIVATION_SIGMOID = 3,
    LSTM_ACTIVATION_RELU = 4,
    LSTM_ACTIVATION_SOFTMAX = 5 /* dense layers only */
} lstm_activation;

typedef struct lstm_basic_rnn_config {
    size_t struct_size;
    lstm_activation activation;
} lstm_basic_rnn_config;

typedef struct lstm_basic_lstm_config {
    size_t struct_size;
    lstm_optional forget_bias;  /* 1 */
    lstm_activation activation; /* of the candidate and of the cell's output; the gates are sigmoids */
} lstm_basic_lstm_config;

typedef struct lstm_lstm_config {
    size_t struct_size;
    lstm_optional forget_bias;  /* 1 */
    lstm_activation activation; /* of the candidate and of the cell's output; the gates are sigmoids */
} lstm_lstm_config;

typedef struct lstm_gru_config {
    size_t struct_size;
    lstm_activation activation; /* of the candidate */
} lstm_gru_config;

/* The functions below create a cell of num_units >= 1; config NULL gives the defaults. Destroy with lstm_cell_destroy.
 * Any thread. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY. */

/* h' = act([x|h] K + b). Output and state: h'. Variables: basic_rnn_cell/kernel [I+H, H], /bias [H] (zeros).
 * J. Elman, "Finding structure in time", 1990, in the form of TF1's BasicRNNCell. */
LSTM_API lstm_status lstm_cell_create_basic_rnn(lstm_context *context, size_t num_units,
                                                const lstm_basic_rnn_config *config, lstm_cell **cell);

/* i,j,f,o = split([x|h] K + b); c' = c * s(f + forget_bias) + s(i) * act(j); h' = act(c') * s(o).
 * Output: h'; state leaves: c', h'. Variables: basic_lstm_cell/kernel [I+H, 4H], /bias [4H] (zeros); the forget bias is
 * added at run time and not stored. S. Hochreiter and J. Schmidhuber, 1997, with forget gates of F. Gers et al., 2000,
 * in the form of TF1's BasicLSTMCell. */
LSTM_API lstm_status lstm_cell_create_basic_lstm(lstm_context *context, size_t num_units,
                                                 const lstm_basic_lstm_config *config, lstm_cell **cell);

/* The formula of the basic LSTM in the form of TF1's LSTMCell. Variables: lstm_cell/kernel [I+H, 4H], /bias [4H]. */
LSTM_API lstm_status lstm_cell_create_lstm(lstm_context *context, size_t num_units, const lstm_lstm_config *config,
                                           lstm_cell **cell);

/* r,u = split(s([x|h] Kg + bg)); c = act([x|r*h] Kc + bc); h' = u * h + (1 - u) * c. Output and state: h'.
 * Variables: gru_cell/gates/kernel [I+H, 2H], gates/bias [2H] (ones), candidate/kernel [I+H, H], candidate/bias [H]
 * (zeros). K. Cho et al., 2014, reset before the product, in the form of TF1's GRUCell. */
LSTM_API lstm_status lstm_cell_create_gru(lstm_context *context, size_t num_units, const lstm_gru_config *config,
                                          lstm_cell **cell);

/* Give back the caller's reference; NULL is fine. */
LSTM_API void lstm_cell_destroy(lstm_cell *cell);

#ifdef __cplusplus
}
#endif
#endif
