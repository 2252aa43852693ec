/* Calls in any order with any arguments, right and wrong: what the parts of that target share. */
#ifndef CALLS_H
#define CALLS_H

#include "fuzz.h"

enum { FEW = 3, SOME = 4, CALL_LEAVES = 6, CALL_WIDTH = 64, CALL_ROWS = 12 };

/* Widths that the arrays of a plan have: what makes it stays known when the plan is gone. */
typedef struct widths {
    lstm_layout layout;
    size_t in, out, leaves, widths[CALL_LEAVES];
} widths;

/* What has been made; NULL in a slot that is empty. */
typedef struct caller {
    fuzz_bytes bytes;
    lstm_context *contexts[FEW];
    lstm_params *params[SOME];
    lstm_cell *cells[FEW];
    lstm_rnn *rnns[FEW];
    lstm_tape *tapes[FEW];
    lstm_stream *streams[FEW];
    lstm_dense *denses[FEW];
    lstm_optimizer *optimizers[FEW];
    lstm_model *models[FEW];
    lstm_model_tape *model_tapes[FEW];
    lstm_model_stream *model_streams[FEW];
    lstm_batches *batches[FEW];
    lstm_checkpoint *checkpoints[FEW];
    widths rnn_sizes[FEW], tape_sizes[FEW], stream_sizes[FEW], dense_sizes[FEW];
    widths model_sizes[FEW], model_tape_sizes[FEW], model_stream_sizes[FEW];
    size_t stream_batch[FEW], model_stream_batch[FEW];
    void *memory[64]; /* given to objects; freed behind them */
    size_t memory_count;
} caller;

/* Something, or nothing. */
#define any(c, list) (fuzz_one_of(&(c)->bytes, (c)->list))

/* A slot of a list. */
#define slot_of(c, list) (fuzz_pick(&(c)->bytes, sizeof(c)->list / sizeof *(c)->list))

/* Make an object by a call that writes to `out`, which is now and then NULL, and put it into a slot in the place of
 * what is there. A call that fails leaves the handle alone. `slot` is where it went, or SIZE_MAX. */
#define MAKE(c, type, list, destroy, documented, call)                                                                 \
    do {                                                                                                               \
        type *made = FUZZ_MARK, **out = fuzz_pick(&(c)->bytes, 32) == 1 ? NULL : &made;                                \
        const lstm_status made_status = fuzz_status((call), LSTM_NAME, (documented));                                  \
        slot = SIZE_MAX;                                                                                               \
        need(out || made_status == LSTM_ERR_INVALID_ARGUMENT || made_status == LSTM_ERR_UNSUPPORTED);                  \
        need(!made_status == ((void *)made != FUZZ_MARK));                                                             \
        if (!made_status) {                                                                                            \
            slot = slot_of(c, list);                                                                                   \
            destroy((c)->list[slot]);                                                                                  \
            (c)->list[slot] = made;                                                                                    \
        }                                                                                                              \
    } while (0)

/* A size: mostly small, now and then far too large. `scale` comes from an enumeration, flags and so on likewise. */
size_t call_size(caller *c);
size_t call_small(caller *c); /* below 6 */
float call_number(caller *c);
size_t call_struct_size(caller *c, size_t right);

/* NULL now and then. */
void *call_pointer(caller *c, void *right);

/* An array of numbers to read; sizes beyond what is ever valid give one of no bytes, which may not be touched. */
float *call_input(caller *c, size_t count);
float *call_output(size_t count);

/* Memory that lasts until the end, aligned or now and then not; NULL for a size that is too large. */
void *call_memory(caller *c, size_t bytes);

/* What its arrays are like; false: too large for this target, and destroyed. */
bool call_rnn_sizes(lstm_rnn **rnn, lstm_layout layout, widths *s);
void call_model_sizes(const lstm_model *model, widths *s);

/* Fill the first slots of the lists, by calls that are right. */
void call_make_world(caller *c);

/* The calls: each table ends with NULL. */
typedef void call(caller *c);
extern call *const calls_of_params[],
    *const calls_of_plans[], *const calls_of_streams[], *const calls_of_models[], *const calls_of_training[],
                                                                                      *const calls_of_arrays[],
                                                                                          *const calls_of_losses[];

#endif
