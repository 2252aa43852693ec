/* What a run of the counting program found. SPDX-License-Identifier: MIT */
#ifndef COUNTING_RESULT_H
#define COUNTING_RESULT_H

#include "evaluation.h"
#include "options.h"
#include "training.h"

typedef struct counting_result {
    counting_options options;
    training_record training;
    evaluation test;
    baselines baselines;
    size_t weights, threads;
    size_t ranks; /* 0: not a matter of teams */
    const char *isa;
    double seconds; /* in all */
} counting_result;

/* Print how right the network is for each number of ones, and beside it what costs nothing. */
void result_print_tables(const counting_result *result);

/* Write the result as one line of key=value pairs, without its end. */
void result_format(const counting_result *result, char *line, size_t size);

/* True if all that was printed has arrived; otherwise after a line on standard error. */
bool output_arrived(void);

#endif
