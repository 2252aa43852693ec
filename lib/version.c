#include <lstm/version.h>

const char *lstm_version(void)
{
    return LSTM_VERSION_STRING;
}
