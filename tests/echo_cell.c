#include "echo_cell.h"

#include "wrapped.h"

#include <stdlib.h>

static lstm_status echo_declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)self;
    ck_ok(lstm_cell_spec_state(spec, input_size));
    return lstm_cell_spec_output(spec, 2 * input_size);
}

static void echo_step(const void *self, const lstm_step *s)
{
    const size_t n = s->input_size;
    const float carry = *(const float *)self;
    for (size_t row = 0; row < s->rows; row++)
        for (size_t k = 0; k < n; k++) {
            s->output[row * 2 * n + k] = s->input[row * n + k];
            s->output[row * 2 * n + n + k] = s->state[0][row * n + k];
            s->next_state[0][row * n + k] = carry * s->state[0][row * n + k] + 1.0f;
        }
}

static void echo_backward(const void *self, const lstm_step *s, const lstm_step_grad *g)
{
    const size_t n = s->input_size;
    const float carry = *(const float *)self;
    for (size_t row = 0; row < s->rows; row++)
        for (size_t k = 0; k < n; k++) {
            const float *d_output = g->d_output + row * 2 * n;
            if (g->d_input)
                g->d_input[row * n + k] = d_output[k];
            g->d_state[0][row * n + k] = d_output[n + k] + carry * g->d_next_state[0][row * n + k];
        }
}

lstm_cell *echo_cell_create(float carry)
{
    const lstm_cell_ops ops = {.struct_size = sizeof ops,
                               .name = "echo",
                               .declare = echo_declare,
                               .step = echo_step,
                               .step_backward = echo_backward,
                               .destroy = free};
    float *self = test_allocate(1, sizeof *self);
    lstm_cell *cell;
    *self = carry;
    ck_ok(lstm_cell_create_custom(NULL, &ops, self, &cell));
    return cell;
}

void echo_fill(float *numbers, size_t count, float value)
{
    for (size_t k = 0; k < count; k++)
        numbers[k] = value;
}

void echo_observe(unroll *u, float carry, const lstm_dropout_config *config, const unroll_shape *shape)
{
    unroll_shape wide = *shape;
    wide.input = ECHO_WIDTH;
    unroll_take(u, wrap_dropout(echo_cell_create(carry), config), &wide);
    echo_fill(u->x, u->x_count, 1.0f);
    echo_fill(u->state[0], u->state_count[0], 1.0f);
    unroll_run(u);
}

const float *echo_seen_input(const unroll *u, size_t row, size_t t)
{
    return u->y + unroll_place(u, row, t) * u->output;
}

const float *echo_seen_state(const unroll *u, size_t row, size_t t)
{
    return echo_seen_input(u, row, t) + ECHO_WIDTH;
}
