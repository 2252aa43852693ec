/* The line on a terminal that shows how far the work is. SPDX-License-Identifier: MIT */
#ifndef COUNTING_PROGRESS_H
#define COUNTING_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* It stands on standard error and is drawn at most ten times a second. */
typedef struct progress_bar {
    bool enabled;
    double drawn; /* when, in seconds */
    size_t width; /* of what stands there */
} progress_bar;

/* What it says. */
typedef struct progress_state {
    const char *label;
    double share;        /* of this bar that is done, 0 to 1 */
    double loss;         /* so far; less than 0: not shown */
    double accuracy;     /* so far */
    double rate;         /* sequences per second */
    double seconds_left; /* of the whole work */
} progress_state;

/* True if it is time to draw: cheap enough to be asked after every step. */
bool progress_due(const progress_bar *progress);

void progress_draw(progress_bar *progress, const progress_state *state);

/* Make room for other lines. */
void progress_clear(progress_bar *progress);

#endif
