/* What a guitar might play, for a network to learn a circuit by. */
#ifndef LV2_EXAMPLE_EXCITATION_H
#define LV2_EXAMPLE_EXCITATION_H

#include <stddef.h>
#include <stdint.h>

/* Seconds of one round: silence, a sweep, noise, single notes, chords, and two tones at once; the numbers in it are drawn
 * anew in each. */
enum { ROUND_SECONDS = 12 };

/* samples[rounds * ROUND_SECONDS * 48000], within -1 and 1. */
void excitation_make(uint64_t seed, size_t rounds, float *samples);

#endif
