/* Plans: cells bound to names in a store. */
#include "rnn.h"

#include "context.h"
#include "memory.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

#include <lstm/random.h>

/* What the three create functions have in common: `layers` pairs of cells, bw NULL for a plain plan. */
typedef struct wish {
    const char *function, *scope;
    lstm_cell *const *fw, *const *bw;
    size_t layers, input_size;
    bool stacked;
    lstm_rnn_config config;
} wish;

static lstm_status check(const wish *w, const lstm_params *params, lstm_rnn **rnn)
{
    const lstm_rnn_config *c = &w->config;
    if (!params || !rnn || (!w->bw && !w->fw[0]))
        return lstm__fail_null(w->function, !params ? "params" : !rnn ? "rnn" : "cell");
    for (size_t k = 0; k < w->layers; k++)
        if (!w->fw[k] || (w->bw && !w->bw[k]))
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s of layer %zu is NULL", w->function,
                              w->fw[k] ? "bw" : "fw", k);
    if (!lstm__name_is_good(w->scope))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.64s\" is not a scope", w->function, w->scope);
    if (w->input_size < 1 || w->input_size > INT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: input_size is %zu, expected 1 to 2^31 - 1", w->function,
                          w->input_size);
    if (c->layout != LSTM_BATCH_MAJOR && c->layout != LSTM_TIME_MAJOR)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: layout %d is not known", w->function, (int)c->layout);
    if (c->merge != LSTM_MERGE_CONCAT && (c->merge != LSTM_MERGE_SUM || !w->bw))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: merge %d is not one for this plan", w->function,
                          (int)c->merge);
    return LSTM_OK;
}

/* Declare one direction of a layer. */
static lstm_status add_direction(const wish *w, lstm_rnn *rnn, lstm_cell *cell, const char *path, size_t input_size)
{
    lstm__direction *made = &rnn->directions[rnn->direction_count++];
    made->cell = cell;
    lstm__cell_retain(cell);
    lstm_status status =
        lstm__spec_declare(w->function, cell, input_size, path, "", &rnn->variables, &rnn->newest, &made->spec);
    if (status)
        return status;
    rnn->adds_by_step = rnn->adds_by_step || made->spec->adds_by_step;
    rnn->is_trainable = rnn->is_trainable && lstm__spec_is_trainable(made->spec);
    return lstm__add(rnn->states, made->spec->states, &rnn->states) ? LSTM_OK : lstm__fail_memory(w->function);
}

static lstm_status add_layer(const wish *w, lstm_rnn *rnn, size_t k, size_t input_size)
{
    char below[64] = "", path[72];
    lstm__layer *layer = &rnn->layers[rnn->layer_count++];
    *layer = (lstm__layer){.input_size = input_size, .first_direction = rnn->direction_count};
    if (w->stacked)
        snprintf(below, sizeof below, "cell_%zu/bidirectional_rnn/", k);
    for (size_t d = 0; d < (w->bw ? 2u : 1u); d++) {
        snprintf(path, sizeof path, "%s%s", below, !w->bw ? "" : d ? "bw" : "fw");
        lstm_status status = add_direction(w, rnn, d ? w->bw[k] : w->fw[k], path, input_size);
        if (status)
            return status;
        lstm__direction *direction = &rnn->directions[layer->first_direction + d];
        const size_t width = direction->spec->output_size;
        direction->reverse = d > 0;
        if (d && w->config.merge == LSTM_MERGE_SUM && width != layer->output_size)
            return lstm__fail(LSTM_ERR_SHAPE, "%s: a sum of outputs %zu and %zu wide", w->function, layer->output_size,
                              width);
        direction->column = w->config.merge == LSTM_MERGE_SUM ? 0 : layer->output_size;
        if (!lstm__add(direction->column, width, &layer->output_size) || layer->output_size > INT32_MAX)
            return lstm__fail(LSTM_ERR_SHAPE, "%s: the merged output is wider than 2^31 - 1", w->function);
        layer->directions++;
    }
    return LSTM_OK;
}

/* Leaves: forward directions of all layers first, as TF1 returns them. */
static lstm_status number_states(const wish *w, lstm_rnn *rnn)
{
    size_t leaf = 0;
    rnn->state_sizes = lstm__allocate(rnn->context, rnn->states + 1, sizeof *rnn->state_sizes);
    if (!rnn->state_sizes)
        return lstm__fail_memory(w->function);
    for (int reverse = 0; reverse < 2; reverse++)
        for (size_t d = 0; d < rnn->direction_count; d++) {
            lstm__direction *direction = &rnn->directions[d];
            if (direction->reverse != (reverse == 1))
                continue;
            direction->first_state = leaf;
            for (size_t k = 0; k < direction->spec->states; k++)
                rnn->state_sizes[leaf++] = direction->spec->state_sizes[k];
        }
    for (size_t k = 0; k < rnn->states; k++)
        if (!lstm__add(rnn->state_floats, rnn->state_sizes[k], &rnn->state_floats))
            return lstm__fail_memory(w->function);
    return LSTM_OK;
}

static lstm_status add_initial_states(const wish *w, lstm_rnn *rnn)
{
    lstm__variables *all = &rnn->variables;
    rnn->cell_variables = all->count;
    for (size_t leaf = 0; w->config.learned_initial_state && leaf < rnn->states; leaf++) {
        char name[48];
        snprintf(name, sizeof name, "initial_state_%zu", leaf);
        lstm__wanted *wanted = lstm__variables_append(all, "", name, 1, &rnn->state_sizes[leaf]);
        if (!wanted)
            return lstm__fail_memory(w->function);
        wanted->initializer.kind = LSTM_INITIALIZER_CONSTANT;
    }
    return LSTM_OK;
}

static lstm_status bind(const wish *w, lstm_rnn *rnn, lstm_params *params)
{
    for (size_t k = 0; k < rnn->variables.count; k++)
        if (!lstm__add(rnn->weight_floats, lstm__wanted_count(&rnn->variables.wanted[k]), &rnn->weight_floats))
            return lstm__fail_memory(w->function);
    rnn->sums_by_block = rnn->weight_floats <= LSTM__BLOCK_WEIGHTS;
    rnn->offsets = lstm__allocate(rnn->context, rnn->variables.count + 1, sizeof *rnn->offsets);
    if (!rnn->offsets)
        return lstm__fail_memory(w->function);
    return lstm__params_bind(w->function, params, w->scope, w->config.reuse, rnn->variables.count,
                             rnn->variables.wanted, rnn->offsets);
}

/* Frozen copies of the store keep packed what streams of the plan will read. */
static lstm_status want_packed(const wish *w, const lstm_rnn *rnn, lstm_params *params)
{
    lstm_status status = LSTM_OK;
    for (size_t k = 0; k < rnn->variables.matrix_count && rnn->direction_count == 1 && !status; k++) {
        const lstm__packing packing = lstm__packing_of(rnn, &rnn->variables.matrices[k]);
        if (packing.rows)
            status = lstm__params_want_packed(w->function, params, &packing);
    }
    return status;
}

static lstm_status fill(const wish *w, lstm_rnn *rnn, lstm_params *params)
{
    rnn->layers = lstm__allocate(rnn->context, w->layers, sizeof *rnn->layers);
    rnn->directions = lstm__allocate(rnn->context, w->layers, 2 * sizeof *rnn->directions);
    if (!rnn->layers || !rnn->directions)
        return lstm__fail_memory(w->function);
    lstm_status status = LSTM_OK;
    for (size_t k = 0, width = w->input_size; k < w->layers && !status; k++) {
        status = add_layer(w, rnn, k, width);
        width = rnn->layers[k].output_size;
    }
    if (status || (status = number_states(w, rnn)) || (status = add_initial_states(w, rnn)))
        return status;
    const lstm__mark before = lstm__params_mark(params);
    if (!(status = bind(w, rnn, params)) && (status = want_packed(w, rnn, params)))
        lstm__params_truncate(params, before);
    return status;
}

static lstm_status create(wish *w, const char *default_scope, lstm_params *params, const lstm_rnn_config *config,
                          lstm_rnn **rnn)
{
    lstm_status status = lstm__read_args(w->function, &w->config, sizeof w->config, config);
    w->scope = w->scope ? w->scope : default_scope;
    if (status || (status = check(w, params, rnn)))
        return status;
    lstm_context *context = lstm__params_context(params);
    lstm_rnn *made = lstm__allocate(context, 1, sizeof *made);
    if (!made)
        return lstm__fail_memory(w->function);
    atomic_init(&made->references, 1);
    made->context = context;
    lstm__context_retain(context);
    made->layout = lstm__layout_retain(lstm__params_layout(params));
    made->order = w->config.layout;
    made->merge = w->config.merge;
    made->learned_initial_state = w->config.learned_initial_state;
    made->scope_hash = lstm_random_named(0, w->scope).stream;
    made->is_trainable = true;
    made->variables.context = context;
    status = fill(w, made, params);
    if (status) {
        lstm_rnn_destroy(made);
        return status;
    }
    *rnn = made;
    return LSTM_OK;
}

lstm_status lstm_rnn_create(lstm_params *params, const char *scope, lstm_cell *cell, size_t input_size,
                            const lstm_rnn_config *config, lstm_rnn **rnn)
{
    wish w = {.function = "lstm_rnn_create", .scope = scope, .fw = &cell, .layers = 1, .input_size = input_size};
    return create(&w, "rnn", params, config, rnn);
}

lstm_status lstm_rnn_create_bidirectional(lstm_params *params, const char *scope, lstm_cell *fw, lstm_cell *bw,
                                          size_t input_size, const lstm_rnn_config *config, lstm_rnn **rnn)
{
    wish w = {.function = "lstm_rnn_create_bidirectional",
              .scope = scope,
              .fw = &fw,
              .bw = &bw,
              .layers = 1,
              .input_size = input_size};
    return create(&w, "bidirectional_rnn", params, config, rnn);
}

lstm_status lstm_rnn_create_stack_bidirectional(lstm_params *params, const char *scope, lstm_cell *const *fw,
                                                lstm_cell *const *bw, size_t count, size_t input_size,
                                                const lstm_rnn_config *config, lstm_rnn **rnn)
{
    wish w = {.function = "lstm_rnn_create_stack_bidirectional",
              .scope = scope,
              .fw = fw,
              .bw = bw,
              .layers = count,
              .stacked = true,
              .input_size = input_size};
    if (!fw || !bw)
        return lstm__fail_null(w.function, fw ? "bw" : "fw");
    if (count < 1 || count > INT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: count is %zu, expected 1 to 2^31 - 1", w.function, count);
    return create(&w, "stack_bidirectional_rnn", params, config, rnn);
}

void lstm__rnn_retain(lstm_rnn *rnn)
{
    atomic_fetch_add(&rnn->references, 1);
}

void lstm_rnn_destroy(lstm_rnn *rnn)
{
    if (!rnn || atomic_fetch_sub(&rnn->references, 1) > 1)
        return;
    lstm_context *context = rnn->context;
    for (size_t d = 0; d < rnn->direction_count; d++) {
        lstm__spec_release(rnn->directions[d].spec);
        lstm_cell_destroy(rnn->directions[d].cell);
    }
    lstm__release(context, rnn->directions);
    lstm__release(context, rnn->layers);
    lstm__release(context, rnn->state_sizes);
    lstm__variables_release(&rnn->variables);
    lstm__release(context, rnn->offsets);
    lstm__layout_release(rnn->layout);
    lstm__release(context, rnn);
    lstm_context_destroy(context);
}

size_t lstm_rnn_input_size(const lstm_rnn *rnn)
{
    return rnn ? rnn->layers[0].input_size : 0;
}

size_t lstm_rnn_output_size(const lstm_rnn *rnn)
{
    return rnn ? rnn->layers[rnn->layer_count - 1].output_size : 0;
}

size_t lstm_rnn_state_count(const lstm_rnn *rnn)
{
    return rnn ? rnn->states : 0;
}

size_t lstm_rnn_state_size(const lstm_rnn *rnn, size_t leaf)
{
    return rnn && leaf < rnn->states ? rnn->state_sizes[leaf] : 0;
}
