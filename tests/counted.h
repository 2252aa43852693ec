/* An allocator that keeps count. */
#ifndef COUNTED_H
#define COUNTED_H

#include <lstm/context.h>

/* It gives nothing once `left` allocations are used up. */
typedef struct counter {
    size_t made, live, left, bytes, peak; /* bytes: asked for, and alive; peak: their most so far */
    bool wrong; /* an alignment that is no power of two up to 64, or a NULL that was to be released */
} counter;

void *counted_allocate(void *user, size_t size, size_t alignment);
void counted_release(void *user, void *memory);

/* A context that takes its memory from there, for one thread at a time. */
lstm_status counted_context(counter *c, lstm_context **context);

#endif
