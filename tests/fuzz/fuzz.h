/* What the fuzz targets share. A target is a file with LLVMFuzzerTestOneInput, one program with libFuzzer, or with
 * replay.c where there is none. */
#ifndef FUZZ_H
#define FUZZ_H

#include <lstm/lstm.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A mutator that knows the format, of targets that have one; and libFuzzer's own, for it to build on. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Makes the target's seeds by fuzz_seed and fuzz_seed_file, in its folder of the corpus: replay.c calls it. */
void fuzz_seeds(void);
void fuzz_seed(const char *name, const void *bytes, size_t size);
/* Of the bytes of a file, behind those of the selector. */
void fuzz_seed_file(const char *name, const void *selector, size_t selector_size, const char *path);
extern const char *fuzz_seed_folder;

/* The condition is a promise of the library's: where it does not hold, the target aborts with a line. */
#define need(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* A set of statuses beside LSTM_OK. */
enum {
    INVALID = 1 << LSTM_ERR_INVALID_ARGUMENT,
    MEMORY = 1 << LSTM_ERR_OUT_OF_MEMORY,
    SHAPE = 1 << LSTM_ERR_SHAPE,
    CAPACITY = 1 << LSTM_ERR_CAPACITY,
    STATE = 1 << LSTM_ERR_STATE,
    UNSUPPORTED = 1 << LSTM_ERR_UNSUPPORTED,
    IO = 1 << LSTM_ERR_IO,
    FORMAT = 1 << LSTM_ERR_FORMAT
};

/* Check that a function's status is a documented one, and that a failure has a message that begins with its name; or,
 * of one that fails by what others say, with LSTM_NAME. */
#define LSTM_NAME "lstm_"
lstm_status fuzz_status(lstm_status status, const char *function, unsigned documented);

/* What decisions are drawn from. Behind the last byte come zeros. */
typedef struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
} fuzz_bytes;

size_t fuzz_pick(fuzz_bytes *bytes, size_t below); /* below <= 65536 */
#define fuzz_one_of(bytes, array) ((array)[fuzz_pick((bytes), sizeof(array) / sizeof *(array))])

/* Arrays that end at a page without access, and begin behind bytes that are checked: of up to 128 KiB, all 0xFF, which
 * is NaN. An array of no bytes is that page. They last until fuzz_arrays_check, which sees whether anything was written
 * in front of them. */
void *fuzz_array(size_t count, size_t size);
void fuzz_arrays_check(void);

/* Whether an array is as fuzz_array made it. */
bool fuzz_untouched(const void *array, size_t bytes);

/* The same bits, or NaN in both. */
bool fuzz_same(const float *a, const float *b, size_t count);

/* A handle's value from before a call that is to leave it alone: the address stands for whatever was there. */
extern char fuzz_mark;
#define FUZZ_MARK ((void *)&fuzz_mark)

/* A context whose memory is counted: the bytes taken since fuzz_memory_begin, and that all of them were given back. */
lstm_context *fuzz_context(void);
void fuzz_memory_begin(void);
size_t fuzz_memory_taken(void);
void fuzz_memory_check(void);

/* Paths in a folder of this process's own: a file that holds these bytes, and one to write to. */
const char *fuzz_input_path(const void *bytes, size_t size);
const char *fuzz_output_path(void);

/* Random numbers of mutators. */
size_t fuzz_random(uint64_t *state, size_t below);

#endif
