#include "training.h"

#include "platform.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUCKET_BATCHES = 50 };

/* Everything that the loop carries along. */
typedef struct trainer {
    labelling_network *network;
    const text *text;
    const labelling_options *options;
    training_record *record;
    lstm_batches *batches;
    progress_bar progress;
    double started;
    double loss; /* summed over the epoch's steps so far */
    size_t epoch_steps;
} trainer;

/* The order of a set's sentences. */
static bool create_batches(const text_set *set, const labelling_options *options, bool shuffle, lstm_batches **batches)
{
    return succeeded(lstm_batches_create(
        NULL,
        LSTM_ARGS(lstm_batches_config, .examples = set->count, .batch_size = options->batch, .lengths = set->lengths,
                  .shuffle = shuffle, .bucket_batches = BUCKET_BATCHES, .seed = options->seed),
        batches));
}

/* ---- testing ---- */

/* Print some sentences of the set, the same ones each time; an x stands before one with an error. */
static void print_sample(const text_set *set, size_t samples, size_t index, const size_t *ends, bool right)
{
    const size_t stride = (set->count + samples - 1) / samples;

    if (index % stride != 0)
        return;
    printf("%c ", right ? ' ' : 'x');
    text_print(set->lengths[index], set->letters[index], ends);
    printf("\n");
}

bool test(labelling_network *network, const text_set *set, const labelling_options *options, size_t samples,
          score *result)
{
    size_t *ends = malloc(options->batch * CORPUS_MAX_LENGTH * sizeof *ends);
    lstm_batches *batches = NULL;
    lstm_batch batch = {.last = false};
    bool good;

    if (ends == NULL)
        fprintf(stderr, "sequence_labelling: no memory is left for a batch of %zu sentences\n", options->batch);
    good = ends != NULL && create_batches(set, options, false, &batches);

    *result = (score){0};
    while (good && !batch.last) {
        good = succeeded(lstm_batches_next(batches, &batch)) && network_predict(network, set, &batch, ends);
        for (size_t row = 0; good && row < batch.count; row++) {
            const size_t *found = ends + row * batch.max_length, index = batch.indices[row];
            const bool right = score_add(result, batch.lengths[row], found, set->ends[index]);

            if (samples > 0)
                print_sample(set, samples, index, found, right);
        }
    }
    lstm_batches_destroy(batches);
    free(ends);
    return good;
}

/* ---- training ---- */

static void draw_progress(trainer *t, const lstm_batch *batch)
{
    const size_t all = lstm_batches_count(t->batches);
    const double done = (double)t->record->steps / (double)(all * t->options->epochs);
    const double seconds = platform_seconds() - t->started;
    char label[64];

    snprintf(label, sizeof label, "epoch %zu/%zu", (size_t)batch->epoch + 1, t->options->epochs);
    progress_draw(&t->progress, &(progress_state){.label = label,
                                                  .share = (double)t->epoch_steps / (double)all,
                                                  .loss = t->loss / (double)t->epoch_steps,
                                                  .rate = (double)(t->record->steps * t->options->batch) / seconds,
                                                  .seconds_left = seconds * (1 / done - 1)});
}

static bool train_step(trainer *t, lstm_batch *batch)
{
    const double all_steps = (double)(lstm_batches_count(t->batches) * t->options->epochs);
    float loss;

    if (!succeeded(lstm_batches_next(t->batches, batch)) ||
        !network_train(t->network, &t->text->sets[TEXT_TRAIN], batch,
                       lstm_cosine_decay(t->options->learning_rate, t->record->steps, all_steps, 0), &loss))
        return false;
    t->record->steps++;
    t->epoch_steps++;
    t->loss += (double)loss;
    if (progress_due(&t->progress))
        draw_progress(t, batch);
    return true;
}

/* Validate, keep what is best, print the epoch that ends. */
static bool end_epoch(trainer *t, size_t epoch)
{
    training_record *record = t->record;
    score validation;
    bool best;

    record->loss = t->loss / (double)t->epoch_steps;
    if (!test(t->network, &t->text->sets[TEXT_VALIDATION], t->options, 0, &validation))
        return false;
    progress_clear(&t->progress);
    printf("epoch %zu/%zu: loss %.4f, validation F1 %.4f, %.1f s\n", epoch, t->options->epochs, record->loss,
           score_f1(&validation), platform_seconds() - t->started);
    fflush(stdout);
    if (!network_keep(t->network, score_f1(&validation), &best))
        return false;
    if (best) {
        record->best_epoch = epoch;
        record->best_f1 = score_f1(&validation);
    }
    return true;
}

static bool train_epoch(trainer *t, size_t epoch)
{
    lstm_batch batch = {.last = false};

    t->loss = 0;
    t->epoch_steps = 0;
    while (!batch.last && !platform_interrupted())
        if (!train_step(t, &batch))
            return false;
    return t->epoch_steps == 0 || end_epoch(t, epoch);
}

bool train(labelling_network *network, const text *data, const labelling_options *options, training_record *record)
{
    trainer t = {.network = network, .text = data, .options = options, .record = record};
    bool good = create_batches(&data->sets[TEXT_TRAIN], options, true, &t.batches);

    *record = (training_record){0};
    t.progress.enabled = platform_watched() && !options->quiet;
    t.started = platform_seconds();
    for (size_t epoch = 1; epoch <= options->epochs && good && !platform_interrupted(); epoch++)
        good = train_epoch(&t, epoch);
    progress_clear(&t.progress);
    if (good && record->steps == 0) {
        fprintf(stderr, "sequence_labelling: interrupted before the first step\n");
        good = false;
    }
    record->seconds = platform_seconds() - t.started;
    lstm_batches_destroy(t.batches);
    return good;
}
