/* ResidualWrapper: output = x + the cell's output. HighwayWrapper: carry = s(x W + b);
 * output = x * carry + the cell's output * (1 - carry). */
#include "cell.h"
#include "status.h"

enum { CARRY_W = 0, CARRY_B = 1 };

typedef struct wrapper {
    lstm_cell *inner;
} wrapper;

/* The tape: the cell's output [steps][width], where it is no state; for a highway, carry [steps][width] after it. */
static lstm_status declare_inner(const wrapper *w, size_t input_size, lstm_cell_spec *spec, size_t more_tape)
{
    lstm_status status = lstm__spec_inner(spec, w->inner, "", input_size);
    if (status)
        return status;
    if (spec->inner[0]->output_size != input_size)
        return lstm__fail(LSTM_ERR_SHAPE, "%s: the cell inside a \"%s\" has output width %zu, its input %zu",
                          spec->function, more_tape ? "highway" : "residual", spec->inner[0]->output_size, input_size);
    status = lstm_cell_spec_output(spec, input_size);
    const size_t own = spec->inner[0]->output_leaf == SIZE_MAX ? input_size : 0;
    return status ? status : lstm_cell_spec_memory(spec, own + more_tape, more_tape);
}

static lstm_status declare_residual(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    return declare_inner(self, input_size, spec, 0);
}

static size_t count_of(const lstm__run *run)
{
    return run->steps * run->spec->output_size;
}

static lstm__run inner_run(const lstm__run *run)
{
    return lstm__inner_run(run, 0, run->input, run->tape);
}

static void residual_forward(const lstm_cell *cell, const lstm__run *run)
{
    (void)cell;
    const lstm__run inner = inner_run(run);
    lstm__run_forward(&inner);
    for (size_t k = 0; k < count_of(run); k++)
        run->output[k] = run->input[k] + inner.output[k];
}

static void residual_backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    (void)cell;
    const lstm__run inner = inner_run(run);
    const lstm__run_grad inner_grad = lstm__inner_grad(run, grad, 0, grad->d_output, grad->d_input);
    lstm__run_backward(&inner, &inner_grad);
    if (grad->d_input && grad->d_output)
        run->kernels->add(count_of(run), grad->d_output, grad->d_input);
}

static void inner_weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                                  size_t parts)
{
    (void)cell;
    const lstm__run inner = inner_run(run);
    lstm__run_weight_gradient(&inner, lstm__inner_variables(run, 0, d_variables), part, parts);
}

static float *carry_of(const lstm__run *run)
{
    return run->tape + (run->spec->inner[0]->output_leaf == SIZE_MAX ? count_of(run) : 0);
}

static lstm_status declare_highway(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const lstm_initializer ones = {.kind = LSTM_INITIALIZER_CONSTANT, .a = 1.0f};
    lstm_status status = lstm_cell_spec_variable(spec, "carry_w", 2, (size_t[]){input_size, input_size}, NULL, NULL);
    if (!status)
        status = lstm_cell_spec_variable(spec, "carry_b", 1, &input_size, &ones, NULL);
    return status ? status : declare_inner(self, input_size, spec, input_size);
}

static void highway_forward(const lstm_cell *cell, const lstm__run *run)
{
    (void)cell;
    static const lstm__activation gate = {.kind = LSTM_ACTIVATION_SIGMOID};
    const size_t n = run->spec->input_size;
    const lstm__run inner = inner_run(run);
    float *carry = carry_of(run);
    lstm__run_forward(&inner);
    lstm__run_product_nn(run, run->steps, n, run->input, n, run->variables[CARRY_W], run->variables[CARRY_B], carry);
    run->kernels->activate(&gate, count_of(run), carry);
    for (size_t k = 0; k < count_of(run); k++)
        run->output[k] = run->input[k] * carry[k] + inner.output[k] * (1.0f - carry[k]);
}

/* The tape's carry becomes the gradient of its pre-activation. */
static void highway_backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    (void)cell;
    const size_t n = run->spec->input_size, count = count_of(run);
    const float *dy = grad->d_output;
    const lstm__run inner = inner_run(run);
    float *carry = carry_of(run), *d_inner = run->scratch;
    for (size_t k = 0; k < count; k++)
        d_inner[k] = dy ? dy[k] * (1.0f - carry[k]) : 0.0f;
    const lstm__run_grad inner_grad = lstm__inner_grad(run, grad, 0, d_inner, grad->d_input);
    lstm__run_backward(&inner, &inner_grad);
    for (size_t k = 0; k < count; k++) {
        const float share = carry[k], d = dy ? dy[k] : 0.0f;
        carry[k] = d * (run->input[k] - inner.output[k]) * share * (1.0f - share);
        if (grad->d_input)
            grad->d_input[k] += d * share;
    }
    if (grad->d_input)
        lstm__run_product_nt(run, run->steps, n, carry, n, run->variables[CARRY_W], grad->d_input, grad->d_input);
}

static void highway_weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                                    size_t parts)
{
    const size_t n = run->spec->input_size;
    inner_weight_gradient(cell, run, d_variables, part, parts);
    lstm__run_kernel_gradient(run, run->input, n, NULL, 0, carry_of(run), n, d_variables[CARRY_W], d_variables[CARRY_B],
                              part, parts);
}

static void destroy(void *self)
{
    lstm_cell_destroy(((wrapper *)self)->inner);
}

static lstm_status create(const char *function, const lstm_cell_ops *ops, const lstm__body *body, lstm_context *context,
                          lstm_cell *inner, lstm_cell **cell)
{
    if (!inner || !cell)
        return lstm__fail_null(function, inner ? "cell" : "inner");
    const wrapper self = {.inner = inner};
    lstm_status status = lstm__cell_create(function, context, ops, body, &self, sizeof self, cell);
    if (!status)
        lstm__cell_retain(inner);
    return status;
}

lstm_status lstm_cell_create_residual(lstm_context *context, lstm_cell *inner, lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.declare = declare_residual, .destroy = destroy};
    static const lstm__body body = {
        .forward = residual_forward, .backward = residual_backward, .weight_gradient = inner_weight_gradient};
    return create("lstm_cell_create_residual", &ops, &body, context, inner, cell);
}

lstm_status lstm_cell_create_highway(lstm_context *context, lstm_cell *inner, lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.declare = declare_highway, .destroy = destroy};
    static const lstm__body body = {
        .forward = highway_forward, .backward = highway_backward, .weight_gradient = highway_weight_gradient};
    return create("lstm_cell_create_highway", &ops, &body, context, inner, cell);
}
