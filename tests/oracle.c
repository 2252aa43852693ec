#include "oracle.h"

#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VARIABLES = 192 };

/* The unroll's numbers and results in double, batch-major. */
typedef struct oracle {
    const oracle_plan *plan;
    const unroll *u;
    double disturbance;
    lstm_random random;
    uint64_t drawn;
    double *x, *y, *d_y, *d_x, *last, *d_last;
    double *state[UNROLL_MAX_LEAVES], *final[UNROLL_MAX_LEAVES];
    double *d_final[UNROLL_MAX_LEAVES], *d_initial[UNROLL_MAX_LEAVES];
    size_t variable_count;
    double *variables[MAX_VARIABLES], *d_variables[MAX_VARIABLES];
} oracle;

/* One cell's share of a run: which way it reads, and which variables and leaves are its first. */
typedef struct share {
    bool reverse;
    size_t variable, leaf;
} share;

size_t oracle_output_width(const oracle_cell *cell)
{
    switch (cell->kind) {
    case ORACLE_CELL: return reference_output_width(&cell->cell);
    case ORACLE_OUTPUT_PROJECTION: return cell->width;
    default: return oracle_output_width(cell->inside[cell->count - 1]);
    }
}

static size_t own_variables(const oracle_cell *cell)
{
    const bool dense =
        cell->kind == ORACLE_HIGHWAY || cell->kind == ORACLE_INPUT_PROJECTION || cell->kind == ORACLE_OUTPUT_PROJECTION;
    return cell->kind == ORACLE_CELL ? reference_variable_count(&cell->cell) : dense ? 2 : 0;
}

static size_t variables_of(const oracle_cell *cell)
{
    size_t count = own_variables(cell);
    for (size_t k = 0; k < cell->count; k++)
        count += variables_of(cell->inside[k]);
    return count;
}

static size_t leaves_of(const oracle_cell *cell)
{
    size_t count = cell->kind == ORACLE_CELL ? reference_state_count(&cell->cell) : 0;
    for (size_t k = 0; k < cell->count; k++)
        count += leaves_of(cell->inside[k]);
    return count;
}

/* The share of a cell inside. The variables of a highway and of an input projection come before its cell's. */
static share inside(const oracle_cell *cell, size_t index, share of)
{
    if (cell->kind == ORACLE_HIGHWAY || cell->kind == ORACLE_INPUT_PROJECTION)
        of.variable += 2;
    for (size_t k = 0; k < index; k++) {
        of.variable += variables_of(cell->inside[k]);
        of.leaf += leaves_of(cell->inside[k]);
    }
    return of;
}

/* ---- arrays ---- */

static size_t steps(const oracle *o)
{
    return o->u->shape.batch * o->u->shape.time;
}

static double *zeros(const oracle *o, size_t width)
{
    return test_allocate(steps(o) * width, sizeof(double));
}

static bool is_padding(const oracle *o, size_t step)
{
    return step % o->u->shape.time >= unroll_length(o->u, step / o->u->shape.time);
}

static void clear_padding(const oracle *o, double *values, size_t width)
{
    for (size_t step = 0; step < steps(o); step++)
        if (is_padding(o, step))
            memset(values + step * width, 0, width * sizeof *values);
}

static void add(const oracle *o, const double *from, double *to, size_t width)
{
    for (size_t k = 0; k < steps(o) * width; k++)
        to[k] += from[k];
}

static double widened(oracle *o, float value)
{
    if (o->disturbance == 0.0)
        return (double)value;
    const double size = ldexp((double)lstm_random_bits(&o->random, o->drawn++), -31) - 1.0;
    return (double)value * (1.0 + o->disturbance * size);
}

static double *wide(oracle *o, const float *values, size_t count)
{
    double *all = test_allocate(count, sizeof *all);
    for (size_t k = 0; k < count; k++)
        all[k] = widened(o, values[k]);
    return all;
}

static double *wide_sequence(oracle *o, const float *values, size_t width)
{
    double *all = zeros(o, width);
    for (size_t step = 0; step < steps(o); step++)
        for (size_t k = 0; k < width && !is_padding(o, step); k++)
            all[step * width + k] =
                widened(o, values[unroll_place(o->u, step / o->u->shape.time, step % o->u->shape.time) * width + k]);
    return all;
}

/* ---- cells over time ---- */

static reference_run run_of(const oracle *o, const double *x, share of)
{
    return (reference_run){.batch = o->u->shape.batch,
                           .time = o->u->shape.time,
                           .lengths = o->u->shape.lengths,
                           .inputs = x,
                           .initial_state = (const double *const *)o->state + of.leaf,
                           .reverse = of.reverse};
}

/* A wrapper's dense layer of two variables. */
static reference_dense dense_of(const oracle_cell *cell)
{
    if (cell->kind == ORACLE_HIGHWAY)
        return (reference_dense){cell->input, cell->input, REFERENCE_SIGMOID};
    const size_t inputs = cell->kind == ORACLE_INPUT_PROJECTION ? cell->input : oracle_output_width(cell->inside[0]);
    return (reference_dense){inputs, cell->width, cell->activation};
}

static size_t dense_variable(const oracle_cell *cell, share of)
{
    return of.variable + (cell->kind == ORACLE_OUTPUT_PROJECTION ? variables_of(cell->inside[0]) : 0);
}

static double *dense_forward(const oracle *o, const oracle_cell *cell, share of, const double *x)
{
    const reference_dense dense = dense_of(cell);
    const size_t v = dense_variable(cell, of);
    double *y = zeros(o, dense.units);
    reference_dense_forward(&dense, o->variables[v], o->variables[v + 1], steps(o), x, y);
    clear_padding(o, y, dense.units);
    return y;
}

static double *dense_backward(const oracle *o, const oracle_cell *cell, share of, const double *x, const double *d_y)
{
    const reference_dense dense = dense_of(cell);
    const size_t v = dense_variable(cell, of);
    double *d_x = zeros(o, dense.inputs);
    reference_dense_backward(&dense, o->variables[v], o->variables[v + 1], steps(o), x, d_y, d_x, o->d_variables[v],
                             o->d_variables[v + 1]);
    return d_x;
}

static double *forward(oracle *o, const oracle_cell *cell, share of, const double *x);

/* The input of cell `index` of a stack. */
static double *below(oracle *o, const oracle_cell *cell, share of, const double *x, size_t index)
{
    double *input = test_allocate(steps(o) * cell->input, sizeof *input);
    memcpy(input, x, steps(o) * cell->input * sizeof *input);
    for (size_t k = 0; k < index; k++) {
        double *output = forward(o, cell->inside[k], inside(cell, k, of), input);
        free(input);
        input = output;
    }
    return input;
}

/* The outputs over time, zeros past the lengths; the final states are written. */
static double *forward(oracle *o, const oracle_cell *cell, share of, const double *x)
{
    const size_t width = oracle_output_width(cell);
    double *y, *other;
    if (cell->kind == ORACLE_CELL) {
        const reference_run run = run_of(o, x, of);
        y = zeros(o, width);
        reference_dynamic_rnn(&cell->cell, (const double *const *)o->variables + of.variable, &run, y,
                              o->final + of.leaf);
        return y;
    }
    if (cell->kind == ORACLE_MULTI)
        return below(o, cell, of, x, cell->count);
    other = cell->kind == ORACLE_INPUT_PROJECTION ? dense_forward(o, cell, of, x) : NULL;
    y = forward(o, cell->inside[0], inside(cell, 0, of), other ? other : x);
    free(other);
    if (cell->kind == ORACLE_RESIDUAL)
        add(o, x, y, width);
    if (cell->kind == ORACLE_HIGHWAY) {
        other = dense_forward(o, cell, of, x);
        for (size_t k = 0; k < steps(o) * width; k++)
            y[k] = x[k] * other[k] + y[k] * (1.0 - other[k]);
        free(other);
    }
    if (cell->kind == ORACLE_OUTPUT_PROJECTION) {
        other = y;
        y = dense_forward(o, cell, of, other);
        free(other);
    }
    return y;
}

static double *backward(oracle *o, const oracle_cell *cell, share of, const double *x, const double *d_y);

static double *stack_backward(oracle *o, const oracle_cell *cell, share of, const double *x, const double *d_y)
{
    double *d = NULL;
    for (size_t k = cell->count; k-- > 0;) {
        double *input = below(o, cell, of, x, k), *d_input;
        d_input = backward(o, cell->inside[k], inside(cell, k, of), input, d ? d : d_y);
        free(input);
        free(d);
        d = d_input;
    }
    return d;
}

static double *highway_backward(oracle *o, const oracle_cell *cell, share of, const double *x, const double *d_y)
{
    const size_t count = steps(o) * cell->input;
    double *carry = dense_forward(o, cell, of, x), *y = forward(o, cell->inside[0], inside(cell, 0, of), x);
    double *d_inner = zeros(o, cell->input), *d_carry = zeros(o, cell->input);
    for (size_t k = 0; k < count; k++) {
        d_inner[k] = d_y[k] * (1.0 - carry[k]);
        d_carry[k] = d_y[k] * (x[k] - y[k]);
    }
    double *d_x = backward(o, cell->inside[0], inside(cell, 0, of), x, d_inner);
    double *other = dense_backward(o, cell, of, x, d_carry);
    for (size_t k = 0; k < count; k++)
        d_x[k] += other[k] + d_y[k] * carry[k];
    free(other);
    free(d_carry);
    free(d_inner);
    free(y);
    free(carry);
    return d_x;
}

/* The gradient of x, which is zero past the lengths as d_y is; those of variables are added to. */
static double *backward(oracle *o, const oracle_cell *cell, share of, const double *x, const double *d_y)
{
    double *d_x, *other;
    switch (cell->kind) {
    case ORACLE_CELL: {
        const reference_run run = run_of(o, x, of);
        d_x = zeros(o, cell->input);
        reference_dynamic_rnn_backward(&cell->cell, (const double *const *)o->variables + of.variable, &run, d_y,
                                       (const double *const *)o->d_final + of.leaf, d_x, o->d_initial + of.leaf,
                                       o->d_variables + of.variable);
        return d_x;
    }
    case ORACLE_MULTI: return stack_backward(o, cell, of, x, d_y);
    case ORACLE_HIGHWAY: return highway_backward(o, cell, of, x, d_y);
    case ORACLE_INPUT_PROJECTION: {
        double *input = dense_forward(o, cell, of, x);
        other = backward(o, cell->inside[0], inside(cell, 0, of), input, d_y);
        d_x = dense_backward(o, cell, of, x, other);
        free(input);
        free(other);
        return d_x;
    }
    case ORACLE_OUTPUT_PROJECTION: {
        double *y = forward(o, cell->inside[0], inside(cell, 0, of), x);
        other = dense_backward(o, cell, of, y, d_y);
        d_x = backward(o, cell->inside[0], inside(cell, 0, of), x, other);
        free(y);
        free(other);
        return d_x;
    }
    default:
        d_x = backward(o, cell->inside[0], inside(cell, 0, of), x, d_y);
        if (cell->kind == ORACLE_RESIDUAL)
            add(o, d_y, d_x, cell->input);
        return d_x;
    }
}

/* ---- plans ---- */

static size_t directions(const oracle_plan *plan)
{
    return plan->bw[0] ? 2 : 1;
}

static const oracle_cell *cell_of(const oracle_plan *plan, size_t layer, size_t direction)
{
    return direction ? plan->bw[layer] : plan->fw[layer];
}

/* Variables are those of the layers, fw's before bw's; leaves are fw's of all layers, then bw's. */
static share share_of(const oracle_plan *plan, size_t layer, size_t direction)
{
    share of = {.reverse = direction};
    for (size_t k = 0; k < layer * directions(plan) + direction; k++)
        of.variable += variables_of(cell_of(plan, k / directions(plan), k % directions(plan)));
    for (size_t k = 0; k < plan->layers; k++)
        of.leaf += direction || k < layer ? leaves_of(plan->fw[k]) : 0;
    for (size_t k = 0; k < layer && direction; k++)
        of.leaf += leaves_of(plan->bw[k]);
    return of;
}

static size_t layer_width(const oracle_plan *plan, size_t layer)
{
    const size_t width = oracle_output_width(plan->fw[layer]);
    return directions(plan) == 2 && plan->merge == LSTM_MERGE_CONCAT ? width + oracle_output_width(plan->bw[layer])
                                                                     : width;
}

/* Where a direction's outputs begin among those of its layer. */
static size_t column_of(const oracle_plan *plan, size_t layer, size_t direction)
{
    return direction && plan->merge == LSTM_MERGE_CONCAT ? oracle_output_width(plan->fw[layer]) : 0;
}

/* The step whose output of that direction is a row's last; SIZE_MAX: the row has none. */
static size_t last_step(const oracle *o, size_t row, size_t direction)
{
    const size_t length = unroll_length(o->u, row);
    return length ? row * o->u->shape.time + (direction ? 0 : length - 1) : SIZE_MAX;
}

static double *layer_forward(oracle *o, size_t layer, const double *x)
{
    const oracle_plan *plan = o->plan;
    const size_t width = layer_width(plan, layer);
    double *all = zeros(o, width);
    for (size_t d = 0; d < directions(plan); d++) {
        const oracle_cell *cell = cell_of(plan, layer, d);
        const size_t own = oracle_output_width(cell), column = column_of(plan, layer, d);
        double *y = forward(o, cell, share_of(plan, layer, d), x);
        for (size_t k = 0; k < steps(o) * own; k++)
            all[k / own * width + column + k % own] += y[k];
        for (size_t row = 0; row < o->u->shape.batch && layer == plan->layers - 1; row++)
            for (size_t k = 0; k < own && last_step(o, row, d) != SIZE_MAX; k++)
                o->last[row * width + column + k] += y[last_step(o, row, d) * own + k];
        free(y);
    }
    return all;
}

static double *layer_backward(oracle *o, size_t layer, const double *x, const double *d_all)
{
    const oracle_plan *plan = o->plan;
    const size_t width = layer_width(plan, layer), input = plan->fw[layer]->input;
    double *d_x = zeros(o, input);
    for (size_t d = 0; d < directions(plan); d++) {
        const oracle_cell *cell = cell_of(plan, layer, d);
        const size_t own = oracle_output_width(cell), column = column_of(plan, layer, d);
        double *d_y = zeros(o, own);
        for (size_t k = 0; k < steps(o) * own; k++)
            d_y[k] = d_all[k / own * width + column + k % own];
        for (size_t row = 0; row < o->u->shape.batch && layer == plan->layers - 1; row++)
            for (size_t k = 0; k < own && last_step(o, row, d) != SIZE_MAX; k++)
                d_y[last_step(o, row, d) * own + k] += o->d_last[row * width + column + k];
        double *other = backward(o, cell, share_of(plan, layer, d), x, d_y);
        add(o, other, d_x, input);
        free(other);
        free(d_y);
    }
    return d_x;
}

static void run_plan(oracle *o)
{
    double *between[ORACLE_MAX_LAYERS + 1] = {o->x}, *d = o->d_y;
    for (size_t layer = 0; layer < o->plan->layers; layer++)
        between[layer + 1] = layer_forward(o, layer, between[layer]);
    o->y = between[o->plan->layers];
    for (size_t layer = o->plan->layers; layer-- > 0;) {
        double *d_x = layer_backward(o, layer, between[layer], d);
        free(d);
        d = d_x;
        if (layer)
            free(between[layer]);
    }
    o->d_y = NULL;
    o->d_x = d;
}

/* ---- the unroll's numbers and results ---- */

/* Each row starts from the learned initial state: the last variables. */
static void learn_state(oracle *o, size_t leaf)
{
    const size_t width = lstm_rnn_state_size(o->u->rnn, leaf);
    const double *start = o->variables[o->variable_count - o->u->leaves + leaf];
    for (size_t k = 0; k < o->u->state_count[leaf]; k++)
        o->state[leaf][k] = start[k % width];
}

static void learn_state_backward(oracle *o, size_t leaf)
{
    const size_t width = lstm_rnn_state_size(o->u->rnn, leaf);
    double *d_start = o->d_variables[o->variable_count - o->u->leaves + leaf];
    for (size_t k = 0; k < o->u->state_count[leaf]; k++)
        d_start[k % width] += o->d_initial[leaf][k];
}

static void read_numbers(oracle *o)
{
    const unroll *u = o->u;
    o->variable_count = lstm_params_variable_count(u->weights);
    ck_assert_uint_le(o->variable_count, MAX_VARIABLES);
    o->x = wide_sequence(o, u->x, u->shape.input);
    o->d_y = wide_sequence(o, u->d_y, u->output);
    o->d_last = wide(o, u->d_last, u->last_count);
    o->last = test_allocate(u->last_count, sizeof(double));
    for (size_t k = 0; k < o->variable_count; k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(u->weights, k, &info));
        o->variables[k] = wide(o, lstm_params_data(u->weights, NULL) + info.offset, info.count);
        o->d_variables[k] = test_allocate(info.count, sizeof(double));
    }
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        o->d_final[leaf] = wide(o, u->d_final[leaf], u->state_count[leaf]);
        o->final[leaf] = test_allocate(u->state_count[leaf], sizeof(double));
        o->d_initial[leaf] = test_allocate(u->state_count[leaf], sizeof(double));
        o->state[leaf] = u->shape.no_initial_state ? test_allocate(u->state_count[leaf], sizeof(double))
                                                   : wide(o, u->state[leaf], u->state_count[leaf]);
        if (u->shape.no_initial_state && o->plan->learned)
            learn_state(o, leaf);
    }
}

/* The results take over the expected array. */
static void give(oracle_results *results, const char *what, bool is_gradient, const float *found, double *expected,
                 size_t count)
{
    ck_assert_uint_lt(results->count, ORACLE_MAX_ARRAYS);
    oracle_array *array = &results->arrays[results->count++];
    *array = (oracle_array){.is_gradient = is_gradient, .found = found, .expected = expected, .count = count};
    snprintf(array->what, sizeof array->what, "%s", what);
}

static void give_sequence(const oracle *o, oracle_results *results, const char *what, bool is_gradient,
                          const float *found, double *expected, size_t width)
{
    double *placed = zeros(o, width);
    for (size_t step = 0; step < steps(o); step++)
        memcpy(placed + unroll_place(o->u, step / o->u->shape.time, step % o->u->shape.time) * width,
               expected + step * width, width * sizeof *placed);
    free(expected);
    give(results, what, is_gradient, found, placed, steps(o) * width);
}

static void give_all(oracle *o, oracle_results *results)
{
    const unroll *u = o->u;
    char name[64];
    give_sequence(o, results, "outputs", false, u->y, o->y, u->output);
    give(results, "last_output", false, u->last, o->last, u->last_count);
    give_sequence(o, results, "d_inputs", true, u->d_x, o->d_x, u->shape.input);
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        if (u->shape.no_initial_state && o->plan->learned)
            learn_state_backward(o, leaf);
        snprintf(name, sizeof name, "final_state %zu", leaf);
        give(results, name, false, u->final[leaf], o->final[leaf], u->state_count[leaf]);
        snprintf(name, sizeof name, "d_initial_state %zu", leaf);
        give(results, name, true, u->d_initial[leaf], o->d_initial[leaf], u->state_count[leaf]);
    }
    for (size_t k = 0; k < o->variable_count; k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(u->grads, k, &info));
        give(results, info.name, true, lstm_params_data(u->grads, NULL) + info.offset, o->d_variables[k], info.count);
    }
}

void oracle_ask(const oracle_plan *plan, const unroll *u, double disturbance, uint64_t seed, oracle_results *results)
{
    oracle o = {.plan = plan, .u = u, .disturbance = disturbance, .random = lstm_random_named(seed, "disturbance")};
    results->count = 0;
    read_numbers(&o);
    run_plan(&o);
    give_all(&o, results);
    free(o.x);
    free(o.d_last);
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        free(o.state[leaf]);
        free(o.d_final[leaf]);
    }
    for (size_t k = 0; k < o.variable_count; k++)
        free(o.variables[k]);
}

void oracle_release(oracle_results *results)
{
    for (size_t k = 0; k < results->count; k++)
        free(results->arrays[k].expected);
}

double oracle_difference(const oracle_array *array)
{
    float *narrow = test_allocate(array->count, sizeof *narrow);
    for (size_t k = 0; k < array->count; k++)
        narrow[k] = (float)array->expected[k];
    const double difference = golden_difference(array->found, narrow, array->count);
    free(narrow);
    return difference;
}

/* ---- the cells of test_cell ---- */

oracle_cell oracle_test_cell(const char *kind, lstm_activation activation, float forget_bias, size_t input,
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
    cell.kind = kinds[k].kind; /* cppcheck-suppress arrayIndexOutOfBoundsCond ; the line above does not return then */
    cell.layer_norm = !strcmp(kind, "layer_norm_basic_lstm");
    if (!strcmp(kind, "full_lstm")) {
        cell.use_peepholes = true;
        cell.cell_clip = (double)TEST_CELL_CLIP;
        cell.num_proj = test_output_width(kind, units);
        cell.proj_clip = (double)TEST_PROJ_CLIP;
    }
    return (oracle_cell){.kind = ORACLE_CELL, .input = input, .cell = cell};
}

void oracle_check(const char *kind, lstm_activation activation, float forget_bias, const unroll *u, double tolerance)
{
    const oracle_cell cell =
        oracle_test_cell(kind, activation, forget_bias, u->shape.input, lstm_rnn_state_size(u->rnn, 0));
    const oracle_plan plan = {.layers = 1, .fw = {&cell}};
    oracle_results results;
    oracle_ask(&plan, u, 0.0, 0, &results);
    for (size_t k = 0; k < results.count; k++) {
        const double difference = oracle_difference(&results.arrays[k]);
        ck_assert_msg(difference <= tolerance, "%s of %s: differs by %.3g of the largest", results.arrays[k].what, kind,
                      difference);
    }
    oracle_release(&results);
}
