/* Where memory comes from, who runs the work, which kernels. SPDX-License-Identifier: MIT */
#ifndef LSTM_CONTEXT_H
#define LSTM_CONTEXT_H

#include <lstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Optional everywhere: a NULL context means the defaults. Immutable; any number of threads may use one.
 * Objects made with a context keep it alive: it may be destroyed before them. */
typedef struct lstm_context lstm_context;

/* The host's own memory. Both functions or neither. They may be called from any thread that creates or destroys an
 * object, never from a hot path; but a store that its owner has destroyed is released where a tape that ran with it
 * first runs with another. */
typedef struct lstm_allocator {
    void *user;
    /* alignment is a power of two up to 64. NULL: there is none left. */
    void *(*allocate)(void *user, size_t size, size_t alignment);
    /* memory is never NULL. */
    void (*release)(void *user, void *memory);
} lstm_allocator;

/* The host's own thread pool. run() calls task(arg, index) once for each index below `tasks` and returns when all
 * are done. No task needs another to run: they may run at once, or in any order one after another on the calling thread.
 * Those that do run at once may help each other step by step: then a task returns when the work is done. Any call with much
 * work may come to it, a stream's of large steps too. */
typedef struct lstm_executor {
    void *user;
    size_t concurrency; /* how many tasks may run at once, 1 to 1024 */
    void (*run)(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg);
} lstm_executor;

/* Which kernels. All but the CBLAS give the same bits, on every machine. */
typedef enum lstm_isa {
    LSTM_ISA_BEST = 0,     /* the fastest that this build has and this machine runs */
    LSTM_ISA_CBLAS = 1,    /* matrix products by the CBLAS that the library is linked with */
    LSTM_ISA_PORTABLE = 2, /* plain C: slow where fused multiply-add is no instruction */
    LSTM_ISA_AVX2 = 3,     /* with FMA */
    LSTM_ISA_AVX512 = 4,   /* F, BW, DQ, VL */
    LSTM_ISA_NEON = 5      /* AArch64 */
} lstm_isa;

typedef struct lstm_context_config {
    size_t struct_size;
    lstm_allocator allocator; /* zero: the C library's */
    lstm_executor executor;   /* zero: the built-in one, of `threads` threads */
    size_t threads;           /* of the built-in executor, the caller's own included: 1 to 1024, 0 means 1; given
                               * together with an executor it is refused */
    lstm_isa isa;
} lstm_context_config;

/* Create a context; config NULL gives the defaults: the C library's allocator, one thread, the best kernels.
 * With threads > 1 it starts threads - 1 POSIX threads, which sleep until there is work; behind it they look for more for
 * up to a tenth of a millisecond first, as callers do for its end, for to wake a thread takes long. When two callers
 * submit work at once to the built-in executor, the second does all of its own on its own thread.
 * Destroy with lstm_context_destroy. Any thread.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, UNSUPPORTED (an isa that this build or machine has not; threads that
 * cannot be started). */
LSTM_API lstm_status lstm_context_create(const lstm_context_config *config, lstm_context **context);

/* Give back the caller's reference; NULL is fine. The last object that uses the context frees it and joins its threads. */
LSTM_API void lstm_context_destroy(lstm_context *context);

/* How many tasks may run at once: the executor's concurrency; 1 for NULL. Any thread. */
LSTM_API size_t lstm_context_threads(const lstm_context *context);

/* The name of the kernels in use: "portable", "avx2", "avx512", "neon", "cblas". NULL: the default's. The string is static.
 * Any thread. */
LSTM_API const char *lstm_context_isa_name(const lstm_context *context);

#ifdef __cplusplus
}
#endif
#endif
