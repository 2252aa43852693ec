/* How far training has come, and the file that keeps it. SPDX-License-Identifier: MIT */
#ifndef COUNTING_TRAINING_STATE_H
#define COUNTING_TRAINING_STATE_H

#include "network.h"
#include "options.h"
#include "training.h"

/* Sums over steps. */
typedef struct step_sums {
    uint64_t steps;
    double loss, accuracy;
} step_sums;

/* What the loop hands on from one step to the next, beside weights and optimizer. The step is also the position in the
 * data, whose order is the same in every epoch. */
typedef struct training_state {
    uint64_t step;        /* how many are done */
    step_sums in_epoch;   /* the one that runs */
    step_sums in_point;   /* of the curves */
    double epoch_started; /* in seconds of training */
    training_record record;
} training_state;

/* A checkpoint of network and state, and the options that decide the result. */
typedef struct training_checkpoint training_checkpoint;

/* True if the file is a checkpoint that was made with the same options. Otherwise a line on standard error names the first
 * that differs. */
bool training_checkpoint_fits(const char *path, const counting_options *options);

/* NULL, after a line on standard error, on failure. It reads and writes *state as long as it lives. */
training_checkpoint *training_checkpoint_create(const counting_network *network, const counting_options *options,
                                                training_state *state);

/* NULL is fine. */
void training_checkpoint_destroy(training_checkpoint *checkpoint);

/* False, after a line on standard error, on failure: then an older file is as it was, or the state is. */
bool training_checkpoint_save(const training_checkpoint *checkpoint, const char *path);
bool training_checkpoint_load(training_checkpoint *checkpoint, const char *path);

#endif
