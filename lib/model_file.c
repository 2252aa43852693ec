#include "context.h"
#include "model.h"
#include "params_file.h"
#include "status.h"

lstm_status lstm__model_names(const char *function, const lstm_model *model, lstm_params **names)
{
    lstm_params *made;
    lstm_model *twin;
    lstm_status status = lstm_params_create(model->context, &made);
    if (status)
        return lstm__fail_as(function, status);
    if ((status = lstm_model_create(made, model->graph, &twin))) {
        lstm_params_destroy(made);
        return lstm__fail_as(function, status);
    }
    lstm_model_destroy(twin);
    *names = made;
    return LSTM_OK;
}

/* The tensors of the variables in `names`, with the values of params. */
static lstm_status list_tensors(const lstm_params *names, const lstm_params *params, lstm_variable_info *infos,
                                lstm_tensor *tensors)
{
    const size_t count = lstm_params_variable_count(names);
    const float *block = lstm_params_data(params, NULL);
    lstm_status status = LSTM_OK;
    for (size_t k = 0; k < count && !status; k++) {
        status = lstm_params_variable(names, k, &infos[k]);
        if (!status)
            status = lstm_params_find(params, infos[k].name, &infos[k]);
        if (!status)
            tensors[k] = (lstm_tensor){.name = infos[k].name,
                                       .dtype = LSTM_DTYPE_F32,
                                       .rank = infos[k].rank,
                                       .shape = infos[k].shape,
                                       .data = block + infos[k].offset,
                                       .size = infos[k].count * sizeof *block};
    }
    return status;
}

lstm_status lstm_model_save(const lstm_model *model, const lstm_params *params, const char *path)
{
    const char *function = "lstm_model_save";
    if (!model || !path)
        return lstm__fail_null(function, model ? "path" : "model");
    lstm_params *names = NULL;
    lstm_status status = lstm__params_check(function, "params", params, model->layout);
    if (status || (status = lstm__model_names(function, model, &names)))
        return status;
    const size_t count = lstm_params_variable_count(names);
    lstm_variable_info *infos = lstm__allocate(model->context, count, sizeof *infos);
    lstm_tensor *tensors = lstm__allocate(model->context, count, sizeof *tensors);
    const lstm_metadata metadata[] = {{"lstm.format", "model"}, {"lstm.version", "1"}, {"lstm.model", model->graph}};
    status = infos && tensors ? list_tensors(names, params, infos, tensors) : lstm__fail_memory(function);
    if (!status)
        status = lstm__safetensors_save(function, model->context, path, metadata, sizeof metadata / sizeof *metadata,
                                        tensors, count);
    lstm__release(model->context, tensors);
    lstm__release(model->context, infos);
    lstm_params_destroy(names);
    return status;
}

/* The network of a graph out of a file, whose mistakes are the file's. */
static lstm_status create_from_file(const char *where, lstm_params *params, const char *graph, lstm_model **model)
{
    lstm_status status = lstm_model_create(params, graph, model);
    if (!status || status == LSTM_ERR_OUT_OF_MEMORY)
        return lstm__fail_as(where, status);
    return lstm__fail(LSTM_ERR_FORMAT, "%s: %s", where, lstm_error_message());
}

lstm_status lstm__model_open_file(const char *where, lstm_context *context, const lstm_safetensors *file,
                                  lstm_model **model, lstm_params **params)
{
    const char *graph = lstm_safetensors_metadata(file, "lstm.model");
    if (!graph)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: it has no graph (lstm.model)", where);
    lstm_params *store;
    lstm_model *made = NULL;
    lstm_status status = lstm_params_create(context, &store);
    if (status)
        return lstm__fail_as(where, status);
    status = create_from_file(where, store, graph, &made);
    if (!status)
        status = lstm__params_read(where, store, file);
    if (status) {
        lstm_model_destroy(made);
        lstm_params_destroy(store);
        return status;
    }
    *model = made;
    *params = store;
    return LSTM_OK;
}

static lstm_status open_model(const char *function, lstm_context *context, const char *path, const void *bytes,
                              size_t size, lstm_model **model, lstm_params **params)
{
    char where[2 * LSTM__QUOTED];
    if (!model || !params)
        return lstm__fail_null(function, model ? "params" : "model");
    lstm_safetensors *file;
    lstm_status status = lstm__safetensors_open(function, context, path, bytes, size, &file);
    if (status)
        return status;
    status = lstm__model_open_file(lstm__where(function, path, where), context, file, model, params);
    lstm_safetensors_destroy(file);
    return status;
}

lstm_status lstm_model_open(lstm_context *context, const char *path, lstm_model **model, lstm_params **params)
{
    const char *function = "lstm_model_open";
    return path ? open_model(function, context, path, NULL, 0, model, params) : lstm__fail_null(function, "path");
}

lstm_status lstm_model_open_memory(lstm_context *context, const void *bytes, size_t size, lstm_model **model,
                                   lstm_params **params)
{
    const char *function = "lstm_model_open_memory";
    return bytes ? open_model(function, context, NULL, bytes, size, model, params) : lstm__fail_null(function, "bytes");
}
