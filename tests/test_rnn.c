/* dynamic_rnn against the double reference and its own contracts. */
#include "golden.h"
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BATCH = 200, MAX_TIME = 700 };

/* For a layer norm, which divides by the spread of its row. One rounding of each weight, in the double reference alone,
 * moves gradients through 600 steps of 7 units by 2.6e-5 of the largest; an LSTM's by less than 1e-6. */
#define NORM_TOLERANCE 1e-4

static double tolerance_of(const char *kind)
{
    return strcmp(kind, "layer_norm_basic_lstm") == 0 ? NORM_TOLERANCE : ARRAY_TOLERANCE;
}

/* Ragged lengths, some 0 and some full. */
static const size_t *ragged(size_t batch, size_t time)
{
    static size_t lengths[MAX_BATCH];
    for (size_t row = 0; row < batch; row++)
        lengths[row] = (row * 7 + 3) % (time + 1);
    lengths[0] = time;
    lengths[batch - 1] = 0;
    return lengths;
}

/* Shapes on both sides of the driver's block and chunk sizes. */
static const unroll_shape shapes[] = {
    {.input = 1, .batch = 1, .time = 1},   {.input = 3, .batch = 2, .time = 5},
    {.input = 4, .batch = 33, .time = 9},  {.input = 5, .batch = 65, .time = 20},
    {.input = 1, .batch = 1, .time = 600}, {.input = 2, .batch = 130, .time = 11},
};

START_TEST(every_cell_agrees_with_the_double_reference_at_full_and_ragged_lengths)
{
    static const size_t units[sizeof shapes / sizeof shapes[0]] = {1, 5, 16, 19, 7, 33};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++)
            for (int with_lengths = 0; with_lengths < 2; with_lengths++) {
                unroll_shape shape = shapes[k];
                shape.lengths = with_lengths ? ragged(shape.batch, shape.time) : NULL;
                lstm_cell *cell = test_cell(test_cell_kinds[kind], units[k], LSTM_ACTIVATION_DEFAULT, 1.0f);
                unroll u;
                unroll_create(&u, NULL, cell, &shape);
                lstm_cell_destroy(cell);
                unroll_run(&u);
                oracle_check(test_cell_kinds[kind], LSTM_ACTIVATION_DEFAULT, 1.0f, &u,
                             tolerance_of(test_cell_kinds[kind]));
                unroll_destroy(&u);
            }
}
END_TEST

START_TEST(every_cell_agrees_with_it_for_every_activation_and_other_forget_biases)
{
    static const lstm_activation activations[] = {LSTM_ACTIVATION_LINEAR, LSTM_ACTIVATION_TANH, LSTM_ACTIVATION_SIGMOID,
                                                  LSTM_ACTIVATION_RELU};
    static const float forget_biases[] = {0.0f, -1.5f, 1.0f, 3.0f};
    const unroll_shape shape = {.input = 3, .batch = 9, .time = 7, .lengths = ragged(9, 7)};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        for (size_t k = 0; k < 4; k++) {
            const char *name = test_cell_kinds[kind];
            lstm_cell *cell = test_cell(name, 6, activations[k], forget_biases[k]);
            unroll u;
            unroll_create(&u, NULL, cell, &shape);
            lstm_cell_destroy(cell);
            unroll_run(&u);
            oracle_check(name, activations[k], forget_biases[k], &u, tolerance_of(name));
            unroll_destroy(&u);
        }
}
END_TEST

START_TEST(time_major_arrays_give_the_same_bits_as_batch_major_ones)
{
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        for (int with_lengths = 0; with_lengths < 2; with_lengths++) {
            unroll_shape shape = {.input = 3, .batch = 40, .time = 17};
            shape.lengths = with_lengths ? ragged(shape.batch, shape.time) : NULL;
            lstm_cell *cell = test_cell(test_cell_kinds[kind], 6, LSTM_ACTIVATION_DEFAULT, 1.0f);
            unroll a, b;
            unroll_create(&a, NULL, cell, &shape);
            shape.layout = LSTM_TIME_MAJOR;
            unroll_create(&b, NULL, cell, &shape);
            lstm_cell_destroy(cell);
            unroll_run(&a);
            unroll_run(&b);
            unroll_assert_same_bits(&a, &b);
            unroll_destroy(&a);
            unroll_destroy(&b);
        }
}
END_TEST

START_TEST(outputs_and_input_gradients_are_exact_zeros_past_length)
{
    const unroll_shape shape = {.input = 2, .batch = 9, .time = 8, .lengths = ragged(9, 8)};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        lstm_cell *cell = test_cell(test_cell_kinds[kind], 5, LSTM_ACTIVATION_DEFAULT, 1.0f);
        unroll u;
        unroll_create(&u, NULL, cell, &shape);
        lstm_cell_destroy(cell);
        unroll_run(&u);
        static const float zeros[16] = {0};
        for (size_t row = 0; row < shape.batch; row++)
            for (size_t t = shape.lengths[row]; t < shape.time; t++) {
                ck_assert(same_bits(u.y + (row * shape.time + t) * u.output, zeros, u.output));
                ck_assert(same_bits(u.d_x + (row * shape.time + t) * shape.input, zeros, shape.input));
            }
        unroll_destroy(&u);
    }
}
END_TEST

/* For every length: the row in a padded batch gives what the cut row gives alone. */
START_TEST(state_past_length_is_that_of_the_truncated_row)
{
    enum { TIME = 6 };
    const size_t lengths[TIME + 1] = {0, 1, 2, 3, 4, 5, 6};
    const unroll_shape shape = {.input = 3, .batch = TIME + 1, .time = TIME, .lengths = lengths};
    lstm_cell *cell = test_cell("lstm", 4, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &shape);
    unroll_run(&u);
    for (size_t row = 0; row < shape.batch; row++) {
        float state[2][4];
        float *const final[2] = {state[0], state[1]};
        const float *const initial[2] = {u.state[0] + row * 4, u.state[1] + row * 4};
        ck_ok(lstm_dynamic_rnn(u.tape, u.weights,
                               LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = lengths[row],
                                         .inputs = u.x + row * TIME * 3, .initial_state = initial,
                                         .final_state = final)));
        for (size_t leaf = 0; leaf < 2; leaf++)
            ck_close(u.final[leaf] + row * 4, state[leaf], 4, "final_state");
    }
    ck_assert(same_bits(u.final[0], u.state[0], 4)); /* length 0 */
    ck_assert(same_bits(u.d_initial[1], u.d_final[1], 4));
    lstm_cell_destroy(cell);
    unroll_destroy(&u);
}
END_TEST

START_TEST(padding_may_hold_nan_and_changes_no_bit)
{
    const unroll_shape shape = {.input = 2, .batch = 35, .time = 12, .lengths = ragged(35, 12)};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        lstm_cell *cell = test_cell(test_cell_kinds[kind], 7, LSTM_ACTIVATION_DEFAULT, 1.0f);
        unroll with_nan, with_zero;
        unroll_create(&with_nan, NULL, cell, &shape);
        unroll_create(&with_zero, NULL, cell, &shape);
        lstm_cell_destroy(cell);
        size_t changed = 0;
        for (size_t k = 0; k < with_zero.x_count; k++)
            if (isnan(with_zero.x[k])) {
                with_zero.x[k] = 0.0f;
                changed++;
            }
        ck_assert_uint_gt(changed, 100);
        unroll_run(&with_nan);
        unroll_run(&with_zero);
        unroll_assert_same_bits(&with_nan, &with_zero);
        for (size_t k = 0; k < with_nan.y_count; k++)
            ck_assert(isfinite(with_nan.y[k]));
        size_t count;
        const float *grads = lstm_params_data(with_nan.grads, &count);
        for (size_t k = 0; k < count; k++)
            ck_assert(isfinite(grads[k]));
        unroll_destroy(&with_nan);
        unroll_destroy(&with_zero);
    }
}
END_TEST

START_TEST(a_row_of_a_mixed_batch_is_the_row_alone)
{
    const unroll_shape shape = {.input = 3, .batch = 7, .time = 9, .lengths = ragged(7, 9)};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        lstm_cell *cell = test_cell(test_cell_kinds[kind], 8, LSTM_ACTIVATION_DEFAULT, 1.0f);
        unroll u;
        unroll_create(&u, NULL, cell, &shape);
        lstm_cell_destroy(cell);
        unroll_run(&u);
        for (size_t row = 0; row < shape.batch; row++) {
            float y[9 * 8];
            const float *initial[UNROLL_MAX_LEAVES];
            for (size_t leaf = 0; leaf < u.leaves; leaf++)
                initial[leaf] = u.state[leaf] + row * lstm_rnn_state_size(u.rnn, leaf);
            ck_ok(lstm_dynamic_rnn(u.tape, u.weights,
                                   LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 9, .inputs = u.x + row * 9 * 3,
                                             .sequence_length = &shape.lengths[row], .initial_state = initial,
                                             .outputs = y)));
            ck_close(u.y + row * 9 * u.output, y, 9 * u.output,
                     "outputs"); /* the CBLAS may round by the number of rows */
        }
        unroll_destroy(&u);
    }
}
END_TEST

START_TEST(last_output_is_the_last_relevant_one_and_zero_for_length_0)
{
    const unroll_shape shape = {.input = 2, .batch = 9, .time = 8, .lengths = ragged(9, 8)};
    lstm_cell *cell = test_cell("gru", 5, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &shape);
    lstm_cell_destroy(cell);
    unroll_run(&u);
    static const float zeros[5] = {0};
    for (size_t row = 0; row < shape.batch; row++) {
        const size_t length = shape.lengths[row];
        const float *expected = length ? u.y + (row * shape.time + length - 1) * 5 : zeros;
        ck_assert(same_bits(u.last + row * 5, expected, 5));
        if (length < shape.time)
            ck_assert(same_bits(u.y + (row * shape.time + shape.time - 1) * 5, zeros, 5));
    }
    unroll_destroy(&u);
}
END_TEST

START_TEST(no_steps_and_no_rows_pass_the_state_through)
{
    lstm_cell *cell = test_cell("lstm", 3, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &(unroll_shape){.input = 2, .batch = 4, .time = 5});
    lstm_cell_destroy(cell);
    ck_ok(lstm_dynamic_rnn(u.tape, u.weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 4, .time = 0,
                                     .initial_state = (const float *const *)u.state, .last_output = u.last,
                                     .final_state = u.final)));
    ck_assert(same_bits(u.final[0], u.state[0], 12) && same_bits(u.final[1], u.state[1], 12));
    for (size_t k = 0; k < u.last_count; k++)
        ck_assert_float_eq(u.last[k], 0.0f);
    ck_ok(lstm_dynamic_rnn_backward(u.tape, u.weights,
                                    LSTM_ARGS(lstm_dynamic_rnn_grads, .d_params = u.grads,
                                              .d_final_state = (const float *const *)u.d_final,
                                              .d_initial_state = u.d_initial)));
    ck_assert(same_bits(u.d_initial[0], u.d_final[0], 12) && same_bits(u.d_initial[1], u.d_final[1], 12));
    ck_ok(lstm_dynamic_rnn(u.tape, u.weights, LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 0, .time = 5)));
    ck_ok(lstm_dynamic_rnn_backward(u.tape, u.weights, LSTM_ARGS(lstm_dynamic_rnn_grads, .d_params = u.grads)));
    ck_ok(lstm_dynamic_rnn(u.tape, u.weights, LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 0, .time = 0)));
    unroll_destroy(&u);
}
END_TEST

START_TEST(one_tape_serves_calls_of_any_smaller_shape)
{
    lstm_cell *cell = test_cell("lstm", 4, LSTM_ACTIVATION_DEFAULT, 1.0f);
    for (size_t batch = 1; batch <= 70; batch += 23)
        for (size_t time = 1; time <= 30; time += 13) {
            const unroll_shape shape = {.input = 2, .batch = batch, .time = time, .lengths = ragged(batch, time)};
            unroll exact, larger;
            unroll_create(&exact, NULL, cell, &shape);
            unroll_create(&larger, NULL, cell, &shape);
            lstm_tape_destroy(larger.tape);
            ck_ok(lstm_tape_create(larger.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 70, .max_time = 30),
                                   &larger.tape));
            unroll_run(&exact);
            for (int again = 0; again < 2; again++) {
                unroll_run(&larger);
                unroll_assert_same_bits(&exact, &larger);
            }
            unroll_destroy(&exact);
            unroll_destroy(&larger);
        }
    lstm_cell_destroy(cell);
}
END_TEST

START_TEST(inference_gives_the_bits_of_training)
{
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        for (int with_lengths = 0; with_lengths < 2; with_lengths++) {
            unroll_shape shape = {.input = 2, .batch = 40, .time = 50};
            shape.lengths = with_lengths ? ragged(shape.batch, shape.time) : NULL;
            lstm_cell *cell = test_cell(test_cell_kinds[kind], 6, LSTM_ACTIVATION_DEFAULT, 1.0f);
            unroll u;
            unroll_create(&u, NULL, cell, &shape);
            lstm_cell_destroy(cell);
            unroll_run(&u);
            lstm_tape *tape;
            float *y = test_allocate(u.y_count, sizeof *y), *last = test_allocate(u.last_count, sizeof *last);
            float *final[2] = {test_allocate(u.state_count[0], sizeof(float)),
                               test_allocate(u.state_count[1], sizeof(float))};
            ck_ok(lstm_tape_create(
                u.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 40, .max_time = 50, .inference = true), &tape));
            ck_ok(lstm_dynamic_rnn(tape, u.weights,
                                   LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 40, .time = 50, .inputs = u.x,
                                             .sequence_length = shape.lengths,
                                             .initial_state = (const float *const *)u.state, .outputs = y,
                                             .last_output = last, .final_state = final)));
            ck_assert(same_bits(y, u.y, u.y_count) && same_bits(last, u.last, u.last_count));
            for (size_t leaf = 0; leaf < u.leaves; leaf++)
                ck_assert(same_bits(final[leaf], u.final[leaf], u.state_count[leaf]));
            ck_fails(lstm_dynamic_rnn_backward(tape, u.weights, LSTM_ARGS(lstm_dynamic_rnn_grads, .d_params = u.grads)),
                     LSTM_ERR_STATE, "inference");
            free(y);
            free(last);
            free(final[0]);
            free(final[1]);
            lstm_tape_destroy(tape);
            unroll_destroy(&u);
        }
}
END_TEST

START_TEST(state_carried_between_calls_continues_the_sequence)
{
    const unroll_shape shape = {.input = 3, .batch = 5, .time = 12, .layout = LSTM_TIME_MAJOR};
    lstm_cell *cell = test_cell("lstm", 6, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &shape);
    lstm_cell_destroy(cell);
    unroll_run(&u);
    float state[2][30], y[12 * 30];
    float *const carried[2] = {state[0], state[1]};
    for (size_t leaf = 0; leaf < 2; leaf++)
        memcpy(state[leaf], u.state[leaf], sizeof state[leaf]);
    for (size_t t = 0; t < 12; t += 4)
        ck_ok(lstm_dynamic_rnn(u.tape, u.weights,
                               LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 5, .time = 4, .inputs = u.x + t * 15,
                                         .initial_state = (const float *const *)carried, .outputs = y + t * 30,
                                         .final_state = carried)));
    ck_close(y, u.y, u.y_count, "outputs");
    unroll_destroy(&u);
}
END_TEST

START_TEST(gradients_accumulate_over_calls)
{
    lstm_cell *cell = test_cell("gru", 5, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &(unroll_shape){.input = 2, .batch = 3, .time = 4});
    lstm_cell_destroy(cell);
    unroll_run(&u);
    size_t count;
    const float *grads = lstm_params_data(u.grads, &count);
    float *doubled = test_allocate(count, sizeof *doubled);
    for (size_t k = 0; k < count; k++)
        doubled[k] = 2.0f * grads[k];
    for (int k = 0; k < 2; k++) /* unroll_run starts from zero: the second time by hand */
        ck_ok(k ? lstm_dynamic_rnn_backward(
                      u.tape, u.weights,
                      LSTM_ARGS(lstm_dynamic_rnn_grads, .d_outputs = u.d_y, .d_last_output = u.d_last,
                                .d_final_state = (const float *const *)u.d_final, .d_params = u.grads))
                : lstm_dynamic_rnn(u.tape, u.weights,
                                   LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 3, .time = 4, .inputs = u.x,
                                             .initial_state = (const float *const *)u.state)));
    ck_close(lstm_params_data(u.grads, NULL), doubled, count, "gradients");
    free(doubled);
    unroll_destroy(&u);
}
END_TEST

START_TEST(backward_is_refused_after_the_weights_changed_or_without_a_forward)
{
    lstm_cell *cell = test_cell("lstm", 3, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &(unroll_shape){.input = 2, .batch = 2, .time = 3});
    lstm_cell_destroy(cell);
    const lstm_dynamic_rnn_args *args = LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 2, .time = 3, .inputs = u.x);
    const lstm_dynamic_rnn_grads *grads = LSTM_ARGS(lstm_dynamic_rnn_grads, .d_params = u.grads);
    ck_fails(lstm_dynamic_rnn_backward(u.tape, u.weights, grads), LSTM_ERR_STATE, "no forward call");
    ck_ok(lstm_dynamic_rnn(u.tape, u.weights, args));
    ck_ok(lstm_dynamic_rnn_backward(u.tape, u.weights, grads));
    ck_fails(lstm_dynamic_rnn_backward(u.tape, u.weights, grads), LSTM_ERR_STATE, "no forward call");
    ck_ok(lstm_dynamic_rnn(u.tape, u.weights, args));
    lstm_params_edit(u.weights, NULL);
    ck_fails(lstm_dynamic_rnn_backward(u.tape, u.weights, grads), LSTM_ERR_STATE, "no longer");
    lstm_params *others;
    ck_ok(lstm_params_create_like(u.weights, &others));
    ck_ok(lstm_dynamic_rnn(u.tape, others, args));
    ck_fails(lstm_dynamic_rnn_backward(u.tape, u.weights, grads), LSTM_ERR_STATE, "params are not");
    ck_ok(lstm_dynamic_rnn(u.tape, others, args));
    lstm_params_destroy(others); /* the tape's own reference keeps its address taken */
    ck_fails(lstm_dynamic_rnn_backward(u.tape, u.weights, grads), LSTM_ERR_STATE, "params are not");
    unroll_destroy(&u);
}
END_TEST

/* A tape keeps a packed copy of the weights: it is to notice when they are others. */
START_TEST(weights_that_change_between_calls_and_other_stores_count_at_once)
{
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        lstm_cell *cell = test_cell(test_cell_kinds[kind], 9, LSTM_ACTIVATION_DEFAULT, 1.0f);
        const unroll_shape shape = {.input = 2, .batch = 20, .time = 3};
        unroll u, fresh;
        size_t count;
        unroll_create(&u, NULL, cell, &shape);
        unroll_take(&fresh, cell, &shape);
        unroll_run(&u);
        lstm_params *original;
        ck_ok(lstm_params_freeze(u.weights, NULL, &original));
        float *weights[2] = {lstm_params_edit(u.weights, &count), lstm_params_edit(fresh.weights, &count)};
        for (size_t k = 0; k < 2 * count; k++)
            weights[k / count][k % count] += (float)(k % count % 5) * 0.1f;
        unroll_run(&u);
        unroll_run(&fresh);
        unroll_assert_same_bits(&u, &fresh);
        lstm_params *edited = u.weights;
        u.weights = original;
        unroll_loss(&u);
        ck_assert(!same_bits(u.y, fresh.y, u.y_count));
        u.weights = edited;
        unroll_loss(&u);
        ck_assert(same_bits(u.y, fresh.y, u.y_count));
        lstm_params_destroy(original);
        unroll_destroy(&u);
        unroll_destroy(&fresh);
    }
}
END_TEST

START_TEST(a_tape_in_the_callers_memory_gives_the_same_bits)
{
    lstm_cell *cell = test_cell("lstm", 7, LSTM_ACTIVATION_DEFAULT, 1.0f);
    const unroll_shape shape = {.input = 2, .batch = 37, .time = 9, .lengths = ragged(37, 9)};
    unroll a, b;
    unroll_create(&a, NULL, cell, &shape);
    unroll_create(&b, NULL, cell, &shape);
    lstm_cell_destroy(cell);
    size_t bytes, alignment, steps = 0;
    for (size_t row = 0; row < 37; row++)
        steps += shape.lengths[row];
    lstm_tape_config config = {.struct_size = sizeof config, .max_batch = 37, .max_time = 9, .max_steps = steps};
    ck_ok(lstm_tape_size(b.rnn, &config, &bytes, &alignment));
    unsigned char *memory = test_allocate(bytes + alignment + 16, 1);
    unsigned char *aligned = memory + (alignment - (uintptr_t)memory % alignment) % alignment;
    memset(aligned, 0xFF, bytes + 16);
    config.memory = aligned;
    config.memory_size = bytes;
    lstm_tape_destroy(b.tape);
    ck_ok(lstm_tape_create(b.rnn, &config, &b.tape));
    unroll_run(&a);
    unroll_run(&b);
    unroll_assert_same_bits(&a, &b);
    for (size_t k = 0; k < 16; k++)
        ck_assert_uint_eq(aligned[bytes + k], 0xFF);
    unroll_destroy(&b);
    config.memory_size--;
    lstm_tape *tape;
    ck_fails(lstm_tape_create(a.rnn, &config, &tape), LSTM_ERR_CAPACITY, "memory_size");
    config.memory = aligned + 4;
    config.memory_size = bytes;
    ck_fails(lstm_tape_create(a.rnn, &config, &tape), LSTM_ERR_INVALID_ARGUMENT, "aligned");
    unroll_destroy(&a);
    free(memory);
}
END_TEST

START_TEST(more_than_was_reserved_is_refused_and_nothing_is_written)
{
    lstm_cell *cell = test_cell("lstm", 3, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll u;
    unroll_create(&u, NULL, cell, &(unroll_shape){.input = 2, .batch = 4, .time = 5});
    lstm_cell_destroy(cell);
    lstm_tape *tape;
    ck_ok(lstm_tape_create(u.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 4, .max_time = 5, .max_steps = 10), &tape));
    const size_t fits[4] = {5, 5, 0, 0}, too_many[4] = {5, 5, 0, 1}, too_long[4] = {0, 6, 0, 0};
    lstm_dynamic_rnn_args args = {.struct_size = sizeof args, .batch = 4, .time = 5, .inputs = u.x, .outputs = u.y};
    ck_fails(lstm_dynamic_rnn(tape, u.weights, &args), LSTM_ERR_CAPACITY, "20");
    args.sequence_length = too_many;
    ck_fails(lstm_dynamic_rnn(tape, u.weights, &args), LSTM_ERR_CAPACITY, "11");
    args.sequence_length = too_long;
    ck_fails(lstm_dynamic_rnn(tape, u.weights, &args), LSTM_ERR_INVALID_ARGUMENT, "sequence_length[1] is 6");
    args.batch = 5;
    ck_fails(lstm_dynamic_rnn(tape, u.weights, &args), LSTM_ERR_CAPACITY, "batch 5");
    for (size_t k = 0; k < u.y_count; k++)
        ck_assert(isnan(u.y[k]));
    args.batch = 4;
    args.sequence_length = fits;
    ck_ok(lstm_dynamic_rnn(tape, u.weights, &args));
    lstm_tape_destroy(tape);
    unroll_destroy(&u);
}
END_TEST

Suite *rnn_suite(void)
{
    return test_suite("rnn", (const TTest *const[]){
                                 every_cell_agrees_with_the_double_reference_at_full_and_ragged_lengths,
                                 every_cell_agrees_with_it_for_every_activation_and_other_forget_biases,
                                 time_major_arrays_give_the_same_bits_as_batch_major_ones,
                                 outputs_and_input_gradients_are_exact_zeros_past_length,
                                 state_past_length_is_that_of_the_truncated_row,
                                 padding_may_hold_nan_and_changes_no_bit,
                                 a_row_of_a_mixed_batch_is_the_row_alone,
                                 last_output_is_the_last_relevant_one_and_zero_for_length_0,
                                 no_steps_and_no_rows_pass_the_state_through,
                                 one_tape_serves_calls_of_any_smaller_shape,
                                 inference_gives_the_bits_of_training,
                                 state_carried_between_calls_continues_the_sequence,
                                 gradients_accumulate_over_calls,
                                 backward_is_refused_after_the_weights_changed_or_without_a_forward,
                                 weights_that_change_between_calls_and_other_stores_count_at_once,
                                 a_tape_in_the_callers_memory_gives_the_same_bits,
                                 more_than_was_reserved_is_refused_and_nothing_is_written,
                                 NULL,
                             });
}
