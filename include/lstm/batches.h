/* Mini-batches of the caller's examples: which ones, in which order. SPDX-License-Identifier: MIT */
#ifndef LSTM_BATCHES_H
#define LSTM_BATCHES_H

#include <lstm/context.h>
#include <lstm/rnn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hands out the examples 0 .. examples - 1 batch by batch, epoch after epoch without end; the data itself stays with
 * the caller. One thread at a time. Keeps its context alive. */
typedef struct lstm_batches lstm_batches;

typedef struct lstm_batches_config {
    size_t struct_size;
    size_t examples;       /* 1 to 2^32 - 1 */
    size_t batch_size;     /* of all ranks together, at least 1 */
    const size_t *lengths; /* [examples]: how long each sequence is; copied; NULL: they have no length */
    bool shuffle;          /* every epoch anew; otherwise the order is 0, 1, 2, ... */
    bool drop_remainder;   /* leave out the examples % batch_size examples that fill no batch */
    size_t bucket_batches; /* put similar lengths together, among so many batches at a time; 0: do not */
    uint64_t seed;
    size_t rank, ranks; /* of so many processes this is number rank, from 0; ranks 0 means 1 */
} lstm_batches_config;

/* An epoch's order is a function of the config without its ranks, and of the number of the epoch: the same on every
 * machine. All examples are shuffled with the stream that lstm_random_named(seed, "batches/examples") gives, the epoch
 * added to .stream. The first batch_size of them are batch 0, and so on; what fills no batch comes last. With buckets,
 * every bucket_batches full batches are sorted together by rising length, equal lengths staying in order, and cut into
 * batches again; then all full batches of the epoch are shuffled ("batches/order"). Without shuffle nothing is
 * shuffled. bucket_batches may exceed the number of batches: then the whole epoch is sorted.
 * With ranks, each batch is dealt out: its entries rank, rank + ranks, ... are this process's. The parts are as large
 * as each other to within one, of similar lengths, and together the batch of a single process.
 * About 16 bytes of memory for each example. Destroy with lstm_batches_destroy. Any thread.
 * Statuses: INVALID_ARGUMENT (buckets without lengths, no batch at all, more ranks than rows in a batch too),
 * OUT_OF_MEMORY. */
LSTM_API lstm_status lstm_batches_create(lstm_context *context, const lstm_batches_config *config,
                                         lstm_batches **batches);

/* NULL is fine. */
LSTM_API void lstm_batches_destroy(lstm_batches *batches);

/* How many batches an epoch has, the same for every rank; 0 for NULL. Any thread. */
LSTM_API size_t lstm_batches_count(const lstm_batches *batches);

/* One batch. The arrays belong to the lstm_batches, and stay until its next lstm_batches_next. */
typedef struct lstm_batch {
    size_t count;          /* of this rank; 0 is possible in an epoch's last batch only */
    const size_t *indices; /* [count]: which examples */
    const size_t *lengths; /* [count]: of these; NULL without lengths */
    size_t max_length;     /* the largest of them; 0 without lengths */
    size_t total;          /* rows of all ranks: the weight of this rank's mean is count / total */
    uint64_t epoch;        /* from 0 */
    bool last;             /* of its epoch */
} lstm_batch;

/* The next batch; after an epoch's last comes the first of the next epoch. What it takes to arrange an epoch, O(n) and
 * with buckets O(n log n), is done when its first batch is asked for. Hot path: nothing is allocated.
 * Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_batches_next(lstm_batches *batches, lstm_batch *batch);

/* Where it is: the epoch, and how many of its batches were handed out. All that is to be saved for a run that is to go
 * on later. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_batches_position(const lstm_batches *batches, uint64_t position[2]);

/* Go to a position: the batches after it are those that would have come had it been reached one by one. The config is
 * to be the same, but for rank and ranks. Statuses: INVALID_ARGUMENT (position[1] is not below lstm_batches_count
 * too). */
LSTM_API lstm_status lstm_batches_seek(lstm_batches *batches, const uint64_t position[2]);

/* y[count][time][width] in the layout = rows[indices[k]] of a batch with lengths, each padded with zeros to time, which
 * is at least max_length. rows[examples]: sequence k stands at rows[k][lengths[k]][width]; that of length 0 may be
 * NULL. Hot path: nothing is allocated. Any thread. Statuses: INVALID_ARGUMENT, SHAPE (time is too short). */
LSTM_API lstm_status lstm_batch_gather(const lstm_batch *batch, lstm_layout layout, size_t time, size_t width,
                                       const float *const *rows, float *y);

/* The same for sequences of whole numbers, one for each step: symbols, or labels. Padded with 0. */
LSTM_API lstm_status lstm_batch_gather_ids(const lstm_batch *batch, lstm_layout layout, size_t time,
                                           const size_t *const *rows, size_t *y);

#ifdef __cplusplus
}
#endif
#endif
