/* Bad arguments: the documented status, words that name the argument, nothing written. Those of dense layers, losses,
 * optimizers, arrays and random numbers stand in the suites of their names. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INVALID LSTM_ERR_INVALID_ARGUMENT

static const size_t too_long = (size_t)INT32_MAX + 1;
static char mark; /* its address stands for whatever was in a handle */

/* A create function, called with &made, fails and leaves the handle as it was. */
#define makes_nothing(type, call, expected, words)                                                                     \
    do {                                                                                                               \
        type *made = (type *)(void *)&mark;                                                                            \
        ck_fails(call, expected, words);                                                                               \
        ck_assert_ptr_eq((void *)made, (void *)&mark);                                                                 \
    } while (0)

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
    makes_nothing(lstm_params, lstm_params_create_like(NULL, &made), INVALID, "params is NULL");
    makes_nothing(lstm_params, lstm_params_create_like(params, &made), LSTM_ERR_STATE, "params is open");
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

/* The four cells by one signature; every config begins with struct_size and holds an activation. */
static lstm_status cell_of(size_t kind, size_t units, const size_t *size, int activation, lstm_cell **cell)
{
    const lstm_activation act = (lstm_activation)activation;
    const lstm_basic_rnn_config rnn = {size ? *size : sizeof rnn, act};
    const lstm_basic_lstm_config basic = {size ? *size : sizeof basic, {0}, act};
    const lstm_lstm_config lstm = {size ? *size : sizeof lstm, {0}, act};
    const lstm_gru_config gru = {size ? *size : sizeof gru, act};
    switch (kind) {
    case 0: return lstm_cell_create_basic_rnn(NULL, units, &rnn, cell);
    case 1: return lstm_cell_create_basic_lstm(NULL, units, &basic, cell);
    case 2: return lstm_cell_create_lstm(NULL, units, &lstm, cell);
    default: return lstm_cell_create_gru(NULL, units, &gru, cell);
    }
}

START_TEST(every_cell_says_what_is_wrong)
{
    const size_t no_size = 3;
    const int wrong[] = {LSTM_ACTIVATION_SOFTMAX, 6, 99, -1};
    for (size_t kind = 0; kind < 4; kind++) {
        makes_nothing(lstm_cell, cell_of(kind, 0, NULL, 0, &made), INVALID, "num_units is 0");
        makes_nothing(lstm_cell, cell_of(kind, too_long, NULL, 0, &made), INVALID, "num_units");
        makes_nothing(lstm_cell, cell_of(kind, SIZE_MAX, NULL, 0, &made), INVALID, "num_units");
        makes_nothing(lstm_cell, cell_of(kind, 2, &no_size, 0, &made), INVALID, "struct_size");
        for (size_t k = 0; k < 4; k++)
            makes_nothing(lstm_cell, cell_of(kind, 2, NULL, wrong[k], &made), INVALID, "activation");
        ck_fails(cell_of(kind, 2, NULL, 0, NULL), INVALID, "cell is NULL");
    }
}
END_TEST

START_TEST(a_forget_bias_is_a_finite_number)
{
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 3; k++) {
        const lstm_optional bias = LSTM_VALUE(wrong[k]);
        const lstm_basic_lstm_config *basic = LSTM_ARGS(lstm_basic_lstm_config, .forget_bias = bias);
        const lstm_lstm_config *lstm = LSTM_ARGS(lstm_lstm_config, .forget_bias = bias);
        makes_nothing(lstm_cell, lstm_cell_create_basic_lstm(NULL, 2, basic, &made), INVALID, "forget_bias");
        makes_nothing(lstm_cell, lstm_cell_create_lstm(NULL, 2, lstm, &made), INVALID, "forget_bias");
    }
}
END_TEST

/* A custom cell whose declare makes one mistake, the one that self names, and does not care. */

typedef enum mistake {
    NONE,
    NO_STATE_WIDTH,
    NO_OUTPUT_WIDTH,
    TWO_OUTPUTS,
    OUTPUT_AND_STATE,
    NO_SUCH_LEAF,
    NO_OUTPUT,
    NO_NAME,
    NO_RANK,
    HIGH_RANK,
    LONG_AXIS,
    NO_INITIALIZER,
    TWICE_THE_NAME,
    NULLS,
    MISTAKES
} mistake;

static void make_mistake(mistake which, lstm_cell_spec *spec)
{
    const size_t shape[4] = {2, 2, 2, 2}, long_axis[2] = {2, too_long};
    const lstm_initializer unknown = {.kind = (lstm_initializer_kind)9};
    switch (which) {
    case NO_STATE_WIDTH: lstm_cell_spec_state(spec, 0); break;
    case NO_OUTPUT_WIDTH: lstm_cell_spec_output(spec, 0); break;
    case TWO_OUTPUTS: lstm_cell_spec_output(spec, 3); break;
    case OUTPUT_AND_STATE: lstm_cell_spec_output_state(spec, 0); break;
    case NO_SUCH_LEAF: lstm_cell_spec_output_state(spec, 1); break;
    case NO_NAME: lstm_cell_spec_variable(spec, "a//b", 1, shape, NULL, NULL); break;
    case NO_RANK: lstm_cell_spec_variable(spec, "v", 0, shape, NULL, NULL); break;
    case HIGH_RANK: lstm_cell_spec_variable(spec, "v", 5, shape, NULL, NULL); break;
    case LONG_AXIS: lstm_cell_spec_variable(spec, "v", 2, long_axis, NULL, NULL); break;
    case NO_INITIALIZER: lstm_cell_spec_variable(spec, "v", 1, shape, &unknown, NULL); break;
    case TWICE_THE_NAME:
        lstm_cell_spec_variable(spec, "v", 1, shape, NULL, NULL);
        lstm_cell_spec_variable(spec, "v", 1, shape, NULL, NULL);
        break;
    default: break;
    }
}

static void check_nulls(lstm_cell_spec *spec)
{
    const size_t shape = 2;
    size_t index = 77;
    ck_fails(lstm_cell_spec_state(NULL, 2), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_output(NULL, 2), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_output_state(NULL, 0), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_memory(NULL, 1, 1), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_variable(NULL, "v", 1, &shape, NULL, &index), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_variable(spec, NULL, 1, &shape, NULL, &index), INVALID, "name is NULL");
    ck_fails(lstm_cell_spec_variable(spec, "v", 1, NULL, NULL, &index), INVALID, "shape is NULL");
    ck_assert_uint_eq(index, 77);
}

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const mistake which = *(const mistake *)self;
    (void)input_size;
    ck_ok(lstm_cell_spec_state(spec, 2));
    if (which == NULLS)
        check_nulls(spec);
    if (which == NO_OUTPUT)
        return LSTM_OK;
    if (which == NO_SUCH_LEAF || which == NO_OUTPUT_WIDTH)
        make_mistake(which, spec);
    ck_ok(lstm_cell_spec_output(spec, 2));
    if (which != NO_SUCH_LEAF && which != NO_OUTPUT_WIDTH)
        make_mistake(which, spec);
    return LSTM_OK;
}

static void step(const void *self, const lstm_step *s)
{
    (void)self;
    (void)s;
}

static size_t destroyed;

static void count_destroyed(void *self)
{
    (void)self;
    destroyed++;
}

START_TEST(a_custom_cell_says_what_is_wrong_and_does_not_take_self)
{
    lstm_cell_ops ops = {.struct_size = sizeof ops, .declare = declare, .step = step, .destroy = count_destroyed};
    const char *const wrong[] = {"/", "a/", "a//b", "\n"};
    ck_fails(lstm_cell_create_custom(NULL, &ops, NULL, NULL), INVALID, "cell is NULL");
    makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, NULL, NULL, &made), INVALID, "ops is NULL");
    for (size_t k = 0; k < 4; k++) {
        ops.name = wrong[k];
        makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, &ops, NULL, &made), INVALID, "name a cell");
    }
    ops.name = "";
    ops.step = NULL;
    makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, &ops, NULL, &made), INVALID, "ops->step is NULL");
    ops.step = step;
    ops.declare = NULL;
    makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, &ops, NULL, &made), INVALID, "ops->declare is NULL");
    ops.struct_size = 0;
    makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, &ops, NULL, &made), INVALID, "struct_size");
    ck_assert_uint_eq(destroyed, 0);
}
END_TEST

START_TEST(a_mistake_in_declare_reaches_whoever_creates_the_plan)
{
    static const struct {
        lstm_status status;
        const char *words;
    } expected[MISTAKES] = {[NO_STATE_WIDTH] = {INVALID, "width is 0"},
                            [NO_OUTPUT_WIDTH] = {INVALID, "width is 0"},
                            [TWO_OUTPUTS] = {LSTM_ERR_STATE, "output"},
                            [OUTPUT_AND_STATE] = {LSTM_ERR_STATE, "output"},
                            [NO_SUCH_LEAF] = {INVALID, "leaf is 1"},
                            [NO_OUTPUT] = {INVALID, "output"},
                            [NO_NAME] = {INVALID, "a//b"},
                            [NO_RANK] = {INVALID, "rank 0"},
                            [HIGH_RANK] = {INVALID, "rank 5"},
                            [LONG_AXIS] = {INVALID, "axis 1"},
                            [NO_INITIALIZER] = {INVALID, "initializer"},
                            [TWICE_THE_NAME] = {LSTM_ERR_STATE, "taken"}};
    for (mistake which = NONE; which < MISTAKES; which++) {
        lstm_params *params;
        lstm_cell *cell;
        ck_ok(lstm_params_create(NULL, &params));
        ck_ok(lstm_cell_create_custom(NULL, LSTM_ARGS(lstm_cell_ops, .declare = declare, .step = step), &which, &cell));
        if (which == NONE || which == NULLS) {
            lstm_rnn *rnn;
            ck_ok(lstm_rnn_create(params, NULL, cell, 2, NULL, &rnn));
            lstm_rnn_destroy(rnn);
        } else {
            makes_nothing(lstm_rnn, lstm_rnn_create(params, NULL, cell, 2, NULL, &made), expected[which].status,
                          expected[which].words);
            ck_assert_uint_eq(lstm_params_variable_count(params), 0);
        }
        lstm_cell_destroy(cell);
        lstm_params_destroy(params);
    }
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
    makes_nothing(lstm_rnn, lstm_rnn_create(NULL, "a", p.cell, 3, NULL, &made), INVALID, "params is NULL");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", NULL, 3, NULL, &made), INVALID, "cell is NULL");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "", p.cell, 3, NULL, &made), INVALID, "scope");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a/", p.cell, 3, NULL, &made), INVALID, "scope");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, 0, NULL, &made), INVALID, "input_size is 0");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, too_long, NULL, &made), INVALID, "input_size");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, SIZE_MAX, NULL, &made), INVALID, "input_size");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, 3, &unknown, &made), INVALID, "layout 2");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", p.cell, 3, &empty, &made), INVALID, "struct_size");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, "a", huge, 3, NULL, &made), INVALID, "axis 0");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.open, NULL, p.cell, 3, NULL, &made), LSTM_ERR_STATE, "taken");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.params, NULL, p.cell, 4, NULL, &made), LSTM_ERR_SHAPE, "kernel");
    makes_nothing(lstm_rnn, lstm_rnn_create(p.other, NULL, p.cell, 3, NULL, &made), LSTM_ERR_STATE, "kernel");
    ck_assert_uint_eq(lstm_params_variable_count(p.open), before);
    ck_assert_uint_eq(lstm_rnn_state_size(p.rnn, 1), 2);
    ck_assert_uint_eq(lstm_rnn_state_size(p.rnn, 2), 0);
    lstm_cell_destroy(huge);
    tear_down(&p);
}
END_TEST

static void check_tape(const plan *p, const lstm_tape_config *config, lstm_status expected, const char *words)
{
    size_t bytes = 77, alignment = 78;
    makes_nothing(lstm_tape, lstm_tape_create(p->rnn, config, &made), expected, words);
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
    makes_nothing(lstm_tape, lstm_tape_create(NULL, &tape_config, &made), INVALID, "rnn is NULL");
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
        c.max_time = SIZE_MAX / 16;
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
    void *memory = NULL;
    ck_assert_int_eq(posix_memalign(&memory, alignment, bytes + alignment), 0);
    lstm_tape_config c = tape_config;
    c.memory = memory;
    c.memory_size = bytes - 1;
    makes_nothing(lstm_tape, lstm_tape_create(p.rnn, &c, &made), LSTM_ERR_CAPACITY, "memory_size");
    c.memory_size = 0;
    makes_nothing(lstm_tape, lstm_tape_create(p.rnn, &c, &made), LSTM_ERR_CAPACITY, "memory_size is 0");
    c.memory_size = bytes;
    c.memory = (char *)memory + alignment / 2;
    makes_nothing(lstm_tape, lstm_tape_create(p.rnn, &c, &made), INVALID, "aligned");
    c.memory = memory;
    lstm_tape *tape;
    ck_ok(lstm_tape_create(p.rnn, &c, &tape));
    lstm_tape_destroy(tape);
    free(memory);
    tear_down(&p);
}
END_TEST

START_TEST(a_cell_without_backward_gets_no_tape_for_training)
{
    const mistake none = NONE;
    lstm_params *params;
    lstm_cell *cell;
    plan p = {0};
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_cell_create_custom(NULL, LSTM_ARGS(lstm_cell_ops, .declare = declare, .step = step),
                                  (void *)(uintptr_t)&none, &cell));
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
    refuses_back(&p, p.tape, p.params, &g, LSTM_ERR_STATE, "no lstm_dynamic_rnn");
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
                          every_cell_says_what_is_wrong, a_forget_bias_is_a_finite_number,
                          a_custom_cell_says_what_is_wrong_and_does_not_take_self,
                          a_mistake_in_declare_reaches_whoever_creates_the_plan, a_plan_says_what_is_wrong,
                          a_tape_says_what_is_wrong, memory_given_to_a_tape_must_be_enough_and_aligned,
                          a_cell_without_backward_gets_no_tape_for_training,
                          a_forward_call_says_what_is_wrong_and_writes_nothing,
                          a_backward_call_says_what_is_wrong_and_writes_nothing, NULL});
}
