/* A cell unrolled over random data, forward and backward, with everything at hand for comparisons. */
#ifndef UNROLL_H
#define UNROLL_H

#include "testing.h"

enum { UNROLL_MAX_LEAVES = 16 };

typedef struct unroll_shape {
    size_t input, batch, time;
    const size_t *lengths; /* NULL: full */
    lstm_layout layout;
    bool training; /* with what masks are functions of: */
    uint64_t seed, step;
    const uint64_t *row_id; /* NULL: places in the batch */
    bool no_initial_state;  /* rows start as the plan says */
} unroll_shape;

typedef struct unroll {
    unroll_shape shape;
    char name[96]; /* for messages, if the test writes it */
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

/* The same, and the caller's reference to the cell goes. */
void unroll_take(unroll *u, lstm_cell *cell, const unroll_shape *shape);

/* The same for a plan of any kind, just made on the open store `weights`; u owns both. The layout is the plan's. */
void unroll_adopt(unroll *u, lstm_params *weights, lstm_rnn *rnn, const unroll_shape *shape);
void unroll_destroy(unroll *u);

/* Forward and backward, every output asked for; results start as NaN, gradients as zero. */
void unroll_run(unroll *u);

/* The outputs of the same run on a tape that keeps nothing; to be freed. */
float *unroll_infer_outputs(const unroll *u);

/* The loss whose gradients unroll_run computes, of a forward run over the numbers as they are, summed in double. */
double unroll_loss(unroll *u);

/* Move numbers along a random direction (NaN padding stays) and compare the loss with what the gradient says. */
void unroll_check_direction(unroll *u, const char *what, float *numbers, const float *gradient, size_t count);

/* unroll_run, then the directions of the inputs, of every variable and of every leaf of the initial state that is given. */
void unroll_check_gradient(unroll *u);

/* All results of two runs of the same shape have the same bits; the layouts may differ. */
void unroll_assert_same_bits(const unroll *a, const unroll *b);

/* A variable's values, or its gradient's, by its name. */
const float *unroll_weight(const unroll *u, const char *name);
const float *unroll_weight_gradient(const unroll *u, const char *name);

/* Every variable of `to` takes the values of the one in `from`; in names, the prefix of `to` stands for that of `from`. */
void unroll_copy_weights(unroll *to, const char *to_prefix, const unroll *from, const char *from_prefix);

/* The place of [row][time] in an array of that layout, in rows. */
size_t unroll_place(const unroll *u, size_t row, size_t t);
size_t unroll_length(const unroll *u, size_t row);

#endif
