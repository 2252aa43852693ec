#include "network.h"

#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counting_network {
    size_t bits, classes, batch;

    /* what is computed */
    lstm_context *context;
    lstm_params *weights;
    lstm_cell *cell; /* of all layers */
    lstm_rnn *rnn;
    lstm_dense *dense, *dense_softmax; /* two views of one layer: the same weights */
    lstm_model *model;                 /* all of it once more, for files; NULL: no file is wanted */

    /* what training needs */
    lstm_params *gradients;
    float clip_norm; /* 0: none */
    lstm_optimizer *optimizer;
    lstm_tape *tape;
    float *output, *d_output; /* [batch][units]: of the last layer, at the last bit */
    float *logits, *d_logits; /* [batch][classes] */

    /* what evaluation needs */
    lstm_tape *forward_tape;
    float *forward_output; /* [NETWORK_FORWARD_BATCH][units] */
};

bool succeeded(lstm_status status)
{
    if (status != LSTM_OK)
        fprintf(stderr, "counting: %s\n", lstm_error_message());
    return status == LSTM_OK;
}

/* An array of rows * columns floats; NULL, after a line, if there is no memory for it. */
static float *create_array(size_t rows, size_t columns)
{
    float *array = NULL;

    if (columns <= SIZE_MAX / sizeof *array / rows)
        array = malloc(rows * columns * sizeof *array);
    if (array == NULL)
        fprintf(stderr, "counting: no memory is left for %zu x %zu floats\n", rows, columns);
    return array;
}

static lstm_status create_cell(lstm_context *context, const counting_options *options, lstm_cell **cell)
{
    /* With TF1's shift of 0, bits 0 at the beginning leave the state zero, and a norm of equal values multiplies the
     * gradient by a million at each of them. */
    const lstm_layer_norm_basic_lstm_config *shifted = LSTM_ARGS(lstm_layer_norm_basic_lstm_config, .norm_shift = 0.1F);

    if (strcmp(options->cell, "basic_rnn") == 0)
        return lstm_cell_create_basic_rnn(context, options->units, NULL, cell);
    if (strcmp(options->cell, "basic_lstm") == 0)
        return lstm_cell_create_basic_lstm(context, options->units, NULL, cell);
    if (strcmp(options->cell, "gru") == 0)
        return lstm_cell_create_gru(context, options->units, NULL, cell);
    if (strcmp(options->cell, "cudnn_compatible_gru") == 0)
        return lstm_cell_create_cudnn_compatible_gru(context, options->units, NULL, cell);
    if (strcmp(options->cell, "layer_norm_basic_lstm") == 0)
        return lstm_cell_create_layer_norm_basic_lstm(context, options->units, shifted, cell);
    if (strcmp(options->cell, "coupled_input_forget_lstm") == 0)
        return lstm_cell_create_coupled_input_forget_lstm(context, options->units, NULL, cell);
    return lstm_cell_create_lstm(context, options->units, NULL, cell);
}

/* Each layer has a cell object of its own: an object that stood there twice would share its weights. A single cell needs
 * no wrapper. */
static bool create_stack(lstm_context *context, const counting_options *options, lstm_cell **stack)
{
    lstm_cell **cells;
    size_t count = 0;
    bool created;

    if (options->layers == 1)
        return succeeded(create_cell(context, options, stack));
    cells = calloc(options->layers, sizeof *cells);
    if (cells == NULL) {
        fprintf(stderr, "counting: no memory is left for %zu cells\n", options->layers);
        return false;
    }
    while (count < options->layers && succeeded(create_cell(context, options, &cells[count])))
        count++;
    created = count == options->layers && succeeded(lstm_cell_create_multi_rnn(context, cells, count, stack));
    while (count > 0)
        lstm_cell_destroy(cells[--count]); /* the stack keeps them alive */
    free(cells);
    return created;
}

static lstm_status create_optimizer(counting_network *n, const counting_options *options)
{
    const char *name = options->optimizer;
    const float rate = options->learning_rate;
    const bool nesterov = strcmp(name, "nesterov") == 0;
    lstm_optimizer **made = &n->optimizer;

    if (strcmp(name, "gradient_descent") == 0)
        return lstm_optimizer_create_gradient_descent(
            n->context, n->weights, LSTM_ARGS(lstm_gradient_descent_config, .learning_rate = rate), made);
    if (strcmp(name, "momentum") == 0 || nesterov)
        return lstm_optimizer_create_momentum(
            n->context, n->weights,
            LSTM_ARGS(lstm_momentum_config, .learning_rate = rate, .momentum = 0.9F, .use_nesterov = nesterov), made);
    if (strcmp(name, "adagrad") == 0)
        return lstm_optimizer_create_adagrad(n->context, n->weights,
                                             LSTM_ARGS(lstm_adagrad_config, .learning_rate = rate), made);
    if (strcmp(name, "adadelta") == 0)
        return lstm_optimizer_create_adadelta(n->context, n->weights,
                                              LSTM_ARGS(lstm_adadelta_config, .learning_rate = rate), made);
    if (strcmp(name, "rmsprop") == 0)
        return lstm_optimizer_create_rmsprop(n->context, n->weights,
                                             LSTM_ARGS(lstm_rmsprop_config, .learning_rate = rate), made);
    return lstm_optimizer_create_adam(n->context, n->weights, LSTM_ARGS(lstm_adam_config, .learning_rate = rate), made);
}

/* Declare the layers' variables in the store, draw the weights by the seed, and then bind a second
 * dense layer to the first one's weights: training wants logits, people want probabilities. */
static bool create_layers(counting_network *n, const counting_options *options)
{
    const lstm_context_config *threads = LSTM_ARGS(lstm_context_config, .threads = options->threads);
    const lstm_dense_config *softmax = LSTM_ARGS(lstm_dense_config, .activation = LSTM_ACTIVATION_SOFTMAX);
    const size_t input_size = 1; /* a bit at a time */

    return succeeded(lstm_context_create(threads, &n->context)) &&
           succeeded(lstm_params_create(n->context, &n->weights)) && create_stack(n->context, options, &n->cell) &&
           succeeded(lstm_rnn_create(n->weights, "rnn", n->cell, input_size, NULL, &n->rnn)) &&
           succeeded(lstm_dense_create(n->weights, "dense", options->units, n->classes, NULL, &n->dense)) &&
           succeeded(lstm_params_initialize(n->weights, options->seed)) &&
           succeeded(lstm_dense_create(n->weights, "dense", options->units, n->classes, softmax, &n->dense_softmax));
}

/* Describe the network, and bind the description to the weights. */
static bool create_model(counting_network *n, const counting_options *options)
{
    char *graph;
    bool created;

    if (options->save == NULL && options->checkpoint == NULL && options->resume == NULL)
        return true;
    graph = graph_create(options);
    created = graph != NULL && succeeded(lstm_model_create(n->weights, graph, &n->model));
    free(graph);
    return created;
}

/* Everything that is as large as a batch: nothing is allocated later. */
static bool create_memory(counting_network *n, const counting_options *options)
{
    const lstm_tape_config *training = LSTM_ARGS(lstm_tape_config, .max_batch = n->batch, .max_time = n->bits);
    const lstm_tape_config *forward =
        LSTM_ARGS(lstm_tape_config, .max_batch = NETWORK_FORWARD_BATCH, .max_time = n->bits, .inference = true);

    return succeeded(lstm_params_create_like(n->weights, &n->gradients)) && succeeded(create_optimizer(n, options)) &&
           succeeded(lstm_tape_create(n->rnn, training, &n->tape)) &&
           succeeded(lstm_tape_create(n->rnn, forward, &n->forward_tape)) &&
           (n->output = create_array(n->batch, options->units)) != NULL &&
           (n->d_output = create_array(n->batch, options->units)) != NULL &&
           (n->logits = create_array(n->batch, n->classes)) != NULL &&
           (n->d_logits = create_array(n->batch, n->classes)) != NULL &&
           (n->forward_output = create_array(NETWORK_FORWARD_BATCH, options->units)) != NULL;
}

counting_network *network_create(const counting_options *options)
{
    counting_network *network = calloc(1, sizeof *network);

    if (network == NULL) {
        fprintf(stderr, "counting: no memory is left\n");
        return NULL;
    }
    network->bits = options->bits;
    network->classes = options->bits + 1;
    network->batch = options->batch;
    network->clip_norm = options->clip_norm;
    if (!create_layers(network, options) || !create_model(network, options) || !create_memory(network, options)) {
        network_destroy(network);
        return NULL;
    }
    return network;
}

void network_destroy(counting_network *network)
{
    if (network == NULL)
        return;
    free(network->forward_output);
    free(network->d_logits);
    free(network->logits);
    free(network->d_output);
    free(network->output);
    lstm_tape_destroy(network->forward_tape);
    lstm_tape_destroy(network->tape);
    lstm_optimizer_destroy(network->optimizer);
    lstm_params_destroy(network->gradients);
    lstm_model_destroy(network->model);
    lstm_dense_destroy(network->dense_softmax);
    lstm_dense_destroy(network->dense);
    lstm_rnn_destroy(network->rnn);
    lstm_cell_destroy(network->cell);
    lstm_params_destroy(network->weights);
    lstm_context_destroy(network->context);
    free(network);
}

size_t network_bits(const counting_network *network)
{
    return network->bits;
}

size_t network_units(const counting_network *network)
{
    return lstm_rnn_output_size(network->rnn);
}

size_t network_weight_count(const counting_network *network)
{
    size_t count = 0;

    lstm_params_data(network->weights, &count);
    return count;
}

size_t network_threads(const counting_network *network)
{
    return lstm_context_threads(network->context);
}

const char *network_isa(const counting_network *network)
{
    return lstm_context_isa_name(network->context);
}

bool network_set_learning_rate(counting_network *n, float learning_rate)
{
    return succeeded(lstm_optimizer_set_learning_rate(n->optimizer, learning_rate));
}

/* Forward to the loss, backward to the gradients. */
bool network_gradient(counting_network *n, size_t batch, const float *inputs, const float *targets, double *loss,
                      double *accuracy)
{
    const lstm_dynamic_rnn_args *forward =
        LSTM_ARGS(lstm_dynamic_rnn_args, .batch = batch, .time = n->bits, .inputs = inputs, .last_output = n->output);
    const lstm_dynamic_rnn_grads *backward =
        LSTM_ARGS(lstm_dynamic_rnn_grads, .d_last_output = n->d_output, .d_params = n->gradients);
    float mean = 0;

    lstm_params_zero(n->gradients);
    if (!succeeded(lstm_dynamic_rnn(n->tape, n->weights, forward)) ||
        !succeeded(lstm_dense_forward(n->dense, n->weights, batch, n->output, n->logits)) ||
        !succeeded(
            lstm_softmax_cross_entropy(n->context, NULL, batch, n->classes, n->logits, targets, n->d_logits, &mean)) ||
        !succeeded(lstm_accuracy(batch, n->classes, n->logits, targets, accuracy)) ||
        !succeeded(lstm_dense_backward(n->dense, n->weights, batch, n->output, n->logits, n->d_logits, n->gradients,
                                       n->d_output)) ||
        !succeeded(lstm_dynamic_rnn_backward(n->tape, n->weights, backward)))
        return false;
    *loss = (double)mean;
    return true;
}

float *network_edit_gradients(counting_network *n)
{
    return lstm_params_edit(n->gradients, NULL);
}

const float *network_weights(const counting_network *n)
{
    return lstm_params_data(n->weights, NULL);
}

/* Let the optimizer move the weights. */
bool network_step(counting_network *n)
{
    return (n->clip_norm == 0 || succeeded(lstm_clip_by_global_norm(n->gradients, n->clip_norm, NULL))) &&
           succeeded(lstm_optimizer_apply(n->optimizer, n->weights, n->gradients));
}

bool network_forward(counting_network *n, size_t batch, const float *inputs, float *logits, float *probabilities)
{
    const lstm_dynamic_rnn_args *forward = LSTM_ARGS(lstm_dynamic_rnn_args, .batch = batch, .time = n->bits,
                                                     .inputs = inputs, .last_output = n->forward_output);

    return succeeded(lstm_dynamic_rnn(n->forward_tape, n->weights, forward)) &&
           succeeded(lstm_dense_forward(n->dense, n->weights, batch, n->forward_output, logits)) &&
           succeeded(lstm_dense_forward(n->dense_softmax, n->weights, batch, n->forward_output, probabilities));
}

bool network_watch(counting_network *n, size_t batch, const float *inputs, float *outputs)
{
    return succeeded(lstm_dynamic_rnn(
        n->forward_tape, n->weights,
        LSTM_ARGS(lstm_dynamic_rnn_args, .batch = batch, .time = n->bits, .inputs = inputs, .outputs = outputs)));
}

bool network_save(const counting_network *n, const char *path)
{
    return succeeded(lstm_model_save(n->model, n->weights, path));
}

bool network_create_checkpoint(const counting_network *n, lstm_checkpoint **checkpoint)
{
    lstm_checkpoint *made = NULL;

    if (succeeded(lstm_checkpoint_create(n->context, &made)) &&
        succeeded(lstm_checkpoint_add_model(made, n->model, n->weights)) &&
        succeeded(lstm_checkpoint_add_optimizer(made, n->optimizer))) {
        *checkpoint = made;
        return true;
    }
    lstm_checkpoint_destroy(made);
    return false;
}
