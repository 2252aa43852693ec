/* The variables of a store in files. SPDX-License-Identifier: MIT */
#ifndef LSTM_PARAMS_FILE_H
#define LSTM_PARAMS_FILE_H

#include <lstm/params.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Write the variables to a safetensors file of format `params`, in order of declaration, as lstm_safetensors_save does.
 * One of many readers of params.
 * Statuses: INVALID_ARGUMENT (a name that is not UTF-8 too), OUT_OF_MEMORY, STATE (params is open), IO. */
LSTM_API lstm_status lstm_params_save(const lstm_params *params, const char *path);

/* Fill every variable from the tensor of its name, of F32, F16, BF16 or F64, and seal an open store as
 * lstm_params_initialize does; on a sealed one the values are written over. The file holds a tensor of the same shape for
 * each variable and no others, but for those below "checkpoint/" and "selftest/" in files of the formats `checkpoint` and
 * `model`: weights can be taken from them as well. A failure changes nothing, neither values nor state. The one writer of
 * params.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (params is frozen), IO, FORMAT (not such a file; tensors that are missing,
 * unused, of another dtype or shape: the message names them, with the shapes expected and found). */
LSTM_API lstm_status lstm_params_load(lstm_params *params, const char *path);

/* The same from memory, which is borrowed for the call. */
LSTM_API lstm_status lstm_params_load_memory(lstm_params *params, const void *bytes, size_t size);

#ifdef __cplusplus
}
#endif
#endif
