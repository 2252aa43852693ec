/* Recurrent cells with TF1's names, formulas and defaults. SPDX-License-Identifier: MIT */
#ifndef LSTM_CELL_H
#define LSTM_CELL_H

#include <lstm/params.h>

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
    LSTM_ACTIVATION_SOFTMAX = 5, /* dense layers only */
    LSTM_ACTIVATION_CUSTOM = 6   /* cells only: an lstm_function of the caller's */
} lstm_activation;

/* An elementwise function of the caller's and its derivative, for LSTM_ACTIVATION_CUSTOM. They are called with a few
 * numbers at a time, at once by several threads. x and the result do not overlap. */
typedef struct lstm_function {
    void *user;
    void (*value)(void *user, size_t count, const float *x, float *y);      /* y = f(x) */
    void (*derivative)(void *user, size_t count, const float *x, float *d); /* d = f'(x) */
} lstm_function;

/* The functions below create a cell; config NULL gives the defaults. `function` goes with LSTM_ACTIVATION_CUSTOM. An
 * initializer is copied; NULL means TF1's default, which is Glorot uniform for matrices and peepholes.
 * Destroy with lstm_cell_destroy. Any thread. Statuses: INVALID_ARGUMENT (a num_units of 0 too), OUT_OF_MEMORY. */

typedef struct lstm_basic_rnn_config {
    size_t struct_size;
    lstm_activation activation; /* tanh */
    lstm_function function;
} lstm_basic_rnn_config;

/* h' = act([x|h] K + b). Output and state: h'. Variables: basic_rnn_cell/kernel [I+H, H], /bias [H] (zeros).
 * J. Elman, "Finding structure in time", 1990, in the form of TF1's BasicRNNCell. */
LSTM_API lstm_status lstm_cell_create_basic_rnn(lstm_context *context, size_t num_units,
                                                const lstm_basic_rnn_config *config, lstm_cell **cell);

typedef struct lstm_basic_lstm_config {
    size_t struct_size;
    lstm_optional forget_bias;  /* 1 */
    lstm_activation activation; /* tanh; of the candidate and of the cell's output; the gates are sigmoids */
    lstm_function function;
} lstm_basic_lstm_config;

/* i,j,f,o = split([x|h] K + b); c' = c * s(f + forget_bias) + s(i) * act(j); h' = act(c') * s(o).
 * Output: h'; state leaves: c', h'. Variables: basic_lstm_cell/kernel [I+H, 4H], /bias [4H] (zeros); the forget bias is
 * added at run time and not stored. S. Hochreiter and J. Schmidhuber, 1997, with forget gates of F. Gers et al., 2000,
 * in the form of TF1's BasicLSTMCell. */
LSTM_API lstm_status lstm_cell_create_basic_lstm(lstm_context *context, size_t num_units,
                                                 const lstm_basic_lstm_config *config, lstm_cell **cell);

typedef struct lstm_lstm_config {
    size_t struct_size;
    lstm_optional forget_bias;  /* 1 */
    lstm_activation activation; /* tanh; of the candidate and of the cell's output; the gates are sigmoids */
    lstm_function function;
    bool use_peepholes;
    float cell_clip;                     /* > 0; 0: none */
    size_t num_proj;                     /* 0: none */
    float proj_clip;                     /* > 0; 0: none; ignored without num_proj */
    const lstm_initializer *initializer; /* of kernel, peepholes and projection; the bias starts at zero */
} lstm_lstm_config;

/* i,j,f,o = split([x|m] K + b); with peepholes i += w_i * c and f += w_f * c; c' = clip(c * s(f + forget_bias) +
 * s(i) * act(j), cell_clip); with peepholes o += w_o * c'; m' = s(o) * act(c'); with a projection
 * m' = clip(m' W, proj_clip). Output: m', P wide (P: num_proj, or else H); state leaves: c' [H], m' [P]. A clip passes
 * the gradient where |value| <= clip. Variables: lstm_cell/kernel [I+P, 4H], /bias [4H] (zeros), /w_f_diag, /w_i_diag,
 * /w_o_diag [H], /projection/kernel [H, P]. H. Sak et al., 2014, in the form of TF1's LSTMCell. */
LSTM_API lstm_status lstm_cell_create_lstm(lstm_context *context, size_t num_units, const lstm_lstm_config *config,
                                           lstm_cell **cell);

typedef struct lstm_gru_config {
    size_t struct_size;
    lstm_activation activation; /* tanh; of the candidate */
    lstm_function function;
    const lstm_initializer *kernel_initializer, *bias_initializer; /* of both; NULL: gates 1, candidate 0 */
} lstm_gru_config;

/* r,u = split(s([x|h] Kg + bg)); c = act([x|r*h] Kc + bc); h' = u * h + (1 - u) * c. Output and state: h'.
 * Variables: gru_cell/gates/kernel [I+H, 2H], gates/bias [2H] (ones), candidate/kernel [I+H, H], candidate/bias [H]
 * (zeros). K. Cho et al., 2014, reset before the product, in the form of TF1's GRUCell. */
LSTM_API lstm_status lstm_cell_create_gru(lstm_context *context, size_t num_units, const lstm_gru_config *config,
                                          lstm_cell **cell);

/* r,u as in the GRU; c = act(x Wx + bx + r * (h Wh + bh)); h' = u * h + (1 - u) * c: the reset comes after the product,
 * as in cuDNN and PyTorch. Variables: cudnn_compatible_gru_cell/gates/kernel [I+H, 2H], gates/bias [2H] (ones),
 * candidate/input_projection/kernel [I, H], /bias [H], candidate/hidden_projection/kernel [H, H], /bias [H] (zeros).
 * TF1's contrib CudnnCompatibleGRUCell. */
LSTM_API lstm_status lstm_cell_create_cudnn_compatible_gru(lstm_context *context, size_t num_units,
                                                           const lstm_gru_config *config, lstm_cell **cell);

typedef struct lstm_layer_norm_basic_lstm_config {
    size_t struct_size;
    lstm_optional forget_bias;  /* 1 */
    lstm_activation activation; /* tanh */
    lstm_function function;
    bool no_layer_norm;      /* then there is a bias [4H], and it starts at random, as in TF1 */
    lstm_optional norm_gain; /* 1: where the gains start */
    float norm_shift;        /* 0: where the shifts start */
    float dropout_keep_prob; /* 0 < keep <= 1, 0 means 1: of the candidate, while training */
} lstm_layer_norm_basic_lstm_config;

/* i,j,f,o = split([x|h] K), each normalised over its H values: N(v) = gamma * (v - mean) / sqrt(variance + 1e-12) + beta;
 * g = dropout(act(j)); c' = N(c * s(f + forget_bias) + s(i) * g); h' = act(c') * s(o). The normalised c' is the state.
 * Output: h'; state leaves: c', h'. Variables: layer_norm_basic_lstm_cell/kernel [I+H, 4H] and, each [H], input,
 * transform, forget, output and state /gamma, /beta. J. Ba et al., 2016, and S. Semeniuta et al., 2016, in the form of
 * TF1's contrib LayerNormBasicLSTMCell. */
LSTM_API lstm_status lstm_cell_create_layer_norm_basic_lstm(lstm_context *context, size_t num_units,
                                                            const lstm_layer_norm_basic_lstm_config *config,
                                                            lstm_cell **cell);

/* j,f,o = split([x|h] K + b); c' = c * s(f + forget_bias) + (1 - s(f + forget_bias)) * act(j); h' = act(c') * s(o).
 * Output: h'; state leaves: c', h'. Variables: coupled_input_forget_gate_lstm_cell/kernel [I+H, 3H], /bias [3H] (zeros).
 * K. Greff et al., 2015; TF1's contrib CoupledInputForgetGateLSTMCell without its options, whose variables are W and B. */
LSTM_API lstm_status lstm_cell_create_coupled_input_forget_lstm(lstm_context *context, size_t num_units,
                                                                const lstm_basic_lstm_config *config, lstm_cell **cell);

/* Wrappers: cells made of cells. They keep the cells inside alive. A cell object that stands twice in one plan has one
 * set of variables, with the names of its first place, and the gradients of both; its input widths must then agree.
 * Destroy with lstm_cell_destroy. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY; more come when a plan is made of them:
 * SHAPE (widths that do not fit). */

/* Of cells[count]; cell k's output is cell k+1's input. Output: the last cell's; state leaves: those of the cells, in
 * order. Variables: multi_rnn_cell/cell_0/..., cell_1/... TF1's MultiRNNCell. count >= 1. */
LSTM_API lstm_status lstm_cell_create_multi_rnn(lstm_context *context, lstm_cell *const *cells, size_t count,
                                                lstm_cell **cell);

typedef struct lstm_dropout_config {
    size_t struct_size;
    /* The share that is kept while training, above 0 and at most 1; 0 means 1: all. */
    float input_keep_prob, output_keep_prob, state_keep_prob;
    float zoneout;       /* the share of the state that stays as it was, 0 <= zoneout < 1; excludes state_keep_prob */
    bool variational;    /* one mask for all of time */
    bool whole_batch;    /* one mask for all rows, as TF1 draws variational ones; else a mask for each row */
    bool drop_all_state; /* else a leaf of an LSTM's c is never dropped, as in TF1's default filter */
} lstm_dropout_config;

/* While training: input v, then the new state, then the output become mask * v / keep, mask being 1 with probability
 * keep; the output is dropped from the cell's own, not from the dropped state. With zoneout the new state is
 * mask * old + (1 - mask) * new while training and zoneout * old + (1 - zoneout) * new otherwise. A mask is a function of
 * seed and step of the call, the place in the plan, row id and time. Output: as wide as the cell's; its state leaves.
 * No level in names. TF1's DropoutWrapper; D. Krueger et al., "Zoneout", 2017. */
LSTM_API lstm_status lstm_cell_create_dropout(lstm_context *context, lstm_cell *inner,
                                              const lstm_dropout_config *config, lstm_cell **cell);

/* output = x + the cell's output, which must be as wide as x. No level in names. TF1's ResidualWrapper. */
LSTM_API lstm_status lstm_cell_create_residual(lstm_context *context, lstm_cell *inner, lstm_cell **cell);

/* carry = s(x W + b); output = x * carry + the cell's output * (1 - carry), as wide as x. Variables: carry_w [I, I],
 * carry_b [I] (ones), without a level of their own: one highway stands around a cell, not two. R. Srivastava et al.,
 * 2015, in the form of TF1's HighwayWrapper. */
LSTM_API lstm_status lstm_cell_create_highway(lstm_context *context, lstm_cell *inner, lstm_cell **cell);

typedef struct lstm_projection_config {
    size_t struct_size;
    lstm_activation activation; /* LINEAR is the default here */
} lstm_projection_config;

/* The cell's input is act(x W + b). Variables: input_projection_wrapper/kernel [I, num_proj], /bias (zeros), and the
 * cell's below that level. TF1's InputProjectionWrapper. num_proj >= 1. */
LSTM_API lstm_status lstm_cell_create_input_projection(lstm_context *context, lstm_cell *inner, size_t num_proj,
                                                       const lstm_projection_config *config, lstm_cell **cell);

/* output = act(the cell's output W + b). Variables: output_projection_wrapper/kernel [O, output_size], /bias (zeros), and
 * the cell's below that level. TF1's OutputProjectionWrapper. output_size >= 1. */
LSTM_API lstm_status lstm_cell_create_output_projection(lstm_context *context, lstm_cell *inner, size_t output_size,
                                                        const lstm_projection_config *config, lstm_cell **cell);

/* Give back the caller's reference; NULL is fine. */
LSTM_API void lstm_cell_destroy(lstm_cell *cell);

#ifdef __cplusplus
}
#endif
#endif
