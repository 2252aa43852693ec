/* What a cell declares, for itself and for the cells inside it. */
#include "cell.h"

#include "context.h"
#include "memory.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

static lstm_status keep(lstm_cell_spec *spec, lstm_status status)
{
    if (!spec->status)
        spec->status = status;
    return status;
}

static lstm_status keep_memory_failure(lstm_cell_spec *spec, const char *function)
{
    return keep(spec, lstm__fail_memory(function));
}

static lstm_status check_width(const char *function, lstm_cell_spec *spec, size_t width)
{
    if (width >= 1 && width <= INT32_MAX)
        return LSTM_OK;
    return keep(spec,
                lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: width is %zu, expected 1 to 2^31 - 1", function, width));
}

lstm_status lstm_cell_spec_state(lstm_cell_spec *spec, size_t width)
{
    const char *function = "lstm_cell_spec_state";
    if (!spec)
        return lstm__fail_null(function, "spec");
    lstm_status status = check_width(function, spec, width);
    if (status)
        return status;
    size_t *grown = lstm__grow(spec->context, spec->state_sizes, spec->states, &spec->state_capacity, sizeof *grown);
    if (!grown)
        return keep_memory_failure(spec, function);
    spec->state_sizes = grown;
    bool *protected_states = lstm__grow(spec->context, spec->protected_states, spec->states, &spec->protected_capacity,
                                        sizeof *protected_states);
    if (!protected_states)
        return keep_memory_failure(spec, function);
    spec->protected_states = protected_states;
    protected_states[spec->states] = false;
    spec->state_sizes[spec->states++] = width;
    return LSTM_OK;
}

lstm_status lstm_cell_spec_protect_state(lstm_cell_spec *spec, size_t leaf)
{
    const char *function = "lstm_cell_spec_protect_state";
    if (!spec)
        return lstm__fail_null(function, "spec");
    if (leaf >= spec->states)
        return keep(spec, lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: leaf is %zu, expected below %zu", function, leaf,
                                     spec->states));
    spec->protected_states[leaf] = true;
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
    lstm_status status = check_width(function, spec, width);
    return status ? status : set_output(function, spec, width, SIZE_MAX);
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

/* A cell that is there a second time uses the variables of the first; they must have the same shapes. */
static lstm_status match_shared(const char *function, lstm_cell_spec *spec, const char *name, size_t rank,
                                const size_t *shape)
{
    const lstm__wanted *owned = &spec->variables->wanted[spec->first_variable + spec->variable_count];
    if (spec->variable_count < spec->shared->variable_count && owned->rank == rank &&
        !memcmp(owned->shape, shape, rank * sizeof *shape))
        return LSTM_OK;
    return keep(
        spec, lstm__fail(LSTM_ERR_SHAPE, "%s: a cell that is used twice wants \"%s\" with two shapes", function, name));
}

lstm__wanted *lstm__variables_append(lstm__variables *variables, const char *path, const char *name, size_t rank,
                                     const size_t *shape)
{
    lstm_context *context = variables->context;
    lstm__wanted *grown = lstm__grow(context, variables->wanted, variables->count, &variables->capacity, sizeof *grown);
    if (!grown)
        return NULL;
    variables->wanted = grown;
    const char *const parts[3] = {path, name};
    const size_t size = lstm__join_name(parts, 0, NULL) + 1;
    char *full = lstm__allocate(context, 1, size);
    if (!full)
        return NULL;
    lstm__join_name(parts, size, full);
    if (!lstm__names_add(context, &variables->names, lstm__name_hash(full))) {
        lstm__release(context, full);
        return NULL;
    }
    lstm__wanted *made = &grown[variables->count++];
    *made = (lstm__wanted){.name = full, .rank = rank};
    memcpy(made->shape, shape, rank * sizeof *shape);
    return made;
}

void lstm__variables_release(lstm__variables *variables)
{
    for (size_t k = 0; k < variables->count; k++)
        lstm__release(variables->context, (char *)(uintptr_t)variables->wanted[k].name);
    lstm__release(variables->context, variables->wanted);
    lstm__release(variables->context, variables->names.slots);
    lstm__release(variables->context, variables->matrices);
}

static lstm_status append_variable(const char *function, lstm_cell_spec *spec, const char *name, size_t rank,
                                   const size_t *shape, const lstm_initializer *initializer)
{
    lstm__variables *all = spec->variables;
    const lstm__wanted *wanted = lstm__variables_append(all, spec->path, name, rank, shape);
    if (!wanted)
        return keep_memory_failure(spec, function);
    const size_t place = all->count - 1;
    const uint64_t hash = lstm__name_hash(wanted->name);
    for (size_t probe = 0, k; (k = lstm__names_next(&all->names, hash, &probe)) != SIZE_MAX;)
        if (k != place && !strcmp(all->wanted[k].name, wanted->name))
            return keep(spec,
                        lstm__fail(LSTM_ERR_STATE, "%s: the plan has two variables \"%s\"", function, wanted->name));
    if (initializer)
        all->wanted[place].initializer = *initializer;
    if (spec->variable_count == 0)
        spec->first_variable = place;
    return LSTM_OK;
}

lstm_status lstm_cell_spec_variable(lstm_cell_spec *spec, const char *name, size_t rank, const size_t *shape,
                                    const lstm_initializer *initializer, size_t *index)
{
    const char *function = "lstm_cell_spec_variable";
    if (!spec)
        return lstm__fail_null(function, "spec");
    if (!name || !shape)
        return keep(spec, lstm__fail_null(function, name ? "shape" : "name"));
    if (!lstm__name_is_good(name) || rank < 1 || rank > LSTM_MAX_RANK)
        return keep(spec, lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.64s\" of rank %zu is not a variable", function,
                                     name, rank));
    for (size_t k = 0; k < rank; k++)
        if (shape[k] < 1 || shape[k] > INT32_MAX)
            return keep(spec,
                        lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: axis %zu of \"%s\" is %zu, expected 1 to 2^31 - 1",
                                   function, k, name, shape[k]));
    lstm_status status = spec->shared ? match_shared(function, spec, name, rank, shape)
                                      : append_variable(function, spec, name, rank, shape, initializer);
    if (status)
        return status;
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

lstm_status lstm__spec_matrix(lstm_cell_spec *spec, size_t variable, size_t first_row, size_t rows, size_t columns,
                              bool transposed)
{
    lstm__variables *all = spec->variables;
    lstm__wanted_matrix *grown =
        lstm__grow(all->context, all->matrices, all->matrix_count, &all->matrix_capacity, sizeof *grown);
    if (!grown)
        return keep_memory_failure(spec, spec->function);
    all->matrices = grown;
    if (spec->matrix_count == 0)
        spec->first_matrix = all->matrix_count;
    grown[all->matrix_count++] = (lstm__wanted_matrix){.variable = spec->first_variable + variable,
                                                       .first_row = first_row,
                                                       .rows = rows,
                                                       .columns = columns,
                                                       .transposed = transposed};
    spec->matrix_count++;
    return LSTM_OK;
}

lstm_status lstm__spec_gates(lstm_cell_spec *spec, const char *kernel, const char *bias, size_t recurrent, size_t width,
                             const lstm__gates_start *start)
{
    const lstm_initializer constant = {.kind = LSTM_INITIALIZER_CONSTANT, .a = start->bias};
    size_t shape[2] = {0, width};
    if (!lstm__add(spec->input_size, recurrent, &shape[0]))
        return keep_memory_failure(spec, spec->function);
    lstm_status status = lstm_cell_spec_variable(spec, kernel, 2, shape, start->kernel_initializer, NULL);
    if (!status && bias)
        status = lstm_cell_spec_variable(spec, bias, 1, &shape[1],
                                         start->bias_initializer ? start->bias_initializer : &constant, NULL);
    return status;
}

/* The totals of a spec whose declare is through. */
static lstm_status sum_memory(const char *function, lstm_cell_spec *spec)
{
    size_t inner_scratch = 0, inner_pointers = 0;
    bool fits = true;
    spec->tape_total = spec->tape_floats;
    for (size_t k = 0; k < spec->inner_count; k++) {
        lstm_cell_spec *inner = spec->inner[k];
        inner->tape_at = spec->tape_total;
        fits = fits && lstm__add(spec->tape_total, inner->tape_total, &spec->tape_total);
        inner_scratch = inner->scratch_total > inner_scratch ? inner->scratch_total : inner_scratch;
        inner_pointers = inner->pointers_total > inner_pointers ? inner->pointers_total : inner_pointers;
        spec->adds_by_step = spec->adds_by_step || inner->adds_by_step;
    }
    fits = fits && lstm__add(spec->scratch_floats, inner_scratch, &spec->scratch_total);
    if (lstm__cell_gives_steps(spec->cell)) { /* see steps_backward */
        spec->adds_by_step = true;
        spec->pointers = 3 * spec->states;
        fits = fits && lstm__add(spec->scratch_total, spec->output_size, &spec->scratch_total);
        for (size_t leaf = 0; leaf < spec->states; leaf++)
            fits = fits && lstm__add(spec->scratch_total, spec->state_sizes[leaf], &spec->scratch_total);
    }
    fits = fits && lstm__add(spec->pointers, inner_pointers, &spec->pointers_total);
    return fits ? LSTM_OK : lstm__fail_memory(function);
}

/* The first spec of that cell in the plan, in whose variables it has its own; NULL: none. */
static const lstm_cell_spec *owner_of(const lstm_cell_spec *spec, const lstm_cell *cell)
{
    for (; spec; spec = spec->previous)
        if (spec->cell == cell && !spec->shared)
            return spec;
    return NULL;
}

lstm_status lstm__spec_declare(const char *function, const lstm_cell *cell, size_t input_size, const char *path,
                               const char *level, lstm__variables *variables, lstm_cell_spec **last,
                               lstm_cell_spec **spec)
{
    const char *const parts[3] = {path, level, cell->name};
    const size_t length = lstm__join_name(parts, 0, NULL);
    lstm_cell_spec *made = lstm__allocate(cell->context, 1, sizeof *made + length + 1);
    if (!made)
        return lstm__fail_memory(function);
    *spec = made;
    *made = (lstm_cell_spec){.function = function,
                             .context = cell->context,
                             .cell = cell,
                             .previous = *last,
                             .last = last,
                             .variables = variables,
                             .shared = owner_of(*last, cell),
                             .input_size = input_size,
                             .site = *last ? (*last)->site + 1 : 0};
    *last = made;
    made->first_variable = made->shared ? made->shared->first_variable : 0;
    lstm__join_name(parts, length + 1, made->path);
    if (length > LSTM_MAX_NAME)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the scopes of cell \"%.64s\" are too long", function,
                          cell->name);
    lstm_status status = cell->ops.declare(cell->self, input_size, made);
    if (status && !made->status && lstm__cell_gives_steps(cell))
        return lstm__fail(status, "%s: cell \"%s\" cannot be declared for input width %zu", function, cell->name,
                          input_size);
    if (!status)
        status = made->status;
    if (status && lstm__cell_gives_steps(cell))
        return lstm__fail(status, "%s: cell \"%s\": %s", function, cell->name, lstm_error_message());
    if (!status && !made->output_size)
        status = lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: cell \"%s\" declares no output", function, cell->name);
    return lstm__fail_as(function, status ? status : sum_memory(function, made));
}

void lstm__spec_release(lstm_cell_spec *spec)
{
    if (!spec)
        return;
    for (size_t k = 0; k < spec->inner_count; k++)
        lstm__spec_release(spec->inner[k]);
    lstm__release(spec->context, spec->inner);
    lstm__release(spec->context, spec->state_sizes);
    lstm__release(spec->context, spec->protected_states);
    lstm__release(spec->context, spec);
}

lstm_status lstm__spec_inner(lstm_cell_spec *spec, const lstm_cell *inner, const char *level, size_t input_size)
{
    const char *function = spec->function;
    lstm_cell_spec **grown =
        lstm__grow(spec->context, spec->inner, spec->inner_count, &spec->inner_capacity, sizeof *grown);
    if (!grown)
        return keep_memory_failure(spec, function);
    spec->inner = grown;
    lstm_cell_spec **made = &grown[spec->inner_count];
    *made = NULL;
    lstm_status status =
        lstm__spec_declare(function, inner, input_size, spec->path, level, spec->variables, spec->last, made);
    if (*made)
        spec->inner_count++;
    if (status)
        return keep(spec, status);
    (*made)->first_state = spec->states;
    for (size_t leaf = 0; leaf < (*made)->states && !status; leaf++) {
        status = lstm_cell_spec_state(spec, (*made)->state_sizes[leaf]);
        if (!status && (*made)->protected_states[leaf])
            status = lstm_cell_spec_protect_state(spec, spec->states - 1);
    }
    return status;
}

void lstm__spec_initial_state(const lstm_cell_spec *spec, size_t rows, float *const *state)
{
    if (spec->cell->ops.initial_state) {
        spec->cell->ops.initial_state(spec->cell->self, rows, state);
        return;
    }
    for (size_t k = 0; k < spec->inner_count; k++)
        lstm__spec_initial_state(spec->inner[k], rows, state + spec->inner[k]->first_state);
    for (size_t leaf = 0; leaf < spec->states && !spec->inner_count; leaf++)
        memset(state[leaf], 0, rows * spec->state_sizes[leaf] * sizeof(float));
}

bool lstm__spec_is_trainable(const lstm_cell_spec *spec)
{
    for (size_t k = 0; k < spec->inner_count; k++)
        if (!lstm__spec_is_trainable(spec->inner[k]))
            return false;
    return !lstm__cell_gives_steps(spec->cell) || spec->cell->ops.step_backward;
}

lstm__run lstm__inner_run(const lstm__run *run, size_t index, const float *input, float *output)
{
    const lstm_cell_spec *spec = run->spec, *inner = spec->inner[index];
    lstm__run made = *run;
    made.spec = inner;
    made.input = input;
    made.state = run->state + inner->first_state;
    made.next_state = run->next_state + inner->first_state;
    made.output = inner->output_leaf == SIZE_MAX ? output : made.next_state[inner->output_leaf];
    made.variables = run->variables - spec->first_variable + inner->first_variable;
    made.matrices = run->matrices - spec->first_matrix + inner->first_matrix;
    made.tape = run->tape + inner->tape_at * run->steps;
    made.scratch = run->scratch + spec->scratch_floats * run->steps;
    made.pointers = run->pointers + spec->pointers;
    return made;
}

const float *lstm__inner_output(const lstm__run *run, size_t index, const float *own)
{
    const lstm_cell_spec *inner = run->spec->inner[index];
    return inner->output_leaf == SIZE_MAX ? own : run->next_state[inner->first_state + inner->output_leaf];
}

float *const *lstm__inner_variables(const lstm__run *run, size_t index, float *const *d_variables)
{
    return d_variables ? d_variables - run->spec->first_variable + run->spec->inner[index]->first_variable : NULL;
}

lstm__run_grad lstm__inner_grad(const lstm__run *run, const lstm__run_grad *grad, size_t index, const float *d_output,
                                float *d_input)
{
    return (lstm__run_grad){.d_output = d_output,
                            .d_state = grad->d_state + run->spec->inner[index]->first_state,
                            .d_input = d_input,
                            .d_variables = lstm__inner_variables(run, index, grad->d_variables)};
}

void lstm__run_forward(const lstm__run *run)
{
    run->spec->cell->body->forward(run->spec->cell, run);
}

void lstm__run_backward(const lstm__run *run, const lstm__run_grad *grad)
{
    run->spec->cell->body->backward(run->spec->cell, run, grad);
}

void lstm__run_weight_gradient(const lstm__run *run, float *const *d_variables, size_t part, size_t parts)
{
    if (run->spec->cell->body->weight_gradient)
        run->spec->cell->body->weight_gradient(run->spec->cell, run, d_variables, part, parts);
}
