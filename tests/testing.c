#include "testing.h"

#include "files.h"
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const test_cell_kinds[] = {"basic_rnn",
                                       "basic_lstm",
                                       "lstm",
                                       "full_lstm",
                                       "gru",
                                       "cudnn_compatible_gru",
                                       "layer_norm_basic_lstm",
                                       "plain_layer_norm_basic_lstm",
                                       "coupled_input_forget_lstm"};
const size_t test_cell_kind_count = sizeof test_cell_kinds / sizeof test_cell_kinds[0];

bool test_message_names(const char *call)
{
    const size_t length = strcspn(call, "(");
    const bool is_public = !strncmp(call, "lstm_", 5) && strncmp(call, "lstm__", 6);
    return !is_public || (!strncmp(lstm_error_message(), call, length) && lstm_error_message()[length] == ':');
}

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

float fused(float a, float b, float c)
{
#ifdef __MINGW32__ /* whose fmaf rounds the product; a long double has digits enough for the numbers of these tests */
    return (float)((long double)a * b + c);
#else
    return fmaf(a, b, c);
#endif
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
    return LSTM_ACTIVATION_DEFAULT; /* Check without processes comes back, for all the compiler knows */
}

typedef struct maker {
    lstm_activation activation;
    lstm_function function;
    lstm_optional forget_bias;
} maker;

static lstm_status make_lstm(const char *kind, size_t units, const maker *m, lstm_cell **cell)
{
    const lstm_basic_lstm_config basic = {.struct_size = sizeof basic,
                                          .activation = m->activation,
                                          .function = m->function,
                                          .forget_bias = m->forget_bias};
    lstm_lstm_config lstm = {.struct_size = sizeof lstm,
                             .activation = m->activation,
                             .function = m->function,
                             .forget_bias = m->forget_bias};
    if (!strcmp(kind, "basic_lstm"))
        return lstm_cell_create_basic_lstm(NULL, units, &basic, cell);
    if (!strcmp(kind, "coupled_input_forget_lstm"))
        return lstm_cell_create_coupled_input_forget_lstm(NULL, units, &basic, cell);
    if (!strcmp(kind, "full_lstm")) {
        lstm.use_peepholes = true;
        lstm.cell_clip = TEST_CELL_CLIP;
        lstm.num_proj = test_output_width(kind, units);
        lstm.proj_clip = TEST_PROJ_CLIP;
    } else if (strcmp(kind, "lstm") != 0) {
        return LSTM_ERR_UNSUPPORTED;
    }
    return lstm_cell_create_lstm(NULL, units, &lstm, cell);
}

static lstm_status make_cell(const char *kind, size_t units, const maker *m, lstm_cell **cell)
{
    const lstm_basic_rnn_config rnn = {.struct_size = sizeof rnn, .activation = m->activation, .function = m->function};
    const lstm_gru_config gru = {.struct_size = sizeof gru, .activation = m->activation, .function = m->function};
    const lstm_layer_norm_basic_lstm_config norm = {.struct_size = sizeof norm,
                                                    .activation = m->activation,
                                                    .function = m->function,
                                                    .forget_bias = m->forget_bias,
                                                    .no_layer_norm = !strncmp(kind, "plain_", 6)};
    if (!strcmp(kind, "basic_rnn"))
        return lstm_cell_create_basic_rnn(NULL, units, &rnn, cell);
    if (!strcmp(kind, "gru"))
        return lstm_cell_create_gru(NULL, units, &gru, cell);
    if (!strcmp(kind, "cudnn_compatible_gru"))
        return lstm_cell_create_cudnn_compatible_gru(NULL, units, &gru, cell);
    if (strstr(kind, "layer_norm_basic_lstm"))
        return lstm_cell_create_layer_norm_basic_lstm(NULL, units, &norm, cell);
    return make_lstm(kind, units, m, cell);
}

lstm_cell *test_cell(const char *kind, size_t units, lstm_activation activation, float forget_bias)
{
    const maker m = {.activation = activation, .forget_bias = LSTM_VALUE(forget_bias)};
    lstm_cell *cell = NULL;
    lstm_status status = make_cell(kind, units, &m, &cell);
    ck_assert_msg(status == LSTM_OK, "%s: %s", kind, lstm_error_message());
    return cell;
}

lstm_cell *test_cell_with(const char *kind, size_t units, const lstm_function *function)
{
    const maker m = {.activation = LSTM_ACTIVATION_CUSTOM, .function = *function};
    lstm_cell *cell = NULL;
    lstm_status status = make_cell(kind, units, &m, &cell);
    ck_assert_msg(status == LSTM_OK, "%s: %s", kind, lstm_error_message());
    return cell;
}

size_t test_output_width(const char *kind, size_t units)
{
    return strcmp(kind, "full_lstm") == 0 ? units / 2 + 1 : units;
}

Suite *test_suite(const char *name, const TTest *const *tests)
{
    Suite *suite = suite_create(name);
    TCase *group = tcase_create(name);
    suite_add_tcase(suite, group);
#ifdef _WIN32 /* where tests are no processes, and share a folder */
    tcase_add_checked_fixture(group, NULL, remove_files);
#endif
    for (; *tests; tests++)
        tcase_add_test(group, *tests);
    return suite;
}
