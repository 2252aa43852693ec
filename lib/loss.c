#include "loss.h"

#include "memory.h"
#include "status.h"

#include <string.h>

/* By what the sum of weighted losses is divided. */
static double divisor(lstm_reduction reduction, bool weighted, size_t rows, size_t columns, const lstm__reduction *r)
{
    if (reduction == LSTM_REDUCTION_SUM || reduction == LSTM_REDUCTION_NONE)
        return 1.0;
    if (reduction == LSTM_REDUCTION_MEAN || !weighted)
        return (double)rows * (double)columns;
    double sum = 0.0;
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            const double weight = (double)r->weights[row * r->row_step + column * r->column_step];
            sum += reduction == LSTM_REDUCTION_SUM_OVER_WEIGHTS ? weight : weight != 0.0 ? 1.0 : 0.0;
        }
    return sum;
}

lstm_status lstm__reduction_begin(const char *function, const lstm_loss_config *config, size_t rows, size_t columns,
                                  lstm__reduction *r)
{
    static const float one = 1.0f;
    lstm_loss_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    if ((int)c.reduction < 0 || c.reduction > LSTM_REDUCTION_SUM_OVER_WEIGHTS)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: reduction %d is not known", function, (int)c.reduction);
    if ((int)c.weights_shape < 0 || c.weights_shape > LSTM_WEIGHTS_SCALAR)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: weights_shape %d is not known", function,
                          (int)c.weights_shape);
    const lstm_weights_shape shape = c.weights ? c.weights_shape : LSTM_WEIGHTS_SCALAR;
    *r = (lstm__reduction){.weights = c.weights ? c.weights : &one, .none = c.reduction == LSTM_REDUCTION_NONE};
    r->row_step = shape == LSTM_WEIGHTS_PER_ROW ? 1 : shape == LSTM_WEIGHTS_PER_ELEMENT ? columns : 0;
    r->column_step = shape == LSTM_WEIGHTS_PER_ELEMENT || shape == LSTM_WEIGHTS_PER_COLUMN ? 1 : 0;
    const double by = divisor(c.reduction, c.weights, rows, columns, r);
    r->scale = by != 0.0 ? 1.0 / by : 0.0;
    return LSTM_OK;
}

double lstm__reduction_weight(const lstm__reduction *r, size_t row)
{
    return (double)r->weights[row * r->row_step];
}

void lstm__reduction_add(lstm__reduction *r, size_t row, double row_loss, float *loss)
{
    const double weighted = lstm__reduction_weight(r, row) * row_loss;
    r->sum += weighted;
    if (r->none && loss)
        loss[row] = lstm__rounded(weighted);
}

void lstm__reduction_end(const lstm__reduction *r, float *loss)
{
    if (!r->none && loss)
        *loss = lstm__rounded(r->sum * r->scale);
}

double lstm__softmax_row(const lstm__kernels *kernels, size_t classes, const float *logits, const float *labels,
                         size_t label, double scale, float *d)
{
    double loss;
    kernels->softmax_cross_entropy(classes, logits, labels, label, lstm__rounded(scale), d, &loss);
    return loss;
}

/* Softmax. */

static lstm_status check_rows(const char *function, size_t batch, size_t classes, const float *logits,
                              const void *labels)
{
    size_t floats;
    if (classes < 1)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: classes is 0", function);
    if (!lstm__multiply(batch, classes, &floats))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: batch * classes overflows", function);
    if (batch && (!logits || !labels))
        return lstm__fail_null(function, logits ? "labels" : "logits");
    return LSTM_OK;
}

/* Either labels[batch][classes] or classes_of[batch]. */
static lstm_status cross_entropy(const char *function, lstm_context *context, const lstm_loss_config *config,
                                 size_t batch, size_t classes, const float *logits, const float *labels,
                                 const size_t *classes_of, float *d_logits, float *loss)
{
    lstm__reduction r;
    lstm_status status = check_rows(function, batch, classes, logits, labels ? (const void *)labels : classes_of);
    if (status || (status = lstm__reduction_begin(function, config, batch, 1, &r)))
        return status;
    for (size_t row = 0; classes_of && row < batch; row++)
        if (classes_of[row] >= classes && lstm__reduction_weight(&r, row) != 0.0)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: labels[%zu] is %zu, expected below %zu", function, row,
                              classes_of[row], classes);
    const lstm__kernels *kernels = lstm__context_kernels(context);
    for (size_t row = 0; row < batch; row++) {
        const size_t at = row * classes;
        const double weight = lstm__reduction_weight(&r, row);
        float *d = d_logits ? d_logits + at : NULL;
        double row_loss = 0.0;
        if (weight != 0.0)
            row_loss = lstm__softmax_row(kernels, classes, logits + at, labels ? labels + at : NULL,
                                         classes_of ? classes_of[row] : 0, r.scale * weight, d);
        else if (d)
            memset(d, 0, classes * sizeof *d);
        lstm__reduction_add(&r, row, row_loss, loss);
    }
    lstm__reduction_end(&r, loss);
    return LSTM_OK;
}

lstm_status lstm_softmax_cross_entropy(lstm_context *context, const lstm_loss_config *config, size_t batch,
                                       size_t classes, const float *logits, const float *labels, float *d_logits,
                                       float *loss)
{
    return cross_entropy("lstm_softmax_cross_entropy", context, config, batch, classes, logits, labels, NULL, d_logits,
                         loss);
}

lstm_status lstm_sparse_softmax_cross_entropy(lstm_context *context, const lstm_loss_config *config, size_t batch,
                                              size_t classes, const float *logits, const size_t *labels,
                                              float *d_logits, float *loss)
{
    return cross_entropy("lstm_sparse_softmax_cross_entropy", context, config, batch, classes, logits, NULL, labels,
                         d_logits, loss);
}

/* Losses of single elements. */

static lstm_status element_losses(const char *function, const char *input, lstm_context *context,
                                  const lstm_loss_config *config, const lstm__element_loss *kind, size_t batch,
                                  size_t width, const float *x, const float *labels, float *d, float *loss)
{
    lstm__reduction r;
    size_t count;
    if (!lstm__multiply(batch, width, &count))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: batch * width overflows", function);
    if (count && (!x || !labels))
        return lstm__fail_null(function, x ? "labels" : input);
    lstm_status status = lstm__reduction_begin(function, config, count ? batch : 0, width, &r);
    if (status)
        return status;
    const lstm__kernels *kernels = lstm__context_kernels(context);
    for (size_t row = 0; count && row < batch; row++) {
        const size_t at = row * width;
        double sum;
        kernels->element_losses(kind, width, x + at, labels + at, r.weights + row * r.row_step, r.column_step, r.scale,
                                d ? d + at : NULL, r.none && loss ? loss + at : NULL, &sum);
        r.sum += sum;
    }
    lstm__reduction_end(&r, loss);
    return LSTM_OK;
}

lstm_status lstm_sigmoid_cross_entropy(lstm_context *context, const lstm_loss_config *config, size_t batch,
                                       size_t width, const float *logits, const float *labels, float *d_logits,
                                       float *loss)
{
    static const lstm__element_loss kind = {.kind = LSTM__SIGMOID_CROSS_ENTROPY};
    return element_losses("lstm_sigmoid_cross_entropy", "logits", context, config, &kind, batch, width, logits, labels,
                          d_logits, loss);
}

lstm_status lstm_mean_squared_error(lstm_context *context, const lstm_loss_config *config, size_t batch, size_t width,
                                    const float *predictions, const float *labels, float *d_predictions, float *loss)
{
    static const lstm__element_loss kind = {.kind = LSTM__SQUARED_ERROR};
    return element_losses("lstm_mean_squared_error", "predictions", context, config, &kind, batch, width, predictions,
                          labels, d_predictions, loss);
}

lstm_status lstm_absolute_difference(lstm_context *context, const lstm_loss_config *config, size_t batch, size_t width,
                                     const float *predictions, const float *labels, float *d_predictions, float *loss)
{
    static const lstm__element_loss kind = {.kind = LSTM__ABSOLUTE_DIFFERENCE};
    return element_losses("lstm_absolute_difference", "predictions", context, config, &kind, batch, width, predictions,
                          labels, d_predictions, loss);
}

lstm_status lstm_huber_loss(lstm_context *context, const lstm_loss_config *config, size_t batch, size_t width,
                            float delta, const float *predictions, const float *labels, float *d_predictions,
                            float *loss)
{
    const char *function = "lstm_huber_loss";
    const lstm__element_loss kind = {.kind = LSTM__HUBER, .delta = (double)delta};
    if (!(delta > 0.0f && delta <= FLT_MAX))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: delta is %g, expected above 0 and finite", function,
                          (double)delta);
    return element_losses(function, "predictions", context, config, &kind, batch, width, predictions, labels,
                          d_predictions, loss);
}
