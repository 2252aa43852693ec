/* The double reference's results for an unroll of any plan, beside the library's. */
#ifndef ORACLE_H
#define ORACLE_H

#include "reference.h"
#include "unroll.h"

/* A cell as the reference knows it, or a wrapper around others. */
typedef enum oracle_kind {
    ORACLE_CELL,
    ORACLE_MULTI,
    ORACLE_RESIDUAL,
    ORACLE_HIGHWAY,
    ORACLE_INPUT_PROJECTION,
    ORACLE_OUTPUT_PROJECTION,
    ORACLE_NO_DROPOUT /* a dropout wrapper that drops nothing */
} oracle_kind;

enum { ORACLE_MAX_INSIDE = 3, ORACLE_MAX_LAYERS = 2 };

typedef struct oracle_cell {
    oracle_kind kind;
    size_t input;
    reference_cell cell;             /* of ORACLE_CELL */
    size_t width;                    /* of projections */
    reference_activation activation; /* of projections */
    size_t count;                    /* of cells inside: 1, but for ORACLE_CELL and ORACLE_MULTI */
    const struct oracle_cell *inside[ORACLE_MAX_INSIDE];
} oracle_cell;

/* What an unroll's plan is made of. Layers are of both directions; or else there is one, of fw alone. */
typedef struct oracle_plan {
    size_t layers;
    const oracle_cell *fw[ORACLE_MAX_LAYERS], *bw[ORACLE_MAX_LAYERS];
    lstm_merge merge;
    bool learned; /* the initial state, where the unroll gives none */
} oracle_plan;

size_t oracle_output_width(const oracle_cell *cell);

/* The library's plan, on an open store. */
lstm_rnn *oracle_make(const oracle_plan *plan, const unroll_shape *shape, lstm_params *weights);

/* One array that unroll_run wrote, beside what it has to be, in the same layout. */
typedef struct oracle_array {
    char what[200];
    bool is_gradient;
    const float *found;
    double *expected;
    size_t count;
} oracle_array;

enum { ORACLE_MAX_ARRAYS = 256 };

typedef struct oracle_results {
    oracle_array arrays[ORACLE_MAX_ARRAYS];
    size_t count;
} oracle_results;

/* What the reference computes from the unroll's numbers. disturbance: each of them is moved by up to so much of itself
 * first, at random by the seed; 0: none. */
void oracle_ask(const oracle_plan *plan, const unroll *u, double disturbance, uint64_t seed, oracle_results *results);
void oracle_release(oracle_results *results);

/* max|found - expected| / max|expected|; infinity where either is not finite. */
double oracle_difference(const oracle_array *array);

/* The cell that test_cell makes of these. */
oracle_cell oracle_test_cell(const char *kind, lstm_activation activation, float forget_bias, size_t input,
                             size_t units);

/* Everything that unroll_run computed, of a cell that test_cell made of these, is what the reference computes:
 * max|a-b| <= tolerance max|b| for each array. */
void oracle_check(const char *kind, lstm_activation activation, float forget_bias, const unroll *u, double tolerance);

#endif
