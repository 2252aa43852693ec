/* How many word ends were found. SPDX-License-Identifier: MIT */
#ifndef SEQUENCE_LABELLING_SCORE_H
#define SEQUENCE_LABELLING_SCORE_H

#include <stdbool.h>
#include <stddef.h>

/* Counts over sentences. The end of a sentence is known, and counts nowhere. */
typedef struct score {
    size_t found, wrong, missed; /* word ends: found where they are, found where none is, not found */
    size_t sentences, right;     /* all, and those without an error */
} score;

/* Returns whether there is no error. */
bool score_add(score *s, size_t length, const size_t *predicted, const size_t *ends);

/* The share of what was found that is right; the share of what is there that was found; their harmonic mean. 0 of 0 is
 * 0. */
double score_precision(const score *s);
double score_recall(const score *s);
double score_f1(const score *s);

/* The share of sentences without an error. */
double score_right(const score *s);

#endif
