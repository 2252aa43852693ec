/* Cells of the user's own, through the same driver. */
#include "golden.h"
#include "sru_cell.h"
#include "three_leaves.h"
#include "unroll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A basic RNN by hand, to be compared with the built-in one: no output of its own, nothing on the tape. */

typedef struct plain {
    size_t units;
} plain;

static lstm_status plain_declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const size_t h = ((const plain *)self)->units;
    ck_ok(lstm_cell_spec_state(spec, h));
    ck_ok(lstm_cell_spec_output_state(spec, 0));
    ck_ok(lstm_cell_spec_variable(spec, "kernel", 2, (size_t[]){input_size + h, h}, NULL, NULL));
    ck_ok(lstm_cell_spec_variable(spec, "bias", 1, &h, NULL, NULL));
    return lstm_cell_spec_memory(spec, 0, h);
}

static void plain_step(const void *self, const lstm_step *s)
{
    const size_t h = ((const plain *)self)->units, n = s->input_size;
    for (size_t row = 0; row < s->rows; row++)
        for (size_t k = 0; k < h; k++) {
            float z = s->variables[1][k];
            for (size_t i = 0; i < n; i++)
                z += s->input[row * n + i] * s->variables[0][i * h + k];
            for (size_t i = 0; i < h; i++)
                z += s->state[0][row * h + i] * s->variables[0][(n + i) * h + k];
            s->next_state[0][row * h + k] = tanhf(z);
        }
}

static void plain_backward(const void *self, const lstm_step *s, const lstm_step_grad *g)
{
    const size_t h = ((const plain *)self)->units, n = s->input_size;
    for (size_t row = 0; row < s->rows; row++) {
        float *dz = s->scratch;
        const float *x = s->input + row * n, *state = s->state[0] + row * h, *next = s->next_state[0] + row * h;
        for (size_t k = 0; k < h; k++)
            dz[k] = (g->d_next_state[0][row * h + k] + g->d_output[row * h + k]) * (1.0f - next[k] * next[k]);
        for (size_t i = 0; i < n + h; i++) {
            float sum = 0.0f;
            for (size_t k = 0; k < h; k++) {
                sum += dz[k] * s->variables[0][i * h + k];
                if (g->d_variables)
                    g->d_variables[0][i * h + k] += (i < n ? x[i] : state[i - n]) * dz[k];
            }
            if (i >= n)
                g->d_state[0][row * h + i - n] = sum;
            else if (g->d_input)
                g->d_input[row * n + i] = sum;
        }
        for (size_t k = 0; k < h && g->d_variables; k++)
            g->d_variables[1][k] += dz[k];
    }
}

static lstm_cell *plain_cell(size_t units, bool with_backward)
{
    const lstm_cell_ops ops = {.struct_size = sizeof ops,
                               .name = "basic_rnn_cell",
                               .declare = plain_declare,
                               .step = plain_step,
                               .step_backward = with_backward ? plain_backward : NULL,
                               .destroy = free};
    plain *self = test_allocate(1, sizeof *self);
    lstm_cell *cell;
    self->units = units;
    ck_ok(lstm_cell_create_custom(NULL, &ops, self, &cell));
    return cell;
}

START_TEST(a_basic_rnn_through_the_public_table_agrees_with_the_built_in_one)
{
    const size_t lengths[70] = {9, 3, 0, 8, 9, 1, 7, [40] = 5, [69] = 2};
    const unroll_shape shape = {.input = 3, .batch = 70, .time = 9, .lengths = lengths};
    lstm_cell *own = plain_cell(6, true), *built_in = test_cell("basic_rnn", 6, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll a, b;
    unroll_create(&a, NULL, own, &shape);
    unroll_create(&b, NULL, built_in, &shape);
    memcpy(lstm_params_edit(a.weights, NULL), lstm_params_data(b.weights, NULL), 60 * sizeof(float));
    unroll_run(&a);
    unroll_run(&b);
    size_t count;
    const float *grads = lstm_params_data(a.grads, &count);
    ck_assert_uint_eq(count, 60);
    ck_close(a.y, b.y, a.y_count, "outputs");
    ck_close(a.last, b.last, a.last_count, "last_output");
    ck_close(a.d_x, b.d_x, a.x_count, "d_inputs");
    ck_close(a.final[0], b.final[0], a.state_count[0], "final_state");
    ck_close(a.d_initial[0], b.d_initial[0], a.state_count[0], "d_initial_state");
    ck_close(grads, lstm_params_data(b.grads, NULL), count, "gradients");
    lstm_cell_destroy(own);
    lstm_cell_destroy(built_in);
    unroll_destroy(&a);
    unroll_destroy(&b);
}
END_TEST

START_TEST(a_cell_without_backward_runs_for_inference_and_is_refused_for_training)
{
    lstm_cell *cell = plain_cell(4, false);
    lstm_params *params;
    lstm_rnn *rnn;
    lstm_tape *tape;
    float x[2 * 3] = {1, 2, 3, 4, 5, 6}, y[2 * 4];
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, NULL, cell, 3, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 1));
    lstm_tape_config config = {.struct_size = sizeof config, .max_batch = 1, .max_time = 2};
    ck_fails(lstm_tape_create(rnn, &config, &tape), LSTM_ERR_UNSUPPORTED, "step_backward");
    config.inference = true;
    ck_ok(lstm_tape_create(rnn, &config, &tape));
    ck_ok(lstm_dynamic_rnn(tape, params,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 2, .inputs = x, .outputs = y)));
    for (size_t k = 0; k < 8; k++)
        ck_assert(fabsf(y[k]) <= 1.0f); /* cppcheck-suppress uninitvar ; the run's outputs */
    lstm_tape_destroy(tape);
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
    lstm_cell_destroy(cell);
}
END_TEST

static void check_gradient(lstm_cell *cell)
{
    const size_t lengths[5] = {6, 0, 3, 6, 1};
    unroll u;
    unroll_create(&u, NULL, cell, &(unroll_shape){.input = 2, .batch = 5, .time = 6, .lengths = lengths});
    unroll_check_gradient(&u);
    unroll_destroy(&u);
}

START_TEST(a_cell_of_three_leaves_and_another_output_width_trains)
{
    lstm_cell *cell = three_leaves_create();
    check_gradient(cell);
    lstm_cell_destroy(cell);
}
END_TEST

START_TEST(the_examples_cell_has_the_gradient_of_its_formula)
{
    lstm_cell *cell;
    ck_ok(sru_cell_create(NULL, 5, &cell));
    check_gradient(cell);
    lstm_cell_destroy(cell);
}
END_TEST

START_TEST(a_cells_own_initial_state_is_used_unless_one_is_given)
{
    lstm_cell *cell = three_leaves_create();
    const size_t lengths[5] = {3, 0, 3, 2, 1};
    unroll u;
    unroll_create(&u, NULL, cell, &(unroll_shape){.input = 2, .batch = 5, .time = 3, .lengths = lengths});
    unroll_run(&u);
    ck_assert_float_eq(u.final[0][2], u.state[0][2]); /* the row of length 0 */
    ck_ok(lstm_dynamic_rnn(u.tape, u.weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 5, .time = 3, .inputs = u.x,
                                     .sequence_length = lengths, .final_state = u.final)));
    ck_assert_float_eq(u.final[0][2], 0.5f);
    ck_assert_float_eq(u.final[1][3], 0.5f);
    ck_assert_float_eq(u.final[2][1], 0.5f);
    lstm_cell_destroy(cell);
    unroll_destroy(&u);
}
END_TEST

START_TEST(blocks_of_a_custom_cells_gradient_are_added_in_order_on_any_number_of_threads)
{
    const unroll_shape shape = {.input = 3, .batch = 190, .time = 20};
    lstm_cell *cell = plain_cell(8, true);
    unroll one;
    unroll_create(&one, NULL, cell, &shape);
    unroll_run(&one);
    for (size_t threads = 2; threads <= 3; threads++) {
        lstm_context *context;
        unroll many;
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
        unroll_create(&many, context, cell, &shape);
        unroll_run(&many);
        unroll_assert_same_bits(&one, &many);
        unroll_destroy(&many);
        lstm_context_destroy(context);
    }
    lstm_cell_destroy(cell);
    unroll_destroy(&one);
}
END_TEST

static lstm_status declare_failing(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)input_size;
    const int *kind = self;
    if (*kind == 0) { /* no output */
        lstm_cell_spec_state(spec, 3);
    } else if (*kind == 1) { /* a failure that is ignored */
        lstm_cell_spec_state(spec, 0);
        lstm_cell_spec_output(spec, 2);
    } else if (*kind == 2) { /* two outputs */
        lstm_cell_spec_output(spec, 2);
        lstm_cell_spec_output(spec, 3);
    } else if (*kind == 3) { /* a leaf that is not there */
        lstm_cell_spec_output_state(spec, 0);
    } else if (*kind == 4) { /* an axis of zero */
        lstm_cell_spec_output(spec, 2);
        ck_fails(lstm_cell_spec_variable(spec, "w", 2, (size_t[]){3, 0}, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT,
                 "axis 1 of \"w\" is 0");
    } else {
        return LSTM_ERR_UNSUPPORTED;
    }
    return LSTM_OK;
}

START_TEST(a_declare_that_fails_or_says_too_little_is_refused)
{
    static const lstm_status expected[6] = {LSTM_ERR_INVALID_ARGUMENT, LSTM_ERR_INVALID_ARGUMENT, LSTM_ERR_STATE,
                                            LSTM_ERR_INVALID_ARGUMENT, LSTM_ERR_INVALID_ARGUMENT, LSTM_ERR_UNSUPPORTED};
    const lstm_cell_ops ops = {
        .struct_size = sizeof ops, .name = "bad", .declare = declare_failing, .step = plain_step};
    for (int kind = 0; kind < 6; kind++) {
        lstm_cell *cell;
        lstm_params *params;
        lstm_rnn *rnn = NULL;
        ck_ok(lstm_cell_create_custom(NULL, &ops, &kind, &cell));
        ck_ok(lstm_params_create(NULL, &params));
        ck_assert_int_eq(lstm_rnn_create(params, NULL, cell, 2, NULL, &rnn), expected[kind]);
        ck_assert_ptr_null(rnn);
        ck_assert_uint_eq(lstm_params_variable_count(params), 0);
        lstm_params_destroy(params);
        lstm_cell_destroy(cell);
    }
}
END_TEST

Suite *custom_cell_suite(void)
{
    return test_suite("custom_cell", (const TTest *const[]){
                                         a_basic_rnn_through_the_public_table_agrees_with_the_built_in_one,
                                         a_cell_without_backward_runs_for_inference_and_is_refused_for_training,
                                         a_cell_of_three_leaves_and_another_output_width_trains,
                                         the_examples_cell_has_the_gradient_of_its_formula,
                                         a_cells_own_initial_state_is_used_unless_one_is_given,
                                         blocks_of_a_custom_cells_gradient_are_added_in_order_on_any_number_of_threads,
                                         a_declare_that_fails_or_says_too_little_is_refused,
                                         NULL,
                                     });
}
