#include "rnn.h"

#include "context.h"
#include "memory.h"
#include "status.h"

static lstm_status measure(lstm_rnn *rnn)
{
    const lstm_cell_spec *spec = &rnn->spec;
    bool fits = true;
    for (size_t leaf = 0; leaf < spec->states; leaf++)
        fits = fits && lstm__add(rnn->state_floats, spec->state_sizes[leaf], &rnn->state_floats);
    for (size_t k = 0; k < spec->variable_count; k++) {
        size_t count = 1;
        for (size_t axis = 0; axis < spec->variables[k].rank; axis++)
            fits = fits && lstm__multiply(count, spec->variables[k].shape[axis], &count);
        fits = fits && lstm__add(rnn->weight_floats, count, &rnn->weight_floats);
    }
    return fits ? LSTM_OK : lstm__fail_memory("lstm_rnn_create");
}

static lstm_status check(const char *function, const lstm_params *params, const char *scope, const lstm_cell *cell,
                         size_t input_size, const lstm_rnn_config *config, lstm_rnn **rnn)
{
    if (!params || !cell || !rnn)
        return lstm__fail_null(function, !params ? "params" : !cell ? "cell" : "rnn");
    if (!lstm__name_is_good(scope))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.64s\" is not a scope", function, scope);
    if (input_size < 1 || input_size > INT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: input_size is %zu, expected 1 to 2^31 - 1", function,
                          input_size);
    if (config->layout != LSTM_BATCH_MAJOR && config->layout != LSTM_TIME_MAJOR)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: layout %d is not known", function, (int)config->layout);
    return LSTM_OK;
}

lstm_status lstm_rnn_create(lstm_params *params, const char *scope, lstm_cell *cell, size_t input_size,
                            const lstm_rnn_config *config, lstm_rnn **rnn)
{
    const char *function = "lstm_rnn_create";
    lstm_rnn_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    scope = scope ? scope : "rnn";
    if (status || (status = check(function, params, scope, cell, input_size, &c, rnn)))
        return status;
    lstm_context *context = lstm__params_context(params);
    lstm_rnn *made = lstm__allocate(context, 1, sizeof *made);
    if (!made)
        return lstm__fail_memory(function);
    atomic_init(&made->references, 1);
    made->context = context;
    lstm__context_retain(context);
    made->cell = cell;
    lstm__cell_retain(cell);
    made->layout = lstm__layout_retain(lstm__params_layout(params));
    made->order = c.layout;
    status = lstm__spec_declare(function, cell, input_size, &made->spec);
    if (status || (status = measure(made)))
        goto fail;
    made->offsets = lstm__allocate(context, made->spec.variable_count + 1, sizeof *made->offsets);
    if (!made->offsets) {
        status = lstm__fail_memory(function);
        goto fail;
    }
    status = lstm__params_bind(function, params, scope, cell->name, c.reuse, made->spec.variable_count,
                               made->spec.variables, made->offsets);
    if (status)
        goto fail;
    *rnn = made;
    return LSTM_OK;
fail:
    lstm_rnn_destroy(made);
    return status;
}

void lstm__rnn_retain(lstm_rnn *rnn)
{
    atomic_fetch_add(&rnn->references, 1);
}

void lstm_rnn_destroy(lstm_rnn *rnn)
{
    if (!rnn || atomic_fetch_sub(&rnn->references, 1) > 1)
        return;
    lstm_context *context = rnn->context;
    lstm__release(context, rnn->offsets);
    lstm__spec_release(&rnn->spec);
    lstm_cell_destroy(rnn->cell);
    lstm__layout_release(rnn->layout);
    lstm__release(context, rnn);
    lstm_context_destroy(context);
}

size_t lstm_rnn_input_size(const lstm_rnn *rnn)
{
    return rnn ? rnn->spec.input_size : 0;
}

size_t lstm_rnn_output_size(const lstm_rnn *rnn)
{
    return rnn ? rnn->spec.output_size : 0;
}

size_t lstm_rnn_state_count(const lstm_rnn *rnn)
{
    return rnn ? rnn->spec.states : 0;
}

size_t lstm_rnn_state_size(const lstm_rnn *rnn, size_t leaf)
{
    return rnn && leaf < rnn->spec.states ? rnn->spec.state_sizes[leaf] : 0;
}
