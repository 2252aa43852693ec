/* The driver: a cell over time, forward and backward, for rows of any lengths. */
#include "rnn.h"

#include "context.h"
#include "status.h"

#include <string.h>

/* One call, as the blocks see it. */
typedef struct call {
    lstm_tape *tape;
    const lstm__kernels *kernels;
    const lstm_dynamic_rnn_args *args;   /* forward */
    const lstm_dynamic_rnn_grads *grads; /* backward */
    size_t parts;                        /* of the weight gradient */
} call;

/* Copying between the caller's arrays and packed ones. */

static void copy(float *to, const float *from, size_t width)
{
    if (width == 1)
        *to = *from;
    else
        memcpy(to, from, width * sizeof *to);
}

/* Where row `row` of the caller's batch stands at time t, in rows. */
static size_t caller_place(const lstm_tape *tape, size_t row, size_t t)
{
    return tape->rnn->order == LSTM_TIME_MAJOR ? t * tape->batch + row : row * tape->time + t;
}

static void gather_chunk(const lstm_tape *tape, const lstm__block *block, const lstm__chunk *chunk,
                         const size_t *active, const float *from, size_t width, float *packed)
{
    const size_t *order = tape->order + block->first_row;
    for (size_t t = 0; t < chunk->time; t++)
        for (size_t k = 0; k < active[t]; k++, packed += width)
            copy(packed, from + caller_place(tape, order[k], chunk->start + t) * width, width);
}

static void scatter_chunk(const lstm_tape *tape, const lstm__block *block, const lstm__chunk *chunk,
                          const size_t *active, const float *packed, size_t width, float *to)
{
    const size_t *order = tape->order + block->first_row;
    for (size_t t = 0; t < chunk->time; t++)
        for (size_t k = 0; k < active[t]; k++, packed += width)
            copy(to + caller_place(tape, order[k], chunk->start + t) * width, packed, width);
}

/* Zeros past the lengths of a block's rows. */
static void clear_padding(const lstm_tape *tape, const lstm__block *block, size_t width, float *array)
{
    for (size_t k = block->first_row; k < block->first_row + block->rows; k++)
        for (size_t t = tape->length[k]; t < tape->time; t++)
            memset(array + caller_place(tape, tape->order[k], t) * width, 0, width * sizeof *array);
}

static void gather_rows(const lstm_tape *tape, const lstm__block *block, const float *from, size_t width, float *rows)
{
    for (size_t k = 0; k < block->rows; k++)
        copy(rows + k * width, from + tape->order[block->first_row + k] * width, width);
}

static void scatter_rows(const lstm_tape *tape, const lstm__block *block, const float *rows, size_t width, float *to)
{
    for (size_t k = 0; k < block->rows; k++)
        copy(to + tape->order[block->first_row + k] * width, rows + k * width, width);
}

/* Runs. */

/* How many rows are alive at each step of a chunk. */
static void count_active(const lstm_tape *tape, const lstm__block *block, const lstm__chunk *chunk, size_t *active)
{
    const size_t *length = tape->length + block->first_row;
    size_t rows = chunk->rows;
    for (size_t t = 0; t < chunk->time; t++) {
        while (length[rows - 1] <= chunk->start + t)
            rows--;
        active[t] = rows;
    }
}

/* The run of one chunk. While training, all chunks stand in the tape's packed arrays; otherwise each takes the lane's, and
 * the lane's states begin with the rows that enter. */
static lstm__run make_run(const call *c, const lstm__block *block, const lstm__chunk *chunk, lstm__lane *lane)
{
    const lstm_tape *tape = c->tape;
    const lstm_cell_spec *spec = &tape->rnn->spec;
    const bool training = !tape->inference;
    const size_t packed = training ? block->first_step + chunk->first_step : 0;
    count_active(tape, block, chunk, lane->active);
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf];
        float *states = training ? tape->state[leaf] + (block->first_row + packed + block->rows) * width
                                 : lane->state[leaf] + block->rows * width;
        lane->next_state[leaf] = states;
        lane->entering[leaf] = states - (training ? chunk->rows_before : block->rows) * width;
    }
    float *own_output = training ? tape->output : lane->output;
    return (lstm__run){
        .kernels = c->kernels,
        .spec = spec,
        .time = chunk->time,
        .rows = chunk->rows,
        .steps = chunk->steps,
        .active = lane->active,
        .training = training,
        .input = (training ? tape->input : lane->input) + packed * spec->input_size,
        .state = (const float *const *)lane->entering,
        .next_state = lane->next_state,
        .output = spec->output_leaf == SIZE_MAX ? own_output + packed * spec->output_size
                                                : lane->next_state[spec->output_leaf],
        .variables = tape->variables,
        .tape = (training ? tape->tape : lane->tape) + packed * spec->tape_floats,
        .scratch = lane->scratch,
        .pointers = lane->pointers,
    };
}

/* Forward. */

/* The states that a block's rows start from, before its first step. */
static void enter_block(const call *c, const lstm__block *block, lstm__lane *lane)
{
    const lstm_tape *tape = c->tape;
    const lstm_cell *cell = tape->rnn->cell;
    const lstm_cell_spec *spec = &tape->rnn->spec;
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf];
        float *states =
            tape->inference ? lane->state[leaf] : tape->state[leaf] + (block->first_row + block->first_step) * width;
        lane->entering[leaf] = states;
        if (c->args->initial_state)
            gather_rows(tape, block, c->args->initial_state[leaf], width, states);
        else
            memset(states, 0, block->rows * width * sizeof *states);
    }
    if (!c->args->initial_state && cell->ops.initial_state)
        cell->ops.initial_state(cell->self, block->rows, lane->entering);
}

/* Give a row's last output and final state to the caller. place: its last step in the run. */
static void finish_row(const call *c, const lstm__run *run, size_t row, size_t place)
{
    const lstm_dynamic_rnn_args *args = c->args;
    const lstm_cell_spec *spec = run->spec;
    if (args->last_output)
        copy(args->last_output + row * spec->output_size, run->output + place * spec->output_size, spec->output_size);
    for (size_t leaf = 0; args->final_state && leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf];
        if (args->final_state[leaf])
            copy(args->final_state[leaf] + row * width, run->next_state[leaf] + place * width, width);
    }
}

/* Rows without a step: their state passes through, their outputs are zero. */
static void finish_empty_rows(const call *c, const lstm__block *block, const lstm__lane *lane)
{
    const lstm_tape *tape = c->tape;
    const lstm_cell_spec *spec = &tape->rnn->spec;
    for (size_t k = block->rows; k-- > 0 && tape->length[block->first_row + k] == 0;) {
        const size_t row = tape->order[block->first_row + k];
        if (c->args->last_output)
            memset(c->args->last_output + row * spec->output_size, 0, spec->output_size * sizeof(float));
        for (size_t leaf = 0; c->args->final_state && leaf < spec->states; leaf++) {
            const size_t width = spec->state_sizes[leaf];
            if (c->args->final_state[leaf])
                copy(c->args->final_state[leaf] + row * width, lane->entering[leaf] + k * width, width);
        }
    }
}

/* Hand on what a chunk has computed: outputs, the rows that end in it, and without a tape the states of the others. */
static void leave_chunk(const call *c, const lstm__block *block, const lstm__chunk *chunk, const lstm__run *run,
                        const lstm__lane *lane)
{
    const lstm_tape *tape = c->tape;
    const size_t *length = tape->length + block->first_row, *order = tape->order + block->first_row;
    if (c->args->outputs)
        scatter_chunk(tape, block, chunk, run->active, run->output, run->spec->output_size, c->args->outputs);
    size_t first = 0, alive = run->rows;
    for (size_t t = 0; t < run->time; first += run->active[t++])
        for (alive = run->active[t]; alive && length[alive - 1] == chunk->start + t + 1; alive--)
            finish_row(c, run, order[alive - 1], first + alive - 1);
    if (!tape->inference)
        return;
    const size_t last = run->steps - run->active[run->time - 1];
    for (size_t leaf = 0; leaf < run->spec->states; leaf++) {
        const size_t width = run->spec->state_sizes[leaf];
        memcpy(lane->state[leaf], run->next_state[leaf] + last * width, alive * width * sizeof(float));
    }
}

static void forward_block(void *arg, size_t index, size_t lane_index)
{
    const call *c = arg;
    const lstm_tape *tape = c->tape;
    const lstm__block *block = &tape->blocks[index];
    lstm__lane *lane = &tape->lanes[lane_index];
    enter_block(c, block, lane);
    finish_empty_rows(c, block, lane);
    if (c->args->outputs)
        clear_padding(tape, block, tape->rnn->spec.output_size, c->args->outputs);
    for (size_t k = 0; k < block->chunks; k++) {
        const lstm__chunk *chunk = &tape->chunks[block->first_chunk + k];
        const lstm__run run = make_run(c, block, chunk, lane);
        gather_chunk(tape, block, chunk, run.active, c->args->inputs, run.spec->input_size,
                     (float *)(uintptr_t)run.input);
        tape->rnn->cell->body->forward(tape->rnn->cell, &run);
        leave_chunk(c, block, chunk, &run, lane);
    }
}

static lstm_status check_leaves(const char *function, const char *argument, const float *const *leaves, size_t count)
{
    for (size_t leaf = 0; leaves && leaf < count; leaf++)
        if (!leaves[leaf])
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s[%zu] is NULL", function, argument, leaf);
    return LSTM_OK;
}

static lstm_status check_lengths(const char *function, const lstm_tape *tape, const lstm_dynamic_rnn_args *args)
{
    size_t steps = 0; /* no overflow: at most max_batch * max_time, which fits */
    for (size_t row = 0; row < args->batch; row++) {
        const size_t length = args->sequence_length ? args->sequence_length[row] : args->time;
        if (length > args->time)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: sequence_length[%zu] is %zu, expected 0 to %zu", function,
                              row, length, args->time);
        steps += length;
    }
    if (steps > tape->max_steps)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: the lengths add up to %zu, the tape holds %zu", function, steps,
                          tape->max_steps);
    return LSTM_OK;
}

static lstm_status check_forward(const char *function, const lstm_tape *tape, const lstm_params *params,
                                 const lstm_dynamic_rnn_args *args)
{
    lstm_status status = lstm__params_check(function, "params", params, tape->rnn->layout);
    if (status)
        return status;
    if (args->batch > tape->max_batch || args->time > tape->max_time)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: batch %zu, time %zu; the tape holds %zu, %zu", function, args->batch,
                          args->time, tape->max_batch, tape->max_time);
    if (args->batch && args->time && !args->inputs)
        return lstm__fail_null(function, "inputs");
    if (args->batch && (status = check_leaves(function, "initial_state", args->initial_state, tape->rnn->spec.states)))
        return status;
    return check_lengths(function, tape, args);
}

/* The pointers to each variable of a store. */
static void find_variables(const lstm_rnn *rnn, const float *block, const float **variables)
{
    for (size_t k = 0; k < rnn->spec.variable_count; k++)
        variables[k] = block + rnn->offsets[k];
}

/* Forward operations of the last arranged call: every weight is used once per row and step. */
static double operations(const lstm_tape *tape)
{
    double steps = 0.0;
    for (size_t k = 0; k < tape->block_count; k++)
        steps += (double)tape->blocks[k].steps;
    return 2.0 * steps * (double)tape->rnn->weight_floats;
}

lstm_status lstm_dynamic_rnn(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_args *args)
{
    const char *function = "lstm_dynamic_rnn";
    if (!tape || !args)
        return lstm__fail_null(function, tape ? "args" : "tape");
    lstm_dynamic_rnn_args a;
    lstm_status status = lstm__read_args(function, &a, sizeof a, args);
    if (status || (status = check_forward(function, tape, params, &a)))
        return status;
    lstm__tape_forget(tape);
    lstm__tape_arrange(tape, a.batch, a.time, a.sequence_length);
    find_variables(tape->rnn, lstm_params_data(params, NULL), tape->variables);
    call c = {.tape = tape, .kernels = lstm__context_kernels(tape->rnn->context), .args = &a};
    lstm__parallel(tape->rnn->context, tape->block_count, operations(tape), forward_block, &c);
    if (!tape->inference) {
        tape->params = (lstm_params *)(uintptr_t)params;
        tape->version = lstm__params_version(params);
        lstm__params_retain(tape->params);
    }
    return LSTM_OK;
}

/* Backward. */

/* The gradients that reach a block's rows at their ends. */
static void enter_block_backward(const call *c, const lstm__block *block, const lstm__lane *lane)
{
    const lstm_tape *tape = c->tape;
    const lstm_cell_spec *spec = &tape->rnn->spec;
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf];
        if (c->grads->d_final_state && c->grads->d_final_state[leaf])
            gather_rows(tape, block, c->grads->d_final_state[leaf], width, lane->d_state[leaf]);
        else
            memset(lane->d_state[leaf], 0, block->rows * width * sizeof(float));
    }
}

/* d_output of a chunk, packed into the lane; NULL when there is none. */
static const float *gather_d_output(const call *c, const lstm__block *block, const lstm__chunk *chunk,
                                    const lstm__run *run, const lstm__lane *lane)
{
    const lstm_tape *tape = c->tape;
    const size_t width = run->spec->output_size;
    if (c->grads->d_outputs)
        gather_chunk(tape, block, chunk, run->active, c->grads->d_outputs, width, lane->d_output);
    if (!c->grads->d_last_output)
        return c->grads->d_outputs ? lane->d_output : NULL;
    if (!c->grads->d_outputs)
        memset(lane->d_output, 0, run->steps * width * sizeof(float));
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++])
        for (size_t k = run->active[t]; k && tape->length[block->first_row + k - 1] == chunk->start + t + 1; k--)
            c->kernels->add(width, c->grads->d_last_output + tape->order[block->first_row + k - 1] * width,
                            lane->d_output + (first + k - 1) * width);
    return lane->d_output;
}

static void backward_block(void *arg, size_t index, size_t lane_index)
{
    const call *c = arg;
    const lstm_tape *tape = c->tape;
    const lstm_cell_spec *spec = &tape->rnn->spec;
    const lstm__block *block = &tape->blocks[index];
    lstm__lane *lane = &tape->lanes[lane_index];
    enter_block_backward(c, block, lane);
    for (size_t k = block->chunks; k-- > 0;) {
        const lstm__chunk *chunk = &tape->chunks[block->first_chunk + k];
        const lstm__run run = make_run(c, block, chunk, lane);
        const lstm__run_grad grad = {
            .d_output = gather_d_output(c, block, chunk, &run, lane),
            .d_state = lane->d_state,
            .d_input = c->grads->d_inputs ? lane->d_input : NULL,
            .d_variables =
                c->grads->d_params && tape->partial ? tape->d_variables + (index + 1) * spec->variable_count : NULL,
        };
        tape->rnn->cell->body->backward(tape->rnn->cell, &run, &grad);
        if (c->grads->d_inputs)
            scatter_chunk(tape, block, chunk, run.active, lane->d_input, spec->input_size, c->grads->d_inputs);
    }
    if (c->grads->d_inputs)
        clear_padding(tape, block, spec->input_size, c->grads->d_inputs);
    for (size_t leaf = 0; c->grads->d_initial_state && leaf < spec->states; leaf++)
        if (c->grads->d_initial_state[leaf])
            scatter_rows(tape, block, lane->d_state[leaf], spec->state_sizes[leaf], c->grads->d_initial_state[leaf]);
}

static void weight_gradient_part(void *arg, size_t part, size_t lane_index)
{
    const call *c = arg;
    const lstm_tape *tape = c->tape;
    for (size_t index = 0; index < tape->block_count; index++)
        for (size_t k = 0; k < tape->blocks[index].chunks; k++) {
            const lstm__block *block = &tape->blocks[index];
            const lstm__run run = make_run(c, block, &tape->chunks[block->first_chunk + k], &tape->lanes[lane_index]);
            tape->rnn->cell->body->weight_gradient(tape->rnn->cell, &run, tape->d_variables, part, c->parts);
        }
}

/* Each block's own gradient of the variables, for cells that add to it step by step. */
static void clear_partials(lstm_tape *tape)
{
    const lstm_cell_spec *spec = &tape->rnn->spec;
    const size_t floats = tape->rnn->weight_floats;
    memset(tape->partial, 0, tape->block_count * floats * sizeof(float));
    for (size_t block = 0; block < tape->block_count; block++) {
        float *place = tape->partial + block * floats;
        for (size_t k = 0; k < spec->variable_count; k++) {
            tape->d_variables[(block + 1) * spec->variable_count + k] = place;
            size_t count = 1;
            for (size_t axis = 0; axis < spec->variables[k].rank; axis++)
                count *= spec->variables[k].shape[axis];
            place += count;
        }
    }
}

/* Added in the order of the blocks, so that the threads change no bit. */
static void add_partials(const call *c)
{
    const lstm_tape *tape = c->tape;
    const lstm_cell_spec *spec = &tape->rnn->spec;
    for (size_t block = 0; block < tape->block_count; block++) {
        float *const *partial = tape->d_variables + (block + 1) * spec->variable_count;
        for (size_t k = 0; k < spec->variable_count; k++) {
            const float *end =
                k + 1 < spec->variable_count ? partial[k + 1] : tape->partial + (block + 1) * tape->rnn->weight_floats;
            c->kernels->add((size_t)(end - partial[k]), partial[k], tape->d_variables[k]);
        }
    }
}

static lstm_status check_backward(const char *function, const lstm_tape *tape, const lstm_params *params,
                                  const lstm_dynamic_rnn_grads *grads)
{
    lstm_status status = lstm__params_check(function, "params", params, tape->rnn->layout);
    if (status)
        return status;
    if (tape->inference)
        return lstm__fail(LSTM_ERR_STATE, "%s: the tape was created for inference", function);
    if (!tape->params)
        return lstm__fail(LSTM_ERR_STATE, "%s: no lstm_dynamic_rnn before it; each one serves one backward", function);
    if (tape->params != params || tape->version != lstm__params_version(params))
        return lstm__fail(LSTM_ERR_STATE, "%s: params are not, or no longer, what lstm_dynamic_rnn ran with", function);
    if (grads->d_params == params)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: d_params and params are the same store", function);
    return grads->d_params ? lstm__params_check(function, "d_params", grads->d_params, tape->rnn->layout) : LSTM_OK;
}

lstm_status lstm_dynamic_rnn_backward(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_grads *grads)
{
    const char *function = "lstm_dynamic_rnn_backward";
    if (!tape || !grads)
        return lstm__fail_null(function, tape ? "grads" : "tape");
    lstm_dynamic_rnn_grads g;
    lstm_status status = lstm__read_args(function, &g, sizeof g, grads);
    if (status || (status = check_backward(function, tape, params, &g)))
        return status;
    lstm_rnn *rnn = tape->rnn;
    const double work = operations(tape);
    call c = {.tape = tape, .kernels = lstm__context_kernels(rnn->context), .grads = &g};
    find_variables(rnn, lstm_params_data(params, NULL), tape->variables);
    if (g.d_params) {
        float *block = lstm_params_edit(g.d_params, NULL);
        for (size_t k = 0; k < rnn->spec.variable_count; k++)
            tape->d_variables[k] = block + rnn->offsets[k];
        if (tape->partial)
            clear_partials(tape);
    }
    lstm__parallel(rnn->context, tape->block_count, work, backward_block, &c);
    if (g.d_params && tape->partial)
        add_partials(&c);
    if (g.d_params && rnn->cell->body->weight_gradient) {
        c.parts = rnn->weight_floats / LSTM__PART_FLOATS + 1;
        c.parts = c.parts > LSTM__GRADIENT_PARTS ? LSTM__GRADIENT_PARTS : c.parts;
        lstm__parallel(rnn->context, c.parts, work, weight_gradient_part, &c);
    }
    lstm__tape_forget(tape);
    return LSTM_OK;
}
