/* The network: vectors for each letter, bidirectional LSTMs over them, and for each letter whether a word ends.
 * SPDX-License-Identifier: MIT */
#ifndef SEQUENCE_LABELLING_NETWORK_H
#define SEQUENCE_LABELLING_NETWORK_H

#include "options.h"
#include "text.h"

#include <lstm/lstm.h>

typedef struct labelling_network labelling_network;

/* Say why a call of the library failed. True if it did not. */
bool succeeded(lstm_status status);

/* NULL, after a line on standard error, on failure. */
labelling_network *network_create(const labelling_options *options);
void network_destroy(labelling_network *network);

size_t network_weight_count(const labelling_network *network);
const char *network_isa(const labelling_network *network);

/* One training step on a batch of sentences of the set. *loss is the mean over its letters, in nats, before the step. */
bool network_train(labelling_network *network, const text_set *set, const lstm_batch *batch, float learning_rate,
                   float *loss);

/* Find the word ends of a batch with the average of the weights. ends[batch->count][batch->max_length]; what is past a sentence's length means nothing. */
bool network_predict(labelling_network *network, const text_set *set, const lstm_batch *batch, size_t *ends);

/* Save the average of the weights to options->best if f1 is the best so far; *best tells. */
bool network_keep(labelling_network *network, double f1, bool *best);

/* The best that was saved becomes the average. */
bool network_take_best(labelling_network *network);

#endif
