/* Any bytes as a model's file: opened, its self-tests replayed, run, streamed, written and opened again. */
#include "fuzz.h"
#include "graphs.h"
#include "mutate_file.h"
#include "use_model.h"

#include <string.h>

const size_t fuzz_selector_size = 0;

static void write_again(const lstm_model *model, const lstm_params *params)
{
    lstm_model *again;
    lstm_params *weights;
    size_t count, other;
    need(!lstm_model_save(model, params, fuzz_output_path()));
    need(!lstm_model_open(fuzz_context(), fuzz_output_path(), &again, &weights));
    need(!strcmp(lstm_model_graph(model), lstm_model_graph(again)));
    const float *a = lstm_params_data(params, &count), *b = lstm_params_data(weights, &other);
    need(count == other && !memcmp(a, b, count * sizeof *a));
    lstm_model_destroy(again);
    lstm_params_destroy(weights);
}

static void replay_selftests(const void *bytes, size_t size, bool opens)
{
    size_t tests = 77;
    double difference = 77.0;
    lstm_status status =
        fuzz_status(lstm_model_selftest(fuzz_context(), fuzz_input_path(bytes, size), &tests, &difference),
                    "lstm_model_selftest", FORMAT);
    need(status || (opens && tests > 0 && difference <= 1e-4));
    need(!status || (tests == 77 && difference == 77.0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    lstm_model *model = FUZZ_MARK;
    lstm_params *params = FUZZ_MARK;
    if (!size)
        return 0;
    fuzz_memory_begin();
    lstm_status status = fuzz_status(lstm_model_open_memory(fuzz_context(), bytes, size, &model, &params),
                                     "lstm_model_open_memory", FORMAT);
    need(fuzz_memory_taken() <= 2048 * size + 65536);
    replay_selftests(bytes, size, !status);
    if (status) {
        need(model == FUZZ_MARK && (void *)params == FUZZ_MARK);
    } else {
        fuzz_use_model(model, params);
        write_again(model, params);
        lstm_model_destroy(model);
        lstm_params_destroy(params);
    }
    fuzz_memory_check();
    return 0;
}

/* A model of one dense layer with a self-test: its outputs are 0, for its weights are. */
static void seed_with_selftest(void)
{
    static const float zeros[6];
    static const int64_t length[1] = {1};
    const size_t inputs[] = {1, 2, 2}, outputs[] = {1, 2, 1}, kernel[] = {2, 1}, one[] = {1};
    const lstm_metadata metadata[] = {
        {"lstm.format", "model"}, {"lstm.version", "1"}, {"lstm.model", fuzz_graphs[FUZZ_GRAPHS - 1].text}};
    const lstm_tensor tensors[] = {
        {"dense/kernel", LSTM_DTYPE_F32, 2, kernel, zeros, 8},
        {"selftest/0/inputs", LSTM_DTYPE_F32, 3, inputs, zeros, 16},
        {"selftest/0/sequence_length", LSTM_DTYPE_I64, 1, one, length, 8},
        {"selftest/0/outputs", LSTM_DTYPE_F32, 3, outputs, zeros, 8},
    };
    need(!lstm_safetensors_save(NULL, fuzz_output_path(), metadata, 3, tensors, 4));
    fuzz_seed_file("selftest", "", 0, fuzz_output_path());
}

void fuzz_seeds(void)
{
    for (size_t k = 0; k < FUZZ_GRAPHS; k++) {
        lstm_params *params;
        lstm_model *model;
        need(!lstm_params_create(NULL, &params) && !lstm_model_create(params, fuzz_graphs[k].text, &model));
        need(!lstm_params_initialize(params, k) && !lstm_model_save(model, params, fuzz_output_path()));
        fuzz_seed_file(fuzz_graphs[k].name, "", 0, fuzz_output_path());
        lstm_model_destroy(model);
        lstm_params_destroy(params);
    }
    seed_with_selftest();
}
