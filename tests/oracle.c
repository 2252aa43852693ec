#include "oracle.h"

#include "golden.h"
#include "reference.h"

#include <stdlib.h>
#include <string.h>

/* The reference's results for an unroll in batch-major layout. */
typedef struct oracle {
    const char *kind;
    double tolerance;
    reference_cell cell;
    double *x, *y, *d_y, *d_x;
    double *state[2], *final[2], *d_final[2], *d_initial[2];
    double *variables[REFERENCE_MAX_VARIABLES], *d_variables[REFERENCE_MAX_VARIABLES];
} oracle;

static double *widened(const float *values, size_t count)
{
    double *wide = test_allocate(count, sizeof *wide);
    for (size_t k = 0; k < count; k++)
        wide[k] = (double)values[k];
    return wide;
}

static void check_wide(const oracle *o, const char *what, const float *found, const double *expected, size_t count)
{
    float *narrow = test_allocate(count, sizeof *narrow);
    for (size_t k = 0; k < count; k++)
        narrow[k] = (float)expected[k];
    const double difference = golden_difference(found, narrow, count);
    ck_assert_msg(difference <= o->tolerance, "%s of %s: differs by %.3g of the largest", what, o->kind, difference);
    free(narrow);
}

static reference_cell reference_of(const char *kind, lstm_activation activation, float forget_bias, size_t input,
                                   size_t units)
{
    static const struct {
        const char *name;
        reference_kind kind;
    } kinds[] = {{"basic_rnn", REFERENCE_BASIC_RNN},
                 {"basic_lstm", REFERENCE_BASIC_LSTM},
                 {"lstm", REFERENCE_LSTM},
                 {"full_lstm", REFERENCE_LSTM},
                 {"gru", REFERENCE_GRU},
                 {"cudnn_compatible_gru", REFERENCE_CUDNN_COMPATIBLE_GRU},
                 {"layer_norm_basic_lstm", REFERENCE_LAYER_NORM_BASIC_LSTM},
                 {"plain_layer_norm_basic_lstm", REFERENCE_LAYER_NORM_BASIC_LSTM},
                 {"coupled_input_forget_lstm", REFERENCE_COUPLED_INPUT_FORGET_LSTM}};
    static const reference_activation activations[] = {[LSTM_ACTIVATION_DEFAULT] = REFERENCE_TANH,
                                                       [LSTM_ACTIVATION_LINEAR] = REFERENCE_LINEAR,
                                                       [LSTM_ACTIVATION_TANH] = REFERENCE_TANH,
                                                       [LSTM_ACTIVATION_SIGMOID] = REFERENCE_SIGMOID,
                                                       [LSTM_ACTIVATION_RELU] = REFERENCE_RELU};
    reference_cell cell = {
        .input = input, .units = units, .forget_bias = (double)forget_bias, .activation = activations[activation]};
    size_t k = 0;
    while (k < sizeof kinds / sizeof kinds[0] && strcmp(kind, kinds[k].name) != 0)
        k++;
    ck_assert_msg(k < sizeof kinds / sizeof kinds[0], "the reference has no %s", kind);
    cell.kind = kinds[k].kind;
    cell.layer_norm = !strcmp(kind, "layer_norm_basic_lstm");
    if (!strcmp(kind, "full_lstm")) {
        cell.use_peepholes = true;
        cell.cell_clip = (double)TEST_CELL_CLIP;
        cell.num_proj = test_output_width(kind, units);
        cell.proj_clip = (double)TEST_PROJ_CLIP;
    }
    return cell;
}

static void ask(oracle *o, const reference_cell *cell, const unroll *u)
{
    o->x = widened(u->x, u->x_count);
    o->d_y = widened(u->d_y, u->y_count);
    o->y = test_allocate(u->y_count, sizeof(double));
    o->d_x = test_allocate(u->x_count, sizeof(double));
    for (size_t row = 0; row < u->shape.batch; row++) /* the reference has no d_last_output */
        for (size_t k = 0; k < u->output && unroll_length(u, row); k++)
            o->d_y[(row * u->shape.time + unroll_length(u, row) - 1) * u->output + k] +=
                (double)u->d_last[row * u->output + k];
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        o->state[leaf] = widened(u->state[leaf], u->state_count[leaf]);
        o->d_final[leaf] = widened(u->d_final[leaf], u->state_count[leaf]);
        o->final[leaf] = test_allocate(u->state_count[leaf], sizeof(double));
        o->d_initial[leaf] = test_allocate(u->state_count[leaf], sizeof(double));
    }
    for (size_t k = 0; k < reference_variable_count(cell); k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(u->weights, k, &info));
        o->variables[k] = widened(lstm_params_data(u->weights, NULL) + info.offset, info.count);
        o->d_variables[k] = test_allocate(info.count, sizeof(double));
    }
    const reference_run run = {.batch = u->shape.batch,
                               .time = u->shape.time,
                               .lengths = u->shape.lengths,
                               .inputs = o->x,
                               .initial_state = (const double *const *)o->state};
    reference_dynamic_rnn(cell, (const double *const *)o->variables, &run, o->y, o->final);
    reference_dynamic_rnn_backward(cell, (const double *const *)o->variables, &run, o->d_y,
                                   (const double *const *)o->d_final, o->d_x, o->d_initial, o->d_variables);
}

static void check(const oracle *o, const unroll *u)
{
    check_wide(o, "outputs", u->y, o->y, u->y_count);
    check_wide(o, "d_inputs", u->d_x, o->d_x, u->x_count);
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        check_wide(o, "final_state", u->final[leaf], o->final[leaf], u->state_count[leaf]);
        check_wide(o, "d_initial_state", u->d_initial[leaf], o->d_initial[leaf], u->state_count[leaf]);
    }
    for (size_t k = 0; k < reference_variable_count(&o->cell); k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(u->grads, k, &info));
        check_wide(o, info.name, lstm_params_data(u->grads, NULL) + info.offset, o->d_variables[k], info.count);
    }
}

static void release(oracle *o)
{
    free(o->x);
    free(o->y);
    free(o->d_y);
    free(o->d_x);
    for (size_t leaf = 0; leaf < 2; leaf++) {
        free(o->state[leaf]);
        free(o->final[leaf]);
        free(o->d_final[leaf]);
        free(o->d_initial[leaf]);
    }
    for (size_t k = 0; k < REFERENCE_MAX_VARIABLES; k++) {
        free(o->variables[k]);
        free(o->d_variables[k]);
    }
}

void oracle_check(const char *kind, lstm_activation activation, float forget_bias, const unroll *u, double tolerance)
{
    oracle o = {.kind = kind,
                .tolerance = tolerance,
                .cell = reference_of(kind, activation, forget_bias, u->shape.input, lstm_rnn_state_size(u->rnn, 0))};
    ask(&o, &o.cell, u);
    check(&o, u);
    release(&o);
}
