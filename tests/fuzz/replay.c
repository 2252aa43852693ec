/* Stands in for libFuzzer where there is none.
 *     TARGET MUTATIONS PATH...    runs the target on each file, and each file of a folder, and on so many mutations of
 *                                 each: the same ones every time
 *     TARGET --seeds FOLDER       makes the seeds of the target there */
#define _POSIX_C_SOURCE 200809L

#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 1 << 16 };

static uint64_t state;
static size_t inputs, runs;

/* Mutates a byte or two, or the length. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    const size_t way = fuzz_random(&state, 8);
    if (way == 0 && size > 1)
        return size - 1 - fuzz_random(&state, size - 1);
    if (way == 1 && size < max_size) {
        const size_t place = fuzz_random(&state, size + 1);
        memmove(data + place + 1, data + place, size - place);
        data[place] = (uint8_t)fuzz_random(&state, 256);
        return size + 1;
    }
    for (size_t k = fuzz_random(&state, 3) + 1; k && size; k--)
        data[fuzz_random(&state, size)] = (uint8_t)fuzz_random(&state, 256);
    return size;
}

/* Of bytes that only the target can read, the corpus is what a fuzzer has found. */
__attribute__((weak)) void fuzz_seeds(void)
{
}

/* libFuzzer's own where the target has no other. */
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    (void)seed;
    return LLVMFuzzerMutate(data, size, max_size);
}

/* On a copy of just that size, for a sanitizer or Valgrind to see what is read behind it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    need(copy);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    runs++;
}

static void replay(const char *path, size_t mutations)
{
    static uint8_t first[MAX_SIZE], data[MAX_SIZE];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    const size_t size = fread(first, 1, sizeof first, file);
    fclose(file);
    printf("%s\n", path); /* the last one named is the one that failed */
    fflush(stdout);
    inputs++;
    run(first, size);
    for (size_t k = 0; k < mutations; k++) {
        memcpy(data, first, size);
        size_t length = size;
        state = k;
        for (size_t more = 0; more <= k % 3; more++)
            length = LLVMFuzzerCustomMutator(data, length, MAX_SIZE, (unsigned)(3 * k + more));
        run(data, length);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--seeds")) {
        fuzz_seed_folder = argv[2];
        fuzz_seeds();
        return EXIT_SUCCESS;
    }
    const size_t mutations = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    for (int k = 2; k < argc; k++) {
        struct dirent **entries;
        const int count = scandir(argv[k], &entries, NULL, alphasort);
        if (count < 0)
            replay(argv[k], mutations);
        for (int n = 0; n < count; n++) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", argv[k], entries[n]->d_name);
            if (entries[n]->d_name[0] != '.')
                replay(path, mutations);
            free(entries[n]);
        }
        if (count >= 0)
            free(entries);
    }
    printf("%zu inputs, %zu runs\n", inputs, runs);
    return inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}
