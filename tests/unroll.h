/* A cell unrolled over random data, forward and backward, with everything at hand for comparisons. */
#ifndef UNROLL_H
#define UNROLL_H

#include "testing.h"

enum { UNROLL_MAX_LEAVES = 8 };

typedef struct unroll_shape {
    size_t input, batch, time;
    const size_t *lengths; /* NULL: full */
    lstm_layout layout;
} unroll_shape;

typedef struct unroll {
    unroll_shape shape;
    size_t output, leaves, x_count, y_count, last_count, state_count[UNROLL_MAX_LEAVES];
    lstm_params *weights, *grads;
    lstm_rnn *rnn;
    lstm_tape *tape;
    float *x, *y, *last, *d_y, *d_last, *d_x;
    float *state[UNROLL_MAX_LEAVES], *final[UNROLL_MAX_LEAVES];
    float *d_final[UNROLL_MAX_LEAVES], *d_initial[UNROLL_MAX_LEAVES];
} unroll;

/* The data are the same for every layout and context; weights are those of seed 3, a quarter larger for being random;
 * inputs and output gradients past a row's length are NaN. The caller keeps the cell. */
void unroll_create(unroll *u, lstm_context *context, lstm_cell *cell, const unroll_shape *shape);
void unroll_destroy(unroll *u);

/* Forward and backward, every output asked for; results start as NaN, gradients as zero. */
void unroll_run(unroll *u);

/* All results of two runs of the same shape have the same bits; the layouts may differ. */
void unroll_assert_same_bits(const unroll *a, const unroll *b);

/* The place of [row][time] in an array of that layout, in rows. */
size_t unroll_place(const unroll *u, size_t row, size_t t);
size_t unroll_length(const unroll *u, size_t row);

#endif
