/* What the suites share. */
#ifndef TESTING_H
#define TESTING_H

#include "suites.h"

#include <lstm/lstm.h>

/* The contract with TensorFlow and with the double reference: max|a-b| <= 2e-5 max|b| for each array. Float32 sums of some
 * hundred terms, carried through tens of steps, come to a few 1e-6. */
#define ARRAY_TOLERANCE 2e-5

#define ck_ok(call)                                                                                                    \
    do {                                                                                                               \
        lstm_status ck_status = (call);                                                                                \
        ck_assert_msg(ck_status == LSTM_OK, "%s: %s: %s", #call, lstm_status_string(ck_status), lstm_error_message()); \
    } while (0)

/* The call fails with that status, and its message begins with the function's name and holds those words. */
#define ck_fails(call, expected, words)                                                                                \
    do {                                                                                                               \
        lstm_status ck_status = (call);                                                                                \
        ck_assert_msg(ck_status == (expected), "%s: got \"%s\", expected \"%s\"", #call,                               \
                      lstm_status_string(ck_status), lstm_status_string(expected));                                    \
        ck_assert_msg(test_message_names(#call) && strstr(lstm_error_message(), (words)),                              \
                      "%s: the message \"%s\" lacks \"%s\"", #call, lstm_error_message(), (words));                    \
    } while (0)

/* The call is refused as INVALID_ARGUMENT with those words, and leaves `array`, floats[], as it was. */
#define ck_nothing_written(array, call, words)                                                                         \
    do {                                                                                                               \
        for (size_t ck_k = 0; ck_k < sizeof(array) / sizeof *(array); ck_k++)                                          \
            (array)[ck_k] = 55.0f;                                                                                     \
        ck_fails(call, LSTM_ERR_INVALID_ARGUMENT, words);                                                              \
        for (size_t ck_k = 0; ck_k < sizeof(array) / sizeof *(array); ck_k++)                                          \
            ck_assert_float_eq((array)[ck_k], 55.0f);                                                                  \
    } while (0)

/* A create function, called with &made, fails and leaves the handle as it was. */
#define ck_makes_nothing(type, call, expected, words)                                                                  \
    do {                                                                                                               \
        static char ck_mark; /* its address stands for whatever was in a handle */                                     \
        type *made = (type *)(void *)&ck_mark;                                                                         \
        ck_fails(call, expected, words);                                                                               \
        ck_assert_ptr_eq((void *)made, (void *)&ck_mark);                                                              \
    } while (0)

/* max|a-b| / max|b|, as golden_difference: infinite if either holds a NaN. */
#define ck_close(a, b, count, what)                                                                                    \
    do {                                                                                                               \
        double ck_difference = golden_difference((a), (b), (count));                                                   \
        ck_assert_msg(ck_difference <= ARRAY_TOLERANCE, "%s: differs by %.3g of the largest", (what), ck_difference);  \
    } while (0)

/* Whether the error message begins with the public function that is called, if it is one: "lstm_name(...". */
bool test_message_names(const char *call);

/* Zeroed; aborts the test when there is no memory. */
void *test_allocate(size_t count, size_t size);

/* Uniform numbers in [-scale, scale), a function of the name. */
float *test_numbers(const char *name, size_t count, float scale);

/* a b + c, rounded once. */
float fused(float a, float b, float c);

/* Both all the same bits, NaNs included. */
bool same_bits(const float *a, const float *b, size_t count);

/* The cells by their TF names, such as "basic_lstm": at these units, with that activation and forget bias. Two names stand
 * for options: "full_lstm" is an LSTM with peepholes, a projection to units / 2 + 1 and both clips,
 * "plain_layer_norm_basic_lstm" is a layer-norm LSTM without its norms. */
lstm_cell *test_cell(const char *kind, size_t units, lstm_activation activation, float forget_bias);
extern const char *const test_cell_kinds[];
extern const size_t test_cell_kind_count;

/* The same with a custom activation, and the forget bias that a cell has by itself. */
lstm_cell *test_cell_with(const char *kind, size_t units, const lstm_function *function);

/* How wide the output of such a cell is. */
size_t test_output_width(const char *kind, size_t units);

/* The clips of "full_lstm": of random runs they cut a part of the values, and come closer to none than rounding does. */
#define TEST_CELL_CLIP 0.75f
#define TEST_PROJ_CLIP 0.25f

/* "tanh" -> LSTM_ACTIVATION_TANH, and so on. */
lstm_activation test_activation(const char *name);

/* Create a Suite of one case from test functions; the list ends with NULL. */
Suite *test_suite(const char *name, const TTest *const *tests);

#endif
