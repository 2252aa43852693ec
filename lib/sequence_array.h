/* Where the steps of sequences stand. */
#ifndef LSTM__SEQUENCE_ARRAY_H
#define LSTM__SEQUENCE_ARRAY_H

#include <lstm/array.h>

/* An array of sequences: the floats from one row to the next, from one step to the next, and in all. */
typedef struct lstm__sequences {
    size_t row, step, floats;
} lstm__sequences;

/* Check layout, sizes and lengths (NULL: all of them `time`), and say where the steps stand. */
lstm_status lstm__check_sequences(const char *function, lstm_layout layout, size_t batch, size_t time, size_t width,
                                  const size_t *sequence_length, lstm__sequences *s);

#endif
