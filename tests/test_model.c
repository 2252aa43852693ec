#include "files.h"
#include "platform.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 3, TIME = 5, MAX_LEAVES = 16 };

static const size_t lengths[BATCH] = {5, 0, 3};

/* A model with everything that a run and its backward take. */
typedef struct work {
    lstm_params *weights, *grads;
    lstm_model *model;
    lstm_model_tape *tape;
    size_t inputs, outputs;
    float *x, *y, *d_y, *d_x;
    size_t leaves;
    float *initial[MAX_LEAVES], *final[MAX_LEAVES], *d_final[MAX_LEAVES], *d_initial[MAX_LEAVES];
} work;

static void work_start(work *w, lstm_params *weights, lstm_model *model)
{
    *w = (work){.weights = weights, .model = model};
    ck_ok(lstm_params_create_like(weights, &w->grads));
    ck_ok(lstm_model_tape_create(model, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME), &w->tape));
    w->inputs = BATCH * TIME * lstm_model_input_size(model);
    w->outputs = BATCH * (lstm_model_returns_last(model) ? 1 : TIME) * lstm_model_output_size(model);
    w->x = test_numbers("x", w->inputs, 1.0f);
    w->d_y = test_numbers("d_y", w->outputs, 1.0f);
    w->y = test_allocate(w->outputs, sizeof(float));
    w->d_x = test_allocate(w->inputs, sizeof(float));
    w->leaves = lstm_model_state_count(model);
    ck_assert_uint_le(w->leaves, MAX_LEAVES);
    for (size_t leaf = 0; leaf < w->leaves; leaf++) {
        const size_t count = BATCH * lstm_model_state_size(model, leaf);
        char name[32];
        snprintf(name, sizeof name, "state %zu", leaf);
        w->initial[leaf] = test_numbers(name, count, 0.5f);
        snprintf(name, sizeof name, "d_state %zu", leaf);
        w->d_final[leaf] = test_numbers(name, count, 1.0f);
        w->final[leaf] = test_allocate(count, sizeof(float));
        w->d_initial[leaf] = test_allocate(count, sizeof(float));
    }
}

static void work_create(work *w, const char *graph)
{
    lstm_params *weights;
    lstm_model *model;
    ck_ok(lstm_params_create(NULL, &weights));
    ck_ok(lstm_model_create(weights, graph, &model));
    ck_ok(lstm_params_initialize(weights, 7));
    size_t count;
    float *w0 = lstm_params_edit(weights, &count), *noise = test_numbers("noise", count, 0.25f);
    for (size_t k = 0; k < count; k++) /* no bias stays at zero */
        w0[k] += noise[k];
    free(noise);
    work_start(w, weights, model);
}

static void work_destroy(work *w)
{
    for (size_t leaf = 0; leaf < w->leaves; leaf++) {
        free(w->initial[leaf]);
        free(w->final[leaf]);
        free(w->d_final[leaf]);
        free(w->d_initial[leaf]);
    }
    free(w->x);
    free(w->y);
    free(w->d_y);
    free(w->d_x);
    lstm_model_tape_destroy(w->tape);
    lstm_model_destroy(w->model);
    lstm_params_destroy(w->grads);
    lstm_params_destroy(w->weights);
}

static void work_run(work *w, const size_t *sequence_length, bool logits)
{
    ck_ok(
        lstm_model_run(w->tape, w->weights,
                       LSTM_ARGS(lstm_model_args, .batch = BATCH, .time = TIME, .inputs = w->x,
                                 .sequence_length = sequence_length, .initial_state = (const float *const *)w->initial,
                                 .outputs = w->y, .final_state = w->final, .logits = logits)));
}

static void work_back(work *w)
{
    lstm_params_zero(w->grads);
    ck_ok(lstm_model_backward(w->tape, w->weights,
                              LSTM_ARGS(lstm_model_grads, .d_outputs = w->d_y,
                                        .d_final_state = (const float *const *)w->d_final, .d_params = w->grads,
                                        .d_inputs = w->d_x, .d_initial_state = w->d_initial)));
}

static double work_loss(work *w, const size_t *sequence_length, bool logits)
{
    double loss = 0.0;
    work_run(w, sequence_length, logits);
    for (size_t k = 0; k < w->outputs; k++)
        loss += (double)w->y[k] * (double)w->d_y[k];
    for (size_t leaf = 0; leaf < w->leaves; leaf++)
        for (size_t k = 0; k < BATCH * lstm_model_state_size(w->model, leaf); k++)
            loss += (double)w->final[leaf][k] * (double)w->d_final[leaf][k];
    return loss;
}

/* Differences of float32 losses of order 1 to 10, two steps of 1e-2 apart: noise of 1e-5, curvature about as much. */
#define DIFFERENCE_TOLERANCE 2e-3

static void check_direction(work *w, const size_t *sequence_length, bool logits, const char *what, float *numbers,
                            const float *gradient, size_t count)
{
    const float step = 1e-2f;
    float *direction = test_numbers("direction", count, 1.0f), *before = test_allocate(count, sizeof *before);
    double said = 0.0, norm = 0.0;
    for (size_t k = 0; k < count; k++)
        norm += (double)direction[k] * (double)direction[k];
    for (size_t k = 0; k < count; k++) {
        direction[k] /= (float)sqrt(norm);
        said += (double)direction[k] * (double)gradient[k];
        before[k] = numbers[k];
    }
    double loss[2];
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < count; k++)
            numbers[k] = before[k] + (side ? -step : step) * direction[k];
        (void)lstm_params_edit(w->weights, NULL);
        loss[side] = work_loss(w, sequence_length, logits);
    }
    memcpy(numbers, before, count * sizeof *numbers);
    (void)lstm_params_edit(w->weights, NULL);
    const double found = (loss[0] - loss[1]) / (2.0 * (double)step);
    ck_assert_msg(fabs(found - said) <= DIFFERENCE_TOLERANCE * (1.0 + fabs(said)), "%s: %g, by differences %g", what,
                  said, found);
    free(before);
    free(direction);
}

static const char *const graphs[] = {
    "{\"input_size\": 2, \"layers\": [{\"type\": \"rnn\", \"cell\": {\"type\": \"lstm\", \"num_units\": 5}},"
    " {\"type\": \"dense\", \"units\": 4, \"activation\": \"softmax\"}]}",
    "{\"input_size\": 2, \"layers\": [{\"type\": \"rnn\", \"return\": \"last\", \"cell\": {\"type\": \"gru\","
    " \"num_units\": 5}}, {\"type\": \"dense\", \"units\": 4, \"activation\": \"tanh\"},"
    " {\"type\": \"dense\", \"scope\": \"d2\", \"units\": 3, \"use_bias\": false, \"activation\": \"sigmoid\"}]}",
    "{\"input_size\": 3, \"layers\": [{\"type\": \"dense\", \"units\": 4, \"activation\": \"tanh\"},"
    " {\"type\": \"bidirectional_rnn\", \"forward\": {\"type\": \"basic_lstm\", \"num_units\": 3, \"forget_bias\": 0},"
    " \"backward\": {\"type\": \"basic_rnn\", \"num_units\": 2, \"activation\": \"sigmoid\"}},"
    " {\"type\": \"bidirectional_rnn\", \"scope\": \"top\", \"merge\": \"sum\", \"return\": \"last\","
    " \"forward\": {\"type\": \"cudnn_compatible_gru\", \"num_units\": 3},"
    " \"backward\": {\"type\": \"lstm\", \"num_units\": 6, \"num_proj\": 3, \"proj_clip\": null,"
    " \"use_peepholes\": true, \"cell_clip\": 50}}]}",
    "{\"input_size\": 4, \"layers\": [{\"type\": \"rnn\", \"cell\": {\"type\": \"multi_rnn\", \"cells\":"
    " [{\"type\": \"residual\", \"cell\": {\"type\": \"gru\", \"num_units\": 4}},"
    " {\"type\": \"layer_norm_basic_lstm\", \"num_units\": 3, \"layer_norm\": false}]}}]}",
    "{\"input_size\": 4, \"layers\": [{\"type\": \"dense\", \"units\": 2, \"activation\": \"sigmoid\"},"
    " {\"type\": \"dense\", \"scope\": \"out\", \"units\": 3}]}",
};
enum { GRAPHS = sizeof graphs / sizeof *graphs };

static void check_gradients(const char *graph, const size_t *sequence_length, bool logits)
{
    work w;
    work_create(&w, graph);
    work_run(&w, sequence_length, logits);
    work_back(&w);
    check_direction(&w, sequence_length, logits, "inputs", w.x, w.d_x, w.inputs);
    for (size_t leaf = 0; leaf < w.leaves; leaf++)
        check_direction(&w, sequence_length, logits, "initial state", w.initial[leaf], w.d_initial[leaf],
                        BATCH * lstm_model_state_size(w.model, leaf));
    for (size_t k = 0; k < lstm_params_variable_count(w.weights); k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(w.weights, k, &info));
        check_direction(&w, sequence_length, logits, info.name, lstm_params_edit(w.weights, NULL) + info.offset,
                        lstm_params_data(w.grads, NULL) + info.offset, info.count);
    }
    work_destroy(&w);
}

START_TEST(gradients_through_all_layers_are_those_of_the_loss)
{
    for (size_t k = 0; k < GRAPHS; k++) {
        check_gradients(graphs[k], NULL, false);
        check_gradients(graphs[k], lengths, false);
    }
    check_gradients(graphs[0], lengths, true);
    check_gradients(graphs[1], NULL, true);
}
END_TEST

START_TEST(a_model_has_the_bits_of_its_layers_run_by_hand)
{
    work w;
    work_create(&w, graphs[1]);
    lstm_cell *cell;
    lstm_rnn *rnn;
    lstm_dense *first, *second;
    lstm_tape *tape;
    ck_ok(lstm_cell_create_gru(NULL, 5, NULL, &cell));
    ck_ok(lstm_rnn_create(w.weights, NULL, cell, 2, NULL, &rnn));
    ck_ok(lstm_dense_create(w.weights, NULL, 5, 4, LSTM_ARGS(lstm_dense_config, .activation = LSTM_ACTIVATION_TANH),
                            &first));
    ck_ok(lstm_dense_create(w.weights, "d2", 4, 3,
                            LSTM_ARGS(lstm_dense_config, .activation = LSTM_ACTIVATION_SIGMOID, .no_bias = true),
                            &second));
    ck_ok(lstm_tape_create(rnn, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME), &tape));
    float last[BATCH * 5], middle[BATCH * 4], y[BATCH * 3];
    ck_ok(lstm_dynamic_rnn(tape, w.weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = BATCH, .time = TIME, .inputs = w.x,
                                     .sequence_length = lengths, .initial_state = (const float *const *)w.initial,
                                     .last_output = last)));
    ck_ok(lstm_dense_forward(first, w.weights, BATCH, last, middle));
    ck_ok(lstm_dense_forward(second, w.weights, BATCH, middle, y));
    work_run(&w, lengths, false);
    ck_assert(same_bits(y, w.y, BATCH * 3));
    lstm_tape_destroy(tape);
    lstm_dense_destroy(first);
    lstm_dense_destroy(second);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    work_destroy(&w);
}
END_TEST

START_TEST(padding_is_not_read_and_dense_layers_before_recurrent_ones_give_zeros_there)
{
    for (size_t g = 0; g < GRAPHS; g++) {
        work w;
        work_create(&w, graphs[g]);
        work_run(&w, lengths, false);
        work_back(&w);
        float *y = test_allocate(w.outputs, sizeof *y), *d_x = test_allocate(w.inputs, sizeof *d_x);
        memcpy(y, w.y, w.outputs * sizeof *y);
        memcpy(d_x, w.d_x, w.inputs * sizeof *d_x);
        size_t width = lstm_model_input_size(w.model);
        for (size_t row = 0; row < BATCH; row++)
            for (size_t k = lengths[row] * width; k < TIME * width; k++) {
                w.x[row * TIME * width + k] = NAN;
                ck_assert(same_bits(&d_x[row * TIME * width + k], &(float){0.0f}, 1));
            }
        work_run(&w, lengths, false);
        work_back(&w);
        ck_assert(same_bits(y, w.y, w.outputs));
        ck_assert(same_bits(d_x, w.d_x, w.inputs));
        width = lstm_model_output_size(w.model);
        for (size_t row = 0; row < BATCH && g >= 3; row++) /* these end with a recurrent layer, or have none */
            for (size_t k = lengths[row] * width; k < TIME * width; k++)
                ck_assert(same_bits(&w.y[row * TIME * width + k], &(float){0.0f}, 1));
        free(y);
        free(d_x);
        work_destroy(&w);
    }
}
END_TEST

START_TEST(tapes_for_inference_and_in_the_callers_memory_give_the_same_bits)
{
    for (size_t g = 0; g < GRAPHS; g++)
        for (int inference = 0; inference < 2; inference++) {
            work w;
            work_create(&w, graphs[g]);
            work_run(&w, lengths, false);
            lstm_tape_config c = {
                .struct_size = sizeof c, .max_batch = BATCH, .max_time = TIME, .inference = inference == 1};
            size_t alignment;
            ck_ok(lstm_model_tape_size(w.model, &c, &c.memory_size, &alignment));
            ck_assert_uint_eq(alignment, 64);
            unsigned char *memory = lstm__platform_allocate(c.memory_size + 64, 64);
            ck_assert_ptr_nonnull(memory);
            memset(memory, 0xA5, c.memory_size + 64);
            c.memory = memory;
            lstm_model_tape *tape;
            ck_ok(lstm_model_tape_create(w.model, &c, &tape));
            float *y = test_allocate(w.outputs, sizeof *y);
            ck_ok(lstm_model_run(tape, w.weights,
                                 LSTM_ARGS(lstm_model_args, .batch = BATCH, .time = TIME, .inputs = w.x,
                                           .sequence_length = lengths, .initial_state = (const float *const *)w.initial,
                                           .outputs = y)));
            ck_assert(same_bits(y, w.y, w.outputs));
            for (size_t k = c.memory_size; k < c.memory_size + 64; k++)
                ck_assert_uint_eq(memory[k], 0xA5);
            if (inference)
                ck_fails(lstm_model_backward(tape, w.weights, LSTM_ARGS(lstm_model_grads, .d_outputs = w.d_y)),
                         LSTM_ERR_STATE, "inference");
            lstm_model_tape_destroy(tape);
            c.memory_size--;
            ck_makes_nothing(lstm_model_tape, lstm_model_tape_create(w.model, &c, &made), LSTM_ERR_CAPACITY,
                             "memory_size");
            c.memory_size++;
            c.memory = memory + 4;
            ck_makes_nothing(lstm_model_tape, lstm_model_tape_create(w.model, &c, &made), LSTM_ERR_INVALID_ARGUMENT,
                             "aligned");
            lstm__platform_release(memory);
            free(y);
            work_destroy(&w);
        }
}
END_TEST

/* With lengths a dense layer goes from row to row. */
START_TEST(runs_without_steps_need_no_arrays)
{
    const size_t none[BATCH] = {0};
    const lstm_tape_config config = {
        .struct_size = sizeof config, .max_batch = BATCH, .max_time = 1, .inference = true};
    lstm_model_tape *inference;
    work w;
    work_create(&w, "{\"input_size\": 2, \"layers\": [{\"type\": \"dense\", \"units\": 4}]}");
    ck_ok(lstm_model_tape_create(w.model, &config, &inference));
    const lstm_model_args args = {.struct_size = sizeof args, .batch = BATCH, .sequence_length = none};
    ck_ok(lstm_model_run(inference, w.weights, &args));
    ck_ok(lstm_model_run(w.tape, w.weights, &args));
    ck_ok(lstm_model_backward(w.tape, w.weights, LSTM_ARGS(lstm_model_grads, .d_params = w.grads)));
    lstm_model_tape_destroy(inference);
    work_destroy(&w);
}
END_TEST

/* Of dense layers alone, whose memory for inference is that of max_steps. */
START_TEST(a_tape_is_for_no_more_steps_than_can_be_counted)
{
    lstm_model_tape *tape = NULL;
    work w;
    work_create(&w, "{\"input_size\": 2, \"layers\": [{\"type\": \"dense\", \"units\": 4}]}");
    for (size_t steps = 0; steps < 2; steps++)
        ck_fails(lstm_model_tape_create(w.model,
                                        LSTM_ARGS(lstm_tape_config, .max_batch = 2, .max_time = SIZE_MAX / 2 + 1,
                                                  .max_steps = 16 * steps, .inference = true),
                                        &tape),
                 LSTM_ERR_OUT_OF_MEMORY, "out of memory");
    ck_assert_ptr_null(tape);
    work_destroy(&w);
}
END_TEST

START_TEST(tapes_may_be_for_no_rows_or_no_steps)
{
    for (size_t g = 0; g < GRAPHS; g++)
        for (int k = 0; k < 4; k++) {
            const lstm_tape_config config = {.struct_size = sizeof config,
                                             .max_batch = k % 2 ? BATCH : 0,
                                             .max_time = k % 2 ? 0 : TIME,
                                             .inference = k > 1};
            lstm_model_tape *tape;
            work w;
            work_create(&w, graphs[g]);
            ck_ok(lstm_model_tape_create(w.model, &config, &tape));
            ck_ok(
                lstm_model_run(tape, w.weights, LSTM_ARGS(lstm_model_args, .batch = config.max_batch, .outputs = w.y)));
            if (!config.inference)
                ck_ok(lstm_model_backward(tape, w.weights,
                                          LSTM_ARGS(lstm_model_grads, .d_outputs = w.d_y, .d_params = w.grads)));
            ck_fails(
                lstm_model_run(tape, w.weights,
                               LSTM_ARGS(lstm_model_args, .batch = BATCH, .time = TIME, .inputs = w.x, .outputs = w.y)),
                LSTM_ERR_CAPACITY, "holds");
            lstm_model_tape_destroy(tape);
            work_destroy(&w);
        }
}
END_TEST

START_TEST(runs_say_what_is_wrong_and_write_nothing)
{
    work w;
    work_create(&w, graphs[0]);
    const float *const missing[2] = {w.initial[0], NULL};
    const size_t too_long[BATCH] = {1, 6, 2};
    lstm_params *other;
    ck_ok(lstm_params_create(NULL, &other));
#define RUN(...) lstm_model_run(w.tape, w.weights, LSTM_ARGS(lstm_model_args, __VA_ARGS__))
    ck_fails(lstm_model_run(NULL, w.weights, LSTM_ARGS(lstm_model_args, .batch = 0)), LSTM_ERR_INVALID_ARGUMENT,
             "tape is NULL");
    ck_fails(lstm_model_run(w.tape, w.weights, NULL), LSTM_ERR_INVALID_ARGUMENT, "args is NULL");
    ck_fails(lstm_model_run(w.tape, other, LSTM_ARGS(lstm_model_args, .batch = 0)), LSTM_ERR_SHAPE, "layout");
    ck_fails(RUN(.batch = BATCH + 1, .time = 1, .inputs = w.x, .outputs = w.y), LSTM_ERR_CAPACITY, "holds 3, 5");
    ck_fails(RUN(.batch = 1, .time = TIME + 1, .inputs = w.x, .outputs = w.y), LSTM_ERR_CAPACITY, "holds 3, 5");
    ck_fails(RUN(.batch = 1, .time = 1, .outputs = w.y), LSTM_ERR_INVALID_ARGUMENT, "inputs is NULL");
    ck_fails(RUN(.batch = 1, .time = 1, .inputs = w.x), LSTM_ERR_INVALID_ARGUMENT, "outputs is NULL");
    ck_fails(RUN(.batch = 1, .time = 1, .inputs = w.x, .outputs = w.y, .initial_state = missing),
             LSTM_ERR_INVALID_ARGUMENT, "initial_state[1] is NULL");
    ck_fails(RUN(.batch = BATCH, .time = TIME, .inputs = w.x, .outputs = w.y, .sequence_length = too_long),
             LSTM_ERR_INVALID_ARGUMENT, "sequence_length[1] is 6");
    ck_fails(lstm_model_backward(w.tape, w.weights, LSTM_ARGS(lstm_model_grads, .d_outputs = w.d_y)), LSTM_ERR_STATE,
             "no run before");
    ck_ok(RUN(.batch = 0, .time = TIME));
    ck_ok(RUN(.batch = BATCH, .time = 0));
    work_run(&w, NULL, false);
    ck_fails(lstm_model_backward(w.tape, w.weights, LSTM_ARGS(lstm_model_grads, .d_params = w.grads)),
             LSTM_ERR_INVALID_ARGUMENT, "d_outputs is NULL");
    ck_fails(
        lstm_model_backward(w.tape, w.weights, LSTM_ARGS(lstm_model_grads, .d_outputs = w.d_y, .d_params = w.weights)),
        LSTM_ERR_INVALID_ARGUMENT, "same store");
    (void)lstm_params_edit(w.weights, NULL);
    ck_fails(lstm_model_backward(w.tape, w.weights, LSTM_ARGS(lstm_model_grads, .d_outputs = w.d_y)), LSTM_ERR_STATE,
             "no longer");
#undef RUN
    lstm_params_destroy(other);
    work_destroy(&w);
    work_create(&w, graphs[3]);
    ck_fails(lstm_model_run(
                 w.tape, w.weights,
                 LSTM_ARGS(lstm_model_args, .batch = 1, .time = 1, .inputs = w.x, .outputs = w.y, .logits = true)),
             LSTM_ERR_INVALID_ARGUMENT, "no logits");
    work_destroy(&w);
}
END_TEST

#define ONE(layer) "{\"input_size\": 2, \"layers\": [" layer "]}"
#define CELL(cell) ONE("{\"type\": \"rnn\", \"cell\": " cell "}")

START_TEST(a_model_binds_to_a_sealed_store_and_leaves_an_open_one_as_it_was_on_failure)
{
    work w;
    work_create(&w, graphs[0]);
    lstm_model *again;
    ck_ok(lstm_model_create(w.weights, graphs[0], &again));
    ck_assert_str_eq(lstm_model_graph(again), graphs[0]);
    lstm_model_destroy(again);
    ck_makes_nothing(lstm_model, lstm_model_create(w.weights, graphs[1], &made), LSTM_ERR_STATE,
                     "no variable \"rnn/gru_cell/gates/kernel\"");
    ck_makes_nothing(lstm_model, lstm_model_create(w.weights, CELL("{\"type\": \"lstm\", \"num_units\": 6}"), &made),
                     LSTM_ERR_SHAPE, "rnn/lstm_cell/kernel");
    work_destroy(&w);
    lstm_params *params;
    const size_t shape[1] = {3};
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_declare(params, "dense/bias", 1, shape, NULL));
    ck_makes_nothing(lstm_model, lstm_model_create(params, graphs[0], &made), LSTM_ERR_STATE,
                     "\"dense/bias\" is taken");
    ck_assert_uint_eq(lstm_params_variable_count(params), 1);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_model_tells_its_sizes)
{
    work w;
    work_create(&w, graphs[2]);
    ck_assert_uint_eq(lstm_model_input_size(w.model), 3);
    ck_assert_uint_eq(lstm_model_output_size(w.model), 3);
    ck_assert(lstm_model_returns_last(w.model));
    ck_assert(!lstm_model_has_logits(w.model));
    static const size_t sizes[] = {3, 3, 2, 3, 6, 3}; /* c and h, h; h, c and m */
    ck_assert_uint_eq(lstm_model_state_count(w.model), sizeof sizes / sizeof *sizes);
    for (size_t leaf = 0; leaf < sizeof sizes / sizeof *sizes; leaf++)
        ck_assert_uint_eq(lstm_model_state_size(w.model, leaf), sizes[leaf]);
    ck_assert_uint_eq(lstm_model_state_size(w.model, 6), 0);
    work_destroy(&w);
    ck_assert_uint_eq(lstm_model_state_count(NULL), 0);
    ck_assert_uint_eq(lstm_model_input_size(NULL), 0);
    ck_assert_ptr_null(lstm_model_graph(NULL));
}
END_TEST

/* ---- files ---- */

static char file[64];

static void make_file_name(void)
{
    snprintf(file, sizeof file, "%s", test_path("model"));
}

static unsigned char *read_file(size_t *size)
{
    FILE *in = fopen(file, "rb");
    ck_assert_ptr_nonnull(in);
    unsigned char *bytes = test_allocate(100000, 1);
    *size = fread(bytes, 1, 100000, in);
    fclose(in);
    return bytes;
}

START_TEST(what_is_saved_is_opened_from_file_and_memory_with_the_same_bits)
{
    make_file_name();
    for (size_t g = 0; g < GRAPHS; g++) {
        work w, opened, loaded;
        lstm_model *model;
        lstm_params *params;
        size_t size;
        work_create(&w, graphs[g]);
        ck_ok(lstm_model_save(w.model, w.weights, file));
        ck_ok(lstm_model_open(NULL, file, &model, &params));
        ck_assert_str_eq(lstm_model_graph(model), graphs[g]);
        work_start(&opened, params, model);
        unsigned char *bytes = read_file(&size);
        ck_ok(lstm_model_open_memory(NULL, bytes, size, &model, &params));
        free(bytes);
        work_start(&loaded, params, model);
        work_run(&w, lengths, false);
        work_run(&opened, lengths, false);
        work_run(&loaded, lengths, false);
        ck_assert(same_bits(w.y, opened.y, w.outputs));
        ck_assert(same_bits(w.y, loaded.y, w.outputs));
        work_destroy(&w);
        work_destroy(&opened);
        work_destroy(&loaded);
    }
    remove(file);
}
END_TEST

START_TEST(a_models_file_has_its_own_variables_only)
{
    make_file_name();
    lstm_params *params, *read;
    lstm_model *model, *again;
    const size_t shape[1] = {3};
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_declare(params, "dense/other", 1, shape, NULL));
    ck_ok(lstm_model_create(params, graphs[4], &model));
    ck_fails(lstm_model_save(model, params, file), LSTM_ERR_STATE, "open");
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_model_save(model, params, file));
    ck_ok(lstm_model_open(NULL, file, &again, &read));
    ck_assert_uint_eq(lstm_params_variable_count(read), 4);
    ck_fails(lstm_model_save(model, read, file), LSTM_ERR_SHAPE, "layout");
    lstm_model_destroy(again);
    lstm_model_destroy(model);
    lstm_params_destroy(read);
    lstm_params_destroy(params);
    remove(file);
}
END_TEST

static void no_model(const char *text, const lstm_tensor *tensors, size_t count, const char *words)
{
    lstm_model *model = NULL;
    lstm_params *params = NULL;
    const lstm_metadata metadata[] = {{"lstm.format", "model"}, {"lstm.version", "1"}, {"lstm.model", text}};
    ck_ok(lstm_safetensors_save(NULL, file, text ? metadata : NULL, text ? 3 : 0, tensors, count));
    ck_fails(lstm_model_open(NULL, file, &model, &params), LSTM_ERR_FORMAT, words);
    ck_assert_ptr_null(model);
    ck_assert_ptr_null(params);
}

START_TEST(files_that_are_no_models_are_refused_by_name)
{
    make_file_name();
    static const float values[8];
    const size_t kernel[2] = {2, 3}, bias[1] = {3}, other[2] = {3, 2};
    const lstm_tensor good[3] = {{"dense/kernel", LSTM_DTYPE_F32, 2, kernel, values, sizeof(float[6])},
                                 {"dense/bias", LSTM_DTYPE_F32, 1, bias, values, sizeof(float[3])},
                                 {"dense/more", LSTM_DTYPE_F32, 1, bias, values, sizeof(float[3])}};
    lstm_tensor turned[2] = {good[0], good[1]};
    const char *text = ONE("{\"type\": \"dense\", \"units\": 3}");
    turned[0].shape = other;
    no_model(NULL, good, 2, "no graph");
    no_model(text, good, 1, "missing \"dense/bias\" [3]");
    no_model(text, good, 3, "unused \"dense/more\" [3]");
    no_model(text, turned, 2, "\"dense/kernel\": [3, 2], expected [2, 3]");
    no_model("{}", good, 2, "the graph");
    no_model(ONE("{\"type\": \"rnn\", \"scope\": \"dense\", \"cell\": {\"type\": \"gru\", \"num_units\": 3}},"
                 " {\"type\": \"dense\", \"scope\": \"dense/gru_cell/gates\", \"units\": 3}"),
             good, 2, "is taken");
    /* A graph of any size is checked against the tensors before there is memory for it. */
    const bool wide = SIZE_MAX > UINT32_MAX; /* else 16000 units are nearly too many for a size */
    no_model(wide ? CELL("{\"type\": \"lstm\", \"num_units\": 1000000}")
                  : CELL("{\"type\": \"lstm\", \"num_units\": 16000}"),
             good, 0, "missing \"rnn/lstm_cell/kernel\"");
    if (wide)
        no_model(CELL("{\"type\": \"lstm\", \"num_units\": 2147483647}"), good, 0, "");
    lstm_model *model = NULL;
    lstm_params *params = NULL;
    ck_fails(lstm_model_open(NULL, "/nowhere/model", &model, &params), LSTM_ERR_IO, "/nowhere/model");
    ck_fails(lstm_model_open(NULL, NULL, &model, &params), LSTM_ERR_INVALID_ARGUMENT, "path is NULL");
    ck_fails(lstm_model_open(NULL, file, NULL, &params), LSTM_ERR_INVALID_ARGUMENT, "model is NULL");
    ck_fails(lstm_model_open_memory(NULL, NULL, 3, &model, &params), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    remove(file);
}
END_TEST

Suite *model_suite(void)
{
    return test_suite("model", (const TTest *const[]){
                                   gradients_through_all_layers_are_those_of_the_loss,
                                   a_model_has_the_bits_of_its_layers_run_by_hand,
                                   padding_is_not_read_and_dense_layers_before_recurrent_ones_give_zeros_there,
                                   tapes_for_inference_and_in_the_callers_memory_give_the_same_bits,
                                   runs_without_steps_need_no_arrays,
                                   a_tape_is_for_no_more_steps_than_can_be_counted,
                                   tapes_may_be_for_no_rows_or_no_steps,
                                   runs_say_what_is_wrong_and_write_nothing,
                                   a_model_binds_to_a_sealed_store_and_leaves_an_open_one_as_it_was_on_failure,
                                   a_model_tells_its_sizes,
                                   what_is_saved_is_opened_from_file_and_memory_with_the_same_bits,
                                   a_models_file_has_its_own_variables_only,
                                   files_that_are_no_models_are_refused_by_name,
                                   NULL,
                               });
}
