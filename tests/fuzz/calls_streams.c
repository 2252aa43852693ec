/* Calls of streams. */
#include "calls.h"

static void make_stream(caller *c)
{
    const size_t plan = slot_of(c, rnns);
    const lstm_rnn *rnn = c->rnns[plan];
    const lstm_params *frozen = any(c, params);
    lstm_stream_config config = {
        .struct_size = call_struct_size(c, sizeof config), .batch = call_size(c), .max_steps = call_size(c)};
    size_t bytes = 0, alignment, slot;
    lstm_stream_config *given = call_pointer(c, &config);
    fuzz_status(lstm_stream_size(rnn, given, call_pointer(c, &bytes), &alignment), LSTM_NAME,
                INVALID | MEMORY | UNSUPPORTED);
    if (!lstm_stream_size(rnn, given, &bytes, NULL) && bytes > 1 << 22)
        return;
    if (bytes && fuzz_pick(&c->bytes, 2)) {
        config.memory = call_memory(c, bytes);
        config.memory_size = bytes - (fuzz_pick(&c->bytes, 8) == 1);
    }
    MAKE(c, lstm_stream, streams, lstm_stream_destroy, INVALID | MEMORY | CAPACITY | SHAPE | STATE | UNSUPPORTED,
         lstm_stream_create(rnn, frozen, given, out));
    if (slot == SIZE_MAX)
        return;
    c->stream_sizes[slot] = c->rnn_sizes[plan];
    c->stream_batch[slot] = given && given->struct_size > sizeof(size_t) && config.batch ? config.batch : 1;
}

static void run_stream(caller *c)
{
    const size_t k = slot_of(c, streams), time = call_small(c), batch = c->stream_batch[k];
    const widths *s = &c->stream_sizes[k];
    const float *x = call_input(c, batch * time * s->in);
    float *y = call_output(batch * time * s->out);
    size_t *steps = fuzz_array(batch, sizeof *steps);
    for (size_t row = 0; row < batch; row++)
        steps[row] = fuzz_pick(&c->bytes, 64) == 1 ? time + 1 : (row + time) * 3 % (time + 1);
    lstm_status status =
        fuzz_pick(&c->bytes, 2)
            ? fuzz_status(lstm_stream_run(c->streams[k], time, x, call_pointer(c, y)), "lstm_stream_run", INVALID)
            : fuzz_status(lstm_stream_run_ragged(c->streams[k], time, call_pointer(c, steps), x, call_pointer(c, y)),
                          "lstm_stream_run", INVALID);
    need(!status || fuzz_untouched(y, batch * time * s->out * sizeof *y));
}

static void reset(caller *c)
{
    lstm_stream *stream = any(c, streams);
    if (fuzz_pick(&c->bytes, 2))
        fuzz_status(lstm_stream_reset(stream), "lstm_stream_reset", INVALID);
    else
        fuzz_status(lstm_stream_reset_row(stream, call_size(c)), "lstm_stream_reset_row", INVALID);
}

static void set_state(caller *c)
{
    const size_t k = slot_of(c, streams), leaf = call_small(c);
    const widths *s = &c->stream_sizes[k];
    float *state = lstm_stream_state(c->streams[k], leaf);
    need(!state == (!c->streams[k] || leaf >= s->leaves));
    if (state)
        state[c->stream_batch[k] * s->widths[leaf] - 1] = call_number(c);
}

/* From one to another, as it is or through bytes. */
static void copy_state(caller *c)
{
    lstm_stream *from = any(c, streams), *to = any(c, streams);
    const size_t size = lstm_stream_save_size(from);
    if (fuzz_pick(&c->bytes, 2)) {
        fuzz_status(lstm_stream_copy(from, to), "lstm_stream_copy", INVALID | SHAPE);
        return;
    }
    if (size > 1 << 16)
        return;
    void *bytes = fuzz_array(size, 1);
    const size_t room = size - (size && fuzz_pick(&c->bytes, 8) == 1);
    lstm_status status =
        fuzz_status(lstm_stream_save(from, call_pointer(c, bytes), room), "lstm_stream_save", INVALID | CAPACITY);
    need(!status || fuzz_untouched(bytes, size));
    fuzz_status(lstm_stream_restore(to, call_pointer(c, bytes), room), "lstm_stream_restore", INVALID | FORMAT | SHAPE);
}

call *const calls_of_streams[] = {make_stream, make_stream, run_stream, run_stream, reset, set_state, copy_state, NULL};
