/* Files of named tensors: the safetensors format, read and written. SPDX-License-Identifier: MIT */
#ifndef LSTM_SAFETENSORS_H
#define LSTM_SAFETENSORS_H

#include <lstm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A file that was read and checked as a whole. Immutable, any number of threads. It keeps its context alive. */
typedef struct lstm_safetensors lstm_safetensors;

/* What the elements of a tensor are: the format's own list. */
typedef enum lstm_dtype {
    LSTM_DTYPE_BOOL = 0,
    LSTM_DTYPE_F4 = 1,      /* 4 bits */
    LSTM_DTYPE_F6_E2M3 = 2, /* 6 bits */
    LSTM_DTYPE_F6_E3M2 = 3,
    LSTM_DTYPE_U8 = 4,
    LSTM_DTYPE_I8 = 5,
    LSTM_DTYPE_F8_E5M2 = 6,
    LSTM_DTYPE_F8_E4M3 = 7,
    LSTM_DTYPE_F8_E8M0 = 8,
    LSTM_DTYPE_F8_E4M3FNUZ = 9,
    LSTM_DTYPE_F8_E5M2FNUZ = 10,
    LSTM_DTYPE_I16 = 11,
    LSTM_DTYPE_U16 = 12,
    LSTM_DTYPE_F16 = 13,
    LSTM_DTYPE_BF16 = 14,
    LSTM_DTYPE_I32 = 15,
    LSTM_DTYPE_U32 = 16,
    LSTM_DTYPE_F32 = 17,
    LSTM_DTYPE_C64 = 18, /* two F32 */
    LSTM_DTYPE_F64 = 19,
    LSTM_DTYPE_I64 = 20,
    LSTM_DTYPE_U64 = 21
} lstm_dtype;

/* A tensor to write, or one of a file: then it points into the file and lives as long. */
typedef struct lstm_tensor {
    const char *name; /* UTF-8 */
    lstm_dtype dtype;
    size_t rank;         /* any; 0 is a single element */
    const size_t *shape; /* [rank], row-major; an axis may be 0 */
    const void *data;    /* in the machine's byte order; in a file that others wrote, not always aligned */
    size_t size;         /* in bytes */
} lstm_tensor;

/* A text of the file's metadata. */
typedef struct lstm_metadata {
    const char *key, *value; /* UTF-8 */
} lstm_metadata;

/* The format's name for a dtype, such as "F32"; "unknown" for any other number. The string is static. Any thread. */
LSTM_API const char *lstm_dtype_name(lstm_dtype dtype);

/* Read a file and check it: that it is what the format allows, that lstm.format and lstm.version are known if there are
 * keys of this library's (docs/file-format.md), and lstm.checksum if it is there. Only regular files are read. Destroy
 * with lstm_safetensors_destroy. Any thread.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, IO, FORMAT (the message names the tensor or the key). */
LSTM_API lstm_status lstm_safetensors_open(lstm_context *context, const char *path, lstm_safetensors **file);

/* The same from memory, which is not copied: it must stay as it is until the file is destroyed.
 * Statuses: those of lstm_safetensors_open but IO. */
LSTM_API lstm_status lstm_safetensors_open_memory(lstm_context *context, const void *bytes, size_t size,
                                                  lstm_safetensors **file);

/* Free it, with all names, shapes and data; NULL is fine. */
LSTM_API void lstm_safetensors_destroy(lstm_safetensors *file);

/* How many tensors there are; 0 for NULL. */
LSTM_API size_t lstm_safetensors_count(const lstm_safetensors *file);

/* Tensor `index`, in the order of the data. Statuses: INVALID_ARGUMENT (index out of range too). */
LSTM_API lstm_status lstm_safetensors_tensor(const lstm_safetensors *file, size_t index, lstm_tensor *tensor);

/* The tensor of that name. Statuses: INVALID_ARGUMENT (no such name too). */
LSTM_API lstm_status lstm_safetensors_find(const lstm_safetensors *file, const char *name, lstm_tensor *tensor);

/* The metadata's text for that key, or NULL if there is none. It lives as long as the file. */
LSTM_API const char *lstm_safetensors_metadata(const lstm_safetensors *file, const char *key);

/* values[count] = the elements of a tensor of F32, F16, BF16 or F64. F16 and BF16 are exact; F64 goes to the nearest
 * float, ties to even, and to infinity where it is too large.
 * Statuses: INVALID_ARGUMENT, SHAPE (there are not `count` elements), FORMAT (another dtype; the message names it). */
LSTM_API lstm_status lstm_tensor_floats(const lstm_tensor *tensor, size_t count, float *values);

/* values[count] = the elements of a tensor of I64, I32 or U64.
 * Statuses: those of lstm_tensor_floats; FORMAT also for an element above INT64_MAX. */
LSTM_API lstm_status lstm_tensor_integers(const lstm_tensor *tensor, size_t count, int64_t *values);

/* Write a file: whole, or not at all. It is written beside its place and renamed once it is on the disk; a file that is
 * replaced keeps its permissions, a symbolic link its target. What is no regular file, such as a device, is written as
 * it stands. metadata[metadata_count] may be NULL if there are none; lstm.checksum is added, and, where they are not
 * given, lstm.format "params" and lstm.version. The tensors' data go by falling width of their elements, and else in
 * their order, so that every element is aligned. Any thread.
 * Statuses: INVALID_ARGUMENT (a NULL, a text that is not UTF-8, a name or key twice, a size that does not fit dtype and
 * shape, lstm.checksum, or lstm keys that lstm_safetensors_open would refuse), OUT_OF_MEMORY, IO. */
LSTM_API lstm_status lstm_safetensors_save(lstm_context *context, const char *path, const lstm_metadata *metadata,
                                           size_t metadata_count, const lstm_tensor *tensors, size_t tensor_count);

#ifdef __cplusplus
}
#endif
#endif
