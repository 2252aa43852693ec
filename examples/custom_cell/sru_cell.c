#include "sru_cell.h"

#include <math.h>
#include <stdlib.h>

typedef struct sru {
    size_t units;
} sru;

enum { KERNEL = 0, BIAS = 1, STATE = 0 };

/* What a step keeps for its backward: per row v, f, r, s and tanh(c'), each H wide. */
enum { KEPT = 5 };

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const size_t h = ((const sru *)self)->units;
    const lstm_initializer zeros = {.kind = LSTM_INITIALIZER_CONSTANT};
    lstm_status status = lstm_cell_spec_state(spec, h);
    if (!status)
        status = lstm_cell_spec_output(spec, h);
    if (!status)
        status = lstm_cell_spec_variable(spec, "kernel", 2, (size_t[]){input_size, 4 * h}, NULL, NULL);
    if (!status)
        status = lstm_cell_spec_variable(spec, "bias", 1, (size_t[]){2 * h}, &zeros, NULL);
    return status ? status : lstm_cell_spec_memory(spec, KEPT * h, KEPT * h);
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* z[4h] = x[n] kernel[n][4h] */
static void multiply(size_t n, size_t h, const float *x, const float *kernel, float *z)
{
    for (size_t j = 0; j < 4 * h; j++)
        z[j] = 0.0f;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < 4 * h; j++)
            z[j] += x[i] * kernel[i * 4 * h + j];
}

static void step(const void *self, const lstm_step *s)
{
    const size_t h = ((const sru *)self)->units;
    const float *bias = s->variables[BIAS];
    for (size_t row = 0; row < s->rows; row++) {
        float *kept = (s->tape ? s->tape : s->scratch) + row * KEPT * h;
        float *v = kept, *f = v + h, *r = f + h, *x_part = r + h, *tanh_c = x_part + h;
        const float *c = s->state[STATE] + row * h;
        float *c_next = s->next_state[STATE] + row * h, *output = s->output + row * h;
        multiply(s->input_size, h, s->input + row * s->input_size, s->variables[KERNEL], kept);
        for (size_t k = 0; k < h; k++) {
            f[k] = sigmoid(f[k] + bias[k]);
            r[k] = sigmoid(r[k] + bias[h + k]);
            c_next[k] = f[k] * c[k] + (1.0f - f[k]) * v[k];
            tanh_c[k] = tanhf(c_next[k]);
            output[k] = r[k] * tanh_c[k] + (1.0f - r[k]) * x_part[k];
        }
    }
}

/* The gradient of one row; dz[4h] becomes that of x K. */
static void row_backward(size_t h, const float *kept, const float *c, const float *d_output, const float *d_next,
                         float *d_state, float *dz)
{
    const float *v = kept, *f = v + h, *r = f + h, *x_part = r + h, *tanh_c = x_part + h;
    for (size_t k = 0; k < h; k++) {
        const float dc = d_next[k] + d_output[k] * r[k] * (1.0f - tanh_c[k] * tanh_c[k]);
        dz[k] = dc * (1.0f - f[k]);
        dz[h + k] = dc * (c[k] - v[k]) * f[k] * (1.0f - f[k]);
        dz[2 * h + k] = d_output[k] * (tanh_c[k] - x_part[k]) * r[k] * (1.0f - r[k]);
        dz[3 * h + k] = d_output[k] * (1.0f - r[k]);
        d_state[k] = dc * f[k];
    }
}

static void step_backward(const void *self, const lstm_step *s, const lstm_step_grad *g)
{
    const size_t h = ((const sru *)self)->units, n = s->input_size;
    const float *kernel = s->variables[KERNEL];
    float *dz = s->scratch;
    for (size_t row = 0; row < s->rows; row++) {
        const float *x = s->input + row * n;
        row_backward(h, s->tape + row * KEPT * h, s->state[STATE] + row * h, g->d_output + row * h,
                     g->d_next_state[STATE] + row * h, g->d_state[STATE] + row * h, dz);
        for (size_t i = 0; i < n && g->d_input; i++) {
            float sum = 0.0f;
            for (size_t j = 0; j < 4 * h; j++)
                sum += dz[j] * kernel[i * 4 * h + j];
            g->d_input[row * n + i] = sum;
        }
        if (!g->d_variables)
            continue;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < 4 * h; j++)
                g->d_variables[KERNEL][i * 4 * h + j] += x[i] * dz[j];
        for (size_t j = 0; j < 2 * h; j++)
            g->d_variables[BIAS][j] += dz[h + j];
    }
}

lstm_status sru_cell_create(lstm_context *context, size_t num_units, lstm_cell **cell)
{
    const lstm_cell_ops ops = {.struct_size = sizeof ops,
                               .name = "sru_cell",
                               .declare = declare,
                               .step = step,
                               .step_backward = step_backward,
                               .destroy = free};
    if (num_units < 1)
        return LSTM_ERR_INVALID_ARGUMENT;
    sru *self = malloc(sizeof *self);
    if (!self)
        return LSTM_ERR_OUT_OF_MEMORY;
    self->units = num_units;
    lstm_status status = lstm_cell_create_custom(context, &ops, self, cell);
    if (status)
        free(self);
    return status;
}
