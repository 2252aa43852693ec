/* The store of variables: declaring, sealing, starting values, sharing. */
#include "platform.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lstm_params *created(void)
{
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    return params;
}

static void declare(lstm_params *params, const char *name, size_t rows, size_t columns)
{
    const size_t shape[] = {rows, columns};
    ck_ok(lstm_params_declare(params, name, columns ? 2 : 1, shape, NULL));
}

/* The values of a variable of a sealed store. */
static const float *values_of(const lstm_params *params, const char *name, size_t *count)
{
    lstm_variable_info info;
    ck_ok(lstm_params_find(params, name, &info));
    if (count)
        *count = info.count;
    return lstm_params_data(params, NULL) + info.offset;
}

START_TEST(variables_stand_one_behind_the_other_in_an_aligned_block)
{
    const size_t shapes[][4] = {{3}, {2, 5}, {2, 3, 4}, {1, 2, 1, 3}, {1}};
    const size_t ranks[] = {1, 2, 3, 4, 1};
    const char *const names[] = {"a", "b/c", "b/d", "long name with spaces", "\xC3\xA4"};
    lstm_params *params = created();
    size_t offset = 0, floats;
    for (size_t k = 0; k < 5; k++)
        ck_ok(lstm_params_declare(params, names[k], ranks[k], shapes[k], NULL));
    ck_ok(lstm_params_initialize(params, 1));
    ck_assert_uint_eq(lstm_params_variable_count(params), 5);
    for (size_t k = 0; k < 5; k++) {
        lstm_variable_info info, found;
        size_t count = 1;
        ck_ok(lstm_params_variable(params, k, &info));
        ck_ok(lstm_params_find(params, names[k], &found));
        for (size_t axis = 0; axis < ranks[k]; axis++) {
            ck_assert_uint_eq(info.shape[axis], shapes[k][axis]);
            count *= shapes[k][axis];
        }
        ck_assert_str_eq(info.name, names[k]);
        ck_assert_ptr_eq(info.name, found.name);
        ck_assert_uint_eq(info.rank, ranks[k]);
        ck_assert_uint_eq(info.count, count);
        ck_assert_uint_eq(info.offset, offset);
        ck_assert_uint_eq(found.offset, offset);
        offset += count;
    }
    ck_assert_uint_eq((uintptr_t)lstm_params_data(params, &floats) % 64, 0);
    ck_assert_uint_eq(floats, offset);
    ck_assert_ptr_eq(lstm_params_edit(params, &floats), lstm_params_data(params, NULL));
    ck_assert_uint_eq(floats, offset);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_name_keeps_its_address_while_the_store_grows)
{
    lstm_params *params = created();
    lstm_variable_info first, again;
    char name[16];
    declare(params, "first", 1, 0);
    ck_ok(lstm_params_variable(params, 0, &first));
    for (int k = 0; k < 100; k++) {
        snprintf(name, sizeof name, "v%d", k);
        declare(params, name, 1, 0);
    }
    ck_ok(lstm_params_find(params, "first", &again));
    ck_assert_ptr_eq(first.name, again.name);
    ck_assert_str_eq(first.name, "first");
    ck_ok(lstm_params_find(params, "v99", &again));
    ck_assert_uint_eq(again.offset, 100);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_name_can_be_declared_once)
{
    lstm_params *params = created();
    const size_t shape = 2;
    declare(params, "v", 2, 0);
    ck_fails(lstm_params_declare(params, "v", 1, &shape, NULL), LSTM_ERR_STATE, "\"v\" is taken");
    declare(params, "v2", 2, 0);
    declare(params, "V", 2, 0);
    ck_assert_uint_eq(lstm_params_variable_count(params), 3);
    lstm_params_destroy(params);
}
END_TEST

/* Also names that a failed plan has taken back, and other ones in their places. */
START_TEST(a_thousand_names_are_found_and_what_was_taken_back_is_not)
{
    enum { NAMES = 1000 };
    lstm_params *params = created();
    lstm_cell *cell = test_cell("lstm", 4, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_rnn *rnn;
    lstm_variable_info info;
    const size_t shape = 2;
    char name[40];
    ck_ok(lstm_params_declare(params, "taken/lstm_cell/bias", 1, &shape, NULL));
    for (size_t k = 0; k < NAMES; k++) {
        ck_fails(lstm_rnn_create(params, "taken", cell, 3, NULL, &rnn), LSTM_ERR_STATE, "taken/lstm_cell/bias");
        ck_fails(lstm_params_find(params, "taken/lstm_cell/kernel", &info), LSTM_ERR_INVALID_ARGUMENT, "kernel");
        snprintf(name, sizeof name, "%zu", k);
        ck_ok(lstm_params_declare(params, name, 1, &shape, NULL));
        ck_fails(lstm_params_declare(params, name, 1, &shape, NULL), LSTM_ERR_STATE, "taken");
    }
    for (size_t k = 0; k < 10 * NAMES; k++) /* no name stays that would be in the way of one to come */
        ck_fails(lstm_rnn_create(params, "taken", cell, 3, NULL, &rnn), LSTM_ERR_STATE, "taken/lstm_cell/bias");
    for (size_t k = 0; k < NAMES; k++) {
        snprintf(name, sizeof name, "%zu", k);
        ck_ok(lstm_params_find(params, name, &info));
        ck_assert_str_eq(info.name, name);
        ck_assert_uint_eq(info.offset, 2 + 2 * k);
    }
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(names_that_are_no_paths_are_refused)
{
    const char *const wrong[] = {"",
                                 "/",
                                 "/a",
                                 "a/",
                                 "a//b",
                                 "a\nb",
                                 "a\tb",
                                 "\x7F",
                                 "a/\x01",
                                 "__metadata__",
                                 "a\xFF",
                                 "\xC3",
                                 "\x80",
                                 "\xC1\x81",
                                 "\xE0\x80\x81",
                                 "\xED\xA0\x80",
                                 "\xF0\x8F\xBF\xBF",
                                 "\xF4\x90\x80\x80",
                                 "\xE2\x82/b",
                                 "\xF0\x9F\x98",
                                 "\xF5\x80\x80\x80"};
    const char *const right[] = {"\xC3\xA4",        "\xE2\x82\xAC/\xF0\x9F\x98\x80",
                                 "\xED\x9F\xBF",    "\xF4\x8F\xBF\xBF",
                                 "__metadata__/a",  "\xE0\xA0\x80",
                                 "\xF0\x90\x80\x80"};
    char longest[LSTM_MAX_NAME + 2];
    lstm_params *params = created();
    const size_t shape = 2;
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
        ck_fails(lstm_params_declare(params, wrong[k], 1, &shape, NULL), LSTM_ERR_INVALID_ARGUMENT, "name");
    memset(longest, 'n', sizeof longest);
    longest[LSTM_MAX_NAME + 1] = 0;
    ck_fails(lstm_params_declare(params, longest, 1, &shape, NULL), LSTM_ERR_INVALID_ARGUMENT, "name");
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    longest[LSTM_MAX_NAME] = 0;
    ck_ok(lstm_params_declare(params, longest, 1, &shape, NULL));
    lstm_variable_info info;
    ck_ok(lstm_params_find(params, longest, &info));
    ck_assert_str_eq(info.name, longest);
    for (size_t k = 0; k < sizeof right / sizeof right[0]; k++)
        ck_ok(lstm_params_declare(params, right[k], 1, &shape, NULL));
    lstm_params_destroy(params);
}
END_TEST

START_TEST(shapes_that_are_none_are_refused)
{
    lstm_params *params = created();
    const size_t shape[5] = {2, 2, 2, 2, 2}, empty[2] = {2, 0}, long_axis[2] = {1, (size_t)INT32_MAX + 1};
    const lstm_initializer unknown = {.kind = (lstm_initializer_kind)77};
    ck_fails(lstm_params_declare(params, "v", 0, shape, NULL), LSTM_ERR_INVALID_ARGUMENT, "rank");
    ck_fails(lstm_params_declare(params, "v", 5, shape, NULL), LSTM_ERR_INVALID_ARGUMENT, "rank");
    ck_fails(lstm_params_declare(params, "v", 2, empty, NULL), LSTM_ERR_INVALID_ARGUMENT, "axis 1");
    ck_fails(lstm_params_declare(params, "v", 2, long_axis, NULL), LSTM_ERR_INVALID_ARGUMENT, "axis 1");
    ck_fails(lstm_params_declare(params, "v", 2, shape, &unknown), LSTM_ERR_INVALID_ARGUMENT, "initializer");
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    lstm_params_destroy(params);
}
END_TEST

static void *allocate_little(void *user, size_t size, size_t alignment)
{
    (void)user;
    return size < (size_t)1 << 20 ? lstm__platform_allocate(size, alignment) : NULL;
}

static void release_little(void *user, void *memory)
{
    (void)user;
    lstm__platform_release(memory);
}

START_TEST(sizes_that_overflow_or_that_no_machine_has_are_out_of_memory)
{
    lstm_context *context;
    lstm_params *params;
    /* Of floats, its square is all but what a size can count. */
    const size_t most = ((size_t)1 << (sizeof(size_t) * 4 - 1)) - 1;
    const size_t huge[4] = {most, most, most, most}, two[2] = {most, most};
    ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .allocator = {NULL, allocate_little, release_little}),
                              &context));
    ck_ok(lstm_params_create(context, &params));
    lstm_context_destroy(context);
    ck_fails(lstm_params_declare(params, "v", 4, huge, NULL), LSTM_ERR_OUT_OF_MEMORY, "lstm_params_declare");
    ck_fails(lstm_params_declare(params, "v", 3, huge, NULL), LSTM_ERR_OUT_OF_MEMORY, "lstm_params_declare");
    ck_ok(lstm_params_declare(params, "a", 2, two, NULL));
    ck_fails(lstm_params_declare(params, "b", 2, two, NULL), LSTM_ERR_OUT_OF_MEMORY, "lstm_params_declare");
    ck_fails(lstm_params_initialize(params, 1), LSTM_ERR_OUT_OF_MEMORY, "lstm_params_initialize");
    ck_ok(lstm_params_declare(params, "c", 1, &most, NULL)); /* the store is still open */
    ck_assert_ptr_null(lstm_params_data(params, NULL));
    lstm_params_destroy(params);
}
END_TEST

START_TEST(an_open_store_has_no_block_and_a_sealed_one_takes_no_variables)
{
    lstm_params *params = created(), *like = NULL;
    size_t count = 77;
    const size_t shape = 2;
    declare(params, "v", 2, 0);
    ck_assert_ptr_null(lstm_params_data(params, &count));
    ck_assert_ptr_null(lstm_params_edit(params, &count));
    ck_assert_uint_eq(count, 77);
    lstm_params_zero(params);
    ck_fails(lstm_params_create_like(params, &like), LSTM_ERR_STATE, "open");
    ck_assert_ptr_null(like);
    ck_ok(lstm_params_initialize(params, 1));
    ck_fails(lstm_params_declare(params, "w", 1, &shape, NULL), LSTM_ERR_STATE, "sealed");
    ck_assert_uint_eq(lstm_params_variable_count(params), 1);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_store_without_variables_can_be_sealed_and_copied)
{
    lstm_params *params = created(), *like;
    size_t count = 77;
    ck_ok(lstm_params_initialize(params, 1));
    ck_assert_ptr_nonnull(lstm_params_data(params, &count));
    ck_assert_uint_eq(count, 0);
    ck_ok(lstm_params_create_like(params, &like));
    ck_assert_uint_eq(lstm_params_variable_count(like), 0);
    lstm_params_destroy(params);
    lstm_params_destroy(like);
}
END_TEST

START_TEST(a_store_created_like_another_has_its_layout_and_zeros)
{
    lstm_params *params = created(), *like;
    size_t count;
    declare(params, "a", 3, 4);
    declare(params, "b", 5, 0);
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_params_create_like(params, &like));
    lstm_params_destroy(params); /* the other goes on without it */
    ck_assert_uint_eq(lstm_params_variable_count(like), 2);
    lstm_variable_info info;
    ck_ok(lstm_params_find(like, "b", &info));
    ck_assert_uint_eq(info.offset, 12);
    const float *zeros = lstm_params_data(like, &count);
    ck_assert_uint_eq(count, 17);
    ck_assert_uint_eq((uintptr_t)zeros % 64, 0);
    for (size_t k = 0; k < count; k++)
        ck_assert_float_eq(zeros[k], 0.0f);
    const size_t shape = 2;
    ck_fails(lstm_params_declare(like, "c", 1, &shape, NULL), LSTM_ERR_STATE, "sealed");
    lstm_params_destroy(like);
}
END_TEST

START_TEST(zeroing_clears_every_value)
{
    lstm_params *params = created();
    size_t count;
    declare(params, "a", 3, 4);
    declare(params, "b", 5, 0);
    ck_ok(lstm_params_initialize(params, 1));
    lstm_params_zero(params);
    const float *values = lstm_params_data(params, &count);
    for (size_t k = 0; k < count; k++)
        ck_assert_float_eq(values[k], 0.0f);
    lstm_params_destroy(params);
    lstm_params_zero(NULL);
}
END_TEST

/* Starting values. */

static void check_uniform(const float *values, size_t count, double limit)
{
    double most = 0.0, sum = 0.0;
    for (size_t k = 0; k < count; k++) {
        most = fmax(most, fabs((double)values[k]));
        sum += (double)values[k];
    }
    /* The limit is rounded to float32; five standard deviations for the mean. */
    ck_assert_double_le(most, limit * (1.0 + 1e-7));
    ck_assert_double_gt(most, limit * (1.0 - 20.0 / (double)count));
    ck_assert_double_le(fabs(sum / (double)count), 5.0 * limit / sqrt(3.0 * (double)count));
}

static void check_cell(const char *kind, size_t input, size_t units, const char *name, double limit, double bias)
{
    lstm_params *params = created();
    lstm_cell *cell = test_cell(kind, units, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_rnn *rnn;
    char variable[100];
    size_t count;
    ck_ok(lstm_rnn_create(params, NULL, cell, input, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 11));
    snprintf(variable, sizeof variable, "rnn/%s_cell/%skernel", kind, name);
    const float *values = values_of(params, variable, &count);
    check_uniform(values, count, limit);
    snprintf(variable, sizeof variable, "rnn/%s_cell/%sbias", kind, name);
    values = values_of(params, variable, &count);
    for (size_t k = 0; k < count; k++)
        ck_assert_double_eq((double)values[k], bias);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}

START_TEST(glorot_takes_the_fused_kernel_as_one_matrix_and_biases_start_as_in_tensorflow)
{
    /* To six digits, worked out by hand. Limits of the single gates would be larger: sqrt(6 / 101) = 0.24. */
    check_cell("lstm", 1, 50, "", sqrt(6.0 / (1 + 5 * 50)), 0.0);
    check_cell("basic_lstm", 1, 50, "", 0.154610, 0.0);
    check_cell("lstm", 1, 24, "", 0.222681, 0.0);
    check_cell("lstm", 30, 20, "", sqrt(6.0 / (30 + 5 * 20)), 0.0);
    check_cell("basic_rnn", 30, 20, "", sqrt(6.0 / (30 + 2 * 20)), 0.0);
    check_cell("gru", 30, 20, "gates/", sqrt(6.0 / (30 + 3 * 20)), 1.0);
    check_cell("gru", 30, 20, "candidate/", sqrt(6.0 / (30 + 2 * 20)), 0.0);
}
END_TEST

START_TEST(a_dense_layer_starts_by_glorot_with_a_bias_of_zeros)
{
    lstm_params *params = created();
    lstm_dense *dense;
    size_t count;
    ck_ok(lstm_dense_create(params, NULL, 50, 21, NULL, &dense));
    ck_ok(lstm_params_initialize(params, 3));
    const float *values = values_of(params, "dense/kernel", &count);
    ck_assert_uint_eq(count, 50 * 21);
    check_uniform(values, count, 0.290701);
    values = values_of(params, "dense/bias", &count);
    ck_assert_uint_eq(count, 21);
    for (size_t k = 0; k < count; k++)
        ck_assert_float_eq(values[k], 0.0f);
    lstm_dense_destroy(dense);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(glorot_counts_fans_for_every_rank_as_tensorflow_does)
{
    const size_t shapes[][4] = {{2000}, {40, 50}, {7, 15, 20}, {3, 4, 10, 30}};
    const double limits[] = {sqrt(6.0 / 4000), sqrt(6.0 / 90), sqrt(6.0 / (7 * 35)), sqrt(6.0 / (12 * 40))};
    lstm_params *params = created();
    const char *const names[] = {"1", "2", "3", "4"};
    for (size_t k = 0; k < 4; k++)
        ck_ok(lstm_params_declare(params, names[k], k + 1, shapes[k], NULL));
    ck_ok(lstm_params_initialize(params, 4));
    for (size_t k = 0; k < 4; k++) {
        size_t count;
        const float *values = values_of(params, names[k], &count);
        check_uniform(values, count, limits[k]);
    }
    lstm_params_destroy(params);
}
END_TEST

START_TEST(constant_and_uniform_start_as_they_say)
{
    const size_t shape[] = {50, 40};
    const lstm_initializer constant = {.kind = LSTM_INITIALIZER_CONSTANT, .a = -2.5f, .b = 99.0f};
    const lstm_initializer uniform = {.kind = LSTM_INITIALIZER_UNIFORM, .a = 2.0f, .b = 3.0f};
    lstm_params *params = created();
    size_t count;
    ck_ok(lstm_params_declare(params, "c", 2, shape, &constant));
    ck_ok(lstm_params_declare(params, "u", 2, shape, &uniform));
    ck_ok(lstm_params_initialize(params, 5));
    const float *values = values_of(params, "c", &count);
    for (size_t k = 0; k < count; k++)
        ck_assert_float_eq(values[k], -2.5f);
    values = values_of(params, "u", &count);
    float centred[2000];
    for (size_t k = 0; k < count; k++) {
        ck_assert(values[k] >= 2.0f && values[k] < 3.0f);
        centred[k] = values[k] - 2.5f;
    }
    check_uniform(centred, count, 0.5);
    const lstm_random random = lstm_random_named(5, "u");
    float expected[2000];
    lstm_random_uniform(&random, 0, count, 2.0f, 3.0f, expected);
    ck_assert(same_bits(values, expected, count));
    lstm_params_destroy(params);
}
END_TEST

START_TEST(values_depend_on_seed_and_name_alone)
{
    lstm_params *one = created(), *two = created();
    size_t count;
    declare(one, "a", 10, 10);
    declare(one, "b", 10, 10);
    declare(two, "before", 7, 3);
    declare(two, "b", 10, 10);
    declare(two, "between", 1, 0);
    declare(two, "a", 10, 10);
    ck_ok(lstm_params_initialize(one, 6));
    ck_ok(lstm_params_initialize(two, 6));
    const float *a = values_of(one, "a", &count), *b = values_of(one, "b", NULL);
    ck_assert(same_bits(a, values_of(two, "a", NULL), count));
    ck_assert(same_bits(b, values_of(two, "b", NULL), count));
    ck_assert(!same_bits(a, b, count));
    ck_ok(lstm_params_initialize(two, 7));
    ck_assert(!same_bits(a, values_of(two, "a", NULL), count));
    lstm_params_zero(two);
    ck_ok(lstm_params_initialize(two, 6)); /* a sealed store is filled anew */
    ck_assert(same_bits(a, values_of(two, "a", NULL), count));
    lstm_params_destroy(one);
    lstm_params_destroy(two);
}
END_TEST

/* Sharing. */

static const float input[6] = {0.5f, -1.0f, 2.0f, 1.5f, 0.25f, -0.75f};

static void run(const lstm_rnn *rnn, const lstm_params *params, float *last)
{
    lstm_tape *tape;
    ck_ok(lstm_tape_create(rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 1, .max_time = 2), &tape));
    ck_ok(lstm_dynamic_rnn(
        tape, params, LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 2, .inputs = input, .last_output = last)));
    lstm_tape_destroy(tape);
}

START_TEST(a_plan_on_a_sealed_store_binds_to_what_is_there)
{
    lstm_params *params = created();
    lstm_cell *cell = test_cell("lstm", 4, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_rnn *first, *second, *none = NULL;
    float one[4], two[4];
    declare(params, "before", 3, 0);
    ck_ok(lstm_rnn_create(params, "scope", cell, 3, NULL, &first));
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_rnn_create(params, "scope", cell, 3, NULL, &second));
    ck_assert_uint_eq(lstm_params_variable_count(params), 3);
    run(first, params, one);
    run(second, params, two);
    ck_assert(same_bits(one, two, 4));
    ck_fails(lstm_rnn_create(params, "other", cell, 3, NULL, &none), LSTM_ERR_STATE, "other/lstm_cell/kernel");
    ck_fails(lstm_rnn_create(params, "scope", cell, 2, NULL, &none), LSTM_ERR_SHAPE,
             "\"scope/lstm_cell/kernel\" is there with shape [7, 16], expected [6, 16]");
    ck_assert_ptr_null(none);
    lstm_rnn_destroy(first);
    lstm_rnn_destroy(second);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(on_an_open_store_a_taken_name_is_an_error_unless_it_is_reused)
{
    lstm_params *params = created();
    lstm_cell *cell = test_cell("gru", 4, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_rnn *first, *second = NULL;
    const lstm_rnn_config *reuse = LSTM_ARGS(lstm_rnn_config, .reuse = true);
    float one[4], two[4];
    ck_fails(lstm_rnn_create(params, NULL, cell, 3, reuse, &second), LSTM_ERR_STATE, "rnn/gru_cell/gates/kernel");
    ck_ok(lstm_rnn_create(params, NULL, cell, 3, NULL, &first));
    ck_fails(lstm_rnn_create(params, NULL, cell, 3, NULL, &second), LSTM_ERR_STATE, "taken");
    ck_fails(lstm_rnn_create(params, NULL, cell, 2, reuse, &second), LSTM_ERR_SHAPE, "rnn/gru_cell/gates/kernel");
    ck_assert_ptr_null(second);
    ck_ok(lstm_rnn_create(params, NULL, cell, 3, reuse, &second));
    ck_assert_uint_eq(lstm_params_variable_count(params), 4);
    ck_ok(lstm_params_initialize(params, 1));
    run(first, params, one);
    run(second, params, two);
    ck_assert(same_bits(one, two, 4));
    lstm_rnn_destroy(first);
    lstm_rnn_destroy(second);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(dense_layers_share_and_clash_by_the_same_rules)
{
    lstm_params *params = created();
    lstm_dense *first, *second = NULL, *third;
    const lstm_dense_config *reuse = LSTM_ARGS(lstm_dense_config, .reuse = true);
    const float x[2] = {1.0f, -2.0f};
    float one[3], two[3];
    ck_fails(lstm_dense_create(params, "d", 2, 3, reuse, &second), LSTM_ERR_STATE, "d/kernel");
    ck_ok(lstm_dense_create(params, "d", 2, 3, NULL, &first));
    ck_fails(lstm_dense_create(params, "d", 2, 3, NULL, &second), LSTM_ERR_STATE, "taken");
    ck_fails(lstm_dense_create(params, "d", 3, 3, reuse, &second), LSTM_ERR_SHAPE, "d/kernel");
    ck_assert_ptr_null(second);
    ck_ok(lstm_dense_create(params, "d", 2, 3, reuse, &second));
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_dense_create(params, "d", 2, 3, NULL, &third));
    ck_assert_uint_eq(lstm_params_variable_count(params), 2);
    ck_ok(lstm_dense_forward(first, params, 1, x, one));
    ck_ok(lstm_dense_forward(second, params, 1, x, two));
    ck_assert(same_bits(one, two, 3));
    ck_ok(lstm_dense_forward(third, params, 1, x, two));
    ck_assert(same_bits(one, two, 3));
    lstm_dense_destroy(first);
    lstm_dense_destroy(second);
    lstm_dense_destroy(third);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_failed_create_leaves_an_open_store_as_it_was)
{
    lstm_params *params = created();
    lstm_cell *cell = test_cell("gru", 2, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_rnn *rnn = NULL;
    lstm_dense *dense = NULL;
    lstm_variable_info info;
    declare(params, "rnn/gru_cell/candidate/bias", 2, 0); /* the last of four */
    declare(params, "dense/bias", 2, 0);                  /* the last of two */
    ck_fails(lstm_rnn_create(params, NULL, cell, 3, NULL, &rnn), LSTM_ERR_STATE, "candidate/bias");
    ck_fails(lstm_dense_create(params, NULL, 3, 2, NULL, &dense), LSTM_ERR_STATE, "dense/bias");
    ck_assert(!rnn && !dense);
    ck_assert_uint_eq(lstm_params_variable_count(params), 2);
    ck_fails(lstm_params_find(params, "rnn/gru_cell/gates/kernel", &info), LSTM_ERR_INVALID_ARGUMENT, "gates/kernel");
    declare(params, "rnn/gru_cell/gates/kernel", 1, 0);
    ck_ok(lstm_params_find(params, "rnn/gru_cell/gates/kernel", &info));
    ck_assert_uint_eq(info.offset, 4);
    ck_ok(lstm_params_initialize(params, 1));
    size_t floats;
    lstm_params_data(params, &floats);
    ck_assert_uint_eq(floats, 5);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_scope_that_makes_a_name_too_long_is_refused)
{
    lstm_params *params = created();
    lstm_cell *cell = test_cell("lstm", 2, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_rnn *rnn = NULL;
    char scope[LSTM_MAX_NAME + 1];
    const size_t fits = LSTM_MAX_NAME - strlen("/lstm_cell/kernel");
    memset(scope, 's', sizeof scope);
    for (size_t length = fits + 1; length <= LSTM_MAX_NAME; length++) {
        memset(scope, 's', sizeof scope - 1);
        scope[length] = 0;
        ck_fails(lstm_rnn_create(params, scope, cell, 3, NULL, &rnn), LSTM_ERR_INVALID_ARGUMENT, "name");
        ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    }
    scope[fits] = 0;
    ck_ok(lstm_rnn_create(params, scope, cell, 3, NULL, &rnn));
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(whatever_may_write_marks_the_values_as_changed)
{
    for (int way = 0; way < 4; way++) {
        lstm_params *params = created();
        lstm_cell *cell = test_cell("lstm", 2, LSTM_ACTIVATION_DEFAULT, 1.0f);
        lstm_rnn *rnn;
        lstm_tape *tape;
        ck_ok(lstm_rnn_create(params, NULL, cell, 3, NULL, &rnn));
        ck_ok(lstm_params_initialize(params, 1));
        ck_ok(lstm_tape_create(rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 1, .max_time = 2), &tape));
        ck_ok(lstm_dynamic_rnn(tape, params, LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 1, .time = 2, .inputs = input)));
        if (way == 0)
            ck_assert_ptr_nonnull(lstm_params_data(params, NULL));
        if (way == 1)
            ck_assert_ptr_nonnull(lstm_params_edit(params, NULL));
        if (way == 2)
            lstm_params_zero(params);
        if (way == 3)
            ck_ok(lstm_params_initialize(params, 1));
        const lstm_dynamic_rnn_grads *nothing = LSTM_ARGS(lstm_dynamic_rnn_grads, .d_inputs = NULL);
        if (way == 0)
            ck_ok(lstm_dynamic_rnn_backward(tape, params, nothing));
        else
            ck_fails(lstm_dynamic_rnn_backward(tape, params, nothing), LSTM_ERR_STATE, "params");
        lstm_tape_destroy(tape);
        lstm_rnn_destroy(rnn);
        lstm_cell_destroy(cell);
        lstm_params_destroy(params);
    }
}
END_TEST

Suite *params_suite(void)
{
    return test_suite(
        "params", (const TTest *const[]){variables_stand_one_behind_the_other_in_an_aligned_block,
                                         a_name_keeps_its_address_while_the_store_grows,
                                         a_name_can_be_declared_once,
                                         a_thousand_names_are_found_and_what_was_taken_back_is_not,
                                         names_that_are_no_paths_are_refused,
                                         shapes_that_are_none_are_refused,
                                         sizes_that_overflow_or_that_no_machine_has_are_out_of_memory,
                                         an_open_store_has_no_block_and_a_sealed_one_takes_no_variables,
                                         a_store_without_variables_can_be_sealed_and_copied,
                                         a_store_created_like_another_has_its_layout_and_zeros,
                                         zeroing_clears_every_value,
                                         glorot_takes_the_fused_kernel_as_one_matrix_and_biases_start_as_in_tensorflow,
                                         a_dense_layer_starts_by_glorot_with_a_bias_of_zeros,
                                         glorot_counts_fans_for_every_rank_as_tensorflow_does,
                                         constant_and_uniform_start_as_they_say,
                                         values_depend_on_seed_and_name_alone,
                                         a_plan_on_a_sealed_store_binds_to_what_is_there,
                                         on_an_open_store_a_taken_name_is_an_error_unless_it_is_reused,
                                         dense_layers_share_and_clash_by_the_same_rules,
                                         a_failed_create_leaves_an_open_store_as_it_was,
                                         a_scope_that_makes_a_name_too_long_is_refused,
                                         whatever_may_write_marks_the_values_as_changed,
                                         NULL});
}
