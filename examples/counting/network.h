/* The network that counts: a recurrent cell or several layers of them, and a dense layer on the last output.
 * SPDX-License-Identifier: MIT */
#ifndef COUNTING_NETWORK_H
#define COUNTING_NETWORK_H

#include "options.h"

#include <lstm/lstm.h>

/* Sequences come in as inputs[batch][bits][1]; the answer is one of bits + 1 classes. One thread at
 * a time; inside, the work is shared by the threads that the options ask for. */
typedef struct counting_network counting_network;

/* The most sequences in one call of network_forward. */
enum { NETWORK_FORWARD_BATCH = 512 };

/* True if the status is LSTM_OK. Otherwise say on standard error what the library says. */
bool succeeded(lstm_status status);

/* Build the network, with weights drawn by the seed. NULL, after a line on standard error, on
 * failure. Destroy with network_destroy. */
counting_network *network_create(const counting_options *options);

/* NULL is fine. */
void network_destroy(counting_network *network);

/* How many bits a sequence has; how wide the last layer is; how many weights there are; how many threads work; which
 * kernels do. */
size_t network_bits(const counting_network *network);
size_t network_units(const counting_network *network);
size_t network_weight_count(const counting_network *network);
size_t network_threads(const counting_network *network);
const char *network_isa(const counting_network *network);

/* Set the learning rate of the steps to come. False, after a line on standard error, on failure. */
bool network_set_learning_rate(counting_network *network, float learning_rate);

/* Compute the gradients of the mean loss over inputs[batch][bits][1] with one-hot targets[batch][classes], batch up to
 * options->batch. *loss is that mean, the cross entropy in nats, and *accuracy the share of right answers. False, after a
 * line on standard error, on failure. */
bool network_gradient(counting_network *network, size_t batch, const float *inputs, const float *targets, double *loss,
                      double *accuracy);

/* The gradients, in one array as long as the weights, to be changed before the step. */
float *network_edit_gradients(counting_network *network);

/* The weights in their order. */
const float *network_weights(const counting_network *network);

/* One step along the gradients, which are clipped first if that is asked for. False, after a line on standard error, on
 * failure. */
bool network_step(counting_network *network);

/* Compute logits[batch][classes] and probabilities[batch][classes], their softmax. batch is up to
 * NETWORK_FORWARD_BATCH. False, after a line on standard error, on failure. */
bool network_forward(counting_network *network, size_t batch, const float *inputs, float *logits, float *probabilities);

/* Compute outputs[batch][bits][units]: what the last layer says at every step. batch is up to NETWORK_FORWARD_BATCH.
 * False, after a line on standard error, on failure. */
bool network_watch(counting_network *network, size_t batch, const float *inputs, float *outputs);

/* Write the model file. Not for a cell that such a file cannot hold. False, after a line on standard error, on failure. */
bool network_save(const counting_network *network, const char *path);

/* Create a checkpoint of all that a step changes here: weights and optimizer. The same holds. */
bool network_create_checkpoint(const counting_network *network, lstm_checkpoint **checkpoint);

#endif
