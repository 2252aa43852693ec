/* All that the library asks of the operating system beyond C11. */
#ifndef LSTM__PLATFORM_H
#define LSTM__PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

/* The C library's memory, aligned; NULL when there is none. */
void *lstm__platform_allocate(size_t size, size_t alignment);
void lstm__platform_release(void *memory);

/* A team of threads that sleep until they are given work: count >= 1 threads beside the callers, in memory of that size.
 * false: they cannot be started. */
typedef struct lstm__team lstm__team;
size_t lstm__team_size(size_t count);
bool lstm__team_start(lstm__team *team, size_t count);
void lstm__team_stop(lstm__team *team);

/* Do task(arg, 0 .. tasks - 1) on the team and the calling thread; while the team is busy for another caller, on the
 * calling thread alone. */
void lstm__team_run(lstm__team *team, size_t tasks, void (*task)(void *arg, size_t index), void *arg);

#endif
