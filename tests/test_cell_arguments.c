/* Bad arguments to what creates a cell, and in what a cell declares: the documented status, words that name the argument,
 * nothing made. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INVALID LSTM_ERR_INVALID_ARGUMENT

static const size_t too_long = (size_t)INT32_MAX + 1;

/* What the configs of all cells with an activation have in common. */
typedef struct options {
    const size_t *size; /* NULL: the right struct_size */
    lstm_activation activation;
    lstm_function function;
    lstm_optional forget_bias;
} options;

enum { CELLS = 7, LSTMS = 4 }; /* those with a forget bias come first */

/* The cells with an activation by one signature. */
static lstm_status cell_of(size_t kind, size_t units, const options *o, lstm_cell **cell)
{
#define CONFIG(type, ...)                                                                                              \
    &(type)                                                                                                            \
    {                                                                                                                  \
        .struct_size = o->size ? *o->size : sizeof(type), .activation = o->activation, .function = o->function,        \
        __VA_ARGS__                                                                                                    \
    }
#define LSTM_CONFIG(type) CONFIG(type, .forget_bias = o->forget_bias)
    switch (kind) {
    case 0: return lstm_cell_create_basic_lstm(NULL, units, LSTM_CONFIG(lstm_basic_lstm_config), cell);
    case 1: return lstm_cell_create_lstm(NULL, units, LSTM_CONFIG(lstm_lstm_config), cell);
    case 2: return lstm_cell_create_coupled_input_forget_lstm(NULL, units, LSTM_CONFIG(lstm_basic_lstm_config), cell);
    case 3:
        return lstm_cell_create_layer_norm_basic_lstm(NULL, units, LSTM_CONFIG(lstm_layer_norm_basic_lstm_config),
                                                      cell);
    case 4: return lstm_cell_create_basic_rnn(NULL, units, CONFIG(lstm_basic_rnn_config, ), cell);
    case 5: return lstm_cell_create_gru(NULL, units, CONFIG(lstm_gru_config, ), cell);
    default: return lstm_cell_create_cudnn_compatible_gru(NULL, units, CONFIG(lstm_gru_config, ), cell);
    }
#undef LSTM_CONFIG
#undef CONFIG
}

static void function(void *user, size_t count, const float *x, float *y)
{
    (void)user;
    memcpy(y, x, count * sizeof *y);
}

START_TEST(every_cell_says_what_is_wrong)
{
    const size_t no_size = 3;
    const int wrong[] = {LSTM_ACTIVATION_SOFTMAX, LSTM_ACTIVATION_CUSTOM + 1, 99, -1};
    const options good = {.size = NULL}, sized = {.size = &no_size};
    for (size_t kind = 0; kind < CELLS; kind++) {
        ck_makes_nothing(lstm_cell, cell_of(kind, 0, &good, &made), INVALID, "num_units is 0");
        ck_makes_nothing(lstm_cell, cell_of(kind, too_long, &good, &made), INVALID, "num_units");
        ck_makes_nothing(lstm_cell, cell_of(kind, SIZE_MAX, &good, &made), INVALID, "num_units");
        ck_makes_nothing(lstm_cell, cell_of(kind, 2, &sized, &made), INVALID, "struct_size");
        for (size_t k = 0; k < 4; k++) {
            const options o = {.activation = (lstm_activation)wrong[k]};
            ck_makes_nothing(lstm_cell, cell_of(kind, 2, &o, &made), INVALID, "activation");
        }
        ck_fails(cell_of(kind, 2, &good, NULL), INVALID, "cell is NULL");
    }
}
END_TEST

START_TEST(a_custom_activation_needs_its_value_and_its_derivative)
{
    for (size_t kind = 0; kind < CELLS; kind++) {
        options o = {.activation = LSTM_ACTIVATION_CUSTOM};
        ck_makes_nothing(lstm_cell, cell_of(kind, 2, &o, &made), INVALID, "function.value is NULL");
        o.function.value = function;
        ck_makes_nothing(lstm_cell, cell_of(kind, 2, &o, &made), INVALID, "function.derivative is NULL");
        o.function.derivative = function;
        lstm_cell *cell;
        ck_ok(cell_of(kind, 2, &o, &cell));
        lstm_cell_destroy(cell);
    }
}
END_TEST

START_TEST(a_forget_bias_is_a_finite_number)
{
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t kind = 0; kind < LSTMS; kind++)
        for (size_t k = 0; k < 3; k++) {
            const options o = {.forget_bias = LSTM_VALUE(wrong[k])};
            ck_makes_nothing(lstm_cell, cell_of(kind, 2, &o, &made), INVALID, "forget_bias");
        }
}
END_TEST

START_TEST(clips_are_finite_and_not_negative_and_a_projection_has_a_width)
{
    const float wrong[] = {-1.0f, -1e-30f, NAN, INFINITY};
    for (size_t k = 0; k < 4; k++) {
        ck_makes_nothing(lstm_cell,
                         lstm_cell_create_lstm(NULL, 2, LSTM_ARGS(lstm_lstm_config, .cell_clip = wrong[k]), &made),
                         INVALID, "cell_clip");
        ck_makes_nothing(lstm_cell,
                         lstm_cell_create_lstm(NULL, 2, LSTM_ARGS(lstm_lstm_config, .proj_clip = wrong[k]), &made),
                         INVALID, "proj_clip");
    }
    ck_makes_nothing(lstm_cell,
                     lstm_cell_create_lstm(NULL, 2, LSTM_ARGS(lstm_lstm_config, .num_proj = too_long), &made), INVALID,
                     "2147483648, expected 1 to 2^31 - 1");
}
END_TEST

/* A keep of 0 is the default, 1. */
static const float not_a_keep[] = {-0.5f, -1e-30f, 1.0001f, NAN, INFINITY};
enum { NO_KEEPS = sizeof not_a_keep / sizeof not_a_keep[0] };

START_TEST(a_layer_norm_lstm_keeps_a_share_above_0_and_at_most_1_and_has_finite_norms)
{
    const lstm_layer_norm_basic_lstm_config gain = {.struct_size = sizeof gain, .norm_gain = LSTM_VALUE(NAN)};
    const lstm_layer_norm_basic_lstm_config shift = {.struct_size = sizeof shift, .norm_shift = INFINITY};
    ck_makes_nothing(lstm_cell, lstm_cell_create_layer_norm_basic_lstm(NULL, 2, &gain, &made), INVALID, "norm_gain");
    ck_makes_nothing(lstm_cell, lstm_cell_create_layer_norm_basic_lstm(NULL, 2, &shift, &made), INVALID, "norm_shift");
    for (size_t k = 0; k < NO_KEEPS; k++)
        ck_makes_nothing(
            lstm_cell,
            lstm_cell_create_layer_norm_basic_lstm(
                NULL, 2, LSTM_ARGS(lstm_layer_norm_basic_lstm_config, .dropout_keep_prob = not_a_keep[k]), &made),
            INVALID, "dropout_keep_prob");
}
END_TEST

static lstm_cell *inner_cell(void)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_gru(NULL, 3, NULL, &cell));
    return cell;
}

START_TEST(dropout_says_what_is_wrong)
{
    lstm_cell *inner = inner_cell();
    const lstm_dropout_config empty = {0};
    const float not_zoneout[] = {-0.5f, 1.0f, 1.5f, NAN, INFINITY};
#define REFUSES(words, ...)                                                                                            \
    ck_makes_nothing(lstm_cell,                                                                                        \
                     lstm_cell_create_dropout(NULL, inner, LSTM_ARGS(lstm_dropout_config, __VA_ARGS__), &made),        \
                     INVALID, words)
    for (size_t k = 0; k < NO_KEEPS; k++) {
        REFUSES("input_keep_prob", .input_keep_prob = not_a_keep[k]);
        REFUSES("output_keep_prob", .output_keep_prob = not_a_keep[k]);
        REFUSES("state_keep_prob", .state_keep_prob = not_a_keep[k]);
    }
    for (size_t k = 0; k < 5; k++)
        REFUSES("zoneout", .zoneout = not_zoneout[k]);
    REFUSES("exclude", .zoneout = 0.5f, .state_keep_prob = 0.5f);
#undef REFUSES
    ck_makes_nothing(lstm_cell, lstm_cell_create_dropout(NULL, NULL, NULL, &made), INVALID, "inner is NULL");
    ck_makes_nothing(lstm_cell, lstm_cell_create_dropout(NULL, inner, &empty, &made), INVALID, "struct_size");
    ck_fails(lstm_cell_create_dropout(NULL, inner, NULL, NULL), INVALID, "cell is NULL");
    lstm_cell_destroy(inner);
}
END_TEST

START_TEST(a_multi_rnn_says_what_is_wrong)
{
    lstm_cell *inner = inner_cell(), *const cells[3] = {inner, NULL, inner};
    ck_makes_nothing(lstm_cell, lstm_cell_create_multi_rnn(NULL, NULL, 1, &made), INVALID, "cells is NULL");
    ck_makes_nothing(lstm_cell, lstm_cell_create_multi_rnn(NULL, cells, 0, &made), INVALID, "count is 0");
    ck_makes_nothing(lstm_cell, lstm_cell_create_multi_rnn(NULL, cells, SIZE_MAX, &made), INVALID, "count");
    ck_makes_nothing(lstm_cell, lstm_cell_create_multi_rnn(NULL, cells, 3, &made), INVALID, "cells[1] is NULL");
    ck_fails(lstm_cell_create_multi_rnn(NULL, cells, 1, NULL), INVALID, "cell is NULL");
    lstm_cell_destroy(inner);
}
END_TEST

START_TEST(residual_and_highway_say_what_is_wrong)
{
    lstm_cell *inner = inner_cell();
    ck_makes_nothing(lstm_cell, lstm_cell_create_residual(NULL, NULL, &made), INVALID, "inner is NULL");
    ck_makes_nothing(lstm_cell, lstm_cell_create_highway(NULL, NULL, &made), INVALID, "inner is NULL");
    ck_fails(lstm_cell_create_residual(NULL, inner, NULL), INVALID, "cell is NULL");
    ck_fails(lstm_cell_create_highway(NULL, inner, NULL), INVALID, "cell is NULL");
    lstm_cell_destroy(inner);
}
END_TEST

typedef lstm_status create_projection(lstm_context *context, lstm_cell *inner, size_t width,
                                      const lstm_projection_config *config, lstm_cell **cell);

static void check_projection(create_projection *create)
{
    lstm_cell *inner = inner_cell();
    const lstm_projection_config empty = {0};
    const int wrong[] = {LSTM_ACTIVATION_SOFTMAX, LSTM_ACTIVATION_CUSTOM, 99, -1};
    ck_makes_nothing(lstm_cell, create(NULL, NULL, 2, NULL, &made), INVALID, "inner is NULL");
    ck_makes_nothing(lstm_cell, create(NULL, inner, 0, NULL, &made), INVALID, "is 0, expected 1 to 2^31 - 1");
    ck_makes_nothing(lstm_cell, create(NULL, inner, too_long, NULL, &made), INVALID, "expected 1 to 2^31 - 1");
    ck_makes_nothing(lstm_cell, create(NULL, inner, 2, &empty, &made), INVALID, "struct_size");
    for (size_t k = 0; k < 4; k++)
        ck_makes_nothing(
            lstm_cell,
            create(NULL, inner, 2, LSTM_ARGS(lstm_projection_config, .activation = (lstm_activation)wrong[k]), &made),
            INVALID, "activation");
    ck_fails(create(NULL, inner, 2, NULL, NULL), INVALID, "cell is NULL");
    lstm_cell_destroy(inner);
}

START_TEST(projections_say_what_is_wrong)
{
    check_projection(lstm_cell_create_input_projection);
    check_projection(lstm_cell_create_output_projection);
}
END_TEST

/* The plan of that cell on inputs 2 wide is refused, and the cell goes. */
static void no_plan(lstm_cell *cell, lstm_status expected, const char *words)
{
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    ck_makes_nothing(lstm_rnn, lstm_rnn_create(params, NULL, cell, 2, NULL, &made), expected, words);
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    lstm_params_destroy(params);
    lstm_cell_destroy(cell);
}

START_TEST(widths_that_do_not_fit_and_names_that_grow_too_long_are_refused_with_the_plan)
{
    lstm_cell *inner = inner_cell(), *cell, *outer, *const twice[2] = {inner, inner};
    ck_ok(lstm_cell_create_residual(NULL, inner, &cell));
    no_plan(cell, LSTM_ERR_SHAPE, "output width 3, its input 2");
    ck_ok(lstm_cell_create_highway(NULL, inner, &cell));
    no_plan(cell, LSTM_ERR_SHAPE, "output width 3, its input 2");
    ck_ok(lstm_cell_create_multi_rnn(NULL, twice, 2, &cell));
    no_plan(cell, LSTM_ERR_SHAPE, "two shapes");
    ck_ok(lstm_cell_create_input_projection(NULL, inner, 2, NULL, &cell));
    for (size_t length = 0; length <= LSTM_MAX_NAME; length += strlen("input_projection_wrapper/")) {
        ck_ok(lstm_cell_create_input_projection(NULL, cell, 2, NULL, &outer));
        lstm_cell_destroy(cell);
        cell = outer;
    }
    no_plan(cell, INVALID, "too long");
    lstm_cell_destroy(inner);
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
    NO_LEAF_TO_PROTECT,
    NO_OUTPUT,
    NO_NAME,
    NO_RANK,
    HIGH_RANK,
    LONG_AXIS,
    NO_INITIALIZER,
    TWICE_THE_NAME,
    NULL_NAME,
    NULL_SHAPE,
    NULLS,
    MISTAKES
} mistake;

static void make_mistake(mistake which, lstm_cell_spec *spec)
{
    const size_t shape[4] = {2, 2, 2, 2}, long_axis[2] = {2, too_long};
    const lstm_initializer unknown = {.kind = (lstm_initializer_kind)77};
    switch (which) {
    case NO_STATE_WIDTH: lstm_cell_spec_state(spec, 0); break;
    case NO_OUTPUT_WIDTH: lstm_cell_spec_output(spec, 0); break;
    case TWO_OUTPUTS: lstm_cell_spec_output(spec, 3); break;
    case OUTPUT_AND_STATE: lstm_cell_spec_output_state(spec, 0); break;
    case NO_SUCH_LEAF: lstm_cell_spec_output_state(spec, 1); break;
    case NO_LEAF_TO_PROTECT: lstm_cell_spec_protect_state(spec, 1); break;
    case NO_NAME: lstm_cell_spec_variable(spec, "a//b", 1, shape, NULL, NULL); break;
    case NO_RANK: lstm_cell_spec_variable(spec, "v", 0, shape, NULL, NULL); break;
    case HIGH_RANK: lstm_cell_spec_variable(spec, "v", 5, shape, NULL, NULL); break;
    case LONG_AXIS: lstm_cell_spec_variable(spec, "v", 2, long_axis, NULL, NULL); break;
    case NO_INITIALIZER: lstm_cell_spec_variable(spec, "v", 1, shape, &unknown, NULL); break;
    case TWICE_THE_NAME:
        lstm_cell_spec_variable(spec, "v", 1, shape, NULL, NULL);
        lstm_cell_spec_variable(spec, "v", 1, shape, NULL, NULL);
        break;
    case NULL_NAME: lstm_cell_spec_variable(spec, NULL, 1, shape, NULL, NULL); break;
    case NULL_SHAPE: lstm_cell_spec_variable(spec, "v", 1, NULL, NULL, NULL); break;
    default: break;
    }
}

static void check_nulls(void)
{
    const size_t shape = 2;
    size_t index = 77;
    ck_fails(lstm_cell_spec_state(NULL, 2), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_output(NULL, 2), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_output_state(NULL, 0), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_protect_state(NULL, 0), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_memory(NULL, 1, 1), INVALID, "spec is NULL");
    ck_fails(lstm_cell_spec_variable(NULL, "v", 1, &shape, NULL, &index), INVALID, "spec is NULL");
    ck_assert_uint_eq(index, 77);
}

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const mistake which = *(const mistake *)self;
    (void)input_size;
    ck_ok(lstm_cell_spec_state(spec, 2));
    if (which == NULLS)
        check_nulls();
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
    ck_makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, NULL, NULL, &made), INVALID, "ops is NULL");
    for (size_t k = 0; k < 4; k++) {
        ops.name = wrong[k];
        ck_makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, &ops, NULL, &made), INVALID, "name a cell");
    }
    ops.name = "";
    ops.step = NULL;
    ck_makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, &ops, NULL, &made), INVALID, "ops->step is NULL");
    ops.step = step;
    ops.declare = NULL;
    ck_makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, &ops, NULL, &made), INVALID, "ops->declare is NULL");
    ops.struct_size = 0;
    ck_makes_nothing(lstm_cell, lstm_cell_create_custom(NULL, &ops, NULL, &made), INVALID, "struct_size");
    ck_assert_uint_eq(destroyed, 0);
}
END_TEST

START_TEST(a_mistake_in_declare_reaches_whoever_creates_the_plan)
{
    static const struct {
        lstm_status status;
        const char *words;
    } expected[MISTAKES] = {[NO_STATE_WIDTH] = {INVALID, "lstm_cell_spec_state: width is 0"},
                            [NO_OUTPUT_WIDTH] = {INVALID, "width is 0"},
                            [TWO_OUTPUTS] = {LSTM_ERR_STATE, "output"},
                            [OUTPUT_AND_STATE] = {LSTM_ERR_STATE, "output"},
                            [NO_SUCH_LEAF] = {INVALID, "leaf is 1"},
                            [NO_LEAF_TO_PROTECT] = {INVALID, "leaf is 1"},
                            [NO_OUTPUT] = {INVALID, "output"},
                            [NO_NAME] = {INVALID, "a//b"},
                            [NO_RANK] = {INVALID, "rank 0"},
                            [HIGH_RANK] = {INVALID, "rank 5"},
                            [LONG_AXIS] = {INVALID, "axis 1"},
                            [NO_INITIALIZER] = {INVALID, "initializer"},
                            [TWICE_THE_NAME] = {LSTM_ERR_STATE, "two variables"},
                            [NULL_NAME] = {INVALID, "name is NULL"},
                            [NULL_SHAPE] = {INVALID, "shape is NULL"}};
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
            /* Nobody changes `which`. NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
            ck_makes_nothing(lstm_rnn, lstm_rnn_create(params, NULL, cell, 2, NULL, &made), expected[which].status,
                             expected[which].words);
            ck_assert_uint_eq(lstm_params_variable_count(params), 0);
        }
        lstm_cell_destroy(cell);
        lstm_params_destroy(params);
    }
}
END_TEST

Suite *cell_arguments_suite(void)
{
    return test_suite("cell_arguments",
                      (const TTest *const[]){
                          every_cell_says_what_is_wrong,
                          a_custom_activation_needs_its_value_and_its_derivative,
                          a_forget_bias_is_a_finite_number,
                          clips_are_finite_and_not_negative_and_a_projection_has_a_width,
                          a_layer_norm_lstm_keeps_a_share_above_0_and_at_most_1_and_has_finite_norms,
                          dropout_says_what_is_wrong,
                          a_multi_rnn_says_what_is_wrong,
                          residual_and_highway_say_what_is_wrong,
                          projections_say_what_is_wrong,
                          widths_that_do_not_fit_and_names_that_grow_too_long_are_refused_with_the_plan,
                          a_custom_cell_says_what_is_wrong_and_does_not_take_self,
                          a_mistake_in_declare_reaches_whoever_creates_the_plan,
                          NULL,
                      });
}
