/* The context, and memory and parallel work through it. Every function takes NULL for the default context. */
#ifndef LSTM__CONTEXT_H
#define LSTM__CONTEXT_H

#include <lstm/context.h>

#include "kernels/kernels.h"

void lstm__context_retain(lstm_context *context);
const lstm__kernels *lstm__context_kernels(const lstm_context *context);

/* Zeroed and 64-byte aligned; NULL: none left, or count * size overflows. */
void *lstm__allocate(lstm_context *context, size_t count, size_t size);
void lstm__release(lstm_context *context, void *memory);

/* So many bytes for an object, zeroed and 64-byte aligned: the caller's memory of that size, or where it is NULL the
 * context's, to be released. */
lstm_status lstm__take_memory(const char *function, lstm_context *context, void *memory, size_t memory_size,
                              size_t bytes, void **taken);

/* Make room for one more element: returns the array, moved and doubled if need be; NULL: no memory, the array stands. */
void *lstm__grow(lstm_context *context, void *array, size_t count, size_t *capacity, size_t size);

/* Do item(arg, k, lane) for each k below items. lane < lstm__lanes(context, items) and no two calls that run at once
 * share one, so that it can name scratch memory. Work too small to be worth waking a thread for stays on this one:
 * operations is an estimate of all items' floating-point operations. */
void lstm__parallel(lstm_context *context, size_t items, double operations,
                    void (*item)(void *arg, size_t k, size_t lane), void *arg);
size_t lstm__lanes(const lstm_context *context, size_t items);

/* The executor's run; for a context of more than one thread. */
void lstm__context_run(lstm_context *context, size_t tasks, void (*task)(void *arg, size_t index), void *arg);

#endif
