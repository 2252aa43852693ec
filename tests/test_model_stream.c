#include "counted.h"
#include "files.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3, TIME = 40 };

#define LAYERS(layers) "{\"input_size\": 2, \"layers\": [" layers "]}"
#define RECURRENT(more) "{\"type\": \"rnn\", " more "\"cell\": {\"type\": \"lstm\", \"num_units\": 5}}"
#define DENSE(more) "{\"type\": \"dense\", " more "\"units\": 4, \"activation\": \"tanh\"}"

static const char *const graphs[] = {
    LAYERS(RECURRENT("")),
    LAYERS(RECURRENT("") ", " DENSE("")),
    LAYERS(RECURRENT("\"return\": \"last\", ")),
    LAYERS(RECURRENT("\"return\": \"last\", ") ", " DENSE("") ", " DENSE("\"scope\": \"d2\", ")),
    LAYERS(DENSE("") ", {\"type\": \"rnn\", \"cell\": {\"type\": \"gru\", \"num_units\": 3}}, " RECURRENT(
        "\"scope\": \"top\", ")),
    LAYERS(DENSE("") ", " DENSE("\"scope\": \"d2\", ")),
    "{\"input_size\": 40, \"layers\": [{\"type\": \"dense\", \"units\": 40, \"activation\": \"tanh\"}]}",
    "{\"input_size\": 20, \"layers\": [{\"type\": \"rnn\", \"cell\": {\"type\": \"gru\", \"num_units\": 20}}]}",
};
enum { GRAPHS = sizeof graphs / sizeof *graphs };

/* A model with frozen weights, and what a run of it over everything gives. */
typedef struct whole {
    lstm_model *model;
    lstm_params *params, *frozen;
    size_t time, lengths[BATCH], in, out, outputs, leaves;
    bool last;
    float *x, *y, *final[8];
} whole;

static void whole_create(whole *w, const char *graph, size_t time)
{
    lstm_model_tape *tape;
    *w = (whole){.time = time, .lengths = {time, 0, time - 17}};
    ck_ok(lstm_params_create(NULL, &w->params));
    ck_ok(lstm_model_create(w->params, graph, &w->model));
    ck_ok(lstm_params_initialize(w->params, 3));
    ck_ok(lstm_params_freeze(w->params, NULL, &w->frozen));
    w->in = lstm_model_input_size(w->model);
    w->out = lstm_model_output_size(w->model);
    w->last = lstm_model_returns_last(w->model);
    w->outputs = BATCH * (w->last ? 1 : time) * w->out;
    w->x = test_numbers("x", BATCH * time * w->in, 1.0f);
    w->y = test_allocate(w->outputs, sizeof(float));
    w->leaves = lstm_model_state_count(w->model);
    for (size_t leaf = 0; leaf < w->leaves; leaf++)
        w->final[leaf] = test_allocate(BATCH * lstm_model_state_size(w->model, leaf), sizeof(float));
    for (size_t row = 0; row < BATCH; row++)
        for (size_t k = w->lengths[row] * w->in; k < time * w->in; k++)
            w->x[row * time * w->in + k] = NAN;
    ck_ok(lstm_model_tape_create(
        w->model, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = time, .inference = true), &tape));
    ck_ok(lstm_model_run(tape, w->params,
                         LSTM_ARGS(lstm_model_args, .batch = BATCH, .time = time, .inputs = w->x,
                                   .sequence_length = w->lengths, .outputs = w->y, .final_state = w->final)));
    lstm_model_tape_destroy(tape);
}

static void whole_destroy(whole *w)
{
    for (size_t leaf = 0; leaf < w->leaves; leaf++)
        free(w->final[leaf]);
    free(w->x);
    free(w->y);
    lstm_params_destroy(w->params);
    lstm_params_destroy(w->frozen);
    lstm_model_destroy(w->model);
}

/* Feed everything, `portion` steps a call, and compare. */
static void check_portions(const whole *w, size_t max_steps, size_t portion)
{
    lstm_model_stream *stream;
    ck_ok(lstm_model_stream_create(w->model, w->frozen,
                                   LSTM_ARGS(lstm_stream_config, .batch = BATCH, .max_steps = max_steps), &stream));
    for (int again = 0; again < 2; again++) {
        for (size_t t = 0; t < TIME; t += portion) {
            const size_t time = TIME - t < portion ? TIME - t : portion, stride = w->last ? w->out : time * w->out;
            size_t steps[BATCH];
            float *x = test_allocate(BATCH * time * w->in, sizeof *x);
            float *y = w->in == w->out && !w->last ? x : test_allocate(BATCH * time * w->out, sizeof *y);
            for (size_t row = 0; row < BATCH; row++) {
                const size_t left = w->lengths[row] > t ? w->lengths[row] - t : 0;
                steps[row] = left < time ? left : time;
                memcpy(x + row * time * w->in, w->x + (row * TIME + t) * w->in, time * w->in * sizeof *x);
            }
            ck_ok(lstm_model_stream_run(stream, time, steps, x, y));
            for (size_t row = 0; row < BATCH && !w->last; row++)
                ck_assert(same_bits(y + row * stride, w->y + (row * TIME + t) * w->out, stride));
            if (w->last && t + time == TIME)
                ck_assert(same_bits(y, w->y, w->outputs));
            free(x);
            if (y != x)
                free(y);
        }
        for (size_t leaf = 0; leaf < w->leaves; leaf++)
            ck_assert(same_bits(lstm_model_stream_state(stream, leaf), w->final[leaf],
                                BATCH * lstm_model_state_size(w->model, leaf)));
        ck_ok(lstm_model_stream_reset(stream));
    }
    lstm_model_stream_destroy(stream);
}

START_TEST(a_stream_has_the_bits_of_the_whole_in_whatever_portions_it_comes)
{
    for (size_t g = 0; g < GRAPHS; g++) {
        whole w;
        whole_create(&w, graphs[g], TIME);
        check_portions(&w, 0, 1);
        check_portions(&w, 0, 7);
        check_portions(&w, 4, 7);
        check_portions(&w, 0, TIME);
        check_portions(&w, TIME, TIME);
        check_portions(&w, 1, 20);
        whole_destroy(&w);
    }
}
END_TEST

START_TEST(a_row_can_start_again_while_the_others_go_on)
{
    whole w;
    whole_create(&w, graphs[3], TIME);
    lstm_model_stream *stream, *fresh;
    float y[BATCH * 4], once[4];
    ck_ok(lstm_model_stream_create(w.model, w.frozen, LSTM_ARGS(lstm_stream_config, .batch = BATCH), &stream));
    ck_ok(lstm_model_stream_create(w.model, w.frozen, NULL, &fresh));
    ck_ok(lstm_model_stream_run(stream, TIME, w.lengths, w.x, y));
    ck_ok(lstm_model_stream_reset_row(stream, 0));
    const size_t steps[BATCH] = {5, 0, 0};
    ck_ok(lstm_model_stream_run(stream, TIME, steps, w.x, y));
    ck_ok(lstm_model_stream_run(fresh, 5, NULL, w.x, once));
    ck_assert(same_bits(once, y, 4));
    ck_assert(same_bits(w.y + 4, y + 4, 8));
    lstm_model_stream_destroy(fresh);
    lstm_model_stream_destroy(stream);
    whole_destroy(&w);
}
END_TEST

START_TEST(streams_say_what_is_wrong)
{
    whole w;
    lstm_params *open;
    lstm_model *both;
    lstm_model_stream *stream;
    float y[4 * TIME];
    const size_t steps[1] = {3};
    whole_create(&w, graphs[1], TIME);
    ck_makes_nothing(lstm_model_stream, lstm_model_stream_create(NULL, w.frozen, NULL, &made),
                     LSTM_ERR_INVALID_ARGUMENT, "model is NULL");
    ck_makes_nothing(lstm_model_stream, lstm_model_stream_create(w.model, w.params, NULL, &made), LSTM_ERR_STATE,
                     "not frozen");
    ck_ok(lstm_params_create(NULL, &open));
    ck_makes_nothing(lstm_model_stream, lstm_model_stream_create(w.model, open, NULL, &made), LSTM_ERR_SHAPE, "layout");
    ck_ok(lstm_model_create(open,
                            LAYERS("{\"type\": \"bidirectional_rnn\", \"forward\": {\"type\": \"gru\","
                                   " \"num_units\": 2}, \"backward\": {\"type\": \"gru\", \"num_units\": 2}}"),
                            &both));
    ck_ok(lstm_params_initialize(open, 1));
    lstm_params *frozen;
    ck_ok(lstm_params_freeze(open, NULL, &frozen));
    ck_makes_nothing(lstm_model_stream, lstm_model_stream_create(both, frozen, NULL, &made), LSTM_ERR_UNSUPPORTED,
                     "bidirectional");
    ck_ok(lstm_model_stream_create(w.model, w.frozen, NULL, &stream));
    ck_fails(lstm_model_stream_run(NULL, 1, NULL, w.x, y), LSTM_ERR_INVALID_ARGUMENT, "stream is NULL");
    ck_fails(lstm_model_stream_run(stream, 1, NULL, NULL, y), LSTM_ERR_INVALID_ARGUMENT, "inputs is NULL");
    ck_fails(lstm_model_stream_run(stream, 1, NULL, w.x, NULL), LSTM_ERR_INVALID_ARGUMENT, "outputs is NULL");
    ck_fails(lstm_model_stream_run(stream, 2, steps, w.x, y), LSTM_ERR_INVALID_ARGUMENT, "steps[0] is 3");
    ck_fails(lstm_model_stream_reset_row(stream, 1), LSTM_ERR_INVALID_ARGUMENT, "row is 1");
    ck_fails(lstm_model_stream_reset(NULL), LSTM_ERR_INVALID_ARGUMENT, "stream is NULL");
    ck_ok(lstm_model_stream_run(stream, 0, NULL, NULL, NULL));
    ck_assert_ptr_null(lstm_model_stream_state(stream, 2));
    lstm_model_stream_destroy(stream);
    lstm_model_destroy(both);
    lstm_params_destroy(frozen);
    lstm_params_destroy(open);
    whole_destroy(&w);
}
END_TEST

/* ---- self-tests ---- */

static char file[64];

/* Save a model whose recorded self-test has the whole run's outputs, one of them off by `error`. */
static void record(const whole *w, const char *graph, float error, const char *output_name, int64_t first_length)
{
    const size_t x_shape[3] = {BATCH, w->time, w->in}, y_shape[3] = {BATCH, w->last ? w->out : w->time, w->out};
    const int64_t n[BATCH] = {first_length, (int64_t)w->lengths[1], (int64_t)w->lengths[2]};
    const size_t n_shape[1] = {BATCH};
    lstm_tensor tensors[16];
    size_t count = 0;
    const float *values = lstm_params_data(w->params, NULL);
    lstm_variable_info infos[10];
    for (; count < lstm_params_variable_count(w->params); count++) {
        ck_ok(lstm_params_variable(w->params, count, &infos[count]));
        tensors[count] = (lstm_tensor){infos[count].name,
                                       LSTM_DTYPE_F32,
                                       infos[count].rank,
                                       infos[count].shape,
                                       values + infos[count].offset,
                                       infos[count].count * sizeof(float)};
    }
    const size_t x_size = BATCH * w->time * w->in * sizeof(float);
    tensors[count++] = (lstm_tensor){"selftest/0/inputs", LSTM_DTYPE_F32, 3, x_shape, w->x, x_size};
    tensors[count++] = (lstm_tensor){"selftest/0/sequence_length", LSTM_DTYPE_I64, 1, n_shape, n, sizeof n};
    tensors[count++] =
        (lstm_tensor){output_name, LSTM_DTYPE_F32, w->last ? 2 : 3, y_shape, w->y, w->outputs * sizeof(float)};
    const lstm_metadata metadata[] = {{"lstm.format", "model"}, {"lstm.version", "1"}, {"lstm.model", graph}};
    w->y[0] += error;
    ck_ok(lstm_safetensors_save(NULL, file, metadata, 3, tensors, count));
    w->y[0] -= error;
}

START_TEST(self_tests_are_replayed_and_a_difference_is_told)
{
    size_t tests;
    double difference;
    snprintf(file, sizeof file, "%s", test_path("selftest"));
    for (size_t g = 1; g < GRAPHS; g++) {
        whole w;
        whole_create(&w, graphs[g], TIME);
        record(&w, graphs[g], 0.0f, "selftest/0/outputs", 40);
        ck_ok(lstm_model_selftest(NULL, file, &tests, &difference));
        ck_assert_uint_eq(tests, 1);
        ck_assert_double_le(difference, 1e-6);
        record(&w, graphs[g], 2e-4f, "selftest/0/outputs", 40);
        ck_fails(lstm_model_selftest(NULL, file, &tests, &difference), LSTM_ERR_FORMAT, "selftest/0 differs by");
        record(&w, graphs[g], NAN, "selftest/0/outputs", 40);
        ck_fails(lstm_model_selftest(NULL, file, &tests, &difference), LSTM_ERR_FORMAT, "selftest/0 differs by");
        record(&w, graphs[g], 0.0f, "selftest/1/outputs", 40);
        ck_fails(lstm_model_selftest(NULL, file, &tests, &difference), LSTM_ERR_FORMAT, "selftest/0: outputs");
        record(&w, graphs[g], 0.0f, "selftest/outputs", 40);
        ck_fails(lstm_model_selftest(NULL, file, &tests, &difference), LSTM_ERR_FORMAT, "selftest/0: outputs");
        record(&w, graphs[g], 0.0f, "selftest/0/outputs", 41);
        ck_fails(lstm_model_selftest(NULL, file, &tests, &difference), LSTM_ERR_FORMAT, "sequence_length");
        ck_ok(lstm_model_save(w.model, w.params, file));
        ck_fails(lstm_model_selftest(NULL, file, &tests, &difference), LSTM_ERR_FORMAT, "no self-tests");
        whole_destroy(&w);
    }
    ck_fails(lstm_model_selftest(NULL, NULL, &tests, &difference), LSTM_ERR_INVALID_ARGUMENT, "path is NULL");
    remove(file);
}
END_TEST

#define WIDE "{\"type\": \"dense\", \"units\": 1500}, "
#define ONE_WAY "{\"type\": \"gru\", \"num_units\": 2}"

/* What they allow in bytes: the steps of one row, or some rows of both directions; not the 1,500 units of every step. */
START_TEST(self_tests_take_the_memory_that_their_file_justifies)
{
    static const struct {
        const char *graph;
        size_t time, most;
    } cases[] = {
        {LAYERS(WIDE RECURRENT("")), 4000, 3 << 20},
        {LAYERS(WIDE RECURRENT("\"return\": \"last\", ")), 4000, 3 << 20},
        {LAYERS(WIDE "{\"type\": \"bidirectional_rnn\", \"forward\": " ONE_WAY ", \"backward\": " ONE_WAY "}"), 2000,
         18 << 20},
    };
    snprintf(file, sizeof file, "%s", test_path("selftest"));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        counter c = {.left = SIZE_MAX};
        lstm_context *context;
        whole w;
        size_t tests;
        double difference;
        whole_create(&w, cases[k].graph, cases[k].time);
        record(&w, cases[k].graph, 0.0f, "selftest/0/outputs", (int64_t)cases[k].time);
        ck_ok(counted_context(&c, &context));
        ck_ok(lstm_model_selftest(context, file, &tests, &difference));
        ck_assert_double_eq(difference, 0.0);
        ck_assert_uint_le(c.peak, cases[k].most);
        lstm_context_destroy(context);
        whole_destroy(&w);
    }
    remove(file);
}
END_TEST

Suite *model_stream_suite(void)
{
    return test_suite("model_stream", (const TTest *const[]){
                                          a_stream_has_the_bits_of_the_whole_in_whatever_portions_it_comes,
                                          a_row_can_start_again_while_the_others_go_on,
                                          streams_say_what_is_wrong,
                                          self_tests_are_replayed_and_a_difference_is_told,
                                          self_tests_take_the_memory_that_their_file_justifies,
                                          NULL,
                                      });
}
