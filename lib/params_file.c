#include "params_file.h"

#include "context.h"
#include "params.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

lstm_status lstm_params_save(const lstm_params *params, const char *path)
{
    const char *function = "lstm_params_save";
    if (!params || !path)
        return lstm__fail_null(function, params ? "path" : "params");
    const float *values = lstm_params_data(params, NULL);
    if (!values)
        return lstm__fail(LSTM_ERR_STATE, "%s: params is open; initialize it first", function);
    lstm_context *context = lstm__params_context(params);
    const size_t count = lstm_params_variable_count(params);
    lstm_tensor *tensors = lstm__allocate(context, count + 1, sizeof *tensors);
    lstm_variable_info *infos = lstm__allocate(context, count + 1, sizeof *infos);
    lstm_status status = tensors && infos ? LSTM_OK : lstm__fail_memory(function);
    for (size_t k = 0; k < count && !status; k++) {
        status = lstm_params_variable(params, k, &infos[k]);
        tensors[k] = (lstm_tensor){.name = infos[k].name,
                                   .dtype = LSTM_DTYPE_F32,
                                   .rank = infos[k].rank,
                                   .shape = infos[k].shape,
                                   .data = values + infos[k].offset,
                                   .size = infos[k].count * sizeof *values};
    }
    if (!status)
        status = lstm__safetensors_save(function, context, path, NULL, 0, tensors, count);
    lstm__release(context, infos);
    lstm__release(context, tensors);
    return status;
}

void lstm__fault(lstm__faults *faults, const char *words, const char *name, const char *detail)
{
    const size_t used = strlen(faults->text), room = sizeof faults->text - used;
    char quoted[LSTM__QUOTED];
    const int length = snprintf(faults->text + used, room, "%s%s \"%s\"%s", used ? "; " : "", words,
                                lstm__quote(name, quoted), detail);
    faults->count++;
    if (used && (size_t)length >= room)
        faults->text[used] = '\0'; /* whole or not at all */
    else
        faults->shown++;
}

lstm_status lstm__faults_status(const lstm__faults *faults, const char *where)
{
    const size_t more = faults->count - faults->shown;
    if (!faults->count)
        return LSTM_OK;
    return more ? lstm__fail(LSTM_ERR_FORMAT, "%s: %s; and %zu more", where, faults->text, more)
                : lstm__fail(LSTM_ERR_FORMAT, "%s: %s", where, faults->text);
}

/* Tensors that stand beside the weights. */
static bool is_beside(const lstm_safetensors *file, const char *name)
{
    const char *format = lstm_safetensors_metadata(file, "lstm.format");
    return format && strcmp(format, "params") != 0 &&
           (!strncmp(name, "checkpoint/", 11) || !strncmp(name, "selftest/", 9));
}

static void compare(const lstm_variable_info *info, const lstm_tensor *tensor, lstm__faults *faults)
{
    char expected[LSTM__QUOTED], found[LSTM__QUOTED], detail[2 * LSTM__QUOTED];
    lstm__shape_text(info->rank, info->shape, expected);
    if (!tensor) {
        snprintf(detail, sizeof detail, " %s", expected);
        lstm__fault(faults, "missing", info->name, detail);
    } else if (tensor->rank != info->rank || memcmp(tensor->shape, info->shape, info->rank * sizeof *info->shape)) {
        snprintf(detail, sizeof detail, ": %s, expected %s", lstm__shape_text(tensor->rank, tensor->shape, found),
                 expected);
        lstm__fault(faults, "wrong shape of", info->name, detail);
    } else if (!lstm__dtype_is_real(tensor->dtype)) {
        snprintf(detail, sizeof detail, ": %s, expected F32, F16, BF16 or F64", lstm_dtype_name(tensor->dtype));
        lstm__fault(faults, "wrong dtype of", info->name, detail);
    }
}

/* Every variable has its tensor, every tensor its variable. used: false for each tensor. */
static lstm_status match(const char *where, const lstm_params *params, const lstm_safetensors *file, bool *used)
{
    lstm__faults faults = {0};
    char shape[LSTM__QUOTED], detail[LSTM__QUOTED + 1];
    for (size_t k = 0; k < lstm_params_variable_count(params); k++) {
        lstm_variable_info info;
        lstm_params_variable(params, k, &info);
        const lstm_tensor *tensor = lstm__safetensors_find(file, info.name, used);
        compare(&info, tensor, &faults);
    }
    for (size_t k = 0; k < lstm_safetensors_count(file); k++) {
        const lstm_tensor *tensor = lstm__safetensors_at(file, k);
        if (used[k] || is_beside(file, tensor->name))
            continue;
        snprintf(detail, sizeof detail, " %s", lstm__shape_text(tensor->rank, tensor->shape, shape));
        lstm__fault(&faults, "unused", tensor->name, detail);
    }
    return lstm__faults_status(&faults, where);
}

lstm_status lstm__params_read(const char *where, lstm_params *params, const lstm_safetensors *file)
{
    if (lstm__params_is_frozen(params))
        return lstm__fail(LSTM_ERR_STATE, "%s: params is frozen", where);
    lstm_context *context = lstm__params_context(params);
    bool *used = lstm__allocate(context, lstm_safetensors_count(file) + 1, sizeof *used);
    lstm_status status = used ? match(where, params, file, used) : lstm__fail_memory(where);
    lstm__release(context, used);
    if (!status)
        status = lstm__params_seal(where, params);
    if (status)
        return status;
    float *values = lstm_params_edit(params, NULL);
    for (size_t k = 0; k < lstm_params_variable_count(params); k++) {
        lstm_variable_info info;
        lstm_params_variable(params, k, &info);
        lstm_tensor_floats(lstm__safetensors_find(file, info.name, NULL), info.count, values + info.offset);
    }
    return LSTM_OK;
}

static lstm_status load(const char *function, lstm_params *params, const char *path, const void *bytes, size_t size)
{
    char where[2 * LSTM__QUOTED];
    lstm_safetensors *file;
    if (lstm__params_is_frozen(params))
        return lstm__fail(LSTM_ERR_STATE, "%s: params is frozen", function);
    lstm_status status = lstm__safetensors_open(function, lstm__params_context(params), path, bytes, size, &file);
    if (status)
        return status;
    status = lstm__params_read(lstm__where(function, path, where), params, file);
    lstm_safetensors_destroy(file);
    return status;
}

lstm_status lstm_params_load(lstm_params *params, const char *path)
{
    const char *function = "lstm_params_load";
    if (!params || !path)
        return lstm__fail_null(function, params ? "path" : "params");
    return load(function, params, path, NULL, 0);
}

lstm_status lstm_params_load_memory(lstm_params *params, const void *bytes, size_t size)
{
    const char *function = "lstm_params_load_memory";
    if (!params || !bytes)
        return lstm__fail_null(function, params ? "bytes" : "params");
    return load(function, params, NULL, bytes, size);
}
