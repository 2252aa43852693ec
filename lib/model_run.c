#include "context.h"
#include "memory.h"
#include "model.h"
#include "status.h"

#include <stdint.h>
#include <string.h>

struct lstm_model_tape {
    lstm_model *model;
    bool inference, owns_memory;
    size_t max_batch, max_time, max_steps;

    /* The last run, or nothing: params is NULL then. */
    lstm_params *params;
    uint64_t version;
    size_t batch, time;
    bool ragged, logits;

    size_t *length;      /* [max_batch] of a ragged run */
    lstm_tape **tapes;   /* per layer; NULL for a dense one */
    float **values;      /* per layer its output; inference: every other one the same memory */
    float *inputs;       /* training where the first layer is dense: a copy */
    float *gradients[2]; /* training: of the values of a layer, in turn */
};

/* ---- memory ---- */

/* How many rows of a layer's output, or input, there are at most. */
static size_t most_rows(const lstm_tape_config *c, bool by_row)
{
    size_t rows = c->max_batch;
    return by_row || lstm__multiply(rows, c->max_time, &rows) ? rows : SIZE_MAX;
}

static size_t most_floats(const lstm_tape_config *c, const lstm__model_layer *layer)
{
    size_t floats;
    const size_t rows = most_rows(c, layer->by_row || layer->returns_last);
    return lstm__multiply(rows, layer->output_size, &floats) ? floats : SIZE_MAX;
}

static lstm_status cut_tape(lstm__arena *arena, const lstm_tape_config *c, const lstm__model_layer *layer,
                            lstm_tape **tape)
{
    lstm_tape_config config = *c;
    lstm_status status = lstm_tape_size(layer->rnn, &config, &config.memory_size, NULL);
    if (status)
        return status;
    config.memory = lstm__arena_take(arena, 1, config.memory_size);
    return config.memory ? lstm_tape_create(layer->rnn, &config, tape) : LSTM_OK;
}

/* Cut the memory; with an arena that only counts, the tape is a dummy. */
static lstm_status cut(lstm__arena *arena, const lstm_model *model, const lstm_tape_config *c, lstm_model_tape *tape)
{
    const size_t layers = model->layer_count;
    size_t largest[2] = {0}, rows = most_rows(c, false), floats = 0; /* largest: of every other layer */
    tape->length = lstm__arena_take(arena, c->max_batch, sizeof *tape->length);
    tape->tapes = lstm__arena_take(arena, layers, sizeof *tape->tapes);
    tape->values = lstm__arena_take(arena, layers, sizeof *tape->values);
    for (size_t k = 0; k < layers; k++) {
        const lstm__model_layer *layer = &model->layers[k];
        lstm_tape *unused = NULL, **made = arena->base ? &tape->tapes[k] : &unused;
        lstm_status status = layer->rnn ? cut_tape(arena, c, layer, made) : LSTM_OK;
        if (status)
            return status;
        floats = most_floats(c, layer);
        if (floats > largest[k % 2] && k + 1 < layers)
            largest[k % 2] = floats;
    }
    for (size_t k = 0; k < layers; k++) {
        const bool shared = c->inference && k >= 2, needed = k + 1 < layers || (!c->inference && !model->layers[k].rnn);
        float *made = shared || !needed
                          ? NULL
                          : lstm__arena_take(arena, c->inference ? largest[k % 2] : most_floats(c, &model->layers[k]),
                                             sizeof(float));
        if (arena->base)
            tape->values[k] = shared ? tape->values[k - 2] : made;
    }
    if (c->inference)
        return LSTM_OK;
    if (!model->layers[0].rnn)
        tape->inputs = lstm__arena_take(
            arena, lstm__multiply(rows, model->layers[0].input_size, &floats) ? floats : SIZE_MAX, sizeof(float));
    for (int k = 0; k < 2; k++)
        tape->gradients[k] = lstm__arena_take(arena, largest[0] > largest[1] ? largest[0] : largest[1], sizeof(float));
    return LSTM_OK;
}

/* Check a config and find what it takes; the arena has counted then. */
static lstm_status measure(const char *function, const lstm_model *model, const lstm_tape_config *config,
                           lstm_tape_config *c, lstm__arena *arena)
{
    lstm_status status = lstm__read_args(function, c, sizeof *c, config);
    if (status)
        return status;
    c->struct_size = sizeof *c;
    lstm_model_tape dummy;
    *arena = (lstm__arena){0};
    lstm__arena_take(arena, 1, sizeof(lstm_model_tape));
    if ((status = cut(arena, model, c, &dummy)))
        return lstm__fail_as(function, status);
    size_t steps;
    arena->overflow |= !lstm__multiply(c->max_batch, c->max_time, &steps);
    return arena->overflow ? lstm__fail_memory(function) : LSTM_OK;
}

lstm_status lstm_model_tape_size(const lstm_model *model, const lstm_tape_config *config, size_t *bytes,
                                 size_t *alignment)
{
    const char *function = "lstm_model_tape_size";
    if (!model || !config || !bytes)
        return lstm__fail_null(function, !model ? "model" : !config ? "config" : "bytes");
    lstm_tape_config c;
    lstm__arena arena;
    lstm_status status = measure(function, model, config, &c, &arena);
    if (status)
        return status;
    *bytes = arena.used;
    if (alignment)
        *alignment = LSTM__ALIGNMENT;
    return LSTM_OK;
}

lstm_status lstm_model_tape_create(const lstm_model *model, const lstm_tape_config *config, lstm_model_tape **tape)
{
    const char *function = "lstm_model_tape_create";
    if (!model || !config || !tape)
        return lstm__fail_null(function, !model ? "model" : !config ? "config" : "tape");
    lstm_tape_config c;
    lstm__arena arena;
    void *memory;
    lstm_status status = measure(function, model, config, &c, &arena);
    if (status || (status = lstm__take_memory(function, model->context, c.memory, c.memory_size, arena.used, &memory)))
        return status;
    arena = (lstm__arena){.base = memory};
    lstm_model_tape *made = lstm__arena_take(&arena, 1, sizeof *made);
    made->model = (lstm_model *)(uintptr_t)model;
    lstm__model_retain(made->model);
    made->inference = c.inference;
    made->owns_memory = !c.memory;
    made->max_batch = c.max_batch;
    made->max_time = c.max_time;
    made->max_steps = c.max_steps ? c.max_steps : c.max_batch * c.max_time;
    if ((status = cut(&arena, model, &c, made))) {
        lstm_model_tape_destroy(made);
        return lstm__fail_as(function, status);
    }
    *tape = made;
    return LSTM_OK;
}

static void forget(lstm_model_tape *tape)
{
    lstm_params_destroy(tape->params);
    tape->params = NULL;
}

void lstm_model_tape_destroy(lstm_model_tape *tape)
{
    if (!tape)
        return;
    lstm_model *model = tape->model;
    for (size_t k = 0; k < model->layer_count; k++)
        lstm_tape_destroy(tape->tapes[k]);
    forget(tape);
    if (tape->owns_memory)
        lstm__release(model->context, tape);
    lstm_model_destroy(model);
}

/* ---- forward ---- */

static size_t length_of(const lstm_model_tape *tape, size_t row)
{
    return tape->ragged ? tape->length[row] : tape->time;
}

static lstm_status check_lengths(const char *function, const lstm_model_tape *tape, const lstm_model_args *args)
{
    size_t steps = 0; /* no overflow: at most max_batch * max_time, which fits */
    for (size_t row = 0; row < args->batch; row++) {
        const size_t length = args->sequence_length ? args->sequence_length[row] : args->time;
        if (length > args->time)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: sequence_length[%zu] is %zu, expected 0 to %zu", function,
                              row, length, args->time);
        steps += length;
    }
    if (steps > tape->max_steps)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: the lengths add up to %zu, the tape holds %zu", function, steps,
                          tape->max_steps);
    return LSTM_OK;
}

static lstm_status check(const char *function, const lstm_model_tape *tape, const lstm_params *params,
                         const lstm_model_args *args)
{
    const lstm_model *model = tape->model;
    lstm_status status = lstm__params_check(function, "params", params, model->layout);
    if (status)
        return status;
    if (args->batch > tape->max_batch || args->time > tape->max_time)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: batch %zu, time %zu; the tape holds %zu, %zu", function, args->batch,
                          args->time, tape->max_batch, tape->max_time);
    if (args->batch && args->time && !args->inputs)
        return lstm__fail_null(function, "inputs");
    if (args->batch && (args->time || lstm_model_returns_last(model)) && !args->outputs)
        return lstm__fail_null(function, "outputs");
    for (size_t leaf = 0; args->initial_state && args->batch && leaf < model->states; leaf++)
        if (!args->initial_state[leaf])
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: initial_state[%zu] is NULL", function, leaf);
    if (args->logits && !lstm_model_has_logits(model))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the last layer is not dense, there are no logits", function);
    return check_lengths(function, tape, args);
}

/* What of the rows a dense layer treats at once: everything, or row after row only the steps within its length. Without
 * steps there are no rows, and arrays may be NULL. */
static bool goes_by_length(const lstm_model_tape *tape, const lstm__model_layer *layer)
{
    return tape->ragged && tape->time && !layer->reads_padding;
}

static size_t rows_of(const lstm_model_tape *tape, const lstm__model_layer *layer)
{
    return layer->by_row ? tape->batch : tape->batch * tape->time;
}

static lstm_status run_dense(const lstm_model_tape *tape, const lstm__model_layer *layer, const lstm_dense *dense,
                             const lstm_params *params, const float *x, float *y)
{
    if (!goes_by_length(tape, layer))
        return lstm_dense_forward(dense, params, rows_of(tape, layer), x, y);
    lstm_status status = LSTM_OK;
    for (size_t row = 0; row < tape->batch && !status; row++) {
        const size_t length = length_of(tape, row), first = row * tape->time;
        float *out = y + first * layer->output_size;
        status = lstm_dense_forward(dense, params, length, x + first * layer->input_size, out);
        memset(out + length * layer->output_size, 0, (tape->time - length) * layer->output_size * sizeof *out);
    }
    return status;
}

static lstm_status run_rnn(const lstm_model_tape *tape, size_t k, const lstm_params *params,
                           const lstm_model_args *args, const float *x, float *y)
{
    const lstm__model_layer *layer = &tape->model->layers[k];
    const lstm_dynamic_rnn_args a = {
        .struct_size = sizeof a,
        .batch = tape->batch,
        .time = tape->time,
        .inputs = x,
        .sequence_length = tape->ragged ? tape->length : NULL,
        .initial_state = args->initial_state ? args->initial_state + layer->first_state : NULL,
        .outputs = layer->returns_last ? NULL : y,
        .last_output = layer->returns_last ? y : NULL,
        .final_state = args->final_state ? args->final_state + layer->first_state : NULL,
    };
    return lstm_dynamic_rnn(tape->tapes[k], params, &a);
}

/* Keep the inputs, which are the caller's and may be gone when backward needs them. */
static const float *keep_inputs(const lstm_model_tape *tape, const float *inputs)
{
    const size_t width = tape->model->layers[0].input_size;
    for (size_t row = 0; row < tape->batch; row++)
        if (length_of(tape, row))
            memcpy(tape->inputs + row * tape->time * width, inputs + row * tape->time * width,
                   length_of(tape, row) * width * sizeof *inputs);
    return tape->inputs;
}

static lstm_status run_layers(const lstm_model_tape *tape, const lstm_params *params, const lstm_model_args *args)
{
    const lstm_model *model = tape->model;
    const float *x = tape->inputs ? keep_inputs(tape, args->inputs) : args->inputs;
    lstm_status status = LSTM_OK;
    for (size_t k = 0; k < model->layer_count && !status; k++) {
        const lstm__model_layer *layer = &model->layers[k];
        const bool is_last = k + 1 == model->layer_count;
        float *y = tape->values[k] && !(is_last && tape->inference) ? tape->values[k] : args->outputs;
        status = layer->rnn
                     ? run_rnn(tape, k, params, args, x, y)
                     : run_dense(tape, layer, is_last && tape->logits ? layer->logits : layer->dense, params, x, y);
        if (is_last && y != args->outputs && rows_of(tape, layer))
            memcpy(args->outputs, y, rows_of(tape, layer) * layer->output_size * sizeof *y);
        x = y;
    }
    return status;
}

lstm_status lstm_model_run(lstm_model_tape *tape, const lstm_params *params, const lstm_model_args *args)
{
    const char *function = "lstm_model_run";
    if (!tape || !args)
        return lstm__fail_null(function, tape ? "args" : "tape");
    lstm_model_args a;
    lstm_status status = lstm__read_args(function, &a, sizeof a, args);
    if (status || (status = check(function, tape, params, &a)))
        return status;
    forget(tape);
    tape->batch = a.batch;
    tape->time = a.time;
    tape->logits = a.logits;
    tape->ragged = a.sequence_length != NULL;
    if (tape->ragged && a.batch)
        memcpy(tape->length, a.sequence_length, a.batch * sizeof *tape->length);
    if ((status = run_layers(tape, params, &a)) || tape->inference)
        return status;
    tape->params = (lstm_params *)(uintptr_t)params;
    tape->version = lstm__params_version(params);
    lstm__params_retain(tape->params);
    return LSTM_OK;
}

/* ---- backward ---- */

static lstm_status check_backward(const char *function, const lstm_model_tape *tape, const lstm_params *params,
                                  const lstm_model_grads *grads)
{
    lstm_status status = lstm__params_check(function, "params", params, tape->model->layout);
    if (status)
        return status;
    if (tape->inference)
        return lstm__fail(LSTM_ERR_STATE, "%s: the tape was created for inference", function);
    if (!tape->params)
        return lstm__fail(LSTM_ERR_STATE, "%s: no run before it; each one serves one backward", function);
    if (tape->params != params || tape->version != lstm__params_version(params))
        return lstm__fail(LSTM_ERR_STATE, "%s: params are not, or no longer, what the run was with", function);
    if (grads->d_params == params)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: d_params and params are the same store", function);
    if (tape->batch && (tape->time || lstm_model_returns_last(tape->model)) && !grads->d_outputs)
        return lstm__fail_null(function, "d_outputs");
    return grads->d_params ? lstm__params_check_writable(function, "d_params", grads->d_params, tape->model->layout)
                           : LSTM_OK;
}

static lstm_status dense_backward(const lstm_model_tape *tape, size_t k, const lstm_params *params,
                                  const lstm_model_grads *grads, const float *d_y, float *d_x)
{
    const lstm__model_layer *layer = &tape->model->layers[k];
    const bool logits = tape->logits && k + 1 == tape->model->layer_count;
    const lstm_dense *dense = logits ? layer->logits : layer->dense;
    const float *x = k ? tape->values[k - 1] : tape->inputs, *y = tape->values[k];
    if (!goes_by_length(tape, layer))
        return lstm_dense_backward(dense, params, rows_of(tape, layer), x, y, d_y, grads->d_params, d_x);
    lstm_status status = LSTM_OK;
    for (size_t row = 0; row < tape->batch && !status; row++) {
        const size_t length = length_of(tape, row), first = row * tape->time, n = layer->input_size;
        float *d_in = d_x ? d_x + first * n : NULL;
        const size_t at = first * layer->output_size;
        status = lstm_dense_backward(dense, params, length, x + first * n, y + at, d_y + at, grads->d_params, d_in);
        if (d_in)
            memset(d_in + length * n, 0, (tape->time - length) * n * sizeof *d_in);
    }
    return status;
}

static lstm_status rnn_backward(const lstm_model_tape *tape, size_t k, const lstm_params *params,
                                const lstm_model_grads *grads, const float *d_y, float *d_x)
{
    const lstm__model_layer *layer = &tape->model->layers[k];
    const lstm_dynamic_rnn_grads g = {
        .struct_size = sizeof g,
        .d_outputs = layer->returns_last ? NULL : d_y,
        .d_last_output = layer->returns_last ? d_y : NULL,
        .d_final_state = grads->d_final_state ? grads->d_final_state + layer->first_state : NULL,
        .d_params = grads->d_params,
        .d_inputs = d_x,
        .d_initial_state = grads->d_initial_state ? grads->d_initial_state + layer->first_state : NULL,
    };
    return lstm_dynamic_rnn_backward(tape->tapes[k], params, &g);
}

lstm_status lstm_model_backward(lstm_model_tape *tape, const lstm_params *params, const lstm_model_grads *grads)
{
    const char *function = "lstm_model_backward";
    if (!tape || !grads)
        return lstm__fail_null(function, tape ? "grads" : "tape");
    lstm_model_grads g;
    lstm_status status = lstm__read_args(function, &g, sizeof g, grads);
    if (status || (status = check_backward(function, tape, params, &g)))
        return status;
    const float *d_y = g.d_outputs;
    for (size_t k = tape->model->layer_count; k-- > 0 && !status;) {
        float *d_x = k ? tape->gradients[k % 2] : g.d_inputs;
        status = tape->model->layers[k].rnn ? rnn_backward(tape, k, params, &g, d_y, d_x)
                                            : dense_backward(tape, k, params, &g, d_y, d_x);
        d_y = d_x;
    }
    forget(tape);
    return status;
}
