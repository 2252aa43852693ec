#include "evaluation.h"

#include "platform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One batch, as large as it may be. */
typedef struct test_batch {
    size_t count, classes;
    float inputs[NETWORK_FORWARD_BATCH * SYNTHETIC_DATASET_MAX_BITS];
    float targets[NETWORK_FORWARD_BATCH * SYNTHETIC_DATASET_MAX_CLASSES];
    float logits[NETWORK_FORWARD_BATCH * SYNTHETIC_DATASET_MAX_CLASSES];
    float probabilities[NETWORK_FORWARD_BATCH * SYNTHETIC_DATASET_MAX_CLASSES];
    size_t labels[NETWORK_FORWARD_BATCH], answers[NETWORK_FORWARD_BATCH];
} test_batch;

/* Sums over the sequences done so far, as a team adds them. */
typedef struct test_sums {
    double loss;
    double rounded_right;                                                         /* probabilities */
    double answers[SYNTHETIC_DATASET_MAX_CLASSES][SYNTHETIC_DATASET_MAX_CLASSES]; /* by class, then by what was said */
} test_sums;

static bool compute_answers(counting_network *network, test_batch *batch, float *loss)
{
    const lstm_loss_config *sum = LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_SUM);

    return network_forward(network, batch->count, batch->inputs, batch->logits, batch->probabilities) &&
           succeeded(lstm_softmax_cross_entropy(NULL, sum, batch->count, batch->classes, batch->logits, batch->targets,
                                                NULL, loss)) &&
           succeeded(lstm_argmax(batch->count, batch->classes, batch->logits, batch->answers)) &&
           succeeded(lstm_argmax(batch->count, batch->classes, batch->targets, batch->labels));
}

static void add_batch(const test_batch *batch, float loss, test_sums *sums)
{
    for (size_t row = 0; row < batch->count; row++)
        sums->answers[batch->labels[row]][batch->answers[row]]++;
    /* rintf is the rounding of TF1's tf.round: halves go to the even neighbour */
    for (size_t k = 0; k < batch->count * batch->classes; k++)
        sums->rounded_right += rintf(batch->probabilities[k]) == batch->targets[k];
    sums->loss += (double)loss;
}

static void draw_progress(progress_bar *progress, double started, size_t done, size_t all)
{
    double seconds = platform_seconds() - started;

    progress_draw(progress, &(progress_state){
                                .label = "evaluation",
                                .share = (double)done / (double)all,
                                .loss = -1,
                                .rate = (double)done / seconds,
                                .seconds_left = seconds * (double)(all - done) / (double)done,
                            });
}

/* The batches are dealt to the team in turn. */
static bool evaluate_batches(counting_network *network, synthetic_dataset *dataset, const counting_team *team,
                             progress_bar *progress, test_batch *batch, test_sums *sums)
{
    size_t all = synthetic_dataset_count(dataset, SYNTHETIC_DATASET_TEST);
    double started = platform_seconds();

    for (size_t first = team->rank * NETWORK_FORWARD_BATCH; first < all; first += team->size * NETWORK_FORWARD_BATCH) {
        float loss;

        batch->count = all - first < NETWORK_FORWARD_BATCH ? all - first : NETWORK_FORWARD_BATCH;
        if (!synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TEST, first, batch->count, batch->inputs,
                                     batch->targets) ||
            !compute_answers(network, batch, &loss))
            return false;
        add_batch(batch, loss, sums);
        if (progress_due(progress))
            draw_progress(progress, started, first + batch->count, all);
    }
    return true;
}

static void finish(const test_sums *sums, size_t classes, evaluation *result)
{
    *result = (evaluation){0};
    for (size_t k = 0; k < classes; k++) {
        for (size_t said = 0; said < classes; said++)
            result->class_sequences[k] += result->answers[k][said] = (size_t)sums->answers[k][said];
        result->class_correct[k] = result->answers[k][k];
        result->sequences += result->class_sequences[k];
        result->correct += result->class_correct[k];
    }
    if (result->sequences > 0) {
        result->loss = fabs(sums->loss / (double)result->sequences); /* "nan", never "-nan" */
        result->accuracy = (double)result->correct / (double)result->sequences;
        result->lab_metric = sums->rounded_right / ((double)result->sequences * (double)classes);
    }
}

bool evaluate(counting_network *network, synthetic_dataset *dataset, const counting_team *team, progress_bar *progress,
              evaluation *result)
{
    test_batch *batch = malloc(sizeof *batch);
    test_sums sums = {0};
    bool evaluated;

    if (batch == NULL) {
        fprintf(stderr, "counting: no memory is left for the evaluation\n");
        return false;
    }
    batch->classes = synthetic_dataset_classes(dataset);
    evaluated = evaluate_batches(network, dataset, team, progress, batch, &sums);
    progress_clear(progress);
    if (evaluated) {
        team->add(team->user, (double *)&sums, sizeof sums / sizeof(double));
        finish(&sums, batch->classes, result);
    }
    free(batch);
    return evaluated;
}

bool compute_baselines(synthetic_dataset *dataset, baselines *result)
{
    size_t frequency[SYNTHETIC_DATASET_MAX_CLASSES] = {0};
    size_t classes = synthetic_dataset_classes(dataset), all = 0;

    for (int part = SYNTHETIC_DATASET_TRAIN; part <= SYNTHETIC_DATASET_TEST; part++) {
        size_t count = synthetic_dataset_count(dataset, (synthetic_dataset_part)part);
        const uint32_t *sequences = synthetic_dataset_sequences(dataset, (synthetic_dataset_part)part);

        if (sequences == NULL)
            return false;
        for (size_t i = 0; i < count; i++)
            frequency[synthetic_sequence_ones(sequences[i])]++;
        all += count;
    }
    *result = (baselines){.uniform_share = 1 / (double)classes, .uniform_loss = log((double)classes)};
    for (size_t k = 0; k < classes; k++) {
        double share = (double)frequency[k] / (double)all;

        if (share > 0)
            result->label_entropy -= share * log(share);
        if (share > result->majority_share) {
            result->majority_share = share;
            result->majority_class = k;
        }
    }
    return true;
}
