/* A dense layer: TF1's layers.dense. SPDX-License-Identifier: MIT */
#ifndef LSTM_DENSE_H
#define LSTM_DENSE_H

#include <lstm/cell.h>
#include <lstm/params.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y = act(x W + b), bound to names in a store. Immutable, any number of threads. */
typedef struct lstm_dense lstm_dense;

typedef struct lstm_dense_config {
    size_t struct_size;
    lstm_activation activation; /* linear */
    bool no_bias;
    bool reuse; /* as in lstm_rnn_config */
} lstm_dense_config;

/* Declare (or on a sealed store, bind) scope/kernel [input_size, units], Glorot uniform, and scope/bias [units], zeros.
 * scope NULL: "dense". Destroy with lstm_dense_destroy.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, SHAPE (a variable is there with another shape), STATE (a name is taken, or
 * missing). On failure an open store is as it was before. */
LSTM_API lstm_status lstm_dense_create(lstm_params *params, const char *scope, size_t input_size, size_t units,
                                       const lstm_dense_config *config, lstm_dense **dense);

/* Give back the caller's reference; NULL is fine. */
LSTM_API void lstm_dense_destroy(lstm_dense *dense);

/* y[rows][units] = act(x[rows][input_size] W + b). For a sequence, rows is batch * time. Here and below, what is
 * written overlaps nothing else. Hot path: nothing is allocated.
 * Statuses: INVALID_ARGUMENT, SHAPE (params of another layout), STATE (params are open). */
LSTM_API lstm_status lstm_dense_forward(const lstm_dense *dense, const lstm_params *params, size_t rows, const float *x,
                                        float *y);

/* From x[rows][input_size], the y[rows][units] of the forward call and d_y[rows][units]: adds to grads (NULL: not
 * wanted), overwrites d_x[rows][input_size] (NULL: not wanted). Hot path: nothing is allocated. Statuses: those of the
 * forward call, and the same for grads, which may not be frozen either. */
LSTM_API lstm_status lstm_dense_backward(const lstm_dense *dense, const lstm_params *params, size_t rows,
                                         const float *x, const float *y, const float *d_y, lstm_params *grads,
                                         float *d_x);

#ifdef __cplusplus
}
#endif
#endif
