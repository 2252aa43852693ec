#include "rnn_problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference_math.h"

/* One full row, one empty row, two in between. */
static const size_t RAGGED_LENGTHS[PROBLEM_BATCH] = {PROBLEM_TIME, 0, 2, 1};

static double next_random(uint64_t *generator)
{
    uint64_t z = *generator += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-52 - 1.0;
}

void fill_random(size_t count, double *values, uint64_t *generator)
{
    for (size_t k = 0; k < count; k++) {
        values[k] = next_random(generator);
    }
}

size_t rnn_problem_length(const rnn_problem *problem, size_t row)
{
    return problem->run.lengths != NULL ? problem->run.lengths[row] : problem->run.time;
}

size_t rnn_problem_state_size(const rnn_problem *problem, size_t leaf)
{
    return problem->run.batch * reference_state_width(&problem->cell, leaf);
}

size_t rnn_problem_output_size(const rnn_problem *problem)
{
    return problem->run.batch * problem->run.time * reference_output_width(&problem->cell);
}

size_t rnn_problem_input_size(const rnn_problem *problem)
{
    return problem->run.batch * problem->run.time * problem->cell.input;
}

static double *random_values(size_t count, uint64_t *generator)
{
    double *values = reference_zeros(count);

    fill_random(count, values, generator);
    return values;
}

/* What a run must write: NaN until it does. */
static double *unwritten_values(size_t count)
{
    double *values = reference_zeros(count);

    for (size_t k = 0; k < count; k++) {
        values[k] = NAN;
    }
    return values;
}

void rnn_problem_create(rnn_problem *problem, const reference_cell *cell, uint64_t seed)
{
    uint64_t generator = seed;
    size_t state_count = reference_state_count(cell);

    *problem = (rnn_problem){.cell = *cell, .run = {.batch = PROBLEM_BATCH, .time = PROBLEM_TIME}};
    for (size_t v = 0; v < reference_variable_count(cell); v++) {
        problem->variables[v] = random_values(reference_variable_size(cell, v), &generator);
        problem->d_variables[v] = reference_zeros(reference_variable_size(cell, v));
    }
    problem->inputs = random_values(rnn_problem_input_size(problem), &generator);
    for (size_t leaf = 0; leaf < state_count; leaf++) {
        size_t size = rnn_problem_state_size(problem, leaf);

        problem->initial_state[leaf] = random_values(size, &generator);
        problem->final_state[leaf] = unwritten_values(size);
        problem->d_initial_state[leaf] = unwritten_values(size);
    }
    problem->d_outputs = random_values(rnn_problem_output_size(problem), &generator);
    for (size_t leaf = 0; leaf < state_count; leaf++) {
        problem->d_final_state[leaf] =
            random_values(rnn_problem_state_size(problem, leaf), &generator);
    }
    problem->outputs = unwritten_values(rnn_problem_output_size(problem));
    problem->d_inputs = unwritten_values(rnn_problem_input_size(problem));
    problem->run.inputs = problem->inputs;
    problem->run.initial_state = (const double *const *)problem->initial_state;
}

void rnn_problem_destroy(rnn_problem *problem)
{
    for (size_t v = 0; v < REFERENCE_MAX_VARIABLES; v++) {
        free(problem->variables[v]);
        free(problem->d_variables[v]);
    }
    for (size_t leaf = 0; leaf < REFERENCE_MAX_STATES; leaf++) {
        free(problem->initial_state[leaf]);
        free(problem->final_state[leaf]);
        free(problem->d_initial_state[leaf]);
        free(problem->d_final_state[leaf]);
    }
    free(problem->inputs);
    free(problem->outputs);
    free(problem->d_inputs);
    free(problem->d_outputs);
}

static void fill_past_lengths(const rnn_problem *problem, size_t width, double *values)
{
    for (size_t row = 0; row < problem->run.batch; row++) {
        size_t begin = (row * problem->run.time + rnn_problem_length(problem, row)) * width;

        for (size_t k = begin; k < (row + 1) * problem->run.time * width; k++) {
            values[k] = NAN;
        }
    }
}

void rnn_problem_make_ragged(rnn_problem *problem)
{
    problem->run.lengths = RAGGED_LENGTHS;
    fill_past_lengths(problem, problem->cell.input, problem->inputs);
    fill_past_lengths(problem, reference_output_width(&problem->cell), problem->d_outputs);
}

void rnn_problem_drop_initial_state(rnn_problem *problem)
{
    problem->run.initial_state = NULL;
}

void rnn_problem_forward(rnn_problem *problem)
{
    reference_dynamic_rnn(&problem->cell, (const double *const *)problem->variables, &problem->run,
                          problem->outputs, problem->final_state);
}

void rnn_problem_backward(rnn_problem *problem)
{
    for (size_t v = 0; v < reference_variable_count(&problem->cell); v++) {
        size_t size = reference_variable_size(&problem->cell, v);

        memset(problem->d_variables[v], 0, size * sizeof(double));
    }
    reference_dynamic_rnn_backward(&problem->cell, (const double *const *)problem->variables,
                                   &problem->run, problem->d_outputs,
                                   (const double *const *)problem->d_final_state, problem->d_inputs,
                                   problem->d_initial_state, problem->d_variables);
}

double rnn_problem_loss(void *context)
{
    rnn_problem *problem = context;
    size_t width = reference_output_width(&problem->cell);
    double loss = 0.0;

    rnn_problem_forward(problem);
    for (size_t row = 0; row < problem->run.batch; row++) {
        size_t begin = row * problem->run.time * width;

        for (size_t k = 0; k < rnn_problem_length(problem, row) * width; k++) {
            loss += problem->outputs[begin + k] * problem->d_outputs[begin + k];
        }
    }
    for (size_t leaf = 0; leaf < reference_state_count(&problem->cell); leaf++) {
        for (size_t k = 0; k < rnn_problem_state_size(problem, leaf); k++) {
            loss += problem->final_state[leaf][k] * problem->d_final_state[leaf][k];
        }
    }
    return loss;
}
