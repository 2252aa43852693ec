#include "training.h"

#include "platform.h"
#include "training_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything that the loop carries along. */
typedef struct trainer {
    counting_network *network;
    synthetic_dataset *dataset;
    const counting_options *options;
    const counting_team *team;
    progress_bar *progress;
    training_state state;
    training_checkpoint *checkpoint; /* NULL: none is wanted */
    float *inputs, *targets;         /* one batch: [batch][bits][1], [batch][bits + 1] */
    uint64_t steps, steps_per_epoch;
    uint64_t steps_per_point; /* of the curves */
    uint64_t epochs_per_row;  /* of the epochs that are recorded */
    double started;           /* as if nothing had been interrupted */
    bool interrupted;
} trainer;

static void add_step(step_sums *sums, const team_step *step)
{
    sums->steps++;
    sums->loss += step->loss;
    sums->accuracy += step->accuracy;
}

/* How many epochs are done, the one that runs counted by its steps. */
static double epochs_done(const trainer *t)
{
    return (double)t->state.step / (double)t->steps_per_epoch;
}

/* The epoch of the last step, counted from 1. */
static uint64_t current_epoch(const trainer *t)
{
    return (t->state.step - 1) / t->steps_per_epoch + 1;
}

static void record_point(trainer *t)
{
    training_record *record = &t->state.record;
    step_sums *sums = &t->state.in_point;

    if (record->point_count < TRAINING_MAX_POINTS)
        record->points[record->point_count++] = (training_point){
            .epochs = epochs_done(t),
            .loss = sums->loss / (double)sums->steps,
            .accuracy = sums->accuracy / (double)sums->steps,
        };
    *sums = (step_sums){0};
}

/* The last epoch becomes one of those in the report. */
static void record_epoch(training_record *record)
{
    if (record->epoch_count < TRAINING_MAX_EPOCHS)
        record->epochs[record->epoch_count++] = record->last;
}

static void draw_progress(const trainer *t)
{
    const step_sums *sums = &t->state.in_epoch;
    double done = epochs_done(t), seconds = platform_seconds() - t->started;
    double sequences = done * (double)t->steps_per_epoch * (double)t->options->batch;
    char label[64];

    snprintf(label, sizeof label, "epoch %" PRIu64 "/%zu", current_epoch(t), t->options->epochs);
    progress_draw(t->progress, &(progress_state){
                                   .label = label,
                                   .share = (double)sums->steps / (double)t->steps_per_epoch,
                                   .loss = sums->loss / (double)sums->steps,
                                   .accuracy = sums->accuracy / (double)sums->steps,
                                   .rate = sequences / seconds,
                                   .seconds_left = seconds * ((double)t->options->epochs / done - 1),
                               });
}

/* Print the epoch that ends and keep it for the report. */
static void end_epoch(trainer *t)
{
    const step_sums *sums = &t->state.in_epoch;
    training_epoch *last = &t->state.record.last;
    double steps = (double)sums->steps, now = platform_seconds() - t->started;

    *last = (training_epoch){
        .epoch = current_epoch(t),
        .steps = sums->steps,
        .loss = fabs(sums->loss / steps), /* "nan", never "-nan" */
        .accuracy = sums->accuracy / steps,
        .seconds = now - t->state.epoch_started,
    };
    progress_clear(t->progress);
    printf("epoch %" PRIu64 "/%zu: loss %.4f, accuracy %.2f %%, %.1f s, %.0f sequences/s", last->epoch,
           t->options->epochs, last->loss, 100 * last->accuracy, last->seconds,
           steps * (double)t->options->batch / last->seconds);
    if (last->steps < t->steps_per_epoch)
        printf(" (interrupted after %" PRIu64 " of %" PRIu64 " steps)", last->steps, t->steps_per_epoch);
    printf("\n");
    fflush(stdout);
    t->state.epoch_started = now;
}

static bool save_checkpoint(trainer *t)
{
    t->state.record.seconds = platform_seconds() - t->started;
    return t->options->checkpoint == NULL || training_checkpoint_save(t->checkpoint, t->options->checkpoint);
}

/* The learning rate of the step to come: constant, and over the last third of all steps falling to zero in a straight
 * line. Without that fall Adam's occasional spikes of the loss, late in the run, decide the result. */
static float learning_rate(const trainer *t)
{
    double steps = (double)t->options->epochs * (double)t->steps_per_epoch;
    double share = (steps - (double)t->state.step) / steps * 3;

    return t->options->learning_rate * (float)(share < 1 ? share : 1);
}

/* Take the next batch of the training set and make one step. */
static bool train_step(trainer *t)
{
    size_t batch = t->options->batch, first = (size_t)t->state.in_epoch.steps * batch;
    team_step step;

    if (!synthetic_dataset_batch(t->dataset, SYNTHETIC_DATASET_TRAIN, first, batch, t->inputs, t->targets) ||
        !network_set_learning_rate(t->network, learning_rate(t)) ||
        !t->team->gradient(t->team->user, t->network, batch, t->inputs, t->targets, &step) || !network_step(t->network))
        return false;
    t->interrupted = step.interrupted;
    t->state.step++;
    add_step(&t->state.in_epoch, &step);
    add_step(&t->state.in_point, &step);
    if (progress_due(t->progress))
        draw_progress(t);
    return true;
}

/* What there is to be done after a step: here everything is as a run that goes on from here would find it. */
static bool finish_step(trainer *t)
{
    size_t every = t->options->checkpoint_every;
    bool epoch_ends = t->state.in_epoch.steps == t->steps_per_epoch;

    if (t->state.in_point.steps == t->steps_per_point)
        record_point(t);
    if (epoch_ends) {
        end_epoch(t);
        t->state.in_epoch = (step_sums){0};
        if (t->state.record.last.epoch % t->epochs_per_row == 0)
            record_epoch(&t->state.record);
    }
    if (t->state.step < t->steps && (every > 0 ? t->state.step % every == 0 : epoch_ends))
        return save_checkpoint(t);
    return true;
}

static bool train_steps(trainer *t)
{
    training_record *record = &t->state.record;

    while (t->state.step < t->steps && !t->interrupted)
        if (!train_step(t) || !finish_step(t)) {
            progress_clear(t->progress);
            return false;
        }
    if (!save_checkpoint(t))
        return false;
    /* From here on it is an end: what is incomplete stays so. */
    if (t->state.in_epoch.steps > 0)
        end_epoch(t);
    if (record->epoch_count == 0 || record->epochs[record->epoch_count - 1].epoch != record->last.epoch)
        record_epoch(record);
    if (t->state.in_point.steps > 0)
        record_point(t);
    return true;
}

/* Go on from a checkpoint. Its numbers become indices, so they are not believed. */
static bool resume(trainer *t)
{
    const training_state *state = &t->state;

    if (!training_checkpoint_load(t->checkpoint, t->options->resume))
        return false;
    if (state->step == 0 || state->step > t->steps || state->in_epoch.steps != state->step % t->steps_per_epoch ||
        state->in_point.steps != state->step % t->steps_per_point || state->record.epoch_count > TRAINING_MAX_EPOCHS ||
        state->record.point_count > TRAINING_MAX_POINTS) {
        fprintf(stderr, "counting: %s is no checkpoint of this program: its counts do not fit each other\n",
                t->options->resume);
        return false;
    }
    t->state.record.earlier_seconds = state->record.seconds;
    t->started -= state->record.seconds;
    return true;
}

static bool run(trainer *t)
{
    const counting_options *options = t->options;
    bool kept = options->checkpoint != NULL || options->resume != NULL;

    t->inputs = malloc(options->batch * options->bits * sizeof *t->inputs);
    t->targets = malloc(options->batch * (options->bits + 1) * sizeof *t->targets);
    if (t->inputs == NULL || t->targets == NULL) {
        fprintf(stderr, "counting: no memory is left for a batch of %zu\n", options->batch);
        return false;
    }
    if (kept && (t->checkpoint = training_checkpoint_create(t->network, options, &t->state)) == NULL)
        return false;
    t->started = platform_seconds();
    return (options->resume == NULL || resume(t)) && train_steps(t);
}

/* How many of `count` things one entry stands for, if there are that many places; the last thing
 * gets an entry of its own. */
static uint64_t share_out(uint64_t count, uint64_t places)
{
    return (count - 1) / (places - 1) + 1;
}

bool train(counting_network *network, synthetic_dataset *dataset, const counting_options *options,
           const counting_team *team, progress_bar *progress, training_record *record)
{
    uint64_t steps = options->train / options->batch; /* an incomplete batch is left out */
    uint64_t all_steps = options->epochs <= UINT64_MAX / steps ? options->epochs * steps : UINT64_MAX;
    trainer t = {
        .network = network,
        .dataset = dataset,
        .options = options,
        .team = team,
        .progress = progress,
        .steps = all_steps,
        .steps_per_epoch = steps,
        .steps_per_point = share_out(all_steps, TRAINING_MAX_POINTS),
        .epochs_per_row = share_out(options->epochs, TRAINING_MAX_EPOCHS),
    };
    bool trained = run(&t);

    *record = t.state.record;
    training_checkpoint_destroy(t.checkpoint);
    free(t.inputs);
    free(t.targets);
    return trained;
}
