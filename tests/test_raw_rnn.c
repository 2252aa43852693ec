/* The raw loop: inputs made from outputs. */
#include "golden.h"
#include "unroll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Inputs read from a given sequence: raw_rnn is then dynamic_rnn. */
typedef struct reader {
    const unroll *u;
    size_t calls;
} reader;

static lstm_status read_next(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                             const float *const *state, float *input, bool *finished)
{
    reader *r = user;
    const unroll *u = r->u;
    r->calls++;
    ck_assert((output == NULL) == (time == 0));
    for (size_t k = 0; k < rows; k++) {
        const size_t row = first_row + k;
        if (time == 0)
            ck_assert(same_bits(state[0] + k * lstm_rnn_state_size(u->rnn, 0),
                                u->state[0] + row * lstm_rnn_state_size(u->rnn, 0), lstm_rnn_state_size(u->rnn, 0)));
        ck_assert(time == 0 || finished[k] == (unroll_length(u, row) <= time - 1));
        finished[k] = unroll_length(u, row) == time; /* once is enough */
        if (unroll_length(u, row) > time)
            memcpy(input + k * u->shape.input, u->x + unroll_place(u, row, time) * u->shape.input,
                   u->shape.input * sizeof *input);
        else
            for (size_t i = 0; i < u->shape.input; i++)
                input[k * u->shape.input + i] = NAN; /* need not be written, and is not used */
    }
    return LSTM_OK;
}

/* Run the loop on a twin of the unroll's and compare all results. */
static void check_reader(unroll *u, unroll *twin)
{
    size_t lengths[100], count;
    reader r = {.u = u};
    const lstm_raw_loop loop = {.struct_size = sizeof loop, .user = &r, .next = read_next};
    unroll_run(u);
    lstm_params_zero(twin->grads);
    ck_ok(lstm_raw_rnn(twin->tape, twin->weights, &loop,
                       LSTM_ARGS(lstm_raw_rnn_args, .batch = u->shape.batch, .max_time = u->shape.time,
                                 .initial_state = (const float *const *)twin->state, .outputs = twin->y,
                                 .sequence_length = lengths, .final_state = twin->final)));
    for (size_t row = 0; row < u->shape.batch; row++)
        ck_assert_uint_eq(lengths[row], unroll_length(u, row));
    ck_close(twin->y, u->y, u->y_count, "outputs");
    for (size_t k = 0; k < u->last_count; k++) /* d_last_output, which the raw loop has not */
        u->d_last[k] = 0.0f;
    unroll_run(u);
    ck_ok(lstm_raw_rnn_backward(twin->tape, twin->weights, &loop,
                                LSTM_ARGS(lstm_raw_rnn_grads, .d_outputs = twin->d_y,
                                          .d_final_state = (const float *const *)twin->d_final, .d_params = twin->grads,
                                          .d_initial_state = twin->d_initial)));
    const float *grads = lstm_params_data(u->grads, &count);
    ck_close(lstm_params_data(twin->grads, NULL), grads, count, "gradients");
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        ck_close(twin->final[leaf], u->final[leaf], u->state_count[leaf], "final_state");
        ck_close(twin->d_initial[leaf], u->d_initial[leaf], u->state_count[leaf], "d_initial_state");
    }
}

START_TEST(a_loop_that_reads_a_sequence_is_dynamic_rnn)
{
    size_t lengths[70];
    for (size_t row = 0; row < 70; row++)
        lengths[row] = (row * 5 + 2) % 8;
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        for (int layout = 0; layout < 2; layout++) {
            const unroll_shape shape = {.input = 3,
                                        .batch = 70,
                                        .time = 7,
                                        .lengths = lengths,
                                        .layout = layout ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR};
            lstm_cell *cell = test_cell(test_cell_kinds[kind], 5, LSTM_ACTIVATION_DEFAULT, 1.0f);
            unroll u, twin;
            unroll_create(&u, NULL, cell, &shape);
            unroll_create(&twin, NULL, cell, &shape);
            lstm_cell_destroy(cell);
            check_reader(&u, &twin);
            unroll_destroy(&u);
            unroll_destroy(&twin);
        }
}
END_TEST

/* Gradients of the weights come of the other rows, and are finite. */
START_TEST(a_row_without_steps_may_start_from_nan)
{
    static const size_t lengths[] = {4, 0, 2};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        const unroll_shape shape = {.input = 3, .batch = 3, .time = 5, .lengths = lengths};
        lstm_cell *cell = test_cell(test_cell_kinds[kind], 5, LSTM_ACTIVATION_DEFAULT, 1.0f);
        reader r = {0};
        const lstm_raw_loop loop = {.struct_size = sizeof loop, .user = &r, .next = read_next};
        unroll u, twin;
        size_t count;
        unroll_create(&u, NULL, cell, &shape);
        unroll_create(&twin, NULL, cell, &shape);
        lstm_cell_destroy(cell);
        r.u = &u;
        for (size_t leaf = 0; leaf < u.leaves; leaf++)
            for (size_t k = 0, width = lstm_rnn_state_size(u.rnn, leaf); k < width; k++)
                u.state[leaf][width + k] = NAN;
        for (size_t k = 0; k < u.last_count; k++) /* d_last_output, which the raw loop has not */
            u.d_last[k] = 0.0f;
        unroll_run(&u);
        ck_ok(lstm_raw_rnn(twin.tape, twin.weights, &loop,
                           LSTM_ARGS(lstm_raw_rnn_args, .batch = 3, .max_time = 5,
                                     .initial_state = (const float *const *)u.state, .final_state = twin.final)));
        ck_ok(lstm_raw_rnn_backward(twin.tape, twin.weights, &loop,
                                    LSTM_ARGS(lstm_raw_rnn_grads, .d_outputs = twin.d_y,
                                              .d_final_state = (const float *const *)twin.d_final,
                                              .d_params = twin.grads)));
        const float *grads = lstm_params_data(u.grads, &count);
        for (size_t k = 0; k < count; k++)
            ck_assert(isfinite(grads[k]));
        ck_close(lstm_params_data(twin.grads, NULL), grads, count, "gradients");
        for (size_t leaf = 0; leaf < u.leaves; leaf++)
            for (size_t k = 0, width = lstm_rnn_state_size(u.rnn, leaf); k < 3 * width; k++)
                ck_assert(k / width == 1 ? isnan(twin.final[leaf][k]) != 0
                                         : fabsf(twin.final[leaf][k] - u.final[leaf][k]) < 1e-5f);
        unroll_destroy(&u);
        unroll_destroy(&twin);
    }
}
END_TEST

/* All inputs are 0; the first row ends after a step. */
static lstm_status end_the_first(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                                 const float *const *state, float *input, bool *finished)
{
    (void)user;
    (void)first_row;
    (void)output;
    (void)state;
    memset(input, 0, rows * sizeof *input);
    finished[0] = time > 0;
    return LSTM_OK;
}

/* Each step makes a state four times as large: after 64 it would be infinite, and its share of the gradients NaN. */
START_TEST(the_state_of_a_row_that_has_ended_does_not_grow)
{
    enum { BATCH = 2, TIME = 100 };
    const float state[BATCH] = {1.0f, 0.0f}, d_final[BATCH] = {1.0f, 1.0f};
    const float weights[] = {0.0f, 4.0f, 0.0f}; /* of the input, of the state, and the bias */
    float final[BATCH];
    size_t count;
    const lstm_raw_loop loop = {.struct_size = sizeof loop, .next = end_the_first};
    const unroll_shape shape = {.input = 1, .batch = BATCH, .time = TIME};
    lstm_cell *cell = test_cell("basic_rnn", 1, LSTM_ACTIVATION_RELU, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &shape);
    lstm_cell_destroy(cell);
    float *edited = lstm_params_edit(u.weights, &count);
    ck_assert_uint_eq(count, 3);
    memcpy(edited, weights, sizeof weights);
    ck_ok(lstm_raw_rnn(u.tape, u.weights, &loop,
                       LSTM_ARGS(lstm_raw_rnn_args, .batch = BATCH, .max_time = TIME,
                                 .initial_state = (const float *const[]){state}, .final_state = (float *[]){final})));
    ck_assert(final[0] == 4.0f && final[1] == 0.0f);
    lstm_params_zero(u.grads);
    ck_ok(lstm_raw_rnn_backward(
        u.tape, u.weights, &loop,
        LSTM_ARGS(lstm_raw_rnn_grads, .d_final_state = (const float *const[]){d_final}, .d_params = u.grads)));
    const float *grads = lstm_params_data(u.grads, NULL);
    ck_assert(grads[0] == 0.0f && grads[1] == 1.0f && grads[2] == 1.0f);
    unroll_destroy(&u);
}
END_TEST

/* A generator: the next input is a fixed mix of the last output; the first is given. A row ends after `row + 2` steps. */
typedef struct generator {
    const float *start; /* [batch][3] */
    float *d_start;
} generator;

static const float mix[3] = {0.5f, -1.0f, 2.0f};

static lstm_status generate(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                            const float *const *state, float *input, bool *finished)
{
    const generator *g = user;
    (void)state;
    for (size_t k = 0; k < rows * 3; k++)
        input[k] = time ? mix[k % 3] * output[k] : g->start[first_row * 3 + k];
    for (size_t k = 0; k < rows; k++)
        finished[k] = time >= first_row + k + 2;
    return LSTM_OK;
}

static void generate_backward(void *user, size_t time, size_t first_row, size_t rows, const float *d_input,
                              float *d_output)
{
    generator *g = user;
    ck_assert((d_output == NULL) == (time == 0));
    for (size_t k = 0; k < rows * 3; k++)
        if (d_output)
            d_output[k] += mix[k % 3] * d_input[k];
        else
            g->d_start[first_row * 3 + k] = d_input[k];
}

enum { ROWS = 4, STEPS = 5, WIDTH = 3 };

typedef struct generation {
    lstm_params *weights, *grads;
    lstm_rnn *rnn;
    lstm_tape *tape;
    float start[ROWS * WIDTH], d_start[ROWS * WIDTH], y[ROWS * STEPS * WIDTH];
    float *d_y;
    generator g;
} generation;

static double generated_loss(generation *n)
{
    const lstm_raw_loop loop = {
        .struct_size = sizeof loop, .user = &n->g, .next = generate, .next_backward = generate_backward};
    double loss = 0.0;
    ck_ok(lstm_raw_rnn(n->tape, n->weights, &loop,
                       LSTM_ARGS(lstm_raw_rnn_args, .batch = ROWS, .max_time = STEPS, .outputs = n->y)));
    for (size_t row = 0; row < ROWS; row++)
        for (size_t k = 0; k < STEPS * WIDTH; k++) {
            const size_t at = row * STEPS * WIDTH + k;
            ck_assert(k / WIDTH < row + 2 || n->y[at] == 0.0f);
            loss += (double)n->y[at] * (k / WIDTH < row + 2 ? (double)n->d_y[at] : 0.0);
        }
    return loss;
}

/* The slope of the loss along one number, by central differences. */
static double slope_of(generation *n, float *number)
{
    const float before = *number, step = 0x1p-7f;
    lstm_params_edit(n->weights, NULL); /* the number may be a weight */
    *number = before + step;
    const double above = generated_loss(n);
    lstm_params_edit(n->weights, NULL);
    *number = before - step;
    const double below = generated_loss(n);
    lstm_params_edit(n->weights, NULL);
    *number = before;
    return (above - below) / (2.0 * (double)step);
}

START_TEST(gradients_pass_through_the_callers_inputs)
{
    generation n = {0};
    lstm_cell *cell = test_cell("lstm", WIDTH, LSTM_ACTIVATION_DEFAULT, 1.0f);
    float *start = test_numbers("start", ROWS * WIDTH, 1.0f);
    memcpy(n.start, start, sizeof n.start);
    n.g = (generator){.start = n.start, .d_start = n.d_start};
    n.d_y = test_numbers("d_y", ROWS * STEPS * WIDTH, 1.0f);
    ck_ok(lstm_params_create(NULL, &n.weights));
    ck_ok(lstm_rnn_create(n.weights, NULL, cell, WIDTH, NULL, &n.rnn));
    ck_ok(lstm_params_initialize(n.weights, 4));
    ck_ok(lstm_params_create_like(n.weights, &n.grads));
    ck_ok(lstm_tape_create(n.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = ROWS, .max_time = STEPS), &n.tape));
    const lstm_raw_loop loop = {
        .struct_size = sizeof loop, .user = &n.g, .next = generate, .next_backward = generate_backward};
    generated_loss(&n);
    for (size_t row = 0; row < ROWS; row++) /* what follows a row's end is not used */
        for (size_t k = (row + 2) * WIDTH; k < STEPS * WIDTH; k++)
            n.d_y[row * STEPS * WIDTH + k] = NAN;
    ck_ok(lstm_raw_rnn_backward(n.tape, n.weights, &loop,
                                LSTM_ARGS(lstm_raw_rnn_grads, .d_outputs = n.d_y, .d_params = n.grads)));
    size_t count;
    float *weights = lstm_params_edit(n.weights, &count);
    for (size_t k = 0; k < count; k++)
        ck_assert_double_eq_tol(slope_of(&n, &weights[k]), (double)lstm_params_data(n.grads, NULL)[k], 2e-3);
    for (size_t k = 0; k < ROWS * WIDTH; k++)
        ck_assert_double_eq_tol(slope_of(&n, &n.start[k]), (double)n.d_start[k], 2e-3);
    free(start);
    free(n.d_y);
    lstm_tape_destroy(n.tape);
    lstm_rnn_destroy(n.rnn);
    lstm_params_destroy(n.grads);
    lstm_params_destroy(n.weights);
    lstm_cell_destroy(cell);
}
END_TEST

/* Rows of zeros that never end; those of backward are counted. */
static lstm_status give_zeros(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                              const float *const *state, float *input, bool *finished)
{
    (void)user, (void)time, (void)first_row, (void)output, (void)state, (void)finished;
    memset(input, 0, rows * WIDTH * sizeof *input);
    return LSTM_OK;
}

static void count_rows(void *user, size_t time, size_t first_row, size_t rows, const float *d_input, float *d_output)
{
    (void)time, (void)first_row, (void)d_input, (void)d_output;
    *(size_t *)user += rows;
}

START_TEST(backward_goes_through_the_rows_of_the_last_call_alone)
{
    static const size_t batches[] = {40, 16}; /* two blocks and one */
    size_t counted = 0;
    const lstm_raw_loop loop = {
        .struct_size = sizeof loop, .user = &counted, .next = give_zeros, .next_backward = count_rows};
    unroll u;
    unroll_take(&u, test_cell("gru", WIDTH, LSTM_ACTIVATION_DEFAULT, 1.0f),
                &(unroll_shape){.input = WIDTH, .batch = batches[0], .time = STEPS});
    for (size_t k = 0; k < 2; k++)
        ck_ok(lstm_raw_rnn(u.tape, u.weights, &loop,
                           LSTM_ARGS(lstm_raw_rnn_args, .batch = batches[k], .max_time = STEPS)));
    ck_ok(lstm_raw_rnn_backward(u.tape, u.weights, &loop, LSTM_ARGS(lstm_raw_rnn_grads, .d_params = u.grads)));
    ck_assert_uint_eq(counted, batches[1] * STEPS);
    unroll_destroy(&u);
}
END_TEST

static lstm_status fail_at_2(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                             const float *const *state, float *input, bool *finished)
{
    (void)user, (void)first_row, (void)output, (void)state, (void)finished;
    memset(input, 0, rows * WIDTH * sizeof *input);
    return time == 2 ? LSTM_ERR_IO : LSTM_OK;
}

static lstm_status fail_inside(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                               const float *const *state, float *input, bool *finished)
{
    (void)user, (void)time, (void)first_row, (void)rows, (void)output, (void)state, (void)input, (void)finished;
    return lstm_dense_forward(NULL, NULL, 1, NULL, NULL);
}

static lstm_status finish_at_once(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                                  const float *const *state, float *input, bool *finished)
{
    (void)user, (void)time, (void)first_row, (void)output, (void)state, (void)input;
    for (size_t k = 0; k < rows; k++)
        finished[k] = true;
    return LSTM_OK;
}

START_TEST(a_loop_says_what_is_wrong_and_passes_failures_on)
{
    lstm_cell *cell = test_cell("gru", WIDTH, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &(unroll_shape){.input = WIDTH, .batch = 2, .time = STEPS});
    lstm_cell_destroy(cell);
    lstm_raw_loop loop = {.struct_size = sizeof loop, .next = fail_at_2};
    lstm_raw_rnn_args args = {.struct_size = sizeof args,
                              .batch = 2,
                              .max_time = STEPS,
                              .outputs = u.y,
                              .final_state = u.final,
                              .initial_state = (const float *const *)u.state};
    const lstm_raw_rnn_grads *grads = LSTM_ARGS(lstm_raw_rnn_grads, .d_params = u.grads);
    ck_fails(lstm_raw_rnn(u.tape, u.weights, &loop, &args), LSTM_ERR_IO,
             "next fails before step 2: input or output failed");
    loop.next = fail_inside;
    ck_fails(lstm_raw_rnn(u.tape, u.weights, &loop, &args), LSTM_ERR_INVALID_ARGUMENT,
             "lstm_raw_rnn: next fails before step 0: lstm_dense_forward: dense is NULL");
    loop.next = fail_at_2;
    ck_fails(lstm_raw_rnn_backward(u.tape, u.weights, &loop, grads), LSTM_ERR_STATE, "no forward call");
    loop.next = finish_at_once;
    ck_ok(lstm_raw_rnn(u.tape, u.weights, &loop, &args));
    ck_assert(same_bits(u.final[0], u.state[0], u.state_count[0]));
    for (size_t k = 0; k < u.y_count; k++)
        ck_assert_float_eq(u.y[k], 0.0f);
    ck_fails(lstm_dynamic_rnn_backward(u.tape, u.weights, LSTM_ARGS(lstm_dynamic_rnn_grads, .d_params = u.grads)),
             LSTM_ERR_STATE, "lstm_raw_rnn");
    ck_ok(lstm_raw_rnn_backward(u.tape, u.weights, &loop, grads));
    args.max_time = STEPS + 1;
    ck_fails(lstm_raw_rnn(u.tape, u.weights, &loop, &args), LSTM_ERR_CAPACITY, "max_time 6");
    args.max_time = STEPS;
    loop.next = NULL;
    ck_fails(lstm_raw_rnn(u.tape, u.weights, &loop, &args), LSTM_ERR_INVALID_ARGUMENT, "next");
    ck_fails(lstm_raw_rnn(NULL, u.weights, &loop, &args), LSTM_ERR_INVALID_ARGUMENT, "tape");
    ck_fails(lstm_raw_rnn(u.tape, u.weights, NULL, &args), LSTM_ERR_INVALID_ARGUMENT, "loop");
    ck_fails(lstm_raw_rnn(u.tape, u.weights, &loop, NULL), LSTM_ERR_INVALID_ARGUMENT, "args");
    ck_ok(lstm_dynamic_rnn(u.tape, u.weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 2, .time = STEPS, .inputs = u.x)));
    loop.next = finish_at_once;
    ck_fails(lstm_raw_rnn_backward(u.tape, u.weights, &loop, grads), LSTM_ERR_STATE, "lstm_dynamic_rnn");
    unroll_destroy(&u);
}
END_TEST

Suite *raw_rnn_suite(void)
{
    return test_suite("raw_rnn", (const TTest *const[]){
                                     a_loop_that_reads_a_sequence_is_dynamic_rnn,
                                     a_row_without_steps_may_start_from_nan,
                                     the_state_of_a_row_that_has_ended_does_not_grow,
                                     gradients_pass_through_the_callers_inputs,
                                     backward_goes_through_the_rows_of_the_last_call_alone,
                                     a_loop_says_what_is_wrong_and_passes_failures_on,
                                     NULL,
                                 });
}
