#include "memory.h"

#include <stdint.h>

bool lstm__multiply(size_t a, size_t b, size_t *result)
{
    if (b && a > SIZE_MAX / b)
        return false;
    *result = a * b;
    return true;
}

bool lstm__add(size_t a, size_t b, size_t *result)
{
    if (a > SIZE_MAX - b)
        return false;
    *result = a + b;
    return true;
}

void *lstm__arena_take(lstm__arena *arena, size_t count, size_t size)
{
    size_t bytes, end;
    size_t start = arena->used;
    if (arena->overflow || !lstm__multiply(count, size, &bytes) || !lstm__add(bytes, LSTM__ALIGNMENT - 1, &bytes) ||
        !lstm__add(start, bytes & ~(size_t)(LSTM__ALIGNMENT - 1), &end)) {
        arena->overflow = true;
        return NULL;
    }
    arena->used = end;
    return arena->base ? arena->base + start : NULL;
}
