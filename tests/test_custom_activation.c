/* Activations of the user's own, in every cell. */
#include "golden.h"
#include "unroll.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void tanh_value(void *user, size_t count, const float *x, float *y)
{
    (void)user;
    for (size_t k = 0; k < count; k++)
        y[k] = tanhf(x[k]);
}

static void tanh_derivative(void *user, size_t count, const float *x, float *d)
{
    (void)user;
    for (size_t k = 0; k < count; k++)
        d[k] = 1.0f - tanhf(x[k]) * tanhf(x[k]);
}

/* x s(b x), b the user's number: it falls, has its least value at about -1.28 / b, and rises; so its value does not tell
 * its derivative. */
static void swish_value(void *user, size_t count, const float *x, float *y)
{
    const float b = *(const float *)user;
    for (size_t k = 0; k < count; k++)
        y[k] = x[k] / (1.0f + expf(-b * x[k]));
}

static void swish_derivative(void *user, size_t count, const float *x, float *d)
{
    const float b = *(const float *)user;
    for (size_t k = 0; k < count; k++) {
        const float s = 1.0f / (1.0f + expf(-b * x[k]));
        d[k] = s + b * x[k] * s * (1.0f - s);
    }
}

static const size_t lengths[5] = {6, 0, 3, 6, 1};
static const unroll_shape shape = {.input = 3, .batch = 5, .time = 6, .lengths = lengths};

START_TEST(a_custom_tanh_agrees_with_the_built_in_one_in_every_cell)
{
    const lstm_function function = {.value = tanh_value, .derivative = tanh_derivative};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        const char *name = test_cell_kinds[kind];
        unroll own, built_in;
        size_t count;
        unroll_take(&own, test_cell_with(name, 7, &function), &shape);
        unroll_take(&built_in, test_cell(name, 7, LSTM_ACTIVATION_TANH, 1.0f), &shape);
        unroll_run(&own);
        unroll_run(&built_in);
        const float *grads = lstm_params_data(own.grads, &count);
        ck_close(own.y, built_in.y, own.y_count, name);
        ck_close(own.last, built_in.last, own.last_count, name);
        ck_close(own.d_x, built_in.d_x, own.x_count, name);
        ck_close(grads, lstm_params_data(built_in.grads, NULL), count, name);
        for (size_t leaf = 0; leaf < own.leaves; leaf++) {
            ck_close(own.final[leaf], built_in.final[leaf], own.state_count[leaf], name);
            ck_close(own.d_initial[leaf], built_in.d_initial[leaf], own.state_count[leaf], name);
        }
        unroll_destroy(&own);
        unroll_destroy(&built_in);
    }
}
END_TEST

START_TEST(a_function_that_is_not_monotone_has_the_gradient_of_its_formula_in_every_cell)
{
    float b = 1.5f;
    const lstm_function function = {.user = &b, .value = swish_value, .derivative = swish_derivative};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        unroll u;
        unroll_take(&u, test_cell_with(test_cell_kinds[kind], 7, &function), &shape);
        snprintf(u.name, sizeof u.name, "%s", test_cell_kinds[kind]);
        unroll_check_gradient(&u);
        unroll_destroy(&u);
    }
}
END_TEST

START_TEST(the_function_gets_what_its_user_gave_at_every_call)
{
    float b = 1.5f, y[2];
    const float x = -0.8f, state = 0.0f, *const initial = &state;
    const lstm_function function = {.user = &b, .value = swish_value, .derivative = swish_derivative};
    unroll u;
    unroll_take(&u, test_cell_with("basic_rnn", 1, &function), &(unroll_shape){.input = 1, .batch = 1, .time = 1});
    const double z = (double)unroll_weight(&u, "rnn/basic_rnn_cell/kernel")[0] * (double)x +
                     (double)unroll_weight(&u, "rnn/basic_rnn_cell/bias")[0];
    for (int k = 0; k < 2; k++) {
        b = k ? -2.0f : 1.5f;
        ck_ok(lstm_dynamic_rnn(u.tape, u.weights,
                               LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 1, .inputs = &x,
                                         .initial_state = &initial, .outputs = &y[k])));
        ck_assert_double_eq_tol((double)y[k], z / (1.0 + exp(-(double)b * z)), 1e-6);
    }
    ck_assert_float_ne(y[0], y[1]);
    unroll_destroy(&u);
}
END_TEST

Suite *custom_activation_suite(void)
{
    return test_suite("custom_activation",
                      (const TTest *const[]){
                          a_custom_tanh_agrees_with_the_built_in_one_in_every_cell,
                          a_function_that_is_not_monotone_has_the_gradient_of_its_formula_in_every_cell,
                          the_function_gets_what_its_user_gave_at_every_call,
                          NULL,
                      });
}
