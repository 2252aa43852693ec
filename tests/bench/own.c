/* liblstm itself, and its CBLAS backend: two rows by one code. */
#include "bench.h"

#include <lstm/lstm.h>

#include <stdlib.h>
#include <string.h>

typedef struct network {
    const problem *p;
    lstm_isa isa;
    lstm_context *context;
    lstm_params *weights, *gradients, *frozen;
    lstm_cell *cell;
    lstm_rnn *rnn;
    lstm_dense *dense;
    lstm_optimizer *adam;
    lstm_tape *tape;
    lstm_stream *stream;
    float *last, *d_last, *logits, *d_logits; /* batches */
    float *output;                            /* of one stream call */
    size_t at;                                /* the stream's next input */
} network;

static lstm_status create_cell(const problem *p, lstm_context *context, lstm_cell **cell)
{
    const size_t units = p->shape.units;
    switch (p->shape.cell) {
    case REFERENCE_BASIC_RNN: return lstm_cell_create_basic_rnn(context, units, NULL, cell);
    case REFERENCE_GRU: return lstm_cell_create_gru(context, units, NULL, cell);
    case REFERENCE_CUDNN_COMPATIBLE_GRU: return lstm_cell_create_cudnn_compatible_gru(context, units, NULL, cell);
    default: return lstm_cell_create_lstm(context, units, NULL, cell);
    }
}

/* Layers over a store that holds the problem's weights. */
static lstm_status create_layers(network *n)
{
    const problem *p = n->p;
    const lstm_context_config *config = LSTM_ARGS(lstm_context_config, .threads = p->threads, .isa = n->isa);
    const bool stream = p->shape.kind == BENCH_STREAM || p->shape.kind == BENCH_BLOCK;
    lstm_status status;
    size_t count;
    if ((status = lstm_context_create(config, &n->context)) || (status = lstm_params_create(n->context, &n->weights)) ||
        (status = create_cell(p, n->context, &n->cell)) ||
        (status = lstm_rnn_create(n->weights, "rnn", n->cell, p->shape.input, NULL, &n->rnn)))
        return status;
    if (!stream && (status = lstm_dense_create(n->weights, "dense", p->shape.units, BENCH_CLASSES, NULL, &n->dense)))
        return status;
    if ((status = lstm_params_initialize(n->weights, 1)))
        return status;
    float *weights = lstm_params_edit(n->weights, &count);
    if (count != p->weight_count)
        return LSTM_ERR_SHAPE;
    memcpy(weights, p->weights, count * sizeof *weights);
    return LSTM_OK;
}

static lstm_status create_memory(network *n, size_t *kept_bytes)
{
    const bench_case *shape = &n->p->shape;
    lstm_status status;
    if (shape->kind == BENCH_STREAM || shape->kind == BENCH_BLOCK) {
        const lstm_stream_config *config = LSTM_ARGS(lstm_stream_config, .max_steps = shape->time);
        if ((status = lstm_params_freeze(n->weights, NULL, &n->frozen)))
            return status;
        n->output = system_allocate(shape->time * shape->units, sizeof *n->output);
        return lstm_stream_create(n->rnn, n->frozen, config, &n->stream);
    }
    const bool trains = shape->kind == BENCH_TRAIN;
    const lstm_tape_config *config = LSTM_ARGS(lstm_tape_config, .max_batch = shape->batch, .max_time = shape->time,
                                               .max_steps = n->p->steps, .inference = !trains);
    n->last = system_allocate(shape->batch * shape->units, sizeof *n->last);
    n->d_last = system_allocate(shape->batch * shape->units, sizeof *n->d_last);
    n->logits = system_allocate(shape->batch * BENCH_CLASSES, sizeof *n->logits);
    n->d_logits = system_allocate(shape->batch * BENCH_CLASSES, sizeof *n->d_logits);
    if ((status = lstm_tape_create(n->rnn, config, &n->tape)) || !trains)
        return status;
    if ((status = lstm_tape_size(n->rnn, config, kept_bytes, NULL)) ||
        (status = lstm_params_create_like(n->weights, &n->gradients)))
        return status;
    return lstm_optimizer_create_adam(
        n->context, n->weights, LSTM_ARGS(lstm_adam_config, .learning_rate = (float)BENCH_LEARNING_RATE), &n->adam);
}

static lstm_status forward(network *n)
{
    const problem *p = n->p;
    lstm_status status =
        lstm_dynamic_rnn(n->tape, n->weights,
                         LSTM_ARGS(lstm_dynamic_rnn_args, .batch = p->shape.batch, .time = p->shape.time,
                                   .inputs = p->inputs, .sequence_length = p->lengths, .last_output = n->last));
    return status ? status : lstm_dense_forward(n->dense, n->weights, p->shape.batch, n->last, n->logits);
}

/* Forward, loss, backward; without Adam's step. */
static lstm_status gradient(network *n, float *loss)
{
    const size_t batch = n->p->shape.batch;
    lstm_status status = forward(n);
    if (status || (status = lstm_softmax_cross_entropy(n->context, NULL, batch, BENCH_CLASSES, n->logits, n->p->labels,
                                                       n->d_logits, loss)))
        return status;
    lstm_params_zero(n->gradients);
    if ((status = lstm_dense_backward(n->dense, n->weights, batch, n->last, n->logits, n->d_logits, n->gradients,
                                      n->d_last)))
        return status;
    return lstm_dynamic_rnn_backward(
        n->tape, n->weights, LSTM_ARGS(lstm_dynamic_rnn_grads, .d_last_output = n->d_last, .d_params = n->gradients));
}

static lstm_status train(network *n, float *loss)
{
    lstm_status status = gradient(n, loss);
    return status ? status : lstm_optimizer_apply(n->adam, n->weights, n->gradients);
}

static lstm_status stream_call(network *n)
{
    const bench_case *shape = &n->p->shape;
    lstm_status status = lstm_stream_run(n->stream, shape->time, n->p->inputs + n->at * shape->input, n->output);
    n->at = (n->at + shape->time) % BENCH_STREAM_STEPS;
    return status;
}

static lstm_status answer(network *n, answers *found)
{
    const bench_case *shape = &n->p->shape;
    lstm_status status = LSTM_OK;
    if (n->stream) {
        for (size_t step = 0; step < BENCH_STREAM_STEPS && !status; step += shape->time) {
            status = stream_call(n);
            memcpy(found->output + step * shape->units, n->output, shape->time * shape->units * sizeof *n->output);
        }
        return status;
    }
    float loss[2] = {0.0f, 0.0f};
    if ((status = n->adam ? train(n, &loss[0]) : forward(n)))
        return status;
    memcpy(found->output, n->last, found->output_count * sizeof *n->last);
    memcpy(found->logits, n->logits, found->logits_count * sizeof *n->logits);
    if (n->adam) {
        memcpy(found->gradient, lstm_params_data(n->gradients, NULL), found->gradient_count * sizeof *n->logits);
        status = gradient(n, &loss[1]);
        found->loss[0] = (double)loss[0];
        found->loss[1] = (double)loss[1];
    }
    return status;
}

static void own_run(library *self, size_t calls)
{
    network *n = self->state;
    lstm_status status = LSTM_OK;
    float loss;
    for (size_t call = 0; call < calls && !status; call++)
        status = n->stream ? stream_call(n) : n->adam ? train(n, &loss) : forward(n);
    if (status) {
        fprintf(stderr, "bench: %s\n", lstm_error_message());
        exit(EXIT_FAILURE);
    }
}

static void own_close(library *self)
{
    network *n = self->state;
    lstm_stream_destroy(n->stream);
    lstm_tape_destroy(n->tape);
    lstm_optimizer_destroy(n->adam);
    lstm_dense_destroy(n->dense);
    lstm_rnn_destroy(n->rnn);
    lstm_cell_destroy(n->cell);
    lstm_params_destroy(n->frozen);
    lstm_params_destroy(n->gradients);
    lstm_params_destroy(n->weights);
    lstm_context_destroy(n->context);
    free(n->last);
    free(n->d_last);
    free(n->logits);
    free(n->d_logits);
    free(n->output);
    *n = (network){.isa = n->isa};
}

static bool own_open(library *self, const problem *p, answers *found)
{
    network *n = self->state;
    lstm_status status;
    n->p = p;
    self->kept_bytes = 0;
    if ((status = create_layers(n)) || (status = create_memory(n, &self->kept_bytes)) || (status = answer(n, found))) {
        snprintf(self->reason, sizeof self->reason, "%s", lstm_error_message());
        own_close(self);
        return false;
    }
    if (n->isa == LSTM_ISA_BEST)
        snprintf(self->isa, sizeof self->isa, "%s", lstm_context_isa_name(n->context));
    return true;
}

static void own_destroy(library *self)
{
    free(self->state);
    free(self);
}

library *library_create_own(const char *name, bool cblas)
{
    library *made = system_allocate(1, sizeof *made);
    network *n = system_allocate(1, sizeof *n);
    n->isa = cblas ? LSTM_ISA_CBLAS : LSTM_ISA_BEST;
    *made = (library){
        .name = name, .open = own_open, .run = own_run, .close = own_close, .destroy = own_destroy, .state = n};
    snprintf(made->version, sizeof made->version, "%s", cblas ? system_blas_version() : lstm_version());
    snprintf(made->isa, sizeof made->isa, "%s", cblas ? system_blas_kernel() : "-");
    return made;
}
