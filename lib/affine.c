#include "affine.h"

/* Up to this many columns a product spends its time on packing. */
enum { NARROW = 4 };

void lstm__affine(const lstm__kernels *kernels, size_t rows, size_t k, size_t n, const float *x, size_t ldx,
                  const float *w, size_t ldw, const float *bias, float *y, size_t ldy)
{
    const bool narrow = k <= NARROW;
    kernels->narrow_affine(rows, narrow ? k : 0, n, x, ldx, w, ldw, bias, y, ldy);
    if (!narrow)
        kernels->product_nn(rows, n, k, x, ldx, w, ldw, true, y, ldy);
}

void lstm__outer(const lstm__kernels *kernels, size_t rows, size_t k, size_t n, const float *x, size_t ldx,
                 const float *dy, size_t lddy, float *dw, size_t lddw)
{
    if (k <= NARROW)
        kernels->narrow_outer(rows, k, n, x, ldx, dy, lddy, dw, lddw);
    else
        kernels->product_tn(k, n, rows, x, ldx, dy, lddy, dw, lddw);
}
