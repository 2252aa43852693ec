/* What the hidden units do while the ones of a sequence go by. SPDX-License-Identifier: MIT */
#ifndef COUNTING_HIDDEN_UNITS_H
#define COUNTING_HIDDEN_UNITS_H

#include "network.h"
#include "synthetic_dataset.h"

/* Outputs of the last layer at every step of `sequences` test sequences, sorted by how many ones came up to the step. */
typedef struct hidden_units {
    size_t sequences;
    size_t units, counts; /* counts: bits + 1 */
    double *steps;        /* [counts]: at how many steps so many ones were seen */
    double *mean;         /* [units][counts] of a unit's outputs at these steps; 0 where there are none */
    double *deviation;    /* [units][counts]: their standard deviation */
    double *correlation;  /* [units] of output and ones seen, over all steps; 0 of a unit that does not change */
    size_t *order;        /* [units]: those that go with the count most closely first, rising or falling */
} hidden_units;

/* Watch the network at work on the test set, which has at least one sequence, or on as much of it as tells enough.
 * False, after a line on standard error, on failure. Destroy with hidden_units_destroy in either case. */
bool hidden_units_watch(counting_network *network, synthetic_dataset *dataset, hidden_units *result);

void hidden_units_destroy(hidden_units *units);

#endif
