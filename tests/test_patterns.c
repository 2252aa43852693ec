/* Patterns of names: which variables they match, and what is set by them. */
#include "suites.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

static bool matches(const char *pattern, const char *name)
{
    lstm_params *params;
    const size_t one = 1;
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_declare(params, name, 1, &one, NULL));
    const lstm_status status = lstm_params_set_trainable(params, pattern, false, false);
    ck_assert(status == LSTM_OK || status == LSTM_ERR_INVALID_ARGUMENT);
    lstm_variable_info info;
    ck_ok(lstm_params_variable(params, 0, &info));
    ck_assert(info.trainable == (status != LSTM_OK) && info.decay == (status != LSTM_OK));
    lstm_params_destroy(params);
    return status == LSTM_OK;
}

START_TEST(a_pattern_matches_whole_names_with_runs_and_single_bytes)
{
    static const char *const yes[][2] = {
        {"a", "a"},
        {"*", "a"},
        {"**", "a"},
        {"*", "a/b/c"},
        {"a*", "a"},
        {"*a", "a"},
        {"a*c", "abc"},
        {"a*c", "a/b/c"},
        {"?", "a"},
        {"a?c", "a/c"},
        {"*?", "a"},
        {"?*", "ab"},
        {"*kernel", "kernel"},
        {"*kernel", "a/kernel"},
        {"*/kernel", "a/b/kernel"},
        {"a*b*c", "abbc"},
        {"*ab", "aab"},
        {"*aab*", "aaaab"},
        {"rnn/*/bias", "rnn/x/y/bias"},
        {"*b*b", "abab"},
        {"??", "\xC3\xA4"},
        {"*\xA4", "\xC3\xA4"},
        {"a[b]", "a[b]"},
        {"a\\", "a\\"},
        {"a.c", "a.c"},
        {"a*?c", "abbc"},
        {"*", "*"},
        {"?", "*"},
        {"*/*/*", "a/b/c/d"},
    };
    static const char *const no[][2] = {
        {"", "a"},
        {"a", "A"},
        {"a", "ab"},
        {"b", "ab"},
        {"ab", "a"},
        {"?", "ab"},
        {"??", "a"},
        {"a?", "a"},
        {"a*c", "abcd"},
        {"a*c", "xabc"},
        {"a.c", "abc"},
        {"[ab]", "a"},
        {"*kernel", "kernels"},
        {"kernel", "a/kernel"},
        {"*ab", "aba"},
        {"*b*b", "ab"},
        {"*/kernel", "kernel"},
        {"a", "*"},
        {"*a*b*c", "acb"},
        {"?*?", "a"},
        {"\\*", "a"},
        {"*/*/*", "a/b"},
    };
    for (size_t k = 0; k < sizeof yes / sizeof yes[0]; k++)
        ck_assert_msg(matches(yes[k][0], yes[k][1]), "%s should match %s", yes[k][0], yes[k][1]);
    for (size_t k = 0; k < sizeof no / sizeof no[0]; k++)
        ck_assert_msg(!matches(no[k][0], no[k][1]), "%s should not match %s", no[k][0], no[k][1]);
}
END_TEST

/* Every pattern of up to five letters, against every name of up to five, beside the definition written as a recursion. */
static bool by_definition(const char *pattern, const char *name)
{
    if (*pattern == '*')
        return by_definition(pattern + 1, name) || (*name && by_definition(pattern, name + 1));
    if (!*name || !*pattern)
        return !*name && !*pattern;
    return (*pattern == '?' || *pattern == *name) && by_definition(pattern + 1, name + 1);
}

/* Text number `index` over some letters, shorter ones first; false: it would be longer than five. */
static bool text_at(size_t index, const char *letters, char text[6])
{
    const size_t base = strlen(letters);
    size_t length = 0, power = 1;
    for (; index >= power; power *= base, length++)
        index -= power;
    if (length > 5)
        return false;
    for (size_t k = 0; k < length; k++, index /= base)
        text[k] = letters[index % base];
    text[length] = '\0';
    return true;
}

START_TEST(all_short_patterns_match_as_the_definition_says)
{
    char names[64][6], pattern[6];
    size_t count = 0;
    lstm_params *params;
    const size_t one = 1;
    ck_ok(lstm_params_create(NULL, &params));
    for (; text_at(count + 1, "ab", names[count]); count++)
        ck_ok(lstm_params_declare(params, names[count], 1, &one, NULL));
    ck_assert_uint_eq(count, 62);
    for (size_t p = 0; text_at(p, "ab*?", pattern); p++) {
        bool any = false;
        ck_ok(lstm_params_set_trainable(params, "*", true, true));
        const lstm_status status = lstm_params_set_trainable(params, pattern, false, true);
        for (size_t k = 0; k < count; k++) {
            lstm_variable_info info;
            const bool expected = by_definition(pattern, names[k]);
            ck_ok(lstm_params_variable(params, k, &info));
            if (info.trainable == expected) /* Check takes its time over every assertion */
                ck_abort_msg("%s and %s", pattern, names[k]);
            any = any || expected;
        }
        ck_assert(status == (any ? LSTM_OK : LSTM_ERR_INVALID_ARGUMENT));
    }
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_hostile_pattern_takes_no_longer_than_its_length_times_the_names)
{
    enum { LONG = 20000 };
    char name[LSTM_MAX_NAME + 1], *pattern = test_allocate(2 * LONG + 2, 1);
    memset(name, 'a', LSTM_MAX_NAME);
    name[LSTM_MAX_NAME] = '\0';
    for (size_t k = 0; k < 100; k++) /* tried at every place for every star, that is 255 over 100 ways */
        memcpy(pattern + 2 * k, "*a", 2);
    ck_assert(matches(pattern, name));
    pattern[200] = 'b';
    ck_assert(!matches(pattern, name));
    memset(pattern, '*', 2 * LONG);
    ck_assert(matches(pattern, name));
    pattern[2 * LONG] = 'b';
    ck_assert(!matches(pattern, name));
    memset(pattern, '?', LSTM_MAX_NAME);
    pattern[LSTM_MAX_NAME] = '\0';
    ck_assert(matches(pattern, name));
    memset(pattern, '?', LSTM_MAX_NAME + 1);
    ck_assert(!matches(pattern, name));
    free(pattern);
}
END_TEST

/* A plan of an LSTM and a dense layer: rnn/lstm_cell/kernel, .../bias, dense/kernel, dense/bias. */
static lstm_params *declared(void)
{
    lstm_params *params;
    lstm_rnn *rnn;
    lstm_dense *dense;
    lstm_cell *cell = test_cell("lstm", 6, LSTM_ACTIVATION_DEFAULT, 1.0f);
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, NULL, cell, 3, NULL, &rnn));
    ck_ok(lstm_dense_create(params, NULL, 6, 4, NULL, &dense));
    lstm_dense_destroy(dense);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    return params;
}

static void check_flags(const lstm_params *params, const char *expected)
{
    char found[9] = "";
    for (size_t k = 0; k < 4; k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(params, k, &info));
        found[2 * k] = info.trainable ? 't' : '-';
        found[2 * k + 1] = info.decay ? 'd' : '-';
    }
    ck_assert_str_eq(found, expected);
}

START_TEST(the_last_call_wins_and_flags_hold_for_all_stores_of_the_layout)
{
    lstm_params *params = declared(), *grads, *frozen;
    check_flags(params, "tdtdtdtd");
    ck_ok(lstm_params_set_trainable(params, "*", false, false)); /* still open */
    check_flags(params, "--------");
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_params_create_like(params, &grads));
    ck_ok(lstm_params_freeze(params, NULL, &frozen));
    ck_ok(lstm_params_set_trainable(params, "dense/*", true, true));
    check_flags(grads, "----tdtd");
    ck_ok(lstm_params_set_trainable(grads, "*bias", true, false));
    check_flags(params, "--t-tdt-");
    check_flags(frozen, "--t-tdt-");
    ck_fails(lstm_params_set_trainable(frozen, "*", true, true), LSTM_ERR_STATE, "frozen");
    check_flags(params, "--t-tdt-");
    lstm_params_destroy(frozen);
    lstm_params_destroy(grads);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_pattern_that_matches_nothing_is_named)
{
    const lstm_initializer zeros = {.kind = LSTM_INITIALIZER_CONSTANT};
    lstm_params *params = declared(), *empty;
    char *endless = test_allocate(100001, 1);
    memset(endless, 'x', 100000);
    ck_ok(lstm_params_create(NULL, &empty));
    ck_fails(lstm_params_set_trainable(params, "rnn/gru*", false, false), LSTM_ERR_INVALID_ARGUMENT, "\"rnn/gru*\"");
    ck_fails(lstm_params_set_trainable(params, "", false, false), LSTM_ERR_INVALID_ARGUMENT, "\"\"");
    ck_fails(lstm_params_set_trainable(params, endless, false, false), LSTM_ERR_INVALID_ARGUMENT, "xxx");
    ck_fails(lstm_params_set_trainable(empty, "*", false, false), LSTM_ERR_INVALID_ARGUMENT, "\"*\"");
    ck_fails(lstm_params_set_trainable(NULL, "*", false, false), LSTM_ERR_INVALID_ARGUMENT, "params is NULL");
    ck_fails(lstm_params_set_trainable(params, NULL, false, false), LSTM_ERR_INVALID_ARGUMENT, "pattern is NULL");
    ck_fails(lstm_params_set_initializer(params, "kernel", &zeros), LSTM_ERR_INVALID_ARGUMENT, "\"kernel\"");
    ck_fails(lstm_params_set_initializer(params, endless, &zeros), LSTM_ERR_INVALID_ARGUMENT, "xxx");
    ck_fails(lstm_params_set_initializer(empty, "*", &zeros), LSTM_ERR_INVALID_ARGUMENT, "\"*\"");
    ck_fails(lstm_params_set_initializer(NULL, "*", &zeros), LSTM_ERR_INVALID_ARGUMENT, "params is NULL");
    ck_fails(lstm_params_set_initializer(params, NULL, &zeros), LSTM_ERR_INVALID_ARGUMENT, "pattern is NULL");
    ck_fails(lstm_params_set_initializer(params, "*", NULL), LSTM_ERR_INVALID_ARGUMENT, "initializer is NULL");
    check_flags(params, "tdtdtdtd");
    free(endless);
    lstm_params_destroy(empty);
    lstm_params_destroy(params);
}
END_TEST

static const float *values_of(const lstm_params *params, const char *name, size_t *count)
{
    lstm_variable_info info;
    ck_ok(lstm_params_find(params, name, &info));
    *count = info.count;
    return lstm_params_data(params, NULL) + info.offset;
}

static bool have_same(const lstm_params *a, const lstm_params *b, const char *name)
{
    size_t count, others;
    const float *values = values_of(a, name, &count), *other = values_of(b, name, &others);
    return count == others && same_bits(values, other, count);
}

/* Biases all start alike. */
static void make_all_differ(lstm_params *params)
{
    size_t count;
    float *values = lstm_params_edit(params, &count);
    for (size_t k = 0; k < count; k++)
        values[k] += (float)k;
}

/* The bias of declared(), and a variable that it has not. */
static lstm_params *new_head(size_t bias)
{
    const size_t one = 1;
    lstm_params *head;
    ck_ok(lstm_params_create(NULL, &head));
    ck_ok(lstm_params_declare(head, "new", 1, &one, NULL));
    ck_ok(lstm_params_declare(head, "rnn/lstm_cell/bias", 1, &bias, NULL));
    ck_ok(lstm_params_initialize(head, 3));
    return head;
}

START_TEST(values_are_copied_by_name)
{
    lstm_params *from = declared(), *to = declared(), *head = new_head(24), *frozen;
    ck_ok(lstm_params_initialize(from, 1));
    ck_ok(lstm_params_initialize(to, 2));
    ck_ok(lstm_params_freeze(to, NULL, &frozen));
    make_all_differ(from);
    ck_ok(lstm_params_copy(from, to, "*"));
    ck_ok(lstm_params_copy(to, to, "*"));
    ck_assert(have_same(from, to, "rnn/lstm_cell/kernel") && have_same(from, to, "rnn/lstm_cell/bias"));
    ck_assert(have_same(from, to, "dense/kernel") && have_same(from, to, "dense/bias"));
    ck_ok(lstm_params_copy(frozen, to, "*/kernel"));
    ck_assert(have_same(frozen, to, "rnn/lstm_cell/kernel") && have_same(from, to, "rnn/lstm_cell/bias"));
    ck_assert(have_same(frozen, to, "dense/kernel") && have_same(from, to, "dense/bias"));
    ck_assert(!have_same(frozen, from, "dense/kernel") && !have_same(frozen, from, "rnn/lstm_cell/bias"));
    ck_ok(lstm_params_copy(from, head, "rnn/*"));
    ck_assert(have_same(from, head, "rnn/lstm_cell/bias"));
    lstm_params_destroy(frozen);
    lstm_params_destroy(head);
    lstm_params_destroy(to);
    lstm_params_destroy(from);
}
END_TEST

START_TEST(what_cannot_be_copied_changes_nothing)
{
    lstm_params *from = declared(), *to = new_head(24), *before, *narrow = new_head(23);
    ck_fails(lstm_params_copy(from, to, "*"), LSTM_ERR_STATE, "from is open");
    ck_fails(lstm_params_copy(to, from, "*"), LSTM_ERR_STATE, "to is open");
    ck_ok(lstm_params_initialize(from, 1));
    ck_ok(lstm_params_freeze(to, NULL, &before));
    make_all_differ(from);
    ck_fails(lstm_params_copy(from, to, "*"), LSTM_ERR_STATE, "no variable \"new\"");
    ck_fails(lstm_params_copy(to, from, "*"), LSTM_ERR_STATE, "no variable \"rnn/lstm_cell/kernel\"");
    ck_fails(lstm_params_copy(narrow, to, "*"), LSTM_ERR_SHAPE, "[23], expected [24]");
    ck_fails(lstm_params_copy(from, to, "*kernel"), LSTM_ERR_INVALID_ARGUMENT, "\"*kernel\"");
    ck_fails(lstm_params_copy(to, before, "*"), LSTM_ERR_STATE, "to is frozen");
    ck_fails(lstm_params_copy(NULL, to, "*"), LSTM_ERR_INVALID_ARGUMENT, "from is NULL");
    ck_fails(lstm_params_copy(from, NULL, "*"), LSTM_ERR_INVALID_ARGUMENT, "to is NULL");
    ck_fails(lstm_params_copy(from, to, NULL), LSTM_ERR_INVALID_ARGUMENT, "pattern is NULL");
    ck_assert(have_same(before, to, "new") && have_same(before, to, "rnn/lstm_cell/bias"));
    lstm_params_destroy(narrow);
    lstm_params_destroy(before);
    lstm_params_destroy(to);
    lstm_params_destroy(from);
}
END_TEST

static void check_constant(const lstm_params *params, const char *name, float value)
{
    lstm_variable_info info;
    ck_ok(lstm_params_find(params, name, &info));
    for (size_t k = 0; k < info.count; k++)
        ck_assert_float_eq(lstm_params_data(params, NULL)[info.offset + k], value);
}

START_TEST(an_initializer_by_pattern_replaces_that_of_the_declaration)
{
    const lstm_initializer two = {.kind = LSTM_INITIALIZER_CONSTANT, .a = 2.0f};
    const lstm_initializer three = {.kind = LSTM_INITIALIZER_CONSTANT, .a = 3.0f};
    lstm_params *params = declared(), *plain = declared();
    ck_ok(lstm_params_set_initializer(params, "*bias", &two));
    ck_ok(lstm_params_set_initializer(params, "dense/*", &three));
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_params_initialize(plain, 1));
    check_constant(params, "rnn/lstm_cell/bias", 2.0f);
    check_constant(params, "dense/kernel", 3.0f);
    check_constant(params, "dense/bias", 3.0f);
    lstm_variable_info kernel;
    ck_ok(lstm_params_find(params, "rnn/lstm_cell/kernel", &kernel));
    ck_assert(same_bits(lstm_params_data(params, NULL) + kernel.offset, lstm_params_data(plain, NULL) + kernel.offset,
                        kernel.count));
    ck_fails(lstm_params_set_initializer(params, "*", &two), LSTM_ERR_STATE, "sealed");
    lstm_params_destroy(plain);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(an_initializer_that_fits_not_every_match_changes_none)
{
    const lstm_initializer one = {.kind = LSTM_INITIALIZER_CONSTANT, .a = 1.0f};
    const lstm_initializer wrong[] = {{.kind = LSTM_INITIALIZER_ORTHOGONAL},
                                      {.kind = LSTM_INITIALIZER_IDENTITY},
                                      {.kind = (lstm_initializer_kind)77},
                                      {.kind = LSTM_INITIALIZER_NORMAL, .b = -1.0f}};
    lstm_params *params = declared();
    ck_ok(lstm_params_set_initializer(params, "*", &one));
    for (size_t k = 0; k < 4; k++)
        ck_fails(lstm_params_set_initializer(params, "*", &wrong[k]), LSTM_ERR_INVALID_ARGUMENT, "rnn/lstm_cell/");
    ck_fails(lstm_params_set_initializer(params, "*", &wrong[0]), LSTM_ERR_INVALID_ARGUMENT, "rnn/lstm_cell/bias");
    ck_ok(lstm_params_initialize(params, 1));
    check_constant(params, "rnn/lstm_cell/kernel", 1.0f);
    check_constant(params, "dense/bias", 1.0f);
    lstm_params_destroy(params);
}
END_TEST

Suite *patterns_suite(void)
{
    return test_suite("patterns", (const TTest *const[]){
                                      a_pattern_matches_whole_names_with_runs_and_single_bytes,
                                      all_short_patterns_match_as_the_definition_says,
                                      a_hostile_pattern_takes_no_longer_than_its_length_times_the_names,
                                      the_last_call_wins_and_flags_hold_for_all_stores_of_the_layout,
                                      a_pattern_that_matches_nothing_is_named,
                                      an_initializer_by_pattern_replaces_that_of_the_declaration,
                                      an_initializer_that_fits_not_every_match_changes_none,
                                      values_are_copied_by_name,
                                      what_cannot_be_copied_changes_nothing,
                                      NULL,
                                  });
}
