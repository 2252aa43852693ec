/* An overdrive pedal, solved in time. */
#ifndef LV2_EXAMPLE_CIRCUIT_H
#define LV2_EXAMPLE_CIRCUIT_H

#include <stddef.h>

/* wet[count]: what comes out for dry[count] at the input, at 48 kHz, from rest. 1 stands for a
 * volt. */
void circuit_run(const float *dry, size_t count, float *wet);

#endif
