/* A trained model that is used, and not trained. SPDX-License-Identifier: MIT */
#ifndef COUNTING_PREDICT_H
#define COUNTING_PREDICT_H

#include <stdbool.h>

/* Open a model file or a checkpoint, of this program or of any other, and count the ones in a sequence; in those that
 * standard input has, if it is NULL. False, after a line on standard error, on failure. */
bool predict(const char *path, const char *sequence);

#endif
