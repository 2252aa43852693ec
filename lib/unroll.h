/* One call of dynamic_rnn or of its backward, as the blocks of rows see it. */
#ifndef LSTM__UNROLL_H
#define LSTM__UNROLL_H

#include "crew.h"
#include "rnn.h"

typedef struct lstm__call {
    lstm_tape *tape;
    const lstm__kernels *kernels;
    const lstm_dynamic_rnn_args *args;   /* forward; of a raw loop, what the two have in common */
    const lstm_dynamic_rnn_grads *grads; /* backward */
    size_t parts;                        /* of the weight gradient */
    lstm__crew *crew;                    /* that shares the work on a single block, or NULL */
} lstm__call;

/* One direction of a block, in a lane. */
typedef struct lstm__leg {
    const lstm__call *call;
    const lstm__block *block;
    lstm__lane *lane;
    size_t layer, direction;
} lstm__leg;

/* Columns [column, column + count) of a sequence that is `width` wide: the caller's, or a packed one between layers. */
typedef struct lstm__sequence {
    float *data;
    size_t width, column, count;
    bool packed;
} lstm__sequence;

lstm__sequence lstm__caller_sequence(const float *data, size_t width);
lstm__sequence lstm__between_sequence(const lstm_tape *tape, float *const *between, size_t layer);

/* The columns of a layer's output that belong to the leg's direction. */
lstm__sequence lstm__own_columns(const lstm__leg *leg, lstm__sequence sequence);

const lstm__direction *lstm__leg_direction(const lstm__leg *leg);

/* Count where each step's rows begin in the block's packed arrays; needed between layers. */
void lstm__find_places(const lstm_tape *tape, const lstm__block *block, lstm__lane *lane);

/* Copy a chunk's steps, in the direction's order of time, from a sequence or to it (add: onto it). */
void lstm__gather_chunk(const lstm__leg *leg, const lstm__chunk *chunk, lstm__sequence from, float *packed);
void lstm__scatter_chunk(const lstm__leg *leg, const lstm__chunk *chunk, const float *packed, bool add,
                         lstm__sequence to);

/* Zeros past the lengths of a block's rows, in an array of the caller's. */
void lstm__clear_padding(const lstm_tape *tape, const lstm__block *block, size_t width, float *array);

/* Copy one row per row of the block, from an array [batch][width] or to it. */
void lstm__gather_rows(const lstm_tape *tape, const lstm__block *block, const float *from, size_t width, float *rows);
void lstm__scatter_rows(const lstm_tape *tape, const lstm__block *block, const float *rows, size_t width, float *to);
void lstm__copy(float *to, const float *from, size_t width);

/* The run of one chunk of a leg. A tape that keeps has all chunks in its tracks; otherwise each takes the lane's arrays,
 * and the lane's states begin with the rows that enter. */
lstm__run lstm__make_run(const lstm__leg *leg, const lstm__chunk *chunk);

/* Fill in the states that the leg's rows start from, before its first step: lane->entering. */
void lstm__enter(const lstm__leg *leg);

/* Backward: lane->d_state from the gradients that reach the leg's rows at their ends, and at the end of the leg to the
 * caller's gradients of the initial states. */
void lstm__enter_backward(const lstm__leg *leg);
void lstm__leave_backward(const lstm__leg *leg);

/* Make the tape ready for a call whose arguments are checked; keep its weights in mind for a backward. */
void lstm__prepare_call(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_args *args);
void lstm__keep_call(lstm_tape *tape, const lstm_params *params);

/* lstm_dynamic_rnn without its checks, on arrays whose rows are row_time steps long. */
void lstm__dynamic_rnn(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_args *args, size_t row_time);

/* Whether a backward may follow: the tape's last call ran with these weights, unchanged since; d_params fit (or NULL). */
lstm_status lstm__check_backward(const char *function, const lstm_tape *tape, const lstm_params *params,
                                 const lstm_params *d_params);

/* Point tape->d_variables at the store, and clear the blocks' own sums. Of a block, these sums; NULL: not wanted. When all
 * blocks are through, add the sums up, compute the weight gradient, and forget the call. */
void lstm__begin_gradient(lstm_tape *tape, lstm_params *d_params);
float *const *lstm__block_gradient(const lstm__call *call, size_t index);
void lstm__end_gradient(lstm__call *call);

/* This block's part of the gradient of the learned initial state, from lane->d_state. */
void lstm__sum_d_start(const lstm__leg *leg, size_t block);

/* Chunk k of a leg; of a raw loop, step k of all rows. */
lstm__chunk lstm__chunk_at(const lstm__leg *leg, size_t k);

/* Whether every leaf is there, if any is given. */
lstm_status lstm__check_initial_state(const char *function, const lstm_rnn *rnn, const float *const *initial_state);

/* tape->variables: where each variable of a store stands. */
void lstm__find_variables(const lstm_rnn *rnn, const float *block, const float **variables);

/* How many steps, all rows counted, are worth a crew that shares the products of that many rows; SIZE_MAX: none are. */
size_t lstm__shared_steps(const lstm_rnn *rnn, size_t rows);

/* Do block(call, k, lane) for each block of the last arranged call. */
void lstm__run_blocks(lstm__call *call, void (*block)(void *call, size_t index, size_t lane));

/* Forward operations of the last arranged call: every weight is used once per row and step. */
double lstm__operations(const lstm_tape *tape);

#endif
