/* DropoutWrapper: items 15 and 16 of the semantics note, and what a mask is a function of. */
#include "echo_cell.h"
#include "wrapped.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How large a part of `count` places in the two arrays hold equal numbers. */
static double share_equal(const float *a, const float *b, size_t count)
{
    size_t equal = 0;
    for (size_t k = 0; k < count; k++)
        equal += a[k] == b[k];
    return (double)equal / (double)count;
}

/* Five standard deviations of the mean of `count` numbers that are 1 / keep with probability keep, or else 0. */
static double mean_tolerance(double keep, size_t count)
{
    return 5.0 * sqrt((1.0 - keep) / keep / (double)count);
}

START_TEST(a_dropped_number_is_zero_or_over_keep_and_its_mean_is_the_number)
{
    static const float keeps[] = {0.5f, 0.9f, 0.2f};
    for (size_t k = 0; k < 3; k++)
        for (int site = 0; site < 2; site++) {
            const float keep = keeps[k];
            unroll u;
            echo_observe(&u, 0.0f,
                         LSTM_ARGS(lstm_dropout_config, .input_keep_prob = site ? 1.0f : keep,
                                   .output_keep_prob = site ? keep : 1.0f),
                         &(unroll_shape){.batch = 65, .time = 100, .training = true, .seed = 11});
            double sum = 0.0;
            for (size_t place = 0; place < 6500; place++)
                for (size_t i = 0; i < ECHO_WIDTH; i++) {
                    const float value = u.y[place * 2 * ECHO_WIDTH + i];
                    ck_assert(value == 0.0f || value == 1.0f / keep);
                    sum += (double)value;
                }
            ck_assert_double_eq_tol(sum / (6500 * ECHO_WIDTH), 1.0, mean_tolerance((double)keep, 6500 * ECHO_WIDTH));
            unroll_destroy(&u);
        }
}
END_TEST

START_TEST(a_dropped_state_is_zero_or_over_keep_and_its_mean_is_the_state)
{
    unroll u;
    echo_observe(&u, 0.0f, LSTM_ARGS(lstm_dropout_config, .state_keep_prob = 0.8f),
                 &(unroll_shape){.batch = 65, .time = 101, .training = true, .seed = 12});
    double sum = 0.0;
    for (size_t row = 0; row < 65; row++) {
        for (size_t i = 0; i < ECHO_WIDTH; i++)
            ck_assert_float_eq(echo_seen_state(&u, row, 0)[i], 1.0f); /* what is given is no new state */
        for (size_t t = 1; t < 101; t++)
            for (size_t i = 0; i < ECHO_WIDTH; i++) {
                const float value = echo_seen_state(&u, row, t)[i];
                ck_assert(value == 0.0f || value == 1.0f / 0.8f);
                ck_assert_float_eq(echo_seen_input(&u, row, t)[i], 1.0f);
                sum += (double)value;
            }
    }
    ck_assert_double_eq_tol(sum / (6500 * ECHO_WIDTH), 1.0, mean_tolerance(0.8, 6500 * ECHO_WIDTH));
    unroll_destroy(&u);
}
END_TEST

/* A run that is repeated years later, elsewhere, drops the same numbers. */
START_TEST(what_a_seed_drops_is_written_down)
{
    unroll u;
    echo_observe(&u, 0.0f, LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.5f),
                 &(unroll_shape){.batch = 2, .time = 2, .training = true, .seed = 3});
    uint64_t kept = 0;
    for (size_t row = 0; row < 2; row++)
        for (size_t t = 0; t < 2; t++)
            for (size_t i = 0; i < ECHO_WIDTH; i++)
                kept = kept << 1 | (echo_seen_input(&u, row, t)[i] > 0.0f);
    ck_assert_msg(kept == 0xaa497d7d5afa3443u, "%#" PRIx64, kept);
    unroll_destroy(&u);
}
END_TEST

START_TEST(backward_drops_what_forward_dropped)
{
    unroll u;
    echo_observe(
        &u, 1.0f,
        LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.7f, .output_keep_prob = 0.6f, .state_keep_prob = 0.8f),
        &(unroll_shape){.batch = 5, .time = 7, .training = true, .seed = 1});
    for (size_t row = 0; row < 5; row++)
        for (size_t t = 0; t < 7; t++)
            for (size_t i = 0; i < ECHO_WIDTH; i++) {
                const size_t place = unroll_place(&u, row, t);
                const double d_y = (double)u.d_y[place * 2 * ECHO_WIDTH + i] +
                                   (t == 6 ? (double)u.d_last[row * 2 * ECHO_WIDTH + i] : 0.0);
                ck_assert_double_eq_tol((double)u.d_x[place * ECHO_WIDTH + i],
                                        d_y * (double)echo_seen_input(&u, row, t)[i], 1e-5);
            }
    unroll_destroy(&u);
}
END_TEST

START_TEST(output_dropout_leaves_the_state_alone)
{
    const unroll_shape shape = {.input = 3, .batch = 9, .time = 8, .training = true, .seed = 5};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        unroll plain, dropped;
        unroll_take(&plain, test_cell(test_cell_kinds[kind], 6, LSTM_ACTIVATION_DEFAULT, 1.0f), &shape);
        unroll_take(&dropped,
                    wrap_dropout(test_cell(test_cell_kinds[kind], 6, LSTM_ACTIVATION_DEFAULT, 1.0f),
                                 LSTM_ARGS(lstm_dropout_config, .output_keep_prob = 0.5f)),
                    &shape);
        unroll_run(&plain);
        unroll_run(&dropped);
        for (size_t leaf = 0; leaf < plain.leaves; leaf++)
            ck_assert(same_bits(plain.final[leaf], dropped.final[leaf], plain.state_count[leaf]));
        size_t zeros = 0;
        for (size_t k = 0; k < plain.y_count; k++) {
            ck_assert(dropped.y[k] == 0.0f || dropped.y[k] == 2.0f * plain.y[k]);
            zeros += dropped.y[k] == 0.0f;
        }
        ck_assert(zeros > plain.y_count / 3 && zeros < plain.y_count * 2 / 3);
        unroll_destroy(&plain);
        unroll_destroy(&dropped);
    }
}
END_TEST

/* After one step, is leaf `leaf` the plain run's (0), dropped at keep 0.5 (1), or something else (2)? */
static int fate(const unroll *plain, const unroll *dropped, size_t leaf)
{
    const size_t count = plain->state_count[leaf];
    size_t zeros = 0;
    if (same_bits(plain->final[leaf], dropped->final[leaf], count))
        return 0;
    for (size_t k = 0; k < count; k++) {
        const float value = dropped->final[leaf][k];
        if (value != 0.0f && value != 2.0f * plain->final[leaf][k])
            return 2;
        zeros += value == 0.0f;
    }
    return zeros > count / 4 && zeros < count * 3 / 4 ? 1 : 2;
}

static lstm_cell *two_layers(void)
{
    return wrap_multi(test_cell("lstm", 6, LSTM_ACTIVATION_DEFAULT, 1.0f),
                      test_cell("gru", 5, LSTM_ACTIVATION_DEFAULT, 1.0f));
}

static lstm_cell *cell_for_states(int kind)
{
    return kind == 3 ? two_layers()
                     : test_cell(kind == 0   ? "basic_lstm"
                                 : kind == 1 ? "lstm"
                                             : "gru",
                                 6, LSTM_ACTIVATION_DEFAULT, 1.0f);
}

START_TEST(state_dropout_never_touches_an_lstms_c_unless_it_is_to_drop_all)
{
    static const char *const expected[4][2] = {{"01", "11"}, {"01", "11"}, {"1", "1"}, {"011", "111"}};
    const unroll_shape shape = {.input = 3, .batch = 40, .time = 1, .training = true, .seed = 5};
    for (int kind = 0; kind < 4; kind++)
        for (int all = 0; all < 2; all++) {
            unroll plain, dropped;
            unroll_take(&plain, cell_for_states(kind), &shape);
            unroll_take(&dropped,
                        wrap_dropout(cell_for_states(kind),
                                     LSTM_ARGS(lstm_dropout_config, .state_keep_prob = 0.5f, .drop_all_state = all)),
                        &shape);
            unroll_run(&plain);
            unroll_run(&dropped);
            ck_assert_uint_eq(plain.leaves, strlen(expected[kind][all]));
            for (size_t leaf = 0; leaf < plain.leaves; leaf++)
                ck_assert_int_eq(fate(&plain, &dropped, leaf), expected[kind][all][leaf] - '0');
            ck_assert(same_bits(plain.y, dropped.y, plain.y_count));
            unroll_destroy(&plain);
            unroll_destroy(&dropped);
        }
}
END_TEST

START_TEST(zeros_of_the_output_and_of_the_state_are_independent)
{
    const unroll_shape shape = {.input = 3, .batch = 64, .time = 1, .training = true, .seed = 8};
    unroll u;
    unroll_take(&u,
                wrap_dropout(test_cell("basic_lstm", 64, LSTM_ACTIVATION_DEFAULT, 1.0f),
                             LSTM_ARGS(lstm_dropout_config, .output_keep_prob = 0.5f, .state_keep_prob = 0.5f)),
                &shape);
    unroll_run(&u);
    size_t both = 0, output = 0, state = 0;
    for (size_t k = 0; k < u.y_count; k++) {
        both += u.y[k] == 0.0f && u.final[1][k] == 0.0f;
        output += u.y[k] == 0.0f;
        state += u.final[1][k] == 0.0f;
    }
    ck_assert_double_eq_tol((double)output / 4096, 0.5, 0.04);
    ck_assert_double_eq_tol((double)state / 4096, 0.5, 0.04);
    ck_assert_double_eq_tol((double)both / 4096, 0.25, 0.034);
    unroll_destroy(&u);
}
END_TEST

START_TEST(masks_of_the_input_and_of_the_leaves_of_the_state_are_independent)
{
    unroll u;
    lstm_cell *cells[2] = {echo_cell_create(0.0f), echo_cell_create(0.0f)}, *multi;
    ck_ok(lstm_cell_create_multi_rnn(NULL, cells, 2, &multi));
    lstm_cell_destroy(cells[0]);
    lstm_cell_destroy(cells[1]);
    unroll_take(&u,
                wrap_dropout(multi, LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.5f, .state_keep_prob = 0.5f,
                                              .variational = true)),
                &(unroll_shape){.input = ECHO_WIDTH, .batch = 200, .time = 2, .training = true, .seed = 8});
    echo_fill(u.x, u.x_count, 1.0f);
    unroll_run(&u);
    for (size_t row = 0; row < 200; row++) /* the first half of the second leaf, which is twice as wide */
        memmove(u.final[1] + row * ECHO_WIDTH, u.final[1] + row * 2 * ECHO_WIDTH, ECHO_WIDTH * sizeof(float));
    float *input = test_allocate(200 * ECHO_WIDTH, sizeof *input);
    for (size_t row = 0; row < 200; row++)
        memcpy(input + row * ECHO_WIDTH, echo_seen_input(&u, row, 1), ECHO_WIDTH * sizeof *input);
    ck_assert_double_eq_tol(share_equal(u.final[0], u.final[1], 200 * ECHO_WIDTH), 0.5, 0.045);
    ck_assert_double_eq_tol(share_equal(u.final[0], input, 200 * ECHO_WIDTH), 0.5, 0.045);
    ck_assert_double_eq_tol(share_equal(u.final[1], input, 200 * ECHO_WIDTH), 0.5, 0.045);
    free(input);
    unroll_destroy(&u);
}
END_TEST

/* Wrappers that change nothing, run for training or not. */
static lstm_cell *idle(lstm_cell *inner, int way)
{
    if (way == 0)
        return wrap_dropout(inner, NULL);
    if (way == 1)
        return wrap_dropout(inner, LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 1.0f, .output_keep_prob = 1.0f,
                                             .state_keep_prob = 1.0f, .drop_all_state = true));
    return wrap_dropout(inner, LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.5f, .output_keep_prob = 0.6f,
                                         .state_keep_prob = 0.7f));
}

START_TEST(keep_1_and_no_training_give_the_bits_of_no_wrapper_forward_and_backward)
{
    const size_t lengths[40] = {9, 0, 3, 9, 1, 7, [10] = 9, 8, 4, 2};
    const unroll_shape shape = {.input = 3, .batch = 40, .time = 9, .lengths = lengths};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        unroll plain;
        unroll_take(&plain, test_cell(test_cell_kinds[kind], 7, LSTM_ACTIVATION_DEFAULT, 1.0f), &shape);
        unroll_run(&plain);
        for (int way = 0; way < 3; way++) {
            unroll wrapped;
            unroll_shape same = shape;
            same.training = way < 2;
            unroll_take(&wrapped, idle(test_cell(test_cell_kinds[kind], 7, LSTM_ACTIVATION_DEFAULT, 1.0f), way), &same);
            unroll_run(&wrapped);
            unroll_assert_same_bits(&plain, &wrapped);
            unroll_destroy(&wrapped);
        }
        unroll_destroy(&plain);
    }
}
END_TEST

/* Whether inputs (0) or states (1) at [row][t] of a and [other_row][other_t] of b were masked alike. */
static bool alike(int site, const unroll *a, size_t row, size_t t, const unroll *b, size_t other_row, size_t other_t)
{
    const size_t at = site ? ECHO_WIDTH : 0;
    return same_bits(echo_seen_input(a, row, t) + at, echo_seen_input(b, other_row, other_t) + at, ECHO_WIDTH);
}

START_TEST(a_variational_mask_is_one_for_all_time_and_whole_batch_is_one_for_all_rows)
{
    for (int variational = 0; variational < 2; variational++)
        for (int whole_batch = 0; whole_batch < 2; whole_batch++) {
            unroll u;
            echo_observe(&u, 0.0f,
                         LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.5f, .state_keep_prob = 0.5f,
                                   .variational = variational, .whole_batch = whole_batch),
                         &(unroll_shape){.batch = 9, .time = 6, .training = true, .seed = 2});
            for (int site = 0; site < 2; site++)
                for (size_t row = 0; row < 9; row++)
                    for (size_t t = 1; t < 5; t++) {
                        ck_assert(alike(site, &u, row, t, &u, row, t + 1) == (variational == 1));
                        ck_assert(row == 0 || alike(site, &u, row, t, &u, row - 1, t) == (whole_batch == 1));
                        ck_assert(row == 0 || alike(site, &u, row, t, &u, row - 1, t + 1) ==
                                                  (variational == 1 && whole_batch == 1));
                    }
            unroll_destroy(&u);
        }
}
END_TEST

/* The whole of what an echo showed in two runs, as a share of equal numbers. */
static double share_alike(const unroll *a, const unroll *b)
{
    return share_equal(a->y, b->y, a->y_count);
}

static const lstm_dropout_config *half(void)
{
    static const lstm_dropout_config config = {
        .struct_size = sizeof config, .input_keep_prob = 0.5f, .state_keep_prob = 0.5f};
    return &config;
}

START_TEST(a_mask_is_a_function_of_seed_step_and_row_id)
{
    static uint64_t ids[20];
    const unroll_shape shape = {.batch = 20, .time = 20, .training = true, .seed = 2, .step = 7, .row_id = ids};
    unroll first, again;
    for (size_t row = 0; row < 20; row++)
        ids[row] = 1000 + row;
    echo_observe(&first, 0.0f, half(), &shape);
    for (int change = 0; change < 5; change++) {
        unroll_shape other = shape;
        other.seed += change == 1;
        other.step += change == 2;
        for (size_t row = 0; row < 20; row++)
            ids[row] += change == 3 ? 100 : change == 4 ? (uint64_t)1 << 40 : 0;
        echo_observe(&again, 0.0f, half(), &other);
        if (change == 0)
            ck_assert(same_bits(first.y, again.y, first.y_count));
        else /* by chance; five standard deviations, and the state that was given is no news */
            ck_assert_double_eq_tol(share_alike(&first, &again), 0.5 + 0.25 / 20, 5.0 * 0.5 / sqrt(12400));
        unroll_destroy(&again);
    }
    unroll_destroy(&first);
}
END_TEST

START_TEST(a_mask_goes_with_the_row_id_wherever_the_row_stands)
{
    enum { BATCH = 70, TIME = 9 };
    static uint64_t there[BATCH];
    static size_t lengths[BATCH];
    unroll home, away;
    for (size_t row = 0; row < BATCH; row++) {
        there[row] = (row * 31 + 3) % BATCH;
        lengths[row] = (row * 5) % (TIME + 1);
    }
    echo_observe(&home, 0.0f, half(), &(unroll_shape){.batch = BATCH, .time = TIME, .training = true, .seed = 4});
    echo_observe(&away, 0.0f, half(),
                 &(unroll_shape){
                     .batch = BATCH, .time = TIME, .lengths = lengths, .training = true, .seed = 4, .row_id = there});
    for (size_t row = 0; row < BATCH; row++)
        for (size_t t = 0; t < lengths[row]; t++)
            ck_assert(same_bits(echo_seen_input(&home, (size_t)there[row], t), echo_seen_input(&away, row, t), 2 * ECHO_WIDTH));
    unroll_destroy(&home);
    unroll_destroy(&away);
}
END_TEST

START_TEST(a_long_row_has_the_same_masks_alone_and_among_others)
{
    static const uint64_t name = 5;
    unroll alone, among;
    echo_observe(&alone, 0.0f, half(),
                 &(unroll_shape){.batch = 1, .time = 600, .training = true, .seed = 4, .row_id = &name});
    echo_observe(&among, 0.0f, half(), &(unroll_shape){.batch = 7, .time = 600, .training = true, .seed = 4});
    for (size_t t = 0; t < 600; t++)
        ck_assert(same_bits(echo_seen_input(&alone, 0, t), echo_seen_input(&among, 5, t), 2 * ECHO_WIDTH));
    ck_assert(!alike(0, &alone, 0, 0, &alone, 0, 512));
    unroll_destroy(&alone);
    unroll_destroy(&among);
}
END_TEST

static const lstm_dropout_config *all_masks(void)
{
    static const lstm_dropout_config config = {
        .struct_size = sizeof config, .input_keep_prob = 0.8f, .output_keep_prob = 0.7f, .state_keep_prob = 0.9f};
    return &config;
}

START_TEST(threads_and_layouts_change_no_bit_of_a_run_with_masks)
{
    static size_t lengths[150];
    unroll_shape shape = {.input = 5, .batch = 150, .time = 16, .lengths = lengths, .training = true, .seed = 3};
    for (size_t row = 0; row < 150; row++)
        lengths[row] = (row * 13 + 5) % 17;
    unroll one, other;
    unroll_take(&one, wrap_dropout(two_layers(), all_masks()), &shape);
    unroll_run(&one);
    for (size_t threads = 1; threads <= 3; threads++) {
        lstm_context *context;
        lstm_cell *cell = wrap_dropout(two_layers(), all_masks());
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
        shape.layout = threads == 1 ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR;
        unroll_create(&other, context, cell, &shape);
        lstm_context_destroy(context);
        lstm_cell_destroy(cell);
        unroll_run(&other);
        unroll_assert_same_bits(&one, &other);
        unroll_destroy(&other);
    }
    unroll_destroy(&one);
}
END_TEST

START_TEST(a_tape_for_inference_draws_the_same_masks)
{
    unroll u;
    unroll_take(&u, wrap_dropout(two_layers(), all_masks()),
                &(unroll_shape){.input = 3, .batch = 40, .time = 20, .training = true, .seed = 3});
    unroll_run(&u);
    float *y = unroll_infer_outputs(&u);
    ck_assert(same_bits(u.y, y, u.y_count));
    free(y);
    unroll_destroy(&u);
}
END_TEST

START_TEST(wrappers_at_different_places_draw_different_masks)
{
    unroll u;
    lstm_cell *cells[2], *multi, *both;
    for (size_t k = 0; k < 2; k++)
        cells[k] = wrap_dropout(echo_cell_create(0.0f), LSTM_ARGS(lstm_dropout_config, .state_keep_prob = 0.5f));
    ck_ok(lstm_cell_create_output_projection(NULL, cells[0], ECHO_WIDTH, NULL, &both));
    ck_ok(lstm_cell_create_multi_rnn(NULL, (lstm_cell *[]){both, cells[1]}, 2, &multi));
    unroll_take(&u, multi, &(unroll_shape){.input = ECHO_WIDTH, .batch = 200, .time = 1, .training = true, .seed = 8});
    unroll_run(&u);
    ck_assert_double_eq_tol(share_equal(u.final[0], u.final[1], u.state_count[0]), 0.5, 0.045);
    for (size_t k = 0; k < 2; k++)
        lstm_cell_destroy(cells[k]);
    lstm_cell_destroy(both);
    unroll_destroy(&u);
}
END_TEST

START_TEST(a_wrapper_inside_one_that_changes_states_draws_as_it_does_alone)
{
    const unroll_shape shape = {.input = ECHO_WIDTH, .batch = 9, .time = 8, .training = true, .seed = 2};
    unroll u[2];
    for (int changes = 0; changes < 2; changes++) {
        lstm_cell *inner =
            wrap_dropout(echo_cell_create(0.0f), LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.5f));
        unroll_take(&u[changes],
                    wrap_dropout(inner, LSTM_ARGS(lstm_dropout_config, .state_keep_prob = changes ? 0.5f : 1.0f)),
                    &shape);
        unroll_run(&u[changes]);
    }
    for (size_t row = 0; row < 9; row++)
        for (size_t t = 0; t < 8; t++)
            ck_assert(same_bits(echo_seen_input(&u[0], row, t), echo_seen_input(&u[1], row, t), ECHO_WIDTH));
    unroll_destroy(&u[0]);
    unroll_destroy(&u[1]);
}
END_TEST

Suite *dropout_suite(void)
{
    return test_suite("dropout", (const TTest *const[]){
                                     a_dropped_number_is_zero_or_over_keep_and_its_mean_is_the_number,
                                     a_dropped_state_is_zero_or_over_keep_and_its_mean_is_the_state,
                                     what_a_seed_drops_is_written_down,
                                     backward_drops_what_forward_dropped,
                                     output_dropout_leaves_the_state_alone,
                                     state_dropout_never_touches_an_lstms_c_unless_it_is_to_drop_all,
                                     zeros_of_the_output_and_of_the_state_are_independent,
                                     masks_of_the_input_and_of_the_leaves_of_the_state_are_independent,
                                     keep_1_and_no_training_give_the_bits_of_no_wrapper_forward_and_backward,
                                     a_variational_mask_is_one_for_all_time_and_whole_batch_is_one_for_all_rows,
                                     a_mask_is_a_function_of_seed_step_and_row_id,
                                     a_mask_goes_with_the_row_id_wherever_the_row_stands,
                                     a_long_row_has_the_same_masks_alone_and_among_others,
                                     threads_and_layouts_change_no_bit_of_a_run_with_masks,
                                     a_tape_for_inference_draws_the_same_masks,
                                     wrappers_at_different_places_draw_different_masks,
                                     a_wrapper_inside_one_that_changes_states_draws_as_it_does_alone,
                                     NULL,
                                 });
}
