#include "ctc_problem.h"

#include <stdlib.h>
#include <string.h>

problem posed(size_t batch, size_t time, size_t classes, const float *logits, size_t max_length, const size_t *labels)
{
    problem p = {.frames = {.struct_size = sizeof p.frames, .batch = batch, .time = time, .classes = classes},
                 .labels = {.struct_size = sizeof p.labels, .max_length = max_length, .labels = labels}};
    p.frames.logits = logits;
    return p;
}

lstm_status solve_in(lstm_context *context, const lstm_loss_config *config, const problem *p, float *d, float *loss)
{
    size_t bytes;
    ck_ok(lstm_ctc_workspace_size(context, &p->frames, &p->labels, &bytes));
    unsigned char *workspace = test_allocate(bytes + 2, 1);
    memset(workspace, 0xFF, bytes + 2); /* doubles that are NaN, at an odd address */
    lstm_status status = lstm_ctc_loss(context, config, &p->frames, &p->labels, workspace + 1, bytes, d, loss);
    ck_assert_uint_eq(workspace[0], 0xFF);
    ck_assert_uint_eq(workspace[bytes + 1], 0xFF);
    free(workspace);
    return status;
}

void solve(const problem *p, float *d, float *losses)
{
    ck_ok(solve_in(NULL, LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE), p, d, losses));
}
