#include "streamed.h"

#include <stdio.h>

lstm_model *streamed_model(lstm_context *context, size_t units, bool last, lstm_params **frozen)
{
    char graph[512];
    lstm_params *params;
    lstm_model *model;
    snprintf(graph, sizeof graph,
             "{\"input_size\": %d, \"layers\": [{\"type\": \"rnn\", %s\"cell\": {\"type\": \"multi_rnn\", \"cells\": ["
             "{\"type\": \"lstm\", \"num_units\": %zu}, {\"type\": \"gru\", \"num_units\": %zu}]}},"
             "{\"type\": \"dense\", \"units\": %d, \"activation\": \"tanh\"}]}",
             STREAMED_IN, last ? "\"return\": \"last\", " : "", units, units, STREAMED_OUT);
    ck_ok(lstm_params_create(context, &params));
    ck_ok(lstm_model_create(params, graph, &model));
    ck_ok(lstm_params_initialize(params, 5));
    ck_ok(lstm_params_freeze(params, NULL, frozen));
    lstm_params_destroy(params);
    return model;
}

lstm_rnn *streamed_plan(lstm_context *context, size_t units, lstm_params **frozen)
{
    lstm_params *params;
    lstm_rnn *rnn;
    lstm_cell *stack, *cells[2];
    ck_ok(lstm_cell_create_lstm(context, units, NULL, &cells[0]));
    ck_ok(lstm_cell_create_gru(context, units, NULL, &cells[1]));
    ck_ok(lstm_cell_create_multi_rnn(context, cells, 2, &stack));
    ck_ok(lstm_params_create(context, &params));
    ck_ok(lstm_rnn_create(params, NULL, stack, STREAMED_IN, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 5));
    ck_ok(lstm_params_freeze(params, NULL, frozen));
    lstm_params_destroy(params);
    lstm_cell_destroy(stack);
    lstm_cell_destroy(cells[0]);
    lstm_cell_destroy(cells[1]);
    return rnn;
}
