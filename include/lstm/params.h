/* A store of named float arrays: weights, gradients, optimizer slots. SPDX-License-Identifier: MIT */
#ifndef LSTM_PARAMS_H
#define LSTM_PARAMS_H

#include <lstm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All variables of a store stand in one 64-byte aligned block, one behind the other in the order of declaration. A
 * store is open (variables may be declared) until lstm_params_initialize seals it. Plans and layers declare their
 * variables on an open store; on a sealed one they bind to those that are there. Stores of one layout are the one that
 * was declared on, and those made from it by lstm_params_create_like and lstm_params_freeze; what was made for one of
 * them takes them all, but no other store, even if its names and shapes are the same. A store's context does the work
 * of what is made on it: plans, tapes, dense layers and streams. Threads: many readers or one writer. A store keeps its
 * context alive. */
typedef struct lstm_params lstm_params;

enum { LSTM_MAX_RANK = 4, LSTM_MAX_NAME = 2047 }; /* names grow with the nesting of cells */

/* How a variable starts: a and b are numbers of the kind, whose 0 means the default in brackets. Zero is TF1's default
 * for get_variable. Kinds and formulas are those of TF1's init_ops. */
typedef enum lstm_initializer_kind {
    /* U(-l, l), l = sqrt(6 / (fan_in + fan_out)): X. Glorot and Y. Bengio, AISTATS 2010 */
    LSTM_INITIALIZER_GLOROT_UNIFORM = 0,
    LSTM_INITIALIZER_CONSTANT = 1, /* a everywhere */
    LSTM_INITIALIZER_UNIFORM = 2,  /* U[a, b), b - a finite; both are to be given */
    /* The same paper's normal distribution: variance scaling by FAN_AVG with the truncated normal distribution */
    LSTM_INITIALIZER_GLOROT_NORMAL = 3,
    LSTM_INITIALIZER_NORMAL = 4,           /* mean a, standard deviation b (1) */
    LSTM_INITIALIZER_TRUNCATED_NORMAL = 5, /* the same; what is 2 standard deviations or more from a is drawn again */
    /* mean 0, variance scale / n, scale being a (1) and n the fan that mode says, by `distribution`: K. He et al., 2015 */
    LSTM_INITIALIZER_VARIANCE_SCALING = 6,
    /* a (1) times Q of random normal numbers' Q R with R's diagonal positive, the variable taken as a matrix of all axes
     * but the last, and the last, transposed if it is wide: rows or columns, the fewer, are orthonormal. Rank 2 or more.
     * A. Saxe et al., 2014 */
    LSTM_INITIALIZER_ORTHOGONAL = 7,
    LSTM_INITIALIZER_IDENTITY = 8 /* a (1) on the diagonal, 0 beside it; rank 2 */
} lstm_initializer_kind;

/* fan_in and fan_out as in TF1: [n] -> n, n; [a, b] -> a, b; more axes: the last two, each times the product of the
 * others. A fused kernel is one matrix. */
typedef enum lstm_fan_mode { LSTM_FAN_IN = 0, LSTM_FAN_OUT = 1, LSTM_FAN_AVG = 2 } lstm_fan_mode;

/* TRUNCATED_NORMAL has that variance after it is truncated. */
typedef enum lstm_distribution {
    LSTM_DISTRIBUTION_TRUNCATED_NORMAL = 0,
    LSTM_DISTRIBUTION_UNTRUNCATED_NORMAL = 1,
    LSTM_DISTRIBUTION_UNIFORM = 2
} lstm_distribution;

typedef struct lstm_initializer {
    lstm_initializer_kind kind;
    float a, b; /* see the kind */
    lstm_fan_mode mode;             /* of VARIANCE_SCALING */
    lstm_distribution distribution; /* of VARIANCE_SCALING */
} lstm_initializer;

typedef struct lstm_variable_info {
    const char *name;            /* lives as long as the store */
    size_t rank;                 /* 1 to LSTM_MAX_RANK */
    size_t shape[LSTM_MAX_RANK]; /* row-major */
    size_t offset, count;        /* in floats, within the block */
    bool trainable, decay;       /* see lstm_params_set_trainable */
} lstm_variable_info;

/* Create an open, empty store. Destroy with lstm_params_destroy. Any thread.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY. */
LSTM_API lstm_status lstm_params_create(lstm_context *context, lstm_params **params);

/* Create a sealed store of the same layout, all zeros: for gradients, or for weights that the caller writes. Destroy
 * with lstm_params_destroy. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (params is still open). */
LSTM_API lstm_status lstm_params_create_like(const lstm_params *params, lstm_params **zeros);

typedef struct lstm_freeze_config {
    size_t struct_size;
    /* NULL: from the context's allocator. Otherwise the caller's, until the copy and all streams and tapes over it are
     * destroyed, of at least the size and alignment that lstm_params_freeze_size gives. */
    void *memory;
    size_t memory_size;
} lstm_freeze_config;

/* How much memory a frozen copy takes: *bytes, and *alignment (may be NULL).
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY (the size overflows), STATE (params is still open). */
LSTM_API lstm_status lstm_params_freeze_size(const lstm_params *params, size_t *bytes, size_t *alignment);

/* Create a copy that is never written to again: weights for streams, shared by any number of threads. config NULL: in
 * the context's memory. Destroy with lstm_params_destroy. Statuses: INVALID_ARGUMENT (memory that is not aligned too),
 * OUT_OF_MEMORY, CAPACITY (memory_size is too small), STATE (params is still open). */
LSTM_API lstm_status lstm_params_freeze(const lstm_params *params, const lstm_freeze_config *config,
                                        lstm_params **frozen);

/* Give back the caller's reference; NULL is fine. */
LSTM_API void lstm_params_destroy(lstm_params *params);

/* Declare a variable of shape[rank] on an open store. name: 1 to LSTM_MAX_NAME bytes of UTF-8 without control
 * characters, parts separated by '/', and not "__metadata__", which files have for themselves; initializer NULL: Glorot
 * uniform. Statuses: INVALID_ARGUMENT (name, rank, an axis that is not 1 to 2^31 - 1, an initializer that is not known,
 * or not of that rank), OUT_OF_MEMORY, STATE (sealed, or the name is taken). */
LSTM_API lstm_status lstm_params_declare(lstm_params *params, const char *name, size_t rank, const size_t *shape,
                                         const lstm_initializer *initializer);

/* Change how the variables start whose names match a pattern, on an open store: '*' stands for any run of bytes, '/'
 * and none included, '?' for one byte, all others for themselves. Plans and layers declare their variables with TF1's
 * initializers; this replaces them, and the last call wins. Statuses: INVALID_ARGUMENT (no variable matches; an
 * initializer that is not known, or not of the rank of one that matches: then none is changed), STATE (sealed). */
LSTM_API lstm_status lstm_params_set_initializer(lstm_params *params, const char *pattern,
                                                 const lstm_initializer *initializer);

/* Say of the variables whose names match a pattern (as above) whether they are trained and whether their weights decay;
 * both are true at first, and the last call wins: ("*", false, false), then ("dense*", true, true) trains the dense
 * layer alone. A variable that is not trainable has no gradient, as in TF1: no optimizer changes it or its slots, norms
 * and clipping pass over it, and whatever backward adds to its place in a gradient store is ignored. One that does not
 * decay is spared by lstm_l2_regularizer and by the weight decay of AdamW. Open and sealed stores. The flags belong to
 * the layout: they hold for all stores created like this one, or that this one was created like. Threads: on none of
 * these may a variable be described, an optimizer applied, a norm taken or clipped meanwhile; plans, tapes and streams
 * do not read the flags. Statuses: INVALID_ARGUMENT (no variable matches), STATE (params is a frozen copy). */
LSTM_API lstm_status lstm_params_set_trainable(lstm_params *params, const char *pattern, bool trainable, bool decay);

/* Allocate the block if the store is open, seal it, and fill every variable by its initializer from the stream (seed,
 * name). On a sealed store: fill anew. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY (the store is then still open), STATE
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

/* The whole block to write, and its length in floats (*count; may be NULL). Call it before each round of writing: it
 * marks the values as changed, and what was computed from the old ones is then known to be stale. NULL on a store that
 * is open or frozen. Valid until the store is destroyed. */
LSTM_API float *lstm_params_edit(lstm_params *params, size_t *count);

/* Give the variables of `to` whose names match a pattern (as above) the values that those of the same names have in
 * `from`, a store of any layout: another context's, or a network's of which some layers are the same. Statuses:
 * INVALID_ARGUMENT (no variable of `to` matches), SHAPE (one has another shape in `from`), STATE (`from` lacks one; a
 * store is open; `to` is frozen). Nothing is written on failure. */
LSTM_API lstm_status lstm_params_copy(const lstm_params *from, lstm_params *to, const char *pattern);

/* Set every value to zero; nothing happens to NULL, or to a store that is open or frozen. */
LSTM_API void lstm_params_zero(lstm_params *params);

#ifdef __cplusplus
}
#endif
#endif
