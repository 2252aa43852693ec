/* What problem.c and expected.c share. */
#ifndef BENCH_PROBLEM_H
#define BENCH_PROBLEM_H

#include "bench.h"

/* The rows of a batch repeat after so many, so that the reference has little to do. Not a divisor of any block of rows:
 * a row that is taken for another shows. Rows of different lengths do not repeat. */
enum { DISTINCT_ROWS = 7 };

reference_cell problem_cell(const problem *p);
bool problem_is_stream(const problem *p);
size_t problem_distinct_rows(const problem *p);
size_t problem_length(const problem *p, size_t row);

/* Fill p->expected and p->d_last by the naive double-precision reference. */
void problem_solve(problem *p);

#endif
