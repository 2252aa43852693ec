#include "network.h"

#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEATURES = 2, /* of a place: its letter; the three letters around it */
    TABLE = 8192, /* vectors; some groups of letters share one */
    CLASSES = 2   /* the word goes on, it ends */
};
static const double AVERAGE_DECAY = 0.995; /* of the moving average: over some 200 steps */

struct labelling_network {
    size_t batch, embedding, outputs; /* the most sentences; widths */
    uint64_t seed, step;
    float clip_norm;

    /* what is computed */
    lstm_context *context;
    lstm_params *weights;
    lstm_rnn *rnn;
    lstm_dense *dense;
    size_t table; /* where the vectors [TABLE][embedding] stand in a store */

    /* what training needs */
    lstm_params *gradients, *average;
    lstm_checkpoint *best; /* of the average */
    const char *best_file;
    lstm_optimizer *optimizer;
    lstm_tape *tape, *forward_tape;

    /* one batch, all [batch][time] and so wide */
    size_t *letters, *ends;
    size_t *features;         /* [FEATURES] */
    float *x, *d_x;           /* [FEATURES][embedding] */
    float *h, *d_h;           /* [outputs] */
    float *logits, *d_logits; /* [CLASSES] */
};

bool succeeded(lstm_status status)
{
    if (status != LSTM_OK)
        fprintf(stderr, "sequence_labelling: %s\n", lstm_error_message());
    return status == LSTM_OK;
}

/* ---- making it ---- */

/* An LSTM whose outputs are dropped while it trains; each layer and direction has one of its own. */
static bool create_cell(labelling_network *n, const labelling_options *options, lstm_cell **cell)
{
    const lstm_dropout_config *dropout = LSTM_ARGS(lstm_dropout_config, .output_keep_prob = options->keep);
    lstm_cell *lstm = NULL;
    bool good = succeeded(lstm_cell_create_lstm(n->context, options->units, NULL, &lstm)) &&
                succeeded(lstm_cell_create_dropout(n->context, lstm, dropout, cell));

    lstm_cell_destroy(lstm); /* the wrapper keeps it alive */
    return good;
}

/* Layers that read each sentence both ways. */
static bool create_rnn(labelling_network *n, const labelling_options *options)
{
    lstm_cell *forward[OPTIONS_MAX_LAYERS] = {NULL}, *backward[OPTIONS_MAX_LAYERS] = {NULL};
    bool good = true;

    for (size_t k = 0; k < options->layers && good; k++)
        good = create_cell(n, options, &forward[k]) && create_cell(n, options, &backward[k]);
    good = good && succeeded(lstm_rnn_create_stack_bidirectional(n->weights, NULL, forward, backward, options->layers,
                                                                 FEATURES * options->embedding, NULL, &n->rnn));
    for (size_t k = 0; k < options->layers; k++) {
        lstm_cell_destroy(forward[k]); /* the plan keeps them alive */
        lstm_cell_destroy(backward[k]);
    }
    return good;
}

static bool create_layers(labelling_network *n, const labelling_options *options)
{
    const lstm_context_config *threads = LSTM_ARGS(lstm_context_config, .threads = options->threads);
    const size_t shape[] = {TABLE, options->embedding};
    const lstm_initializer uniform = {.kind = LSTM_INITIALIZER_UNIFORM, .a = -0.5F, .b = 0.5F};
    lstm_variable_info info;

    if (!succeeded(lstm_context_create(threads, &n->context)) ||
        !succeeded(lstm_params_create(n->context, &n->weights)) ||
        !succeeded(lstm_params_declare(n->weights, "embedding", 2, shape, &uniform)) || !create_rnn(n, options) ||
        !succeeded(lstm_dense_create(n->weights, NULL, 2 * options->units, CLASSES, NULL, &n->dense)) ||
        !succeeded(lstm_params_initialize(n->weights, options->seed)) ||
        !succeeded(lstm_params_find(n->weights, "embedding", &info)))
        return false;
    n->table = info.offset;
    return true;
}

/* An array for a batch of the longest sentences; NULL, after a line, if there is no memory for it. */
static void *create_array(const labelling_network *n, size_t width, size_t size)
{
    void *array = calloc(n->batch * CORPUS_MAX_LENGTH, width * size);

    if (array == NULL)
        fprintf(stderr, "sequence_labelling: no memory is left for a batch of %zu sentences\n", n->batch);
    return array;
}

static bool create_batch(labelling_network *n)
{
    return (n->letters = create_array(n, 1, sizeof *n->letters)) != NULL &&
           (n->ends = create_array(n, 1, sizeof *n->ends)) != NULL &&
           (n->features = create_array(n, FEATURES, sizeof *n->features)) != NULL &&
           (n->x = create_array(n, FEATURES * n->embedding, sizeof *n->x)) != NULL &&
           (n->d_x = create_array(n, FEATURES * n->embedding, sizeof *n->d_x)) != NULL &&
           (n->h = create_array(n, n->outputs, sizeof *n->h)) != NULL &&
           (n->d_h = create_array(n, n->outputs, sizeof *n->d_h)) != NULL &&
           (n->logits = create_array(n, CLASSES, sizeof *n->logits)) != NULL &&
           (n->d_logits = create_array(n, CLASSES, sizeof *n->d_logits)) != NULL;
}

/* Everything that training needs; the average starts as the weights. */
static bool create_memory(labelling_network *n)
{
    lstm_tape_config config = {.struct_size = sizeof config, .max_batch = n->batch, .max_time = CORPUS_MAX_LENGTH};
    float *average;
    size_t count;

    if (!succeeded(lstm_params_create_like(n->weights, &n->gradients)) ||
        !succeeded(lstm_params_create_like(n->weights, &n->average)) ||
        !succeeded(lstm_optimizer_create_adam(n->context, n->weights, NULL, &n->optimizer)) ||
        !succeeded(lstm_tape_create(n->rnn, &config, &n->tape)))
        return false;
    config.inference = true;
    average = lstm_params_edit(n->average, &count);
    memcpy(average, lstm_params_data(n->weights, NULL), count * sizeof *average);
    return succeeded(lstm_checkpoint_create(n->context, &n->best)) &&
           succeeded(lstm_checkpoint_add_params(n->best, NULL, n->average)) &&
           succeeded(lstm_tape_create(n->rnn, &config, &n->forward_tape)) && create_batch(n);
}

labelling_network *network_create(const labelling_options *options)
{
    labelling_network *network = calloc(1, sizeof *network);

    if (network == NULL) {
        fprintf(stderr, "sequence_labelling: no memory is left\n");
        return NULL;
    }
    network->batch = options->batch;
    network->embedding = options->embedding;
    network->outputs = 2 * options->units;
    network->seed = options->seed;
    network->clip_norm = options->clip_norm;
    network->best_file = options->best;
    if (!create_layers(network, options) || !create_memory(network)) {
        network_destroy(network);
        return NULL;
    }
    return network;
}

void network_destroy(labelling_network *network)
{
    if (network == NULL)
        return;
    free(network->d_logits);
    free(network->logits);
    free(network->d_h);
    free(network->h);
    free(network->d_x);
    free(network->x);
    free(network->ends);
    free(network->features);
    free(network->letters);
    lstm_tape_destroy(network->forward_tape);
    lstm_tape_destroy(network->tape);
    lstm_optimizer_destroy(network->optimizer);
    lstm_checkpoint_destroy(network->best);
    lstm_params_destroy(network->average);
    lstm_params_destroy(network->gradients);
    lstm_dense_destroy(network->dense);
    lstm_rnn_destroy(network->rnn);
    lstm_params_destroy(network->weights);
    lstm_context_destroy(network->context);
    free(network);
}

size_t network_weight_count(const labelling_network *network)
{
    size_t count = 0;

    lstm_params_data(network->weights, &count);
    return count;
}

const char *network_isa(const labelling_network *network)
{
    return lstm_context_isa_name(network->context);
}

/* ---- running it ---- */

/* Which vectors describe each place of the batch: the hashes of the letters up to 0, 1, ... places from it. A lookup
 * puts a place's vectors side by side, as they are FEATURES rows one after the other. Beyond both ends stands the
 * letter 0. */
static const size_t *find_features(labelling_network *n, const lstm_batch *batch)
{
    const size_t time = batch->max_length;

    for (size_t place = 0; place < batch->count * time; place++)
        for (size_t reach = 0; reach < FEATURES; reach++) {
            const size_t t = place % time, first = t < reach ? reach - t : 0;
            uint64_t hash = TABLE_START;

            for (size_t k = 0; k <= 2 * reach; k++)
                hash = table_hash(hash, k < first || t + k >= time + reach ? 0 : n->letters[place + k - reach]);
            n->features[place * FEATURES + reach] = table_place(hash, TABLE);
        }
    return n->features;
}

/* From the sentences of a batch to logits; what is past a sentence's length costs next to nothing. */
static bool forward(labelling_network *n, const lstm_params *weights, const text_set *set, const lstm_batch *batch,
                    bool training)
{
    const size_t time = batch->max_length, steps = batch->count * time;
    const lstm_dynamic_rnn_args *run = LSTM_ARGS(lstm_dynamic_rnn_args, .batch = batch->count, .time = time,
                                                 .inputs = n->x, .sequence_length = batch->lengths, .outputs = n->h,
                                                 .training = training, .seed = n->seed, .step = n->step);

    return succeeded(lstm_batch_gather_ids(batch, LSTM_BATCH_MAJOR, time, set->letters, n->letters)) &&
           succeeded(lstm_embedding_lookup(TABLE, n->embedding, FEATURES * steps, find_features(n, batch),
                                           lstm_params_data(weights, NULL) + n->table, n->x)) &&
           succeeded(lstm_dynamic_rnn(training ? n->tape : n->forward_tape, weights, run)) &&
           succeeded(lstm_dense_forward(n->dense, weights, steps, n->h, n->logits));
}

/* The mean cross entropy over the letters of the batch, and its gradient; what is padding is not read. */
static bool find_loss(labelling_network *n, const lstm_batch *batch, float *loss)
{
    return succeeded(lstm_sequence_loss(
        n->context, LSTM_ARGS(lstm_sequence_loss_args, .batch = batch->count, .time = batch->max_length,
                              .classes = CLASSES, .logits = n->logits, .targets = n->ends,
                              .sequence_length = batch->lengths, .d_logits = n->d_logits, .loss = loss)));
}

/* From the gradient of the logits to those of all weights, the vectors too. */
static bool backward(labelling_network *n, const lstm_batch *batch)
{
    const size_t steps = batch->count * batch->max_length;
    const lstm_dynamic_rnn_grads *run =
        LSTM_ARGS(lstm_dynamic_rnn_grads, .d_outputs = n->d_h, .d_params = n->gradients, .d_inputs = n->d_x);

    lstm_params_zero(n->gradients);
    return succeeded(
               lstm_dense_backward(n->dense, n->weights, steps, n->h, n->logits, n->d_logits, n->gradients, n->d_h)) &&
           succeeded(lstm_dynamic_rnn_backward(n->tape, n->weights, run)) &&
           succeeded(lstm_embedding_gradient(TABLE, n->embedding, FEATURES * steps, n->features, n->d_x,
                                             lstm_params_edit(n->gradients, NULL) + n->table));
}

/* Move the average, at first faster: TF1's rule for num_updates. */
static bool move_average(labelling_network *n)
{
    const double steps = (double)++n->step, decay = fmin(AVERAGE_DECAY, (1 + steps) / (10 + steps));

    return succeeded(lstm_moving_average(n->average, n->weights, (float)decay));
}

bool network_train(labelling_network *n, const text_set *set, const lstm_batch *batch, float learning_rate, float *loss)
{
    return forward(n, n->weights, set, batch, true) &&
           succeeded(lstm_batch_gather_ids(batch, LSTM_BATCH_MAJOR, batch->max_length, set->ends, n->ends)) &&
           find_loss(n, batch, loss) && backward(n, batch) &&
           succeeded(lstm_clip_by_global_norm(n->gradients, n->clip_norm, NULL)) &&
           succeeded(lstm_optimizer_set_learning_rate(n->optimizer, learning_rate)) &&
           succeeded(lstm_optimizer_apply(n->optimizer, n->weights, n->gradients)) && move_average(n);
}

bool network_predict(labelling_network *n, const text_set *set, const lstm_batch *batch, size_t *ends)
{
    return forward(n, n->average, set, batch, false) &&
           succeeded(lstm_argmax(batch->count * batch->max_length, CLASSES, n->logits, ends));
}

bool network_keep(labelling_network *n, double f1, bool *best)
{
    return succeeded(lstm_checkpoint_save_best(n->best, n->best_file, f1, best));
}

bool network_take_best(labelling_network *n)
{
    return succeeded(lstm_checkpoint_load(n->best, n->best_file));
}
