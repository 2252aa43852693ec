/* Every function of the library in an order that works, in steps of at most one call that can fail. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <lstm/lstm.h>

enum { CELLS = 16, OPTIMIZERS = 8, STEPS = 128, NUMBERS = 64, BYTES = 4096 };

/* What one step found out. */
typedef struct result {
    float f[NUMBERS];
    double d[4];
    size_t n[8];
    bool b;
} result;

/* All objects and all results: a step that fails leaves every byte as it was. */
typedef struct world {
    lstm_context *context;
    lstm_cell *cells[CELLS];
    lstm_params *params, *zeros, *frozen, *borrowed, *other, *loaded, *net, *net_grads, *net_frozen, *opened, *memory,
        *torch, *average, *wide;
    lstm_rnn *plain, *both, *stack, *custom, *apart, *lstm;
    lstm_dense *dense;
    lstm_tape *tape, *raw_tape;
    lstm_stream *stream, *fork;
    lstm_model *model, *wide_model, *opened_model, *model_of_memory;
    lstm_model_tape *model_tape;
    lstm_model_stream *model_stream, *model_fork;
    lstm_optimizer *optimizers[OPTIMIZERS];
    lstm_batches *batches;
    lstm_safetensors *file, *in_memory;
    lstm_checkpoint *checkpoint, *model_checkpoint;
    uint64_t counters[2];
    float outputs[9]; /* of the model's first row */
    result results[STEPS];
} world;

typedef struct step {
    const char *name;
    lstm_status (*run)(world *w, result *r);
    const char *file; /* that it reads or writes; NULL: none */
} step;

/* The steps, in three parts that follow each other. */
extern const step object_steps[], number_steps[], file_steps[];
extern const size_t object_step_count, number_step_count, file_step_count;

/* Which context the first step makes. */
typedef enum memory { C_LIBRARY, OWN_ALLOCATOR, THREADS, MEMORIES } memory;
extern memory scenario_memory;

/* The call that a step makes, if it makes but one. */
extern const char *scenario_call;

/* A step of one call; what it makes is its only result. */
#define STEP(name, call)                                                                                               \
    static lstm_status name(world *w, result *r)                                                                       \
    {                                                                                                                  \
        (void)w, (void)r;                                                                                              \
        scenario_call = #call;                                                                                         \
        return call;                                                                                                   \
    }

/* Numbers to compute with. */
extern float scenario_numbers[NUMBERS];

/* Destroy everything; the folder's files are left. */
void scenario_end(world *w);

#endif
