/* The recipe of examples/counting by the library's own calls, with a clock and looks at the test set on the way, which are
 * not timed: rivals/counting_recipe.py has the same for other libraries, and counting.sh prints all of them. */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"
#include "synthetic_dataset.h"

#include <lstm/lstm.h>

#include <stdlib.h>
#include <string.h>

enum { BATCH = 128, UNITS = 50, STEPS_A_LOOK = 655, TEST_BATCH = 4096 };
static const double LEARNING_RATE = 1e-3, GOAL = 0.999;

typedef struct counter {
    synthetic_dataset *dataset;
    size_t threads, epochs, bits, classes, train, test;
    lstm_context *context;
    lstm_params *weights, *gradients;
    lstm_cell *cell;
    lstm_rnn *rnn;
    lstm_dense *dense;
    lstm_optimizer *adam;
    lstm_tape *tape, *test_tape;
    float *x, *y, *h, *d_h, *z, *d_z; /* as large as the larger of both batches */
} counter;

static void need(lstm_status status)
{
    if (status == LSTM_OK)
        return;
    fprintf(stderr, "counting: %s\n", lstm_error_message());
    exit(EXIT_FAILURE);
}

static void create_network(counter *c)
{
    const lstm_tape_config *tape = LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = c->bits);
    const lstm_tape_config *test =
        LSTM_ARGS(lstm_tape_config, .max_batch = TEST_BATCH, .max_time = c->bits, .inference = true);
    need(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = c->threads), &c->context));
    need(lstm_params_create(c->context, &c->weights));
    need(lstm_cell_create_lstm(c->context, UNITS, NULL, &c->cell));
    need(lstm_rnn_create(c->weights, "rnn", c->cell, 1, NULL, &c->rnn));
    need(lstm_dense_create(c->weights, "dense", UNITS, c->classes, NULL, &c->dense));
    need(lstm_params_initialize(c->weights, 1));
    need(lstm_params_create_like(c->weights, &c->gradients));
    need(lstm_optimizer_create_adam(c->context, c->weights, NULL, &c->adam));
    need(lstm_tape_create(c->rnn, tape, &c->tape));
    need(lstm_tape_create(c->rnn, test, &c->test_tape));
    c->x = system_allocate(TEST_BATCH * c->bits, sizeof *c->x);
    c->y = system_allocate(TEST_BATCH * c->classes, sizeof *c->y);
    c->h = system_allocate((size_t)TEST_BATCH * UNITS, sizeof *c->h);
    c->d_h = system_allocate((size_t)BATCH * UNITS, sizeof *c->d_h);
    c->z = system_allocate(TEST_BATCH * c->classes, sizeof *c->z);
    c->d_z = system_allocate(BATCH * c->classes, sizeof *c->d_z);
}

static void destroy_network(counter *c)
{
    lstm_tape_destroy(c->test_tape);
    lstm_tape_destroy(c->tape);
    lstm_optimizer_destroy(c->adam);
    lstm_dense_destroy(c->dense);
    lstm_rnn_destroy(c->rnn);
    lstm_cell_destroy(c->cell);
    lstm_params_destroy(c->gradients);
    lstm_params_destroy(c->weights);
    lstm_context_destroy(c->context);
    free(c->x);
    free(c->y);
    free(c->h);
    free(c->d_h);
    free(c->z);
    free(c->d_z);
}

static void forward(counter *c, lstm_tape *tape, synthetic_dataset_part part, size_t first, size_t batch)
{
    if (!synthetic_dataset_batch(c->dataset, part, first, batch, c->x, c->y))
        exit(EXIT_FAILURE);
    need(lstm_dynamic_rnn(
        tape, c->weights,
        LSTM_ARGS(lstm_dynamic_rnn_args, .batch = batch, .time = c->bits, .inputs = c->x, .last_output = c->h)));
    need(lstm_dense_forward(c->dense, c->weights, batch, c->h, c->z));
}

static void train(counter *c, size_t step, size_t steps)
{
    const double share = 3.0 * (double)(steps - step) / (double)steps; /* the rate falls to 0 over the last third */
    float loss;
    forward(c, c->tape, SYNTHETIC_DATASET_TRAIN, step % (c->train / BATCH) * BATCH, BATCH);
    need(lstm_softmax_cross_entropy(c->context, NULL, BATCH, c->classes, c->z, c->y, c->d_z, &loss));
    lstm_params_zero(c->gradients);
    need(lstm_dense_backward(c->dense, c->weights, BATCH, c->h, c->z, c->d_z, c->gradients, c->d_h));
    need(lstm_dynamic_rnn_backward(
        c->tape, c->weights, LSTM_ARGS(lstm_dynamic_rnn_grads, .d_last_output = c->d_h, .d_params = c->gradients)));
    need(lstm_optimizer_set_learning_rate(c->adam, (float)(LEARNING_RATE * (share < 1.0 ? share : 1.0))));
    need(lstm_optimizer_apply(c->adam, c->weights, c->gradients));
}

static double test(counter *c)
{
    double right = 0.0;
    for (size_t first = 0; first < c->test; first += TEST_BATCH) {
        const size_t batch = c->test - first < TEST_BATCH ? c->test - first : TEST_BATCH;
        double accuracy;
        forward(c, c->test_tape, SYNTHETIC_DATASET_TEST, first, batch);
        need(lstm_accuracy(batch, c->classes, c->z, c->y, &accuracy));
        right += accuracy * (double)batch;
    }
    return right / (double)c->test;
}

/* Train, and print the line. */
static void run(counter *c)
{
    const size_t steps = c->epochs * (c->train / BATCH), looks = steps / STEPS_A_LOOK + (steps < STEPS_A_LOOK);
    double seconds = 0.0, seconds_to_goal = 0.0, accuracy = 0.0;
    char goal[32] = "-";
    for (size_t look = 1, step = 0; look <= looks; look++) {
        const double begin = system_work_seconds(c->threads);
        for (; step < look * steps / looks; step++)
            train(c, step, steps);
        seconds += system_work_seconds(c->threads) - begin;
        accuracy = test(c);
        if (accuracy >= GOAL && seconds_to_goal == 0.0)
            seconds_to_goal = seconds;
    }
    if (seconds_to_goal > 0.0)
        snprintf(goal, sizeof goal, "%.1f", seconds_to_goal);
    printf("%-12s %-16s %7zu %12.0f %10.1f %16s %9.3f %%\n", "liblstm", lstm_context_isa_name(c->context), c->threads,
           (double)(steps * BATCH) / seconds, seconds, goal, 100.0 * accuracy);
}

/* counting --cache FILE [--threads N] [--epochs N] [--train N], as rivals/counting_recipe.py has them */
int main(int argc, char **argv)
{
    counter c = {.threads = 1, .epochs = 3};
    synthetic_dataset_config config = {.seed = 1};
    for (int k = 1; k + 1 < argc; k += 2) {
        const size_t number = strtoul(argv[k + 1], NULL, 10);
        if (!strcmp(argv[k], "--cache"))
            config.cache_path = argv[k + 1];
        else if (!strcmp(argv[k], "--threads"))
            c.threads = number;
        else if (!strcmp(argv[k], "--epochs"))
            c.epochs = number;
        else if (!strcmp(argv[k], "--train"))
            config.train_count = number;
    }
    c.dataset = synthetic_dataset_create(&config);
    if (!c.dataset || !c.epochs)
        return 2;
    system_set_blas_threads(1);
    c.bits = synthetic_dataset_bits(c.dataset);
    c.classes = synthetic_dataset_classes(c.dataset);
    c.train = synthetic_dataset_count(c.dataset, SYNTHETIC_DATASET_TRAIN);
    c.test = synthetic_dataset_count(c.dataset, SYNTHETIC_DATASET_TEST);
    synthetic_dataset_sequences(c.dataset, SYNTHETIC_DATASET_TRAIN); /* makes them, so that no step does */
    create_network(&c);
    run(&c);
    destroy_network(&c);
    synthetic_dataset_destroy(c.dataset);
    return EXIT_SUCCESS;
}
