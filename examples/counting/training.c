#include "training.h"

#include "platform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Sums over steps. */
typedef struct step_sums {
    size_t steps;
    double loss, accuracy;
} step_sums;

/* Everything that the loop carries along. */
typedef struct trainer {
    counting_network *network;
    synthetic_dataset *dataset;
    const counting_options *options;
    progress_bar *progress;
    training_record *record;
    float *inputs, *targets; /* one batch: [batch][bits][1], [batch][bits + 1] */
    size_t steps_per_epoch;
    size_t steps_per_point; /* of the curves */
    size_t epochs_per_row;  /* of the epochs that are recorded */
    size_t epoch;           /* the one that runs, counted from 1 */
    double started;
    step_sums in_epoch, in_point;
} trainer;

static void add_step(step_sums *sums, double loss, double accuracy)
{
    sums->steps++;
    sums->loss += loss;
    sums->accuracy += accuracy;
}

/* How many epochs are done, the one that runs counted by its steps. */
static double epochs_done(const trainer *t)
{
    return (double)(t->epoch - 1) + (double)t->in_epoch.steps / (double)t->steps_per_epoch;
}

static void record_point(trainer *t)
{
    training_record *record = t->record;

    if (record->point_count < TRAINING_MAX_POINTS)
        record->points[record->point_count++] = (training_point){
            .epochs = epochs_done(t),
            .loss = t->in_point.loss / (double)t->in_point.steps,
            .accuracy = t->in_point.accuracy / (double)t->in_point.steps,
        };
    t->in_point = (step_sums){0};
}

static void draw_progress(const trainer *t)
{
    double done = epochs_done(t), seconds = platform_seconds() - t->started;
    double sequences = done * (double)t->steps_per_epoch * (double)t->options->batch;
    char label[64];

    snprintf(label, sizeof label, "epoch %zu/%zu", t->epoch, t->options->epochs);
    progress_draw(t->progress, &(progress_state){
                                   .label = label,
                                   .share = (double)t->in_epoch.steps / (double)t->steps_per_epoch,
                                   .loss = t->in_epoch.loss / (double)t->in_epoch.steps,
                                   .accuracy = t->in_epoch.accuracy / (double)t->in_epoch.steps,
                                   .rate = sequences / seconds,
                                   .seconds_left = seconds * ((double)t->options->epochs / done - 1),
                               });
}

/* The learning rate of the step to come: constant, and over the last third of all steps falling to zero in a straight
 * line. Without that fall Adam's occasional spikes of the loss, late in the run, decide the result. */
static float learning_rate(const trainer *t)
{
    double steps = (double)t->options->epochs * (double)t->steps_per_epoch;
    double left = steps - (double)(t->epoch - 1) * (double)t->steps_per_epoch - (double)t->in_epoch.steps;
    double share = left / steps * 3;

    return t->options->learning_rate * (float)(share < 1 ? share : 1);
}

/* Take the next batch of the training set and make one step. */
static bool train_step(trainer *t)
{
    size_t batch = t->options->batch;
    float loss;
    double accuracy;

    if (!synthetic_dataset_batch(t->dataset, SYNTHETIC_DATASET_TRAIN, t->in_epoch.steps * batch, batch, t->inputs,
                                 t->targets) ||
        !network_set_learning_rate(t->network, learning_rate(t)) ||
        !network_train(t->network, t->inputs, t->targets, &loss, &accuracy))
        return false;
    add_step(&t->in_epoch, (double)loss, accuracy);
    add_step(&t->in_point, (double)loss, accuracy);
    if (t->in_point.steps == t->steps_per_point)
        record_point(t);
    if (progress_due(t->progress))
        draw_progress(t);
    return true;
}

/* Print the epoch that ends and keep it for the report. */
static void end_epoch(trainer *t, double seconds)
{
    training_record *record = t->record;
    double steps = (double)t->in_epoch.steps;
    bool complete = t->in_epoch.steps == t->steps_per_epoch;
    bool last = t->epoch == t->options->epochs || platform_interrupted() != 0;

    record->last = (training_epoch){
        .epoch = t->epoch,
        .steps = t->in_epoch.steps,
        .loss = fabs(t->in_epoch.loss / steps), /* "nan", never "-nan" */
        .accuracy = t->in_epoch.accuracy / steps,
        .seconds = seconds,
    };
    if ((t->epoch % t->epochs_per_row == 0 || last) && record->epoch_count < TRAINING_MAX_EPOCHS)
        record->epochs[record->epoch_count++] = record->last;
    progress_clear(t->progress);
    printf("epoch %zu/%zu: loss %.4f, accuracy %.2f %%, %.1f s, %.0f sequences/s", t->epoch, t->options->epochs,
           record->last.loss, 100 * record->last.accuracy, seconds, steps * (double)t->options->batch / seconds);
    if (!complete)
        printf(" (interrupted after %zu of %zu steps)", t->in_epoch.steps, t->steps_per_epoch);
    printf("\n");
    fflush(stdout);
}

static bool train_epoch(trainer *t)
{
    double started = platform_seconds();

    t->in_epoch = (step_sums){0};
    do {
        if (!train_step(t)) {
            progress_clear(t->progress);
            return false;
        }
    } while (t->in_epoch.steps < t->steps_per_epoch && !platform_interrupted());
    end_epoch(t, platform_seconds() - started);
    return true;
}

static bool train_epochs(trainer *t)
{
    t->started = platform_seconds();
    do {
        t->epoch++;
        if (!train_epoch(t))
            return false;
    } while (t->epoch < t->options->epochs && !platform_interrupted());
    if (t->in_point.steps > 0)
        record_point(t);
    t->record->seconds = platform_seconds() - t->started;
    return true;
}

/* How many of `count` things one entry stands for, if there are that many places; the last thing
 * gets an entry of its own. */
static size_t share_out(size_t count, size_t places)
{
    return (count - 1) / (places - 1) + 1;
}

bool train(counting_network *network, synthetic_dataset *dataset, const counting_options *options,
           progress_bar *progress, training_record *record)
{
    size_t steps = options->train / options->batch; /* an incomplete batch is left out */
    size_t all_steps = options->epochs <= SIZE_MAX / steps ? options->epochs * steps : SIZE_MAX;
    trainer t = {
        .network = network,
        .dataset = dataset,
        .options = options,
        .progress = progress,
        .record = record,
        .inputs = malloc(options->batch * options->bits * sizeof(float)),
        .targets = malloc(options->batch * (options->bits + 1) * sizeof(float)),
        .steps_per_epoch = steps,
        .steps_per_point = share_out(all_steps, TRAINING_MAX_POINTS),
        .epochs_per_row = share_out(options->epochs, TRAINING_MAX_EPOCHS),
    };
    bool trained = false;

    *record = (training_record){0};
    if (t.inputs == NULL || t.targets == NULL)
        fprintf(stderr, "counting: no memory is left for a batch of %zu\n", options->batch);
    else
        trained = train_epochs(&t);
    free(t.inputs);
    free(t.targets);
    return trained;
}
