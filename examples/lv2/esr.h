/* How far a signal is from the one that was wanted. */
#ifndef LV2_EXAMPLE_ESR_H
#define LV2_EXAMPLE_ESR_H

#include <stddef.h>

/* The filter 1 - EMPHASIS z^-1, which weighs treble as the ear does, more than its small amplitude would. */
#define EMPHASIS 0.85f

/* The last fifth of a signal is for the test. */
enum { HELD_OUT = 5 };

/* Error-to-signal ratios: sum((got - wanted)^2) / sum(wanted^2), of the signals as they are, and of both behind the filter. */
typedef struct esr {
    double plain, emphasized;
} esr;

esr esr_measure(const float *got, const float *wanted, size_t count);

#endif
