/* Cells made of cells: multi-RNN, residual, highway, projections, and one cell object at several places. */
#include "golden.h"
#include "three_leaves.h"
#include "unroll.h"
#include "wrapped.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lstm_cell *basic(const char *kind, size_t units)
{
    return test_cell(kind, units, LSTM_ACTIVATION_DEFAULT, 1.0f);
}

static const size_t lengths[6] = {7, 0, 3, 7, 1, 5};

static unroll_shape ragged(size_t input)
{
    return (unroll_shape){.input = input, .batch = 6, .time = 7, .lengths = lengths};
}

static void check_names(const unroll *u, const char *const *names, size_t count)
{
    ck_assert_uint_eq(lstm_params_variable_count(u->weights), count);
    for (size_t k = 0; k < count; k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(u->weights, k, &info));
        ck_assert_str_eq(info.name, names[k]);
    }
}

static void check_leaves(const unroll *u, const size_t *widths, size_t count)
{
    ck_assert_uint_eq(u->leaves, count);
    for (size_t leaf = 0; leaf < count; leaf++)
        ck_assert_uint_eq(lstm_rnn_state_size(u->rnn, leaf), widths[leaf]);
}

START_TEST(a_multi_rnns_leaves_and_names_stand_in_the_order_of_its_cells)
{
    static const char *const names[] = {
        "rnn/multi_rnn_cell/cell_0/lstm_cell/kernel", "rnn/multi_rnn_cell/cell_0/lstm_cell/bias",
        "rnn/multi_rnn_cell/cell_1/basic_rnn_cell/kernel", "rnn/multi_rnn_cell/cell_1/basic_rnn_cell/bias"};
    const unroll_shape shape = ragged(3);
    unroll u;
    unroll_take(&u, wrap_multi(basic("lstm", 5), basic("basic_rnn", 4)), &shape);
    check_names(&u, names, 4);
    check_leaves(&u, (const size_t[]){5, 5, 4}, 3);
    ck_assert_uint_eq(lstm_rnn_output_size(u.rnn), 4);
    unroll_destroy(&u);
}
END_TEST

START_TEST(a_multi_rnn_in_a_multi_rnn_has_flat_leaves_and_nested_names)
{
    static const char *const names[] = {"rnn/multi_rnn_cell/cell_0/multi_rnn_cell/cell_0/basic_rnn_cell/kernel",
                                        "rnn/multi_rnn_cell/cell_0/multi_rnn_cell/cell_0/basic_rnn_cell/bias",
                                        "rnn/multi_rnn_cell/cell_0/multi_rnn_cell/cell_1/basic_lstm_cell/kernel",
                                        "rnn/multi_rnn_cell/cell_0/multi_rnn_cell/cell_1/basic_lstm_cell/bias",
                                        "rnn/multi_rnn_cell/cell_1/basic_rnn_cell/kernel",
                                        "rnn/multi_rnn_cell/cell_1/basic_rnn_cell/bias"};
    const unroll_shape shape = ragged(3);
    unroll u;
    unroll_take(&u, wrap_multi(wrap_multi(basic("basic_rnn", 4), basic("basic_lstm", 5)), basic("basic_rnn", 2)),
                &shape);
    check_names(&u, names, 6);
    check_leaves(&u, (const size_t[]){4, 5, 5, 2}, 4);
    unroll_check_gradient(&u);
    unroll_destroy(&u);
}
END_TEST

START_TEST(a_multi_rnn_of_one_cell_has_the_bits_of_the_cell_alone)
{
    const unroll_shape shape = ragged(3);
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        unroll alone, one;
        unroll_take(&alone, basic(test_cell_kinds[kind], 6), &shape);
        unroll_take(&one, wrap_multi(basic(test_cell_kinds[kind], 6), NULL), &shape);
        unroll_copy_weights(&one, "rnn/multi_rnn_cell/cell_0/", &alone, "rnn/");
        unroll_run(&alone);
        unroll_run(&one);
        unroll_assert_same_bits(&alone, &one);
        unroll_destroy(&alone);
        unroll_destroy(&one);
    }
}
END_TEST

START_TEST(a_multi_rnn_is_its_cells_one_after_another)
{
    const unroll_shape first = ragged(3), second = ragged(5);
    unroll both, lower, upper;
    unroll_take(&both, wrap_multi(basic("lstm", 5), basic("gru", 4)), &first);
    unroll_take(&lower, basic("lstm", 5), &first);
    unroll_take(&upper, basic("gru", 4), &second);
    unroll_copy_weights(&lower, "rnn/", &both, "rnn/multi_rnn_cell/cell_0/");
    unroll_copy_weights(&upper, "rnn/", &both, "rnn/multi_rnn_cell/cell_1/");
    memcpy(upper.state[0], both.state[2], both.state_count[2] * sizeof(float));
    unroll_run(&both);
    unroll_run(&lower);
    memcpy(upper.x, lower.y, lower.y_count * sizeof(float));
    unroll_run(&upper);
    ck_close(both.y, upper.y, both.y_count, "outputs");
    ck_close(both.final[0], lower.final[0], both.state_count[0], "c");
    ck_close(both.final[1], lower.final[1], both.state_count[1], "h");
    ck_close(both.final[2], upper.final[0], both.state_count[2], "h of the upper cell");
    unroll_destroy(&both);
    unroll_destroy(&lower);
    unroll_destroy(&upper);
}
END_TEST

START_TEST(gradients_go_down_through_four_cells_of_different_widths)
{
    const unroll_shape shape = ragged(3);
    lstm_cell *cells[4] = {basic("basic_lstm", 4), basic("gru", 7), wrap_residual(basic("lstm", 7)),
                           basic("basic_rnn", 5)},
              *multi;
    unroll u;
    ck_ok(lstm_cell_create_multi_rnn(NULL, cells, 4, &multi));
    for (size_t k = 0; k < 4; k++)
        lstm_cell_destroy(cells[k]);
    unroll_take(&u, multi, &shape);
    check_leaves(&u, (const size_t[]){4, 4, 7, 7, 7, 5}, 6);
    unroll_check_gradient(&u);
    unroll_destroy(&u);
}
END_TEST

START_TEST(a_residual_is_the_input_plus_the_cells_output)
{
    const unroll_shape shape = ragged(6);
    unroll plain, sum;
    unroll_take(&plain, basic("basic_lstm", 6), &shape);
    unroll_take(&sum, wrap_residual(basic("basic_lstm", 6)), &shape);
    unroll_run(&plain);
    unroll_run(&sum);
    check_names(&sum, (const char *const[]){"rnn/basic_lstm_cell/kernel", "rnn/basic_lstm_cell/bias"}, 2);
    for (size_t row = 0; row < 6; row++)
        for (size_t t = 0; t < 7; t++)
            for (size_t k = 0; k < 6; k++) {
                const size_t place = unroll_place(&sum, row, t) * 6 + k;
                ck_assert_float_eq(sum.y[place], t < lengths[row] ? sum.x[place] + plain.y[place] : 0.0f);
            }
    for (size_t leaf = 0; leaf < 2; leaf++)
        ck_assert(same_bits(sum.final[leaf], plain.final[leaf], plain.state_count[leaf]));
    unroll_destroy(&plain);
    unroll_destroy(&sum);
}
END_TEST

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* y[k] = sum of x[i] kernel[i][k], plus bias[k]. */
static double product(const float *x, size_t n, const float *kernel, const float *bias, size_t width, size_t k)
{
    double sum = (double)bias[k];
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)kernel[i * width + k];
    return sum;
}

START_TEST(a_highway_is_the_naive_mixture_of_input_and_output)
{
    static const char *const names[] = {"rnn/carry_w",
                                        "rnn/carry_b",
                                        "rnn/gru_cell/gates/kernel",
                                        "rnn/gru_cell/gates/bias",
                                        "rnn/gru_cell/candidate/kernel",
                                        "rnn/gru_cell/candidate/bias"};
    const unroll_shape shape = ragged(6);
    unroll plain, mixed;
    unroll_take(&plain, basic("gru", 6), &shape);
    unroll_take(&mixed, wrap_highway(basic("gru", 6)), &shape);
    unroll_copy_weights(&plain, "rnn/", &mixed, "rnn/");
    check_names(&mixed, names, 6);
    unroll_run(&plain);
    unroll_run(&mixed);
    const float *w = unroll_weight(&mixed, "rnn/carry_w"), *b = unroll_weight(&mixed, "rnn/carry_b");
    float *expected = test_allocate(mixed.y_count, sizeof *expected);
    for (size_t row = 0; row < 6; row++)
        for (size_t t = 0; t < lengths[row]; t++)
            for (size_t k = 0; k < 6; k++) {
                const size_t place = unroll_place(&mixed, row, t) * 6;
                const double carry = sigmoid(product(mixed.x + place, 6, w, b, 6, k));
                expected[place + k] =
                    (float)((double)mixed.x[place + k] * carry + (double)plain.y[place + k] * (1.0 - carry));
            }
    ck_close(mixed.y, expected, mixed.y_count, "outputs");
    ck_assert(same_bits(mixed.final[0], plain.final[0], plain.state_count[0]));
    free(expected);
    unroll_destroy(&plain);
    unroll_destroy(&mixed);
}
END_TEST

START_TEST(the_carry_bias_starts_at_one)
{
    lstm_params *params;
    lstm_rnn *rnn;
    lstm_variable_info info;
    lstm_cell *cell = wrap_highway(basic("gru", 3));
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, NULL, cell, 3, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 0));
    ck_ok(lstm_params_find(params, "rnn/carry_b", &info));
    for (size_t k = 0; k < 3; k++)
        ck_assert_float_eq(lstm_params_data(params, NULL)[info.offset + k], 1.0f);
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
    lstm_cell_destroy(cell);
}
END_TEST

static double activated(lstm_activation activation, double x)
{
    return activation == LSTM_ACTIVATION_TANH ? tanh(x) : x;
}

START_TEST(an_input_projection_is_a_naive_layer_before_the_cell)
{
    static const char *const names[] = {"rnn/input_projection_wrapper/kernel", "rnn/input_projection_wrapper/bias",
                                        "rnn/input_projection_wrapper/basic_rnn_cell/kernel",
                                        "rnn/input_projection_wrapper/basic_rnn_cell/bias"};
    static const lstm_activation activations[] = {LSTM_ACTIVATION_DEFAULT, LSTM_ACTIVATION_TANH};
    for (size_t way = 0; way < 2; way++) {
        const unroll_shape outside = ragged(3), inside = ragged(4);
        unroll whole, cell;
        unroll_take(&whole, wrap_input_projection(basic("basic_rnn", 5), 4, activations[way]), &outside);
        unroll_take(&cell, basic("basic_rnn", 5), &inside);
        check_names(&whole, names, 4);
        unroll_copy_weights(&cell, "rnn/", &whole, "rnn/input_projection_wrapper/");
        const float *w = unroll_weight(&whole, names[0]), *b = unroll_weight(&whole, names[1]);
        for (size_t place = 0; place < 42; place++)
            for (size_t k = 0; k < 4; k++)
                cell.x[place * 4 + k] = (float)activated(activations[way], product(whole.x + place * 3, 3, w, b, 4, k));
        unroll_run(&whole);
        unroll_run(&cell);
        ck_close(whole.y, cell.y, whole.y_count, "outputs");
        ck_close(whole.final[0], cell.final[0], whole.state_count[0], "final_state");
        unroll_destroy(&whole);
        unroll_destroy(&cell);
    }
}
END_TEST

START_TEST(an_output_projection_is_a_naive_layer_after_the_cell)
{
    static const char *const names[] = {"rnn/output_projection_wrapper/basic_lstm_cell/kernel",
                                        "rnn/output_projection_wrapper/basic_lstm_cell/bias",
                                        "rnn/output_projection_wrapper/kernel", "rnn/output_projection_wrapper/bias"};
    static const lstm_activation activations[] = {LSTM_ACTIVATION_DEFAULT, LSTM_ACTIVATION_TANH};
    for (size_t way = 0; way < 2; way++) {
        const unroll_shape shape = ragged(3);
        unroll whole, cell;
        unroll_take(&whole, wrap_output_projection(basic("basic_lstm", 5), 4, activations[way]), &shape);
        unroll_take(&cell, basic("basic_lstm", 5), &shape);
        check_names(&whole, names, 4);
        unroll_copy_weights(&cell, "rnn/", &whole, "rnn/output_projection_wrapper/");
        unroll_run(&whole);
        unroll_run(&cell);
        const float *w = unroll_weight(&whole, names[2]), *b = unroll_weight(&whole, names[3]);
        float *expected = test_allocate(whole.y_count, sizeof *expected);
        for (size_t row = 0; row < 6; row++)
            for (size_t t = 0; t < lengths[row]; t++)
                for (size_t k = 0; k < 4; k++) {
                    const size_t place = unroll_place(&whole, row, t);
                    expected[place * 4 + k] =
                        (float)activated(activations[way], product(cell.y + place * 5, 5, w, b, 4, k));
                }
        ck_close(whole.y, expected, whole.y_count, "outputs");
        for (size_t leaf = 0; leaf < 2; leaf++)
            ck_assert(same_bits(whole.final[leaf], cell.final[leaf], cell.state_count[leaf]));
        free(expected);
        unroll_destroy(&whole);
        unroll_destroy(&cell);
    }
}
END_TEST

START_TEST(gradients_of_wide_wrappers_which_are_summed_in_parts_are_those_of_the_loss)
{
    const unroll_shape shape = ragged(40);
    for (int way = 0; way < 4; way++) {
        lstm_cell *cell = basic("basic_rnn", 40);
        unroll u;
        unroll_take(&u,
                    way == 0   ? wrap_highway(cell)
                    : way == 1 ? wrap_input_projection(cell, 35, LSTM_ACTIVATION_TANH)
                    : way == 2 ? wrap_output_projection(cell, 35, LSTM_ACTIVATION_TANH)
                               : wrap_multi(wrap_residual(cell), basic("gru", 20)),
                    &shape);
        unroll_check_gradient(&u);
        unroll_destroy(&u);
    }
}
END_TEST

/* A plan of that cell over that width cannot be made, and its store stays as it was. */
static void check_refused(lstm_cell *cell, size_t input, const char *words)
{
    lstm_params *params;
    lstm_rnn *rnn = NULL;
    ck_ok(lstm_params_create(NULL, &params));
    ck_fails(lstm_rnn_create(params, NULL, cell, input, NULL, &rnn), LSTM_ERR_SHAPE, words);
    ck_assert_ptr_null(rnn);
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    lstm_params_destroy(params);
    lstm_cell_destroy(cell);
}

START_TEST(widths_that_do_not_fit_are_refused)
{
    check_refused(wrap_residual(basic("gru", 4)), 5, "residual");
    check_refused(wrap_highway(basic("gru", 4)), 3, "highway");
    check_refused(wrap_multi(basic("gru", 4), wrap_residual(basic("gru", 3))), 4, "residual");
    lstm_cell *shared = basic("basic_lstm", 4), *cells[2] = {shared, shared}, *both;
    ck_ok(lstm_cell_create_multi_rnn(NULL, cells, 2, &both));
    check_refused(both, 3, "used twice");
    lstm_cell_destroy(shared);
}
END_TEST

/* One cell object at several places. */

/* The same object, or two of the same sizes. */
static lstm_cell *pair(const char *kind, bool shared)
{
    lstm_cell *first = basic(kind, 5), *second = shared ? first : basic(kind, 5), *cell;
    ck_ok(lstm_cell_create_multi_rnn(NULL, (lstm_cell *[]){first, second}, 2, &cell));
    lstm_cell_destroy(first);
    if (!shared)
        lstm_cell_destroy(second);
    return cell;
}

/* The shared gradient is the sum of the two that separate variables of the same values get. */
static void check_sum(const unroll *shared, const unroll *separate, const char *first, const char *second)
{
    for (size_t k = 0; k < lstm_params_variable_count(shared->weights); k++) {
        lstm_variable_info info;
        char other[2 * LSTM_MAX_NAME];
        ck_ok(lstm_params_variable(shared->weights, k, &info));
        ck_assert_int_eq(strncmp(info.name, first, strlen(first)), 0);
        snprintf(other, sizeof other, "%s%s", second, info.name + strlen(first));
        const float *a = unroll_weight_gradient(separate, info.name), *b = unroll_weight_gradient(separate, other);
        float *sum = test_allocate(info.count, sizeof *sum);
        for (size_t i = 0; i < info.count; i++)
            sum[i] = a[i] + b[i];
        ck_close(unroll_weight_gradient(shared, info.name), sum, info.count, info.name);
        free(sum);
    }
}

START_TEST(a_cell_twice_in_a_multi_rnn_has_one_set_of_variables_and_the_gradients_of_both)
{
    const char *const first = "rnn/multi_rnn_cell/cell_0/", *const second = "rnn/multi_rnn_cell/cell_1/";
    const unroll_shape shape = ragged(5);
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        if (test_output_width(test_cell_kinds[kind], 5) != 5)
            continue;
        unroll shared, separate;
        unroll_take(&shared, pair(test_cell_kinds[kind], true), &shape);
        unroll_take(&separate, pair(test_cell_kinds[kind], false), &shape);
        ck_assert_uint_eq(2 * lstm_params_variable_count(shared.weights), lstm_params_variable_count(separate.weights));
        unroll_copy_weights(&separate, first, &shared, first);
        unroll_copy_weights(&separate, second, &shared, first);
        unroll_run(&separate);
        unroll_check_gradient(&shared);
        unroll_run(&shared);
        ck_assert(same_bits(shared.y, separate.y, shared.y_count));
        check_sum(&shared, &separate, first, second);
        unroll_destroy(&shared);
        unroll_destroy(&separate);
    }
}
END_TEST

/* A custom cell inside: three leaves, 2, 3 and 1 wide; input 2, output 4. */

static lstm_cell *wrapped_three_leaves(int way)
{
    lstm_cell *cell = three_leaves_create(), *twice = NULL;
    if (way == 0)
        return wrap_multi(cell, wrap_input_projection(three_leaves_create(), 2, LSTM_ACTIVATION_TANH));
    if (way == 1)
        return wrap_residual(wrap_output_projection(cell, 2, LSTM_ACTIVATION_DEFAULT));
    if (way == 2)
        return wrap_highway(wrap_output_projection(cell, 2, LSTM_ACTIVATION_TANH));
    if (way == 3)
        return wrap_dropout(cell, LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.8f, .output_keep_prob = 0.7f,
                                            .state_keep_prob = 0.9f));
    if (way == 4)
        return wrap_dropout(cell, LSTM_ARGS(lstm_dropout_config, .zoneout = 0.3f));
    ck_ok(lstm_cell_create_input_projection(NULL, cell, 2, NULL, &twice));
    return wrap_multi(cell, twice);
}

START_TEST(wrappers_around_a_step_cell_of_three_leaves_and_another_output_width_run_and_train)
{
    static const size_t leaves[6] = {6, 3, 3, 3, 3, 6}, outputs[6] = {4, 2, 2, 4, 4, 4};
    static const size_t widths[6] = {2, 3, 1, 2, 3, 1};
    for (int way = 0; way < 6; way++)
        for (int training = 0; training < 2; training++) {
            unroll_shape shape = ragged(2);
            shape.training = training;
            unroll u;
            unroll_take(&u, wrapped_three_leaves(way), &shape);
            check_leaves(&u, widths, leaves[way]);
            ck_assert_uint_eq(u.output, outputs[way]);
            unroll_check_gradient(&u);
            unroll_destroy(&u);
        }
}
END_TEST

/* The masks of a few steps take more room than any step's input or output. */
START_TEST(states_wider_than_input_and_output_are_dropped_and_train)
{
    const unroll_shape shape = {.input = 2, .batch = 5, .time = 2, .training = true, .seed = 6};
    unroll u;
    unroll_take(&u,
                wrap_dropout(wrap_output_projection(basic("gru", 9), 1, LSTM_ACTIVATION_TANH),
                             LSTM_ARGS(lstm_dropout_config, .output_keep_prob = 0.7f, .state_keep_prob = 0.8f)),
                &shape);
    unroll_check_gradient(&u);
    unroll_destroy(&u);
}
END_TEST

START_TEST(threads_change_no_bit_of_wrapped_step_cells)
{
    const unroll_shape shape = {.input = 2, .batch = 150, .time = 40, .training = true, .seed = 4};
    for (int way = 0; way < 6; way++) {
        unroll one;
        unroll_take(&one, wrapped_three_leaves(way), &shape);
        unroll_run(&one);
        for (size_t threads = 2; threads <= 3; threads++) {
            lstm_context *context;
            lstm_cell *cell = wrapped_three_leaves(way);
            unroll many;
            ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
            unroll_create(&many, context, cell, &shape);
            lstm_context_destroy(context);
            lstm_cell_destroy(cell);
            unroll_run(&many);
            unroll_assert_same_bits(&one, &many);
            unroll_destroy(&many);
        }
        unroll_destroy(&one);
    }
}
END_TEST

START_TEST(a_wrapped_cells_own_initial_state_is_where_its_rows_start)
{
    for (int way = 0; way < 6; way++) {
        static const size_t none[6] = {0};
        unroll_shape shape = ragged(2);
        shape.lengths = none;
        shape.no_initial_state = true;
        unroll u;
        unroll_take(&u, wrapped_three_leaves(way), &shape);
        unroll_run(&u);
        for (size_t leaf = 0; leaf < u.leaves; leaf++)
            for (size_t k = 0; k < u.state_count[leaf]; k++)
                ck_assert_float_eq(u.final[leaf][k], 0.5f);
        unroll_destroy(&u);
    }
}
END_TEST

START_TEST(a_wrapper_at_two_places_shares_its_own_variables_too)
{
    const unroll_shape shape = ragged(5);
    lstm_cell *twice = wrap_highway(wrap_output_projection(basic("gru", 4), 5, LSTM_ACTIVATION_TANH)), *cell;
    unroll u;
    ck_ok(lstm_cell_create_multi_rnn(NULL, (lstm_cell *[]){twice, twice}, 2, &cell));
    lstm_cell_destroy(twice);
    unroll_take(&u, cell, &shape);
    ck_assert_uint_eq(lstm_params_variable_count(u.weights), 8);
    check_leaves(&u, (const size_t[]){4, 4}, 2);
    unroll_check_gradient(&u);
    unroll_destroy(&u);
}
END_TEST

Suite *wrappers_suite(void)
{
    return test_suite("wrappers",
                      (const TTest *const[]){
                          a_multi_rnns_leaves_and_names_stand_in_the_order_of_its_cells,
                          a_multi_rnn_in_a_multi_rnn_has_flat_leaves_and_nested_names,
                          a_multi_rnn_of_one_cell_has_the_bits_of_the_cell_alone,
                          a_multi_rnn_is_its_cells_one_after_another,
                          gradients_go_down_through_four_cells_of_different_widths,
                          a_residual_is_the_input_plus_the_cells_output,
                          a_highway_is_the_naive_mixture_of_input_and_output,
                          the_carry_bias_starts_at_one,
                          an_input_projection_is_a_naive_layer_before_the_cell,
                          an_output_projection_is_a_naive_layer_after_the_cell,
                          gradients_of_wide_wrappers_which_are_summed_in_parts_are_those_of_the_loss,
                          widths_that_do_not_fit_are_refused,
                          a_cell_twice_in_a_multi_rnn_has_one_set_of_variables_and_the_gradients_of_both,
                          wrappers_around_a_step_cell_of_three_leaves_and_another_output_width_run_and_train,
                          states_wider_than_input_and_output_are_dropped_and_train,
                          threads_change_no_bit_of_wrapped_step_cells,
                          a_wrapped_cells_own_initial_state_is_where_its_rows_start,
                          a_wrapper_at_two_places_shares_its_own_variables_too,
                          NULL,
                      });
}
