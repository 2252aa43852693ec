#ifndef FINITE_DIFFERENCE_H
#define FINITE_DIFFERENCE_H

#include <stddef.h>

/* A scalar function of values the context owns. */
typedef double finite_difference_loss(void *context);

/*
 * The largest relative difference between gradient[count] and central differences of `loss` in
 * values[count], which the context's loss reads; each value is moved and put back. NaN when
 * anything compared is NaN.
 */
double finite_difference_error(size_t count, double *values, const double *gradient,
                               finite_difference_loss *loss, void *context);

#endif
