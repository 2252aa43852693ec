/* The JSON header of a safetensors file. */
#ifndef LSTM__SAFETENSORS_JSON_H
#define LSTM__SAFETENSORS_JSON_H

#include "safetensors.h"

#include <jansson.h>

enum { LSTM__MAX_HEADER = 100000000 }; /* bytes, the official limit */

typedef struct lstm__entry {
    lstm_tensor tensor; /* data is not set */
    size_t begin;       /* where its data begins */
    size_t place;       /* in the header */
} lstm__entry;

typedef struct lstm__header {
    json_t *json;     /* names and metadata live in it */
    json_t *metadata; /* in json, or NULL */
    size_t count;
    lstm__entry *entries;        /* in the order of the data */
    const lstm__entry **by_name; /* sorted */
    size_t *shapes;              /* of all tensors */
} lstm__header;

/* Read and check a header whose data are data_size bytes into a zeroed struct; `where` begins the messages. Free it on
 * failure as well. */
lstm_status lstm__header_read(const char *where, lstm_context *context, const char *text, size_t length,
                              size_t data_size, lstm__header *header);

void lstm__header_free(lstm_context *context, lstm__header *header);

/* Check the keys of this library's among strings; a failure has that status. */
lstm_status lstm__metadata_check(const char *where, lstm_status status, json_t *metadata);

#endif
