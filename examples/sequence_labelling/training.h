/* The training loop, and testing. SPDX-License-Identifier: MIT */
#ifndef SEQUENCE_LABELLING_TRAINING_H
#define SEQUENCE_LABELLING_TRAINING_H

#include "network.h"
#include "options.h"
#include "score.h"
#include "text.h"

typedef struct training_record {
    size_t steps;
    double loss;       /* mean over the steps of the last epoch */
    size_t best_epoch; /* counted from 1; 0: none was complete */
    double best_f1;    /* its validation */
    double seconds;
} training_record;

/* Train for options->epochs epochs, validate the average of the weights after each, and save the best.
 * Ends early, after a whole step, when the program is interrupted. Prints a line an epoch on standard output. False,
 * after a line on standard error, on failure. */
bool train(labelling_network *network, const text *data, const labelling_options *options, training_record *record);

/* Score the network on a set, and print about `samples` sentences as it restores them. */
bool test(labelling_network *network, const text_set *set, const labelling_options *options, size_t samples,
          score *result);

#endif
