/* Cells that bytes describe. */
#ifndef CELLS_H
#define CELLS_H

#include "fuzz.h"

/* A cell of any kind and options, or wrappers around such, for an input of that width; NULL if the bytes describe one
 * that is refused, by a documented status. The same bytes give the same cell. */
lstm_cell *fuzz_cell(fuzz_bytes *bytes, size_t input_size);

#endif
