#include <lstm/stream.h>

#include "context.h"
#include "status.h"
#include "unroll.h"

#include <string.h>

enum { STEPS = 16 };

struct lstm_stream {
    lstm_context *context;
    lstm_params *weights;
    lstm_tape *tape;
    size_t batch, max_steps;
    size_t *steps;   /* [batch]: of the portion at hand */
    float **state;   /* per leaf [batch][width] */
    float **initial; /* per leaf [width]: where a row starts */
    lstm__run run;   /* of some steps of all rows, in the tape's only lane; see run_packed */
    size_t run_steps;
};

/* Per leaf an array of `rows` rows; false: no memory. */
static bool take_leaves(const lstm_rnn *rnn, size_t rows, float ***leaves)
{
    *leaves = lstm__allocate(rnn->context, rnn->states + 1, sizeof **leaves);
    for (size_t leaf = 0; *leaves && leaf < rnn->states; leaf++) {
        (*leaves)[leaf] = lstm__allocate(rnn->context, rows, rnn->state_sizes[leaf] * sizeof(float));
        if (!(*leaves)[leaf])
            return false;
    }
    return *leaves != NULL;
}

static void release_leaves(lstm_context *context, size_t count, float **leaves)
{
    for (size_t leaf = 0; leaves && leaf < count; leaf++)
        lstm__release(context, leaves[leaf]);
    lstm__release(context, leaves);
}

/* A run of no steps passes the initial state through. */
static lstm_status find_initial(lstm_stream *stream)
{
    lstm_dynamic_rnn_args nothing = {.struct_size = sizeof nothing, .batch = 1, .final_state = stream->initial};
    return lstm_dynamic_rnn(stream->tape, stream->weights, &nothing);
}

static lstm_status check(const char *function, const lstm_rnn *rnn, const lstm_params *frozen)
{
    lstm_status status = lstm__params_check(function, "frozen", frozen, rnn->layout);
    if (status)
        return status;
    if (!lstm__params_is_frozen(frozen))
        return lstm__fail(LSTM_ERR_STATE, "%s: the weights are not frozen; see lstm_params_freeze", function);
    if (rnn->direction_count > 1)
        return lstm__fail(LSTM_ERR_UNSUPPORTED, "%s: a bidirectional plan cannot stream", function);
    return LSTM_OK;
}

/* The run of a stream whose rows are one block: what does not change from call to call. The weights are frozen. */
static void prepare_run(lstm_stream *stream, const lstm_rnn *rnn)
{
    const lstm_tape *tape = stream->tape;
    const lstm_cell_spec *spec = rnn->directions[0].spec;
    const lstm__lane *lane = &tape->lanes[0];
    stream->run_steps = tape->chunk_steps / stream->batch;
    if (stream->run_steps > tape->max_time)
        stream->run_steps = tape->max_time;
    for (size_t t = 0; t < stream->run_steps; t++)
        lane->active[t] = stream->batch;
    for (size_t row = 0; row < stream->batch; row++)
        tape->row_id[row] = row;
    for (size_t leaf = 0; leaf < spec->states; leaf++) /* where the driver, too, will put them */
        lane->next_state[leaf] = lane->state[leaf] + stream->batch * spec->state_sizes[leaf];
    stream->run =
        (lstm__run){.kernels = lstm__context_kernels(rnn->context),
                    .spec = spec,
                    .rows = stream->batch,
                    .active = lane->active,
                    .row_id = tape->row_id,
                    .state = (const float *const *)stream->state,
                    .next_state = lane->next_state,
                    .output = spec->output_leaf == SIZE_MAX ? lane->output : lane->next_state[spec->output_leaf],
                    .variables = tape->variables + spec->first_variable,
                    .matrices = tape->matrices + spec->first_matrix,
                    .tape = lane->tape,
                    .scratch = lane->scratch,
                    .pointers = lane->pointers};
}

static lstm_status fill(const char *function, lstm_stream *stream, const lstm_rnn *rnn)
{
    if (!take_leaves(rnn, stream->batch, &stream->state) || !take_leaves(rnn, 1, &stream->initial))
        return lstm__fail_memory(function);
    lstm_tape_config config = {
        .struct_size = sizeof config, .max_batch = stream->batch, .max_time = stream->max_steps, .inference = true};
    stream->steps = lstm__allocate(rnn->context, stream->batch, sizeof *stream->steps);
    lstm_status status = stream->steps ? lstm_tape_create(rnn, &config, &stream->tape) : lstm__fail_memory(function);
    if (!status)
        status = find_initial(stream);
    if (status)
        return status;
    if (stream->batch <= LSTM__BLOCK_ROWS_MIN)
        prepare_run(stream, rnn);
    return lstm_stream_reset(stream);
}

lstm_status lstm_stream_create(const lstm_rnn *rnn, const lstm_params *frozen, const lstm_stream_config *config,
                               lstm_stream **stream)
{
    const char *function = "lstm_stream_create";
    if (!rnn || !stream)
        return lstm__fail_null(function, rnn ? "stream" : "rnn");
    lstm_stream_config c;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = check(function, rnn, frozen)))
        return status;
    lstm_stream *made = lstm__allocate(rnn->context, 1, sizeof *made);
    if (!made)
        return lstm__fail_memory(function);
    made->context = rnn->context;
    lstm__context_retain(rnn->context);
    made->weights = (lstm_params *)(uintptr_t)frozen;
    lstm__params_retain(made->weights);
    made->batch = c.batch ? c.batch : 1;
    made->max_steps = c.max_steps ? c.max_steps : STEPS;
    status = fill(function, made, rnn);
    if (status) {
        release_leaves(made->context, rnn->states, made->state);
        release_leaves(made->context, rnn->states, made->initial);
        made->state = made->initial = NULL;
        lstm_stream_destroy(made);
        return status;
    }
    *stream = made;
    return LSTM_OK;
}

void lstm_stream_destroy(lstm_stream *stream)
{
    if (!stream)
        return;
    const size_t leaves = stream->tape ? stream->tape->rnn->states : 0;
    lstm_context *context = stream->context;
    release_leaves(context, leaves, stream->state);
    release_leaves(context, leaves, stream->initial);
    lstm__release(context, stream->steps);
    lstm_tape_destroy(stream->tape);
    lstm_params_destroy(stream->weights);
    lstm__release(context, stream);
    lstm_context_destroy(context);
}

/* Arrays in the caller's layout that are packed as they are need no driver: the cell runs on them at once. */
static void run_packed(lstm_stream *stream, size_t time, const float *inputs, float *outputs)
{
    lstm__run *run = &stream->run;
    const lstm_cell_spec *spec = run->spec;
    for (size_t t = 0; t < time; t += run->time) {
        run->time = time - t < stream->run_steps ? time - t : stream->run_steps;
        run->steps = run->time * run->rows;
        run->input = inputs;
        lstm__run_forward(run);
        memcpy(outputs, run->output, run->steps * spec->output_size * sizeof *outputs);
        for (size_t leaf = 0; leaf < spec->states; leaf++) {
            const size_t count = run->rows * spec->state_sizes[leaf];
            memcpy(stream->state[leaf], run->next_state[leaf] + (run->time - 1) * count, count * sizeof(float));
        }
        inputs += run->steps * spec->input_size;
        outputs += run->steps * spec->output_size;
    }
}

/* What is left for each row of its steps from time t on, in a portion of `time` steps. */
static const size_t *portion_steps(const lstm_stream *stream, const size_t *steps, size_t t, size_t time)
{
    for (size_t row = 0; steps && row < stream->batch; row++) {
        const size_t left = steps[row] > t ? steps[row] - t : 0;
        stream->steps[row] = left < time ? left : time;
    }
    return steps ? stream->steps : NULL;
}

lstm_status lstm_stream_run_ragged(lstm_stream *stream, size_t time, const size_t *steps, const float *inputs,
                                   float *outputs)
{
    const char *function = "lstm_stream_run";
    if (!stream || (time && (!inputs || !outputs)))
        return lstm__fail_null(function, !stream ? "stream" : inputs ? "outputs" : "inputs");
    for (size_t row = 0; steps && row < stream->batch; row++)
        if (steps[row] > time)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: steps[%zu] is %zu, expected 0 to %zu", function, row,
                              steps[row], time);
    const lstm_rnn *rnn = stream->tape->rnn;
    if (!steps && stream->run_steps && (stream->batch == 1 || time == 1 || rnn->order == LSTM_TIME_MAJOR)) {
        run_packed(stream, time, inputs, outputs);
        return LSTM_OK;
    }
    const size_t stride = rnn->order == LSTM_TIME_MAJOR ? stream->batch : 1;
    for (size_t t = 0; t < time; t += stream->max_steps) {
        const size_t portion = time - t < stream->max_steps ? time - t : stream->max_steps;
        const lstm_dynamic_rnn_args args = {
            .batch = stream->batch,
            .time = portion,
            .inputs = inputs + t * stride * lstm_rnn_input_size(rnn),
            .sequence_length = portion_steps(stream, steps, t, portion),
            .initial_state = (const float *const *)stream->state,
            .outputs = outputs + t * stride * lstm_rnn_output_size(rnn),
            .final_state = stream->state,
        };
        lstm__dynamic_rnn(stream->tape, stream->weights, &args, time);
    }
    return LSTM_OK;
}

lstm_status lstm_stream_run(lstm_stream *stream, size_t time, const float *inputs, float *outputs)
{
    return lstm_stream_run_ragged(stream, time, NULL, inputs, outputs);
}

static void reset(lstm_stream *stream, size_t row)
{
    const lstm_rnn *rnn = stream->tape->rnn;
    for (size_t leaf = 0; leaf < rnn->states; leaf++) {
        const size_t width = rnn->state_sizes[leaf];
        lstm__copy(stream->state[leaf] + row * width, stream->initial[leaf], width);
    }
}

lstm_status lstm_stream_reset(lstm_stream *stream)
{
    if (!stream)
        return lstm__fail_null("lstm_stream_reset", "stream");
    for (size_t row = 0; row < stream->batch; row++)
        reset(stream, row);
    return LSTM_OK;
}

lstm_status lstm_stream_reset_row(lstm_stream *stream, size_t row)
{
    const char *function = "lstm_stream_reset_row";
    if (!stream)
        return lstm__fail_null(function, "stream");
    if (row >= stream->batch)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: row is %zu, expected below %zu", function, row,
                          stream->batch);
    reset(stream, row);
    return LSTM_OK;
}

float *lstm_stream_state(lstm_stream *stream, size_t leaf)
{
    return stream && leaf < stream->tape->rnn->states ? stream->state[leaf] : NULL;
}
