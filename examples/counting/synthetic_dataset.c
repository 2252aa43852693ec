#define _POSIX_C_SOURCE 200809L

#include "synthetic_dataset.h"

#include <lstm/random.h>

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct synthetic_dataset {
    size_t bits, train_count;
    uint64_t seed;
    char *cache_path; /* NULL: none */
    bool force_recompute;
    FILE *messages;
    uint32_t *sequences; /* NULL until the first access */
};

/* The cache: a header, then the shuffled sequences, every number little-endian.
 *
 *     offset 0   8 bytes   magic
 *            8   4 bytes   version of this layout and of the shuffling
 *           12   4 bytes   bits
 *           16   8 bytes   seed
 *           24   8 bytes   checksum of what follows
 *           32   4 bytes   each of 2^bits sequences
 *
 * It holds what the configuration determines and nothing of how it is used: the size of the
 * training set may change. */
static const char CACHE_MAGIC[8] = {'S', 'Y', 'N', 'T', 'H', 'S', 'E', 'Q'};

enum {
    CACHE_VERSION = 1,
    CACHE_HEADER_BYTES = 32,
    CACHE_CHUNK = 16384 /* sequences converted at a time */
};

static const size_t DEFAULT_BITS = 20;
static const double DEFAULT_TRAIN_FRACTION = 0.8;

static size_t total_count(const synthetic_dataset *dataset)
{
    return (size_t)1 << dataset->bits;
}

/* One line that says what happened. */
static void say(FILE *messages, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("synthetic_dataset: ", messages);
    vfprintf(messages, format, arguments);
    fputc('\n', messages);
    va_end(arguments);
}

/* ---- little-endian numbers and their checksum ---- */

static void store_little_endian(uint64_t value, size_t bytes, unsigned char *to)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> (8 * i) & 0xff);
}

static uint64_t load_little_endian(const unsigned char *from, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

/* The 64-bit hash of Fowler, Noll and Vo, form 1a: begin with CHECKSUM_START, feed the bytes in any
 * portions. */
static const uint64_t CHECKSUM_START = UINT64_C(0xcbf29ce484222325);

static uint64_t checksum_add(uint64_t checksum, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        checksum = (checksum ^ bytes[i]) * UINT64_C(0x100000001b3);
    return checksum;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- reading the cache ---- */

/* What is wrong with a header, or NULL. */
static const char *judge_header(const synthetic_dataset *dataset, const unsigned char *header)
{
    if (memcmp(header, CACHE_MAGIC, sizeof CACHE_MAGIC) != 0)
        return "is not a cache of this program";
    if (load_little_endian(header + 8, 4) != CACHE_VERSION)
        return "has another version";
    if (load_little_endian(header + 12, 4) != dataset->bits || load_little_endian(header + 16, 8) != dataset->seed)
        return "was made with other bits or another seed";
    return NULL;
}

/* Read the sequences behind the header; what is wrong with them, or NULL. */
static const char *read_sequences(const synthetic_dataset *dataset, FILE *file, uint64_t expected_checksum,
                                  uint32_t *sequences)
{
    unsigned char chunk[4 * CACHE_CHUNK];
    uint64_t checksum = CHECKSUM_START;
    size_t total = total_count(dataset);

    for (size_t done = 0; done < total;) {
        size_t count = smaller(CACHE_CHUNK, total - done);

        if (fread(chunk, 4, count, file) != count)
            return "is cut short";
        checksum = checksum_add(checksum, chunk, 4 * count);
        for (size_t i = 0; i < count; i++)
            sequences[done + i] = (uint32_t)load_little_endian(chunk + 4 * i, 4);
        done += count;
    }
    if (fgetc(file) != EOF)
        return "is too long";
    return checksum == expected_checksum ? NULL : "is damaged: its checksum is wrong";
}

/* True if each of the numbers below 2^bits is there once. A right checksum does not say so: anybody
 * can compute one. */
static bool is_permutation(const uint32_t *sequences, size_t total, unsigned char *seen)
{
    memset(seen, 0, total / 8 + 1);
    for (size_t i = 0; i < total; i++) {
        unsigned char bit = (unsigned char)(1U << sequences[i] % 8);

        if (sequences[i] >= total || (seen[sequences[i] / 8] & bit) != 0)
            return false;
        seen[sequences[i] / 8] |= bit;
    }
    return true;
}

static const char *read_cache(const synthetic_dataset *dataset, FILE *file, uint32_t *sequences)
{
    unsigned char header[CACHE_HEADER_BYTES];
    const char *wrong;
    unsigned char *seen;

    if (fread(header, 1, sizeof header, file) != sizeof header)
        return "is cut short";
    wrong = judge_header(dataset, header);
    if (wrong == NULL)
        wrong = read_sequences(dataset, file, load_little_endian(header + 24, 8), sequences);
    if (wrong != NULL)
        return wrong;
    seen = malloc(total_count(dataset) / 8 + 1);
    if (seen == NULL)
        return "cannot be checked: no memory is left";
    if (!is_permutation(sequences, total_count(dataset), seen))
        wrong = "is damaged: a sequence is missing";
    free(seen);
    return wrong;
}

/* Fill the sequences from the cache. False, with a line unless there is no cache, if they must be
 * generated. */
static bool load_cache(const synthetic_dataset *dataset, uint32_t *sequences)
{
    struct stat status;
    const char *wrong;
    FILE *file;

    if (stat(dataset->cache_path, &status) != 0 || !S_ISREG(status.st_mode))
        return false; /* nothing there, or something that store_cache will complain of */
    file = fopen(dataset->cache_path, "rb");
    if (file == NULL) {
        say(dataset->messages, "%s cannot be read (%s): the data is made anew", dataset->cache_path, strerror(errno));
        return false;
    }
    wrong = read_cache(dataset, file, sequences);
    fclose(file);
    if (wrong != NULL)
        say(dataset->messages, "%s %s: the data is made anew", dataset->cache_path, wrong);
    return wrong == NULL;
}

/* ---- writing the cache ---- */

/* Make the folders that lead to a file, as mkdir -p does. Failures show when the file is opened. */
static void create_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
}

static bool write_cache(const synthetic_dataset *dataset, FILE *file)
{
    unsigned char header[CACHE_HEADER_BYTES];
    unsigned char chunk[4 * CACHE_CHUNK];
    uint64_t checksum = CHECKSUM_START;
    size_t total = total_count(dataset);

    if (fseek(file, CACHE_HEADER_BYTES, SEEK_SET) != 0)
        return false;
    for (size_t done = 0; done < total;) {
        size_t count = smaller(CACHE_CHUNK, total - done);

        for (size_t i = 0; i < count; i++)
            store_little_endian(dataset->sequences[done + i], 4, chunk + 4 * i);
        checksum = checksum_add(checksum, chunk, 4 * count);
        if (fwrite(chunk, 4, count, file) != count)
            return false;
        done += count;
    }
    memcpy(header, CACHE_MAGIC, sizeof CACHE_MAGIC);
    store_little_endian(CACHE_VERSION, 4, header + 8);
    store_little_endian(dataset->bits, 4, header + 12);
    store_little_endian(dataset->seed, 8, header + 16);
    store_little_endian(checksum, 8, header + 24);
    return fseek(file, 0, SEEK_SET) == 0 && fwrite(header, 1, sizeof header, file) == sizeof header &&
           fflush(file) == 0 && fsync(fileno(file)) == 0;
}

/* Write to `temporary`, a pattern of mkstemp, and rename: at any moment the cache is there whole
 * or not at all. */
static bool write_and_rename(const synthetic_dataset *dataset, char *temporary)
{
    const mode_t readable_by_all = 0644; /* mkstemp thinks of secrets */
    int descriptor = mkstemp(temporary);
    FILE *file;
    bool written;
    int reason;

    if (descriptor < 0)
        return false;
    file = fdopen(descriptor, "wb");
    if (file == NULL) {
        reason = errno;
        close(descriptor);
        unlink(temporary);
        errno = reason;
        return false;
    }
    written = fchmod(descriptor, readable_by_all) == 0 && write_cache(dataset, file);
    reason = errno;
    if (fclose(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(temporary, dataset->cache_path) != 0) {
        written = false;
        reason = errno;
    }
    if (!written)
        unlink(temporary);
    errno = reason;
    return written;
}

/* Keep the data for the next run. A failure costs a line: this run has its data in memory. */
static void store_cache(const synthetic_dataset *dataset)
{
    static const char suffix[] = ".XXXXXX";
    struct stat status;
    char *temporary;

    if (stat(dataset->cache_path, &status) == 0 && !S_ISREG(status.st_mode)) {
        say(dataset->messages, "%s is not a regular file: the data is kept in memory only", dataset->cache_path);
        return;
    }
    temporary = malloc(strlen(dataset->cache_path) + sizeof suffix);
    if (temporary == NULL) {
        say(dataset->messages, "no memory is left: there will be no cache");
        return;
    }
    strcat(strcpy(temporary, dataset->cache_path), suffix);
    create_folders(temporary);
    if (!write_and_rename(dataset, temporary)) {
        say(dataset->messages, "%s cannot be written (%s): the data is kept in memory only", dataset->cache_path,
            strerror(errno));
    }
    free(temporary);
}

/* ---- the data ---- */

static bool generate(const synthetic_dataset *dataset, uint32_t *sequences)
{
    lstm_random random = lstm_random_named(dataset->seed, "dataset");
    size_t total = total_count(dataset);

    for (size_t i = 0; i < total; i++)
        sequences[i] = (uint32_t)i;
    if (lstm_random_shuffle(&random, total, sequences) != LSTM_OK) {
        say(dataset->messages, "%s", lstm_error_message());
        return false;
    }
    return true;
}

/* The first access: load or generate. */
static bool make_data(synthetic_dataset *dataset)
{
    uint32_t *sequences = malloc(total_count(dataset) * sizeof *sequences);
    bool cached = false;

    if (sequences == NULL) {
        say(dataset->messages, "no memory is left for %zu sequences", total_count(dataset));
        return false;
    }
    if (dataset->cache_path != NULL && !dataset->force_recompute)
        cached = load_cache(dataset, sequences);
    if (!cached && !generate(dataset, sequences)) {
        free(sequences);
        return false;
    }
    dataset->sequences = sequences;
    if (dataset->cache_path != NULL && !cached)
        store_cache(dataset);
    return true;
}

/* Fill in the defaults; what is wrong with the configuration, or NULL. */
static const char *resolve_config(synthetic_dataset_config *config)
{
    size_t total;

    if (config->bits == 0)
        config->bits = DEFAULT_BITS;
    if (config->bits > SYNTHETIC_DATASET_MAX_BITS)
        return "there are too many bits";
    total = (size_t)1 << config->bits;
    if (config->train_count == 0) {
        double fraction = config->train_fraction == 0 ? DEFAULT_TRAIN_FRACTION : config->train_fraction;

        if (!(fraction > 0 && fraction <= 1))
            return "the training fraction is not between 0 and 1";
        config->train_count = (size_t)floor(fraction * (double)total);
    }
    return config->train_count <= total ? NULL : "the training set is larger than all of the data";
}

synthetic_dataset *synthetic_dataset_create(const synthetic_dataset_config *config)
{
    synthetic_dataset_config resolved = *config;
    FILE *messages = config->messages == NULL ? stderr : config->messages;
    const char *wrong = resolve_config(&resolved);
    synthetic_dataset *dataset;

    if (wrong != NULL) {
        say(messages, "%s", wrong);
        return NULL;
    }
    dataset = calloc(1, sizeof *dataset);
    if (dataset != NULL && config->cache_path != NULL)
        dataset->cache_path = strdup(config->cache_path);
    if (dataset == NULL || (config->cache_path != NULL && dataset->cache_path == NULL)) {
        say(messages, "no memory is left");
        free(dataset);
        return NULL;
    }
    dataset->bits = resolved.bits;
    dataset->train_count = resolved.train_count;
    dataset->seed = resolved.seed;
    dataset->force_recompute = resolved.force_recompute;
    dataset->messages = messages;
    return dataset;
}

void synthetic_dataset_destroy(synthetic_dataset *dataset)
{
    if (dataset != NULL) {
        free(dataset->sequences);
        free(dataset->cache_path);
        free(dataset);
    }
}

size_t synthetic_dataset_bits(const synthetic_dataset *dataset)
{
    return dataset->bits;
}

size_t synthetic_dataset_classes(const synthetic_dataset *dataset)
{
    return dataset->bits + 1;
}

size_t synthetic_dataset_count(const synthetic_dataset *dataset, synthetic_dataset_part part)
{
    return part == SYNTHETIC_DATASET_TRAIN ? dataset->train_count : total_count(dataset) - dataset->train_count;
}

const uint32_t *synthetic_dataset_sequences(synthetic_dataset *dataset, synthetic_dataset_part part)
{
    if (dataset->sequences == NULL && !make_data(dataset))
        return NULL;
    return part == SYNTHETIC_DATASET_TRAIN ? dataset->sequences : dataset->sequences + dataset->train_count;
}

bool synthetic_dataset_batch(synthetic_dataset *dataset, synthetic_dataset_part part, size_t first, size_t count,
                             float *inputs, float *targets)
{
    const uint32_t *sequences = synthetic_dataset_sequences(dataset, part);
    size_t available = synthetic_dataset_count(dataset, part), classes = synthetic_dataset_classes(dataset);

    if (sequences == NULL)
        return false;
    if (first > available || count > available - first) {
        say(dataset->messages, "no %zu sequences from %zu on: there are %zu", count, first, available);
        return false;
    }
    for (size_t row = 0; row < count; row++) {
        uint32_t sequence = sequences[first + row];

        if (inputs != NULL)
            synthetic_sequence_expand(sequence, dataset->bits, inputs + row * dataset->bits);
        if (targets != NULL) {
            memset(targets + row * classes, 0, classes * sizeof *targets);
            targets[row * classes + synthetic_sequence_ones(sequence)] = 1;
        }
    }
    return true;
}

void synthetic_sequence_expand(uint32_t sequence, size_t bits, float *inputs)
{
    for (size_t i = 0; i < bits; i++)
        inputs[i] = (float)(sequence >> (bits - 1 - i) & 1);
}

size_t synthetic_sequence_ones(uint32_t sequence)
{
    size_t ones = 0;

    for (; sequence != 0; sequence &= sequence - 1) /* each turn clears the lowest one */
        ones++;
    return ones;
}
