/* Sentences out of files of any kind. SPDX-License-Identifier: MIT */
#ifndef SEQUENCE_LABELLING_CORPUS_H
#define SEQUENCE_LABELLING_CORPUS_H

#include <stdbool.h>
#include <stddef.h>

/* Letters are bytes, lower case; those of UTF-8 beyond ASCII are two bytes or more of 128 and above. */
enum { CORPUS_MAX_LENGTH = 200, CORPUS_MIN_LENGTH = 10, CORPUS_MIN_WORDS = 3 };

/* A place in the letters of a corpus. */
typedef struct sentence {
    size_t start, length; /* in letters */
    size_t words;
    size_t paragraph;
} sentence;

typedef struct corpus {
    size_t bytes;                 /* of all files */
    unsigned char *letters, *end; /* end[k]: 1 if a word ends with letters[k], otherwise 0 */
    sentence *sentences;          /* all different */
    size_t letter_count, count, paragraphs;
    size_t repeated; /* sentences left out, as they had occurred before */
} corpus;

/* Read the files and find their running text:
 *
 * - A paragraph ends at a line without letters and digits. It is text if three of four of its words, six at least,
 *   consist of letters of lower case.
 * - A sentence ends at . ! ? : ; at a word with digits or other signs, at the paragraph's end, or where it would have
 *   more than CORPUS_MAX_LENGTH letters. Quotes, brackets and commas around words are left out, and so are apostrophes
 *   in them; hyphens part words.
 * - Sentences below CORPUS_MIN_WORDS words or CORPUS_MIN_LENGTH letters are left out, and those that occurred before.
 *
 * False, after a line on standard error, on failure. */
bool corpus_read(corpus *c, size_t files, char *const *paths);

void corpus_free(corpus *c);

#endif
