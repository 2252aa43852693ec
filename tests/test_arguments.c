/* Bad arguments: the documented status, words that name the argument, nothing written. Those of dense layers, losses,
 * optimizers, arrays and random numbers stand in the suites of their names, those of cells in test_cell_arguments.c. */
#include "platform.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INVALID LSTM_ERR_INVALID_ARGUMENT

static const size_t too_long = (size_t)INT32_MAX + 1;

START_TEST(destroying_null_does_nothing)
{
    lstm_context_destroy(NULL);
    lstm_params_destroy(NULL);
    lstm_cell_destroy(NULL);
    lstm_rnn_destroy(NULL);
    lstm_tape_destroy(NULL);
    lstm_dense_destroy(NULL);
    lstm_optimizer_destroy(NULL);
}
END_TEST

START_TEST(questions_about_null_have_an_answer)
{
    size_t count = 77;
    ck_assert_uint_eq(lstm_context_threads(NULL), 1);
    ck_assert_ptr_nonnull(lstm_context_isa_name(NULL));
    ck_assert_uint_eq(lstm_params_variable_count(NULL), 0);
    ck_assert_ptr_null(lstm_params_data(NULL, &count));
    ck_assert_ptr_null(lstm_params_edit(NULL, &count));
    ck_assert_ptr_null(lstm_params_data(NULL, NULL));
    ck_assert_ptr_null(lstm_params_edit(NULL, NULL));
    lstm_params_zero(NULL);
    ck_assert_uint_eq(lstm_rnn_input_size(NULL), 0);
    ck_assert_uint_eq(lstm_rnn_output_size(NULL), 0);
    ck_assert_uint_eq(lstm_rnn_state_count(NULL), 0);
    ck_assert_uint_eq(lstm_rnn_state_size(NULL, 0), 0);
    ck_assert_uint_eq(count, 77);
}
END_TEST

START_TEST(a_store_says_what_is_wrong)
{
    lstm_params *params;
    lstm_variable_info info = {.rank = 77};
    const size_t shape[2] = {2, 3};
    const lstm_initializer unknown = {.kind = (lstm_initializer_kind)-1};
    ck_ok(lstm_params_create(NULL, &params));
    ck_fails(lstm_params_create(NULL, NULL), INVALID, "params is NULL");
    ck_makes_nothing(lstm_params, lstm_params_create_like(NULL, &made), INVALID, "params is NULL");
    ck_makes_nothing(lstm_params, lstm_params_create_like(params, &made), LSTM_ERR_STATE, "params is open");
    ck_fails(lstm_params_create_like(params, NULL), INVALID, "zeros is NULL");
    ck_fails(lstm_params_declare(NULL, "v", 2, shape, NULL), INVALID, "params is NULL");
    ck_fails(lstm_params_declare(params, NULL, 2, shape, NULL), INVALID, "name is NULL");
    ck_fails(lstm_params_declare(params, "v", 2, NULL, NULL), INVALID, "shape is NULL");
    ck_fails(lstm_params_declare(params, "v", SIZE_MAX, shape, NULL), INVALID, "rank");
    ck_fails(lstm_params_declare(params, "v", 2, (const size_t[]){2, SIZE_MAX}, NULL), INVALID, "axis 1");
    ck_fails(lstm_params_declare(params, "v", 2, shape, &unknown), INVALID, "initializer");
    ck_fails(lstm_params_initialize(NULL, 1), INVALID, "params is NULL");
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    ck_ok(lstm_params_declare(params, "v", 2, shape, NULL));
    ck_fails(lstm_params_variable(NULL, 0, &info), INVALID, "params is NULL");
    ck_fails(lstm_params_variable(params, 0, NULL), INVALID, "info is NULL");
    ck_fails(lstm_params_variable(params, 1, &info), INVALID, "index is 1");
    ck_fails(lstm_params_variable(params, SIZE_MAX, &info), INVALID, "index");
    ck_fails(lstm_params_find(NULL, "v", &info), INVALID, "params is NULL");
    ck_fails(lstm_params_find(params, NULL, &info), INVALID, "name is NULL");
    ck_fails(lstm_params_find(params, "v", NULL), INVALID, "info is NULL");
    ck_fails(lstm_params_find(params, "w", &info), INVALID, "\"w\"");
    ck_fails(lstm_params_find(params, "", &info), INVALID, "\"\"");
    ck_assert_uint_eq(info.rank, 77);
    lstm_params_destroy(params);
}
END_TEST

/* A plan of an LSTM of 2 units on 3 inputs, with tapes for 2 rows of 3 steps, 5 steps at most. */
typedef struct plan {
    lstm_params *params, *grads, *twin, *other, *open;
    lstm_cell *cell;
    lstm_rnn *rnn, *open_rnn;
    lstm_tape *tape, *inference, *open_tape;
    float x[18], y[12], last[4], c[4], h[4], d_x[18], d_c[4], d_h[4];
    const float *state[2];
    float *final[2], *d_state[2];
    size_t lengths[2];
} plan;

static const lstm_tape_config tape_config = {
    .struct_size = sizeof tape_config, .max_batch = 2, .max_time = 3, .max_steps = 5};

static void set_up(plan *p)
{
    *p = (plan){.lengths = {3, 2}, .state = {p->x, p->x}, .final = {p->c, p->h}, .d_state = {p->d_c, p->d_h}};
    const size_t four = 4;
    ck_ok(lstm_params_create(NULL, &p->params));
    ck_ok(lstm_params_create(NULL, &p->other));
    ck_ok(lstm_params_create(NULL, &p->open));
    ck_ok(lstm_cell_create_lstm(NULL, 2, NULL, &p->cell));
    ck_ok(lstm_rnn_create(p->params, NULL, p->cell, 3, NULL, &p->rnn));
    ck_ok(lstm_rnn_create(p->open, NULL, p->cell, 3, NULL, &p->open_rnn));
    ck_ok(lstm_params_declare(p->other, "v", 1, &four, NULL));
    ck_ok(lstm_params_initialize(p->params, 1));
    ck_ok(lstm_params_initialize(p->other, 1));
    ck_ok(lstm_params_create_like(p->params, &p->grads));
    ck_ok(lstm_params_create_like(p->params, &p->twin));
    ck_ok(lstm_tape_create(p->rnn, &tape_config, &p->tape));
    ck_ok(lstm_tape_create(p->open_rnn, &tape_config, &p->open_tape));
    ck_ok(lstm_tape_create(p->rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 2, .max_time = 3, .inference = true),
                           &p->inference));
}

static void tear_down(plan *p)
{
    lstm_tape_destroy(p->tape);
    lstm_tape_destroy(p->open_tape);
    lstm_tape_destroy(p->inference);
    lstm_rnn_destroy(p->rnn);
    lstm_rnn_destroy(p->open_rnn);
    lstm_cell_destroy(p->cell);
    lstm_params_destroy(p->params);
    lstm_params_destroy(p->grads);
    lstm_params_destroy(p->twin);
    lstm_params_destroy(p->other);
    lstm_params_destroy(p->open);
}

START_TEST(a_plan_says_what_is_wrong)
{
    plan p;
    set_up(&p);
    const lstm_rnn_config unknown = {.struct_size = sizeof unknown, .layout = (lstm_layout)2}, empty = {0};
    const size_t before = lstm_params_variable_count(p.open);
    lstm_cell *huge;
    ck_ok(lstm_cell_create_gru(NULL, INT32_MAX, NULL, &huge));
    ck_fails(lstm_rnn_create(p.open, "a", p.cell, 3, NULL, NULL), INVALID, "rnn is NULL");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(NULL, "a", p.cell, 3, NULL, &made), INVALID, "params is NULL");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", NULL, 3, NULL, &made), INVALID, "cell is NULL");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "", p.cell, 3, NULL, &made), INVALID, "scope");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a/", p.cell, 3, NULL, &made), INVALID, "scope");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, 0, NULL, &made), INVALID, "input_size is 0");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, too_long, NULL, &made), INVALID, "input_size");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, SIZE_MAX, NULL, &made), INVALID, "input_size");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, 3, &unknown, &made), INVALID, "layout 2");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, 3, &empty, &made), INVALID, "struct_size");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", huge, 3, NULL, &made), INVALID, "axis 0");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, NULL, p.cell, 3, NULL, &made), LSTM_ERR_STATE, "taken");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.params, NULL, p.cell, 4, NULL, &made), LSTM_ERR_SHAPE, "kernel");
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.other, NULL, p.cell, 3, NULL, &made), LSTM_ERR_STATE, "kernel");
    ck_assert_uint_eq(lstm_params_variable_count(p.open), before);
    ck_assert_uint_eq(lstm_rnn_state_size(p.rnn, 1), 2);
    ck_assert_uint_eq(lstm_rnn_state_size(p.rnn, 2), 0);
    lstm_cell_destroy(huge);
    tear_down(&p);
}
END_TEST

/* The other two kinds of plan, beside p.cell, 2 wide, a cell 3 wide. */
START_TEST(a_bidirectional_plan_says_what_is_wrong)
{
    plan p;
    set_up(&p);
    const lstm_rnn_config sum = {.struct_size = sizeof sum, .merge = LSTM_MERGE_SUM};
    const lstm_rnn_config unknown = {.struct_size = sizeof unknown, .merge = (lstm_merge)2}, empty = {0};
    const size_t before = lstm_params_variable_count(p.open);
    lstm_cell *c = p.cell, *wide;
    ck_ok(lstm_cell_create_gru(NULL, 3, NULL, &wide));
#define REFUSES(params, scope, fw, bw, input, config, expected, words)                                                 \
    ck_makes_nothing(lstm_rnn, lstm_rnn_create_bidirectional(params, scope, fw, bw, input, config, &made), expected,   \
                     words)
    ck_fails(lstm_rnn_create_bidirectional(p.open, "a", c, c, 3, NULL, NULL), INVALID, "rnn is NULL");
    REFUSES(NULL, "a", c, c, 3, NULL, INVALID, "params is NULL");
    REFUSES(p.open, "a", NULL, c, 3, NULL, INVALID, "fw");
    REFUSES(p.open, "a", c, NULL, 3, NULL, INVALID, "bw");
    REFUSES(p.open, "/", c, c, 3, NULL, INVALID, "scope");
    REFUSES(p.open, "a", c, c, 0, NULL, INVALID, "input_size is 0");
    REFUSES(p.open, "a", c, c, too_long, NULL, INVALID, "input_size");
    REFUSES(p.open, "a", c, c, 3, &unknown, INVALID, "merge 2");
    REFUSES(p.open, "a", c, c, 3, &empty, INVALID, "struct_size");
    REFUSES(p.open, "a", c, wide, 3, &sum, LSTM_ERR_SHAPE, "2 and 3");
    REFUSES(p.params, NULL, c, c, 3, NULL, LSTM_ERR_STATE, "fw/lstm_cell/kernel");
#undef REFUSES
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", c, 3, &sum, &made), INVALID, "merge 1");
    ck_assert_uint_eq(lstm_params_variable_count(p.open), before);
    lstm_cell_destroy(wide);
    tear_down(&p);
}
END_TEST

START_TEST(a_stack_of_bidirectional_layers_says_what_is_wrong)
{
    plan p;
    set_up(&p);
    const lstm_rnn_config sum = {.struct_size = sizeof sum, .merge = LSTM_MERGE_SUM}, empty = {0};
    const size_t before = lstm_params_variable_count(p.open);
    lstm_cell *other, *wide;
    ck_ok(lstm_cell_create_lstm(NULL, 2, NULL, &other));
    ck_ok(lstm_cell_create_gru(NULL, 3, NULL, &wide));
    lstm_cell *const fw[2] = {p.cell, other}, *const hole[2] = {p.cell, NULL}, *const uneven[2] = {p.cell, wide};
    lstm_cell *const again[2] = {p.cell, p.cell};
#define REFUSES(params, fw, bw, count, input, config, expected, words)                                                 \
    ck_makes_nothing(lstm_rnn, lstm_rnn_create_stack_bidirectional(params, "a", fw, bw, count, input, config, &made),  \
                     expected, words)
    ck_fails(lstm_rnn_create_stack_bidirectional(p.open, "a", fw, fw, 2, 3, NULL, NULL), INVALID, "rnn is NULL");
    REFUSES(NULL, fw, fw, 2, 3, NULL, INVALID, "params is NULL");
    REFUSES(p.open, NULL, fw, 2, 3, NULL, INVALID, "fw is NULL");
    REFUSES(p.open, fw, NULL, 2, 3, NULL, INVALID, "bw is NULL");
    REFUSES(p.open, hole, fw, 2, 3, NULL, INVALID, "fw of layer 1 is NULL");
    REFUSES(p.open, fw, hole, 2, 3, NULL, INVALID, "bw of layer 1 is NULL");
    REFUSES(p.open, fw, fw, 0, 3, NULL, INVALID, "count is 0");
    REFUSES(p.open, fw, fw, SIZE_MAX, 3, NULL, INVALID, "count");
    REFUSES(p.open, fw, fw, 2, 0, NULL, INVALID, "input_size is 0");
    REFUSES(p.open, fw, fw, 2, 3, &empty, INVALID, "struct_size");
    REFUSES(p.open, fw, uneven, 2, 3, &sum, LSTM_ERR_SHAPE, "2 and 3");
    REFUSES(p.open, again, fw, 2, 3, NULL, LSTM_ERR_SHAPE, "two shapes"); /* 3 wide below, 4 wide above */
    ck_assert_uint_eq(lstm_params_variable_count(p.open), before);
#undef REFUSES
    lstm_cell_destroy(other);
    lstm_cell_destroy(wide);
    tear_down(&p);
}
END_TEST

static void check_tape(const plan *p, const lstm_tape_config *config, lstm_status expected, const char *words)
{
    size_t bytes = 77, alignment = 78;
    ck_makes_nothing(lstm_tape, lstm_tape_create(p->rnn, config, &made), expected, words);
    ck_fails(lstm_tape_size(p->rnn, config, &bytes, &alignment), expected, words);
    ck_assert(bytes == 77 && alignment == 78);
}

START_TEST(a_tape_says_what_is_wrong)
{
    plan p;
    set_up(&p);
    const lstm_status overflow = LSTM_ERR_OUT_OF_MEMORY;
    const size_t half = SIZE_MAX / 2 + 1;
    size_t bytes = 77;
    const lstm_tape_config empty = {0};
    ck_fails(lstm_tape_create(p.rnn, &tape_config, NULL), INVALID, "tape is NULL");
    ck_makes_nothing(lstm_tape, lstm_tape_create(NULL, &tape_config, &made), INVALID, "rnn is NULL");
    ck_fails(lstm_tape_size(p.rnn, &tape_config, NULL, NULL), INVALID, "bytes is NULL");
    ck_fails(lstm_tape_size(NULL, &tape_config, &bytes, NULL), INVALID, "rnn is NULL");
    check_tape(&p, NULL, INVALID, "config is NULL");
    check_tape(&p, &empty, INVALID, "struct_size");
    for (int inference = 0; inference < 2; inference++) {
        lstm_tape_config c = {.struct_size = sizeof c, .max_batch = half, .max_time = 2, .inference = inference};
        check_tape(&p, &c, overflow, "memory");
        c.max_batch = SIZE_MAX;
        c.max_time = 0;
        check_tape(&p, &c, overflow, "memory");
        c.max_batch = 0;
        c.max_time = SIZE_MAX;
        check_tape(&p, &c, overflow, "memory");
        c.max_batch = 1;
        c.max_time = SIZE_MAX / 2 / sizeof(size_t); /* several arrays of so many sizes */
        check_tape(&p, &c, overflow, "memory");
    }
    ck_assert_uint_eq(bytes, 77);
    tear_down(&p);
}
END_TEST

START_TEST(memory_given_to_a_tape_must_be_enough_and_aligned)
{
    plan p;
    set_up(&p);
    size_t bytes, alignment;
    ck_ok(lstm_tape_size(p.rnn, &tape_config, &bytes, &alignment));
    void *memory = lstm__platform_allocate(bytes + alignment, alignment);
    ck_assert_ptr_nonnull(memory);
    lstm_tape_config c = tape_config;
    c.memory = memory;
    c.memory_size = bytes - 1;
    ck_makes_nothing(lstm_tape, lstm_tape_create(p.rnn, &c, &made), LSTM_ERR_CAPACITY, "memory_size");
    c.memory_size = 0;
    ck_makes_nothing(lstm_tape, lstm_tape_create(p.rnn, &c, &made), LSTM_ERR_CAPACITY, "memory_size is 0");
    c.memory_size = bytes;
    c.memory = (char *)memory + alignment / 2;
    ck_makes_nothing(lstm_tape, lstm_tape_create(p.rnn, &c, &made), INVALID, "aligned");
    c.memory = memory;
    lstm_tape *tape;
    ck_ok(lstm_tape_create(p.rnn, &c, &tape));
    lstm_tape_destroy(tape);
    lstm__platform_release(memory);
    tear_down(&p);
}
END_TEST

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)self;
    return lstm_cell_spec_output(spec, input_size);
}

static void step(const void *self, const lstm_step *s)
{
    (void)self;
    (void)s;
}

START_TEST(a_cell_without_backward_gets_no_tape_for_training)
{
    lstm_params *params;
    lstm_cell *cell;
    plan p = {0};
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_cell_create_custom(NULL, LSTM_ARGS(lstm_cell_ops, .declare = declare, .step = step), NULL, &cell));
    ck_ok(lstm_rnn_create(params, NULL, cell, 2, NULL, &p.rnn));
    check_tape(&p, &tape_config, LSTM_ERR_UNSUPPORTED, "step_backward");
    ck_ok(lstm_tape_create(p.rnn, LSTM_ARGS(lstm_tape_config, .inference = true), &p.tape));
    lstm_tape_destroy(p.tape);
    lstm_rnn_destroy(p.rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}
END_TEST

static void fill(float *values, size_t count)
{
    for (size_t k = 0; k < count; k++)
        values[k] = 55.0f;
}

static void expect_filled(const float *values, size_t count)
{
    for (size_t k = 0; k < count; k++)
        ck_assert_float_eq(values[k], 55.0f);
}

static lstm_dynamic_rnn_args good_args(plan *p)
{
    fill(p->y, 12);
    fill(p->last, 4);
    fill(p->c, 4);
    fill(p->h, 4);
    return (lstm_dynamic_rnn_args){.struct_size = sizeof(lstm_dynamic_rnn_args),
                                   .batch = 2,
                                   .time = 3,
                                   .inputs = p->x,
                                   .sequence_length = p->lengths,
                                   .initial_state = p->state,
                                   .outputs = p->y,
                                   .last_output = p->last,
                                   .final_state = p->final};
}

static void refuses(plan *p, lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_args *args,
                    lstm_status expected, const char *words)
{
    ck_fails(lstm_dynamic_rnn(tape, params, args), expected, words);
    expect_filled(p->y, 12);
    expect_filled(p->last, 4);
    expect_filled(p->c, 4);
    expect_filled(p->h, 4);
}

START_TEST(a_forward_call_says_what_is_wrong_and_writes_nothing)
{
    plan p;
    set_up(&p);
    const size_t long_row[2] = {2, 4}, three[3] = {1, 1, 1};
    const float *const half_a_state[2] = {p.x, NULL};
    lstm_dynamic_rnn_args a = good_args(&p);
    refuses(&p, NULL, p.params, &a, INVALID, "tape is NULL");
    refuses(&p, p.tape, NULL, &a, INVALID, "params is NULL");
    refuses(&p, p.tape, p.params, NULL, INVALID, "args is NULL");
    refuses(&p, p.tape, p.other, &a, LSTM_ERR_SHAPE, "params");
    refuses(&p, p.open_tape, p.open, &a, LSTM_ERR_STATE, "params is open");
#define REFUSES(field, value, expected, words)                                                                         \
    do {                                                                                                               \
        a = good_args(&p);                                                                                             \
        a.field = (value);                                                                                             \
        refuses(&p, p.tape, p.params, &a, expected, words);                                                            \
    } while (0)
    REFUSES(struct_size, 0, INVALID, "struct_size");
    REFUSES(inputs, NULL, INVALID, "inputs is NULL");
    REFUSES(sequence_length, long_row, INVALID, "sequence_length[1] is 4");
    REFUSES(sequence_length, NULL, LSTM_ERR_CAPACITY, "lengths"); /* six steps */
    REFUSES(initial_state, half_a_state, INVALID, "initial_state[1] is NULL");
    REFUSES(time, 4, LSTM_ERR_CAPACITY, "time 4");
    REFUSES(time, SIZE_MAX, LSTM_ERR_CAPACITY, "time");
    REFUSES(batch, SIZE_MAX, LSTM_ERR_CAPACITY, "batch");
    a = good_args(&p);
    a.batch = 3;
    a.sequence_length = three;
    refuses(&p, p.tape, p.params, &a, LSTM_ERR_CAPACITY, "batch 3");
    a = good_args(&p);
    ck_ok(lstm_dynamic_rnn(p.tape, p.params, &a));
    ck_assert_float_ne(p.y[0], 55.0f);
    tear_down(&p);
}
END_TEST

static lstm_dynamic_rnn_grads good_grads(plan *p)
{
    fill(p->d_x, 18);
    fill(p->d_c, 4);
    fill(p->d_h, 4);
    fill(lstm_params_edit(p->grads, NULL), 48);
    return (lstm_dynamic_rnn_grads){.struct_size = sizeof(lstm_dynamic_rnn_grads),
                                    .d_last_output = p->x,
                                    .d_params = p->grads,
                                    .d_inputs = p->d_x,
                                    .d_initial_state = p->d_state};
}

static void refuses_back(plan *p, lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_grads *grads,
                         lstm_status expected, const char *words)
{
    ck_fails(lstm_dynamic_rnn_backward(tape, params, grads), expected, words);
    expect_filled(p->d_x, 18);
    expect_filled(p->d_c, 4);
    expect_filled(p->d_h, 4);
    expect_filled(lstm_params_data(p->grads, NULL), 48);
}

START_TEST(a_backward_call_says_what_is_wrong_and_writes_nothing)
{
    plan p;
    set_up(&p);
    const lstm_dynamic_rnn_args a = good_args(&p);
    lstm_dynamic_rnn_grads g = good_grads(&p);
    refuses_back(&p, p.tape, p.params, &g, LSTM_ERR_STATE, "no forward call");
    ck_ok(lstm_dynamic_rnn(p.inference, p.params, &a));
    refuses_back(&p, p.inference, p.params, &g, LSTM_ERR_STATE, "inference");
    ck_ok(lstm_dynamic_rnn(p.tape, p.params, &a));
    refuses_back(&p, NULL, p.params, &g, INVALID, "tape is NULL");
    refuses_back(&p, p.tape, NULL, &g, INVALID, "params is NULL");
    refuses_back(&p, p.tape, p.params, NULL, INVALID, "grads is NULL");
    refuses_back(&p, p.tape, p.other, &g, LSTM_ERR_SHAPE, "params");
    refuses_back(&p, p.tape, p.twin, &g, LSTM_ERR_STATE, "params");
    g.struct_size = 1;
    refuses_back(&p, p.tape, p.params, &g, INVALID, "struct_size");
    g = good_grads(&p);
    g.d_params = p.other;
    refuses_back(&p, p.tape, p.params, &g, LSTM_ERR_SHAPE, "d_params");
    g.d_params = p.params;
    refuses_back(&p, p.tape, p.params, &g, INVALID, "same store");
    lstm_dynamic_rnn_args wrong = a;
    wrong.inputs = NULL;
    ck_fails(lstm_dynamic_rnn(p.tape, p.params, &wrong), INVALID, "inputs"); /* leaves the call before it standing */
    g = good_grads(&p);
    ck_ok(lstm_dynamic_rnn_backward(p.tape, p.params, &g));
    ck_assert_float_ne(p.d_x[0], 55.0f);
    g = good_grads(&p);
    refuses_back(&p, p.tape, p.params, &g, LSTM_ERR_STATE, "one backward");
    ck_ok(lstm_dynamic_rnn(p.tape, p.params, &a));
    lstm_params_edit(p.params, NULL);
    refuses_back(&p, p.tape, p.params, &g, LSTM_ERR_STATE, "params");
    tear_down(&p);
}
END_TEST

Suite *arguments_suite(void)
{
    return test_suite("arguments",
                      (const TTest *const[]){
                          destroying_null_does_nothing, questions_about_null_have_an_answer, a_store_says_what_is_wrong,
                          a_plan_says_what_is_wrong, a_bidirectional_plan_says_what_is_wrong,
                          a_stack_of_bidirectional_layers_says_what_is_wrong, a_tape_says_what_is_wrong,
                          memory_given_to_a_tape_must_be_enough_and_aligned,
                          a_cell_without_backward_gets_no_tape_for_training,
                          a_forward_call_says_what_is_wrong_and_writes_nothing,
                          a_backward_call_says_what_is_wrong_and_writes_nothing, NULL});
}
