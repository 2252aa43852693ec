/* What is easy to get wrong in the cells: items 1 to 7 of the semantics note. */
#include "golden.h"
#include "unroll.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The note's golden rows have nine digits; float32 over three steps keeps about seven. */
#define ROW_TOLERANCE 5e-7

typedef struct small {
    lstm_params *weights;
    lstm_rnn *rnn;
    lstm_tape *tape;
} small;

/* A plan of a cell of one unit, which it takes, over one input, with these weights in the order of declaration. */
static small one_unit(lstm_cell *cell, const float *weights)
{
    small s;
    size_t count;
    ck_ok(lstm_params_create(NULL, &s.weights));
    ck_ok(lstm_rnn_create(s.weights, NULL, cell, 1, NULL, &s.rnn));
    ck_ok(lstm_params_initialize(s.weights, 0));
    ck_ok(lstm_tape_create(s.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 1, .max_time = 3), &s.tape));
    float *block = lstm_params_edit(s.weights, &count);
    memcpy(block, weights, count * sizeof *block);
    lstm_cell_destroy(cell);
    return s;
}

static void release(small *s)
{
    lstm_tape_destroy(s->tape);
    lstm_rnn_destroy(s->rnn);
    lstm_params_destroy(s->weights);
}

/* Inputs 1, 0, 1 from a zero state: the state after each step. */
static void check_rows(lstm_cell *cell, const float *weights, const double (*rows)[2], size_t leaves)
{
    static const float x[3] = {1.0f, 0.0f, 1.0f};
    small s = one_unit(cell, weights);
    for (size_t t = 1; t <= 3; t++) {
        float state[2];
        float *const final[2] = {&state[0], &state[1]};
        ck_ok(lstm_dynamic_rnn(
            s.tape, s.weights,
            LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = t, .inputs = x, .final_state = final)));
        for (size_t leaf = 0; leaf < leaves; leaf++)
            ck_assert_double_eq_tol((double)state[leaf], rows[t - 1][leaf], ROW_TOLERANCE);
    }
    release(&s);
}

static lstm_cell *plain_cell(const char *kind, float forget_bias)
{
    return test_cell(kind, 1, LSTM_ACTIVATION_DEFAULT, forget_bias);
}

static const float lstm_weights[12] = {.1f, .2f, .3f, .4f, .5f, -.6f, .7f, -.8f, .01f, .02f, .03f, .04f};

START_TEST(lstm_gives_the_golden_rows_with_forget_bias_1_and_0)
{
    static const double with[3][2] = {
        {0.114207281, 0.069167148}, {0.074232770, 0.036764319}, {0.162980732, 0.097130246}};
    static const double without[3][2] = {
        {0.114207281, 0.069167148}, {0.048353390, 0.023972659}, {0.135886679, 0.081530846}};
    check_rows(plain_cell("lstm", 1.0f), lstm_weights, with, 2);
    check_rows(plain_cell("lstm", 0.0f), lstm_weights, without, 2);
    check_rows(plain_cell("basic_lstm", 1.0f), lstm_weights, with, 2);
    check_rows(plain_cell("basic_lstm", 0.0f), lstm_weights, without, 2);
}
END_TEST

static lstm_cell *lstm_of(const lstm_lstm_config *config)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_lstm(NULL, 1, config, &cell));
    return cell;
}

START_TEST(peepholes_and_a_cell_clip_give_the_golden_rows)
{
    float weights[15];
    memcpy(weights, lstm_weights, sizeof lstm_weights);
    weights[12] = 0.12f; /* f, i, o */
    weights[13] = 0.11f;
    weights[14] = 0.13f;
    static const double peepholes[3][2] = {
        {0.114207281, 0.069568782}, {0.074341802, 0.036991442}, {0.163510344, 0.098257438}};
    static const double clip[3][2] = {
        {0.114207281, 0.069167148}, {0.074232770, 0.036764319}, {0.150000000, 0.089513999}};
    check_rows(lstm_of(LSTM_ARGS(lstm_lstm_config, .use_peepholes = true)), weights, peepholes, 2);
    check_rows(lstm_of(LSTM_ARGS(lstm_lstm_config, .cell_clip = 0.15f)), weights, clip, 2);
}
END_TEST

START_TEST(both_grus_give_the_golden_rows)
{
    static const float before[9] = {.1f, .2f, .5f, -.6f, 1.0f, 1.0f, .3f, .7f, 0.0f};
    static const float after[10] = {.1f, .2f, .5f, -.6f, 1.0f, 1.0f, .3f, .05f, .7f, .2f};
    static const double rows_before[3][2] = {{0.067431650}, {0.058394747}, {0.120434094}};
    static const double rows_after[3][2] = {{0.106978139}, {0.146851015}, {0.240099463}};
    check_rows(plain_cell("gru", 0.0f), before, rows_before, 1);
    check_rows(plain_cell("cudnn_compatible_gru", 0.0f), after, rows_after, 1);
}
END_TEST

/* One step from a state; returns h'. */
static float stepped(lstm_cell *cell, const float *weights, float x, float c, float h, float *c_next)
{
    small s = one_unit(cell, weights);
    float next[2];
    const float *const initial[2] = {&c, &h};
    float *const final[2] = {&next[0], &next[1]};
    ck_ok(lstm_dynamic_rnn(s.tape, s.weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 1, .inputs = &x,
                                     .initial_state = initial, .final_state = final)));
    release(&s);
    *c_next = next[0]; /* cppcheck-suppress uninitvar ; by way of final */
    return next[1];
}

START_TEST(the_forget_gate_is_the_third_column_block)
{
    float weights[12] = {0}, c;
    weights[2] = 2.0f; /* x -> f */
    weights[10] = 0.5f;
    stepped(plain_cell("lstm", 1.0f), weights, 1.0f, 1.0f, 0.0f, &c);
    ck_assert_double_eq_tol((double)c, 1.0 / (1.0 + exp(-(2.0 + 0.5 + 1.0))), ROW_TOLERANCE);
    weights[2] = weights[10] = 0.0f;
    weights[1] = 2.0f; /* x -> j, the candidate */
    stepped(plain_cell("lstm", 0.0f), weights, 1.0f, 1.0f, 0.0f, &c);
    ck_assert_double_eq_tol((double)c, 0.5 + 0.5 * tanh(2.0), ROW_TOLERANCE);
}
END_TEST

START_TEST(state_leaves_are_c_then_h)
{
    float c;
    const float from_c = stepped(plain_cell("lstm", 1.0f), lstm_weights, 0.0f, 1.0f, 0.0f, &c);
    const double i = 1.0 / (1.0 + exp(-0.01)), f = 1.0 / (1.0 + exp(-1.03)), o = 1.0 / (1.0 + exp(-0.04));
    const double expected = f + i * tanh(0.02);
    ck_assert_double_eq_tol((double)c, expected, ROW_TOLERANCE);
    ck_assert_double_eq_tol((double)from_c, o * tanh(expected), ROW_TOLERANCE);
    const float from_h = stepped(plain_cell("lstm", 1.0f), lstm_weights, 0.0f, 0.0f, 1.0f, &c);
    const double i1 = 1.0 / (1.0 + exp(-0.51)), o1 = 1.0 / (1.0 + exp(0.76));
    ck_assert_double_eq_tol((double)c, i1 * tanh(-0.58), ROW_TOLERANCE);
    ck_assert_double_eq_tol((double)from_h, o1 * tanh(i1 * tanh(-0.58)), ROW_TOLERANCE);
}
END_TEST

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* Kernel 0 and, below, biases i, j, f, o and peepholes f, i, o: so that all is said by c. */
static const float from_c[15] = {0, 0, 0, 0, 0, 0, 0, 0, .1f, .5f, -2.2f, -.3f, .7f, -.4f, 1.1f};

START_TEST(the_output_peephole_reads_the_new_and_clipped_c_the_others_the_previous_one)
{
    static const float clips[] = {0.0f, 0.5f};
    for (size_t k = 0; k < 2; k++) {
        float c;
        const float h = stepped(lstm_of(LSTM_ARGS(lstm_lstm_config, .use_peepholes = true, .cell_clip = clips[k])),
                                from_c, 0.0f, 2.0f, 0.0f, &c);
        const double raw = 2.0 * sigmoid(-2.2 + 0.7 * 2.0 + 1.0) + sigmoid(0.1 - 0.4 * 2.0) * tanh(0.5);
        const double next = k ? 0.5 : raw, expected = sigmoid(-0.3 + 1.1 * next) * tanh(next);
        ck_assert_double_eq_tol((double)c, next, 4.0 * ROW_TOLERANCE);
        ck_assert_double_eq_tol((double)h, expected, ROW_TOLERANCE);
        ck_assert_double_ge(fabs(expected - sigmoid(-0.3 + 1.1 * 2.0) * tanh(next)), 0.01); /* the previous c */
        ck_assert(!k || fabs(expected - sigmoid(-0.3 + 1.1 * raw) * tanh(next)) > 0.01);    /* before the clip */
    }
}
END_TEST

/* The gradients of the new c and m by the c before, in a cell whose gates are so wide open that c~ = c exactly, m = c~. */
static void check_passes(const lstm_lstm_config *config, float c, float by_c, float by_m)
{
    const float weights[13] = {0, 0, 0, 0, 0, 0, 0, 0, -200, 0, 200, 200, 1};
    const float x = 0.0f, zero = 0.0f, one = 1.0f, *const initial[2] = {&c, &zero};
    for (int leaf = 0; leaf < 2; leaf++) {
        small s = one_unit(lstm_of(config), weights);
        float d = 7.0f;
        const float *const d_final[2] = {leaf ? &zero : &one, leaf ? &one : &zero};
        float *const d_initial[2] = {&d, NULL};
        ck_ok(lstm_dynamic_rnn(
            s.tape, s.weights,
            LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 1, .inputs = &x, .initial_state = initial)));
        ck_ok(lstm_dynamic_rnn_backward(
            s.tape, s.weights,
            LSTM_ARGS(lstm_dynamic_rnn_grads, .d_final_state = d_final, .d_initial_state = d_initial)));
        ck_assert_float_eq(d, leaf ? by_m : by_c);
        release(&s);
    }
}

START_TEST(a_clip_passes_the_gradient_at_its_boundary_and_stops_it_beyond)
{
    const float above = nextafterf(0.5f, 1.0f), below = nextafterf(0.5f, 0.0f);
    const lstm_lstm_config cell = {
        .struct_size = sizeof cell, .activation = LSTM_ACTIVATION_LINEAR, .cell_clip = 0.5f, .num_proj = 1};
    const lstm_lstm_config proj = {
        .struct_size = sizeof proj, .activation = LSTM_ACTIVATION_LINEAR, .num_proj = 1, .proj_clip = 0.5f};
    for (int side = 0; side < 2; side++) {
        const float sign = side ? -1.0f : 1.0f;
        check_passes(&cell, sign * below, 1.0f, 1.0f);
        check_passes(&cell, sign * 0.5f, 1.0f, 1.0f);
        check_passes(&cell, sign * above, 0.0f, 0.0f);
        check_passes(&cell, sign * 3.0f, 0.0f, 0.0f);
        check_passes(&proj, sign * below, 1.0f, 1.0f);
        check_passes(&proj, sign * 0.5f, 1.0f, 1.0f);
        check_passes(&proj, sign * above, 1.0f, 0.0f);
        check_passes(&proj, sign * 3.0f, 1.0f, 0.0f);
    }
}
END_TEST

START_TEST(a_projection_clip_without_a_projection_does_nothing)
{
    float c[2];
    const float with =
        stepped(lstm_of(LSTM_ARGS(lstm_lstm_config, .proj_clip = 0.01f)), lstm_weights, 1.0f, 0.5f, 0.25f, &c[0]);
    const float without = stepped(lstm_of(NULL), lstm_weights, 1.0f, 0.5f, 0.25f, &c[1]);
    ck_assert_float_eq(with, without);
    ck_assert_float_eq(c[0], c[1]);
    ck_assert_float_gt(with, 0.01f);
}
END_TEST

/* By hand, one unit: the second step's gates must see m = 3 s(o) tanh(c), clipped, and not s(o) tanh(c). */
START_TEST(the_projected_and_clipped_output_is_what_the_next_step_reads)
{
    static const float clips[] = {0.0f, 0.15f};
    float weights[13];
    memcpy(weights, lstm_weights, sizeof lstm_weights);
    weights[12] = 3.0f;
    for (size_t k = 0; k < 2; k++) {
        double c = 0.0, m = 0.0, rows[3][2];
        for (size_t t = 0; t < 3; t++) {
            double z[4];
            for (size_t gate = 0; gate < 4; gate++)
                z[gate] =
                    (t == 1 ? 0.0 : (double)weights[gate]) + m * (double)weights[4 + gate] + (double)weights[8 + gate];
            c = c * sigmoid(z[2] + 1.0) + sigmoid(z[0]) * tanh(z[1]);
            m = 3.0 * sigmoid(z[3]) * tanh(c);
            m = k && m > 0.15 ? 0.15 : m;
            rows[t][0] = c;
            rows[t][1] = m;
        }
        check_rows(lstm_of(LSTM_ARGS(lstm_lstm_config, .num_proj = 1, .proj_clip = clips[k])), weights,
                   (const double(*)[2])rows, 2);
    }
}
END_TEST

START_TEST(a_projection_of_another_width_than_the_units_has_the_right_gradient_through_two_steps)
{
    static const size_t projections[] = {2, 7};
    for (size_t k = 0; k < 2; k++) {
        lstm_cell *cell;
        unroll u;
        ck_ok(lstm_cell_create_lstm(
            NULL, 4, LSTM_ARGS(lstm_lstm_config, .num_proj = projections[k], .use_peepholes = true), &cell));
        unroll_take(&u, cell, &(unroll_shape){.input = 3, .batch = 4, .time = 2});
        ck_assert_uint_eq(lstm_rnn_state_size(u.rnn, 0), 4);
        ck_assert_uint_eq(lstm_rnn_state_size(u.rnn, 1), projections[k]);
        ck_assert_uint_eq(lstm_rnn_output_size(u.rnn), projections[k]);
        unroll_check_gradient(&u);
        unroll_destroy(&u);
    }
}
END_TEST

static void copy_part(unroll *to, const char *name, const float *values, size_t count)
{
    lstm_variable_info info;
    ck_ok(lstm_params_find(to->weights, name, &info));
    ck_assert_uint_eq(info.count, count);
    memcpy(lstm_params_edit(to->weights, NULL) + info.offset, values, count * sizeof *values);
}

/* How far the outputs of the two GRUs are apart whose weights say the same, and the second bias is 0. */
static double distance_of_the_grus(size_t input, size_t units)
{
    const unroll_shape shape = {.input = input, .batch = 3, .time = 4};
    const float zeros[8] = {0};
    unroll before, after;
    unroll_take(&before, test_cell("gru", units, LSTM_ACTIVATION_DEFAULT, 1.0f), &shape);
    unroll_take(&after, test_cell("cudnn_compatible_gru", units, LSTM_ACTIVATION_DEFAULT, 1.0f), &shape);
    const float *gates = unroll_weight(&before, "rnn/gru_cell/gates/kernel");
    const float *candidate = unroll_weight(&before, "rnn/gru_cell/candidate/kernel");
#define AFTER "rnn/cudnn_compatible_gru_cell/"
    copy_part(&after, AFTER "gates/kernel", gates, (input + units) * 2 * units);
    copy_part(&after, AFTER "gates/bias", unroll_weight(&before, "rnn/gru_cell/gates/bias"), 2 * units);
    copy_part(&after, AFTER "candidate/input_projection/kernel", candidate, input * units);
    copy_part(&after, AFTER "candidate/hidden_projection/kernel", candidate + input * units, units * units);
    copy_part(&after, AFTER "candidate/input_projection/bias", unroll_weight(&before, "rnn/gru_cell/candidate/bias"),
              units);
    copy_part(&after, AFTER "candidate/hidden_projection/bias", zeros, units);
#undef AFTER
    unroll_run(&before);
    unroll_run(&after);
    const double distance = golden_difference(after.y, before.y, before.y_count);
    unroll_destroy(&before);
    unroll_destroy(&after);
    return distance;
}

START_TEST(reset_before_and_after_the_product_differ_from_two_units_on)
{
    ck_assert_double_le(distance_of_the_grus(3, 1), ARRAY_TOLERANCE);
    ck_assert_double_ge(distance_of_the_grus(3, 2), 1e-3);
    ck_assert_double_ge(distance_of_the_grus(3, 5), 1e-3);
}
END_TEST

/* A cell state that halves at every step ends at an exact zero and never passes a denormal. */
START_TEST(a_decaying_state_becomes_zero_and_not_denormal)
{
    float weights[12] = {0}, c = 1.0f, h = 0.0f;
    small s = one_unit(plain_cell("lstm", 0.0f), weights); /* f = 1/2, j = 0 */
    for (int t = 0; t < 200; t++) {
        const float x = 0.0f, *const initial[2] = {&c, &h};
        float *const final[2] = {&c, &h};
        ck_ok(lstm_dynamic_rnn(s.tape, s.weights,
                               LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 1, .inputs = &x,
                                         .initial_state = initial, .final_state = final)));
        ck_assert(c == 0.0f || c >= 0x1p-100f);
        ck_assert(h == 0.0f || h >= 0x1p-101f);
        ck_assert(t > 90 || c > 0.0f);
    }
    ck_assert_float_eq(c, 0.0f);
    ck_assert_float_eq(h, 0.0f);
    release(&s);
}
END_TEST

Suite *cells_suite(void)
{
    return test_suite("cells",
                      (const TTest *const[]){
                          lstm_gives_the_golden_rows_with_forget_bias_1_and_0,
                          peepholes_and_a_cell_clip_give_the_golden_rows,
                          both_grus_give_the_golden_rows,
                          the_forget_gate_is_the_third_column_block,
                          state_leaves_are_c_then_h,
                          the_output_peephole_reads_the_new_and_clipped_c_the_others_the_previous_one,
                          a_clip_passes_the_gradient_at_its_boundary_and_stops_it_beyond,
                          a_projection_clip_without_a_projection_does_nothing,
                          the_projected_and_clipped_output_is_what_the_next_step_reads,
                          a_projection_of_another_width_than_the_units_has_the_right_gradient_through_two_steps,
                          reset_before_and_after_the_product_differ_from_two_units_on,
                          a_decaying_state_becomes_zero_and_not_denormal,
                          NULL,
                      });
}
