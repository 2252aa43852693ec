/* GRUCell: r,u = split(s([x|h] Kg + bg)); c = act([x|r*h] Kc + bc); h' = u * h + (1 - u) * c.
 * CudnnCompatibleGRUCell: c = act(x Wx + bx + r * (h Wh + bh)). */
#include "cell.h"
#include "status.h"

enum { H_LEAF = 0, GATES_KERNEL = 0, GATES_BIAS = 1 };
enum { GATES_STEP = 0, GATES_BACK = 1, CANDIDATE_STEP = 2, CANDIDATE_BACK = 3 }; /* matrices */
enum { CANDIDATE_KERNEL = 2, CANDIDATE_BIAS = 3 };                               /* reset before */
enum { INPUT_KERNEL = 2, INPUT_BIAS = 3, HIDDEN_KERNEL = 4, HIDDEN_BIAS = 5 };   /* reset after */

typedef struct gru {
    size_t units;
    lstm__activation activation;
    bool has_bias_initializer;
    lstm_initializer kernel_initializer, bias_initializer;
} gru;

/* The tape: gates [steps][2h], candidates [steps][h], and r*h (before) or h Wh + bh (after) [steps][h]. */
typedef struct gru_tape {
    float *gates, *candidate, *hidden;
} gru_tape;

static gru_tape tape_at(const lstm__run *run, size_t h, size_t first)
{
    return (gru_tape){.gates = run->tape + first * 2 * h,
                      .candidate = run->tape + run->steps * 2 * h + first * h,
                      .hidden = run->tape + run->steps * 3 * h + first * h};
}

static lstm__gates_start start_of(const gru *g, float bias)
{
    return (lstm__gates_start){.kernel_initializer = &g->kernel_initializer,
                               .bias_initializer = g->has_bias_initializer ? &g->bias_initializer : NULL,
                               .bias = bias};
}

static lstm_status declare_gates(const gru *g, lstm_cell_spec *spec)
{
    const lstm__gates_start start = start_of(g, 1.0f);
    lstm_status status = lstm_cell_spec_state(spec, g->units);
    if (!status)
        status = lstm_cell_spec_output_state(spec, H_LEAF);
    if (!status)
        status = lstm__spec_gates(spec, "gates/kernel", "gates/bias", g->units, 2 * g->units, &start);
    if (!status)
        status = lstm__spec_step_matrix(spec, GATES_KERNEL, g->units, 2 * g->units);
    if (!status)
        status = lstm__spec_matrix(spec, GATES_KERNEL, spec->input_size, g->units, 2 * g->units, true);
    return status ? status : lstm_cell_spec_memory(spec, 4 * g->units, g->units);
}

/* z_t += h_{t-1} Kg, and the gates. */
static void run_gates(const lstm__run *run, size_t t, size_t first, size_t rows, size_t h, const float *state,
                      float *reset)
{
    lstm__run_step(run, t, GATES_STEP, run->variables[GATES_BIAS], first, rows, state, h, 2 * h, run->tape);
    run->kernels->gru_gates(rows, h, tape_at(run, h, first).gates, state, reset);
}

/* dh += dz_t Kg', of the gates. */
static void run_gates_backward(const lstm__run *run, size_t t, size_t rows, size_t h, const gru_tape *tape, float *dh)
{
    lstm__run_product(run, t, GATES_BACK, rows, tape->gates, 2 * h, h, dh, dh);
}

static void input_gradient(const lstm__run *run, size_t h, const float *candidate_kernel, float *d_input)
{
    const size_t input = run->spec->input_size;
    const gru_tape tape = tape_at(run, h, 0);
    lstm__run_product_nt(run, run->steps, input, tape.gates, 2 * h, run->variables[GATES_KERNEL], NULL, d_input);
    lstm__run_product_nt(run, run->steps, input, tape.candidate, h, candidate_kernel, d_input, d_input);
}

/* Reset before the product. */

static lstm_status declare_before(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const gru *g = self;
    const lstm__gates_start start = start_of(g, 0.0f);
    lstm_status status = declare_gates(g, spec);
    if (!status)
        status = lstm__spec_gates(spec, "candidate/kernel", "candidate/bias", g->units, g->units, &start);
    if (!status)
        status = lstm__spec_step_matrix(spec, CANDIDATE_KERNEL, g->units, g->units);
    return status ? status : lstm__spec_matrix(spec, CANDIDATE_KERNEL, input_size, g->units, g->units, true);
}

static void forward_before(const lstm_cell *cell, const lstm__run *run)
{
    const gru *g = cell->self;
    const size_t h = g->units;
    const float *bias = run->variables[CANDIDATE_BIAS];
    gru_tape tape = tape_at(run, h, 0);
    float *candidates = tape.candidate;
    lstm__run_inputs(run, GATES_STEP, run->variables[GATES_BIAS], 2 * h, tape.gates);
    lstm__run_inputs(run, CANDIDATE_STEP, bias, h, candidates);
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        const size_t rows = run->active[t];
        const float *state = lstm__run_state_at(run, H_LEAF, h, t, first);
        tape = tape_at(run, h, first);
        run_gates(run, t, first, rows, h, state, tape.hidden);
        lstm__run_step(run, t, CANDIDATE_STEP, bias, first, rows, tape.hidden, h, h, candidates);
        run->kernels->gru_output(&g->activation, rows, h, tape.gates, tape.candidate, state,
                                 run->next_state[H_LEAF] + first * h);
    }
}

/* The tape's gates and candidates become the gradients of their pre-activations. */
static void backward_before(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const gru *g = cell->self;
    const size_t h = g->units;
    float *dh = grad->d_state[H_LEAF], *d_reset = run->scratch;
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        const gru_tape tape = tape_at(run, h, first);
        const float *state = lstm__run_state_at(run, H_LEAF, h, t, first);
        if (grad->d_output)
            run->kernels->add(rows * h, grad->d_output + first * h, dh);
        run->kernels->gru_output_backward(&g->activation, rows, h, tape.gates, tape.candidate, state, dh);
        lstm__run_product(run, t, CANDIDATE_BACK, rows, tape.candidate, h, h, NULL, d_reset);
        run->kernels->gru_gates_backward(rows, h, tape.gates, state, d_reset, dh);
        run_gates_backward(run, t, rows, h, &tape, dh);
    }
    if (grad->d_input)
        input_gradient(run, h, run->variables[CANDIDATE_KERNEL], grad->d_input);
}

static void weight_gradient_before(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                                   size_t parts)
{
    const size_t input = run->spec->input_size, h = ((const gru *)cell->self)->units;
    const gru_tape tape = tape_at(run, h, 0);
    const float *before = lstm__run_states_before(run, H_LEAF, h, run->scratch);
    lstm__run_kernel_gradient(run, run->input, input, before, h, tape.gates, 2 * h, d_variables[GATES_KERNEL],
                              d_variables[GATES_BIAS], part, parts);
    lstm__run_kernel_gradient(run, run->input, input, tape.hidden, h, tape.candidate, h, d_variables[CANDIDATE_KERNEL],
                              d_variables[CANDIDATE_BIAS], part, parts);
}

/* Reset after the product. */

static lstm_status declare_after(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const gru *g = self;
    const lstm__gates_start start = start_of(g, 0.0f);
    const lstm_initializer zeros = {.kind = LSTM_INITIALIZER_CONSTANT};
    const lstm_initializer *bias = start.bias_initializer ? start.bias_initializer : &zeros;
    lstm_status status = declare_gates(g, spec);
    if (!status)
        status = lstm_cell_spec_variable(spec, "candidate/input_projection/kernel", 2, (size_t[]){input_size, g->units},
                                         start.kernel_initializer, NULL);
    if (!status)
        status = lstm_cell_spec_variable(spec, "candidate/input_projection/bias", 1, &g->units, bias, NULL);
    if (!status)
        status = lstm_cell_spec_variable(spec, "candidate/hidden_projection/kernel", 2, (size_t[]){g->units, g->units},
                                         start.kernel_initializer, NULL);
    if (!status)
        status = lstm_cell_spec_variable(spec, "candidate/hidden_projection/bias", 1, &g->units, bias, NULL);
    if (!status)
        status = lstm__spec_matrix(spec, HIDDEN_KERNEL, 0, g->units, g->units, false);
    return status ? status : lstm__spec_matrix(spec, HIDDEN_KERNEL, 0, g->units, g->units, true);
}

static void forward_after(const lstm_cell *cell, const lstm__run *run)
{
    const gru *g = cell->self;
    const size_t input = run->spec->input_size, h = g->units;
    gru_tape tape = tape_at(run, h, 0);
    lstm__run_inputs(run, GATES_STEP, run->variables[GATES_BIAS], 2 * h, tape.gates);
    lstm__run_product_nn(run, run->steps, h, run->input, input, run->variables[INPUT_KERNEL],
                         run->variables[INPUT_BIAS], tape.candidate);
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        const size_t rows = run->active[t];
        const float *state = lstm__run_state_at(run, H_LEAF, h, t, first);
        tape = tape_at(run, h, first);
        run_gates(run, t, first, rows, h, state, NULL);
        lstm__run_product(run, t, CANDIDATE_STEP, rows, state, h, h, run->variables[HIDDEN_BIAS], tape.hidden);
        run->kernels->gru_reset_after(rows, h, tape.gates, tape.hidden, tape.candidate);
        run->kernels->gru_output(&g->activation, rows, h, tape.gates, tape.candidate, state,
                                 run->next_state[H_LEAF] + first * h);
    }
}

/* The tape becomes the gradients of the gates' and candidates' pre-activations, and of h Wh + bh. */
static void backward_after(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const gru *g = cell->self;
    const size_t h = g->units;
    float *dh = grad->d_state[H_LEAF];
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        const gru_tape tape = tape_at(run, h, first);
        if (grad->d_output)
            run->kernels->add(rows * h, grad->d_output + first * h, dh);
        run->kernels->gru_output_backward(&g->activation, rows, h, tape.gates, tape.candidate,
                                          lstm__run_state_at(run, H_LEAF, h, t, first), dh);
        run->kernels->gru_reset_after_backward(rows, h, tape.gates, tape.hidden, tape.candidate);
        lstm__run_product(run, t, CANDIDATE_BACK, rows, tape.hidden, h, h, dh, dh);
        run_gates_backward(run, t, rows, h, &tape, dh);
    }
    if (grad->d_input)
        input_gradient(run, h, run->variables[INPUT_KERNEL], grad->d_input);
}

static void weight_gradient_after(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                                  size_t parts)
{
    const size_t input = run->spec->input_size, h = ((const gru *)cell->self)->units;
    const gru_tape tape = tape_at(run, h, 0);
    const float *before = lstm__run_states_before(run, H_LEAF, h, run->scratch);
    lstm__run_kernel_gradient(run, run->input, input, before, h, tape.gates, 2 * h, d_variables[GATES_KERNEL],
                              d_variables[GATES_BIAS], part, parts);
    lstm__run_kernel_gradient(run, run->input, input, NULL, 0, tape.candidate, h, d_variables[INPUT_KERNEL],
                              d_variables[INPUT_BIAS], part, parts);
    lstm__run_kernel_gradient(run, before, h, NULL, 0, tape.hidden, h, d_variables[HIDDEN_KERNEL],
                              d_variables[HIDDEN_BIAS], part, parts);
}

static lstm_status create(const char *function, const lstm_cell_ops *ops, const lstm__body *body, lstm_context *context,
                          size_t num_units, const lstm_gru_config *config, lstm_cell **cell)
{
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_gru_config c;
    gru self = {.units = num_units};
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__cell_width(function, "num_units", num_units)) ||
        (status = lstm__cell_activation(function, c.activation, &c.function, LSTM_ACTIVATION_TANH, &self.activation)))
        return status;
    if (c.kernel_initializer)
        self.kernel_initializer = *c.kernel_initializer;
    self.has_bias_initializer = c.bias_initializer != NULL;
    if (c.bias_initializer)
        self.bias_initializer = *c.bias_initializer;
    if ((status = lstm__check_initializer(function, "kernel_initializer", &self.kernel_initializer)) ||
        (status = lstm__check_initializer(function, "bias_initializer", &self.bias_initializer)))
        return status;
    return lstm__cell_create(function, context, ops, body, &self, sizeof self, cell);
}

lstm_status lstm_cell_create_gru(lstm_context *context, size_t num_units, const lstm_gru_config *config,
                                 lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "gru_cell", .declare = declare_before};
    static const lstm__body body = {
        .forward = forward_before, .backward = backward_before, .weight_gradient = weight_gradient_before};
    return create("lstm_cell_create_gru", &ops, &body, context, num_units, config, cell);
}

lstm_status lstm_cell_create_cudnn_compatible_gru(lstm_context *context, size_t num_units,
                                                  const lstm_gru_config *config, lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "cudnn_compatible_gru_cell", .declare = declare_after};
    static const lstm__body body = {
        .forward = forward_after, .backward = backward_after, .weight_gradient = weight_gradient_after};
    return create("lstm_cell_create_cudnn_compatible_gru", &ops, &body, context, num_units, config, cell);
}
