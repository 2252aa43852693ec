#include "testing.h"

#include "golden.h"

#include <stdlib.h>
#include <string.h>

const char *const test_cell_kinds[] = {"basic_rnn", "basic_lstm", "lstm", "gru"};
const size_t test_cell_kind_count = sizeof test_cell_kinds / sizeof test_cell_kinds[0];

void *test_allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

float *test_numbers(const char *name, size_t count, float scale)
{
    float *numbers = test_allocate(count, sizeof *numbers);
    lstm_random random = lstm_random_named(20, name);
    lstm_random_uniform(&random, 0, count, -scale, scale, numbers);
    return numbers;
}

bool same_bits(const float *a, const float *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

lstm_activation test_activation(const char *name)
{
    static const char *const names[] = {"", "linear", "tanh", "sigmoid", "relu", "softmax"};
    for (int k = 1; k < 6; k++)
        if (!strcmp(name, names[k]))
            return (lstm_activation)k;
    ck_abort_msg("no activation %s", name);
}

lstm_cell *test_cell(const char *kind, size_t units, lstm_activation activation, float forget_bias)
{
    lstm_cell *cell = NULL;
    lstm_status status = LSTM_ERR_UNSUPPORTED;
    if (!strcmp(kind, "basic_rnn"))
        status =
            lstm_cell_create_basic_rnn(NULL, units, LSTM_ARGS(lstm_basic_rnn_config, .activation = activation), &cell);
    if (!strcmp(kind, "basic_lstm"))
        status = lstm_cell_create_basic_lstm(
            NULL, units,
            LSTM_ARGS(lstm_basic_lstm_config, .activation = activation, .forget_bias = LSTM_VALUE(forget_bias)), &cell);
    if (!strcmp(kind, "lstm"))
        status = lstm_cell_create_lstm(
            NULL, units, LSTM_ARGS(lstm_lstm_config, .activation = activation, .forget_bias = LSTM_VALUE(forget_bias)),
            &cell);
    if (!strcmp(kind, "gru"))
        status = lstm_cell_create_gru(NULL, units, LSTM_ARGS(lstm_gru_config, .activation = activation), &cell);
    ck_assert_msg(status == LSTM_OK, "%s: %s", kind, lstm_error_message());
    return cell;
}

Suite *test_suite(const char *name, const TTest *const *tests)
{
    Suite *suite = suite_create(name);
    TCase *group = tcase_create(name);
    suite_add_tcase(suite, group);
    for (; *tests; tests++)
        tcase_add_test(group, *tests);
    return suite;
}
