/* The sequences that go in, and what comes out. SPDX-License-Identifier: MIT */
#ifndef LSTM_RUN_DATA_H
#define LSTM_RUN_DATA_H

#include <lstm/lstm.h>

typedef struct run_data {
    const lstm_model *model;
    lstm_safetensors *file;
    size_t batch, time;
    const float *inputs; /* [batch][time][input]: in the file, if it has floats there, or in own_inputs */
    float *own_inputs;
    size_t *lengths;       /* [batch], or NULL */
    float **initial_state; /* per leaf [batch][width], or NULL */
    size_t output_floats;
    float *outputs;
    float **final_state; /* per leaf [batch][width] */
} run_data;

/* Read the inputs and make room for the outputs. False after a line on standard error. Clear it in any case. */
bool data_read(lstm_context *context, const lstm_model *model, const char *path, run_data *data);

/* Write outputs and final states: whole or not at all. */
bool data_write(lstm_context *context, const run_data *data, const char *path);

void data_clear(run_data *data);

#endif
