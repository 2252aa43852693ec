/* The plan and the tape from the inside. */
#ifndef LSTM__RNN_H
#define LSTM__RNN_H

#include <lstm/rnn.h>

#include "cell.h"
#include "memory.h"

/* One cell over time, one way. */
typedef struct lstm__direction {
    lstm_cell *cell;
    lstm_cell_spec *spec;
    bool reverse;
    size_t first_state; /* its first leaf among the plan's */
    size_t column;      /* its first column in its layer's output */
} lstm__direction;

/* One or two directions over the same input. A plain plan is one layer of one direction. */
typedef struct lstm__layer {
    size_t input_size, output_size;
    size_t first_direction, directions;
} lstm__layer;

struct lstm_rnn {
    atomic_size_t references;
    lstm_context *context;
    lstm__layout *layout;
    lstm_layout order; /* of the caller's arrays */
    lstm_merge merge;
    bool learned_initial_state;
    uint64_t scope_hash;
    lstm__layer *layers;
    size_t layer_count;
    lstm__direction *directions; /* layer after layer, forward first */
    size_t direction_count;
    size_t *state_sizes; /* of all leaves */
    size_t states;
    lstm__variables variables; /* of all cells; then of the learned initial state, one per leaf */
    size_t *offsets;           /* of the variables, in the store's block */
    size_t cell_variables;     /* how many are the cells' */
    size_t weight_floats;      /* the sum of the variables' counts */
    size_t state_floats;       /* the sum of the leaves' widths */
    bool adds_by_step, is_trainable;
    bool sums_by_block;     /* the weights are few: each block adds up a gradient of its own */
    lstm_cell_spec *newest; /* while specs are declared */
};

void lstm__rnn_retain(lstm_rnn *rnn);

/* A batch's rows, sorted by falling length, are cut into blocks that run on their own through all of time; a block's time
 * is cut into chunks, one lstm__run each, whose gates stay in the cache. In training, and with a CBLAS, both depend on
 * sizes and lengths alone. */
enum {
    LSTM__BLOCK_ROWS_MIN = 16,
    LSTM__BLOCK_ROWS_MAX = 64,
    LSTM__CHUNK_STEPS = 512,     /* at most so many steps in a chunk, all rows counted */
    LSTM__BLOCK_WEIGHTS = 32768, /* of up to so many weights each block has a gradient of its own; of more, */
    LSTM__GRADIENT_PARTS = 16    /* it is computed at the end, cut into at most so many tasks */
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

/* What backward needs of one direction: packed, all blocks. */
typedef struct lstm__track {
    float *input, *tape;
    float *output; /* if it is no state */
    float **state; /* per leaf, per block its [rows] entering, then its [steps] */
} lstm__track;

/* What one thread needs while it works on a block; sizes are the largest of all directions. */
typedef struct lstm__lane {
    size_t *active;            /* [max_time] */
    size_t *place;             /* [max_time]: the first row of each step in the block's packed arrays; several layers */
    float *input, *tape;       /* inference: [chunk][I], [chunk][tape_total] */
    float *output;             /* inference: [chunk][O] */
    float **state;             /* inference: per leaf of the plan [block rows + chunk][width] */
    float *d_output, *d_input; /* training: [chunk][O], [chunk][I] */
    float **d_state;           /* training: per leaf of the plan [block rows][width] */
    float *scratch;            /* [chunk][scratch_total] */
    float **entering, **next_state, **pointers; /* for runs: per leaf of the plan; pointers_total */
} lstm__lane;

struct lstm_tape {
    lstm_rnn *rnn;
    bool inference, owns_memory;
    bool is_frozen; /* it runs on a frozen store only, which keeps packed what it can */
    size_t max_batch, max_time, max_steps;
    size_t max_blocks, max_chunks, chunk_steps, block_rows, lane_count;

    /* Of which store and version the packed weights are; NULL: none. A reference, so that no other store can take its
     * address. */
    lstm_params *packed_params;
    uint64_t packed_version;

    /* The last call, or nothing: params is NULL then. */
    lstm_params *params; /* a reference */
    uint64_t version;
    size_t batch, time, block_count;
    size_t row_time; /* how long the rows of the caller's arrays are: `time`, or more in a part of a sequence */
    bool training, from_learned_state, raw; /* raw: the call was lstm_raw_rnn */
    lstm_random random;

    size_t *order, *length; /* [max_batch]: the caller's row, and its length, in sorted order */
    uint64_t *row_id;       /* [max_batch], in sorted order */
    size_t *sorting;        /* [max_time + 1] */
    lstm__block *blocks;
    lstm__chunk *chunks;
    const float **variables; /* per variable */
    lstm__matrix *matrices;  /* per wanted matrix */
    float **packed, **few;   /* its packed weights, and those for a few rows; NULL: they are not needed */
    float **d_variables;     /* per variable; then per block and variable where blocks have partial gradients */
    lstm__lane *lanes;
    float **between;       /* per layer but the last: its output, packed */
    float **d_between;     /* training: its gradient */
    lstm__track *tracks;   /* training: per direction */
    float *partial;        /* training where cells add by steps or blocks sum: [max_blocks][weight_floats] */
    float *aside;          /* training: [block rows][state_floats or O], of one step of a raw loop */
    float *partial_states; /* training with a learned initial state: [max_blocks][state_floats] */
};

/* As the public functions, of a config that has been read; frozen: it will run on a frozen store only. */
lstm_status lstm__tape_size(const char *function, const lstm_rnn *rnn, const lstm_tape_config *config, bool frozen,
                            size_t *bytes);
lstm_status lstm__tape_create(const char *function, const lstm_rnn *rnn, const lstm_tape_config *config, bool frozen,
                              lstm_tape **tape);

/* Per leaf, an array of `rows` rows. */
float **lstm__take_states(lstm__arena *arena, const size_t *sizes, size_t leaves, size_t rows);

/* A matrix as a few rows want it; of no rows: they do not want it. */
lstm__packing lstm__packing_of(const lstm_rnn *rnn, const lstm__wanted_matrix *m);

/* Block rows for a batch. */
size_t lstm__block_rows(const lstm_tape *tape, size_t batch);

/* Sort the rows and cut them into blocks and chunks. length NULL: all rows are `time` long; row_id NULL: their places. */
void lstm__tape_arrange(lstm_tape *tape, size_t batch, size_t time, const size_t *length, const uint64_t *row_id);

/* Point tape->matrices at the weights of a store, and pack those that are to be packed, if they have changed. */
void lstm__tape_pack(lstm_tape *tape, const lstm_params *params);

/* Forget the last call. */
void lstm__tape_forget(lstm_tape *tape);

#endif
