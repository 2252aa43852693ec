#ifndef REFERENCE_MATH_H
#define REFERENCE_MATH_H

#include "reference.h"

/* Row arithmetic shared by the files of the oracle. */

/* count zeros; aborts when there is no memory. The caller frees. */
double *reference_zeros(size_t count);

double reference_sigmoid(double x);

/* One elementwise activation and its derivative at x; relu' is 0 at 0, as TF's. */
double reference_activate(reference_activation activation, double x);
double reference_activation_slope(reference_activation activation, double x);

/* z[columns] += x[rows] kernel[rows][columns] */
void reference_add_product(size_t rows, size_t columns, const double *x, const double *kernel,
                           double *z);

/* d_x[rows] += d_z kernel^T and d_kernel += x^T d_z */
void reference_add_product_backward(size_t rows, size_t columns, const double *x,
                                    const double *kernel, const double *d_z, double *d_x,
                                    double *d_kernel);

/* to[count] += from[count] */
void reference_add(size_t count, const double *from, double *to);

/* v limited to +-limit; a limit of 0 means none. The slope is 1 up to and including the limit. */
double reference_clip(double v, double limit);
double reference_clip_slope(double v, double limit);

/* y[count] = gamma (x - mean) / sqrt(population variance + 1e-12) + beta */
void reference_layer_norm(size_t count, const double *x, const double *gamma, const double *beta,
                          double *y);

/* d_x is overwritten; d_gamma and d_beta are added to. */
void reference_layer_norm_backward(size_t count, const double *x, const double *gamma,
                                   const double *d_y, double *d_x, double *d_gamma, double *d_beta);

#endif
