/* TF1's contrib.seq2seq.sequence_loss. */
#include "loss.h"
#include "memory.h"
#include "sequence_array.h"
#include "status.h"

#include <string.h>

/* The steps at which one loss is averaged: `rows` rows from the first on, `times` steps of each. */
typedef struct group {
    size_t row, rows, time, times;
} group;

static size_t group_count(const lstm_sequence_loss_args *a)
{
    switch (a->average) {
    case LSTM_AVERAGE_ACROSS_TIMESTEPS: return a->batch;
    case LSTM_AVERAGE_ACROSS_BATCH: return a->time;
    case LSTM_AVERAGE_ACROSS_NEITHER: return a->batch * a->time;
    default: return 1;
    }
}

/* Losses of single steps are numbered as the layout has them. */
static group group_at(const lstm_sequence_loss_args *a, size_t k)
{
    const bool by_time = a->layout == LSTM_TIME_MAJOR;
    switch (a->average) {
    case LSTM_AVERAGE_ACROSS_TIMESTEPS: return (group){k, 1, 0, a->time};
    case LSTM_AVERAGE_ACROSS_BATCH: return (group){0, a->batch, k, 1};
    case LSTM_AVERAGE_ACROSS_NEITHER:
        return (group){by_time ? k % a->batch : k / a->time, 1, by_time ? k / a->batch : k % a->time, 1};
    default: return (group){0, a->batch, 0, a->time};
    }
}

static double weight_at(const lstm_sequence_loss_args *a, const lstm__sequences *s, size_t row, size_t t)
{
    if (a->sequence_length && t >= a->sequence_length[row])
        return 0.0;
    return a->weights ? (double)a->weights[row * s->row + t * s->step] : 1.0;
}

static lstm_status check(const char *function, const lstm_sequence_loss_args *a, lstm__sequences *s)
{
    size_t floats;
    if ((int)a->average < 0 || a->average > LSTM_AVERAGE_ACROSS_NEITHER)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: average %d is not known", function, (int)a->average);
    if (a->classes < 1)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: classes is 0", function);
    lstm_status status = lstm__check_sequences(function, a->layout, a->batch, a->time, 1, a->sequence_length, s);
    if (status)
        return status;
    if (!lstm__multiply(s->floats, a->classes, &floats))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: batch * time * classes overflows", function);
    if (floats && (!a->logits || !a->targets))
        return lstm__fail_null(function, a->logits ? "targets" : "logits");
    for (size_t row = 0; floats && row < a->batch; row++)
        for (size_t t = 0; t < a->time; t++) {
            if (weight_at(a, s, row, t) == 0.0)
                continue;
            const size_t target = a->targets[row * s->row + t * s->step];
            if (target >= a->classes)
                return lstm__fail(LSTM_ERR_INVALID_ARGUMENT,
                                  "%s: the target of row %zu, time %zu is %zu, expected below %zu", function, row, t,
                                  target, a->classes);
        }
    return LSTM_OK;
}

/* What the losses of a group are multiplied with. */
static double scale_of(const lstm_sequence_loss_args *a, const lstm__sequences *s, const group *g)
{
    if (a->average == LSTM_AVERAGE_ACROSS_NEITHER)
        return 1.0;
    double total = 0.0;
    for (size_t row = g->row; row < g->row + g->rows; row++)
        for (size_t t = g->time; t < g->time + g->times; t++)
            total += weight_at(a, s, row, t);
    return 1.0 / (total + 1e-12);
}

lstm_status lstm_sequence_loss(lstm_context *context, const lstm_sequence_loss_args *args)
{
    const char *function = "lstm_sequence_loss";
    lstm_sequence_loss_args a;
    lstm__sequences s;
    if (!args)
        return lstm__fail_null(function, "args");
    lstm_status status = lstm__read_args(function, &a, sizeof a, args);
    if (status || (status = check(function, &a, &s)))
        return status;
    const lstm__kernels *kernels = lstm__context_kernels(context);
    const size_t losses = group_count(&a);
    if (!s.floats && a.loss)
        memset(a.loss, 0, losses * sizeof *a.loss);
    for (size_t k = 0; s.floats && k < losses; k++) {
        const group g = group_at(&a, k);
        const double scale = scale_of(&a, &s, &g);
        double sum = 0.0;
        for (size_t row = g.row; row < g.row + g.rows; row++)
            for (size_t t = g.time; t < g.time + g.times; t++) {
                const size_t place = row * s.row + t * s.step;
                const double weight = weight_at(&a, &s, row, t);
                float *d = a.d_logits ? a.d_logits + place * a.classes : NULL;
                if (weight != 0.0)
                    sum += weight * lstm__softmax_row(kernels, a.classes, a.logits + place * a.classes, NULL,
                                                      a.targets[place], scale * weight, d);
                else if (d)
                    memset(d, 0, a.classes * sizeof *d);
            }
        if (a.loss)
            a.loss[k] = lstm__rounded(sum * scale);
    }
    return LSTM_OK;
}
