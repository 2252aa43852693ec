/* A stream from the inside, and the states of streams as what is copied and saved. */
#ifndef LSTM__STREAM_H
#define LSTM__STREAM_H

#include <lstm/stream.h>

#include "rnn.h"

struct lstm_stream {
    lstm_context *context;
    lstm_params *weights;
    lstm_tape *tape;
    bool owns_memory;
    size_t batch, max_steps;
    size_t *steps;   /* [batch]: of the portion at hand */
    float **state;   /* per leaf [batch][width] */
    float **initial; /* per leaf [width]: where a row starts */
    lstm__run run;   /* of some steps of all rows, in the tape's first lane, if it is ready; see run_packed */
    size_t run_steps;
    size_t shared_time; /* of a run that is worth a crew */
    bool run_is_ready;
};

/* All that a stream keeps from run to run: arrays [batch][width], which `array` tells. */
typedef struct lstm__state {
    const void *stream;
    size_t batch, arrays;
    float *(*array)(const void *stream, size_t k, size_t *width);
} lstm__state;

lstm_status lstm__state_copy(const char *function, const lstm__state *from, const lstm__state *to);

/* To bytes and back, little-endian: "lstmstat"; the version, 1, batch, count of arrays and the width of each, as u64; the
 * arrays as f32; the CRC-32 of all that as u32. */
size_t lstm__state_bytes(const lstm__state *state);
lstm_status lstm__state_save(const char *function, const lstm__state *state, void *bytes, size_t size);
lstm_status lstm__state_restore(const char *function, const lstm__state *state, const void *bytes, size_t size);

#endif
