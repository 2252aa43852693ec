/* Register tiles: the one inner loop of all products, for every height and width that a register file holds. */
#ifndef LSTM__TILES_H
#define LSTM__TILES_H

#include "loops.h"

/* Of each instruction set: how many vectors of sums fit its registers beside a row of b, how wide a panel of packed
 * weights is, in vectors, and how high a tile of each width may be: of 5 or 7 rows there are none. A few rows are taken in
 * wider panels, and of these in tiles as wide as their number allows: only eight sums at once hide the latency of the
 * additions. So few columns of a' are taken as rows, too. FETCHES: rows of b are fetched ahead; where a core is shared, the
 * operations may cost more than that spares. */
#define FROM_2_TO_8(X, width) X(2, width) X(3, width) X(4, width) X(6, width) X(8, width)
#define EVERY_TILE_OF_A_ROW(X)                                                                                         \
    X(1, 1) X(1, 2) X(1, 3) X(1, 4) X(1, 5) X(1, 6) X(1, 7) X(1, 8) X(1, 9) X(1, 10) X(1, 11) X(1, 12)
#if defined(LSTM__ISA_AVX512) || defined(LSTM__ISA_NEON) /* 32 registers */
enum { TILE_SUMS = 24, PANEL = 4, WIDEST = 12, FETCHES = true };
static const unsigned char widest_of_few[LSTM__FEW_ROWS + 1] = {1, 12, 4, 4, 4};
static const unsigned char tile_heights[WIDEST] = {8, 8, 8, 6, 1, 1, 1, 1, 1, 1, 1, 1};
#define EVERY_TILE(X) EVERY_TILE_DOWN(X) EVERY_TILE_OF_A_ROW(X)
#define EVERY_TILE_DOWN(X) FROM_2_TO_8(X, 1) FROM_2_TO_8(X, 2) FROM_2_TO_8(X, 3) X(2, 4) X(3, 4) X(4, 4) X(6, 4)
#elif defined(LSTM__ISA_AVX2)
enum { TILE_SUMS = 12, PANEL = 3, WIDEST = 12, FETCHES = false };
static const unsigned char widest_of_few[LSTM__FEW_ROWS + 1] = {1, 12, 4, 3, 3};
static const unsigned char tile_heights[WIDEST] = {8, 6, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1};
#define EVERY_TILE(X) EVERY_TILE_DOWN(X) X(2, 4) EVERY_TILE_OF_A_ROW(X)
#define EVERY_TILE_DOWN(X) FROM_2_TO_8(X, 1) X(2, 2) X(3, 2) X(4, 2) X(6, 2) X(2, 3) X(3, 3) X(4, 3)
#else
enum { TILE_SUMS = 8, PANEL = 4, WIDEST = 4, FETCHES = false };
static const unsigned char widest_of_few[LSTM__FEW_ROWS + 1] = {1, 4, 4, 2, 2};
static const unsigned char tile_heights[WIDEST] = {4, 4, 2, 2};
#define EVERY_TILE(X) EVERY_TILE_DOWN(X) X(1, 1) X(1, 2)
#define EVERY_TILE_DOWN(X) X(2, 1) X(3, 1) X(4, 1) X(2, 2) X(3, 2) X(4, 2) X(1, 3) X(2, 3) X(1, 4) X(2, 4)
#endif

/* c = start + [x|h] b, of as many rows as the tile is high and as many vectors as it is wide. Each sum is one chain of fused
 * multiply-adds, from start on, in the order of b's rows. */
typedef struct tile {
    lstm__rows a[2];
    const float *b;
    size_t ldb;
    size_t b_lanes, lanes; /* of the last vector: how many there are in b, and in start and c */
    const float *start;
    size_t lds; /* 0: one row for all */
    float *c;
    size_t ldc;
    const float *next; /* what will be read later: with each row of b a line of it may be fetched into the L2 cache */
} tile;
typedef void tile_function(const tile *t);

/* Floats of a cache line; and how many rows before they are read those of a and b are fetched into the L1 cache. */
enum { LINE = 16, FETCHED_ROWS = 8 };

/* It may stand behind the end of the array. */
INLINE uintptr_t address_of(const float *array, size_t offset)
{
    return (uintptr_t)array + offset * sizeof *array;
}

INLINE void fill_sums(size_t rows, size_t width, const tile *t, V *sums)
{
    UNROLLED
    for (size_t r = 0; r < rows; r++)
        UNROLLED
    for (size_t v = 0; v < width; v++)
        sums[r * width + v] = load(t->start + r * t->lds + v * VECTOR_WIDTH, v + 1 < width ? VECTOR_WIDTH : t->lanes);
}

#define FACTOR(r) all(down ? first[i * ld + (r)] : first[(r)*ld + i])
#define B_VECTOR(v) load(b + (v)*VECTOR_WIDTH, (v) + 1 < width ? VECTOR_WIDTH : b_lanes)

/* sums += a b. down: the rows of the tile are columns of a. */
INLINE void add_products(size_t rows, size_t width, bool down, const tile *t, V *sums)
{
    const float *b = t->b;
    const size_t ldb = t->ldb, b_lanes = t->b_lanes;
    /* Not read unless something is fetched. NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores) */
    uintptr_t ahead = address_of(b, FETCHED_ROWS * ldb), next = address_of(t->next, 0);
    NOT_UNROLLED
    for (size_t part = 0; part < 2; part++) {
        const float *first = t->a[part].first;
        const size_t ld = t->a[part].ld, count = t->a[part].width;
        NOT_UNROLLED
        for (size_t i = 0; i < count; i++, b += ldb) {
            if (FETCHES && !down && rows > 2 && width == PANEL) {
                UNROLLED
                for (size_t v = 0; v < width * VECTOR_WIDTH; v += LINE)
                    __builtin_prefetch((const void *)(ahead + v * sizeof *b));
                __builtin_prefetch((const void *)next, 0, 2);
                ahead += ldb * sizeof *b;
                next += LINE * sizeof *b;
            }
            if (down && rows > 4)
                __builtin_prefetch((const void *)address_of(first, (i + FETCHED_ROWS) * ld));
            /* What is fewer stays in registers: a tile is wider or higher than there is room for beside the sums. */
            V kept[WIDEST];
            const size_t outer = rows <= 2 ? width : rows, inner = rows <= 2 ? rows : width;
            UNROLLED
            for (size_t k = 0; k < inner; k++)
                kept[k] = rows <= 2 ? FACTOR(k) : B_VECTOR(k);
            UNROLLED
            for (size_t k = 0; k < outer; k++) {
                const V other = rows <= 2 ? B_VECTOR(k) : FACTOR(k);
                UNROLLED
                for (size_t j = 0; j < inner; j++) {
                    V *sum = &sums[rows <= 2 ? j * width + k : k * width + j];
                    *sum = fused(other, kept[j], *sum);
                }
            }
        }
        if (down)
            break;
    }
}

#undef FACTOR
#undef B_VECTOR

/* sums += c, all of it before anything is stored: what is a multiple of 4 KiB away from a store is loaded late. */
INLINE void add_to_sums(size_t rows, size_t width, const tile *t, V *sums)
{
    UNROLLED
    for (size_t r = 0; r < rows; r++)
        UNROLLED
    for (size_t v = 0; v < width; v++)
        sums[r * width + v] = plus(load(t->c + r * t->ldc + v * VECTOR_WIDTH, v + 1 < width ? VECTOR_WIDTH : t->lanes),
                                   sums[r * width + v]);
}

INLINE void store_sums(size_t rows, size_t width, const tile *t, const V *sums)
{
    UNROLLED
    for (size_t r = 0; r < rows; r++)
        UNROLLED
    for (size_t v = 0; v < width; v++) {
        float *c = t->c + r * t->ldc + v * VECTOR_WIDTH;
        const size_t lanes = v + 1 < width ? VECTOR_WIDTH : t->lanes;
        if (rows == 1)
            store_row(c, lanes, sums[v]);
        else
            store(c, lanes, sums[r * width + v]);
    }
}

INLINE void tile_across(size_t rows, size_t width, const tile *t)
{
    V sums[TILE_SUMS];
    fill_sums(rows, width, t, sums);
    add_products(rows, width, false, t, sums);
    store_sums(rows, width, t, sums);
}

/* c += a' b, where a' has as many rows as a[0].first has columns in the tile. c is far away while there is much of it. */
INLINE void tile_down(size_t rows, size_t width, const tile *t)
{
    V sums[TILE_SUMS];
    UNROLLED
    for (size_t r = 0; r < rows; r++)
        UNROLLED
    for (size_t v = 0; v < width * VECTOR_WIDTH; v += LINE)
        __builtin_prefetch(t->c + r * t->ldc + v, 1);
    fill_sums(rows, width, t, sums);
    add_products(rows, width, true, t, sums);
    add_to_sums(rows, width, t, sums);
    store_sums(rows, width, t, sums);
}

#define TILE_ACROSS(rows, width)                                                                                       \
    static void tile_across_##rows##_##width(const tile *t)                                                            \
    {                                                                                                                  \
        tile_across(rows, width, t);                                                                                   \
    }
#define TILE_DOWN(rows, width)                                                                                         \
    static void tile_down_##rows##_##width(const tile *t)                                                              \
    {                                                                                                                  \
        tile_down(rows, width, t);                                                                                     \
    }
EVERY_TILE(TILE_ACROSS)
EVERY_TILE_DOWN(TILE_DOWN)
#undef TILE_ACROSS
#undef TILE_DOWN

enum { HIGHEST = 8 };
#define ENTRY_ACROSS(rows, width) [width - 1][rows - 1] = tile_across_##rows##_##width,
#define ENTRY_DOWN(rows, width) [width - 1][rows - 1] = tile_down_##rows##_##width,
static tile_function *const tiles_across[WIDEST][HIGHEST] = {EVERY_TILE(ENTRY_ACROSS)};
static tile_function *const tiles_down[PANEL][HIGHEST] = {EVERY_TILE_DOWN(ENTRY_DOWN)};
#undef ENTRY_ACROSS
#undef ENTRY_DOWN

#endif
