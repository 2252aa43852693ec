/* tanh and sigmoid over every float: within four units of the last place of the double functions, tanh exactly odd, NaN
 * for NaN; and every so often the same bits from all instruction sets. A couple of minutes. Prints TAP. */
#include "kernels/kernels.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096, SAMPLED = 61, THREADS = 2 };
static const uint32_t end = 0x80000000u; /* of the bits of the floats that are not negative, NaNs last */
static const double limit = 4.0;
static const lstm__activation acts[2] = {{.kind = LSTM_ACTIVATION_TANH}, {.kind = LSTM_ACTIVATION_SIGMOID}};

typedef struct worst {
    double ulps[2];
    float at[2];
    size_t wrong; /* no NaN for NaN, not odd, above 1, or other bits elsewhere */
} worst;

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void judge(worst *w, size_t act, float x, float found, double exact)
{
    int exponent;
    frexp(exact, &exponent);
    const double unit = ldexp(1.0, exponent - 24 > -149 ? exponent - 24 : -149);
    const double ulps = fabs((double)found - exact) / unit;
    if (!(ulps <= w->ulps[act])) {
        w->ulps[act] = ulps;
        w->at[act] = x;
    }
}

/* Whether all instruction sets agree on this block. */
static size_t disagreements(const float *x, size_t act, const float *y)
{
    float other[BLOCK];
    size_t count = 0;
    for (size_t table = 0; lstm__kernels_at(table); table++) {
        memcpy(other, x, sizeof other);
        lstm__kernels_at(table)->activate(&acts[act], BLOCK, other);
        for (size_t k = 0; k < BLOCK; k++)
            count += bits_of(other[k]) != bits_of(y[k]) && !(isnan(other[k]) && isnan(y[k]));
    }
    return count;
}

static void sweep_block(worst *w, uint32_t first)
{
    const lstm__kernels *kernels = lstm__kernels_select(LSTM_ISA_BEST);
    float x[2][BLOCK], y[2][2][BLOCK]; /* of each sign; of each function */
    for (size_t k = 0; k < BLOCK; k++) {
        const uint32_t bits = first + (uint32_t)k;
        memcpy(&x[0][k], &bits, sizeof bits);
        x[1][k] = -x[0][k];
    }
    for (size_t act = 0; act < 2; act++)
        for (size_t sign = 0; sign < 2; sign++) {
            memcpy(y[act][sign], x[sign], sizeof x[sign]);
            kernels->activate(&acts[act], BLOCK, y[act][sign]);
            if (first / BLOCK % SAMPLED == 0)
                w->wrong += disagreements(x[sign], act, y[act][sign]);
        }
    for (size_t k = 0; k < BLOCK; k++) {
        if (isnan(x[0][k])) {
            for (size_t which = 0; which < 4; which++)
                w->wrong += !isnan(y[which / 2][which % 2][k]);
            continue;
        }
        const double e = exp(-(double)x[0][k]);
        w->wrong += bits_of(y[0][1][k]) != (bits_of(y[0][0][k]) ^ 0x80000000u) || y[0][0][k] > 1.0f;
        judge(w, 0, x[0][k], y[0][0][k], tanh((double)x[0][k]));
        judge(w, 1, x[0][k], y[1][0][k], 1.0 / (1.0 + e));
        judge(w, 1, x[1][k], y[1][1][k], e / (1.0 + e));
    }
}

static atomic_uint next_piece;

static void *sweep(void *argument)
{
    enum { PIECE = 1 << 22 };
    for (uint32_t piece; (piece = atomic_fetch_add(&next_piece, 1)) < end / PIECE;)
        for (uint32_t first = piece * PIECE; first < (piece + 1) * PIECE; first += BLOCK)
            sweep_block(argument, first);
    return NULL;
}

int main(void)
{
    static const char *const names[2] = {"tanh", "sigmoid"};
    static worst all[THREADS]; /* zeros */
    pthread_t threads[THREADS];
    int failed = 0;
    for (size_t k = 0; k < THREADS; k++)
        if (pthread_create(&threads[k], NULL, sweep, &all[k]))
            return EXIT_FAILURE;
    for (size_t k = 0; k < THREADS; k++)
        pthread_join(threads[k], NULL);
    for (size_t act = 0; act < 2; act++) {
        size_t k = all[1].ulps[act] > all[0].ulps[act];
        const int good = all[k].ulps[act] <= limit;
        failed += !good;
        printf("%sok %zu - %s is within %.3f units of the last place, the worst at %a\n", good ? "" : "not ", act + 1,
               names[act], all[k].ulps[act], (double)all[k].at[act]);
    }
    const size_t wrong = all[0].wrong + all[1].wrong;
    printf("%sok 3 - tanh is odd and at most 1, NaN stays NaN, and instruction sets agree: %zu times not\n1..3\n",
           wrong ? "not " : "", wrong);
    return failed || wrong;
}
