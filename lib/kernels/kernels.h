/* The inner loops, behind one table for each choice of kernels. */
#ifndef LSTM__KERNELS_H
#define LSTM__KERNELS_H

#include <lstm/cell.h>
#include <lstm/context.h>

/* State values smaller than this are written as zero, so that a decaying state never becomes denormal. */
#define LSTM__TINY_STATE 0x1p-100f

/* The activation of a cell or layer, DEFAULT resolved. A tape keeps its values; of a CUSTOM one it keeps the arguments. */
typedef struct lstm__activation {
    lstm_activation kind;
    lstm_function function;
} lstm__activation;

/* What an LSTM may have beside its gates. */
typedef struct lstm__lstm_options {
    float forget_bias;
    float cell_clip;              /* 0: none */
    const float *w_i, *w_f, *w_o; /* peepholes [h]; NULL: none */
} lstm__lstm_options;

#define LSTM__PRODUCT(name, arguments) void(*name) arguments;
#define LSTM__BODY(name, arguments) void(*name) arguments;
typedef struct lstm__kernels {
    const char *name;    /* as lstm_context_isa_name gives it */
    const char *vectors; /* the instruction set of the bodies */
#include "kernels.def"
} lstm__kernels;
#undef LSTM__PRODUCT
#undef LSTM__BODY

/* The table for a public choice; NULL: not on this machine or not in this build. */
const lstm__kernels *lstm__kernels_select(lstm_isa isa);

/* Every table that runs on this machine, for tests: index from 0; NULL past the end. */
const lstm__kernels *lstm__kernels_at(size_t index);

#endif
