#include "use_model.h"

#include <math.h>
#include <string.h>

enum { BATCH = 2, TIME = 4, MAX_WIDTH = 2000 };
static const size_t lengths[BATCH] = {TIME, 2};

/* Some numbers of each sign, NaN past the lengths. */
static float *make_inputs(size_t width)
{
    float *x = fuzz_array(BATCH * TIME * width, sizeof *x);
    for (size_t row = 0; row < BATCH; row++)
        for (size_t k = 0; k < TIME * width; k++)
            x[row * TIME * width + k] = k < lengths[row] * width ? (float)((k * 7 + row) % 11) / 4.0f - 1.0f : NAN;
    return x;
}

static void run(const lstm_model *model, const lstm_params *params, const float *x, float *y)
{
    lstm_model_tape *tape;
    need(!lstm_model_tape_create(
        model, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME, .inference = true), &tape));
    need(!lstm_model_run(tape, params,
                         LSTM_ARGS(lstm_model_args, .batch = BATCH, .time = TIME, .inputs = x,
                                   .sequence_length = lengths, .outputs = y)));
    lstm_model_tape_destroy(tape);
}

/* Two steps and two more; the second row has only the first two. */
static void stream(const lstm_model *model, const lstm_params *params, const float *x, const float *expected)
{
    const size_t in = lstm_model_input_size(model), out = lstm_model_output_size(model);
    const bool last = lstm_model_returns_last(model);
    lstm_params *frozen;
    lstm_model_stream *s = FUZZ_MARK;
    need(!lstm_params_freeze(params, NULL, &frozen));
    lstm_status status =
        fuzz_status(lstm_model_stream_create(model, frozen, LSTM_ARGS(lstm_stream_config, .batch = BATCH), &s),
                    LSTM_NAME, UNSUPPORTED);
    lstm_params_destroy(frozen);
    if (status) {
        need(s == FUZZ_MARK);
        return;
    }
    for (size_t half = 0; half < 2; half++) {
        const size_t steps[BATCH] = {2, half ? 0 : 2};
        float *part = fuzz_array(BATCH * 2 * in, sizeof *part),
              *y = fuzz_array(BATCH * (last ? 1 : 2) * out, sizeof *y);
        for (size_t row = 0; row < BATCH; row++)
            memcpy(part + row * 2 * in, x + (row * TIME + half * 2) * in, 2 * in * sizeof *part);
        need(!lstm_model_stream_run(s, 2, steps, part, y));
        for (size_t row = 0; row < BATCH && !last; row++)
            need(fuzz_same(y + row * 2 * out, expected + (row * TIME + half * 2) * out, 2 * out));
        need(!last || !half || fuzz_same(y, expected, BATCH * out));
    }
    lstm_model_stream_destroy(s);
}

void fuzz_use_model(const lstm_model *model, const lstm_params *params)
{
    const size_t in = lstm_model_input_size(model), out = lstm_model_output_size(model);
    const bool last = lstm_model_returns_last(model);
    need(in && out && lstm_model_graph(model));
    for (size_t leaf = 0; leaf <= lstm_model_state_count(model); leaf++)
        need(!lstm_model_state_size(model, leaf) == (leaf == lstm_model_state_count(model)));
    if (in > MAX_WIDTH || out > MAX_WIDTH)
        return;
    const float *x = make_inputs(in);
    float *y = fuzz_array(BATCH * (last ? 1 : TIME) * out, sizeof *y);
    run(model, params, x, y);
    stream(model, params, x, y);
    fuzz_arrays_check();
}
