/* Calls of models, and of checkpoints of them. */
#include "calls.h"
#include "graphs.h"

void call_model_sizes(const lstm_model *model, widths *s)
{
    const bool last = lstm_model_returns_last(model);
    *s = (widths){.layout = last ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR, /* as a mark: outputs have no time */
                  .in = lstm_model_input_size(model),
                  .out = lstm_model_output_size(model),
                  .leaves = lstm_model_state_count(model)};
    need(s->leaves <= CALL_LEAVES);
    for (size_t leaf = 0; leaf < s->leaves; leaf++)
        s->widths[leaf] = lstm_model_state_size(model, leaf);
}

static size_t outputs_of(const widths *s, size_t batch, size_t time)
{
    return batch * (s->layout == LSTM_TIME_MAJOR ? 1 : time) * s->out;
}

static void make_model(caller *c)
{
    const char *graph = fuzz_graphs[fuzz_pick(&c->bytes, FUZZ_GRAPHS)].text;
    lstm_params *params = any(c, params);
    const size_t before = lstm_params_variable_count(params);
    size_t slot;
    MAKE(c, lstm_model, models, lstm_model_destroy, INVALID | FORMAT | SHAPE | STATE,
         lstm_model_create(params, call_pointer(c, (void *)(uintptr_t)graph), out));
    need(slot != SIZE_MAX || lstm_params_variable_count(params) == before);
    if (slot != SIZE_MAX)
        call_model_sizes(c->models[slot], &c->model_sizes[slot]);
}

/* To a file, and another model out of it. */
static void save_and_open(caller *c)
{
    const char *path = fuzz_output_path();
    const lstm_params *params = any(c, params);
    const size_t slot = slot_of(c, models);
    lstm_params *weights;
    lstm_model *model;
    if (fuzz_status(lstm_model_save(c->models[slot], params, call_pointer(c, (void *)(uintptr_t)path)), LSTM_NAME,
                    INVALID | SHAPE | STATE))
        return;
    need(!lstm_model_open(any(c, contexts), path, &model, &weights));
    const size_t place = slot_of(c, params);
    lstm_model_destroy(c->models[slot]);
    lstm_params_destroy(c->params[place]);
    c->models[slot] = model;
    c->params[place] = weights;
}

static void make_tape(caller *c)
{
    const size_t k = slot_of(c, models);
    const lstm_tape_config config = {.struct_size = call_struct_size(c, sizeof config),
                                     .max_batch = call_size(c),
                                     .max_time = call_size(c),
                                     .max_steps = fuzz_pick(&c->bytes, 4) ? 0 : call_size(c),
                                     .inference = fuzz_pick(&c->bytes, 2)};
    const lstm_model *model = c->models[k];
    size_t bytes = 0, alignment, slot;
    fuzz_status(lstm_model_tape_size(model, &config, &bytes, &alignment), LSTM_NAME, INVALID | MEMORY);
    if (bytes > 1 << 22)
        return;
    MAKE(c, lstm_model_tape, model_tapes, lstm_model_tape_destroy, INVALID | MEMORY,
         lstm_model_tape_create(model, call_pointer(c, (void *)(uintptr_t)&config), out));
    if (slot != SIZE_MAX)
        c->model_tape_sizes[slot] = c->model_sizes[k];
}

static void run_model(caller *c)
{
    const size_t k = slot_of(c, model_tapes), batch = call_small(c), time = call_small(c);
    const widths *s = &c->model_tape_sizes[k];
    lstm_model_tape *tape = c->model_tapes[k];
    const lstm_params *params = any(c, params);
    float *final[CALL_LEAVES], *d_initial[CALL_LEAVES];
    size_t *lengths = fuzz_array(batch, sizeof *lengths);
    for (size_t leaf = 0; leaf < s->leaves; leaf++) {
        final[leaf] = call_pointer(c, call_output(batch * s->widths[leaf]));
        d_initial[leaf] = call_pointer(c, call_output(batch * s->widths[leaf]));
    }
    for (size_t row = 0; row < batch; row++)
        lengths[row] = fuzz_pick(&c->bytes, 64) == 1 ? time + 1 : row * 5 % (time + 1);
    const lstm_model_args args = {.struct_size = call_struct_size(c, sizeof args),
                                  .batch = batch,
                                  .time = time,
                                  .inputs = call_input(c, batch * time * s->in),
                                  .sequence_length = call_pointer(c, lengths),
                                  .outputs = call_pointer(c, call_output(outputs_of(s, batch, time))),
                                  .final_state = fuzz_pick(&c->bytes, 2) ? final : NULL,
                                  .logits = fuzz_pick(&c->bytes, 4) == 1};
    lstm_status status =
        fuzz_status(lstm_model_run(tape, params, &args), LSTM_NAME, INVALID | SHAPE | STATE | CAPACITY);
    if (status) {
        need(!args.outputs || fuzz_untouched(args.outputs, outputs_of(s, batch, time) * sizeof(float)));
        return;
    }
    const lstm_model_grads grads = {.struct_size = call_struct_size(c, sizeof grads),
                                    .d_outputs = call_input(c, outputs_of(s, batch, time)),
                                    .d_params = any(c, params),
                                    .d_inputs = call_pointer(c, call_output(batch * time * s->in)),
                                    .d_initial_state = fuzz_pick(&c->bytes, 2) ? d_initial : NULL};
    if (grads.d_params == params)
        return;
    status = fuzz_status(lstm_model_backward(tape, fuzz_pick(&c->bytes, 8) == 1 ? any(c, params) : params, &grads),
                         LSTM_NAME, INVALID | SHAPE | STATE);
    need(!status || !grads.d_inputs || fuzz_untouched(grads.d_inputs, batch * time * s->in * sizeof(float)));
}

static void make_stream(caller *c)
{
    const size_t k = slot_of(c, models);
    lstm_stream_config config = {
        .struct_size = call_struct_size(c, sizeof config), .batch = call_size(c), .max_steps = call_size(c)};
    const lstm_model *model = c->models[k];
    size_t bytes = 0, alignment, slot;
    lstm_status status = fuzz_status(lstm_model_stream_size(model, &config, &bytes, &alignment), LSTM_NAME,
                                     INVALID | MEMORY | UNSUPPORTED);
    if (bytes > 1 << 22)
        return;
    if (!status && fuzz_pick(&c->bytes, 2)) {
        config.memory = call_memory(c, bytes);
        config.memory_size = bytes - (fuzz_pick(&c->bytes, 8) == 1);
    }
    MAKE(c, lstm_model_stream, model_streams, lstm_model_stream_destroy,
         INVALID | MEMORY | UNSUPPORTED | CAPACITY | SHAPE | STATE,
         lstm_model_stream_create(model, any(c, params), &config, out));
    if (slot == SIZE_MAX)
        return;
    c->model_stream_sizes[slot] = c->model_sizes[k];
    c->model_stream_batch[slot] = config.struct_size > sizeof(size_t) && config.batch ? config.batch : 1;
}

static void run_stream(caller *c)
{
    const size_t k = slot_of(c, model_streams), time = call_small(c), batch = c->model_stream_batch[k];
    const widths *s = &c->model_stream_sizes[k];
    size_t *steps = fuzz_array(batch, sizeof *steps);
    for (size_t row = 0; row < batch; row++)
        steps[row] = fuzz_pick(&c->bytes, 64) == 1 ? time + 1 : (row + time) * 3 % (time + 1);
    const float *x = call_input(c, batch * time * s->in);
    float *y = call_output(outputs_of(s, batch, time));
    lstm_status status =
        fuzz_status(lstm_model_stream_run(c->model_streams[k], time, call_pointer(c, steps), x, call_pointer(c, y)),
                    LSTM_NAME, INVALID);
    need(!status || fuzz_untouched(y, outputs_of(s, batch, time) * sizeof *y));
    if (fuzz_pick(&c->bytes, 2))
        fuzz_status(lstm_model_stream_reset_row(c->model_streams[k], call_size(c)), LSTM_NAME, INVALID);
    else
        fuzz_status(lstm_model_stream_copy(any(c, model_streams), any(c, model_streams)), LSTM_NAME, INVALID | SHAPE);
    float *state = lstm_model_stream_state(c->model_streams[k], call_small(c));
    if (state)
        state[0] = call_number(c);
}

/* ---- checkpoints ---- */

static void make_checkpoint(caller *c)
{
    size_t slot;
    MAKE(c, lstm_checkpoint, checkpoints, lstm_checkpoint_destroy, INVALID,
         lstm_checkpoint_create(any(c, contexts), out));
    (void)slot;
}

static void add_to_checkpoint(caller *c)
{
    static uint64_t numbers[4];
    static const char *const names[] = {"step", "seed", "a/b", "", "best_metric", NULL};
    lstm_checkpoint *list = any(c, checkpoints);
    const char *name = fuzz_one_of(&c->bytes, names);
    switch (fuzz_pick(&c->bytes, 4)) {
    case 0:
        fuzz_status(lstm_checkpoint_add_model(list, any(c, models), any(c, params)), LSTM_NAME,
                    INVALID | SHAPE | STATE);
        break;
    case 1:
        fuzz_status(lstm_checkpoint_add_params(list, name, any(c, params)), "lstm_checkpoint_add_params",
                    INVALID | SHAPE | STATE);
        break;
    case 2:
        fuzz_status(lstm_checkpoint_add_optimizer(list, any(c, optimizers)), "lstm_checkpoint_add_optimizer",
                    INVALID | SHAPE | STATE);
        break;
    default:
        fuzz_status(lstm_checkpoint_add_u64(list, name, call_pointer(c, numbers), call_small(c) % 5),
                    "lstm_checkpoint_add_u64", INVALID);
        break;
    }
}

static void save_and_load(caller *c)
{
    lstm_checkpoint *from = any(c, checkpoints), *to = any(c, checkpoints);
    const char *path = fuzz_output_path();
    bool saved = false;
    lstm_status status =
        fuzz_pick(&c->bytes, 2)
            ? fuzz_status(lstm_checkpoint_save(from, path), "lstm_checkpoint_save", INVALID)
            : fuzz_status(lstm_checkpoint_save_best(from, path, (double)call_number(c), call_pointer(c, &saved)),
                          "lstm_checkpoint_save_best", INVALID);
    if (status)
        need(!from && !saved);
    else if (saved)
        need(!lstm_checkpoint_load(from, path));
    if (!status)
        fuzz_status(lstm_checkpoint_load(to, path), "lstm_checkpoint_load", INVALID | IO | FORMAT);
}

call *const calls_of_models[] = {make_model,  make_model, save_and_open,   make_tape,         run_model,     run_model,
                                 make_stream, run_stream, make_checkpoint, add_to_checkpoint, save_and_load, NULL};
