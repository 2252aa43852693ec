/* Teach a network to put the spaces back into text, and say how well it does. SPDX-License-Identifier: MIT */
#include "corpus.h"
#include "network.h"
#include "options.h"
#include "platform.h"
#include "score.h"
#include "text.h"
#include "training.h"
#include "words.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_LETTERS = 10000000, MOST_EPOCHS = 20 /* if the number of epochs is not given */ };
enum { EXIT_USAGE = 2, EXIT_SIGNAL = 128 /* plus its number, as shells count */ };

/* What the parts of the program share. */
typedef struct session {
    labelling_options options;
    text text;
    words words;
    labelling_network *network;
    training_record training;
    score longest, likeliest, lstm; /* on the test set */
} session;

static bool read_text(session *s)
{
    static const char *const names[TEXT_PARTS] = {"training", "validation", "test"};
    corpus c;
    bool good = corpus_read(&c, s->options.files, s->options.paths) &&
                text_split(&s->text, &c, s->options.seed, s->options.letters);

    if (good) {
        printf("%zu file%s, %zu bytes: %zu different sentences, %zu more were repeated\n", s->options.files,
               s->options.files == 1 ? "" : "s", c.bytes, c.count, c.repeated);
        for (int part = 0; part < TEXT_PARTS; part++)
            printf("%-10s  %6zu sentences, %7zu words, %8zu letters\n", names[part], s->text.sets[part].count,
                   s->text.sets[part].word_count, s->text.sets[part].letter_count);
        printf("%zu sentences were kept out of validation and test, as they share words with other sets\n",
               s->text.leaked);
    }
    corpus_free(&c);
    return good && words_count(&s->words, &s->text.sets[TEXT_TRAIN]);
}

/* What dictionaries find in the test set. */
static void test_words(session *s)
{
    const text_set *set = &s->text.sets[TEXT_TEST];
    size_t ends[CORPUS_MAX_LENGTH];

    for (size_t k = 0; k < set->count; k++) {
        words_longest(&s->words, set->lengths[k], set->letters[k], ends);
        score_add(&s->longest, set->lengths[k], ends, set->ends[k]);
        words_likeliest(&s->words, set->lengths[k], set->letters[k], ends);
        score_add(&s->likeliest, set->lengths[k], ends, set->ends[k]);
    }
}

/* A small text is read more often. */
static void settle_epochs(session *s)
{
    const size_t epochs = DEFAULT_LETTERS / s->text.sets[TEXT_TRAIN].letter_count;

    if (s->options.epochs == 0)
        s->options.epochs = epochs < 1 ? 1 : epochs > MOST_EPOCHS ? MOST_EPOCHS : epochs;
}

static bool run(session *s)
{
    const labelling_options *options = &s->options;

    if (!read_text(s))
        return false;
    settle_epochs(s);
    s->network = network_create(options);
    if (s->network == NULL)
        return false;
    printf("%zu bidirectional layer%s of 2 x %zu units, %zu weights, learning rate %g, seed %llu; %zu thread%s, %s\n",
           options->layers, options->layers == 1 ? "" : "s", options->units, network_weight_count(s->network),
           (double)options->learning_rate, (unsigned long long)options->seed, options->threads,
           options->threads == 1 ? "" : "s", network_isa(s->network));
    fflush(stdout);
    if (!train(s->network, &s->text, options, &s->training) || !network_take_best(s->network))
        return false;
    printf("\nrestored sentences of the test set:\n");
    test_words(s);
    return test(s->network, &s->text.sets[TEXT_TEST], options, options->samples, &s->lstm);
}

static void print_score(const char *name, const score *result)
{
    printf("%-22s %9.4f  %9.4f  %9.4f  %14.4f\n", name, score_precision(result), score_recall(result), score_f1(result),
           score_right(result));
}

/* Everything that is said of a result; its last line is for programs. */
static bool tell(const session *s)
{
    const labelling_options *options = &s->options;
    const text_set *held = &s->text.sets[TEXT_TEST];

    printf("\nword ends              precision     recall         F1  right sentences\n");
    print_score("longest match", &s->longest);
    print_score("likeliest words", &s->likeliest);
    print_score("this network", &s->lstm);
    printf("\nresult units=%zu layers=%zu epochs=%zu seed=%llu threads=%zu weights=%zu train_letters=%zu "
           "test_sentences=%zu "
           "steps=%zu train_loss=%.4f best_epoch=%zu validation_f1=%.6f precision=%.6f recall=%.6f f1=%.6f right=%.6f "
           "longest_f1=%.6f likeliest_f1=%.6f likeliest_right=%.6f train_seconds=%.1f isa=%s\n",
           options->units, options->layers, options->epochs, (unsigned long long)options->seed, options->threads,
           network_weight_count(s->network), s->text.sets[TEXT_TRAIN].letter_count, held->count, s->training.steps,
           s->training.loss, s->training.best_epoch, s->training.best_f1, score_precision(&s->lstm),
           score_recall(&s->lstm), score_f1(&s->lstm), score_right(&s->lstm), score_f1(&s->longest),
           score_f1(&s->likeliest), score_right(&s->likeliest), s->training.seconds, network_isa(s->network));
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "sequence_labelling: standard output cannot be written\n");
    return false;
}

int main(int argc, char **argv)
{
    session s = {0};
    bool good;

    switch (options_parse(argc, argv, &s.options)) {
    case OPTIONS_HELP: return EXIT_SUCCESS;
    case OPTIONS_REFUSED: return EXIT_USAGE;
    case OPTIONS_RUN: break;
    }
    platform_catch_interrupts(false);
    platform_set_blas_threads(1);
    good = run(&s) && tell(&s);
    network_destroy(s.network);
    words_free(&s.words);
    text_free(&s.text);
    if (good && platform_interrupted())
        return EXIT_SIGNAL + platform_interrupted();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
