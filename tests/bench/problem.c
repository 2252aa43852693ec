/* A case's numbers: inputs, labels, weights; and how much work it is. */
#include "problem.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *problem_cell_name(reference_kind cell)
{
    switch (cell) {
    case REFERENCE_BASIC_RNN: return "basic_rnn";
    case REFERENCE_GRU: return "gru";
    case REFERENCE_CUDNN_COMPATIBLE_GRU: return "cudnn_compatible_gru";
    default: return "lstm";
    }
}

const char *problem_kind_name(bench_kind kind)
{
    static const char *const names[] = {"train", "infer", "stream", "block"};
    return names[kind];
}

reference_cell problem_cell(const problem *p)
{
    return (reference_cell){.kind = p->shape.cell,
                            .input = p->shape.input,
                            .units = p->shape.units,
                            .forget_bias = 1.0,
                            .activation = REFERENCE_TANH};
}

bool problem_is_stream(const problem *p)
{
    return p->shape.kind == BENCH_STREAM || p->shape.kind == BENCH_BLOCK;
}

size_t problem_distinct_rows(const problem *p)
{
    return p->lengths || p->shape.batch < DISTINCT_ROWS ? p->shape.batch : DISTINCT_ROWS;
}

size_t problem_length(const problem *p, size_t row)
{
    return p->lengths ? p->lengths[row] : p->shape.time;
}

/* Products only, a fused multiply-add counting as two: forward [x|h] K; backward the kernel's gradient and the state's.
 * The gradient of the inputs, which nobody asks for, is not counted. The dense layer has all three. */
double problem_flops(const problem *p)
{
    const double input = (double)p->shape.input, units = (double)p->shape.units;
    const bool trains = p->shape.kind == BENCH_TRAIN;
    const reference_cell cell = problem_cell(p);
    double columns = 0.0; /* gates times units */
    for (size_t v = 0; v < reference_variable_count(&cell); v++)
        if (reference_variable_rows(&cell, v) == 0)
            columns += (double)reference_variable_columns(&cell, v);
    if (cell.kind == REFERENCE_CUDNN_COMPATIBLE_GRU)
        columns -= units; /* the candidate has two biases */
    const double forward = 2.0 * columns * (input + units), state = 2.0 * columns * units;
    double flops = (double)p->steps * (trains ? 2.0 * forward + state : forward);
    if (!problem_is_stream(p))
        flops += (trains ? 3.0 : 1.0) * 2.0 * (double)(p->shape.batch * p->shape.units * BENCH_CLASSES);
    return flops;
}

/* Sebastiano Vigna's SplitMix64. */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [-limit, limit). */
static void fill(uint64_t *state, size_t count, double limit, float *values)
{
    for (size_t k = 0; k < count; k++)
        values[k] = (float)(limit * (ldexp((double)(next_bits(state) >> 11), -52) - 1.0));
}

/* Evenly from 1 to time, in random order. */
static void draw_lengths(problem *p, uint64_t *state)
{
    const size_t batch = p->shape.batch;
    p->lengths = system_allocate(batch, sizeof *p->lengths);
    for (size_t row = 0; row < batch; row++) {
        const size_t other = next_bits(state) % (row + 1);
        p->lengths[row] = p->lengths[other];
        p->lengths[other] = batch > 1 ? 1 + row * (p->shape.time - 1) / (batch - 1) : p->shape.time;
    }
}

static void draw_weights(problem *p, uint64_t *state)
{
    const reference_cell cell = problem_cell(p);
    const size_t units = cell.units;
    for (size_t v = 0; v < reference_variable_count(&cell); v++)
        p->cell_weight_count += reference_variable_size(&cell, v);
    p->weight_count = p->cell_weight_count + (problem_is_stream(p) ? 0 : (units + 1) * BENCH_CLASSES);
    p->weights = system_allocate(p->weight_count, sizeof *p->weights);
    float *at = p->weights;
    for (size_t v = 0; v < reference_variable_count(&cell); v++) {
        const size_t rows = reference_variable_rows(&cell, v), size = reference_variable_size(&cell, v);
        const double fans = (double)(rows + reference_variable_columns(&cell, v));
        fill(state, size, rows ? sqrt(6.0 / fans) : 0.1, at); /* Glorot uniform; small biases */
        at += size;
    }
    if (!problem_is_stream(p))
        fill(state, (units + 1) * BENCH_CLASSES, sqrt(6.0 / (double)(units + BENCH_CLASSES)), at);
}

static void draw_batch(problem *p, uint64_t *state)
{
    const bench_case *shape = &p->shape;
    const size_t width = shape->time * shape->input, distinct = problem_distinct_rows(p);
    p->input_count = shape->batch * width;
    p->inputs = system_allocate(p->input_count, sizeof *p->inputs);
    p->labels = system_allocate(shape->batch * BENCH_CLASSES, sizeof *p->labels);
    for (size_t row = 0; row < shape->batch; row++) {
        if (row < distinct) {
            fill(state, problem_length(p, row) * shape->input, 1.0, p->inputs + row * width);
            p->labels[row * BENCH_CLASSES + next_bits(state) % BENCH_CLASSES] = 1.0f;
            continue;
        }
        memcpy(p->inputs + row * width, p->inputs + row % distinct * width, width * sizeof *p->inputs);
        memcpy(p->labels + row * BENCH_CLASSES, p->labels + row % distinct * BENCH_CLASSES,
               BENCH_CLASSES * sizeof *p->labels);
    }
}

problem *problem_create(const bench_case *shape, size_t threads)
{
    problem *p = system_allocate(1, sizeof *p);
    uint64_t state = 1;
    *p = (problem){.shape = *shape, .threads = threads};
    if (shape->ragged)
        draw_lengths(p, &state);
    for (size_t row = 0; row < shape->batch; row++)
        p->steps += problem_length(p, row);
    draw_weights(p, &state);
    if (problem_is_stream(p)) {
        p->input_count = BENCH_STREAM_STEPS * shape->input;
        p->inputs = system_allocate(p->input_count, sizeof *p->inputs);
        fill(&state, p->input_count, 1.0, p->inputs);
    } else {
        draw_batch(p, &state);
    }
    answers_create(p, &p->expected);
    problem_solve(p);
    return p;
}

void problem_destroy(problem *p)
{
    if (!p)
        return;
    answers_destroy(&p->expected);
    free(p->lengths);
    free(p->inputs);
    free(p->labels);
    free(p->weights);
    free(p->d_last);
    free(p);
}
