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

/* Print what the network says of a sequence of 0 and 1, and what is true. A shorter one gets zeros on its left, of a longer
 * one only the first `bits` count. False, after a line on standard error, on failure. */
bool prompt_answer(const trained_counter *counter, const char *sequence);

/* Read sequences from standard input, one a line, and answer each; a line with other characters is refused. An empty line,
 * the end of the input or an interrupt ends it. False, after a line on standard error, on failure. */
bool prompt(const trained_counter *counter);

#endif
