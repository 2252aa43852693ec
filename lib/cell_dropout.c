/* DropoutWrapper: masks over input, new state and output, while training; or zoneout of the state. */
#include "cell.h"

#include "status.h"

#include <string.h>

/* The places of masks; leaf k of the state has STATE_MASK + k. */
enum { INPUT_MASK = 0, OUTPUT_MASK = 1, STATE_MASK = 2 };

typedef struct dropout {
    lstm_cell *inner;
    float input_keep, output_keep, state_keep, zoneout;
    bool variational, whole_batch, drop_all_state;
} dropout;

/* The tape: the input as the cell gets it [steps][I], the cell's own output [steps][O], and its states before they are
 * masked, leaf after leaf [steps][width]. The scratch: a mask [steps][widest], the output's gradient [steps][O], the
 * gradients that zoneout sends past the cell, leaf after leaf [steps][width]. */
typedef struct view {
    float *input, *output, *states, *mask, *d_output, *past;
} view;

static size_t widest(const lstm_cell_spec *spec)
{
    size_t most = spec->input_size > spec->output_size ? spec->input_size : spec->output_size;
    for (size_t leaf = 0; leaf < spec->states; leaf++)
        most = spec->state_sizes[leaf] > most ? spec->state_sizes[leaf] : most;
    return most;
}

static view view_of(const lstm__run *run)
{
    const lstm_cell_spec *spec = run->spec;
    const size_t steps = run->steps;
    view v = {.input = run->tape, .mask = run->scratch};
    v.output = v.input + steps * spec->input_size;
    v.states = v.output + steps * spec->output_size;
    v.d_output = v.mask + steps * widest(spec);
    v.past = v.d_output + steps * spec->output_size;
    return v;
}

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const dropout *d = self;
    lstm_status status = lstm__spec_inner(spec, d->inner, "", input_size);
    if (!status)
        status = lstm_cell_spec_output(spec, spec->inner[0]->output_size);
    if (status)
        return status;
    size_t states = 0;
    for (size_t leaf = 0; leaf < spec->states; leaf++)
        states += spec->state_sizes[leaf];
    spec->pointers = 2 * spec->states;
    return lstm_cell_spec_memory(spec, input_size + spec->output_size + states,
                                 widest(spec) + spec->output_size + states);
}

static void fill_mask(const dropout *d, const lstm__run *run, size_t which, float keep, size_t t, size_t width,
                      float *mask)
{
    const lstm__mask kind = {
        .keep = keep, .which = which, .variational = d->variational, .whole_batch = d->whole_batch};
    lstm__run_mask(run, &kind, t, width, mask);
}

/* Multiply every step of x[steps][width] by its mask. */
static void drop(const dropout *d, const lstm__run *run, size_t which, float keep, size_t width, float *x)
{
    const view v = view_of(run);
    if (!run->training || keep == 1.0f)
        return;
    for (size_t t = 0; t < run->time; x += run->active[t++] * width) {
        fill_mask(d, run, which, keep, t, width, v.mask);
        run->kernels->multiply(run->active[t] * width, v.mask, x);
    }
}

static bool drops_input(const dropout *d, const lstm__run *run)
{
    return run->training && d->input_keep < 1.0f;
}

/* Whether something happens to the states between two steps, so that the cell must be run step by step. */
static bool changes_states(const dropout *d, const lstm__run *run)
{
    return d->zoneout > 0.0f || (run->training && d->state_keep < 1.0f);
}

static bool changes_leaf(const dropout *d, const lstm__run *run, size_t leaf)
{
    return d->zoneout > 0.0f || d->drop_all_state || !run->spec->protected_states[leaf];
}

static lstm__run whole_run(const dropout *d, const lstm__run *run)
{
    const view v = view_of(run);
    return lstm__inner_run(run, 0, drops_input(d, run) ? v.input : run->input, v.output);
}

/* Step t alone, of a run that starts at packed row `first`: the cell writes its states to the tape. */
static lstm__run step_run(const dropout *d, const lstm__run *run, size_t t, size_t first)
{
    const lstm_cell_spec *spec = run->spec, *inner = spec->inner[0];
    const view v = view_of(run);
    float **entering = run->pointers, **leaving = run->pointers + spec->states, *states = v.states;
    lstm__run step = whole_run(d, run);
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf];
        entering[leaf] = (float *)(uintptr_t)lstm__run_state_at(run, leaf, width, t, first);
        leaving[leaf] = states + first * width;
        states += run->steps * width;
    }
    step.start = run->start + t;
    step.time = 1;
    step.rows = step.steps = run->active[t];
    step.active = run->active + t;
    step.input += first * spec->input_size;
    step.state = (const float *const *)entering;
    step.next_state = leaving;
    step.output = inner->output_leaf == SIZE_MAX ? v.output + first * spec->output_size : leaving[inner->output_leaf];
    step.tape += first * inner->tape_total;
    return step;
}

/* The mask of a leaf at step t: what is kept of the new state, times 1 / keep for dropout; for zoneout the share of the
 * new state, 1 or 0 while training. */
static void state_mask(const dropout *d, const lstm__run *run, size_t leaf, size_t t, float *mask)
{
    const size_t width = run->spec->state_sizes[leaf], count = run->active[t] * width;
    const float keep = d->zoneout > 0.0f ? 1.0f - d->zoneout : d->state_keep;
    if (run->training)
        fill_mask(d, run, STATE_MASK + leaf, keep, t, width, mask);
    for (size_t k = 0; k < count && d->zoneout > 0.0f; k++)
        mask[k] = !run->training ? keep : mask[k] > 0.0f ? 1.0f : 0.0f;
}

/* The states that the next step gets, from those of this one. */
static void change_states(const dropout *d, const lstm__run *run, const lstm__run *step, size_t t, size_t first)
{
    const view v = view_of(run);
    for (size_t leaf = 0; leaf < run->spec->states; leaf++) {
        const size_t width = run->spec->state_sizes[leaf], count = step->rows * width;
        const float *raw = step->next_state[leaf], *before = step->state[leaf];
        float *after = run->next_state[leaf] + first * width;
        memcpy(after, raw, count * sizeof *after);
        if (!changes_leaf(d, run, leaf))
            continue;
        state_mask(d, run, leaf, t, v.mask);
        run->kernels->multiply(count, v.mask, after);
        for (size_t k = 0; k < count && d->zoneout > 0.0f; k++)
            after[k] += (1.0f - v.mask[k]) * before[k];
        run->kernels->activate_state(&lstm__linear, count, after); /* a mixture decays */
    }
}

static void forward(const lstm_cell *cell, const lstm__run *run)
{
    const dropout *d = cell->self;
    const size_t width = run->spec->output_size;
    const view v = view_of(run);
    if (drops_input(d, run)) {
        memcpy(v.input, run->input, run->steps * run->spec->input_size * sizeof(float));
        drop(d, run, INPUT_MASK, d->input_keep, run->spec->input_size, v.input);
    }
    if (!changes_states(d, run)) {
        const lstm__run inner = whole_run(d, run);
        lstm__run_forward(&inner);
        memcpy(run->output, inner.output, run->steps * width * sizeof(float));
    }
    for (size_t t = 0, first = 0; t < run->time && changes_states(d, run); first += run->active[t++]) {
        const lstm__run step = step_run(d, run, t, first);
        lstm__run_forward(&step);
        change_states(d, run, &step, t, first);
        memcpy(run->output + first * width, step.output, step.rows * width * sizeof(float));
    }
    drop(d, run, OUTPUT_MASK, d->output_keep, width, run->output);
}

/* d_state, the gradient of the changed states, becomes that of the cell's; what zoneout sends past it goes to `past`. */
static void unchange_states(const dropout *d, const lstm__run *run, const lstm__run *step, size_t t,
                            float *const *d_state)
{
    const view v = view_of(run);
    float *past = v.past;
    for (size_t leaf = 0; leaf < run->spec->states; past += run->steps * run->spec->state_sizes[leaf++]) {
        const size_t count = step->rows * run->spec->state_sizes[leaf];
        if (!changes_leaf(d, run, leaf))
            continue;
        state_mask(d, run, leaf, t, v.mask);
        for (size_t k = 0; k < count && d->zoneout > 0.0f; k++)
            past[k] = (1.0f - v.mask[k]) * d_state[leaf][k];
        run->kernels->multiply(count, v.mask, d_state[leaf]);
    }
}

static void add_past(const dropout *d, const lstm__run *run, size_t rows, float *const *d_state)
{
    float *past = view_of(run).past;
    for (size_t leaf = 0; leaf < run->spec->states && d->zoneout > 0.0f; leaf++) {
        const size_t width = run->spec->state_sizes[leaf];
        run->kernels->add(rows * width, past, d_state[leaf]);
        past += run->steps * width;
    }
}

static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const dropout *d = cell->self;
    const lstm_cell_spec *spec = run->spec;
    const size_t width = spec->output_size;
    const view v = view_of(run);
    const float *d_output = grad->d_output ? v.d_output : NULL;
    if (d_output) {
        memcpy(v.d_output, grad->d_output, run->steps * width * sizeof(float));
        drop(d, run, OUTPUT_MASK, d->output_keep, width, v.d_output);
    }
    if (!changes_states(d, run)) {
        const lstm__run inner = whole_run(d, run);
        const lstm__run_grad inner_grad = lstm__inner_grad(run, grad, 0, d_output, grad->d_input);
        lstm__run_backward(&inner, &inner_grad);
    }
    for (size_t t = run->time, first = run->steps; t-- > 0 && changes_states(d, run);) {
        first -= run->active[t];
        const lstm__run step = step_run(d, run, t, first);
        const lstm__run_grad step_grad =
            lstm__inner_grad(run, grad, 0, d_output ? d_output + first * width : NULL,
                             grad->d_input ? grad->d_input + first * spec->input_size : NULL);
        unchange_states(d, run, &step, t, step_grad.d_state);
        lstm__run_backward(&step, &step_grad);
        add_past(d, run, step.rows, step_grad.d_state);
    }
    if (grad->d_input)
        drop(d, run, INPUT_MASK, d->input_keep, spec->input_size, grad->d_input);
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    const dropout *d = cell->self;
    float *const *inner_variables = lstm__inner_variables(run, 0, d_variables);
    if (!changes_states(d, run)) {
        const lstm__run inner = whole_run(d, run);
        lstm__run_weight_gradient(&inner, inner_variables, part, parts);
    }
    for (size_t t = 0, first = 0; t < run->time && changes_states(d, run); first += run->active[t++]) {
        const lstm__run step = step_run(d, run, t, first);
        lstm__run_weight_gradient(&step, inner_variables, part, parts);
    }
}

static void destroy(void *self)
{
    lstm_cell_destroy(((dropout *)self)->inner);
}

lstm_status lstm_cell_create_dropout(lstm_context *context, lstm_cell *inner, const lstm_dropout_config *config,
                                     lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.declare = declare, .destroy = destroy};
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const char *function = "lstm_cell_create_dropout";
    if (!inner || !cell)
        return lstm__fail_null(function, inner ? "cell" : "inner");
    lstm_dropout_config c;
    dropout self = {.inner = inner};
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__cell_keep(function, "input_keep_prob", c.input_keep_prob, &self.input_keep)) ||
        (status = lstm__cell_keep(function, "output_keep_prob", c.output_keep_prob, &self.output_keep)) ||
        (status = lstm__cell_keep(function, "state_keep_prob", c.state_keep_prob, &self.state_keep)))
        return status;
    if (!(c.zoneout >= 0.0f && c.zoneout < 1.0f))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: zoneout is %g, expected 0 to below 1", function,
                          (double)c.zoneout);
    if (c.zoneout > 0.0f && self.state_keep < 1.0f)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: zoneout and state_keep_prob exclude each other", function);
    self.zoneout = c.zoneout;
    self.variational = c.variational;
    self.whole_batch = c.whole_batch;
    self.drop_all_state = c.drop_all_state;
    status = lstm__cell_create(function, context, &ops, &body, &self, sizeof self, cell);
    if (!status)
        lstm__cell_retain(inner);
    return status;
}
