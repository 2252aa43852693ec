/* A cell from the inside: what a plan knows of it, and how it runs many steps at once. */
#ifndef LSTM__CELL_H
#define LSTM__CELL_H

#include <lstm/custom_cell.h>
#include <lstm/random.h>

#include "kernels/kernels.h"
#include "params.h"

#include <stdatomic.h>

/* The variables of a plan: those of all its cells, each once. */
typedef struct lstm__variables {
    lstm_context *context; /* the plan's: cells may have others */
    lstm__wanted *wanted;  /* names below the plan's scope, each an allocation */
    size_t count, capacity;
    lstm__names names;
    struct lstm__wanted_matrix *matrices; /* what a tape keeps packed */
    size_t matrix_count, matrix_capacity;
} lstm__variables;

/* One more variable, of that shape and all else zero, called path/name, or name where path is empty; NULL: no memory. */
lstm__wanted *lstm__variables_append(lstm__variables *variables, const char *path, const char *name, size_t rank,
                                     const size_t *shape);
void lstm__variables_release(lstm__variables *variables);

/* Rows of a variable to multiply by, each `columns` long; transposed: to multiply by their transpose. */
typedef struct lstm__wanted_matrix {
    size_t variable, first_row, rows, columns;
    bool transposed;
} lstm__wanted_matrix;

/* What `declare` collects for one input width. Wrappers hold the specs of the cells inside. */
struct lstm_cell_spec {
    const char *function; /* that creates the plan, for messages */
    lstm_context *context;
    const lstm_cell *cell;
    lstm_cell_spec *previous; /* the spec made before it for the same plan */
    lstm_cell_spec **last;    /* the plan's newest */
    lstm__variables *variables;
    const lstm_cell_spec *shared;          /* the spec of the same cell that owns the variables, or NULL */
    size_t first_variable, variable_count; /* own: declared in one go, before or after the cells inside */
    size_t first_matrix, matrix_count;     /* own, likewise */
    size_t input_size;
    size_t *state_sizes;    /* own leaves and those of the cells inside, in order */
    bool *protected_states; /* leaves that dropout passes over */
    size_t states, state_capacity, protected_capacity;
    size_t output_size, output_leaf;                  /* output_leaf: SIZE_MAX when the output is an array of its own */
    size_t tape_floats, scratch_floats;               /* own, per row and step */
    size_t pointers;                                  /* own, room in the run */
    size_t tape_total, scratch_total, pointers_total; /* with those of the cells inside */
    lstm_cell_spec **inner;
    size_t inner_count, inner_capacity;
    size_t first_state, tape_at; /* where a cell inside begins: in the parent's leaves, in its tape */
    size_t site;                 /* a number of its own within the plan: masks of different places differ */
    bool adds_by_step;           /* it, or a cell inside, adds to d_variables step by step */
    lstm_status status;          /* the first failure, should `declare` have ignored it */
    char path[];                 /* of its variables, below the plan's scope */
};

/* Some time steps of some rows, packed: step t holds active[t] rows, never more than the step before, and all arrays of
 * the run hold its steps one behind the other. Row k of a step is row k of the step before. */
typedef struct lstm__run {
    const lstm__kernels *kernels;
    const lstm_cell_spec *spec;
    size_t start;             /* the time of the first step */
    size_t time, rows, steps; /* rows: active[0]; steps: the sum of active */
    const size_t *active;
    bool keep;                     /* a backward will follow */
    bool training;                 /* dropout and the like are on */
    lstm_random random;            /* of this call; see lstm__run_mask */
    const uint64_t *row_id;        /* [rows] */
    const float *input;            /* [steps][I] */
    const float *const *state;     /* per leaf [rows][width], entering the first step */
    float *const *next_state;      /* per leaf [steps][width] */
    float *output;                 /* [steps][O] */
    const float *const *variables; /* the spec's own, in the order of declaration */
    const lstm__matrix *matrices;  /* the spec's own, in the order of declaration */
    float *tape;                   /* [steps][tape_total] */
    float *scratch;                /* [steps][scratch_total] */
    float **pointers;              /* room for pointers_total pointers */
    struct lstm__crew *crew;       /* with whom to share products, or NULL */
} lstm__run;

typedef struct lstm__run_grad {
    const float *d_output;     /* [steps][O]; NULL: zero */
    float *const *d_state;     /* per leaf [rows][width]: each row's, after its last step; becomes that of state */
    float *d_input;            /* [steps][I], to be overwritten; NULL: not wanted */
    float *const *d_variables; /* the spec's own, to be added to, where there is no weight_gradient; NULL: not wanted */
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
    char *name; /* behind the copy of self */
};

/* Create a cell from a table and a body. self is copied when its size is given, and else belongs to the cell. */
lstm_status lstm__cell_create(const char *function, lstm_context *context, const lstm_cell_ops *ops,
                              const lstm__body *body, const void *self, size_t size, lstm_cell **cell);
void lstm__cell_retain(lstm_cell *cell);

/* Whether it is a cell of single steps, made by lstm_cell_create_custom. */
bool lstm__cell_gives_steps(const lstm_cell *cell);

/* Let a cell declare what it needs for that input width; its variables stand below path/level, each of which may be empty,
 * and its name. The last spec of the plan so far is *last, and becomes the newest. Release it, in any state, by
 * lstm__spec_release. */
lstm_status lstm__spec_declare(const char *function, const lstm_cell *cell, size_t input_size, const char *path,
                               const char *level, lstm__variables *variables, lstm_cell_spec **last,
                               lstm_cell_spec **spec);
void lstm__spec_release(lstm_cell_spec *spec);

/* Declare a cell inside a wrapper: its leaves are appended to the wrapper's, its variables stand below level (empty: where
 * the wrapper's own stand). The wrapper's first call has index 0. */
lstm_status lstm__spec_inner(lstm_cell_spec *spec, const lstm_cell *inner, const char *level, size_t input_size);

/* The states that rows start from: zeros, or what the cells say. */
void lstm__spec_initial_state(const lstm_cell_spec *spec, size_t rows, float *const *state);

/* The run of cell `index` inside: the same steps, from that input. output: for a cell whose output is an array of its own. */
lstm__run lstm__inner_run(const lstm__run *run, size_t index, const float *input, float *output);

/* Its gradient: what of the wrapper's belongs to it, and the arrays between the two. */
lstm__run_grad lstm__inner_grad(const lstm__run *run, const lstm__run_grad *grad, size_t index, const float *d_output,
                                float *d_input);
/* The output of cell `index` inside: a state of the run's, or else `own`. */
const float *lstm__inner_output(const lstm__run *run, size_t index, const float *own);
float *const *lstm__inner_variables(const lstm__run *run, size_t index, float *const *d_variables);

/* Run the cell of run->spec. A cell that adds to d_variables by steps has no weight gradient to compute. */
void lstm__run_forward(const lstm__run *run);
void lstm__run_backward(const lstm__run *run, const lstm__run_grad *grad);
void lstm__run_weight_gradient(const lstm__run *run, float *const *d_variables, size_t part, size_t parts);

bool lstm__spec_is_trainable(const lstm_cell_spec *spec);

/* How a kernel and its bias start: NULL means Glorot uniform, and the constant `bias`. */
typedef struct lstm__gates_start {
    const lstm_initializer *kernel_initializer, *bias_initializer;
    float bias;
} lstm__gates_start;

/* Declare a matrix: the last `rows` rows of the spec's variable `variable`, which stand from first_row on. It is 0 unless
 * the matrix is transposed. */
lstm_status lstm__spec_matrix(lstm_cell_spec *spec, size_t variable, size_t first_row, size_t rows, size_t columns,
                              bool transposed);

/* Declare kernel [input_size + recurrent, width] and bias [width] (NULL: none). */
lstm_status lstm__spec_gates(lstm_cell_spec *spec, const char *kernel, const char *bias, size_t recurrent, size_t width,
                             const lstm__gates_start *start);

/* The activation that does nothing: activate_state with it takes the denormals out of a state. */
extern const lstm__activation lstm__linear;

/* Check an activation that a cell takes, and resolve DEFAULT to the one given. */
lstm_status lstm__cell_activation(const char *function, lstm_activation kind, const lstm_function *custom,
                                  lstm_activation otherwise, lstm__activation *activation);
lstm_status lstm__cell_width(const char *function, const char *name, size_t width);

/* Check a probability to keep, of which 0 means 1. */
lstm_status lstm__cell_keep(const char *function, const char *name, float given, float *keep);
lstm_status lstm__cell_forget_bias(const char *function, lstm_optional given, float *forget_bias);

/* Fill mask[rows][width] for the rows of step t, at place `which` of the cell: 1 / keep with probability keep, else 0. A
 * function of seed and step of the call, the plan, the cell's place in it, row id and time; variational: not of time,
 * whole_batch: not of the row. */
typedef struct lstm__mask {
    float keep;
    size_t which;
    bool variational, whole_batch;
} lstm__mask;
void lstm__run_mask(const lstm__run *run, const lstm__mask *kind, size_t t, size_t width, float *mask);

/* The states of a leaf that enter step t, whose rows start at packed row `first`. */
const float *lstm__run_state_at(const lstm__run *run, size_t leaf, size_t width, size_t t, size_t first);

/* Each step's entering states of a leaf, packed as the run is: in place, or else gathered into scratch. */
const float *lstm__run_states_before(const lstm__run *run, size_t leaf, size_t width, float *scratch);

/* z[steps][width] = [x|h] kernel + bias, of which the inputs' part is computed for a whole run, or if there are few of
 * them with the states' part, step by step. Declare the matrix, which is the kernel. Then compute the run's part, and of
 * step t `rows` rows from packed row `first` on; state: [rows][n]. */
lstm_status lstm__spec_step_matrix(lstm_cell_spec *spec, size_t kernel, size_t n, size_t width);
void lstm__run_inputs(const lstm__run *run, size_t matrix, const float *bias, size_t width, float *z);
void lstm__run_step(const lstm__run *run, size_t t, size_t matrix, const float *bias, size_t first, size_t rows,
                    const float *state, size_t n, size_t width, float *z);

/* At step t, y[rows][n] = start + x[rows][k] times a matrix; start: y itself, or one row for all; NULL: zero. */
void lstm__run_product(const lstm__run *run, size_t t, size_t matrix, size_t rows, const float *x, size_t k, size_t n,
                       const float *start, float *y);

/* y[rows][n] = bias + x[rows][k] kernel[k][n], and dx[rows][n] = start + dy[rows][k] kernel[n][k]', where start is dx
 * itself, or NULL for zero. */
void lstm__run_product_nn(const lstm__run *run, size_t rows, size_t n, const float *x, size_t k, const float *kernel,
                          const float *bias, float *y);
void lstm__run_product_nt(const lstm__run *run, size_t rows, size_t n, const float *dy, size_t k, const float *kernel,
                          const float *start, float *dx);

/* Into how many parts the product of m rows, n columns and k terms is cut, one for each thread of a crew. */
size_t lstm__product_parts(size_t m, size_t n, size_t k);

/* One part of the gradient of a kernel [X + H, width] and of its bias, from the gradient dz[steps][width] of
 * [x|h] kernel + bias. h NULL: of x alone; d_bias NULL: there is none. */
void lstm__run_kernel_gradient(const lstm__run *run, const float *x, size_t x_width, const float *h, size_t h_width,
                               const float *dz, size_t width, float *d_kernel, float *d_bias, size_t part,
                               size_t parts);

/* d_input[steps][I] (NULL: not wanted) = dz[steps][width] times the kernel's first I rows, transposed. */
void lstm__run_input_gradient(const lstm__run *run, const float *dz, size_t width, const float *kernel, float *d_input);

/* The columns [*begin, *end) of n that fall to part of parts. */
void lstm__part_columns(size_t n, size_t part, size_t parts, size_t *begin, size_t *end);

#endif
