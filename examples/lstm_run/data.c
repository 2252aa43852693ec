#include "data.h"

#include "complain.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* count * size bytes, never none; NULL after a line. */
static void *reserve(size_t count, size_t size)
{
    void *memory = size && count > SIZE_MAX / size ? NULL : malloc(count > 0 && size > 0 ? count * size : 1);
    if (!memory)
        complain("no memory is left for %zu times %zu bytes", count, size);
    return memory;
}

/* "[2, 3]"; returns text. */
static const char *shape_text(const lstm_tensor *tensor, char text[80])
{
    size_t used = (size_t)snprintf(text, 80, "[");
    for (size_t k = 0; k < tensor->rank && used < 70; k++)
        used += (size_t)snprintf(text + used, 80 - used, "%s%zu", k ? ", " : "", tensor->shape[k]);
    snprintf(text + (used < 76 ? used : 76), 4, used < 70 ? "]" : "...");
    return text;
}

static bool product(size_t a, size_t b, size_t *result)
{
    if (b && a > SIZE_MAX / b)
        return complain("the sizes of the sequences are too large");
    *result = a * b;
    return true;
}

static bool take_inputs(run_data *d)
{
    lstm_tensor t;
    char text[80];
    size_t count = 0;
    const size_t width = lstm_model_input_size(d->model);
    if (lstm_safetensors_find(d->file, "inputs", &t))
        return complain("the input file has no tensor \"inputs\"");
    if (t.rank != 3 || t.shape[2] != width)
        return complain("\"inputs\" has the shape %s, expected [batch, time, %zu]", shape_text(&t, text), width);
    d->batch = t.shape[0];
    d->time = t.shape[1];
    if (!product(d->batch, d->time, &count) || !product(count, width, &count))
        return false;
    if (t.dtype == LSTM_DTYPE_F32 && (uintptr_t)t.data % sizeof(float) == 0) {
        d->inputs = t.data;
        return true;
    }
    d->own_inputs = reserve(count, sizeof *d->own_inputs);
    d->inputs = d->own_inputs;
    return d->own_inputs && succeeded(lstm_tensor_floats(&t, count, d->own_inputs));
}

static bool take_lengths(run_data *d)
{
    lstm_tensor t;
    char text[80];
    if (lstm_safetensors_find(d->file, "sequence_length", &t))
        return true;
    if (t.dtype != LSTM_DTYPE_I64 && t.dtype != LSTM_DTYPE_I32)
        return complain("\"sequence_length\" is %s, expected I64 or I32", lstm_dtype_name(t.dtype));
    if (t.rank != 1 || t.shape[0] != d->batch)
        return complain("\"sequence_length\" has the shape %s, expected [%zu]", shape_text(&t, text), d->batch);
    int64_t *numbers = reserve(d->batch, sizeof *numbers);
    d->lengths = reserve(d->batch, sizeof *d->lengths);
    bool good = numbers && d->lengths && succeeded(lstm_tensor_integers(&t, d->batch, numbers));
    for (size_t row = 0; row < d->batch && good; row++) {
        if (numbers[row] < 0 || (uint64_t)numbers[row] > d->time)
            good = complain("\"sequence_length\" of row %zu is %lld, expected 0 to %zu", row, (long long)numbers[row],
                            d->time);
        else
            d->lengths[row] = (size_t)numbers[row];
    }
    free(numbers);
    return good;
}

static bool take_state(run_data *d, size_t leaf, const lstm_tensor *t)
{
    char text[80];
    size_t count = 0;
    const size_t width = lstm_model_state_size(d->model, leaf);
    if (t->dtype != LSTM_DTYPE_F32)
        return complain("\"%s\" is %s, expected F32", t->name, lstm_dtype_name(t->dtype));
    if (t->rank != 2 || t->shape[0] != d->batch || t->shape[1] != width)
        return complain("\"%s\" has the shape %s, expected [%zu, %zu]", t->name, shape_text(t, text), d->batch, width);
    if (!product(d->batch, width, &count))
        return false;
    d->initial_state[leaf] = reserve(count, sizeof(float));
    return d->initial_state[leaf] && succeeded(lstm_tensor_floats(t, count, d->initial_state[leaf]));
}

/* All leaves of the state or none. */
static bool take_states(run_data *d)
{
    const size_t leaves = lstm_model_state_count(d->model);
    lstm_tensor t;
    char name[48];
    size_t found = 0;
    d->initial_state = calloc(leaves + 1, sizeof *d->initial_state);
    if (!d->initial_state)
        return complain("no memory is left");
    for (size_t leaf = 0; leaf < leaves; leaf++) {
        snprintf(name, sizeof name, "initial_state.%zu", leaf);
        if (lstm_safetensors_find(d->file, name, &t))
            continue;
        if (found++ != leaf)
            return complain("\"initial_state.%zu\" is missing", found - 1);
        if (!take_state(d, leaf, &t))
            return false;
    }
    if (found && found < leaves)
        return complain("\"initial_state.%zu\" is missing", found);
    if (!found) {
        free(d->initial_state);
        d->initial_state = NULL;
    }
    return true;
}

/* No tensor but those that have a meaning. */
static bool check_names(const run_data *d)
{
    for (size_t k = 0; k < lstm_safetensors_count(d->file); k++) {
        lstm_tensor t;
        char *end = NULL;
        if (!succeeded(lstm_safetensors_tensor(d->file, k, &t)))
            return false;
        bool known = !strcmp(t.name, "inputs") || !strcmp(t.name, "sequence_length");
        if (!strncmp(t.name, "initial_state.", 14) && t.name[14] >= '0' && t.name[14] <= '9') {
            const unsigned long long leaf = strtoull(t.name + 14, &end, 10);
            known = !*end && leaf < lstm_model_state_count(d->model) && (t.name[14] != '0' || end == t.name + 15);
        }
        if (!known)
            return complain("the input file has a tensor \"%.100s\" that is of no use; it may have \"inputs\", "
                            "\"sequence_length\" and all of \"initial_state.0\", ...",
                            t.name);
    }
    return true;
}

/* Rows of which the file has not a byte still have final states. */
static bool check_rows(const run_data *d)
{
    enum { MOST = 65536 };
    return d->time || d->lengths || d->initial_state || d->batch <= MOST ||
           complain("\"inputs\" has the shape [%zu, 0, %zu]: at most %d rows may have neither step, length nor state",
                    d->batch, lstm_model_input_size(d->model), MOST);
}

static bool make_room(run_data *d)
{
    const size_t leaves = lstm_model_state_count(d->model);
    size_t steps = d->batch, count = 0;
    if (!lstm_model_returns_last(d->model) && !product(d->batch, d->time, &steps))
        return false;
    d->final_state = calloc(leaves + 1, sizeof *d->final_state);
    if (!product(steps, lstm_model_output_size(d->model), &d->output_floats) ||
        !(d->outputs = reserve(d->output_floats, sizeof *d->outputs)) || !d->final_state)
        return false;
    for (size_t leaf = 0; leaf < leaves; leaf++)
        if (!product(d->batch, lstm_model_state_size(d->model, leaf), &count) ||
            !(d->final_state[leaf] = reserve(count, sizeof(float))))
            return false;
    return true;
}

bool data_read(lstm_context *context, const lstm_model *model, const char *path, run_data *data)
{
    *data = (run_data){.model = model};
    return succeeded(lstm_safetensors_open(context, path, &data->file)) && check_names(data) && take_inputs(data) &&
           take_lengths(data) && take_states(data) && check_rows(data) && make_room(data);
}

bool data_write(lstm_context *context, const run_data *data, const char *path)
{
    const size_t leaves = lstm_model_state_count(data->model), width = lstm_model_output_size(data->model);
    const bool last = lstm_model_returns_last(data->model);
    const size_t output_shape[3] = {data->batch, last ? width : data->time, width};
    lstm_tensor *tensors = calloc(leaves + 1, sizeof *tensors);
    size_t(*shapes)[2] = calloc(leaves + 1, sizeof *shapes);
    char(*names)[48] = calloc(leaves + 1, sizeof *names);
    bool good = tensors && shapes && names;
    if (!good)
        complain("no memory is left");
    for (size_t leaf = 0; leaf < leaves && good; leaf++) {
        snprintf(names[leaf], sizeof names[leaf], "final_state.%zu", leaf);
        shapes[leaf][0] = data->batch;
        shapes[leaf][1] = lstm_model_state_size(data->model, leaf);
        tensors[leaf + 1] = (lstm_tensor){.name = names[leaf],
                                          .dtype = LSTM_DTYPE_F32,
                                          .rank = 2,
                                          .shape = shapes[leaf],
                                          .data = data->final_state[leaf],
                                          .size = shapes[leaf][0] * shapes[leaf][1] * sizeof(float)};
    }
    if (good) {
        tensors[0] = (lstm_tensor){.name = "outputs",
                                   .dtype = LSTM_DTYPE_F32,
                                   .rank = last ? 2 : 3,
                                   .shape = output_shape,
                                   .data = data->outputs,
                                   .size = data->output_floats * sizeof(float)};
        good = succeeded(lstm_safetensors_save(context, path, NULL, 0, tensors, leaves + 1));
    }
    free(names);
    free(shapes);
    free(tensors);
    return good;
}

void data_clear(run_data *data)
{
    const size_t leaves = lstm_model_state_count(data->model);
    for (size_t leaf = 0; leaf < leaves; leaf++) {
        if (data->initial_state)
            free(data->initial_state[leaf]);
        if (data->final_state)
            free(data->final_state[leaf]);
    }
    free(data->initial_state);
    free(data->final_state);
    free(data->outputs);
    free(data->lengths);
    free(data->own_inputs);
    lstm_safetensors_destroy(data->file);
}
