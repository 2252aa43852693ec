#include "hidden_units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64, MOST_SEQUENCES = 1 << 18 }; /* the default test set is smaller */

static bool create_arrays(hidden_units *h)
{
    /* Units are up to what fits into memory; counts are few. */
    if (h->units > SIZE_MAX / sizeof(double) / h->counts)
        return false;
    h->steps = calloc(h->counts, sizeof *h->steps);
    h->mean = calloc(h->units * h->counts, sizeof *h->mean);
    h->deviation = calloc(h->units * h->counts, sizeof *h->deviation);
    h->correlation = calloc(h->units, sizeof *h->correlation);
    h->order = calloc(h->units, sizeof *h->order);
    return h->steps && h->mean && h->deviation && h->correlation && h->order;
}

/* Until finish(), mean holds sums and deviation sums of squares. */
static void add_step(hidden_units *h, size_t ones, const float *outputs)
{
    h->steps[ones]++;
    for (size_t u = 0; u < h->units; u++) {
        const double value = (double)outputs[u];

        h->mean[u * h->counts + ones] += value;
        h->deviation[u * h->counts + ones] += value * value;
    }
}

static bool watch_all(counting_network *network, synthetic_dataset *dataset, size_t bits, float *inputs, float *outputs,
                      hidden_units *h)
{
    for (size_t first = 0; first < h->sequences; first += BATCH) {
        const size_t batch = h->sequences - first < BATCH ? h->sequences - first : BATCH;

        if (!synthetic_dataset_batch(dataset, SYNTHETIC_DATASET_TEST, first, batch, inputs, NULL) ||
            !network_watch(network, batch, inputs, outputs))
            return false;
        for (size_t row = 0; row < batch; row++) {
            size_t ones = 0;

            for (size_t step = row * bits; step < (row + 1) * bits; step++) {
                ones += inputs[step] > 0.5F;
                add_step(h, ones, outputs + step * h->units);
            }
        }
    }
    return true;
}

/* Of unit u, from the sums. */
static double correlation(const hidden_units *h, size_t u)
{
    double n = 0, k = 0, kk = 0, y = 0, yy = 0, ky = 0, r;

    for (size_t ones = 0; ones < h->counts; ones++) {
        const double count = (double)ones, sum = h->mean[u * h->counts + ones];

        n += h->steps[ones];
        k += count * h->steps[ones];
        kk += count * count * h->steps[ones];
        y += sum;
        yy += h->deviation[u * h->counts + ones];
        ky += count * sum;
    }
    r = (n * ky - k * y) / sqrt((n * kk - k * k) * (n * yy - y * y));
    return isfinite(r) ? r : 0;
}

static void finish(hidden_units *h)
{
    for (size_t u = 0; u < h->units; u++) {
        size_t place = u;

        h->correlation[u] = correlation(h, u);
        for (; place > 0 && fabs(h->correlation[h->order[place - 1]]) < fabs(h->correlation[u]); place--)
            h->order[place] = h->order[place - 1];
        h->order[place] = u;
        for (size_t ones = 0; ones < h->counts; ones++) {
            double *mean = &h->mean[u * h->counts + ones], *deviation = &h->deviation[u * h->counts + ones];

            if (h->steps[ones] > 0) {
                *mean /= h->steps[ones];
                *deviation = sqrt(fmax(*deviation / h->steps[ones] - *mean * *mean, 0));
            }
        }
    }
}

bool hidden_units_watch(counting_network *network, synthetic_dataset *dataset, hidden_units *result)
{
    const size_t bits = network_bits(network), all = synthetic_dataset_count(dataset, SYNTHETIC_DATASET_TEST);
    float *inputs, *outputs = NULL;
    bool good = false;

    *result = (hidden_units){
        .sequences = all < MOST_SEQUENCES ? all : MOST_SEQUENCES, .units = network_units(network), .counts = bits + 1};
    inputs = malloc(BATCH * bits * sizeof *inputs);
    if (result->units <= SIZE_MAX / sizeof *outputs / (BATCH * bits))
        outputs = malloc(BATCH * bits * result->units * sizeof *outputs);
    if (inputs == NULL || outputs == NULL || !create_arrays(result))
        fprintf(stderr, "counting: no memory is left to watch %zu units\n", result->units);
    else if ((good = watch_all(network, dataset, bits, inputs, outputs, result)))
        finish(result);
    free(outputs);
    free(inputs);
    return good;
}

void hidden_units_destroy(hidden_units *h)
{
    free(h->order);
    free(h->correlation);
    free(h->deviation);
    free(h->mean);
    free(h->steps);
    *h = (hidden_units){0};
}
