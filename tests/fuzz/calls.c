/* Calls that the bytes choose, one after another, right and wrong ones, on objects that earlier calls have made. A
 * failure has a documented status and a message and writes nothing; nothing is written beside an array; objects go in
 * any order, and nothing is left of them. The order in which arguments take their bytes is the compiler's: a file says
 * the same only to programs of one. */
#include "calls.h"

#include <math.h>
#include <stdlib.h>

size_t call_size(caller *c)
{
    static const size_t sizes[] = {
        0,        1, 2, 3, 4, 5, 1, 2, 3, 4, 7, 8, 16, 33, SIZE_MAX, SIZE_MAX / 4, 64, 1, 2, 3, (size_t)1 << 31,
        SIZE_MAX, 2, 5, 6, 1, 1, 2, 2, 3, 3, 4};
    return fuzz_one_of(&c->bytes, sizes);
}

size_t call_small(caller *c)
{
    return fuzz_pick(&c->bytes, 6);
}

float call_number(caller *c)
{
    static const float numbers[] = {0.5f, 0.1f, 1.0f,     0.0f, -1.0f, 0.9f,  0.999f,    1e-3f,
                                    0.5f, 0.1f, INFINITY, NAN,  2.0f,  1e30f, -INFINITY, 0.25f};
    return fuzz_one_of(&c->bytes, numbers);
}

size_t call_struct_size(caller *c, size_t right)
{
    const size_t way = fuzz_pick(&c->bytes, 32);
    return way == 1 ? 0 : way == 2 ? sizeof(size_t) : way == 3 ? sizeof(size_t) - 1 : right;
}

void *call_pointer(caller *c, void *right)
{
    return fuzz_pick(&c->bytes, 16) == 1 ? NULL : right;
}

/* An array of more than the 5 steps of 64 streams is none: no call reads or writes it. */
static size_t fitting(size_t count)
{
    return count <= 64 * 5 * CALL_WIDTH ? count : 0;
}

float *call_input(caller *c, size_t count)
{
    const size_t fits = fitting(count);
    float *values = fuzz_array(fits, sizeof *values);
    const float scale = fits ? call_number(c) : 0.0f;
    for (size_t k = 0; k < fits; k++)
        values[k] = scale * ((float)(k * 37 % 17) / 8.0f - 1.0f);
    return call_pointer(c, values);
}

float *call_output(size_t count)
{
    return fuzz_array(fitting(count), sizeof(float));
}

void *call_memory(caller *c, size_t bytes)
{
    void *memory = NULL;
    if (bytes > 1 << 20 || c->memory_count == sizeof c->memory / sizeof *c->memory)
        return NULL;
    need(!posix_memalign(&memory, 64, bytes + 64));
    c->memory[c->memory_count++] = memory;
    return (char *)memory + (fuzz_pick(&c->bytes, 8) == 1 ? 4 : 0);
}

static void destroy_list(caller *c, size_t list)
{
#define DESTROY(objects, destroy)                                                                                      \
    for (size_t k = 0; k < sizeof c->objects / sizeof *c->objects; k++) {                                              \
        destroy(c->objects[k]);                                                                                        \
        c->objects[k] = NULL;                                                                                          \
    }                                                                                                                  \
    break
    switch (list) {
    case 0: DESTROY(contexts, lstm_context_destroy);
    case 1: DESTROY(params, lstm_params_destroy);
    case 2: DESTROY(cells, lstm_cell_destroy);
    case 3: DESTROY(rnns, lstm_rnn_destroy);
    case 4: DESTROY(tapes, lstm_tape_destroy);
    case 5: DESTROY(streams, lstm_stream_destroy);
    case 6: DESTROY(denses, lstm_dense_destroy);
    case 7: DESTROY(optimizers, lstm_optimizer_destroy);
    case 8: DESTROY(models, lstm_model_destroy);
    case 9: DESTROY(model_tapes, lstm_model_tape_destroy);
    case 10: DESTROY(model_streams, lstm_model_stream_destroy);
    case 11: DESTROY(batches, lstm_batches_destroy);
    default: DESTROY(checkpoints, lstm_checkpoint_destroy);
    }
#undef DESTROY
}

enum { LISTS = 13 };

static void make_context(caller *c)
{
    static const lstm_isa isas[] = {LSTM_ISA_BEST, LSTM_ISA_PORTABLE, LSTM_ISA_AVX2, LSTM_ISA_NEON, (lstm_isa)99};
    const lstm_context_config config = {.struct_size = call_struct_size(c, sizeof config),
                                        .isa = fuzz_one_of(&c->bytes, isas),
                                        .threads = fuzz_pick(&c->bytes, 8) == 1   ? 2
                                                   : fuzz_pick(&c->bytes, 8) == 1 ? 1025
                                                                                  : 1};
    size_t slot;
    MAKE(c, lstm_context, contexts, lstm_context_destroy, INVALID | UNSUPPORTED,
         lstm_context_create(call_pointer(c, (void *)(uintptr_t)&config), out));
    (void)slot;
    need(lstm_context_threads(any(c, contexts)) >= 1 && lstm_context_isa_name(any(c, contexts)));
}

static void destroy_some(caller *c)
{
    destroy_list(c, fuzz_pick(&c->bytes, LISTS));
}

static call *const calls_of_contexts[] = {make_context, destroy_some, NULL};

/* Mostly what is needed for the others: weights, a cell, a plan. */
static void make_call(caller *c)
{
    static call *const *const tables[] = {calls_of_params,   calls_of_plans,   calls_of_plans,  calls_of_streams,
                                          calls_of_training, calls_of_models,  calls_of_arrays, calls_of_losses,
                                          calls_of_contexts, calls_of_streams, calls_of_params, calls_of_models};
    call *const *table = fuzz_one_of(&c->bytes, tables);
    size_t count = 0;
    while (table[count])
        count++;
    table[fuzz_pick(&c->bytes, count)](c);
    fuzz_arrays_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    caller c = {.bytes = {bytes, size}};
    fuzz_memory_begin();
    if (fuzz_pick(&c.bytes, 8))
        call_make_world(&c);
    for (size_t calls = 0; c.bytes.left && calls < 100; calls++)
        make_call(&c);
    const size_t first = size ? bytes[size - 1] % LISTS : 0;
    for (size_t k = 0; k < LISTS; k++)
        destroy_list(&c, (first + k) % LISTS);
    while (c.memory_count)
        free(c.memory[--c.memory_count]);
    fuzz_memory_check();
    return 0;
}
