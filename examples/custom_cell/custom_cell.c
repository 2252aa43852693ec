/* Trains a cell of one's own (sru_cell.c) to remember the first of 12 random signs. SPDX-License-Identifier: MIT */
#include "sru_cell.h"

#include <lstm/lstm.h>

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64, TIME = 12, INPUT = 2, UNITS = 16, CLASSES = 2, STEPS = 400, SEED = 1 };

static void require(lstm_status status)
{
    if (status) {
        fprintf(stderr, "custom_cell: %s: %s\n", lstm_status_string(status), lstm_error_message());
        exit(EXIT_FAILURE);
    }
}

/* Random signs; the second input marks the first time step. The label is the sign that stood there. */
static void make_batch(uint64_t step, float *x, float *labels)
{
    const lstm_random random = lstm_random_named(SEED, "signs");
    for (size_t row = 0; row < BATCH; row++) {
        size_t label = 0;
        for (size_t t = 0; t < TIME; t++) {
            const uint32_t bit = lstm_random_bits(&random, (step * BATCH + row) * TIME + t) & 1;
            float *at = x + (row * TIME + t) * INPUT;
            at[0] = bit ? 1.0f : -1.0f;
            at[1] = t == 0 ? 1.0f : 0.0f;
            label = t == 0 ? bit : label;
        }
        lstm_one_hot(1, &label, CLASSES, labels + row * CLASSES);
    }
}

int main(void)
{
    static float x[BATCH * TIME * INPUT], labels[BATCH * CLASSES], h[BATCH * UNITS], dh[BATCH * UNITS];
    static float logits[BATCH * CLASSES], d_logits[BATCH * CLASSES];
    lstm_params *weights, *grads;
    lstm_cell *cell;
    lstm_rnn *rnn;
    lstm_dense *head;
    lstm_tape *tape;
    lstm_optimizer *adam;
    float loss = 0.0f;
    double accuracy = 0.0;

    require(sru_cell_create(NULL, UNITS, &cell));
    require(lstm_params_create(NULL, &weights));
    require(lstm_rnn_create(weights, "rnn", cell, INPUT, NULL, &rnn));
    require(lstm_dense_create(weights, "dense", UNITS, CLASSES, NULL, &head));
    require(lstm_params_initialize(weights, SEED));
    require(lstm_params_create_like(weights, &grads));
    require(lstm_tape_create(rnn, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME), &tape));
    require(lstm_optimizer_create_adam(NULL, weights, LSTM_ARGS(lstm_adam_config, .learning_rate = 0.01f), &adam));

    for (uint64_t step = 1; step <= STEPS; step++) {
        make_batch(step, x, labels);
        require(lstm_dynamic_rnn(
            tape, weights,
            LSTM_ARGS(lstm_dynamic_rnn_args, .batch = BATCH, .time = TIME, .inputs = x, .last_output = h)));
        require(lstm_dense_forward(head, weights, BATCH, h, logits));
        require(lstm_softmax_cross_entropy(NULL, NULL, BATCH, CLASSES, logits, labels, d_logits, &loss));
        require(lstm_accuracy(BATCH, CLASSES, logits, labels, &accuracy));
        lstm_params_zero(grads);
        require(lstm_dense_backward(head, weights, BATCH, h, logits, d_logits, grads, dh));
        require(lstm_dynamic_rnn_backward(tape, weights,
                                          LSTM_ARGS(lstm_dynamic_rnn_grads, .d_last_output = dh, .d_params = grads)));
        require(lstm_optimizer_apply(adam, weights, grads));
        if (step % 100 == 0)
            printf("step %3u  loss %.4f  accuracy %.3f\n", (unsigned)step, (double)loss, accuracy);
    }

    lstm_optimizer_destroy(adam);
    lstm_tape_destroy(tape);
    lstm_dense_destroy(head);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
    return accuracy == 1.0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
