/* The folder that the scenario's files are in. tests/files.h is for tests that Check runs. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_BYTES = 1 << 16 }; /* of a file */

/* Make it; false: that is not possible. Removed when the program ends. */
bool folder_make(void);
extern char folder_name[];

/* A file in it; the string is static. */
const char *folder_path(const char *name);

/* All of a file, in static memory. */
const unsigned char *folder_read(const char *name, size_t *size);

void folder_empty(void);

/* A number that stands for the names and bytes of all files. *temporary: whether one is there whose name begins with a dot. */
uint64_t folder_sum(bool *temporary);

#endif
