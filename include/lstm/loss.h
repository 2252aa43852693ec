/* Losses with their gradients. SPDX-License-Identifier: MIT */
#ifndef LSTM_LOSS_H
#define LSTM_LOSS_H

#include <lstm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lstm_reduction {
    LSTM_REDUCTION_MEAN = 0, /* over the batch */
    LSTM_REDUCTION_SUM = 1
} lstm_reduction;

typedef struct lstm_loss_config {
    size_t struct_size;
    lstm_reduction reduction;
} lstm_loss_config;

/* Softmax cross entropy in nats: per row sum_k y_k (log sum_j exp(z_j) - z_k), reduced over the batch; 0 for an empty
 * batch. logits z[batch][classes]; labels y[batch][classes], one-hot or any weights; d_logits (NULL: not wanted) becomes
 * softmax(z) - y, divided by batch under the mean: TF1's gradient, also where the labels do not sum to 1. *loss may be
 * NULL. Finite logits and labels give a finite loss, FLT_MAX at most. config NULL: the mean. Hot path: nothing is allocated. Any thread.
 * Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_softmax_cross_entropy(lstm_context *context, const lstm_loss_config *config, size_t batch,
                                                size_t classes, const float *logits, const float *labels,
                                                float *d_logits, float *loss);

/* The same with one class per row, labels[batch], each below classes.
 * Statuses: INVALID_ARGUMENT (a label out of range too; nothing is written then). */
LSTM_API lstm_status lstm_sparse_softmax_cross_entropy(lstm_context *context, const lstm_loss_config *config,
                                                       size_t batch, size_t classes, const float *logits,
                                                       const size_t *labels, float *d_logits, float *loss);

#ifdef __cplusplus
}
#endif
#endif
