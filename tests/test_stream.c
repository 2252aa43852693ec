/* Streams: the step-by-step face of a plan. */
#include "golden.h"
#include "sru_cell.h"
#include "unroll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The CBLAS may sum in another order for another number of rows, so with it a stream agrees with the whole sequence to
 * rounding; with kernels of our own, and that is where there are others, to the bit. */
static void check_streamed_array(const float *streamed, const float *whole, size_t count)
{
    if (!strcmp(lstm_context_isa_name(NULL), "cblas"))
        ck_close(streamed, whole, count, "a stream");
    else
        ck_assert(same_bits(streamed, whole, count));
}

/* A dropout over a residual over two layers, at a width that fits all. */
static lstm_cell *wrapped_stack(size_t width)
{
    lstm_cell *layers[2] = {test_cell("lstm", width, LSTM_ACTIVATION_DEFAULT, 1.0f),
                            test_cell("gru", width, LSTM_ACTIVATION_DEFAULT, 1.0f)};
    lstm_cell *stack, *residual, *dropout;
    ck_ok(lstm_cell_create_multi_rnn(NULL, layers, 2, &stack));
    ck_ok(lstm_cell_create_residual(NULL, stack, &residual));
    ck_ok(lstm_cell_create_dropout(NULL, residual, LSTM_ARGS(lstm_dropout_config, .output_keep_prob = 0.5f), &dropout));
    lstm_cell_destroy(layers[0]);
    lstm_cell_destroy(layers[1]);
    lstm_cell_destroy(stack);
    lstm_cell_destroy(residual);
    return dropout;
}

static lstm_cell *streamed_cell(size_t kind, size_t width)
{
    lstm_cell *cell;
    if (kind < test_cell_kind_count)
        return test_cell(test_cell_kinds[kind], width, LSTM_ACTIVATION_DEFAULT, 1.0f);
    if (kind == test_cell_kind_count)
        return wrapped_stack(width);
    ck_ok(sru_cell_create(NULL, width, &cell));
    return cell;
}

/* The outputs of an unroll, streamed in portions of `portion` time steps, or by turns of one and two, from its initial
 * state. */
static void check_streamed(unroll *u, const lstm_params *frozen, size_t portion)
{
    const size_t step = portion ? portion : 2;
    const size_t batch = u->shape.batch, time = u->shape.time, in = u->shape.input, out = u->output;
    const bool time_major = u->shape.layout == LSTM_TIME_MAJOR;
    float *x = test_allocate(batch * step * in, sizeof *x), *y = test_allocate(batch * step * out, sizeof *y);
    float *all = test_allocate(u->y_count, sizeof *all);
    lstm_stream *stream;
    ck_ok(lstm_stream_create(u->rnn, frozen, LSTM_ARGS(lstm_stream_config, .batch = batch, .max_steps = 3), &stream));
    for (size_t leaf = 0; leaf < u->leaves; leaf++)
        memcpy(lstm_stream_state(stream, leaf), u->state[leaf], u->state_count[leaf] * sizeof(float));
    for (size_t t = 0, steps; t < time; t += steps) {
        steps = portion ? portion : t % 3 ? 2 : 1;
        steps = time - t < steps ? time - t : steps;
        for (size_t row = 0; row < batch; row++)
            for (size_t s = 0; s < steps; s++)
                memcpy(x + (time_major ? s * batch + row : row * steps + s) * in,
                       u->x + unroll_place(u, row, t + s) * in, in * sizeof *x);
        float *to = in == out && portion == 7 ? x : y; /* the two may be one array */
        ck_ok(lstm_stream_run(stream, steps, x, to));
        for (size_t row = 0; row < batch; row++)
            for (size_t s = 0; s < steps; s++)
                memcpy(all + unroll_place(u, row, t + s) * out,
                       to + (time_major ? s * batch + row : row * steps + s) * out, out * sizeof *y);
    }
    check_streamed_array(all, u->y, u->y_count);
    for (size_t leaf = 0; leaf < u->leaves; leaf++)
        check_streamed_array(lstm_stream_state(stream, leaf), u->final[leaf], u->state_count[leaf]);
    lstm_stream_destroy(stream);
    free(x);
    free(y);
    free(all);
}

/* 4 inputs are few, and go into the product of each step; 30 do so in single steps of a few rows, by packed weights. _i: the
 * kind of cell. */
START_TEST(a_stream_in_any_portions_is_the_whole_sequence)
{
    static const size_t portions[] = {0, 1, 2, 7, 20}, batches[] = {1, 2, 3, 4, 5, 40}, widths[] = {4, 30};
    for (size_t way = 0; way < 24; way++) {
        const unroll_shape shape = {.input = widths[way / 12],
                                    .batch = batches[way / 2 % 6],
                                    .time = 20,
                                    .layout = way % 2 ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR};
        lstm_cell *cell = streamed_cell((size_t)_i, shape.input);
        lstm_params *frozen;
        unroll u;
        unroll_take(&u, cell, &shape);
        unroll_run(&u);
        float *y = unroll_infer_outputs(&u);
        check_streamed_array(y, u.y, u.y_count);
        ck_ok(lstm_params_freeze(u.weights, NULL, &frozen));
        for (size_t k = 0; k < sizeof portions / sizeof portions[0]; k++)
            check_streamed(&u, frozen, portions[k]);
        lstm_params_destroy(frozen);
        unroll_destroy(&u);
        free(y);
    }
}
END_TEST

typedef struct small_stream {
    lstm_params *weights, *frozen;
    lstm_rnn *rnn;
    lstm_stream *stream;
} small_stream;

static small_stream set_up(size_t batch, bool learned)
{
    small_stream s;
    lstm_cell *cell = test_cell("lstm", 3, LSTM_ACTIVATION_DEFAULT, 1.0f);
    ck_ok(lstm_params_create(NULL, &s.weights));
    ck_ok(lstm_rnn_create(s.weights, NULL, cell, 2, LSTM_ARGS(lstm_rnn_config, .learned_initial_state = learned),
                          &s.rnn));
    ck_ok(lstm_params_initialize(s.weights, 1));
    if (learned) {
        lstm_variable_info info;
        ck_ok(lstm_params_find(s.weights, "rnn/initial_state_1", &info));
        for (size_t k = 0; k < 3; k++)
            lstm_params_edit(s.weights, NULL)[info.offset + k] = 0.5f;
    }
    ck_ok(lstm_params_freeze(s.weights, NULL, &s.frozen));
    ck_ok(lstm_stream_create(s.rnn, s.frozen, LSTM_ARGS(lstm_stream_config, .batch = batch), &s.stream));
    lstm_cell_destroy(cell);
    return s;
}

static void tear_down(small_stream *s)
{
    lstm_stream_destroy(s->stream);
    lstm_params_destroy(s->frozen);
    lstm_params_destroy(s->weights);
    lstm_rnn_destroy(s->rnn);
}

START_TEST(reset_of_a_row_leaves_the_others_alone)
{
    small_stream s = set_up(2, false);
    static const float x[8] = {1, 2, 3, 4, -1, 0, 2, 1};
    float y[12], fresh[12];
    ck_ok(lstm_stream_run(s.stream, 2, x, fresh));
    float other[3];
    memcpy(other, lstm_stream_state(s.stream, 1) + 3, sizeof other);
    ck_ok(lstm_stream_reset_row(s.stream, 0));
    for (size_t k = 0; k < 3; k++)
        ck_assert_float_eq(lstm_stream_state(s.stream, 0)[k], 0.0f);
    ck_assert(same_bits(other, lstm_stream_state(s.stream, 1) + 3, 3));
    ck_ok(lstm_stream_run(s.stream, 2, x, y));
    ck_assert(same_bits(y, fresh, 6));
    ck_assert(!same_bits(y + 6, fresh + 6, 6));
    ck_ok(lstm_stream_reset(s.stream));
    ck_ok(lstm_stream_run(s.stream, 2, x, y));
    ck_assert(same_bits(y, fresh, 12));
    tear_down(&s);
}
END_TEST

START_TEST(a_stream_starts_from_the_learned_initial_state)
{
    small_stream s = set_up(2, true);
    for (int again = 0; again < 2; again++) {
        for (size_t k = 0; k < 6; k++) {
            ck_assert_float_eq(lstm_stream_state(s.stream, 0)[k], 0.0f);
            ck_assert_float_eq(lstm_stream_state(s.stream, 1)[k], 0.5f);
        }
        float x[4] = {1, 2, 3, 4}, y[6];
        ck_ok(lstm_stream_run(s.stream, 1, x, y));
        ck_ok(lstm_stream_reset(s.stream));
    }
    tear_down(&s);
}
END_TEST

START_TEST(a_stream_does_not_see_weights_that_are_edited_later)
{
    small_stream s = set_up(1, false);
    static const float x[2] = {1, -1};
    float before[3], after[3];
    size_t count;
    ck_ok(lstm_stream_run(s.stream, 1, x, before));
    float *block = lstm_params_edit(s.weights, &count);
    for (size_t k = 0; k < count; k++)
        block[k] = 9.0f;
    ck_ok(lstm_stream_reset(s.stream));
    ck_ok(lstm_stream_run(s.stream, 1, x, after));
    ck_assert(same_bits(before, after, 3));
    tear_down(&s);
}
END_TEST

START_TEST(frozen_weights_cannot_be_written)
{
    small_stream s = set_up(1, false);
    lstm_optimizer *adam;
    lstm_params *grads;
    size_t count;
    ck_assert_ptr_null(lstm_params_edit(s.frozen, &count));
    ck_fails(lstm_params_initialize(s.frozen, 1), LSTM_ERR_STATE, "frozen");
    float *before = test_allocate(1000, sizeof *before);
    const float *block = lstm_params_data(s.frozen, &count);
    memcpy(before, block, count * sizeof *before);
    lstm_params_zero(s.frozen);
    ck_assert(same_bits(before, block, count));
    ck_ok(lstm_params_create_like(s.weights, &grads));
    ck_ok(lstm_optimizer_create_adam(NULL, s.weights, NULL, &adam));
    ck_fails(lstm_optimizer_apply(adam, s.frozen, grads), LSTM_ERR_STATE, "frozen");
    lstm_params *open;
    ck_ok(lstm_params_create(NULL, &open));
    ck_fails(lstm_params_freeze(open, NULL, &grads), LSTM_ERR_STATE, "open");
    free(before);
    lstm_params_destroy(open);
    lstm_params_destroy(grads);
    lstm_optimizer_destroy(adam);
    tear_down(&s);
}
END_TEST

START_TEST(a_bidirectional_plan_is_refused_by_name)
{
    lstm_cell *cell = test_cell("gru", 3, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_params *weights, *frozen;
    lstm_rnn *rnn;
    lstm_stream *stream = NULL;
    ck_ok(lstm_params_create(NULL, &weights));
    ck_ok(lstm_rnn_create_bidirectional(weights, NULL, cell, cell, 2, NULL, &rnn));
    ck_ok(lstm_params_initialize(weights, 1));
    ck_ok(lstm_params_freeze(weights, NULL, &frozen));
    ck_fails(lstm_stream_create(rnn, frozen, NULL, &stream), LSTM_ERR_UNSUPPORTED, "bidirectional");
    ck_assert_ptr_null(stream);
    lstm_params_destroy(frozen);
    lstm_params_destroy(weights);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
}
END_TEST

START_TEST(a_stream_says_what_is_wrong)
{
    small_stream s = set_up(2, false), other = set_up(2, false);
    lstm_stream *stream = NULL;
    float x[4] = {0}, y[6];
    ck_fails(lstm_stream_create(NULL, s.frozen, NULL, &stream), LSTM_ERR_INVALID_ARGUMENT, "rnn");
    ck_fails(lstm_stream_create(s.rnn, NULL, NULL, &stream), LSTM_ERR_INVALID_ARGUMENT, "frozen");
    ck_fails(lstm_stream_create(s.rnn, s.frozen, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "stream");
    ck_fails(lstm_stream_create(s.rnn, s.weights, NULL, &stream), LSTM_ERR_STATE, "not frozen");
    ck_fails(lstm_stream_create(s.rnn, other.frozen, NULL, &stream), LSTM_ERR_SHAPE, "layout");
    ck_fails(lstm_stream_create(s.rnn, s.frozen, LSTM_ARGS(lstm_stream_config, .batch = SIZE_MAX / 8), &stream),
             LSTM_ERR_OUT_OF_MEMORY, "memory");
    ck_assert_ptr_null(stream);
    ck_fails(lstm_stream_run(NULL, 1, x, y), LSTM_ERR_INVALID_ARGUMENT, "stream");
    ck_fails(lstm_stream_run(s.stream, 1, NULL, y), LSTM_ERR_INVALID_ARGUMENT, "inputs");
    ck_fails(lstm_stream_run(s.stream, 1, x, NULL), LSTM_ERR_INVALID_ARGUMENT, "outputs");
    ck_ok(lstm_stream_run(s.stream, 0, NULL, NULL));
    ck_fails(lstm_stream_reset(NULL), LSTM_ERR_INVALID_ARGUMENT, "stream");
    ck_fails(lstm_stream_reset_row(s.stream, 2), LSTM_ERR_INVALID_ARGUMENT, "row is 2");
    ck_assert_ptr_null(lstm_stream_state(s.stream, 2));
    ck_assert_ptr_null(lstm_stream_state(NULL, 0));
    lstm_stream_destroy(NULL);
    tear_down(&s);
    tear_down(&other);
}
END_TEST

Suite *stream_suite(void)
{
    Suite *suite = test_suite("stream", (const TTest *const[]){
                                            reset_of_a_row_leaves_the_others_alone,
                                            a_stream_starts_from_the_learned_initial_state,
                                            a_stream_does_not_see_weights_that_are_edited_later,
                                            frozen_weights_cannot_be_written,
                                            a_bidirectional_plan_is_refused_by_name,
                                            a_stream_says_what_is_wrong,
                                            NULL,
                                        });
    TCase *cells = tcase_create("cells");
    tcase_add_loop_test(cells, a_stream_in_any_portions_is_the_whole_sequence, 0, (int)test_cell_kind_count + 2);
    suite_add_tcase(suite, cells);
    return suite;
}
