/* Calls of optimizers, of what is done to gradients, and of batches. */
#include "calls.h"

#include <string.h>

static lstm_optional optional(caller *c)
{
    return fuzz_pick(&c->bytes, 2) ? LSTM_VALUE(call_number(c)) : (lstm_optional){0};
}

/* Call a create function whose config has these fields. */
#define MAKE_OPTIMIZER(kind, ...)                                                                                      \
    do {                                                                                                               \
        const lstm_##kind##_config config = {.struct_size = call_struct_size(c, sizeof config), __VA_ARGS__};          \
        const lstm_##kind##_config *given = call_pointer(c, (void *)(uintptr_t)&config);                               \
        MAKE(c, lstm_optimizer, optimizers, lstm_optimizer_destroy, INVALID | STATE,                                   \
             lstm_optimizer_create_##kind(context, params, given, out));                                               \
    } while (0)

static void make_optimizer(caller *c)
{
    lstm_context *context = any(c, contexts);
    const lstm_params *params = any(c, params);
    const float rate = call_number(c), momentum = call_number(c);
    const lstm_optional a = optional(c), b = optional(c), epsilon = optional(c);
    const bool flag = fuzz_pick(&c->bytes, 2);
    size_t slot;
    switch (fuzz_pick(&c->bytes, 7)) {
    case 0: MAKE_OPTIMIZER(gradient_descent, .learning_rate = rate); break;
    case 1: MAKE_OPTIMIZER(momentum, .learning_rate = rate, .momentum = momentum, .use_nesterov = flag); break;
    case 2: MAKE_OPTIMIZER(adagrad, .learning_rate = rate, .initial_accumulator_value = momentum); break;
    case 3: MAKE_OPTIMIZER(adadelta, .learning_rate = rate, .rho = a, .epsilon = epsilon); break;
    case 4:
        MAKE_OPTIMIZER(rmsprop, .learning_rate = rate, .decay = a, .momentum = momentum, .epsilon = epsilon,
                       .centered = flag);
        break;
    case 5: MAKE_OPTIMIZER(adam, .learning_rate = rate, .beta1 = a, .beta2 = b, .epsilon = epsilon); break;
    default:
        MAKE_OPTIMIZER(adamw, .weight_decay = momentum, .decay_by_rate = flag, .learning_rate = rate, .beta1 = a,
                       .beta2 = b, .epsilon = epsilon);
        break;
    }
    (void)slot;
}

static void apply(caller *c)
{
    lstm_optimizer *optimizer = any(c, optimizers);
    lstm_params *weights = any(c, params);
    const lstm_params *gradients = any(c, params);
    if (fuzz_pick(&c->bytes, 4) == 1)
        fuzz_status(lstm_optimizer_set_learning_rate(optimizer, call_number(c)), "lstm_optimizer_set_learning_rate",
                    INVALID);
    if (weights != gradients)
        fuzz_status(lstm_optimizer_apply(optimizer, weights, gradients), "lstm_optimizer_apply",
                    INVALID | SHAPE | STATE);
}

static void clip(caller *c)
{
    lstm_params *params = any(c, params);
    double norm = -7.0;
    const float number = call_number(c);
    switch (fuzz_pick(&c->bytes, 3)) {
    case 0:
        fuzz_status(lstm_clip_by_value(params, call_number(c), number), "lstm_clip_by_value", INVALID | STATE);
        break;
    case 1: fuzz_status(lstm_clip_by_norm(params, number), "lstm_clip_by_norm", INVALID | STATE); break;
    default:
        need(!fuzz_status(lstm_clip_by_global_norm(params, number, call_pointer(c, &norm)), "lstm_clip_by_global_norm",
                          INVALID | STATE) ||
             norm == -7.0);
        break;
    }
}

static void regularize(caller *c)
{
    lstm_params *to = any(c, params);
    const lstm_params *from = any(c, params);
    double loss = -7.0;
    if (to == from)
        return;
    if (fuzz_pick(&c->bytes, 2))
        fuzz_status(lstm_moving_average(to, from, call_number(c)), "lstm_moving_average", INVALID | SHAPE | STATE);
    else
        need(!fuzz_status(lstm_l2_regularizer(from, call_number(c), to, call_pointer(c, &loss)), "lstm_l2_regularizer",
                          INVALID | SHAPE | STATE) ||
             loss == -7.0);
}

static void make_batches(caller *c)
{
    size_t *lengths = fuzz_array(CALL_ROWS, sizeof *lengths);
    const size_t examples =
        fuzz_pick(&c->bytes, 16) == 1 ? SIZE_MAX - call_small(c) : fuzz_pick(&c->bytes, CALL_ROWS + 1);
    for (size_t k = 0; k < CALL_ROWS; k++)
        lengths[k] = k * 5 % 4;
    const lstm_batches_config config = {.struct_size = call_struct_size(c, sizeof config),
                                        .examples = examples,
                                        .batch_size = call_size(c),
                                        .lengths = examples > CALL_ROWS ? NULL : call_pointer(c, lengths),
                                        .shuffle = fuzz_pick(&c->bytes, 2),
                                        .drop_remainder = fuzz_pick(&c->bytes, 2),
                                        .bucket_batches = fuzz_pick(&c->bytes, 2) ? 0 : call_size(c),
                                        .seed = call_small(c),
                                        .rank = fuzz_pick(&c->bytes, 4) ? 0 : call_small(c),
                                        .ranks = call_small(c)};
    size_t slot;
    MAKE(c, lstm_batches, batches, lstm_batches_destroy, INVALID | MEMORY,
         lstm_batches_create(any(c, contexts), call_pointer(c, (void *)(uintptr_t)&config), out));
    (void)slot;
}

/* Rows of the caller's, gathered for a batch. */
static void gather(caller *c, const lstm_batch *batch)
{
    static const float ones[4] = {1, 1, 1, 1};
    static const size_t ids[4] = {1, 1, 1, 1};
    const float *rows[CALL_ROWS];
    const size_t *id_rows[CALL_ROWS], time = call_small(c), width = fuzz_pick(&c->bytes, 2);
    const lstm_layout layout = (lstm_layout)fuzz_pick(&c->bytes, 2);
    for (size_t k = 0; k < CALL_ROWS; k++) {
        rows[k] = ones;
        id_rows[k] = ids;
    }
    float *y = fuzz_array(batch->count * time * width, sizeof *y);
    size_t *numbers = fuzz_array(batch->count * time, sizeof *numbers);
    lstm_status status =
        fuzz_status(lstm_batch_gather(batch, layout, time, width, rows, y), "lstm_batch_gather", INVALID | SHAPE);
    need(!status || fuzz_untouched(y, batch->count * time * width * sizeof *y));
    status = fuzz_status(lstm_batch_gather_ids(batch, layout, time, id_rows, numbers), "lstm_batch_gather_ids",
                         INVALID | SHAPE);
    need(!status || fuzz_untouched(numbers, batch->count * time * sizeof *numbers));
}

static void next_batch(caller *c)
{
    lstm_batches *batches = any(c, batches);
    lstm_batch batch;
    memset(&batch, 0xFF, sizeof batch);
    if (fuzz_status(lstm_batches_next(batches, call_pointer(c, &batch)), "lstm_batches_next", INVALID)) {
        need(fuzz_untouched(&batch, sizeof batch));
        return;
    }
    need(batch.count <= batch.total && batch.total <= CALL_ROWS);
    for (size_t k = 0; k < batch.count; k++)
        need(batch.indices[k] < CALL_ROWS && (!batch.lengths || batch.lengths[k] <= batch.max_length));
    gather(c, &batch);
}

static void seek(caller *c)
{
    lstm_batches *batches = any(c, batches);
    uint64_t position[2] = {0, 0}, again[2];
    if (fuzz_pick(&c->bytes, 2)) {
        fuzz_status(lstm_batches_position(batches, call_pointer(c, position)), "lstm_batches_position", INVALID);
    } else {
        position[0] = fuzz_pick(&c->bytes, 4) ? call_small(c) : UINT64_MAX - call_small(c);
        position[1] = call_small(c);
    }
    if (!fuzz_status(lstm_batches_seek(batches, call_pointer(c, position)), "lstm_batches_seek", INVALID)) {
        need(!lstm_batches_position(batches, again));
        need(again[0] == position[0] && again[1] == position[1]);
    }
}

call *const calls_of_training[] = {make_optimizer, make_optimizer, apply,      apply, clip,
                                   regularize,     make_batches,   next_batch, seek,  NULL};
