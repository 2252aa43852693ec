/* What the parts of the benchmark share: a case, its problem with the answers, a library that solves it. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "reference.h"

typedef enum bench_kind { BENCH_TRAIN, BENCH_INFER, BENCH_STREAM, BENCH_BLOCK } bench_kind;

/* Streams are checked over as many steps, and go round in as many inputs. */
enum { BENCH_CLASSES = 21, BENCH_STREAM_STEPS = 64 };

/* So small that thousands of steps leave the weights nearly as they were: every step does the same work. */
#define BENCH_LEARNING_RATE 1e-5

typedef struct bench_case {
    char name[64];
    bench_kind kind;
    reference_kind cell;
    size_t time, batch, input, units; /* time: steps of one call */
    bool ragged;
} bench_case;

/* What a library computes, each array NULL or zero long where it computes less than the reference. */
typedef struct answers {
    float *output;   /* TRAIN, INFER: the last output [batch][units]; otherwise [BENCH_STREAM_STEPS][units] */
    float *logits;   /* TRAIN, INFER: [batch][BENCH_CLASSES] */
    float *gradient; /* TRAIN: as the weights */
    size_t output_count, logits_count, gradient_count;
    size_t loss_count;
    double loss[2]; /* TRAIN: before and after one step */
} answers;

/* One case with its numbers, and what is right for them. */
typedef struct problem {
    bench_case shape;
    size_t threads;
    size_t *lengths; /* [batch]; NULL: all of them `time` */
    size_t steps;    /* of all rows together, in one call */
    float *
        inputs; /* TRAIN, INFER: [batch][time][input], zero past a row's length; otherwise [BENCH_STREAM_STEPS][input] */
    float *labels;  /* TRAIN, INFER: [batch][BENCH_CLASSES], one-hot */
    float *weights; /* the cell's variables in TensorFlow's order, then dense kernel and bias */
    size_t input_count, cell_weight_count, weight_count;
    float *d_last; /* TRAIN: the loss's gradient of the last output, [batch][units] */
    answers expected;
} problem;

/* A library, as one row of the table. The functions work on one problem at a time, from open to close. */
typedef struct library {
    const char *name;
    /* Set up, and compute the answers into arrays that are there. False: it has no such case, or failed; `reason` says
     * why, and there is nothing to close. */
    bool (*open)(struct library *self, const problem *p, answers *found);
    /* So many calls: training steps, forward calls, stream calls. */
    void (*run)(struct library *self, size_t calls);
    /* The same with a clock of its own, for a library in another process: the seconds that they took. */
    double (*run_timed)(struct library *self, size_t calls);
    void (*close)(struct library *self);
    void (*destroy)(struct library *self);
    char version[64], isa[64], reason[256];
    size_t kept_bytes; /* what a training call keeps for backward; 0: not known */
    void *state;
} library;

/* problem.c */
problem *problem_create(const bench_case *shape, size_t threads);
void problem_destroy(problem *p);
double problem_flops(const problem *p); /* of the products in one call: docs/performance.md defines it */
const char *problem_cell_name(reference_kind cell);
const char *problem_kind_name(bench_kind kind);
void answers_create(const problem *p, answers *a);
void answers_destroy(answers *a);
bool answers_agree(const problem *p, const answers *found, char *reason, size_t size);

/* measure.c: libraries[0] is the one that the others are compared with. */
enum { BENCH_MAX_LIBRARIES = 8, BENCH_MAX_TURNS = 101 };

typedef struct series {
    library *library;
    double seconds[BENCH_MAX_TURNS]; /* of one call; turn by turn beside those of the other libraries */
    double median, least, most;
} series;

typedef struct measurement {
    const problem *problem;
    series series[BENCH_MAX_LIBRARIES];
    size_t count, turns;
    size_t disturbed; /* turns in which others used the machine, as far as one sees */
} measurement;

/* Time libraries that are open, in turns. *peak grows with what is seen on the way. */
void measure(measurement *m, bool quick, double *peak);
double measured_ratio(const measurement *m, size_t rival); /* the median of the turns' ratios to the first */
double median_of(size_t count, double *values);            /* sorts them */

/* system.c */
double system_seconds(void); /* since some moment */
/* The same, but on one thread the time that this process has had a core: what other programs do meanwhile is no matter.
 * Several threads wait for each other, and that counts. */
double system_work_seconds(size_t threads);
void system_rest(double seconds);
void *system_allocate(size_t count, size_t size); /* zeros; ends the program where there are none left */
void system_describe(FILE *to);                   /* the processor and the BLAS, a line each */
const char *system_blas_version(void);
const char *system_blas_kernel(void);
void system_set_blas_threads(int threads);
void system_set_openmp_threads(int threads);
/* GFLOP/s, of the threads together: the best bursts in so many seconds, and all of them. */
double fma_peak(size_t threads, double seconds, double *mean);

/* The libraries; NULL, after a line on standard error, for one that is not there. */
library *library_create_own(const char *name, bool cblas);
library *library_create_onednn(void);
library *library_create_worker(const char *name, const char *python);

#endif
