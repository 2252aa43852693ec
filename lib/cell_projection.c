/* InputProjectionWrapper: the cell's input is act(x W + b). OutputProjectionWrapper: output = act(the cell's output W + b). */
#include "cell.h"
#include "status.h"

enum { KERNEL = 0, BIAS = 1 };

typedef struct projection {
    lstm_cell *inner;
    size_t width;
    lstm__activation activation;
} projection;

static lstm_status declare_variables(lstm_cell_spec *spec, size_t from, size_t to)
{
    const lstm_initializer zeros = {.kind = LSTM_INITIALIZER_CONSTANT};
    lstm_status status = lstm_cell_spec_variable(spec, "kernel", 2, (size_t[]){from, to}, NULL, NULL);
    return status ? status : lstm_cell_spec_variable(spec, "bias", 1, &to, &zeros, NULL);
}

static void projection_gradient(const lstm__run *run, size_t from, size_t to, const float *x, const float *dz,
                                float *const *d_variables, size_t part, size_t parts)
{
    lstm__run_kernel_gradient(run, x, from, NULL, 0, dz, to, d_variables[KERNEL], d_variables[BIAS], part, parts);
}

/* Input. The tape: act(x W + b) [steps][width], then the gradient of x W + b [steps][width]. The output is the cell's. */

static lstm_status declare_input(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const projection *p = self;
    lstm_status status = declare_variables(spec, input_size, p->width);
    if (!status)
        status = lstm__spec_inner(spec, p->inner, "", p->width);
    if (status)
        return status;
    const lstm_cell_spec *inner = spec->inner[0];
    status = inner->output_leaf == SIZE_MAX ? lstm_cell_spec_output(spec, inner->output_size)
                                            : lstm_cell_spec_output_state(spec, inner->output_leaf);
    return status ? status : lstm_cell_spec_memory(spec, 2 * p->width, p->width);
}

static lstm__run input_run(const lstm__run *run)
{
    return lstm__inner_run(run, 0, run->tape, run->output);
}

static void input_forward(const lstm_cell *cell, const lstm__run *run)
{
    const projection *p = cell->self;
    const size_t n = run->spec->input_size;
    const lstm__run inner = input_run(run);
    lstm__run_product_nn(run, run->steps, p->width, run->input, n, run->variables[KERNEL], run->variables[BIAS],
                         run->tape);
    run->kernels->activate(&p->activation, run->steps * p->width, run->tape);
    lstm__run_forward(&inner);
}

static void input_backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const projection *p = cell->self;
    const size_t n = run->spec->input_size, count = run->steps * p->width;
    const lstm__run inner = input_run(run);
    const lstm__run_grad inner_grad = lstm__inner_grad(run, grad, 0, grad->d_output, run->scratch);
    float *dz = run->tape + count;
    lstm__run_backward(&inner, &inner_grad);
    run->kernels->activate_backward(&p->activation, count, run->tape, run->scratch, dz);
    if (grad->d_input)
        lstm__run_product_nt(run, run->steps, n, dz, p->width, run->variables[KERNEL], NULL, grad->d_input);
}

static void input_weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                                  size_t parts)
{
    const projection *p = cell->self;
    const lstm__run inner = input_run(run);
    lstm__run_weight_gradient(&inner, lstm__inner_variables(run, 0, d_variables), part, parts);
    projection_gradient(run, run->spec->input_size, p->width, run->input, run->tape + run->steps * p->width,
                        d_variables, part, parts);
}

/* Output. The tape: the gradient of y W + b [steps][width], then the cell's output y where it is no state. */

static lstm_status declare_output(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    const projection *p = self;
    lstm_status status = lstm__spec_inner(spec, p->inner, "", input_size);
    if (status)
        return status;
    const size_t from = spec->inner[0]->output_size;
    status = declare_variables(spec, from, p->width);
    if (!status)
        status = lstm_cell_spec_output(spec, p->width);
    return status ? status
                  : lstm_cell_spec_memory(spec, p->width + (spec->inner[0]->output_leaf == SIZE_MAX ? from : 0), from);
}

static lstm__run output_run(const lstm_cell *cell, const lstm__run *run)
{
    const projection *p = cell->self;
    return lstm__inner_run(run, 0, run->input, run->tape + run->steps * p->width);
}

static void output_forward(const lstm_cell *cell, const lstm__run *run)
{
    const projection *p = cell->self;
    const size_t from = run->spec->inner[0]->output_size;
    const lstm__run inner = output_run(cell, run);
    lstm__run_forward(&inner);
    lstm__run_product_nn(run, run->steps, p->width, inner.output, from, run->variables[KERNEL], run->variables[BIAS],
                         run->output);
    run->kernels->activate(&p->activation, run->steps * p->width, run->output);
}

static void output_backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const projection *p = cell->self;
    const size_t from = run->spec->inner[0]->output_size, count = run->steps * p->width;
    const lstm__run inner = output_run(cell, run);
    float *dz = run->tape;
    for (size_t k = 0; k < count && !grad->d_output; k++)
        dz[k] = 0.0f;
    if (grad->d_output) {
        run->kernels->activate_backward(&p->activation, count, run->output, grad->d_output, dz);
        lstm__run_product_nt(run, run->steps, from, dz, p->width, run->variables[KERNEL], NULL, run->scratch);
    }
    const lstm__run_grad inner_grad =
        lstm__inner_grad(run, grad, 0, grad->d_output ? run->scratch : NULL, grad->d_input);
    lstm__run_backward(&inner, &inner_grad);
}

static void output_weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                                   size_t parts)
{
    const projection *p = cell->self;
    const lstm__run inner = output_run(cell, run);
    lstm__run_weight_gradient(&inner, lstm__inner_variables(run, 0, d_variables), part, parts);
    projection_gradient(run, run->spec->inner[0]->output_size, p->width, inner.output, run->tape, d_variables, part,
                        parts);
}

static void destroy(void *self)
{
    lstm_cell_destroy(((projection *)self)->inner);
}

static lstm_status create(const char *function, const lstm_cell_ops *ops, const lstm__body *body, lstm_context *context,
                          lstm_cell *inner, const char *name, size_t width, const lstm_projection_config *config,
                          lstm_cell **cell)
{
    if (!inner || !cell)
        return lstm__fail_null(function, inner ? "cell" : "inner");
    lstm_projection_config c;
    projection self = {.inner = inner, .width = width};
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__cell_width(function, name, width)) ||
        (status = lstm__cell_activation(function, c.activation, NULL, LSTM_ACTIVATION_LINEAR, &self.activation)) ||
        (status = lstm__cell_create(function, context, ops, body, &self, sizeof self, cell)))
        return status;
    lstm__cell_retain(inner);
    return LSTM_OK;
}

lstm_status lstm_cell_create_input_projection(lstm_context *context, lstm_cell *inner, size_t num_proj,
                                              const lstm_projection_config *config, lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "input_projection_wrapper", .declare = declare_input, .destroy = destroy};
    static const lstm__body body = {
        .forward = input_forward, .backward = input_backward, .weight_gradient = input_weight_gradient};
    return create("lstm_cell_create_input_projection", &ops, &body, context, inner, "num_proj", num_proj, config, cell);
}

lstm_status lstm_cell_create_output_projection(lstm_context *context, lstm_cell *inner, size_t output_size,
                                               const lstm_projection_config *config, lstm_cell **cell)
{
    static const lstm_cell_ops ops = {
        .name = "output_projection_wrapper", .declare = declare_output, .destroy = destroy};
    static const lstm__body body = {
        .forward = output_forward, .backward = output_backward, .weight_gradient = output_weight_gradient};
    return create("lstm_cell_create_output_projection", &ops, &body, context, inner, "output_size", output_size, config,
                  cell);
}
