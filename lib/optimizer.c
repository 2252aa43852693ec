#include <lstm/optimizer.h>

#include "context.h"
#include "params.h"
#include "status.h"

#include <math.h>

/* Adam's slots. */
enum { MEAN = 0, SQUARE = 1, SLOTS = 2 };

/* One task of an update, in floats. */
enum { UPDATE_FLOATS = 16384 };

/* One step over a part of the block. */
typedef void update(const lstm_optimizer *optimizer, size_t first, size_t count, const float *g, float *w);

struct lstm_optimizer {
    lstm_context *context;
    lstm__layout *layout;
    update *update;
    float learning_rate, beta1, beta2, epsilon;
    float rate; /* of the step at hand */
    double beta1_power, beta2_power;
    lstm_params *slots[SLOTS];
    float *slot_data[SLOTS];
};

static lstm_status create(const char *function, lstm_context *context, const lstm_params *params, update *rule,
                          float learning_rate, size_t slots, lstm_optimizer **optimizer)
{
    if (!params || !optimizer)
        return lstm__fail_null(function, params ? "optimizer" : "params");
    lstm_status status = lstm__params_check(function, "params", params, lstm__params_layout(params));
    if (status)
        return status;
    if (!(learning_rate > 0.0f) || isinf(learning_rate))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: learning_rate is %g, expected above 0 and finite", function,
                          (double)learning_rate);
    lstm_optimizer *made = lstm__allocate(context, 1, sizeof *made);
    if (!made)
        return lstm__fail_memory(function);
    made->context = context;
    lstm__context_retain(context);
    made->layout = lstm__layout_retain(lstm__params_layout(params));
    made->update = rule;
    made->learning_rate = learning_rate;
    for (size_t k = 0; k < slots && !status; k++) {
        status = lstm_params_create_like(params, &made->slots[k]);
        made->slot_data[k] = lstm_params_edit(made->slots[k], NULL);
    }
    if (status) {
        lstm_optimizer_destroy(made);
        return status;
    }
    *optimizer = made;
    return LSTM_OK;
}

void lstm_optimizer_destroy(lstm_optimizer *optimizer)
{
    if (!optimizer)
        return;
    for (size_t k = 0; k < SLOTS; k++)
        lstm_params_destroy(optimizer->slots[k]);
    lstm__layout_release(optimizer->layout);
    lstm_context *context = optimizer->context;
    lstm__release(context, optimizer);
    lstm_context_destroy(context);
}

static void gradient_descent(const lstm_optimizer *optimizer, size_t first, size_t count, const float *g, float *w)
{
    lstm__context_kernels(optimizer->context)->gradient_descent(count, optimizer->rate, g + first, w + first);
}

static void adam(const lstm_optimizer *optimizer, size_t first, size_t count, const float *g, float *w)
{
    lstm__context_kernels(optimizer->context)
        ->adam(count, optimizer->rate, 1.0f - optimizer->beta1, 1.0f - optimizer->beta2, optimizer->epsilon, g + first,
               optimizer->slot_data[MEAN] + first, optimizer->slot_data[SQUARE] + first, w + first);
}

lstm_status lstm_optimizer_create_gradient_descent(lstm_context *context, const lstm_params *params,
                                                   const lstm_gradient_descent_config *config,
                                                   lstm_optimizer **optimizer)
{
    const char *function = "lstm_optimizer_create_gradient_descent";
    lstm_gradient_descent_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    return status ? status : create(function, context, params, gradient_descent, c.learning_rate, 0, optimizer);
}

static float value_or(lstm_optional value, float otherwise)
{
    return value.given ? value.value : otherwise;
}

lstm_status lstm_optimizer_create_adam(lstm_context *context, const lstm_params *params, const lstm_adam_config *config,
                                       lstm_optimizer **optimizer)
{
    const char *function = "lstm_optimizer_create_adam";
    lstm_adam_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    const float beta1 = value_or(c.beta1, 0.9f), beta2 = value_or(c.beta2, 0.999f);
    const float epsilon = value_or(c.epsilon, 1e-8f);
    if (!(beta1 >= 0.0f && beta1 < 1.0f && beta2 >= 0.0f && beta2 < 1.0f))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: beta1 %g, beta2 %g, expected 0 <= beta < 1", function,
                          (double)beta1, (double)beta2);
    if (!(epsilon >= 0.0f) || isinf(epsilon))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: epsilon is %g, expected finite and not negative", function,
                          (double)epsilon);
    status =
        create(function, context, params, adam, c.learning_rate == 0.0f ? 0.001f : c.learning_rate, SLOTS, optimizer);
    if (status)
        return status;
    (*optimizer)->beta1 = beta1;
    (*optimizer)->beta2 = beta2;
    (*optimizer)->epsilon = epsilon;
    (*optimizer)->beta1_power = (double)beta1;
    (*optimizer)->beta2_power = (double)beta2;
    return LSTM_OK;
}

lstm_status lstm_optimizer_set_learning_rate(lstm_optimizer *optimizer, float learning_rate)
{
    const char *function = "lstm_optimizer_set_learning_rate";
    if (!optimizer)
        return lstm__fail_null(function, "optimizer");
    if (!(learning_rate >= 0.0f) || isinf(learning_rate))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: learning_rate is %g, expected finite and not negative",
                          function, (double)learning_rate);
    optimizer->learning_rate = learning_rate;
    return LSTM_OK;
}

typedef struct apply_work {
    const lstm_optimizer *optimizer;
    size_t count;
    const float *g;
    float *w;
} apply_work;

static void apply_part(void *arg, size_t part, size_t lane)
{
    (void)lane;
    const apply_work *work = arg;
    const size_t first = part * UPDATE_FLOATS, left = work->count - first;
    work->optimizer->update(work->optimizer, first, left < UPDATE_FLOATS ? left : UPDATE_FLOATS, work->g, work->w);
}

lstm_status lstm_optimizer_apply(lstm_optimizer *optimizer, lstm_params *weights, const lstm_params *gradients)
{
    const char *function = "lstm_optimizer_apply";
    if (!optimizer)
        return lstm__fail_null(function, "optimizer");
    lstm_status status = lstm__params_check_writable(function, "weights", weights, optimizer->layout);
    if (status || (status = lstm__params_check(function, "gradients", gradients, optimizer->layout)))
        return status;
    if (weights == gradients)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: weights and gradients are the same store", function);
    optimizer->rate = optimizer->learning_rate;
    if (optimizer->update == adam)
        optimizer->rate = (float)((double)optimizer->learning_rate * sqrt(1.0 - optimizer->beta2_power) /
                                  (1.0 - optimizer->beta1_power));
    apply_work work = {.optimizer = optimizer, .g = lstm_params_data(gradients, NULL)};
    work.w = lstm_params_edit(weights, &work.count);
    const double operations = 20.0 * (double)work.count; /* a division and a root weigh more than a product */
    lstm__parallel(optimizer->context, (work.count + UPDATE_FLOATS - 1) / UPDATE_FLOATS, operations, apply_part, &work);
    optimizer->beta1_power *= (double)optimizer->beta1;
    optimizer->beta2_power *= (double)optimizer->beta2;
    return LSTM_OK;
}
