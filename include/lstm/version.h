/* The version of these headers, and of the library that is linked. SPDX-License-Identifier: MIT */
#ifndef LSTM_VERSION_H
#define LSTM_VERSION_H

#include <lstm/status.h>

/* The version of these headers: three numbers, and a text of them. */
#define LSTM_VERSION_MAJOR 0
#define LSTM_VERSION_MINOR 1
#define LSTM_VERSION_PATCH 0
#define LSTM_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The linked library's version, "major.minor.patch". The string is static. Any thread. */
LSTM_API const char *lstm_version(void);

#ifdef __cplusplus
}
#endif
#endif
