/* BasicRNNCell: h' = act([x|h] K + b). */
#include "affine.h"
#include "cell.h"
#include "status.h"

enum { H_LEAF = 0, KERNEL = 0, BIAS = 1 };

typedef struct basic_rnn {
    size_t units;
    lstm_activation activation;
} basic_rnn;

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)input_size;
    const basic_rnn *rnn = self;
    lstm_status status = lstm_cell_spec_state(spec, rnn->units);
    if (!status)
        status = lstm_cell_spec_output_state(spec, H_LEAF);
    if (!status)
        status = lstm__spec_gates(spec, "kernel", "bias", rnn->units, 1, 0.0f);
    return status ? status : lstm_cell_spec_memory(spec, rnn->units, rnn->units);
}

/* The pre-activations stand where the states will. */
static void forward(const lstm_cell *cell, const lstm__run *run)
{
    const basic_rnn *rnn = cell->self;
    const size_t input = run->spec->input_size, h = rnn->units;
    const float *kernel = run->variables[KERNEL], *state = run->state[H_LEAF];
    float *next = run->next_state[H_LEAF];
    lstm__affine(run->kernels, run->steps, input, h, run->input, input, kernel, h, run->variables[BIAS], next, h);
    for (size_t t = 0; t < run->time; t++) {
        const size_t rows = run->active[t];
        run->kernels->product_nn(rows, h, h, state, h, kernel + input * h, h, true, next, h);
        run->kernels->activate_state(rnn->activation, rows * h, next);
        state = next;
        next += rows * h;
    }
}

/* The tape becomes the gradients of the pre-activations. */
static void backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const basic_rnn *rnn = cell->self;
    const size_t input = run->spec->input_size, h = rnn->units;
    const float *kernel = run->variables[KERNEL];
    float *dh = grad->d_state[H_LEAF];
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        float *dz = run->tape + first * h;
        if (grad->d_output)
            run->kernels->add(rows * h, grad->d_output + first * h, dh);
        run->kernels->activate_backward(rnn->activation, rows * h, run->next_state[H_LEAF] + first * h, dh, dz);
        run->kernels->product_nt(rows, h, h, dz, h, kernel + input * h, h, false, dh, h);
    }
    if (grad->d_input)
        run->kernels->product_nt(run->steps, input, h, run->tape, h, kernel, h, false, grad->d_input, input);
}

static void weight_gradient(const lstm_cell *cell, const lstm__run *run, float *const *d_variables, size_t part,
                            size_t parts)
{
    const basic_rnn *rnn = cell->self;
    const size_t input = run->spec->input_size, h = rnn->units;
    const float *before = lstm__run_states_before(run, H_LEAF, h, run->scratch);
    size_t begin, end;
    lstm__part_columns(h, part, parts, &begin, &end);
    const float *dz = run->tape + begin;
    float *d_kernel = d_variables[KERNEL] + begin;
    lstm__outer(run->kernels, run->steps, input, end - begin, run->input, input, dz, h, d_kernel, h);
    lstm__outer(run->kernels, run->steps, h, end - begin, before, h, dz, h, d_kernel + input * h, h);
    run->kernels->column_sums(run->steps, end - begin, dz, h, d_variables[BIAS] + begin);
}

lstm_status lstm_cell_create_basic_rnn(lstm_context *context, size_t num_units, const lstm_basic_rnn_config *config,
                                       lstm_cell **cell)
{
    static const lstm_cell_ops ops = {.name = "basic_rnn_cell", .declare = declare};
    static const lstm__body body = {.forward = forward, .backward = backward, .weight_gradient = weight_gradient};
    const char *function = "lstm_cell_create_basic_rnn";
    if (!cell)
        return lstm__fail_null(function, "cell");
    lstm_basic_rnn_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__cell_units(function, num_units)) ||
        (status = lstm__cell_activation(function, &c.activation)))
        return status;
    const basic_rnn self = {.units = num_units, .activation = c.activation};
    return lstm__cell_create(function, context, &ops, &body, &self, sizeof self, cell);
}
