#include "context.h"
#include "memory.h"
#include "model.h"
#include "status.h"
#include "stream.h"

#include <string.h>

enum { STEPS = 16 };

struct lstm_model_stream {
    lstm_model *model;
    lstm_params *weights;
    bool owns_memory;
    size_t batch, max_steps;
    lstm_stream **streams; /* per layer; NULL for a dense one */
    size_t *steps;         /* [batch]: of the portion at hand */
    float *portion;        /* [batch][max_steps][input]: a part of longer rows; of one row, it is in place */
    float *values[2];      /* [batch][max_steps][width]: of the layers, in turn */
    float *last;           /* [batch][width] of the layer that returns the last */
};

/* ---- the object ---- */

/* The widest output of all layers. */
static size_t widest(const lstm_model *model)
{
    size_t width = 0;
    for (size_t k = 0; k < model->layer_count; k++)
        width = model->layers[k].output_size > width ? model->layers[k].output_size : width;
    return width;
}

/* The last outputs of the recurrent layers: where those layers end that go by time. */
static const lstm__model_layer *last_over_time(const lstm_model *model)
{
    size_t k = model->layer_count - 1;
    while (model->layers[k].by_row)
        k--;
    return &model->layers[k];
}

static float *take(lstm__arena *arena, size_t rows, size_t width)
{
    size_t floats = 0;
    arena->overflow |= !lstm__multiply(rows, width, &floats);
    return lstm__arena_take(arena, floats, sizeof(float));
}

/* Cut the memory into the arrays, and make the layers' streams in it; an arena that counts makes none. */
static lstm_status cut(lstm__arena *arena, const lstm_model *model, lstm_model_stream *stream)
{
    size_t rows = 0;
    arena->overflow |= !lstm__multiply(stream->batch, stream->max_steps, &rows);
    stream->streams = lstm__arena_take(arena, model->layer_count, sizeof *stream->streams);
    stream->steps = lstm__arena_take(arena, stream->batch, sizeof *stream->steps);
    stream->portion = take(arena, stream->batch > 1 ? rows : 0, model->layers[0].input_size);
    stream->last = take(arena, stream->batch, last_over_time(model)->output_size);
    for (int k = 0; k < 2; k++)
        stream->values[k] = take(arena, rows, widest(model));
    for (size_t k = 0; k < model->layer_count; k++) {
        const lstm_rnn *rnn = model->layers[k].rnn;
        lstm_stream_config config = {
            .struct_size = sizeof config, .batch = stream->batch, .max_steps = stream->max_steps};
        lstm_status status = rnn ? lstm_stream_size(rnn, &config, &config.memory_size, NULL) : LSTM_OK;
        config.memory = lstm__arena_take(arena, 1, config.memory_size);
        if (!status && rnn && config.memory)
            status = lstm_stream_create(rnn, stream->weights, &config, &stream->streams[k]);
        if (status)
            return status;
    }
    return LSTM_OK;
}

/* Read a config, and count the bytes of its stream. */
static lstm_status measure(const char *function, const lstm_model *model, const lstm_stream_config *config,
                           lstm_stream_config *c, lstm_model_stream *stream, size_t *bytes)
{
    lstm_status status = lstm__read_args(function, c, sizeof *c, config);
    if (status)
        return status;
    *stream = (lstm_model_stream){.model = (lstm_model *)(uintptr_t)model,
                                  .owns_memory = !c->memory,
                                  .batch = c->batch ? c->batch : 1,
                                  .max_steps = c->max_steps ? c->max_steps : STEPS};
    lstm_model_stream counted = *stream;
    lstm__arena counting = {0};
    lstm__arena_take(&counting, 1, sizeof *stream);
    if ((status = cut(&counting, model, &counted)))
        return lstm__fail_as(function, status);
    if (counting.overflow)
        return lstm__fail_memory(function);
    *bytes = counting.used;
    return LSTM_OK;
}

lstm_status lstm_model_stream_size(const lstm_model *model, const lstm_stream_config *config, size_t *bytes,
                                   size_t *alignment)
{
    const char *function = "lstm_model_stream_size";
    if (!model || !bytes)
        return lstm__fail_null(function, model ? "bytes" : "model");
    lstm_stream_config c;
    lstm_model_stream measured;
    lstm_status status = measure(function, model, config, &c, &measured, bytes);
    if (!status && alignment)
        *alignment = LSTM__ALIGNMENT;
    return status;
}

static lstm_status check_weights(const char *function, const lstm_model *model, const lstm_params *frozen)
{
    lstm_status status = lstm__params_check(function, "frozen", frozen, model->layout);
    if (!status && !lstm__params_is_frozen(frozen))
        return lstm__fail(LSTM_ERR_STATE, "%s: the weights are not frozen; see lstm_params_freeze", function);
    return status;
}

lstm_status lstm_model_stream_create(const lstm_model *model, const lstm_params *frozen,
                                     const lstm_stream_config *config, lstm_model_stream **stream)
{
    const char *function = "lstm_model_stream_create";
    if (!model || !stream)
        return lstm__fail_null(function, model ? "stream" : "model");
    lstm_stream_config c;
    lstm_model_stream measured;
    size_t bytes = 0;
    void *memory;
    lstm_status status = check_weights(function, model, frozen);
    if (status || (status = measure(function, model, config, &c, &measured, &bytes)) ||
        (status = lstm__take_memory(function, model->context, c.memory, c.memory_size, bytes, &memory)))
        return status;
    lstm__arena arena = {.base = memory};
    lstm_model_stream *made = lstm__arena_take(&arena, 1, sizeof *made);
    *made = measured;
    lstm__model_retain(made->model);
    made->weights = (lstm_params *)(uintptr_t)frozen;
    lstm__params_retain(made->weights);
    if ((status = cut(&arena, model, made))) {
        lstm_model_stream_destroy(made);
        return lstm__fail_as(function, status);
    }
    *stream = made;
    return LSTM_OK;
}

void lstm_model_stream_destroy(lstm_model_stream *stream)
{
    if (!stream)
        return;
    lstm_model *model = stream->model;
    for (size_t k = 0; k < model->layer_count; k++)
        lstm_stream_destroy(stream->streams[k]);
    lstm_params_destroy(stream->weights);
    if (stream->owns_memory)
        lstm__release(model->context, stream);
    lstm_model_destroy(model);
}

/* ---- running ---- */

/* A portion of the caller's rows: `time` steps from t on. */
typedef struct portion {
    size_t t, time;
    const size_t *steps; /* NULL: all rows go through all of it */
} portion;

/* Rows of `width` floats a step, within their steps, between the caller's array and the portion's. */
static void copy_rows(const lstm_model_stream *stream, const portion *p, size_t width, const float *from,
                      size_t from_time, float *to, size_t to_time, bool whole)
{
    for (size_t row = 0; row < stream->batch; row++) {
        const size_t steps = p->steps && !whole ? p->steps[row] : p->time;
        if (steps)
            memcpy(to + row * to_time * width, from + row * from_time * width, steps * width * sizeof *to);
    }
}

static void run_dense(const lstm_model_stream *stream, const lstm__model_layer *layer, const portion *p, const float *x,
                      float *y)
{
    const size_t in = layer->input_size, out = layer->output_size;
    if (!p->steps || layer->reads_padding) {
        (void)lstm_dense_forward(layer->dense, stream->weights, stream->batch * p->time, x, y);
        return;
    }
    for (size_t row = 0; row < stream->batch; row++) {
        const size_t first = row * p->time, steps = p->steps[row];
        (void)lstm_dense_forward(layer->dense, stream->weights, steps, x + first * in, y + first * out);
        memset(y + (first + steps) * out, 0, (p->time - steps) * out * sizeof *y);
    }
}

/* Run the layers that go by time; their output, [batch][p->time][width]. `outputs`: where the last one may write, or NULL;
 * it may be x, over which a stream writes, but no dense layer. */
static const float *run_portion(const lstm_model_stream *stream, const portion *p, const float *x, float *outputs)
{
    const lstm_model *model = stream->model;
    for (size_t k = 0; k < model->layer_count && !model->layers[k].by_row; k++) {
        const lstm__model_layer *layer = &model->layers[k];
        const bool here = outputs && k + 1 == model->layer_count && (layer->rnn || outputs != x);
        float *y = here ? outputs : stream->values[k % 2];
        if (layer->rnn)
            (void)lstm_stream_run_ragged(stream->streams[k], p->time, p->steps, x, y);
        else
            run_dense(stream, layer, p, x, y);
        x = y;
    }
    return x;
}

static void keep_last(const lstm_model_stream *stream, const portion *p, const float *y)
{
    const size_t width = last_over_time(stream->model)->output_size;
    for (size_t row = 0; row < stream->batch; row++) {
        const size_t steps = p->steps ? p->steps[row] : p->time;
        if (steps)
            memcpy(stream->last + row * width, y + (row * p->time + steps - 1) * width, width * sizeof *y);
    }
}

/* The dense layers behind the one that returns the last, on what each row had last. */
static void finish(const lstm_model_stream *stream, float *outputs)
{
    const lstm_model *model = stream->model;
    const float *x = stream->last;
    for (size_t k = 0; k < model->layer_count; k++) {
        if (!model->layers[k].by_row)
            continue;
        float *y = k + 1 == model->layer_count ? outputs : stream->values[k % 2];
        (void)lstm_dense_forward(model->layers[k].dense, stream->weights, stream->batch, x, y);
        x = y;
    }
    if (x == stream->last)
        memcpy(outputs, x, stream->batch * lstm_model_output_size(model) * sizeof *x);
}

static const size_t *portion_steps(const lstm_model_stream *stream, const size_t *steps, const portion *p)
{
    for (size_t row = 0; steps && row < stream->batch; row++) {
        const size_t left = steps[row] > p->t ? steps[row] - p->t : 0;
        stream->steps[row] = left < p->time ? left : p->time;
    }
    return steps ? stream->steps : NULL;
}

static lstm_status check_run(const char *function, const lstm_model_stream *stream, size_t time, const size_t *steps,
                             const float *inputs, const float *outputs)
{
    if (!stream)
        return lstm__fail_null(function, "stream");
    if (time && !inputs)
        return lstm__fail_null(function, "inputs");
    if ((time || lstm_model_returns_last(stream->model)) && !outputs)
        return lstm__fail_null(function, "outputs");
    for (size_t row = 0; steps && row < stream->batch; row++)
        if (steps[row] > time)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: steps[%zu] is %zu, expected 0 to %zu", function, row,
                              steps[row], time);
    return LSTM_OK;
}

lstm_status lstm_model_stream_run(lstm_model_stream *stream, size_t time, const size_t *steps, const float *inputs,
                                  float *outputs)
{
    lstm_status status = check_run("lstm_model_stream_run", stream, time, steps, inputs, outputs);
    if (status)
        return status;
    const lstm_model *model = stream->model;
    const bool last = lstm_model_returns_last(model);
    const size_t in = lstm_model_input_size(model), out = lstm_model_output_size(model);
    for (size_t t = 0; t < time; t += stream->max_steps) {
        portion p = {.t = t, .time = time - t < stream->max_steps ? time - t : stream->max_steps};
        p.steps = portion_steps(stream, steps, &p);
        const bool in_place = stream->batch == 1 || p.time == time; /* the portion is dense in the caller's arrays */
        const float *x = inputs + t * in;
        float *y = last ? NULL : outputs + t * out;
        if (!in_place)
            copy_rows(stream, &p, in, x, time, stream->portion, p.time, false);
        const float *made = run_portion(stream, &p, in_place ? x : stream->portion, in_place ? y : NULL);
        if (last)
            keep_last(stream, &p, made);
        else if (made != y)
            copy_rows(stream, &p, out, made, p.time, y, time, true);
    }
    if (last)
        finish(stream, outputs);
    return LSTM_OK;
}

/* ---- the state ---- */

lstm_status lstm_model_stream_reset(lstm_model_stream *stream)
{
    if (!stream)
        return lstm__fail_null("lstm_model_stream_reset", "stream");
    for (size_t row = 0; row < stream->batch; row++)
        (void)lstm_model_stream_reset_row(stream, row);
    return LSTM_OK;
}

lstm_status lstm_model_stream_reset_row(lstm_model_stream *stream, size_t row)
{
    const char *function = "lstm_model_stream_reset_row";
    if (!stream)
        return lstm__fail_null(function, "stream");
    if (row >= stream->batch)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: row is %zu, expected below %zu", function, row,
                          stream->batch);
    const lstm_model *model = stream->model;
    for (size_t k = 0; k < model->layer_count; k++)
        if (stream->streams[k])
            (void)lstm_stream_reset_row(stream->streams[k], row);
    const size_t width = last_over_time(model)->output_size;
    memset(stream->last + row * width, 0, width * sizeof *stream->last);
    return LSTM_OK;
}

float *lstm_model_stream_state(lstm_model_stream *stream, size_t leaf)
{
    if (!stream || leaf >= stream->model->states)
        return NULL;
    size_t k = stream->model->layer_count - 1;
    while (!stream->streams[k] || stream->model->layers[k].first_state > leaf)
        k--;
    return lstm_stream_state(stream->streams[k], leaf - stream->model->layers[k].first_state);
}

/* ---- copied and saved ---- */

/* The leaves; of a model that returns the last, also what each row had last. */
static float *kept_array(const void *stream, size_t k, size_t *width)
{
    const lstm_model_stream *s = stream;
    if (k == s->model->states) {
        *width = last_over_time(s->model)->output_size;
        return s->last;
    }
    *width = lstm_model_state_size(s->model, k);
    return lstm_model_stream_state((lstm_model_stream *)(uintptr_t)s, k);
}

static lstm__state state_of(const lstm_model_stream *stream)
{
    return (lstm__state){.stream = stream,
                         .batch = stream->batch,
                         .arrays = stream->model->states + lstm_model_returns_last(stream->model),
                         .array = kept_array};
}

lstm_status lstm_model_stream_copy(const lstm_model_stream *from, lstm_model_stream *to)
{
    const char *function = "lstm_model_stream_copy";
    if (!from || !to)
        return lstm__fail_null(function, from ? "to" : "from");
    const lstm__state source = state_of(from), target = state_of(to);
    return lstm__state_copy(function, &source, &target);
}

size_t lstm_model_stream_save_size(const lstm_model_stream *stream)
{
    if (!stream)
        return 0;
    const lstm__state state = state_of(stream);
    return lstm__state_bytes(&state);
}

lstm_status lstm_model_stream_save(const lstm_model_stream *stream, void *bytes, size_t size)
{
    const char *function = "lstm_model_stream_save";
    if (!stream || !bytes)
        return lstm__fail_null(function, stream ? "bytes" : "stream");
    const lstm__state state = state_of(stream);
    return lstm__state_save(function, &state, bytes, size);
}

lstm_status lstm_model_stream_restore(lstm_model_stream *stream, const void *bytes, size_t size)
{
    const char *function = "lstm_model_stream_restore";
    if (!stream || !bytes)
        return lstm__fail_null(function, stream ? "bytes" : "stream");
    const lstm__state state = state_of(stream);
    return lstm__state_restore(function, &state, bytes, size);
}
