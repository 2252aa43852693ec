/* Contexts, cells, stores, plans and all that is made of them. */
#include "counted.h"
#include "scenario.h"

#include <string.h>

memory scenario_memory;
const char *scenario_call;
float scenario_numbers[NUMBERS];

static counter count;

static lstm_status make_context(world *w, result *r)
{
    (void)r;
    count = (counter){.left = SIZE_MAX};
    switch (scenario_memory) {
    case OWN_ALLOCATOR: return counted_context(&count, &w->context);
    case THREADS: return lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = 3), &w->context);
    default: return lstm_context_create(NULL, &w->context);
    }
}

/* ---- cells ---- */

enum {
    BASIC_RNN,
    BASIC_LSTM,
    LSTM,
    GRU,
    CUDNN_GRU,
    LAYER_NORM,
    COUPLED,
    CUSTOM,
    CUSTOM_APART,
    MULTI,
    DROPOUT,
    HIGHWAY,
    RESIDUAL,
    INPUT_PROJECTION,
    OUTPUT_PROJECTION,
    LEAVES = 10 /* of the custom cell's state */
};

static const lstm_initializer orthogonal = {.kind = LSTM_INITIALIZER_ORTHOGONAL, .a = 1.0f};
static const lstm_initializer small = {.kind = LSTM_INITIALIZER_UNIFORM, .a = -0.5f, .b = 0.5f};

STEP(basic_rnn, lstm_cell_create_basic_rnn(w->context, 3, NULL, &w->cells[BASIC_RNN]))
STEP(basic_lstm, lstm_cell_create_basic_lstm(w->context, 3, NULL, &w->cells[BASIC_LSTM]))
STEP(lstm, lstm_cell_create_lstm(w->context, 3,
                                 LSTM_ARGS(lstm_lstm_config, .use_peepholes = true, .num_proj = 2, .cell_clip = 1.0f,
                                           .initializer = &small),
                                 &w->cells[LSTM]))
STEP(gru, lstm_cell_create_gru(w->context, 3, NULL, &w->cells[GRU]))
STEP(cudnn_gru, lstm_cell_create_cudnn_compatible_gru(w->context, 3, NULL, &w->cells[CUDNN_GRU]))
STEP(layer_norm, lstm_cell_create_layer_norm_basic_lstm(w->context, 3, NULL, &w->cells[LAYER_NORM]))
STEP(coupled, lstm_cell_create_coupled_input_forget_lstm(w->context, 3, NULL, &w->cells[COUPLED]))

/* More states and variables than a first array holds. self: not NULL if the output is no state. */
static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    lstm_status status = lstm_cell_spec_state(spec, input_size);
    for (size_t k = 0; k < 9 && !status; k++)
        status = lstm_cell_spec_variable(spec, (const char[]){(char)('a' + (int)k), 0}, 1, &input_size, NULL, NULL);
    for (size_t k = 1; k < LEAVES && !status; k++)
        status = lstm_cell_spec_state(spec, 1);
    if (!status)
        status = lstm_cell_spec_protect_state(spec, 0);
    if (!status)
        status = lstm_cell_spec_memory(spec, 1, 1);
    if (status)
        return status;
    return self ? lstm_cell_spec_output(spec, input_size) : lstm_cell_spec_output_state(spec, 0);
}

static void take(const void *self, const lstm_step *s)
{
    const size_t size = s->rows * s->input_size * sizeof(float);
    memcpy(s->next_state[0], s->input, size);
    if (self)
        memcpy(s->output, s->input, size);
    for (size_t k = 1; k < LEAVES; k++)
        memcpy(s->next_state[k], s->state[k], s->rows * sizeof(float));
}

static void give_back(const void *self, const lstm_step *s, const lstm_step_grad *g)
{
    (void)self;
    for (size_t k = 0; k < s->rows * s->input_size; k++) {
        g->d_state[0][k] = 0.0f;
        if (g->d_input)
            g->d_input[k] = g->d_output[k] + g->d_next_state[0][k];
    }
    for (size_t k = 1; k < LEAVES; k++)
        memcpy(g->d_state[k], g->d_next_state[k], s->rows * sizeof(float));
}

static const lstm_cell_ops ops = {
    .struct_size = sizeof ops, .name = "copy", .declare = declare, .step = take, .step_backward = give_back};

STEP(custom, lstm_cell_create_custom(w->context, &ops, NULL, &w->cells[CUSTOM]))
STEP(custom_apart, lstm_cell_create_custom(w->context, &ops, &count, &w->cells[CUSTOM_APART]))
STEP(multi, lstm_cell_create_multi_rnn(w->context, (lstm_cell *[]){w->cells[LSTM], w->cells[GRU], w->cells[LAYER_NORM]},
                                       3, &w->cells[MULTI]))
STEP(dropout, lstm_cell_create_dropout(w->context, w->cells[MULTI],
                                       LSTM_ARGS(lstm_dropout_config, .output_keep_prob = 0.5f, .zoneout = 0.25f),
                                       &w->cells[DROPOUT]))
STEP(highway, lstm_cell_create_highway(w->context, w->cells[COUPLED], &w->cells[HIGHWAY]))
STEP(residual, lstm_cell_create_residual(w->context, w->cells[BASIC_RNN], &w->cells[RESIDUAL]))
STEP(input_projection,
     lstm_cell_create_input_projection(w->context, w->cells[RESIDUAL], 3, NULL, &w->cells[INPUT_PROJECTION]))
STEP(output_projection,
     lstm_cell_create_output_projection(w->context, w->cells[INPUT_PROJECTION], 2, NULL, &w->cells[OUTPUT_PROJECTION]))
STEP(check_gradient, lstm_cell_check_gradient(w->context, w->cells[DROPOUT], 2, &r->d[0]))

/* ---- stores, plans, models ---- */

#define LONG_SCOPE "a_scope_of_many_characters" /* Jansson's buffers grow */
static const char graph[] =
    "{\"input_size\": 2, \"layers\": [{\"type\": \"rnn\", \"scope\": \"" LONG_SCOPE "\", \"cell\": {\"type\": "
    "\"multi_rnn\", \"cells\": [{\"type\": \"lstm\", \"num_units\": 3, \"forget_bias\": 0.30000001192092896}, "
    "{\"type\": "
    "\"residual\", \"cell\": {\"type\": \"gru\", \"num_units\": 3}}]}}, {\"type\": \"dense\", \"units\": 3, "
    "\"activation\": \"softmax\"}]}";
static const char wide_graph[] =
    "{\"layers\": [{\"type\": \"bidirectional_rnn\", \"merge\": \"sum\", \"return\": \"last\", \"forward\": {\"type\": "
    "\"basic_rnn\", \"num_units\": 2}, \"backward\": {\"type\": \"layer_norm_basic_lstm\", \"num_units\": 2}}], "
    "\"input_size\": 20}";

static const lstm_rnn_config learned = {.struct_size = sizeof learned, .learned_initial_state = true};
static const lstm_rnn_config summed = {.struct_size = sizeof summed, .merge = LSTM_MERGE_SUM};

STEP(params, lstm_params_create(w->context, &w->params))
STEP(declared, lstm_params_declare(w->params, "table", 2, (const size_t[]){5, 2}, &orthogonal))
STEP(plain, lstm_rnn_create(w->params, "plain", w->cells[DROPOUT], 2, &learned, &w->plain))
STEP(both,
     lstm_rnn_create_bidirectional(w->params, "both", w->cells[HIGHWAY], w->cells[BASIC_LSTM], 3, &summed, &w->both))
STEP(stack, lstm_rnn_create_stack_bidirectional(w->params, "stack",
                                                (lstm_cell *[]){w->cells[GRU], w->cells[OUTPUT_PROJECTION]},
                                                (lstm_cell *[]){w->cells[CUDNN_GRU], w->cells[BASIC_LSTM]}, 2, 2, NULL,
                                                &w->stack))
STEP(custom_plan, lstm_rnn_create(w->params, "custom", w->cells[CUSTOM], 2, NULL, &w->custom))
STEP(custom_apart_plan, lstm_rnn_create(w->params, "apart", w->cells[CUSTOM_APART], 2, NULL, &w->apart))
STEP(dense, lstm_dense_create(w->params, "dense", 3, 2, NULL, &w->dense))

static lstm_status set_up(world *w, result *r)
{
    (void)r;
    lstm_status status = lstm_params_set_initializer(w->params, "dense/kernel", &orthogonal);
    return status ? status : lstm_params_set_trainable(w->params, "table", true, false);
}

STEP(initialized, lstm_params_initialize(w->params, 1))
STEP(zeros, lstm_params_create_like(w->params, &w->zeros))
STEP(other, lstm_params_create_like(w->params, &w->other))
STEP(frozen, lstm_params_freeze(w->params, NULL, &w->frozen))
STEP(net, lstm_params_create(w->context, &w->net))
STEP(model, lstm_model_create(w->net, graph, &w->model))
STEP(wide, lstm_params_create(w->context, &w->wide))
STEP(wide_model, lstm_model_create(w->wide, wide_graph, &w->wide_model))
STEP(net_initialized, lstm_params_initialize(w->net, 2))
STEP(copied, lstm_params_copy(w->params, w->other, "*"))
STEP(net_grads, lstm_params_create_like(w->net, &w->net_grads))
STEP(net_frozen, lstm_params_freeze(w->net, NULL, &w->net_frozen))

/* In memory of the caller's. */
static lstm_status borrowed(world *w, result *r)
{
    static union {
        _Alignas(64) unsigned char bytes[4 * BYTES];
        float floats[BYTES];
    } room;
    lstm_status status = lstm_params_freeze_size(w->params, &r->n[0], &r->n[1]);
    return status ? status
                  : lstm_params_freeze(w->params,
                                       LSTM_ARGS(lstm_freeze_config, .memory = &room, .memory_size = sizeof room),
                                       &w->borrowed);
}

/* ---- what runs them ---- */

static const lstm_tape_config of_two = {.struct_size = sizeof of_two, .max_batch = 2, .max_time = 3};
static const lstm_stream_config rows = {.struct_size = sizeof rows, .batch = 2};

STEP(tape, lstm_tape_create(w->plain, &of_two, &w->tape))
STEP(raw_tape, lstm_tape_create(w->custom, &of_two, &w->raw_tape))
STEP(model_tape, lstm_model_tape_create(w->model, &of_two, &w->model_tape))
STEP(stream, lstm_stream_create(w->plain, w->frozen, &rows, &w->stream))
STEP(fork, lstm_stream_create(w->plain, w->borrowed, &rows, &w->fork))
STEP(model_stream, lstm_model_stream_create(w->model, w->net_frozen, &rows, &w->model_stream))
STEP(model_fork, lstm_model_stream_create(w->model, w->net_frozen, &rows, &w->model_fork))

/* They depend on the context's threads. */
static lstm_status sizes(world *w, result *r)
{
    size_t bytes[4] = {0};
    lstm_status status = lstm_tape_size(w->both, &of_two, &bytes[0], NULL);
    if (!status)
        status = lstm_model_tape_size(w->model, &of_two, &bytes[1], NULL);
    if (!status)
        status = lstm_stream_size(w->plain, &rows, &bytes[2], NULL);
    if (!status)
        status = lstm_model_stream_size(w->model, &rows, &bytes[3], NULL);
    for (size_t k = 0; k < 4; k++)
        r->n[k] = bytes[k] > 0;
    return status;
}

#define OPTIMIZER(place, kind, ...)                                                                                    \
    STEP(kind, lstm_optimizer_create_##kind(w->context, w->params, LSTM_ARGS(lstm_##kind##_config, __VA_ARGS__),       \
                                            &w->optimizers[place]))
OPTIMIZER(0, gradient_descent, .learning_rate = 0.5f)
OPTIMIZER(1, momentum, .learning_rate = 0.5f, .momentum = 0.5f)
OPTIMIZER(2, adagrad, .learning_rate = 0.5f)
OPTIMIZER(3, adadelta, .learning_rate = 0.5f)
OPTIMIZER(4, rmsprop, .learning_rate = 0.5f, .momentum = 0.5f)
OPTIMIZER(5, adam, .learning_rate = 0.5f)
OPTIMIZER(6, adamw, .weight_decay = 0.125f)

static const size_t lengths[] = {3, 1, 2, 3, 2};
STEP(batches, lstm_batches_create(w->context,
                                  LSTM_ARGS(lstm_batches_config, .examples = 5, .batch_size = 2, .lengths = lengths,
                                            .shuffle = true, .bucket_batches = 2),
                                  &w->batches))

#define TELL(name)                                                                                                     \
    {                                                                                                                  \
#name, name, NULL                                                                                              \
    }
const step object_steps[] = {TELL(make_context),
                             TELL(basic_rnn),
                             TELL(basic_lstm),
                             TELL(lstm),
                             TELL(gru),
                             TELL(cudnn_gru),
                             TELL(layer_norm),
                             TELL(coupled),
                             TELL(custom),
                             TELL(custom_apart),
                             TELL(multi),
                             TELL(dropout),
                             TELL(highway),
                             TELL(residual),
                             TELL(input_projection),
                             TELL(output_projection),
                             TELL(check_gradient),
                             TELL(params),
                             TELL(declared),
                             TELL(plain),
                             TELL(both),
                             TELL(stack),
                             TELL(custom_plan),
                             TELL(custom_apart_plan),
                             TELL(dense),
                             TELL(set_up),
                             TELL(initialized),
                             TELL(zeros),
                             TELL(other),
                             TELL(frozen),
                             TELL(borrowed),
                             TELL(net),
                             TELL(model),
                             TELL(wide),
                             TELL(wide_model),
                             TELL(net_initialized),
                             TELL(copied),
                             TELL(net_grads),
                             TELL(net_frozen),
                             TELL(tape),
                             TELL(raw_tape),
                             TELL(model_tape),
                             TELL(stream),
                             TELL(fork),
                             TELL(model_stream),
                             TELL(model_fork),
                             TELL(sizes),
                             TELL(gradient_descent),
                             TELL(momentum),
                             TELL(adagrad),
                             TELL(adadelta),
                             TELL(rmsprop),
                             TELL(adam),
                             TELL(adamw),
                             TELL(batches)};
const size_t object_step_count = sizeof object_steps / sizeof *object_steps;

void scenario_end(world *w)
{
    lstm_checkpoint_destroy(w->checkpoint);
    lstm_checkpoint_destroy(w->model_checkpoint);
    lstm_safetensors_destroy(w->file);
    lstm_safetensors_destroy(w->in_memory);
    lstm_batches_destroy(w->batches);
    for (size_t k = 0; k < OPTIMIZERS; k++)
        lstm_optimizer_destroy(w->optimizers[k]);
    lstm_model_stream_destroy(w->model_stream);
    lstm_model_stream_destroy(w->model_fork);
    lstm_stream_destroy(w->stream);
    lstm_stream_destroy(w->fork);
    lstm_model_tape_destroy(w->model_tape);
    lstm_tape_destroy(w->tape);
    lstm_tape_destroy(w->raw_tape);
    lstm_model_destroy(w->model);
    lstm_model_destroy(w->opened_model);
    lstm_model_destroy(w->wide_model);
    lstm_model_destroy(w->model_of_memory);
    lstm_dense_destroy(w->dense);
    lstm_rnn *const plans[] = {w->plain, w->both, w->stack, w->custom, w->apart, w->lstm};
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++)
        lstm_rnn_destroy(plans[k]);
    lstm_params *const stores[] = {w->params,    w->zeros,      w->frozen, w->borrowed, w->other, w->loaded,  w->net,
                                   w->net_grads, w->net_frozen, w->opened, w->memory,   w->torch, w->average, w->wide};
    for (size_t k = 0; k < sizeof stores / sizeof *stores; k++)
        lstm_params_destroy(stores[k]);
    for (size_t k = 0; k < CELLS; k++)
        lstm_cell_destroy(w->cells[k]);
    lstm_context_destroy(w->context);
}
