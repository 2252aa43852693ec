#include "products.h"

#ifdef LSTM_CBLAS_HEADER
#include LSTM_CBLAS_HEADER
#else
#include <cblas.h>
#endif

/* Sizes fit an int: the store refuses longer axes, and rows come in blocks. A CBLAS may refuse a leading dimension of
 * zero even where nothing is computed, so empty products end here. */
static void product(enum CBLAS_TRANSPOSE transpose_a, enum CBLAS_TRANSPOSE transpose_b, size_t m, size_t n, size_t k,
                    const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    if (m && n)
        cblas_sgemm(CblasRowMajor, transpose_a, transpose_b, (int)m, (int)n, (int)k, 1.0f, a, (int)lda, b, (int)ldb,
                    beta, c, (int)ldc);
}

void lstm__cblas_product_nn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                            bool accumulate, float *c, size_t ldc)
{
    product(CblasNoTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, accumulate ? 1.0f : 0.0f, c, ldc);
}

void lstm__cblas_product_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                            bool accumulate, float *c, size_t ldc)
{
    product(CblasNoTrans, CblasTrans, m, n, k, a, lda, b, ldb, accumulate ? 1.0f : 0.0f, c, ldc);
}

void lstm__cblas_product_tn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                            float *c, size_t ldc)
{
    product(CblasTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, 1.0f, c, ldc);
}
