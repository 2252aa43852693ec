/* A cell of one's own: the Simple Recurrent Unit. SPDX-License-Identifier: MIT */
#ifndef SRU_CELL_H
#define SRU_CELL_H

#include <lstm/custom_cell.h>

/* v, f, r, s = split(x K), each H wide; f = sigmoid(f + bf); r = sigmoid(r + br);
 * c' = f * c + (1 - f) * v; output = r * tanh(c') + (1 - r) * s. State: c.
 * Variables: sru_cell/kernel [I, 4H], sru_cell/bias [2H] (zeros).
 * T. Lei et al., "Simple recurrent units for highly parallelizable recurrence", 2018, in the form of TF1's SRUCell.
 * Statuses: INVALID_ARGUMENT (num_units 0), OUT_OF_MEMORY. */
lstm_status sru_cell_create(lstm_context *context, size_t num_units, lstm_cell **cell);

#endif
