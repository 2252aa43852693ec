#include "model.h"

#include "context.h"
#include "graph.h"
#include "memory.h"
#include "status.h"

#include <string.h>

void lstm__model_retain(lstm_model *model)
{
    atomic_fetch_add(&model->references, 1);
}

void lstm_model_destroy(lstm_model *model)
{
    if (!model || atomic_fetch_sub(&model->references, 1) > 1)
        return;
    for (size_t k = 0; k < model->layer_count; k++) {
        lstm_rnn_destroy(model->layers[k].rnn);
        lstm_dense_destroy(model->layers[k].dense);
        lstm_dense_destroy(model->layers[k].logits);
    }
    lstm_context *context = model->context;
    lstm__layout_release(model->layout);
    lstm__release(context, model->graph);
    lstm__release(context, model);
    lstm_context_destroy(context);
}

static lstm_status create_rnn(lstm_params *params, const lstm__graph_layer *g, lstm__model_layer *layer)
{
    const lstm_rnn_config config = {.struct_size = sizeof config, .merge = g->merge};
    lstm_status status = g->backward
                             ? lstm_rnn_create_bidirectional(params, g->scope, g->forward, g->backward,
                                                             layer->input_size, &config, &layer->rnn)
                             : lstm_rnn_create(params, g->scope, g->forward, layer->input_size, &config, &layer->rnn);
    layer->output_size = lstm_rnn_output_size(layer->rnn);
    layer->returns_last = g->returns_last;
    return status;
}

static lstm_status create_dense(lstm_params *params, const lstm__graph_layer *g, bool is_last, lstm__model_layer *layer)
{
    lstm_dense_config config = {.struct_size = sizeof config, .activation = g->activation, .no_bias = g->no_bias};
    layer->output_size = g->units;
    lstm_status status = lstm_dense_create(params, g->scope, layer->input_size, g->units, &config, &layer->dense);
    config.activation = LSTM_ACTIVATION_LINEAR;
    config.reuse = true;
    if (!status && is_last)
        status = lstm_dense_create(params, g->scope, layer->input_size, g->units, &config, &layer->logits);
    return status;
}

/* What does not fit is the graph's fault as long as no variable was there before. */
static lstm_status blame(const char *function, lstm_status status, size_t k, const char *scope, bool is_empty)
{
    char quoted[LSTM__QUOTED];
    return lstm__fail(is_empty && status != LSTM_ERR_OUT_OF_MEMORY ? LSTM_ERR_FORMAT : status,
                      "%s: layers[%zu], scope \"%s\": %s", function, k, lstm__quote(scope, quoted),
                      lstm_error_message());
}

static lstm_status create_layers(const char *function, lstm_params *params, const lstm__graph *graph, lstm_model *model)
{
    const bool is_empty = lstm_params_variable_count(params) == 0;
    size_t width = graph->input_size;
    bool recurrent = false, by_row = false;
    for (size_t k = 0; k < graph->count; k++) {
        const lstm__graph_layer *g = &graph->layers[k];
        lstm__model_layer *layer = &model->layers[model->layer_count++];
        *layer = (lstm__model_layer){
            .input_size = width, .reads_padding = recurrent, .by_row = by_row, .first_state = model->states};
        lstm_status status =
            g->forward ? create_rnn(params, g, layer) : create_dense(params, g, k + 1 == graph->count, layer);
        if (status)
            return blame(function, status, k, g->scope, is_empty);
        model->states += lstm_rnn_state_count(layer->rnn);
        width = layer->output_size;
        recurrent = recurrent || layer->rnn;
        by_row = by_row || layer->returns_last;
    }
    return LSTM_OK;
}

static lstm_status create(const char *function, lstm_params *params, const char *text, const lstm__graph *graph,
                          lstm_model **model)
{
    lstm_context *context = lstm__params_context(params);
    const size_t size = strlen(text) + 1;
    lstm_model *made = lstm__allocate(context, 1, sizeof *made + graph->count * sizeof made->layers[0]);
    if (!made)
        return lstm__fail_memory(function);
    atomic_init(&made->references, 1);
    made->context = context;
    lstm__context_retain(context);
    made->layout = lstm__layout_retain(lstm__params_layout(params));
    made->graph = lstm__allocate(context, 1, size);
    const lstm__mark before = lstm__params_mark(params);
    lstm_status status = made->graph ? create_layers(function, params, graph, made) : lstm__fail_memory(function);
    if (status) {
        lstm__params_truncate(params, before);
        lstm_model_destroy(made);
        return status;
    }
    memcpy(made->graph, text, size);
    *model = made;
    return LSTM_OK;
}

lstm_status lstm_model_create(lstm_params *params, const char *graph, lstm_model **model)
{
    const char *function = "lstm_model_create";
    if (!params || !graph || !model)
        return lstm__fail_null(function, !params ? "params" : !graph ? "graph" : "model");
    lstm__graph layers;
    lstm_status status = lstm__graph_read(function, lstm__params_context(params), graph, &layers);
    if (!status)
        status = create(function, params, graph, &layers, model);
    lstm__graph_release(&layers);
    return status;
}

const char *lstm_model_graph(const lstm_model *model)
{
    return model ? model->graph : NULL;
}

size_t lstm_model_input_size(const lstm_model *model)
{
    return model ? model->layers[0].input_size : 0;
}

size_t lstm_model_output_size(const lstm_model *model)
{
    return model ? model->layers[model->layer_count - 1].output_size : 0;
}

size_t lstm_model_state_count(const lstm_model *model)
{
    return model ? model->states : 0;
}

size_t lstm_model_state_size(const lstm_model *model, size_t leaf)
{
    if (!model || leaf >= model->states)
        return 0;
    size_t k = model->layer_count - 1;
    while (!model->layers[k].rnn || model->layers[k].first_state > leaf)
        k--;
    return lstm_rnn_state_size(model->layers[k].rnn, leaf - model->layers[k].first_state);
}

bool lstm_model_returns_last(const lstm_model *model)
{
    const lstm__model_layer *last = model ? &model->layers[model->layer_count - 1] : NULL;
    return last && (last->by_row || last->returns_last);
}

bool lstm_model_has_logits(const lstm_model *model)
{
    return model && model->layers[model->layer_count - 1].dense;
}
