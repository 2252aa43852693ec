/* The library against TensorFlow and PyTorch themselves: tests/golden/. */
#include "golden.h"
#include "golden_optimizer.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LEAVES = 6, MAX_VARIABLES = 16, MAX_BATCH = 64 };

static float *filled(const golden_case *c, unsigned offset, size_t count, const char *scale)
{
    float *numbers = test_allocate(count, sizeof *numbers);
    golden_fill((uint32_t)golden_integer(c, "seed", 0) + offset, count, (float)golden_real(c, scale, 1.0), numbers);
    return numbers;
}

static golden *opened(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.golden", GOLDEN_DIR, name);
    golden *file = golden_open(path);
    ck_assert_ptr_nonnull(file);
    return file;
}

static void check_array(const golden_case *c, const char *name, const float *found, size_t count)
{
    char what[200];
    size_t expected;
    const float *values = golden_array(c, name, &expected);
    snprintf(what, sizeof what, "%s/%s", golden_name(c), name);
    ck_assert_msg(values && expected == count, "%s is not there, or of another size", what);
    ck_close(found, values, count, what);
}

/* The variable whose name ends with that: the shortest, for "kernel" may end "projection/kernel" too. */
static lstm_variable_info find_variable(const lstm_params *params, const char *ending)
{
    lstm_variable_info best = {0}, info;
    for (size_t k = 0; k < lstm_params_variable_count(params); k++) {
        ck_ok(lstm_params_variable(params, k, &info));
        const size_t length = strlen(info.name), tail = strlen(ending);
        if (length > tail && info.name[length - tail - 1] == '/' && !strcmp(info.name + length - tail, ending) &&
            (!best.name || length < strlen(best.name)))
            best = info;
    }
    ck_assert_msg(best.name, "no variable ends with %s", ending);
    return best;
}

/* Write the weights that the case's seed stands for. */
static void fill_weights(const golden_case *c, lstm_params *params)
{
    float *block = lstm_params_edit(params, NULL);
    char item[100];
    size_t filled_floats = 0, floats;
    for (unsigned k = 0; golden_item(c, "variables", k, sizeof item, item); k++) {
        const lstm_variable_info info = find_variable(params, item);
        golden_fill((uint32_t)golden_integer(c, "seed", 0) + 16 + k, info.count,
                    (float)golden_real(c, info.rank == 1 ? "scale_vectors" : "scale_matrices", 1.0),
                    block + info.offset);
        filled_floats += info.count;
    }
    lstm_params_data(params, &floats);
    ck_assert_uint_eq(filled_floats, floats);
}

static void check_gradients(const golden_case *c, const lstm_params *grads)
{
    char item[100], name[300];
    for (unsigned k = 0; golden_item(c, "variables", k, sizeof item, item); k++) {
        const lstm_variable_info info = find_variable(grads, item);
        snprintf(name, sizeof name, "d_%s", item);
        check_array(c, name, lstm_params_data(grads, NULL) + info.offset, info.count);
    }
}

/* A cell of that kind ("residual_" before it wraps it), with the options of the case. */
static lstm_cell *make_cell(const golden_case *c, const char *kind, size_t units)
{
    const bool residual = !strncmp(kind, "residual_", 9);
    const lstm_activation activation =
        golden_text(c, "activation") ? test_activation(golden_text(c, "activation")) : LSTM_ACTIVATION_DEFAULT;
    const float forget_bias = (float)golden_real(c, "forget_bias", 1.0);
    lstm_cell *cell, *wrapped;
    kind += residual ? 9 : 0;
    if (!strcmp(kind, "lstm"))
        ck_ok(lstm_cell_create_lstm(NULL, units,
                                    LSTM_ARGS(lstm_lstm_config, .activation = activation,
                                              .forget_bias = LSTM_VALUE(forget_bias),
                                              .use_peepholes = golden_integer(c, "use_peepholes", 0),
                                              .cell_clip = (float)golden_real(c, "cell_clip", 0.0),
                                              .num_proj = (size_t)golden_integer(c, "num_proj", 0),
                                              .proj_clip = (float)golden_real(c, "proj_clip", 0.0)),
                                    &cell));
    else
        cell = test_cell(kind, units, activation, forget_bias);
    if (!residual)
        return cell;
    ck_ok(lstm_cell_create_residual(NULL, cell, &wrapped));
    lstm_cell_destroy(cell);
    return wrapped;
}

/* The cell of a list such as "lstm:7,residual_gru:3", or of the keys cell and units. */
static lstm_cell *make_cells(const golden_case *c, const char *key)
{
    lstm_cell *cells[8], *cell;
    size_t count = 0;
    char item[64];
    if (!golden_text(c, key))
        return make_cell(c, golden_text(c, "cell"), (size_t)golden_integer(c, "units", 0));
    for (; golden_item(c, key, count, sizeof item, item); count++) {
        char *colon = strchr(item, ':');
        ck_assert_ptr_nonnull(colon);
        *colon = '\0';
        cells[count] = make_cell(c, item, (size_t)strtoul(colon + 1, NULL, 10));
    }
    if (count == 1)
        return cells[0];
    ck_ok(lstm_cell_create_multi_rnn(NULL, cells, count, &cell));
    for (size_t k = 0; k < count; k++)
        lstm_cell_destroy(cells[k]);
    return cell;
}

typedef struct recurrent {
    lstm_params *weights, *grads;
    lstm_rnn *rnn;
    lstm_tape *tape;
    size_t batch, time, leaves, fw, bw; /* fw, bw: output widths; bw 0: one direction */
    size_t lengths[MAX_BATCH];
    float *state[MAX_LEAVES], *final[MAX_LEAVES], *d_final[MAX_LEAVES], *d_initial[MAX_LEAVES];
} recurrent;

static void make_plan(const golden_case *c, recurrent *r)
{
    const size_t input = (size_t)golden_integer(c, "input", 0);
    const bool two = !strncmp(golden_text(c, "driver"), "bidirectional", 13);
    lstm_cell *cell = make_cells(c, two ? "layers_fw" : "layers"), *bw = two ? make_cells(c, "layers_bw") : NULL;
    ck_ok(lstm_params_create(NULL, &r->weights));
    if (two)
        ck_ok(lstm_rnn_create_bidirectional(r->weights, NULL, cell, bw, input, NULL, &r->rnn));
    else
        ck_ok(lstm_rnn_create(r->weights, NULL, cell, input, NULL, &r->rnn));
    lstm_cell_destroy(cell);
    lstm_cell_destroy(bw);
    r->fw = golden_shape(c, two ? "outputs_fw" : "outputs", NULL)[2];
    r->bw = two ? golden_shape(c, "outputs_bw", NULL)[2] : 0;
    ck_assert_uint_eq(lstm_rnn_output_size(r->rnn), r->fw + r->bw);
}

static void set_up(const golden_case *c, recurrent *r)
{
    r->batch = (size_t)golden_integer(c, "batch", 0);
    r->time = (size_t)golden_integer(c, "time", 0);
    make_plan(c, r);
    ck_ok(lstm_params_initialize(r->weights, 1));
    ck_ok(lstm_params_create_like(r->weights, &r->grads));
    fill_weights(c, r->weights);
    ck_ok(lstm_tape_create(r->rnn, LSTM_ARGS(lstm_tape_config, .max_batch = r->batch, .max_time = r->time), &r->tape));
    r->leaves = lstm_rnn_state_count(r->rnn);
    ck_assert_uint_le(r->leaves, MAX_LEAVES);
    for (unsigned k = 0; k < r->leaves; k++) {
        const size_t count = r->batch * lstm_rnn_state_size(r->rnn, k);
        r->state[k] = filled(c, 1 + k, count, "scale_state");
        r->d_final[k] = filled(c, 9 + k, count, "scale_gradients");
        r->final[k] = test_allocate(count, sizeof(float));
        r->d_initial[k] = test_allocate(count, sizeof(float));
    }
}

static void tear_down(recurrent *r)
{
    for (size_t k = 0; k < r->leaves; k++) {
        free(r->state[k]);
        free(r->d_final[k]);
        free(r->final[k]);
        free(r->d_initial[k]);
    }
    lstm_tape_destroy(r->tape);
    lstm_rnn_destroy(r->rnn);
    lstm_params_destroy(r->grads);
    lstm_params_destroy(r->weights);
}

/* Columns [column, column + width) of whole[steps][...], or the other way round. */
static void copy_columns(const recurrent *r, float *whole, float *part, size_t column, size_t width, bool to_whole)
{
    const size_t stride = r->fw + r->bw;
    for (size_t step = 0; step < r->batch * r->time; step++)
        for (size_t k = 0; k < width; k++)
            *(to_whole ? &whole[step * stride + column + k] : &part[step * width + k]) =
                *(to_whole ? &part[step * width + k] : &whole[step * stride + column + k]);
}

/* The gradient of the outputs, both directions beside each other. */
static float *d_outputs_of(const golden_case *c, const recurrent *r)
{
    const size_t steps = r->batch * r->time;
    float *whole = test_allocate(steps * (r->fw + r->bw), sizeof *whole);
    for (unsigned d = 0; d < (r->bw ? 2u : 1u); d++) {
        const size_t width = d ? r->bw : r->fw;
        float *part = filled(c, d ? 7 : 8, steps * width, "scale_gradients");
        copy_columns(r, whole, part, d ? r->fw : 0, width, true);
        free(part);
    }
    return whole;
}

static void check_outputs(const golden_case *c, const recurrent *r, float *y)
{
    for (unsigned d = 0; d < (r->bw ? 2u : 1u); d++) {
        const size_t width = d ? r->bw : r->fw;
        float *part = test_allocate(r->batch * r->time * width, sizeof *part);
        copy_columns(r, y, part, d ? r->fw : 0, width, false);
        check_array(c, !r->bw ? "outputs" : d ? "outputs_bw" : "outputs_fw", part, r->batch * r->time * width);
        free(part);
    }
}

static void check_recurrent(const golden_case *c)
{
    recurrent r = {0};
    char name[64];
    set_up(c, &r);
    const size_t inputs = r.batch * r.time * lstm_rnn_input_size(r.rnn);
    const bool ragged = golden_list(c, "lengths", MAX_BATCH, r.lengths) > 0;
    float *x = filled(c, 0, inputs, "scale_inputs"), *d_y = d_outputs_of(c, &r);
    float *y = test_allocate(r.batch * r.time * (r.fw + r.bw), sizeof *y), *d_x = test_allocate(inputs, sizeof *d_x);
    ck_ok(lstm_dynamic_rnn(r.tape, r.weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = r.batch, .time = r.time, .inputs = x,
                                     .sequence_length = ragged ? r.lengths : NULL,
                                     .initial_state = (const float *const *)r.state, .outputs = y,
                                     .final_state = r.final)));
    ck_ok(lstm_dynamic_rnn_backward(r.tape, r.weights,
                                    LSTM_ARGS(lstm_dynamic_rnn_grads, .d_outputs = d_y,
                                              .d_final_state = (const float *const *)r.d_final, .d_params = r.grads,
                                              .d_inputs = d_x, .d_initial_state = r.d_initial)));
    check_outputs(c, &r, y);
    check_array(c, "d_inputs", d_x, inputs);
    for (size_t k = 0; k < r.leaves; k++) {
        const size_t count = r.batch * lstm_rnn_state_size(r.rnn, k);
        snprintf(name, sizeof name, "final_state.%zu", k);
        check_array(c, name, r.final[k], count);
        snprintf(name, sizeof name, "d_initial_state.%zu", k);
        check_array(c, name, r.d_initial[k], count);
    }
    check_gradients(c, r.grads);
    free(x);
    free(d_y);
    free(y);
    free(d_x);
    tear_down(&r);
}

static void check_recurrent_file(const char *name, size_t at_least)
{
    golden *file = opened(name);
    for (size_t k = 0; k < golden_case_count(file); k++)
        check_recurrent(golden_case_at(file, k));
    ck_assert_uint_ge(golden_case_count(file), at_least);
    golden_close(file);
}

START_TEST(cells_over_time_agree_with_tensorflow)
{
    check_recurrent_file("cells", 76);
}
END_TEST

START_TEST(peepholes_clips_and_projection_agree_with_tensorflow)
{
    check_recurrent_file("lstm_options", 48);
}
END_TEST

START_TEST(stacks_residuals_and_bidirectional_plans_agree_with_tensorflow)
{
    check_recurrent_file("drivers", 32);
}
END_TEST

START_TEST(the_gru_with_its_reset_after_the_product_agrees_with_pytorch)
{
    check_recurrent_file("torch_gru", 11);
}
END_TEST

static void check_dense(const golden_case *c)
{
    const size_t input = (size_t)golden_integer(c, "input", 0), units = (size_t)golden_integer(c, "units", 0);
    const size_t rows = (size_t)golden_integer(c, "batch", 0);
    lstm_params *weights, *grads;
    lstm_dense *dense;
    ck_ok(lstm_params_create(NULL, &weights));
    ck_ok(lstm_dense_create(weights, NULL, input, units,
                            LSTM_ARGS(lstm_dense_config, .activation = test_activation(golden_text(c, "activation")),
                                      .no_bias = !golden_integer(c, "use_bias", 1)),
                            &dense));
    ck_ok(lstm_params_initialize(weights, 1));
    ck_ok(lstm_params_create_like(weights, &grads));
    fill_weights(c, weights);
    float *x = filled(c, 0, rows * input, "scale_inputs"), *d_y = filled(c, 8, rows * units, "scale_gradients");
    float *y = test_allocate(rows * units, sizeof *y), *d_x = test_allocate(rows * input, sizeof *d_x);
    ck_ok(lstm_dense_forward(dense, weights, rows, x, y));
    ck_ok(lstm_dense_backward(dense, weights, rows, x, y, d_y, grads, d_x));
    check_array(c, "outputs", y, rows * units);
    check_array(c, "d_inputs", d_x, rows * input);
    check_gradients(c, grads);
    free(x);
    free(d_y);
    free(y);
    free(d_x);
    lstm_dense_destroy(dense);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
}

/* TensorFlow's own float32 loss is good to about 1e-7 of the terms that cancel in it, the logits. */
static void check_loss(const golden_case *c, const char *name, double loss)
{
    const float *expected = golden_array(c, name, NULL);
    const double size = fabs((double)expected[0]) + golden_real(c, "scale_logits", 1.0);
    ck_assert_msg(fabs(loss - (double)expected[0]) <= 1e-6 * size, "%s/%s: %g, expected %g", golden_name(c), name, loss,
                  (double)expected[0]);
}

static void check_softmax_cross_entropy(const golden_case *c)
{
    const size_t batch = (size_t)golden_integer(c, "batch", 0), classes = (size_t)golden_integer(c, "classes", 0);
    const bool sparse = !strncmp(golden_text(c, "op"), "sparse", 6);
    size_t indices[MAX_BATCH];
    const bool indexed = golden_list(c, "indices", MAX_BATCH, indices) > 0;
    float *logits = filled(c, 0, batch * classes, "scale_logits");
    float *labels = test_allocate(batch * classes, sizeof *labels), *d = test_allocate(batch * classes, sizeof *d);
    if (indexed)
        ck_ok(lstm_one_hot(batch, indices, classes, labels));
    else
        memcpy(labels, golden_array(c, "labels", NULL), batch * classes * sizeof *labels);
    for (int k = 0; k < 2; k++) {
        const char *sum_or_mean = k ? "mean" : "sum";
        const lstm_loss_config *config =
            LSTM_ARGS(lstm_loss_config, .reduction = k ? LSTM_REDUCTION_MEAN : LSTM_REDUCTION_SUM);
        float loss;
        char name[64];
        if (sparse)
            ck_ok(lstm_sparse_softmax_cross_entropy(NULL, config, batch, classes, logits, indices, d, &loss));
        else
            ck_ok(lstm_softmax_cross_entropy(NULL, config, batch, classes, logits, labels, d, &loss));
        snprintf(name, sizeof name, "loss_%s", sum_or_mean);
        check_loss(c, name, (double)loss);
        snprintf(name, sizeof name, "d_logits_%s", sum_or_mean);
        check_array(c, name, d, batch * classes);
    }
    free(logits);
    free(labels);
    free(d);
}

START_TEST(dense_layers_losses_and_optimizers_agree_with_tensorflow)
{
    golden *file = opened("loss_optimizer");
    size_t dense = 0, losses = 0, optimizers = 0;
    for (size_t k = 0; k < golden_case_count(file); k++) {
        const golden_case *c = golden_case_at(file, k);
        const char *op = golden_text(c, "op");
        if (!strcmp(op, "dense")) {
            check_dense(c);
            dense++;
        } else if (strstr(op, "softmax_cross_entropy")) {
            check_softmax_cross_entropy(c);
            losses++;
        } else if (!strcmp(op, "optimizer")) {
            check_golden_optimizer(c);
            optimizers++;
        }
    }
    ck_assert_uint_ge(dense, 20);
    ck_assert_uint_ge(losses, 24);
    ck_assert_uint_ge(optimizers, 15);
    golden_close(file);
}
END_TEST

Suite *golden_suite(void)
{
    return test_suite("golden", (const TTest *const[]){cells_over_time_agree_with_tensorflow,
                                                       peepholes_clips_and_projection_agree_with_tensorflow,
                                                       stacks_residuals_and_bidirectional_plans_agree_with_tensorflow,
                                                       the_gru_with_its_reset_after_the_product_agrees_with_pytorch,
                                                       dense_layers_losses_and_optimizers_agree_with_tensorflow, NULL});
}
