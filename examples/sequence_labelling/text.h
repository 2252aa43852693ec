/* A corpus cut into training, validation and test. SPDX-License-Identifier: MIT */
#ifndef SEQUENCE_LABELLING_TEXT_H
#define SEQUENCE_LABELLING_TEXT_H

#include "corpus.h"

#include <stdint.h>

typedef enum text_part { TEXT_TRAIN, TEXT_VALIDATION, TEXT_TEST, TEXT_PARTS } text_part;

/* Sentences as lstm_batches and lstm_batch_gather_ids take them. letters[k][t] is a byte, ends[k][t] is 1 if a word
 * ends with it and 0 otherwise; t is below lengths[k]. */
typedef struct text_set {
    size_t count, letter_count, word_count;
    size_t *lengths;
    const size_t **letters, **ends;
} text_set;

typedef struct text {
    text_set sets[TEXT_PARTS];
    size_t leaked;   /* sentences kept out of validation and test */
    size_t *storage; /* of all letters and ends */
} text;

/* Every ten paragraphs are a section. One section of ten is for the test, one of twenty for validation, the others are
 * for training; which ones, the seed decides. Training takes sections until it has most_letters, validation until it
 * has a twentieth of that, the test until it has a tenth.
 *
 * No sentence stands in two sets, as a corpus has each once. A sentence for validation that shares six words in a row
 * with the training text (all of them, if it is shorter) is left out, and so is one for the test that shares them with
 * training or validation text.
 *
 * False, after a line on standard error, on failure. */
bool text_split(text *t, const corpus *c, uint64_t seed, size_t most_letters);

void text_free(text *t);

/* A sentence with a space after each end, on standard output. */
void text_print(size_t length, const size_t *letters, const size_t *ends);

#endif
