/* The command line of the program. SPDX-License-Identifier: MIT */
#ifndef SEQUENCE_LABELLING_OPTIONS_H
#define SEQUENCE_LABELLING_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTIONS_MAX_LAYERS = 16 };

typedef struct labelling_options {
    size_t units, layers; /* of each direction */
    size_t embedding;     /* width of a letter's vectors */
    size_t batch;         /* sentences in a step */
    size_t epochs;        /* passes over the training set; 0: what is left to the program */
    size_t letters;       /* of the training set, at most */
    size_t samples;       /* sentences that are printed restored */
    size_t threads;
    float learning_rate; /* at first; falls to 0 */
    float keep;          /* the share of outputs that dropout keeps */
    float clip_norm;     /* of the gradient */
    uint64_t seed;
    bool quiet;
    char *text;       /* NULL: none */
    const char *best; /* file of the best weights */
    size_t files;
    char *const *paths; /* of argv, or the text's */
} labelling_options;

typedef enum options_verdict {
    OPTIONS_RUN,     /* the options are good */
    OPTIONS_HELP,    /* the usage text was asked for and has been printed */
    OPTIONS_REFUSED, /* a line on standard error says why */
} options_verdict;

/* Read the command line and fill in the defaults. The last of repeated options counts. */
options_verdict options_parse(int argc, char **argv, labelling_options *options);

#endif
