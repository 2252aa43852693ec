#include "graph.h"

#include "context.h"
#include "json_read.h"
#include "params.h"
#include "status.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_LAYERS = 4096,
    MAX_CELLS = 2 * MAX_LAYERS, /* two directions each */
    MAX_LEVELS = 64,
    MAX_BRACKETS = 2 * MAX_LEVELS + 8,
    MAX_WHERE = 160
};

/* A JSON object that is being read, and where it stands. */
typedef struct reader {
    const char *function;
    lstm_context *context;
    const json_t *object;
    char where[MAX_WHERE]; /* such as layers[1].cell; what does not fit is cut */
    size_t level;          /* of a cell */
    size_t *cells;         /* how many there are so far */
} reader;

static lstm_status refuse(const reader *r, const char *format, ...) LSTM__PRINTF(2, 3);

static lstm_status refuse(const reader *r, const char *format, ...)
{
    char words[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return lstm__fail(LSTM_ERR_FORMAT, "%s: the graph%s%s: %s", r->function, *r->where ? ", " : "", r->where, words);
}

/* The reader of an object inside: under a key, and there at an index if it is in a list. */
static lstm_status enter(const reader *r, const char *key, const json_t *object, const size_t *index, reader *inside)
{
    *inside = *r;
    inside->object = object;
    inside->level = r->level + 1;
    const size_t used = strlen(r->where), room = sizeof inside->where - used;
    const char *dot = used ? "." : "";
    if (index)
        snprintf(inside->where + used, room, "%s%s[%zu]", dot, key, *index);
    else
        snprintf(inside->where + used, room, "%s%s", dot, key);
    return json_is_object(object) ? LSTM_OK : refuse(inside, "it is no object");
}

/* Check that there are no keys but these; the list ends with NULL. */
static lstm_status check_keys(const reader *r, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)r->object, key, value) {
        size_t k = 0;
        while (keys[k] && strcmp(keys[k], key))
            k++;
        char quoted[LSTM__QUOTED];
        if (!keys[k])
            return refuse(r, "the key \"%s\" is not known here", lstm__quote(key, quoted));
    }
    return LSTM_OK;
}

static lstm_status read_size(const reader *r, const char *key, size_t *size)
{
    const json_t *value = json_object_get(r->object, key);
    const json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    if (number < 1 || number > INT32_MAX)
        return refuse(r, "\"%s\" has to be a whole number from 1 to 2^31 - 1", key);
    *size = (size_t)number;
    return LSTM_OK;
}

static lstm_status read_bool(const reader *r, const char *key, bool *flag)
{
    const json_t *value = json_object_get(r->object, key);
    if (value && !json_is_boolean(value))
        return refuse(r, "\"%s\" has to be true or false", key);
    *flag = value ? json_is_true(value) : *flag;
    return LSTM_OK;
}

/* The place of a string in a list that ends with NULL; without the key, `otherwise`. */
static lstm_status read_choice(const reader *r, const char *key, const char *const *choices, size_t otherwise,
                               size_t *chosen)
{
    const json_t *value = json_object_get(r->object, key);
    *chosen = otherwise;
    if (!value && choices[otherwise])
        return LSTM_OK;
    if (!json_is_string(value))
        return refuse(r, value ? "\"%s\" has to be a string" : "\"%s\" is missing", key);
    const char *text = json_string_value(value);
    for (*chosen = 0; choices[*chosen]; ++*chosen)
        if (!strcmp(choices[*chosen], text))
            return LSTM_OK;
    char quoted[LSTM__QUOTED];
    return refuse(r, "\"%s\" is \"%s\", which is not known", key, lstm__quote(text, quoted));
}

/* A number that float32 holds; null means that there is none. */
static lstm_status read_clip(const reader *r, const char *key, float *clip)
{
    const json_t *value = json_object_get(r->object, key);
    if (!value || json_is_null(value))
        return LSTM_OK;
    *clip = (float)json_number_value(value);
    return json_is_number(value) && *clip > 0 && isfinite(*clip)
               ? LSTM_OK
               : refuse(r, "\"%s\" has to be a finite number above 0, or null", key);
}

static lstm_status read_forget_bias(const reader *r, lstm_optional *bias)
{
    const json_t *value = json_object_get(r->object, "forget_bias");
    if (!value)
        return LSTM_OK;
    *bias = (lstm_optional){true, (float)json_number_value(value)};
    return json_is_number(value) && isfinite(bias->value) ? LSTM_OK
                                                          : refuse(r, "\"forget_bias\" has to be a finite number");
}

static lstm_status read_cell_activation(const reader *r, lstm_activation *activation)
{
    static const char *const names[] = {"tanh", "linear", "sigmoid", "relu", NULL};
    static const lstm_activation kinds[] = {LSTM_ACTIVATION_TANH, LSTM_ACTIVATION_LINEAR, LSTM_ACTIVATION_SIGMOID,
                                            LSTM_ACTIVATION_RELU};
    size_t chosen;
    lstm_status status = read_choice(r, "activation", names, 0, &chosen);
    if (!status)
        *activation = kinds[chosen];
    return status;
}

/* ---- cells ---- */

static lstm_status read_cell(const reader *parent, const char *key, const json_t *object, const size_t *index,
                             lstm_cell **cell);

static lstm_status read_basic_rnn(const reader *r, size_t units, lstm_cell **cell)
{
    static const char *const keys[] = {"type", "num_units", "activation", NULL};
    lstm_basic_rnn_config config = {.struct_size = sizeof config};
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_cell_activation(r, &config.activation)))
        return status;
    return lstm_cell_create_basic_rnn(r->context, units, &config, cell);
}

static lstm_status read_basic_lstm(const reader *r, size_t units, lstm_cell **cell)
{
    static const char *const keys[] = {"type", "num_units", "activation", "forget_bias", NULL};
    lstm_basic_lstm_config config = {.struct_size = sizeof config};
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_cell_activation(r, &config.activation)) ||
        (status = read_forget_bias(r, &config.forget_bias)))
        return status;
    return lstm_cell_create_basic_lstm(r->context, units, &config, cell);
}

static lstm_status read_lstm(const reader *r, size_t units, lstm_cell **cell)
{
    static const char *const keys[] = {"type",      "num_units", "activation", "forget_bias", "use_peepholes",
                                       "cell_clip", "num_proj",  "proj_clip",  NULL};
    lstm_lstm_config config = {.struct_size = sizeof config};
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_cell_activation(r, &config.activation)) ||
        (status = read_forget_bias(r, &config.forget_bias)) ||
        (status = read_bool(r, "use_peepholes", &config.use_peepholes)) ||
        (status = read_clip(r, "cell_clip", &config.cell_clip)) ||
        (status = read_clip(r, "proj_clip", &config.proj_clip)))
        return status;
    const json_t *projection = json_object_get(r->object, "num_proj");
    if (projection && !json_is_null(projection) && (status = read_size(r, "num_proj", &config.num_proj)))
        return status;
    return lstm_cell_create_lstm(r->context, units, &config, cell);
}

static lstm_status read_gru(const reader *r, size_t units, lstm_cell **cell)
{
    static const char *const keys[] = {"type", "num_units", "activation", NULL};
    lstm_gru_config config = {.struct_size = sizeof config};
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_cell_activation(r, &config.activation)))
        return status;
    if (!strcmp(json_string_value(json_object_get(r->object, "type")), "gru"))
        return lstm_cell_create_gru(r->context, units, &config, cell);
    return lstm_cell_create_cudnn_compatible_gru(r->context, units, &config, cell);
}

static lstm_status read_layer_norm_lstm(const reader *r, size_t units, lstm_cell **cell)
{
    static const char *const keys[] = {"type", "num_units", "activation", "forget_bias", "layer_norm", NULL};
    lstm_layer_norm_basic_lstm_config config = {.struct_size = sizeof config};
    bool layer_norm = true;
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_cell_activation(r, &config.activation)) ||
        (status = read_forget_bias(r, &config.forget_bias)) || (status = read_bool(r, "layer_norm", &layer_norm)))
        return status;
    config.no_layer_norm = !layer_norm;
    return lstm_cell_create_layer_norm_basic_lstm(r->context, units, &config, cell);
}

static lstm_status read_residual(const reader *r, lstm_cell **cell)
{
    static const char *const keys[] = {"type", "cell", NULL};
    lstm_cell *inner = NULL;
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_cell(r, "cell", json_object_get(r->object, "cell"), NULL, &inner)))
        return status;
    status = lstm_cell_create_residual(r->context, inner, cell);
    lstm_cell_destroy(inner);
    return status;
}

static lstm_status read_multi_rnn(const reader *r, lstm_cell **cell)
{
    static const char *const keys[] = {"type", "cells", NULL};
    const json_t *list = json_object_get(r->object, "cells");
    const size_t count = json_array_size(list);
    lstm_status status = check_keys(r, keys);
    if (status)
        return status;
    if (!count)
        return refuse(r, "\"cells\" has to be a list of at least one cell");
    lstm_cell **cells = lstm__allocate(r->context, count, sizeof *cells);
    if (!cells)
        return lstm__fail_memory(r->function);
    for (size_t k = 0; k < count && !status; k++)
        status = read_cell(r, "cells", json_array_get(list, k), &k, &cells[k]);
    if (!status)
        status = lstm_cell_create_multi_rnn(r->context, cells, count, cell);
    for (size_t k = 0; k < count; k++)
        lstm_cell_destroy(cells[k]);
    lstm__release(r->context, cells);
    return status;
}

static lstm_status read_cell(const reader *parent, const char *key, const json_t *object, const size_t *index,
                             lstm_cell **cell)
{
    static const char *const names[] = {"multi_rnn",
                                        "residual",
                                        "basic_rnn",
                                        "basic_lstm",
                                        "lstm",
                                        "gru",
                                        "cudnn_compatible_gru",
                                        "layer_norm_basic_lstm",
                                        NULL};
    enum { MULTI_RNN, RESIDUAL, BASIC_RNN, BASIC_LSTM, LSTM, GRU, CUDNN_COMPATIBLE_GRU, LAYER_NORM, NONE };
    reader r;
    size_t kind, units = 0;
    lstm_status status = enter(parent, key, object, index, &r);
    if (status || (status = read_choice(&r, "type", names, NONE, &kind)))
        return status;
    if (r.level > MAX_LEVELS)
        return refuse(&r, "cells are nested deeper than %d levels", MAX_LEVELS);
    if (++*r.cells > MAX_CELLS)
        return refuse(&r, "there are more than %d cells", MAX_CELLS);
    if (kind == MULTI_RNN)
        return read_multi_rnn(&r, cell);
    if (kind == RESIDUAL)
        return read_residual(&r, cell);
    if ((status = read_size(&r, "num_units", &units)))
        return status;
    switch (kind) {
    case BASIC_RNN: return read_basic_rnn(&r, units, cell);
    case BASIC_LSTM: return read_basic_lstm(&r, units, cell);
    case LSTM: return read_lstm(&r, units, cell);
    case LAYER_NORM: return read_layer_norm_lstm(&r, units, cell);
    default: return read_gru(&r, units, cell);
    }
}

/* ---- layers ---- */

static lstm_status read_scope(const reader *r, const char *otherwise, char *scope)
{
    const json_t *value = json_object_get(r->object, "scope");
    if (value && !json_is_string(value))
        return refuse(r, "\"scope\" has to be a string");
    const char *text = value ? json_string_value(value) : otherwise;
    char quoted[LSTM__QUOTED];
    if (strlen(text) > LSTM__MAX_SCOPE || !lstm__name_is_good(text))
        return refuse(r, "\"%s\" is not a scope", lstm__quote(text, quoted));
    const size_t first = strcspn(text, "/");
    if ((first == 10 && !strncmp(text, "checkpoint", first)) || (first == 8 && !strncmp(text, "selftest", first)))
        return refuse(r, "the scope \"%s\" is reserved", lstm__quote(text, quoted));
    memcpy(scope, text, strlen(text) + 1);
    return LSTM_OK;
}

static lstm_status read_return(const reader *r, bool *last)
{
    static const char *const names[] = {"sequence", "last", NULL};
    size_t chosen;
    lstm_status status = read_choice(r, "return", names, 0, &chosen);
    *last = chosen == 1;
    return status;
}

static lstm_status read_rnn(const reader *r, lstm__graph_layer *layer)
{
    static const char *const keys[] = {"type", "scope", "cell", "return", NULL};
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_scope(r, "rnn", layer->scope)) || (status = read_return(r, &layer->returns_last)))
        return status;
    return read_cell(r, "cell", json_object_get(r->object, "cell"), NULL, &layer->forward);
}

static lstm_status read_bidirectional(const reader *r, lstm__graph_layer *layer)
{
    static const char *const keys[] = {"type", "scope", "forward", "backward", "merge", "return", NULL};
    static const char *const merges[] = {"concat", "sum", NULL};
    size_t merge;
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_scope(r, "bidirectional_rnn", layer->scope)) ||
        (status = read_return(r, &layer->returns_last)) || (status = read_choice(r, "merge", merges, 0, &merge)) ||
        (status = read_cell(r, "forward", json_object_get(r->object, "forward"), NULL, &layer->forward)))
        return status;
    layer->merge = merge == 1 ? LSTM_MERGE_SUM : LSTM_MERGE_CONCAT;
    return read_cell(r, "backward", json_object_get(r->object, "backward"), NULL, &layer->backward);
}

static lstm_status read_dense(const reader *r, lstm__graph_layer *layer)
{
    static const char *const keys[] = {"type", "scope", "units", "activation", "use_bias", NULL};
    static const char *const names[] = {"linear", "tanh", "sigmoid", "relu", "softmax", NULL};
    static const lstm_activation kinds[] = {LSTM_ACTIVATION_LINEAR, LSTM_ACTIVATION_TANH, LSTM_ACTIVATION_SIGMOID,
                                            LSTM_ACTIVATION_RELU, LSTM_ACTIVATION_SOFTMAX};
    size_t chosen;
    bool use_bias = true;
    lstm_status status = check_keys(r, keys);
    if (status || (status = read_scope(r, "dense", layer->scope)) || (status = read_size(r, "units", &layer->units)) ||
        (status = read_choice(r, "activation", names, 0, &chosen)) || (status = read_bool(r, "use_bias", &use_bias)))
        return status;
    layer->activation = kinds[chosen];
    layer->no_bias = !use_bias;
    return LSTM_OK;
}

static lstm_status read_layer(const reader *r, lstm__graph_layer *layer)
{
    static const char *const names[] = {"rnn", "bidirectional_rnn", "dense", NULL};
    static lstm_status (*const readers[])(const reader *, lstm__graph_layer *) = {read_rnn, read_bidirectional,
                                                                                  read_dense};
    size_t kind;
    lstm_status status = read_choice(r, "type", names, 3, &kind);
    /* kind is in range, for refuse never gives LSTM_OK. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
    return status ? status : readers[kind](r, layer);
}

static lstm_status read_layers(const reader *r, lstm__graph *graph)
{
    const json_t *list = json_object_get(r->object, "layers");
    const size_t count = json_array_size(list);
    bool last = false;
    if (count < 1 || count > MAX_LAYERS)
        return refuse(r, "\"layers\" has to be a list of 1 to %d layers", MAX_LAYERS);
    graph->layers = lstm__allocate(r->context, count, sizeof *graph->layers);
    if (!graph->layers)
        return lstm__fail_memory(r->function);
    for (size_t k = 0; k < count; k++) {
        reader inside;
        lstm__graph_layer *layer = &graph->layers[graph->count++];
        lstm_status status = enter(r, "layers", json_array_get(list, k), &k, &inside);
        inside.level = 0;
        if (status || (status = read_layer(&inside, layer)))
            return status;
        if (last && layer->forward)
            return refuse(&inside, "a recurrent layer stands behind one that returns \"last\"");
        last = last || layer->returns_last;
    }
    return LSTM_OK;
}

/* No scope is used twice. Scopes are put into a JSON object, which is a hash table: layers go to thousands. */
static lstm_status check_scopes(const reader *r, const lstm__graph *graph)
{
    json_t *seen = json_object();
    lstm_status status = seen ? LSTM_OK : lstm__fail_memory(r->function);
    for (size_t k = 0; k < graph->count && !status; k++) {
        char quoted[LSTM__QUOTED];
        const char *scope = graph->layers[k].scope;
        if (json_object_get(seen, scope))
            status = refuse(r, "the scope \"%s\" is used twice", lstm__quote(scope, quoted));
        else if (json_object_set_new(seen, scope, json_true()))
            status = lstm__fail_memory(r->function);
    }
    json_decref(seen);
    return status;
}

lstm_status lstm__graph_read(const char *function, lstm_context *context, const char *text, lstm__graph *graph)
{
    static const char *const keys[] = {"input_size", "layers", NULL};
    json_error_t error;
    size_t cells = 0;
    reader r = {.function = function, .context = context, .cells = &cells};
    *graph = (lstm__graph){.context = context};
    if (lstm__json_nests_deeper(text, strlen(text), MAX_BRACKETS))
        return refuse(&r, "brackets nest deeper than %d levels", MAX_BRACKETS);
    json_t *json;
    char quoted[LSTM__QUOTED];
    lstm_status status = lstm__json_load(function, context, text, strlen(text), JSON_REJECT_DUPLICATES, &json, &error);
    r.object = json;
    if (!status && !json_is_object(json))
        status = json ? refuse(&r, "it is no object")
                      : refuse(&r, "line %d: %s", error.line, lstm__quote(error.text, quoted));
    if (!status && !(status = check_keys(&r, keys)) && !(status = read_size(&r, "input_size", &graph->input_size)) &&
        !(status = read_layers(&r, graph)))
        status = check_scopes(&r, graph);
    json_decref(json);
    return lstm__fail_as(function, status);
}

void lstm__graph_release(lstm__graph *graph)
{
    for (size_t k = 0; k < graph->count; k++) {
        lstm_cell_destroy(graph->layers[k].forward);
        lstm_cell_destroy(graph->layers[k].backward);
    }
    lstm__release(graph->context, graph->layers);
    *graph = (lstm__graph){0};
}
