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

/* Sums over the sequences done so far. */
typedef struct test_sums {
    double loss;
    size_t rounded_right; /* probabilities */
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

static void add_batch(const test_batch *batch, float loss, test_sums *sums, evaluation *result)
{
    for (size_t row = 0; row < batch->count; row++) {
        result->class_sequences[batch->labels[row]]++;
        if (batch->answers[row] == batch->labels[row]) {
            result->class_correct[batch->labels[row]]++;
            result->correct++;
        }
    }
    /* rintf is the rounding of TF1's tf.round: halves go to the even neighbour */
    for (size_t k = 0; k < batch->count * batch->classes; k++)
        sums->rounded_right += rintf(batch->probabilities[k]) == batch->targets[k];
    sums->loss += (double)loss;
    result->sequences += batch->count;
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

static bool evaluate_batches(counting_network *network, synthetic_dataset *dataset, progress_bar *progress,
                             test_batch *batch, evaluation *result)
{
    size_t all = synthetic_dataset_count(dataset, SYNTHETIC_DATASET_TEST);
    double started = platform_seconds();
    test_sums sums = {0};

    for (size_t done = 0; done < all; done += batch->count) {
        float loss;

        batch->count = all - done < NETWORK_FORWARD_BATCH ? all - done : NETWORK_FORWARD_BATCH;
        if (!synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TEST, done, batch->count, batch->inputs,
                                     batch->targets) ||
            !compute_answers(network, batch, &loss))
            return false;
        add_batch(batch, loss, &sums, result);
        if (progress_due(progress))
            draw_progress(progress, started, result->sequences, all);
    }
    if (all > 0) {
        result->loss = fabs(sums.loss / (double)all); /* "nan", never "-nan" */
        result->accuracy = (double)result->correct / (double)all;
        result->lab_metric = (double)sums.rounded_right / ((double)all * (double)batch->classes);
    }
    return true;
}

bool evaluate(counting_network *network, synthetic_dataset *dataset, progress_bar *progress, evaluation *result)
{
    test_batch *batch = malloc(sizeof *batch);
    bool evaluated;

    *result = (evaluation){0};
    if (batch == NULL) {
        fprintf(stderr, "counting: no memory is left for the evaluation\n");
        return false;
    }
    batch->classes = synthetic_dataset_classes(dataset);
    evaluated = evaluate_batches(network, dataset, progress, batch, result);
    progress_clear(progress);
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
