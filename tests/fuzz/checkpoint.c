/* Any bytes as a checkpoint: everything on the list is read, or nothing. The first byte says which list. */
#include "fuzz.h"
#include "mutate_file.h"

#include <stdio.h>
#include <string.h>

const size_t fuzz_selector_size = 1;

enum { LISTS = 3, STEPS = 2, MAX_FILE = 1 << 14, MAX_WEIGHTS = 64 };

/* What a training program has, on a list; and the file of how it begins. */
typedef struct training {
    lstm_checkpoint *list;
    lstm_params *weights;
    uint64_t steps[STEPS];
    float first_weights[MAX_WEIGHTS];
    unsigned char first[MAX_FILE];
    size_t size;
} training;

static size_t read_file(const char *path, unsigned char *bytes)
{
    FILE *file = fopen(path, "rb");
    need(file);
    const size_t size = fread(bytes, 1, MAX_FILE, file);
    need(!fclose(file) && size < MAX_FILE);
    return size;
}

static size_t save(const training *t, unsigned char *bytes)
{
    need(!lstm_checkpoint_save(t->list, fuzz_output_path()));
    return read_file(fuzz_output_path(), bytes);
}

/* 0: a model, Adam and numbers; 1: weights without a graph, below a name, and RMSProp; 2: weights alone. */
static void fill(training *t, size_t kind)
{
    static const char graph[] = "{\"input_size\":1,\"layers\":[{\"type\":\"rnn\",\"cell\":{\"type\":\"gru\","
                                "\"num_units\":2}},{\"type\":\"dense\",\"units\":2}]}";
    lstm_model *model;
    lstm_optimizer *optimizer;
    size_t count;
    need(!lstm_params_create(NULL, &t->weights) && !lstm_model_create(t->weights, graph, &model));
    need(!lstm_params_initialize(t->weights, 1));
    need(!lstm_checkpoint_create(NULL, &t->list));
    if (kind == 0) {
        need(!lstm_optimizer_create_adam(NULL, t->weights, NULL, &optimizer));
        need(!lstm_checkpoint_add_model(t->list, model, t->weights));
        need(!lstm_checkpoint_add_u64(t->list, "step", t->steps, STEPS));
    } else {
        need(!lstm_optimizer_create_rmsprop(
            NULL, t->weights, LSTM_ARGS(lstm_rmsprop_config, .learning_rate = 0.1f, .centered = true), &optimizer));
        need(!lstm_checkpoint_add_params(t->list, kind == 1 ? "average" : NULL, t->weights));
    }
    if (kind < 2)
        need(!lstm_checkpoint_add_optimizer(t->list, optimizer));
    lstm_optimizer_destroy(optimizer);
    lstm_model_destroy(model);
    const float *weights = lstm_params_data(t->weights, &count);
    need(count <= MAX_WEIGHTS);
    memcpy(t->first_weights, weights, count * sizeof *weights);
    t->size = save(t, t->first);
}

static training *training_at(size_t kind)
{
    static training trainings[LISTS];
    if (!trainings[kind].size)
        fill(&trainings[kind], kind);
    return &trainings[kind];
}

/* What was loaded is what is saved, and can be loaded again. */
static void go_on_from(const training *t)
{
    static unsigned char saved[MAX_FILE], again[MAX_FILE];
    const size_t size = save(t, saved);
    need(!lstm_checkpoint_load(t->list, fuzz_output_path()));
    need(save(t, again) == size && !memcmp(saved, again, size));
    need(!lstm_checkpoint_load(t->list, fuzz_input_path(t->first, t->size)));
}

/* All that a file holds; now and then, for writing one takes longer than reading it. */
static void check_first_state(const training *t, bool all)
{
    static unsigned char after[MAX_FILE];
    size_t count;
    const float *weights = lstm_params_data(t->weights, &count);
    need(!memcmp(weights, t->first_weights, count * sizeof *weights) && !t->steps[0] && !t->steps[1]);
    need(!all || (save(t, after) == t->size && !memcmp(after, t->first, t->size)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    const training *t = training_at(bytes[0] % LISTS);
    lstm_status status = fuzz_status(lstm_checkpoint_load(t->list, fuzz_input_path(bytes + 1, size - 1)),
                                     "lstm_checkpoint_load", FORMAT);
    if (!status)
        go_on_from(t);
    check_first_state(t, !status || bytes[size - 1] % 16 == 0);
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const names[LISTS] = {"model_adam_numbers", "params_rmsprop", "params"};
    for (size_t k = 0; k < LISTS; k++)
        fuzz_seed_file(names[k], (const uint8_t[]){(uint8_t)k}, 1,
                       fuzz_input_path(training_at(k)->first, training_at(k)->size));
}
