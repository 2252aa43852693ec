/* A cell of the user's own: the table that every cell implements. SPDX-License-Identifier: MIT */
#ifndef LSTM_CUSTOM_CELL_H
#define LSTM_CUSTOM_CELL_H

#include <lstm/cell.h>
#include <lstm/params.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Collects what a cell needs from its driver. Lives during `declare` only, on the thread that called it. */
typedef struct lstm_cell_spec lstm_cell_spec;

/* Add one state leaf of that width; leaves keep the order of these calls.
 * Statuses: INVALID_ARGUMENT (a width that is not 1 to 2^31 - 1), OUT_OF_MEMORY. */
LSTM_API lstm_status lstm_cell_spec_state(lstm_cell_spec *spec, size_t width);

/* Say that leaf `leaf` is a memory that dropout must not touch, as an LSTM's c: TF1's default filter.
 * Statuses: INVALID_ARGUMENT (no such leaf yet). */
LSTM_API lstm_status lstm_cell_spec_protect_state(lstm_cell_spec *spec, size_t leaf);

/* The output is an array of its own, of that width: `step` writes it. Statuses: INVALID_ARGUMENT (a width that is not
 * 1 to 2^31 - 1), STATE (said before). */
LSTM_API lstm_status lstm_cell_spec_output(lstm_cell_spec *spec, size_t width);

/* The output is state leaf `leaf`: s->output is s->next_state[leaf], and there is nothing more to write.
 * Statuses: INVALID_ARGUMENT (no such leaf yet), STATE (said before). */
LSTM_API lstm_status lstm_cell_spec_output_state(lstm_cell_spec *spec, size_t leaf);

/* Add a variable of shape[rank]; its name stands below the cell's own ("kernel" becomes "rnn/my_cell/kernel").
 * initializer NULL: Glorot uniform. *index (may be NULL) is its place in `variables`, counted from 0 in the order of
 * these calls. Statuses: INVALID_ARGUMENT (name, rank, an axis that is not 1 to 2^31 - 1), OUT_OF_MEMORY, STATE (the
 * plan has a variable of that name), SHAPE (a cell that is used twice wants two shapes). */
LSTM_API lstm_status lstm_cell_spec_variable(lstm_cell_spec *spec, const char *name, size_t rank, const size_t *shape,
                                             const lstm_initializer *initializer, size_t *index);

/* How many floats a row needs: of tape, written by `step` and read by `step_backward` of the same step, and of scratch,
 * which is not kept from one call to the next. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_cell_spec_memory(lstm_cell_spec *spec, size_t tape_floats_per_row,
                                           size_t scratch_floats_per_row);

/* One step of `rows` rows. All arrays are dense and row-major: input[rows][I], state[leaf][rows][width], and so on;
 * the driver made them and they do not overlap (but output, if it is a state leaf). Grows at the end. */
typedef struct lstm_step {
    size_t rows, input_size;
    bool training; /* dropout and the like are on */
    const float *input;
    const float *const *state;     /* one array per leaf, read */
    float *const *next_state;      /* one array per leaf, written by step, read by step_backward */
    float *output;                 /* written by step, read by step_backward */
    const float *const *variables; /* in the order of declaration */
    float *tape;                   /* [rows][tape_floats_per_row], or in any other order the cell likes; NULL: no
                                    * step_backward will follow */
    float *scratch;                /* [rows][scratch_floats_per_row] */
} lstm_step;

/* Gradients of the loss. The cell reads the first two and writes the others. Grows at the end. */
typedef struct lstm_step_grad {
    const float *d_output;            /* [rows][output] */
    const float *const *d_next_state; /* per leaf [rows][width]; when the output is a leaf, it does not hold d_output */
    float *d_input;                   /* [rows][I], to be overwritten; NULL: not wanted */
    float *const *d_state;            /* per leaf [rows][width], to be overwritten */
    float *const *d_variables;        /* to be added to; NULL: not wanted */
} lstm_step_grad;

typedef struct lstm_cell_ops {
    size_t struct_size;
    const char *name; /* the cell's level in variable names, "my_cell"; NULL or "": none. Copied. */
    /* Say what a cell with that input width needs. A failure is passed on to whoever creates the plan. */
    lstm_status (*declare)(const void *self, size_t input_size, lstm_cell_spec *spec);
    /* Compute output and next state. Called at once on disjoint rows by several threads: self is read only. */
    void (*step)(const void *self, const lstm_step *s);
    /* The gradient of that step. NULL: the cell is for inference only. */
    void (*step_backward)(const void *self, const lstm_step *s, const lstm_step_grad *g);
    /* The state a row starts from: per leaf [rows][width]. NULL: zeros. Its gradient goes nowhere. */
    void (*initial_state)(const void *self, size_t rows, float *const *state);
    /* Free self, when the last reference to the cell goes. NULL: nothing to do. */
    void (*destroy)(void *self);
} lstm_cell_ops;

/* Create a cell from a table; ops is copied, self belongs to the cell once this returns LSTM_OK.
 * Destroy with lstm_cell_destroy. Any thread. Statuses: INVALID_ARGUMENT (no declare or step), OUT_OF_MEMORY. */
LSTM_API lstm_status lstm_cell_create_custom(lstm_context *context, const lstm_cell_ops *ops, void *self,
                                             lstm_cell **cell);

/* The error of lstm_cell_check_gradient that parts right from wrong. */
#define LSTM_GRADIENT_THRESHOLD 2e-3

/* Compare a cell's backward with finite differences of its forward: a ragged batch of small random numbers, training
 * on; along random directions of the weights, of the inputs and of each leaf of the initial state; losses summed in
 * double. *worst becomes the largest error relative to the gradient's length: some 1e-4 for a right cell, where float32
 * limits it; above LSTM_GRADIENT_THRESHOLD it is wrong, and INFINITY where something is not a number. A kink, as
 * relu's, on the way may cost more. Backward is also run without d_input and without d_variables: a cell that looks for
 * no NULL crashes here. Allocates. Statuses: those of creating a plan and a tape for the cell. */
LSTM_API lstm_status lstm_cell_check_gradient(lstm_context *context, lstm_cell *cell, size_t input_size, double *worst);

#ifdef __cplusplus
}
#endif
#endif
