#include "reference_math.h"

#include <stdlib.h>
#include <string.h>

static size_t length_of(const reference_run *run, size_t row)
{
    size_t length = run->lengths != NULL ? run->lengths[row] : run->time;

    if (length > run->time) {
        abort();
    }
    return length;
}

/* The time index the row's step reads. */
static size_t time_of(const reference_run *run, size_t length, size_t step)
{
    return run->reverse ? length - 1 - step : step;
}

static size_t total_state_width(const reference_cell *cell)
{
    size_t width = 0;

    for (size_t leaf = 0; leaf < reference_state_count(cell); leaf++) {
        width += reference_state_width(cell, leaf);
    }
    return width;
}

/* Collects one row of the leaves [batch][width] into state; what is NULL counts as zero. */
static void gather_state(const reference_cell *cell, const double *const *leaves, size_t row,
                         double *state)
{
    for (size_t leaf = 0; leaf < reference_state_count(cell); leaf++) {
        size_t width = reference_state_width(cell, leaf);

        for (size_t k = 0; k < width; k++) {
            bool given = leaves != NULL && leaves[leaf] != NULL;

            state[k] = given ? leaves[leaf][row * width + k] : 0.0;
        }
        state += width;
    }
}

/* Writes state to one row of the leaves [batch][width]; nothing when leaves is NULL. */
static void scatter_state(const reference_cell *cell, const double *state, size_t row,
                          double *const *leaves)
{
    for (size_t leaf = 0; leaf < reference_state_count(cell) && leaves != NULL; leaf++) {
        size_t width = reference_state_width(cell, leaf);

        for (size_t k = 0; k < width; k++) {
            leaves[leaf][row * width + k] = state[k];
        }
        state += width;
    }
}

void reference_dynamic_rnn(const reference_cell *cell, const double *const *variables,
                           const reference_run *run, double *outputs, double *const *final_state)
{
    size_t output_width = reference_output_width(cell);
    size_t state_width = total_state_width(cell);
    double *state = reference_zeros(state_width);
    double *next_state = reference_zeros(state_width);

    for (size_t row = 0; row < run->batch; row++) {
        size_t length = length_of(run, row);

        gather_state(cell, run->initial_state, row, state);
        for (size_t step = 0; step < length; step++) {
            size_t at = row * run->time + time_of(run, length, step);

            reference_cell_step(cell, variables, run->inputs + at * cell->input, state,
                                outputs + at * output_width, next_state);
            memcpy(state, next_state, state_width * sizeof *state);
        }
        for (size_t t = length; t < run->time; t++) {
            for (size_t k = 0; k < output_width; k++) {
                outputs[(row * run->time + t) * output_width + k] = 0.0;
            }
        }
        scatter_state(cell, state, row, final_state);
    }
    free(state);
    free(next_state);
}

/* The states before each of the row's steps, [length + 1][state width]. The caller frees. */
static double *trace_states(const reference_cell *cell, const double *const *variables,
                            const reference_run *run, size_t row)
{
    size_t length = length_of(run, row);
    size_t width = total_state_width(cell);
    double *states = reference_zeros((length + 1) * width);
    double *output = reference_zeros(reference_output_width(cell));

    gather_state(cell, run->initial_state, row, states);
    for (size_t step = 0; step < length; step++) {
        size_t at = row * run->time + time_of(run, length, step);

        reference_cell_step(cell, variables, run->inputs + at * cell->input, states + step * width,
                            output, states + (step + 1) * width);
    }
    free(output);
    return states;
}

/* One row: d_state is the gradient of its final state on entry, of its initial state on return. */
static void row_backward(const reference_cell *cell, const double *const *variables,
                         const reference_run *run, size_t row, const double *d_outputs,
                         double *d_inputs, double *d_state, double *const *d_variables)
{
    size_t length = length_of(run, row);
    size_t output_width = reference_output_width(cell);
    size_t width = total_state_width(cell);
    double *states = trace_states(cell, variables, run, row);
    double *no_gradient = reference_zeros(output_width);
    double *d_next_state = reference_zeros(width);
    double *d_x = reference_zeros(cell->input);

    for (size_t step = length; step-- > 0;) {
        size_t at = row * run->time + time_of(run, length, step);
        const double *d_output = d_outputs != NULL ? d_outputs + at * output_width : no_gradient;

        memcpy(d_next_state, d_state, width * sizeof *d_state);
        memset(d_state, 0, width * sizeof *d_state);
        memset(d_x, 0, cell->input * sizeof *d_x);
        reference_cell_step_backward(cell, variables, run->inputs + at * cell->input,
                                     states + step * width, d_output, d_next_state, d_x, d_state,
                                     d_variables);
        if (d_inputs != NULL) {
            memcpy(d_inputs + at * cell->input, d_x, cell->input * sizeof *d_x);
        }
    }
    free(states);
    free(no_gradient);
    free(d_next_state);
    free(d_x);
}

void reference_dynamic_rnn_backward(const reference_cell *cell, const double *const *variables,
                                    const reference_run *run, const double *d_outputs,
                                    const double *const *d_final_state, double *d_inputs,
                                    double *const *d_initial_state, double *const *d_variables)
{
    double *d_state = reference_zeros(total_state_width(cell));

    for (size_t k = 0; k < run->batch * run->time * cell->input && d_inputs != NULL; k++) {
        d_inputs[k] = 0.0;
    }
    for (size_t row = 0; row < run->batch; row++) {
        gather_state(cell, d_final_state, row, d_state);
        row_backward(cell, variables, run, row, d_outputs, d_inputs, d_state, d_variables);
        scatter_state(cell, d_state, row, d_initial_state);
    }
    free(d_state);
}
