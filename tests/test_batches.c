/* Mini-batches: orders, buckets, ranks, positions, and gathering sequences of different lengths. */
#include "suites.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#define INVALID LSTM_ERR_INVALID_ARGUMENT
#define NEXT(batches, batch) ck_ok(lstm_batches_next((batches), (batch)))

enum { EXAMPLES = 23, BATCH = 4, BUCKETS = 3, MOST = 300 };
static const uint64_t seed = 0x123456789ABCDEF;

/* Lengths 0 to 9, in no order. */
static const size_t *lengths(void)
{
    static size_t values[MOST];
    for (size_t k = 0; k < MOST; k++)
        values[k] = k * 7 % 10;
    return values;
}

static lstm_batches *create(size_t examples, size_t batch_size, const lstm_batches_config *more)
{
    lstm_batches_config config = *more;
    lstm_batches *batches;
    config.struct_size = sizeof config;
    config.examples = examples;
    config.batch_size = batch_size;
    ck_ok(lstm_batches_create(NULL, &config, &batches));
    return batches;
}

/* The examples of one epoch in their order; returns how many. */
static size_t read_epoch(lstm_batches *batches, size_t *order)
{
    lstm_batch batch = {0};
    size_t count = 0;
    while (!batch.last) {
        NEXT(batches, &batch);
        memcpy(order + count, batch.indices, batch.count * sizeof *order);
        count += batch.count;
    }
    return count;
}

/* What tests/golden/batches_order.py prints. */
static const struct {
    size_t buckets;
    uint64_t epoch;
    size_t order[EXAMPLES];
} known[] = {
    {0, 0, {1, 19, 17, 2, 12, 7, 13, 15, 5, 9, 14, 11, 3, 6, 22, 8, 16, 18, 21, 20, 0, 4, 10}},
    {0, 1, {5, 15, 17, 18, 16, 0, 2, 13, 12, 21, 4, 20, 3, 1, 7, 10, 9, 14, 6, 19, 8, 11, 22}},
    {0, (uint64_t)1 << 32, {22, 10, 13, 12, 5, 0, 19, 21, 16, 3, 2, 20, 14, 7, 1, 4, 11, 15, 8, 17, 9, 18, 6}},
    {BUCKETS, 0, {22, 8, 18, 21, 13, 19, 9, 2, 11, 14, 17, 7, 12, 15, 5, 1, 20, 3, 6, 16, 0, 4, 10}},
    {BUCKETS, 1, {0, 20, 13, 16, 10, 3, 6, 9, 2, 12, 5, 15, 19, 1, 14, 7, 18, 21, 4, 17, 8, 11, 22}},
    {BUCKETS, (uint64_t)1 << 32, {15, 8, 1, 11, 14, 4, 7, 17, 10, 0, 20, 13, 3, 16, 19, 22, 12, 2, 5, 21, 9, 18, 6}},
};

START_TEST(the_order_is_the_one_of_another_implementation)
{
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        size_t order[EXAMPLES];
        lstm_batches *batches = create(EXAMPLES, BATCH,
                                       LSTM_ARGS(lstm_batches_config, .seed = seed, .shuffle = true,
                                                 .lengths = lengths(), .bucket_batches = known[k].buckets));
        ck_ok(lstm_batches_seek(batches, (const uint64_t[2]){known[k].epoch, 0}));
        ck_assert_uint_eq(read_epoch(batches, order), EXAMPLES);
        ck_assert_mem_eq(order, known[k].order, sizeof order);
        lstm_batches_destroy(batches);
    }
}
END_TEST

/* One epoch batch by batch: sizes, flags, lengths, and each example at most once. Returns how many there were. */
static size_t check_epoch(lstm_batches *batches, size_t examples, size_t batch_size, uint64_t epoch)
{
    bool there[MOST] = {false};
    size_t seen = 0;
    for (size_t k = 0; k < lstm_batches_count(batches); k++) {
        lstm_batch batch;
        NEXT(batches, &batch);
        const size_t left = examples - seen, full = left < batch_size ? left : batch_size;
        size_t longest = 0;
        ck_assert_uint_eq(batch.count, full);
        ck_assert_uint_eq(batch.total, full);
        ck_assert_uint_eq(batch.epoch, epoch);
        ck_assert_int_eq(batch.last, k + 1 == lstm_batches_count(batches));
        for (size_t row = 0; row < batch.count; row++) {
            const size_t index = batch.indices[row];
            ck_assert(index < examples && !there[index]);
            there[index] = true;
            ck_assert_uint_eq(batch.lengths[row], lengths()[index]);
            longest = longest < batch.lengths[row] ? batch.lengths[row] : longest;
        }
        ck_assert_uint_eq(batch.max_length, longest);
        seen += batch.count;
    }
    return seen;
}

START_TEST(every_example_comes_once_in_every_epoch)
{
    const size_t sizes[] = {1, 2, 5, 23, 64, MOST}, batch_sizes[] = {1, 2, 4, 7, 64, MOST + 1, SIZE_MAX};
    const size_t buckets[] = {0, 1, 3, SIZE_MAX};
    for (size_t k = 0; k < 6 * 7 * 4 * 4; k++) {
        const size_t examples = sizes[k % 6], batch_size = batch_sizes[k / 6 % 7];
        const bool drop = k / 168 & 1 && batch_size <= examples;
        lstm_batches *batches =
            create(examples, batch_size,
                   LSTM_ARGS(lstm_batches_config, .seed = k, .shuffle = k / 336, .drop_remainder = drop,
                             .bucket_batches = buckets[k / 42 % 4], .lengths = lengths()));
        for (uint64_t epoch = 0; epoch < 3; epoch++)
            ck_assert_uint_eq(check_epoch(batches, examples, batch_size, epoch),
                              drop ? examples - examples % batch_size : examples);
        lstm_batches_destroy(batches);
    }
}
END_TEST

START_TEST(without_shuffle_the_order_is_that_of_the_examples)
{
    size_t order[EXAMPLES];
    lstm_batches *batches = create(EXAMPLES, BATCH, LSTM_ARGS(lstm_batches_config, .seed = seed));
    for (int epoch = 0; epoch < 2; epoch++) {
        ck_assert_uint_eq(read_epoch(batches, order), EXAMPLES);
        for (size_t k = 0; k < EXAMPLES; k++)
            ck_assert_uint_eq(order[k], k);
    }
    lstm_batches_destroy(batches);
}
END_TEST

START_TEST(other_epochs_and_seeds_give_other_orders)
{
    size_t order[4][EXAMPLES];
    for (uint64_t k = 0; k < 2; k++) {
        lstm_batches *batches =
            create(EXAMPLES, BATCH, LSTM_ARGS(lstm_batches_config, .seed = seed + k, .shuffle = true));
        read_epoch(batches, order[2 * k]);
        read_epoch(batches, order[2 * k + 1]);
        lstm_batches_destroy(batches);
    }
    for (size_t a = 0; a < 4; a++)
        for (size_t b = 0; b < a; b++)
            ck_assert_mem_ne(order[a], order[b], sizeof order[a]);
}
END_TEST

START_TEST(any_example_may_be_left_out_of_an_epoch)
{
    size_t order[EXAMPLES], times[EXAMPLES] = {0};
    const lstm_batches_config config = {
        .seed = seed, .shuffle = true, .drop_remainder = true, .bucket_batches = 5, .lengths = lengths()};
    lstm_batches *batches = create(EXAMPLES, BATCH, &config);
    for (int epoch = 0; epoch < 1000; epoch++) {
        ck_assert_uint_eq(read_epoch(batches, order), 20);
        for (size_t k = 0; k < 20; k++)
            times[order[k]]++;
    }
    /* Binomial, of mean 1000 * 20 / 23 = 870 and deviation 10.7: five of them. */
    for (size_t k = 0; k < EXAMPLES; k++)
        ck_assert(times[k] > 816 && times[k] < 924);
    lstm_batches_destroy(batches);
}
END_TEST

/* How much padding an epoch of 75 batches of 4 has, if each is padded to its longest. */
static size_t padding(size_t buckets)
{
    size_t wasted = 0;
    lstm_batch batch = {0};
    lstm_batches *batches = create(
        MOST, BATCH, LSTM_ARGS(lstm_batches_config, .shuffle = true, .bucket_batches = buckets, .lengths = lengths()));
    while (!batch.last) {
        NEXT(batches, &batch);
        for (size_t row = 0; row < batch.count; row++)
            wasted += batch.max_length - batch.lengths[row];
    }
    lstm_batches_destroy(batches);
    return wasted;
}

START_TEST(buckets_hold_similar_lengths)
{
    const size_t none = padding(0), some = padding(10), all = padding(SIZE_MAX);
    ck_assert_uint_lt(some, none / 4);
    ck_assert_uint_le(all, some);
    ck_assert_uint_lt(all, MOST / 10); /* 30 sequences of each length: at most 9 batches hold two of them */
}
END_TEST

START_TEST(batches_of_sorted_examples_come_in_any_order)
{
    size_t rising = 0, last = 0;
    lstm_batch batch = {0};
    lstm_batches *batches = create(
        MOST, BATCH, LSTM_ARGS(lstm_batches_config, .shuffle = true, .bucket_batches = MOST, .lengths = lengths()));
    while (!batch.last) {
        NEXT(batches, &batch);
        rising += batch.max_length > last;
        last = batch.max_length;
    }
    ck_assert(rising > 20 && rising < 55); /* of 75: less than half, as lengths repeat */
    lstm_batches_destroy(batches);
}
END_TEST

START_TEST(without_shuffle_buckets_are_sorted_where_they_stand)
{
    size_t order[EXAMPLES];
    lstm_batches *batches =
        create(EXAMPLES, BATCH, LSTM_ARGS(lstm_batches_config, .bucket_batches = BUCKETS, .lengths = lengths()));
    read_epoch(batches, order);
    for (size_t k = 1; k < 20; k++)
        if (k != 12)
            ck_assert(lengths()[order[k - 1]] < lengths()[order[k]] ||
                      (lengths()[order[k - 1]] == lengths()[order[k]] && order[k - 1] < order[k]));
    for (size_t k = 0; k < EXAMPLES; k++)
        ck_assert(k < 20 ? order[k] / 12 == k / 12 && order[k] < 20 : order[k] == k);
    lstm_batches_destroy(batches);
}
END_TEST

static const lstm_batches_config bucketed = {
    .seed = 5, .shuffle = true, .bucket_batches = BUCKETS, .lengths = (const size_t[EXAMPLES]){9, 3, 1, 4, 1, 5}};

START_TEST(from_every_position_the_same_batches_follow)
{
    enum { STEPS = 18, AFTER = 7 };
    size_t order[STEPS + AFTER][BATCH] = {{0}};
    uint64_t position[STEPS + 1][2], there[2];
    lstm_batch batch;
    lstm_batches *batches = create(EXAMPLES, BATCH, &bucketed);
    for (size_t k = 0; k < STEPS + AFTER; k++) {
        if (k <= STEPS)
            ck_ok(lstm_batches_position(batches, position[k]));
        NEXT(batches, &batch);
        memcpy(order[k], batch.indices, batch.count * sizeof order[k][0]);
    }
    ck_assert(position[6][0] == 1 && position[6][1] == 0 && position[11][0] == 1 && position[11][1] == 5);
    for (size_t k = STEPS + 1; k-- > 0;) { /* in one that stands elsewhere, and in a fresh one */
        lstm_batches *both[] = {batches, create(EXAMPLES, BATCH, &bucketed)};
        for (size_t which = 0; which < 2; which++) {
            ck_ok(lstm_batches_seek(both[which], position[k]));
            ck_ok(lstm_batches_position(both[which], there));
            ck_assert_mem_eq(there, position[k], sizeof there);
            for (size_t after = 0; after < AFTER; after++) {
                NEXT(both[which], &batch);
                ck_assert_mem_eq(batch.indices, order[k + after], batch.count * sizeof order[0][0]);
            }
        }
        lstm_batches_destroy(both[1]);
    }
    lstm_batches_destroy(batches);
}
END_TEST

START_TEST(the_last_epoch_there_is_has_a_successor)
{
    const uint64_t end[2] = {UINT64_MAX, 5};
    uint64_t position[2];
    lstm_batch batch;
    lstm_batches *batches = create(EXAMPLES, BATCH, &bucketed);
    ck_ok(lstm_batches_seek(batches, end));
    NEXT(batches, &batch);
    ck_assert(batch.last && batch.epoch == UINT64_MAX);
    ck_ok(lstm_batches_position(batches, position));
    ck_assert(position[0] == 0 && position[1] == 0);
    lstm_batches_destroy(batches);
}
END_TEST

/* The parts of `ranks` processes, put together again, are the batches of one. */
static void check_ranks(size_t ranks)
{
    lstm_batch whole, part;
    lstm_batches *one = create(EXAMPLES, BATCH, &bucketed), *rank[BATCH];
    for (size_t r = 0; r < ranks; r++) {
        lstm_batches_config config = bucketed;
        config.rank = r;
        config.ranks = ranks;
        rank[r] = create(EXAMPLES, BATCH, &config);
        ck_assert_uint_eq(lstm_batches_count(rank[r]), lstm_batches_count(one));
    }
    for (size_t step = 0; step < 3 * lstm_batches_count(one); step++) {
        size_t seen = 0;
        NEXT(one, &whole);
        for (size_t r = 0; r < ranks; r++) {
            NEXT(rank[r], &part);
            ck_assert_uint_eq(part.total, whole.count);
            ck_assert(part.epoch == whole.epoch && part.last == whole.last && part.max_length <= whole.max_length);
            ck_assert_uint_eq(part.count, (whole.count + ranks - 1 - r) / ranks);
            for (size_t row = 0; row < part.count; row++, seen++) {
                ck_assert_uint_eq(part.indices[row], whole.indices[row * ranks + r]);
                ck_assert_uint_eq(part.lengths[row], whole.lengths[row * ranks + r]);
            }
        }
        ck_assert_uint_eq(seen, whole.count);
    }
    for (size_t r = 0; r < ranks; r++)
        lstm_batches_destroy(rank[r]);
    lstm_batches_destroy(one);
}

START_TEST(the_parts_of_all_ranks_are_the_batch_of_one)
{
    for (size_t ranks = 1; ranks <= BATCH; ranks++) /* of the 3 rows left over, rank 3 of 4 gets none */
        check_ranks(ranks);
}
END_TEST

START_TEST(lengths_are_copied_and_may_be_missing)
{
    size_t own[3] = {3, 1, 2};
    lstm_batch batch;
    lstm_batches *batches = create(3, 3, LSTM_ARGS(lstm_batches_config, .lengths = own));
    own[0] = own[1] = own[2] = 99;
    NEXT(batches, &batch);
    ck_assert(batch.max_length == 3 && batch.lengths[1] == 1);
    lstm_batches_destroy(batches);
    batches = create(3, 3, LSTM_ARGS(lstm_batches_config, .shuffle = true));
    NEXT(batches, &batch);
    ck_assert(batch.count == 3 && !batch.lengths && !batch.max_length);
    lstm_batches_destroy(batches);
}
END_TEST

START_TEST(a_gathered_batch_is_padded_with_zeros_to_its_time)
{
    enum { ROWS = 3, TIME = 4, WIDTH = 2 };
    const float a[] = {1, 2, 3, 4, 5, 6}, c[] = {7, 8};
    const float *const rows[ROWS] = {a, NULL, c};
    const size_t d[] = {1, 2, 3}, f[] = {7}, *const ids[ROWS] = {d, NULL, f};
    const float batch_major[] = {7, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const float time_major[] = {7, 8, 1, 2, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0};
    const size_t ids_batch_major[] = {7, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0};
    const size_t ids_time_major[] = {7, 1, 0, 0, 2, 0, 0, 3, 0, 0, 0, 0};
    const lstm_batch batch = {
        .count = ROWS, .indices = (const size_t[]){2, 0, 1}, .lengths = (const size_t[]){1, 3, 0}, .max_length = 3};
    for (int time_first = 0; time_first < 2; time_first++) {
        const lstm_layout layout = time_first ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR;
        float y[ROWS * TIME * WIDTH + 1];
        size_t z[ROWS * TIME + 1];
        memset(y, 1, sizeof y);
        memset(z, 1, sizeof z);
        ck_ok(lstm_batch_gather(&batch, layout, TIME, WIDTH, rows, y));
        ck_ok(lstm_batch_gather_ids(&batch, layout, TIME, ids, z));
        ck_assert(same_bits(y, time_first ? time_major : batch_major, ROWS * TIME * WIDTH));
        ck_assert_mem_eq(z, time_first ? ids_time_major : ids_batch_major, ROWS * TIME * sizeof *z);
        ck_assert(y[ROWS * TIME * WIDTH] != 0.0f && z[ROWS * TIME] != 0); /* nothing behind them */
    }
}
END_TEST

START_TEST(an_empty_batch_gathers_nothing)
{
    const float *const rows[1] = {NULL};
    const lstm_batch batch = {.count = 0};
    float y = 55.0f;
    ck_ok(lstm_batch_gather(&batch, LSTM_BATCH_MAJOR, 3, 2, rows, &y));
    ck_assert_float_eq(y, 55.0f);
}
END_TEST

START_TEST(gathering_says_what_is_wrong)
{
    const float a[2] = {1, 2};
    const float *const rows[2] = {a, NULL};
    const size_t *const ids[1] = {NULL};
    const size_t zero_one[2] = {0, 1}, two[2] = {2, 0}, huge = SIZE_MAX / 2;
    lstm_batch batch = {.count = 2, .indices = zero_one, .lengths = two}, bad = batch;
    float y[4];
    size_t z = 55;
#define GATHER(batch, layout, time, width, rows, y)                                                                    \
    lstm_batch_gather((batch), (lstm_layout)(layout), (time), (width), (rows), (y))
    ck_nothing_written(y, GATHER(NULL, 0, 2, 1, rows, y), "batch is NULL");
    ck_nothing_written(y, GATHER(&batch, 0, 2, 1, NULL, y), "rows is NULL");
    ck_nothing_written(y, GATHER(&batch, 0, 2, 1, rows, NULL), "y is NULL");
    ck_nothing_written(y, GATHER(&batch, 2, 2, 1, rows, y), "layout 2");
    ck_nothing_written(y, GATHER(&batch, 0, 2, 0, rows, y), "width is 0");
    ck_nothing_written(y, GATHER(&batch, 0, huge, 4, rows, y), "overflows");
    ck_fails(GATHER(&batch, 0, 1, 1, rows, y), LSTM_ERR_SHAPE, "lstm_batch_gather: time is 1");
    bad.lengths = NULL;
    ck_nothing_written(y, GATHER(&bad, 0, 2, 1, rows, y), "batch->lengths is NULL");
    bad.indices = NULL;
    ck_nothing_written(y, GATHER(&bad, 0, 2, 1, rows, y), "batch->indices is NULL");
    bad = (lstm_batch){.count = 2, .indices = zero_one, .lengths = (const size_t[]){2, 1}};
    ck_nothing_written(y, GATHER(&bad, 0, 2, 1, rows, y), "rows[1] is NULL");
#undef GATHER
    bad.count = 1;
    ck_fails(lstm_batch_gather_ids(&bad, LSTM_BATCH_MAJOR, 2, ids, &z), INVALID, "lstm_batch_gather_ids: rows[0]");
    ck_fails(lstm_batch_gather_ids(NULL, LSTM_BATCH_MAJOR, 2, ids, &z), INVALID, "batch is NULL");
    ck_assert_uint_eq(z, 55);
}
END_TEST

#define REFUSED(words, ...)                                                                                            \
    ck_makes_nothing(lstm_batches, lstm_batches_create(NULL, LSTM_ARGS(lstm_batches_config, __VA_ARGS__), &made),      \
                     INVALID, words)

START_TEST(a_config_that_cannot_be_is_refused)
{
    const lstm_batches_config good = {.struct_size = sizeof good, .examples = 3, .batch_size = 2}, empty = {0};
    REFUSED("examples is 0", .batch_size = 2);
    if (SIZE_MAX > UINT32_MAX) {
        REFUSED("2^32 - 1", .batch_size = 2, .examples = (size_t)UINT32_MAX + 1);
        REFUSED("2^32 - 1", .batch_size = 2, .examples = SIZE_MAX);
    }
    REFUSED("batch_size is 0", .examples = 3);
    REFUSED("drop_remainder", .examples = 3, .batch_size = 4, .drop_remainder = true);
    REFUSED("lengths is NULL", .examples = 3, .batch_size = 2, .bucket_batches = 1);
    REFUSED("rank is 1", .examples = 3, .batch_size = 2, .rank = 1);
    REFUSED("rank is 2", .examples = 3, .batch_size = 2, .rank = 2, .ranks = 2);
    REFUSED("ranks is 3", .examples = 3, .batch_size = 2, .ranks = 3);
    REFUSED("ranks is 4", .examples = 3, .batch_size = 9, .ranks = 4);
    REFUSED("ranks", .examples = 3, .batch_size = 9, .ranks = SIZE_MAX);
    ck_makes_nothing(lstm_batches, lstm_batches_create(NULL, NULL, &made), INVALID, "config is NULL");
    ck_makes_nothing(lstm_batches, lstm_batches_create(NULL, &empty, &made), INVALID, "struct_size");
    ck_fails(lstm_batches_create(NULL, &good, NULL), INVALID, "batches is NULL");
}
END_TEST

START_TEST(calls_that_cannot_be_are_refused)
{
    uint64_t position[2] = {7, 3};
    lstm_batch batch = {.count = 77}, first;
    lstm_batches *batches = create(EXAMPLES, BATCH, &bucketed);
    ck_fails(lstm_batches_next(NULL, &batch), INVALID, "batches is NULL");
    ck_fails(lstm_batches_next(batches, NULL), INVALID, "batch is NULL");
    ck_fails(lstm_batches_position(NULL, position), INVALID, "batches is NULL");
    ck_fails(lstm_batches_position(batches, NULL), INVALID, "position is NULL");
    ck_fails(lstm_batches_seek(NULL, position), INVALID, "batches is NULL");
    ck_fails(lstm_batches_seek(batches, NULL), INVALID, "position is NULL");
    ck_fails(lstm_batches_seek(batches, (const uint64_t[2]){0, 6}), INVALID, "position[1] is 6");
    ck_fails(lstm_batches_seek(batches, (const uint64_t[2]){0, UINT64_MAX}), INVALID, "position[1]");
    ck_assert(batch.count == 77 && position[0] == 7 && position[1] == 3);
    ck_assert_uint_eq(lstm_batches_count(NULL), 0);
    lstm_batches_destroy(NULL);
    NEXT(batches, &first); /* it stands where it stood */
    ck_assert(first.epoch == 0 && !first.last);
    ck_ok(lstm_batches_position(batches, position));
    ck_assert(position[0] == 0 && position[1] == 1);
    lstm_batches_destroy(batches);
}
END_TEST

Suite *batches_suite(void)
{
    return test_suite(
        "batches",
        (const TTest *const[]){
            the_order_is_the_one_of_another_implementation, every_example_comes_once_in_every_epoch,
            without_shuffle_the_order_is_that_of_the_examples, other_epochs_and_seeds_give_other_orders,
            any_example_may_be_left_out_of_an_epoch, buckets_hold_similar_lengths,
            batches_of_sorted_examples_come_in_any_order, without_shuffle_buckets_are_sorted_where_they_stand,
            from_every_position_the_same_batches_follow, the_last_epoch_there_is_has_a_successor,
            the_parts_of_all_ranks_are_the_batch_of_one, lengths_are_copied_and_may_be_missing,
            a_gathered_batch_is_padded_with_zeros_to_its_time, an_empty_batch_gathers_nothing,
            gathering_says_what_is_wrong, a_config_that_cannot_be_is_refused, calls_that_cannot_be_are_refused, NULL});
}
