/* BasicRNNCell: h' = act([x|h] K + b). */
#include "cell.h"
#include "status.h"

#include <string.h>

enum { H_LEAF = 0, KERNEL = 0, BIAS = 1 };
enum { STEP = 0, STEP_BACK = 1 }; /* matrices */

typedef struct basic_rnn {
    size_t units;
    lstm__activation activation;
} basic_rnn;

/* The tape becomes the gradients of the pre-activations; before that it holds them where a custom activation needs them. */
static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const basic_rnn *rnn = self;
    lstm_status status = lstm_cell_spec_state(spec, rnn->units);
    if (!status)
        status = lstm_cell_spec_output_state(spec, H_LEAF);
    if (!status)
        status = lstm__spec_gates(spec, "kernel", "bias", rnn->units, rnn->units, &(lstm__gates_start){0});
    if (!status)
        status = lstm__spec_step_matrix(spec, KERNEL, rnn->units, rnn->units);
    if (!status)
        status = lstm__spec_matrix(spec, KERNEL, input_size, rnn->units, rnn->units, true);
    return status ? status : lstm_cell_spec_memory(spec, rnn->units, rnn->units);
}

static bool keeps_arguments(const basic_rnn *rnn)
{
    return rnn->activation.kind == LSTM_ACTIVATION_CUSTOM;
}

/* The pre-activations stand where the states will. */
static void forward(const lstm_cell *cell, const lstm__run *run)
{
    const basic_rnn *rnn = cell->self;
    const size_t h = rnn->units;
    const float *state = run->state[H_LEAF], *bias = run->variables[BIAS];
    lstm__run_inputs(run, STEP, bias, h, run->next_state[H_LEAF]);
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        const size_t rows = run->active[t];
        float *next = run->next_state[H_LEAF] + first * h;
        lstm__run_step(run, t, STEP, bias, first, rows, state, h, h, run->next_state[H_LEAF]);
        if (keeps_arguments(rnn))
            memcpy(run->tape + first * h, next, rows * h * sizeof *next);
        run->kernels->activate_state(&rnn->activation, rows * h, next);
        state = next;
    }
}

static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const basic_rnn *rnn = cell->self;
    const size_t h = rnn->units;
    const float *kept = keeps_arguments(rnn) ? run->tape : run->next_state[H_LEAF];
    float *dh = grad->d_state[H_LEAF];
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        float *dz = run->tape + first * h;
        if (grad->d_output)
            run->kernels->add(rows * h, grad->d_output + first * h, dh);
        run->kernels->activate_backward(&rnn->activation, rows * h, kept + first * h, dh, dz);
        lstm__run_product(run, t, STEP_BACK, rows, dz, h, h, NULL, dh);
    }
    lstm__run_input_gradient(run, run->tape, h, run->variables[KERNEL], grad->d_input);
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    const basic_rnn *rnn = cell->self;
    const float *before = lstm__run_states_before(run, H_LEAF, rnn->units, run->scratch);
    lstm__run_kernel_gradient(run, run->input, run->spec->input_size, before, rnn->units, run->tape, rnn->units,
                              d_variables[KERNEL], d_variables[BIAS], part, parts);
}

lstm_status lstm_cell_create_basic_rnn(lstm_context *context, size_t num_units, const lstm_basic_rnn_config *config,
                                       lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "basic_rnn_cell", .declare = declare};
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const char *function = "lstm_cell_create_basic_rnn";
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_basic_rnn_config c;
    basic_rnn self = {.units = num_units};
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__cell_width(function, "num_units", num_units)) ||
        (status = lstm__cell_activation(function, c.activation, &c.function, LSTM_ACTIVATION_TANH, &self.activation)))
        return status;
    return lstm__cell_create(function, context, &ops, &body, &self, sizeof self, cell);
}
