/* Who computes a step's gradient: this process alone, or several that share the work. SPDX-License-Identifier: MIT */
#ifndef COUNTING_TEAM_H
#define COUNTING_TEAM_H

#include "network.h"

/* What is known of a step before the optimizer makes it. */
typedef struct team_step {
    double loss, accuracy; /* means over the whole batch */
    bool interrupted;      /* the program is to end after this step */
} team_step;

/* All processes of a team do the same steps on the same data with the same weights, and hold the same results. */
typedef struct counting_team {
    size_t rank, size; /* this process's number, from 0; how many there are */

    /* Make the network's gradients those of the mean loss over inputs[batch][bits][1] and targets[batch][classes]. False,
     * after a line on standard error, on failure. */
    bool (*gradient)(void *user, counting_network *network, size_t batch, const float *inputs, const float *targets,
                     team_step *step);

    /* Each number becomes its sum over all processes. */
    void (*add)(void *user, double *numbers, size_t count);

    void *user;
} counting_team;

/* The team of one. */
extern const counting_team team_of_one;

#endif
