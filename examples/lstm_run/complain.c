#include "complain.h"

#include <stdarg.h>
#include <stdio.h>

bool complain(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            *c = '?'; /* a word of the user's may hold line breaks */
    fprintf(stderr, "lstm-run: %s\n", line);
    return false;
}

bool succeeded(lstm_status status)
{
    return status == LSTM_OK || complain("%s", lstm_error_message());
}
