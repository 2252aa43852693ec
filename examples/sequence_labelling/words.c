#include "words.h"

#include <math.h>
#include <stdio.h>

enum { LONGEST = 24 /* letters of a word */ };

bool words_count(words *w, const text_set *set)
{
    *w = (words){.total = set->word_count};
    for (size_t k = 0; k < set->count; k++) {
        uint64_t hash = TABLE_START;

        for (size_t t = 0; t < set->lengths[k]; t++) {
            hash = table_hash(hash, set->letters[k][t]);
            if (!set->ends[k][t])
                continue;
            if (!table_add(&w->counts, hash)) {
                fprintf(stderr, "sequence_labelling: no memory is left for the words\n");
                return false;
            }
            hash = TABLE_START;
        }
    }
    return true;
}

void words_free(words *w)
{
    table_free(&w->counts);
}

void words_longest(const words *w, size_t length, const size_t *letters, size_t *ends)
{
    for (size_t start = 0, end; start < length; start = end) {
        uint64_t hash = TABLE_START;

        end = start + 1;
        for (size_t t = start; t < length && t < start + LONGEST; t++) {
            hash = table_hash(hash, letters[t]);
            if (table_count(&w->counts, hash) > 0)
                end = t + 1;
        }
        for (size_t t = start; t < end; t++)
            ends[t] = t + 1 == end;
    }
}

void words_likeliest(const words *w, size_t length, const size_t *letters, size_t *ends)
{
    double best[CORPUS_MAX_LENGTH + 1] = {0};  /* log probability of the first so many letters */
    size_t start[CORPUS_MAX_LENGTH + 1] = {0}; /* of the last word in them */

    for (size_t end = 1; end <= length; end++)
        best[end] = -INFINITY;
    for (size_t from = 0; from < length; from++) {
        uint64_t hash = TABLE_START;

        for (size_t end = from + 1; end <= length && end <= from + LONGEST; end++) {
            size_t count;
            double log_count;

            hash = table_hash(hash, letters[end - 1]);
            count = table_count(&w->counts, hash);
            log_count = count > 0 ? log((double)count) : (1.0 - (double)(end - from)) * log(10.0);
            if (best[from] + log_count - log((double)w->total) > best[end]) {
                best[end] = best[from] + log_count - log((double)w->total);
                start[end] = from;
            }
        }
    }
    for (size_t t = 0; t < length; t++)
        ends[t] = 0;
    for (size_t end = length; end > 0; end = start[end])
        ends[end - 1] = 1;
}
