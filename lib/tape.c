/* The tape's memory, and how a batch is arranged in it. */
#include "rnn.h"

#include "context.h"
#include "status.h"

#include <string.h>

size_t lstm__block_rows(const lstm_tape *tape, size_t batch)
{
    /* Two threads should both have work. What a block adds to a gradient may not depend on how many there are, nor the bits
     * that a CBLAS gives a row. */
    const lstm_context *context = tape->rnn->context;
    const bool one = tape->inference && lstm__context_kernels(context)->packs && lstm_context_threads(context) == 1;
    size_t rows = (batch / (one ? 1 : 2) + 7) / 8 * 8;
    return rows < LSTM__BLOCK_ROWS_MIN   ? LSTM__BLOCK_ROWS_MIN
           : rows > LSTM__BLOCK_ROWS_MAX ? LSTM__BLOCK_ROWS_MAX
                                         : rows;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static float *take_rows(lstm__arena *arena, size_t rows, size_t width)
{
    size_t count = 0;
    arena->overflow |= !lstm__multiply(rows, width, &count);
    return lstm__arena_take(arena, count, sizeof(float));
}

float **lstm__take_states(lstm__arena *arena, const size_t *sizes, size_t leaves, size_t rows)
{
    float **states = lstm__arena_take(arena, leaves, sizeof *states);
    for (size_t leaf = 0; leaf < leaves; leaf++) {
        float *array = take_rows(arena, rows, sizes[leaf]);
        if (states)
            states[leaf] = array;
    }
    return states;
}

/* The largest of all directions. */
typedef struct widths {
    size_t input, output, tape, scratch, pointers;
    size_t own_output; /* of those whose output is no state */
} widths;

static widths largest(const lstm_rnn *rnn)
{
    widths w = {0};
    for (size_t d = 0; d < rnn->direction_count; d++) {
        const lstm_cell_spec *spec = rnn->directions[d].spec;
        w.input = larger(w.input, spec->input_size);
        w.output = larger(w.output, spec->output_size);
        if (spec->output_leaf == SIZE_MAX)
            w.own_output = larger(w.own_output, spec->output_size);
        w.tape = larger(w.tape, spec->tape_total);
        w.scratch = larger(w.scratch, spec->scratch_total);
        w.pointers = larger(w.pointers, spec->pointers_total);
    }
    return w;
}

static void take_lane(lstm__arena *arena, const lstm_tape *tape, lstm__lane *lane)
{
    const lstm_rnn *rnn = tape->rnn;
    const widths w = largest(rnn);
    const size_t chunk = tape->chunk_steps;
    lane->active = lstm__arena_take(arena, tape->max_time, sizeof *lane->active);
    lane->place = lstm__arena_take(arena, rnn->layer_count > 1 ? tape->max_time : 0, sizeof *lane->place);
    lane->scratch = take_rows(arena, chunk, w.scratch);
    lane->entering = lstm__arena_take(arena, rnn->states, sizeof(float *));
    lane->next_state = lstm__arena_take(arena, rnn->states, sizeof(float *));
    lane->pointers = lstm__arena_take(arena, w.pointers, sizeof(float *));
    if (tape->inference) {
        lane->input = take_rows(arena, chunk, w.input);
        lane->tape = take_rows(arena, chunk, w.tape);
        lane->output = take_rows(arena, chunk, w.own_output);
        lane->state = lstm__take_states(arena, rnn->state_sizes, rnn->states, tape->block_rows + chunk);
    } else {
        lane->d_output = take_rows(arena, chunk, w.output);
        lane->d_input = take_rows(arena, chunk, w.input);
        lane->d_state = lstm__take_states(arena, rnn->state_sizes, rnn->states, tape->block_rows);
    }
}

static void take_track(lstm__arena *arena, const lstm_tape *tape, const lstm_cell_spec *spec, lstm__track *track)
{
    size_t state_rows = 0;
    arena->overflow |= !lstm__add(tape->max_batch, tape->max_steps, &state_rows);
    track->input = take_rows(arena, tape->max_steps, spec->input_size);
    track->tape = take_rows(arena, tape->max_steps, spec->tape_total);
    track->output = take_rows(arena, spec->output_leaf == SIZE_MAX ? tape->max_steps : 0, spec->output_size);
    track->state = lstm__take_states(arena, spec->state_sizes, spec->states, state_rows);
}

lstm__packing lstm__packing_of(const lstm_rnn *rnn, const lstm__wanted_matrix *m)
{
    return (lstm__packing){
        .offset = rnn->offsets[m->variable], .rows = m->transposed ? 0 : m->rows, .columns = m->columns};
}

/* Per matrix that the plan multiplies by, its packed weights: what is transposed serves backward alone, and few rows read
 * the others as they are, or in inference packed in a way of their own; a frozen store has that already. */
static void take_packed(lstm__arena *arena, lstm_tape *tape)
{
    const lstm__variables *all = &tape->rnn->variables;
    const bool packs = lstm__context_kernels(tape->rnn->context)->packs;
    const bool few = tape->block_rows <= LSTM__FEW_ROWS;
    tape->packed = lstm__arena_take(arena, all->matrix_count, sizeof *tape->packed);
    tape->few = lstm__arena_take(arena, all->matrix_count, sizeof *tape->few);
    for (size_t k = 0; k < all->matrix_count && packs; k++) {
        const lstm__wanted_matrix *m = &all->matrices[k];
        float *packed = NULL, *for_few = NULL;
        if (m->transposed ? !tape->inference : !few)
            packed = take_rows(arena, m->transposed ? m->columns : m->rows,
                               lstm__packed_width(m->transposed ? m->rows : m->columns));
        if (!m->transposed && few && tape->inference && !tape->is_frozen)
            for_few = take_rows(arena, m->rows, lstm__packed_width(m->columns));
        if (tape->packed && tape->few) {
            tape->packed[k] = packed;
            tape->few[k] = for_few;
        }
    }
}

/* Per layer but the last, its packed output. */
static float **take_between(lstm__arena *arena, const lstm_tape *tape)
{
    const size_t count = tape->rnn->layer_count - 1;
    float **between = lstm__arena_take(arena, count, sizeof *between);
    for (size_t k = 0; k < count; k++) {
        float *array = take_rows(arena, tape->max_steps, tape->rnn->layers[k].output_size);
        if (between)
            between[k] = array;
    }
    return between;
}

/* Cut the tape's arrays out of the arena; all sizes are set. */
static void take_arrays(lstm__arena *arena, lstm_tape *tape)
{
    const lstm_rnn *rnn = tape->rnn;
    size_t pointers = 0;
    tape->order = lstm__arena_take(arena, tape->max_batch, sizeof *tape->order);
    tape->length = lstm__arena_take(arena, tape->max_batch, sizeof *tape->length);
    tape->row_id = lstm__arena_take(arena, tape->max_batch, sizeof *tape->row_id);
    tape->sorting = lstm__arena_take(arena, tape->max_time + 1, sizeof *tape->sorting);
    tape->blocks = lstm__arena_take(arena, tape->max_blocks, sizeof *tape->blocks);
    tape->chunks = lstm__arena_take(arena, tape->max_chunks, sizeof *tape->chunks);
    tape->variables = lstm__arena_take(arena, rnn->variables.count, sizeof *tape->variables);
    tape->matrices = lstm__arena_take(arena, rnn->variables.matrix_count, sizeof *tape->matrices);
    take_packed(arena, tape);
    arena->overflow |= !lstm__multiply(rnn->variables.count, tape->max_blocks + 1, &pointers);
    tape->d_variables = lstm__arena_take(arena, pointers, sizeof *tape->d_variables);
    tape->lanes = lstm__arena_take(arena, tape->lane_count, sizeof *tape->lanes);
    for (size_t k = 0; k < tape->lane_count; k++) {
        lstm__lane counted = {0};
        take_lane(arena, tape, tape->lanes ? &tape->lanes[k] : &counted);
    }
    tape->between = take_between(arena, tape);
    if (tape->inference)
        return;
    tape->d_between = take_between(arena, tape);
    tape->tracks = lstm__arena_take(arena, rnn->direction_count, sizeof *tape->tracks);
    for (size_t d = 0; d < rnn->direction_count; d++) {
        lstm__track counted = {0};
        take_track(arena, tape, rnn->directions[d].spec, tape->tracks ? &tape->tracks[d] : &counted);
    }
    tape->aside = take_rows(arena, tape->block_rows, larger(rnn->state_floats, largest(rnn).output));
    if (rnn->adds_by_step || rnn->sums_by_block)
        tape->partial = take_rows(arena, tape->max_blocks, rnn->weight_floats);
    if (rnn->learned_initial_state)
        tape->partial_states = take_rows(arena, tape->max_blocks, rnn->state_floats);
}

/* Fill in a tape's sizes from its configuration, and count its bytes. */
static lstm_status measure(const char *function, const lstm_rnn *rnn, const lstm_tape_config *config, bool frozen,
                           lstm_tape *tape, size_t *bytes)
{
    size_t steps;
    if (!config->inference && !rnn->is_trainable)
        return lstm__fail(LSTM_ERR_UNSUPPORTED, "%s: a cell of the plan has no step_backward: it is for inference only",
                          function);
    if (!lstm__multiply(config->max_batch, config->max_time, &steps))
        return lstm__fail_memory(function);
    if (config->max_steps)
        steps = smaller(steps, config->max_steps);
    *tape = (lstm_tape){.rnn = (lstm_rnn *)(uintptr_t)rnn,
                        .inference = config->inference,
                        .is_frozen = frozen,
                        .max_batch = config->max_batch,
                        .max_time = config->max_time,
                        .max_steps = steps};
    tape->block_rows = smaller(LSTM__BLOCK_ROWS_MAX, config->max_batch);
    tape->max_blocks = config->max_batch / LSTM__BLOCK_ROWS_MIN + 1;
    /* Two chunks that follow each other in a block have more than CHUNK_STEPS steps together. */
    tape->max_chunks = steps / LSTM__CHUNK_STEPS * 2 + 2 + tape->max_blocks;
    tape->chunk_steps = larger(smaller(steps, LSTM__CHUNK_STEPS), tape->block_rows);
    tape->lane_count = lstm__lanes(rnn->context, larger(tape->max_blocks, LSTM__GRADIENT_PARTS));
    lstm__arena counting = {0};
    lstm__arena_take(&counting, 1, sizeof *tape);
    take_arrays(&counting, tape);
    if (counting.overflow)
        return lstm__fail_memory(function);
    *bytes = counting.used;
    return LSTM_OK;
}

lstm_status lstm__tape_size(const char *function, const lstm_rnn *rnn, const lstm_tape_config *config, bool frozen,
                            size_t *bytes)
{
    lstm_tape measured;
    return measure(function, rnn, config, frozen, &measured, bytes);
}

lstm_status lstm_tape_size(const lstm_rnn *rnn, const lstm_tape_config *config, size_t *bytes, size_t *alignment)
{
    const char *function = "lstm_tape_size";
    if (!rnn || !config || !bytes)
        return lstm__fail_null(function, !rnn ? "rnn" : !config ? "config" : "bytes");
    lstm_tape_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = lstm__tape_size(function, rnn, &c, false, bytes)))
        return status;
    if (alignment)
        *alignment = LSTM__ALIGNMENT;
    return LSTM_OK;
}

lstm_status lstm__tape_create(const char *function, const lstm_rnn *rnn, const lstm_tape_config *config, bool frozen,
                              lstm_tape **tape)
{
    lstm_tape measured;
    size_t bytes;
    void *memory;
    lstm_status status = measure(function, rnn, config, frozen, &measured, &bytes);
    if (status ||
        (status = lstm__take_memory(function, rnn->context, config->memory, config->memory_size, bytes, &memory)))
        return status;
    lstm__arena arena = {.base = memory};
    lstm_tape *made = lstm__arena_take(&arena, 1, sizeof *made);
    *made = measured;
    made->owns_memory = !config->memory;
    take_arrays(&arena, made);
    lstm__rnn_retain(made->rnn);
    *tape = made;
    return LSTM_OK;
}

lstm_status lstm_tape_create(const lstm_rnn *rnn, const lstm_tape_config *config, lstm_tape **tape)
{
    const char *function = "lstm_tape_create";
    if (!rnn || !config || !tape)
        return lstm__fail_null(function, !rnn ? "rnn" : !config ? "config" : "tape");
    lstm_tape_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    return status ? status : lstm__tape_create(function, rnn, &c, false, tape);
}

void lstm__tape_forget(lstm_tape *tape)
{
    lstm_params_destroy(tape->params);
    tape->params = NULL;
}

void lstm__tape_pack(lstm_tape *tape, const lstm_params *params)
{
    const lstm__variables *all = &tape->rnn->variables;
    const lstm__kernels *kernels = lstm__context_kernels(tape->rnn->context);
    if (tape->packed_params == params && tape->packed_version == lstm__params_version(params))
        return;
    for (size_t k = 0; k < all->matrix_count; k++) {
        const lstm__wanted_matrix *m = &all->matrices[k];
        const float *values = tape->variables[m->variable] + m->first_row * m->columns;
        const size_t rows = m->transposed ? m->columns : m->rows, columns = m->transposed ? m->rows : m->columns;
        const lstm__packing packing = lstm__packing_of(tape->rnn, m);
        tape->matrices[k] =
            (lstm__matrix){.values = values,
                           .packed = tape->packed[k],
                           .few = tape->is_frozen ? lstm__params_packed(params, &packing) : tape->few[k],
                           .ld = m->columns,
                           .rows = rows,
                           .transposed = m->transposed};
        if (tape->few[k])
            kernels->pack_few(rows, columns, values, m->columns, tape->few[k]);
        if (tape->packed[k])
            kernels->pack(rows, columns, values, m->columns, m->transposed, tape->packed[k]);
    }
    lstm_params *last = tape->packed_params;
    tape->packed_params = (lstm_params *)(uintptr_t)params;
    tape->packed_version = lstm__params_version(params);
    lstm__params_retain(tape->packed_params);
    lstm_params_destroy(last);
}

void lstm_tape_destroy(lstm_tape *tape)
{
    if (!tape)
        return;
    lstm__tape_forget(tape);
    lstm_params_destroy(tape->packed_params);
    lstm_rnn *rnn = tape->rnn;
    if (tape->owns_memory)
        lstm__release(rnn->context, tape);
    lstm_rnn_destroy(rnn);
}

/* Counting sort by falling length; rows of equal length keep their order. */
static void sort_rows(lstm_tape *tape, const size_t *length)
{
    const size_t batch = tape->batch, time = tape->time;
    if (!length) {
        for (size_t row = 0; row < batch; row++) {
            tape->order[row] = row;
            tape->length[row] = time;
        }
        return;
    }
    memset(tape->sorting, 0, (time + 1) * sizeof *tape->sorting);
    for (size_t row = 0; row < batch; row++)
        tape->sorting[length[row]]++;
    for (size_t l = time + 1, before = 0; l-- > 0;) {
        size_t count = tape->sorting[l];
        tape->sorting[l] = before;
        before += count;
    }
    for (size_t row = 0; row < batch; row++) {
        size_t place = tape->sorting[length[row]]++;
        tape->order[place] = row;
        tape->length[place] = length[row];
    }
}

/* Cut a block's time into chunks of at most CHUNK_STEPS steps, and of one time step at least. */
static size_t cut_time(const lstm_tape *tape, lstm__block *block, lstm__chunk *chunks)
{
    const size_t *length = tape->length + block->first_row;
    const size_t time = block->rows ? length[0] : 0;
    size_t count = 0, rows = block->rows, before = block->rows;
    for (size_t t = 0; t < time; t++, before = rows) {
        while (length[rows - 1] <= t)
            rows--;
        if (!count || chunks[count - 1].steps + rows > LSTM__CHUNK_STEPS)
            chunks[count++] =
                (lstm__chunk){.start = t, .rows = rows, .rows_before = before, .first_step = block->steps};
        chunks[count - 1].time++;
        chunks[count - 1].steps += rows;
        block->steps += rows;
    }
    return count;
}

void lstm__tape_arrange(lstm_tape *tape, size_t batch, size_t time, const size_t *length, const uint64_t *row_id)
{
    tape->batch = batch;
    tape->time = time;
    tape->block_count = 0;
    sort_rows(tape, length);
    for (size_t k = 0; k < batch; k++)
        tape->row_id[k] = row_id ? row_id[tape->order[k]] : tape->order[k];
    const size_t block_rows = lstm__block_rows(tape, batch);
    size_t first_step = 0, first_chunk = 0;
    for (size_t row = 0; row < batch; row += block_rows) {
        lstm__block *block = &tape->blocks[tape->block_count++];
        *block = (lstm__block){.first_row = row,
                               .rows = smaller(block_rows, batch - row),
                               .first_step = first_step,
                               .first_chunk = first_chunk};
        block->chunks = cut_time(tape, block, tape->chunks + first_chunk);
        first_step += block->steps;
        first_chunk += block->chunks;
    }
}
