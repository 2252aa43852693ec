/* The products, cut into tiles: part of bodies.c. */
#ifndef LSTM__PRODUCT_BODIES_H
#define LSTM__PRODUCT_BODIES_H

#include "tiles.h"

/* Of b, packed on the way, so many rows go together that a panel of them stays in the L1 cache while the rows of a pass. Of
 * [x|h] so many numbers go together that they stay in the L2 cache while the panels pass; of packed weights so many stay
 * there while all rows pass. For so few columns of [x|h]' packing b takes longer than it spares. Of b so many columns go
 * together that they stay in the L2 cache: some are read twice. */
enum { PANEL_ROWS = 6144 / (PANEL * VECTOR_WIDTH), BLOCK = 65536, GROUP = 65536, FEW_COLUMNS = 64, SUM_COLUMNS = 576 };

static const float zeros[WIDEST * VECTOR_WIDTH];

INLINE size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

INLINE size_t vectors_of(size_t n)
{
    return (n + VECTOR_WIDTH - 1) / VECTOR_WIDTH;
}

/* How high the next of the tiles is that m rows are cut into: about equally high. */
INLINE size_t tile_height(size_t m, size_t width)
{
    const size_t highest = tile_heights[width - 1], count = (m + highest - 1) / highest;
    const size_t height = count > 1 ? (m + count - 1) / count : m;
    return height != 5 && height != 7 ? height : count > 1 ? 6 : (height + 1) / 2;
}

/* Without the first rows; no width, no memory. */
INLINE lstm__rows rows_from(const lstm__rows *rows, size_t first)
{
    return (lstm__rows){rows->width ? rows->first + first * rows->ld : NULL, rows->ld, rows->width};
}

/* The tiles one below the other of m rows of c; the first of them fetch t.next, a panel like b. */
static void run_tiles(size_t width, size_t m, tile t)
{
    /* Not read unless something is fetched. NOLINTBEGIN(clang-analyzer-deadcode.DeadStores) */
    const float *next = t.next;
    const size_t k = t.a[0].width + t.a[1].width;
    /* NOLINTEND(clang-analyzer-deadcode.DeadStores) */
    for (size_t height, fetched = 0; m; m -= height, fetched += LINE) {
        height = tile_height(m, width);
        t.next = FETCHES && fetched < t.ldb ? next + fetched * k : t.b;
        tiles_across[width - 1][height - 1](&t);
        t.a[0] = rows_from(&t.a[0], height);
        t.a[1] = rows_from(&t.a[1], height);
        t.start += height * t.lds;
        t.c += height * t.ldc;
    }
}

/* n columns as panels of at most `widest` vectors, about equally wide, one after the other: where it begins, how many
 * vectors it has, and the last of them lanes. What is swept backwards every other time finds in the cache what came last. */
typedef struct panels {
    size_t n, narrow, wider; /* the first `wider` are one vector wider than the others */
    bool backwards;
    size_t first, end; /* from which panel, and up to which */
    size_t at, width, lanes;
} panels;

INLINE panels cut_columns(size_t n, size_t widest, bool backwards)
{
    const size_t vectors = vectors_of(n), count = (vectors + widest - 1) / widest;
    const size_t narrow = count > 1 ? vectors / count : vectors; /* a division takes its time */
    return (panels){.n = n, .end = count, .narrow = narrow, .wider = vectors - count * narrow, .backwards = backwards};
}

/* Those that a product with a part of a matrix computes. */
INLINE panels cut_part(const lstm__matrix *w, size_t n, size_t widest, bool backwards)
{
    panels p = cut_columns(n, widest, backwards);
    if (w->parts) {
        p.first = p.end * w->part / w->parts;
        p.end = p.end * (w->part + 1) / w->parts;
    }
    return p;
}

INLINE bool next_panel_at_once(panels *p)
{
    if (p->first == p->end)
        return false;
    const size_t index = p->backwards ? --p->end : p->first++;
    p->width = p->narrow + (index < p->wider);
    p->at = (index * p->narrow + smaller(index, p->wider)) * VECTOR_WIDTH;
    p->lanes = smaller(p->n - p->at - (p->width - 1) * VECTOR_WIDTH, VECTOR_WIDTH);
    return true;
}

/* For those of few rows a call takes long; for all others it is less code. */
static __attribute__((noinline)) bool next_panel(panels *p)
{
    return next_panel_at_once(p);
}

/* The next of them, `count` at most. */
INLINE panels next_panels(panels *p, size_t count)
{
    panels some = *p;
    count = smaller(count, p->end - p->first);
    if (p->backwards)
        some.first = p->end -= count;
    else
        some.end = p->first += count;
    return some;
}

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
    for (panels p = cut_columns(n, PANEL, false); next_panel(&p);)
        pack_panel(k, p.width, p.lanes, transposed ? b + p.at * ldb : b + p.at, ldb, transposed, packed + k * p.at);
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
    for (panels p = cut_columns(n, PANEL, false); next_panel(&p);) {
        tile t = tile_at(p.at, p.lanes, start, lds, c, ldc);
        t.b = t.next = panel;
        t.ldb = p.width * VECTOR_WIDTH;
        for (size_t i = 0; i < k || i == 0; i += PANEL_ROWS) {
            const size_t rows = smaller(PANEL_ROWS, k - i);
            t.a[0] = (lstm__rows){.first = a + i, .ld = lda, .width = rows};
            pack_panel(rows, p.width, p.lanes, transposed ? b + p.at * ldb + i : b + i * ldb + p.at, ldb, transposed,
                       panel);
            run_tiles(p.width, m, t);
            t.start = t.c;
            t.lds = ldc;
        }
    }
}

/* A few rows of [x|h] b, of some panels of b; packed: there are whole vectors of it. In line it would only be more
 * code. */
static __attribute__((noinline)) void few_rows(size_t m, panels p, bool packed, tile t)
{
    const tile whole = t;
    while (next_panel_at_once(&p)) {
        t.b = t.next = whole.b + p.at;
        t.start = whole.start == zeros ? zeros : whole.start + p.at;
        t.c = whole.c + p.at;
        t.lanes = p.lanes;
        t.b_lanes = packed ? VECTOR_WIDTH : p.lanes;
        tiles_across[p.width - 1][m - 1](&t);
    }
}

/* The first of the matrix's rows that is read. */
INLINE size_t first_taken(const lstm__rows *x, const lstm__rows *h, const lstm__matrix *w)
{
    return x->width ? 0 : w->rows - h->width;
}

/* What is read of a panel of packed weights, `skipped` rows of which are not. */
INLINE const float *panel_at(const float *packed, const lstm__matrix *w, size_t skipped, const panels *p)
{
    return packed + w->rows * p->at + skipped * p->width * VECTOR_WIDTH;
}

/* Of the matrix as it is. */
static void few_rows_of_values(size_t m, size_t n, const lstm__rows *x, const lstm__rows *h, const lstm__matrix *w,
                               const float *start, size_t lds, float *c, size_t ldc)
{
    if (!m) /* then there may be no memory, not even to point at */
        return;
    tile t = tile_at(0, VECTOR_WIDTH, start, lds, c, ldc);
    t.a[0] = *x;
    t.a[1] = *h;
    t.b = w->values + first_taken(x, h, w) * w->ld;
    t.ldb = w->ld;
    few_rows(m, cut_part(w, n, widest_of_few[m], false), false, t);
}

static void pack_few(size_t k, size_t n, const float *b, size_t ldb, float *packed)
{
    for (panels p = cut_columns(n, WIDEST, false); next_panel(&p);)
        pack_panel(k, p.width, p.lanes, b + p.at, ldb, false, packed + k * p.at);
}

/* One row by weights packed for a few: little may stand between two steps of a stream. */
INLINE void row_packed(size_t n, const lstm__rows *x, const lstm__rows *h, const lstm__matrix *w, bool backwards,
                       const float *start, float *c)
{
    for (panels p = cut_part(w, n, WIDEST, backwards); next_panel_at_once(&p);) {
        tile t = tile_at(p.at, p.lanes, start, 0, c, 0);
        t.a[0] = *x;
        t.a[1] = *h;
        t.ldb = p.width * VECTOR_WIDTH;
        t.b = panel_at(w->few, w, first_taken(x, h, w), &p);
        tiles_across[p.width - 1][0](&t);
    }
}

static void few_rows_packed(size_t m, size_t n, const lstm__rows *x, const lstm__rows *h, const lstm__matrix *w,
                            bool backwards, const float *start, size_t lds, float *c, size_t ldc)
{
    for (panels p = cut_part(w, n, WIDEST, backwards); next_panel_at_once(&p) && m;) {
        tile t = tile_at(p.at, VECTOR_WIDTH, start, lds, c, ldc);
        t.a[0] = *x;
        t.a[1] = *h;
        t.ldb = p.width * VECTOR_WIDTH;
        t.b = panel_at(w->few, w, first_taken(x, h, w), &p);
        few_rows(m, cut_columns(smaller(t.ldb, n - p.at), widest_of_few[m], false), true, t);
    }
}

static const lstm__rows no_rows;

static void product_nn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                       const float *start, size_t lds, float *c, size_t ldc)
{
    const lstm__rows x = {.first = a, .ld = lda, .width = k};
    if (m > LSTM__FEW_ROWS)
        panel_product(m, n, k, a, lda, b, ldb, false, start, lds, c, ldc);
    else
        few_rows_of_values(m, n, &x, &no_rows, &(lstm__matrix){.values = b, .ld = ldb, .rows = k}, start, lds, c, ldc);
}

static void product_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                       const float *start, size_t lds, float *c, size_t ldc)
{
    panel_product(m, n, k, a, lda, b, ldb, true, start, lds, c, ldc);
}

/* Some rows by some panels of packed weights. */
static void rows_by_panels(size_t m, panels p, const lstm__rows *x, const lstm__rows *h, const lstm__matrix *w,
                           const float *start, size_t lds, float *c, size_t ldc)
{
    const size_t skipped = first_taken(x, h, w);
    while (next_panel(&p)) {
        panels after = p;
        tile t = tile_at(p.at, p.lanes, start, lds, c, ldc);
        t.a[0] = *x;
        t.a[1] = *h;
        t.ldb = p.width * VECTOR_WIDTH;
        t.b = panel_at(w->packed, w, skipped, &p);
        t.next = FETCHES && next_panel(&after) ? panel_at(w->packed, w, skipped, &after) : t.b;
        run_tiles(p.width, m, t);
    }
}

/* In line it would take registers from the single row, which goes another way. */
static __attribute__((noinline)) void rows_packed(size_t m, size_t n, const lstm__rows *x, const lstm__rows *h,
                                                  const lstm__matrix *w, bool backwards, const float *start, size_t lds,
                                                  float *c, size_t ldc)
{
    const size_t k = x->width + h->width;
    if (m <= LSTM__FEW_ROWS && w->few) {
        few_rows_packed(m, n, x, h, w, backwards, start, lds, c, ldc);
        return;
    }
    if (m <= LSTM__FEW_ROWS && !w->transposed) {
        few_rows_of_values(m, n, x, h, w, start, lds, c, ldc);
        return;
    }
    const size_t at_once = (BLOCK / (k + 1) / 24 + 1) * 24; /* of the heights of tiles a multiple */
    for (panels left = cut_part(w, n, PANEL, backwards); left.first < left.end;) {
        const panels group = next_panels(&left, m <= at_once ? SIZE_MAX : GROUP / PANEL / VECTOR_WIDTH / (k + 1) + 1);
        for (size_t first = 0; first < m; first += at_once) {
            const lstm__rows of_x = rows_from(x, first), of_h = rows_from(h, first);
            rows_by_panels(smaller(at_once, m - first), group, &of_x, &of_h, w, start ? start + first * lds : NULL, lds,
                           c + first * ldc, ldc);
        }
    }
}

static void product_packed(size_t m, size_t n, const lstm__rows *x, const lstm__rows *h, const lstm__matrix *w,
                           bool backwards, const float *start, size_t lds, float *c, size_t ldc)
{
    if (m == 1 && w->few)
        row_packed(n, x, h, w, backwards, start, c);
    else
        rows_packed(m, n, x, h, w, backwards, start, lds, c, ldc);
}

/* The tiles one below the other of c += a' b, a's columns as they stand in memory. */
static void run_tiles_down(size_t width, size_t m, tile t)
{
    for (size_t height; m; m -= height) {
        height = tile_height(m, width);
        tiles_down[width - 1][height - 1](&t);
        t.a[0].first += height;
        t.c += height * t.ldc;
    }
}

/* c += [x|1]' b, of few columns, which become rows. */
static void few_columns_tn(size_t n, size_t rows, const lstm__rows *x, const float *b, size_t ldb, float *c, size_t ldc,
                           float *sums)
{
    float row[LSTM__FEW_ROWS][LSTM__SUM_ROWS];
    _Alignas(64) float products[LSTM__FEW_ROWS][WIDEST * VECTOR_WIDTH];
    const size_t m = x->width + (sums != NULL);
    for (size_t r = 0; r < m; r++)
        for (size_t i = 0; i < rows; i++)
            row[r][i] = r < x->width ? x->first[i * x->ld + r] : 1.0f;
    for (panels p = cut_columns(m ? n : 0, widest_of_few[m], false); next_panel(&p);) {
        tile t = tile_at(0, VECTOR_WIDTH, NULL, 0, products[0], WIDEST * VECTOR_WIDTH);
        t.a[0] = (lstm__rows){row[0], LSTM__SUM_ROWS, rows};
        t.b = t.next = b + p.at;
        t.ldb = ldb;
        t.b_lanes = p.lanes;
        tiles_across[p.width - 1][m - 1](&t);
        for (size_t r = 0; r < m; r++)
            add(smaller(n - p.at, p.width * VECTOR_WIDTH), products[r], (r < x->width ? c + r * ldc : sums) + p.at);
    }
}

/* A sum over LSTM__SUM_ROWS rows at most. Up to FEW_COLUMNS of [x|h] b is not packed; so few that there are LSTM__FEW_ROWS
 * at most with the column of ones become rows. */
static void rows_tn(size_t n, size_t rows, const lstm__rows *x, const lstm__rows *h, const float *b, size_t ldb,
                    float *c, size_t ldc, float *sums)
{
    _Alignas(64) float panel[LSTM__SUM_ROWS * PANEL * VECTOR_WIDTH];
    const lstm__rows few_of_x = x->width < LSTM__FEW_ROWS ? *x : no_rows;
    const lstm__rows few_of_h = h->width < LSTM__FEW_ROWS ? *h : no_rows;
    few_columns_tn(n, rows, &few_of_x, b, ldb, c, ldc, sums);
    few_columns_tn(n, rows, &few_of_h, b, ldb, c + x->width * ldc, ldc, NULL);
    for (panels p = cut_columns(n, PANEL, false); next_panel(&p);) {
        tile t = tile_at(p.at, p.lanes, NULL, 0, c, ldc);
        t.b = b + p.at;
        t.ldb = ldb;
        t.b_lanes = p.lanes;
        if (x->width + h->width > FEW_COLUMNS) {
            pack_panel(rows, p.width, p.lanes, t.b, ldb, false, panel);
            t.b = panel;
            t.ldb = p.width * VECTOR_WIDTH;
            t.b_lanes = VECTOR_WIDTH;
        }
        t.a[0] = (lstm__rows){x->first, x->ld, rows};
        run_tiles_down(p.width, x->width - few_of_x.width, t);
        t.a[0] = (lstm__rows){h->first, h->ld, rows};
        t.c += x->width * ldc;
        run_tiles_down(p.width, h->width - few_of_h.width, t);
    }
}

static void product_tn(size_t n, size_t k, const lstm__rows *x, const lstm__rows *h, const float *b, size_t ldb,
                       float *c, size_t ldc, float *sums)
{
    for (size_t i = 0; i < k; i += LSTM__SUM_ROWS) {
        const lstm__rows of_x = rows_from(x, i), of_h = rows_from(h, i);
        for (size_t j = 0; j < n; j += SUM_COLUMNS)
            rows_tn(smaller(SUM_COLUMNS, n - j), smaller(LSTM__SUM_ROWS, k - i), &of_x, &of_h, b + i * ldb + j, ldb,
                    c + j, ldc, sums ? sums + j : NULL);
    }
}

#endif
