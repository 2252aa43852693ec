/* Numbers that are huge, tiny, denormal, infinite or NaN: finite where the double reference is finite, NaN only where it
 * is, and in a batch never beyond the row that they stand in. */
#include "golden.h"
#include "oracle.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 37, TIME = 4, INPUT = 7, UNITS = 33, OTHERS = 6, MAX_CELLS = 8 };

static const size_t lengths[BATCH] = {4, 3, 4, 4, 4, 0, 4, 1, 4, 4, 2, 4, 4, 4, 3, 4, 4, 4, 4,
                                      4, 0, 4, 2, 4, 4, 4, 1, 4, 3, 4, 4, 4, 0, 4, 4, 2, 4};

/* ---- plans: each cell alone, and wrappers and directions of some ---- */

typedef struct plans {
    oracle_cell cells[MAX_CELLS];
    oracle_plan plan;
    char name[64];
} plans;

static oracle_cell around(oracle_kind kind, size_t input, const oracle_cell *inner)
{
    return (oracle_cell){.kind = kind,
                         .input = input,
                         .width = inner->input,
                         .activation = REFERENCE_TANH,
                         .count = 1,
                         .inside = {inner}};
}

/* Plan `index` below test_cell_kind_count + OTHERS, with the cells' default activation. */
static void draw_plan(size_t index, plans *p)
{
    static const char *const others[OTHERS] = {"residual",          "highway", "input_projection",
                                               "output_projection", "multi",   "bidirectional"};
    oracle_cell *c = p->cells;
    p->plan = (oracle_plan){.layers = 1, .fw = {c}};
    if (index < test_cell_kind_count) {
        c[0] = oracle_test_cell(test_cell_kinds[index], LSTM_ACTIVATION_DEFAULT, 1.0f, INPUT, UNITS);
        snprintf(p->name, sizeof p->name, "%s", test_cell_kinds[index]);
        return;
    }
    const size_t other = index - test_cell_kind_count;
    snprintf(p->name, sizeof p->name, "%s", others[other]);
    c[1] = oracle_test_cell("gru", LSTM_ACTIVATION_DEFAULT, 1.0f, INPUT, INPUT);
    c[2] = oracle_test_cell("full_lstm", LSTM_ACTIVATION_DEFAULT, 1.0f, INPUT, UNITS);
    switch (other) {
    case 0: c[0] = around(ORACLE_RESIDUAL, INPUT, &c[1]); break;
    case 1: c[0] = around(ORACLE_HIGHWAY, INPUT, &c[1]); break;
    case 2: c[0] = around(ORACLE_INPUT_PROJECTION, INPUT, &c[2]); break;
    case 3: c[0] = around(ORACLE_OUTPUT_PROJECTION, INPUT, &c[2]); break;
    default:
        c[0] = (oracle_cell){.kind = ORACLE_MULTI, .input = INPUT, .count = 2, .inside = {&c[1], &c[2]}};
        p->plan.bw[0] = other == 5 ? &c[2] : NULL;
        break;
    }
}

static void make(unroll *u, const plans *p, lstm_context *context, const unroll_shape *shape)
{
    lstm_params *weights;
    ck_ok(lstm_params_create(context, &weights));
    lstm_rnn *rnn = oracle_make(&p->plan, shape, weights);
    unroll_adopt(u, weights, rnn, shape);
}

/* ---- contexts ---- */

static void run_backwards(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    (void)user;
    while (tasks)
        task(arg, --tasks);
}

enum { WAYS = 10 };

/* Every instruction set with one thread and with two, or a host's executor; NULL: this build or machine has it not. */
static lstm_context *context_at(size_t way)
{
    static const lstm_isa isas[WAYS / 2] = {LSTM_ISA_PORTABLE, LSTM_ISA_AVX2, LSTM_ISA_AVX512, LSTM_ISA_NEON,
                                            LSTM_ISA_CBLAS};
    lstm_context_config config = {.struct_size = sizeof config, .isa = isas[way / 2], .threads = way % 2 + 1};
    lstm_context *context = NULL;
    if (way == 2) { /* not two threads each time */
        config.threads = 0;
        config.executor = (lstm_executor){.concurrency = 3, .run = run_backwards};
    }
    const lstm_status status = lstm_context_create(&config, &context);
    ck_assert(status == LSTM_OK || status == LSTM_ERR_UNSUPPORTED);
    return context;
}

/* ---- rows ---- */

typedef enum place { X, STATE, D_Y, D_LAST, D_FINAL } place;

/* What is put into a row: at time 1 of a sequence, or in leaf 0. */
static const struct {
    size_t row;
    place place;
    float value;
} poisons[] = {{2, X, NAN},        {6, X, INFINITY},         {8, X, -INFINITY},     {11, X, 1e30f},
               {12, X, 1e-42f},    {15, STATE, NAN},         {16, STATE, INFINITY}, {17, STATE, 1e30f},
               {18, D_Y, NAN},     {19, D_Y, INFINITY},      {21, D_Y, 1e30f},      {23, D_LAST, NAN},
               {25, D_FINAL, NAN}, {27, D_FINAL, -INFINITY}, {20, X, NAN}};
enum { POISONS = sizeof poisons / sizeof poisons[0] };

static bool is_poisoned(size_t row)
{
    for (size_t k = 0; k < POISONS; k++)
        if (poisons[k].row == row)
            return true;
    return false;
}

static void poison(unroll *u)
{
    for (size_t k = 0; k < POISONS; k++) {
        const size_t row = poisons[k].row, step = unroll_place(u, row, 1);
        const size_t width = u->state_count[0] / BATCH;
        float *const values[] = {[X] = u->x + step * INPUT + 2,
                                 [STATE] = u->state[0] + row * width + width / 2,
                                 [D_Y] = u->d_y + step * u->output,
                                 [D_LAST] = u->d_last + row * u->output,
                                 [D_FINAL] = u->d_final[0] + row * width};
        *values[poisons[k].place] = poisons[k].value;
    }
}

/* Forward, a poison of a gradient changes nothing; and one of the inputs nothing before it, of a plan that goes forward. */
static bool forward_is_same(size_t row, size_t t, bool both)
{
    for (size_t k = 0; k < POISONS; k++)
        if (poisons[k].row == row && poisons[k].place <= STATE)
            return poisons[k].place == X && t < 1 && !both;
    return true;
}

static void compare_rows(const plans *p, const unroll *clean, const unroll *u)
{
    for (size_t row = 0; row < BATCH; row++) {
        const bool same = !is_poisoned(row) || lengths[row] == 0;
        for (size_t t = 0; t < TIME; t++) {
            const size_t at = unroll_place(u, row, t);
            ck_assert_msg(!forward_is_same(row, t, p->plan.bw[0]) ||
                              same_bits(clean->y + at * u->output, u->y + at * u->output, u->output),
                          "%s: output of row %zu at time %zu", p->name, row, t);
            ck_assert_msg(!same || same_bits(clean->d_x + at * INPUT, u->d_x + at * INPUT, INPUT),
                          "%s: d_input of row %zu at time %zu", p->name, row, t);
        }
        if (forward_is_same(row, TIME, true))
            ck_assert_msg(same_bits(clean->last + row * u->output, u->last + row * u->output, u->output),
                          "%s: last output of row %zu", p->name, row);
        for (size_t leaf = 0; leaf < u->leaves; leaf++) {
            const size_t width = u->state_count[leaf] / BATCH, at = row * width;
            ck_assert_msg(!forward_is_same(row, TIME, true) ||
                              same_bits(clean->final[leaf] + at, u->final[leaf] + at, width),
                          "%s: final state %zu of row %zu", p->name, leaf, row);
            ck_assert_msg(!same || same_bits(clean->d_initial[leaf] + at, u->d_initial[leaf] + at, width),
                          "%s: d_initial_state %zu of row %zu", p->name, leaf, row);
        }
    }
}

/* ---- against the reference ---- */

/* What is far below all states that are not written as zero. */
static const double NOTHING = 0x1p-90;

/* Finite and right where the reference is finite and no larger than a float can be; NaN, forward, exactly where it is NaN. */
static void compare_with_the_reference(const char *name, const oracle_results *results)
{
    for (size_t k = 0; k < results->count; k++) {
        const oracle_array *a = &results->arrays[k];
        double size = 0.0;
        for (size_t j = 0; j < a->count; j++)
            if (isfinite(a->expected[j]) && fabs(a->expected[j]) <= (double)FLT_MAX)
                size = fmax(size, fabs(a->expected[j]));
        for (size_t j = 0; j < a->count; j++) {
            const double found = (double)a->found[j], expected = a->expected[j];
            if (!a->is_gradient && isnan(expected))
                ck_assert_msg(isnan(found), "%s, %s[%zu]: %g, not NaN", name, a->what, j, found);
            if (isfinite(expected) && fabs(expected) <= (double)FLT_MAX)
                ck_assert_msg(fabs(found - expected) <= ARRAY_TOLERANCE * size + NOTHING,
                              "%s, %s[%zu]: %g, expected %g", name, a->what, j, found, expected);
        }
    }
}

/* _i: the plan. */
START_TEST(a_row_that_is_not_finite_leaves_the_bits_of_all_others)
{
    plans p;
    draw_plan((size_t)_i, &p);
    for (size_t way = 0; way < WAYS; way++) {
        lstm_context *context = context_at(way);
        if (!context)
            continue;
        const unroll_shape shape = {.input = INPUT,
                                    .batch = BATCH,
                                    .time = TIME,
                                    .lengths = lengths,
                                    .layout = way / 2 % 2 ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR};
        oracle_results results;
        unroll clean, u;
        make(&clean, &p, context, &shape);
        make(&u, &p, context, &shape);
        poison(&u);
        unroll_run(&clean);
        unroll_run(&u);
        compare_rows(&p, &clean, &u);
        if (way == 0) {
            oracle_ask(&p.plan, &u, 0.0, 0, &results);
            compare_with_the_reference(p.name, &results);
            oracle_release(&results);
        }
        unroll_destroy(&clean);
        unroll_destroy(&u);
        lstm_context_destroy(context);
    }
}
END_TEST

/* Sums of products, and the terms of gradients on the way, stay below FLT_MAX. */
static const struct {
    float weights, inputs, states, gradients;
} scales[] = {{1.0f, 1e30f, 1.0f, 1.0f},  {1e18f, 1.0f, 1.0f, 1e-10f},  {1e-18f, 1e18f, 1.0f, 1.0f},
              {1e-30f, 1.0f, 1.0f, 1.0f}, {1e-42f, 1.0f, 1e-42f, 1.0f}, {1.0f, 1e-42f, 1e-42f, 1e-42f},
              {1.0f, 1e-45f, 0.0f, 1.0f}, {0.0f, 1e37f, 0.0f, 1.0f},    {1.0f, 0.0f, 1e15f, 1.0f},
              {1.0f, 1.0f, 1.0f, 1e30f},  {1e18f, 1e18f, 1.0f, 0.0f}};

static void rescale(float *values, size_t count, float scale)
{
    for (size_t k = 0; k < count; k++)
        values[k] *= scale;
}

START_TEST(huge_and_tiny_numbers_give_what_the_reference_gives)
{
    plans p;
    draw_plan((size_t)_i, &p);
    for (size_t k = 0; k < sizeof scales / sizeof scales[0]; k++)
        for (size_t way = 0; way < WAYS; way += 2) {
            lstm_context *context = context_at(way);
            const unroll_shape shape = {
                .input = INPUT, .batch = 5, .time = 2, .lengths = (const size_t[5]){2, 1, 0, 2, 2}};
            oracle_results results;
            unroll u;
            size_t count;
            char name[128];
            if (!context)
                continue;
            make(&u, &p, context, &shape);
            float *weights = lstm_params_edit(u.weights, &count);
            rescale(weights, count, scales[k].weights);
            rescale(u.x, u.x_count, scales[k].inputs);
            rescale(u.d_y, u.y_count, scales[k].gradients);
            rescale(u.d_last, u.last_count, scales[k].gradients);
            for (size_t leaf = 0; leaf < u.leaves; leaf++) {
                rescale(u.state[leaf], u.state_count[leaf], scales[k].states);
                rescale(u.d_final[leaf], u.state_count[leaf], scales[k].gradients);
            }
            unroll_run(&u);
            oracle_ask(&p.plan, &u, 0.0, 0, &results);
            snprintf(name, sizeof name, "%s, scales %zu, %s", p.name, k, lstm_context_isa_name(context));
            compare_with_the_reference(name, &results);
            oracle_release(&results);
            unroll_destroy(&u);
            lstm_context_destroy(context);
        }
}
END_TEST

/* Every 53rd weight is one of these for once. */
START_TEST(a_weight_that_is_not_finite_spoils_what_the_reference_says)
{
    static const float values[] = {NAN, INFINITY, -INFINITY};
    const unroll_shape shape = {.input = INPUT, .batch = 3, .time = 2, .lengths = (const size_t[3]){2, 0, 1}};
    plans p;
    unroll u;
    size_t count;
    draw_plan((size_t)_i, &p);
    make(&u, &p, NULL, &shape);
    lstm_params_data(u.weights, &count);
    for (size_t at = 0; at < count; at += 53) {
        oracle_results results;
        char name[128];
        float *weights = lstm_params_edit(u.weights, NULL), before = weights[at];
        weights[at] = values[at % 3];
        unroll_run(&u);
        oracle_ask(&p.plan, &u, 0.0, 0, &results);
        snprintf(name, sizeof name, "%s, weight %zu is %g", p.name, at, (double)weights[at]);
        compare_with_the_reference(name, &results);
        oracle_release(&results);
        lstm_params_edit(u.weights, NULL)[at] = before;
    }
    unroll_destroy(&u);
}
END_TEST

/* ---- dense layers and losses ---- */

enum { ROWS = 41, WIDTH = 19, ODD = 6 };
static const struct {
    size_t row, column;
    float value;
} odd[ODD] = {{3, 2, NAN}, {8, 0, INFINITY}, {9, 18, -INFINITY}, {31, 1, FLT_MAX}, {32, 5, 1e30f}, {40, 9, 1e-42f}};

static bool is_odd(size_t row)
{
    for (size_t k = 0; k < ODD; k++)
        if (odd[k].row == row)
            return true;
    return false;
}

static float *odd_numbers(const char *name, size_t width, bool are_odd)
{
    float *numbers = test_numbers(name, ROWS * width, 1.0f);
    for (size_t k = 0; k < ODD && are_odd; k++)
        numbers[odd[k].row * width + odd[k].column] = odd[k].value;
    return numbers;
}

static void compare_other_rows(const char *what, const float *a, const float *b, size_t width)
{
    for (size_t row = 0; row < ROWS; row++)
        ck_assert_msg(is_odd(row) || same_bits(a + row * width, b + row * width, width), "%s of row %zu", what, row);
}

/* y, then d_x, of a dense layer. */
static float *run_dense(lstm_context *context, lstm_activation activation, bool are_odd)
{
    lstm_params *weights;
    lstm_dense *dense;
    ck_ok(lstm_params_create(context, &weights));
    ck_ok(
        lstm_dense_create(weights, NULL, WIDTH, UNITS, LSTM_ARGS(lstm_dense_config, .activation = activation), &dense));
    ck_ok(lstm_params_initialize(weights, 4));
    float *results = test_allocate(ROWS * (UNITS + WIDTH), sizeof *results);
    float *x = odd_numbers("x", WIDTH, are_odd), *d_y = odd_numbers("d_y", UNITS, are_odd);
    ck_ok(lstm_dense_forward(dense, weights, ROWS, x, results));
    ck_ok(lstm_dense_backward(dense, weights, ROWS, x, results, d_y, NULL, results + ROWS * UNITS));
    free(x);
    free(d_y);
    lstm_dense_destroy(dense);
    lstm_params_destroy(weights);
    return results;
}

START_TEST(a_dense_layer_keeps_the_bits_of_the_other_rows)
{
    for (size_t way = 0; way < WAYS; way++) {
        lstm_context *context = context_at(way);
        for (int activation = LSTM_ACTIVATION_LINEAR; activation <= LSTM_ACTIVATION_SOFTMAX && context; activation++) {
            float *clean = run_dense(context, (lstm_activation)activation, false);
            float *found = run_dense(context, (lstm_activation)activation, true);
            compare_other_rows("y", clean, found, UNITS);
            compare_other_rows("d_x", clean + ROWS * UNITS, found + ROWS * UNITS, WIDTH);
            for (size_t k = 0; k < UNITS; k++) { /* of the NaN, and of 1e30 */
                ck_assert(isnan(found[3 * UNITS + k]));
                ck_assert(isfinite(found[32 * UNITS + k]) && isfinite(found[40 * UNITS + k]));
            }
            free(clean);
            free(found);
        }
        lstm_context_destroy(context);
    }
}
END_TEST

typedef lstm_status loss_function(lstm_context *context, const lstm_loss_config *config, size_t batch, size_t width,
                                  const float *x, const float *labels, float *d, float *loss);

START_TEST(a_loss_keeps_the_bits_of_the_other_rows)
{
    static loss_function *const losses[] = {lstm_softmax_cross_entropy, lstm_sigmoid_cross_entropy,
                                            lstm_mean_squared_error, lstm_absolute_difference};
    const lstm_loss_config *config = LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE);
    float *x[2] = {odd_numbers("x", WIDTH, false), odd_numbers("x", WIDTH, true)};
    float *labels = test_numbers("labels", ROWS * WIDTH, 1.0f), *d[2], *loss[2];
    for (size_t k = 0; k < 2; k++) {
        d[k] = test_allocate(ROWS * WIDTH, sizeof(float));
        loss[k] = test_allocate(ROWS * WIDTH, sizeof(float));
    }
    for (size_t way = 0; way < WAYS; way++) {
        lstm_context *context = context_at(way);
        for (size_t which = 0; which < sizeof losses / sizeof losses[0] && context; which++) {
            const size_t width = which ? WIDTH : 1; /* of the losses */
            for (size_t k = 0; k < 2; k++)
                ck_ok(losses[which](context, config, ROWS, WIDTH, x[k], labels, d[k], loss[k]));
            compare_other_rows("loss", loss[0], loss[1], width);
            compare_other_rows("d", d[0], d[1], WIDTH);
            ck_assert(isnan(loss[1][3 * width + (which ? 2 : 0)]));
            for (size_t k = 31 * WIDTH; k < 33 * WIDTH; k++) /* of FLT_MAX and of 1e30 */
                ck_assert(isfinite(d[1][k]) && isfinite(loss[1][which ? k : k / WIDTH]));
        }
        lstm_context_destroy(context);
    }
    for (size_t k = 0; k < 2; k++) {
        free(x[k]);
        free(d[k]);
        free(loss[k]);
    }
    free(labels);
}
END_TEST

Suite *extremes_suite(void)
{
    Suite *suite = test_suite("extremes", (const TTest *const[]){a_dense_layer_keeps_the_bits_of_the_other_rows,
                                                                 a_loss_keeps_the_bits_of_the_other_rows, NULL});
    TCase *cells = tcase_create("cells");
    const int count = (int)test_cell_kind_count + OTHERS;
    tcase_add_loop_test(cells, a_row_that_is_not_finite_leaves_the_bits_of_all_others, 0, count);
    tcase_add_loop_test(cells, huge_and_tiny_numbers_give_what_the_reference_gives, 0, count);
    tcase_add_loop_test(cells, a_weight_that_is_not_finite_spoils_what_the_reference_says, 0, count);
    suite_add_tcase(suite, cells);
    return suite;
}
