/* The store from the inside: what params.c and params_frozen.c share. */
#ifndef LSTM__PARAMS_STORE_H
#define LSTM__PARAMS_STORE_H

#include "params.h"

#include <stdatomic.h>

typedef struct lstm__variable {
    lstm_variable_info info; /* info.name is `name` */
    lstm_initializer initializer;
    char name[];
} lstm__variable;

struct lstm__layout {
    atomic_size_t references;
    lstm_context *context;
    lstm__variable **variables; /* one allocation each: names keep their address while the store grows */
    size_t count, capacity;
    lstm__names names;
    size_t floats;
    lstm__packing *packings; /* in the order in which they stand in a frozen store, behind its block */
    size_t packing_count, packing_capacity;
};

struct lstm_params {
    atomic_size_t references;
    lstm_context *context;
    lstm__layout *layout;
    float *data; /* NULL: open */
    uint64_t version;
    bool frozen;      /* its block stands behind it in one piece of memory, */
    bool owns_memory; /* which may be the caller's; */
    float **packed;   /* in it, too, per packing of the layout its weights; NULL: the kernels do not pack */
};

/* Make a store of zeroed memory, on that layout, which it takes a reference to. */
void lstm__params_begin(lstm_params *params, lstm_context *context, lstm__layout *layout);

#endif
