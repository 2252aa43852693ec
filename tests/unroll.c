#include "unroll.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Central differences of a float32 loss of order 10: curvature and the kinks of clips spoil large steps, rounding small
 * ones. The best of these comes to 1e-3. */
static const double difference_steps[] = {1e-2, 3e-3, 1e-3, 3e-4, 1e-4};
#define DIFFERENCE_TOLERANCE 2e-3

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
    lstm_params *weights;
    lstm_rnn *rnn;
    ck_ok(lstm_params_create(context, &weights));
    ck_ok(
        lstm_rnn_create(weights, NULL, cell, shape->input, LSTM_ARGS(lstm_rnn_config, .layout = shape->layout), &rnn));
    unroll_adopt(u, weights, rnn, shape);
}

void unroll_take(unroll *u, lstm_cell *cell, const unroll_shape *shape)
{
    unroll_create(u, NULL, cell, shape);
    lstm_cell_destroy(cell);
}

static lstm_tape *tape_of(const unroll *u, bool inference)
{
    lstm_tape *tape;
    ck_ok(lstm_tape_create(u->rnn,
                           LSTM_ARGS(lstm_tape_config, .max_batch = u->shape.batch ? u->shape.batch : 1,
                                     .max_time = u->shape.time ? u->shape.time : 1, .inference = inference),
                           &tape));
    return tape;
}

void unroll_adopt(unroll *u, lstm_params *weights, lstm_rnn *rnn, const unroll_shape *shape)
{
    *u = (unroll){.shape = *shape, .weights = weights, .rnn = rnn};
    ck_ok(lstm_params_initialize(u->weights, 3));
    disturb(u->weights);
    ck_ok(lstm_params_create_like(u->weights, &u->grads));
    u->tape = tape_of(u, false);
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

static const float *variable(const lstm_params *params, const char *name)
{
    lstm_variable_info info;
    ck_ok(lstm_params_find(params, name, &info));
    return lstm_params_data(params, NULL) + info.offset;
}

const float *unroll_weight(const unroll *u, const char *name)
{
    return variable(u->weights, name);
}

const float *unroll_weight_gradient(const unroll *u, const char *name)
{
    return variable(u->grads, name);
}

void unroll_copy_weights(unroll *to, const char *to_prefix, const unroll *from, const char *from_prefix)
{
    size_t copied = 0;
    float *block = lstm_params_edit(to->weights, NULL);
    for (size_t k = 0; k < lstm_params_variable_count(to->weights); k++) {
        char name[2 * LSTM_MAX_NAME];
        lstm_variable_info info, other;
        ck_ok(lstm_params_variable(to->weights, k, &info));
        if (strncmp(info.name, to_prefix, strlen(to_prefix)) != 0)
            continue;
        snprintf(name, sizeof name, "%s%s", from_prefix, info.name + strlen(to_prefix));
        ck_ok(lstm_params_find(from->weights, name, &other));
        ck_assert_uint_eq(info.count, other.count);
        memcpy(block + info.offset, unroll_weight(from, name), info.count * sizeof *block);
        copied++;
    }
    ck_assert_uint_gt(copied, 0);
}

static const float *const *given_state(const unroll *u)
{
    return u->shape.no_initial_state ? NULL : (const float *const *)u->state;
}

static void forward(unroll *u)
{
    ck_ok(lstm_dynamic_rnn(u->tape, u->weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = u->shape.batch, .time = u->shape.time,
                                     .inputs = u->x, .sequence_length = u->shape.lengths,
                                     .initial_state = given_state(u), .outputs = u->y, .last_output = u->last,
                                     .final_state = u->final, .training = u->shape.training, .seed = u->shape.seed,
                                     .step = u->shape.step, .row_id = u->shape.row_id)));
}

void unroll_run(unroll *u)
{
    lstm_params_zero(u->grads);
    forward(u);
    ck_ok(lstm_dynamic_rnn_backward(u->tape, u->weights,
                                    LSTM_ARGS(lstm_dynamic_rnn_grads, .d_outputs = u->d_y, .d_last_output = u->d_last,
                                              .d_final_state = (const float *const *)u->d_final, .d_params = u->grads,
                                              .d_inputs = u->d_x, .d_initial_state = u->d_initial)));
}

float *unroll_infer_outputs(const unroll *u)
{
    lstm_tape *tape = tape_of(u, true);
    float *y = test_allocate(u->y_count, sizeof *y);
    ck_ok(lstm_dynamic_rnn(tape, u->weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = u->shape.batch, .time = u->shape.time,
                                     .inputs = u->x, .sequence_length = u->shape.lengths,
                                     .initial_state = given_state(u), .outputs = y, .training = u->shape.training,
                                     .seed = u->shape.seed, .step = u->shape.step, .row_id = u->shape.row_id)));
    lstm_tape_destroy(tape);
    return y;
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

double unroll_loss(unroll *u)
{
    double loss = 0.0;
    forward(u);
    for (size_t row = 0; row < u->shape.batch; row++)
        for (size_t t = 0; t < unroll_length(u, row); t++)
            for (size_t k = 0; k < u->output; k++) {
                const size_t place = unroll_place(u, row, t) * u->output + k;
                loss += (double)u->y[place] * (double)u->d_y[place];
            }
    for (size_t k = 0; k < u->last_count; k++)
        loss += (double)u->last[k] * (double)u->d_last[k];
    for (size_t leaf = 0; leaf < u->leaves; leaf++)
        for (size_t k = 0; k < u->state_count[leaf]; k++)
            loss += (double)u->final[leaf][k] * (double)u->d_final[leaf][k];
    return loss;
}

/* The loss's slope as numbers move along the direction, by central differences. */
static double slope(unroll *u, float *numbers, const float *direction, size_t count, double step)
{
    float *before = test_allocate(count, sizeof *before);
    double losses[2];
    memcpy(before, numbers, count * sizeof *before);
    for (int side = 0; side < 2; side++) {
        lstm_params_edit(u->weights, NULL); /* the numbers may be weights */
        for (size_t k = 0; k < count; k++)
            numbers[k] = before[k] + (float)(side ? -step : step) * direction[k];
        losses[side] = unroll_loss(u);
    }
    lstm_params_edit(u->weights, NULL);
    memcpy(numbers, before, count * sizeof *before);
    free(before);
    return (losses[0] - losses[1]) / (2.0 * step);
}

void unroll_check_direction(unroll *u, const char *what, float *numbers, const float *gradient, size_t count)
{
    float *direction = test_numbers(what, count, 1.0f);
    double said = 0.0, squares = 1.0, found = INFINITY;
    for (size_t k = 0; k < count; k++) {
        const double share = (double)direction[k] * (double)gradient[k];
        said += share;
        squares += share * share;
    }
    const double tolerance = DIFFERENCE_TOLERANCE * sqrt(squares); /* of a sum in which much cancels */
    for (size_t k = 0; k < sizeof difference_steps / sizeof difference_steps[0]; k++) {
        const double other = slope(u, numbers, direction, count, difference_steps[k]);
        if (fabs(other - said) < fabs(found - said))
            found = other;
        if (fabs(found - said) <= tolerance)
            break;
    }
    ck_assert_msg(fabs(found - said) <= tolerance, "%s %s: %g, by differences %g", u->name, what, said, found);
    free(direction);
}

void unroll_check_gradient(unroll *u)
{
    unroll_run(u);
    float *weights = lstm_params_edit(u->weights, NULL);
    const float *grads = lstm_params_data(u->grads, NULL);
    unroll_check_direction(u, "inputs", u->x, u->d_x, u->x_count);
    for (size_t k = 0; k < lstm_params_variable_count(u->weights); k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(u->weights, k, &info));
        unroll_check_direction(u, info.name, weights + info.offset, grads + info.offset, info.count);
    }
    for (size_t leaf = 0; leaf < u->leaves && !u->shape.no_initial_state; leaf++)
        unroll_check_direction(u, "initial_state", u->state[leaf], u->d_initial[leaf], u->state_count[leaf]);
}
