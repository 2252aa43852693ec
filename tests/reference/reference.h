#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The oracle the library is tested against: TensorFlow 1's formulas in double precision, one row at
 * a time, independent of the library. Slow and obvious on purpose.
 *
 * Arrays are row-major and borrowed for the call. "Added to" means the caller clears. A broken
 * precondition or a failed allocation aborts. No function keeps state between calls.
 */

typedef enum reference_kind {
    REFERENCE_BASIC_RNN,
    REFERENCE_BASIC_LSTM,
    REFERENCE_LSTM,
    REFERENCE_GRU,
    REFERENCE_CUDNN_COMPATIBLE_GRU,
    REFERENCE_LAYER_NORM_BASIC_LSTM,
    REFERENCE_COUPLED_INPUT_FORGET_LSTM
} reference_kind;

typedef enum reference_activation {
    REFERENCE_LINEAR,
    REFERENCE_TANH,
    REFERENCE_SIGMOID,
    REFERENCE_RELU,
    REFERENCE_SOFTMAX /* dense layer only */
} reference_activation;

/* A cell's shape and options; options its kind does not have are ignored. */
typedef struct reference_cell {
    reference_kind kind;
    size_t input;
    size_t units;
    size_t num_proj;    /* REFERENCE_LSTM; 0: no projection */
    double forget_bias; /* the four LSTMs; added at run time, not stored in `bias` */
    double cell_clip;   /* REFERENCE_LSTM; 0: TF's None */
    double proj_clip;   /* REFERENCE_LSTM with num_proj; 0: TF's None */
    bool use_peepholes; /* REFERENCE_LSTM */
    bool layer_norm;    /* REFERENCE_LAYER_NORM_BASIC_LSTM */
    reference_activation activation;
} reference_cell;

enum { REFERENCE_MAX_STATES = 2, REFERENCE_MAX_VARIABLES = 11 };

/* State leaves in TF's order: (c, h) for an LSTM, h alone otherwise. */
size_t reference_state_count(const reference_cell *cell);
size_t reference_state_width(const reference_cell *cell, size_t leaf);
size_t reference_output_width(const reference_cell *cell);

/* Variables in TF's creation order: name below the cell's scope; rows is 0 for a vector. */
size_t reference_variable_count(const reference_cell *cell);
const char *reference_variable_name(const reference_cell *cell, size_t index);
size_t reference_variable_rows(const reference_cell *cell, size_t index);
size_t reference_variable_columns(const reference_cell *cell, size_t index);
size_t reference_variable_size(const reference_cell *cell, size_t index);

/*
 * One step of one row: x[input], output[output width]. `state` and `next_state` hold the leaves one
 * after another (c[units] then h) and must not overlap.
 */
void reference_cell_step(const reference_cell *cell, const double *const *variables,
                         const double *x, const double *state, double *output, double *next_state);

/* Backward of reference_cell_step at the same x and state; adds to d_x, d_state, d_variables. */
void reference_cell_step_backward(const reference_cell *cell, const double *const *variables,
                                  const double *x, const double *state, const double *d_output,
                                  const double *d_next_state, double *d_x, double *d_state,
                                  double *const *d_variables);

/* What a run reads besides cell and variables. Inputs past a row's length are never read. */
typedef struct reference_run {
    size_t batch;
    size_t time;
    const size_t *lengths;              /* [batch], each at most time; NULL: all are time */
    const double *inputs;               /* [batch][time][input] */
    const double *const *initial_state; /* leaves [batch][width]; NULL: zero */
    bool reverse;                       /* read each row from its last valid step to its first */
} reference_run;

/*
 * tf.nn.dynamic_rnn: outputs[batch][time][output width] are 0 past a row's length, final_state
 * (leaves [batch][width], or NULL) is the state after the row's last step. With `reverse`,
 * outputs[b][t] belongs to inputs[b][t]: one direction of bidirectional_dynamic_rnn.
 */
void reference_dynamic_rnn(const reference_cell *cell, const double *const *variables,
                           const reference_run *run, double *outputs, double *const *final_state);

/*
 * Backward of reference_dynamic_rnn. d_outputs (read up to each row's length), d_final_state and
 * its entries may be NULL: zero. d_inputs and d_initial_state are overwritten and may be NULL;
 * d_variables is added to.
 */
void reference_dynamic_rnn_backward(const reference_cell *cell, const double *const *variables,
                                    const reference_run *run, const double *d_outputs,
                                    const double *const *d_final_state, double *d_inputs,
                                    double *const *d_initial_state, double *const *d_variables);

typedef struct reference_dense {
    size_t inputs;
    size_t units;
    reference_activation activation;
} reference_dense;

/*
 * tf.layers.dense: y[rows][units] = activation(x[rows][inputs] kernel[inputs][units] +
 * bias[units]); bias may be NULL.
 */
void reference_dense_forward(const reference_dense *dense, const double *kernel, const double *bias,
                             size_t rows, const double *x, double *y);

/*
 * Backward of reference_dense_forward. d_x is overwritten and may be NULL; d_kernel and d_bias are
 * added to, d_bias may be NULL.
 */
void reference_dense_backward(const reference_dense *dense, const double *kernel,
                              const double *bias, size_t rows, const double *x, const double *d_y,
                              double *d_x, double *d_kernel, double *d_bias);

/*
 * Losses, not reduced over rows; the gradient is that of the sum over rows, is overwritten and may
 * be NULL. Softmax: losses[rows], d_logits[rows][classes] = p - label, TF's rule, also when a row's
 * labels do not sum to 1.
 */
void reference_softmax_cross_entropy(size_t rows, size_t classes, const double *logits,
                                     const double *labels, double *losses, double *d_logits);

/* The same with one class index below `classes` per row. */
void reference_sparse_softmax_cross_entropy(size_t rows, size_t classes, const double *logits,
                                            const size_t *labels, double *losses, double *d_logits);

/* Elementwise, all arrays [count]. */
void reference_sigmoid_cross_entropy(size_t count, const double *logits, const double *labels,
                                     double *losses, double *d_logits);

/*
 * losses[rows] = mean over a row's `width` squared differences; their mean is
 * tf.losses.mean_squared_error.
 */
void reference_mean_squared_error(size_t rows, size_t width, const double *predictions,
                                  const double *labels, double *losses, double *d_predictions);

/*
 * Optimizer steps: gradient g[count] is applied to w[count] and to the slots, all [count] and owned
 * by the caller, who sets their initial values (in brackets). Formulas: TF 1's training kernels.
 */
void reference_gradient_descent(size_t count, double learning_rate, const double *g, double *w);

/* accumulator [0] */
void reference_momentum(size_t count, double learning_rate, double momentum, bool nesterov,
                        const double *g, double *w, double *accumulator);

/* accumulator [0.1] */
void reference_adagrad(size_t count, double learning_rate, const double *g, double *w,
                       double *accumulator);

/* accumulator [0], accumulated_update [0] */
void reference_adadelta(size_t count, double learning_rate, double rho, double epsilon,
                        const double *g, double *w, double *accumulator,
                        double *accumulated_update);

typedef struct reference_rmsprop_rates {
    double learning_rate;
    double decay;
    double momentum;
    double epsilon;
} reference_rmsprop_rates;

/* mean_square [1], mean_gradient [0] or NULL: not centered, momentum [0] */
void reference_rmsprop(size_t count, const reference_rmsprop_rates *rates, const double *g,
                       double *w, double *mean_square, double *mean_gradient, double *momentum);

typedef struct reference_adam_rates {
    double learning_rate;
    double beta1;
    double beta2;
    double epsilon;
} reference_adam_rates;

/* m [0], v [0]; step counts from 1 */
void reference_adam(size_t count, const reference_adam_rates *rates, size_t step, const double *g,
                    double *w, double *m, double *v);

/* contrib.opt.AdamWOptimizer: w -= weight_decay w, not times the learning rate, then Adam. */
void reference_adamw(size_t count, double weight_decay, const reference_adam_rates *rates,
                     size_t step, const double *g, double *w, double *m, double *v);

/* accumulator [0.1], linear [0]; learning_rate_power is TF's default -0.5 */
void reference_ftrl(size_t count, double learning_rate, double l1, double l2, const double *g,
                    double *w, double *accumulator, double *linear);

/* tf.clip_by_global_norm in place over `arrays` of `sizes`; returns the norm before clipping. */
double reference_clip_by_global_norm(size_t array_count, const size_t *sizes, double *const *arrays,
                                     double clip_norm);

#endif
