/* The raw loop: single steps, each with the input that the caller makes of the step before. */
#include <lstm/raw_rnn.h>

#include "context.h"
#include "status.h"
#include "unroll.h"

#include <string.h>

/* One portion of rows: a block of which all rows are computed at every step. tape->length counts each row's steps. At a
 * step at or after its end a row's state stays; a gradient has zero times what is computed for it then, which has to be
 * finite: the input is that of a row that goes on, and so is the state of a row that has no step at all. */

static bool is_over(const lstm__leg *leg, size_t k, size_t t)
{
    return leg->call->tape->length[leg->block->first_row + k] <= t;
}

static lstm__run run_at(const lstm__leg *leg, size_t t)
{
    const lstm__chunk chunk = lstm__chunk_at(leg, t);
    return lstm__make_run(leg, &chunk);
}

/* Row k has ended: a leaf of its state, of those of all rows, goes to the caller. */
static void leave_row(const lstm__leg *leg, size_t k, size_t leaf, const float *state, float *const *final_state)
{
    const size_t width = leg->call->tape->rnn->state_sizes[leaf];
    if (final_state && final_state[leaf])
        lstm__copy(final_state[leaf] + (leg->block->first_row + k) * width, state + k * width, width);
}

/* Give row k what another row has. */
static void follow_row(const lstm__run *run, size_t k, size_t other, bool with_state)
{
    const lstm_cell_spec *spec = run->spec;
    float *input = (float *)(uintptr_t)run->input;
    lstm__copy(input + k * spec->input_size, input + other * spec->input_size, spec->input_size);
    for (size_t leaf = 0; with_state && leaf < spec->states; leaf++) {
        float *state = (float *)(uintptr_t)run->state[leaf];
        lstm__copy(state + k * spec->state_sizes[leaf], state + other * spec->state_sizes[leaf],
                   spec->state_sizes[leaf]);
    }
}

/* Ask the caller for the input of step t; rows that end before it get their length. *alive: one that goes on, or, if none
 * does, how many there are. */
static lstm_status ask(const lstm__leg *leg, const lstm_raw_loop *loop, size_t t, const lstm__run *run,
                       const float *output, float *const *final_state, bool *finished, size_t *alive)
{
    const lstm__block *block = leg->block;
    size_t *length = leg->call->tape->length + block->first_row;
    const size_t failures = lstm__failures();
    lstm_status status = loop->next(loop->user, t, block->first_row, block->rows, output, run->state,
                                    (float *)(uintptr_t)run->input, finished);
    if (status)
        return lstm__fail(status, "lstm_raw_rnn: next fails before step %zu: %s", t,
                          lstm__failures() != failures ? lstm_error_message() : lstm_status_string(status));
    *alive = block->rows;
    for (size_t k = 0; k < block->rows; k++) {
        if (finished[k] && length[k] > t) {
            length[k] = t;
            for (size_t leaf = 0; leaf < run->spec->states; leaf++)
                leave_row(leg, k, leaf, run->state[leaf], final_state);
        }
        finished[k] = length[k] <= t;
        if (!finished[k])
            *alive = k;
    }
    if (*alive < block->rows)
        for (size_t k = 0; k < block->rows; k++)
            if (finished[k])
                follow_row(run, k, *alive, t == 0);
    return LSTM_OK;
}

/* Hand on the outputs of step t, and keep the states of rows that are over. */
static void leave_step(const lstm__leg *leg, size_t t, const lstm__run *run, float *outputs)
{
    const lstm_cell_spec *spec = run->spec;
    const lstm__chunk chunk = lstm__chunk_at(leg, t);
    if (outputs)
        lstm__scatter_chunk(leg, &chunk, run->output, false, lstm__caller_sequence(outputs, spec->output_size));
    for (size_t k = 0; k < leg->block->rows; k++)
        for (size_t leaf = 0; leaf < spec->states && is_over(leg, k, t); leaf++) {
            const size_t width = spec->state_sizes[leaf];
            lstm__copy(run->next_state[leaf] + k * width, run->state[leaf] + k * width, width);
        }
    for (size_t leaf = 0; leaf < spec->states && leg->call->tape->inference; leaf++)
        memcpy(leg->lane->state[leaf], run->next_state[leaf],
               leg->block->rows * spec->state_sizes[leaf] * sizeof(float));
}

/* Steps until all rows have ended; *steps: how many. */
static lstm_status loop_block(const lstm__leg *leg, const lstm_raw_loop *loop, const lstm_raw_rnn_args *args,
                              size_t *steps)
{
    bool finished[LSTM__BLOCK_ROWS_MAX] = {false};
    const float *output = NULL;
    lstm__enter(leg);
    for (size_t t = 0; t < args->max_time; t++) {
        const lstm__run run = run_at(leg, t);
        size_t alive = 0;
        lstm_status status = ask(leg, loop, t, &run, output, args->final_state, finished, &alive);
        if (status || alive == run.rows)
            return status;
        lstm__run_forward(&run);
        leave_step(leg, t, &run, args->outputs);
        output = run.output;
        *steps = t + 1;
    }
    return LSTM_OK;
}

/* Where the states stand after `steps` steps of the block. */
static const float *states_after(const lstm__leg *leg, size_t steps, size_t leaf)
{
    const lstm_tape *tape = leg->call->tape;
    const size_t width = tape->rnn->state_sizes[leaf];
    if (tape->inference)
        return leg->lane->state[leaf];
    return tape->tracks[0].state[leaf] +
           (leg->block->first_row + leg->block->first_step + steps * leg->block->rows) * width;
}

/* Lay out a block: rows of the caller's order, each max_time long until `next` says otherwise. */
static void lay_out(lstm_tape *tape, const lstm_raw_rnn_args *args, size_t index)
{
    const size_t rows = lstm__block_rows(tape, args->batch), first = index * rows;
    tape->blocks[index] = (lstm__block){.first_row = first,
                                        .rows = args->batch - first < rows ? args->batch - first : rows,
                                        .first_step = first * args->max_time};
}

static lstm_status run_block(const lstm__call *call, const lstm_raw_loop *loop, const lstm_raw_rnn_args *args,
                             size_t index)
{
    const lstm_tape *tape = call->tape;
    const lstm__leg leg = {.call = call, .block = &tape->blocks[index], .lane = &tape->lanes[0]};
    size_t steps = 0;
    lstm_status status = loop_block(&leg, loop, args, &steps);
    if (status)
        return status;
    tape->blocks[index].chunks = steps;
    tape->blocks[index].steps = steps * leg.block->rows;
    for (size_t leaf = 0; leaf < tape->rnn->states; leaf++)
        for (size_t k = 0; k < leg.block->rows; k++)
            if (tape->length[leg.block->first_row + k] == args->max_time)
                leave_row(&leg, k, leaf, states_after(&leg, steps, leaf), args->final_state);
    if (args->outputs)
        lstm__clear_padding(tape, leg.block, lstm_rnn_output_size(tape->rnn), args->outputs);
    for (size_t k = 0; k < leg.block->rows && args->sequence_length; k++)
        args->sequence_length[leg.block->first_row + k] = tape->length[leg.block->first_row + k];
    return LSTM_OK;
}

static lstm_status check(const char *function, const lstm_tape *tape, const lstm_params *params,
                         const lstm_raw_rnn_args *args)
{
    const lstm_rnn *rnn = tape->rnn;
    lstm_status status = lstm__params_check(function, "params", params, rnn->layout);
    if (status)
        return status;
    if (rnn->direction_count > 1)
        return lstm__fail(LSTM_ERR_UNSUPPORTED, "%s: a bidirectional plan cannot loop", function);
    if (args->batch > tape->max_batch || args->max_time > tape->max_time ||
        args->batch * args->max_time > tape->max_steps)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: batch %zu, max_time %zu; the tape holds %zu, %zu and %zu steps",
                          function, args->batch, args->max_time, tape->max_batch, tape->max_time, tape->max_steps);
    return args->batch ? lstm__check_initial_state(function, rnn, args->initial_state) : LSTM_OK;
}

lstm_status lstm_raw_rnn(lstm_tape *tape, const lstm_params *params, const lstm_raw_loop *loop,
                         const lstm_raw_rnn_args *args)
{
    const char *function = "lstm_raw_rnn";
    if (!tape || !loop || !args)
        return lstm__fail_null(function, !tape ? "tape" : !loop ? "loop" : "args");
    lstm_raw_rnn_args a;
    lstm_raw_loop l;
    lstm_status status = lstm__read_args(function, &a, sizeof a, args);
    if (status || (status = lstm__read_args(function, &l, sizeof l, loop)) ||
        (status = check(function, tape, params, &a)))
        return status;
    if (!l.next)
        return lstm__fail_null(function, "loop->next");
    const lstm_dynamic_rnn_args call_args = {.batch = a.batch,
                                             .time = a.max_time,
                                             .initial_state = a.initial_state,
                                             .training = a.training,
                                             .seed = a.seed,
                                             .step = a.step,
                                             .row_id = a.row_id};
    lstm__prepare_call(tape, params, &call_args);
    tape->row_time = a.max_time;
    tape->raw = true;
    const lstm__call call = {.tape = tape, .kernels = lstm__context_kernels(tape->rnn->context), .args = &call_args};
    for (size_t index = 0; index < tape->block_count && !status; index++) {
        lay_out(tape, &a, index);
        status = run_block(&call, &l, &a, index);
    }
    if (!status)
        lstm__keep_call(tape, params);
    return status;
}

/* Backward. */

/* Rows that are over at step t: their d_state waits in `aside`, and the cell gets zeros. */
static void set_aside(const lstm__leg *leg, size_t t, float *d_state, size_t width, float *aside)
{
    for (size_t k = 0; k < leg->block->rows; k++)
        if (is_over(leg, k, t)) {
            lstm__copy(aside + k * width, d_state + k * width, width);
            memset(d_state + k * width, 0, width * sizeof *d_state);
        }
}

static void put_back(const lstm__leg *leg, size_t t, float *d_state, size_t width, const float *aside)
{
    for (size_t k = 0; k < leg->block->rows; k++)
        if (is_over(leg, k, t))
            lstm__copy(d_state + k * width, aside + k * width, width);
}

/* What the outputs of step t are worth: the caller's part; that of the next step's input was left in d_output. */
static void add_d_outputs(const lstm__leg *leg, size_t t, const float *d_outputs, size_t width, float *d_output)
{
    const lstm__chunk chunk = lstm__chunk_at(leg, t);
    if (d_outputs) {
        float *gathered = leg->call->tape->aside;
        lstm__gather_chunk(leg, &chunk, lstm__caller_sequence(d_outputs, width), gathered);
        leg->call->kernels->add(leg->block->rows * width, gathered, d_output);
    }
    for (size_t k = 0; k < leg->block->rows; k++)
        if (is_over(leg, k, t))
            memset(d_output + k * width, 0, width * sizeof *d_output);
}

static void backward_step(const lstm__leg *leg, const lstm_raw_loop *loop, const lstm__run *run, size_t t,
                          float *const *d_variables)
{
    const lstm_cell_spec *spec = run->spec;
    lstm__lane *lane = leg->lane;
    float *aside = leg->call->tape->aside;
    for (size_t leaf = 0, place = 0; leaf < spec->states; place += run->rows * spec->state_sizes[leaf++])
        set_aside(leg, t, lane->d_state[leaf], spec->state_sizes[leaf], aside + place);
    const lstm__run_grad grad = {.d_output = lane->d_output,
                                 .d_state = lane->d_state,
                                 .d_input = loop->next_backward ? lane->d_input : NULL,
                                 .d_variables = d_variables ? d_variables + spec->first_variable : NULL};
    lstm__run_backward(run, &grad);
    if (grad.d_variables && leg->call->tape->rnn->sums_by_block)
        lstm__run_weight_gradient(run, grad.d_variables, 0, 1);
    for (size_t leaf = 0, place = 0; leaf < spec->states; place += run->rows * spec->state_sizes[leaf++])
        put_back(leg, t, lane->d_state[leaf], spec->state_sizes[leaf], aside + place);
    memset(lane->d_output, 0, run->rows * spec->output_size * sizeof(float));
    for (size_t k = 0; k < run->rows && loop->next_backward; k++)
        if (is_over(leg, k, t))
            memset(lane->d_input + k * spec->input_size, 0, spec->input_size * sizeof(float));
    if (loop->next_backward)
        loop->next_backward(loop->user, t, leg->block->first_row, run->rows, lane->d_input, t ? lane->d_output : NULL);
}

static void backward_block(const lstm__call *call, const lstm_raw_loop *loop, const float *d_outputs, size_t index)
{
    const lstm_tape *tape = call->tape;
    const lstm_rnn *rnn = tape->rnn;
    const lstm__leg leg = {.call = call, .block = &tape->blocks[index], .lane = &tape->lanes[0]};
    float *const *d_variables = lstm__block_gradient(call, index);
    const size_t width = lstm_rnn_output_size(rnn);
    lstm__enter_backward(&leg);
    memset(leg.lane->d_output, 0, leg.block->rows * width * sizeof(float));
    for (size_t t = leg.block->chunks; t-- > 0;) {
        const lstm__run run = run_at(&leg, t);
        add_d_outputs(&leg, t, d_outputs, width, leg.lane->d_output);
        backward_step(&leg, loop, &run, t, d_variables);
    }
    lstm__leave_backward(&leg);
    if (call->grads->d_params && tape->from_learned_state)
        lstm__sum_d_start(&leg, index);
}

lstm_status lstm_raw_rnn_backward(lstm_tape *tape, const lstm_params *params, const lstm_raw_loop *loop,
                                  const lstm_raw_rnn_grads *grads)
{
    const char *function = "lstm_raw_rnn_backward";
    if (!tape || !loop || !grads)
        return lstm__fail_null(function, !tape ? "tape" : !loop ? "loop" : "grads");
    lstm_raw_rnn_grads g;
    lstm_raw_loop l;
    lstm_status status = lstm__read_args(function, &g, sizeof g, grads);
    if (status || (status = lstm__read_args(function, &l, sizeof l, loop)) ||
        (status = lstm__check_backward(function, tape, params, g.d_params)))
        return status;
    if (!tape->raw)
        return lstm__fail(LSTM_ERR_STATE, "%s: the forward call was lstm_dynamic_rnn", function);
    const lstm_dynamic_rnn_grads call_grads = {
        .d_final_state = g.d_final_state, .d_params = g.d_params, .d_initial_state = g.d_initial_state};
    lstm__call call = {.tape = tape, .kernels = lstm__context_kernels(tape->rnn->context), .grads = &call_grads};
    lstm__begin_gradient(tape, g.d_params);
    for (size_t index = 0; index < tape->block_count; index++)
        backward_block(&call, &l, g.d_outputs, index);
    lstm__end_gradient(&call);
    return LSTM_OK;
}
