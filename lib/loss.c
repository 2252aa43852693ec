#include <lstm/loss.h>

#include "context.h"
#include "status.h"

#include <float.h>
#include <math.h>

/* Either labels[batch][classes] or classes_of[batch]. */
static lstm_status cross_entropy(const char *function, lstm_context *context, const lstm_loss_config *config,
                                 size_t batch, size_t classes, const float *logits, const float *labels,
                                 const size_t *classes_of, float *d_logits, float *loss)
{
    lstm_loss_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status)
        return status;
    if (c.reduction != LSTM_REDUCTION_MEAN && c.reduction != LSTM_REDUCTION_SUM)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: reduction %d is not known", function, (int)c.reduction);
    if (classes < 1)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: classes is 0", function);
    if (batch && (!logits || (!labels && !classes_of)))
        return lstm__fail_null(function, logits ? "labels" : "logits");
    for (size_t row = 0; classes_of && row < batch; row++)
        if (classes_of[row] >= classes)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: labels[%zu] is %zu, expected below %zu", function, row,
                              classes_of[row], classes);
    const lstm__kernels *kernels = lstm__context_kernels(context);
    const double scale = c.reduction == LSTM_REDUCTION_MEAN && batch ? 1.0 / (double)batch : 1.0;
    double sum = 0.0;
    for (size_t row = 0; row < batch; row++) {
        double row_loss;
        const size_t at = row * classes;
        kernels->softmax_cross_entropy(classes, logits + at, classes_of ? NULL : labels + at,
                                       classes_of ? classes_of[row] : 0, (float)scale, d_logits ? d_logits + at : NULL,
                                       &row_loss);
        sum += row_loss;
    }
    if (loss) {
        const double reduced = sum * scale; /* of any finite logits it is finite; the float is to be so too */
        *loss = isfinite(reduced) ? (float)fmin(fmax(reduced, -(double)FLT_MAX), (double)FLT_MAX) : (float)reduced;
    }
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
