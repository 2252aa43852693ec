/* The products, cut into tiles: part of bodies.c. */
#ifndef LSTM__PRODUCT_BODIES_H
#define LSTM__PRODUCT_BODIES_H

#include "tiles.h"

/* Of b so many rows go together, that a panel of them stays in the L1 cache while the rows of a pass. */
enum { PANEL_ROWS = LSTM__SUM_ROWS, WORTH_PACKING = 64 };

static const float zeros[WIDEST * VECTOR_WIDTH];

INLINE size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

INLINE size_t vectors_of(size_t n)
{
    return (n + VECTOR_WIDTH - 1) / VECTOR_WIDTH;
}

/* The tiles one below the other, equally high, of m rows of c. */
static void run_tiles(tile_function *const *functions, size_t width, bool down, size_t m, tile t)
{
    const size_t count = (m + tile_heights[width - 1] - 1) / tile_heights[width - 1];
    for (size_t k = 0, row = 0; k < count; k++) {
        const size_t rows = (m - row + count - k - 1) / (count - k);
        functions[rows - 1](&t);
        t.a[0].first += down ? rows : rows * t.a[0].ld;
        t.a[1].first += t.a[1].width ? rows * t.a[1].ld : 0;
        t.start += rows * t.lds;
        t.c += rows * t.ldc;
        row += rows;
    }
}

/* n columns as panels of at most `widest` vectors, about equally wide: for each its first column `at`, its number of
 * vectors and the lanes of the last. */
#define FOR_PANELS(at, width, lanes, n, widest)                                                                        \
    for (size_t at = 0, width, lanes, panels_ = (vectors_of(n) + (widest)-1) / (widest);                               \
         panels_ && (width = (vectors_of((n)-at) + panels_ - 1) / panels_,                                             \
                    lanes = smaller((n)-at - (width - 1) * VECTOR_WIDTH, VECTOR_WIDTH), true);                         \
         at += width * VECTOR_WIDTH, panels_--)

/* Copy a panel: rows of b, or where it is transposed columns, side by side; the last vector is filled up with zeros. */
static void pack_panel(size_t rows, size_t width, size_t lanes, const float *b, size_t ldb, bool transposed,
                       float *panel)
{
    enum { STRIP = 16 };
    const size_t full = width * VECTOR_WIDTH, columns = full - VECTOR_WIDTH + lanes;
    for (size_t i = 0; i < rows && !transposed; i++)
        for (size_t v = 0; v < width; v++)
            store(panel + i * full + v * VECTOR_WIDTH, VECTOR_WIDTH,
                  load(b + i * ldb + v * VECTOR_WIDTH, v + 1 < width ? VECTOR_WIDTH : lanes));
    for (size_t strip = 0; strip < rows && transposed; strip += STRIP) /* read and written by whole cache lines */
        for (size_t j = 0; j < full; j++)
            for (size_t i = strip; i < smaller(strip + STRIP, rows); i++)
                panel[i * full + j] = j < columns ? b[j * ldb + i] : 0.0f;
}

static void pack(size_t k, size_t n, const float *b, size_t ldb, bool transposed, float *packed)
{
    FOR_PANELS (at, width, lanes, n, PANEL)
        pack_panel(k, width, lanes, transposed ? b + at * ldb : b + at, ldb, transposed, packed + k * at);
}

INLINE tile tile_at(size_t at, size_t lanes, const float *start, size_t lds, float *c, size_t ldc)
{
    return (tile){.b_lanes = VECTOR_WIDTH,
                  .lanes = lanes,
                  .start = start ? start + at : zeros,
                  .lds = start ? lds : 0,
                  .c = c + at,
                  .ldc = ldc};
}

/* A product by panels that are packed on the way. */
static void panel_product(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                          bool transposed, const float *start, size_t lds, float *c, size_t ldc)
{
    _Alignas(64) float panel[PANEL_ROWS * PANEL * VECTOR_WIDTH];
    FOR_PANELS (at, width, lanes, n, PANEL) {
        tile t = tile_at(at, lanes, start, lds, c, ldc);
        t.b = panel;
        t.ldb = width * VECTOR_WIDTH;
        for (size_t i = 0; i < k || i == 0; i += PANEL_ROWS) {
            const size_t rows = smaller(PANEL_ROWS, k - i);
            t.a[0] = (lstm__rows){.first = a + i, .ld = lda, .width = rows};
            pack_panel(rows, width, lanes, transposed ? b + at * ldb + i : b + i * ldb + at, ldb, transposed, panel);
            run_tiles(tiles_across[width - 1], width, false, m, t);
            t.start = t.c;
            t.lds = ldc;
        }
    }
}

/* A few rows of [x|h] b. */
INLINE void few_rows(size_t m, size_t n, const lstm__rows *x, const lstm__rows *h, const float *b, size_t ldb,
                     const float *start, size_t lds, float *c, size_t ldc)
{
    static const size_t widest[LSTM__FEW_ROWS + 1] = WIDEST_OF_FEW;
    FOR_PANELS (at, width, lanes, n, widest[m]) {
        tile t = tile_at(at, lanes, start, lds, c, ldc);
        t.a[0] = *x;
        t.a[1] = *h;
        t.b = b + at;
        t.ldb = ldb;
        t.b_lanes = lanes;
        tiles_across[width - 1][m - 1](&t);
    }
}

static const lstm__rows no_rows;

static void product_nn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                       const float *start, size_t lds, float *c, size_t ldc)
{
    const lstm__rows x = {.first = a, .ld = lda, .width = k};
    if (m > LSTM__FEW_ROWS)
        panel_product(m, n, k, a, lda, b, ldb, false, start, lds, c, ldc);
    else if (m)
        few_rows(m, n, &x, &no_rows, b, ldb, start, lds, c, ldc);
}

static void product_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                       const float *start, size_t lds, float *c, size_t ldc)
{
    panel_product(m, n, k, a, lda, b, ldb, true, start, lds, c, ldc);
}

/* Columns [first, first + count) of [x|h]. */
INLINE void take_columns(tile *t, const lstm__rows *x, const lstm__rows *h, size_t first, size_t count)
{
    const size_t of_x = first < x->width ? smaller(count, x->width - first) : 0;
    const size_t in_h = first < x->width ? 0 : first - x->width;
    t->a[0] = (lstm__rows){.first = of_x ? x->first + first : NULL, .ld = x->ld, .width = of_x};
    t->a[1] = (lstm__rows){.first = h->first ? h->first + in_h : NULL, .ld = h->ld, .width = count - of_x};
}

static void product_packed(size_t m, size_t n, const lstm__rows *x, const lstm__rows *h, const lstm__matrix *w,
                           const float *start, size_t lds, float *c, size_t ldc)
{
    const size_t k = x->width + h->width;
    if (m <= LSTM__FEW_ROWS && !w->transposed) {
        if (m)
            few_rows(m, n, x, h, w->values, w->ld, start, lds, c, ldc);
        return;
    }
    FOR_PANELS (at, width, lanes, n, PANEL) {
        tile t = tile_at(at, lanes, start, lds, c, ldc);
        t.ldb = width * VECTOR_WIDTH;
        t.b = w->packed + k * at;
        for (size_t i = 0; i < k || i == 0; i += PANEL_ROWS) {
            take_columns(&t, x, h, i, smaller(PANEL_ROWS, k - i));
            run_tiles(tiles_across[width - 1], width, false, m, t);
            t.b += PANEL_ROWS * t.ldb;
            t.start = t.c;
            t.lds = ldc;
        }
    }
}

/* sums += the sum of the rows of b, `width` vectors of them */
INLINE void add_sums(size_t rows, size_t width, size_t lanes, const float *b, size_t ldb, float *sums)
{
    for (size_t v = 0; v < width; v++) {
        const size_t count = v + 1 < width ? VECTOR_WIDTH : lanes;
        V sum = all(0.0f);
        for (size_t i = 0; i < rows; i++)
            sum = plus(sum, load(b + i * ldb + v * VECTOR_WIDTH, count));
        store(sums + v * VECTOR_WIDTH, count, plus(load(sums + v * VECTOR_WIDTH, count), sum));
    }
}

static void product_tn(size_t n, size_t k, const lstm__rows *x, const lstm__rows *h, const float *b, size_t ldb,
                       float *c, size_t ldc, float *sums)
{
    _Alignas(64) float panel[PANEL_ROWS * PANEL * VECTOR_WIDTH];
    const bool packs = x->width + h->width > WORTH_PACKING;
    FOR_PANELS (at, width, lanes, n, PANEL)
        for (size_t i = 0; i < k; i += PANEL_ROWS) {
            const size_t rows = smaller(PANEL_ROWS, k - i);
            tile t = tile_at(at, lanes, NULL, 0, c, ldc);
            t.b = packs ? panel : b + i * ldb + at;
            t.ldb = packs ? width * VECTOR_WIDTH : ldb;
            t.b_lanes = packs ? VECTOR_WIDTH : lanes;
            if (packs)
                pack_panel(rows, width, lanes, b + i * ldb + at, ldb, false, panel);
            t.a[0] = (lstm__rows){.first = x->first + i * x->ld, .ld = x->ld, .width = rows};
            run_tiles(tiles_down[width - 1], width, true, x->width, t);
            t.a[0] = (lstm__rows){.first = h->first + i * h->ld, .ld = h->ld, .width = rows};
            t.c += x->width * ldc;
            if (h->width)
                run_tiles(tiles_down[width - 1], width, true, h->width, t);
            if (sums)
                add_sums(rows, width, lanes, t.b, t.ldb, sums + at);
        }
}

#endif
