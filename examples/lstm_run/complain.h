/* Failures in one line. SPDX-License-Identifier: MIT */
#ifndef LSTM_RUN_COMPLAIN_H
#define LSTM_RUN_COMPLAIN_H

#include <stdbool.h>

#include <lstm/status.h>

#ifdef __GNUC__
#define COMPLAIN_FORMAT __attribute__((format(printf, 1, 2)))
#else
#define COMPLAIN_FORMAT
#endif

/* One line on standard error; what is no plain character in it becomes '?'. Always false. */
bool complain(const char *format, ...) COMPLAIN_FORMAT;

/* True if the status is LSTM_OK; otherwise the library's words, as a line. */
bool succeeded(lstm_status status);

#endif
