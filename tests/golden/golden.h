/* Reads the golden vectors of this folder; README.md describes the format, keys and seeds. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <stddef.h>
#include <stdint.h>

enum { GOLDEN_MAX_RANK = 4 };

typedef struct golden golden;
typedef struct golden_case golden_case;

/* Reads a whole file; NULL and a message on stderr if it cannot be read or is malformed. */
golden *golden_open(const char *path);

/* Frees the file with all its cases and arrays; NULL is allowed. */
void golden_close(golden *file);

/* Cases are numbered from 0. What they return belongs to the file. */
size_t golden_case_count(const golden *file);
const golden_case *golden_case_at(const golden *file, size_t index);

/* The case of that name, or NULL. */
const golden_case *golden_find(const golden *file, const char *name);

const char *golden_name(const golden_case *c);

/* The text after `key=`, or NULL if the case has no such key. */
const char *golden_text(const golden_case *c, const char *key);

/* The key's number, or `fallback` if there is no such key or it is not a number. */
long golden_integer(const golden_case *c, const char *key, long fallback);
double golden_real(const golden_case *c, const char *key, double fallback);

/* Copies the first `capacity` numbers of a comma list, such as `lengths`, and returns how many the
   list has: 0 if there is no such key or an item is not a number. */
size_t golden_list(const golden_case *c, const char *key, size_t capacity, size_t *values);

/* Copies item `index` of a comma list of texts, such as `variables`, and returns `item`, or NULL if
   there is no such item or it does not fit. */
const char *golden_item(const golden_case *c, const char *key, size_t index, size_t size,
                        char *item);

/* An array's values in row-major order, or NULL. `count` may be NULL. */
const float *golden_array(const golden_case *c, const char *name, size_t *count);

/* An array's dimensions, or NULL. `rank` may be NULL. */
const size_t *golden_shape(const golden_case *c, const char *name, size_t *rank);

/* The k-th array of the case in file order, or NULL past the last. */
const char *golden_array_name(const golden_case *c, size_t k);

/* Writes the n numbers a seed stands for, in [-scale, scale); exact if scale is a power of 2. */
void golden_fill(uint32_t seed, size_t n, float scale, float *out);

/* max|a-b| / max|b|; max|a| if b is all zero; INFINITY if either holds a NaN or an infinity. */
double golden_difference(const float *a, const float *b, size_t n);

#endif
