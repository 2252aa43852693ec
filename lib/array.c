#include <lstm/array.h>

#include "memory.h"
#include "status.h"

#include <string.h>

/* Check a shape and multiply its axes. */
static lstm_status check_shape(const char *function, size_t rank, const size_t *shape, size_t *floats)
{
    if (!shape)
        return lstm__fail_null(function, "shape");
    if (rank < 1 || rank > LSTM_MAX_RANK)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: rank is %zu, expected 1 to %d", function, rank,
                          LSTM_MAX_RANK);
    *floats = 1;
    for (size_t k = 0; k < rank; k++)
        if (shape[k] == 0)
            *floats = 0;
    for (size_t k = 0; k < rank && *floats; k++)
        if (!lstm__multiply(*floats, shape[k], floats))
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the shape overflows", function);
    return LSTM_OK;
}

/* Check an axis as well, and multiply what stands before it and what stands behind it. */
static lstm_status check_axis(const char *function, size_t rank, const size_t *shape, size_t axis, size_t *floats,
                              size_t *outer, size_t *inner)
{
    lstm_status status = check_shape(function, rank, shape, floats);
    if (status)
        return status;
    if (axis >= rank)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: axis is %zu, expected below %zu", function, axis, rank);
    *outer = *inner = 1;
    for (size_t k = 0; k < rank; k++)
        *(k < axis ? outer : inner) *= k == axis ? 1 : shape[k];
    return LSTM_OK;
}

lstm_status lstm_transpose(size_t rank, const size_t *shape, const size_t *permutation, const float *x, float *y)
{
    const char *function = "lstm_transpose";
    size_t floats;
    lstm_status status = check_shape(function, rank, shape, &floats);
    if (status)
        return status;
    if (floats && (!x || !y))
        return lstm__fail_null(function, x ? "y" : "x");
    size_t stride[LSTM_MAX_RANK] = {0}, out[LSTM_MAX_RANK] = {0}, step[LSTM_MAX_RANK] = {0};
    bool used[LSTM_MAX_RANK] = {false};
    for (size_t k = rank, product = 1; k-- > 0; product *= shape[k])
        stride[k] = product;
    for (size_t k = 0; k < rank; k++) {
        const size_t axis = permutation ? permutation[k] : rank - 1 - k;
        if (axis >= rank || used[axis])
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: permutation[%zu] is %zu: no permutation of %zu axes",
                              function, k, axis, rank);
        used[axis] = true;
        out[k] = shape[axis];
        step[k] = stride[axis];
    }
    size_t index[LSTM_MAX_RANK] = {0}, from = 0;
    for (size_t to = 0; to < floats; to++) {
        y[to] = x[from];
        for (size_t k = rank; k-- > 0;) {
            from += step[k];
            if (++index[k] < out[k])
                break;
            from -= out[k] * step[k];
            index[k] = 0;
        }
    }
    return LSTM_OK;
}

lstm_status lstm_gather(size_t rank, const size_t *shape, size_t axis, size_t count, const size_t *indices,
                        const float *x, float *y)
{
    const char *function = "lstm_gather";
    size_t floats, outer = 1, inner = 1;
    lstm_status status = check_axis(function, rank, shape, axis, &floats, &outer, &inner);
    if (status)
        return status;
    if (count && !indices)
        return lstm__fail_null(function, "indices");
    for (size_t k = 0; k < count; k++)
        if (indices[k] >= shape[axis])
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: indices[%zu] is %zu, expected below %zu", function, k,
                              indices[k], shape[axis]);
    if (count && floats && (!x || !y))
        return lstm__fail_null(function, x ? "y" : "x");
    for (size_t o = 0; floats && o < outer; o++)
        for (size_t k = 0; k < count; k++)
            memcpy(y + (o * count + k) * inner, x + (o * shape[axis] + indices[k]) * inner, inner * sizeof *y);
    return LSTM_OK;
}

lstm_status lstm_concat(size_t rank, const size_t *shape, size_t axis, size_t count, const size_t *sizes,
                        const float *const *x, float *y)
{
    const char *function = "lstm_concat";
    size_t floats, outer = 1, inner = 1;
    lstm_status status = check_axis(function, rank, shape, axis, &floats, &outer, &inner);
    if (status)
        return status;
    if (!count)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: count is 0, expected at least 1", function);
    if (!sizes)
        return lstm__fail_null(function, "sizes");
    size_t left = shape[axis], k = 0;
    while (k < count && sizes[k] <= left)
        left -= sizes[k++];
    if (k < count || left)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: sizes do not add up to shape[%zu], which is %zu", function,
                          axis, shape[axis]);
    if (!floats)
        return LSTM_OK;
    if (!x || !y)
        return lstm__fail_null(function, x ? "y" : "x");
    for (k = 0; k < count; k++)
        if (sizes[k] && !x[k])
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: x[%zu] is NULL", function, k);
    for (size_t o = 0; o < outer; o++)
        for (k = 0; k < count; k++) {
            const size_t run = sizes[k] * inner;
            if (run)
                memcpy(y, x[k] + o * run, run * sizeof *y);
            y += run;
        }
    return LSTM_OK;
}

lstm_status lstm_one_hot(size_t count, const size_t *indices, size_t depth, float *y)
{
    const char *function = "lstm_one_hot";
    if (count && (!indices || !y))
        return lstm__fail_null(function, indices ? "y" : "indices");
    for (size_t row = 0; row < count; row++)
        if (indices[row] >= depth)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: indices[%zu] is %zu, expected below %zu", function, row,
                              indices[row], depth);
    for (size_t row = 0; row < count; row++) {
        memset(y + row * depth, 0, depth * sizeof *y);
        y[row * depth + indices[row]] = 1.0f;
    }
    return LSTM_OK;
}

static size_t argmax(size_t columns, const float *x)
{
    size_t best = 0;
    for (size_t k = 1; k < columns; k++)
        if (x[k] > x[best] || (x[best] != x[best] && x[k] == x[k]))
            best = k;
    return best;
}

lstm_status lstm_argmax(size_t rows, size_t columns, const float *x, size_t *indices)
{
    const char *function = "lstm_argmax";
    if (rows && (!x || !indices))
        return lstm__fail_null(function, x ? "indices" : "x");
    if (rows && !columns)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: columns is 0", function);
    for (size_t row = 0; row < rows; row++)
        indices[row] = argmax(columns, x + row * columns);
    return LSTM_OK;
}

lstm_status lstm_accuracy(size_t rows, size_t classes, const float *logits, const float *labels, double *accuracy)
{
    const char *function = "lstm_accuracy";
    if (!logits || !labels || !accuracy)
        return lstm__fail_null(function, !logits ? "logits" : !labels ? "labels" : "accuracy");
    if (!rows || !classes)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: rows %zu, classes %zu, expected at least 1", function, rows,
                          classes);
    size_t right = 0;
    for (size_t row = 0; row < rows; row++)
        right += argmax(classes, logits + row * classes) == argmax(classes, labels + row * classes);
    *accuracy = (double)right / (double)rows;
    return LSTM_OK;
}
