/* Failures with words, and reading the structs that callers fill. */
#ifndef LSTM__STATUS_H
#define LSTM__STATUS_H

#include <lstm/status.h>

#ifdef __GNUC__
#define LSTM__PRINTF(words, first) __attribute__((format(printf, words, first)))
#else
#define LSTM__PRINTF(words, first)
#endif

/* Keep the words as this thread's error message and return the status. */
lstm_status lstm__fail(lstm_status status, const char *format, ...) LSTM__PRINTF(2, 3);

/* How many messages this thread has had: whether a function of the caller's has left one. */
size_t lstm__failures(void);

/* The status of a public function that another one has called: on failure its message begins with that one's name. */
lstm_status lstm__fail_as(const char *function, lstm_status status);

lstm_status lstm__fail_null(const char *function, const char *argument);
lstm_status lstm__fail_memory(const char *function);

/* An error of lib/platform.h: IO, or OUT_OF_MEMORY. path: NULL if `where` names the file. */
lstm_status lstm__fail_file(const char *where, const char *path, int error);

enum { LSTM__QUOTED = 128 };

/* The bytes of the control character of UTF-8 that begins the text; 0 if none does. */
size_t lstm__control_length(const char *text);

/* A text from outside, fit for a message between quotes: control characters become \xNN, quotes and backslashes get a
 * backslash, and what is too long ends in "...". Returns quoted. */
const char *lstm__quote(const char *text, char quoted[LSTM__QUOTED]);

/* "[2, 3]" for messages; returns text. */
const char *lstm__shape_text(size_t rank, const size_t *shape, char text[LSTM__QUOTED]);

/* Copy a caller's struct of any age into ours: what an older one lacks becomes zero, what a newer one adds must be zero.
 * from NULL (an optional config): all zero. */
lstm_status lstm__read_args(const char *function, void *into, size_t size, const void *from);

#endif
