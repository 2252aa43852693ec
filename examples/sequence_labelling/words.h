/* What can be done without a network: dictionaries of the training text. SPDX-License-Identifier: MIT */
#ifndef SEQUENCE_LABELLING_WORDS_H
#define SEQUENCE_LABELLING_WORDS_H

#include "table.h"
#include "text.h"

/* The words of a text and how often each occurs. */
typedef struct words {
    table counts;
    size_t total;
} words;

/* False, after a line on standard error, if there is no memory. */
bool words_count(words *w, const text_set *set);

void words_free(words *w);

/* Find the word ends of a sentence of at most CORPUS_MAX_LENGTH letters.
 * By the longest match: from left to right always the longest word that is known; where none is, a letter by itself. */
void words_longest(const words *w, size_t length, const size_t *letters, size_t *ends);

/* By the likeliest words: those of the greatest product of frequencies. A word that is not known counts as
 * 10 / 10^letters occurrences: P. Norvig, "Natural Language Corpus Data", in "Beautiful Data", 2009. */
void words_likeliest(const words *w, size_t length, const size_t *letters, size_t *ends);

#endif
