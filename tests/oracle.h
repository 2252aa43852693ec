/* The double reference's results for an unroll, beside the library's. */
#ifndef ORACLE_H
#define ORACLE_H

#include "unroll.h"

/* Everything that unroll_run computed, in batch-major layout, of a cell that test_cell made of these, is what the reference
 * computes: max|a-b| <= tolerance max|b| for each array. */
void oracle_check(const char *kind, lstm_activation activation, float forget_bias, const unroll *u, double tolerance);

#endif
