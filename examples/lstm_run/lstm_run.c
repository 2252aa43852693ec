/* lstm-run: a recurrent network on the sequences of a file. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "complain.h"
#include "data.h"
#include "describe.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    ROWS = 64, /* a thread's share of a call: memory does not grow with the batch */
    STEPS = 512,
    TAPE = 1 << 26, /* bytes: a tape holds what each layer gives at each step of its rows; */
    /* where a model cannot stream and a single row takes more, so many more for each weight and input: 256 floats */
    EACH_WEIGHT = 1 << 7,
    EACH_INPUT = 1 << 10
};

/* Where a group of rows begins in the arrays. */
static void find_states(const run_data *d, float *const *state, size_t first, float **at)
{
    for (size_t leaf = 0; leaf < lstm_model_state_count(d->model); leaf++)
        at[leaf] = state[leaf] + first * lstm_model_state_size(d->model, leaf);
}

static float *outputs_at(const run_data *d, size_t row)
{
    return d->outputs + row * (lstm_model_returns_last(d->model) ? 1 : d->time) * lstm_model_output_size(d->model);
}

static const float *inputs_at(const run_data *d, size_t row)
{
    return d->inputs + row * d->time * lstm_model_input_size(d->model);
}

/* ---- whole sequences ---- */

static bool run_rows(lstm_model_tape *tape, const lstm_params *params, const run_data *d, size_t first, size_t rows,
                     float **initial, float **final)
{
    find_states(d, d->final_state, first, final);
    if (d->initial_state)
        find_states(d, d->initial_state, first, initial);
    return succeeded(
        lstm_model_run(tape, params,
                       LSTM_ARGS(lstm_model_args, .batch = rows, .time = d->time, .inputs = inputs_at(d, first),
                                 .sequence_length = d->lengths ? d->lengths + first : NULL,
                                 .initial_state = d->initial_state ? (const float *const *)initial : NULL,
                                 .outputs = outputs_at(d, first), .final_state = final)));
}

static lstm_tape_config tape_config(const run_data *d, size_t rows)
{
    return (lstm_tape_config){.struct_size = sizeof(lstm_tape_config),
                              .max_batch = rows,
                              .max_time = d->time ? d->time : 1,
                              .inference = true};
}

static bool tape_is_larger(const run_data *d, size_t rows, double most)
{
    const lstm_tape_config config = tape_config(d, rows);
    size_t bytes, alignment;
    return lstm_model_tape_size(d->model, &config, &bytes, &alignment) || (double)bytes > most;
}

/* What is still in proportion to the files. */
static double justified(const lstm_params *params, const run_data *d)
{
    size_t weights = 0;
    (void)lstm_params_data(params, &weights);
    const double inputs = (double)d->batch * (double)d->time * (double)lstm_model_input_size(d->model);
    return TAPE + EACH_WEIGHT * (double)weights + EACH_INPUT * inputs;
}

static bool run_whole(const lstm_params *params, const run_data *d, size_t rows, float **initial, float **final)
{
    lstm_model_tape *tape;
    bool good = true;
    while (rows > 1 && tape_is_larger(d, rows, TAPE))
        rows /= 2;
    const lstm_tape_config config = tape_config(d, rows);
    if (!rows)
        return true;
    if (!succeeded(lstm_model_tape_create(d->model, &config, &tape)))
        return false;
    for (size_t first = 0; first < d->batch && good; first += rows)
        good = run_rows(tape, params, d, first, d->batch - first < rows ? d->batch - first : rows, initial, final);
    lstm_model_tape_destroy(tape);
    return good;
}

/* ---- streams ---- */

static void copy_states(const run_data *d, lstm_model_stream *stream, size_t rows, float *const *state, bool into)
{
    for (size_t leaf = 0; leaf < lstm_model_state_count(d->model); leaf++) {
        float *own = lstm_model_stream_state(stream, leaf);
        for (size_t k = 0; k < rows * lstm_model_state_size(d->model, leaf); k++)
            *(into ? &own[k] : &state[leaf][k]) = into ? state[leaf][k] : own[k];
    }
}

/* The steps of one chunk of rows that are `time` long in the file, from step t on, packed into chunk arrays. */
typedef struct chunk {
    size_t t, time, rows;
    size_t *steps;
    float *inputs, *outputs;
} chunk;

static void load_chunk(const run_data *d, const chunk *c, size_t first)
{
    const size_t width = lstm_model_input_size(d->model);
    for (size_t row = 0; row < c->rows; row++) {
        const size_t length = d->lengths ? d->lengths[first + row] : d->time;
        const size_t left = length > c->t ? length - c->t : 0;
        c->steps[row] = left < c->time ? left : c->time;
        const float *from = inputs_at(d, first + row) + c->t * width;
        for (size_t k = 0; k < c->steps[row] * width; k++)
            c->inputs[row * c->time * width + k] = from[k];
    }
}

static void store_chunk(const run_data *d, const chunk *c, size_t first)
{
    const size_t width = lstm_model_output_size(d->model);
    const bool last = lstm_model_returns_last(d->model);
    const size_t count = last ? width : c->time * width;
    for (size_t row = 0; row < c->rows; row++) {
        float *to = outputs_at(d, first + row) + (last ? 0 : c->t * width);
        for (size_t k = 0; k < count; k++)
            to[k] = c->outputs[row * count + k];
    }
}

static bool stream_rows(lstm_model_stream *stream, const run_data *d, chunk *c, size_t chunk_time, size_t first,
                        float **initial, float **final)
{
    bool good = succeeded(lstm_model_stream_reset(stream));
    find_states(d, d->final_state, first, final);
    if (d->initial_state) {
        find_states(d, d->initial_state, first, initial);
        copy_states(d, stream, c->rows, initial, true);
    }
    c->t = 0;
    do { /* a model that returns the last has outputs without a step, too */
        c->time = d->time - c->t < chunk_time ? d->time - c->t : chunk_time;
        load_chunk(d, c, first);
        good = good && succeeded(lstm_model_stream_run(stream, c->time, c->steps, c->inputs, c->outputs));
        store_chunk(d, c, first);
        c->t += c->time;
    } while (c->t < d->time && good);
    copy_states(d, stream, c->rows, final, false);
    return good;
}

static bool make_chunk(const run_data *d, size_t rows, size_t time, chunk *c)
{
    const size_t in = lstm_model_input_size(d->model), out = lstm_model_output_size(d->model);
    const size_t most = in > out ? in : out;
    if (rows > SIZE_MAX / sizeof(float) / time / most)
        return complain("the chunks are too large");
    *c = (chunk){.steps = malloc(rows * sizeof *c->steps),
                 .inputs = calloc(rows * time * in, sizeof(float)),
                 .outputs = malloc(rows * time * out * sizeof(float))};
    return (c->steps && c->inputs && c->outputs) || complain("no memory is left");
}

/* Groups of rows, each with a stream of its own. Without rows it is only seen whether the model can stream. */
static bool run_chunks(const lstm_params *frozen, const run_data *d, size_t rows, size_t steps, float **initial,
                       float **final)
{
    const size_t group = rows ? rows : 1;
    const size_t time = !d->time || !d->batch ? 1 : steps < d->time ? steps : d->time;
    chunk c = {0};
    bool good = make_chunk(d, group, time, &c);
    size_t first = 0;
    do {
        lstm_model_stream *stream;
        c.rows = d->batch - first < group ? d->batch - first : group;
        good = good && succeeded(lstm_model_stream_create(d->model, frozen,
                                                          LSTM_ARGS(lstm_stream_config, .batch = c.rows ? c.rows : 1,
                                                                    .max_steps = time < STEPS ? time : STEPS),
                                                          &stream));
        if (good) {
            good = !c.rows || stream_rows(stream, d, &c, time, first, initial, final);
            lstm_model_stream_destroy(stream);
        }
        first += c.rows;
    } while (first < d->batch && good);
    free(c.steps);
    free(c.inputs);
    free(c.outputs);
    return good;
}

/* ---- the program ---- */

/* The steps of a chunk, or 0 to run whole sequences. Where these take much memory and the model can stream, it does:
 * the bits are the same. */
static size_t choose_chunk(const run_options *options, const run_data *d, size_t rows)
{
    size_t bytes, alignment;
    if (options->chunk || !rows || !tape_is_larger(d, rows, TAPE))
        return options->chunk;
    return lstm_model_stream_size(d->model, NULL, &bytes, &alignment) ? 0 : STEPS;
}

static bool run_data_through(const run_options *options, const lstm_params *params, const run_data *d)
{
    const size_t leaves = lstm_model_state_count(d->model), most = options->threads * ROWS;
    const size_t rows = d->batch < most ? d->batch : most, steps = choose_chunk(options, d, rows);
    float **initial = calloc(leaves + 1, sizeof *initial), ** final = calloc(leaves + 1, sizeof *final);
    bool good = (initial && final) || complain("no memory is left");
    if (good && steps) {
        lstm_params *frozen;
        good = succeeded(lstm_params_freeze(params, NULL, &frozen));
        if (good) {
            good = run_chunks(frozen, d, rows, steps, initial, final);
            lstm_params_destroy(frozen);
        }
    } else if (good && rows && tape_is_larger(d, 1, justified(params, d))) {
        good = complain("\"%s\" needs both ends of a sequence: %zu steps would take far more memory than the files",
                        options->model, d->time);
    } else if (good) {
        good = run_whole(params, d, rows, initial, final);
    }
    free(initial);
    free(final);
    return good;
}

/* Whether two paths lead to one file. */
static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool run(const run_options *options)
{
    lstm_context *context = NULL;
    lstm_model *model = NULL;
    lstm_params *params = NULL;
    run_data data = {0};
    if (same_file(options->output, options->model) || same_file(options->output, options->input))
        return complain("the output \"%s\" is one of the files that are read", options->output);
    bool good = succeeded(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = options->threads), &context)) &&
                succeeded(lstm_model_open(context, options->model, &model, &params)) &&
                data_read(context, model, options->input, &data) && run_data_through(options, params, &data) &&
                data_write(context, &data, options->output);
    data_clear(&data);
    lstm_params_destroy(params);
    lstm_model_destroy(model);
    lstm_context_destroy(context);
    return good;
}

static bool selftest(const char *path)
{
    size_t tests;
    double difference;
    if (!succeeded(lstm_model_selftest(NULL, path, &tests, &difference)))
        return false;
    printf("selftest: %zu passed, largest difference %.3g of the largest output\n", tests, difference);
    return output_arrived();
}

int main(int argc, char **argv)
{
    run_options options;
    bool good = true;
    unsetenv("POSIXLY_CORRECT"); /* options may stand anywhere */
    switch (options_parse(argc, argv, &options)) {
    case MODE_RUN: good = run(&options); break;
    case MODE_DESCRIBE: good = describe(options.model); break;
    case MODE_SELFTEST: good = selftest(options.model); break;
    case MODE_DONE: good = output_arrived(); break;
    case MODE_REFUSED: return 2;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
