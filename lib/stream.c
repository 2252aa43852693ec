#include "stream.h"

#include "context.h"
#include "status.h"
#include "unroll.h"

#include <string.h>

enum { STEPS = 16 };

/* Cut the stream's arrays, and the memory of its tape, out of the arena. */
static void cut(lstm__arena *arena, const lstm_rnn *rnn, lstm_stream *stream, lstm_tape_config *tape)
{
    stream->steps = lstm__arena_take(arena, stream->batch, sizeof *stream->steps);
    stream->state = lstm__take_states(arena, rnn->state_sizes, rnn->states, stream->batch);
    stream->initial = lstm__take_states(arena, rnn->state_sizes, rnn->states, 1);
    tape->memory = lstm__arena_take(arena, 1, tape->memory_size);
}

/* Fill in a stream's sizes and its tape's from the configuration, and count the bytes. */
static lstm_status measure(const char *function, const lstm_rnn *rnn, const lstm_stream_config *config,
                           lstm_stream *stream, lstm_tape_config *tape, size_t *bytes)
{
    if (rnn->direction_count > 1)
        return lstm__fail(LSTM_ERR_UNSUPPORTED, "%s: a bidirectional plan cannot stream", function);
    *stream = (lstm_stream){.context = rnn->context,
                            .owns_memory = !config->memory,
                            .batch = config->batch ? config->batch : 1,
                            .max_steps = config->max_steps ? config->max_steps : STEPS};
    *tape = (lstm_tape_config){
        .struct_size = sizeof *tape, .max_batch = stream->batch, .max_time = stream->max_steps, .inference = true};
    lstm_status status = lstm__tape_size(function, rnn, tape, true, &tape->memory_size);
    if (status)
        return status;
    lstm_stream counted = *stream;
    lstm__arena counting = {0};
    lstm__arena_take(&counting, 1, sizeof *stream);
    cut(&counting, rnn, &counted, tape);
    if (counting.overflow)
        return lstm__fail_memory(function);
    *bytes = counting.used;
    return LSTM_OK;
}

lstm_status lstm_stream_size(const lstm_rnn *rnn, const lstm_stream_config *config, size_t *bytes, size_t *alignment)
{
    const char *function = "lstm_stream_size";
    if (!rnn || !bytes)
        return lstm__fail_null(function, rnn ? "bytes" : "rnn");
    lstm_stream_config c;
    lstm_stream measured;
    lstm_tape_config tape;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (!status)
        status = measure(function, rnn, &c, &measured, &tape, bytes);
    if (!status && alignment)
        *alignment = LSTM__ALIGNMENT;
    return status;
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
    return LSTM_OK;
}

lstm_status lstm_stream_create(const lstm_rnn *rnn, const lstm_params *frozen, const lstm_stream_config *config,
                               lstm_stream **stream)
{
    const char *function = "lstm_stream_create";
    if (!rnn || !stream)
        return lstm__fail_null(function, rnn ? "stream" : "rnn");
    lstm_stream_config c;
    lstm_stream measured;
    lstm_tape_config tape;
    size_t bytes;
    void *memory;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = check(function, rnn, frozen)) ||
        (status = measure(function, rnn, &c, &measured, &tape, &bytes)) ||
        (status = lstm__take_memory(function, rnn->context, c.memory, c.memory_size, bytes, &memory)))
        return status;
    lstm__arena arena = {.base = memory};
    lstm_stream *made = lstm__arena_take(&arena, 1, sizeof *made);
    *made = measured;
    cut(&arena, rnn, made, &tape);
    lstm__context_retain(made->context);
    made->weights = (lstm_params *)(uintptr_t)frozen;
    lstm__params_retain(made->weights);
    if ((status = lstm__tape_create(function, rnn, &tape, true, &made->tape)) || (status = find_initial(made))) {
        lstm_stream_destroy(made);
        return status;
    }
    *stream = made;
    return lstm_stream_reset(made);
}

void lstm_stream_destroy(lstm_stream *stream)
{
    if (!stream)
        return;
    lstm_context *context = stream->context;
    lstm_tape_destroy(stream->tape);
    lstm_params_destroy(stream->weights);
    if (stream->owns_memory)
        lstm__release(context, stream);
    lstm_context_destroy(context);
}

/* The run of a stream whose rows are one block: what does not change from call to call, as long as the driver does not
 * use the lane. The weights are frozen. */
static void prepare_run(lstm_stream *stream)
{
    const lstm_tape *tape = stream->tape;
    const lstm_rnn *rnn = tape->rnn;
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
    stream->shared_time = lstm__shared_steps(rnn, stream->batch) / stream->batch;
    stream->run_is_ready = true;
}

/* Arrays in the caller's layout that are packed as they are need no driver: the cell runs on them at once. */
static inline void run_packed(lstm_stream *stream, size_t time, const float *inputs, float *outputs)
{
    lstm__run *run = &stream->run;
    const lstm_cell_spec *spec = run->spec;
    for (size_t t = 0; t < time; t += run->time) {
        run->time = time - t < stream->run_steps ? time - t : stream->run_steps;
        run->steps = run->time * run->rows;
        run->input = inputs;
        lstm__run_forward(run);
        run->start += run->time;
        memcpy(outputs, run->output, run->steps * spec->output_size * sizeof *outputs);
        for (size_t leaf = 0; leaf < spec->states; leaf++) {
            const size_t count = run->rows * spec->state_sizes[leaf];
            memcpy(stream->state[leaf], run->next_state[leaf] + (run->time - 1) * count, count * sizeof(float));
        }
        inputs += run->steps * spec->input_size;
        outputs += run->steps * spec->output_size;
    }
}

typedef struct packed_steps {
    lstm_stream *stream;
    size_t time;
    const float *inputs;
    float *outputs;
} packed_steps;

static void lead_packed(void *arg, lstm__crew *crew)
{
    const packed_steps *p = arg;
    p->stream->run.crew = crew;
    run_packed(p->stream, p->time, p->inputs, p->outputs);
    p->stream->run.crew = NULL;
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

static lstm_status run(const char *function, lstm_stream *stream, size_t time, const size_t *steps, const float *inputs,
                       float *outputs)
{
    if (!stream || (time && (!inputs || !outputs)))
        return lstm__fail_null(function, !stream ? "stream" : inputs ? "outputs" : "inputs");
    for (size_t row = 0; steps && row < stream->batch; row++)
        if (steps[row] > time)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: steps[%zu] is %zu, expected 0 to %zu", function, row,
                              steps[row], time);
    const lstm_rnn *rnn = stream->tape->rnn;
    const bool in_order = stream->batch == 1 || time == 1 || rnn->order == LSTM_TIME_MAJOR;
    if (!steps && in_order && stream->batch <= LSTM__BLOCK_ROWS_MIN) {
        if (!stream->run_is_ready)
            prepare_run(stream);
        if (time <= stream->shared_time)
            run_packed(stream, time, inputs, outputs);
        else
            lstm__crew_run(rnn->context, lead_packed, &(packed_steps){stream, time, inputs, outputs});
        return LSTM_OK;
    }
    stream->run_is_ready = false;
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
    return run("lstm_stream_run", stream, time, NULL, inputs, outputs);
}

lstm_status lstm_stream_run_ragged(lstm_stream *stream, size_t time, const size_t *steps, const float *inputs,
                                   float *outputs)
{
    return run("lstm_stream_run_ragged", stream, time, steps, inputs, outputs);
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
