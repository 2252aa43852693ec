/* The memory sanitizer of LLVM 14 takes what these functions write for unwritten: it knows them by the names that they
 * had before glibc 2.33, by which they are called here. check_ports.sh puts this into what the preset msan links with. */
#define _GNU_SOURCE
#include <sys/stat.h>

enum { VERSION = 1 };

int __xstat64(int version, const char *path, struct stat64 *status);
int __lxstat64(int version, const char *path, struct stat64 *status);
int __fxstat64(int version, int file, struct stat64 *status);

int stat64(const char *restrict path, struct stat64 *restrict status)
{
    return __xstat64(VERSION, path, status);
}

int lstat64(const char *restrict path, struct stat64 *restrict status)
{
    return __lxstat64(VERSION, path, status);
}

int fstat64(int file, struct stat64 *status)
{
    return __fxstat64(VERSION, file, status);
}

/* Of programs that do not ask for large files; on a machine of 64 bits it is the same struct. */
int stat(const char *restrict path, struct stat *restrict status)
{
    return __xstat64(VERSION, path, (struct stat64 *)status);
}

int lstat(const char *restrict path, struct stat *restrict status)
{
    return __lxstat64(VERSION, path, (struct stat64 *)status);
}
