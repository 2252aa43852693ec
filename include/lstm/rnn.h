/* A cell unrolled over time, forward and backward: TF1's dynamic_rnn. SPDX-License-Identifier: MIT */
#ifndef LSTM_RNN_H
#define LSTM_RNN_H

#include <lstm/cell.h>
#include <lstm/params.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The plan: a cell bound to names in a store. Immutable, any number of threads. Keeps cell and layout alive. */
typedef struct lstm_rnn lstm_rnn;

/* The memory of one unroll: what backward needs, and scratch. One thread at a time; one tape per concurrent caller.
 * It keeps its plan alive, and the store that it ran with last, until it runs with another or is destroyed. */
typedef struct lstm_tape lstm_tape;

/* How an array of batch and time lies in memory. */
typedef enum lstm_layout {
    LSTM_BATCH_MAJOR = 0, /* [batch][time][width] */
    LSTM_TIME_MAJOR = 1   /* [time][batch][width] */
} lstm_layout;

/* What becomes of the outputs of the two directions of a bidirectional plan. */
typedef enum lstm_merge {
    LSTM_MERGE_CONCAT = 0, /* forward, then backward */
    LSTM_MERGE_SUM = 1     /* of equal widths */
} lstm_merge;

typedef struct lstm_rnn_config {
    size_t struct_size;
    lstm_layout layout; /* of inputs, outputs and their gradients */
    bool reuse;         /* share the variables that the open store already has under this scope (they must be there) */
    lstm_merge merge;   /* bidirectional plans only */
    bool learned_initial_state; /* start from variables scope/initial_state_0, ... (zeros at first), one per leaf,
                                 * instead of zeros or what the cell says */
} lstm_rnn_config;

/* Bind a cell to a store. scope NULL: "rnn". On an open store the cell's variables are declared as
 * scope/cell_name/variable; a name that is taken is an error unless config->reuse. On a sealed store the plan binds to
 * the variables that are there. Destroy with lstm_rnn_destroy.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, SHAPE (a variable is there with another shape), STATE (a name is taken, or
 * missing), and what the cell's declare returns. On failure an open store is as it was before. */
LSTM_API lstm_status lstm_rnn_create(lstm_params *params, const char *scope, lstm_cell *cell, size_t input_size,
                                     const lstm_rnn_config *config, lstm_rnn **rnn);

/* The same for two cells, of which bw reads each row from its last step to its first, within its length; outputs stand
 * where the inputs they belong to stand. scope NULL: "bidirectional_rnn"; variables are scope/fw/... and scope/bw/....
 * State leaves: those of fw, then those of bw. The last output is fw's at the row's last step beside bw's at its first.
 * Formula: TF1's bidirectional_dynamic_rnn. Statuses: those of lstm_rnn_create, SHAPE (a sum of unequal widths). */
LSTM_API lstm_status lstm_rnn_create_bidirectional(lstm_params *params, const char *scope, lstm_cell *fw, lstm_cell *bw,
                                                   size_t input_size, const lstm_rnn_config *config, lstm_rnn **rnn);

/* Layers of such pairs, each reading the merged outputs of the one below; count >= 1. scope NULL:
 * "stack_bidirectional_rnn"; variables are scope/cell_0/bidirectional_rnn/fw/.... State leaves: fw's of all layers, then
 * bw's of all layers. Formula: TF1's stack_bidirectional_dynamic_rnn. Destroy with lstm_rnn_destroy. Statuses: those of
 * lstm_rnn_create_bidirectional. */
LSTM_API lstm_status lstm_rnn_create_stack_bidirectional(lstm_params *params, const char *scope, lstm_cell *const *fw,
                                                         lstm_cell *const *bw, size_t count, size_t input_size,
                                                         const lstm_rnn_config *config, lstm_rnn **rnn);

/* Give back the caller's reference; NULL is fine. */
LSTM_API void lstm_rnn_destroy(lstm_rnn *rnn);

/* Widths: of one input, of one output, and of state leaf `leaf` below lstm_rnn_state_count; 0 for NULL or a leaf that is
 * not there. An LSTM's leaves are c, then h. Any thread. */
LSTM_API size_t lstm_rnn_input_size(const lstm_rnn *rnn);
LSTM_API size_t lstm_rnn_output_size(const lstm_rnn *rnn);
LSTM_API size_t lstm_rnn_state_count(const lstm_rnn *rnn);
LSTM_API size_t lstm_rnn_state_size(const lstm_rnn *rnn, size_t leaf);

typedef struct lstm_tape_config {
    size_t struct_size;
    size_t max_batch, max_time; /* the most of one call; may be 0 */
    size_t max_steps;           /* the largest sum of sequence lengths; 0: max_batch * max_time */
    bool inference;             /* keep nothing for backward: much smaller */
    /* NULL: from the context's allocator. Otherwise the caller's, for the tape's lifetime, of at least the size and
     * alignment that lstm_tape_size gives. */
    void *memory;
    size_t memory_size;
} lstm_tape_config;

/* How much memory a tape takes, before there is one: *bytes, and *alignment (may be NULL).
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY (the size overflows), UNSUPPORTED (training a cell without backward). */
LSTM_API lstm_status lstm_tape_size(const lstm_rnn *rnn, const lstm_tape_config *config, size_t *bytes,
                                    size_t *alignment);

/* Create a tape; nothing is allocated later. Destroy with lstm_tape_destroy, before the memory given to it goes.
 * Statuses: those of lstm_tape_size, CAPACITY (memory_size is too small). */
LSTM_API lstm_status lstm_tape_create(const lstm_rnn *rnn, const lstm_tape_config *config, lstm_tape **tape);

/* NULL is fine. */
LSTM_API void lstm_tape_destroy(lstm_tape *tape);

/* One call of dynamic_rnn. Arrays are the caller's and are borrowed for the call: backward needs none of them. But for
 * the states, they must not overlap. */
typedef struct lstm_dynamic_rnn_args {
    size_t struct_size;
    size_t batch, time;                /* either may be 0: the state passes through */
    const float *inputs;               /* [batch][time][input] in the plan's layout */
    const size_t *sequence_length;     /* [batch], each 0 .. time; NULL: all of them `time` */
    const float *const *initial_state; /* per leaf [batch][width]; NULL: the plan's, zeros as a rule */
    float *outputs;                    /* [batch][time][output], zeros past a row's length; NULL: not wanted */
    float *last_output; /* [batch][output] at sequence_length - 1, zeros for length 0; NULL: not wanted */
    /* Per leaf [batch][width], after the row's last step; NULL, or a NULL leaf: not wanted. They may be the very arrays of
     * initial_state. */
    float *const *final_state;
    bool training;          /* dropout is on; its masks are functions of the next three */
    uint64_t seed, step;    /* of the run, and of training */
    const uint64_t *row_id; /* [batch]: what names a row; NULL: its place in the batch */
} lstm_dynamic_rnn_args;

/* Run the plan over time. Inputs past a row's length are never read (they may be NaN) and cost nothing. The same row
 * gives the same bits for any number of threads. params: the plan's store, or one created like it.
 * Hot path: nothing is allocated. Formula: TF1's dynamic_rnn.
 * Statuses: INVALID_ARGUMENT, SHAPE (params of another layout), STATE (params are open), CAPACITY (more than the tape
 * holds). Nothing is written on failure. */
LSTM_API lstm_status lstm_dynamic_rnn(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_args *args);

/* Gradients in, gradients out, with the shapes of the forward call. */
typedef struct lstm_dynamic_rnn_grads {
    size_t struct_size;
    const float *d_outputs;            /* what lies past a row's length is not read; NULL: zero */
    const float *d_last_output;        /* NULL: zero */
    const float *const *d_final_state; /* per leaf; NULL, or a NULL leaf: zero */
    lstm_params *d_params;             /* added to; NULL: not wanted, not computed */
    float *d_inputs;                   /* overwritten, zeros past a row's length; NULL: not wanted, not computed */
    float *const *d_initial_state;     /* per leaf, overwritten; NULL, or a NULL leaf: not wanted */
} lstm_dynamic_rnn_grads;

/* The gradient of the tape's last lstm_dynamic_rnn, through all of time. It uses up what that call left: one backward
 * per forward. params: the same store, unchanged since. Hot path: nothing is allocated.
 * Statuses: INVALID_ARGUMENT, SHAPE (d_params of another layout), STATE (no forward before it, an inference tape, other
 * weights, or weights that were edited since; d_params are frozen or open). Nothing is written on failure. */
LSTM_API lstm_status lstm_dynamic_rnn_backward(lstm_tape *tape, const lstm_params *params,
                                               const lstm_dynamic_rnn_grads *grads);

#ifdef __cplusplus
}
#endif
#endif
