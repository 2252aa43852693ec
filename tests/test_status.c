/* Statuses, this thread's message, and structs of other ages. */
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

/* Structs of other ages. Each function that takes one is called with its bytes and gives back its status; what it
 * creates goes at once. */

typedef struct world {
    lstm_params *open, *sealed, *grads;
    lstm_cell *cell;
    lstm_rnn *rnn;
    lstm_tape *tape;
} world;

static world made(void)
{
    world w;
    ck_ok(lstm_params_create(NULL, &w.open));
    ck_ok(lstm_params_create(NULL, &w.sealed));
    ck_ok(lstm_cell_create_gru(NULL, 2, NULL, &w.cell));
    ck_ok(lstm_rnn_create(w.sealed, NULL, w.cell, 3, NULL, &w.rnn));
    ck_ok(lstm_params_initialize(w.sealed, 1));
    ck_ok(lstm_params_create_like(w.sealed, &w.grads));
    ck_ok(lstm_tape_create(w.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 1, .max_time = 1), &w.tape));
    return w;
}

static void unmade(world *w)
{
    lstm_tape_destroy(w->tape);
    lstm_rnn_destroy(w->rnn);
    lstm_cell_destroy(w->cell);
    lstm_params_destroy(w->grads);
    lstm_params_destroy(w->sealed);
    lstm_params_destroy(w->open);
}

static lstm_status context(const world *w, const void *args)
{
    (void)w;
    lstm_context *object = NULL;
    lstm_status status = lstm_context_create(args, &object);
    lstm_context_destroy(object);
    return status;
}

#define CELL(kind)                                                                                                     \
    static lstm_status kind(const world *w, const void *args)                                                          \
    {                                                                                                                  \
        (void)w;                                                                                                       \
        lstm_cell *object = NULL;                                                                                      \
        lstm_status status = lstm_cell_create_##kind(NULL, 2, args, &object);                                          \
        lstm_cell_destroy(object);                                                                                     \
        return status;                                                                                                 \
    }
CELL(basic_rnn)
CELL(basic_lstm)
CELL(lstm)
CELL(gru)

static lstm_status declare_state(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)self;
    lstm_status status = lstm_cell_spec_state(spec, input_size);
    return status ? status : lstm_cell_spec_output_state(spec, 0);
}

static void keep_state(const void *self, const lstm_step *s)
{
    (void)self;
    memcpy(s->next_state[0], s->state[0], s->rows * s->input_size * sizeof(float));
}

static lstm_status custom(const world *w, const void *args)
{
    (void)w;
    lstm_cell *object = NULL;
    lstm_status status = lstm_cell_create_custom(NULL, args, NULL, &object);
    lstm_cell_destroy(object);
    return status;
}

static lstm_status rnn(const world *w, const void *args)
{
    lstm_rnn *object = NULL;
    lstm_status status = lstm_rnn_create(w->open, NULL, w->cell, 3, args, &object);
    lstm_rnn_destroy(object);
    return status;
}

static lstm_status tape_size(const world *w, const void *args)
{
    size_t bytes;
    return lstm_tape_size(w->rnn, args, &bytes, NULL);
}

static lstm_status tape(const world *w, const void *args)
{
    lstm_tape *object = NULL;
    lstm_status status = lstm_tape_create(w->rnn, args, &object);
    lstm_tape_destroy(object);
    return status;
}

static lstm_status dynamic_rnn(const world *w, const void *args)
{
    return lstm_dynamic_rnn(w->tape, w->sealed, args);
}

static lstm_status dynamic_rnn_backward(const world *w, const void *args)
{
    ck_ok(lstm_dynamic_rnn(w->tape, w->sealed, LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 0)));
    return lstm_dynamic_rnn_backward(w->tape, w->sealed, args);
}

static lstm_status dense(const world *w, const void *args)
{
    lstm_dense *object = NULL;
    lstm_status status = lstm_dense_create(w->open, NULL, 3, 4, args, &object);
    lstm_dense_destroy(object);
    return status;
}

static lstm_status loss(const world *w, const void *args)
{
    (void)w;
    return lstm_softmax_cross_entropy(NULL, args, 0, 1, NULL, NULL, NULL, NULL);
}

static lstm_status sparse_loss(const world *w, const void *args)
{
    (void)w;
    return lstm_sparse_softmax_cross_entropy(NULL, args, 0, 1, NULL, NULL, NULL, NULL);
}

static lstm_status element_loss(const world *w, const void *args)
{
    (void)w;
    return lstm_mean_squared_error(NULL, args, 0, 1, NULL, NULL, NULL, NULL);
}

static lstm_status sequence_loss(const world *w, const void *args)
{
    (void)w;
    return lstm_sequence_loss(NULL, args);
}

static lstm_status ctc_frames(const world *w, const void *args)
{
    size_t bytes;
    (void)w;
    return lstm_ctc_workspace_size(NULL, args, LSTM_ARGS(lstm_ctc_labels, .max_length = 2), &bytes);
}

static lstm_status ctc_labels(const world *w, const void *args)
{
    size_t bytes;
    (void)w;
    return lstm_ctc_workspace_size(NULL, LSTM_ARGS(lstm_ctc_frames, .batch = 2), args, &bytes);
}

#define OPTIMIZER(kind)                                                                                                \
    static lstm_status kind(const world *w, const void *args)                                                          \
    {                                                                                                                  \
        lstm_optimizer *object = NULL;                                                                                 \
        lstm_status status = lstm_optimizer_create_##kind(NULL, w->sealed, args, &object);                             \
        lstm_optimizer_destroy(object);                                                                                \
        return status;                                                                                                 \
    }
OPTIMIZER(gradient_descent)
OPTIMIZER(adam)

/* The bytes of every struct fit here, with some to spare. */
typedef union bytes {
    unsigned char byte[256];
    size_t struct_size;
    lstm_cell_ops ops;
    lstm_gradient_descent_config gradient_descent;
    lstm_sequence_loss_args sequence_loss;
} bytes;

/* older: the size the struct might have had with fewer fields, those that must be given included. */
typedef struct reader {
    const char *name;
    size_t size, older;
    lstm_status (*call)(const world *w, const void *args);
} reader;

static const reader readers[] = {
    {"context", sizeof(lstm_context_config), offsetof(lstm_context_config, allocator), context},
    {"basic_rnn", sizeof(lstm_basic_rnn_config), offsetof(lstm_basic_rnn_config, activation), basic_rnn},
    {"basic_lstm", sizeof(lstm_basic_lstm_config), offsetof(lstm_basic_lstm_config, activation), basic_lstm},
    {"lstm", sizeof(lstm_lstm_config), offsetof(lstm_lstm_config, activation), lstm},
    {"gru", sizeof(lstm_gru_config), offsetof(lstm_gru_config, activation), gru},
    {"custom", sizeof(lstm_cell_ops), offsetof(lstm_cell_ops, step_backward), custom},
    {"rnn", sizeof(lstm_rnn_config), offsetof(lstm_rnn_config, layout), rnn},
    {"tape_size", sizeof(lstm_tape_config), offsetof(lstm_tape_config, memory), tape_size},
    {"tape", sizeof(lstm_tape_config), offsetof(lstm_tape_config, memory), tape},
    {"dynamic_rnn", sizeof(lstm_dynamic_rnn_args), offsetof(lstm_dynamic_rnn_args, sequence_length), dynamic_rnn},
    {"backward", sizeof(lstm_dynamic_rnn_grads), offsetof(lstm_dynamic_rnn_grads, d_params), dynamic_rnn_backward},
    {"dense", sizeof(lstm_dense_config), offsetof(lstm_dense_config, activation), dense},
    {"loss", sizeof(lstm_loss_config), offsetof(lstm_loss_config, reduction), loss},
    {"sparse_loss", sizeof(lstm_loss_config), offsetof(lstm_loss_config, reduction), sparse_loss},
    {"element_loss", sizeof(lstm_loss_config), offsetof(lstm_loss_config, weights), element_loss},
    {"sequence_loss", sizeof(lstm_sequence_loss_args), offsetof(lstm_sequence_loss_args, logits), sequence_loss},
    {"ctc_frames", sizeof(lstm_ctc_frames), offsetof(lstm_ctc_frames, batch), ctc_frames},
    {"ctc_labels", sizeof(lstm_ctc_labels), offsetof(lstm_ctc_labels, length), ctc_labels},
    {"gradient_descent", sizeof(lstm_gradient_descent_config),
     offsetof(lstm_gradient_descent_config, learning_rate) + sizeof(float), gradient_descent},
    {"adam", sizeof(lstm_adam_config), offsetof(lstm_adam_config, beta1), adam},
};
enum { READERS = sizeof readers / sizeof readers[0] };

/* Everything the struct needs, the rest of it zero, and past `size` bytes of that value. */
static bytes filled(const reader *r, size_t size, unsigned char past)
{
    bytes b = {{0}};
    if (r->call == custom) {
        b.ops.declare = declare_state;
        b.ops.step = keep_state;
    } else if (r->call == gradient_descent) {
        b.gradient_descent.learning_rate = 0.5f;
    } else if (r->call == sequence_loss) {
        b.sequence_loss.classes = 3;
    }
    memset(b.byte + size, past, sizeof b - size);
    b.struct_size = size;
    return b;
}

static void expect(const reader *r, size_t size, const bytes *b, lstm_status expected)
{
    world w = made();
    lstm_status status = r->call(&w, b);
    ck_assert_msg(status == expected, "%s at struct_size %zu: \"%s\", expected \"%s\" (%s)", r->name, size,
                  lstm_status_string(status), lstm_status_string(expected), lstm_error_message());
    unmade(&w);
}

START_TEST(a_struct_size_that_does_not_hold_itself_is_refused)
{
    for (size_t k = 0; k < READERS; k++)
        for (size_t size = 0; size < sizeof(size_t); size += sizeof(size_t) - 1) {
            bytes b = filled(&readers[k], readers[k].size, 0);
            b.struct_size = size;
            expect(&readers[k], size, &b, LSTM_ERR_INVALID_ARGUMENT);
            ck_assert_ptr_nonnull(strstr(lstm_error_message(), "struct_size"));
        }
}
END_TEST

START_TEST(a_struct_of_today_is_read)
{
    for (size_t k = 0; k < READERS; k++) {
        const bytes b = filled(&readers[k], readers[k].size, 0xFF);
        expect(&readers[k], readers[k].size, &b, LSTM_OK);
    }
}
END_TEST

START_TEST(of_an_older_shorter_struct_nothing_past_its_end_is_read)
{
    for (size_t k = 0; k < READERS; k++) {
        const bytes b = filled(&readers[k], readers[k].older, 0xFF);
        expect(&readers[k], readers[k].older, &b, LSTM_OK);
    }
}
END_TEST

START_TEST(a_newer_longer_struct_is_read_when_the_fields_we_lack_are_zero)
{
    for (size_t k = 0; k < READERS; k++) {
        bytes b = filled(&readers[k], readers[k].size, 0);
        b.struct_size = sizeof b;
        expect(&readers[k], sizeof b, &b, LSTM_OK);
    }
}
END_TEST

START_TEST(a_newer_longer_struct_that_sets_a_field_we_lack_is_unsupported)
{
    for (size_t k = 0; k < READERS; k++)
        for (int last = 0; last < 2; last++) {
            bytes b = filled(&readers[k], readers[k].size, 0);
            b.struct_size = sizeof b;
            b.byte[last ? sizeof b - 1 : readers[k].size] = 1;
            expect(&readers[k], sizeof b, &b, LSTM_ERR_UNSUPPORTED);
        }
}
END_TEST

START_TEST(an_older_struct_ends_where_its_size_says_and_not_at_a_field)
{
    lstm_adam_config config = {.struct_size = offsetof(lstm_adam_config, beta1),
                               .learning_rate = 0.25f,
                               .beta1 = LSTM_VALUE(-5.0f),
                               .beta2 = LSTM_VALUE(7.0f)};
    world w = made();
    lstm_optimizer *optimizer = NULL;
    ck_ok(lstm_optimizer_create_adam(NULL, w.sealed, &config, &optimizer));
    lstm_optimizer_destroy(optimizer);
    config.struct_size = offsetof(lstm_adam_config, beta2);
    ck_fails(lstm_optimizer_create_adam(NULL, w.sealed, &config, &optimizer), LSTM_ERR_INVALID_ARGUMENT, "beta1");
    unmade(&w);
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
    return test_suite(
        "status",
        (const TTest *const[]){
            every_status_has_words_of_its_own, a_number_that_is_no_status_is_unknown,
            the_message_names_function_argument_and_both_values, a_success_leaves_the_message_as_it_was,
            the_next_failure_takes_the_place_of_the_message,
            each_thread_has_a_message_of_its_own_and_it_is_empty_at_first,
            a_message_about_a_very_long_name_is_cut_and_ends, a_struct_size_that_does_not_hold_itself_is_refused,
            a_struct_of_today_is_read, of_an_older_shorter_struct_nothing_past_its_end_is_read,
            a_newer_longer_struct_is_read_when_the_fields_we_lack_are_zero,
            a_newer_longer_struct_that_sets_a_field_we_lack_is_unsupported,
            an_older_struct_ends_where_its_size_says_and_not_at_a_field, the_version_is_that_of_the_headers, NULL});
}
