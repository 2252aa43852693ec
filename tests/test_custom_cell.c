/* Cells of the user's own, through the same driver. */
#include "golden.h"
#include "sru_cell.h"
#include "unroll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Central differences of a float32 loss of order 10 over a step of 1e-2 are good to about 1e-3. */
#define DIFFERENCE_STEP 1e-2
#define DIFFERENCE_TOLERANCE 2e-3

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
        ck_assert(fabsf(y[k]) <= 1.0f);
    lstm_tape_destroy(tape);
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
    lstm_cell_destroy(cell);
}
END_TEST

/* A cell of three leaves (2, 3 and 1 wide) and an output 4 wide, which is none of them; its rows start from 0.5.
 * a' = tanh(w0 x0 + a); b' = b / 2 + w1 (sum of a'); n' = tanh(n + w2 x1); output = w3 b'0 + a'k + n'. */

static lstm_status three_declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)self;
    ck_assert_uint_eq(input_size, 2);
    ck_ok(lstm_cell_spec_state(spec, 2));
    ck_ok(lstm_cell_spec_state(spec, 3));
    ck_ok(lstm_cell_spec_state(spec, 1));
    ck_ok(lstm_cell_spec_output(spec, 4));
    ck_ok(lstm_cell_spec_variable(spec, "w", 1, (size_t[]){4}, NULL, NULL));
    return LSTM_OK;
}

static void three_step(const void *self, const lstm_step *s)
{
    (void)self;
    const float *w = s->variables[0];
    for (size_t row = 0; row < s->rows; row++) {
        const float *x = s->input + row * 2, *a = s->state[0] + row * 2, *b = s->state[1] + row * 3;
        float *a1 = s->next_state[0] + row * 2, *b1 = s->next_state[1] + row * 3, *n1 = s->next_state[2] + row;
        for (size_t k = 0; k < 2; k++)
            a1[k] = tanhf(w[0] * x[0] + a[k]);
        for (size_t k = 0; k < 3; k++)
            b1[k] = 0.5f * b[k] + w[1] * (a1[0] + a1[1]);
        n1[0] = tanhf(s->state[2][row] + w[2] * x[1]);
        for (size_t k = 0; k < 4; k++)
            s->output[row * 4 + k] = w[3] * b1[0] + a1[k % 2] + n1[0];
    }
}

static void three_backward(const void *self, const lstm_step *s, const lstm_step_grad *g)
{
    (void)self;
    const float *w = s->variables[0];
    for (size_t row = 0; row < s->rows; row++) {
        const float *x = s->input + row * 2, *a1 = s->next_state[0] + row * 2, *b1 = s->next_state[1] + row * 3;
        const float *dy = g->d_output + row * 4, n1 = s->next_state[2][row];
        const float all = dy[0] + dy[1] + dy[2] + dy[3];
        float db[3], da[2], sum = 0.0f, dw[4] = {0};
        for (size_t k = 0; k < 3; k++) {
            db[k] = g->d_next_state[1][row * 3 + k] + (k == 0 ? w[3] * all : 0.0f);
            sum += db[k];
            g->d_state[1][row * 3 + k] = 0.5f * db[k];
        }
        dw[3] = all * b1[0];
        dw[1] = sum * (a1[0] + a1[1]);
        for (size_t k = 0; k < 2; k++) {
            da[k] = (g->d_next_state[0][row * 2 + k] + dy[k] + dy[k + 2] + w[1] * sum) * (1.0f - a1[k] * a1[k]);
            g->d_state[0][row * 2 + k] = da[k];
        }
        dw[0] = (da[0] + da[1]) * x[0];
        const float dn = (g->d_next_state[2][row] + all) * (1.0f - n1 * n1);
        g->d_state[2][row] = dn;
        dw[2] = dn * x[1];
        if (g->d_input) {
            g->d_input[row * 2] = (da[0] + da[1]) * w[0];
            g->d_input[row * 2 + 1] = dn * w[2];
        }
        for (size_t k = 0; k < 4 && g->d_variables; k++)
            g->d_variables[0][k] += dw[k];
    }
}

static void three_start(const void *self, size_t rows, float *const *state)
{
    static const size_t widths[3] = {2, 3, 1};
    (void)self;
    for (size_t leaf = 0; leaf < 3; leaf++)
        for (size_t k = 0; k < rows * widths[leaf]; k++)
            state[leaf][k] = 0.5f;
}

static lstm_cell *three_leaves(void)
{
    const lstm_cell_ops ops = {.struct_size = sizeof ops,
                               .name = "three",
                               .declare = three_declare,
                               .step = three_step,
                               .step_backward = three_backward,
                               .initial_state = three_start};
    lstm_cell *cell;
    ck_ok(lstm_cell_create_custom(NULL, &ops, NULL, &cell));
    return cell;
}

/* The loss whose gradients unroll_run computes, summed in double. */
static double loss_of(unroll *u)
{
    double loss = 0.0;
    ck_ok(lstm_dynamic_rnn(u->tape, u->weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = u->shape.batch, .time = u->shape.time,
                                     .inputs = u->x, .sequence_length = u->shape.lengths,
                                     .initial_state = (const float *const *)u->state, .outputs = u->y,
                                     .last_output = u->last, .final_state = u->final)));
    for (size_t row = 0; row < u->shape.batch; row++)
        for (size_t k = 0; k < unroll_length(u, row) * u->output; k++)
            loss +=
                (double)u->y[row * u->shape.time * u->output + k] * (double)u->d_y[row * u->shape.time * u->output + k];
    for (size_t k = 0; k < u->last_count; k++)
        loss += (double)u->last[k] * (double)u->d_last[k];
    for (size_t leaf = 0; leaf < u->leaves; leaf++)
        for (size_t k = 0; k < u->state_count[leaf]; k++)
            loss += (double)u->final[leaf][k] * (double)u->d_final[leaf][k];
    return loss;
}

/* Move numbers along a random direction (NaN padding stays) and compare the loss with what the gradient says. */
static void check_direction(unroll *u, const char *what, float *numbers, const float *gradient, size_t count)
{
    float *direction = test_numbers(what, count, 1.0f), *before = test_allocate(count, sizeof *before);
    double said = 0.0, losses[2];
    memcpy(before, numbers, count * sizeof *before);
    for (size_t k = 0; k < count; k++)
        said += (double)direction[k] * (double)gradient[k];
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < count; k++)
            numbers[k] = before[k] + (float)(side ? -DIFFERENCE_STEP : DIFFERENCE_STEP) * direction[k];
        losses[side] = loss_of(u);
    }
    memcpy(numbers, before, count * sizeof *before);
    const double found = (losses[0] - losses[1]) / (2.0 * DIFFERENCE_STEP);
    ck_assert_msg(fabs(found - said) <= DIFFERENCE_TOLERANCE * fmax(1.0, fabs(said)), "%s: %g, by differences %g", what,
                  said, found);
    free(direction);
    free(before);
}

static void check_all_directions(lstm_cell *cell)
{
    const size_t lengths[5] = {6, 0, 3, 6, 1};
    unroll u;
    unroll_create(&u, NULL, cell, &(unroll_shape){.input = 2, .batch = 5, .time = 6, .lengths = lengths});
    unroll_run(&u);
    size_t count;
    const float *grads = lstm_params_data(u.grads, &count);
    check_direction(&u, "inputs", u.x, u.d_x, u.x_count);
    check_direction(&u, "weights", lstm_params_edit(u.weights, NULL), grads, count);
    for (size_t leaf = 0; leaf < u.leaves; leaf++)
        check_direction(&u, "initial_state", u.state[leaf], u.d_initial[leaf], u.state_count[leaf]);
    unroll_destroy(&u);
}

START_TEST(a_cell_of_three_leaves_and_another_output_width_trains)
{
    lstm_cell *cell = three_leaves();
    check_all_directions(cell);
    lstm_cell_destroy(cell);
}
END_TEST

START_TEST(the_examples_cell_has_the_gradient_of_its_formula)
{
    lstm_cell *cell;
    ck_ok(sru_cell_create(NULL, 5, &cell));
    check_all_directions(cell);
    lstm_cell_destroy(cell);
}
END_TEST

START_TEST(a_cells_own_initial_state_is_used_unless_one_is_given)
{
    lstm_cell *cell = three_leaves();
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
