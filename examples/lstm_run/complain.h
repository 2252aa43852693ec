/* Failures in one line. SPDX-License-Identifier: MIT */
#ifndef LSTM_RUN_COMPLAIN_H
#define LSTM_RUN_COMPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include <lstm/status.h>

#ifdef __GNUC__
#define COMPLAIN_FORMAT __attribute__((format(printf, 1, 2)))
#else
#define COMPLAIN_FORMAT
#endif

/* The bytes of the control character of UTF-8, U+0080 to U+009F among them, that begins the text; 0 if none does. */
size_t control_length(const char *text);

/* One line on standard error; what is no plain character in it becomes '?'. Always false. */
bool complain(const char *format, ...) COMPLAIN_FORMAT;

/* True if the status is LSTM_OK; otherwise the library's words, as a line. */
bool succeeded(lstm_status status);

/* True if all that was printed has arrived; otherwise after a line. */
bool output_arrived(void);

#endif
