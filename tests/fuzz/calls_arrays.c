/* Calls of array functions. */
#include "calls.h"

#include <string.h>

enum { MAX_AXES = LSTM_MAX_RANK + 1 };

/* A shape of small axes, and how many elements it has; now and then one whose elements cannot be counted: then 0, and
 * nothing may be read. */
static size_t make_shape(caller *c, size_t rank, size_t *shape)
{
    size_t count = 1;
    for (size_t k = 0; k < MAX_AXES; k++)
        shape[k] = call_small(c);
    for (size_t k = 0; k < rank; k++)
        count *= shape[k];
    if (rank < 2 || fuzz_pick(&c->bytes, 32) != 1)
        return count;
    shape[0] = shape[1] = SIZE_MAX / 2;
    return 0;
}

static size_t *indices(caller *c, size_t count, size_t below)
{
    size_t *all = fuzz_array(count, sizeof *all);
    for (size_t k = 0; k < count; k++)
        all[k] = below && fuzz_pick(&c->bytes, 32) != 1 ? (k * 3 + count) % below : below;
    return call_pointer(c, all);
}

/* Nothing was written, or where inputs were finite, everything. */
static void check_written(lstm_status status, const char *function, const float *y, size_t count)
{
    fuzz_status(status, function, INVALID);
    need(!status || fuzz_untouched(y, count * sizeof *y));
}

static void transpose(caller *c)
{
    const size_t rank = fuzz_pick(&c->bytes, MAX_AXES + 1);
    size_t shape[MAX_AXES], order[MAX_AXES];
    const size_t count = make_shape(c, rank, shape);
    const size_t first = fuzz_pick(&c->bytes, 4), odd = fuzz_pick(&c->bytes, 16);
    for (size_t k = 0; k < MAX_AXES; k++)
        order[k] = rank ? (k + first) % rank : 0;
    order[0] = odd == 1 ? rank : odd == 2 ? order[MAX_AXES - 1] : order[0];
    float *y = call_output(count);
    check_written(lstm_transpose(rank, call_pointer(c, shape), call_pointer(c, order), call_input(c, count), y),
                  "lstm_transpose", y, count);
}

static void gather(caller *c)
{
    const size_t rank = fuzz_pick(&c->bytes, MAX_AXES + 1), axis = call_small(c), few = call_small(c);
    size_t shape[MAX_AXES] = {0};
    const size_t count = make_shape(c, rank, shape);
    const size_t along = axis < rank ? shape[axis] : 0;
    const size_t written = along && along < 100 ? count / along * few : 0;
    const size_t *chosen = indices(c, few, along < 100 ? along : 0);
    if (rank && !along && axis < rank && few)
        return; /* no index is right along an axis of 0 */
    float *y = call_output(written);
    check_written(lstm_gather(rank, call_pointer(c, shape), axis, few, chosen, call_input(c, count), y), "lstm_gather",
                  y, written);
}

static void concat(caller *c)
{
    const size_t rank = fuzz_pick(&c->bytes, MAX_AXES + 1), axis = call_small(c), parts = fuzz_pick(&c->bytes, 4);
    size_t shape[MAX_AXES] = {0}, sizes[3] = {0};
    const float *x[3] = {0};
    const size_t count = make_shape(c, rank, shape), along = axis < rank ? shape[axis] : 0;
    if (along > 100)
        return;
    for (size_t k = 0, left = along; k < parts; k++) {
        sizes[k] = k + 1 < parts ? left / 2 : left + (fuzz_pick(&c->bytes, 16) == 1);
        left -= sizes[k] < left ? sizes[k] : left;
        x[k] = call_input(c, along ? count / along * sizes[k] : 0);
    }
    float *y = call_output(count);
    check_written(lstm_concat(rank, call_pointer(c, shape), axis, parts, call_pointer(c, sizes), call_pointer(c, x), y),
                  "lstm_concat", y, count);
}

static void one_hot(caller *c)
{
    const size_t count = call_small(c), depth = call_small(c);
    float *y = call_output(count * depth);
    check_written(lstm_one_hot(count, indices(c, count, depth), depth, y), "lstm_one_hot", y, count * depth);
}

static void choose(caller *c)
{
    const size_t rows = call_small(c), columns = call_small(c);
    const float *x = call_input(c, rows * columns), *labels = call_input(c, rows * columns);
    size_t *best = fuzz_array(rows, sizeof *best);
    double accuracy = -7.0;
    lstm_status status = fuzz_status(lstm_argmax(rows, columns, x, best), "lstm_argmax", INVALID);
    need(!status || fuzz_untouched(best, rows * sizeof *best));
    for (size_t row = 0; row < rows && !status; row++)
        need(best[row] < columns);
    status = fuzz_status(lstm_accuracy(rows, columns, x, labels, call_pointer(c, &accuracy)), "lstm_accuracy", INVALID);
    need(!status == (accuracy >= 0.0 && accuracy <= 1.0));
}

static void of_sequences(caller *c)
{
    const size_t batch = call_small(c), time = call_small(c), width = call_small(c);
    const lstm_layout layout = (lstm_layout)fuzz_pick(&c->bytes, 3);
    size_t *lengths = fuzz_array(batch, sizeof *lengths);
    for (size_t row = 0; row < batch; row++)
        lengths[row] = fuzz_pick(&c->bytes, 64) == 1 ? time + 1 : row * 3 % (time + 1);
    const size_t *given = call_pointer(c, lengths);
    const float *x = call_input(c, batch * time * width);
    float *reversed = call_output(batch * time * width), *mask = call_output(batch * time),
          *last = call_output(batch * width);
    check_written(lstm_reverse_sequence(layout, batch, time, width, given, x, reversed), "lstm_reverse_sequence",
                  reversed, batch * time * width);
    check_written(lstm_sequence_mask(batch, time, given, mask), "lstm_sequence_mask", mask, batch * time);
    check_written(lstm_gather_last(layout, batch, time, width, given, x, last), "lstm_gather_last", last,
                  batch * width);
}

static void embed(caller *c)
{
    const size_t classes = call_small(c), size = call_small(c), count = call_small(c);
    const size_t *ids = indices(c, count, classes);
    const float *table = call_input(c, classes * size), *d_y = call_input(c, count * size);
    float *y = call_output(count * size), *d_table = call_output(classes * size);
    check_written(lstm_embedding_lookup(classes, size, count, ids, table, y), "lstm_embedding_lookup", y, count * size);
    check_written(lstm_embedding_gradient(classes, size, count, ids, d_y, d_table), "lstm_embedding_gradient", d_table,
                  classes * size);
}

static void random_numbers(caller *c)
{
    const lstm_random random = lstm_random_named(call_small(c), "calls");
    const size_t count = call_small(c);
    const uint64_t first = fuzz_pick(&c->bytes, 4) == 1 ? UINT64_MAX - 2 : call_small(c);
    float *values = call_output(count);
    uint32_t *order = fuzz_array(count, sizeof *order);
    lstm_random_uniform(&random, first, count, -1.0f, 2.0f, values);
    for (size_t k = 0; k < count; k++)
        need(values[k] >= -1.0f && values[k] < 2.0f);
    lstm_random_normal(&random, first, count, 1.0f, 2.0f, values);
    lstm_random_truncated_normal(&random, first, count, 1.0f, 2.0f, values);
    for (size_t k = 0; k < count; k++) {
        need(values[k] >= -3.0f && values[k] <= 5.0f);
        order[k] = (uint32_t)k;
    }
    need(!lstm_random_shuffle(&random, count, order));
    for (size_t k = 0; k < count; k++)
        need(order[k] < count);
}

call *const calls_of_arrays[] = {transpose, gather, concat, one_hot, choose, of_sequences, embed, random_numbers, NULL};
