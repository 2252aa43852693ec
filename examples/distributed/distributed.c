/* The counting program in several processes: each takes a part of every batch, and the gradients are added over MPI.
 * SPDX-License-Identifier: MIT */
#include "options.h"
#include "predict.h"
#include "ranks.h"
#include "result.h"
#include "session.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "\n"
    "In several processes (mpirun -n N distributed), --batch is cut into N shards, one for each, and --threads\n"
    "holds for each of them. There is also:\n"
    "\n"
    "  --ordered             add the shards' gradients in their order: slower, but the bits do not depend on\n"
    "                        MPI, and --shards N in one process gives the same\n"
    "  --shards N            in one process: cut the batch into N shards all the same\n";

/* Options that the counting program does not know. */
typedef struct own_options {
    bool ordered;
    const char *shards; /* NULL: not given */
} own_options;

/* Take them out of the command line. */
static own_options take_own_options(int *argc, char **argv)
{
    static const char shards[] = "--shards";
    own_options own = {0};
    int left = 1;

    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--ordered") == 0)
            own.ordered = true;
        else if (strcmp(argv[i], shards) == 0)
            own.shards = i + 1 < *argc ? argv[++i] : "";
        else if (strncmp(argv[i], shards, strlen(shards)) == 0 && argv[i][strlen(shards)] == '=')
            own.shards = argv[i] + sizeof shards;
        else
            argv[left++] = argv[i];
    }
    argv[left] = NULL;
    *argc = left;
    return own;
}

/* Read the number of shards, 1 without the option; 0, after a line on standard error, if it is not good. */
static size_t count_shards(const own_options *own, size_t batch, size_t ranks)
{
    size_t shards = 1, digits = own->shards == NULL ? 1 : strspn(own->shards, "0123456789");

    if (ranks > batch)
        fprintf(stderr, "distributed: --batch %zu is less than a sequence for each of %zu ranks\n", batch, ranks);
    else if (own->shards == NULL)
        return 1;
    else if (ranks > 1)
        fprintf(stderr, "distributed: --shards is for one process; here are %zu, and each has a shard\n", ranks);
    else if (digits == 0 || own->shards[digits] != '\0' || digits > 9)
        fprintf(stderr, "distributed: --shards takes a positive whole number, not '%s'\n", own->shards);
    else if ((shards = (size_t)strtoul(own->shards, NULL, 10)) == 0 || shards > batch)
        fprintf(stderr, "distributed: --shards goes from 1 to the size of a batch, %zu\n", batch);
    else
        return shards;
    return 0;
}

/* Only rank 0 says what is wrong with the command line, which is the same for all. */
static options_verdict parse(int argc, char **argv, int rank, int size, counting_options *options, size_t *shards,
                             bool *ordered)
{
    own_options own = take_own_options(&argc, argv);
    int verdict = OPTIONS_RUN;

    if (rank == 0) {
        verdict = (int)options_parse(argc, argv, options);
        if (verdict == OPTIONS_HELP)
            fputs(usage, stdout);
        if (verdict == OPTIONS_RUN && count_shards(&own, options->batch, (size_t)size) == 0)
            verdict = OPTIONS_REFUSED;
    }
    MPI_Bcast(&verdict, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (verdict == OPTIONS_RUN) {
        options_parse(argc, argv, options);
        *shards = count_shards(&own, options->batch, (size_t)size);
        *ordered = own.ordered;
    }
    return (options_verdict)verdict;
}

/* The other ranks write no files and say nothing, but for what goes wrong there. */
static bool be_silent(counting_options *options)
{
    options->save = options->checkpoint = options->report = options->cache = NULL;
    options->prompt = false;
    options->quiet = true;
    return freopen("/dev/null", "w", stdout) != NULL;
}

static int run(int argc, char **argv)
{
    counting_options options;
    counting_team team;
    size_t shards = 1;
    bool ordered = false;
    int rank, size, status;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    switch (parse(argc, argv, rank, size, &options, &shards, &ordered)) {
    case OPTIONS_HELP: return output_arrived() ? EXIT_SUCCESS : EXIT_FAILURE;
    case OPTIONS_REFUSED: return EXIT_USAGE;
    case OPTIONS_RUN: break;
    }
    if (options.predict) /* one is enough */
        return rank > 0 || predict(options.model, options.sequence) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (rank > 0 && !be_silent(&options))
        return EXIT_FAILURE;
    status = ranks_join(&team, shards, ordered) ? session_run(&options, &team) : EXIT_FAILURE;
    ranks_leave(&team);
    return status;
}

int main(int argc, char **argv)
{
    int provided, status;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    status = run(argc, argv);
    if (status == EXIT_FAILURE) /* the others may wait for this one */
        MPI_Abort(MPI_COMM_WORLD, status);
    MPI_Finalize();
    return status;
}
