/* BasicLSTMCell and LSTMCell: i,j,f,o = split([x|m] K + b), peepholes, c' = clip(c s(f + forget_bias) + s(i) act(j)),
 * m' = act(c') s(o), projected and clipped. */
#include "cell.h"
#include "status.h"

#include <math.h>
#include <string.h>

enum { C_LEAF = 0, M_LEAF = 1, KERNEL = 0, BIAS = 1, W_F = 2, W_I = 3, W_O = 4, GATES = 4 };
enum { STEP = 0, STEP_BACK = 1 }; /* matrices */

typedef struct lstm {
    size_t units, num_proj;
    float forget_bias, cell_clip, proj_clip;
    bool use_peepholes;
    lstm__activation activation;
    lstm_initializer initializer;
} lstm;

static size_t output_width(const lstm *l)
{
    return l->num_proj ? l->num_proj : l->units;
}

/* The tape: the gates [steps][4h] and act(c') [steps][h]; with a projection also m' before it [steps][h], and after it
 * but before its clip [steps][p]. */
typedef struct lstm_tape_view {
    float *gates, *shown, *raw, *projected;
} lstm_tape_view;

static lstm_tape_view tape_at(const lstm *l, const lstm__run *run, size_t first)
{
    const size_t h = l->units, steps = run->steps;
    return (lstm_tape_view){.gates = run->tape + first * GATES * h,
                            .shown = run->tape + steps * GATES * h + first * h,
                            .raw = run->tape + steps * (GATES + 1) * h + first * h,
                            .projected = run->tape + steps * (GATES + 2) * h + first * l->num_proj};
}

static lstm_status declare_variables(const lstm *l, lstm_cell_spec *spec)
{
    static const char *const peepholes[] = {"w_f_diag", "w_i_diag", "w_o_diag"};
    const lstm_initializer *initializer = &l->initializer;
    lstm_status status = lstm__spec_gates(spec, "kernel", "bias", output_width(l), GATES * l->units,
                                          &(lstm__gates_start){.kernel_initializer = initializer});
    for (size_t k = 0; k < 3 && l->use_peepholes && !status; k++)
        status = lstm_cell_spec_variable(spec, peepholes[k], 1, &l->units, initializer, NULL);
    if (!status && l->num_proj)
        status =
            lstm_cell_spec_variable(spec, "projection/kernel", 2, (size_t[]){l->units, l->num_proj}, initializer, NULL);
    if (!status)
        status = lstm__spec_step_matrix(spec, KERNEL, output_width(l), GATES * l->units);
    return status ? status : lstm__spec_matrix(spec, KERNEL, spec->input_size, output_width(l), GATES * l->units, true);
}

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)input_size;
    const lstm *l = self;
    lstm_status status = lstm_cell_spec_state(spec, l->units);
    if (!status)
        status = lstm_cell_spec_state(spec, output_width(l));
    if (!status)
        status = lstm_cell_spec_protect_state(spec, C_LEAF);
    if (!status)
        status = lstm_cell_spec_output_state(spec, M_LEAF);
    if (!status)
        status = declare_variables(l, spec);
    return status ? status
                  : lstm_cell_spec_memory(spec, (GATES + 1) * l->units + (l->num_proj ? l->units + l->num_proj : 0),
                                          output_width(l) + l->units);
}

static size_t projection_index(const lstm *l)
{
    return l->use_peepholes ? W_O + 1 : BIAS + 1;
}

static lstm__lstm_options options_of(const lstm *l, const lstm__run *run)
{
    lstm__lstm_options options = {.forget_bias = l->forget_bias, .cell_clip = l->cell_clip};
    if (l->use_peepholes) {
        options.w_f = run->variables[W_F];
        options.w_i = run->variables[W_I];
        options.w_o = run->variables[W_O];
    }
    return options;
}

/* m' of one step, from what it is before the projection. */
static void project(const lstm *l, const lstm__run *run, size_t rows, const lstm_tape_view *tape, float *next)
{
    const size_t h = l->units, p = l->num_proj;
    lstm__run_product_nn(run, rows, p, tape->raw, h, run->variables[projection_index(l)], NULL, tape->projected);
    memcpy(next, tape->projected, rows * p * sizeof *next);
    if (l->proj_clip > 0.0f)
        run->kernels->clip(rows * p, -l->proj_clip, l->proj_clip, next);
    run->kernels->activate_state(&lstm__linear, rows * p, next);
}

static void forward(const lstm_cell *cell, const lstm__run *run)
{
    const lstm *l = cell->self;
    const lstm__lstm_options options = options_of(l, run);
    const size_t h = l->units, width = GATES * h, p = output_width(l);
    const float *c = run->state[C_LEAF], *state = run->state[M_LEAF], *bias = run->variables[BIAS];
    lstm__run_inputs(run, STEP, bias, width, run->tape);
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        const size_t rows = run->active[t];
        const lstm_tape_view tape = tape_at(l, run, first);
        float *c_next = run->next_state[C_LEAF] + first * h, *next = run->next_state[M_LEAF] + first * p;
        lstm__run_step(run, t, STEP, bias, first, rows, state, p, width, run->tape);
        if (rows == 1 && !run->keep && !l->num_proj && l->activation.kind == LSTM_ACTIVATION_TANH)
            run->kernels->lstm_row(&options, h, tape.gates, c, c_next, next);
        else
            run->kernels->lstm_forward(&l->activation, &options, rows, h, tape.gates, c, c_next,
                                       run->keep ? tape.shown : NULL, l->num_proj ? tape.raw : next);
        if (l->num_proj)
            project(l, run, rows, &tape, next);
        c = c_next;
        state = next;
    }
}

/* The gradient of m' before the projection, in scratch; `projected` becomes the gradient of m' W. */
static const float *project_backward(const lstm *l, const lstm__run *run, size_t rows, const lstm_tape_view *tape,
                                     float *dm)
{
    const size_t h = l->units, p = l->num_proj;
    if (l->proj_clip > 0.0f)
        run->kernels->clip_backward(rows * p, l->proj_clip, tape->projected, dm);
    memcpy(tape->projected, dm, rows * p * sizeof *dm);
    lstm__run_product_nt(run, rows, h, dm, p, run->variables[projection_index(l)], NULL, run->scratch);
    return run->scratch;
}

/* The tape's gates become the gradients of their pre-activations. */
static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const lstm *l = cell->self;
    const lstm__lstm_options options = options_of(l, run);
    const size_t h = l->units, width = GATES * h, p = output_width(l);
    float *dc = grad->d_state[C_LEAF], *dm = grad->d_state[M_LEAF];
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        const lstm_tape_view tape = tape_at(l, run, first);
        const float *c = lstm__run_state_at(run, C_LEAF, h, t, first);
        if (grad->d_output)
            run->kernels->add(rows * p, grad->d_output + first * p, dm);
        const float *d_raw = l->num_proj ? project_backward(l, run, rows, &tape, dm) : dm;
        run->kernels->lstm_backward(&l->activation, &options, rows, h, tape.gates, c, tape.shown, d_raw, dc);
        lstm__run_product(run, t, STEP_BACK, rows, tape.gates, width, p, NULL, dm);
    }
    lstm__run_input_gradient(run, run->tape, width, run->variables[KERNEL], grad->d_input);
}

/* dw += the sum over all steps of a gate's gradient times the cell state that it saw. */
static void peephole_gradient(const lstm *l, const lstm__run *run, size_t gate, const float *c, float *d_peephole,
                              size_t part, size_t parts)
{
    size_t begin, end;
    lstm__part_columns(l->units, part, parts, &begin, &end);
    run->kernels->product_sums(run->steps, end - begin, run->tape + gate * l->units + begin, GATES * l->units,
                               c + begin, l->units, d_peephole + begin);
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    const lstm *l = cell->self;
    const size_t h = l->units, p = l->num_proj;
    const float *before = lstm__run_states_before(run, M_LEAF, output_width(l), run->scratch);
    lstm__run_kernel_gradient(run, run->input, run->spec->input_size, before, output_width(l), run->tape, GATES * h,
                              d_variables[KERNEL], d_variables[BIAS], part, parts);
    if (l->use_peepholes) {
        const float *c = lstm__run_states_before(run, C_LEAF, h, run->scratch + run->steps * output_width(l));
        peephole_gradient(l, run, 0, c, d_variables[W_I], part, parts);
        peephole_gradient(l, run, 2, c, d_variables[W_F], part, parts);
        peephole_gradient(l, run, 3, run->next_state[C_LEAF], d_variables[W_O], part, parts);
    }
    if (p) {
        const lstm_tape_view tape = tape_at(l, run, 0);
        lstm__run_kernel_gradient(run, tape.raw, h, NULL, 0, tape.projected, p, d_variables[projection_index(l)], NULL,
                                  part, parts);
    }
}

static lstm_status check_clip(const char *function, const char *name, float clip)
{
    if (clip >= 0.0f && isfinite(clip))
        return LSTM_OK;
    return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s is %g, expected above 0 and finite, or 0 for none", function,
                      name, (double)clip);
}

static lstm_status create(const char *function, const char *name, lstm_context *context, size_t num_units,
                          const lstm_lstm_config *c, lstm_cell **cell)
{
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const lstm_cell_ops ops = {.name = name, .declare = declare};
    lstm self = {.units = num_units,
                 .num_proj = c->num_proj,
                 .cell_clip = c->cell_clip,
                 .proj_clip = c->proj_clip,
                 .use_peepholes = c->use_peepholes,
                 .initializer = c->initializer ? *c->initializer : (lstm_initializer){0}};
    lstm_status status = lstm__cell_width(function, "num_units", num_units);
    if (!status && c->num_proj)
        status = lstm__cell_width(function, "num_proj", c->num_proj);
    if (!status)
        status = lstm__check_initializer(function, "initializer", &self.initializer);
    if (status || (status = check_clip(function, "cell_clip", c->cell_clip)) ||
        (status = check_clip(function, "proj_clip", c->proj_clip)) ||
        (status = lstm__cell_forget_bias(function, c->forget_bias, &self.forget_bias)) ||
        (status = lstm__cell_activation(function, c->activation, &c->function, LSTM_ACTIVATION_TANH, &self.activation)))
        return status;
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
    if (status)
        return status;
    const lstm_lstm_config basic = {.forget_bias = c.forget_bias, .activation = c.activation, .function = c.function};
    return create(function, "basic_lstm_cell", context, num_units, &basic, cell);
}

lstm_status lstm_cell_create_lstm(lstm_context *context, size_t num_units, const lstm_lstm_config *config,
                                  lstm_cell **cell)
{
    const char *function = "lstm_cell_create_lstm";
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_lstm_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    return status ? status : create(function, "lstm_cell", context, num_units, &c, cell);
}
