/* What is in a model's file. SPDX-License-Identifier: MIT */
#ifndef LSTM_RUN_DESCRIBE_H
#define LSTM_RUN_DESCRIBE_H

#include <stdbool.h>

/* Print the graph, a line for each tensor, the number of weights and the multiply-adds of a step. False after a line on
 * standard error. */
bool describe(const char *path);

#endif
