/* Structs of other ages: every public struct that begins with struct_size, as an older program or a newer one gives it. */
#include "suites.h"
#include "testing.h"

#include <string.h>

/* What the calls below need. */
typedef struct world {
    lstm_params *open, *sealed, *frozen, *grads, *model_params;
    lstm_cell *cell;
    lstm_rnn *rnn;
    lstm_tape *tape;
    lstm_model *model;
    lstm_model_tape *model_tape;
} world;

static const char graph[] =
    "{\"input_size\": 3, \"layers\": [{\"type\": \"rnn\", \"cell\": {\"type\": \"gru\", \"num_units\": 2}}]}";

static world made(void)
{
    const lstm_tape_config *room = LSTM_ARGS(lstm_tape_config, .max_batch = 1, .max_time = 1);
    world w;
    ck_ok(lstm_params_create(NULL, &w.open));
    ck_ok(lstm_params_create(NULL, &w.sealed));
    ck_ok(lstm_cell_create_gru(NULL, 2, NULL, &w.cell));
    ck_ok(lstm_rnn_create(w.sealed, NULL, w.cell, 3, NULL, &w.rnn));
    ck_ok(lstm_params_initialize(w.sealed, 1));
    ck_ok(lstm_params_freeze(w.sealed, NULL, &w.frozen));
    ck_ok(lstm_params_create_like(w.sealed, &w.grads));
    ck_ok(lstm_tape_create(w.rnn, room, &w.tape));
    ck_ok(lstm_params_create(NULL, &w.model_params));
    ck_ok(lstm_model_create(w.model_params, graph, &w.model));
    ck_ok(lstm_params_initialize(w.model_params, 1));
    ck_ok(lstm_model_tape_create(w.model, room, &w.model_tape));
    return w;
}

static void unmade(world *w)
{
    lstm_model_tape_destroy(w->model_tape);
    lstm_model_destroy(w->model);
    lstm_tape_destroy(w->tape);
    lstm_rnn_destroy(w->rnn);
    lstm_cell_destroy(w->cell);
    lstm_params_destroy(w->model_params);
    lstm_params_destroy(w->grads);
    lstm_params_destroy(w->frozen);
    lstm_params_destroy(w->sealed);
    lstm_params_destroy(w->open);
}

/* Each function that takes a struct is called with its bytes and gives back its status; what it creates goes at once. */

#define CALL(name, call)                                                                                               \
    static lstm_status name(const world *w, const void *args)                                                          \
    {                                                                                                                  \
        (void)w;                                                                                                       \
        return call;                                                                                                   \
    }
#define CREATE(type, name, ...)                                                                                        \
    static lstm_status name(const world *w, const void *args)                                                          \
    {                                                                                                                  \
        (void)w;                                                                                                       \
        lstm_##type *object = NULL;                                                                                    \
        const lstm_status status = __VA_ARGS__;                                                                        \
        lstm_##type##_destroy(object);                                                                                 \
        return status;                                                                                                 \
    }
#define CELL(kind) CREATE(cell, kind, lstm_cell_create_##kind(NULL, 2, args, &object))
#define OPTIMIZER(kind) CREATE(optimizer, kind, lstm_optimizer_create_##kind(NULL, w->sealed, args, &object))

CREATE(context, context, lstm_context_create(args, &object))
CREATE(params, freeze, lstm_params_freeze(w->sealed, args, &object))
CREATE(batches, batches, lstm_batches_create(NULL, args, &object))
CELL(basic_rnn)
CELL(basic_lstm)
CELL(coupled_input_forget_lstm)
CELL(lstm)
CELL(gru)
CELL(cudnn_compatible_gru)
CELL(layer_norm_basic_lstm)
CREATE(cell, dropout, lstm_cell_create_dropout(NULL, w->cell, args, &object))
CREATE(cell, input_projection, lstm_cell_create_input_projection(NULL, w->cell, 2, args, &object))
CREATE(cell, output_projection, lstm_cell_create_output_projection(NULL, w->cell, 2, args, &object))
CREATE(cell, custom, lstm_cell_create_custom(NULL, args, NULL, &object))
CREATE(rnn, rnn, lstm_rnn_create(w->open, NULL, w->cell, 3, args, &object))
CREATE(rnn, bidirectional, lstm_rnn_create_bidirectional(w->open, "both", w->cell, w->cell, 3, args, &object))
CREATE(tape, tape, lstm_tape_create(w->rnn, args, &object))
CREATE(stream, stream, lstm_stream_create(w->rnn, w->frozen, args, &object))
CREATE(dense, dense, lstm_dense_create(w->open, NULL, 3, 4, args, &object))
CREATE(model_tape, model_tape, lstm_model_tape_create(w->model, args, &object))
OPTIMIZER(gradient_descent)
OPTIMIZER(momentum)
OPTIMIZER(adagrad)
OPTIMIZER(adadelta)
OPTIMIZER(rmsprop)
OPTIMIZER(adam)
OPTIMIZER(adamw)

static size_t bytes_needed;
CALL(tape_size, lstm_tape_size(w->rnn, args, &bytes_needed, NULL))
CALL(stream_size, lstm_stream_size(w->rnn, args, &bytes_needed, NULL))
CALL(model_tape_size, lstm_model_tape_size(w->model, args, &bytes_needed, NULL))
CALL(model_stream_size, lstm_model_stream_size(w->model, args, &bytes_needed, NULL))
CALL(loss, lstm_softmax_cross_entropy(NULL, args, 0, 1, NULL, NULL, NULL, NULL))
CALL(sparse_loss, lstm_sparse_softmax_cross_entropy(NULL, args, 0, 1, NULL, NULL, NULL, NULL))
CALL(element_loss, lstm_mean_squared_error(NULL, args, 0, 1, NULL, NULL, NULL, NULL))
CALL(sequence_loss, lstm_sequence_loss(NULL, args))
CALL(ctc_frames, lstm_ctc_workspace_size(NULL, args, LSTM_ARGS(lstm_ctc_labels, .max_length = 2), &bytes_needed))
CALL(ctc_labels, lstm_ctc_workspace_size(NULL, LSTM_ARGS(lstm_ctc_frames, .batch = 2), args, &bytes_needed))
CALL(dynamic_rnn, lstm_dynamic_rnn(w->tape, w->sealed, args))
CALL(model_run, lstm_model_run(w->model_tape, w->model_params, args))

static lstm_status read_nothing(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                                const float *const *state, float *input, bool *finished)
{
    (void)user, (void)time, (void)first_row, (void)rows, (void)output, (void)state, (void)input, (void)finished;
    return LSTM_OK;
}
#define NOTHING_READ LSTM_ARGS(lstm_raw_loop, .next = read_nothing)
#define NO_ROWS LSTM_ARGS(lstm_raw_rnn_args, .batch = 0)
CALL(raw_loop, lstm_raw_rnn(w->tape, w->sealed, args, NO_ROWS))
CALL(raw_rnn, lstm_raw_rnn(w->tape, w->sealed, NOTHING_READ, args))

static lstm_status dynamic_rnn_backward(const world *w, const void *args)
{
    ck_ok(lstm_dynamic_rnn(w->tape, w->sealed, LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 0)));
    return lstm_dynamic_rnn_backward(w->tape, w->sealed, args);
}

static lstm_status raw_rnn_backward(const world *w, const void *args)
{
    ck_ok(lstm_raw_rnn(w->tape, w->sealed, NOTHING_READ, NO_ROWS));
    return lstm_raw_rnn_backward(w->tape, w->sealed, NOTHING_READ, args);
}

static lstm_status model_backward(const world *w, const void *args)
{
    ck_ok(lstm_model_run(w->model_tape, w->model_params, LSTM_ARGS(lstm_model_args, .batch = 0)));
    return lstm_model_backward(w->model_tape, w->model_params, args);
}

/* A custom cell's table cannot be all zero. */
static lstm_status declare_state(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)self;
    const lstm_status status = lstm_cell_spec_state(spec, input_size);
    return status ? status : lstm_cell_spec_output_state(spec, 0);
}

static void keep_state(const void *self, const lstm_step *s)
{
    (void)self;
    memcpy(s->next_state[0], s->state[0], s->rows * s->input_size * sizeof(float));
}

/* The bytes of every struct fit here, with some to spare. */
typedef union bytes {
    unsigned char byte[256];
    size_t struct_size;
    lstm_cell_ops ops;
    lstm_raw_loop loop;
    lstm_batches_config batches;
    lstm_tape_config tape;
    lstm_sequence_loss_args sequence_loss;
    lstm_gradient_descent_config gradient_descent;
    lstm_momentum_config momentum;
    lstm_adagrad_config adagrad;
    lstm_rmsprop_config rmsprop;
    lstm_adamw_config adamw;
} bytes;

/* needed: the least size that holds the last field that must be given. */
typedef struct reader {
    const char *name;
    size_t size, needed;
    lstm_status (*call)(const world *w, const void *args);
} reader;

#define READER(type, call)                                                                                             \
    {                                                                                                                  \
#call, sizeof(type), sizeof(size_t), call                                                                      \
    }
#define READER_NEEDS(type, field, call)                                                                                \
    {                                                                                                                  \
#call, sizeof(type), (offsetof(type, field) / sizeof(size_t) + 1) * sizeof(size_t), call                       \
    }

/* tests/check_headers.sh compares these types with the headers. */
static const reader readers[] = {
    READER(lstm_context_config, context),
    READER(lstm_freeze_config, freeze),
    READER_NEEDS(lstm_batches_config, batch_size, batches),
    READER(lstm_basic_rnn_config, basic_rnn),
    READER(lstm_basic_lstm_config, basic_lstm),
    READER(lstm_basic_lstm_config, coupled_input_forget_lstm),
    READER(lstm_lstm_config, lstm),
    READER(lstm_gru_config, gru),
    READER(lstm_gru_config, cudnn_compatible_gru),
    READER(lstm_layer_norm_basic_lstm_config, layer_norm_basic_lstm),
    READER(lstm_dropout_config, dropout),
    READER(lstm_projection_config, input_projection),
    READER(lstm_projection_config, output_projection),
    READER_NEEDS(lstm_cell_ops, step, custom),
    READER(lstm_rnn_config, rnn),
    READER(lstm_rnn_config, bidirectional),
    READER(lstm_tape_config, tape_size),
    READER(lstm_tape_config, tape),
    READER_NEEDS(lstm_tape_config, max_time, model_tape_size),
    READER_NEEDS(lstm_tape_config, max_time, model_tape),
    READER(lstm_dynamic_rnn_args, dynamic_rnn),
    READER(lstm_dynamic_rnn_grads, dynamic_rnn_backward),
    READER_NEEDS(lstm_raw_loop, next, raw_loop),
    READER(lstm_raw_rnn_args, raw_rnn),
    READER(lstm_raw_rnn_grads, raw_rnn_backward),
    READER(lstm_stream_config, stream_size),
    READER(lstm_stream_config, stream),
    READER(lstm_stream_config, model_stream_size),
    READER(lstm_model_args, model_run),
    READER(lstm_model_grads, model_backward),
    READER(lstm_dense_config, dense),
    READER(lstm_loss_config, loss),
    READER(lstm_loss_config, sparse_loss),
    READER(lstm_loss_config, element_loss),
    READER_NEEDS(lstm_sequence_loss_args, classes, sequence_loss),
    READER(lstm_ctc_frames, ctc_frames),
    READER(lstm_ctc_labels, ctc_labels),
    READER_NEEDS(lstm_gradient_descent_config, learning_rate, gradient_descent),
    READER_NEEDS(lstm_momentum_config, learning_rate, momentum),
    READER_NEEDS(lstm_adagrad_config, learning_rate, adagrad),
    READER(lstm_adadelta_config, adadelta),
    READER_NEEDS(lstm_rmsprop_config, learning_rate, rmsprop),
    READER(lstm_adam_config, adam),
    READER_NEEDS(lstm_adamw_config, weight_decay, adamw),
};
enum { READERS = sizeof readers / sizeof readers[0] };

/* Everything the struct needs, the rest of it zero, and past `size` bytes of that value. */
static bytes filled(const reader *r, size_t size, unsigned char past)
{
    bytes b = {{0}};
    if (r->call == custom) {
        b.ops.declare = declare_state;
        b.ops.step = keep_state;
    } else if (r->call == raw_loop) {
        b.loop.next = read_nothing;
    } else if (r->call == batches) {
        b.batches.examples = b.batches.batch_size = 2;
    } else if (r->call == model_tape_size || r->call == model_tape) {
        b.tape.max_batch = b.tape.max_time = 1;
    } else if (r->call == sequence_loss) {
        b.sequence_loss.classes = 3;
    } else if (r->call == gradient_descent) {
        b.gradient_descent.learning_rate = 0.5f;
    } else if (r->call == momentum) {
        b.momentum.learning_rate = 0.5f;
    } else if (r->call == adagrad) {
        b.adagrad.learning_rate = 0.5f;
    } else if (r->call == rmsprop) {
        b.rmsprop.learning_rate = 0.5f;
    } else if (r->call == adamw) {
        b.adamw.weight_decay = 0.5f;
    }
    memset(b.byte + size, past, sizeof b - size);
    b.struct_size = size;
    return b;
}

static void expect(const world *w, const reader *r, size_t size, const bytes *b, lstm_status expected)
{
    const lstm_status status = r->call(w, b);
    ck_assert_msg(status == expected, "%s at struct_size %zu: \"%s\", expected \"%s\" (%s)", r->name, size,
                  lstm_status_string(status), lstm_status_string(expected), lstm_error_message());
}

START_TEST(a_struct_size_that_no_struct_has_is_refused)
{
    world w = made();
    for (size_t k = 0; k < READERS; k++)
        for (size_t size = 0; size < sizeof(bytes); size++) {
            if (size >= sizeof(size_t) && size % _Alignof(size_t) == 0)
                continue;
            bytes b = filled(&readers[k], readers[k].size, 0);
            b.struct_size = size;
            expect(&w, &readers[k], size, &b, LSTM_ERR_INVALID_ARGUMENT);
            ck_assert_ptr_nonnull(strstr(lstm_error_message(), "struct_size"));
        }
    unmade(&w);
}
END_TEST

START_TEST(of_a_struct_of_today_or_an_older_shorter_one_nothing_past_its_end_is_read)
{
    for (size_t k = 0; k < READERS; k++)
        for (size_t size = readers[k].needed; size <= readers[k].size; size += _Alignof(size_t)) {
            world w = made();
            const bytes b = filled(&readers[k], size, 0xFF);
            expect(&w, &readers[k], size, &b, LSTM_OK);
            unmade(&w);
        }
}
END_TEST

START_TEST(a_newer_longer_struct_is_read_when_the_fields_we_lack_are_zero)
{
    for (size_t k = 0; k < READERS; k++) {
        world w = made();
        bytes b = filled(&readers[k], readers[k].size, 0);
        b.struct_size = sizeof b;
        expect(&w, &readers[k], sizeof b, &b, LSTM_OK);
        unmade(&w);
    }
}
END_TEST

START_TEST(a_newer_longer_struct_that_sets_a_field_we_lack_is_unsupported)
{
    world w = made();
    for (size_t k = 0; k < READERS; k++)
        for (size_t place = readers[k].size; place < sizeof(bytes); place++) {
            bytes b = filled(&readers[k], readers[k].size, 0);
            b.struct_size = sizeof b;
            b.byte[place] = 1;
            expect(&w, &readers[k], sizeof b, &b, LSTM_ERR_UNSUPPORTED);
        }
    unmade(&w);
}
END_TEST

START_TEST(an_older_struct_ends_where_its_size_says)
{
    lstm_tape_config config = {.struct_size = offsetof(lstm_tape_config, max_time),
                               .max_batch = 1,
                               .max_time = SIZE_MAX,
                               .max_steps = SIZE_MAX};
    world w = made();
    ck_ok(lstm_tape_size(w.rnn, &config, &bytes_needed, NULL));
    config.struct_size = offsetof(lstm_tape_config, max_steps);
    ck_assert_int_eq(lstm_tape_size(w.rnn, &config, &bytes_needed, NULL), LSTM_ERR_OUT_OF_MEMORY);
    unmade(&w);
}
END_TEST

Suite *struct_size_suite(void)
{
    return test_suite("struct_size",
                      (const TTest *const[]){a_struct_size_that_no_struct_has_is_refused,
                                             of_a_struct_of_today_or_an_older_shorter_one_nothing_past_its_end_is_read,
                                             a_newer_longer_struct_is_read_when_the_fields_we_lack_are_zero,
                                             a_newer_longer_struct_that_sets_a_field_we_lack_is_unsupported,
                                             an_older_struct_ends_where_its_size_says, NULL});
}
