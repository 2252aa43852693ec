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

/* The call fails with that status, and its message holds those words. */
#define ck_fails(call, expected, words)                                                                                \
    do {                                                                                                               \
        lstm_status ck_status = (call);                                                                                \
        ck_assert_msg(ck_status == (expected), "%s: got \"%s\", expected \"%s\"", #call,                               \
                      lstm_status_string(ck_status), lstm_status_string(expected));                                    \
        ck_assert_msg(strstr(lstm_error_message(), (words)), "%s: the message \"%s\" lacks \"%s\"", #call,             \
                      lstm_error_message(), (words));                                                                  \
    } while (0)

/* max|a-b| / max|b|, as golden_difference: infinite if either holds a NaN. */
#define ck_close(a, b, count, what)                                                                                    \
    do {                                                                                                               \
        double ck_difference = golden_difference((a), (b), (count));                                                   \
        ck_assert_msg(ck_difference <= ARRAY_TOLERANCE, "%s: differs by %.3g of the largest", (what), ck_difference);  \
    } while (0)

/* Zeroed; aborts the test when there is no memory. */
void *test_allocate(size_t count, size_t size);

/* Uniform numbers in [-scale, scale), a function of the name. */
float *test_numbers(const char *name, size_t count, float scale);

/* Both all the same bits, NaNs included. */
bool same_bits(const float *a, const float *b, size_t count);

/* The cells by their TF names, such as "basic_lstm": at these units, with that activation and forget bias. */
lstm_cell *test_cell(const char *kind, size_t units, lstm_activation activation, float forget_bias);
extern const char *const test_cell_kinds[];
extern const size_t test_cell_kind_count;

/* "tanh" -> LSTM_ACTIVATION_TANH, and so on. */
lstm_activation test_activation(const char *name);

/* Create a Suite of one case from test functions; the list ends with NULL. */
Suite *test_suite(const char *name, const TTest *const *tests);

#endif
