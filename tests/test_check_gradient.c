/* lstm_cell_check_gradient: right cells pass, wrong ones do not. */
#include "golden.h"
#include "sru_cell.h"
#include "unroll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(every_cell_of_the_library_passes)
{
    static const size_t sizes[][2] = {{1, 1}, {3, 5}, {4, 17}};
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            if (!strcmp(test_cell_kinds[kind], "full_lstm"))
                continue; /* its clips are kinks, which differences of a fixed step cross */
            lstm_cell *cell = test_cell(test_cell_kinds[kind], sizes[k][1], LSTM_ACTIVATION_DEFAULT, 1.0f);
            double worst = NAN;
            ck_ok(lstm_cell_check_gradient(NULL, cell, sizes[k][0], &worst));
            ck_assert_msg(worst < LSTM_GRADIENT_THRESHOLD, "%s of %zu units: %g", test_cell_kinds[kind], sizes[k][1],
                          worst);
            lstm_cell_destroy(cell);
        }
}
END_TEST

START_TEST(the_examples_cell_passes)
{
    lstm_cell *cell;
    double worst = NAN;
    ck_ok(sru_cell_create(NULL, 6, &cell));
    ck_ok(lstm_cell_check_gradient(NULL, cell, 3, &worst));
    ck_assert_double_lt(worst, LSTM_GRADIENT_THRESHOLD);
    lstm_cell_destroy(cell);
}
END_TEST

/* c' = tanh(w x + c / 2), one unit, with a backward that is right but for one slip. */
typedef enum slip {
    NONE,
    WEIGHT,
    INPUT,
    STATE,
    ADDED_INPUT,
    INPUT_BESIDE_WEIGHT,     /* wrong if both are wanted */
    NO_INPUT_WITHOUT_WEIGHT, /* if only one is */
    WEIGHT_BESIDE_INPUT,
    NAN_WEIGHT,
    NAN_INPUT,
    NAN_STATE,
    SLIPS
} slip;
typedef struct clumsy {
    slip wrong;
    bool without_input, without_variables; /* whether backward was called so */
} clumsy;

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)self;
    ck_ok(lstm_cell_spec_state(spec, 1));
    ck_ok(lstm_cell_spec_output_state(spec, 0));
    return lstm_cell_spec_variable(spec, "w", 1, &input_size, NULL, NULL);
}

static void step(const void *self, const lstm_step *s)
{
    (void)self;
    for (size_t row = 0; row < s->rows; row++) {
        float sum = 0.5f * s->state[0][row];
        for (size_t i = 0; i < s->input_size; i++)
            sum += s->variables[0][i] * s->input[row * s->input_size + i];
        s->next_state[0][row] = tanhf(sum);
    }
}

static void step_backward(const void *self, const lstm_step *s, const lstm_step_grad *g)
{
    clumsy *c = (clumsy *)(uintptr_t)self;
    const slip wrong = c->wrong;
    c->without_input |= !g->d_input;
    c->without_variables |= !g->d_variables;
    const bool both = g->d_input && g->d_variables;
    const bool bad_input = wrong == INPUT || (wrong == INPUT_BESIDE_WEIGHT && both);
    const bool bad_weight = wrong == WEIGHT || (wrong == WEIGHT_BESIDE_INPUT && both);
    const float of_input = wrong == NAN_INPUT ? NAN : bad_input ? 1.02f : 1.0f;
    const float of_weight = wrong == NAN_WEIGHT ? NAN : bad_weight ? 1.02f : 1.0f;
    const float of_state = wrong == NAN_STATE ? NAN : wrong == STATE ? 0.51f : 0.5f;
    for (size_t row = 0; row < s->rows; row++) {
        const float y = s->next_state[0][row];
        const float dz = (g->d_output[row] + g->d_next_state[0][row]) * (1.0f - y * y);
        g->d_state[0][row] = of_state * dz;
        for (size_t i = 0; i < s->input_size; i++) {
            float *d_input = g->d_input ? &g->d_input[row * s->input_size + i] : NULL;
            if (d_input && (both || wrong != NO_INPUT_WITHOUT_WEIGHT))
                *d_input = (wrong == ADDED_INPUT ? *d_input : 0.0f) + of_input * s->variables[0][i] * dz;
            if (g->d_variables)
                g->d_variables[0][i] += of_weight * dz * s->input[row * s->input_size + i];
        }
    }
}

START_TEST(a_slip_in_any_gradient_is_found)
{
    const lstm_cell_ops ops = {
        .struct_size = sizeof ops, .name = "slip", .declare = declare, .step = step, .step_backward = step_backward};
    for (slip wrong = NONE; wrong < SLIPS; wrong++) {
        lstm_cell *cell;
        double worst = 0.0;
        clumsy self = {.wrong = wrong};
        ck_ok(lstm_cell_create_custom(NULL, &ops, &self, &cell));
        ck_ok(lstm_cell_check_gradient(NULL, cell, 2, &worst));
        ck_assert_msg((worst > LSTM_GRADIENT_THRESHOLD) == (wrong != NONE), "slip %d: %g", (int)wrong, worst);
        ck_assert(isinf(worst) == (wrong >= NAN_WEIGHT));
        ck_assert(self.without_input && self.without_variables);
        lstm_cell_destroy(cell);
    }
}
END_TEST

START_TEST(a_cell_without_backward_and_bad_arguments_are_refused)
{
    const lstm_cell_ops ops = {.struct_size = sizeof ops, .name = "forward_only", .declare = declare, .step = step};
    lstm_cell *cell;
    double worst = 7.0;
    ck_ok(lstm_cell_create_custom(NULL, &ops, NULL, &cell));
    ck_fails(lstm_cell_check_gradient(NULL, cell, 2, &worst), LSTM_ERR_UNSUPPORTED, "step_backward");
    ck_fails(lstm_cell_check_gradient(NULL, NULL, 2, &worst), LSTM_ERR_INVALID_ARGUMENT, "cell");
    ck_fails(lstm_cell_check_gradient(NULL, cell, 2, NULL), LSTM_ERR_INVALID_ARGUMENT, "worst");
    ck_fails(lstm_cell_check_gradient(NULL, cell, 0, &worst), LSTM_ERR_INVALID_ARGUMENT, "input_size");
    ck_assert_double_eq(worst, 7.0);
    lstm_cell_destroy(cell);
}
END_TEST

Suite *check_gradient_suite(void)
{
    return test_suite("check_gradient", (const TTest *const[]){
                                            every_cell_of_the_library_passes,
                                            the_examples_cell_passes,
                                            a_slip_in_any_gradient_is_found,
                                            a_cell_without_backward_and_bad_arguments_are_refused,
                                            NULL,
                                        });
}
