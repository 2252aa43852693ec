/* Between the caller's arrays, any layout and lengths, and the packed runs of the cells. */
#include "unroll.h"

#include "context.h"
#include "status.h"

#include <string.h>

lstm__sequence lstm__caller_sequence(const float *data, size_t width)
{
    return (lstm__sequence){.data = (float *)(uintptr_t)data, .width = width, .count = width};
}

lstm__sequence lstm__between_sequence(const lstm_tape *tape, float *const *between, size_t layer)
{
    const size_t width = tape->rnn->layers[layer].output_size;
    return (lstm__sequence){.data = between[layer], .width = width, .count = width, .packed = true};
}

const lstm__direction *lstm__leg_direction(const lstm__leg *leg)
{
    return &leg->call->tape->rnn->directions[leg->direction];
}

lstm__sequence lstm__own_columns(const lstm__leg *leg, lstm__sequence sequence)
{
    sequence.column = lstm__leg_direction(leg)->column;
    sequence.count = lstm__leg_direction(leg)->spec->output_size;
    return sequence;
}

void lstm__copy(float *to, const float *from, size_t width)
{
    if (width == 1)
        *to = *from;
    else
        memcpy(to, from, width * sizeof *to);
}

/* Where row `row` of the caller's batch stands at time t, in rows. */
static inline size_t caller_place(const lstm_tape *tape, size_t row, size_t t)
{
    return tape->rnn->order == LSTM_TIME_MAJOR ? t * tape->batch + row : row * tape->row_time + t;
}

void lstm__find_places(const lstm_tape *tape, const lstm__block *block, lstm__lane *lane)
{
    const size_t *length = tape->length + block->first_row;
    size_t rows = block->rows;
    for (size_t t = 0, place = 0; rows && t < length[0]; t++) {
        while (length[rows - 1] <= t)
            rows--;
        lane->place[t] = place;
        place += rows;
    }
}

/* The columns of row k of the block at the step-th step of the direction. */
static inline float *sequence_at(const lstm__leg *leg, const lstm__sequence *sequence, size_t k, size_t step)
{
    const lstm_tape *tape = leg->call->tape;
    const size_t row = leg->block->first_row + k;
    const size_t t = lstm__leg_direction(leg)->reverse ? tape->length[row] - 1 - step : step;
    const size_t place =
        sequence->packed ? leg->block->first_step + leg->lane->place[t] + k : caller_place(tape, tape->order[row], t);
    return sequence->data + place * sequence->width + sequence->column;
}

void lstm__gather_chunk(const lstm__leg *leg, const lstm__chunk *chunk, lstm__sequence from, float *packed)
{
    for (size_t t = 0; t < chunk->time; t++)
        for (size_t k = 0; k < leg->lane->active[t]; k++, packed += from.count)
            lstm__copy(packed, sequence_at(leg, &from, k, chunk->start + t), from.count);
}

void lstm__scatter_chunk(const lstm__leg *leg, const lstm__chunk *chunk, const float *packed, bool add,
                         lstm__sequence to)
{
    for (size_t t = 0; t < chunk->time; t++)
        for (size_t k = 0; k < leg->lane->active[t]; k++, packed += to.count) {
            float *place = sequence_at(leg, &to, k, chunk->start + t);
            if (add)
                leg->call->kernels->add(to.count, packed, place);
            else
                lstm__copy(place, packed, to.count);
        }
}

void lstm__clear_padding(const lstm_tape *tape, const lstm__block *block, size_t width, float *array)
{
    for (size_t k = block->first_row; k < block->first_row + block->rows; k++)
        for (size_t t = tape->length[k]; t < tape->time; t++)
            memset(array + caller_place(tape, tape->order[k], t) * width, 0, width * sizeof *array);
}

void lstm__gather_rows(const lstm_tape *tape, const lstm__block *block, const float *from, size_t width, float *rows)
{
    for (size_t k = 0; k < block->rows; k++)
        lstm__copy(rows + k * width, from + tape->order[block->first_row + k] * width, width);
}

void lstm__scatter_rows(const lstm_tape *tape, const lstm__block *block, const float *rows, size_t width, float *to)
{
    for (size_t k = 0; k < block->rows; k++)
        lstm__copy(to + tape->order[block->first_row + k] * width, rows + k * width, width);
}

lstm__chunk lstm__chunk_at(const lstm__leg *leg, size_t k)
{
    const lstm_tape *tape = leg->call->tape;
    const size_t rows = leg->block->rows;
    if (!tape->raw)
        return tape->chunks[leg->block->first_chunk + k];
    return (lstm__chunk){
        .start = k, .time = 1, .rows = rows, .steps = rows, .rows_before = rows, .first_step = k * rows};
}

lstm_status lstm__check_initial_state(const char *function, const lstm_rnn *rnn, const float *const *initial_state)
{
    for (size_t leaf = 0; initial_state && leaf < rnn->states; leaf++)
        if (!initial_state[leaf])
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: initial_state[%zu] is NULL", function, leaf);
    return LSTM_OK;
}

/* How many rows are computed at each step of a chunk: those that are alive; in a raw loop, all. */
static void count_active(const lstm__leg *leg, const lstm__chunk *chunk)
{
    const size_t *length = leg->call->tape->length + leg->block->first_row;
    size_t rows = chunk->rows;
    for (size_t t = 0; t < chunk->time; t++) {
        while (!leg->call->tape->raw && length[rows - 1] <= chunk->start + t)
            rows--;
        leg->lane->active[t] = rows;
    }
}

lstm__run lstm__make_run(const lstm__leg *leg, const lstm__chunk *chunk)
{
    const lstm_tape *tape = leg->call->tape;
    const lstm__direction *direction = lstm__leg_direction(leg);
    const lstm_cell_spec *spec = direction->spec;
    const lstm__track *track = tape->inference ? NULL : &tape->tracks[leg->direction];
    lstm__lane *lane = leg->lane;
    const size_t packed = track ? leg->block->first_step + chunk->first_step : 0;
    count_active(leg, chunk);
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf], rows = leg->block->rows;
        float *states = track ? track->state[leaf] + (leg->block->first_row + packed + rows) * width
                              : lane->state[direction->first_state + leaf] + rows * width;
        lane->next_state[leaf] = states;
        lane->entering[leaf] = states - (track ? chunk->rows_before : rows) * width;
    }
    float *own_output = track ? track->output : lane->output;
    return (lstm__run){
        .kernels = leg->call->kernels,
        .spec = spec,
        .start = chunk->start,
        .time = chunk->time,
        .rows = chunk->rows,
        .steps = chunk->steps,
        .active = lane->active,
        .keep = track != NULL,
        .training = tape->training,
        .random = tape->random,
        .row_id = tape->row_id + leg->block->first_row,
        .input = (track ? track->input : lane->input) + packed * spec->input_size,
        .state = (const float *const *)lane->entering,
        .next_state = lane->next_state,
        .output = spec->output_leaf == SIZE_MAX ? own_output + packed * spec->output_size
                                                : lane->next_state[spec->output_leaf],
        .variables = tape->variables + spec->first_variable,
        .matrices = tape->matrices + spec->first_matrix,
        .tape = (track ? track->tape : lane->tape) + packed * spec->tape_total,
        .scratch = lane->scratch,
        .pointers = lane->pointers,
        .crew = leg->call->crew,
    };
}

/* Where the states stand that the leg's rows start from. */
static float *start_of(const lstm__leg *leg, size_t leaf)
{
    const lstm_tape *tape = leg->call->tape;
    const lstm__direction *direction = lstm__leg_direction(leg);
    if (tape->inference)
        return leg->lane->state[direction->first_state + leaf];
    return tape->tracks[leg->direction].state[leaf] +
           (leg->block->first_row + leg->block->first_step) * direction->spec->state_sizes[leaf];
}

void lstm__enter(const lstm__leg *leg)
{
    const lstm_tape *tape = leg->call->tape;
    const lstm__direction *direction = lstm__leg_direction(leg);
    const lstm_cell_spec *spec = direction->spec;
    const float *const *given = leg->call->args->initial_state;
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf], plan_leaf = direction->first_state + leaf;
        float *states = leg->lane->entering[leaf] = start_of(leg, leaf);
        if (given)
            lstm__gather_rows(tape, leg->block, given[plan_leaf], width, states);
        for (size_t k = 0; k < leg->block->rows && tape->from_learned_state; k++)
            lstm__copy(states + k * width, tape->variables[tape->rnn->cell_variables + plan_leaf], width);
    }
    if (!given && !tape->from_learned_state)
        lstm__spec_initial_state(spec, leg->block->rows, leg->lane->entering);
}

void lstm__find_variables(const lstm_rnn *rnn, const float *block, const float **variables)
{
    for (size_t k = 0; k < rnn->variables.count; k++)
        variables[k] = block + rnn->offsets[k];
}

static double operations(const lstm_rnn *rnn, double steps)
{
    return 2.0 * steps * (double)rnn->weight_floats;
}

size_t lstm__shared_steps(const lstm_rnn *rnn, size_t rows)
{
    if (lstm_context_threads(rnn->context) == 1 || !lstm__context_kernels(rnn->context)->packs)
        return SIZE_MAX;
    for (size_t k = 0; k < rnn->variables.matrix_count; k++) {
        const lstm__wanted_matrix *m = &rnn->variables.matrices[k];
        if (lstm__product_parts(rows, m->columns, m->rows) > 1)
            return (size_t)(LSTM__WORTH_A_CREW / operations(rnn, 1.0)) + 1;
    }
    return SIZE_MAX;
}

typedef struct single_block {
    lstm__call *call;
    void (*block)(void *call, size_t index, size_t lane);
} single_block;

static void lead_block(void *arg, lstm__crew *crew)
{
    const single_block *b = arg;
    b->call->crew = crew;
    b->block(b->call, 0, 0);
    b->call->crew = NULL;
}

void lstm__run_blocks(lstm__call *call, void (*block)(void *call, size_t index, size_t lane))
{
    const lstm_tape *tape = call->tape;
    lstm_context *context = tape->rnn->context;
    const lstm__block *first = tape->blocks;
    if (tape->block_count == 1 && first->steps >= lstm__shared_steps(tape->rnn, first->rows))
        lstm__crew_run(context, lead_block, &(single_block){call, block});
    else
        lstm__parallel(context, tape->block_count, lstm__operations(tape), block, call);
}

double lstm__operations(const lstm_tape *tape)
{
    double steps = 0.0;
    for (size_t k = 0; k < tape->block_count; k++)
        steps += (double)tape->blocks[k].steps;
    return operations(tape->rnn, steps);
}
