/* Optimizers with TF1's formulas. SPDX-License-Identifier: MIT */
#ifndef LSTM_OPTIMIZER_H
#define LSTM_OPTIMIZER_H

#include <lstm/params.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An update rule and its slots. One thread at a time. Keeps its context alive. g: gradient, w: weight, all elementwise. */
typedef struct lstm_optimizer lstm_optimizer;

/* The functions below create an optimizer for stores of the layout of params (sealed); config NULL gives the defaults,
 * where there are any: a learning rate without a default must be given. Formulas and the values that slots start at are
 * those of TF1's training operations. Destroy with lstm_optimizer_destroy.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (params are open). */

typedef struct lstm_gradient_descent_config {
    size_t struct_size;
    float learning_rate; /* must be given */
} lstm_gradient_descent_config;

/* w -= learning_rate * g. */
LSTM_API lstm_status lstm_optimizer_create_gradient_descent(lstm_context *context, const lstm_params *params,
                                                            const lstm_gradient_descent_config *config,
                                                            lstm_optimizer **optimizer);

typedef struct lstm_momentum_config {
    size_t struct_size;
    float learning_rate; /* must be given */
    float momentum;      /* 0 <= momentum < 1 */
    bool use_nesterov;
} lstm_momentum_config;

/* a = momentum * a + g; w -= learning_rate * a, or with use_nesterov w -= learning_rate * (g + momentum * a). a starts
 * at 0. B. Polyak, 1964; I. Sutskever et al., 2013. */
LSTM_API lstm_status lstm_optimizer_create_momentum(lstm_context *context, const lstm_params *params,
                                                    const lstm_momentum_config *config, lstm_optimizer **optimizer);

typedef struct lstm_adagrad_config {
    size_t struct_size;
    float learning_rate;             /* must be given */
    float initial_accumulator_value; /* > 0; 0 means 0.1 */
} lstm_adagrad_config;

/* a += g * g; w -= learning_rate * g / sqrt(a). J. Duchi et al., 2011. */
LSTM_API lstm_status lstm_optimizer_create_adagrad(lstm_context *context, const lstm_params *params,
                                                   const lstm_adagrad_config *config, lstm_optimizer **optimizer);

typedef struct lstm_adadelta_config {
    size_t struct_size;
    float learning_rate;   /* 0.001 */
    lstm_optional rho;     /* 0.95 */
    lstm_optional epsilon; /* 1e-8 */
} lstm_adadelta_config;

/* a = rho * a + (1 - rho) * g * g; d = sqrt(u + epsilon) / sqrt(a + epsilon) * g; w -= learning_rate * d;
 * u = rho * u + (1 - rho) * d * d. a and u start at 0. M. Zeiler, 2012. */
LSTM_API lstm_status lstm_optimizer_create_adadelta(lstm_context *context, const lstm_params *params,
                                                    const lstm_adadelta_config *config, lstm_optimizer **optimizer);

typedef struct lstm_rmsprop_config {
    size_t struct_size;
    float learning_rate;   /* must be given */
    lstm_optional decay;   /* 0.9 */
    float momentum;        /* 0 <= momentum < 1 */
    lstm_optional epsilon; /* 1e-10 */
    bool centered;
} lstm_rmsprop_config;

/* s += (1 - decay) * (g * g - s); m = momentum * m + learning_rate * g / sqrt(s + epsilon); w -= m. Centered: also
 * a += (1 - decay) * (g - a), and s - a * a under the root. s starts at 1, the others at 0. T. Tieleman and G. Hinton,
 * 2012; centered: A. Graves, 2013. */
LSTM_API lstm_status lstm_optimizer_create_rmsprop(lstm_context *context, const lstm_params *params,
                                                   const lstm_rmsprop_config *config, lstm_optimizer **optimizer);

typedef struct lstm_adam_config {
    size_t struct_size;
    float learning_rate;   /* 0.001 */
    lstm_optional beta1;   /* 0.9 */
    lstm_optional beta2;   /* 0.999 */
    lstm_optional epsilon; /* 1e-8 */
} lstm_adam_config;

/* m += (1 - beta1)(g - m); v += (1 - beta2)(g*g - v); w -= learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v)
 * + epsilon), t counted from 1: the "epsilon hat" form of D. Kingma and J. Ba, 2015, section 2, as in TF1. m and v start
 * at 0. */
LSTM_API lstm_status lstm_optimizer_create_adam(lstm_context *context, const lstm_params *params,
                                                const lstm_adam_config *config, lstm_optimizer **optimizer);

typedef struct lstm_adamw_config {
    size_t struct_size;
    float weight_decay; /* must be given: above 0 and below 1 */
    /* Decay by learning_rate * weight_decay, as I. Loshchilov and F. Hutter, 2019, write it and PyTorch does; otherwise
     * by weight_decay alone, as TF1's contrib. */
    bool decay_by_rate;
    float learning_rate; /* the rest as in Adam */
    lstm_optional beta1, beta2, epsilon;
} lstm_adamw_config;

/* w -= weight_decay * w for all weights that are trained and decay (lstm_params_set_trainable); then Adam's step. */
LSTM_API lstm_status lstm_optimizer_create_adamw(lstm_context *context, const lstm_params *params,
                                                 const lstm_adamw_config *config, lstm_optimizer **optimizer);

/* Give back the optimizer; NULL is fine. */
LSTM_API void lstm_optimizer_destroy(lstm_optimizer *optimizer);

/* The learning rate of the next step; finite and >= 0, 0 included. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_optimizer_set_learning_rate(lstm_optimizer *optimizer, float learning_rate);

/* One step: change weights by gradients; variables that are not trainable (lstm_params_set_trainable), and their slots,
 * keep their bits. The bits do not depend on the number of threads. Hot path: nothing is allocated. A gradient that is
 * not finite, or whose square is no float (beyond 1.8e19), may make its own weight and slots infinite or NaN, as in TF1,
 * and touches no other.
 * Statuses: INVALID_ARGUMENT, SHAPE (a store of another layout), STATE (weights that are frozen). */
LSTM_API lstm_status lstm_optimizer_apply(lstm_optimizer *optimizer, lstm_params *weights,
                                          const lstm_params *gradients);

/* Clipping, of gradients as a rule. Variables that are not trainable are passed over: they have no gradient, count for no
 * norm and keep their bits. A store that is open or frozen is LSTM_ERR_STATE. NaN stays NaN. */

/* Every value becomes at least low and at most high. TF1's clip_by_value. Statuses: INVALID_ARGUMENT (not low <= high),
 * STATE. */
LSTM_API lstm_status lstm_clip_by_value(lstm_params *params, float low, float high);

/* A variable whose norm (the root of the sum of its squares, summed in double) is above clip_norm is scaled to it; others
 * keep their bits. With an infinite norm what is finite becomes 0, and the rest NaN. TF1's clip_by_norm for each variable.
 * clip_norm is above 0 and finite. Statuses: INVALID_ARGUMENT, STATE. */
LSTM_API lstm_status lstm_clip_by_norm(lstm_params *params, float clip_norm);

/* All variables together: if the norm of all their values is above clip_norm, all are scaled by clip_norm / norm;
 * otherwise they keep their bits. A norm that is not finite makes every value NaN, as in TF1. *norm (NULL: not wanted) becomes the
 * norm before clipping. TF1's clip_by_global_norm; R. Pascanu et al., 2013. Statuses: INVALID_ARGUMENT, STATE. */
LSTM_API lstm_status lstm_clip_by_global_norm(lstm_params *params, float clip_norm, double *norm);

/* L2 regularization: gradients += scale * weights, and *loss = scale * sum(weights * weights) / 2, over the variables that
 * are trainable and decay (lstm_params_set_trainable). gradients or loss NULL: not wanted. scale >= 0, finite. The sum is
 * in double; the bits do not depend on the number of threads. Hot path: nothing is allocated. TF1's l2_regularizer(scale)
 * for each variable, on l2_loss. Statuses: INVALID_ARGUMENT, SHAPE (stores of different layouts), STATE (open, or
 * gradients are frozen). */
LSTM_API lstm_status lstm_l2_regularizer(const lstm_params *weights, float scale, lstm_params *gradients, double *loss);

/* shadow -= (1 - decay) * (shadow - weights): an exponential moving average of weights, in a store created like them that
 * starts as a copy of them. 0 <= decay < 1; TF1's num_updates n stands for a decay of at most (1 + n) / (10 + n). The bits
 * do not depend on the number of threads. Hot path: nothing is allocated.
 * Statuses: INVALID_ARGUMENT, SHAPE (stores of different layouts), STATE (open, or shadow is frozen). */
LSTM_API lstm_status lstm_moving_average(lstm_params *shadow, const lstm_params *weights, float decay);

/* *norm = the root of the sum of the squares of variable `index`, trainable or not. Statuses: INVALID_ARGUMENT, STATE
 * (params are open). */
LSTM_API lstm_status lstm_variable_norm(const lstm_params *params, size_t index, double *norm);

/* The first variable, trainable or not, that holds a NaN or an infinity: *index, or the number of variables if there is
 * none. Statuses: INVALID_ARGUMENT, STATE (params are open). */
LSTM_API lstm_status lstm_first_not_finite(const lstm_params *params, size_t *index);

#ifdef __cplusplus
}
#endif
#endif
