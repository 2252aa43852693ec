/* Optimizers with TF1's formulas. SPDX-License-Identifier: MIT */
#ifndef LSTM_OPTIMIZER_H
#define LSTM_OPTIMIZER_H

#include <lstm/params.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An update rule and its slots. One thread at a time. Keeps its context alive. g: gradient, w: weight, all elementwise. */
typedef struct lstm_optimizer lstm_optimizer;

typedef struct lstm_gradient_descent_config {
    size_t struct_size;
    float learning_rate; /* must be given */
} lstm_gradient_descent_config;

typedef struct lstm_adam_config {
    size_t struct_size;
    float learning_rate;   /* 0.001 */
    lstm_optional beta1;   /* 0.9 */
    lstm_optional beta2;   /* 0.999 */
    lstm_optional epsilon; /* 1e-8 */
} lstm_adam_config;

/* The functions below create an optimizer for stores of the layout of params (sealed); config NULL gives the defaults,
 * where there are any. Destroy with lstm_optimizer_destroy. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (params are open). */

/* w -= learning_rate * g. A config is needed: the learning rate has no default. */
LSTM_API lstm_status lstm_optimizer_create_gradient_descent(lstm_context *context, const lstm_params *params,
                                                            const lstm_gradient_descent_config *config,
                                                            lstm_optimizer **optimizer);

/* m += (1 - beta1)(g - m); v += (1 - beta2)(g*g - v); w -= learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v)
 * + epsilon), t counted from 1: the "epsilon hat" form of D. Kingma and J. Ba, 2015, section 2, as in TF1. */
LSTM_API lstm_status lstm_optimizer_create_adam(lstm_context *context, const lstm_params *params,
                                                const lstm_adam_config *config, lstm_optimizer **optimizer);

/* Give back the optimizer; NULL is fine. */
LSTM_API void lstm_optimizer_destroy(lstm_optimizer *optimizer);

/* The learning rate of the next step; finite and >= 0, 0 included. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_optimizer_set_learning_rate(lstm_optimizer *optimizer, float learning_rate);

/* One step: change weights by gradients. The bits do not depend on the number of threads. Hot path: nothing is allocated.
 * Statuses: INVALID_ARGUMENT, SHAPE (a store of another layout), STATE (weights that are frozen). */
LSTM_API lstm_status lstm_optimizer_apply(lstm_optimizer *optimizer, lstm_params *weights,
                                          const lstm_params *gradients);

#ifdef __cplusplus
}
#endif
#endif
