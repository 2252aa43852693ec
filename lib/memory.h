/* Sizes that do not overflow, and one block cut into arrays. */
#ifndef LSTM__MEMORY_H
#define LSTM__MEMORY_H

#include <stdbool.h>
#include <stddef.h>

enum { LSTM__ALIGNMENT = 64 }; /* a cache line, and the widest vector */

/* *result = a * b, or a + b; false: it does not fit. */
bool lstm__multiply(size_t a, size_t b, size_t *result);
bool lstm__add(size_t a, size_t b, size_t *result);

/* Cuts a block into aligned arrays. With base NULL it only counts: run the same cuts twice, first to learn the size. */
typedef struct lstm__arena {
    unsigned char *base;
    size_t used;
    bool overflow;
} lstm__arena;

/* The next count * size bytes; NULL while counting or once the size has overflowed. */
void *lstm__arena_take(lstm__arena *arena, size_t count, size_t size);

#endif
