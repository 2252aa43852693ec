/* Norms of stores, and clipping by them. */
#include "context.h"
#include "params.h"
#include "status.h"

#include <lstm/optimizer.h>

#include <float.h>
#include <math.h>

static lstm_status check(const char *function, const lstm_params *params)
{
    if (!params)
        return lstm__fail_null(function, "params");
    return lstm__params_check(function, "params", params, lstm__params_layout(params));
}

static lstm_status check_clip(const char *function, const lstm_params *params, float clip_norm)
{
    if (!params)
        return lstm__fail_null(function, "params");
    if (!(clip_norm > 0.0f) || isinf(clip_norm))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: clip_norm is %g, expected above 0 and finite", function,
                          (double)clip_norm);
    return lstm__params_check_writable(function, "params", params, lstm__params_layout(params));
}

static double sum_of_squares(const lstm_params *params, size_t first, size_t count)
{
    double sum;
    lstm__context_kernels(lstm__params_context(params))
        ->sum_of_squares(count, lstm_params_data(params, NULL) + first, &sum);
    return sum;
}

/* What has a gradient. */
static lstm__ranges trained(const lstm_params *params)
{
    lstm__ranges ranges = {.layout = lstm__params_layout(params)};
    lstm_params_data(params, &ranges.end);
    return ranges;
}

static void clip_part(lstm_params *params, size_t first, size_t count, float clip_norm, double norm)
{
    if (norm <= (double)clip_norm)
        return;
    const lstm__kernels *kernels = lstm__context_kernels(lstm__params_context(params));
    float *values = lstm_params_edit(params, NULL) + first;
    double factor = (double)clip_norm / norm;
    for (; factor > 0.0 && factor < (double)FLT_MIN; factor *= 0x1p64) /* denormal, it would lose digits, or be 0 */
        kernels->scale(count, 0x1p-64f, values);
    kernels->scale(count, (float)factor, values);
}

lstm_status lstm_clip_by_value(lstm_params *params, float low, float high)
{
    const char *function = "lstm_clip_by_value";
    if (!params)
        return lstm__fail_null(function, "params");
    if (!(low <= high))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: low %g, high %g, expected low <= high", function, (double)low,
                          (double)high);
    lstm_status status = lstm__params_check_writable(function, "params", params, lstm__params_layout(params));
    if (status)
        return status;
    float *values = lstm_params_edit(params, NULL);
    for (lstm__ranges r = trained(params); lstm__next_range(&r);)
        lstm__context_kernels(lstm__params_context(params))->clip(r.count, low, high, values + r.first);
    return LSTM_OK;
}

lstm_status lstm_clip_by_norm(lstm_params *params, float clip_norm)
{
    lstm_status status = check_clip("lstm_clip_by_norm", params, clip_norm);
    for (size_t k = 0; !status && k < lstm_params_variable_count(params); k++) {
        lstm_variable_info info;
        status = lstm_params_variable(params, k, &info);
        if (info.trainable)
            clip_part(params, info.offset, info.count, clip_norm,
                      sqrt(sum_of_squares(params, info.offset, info.count)));
    }
    return status;
}

lstm_status lstm_clip_by_global_norm(lstm_params *params, float clip_norm, double *norm)
{
    lstm_status status = check_clip("lstm_clip_by_global_norm", params, clip_norm);
    if (status)
        return status;
    double sum = 0.0;
    for (lstm__ranges r = trained(params); lstm__next_range(&r);)
        sum += sum_of_squares(params, r.first, r.count);
    const double length = sqrt(sum);
    for (lstm__ranges r = trained(params); lstm__next_range(&r);)
        clip_part(params, r.first, r.count, clip_norm, isfinite(length) ? length : (double)NAN);
    if (norm)
        *norm = length;
    return LSTM_OK;
}

lstm_status lstm_variable_norm(const lstm_params *params, size_t index, double *norm)
{
    const char *function = "lstm_variable_norm";
    lstm_variable_info info;
    lstm_status status = check(function, params);
    if (status)
        return status;
    if (!norm)
        return lstm__fail_null(function, "norm");
    if (index >= lstm_params_variable_count(params))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: index is %zu, expected below %zu", function, index,
                          lstm_params_variable_count(params));
    lstm_params_variable(params, index, &info);
    *norm = sqrt(sum_of_squares(params, info.offset, info.count));
    return LSTM_OK;
}

lstm_status lstm_first_not_finite(const lstm_params *params, size_t *index)
{
    const char *function = "lstm_first_not_finite";
    lstm_status status = check(function, params);
    if (status)
        return status;
    if (!index)
        return lstm__fail_null(function, "index");
    const size_t variables = lstm_params_variable_count(params);
    const float *values = lstm_params_data(params, NULL);
    size_t k = 0;
    for (lstm_variable_info info; k < variables && !lstm_params_variable(params, k, &info); k++)
        for (size_t j = 0; j < info.count; j++)
            if (!isfinite(values[info.offset + j])) {
                *index = k;
                return LSTM_OK;
            }
    *index = variables;
    return LSTM_OK;
}
