#include <lstm/batches.h>

#include "context.h"
#include "memory.h"
#include "status.h"

#include <lstm/random.h>

#include <string.h>

struct lstm_batches {
    lstm_context *context;
    size_t examples, batch_size;
    size_t full, count; /* batches of an epoch: those of batch_size, and all */
    size_t window;      /* examples that are sorted together; 0: none */
    size_t rank, ranks;
    uint64_t seed;
    bool shuffle;
    bool arranged;           /* order is that of the epoch */
    uint64_t epoch, next;    /* the position */
    size_t *lengths;         /* [examples]; NULL: they have none */
    uint32_t *order;         /* [examples] */
    uint32_t *spare;         /* [window]: for sorting */
    uint32_t *batch_order;   /* [full] */
    size_t *indices, *parts; /* of the batch handed out: examples and their lengths */
};

/* The largest part of a batch that a rank can get. */
static size_t most_rows(const lstm_batches *b)
{
    return (b->batch_size - 1) / b->ranks + 1;
}

/* The object and its arrays in one block; NULL while counting. */
static lstm_batches *cut(const lstm_batches *sizes, bool lengths, lstm__arena *arena)
{
    lstm_batches *b = lstm__arena_take(arena, 1, sizeof *b);
    lstm_batches arrays = *sizes;
    arrays.order = lstm__arena_take(arena, sizes->examples, sizeof *arrays.order);
    arrays.spare = lstm__arena_take(arena, sizes->window, sizeof *arrays.spare);
    arrays.batch_order = lstm__arena_take(arena, sizes->full, sizeof *arrays.batch_order);
    arrays.indices = lstm__arena_take(arena, most_rows(sizes), sizeof *arrays.indices);
    if (lengths) {
        arrays.lengths = lstm__arena_take(arena, sizes->examples, sizeof *arrays.lengths);
        arrays.parts = lstm__arena_take(arena, most_rows(sizes), sizeof *arrays.parts);
    }
    if (b)
        *b = arrays;
    return b;
}

static lstm_status check(const char *function, const lstm_batches_config *c, size_t ranks)
{
    if (!c->examples || c->examples > UINT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: examples is %zu, expected 1 to 2^32 - 1", function,
                          c->examples);
    if (!c->batch_size)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: batch_size is 0, expected at least 1", function);
    if (c->drop_remainder && c->batch_size > c->examples)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT,
                          "%s: batch_size is %zu, more than the %zu examples, and drop_remainder leaves no batch",
                          function, c->batch_size, c->examples);
    if (c->bucket_batches && !c->lengths)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: bucket_batches is %zu, but lengths is NULL", function,
                          c->bucket_batches);
    if (c->rank >= ranks)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: rank is %zu, expected below ranks, %zu", function, c->rank,
                          ranks);
    if (ranks > c->batch_size || ranks > c->examples)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: ranks is %zu, more than a batch has rows, %zu", function,
                          ranks, c->batch_size < c->examples ? c->batch_size : c->examples);
    return LSTM_OK;
}

lstm_status lstm_batches_create(lstm_context *context, const lstm_batches_config *config, lstm_batches **batches)
{
    const char *function = "lstm_batches_create";
    lstm_batches_config c;
    if (!config || !batches)
        return lstm__fail_null(function, config ? "batches" : "config");
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    const size_t ranks = c.ranks ? c.ranks : 1;
    if (status || (status = check(function, &c, ranks)))
        return status;
    const size_t batch_size = c.batch_size < c.examples ? c.batch_size : c.examples, full = c.examples / batch_size;
    const bool remainder = c.examples % batch_size && !c.drop_remainder;
    const lstm_batches sizes = {.context = context,
                                .examples = c.examples,
                                .batch_size = batch_size,
                                .full = full,
                                .count = full + (remainder ? 1 : 0),
                                .window = (c.bucket_batches < full ? c.bucket_batches : full) * batch_size,
                                .rank = c.rank,
                                .ranks = ranks,
                                .seed = c.seed,
                                .shuffle = c.shuffle};
    lstm__arena arena = {0};
    cut(&sizes, c.lengths != NULL, &arena);
    arena.base = arena.overflow ? NULL : lstm__allocate(context, 1, arena.used);
    if (!arena.base)
        return lstm__fail_memory(function);
    arena.used = 0;
    lstm_batches *made = cut(&sizes, c.lengths != NULL, &arena);
    if (c.lengths)
        memcpy(made->lengths, c.lengths, c.examples * sizeof *c.lengths);
    lstm__context_retain(context);
    *batches = made;
    return LSTM_OK;
}

void lstm_batches_destroy(lstm_batches *batches)
{
    if (!batches)
        return;
    lstm_context *context = batches->context;
    lstm__release(context, batches);
    lstm_context_destroy(context);
}

size_t lstm_batches_count(const lstm_batches *batches)
{
    return batches ? batches->count : 0;
}

/* values[count] = 0, 1, 2, ..., and if so wished shuffled by the epoch. */
static void fill(const lstm_batches *b, const char *stream, bool shuffle, size_t count, uint32_t *values)
{
    for (size_t k = 0; k < count; k++)
        values[k] = (uint32_t)k;
    lstm_random random = lstm_random_named(b->seed, stream);
    random.stream += b->epoch;
    if (shuffle)
        (void)lstm_random_shuffle(&random, count, values); /* count is in range */
}

/* Merge order[start .. middle) and order[middle .. end), both sorted, into spare; of equals the left one comes
 * first. */
static void merge(const size_t *lengths, size_t start, size_t middle, size_t end, const uint32_t *order,
                  uint32_t *spare)
{
    size_t left = start, right = middle;
    for (size_t k = start; k < end; k++) {
        const bool from_left = left < middle && (right == end || lengths[order[left]] <= lengths[order[right]]);
        spare[k] = order[from_left ? left++ : right++];
    }
}

/* By rising length. A merge sort: stable, and without the memory that qsort may allocate. */
static void sort(const size_t *lengths, size_t count, uint32_t *order, uint32_t *spare)
{
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            const size_t middle = start + run < count ? start + run : count;
            merge(lengths, start, middle, middle + run < count ? middle + run : count, order, spare);
        }
        memcpy(order, spare, count * sizeof *order);
    }
}

/* The order of the epoch: of its examples, then of its full batches. */
static void arrange(lstm_batches *b)
{
    fill(b, "batches/examples", b->shuffle, b->examples, b->order);
    const size_t end = b->full * b->batch_size;
    for (size_t start = 0; b->window && start < end; start += b->window)
        sort(b->lengths, b->window < end - start ? b->window : end - start, b->order + start, b->spare);
    fill(b, "batches/order", b->shuffle && b->window, b->full, b->batch_order);
    b->arranged = true;
}

lstm_status lstm_batches_next(lstm_batches *batches, lstm_batch *batch)
{
    if (!batches || !batch)
        return lstm__fail_null("lstm_batches_next", batches ? "batch" : "batches");
    lstm_batches *b = batches;
    if (!b->arranged)
        arrange(b);
    const size_t k = (size_t)b->next, start = (k < b->full ? b->batch_order[k] : k) * b->batch_size;
    const size_t left = b->examples - start, total = left < b->batch_size ? left : b->batch_size;
    lstm_batch made = {
        .indices = b->indices, .lengths = b->parts, .total = total, .epoch = b->epoch, .last = k + 1 == b->count};
    for (size_t row = b->rank; row < total; row += b->ranks) {
        const size_t index = b->order[start + row];
        b->indices[made.count] = index;
        if (b->lengths) {
            b->parts[made.count] = b->lengths[index];
            made.max_length = made.max_length < b->lengths[index] ? b->lengths[index] : made.max_length;
        }
        made.count++;
    }
    b->next++;
    if (made.last) {
        b->next = 0;
        b->epoch++;
        b->arranged = false;
    }
    *batch = made;
    return LSTM_OK;
}

lstm_status lstm_batches_position(const lstm_batches *batches, uint64_t position[2])
{
    if (!batches || !position)
        return lstm__fail_null("lstm_batches_position", batches ? "position" : "batches");
    position[0] = batches->epoch;
    position[1] = batches->next;
    return LSTM_OK;
}

lstm_status lstm_batches_seek(lstm_batches *batches, const uint64_t position[2])
{
    const char *function = "lstm_batches_seek";
    if (!batches || !position)
        return lstm__fail_null(function, batches ? "position" : "batches");
    if (position[1] >= batches->count)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT,
                          "%s: position[1] is %llu, expected below the %zu batches of an epoch", function,
                          (unsigned long long)position[1], batches->count);
    batches->arranged = batches->arranged && batches->epoch == position[0];
    batches->epoch = position[0];
    batches->next = position[1];
    return LSTM_OK;
}

typedef enum element { FLOATS, IDS } element;

/* Row `index` of the caller's: float arrays and size_t arrays are types of their own. */
static const void *row_of(element kind, const void *rows, size_t index)
{
    return kind == FLOATS ? (const void *)((const float *const *)rows)[index]
                          : (const void *)((const size_t *const *)rows)[index];
}

static lstm_status check_gather(const char *function, const lstm_batch *batch, lstm_layout layout, size_t time,
                                size_t width, element kind, const void *rows, const void *y)
{
    size_t floats;
    if (!batch || !rows || !y)
        return lstm__fail_null(function, !batch ? "batch" : rows ? "y" : "rows");
    if (batch->count && (!batch->indices || !batch->lengths))
        return lstm__fail_null(function, batch->indices ? "batch->lengths" : "batch->indices");
    if (layout != LSTM_BATCH_MAJOR && layout != LSTM_TIME_MAJOR)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: layout %d is not known", function, (int)layout);
    if (!width)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: width is 0, expected at least 1", function);
    if (!lstm__multiply(batch->count, width, &floats) || !lstm__multiply(floats, time, &floats))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: batch * time * width overflows", function);
    for (size_t k = 0; k < batch->count; k++) {
        if (batch->lengths[k] > time)
            return lstm__fail(LSTM_ERR_SHAPE, "%s: time is %zu, but a sequence of the batch is %zu long", function,
                              time, batch->lengths[k]);
        if (batch->lengths[k] && !row_of(kind, rows, batch->indices[k]))
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: rows[%zu] is NULL", function, batch->indices[k]);
    }
    return LSTM_OK;
}

/* Steps of `size` bytes. */
static void gather(const lstm_batch *batch, lstm_layout layout, size_t time, size_t size, element kind,
                   const void *rows, void *y)
{
    const size_t row = layout == LSTM_BATCH_MAJOR ? time : 1, step = layout == LSTM_BATCH_MAJOR ? 1 : batch->count;
    for (size_t k = 0; k < batch->count; k++) {
        const unsigned char *from = row_of(kind, rows, batch->indices[k]);
        for (size_t t = 0; t < time; t++) {
            unsigned char *to = (unsigned char *)y + (k * row + t * step) * size;
            if (t < batch->lengths[k])
                memcpy(to, from + t * size, size);
            else
                memset(to, 0, size);
        }
    }
}

lstm_status lstm_batch_gather(const lstm_batch *batch, lstm_layout layout, size_t time, size_t width,
                              const float *const *rows, float *y)
{
    lstm_status status = check_gather("lstm_batch_gather", batch, layout, time, width, FLOATS, rows, y);
    if (!status)
        gather(batch, layout, time, width * sizeof *y, FLOATS, rows, y);
    return status;
}

lstm_status lstm_batch_gather_ids(const lstm_batch *batch, lstm_layout layout, size_t time, const size_t *const *rows,
                                  size_t *y)
{
    lstm_status status = check_gather("lstm_batch_gather_ids", batch, layout, time, 1, IDS, rows, y);
    if (!status)
        gather(batch, layout, time, sizeof *y, IDS, rows, y);
    return status;
}
