/* The array functions that stand around a recurrent network. SPDX-License-Identifier: MIT */
#ifndef LSTM_ARRAY_H
#define LSTM_ARRAY_H

#include <lstm/params.h>
#include <lstm/rnn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Inputs and outputs must not overlap. An axis may be 0. Statuses: INVALID_ARGUMENT; nothing is written then. */

/* y[shape[permutation]] = x[shape] with its axes reordered: axis k of y is axis permutation[k] of x; NULL reverses
 * them. shape[rank], rank 1 .. LSTM_MAX_RANK. */
LSTM_API lstm_status lstm_transpose(size_t rank, const size_t *shape, const size_t *permutation, const float *x,
                                    float *y);

/* y[shape[:axis] + [count] + shape[axis+1:]] = the slices of x[shape] at indices[count] along `axis`. With one index
 * that axis is one long: the last time step of [time][batch][width] is axis 0, index time - 1. An index out of range is
 * an error. */
LSTM_API lstm_status lstm_gather(size_t rank, const size_t *shape, size_t axis, size_t count, const size_t *indices,
                                 const float *x, float *y);

/* y[shape] = the `count` arrays x[k] behind one another along `axis`; x[k] has that shape too, but for its axis of
 * sizes[k]. The sizes, at least one, add up to shape[axis]; an x[k] without elements may be NULL: TF1's concat. */
LSTM_API lstm_status lstm_concat(size_t rank, const size_t *shape, size_t axis, size_t count, const size_t *sizes,
                                 const float *const *x, float *y);

/* y[count][depth]: 1 at indices[row], 0 elsewhere. An index out of range is an error. */
LSTM_API lstm_status lstm_one_hot(size_t count, const size_t *indices, size_t depth, float *y);

/* indices[row] = the place of the largest of x[row][columns], the lowest of equals; NaN is never the largest (a row of
 * NaN gives 0). */
LSTM_API lstm_status lstm_argmax(size_t rows, size_t columns, const float *x, size_t *indices);

/* *accuracy = the share of rows in which argmax(logits[row][classes]) is argmax(labels[row][classes]). rows >= 1. */
LSTM_API lstm_status lstm_accuracy(size_t rows, size_t classes, const float *logits, const float *labels,
                                   double *accuracy);

/* Sequences of different lengths. sequence_length[batch] is as in lstm_dynamic_rnn: each 0 .. time, more is an error;
 * NULL: all of them `time`. x[batch][time][width] stands in the layout given. Statuses: INVALID_ARGUMENT; nothing is
 * written then. */

/* y[batch][time][width] = x with the first sequence_length steps of each row in reverse order, what is past them copied
 * as it is: TF1's reverse_sequence. It is its own inverse and its own gradient. */
LSTM_API lstm_status lstm_reverse_sequence(lstm_layout layout, size_t batch, size_t time, size_t width,
                                           const size_t *sequence_length, const float *x, float *y);

/* y[batch][max_time]: 1 at the steps before sequence_length, 0 from there on: TF1's sequence_mask, but
 * that a length above max_time is an error. */
LSTM_API lstm_status lstm_sequence_mask(size_t batch, size_t max_time, const size_t *sequence_length, float *y);

/* y[batch][width] = the last relevant step of x, the one at sequence_length - 1; other steps are not read. Length 0
 * gives zeros, as in last_output of lstm_dynamic_rnn, where TF1's gather_nd has an index error. */
LSTM_API lstm_status lstm_gather_last(lstm_layout layout, size_t batch, size_t time, size_t width,
                                      const size_t *sequence_length, const float *x, float *y);

/* y[count][size] = the rows of table[classes][size] at ids[count]: TF1's embedding_lookup. The table may be a variable
 * of a store. An id out of range is an error. */
LSTM_API lstm_status lstm_embedding_lookup(size_t classes, size_t size, size_t count, const size_t *ids,
                                           const float *table, float *y);

/* The sparse gradient of the lookup: adds each row of d_y[count][size] to the row of d_table[classes][size] at its id,
 * in the order of ids[count], so that repeated ids add up to the same bits every time. Other rows are not touched. An
 * id out of range is an error. */
LSTM_API lstm_status lstm_embedding_gradient(size_t classes, size_t size, size_t count, const size_t *ids,
                                             const float *d_y, float *d_table);

#ifdef __cplusplus
}
#endif
#endif
