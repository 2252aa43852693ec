/* The command line of lstm-run. SPDX-License-Identifier: MIT */
#ifndef LSTM_RUN_OPTIONS_H
#define LSTM_RUN_OPTIONS_H

#include <stddef.h>

typedef enum run_mode { MODE_RUN, MODE_DESCRIBE, MODE_SELFTEST, MODE_DONE, MODE_REFUSED } run_mode;

/* The strings belong to argv. */
typedef struct run_options {
    size_t threads;
    size_t chunk; /* 0: whole sequences */
    const char *model, *input, *output;
} run_options;

/* Read the command line. MODE_DONE: help or version has been printed; MODE_REFUSED: a line on standard error says why. */
run_mode options_parse(int argc, char **argv, run_options *options);

#endif
