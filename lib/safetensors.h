/* Files of tensors, as the rest of the library sees them. */
#ifndef LSTM__SAFETENSORS_H
#define LSTM__SAFETENSORS_H

#include "status.h"

#include <lstm/safetensors.h>

/* The lstm_safetensors functions on behalf of another one, which messages then begin with. `path` NULL: from memory. */
lstm_status lstm__safetensors_open(const char *function, lstm_context *context, const char *path, const void *bytes,
                                   size_t size, lstm_safetensors **file);
lstm_status lstm__safetensors_save(const char *function, lstm_context *context, const char *path,
                                   const lstm_metadata *metadata, size_t metadata_count, const lstm_tensor *tensors,
                                   size_t tensor_count);

/* How messages about a file begin: function: "path", or function: for one from memory. Returns text. */
const char *lstm__where(const char *function, const char *path, char text[2 * LSTM__QUOTED]);

/* Tensor `index`, and the tensor of that name or NULL. used, if not NULL, has a flag for each tensor: the one found is set. */
const lstm_tensor *lstm__safetensors_at(const lstm_safetensors *file, size_t index);
const lstm_tensor *lstm__safetensors_find(const lstm_safetensors *file, const char *name, bool *used);

/* How many bytes a tensor takes; false: it is too large, ends within a byte, or the dtype is not known. */
bool lstm__tensor_size(lstm_dtype dtype, size_t rank, const size_t *shape, size_t *size);

/* The bytes that an element is swapped by between byte orders, and aligned to: 1, 2, 4 or 8. */
size_t lstm__dtype_unit(lstm_dtype dtype);

/* The dtype of that name; false: there is none. */
bool lstm__dtype_named(const char *name, size_t length, lstm_dtype *dtype);

/* Whether floats can be taken from it. */
bool lstm__dtype_is_real(lstm_dtype dtype);

/* Between the file's byte order, little-endian, and the machine's; the same function either way. */
bool lstm__is_little_endian(void);
void lstm__swap_bytes(size_t unit, void *bytes, size_t size);

#endif
