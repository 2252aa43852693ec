/* One row gives the same bits on every instruction set, in every batch; streams are compared in test_stream.c, threads in
 * test_threads.c. */
#include "golden.h"
#include "unroll.h"

#include <stdlib.h>
#include <string.h>

enum { ISAS = 4 };
static const lstm_isa isas[ISAS] = {LSTM_ISA_PORTABLE, LSTM_ISA_AVX2, LSTM_ISA_AVX512, LSTM_ISA_NEON};

/* NULL: this build or machine has it not. */
static lstm_context *context_of(lstm_isa isa)
{
    lstm_context *context = NULL;
    const lstm_status status = lstm_context_create(LSTM_ARGS(lstm_context_config, .isa = isa), &context);
    ck_assert(status == LSTM_OK || status == LSTM_ERR_UNSUPPORTED);
    return context;
}

static const unroll_shape shapes[] = {
    {.input = 1, .batch = 3, .time = 5},
    {.input = 7,
     .batch = 70,
     .time = 6,
     .lengths = (const size_t[70]){6, 5, 4, 3, 2, 1, 0, 6, 6, 1, 4, 5, [40] = 6, 3, 2}},
    {.input = 3, .batch = 13, .time = 30, .layout = LSTM_TIME_MAJOR},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* _i: the kind of cell. */
START_TEST(every_instruction_set_gives_the_same_bits)
{
    static const size_t units[] = {3, 24, 37};
    for (size_t k = 0; k < 3 * SHAPES; k++) {
        const unroll_shape *shape = &shapes[k % SHAPES];
        lstm_cell *cell = test_cell(test_cell_kinds[_i], units[k / SHAPES], LSTM_ACTIVATION_DEFAULT, 1.0f);
        unroll first, other;
        for (size_t isa = 0; isa < ISAS; isa++) {
            lstm_context *context = context_of(isas[isa]);
            if (!context)
                continue;
            unroll *u = isa ? &other : &first; /* cppcheck-suppress uninitvar ; unroll_create writes them */
            unroll_create(u, context, cell, shape);
            unroll_run(u);
            if (isa) {
                unroll_assert_same_bits(&first, &other);
                unroll_destroy(&other);
            }
            lstm_context_destroy(context);
        }
        unroll_destroy(&first);
        lstm_cell_destroy(cell);
    }
}
END_TEST

static void copy_row(float *to, const float *from, size_t width)
{
    memcpy(to, from, width * sizeof *to);
}

/* Give `alone` the data of one row of u: what it reads if `in`, or else compare what the two have computed. */
static void share_row(const unroll *u, size_t row, unroll *alone, bool in)
{
    for (size_t t = 0; t < unroll_length(u, row); t++) {
        const size_t from = unroll_place(u, row, t), to = unroll_place(alone, 0, t);
        const size_t i = u->shape.input, o = u->output;
        if (in) {
            copy_row(alone->x + to * i, u->x + from * i, i);
            copy_row(alone->d_y + to * o, u->d_y + from * o, o);
        } else {
            ck_assert(same_bits(alone->y + to * o, u->y + from * o, o));
            ck_assert(same_bits(alone->d_x + to * i, u->d_x + from * i, i));
        }
    }
    if (in)
        copy_row(alone->d_last, u->d_last + row * u->output, u->output);
    else
        ck_assert(same_bits(alone->last, u->last + row * u->output, u->output));
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        const size_t width = alone->state_count[leaf], at = row * width;
        if (in) {
            copy_row(alone->state[leaf], u->state[leaf] + at, width);
            copy_row(alone->d_final[leaf], u->d_final[leaf] + at, width);
        } else {
            ck_assert(same_bits(alone->final[leaf], u->final[leaf] + at, width));
            ck_assert(same_bits(alone->d_initial[leaf], u->d_initial[leaf] + at, width));
        }
    }
}

/* Of kernels of our own: a CBLAS treats the last rows of a matrix otherwise than the others. */
START_TEST(a_row_has_the_same_bits_alone_and_in_any_batch)
{
    lstm_context *context = context_of(LSTM_ISA_AVX512);
    if (!context && !(context = context_of(LSTM_ISA_AVX2)))
        context = context_of(LSTM_ISA_PORTABLE);
    for (size_t k = 0; k < SHAPES; k++) {
        lstm_cell *cell = test_cell(test_cell_kinds[_i], 21, LSTM_ACTIVATION_DEFAULT, 1.0f);
        unroll batch;
        unroll_create(&batch, context, cell, &shapes[k]);
        unroll_run(&batch);
        for (size_t row = 0; row < shapes[k].batch; row += 1 + row / 3) {
            const size_t length = unroll_length(&batch, row);
            unroll_shape single = shapes[k];
            single.batch = 1;
            single.lengths = &length;
            unroll alone;
            unroll_create(&alone, context, cell, &single);
            share_row(&batch, row, &alone, true);
            unroll_run(&alone);
            share_row(&batch, row, &alone, false);
            unroll_destroy(&alone);
        }
        unroll_destroy(&batch);
        lstm_cell_destroy(cell);
    }
    lstm_context_destroy(context);
}
END_TEST

/* The CBLAS has sums of another order; what it shares with the others is the cells around them. */
START_TEST(the_cblas_agrees_to_rounding)
{
    lstm_context *context = context_of(LSTM_ISA_CBLAS);
    for (size_t k = 0; k < SHAPES && context; k++) {
        lstm_cell *cell = test_cell(test_cell_kinds[_i], 21, LSTM_ACTIVATION_DEFAULT, 1.0f);
        unroll own, other;
        size_t count;
        unroll_create(&own, NULL, cell, &shapes[k]);
        unroll_create(&other, context, cell, &shapes[k]);
        unroll_run(&own);
        unroll_run(&other);
        const float *gradient = lstm_params_data(own.grads, &count);
        ck_close(other.last, own.last, own.last_count, "outputs");
        ck_close(other.d_initial[0], own.d_initial[0], own.state_count[0], "d_initial_state");
        ck_close(lstm_params_data(other.grads, NULL), gradient, count, "the gradient");
        unroll_destroy(&own);
        unroll_destroy(&other);
        lstm_cell_destroy(cell);
    }
    lstm_context_destroy(context);
}
END_TEST

enum { ROWS = 300, INPUTS = 50, UNITS = 21 };

/* Forward and backward of a dense layer, portion by portion; results: y, d_x, the gradient. */
static void run_dense(lstm_context *context, const lstm_dense_config *config, size_t portion, float *results)
{
    lstm_params *weights, *grads;
    lstm_dense *dense;
    ck_ok(lstm_params_create(context, &weights));
    ck_ok(lstm_dense_create(weights, NULL, INPUTS, UNITS, config, &dense));
    ck_ok(lstm_params_initialize(weights, 4));
    ck_ok(lstm_params_create_like(weights, &grads));
    float *x = test_numbers("x", ROWS * INPUTS, 1.0f), *d_y = test_numbers("d_y", ROWS * UNITS, 1.0f);
    float *y = results, *d_x = y + ROWS * UNITS, *gradient = d_x + ROWS * INPUTS;
    for (size_t row = 0; row < ROWS; row += portion) {
        ck_ok(lstm_dense_forward(dense, weights, portion, x + row * INPUTS, y + row * UNITS));
        ck_ok(lstm_dense_backward(dense, weights, portion, x + row * INPUTS, y + row * UNITS, d_y + row * UNITS, grads,
                                  d_x + row * INPUTS));
    }
    memcpy(gradient, lstm_params_data(grads, NULL), (INPUTS + 1) * UNITS * sizeof *gradient);
    free(x);
    free(d_y);
    lstm_dense_destroy(dense);
    lstm_params_destroy(weights);
    lstm_params_destroy(grads);
}

START_TEST(a_dense_layer_has_the_same_bits_on_every_instruction_set_and_in_any_batch)
{
    static const size_t portions[] = {1, 3, 100};
    const size_t of_rows = ROWS * (UNITS + INPUTS), count = of_rows + (INPUTS + 1) * UNITS;
    float *first = test_allocate(count, sizeof *first), *other = test_allocate(count, sizeof *other);
    for (int activation = LSTM_ACTIVATION_LINEAR; activation <= LSTM_ACTIVATION_TANH; activation++) {
        const lstm_dense_config *config = LSTM_ARGS(lstm_dense_config, .activation = (lstm_activation)activation);
        lstm_context *portable = context_of(LSTM_ISA_PORTABLE);
        run_dense(portable, config, ROWS, first);
        lstm_context_destroy(portable);
        for (size_t isa = 1; isa < ISAS; isa++) {
            lstm_context *context = context_of(isas[isa]);
            if (!context)
                continue;
            run_dense(context, config, ROWS, other);
            ck_assert(same_bits(first, other, count));
            for (size_t k = 0; k < 3; k++) { /* but not the gradient, whose sums follow the portions */
                run_dense(context, config, portions[k], other);
                ck_assert(same_bits(first, other, of_rows));
            }
            lstm_context_destroy(context);
        }
    }
    free(first);
    free(other);
}
END_TEST

Suite *same_bits_suite(void)
{
    Suite *suite = test_suite(
        "same_bits",
        (const TTest *const[]){a_dense_layer_has_the_same_bits_on_every_instruction_set_and_in_any_batch, NULL});
    TCase *cells = tcase_create("cells");
    tcase_add_loop_test(cells, every_instruction_set_gives_the_same_bits, 0, (int)test_cell_kind_count);
    tcase_add_loop_test(cells, a_row_has_the_same_bits_alone_and_in_any_batch, 0, (int)test_cell_kind_count);
    tcase_add_loop_test(cells, the_cblas_agrees_to_rounding, 0, (int)test_cell_kind_count);
    suite_add_tcase(suite, cells);
    return suite;
}
