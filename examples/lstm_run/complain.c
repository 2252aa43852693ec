#include "complain.h"

#include <stdarg.h>
#include <stdio.h>

size_t control_length(const char *text)
{
    const unsigned char c = (unsigned char)text[0];
    if (c == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0)
        return 2;
    return c && (c < ' ' || c == 0x7F) ? 1 : 0;
}

bool complain(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        for (size_t k = control_length(c); k; k--) /* a word of the user's may hold line breaks */
            c[k - 1] = '?';
    fprintf(stderr, "lstm-run: %s\n", line);
    return false;
}

bool succeeded(lstm_status status)
{
    return status == LSTM_OK || complain("%s", lstm_error_message());
}

bool output_arrived(void)
{
    return (fflush(stdout) == 0 && !ferror(stdout)) || complain("standard output cannot be written");
}
