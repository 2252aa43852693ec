/* Reverse sequence, sequence mask, gather of the last relevant step. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 5, TIME = 4, WIDTH = 3, FLOATS = BATCH * TIME * WIDTH };
static const size_t lengths[BATCH] = {3, 0, 4, 1, 2};
static const lstm_layout layouts[] = {LSTM_BATCH_MAJOR, LSTM_TIME_MAJOR};

/* The flat place of an element. */
static size_t place(lstm_layout layout, size_t batch, size_t time, size_t width, size_t b, size_t t, size_t j)
{
    return (layout == LSTM_TIME_MAJOR ? t * batch + b : b * time + t) * width + j;
}

static void check_reverse(lstm_layout layout, size_t batch, size_t time, size_t width, const size_t *sequence_length)
{
    const size_t floats = batch * time * width;
    float *x = test_numbers("reverse", floats, 1.0f), *y = test_allocate(floats + 1, sizeof *y);
    float *back = test_allocate(floats, sizeof *back);
    y[floats] = 55.0f;
    ck_ok(lstm_reverse_sequence(layout, batch, time, width, sequence_length, x, y));
    for (size_t b = 0; b < batch; b++)
        for (size_t t = 0; t < time; t++)
            for (size_t j = 0; j < width; j++) {
                const size_t length = sequence_length ? sequence_length[b] : time;
                const size_t from = t < length ? length - 1 - t : t;
                ck_assert(same_bits(&y[place(layout, batch, time, width, b, t, j)],
                                    &x[place(layout, batch, time, width, b, from, j)], 1));
            }
    ck_assert_float_eq(y[floats], 55.0f);
    ck_ok(lstm_reverse_sequence(layout, batch, time, width, sequence_length, y, back));
    ck_assert(same_bits(back, x, floats));
    free(x);
    free(y);
    free(back);
}

START_TEST(reverse_sequence_reverses_each_row_within_its_length_and_back)
{
    for (size_t l = 0; l < 2; l++)
        for (size_t width = 1; width < 5; width++) {
            check_reverse(layouts[l], BATCH, TIME, width, lengths);
            check_reverse(layouts[l], BATCH, TIME, width, NULL);
            check_reverse(layouts[l], BATCH, 7, width, lengths);
            check_reverse(layouts[l], 1, 4, width, lengths);
            check_reverse(layouts[l], 1, 1, width, NULL);
        }
}
END_TEST

START_TEST(reverse_sequence_gives_the_example_of_tensorflow)
{
    const size_t seq_lengths[] = {7, 2, 3, 5};
    const float x[] = {1, 2, 3, 4, 5, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    const float expected[] = {0, 0, 5, 4, 3, 2, 1, 0, 2, 1, 0, 0, 0, 0, 0, 0,
                              3, 2, 1, 4, 0, 0, 0, 0, 5, 4, 3, 2, 1, 6, 7, 8};
    float y[32];
    ck_ok(lstm_reverse_sequence(LSTM_BATCH_MAJOR, 4, 8, 1, seq_lengths, x, y));
    ck_assert(same_bits(y, expected, 32));
}
END_TEST

START_TEST(sequence_mask_gives_the_example_of_tensorflow)
{
    const size_t of_three[] = {1, 3, 2};
    const float expected[] = {1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0};
    float y[16];
    y[15] = 55.0f;
    ck_ok(lstm_sequence_mask(3, 5, of_three, y));
    ck_assert(same_bits(y, expected, 15));
    ck_assert_float_eq(y[15], 55.0f);
}
END_TEST

START_TEST(sequence_mask_is_one_before_the_length_and_zero_from_there_on)
{
    float y[BATCH * TIME + 1];
    for (size_t k = 0; k <= BATCH * TIME; k++)
        y[k] = NAN;
    ck_ok(lstm_sequence_mask(BATCH, TIME, lengths, y));
    for (size_t k = 0; k < BATCH * TIME; k++)
        ck_assert_float_eq(y[k], k % TIME < lengths[k / TIME] ? 1.0f : 0.0f);
    ck_assert(isnan(y[BATCH * TIME]));
    ck_ok(lstm_sequence_mask(BATCH, TIME, NULL, y));
    for (size_t k = 0; k < BATCH * TIME; k++)
        ck_assert_float_eq(y[k], 1.0f);
}
END_TEST

START_TEST(gather_last_takes_the_step_before_the_length_and_zeros_for_length_0)
{
    const float zeros[WIDTH] = {0};
    for (size_t l = 0; l < 2; l++)
        for (int whole = 0; whole < 2; whole++) {
            float *x = test_numbers("last", FLOATS, 1.0f), y[BATCH * WIDTH + 1];
            for (size_t k = 0; k <= BATCH * WIDTH; k++)
                y[k] = 55.0f;
            ck_ok(lstm_gather_last(layouts[l], BATCH, TIME, WIDTH, whole ? NULL : lengths, x, y));
            for (size_t b = 0; b < BATCH; b++) {
                const size_t length = whole ? TIME : lengths[b];
                const float *last = length ? x + place(layouts[l], BATCH, TIME, WIDTH, b, length - 1, 0) : zeros;
                ck_assert(same_bits(y + b * WIDTH, last, WIDTH));
            }
            ck_assert_float_eq(y[BATCH * WIDTH], 55.0f);
            free(x);
        }
}
END_TEST

START_TEST(gather_last_of_no_steps_is_zeros)
{
    float y[BATCH * WIDTH];
    for (size_t l = 0; l < 2; l++)
        for (int whole = 0; whole < 2; whole++) {
            const size_t none[BATCH] = {0};
            for (size_t k = 0; k < BATCH * WIDTH; k++)
                y[k] = NAN;
            ck_ok(lstm_gather_last(layouts[l], BATCH, 0, WIDTH, whole ? NULL : none, NULL, y));
            for (size_t k = 0; k < BATCH * WIDTH; k++)
                ck_assert_float_eq(y[k], 0.0f);
        }
}
END_TEST

START_TEST(gather_last_of_the_outputs_is_the_last_output_of_dynamic_rnn)
{
    enum { UNITS = 6 };
    for (size_t l = 0; l < 2; l++) {
        lstm_params *params;
        lstm_rnn *rnn;
        lstm_tape *tape;
        lstm_cell *cell = test_cell("gru", UNITS, LSTM_ACTIVATION_TANH, 0.0f);
        float *x = test_numbers("inputs", FLOATS, 1.0f), outputs[BATCH * TIME * UNITS];
        float last[BATCH * UNITS], gathered[BATCH * UNITS];
        ck_ok(lstm_params_create(NULL, &params));
        ck_ok(lstm_rnn_create(params, NULL, cell, WIDTH, LSTM_ARGS(lstm_rnn_config, .layout = layouts[l]), &rnn));
        ck_ok(lstm_params_initialize(params, 1));
        ck_ok(lstm_tape_create(
            rnn, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME, .inference = true), &tape));
        ck_ok(lstm_dynamic_rnn(tape, params,
                               LSTM_ARGS(lstm_dynamic_rnn_args, .batch = BATCH, .time = TIME, .inputs = x,
                                         .sequence_length = lengths, .outputs = outputs, .last_output = last)));
        ck_ok(lstm_gather_last(layouts[l], BATCH, TIME, UNITS, lengths, outputs, gathered));
        ck_assert(same_bits(gathered, last, BATCH * UNITS));
        ck_assert_float_ne(last[0], 0.0f);
        lstm_tape_destroy(tape);
        lstm_rnn_destroy(rnn);
        lstm_cell_destroy(cell);
        lstm_params_destroy(params);
        free(x);
    }
}
END_TEST

START_TEST(sequences_without_elements_need_no_memory)
{
    const size_t none[BATCH] = {0}, one = 1;
    float y = 55.0f;
    for (size_t l = 0; l < 2; l++) {
        ck_ok(lstm_reverse_sequence(layouts[l], 0, TIME, WIDTH, NULL, NULL, NULL));
        ck_ok(lstm_reverse_sequence(layouts[l], BATCH, 0, WIDTH, none, NULL, &y));
        ck_ok(lstm_reverse_sequence(layouts[l], BATCH, TIME, 0, lengths, NULL, &y));
        ck_ok(lstm_gather_last(layouts[l], BATCH, TIME, 0, lengths, NULL, NULL));
        ck_ok(lstm_gather_last(layouts[l], 0, TIME, WIDTH, NULL, NULL, NULL));
        ck_ok(lstm_gather_last(layouts[l], BATCH, TIME, 0, lengths, NULL, &y));
    }
    ck_ok(lstm_sequence_mask(0, TIME, NULL, NULL));
    ck_ok(lstm_sequence_mask(BATCH, 0, none, &y));
    ck_assert_float_eq(y, 55.0f);
    ck_fails(lstm_sequence_mask(1, 0, &one, NULL), LSTM_ERR_INVALID_ARGUMENT, "sequence_length[0] is 1");
    ck_fails(lstm_reverse_sequence(layouts[0], 1, 0, 1, &one, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT,
             "sequence_length[0] is 1");
    ck_fails(lstm_gather_last(layouts[0], BATCH, 0, WIDTH, none, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "y is NULL");
}
END_TEST

START_TEST(sequences_that_cannot_be_are_refused_and_nothing_is_written)
{
    const size_t half = SIZE_MAX / 2 + 1, bad[BATCH] = {3, 0, 4, 5, 9}, endless[] = {SIZE_MAX};
    const lstm_layout unknown = (lstm_layout)7;
    float x[FLOATS] = {0}, y[FLOATS];
    for (size_t k = 0; k < 2; k++) {
        const lstm_layout l = layouts[k];
        ck_nothing_written(y, lstm_reverse_sequence(l, BATCH, TIME, WIDTH, bad, x, y),
                           "sequence_length[3] is 5, expected 0 to 4");
        ck_nothing_written(y, lstm_reverse_sequence(l, 1, TIME, WIDTH, endless, x, y), "sequence_length[0]");
        ck_nothing_written(y, lstm_reverse_sequence(l, half, 2, 1, NULL, x, y), "overflows");
        ck_nothing_written(y, lstm_reverse_sequence(l, 2, 1, half, NULL, x, y), "overflows");
        ck_nothing_written(y, lstm_reverse_sequence(l, BATCH, TIME, WIDTH, lengths, NULL, y), "x is NULL");
        ck_nothing_written(y, lstm_reverse_sequence(l, BATCH, TIME, WIDTH, lengths, x, NULL), "y is NULL");
        ck_nothing_written(y, lstm_gather_last(l, BATCH, TIME, WIDTH, bad, x, y),
                           "sequence_length[3] is 5, expected 0 to 4");
        ck_nothing_written(y, lstm_gather_last(l, 1, TIME, WIDTH, endless, x, y), "sequence_length[0]");
        ck_nothing_written(y, lstm_gather_last(l, half, 2, 1, NULL, x, y), "overflows");
        ck_nothing_written(y, lstm_gather_last(l, 2, 1, half, NULL, x, y), "overflows");
        ck_nothing_written(y, lstm_gather_last(l, BATCH, TIME, WIDTH, lengths, NULL, y), "x is NULL");
        ck_nothing_written(y, lstm_gather_last(l, BATCH, TIME, WIDTH, lengths, x, NULL), "y is NULL");
    }
    ck_nothing_written(y, lstm_reverse_sequence(unknown, BATCH, TIME, WIDTH, lengths, x, y), "layout 7");
    ck_nothing_written(y, lstm_gather_last(unknown, BATCH, TIME, WIDTH, lengths, x, y), "layout 7");
    ck_nothing_written(y, lstm_sequence_mask(BATCH, TIME, bad, y), "sequence_length[3] is 5, expected 0 to 4");
    ck_nothing_written(y, lstm_sequence_mask(1, TIME, endless, y), "sequence_length[0]");
    ck_nothing_written(y, lstm_sequence_mask(half, 2, NULL, y), "overflows");
    ck_nothing_written(y, lstm_sequence_mask(BATCH, TIME, lengths, NULL), "y is NULL");
}
END_TEST

Suite *sequence_array_suite(void)
{
    return test_suite(
        "sequence_array",
        (const TTest *const[]){
            reverse_sequence_reverses_each_row_within_its_length_and_back,
            reverse_sequence_gives_the_example_of_tensorflow, sequence_mask_gives_the_example_of_tensorflow,
            sequence_mask_is_one_before_the_length_and_zero_from_there_on,
            gather_last_takes_the_step_before_the_length_and_zeros_for_length_0, gather_last_of_no_steps_is_zeros,
            gather_last_of_the_outputs_is_the_last_output_of_dynamic_rnn, sequences_without_elements_need_no_memory,
            sequences_that_cannot_be_are_refused_and_nothing_is_written, NULL});
}
