/* The store, as the rest of the library sees it. */
#ifndef LSTM__PARAMS_H
#define LSTM__PARAMS_H

#include <lstm/params.h>

#include "initializer.h"

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

/* Have frozen copies of an open store keep the matrix packed; of a sealed one it is too late, and nothing happens. Statuses:
 * OUT_OF_MEMORY. Then what a frozen store has of it; NULL: nothing. */
lstm_status lstm__params_want_packed(const char *function, lstm_params *params, const lstm__packing *wanted);
const float *lstm__params_packed(const lstm_params *params, const lstm__packing *wanted);

bool lstm__params_is_frozen(const lstm_params *params);

/* To tell most names apart at once. */
uint64_t lstm__name_hash(const char *name);

/* Where names stand in an array that grows at its end: a hash table, open and at most half full. Another name may have the
 * same hash, so the name at a place decides. */
typedef struct lstm__names {
    struct lstm__name {
        uint64_t hash;
        size_t place; /* plus 1; 0: free */
    } * slots;
    size_t size, used; /* size: a power of 2, or 0 */
} lstm__names;

/* The next place where a name of that hash may stand, SIZE_MAX behind the last; *probe begins with 0. */
size_t lstm__names_next(const lstm__names *names, uint64_t hash, size_t *probe);

/* One more name, at the end of the array. false: no memory. Release slots in the end. */
bool lstm__names_add(lstm_context *context, lstm__names *names, uint64_t hash);

/* Write those of the parts that are neither NULL nor empty to name[room], with a '/' between them. How long it is; it is cut
 * off if that is not less than room. */
size_t lstm__join_name(const char *const parts[3], size_t room, char *name);

/* A name is 1 to LSTM_MAX_NAME bytes of UTF-8 without control characters and without empty parts between its '/', and not
 * "__metadata__", which files have for themselves. */
bool lstm__name_is_good(const char *name);

#endif
