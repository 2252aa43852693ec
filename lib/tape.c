/* The tape's memory, and how a batch is arranged in it. */
#include "rnn.h"

#include "context.h"
#include "memory.h"
#include "status.h"

#include <string.h>

size_t lstm__block_rows(size_t batch)
{
    size_t rows = (batch / 2 + 7) / 8 * 8; /* two threads should both have work */
    return rows < LSTM__BLOCK_ROWS_MIN   ? LSTM__BLOCK_ROWS_MIN
           : rows > LSTM__BLOCK_ROWS_MAX ? LSTM__BLOCK_ROWS_MAX
                                         : rows;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Per leaf, an array of `rows` rows. */
static void take_states(lstm__arena *arena, const lstm_cell_spec *spec, size_t rows, float ***arrays)
{
    float **leaves = lstm__arena_take(arena, spec->states, sizeof *leaves);
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        size_t count = 0;
        arena->overflow |= !lstm__multiply(rows, spec->state_sizes[leaf], &count);
        float *array = lstm__arena_take(arena, count, sizeof(float));
        if (leaves)
            leaves[leaf] = array;
    }
    *arrays = leaves;
}

static float *take_rows(lstm__arena *arena, size_t rows, size_t width)
{
    size_t count = 0;
    arena->overflow |= !lstm__multiply(rows, width, &count);
    return lstm__arena_take(arena, count, sizeof(float));
}

static void take_lane(lstm__arena *arena, const lstm_tape *tape, lstm__lane *lane)
{
    const lstm_cell_spec *spec = &tape->rnn->spec;
    const size_t chunk = tape->chunk_steps;
    size_t scratch = 0;
    arena->overflow |= !lstm__add(spec->scratch_floats, spec->driver_floats, &scratch);
    lane->active = lstm__arena_take(arena, tape->max_time, sizeof *lane->active);
    lane->scratch = take_rows(arena, chunk, scratch);
    lane->entering = lstm__arena_take(arena, spec->states, sizeof(float *));
    lane->next_state = lstm__arena_take(arena, spec->states, sizeof(float *));
    lane->pointers = lstm__arena_take(arena, spec->states, 4 * sizeof(float *));
    if (tape->inference) {
        lane->input = take_rows(arena, chunk, spec->input_size);
        lane->tape = take_rows(arena, chunk, spec->tape_floats);
        lane->output = take_rows(arena, spec->output_leaf == SIZE_MAX ? chunk : 0, spec->output_size);
        take_states(arena, spec, tape->block_rows + chunk, &lane->state);
    } else {
        lane->d_output = take_rows(arena, chunk, spec->output_size);
        lane->d_input = take_rows(arena, chunk, spec->input_size);
        take_states(arena, spec, tape->block_rows, &lane->d_state);
    }
}

/* Cut the tape's arrays out of the arena; all sizes are set. */
static void take_arrays(lstm__arena *arena, lstm_tape *tape)
{
    const lstm_cell_spec *spec = &tape->rnn->spec;
    const size_t variables = spec->variable_count;
    size_t pointers = 0, state_rows = 0;
    tape->order = lstm__arena_take(arena, tape->max_batch, sizeof *tape->order);
    tape->length = lstm__arena_take(arena, tape->max_batch, sizeof *tape->length);
    tape->place = lstm__arena_take(arena, tape->max_time + 1, sizeof *tape->place);
    tape->blocks = lstm__arena_take(arena, tape->max_blocks, sizeof *tape->blocks);
    tape->chunks = lstm__arena_take(arena, tape->max_chunks, sizeof *tape->chunks);
    tape->variables = lstm__arena_take(arena, variables, sizeof *tape->variables);
    arena->overflow |= !lstm__multiply(variables, tape->max_blocks + 1, &pointers);
    tape->d_variables = lstm__arena_take(arena, pointers, sizeof *tape->d_variables);
    tape->lanes = lstm__arena_take(arena, tape->lane_count, sizeof *tape->lanes);
    for (size_t k = 0; k < tape->lane_count; k++) {
        lstm__lane counted = {0};
        take_lane(arena, tape, tape->lanes ? &tape->lanes[k] : &counted);
    }
    if (tape->inference)
        return;
    arena->overflow |= !lstm__add(tape->max_batch, tape->max_steps, &state_rows);
    tape->input = take_rows(arena, tape->max_steps, spec->input_size);
    tape->tape = take_rows(arena, tape->max_steps, spec->tape_floats);
    tape->output = take_rows(arena, spec->output_leaf == SIZE_MAX ? tape->max_steps : 0, spec->output_size);
    take_states(arena, spec, state_rows, &tape->state);
    if (!tape->rnn->cell->body->weight_gradient)
        tape->partial = take_rows(arena, tape->max_blocks, tape->rnn->weight_floats);
}

/* Fill in a tape's sizes from its configuration, and count its bytes. */
static lstm_status measure(const char *function, const lstm_rnn *rnn, const lstm_tape_config *config, lstm_tape *tape,
                           size_t *bytes)
{
    size_t steps;
    if (!config->inference && !lstm__cell_is_trainable(rnn->cell))
        return lstm__fail(LSTM_ERR_UNSUPPORTED, "%s: cell \"%s\" has no step_backward: it is for inference only",
                          function, rnn->cell->name);
    if (!lstm__multiply(config->max_batch, config->max_time, &steps))
        return lstm__fail_memory(function);
    if (config->max_steps)
        steps = smaller(steps, config->max_steps);
    *tape = (lstm_tape){.rnn = (lstm_rnn *)(uintptr_t)rnn,
                        .inference = config->inference,
                        .max_batch = config->max_batch,
                        .max_time = config->max_time,
                        .max_steps = steps};
    tape->block_rows = smaller(LSTM__BLOCK_ROWS_MAX, config->max_batch);
    tape->max_blocks = config->max_batch / LSTM__BLOCK_ROWS_MIN + 1;
    /* Two chunks that follow each other in a block have more than CHUNK_STEPS steps together. */
    tape->max_chunks = steps / LSTM__CHUNK_STEPS * 2 + 2 + tape->max_blocks;
    size_t chunk = steps < LSTM__CHUNK_STEPS ? steps : LSTM__CHUNK_STEPS;
    tape->chunk_steps = chunk > tape->block_rows ? chunk : tape->block_rows;
    size_t tasks = tape->max_blocks > LSTM__GRADIENT_PARTS ? tape->max_blocks : LSTM__GRADIENT_PARTS;
    tape->lane_count = lstm__lanes(rnn->context, tasks);
    lstm__arena counting = {0};
    lstm__arena_take(&counting, 1, sizeof *tape);
    take_arrays(&counting, tape);
    if (counting.overflow)
        return lstm__fail_memory(function);
    *bytes = counting.used;
    return LSTM_OK;
}

lstm_status lstm_tape_size(const lstm_rnn *rnn, const lstm_tape_config *config, size_t *bytes, size_t *alignment)
{
    const char *function = "lstm_tape_size";
    if (!rnn || !config || !bytes)
        return lstm__fail_null(function, !rnn ? "rnn" : !config ? "config" : "bytes");
    lstm_tape_config c;
    lstm_tape measured;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = measure(function, rnn, &c, &measured, bytes)))
        return status;
    if (alignment)
        *alignment = LSTM__ALIGNMENT;
    return LSTM_OK;
}

lstm_status lstm_tape_create(const lstm_rnn *rnn, const lstm_tape_config *config, lstm_tape **tape)
{
    const char *function = "lstm_tape_create";
    if (!rnn || !config || !tape)
        return lstm__fail_null(function, !rnn ? "rnn" : !config ? "config" : "tape");
    lstm_tape_config c;
    lstm_tape measured;
    size_t bytes;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = measure(function, rnn, &c, &measured, &bytes)))
        return status;
    if (c.memory && c.memory_size < bytes)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: memory_size is %zu, expected at least %zu", function, c.memory_size,
                          bytes);
    if (c.memory && (uintptr_t)c.memory % LSTM__ALIGNMENT)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: memory is not aligned to %d bytes", function,
                          LSTM__ALIGNMENT);
    lstm__arena arena = {.base = c.memory ? memset(c.memory, 0, bytes) : lstm__allocate(rnn->context, bytes, 1)};
    if (!arena.base)
        return lstm__fail_memory(function);
    lstm_tape *made = lstm__arena_take(&arena, 1, sizeof *made);
    *made = measured;
    made->owns_memory = !c.memory;
    take_arrays(&arena, made);
    lstm__rnn_retain(made->rnn);
    *tape = made;
    return LSTM_OK;
}

void lstm__tape_forget(lstm_tape *tape)
{
    lstm_params_destroy(tape->params);
    tape->params = NULL;
}

void lstm_tape_destroy(lstm_tape *tape)
{
    if (!tape)
        return;
    lstm__tape_forget(tape);
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
    memset(tape->place, 0, (time + 1) * sizeof *tape->place);
    for (size_t row = 0; row < batch; row++)
        tape->place[length[row]]++;
    for (size_t l = time + 1, before = 0; l-- > 0;) {
        size_t count = tape->place[l];
        tape->place[l] = before;
        before += count;
    }
    for (size_t row = 0; row < batch; row++) {
        size_t place = tape->place[length[row]]++;
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

void lstm__tape_arrange(lstm_tape *tape, size_t batch, size_t time, const size_t *length)
{
    tape->batch = batch;
    tape->time = time;
    tape->block_count = 0;
    sort_rows(tape, length);
    const size_t block_rows = lstm__block_rows(batch);
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
