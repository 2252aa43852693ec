#ifndef RNN_VARIANTS_H
#define RNN_VARIANTS_H

#include "reference.h"

/* Every cell with every combination of its options, sized for rnn_problem. */

enum { ACTIVATION_COUNT = 4, LSTM_VARIANTS = 32, OTHER_VARIANTS = 11 };
enum { RNN_VARIANTS = LSTM_VARIANTS + OTHER_VARIANTS };

/* variant < RNN_VARIANTS; the LSTMCells come first. */
reference_cell rnn_variant(size_t variant, reference_activation activation);

extern const reference_activation CELL_ACTIVATIONS[ACTIVATION_COUNT];

#endif
