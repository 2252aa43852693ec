#ifndef RNN_PROBLEM_H
#define RNN_PROBLEM_H

#include <stdint.h>

#include "reference.h"

/*
 * A small random dynamic_rnn run with everything its forward and backward read and write. The loss
 * is the sum of outputs and final states, each weighted by a random number, so that the weights are
 * its gradients.
 */

enum {
    PROBLEM_BATCH = 4,
    PROBLEM_TIME = 4,
    PROBLEM_INPUT = 2,
    PROBLEM_UNITS = 3,
    PROBLEM_PROJECTION = 2
};

typedef struct rnn_problem {
    reference_cell cell;
    reference_run run; /* lengths NULL, not reversed; points to what follows */
    double *variables[REFERENCE_MAX_VARIABLES];
    double *inputs;
    double *initial_state[REFERENCE_MAX_STATES];
    double *d_outputs;
    double *d_final_state[REFERENCE_MAX_STATES];

    double *outputs;
    double *final_state[REFERENCE_MAX_STATES];
    double *d_variables[REFERENCE_MAX_VARIABLES];
    double *d_inputs;
    double *d_initial_state[REFERENCE_MAX_STATES];
} rnn_problem;

/* The same seed gives the same numbers everywhere, drawn in the order of the fields above. */
void rnn_problem_create(rnn_problem *problem, const reference_cell *cell, uint64_t seed);
void rnn_problem_destroy(rnn_problem *problem);

/* Gives the rows lengths between 0 and all and fills what lies past them with NaN. */
void rnn_problem_make_ragged(rnn_problem *problem);

/* Uses zero instead of the random initial state. */
void rnn_problem_drop_initial_state(rnn_problem *problem);

void rnn_problem_forward(rnn_problem *problem);

/* Clears d_variables first. */
void rnn_problem_backward(rnn_problem *problem);

/* Runs forward; the argument is the problem, so that it serves finite_difference_error. */
double rnn_problem_loss(void *problem);

size_t rnn_problem_length(const rnn_problem *problem, size_t row);
size_t rnn_problem_state_size(const rnn_problem *problem, size_t leaf);
size_t rnn_problem_output_size(const rnn_problem *problem);
size_t rnn_problem_input_size(const rnn_problem *problem);

/* splitmix64 mapped to [-1, 1) */
void fill_random(size_t count, double *values, uint64_t *generator);

#endif
