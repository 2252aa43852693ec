#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* getopt_long */

#include "options.h"

#include "complain.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lstm/version.h>

enum { MAX_THREADS = 1024 };

static const char usage[] = "usage: lstm-run [--threads N] [--chunk N] MODEL INPUT OUTPUT\n"
                            "       lstm-run --describe MODEL\n"
                            "       lstm-run --selftest MODEL\n"
                            "\n"
                            "Run a recurrent network on the sequences of a file.\n"
                            "\n"
                            "  --threads N  how many threads share the work, 1 to 1024 (1)\n"
                            "  --chunk N    feed the sequences N steps at a time, as a stream\n"
                            "  --describe   print the graph, the tensors and what a step costs\n"
                            "  --selftest   replay the tests that are recorded in the model\n"
                            "  --help       print this text\n"
                            "  --version    print the version\n"
                            "\n"
                            "All files are safetensors. MODEL: a model or a checkpoint. INPUT: inputs\n"
                            "[batch, time, input_size] and, if wanted, sequence_length [batch] and\n"
                            "initial_state.0, .1, ... [batch, width]. OUTPUT: outputs and final_state.0, ....\n"
                            "\n"
                            "Exit status: 0 success, 1 failure, 2 wrong usage.\n";

static const struct option names[] = {
    {"threads", required_argument, NULL, 't'},
    {"chunk", required_argument, NULL, 'c'},
    {"describe", no_argument, NULL, 'd'},
    {"selftest", no_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

/* getopt_long takes any beginning of a name for the name: refuse words that are none of the names. */
static int names_are_whole(int argc, char **argv)
{
    for (int k = 1; k < argc && strcmp(argv[k], "--"); k++) {
        const struct option *o = names;
        const size_t length = strcspn(argv[k], "=");
        if (argv[k][0] != '-' || !argv[k][1])
            continue;
        while (o->name && (strncmp(argv[k], "--", 2) || strlen(o->name) + 2 != length ||
                           strncmp(o->name, argv[k] + 2, length - 2)))
            o++;
        if (!o->name) {
            complain("\"%s\" is no option; see --help", argv[k]);
            return 0;
        }
    }
    return 1;
}

/* A whole number of at least 1; one that is too large for size_t counts as the largest. */
static int parse_number(const char *name, const char *text, size_t *number)
{
    if (!*text || text[strspn(text, "0123456789")] || !text[strspn(text, "0")]) {
        complain("--%s takes a positive whole number, not \"%s\"", name, text);
        return 0;
    }
    errno = 0;
    const unsigned long long value = strtoull(text, NULL, 10);
    *number = errno || value > SIZE_MAX ? SIZE_MAX : (size_t)value;
    return 1;
}

static run_mode take_option(int option, run_options *options, run_mode mode)
{
    switch (option) {
    case 't':
        if (!parse_number("threads", optarg, &options->threads))
            return MODE_REFUSED;
        if (options->threads <= MAX_THREADS)
            return mode;
        complain("--threads goes from 1 to %d", MAX_THREADS);
        return MODE_REFUSED;
    case 'c': return parse_number("chunk", optarg, &options->chunk) ? mode : MODE_REFUSED;
    case 'd':
    case 's': {
        const run_mode wanted = option == 'd' ? MODE_DESCRIBE : MODE_SELFTEST;
        if (mode == MODE_RUN || mode == wanted)
            return wanted;
        complain("--describe and --selftest exclude each other");
        return MODE_REFUSED;
    }
    case 'h': fputs(usage, stdout); return MODE_DONE;
    case 'v': puts("lstm-run " LSTM_VERSION_STRING); return MODE_DONE;
    case ':': complain("--%s needs a value", optopt == 't' ? "threads" : "chunk"); return MODE_REFUSED;
    default: complain("an option has a value and takes none; see --help"); return MODE_REFUSED;
    }
}

run_mode options_parse(int argc, char **argv, run_options *options)
{
    run_mode mode = MODE_RUN;
    *options = (run_options){.threads = 1};
    if (!names_are_whole(argc, argv))
        return MODE_REFUSED;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":", names, NULL)) != -1;) {
        mode = take_option(option, options, mode);
        if (mode == MODE_DONE || mode == MODE_REFUSED)
            return mode;
    }
    const int wanted = mode == MODE_RUN ? 3 : 1;
    if (argc - optind != wanted) {
        complain("expected %d file name%s, got %d; see --help", wanted, wanted > 1 ? "s" : "", argc - optind);
        return MODE_REFUSED;
    }
    options->model = argv[optind];
    options->input = wanted > 1 ? argv[optind + 1] : NULL;
    options->output = wanted > 1 ? argv[optind + 2] : NULL;
    return mode;
}
