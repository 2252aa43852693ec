/* CoupledInputForgetGateLSTMCell: j,f,o = split([x|h] K + b); c' = c s(f + forget_bias) + (1 - s(f + forget_bias)) act(j);
 * h' = act(c') s(o). */
#include "cell.h"
#include "status.h"

enum { C_LEAF = 0, H_LEAF = 1, KERNEL = 0, BIAS = 1, GATES = 3 };
enum { STEP = 0, STEP_BACK = 1 }; /* matrices */

typedef struct coupled {
    size_t units;
    float forget_bias;
    lstm__activation activation;
} coupled;

/* The tape: the gates [steps][3h], then act(c') [steps][h]. */
static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const size_t h = ((const coupled *)self)->units;
    lstm_status status = lstm_cell_spec_state(spec, h);
    if (!status)
        status = lstm_cell_spec_state(spec, h);
    if (!status)
        status = lstm_cell_spec_protect_state(spec, C_LEAF);
    if (!status)
        status = lstm_cell_spec_output_state(spec, H_LEAF);
    if (!status)
        status = lstm__spec_gates(spec, "kernel", "bias", h, GATES * h, &(lstm__gates_start){0});
    if (!status)
        status = lstm__spec_step_matrix(spec, KERNEL, h, GATES * h);
    if (!status)
        status = lstm__spec_matrix(spec, KERNEL, input_size, h, GATES * h, true);
    return status ? status : lstm_cell_spec_memory(spec, (GATES + 1) * h, h);
}

static void forward(const lstm_cell *cell, const lstm__run *run)
{
    const coupled *l = cell->self;
    const size_t h = l->units, width = GATES * h;
    const float *c = run->state[C_LEAF], *state = run->state[H_LEAF], *bias = run->variables[BIAS];
    lstm__run_inputs(run, STEP, bias, width, run->tape);
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        const size_t rows = run->active[t];
        float *gates = run->tape + first * width, *shown = run->tape + run->steps * width + first * h;
        float *c_next = run->next_state[C_LEAF] + first * h, *next = run->next_state[H_LEAF] + first * h;
        lstm__run_step(run, t, STEP, bias, first, rows, state, h, width, run->tape);
        run->kernels->coupled_forward(&l->activation, l->forget_bias, rows, h, gates, c, c_next, shown, next);
        c = c_next;
        state = next;
    }
}

/* The tape's gates become the gradients of their pre-activations. */
static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const coupled *l = cell->self;
    const size_t h = l->units, width = GATES * h;
    float *dc = grad->d_state[C_LEAF], *dh = grad->d_state[H_LEAF];
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        float *gates = run->tape + first * width;
        const float *shown = run->tape + run->steps * width + first * h;
        const float *c = lstm__run_state_at(run, C_LEAF, h, t, first);
        if (grad->d_output)
            run->kernels->add(rows * h, grad->d_output + first * h, dh);
        run->kernels->coupled_backward(&l->activation, rows, h, gates, c, shown, dh, dc);
        lstm__run_product(run, t, STEP_BACK, rows, gates, width, h, NULL, dh);
    }
    lstm__run_input_gradient(run, run->tape, width, run->variables[KERNEL], grad->d_input);
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    const size_t h = ((const coupled *)cell->self)->units;
    const float *before = lstm__run_states_before(run, H_LEAF, h, run->scratch);
    lstm__run_kernel_gradient(run, run->input, run->spec->input_size, before, h, run->tape, GATES * h,
                              d_variables[KERNEL], d_variables[BIAS], part, parts);
}

lstm_status lstm_cell_create_coupled_input_forget_lstm(lstm_context *context, size_t num_units,
                                                       const lstm_basic_lstm_config *config, lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "coupled_input_forget_gate_lstm_cell", .declare = declare};
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const char *function = "lstm_cell_create_coupled_input_forget_lstm";
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_basic_lstm_config c;
    coupled self = {.units = num_units};
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__cell_width(function, "num_units", num_units)) ||
        (status = lstm__cell_forget_bias(function, c.forget_bias, &self.forget_bias)) ||
        (status = lstm__cell_activation(function, c.activation, &c.function, LSTM_ACTIVATION_TANH, &self.activation)))
        return status;
    return lstm__cell_create(function, context, &ops, &body, &self, sizeof self, cell);
}
