#include "context.h"
#include "model.h"
#include "params_file.h"
#include "status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The contract: an imported network gives what its source gave, to this share of the largest output. */
static const double tolerance = 1e-4;

enum {
    TAPE = 1 << 24, /* bytes: what a tape takes at most where it can be less; */
    EACH = 32       /* where it cannot, so many more for each byte of the file's tensors */
};

/* One recorded test. */
typedef struct selftest {
    const lstm_tensor *inputs, *sequence_length, *outputs; /* sequence_length: or NULL */
    size_t batch, time, input_count, output_count;
    float *x, *expected, *y;
    int64_t *numbers;
    size_t *lengths;
} selftest;

static lstm_status refuse(const char *where, size_t k, const char *words)
{
    return lstm__fail(LSTM_ERR_FORMAT, "%s: selftest/%zu: %s", where, k, words);
}

static const lstm_tensor *find(const lstm_safetensors *file, size_t k, const char *name, bool *used)
{
    char full[64];
    snprintf(full, sizeof full, "selftest/%zu/%s", k, name);
    return lstm__safetensors_find(file, full, used);
}

static lstm_status check_shapes(const char *where, const lstm_model *model, size_t k, selftest *t)
{
    const size_t width = lstm_model_output_size(model);
    const lstm_tensor *x = t->inputs, *n = t->sequence_length, *y = t->outputs;
    if (!x || x->rank != 3 || x->shape[2] != lstm_model_input_size(model))
        return refuse(where, k, "inputs have to be [batch, time, input_size]");
    t->batch = x->shape[0];
    t->time = x->shape[1];
    const bool last = lstm_model_returns_last(model);
    if (!y || y->rank != (last ? 2U : 3U) || y->shape[0] != t->batch || (!last && y->shape[1] != t->time) ||
        y->shape[y->rank - 1] != width)
        return refuse(where, k, last ? "outputs have to be [batch, width]" : "outputs have to be [batch, time, width]");
    if (n && (n->rank != 1 || n->shape[0] != t->batch))
        return refuse(where, k, "sequence_length has to be [batch]");
    if (!t->batch || !t->time)
        return refuse(where, k, "it is empty");
    t->input_count = t->batch * t->time * x->shape[2]; /* the reader has checked that all this fits */
    t->output_count = t->batch * (last ? 1 : t->time) * width;
    return LSTM_OK;
}

static lstm_status read_arrays(const char *where, lstm_context *context, size_t k, selftest *t)
{
    t->x = lstm__allocate(context, t->input_count, sizeof *t->x);
    t->y = lstm__allocate(context, t->output_count, sizeof *t->y);
    t->expected = lstm__allocate(context, t->output_count, sizeof *t->expected);
    t->numbers = lstm__allocate(context, t->batch, sizeof *t->numbers);
    t->lengths = lstm__allocate(context, t->batch, sizeof *t->lengths);
    if (!t->x || !t->y || !t->expected || !t->numbers || !t->lengths)
        return lstm__fail_memory(where);
    if (lstm_tensor_floats(t->inputs, t->input_count, t->x) ||
        lstm_tensor_floats(t->outputs, t->output_count, t->expected))
        return refuse(where, k, "inputs and outputs have to be F32, F16, BF16 or F64");
    if (t->sequence_length && lstm_tensor_integers(t->sequence_length, t->batch, t->numbers))
        return refuse(where, k, "sequence_length has to be I64 or I32");
    for (size_t row = 0; t->sequence_length && row < t->batch; row++) {
        if (t->numbers[row] < 0 || (uint64_t)t->numbers[row] > t->time)
            return refuse(where, k, "a sequence_length is not from 0 to time");
        t->lengths[row] = (size_t)t->numbers[row];
    }
    return LSTM_OK;
}

/* ---- the run ---- */

static lstm_tape_config tape_config(const selftest *t, size_t rows)
{
    return (lstm_tape_config){
        .struct_size = sizeof(lstm_tape_config), .max_batch = rows, .max_time = t->time, .inference = true};
}

static bool is_larger(const lstm_model *model, const selftest *t, size_t rows, size_t most)
{
    const lstm_tape_config config = tape_config(t, rows);
    size_t bytes;
    return lstm_model_tape_size(model, &config, &bytes, NULL) || bytes > most;
}

/* What is still in proportion to a file. */
static size_t justified(const lstm_safetensors *file)
{
    size_t bytes = 0;
    for (size_t k = 0; k < lstm_safetensors_count(file); k++)
        bytes += lstm__safetensors_at(file, k)->size;
    return bytes < (SIZE_MAX - TAPE) / EACH ? TAPE + EACH * bytes : SIZE_MAX;
}

static const float *inputs_at(const selftest *t, size_t row)
{
    return t->x + row * (t->input_count / t->batch);
}

static float *outputs_at(const selftest *t, size_t row)
{
    return t->y + row * (t->output_count / t->batch);
}

static lstm_status run_rows(const lstm_model *model, const lstm_params *params, const selftest *t, size_t rows)
{
    lstm_model_tape *tape;
    const lstm_tape_config config = tape_config(t, rows);
    lstm_status status = lstm_model_tape_create(model, &config, &tape);
    if (status)
        return status;
    for (size_t row = 0; row < t->batch && !status; row += rows) {
        const lstm_model_args args = {.struct_size = sizeof args,
                                      .batch = t->batch - row < rows ? t->batch - row : rows,
                                      .time = t->time,
                                      .inputs = inputs_at(t, row),
                                      .sequence_length = t->sequence_length ? t->lengths + row : NULL,
                                      .outputs = outputs_at(t, row)};
        status = lstm_model_run(tape, params, &args);
    }
    lstm_model_tape_destroy(tape);
    return status;
}

/* Row by row, each in portions. */
static lstm_status run_streamed(const lstm_model *model, const lstm_params *params, const selftest *t)
{
    lstm_params *frozen;
    lstm_model_stream *stream;
    lstm_status status = lstm_params_freeze(params, NULL, &frozen);
    if (status)
        return status;
    status = lstm_model_stream_create(model, frozen, NULL, &stream);
    lstm_params_destroy(frozen);
    if (status)
        return status;
    for (size_t row = 0; row < t->batch && !status; row++) {
        (void)lstm_model_stream_reset(stream);
        status = lstm_model_stream_run(stream, t->time, t->sequence_length ? t->lengths + row : NULL, inputs_at(t, row),
                                       outputs_at(t, row));
    }
    lstm_model_stream_destroy(stream);
    return status;
}

/* A tape holds what a layer gives at each step, which may be far more than there is in the file. So not all rows are run
 * at once where it is much, and a row that is long by itself goes through a stream, if the model can; if it cannot, there
 * is an end to what it may take. */
static lstm_status run(const char *where, const lstm_model *model, const lstm_params *params,
                       const lstm_safetensors *file, size_t k, const selftest *t)
{
    size_t rows = t->batch, bytes;
    while (rows > 1 && is_larger(model, t, rows, TAPE))
        rows /= 2;
    if (!is_larger(model, t, rows, TAPE))
        return run_rows(model, params, t, rows);
    if (!lstm_model_stream_size(model, NULL, &bytes, NULL))
        return run_streamed(model, params, t);
    if (is_larger(model, t, rows, justified(file)))
        return refuse(where, k, "both ends of a row are needed, and its steps take far more memory than the file");
    return run_rows(model, params, t, rows);
}

/* ---- the result ---- */

/* The largest difference, as a share of the largest output; NaN and infinity have to be the same. */
static double compare(const selftest *t)
{
    double largest = 0.0, difference = 0.0;
    for (size_t k = 0; k < t->output_count; k++) {
        const double expected = (double)t->expected[k], found = (double)t->y[k];
        if (isfinite(expected) && isfinite(found)) {
            largest = fmax(largest, fabs(expected));
            difference = fmax(difference, fabs(expected - found));
        } else if (!(isnan(expected) && isnan(found)) && expected != found) {
            return INFINITY;
        }
    }
    return difference > 0.0 ? difference / largest : 0.0;
}

static lstm_status replay(const char *where, const lstm_model *model, const lstm_params *params,
                          const lstm_safetensors *file, size_t k, selftest *t, double *worst)
{
    lstm_context *context = model->context;
    lstm_status status = check_shapes(where, model, k, t);
    if (!status)
        status = read_arrays(where, context, k, t);
    if (!status)
        status = run(where, model, params, file, k, t);
    const double difference = status ? 0.0 : compare(t);
    lstm__release(context, t->x);
    lstm__release(context, t->y);
    lstm__release(context, t->expected);
    lstm__release(context, t->numbers);
    lstm__release(context, t->lengths);
    *worst = fmax(*worst, difference);
    if (!status && difference > tolerance)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: selftest/%zu differs by %.3g of its largest output, more than %g",
                          where, k, difference, tolerance);
    return status;
}

static lstm_status replay_all(const char *where, const lstm_model *model, const lstm_params *params,
                              const lstm_safetensors *file, bool *used, size_t *tests, double *worst)
{
    size_t count = 0;
    double difference = 0.0;
    for (;; count++) {
        selftest t = {.inputs = find(file, count, "inputs", used),
                      .sequence_length = find(file, count, "sequence_length", used),
                      .outputs = find(file, count, "outputs", used)};
        if (!t.inputs && !t.sequence_length && !t.outputs)
            break;
        lstm_status status = replay(where, model, params, file, count, &t, &difference);
        if (status)
            return status;
    }
    char quoted[LSTM__QUOTED];
    for (size_t k = 0; k < lstm_safetensors_count(file); k++)
        if (!used[k] && !strncmp(lstm__safetensors_at(file, k)->name, "selftest/", 9))
            return lstm__fail(LSTM_ERR_FORMAT, "%s: \"%s\" is no part of a self-test", where,
                              lstm__quote(lstm__safetensors_at(file, k)->name, quoted));
    if (!count)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: it has no self-tests", where);
    *tests = count;
    *worst = difference;
    return LSTM_OK;
}

lstm_status lstm_model_selftest(lstm_context *context, const char *path, size_t *tests, double *difference)
{
    const char *function = "lstm_model_selftest";
    if (!path || !tests || !difference)
        return lstm__fail_null(function, !path ? "path" : !tests ? "tests" : "difference");
    char where[2 * LSTM__QUOTED];
    lstm_safetensors *file;
    lstm_model *model;
    lstm_params *params;
    lstm_status status = lstm__safetensors_open(function, context, path, NULL, 0, &file);
    if (status)
        return status;
    lstm__where(function, path, where);
    status = lstm__model_open_file(where, context, file, &model, &params);
    if (!status) {
        bool *used = lstm__allocate(context, lstm_safetensors_count(file) + 1, sizeof *used);
        status = used ? replay_all(where, model, params, file, used, tests, difference) : lstm__fail_memory(where);
        lstm__release(context, used);
        lstm_model_destroy(model);
        lstm_params_destroy(params);
    }
    lstm_safetensors_destroy(file);
    return lstm__fail_as(function, status);
}
