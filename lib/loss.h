/* Weights and reduction, one code for all losses of rows and elements. */
#ifndef LSTM__LOSS_H
#define LSTM__LOSS_H

#include <lstm/loss.h>

#include "context.h"

/* What lstm_loss_config says of losses l[rows][columns], and their sum so far. */
typedef struct lstm__reduction {
    const float *weights; /* never NULL */
    size_t row_step, column_step;
    bool none;
    double scale; /* of the sum, and of the gradient of each w l */
    double sum;
} lstm__reduction;

/* Check the config (NULL: the mean) and make the scale. */
lstm_status lstm__reduction_begin(const char *function, const lstm_loss_config *config, size_t rows, size_t columns,
                                  lstm__reduction *r);

/* Of losses of one column: the row's weight; then add its loss, 0 where the weight is. loss is the caller's, NULL or one
 * number, or under REDUCTION_NONE one for each row. */
double lstm__reduction_weight(const lstm__reduction *r, size_t row);
void lstm__reduction_add(lstm__reduction *r, size_t row, double row_loss, float *loss);

/* Write the reduced loss, if it is wanted. */
void lstm__reduction_end(const lstm__reduction *r, float *loss);

/* One row of sparse softmax cross entropy or, where labels is not NULL, of the dense one: returns its loss; d (NULL:
 * not wanted) = scale * its gradient. */
double lstm__softmax_row(const lstm__kernels *kernels, size_t classes, const float *logits, const float *labels,
                         size_t label, double scale, float *d);

#endif
