#define _GNU_SOURCE /* MAP_ANONYMOUS */

#include "fuzz.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s; the last message: \"%s\"\n", file, line, what, lstm_error_message());
    abort();
}

lstm_status fuzz_status(lstm_status status, const char *function, unsigned documented)
{
    if (status && (status < LSTM_OK || status > LSTM_ERR_FORMAT || !(documented >> status & 1))) {
        fprintf(stderr, "%s: \"%s\" is not documented\n", function, lstm_status_string(status));
        fuzz_fail(__FILE__, __LINE__, "a documented status");
    }
    if (status && strncmp(lstm_error_message(), function, strlen(function)) != 0)
        fuzz_fail(__FILE__, __LINE__, "a message that begins with the function's name");
    return status;
}

size_t fuzz_pick(fuzz_bytes *bytes, size_t below)
{
    size_t number = 0;
    for (size_t range = 1; range < below; range *= 256) {
        number = number * 256 + (bytes->left ? *bytes->at : 0);
        bytes->at += bytes->left > 0;
        bytes->left -= bytes->left > 0;
    }
    return number % below;
}

/* ---- arrays ---- */

enum { REGIONS = 192, REGION = 1 << 17, CANARY = 64, FILL = 0xFF, CANARY_FILL = 0x5A };

static struct {
    unsigned char *memory, *begins[REGIONS];
    size_t page, used;
} pool;

static void map_pool(void)
{
    pool.page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t stride = REGION + pool.page;
    void *memory = mmap(NULL, REGIONS * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(memory != MAP_FAILED);
    pool.memory = memory;
    for (size_t k = 0; k < REGIONS; k++)
        need(!mprotect(pool.memory + k * stride + REGION, pool.page, PROT_NONE));
}

void *fuzz_array(size_t count, size_t size)
{
    if (!pool.memory)
        map_pool();
    need(pool.used < REGIONS && count <= (REGION - CANARY) / size);
    unsigned char *end = pool.memory + pool.used * (REGION + pool.page) + REGION, *begin = end - count * size;
    memset(begin - CANARY, CANARY_FILL, CANARY);
    memset(begin, FILL, count * size);
    pool.begins[pool.used++] = begin;
    return begin;
}

static bool all_bytes(const unsigned char *bytes, size_t count, unsigned char value)
{
    return !count || (*bytes == value && !memcmp(bytes, bytes + 1, count - 1));
}

void fuzz_arrays_check(void)
{
    while (pool.used)
        need(all_bytes(pool.begins[--pool.used] - CANARY, CANARY, CANARY_FILL));
}

bool fuzz_untouched(const void *array, size_t bytes)
{
    return all_bytes(array, bytes, FILL);
}

bool fuzz_same(const float *a, const float *b, size_t count)
{
    bool same = !count || !memcmp(a, b, count * sizeof *a);
    if (same)
        return true;
    for (size_t k = 0; k < count; k++)
        if (memcmp(&a[k], &b[k], sizeof *a) != 0 && !(isnan(a[k]) && isnan(b[k])))
            return false;
    return true;
}

/* ---- memory ---- */

char fuzz_mark;
static size_t taken, live;

static void *allocate(void *user, size_t size, size_t alignment)
{
    void *memory = NULL;
    (void)user;
    taken += size;
    if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size ? size : 1))
        return NULL;
    live++;
    return memory;
}

static void release(void *user, void *memory)
{
    (void)user;
    live--;
    free(memory);
}

lstm_context *fuzz_context(void)
{
    static lstm_context *context;
    const lstm_context_config config = {.struct_size = sizeof config,
                                        .allocator = {.allocate = allocate, .release = release}};
    if (!context)
        need(!lstm_context_create(&config, &context));
    return context;
}

static size_t live_before;

void fuzz_memory_begin(void)
{
    fuzz_context();
    taken = 0;
    live_before = live;
}

size_t fuzz_memory_taken(void)
{
    return taken;
}

void fuzz_memory_check(void)
{
    need(live == live_before);
}

/* ---- files ---- */

static char folder[200], input_path[sizeof folder + 8], output_path[sizeof folder + 8];
static int input = -1;

static void remove_folder(void)
{
    unlink(input_path);
    unlink(output_path);
    rmdir(folder);
}

static void make_folder(void)
{
    const char *place = getenv("TMPDIR");
    if (!place || strlen(place) > 150)
        place = access("/dev/shm", W_OK) ? "." : "/dev/shm"; /* in memory, for files are flushed to the disk */
    snprintf(folder, sizeof folder, "%s/fuzz_XXXXXX", place);
    need(mkdtemp(folder));
    snprintf(input_path, sizeof input_path, "%s/input", folder);
    snprintf(output_path, sizeof output_path, "%s/output", folder);
    atexit(remove_folder);
    input = open(input_path, O_RDWR | O_CREAT, 0600);
    need(input >= 0);
}

const char *fuzz_input_path(const void *bytes, size_t size)
{
    if (input < 0)
        make_folder();
    need(!ftruncate(input, (off_t)size) && pwrite(input, bytes, size, 0) == (ssize_t)size);
    return input_path;
}

const char *fuzz_output_path(void)
{
    if (input < 0)
        make_folder();
    return output_path;
}

/* ---- seeds ---- */

const char *fuzz_seed_folder;

void fuzz_seed(const char *name, const void *bytes, size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", fuzz_seed_folder, name);
    FILE *file = fopen(path, "wb");
    need(file && fwrite(bytes, 1, size, file) == size && !fclose(file));
}

void fuzz_seed_file(const char *name, const void *selector, size_t selector_size, const char *path)
{
    unsigned char bytes[1 << 14];
    FILE *file = fopen(path, "rb");
    need(file);
    memcpy(bytes, selector, selector_size);
    const size_t size = fread(bytes + selector_size, 1, sizeof bytes - selector_size, file);
    need(!fclose(file) && selector_size + size < sizeof bytes);
    fuzz_seed(name, bytes, selector_size + size);
}

/* ---- random numbers ---- */

/* SplitMix64: G. Steele, D. Lea and C. Flood, OOPSLA 2014. */
size_t fuzz_random(uint64_t *state, size_t below)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (size_t)((z ^ z >> 31) % below);
}
