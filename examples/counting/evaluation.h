/* How good the network is, and what it must be compared with. SPDX-License-Identifier: MIT */
#ifndef COUNTING_EVALUATION_H
#define COUNTING_EVALUATION_H

#include "network.h"
#include "progress.h"
#include "synthetic_dataset.h"
#include "team.h"

/* Over a whole test set; all zero for an empty one. */
typedef struct evaluation {
    size_t sequences, correct;
    double loss;       /* mean cross entropy per sequence, in nats */
    double accuracy;   /* share of sequences whose likeliest class is the right one */
    double lab_metric; /* share of probabilities that, rounded, are the target's 0 or 1 */
    size_t class_sequences[SYNTHETIC_DATASET_MAX_CLASSES];
    size_t class_correct[SYNTHETIC_DATASET_MAX_CLASSES];
    size_t answers[SYNTHETIC_DATASET_MAX_CLASSES][SYNTHETIC_DATASET_MAX_CLASSES]; /* by class, then by what was said */
} evaluation;

/* Evaluate the network on every test sequence; in a team, each process takes its part. False, after a line on standard
 * error, on failure. */
bool evaluate(counting_network *network, synthetic_dataset *dataset, const counting_team *team, progress_bar *progress,
              evaluation *result);

/* What one reaches without looking at a sequence, computed from all of the data. */
typedef struct baselines {
    size_t majority_class;
    double majority_share; /* accuracy of who always says the majority class */
    double label_entropy;  /* loss, in nats, of who says how frequent each class is */
    double uniform_share;  /* the same two of who finds all classes equally likely */
    double uniform_loss;
} baselines;

/* False if the data cannot be had; a line on standard error then says so. */
bool compute_baselines(synthetic_dataset *dataset, baselines *result);

#endif
