/* MultiRNNCell: cell k's output is cell k+1's input. */
#include "cell.h"

#include "context.h"
#include "status.h"

#include <stdio.h>

typedef struct multi_rnn {
    lstm_context *context;
    size_t count;
    lstm_cell *cells[];
} multi_rnn;

/* Own tape: the outputs of the cells below the last, where they are no states. Own scratch: two gradients of them. */
static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const multi_rnn *multi = self;
    size_t tape = 0, widest = 0, width = input_size;
    for (size_t k = 0; k < multi->count; k++) {
        char level[32];
        snprintf(level, sizeof level, "cell_%zu", k);
        lstm_status status = lstm__spec_inner(spec, multi->cells[k], level, width);
        if (status)
            return status;
        width = spec->inner[k]->output_size;
        if (k + 1 < multi->count) {
            tape += spec->inner[k]->output_leaf == SIZE_MAX ? width : 0;
            widest = width > widest ? width : widest;
        }
    }
    const lstm_cell_spec *last = spec->inner[multi->count - 1];
    lstm_status status = last->output_leaf == SIZE_MAX
                             ? lstm_cell_spec_output(spec, width)
                             : lstm_cell_spec_output_state(spec, last->first_state + last->output_leaf);
    return status ? status : lstm_cell_spec_memory(spec, tape, 2 * widest);
}

/* The run of cell k: its input is the output of the cell below. */
static lstm__run layer(const lstm__run *run, size_t k)
{
    const lstm_cell_spec *spec = run->spec;
    const float *input = run->input;
    float *own = run->tape;
    for (size_t below = 0; below < k; below++) {
        input = lstm__inner_output(run, below, own);
        own += spec->inner[below]->output_leaf == SIZE_MAX ? run->steps * spec->inner[below]->output_size : 0;
    }
    return lstm__inner_run(run, k, input, k + 1 < spec->inner_count ? own : run->output);
}

static void forward(const lstm_cell *cell, const lstm__run *run)
{
    (void)cell;
    for (size_t k = 0; k < run->spec->inner_count; k++) {
        const lstm__run inner = layer(run, k);
        lstm__run_forward(&inner);
    }
}

static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    (void)cell;
    const float *d_output = grad->d_output;
    for (size_t k = run->spec->inner_count; k-- > 0;) {
        const lstm__run inner = layer(run, k);
        float *d_input = k ? run->scratch + k % 2 * run->steps * (run->spec->scratch_floats / 2) : grad->d_input;
        const lstm__run_grad inner_grad = lstm__inner_grad(run, grad, k, d_output, d_input);
        lstm__run_backward(&inner, &inner_grad);
        d_output = d_input;
    }
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    (void)cell;
    for (size_t k = 0; k < run->spec->inner_count; k++) {
        const lstm__run inner = layer(run, k);
        lstm__run_weight_gradient(&inner, lstm__inner_variables(run, k, d_variables), part, parts);
    }
}

static void destroy(void *self)
{
    multi_rnn *multi = self;
    for (size_t k = 0; k < multi->count; k++)
        lstm_cell_destroy(multi->cells[k]);
    lstm__release(multi->context, multi);
}

lstm_status lstm_cell_create_multi_rnn(lstm_context *context, lstm_cell *const *cells, size_t count, lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "multi_rnn_cell", .declare = declare, .destroy = destroy};
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const char *function = "lstm_cell_create_multi_rnn";
    if (!cells || !cell)
        return lstm__fail_null(function, cells ? "cell" : "cells");
    if (count < 1 || count > INT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: count is %zu, expected 1 to 2^31 - 1", function, count);
    for (size_t k = 0; k < count; k++)
        if (!cells[k])
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: cells[%zu] is NULL", function, k);
    multi_rnn *multi = lstm__allocate(context, 1, sizeof *multi + count * sizeof multi->cells[0]);
    if (!multi)
        return lstm__fail_memory(function);
    multi->context = context;
    lstm_status status = lstm__cell_create(function, context, &ops, &body, multi, 0, cell);
    if (status) {
        lstm__release(context, multi);
        return status;
    }
    for (; multi->count < count; multi->count++) {
        multi->cells[multi->count] = cells[multi->count];
        lstm__cell_retain(cells[multi->count]);
    }
    return LSTM_OK;
}
