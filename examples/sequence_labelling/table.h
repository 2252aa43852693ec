/* How often something was seen, by its 64-bit hash. SPDX-License-Identifier: MIT */
#ifndef SEQUENCE_LABELLING_TABLE_H
#define SEQUENCE_LABELLING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Different things with one hash would be taken for the same: of a million things, once in 10^7 tables. */
typedef struct table {
    struct table_entry *entries;
    size_t capacity, used;
} table;

/* False if there is no memory; the table is then as it was. An empty table is all zeros. */
bool table_add(table *t, uint64_t hash);

/* 0 if it was never added. */
size_t table_count(const table *t, uint64_t hash);

void table_free(table *t);

/* FNV-1a, letter by letter: start with TABLE_START. */
#define TABLE_START UINT64_C(0xCBF29CE484222325)
static inline uint64_t table_hash(uint64_t hash, size_t letter)
{
    return (hash ^ letter) * UINT64_C(0x100000001B3);
}

/* A number below count for a hash. */
static inline size_t table_place(uint64_t hash, size_t count)
{
    return (size_t)((hash ^ hash >> 32) % count);
}

#endif
