/* All sequences of a number of bits, labelled with how many ones they hold.
 * SPDX-License-Identifier: MIT */
#ifndef SYNTHETIC_DATASET_H
#define SYNTHETIC_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The 2^bits sequences, shuffled once by the seed and cut into a training set (the first ones) and
 * a test set (the rest): they are distinct and complete, so that no test sequence is ever seen in
 * training.
 *
 * Creating a data set costs nothing. The data is loaded from the cache, or generated and written
 * there, at the first access, and served from memory afterwards. A sequence is kept as an integer
 * (4 MiB for 20 bits) and expanded into floats batch by batch. One thread at a time. */
typedef struct synthetic_dataset synthetic_dataset;

enum { SYNTHETIC_DATASET_MAX_BITS = 24, SYNTHETIC_DATASET_MAX_CLASSES = SYNTHETIC_DATASET_MAX_BITS + 1 };

/* Zero in a field means its default, given in parentheses. */
typedef struct synthetic_dataset_config {
    size_t bits;            /* length of a sequence, 1 to SYNTHETIC_DATASET_MAX_BITS (20) */
    double train_fraction;  /* the training set is the first int(fraction * 2^bits) (0.8) */
    size_t train_count;     /* if not 0: its size, up to 2^bits, instead of the fraction */
    uint64_t seed;          /* of the shuffling; 0 is a seed like any other */
    const char *cache_path; /* keeps the data from one run to the next; copied (no cache) */
    bool force_recompute;   /* generate even if there is a cache, and write it anew */
    FILE *messages;         /* gets the line that says what is wrong (stderr) */
} synthetic_dataset_config;

/* The two parts of the data. */
typedef enum synthetic_dataset_part { SYNTHETIC_DATASET_TRAIN, SYNTHETIC_DATASET_TEST } synthetic_dataset_part;

/* Describe a data set; nothing is generated or read. NULL, after a line on `messages`, if a field
 * is out of range or no memory is left. Destroy with synthetic_dataset_destroy. */
synthetic_dataset *synthetic_dataset_create(const synthetic_dataset_config *config);

/* NULL is fine. */
void synthetic_dataset_destroy(synthetic_dataset *dataset);

/* How long a sequence is, how many counts are possible (bits + 1), how many sequences a part has:
 * known without the data. */
size_t synthetic_dataset_bits(const synthetic_dataset *dataset);
size_t synthetic_dataset_classes(const synthetic_dataset *dataset);
size_t synthetic_dataset_count(const synthetic_dataset *dataset, synthetic_dataset_part part);

/* The sequences of a part: sequence s is the binary digits of element s, the most significant
 * first. This is an access: the first one makes the data. NULL, after a line on `messages`, if no
 * memory is left. A cache that is damaged, belongs to another configuration or cannot be written
 * costs a line, and nothing else. Valid until the data set is destroyed. */
const uint32_t *synthetic_dataset_sequences(synthetic_dataset *dataset, synthetic_dataset_part part);

/* Expand sequences first .. first + count - 1 of a part: inputs[count][bits][1], each 0 or 1, and
 * targets[count][bits + 1], one-hot. Either may be NULL. False, after a line on `messages`, for a
 * range outside the part or without memory. */
bool synthetic_dataset_batch(synthetic_dataset *dataset, synthetic_dataset_part part, size_t first, size_t count,
                             float *inputs, float *targets);

/* Write the digits of one sequence as floats, the most significant first. */
void synthetic_sequence_expand(uint32_t sequence, size_t bits, float *inputs);

/* How many ones a sequence holds: its label. */
size_t synthetic_sequence_ones(uint32_t sequence);

#endif
