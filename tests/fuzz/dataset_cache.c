/* Any bytes as the counting program's cache of its data: what is served is whole, whatever they are. The first byte
 * says how many bits the data have. */
#include "fuzz.h"
#include "synthetic_dataset.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BITS = 6, HEADER = 32, CHECKSUM_AT = 24 };

/* Each sequence is there once; the same ones as without a cache, or those of the cache. */
static void check(const uint32_t *found, const uint32_t *expected, size_t total, const uint8_t *cache, size_t size)
{
    bool seen[1 << MAX_BITS] = {false}, is_cached = size == HEADER + 4 * total;
    for (size_t k = 0; k < total; k++) {
        need(found[k] < total && !seen[found[k]]);
        seen[found[k]] = true;
        for (size_t byte = 0; byte < 4 && is_cached; byte++)
            is_cached = cache[HEADER + 4 * k + byte] == (found[k] >> 8 * byte & 0xFF);
    }
    need(is_cached || !memcmp(found, expected, total * sizeof *found));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static FILE *messages;
    if (!messages)
        messages = fopen("/dev/null", "w");
    if (!size)
        return 0;
    need(messages);
    synthetic_dataset_config config = {.bits = bytes[0] % MAX_BITS + 1, .seed = 1, .messages = messages};
    synthetic_dataset *without = synthetic_dataset_create(&config);
    FILE *file = fopen(fuzz_output_path(), "wb"); /* a cache that is no good is replaced by another file */
    need(file && fwrite(bytes + 1, 1, size - 1, file) == size - 1 && !fclose(file));
    config.cache_path = fuzz_output_path();
    synthetic_dataset *cached = synthetic_dataset_create(&config);
    need(without && cached);
    const uint32_t *found = synthetic_dataset_sequences(cached, SYNTHETIC_DATASET_TRAIN);
    const uint32_t *expected = synthetic_dataset_sequences(without, SYNTHETIC_DATASET_TRAIN);
    need(found && expected);
    check(found, expected, (size_t)1 << config.bits, bytes + 1, size - 1);
    synthetic_dataset_destroy(cached);
    synthetic_dataset_destroy(without);
    return 0;
}

/* Mostly with a checksum that is right again. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed, checksum = UINT64_C(0xcbf29ce484222325);
    size = LLVMFuzzerMutate(data, size, max_size);
    if (size < 1 + HEADER || fuzz_random(&state, 8) == 0)
        return size;
    if (fuzz_random(&state, 2)) { /* two sequences change places */
        const size_t count = (size - 1 - HEADER) / 4;
        uint8_t *a = data + 1 + HEADER + 4 * (count ? fuzz_random(&state, count) : 0);
        uint8_t *b = data + 1 + HEADER + 4 * (count ? fuzz_random(&state, count) : 0);
        for (size_t k = 0; k < 4 && count; k++) {
            const uint8_t kept = a[k];
            a[k] = b[k];
            b[k] = kept;
        }
    }
    for (size_t k = 1 + HEADER; k < size; k++)
        checksum = (checksum ^ data[k]) * UINT64_C(0x100000001b3);
    for (size_t k = 0; k < 8; k++)
        data[1 + CHECKSUM_AT + k] = (uint8_t)(checksum >> 8 * k);
    return size;
}

void fuzz_seeds(void)
{
    for (size_t bits = 1; bits <= MAX_BITS; bits++) {
        char name[32];
        snprintf(name, sizeof name, "bits_%zu", bits);
        synthetic_dataset *dataset = synthetic_dataset_create(&(synthetic_dataset_config){
            .bits = bits, .seed = 1, .cache_path = fuzz_output_path(), .force_recompute = true});
        need(dataset && synthetic_dataset_sequences(dataset, SYNTHETIC_DATASET_TRAIN));
        fuzz_seed_file(name, (const uint8_t[]){(uint8_t)(bits - 1)}, 1, fuzz_output_path());
        synthetic_dataset_destroy(dataset);
    }
}
