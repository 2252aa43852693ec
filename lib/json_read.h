/* JSON text, with memory that may run out. */
#ifndef LSTM__JSON_READ_H
#define LSTM__JSON_READ_H

#include "context.h"

#include <jansson.h>

/* Whether brackets nest deeper than so many levels: Jansson's recursion is to stay away from the end of a small stack. */
bool lstm__json_nests_deeper(const char *text, size_t length, size_t levels);

/* Parse JSON text. Jansson's integers end at 2^63 - 1: larger ones become reals. A json of NULL is malformed text, of which
 * the error tells; the status is OK or OUT_OF_MEMORY. */
lstm_status lstm__json_load(const char *where, lstm_context *context, const char *text, size_t length, size_t flags,
                            json_t **json, json_error_t *error);

#endif
