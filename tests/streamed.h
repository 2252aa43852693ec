/* Streams for the suites that test them: over a plan, or over a model. */
#ifndef STREAMED_H
#define STREAMED_H

#include "testing.h"

/* A stack of an LSTM and a GRU of `units`, input 3, with a dense layer behind: tanh, 2 wide. `last`: it returns the last. */
lstm_model *streamed_model(lstm_context *context, size_t units, bool last, lstm_params **frozen);

/* The same two cells, alone, as a plan. */
lstm_rnn *streamed_plan(lstm_context *context, size_t units, lstm_params **frozen);

enum { STREAMED_IN = 3, STREAMED_OUT = 2 };

#endif
