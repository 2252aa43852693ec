/* Included in front of the files of lib/ that check_code.sh gives to an analyzer. Analyzers look at one file at a time
 * and cannot know what holds of a function elsewhere: that a failure is no success. */
#include "../lib/status.h"

#include <stdlib.h>

static inline lstm_status failure(lstm_status status)
{
    if (status == LSTM_OK)
        abort();
    return status;
}

#define lstm__fail(...) failure(lstm__fail(__VA_ARGS__))
#define lstm__fail_null(function, argument) failure(lstm__fail_null(function, argument))
#define lstm__fail_memory(function) failure(lstm__fail_memory(function))
#define lstm__fail_file(where, path, error) failure(lstm__fail_file(where, path, error))
