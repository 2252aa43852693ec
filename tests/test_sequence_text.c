/* What examples/sequence_labelling does before and after its network: sentences, sets, dictionaries, scores. */
#include "corpus.h"
#include "files.h"
#include "score.h"
#include "suites.h"
#include "testing.h"
#include "text.h"
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Read a text as a file. */
static void read_text(const char *content, corpus *c)
{
    char *const paths[] = {(char *)(uintptr_t)test_path("text")};
    put_file(paths[0], content, strlen(content));
    ck_assert(corpus_read(c, 1, paths));
}

/* Sentence k with a space behind each word. */
static const char *spaced(const corpus *c, size_t k)
{
    static char line[2 * CORPUS_MAX_LENGTH + 1];
    size_t at = 0;
    for (size_t t = 0; t < c->sentences[k].length; t++) {
        line[at++] = (char)c->letters[c->sentences[k].start + t];
        if (c->end[c->sentences[k].start + t])
            line[at++] = ' ';
    }
    line[at] = '\0';
    return line;
}

static void check_sentences(const char *content, const char *const *expected, size_t paragraphs)
{
    corpus c;
    size_t k = 0;
    read_text(content, &c);
    for (; expected[k]; k++) {
        size_t count = 0;
        ck_assert_uint_lt(k, c.count);
        ck_assert_str_eq(spaced(&c, k), expected[k]);
        for (const char *letter = expected[k]; *letter; letter++)
            count += *letter == ' ';
        ck_assert_uint_eq(c.sentences[k].words, count);
    }
    ck_assert_uint_eq(c.count, k);
    ck_assert_uint_eq(c.paragraphs, paragraphs);
    ck_assert_uint_eq(c.bytes, strlen(content));
    corpus_free(&c);
}

START_TEST(sentences_end_at_signs_at_odd_words_and_with_their_paragraph)
{
    check_sentences("The user's dog, a third-party one, barks.  \"Who let it (the dog) out?\" Nobody\n"
                    "knows who: that is the way it goes! Yes. We call it with --loud, which *nobody* hears from afar.\n"
                    " .\n"
                    "go to http://example.org/ and read all of the pages that stand there, then come back",
                    (const char *const[]){"the users dog a third party one barks ", "who let it the dog out ",
                                          "nobody knows who ", "that is the way it goes ", "we call it with ",
                                          "hears from afar ",
                                          "and read all of the pages that stand there then come back ", NULL},
                    2);
}
END_TEST

START_TEST(what_is_no_running_text_is_left_out)
{
    check_sentences("if (a[1] == b2) return f(x, 17); else g_h(\"...\"); /* and so on and on */\n\n"
                    "Knud Poder and Karsten Engsager, Michael Stone, Manoj Srivastava and many others\n\n"
                    "only five words stand here\n\n"
                    "1. 2. 3.\n\n"
                    "this paragraph is the only one of them that is text",
                    (const char *const[]){"this paragraph is the only one of them that is text ", NULL}, 1);
}
END_TEST

START_TEST(a_sentence_is_kept_once)
{
    corpus c;
    read_text("all rights are reserved by us. nobody else may have them. All rights are reserved by us!\n\n"
              "Nobody else may have them, all rights are reserved by us.",
              &c);
    ck_assert_uint_eq(c.count, 3);
    ck_assert_uint_eq(c.repeated, 1);
    ck_assert_str_eq(spaced(&c, 2), "nobody else may have them all rights are reserved by us ");
    corpus_free(&c);
}
END_TEST

START_TEST(letters_beyond_ascii_are_letters_and_typographic_signs_are_signs)
{
    check_sentences("\xE2\x80\x9C"
                    "das m\xC3\xBC"
                    "ssen\xE2\x80\x9D wir\xC2\xA0"
                    "alle tun, don\xE2\x80\x99t we",
                    (const char *const[]){"das m\xC3\xBC"
                                          "ssen wir alle tun dont we ",
                                          NULL},
                    1);
}
END_TEST

START_TEST(a_long_sentence_is_cut_between_words)
{
    char content[100 * 8 + 1] = "";
    corpus c;
    for (int k = 0; k < 100; k++) /* all different, so that no piece repeats another */
        snprintf(content + strlen(content), 9, "abcd%c%c%c ", 'a' + k / 10, 'a' + k % 10, 'z');
    read_text(content, &c);
    ck_assert_uint_eq(c.count, 4); /* of 28 words at most */
    for (size_t k = 0; k < c.count; k++) {
        ck_assert_uint_eq(c.sentences[k].words, k < 3 ? 28 : 16);
        ck_assert_uint_le(c.sentences[k].length, CORPUS_MAX_LENGTH);
    }
    corpus_free(&c);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_a_failure)
{
    char path[] = "/tmp/sequence_text_is_not_there", *const paths[] = {path};
    corpus c;
    ck_assert(!corpus_read(&c, 1, paths));
    corpus_free(&c);
}
END_TEST

enum { PARAGRAPHS = 400 };

/* A corpus of random words out of few, so that sentences share many runs. */
static void make_corpus(corpus *c)
{
    static const char *const some[] = {"three", "more", "sheep", "over", "hill"};
    const lstm_random random = lstm_random_named(1, "sheep");
    char *content = test_allocate(PARAGRAPHS, 256);
    for (uint64_t k = 0, at = 0; k < PARAGRAPHS; k++) {
        for (uint64_t word = 0; word < 10; word++)
            at += (uint64_t)sprintf(content + at, "%s%s ", some[lstm_random_bits(&random, 10 * k + word) % 5],
                                    k % 3 ? "" : "s");
        at += (uint64_t)sprintf(content + at, "\n\n");
    }
    read_text(content, c);
    free(content);
}

/* Whether two sentences of a split text share six words in a row. */
static bool share_six(const text_set *a, size_t i, const text_set *b, size_t j)
{
    for (size_t s = 0; s < a->lengths[i]; s++)
        for (size_t t = 0; t < b->lengths[j]; t++) {
            size_t count = 0;
            if ((s && !a->ends[i][s - 1]) || (t && !b->ends[j][t - 1]))
                continue;
            for (size_t k = 0; s + k < a->lengths[i] && t + k < b->lengths[j] && count < 6; k++) {
                if (a->letters[i][s + k] != b->letters[j][t + k] || a->ends[i][s + k] != b->ends[j][t + k])
                    break;
                count += a->ends[i][s + k];
            }
            if (count == 6)
                return true;
        }
    return false;
}

START_TEST(validation_and_test_share_no_six_words_with_other_sets)
{
    corpus c;
    text t;
    make_corpus(&c);
    ck_assert(text_split(&t, &c, 1, SIZE_MAX));
    const text_set *train = &t.sets[TEXT_TRAIN], *validation = &t.sets[TEXT_VALIDATION], *test = &t.sets[TEXT_TEST];
    ck_assert_uint_gt(test->count, 10);
    ck_assert_uint_gt(t.leaked, 0);
    ck_assert_uint_eq(train->count + validation->count + test->count + t.leaked, c.count);
    for (size_t k = 0; k < train->count; k++) {
        for (size_t other = 0; other < validation->count; other++)
            ck_assert(!share_six(train, k, validation, other));
        for (size_t other = 0; other < test->count; other++)
            ck_assert(!share_six(train, k, test, other));
    }
    text_free(&t);
    corpus_free(&c);
}
END_TEST

START_TEST(a_split_is_a_function_of_the_seed_and_keeps_to_its_limit)
{
    corpus c;
    text t[3];
    make_corpus(&c);
    for (uint64_t k = 0; k < 3; k++)
        ck_assert(text_split(&t[k], &c, k / 2, 8000));
    for (int part = 0; part < TEXT_PARTS; part++) {
        const text_set *set = &t[0].sets[part], *same = &t[1].sets[part];
        const size_t most = part == TEXT_TRAIN ? 8000 : part == TEXT_TEST ? 800 : 400;
        size_t letters = 0, count = 0;
        ck_assert_uint_eq(set->count, same->count);
        for (size_t k = 0; k < set->count; k++) {
            ck_assert_uint_eq(set->lengths[k], same->lengths[k]);
            ck_assert_mem_eq(set->letters[k], same->letters[k], set->lengths[k] * sizeof **set->letters);
            letters += set->lengths[k];
            for (size_t at = 0; at < set->lengths[k]; at++)
                count += set->ends[k][at];
        }
        ck_assert(set->letter_count == letters && set->word_count == count && letters <= most && letters > most / 2);
    }
    ck_assert(t[0].sets[TEXT_TRAIN].lengths[0] != t[2].sets[TEXT_TRAIN].lengths[0] ||
              memcmp(t[0].sets[TEXT_TRAIN].letters[0], t[2].sets[TEXT_TRAIN].letters[0],
                     t[0].sets[TEXT_TRAIN].lengths[0] * sizeof(size_t)) != 0);
    for (int k = 0; k < 3; k++)
        text_free(&t[k]);
    corpus_free(&c);
}
END_TEST

START_TEST(too_little_text_is_a_failure)
{
    corpus c;
    text t;
    read_text("this paragraph is the only one of them that is text", &c);
    ck_assert(!text_split(&t, &c, 1, SIZE_MAX));
    text_free(&t);
    corpus_free(&c);
}
END_TEST

/* A set of one sentence, written with spaces. */
static void make_set(const char *line, size_t *letters, size_t *ends, text_set *set)
{
    set->lengths[0] = set->word_count = 0;
    for (; *line; line++) {
        if (*line == ' ')
            continue;
        letters[set->lengths[0]] = (size_t)*line;
        ends[set->lengths[0]++] = line[1] == ' ' || !line[1];
        set->word_count += line[1] == ' ' || !line[1];
    }
}

START_TEST(the_longest_match_takes_too_much_where_likely_words_do_not)
{
    size_t length, letters[CORPUS_MAX_LENGTH], ends[CORPUS_MAX_LENGTH], found[CORPUS_MAX_LENGTH];
    const size_t *letter_rows[1] = {letters}, *end_rows[1] = {ends};
    text_set set = {.count = 1, .lengths = &length, .letters = letter_rows, .ends = end_rows};
    words w;
    make_set("the cat sat the cat sat the dog sat cats at home", letters, ends, &set);
    ck_assert(words_count(&w, &set));
    ck_assert_uint_eq(w.total, 12);
    make_set("the cat sat zz", letters, ends, &set);
    /* cppcheck-suppress uninitvar ; make_set writes the length */
    words_longest(&w, length, letters, found); /* the cats at z z */
    ck_assert_mem_eq(found, ((const size_t[]){0, 0, 1, 0, 0, 0, 1, 0, 1, 1, 1}), length * sizeof *found);
    words_likeliest(&w, length, letters, found); /* the cat sat zz */
    ck_assert_mem_eq(found, ends, length * sizeof *found);
    words_free(&w);
}
END_TEST

START_TEST(a_score_counts_all_ends_but_the_last)
{
    const size_t ends[] = {0, 1, 0, 1, 1}, found[] = {1, 1, 0, 0, 1}, not_last[] = {0, 1, 0, 1, 0};
    score s = {0};
    ck_assert(!score_add(&s, 5, found, ends));
    ck_assert(score_add(&s, 5, not_last, ends));
    ck_assert(s.found == 3 && s.wrong == 1 && s.missed == 1 && s.sentences == 2 && s.right == 1);
    ck_assert_double_eq(score_precision(&s), 0.75);
    ck_assert_double_eq(score_recall(&s), 0.75);
    ck_assert_double_eq(score_f1(&s), 0.75);
    ck_assert_double_eq(score_right(&s), 0.5);
    ck_assert_double_eq(score_f1(&(score){0}), 0.0);
}
END_TEST

START_TEST(a_table_counts)
{
    table t = {0};
    for (uint64_t k = 0; k < 5000; k++)
        for (uint64_t times = 0; times <= k % 3; times++)
            ck_assert(table_add(&t, k << 40 | k));
    for (uint64_t k = 0; k < 5000; k++)
        ck_assert_uint_eq(table_count(&t, k << 40 | k), k % 3 + 1);
    ck_assert_uint_eq(table_count(&t, 5000), 0);
    ck_assert_uint_eq(t.used, 5000);
    table_free(&t);
    ck_assert_uint_eq(table_count(&t, 0), 0);
}
END_TEST

Suite *sequence_text_suite(void)
{
    return test_suite(
        "sequence_text",
        (const TTest *const[]){sentences_end_at_signs_at_odd_words_and_with_their_paragraph,
                               what_is_no_running_text_is_left_out, a_sentence_is_kept_once,
                               letters_beyond_ascii_are_letters_and_typographic_signs_are_signs,
                               a_long_sentence_is_cut_between_words, a_file_that_is_not_there_is_a_failure,
                               validation_and_test_share_no_six_words_with_other_sets,
                               a_split_is_a_function_of_the_seed_and_keeps_to_its_limit, too_little_text_is_a_failure,
                               the_longest_match_takes_too_much_where_likely_words_do_not,
                               a_score_counts_all_ends_but_the_last, a_table_counts, NULL});
}
