/* x W + b and its gradients, for cells and dense layers: by the CBLAS, or by our own loops where x is narrow. */
#ifndef LSTM__AFFINE_H
#define LSTM__AFFINE_H

#include "kernels/kernels.h"

/* y[rows][n] = bias[n] (NULL: 0) + x[rows][k] w[k][n] */
void lstm__affine(const lstm__kernels *kernels, size_t rows, size_t k, size_t n, const float *x, size_t ldx,
                  const float *w, size_t ldw, const float *bias, float *y, size_t ldy);

/* dw[k][n] += x[rows][k]' dy[rows][n] */
void lstm__outer(const lstm__kernels *kernels, size_t rows, size_t k, size_t n, const float *x, size_t ldx,
                 const float *dy, size_t lddy, float *dw, size_t lddw);

#endif
