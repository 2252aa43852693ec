/* The store, as the rest of the library sees it. */
#ifndef LSTM__PARAMS_H
#define LSTM__PARAMS_H

#include <lstm/params.h>

#include "initializer.h"
#include "names.h"

/* The names, shapes and places of the variables; shared by all stores of the same origin. */
typedef struct lstm__layout lstm__layout;

lstm__layout *lstm__params_layout(const lstm_params *params);
lstm__layout *lstm__layout_retain(lstm__layout *layout);
void lstm__layout_release(lstm__layout *layout);

/* Walks over the variables that are trainable, and with `decay` decay too, within the floats [begin, end) of the block:
 * each lstm__next_range gives the next stretch of neighbours, as long as there is one. */
typedef struct lstm__ranges {
    const lstm__layout *layout;
    bool decay;
    size_t begin, end;
    size_t first, count; /* the stretch */
} lstm__ranges;

bool lstm__next_range(lstm__ranges *ranges);

lstm_context *lstm__params_context(const lstm_params *params);
void lstm__params_retain(lstm_params *params);
uint64_t lstm__params_version(const lstm_params *params);

/* A variable that a plan or layer wants; its full name is scope/name. */
typedef struct lstm__wanted {
    const char *name;
    size_t rank, shape[LSTM_MAX_RANK];
    lstm_initializer initializer;
} lstm__wanted;

/* On an open store declare the variables (with reuse: find them), on a sealed one find them; all or none.
 * offsets[count] become their places in the block. */
lstm_status lstm__params_bind(const char *function, lstm_params *params, const char *scope, bool reuse, size_t count,
                              const lstm__wanted *wanted, size_t *offsets);

/* How far a store has come; and back to there: what an open one was declared since is taken back. */
typedef struct lstm__mark {
    size_t variables, packings;
} lstm__mark;
lstm__mark lstm__params_mark(const lstm_params *params);
void lstm__params_truncate(lstm_params *params, lstm__mark mark);

/* The product of its axes; SIZE_MAX if it overflows. */
size_t lstm__wanted_count(const lstm__wanted *wanted);

/* Check that params can serve a plan of that layout: not NULL, sealed, of the same layout. */
lstm_status lstm__params_check(const char *function, const char *argument, const lstm_params *params,
                               const lstm__layout *layout);

/* And that it may be written to. */
lstm_status lstm__params_check_writable(const char *function, const char *argument, const lstm_params *params,
                                        const lstm__layout *layout);

/* Seal an open store with all values zero; a sealed one stays as it is. Statuses: OUT_OF_MEMORY. */
lstm_status lstm__params_seal(const char *function, lstm_params *params);

/* A matrix that products of a few rows read packed: where it stands in the block. */
typedef struct lstm__packing {
    size_t offset, rows, columns;
} lstm__packing;

/* Have frozen copies of an open store keep the matrix packed; of a sealed one it is too late, and nothing happens.
 * Statuses: OUT_OF_MEMORY. Then what a frozen store has of it; NULL: nothing. */
lstm_status lstm__params_want_packed(const char *function, lstm_params *params, const lstm__packing *wanted);
const float *lstm__params_packed(const lstm_params *params, const lstm__packing *wanted);

bool lstm__params_is_frozen(const lstm_params *params);

#endif
