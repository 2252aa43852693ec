#include "training_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum setting_kind { WHOLE_NUMBER, RATE, NAME } setting_kind;

enum { SETTINGS = 11, NAME_WORDS = 4 };

/* An option that decides the result, as the words that stand for its value in the file. */
typedef struct setting {
    const char *option;
    setting_kind kind;
    uint64_t words[NAME_WORDS]; /* a name fills all of them, a number the first: a rate by its bits */
} setting;

struct training_checkpoint {
    lstm_checkpoint *list;
    setting settings[SETTINGS];
};

/* ---- options ---- */

static setting whole_number(const char *option, uint64_t value)
{
    return (setting){.option = option, .kind = WHOLE_NUMBER, .words = {value}};
}

static setting rate(const char *option, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return (setting){.option = option, .kind = RATE, .words = {bits}};
}

static setting name(const char *option, const char *value)
{
    setting made = {.option = option, .kind = NAME};

    snprintf((char *)made.words, sizeof made.words, "%s", value);
    return made;
}

static void list_settings(const counting_options *options, setting *settings)
{
    const setting all[SETTINGS] = {
        name("--cell", options->cell),
        whole_number("--units", options->units),
        whole_number("--layers", options->layers),
        whole_number("--bits", options->bits),
        whole_number("--batch", options->batch),
        whole_number("--epochs", options->epochs),
        whole_number("--train", options->train),
        rate("--learning-rate", options->learning_rate),
        name("--optimizer", options->optimizer),
        rate("--clip-norm", options->clip_norm),
        whole_number("--seed", options->seed),
    };

    memcpy(settings, all, sizeof all);
}

static size_t word_count(const setting *s)
{
    return s->kind == NAME ? NAME_WORDS : 1;
}

/* The value as the command line has it. */
static void format_value(const setting *s, char *text, size_t size)
{
    uint32_t bits = (uint32_t)s->words[0];
    float value;

    switch (s->kind) {
    case WHOLE_NUMBER: snprintf(text, size, "%" PRIu64, s->words[0]); break;
    case RATE:
        memcpy(&value, &bits, sizeof value);
        if (bits == 0)
            snprintf(text, size, "none");
        else
            snprintf(text, size, "%.7g", (double)value);
        break;
    case NAME:
        snprintf(text, size, "%.*s", (int)sizeof s->words, (const char *)s->words);
        for (char *c = text; *c != '\0'; c++)
            if (*c < ' ' || *c > '~')
                *c = '?'; /* a file may hold anything */
        break;
    }
}

/* True if the file has the same value. */
static bool check_setting(const char *path, const lstm_safetensors *file, const setting *here)
{
    setting there = *here;
    char tensor_name[64], text_here[64], text_there[64];
    lstm_tensor tensor;

    snprintf(tensor_name, sizeof tensor_name, "checkpoint/%s", here->option + strlen("--"));
    if (lstm_safetensors_find(file, tensor_name, &tensor) != LSTM_OK || tensor.dtype != LSTM_DTYPE_U64 ||
        tensor.size != word_count(here) * sizeof here->words[0]) {
        fprintf(stderr, "counting: %s is no checkpoint of this program: it does not say what %s was\n", path,
                here->option);
        return false;
    }
    memcpy(there.words, tensor.data, tensor.size);
    if (memcmp(there.words, here->words, sizeof here->words) == 0)
        return true;
    format_value(here, text_here, sizeof text_here);
    format_value(&there, text_there, sizeof text_there);
    fprintf(stderr, "counting: %s was made with %s %s, not %s\n", path, here->option, text_there, text_here);
    return false;
}

bool training_checkpoint_fits(const char *path, const counting_options *options)
{
    setting settings[SETTINGS];
    lstm_safetensors *file;
    bool fits = true;

    if (!succeeded(lstm_safetensors_open(NULL, path, &file)))
        return false;
    list_settings(options, settings);
    for (size_t k = 0; k < SETTINGS && fits; k++)
        fits = check_setting(path, file, &settings[k]);
    lstm_safetensors_destroy(file);
    return fits;
}

/* ---- the checkpoint ---- */

/* A struct of 64-bit numbers only. */
static bool add_numbers(lstm_checkpoint *list, const char *tensor_name, void *numbers, size_t size)
{
    return succeeded(lstm_checkpoint_add_u64(list, tensor_name, numbers, size / sizeof(uint64_t)));
}

static bool add_state(lstm_checkpoint *list, training_state *state)
{
    return add_numbers(list, "step", &state->step, sizeof state->step) &&
           add_numbers(list, "in_epoch", &state->in_epoch, sizeof state->in_epoch) &&
           add_numbers(list, "in_point", &state->in_point, sizeof state->in_point) &&
           add_numbers(list, "epoch_started", &state->epoch_started, sizeof state->epoch_started) &&
           add_numbers(list, "record", &state->record, sizeof state->record);
}

training_checkpoint *training_checkpoint_create(const counting_network *network, const counting_options *options,
                                                training_state *state)
{
    training_checkpoint *made = calloc(1, sizeof *made);
    bool good;

    if (made == NULL) {
        fprintf(stderr, "counting: no memory is left for a checkpoint\n");
        return NULL;
    }
    list_settings(options, made->settings);
    good = network_create_checkpoint(network, &made->list) && add_state(made->list, state);
    for (size_t k = 0; k < SETTINGS && good; k++) {
        setting *s = &made->settings[k];

        good = add_numbers(made->list, s->option + strlen("--"), s->words, word_count(s) * sizeof s->words[0]);
    }
    if (!good) {
        training_checkpoint_destroy(made);
        return NULL;
    }
    return made;
}

void training_checkpoint_destroy(training_checkpoint *checkpoint)
{
    if (checkpoint != NULL) {
        lstm_checkpoint_destroy(checkpoint->list);
        free(checkpoint);
    }
}

bool training_checkpoint_save(const training_checkpoint *checkpoint, const char *path)
{
    return succeeded(lstm_checkpoint_save(checkpoint->list, path));
}

bool training_checkpoint_load(training_checkpoint *checkpoint, const char *path)
{
    return succeeded(lstm_checkpoint_load(checkpoint->list, path));
}
