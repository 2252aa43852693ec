#include "three_leaves.h"

#include "testing.h"

#include <math.h>
#include <string.h>

static lstm_status three_declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)self;
    ck_assert_uint_eq(input_size, 2);
    ck_ok(lstm_cell_spec_state(spec, 2));
    ck_ok(lstm_cell_spec_state(spec, 3));
    ck_ok(lstm_cell_spec_state(spec, 1));
    ck_ok(lstm_cell_spec_output(spec, 4));
    ck_ok(lstm_cell_spec_variable(spec, "w", 1, (size_t[]){4}, NULL, NULL));
    return LSTM_OK;
}

static void three_step(const void *self, const lstm_step *s)
{
    (void)self;
    const float *w = s->variables[0];
    for (size_t row = 0; row < s->rows; row++) {
        const float *x = s->input + row * 2, *a = s->state[0] + row * 2, *b = s->state[1] + row * 3;
        float *a1 = s->next_state[0] + row * 2, *b1 = s->next_state[1] + row * 3, *n1 = s->next_state[2] + row;
        for (size_t k = 0; k < 2; k++)
            a1[k] = tanhf(w[0] * x[0] + a[k]);
        for (size_t k = 0; k < 3; k++)
            b1[k] = 0.5f * b[k] + w[1] * (a1[0] + a1[1]);
        n1[0] = tanhf(s->state[2][row] + w[2] * x[1]);
        for (size_t k = 0; k < 4; k++)
            s->output[row * 4 + k] = w[3] * b1[0] + a1[k % 2] + n1[0];
    }
}

static void three_backward(const void *self, const lstm_step *s, const lstm_step_grad *g)
{
    (void)self;
    const float *w = s->variables[0];
    for (size_t row = 0; row < s->rows; row++) {
        const float *x = s->input + row * 2, *a1 = s->next_state[0] + row * 2, *b1 = s->next_state[1] + row * 3;
        const float *dy = g->d_output + row * 4, n1 = s->next_state[2][row];
        const float all = dy[0] + dy[1] + dy[2] + dy[3];
        float db[3], da[2], sum = 0.0f, dw[4] = {0};
        for (size_t k = 0; k < 3; k++) {
            db[k] = g->d_next_state[1][row * 3 + k] + (k == 0 ? w[3] * all : 0.0f);
            sum += db[k];
            g->d_state[1][row * 3 + k] = 0.5f * db[k];
        }
        dw[3] = all * b1[0];
        dw[1] = sum * (a1[0] + a1[1]);
        for (size_t k = 0; k < 2; k++) {
            da[k] = (g->d_next_state[0][row * 2 + k] + dy[k] + dy[k + 2] + w[1] * sum) * (1.0f - a1[k] * a1[k]);
            g->d_state[0][row * 2 + k] = da[k];
        }
        dw[0] = (da[0] + da[1]) * x[0];
        const float dn = (g->d_next_state[2][row] + all) * (1.0f - n1 * n1);
        g->d_state[2][row] = dn;
        dw[2] = dn * x[1];
        if (g->d_input) {
            g->d_input[row * 2] = (da[0] + da[1]) * w[0];
            g->d_input[row * 2 + 1] = dn * w[2];
        }
        for (size_t k = 0; k < 4 && g->d_variables; k++)
            g->d_variables[0][k] += dw[k];
    }
}

static void three_start(const void *self, size_t rows, float *const *state)
{
    static const size_t widths[3] = {2, 3, 1};
    (void)self;
    for (size_t leaf = 0; leaf < 3; leaf++)
        for (size_t k = 0; k < rows * widths[leaf]; k++)
            state[leaf][k] = 0.5f;
}

lstm_cell *three_leaves_create(void)
{
    const lstm_cell_ops ops = {.struct_size = sizeof ops,
                               .name = "three",
                               .declare = three_declare,
                               .step = three_step,
                               .step_backward = three_backward,
                               .initial_state = three_start};
    lstm_cell *cell;
    ck_ok(lstm_cell_create_custom(NULL, &ops, NULL, &cell));
    return cell;
}
