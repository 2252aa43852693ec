#include "network.h"

#include "cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A generator that takes little of the time: X -> 1664525 X + 1013904223 (D. Knuth, volume 2, 3.3.4). */
static float *numbers(uint32_t seed, size_t count, float scale)
{
    float *values = malloc((count + 1) * sizeof *values);
    need(values);
    for (size_t k = 0; k < count; k++) {
        seed = seed * UINT32_C(1664525) + UINT32_C(1013904223);
        values[k] = scale * ((float)(seed >> 8) / 8388608.0f - 1.0f);
    }
    return values;
}

static float *room(size_t count)
{
    float *values = malloc((count + 1) * sizeof *values);
    need(values);
    return values;
}

/* Inputs, now and then one among them that is out of the ordinary. */
static float *inputs(fuzz_bytes *b, const network *n)
{
    static const float scales[] = {1.0f, 1.0f, 1.0f, 0.0f, 1e-30f, 50.0f, 1e30f, 1e-42f};
    static const float odd[] = {INFINITY, -INFINITY, NAN, 3.4e38f, 1e-45f, -0.0f};
    const size_t count = n->batch * n->time * n->input;
    float *x = numbers(1, count, fuzz_one_of(b, scales));
    if (count && fuzz_pick(b, 8) == 1) {
        const float value = fuzz_one_of(b, odd);
        x[fuzz_pick(b, 65536) % count] = value;
    }
    return x;
}

static void make_data(fuzz_bytes *b, network *n)
{
    n->x = inputs(b, n);
    n->d_y = numbers(2, n->batch * n->time * n->output, 1.0f);
    n->d_last = numbers(3, n->batch * n->output, 1.0f);
    n->y = room(n->batch * n->time * n->output);
    n->last = room(n->batch * n->output);
    n->d_x = room(n->batch * n->time * n->input);
    for (size_t leaf = 0; leaf < n->leaves; leaf++) {
        const size_t count = n->batch * n->widths[leaf];
        n->initial[leaf] = numbers(4 + (uint32_t)leaf, count, 0.5f);
        n->d_final[leaf] = numbers(100 + (uint32_t)leaf, count, 1.0f);
        n->final[leaf] = room(count);
        n->d_initial[leaf] = room(count);
    }
}

static void read_sizes(fuzz_bytes *b, network *n)
{
    static const size_t widths[] = {1, 2, 3, 5, 8, 16, 17, MAX_INPUT};
    static const size_t batches[] = {1, 2, 3, 4, 6, 17, 33, 65, MAX_BATCH, 0, 3, 5, 2, 1, 4, 3};
    n->input = fuzz_one_of(b, widths);
    n->batch = fuzz_one_of(b, batches);
    n->time = fuzz_pick(b, MAX_TIME + 1);
    n->kind = fuzz_pick(b, 5);
    n->kind = n->kind < 3 ? 0 : n->kind - 2;
    n->merge = fuzz_pick(b, 2) ? LSTM_MERGE_SUM : LSTM_MERGE_CONCAT;
    n->learned = fuzz_pick(b, 4) == 1;
    n->given_state = fuzz_pick(b, 2);
    n->training = fuzz_pick(b, 2);
    const bool ragged = fuzz_pick(b, 3) > 0;
    for (size_t row = 0; row < n->batch; row++)
        n->lengths[row] = ragged ? fuzz_pick(b, n->time + 1) : n->time;
}

/* The second layer of a stack reads what the first one gives; where the bytes do not fit, no plan is made. */
static bool read_cells(fuzz_bytes *b, network *n)
{
    static const size_t counts[] = {1, 2, 4};
    for (size_t k = 0; k < counts[n->kind]; k++)
        if (!(n->cells[k] = fuzz_cell(b, n->input)))
            return false;
    return true;
}

bool fuzz_network(fuzz_bytes *bytes, network *n)
{
    lstm_params *params;
    lstm_rnn *rnn;
    *n = (network){.kind = 0};
    read_sizes(bytes, n);
    if (!read_cells(bytes, n) || fuzz_plan(n, NULL, LSTM_BATCH_MAJOR, &params, &rnn))
        return false;
    n->output = lstm_rnn_output_size(rnn);
    n->leaves = lstm_rnn_state_count(rnn);
    bool small = n->leaves <= MAX_LEAVES && n->batch * n->time * (n->output + n->input) <= MAX_ARRAY;
    for (size_t leaf = 0; leaf < n->leaves && small; leaf++)
        n->widths[leaf] = lstm_rnn_state_size(rnn, leaf);
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
    if (small)
        make_data(bytes, n);
    else
        n->leaves = 0;
    return small;
}

void fuzz_network_release(network *n)
{
    for (size_t k = 0; k < 4; k++)
        lstm_cell_destroy(n->cells[k]);
    for (size_t leaf = 0; leaf < n->leaves; leaf++) {
        free(n->initial[leaf]);
        free(n->d_final[leaf]);
        free(n->final[leaf]);
        free(n->d_initial[leaf]);
    }
    free(n->x);
    free(n->d_y);
    free(n->d_last);
    free(n->y);
    free(n->last);
    free(n->d_x);
    free(n->gradient);
}

lstm_status fuzz_plan(const network *n, lstm_context *context, lstm_layout layout, lstm_params **params, lstm_rnn **rnn)
{
    const lstm_rnn_config config = {
        .struct_size = sizeof config, .layout = layout, .merge = n->merge, .learned_initial_state = n->learned};
    lstm_status status;
    *rnn = FUZZ_MARK;
    need(!lstm_params_create(context, params));
    switch (n->kind) {
    case 0: status = lstm_rnn_create(*params, "rnn", n->cells[0], n->input, &config, rnn); break;
    case 1:
        status = lstm_rnn_create_bidirectional(*params, "rnn", n->cells[0], n->cells[1], n->input, &config, rnn);
        break;
    default:
        status = lstm_rnn_create_stack_bidirectional(*params, "rnn", n->cells, n->cells + 2, 2, n->input, &config, rnn);
        break;
    }
    if (fuzz_status(status, LSTM_NAME, SHAPE | STATE | INVALID)) {
        need(*rnn == FUZZ_MARK && !lstm_params_variable_count(*params));
        lstm_params_destroy(*params);
    }
    return status;
}

void fuzz_weights(lstm_params *params)
{
    size_t count;
    const lstm_initializer zero = {.kind = LSTM_INITIALIZER_CONSTANT};
    need(!lstm_params_set_initializer(params, "*", &zero) && !lstm_params_initialize(params, 5));
    float *values = lstm_params_edit(params, &count), *all = numbers(1000, count, 0.5f);
    memcpy(values, all, count * sizeof *values);
    free(all);
}
