/* BasicLSTMCell and LSTMCell: i,j,f,o = split([x|h] K + b); c' = c s(f + forget_bias) + s(i) act(j);
 * h' = act(c') s(o). */
#include "affine.h"
#include "cell.h"
#include "status.h"

#include <math.h>

enum { C_LEAF = 0, H_LEAF = 1, KERNEL = 0, BIAS = 1, GATES = 4 };

typedef struct lstm {
    size_t units;
    float forget_bias;
    lstm_activation activation;
} lstm;

/* The tape: the gates [steps][4h], then act(c') [steps][h]. */
static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)input_size;
    const lstm *l = self;
    lstm_status status = lstm_cell_spec_state(spec, l->units);
    if (!status)
        status = lstm_cell_spec_state(spec, l->units);
    if (!status)
        status = lstm_cell_spec_output_state(spec, H_LEAF);
    if (!status)
        status = lstm__spec_gates(spec, "kernel", "bias", l->units, GATES, 0.0f);
    return status ? status : lstm_cell_spec_memory(spec, (GATES + 1) * l->units, l->units);
}

static void forward(const lstm_cell *cell, const lstm__run *run)
{
    const lstm *l = cell->self;
    const size_t input = run->spec->input_size, h = l->units, width = GATES * h;
    const float *kernel = run->variables[KERNEL], *c = run->state[C_LEAF], *state = run->state[H_LEAF];
    float *gates = run->tape, *tanh_c = run->tape + run->steps * width;
    float *c_next = run->next_state[C_LEAF], *next = run->next_state[H_LEAF];
    lstm__affine(run->kernels, run->steps, input, width, run->input, input, kernel, width, run->variables[BIAS], gates,
                 width);
    for (size_t t = 0; t < run->time; t++) {
        const size_t rows = run->active[t];
        run->kernels->product_nn(rows, width, h, state, h, kernel + input * width, width, true, gates, width);
        run->kernels->lstm_forward(l->activation, l->forget_bias, rows, h, gates, c, c_next, tanh_c, next);
        c = c_next;
        state = next;
        gates += rows * width;
        tanh_c += rows * h;
        c_next += rows * h;
        next += rows * h;
    }
}

/* The tape's gates become the gradients of their pre-activations. */
static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const lstm *l = cell->self;
    const size_t input = run->spec->input_size, h = l->units, width = GATES * h;
    const float *kernel = run->variables[KERNEL], *tanh_c = run->tape + run->steps * width;
    float *dc = grad->d_state[C_LEAF], *dh = grad->d_state[H_LEAF];
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        float *gates = run->tape + first * width;
        const float *c = t ? run->next_state[C_LEAF] + (first - run->active[t - 1]) * h : run->state[C_LEAF];
        if (grad->d_output)
            run->kernels->add(rows * h, grad->d_output + first * h, dh);
        run->kernels->lstm_backward(l->activation, rows, h, gates, c, tanh_c + first * h, dh, dc);
        run->kernels->product_nt(rows, h, width, gates, width, kernel + input * width, width, false, dh, h);
    }
    if (grad->d_input)
        run->kernels->product_nt(run->steps, input, width, run->tape, width, kernel, width, false, grad->d_input,
                                 input);
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    const lstm *l = cell->self;
    const size_t input = run->spec->input_size, h = l->units, width = GATES * h;
    const float *before = lstm__run_states_before(run, H_LEAF, h, run->scratch);
    size_t begin, end;
    lstm__part_columns(width, part, parts, &begin, &end);
    const float *dz = run->tape + begin;
    float *d_kernel = d_variables[KERNEL] + begin;
    lstm__outer(run->kernels, run->steps, input, end - begin, run->input, input, dz, width, d_kernel, width);
    lstm__outer(run->kernels, run->steps, h, end - begin, before, h, dz, width, d_kernel + input * width, width);
    run->kernels->column_sums(run->steps, end - begin, dz, width, d_variables[BIAS] + begin);
}

static lstm_status create(const char *function, const char *name, lstm_context *context, size_t num_units,
                          lstm_optional forget_bias, lstm_activation activation, lstm_cell **cell)
{
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const lstm_cell_ops ops = {.name = name, .declare = declare};
    lstm_status status = lstm__cell_units(function, num_units);
    if (status || (status = lstm__cell_activation(function, &activation)))
        return status;
    const lstm self = {
        .units = num_units, .forget_bias = forget_bias.given ? forget_bias.value : 1.0f, .activation = activation};
    if (!isfinite(self.forget_bias))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: forget_bias is not finite", function);
    return lstm__cell_create(function, context, &ops, &body, &self, sizeof self, cell);
}

lstm_status lstm_cell_create_basic_lstm(lstm_context *context, size_t num_units, const lstm_basic_lstm_config *config,
                                        lstm_cell **cell)
{
    const char *function = "lstm_cell_create_basic_lstm";
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_basic_lstm_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    return status ? status : create(function, "basic_lstm_cell", context, num_units, c.forget_bias, c.activation, cell);
}

lstm_status lstm_cell_create_lstm(lstm_context *context, size_t num_units, const lstm_lstm_config *config,
                                  lstm_cell **cell)
{
    const char *function = "lstm_cell_create_lstm";
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_lstm_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    return status ? status : create(function, "lstm_cell", context, num_units, c.forget_bias, c.activation, cell);
}
