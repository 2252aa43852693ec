#include "text.h"

#include "table.h"

#include <lstm/random.h>

#include <stdio.h>
#include <stdlib.h>

enum { SECTION = 10 /* paragraphs */, RUN = 6 /* words */ };

/* What the split carries along. */
typedef struct split {
    const corpus *corpus;
    text *text;
    size_t sections;
    uint32_t *order; /* [sections]: shuffled */
    size_t *first;   /* [sections + 1]: where the sentences of a section begin */
    size_t *chosen;  /* [sentences of the corpus] */
    table runs;      /* of words in what was taken for the earlier sets */
    size_t used;     /* of the storage */
} split;

/* ---- runs of words ---- */

/* Where each word of the sentence begins, and where the last one ends. */
static void find_words(const corpus *c, const sentence *s, size_t starts[CORPUS_MAX_LENGTH + 1])
{
    size_t words = 0;

    starts[0] = s->start;
    for (size_t k = s->start; k < s->start + s->length; k++)
        if (c->end[k])
            starts[++words] = k + 1;
}

static uint64_t hash_run(const corpus *c, const size_t *starts, size_t words)
{
    uint64_t hash = TABLE_START;

    /* find_words has written s->words + 1 starts. NOLINTNEXTLINE(clang-analyzer-core.*) */
    for (size_t k = starts[0]; k < starts[words]; k++)
        hash = table_hash(table_hash(hash, c->letters[k]), c->end[k]);
    return hash;
}

static bool remember_runs(split *p, const sentence *s)
{
    size_t starts[CORPUS_MAX_LENGTH + 1];

    find_words(p->corpus, s, starts);
    for (size_t word = 0; word < s->words; word++)
        for (size_t run = CORPUS_MIN_WORDS; run <= RUN && word + run <= s->words; run++)
            if (!table_add(&p->runs, hash_run(p->corpus, starts + word, run)))
                return false;
    return true;
}

static bool leaks(const split *p, const sentence *s)
{
    const size_t run = s->words < RUN ? s->words : RUN;
    size_t starts[CORPUS_MAX_LENGTH + 1];

    find_words(p->corpus, s, starts);
    for (size_t word = 0; word + run <= s->words; word++)
        if (table_count(&p->runs, hash_run(p->corpus, starts + word, run)) > 0)
            return true;
    return false;
}

/* ---- sets ---- */

/* The sentences of sections order[from .. to), until they have most_letters. */
static size_t choose(split *p, text_set *set, size_t from, size_t to, size_t most_letters)
{
    size_t count = 0;

    for (size_t k = from; k < to; k++)
        for (size_t s = p->first[p->order[k]]; s < p->first[p->order[k] + 1]; s++) {
            const sentence *one = &p->corpus->sentences[s];

            if (set->letter_count + one->length > most_letters)
                return count;
            if (leaks(p, one)) { /* into the training set, which comes first, nothing can leak */
                p->text->leaked++;
                continue;
            }
            p->chosen[count++] = s;
            set->letter_count += one->length;
            set->word_count += one->words;
        }
    return count;
}

/* Write the chosen sentences out as rows of numbers. */
static bool fill(split *p, text_set *set, size_t count)
{
    const corpus *c = p->corpus;

    set->lengths = malloc((count + 1) * sizeof *set->lengths);
    set->letters = malloc((count + 1) * sizeof *set->letters);
    set->ends = malloc((count + 1) * sizeof *set->ends);
    if (set->lengths == NULL || set->letters == NULL || set->ends == NULL)
        return false;
    for (set->count = 0; set->count < count; set->count++) {
        const sentence *s = &c->sentences[p->chosen[set->count]];
        size_t *letters = p->text->storage + p->used, *ends = letters + s->length;

        for (size_t t = 0; t < s->length; t++) {
            letters[t] = c->letters[s->start + t];
            ends[t] = c->end[s->start + t];
        }
        set->lengths[set->count] = s->length;
        set->letters[set->count] = letters;
        set->ends[set->count] = ends;
        p->used += 2 * s->length;
        if (!remember_runs(p, s))
            return false;
    }
    return true;
}

/* Training first: the other two have to differ from it. */
static bool make_sets(split *p, size_t most_letters)
{
    const size_t test = p->sections / 10 + 1, held_out = test + p->sections / 20 + 1;
    const size_t from[TEXT_PARTS] = {held_out, test, 0}, to[TEXT_PARTS] = {p->sections, held_out, test};
    const size_t most[TEXT_PARTS] = {most_letters, most_letters / 20, most_letters / 10};

    for (int part = 0; part < TEXT_PARTS; part++) {
        text_set *set = &p->text->sets[part];

        if (to[part] <= p->sections && !fill(p, set, choose(p, set, from[part], to[part], most[part])))
            return false;
    }
    return true;
}

/* ---- sections ---- */

static bool create_arrays(split *p)
{
    const corpus *c = p->corpus;

    p->sections = (c->paragraphs + SECTION - 1) / SECTION;
    p->order = malloc((p->sections + 1) * sizeof *p->order);
    p->first = malloc((p->sections + 1) * sizeof *p->first);
    p->chosen = malloc((c->count + 1) * sizeof *p->chosen);
    p->text->storage = malloc((2 * c->letter_count + 1) * sizeof *p->text->storage);
    return p->order != NULL && p->first != NULL && p->chosen != NULL && p->text->storage != NULL;
}

static void find_sections(split *p, uint64_t seed)
{
    const lstm_random random = lstm_random_named(seed, "sections");
    size_t s = 0;

    for (size_t k = 0; k < p->sections; k++) {
        p->order[k] = (uint32_t)k;
        p->first[k] = s;
        while (s < p->corpus->count && p->corpus->sentences[s].paragraph / SECTION == k)
            s++;
    }
    p->first[p->sections] = s;
    lstm_random_shuffle(&random, p->sections, p->order);
}

bool text_split(text *t, const corpus *c, uint64_t seed, size_t most_letters)
{
    split p = {.corpus = c, .text = t};
    bool good;

    *t = (text){0};
    good = create_arrays(&p);
    if (good) {
        find_sections(&p, seed);
        good = make_sets(&p, most_letters);
    }
    if (!good)
        fprintf(stderr, "sequence_labelling: no memory is left for %zu sentences\n", c->count);
    table_free(&p.runs);
    free(p.order);
    free(p.first);
    free(p.chosen);
    for (int part = 0; good && part < TEXT_PARTS; part++)
        if (t->sets[part].count == 0) {
            fprintf(stderr, "sequence_labelling: %zu sentences in %zu paragraphs are too few\n", c->count,
                    c->paragraphs);
            good = false;
        }
    return good;
}

void text_free(text *t)
{
    for (int part = 0; part < TEXT_PARTS; part++) {
        free(t->sets[part].lengths);
        free(t->sets[part].letters);
        free(t->sets[part].ends);
    }
    free(t->storage);
    *t = (text){0};
}

void text_print(size_t length, const size_t *letters, const size_t *ends)
{
    for (size_t k = 0; k < length; k++) {
        putchar((int)letters[k]);
        if (ends[k] && k + 1 < length)
            putchar(' ');
    }
}
