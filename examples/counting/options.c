#define _POSIX_C_SOURCE 200809L

#include "options.h"

#include "platform.h"
#include "synthetic_dataset.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 1024 /* of a context */, MAX_LAYERS = 1000 };

static const char usage[] =
    "usage: counting [options]\n"
    "\n"
    "Teach a recurrent network to count the ones in a sequence of bits.\n"
    "\n"
    "  --cell NAME           lstm, basic_lstm, gru, basic_rnn, cudnn_compatible_gru,\n"
    "                        layer_norm_basic_lstm or coupled_input_forget_lstm (lstm)\n"
    "  --units N             width of each layer's cell (50)\n"
    "  --layers N            cells one above the other, 1 to 1000 (1)\n"
    "  --bits N              length of a sequence, 1 to 24 (20)\n"
    "  --batch N             sequences in a training step (128)\n"
    "  --epochs N            passes over the training set (3)\n"
    "  --train N             size of the training set (8 tenths of all 2^bits sequences)\n"
    "  --learning-rate X     falls to 0 over the last third of the steps\n"
    "                        (0.001)\n"
    "  --optimizer NAME      adam, gradient_descent, momentum, nesterov (both 0.9), adagrad, adadelta or\n"
    "                        rmsprop (adam)\n"
    "  --clip-norm X         scale the gradients of a step down to this norm, all together (none)\n"
    "  --seed N              of the weights and of the data's order (1)\n"
    "  --threads N           1 to 1024 (all cores)\n"
    "  --cache FILE          keeps the data set from one run to the next, or none\n"
    "                        (build/synthetic_dataset.bin)\n"
    "  --save FILE           write the trained model\n"
    "  --checkpoint FILE     write, now and then, what is needed to go on after an interruption\n"
    "  --checkpoint-every N  steps; without it, at the end of each epoch\n"
    "  --resume FILE         go on from a checkpoint, with the options that it was made with: the result is the\n"
    "                        same as if nothing had been interrupted\n"
    "  --prompt              afterwards, count the ones in sequences from standard input\n"
    "  --report FILE.html    write a page with curves and tables\n"
    "  --quiet               no progress bar\n"
    "  --predict [BITS]      do not train: count the ones in BITS, or in sequences from standard input\n"
    "  --model FILE          the model, or checkpoint, that does it\n"
    "  --help                print this text\n"
    "\n"
    "Files are written whole or not at all. A model file cannot hold the cell coupled_input_forget_lstm.\n"
    "\n"
    "The last line on standard output is the result, a record of key=value pairs. Losses are "
    "means\n"
    "per sequence, in nats.\n"
    "\n"
    "Ctrl-C (or SIGTERM) ends training after the current step: what was learned until then is\n"
    "evaluated, saved and reported as usual. A second one ends the program at once.\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage, 130 after Ctrl-C, 143 after SIGTERM.\n";

/* Say in one line why the command line is refused. */
static bool refuse(const char *format, ...)
{
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c != '\0'; c++) {
        bool is_c1 = (unsigned char)c[0] == 0xC2 && (unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xA0;

        if ((unsigned char)*c < ' ' || *c == 0x7F || is_c1)
            *c = '?'; /* a word of the user's may hold line breaks */
        if (is_c1)
            *++c = '?';
    }
    fprintf(stderr, "counting: %s\n", line);
    return false;
}

/* ---- values ---- */

/* A whole number of decimal digits alone: strtoull would take signs and spaces too. */
static bool parse_whole_number(const char *text, uint64_t *number)
{
    *number = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');

        if (*text < '0' || *text > '9' || *number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static bool parse_size(const char *name, const char *text, size_t *size)
{
    uint64_t number;

    if (!parse_whole_number(text, &number) || number == 0 || number > SIZE_MAX)
        return refuse("%s takes a positive whole number, not '%s'", name, text);
    *size = (size_t)number;
    return true;
}

static bool parse_seed(const char *name, const char *text, uint64_t *seed)
{
    return parse_whole_number(text, seed) || refuse("%s takes a whole number below 2^64, not '%s'", name, text);
}

/* A decimal number above 0 that float can hold. */
static bool parse_rate(const char *name, const char *text, float *rate)
{
    char *end;

    errno = 0;
    *rate = strtof(text, &end);
    if (end == text || *end != '\0' || text[strspn(text, "0123456789.eE+-")] != '\0' || !isfinite(*rate) || *rate <= 0)
        return refuse("%s takes a number above 0, not '%s'", name, text);
    return true;
}

/* One of the words in `choices`, which ends with NULL; `verdict` is said of any other. */
static bool parse_choice(const char *name, const char *text, const char *const *choices, const char *verdict,
                         const char **chosen)
{
    for (; *choices != NULL; choices++)
        if (strcmp(text, *choices) == 0) {
            *chosen = *choices;
            return true;
        }
    return refuse("%s '%s' is %s", name, text, verdict);
}

static bool is_option(const char *word)
{
    return strncmp(word, "--", 2) == 0;
}

static bool parse_file(const char *name, const char *text, const char **file)
{
    if (*text == '\0' || is_option(text)) /* a value was forgotten */
        return refuse("%s takes the name of a file, not '%s'", name, text);
    *file = text;
    return true;
}

static bool parse_sequence(const char *name, const char *text, const char **sequence)
{
    if (*text == '\0' || text[strspn(text, "01")] != '\0')
        return refuse("%s takes a sequence of 0 and 1, not '%s'", name, text);
    *sequence = text;
    return true;
}

/* ---- options ---- */

typedef enum option_kind {
    SIZE,
    SEED,
    RATE,
    CELL,
    OPTIMIZER,
    FILE_NAME,
    FLAG,
    SEQUENCE /* may be left out */
} option_kind;

/* What an option is called, what it takes, where its value goes. */
typedef struct option_rule {
    const char *name;
    option_kind kind;
    void *target;
    bool *given; /* becomes true if it is there; may be NULL */
} option_rule;

static bool store_value(const option_rule *rule, const char *text)
{
    static const char *const cells[] = {"lstm",
                                        "basic_lstm",
                                        "gru",
                                        "basic_rnn",
                                        "cudnn_compatible_gru",
                                        "layer_norm_basic_lstm",
                                        "coupled_input_forget_lstm",
                                        NULL};
    static const char *const optimizers[] = {"adam",    "gradient_descent", "momentum", "nesterov",
                                             "adagrad", "adadelta",         "rmsprop",  NULL};

    switch (rule->kind) {
    case SIZE: return parse_size(rule->name, text, rule->target);
    case SEED: return parse_seed(rule->name, text, rule->target);
    case RATE: return parse_rate(rule->name, text, rule->target);
    case CELL: return parse_choice(rule->name, text, cells, "unknown", rule->target);
    case OPTIMIZER: return parse_choice(rule->name, text, optimizers, "unknown", rule->target);
    case FILE_NAME: return parse_file(rule->name, text, rule->target);
    case SEQUENCE: return parse_sequence(rule->name, text, rule->target);
    case FLAG: break;
    }
    return false;
}

/* The rule for a word, which is an option's name or name=value. */
static const option_rule *find_rule(const option_rule *rules, const char *word)
{
    size_t length = strcspn(word, "=");

    for (; rules->name != NULL; rules++)
        if (strlen(rules->name) == length && strncmp(rules->name, word, length) == 0)
            return rules;
    return NULL;
}

static bool parse_words(int argc, char **argv, const option_rule *rules)
{
    for (int i = 1; i < argc; i++) {
        const option_rule *rule = find_rule(rules, argv[i]);
        const char *value = strchr(argv[i], '=');

        if (rule == NULL)
            return refuse("'%s' is not an option of this program; see --help", argv[i]);
        if (rule->given != NULL)
            *rule->given = true;
        if (rule->kind == FLAG && value != NULL)
            return refuse("%s takes no value", rule->name);
        if (rule->kind == FLAG)
            continue;
        if (rule->kind == SEQUENCE && value == NULL && (i + 1 == argc || is_option(argv[i + 1])))
            continue;
        if (value == NULL && i + 1 == argc)
            return refuse("%s needs a value", rule->name);
        if (!store_value(rule, value == NULL ? argv[++i] : value + 1))
            return false;
    }
    return true;
}

/* What a model file cannot express, it cannot keep. */
static bool has_model_file(const counting_options *options)
{
    return strcmp(options->cell, "coupled_input_forget_lstm") != 0;
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool settle_files(const counting_options *options)
{
    const char *file = options->save != NULL         ? "--save"
                       : options->checkpoint != NULL ? "--checkpoint"
                       : options->resume != NULL     ? "--resume"
                                                     : NULL;
    const char *trains = file != NULL              ? file
                         : options->report != NULL ? "--report"
                         : options->prompt         ? "--prompt"
                                                   : NULL;

    if (options->predict && options->model == NULL)
        return refuse("--predict needs --model FILE");
    if (options->model != NULL && !options->predict)
        return refuse("--model is for --predict, which is not there");
    if (options->predict && trains != NULL)
        return refuse("--predict does not train: %s has no place beside it", trains);
    if (options->checkpoint_every > 0 && options->checkpoint == NULL)
        return refuse("--checkpoint-every needs --checkpoint FILE");
    if (same(options->save, options->checkpoint))
        return refuse("--save and --checkpoint name the same file");
    if (same(options->report, options->save) || same(options->report, options->checkpoint) ||
        same(options->report, options->resume))
        return refuse("--report names the file of another option");
    if (same(options->cache, options->save) || same(options->cache, options->checkpoint) ||
        same(options->cache, options->resume) || same(options->cache, options->report))
        return refuse("--cache names the file of another option");
    if (file != NULL && !has_model_file(options))
        return refuse("%s: a model file cannot hold the cell %s", file, options->cell);
    return true;
}

/* Check what depends on several options, and fill in the default that does. */
static bool settle(counting_options *options)
{
    size_t all;

    if (!settle_files(options))
        return false;
    if (options->predict)
        return true; /* the model says the rest */
    if (options->layers > MAX_LAYERS)
        return refuse("--layers goes from 1 to %d", MAX_LAYERS);
    if (options->bits > SYNTHETIC_DATASET_MAX_BITS)
        return refuse("--bits goes from 1 to %d", SYNTHETIC_DATASET_MAX_BITS);
    if (options->threads > MAX_THREADS)
        return refuse("--threads goes from 1 to %d", MAX_THREADS);
    all = (size_t)1 << options->bits;
    if (options->train == 0)
        options->train = (size_t)(0.8 * (double)all);
    if (options->train > all)
        return refuse("--train %zu is more than the %zu sequences there are", options->train, all);
    if (options->batch > options->train)
        return refuse("--batch %zu is more than the %zu training sequences", options->batch, options->train);
    if (options->cache != NULL && strcmp(options->cache, "none") == 0)
        options->cache = NULL;
    return true;
}

options_verdict options_parse(int argc, char **argv, counting_options *options)
{
    bool help = false;
    const option_rule rules[] = {
        {"--cell", CELL, &options->cell, NULL},
        {"--units", SIZE, &options->units, NULL},
        {"--layers", SIZE, &options->layers, NULL},
        {"--bits", SIZE, &options->bits, NULL},
        {"--batch", SIZE, &options->batch, NULL},
        {"--epochs", SIZE, &options->epochs, NULL},
        {"--train", SIZE, &options->train, NULL},
        {"--learning-rate", RATE, &options->learning_rate, NULL},
        {"--optimizer", OPTIMIZER, &options->optimizer, NULL},
        {"--clip-norm", RATE, &options->clip_norm, NULL},
        {"--seed", SEED, &options->seed, NULL},
        {"--threads", SIZE, &options->threads, NULL},
        {"--cache", FILE_NAME, &options->cache, NULL},
        {"--save", FILE_NAME, &options->save, NULL},
        {"--checkpoint", FILE_NAME, &options->checkpoint, NULL},
        {"--checkpoint-every", SIZE, &options->checkpoint_every, NULL},
        {"--resume", FILE_NAME, &options->resume, NULL},
        {"--prompt", FLAG, NULL, &options->prompt},
        {"--report", FILE_NAME, &options->report, NULL},
        {"--quiet", FLAG, NULL, &options->quiet},
        {"--predict", SEQUENCE, &options->sequence, &options->predict},
        {"--model", FILE_NAME, &options->model, NULL},
        {"--help", FLAG, NULL, &help},
        {NULL, FLAG, NULL, NULL},
    };

    *options = (counting_options){
        .cell = "lstm",
        .optimizer = "adam",
        .units = 50,
        .layers = 1,
        .bits = 20,
        .batch = 128,
        .epochs = 3,
        .learning_rate = 0.001F,
        .seed = 1,
        .threads = platform_cores(MAX_THREADS),
        .cache = "build/synthetic_dataset.bin",
    };
    if (!parse_words(argc, argv, rules))
        return OPTIONS_REFUSED;
    if (help) {
        fputs(usage, stdout);
        return OPTIONS_HELP;
    }
    return settle(options) ? OPTIONS_RUN : OPTIONS_REFUSED;
}
