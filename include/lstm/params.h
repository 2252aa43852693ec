/* A store of named float arrays: weights, gradients, optimizer slots. SPDX-License-Identifier: MIT */
#ifndef LSTM_PARAMS_H
#define LSTM_PARAMS_H

#include <lstm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All variables of a store stand in one 64-byte aligned block, one behind the other in the order of declaration.
 * A store is open (variables may be declared) until lstm_params_initialize seals it. Plans and layers declare their
 * variables on an open store; on a sealed one they bind to those that are there.
 * Threads: many readers or one writer. A store keeps its context alive. */
typedef struct lstm_params lstm_params;

enum { LSTM_MAX_RANK = 4, LSTM_MAX_NAME = 2047 }; /* names grow with the nesting of cells */

/* How a variable starts. Zero is TF1's default for get_variable. */
typedef enum lstm_initializer_kind {
    /* U(-l, l), l = sqrt(6 / (fan_in + fan_out)): X. Glorot and Y. Bengio, AISTATS 2010 */
    LSTM_INITIALIZER_GLOROT_UNIFORM = 0,
    LSTM_INITIALIZER_CONSTANT = 1, /* a everywhere */
    LSTM_INITIALIZER_UNIFORM = 2   /* U[a, b), b - a finite */
} lstm_initializer_kind;

/* fan_in and fan_out as in TF1: [n] -> n, n; [a, b] -> a, b; more axes: the last two, each times the product of the
 * others. A fused kernel is one matrix. */
typedef struct lstm_initializer {
    lstm_initializer_kind kind;
    float a, b;
} lstm_initializer;

typedef struct lstm_variable_info {
    const char *name;            /* lives as long as the store */
    size_t rank;                 /* 1 to LSTM_MAX_RANK */
    size_t shape[LSTM_MAX_RANK]; /* row-major */
    size_t offset, count;        /* in floats, within the block */
} lstm_variable_info;

/* Create an open, empty store. Destroy with lstm_params_destroy. Any thread.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY. */
LSTM_API lstm_status lstm_params_create(lstm_context *context, lstm_params **params);

/* Create a sealed store of the same layout, all zeros: for gradients, or for weights that the caller writes.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (params is still open). */
LSTM_API lstm_status lstm_params_create_like(const lstm_params *params, lstm_params **zeros);

/* Create a copy that is never written to again: weights for streams, shared by any number of threads.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (params is still open). */
LSTM_API lstm_status lstm_params_freeze(const lstm_params *params, lstm_params **frozen);

/* Give back the caller's reference; NULL is fine. */
LSTM_API void lstm_params_destroy(lstm_params *params);

/* Declare a variable on an open store. name: 1 to LSTM_MAX_NAME bytes, parts separated by '/'; initializer NULL: Glorot
 * uniform. Statuses: INVALID_ARGUMENT (name, rank, an axis that is not 1 to 2^31 - 1), OUT_OF_MEMORY, STATE (sealed, or the name is
 * taken). */
LSTM_API lstm_status lstm_params_declare(lstm_params *params, const char *name, size_t rank, const size_t *shape,
                                         const lstm_initializer *initializer);

/* Allocate the block if the store is open, seal it, and fill every variable by its initializer from the stream
 * (seed, name). On a sealed store: fill anew. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY (the store is then still open), STATE
 * (it is frozen). */
LSTM_API lstm_status lstm_params_initialize(lstm_params *params, uint64_t seed);

/* How many variables there are; 0 for NULL. */
LSTM_API size_t lstm_params_variable_count(const lstm_params *params);

/* Describe variable `index`, in order of declaration. Statuses: INVALID_ARGUMENT (index out of range too). */
LSTM_API lstm_status lstm_params_variable(const lstm_params *params, size_t index, lstm_variable_info *info);

/* Describe the variable of that name. Statuses: INVALID_ARGUMENT (no such name too; the message says which). */
LSTM_API lstm_status lstm_params_find(const lstm_params *params, const char *name, lstm_variable_info *info);

/* The whole block to read, and its length in floats (count may be NULL). NULL on a store that is open.
 * Valid until the store is destroyed. */
LSTM_API const float *lstm_params_data(const lstm_params *params, size_t *count);

/* The whole block to write. Call it before each round of writing: it marks the values as changed, and what was computed
 * from the old ones is then known to be stale. NULL on a store that is open or frozen. */
LSTM_API float *lstm_params_edit(lstm_params *params, size_t *count);

/* Set every value to zero; nothing happens to NULL, or to a store that is open or frozen. */
LSTM_API void lstm_params_zero(lstm_params *params);

#ifdef __cplusplus
}
#endif
#endif
