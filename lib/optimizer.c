#include "optimizer.h"

#include "context.h"
#include "status.h"

#include <math.h>
#include <stdatomic.h>

/* One task of an update, in floats. */
enum { UPDATE_FLOATS = 16384 };

/* An update rule: its slots, what they start at, and one step over a part of the block. */
typedef struct rule {
    const char *name; /* in checkpoints, as are those of the slots */
    size_t slots;
    const char *slot_names[LSTM__MAX_SLOTS];
    float starts[LSTM__MAX_SLOTS];
    void (*update)(const lstm_optimizer *optimizer, const lstm__kernels *kernels, size_t first, size_t count,
                   const float *g, float *w);
} rule;

/* The numbers of all rules; each uses its own. */
typedef struct numbers {
    float learning_rate, momentum, decay, beta1, beta2, epsilon, weight_decay;
    bool nesterov, decay_by_rate;
} numbers;

struct lstm_optimizer {
    atomic_size_t references;
    lstm_context *context;
    lstm__layout *layout;
    const rule *rule;
    numbers n;
    float rate, keep;      /* of the step at hand: its learning rate, and what a weight that decays keeps */
    double beta_powers[2]; /* beta1 and beta2 to the number of the step at hand */
    lstm_params *slots[LSTM__MAX_SLOTS];
    float *slot_data[LSTM__MAX_SLOTS];
};

static lstm_status check_share(const char *function, const char *name, float share)
{
    if (share >= 0.0f && share < 1.0f)
        return LSTM_OK;
    return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s is %g, expected 0 to below 1", function, name, (double)share);
}

static lstm_status check_numbers(const char *function, const numbers *n)
{
    lstm_status status = LSTM_OK;
    if (!(n->learning_rate > 0.0f) || isinf(n->learning_rate))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: learning_rate is %g, expected above 0 and finite", function,
                          (double)n->learning_rate);
    if (!(n->epsilon >= 0.0f) || isinf(n->epsilon))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: epsilon is %g, expected finite and not negative", function,
                          (double)n->epsilon);
    if ((status = check_share(function, "momentum", n->momentum)) ||
        (status = check_share(function, "decay", n->decay)) || (status = check_share(function, "beta1", n->beta1)))
        return status;
    return check_share(function, "beta2", n->beta2);
}

/* Create the slots at what they start at. */
static lstm_status make_slots(const char *function, lstm_optimizer *optimizer, const lstm_params *params,
                              const float *starts)
{
    for (size_t k = 0; k < optimizer->rule->slots; k++) {
        size_t count;
        lstm_status status = lstm_params_create_like(params, &optimizer->slots[k]);
        if (status)
            return lstm__fail_as(function, status);
        optimizer->slot_data[k] = lstm_params_edit(optimizer->slots[k], &count);
        for (size_t j = 0; j < count; j++)
            optimizer->slot_data[k][j] = starts[k];
    }
    return LSTM_OK;
}

static lstm_status create(const char *function, lstm_context *context, const lstm_params *params, const rule *which,
                          const float *starts, const numbers *n, lstm_optimizer **optimizer)
{
    if (!params || !optimizer)
        return lstm__fail_null(function, params ? "optimizer" : "params");
    lstm_status status = lstm__params_check(function, "params", params, lstm__params_layout(params));
    if (status || (status = check_numbers(function, n)))
        return status;
    lstm_optimizer *made = lstm__allocate(context, 1, sizeof *made);
    if (!made)
        return lstm__fail_memory(function);
    atomic_init(&made->references, 1);
    made->context = context;
    lstm__context_retain(context);
    made->layout = lstm__layout_retain(lstm__params_layout(params));
    made->rule = which;
    made->n = *n;
    made->beta_powers[0] = (double)n->beta1;
    made->beta_powers[1] = (double)n->beta2;
    status = make_slots(function, made, params, starts);
    if (status) {
        lstm_optimizer_destroy(made);
        return status;
    }
    *optimizer = made;
    return LSTM_OK;
}

void lstm__optimizer_retain(lstm_optimizer *optimizer)
{
    atomic_fetch_add(&optimizer->references, 1);
}

lstm__optimizer_state lstm__optimizer_state_of(lstm_optimizer *optimizer)
{
    return (lstm__optimizer_state){.name = optimizer->rule->name,
                                   .slots = optimizer->rule->slots,
                                   .slot_names = optimizer->rule->slot_names,
                                   .stores = optimizer->slots,
                                   .learning_rate = &optimizer->n.learning_rate,
                                   .beta_powers = optimizer->beta_powers};
}

void lstm_optimizer_destroy(lstm_optimizer *optimizer)
{
    if (!optimizer || atomic_fetch_sub(&optimizer->references, 1) > 1)
        return;
    for (size_t k = 0; k < LSTM__MAX_SLOTS; k++)
        lstm_params_destroy(optimizer->slots[k]);
    lstm__layout_release(optimizer->layout);
    lstm_context *context = optimizer->context;
    lstm__release(context, optimizer);
    lstm_context_destroy(context);
}

static float value_or(lstm_optional value, float otherwise)
{
    return value.given ? value.value : otherwise;
}

/* The rules. */

static void gradient_descent(const lstm_optimizer *o, const lstm__kernels *kernels, size_t first, size_t count,
                             const float *g, float *w)
{
    kernels->gradient_descent(count, o->rate, g + first, w + first);
}

lstm_status lstm_optimizer_create_gradient_descent(lstm_context *context, const lstm_params *params,
                                                   const lstm_gradient_descent_config *config,
                                                   lstm_optimizer **optimizer)
{
    static const rule descent = {.name = "gradient_descent", .update = gradient_descent};
    const char *function = "lstm_optimizer_create_gradient_descent";
    lstm_gradient_descent_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    const numbers n = {.learning_rate = c.learning_rate};
    return create(function, context, params, &descent, descent.starts, &n, optimizer);
}

static void momentum(const lstm_optimizer *o, const lstm__kernels *kernels, size_t first, size_t count, const float *g,
                     float *w)
{
    kernels->momentum(count, o->rate, o->n.momentum, o->n.nesterov, g + first, o->slot_data[0] + first, w + first);
}

lstm_status lstm_optimizer_create_momentum(lstm_context *context, const lstm_params *params,
                                           const lstm_momentum_config *config, lstm_optimizer **optimizer)
{
    static const rule with_momentum = {.name = "momentum", .slots = 1, .slot_names = {"momentum"}, .update = momentum};
    const char *function = "lstm_optimizer_create_momentum";
    lstm_momentum_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    const numbers n = {.learning_rate = c.learning_rate, .momentum = c.momentum, .nesterov = c.use_nesterov};
    return create(function, context, params, &with_momentum, with_momentum.starts, &n, optimizer);
}

static void adagrad(const lstm_optimizer *o, const lstm__kernels *kernels, size_t first, size_t count, const float *g,
                    float *w)
{
    kernels->adagrad(count, o->rate, g + first, o->slot_data[0] + first, w + first);
}

lstm_status lstm_optimizer_create_adagrad(lstm_context *context, const lstm_params *params,
                                          const lstm_adagrad_config *config, lstm_optimizer **optimizer)
{
    static const rule accumulating = {.name = "adagrad", .slots = 1, .slot_names = {"accumulator"}, .update = adagrad};
    const char *function = "lstm_optimizer_create_adagrad";
    lstm_adagrad_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    const float start = c.initial_accumulator_value == 0.0f ? 0.1f : c.initial_accumulator_value;
    if (!(start > 0.0f) || isinf(start))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: initial_accumulator_value is %g, expected above 0 and finite",
                          function, (double)start);
    const numbers n = {.learning_rate = c.learning_rate};
    return create(function, context, params, &accumulating, &start, &n, optimizer);
}

static void adadelta(const lstm_optimizer *o, const lstm__kernels *kernels, size_t first, size_t count, const float *g,
                     float *w)
{
    kernels->adadelta(count, o->rate, 1.0f - o->n.decay, o->n.epsilon, g + first, o->slot_data[0] + first,
                      o->slot_data[1] + first, w + first);
}

lstm_status lstm_optimizer_create_adadelta(lstm_context *context, const lstm_params *params,
                                           const lstm_adadelta_config *config, lstm_optimizer **optimizer)
{
    static const rule two_averages = {
        .name = "adadelta", .slots = 2, .slot_names = {"accum", "accum_update"}, .update = adadelta};
    const char *function = "lstm_optimizer_create_adadelta";
    lstm_adadelta_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    const numbers n = {.learning_rate = c.learning_rate == 0.0f ? 0.001f : c.learning_rate,
                       .decay = value_or(c.rho, 0.95f),
                       .epsilon = value_or(c.epsilon, 1e-8f)};
    return create(function, context, params, &two_averages, two_averages.starts, &n, optimizer);
}

/* Slots: the mean square, which starts at 1, the momentum, and where it is centred the mean gradient. */
static void rmsprop(const lstm_optimizer *o, const lstm__kernels *kernels, size_t first, size_t count, const float *g,
                    float *w)
{
    float *mean = o->rule->slots > 2 ? o->slot_data[2] + first : NULL;
    kernels->rmsprop(count, o->rate, 1.0f - o->n.decay, o->n.momentum, o->n.epsilon, g + first, o->slot_data[0] + first,
                     mean, o->slot_data[1] + first, w + first);
}

lstm_status lstm_optimizer_create_rmsprop(lstm_context *context, const lstm_params *params,
                                          const lstm_rmsprop_config *config, lstm_optimizer **optimizer)
{
    static const rule plain = {
        .name = "rmsprop", .slots = 2, .slot_names = {"rms", "momentum"}, .starts = {1.0f}, .update = rmsprop};
    static const rule centered = {.name = "centered_rmsprop",
                                  .slots = 3,
                                  .slot_names = {"rms", "momentum", "mg"},
                                  .starts = {1.0f},
                                  .update = rmsprop};
    const char *function = "lstm_optimizer_create_rmsprop";
    lstm_rmsprop_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    const numbers n = {.learning_rate = c.learning_rate,
                       .decay = value_or(c.decay, 0.9f),
                       .momentum = c.momentum,
                       .epsilon = value_or(c.epsilon, 1e-10f)};
    const rule *which = c.centered ? &centered : &plain;
    return create(function, context, params, which, which->starts, &n, optimizer);
}

static void adam(const lstm_optimizer *o, const lstm__kernels *kernels, size_t first, size_t count, const float *g,
                 float *w)
{
    kernels->adam(count, o->rate, 1.0f - o->n.beta1, 1.0f - o->n.beta2, o->n.epsilon, g + first,
                  o->slot_data[0] + first, o->slot_data[1] + first, w + first);
}

static const rule moments = {.name = "adam", .slots = 2, .slot_names = {"m", "v"}, .update = adam};

lstm_status lstm_optimizer_create_adam(lstm_context *context, const lstm_params *params, const lstm_adam_config *config,
                                       lstm_optimizer **optimizer)
{
    const char *function = "lstm_optimizer_create_adam";
    lstm_adam_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    const numbers n = {.learning_rate = c.learning_rate == 0.0f ? 0.001f : c.learning_rate,
                       .beta1 = value_or(c.beta1, 0.9f),
                       .beta2 = value_or(c.beta2, 0.999f),
                       .epsilon = value_or(c.epsilon, 1e-8f)};
    return create(function, context, params, &moments, moments.starts, &n, optimizer);
}

lstm_status lstm_optimizer_create_adamw(lstm_context *context, const lstm_params *params,
                                        const lstm_adamw_config *config, lstm_optimizer **optimizer)
{
    const char *function = "lstm_optimizer_create_adamw";
    lstm_adamw_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    if (!(c.weight_decay > 0.0f && c.weight_decay < 1.0f))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: weight_decay is %g, expected above 0 and below 1", function,
                          (double)c.weight_decay);
    const numbers n = {.learning_rate = c.learning_rate == 0.0f ? 0.001f : c.learning_rate,
                       .beta1 = value_or(c.beta1, 0.9f),
                       .beta2 = value_or(c.beta2, 0.999f),
                       .epsilon = value_or(c.epsilon, 1e-8f),
                       .weight_decay = c.weight_decay,
                       .decay_by_rate = c.decay_by_rate};
    return create(function, context, params, &moments, moments.starts, &n, optimizer);
}

lstm_status lstm_optimizer_set_learning_rate(lstm_optimizer *optimizer, float learning_rate)
{
    const char *function = "lstm_optimizer_set_learning_rate";
    if (!optimizer)
        return lstm__fail_null(function, "optimizer");
    if (!(learning_rate >= 0.0f) || isinf(learning_rate))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: learning_rate is %g, expected finite and not negative",
                          function, (double)learning_rate);
    optimizer->n.learning_rate = learning_rate;
    return LSTM_OK;
}

typedef struct apply_work {
    const lstm_optimizer *optimizer; /* of an update */
    const lstm__kernels *kernels;
    float share; /* of a moving average */
    size_t count;
    const float *g;
    float *w;
} apply_work;

static size_t end_of(const apply_work *work, size_t part)
{
    const size_t end = (part + 1) * UPDATE_FLOATS;
    return end < work->count ? end : work->count;
}

static void update_part(void *arg, size_t part, size_t lane)
{
    (void)lane;
    const apply_work *work = arg;
    const lstm_optimizer *o = work->optimizer;
    lstm__ranges trained = {.layout = o->layout, .begin = part * UPDATE_FLOATS, .end = end_of(work, part)};
    lstm__ranges decayed = trained;
    decayed.decay = true;
    while (o->n.weight_decay > 0.0f && lstm__next_range(&decayed))
        work->kernels->scale(decayed.count, o->keep, work->w + decayed.first);
    while (lstm__next_range(&trained))
        o->rule->update(o, work->kernels, trained.first, trained.count, work->g, work->w);
}

static void average_part(void *arg, size_t part, size_t lane)
{
    (void)lane;
    const apply_work *work = arg;
    const size_t first = part * UPDATE_FLOATS;
    work->kernels->move(end_of(work, part) - first, work->share, work->g + first, work->w + first);
}

/* One pass over the block, in parts. */
static void apply(lstm_context *context, void (*do_part)(void *arg, size_t part, size_t lane), apply_work *work,
                  lstm_params *weights)
{
    work->kernels = lstm__context_kernels(context);
    work->w = lstm_params_edit(weights, &work->count);
    const double operations = 20.0 * (double)work->count; /* a division and a root weigh more than a product */
    lstm__parallel(context, (work->count + UPDATE_FLOATS - 1) / UPDATE_FLOATS, operations, do_part, work);
}

lstm_status lstm_moving_average(lstm_params *shadow, const lstm_params *weights, float decay)
{
    const char *function = "lstm_moving_average";
    if (!weights)
        return lstm__fail_null(function, "weights");
    lstm_status status = lstm__params_check(function, "weights", weights, lstm__params_layout(weights));
    if (status || (status = lstm__params_check_writable(function, "shadow", shadow, lstm__params_layout(weights))) ||
        (status = check_share(function, "decay", decay)))
        return status;
    if (shadow == weights)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: shadow and weights are the same store", function);
    apply_work work = {.share = 1.0f - decay, .g = lstm_params_data(weights, NULL)};
    apply(lstm__params_context(shadow), average_part, &work, shadow);
    return LSTM_OK;
}

/* The step's numbers. Without betas both powers are 0: the rate is the learning rate. */
static void begin_step(lstm_optimizer *optimizer)
{
    const numbers *n = &optimizer->n;
    optimizer->rate =
        (float)((double)n->learning_rate * sqrt(1.0 - optimizer->beta_powers[1]) / (1.0 - optimizer->beta_powers[0]));
    optimizer->keep = 1.0f - (n->decay_by_rate ? n->learning_rate * n->weight_decay : n->weight_decay);
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
    begin_step(optimizer);
    apply_work work = {.optimizer = optimizer, .g = lstm_params_data(gradients, NULL)};
    apply(optimizer->context, update_part, &work, weights);
    optimizer->beta_powers[0] *= (double)optimizer->n.beta1;
    optimizer->beta_powers[1] *= (double)optimizer->n.beta2;
    return LSTM_OK;
}
