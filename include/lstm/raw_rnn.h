/* A loop in which the caller makes each input from the last output: TF1's raw_rnn. SPDX-License-Identifier: MIT */
#ifndef LSTM_RAW_RNN_H
#define LSTM_RAW_RNN_H

#include <lstm/rnn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For decoders and samplers. The rows of a batch come in portions of up to 64, in order, each through all of time, on
 * the calling thread: rows first_row .. first_row + rows - 1 of the batch. */
typedef struct lstm_raw_loop {
    size_t struct_size;
    void *user;
    /* Before step `time`: write input[rows][input], from the output[rows][output] of the step before and the state after it
     * (per leaf [rows][width]). At time 0 output is NULL and state is the initial one. Set finished[row] for a row that
     * ends before this step; its input need not be written, it stays finished, and what output and state have of it later
     * means nothing. A status other than LSTM_OK ends the call and is its result. It must not use the tape. */
    lstm_status (*next)(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                        const float *const *state, float *input, bool *finished);
    /* The gradient of `next`: add to d_output[rows][output], of the step before (NULL at time 0), what d_input[rows][input]
     * means for it. Rows that were finished have zeros. NULL: inputs are constants. */
    void (*next_backward)(void *user, size_t time, size_t first_row, size_t rows, const float *d_input,
                          float *d_output);
} lstm_raw_loop;

typedef struct lstm_raw_rnn_args {
    size_t struct_size;
    size_t batch, max_time;            /* a row ends when `next` says so, at max_time at the latest */
    const float *const *initial_state; /* per leaf [batch][width]; NULL: the plan's, zeros as a rule */
    float *outputs;            /* [batch][max_time][output] in the plan's layout, zeros after a row's end, or NULL */
    size_t *sequence_length;   /* [batch], becomes the number of steps of each row, or NULL */
    float *const *final_state; /* per leaf [batch][width], after each row's last step, or NULL */
    bool training;             /* as in lstm_dynamic_rnn_args, with the next three */
    uint64_t seed, step;
    const uint64_t *row_id;
} lstm_raw_rnn_args;

/* Run a plan of one layer and one direction. tape and params as for lstm_dynamic_rnn; its max_steps must allow batch *
 * max_time. When `next` fails, arrays are partly written; the message repeats the one that a function of the library
 * left in it, or names its status. Formula: TF1's raw_rnn, with the cell's output as what is emitted. Statuses:
 * INVALID_ARGUMENT, SHAPE (params of another layout), STATE (params are open), CAPACITY (more than the tape holds),
 * UNSUPPORTED (a bidirectional plan), and those of `next`. */
LSTM_API lstm_status lstm_raw_rnn(lstm_tape *tape, const lstm_params *params, const lstm_raw_loop *loop,
                                  const lstm_raw_rnn_args *args);

typedef struct lstm_raw_rnn_grads {
    size_t struct_size;
    const float *d_outputs;            /* [batch][max_time][output]; what follows a row's end is not read; NULL: zero */
    const float *const *d_final_state; /* per leaf; NULL, or a NULL leaf: zero */
    lstm_params *d_params;             /* added to; NULL: not wanted */
    float *const *d_initial_state;     /* per leaf, overwritten; NULL, or a NULL leaf: not wanted */
} lstm_raw_rnn_grads;

/* The gradient of the tape's last lstm_raw_rnn, one backward per forward, through `next` where the loop has
 * next_backward; of the loop only that is called. Statuses: those of lstm_dynamic_rnn_backward. */
LSTM_API lstm_status lstm_raw_rnn_backward(lstm_tape *tape, const lstm_params *params, const lstm_raw_loop *loop,
                                           const lstm_raw_rnn_grads *grads);

#ifdef __cplusplus
}
#endif
#endif
