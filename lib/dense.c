#include <lstm/dense.h>

#include "context.h"
#include "memory.h"
#include "params.h"
#include "status.h"

#include <stdatomic.h>
#include <string.h>

/* Rows go in blocks, and where an activation stands between, columns too, so that its gradient fits the stack. */
enum { BLOCK_ROWS = 256, TILE_ROWS = 32, TILE_COLUMNS = 64 };

struct lstm_dense {
    atomic_size_t references;
    lstm_context *context;
    lstm__layout *layout;
    size_t input_size, units;
    lstm__activation activation;
    bool has_bias;
    size_t kernel, bias; /* places in the block */
};

static lstm_status check(const char *function, const lstm_params *params, const char *scope, size_t input_size,
                         size_t units, const lstm_dense_config *config, lstm_dense **dense)
{
    if (!params || !dense)
        return lstm__fail_null(function, params ? "dense" : "params");
    if (!lstm__name_is_good(scope))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.64s\" is not a scope", function, scope);
    if (input_size < 1 || input_size > INT32_MAX || units < 1 || units > INT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: input_size %zu, units %zu, expected 1 to 2^31 - 1", function,
                          input_size, units);
    if (config->activation < LSTM_ACTIVATION_DEFAULT || config->activation > LSTM_ACTIVATION_SOFTMAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: activation %d is not known", function,
                          (int)config->activation);
    return LSTM_OK;
}

lstm_status lstm_dense_create(lstm_params *params, const char *scope, size_t input_size, size_t units,
                              const lstm_dense_config *config, lstm_dense **dense)
{
    const char *function = "lstm_dense_create";
    lstm_dense_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    scope = scope ? scope : "dense";
    if (status || (status = check(function, params, scope, input_size, units, &c, dense)))
        return status;
    lstm_context *context = lstm__params_context(params);
    lstm_dense *made = lstm__allocate(context, 1, sizeof *made);
    if (!made)
        return lstm__fail_memory(function);
    const lstm__wanted wanted[2] = {
        {.name = "kernel", .rank = 2, .shape = {input_size, units}},
        {.name = "bias", .rank = 1, .shape = {units}, .initializer = {.kind = LSTM_INITIALIZER_CONSTANT}},
    };
    size_t places[2] = {0};
    status = lstm__params_bind(function, params, scope, c.reuse, c.no_bias ? 1 : 2, wanted, places);
    if (status) {
        lstm__release(context, made);
        return status;
    }
    atomic_init(&made->references, 1);
    made->context = context;
    lstm__context_retain(context);
    made->layout = lstm__layout_retain(lstm__params_layout(params));
    made->input_size = input_size;
    made->units = units;
    made->activation.kind = c.activation ? c.activation : LSTM_ACTIVATION_LINEAR;
    made->has_bias = !c.no_bias;
    made->kernel = places[0];
    made->bias = places[1];
    *dense = made;
    return LSTM_OK;
}

void lstm_dense_destroy(lstm_dense *dense)
{
    if (!dense || atomic_fetch_sub(&dense->references, 1) > 1)
        return;
    lstm_context *context = dense->context;
    lstm__layout_release(dense->layout);
    lstm__release(context, dense);
    lstm_context_destroy(context);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static lstm_status check_call(const char *function, const lstm_dense *dense, const lstm_params *params, size_t rows)
{
    size_t bytes;
    const size_t wider = dense->units > dense->input_size ? dense->units : dense->input_size;
    if (!lstm__multiply(rows, wider, &bytes) || !lstm__multiply(bytes, sizeof(float), &bytes))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: rows is %zu: what they hold overflows", function, rows);
    return lstm__params_check(function, "params", params, dense->layout);
}

lstm_status lstm_dense_forward(const lstm_dense *dense, const lstm_params *params, size_t rows, const float *x,
                               float *y)
{
    const char *function = "lstm_dense_forward";
    if (!dense || (rows && (!x || !y)))
        return lstm__fail_null(function, !dense ? "dense" : !x ? "x" : "y");
    lstm_status status = check_call(function, dense, params, rows);
    if (status)
        return status;
    const lstm__kernels *kernels = lstm__context_kernels(dense->context);
    const float *block = lstm_params_data(params, NULL);
    const size_t k = dense->input_size, n = dense->units;
    for (size_t row = 0; row < rows; row += BLOCK_ROWS) {
        const size_t count = smaller(BLOCK_ROWS, rows - row);
        float *out = y + row * n;
        kernels->product_nn(count, n, k, x + row * k, k, block + dense->kernel, n,
                            dense->has_bias ? block + dense->bias : NULL, 0, out, n);
        if (dense->activation.kind == LSTM_ACTIVATION_SOFTMAX)
            kernels->softmax(count, n, out);
        else if (dense->activation.kind != LSTM_ACTIVATION_LINEAR)
            kernels->activate(&dense->activation, count * n, out);
    }
    return LSTM_OK;
}

/* One backward call. */
typedef struct backward {
    const lstm_dense *dense;
    const lstm__kernels *kernels;
    const float *weights;
    float *grads, *d_x; /* d_x: of the rows at hand */
} backward;

/* Use the gradient dz[rows][columns] of pre-activations [first, first + columns), whose rows are ld apart. */
static void use_gradient(const backward *b, size_t rows, const float *x, const float *dz, size_t ld, size_t first,
                         size_t columns)
{
    const size_t k = b->dense->input_size, n = b->dense->units, kernel = b->dense->kernel + first;
    const lstm__rows of_x = {.first = x, .ld = k, .width = k}, nothing = {0};
    if (b->grads)
        b->kernels->product_tn(columns, rows, &of_x, &nothing, dz, ld, b->grads + kernel, n,
                               b->dense->has_bias ? b->grads + b->dense->bias + first : NULL);
    if (b->d_x)
        b->kernels->product_nt(rows, k, columns, dz, ld, b->weights + kernel, n, first > 0 ? b->d_x : NULL, k, b->d_x,
                               k);
}

/* At most TILE_ROWS rows through an activation that is not linear. */
static void backward_tiles(const backward *b, size_t rows, const float *x, const float *y, const float *d_y)
{
    const size_t n = b->dense->units;
    float means[TILE_ROWS], tile[TILE_ROWS * TILE_COLUMNS];
    const bool softmax = b->dense->activation.kind == LSTM_ACTIVATION_SOFTMAX;
    for (size_t row = 0; softmax && row < rows; row++) {
        double mean = 0.0; /* of d_y, weighted by y: dz = y (d_y - mean) */
        for (size_t j = 0; j < n; j++)
            mean += (double)y[row * n + j] * (double)d_y[row * n + j];
        means[row] = (float)mean;
    }
    for (size_t first = 0; first < n; first += TILE_COLUMNS) {
        const size_t columns = smaller(TILE_COLUMNS, n - first);
        for (size_t row = 0; row < rows; row++) {
            const float *from = d_y + row * n + first, *value = y + row * n + first;
            float *to = tile + row * TILE_COLUMNS;
            if (!softmax)
                b->kernels->activate_backward(&b->dense->activation, columns, value, from, to);
            for (size_t j = 0; softmax && j < columns; j++)
                to[j] = value[j] * (from[j] - means[row]);
        }
        use_gradient(b, rows, x, tile, TILE_COLUMNS, first, columns);
    }
}

lstm_status lstm_dense_backward(const lstm_dense *dense, const lstm_params *params, size_t rows, const float *x,
                                const float *y, const float *d_y, lstm_params *grads, float *d_x)
{
    const char *function = "lstm_dense_backward";
    if (!dense || (rows && (!x || !y || !d_y)))
        return lstm__fail_null(function, !dense ? "dense" : !x ? "x" : !y ? "y" : "d_y");
    lstm_status status = check_call(function, dense, params, rows);
    if (!status && grads)
        status = lstm__params_check_writable(function, "grads", grads, dense->layout);
    if (status)
        return status;
    if (grads == params)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: grads and params are the same store", function);
    backward b = {.dense = dense,
                  .kernels = lstm__context_kernels(dense->context),
                  .weights = lstm_params_data(params, NULL),
                  .grads = lstm_params_edit(grads, NULL)};
    const size_t k = dense->input_size, n = dense->units;
    const bool linear = dense->activation.kind == LSTM_ACTIVATION_LINEAR;
    const size_t step = linear ? BLOCK_ROWS : TILE_ROWS;
    for (size_t row = 0; row < rows; row += step) {
        const size_t count = smaller(step, rows - row);
        b.d_x = d_x ? d_x + row * k : NULL;
        if (linear)
            use_gradient(&b, count, x + row * k, d_y + row * n, n, 0, n);
        else
            backward_tiles(&b, count, x + row * k, y + row * n, d_y + row * n);
    }
    return LSTM_OK;
}
