/* What a program has once it is set up: calls that come afterwards find something to work on. */
#include "calls.h"
#include "cells.h"
#include "graphs.h"

enum { ROWS = 5, STEPS = 5 };

/* Weights, their gradient and a frozen copy, for a plan, a dense layer and a model on one store; the fourth is open. */
static bool make_weights(caller *c, lstm_context *context)
{
    const lstm_layout layout = (lstm_layout)fuzz_pick(&c->bytes, 2);
    const lstm_rnn_config config = {.struct_size = sizeof config, .layout = layout};
    lstm_params *weights;
    need(!lstm_params_create(context, &weights));
    c->params[0] = weights;
    c->cells[0] = fuzz_cell(&c->bytes, 2);
    need(!lstm_model_create(weights, fuzz_graphs[fuzz_pick(&c->bytes, FUZZ_GRAPHS)].text, &c->models[0]));
    call_model_sizes(c->models[0], &c->model_sizes[0]);
    need(!lstm_dense_create(weights, "a dense", 2, 3, NULL, &c->denses[0]));
    c->dense_sizes[0] = (widths){.in = 2, .out = 3};
    if (fuzz_status(lstm_rnn_create(weights, "a plan", c->cells[0], 2, &config, &c->rnns[0]), LSTM_NAME,
                    INVALID | SHAPE | STATE))
        return false;
    if (!call_rnn_sizes(&c->rnns[0], layout, &c->rnn_sizes[0]))
        return false;
    need(!lstm_params_initialize(weights, 1) && !lstm_params_create_like(weights, &c->params[1]));
    need(!lstm_params_freeze(weights, NULL, &c->params[2]) && !lstm_params_create(context, &c->params[3]));
    return true;
}

static void make_tapes(caller *c)
{
    for (size_t k = 0; k < 2; k++) {
        const lstm_tape_config config = {
            .struct_size = sizeof config, .max_batch = ROWS, .max_time = STEPS, .inference = k == 1};
        need(!lstm_tape_create(c->rnns[0], &config, &c->tapes[k]));
        need(!lstm_model_tape_create(c->models[0], &config, &c->model_tapes[k]));
        c->tape_sizes[k] = c->rnn_sizes[0];
        c->model_tape_sizes[k] = c->model_sizes[0];
    }
}

/* A model may have a layer that cannot be streamed. */
static void make_streams(caller *c)
{
    for (size_t k = 0; k < 2; k++) {
        const lstm_stream_config config = {
            .struct_size = sizeof config, .batch = fuzz_pick(&c->bytes, 3) + 1, .max_steps = fuzz_pick(&c->bytes, 4)};
        need(!lstm_stream_create(c->rnns[0], c->params[2], &config, &c->streams[k]));
        c->stream_sizes[k] = c->rnn_sizes[0];
        lstm_status status = lstm_model_stream_create(c->models[0], c->params[2], &config, &c->model_streams[k]);
        need(!status || status == LSTM_ERR_UNSUPPORTED);
        c->model_stream_sizes[k] = c->model_sizes[0];
        c->stream_batch[k] = c->model_stream_batch[k] = config.batch;
    }
}

void call_make_world(caller *c)
{
    lstm_context *context = fuzz_pick(&c->bytes, 2) ? fuzz_context() : NULL;
    if (!make_weights(c, context))
        return;
    make_tapes(c);
    make_streams(c);
    need(!lstm_optimizer_create_adam(context, c->params[0], NULL, &c->optimizers[0]));
    need(!lstm_optimizer_create_momentum(context, c->params[0], LSTM_ARGS(lstm_momentum_config, .learning_rate = 0.1f),
                                         &c->optimizers[1]));
    need(!lstm_batches_create(context, LSTM_ARGS(lstm_batches_config, .examples = CALL_ROWS, .batch_size = 5),
                              &c->batches[0]));
    need(!lstm_checkpoint_create(context, &c->checkpoints[0]));
}
