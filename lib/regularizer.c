#include "context.h"
#include "params.h"
#include "status.h"

#include <lstm/optimizer.h>

#include <math.h>

/* The parts of a block: as many as its size says, each with a sum of its own. */
enum { MAX_PARTS = 64, PART_FLOATS = 16384 };

typedef struct l2_work {
    const lstm__layout *layout;
    const lstm__kernels *kernels;
    float scale;
    size_t count, part_floats;
    const float *w;
    float *g; /* NULL: not wanted */
    double sums[MAX_PARTS];
} l2_work;

static void do_part(void *arg, size_t part, size_t lane)
{
    (void)lane;
    l2_work *work = arg;
    const size_t begin = part * work->part_floats, left = work->count - begin;
    lstm__ranges decayed = {.layout = work->layout,
                            .decay = true,
                            .begin = begin,
                            .end = begin + (left < work->part_floats ? left : work->part_floats)};
    work->sums[part] = 0.0;
    while (lstm__next_range(&decayed)) {
        double sum;
        work->kernels->sum_of_squares(decayed.count, work->w + decayed.first, &sum);
        work->sums[part] += sum;
        if (work->g) /* a step uphill */
            work->kernels->gradient_descent(decayed.count, -work->scale, work->w + decayed.first,
                                            work->g + decayed.first);
    }
}

lstm_status lstm_l2_regularizer(const lstm_params *weights, float scale, lstm_params *gradients, double *loss)
{
    const char *function = "lstm_l2_regularizer";
    if (!weights)
        return lstm__fail_null(function, "weights");
    l2_work work = {.layout = lstm__params_layout(weights), .scale = scale};
    lstm_status status = lstm__params_check(function, "weights", weights, work.layout);
    if (!status && gradients)
        status = lstm__params_check_writable(function, "gradients", gradients, work.layout);
    if (status)
        return status;
    if (!(scale >= 0.0f) || isinf(scale))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: scale is %g, expected finite and not negative", function,
                          (double)scale);
    if (weights == gradients)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: weights and gradients are the same store", function);
    lstm_context *context = lstm__params_context(weights);
    work.kernels = lstm__context_kernels(context);
    work.w = lstm_params_data(weights, &work.count);
    work.g = gradients ? lstm_params_edit(gradients, NULL) : NULL;
    const size_t share = (work.count + MAX_PARTS - 1) / MAX_PARTS;
    work.part_floats = share > PART_FLOATS ? share : PART_FLOATS;
    const size_t parts = (work.count + work.part_floats - 1) / work.part_floats;
    lstm__parallel(context, parts, 4.0 * (double)work.count, do_part, &work);
    double sum = 0.0;
    for (size_t k = 0; k < parts; k++)
        sum += work.sums[k];
    if (loss)
        *loss = (double)scale * sum / 2.0;
    return LSTM_OK;
}
