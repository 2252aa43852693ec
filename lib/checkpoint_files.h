/* Files that are numbered: prefix-STEP.safetensors. */
#ifndef LSTM__CHECKPOINT_FILES_H
#define LSTM__CHECKPOINT_FILES_H

#include <lstm/context.h>

/* The path of one, to be released; NULL: no memory. */
char *lstm__numbered_path(lstm_context *context, const char *prefix, uint64_t step);

/* The largest step of which there is a file. */
lstm_status lstm__numbered_latest(const char *function, lstm_context *context, const char *prefix, uint64_t *step);

/* Remove the files of the smallest steps, but for `step`, until `keep` are left. */
lstm_status lstm__numbered_keep(const char *function, lstm_context *context, const char *prefix, uint64_t step,
                                size_t keep);

#endif
