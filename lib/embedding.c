#include <lstm/array.h>

#include "memory.h"
#include "status.h"

#include <string.h>

/* Check sizes and ids, and multiply count by size. */
static lstm_status check_ids(const char *function, size_t classes, size_t size, size_t count, const size_t *ids,
                             size_t *floats)
{
    size_t table;
    if (!lstm__multiply(classes, size, &table) || !lstm__multiply(count, size, floats))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: classes * size or count * size overflows", function);
    if (count && !ids)
        return lstm__fail_null(function, "ids");
    for (size_t k = 0; k < count; k++)
        if (ids[k] >= classes)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: ids[%zu] is %zu, expected below %zu", function, k, ids[k],
                              classes);
    return LSTM_OK;
}

lstm_status lstm_embedding_lookup(size_t classes, size_t size, size_t count, const size_t *ids, const float *table,
                                  float *y)
{
    const char *function = "lstm_embedding_lookup";
    size_t floats;
    lstm_status status = check_ids(function, classes, size, count, ids, &floats);
    if (status)
        return status;
    if (floats && (!table || !y))
        return lstm__fail_null(function, table ? "y" : "table");
    for (size_t k = 0; floats && k < count; k++)
        memcpy(y + k * size, table + ids[k] * size, size * sizeof *y);
    return LSTM_OK;
}

lstm_status lstm_embedding_gradient(size_t classes, size_t size, size_t count, const size_t *ids, const float *d_y,
                                    float *d_table)
{
    const char *function = "lstm_embedding_gradient";
    size_t floats;
    lstm_status status = check_ids(function, classes, size, count, ids, &floats);
    if (status)
        return status;
    if (floats && (!d_y || !d_table))
        return lstm__fail_null(function, d_y ? "d_table" : "d_y");
    for (size_t k = 0; floats && k < count; k++)
        for (size_t j = 0; j < size; j++)
            d_table[ids[k] * size + j] += d_y[k * size + j];
    return LSTM_OK;
}
