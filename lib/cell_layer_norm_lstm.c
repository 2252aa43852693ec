/* LayerNormBasicLSTMCell: i,j,f,o = N(split([x|h] K)); c' = N(c s(f + forget_bias) + s(i) dropout(act(j)));
 * h' = act(c') s(o). */
#include "cell.h"
#include "status.h"

#include <math.h>

enum { C_LEAF = 0, H_LEAF = 1, KERNEL = 0, BIAS = 1, GATES = 4, NORMS = 5, STATE_NORM = 4 };
enum { STEP = 0, STEP_BACK = 1 }; /* matrices */

typedef struct norm_lstm {
    size_t units;
    float forget_bias, keep;
    bool layer_norm;
    float norm_gain, norm_shift;
    lstm__activation activation;
} norm_lstm;

/* The tape: gates [steps][4h], act(c') [steps][h], the mask [steps][h], and with layer norm the normalised values of the
 * gates [steps][4h] and of c' [steps][h], and each norm's scale [steps][5]. */
typedef struct norm_tape {
    float *gates, *shown, *mask, *normal, *normal_c, *scale;
} norm_tape;

static norm_tape tape_at(const norm_lstm *l, const lstm__run *run, size_t first)
{
    const size_t h = l->units, steps = run->steps;
    float *place = run->tape;
    norm_tape tape;
    tape.gates = place + first * GATES * h;
    tape.shown = (place += steps * GATES * h) + first * h;
    tape.mask = (place += steps * h) + first * h;
    tape.normal = (place += steps * h) + first * GATES * h;
    tape.normal_c = (place += steps * GATES * h) + first * h;
    tape.scale = place + steps * h + first * NORMS;
    return tape;
}

/* Norms stand in the order of the gates, and the state's last; each has a gamma and a beta. */
static size_t gamma_of(size_t norm)
{
    return 1 + 2 * norm;
}

static lstm_status declare_norms(const norm_lstm *l, lstm_cell_spec *spec)
{
    static const char *const names[NORMS][2] = {{"input/gamma", "input/beta"},
                                                {"transform/gamma", "transform/beta"},
                                                {"forget/gamma", "forget/beta"},
                                                {"output/gamma", "output/beta"},
                                                {"state/gamma", "state/beta"}};
    const lstm_initializer start[2] = {{.kind = LSTM_INITIALIZER_CONSTANT, .a = l->norm_gain},
                                       {.kind = LSTM_INITIALIZER_CONSTANT, .a = l->norm_shift}};
    lstm_status status = LSTM_OK;
    for (size_t k = 0; k < 2 * NORMS && !status; k++)
        status = lstm_cell_spec_variable(spec, names[k / 2][k % 2], 1, &l->units, &start[k % 2], NULL);
    spec->adds_by_step = true; /* to the gains and shifts */
    return status;
}

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const norm_lstm *l = self;
    const size_t h = l->units;
    const lstm_initializer glorot = {0};
    lstm_status status = lstm_cell_spec_state(spec, h);
    if (!status)
        status = lstm_cell_spec_state(spec, h);
    if (!status)
        status = lstm_cell_spec_protect_state(spec, C_LEAF);
    if (!status)
        status = lstm_cell_spec_output_state(spec, H_LEAF);
    if (!status)
        status = lstm__spec_gates(spec, "kernel", l->layer_norm ? NULL : "bias", h, GATES * h,
                                  &(lstm__gates_start){.bias_initializer = &glorot});
    if (!status && l->layer_norm)
        status = declare_norms(l, spec);
    if (!status)
        status = lstm__spec_step_matrix(spec, KERNEL, h, GATES * h);
    if (!status)
        status = lstm__spec_matrix(spec, KERNEL, input_size, h, GATES * h, true);
    return status ? status
                  : lstm_cell_spec_memory(spec, (GATES + 2) * h + (l->layer_norm ? (GATES + 1) * h + NORMS : 0), h);
}

/* x = N(x) for one norm of the rows of a step. */
static void normalise(const norm_lstm *l, const lstm__run *run, size_t rows, size_t norm, const norm_tape *tape,
                      float *x, size_t ldx)
{
    const float *const *gains = run->variables + gamma_of(norm);
    float *normal = norm == STATE_NORM ? tape->normal_c : tape->normal + norm * l->units;
    run->kernels->layer_norm(rows, l->units, gains[0], gains[1], x, ldx, normal, ldx, tape->scale + norm, NORMS);
}

static void normalise_backward(const norm_lstm *l, const lstm__run *run, const lstm__run_grad *grad, size_t rows,
                               size_t norm, const norm_tape *tape, float *d, size_t ldd)
{
    const size_t h = l->units;
    const float *normal = norm == STATE_NORM ? tape->normal_c : tape->normal + norm * h;
    if (grad->d_variables) {
        run->kernels->product_sums(rows, h, d, ldd, normal, ldd, grad->d_variables[gamma_of(norm)]);
        run->kernels->column_sums(rows, h, d, ldd, grad->d_variables[gamma_of(norm) + 1]);
    }
    run->kernels->layer_norm_backward(rows, h, run->variables[gamma_of(norm)], normal, ldd, tape->scale + norm, NORMS,
                                      d, ldd);
}

static bool drops(const norm_lstm *l, const lstm__run *run)
{
    return run->training && l->keep < 1.0f;
}

static void forward(const lstm_cell *cell, const lstm__run *run)
{
    const norm_lstm *l = cell->self;
    const lstm__mask dropped = {.keep = l->keep};
    const size_t h = l->units, width = GATES * h;
    const float *c = run->state[C_LEAF], *state = run->state[H_LEAF];
    const float *bias = l->layer_norm ? NULL : run->variables[BIAS];
    lstm__run_inputs(run, STEP, bias, width, run->tape);
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        const size_t rows = run->active[t];
        const norm_tape tape = tape_at(l, run, first);
        float *c_next = run->next_state[C_LEAF] + first * h, *next = run->next_state[H_LEAF] + first * h;
        lstm__run_step(run, t, STEP, bias, first, rows, state, h, width, run->tape);
        for (size_t gate = 0; gate < GATES && l->layer_norm; gate++)
            normalise(l, run, rows, gate, &tape, tape.gates + gate * h, width);
        if (drops(l, run))
            lstm__run_mask(run, &dropped, t, h, tape.mask);
        run->kernels->lstm_cell_forward(&l->activation, l->forget_bias, rows, h, tape.gates,
                                        drops(l, run) ? tape.mask : NULL, c, c_next);
        if (l->layer_norm)
            normalise(l, run, rows, STATE_NORM, &tape, c_next, h);
        run->kernels->activate_state(&lstm__linear, rows * h, c_next);
        run->kernels->lstm_output_forward(&l->activation, rows, h, tape.gates, c_next, tape.shown, next);
        c = c_next;
        state = next;
    }
}

/* The tape's gates become the gradients of [x|h] K. */
static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const norm_lstm *l = cell->self;
    const size_t h = l->units, width = GATES * h;
    float *dc = grad->d_state[C_LEAF], *dh = grad->d_state[H_LEAF];
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        const norm_tape tape = tape_at(l, run, first);
        const float *c = lstm__run_state_at(run, C_LEAF, h, t, first);
        if (grad->d_output)
            run->kernels->add(rows * h, grad->d_output + first * h, dh);
        run->kernels->lstm_output_backward(&l->activation, rows, h, tape.gates, tape.shown, dh, dc);
        if (l->layer_norm)
            normalise_backward(l, run, grad, rows, STATE_NORM, &tape, dc, h);
        run->kernels->lstm_cell_backward(&l->activation, rows, h, tape.gates, drops(l, run) ? tape.mask : NULL, c, dc);
        for (size_t gate = 0; gate < GATES && l->layer_norm; gate++)
            normalise_backward(l, run, grad, rows, gate, &tape, tape.gates + gate * h, width);
        lstm__run_product(run, t, STEP_BACK, rows, tape.gates, width, h, NULL, dh);
    }
    lstm__run_input_gradient(run, run->tape, width, run->variables[KERNEL], grad->d_input);
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    const norm_lstm *l = cell->self;
    const float *before = lstm__run_states_before(run, H_LEAF, l->units, run->scratch);
    lstm__run_kernel_gradient(run, run->input, run->spec->input_size, before, l->units, run->tape, GATES * l->units,
                              d_variables[KERNEL], l->layer_norm ? NULL : d_variables[BIAS], part, parts);
}

lstm_status lstm_cell_create_layer_norm_basic_lstm(lstm_context *context, size_t num_units,
                                                   const lstm_layer_norm_basic_lstm_config *config, lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "layer_norm_basic_lstm_cell", .declare = declare};
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const char *function = "lstm_cell_create_layer_norm_basic_lstm";
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_layer_norm_basic_lstm_config c;
    norm_lstm self = {.units = num_units};
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__cell_width(function, "num_units", num_units)) ||
        (status = lstm__cell_forget_bias(function, c.forget_bias, &self.forget_bias)) ||
        (status = lstm__cell_activation(function, c.activation, &c.function, LSTM_ACTIVATION_TANH, &self.activation)) ||
        (status = lstm__cell_keep(function, "dropout_keep_prob", c.dropout_keep_prob, &self.keep)))
        return status;
    self.layer_norm = !c.no_layer_norm;
    self.norm_gain = c.norm_gain.given ? c.norm_gain.value : 1.0f;
    self.norm_shift = c.norm_shift;
    if (!isfinite(self.norm_gain) || !isfinite(self.norm_shift))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: norm_gain %g, norm_shift %g, expected finite", function,
                          (double)self.norm_gain, (double)self.norm_shift);
    return lstm__cell_create(function, context, &ops, &body, &self, sizeof self, cell);
}
