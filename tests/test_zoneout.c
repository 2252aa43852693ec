/* Zoneout: what the state of a wrapped cell becomes, and what is refused. */
#include "echo_cell.h"
#include "wrapped.h"

#include <math.h>
#include <stdlib.h>

START_TEST(while_training_zoneout_leaves_each_state_old_or_makes_it_new)
{
    unroll u;
    echo_observe(&u, 1.0f, LSTM_ARGS(lstm_dropout_config, .zoneout = 0.3f),
                 &(unroll_shape){.batch = 65, .time = 101, .training = true, .seed = 12});
    size_t stayed = 0;
    for (size_t row = 0; row < 65; row++)
        for (size_t t = 0; t < 100; t++)
            for (size_t i = 0; i < ECHO_WIDTH; i++) {
                const float step = echo_seen_state(&u, row, t + 1)[i] - echo_seen_state(&u, row, t)[i];
                ck_assert(step == 0.0f || step == 1.0f);
                ck_assert_float_eq(echo_seen_input(&u, row, t)[i], 1.0f);
                stayed += step == 0.0f;
            }
    ck_assert_double_eq_tol((double)stayed / (6500 * ECHO_WIDTH), 0.3, 5.0 * sqrt(0.21 / (6500 * ECHO_WIDTH)));
    unroll_destroy(&u);
}
END_TEST

START_TEST(zoneout_of_an_lstm_goes_over_c_and_h)
{
    const unroll_shape shape = {.input = 3, .batch = 40, .time = 1, .training = true, .seed = 5};
    unroll plain, zoned;
    unroll_take(&plain, test_cell("lstm", 6, LSTM_ACTIVATION_DEFAULT, 1.0f), &shape);
    unroll_take(&zoned,
                wrap_dropout(test_cell("lstm", 6, LSTM_ACTIVATION_DEFAULT, 1.0f),
                             LSTM_ARGS(lstm_dropout_config, .zoneout = 0.5f)),
                &shape);
    unroll_run(&plain);
    unroll_run(&zoned);
    for (size_t leaf = 0; leaf < 2; leaf++) {
        size_t stayed = 0;
        for (size_t k = 0; k < 240; k++) {
            const bool old = zoned.final[leaf][k] == zoned.state[leaf][k];
            ck_assert(old || zoned.final[leaf][k] == plain.final[leaf][k]);
            stayed += old;
        }
        ck_assert(stayed > 80 && stayed < 160);
    }
    ck_assert(same_bits(plain.y, zoned.y, plain.y_count));
    unroll_destroy(&plain);
    unroll_destroy(&zoned);
}
END_TEST

START_TEST(without_training_zoneout_mixes_old_and_new)
{
    const unroll_shape shape = {.input = 3, .batch = 40, .time = 1, .seed = 5};
    unroll plain, zoned;
    unroll_take(&plain, test_cell("lstm", 6, LSTM_ACTIVATION_DEFAULT, 1.0f), &shape);
    unroll_take(&zoned,
                wrap_dropout(test_cell("lstm", 6, LSTM_ACTIVATION_DEFAULT, 1.0f),
                             LSTM_ARGS(lstm_dropout_config, .zoneout = 0.25f)),
                &shape);
    unroll_run(&plain);
    unroll_run(&zoned);
    for (size_t leaf = 0; leaf < 2; leaf++)
        for (size_t k = 0; k < 240; k++)
            ck_assert_double_eq_tol((double)zoned.final[leaf][k],
                                    0.25 * (double)zoned.state[leaf][k] + 0.75 * (double)plain.final[leaf][k], 1e-6);
    ck_assert(same_bits(plain.y, zoned.y, plain.y_count));
    unroll_destroy(&plain);
    unroll_destroy(&zoned);
}
END_TEST

START_TEST(zoneouts_mixture_goes_on_over_a_long_row_and_on_a_tape_for_inference)
{
    unroll u;
    echo_observe(&u, 1.0f, LSTM_ARGS(lstm_dropout_config, .zoneout = 0.25f), &(unroll_shape){.batch = 1, .time = 600});
    float *y = unroll_infer_outputs(&u);
    ck_assert(same_bits(u.y, y, u.y_count));
    for (size_t t = 0; t < 600; t++) /* quarters are exact */
        ck_assert_float_eq(echo_seen_state(&u, 0, t)[0], 1.0f + 0.75f * (float)t);
    free(y);
    unroll_destroy(&u);
}
END_TEST

START_TEST(probabilities_out_of_range_and_zoneout_beside_state_dropout_are_refused)
{
    lstm_cell *inner = echo_cell_create(0.0f), *cell;
    ck_fails(lstm_cell_create_dropout(NULL, inner,
                                      LSTM_ARGS(lstm_dropout_config, .zoneout = 0.1f, .state_keep_prob = 0.5f), &cell),
             LSTM_ERR_INVALID_ARGUMENT, "zoneout");
    for (int k = 0; k < 3; k++)
        ck_fails(lstm_cell_create_dropout(NULL, inner,
                                          LSTM_ARGS(lstm_dropout_config, .zoneout = k == 0   ? 1.0f
                                                                                    : k == 1 ? -0.1f
                                                                                             : NAN),
                                          &cell),
                 LSTM_ERR_INVALID_ARGUMENT, "zoneout");
    for (int k = 0; k < 9; k++) {
        const float bad[3] = {-0.1f, 1.1f, NAN};
        lstm_dropout_config config = {.struct_size = sizeof config};
        *(k < 3 ? &config.input_keep_prob : k < 6 ? &config.output_keep_prob : &config.state_keep_prob) = bad[k % 3];
        ck_fails(lstm_cell_create_dropout(NULL, inner, &config, &cell), LSTM_ERR_INVALID_ARGUMENT, "keep_prob");
    }
    lstm_cell_destroy(inner);
}
END_TEST

Suite *zoneout_suite(void)
{
    return test_suite("zoneout", (const TTest *const[]){
                                     while_training_zoneout_leaves_each_state_old_or_makes_it_new,
                                     zoneout_of_an_lstm_goes_over_c_and_h,
                                     without_training_zoneout_mixes_old_and_new,
                                     zoneouts_mixture_goes_on_over_a_long_row_and_on_a_tape_for_inference,
                                     probabilities_out_of_range_and_zoneout_beside_state_dropout_are_refused,
                                     NULL,
                                 });
}
