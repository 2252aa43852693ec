/* What every function returns, and why the last one failed. SPDX-License-Identifier: MIT */
#ifndef LSTM_STATUS_H
#define LSTM_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before each function that callers see. A program that has the library inside may define it as it likes. */
#if defined(LSTM_API)
#elif defined(_WIN32) && defined(LSTM_SHARED)
#ifdef LSTM_BUILDING
#define LSTM_API __declspec(dllexport)
#else
#define LSTM_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define LSTM_API __attribute__((visibility("default")))
#else
#define LSTM_API
#endif

/* A pointer to a filled argument struct, for use inside a call:
 *     lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = 2), &context);
 * Every struct that a caller fills begins with struct_size, which this sets; a field that is not named is zero, and
 * zero means the default. A struct of a newer version that sets a field which this library lacks is
 * LSTM_ERR_UNSUPPORTED, whatever the function. C++ has no compound literals: declare the struct, zero it, set struct_size. */
#ifndef __cplusplus
#define LSTM_ARGS(type, ...) (&(type){.struct_size = sizeof(type), __VA_ARGS__})
#endif

/* A number for which zero is a value of its own and not "the default". */
typedef struct lstm_optional {
    bool given;
    float value;
} lstm_optional;

/* Such a number: .forget_bias = LSTM_VALUE(0) */
#ifdef __cplusplus
#define LSTM_VALUE(x) (lstm_optional{true, (x)})
#else
#define LSTM_VALUE(x) ((lstm_optional){true, (x)})
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* How a call went. */
typedef enum lstm_status {
    LSTM_OK = 0,
    LSTM_ERR_INVALID_ARGUMENT = 1, /* NULL, a size of zero, a value outside its range */
    LSTM_ERR_OUT_OF_MEMORY = 2,    /* the allocator gave nothing, or a size overflows */
    LSTM_ERR_SHAPE = 3,            /* shapes, or layouts of stores, that do not fit each other */
    LSTM_ERR_CAPACITY = 4,         /* more than was reserved when the object was created */
    LSTM_ERR_STATE = 5,            /* the call does not fit what happened to the object before */
    LSTM_ERR_UNSUPPORTED = 6,      /* this build, machine or object cannot do it */
    LSTM_ERR_IO = 7,               /* the operating system refused to read or write */
    LSTM_ERR_FORMAT = 8            /* a file or text is not what it should be */
} lstm_status;

/* The name of a status in words, such as "out of memory"; "unknown status" for any other number.
 * The string is static. Any thread. */
LSTM_API const char *lstm_status_string(lstm_status status);

/* This thread's last failure in words: the function, the argument, what was expected and what came.
 * Empty before the first failure; a success leaves it as it was. The string belongs to the thread and is
 * overwritten by its next failure. */
LSTM_API const char *lstm_error_message(void);

#ifdef __cplusplus
}
#endif
#endif
