/* The fused multiply-add peak: what no product can go beyond. */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>

enum { CHAINS = 12, ROUNDS = 65536 };

/* Independent sums: enough to hide the latency of an addition (4 cycles, 2 a cycle), few enough for 16 registers. */
#define EACH_CHAIN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define START(K) vector sum##K = zero + (float)K;
#define STEP(K) sum##K = sum##K * factor + term;
#define ADD(K) all += sum##K;

/* ROUNDS * CHAINS fused multiply-adds of vectors. The sum is returned so that it has to be computed. */
#define DEFINE_BURST(NAME, TARGET, WIDTH)                                                                              \
    TARGET static float NAME(float start)                                                                              \
    {                                                                                                                  \
        typedef float vector __attribute__((vector_size(4 * (WIDTH))));                                                \
        const vector zero = {0.0f}, factor = zero + 0.999f, term = zero + start;                                       \
        vector all = zero;                                                                                             \
        EACH_CHAIN(START)                                                                                              \
        for (int round = 0; round < ROUNDS; round++) {                                                                 \
            EACH_CHAIN(STEP)                                                                                           \
        }                                                                                                              \
        EACH_CHAIN(ADD)                                                                                                \
        return all[0];                                                                                                 \
    }

typedef struct burst {
    float (*run)(float start);
    size_t width;
} burst;

#if defined(__x86_64__)
DEFINE_BURST(burst_sse, , 4)
DEFINE_BURST(burst_avx2, __attribute__((target("avx2,fma"))), 8)
DEFINE_BURST(burst_avx512, __attribute__((target("avx512f,fma"))), 16)

static burst widest_burst(void)
{
    if (__builtin_cpu_supports("avx512f"))
        return (burst){burst_avx512, 16};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (burst){burst_avx2, 8};
    return (burst){burst_sse, 4};
}
#else
DEFINE_BURST(burst_128, , 4)

static burst widest_burst(void)
{
    return (burst){burst_128, 4};
}
#endif

typedef struct worker {
    pthread_t thread;
    burst burst;
    double seconds, best, mean; /* seconds to run; GFLOP/s */
    float sum;
} worker;

static void *run_bursts(void *arg)
{
    worker *w = arg;
    const double gflops = 2e-9 * ROUNDS * CHAINS * (double)w->burst.width;
    const double begin = system_seconds();
    double now = begin, bursts = 0.0;
    do {
        const double before = now;
        w->sum += w->burst.run(1e-3f);
        bursts += 1.0;
        now = system_seconds();
        w->best = gflops / (now - before) > w->best ? gflops / (now - before) : w->best;
    } while (now < begin + w->seconds);
    w->mean = bursts * gflops / (now - begin);
    return NULL;
}

double fma_peak(size_t threads, double seconds, double *mean)
{
    worker *workers = system_allocate(threads, sizeof *workers);
    double best = 0.0;
    volatile float sum = 0.0f;
    *mean = 0.0;
    for (size_t k = 0; k < threads; k++) {
        workers[k] = (worker){.burst = widest_burst(), .seconds = seconds};
        if (k && pthread_create(&workers[k].thread, NULL, run_bursts, &workers[k]) != 0) {
            fprintf(stderr, "bench: no thread can be started\n");
            exit(EXIT_FAILURE);
        }
    }
    run_bursts(&workers[0]);
    for (size_t k = 0; k < threads; k++) {
        if (k)
            pthread_join(workers[k].thread, NULL);
        best += workers[k].best;
        *mean += workers[k].mean;
        sum = sum + workers[k].sum;
    }
    free(workers);
    return best;
}
