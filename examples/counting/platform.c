#define _POSIX_C_SOURCE 200809L

#include "platform.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double platform_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

size_t platform_cores(size_t most)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (cores < 1)
        return 1;
    return (size_t)cores < most ? (size_t)cores : most;
}

bool platform_watched(void)
{
    return isatty(STDERR_FILENO) == 1;
}

bool platform_typed_at(void)
{
    return isatty(STDIN_FILENO) == 1;
}

/* Make a file beside it and remove it: permissions alone do not say that this can be done. */
static int check_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char file[PATH_MAX];
    int length = snprintf(file, sizeof file, "%.*s.counting-XXXXXX", slash == NULL ? 0 : (int)(slash - path) + 1, path);
    int descriptor;

    if (length >= PATH_MAX)
        return ENAMETOOLONG;
    descriptor = mkstemp(file);
    if (descriptor < 0)
        return errno;
    close(descriptor);
    return unlink(file) == 0 ? 0 : errno;
}

int platform_check_writable(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return errno == ENOENT ? check_folder(path) : errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    if (access(path, W_OK) != 0)
        return errno;
    return S_ISREG(status.st_mode) ? check_folder(path) : 0;
}

bool platform_is_replaced(const char *path)
{
    struct stat status;

    return lstat(path, &status) != 0 || S_ISREG(status.st_mode);
}

void platform_set_blas_threads(int threads)
{
    void *process = dlopen(NULL, RTLD_LAZY);
    void *symbol = process == NULL ? NULL : dlsym(process, "openblas_set_num_threads");

    if (symbol != NULL) {
        void (*set_threads)(int);

        memcpy(&set_threads, &symbol, sizeof set_threads); /* C has no cast for this */
        set_threads(threads);
    }
    if (process != NULL)
        dlclose(process);
}

static volatile sig_atomic_t signal_received;

static void remember_signal(int number)
{
    signal_received = number;
}

void platform_catch_interrupts(bool end_reads)
{
    struct sigaction action = {.sa_handler = remember_signal};

    action.sa_flags = (int)SA_RESETHAND | (end_reads ? 0 : SA_RESTART);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int platform_interrupted(void)
{
    return (int)signal_received;
}
