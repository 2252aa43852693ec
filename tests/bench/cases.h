/* The list of cases. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "bench.h"

/* Case `index` of all; false past the last one. */
bool case_at(size_t index, bench_case *shape);

/* Is the name in a list of names and patterns with commas between? NULL: every one is. */
bool case_is_wanted(const char *list, const char *name);

#endif
