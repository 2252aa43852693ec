/* The command line of the counting program. SPDX-License-Identifier: MIT */
#ifndef COUNTING_OPTIONS_H
#define COUNTING_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The strings belong to argv, or are literals. */
typedef struct counting_options {
    const char *cell;      /* as in lstm_cell_create_... */
    const char *optimizer; /* as in lstm_optimizer_create_..., or nesterov */
    size_t units, layers;
    size_t bits;
    size_t batch, epochs, train; /* sequences in a step and in the training set */
    float learning_rate;
    float clip_norm; /* 0: none */
    uint64_t seed;
    size_t threads;
    const char *cache;       /* NULL: the data set is kept in memory only */
    const char *report;      /* NULL: no report */
    const char *save;        /* gets the trained model; NULL: nothing does */
    const char *checkpoint;  /* NULL: none */
    size_t checkpoint_every; /* steps; 0: one at the end of each epoch */
    const char *resume;      /* the checkpoint to go on from; NULL: train from the beginning */
    const char *model;       /* with predict: a file */
    const char *sequence;    /* with predict: 0 and 1; NULL: standard input has them */
    bool predict;            /* instead of training */
    bool prompt, quiet;
} counting_options;

typedef enum options_verdict {
    OPTIONS_RUN,     /* the options are good */
    OPTIONS_HELP,    /* the usage text was asked for and has been printed */
    OPTIONS_REFUSED, /* a line on standard error says why */
} options_verdict;

/* Read the command line and fill in the defaults. The last of repeated options counts. */
options_verdict options_parse(int argc, char **argv, counting_options *options);

#endif
