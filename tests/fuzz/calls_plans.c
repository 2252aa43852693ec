/* Calls of cells, plans, tapes and dense layers. */
#include "calls.h"
#include "cells.h"

#include <string.h>

static void make_cell(caller *c)
{
    lstm_cell *cell = fuzz_cell(&c->bytes, call_small(c) + 1);
    const size_t slot = slot_of(c, cells);
    if (!cell)
        return;
    lstm_cell_destroy(c->cells[slot]);
    c->cells[slot] = cell;
}

bool call_rnn_sizes(lstm_rnn **rnn, lstm_layout layout, widths *s)
{
    *s = (widths){layout, lstm_rnn_input_size(*rnn), lstm_rnn_output_size(*rnn), lstm_rnn_state_count(*rnn), {0}};
    if (s->in > CALL_WIDTH || s->out > CALL_WIDTH || s->leaves > CALL_LEAVES) {
        lstm_rnn_destroy(*rnn);
        *rnn = NULL;
        return false;
    }
    for (size_t leaf = 0; leaf < s->leaves; leaf++)
        s->widths[leaf] = lstm_rnn_state_size(*rnn, leaf);
    return true;
}

static void make_plan(caller *c)
{
    static const char *const scopes[] = {"rnn", NULL, "a", "", "a//b", "\xFF"};
    const lstm_rnn_config config = {.struct_size = call_struct_size(c, sizeof config),
                                    .layout = (lstm_layout)fuzz_pick(&c->bytes, 2),
                                    .reuse = fuzz_pick(&c->bytes, 4) == 1,
                                    .merge = (lstm_merge)fuzz_pick(&c->bytes, 2),
                                    .learned_initial_state = fuzz_pick(&c->bytes, 4) == 1};
    const lstm_rnn_config *given = call_pointer(c, (void *)(uintptr_t)&config);
    lstm_params *params = any(c, params);
    const char *scope = fuzz_one_of(&c->bytes, scopes);
    lstm_cell *cell = any(c, cells), *other = any(c, cells);
    const size_t input = fuzz_pick(&c->bytes, 16) == 1 ? call_size(c) : call_small(c) + 1;
    const size_t before = lstm_params_variable_count(params), way = fuzz_pick(&c->bytes, 8);
    size_t slot;
    MAKE(c, lstm_rnn, rnns, lstm_rnn_destroy, INVALID | SHAPE | STATE | MEMORY,
         way == 1   ? lstm_rnn_create_bidirectional(params, scope, cell, other, input, given, out)
         : way == 2 ? lstm_rnn_create_stack_bidirectional(params, scope, &cell, &other, 1, input, given, out)
                    : lstm_rnn_create(params, scope, cell, input, given, out));
    need(slot != SIZE_MAX || lstm_params_variable_count(params) == before);
    if (slot == SIZE_MAX)
        return;
    const lstm_layout layout = given && given->struct_size > sizeof(size_t) ? given->layout : LSTM_BATCH_MAJOR;
    call_rnn_sizes(&c->rnns[slot], layout, &c->rnn_sizes[slot]);
}

static void make_tape(caller *c)
{
    const size_t plan = slot_of(c, rnns);
    lstm_tape_config config = {.struct_size = call_struct_size(c, sizeof config),
                               .max_batch = call_size(c),
                               .max_time = call_size(c),
                               .max_steps = fuzz_pick(&c->bytes, 4) ? 0 : call_size(c),
                               .inference = fuzz_pick(&c->bytes, 2)};
    size_t bytes = 0, alignment, slot;
    const lstm_rnn *rnn = c->rnns[plan];
    fuzz_status(lstm_tape_size(rnn, call_pointer(c, &config), call_pointer(c, &bytes), &alignment), LSTM_NAME,
                INVALID | MEMORY);
    if (!lstm_tape_size(rnn, &config, &bytes, NULL) && bytes > 1 << 22)
        return;
    if (bytes && fuzz_pick(&c->bytes, 2)) {
        config.memory = call_memory(c, bytes);
        config.memory_size = bytes - (fuzz_pick(&c->bytes, 8) == 1);
    }
    MAKE(c, lstm_tape, tapes, lstm_tape_destroy, INVALID | MEMORY | CAPACITY,
         lstm_tape_create(rnn, call_pointer(c, &config), out));
    if (slot != SIZE_MAX)
        c->tape_sizes[slot] = c->rnn_sizes[plan];
}

/* State arrays, some of them NULL. */
static float *const *states(caller *c, const widths *s, size_t batch, bool input, float **list)
{
    for (size_t leaf = 0; leaf < s->leaves; leaf++)
        list[leaf] =
            input ? call_input(c, batch * s->widths[leaf]) : call_pointer(c, call_output(batch * s->widths[leaf]));
    return fuzz_pick(&c->bytes, 2) ? list : NULL;
}

static size_t *lengths(caller *c, size_t batch, size_t time)
{
    size_t *all = fuzz_array(batch, sizeof *all);
    for (size_t row = 0; row < batch; row++)
        all[row] = fuzz_pick(&c->bytes, 64) == 1 ? time + 1 : row * 5 % (time + 1);
    return fuzz_pick(&c->bytes, 2) ? all : NULL;
}

static bool all_untouched(const widths *s, float *const *list, size_t batch)
{
    for (size_t leaf = 0; list && leaf < s->leaves; leaf++)
        if (list[leaf] && !fuzz_untouched(list[leaf], batch * s->widths[leaf] * sizeof **list))
            return false;
    return true;
}

/* Forward, and mostly backward. */
static void run(caller *c)
{
    const size_t tape = slot_of(c, tapes), batch = call_small(c), time = call_small(c);
    const widths *s = &c->tape_sizes[tape];
    float *initial[CALL_LEAVES], *final[CALL_LEAVES];
    const lstm_params *params = any(c, params);
    lstm_dynamic_rnn_args args = {.struct_size = call_struct_size(c, sizeof args),
                                  .batch = batch,
                                  .time = time,
                                  .inputs = call_input(c, batch * time * s->in),
                                  .sequence_length = lengths(c, batch, time),
                                  .outputs = call_pointer(c, call_output(batch * time * s->out)),
                                  .last_output = call_pointer(c, call_output(batch * s->out)),
                                  .final_state = states(c, s, batch, false, final),
                                  .training = fuzz_pick(&c->bytes, 2)};
    args.initial_state = (const float *const *)states(c, s, batch, true, initial);
    for (size_t leaf = 0; leaf < s->leaves; leaf++)
        if (!initial[leaf])
            args.initial_state = NULL;
    lstm_status status = fuzz_status(lstm_dynamic_rnn(c->tapes[tape], params, call_pointer(c, &args)),
                                     "lstm_dynamic_rnn", INVALID | SHAPE | STATE | CAPACITY);
    if (status) {
        need(!args.outputs || fuzz_untouched(args.outputs, batch * time * s->out * sizeof(float)));
        need(!args.last_output || fuzz_untouched(args.last_output, batch * s->out * sizeof(float)));
        need(all_untouched(s, args.final_state, batch));
        return;
    }
    float *d_final[CALL_LEAVES], *d_initial[CALL_LEAVES];
    const lstm_dynamic_rnn_grads grads = {.struct_size = call_struct_size(c, sizeof grads),
                                          .d_outputs = call_input(c, batch * time * s->out),
                                          .d_last_output = call_input(c, batch * s->out),
                                          .d_final_state = (const float *const *)states(c, s, batch, true, d_final),
                                          .d_params = any(c, params),
                                          .d_inputs = call_pointer(c, call_output(batch * time * s->in)),
                                          .d_initial_state = states(c, s, batch, false, d_initial)};
    if (fuzz_pick(&c->bytes, 4) == 1)
        (void)lstm_params_edit(any(c, params), NULL);
    if (grads.d_params == params)
        return;
    status =
        fuzz_status(lstm_dynamic_rnn_backward(c->tapes[tape], fuzz_pick(&c->bytes, 8) == 1 ? any(c, params) : params,
                                              call_pointer(c, (void *)(uintptr_t)&grads)),
                    "lstm_dynamic_rnn_backward", INVALID | SHAPE | STATE);
    need(!status || !grads.d_inputs || fuzz_untouched(grads.d_inputs, batch * time * s->in * sizeof(float)));
    need(!status || all_untouched(s, grads.d_initial_state, batch));
}

/* ---- raw loops ---- */

typedef struct loop_data {
    size_t in, ends, fails;
} loop_data;

static lstm_status next(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                        const float *const *state, float *input, bool *finished)
{
    const loop_data *d = user;
    (void)state;
    need(!output == !time);
    for (size_t row = 0; row < rows; row++) {
        finished[row] = finished[row] || first_row + row + time >= d->ends;
        for (size_t k = 0; k < d->in && !finished[row]; k++)
            input[row * d->in + k] = output ? output[row] : 0.5f;
    }
    return time == d->fails ? LSTM_ERR_IO : LSTM_OK;
}

static void run_loop(caller *c)
{
    const size_t tape = slot_of(c, tapes), batch = call_small(c), time = call_small(c);
    const widths *s = &c->tape_sizes[tape];
    loop_data data = {s->in, call_small(c), call_small(c) + 3};
    const lstm_raw_loop loop = {.struct_size = call_struct_size(c, sizeof loop),
                                .user = &data,
                                .next = fuzz_pick(&c->bytes, 16) == 1 ? NULL : next};
    float *final[CALL_LEAVES], *d_initial[CALL_LEAVES];
    const lstm_params *params = any(c, params);
    const lstm_raw_rnn_args args = {.struct_size = call_struct_size(c, sizeof args),
                                    .batch = batch,
                                    .max_time = time,
                                    .outputs = call_pointer(c, call_output(batch * time * s->out)),
                                    .sequence_length = call_pointer(c, fuzz_array(batch, sizeof(size_t))),
                                    .final_state = states(c, s, batch, false, final)};
    lstm_status status = lstm_raw_rnn(c->tapes[tape], params, &loop, call_pointer(c, (void *)(uintptr_t)&args));
    if (status == LSTM_ERR_IO)
        return;
    fuzz_status(status, "lstm_raw_rnn", INVALID | SHAPE | STATE | CAPACITY | UNSUPPORTED);
    if (status)
        return;
    const lstm_raw_rnn_grads grads = {.struct_size = sizeof grads,
                                      .d_outputs = call_input(c, batch * time * s->out),
                                      .d_params = any(c, params),
                                      .d_initial_state = states(c, s, batch, false, d_initial)};
    if (grads.d_params != params)
        fuzz_status(lstm_raw_rnn_backward(c->tapes[tape], params, &loop, &grads), LSTM_NAME,
                    INVALID | SHAPE | STATE | UNSUPPORTED);
}

/* ---- dense layers ---- */

static void make_dense(caller *c)
{
    static const char *const scopes[] = {"dense", NULL, "d", "", "a/"};
    const lstm_dense_config config = {.struct_size = call_struct_size(c, sizeof config),
                                      .activation = (lstm_activation)fuzz_pick(&c->bytes, LSTM_ACTIVATION_CUSTOM + 2),
                                      .no_bias = fuzz_pick(&c->bytes, 2),
                                      .reuse = fuzz_pick(&c->bytes, 4) == 1};
    const size_t in = call_small(c), out_size = fuzz_pick(&c->bytes, 16) == 1 ? call_size(c) : call_small(c);
    size_t slot;
    MAKE(c, lstm_dense, denses, lstm_dense_destroy, INVALID | SHAPE | STATE | MEMORY,
         lstm_dense_create(any(c, params), fuzz_one_of(&c->bytes, scopes), in, out_size,
                           call_pointer(c, (void *)(uintptr_t)&config), out));
    if (slot != SIZE_MAX)
        c->dense_sizes[slot] = (widths){.in = in, .out = out_size};
}

static void run_dense(caller *c)
{
    const size_t dense = slot_of(c, denses), rows = call_small(c);
    const widths *s = &c->dense_sizes[dense];
    if (s->out > 512)
        return;
    const lstm_params *params = any(c, params);
    const float *x = call_input(c, rows * s->in), *d_y = call_input(c, rows * s->out);
    float *y = call_output(rows * s->out), *d_x = call_output(rows * s->in);
    lstm_params *grads = any(c, params);
    lstm_status status = fuzz_status(lstm_dense_forward(c->denses[dense], params, rows, x, call_pointer(c, y)),
                                     "lstm_dense_forward", INVALID | SHAPE | STATE);
    if (status) {
        need(fuzz_untouched(y, rows * s->out * sizeof *y));
    } else if (grads != params) {
        status =
            fuzz_status(lstm_dense_backward(c->denses[dense], params, rows, x, y, d_y, grads, call_pointer(c, d_x)),
                        "lstm_dense_backward", INVALID | SHAPE | STATE);
        need(!status || fuzz_untouched(d_x, rows * s->in * sizeof *d_x));
    }
}

call *const calls_of_plans[] = {make_cell, make_cell, make_plan,  make_plan, make_tape, run,
                                run,       run_loop,  make_dense, run_dense, NULL};
