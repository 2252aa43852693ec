/* The inner loops, behind one table for each choice of kernels. */
#ifndef LSTM__KERNELS_H
#define LSTM__KERNELS_H

#include <lstm/cell.h>
#include <lstm/context.h>

#include <float.h>

/* The same bits everywhere is a promise that holds where every operation rounds to its own type. */
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 16,
               "floats are computed with more digits: compile with -msse2 -mfpmath=sse on x86, "
               "with -fexcess-precision=fast on z/Architecture");

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

/* Rows of a matrix, ld apart. */
typedef struct lstm__rows {
    const float *first;
    size_t ld, width;
} lstm__rows;

/* Up to so many rows are multiplied by a matrix as it is, unless it stays the same for so long that it has been packed. */
enum { LSTM__FEW_ROWS = 4 };

/* A matrix of weights to multiply [x|h] by, or x or h alone: values, or their transpose; its first rows are x's, its last
 * ones h's. Kernels of our own read `packed` in their stead, for more than a few rows, and always where it is transposed.
 * For a few rows they read `few`, if it is there. */
typedef struct lstm__matrix {
    const float *values, *packed, *few;
    size_t ld;   /* of values */
    size_t rows; /* of what is multiplied by */
    bool transposed;
    unsigned short part, parts; /* of its columns only these, cut into so many parts; 0: all */
} lstm__matrix;

/* The losses of single elements, and what they may be told. */
typedef enum lstm__element_kind {
    LSTM__SIGMOID_CROSS_ENTROPY,
    LSTM__SQUARED_ERROR,
    LSTM__ABSOLUTE_DIFFERENCE,
    LSTM__HUBER
} lstm__element_kind;
typedef struct lstm__element_loss {
    lstm__element_kind kind;
    double delta; /* of HUBER */
} lstm__element_loss;

/* The logarithm of 0 in a sum of paths: far below that of any path over finite logits, and finite itself, also if added
 * up over all the frames there can be. */
#define LSTM__LOG_ZERO (-1e280)

/* x as a float; what is finite stays so. */
static inline float lstm__rounded(double x)
{
    const double largest = (double)FLT_MAX;
    return (float)(x > largest && x <= DBL_MAX ? largest : x < -largest && x >= -DBL_MAX ? -largest : x);
}

#define LSTM__PRODUCT(name, arguments) void(*name) arguments;
#define LSTM__BODY(name, arguments) void(*name) arguments;
typedef struct lstm__kernels {
    const char *name;    /* as lstm_context_isa_name gives it */
    const char *vectors; /* the instruction set of the bodies */
    bool packs;          /* product_packed wants packed weights */
#include "kernels.def"
} lstm__kernels;
#undef LSTM__PRODUCT
#undef LSTM__BODY

/* A product over rows (of a batch, of time) is a sum of sums over so many rows. */
enum { LSTM__SUM_ROWS = 128 };

/* Columns of a packed matrix: whole vectors, of any instruction set. */
static inline size_t lstm__packed_width(size_t n)
{
    return (n + 15) / 16 * 16;
}

/* The table for a public choice; NULL: not on this machine or not in this build. */
const lstm__kernels *lstm__kernels_select(lstm_isa isa);

/* Every table of our own that runs on this machine, slowest first: index from 0; NULL past the end. */
const lstm__kernels *lstm__kernels_at(size_t index);

#endif
