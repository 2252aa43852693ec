/* A recurrent network that bytes describe, its data, and what it computes in different ways. */
#ifndef NETWORK_H
#define NETWORK_H

#include "fuzz.h"

enum { MAX_BATCH = 70, MAX_TIME = 9, MAX_LEAVES = 12, MAX_INPUT = 20, MAX_ARRAY = 6000 };

/* Arrays are [row][time][width] of all rows, whatever the layout of a run. */
typedef struct network {
    size_t kind; /* 0: one direction, 1: both, 2: a stack of two layers of both */
    lstm_cell *cells[4];
    lstm_merge merge;
    bool learned, given_state, training;
    size_t input, batch, time, output, leaves, widths[MAX_LEAVES];
    size_t lengths[MAX_BATCH];
    float *x, *d_y, *d_last, *initial[MAX_LEAVES], *d_final[MAX_LEAVES];
    /* What the first run computes, and the others have to. */
    float *y, *last, *d_x, *final[MAX_LEAVES], *d_initial[MAX_LEAVES], *gradient;
} network;

/* False: the bytes describe none. Release it either way. */
bool fuzz_network(fuzz_bytes *bytes, network *n);
void fuzz_network_release(network *n);

/* A plan for it on an open store of that context, both to be destroyed; documented: what may go wrong. */
lstm_status fuzz_plan(const network *n, lstm_context *context, lstm_layout layout, lstm_params **params,
                      lstm_rnn **rnn);

/* Seal the store, with the same weights whatever the context. */
void fuzz_weights(lstm_params *params);

/* One way to run it. */
typedef struct way {
    lstm_context *context;
    lstm_layout layout;
    size_t batch, rows[MAX_BATCH]; /* which rows, in which order */
    size_t begin, end;             /* the time steps */
    size_t spare;                  /* what the tape holds beyond that */
    bool inference, given_memory, all_rows, wrong;
    float *const *state; /* of a part that is not the first, and where the last state goes; NULL: the network's */
} way;

/* Run it; `first`: the results are kept, otherwise they have to be the same. wrong: with a call before that fails. */
void fuzz_run(network *n, const way *w, bool first, fuzz_bytes *bytes);

#endif
