/* The training loop, and what it leaves to be reported. SPDX-License-Identifier: MIT */
#ifndef COUNTING_TRAINING_H
#define COUNTING_TRAINING_H

#include "network.h"
#include "options.h"
#include "progress.h"
#include "synthetic_dataset.h"
#include "team.h"

/* Means over the steps of one epoch. Every number of a record has 64 bits: a checkpoint keeps records as they are. */
typedef struct training_epoch {
    uint64_t epoch; /* counted from 1 */
    uint64_t steps;
    double loss, accuracy; /* per sequence, each before the step that it was seen in */
    double seconds;
} training_epoch;

/* Means over a few steps: a point of a curve. */
typedef struct training_point {
    double epochs; /* how many were done at its end: 1.5 is in the middle of the second */
    double loss, accuracy;
} training_point;

enum { TRAINING_MAX_EPOCHS = 32, TRAINING_MAX_POINTS = 400 };

typedef struct training_record {
    training_epoch last;                        /* the last epoch, complete or not */
    training_epoch epochs[TRAINING_MAX_EPOCHS]; /* all of them, or one in so many; the last too */
    training_point points[TRAINING_MAX_POINTS];
    uint64_t epoch_count, point_count;
    double seconds, earlier_seconds; /* of all training; of that before it was resumed */
} training_record;

/* Train for options->epochs epochs of all whole batches of the training set, in its order; from the beginning, or from
 * options->resume on. Ends early, after a whole step, when the program is interrupted; one step is always done, unless all
 * were. Writes options->checkpoint. Prints one line an epoch on standard output. False, after a line on standard error, on
 * failure. */
bool train(counting_network *network, synthetic_dataset *dataset, const counting_options *options,
           const counting_team *team, progress_bar *progress, training_record *record);

#endif
