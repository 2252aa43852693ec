#include "products.h"

#include <string.h>

#ifdef LSTM_CBLAS_HEADER
#include LSTM_CBLAS_HEADER
#else
#include <cblas.h>
#endif

/* Sizes fit an int: the store refuses longer axes, and rows come in blocks. A CBLAS may refuse a leading dimension of
 * zero even where nothing is computed, so empty products end here, and rows of no width are at least 1 apart. */
static void product(enum CBLAS_TRANSPOSE transpose_a, enum CBLAS_TRANSPOSE transpose_b, size_t m, size_t n, size_t k,
                    const float *a, size_t lda, const float *b, size_t ldb, const float *start, size_t lds, float *c,
                    size_t ldc)
{
    if (!m || !n)
        return;
    for (size_t row = 0; row < m && start && start != c; row++)
        memcpy(c + row * ldc, start + row * lds, n * sizeof *c);
    cblas_sgemm(CblasRowMajor, transpose_a, transpose_b, (int)m, (int)n, (int)k, 1.0f, a, lda ? (int)lda : 1, b,
                (int)ldb, start ? 1.0f : 0.0f, c, (int)ldc);
}

void lstm__cblas_product_nn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                            const float *start, size_t lds, float *c, size_t ldc)
{
    product(CblasNoTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, start, lds, c, ldc);
}

void lstm__cblas_product_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                            const float *start, size_t lds, float *c, size_t ldc)
{
    product(CblasNoTrans, CblasTrans, m, n, k, a, lda, b, ldb, start, lds, c, ldc);
}

void lstm__cblas_product_packed(size_t m, size_t n, const lstm__rows *x, const lstm__rows *h, const lstm__matrix *w,
                                bool backwards, const float *start, size_t lds, float *c, size_t ldc)
{
    (void)backwards;
    const enum CBLAS_TRANSPOSE transpose = w->transposed ? CblasTrans : CblasNoTrans;
    const float *of_h = w->values + (w->rows - h->width) * (w->transposed ? 1 : w->ld);
    if (x->width)
        product(CblasNoTrans, transpose, m, n, x->width, x->first, x->ld, w->values, w->ld, start, lds, c, ldc);
    if (h->width || !x->width)
        product(CblasNoTrans, transpose, m, n, h->width, h->first, h->ld, of_h, w->ld, x->width ? c : start,
                x->width ? ldc : lds, c, ldc);
}

void lstm__cblas_product_tn(size_t n, size_t k, const lstm__rows *x, const lstm__rows *h, const float *b, size_t ldb,
                            float *c, size_t ldc, float *sums)
{
    product(CblasTrans, CblasNoTrans, x->width, n, k, x->first, x->ld, b, ldb, c, ldc, c, ldc);
    c += x->width * ldc;
    product(CblasTrans, CblasNoTrans, h->width, n, k, h->first, h->ld, b, ldb, c, ldc, c, ldc);
    for (size_t row = 0; row < k && sums; row++)
        for (size_t j = 0; j < n; j++)
            sums[j] += b[row * ldb + j];
}
