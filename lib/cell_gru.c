/* GRUCell: r,u = split(s([x|h] Kg + bg)); c = act([x|r*h] Kc + bc); h' = u * h + (1 - u) * c. */
#include "affine.h"
#include "cell.h"
#include "status.h"

enum { H_LEAF = 0, GATES_KERNEL = 0, GATES_BIAS = 1, CANDIDATE_KERNEL = 2, CANDIDATE_BIAS = 3 };

typedef struct gru {
    size_t units;
    lstm_activation activation;
} gru;

/* The tape: gates [steps][2h], candidates [steps][h], r*h [steps][h]. */
typedef struct gru_tape {
    float *gates, *candidate, *reset;
} gru_tape;

static gru_tape tape_at(const lstm__run *run, size_t h, size_t first)
{
    return (gru_tape){.gates = run->tape + first * 2 * h,
                      .candidate = run->tape + run->steps * 2 * h + first * h,
                      .reset = run->tape + run->steps * 3 * h + first * h};
}

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)input_size;
    const gru *g = self;
    lstm_status status = lstm_cell_spec_state(spec, g->units);
    if (!status)
        status = lstm_cell_spec_output_state(spec, H_LEAF);
    if (!status)
        status = lstm__spec_gates(spec, "gates/kernel", "gates/bias", g->units, 2, 1.0f);
    if (!status)
        status = lstm__spec_gates(spec, "candidate/kernel", "candidate/bias", g->units, 1, 0.0f);
    return status ? status : lstm_cell_spec_memory(spec, 4 * g->units, g->units);
}

static void forward(const lstm_cell *cell, const lstm__run *run)
{
    const gru *g = cell->self;
    const lstm__kernels *kernels = run->kernels;
    const size_t input = run->spec->input_size, h = g->units;
    const float *gates_kernel = run->variables[GATES_KERNEL], *candidate_kernel = run->variables[CANDIDATE_KERNEL];
    const float *state = run->state[H_LEAF];
    gru_tape tape = tape_at(run, h, 0);
    lstm__affine(kernels, run->steps, input, 2 * h, run->input, input, gates_kernel, 2 * h, run->variables[GATES_BIAS],
                 tape.gates, 2 * h);
    lstm__affine(kernels, run->steps, input, h, run->input, input, candidate_kernel, h, run->variables[CANDIDATE_BIAS],
                 tape.candidate, h);
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        const size_t rows = run->active[t];
        tape = tape_at(run, h, first);
        float *next = run->next_state[H_LEAF] + first * h;
        kernels->product_nn(rows, 2 * h, h, state, h, gates_kernel + input * 2 * h, 2 * h, true, tape.gates, 2 * h);
        kernels->gru_gates(rows, h, tape.gates, state, tape.reset);
        kernels->product_nn(rows, h, h, tape.reset, h, candidate_kernel + input * h, h, true, tape.candidate, h);
        kernels->gru_output(g->activation, rows, h, tape.gates, tape.candidate, state, next);
        state = next;
    }
}

/* The tape's gates and candidates become the gradients of their pre-activations. */
static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const gru *g = cell->self;
    const lstm__kernels *kernels = run->kernels;
    const size_t input = run->spec->input_size, h = g->units;
    const float *gates_kernel = run->variables[GATES_KERNEL], *candidate_kernel = run->variables[CANDIDATE_KERNEL];
    float *dh = grad->d_state[H_LEAF], *d_reset = run->scratch;
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        const gru_tape tape = tape_at(run, h, first);
        const float *state = t ? run->next_state[H_LEAF] + (first - run->active[t - 1]) * h : run->state[H_LEAF];
        if (grad->d_output)
            kernels->add(rows * h, grad->d_output + first * h, dh);
        kernels->gru_output_backward(g->activation, rows, h, tape.gates, tape.candidate, state, dh);
        kernels->product_nt(rows, h, h, tape.candidate, h, candidate_kernel + input * h, h, false, d_reset, h);
        kernels->gru_gates_backward(rows, h, tape.gates, state, d_reset, dh);
        kernels->product_nt(rows, h, 2 * h, tape.gates, 2 * h, gates_kernel + input * 2 * h, 2 * h, true, dh, h);
    }
    if (grad->d_input) {
        const gru_tape tape = tape_at(run, h, 0);
        kernels->product_nt(run->steps, input, 2 * h, tape.gates, 2 * h, gates_kernel, 2 * h, false, grad->d_input,
                            input);
        kernels->product_nt(run->steps, input, h, tape.candidate, h, candidate_kernel, h, true, grad->d_input, input);
    }
}

/* One of the two kernels, whose recurrent rows multiply `before`, and its bias. */
static void kernel_gradient(const lstm__run *run, const float *before, size_t h, const float *dz, size_t width,
                            float *d_kernel, float *d_bias, size_t part, size_t parts)
{
    const size_t input = run->spec->input_size;
    size_t begin, end;
    lstm__part_columns(width, part, parts, &begin, &end);
    lstm__outer(run->kernels, run->steps, input, end - begin, run->input, input, dz + begin, width, d_kernel + begin,
                width);
    lstm__outer(run->kernels, run->steps, h, end - begin, before, h, dz + begin, width,
                d_kernel + input * width + begin, width);
    run->kernels->column_sums(run->steps, end - begin, dz + begin, width, d_bias + begin);
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    const gru *g = cell->self;
    const gru_tape tape = tape_at(run, g->units, 0);
    const float *before = lstm__run_states_before(run, H_LEAF, g->units, run->scratch);
    kernel_gradient(run, before, g->units, tape.gates, 2 * g->units, d_variables[GATES_KERNEL], d_variables[GATES_BIAS],
                    part, parts);
    kernel_gradient(run, tape.reset, g->units, tape.candidate, g->units, d_variables[CANDIDATE_KERNEL],
                    d_variables[CANDIDATE_BIAS], part, parts);
}

lstm_status lstm_cell_create_gru(lstm_context *context, size_t num_units, const lstm_gru_config *config,
                                 lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "gru_cell", .declare = declare};
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const char *function = "lstm_cell_create_gru";
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_gru_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__cell_units(function, num_units)) ||
        (status = lstm__cell_activation(function, &c.activation)))
        return status;
    const gru self = {.units = num_units, .activation = c.activation};
    return lstm__cell_create(function, context, &ops, &body, &self, sizeof self, cell);
}
