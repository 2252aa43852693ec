/* A network that came out of a file or a graph, put to use. */
#ifndef USE_MODEL_H
#define USE_MODEL_H

#include "fuzz.h"

/* Over a ragged batch whose padding is NaN: as a whole, and where the network can be streamed, in portions; the two
 * have the same bits. params: sealed, of the model's layout. */
void fuzz_use_model(const lstm_model *model, const lstm_params *params);

#endif
