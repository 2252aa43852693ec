/* A plan step by step: the state of one inference stream, or of a batch of them. SPDX-License-Identifier: MIT */
#ifndef LSTM_STREAM_H
#define LSTM_STREAM_H

#include <lstm/rnn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The state and scratch of one stream over frozen weights. One thread at a time; any number of streams may share plan and
 * weights, on any threads. Keeps both alive. */
typedef struct lstm_stream lstm_stream;

typedef struct lstm_stream_config {
    size_t struct_size;
    size_t batch;     /* rows that step together; 0 means 1 */
    size_t max_steps; /* time steps that are computed together: a longer run is cut; 0 means 16. More is faster for long
                       * runs, and takes more memory: for thousands of streams that take a step at a time, 1 is best */
    /* NULL: from the context's allocator. Otherwise the caller's, for the stream's lifetime, of at least the size and
     * alignment that the function for the size gives. */
    void *memory;
    size_t memory_size;
} lstm_stream_config;

/* How much memory a stream takes, *bytes and *alignment (may be NULL); config NULL: the defaults. Statuses:
 * INVALID_ARGUMENT, OUT_OF_MEMORY (the size overflows), UNSUPPORTED (a bidirectional plan). */
LSTM_API lstm_status lstm_stream_size(const lstm_rnn *rnn, const lstm_stream_config *config, size_t *bytes,
                                      size_t *alignment);

/* Create a stream at its initial state; config NULL gives the defaults. frozen: made by lstm_params_freeze from a store of
 * the plan's. Where memory is given, nothing is allocated. Destroy with lstm_stream_destroy,
 * before the memory given to it goes. Statuses: INVALID_ARGUMENT (memory that is not aligned too), OUT_OF_MEMORY, CAPACITY
 * (memory_size is too small), SHAPE (weights of another layout), STATE (weights that are not frozen), UNSUPPORTED (a
 * bidirectional plan: it needs the end of a sequence first). */
LSTM_API lstm_status lstm_stream_create(const lstm_rnn *rnn, const lstm_params *frozen,
                                        const lstm_stream_config *config, lstm_stream **stream);

/* NULL is fine. */
LSTM_API void lstm_stream_destroy(lstm_stream *stream);

/* Go on by `time` steps, any number: inputs[batch][time][input] and outputs[batch][time][output] in the plan's layout; they
 * may be one array where a step has as many of both, and do not overlap otherwise.
 * The sequence is the same in whatever portions it comes (with the CBLAS kernels to within rounding, for a CBLAS sums in
 * an order that depends on the number of rows). Hot path: nothing is allocated. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_stream_run(lstm_stream *stream, size_t time, const float *inputs, float *outputs);

/* The same where row `row` goes on by steps[row] steps, 0 .. time, and the others by theirs: rows may start, stop and end on
 * their own without disturbing each other. What stands in inputs past a row's steps is not read; outputs are zeros there.
 * steps NULL: all go on by `time`. Statuses: INVALID_ARGUMENT (more steps than `time` too; nothing is written). */
LSTM_API lstm_status lstm_stream_run_ragged(lstm_stream *stream, size_t time, const size_t *steps, const float *inputs,
                                            float *outputs);

/* Back to the initial state: all rows, or row `row` alone. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_stream_reset(lstm_stream *stream);
LSTM_API lstm_status lstm_stream_reset_row(lstm_stream *stream, size_t row);

/* Leaf `leaf` of the state, [batch][width], to read and to set between runs; lives as long as the stream. NULL if there is
 * no such leaf. */
LSTM_API float *lstm_stream_state(lstm_stream *stream, size_t leaf);

/* Fork: `to` goes on from where `from` is. The two have the same batch and states of the same widths; as a rule they are of
 * one plan and one set of weights, but other weights will do. Copies, allocates nothing. One thread at a time on either.
 * Statuses: INVALID_ARGUMENT, SHAPE (another batch, or other states; nothing is written). */
LSTM_API lstm_status lstm_stream_copy(const lstm_stream *from, lstm_stream *to);

/* The state as bytes, to go on elsewhere or later: little-endian, with a version, its shapes and a checksum, but without
 * the weights. save_size is how many there are, 0 for NULL, the same for all of the stream's life; save writes so many
 * to bytes[size]. Allocates nothing. Statuses: INVALID_ARGUMENT, CAPACITY (size is less). */
LSTM_API size_t lstm_stream_save_size(const lstm_stream *stream);
LSTM_API lstm_status lstm_stream_save(const lstm_stream *stream, void *bytes, size_t size);

/* Back to a state that was saved by a stream of the same batch and widths. All bytes are checked before anything is
 * changed, whoever made them. Allocates nothing. Statuses: INVALID_ARGUMENT, FORMAT (not a state, damaged, cut off or too
 * long, of another version), SHAPE (of another batch, or other states). Nothing is written on failure. */
LSTM_API lstm_status lstm_stream_restore(lstm_stream *stream, const void *bytes, size_t size);

#ifdef __cplusplus
}
#endif
#endif
