/* Counting the ones in sequences that somebody types. SPDX-License-Identifier: MIT */
#ifndef COUNTING_PROMPT_H
#define COUNTING_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

/* A network that has learned to count. */
typedef struct trained_counter {
    size_t bits; /* up to SYNTHETIC_DATASET_MAX_BITS */
    /* Compute logits[bits + 1] of one sequence inputs[bits]. False, after a line on standard error, on failure. */
    bool (*run)(void *network, const float *inputs, float *logits);
    void *network;
} trained_counter;

/* True if a sequence has no more bits than the network counts in; otherwise after a line on standard error. */
bool prompt_fits(const trained_counter *counter, const char *sequence);

/* Print what the network says of a sequence of 0 and 1 that fits, and what is true. A shorter one gets zeros on its
 * left. False on failure, after a line on standard error unless it is standard output that has failed. */
bool prompt_answer(const trained_counter *counter, const char *sequence);

/* Read sequences from standard input, one a line, and answer each; one that has other characters or is too long is
 * refused by a line on standard error. The end of the input or an interrupt ends it, and where somebody types an empty
 * line. False as above, and where nobody types if one was refused. */
bool prompt(const trained_counter *counter);

#endif
