/* The machine, its clock, its BLAS. */
#define _GNU_SOURCE
#include "bench.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double system_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double system_work_seconds(size_t threads)
{
    return read_clock(threads > 1 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID);
}

void system_rest(double seconds)
{
    struct timespec rest = {.tv_sec = (time_t)seconds};
    rest.tv_nsec = (long)(1e9 * (seconds - (double)rest.tv_sec));
    nanosleep(&rest, NULL);
}

void *system_allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fprintf(stderr, "bench: no memory is left\n");
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* A function of a library that may be in this program, or not. */
static void *find_function(const char *name)
{
    return dlsym(RTLD_DEFAULT, name);
}

static void call_with_int(const char *name, int value)
{
    void *symbol = find_function(name);
    void (*function)(int);
    if (symbol) {
        memcpy(&function, &symbol, sizeof function); /* C has no cast for this */
        function(value);
    }
}

void system_set_blas_threads(int threads)
{
    call_with_int("openblas_set_num_threads", threads);
}

void system_set_openmp_threads(int threads)
{
    call_with_int("omp_set_num_threads", threads);
}

static const char *openblas_says(const char *name)
{
    void *symbol = find_function(name);
    char *(*function)(void);
    if (!symbol)
        return NULL;
    memcpy(&function, &symbol, sizeof function);
    return function();
}

/* The second word of "OpenBLAS 0.3.21 NO_LAPACKE ...". */
const char *system_blas_version(void)
{
    static char version[32];
    const char *config = openblas_says("openblas_get_config");
    return config && sscanf(config, "%*s %31s", version) == 1 ? version : "-";
}

const char *system_blas_kernel(void)
{
    const char *kernel = openblas_says("openblas_get_corename");
    return kernel ? kernel : "-";
}

/* The first value of a field of /proc/cpuinfo; false where there is none. */
static bool find_cpu_field(const char *field, char *value, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[8192];
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, field, strlen(field)) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(value, size, "%s", colon + (colon[1] == ' ' ? 2 : 1));
        found = true;
    }
    if (file)
        fclose(file);
    return found;
}

static void describe_isa(FILE *to)
{
#if defined(__x86_64__)
    fprintf(to, "ISA:%s%s%s%s\n", __builtin_cpu_supports("avx512f") ? " avx512f" : "",
            __builtin_cpu_supports("avx2") ? " avx2" : "", __builtin_cpu_supports("fma") ? " fma" : "", " sse2");
#else
    fprintf(to, "ISA: that of this compilation\n");
#endif
}

void system_describe(FILE *to)
{
    char model[256] = "", family[32] = "?", number[32] = "?";
    struct utsname machine;
    if (find_cpu_field("model name", model, sizeof model)) {
        find_cpu_field("cpu family", family, sizeof family);
        find_cpu_field("model\t", number, sizeof number);
        fprintf(to, "CPU: %s (family %s, model %s), %ld online\n", model, family, number,
                sysconf(_SC_NPROCESSORS_ONLN));
    } else if (uname(&machine) == 0) {
        fprintf(to, "CPU: %s, %ld online\n", machine.machine, sysconf(_SC_NPROCESSORS_ONLN));
    }
    describe_isa(to);
    fprintf(to, "BLAS: %s %s, kernel %s\n", find_function("openblas_get_config") ? "OpenBLAS" : "not OpenBLAS",
            system_blas_version(), system_blas_kernel());
}
