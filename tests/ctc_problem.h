/* One call of CTC, with a workspace made for it. */
#ifndef CTC_PROBLEM_H
#define CTC_PROBLEM_H

#include "testing.h"

typedef struct problem {
    lstm_ctc_frames frames;
    lstm_ctc_labels labels;
} problem;

/* Everything else in these structs is zero. */
problem posed(size_t batch, size_t time, size_t classes, const float *logits, size_t max_length, const size_t *labels);

/* The losses and their gradient, in a workspace that holds NaN and begins at an odd address. */
lstm_status solve_in(lstm_context *context, const lstm_loss_config *config, const problem *p, float *d, float *loss);

/* Each row's loss, and the gradient of their sum; must succeed. */
void solve(const problem *p, float *d, float *losses);

#endif
