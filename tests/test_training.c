/* Whole training steps against TensorFlow's, and the same steps where not everything is trained. */
#include "golden.h"
#include "golden_optimizer.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ten steps of float32 training stay this close to the framework's, relative to the largest weight of a variable. */
static const double training_tolerance = 1e-5;

enum { MAX_BATCH = 16, VARIABLES = 4 };

/* An LSTM, a dense layer on its last h, and softmax cross entropy; the optimizer of a case. */
typedef struct network {
    const golden_case *c;
    lstm_context *context;
    lstm_params *weights, *grads;
    lstm_rnn *rnn;
    lstm_dense *dense;
    lstm_tape *tape;
    lstm_optimizer *optimizer;
    lstm_variable_info variables[VARIABLES];
    size_t batch, time, input, units, classes, lengths[MAX_BATCH], labels[MAX_BATCH];
    float *x, *c_last, *h, *d_h, *z, *d_z;
} network;

static void make_plan(network *n)
{
    lstm_cell *cell;
    ck_ok(lstm_params_create(n->context, &n->weights));
    ck_ok(lstm_cell_create_lstm(n->context, n->units, NULL, &cell));
    ck_ok(lstm_rnn_create(n->weights, "rnn", cell, n->input, NULL, &n->rnn));
    ck_ok(lstm_dense_create(n->weights, "dense", n->units, n->classes, NULL, &n->dense));
    ck_ok(lstm_params_initialize(n->weights, 1));
    ck_ok(lstm_params_create_like(n->weights, &n->grads));
    ck_ok(lstm_tape_create(n->rnn, LSTM_ARGS(lstm_tape_config, .max_batch = n->batch, .max_time = n->time), &n->tape));
    n->optimizer = golden_optimizer(n->c, n->context, n->weights);
    lstm_cell_destroy(cell);
}

/* The network of a case, with the weights that its seed stands for. */
static network made(const golden_case *c, size_t threads)
{
    network n = {.c = c,
                 .batch = (size_t)golden_integer(c, "batch", 0),
                 .time = (size_t)golden_integer(c, "time", 0),
                 .input = (size_t)golden_integer(c, "input", 0),
                 .units = (size_t)golden_integer(c, "units", 0),
                 .classes = (size_t)golden_integer(c, "classes", 0)};
    char name[100];
    ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &n.context));
    make_plan(&n);
    float *block = lstm_params_edit(n.weights, NULL);
    for (uint32_t k = 0; k < VARIABLES; k++) {
        ck_assert_ptr_nonnull(golden_item(c, "variables", k, sizeof name, name));
        ck_ok(lstm_params_find(n.weights, name, &n.variables[k]));
        golden_fill((uint32_t)golden_integer(c, "seed", 0) + 16 + k, n.variables[k].count,
                    (float)golden_real(c, n.variables[k].rank == 1 ? "scale_vectors" : "scale_matrices", 1.0),
                    block + n.variables[k].offset);
    }
    ck_assert_uint_eq(golden_list(c, "lengths", MAX_BATCH, n.lengths), n.batch);
    ck_assert_uint_eq(golden_list(c, "indices", MAX_BATCH, n.labels), n.batch);
    n.x = test_allocate(n.batch * n.time * n.input, sizeof(float));
    n.c_last = test_allocate(n.batch * n.units, sizeof(float));
    n.h = test_allocate(n.batch * n.units, sizeof(float));
    n.d_h = test_allocate(n.batch * n.units, sizeof(float));
    n.z = test_allocate(n.batch * n.classes, sizeof(float));
    n.d_z = test_allocate(n.batch * n.classes, sizeof(float));
    return n;
}

static void unmade(network *n)
{
    lstm_optimizer_destroy(n->optimizer);
    lstm_tape_destroy(n->tape);
    lstm_dense_destroy(n->dense);
    lstm_rnn_destroy(n->rnn);
    lstm_params_destroy(n->grads);
    lstm_params_destroy(n->weights);
    lstm_context_destroy(n->context);
    free(n->x);
    free(n->c_last);
    free(n->h);
    free(n->d_h);
    free(n->z);
    free(n->d_z);
}

/* The gradients of step 1, 2, ..., and its loss. */
static float gradients_of(network *n, uint32_t step)
{
    float loss;
    golden_fill((uint32_t)golden_integer(n->c, "seed", 0) + 32 + step, n->batch * n->time * n->input,
                (float)golden_real(n->c, "scale_inputs", 1.0), n->x);
    ck_ok(lstm_dynamic_rnn(n->tape, n->weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = n->batch, .time = n->time, .inputs = n->x,
                                     .sequence_length = n->lengths, .final_state = (float *[]){n->c_last, n->h})));
    ck_ok(lstm_dense_forward(n->dense, n->weights, n->batch, n->h, n->z));
    ck_ok(lstm_sparse_softmax_cross_entropy(n->context, NULL, n->batch, n->classes, n->z, n->labels, n->d_z, &loss));
    lstm_params_zero(n->grads);
    ck_ok(lstm_dense_backward(n->dense, n->weights, n->batch, n->h, n->z, n->d_z, n->grads, n->d_h));
    ck_ok(lstm_dynamic_rnn_backward(n->tape, n->weights,
                                    LSTM_ARGS(lstm_dynamic_rnn_grads,
                                              .d_final_state = (const float *const[]){NULL, n->d_h},
                                              .d_params = n->grads)));
    return loss;
}

static void check_weights(const network *n, uint32_t step)
{
    for (size_t k = 0; k < VARIABLES; k++) {
        char name[150];
        size_t count;
        snprintf(name, sizeof name, "%s.%u", n->variables[k].name, (unsigned)step);
        const float *expected = golden_array(n->c, name, &count);
        ck_assert_msg(expected && count == n->variables[k].count, "%s: no %s", golden_name(n->c), name);
        const double difference =
            golden_difference(lstm_params_data(n->weights, NULL) + n->variables[k].offset, expected, count);
        ck_assert_msg(difference <= training_tolerance, "%s, %s: %g", golden_name(n->c), name, difference);
    }
}

/* Do that for each training case of the golden file. */
static void for_each_training(void (*check)(const golden_case *c))
{
    golden *file = golden_open(GOLDEN_DIR "/training.golden");
    size_t cases = 0;
    ck_assert_ptr_nonnull(file);
    for (size_t k = 0; k < golden_case_count(file); k++)
        if (!strcmp(golden_text(golden_case_at(file, k), "op"), "training")) {
            check(golden_case_at(file, k));
            cases++;
        }
    ck_assert_uint_ge(cases, 11);
    golden_close(file);
}

static void check_ten_steps(const golden_case *c)
{
    const uint32_t steps = (uint32_t)golden_integer(c, "steps", 0);
    const float *losses = golden_array(c, "losses", NULL);
    network n = made(c, 1);
    for (uint32_t step = 1; step <= steps; step++) {
        const float loss = gradients_of(&n, step);
        ck_assert_double_eq_tol((double)loss, (double)losses[step - 1], training_tolerance);
        ck_ok(lstm_optimizer_apply(n.optimizer, n.weights, n.grads));
        if (step == 1 || step == steps)
            check_weights(&n, step);
    }
    unmade(&n);
}

START_TEST(ten_steps_of_every_optimizer_give_the_weights_of_tensorflow)
{
    for_each_training(check_ten_steps);
}
END_TEST

START_TEST(twenty_steps_of_both_kinds_of_adamw_give_the_weights_of_tensorflow)
{
    golden *file = golden_open(GOLDEN_DIR "/training.golden");
    size_t cases = 0;
    ck_assert_ptr_nonnull(file);
    for (size_t k = 0; k < golden_case_count(file); k++)
        if (!strcmp(golden_text(golden_case_at(file, k), "op"), "optimizer")) {
            check_golden_optimizer(golden_case_at(file, k));
            cases++;
        }
    ck_assert_uint_ge(cases, 4);
    golden_close(file);
}
END_TEST

static void take_steps(network *n, uint32_t first, uint32_t count)
{
    for (uint32_t step = first; step < first + count; step++) {
        gradients_of(n, step);
        ck_ok(lstm_optimizer_apply(n->optimizer, n->weights, n->grads));
    }
}

static float *copied(const lstm_params *params)
{
    size_t count;
    const float *values = lstm_params_data(params, &count);
    return memcpy(test_allocate(count, sizeof *values), values, count * sizeof *values);
}

/* Whether variable k holds what it held in `before`, bit by bit. */
static bool stayed(const network *n, size_t k, const float *before)
{
    const lstm_variable_info *v = &n->variables[k];
    return same_bits(lstm_params_data(n->weights, NULL) + v->offset, before + v->offset, v->count);
}

static void check_frozen(const golden_case *c)
{
    static const char *const patterns[] = {"*", "rnn/*", "*kernel", "dense/bias"};
    static const bool trained[][VARIABLES] = {
        {false}, {false, false, true, true}, {false, true, false, true}, {true, true, true, false}};
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        network n = made(c, 1);
        float *before = copied(n.weights);
        ck_ok(lstm_params_set_trainable(n.weights, patterns[p], false, true));
        take_steps(&n, 1, 20);
        for (size_t k = 0; k < VARIABLES; k++)
            ck_assert_msg(stayed(&n, k, before) == !trained[p][k], "%s, not trained: %s; %s", golden_name(c),
                          patterns[p], n.variables[k].name);
        free(before);
        unmade(&n);
    }
}

START_TEST(what_is_not_trainable_keeps_its_bits_through_twenty_steps_of_every_optimizer)
{
    for_each_training(check_frozen);
}
END_TEST

/* After twenty steps without it, a variable takes the first step of a fresh optimizer: its slots were left alone. Adam's
 * rate counts steps, and for it the fresh one has taken as many with gradients of zero. */
static void check_slots(const golden_case *c)
{
    network late = made(c, 1), fresh = made(c, 1);
    size_t count;
    ck_ok(lstm_params_set_trainable(late.weights, "*bias", false, false));
    ck_ok(lstm_params_set_trainable(fresh.weights, "*bias", true, false));
    take_steps(&late, 1, 20);
    for (int step = 0; !strncmp(golden_text(c, "optimizer"), "adam", 4) && step < 20; step++)
        ck_ok(lstm_optimizer_apply(fresh.optimizer, fresh.weights, fresh.grads));
    ck_ok(lstm_params_set_trainable(late.weights, "*bias", true, false));
    gradients_of(&late, 21);
    const float *g = lstm_params_data(late.grads, &count);
    memcpy(lstm_params_edit(fresh.grads, NULL), g, count * sizeof *g);
    ck_ok(lstm_optimizer_apply(late.optimizer, late.weights, late.grads));
    ck_ok(lstm_optimizer_apply(fresh.optimizer, fresh.weights, fresh.grads));
    for (size_t k = 1; k < VARIABLES; k += 2)
        ck_assert_msg(stayed(&late, k, lstm_params_data(fresh.weights, NULL)), "%s, %s", golden_name(c),
                      late.variables[k].name);
    unmade(&late);
    unmade(&fresh);
}

START_TEST(the_slots_of_what_is_not_trainable_are_left_alone)
{
    for_each_training(check_slots);
}
END_TEST

/* With decay spared where it is said, weights go as with Adam, and the others as before. */
static void check_spared(const golden_case *c)
{
    network spared = made(c, 1), plain = made(c, 1);
    lstm_optimizer *adam;
    if (!strcmp(golden_text(c, "optimizer"), "adamw")) {
        ck_ok(lstm_optimizer_create_adam(
            NULL, plain.weights,
            LSTM_ARGS(lstm_adam_config, .learning_rate = (float)golden_real(c, "learning_rate", 0)), &adam));
        lstm_optimizer_destroy(plain.optimizer);
        plain.optimizer = adam;
    }
    ck_ok(lstm_params_set_trainable(spared.weights, "*", true, false));
    take_steps(&spared, 1, 5);
    take_steps(&plain, 1, 5);
    for (size_t k = 0; k < VARIABLES; k++)
        ck_assert(stayed(&spared, k, lstm_params_data(plain.weights, NULL)));
    unmade(&spared);
    unmade(&plain);
}

START_TEST(without_decay_adamw_is_adam_and_every_other_optimizer_itself)
{
    for_each_training(check_spared);
}
END_TEST

/* One step from the same gradients, with and without decay of the biases: kernels get the same, biases do not. */
static void check_partly_spared(const golden_case *c)
{
    network one = made(c, 1), two = made(c, 1);
    const bool decays = !strcmp(golden_text(c, "optimizer"), "adamw");
    ck_ok(lstm_params_set_trainable(two.weights, "*bias", true, false));
    take_steps(&one, 1, 1);
    take_steps(&two, 1, 1);
    for (size_t k = 0; k < VARIABLES; k++)
        ck_assert(stayed(&two, k, lstm_params_data(one.weights, NULL)) == (k % 2 == 0 || !decays));
    unmade(&one);
    unmade(&two);
}

START_TEST(biases_may_be_spared_from_decay_and_kernels_then_decay_as_before)
{
    for_each_training(check_partly_spared);
}
END_TEST

Suite *training_suite(void)
{
    return test_suite("training", (const TTest *const[]){
                                      ten_steps_of_every_optimizer_give_the_weights_of_tensorflow,
                                      twenty_steps_of_both_kinds_of_adamw_give_the_weights_of_tensorflow,
                                      what_is_not_trainable_keeps_its_bits_through_twenty_steps_of_every_optimizer,
                                      the_slots_of_what_is_not_trainable_are_left_alone,
                                      without_decay_adamw_is_adam_and_every_other_optimizer_itself,
                                      biases_may_be_spared_from_decay_and_kernels_then_decay_as_before,
                                      NULL,
                                  });
}
