/* A custom cell through which the masks of a wrapper can be seen. */
#ifndef ECHO_CELL_H
#define ECHO_CELL_H

#include "unroll.h"

enum { ECHO_WIDTH = 16 };

/* output = [x | h]; h' = carry h + 1. Input and state are equally wide. */
lstm_cell *echo_cell_create(float carry);

/* Run a wrapped echo over ECHO_WIDTH inputs and states of ones: its outputs then are masks over keep. The shape's input
 * is not looked at. */
void echo_observe(unroll *u, float carry, const lstm_dropout_config *config, const unroll_shape *shape);

/* What the masks made of the input, and of the state before this step: [ECHO_WIDTH]. */
const float *echo_seen_input(const unroll *u, size_t row, size_t t);
const float *echo_seen_state(const unroll *u, size_t row, size_t t);

void echo_fill(float *numbers, size_t count, float value);

#endif
