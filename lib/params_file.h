/* Stores and files, as the rest of the library sees them. */
#ifndef LSTM__PARAMS_FILE_H
#define LSTM__PARAMS_FILE_H

#include "safetensors.h"

#include <lstm/params_file.h>

/* Everything about a file that does not fit, gathered for one message. */
typedef struct lstm__faults {
    size_t count, shown;
    char text[288];
} lstm__faults;

/* Add: words "name" detail. */
void lstm__fault(lstm__faults *faults, const char *words, const char *name, const char *detail);

/* FORMAT with all of them after `where`, or LSTM_OK if there are none. */
lstm_status lstm__faults_status(const lstm__faults *faults, const char *where);

/* lstm_params_load from a file that is open already; where begins the messages. */
lstm_status lstm__params_read(const char *where, lstm_params *params, const lstm_safetensors *file);

#endif
