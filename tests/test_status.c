/* Statuses, this thread's message, and the version. */
#include "suites.h"
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lstm_status statuses[] = {LSTM_OK,
                                       LSTM_ERR_INVALID_ARGUMENT,
                                       LSTM_ERR_OUT_OF_MEMORY,
                                       LSTM_ERR_SHAPE,
                                       LSTM_ERR_CAPACITY,
                                       LSTM_ERR_STATE,
                                       LSTM_ERR_UNSUPPORTED,
                                       LSTM_ERR_IO,
                                       LSTM_ERR_FORMAT};
enum { STATUSES = sizeof statuses / sizeof statuses[0] };

START_TEST(every_status_has_words_of_its_own)
{
    for (size_t k = 0; k < STATUSES; k++) {
        const char *words = lstm_status_string(statuses[k]);
        ck_assert_uint_gt(strlen(words), 0);
        ck_assert_str_ne(words, "unknown status");
        for (size_t other = 0; other < k; other++)
            ck_assert_str_ne(words, lstm_status_string(statuses[other]));
    }
    ck_assert_str_eq(lstm_status_string(LSTM_ERR_OUT_OF_MEMORY), "out of memory");
}
END_TEST

START_TEST(a_number_that_is_no_status_is_unknown)
{
    const int numbers[] = {9, 10, 1000, -1};
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++)
        ck_assert_str_eq(lstm_status_string((lstm_status)numbers[k]), "unknown status");
}
END_TEST

static lstm_status fail_with_threads(size_t threads)
{
    lstm_context *context = NULL;
    return lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context);
}

START_TEST(the_message_names_function_argument_and_both_values)
{
    ck_fails(fail_with_threads(54321), LSTM_ERR_INVALID_ARGUMENT, "lstm_context_create");
    ck_assert_ptr_nonnull(strstr(lstm_error_message(), "threads"));
    ck_assert_ptr_nonnull(strstr(lstm_error_message(), "54321"));
    ck_assert_ptr_nonnull(strstr(lstm_error_message(), "1024"));
}
END_TEST

START_TEST(a_success_leaves_the_message_as_it_was)
{
    char before[600];
    ck_fails(fail_with_threads(77777), LSTM_ERR_INVALID_ARGUMENT, "77777");
    ck_assert_uint_lt(strlen(lstm_error_message()), sizeof before);
    strcpy(before, lstm_error_message());
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_initialize(params, 1));
    lstm_params_destroy(params);
    ck_assert_str_eq(lstm_error_message(), before);
}
END_TEST

START_TEST(the_next_failure_takes_the_place_of_the_message)
{
    ck_fails(fail_with_threads(1111), LSTM_ERR_INVALID_ARGUMENT, "1111");
    ck_fails(fail_with_threads(2222), LSTM_ERR_INVALID_ARGUMENT, "2222");
    ck_assert_ptr_null(strstr(lstm_error_message(), "1111"));
}
END_TEST

typedef struct seen {
    bool empty_at_first;
    bool has_its_own;
    const char *place;
} seen;

static void *look(void *argument)
{
    seen *s = argument;
    s->empty_at_first = lstm_error_message()[0] == 0;
    fail_with_threads(4444);
    s->has_its_own = strstr(lstm_error_message(), "4444") != NULL;
    s->place = lstm_error_message();
    return NULL;
}

START_TEST(each_thread_has_a_message_of_its_own_and_it_is_empty_at_first)
{
    pthread_t thread;
    seen s = {0};
    fail_with_threads(3333);
    ck_assert_int_eq(pthread_create(&thread, NULL, look, &s), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(s.empty_at_first);
    ck_assert(s.has_its_own);
    ck_assert_ptr_ne(s.place, lstm_error_message());
    ck_assert_ptr_nonnull(strstr(lstm_error_message(), "3333"));
}
END_TEST

START_TEST(a_message_about_a_very_long_name_is_cut_and_ends)
{
    enum { LENGTH = 100000 };
    char *name = test_allocate(LENGTH + 1, 1);
    const size_t one = 1;
    lstm_params *params;
    lstm_variable_info info;
    memset(name, 'x', LENGTH);
    ck_ok(lstm_params_create(NULL, &params));
    ck_fails(lstm_params_find(params, name, &info), LSTM_ERR_INVALID_ARGUMENT, "lstm_params_find: ");
    ck_assert_uint_lt(strlen(lstm_error_message()), 1000);
    ck_fails(lstm_params_declare(params, name, 1, &one, NULL), LSTM_ERR_INVALID_ARGUMENT, "lstm_params_declare: ");
    ck_assert_uint_lt(strlen(lstm_error_message()), 1000);
    lstm_params_destroy(params);
    free(name);
}
END_TEST

START_TEST(the_version_is_that_of_the_headers)
{
    ck_assert_str_eq(lstm_version(), LSTM_VERSION_STRING);
    char words[64];
    snprintf(words, sizeof words, "%d.%d.%d", LSTM_VERSION_MAJOR, LSTM_VERSION_MINOR, LSTM_VERSION_PATCH);
    ck_assert_str_eq(lstm_version(), words);
}
END_TEST

Suite *status_suite(void)
{
    return test_suite("status",
                      (const TTest *const[]){
                          every_status_has_words_of_its_own, a_number_that_is_no_status_is_unknown,
                          the_message_names_function_argument_and_both_values, a_success_leaves_the_message_as_it_was,
                          the_next_failure_takes_the_place_of_the_message,
                          each_thread_has_a_message_of_its_own_and_it_is_empty_at_first,
                          a_message_about_a_very_long_name_is_cut_and_ends, the_version_is_that_of_the_headers, NULL});
}
