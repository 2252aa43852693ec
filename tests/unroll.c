#include "unroll.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t unroll_place(const unroll *u, size_t row, size_t t)
{
    return u->shape.layout == LSTM_TIME_MAJOR ? t * u->shape.batch + row : row * u->shape.time + t;
}

size_t unroll_length(const unroll *u, size_t row)
{
    return u->shape.lengths ? u->shape.lengths[row] : u->shape.time;
}

/* Random [batch][time][width] numbers in the layout, NaN past the lengths. */
static float *sequence(const unroll *u, const char *name, size_t width)
{
    const size_t batch = u->shape.batch, time = u->shape.time;
    float *values = test_allocate(batch * time * width, sizeof *values);
    float *all = test_numbers(name, batch * time * width, 1.0f);
    for (size_t row = 0; row < batch; row++)
        for (size_t t = 0; t < time; t++)
            for (size_t k = 0; k < width; k++)
                values[unroll_place(u, row, t) * width + k] =
                    t < unroll_length(u, row) ? all[(row * time + t) * width + k] : NAN;
    free(all);
    return values;
}

static float *nothing(size_t count)
{
    float *values = test_allocate(count, sizeof *values);
    for (size_t k = 0; k < count; k++)
        values[k] = NAN;
    return values;
}

/* Every variable, biases too, moves away from its initial value. */
static void disturb(lstm_params *weights)
{
    size_t count;
    float *block = lstm_params_edit(weights, &count);
    float *noise = test_numbers("noise", count, 0.25f);
    for (size_t k = 0; k < count; k++)
        block[k] += noise[k];
    free(noise);
}

void unroll_create(unroll *u, lstm_context *context, lstm_cell *cell, const unroll_shape *shape)
{
    *u = (unroll){.shape = *shape};
    ck_ok(lstm_params_create(context, &u->weights));
    ck_ok(lstm_rnn_create(u->weights, NULL, cell, shape->input, LSTM_ARGS(lstm_rnn_config, .layout = shape->layout),
                          &u->rnn));
    ck_ok(lstm_params_initialize(u->weights, 3));
    disturb(u->weights);
    ck_ok(lstm_params_create_like(u->weights, &u->grads));
    ck_ok(lstm_tape_create(u->rnn, LSTM_ARGS(lstm_tape_config, .max_batch = shape->batch, .max_time = shape->time),
                           &u->tape));
    u->output = lstm_rnn_output_size(u->rnn);
    u->leaves = lstm_rnn_state_count(u->rnn);
    ck_assert_uint_le(u->leaves, UNROLL_MAX_LEAVES);
    u->x_count = shape->batch * shape->time * shape->input;
    u->y_count = shape->batch * shape->time * u->output;
    u->last_count = shape->batch * u->output;
    u->x = sequence(u, "x", shape->input);
    u->d_y = sequence(u, "d_y", u->output);
    u->d_last = test_numbers("d_last", u->last_count, 1.0f);
    u->y = nothing(u->y_count);
    u->last = nothing(u->last_count);
    u->d_x = nothing(u->x_count);
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        char name[32];
        const size_t count = u->state_count[leaf] = shape->batch * lstm_rnn_state_size(u->rnn, leaf);
        snprintf(name, sizeof name, "state %zu", leaf);
        u->state[leaf] = test_numbers(name, count, 1.0f);
        snprintf(name, sizeof name, "d_final %zu", leaf);
        u->d_final[leaf] = test_numbers(name, count, 1.0f);
        u->final[leaf] = nothing(count);
        u->d_initial[leaf] = nothing(count);
    }
}

void unroll_destroy(unroll *u)
{
    float **arrays[] = {&u->x, &u->y, &u->last, &u->d_y, &u->d_last, &u->d_x};
    for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++)
        free(*arrays[k]);
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        free(u->state[leaf]);
        free(u->final[leaf]);
        free(u->d_final[leaf]);
        free(u->d_initial[leaf]);
    }
    lstm_tape_destroy(u->tape);
    lstm_rnn_destroy(u->rnn);
    lstm_params_destroy(u->grads);
    lstm_params_destroy(u->weights);
}

void unroll_run(unroll *u)
{
    lstm_params_zero(u->grads);
    ck_ok(lstm_dynamic_rnn(u->tape, u->weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = u->shape.batch, .time = u->shape.time,
                                     .inputs = u->x, .sequence_length = u->shape.lengths,
                                     .initial_state = (const float *const *)u->state, .outputs = u->y,
                                     .last_output = u->last, .final_state = u->final)));
    ck_ok(lstm_dynamic_rnn_backward(u->tape, u->weights,
                                    LSTM_ARGS(lstm_dynamic_rnn_grads, .d_outputs = u->d_y, .d_last_output = u->d_last,
                                              .d_final_state = (const float *const *)u->d_final, .d_params = u->grads,
                                              .d_inputs = u->d_x, .d_initial_state = u->d_initial)));
}

static void assert_same_sequences(const unroll *a, const float *x, const unroll *b, const float *y, size_t width)
{
    for (size_t row = 0; row < a->shape.batch; row++)
        for (size_t t = 0; t < a->shape.time; t++)
            ck_assert_msg(same_bits(x + unroll_place(a, row, t) * width, y + unroll_place(b, row, t) * width, width),
                          "row %zu, time %zu differs", row, t);
}

void unroll_assert_same_bits(const unroll *a, const unroll *b)
{
    size_t count;
    const float *grads = lstm_params_data(a->grads, &count);
    assert_same_sequences(a, a->y, b, b->y, a->output);
    assert_same_sequences(a, a->d_x, b, b->d_x, a->shape.input);
    ck_assert(same_bits(a->last, b->last, a->last_count));
    ck_assert(same_bits(grads, lstm_params_data(b->grads, NULL), count));
    for (size_t leaf = 0; leaf < a->leaves; leaf++) {
        ck_assert(same_bits(a->final[leaf], b->final[leaf], a->state_count[leaf]));
        ck_assert(same_bits(a->d_initial[leaf], b->d_initial[leaf], a->state_count[leaf]));
    }
}
