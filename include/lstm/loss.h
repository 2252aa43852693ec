/* Losses with their gradients. SPDX-License-Identifier: MIT */
#ifndef LSTM_LOSS_H
#define LSTM_LOSS_H

#include <lstm/context.h>
#include <lstm/rnn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of an array of losses l[rows][columns] with weights w: TF1's losses.Reduction. A divisor of 0 gives 0.
 * Without weights MEAN, BY_NONZERO and OVER_WEIGHTS are one. */
typedef enum lstm_reduction {
    LSTM_REDUCTION_MEAN = 0,                   /* sum w l / (rows columns): TF1's SUM_OVER_BATCH_SIZE */
    LSTM_REDUCTION_SUM = 1,                    /* sum w l */
    LSTM_REDUCTION_NONE = 2,                   /* each w l; the gradient is that of their sum */
    LSTM_REDUCTION_SUM_BY_NONZERO_WEIGHTS = 3, /* sum w l / how many w are not 0: TF1's default */
    LSTM_REDUCTION_SUM_OVER_WEIGHTS = 4        /* sum w l / sum w: TF1's MEAN */
} lstm_reduction;

/* How weights stand beside losses l[rows][columns]; of a loss of one column, the first two are one. */
typedef enum lstm_weights_shape {
    LSTM_WEIGHTS_PER_ROW = 0,     /* [rows] */
    LSTM_WEIGHTS_PER_ELEMENT = 1, /* [rows][columns] */
    LSTM_WEIGHTS_PER_COLUMN = 2,  /* [columns] */
    LSTM_WEIGHTS_SCALAR = 3       /* one for all */
} lstm_weights_shape;

/* For every loss but lstm_sequence_loss. Weights are constants: they get no gradient. Where a weight is 0, loss and
 * gradient are exact zeros whatever stands there, NaN included (in TF1 NaN times 0 is NaN). */
typedef struct lstm_loss_config {
    size_t struct_size;
    lstm_reduction reduction;
    lstm_weights_shape weights_shape;
    const float *weights; /* NULL: 1 each */
} lstm_loss_config;

/* Common to the losses below. config NULL: the mean. *loss (NULL: not wanted) is one number, or under REDUCTION_NONE
 * one for each loss; d (NULL: not wanted) is overwritten with the gradient of what *loss gets. Inputs and outputs must
 * not overlap. Finite input gives a finite loss, FLT_MAX at most, and a finite gradient, unless a label of softmax
 * times its weight is beyond FLT_MAX; a NaN makes the loss NaN, an infinity may make it infinite or NaN, but that a
 * logit of minus infinity takes its class away from a softmax. An empty batch has a loss of 0. Sums are in double, in an
 * order that depends on the sizes alone. Hot path: nothing is allocated. Any thread. Statuses: INVALID_ARGUMENT; nothing
 * is written then. */

/* Softmax cross entropy in nats, one loss for each row: sum_k y_k (log sum_j exp(z_j) - z_k), z being
 * logits[batch][classes] and y labels[batch][classes], one-hot or any; the gradient d_logits[batch][classes] is
 * softmax(z) - y: TF1's, also where the labels do not sum to
 * 1. Formula: TF1's softmax_cross_entropy. */
LSTM_API lstm_status lstm_softmax_cross_entropy(lstm_context *context, const lstm_loss_config *config, size_t batch,
                                                size_t classes, const float *logits, const float *labels,
                                                float *d_logits, float *loss);

/* The same with one class for each row, labels[batch]; one that is not below classes is an error. Of a row of weight 0
 * neither label nor logits are read. Formula: TF1's sparse_softmax_cross_entropy. */
LSTM_API lstm_status lstm_sparse_softmax_cross_entropy(lstm_context *context, const lstm_loss_config *config,
                                                       size_t batch, size_t classes, const float *logits,
                                                       const size_t *labels, float *d_logits, float *loss);

/* Sigmoid cross entropy in nats, one loss for each element, so that the mean is over batch * width; either may be 0. x
 * being logits[batch][width] and y labels[batch][width]: max(x, 0) - x y + log(1 + exp(-|x|)); gradient
 * d_logits[batch][width]: 1 / (1 + exp(-x)) - y. Formula: TF1's sigmoid_cross_entropy. */
LSTM_API lstm_status lstm_sigmoid_cross_entropy(lstm_context *context, const lstm_loss_config *config, size_t batch,
                                                size_t width, const float *logits, const float *labels, float *d_logits,
                                                float *loss);

/* The same with x being predictions[batch][width], of gradient d_predictions[batch][width]: (x - y)^2; gradient 2 (x -
 * y). Formula: TF1's mean_squared_error. */
LSTM_API lstm_status lstm_mean_squared_error(lstm_context *context, const lstm_loss_config *config, size_t batch,
                                             size_t width, const float *predictions, const float *labels,
                                             float *d_predictions, float *loss);

/* The same: |x - y|; gradient the sign of x - y, 0 where they are equal. Formula: TF1's absolute_difference. */
LSTM_API lstm_status lstm_absolute_difference(lstm_context *context, const lstm_loss_config *config, size_t batch,
                                              size_t width, const float *predictions, const float *labels,
                                              float *d_predictions, float *loss);

/* The same: (x - y)^2 / 2 up to |x - y| = delta, delta |x - y| - delta^2 / 2 beyond; gradient x - y, cut at -delta and
 * delta. delta > 0, TF1's default is 1. Formula: TF1's huber_loss. */
LSTM_API lstm_status lstm_huber_loss(lstm_context *context, const lstm_loss_config *config, size_t batch, size_t width,
                                     float delta, const float *predictions, const float *labels, float *d_predictions,
                                     float *loss);

/* Over which axes a sequence loss is averaged: TF1's average_across_timesteps and average_across_batch. */
typedef enum lstm_sequence_average {
    LSTM_AVERAGE_ACROSS_BOTH = 0,      /* one loss */
    LSTM_AVERAGE_ACROSS_TIMESTEPS = 1, /* loss[batch] */
    LSTM_AVERAGE_ACROSS_BATCH = 2,     /* loss[time] */
    LSTM_AVERAGE_ACROSS_NEITHER = 3    /* loss[batch][time] in the layout: each w l */
} lstm_sequence_average;

/* One call of sequence_loss; arrays are the caller's and are borrowed for the call. */
typedef struct lstm_sequence_loss_args {
    size_t struct_size;
    lstm_layout layout;            /* of every array of batch and time; changes no bit */
    size_t batch, time, classes;   /* the first two may be 0 */
    const float *logits;           /* [batch][time][classes] */
    const size_t *targets;         /* [batch][time], each below classes */
    const float *weights;          /* [batch][time]; NULL: 1 each */
    const size_t *sequence_length; /* [batch], each 0 .. time, past which the weight is 0; NULL: all of them `time` */
    lstm_sequence_average average;
    float *d_logits; /* overwritten with the gradient of the loss, or of the sum of losses; NULL: not wanted */
    float *loss;     /* NULL: not wanted */
} lstm_sequence_loss_args;

/* The sparse softmax cross entropy l of each step, averaged: sum w l / (sum w + 1e-12) over both axes, or over one of
 * them for each place of the other. Past a row's length nothing is read, at other steps of weight 0 neither logits nor
 * target; losses and gradients there are exact zeros. Otherwise as the losses above.
 * Formula: TF1's contrib.seq2seq.sequence_loss.
 * Statuses: INVALID_ARGUMENT (a target or length out of range too; nothing is written then). */
LSTM_API lstm_status lstm_sequence_loss(lstm_context *context, const lstm_sequence_loss_args *args);

#ifdef __cplusplus
}
#endif
#endif
