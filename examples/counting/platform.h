/* What the counting program asks of the operating system. SPDX-License-Identifier: MIT */
#ifndef COUNTING_PLATFORM_H
#define COUNTING_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

/* Seconds since some fixed moment. */
double platform_seconds(void);

/* How many cores are online, 1 to `most`. */
size_t platform_cores(size_t most);

/* True if standard error is a terminal; the same for standard input. */
bool platform_watched(void);
bool platform_typed_at(void);

/* 0 if it seems that a file can be put at that path, or in the place of the one that is there; else the error's number.
 * Nothing is changed. */
int platform_check_writable(const char *path);

/* True if a file of that name can be replaced by another: it is not there, or a regular file and no link. */
bool platform_is_replaced(const char *path);

/* If the process has an OpenBLAS, tell it to use one thread: the library cuts the work into threads
 * itself, and never touches the BLAS's own setting, which belongs to the application. */
void platform_set_blas_threads(int threads);

/* From now on SIGINT and SIGTERM set a flag, once each: the second one ends the program. With
 * end_reads they also end a read that waits for input; without, it goes on waiting. */
void platform_catch_interrupts(bool end_reads);

/* The signal that came, or 0. */
int platform_interrupted(void);

#endif
