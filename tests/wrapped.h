/* Cells made of cells; each function takes over the caller's references to the cells inside. */
#ifndef WRAPPED_H
#define WRAPPED_H

#include <lstm/lstm.h>

/* second NULL: a multi-RNN of one cell. */
lstm_cell *wrap_multi(lstm_cell *first, lstm_cell *second);
lstm_cell *wrap_residual(lstm_cell *inner);
lstm_cell *wrap_highway(lstm_cell *inner);
lstm_cell *wrap_input_projection(lstm_cell *inner, size_t width, lstm_activation activation);
lstm_cell *wrap_output_projection(lstm_cell *inner, size_t width, lstm_activation activation);
lstm_cell *wrap_dropout(lstm_cell *inner, const lstm_dropout_config *config);

#endif
