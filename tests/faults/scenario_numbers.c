/* What computes: it allocates nothing, calls nobody, and gives the same numbers whatever failed before. */
#include "scenario.h"

#include <string.h>

enum { BATCH = 2, TIME = 3, ROWS = BATCH * TIME };

static const float *const x = scenario_numbers;
static const size_t lengths[BATCH] = {3, 2};

static float sum(const float *values, size_t size)
{
    float all = 0.0f;
    for (size_t k = 0; k < size; k++)
        all += values[k] * (float)(k % 7 + 1);
    return all;
}

static float sum_of(const lstm_params *params)
{
    size_t size = 0;
    const float *values = lstm_params_data(params, &size);
    return sum(values, size);
}

static lstm_status draw(world *w, result *r)
{
    (void)w;
    const lstm_random random = lstm_random_named(1, "faults");
    uint32_t order[4] = {0, 1, 2, 3};
    lstm_random_uniform(&random, 0, NUMBERS, -1.0f, 1.0f, scenario_numbers);
    lstm_random_normal(&random, 0, 4, 0.0f, 1.0f, r->f);
    lstm_random_truncated_normal(&random, 0, 4, 0.0f, 1.0f, r->f + 4);
    r->n[0] = lstm_random_bits(&random, 5);
    lstm_status status = lstm_random_shuffle(&random, 4, order);
    r->n[1] = order[0];
    return status;
}

static lstm_status ask(world *w, result *r)
{
    lstm_variable_info info;
    lstm_status status = lstm_params_variable(w->params, 0, &info);
    if (!status)
        status = lstm_params_find(w->params, "dense/bias", &info);
    r->n[0] = lstm_params_variable_count(w->params) + lstm_context_threads(w->context) / 64;
    r->n[1] = lstm_rnn_input_size(w->plain) + lstm_rnn_output_size(w->both);
    r->n[2] = lstm_rnn_state_count(w->stack) + lstm_rnn_state_size(w->stack, 0);
    r->n[3] = lstm_model_input_size(w->model) + lstm_model_output_size(w->model);
    r->n[4] = lstm_model_state_count(w->model) + lstm_model_state_size(w->model, 0);
    r->n[5] = (size_t)lstm_model_returns_last(w->model) + (size_t)lstm_model_has_logits(w->model);
    r->n[6] = strlen(lstm_model_graph(w->model)) + strlen(lstm_context_isa_name(w->context));
    r->n[7] = strlen(lstm_version()) + strlen(lstm_status_string(LSTM_OK)) + strlen(lstm_dtype_name(LSTM_DTYPE_F32));
    return status;
}

static lstm_status forward(world *w, result *r)
{
    return lstm_dynamic_rnn(w->tape, w->params,
                            LSTM_ARGS(lstm_dynamic_rnn_args, .batch = BATCH, .time = TIME, .inputs = x,
                                      .sequence_length = lengths, .outputs = r->f, .training = true));
}

static lstm_status backward(world *w, result *r)
{
    lstm_params_zero(w->zeros);
    lstm_status status = lstm_dynamic_rnn_backward(
        w->tape, w->params, LSTM_ARGS(lstm_dynamic_rnn_grads, .d_outputs = x, .d_params = w->zeros, .d_inputs = r->f));
    r->f[NUMBERS - 1] = sum_of(w->zeros);
    return status;
}

static lstm_status next(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                        const float *const *state, float *input, bool *finished)
{
    (void)user, (void)first_row, (void)output, (void)state;
    for (size_t k = 0; k < 2 * rows; k++)
        input[k] = x[k];
    for (size_t k = 0; k < rows; k++)
        finished[k] = time > k;
    return LSTM_OK;
}

static lstm_status raw(world *w, result *r)
{
    return lstm_raw_rnn(w->raw_tape, w->params, LSTM_ARGS(lstm_raw_loop, .next = next),
                        LSTM_ARGS(lstm_raw_rnn_args, .batch = BATCH, .max_time = TIME, .outputs = r->f));
}

static lstm_status raw_backward(world *w, result *r)
{
    float *const states[10] = {r->f}; /* one for each leaf */
    return lstm_raw_rnn_backward(w->raw_tape, w->params, LSTM_ARGS(lstm_raw_loop, .next = next),
                                 LSTM_ARGS(lstm_raw_rnn_grads, .d_outputs = x, .d_initial_state = states));
}

static lstm_status dense(world *w, result *r)
{
    lstm_status status = lstm_dense_forward(w->dense, w->params, BATCH, x, r->f);
    return status ? status : lstm_dense_backward(w->dense, w->params, BATCH, x, r->f, x, w->zeros, r->f + 8);
}

static lstm_status run_model(world *w, result *r)
{
    lstm_status status = lstm_model_run(w->model_tape, w->net,
                                        LSTM_ARGS(lstm_model_args, .batch = BATCH, .time = TIME, .inputs = x,
                                                  .sequence_length = lengths, .outputs = r->f));
    if (!status)
        status = lstm_model_backward(w->model_tape, w->net,
                                     LSTM_ARGS(lstm_model_grads, .d_outputs = x, .d_params = w->net_grads));
    r->f[NUMBERS - 1] = sum_of(w->net_grads);
    memcpy(w->outputs, r->f, sizeof w->outputs);
    return status;
}

static lstm_status run_stream(world *w, result *r)
{
    unsigned char bytes[BYTES];
    lstm_status status = lstm_stream_run(w->stream, 2, x, r->f);
    if (!status)
        status = lstm_stream_copy(w->stream, w->fork);
    if (!status)
        status = lstm_stream_save(w->stream, bytes, sizeof bytes);
    if (!status)
        status = lstm_stream_reset(w->stream);
    if (!status)
        status = lstm_stream_restore(w->stream, bytes, lstm_stream_save_size(w->stream));
    if (!status)
        status = lstm_stream_run_ragged(w->fork, 2, (const size_t[]){1, 2}, x, r->f + 16);
    r->f[NUMBERS - 1] = lstm_stream_state(w->fork, 0)[0];
    return status ? status : lstm_stream_reset_row(w->fork, 1);
}

static lstm_status run_model_stream(world *w, result *r)
{
    unsigned char bytes[BYTES];
    lstm_status status = lstm_model_stream_run(w->model_stream, 2, NULL, x, r->f);
    if (!status)
        status = lstm_model_stream_copy(w->model_stream, w->model_fork);
    if (!status)
        status = lstm_model_stream_save(w->model_stream, bytes, sizeof bytes);
    if (!status)
        status = lstm_model_stream_reset(w->model_stream);
    if (!status)
        status = lstm_model_stream_restore(w->model_stream, bytes, lstm_model_stream_save_size(w->model_stream));
    r->f[NUMBERS - 1] = lstm_model_stream_state(w->model_stream, 0)[0];
    return status ? status : lstm_model_stream_reset_row(w->model_fork, 1);
}

static lstm_status losses(world *w, result *r)
{
    static const float labels[ROWS] = {1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f};
    lstm_context *c = w->context;
    lstm_status status = lstm_softmax_cross_entropy(c, NULL, 2, 3, x, labels, r->f, &r->f[60]);
    if (!status)
        status = lstm_sparse_softmax_cross_entropy(c, NULL, 2, 3, x, (const size_t[]){0, 1}, r->f + 6, &r->f[59]);
    if (!status)
        status = lstm_sigmoid_cross_entropy(c, NULL, 2, 3, x, labels, r->f + 12, &r->f[58]);
    if (!status)
        status = lstm_mean_squared_error(c, NULL, 2, 3, x, labels, r->f + 18, &r->f[57]);
    if (!status)
        status = lstm_absolute_difference(c, NULL, 2, 3, x, labels, r->f + 24, &r->f[56]);
    if (!status)
        status = lstm_huber_loss(c, NULL, 2, 3, 1.0f, x, labels, r->f + 30, &r->f[55]);
    if (!status)
        status = lstm_accuracy(2, 3, x, labels, &r->d[0]);
    return status ? status
                  : lstm_sequence_loss(c, LSTM_ARGS(lstm_sequence_loss_args, .batch = 1, .time = 2, .classes = 3,
                                                    .logits = x, .targets = (const size_t[]){2, 0},
                                                    .d_logits = r->f + 36, .loss = &r->f[54]));
}

static lstm_status ctc(world *w, result *r)
{
    unsigned char workspace[BYTES];
    size_t work[8], decoded[3];
    const lstm_ctc_frames frames = {
        .struct_size = sizeof frames, .batch = 1, .time = 3, .classes = 3, .blank = 2, .logits = x};
    const lstm_ctc_labels labels = {.struct_size = sizeof labels, .max_length = 2, .labels = (const size_t[]){0, 1}};
    lstm_status status = lstm_ctc_workspace_size(w->context, &frames, &labels, &r->n[0]);
    if (!status)
        status = lstm_ctc_loss(w->context, NULL, &frames, &labels, workspace, sizeof workspace, r->f, &r->f[60]);
    if (!status)
        status = lstm_ctc_greedy_decode(&frames, true, decoded, &r->n[1], &r->f[59]);
    return status ? status : lstm_edit_distance(r->n[1], decoded, 2, labels.labels, true, work, &r->f[58]);
}

static lstm_status arrays(world *w, result *r)
{
    (void)w;
    const size_t shape[2] = {2, 3}, indices[2] = {1, 0};
    lstm_status status = lstm_transpose(2, shape, indices, x, r->f);
    if (!status)
        status = lstm_gather(2, shape, 0, 2, indices, x, r->f + 6);
    if (!status)
        status = lstm_concat(2, shape, 0, 2, (const size_t[]){1, 1}, (const float *const[]){x, x + 3}, r->f + 12);
    if (!status)
        status = lstm_one_hot(2, indices, 2, r->f + 18);
    if (!status)
        status = lstm_argmax(2, 3, x, r->n);
    if (!status)
        status = lstm_reverse_sequence(LSTM_BATCH_MAJOR, BATCH, TIME, 1, lengths, x, r->f + 22);
    if (!status)
        status = lstm_sequence_mask(BATCH, TIME, lengths, r->f + 28);
    if (!status)
        status = lstm_gather_last(LSTM_BATCH_MAJOR, BATCH, TIME, 1, lengths, x, r->f + 34);
    if (!status)
        status = lstm_embedding_lookup(2, 3, 2, indices, x, r->f + 36);
    return status ? status : lstm_embedding_gradient(2, 3, 2, indices, x, r->f + 42);
}

static lstm_status train(world *w, result *r)
{
    lstm_status status = LSTM_OK;
    for (size_t k = 0; w->optimizers[k] && !status; k++) {
        status = lstm_optimizer_set_learning_rate(w->optimizers[k], 0.01f);
        if (!status)
            status = lstm_optimizer_apply(w->optimizers[k], w->params, w->zeros);
    }
    if (!status)
        status = lstm_l2_regularizer(w->params, 0.5f, w->zeros, &r->d[0]);
    if (!status)
        status = lstm_clip_by_value(w->zeros, -0.5f, 0.5f);
    if (!status)
        status = lstm_clip_by_norm(w->zeros, 0.5f);
    if (!status)
        status = lstm_clip_by_global_norm(w->zeros, 0.5f, &r->d[1]);
    if (!status)
        status = lstm_variable_norm(w->zeros, 0, &r->d[2]);
    if (!status)
        status = lstm_moving_average(w->other, w->params, 0.5f);
    r->f[0] = sum_of(w->params) + sum_of(w->other);
    return status ? status : lstm_first_not_finite(w->params, &r->n[0]);
}

static lstm_status schedules(world *w, result *r)
{
    (void)w;
    r->f[0] = lstm_exponential_decay(0.1f, 3, 10.0, 0.5, false);
    r->f[1] = lstm_natural_exp_decay(0.1f, 3, 10.0, 0.5, false);
    r->f[2] = lstm_inverse_time_decay(0.1f, 3, 10.0, 0.5, true);
    r->f[3] = lstm_piecewise_constant(3, 1, (const uint64_t[]){2}, (const float[]){1.0f, 0.5f});
    r->f[4] = lstm_polynomial_decay(0.1f, 3, 10.0, 0.01f, 1.0, false);
    r->f[5] = lstm_cosine_decay(0.1f, 3, 10.0, 0.0);
    r->f[6] = lstm_cosine_decay_restarts(0.1f, 3, 2.0, 2.0, 1.0, 0.0);
    return LSTM_OK;
}

static lstm_status batch(world *w, result *r)
{
    lstm_batch next_batch;
    uint64_t position[2];
    const float *const sequences[5] = {x, x + 3, x + 4, x + 6, x + 9};
    lstm_status status = lstm_batches_next(w->batches, &next_batch);
    if (!status)
        status = lstm_batches_position(w->batches, position);
    if (!status)
        status = lstm_batches_seek(w->batches, position);
    if (!status)
        status = lstm_batch_gather(&next_batch, LSTM_BATCH_MAJOR, TIME, 1, sequences, r->f);
    if (!status)
        status = lstm_batch_gather_ids(&next_batch, LSTM_BATCH_MAJOR, TIME,
                                       (const size_t *const[5]){lengths, lengths, lengths, lengths, lengths}, r->n);
    r->f[8] = (float)lstm_batches_count(w->batches);
    return status;
}

#define TELL(name)                                                                                                     \
    {                                                                                                                  \
#name, name, NULL                                                                                              \
    }
const step number_steps[] = {TELL(draw),         TELL(ask),   TELL(forward),   TELL(backward),   TELL(raw),
                             TELL(raw_backward), TELL(dense), TELL(run_model), TELL(run_stream), TELL(run_model_stream),
                             TELL(losses),       TELL(ctc),   TELL(arrays),    TELL(train),      TELL(schedules),
                             TELL(batch)};
const size_t number_step_count = sizeof number_steps / sizeof *number_steps;
