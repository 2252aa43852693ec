/* Files and folders for the tests of files, and safetensors files put together by hand. */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>

/* A folder of this test's own: made at the first call, emptied and removed when the test's process ends. */
const char *test_folder(void);

/* The path of a file in it. The string is static: four paths at a time. */
const char *test_path(const char *name);

/* How many files are in the folder. */
size_t count_files(void);

/* Their names, sorted, each with a space behind it. */
void list_files(char *names, size_t size);
void remove_files(void);

/* Bytes of numbers of `unit` bytes each, between this machine's order and a file's. */
void swap_to_file_order(void *bytes, size_t unit, size_t count);

/* Write bytes to a path, or read a whole file; the caller frees what was read. */
void put_file(const char *path, const void *bytes, size_t size);
unsigned char *get_file(const char *path, size_t *size);

/* A safetensors file in memory, of that header and data of data_size bytes 0, 1, 2, ... The caller frees it. */
unsigned char *safetensors_bytes(const char *header, size_t data_size, size_t *size);

#endif
