/* The counting example's data set. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "suites.h"
#include "synthetic_dataset.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BITS = 10, TOTAL = 1 << BITS, HEADER_BYTES = 32, PATH_BYTES = 256 };

/* Every test has a folder of its own, and a stream that collects what the data set says. */
static char folder[64], cache[PATH_BYTES];
static char *said;
static size_t said_bytes, heard_bytes;
static FILE *messages;

static void set_up(void)
{
    strcpy(folder, "/tmp/synthetic_dataset.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(cache, sizeof cache, "%s/below/it/cache.bin", folder);
    heard_bytes = 0;
    messages = open_memstream(&said, &said_bytes);
    ck_assert_ptr_nonnull(messages);
}

static void remove_tree(const char *path)
{
    DIR *directory = opendir(path);

    if (directory != NULL) {
        for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
            char child[2 * PATH_BYTES];

            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            ck_assert_int_lt(snprintf(child, sizeof child, "%s/%s", path, entry->d_name), (int)sizeof child);
            remove_tree(child);
        }
        closedir(directory);
    }
    ck_assert_int_eq(remove(path), 0);
}

/* How many files a folder has, hidden ones too. */
static size_t count_entries(const char *path)
{
    size_t entries = 0;
    DIR *directory = opendir(path);

    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return entries;
}

static void tear_down(void)
{
    fclose(messages);
    free(said);
    remove_tree(folder);
}

/* How many lines were said since the last call. */
static size_t lines_said(void)
{
    size_t lines = 0;

    fflush(messages);
    for (; heard_bytes < said_bytes; heard_bytes++)
        lines += said[heard_bytes] == '\n';
    return lines;
}

static synthetic_dataset *create(size_t bits, uint64_t seed, const char *cache_path)
{
    synthetic_dataset *dataset = synthetic_dataset_create(
        &(synthetic_dataset_config){.bits = bits, .seed = seed, .cache_path = cache_path, .messages = messages});

    ck_assert_ptr_nonnull(dataset);
    return dataset;
}

/* The sequences of a data set without a cache: what every other way must give. Free it. */
static uint32_t *expected_sequences(size_t bits, uint64_t seed)
{
    size_t bytes = ((size_t)1 << bits) * sizeof(uint32_t);
    synthetic_dataset *dataset = create(bits, seed, NULL);
    uint32_t *copy = malloc(bytes);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN), bytes);
    synthetic_dataset_destroy(dataset);
    return copy;
}

/* Access a data set with that cache path, compare it with the right data, count the lines said. */
static size_t lines_of_a_right_access(size_t bits, uint64_t seed, const char *cache_path)
{
    size_t bytes = ((size_t)1 << bits) * sizeof(uint32_t);
    uint32_t *expected = expected_sequences(bits, seed);
    synthetic_dataset *dataset = create(bits, seed, cache_path);
    const uint32_t *sequences = synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN);

    ck_assert_ptr_nonnull(sequences);
    ck_assert_mem_eq(sequences, expected, bytes);
    synthetic_dataset_destroy(dataset);
    free(expected);
    return lines_said();
}

static void read_file(const char *path, unsigned char *bytes, size_t count)
{
    FILE *file = fopen(path, "rb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(bytes, 1, count, file), count);
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
}

static void write_file(const char *path, const unsigned char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

/* A spoilt cache costs one line, gives the right data, and is whole again afterwards. */
static void expect_recovery(const unsigned char *bytes, size_t count)
{
    write_file(cache, bytes, count);
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, cache), 1);
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, cache), 0);
}

START_TEST(every_sequence_is_there_once)
{
    unsigned char seen[TOTAL] = {0};
    synthetic_dataset *dataset = create(BITS, 1, NULL);

    for (int part = SYNTHETIC_DATASET_TRAIN; part <= SYNTHETIC_DATASET_TEST; part++) {
        const uint32_t *sequences = synthetic_dataset_sequences(dataset, (synthetic_dataset_part)part);

        for (size_t i = 0; i < synthetic_dataset_count(dataset, (synthetic_dataset_part)part); i++) {
            ck_assert_uint_lt(sequences[i], TOTAL);
            ck_assert_uint_eq(seen[sequences[i]]++, 0);
        }
    }
    for (size_t i = 0; i < TOTAL; i++)
        ck_assert_uint_eq(seen[i], 1);
    synthetic_dataset_destroy(dataset);
}
END_TEST

START_TEST(order_is_a_function_of_the_seed)
{
    uint32_t *one = expected_sequences(BITS, 1), *again = expected_sequences(BITS, 1);
    uint32_t *zero = expected_sequences(BITS, 0);
    size_t in_place = 0;

    ck_assert_mem_eq(one, again, TOTAL * sizeof *one);
    ck_assert_mem_ne(one, zero, TOTAL * sizeof *one);
    for (uint32_t i = 0; i < TOTAL; i++)
        in_place += one[i] == i;
    ck_assert_uint_lt(in_place, 20); /* one is expected of a shuffle, TOTAL without it */
    free(one);
    free(again);
    free(zero);
}
END_TEST

START_TEST(split_is_the_lectures_by_default)
{
    synthetic_dataset *dataset = create(0, 1, NULL);

    ck_assert_uint_eq(synthetic_dataset_bits(dataset), 20);
    ck_assert_uint_eq(synthetic_dataset_classes(dataset), 21);
    ck_assert_uint_eq(synthetic_dataset_count(dataset, SYNTHETIC_DATASET_TRAIN), 838860);
    ck_assert_uint_eq(synthetic_dataset_count(dataset, SYNTHETIC_DATASET_TEST), 209716);
    ck_assert_ptr_eq(synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN) + 838860,
                     synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TEST));
    synthetic_dataset_destroy(dataset);
}
END_TEST

START_TEST(split_follows_fraction_and_count)
{
    static const struct {
        size_t bits, train_count, train;
        double fraction;
    } cases[] = {{1, 0, 1, 0},        {4, 0, 12, 0},   {10, 0, 512, 0.5},    {10, 0, 1024, 1},
                 {10, 1024, 1024, 0}, {10, 1, 1, 0.5}, {24, 0, 13421772, 0}, {2, 0, 0, 0.1}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        synthetic_dataset *dataset =
            synthetic_dataset_create(&(synthetic_dataset_config){.bits = cases[i].bits,
                                                                 .train_fraction = cases[i].fraction,
                                                                 .train_count = cases[i].train_count,
                                                                 .messages = messages});

        ck_assert_ptr_nonnull(dataset);
        ck_assert_uint_eq(synthetic_dataset_count(dataset, SYNTHETIC_DATASET_TRAIN), cases[i].train);
        ck_assert_uint_eq(synthetic_dataset_count(dataset, SYNTHETIC_DATASET_TEST),
                          ((size_t)1 << cases[i].bits) - cases[i].train);
        synthetic_dataset_destroy(dataset);
    }
    ck_assert_uint_eq(lines_said(), 0);
}
END_TEST

START_TEST(impossible_configurations_are_refused_with_a_line)
{
    const synthetic_dataset_config cases[] = {{.bits = 25},
                                              {.bits = 4, .train_count = 17},
                                              {.bits = 4, .train_fraction = -0.1},
                                              {.bits = 4, .train_fraction = 1.1}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        synthetic_dataset_config config = cases[i];

        config.messages = messages;
        ck_assert_ptr_null(synthetic_dataset_create(&config));
        ck_assert_uint_eq(lines_said(), 1);
    }
    synthetic_dataset_destroy(NULL);
}
END_TEST

START_TEST(a_batch_holds_digits_and_their_count)
{
    enum { FIRST = 7, COUNT = 33 };
    static float inputs[COUNT][BITS], targets[COUNT][BITS + 1];
    synthetic_dataset *dataset = create(BITS, 1, NULL);
    const uint32_t *sequences = synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TEST);

    memset(inputs, 0x55, sizeof inputs);
    memset(targets, 0x55, sizeof targets);
    ck_assert(synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TEST, FIRST, COUNT, inputs[0], targets[0]));
    for (size_t row = 0; row < COUNT; row++) {
        uint32_t value = 0;
        size_t ones = 0, hot = 0;

        for (size_t i = 0; i < BITS; i++) {
            ck_assert(inputs[row][i] == 0.0F || inputs[row][i] == 1.0F);
            value = 2 * value + (inputs[row][i] == 1.0F);
            ones += inputs[row][i] == 1.0F;
        }
        for (size_t k = 0; k <= BITS; k++) {
            ck_assert(targets[row][k] == 0.0F || targets[row][k] == 1.0F);
            hot += targets[row][k] == 1.0F;
        }
        ck_assert_uint_eq(value, sequences[FIRST + row]);
        ck_assert_uint_eq(hot, 1);
        ck_assert(targets[row][ones] == 1.0F);
    }
    synthetic_dataset_destroy(dataset);
}
END_TEST

START_TEST(the_first_digit_is_the_most_significant)
{
    static const float expected[] = {0, 1, 1, 0};
    float inputs[4];

    synthetic_sequence_expand(6, 4, inputs);
    ck_assert_mem_eq(inputs, expected, sizeof expected);
    ck_assert_uint_eq(synthetic_sequence_ones(6), 2);
    ck_assert_uint_eq(synthetic_sequence_ones(0), 0);
    ck_assert_uint_eq(synthetic_sequence_ones(0xffffff), 24);
}
END_TEST

START_TEST(a_batch_outside_its_part_is_refused_with_a_line)
{
    synthetic_dataset *dataset = create(4, 1, NULL); /* 12 and 4 */
    float inputs[13 * 4];

    ck_assert(synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TEST, 0, 4, inputs, NULL));
    ck_assert(synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TEST, 4, 0, inputs, NULL));
    ck_assert_uint_eq(lines_said(), 0);
    ck_assert(!synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TEST, 0, 5, inputs, NULL));
    ck_assert(!synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TEST, 5, 0, inputs, NULL));
    ck_assert(!synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TRAIN, 1, 12, inputs, NULL));
    ck_assert(!synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TRAIN, 1, SIZE_MAX, inputs, NULL));
    ck_assert_uint_eq(lines_said(), 4);
    synthetic_dataset_destroy(dataset);
}
END_TEST

START_TEST(nothing_is_made_before_the_first_access)
{
    synthetic_dataset *dataset = create(BITS, 1, cache);

    ck_assert_uint_eq(synthetic_dataset_count(dataset, SYNTHETIC_DATASET_TEST), 205);
    ck_assert_int_ne(access(cache, F_OK), 0);
    ck_assert_ptr_nonnull(synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TEST));
    ck_assert_int_eq(access(cache, F_OK), 0);
    ck_assert_uint_eq(lines_said(), 0);
    synthetic_dataset_destroy(dataset);
}
END_TEST

START_TEST(data_is_served_from_memory_after_the_first_access)
{
    synthetic_dataset *dataset = create(BITS, 1, cache);
    const uint32_t *sequences = synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN);

    ck_assert_int_eq(remove(cache), 0);
    ck_assert_ptr_eq(synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN), sequences);
    ck_assert_int_ne(access(cache, F_OK), 0);
    synthetic_dataset_destroy(dataset);
}
END_TEST

START_TEST(the_cache_gives_the_data_back)
{
    static const size_t bits[] = {1, 3, BITS, 15}; /* 2^15 is more than one portion of the file */

    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        struct stat status;

        ck_assert_uint_eq(lines_of_a_right_access(bits[i], 1, cache), 0);
        ck_assert_int_eq(stat(cache, &status), 0);
        ck_assert_int_eq(status.st_size, HEADER_BYTES + 4 * ((off_t)1 << bits[i]));
        ck_assert_uint_eq(lines_of_a_right_access(bits[i], 1, cache), 0);
        ck_assert_int_eq(remove(cache), 0);
    }
}
END_TEST

/* Exchange two sequences and mend the checksum: only a data set that trusts the file shows it. */
START_TEST(the_cache_is_what_is_served)
{
    static unsigned char bytes[HEADER_BYTES + 4 * TOTAL];
    unsigned char kept[4];
    uint64_t checksum = UINT64_C(0xcbf29ce484222325);
    uint32_t *expected = expected_sequences(BITS, 1);
    const uint32_t *sequences;
    synthetic_dataset *dataset;

    lines_of_a_right_access(BITS, 1, cache);
    read_file(cache, bytes, sizeof bytes);
    memcpy(kept, bytes + HEADER_BYTES, 4);
    memcpy(bytes + HEADER_BYTES, bytes + HEADER_BYTES + 4, 4);
    memcpy(bytes + HEADER_BYTES + 4, kept, 4);
    for (size_t i = HEADER_BYTES; i < sizeof bytes; i++)
        checksum = (checksum ^ bytes[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < 8; i++)
        bytes[24 + i] = (unsigned char)(checksum >> (8 * i));
    write_file(cache, bytes, sizeof bytes);
    dataset = create(BITS, 1, cache);
    sequences = synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN);
    ck_assert_uint_eq(lines_said(), 0);
    ck_assert_uint_eq(sequences[0], expected[1]);
    ck_assert_uint_eq(sequences[1], expected[0]);
    synthetic_dataset_destroy(dataset);

    /* the same, but one sequence twice: the checksum is right and the data is not */
    memcpy(bytes + HEADER_BYTES, bytes + HEADER_BYTES + 4, 4);
    checksum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = HEADER_BYTES; i < sizeof bytes; i++)
        checksum = (checksum ^ bytes[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < 8; i++)
        bytes[24 + i] = (unsigned char)(checksum >> (8 * i));
    expect_recovery(bytes, sizeof bytes);
    free(expected);
}
END_TEST

START_TEST(a_cache_cut_short_is_made_anew)
{
    static unsigned char bytes[HEADER_BYTES + 4 * TOTAL];
    static const size_t lengths[] = {
        0, 1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 2, sizeof bytes - 4, sizeof bytes - 1};

    lines_of_a_right_access(BITS, 1, cache);
    read_file(cache, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        expect_recovery(bytes, lengths[i]);
}
END_TEST

START_TEST(a_cache_with_more_at_its_end_is_made_anew)
{
    static unsigned char bytes[HEADER_BYTES + 4 * TOTAL + 1];

    lines_of_a_right_access(BITS, 1, cache);
    read_file(cache, bytes, sizeof bytes - 1);
    expect_recovery(bytes, sizeof bytes);
}
END_TEST

START_TEST(a_flipped_bit_anywhere_is_noticed)
{
    static unsigned char bytes[HEADER_BYTES + 4 * TOTAL];

    lines_of_a_right_access(BITS, 1, cache);
    read_file(cache, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i += i < HEADER_BYTES ? 1 : 509) {
        bytes[i] ^= 1;
        expect_recovery(bytes, sizeof bytes);
        bytes[i] ^= 1;
    }
}
END_TEST

START_TEST(a_cache_of_another_configuration_is_made_anew)
{
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, cache), 0);
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 2, cache), 1);
    ck_assert_uint_eq(lines_of_a_right_access(BITS - 1, 2, cache), 1);
    ck_assert_uint_eq(lines_of_a_right_access(BITS + 1, 2, cache), 1);
    ck_assert_uint_eq(lines_of_a_right_access(BITS + 1, 2, cache), 0);
}
END_TEST

START_TEST(one_cache_serves_every_size_of_the_training_set)
{
    synthetic_dataset *dataset = synthetic_dataset_create(&(synthetic_dataset_config){
        .bits = BITS, .seed = 1, .train_count = 5, .cache_path = cache, .messages = messages});

    ck_assert_ptr_nonnull(dataset);
    ck_assert_ptr_nonnull(synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN));
    synthetic_dataset_destroy(dataset);
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, cache), 0);
}
END_TEST

START_TEST(a_foreign_file_is_made_anew)
{
    static unsigned char bytes[HEADER_BYTES + 4 * TOTAL];

    lines_of_a_right_access(BITS, 1, cache);
    memset(bytes, 'x', sizeof bytes);
    expect_recovery(bytes, sizeof bytes);
}
END_TEST

START_TEST(a_cache_that_cannot_be_written_costs_a_line)
{
    char path[PATH_BYTES + 16];

    lines_of_a_right_access(BITS, 1, cache);
    snprintf(path, sizeof path, "%s/cache.bin", cache); /* below a file */
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, path), 1);
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, folder), 1);
    snprintf(path, sizeof path, "%s/only_a_folder/", folder); /* is made, and is no file */
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, path), 1);
    ck_assert_uint_eq(count_entries(path), 0);
}
END_TEST

/* The size of files is limited, as on a disk that is full. */
START_TEST(a_full_disk_costs_a_line_and_leaves_nothing)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction kept_action;
    struct rlimit kept, little;
    char parent[PATH_BYTES];

    ck_assert_int_eq(sigaction(SIGXFSZ, &ignore, &kept_action), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &kept), 0);
    little = kept;
    little.rlim_cur = 1000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, cache), 1);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &kept), 0);
    ck_assert_int_eq(sigaction(SIGXFSZ, &kept_action, NULL), 0);
    snprintf(parent, sizeof parent, "%s/below/it", folder);
    ck_assert_uint_eq(count_entries(parent), 0);
}
END_TEST

START_TEST(what_is_no_regular_file_is_neither_read_nor_replaced)
{
    char path[PATH_BYTES];
    struct stat status;

    snprintf(path, sizeof path, "%s/pipe", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, path), 1);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert(S_ISFIFO(status.st_mode));
}
END_TEST

START_TEST(a_read_only_folder_costs_a_line)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/cache.bin", folder);
    ck_assert_int_eq(chmod(folder, 0500), 0);
    if (geteuid() != 0) /* nothing is read-only for root */
        ck_assert_uint_eq(lines_of_a_right_access(BITS, 1, path), 1);
    ck_assert_int_eq(chmod(folder, 0700), 0);
}
END_TEST

START_TEST(no_temporary_file_is_left)
{
    char parent[PATH_BYTES];

    lines_of_a_right_access(BITS, 1, cache);
    lines_of_a_right_access(BITS, 2, cache);
    snprintf(parent, sizeof parent, "%s/below/it", folder);
    ck_assert_uint_eq(count_entries(parent), 1);
}
END_TEST

START_TEST(force_recompute_ignores_the_cache_and_writes_it_anew)
{
    static unsigned char bytes[HEADER_BYTES + 4 * TOTAL], after[HEADER_BYTES + 4 * TOTAL];
    uint32_t *expected = expected_sequences(BITS, 1);
    synthetic_dataset *dataset;

    lines_of_a_right_access(BITS, 1, cache);
    read_file(cache, bytes, sizeof bytes);
    write_file(cache, bytes, 9); /* it would be complained of if it were read */
    dataset = synthetic_dataset_create(&(synthetic_dataset_config){
        .bits = BITS, .seed = 1, .cache_path = cache, .force_recompute = true, .messages = messages});
    ck_assert_ptr_nonnull(dataset);
    ck_assert_mem_eq(synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN), expected, TOTAL * sizeof *expected);
    ck_assert_uint_eq(lines_said(), 0);
    read_file(cache, after, sizeof after);
    ck_assert_mem_eq(after, bytes, sizeof bytes);
    synthetic_dataset_destroy(dataset);
    free(expected);
}
END_TEST

Suite *synthetic_dataset_suite(void)
{
    Suite *suite = suite_create("synthetic_dataset");
    TCase *data = tcase_create("data"), *caching = tcase_create("cache");

    tcase_add_checked_fixture(data, set_up, tear_down);
    tcase_add_test(data, every_sequence_is_there_once);
    tcase_add_test(data, order_is_a_function_of_the_seed);
    tcase_add_test(data, split_is_the_lectures_by_default);
    tcase_add_test(data, split_follows_fraction_and_count);
    tcase_add_test(data, impossible_configurations_are_refused_with_a_line);
    tcase_add_test(data, a_batch_holds_digits_and_their_count);
    tcase_add_test(data, the_first_digit_is_the_most_significant);
    tcase_add_test(data, a_batch_outside_its_part_is_refused_with_a_line);
    suite_add_tcase(suite, data);
    tcase_add_checked_fixture(caching, set_up, tear_down);
    tcase_add_test(caching, nothing_is_made_before_the_first_access);
    tcase_add_test(caching, data_is_served_from_memory_after_the_first_access);
    tcase_add_test(caching, the_cache_gives_the_data_back);
    tcase_add_test(caching, the_cache_is_what_is_served);
    tcase_add_test(caching, a_cache_cut_short_is_made_anew);
    tcase_add_test(caching, a_cache_with_more_at_its_end_is_made_anew);
    tcase_add_test(caching, a_flipped_bit_anywhere_is_noticed);
    tcase_add_test(caching, a_cache_of_another_configuration_is_made_anew);
    tcase_add_test(caching, one_cache_serves_every_size_of_the_training_set);
    tcase_add_test(caching, a_foreign_file_is_made_anew);
    tcase_add_test(caching, a_cache_that_cannot_be_written_costs_a_line);
    tcase_add_test(caching, a_full_disk_costs_a_line_and_leaves_nothing);
    tcase_add_test(caching, what_is_no_regular_file_is_neither_read_nor_replaced);
    tcase_add_test(caching, a_read_only_folder_costs_a_line);
    tcase_add_test(caching, no_temporary_file_is_left);
    tcase_add_test(caching, force_recompute_ignores_the_cache_and_writes_it_anew);
    suite_add_tcase(suite, caching);
    return suite;
}
