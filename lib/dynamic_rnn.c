/* The driver, forward: every layer and direction of a plan over time, for rows of any lengths. */
#include "context.h"
#include "status.h"
#include "unroll.h"

#include <string.h>

/* Give row k's last output (NULL: zeros) and final state to the caller. */
static void finish_row(const lstm__leg *leg, size_t k, const float *output, float *const *state, size_t place)
{
    const lstm_tape *tape = leg->call->tape;
    const lstm_dynamic_rnn_args *args = leg->call->args;
    const lstm__direction *direction = lstm__leg_direction(leg);
    const lstm__layer *layer = &tape->rnn->layers[leg->layer];
    const size_t row = tape->order[leg->block->first_row + k], width = direction->spec->output_size;
    if (args->last_output && leg->layer + 1 == tape->rnn->layer_count) {
        float *last = args->last_output + row * layer->output_size + direction->column;
        const bool add = leg->direction > layer->first_direction && tape->rnn->merge == LSTM_MERGE_SUM;
        if (output && add)
            leg->call->kernels->add(width, output, last);
        else if (output)
            lstm__copy(last, output, width);
        else
            memset(last, 0, width * sizeof *last);
    }
    for (size_t leaf = 0; args->final_state && leaf < direction->spec->states; leaf++) {
        const size_t size = direction->spec->state_sizes[leaf];
        float *final = args->final_state[direction->first_state + leaf];
        if (final)
            lstm__copy(final + row * size, state[leaf] + place * size, size);
    }
}

/* Hand on what a chunk has computed: outputs, the rows that end in it, and without a track the states of the others. */
static void leave_chunk(const lstm__leg *leg, const lstm__chunk *chunk, const lstm__run *run, lstm__sequence outputs)
{
    const lstm_tape *tape = leg->call->tape;
    const lstm__direction *direction = lstm__leg_direction(leg);
    const size_t *length = tape->length + leg->block->first_row;
    const bool second = leg->direction > tape->rnn->layers[leg->layer].first_direction;
    if (outputs.data)
        lstm__scatter_chunk(leg, chunk, run->output, second && tape->rnn->merge == LSTM_MERGE_SUM,
                            lstm__own_columns(leg, outputs));
    size_t first = 0, alive = run->rows;
    for (size_t t = 0; t < run->time; first += run->active[t++])
        for (alive = run->active[t]; alive && length[alive - 1] == chunk->start + t + 1; alive--)
            finish_row(leg, alive - 1, run->output + (first + alive - 1) * run->spec->output_size, run->next_state,
                       first + alive - 1);
    const size_t last = run->steps - run->active[run->time - 1];
    for (size_t leaf = 0; leaf < run->spec->states && tape->inference; leaf++) {
        const size_t width = run->spec->state_sizes[leaf];
        memcpy(leg->lane->state[direction->first_state + leaf], run->next_state[leaf] + last * width,
               alive * width * sizeof(float));
    }
}

static void forward_leg(const lstm__leg *leg, lstm__sequence inputs, lstm__sequence outputs)
{
    const size_t *length = leg->call->tape->length + leg->block->first_row;
    lstm__enter(leg);
    for (size_t k = leg->block->rows; k-- > 0 && length[k] == 0;)
        finish_row(leg, k, NULL, leg->lane->entering, k);
    for (size_t k = 0; k < leg->block->chunks; k++) {
        const lstm__chunk chunk = lstm__chunk_at(leg, k);
        const lstm__run run = lstm__make_run(leg, &chunk);
        lstm__gather_chunk(leg, &chunk, inputs, (float *)(uintptr_t)run.input);
        lstm__run_forward(&run);
        leave_chunk(leg, &chunk, &run, outputs);
    }
}

static void forward_block(void *arg, size_t index, size_t lane)
{
    const lstm__call *call = arg;
    const lstm_tape *tape = call->tape;
    const lstm_rnn *rnn = tape->rnn;
    lstm__leg leg = {.call = call, .block = &tape->blocks[index], .lane = &tape->lanes[lane]};
    lstm__sequence inputs = lstm__caller_sequence(call->args->inputs, rnn->layers[0].input_size);
    if (rnn->layer_count > 1)
        lstm__find_places(tape, leg.block, leg.lane);
    if (call->args->outputs)
        lstm__clear_padding(tape, leg.block, lstm_rnn_output_size(rnn), call->args->outputs);
    for (; leg.layer < rnn->layer_count; leg.layer++) {
        const lstm__layer *layer = &rnn->layers[leg.layer];
        const lstm__sequence outputs = leg.layer + 1 < rnn->layer_count
                                           ? lstm__between_sequence(tape, tape->between, leg.layer)
                                           : lstm__caller_sequence(call->args->outputs, layer->output_size);
        for (size_t d = 0; d < layer->directions; d++) {
            leg.direction = layer->first_direction + d;
            forward_leg(&leg, inputs, outputs);
        }
        inputs = outputs;
    }
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

static lstm_status check(const char *function, const lstm_tape *tape, const lstm_params *params,
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
    if (args->batch && (status = lstm__check_initial_state(function, tape->rnn, args->initial_state)))
        return status;
    return check_lengths(function, tape, args);
}

void lstm__prepare_call(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_args *args)
{
    const lstm_rnn *rnn = tape->rnn;
    lstm__tape_forget(tape);
    lstm__tape_arrange(tape, args->batch, args->time, args->sequence_length, args->row_id);
    lstm__find_variables(rnn, lstm_params_data(params, NULL), tape->variables);
    lstm__tape_pack(tape, params);
    tape->training = args->training;
    tape->raw = false;
    tape->random = (lstm_random){.seed = args->seed, .stream = rnn->scope_hash ^ (args->step * 0x9E3779B97F4A7C15u)};
    tape->from_learned_state = rnn->learned_initial_state && !args->initial_state;
}

void lstm__keep_call(lstm_tape *tape, const lstm_params *params)
{
    if (tape->inference)
        return;
    tape->params = (lstm_params *)(uintptr_t)params;
    tape->version = lstm__params_version(params);
    lstm__params_retain(tape->params);
}

void lstm__dynamic_rnn(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_args *args, size_t row_time)
{
    const lstm_rnn *rnn = tape->rnn;
    lstm__prepare_call(tape, params, args);
    tape->row_time = row_time;
    lstm__call call = {.tape = tape, .kernels = lstm__context_kernels(rnn->context), .args = args};
    lstm__run_blocks(&call, forward_block);
    lstm__keep_call(tape, params);
}

lstm_status lstm_dynamic_rnn(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_args *args)
{
    const char *function = "lstm_dynamic_rnn";
    if (!tape || !args)
        return lstm__fail_null(function, tape ? "args" : "tape");
    lstm_dynamic_rnn_args a;
    lstm_status status = lstm__read_args(function, &a, sizeof a, args);
    if (status || (status = check(function, tape, params, &a)))
        return status;
    lstm__dynamic_rnn(tape, params, &a, a.time);
    return LSTM_OK;
}
