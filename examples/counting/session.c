#include "session.h"

#include "evaluation.h"
#include "hidden_units.h"
#include "network.h"
#include "platform.h"
#include "predict.h"
#include "progress.h"
#include "prompt.h"
#include "report.h"
#include "result.h"
#include "synthetic_dataset.h"
#include "training.h"
#include "training_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_SIGNAL = 128 /* plus its number, as shells count */ };

/* What the parts of the program share. */
typedef struct session {
    const counting_team *team;
    synthetic_dataset *dataset;
    counting_network *network;
    progress_bar progress;
    counting_result result;
} session;

/* Say before the work, not after it, what cannot be written. */
static bool check_writable(const char *path)
{
    int error = path == NULL ? 0 : platform_check_writable(path);

    if (error != 0)
        fprintf(stderr, "counting: %s cannot be written: %s\n", path, strerror(error));
    return error == 0;
}

/* Write the page beside its place and rename it once it is whole; a device is written as it stands. */
static bool write_page(const counting_result *result, const hidden_units *units)
{
    const char *path = result->options.report;
    char part[4096];
    FILE *page;
    bool written;

    if (!platform_is_replaced(path))
        snprintf(part, sizeof part, "%s", path);
    else if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        part[0] = '\0';
    page = fopen(part, "w");
    written = page != NULL;
    if (written) {
        report_write(page, result, units);
        written = !ferror(page);
        written = fclose(page) == 0 && written;
        if (strcmp(part, path) != 0 && (!written || rename(part, path) != 0)) {
            remove(part);
            written = false;
        }
    }
    if (!written)
        fprintf(stderr, "counting: %s cannot be written\n", path);
    return written;
}

static bool write_report(session *s)
{
    const bool tested = s->result.test.sequences > 0;
    hidden_units units = {0};
    bool written;

    if (s->result.options.report == NULL)
        return true;
    written = (!tested || hidden_units_watch(s->network, s->dataset, &units)) &&
              write_page(&s->result, tested ? &units : NULL);
    hidden_units_destroy(&units);
    return written;
}

/* Look after the files, then make the data and the network. */
static bool prepare(session *s)
{
    const counting_options *options = &s->result.options;
    const synthetic_dataset_config config = {
        .bits = options->bits,
        .train_count = options->train,
        .seed = options->seed,
        .cache_path = options->cache,
    };

    if ((options->resume != NULL && !training_checkpoint_fits(options->resume, options)) ||
        !check_writable(options->save) || !check_writable(options->checkpoint) || !check_writable(options->report))
        return false;
    s->dataset = synthetic_dataset_create(&config);
    if (s->dataset == NULL || !compute_baselines(s->dataset, &s->result.baselines))
        return false;
    s->network = network_create(options);
    if (s->network == NULL)
        return false;
    s->result.weights = network_weight_count(s->network);
    s->result.threads = network_threads(s->network);
    s->result.isa = network_isa(s->network);
    return true;
}

static void print_task(const session *s)
{
    const counting_options *options = &s->result.options;
    char ranks[64] = "";

    if (s->result.ranks > 0)
        snprintf(ranks, sizeof ranks, "%zu rank%s, each of ", s->result.ranks, s->result.ranks == 1 ? "" : "s");
    if (options->layers > 1)
        printf("%zu layers of ", options->layers);
    printf("%s of %zu units, %zu weights, %s, learning rate %g falling to 0, seed %llu\n", options->cell,
           options->units, s->result.weights, options->optimizer, (double)options->learning_rate,
           (unsigned long long)options->seed);
    printf("%zu training and %zu test sequences of %zu bits, %zu at a time; %s%zu thread%s, %s\n", options->train,
           synthetic_dataset_count(s->dataset, SYNTHETIC_DATASET_TEST), options->bits, options->batch, ranks,
           s->result.threads, s->result.threads == 1 ? "" : "s", s->result.isa);
    fflush(stdout);
}

/* The work itself: train, keep what was learned, and evaluate it. */
static bool run(session *s)
{
    counting_result *result = &s->result;
    const counting_options *options = &result->options;
    double started = platform_seconds();

    if (!prepare(s))
        return false;
    print_task(s);
    if (!train(s->network, s->dataset, options, s->team, &s->progress, &result->training))
        return false;
    if (options->save != NULL && !network_save(s->network, options->save))
        return false;
    if (platform_interrupted())
        fprintf(stderr, "counting: interrupted; evaluating what was learned so far\n");
    if (!evaluate(s->network, s->dataset, s->team, &s->progress, &result->test))
        return false;
    result->seconds = platform_seconds() - started + result->training.earlier_seconds;
    return true;
}

/* The last line on standard output. */
static bool print_result(const counting_result *result)
{
    char line[1024];

    result_format(result, line, sizeof line);
    printf("%s\n", line);
    return output_arrived();
}

static bool run_network(void *network, const float *inputs, float *logits)
{
    float probabilities[SYNTHETIC_DATASET_MAX_CLASSES];

    return network_forward(network, 1, inputs, logits, probabilities);
}

/* Everything that is said of a result; what fails does not keep back the rest. */
static bool tell(session *s)
{
    const trained_counter counter = {.bits = s->result.options.bits, .run = run_network, .network = s->network};
    bool good;

    result_print_tables(&s->result);
    good = write_report(s);
    if (s->result.options.prompt && !platform_interrupted())
        good = prompt(&counter) && good;
    return print_result(&s->result) && good;
}

int session_run(const counting_options *options, const counting_team *team)
{
    session s = {
        .team = team,
        .progress.enabled = platform_watched() && !options->quiet,
        .result = {.options = *options, .ranks = team == &team_of_one ? 0 : team->size},
    };
    bool good;

    platform_catch_interrupts(false);
    platform_set_blas_threads(1);
    good = options->predict ? predict(options->model, options->sequence) : run(&s) && tell(&s);
    network_destroy(s.network);
    synthetic_dataset_destroy(s.dataset);
    if (good && platform_interrupted())
        return EXIT_SIGNAL + platform_interrupted();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
