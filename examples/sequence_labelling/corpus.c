#include "corpus.h"

#include "table.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_PARAGRAPH_WORDS = 6, MAX_WORD = 40 };

/* What stands between two white spaces, without the signs around it. */
typedef struct token {
    const unsigned char *first;
    size_t length;
    bool word;     /* it consists of letters, */
    bool lower;    /* of lower case */
    bool sentence; /* behind it a sentence ends */
} token;

/* The sentence that is being built stands behind the corpus's letters. */
typedef struct builder {
    corpus *corpus;
    table seen;
    size_t length, words;
} builder;

/* ---- bytes ---- */

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(unsigned char c)
{
    return c >= 0x80 || isalpha(c);
}

static bool is_sign(unsigned char c)
{
    return !is_letter(c) && !isdigit(c);
}

static bool is_one_of(unsigned char c, const char *signs)
{
    return c != '\0' && strchr(signs, c) != NULL;
}

/* Write UTF-8's typographic signs as ASCII ones, in place. Returns the new length. */
static size_t plain_signs(unsigned char *bytes, size_t count)
{
    size_t to = 0;

    for (size_t k = 0; k < count; k++) {
        if (k + 2 < count && bytes[k] == 0xE2 && bytes[k + 1] == 0x80) { /* U+2000 to U+203F */
            k += 2;
            bytes[to++] = bytes[k] == 0x98 || bytes[k] == 0x99 ? '\'' : bytes[k] < 0x98 ? ' ' : '"';
        } else if (k + 1 < count && bytes[k] == 0xC2) { /* U+0080 to U+00BF */
            k++;
            bytes[to++] = ' ';
        } else {
            bytes[to++] = bytes[k];
        }
    }
    return to;
}

/* Read a whole file behind what is in *bytes already, with an empty line after it. */
static bool append_file(const char *path, unsigned char **bytes, size_t *count)
{
    FILE *file = fopen(path, "rb");
    size_t room = 1 << 16, got = 0;
    unsigned char *larger = NULL;
    bool complete = false;

    while (file != NULL && (larger = realloc(*bytes, *count + room + 2)) != NULL) {
        *bytes = larger;
        got = fread(*bytes + *count, 1, room, file);
        *count += got;
        if (got < room) {
            complete = !ferror(file);
            break;
        }
        room *= 2;
    }
    if (!complete)
        fprintf(stderr, "sequence_labelling: %s cannot be read: %s\n", path, strerror(errno));
    else
        memset(*bytes + *count, '\n', 2);
    *count += 2;
    if (file != NULL)
        fclose(file);
    return complete;
}

/* ---- sentences ---- */

/* Keep the sentence that was built, if it is one and not one that is there already. */
static bool end_sentence(builder *b)
{
    corpus *c = b->corpus;
    const size_t start = c->letter_count;
    uint64_t hash = TABLE_START;

    for (size_t k = start; k < start + b->length; k++)
        hash = table_hash(table_hash(hash, c->letters[k]), c->end[k]);
    if (b->words >= CORPUS_MIN_WORDS && b->length >= CORPUS_MIN_LENGTH) {
        if (table_count(&b->seen, hash) > 0) {
            c->repeated++;
        } else {
            c->sentences[c->count++] = (sentence){start, b->length, b->words, c->paragraphs};
            c->letter_count += b->length;
            if (!table_add(&b->seen, hash))
                return false;
        }
    }
    b->length = b->words = 0;
    return true;
}

/* Append a word, or several with hyphens between them. */
static bool add_word(builder *b, const token *word)
{
    corpus *c = b->corpus;
    size_t at;

    if (b->length + word->length > CORPUS_MAX_LENGTH && !end_sentence(b))
        return false;
    at = c->letter_count + b->length;
    for (size_t k = 0; k < word->length; k++) {
        const unsigned char letter = word->first[k];
        const bool last = k + 1 == word->length || word->first[k + 1] == '-';

        if (is_letter(letter)) {
            c->letters[at] = (unsigned char)tolower(letter);
            c->end[at++] = 0;
        }
        if (last && at > c->letter_count + b->length && c->end[at - 1] == 0) {
            c->end[at - 1] = 1;
            b->words++;
        }
    }
    b->length = at - c->letter_count;
    return true;
}

/* The next token in [*from, end), or false. The signs around a word are those of a text: --this is none. */
static bool next_token(const unsigned char **from, const unsigned char *end, token *t)
{
    const unsigned char *first = *from, *last;

    while (first < end && is_space(*first))
        first++;
    for (*from = first; *from < end && !is_space(**from);)
        ++*from;
    last = *from;
    *t = (token){.word = true, .lower = true};
    for (; last > first && is_sign(last[-1]); last--) {
        t->sentence |= is_one_of(last[-1], ".!?:;");
        t->word &= is_one_of(last[-1], ".!?:;,\"')]}");
    }
    for (; first < last && is_sign(*first); first++)
        t->word &= is_one_of(*first, "\"'`([{");
    t->first = first;
    t->length = (size_t)(last - first);
    for (; first < last; first++) {
        t->word &= is_letter(*first) || *first == '-' || *first == '\'';
        t->lower &= !isupper(*first);
    }
    t->word &= t->length <= MAX_WORD;
    return *from < end || t->length > 0;
}

/* If it is running text, its sentences. */
static bool add_paragraph(builder *b, const unsigned char *from, const unsigned char *end)
{
    const unsigned char *at = from;
    size_t words = 0, tokens = 0;
    token t;

    while (next_token(&at, end, &t)) {
        tokens += t.length > 0;
        words += t.length > 0 && t.word && t.lower;
    }
    if (words < MIN_PARAGRAPH_WORDS || 4 * words < 3 * tokens)
        return true;
    for (at = from; next_token(&at, end, &t);) {
        if (t.length > 0 && t.word && !add_word(b, &t))
            return false;
        if (((t.length > 0 && !t.word) || t.sentence) && !end_sentence(b))
            return false;
    }
    if (!end_sentence(b))
        return false;
    b->corpus->paragraphs++;
    return true;
}

static bool add_paragraphs(builder *b, const unsigned char *bytes, size_t count)
{
    const unsigned char *end = bytes + count, *start = bytes;

    for (const unsigned char *line = bytes, *next; line < end; line = next) {
        bool blank = true;

        for (next = line; next < end && *next != '\n'; next++)
            blank &= is_sign(*next);
        next += next < end;
        if ((blank || next == end) && !add_paragraph(b, start, blank ? line : next))
            return false;
        if (blank)
            start = next;
    }
    return true;
}

/* There are no more letters than bytes, and no more sentences than fit into these. */
static bool create_arrays(corpus *c, size_t bytes)
{
    c->letters = malloc(bytes + 1);
    c->end = malloc(bytes + 1);
    c->sentences = malloc((bytes / CORPUS_MIN_LENGTH + 1) * sizeof *c->sentences);
    return c->letters != NULL && c->end != NULL && c->sentences != NULL;
}

bool corpus_read(corpus *c, size_t files, char *const *paths)
{
    unsigned char *bytes = NULL;
    size_t count = 0;
    builder b = {.corpus = c};
    bool good = true;

    *c = (corpus){0};
    for (size_t k = 0; k < files && good; k++)
        good = append_file(paths[k], &bytes, &count);
    if (good) {
        c->bytes = count - 2 * files;
        count = plain_signs(bytes, count);
        good = create_arrays(c, count) && add_paragraphs(&b, bytes, count);
        if (!good)
            fprintf(stderr, "sequence_labelling: no memory is left for a text of %zu bytes\n", count);
    }
    table_free(&b.seen);
    free(bytes);
    return good;
}

void corpus_free(corpus *c)
{
    free(c->letters);
    free(c->end);
    free(c->sentences);
    *c = (corpus){0};
}
