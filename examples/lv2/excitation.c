#include "excitation.h"

#include <math.h>
#include <string.h>

#include <lstm/random.h>

enum { RATE = 48000, LONGEST_PERIOD = 1024 };

static const double pi = 3.14159265358979323846;

typedef struct player {
    lstm_random random;
    uint64_t drawn;
} player;

static double draw(player *p, double low, double high)
{
    float value;
    lstm_random_uniform(&p->random, p->drawn++, 1, (float)low, (float)high, &value);
    return (double)value;
}

/* Equally likely on a logarithmic scale. */
static double draw_ratio(player *p, double low, double high)
{
    return exp(draw(p, log(low), log(high)));
}

/* Add a string that is plucked at the start: a burst of noise goes round a delay line of one period, loses treble by an
 * average of two samples and level by `decay` each time, and is tuned by an all-pass. K. Karplus and A. Strong, 1983;
 * D. Jaffe and J. Smith, 1983. */
static void pluck(player *p, double hertz, double softness, double decay, float *samples, size_t count)
{
    double line[LONGEST_PERIOD];
    double burst = 0, before = 0, all_pass_in = 0, all_pass_out = 0;
    const double period = RATE / hertz - 0.5;
    size_t length = (size_t)(period - 0.1);
    const double rest = period - (double)length, tuning = (1 - rest) / (1 + rest);
    for (size_t k = 0; k < length; k++)
        line[k] = burst += (1 - softness) * (draw(p, -1, 1) - burst);
    for (size_t t = 0; t < count; t++) {
        double *place = &line[t % length];
        const double average = decay * (*place + before) / 2;
        before = *place;
        samples[t] += (float)*place;
        all_pass_out = tuning * (average - all_pass_out) + all_pass_in;
        all_pass_in = average;
        *place = all_pass_out;
    }
}

/* Bring the largest sample to `peak`, and the last 5 ms to silence. */
static void finish(float *samples, size_t count, double peak)
{
    const size_t fade = RATE / 200;
    float largest = 1e-9f;
    for (size_t t = 0; t < count; t++)
        largest = fmaxf(largest, fabsf(samples[t]));
    for (size_t t = 0; t < count; t++)
        samples[t] *= (float)peak / largest * (count - t < fade ? (float)(count - t) / (float)fade : 1);
}

static void play_sweep(player *p, float *samples, size_t count)
{
    const double low = draw_ratio(p, 20, 60), high = draw_ratio(p, 5000, 14000);
    double phase = 0;
    for (size_t t = 0; t < count; t++) {
        samples[t] = (float)sin(phase);
        phase += 2 * pi * low * pow(high / low, (double)t / (double)count) / RATE;
    }
    finish(samples, count, draw_ratio(p, 0.03, 0.9));
}

/* Noise with less treble, which swells. */
static void play_noise(player *p, float *samples, size_t count)
{
    const double softness = draw(p, 0.2, 0.9);
    double value = 0;
    for (size_t t = 0; t < count; t++) {
        value += (1 - softness) * (draw(p, -1, 1) - value);
        samples[t] = (float)(value * (double)t / (double)count);
    }
    finish(samples, count, draw_ratio(p, 0.05, 0.9));
}

/* `strings` at once, each of them a little later than the one below; muted by the palm now and then. */
static void strum(player *p, size_t strings, float *samples, size_t count)
{
    static const double steps[6] = {0, 7, 12, 16, 19, 24}; /* a major chord, in semitones */
    const double root = draw_ratio(p, 80, strings > 1 ? 200 : 900), softness = draw(p, 0.1, 0.8);
    const double decay = draw(p, 0, 1) < 0.25 ? draw(p, 0.9, 0.97) : draw(p, 0.99, 0.9995);
    size_t late = 0;
    for (size_t k = 0; k < strings && late < count; k++) {
        pluck(p, root * pow(2, steps[k] / 12), softness, decay, samples + late, count - late);
        late += (size_t)(draw(p, 0.002, 0.025) * RATE);
    }
    finish(samples, count, draw_ratio(p, 0.05, 0.9));
}

/* Notes of low .. high seconds, or chords, one behind the other. */
static void play_strings(player *p, size_t most_strings, double low, double high, float *samples, size_t count)
{
    for (size_t t = 0; t < count;) {
        size_t length = (size_t)(draw(p, low, high) * RATE);
        length = length < count - t ? length : count - t;
        strum(p, most_strings == 1 ? 1 : 2 + (size_t)draw(p, 0, (double)most_strings - 1.001), samples + t, length);
        t += length;
    }
}

static void play_two_tones(player *p, float *samples, size_t count)
{
    const double low = draw_ratio(p, 60, 1000), ratio = draw(p, 1.05, 3);
    for (size_t t = 0; t < count; t++) {
        const double angle = 2 * pi * low * (double)t / RATE;
        samples[t] = (float)((sin(angle) + sin(ratio * angle)) * (1 - (double)t / (double)count));
    }
    finish(samples, count, draw_ratio(p, 0.1, 0.9));
}

void excitation_make(uint64_t seed, size_t rounds, float *samples)
{
    player p = {.random = lstm_random_named(seed, "excitation")};
    const size_t quarter = RATE / 4; /* of a second; a round has 48 of them */
    memset(samples, 0, rounds * ROUND_SECONDS * RATE * sizeof *samples);
    for (size_t round = 0; round < rounds; round++) {
        float *at = samples + round * ROUND_SECONDS * RATE + quarter; /* behind silence */
        play_sweep(&p, at, 5 * quarter);
        play_noise(&p, at += 5 * quarter, 4 * quarter);
        play_strings(&p, 1, 0.1, 0.6, at += 4 * quarter, 17 * quarter);
        play_strings(&p, 6, 0.4, 1.2, at += 17 * quarter, 17 * quarter);
        play_two_tones(&p, at + 17 * quarter, 4 * quarter);
    }
}
