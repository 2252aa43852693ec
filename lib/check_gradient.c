/* Compares a cell's backward with finite differences. */
#include "cell.h"
#include "context.h"
#include "status.h"

#include <lstm/random.h>
#include <lstm/rnn.h>

#include <math.h>
#include <string.h>

/* A ragged batch, one row of which has no steps. Differences over twice the step cancel the error of second order. */
enum { BATCH = 4, TIME = 4, DIRECTIONS = 3 };
static const size_t lengths[BATCH] = {TIME, 2, 0, 3};
static const double difference_step = 0x1p-8;

/* The cell unrolled, and the loss sum(outputs * d_outputs) + sum(final_state * d_final_state). */
typedef struct trial {
    lstm_context *context;
    lstm_params *weights, *gradient;
    lstm_rnn *rnn;
    lstm_tape *tape;
    size_t leaves, input_count, output_count;
    bool failed; /* some array could not be allocated */
    float *inputs, *d_inputs, *outputs, *d_outputs, *direction, *before;
    float **state, **final_state, **d_final_state, **d_state;
} trial;

static float *random_numbers(trial *t, const char *name, size_t count)
{
    float *numbers = lstm__allocate(t->context, count + 1, sizeof *numbers);
    const lstm_random random = lstm_random_named(1, name);
    if (!numbers)
        t->failed = true;
    else
        lstm_random_uniform(&random, 0, count, -1.0f, 1.0f, numbers);
    return numbers;
}

/* Per leaf an array of its own. */
static float **random_leaves(trial *t, const char *name)
{
    float **leaves = lstm__allocate(t->context, t->leaves + 1, sizeof *leaves);
    for (size_t leaf = 0; leaves && leaf < t->leaves; leaf++)
        leaves[leaf] = random_numbers(t, name, BATCH * lstm_rnn_state_size(t->rnn, leaf));
    return leaves;
}

static void release_leaves(const trial *t, float **leaves)
{
    for (size_t leaf = 0; leaves && leaf < t->leaves; leaf++)
        lstm__release(t->context, leaves[leaf]);
    lstm__release(t->context, leaves);
}

static void release(trial *t)
{
    float *arrays[] = {t->inputs, t->d_inputs, t->outputs, t->d_outputs, t->direction, t->before};
    for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++)
        lstm__release(t->context, arrays[k]);
    release_leaves(t, t->state);
    release_leaves(t, t->final_state);
    release_leaves(t, t->d_final_state);
    release_leaves(t, t->d_state);
    lstm_tape_destroy(t->tape);
    lstm_rnn_destroy(t->rnn);
    lstm_params_destroy(t->gradient);
    lstm_params_destroy(t->weights);
}

static lstm_status make_plan(trial *t, lstm_cell *cell, size_t input_size)
{
    const lstm_tape_config config = {.struct_size = sizeof config, .max_batch = BATCH, .max_time = TIME};
    lstm_status status = lstm_params_create(t->context, &t->weights);
    if (!status)
        status = lstm_rnn_create(t->weights, NULL, cell, input_size, NULL, &t->rnn);
    if (!status)
        status = lstm_params_initialize(t->weights, 1);
    if (!status)
        status = lstm_params_create_like(t->weights, &t->gradient);
    return status ? status : lstm_tape_create(t->rnn, &config, &t->tape);
}

/* Random numbers for all, the weights too: they move away from where they start. */
static lstm_status make_numbers(trial *t)
{
    size_t count, most;
    float *weights = lstm_params_edit(t->weights, &count);
    t->leaves = lstm_rnn_state_count(t->rnn);
    t->input_count = BATCH * TIME * lstm_rnn_input_size(t->rnn);
    t->output_count = BATCH * TIME * lstm_rnn_output_size(t->rnn);
    t->state = random_leaves(t, "state");
    t->final_state = random_leaves(t, "final_state");
    t->d_final_state = random_leaves(t, "d_final_state");
    t->d_state = random_leaves(t, "d_state");
    most = count > t->input_count ? count : t->input_count;
    for (size_t leaf = 0; leaf < t->leaves; leaf++)
        most = most > BATCH * lstm_rnn_state_size(t->rnn, leaf) ? most : BATCH * lstm_rnn_state_size(t->rnn, leaf);
    t->inputs = random_numbers(t, "inputs", t->input_count);
    t->d_inputs = random_numbers(t, "d_inputs", t->input_count);
    t->outputs = random_numbers(t, "outputs", t->output_count);
    t->d_outputs = random_numbers(t, "d_outputs", t->output_count);
    t->direction = random_numbers(t, "direction", most);
    t->before = random_numbers(t, "before", most);
    if (t->failed || !t->state || !t->final_state || !t->d_final_state || !t->d_state)
        return lstm__fail_memory("lstm_cell_check_gradient");
    for (size_t k = 0; k < count; k++)
        weights[k] += 0.25f * t->before[k];
    return LSTM_OK;
}

static lstm_status run(trial *t)
{
    const lstm_dynamic_rnn_args args = {.struct_size = sizeof args,
                                        .batch = BATCH,
                                        .time = TIME,
                                        .inputs = t->inputs,
                                        .sequence_length = lengths,
                                        .initial_state = (const float *const *)t->state,
                                        .outputs = t->outputs,
                                        .final_state = t->final_state,
                                        .training = true};
    lstm_params_edit(t->weights, NULL); /* they may be what was moved */
    return lstm_dynamic_rnn(t->tape, t->weights, &args);
}

static double dot(size_t count, const float *a, const float *b)
{
    double sum = 0.0;
    for (size_t k = 0; k < count; k++)
        sum += (double)a[k] * (double)b[k];
    return sum;
}

static lstm_status loss_of(trial *t, double *loss)
{
    lstm_status status = run(t);
    *loss = dot(t->output_count, t->outputs, t->d_outputs);
    for (size_t leaf = 0; leaf < t->leaves; leaf++)
        *loss += dot(BATCH * lstm_rnn_state_size(t->rnn, leaf), t->final_state[leaf], t->d_final_state[leaf]);
    return status;
}

/* The loss after moving numbers by `far` along the direction. */
static lstm_status loss_along(trial *t, float *numbers, size_t count, double far, double *loss)
{
    memcpy(t->before, numbers, count * sizeof *numbers);
    for (size_t k = 0; k < count; k++)
        numbers[k] += (float)far * t->direction[k];
    lstm_status status = loss_of(t, loss);
    memcpy(numbers, t->before, count * sizeof *numbers);
    return status;
}

/* Central differences at one step and at twice that. */
static lstm_status difference(trial *t, float *numbers, size_t count, double *slope)
{
    double slopes[2] = {0.0, 0.0};
    for (int k = 0; k < 4; k++) {
        const double far = difference_step * (k / 2 ? 2.0 : 1.0) * (k % 2 ? -1.0 : 1.0);
        double loss;
        lstm_status status = loss_along(t, numbers, count, far, &loss);
        if (status)
            return status;
        slopes[k / 2] += loss / (2.0 * far);
    }
    *slope = (4.0 * slopes[0] - slopes[1]) / 3.0;
    return LSTM_OK;
}

/* Raise *worst to the error of a gradient along random directions, relative to the gradient's length. */
static lstm_status compare(trial *t, const char *name, float *numbers, const float *gradient, size_t count,
                           double *worst)
{
    const double length = sqrt(dot(count, gradient, gradient));
    for (int k = 0; k < DIRECTIONS; k++) {
        const lstm_random random = lstm_random_named((uint64_t)k, name);
        double slope;
        lstm_random_uniform(&random, 0, count, -1.0f, 1.0f, t->direction);
        lstm_status status = difference(t, numbers, count, &slope);
        if (status)
            return status;
        const double error = fabs(slope - dot(count, gradient, t->direction)) / (length > 1e-3 ? length : 1e-3);
        if (!(error <= *worst)) /* NaN is the worst */
            *worst = isnan(error) ? (double)INFINITY : error;
    }
    return LSTM_OK;
}

/* Without the gradient of the inputs; without that of the weights, when what is not written is still zero; and
 * everything, over arrays that hold what was there before. */
static lstm_status check(trial *t, double *worst)
{
    size_t count;
    float *weights = lstm_params_edit(t->weights, &count);
    lstm_status status = LSTM_OK;
    for (int k = 0; k < 3 && !status; k++) {
        const lstm_dynamic_rnn_grads grads = {.struct_size = sizeof grads,
                                              .d_outputs = t->d_outputs,
                                              .d_final_state = (const float *const *)t->d_final_state,
                                              .d_params = k == 1 ? NULL : t->gradient,
                                              .d_inputs = k == 0 ? NULL : t->d_inputs,
                                              .d_initial_state = t->d_state};
        lstm_params_zero(t->gradient);
        if ((status = run(t)) || (status = lstm_dynamic_rnn_backward(t->tape, t->weights, &grads)))
            break;
        if (grads.d_params)
            status = compare(t, "weights", weights, lstm_params_data(t->gradient, NULL), count, worst);
        if (grads.d_inputs && !status)
            status = compare(t, "inputs", t->inputs, t->d_inputs, t->input_count, worst);
        for (size_t leaf = 0; leaf < t->leaves && !status; leaf++)
            status =
                compare(t, "state", t->state[leaf], t->d_state[leaf], BATCH * lstm_rnn_state_size(t->rnn, leaf), worst);
    }
    return status;
}

lstm_status lstm_cell_check_gradient(lstm_context *context, lstm_cell *cell, size_t input_size, double *worst)
{
    const char *function = "lstm_cell_check_gradient";
    if (!cell || !worst)
        return lstm__fail_null(function, cell ? "worst" : "cell");
    trial t = {.context = context};
    double found = 0.0;
    lstm_status status = make_plan(&t, cell, input_size);
    if (!status)
        status = make_numbers(&t);
    if (!status)
        status = check(&t, &found);
    release(&t);
    if (!status)
        *worst = found;
    return lstm__fail_as(function, status);
}
