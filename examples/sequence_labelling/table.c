#include "table.h"

#include <stdlib.h>

typedef struct table_entry {
    uint64_t hash;
    size_t count; /* 0: free */
} table_entry;

/* Where the hash stands, or the free place where it would. */
static table_entry *find(const table *t, uint64_t hash)
{
    size_t k = table_place(hash, t->capacity);

    while (t->entries[k].count > 0 && t->entries[k].hash != hash)
        k = (k + 1) % t->capacity;
    return &t->entries[k];
}

/* Twice the room. */
static bool grow(table *t)
{
    table larger = {.capacity = t->capacity > 0 ? 2 * t->capacity : 1024, .used = t->used};

    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (size_t k = 0; k < t->capacity; k++)
        if (t->entries[k].count > 0)
            *find(&larger, t->entries[k].hash) = t->entries[k];
    free(t->entries);
    *t = larger;
    return true;
}

bool table_add(table *t, uint64_t hash)
{
    table_entry *entry;

    if (2 * t->used >= t->capacity && !grow(t))
        return false;
    entry = find(t, hash);
    entry->hash = hash;
    t->used += entry->count == 0;
    entry->count++;
    return true;
}

size_t table_count(const table *t, uint64_t hash)
{
    return t->capacity > 0 ? find(t, hash)->count : 0;
}

void table_free(table *t)
{
    free(t->entries);
    *t = (table){0};
}
