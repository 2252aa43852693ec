/* Calls of losses, of CTC and of schedules. */
#include "calls.h"

#include <math.h>
#include <stdlib.h>

static size_t losses_of(lstm_reduction reduction, size_t count)
{
    return reduction == LSTM_REDUCTION_NONE ? count : 1;
}

/* A shorter struct says nothing but its size. */
static lstm_loss_config config_of(caller *c, size_t rows, size_t columns)
{
    const size_t struct_size = call_struct_size(c, sizeof(lstm_loss_config));
    if (struct_size < sizeof(lstm_loss_config))
        return (lstm_loss_config){.struct_size = struct_size};
    const lstm_weights_shape shape = (lstm_weights_shape)fuzz_pick(&c->bytes, 4);
    const size_t counts[] = {rows, rows * columns, columns, 1};
    return (lstm_loss_config){.struct_size = struct_size,
                              .reduction = (lstm_reduction)fuzz_pick(&c->bytes, 6),
                              .weights_shape = shape,
                              .weights = fuzz_pick(&c->bytes, 2) ? call_input(c, counts[shape]) : NULL};
}

static size_t *labels_below(caller *c, size_t count, size_t classes)
{
    size_t *labels = fuzz_array(count, sizeof *labels);
    for (size_t k = 0; k < count; k++)
        labels[k] = classes && fuzz_pick(&c->bytes, 64) != 1 ? (k * 5 + count) % classes : classes;
    return call_pointer(c, labels);
}

static void check(lstm_status status, const char *function, const float *d, size_t d_count, const float *loss,
                  size_t losses)
{
    fuzz_status(status, function, INVALID);
    need(!status || (fuzz_untouched(d, d_count * sizeof *d) && fuzz_untouched(loss, losses * sizeof *loss)));
}

/* Of softmax: a loss for each row. */
static void softmax(caller *c)
{
    const size_t batch = call_small(c), classes = call_small(c);
    lstm_context *context = any(c, contexts);
    const lstm_loss_config config = config_of(c, batch, 1), *given = call_pointer(c, (void *)(uintptr_t)&config);
    const size_t losses = given ? losses_of(config.reduction, batch) : 1;
    const float *logits = call_input(c, batch * classes);
    float *d = call_output(batch * classes), *loss = call_output(losses);
    if (fuzz_pick(&c->bytes, 2))
        check(
            lstm_softmax_cross_entropy(context, given, batch, classes, logits, call_input(c, batch * classes), d, loss),
            "lstm_softmax_cross_entropy", d, batch * classes, loss, losses);
    else
        check(lstm_sparse_softmax_cross_entropy(context, given, batch, classes, logits, labels_below(c, batch, classes),
                                                d, loss),
              "lstm_sparse_softmax_cross_entropy", d, batch * classes, loss, losses);
}

/* Of arrays: a loss for each element. */
static void elements(caller *c)
{
    const size_t batch = call_small(c), width = call_small(c), count = batch * width;
    lstm_context *context = any(c, contexts);
    const lstm_loss_config config = config_of(c, batch, width);
    const size_t losses = losses_of(config.reduction, count);
    const float *x = call_input(c, count), *y = call_input(c, count);
    float *d = call_output(count), *loss = call_output(losses);
    const float delta = call_number(c);
    switch (fuzz_pick(&c->bytes, 4)) {
    case 0:
        check(lstm_sigmoid_cross_entropy(context, &config, batch, width, x, y, d, loss), "lstm_sigmoid_cross_entropy",
              d, count, loss, losses);
        break;
    case 1:
        check(lstm_mean_squared_error(context, &config, batch, width, x, y, d, loss), "lstm_mean_squared_error", d,
              count, loss, losses);
        break;
    case 2:
        check(lstm_absolute_difference(context, &config, batch, width, x, y, d, loss), "lstm_absolute_difference", d,
              count, loss, losses);
        break;
    default:
        check(lstm_huber_loss(context, &config, batch, width, delta, x, y, d, loss), "lstm_huber_loss", d, count, loss,
              losses);
        break;
    }
}

/* With NaN for logits past the lengths. */
static void sequences(caller *c)
{
    const size_t batch = call_small(c), time = call_small(c), classes = call_small(c);
    const lstm_layout layout = (lstm_layout)fuzz_pick(&c->bytes, 2);
    const lstm_sequence_average average = (lstm_sequence_average)fuzz_pick(&c->bytes, 5);
    const size_t losses[] = {1, batch, time, batch * time, 1};
    size_t *lengths = fuzz_array(batch, sizeof *lengths);
    float *logits = call_output(batch * time * classes), *loss = call_output(losses[average]);
    float *d = call_output(batch * time * classes);
    for (size_t row = 0; row < batch; row++) {
        /* time + 1 is small. NOLINTNEXTLINE(clang-analyzer-core.DivideZero) */
        lengths[row] = fuzz_pick(&c->bytes, 64) == 1 ? time + 1 : row * 3 % (time + 1);
        for (size_t t = 0; t < lengths[row] && t < time; t++)
            for (size_t k = 0; k < classes; k++)
                logits[(layout == LSTM_TIME_MAJOR ? t * batch + row : row * time + t) * classes + k] = (float)k - 1.0f;
    }
    const lstm_sequence_loss_args args = {.struct_size = call_struct_size(c, sizeof args),
                                          .layout = layout,
                                          .batch = batch,
                                          .time = time,
                                          .classes = classes,
                                          .logits = call_pointer(c, logits),
                                          .targets = labels_below(c, batch * time, classes),
                                          .weights = fuzz_pick(&c->bytes, 2) ? call_input(c, batch * time) : NULL,
                                          .sequence_length = lengths,
                                          .average = average,
                                          .d_logits = d,
                                          .loss = loss};
    lstm_status status = lstm_sequence_loss(any(c, contexts), &args);
    check(status, "lstm_sequence_loss", d, batch * time * classes, loss, losses[average]);
    for (size_t k = 0; k < losses[average] && !status && !args.weights; k++)
        need(isfinite(loss[k]));
}

static void ctc(caller *c)
{
    const size_t batch = call_small(c), time = call_small(c), classes = call_small(c), most = call_small(c);
    size_t *frames_of = fuzz_array(batch, sizeof *frames_of), *labels_of = fuzz_array(batch, sizeof *labels_of),
           bytes = 0;
    for (size_t row = 0; row < batch; row++) {
        frames_of[row] = fuzz_pick(&c->bytes, 64) == 1 ? time + 1 : row * 3 % (time + 1);
        labels_of[row] = fuzz_pick(&c->bytes, 64) == 1 ? most + 1 : row % (most + 1);
    }
    const lstm_ctc_frames frames = {.struct_size = sizeof frames,
                                    .layout = (lstm_layout)fuzz_pick(&c->bytes, 2),
                                    .batch = batch,
                                    .time = time,
                                    .classes = classes,
                                    .blank = classes - 1 + (fuzz_pick(&c->bytes, 32) == 1),
                                    .logits = call_input(c, batch * time * classes),
                                    .sequence_length = call_pointer(c, frames_of)};
    const lstm_ctc_labels labels = {.struct_size = sizeof labels,
                                    .max_length = most,
                                    .labels = labels_below(c, batch * most, classes ? classes - 1 : 0),
                                    .length = call_pointer(c, labels_of),
                                    .preprocess_collapse_repeated = fuzz_pick(&c->bytes, 2),
                                    .no_merge_repeated = fuzz_pick(&c->bytes, 2),
                                    .ignore_longer_outputs_than_inputs = fuzz_pick(&c->bytes, 2)};
    const lstm_loss_config config = config_of(c, batch, 1);
    lstm_context *context = any(c, contexts);
    const size_t losses = losses_of(config.reduction, batch);
    float *d = call_output(batch * time * classes), *loss = call_output(losses);
    if (fuzz_status(lstm_ctc_workspace_size(context, &frames, &labels, &bytes), "lstm_ctc_workspace_size",
                    INVALID | MEMORY) ||
        bytes > 1 << 16)
        return;
    bytes -= bytes && fuzz_pick(&c->bytes, 16) == 1;
    lstm_status status = lstm_ctc_loss(context, &config, &frames, &labels, fuzz_array(bytes, 1), bytes, d, loss);
    fuzz_status(status, "lstm_ctc_loss", INVALID | MEMORY | CAPACITY);
    need(!status ||
         (fuzz_untouched(d, batch * time * classes * sizeof *d) && fuzz_untouched(loss, losses * sizeof *loss)));
    size_t *decoded = fuzz_array(batch * time, sizeof *decoded), *decoded_length = fuzz_array(batch, sizeof *decoded);
    status = fuzz_status(lstm_ctc_greedy_decode(&frames, fuzz_pick(&c->bytes, 2), decoded, decoded_length,
                                                call_pointer(c, call_output(batch))),
                         "lstm_ctc_greedy_decode", INVALID);
    need(!status || fuzz_untouched(decoded_length, batch * sizeof *decoded_length));
    for (size_t row = 0; row < batch && !status; row++)
        need(decoded_length[row] <= time);
}

static void distance(caller *c)
{
    const size_t a = call_small(c), b = call_small(c);
    const size_t *hypothesis = labels_below(c, a, 3), *truth = labels_below(c, b, 3);
    float *found = call_output(1);
    lstm_status status = fuzz_status(lstm_edit_distance(a, hypothesis, b, truth, fuzz_pick(&c->bytes, 2),
                                                        call_pointer(c, fuzz_array(b, sizeof(size_t))), found),
                                     "lstm_edit_distance", INVALID);
    need(status ? fuzz_untouched(found, sizeof *found) : *found >= 0.0f);
}

/* Any number is a rate, or NaN; none of them stops. */
static void schedules(caller *c)
{
    static const uint64_t steps[] = {0, 1, 5, 1000, UINT64_MAX};
    static const uint64_t boundaries[] = {1, 5, 6};
    static const float rates[] = {1.0f, 0.5f, 0.25f, 0.125f};
    const uint64_t step = fuzz_one_of(&c->bytes, steps);
    const float rate = call_number(c);
    const double d = (double)call_number(c), e = (double)call_number(c), f = (double)call_number(c);
    const bool flag = fuzz_pick(&c->bytes, 2);
    volatile float sum = lstm_exponential_decay(rate, step, d, e, flag) +
                         lstm_natural_exp_decay(rate, step, d, e, flag) +
                         lstm_inverse_time_decay(rate, step, d, e, flag) + lstm_cosine_decay(rate, step, d, e) +
                         lstm_polynomial_decay(rate, step, d, (float)e, f, flag) +
                         lstm_cosine_decay_restarts(rate, step, d, 1.0 + fabs(e), f, e);
    (void)sum;
    const float constant = lstm_piecewise_constant(step, 3, boundaries, rates);
    need(constant <= 1.0f && constant >= 0.125f);
}

call *const calls_of_losses[] = {softmax, elements, sequences, ctc, distance, schedules, NULL};
