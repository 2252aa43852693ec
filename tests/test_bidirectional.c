/* Bidirectional plans and stacks of them, item 13 of the semantics note; and the learned initial state of any plan. */
#include "golden.h"
#include "three_leaves.h"
#include "unroll.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 6, TIME = 7, INPUT = 3, MAX_LAYERS = 3 };

static const size_t lengths[BATCH] = {7, 0, 3, 7, 1, 5};

static unroll_shape shape_of(size_t input)
{
    return (unroll_shape){.input = input, .batch = BATCH, .time = TIME, .lengths = lengths};
}

static lstm_cell *basic(const char *kind, size_t units)
{
    return test_cell(kind, units, LSTM_ACTIVATION_DEFAULT, 1.0f);
}

/* A plan that is plain (bw NULL) or bidirectional; it takes over the caller's references, to one cell if fw is bw. */
static void unroll_pair(unroll *u, lstm_context *context, lstm_cell *fw, lstm_cell *bw, const lstm_rnn_config *config,
                        const unroll_shape *shape)
{
    lstm_params *weights;
    lstm_rnn *rnn;
    ck_ok(lstm_params_create(context, &weights));
    ck_ok(bw ? lstm_rnn_create_bidirectional(weights, NULL, fw, bw, shape->input, config, &rnn)
             : lstm_rnn_create(weights, NULL, fw, shape->input, config, &rnn));
    unroll_adopt(u, weights, rnn, shape);
    lstm_cell_destroy(fw);
    if (bw != fw)
        lstm_cell_destroy(bw);
}

/* A stack of `layers` pairs: LSTMs forward, GRUs backward, wider with each layer. */
static void unroll_stack(unroll *u, lstm_context *context, size_t layers, const lstm_rnn_config *config,
                         const unroll_shape *shape)
{
    lstm_params *weights;
    lstm_rnn *rnn;
    lstm_cell *fw[MAX_LAYERS], *bw[MAX_LAYERS];
    for (size_t k = 0; k < layers; k++) {
        fw[k] = basic("lstm", 4 + k);
        bw[k] = basic("gru", (config && config->merge == LSTM_MERGE_SUM ? 4 : 2) + k);
    }
    ck_ok(lstm_params_create(context, &weights));
    ck_ok(lstm_rnn_create_stack_bidirectional(weights, NULL, fw, bw, layers, shape->input, config, &rnn));
    unroll_adopt(u, weights, rnn, shape);
    for (size_t k = 0; k < layers; k++) {
        lstm_cell_destroy(fw[k]);
        lstm_cell_destroy(bw[k]);
    }
}

/* Copy columns [column, column + width) of wide[row][t][whole] to narrow[row][t][width], or with `reversed` to where the
 * row's steps stand when it is read from its end. */
static void take_columns(const unroll *u, const float *wide, size_t whole, size_t column, bool reversed, float *narrow,
                         size_t width)
{
    for (size_t row = 0; row < BATCH; row++)
        for (size_t t = 0; t < unroll_length(u, row); t++) {
            const size_t to = reversed ? unroll_length(u, row) - 1 - t : t;
            memcpy(narrow + unroll_place(u, row, to) * width, wide + unroll_place(u, row, t) * whole + column,
                   width * sizeof *narrow);
        }
}

/* One direction of `both` as a plain plan over the row read that way, with its weights, states and gradients. */
static void unroll_direction(unroll *u, const unroll *both, lstm_cell *cell, bool reversed, size_t column,
                             size_t first_leaf)
{
    unroll_pair(u, NULL, cell, NULL, NULL, &both->shape);
    unroll_copy_weights(u, "rnn/", both, reversed ? "bidirectional_rnn/bw/" : "bidirectional_rnn/fw/");
    take_columns(both, both->x, both->shape.input, 0, reversed, u->x, both->shape.input);
    take_columns(both, both->d_y, both->output, column, reversed, u->d_y, u->output);
    for (size_t row = 0; row < BATCH; row++)
        memcpy(u->d_last + row * u->output, both->d_last + row * both->output + column, u->output * sizeof(float));
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        const size_t size = u->state_count[leaf] * sizeof(float);
        memcpy(u->state[leaf], both->state[first_leaf + leaf], size);
        memcpy(u->d_final[leaf], both->d_final[first_leaf + leaf], size);
    }
    unroll_run(u);
}

/* That direction's share of the outputs, states and gradients of `both` has the values of the plain plan. */
static void check_direction(const unroll *u, const unroll *both, bool reversed, size_t column, size_t first_leaf)
{
    float *y = test_allocate(u->y_count, sizeof *y);
    take_columns(both, both->y, both->output, column, reversed, y, u->output);
    ck_close(y, u->y, u->y_count, "outputs");
    for (size_t row = 0; row < BATCH; row++)
        ck_close(both->last + row * both->output + column, u->last + row * u->output, u->output, "last_output");
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        ck_close(both->final[first_leaf + leaf], u->final[leaf], u->state_count[leaf], "final_state");
        ck_close(both->d_initial[first_leaf + leaf], u->d_initial[leaf], u->state_count[leaf], "d_initial_state");
    }
    for (size_t k = 0; k < lstm_params_variable_count(u->weights); k++) {
        lstm_variable_info info;
        char name[2 * LSTM_MAX_NAME];
        ck_ok(lstm_params_variable(u->weights, k, &info));
        snprintf(name, sizeof name, "bidirectional_rnn/%s/%s", reversed ? "bw" : "fw", info.name + strlen("rnn/"));
        ck_close(unroll_weight_gradient(both, name), unroll_weight_gradient(u, info.name), info.count, name);
    }
    free(y);
}

START_TEST(a_direction_agrees_with_a_forward_run_over_the_rows_as_it_reads_them)
{
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        for (int ragged = 0; ragged < 2; ragged++) {
            unroll_shape shape = shape_of(INPUT);
            shape.lengths = ragged ? lengths : NULL;
            unroll both, fw, bw;
            unroll_pair(&both, NULL, basic(test_cell_kinds[kind], 5), basic("gru", 4), NULL, &shape);
            unroll_run(&both);
            const size_t width = test_output_width(test_cell_kinds[kind], 5);
            ck_assert_uint_eq(both.output, width + 4);
            unroll_direction(&fw, &both, basic(test_cell_kinds[kind], 5), false, 0, 0);
            unroll_direction(&bw, &both, basic("gru", 4), true, width, fw.leaves);
            check_direction(&fw, &both, false, 0, 0);
            check_direction(&bw, &both, true, width, fw.leaves);
            float *d_x = test_allocate(both.x_count, sizeof *d_x);
            take_columns(&both, bw.d_x, INPUT, 0, true, d_x, INPUT);
            for (size_t k = 0; k < both.x_count; k++)
                d_x[k] += fw.d_x[k];
            ck_close(both.d_x, d_x, both.x_count, "d_inputs");
            free(d_x);
            unroll_destroy(&both);
            unroll_destroy(&fw);
            unroll_destroy(&bw);
        }
}
END_TEST

START_TEST(outputs_are_zero_past_length_and_the_last_output_is_fws_last_beside_bws_first)
{
    const unroll_shape shape = shape_of(INPUT);
    unroll u;
    unroll_pair(&u, NULL, basic("lstm", 5), basic("gru", 4), NULL, &shape);
    unroll_run(&u);
    for (size_t row = 0; row < BATCH; row++) {
        for (size_t t = lengths[row]; t < TIME; t++)
            for (size_t k = 0; k < 9; k++)
                ck_assert_float_eq(u.y[unroll_place(&u, row, t) * 9 + k], 0.0f);
        for (size_t k = 0; k < 9; k++) {
            const size_t t = k < 5 ? lengths[row] - 1 : 0;
            ck_assert_float_eq(u.last[row * 9 + k], lengths[row] ? u.y[unroll_place(&u, row, t) * 9 + k] : 0.0f);
        }
    }
    unroll_destroy(&u);
}
END_TEST

START_TEST(without_lengths_padding_influences_the_backward_direction_alone)
{
    unroll_shape shape = shape_of(INPUT);
    unroll with, without;
    unroll_pair(&with, NULL, basic("lstm", 5), basic("gru", 4), NULL, &shape);
    shape.lengths = NULL;
    unroll_pair(&without, NULL, basic("lstm", 5), basic("gru", 4), NULL, &shape);
    unroll_run(&with);
    unroll_run(&without);
    for (size_t row = 0; row < BATCH; row++)
        for (size_t t = 0; t < lengths[row]; t++) {
            const float *a = with.y + unroll_place(&with, row, t) * 9, *b = without.y + (a - with.y);
            ck_close(a, b, 5, "outputs of the forward direction");
            ck_assert((golden_difference(a + 5, b + 5, 4) <= ARRAY_TOLERANCE) == (lengths[row] == TIME));
        }
    unroll_destroy(&with);
    unroll_destroy(&without);
}
END_TEST

START_TEST(a_sum_adds_what_concat_puts_side_by_side)
{
    const unroll_shape shape = shape_of(INPUT);
    unroll sum, concat;
    unroll_pair(&sum, NULL, basic("lstm", 4), basic("gru", 4), LSTM_ARGS(lstm_rnn_config, .merge = LSTM_MERGE_SUM),
                &shape);
    unroll_pair(&concat, NULL, basic("lstm", 4), basic("gru", 4), NULL, &shape);
    ck_assert_uint_eq(sum.output, 4);
    ck_assert_uint_eq(concat.output, 8);
    for (size_t place = 0; place < BATCH * TIME * 8; place++)
        concat.d_y[place] = sum.d_y[place / 8 * 4 + place % 4];
    for (size_t place = 0; place < BATCH * 8; place++)
        concat.d_last[place] = sum.d_last[place / 8 * 4 + place % 4];
    unroll_run(&sum);
    unroll_run(&concat);
    for (size_t place = 0; place < BATCH * TIME; place++)
        for (size_t k = 0; k < 4; k++)
            ck_assert_float_eq(sum.y[place * 4 + k], concat.y[place * 8 + k] + concat.y[place * 8 + 4 + k]);
    for (size_t row = 0; row < BATCH; row++)
        for (size_t k = 0; k < 4; k++)
            ck_assert_float_eq(sum.last[row * 4 + k], concat.last[row * 8 + k] + concat.last[row * 8 + 4 + k]);
    size_t count;
    const float *grads = lstm_params_data(sum.grads, &count);
    ck_close(grads, lstm_params_data(concat.grads, NULL), count, "gradients");
    ck_close(sum.d_x, concat.d_x, sum.x_count, "d_inputs");
    unroll_destroy(&sum);
    unroll_destroy(&concat);
}
END_TEST

START_TEST(a_sum_of_unequal_widths_is_refused)
{
    lstm_cell *fw = basic("lstm", 4), *bw = basic("gru", 5);
    lstm_params *params;
    lstm_rnn *rnn = NULL;
    const lstm_rnn_config *config = LSTM_ARGS(lstm_rnn_config, .merge = LSTM_MERGE_SUM);
    ck_ok(lstm_params_create(NULL, &params));
    ck_fails(lstm_rnn_create_bidirectional(params, NULL, fw, bw, 3, config, &rnn), LSTM_ERR_SHAPE, "4 and 5");
    ck_fails(lstm_rnn_create_stack_bidirectional(params, NULL, &fw, &bw, 1, 3, config, &rnn), LSTM_ERR_SHAPE,
             "4 and 5");
    ck_fails(lstm_rnn_create(params, NULL, fw, 3, config, &rnn), LSTM_ERR_INVALID_ARGUMENT, "merge");
    ck_assert_ptr_null(rnn);
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    lstm_params_destroy(params);
    lstm_cell_destroy(fw);
    lstm_cell_destroy(bw);
}
END_TEST

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

START_TEST(leaves_and_names_stand_forward_then_backward)
{
    static const char *const names[] = {"bidirectional_rnn/fw/lstm_cell/kernel", "bidirectional_rnn/fw/lstm_cell/bias",
                                        "bidirectional_rnn/bw/basic_rnn_cell/kernel",
                                        "bidirectional_rnn/bw/basic_rnn_cell/bias"};
    const unroll_shape shape = shape_of(INPUT);
    unroll u;
    unroll_pair(&u, NULL, basic("lstm", 5), basic("basic_rnn", 4), NULL, &shape);
    check_names(&u, names, 4);
    check_leaves(&u, (const size_t[]){5, 5, 4}, 3);
    unroll_destroy(&u);
}
END_TEST

START_TEST(a_stacks_leaves_are_fws_of_all_layers_then_bws_and_its_names_go_by_layer)
{
    static const char *const names[] = {"stack_bidirectional_rnn/cell_0/bidirectional_rnn/fw/lstm_cell/kernel",
                                        "stack_bidirectional_rnn/cell_0/bidirectional_rnn/fw/lstm_cell/bias",
                                        "stack_bidirectional_rnn/cell_0/bidirectional_rnn/bw/gru_cell/gates/kernel",
                                        "stack_bidirectional_rnn/cell_0/bidirectional_rnn/bw/gru_cell/gates/bias",
                                        "stack_bidirectional_rnn/cell_0/bidirectional_rnn/bw/gru_cell/candidate/kernel",
                                        "stack_bidirectional_rnn/cell_0/bidirectional_rnn/bw/gru_cell/candidate/bias",
                                        "stack_bidirectional_rnn/cell_1/bidirectional_rnn/fw/lstm_cell/kernel",
                                        "stack_bidirectional_rnn/cell_1/bidirectional_rnn/fw/lstm_cell/bias",
                                        "stack_bidirectional_rnn/cell_1/bidirectional_rnn/bw/gru_cell/gates/kernel",
                                        "stack_bidirectional_rnn/cell_1/bidirectional_rnn/bw/gru_cell/gates/bias",
                                        "stack_bidirectional_rnn/cell_1/bidirectional_rnn/bw/gru_cell/candidate/kernel",
                                        "stack_bidirectional_rnn/cell_1/bidirectional_rnn/bw/gru_cell/candidate/bias"};
    const unroll_shape shape = shape_of(INPUT);
    unroll u;
    unroll_stack(&u, NULL, 2, NULL, &shape);
    check_names(&u, names, 12);
    check_leaves(&u, (const size_t[]){4, 4, 5, 5, 2, 3}, 6);
    unroll_destroy(&u);
    unroll_stack(&u, NULL, 3, NULL, &shape);
    check_leaves(&u, (const size_t[]){4, 4, 5, 5, 6, 6, 2, 3, 4}, 9);
    unroll_destroy(&u);
}
END_TEST

/* Layer k's three leaves among those of a stack: c and h of fw, h of bw. */
static size_t stack_leaf(size_t layers, size_t k, size_t leaf)
{
    return leaf < 2 ? 2 * k + leaf : 2 * layers + k;
}

/* Layer k of a stack as a plan of its own. */
static void unroll_layer(unroll *u, const unroll *stack, size_t layers, size_t k, size_t input)
{
    char prefix[96];
    const unroll_shape shape = shape_of(input);
    unroll_pair(u, NULL, basic("lstm", 4 + k), basic("gru", 2 + k), NULL, &shape);
    snprintf(prefix, sizeof prefix, "stack_bidirectional_rnn/cell_%zu/bidirectional_rnn/", k);
    unroll_copy_weights(u, "bidirectional_rnn/", stack, prefix);
    for (size_t leaf = 0; leaf < 3; leaf++) {
        const size_t from = stack_leaf(layers, k, leaf), size = u->state_count[leaf] * sizeof(float);
        memcpy(u->state[leaf], stack->state[from], size);
        memcpy(u->d_final[leaf], stack->d_final[from], size);
    }
    if (k + 1 < layers)
        memset(u->d_last, 0, u->last_count * sizeof(float));
}

static void check_layer(const unroll *u, const unroll *stack, size_t layers, size_t k)
{
    for (size_t leaf = 0; leaf < 3; leaf++) {
        const size_t from = stack_leaf(layers, k, leaf);
        ck_close(stack->final[from], u->final[leaf], u->state_count[leaf], "final_state");
        ck_close(stack->d_initial[from], u->d_initial[leaf], u->state_count[leaf], "d_initial_state");
    }
    for (size_t v = 0; v < lstm_params_variable_count(u->weights); v++) {
        lstm_variable_info info;
        char name[2 * LSTM_MAX_NAME];
        ck_ok(lstm_params_variable(u->weights, v, &info));
        snprintf(name, sizeof name, "stack_bidirectional_rnn/cell_%zu/%s", k, info.name);
        ck_close(unroll_weight_gradient(stack, name), unroll_weight_gradient(u, info.name), info.count, name);
    }
}

START_TEST(a_stack_has_the_values_and_gradients_of_its_layers_run_one_after_another)
{
    for (size_t layers = 1; layers <= MAX_LAYERS; layers++) {
        const unroll_shape shape = shape_of(INPUT);
        unroll stack, layer[MAX_LAYERS];
        unroll_stack(&stack, NULL, layers, NULL, &shape);
        unroll_run(&stack);
        for (size_t k = 0; k < layers; k++) {
            unroll_layer(&layer[k], &stack, layers, k, k ? layer[k - 1].output : INPUT);
            if (k)
                memcpy(layer[k].x, layer[k - 1].y, layer[k].x_count * sizeof(float));
            unroll_run(&layer[k]);
        }
        for (size_t k = layers; k-- > 0;) {
            if (k + 1 < layers)
                memcpy(layer[k].d_y, layer[k + 1].d_x, layer[k].y_count * sizeof(float));
            unroll_run(&layer[k]);
        }
        ck_close(stack.y, layer[layers - 1].y, stack.y_count, "outputs");
        ck_close(stack.last, layer[layers - 1].last, stack.last_count, "last_output");
        ck_close(stack.d_x, layer[0].d_x, stack.x_count, "d_inputs");
        for (size_t k = 0; k < layers; k++) {
            check_layer(&layer[k], &stack, layers, k);
            unroll_destroy(&layer[k]);
        }
        unroll_destroy(&stack);
    }
}
END_TEST

static lstm_context *team(size_t threads)
{
    lstm_context *context;
    ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
    return context;
}

/* Several blocks, some rows empty. */
static unroll_shape several_blocks(void)
{
    static size_t rows[150];
    for (size_t row = 0; row < 150; row++)
        rows[row] = (row * 13 + 5) % 17;
    return (unroll_shape){.input = 5, .batch = 150, .time = 16, .lengths = rows};
}

START_TEST(threads_layouts_and_inference_change_no_bit)
{
    for (int merge = 0; merge < 2; merge++)
        for (int learned = 0; learned < 2; learned++)
            for (size_t layers = 1; layers <= 3; layers++) {
                unroll_shape shape = several_blocks();
                lstm_rnn_config config = {.struct_size = sizeof config,
                                          .merge = merge ? LSTM_MERGE_SUM : LSTM_MERGE_CONCAT,
                                          .learned_initial_state = learned};
                unroll one, other;
                shape.no_initial_state = learned;
                unroll_stack(&one, NULL, layers, &config, &shape);
                unroll_run(&one);
                float *y = unroll_infer_outputs(&one);
                ck_assert(same_bits(one.y, y, one.y_count));
                free(y);
                for (size_t threads = 1; threads <= 3; threads++) {
                    lstm_context *context = team(threads);
                    shape.layout = config.layout = threads % 2 ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR;
                    unroll_stack(&other, context, layers, &config, &shape);
                    lstm_context_destroy(context);
                    unroll_run(&other);
                    unroll_assert_same_bits(&one, &other);
                    unroll_destroy(&other);
                }
                unroll_destroy(&one);
            }
}
END_TEST

START_TEST(rows_of_length_0_keep_their_states_and_give_no_gradient)
{
    static const size_t none[BATCH] = {0};
    unroll_shape shape = shape_of(INPUT);
    shape.lengths = none;
    unroll u;
    unroll_stack(&u, NULL, 2, NULL, &shape);
    unroll_run(&u);
    size_t count;
    const float *grads = lstm_params_data(u.grads, &count);
    for (size_t k = 0; k < count; k++)
        ck_assert_float_eq(grads[k], 0.0f);
    for (size_t k = 0; k < u.y_count; k++)
        ck_assert_float_eq(u.y[k], 0.0f);
    for (size_t k = 0; k < u.x_count; k++)
        ck_assert_float_eq(u.d_x[k], 0.0f);
    for (size_t k = 0; k < u.last_count; k++)
        ck_assert_float_eq(u.last[k], 0.0f);
    for (size_t leaf = 0; leaf < u.leaves; leaf++) {
        ck_assert(same_bits(u.final[leaf], u.state[leaf], u.state_count[leaf]));
        ck_assert(same_bits(u.d_initial[leaf], u.d_final[leaf], u.state_count[leaf]));
    }
    unroll_destroy(&u);
}
END_TEST

/* The gradients of the one cell are the sums of those that two cells of its values get. */
static void check_sum(const unroll *shared, const unroll *separate)
{
    const size_t count = lstm_params_variable_count(shared->weights);
    ck_assert_uint_eq(lstm_params_variable_count(separate->weights), 2 * count);
    for (size_t k = 0; k < count; k++) {
        lstm_variable_info info;
        char name[2 * LSTM_MAX_NAME];
        ck_ok(lstm_params_variable(shared->weights, k, &info));
        snprintf(name, sizeof name, "bidirectional_rnn/bw/%s", info.name + strlen("bidirectional_rnn/fw/"));
        const float *fw = unroll_weight_gradient(separate, info.name), *bw = unroll_weight_gradient(separate, name);
        float *sum = test_allocate(info.count, sizeof *sum);
        for (size_t i = 0; i < info.count; i++)
            sum[i] = fw[i] + bw[i];
        ck_close(unroll_weight_gradient(shared, info.name), sum, info.count, info.name);
        free(sum);
    }
}

START_TEST(one_cell_in_both_directions_has_one_set_of_variables_and_the_gradients_of_both)
{
    const unroll_shape shape = shape_of(INPUT);
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        unroll shared, separate;
        lstm_cell *cell = basic(test_cell_kinds[kind], 5);
        unroll_pair(&shared, NULL, cell, cell, NULL, &shape);
        unroll_pair(&separate, NULL, basic(test_cell_kinds[kind], 5), basic(test_cell_kinds[kind], 5), NULL, &shape);
        unroll_copy_weights(&separate, "bidirectional_rnn/fw/", &shared, "bidirectional_rnn/fw/");
        unroll_copy_weights(&separate, "bidirectional_rnn/bw/", &shared, "bidirectional_rnn/fw/");
        unroll_run(&separate);
        unroll_check_gradient(&shared);
        unroll_run(&shared);
        ck_assert(same_bits(shared.y, separate.y, shared.y_count));
        check_sum(&shared, &separate);
        unroll_destroy(&shared);
        unroll_destroy(&separate);
    }
}
END_TEST

/* The learned initial state. */

enum { PLAIN, BIDIRECTIONAL, STACK, PLANS };

static void unroll_plan(unroll *u, int plan, bool learned, const unroll_shape *shape)
{
    const lstm_rnn_config *config = LSTM_ARGS(lstm_rnn_config, .learned_initial_state = learned);
    if (plan == STACK)
        unroll_stack(u, NULL, 2, config, shape);
    else
        unroll_pair(u, NULL, basic("lstm", 5), plan == PLAIN ? NULL : basic("gru", 4), config, shape);
}

static const char *const scopes[PLANS] = {"rnn/", "bidirectional_rnn/", "stack_bidirectional_rnn/"};

static const float *learned_state(const unroll *u, int plan, size_t leaf, bool gradient)
{
    char name[64];
    snprintf(name, sizeof name, "%sinitial_state_%zu", scopes[plan], leaf);
    return gradient ? unroll_weight_gradient(u, name) : unroll_weight(u, name);
}

START_TEST(a_learned_initial_state_is_where_rows_start_and_its_gradient_is_the_sum_over_the_batch)
{
    for (int plan = 0; plan < PLANS; plan++) {
        unroll_shape shape = shape_of(INPUT);
        unroll learned, given;
        unroll_plan(&given, plan, false, &shape);
        shape.no_initial_state = true;
        unroll_plan(&learned, plan, true, &shape);
        ck_assert_uint_eq(lstm_params_variable_count(learned.weights),
                          lstm_params_variable_count(given.weights) + given.leaves);
        unroll_copy_weights(&given, scopes[plan], &learned, scopes[plan]);
        for (size_t leaf = 0; leaf < given.leaves; leaf++)
            for (size_t k = 0, width = given.state_count[leaf] / BATCH; k < BATCH * width; k++)
                given.state[leaf][k] = learned_state(&learned, plan, leaf, false)[k % width];
        unroll_run(&given);
        unroll_check_gradient(&learned);
        unroll_run(&learned);
        ck_assert(same_bits(learned.y, given.y, given.y_count));
        for (size_t leaf = 0; leaf < given.leaves; leaf++) {
            const size_t width = given.state_count[leaf] / BATCH;
            float *sums = test_allocate(width, sizeof *sums);
            for (size_t k = 0; k < BATCH * width; k++)
                sums[k % width] += given.d_initial[leaf][k];
            ck_assert(same_bits(learned.d_initial[leaf], given.d_initial[leaf], BATCH * width));
            ck_assert(same_bits(learned.final[leaf], given.final[leaf], BATCH * width));
            ck_close(learned_state(&learned, plan, leaf, true), sums, width, "initial_state");
            free(sums);
        }
        unroll_destroy(&learned);
        unroll_destroy(&given);
    }
}
END_TEST

/* 40 rows are more than one block has. */
START_TEST(the_gradient_of_a_learned_initial_state_comes_from_all_blocks_of_rows)
{
    const unroll_shape shape = {.input = INPUT, .batch = 40, .time = 3, .no_initial_state = true};
    for (int plan = 0; plan < PLANS; plan++) {
        unroll u;
        unroll_plan(&u, plan, true, &shape);
        unroll_check_gradient(&u);
        unroll_destroy(&u);
    }
}
END_TEST

START_TEST(a_learned_initial_state_is_not_used_when_one_is_given)
{
    for (int plan = 0; plan < PLANS; plan++) {
        const unroll_shape shape = shape_of(INPUT);
        unroll learned, plain;
        unroll_plan(&plain, plan, false, &shape);
        unroll_plan(&learned, plan, true, &shape);
        unroll_copy_weights(&plain, scopes[plan], &learned, scopes[plan]);
        unroll_run(&plain);
        unroll_run(&learned);
        ck_assert(same_bits(learned.y, plain.y, plain.y_count));
        for (size_t leaf = 0; leaf < plain.leaves; leaf++)
            for (size_t k = 0; k < plain.state_count[leaf] / BATCH; k++)
                ck_assert_float_eq(learned_state(&learned, plan, leaf, true)[k], 0.0f);
        unroll_destroy(&learned);
        unroll_destroy(&plain);
    }
}
END_TEST

START_TEST(a_learned_initial_state_starts_at_zero_in_place_of_what_the_cell_says)
{
    const unroll_shape shape = {.input = 2, .batch = BATCH, .time = TIME, .lengths = lengths, .no_initial_state = true};
    unroll u;
    unroll_pair(&u, NULL, three_leaves_create(), NULL, LSTM_ARGS(lstm_rnn_config, .learned_initial_state = true),
                &shape);
    ck_ok(lstm_params_initialize(u.weights, 1));
    unroll_run(&u);
    for (size_t leaf = 0; leaf < 3; leaf++) {
        const size_t width = lstm_rnn_state_size(u.rnn, leaf);
        for (size_t k = 0; k < width; k++) {
            ck_assert_float_eq(learned_state(&u, PLAIN, leaf, false)[k], 0.0f);
            ck_assert_float_eq(u.final[leaf][width + k], 0.0f); /* the row of length 0 */
        }
    }
    unroll_check_gradient(&u);
    unroll_destroy(&u);
}
END_TEST

Suite *bidirectional_suite(void)
{
    return test_suite("bidirectional",
                      (const TTest *const[]){
                          a_direction_agrees_with_a_forward_run_over_the_rows_as_it_reads_them,
                          outputs_are_zero_past_length_and_the_last_output_is_fws_last_beside_bws_first,
                          without_lengths_padding_influences_the_backward_direction_alone,
                          a_sum_adds_what_concat_puts_side_by_side,
                          a_sum_of_unequal_widths_is_refused,
                          leaves_and_names_stand_forward_then_backward,
                          a_stacks_leaves_are_fws_of_all_layers_then_bws_and_its_names_go_by_layer,
                          a_stack_has_the_values_and_gradients_of_its_layers_run_one_after_another,
                          threads_layouts_and_inference_change_no_bit,
                          rows_of_length_0_keep_their_states_and_give_no_gradient,
                          one_cell_in_both_directions_has_one_set_of_variables_and_the_gradients_of_both,
                          a_learned_initial_state_is_where_rows_start_and_its_gradient_is_the_sum_over_the_batch,
                          the_gradient_of_a_learned_initial_state_comes_from_all_blocks_of_rows,
                          a_learned_initial_state_is_not_used_when_one_is_given,
                          a_learned_initial_state_starts_at_zero_in_place_of_what_the_cell_says,
                          NULL,
                      });
}
