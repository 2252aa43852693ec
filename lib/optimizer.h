/* An optimizer from the inside: what a checkpoint keeps of it. */
#ifndef LSTM__OPTIMIZER_H
#define LSTM__OPTIMIZER_H

#include <lstm/optimizer.h>

#include "params.h"

enum { LSTM__MAX_SLOTS = 3 };

/* Names, and pointers to all that changes from step to step. */
typedef struct lstm__optimizer_state {
    const char *name;
    size_t slots;
    const char *const *slot_names;
    lstm_params *const *stores; /* one per slot */
    float *learning_rate;
    double *beta_powers; /* [2] */
} lstm__optimizer_state;

lstm__optimizer_state lstm__optimizer_state_of(lstm_optimizer *optimizer);
void lstm__optimizer_retain(lstm_optimizer *optimizer);

#endif
