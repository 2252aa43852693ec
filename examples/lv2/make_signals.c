/* Writes what is played and what the circuit makes of it: make_signals DRY.wav WET.wav [ROUNDS [SEED]] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "circuit.h"
#include "excitation.h"
#include "wav.h"

enum { RATE = 48000, ROUNDS = 5, MOST_ROUNDS = 1000 };

static float peak(const wav *sound)
{
    float largest = 0;
    for (size_t t = 0; t < sound->count; t++)
        largest = fmaxf(largest, fabsf(sound->samples[t]));
    return largest;
}

int main(int argc, char **argv)
{
    const unsigned long rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : ROUNDS;
    const unsigned long seed = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
    if (argc < 3 || argc > 5 || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: make_signals DRY.wav WET.wav [ROUNDS [SEED]]\n");
        return 2;
    }
    const size_t count = rounds * ROUND_SECONDS * RATE;
    wav dry = {.samples = malloc(count * sizeof(float)), .count = count, .rate = RATE};
    wav wet = {.samples = malloc(count * sizeof(float)), .count = count, .rate = RATE};
    bool good = dry.samples && wet.samples;
    if (good) {
        excitation_make(seed, rounds, dry.samples);
        circuit_run(dry.samples, count, wet.samples);
        good = wav_write(argv[1], &dry) && wav_write(argv[2], &wet);
    } else {
        fprintf(stderr, "make_signals: no memory is left\n");
    }
    if (good)
        printf("%lu s at %d Hz, peaks %.2f and %.2f\n", rounds * ROUND_SECONDS, RATE, (double)peak(&dry),
               (double)peak(&wet));
    wav_free(&dry);
    wav_free(&wet);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
