/* The driver, backward: gradients of everything that lstm_dynamic_rnn read. */
#include "context.h"
#include "status.h"
#include "unroll.h"

#include <string.h>

void lstm__enter_backward(const lstm__leg *leg)
{
    const lstm__direction *direction = lstm__leg_direction(leg);
    const float *const *given = leg->call->grads->d_final_state;
    for (size_t leaf = 0; leaf < direction->spec->states; leaf++) {
        const size_t width = direction->spec->state_sizes[leaf], plan_leaf = direction->first_state + leaf;
        float *d_state = leg->lane->d_state[plan_leaf];
        if (given && given[plan_leaf])
            lstm__gather_rows(leg->call->tape, leg->block, given[plan_leaf], width, d_state);
        else
            memset(d_state, 0, leg->block->rows * width * sizeof *d_state);
    }
}

/* Add d_last_output to the steps of a chunk in which rows end. */
static void add_d_last(const lstm__leg *leg, const lstm__chunk *chunk, const lstm__run *run, float *d_output)
{
    const lstm_tape *tape = leg->call->tape;
    const size_t width = run->spec->output_size, whole = lstm_rnn_output_size(tape->rnn);
    const float *d_last = leg->call->grads->d_last_output + lstm__leg_direction(leg)->column;
    const size_t first_row = leg->block->first_row;
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++])
        for (size_t k = run->active[t]; k && tape->length[first_row + k - 1] == chunk->start + t + 1; k--)
            leg->call->kernels->add(width, d_last + tape->order[first_row + k - 1] * whole,
                                    d_output + (first + k - 1) * width);
}

/* d_output of a chunk, packed into the lane; NULL when there is none, and of last outputs where no row ends: the shortest
 * of a block's rows stand last. */
static const float *gather_d_output(const lstm__leg *leg, const lstm__chunk *chunk, const lstm__run *run,
                                    lstm__sequence d_outputs)
{
    const lstm_tape *tape = leg->call->tape;
    const size_t shortest = tape->length[leg->block->first_row + run->active[0] - 1];
    const bool last = leg->layer + 1 == tape->rnn->layer_count && leg->call->grads->d_last_output &&
                      shortest <= chunk->start + run->time;
    float *d_output = leg->lane->d_output;
    if (d_outputs.data)
        lstm__gather_chunk(leg, chunk, lstm__own_columns(leg, d_outputs), d_output);
    else if (last)
        memset(d_output, 0, run->steps * run->spec->output_size * sizeof *d_output);
    else
        return NULL;
    if (last)
        add_d_last(leg, chunk, run, d_output);
    return d_output;
}

void lstm__leave_backward(const lstm__leg *leg)
{
    const lstm_tape *tape = leg->call->tape;
    const lstm__direction *direction = lstm__leg_direction(leg);
    float *const *wanted = leg->call->grads->d_initial_state;
    for (size_t leaf = 0; leaf < direction->spec->states; leaf++) {
        const size_t width = direction->spec->state_sizes[leaf], plan_leaf = direction->first_state + leaf;
        if (wanted && wanted[plan_leaf])
            lstm__scatter_rows(tape, leg->block, leg->lane->d_state[plan_leaf], width, wanted[plan_leaf]);
    }
}

void lstm__sum_d_start(const lstm__leg *leg, size_t block)
{
    const lstm_tape *tape = leg->call->tape;
    const lstm_rnn *rnn = tape->rnn;
    float *sums = tape->partial_states + block * rnn->state_floats;
    memset(sums, 0, rnn->state_floats * sizeof *sums);
    for (size_t leaf = 0; leaf < rnn->states; sums += rnn->state_sizes[leaf++])
        leg->call->kernels->column_sums(leg->block->rows, rnn->state_sizes[leaf], leg->lane->d_state[leaf],
                                        rnn->state_sizes[leaf], sums);
}

static void backward_leg(const lstm__leg *leg, float *const *d_variables, lstm__sequence d_outputs,
                         lstm__sequence d_inputs)
{
    const lstm__direction *direction = lstm__leg_direction(leg);
    const bool second = leg->direction > leg->call->tape->rnn->layers[leg->layer].first_direction;
    lstm__enter_backward(leg);
    for (size_t k = leg->block->chunks; k-- > 0;) {
        const lstm__chunk chunk = lstm__chunk_at(leg, k);
        const lstm__run run = lstm__make_run(leg, &chunk);
        const lstm__run_grad grad = {
            .d_output = gather_d_output(leg, &chunk, &run, d_outputs),
            .d_state = leg->lane->d_state + direction->first_state,
            .d_input = d_inputs.data ? leg->lane->d_input : NULL,
            .d_variables = d_variables ? d_variables + direction->spec->first_variable : NULL,
        };
        lstm__run_backward(&run, &grad);
        if (grad.d_variables && leg->call->tape->rnn->sums_by_block) /* while it is in the cache */
            lstm__run_weight_gradient(&run, grad.d_variables, 0, 1);
        if (d_inputs.data)
            lstm__scatter_chunk(leg, &chunk, leg->lane->d_input, second, d_inputs);
    }
    lstm__leave_backward(leg);
}

static void backward_block(void *arg, size_t index, size_t lane)
{
    const lstm__call *call = arg;
    const lstm_tape *tape = call->tape;
    const lstm_rnn *rnn = tape->rnn;
    const lstm_dynamic_rnn_grads *grads = call->grads;
    lstm__leg leg = {.call = call, .block = &tape->blocks[index], .lane = &tape->lanes[lane]};
    lstm__sequence d_outputs = lstm__caller_sequence(grads->d_outputs, lstm_rnn_output_size(rnn));
    float *const *d_variables = lstm__block_gradient(call, index);
    if (rnn->layer_count > 1)
        lstm__find_places(tape, leg.block, leg.lane);
    for (size_t k = rnn->layer_count; k-- > 0;) {
        const lstm__layer *layer = &rnn->layers[leg.layer = k];
        const lstm__sequence d_inputs = k ? lstm__between_sequence(tape, tape->d_between, k - 1)
                                          : lstm__caller_sequence(grads->d_inputs, layer->input_size);
        for (size_t d = 0; d < layer->directions; d++) {
            leg.direction = layer->first_direction + d;
            backward_leg(&leg, d_variables, d_outputs, d_inputs);
        }
        d_outputs = d_inputs;
    }
    if (grads->d_inputs)
        lstm__clear_padding(tape, leg.block, rnn->layers[0].input_size, grads->d_inputs);
    if (grads->d_params && tape->from_learned_state)
        lstm__sum_d_start(&leg, index);
}

static void weight_gradient_part(void *arg, size_t part, size_t lane)
{
    const lstm__call *call = arg;
    const lstm_tape *tape = call->tape;
    lstm__leg leg = {.call = call, .lane = &tape->lanes[lane]};
    for (; leg.direction < tape->rnn->direction_count; leg.direction++)
        for (size_t index = 0; index < tape->block_count; index++) {
            leg.block = &tape->blocks[index];
            for (size_t k = 0; k < leg.block->chunks; k++) {
                const lstm__chunk chunk = lstm__chunk_at(&leg, k);
                const lstm__run run = lstm__make_run(&leg, &chunk);
                lstm__run_weight_gradient(&run, tape->d_variables + run.spec->first_variable, part, call->parts);
            }
        }
}

/* Each block's own gradient of the variables, for cells that add to it step by step. */
static void clear_partials(lstm_tape *tape)
{
    const lstm_rnn *rnn = tape->rnn;
    memset(tape->partial, 0, tape->block_count * rnn->weight_floats * sizeof(float));
    float *place = tape->partial;
    for (size_t block = 0; block < tape->block_count; block++)
        for (size_t k = 0; k < rnn->variables.count; k++) {
            tape->d_variables[(block + 1) * rnn->variables.count + k] = place;
            place += lstm__wanted_count(&rnn->variables.wanted[k]);
        }
}

/* Added in the order of the blocks, so that the threads change no bit. */
static void add_partials(const lstm__call *call)
{
    const lstm_tape *tape = call->tape;
    const lstm_rnn *rnn = tape->rnn;
    for (size_t block = 0; block < tape->block_count; block++) {
        float *const *partial = tape->d_variables + (block + 1) * rnn->variables.count;
        for (size_t k = 0; k < rnn->variables.count && tape->partial; k++)
            call->kernels->add(lstm__wanted_count(&rnn->variables.wanted[k]), partial[k], tape->d_variables[k]);
        if (!tape->from_learned_state)
            continue;
        const float *states = tape->partial_states + block * rnn->state_floats;
        for (size_t leaf = 0; leaf < rnn->states; states += rnn->state_sizes[leaf++])
            call->kernels->add(rnn->state_sizes[leaf], states, tape->d_variables[rnn->cell_variables + leaf]);
    }
}

lstm_status lstm__check_backward(const char *function, const lstm_tape *tape, const lstm_params *params,
                                 const lstm_params *d_params)
{
    lstm_status status = lstm__params_check(function, "params", params, tape->rnn->layout);
    if (status)
        return status;
    if (tape->inference)
        return lstm__fail(LSTM_ERR_STATE, "%s: the tape was created for inference", function);
    if (!tape->params)
        return lstm__fail(LSTM_ERR_STATE, "%s: no forward call before it; each one serves one backward", function);
    if (tape->params != params || tape->version != lstm__params_version(params))
        return lstm__fail(LSTM_ERR_STATE, "%s: params are not, or no longer, what the forward call ran with", function);
    if (d_params == params)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: d_params and params are the same store", function);
    return d_params ? lstm__params_check_writable(function, "d_params", d_params, tape->rnn->layout) : LSTM_OK;
}

void lstm__begin_gradient(lstm_tape *tape, lstm_params *d_params)
{
    const lstm_rnn *rnn = tape->rnn;
    float *block = lstm_params_edit(d_params, NULL);
    for (size_t k = 0; k < rnn->variables.count && block; k++)
        tape->d_variables[k] = block + rnn->offsets[k];
    if (block && tape->partial)
        clear_partials(tape);
}

float *const *lstm__block_gradient(const lstm__call *call, size_t index)
{
    const lstm_tape *tape = call->tape;
    return call->grads->d_params && tape->partial ? tape->d_variables + (index + 1) * tape->rnn->variables.count : NULL;
}

void lstm__end_gradient(lstm__call *call)
{
    const lstm_rnn *rnn = call->tape->rnn;
    if (call->grads->d_params) {
        /* How the columns are cut changes no bit: each number is one sum. */
        call->parts = lstm__lanes(rnn->context, LSTM__GRADIENT_PARTS);
        add_partials(call);
    }
    if (call->grads->d_params && !rnn->sums_by_block)
        lstm__parallel(rnn->context, call->parts, lstm__operations(call->tape), weight_gradient_part, call);
    lstm__tape_forget(call->tape);
}

lstm_status lstm_dynamic_rnn_backward(lstm_tape *tape, const lstm_params *params, const lstm_dynamic_rnn_grads *grads)
{
    const char *function = "lstm_dynamic_rnn_backward";
    if (!tape || !grads)
        return lstm__fail_null(function, tape ? "grads" : "tape");
    lstm_dynamic_rnn_grads g;
    lstm_status status = lstm__read_args(function, &g, sizeof g, grads);
    if (status || (status = lstm__check_backward(function, tape, params, g.d_params)))
        return status;
    if (tape->raw)
        return lstm__fail(LSTM_ERR_STATE, "%s: the forward call was lstm_raw_rnn", function);
    lstm__call call = {.tape = tape, .kernels = lstm__context_kernels(tape->rnn->context), .grads = &g};
    lstm__begin_gradient(tape, g.d_params);
    lstm__run_blocks(&call, backward_block);
    lstm__end_gradient(&call);
    return LSTM_OK;
}
