#include "predict.h"

#include "network.h"
#include "prompt.h"
#include "result.h"
#include "synthetic_dataset.h"

#include <stdio.h>

typedef struct loaded_model {
    lstm_model *model;
    lstm_params *weights;
    lstm_model_tape *tape;
    size_t bits;
} loaded_model;

/* Where the last layer is dense, before its activation; elsewhere the outputs stand for logits. */
static bool run(void *network, const float *inputs, float *logits)
{
    const loaded_model *loaded = network;
    const lstm_model_args *args = LSTM_ARGS(lstm_model_args, .batch = 1, .time = loaded->bits, .inputs = inputs,
                                            .outputs = logits, .logits = lstm_model_has_logits(loaded->model));

    return succeeded(lstm_model_run(loaded->tape, loaded->weights, args));
}

/* Say what keeps a model from counting ones. */
static bool check_model(const char *path, const lstm_model *model)
{
    size_t inputs = lstm_model_input_size(model), outputs = lstm_model_output_size(model);

    if (inputs != 1)
        fprintf(stderr, "counting: %s: the model reads %zu numbers at a time, not one bit\n", path, inputs);
    else if (!lstm_model_returns_last(model))
        fprintf(stderr, "counting: %s: the model gives an output at every step, not one for a sequence\n", path);
    else if (outputs < 2 || outputs > SYNTHETIC_DATASET_MAX_CLASSES)
        fprintf(stderr, "counting: %s: the model's %zu outputs are not the counts in 1 to %d bits\n", path, outputs,
                SYNTHETIC_DATASET_MAX_BITS);
    else
        return true;
    return false;
}

static bool load(const char *path, loaded_model *loaded)
{
    if (!succeeded(lstm_model_open(NULL, path, &loaded->model, &loaded->weights)) || !check_model(path, loaded->model))
        return false;
    loaded->bits = lstm_model_output_size(loaded->model) - 1;
    return succeeded(lstm_model_tape_create(
        loaded->model, LSTM_ARGS(lstm_tape_config, .max_batch = 1, .max_time = loaded->bits, .inference = true),
        &loaded->tape));
}

bool predict(const char *path, const char *sequence)
{
    loaded_model loaded = {0};
    bool good = load(path, &loaded);

    if (good) {
        const trained_counter counter = {.bits = loaded.bits, .run = run, .network = &loaded};

        good =
            sequence == NULL ? prompt(&counter) : prompt_fits(&counter, sequence) && prompt_answer(&counter, sequence);
    }
    lstm_model_tape_destroy(loaded.tape);
    lstm_params_destroy(loaded.weights);
    lstm_model_destroy(loaded.model);
    return output_arrived() && good;
}
