/* Allocations and calls of the operating system that fail when they are told to, on the thread that tells. */
#ifndef INJECTION_H
#define INJECTION_H

#include <stdbool.h>
#include <stddef.h>

typedef enum fault {
    NO_MEMORY,   /* an allocation gives nothing: the library's, or one that Jansson or the C library makes for it */
    ERROR,       /* a call fails with an error */
    INTERRUPTED, /* a call says EINTR, and can be made again */
    SHORT,       /* a read or a write moves a single byte */
    EMPTY        /* a read finds the file's end, a write moves nothing */
} fault;

/* What is to fail, and what did. */
typedef struct injection {
    fault what;
    int error;    /* errno, of ERROR */
    size_t place; /* the first that fails among those that can, from 1 */
    bool onwards; /* and all that follow; of ERROR all of the same name, of INTERRUPTED every other one */
    size_t seen;  /* how many could have failed */
    size_t failed;
    bool harmless;    /* no failure was of consequence: that of closing a file that was read, and the like */
    const char *name; /* of the first that failed */
} injection;

/* From now on; NULL: no more. Returns what was to fail before. */
injection *inject(injection *wanted);

/* How many allocations of this thread are alive. */
long live_allocations(void);

#endif
