#include "golden_optimizer.h"

#include "testing.h"

#include <string.h>

/* Adam, or AdamW. */
static lstm_optimizer *by_moments(const golden_case *c, lstm_context *context, const lstm_params *params)
{
    const lstm_adamw_config n = {.struct_size = sizeof n,
                                 .weight_decay = (float)golden_real(c, "weight_decay", 0.0),
                                 .decay_by_rate = golden_integer(c, "decay_by_rate", 0),
                                 .learning_rate = (float)golden_real(c, "learning_rate", 0.0),
                                 .beta1 = LSTM_VALUE((float)golden_real(c, "beta1", 0.9)),
                                 .beta2 = LSTM_VALUE((float)golden_real(c, "beta2", 0.999)),
                                 .epsilon = LSTM_VALUE((float)golden_real(c, "epsilon", 1e-8))};
    const lstm_adam_config adam = {.struct_size = sizeof adam,
                                   .learning_rate = n.learning_rate,
                                   .beta1 = n.beta1,
                                   .beta2 = n.beta2,
                                   .epsilon = n.epsilon};
    lstm_optimizer *optimizer;
    if (!strcmp(golden_text(c, "optimizer"), "adamw"))
        ck_ok(lstm_optimizer_create_adamw(context, params, &n, &optimizer));
    else
        ck_ok(lstm_optimizer_create_adam(context, params, &adam, &optimizer));
    return optimizer;
}

lstm_optimizer *golden_optimizer(const golden_case *c, lstm_context *context, const lstm_params *params)
{
    const char *kind = golden_text(c, "optimizer");
    const float rate = (float)golden_real(c, "learning_rate", 0.0), momentum = (float)golden_real(c, "momentum", 0.0);
    const lstm_optional epsilon = LSTM_VALUE((float)golden_real(c, "epsilon", 1e-8));
    lstm_optimizer *optimizer = NULL;
    if (!strcmp(kind, "gradient_descent"))
        ck_ok(lstm_optimizer_create_gradient_descent(
            context, params, LSTM_ARGS(lstm_gradient_descent_config, .learning_rate = rate), &optimizer));
    if (!strcmp(kind, "momentum"))
        ck_ok(
            lstm_optimizer_create_momentum(context, params,
                                           LSTM_ARGS(lstm_momentum_config, .learning_rate = rate, .momentum = momentum,
                                                     .use_nesterov = golden_integer(c, "use_nesterov", 0)),
                                           &optimizer));
    if (!strcmp(kind, "adagrad"))
        ck_ok(lstm_optimizer_create_adagrad(
            context, params,
            LSTM_ARGS(lstm_adagrad_config, .learning_rate = rate,
                      .initial_accumulator_value = (float)golden_real(c, "initial_accumulator_value", 0.1)),
            &optimizer));
    if (!strcmp(kind, "adadelta"))
        ck_ok(lstm_optimizer_create_adadelta(context, params,
                                             LSTM_ARGS(lstm_adadelta_config, .learning_rate = rate,
                                                       .rho = LSTM_VALUE((float)golden_real(c, "rho", 0.95)),
                                                       .epsilon = epsilon),
                                             &optimizer));
    if (!strcmp(kind, "rmsprop"))
        ck_ok(lstm_optimizer_create_rmsprop(context, params,
                                            LSTM_ARGS(lstm_rmsprop_config, .learning_rate = rate,
                                                      .decay = LSTM_VALUE((float)golden_real(c, "decay", 0.9)),
                                                      .momentum = momentum, .epsilon = epsilon,
                                                      .centered = golden_integer(c, "centered", 0)),
                                            &optimizer));
    if (!strncmp(kind, "adam", 4))
        optimizer = by_moments(c, context, params);
    ck_assert_msg(optimizer, "no optimizer %s", kind);
    return optimizer;
}

void check_golden_optimizer(const golden_case *c)
{
    const size_t count = (size_t)golden_integer(c, "count", 0), steps = (size_t)golden_integer(c, "steps", 0);
    const uint32_t seed = (uint32_t)golden_integer(c, "seed", 0);
    const float *expected = golden_array(c, "weights", NULL);
    lstm_params *weights, *grads;
    ck_ok(lstm_params_create(NULL, &weights));
    ck_ok(lstm_params_declare(weights, "w", 1, &count, NULL));
    ck_ok(lstm_params_initialize(weights, 1));
    ck_ok(lstm_params_create_like(weights, &grads));
    lstm_optimizer *optimizer = golden_optimizer(c, NULL, weights);
    golden_fill(seed, count, (float)golden_real(c, "scale_weights", 1.0), lstm_params_edit(weights, NULL));
    for (size_t s = 0; s < steps; s++) {
        golden_fill(seed + 1 + (uint32_t)s, count, (float)golden_real(c, "scale_gradients", 1.0),
                    lstm_params_edit(grads, NULL));
        ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
        const double difference = golden_difference(lstm_params_data(weights, NULL), expected + s * count, count);
        ck_assert_msg(difference <= 1e-6, "%s, step %zu: %g", golden_name(c), s + 1, difference);
    }
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
}
