/* What is right, by the naive reference in double precision (tests/reference), and whether a library agrees. */
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* max|a-b| <= tolerance max|b|. Float32 sums, carried through up to 128 steps, come to a few 1e-6; libraries that
 * approximate tanh and sigmoid, and gradients summed over 20,000 rows and steps in any order, to more. */
static const double OUTPUT_TOLERANCE = 5e-5, GRADIENT_TOLERANCE = 2e-4, LOSS_TOLERANCE = 1e-5;
/* One step of Adam moves every weight by the learning rate, so the loss falls as far as all gradients are right in sign.
 * PyTorch has each bias twice, and moves both: its loss falls further. */
static const double STEP_TOLERANCE = 0.5;

/* The distinct rows of a batch, in double. */
typedef struct solution {
    const problem *p;
    reference_cell cell;
    size_t rows, variables;
    double *inputs, *labels, *weights, *outputs, *last, *logits, *d_logits, *losses;
    const double *variable[REFERENCE_MAX_VARIABLES];
} solution;

static double *to_double(const float *values, size_t count)
{
    double *copy = system_allocate(count, sizeof *copy);
    for (size_t k = 0; k < count; k++)
        copy[k] = (double)values[k];
    return copy;
}

static void to_float(const double *values, size_t count, float *copy)
{
    for (size_t k = 0; k < count; k++)
        copy[k] = (float)values[k];
}

/* How many rows of the batch are like this one. */
static double repeats(const solution *s, size_t row)
{
    return (double)((s->p->shape.batch - row + s->rows - 1) / s->rows);
}

static reference_run run_of(const solution *s)
{
    return (reference_run){.batch = s->rows, .time = s->p->shape.time, .lengths = s->p->lengths, .inputs = s->inputs};
}

/* Forward to the logits; returns the mean loss over the batch. */
static double forward(solution *s)
{
    const size_t units = s->cell.units, time = s->p->shape.time;
    const double *dense = s->weights + s->p->cell_weight_count;
    const reference_run run = run_of(s);
    double loss = 0.0;
    reference_dynamic_rnn(&s->cell, s->variable, &run, s->outputs, NULL);
    for (size_t row = 0; row < s->rows; row++)
        memcpy(s->last + row * units, s->outputs + (row * time + problem_length(s->p, row) - 1) * units,
               units * sizeof *s->last);
    reference_dense_forward(&(reference_dense){units, BENCH_CLASSES, REFERENCE_LINEAR}, dense,
                            dense + units * BENCH_CLASSES, s->rows, s->last, s->logits);
    reference_softmax_cross_entropy(s->rows, BENCH_CLASSES, s->logits, s->labels, s->losses, s->d_logits);
    for (size_t row = 0; row < s->rows; row++)
        loss += repeats(s, row) * s->losses[row] / (double)s->p->shape.batch;
    return loss;
}

/* The gradient of the mean loss, as the weights; and that of each row's last output. */
static double *backward(solution *s, float *d_last)
{
    const size_t units = s->cell.units, time = s->p->shape.time, batch = s->p->shape.batch;
    double *gradient = system_allocate(s->p->weight_count, sizeof *gradient);
    double *d_rows = system_allocate(s->rows * units, sizeof *d_rows);
    double *d_outputs = system_allocate(s->rows * time * units, sizeof *d_outputs);
    double *d_variable[REFERENCE_MAX_VARIABLES];
    double *d_dense = gradient + s->p->cell_weight_count;
    const double *dense = s->weights + s->p->cell_weight_count;
    const reference_run run = run_of(s);
    for (size_t v = 0; v < s->variables; v++)
        d_variable[v] = gradient + (s->variable[v] - s->weights);
    for (size_t k = 0; k < s->rows * BENCH_CLASSES; k++)
        s->d_logits[k] *= repeats(s, k / BENCH_CLASSES) / (double)batch;
    reference_dense_backward(&(reference_dense){units, BENCH_CLASSES, REFERENCE_LINEAR}, dense,
                             dense + units * BENCH_CLASSES, s->rows, s->last, s->d_logits, d_rows, d_dense,
                             d_dense + units * BENCH_CLASSES);
    for (size_t row = 0; row < s->rows; row++)
        memcpy(d_outputs + (row * time + problem_length(s->p, row) - 1) * units, d_rows + row * units,
               units * sizeof *d_rows);
    reference_dynamic_rnn_backward(&s->cell, s->variable, &run, d_outputs, NULL, NULL, NULL, d_variable);
    for (size_t k = 0; k < batch * units; k++) {
        const size_t row = k / units % s->rows;
        d_last[k] = (float)(d_rows[row * units + k % units] / repeats(s, row));
    }
    free(d_outputs);
    free(d_rows);
    return gradient;
}

static void adam_step(solution *s, const double *gradient)
{
    const size_t count = s->p->weight_count;
    const reference_adam_rates rates = {BENCH_LEARNING_RATE, 0.9, 0.999, 1e-8};
    double *m = system_allocate(count, sizeof *m), *v = system_allocate(count, sizeof *v);
    reference_adam(count, &rates, 1, gradient, s->weights, m, v);
    free(v);
    free(m);
}

static void solve_batch(problem *p, solution *s)
{
    const size_t units = s->cell.units, classes = BENCH_CLASSES;
    s->labels = to_double(p->labels, s->rows * classes);
    s->last = system_allocate(s->rows * units, sizeof *s->last);
    s->logits = system_allocate(s->rows * classes, sizeof *s->logits);
    s->d_logits = system_allocate(s->rows * classes, sizeof *s->d_logits);
    s->losses = system_allocate(s->rows, sizeof *s->losses);
    p->expected.loss[0] = forward(s);
    for (size_t row = 0; row < p->shape.batch; row++) {
        to_float(s->last + row % s->rows * units, units, p->expected.output + row * units);
        to_float(s->logits + row % s->rows * classes, classes, p->expected.logits + row * classes);
    }
    if (p->shape.kind == BENCH_TRAIN) {
        p->d_last = system_allocate(p->shape.batch * units, sizeof *p->d_last);
        double *gradient = backward(s, p->d_last);
        to_float(gradient, p->weight_count, p->expected.gradient);
        adam_step(s, gradient);
        p->expected.loss[1] = forward(s);
        free(gradient);
    }
}

void problem_solve(problem *p)
{
    const bool stream = problem_is_stream(p);
    const size_t time = stream ? BENCH_STREAM_STEPS : p->shape.time;
    solution s = {.p = p, .cell = problem_cell(p), .rows = stream ? 1 : problem_distinct_rows(p)};
    s.variables = reference_variable_count(&s.cell);
    s.inputs = to_double(p->inputs, s.rows * time * p->shape.input);
    s.weights = to_double(p->weights, p->weight_count);
    s.outputs = system_allocate(s.rows * time * p->shape.units, sizeof *s.outputs);
    for (size_t v = 0, at = 0; v < s.variables; at += reference_variable_size(&s.cell, v++))
        s.variable[v] = s.weights + at;
    if (stream) {
        const reference_run run = {.batch = 1, .time = time, .inputs = s.inputs};
        reference_dynamic_rnn(&s.cell, s.variable, &run, s.outputs, NULL);
        to_float(s.outputs, p->expected.output_count, p->expected.output);
    } else {
        solve_batch(p, &s);
    }
    free(s.inputs);
    free(s.labels);
    free(s.weights);
    free(s.outputs);
    free(s.last);
    free(s.logits);
    free(s.d_logits);
    free(s.losses);
}

void answers_create(const problem *p, answers *a)
{
    const bool stream = problem_is_stream(p), trains = p->shape.kind == BENCH_TRAIN;
    *a = (answers){.output_count = (stream ? BENCH_STREAM_STEPS : p->shape.batch) * p->shape.units,
                   .logits_count = stream ? 0 : p->shape.batch * BENCH_CLASSES,
                   .gradient_count = trains ? p->weight_count : 0,
                   .loss_count = trains ? 2 : 0};
    a->output = system_allocate(a->output_count, sizeof *a->output);
    a->logits = system_allocate(a->logits_count, sizeof *a->logits);
    a->gradient = system_allocate(a->gradient_count, sizeof *a->gradient);
}

void answers_destroy(answers *a)
{
    free(a->output);
    free(a->logits);
    free(a->gradient);
}

static double largest(size_t count, const float *values)
{
    double most = 0.0;
    for (size_t k = 0; k < count; k++)
        most = fmax(most, fabs((double)values[k]));
    return most;
}

/* max|a-b| / max|b|; infinity where a holds a NaN. */
static double error_of(size_t count, const float *a, const float *b)
{
    double worst = 0.0;
    for (size_t k = 0; k < count; k++) {
        const double difference = fabs((double)a[k] - (double)b[k]);
        worst = difference <= worst ? worst : isnan(difference) ? INFINITY : difference;
    }
    return worst > 0.0 ? worst / largest(count, b) : 0.0;
}

bool answers_agree(const problem *p, const answers *found, char *reason, size_t size)
{
    const answers *right = &p->expected;
    const double output = error_of(found->output_count, found->output, right->output);
    const double logits = error_of(found->logits_count, found->logits, right->logits);
    const double gradient = error_of(found->gradient_count, found->gradient, right->gradient);
    double loss = 0.0, step = 0.0;
    if (found->loss_count) {
        const double fall = right->loss[1] - right->loss[0];
        loss = fabs(found->loss[0] / right->loss[0] - 1.0);
        step = fabs((found->loss[1] - found->loss[0]) / fall - 1.0);
    }
    snprintf(reason, size, "output %.1e, logits %.1e, gradient %.1e, loss %.1e, its fall %.1e away from the reference",
             output, logits, gradient, loss, step);
    return output <= OUTPUT_TOLERANCE && logits <= OUTPUT_TOLERANCE && gradient <= GRADIENT_TOLERANCE &&
           loss <= LOSS_TOLERANCE && step <= STEP_TOLERANCE &&
           (found->gradient_count || (p->shape.kind != BENCH_TRAIN && found->output_count));
}
