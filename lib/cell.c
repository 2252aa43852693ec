#include "cell.h"

#include "context.h"
#include "memory.h"
#include "status.h"

#include <string.h>

/* The spec: what a declare function says. */

static lstm_status keep(lstm_cell_spec *spec, lstm_status status)
{
    if (!spec->status)
        spec->status = status;
    return status;
}

lstm_status lstm_cell_spec_state(lstm_cell_spec *spec, size_t width)
{
    const char *function = "lstm_cell_spec_state";
    if (!spec)
        return lstm__fail_null(function, "spec");
    if (width < 1 || width > INT32_MAX)
        return keep(spec,
                    lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: width is %zu, expected 1 to 2^31 - 1", function, width));
    size_t *grown = lstm__grow(spec->context, spec->state_sizes, spec->states, &spec->state_capacity, sizeof *grown);
    if (!grown)
        return keep(spec, lstm__fail_memory(function));
    spec->state_sizes = grown;
    spec->state_sizes[spec->states++] = width;
    return LSTM_OK;
}

static lstm_status set_output(const char *function, lstm_cell_spec *spec, size_t width, size_t leaf)
{
    if (spec->output_size)
        return keep(spec, lstm__fail(LSTM_ERR_STATE, "%s: the output has been declared before", function));
    spec->output_size = width;
    spec->output_leaf = leaf;
    return LSTM_OK;
}

lstm_status lstm_cell_spec_output(lstm_cell_spec *spec, size_t width)
{
    const char *function = "lstm_cell_spec_output";
    if (!spec)
        return lstm__fail_null(function, "spec");
    if (width < 1 || width > INT32_MAX)
        return keep(spec,
                    lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: width is %zu, expected 1 to 2^31 - 1", function, width));
    return set_output(function, spec, width, SIZE_MAX);
}

lstm_status lstm_cell_spec_output_state(lstm_cell_spec *spec, size_t leaf)
{
    const char *function = "lstm_cell_spec_output_state";
    if (!spec)
        return lstm__fail_null(function, "spec");
    if (leaf >= spec->states)
        return keep(spec, lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: leaf is %zu, expected below %zu", function, leaf,
                                     spec->states));
    return set_output(function, spec, spec->state_sizes[leaf], leaf);
}

lstm_status lstm_cell_spec_variable(lstm_cell_spec *spec, const char *name, size_t rank, const size_t *shape,
                                    const lstm_initializer *initializer, size_t *index)
{
    const char *function = "lstm_cell_spec_variable";
    if (!spec || !name || !shape)
        return lstm__fail_null(function, !spec ? "spec" : !name ? "name" : "shape");
    if (!lstm__name_is_good(name) || rank < 1 || rank > LSTM_MAX_RANK)
        return keep(spec, lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.64s\" of rank %zu is not a variable", function,
                                     name, rank));
    for (size_t k = 0; k < rank; k++)
        if (shape[k] < 1 || shape[k] > INT32_MAX)
            return keep(spec,
                        lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: axis %zu of \"%s\" is %zu, expected 1 to 2^31 - 1",
                                   function, k, name, shape[k]));
    lstm__wanted *grown =
        lstm__grow(spec->context, spec->variables, spec->variable_count, &spec->variable_capacity, sizeof *grown);
    if (!grown)
        return keep(spec, lstm__fail_memory(function));
    spec->variables = grown;
    lstm__wanted *wanted = &grown[spec->variable_count];
    *wanted = (lstm__wanted){.rank = rank};
    memcpy(wanted->name, name, strlen(name) + 1);
    memcpy(wanted->shape, shape, rank * sizeof *shape);
    if (initializer)
        wanted->initializer = *initializer;
    if (index)
        *index = spec->variable_count;
    spec->variable_count++;
    return LSTM_OK;
}

lstm_status lstm_cell_spec_memory(lstm_cell_spec *spec, size_t tape_floats_per_row, size_t scratch_floats_per_row)
{
    if (!spec)
        return lstm__fail_null("lstm_cell_spec_memory", "spec");
    spec->tape_floats = tape_floats_per_row;
    spec->scratch_floats = scratch_floats_per_row;
    return LSTM_OK;
}

lstm_status lstm__spec_gates(lstm_cell_spec *spec, const char *kernel, const char *bias, size_t units, size_t gates,
                             float bias_start)
{
    const lstm_initializer start = {.kind = LSTM_INITIALIZER_CONSTANT, .a = bias_start};
    size_t shape[2];
    if (!lstm__add(spec->input_size, units, &shape[0]) || !lstm__multiply(gates, units, &shape[1]))
        return lstm__fail_memory("lstm_rnn_create");
    lstm_status status = lstm_cell_spec_variable(spec, kernel, 2, shape, NULL, NULL);
    return status ? status : lstm_cell_spec_variable(spec, bias, 1, &shape[1], &start, NULL);
}

/* A cell that gives single steps, run over many. */

/* Step t of a run, whose rows start at packed row `first`. The pointers are the run's first two per leaf. */
static lstm_step step_at(const lstm__run *run, size_t t, size_t first)
{
    const lstm_cell_spec *spec = run->spec;
    float **state = run->pointers, **next_state = run->pointers + spec->states;
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf];
        next_state[leaf] = run->next_state[leaf] + first * width;
        state[leaf] = t ? next_state[leaf] - run->active[t - 1] * width : (float *)(uintptr_t)run->state[leaf];
    }
    return (lstm_step){.rows = run->active[t],
                       .input_size = spec->input_size,
                       .training = run->training,
                       .input = run->input + first * spec->input_size,
                       .state = (const float *const *)state,
                       .next_state = next_state,
                       .output = run->output + first * spec->output_size,
                       .variables = run->variables,
                       .tape = run->training ? run->tape + first * spec->tape_floats : NULL,
                       .scratch = run->scratch};
}

static void steps_forward(const lstm_cell *cell, const lstm__run *run)
{
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        lstm_step step = step_at(run, t, first);
        cell->ops.step(cell->self, &step);
    }
}

/* The driver's scratch holds an output gradient of zeros and a second set of state gradients: a step reads the one while
 * it writes the other. */
static void steps_backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const lstm_cell_spec *spec = run->spec;
    float *no_output = run->scratch + run->rows * spec->scratch_floats;
    float **d_next_state = run->pointers + 2 * spec->states;
    float *place = no_output + run->rows * spec->output_size;
    for (size_t leaf = 0; leaf < spec->states; place += run->rows * spec->state_sizes[leaf++])
        d_next_state[leaf] = place;
    memset(no_output, 0, run->rows * spec->output_size * sizeof(float));
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        for (size_t leaf = 0; leaf < spec->states; leaf++)
            memcpy(d_next_state[leaf], grad->d_state[leaf], rows * spec->state_sizes[leaf] * sizeof(float));
        lstm_step step = step_at(run, t, first);
        lstm_step_grad step_grad = {
            .d_output = grad->d_output ? grad->d_output + first * spec->output_size : no_output,
            .d_next_state = (const float *const *)d_next_state,
            .d_input = grad->d_input ? grad->d_input + first * spec->input_size : NULL,
            .d_state = grad->d_state,
            .d_variables = grad->d_variables,
        };
        cell->ops.step_backward(cell->self, &step, &step_grad);
    }
}

static const lstm__body steps = {.forward = steps_forward, .backward = steps_backward};

lstm_status lstm__spec_declare(const char *function, const lstm_cell *cell, size_t input_size, lstm_cell_spec *spec)
{
    *spec = (lstm_cell_spec){.context = cell->context, .input_size = input_size};
    lstm_status status = cell->ops.declare(cell->self, input_size, spec);
    if (status && !spec->status)
        return lstm__fail(status, "%s: cell \"%s\" cannot be declared for input width %zu", function, cell->name,
                          input_size);
    if (!status)
        status = spec->status;
    if (!status && !spec->output_size)
        status = lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: cell \"%s\" declares no output", function, cell->name);
    if (!status && cell->body == &steps) {
        spec->driver_floats = spec->output_size;
        for (size_t leaf = 0; leaf < spec->states; leaf++)
            if (!lstm__add(spec->driver_floats, spec->state_sizes[leaf], &spec->driver_floats))
                return lstm__fail_memory(function);
    }
    return status;
}

void lstm__spec_release(lstm_cell_spec *spec)
{
    lstm__release(spec->context, spec->state_sizes);
    lstm__release(spec->context, spec->variables);
}

/* The object. */

lstm_status lstm__cell_create(const char *function, lstm_context *context, const lstm_cell_ops *ops,
                              const lstm__body *body, const void *self, size_t size, lstm_cell **cell)
{
    const char *name = ops->name ? ops->name : "";
    if (*name && !lstm__name_is_good(name))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.64s\" cannot name a cell", function, name);
    size_t total;
    lstm_cell *made = lstm__add(sizeof *made, size, &total) ? lstm__allocate(context, 1, total) : NULL;
    if (!made)
        return lstm__fail_memory(function);
    atomic_init(&made->references, 1);
    made->context = context;
    lstm__context_retain(context);
    made->ops = *ops;
    made->body = body;
    made->self = size ? memcpy(made + 1, self, size) : (void *)(uintptr_t)self;
    memcpy(made->name, name, strlen(name) + 1);
    made->ops.name = made->name;
    *cell = made;
    return LSTM_OK;
}

lstm_status lstm_cell_create_custom(lstm_context *context, const lstm_cell_ops *ops, void *self, lstm_cell **cell)
{
    const char *function = "lstm_cell_create_custom";
    if (!ops || !cell)
        return lstm__fail_null(function, ops ? "cell" : "ops");
    lstm_cell_ops table;
    lstm_status status = lstm__read_args(function, &table, sizeof table, ops);
    if (status)
        return status;
    if (!table.declare || !table.step)
        return lstm__fail_null(function, table.declare ? "ops->step" : "ops->declare");
    return lstm__cell_create(function, context, &table, &steps, self, 0, cell);
}

void lstm__cell_retain(lstm_cell *cell)
{
    atomic_fetch_add(&cell->references, 1);
}

void lstm_cell_destroy(lstm_cell *cell)
{
    if (!cell || atomic_fetch_sub(&cell->references, 1) > 1)
        return;
    if (cell->ops.destroy)
        cell->ops.destroy(cell->self);
    lstm_context *context = cell->context;
    lstm__release(context, cell);
    lstm_context_destroy(context);
}

bool lstm__cell_is_trainable(const lstm_cell *cell)
{
    return cell->body != &steps || cell->ops.step_backward;
}

/* What the built-in cells share. */

lstm_status lstm__cell_activation(const char *function, lstm_activation *activation)
{
    if (*activation == LSTM_ACTIVATION_DEFAULT)
        *activation = LSTM_ACTIVATION_TANH;
    if (*activation < LSTM_ACTIVATION_LINEAR || *activation > LSTM_ACTIVATION_RELU)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: activation %d is not one for cells", function,
                          (int)*activation);
    return LSTM_OK;
}

lstm_status lstm__cell_units(const char *function, size_t num_units)
{
    if (num_units < 1 || num_units > INT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: num_units is %zu, expected 1 to 2^31 - 1", function,
                          num_units);
    return LSTM_OK;
}

const float *lstm__run_states_before(const lstm__run *run, size_t leaf, size_t width, float *scratch)
{
    const float *entering = run->state[leaf], *next = run->next_state[leaf];
    if (entering + run->rows * width == next && run->active[run->time - 1] == run->rows)
        return entering;
    float *place = scratch;
    for (size_t t = 0; t < run->time; t++) {
        memcpy(place, entering, run->active[t] * width * sizeof *place);
        place += run->active[t] * width;
        entering = next;
        next += run->active[t] * width;
    }
    return scratch;
}

void lstm__part_columns(size_t n, size_t part, size_t parts, size_t *begin, size_t *end)
{
    const size_t groups = (n + 15) / 16;
    *begin = groups * part / parts * 16;
    *end = groups * (part + 1) / parts * 16;
    if (*end > n)
        *end = n;
    if (*begin > *end)
        *begin = *end;
}
