/* Teaches a network what stands between two recordings: train DRY.wav WET.wav MODEL [UNITS [EPOCHS]]
 * The last fifth of them is kept for the test. The rest is cut into ROWS parts that are heard side by side, TIME samples at a
 * time; each part goes on with the state that it had, and gradients reach TIME samples back (truncated backpropagation). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lstm/lstm.h>

#include "esr.h"
#include "wav.h"

enum { ROWS = 32, TIME = 512, UNITS = 20, EPOCHS = 120, MOST_UNITS = 256, MOST_EPOCHS = 100000 };

#define LEARNING_RATE 0.01f
#define LARGEST_NORM 1.0f /* of a step's gradient */

typedef struct trainer {
    const float *dry, *wet;
    size_t part;           /* samples in each of the ROWS parts */
    double power, power_e; /* of the wanted signal, as it is and emphasized */
    lstm_params *weights, *gradients;
    lstm_model *model;
    lstm_model_tape *tape;
    lstm_optimizer *optimizer;
    float *state[2][2]; /* [now, next][leaf]: [ROWS][units] */
} trainer;

static float x[ROWS * TIME], y[ROWS * TIME], d_y[ROWS * TIME];

static void need(lstm_status status)
{
    if (status == LSTM_OK)
        return;
    fprintf(stderr, "train: %s\n", lstm_error_message());
    exit(EXIT_FAILURE);
}

static void trainer_create(trainer *t, size_t units)
{
    char graph[200];
    snprintf(
        graph, sizeof graph,
        "{\"input_size\": 1, \"layers\": [{\"type\": \"rnn\", \"cell\": {\"type\": \"lstm\", \"num_units\": %zu}}, "
        "{\"type\": \"dense\", \"units\": 1}]}",
        units);
    need(lstm_params_create(NULL, &t->weights));
    need(lstm_model_create(t->weights, graph, &t->model));
    need(lstm_params_initialize(t->weights, 1));
    need(lstm_params_create_like(t->weights, &t->gradients));
    need(lstm_model_tape_create(t->model, LSTM_ARGS(lstm_tape_config, .max_batch = ROWS, .max_time = TIME), &t->tape));
    need(lstm_optimizer_create_adam(NULL, t->weights, NULL, &t->optimizer));
    for (int k = 0; k < 4; k++)
        if (!(t->state[k / 2][k % 2] = malloc(ROWS * units * sizeof(float)))) {
            fprintf(stderr, "train: no memory is left\n");
            exit(EXIT_FAILURE);
        }
}

static void trainer_destroy(trainer *t)
{
    for (int k = 0; k < 4; k++)
        free(t->state[k / 2][k % 2]);
    lstm_optimizer_destroy(t->optimizer);
    lstm_model_tape_destroy(t->tape);
    lstm_model_destroy(t->model);
    lstm_params_destroy(t->gradients);
    lstm_params_destroy(t->weights);
}

/* The error-to-signal ratio as it is, plus the emphasized one, of all rows: its gradient in d_y, and its value. The first
 * sample of a row has none before it, and so no emphasized error. */
static double find_gradient(const trainer *t, size_t first)
{
    const double share = 2.0 / (ROWS * TIME * t->power), share_e = 2.0 / (ROWS * (TIME - 1) * t->power_e);
    double loss = 0;
    for (size_t row = 0; row < ROWS; row++) {
        const float *got = y + row * TIME, *wanted = t->wet + row * t->part + first;
        float *d = d_y + row * TIME;
        double before = 0;
        for (size_t k = 0; k < TIME; k++) {
            const double e = (double)(got[k] - wanted[k]), e_e = k ? e - (double)EMPHASIS * before : 0;
            d[k] = (float)(share * e + share_e * e_e);
            if (k)
                d[k - 1] -= (float)(share_e * (double)EMPHASIS * e_e);
            loss += (share * e * e + share_e * e_e * e_e) / 2;
            before = e;
        }
    }
    return loss;
}

/* Hear samples first .. first + TIME of every part; learn from them unless it is the first time, when the states are
 * still wrong. */
static double learn(trainer *t, size_t first)
{
    for (size_t row = 0; row < ROWS; row++)
        memcpy(x + row * TIME, t->dry + row * t->part + first, TIME * sizeof *x);
    need(lstm_model_run(t->tape, t->weights,
                        LSTM_ARGS(lstm_model_args, .batch = ROWS, .time = TIME, .inputs = x, .outputs = y,
                                  .initial_state = first ? (const float *const *)t->state[0] : NULL,
                                  .final_state = t->state[1])));
    for (int leaf = 0; leaf < 2; leaf++) {
        float *now = t->state[0][leaf];
        t->state[0][leaf] = t->state[1][leaf];
        t->state[1][leaf] = now;
    }
    if (!first)
        return 0;
    const double loss = find_gradient(t, first);
    lstm_params_zero(t->gradients);
    need(lstm_model_backward(t->tape, t->weights,
                             LSTM_ARGS(lstm_model_grads, .d_outputs = d_y, .d_params = t->gradients)));
    need(lstm_clip_by_global_norm(t->gradients, LARGEST_NORM, NULL));
    need(lstm_optimizer_apply(t->optimizer, t->weights, t->gradients));
    return loss;
}

static void train(trainer *t, size_t epochs)
{
    const size_t steps = t->part / TIME;
    for (size_t epoch = 0; epoch < epochs; epoch++) {
        double loss = 0;
        for (size_t k = 0; k < steps; k++) {
            need(lstm_optimizer_set_learning_rate(
                t->optimizer, lstm_cosine_decay(LEARNING_RATE, epoch * steps + k, (double)(epochs * steps), 0)));
            loss += learn(t, k * TIME);
        }
        if ((epoch + 1) % 10 == 0 || epoch + 1 == epochs) {
            printf("epoch %zu/%zu: loss %.5f\n", epoch + 1, epochs, loss / (double)(steps - 1));
            fflush(stdout);
        }
    }
}

/* Run the network over all of the signal, as the plug-in does, and compare the part that it has not seen. */
static void test(const trainer *t, const wav *dry, const wav *wet, size_t seen)
{
    lstm_params *frozen;
    lstm_model_stream *stream;
    float *out = malloc(dry->count * sizeof *out);
    if (!out) {
        fprintf(stderr, "train: no memory is left\n");
        exit(EXIT_FAILURE);
    }
    need(lstm_params_freeze(t->weights, NULL, &frozen));
    need(lstm_model_stream_create(t->model, frozen, NULL, &stream));
    need(lstm_model_stream_run(stream, dry->count, NULL, dry->samples, out));
    const esr known = esr_measure(out, wet->samples, seen);
    const esr unknown = esr_measure(out + seen, wet->samples + seen, dry->count - seen);
    printf("error-to-signal ratio: training signal %.3f %%, emphasized %.3f %%; held-out signal %.3f %%, emphasized "
           "%.3f %%\n",
           100 * known.plain, 100 * known.emphasized, 100 * unknown.plain, 100 * unknown.emphasized);
    lstm_model_stream_destroy(stream);
    lstm_params_destroy(frozen);
    free(out);
}

/* False where there is nothing to learn: silence, or numbers that are none. */
static bool find_powers(trainer *t, size_t seen)
{
    float dry = 0;
    for (size_t k = 1; k < seen; k++) {
        const double w = (double)t->wet[k], w_e = w - (double)EMPHASIS * (double)t->wet[k - 1];
        t->power += w * w / (double)seen;
        t->power_e += w_e * w_e / (double)seen;
        dry += fabsf(t->dry[k]);
    }
    const bool good = isfinite(dry) && isfinite(t->power_e) && t->power_e > 0;
    if (!good)
        fprintf(stderr, "train: a recording is silent, or holds numbers that are not finite\n");
    return good;
}

static bool fitting(const wav *dry, const wav *wet)
{
    if (dry->rate != wet->rate || dry->count != wet->count)
        fprintf(stderr, "train: the recordings differ in rate or length: %zu samples at %u Hz, %zu at %u Hz\n",
                dry->count, dry->rate, wet->count, wet->rate);
    else if (dry->count / HELD_OUT * (HELD_OUT - 1) < 2 * ROWS * TIME)
        fprintf(stderr, "train: the recordings are too short: %zu samples\n", dry->count);
    else
        return true;
    return false;
}

int main(int argc, char **argv)
{
    const unsigned long units = argc > 4 ? strtoul(argv[4], NULL, 10) : UNITS;
    const unsigned long epochs = argc > 5 ? strtoul(argv[5], NULL, 10) : EPOCHS;
    wav dry = {0}, wet = {0};
    if (argc < 4 || argc > 6 || units < 1 || units > MOST_UNITS || epochs < 1 || epochs > MOST_EPOCHS) {
        fprintf(stderr, "usage: train DRY.wav WET.wav MODEL [UNITS [EPOCHS]]\n");
        return 2;
    }
    bool good = wav_read(argv[1], &dry) && wav_read(argv[2], &wet) && fitting(&dry, &wet);
    if (good) {
        const size_t seen = dry.count / HELD_OUT * (HELD_OUT - 1);
        trainer t = {.dry = dry.samples, .wet = wet.samples, .part = seen / ROWS};
        good = find_powers(&t, seen);
        if (good) {
            trainer_create(&t, units);
            train(&t, epochs);
            test(&t, &dry, &wet, seen);
            need(lstm_model_save(t.model, t.weights, argv[3]));
            trainer_destroy(&t);
        }
    }
    wav_free(&dry);
    wav_free(&wet);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
