/* Any text as a graph: a network is made of it, or the store stays as it was. */
#include "graphs.h"
#include "mutate_json.h"
#include "use_model.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FLOATS = 4000, MAX_TEXT = 1 << 14 };

static size_t floats_of(const lstm_params *params)
{
    lstm_variable_info info;
    const size_t count = lstm_params_variable_count(params);
    if (!count)
        return 0;
    need(!lstm_params_variable(params, count - 1, &info));
    return info.offset + info.count;
}

/* On the sealed store the same graph binds; on an open one that has the names it does not. */
static void make_again(lstm_params *params, const char *text, lstm_model **bound)
{
    lstm_model *twice = FUZZ_MARK;
    const size_t count = lstm_params_variable_count(params);
    need(lstm_model_create(params, text, &twice) == LSTM_ERR_STATE && twice == FUZZ_MARK);
    need(lstm_params_variable_count(params) == count);
    need(!lstm_params_initialize(params, 3) && !lstm_model_create(params, text, bound));
}

static void use_graph(const char *text, size_t size)
{
    lstm_params *params;
    lstm_model *model = FUZZ_MARK, *bound;
    size_t bytes, alignment;
    need(!lstm_params_create(fuzz_context(), &params));
    lstm_status status = fuzz_status(lstm_model_create(params, text, &model), "lstm_model_create", FORMAT | MEMORY);
    need(fuzz_memory_taken() <= 4096 * size + 65536);
    if (status) {
        need(model == FUZZ_MARK && !lstm_params_variable_count(params));
        lstm_params_destroy(params);
        return;
    }
    fuzz_status(lstm_model_tape_size(model, LSTM_ARGS(lstm_tape_config, .max_batch = 100, .max_time = 1000), &bytes,
                                     &alignment),
                LSTM_NAME, MEMORY);
    fuzz_status(lstm_model_stream_size(model, NULL, &bytes, &alignment), LSTM_NAME, MEMORY | UNSUPPORTED);
    if (floats_of(params) <= MAX_FLOATS) {
        make_again(params, text, &bound);
        fuzz_use_model(bound, params);
        lstm_model_destroy(bound);
    }
    lstm_params_destroy(params);
    lstm_model_destroy(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    need(text);
    if (size)
        memcpy(text, bytes, size);
    text[size] = '\0';
    fuzz_memory_begin();
    use_graph(text, strlen(text));
    fuzz_memory_check();
    free(text);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed;
    static char text[MAX_TEXT];
    json_t *graph = fuzz_random(&state, 4) ? json_loadb((const char *)data, size, 0, NULL) : NULL;
    if (!graph)
        return LLVMFuzzerMutate(data, size, max_size);
    for (size_t k = fuzz_random(&state, 4) + 1; k; k--)
        fuzz_mutate_json(graph, &state);
    const size_t length = json_dumpb(graph, text, sizeof text, JSON_COMPACT);
    json_decref(graph);
    if (length > sizeof text || length > max_size)
        return size;
    memcpy(data, text, length);
    return length;
}

void fuzz_seeds(void)
{
    for (size_t k = 0; k < FUZZ_GRAPHS; k++)
        fuzz_seed(fuzz_graphs[k].name, fuzz_graphs[k].text, strlen(fuzz_graphs[k].text));
}
