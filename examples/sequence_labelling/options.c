#define _POSIX_C_SOURCE 200809L

#include "options.h"

#include "platform.h"

#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 1024 /* of a context */, MAX_UNITS = 4096, MAX_BATCH = 4096, MAX_COUNT = 1000000000 };

static const char usage[] =
    "usage: sequence_labelling [options] [FILE...]\n"
    "\n"
    "Teach a network to put the spaces back into text, from the text in FILEs.\n"
    "\n"
    "  --text FILE         what is read if no FILE is named (run.sh: English texts of this machine)\n"
    "  --units N           width of an LSTM cell, one for each layer and direction (64)\n"
    "  --layers N          bidirectional layers one above the other (2)\n"
    "  --embedding N       width of the vectors that stand for a letter, two for each (24)\n"
    "  --batch N           sentences in a training step (16)\n"
    "  --epochs N          passes over the training set (as many as make 10 million letters, 20 at\n"
    "                      most)\n"
    "  --letters N         the most letters that the training set may have (2000000)\n"
    "  --learning-rate X   at first; it falls to 0 along a cosine (0.006)\n"
    "  --keep X            share of the layers' outputs that dropout keeps, above 0 and up to 1 (0.7)\n"
    "  --clip-norm X       the gradient's largest norm (1)\n"
    "  --samples N         restored sentences that are printed (5)\n"
    "  --seed N            of weights, order, dropout, and what is held out (1)\n"
    "  --threads N         1 to 1024 (all cores)\n"
    "  --best FILE         where the best weights are kept, a checkpoint\n"
    "                      (sequence_labelling.safetensors)\n"
    "  --quiet             no progress bar\n"
    "  --help              print this text\n"
    "\n"
    "The last line on standard output is the result, a record of key=value pairs.\n"
    "\n"
    "Ctrl-C (or SIGTERM) ends training after the current step: what was learned until then is\n"
    "tested as usual. A second one ends the program at once.\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage, 130 after Ctrl-C, 143 after SIGTERM.\n";

enum {
    UNITS = 1,
    LAYERS,
    EMBEDDING,
    BATCH,
    EPOCHS,
    LETTERS,
    RATE,
    KEEP,
    CLIP,
    SAMPLES,
    SEED,
    TEXT,
    THREADS,
    BEST,
    QUIET,
    HELP
};

static const struct option names[] = {
    {"units", required_argument, NULL, UNITS},
    {"layers", required_argument, NULL, LAYERS},
    {"embedding", required_argument, NULL, EMBEDDING},
    {"batch", required_argument, NULL, BATCH},
    {"epochs", required_argument, NULL, EPOCHS},
    {"letters", required_argument, NULL, LETTERS},
    {"learning-rate", required_argument, NULL, RATE},
    {"keep", required_argument, NULL, KEEP},
    {"clip-norm", required_argument, NULL, CLIP},
    {"samples", required_argument, NULL, SAMPLES},
    {"seed", required_argument, NULL, SEED},
    {"text", required_argument, NULL, TEXT},
    {"threads", required_argument, NULL, THREADS},
    {"best", required_argument, NULL, BEST},
    {"quiet", no_argument, NULL, QUIET},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static bool refuse(int which, const char *expected)
{
    fprintf(stderr, "sequence_labelling: --%s takes %s, not '%s'\n", names[which - 1].name, expected, optarg);
    return false;
}

/* A whole number of decimal digits alone: strtoull would take signs and spaces too. */
static bool parse_whole(uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(optarg, &end, 10);
    return *optarg >= '0' && *optarg <= '9' && *end == '\0' && errno == 0;
}

static bool parse_size(int which, size_t most, size_t *size)
{
    char expected[64];
    uint64_t number;

    snprintf(expected, sizeof expected, "a whole number from 1 to %zu", most);
    if (!parse_whole(&number) || number == 0 || number > most)
        return refuse(which, expected);
    *size = (size_t)number;
    return true;
}

static bool parse_seed(uint64_t *seed)
{
    return parse_whole(seed) || refuse(SEED, "a whole number below 2^64");
}

static bool parse_real(int which, float most, float *real)
{
    char *end;

    *real = strtof(optarg, &end);
    if (end == optarg || *end != '\0' || !(*real > 0 && *real <= most))
        return refuse(which, most == 1 ? "a number above 0 and up to 1" : "a number above 0");
    return true;
}

/* optarg is a place in argv. */
static bool store(int which, labelling_options *o)
{
    switch (which) {
    case UNITS: return parse_size(which, MAX_UNITS, &o->units);
    case LAYERS: return parse_size(which, OPTIONS_MAX_LAYERS, &o->layers);
    case EMBEDDING: return parse_size(which, MAX_UNITS, &o->embedding);
    case BATCH: return parse_size(which, MAX_BATCH, &o->batch);
    case EPOCHS: return parse_size(which, MAX_COUNT, &o->epochs);
    case LETTERS: return parse_size(which, MAX_COUNT, &o->letters);
    case RATE: return parse_real(which, FLT_MAX, &o->learning_rate);
    case KEEP: return parse_real(which, 1, &o->keep);
    case CLIP: return parse_real(which, FLT_MAX, &o->clip_norm);
    case SAMPLES: return parse_size(which, MAX_COUNT, &o->samples);
    case SEED: return parse_seed(&o->seed);
    case TEXT: o->text = optarg; return true;
    case THREADS: return parse_size(which, MAX_THREADS, &o->threads);
    case BEST: o->best = optarg; return true;
    case QUIET: o->quiet = true; return true;
    default: return false; /* getopt_long has said why */
    }
}

options_verdict options_parse(int argc, char **argv, labelling_options *options)
{
    *options = (labelling_options){
        .units = 64,
        .layers = 2,
        .embedding = 24,
        .batch = 16,
        .letters = 2000000,
        .samples = 5,
        .threads = platform_cores(MAX_THREADS),
        .learning_rate = 0.006F,
        .keep = 0.7F,
        .clip_norm = 1,
        .seed = 1,
        .best = "sequence_labelling.safetensors",
    };
    for (int which; (which = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (which == HELP) {
            fputs(usage, stdout);
            return OPTIONS_HELP;
        }
        if (!store(which, options))
            return OPTIONS_REFUSED;
    }
    options->files = (size_t)(argc - optind);
    options->paths = argv + optind;
    if (options->files == 0 && options->text == NULL) {
        fprintf(stderr, "sequence_labelling: there is no FILE to learn from; see --help\n");
        return OPTIONS_REFUSED;
    }
    if (options->files == 0) {
        options->files = 1;
        options->paths = &options->text;
    }
    return OPTIONS_RUN;
}
