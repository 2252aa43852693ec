#include "sequence_array.h"

#include "memory.h"
#include "status.h"

#include <string.h>

lstm_status lstm__check_sequences(const char *function, lstm_layout layout, size_t batch, size_t time, size_t width,
                                  const size_t *sequence_length, lstm__sequences *s)
{
    if (layout != LSTM_BATCH_MAJOR && layout != LSTM_TIME_MAJOR)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: layout %d is not known", function, (int)layout);
    if (!lstm__multiply(batch, width, &s->floats) || !lstm__multiply(s->floats, time, &s->floats))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: batch * time * width overflows", function);
    for (size_t row = 0; sequence_length && row < batch; row++)
        if (sequence_length[row] > time)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: sequence_length[%zu] is %zu, expected 0 to %zu", function,
                              row, sequence_length[row], time);
    s->row = layout == LSTM_BATCH_MAJOR ? time * width : width;
    s->step = layout == LSTM_BATCH_MAJOR ? width : batch * width;
    return LSTM_OK;
}

lstm_status lstm_reverse_sequence(lstm_layout layout, size_t batch, size_t time, size_t width,
                                  const size_t *sequence_length, const float *x, float *y)
{
    const char *function = "lstm_reverse_sequence";
    lstm__sequences s;
    lstm_status status = lstm__check_sequences(function, layout, batch, time, width, sequence_length, &s);
    if (status)
        return status;
    if (s.floats && (!x || !y))
        return lstm__fail_null(function, x ? "y" : "x");
    for (size_t row = 0; s.floats && row < batch; row++) {
        const size_t length = sequence_length ? sequence_length[row] : time;
        for (size_t t = 0; t < time; t++) {
            const size_t from = t < length ? length - 1 - t : t;
            memcpy(y + row * s.row + t * s.step, x + row * s.row + from * s.step, width * sizeof *y);
        }
    }
    return LSTM_OK;
}

lstm_status lstm_sequence_mask(size_t batch, size_t max_time, const size_t *sequence_length, float *y)
{
    const char *function = "lstm_sequence_mask";
    lstm__sequences s;
    lstm_status status = lstm__check_sequences(function, LSTM_BATCH_MAJOR, batch, max_time, 1, sequence_length, &s);
    if (status)
        return status;
    if (s.floats && !y)
        return lstm__fail_null(function, "y");
    for (size_t row = 0; row < batch; row++)
        for (size_t t = 0; t < max_time; t++)
            y[row * s.row + t] = !sequence_length || t < sequence_length[row] ? 1.0f : 0.0f;
    return LSTM_OK;
}

lstm_status lstm_gather_last(lstm_layout layout, size_t batch, size_t time, size_t width, const size_t *sequence_length,
                             const float *x, float *y)
{
    const char *function = "lstm_gather_last";
    lstm__sequences s;
    lstm_status status = lstm__check_sequences(function, layout, batch, time, width, sequence_length, &s);
    if (status)
        return status;
    if ((s.floats && !x) || (batch && width && !y))
        return lstm__fail_null(function, s.floats && !x ? "x" : "y");
    for (size_t row = 0; width && row < batch; row++) {
        const size_t length = sequence_length ? sequence_length[row] : time;
        if (length)
            memcpy(y + row * width, x + row * s.row + (length - 1) * s.step, width * sizeof *y);
        else
            memset(y + row * width, 0, width * sizeof *y);
    }
    return LSTM_OK;
}
