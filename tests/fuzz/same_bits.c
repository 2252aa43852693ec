/* A network that the bytes describe, run in the ways that they choose: as a whole, in parts, streamed, with some of its
 * rows, in either layout, on any number of threads and any instruction set: all of them give the same bits. Nothing is
 * written beside the arrays, padding is not read, and a call that fails writes nothing. */
#include "network.h"

#include <stdlib.h>
#include <string.h>

/* ---- contexts ---- */

/* Tasks one after another, the last one first. */
static void run_backwards(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    (void)user;
    while (tasks)
        task(arg, --tasks);
}

/* Of the best instruction set, AVX2 and the portable one, where there are such, with one thread, a host's pool of four,
 * and two and three threads of ours. */
static lstm_context *context_at(size_t index)
{
    enum { WAYS = 4 };
    static const lstm_isa isas[] = {LSTM_ISA_PORTABLE, LSTM_ISA_BEST, LSTM_ISA_AVX2};
    static lstm_context *contexts[3 * WAYS];
    lstm_context_config config = {.struct_size = sizeof config, .isa = isas[index / WAYS]};
    if (contexts[index])
        return contexts[index];
    if (index % WAYS == 1)
        config.executor = (lstm_executor){.concurrency = 4, .run = run_backwards};
    else
        config.threads = index % WAYS;
    lstm_status status = lstm_context_create(&config, &contexts[index]);
    if (fuzz_status(status, "lstm_context_create", UNSUPPORTED))
        return NULL;
    return contexts[index];
}

/* ---- ways ---- */

static way whole(const network *n, lstm_context *context)
{
    way w = {.context = context, .batch = n->batch, .end = n->time, .all_rows = true};
    for (size_t row = 0; row < n->batch; row++)
        w.rows[row] = row;
    return w;
}

static void run_otherwise(network *n, fuzz_bytes *b)
{
    way w = whole(n, context_at(fuzz_pick(b, 12)));
    w.layout = fuzz_pick(b, 2) ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR;
    w.spare = fuzz_pick(b, 3);
    w.inference = fuzz_pick(b, 4) == 0;
    w.given_memory = fuzz_pick(b, 2);
    w.wrong = fuzz_pick(b, 2);
    fuzz_run(n, &w, false, b);
}

static void run_some_rows(network *n, fuzz_bytes *b)
{
    way w = whole(n, context_at(fuzz_pick(b, 12)));
    w.layout = fuzz_pick(b, 2) ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR;
    w.all_rows = false;
    w.batch = n->batch ? fuzz_pick(b, n->batch) + 1 : 0;
    const size_t first = fuzz_pick(b, 256), stride = fuzz_pick(b, 2) ? 1 : n->batch - 1;
    for (size_t k = 0; k < w.batch; k++)
        w.rows[k] = (first + k * stride) % n->batch;
    fuzz_run(n, &w, false, b);
}

/* The state goes from one part to the next; a mask depends on the time since the call's beginning. */
static void run_in_two_parts(network *n, fuzz_bytes *b)
{
    float *state[MAX_LEAVES];
    if (n->training || n->kind)
        return;
    way w = whole(n, context_at(fuzz_pick(b, 12)));
    w.inference = true;
    w.layout = fuzz_pick(b, 2) ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR;
    w.state = state;
    for (size_t leaf = 0; leaf < n->leaves; leaf++)
        need(state[leaf] = malloc((n->batch * n->widths[leaf] + 1) * sizeof(float)));
    const size_t cut = fuzz_pick(b, n->time + 1);
    if (cut && cut < n->time) {
        w.end = cut;
        fuzz_run(n, &w, false, b);
        w.begin = cut;
        w.end = n->time;
    }
    fuzz_run(n, &w, false, b);
    for (size_t leaf = 0; leaf < n->leaves; leaf++)
        free(state[leaf]);
}

/* ---- streams ---- */

/* One portion: each row goes on by some of the steps that are left to it. */
static void stream_portion(const network *n, lstm_layout layout, lstm_stream *s, size_t *done, fuzz_bytes *b)
{
    const size_t time = fuzz_pick(b, 4) + 1, bits = fuzz_pick(b, 3);
    size_t *steps = fuzz_array(n->batch, sizeof *steps);
    float *x = fuzz_array(n->batch * time * n->input, sizeof *x),
          *y = fuzz_array(n->batch * time * n->output, sizeof *y);
    for (size_t row = 0; row < n->batch; row++) {
        const size_t left = n->lengths[row] - done[row], most = left < time ? left : time;
        steps[row] = bits && most ? most - (row + bits) % 2 : most;
        for (size_t t = 0; t < steps[row]; t++)
            memcpy(x + (layout == LSTM_TIME_MAJOR ? t * n->batch + row : row * time + t) * n->input,
                   n->x + (row * n->time + done[row] + t) * n->input, n->input * sizeof *x);
    }
    bool together = true;
    for (size_t row = 0; row < n->batch; row++)
        together = together && steps[row] == time;
    need(together ? !lstm_stream_run(s, time, x, y) : !lstm_stream_run_ragged(s, time, steps, x, y));
    for (size_t row = 0; row < n->batch; row++) {
        for (size_t t = 0; t < time; t++) {
            const float *found = y + (layout == LSTM_TIME_MAJOR ? t * n->batch + row : row * time + t) * n->output;
            for (size_t k = 0; k < n->output && t >= steps[row]; k++)
                need(found[k] == 0.0f);
            need(t >= steps[row] || fuzz_same(found, n->y + (row * n->time + done[row] + t) * n->output, n->output));
        }
        done[row] += steps[row];
    }
    fuzz_arrays_check();
}

/* The state goes over into another stream, as bytes or as it is; that one is returned. */
static lstm_stream *change_streams(lstm_stream *from, lstm_stream *to, fuzz_bytes *b)
{
    const size_t size = lstm_stream_save_size(from), change = fuzz_pick(b, 3);
    if (change == 0)
        return from;
    if (change == 1) {
        need(!lstm_stream_copy(from, to));
    } else {
        void *bytes = malloc(size);
        need(bytes && !lstm_stream_save(from, bytes, size) && !lstm_stream_restore(to, bytes, size));
        free(bytes);
    }
    need(!lstm_stream_reset(from));
    return to;
}

static void stream_through(const network *n, lstm_layout layout, lstm_stream *streams[2], fuzz_bytes *b)
{
    size_t done[MAX_BATCH] = {0}, left;
    lstm_stream *s = streams[0];
    for (size_t leaf = 0; leaf < n->leaves && n->given_state; leaf++)
        memcpy(lstm_stream_state(s, leaf), n->initial[leaf], n->batch * n->widths[leaf] * sizeof(float));
    do {
        stream_portion(n, layout, s, done, b);
        s = change_streams(s, s == streams[0] ? streams[1] : streams[0], b);
        left = 0;
        for (size_t row = 0; row < n->batch; row++)
            left += n->lengths[row] - done[row];
        if (!b->left) /* from here on all go on by all that is left */
            *b = (fuzz_bytes){(const uint8_t *)"\3", 1};
    } while (left);
    for (size_t leaf = 0; leaf < n->leaves; leaf++)
        need(fuzz_same(lstm_stream_state(s, leaf), n->final[leaf], n->batch * n->widths[leaf]));
}

static void run_as_stream(network *n, fuzz_bytes *b)
{
    lstm_params *params, *frozen;
    lstm_rnn *rnn;
    lstm_stream *streams[2] = {FUZZ_MARK, FUZZ_MARK};
    if (n->training || !n->batch)
        return;
    const lstm_layout layout = fuzz_pick(b, 2) ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR;
    const lstm_stream_config config = {.struct_size = sizeof config, .batch = n->batch, .max_steps = fuzz_pick(b, 4)};
    need(!fuzz_plan(n, context_at(fuzz_pick(b, 12)), layout, &params, &rnn));
    fuzz_weights(params);
    need(!lstm_params_freeze(params, NULL, &frozen));
    lstm_status status = fuzz_status(lstm_stream_create(rnn, frozen, &config, &streams[0]), LSTM_NAME, UNSUPPORTED);
    need(!status == !n->kind);
    if (!status) {
        need(!lstm_stream_create(rnn, frozen, &config, &streams[1]));
        stream_through(n, layout, streams, b);
        lstm_stream_destroy(streams[0]);
        lstm_stream_destroy(streams[1]);
    }
    lstm_params_destroy(frozen);
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static void (*const ways[])(network *, fuzz_bytes *) = {run_otherwise, run_some_rows, run_in_two_parts,
                                                            run_as_stream};
    fuzz_bytes b = {bytes, size};
    network n;
    if (fuzz_network(&b, &n)) {
        const way first = whole(&n, context_at(0));
        fuzz_run(&n, &first, true, &b);
        for (size_t k = fuzz_pick(&b, 3) + 1; k; k--)
            ways[fuzz_pick(&b, 4)](&n, &b);
    }
    fuzz_network_release(&n);
    return 0;
}
