/* The optimizers of the golden cases. */
#ifndef GOLDEN_OPTIMIZER_H
#define GOLDEN_OPTIMIZER_H

#include "golden.h"

#include <lstm/lstm.h>

/* The optimizer of the case, with its numbers. */
lstm_optimizer *golden_optimizer(const golden_case *c, lstm_context *context, const lstm_params *params);

/* A case of given gradients: the weights after each step are the golden ones. */
void check_golden_optimizer(const golden_case *c);

#endif
