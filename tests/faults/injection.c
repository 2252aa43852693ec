/* The allocator is replaced for the whole program, shared libraries included. The calls that lib/platform_posix.c makes are
 * wrapped by the linker (--wrap), so that nothing else sees them fail; check_faults.sh knows them all. */
#define _GNU_SOURCE
#include "injection.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static _Thread_local injection *active;
static _Thread_local long live;

injection *inject(injection *wanted)
{
    injection *const before = active;
    active = wanted;
    return before;
}

long live_allocations(void)
{
    return live;
}

/* Whether this one fails, which it can. */
static bool hit(const char *name, bool harmless)
{
    injection *i = active;
    const bool another = i->what == ERROR && i->name && strcmp(i->name, name) != 0;
    const size_t number = ++i->seen;
    if (number < i->place || (number > i->place && (!i->onwards || another)))
        return false;
    if (i->what == INTERRUPTED && (number - i->place) % 2)
        return false;
    if (!i->failed++)
        i->name = name;
    i->harmless = (i->failed == 1 || i->harmless) && harmless;
    return true;
}

/* ---- memory ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(SANITIZES_MEMORY)
#define NEXT(name) __interceptor_##name
extern int NEXT(posix_memalign)(void **memory, size_t alignment, size_t size);
#else
#define NEXT(name) __libc_##name
extern void *NEXT(memalign)(size_t alignment, size_t size);
static int NEXT(posix_memalign)(void **memory, size_t alignment, size_t size)
{
    *memory = NEXT(memalign)(alignment, size);
    return *memory ? 0 : ENOMEM;
}
#endif
extern void *NEXT(malloc)(size_t size);
extern void *NEXT(calloc)(size_t count, size_t size);
extern void *NEXT(realloc)(void *memory, size_t size);
extern void NEXT(free)(void *memory);

static bool refused(const char *name)
{
    if (!active || active->what != NO_MEMORY || !hit(name, false))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *memory)
{
    live += memory != NULL;
    return memory;
}

void *malloc(size_t size)
{
    return refused("malloc") ? NULL : counted(NEXT(malloc)(size));
}

void *calloc(size_t count, size_t size)
{
    return refused("calloc") ? NULL : counted(NEXT(calloc)(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (refused("realloc"))
        return NULL;
    return memory ? NEXT(realloc)(memory, size) : counted(NEXT(realloc)(memory, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (refused("posix_memalign"))
        return ENOMEM;
    const int error = NEXT(posix_memalign)(memory, alignment, size);
    live += !error;
    return error;
}

void free(void *memory)
{
    live -= memory != NULL;
    NEXT(free)(memory);
}

/* The C library sorts in place where it finds no memory. */
extern void __real_qsort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *));
void __wrap_qsort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *));
void __wrap_qsort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    injection *const before = inject(NULL);
    __real_qsort(array, count, size, compare);
    inject(before);
}

/* ---- calls ---- */

enum { FILES = 1024 };

/* What an open file is for. */
static enum { READ, WRITE, FOLDER } use_of[FILES];

static bool is_for(int file, int use)
{
    return file >= 0 && file < FILES && (int)use_of[file] == use;
}

static bool fails(const char *name, bool can_be_interrupted, bool harmless)
{
    if (!active || !(active->what == ERROR || (active->what == INTERRUPTED && can_be_interrupted)))
        return false;
    if (!hit(name, harmless))
        return false;
    errno = active->what == ERROR ? active->error : EINTR;
    return true;
}

/* How much a read or write is to move, of `size`. */
static size_t moved(const char *name, size_t size)
{
    if (!active || !size || !(active->what == SHORT || active->what == EMPTY) || !hit(name, false))
        return size;
    return active->what == SHORT;
}

#define WRAP(type, name, parameters, arguments, can_be_interrupted, harmless, failure)                                 \
    extern type __real_##name parameters;                                                                              \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        return fails(#name, can_be_interrupted, harmless) ? (failure) : __real_##name arguments;                       \
    }

/* Who owns a file is kept where that is allowed, and no more. */
WRAP(int, fchown, (int file, uid_t user, gid_t group), (file, user, group), true, true, -1)
WRAP(int, fchmod, (int file, mode_t mode), (file, mode), true, false, -1)
WRAP(int, fstat64, (int file, struct stat64 *s), (file, s), false, false, -1)
WRAP(int, stat64, (const char *path, struct stat64 *s), (path, s), false, false, -1)
WRAP(ssize_t, readlink, (const char *path, char *link, size_t size), (path, link, size), false, false, -1)
WRAP(int, faccessat, (int at, const char *path, int mode, int flags), (at, path, mode, flags), false, false, -1)
WRAP(int, rename, (const char *from, const char *to), (from, to), false, false, -1)
WRAP(int, unlink, (const char *path), (path), false, false, -1)
WRAP(DIR *, opendir, (const char *path), (path), false, false, NULL)
WRAP(struct dirent64 *, readdir64, (DIR * folder), (folder), false, false, NULL)
WRAP(int, pthread_attr_init, (pthread_attr_t * a), (a), false, false, ENOMEM)
WRAP(int, pthread_mutex_init, (pthread_mutex_t * m, const pthread_mutexattr_t *a), (m, a), false, false, EAGAIN)
WRAP(int, pthread_cond_init, (pthread_cond_t * c, const pthread_condattr_t *a), (c, a), false, false, EAGAIN)

extern ssize_t __real_read(int file, void *bytes, size_t size);
ssize_t __wrap_read(int file, void *bytes, size_t size);
ssize_t __wrap_read(int file, void *bytes, size_t size)
{
    return fails("read", true, false) ? -1 : __real_read(file, bytes, moved("read", size));
}

extern ssize_t __real_write(int file, const void *bytes, size_t size);
ssize_t __wrap_write(int file, const void *bytes, size_t size);
ssize_t __wrap_write(int file, const void *bytes, size_t size)
{
    return fails("write", true, false) ? -1 : __real_write(file, bytes, moved("write", size));
}

extern int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    const size_t length = strlen(path);
    const bool folder = length && path[length - 1] == '.';
    va_list list;
    va_start(list, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (fails("open64", true, folder))
        return -1;
    const int file = __real_open64(path, flags, mode);
    if (file >= 0 && file < FILES)
        use_of[file] = folder ? FOLDER : (flags & O_ACCMODE) == O_RDONLY ? READ : WRITE;
    return file;
}

/* The file is closed in any case, as Linux does it. */
extern int __real_close(int file);
int __wrap_close(int file);
int __wrap_close(int file)
{
    const bool failed = fails("close", true, !is_for(file, WRITE));
    const int error = errno, closed = __real_close(file);
    if (failed)
        errno = error;
    return failed ? -1 : closed;
}

extern int __real_closedir(DIR *folder);
int __wrap_closedir(DIR *folder);
int __wrap_closedir(DIR *folder)
{
    const bool failed = fails("closedir", true, true);
    const int error = errno, closed = __real_closedir(folder);
    if (failed)
        errno = error;
    return failed ? -1 : closed;
}

/* Nothing here is about what a power failure leaves behind, and a real one takes its time. */
int __wrap_fsync(int file);
int __wrap_fsync(int file)
{
    return fails("fsync", true, is_for(file, FOLDER)) ? -1 : 0;
}

/* What a thread's creation allocates is the C library's, and some of it stays for the next thread. */
extern int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    if (fails("pthread_create", false, false))
        return EAGAIN;
    injection *const before = inject(NULL);
    const long count = live;
    const int error = __real_pthread_create(thread, attributes, run, arg);
    inject(before);
    live = count;
    return error;
}
