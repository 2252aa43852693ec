#include "ranks.h"

#include "platform.h"

#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the ranks tell each other of a step, beside the gradient. */
enum { LOSS, ACCURACY, INTERRUPTED, FINGERPRINT, NUMBERS };

typedef struct ranks {
    size_t rank, size, shards;
    bool ordered;
    size_t floats;    /* of a gradient; 0 before the first step */
    float *gradients; /* ordered: [shards][floats] */
    double *numbers;  /* [size][NUMBERS] */
} ranks;

/* ---- one shard ---- */

static size_t first_row(size_t batch, size_t shards, size_t shard)
{
    return batch * shard / shards;
}

/* Make the network's gradients the shard's part of those of the batch: the mean over the shard, times its share of the
 * rows, which is not the same for all where the batch cannot be cut evenly. Add its part of the means to the numbers. */
static bool compute_shard(const ranks *r, size_t shard, counting_network *network, size_t batch, const float *inputs,
                          const float *targets, double *numbers)
{
    size_t first = first_row(batch, r->shards, shard), rows = first_row(batch, r->shards, shard + 1) - first;
    size_t bits = network_bits(network);
    double share = (double)rows / (double)batch, loss, accuracy;
    float *gradients;

    if (!network_gradient(network, rows, inputs + first * bits, targets + first * (bits + 1), &loss, &accuracy))
        return false;
    gradients = network_edit_gradients(network);
    for (size_t i = 0; i < r->floats; i++)
        gradients[i] *= (float)share;
    numbers[LOSS] += share * loss;
    numbers[ACCURACY] += share * accuracy;
    return true;
}

/* ---- all of them ---- */

/* The shards' gradients are there; their sum becomes the network's. The first is not added to zeros, which would turn -0
 * into 0: all ways to compute the sum agree. */
static void add_in_order(const ranks *r, counting_network *network)
{
    float *sum = network_edit_gradients(network);

    memcpy(sum, r->gradients, r->floats * sizeof *sum);
    for (size_t shard = 1; shard < r->shards; shard++)
        for (size_t i = 0; i < r->floats; i++)
            sum[i] += r->gradients[shard * r->floats + i];
}

/* A number that other weights hardly have. */
static double fingerprint(const ranks *r, const counting_network *network)
{
    const float *weights = network_weights(network);
    uint32_t sum = 0;

    for (size_t i = 0; i < r->floats; i++) {
        uint32_t bits;

        memcpy(&bits, &weights[i], sizeof bits);
        sum += bits;
    }
    return (double)sum;
}

/* The ranks' numbers, added in their order, tell of the step. False if the ranks do not have the same weights: then they
 * do not train one network. */
static bool exchange_numbers(const ranks *r, const double *own, team_step *step)
{
    *step = (team_step){0};
    MPI_Allgather(own, NUMBERS, MPI_DOUBLE, r->numbers, NUMBERS, MPI_DOUBLE, MPI_COMM_WORLD);
    for (size_t rank = 0; rank < r->size; rank++) {
        const double *numbers = r->numbers + rank * NUMBERS;

        if (numbers[FINGERPRINT] != r->numbers[FINGERPRINT]) {
            fprintf(stderr, "distributed: rank %zu and rank 0 have different weights\n", rank);
            return false;
        }
        step->loss += numbers[LOSS];
        step->accuracy += numbers[ACCURACY];
        step->interrupted = step->interrupted || numbers[INTERRUPTED] != 0;
    }
    return true;
}

/* What the first step finds out. */
static bool prepare(ranks *r, const counting_network *network)
{
    r->floats = network_weight_count(network);
    if (r->floats > INT_MAX) {
        fprintf(stderr, "distributed: MPI cannot send %zu numbers at once\n", r->floats);
        return false;
    }
    if (r->ordered && r->floats <= SIZE_MAX / sizeof *r->gradients / r->shards)
        r->gradients = malloc(r->shards * r->floats * sizeof *r->gradients);
    if (r->ordered && r->gradients == NULL)
        fprintf(stderr, "distributed: no memory is left for the gradients of %zu shards\n", r->shards);
    return !r->ordered || r->gradients != NULL;
}

static bool gradient(void *user, counting_network *network, size_t batch, const float *inputs, const float *targets,
                     team_step *step)
{
    ranks *r = user;
    size_t first = r->size > 1 ? r->rank : 0, end = r->size > 1 ? r->rank + 1 : r->shards;
    double own[NUMBERS] = {0};

    if (r->floats == 0 && !prepare(r, network))
        return false;
    for (size_t shard = first; shard < end; shard++) {
        if (!compute_shard(r, shard, network, batch, inputs, targets, own))
            return false;
        if (r->ordered)
            memcpy(r->gradients + shard * r->floats, network_edit_gradients(network), r->floats * sizeof(float));
    }
    if (r->ordered && r->size > 1)
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, r->gradients, (int)r->floats, MPI_FLOAT, MPI_COMM_WORLD);
    if (r->ordered)
        add_in_order(r, network);
    else
        MPI_Allreduce(MPI_IN_PLACE, network_edit_gradients(network), (int)r->floats, MPI_FLOAT, MPI_SUM,
                      MPI_COMM_WORLD);
    own[INTERRUPTED] = platform_interrupted() != 0;
    own[FINGERPRINT] = fingerprint(r, network);
    return exchange_numbers(r, own, step);
}

static void add(void *user, double *numbers, size_t count)
{
    (void)user;
    MPI_Allreduce(MPI_IN_PLACE, numbers, (int)count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

/* ---- the team ---- */

bool ranks_join(counting_team *team, size_t shards, bool ordered)
{
    ranks *r = calloc(1, sizeof *r);
    int rank, size;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    *team = (counting_team){.rank = (size_t)rank, .size = (size_t)size, .gradient = gradient, .add = add, .user = r};
    if (r != NULL) {
        r->rank = team->rank;
        r->size = team->size;
        r->shards = r->size > 1 ? r->size : shards;
        r->ordered = ordered || r->shards > r->size;
        r->numbers = malloc(r->size * NUMBERS * sizeof *r->numbers);
    }
    if (r == NULL || r->numbers == NULL)
        fprintf(stderr, "distributed: no memory is left\n");
    return r != NULL && r->numbers != NULL;
}

void ranks_leave(counting_team *team)
{
    ranks *r = team->user;

    if (r != NULL) {
        free(r->gradients);
        free(r->numbers);
    }
    free(r);
}
