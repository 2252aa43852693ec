#include "platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void *lstm__platform_allocate(size_t size, size_t alignment)
{
    void *memory = NULL;
    return posix_memalign(&memory, alignment, size ? size : 1) ? NULL : memory;
}

void lstm__platform_release(void *memory)
{
    free(memory);
}

void lstm__memory_forget(void)
{
    errno = 0;
}

bool lstm__memory_ran_out(void)
{
    return errno == ENOMEM;
}

/* What one call of read or write may be asked for: some systems take less than 2^31 bytes. */
enum { AT_ONCE = 1 << 30 };

const char *lstm__file_error(int error, char *text, size_t size)
{
    if (error == LSTM__NO_REGULAR_FILE)
        snprintf(text, size, "not a regular file");
    else if (strerror_r(error, text, size))
        snprintf(text, size, "error %d", error);
    return text;
}

bool lstm__file_error_is_memory(int error)
{
    return error == ENOMEM;
}

/* Whether a signal has interrupted the call, which is then to be made again. */
static bool interrupted(int result)
{
    return result < 0 && errno == EINTR;
}

static int open_file(const char *path, int flags)
{
    int file;
    do
        file = open(path, flags | O_CLOEXEC, 0666);
    while (interrupted(file));
    return file;
}

int lstm__file_open(const char *path, int *file, uint64_t *size)
{
    struct stat status;
    /* O_NONBLOCK: to open a FIFO would wait for a writer. */
    const int opened = open_file(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
    if (opened < 0)
        return errno;
    int error = fstat(opened, &status) ? errno : 0;
    if (!error && !S_ISREG(status.st_mode))
        error = S_ISDIR(status.st_mode) ? EISDIR : LSTM__NO_REGULAR_FILE;
    if (error) {
        close(opened);
        return error;
    }
    *file = opened;
    *size = (uint64_t)status.st_size;
    return 0;
}

void lstm__file_close(int file)
{
    close(file);
}

int lstm__file_read(int file, void *bytes, size_t size, size_t *got)
{
    size_t done = 0;
    while (done < size) {
        const size_t left = size - done;
        const ssize_t count = read(file, (char *)bytes + done, left < AT_ONCE ? left : AT_ONCE);
        if (count < 0 && errno != EINTR)
            return errno;
        if (count == 0)
            break;
        done += count > 0 ? (size_t)count : 0;
    }
    *got = done;
    return 0;
}

static int write_all(int file, const lstm__piece *pieces, size_t count)
{
    for (size_t k = 0; k < count; k++)
        for (size_t done = 0; done < pieces[k].size;) {
            const size_t left = pieces[k].size - done;
            const ssize_t wrote = write(file, (const char *)pieces[k].bytes + done, left < AT_ONCE ? left : AT_ONCE);
            if (wrote < 0 && errno != EINTR)
                return errno;
            if (wrote == 0) /* no reason is given: it would go on for ever */
                return ENOSPC;
            done += wrote > 0 ? (size_t)wrote : 0;
        }
    return 0;
}

/* A pipe that nobody reads and a file that grows past its limit are errors here, not signals that end the host. */
static int write_pieces(int file, const lstm__piece *pieces, size_t count)
{
    static const int signals[] = {SIGPIPE, SIGXFSZ};
    const struct timespec now = {0};
    sigset_t ours, before, pending;
    sigemptyset(&ours);
    sigpending(&pending);
    for (size_t k = 0; k < sizeof signals / sizeof signals[0]; k++)
        if (!sigismember(&pending, signals[k]))
            sigaddset(&ours, signals[k]);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    const int error = write_all(file, pieces, count);
    if (error == EPIPE || error == EFBIG)
        while (sigtimedwait(&ours, NULL, &now) < 0 && errno == EINTR) {
        }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* Close a file that was written; what an interrupted close leaves open, or not, is not known, and nothing is to be done. */
static int close_written(int file)
{
    return close(file) && errno != EINTR ? errno : 0;
}

/* To a device or a pipe. */
static int write_in_place(const char *path, const lstm__piece *pieces, size_t count)
{
    const int file = open_file(path, O_WRONLY | O_NOCTTY);
    if (file < 0)
        return errno;
    const int error = write_pieces(file, pieces, count), closing = close_written(file);
    return error ? error : closing;
}

size_t lstm__folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Follow symbolic links, also to a file that is not there yet: target[PATH_MAX] is what a rename has to go to. */
static int follow_links(const char *path, char *target)
{
    enum { MOST_LINKS = 40 };
    char link[PATH_MAX];
    if (strlen(path) >= PATH_MAX)
        return ENAMETOOLONG;
    strcpy(target, path);
    for (int k = 0; k < MOST_LINKS; k++) {
        const ssize_t length = readlink(target, link, sizeof link);
        if (length < 0)
            return errno == EINVAL || errno == ENOENT ? 0 : errno;
        const size_t folder = link[0] != '/' ? lstm__folder_length(target) : 0;
        if (folder + (size_t)length >= PATH_MAX)
            return ENAMETOOLONG;
        memcpy(target + folder, link, (size_t)length);
        target[folder + (size_t)length] = '\0';
    }
    return ELOOP;
}

/* Create a file of a name of its own in the folder that target's first `folder` bytes name; temporary[PATH_MAX]. */
static int create_beside(const char *target, size_t folder, char *temporary)
{
    enum { TRIES = 100 };
    for (unsigned k = 0; k < TRIES; k++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        const int length = snprintf(temporary, PATH_MAX, "%.*s.lstm-%lx-%lx-%lx", (int)folder, target,
                                    (unsigned long)getpid(), (unsigned long)now.tv_sec, (unsigned long)now.tv_nsec + k);
        if (length >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        const int file = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

static int flush(int file)
{
    int result;
    do
        result = fsync(file);
    while (interrupted(result));
    return result ? errno : 0;
}

/* So that a rename is on the disk too. A folder that cannot be opened or flushed is no reason to fail: the file is whole. */
static void flush_folder(char *target, size_t folder)
{
    strcpy(target + folder, ".");
    const int file = open_file(target, O_RDONLY);
    if (file >= 0) {
        (void)flush(file);
        close(file);
    }
}

static int change_owner(int file, uid_t user, gid_t group)
{
    int result;
    do
        result = fchown(file, user, group);
    while (interrupted(result));
    return result;
}

/* The mode as well, and the owner, or the group, where that is allowed. */
static int take_after(int file, const struct stat *old)
{
    int result;
    (void)(change_owner(file, old->st_uid, old->st_gid) && change_owner(file, (uid_t)-1, old->st_gid));
    do
        result = fchmod(file, old->st_mode & 0777);
    while (interrupted(result));
    return result ? errno : 0;
}

/* old: the file that is there, or NULL. */
static int replace(const char *path, const struct stat *old, const lstm__piece *pieces, size_t count)
{
    char target[PATH_MAX], temporary[PATH_MAX];
    int error = follow_links(path, target);
    if (error)
        return error;
    if (old && faccessat(AT_FDCWD, target, W_OK, AT_EACCESS))
        return errno;
    const size_t folder = lstm__folder_length(target);
    const int file = create_beside(target, folder, temporary);
    if (file < 0)
        return errno;
    if (old)
        error = take_after(file, old);
    if (!error)
        error = write_pieces(file, pieces, count);
    if (!error)
        error = flush(file);
    const int closing = close_written(file);
    if (!error)
        error = closing;
    if (!error && rename(temporary, target))
        error = errno;
    if (error)
        unlink(temporary);
    else
        flush_folder(target, folder);
    return error;
}

int lstm__file_write(const char *path, const lstm__piece *pieces, size_t count)
{
    struct stat status;
    if (stat(path, &status))
        return errno == ENOENT ? replace(path, NULL, pieces, count) : errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    return S_ISREG(status.st_mode) ? replace(path, &status, pieces, count) : write_in_place(path, pieces, count);
}

int lstm__folder_list(const char *path, void (*each)(void *user, const char *name), void *user)
{
    DIR *folder = opendir(path);
    if (!folder)
        return errno;
    const struct dirent *entry;
    while ((void)(errno = 0), (entry = readdir(folder)))
        each(user, entry->d_name);
    const int error = errno;
    closedir(folder);
    return error;
}

int lstm__file_remove(const char *path)
{
    return unlink(path) ? errno : 0;
}
