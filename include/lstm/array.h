/* The array functions that stand around a recurrent network. SPDX-License-Identifier: MIT */
#ifndef LSTM_ARRAY_H
#define LSTM_ARRAY_H

#include <lstm/params.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All arrays are dense, row-major and the caller's; inputs and outputs must not overlap. Any thread. An axis may be 0.
 * Every function returns INVALID_ARGUMENT for what it cannot do and then writes nothing. */

/* y = x with its axes reordered: axis k of y is axis permutation[k] of x; NULL reverses them. rank 1 .. LSTM_MAX_RANK. */
LSTM_API lstm_status lstm_transpose(size_t rank, const size_t *shape, const size_t *permutation, const float *x,
                                    float *y);

/* y = the slices of x at indices[count] along `axis`: shape[:axis] + [count] + shape[axis+1:]. With one index that axis is
 * one long: the last time step of [time][batch][width] is axis 0, index time - 1. An index out of range is an error. */
LSTM_API lstm_status lstm_gather(size_t rank, const size_t *shape, size_t axis, size_t count, const size_t *indices,
                                 const float *x, float *y);

/* y[count][depth]: 1 at indices[row], 0 elsewhere. An index out of range is an error. */
LSTM_API lstm_status lstm_one_hot(size_t count, const size_t *indices, size_t depth, float *y);

/* indices[row] = the place of the largest of x[row][columns], the lowest of equals; NaN is never the largest (a row of
 * NaN gives 0). */
LSTM_API lstm_status lstm_argmax(size_t rows, size_t columns, const float *x, size_t *indices);

/* *accuracy = the share of rows in which argmax(logits[row][classes]) is argmax(labels[row][classes]). rows >= 1. */
LSTM_API lstm_status lstm_accuracy(size_t rows, size_t classes, const float *logits, const float *labels,
                                   double *accuracy);

#ifdef __cplusplus
}
#endif
#endif
