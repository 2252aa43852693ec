/* The plan and the tape from the inside. */
#ifndef LSTM__RNN_H
#define LSTM__RNN_H

#include <lstm/rnn.h>

#include "cell.h"

struct lstm_rnn {
    atomic_size_t references;
    lstm_context *context;
    lstm_cell *cell;
    lstm__layout *layout;
    lstm_layout order; /* of the caller's arrays */
    lstm_cell_spec spec;
    size_t *offsets;      /* of the variables, in the store's block */
    size_t state_floats;  /* the sum of the leaves' widths */
    size_t weight_floats; /* the sum of the variables' counts */
};

void lstm__rnn_retain(lstm_rnn *rnn);

/* A batch's rows, sorted by falling length, are cut into blocks that run on their own through all of time; a block's time
 * is cut into chunks, one lstm__run each, whose gates stay in the cache. Both depend on sizes and lengths alone. */
enum {
    LSTM__BLOCK_ROWS_MIN = 32,
    LSTM__BLOCK_ROWS_MAX = 64,
    LSTM__CHUNK_STEPS = 512,  /* at most so many steps in a chunk, all rows counted */
    LSTM__GRADIENT_PARTS = 4, /* at most so many tasks for the weight gradient, */
    LSTM__PART_FLOATS = 1024  /* one for each so many weights */
};

typedef struct lstm__chunk {
    size_t start, time; /* time steps */
    size_t rows, steps; /* of its first step; of all */
    size_t rows_before; /* of the step before the first; at the start of time, all of the block's */
    size_t first_step;  /* in the block */
} lstm__chunk;

typedef struct lstm__block {
    size_t first_row, rows;   /* in sorted order */
    size_t first_step, steps; /* in the packed arrays */
    size_t first_chunk, chunks;
} lstm__block;

/* What one thread needs while it works on a block. */
typedef struct lstm__lane {
    size_t *active;                             /* [max_time] */
    float *input;                               /* [chunk][I], inference */
    float *output;                              /* [chunk][O], if not a state */
    float *tape;                                /* [chunk][tape_floats], inference */
    float **state;                              /* per leaf [block rows + chunk][width], inference */
    float *d_output;                            /* [chunk][O], training */
    float *d_input;                             /* [chunk][I], training */
    float **d_state;                            /* per leaf [block rows][width], training */
    float *scratch;                             /* [chunk][scratch_floats + driver_floats] */
    float **entering, **next_state, **pointers; /* for runs: per leaf 1, 1 and 4 pointers */
} lstm__lane;

struct lstm_tape {
    lstm_rnn *rnn;
    bool inference, owns_memory;
    size_t max_batch, max_time, max_steps;
    size_t max_blocks, max_chunks, chunk_steps, block_rows, lane_count;

    /* The last call, or nothing: params is NULL then. */
    lstm_params *params; /* a reference, so that no other store can take its address */
    uint64_t version;
    size_t batch, time, block_count;

    size_t *order, *length; /* [max_batch]: the caller's row, and its length, in sorted order */
    size_t *place;          /* [max_time + 1], for sorting */
    lstm__block *blocks;
    lstm__chunk *chunks;
    const float **variables; /* per variable */
    float **d_variables;     /* per variable; then per block and variable where blocks have partial gradients */
    lstm__lane *lanes;

    float *input, *output, *tape; /* training: packed, all blocks */
    float **state;                /* training: per leaf, per block its [rows] entering, then its [steps] */
    float *partial;               /* training without weight_gradient: [max_blocks][weight_floats] */
};

/* Block rows for a batch. */
size_t lstm__block_rows(size_t batch);

/* Sort the rows and cut them into blocks and chunks. length NULL: all rows are `time` long. */
void lstm__tape_arrange(lstm_tape *tape, size_t batch, size_t time, const size_t *length);

/* Forget the last call. */
void lstm__tape_forget(lstm_tape *tape);

#endif
