/* All that the library asks of the operating system beyond C11: platform_threads.c over POSIX threads, which MinGW has too,
 * and all else in platform_posix.c or platform_windows.c. */
#ifndef LSTM__PLATFORM_H
#define LSTM__PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The C library's memory, aligned; NULL when there is none. */
void *lstm__platform_allocate(size_t size, size_t alignment);
void lstm__platform_release(void *memory);

/* Whether an allocation of the C library's has failed on this thread since it was told to forget: libraries that allocate
 * do not always say why they fail. */
void lstm__memory_forget(void);
bool lstm__memory_ran_out(void);

/* A team of threads that sleep until they are given work, and before they sleep look for more for a moment: count >= 1
 * threads beside the callers, in memory of that size. false: they cannot be started. */
typedef struct lstm__team lstm__team;
size_t lstm__team_size(size_t count);
bool lstm__team_start(lstm__team *team, size_t count);
void lstm__team_stop(lstm__team *team);

/* Do task(arg, 0 .. tasks - 1) on the team and the calling thread; while the team is busy for another caller, on the
 * calling thread alone. */
void lstm__team_run(lstm__team *team, size_t tasks, void (*task)(void *arg, size_t index), void *arg);

/* Let a moment pass that grows with the turns that a thread has waited: little at first, later the processor is given
 * away. */
void lstm__platform_wait(size_t turns);

/* Files; paths are UTF-8. Each function returns 0, an error number of the system, or LSTM__NO_REGULAR_FILE. */
enum { LSTM__NO_REGULAR_FILE = -1 };

/* The error in words; returns text. */
const char *lstm__file_error(int error, char *text, size_t size);
bool lstm__file_error_is_memory(int error);

/* Open a regular file to read it. */
int lstm__file_open(const char *path, int *file, uint64_t *size);
void lstm__file_close(int file);

/* Read so many bytes; *got is less only at the file's end. */
int lstm__file_read(int file, void *bytes, size_t size, size_t *got);

typedef struct lstm__piece {
    const void *bytes;
    size_t size;
} lstm__piece;

/* Write the pieces one behind the other. What is no regular file is written as it stands. Any other file is written whole or
 * not at all: to a temporary file in the same folder, which is then flushed to the disk and renamed. A symbolic link is
 * followed; an existing file's permissions are kept (on Windows a new file has those of its folder), and one that may not
 * be written to is not replaced. */
int lstm__file_write(const char *path, const lstm__piece *pieces, size_t count);

/* How many bytes of a path name its folder, with the separator behind it; 0: none. */
size_t lstm__folder_length(const char *path);

/* Tell the name of each entry of a folder, "." and ".." among them. */
int lstm__folder_list(const char *path, void (*each)(void *user, const char *name), void *user);
int lstm__file_remove(const char *path);

#endif
