/* A cell from the inside: what a plan knows of it, and how it runs many steps at once. */
#ifndef LSTM__CELL_H
#define LSTM__CELL_H

#include <lstm/custom_cell.h>

#include "kernels/kernels.h"
#include "params.h"

#include <stdatomic.h>

/* What `declare` collects for one input width. */
struct lstm_cell_spec {
    lstm_context *context;
    size_t input_size;
    size_t *state_sizes;
    size_t states, state_capacity;
    size_t output_size, output_leaf; /* output_leaf: SIZE_MAX when the output is an array of its own */
    lstm__wanted *variables;
    size_t variable_count, variable_capacity;
    size_t tape_floats, scratch_floats; /* per row and step */
    size_t driver_floats;               /* more scratch, for the driver of single steps */
    lstm_status status;                 /* the first failure, should `declare` have ignored it */
};

/* Some time steps of some rows, packed: step t holds active[t] rows, never more than the step before, and all arrays of
 * the run hold its steps one behind the other. Row k of a step is row k of the step before. */
typedef struct lstm__run {
    const lstm__kernels *kernels;
    const lstm_cell_spec *spec;
    size_t time, rows, steps; /* rows: active[0]; steps: the sum of active */
    const size_t *active;
    bool training;
    const float *input;            /* [steps][I] */
    const float *const *state;     /* per leaf [rows][width], entering the first step */
    float *const *next_state;      /* per leaf [steps][width] */
    float *output;                 /* [steps][O] */
    const float *const *variables; /* in the order of declaration */
    float *tape;                   /* [steps][tape_floats] */
    float *scratch;                /* [steps][scratch_floats + driver_floats] */
    float **pointers;              /* room for 4 pointers per leaf */
} lstm__run;

typedef struct lstm__run_grad {
    const float *d_output;     /* [steps][O]; NULL: zero */
    float *const *d_state;     /* per leaf [rows][width]: each row's, after its last step; becomes that of state */
    float *d_input;            /* [steps][I], to be overwritten; NULL: not wanted */
    float *const *d_variables; /* to be added to, where there is no weight_gradient; NULL: not wanted */
} lstm__run_grad;

/* How a cell runs. A backward leaves in the tape what weight_gradient reads: the latter runs after all rows are through,
 * cut into `parts` of its columns, so that one product covers many steps and no two threads add to one number. */
typedef struct lstm__body {
    void (*forward)(const lstm_cell *cell, const lstm__run *run);
    void (*backward)(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad);
    void (*weight_gradient)(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts);
} lstm__body;

struct lstm_cell {
    atomic_size_t references;
    lstm_context *context;
    lstm_cell_ops ops;
    void *self;
    const lstm__body *body;
    char name[LSTM_MAX_NAME + 1];
};

/* Create a cell from a table and a body. self is copied (size bytes) when ops->destroy is NULL and size is not 0. */
lstm_status lstm__cell_create(const char *function, lstm_context *context, const lstm_cell_ops *ops,
                              const lstm__body *body, const void *self, size_t size, lstm_cell **cell);
void lstm__cell_retain(lstm_cell *cell);
bool lstm__cell_is_trainable(const lstm_cell *cell);

/* Let a cell declare what it needs for that input width. The spec is released by lstm__spec_release in either case. */
lstm_status lstm__spec_declare(const char *function, const lstm_cell *cell, size_t input_size, lstm_cell_spec *spec);
void lstm__spec_release(lstm_cell_spec *spec);

/* Declare kernel [input_size + units, gates * units] and bias [gates * units], below prefix. */
lstm_status lstm__spec_gates(lstm_cell_spec *spec, const char *kernel, const char *bias, size_t units, size_t gates,
                             float bias_start);

/* The activations that cells take; DEFAULT becomes tanh. */
lstm_status lstm__cell_activation(const char *function, lstm_activation *activation);
lstm_status lstm__cell_units(const char *function, size_t num_units);

/* Each step's entering states of a leaf, packed as the run is: in place, or else gathered into scratch. */
const float *lstm__run_states_before(const lstm__run *run, size_t leaf, size_t width, float *scratch);

/* The columns [*begin, *end) of n that fall to part of parts. */
void lstm__part_columns(size_t n, size_t part, size_t parts, size_t *begin, size_t *end);

#endif
