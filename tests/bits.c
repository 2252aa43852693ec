/* Prints a digest of what each cell computes, forward and backward, of a dense layer, and of an optimizer whose products and
 * sums a compiler could fuse: the same on every machine and instruction set. Usage: bits [isa]. check_ports.sh compares two
 * machines, check_single.sh two builds. */
#include <lstm/lstm.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 21, TIME = 9, MOST = 1 << 16 };

static float x[MOST], y[MOST], d_y[MOST], d_x[MOST];

static void check(lstm_status status)
{
    if (!status)
        return;
    fprintf(stderr, "bits: %s\n", lstm_error_message());
    exit(EXIT_FAILURE);
}

/* Fowler, Noll and Vo's hash. */
static uint64_t digest(uint64_t hash, size_t count, const float *numbers)
{
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &numbers[k], sizeof bits);
        hash = (hash ^ bits) * 0x100000001B3u;
    }
    return hash;
}

static lstm_status create_cell(size_t kind, size_t units, lstm_cell **cell)
{
    switch (kind) {
    case 0: return lstm_cell_create_basic_rnn(NULL, units, NULL, cell);
    case 1: return lstm_cell_create_basic_lstm(NULL, units, NULL, cell);
    case 2:
        return lstm_cell_create_lstm(
            NULL, units, LSTM_ARGS(lstm_lstm_config, .use_peepholes = true, .num_proj = 5, .cell_clip = 1.0f), cell);
    case 3: return lstm_cell_create_gru(NULL, units, NULL, cell);
    case 4: return lstm_cell_create_cudnn_compatible_gru(NULL, units, NULL, cell);
    case 5: return lstm_cell_create_coupled_input_forget_lstm(NULL, units, NULL, cell);
    default: return lstm_cell_create_layer_norm_basic_lstm(NULL, units, NULL, cell);
    }
}

static uint64_t unroll(lstm_context *context, size_t kind, size_t units, size_t input)
{
    lstm_params *weights, *grads;
    lstm_cell *cell;
    lstm_rnn *rnn;
    lstm_tape *tape;
    size_t lengths[BATCH], count;
    for (size_t row = 0; row < BATCH; row++)
        lengths[row] = row % (TIME + 1);
    check(create_cell(kind, units, &cell));
    check(lstm_params_create(context, &weights));
    check(lstm_rnn_create(weights, NULL, cell, input, NULL, &rnn));
    check(lstm_params_initialize(weights, 1));
    check(lstm_params_create_like(weights, &grads));
    check(lstm_tape_create(rnn, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME), &tape));
    check(lstm_dynamic_rnn(tape, weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = BATCH, .time = TIME, .inputs = x,
                                     .sequence_length = lengths, .outputs = y)));
    check(lstm_dynamic_rnn_backward(
        tape, weights, LSTM_ARGS(lstm_dynamic_rnn_grads, .d_outputs = d_y, .d_params = grads, .d_inputs = d_x)));
    const float *gradient = lstm_params_data(grads, &count);
    uint64_t hash = digest(0xCBF29CE484222325u, BATCH * TIME * lstm_rnn_output_size(rnn), y);
    hash = digest(digest(hash, BATCH * TIME * input, d_x), count, gradient);
    lstm_tape_destroy(tape);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
    return hash;
}

static uint64_t dense(lstm_context *context, lstm_activation activation)
{
    lstm_params *weights, *grads;
    lstm_dense *layer;
    size_t count;
    check(lstm_params_create(context, &weights));
    check(lstm_dense_create(weights, NULL, 50, 21, LSTM_ARGS(lstm_dense_config, .activation = activation), &layer));
    check(lstm_params_initialize(weights, 2));
    check(lstm_params_create_like(weights, &grads));
    check(lstm_dense_forward(layer, weights, 70, x, y));
    check(lstm_dense_backward(layer, weights, 70, x, y, d_y, grads, d_x));
    const float *gradient = lstm_params_data(grads, &count);
    const uint64_t hash = digest(digest(digest(0, 70 * 21, y), 70 * 50, d_x), count, gradient);
    lstm_dense_destroy(layer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
    return hash;
}

static uint64_t optimize(lstm_context *context)
{
    enum { COUNT = 1001, STEPS = 3 };
    const size_t shape = COUNT;
    lstm_params *weights, *grads;
    lstm_optimizer *optimizer;
    check(lstm_params_create(context, &weights));
    check(lstm_params_declare(weights, "w", 1, &shape, NULL));
    check(lstm_params_initialize(weights, 3));
    check(lstm_params_create_like(weights, &grads));
    check(lstm_optimizer_create_rmsprop(
        context, weights, LSTM_ARGS(lstm_rmsprop_config, .learning_rate = 0.1f, .momentum = 0.9f, .centered = true),
        &optimizer));
    for (size_t step = 0; step < STEPS; step++) {
        memcpy(lstm_params_edit(grads, NULL), x + step * COUNT, COUNT * sizeof *x);
        check(lstm_optimizer_apply(optimizer, weights, grads));
    }
    const uint64_t hash = digest(0, COUNT, lstm_params_data(weights, NULL));
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
    return hash;
}

int main(int count, char **arguments)
{
    lstm_context *context;
    const lstm_isa isa = (lstm_isa)(count > 1 ? strtol(arguments[1], NULL, 10) : LSTM_ISA_BEST);
    check(lstm_context_create(LSTM_ARGS(lstm_context_config, .isa = isa), &context));
    const lstm_random of_x = lstm_random_named(1, "x"), of_y = lstm_random_named(1, "d_y");
    lstm_random_uniform(&of_x, 0, MOST, -2.0f, 2.0f, x);
    lstm_random_uniform(&of_y, 0, MOST, -1.0f, 1.0f, d_y);
    memset(x, 0, 50 * sizeof *x); /* the first rows: a zero has a sign */
    fprintf(stderr, "kernels: %s\n", lstm_context_isa_name(context));
    for (size_t kind = 0; kind < 7; kind++)
        for (size_t units = 7; units <= 50; units += 43)
            for (size_t input = 2; input <= 10; input += 8)
                printf("cell %zu, %zu units, %zu inputs: %016" PRIx64 "\n", kind, units, input,
                       unroll(context, kind, units, input));
    printf("dense: %016" PRIx64 " %016" PRIx64 "\n", dense(context, LSTM_ACTIVATION_TANH),
           dense(context, LSTM_ACTIVATION_SOFTMAX));
    printf("optimizer: %016" PRIx64 "\n", optimize(context));
    lstm_context_destroy(context);
    return 0;
}
