/* One run of a network, forward and backward, on arrays between pages without access. */
#include "network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In the layout of the run, of its rows alone. */
typedef struct arrays {
    size_t *lengths;
    uint64_t *row_id;
    float *x, *y, *last, *d_y, *d_last, *d_x;
    float *initial[MAX_LEAVES], *final[MAX_LEAVES], *d_final[MAX_LEAVES], *d_initial[MAX_LEAVES];
} arrays;

static size_t steps_of(const way *w)
{
    return w->end - w->begin;
}

static size_t length_of(const network *n, const way *w, size_t k)
{
    const size_t length = n->lengths[w->rows[k]], steps = steps_of(w);
    return length <= w->begin ? 0 : length - w->begin < steps ? length - w->begin : steps;
}

static size_t place(const way *w, size_t k, size_t t)
{
    return w->layout == LSTM_TIME_MAJOR ? t * w->batch + k : k * steps_of(w) + t;
}

static float *at(float *all, const network *n, const way *w, size_t k, size_t t, size_t width)
{
    return all + (w->rows[k] * n->time + w->begin + t) * width;
}

/* What is not copied stays NaN. */
static float *sequences(const network *n, const way *w, float *all, size_t width)
{
    float *mine = fuzz_array(w->batch * steps_of(w) * width, sizeof *mine);
    for (size_t k = 0; k < w->batch && all; k++)
        for (size_t t = 0; t < length_of(n, w, k); t++)
            memcpy(mine + place(w, k, t) * width, at(all, n, w, k, t, width), width * sizeof *mine);
    return mine;
}

static float *rows(const way *w, const float *all, size_t width)
{
    float *mine = fuzz_array(w->batch * width, sizeof *mine);
    for (size_t k = 0; k < w->batch && all; k++)
        memcpy(mine + k * width, all + w->rows[k] * width, width * sizeof *mine);
    return mine;
}

static void make_arrays(const network *n, const way *w, arrays *a)
{
    a->lengths = fuzz_array(w->batch, sizeof *a->lengths);
    a->row_id = fuzz_array(w->batch, sizeof *a->row_id);
    for (size_t k = 0; k < w->batch; k++) {
        a->lengths[k] = length_of(n, w, k);
        a->row_id[k] = w->rows[k] + 1000;
    }
    a->x = sequences(n, w, n->x, n->input);
    a->y = sequences(n, w, NULL, n->output);
    a->last = rows(w, NULL, n->output);
    a->d_y = sequences(n, w, n->d_y, n->output);
    a->d_last = rows(w, n->d_last, n->output);
    a->d_x = sequences(n, w, NULL, n->input);
    for (size_t leaf = 0; leaf < n->leaves; leaf++) {
        a->initial[leaf] = rows(w, w->begin ? w->state[leaf] : n->initial[leaf], n->widths[leaf]);
        a->final[leaf] = rows(w, NULL, n->widths[leaf]);
        a->d_final[leaf] = rows(w, n->d_final[leaf], n->widths[leaf]);
        a->d_initial[leaf] = rows(w, NULL, n->widths[leaf]);
    }
}

static void keep_or_compare(float *kept, const float *found, size_t count, bool first)
{
    if (first)
        memcpy(kept, found, count * sizeof *kept);
    else
        need(fuzz_same(kept, found, count));
}

static bool is_zero(const float *values, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (values[k] != 0.0f)
            return false;
    return true;
}

static void take_sequences(const network *n, const way *w, float *all, const float *mine, size_t width, bool first)
{
    for (size_t k = 0; k < w->batch; k++)
        for (size_t t = 0; t < steps_of(w); t++) {
            const float *found = mine + place(w, k, t) * width;
            if (t < length_of(n, w, k))
                keep_or_compare(at(all, n, w, k, t, width), found, width, first);
            else
                need(is_zero(found, width));
        }
}

static void take_rows(const way *w, float *all, const float *mine, size_t width, bool first)
{
    for (size_t k = 0; k < w->batch; k++)
        keep_or_compare(all + w->rows[k] * width, mine + k * width, width, first);
}

static void take_forward(network *n, const way *w, const arrays *a, bool first)
{
    take_sequences(n, w, n->y, a->y, n->output, first);
    if (w->begin == 0 && w->end == n->time)
        take_rows(w, n->last, a->last, n->output, first);
    for (size_t leaf = 0; leaf < n->leaves; leaf++)
        if (w->end == n->time)
            take_rows(w, n->final[leaf], a->final[leaf], n->widths[leaf], first);
        else
            take_rows(w, w->state[leaf], a->final[leaf], n->widths[leaf], true);
}

static void take_backward(network *n, const way *w, const arrays *a, const lstm_params *gradient, bool first)
{
    size_t count;
    const float *values = lstm_params_data(gradient, &count);
    take_sequences(n, w, n->d_x, a->d_x, n->input, first);
    for (size_t leaf = 0; leaf < n->leaves; leaf++)
        if (n->given_state)
            take_rows(w, n->d_initial[leaf], a->d_initial[leaf], n->widths[leaf], first);
    if (first)
        need(n->gradient = malloc((count + 1) * sizeof *values));
    if (w->all_rows)
        keep_or_compare(n->gradient, values, count, first);
}

static bool outputs_untouched(const network *n, const way *w, const arrays *a)
{
    bool untouched = fuzz_untouched(a->y, w->batch * steps_of(w) * n->output * sizeof(float)) &&
                     fuzz_untouched(a->last, w->batch * n->output * sizeof(float));
    for (size_t leaf = 0; leaf < n->leaves; leaf++)
        untouched = untouched && fuzz_untouched(a->final[leaf], w->batch * n->widths[leaf] * sizeof(float));
    return untouched;
}

/* A call with one mistake fails and writes nothing. */
static void run_wrong(const network *n, const way *w, const arrays *a, lstm_tape *tape, lstm_params *params,
                      const lstm_dynamic_rnn_args *right, fuzz_bytes *bytes)
{
    lstm_dynamic_rnn_args args = *right;
    lstm_params *other = NULL;
    unsigned documented = INVALID;
    const size_t way_to_fail = fuzz_pick(bytes, 6);
    if (way_to_fail == 0 && w->batch && steps_of(w)) {
        a->lengths[w->batch - 1] += steps_of(w) + 1;
    } else if (way_to_fail == 1) {
        args.batch += w->spare + 2;
        documented = INVALID | CAPACITY;
    } else if (way_to_fail == 2) {
        args.time += w->spare + 2;
        documented = INVALID | CAPACITY;
    } else if (way_to_fail == 3) {
        params = NULL;
    } else if (way_to_fail == 4) {
        need(!lstm_params_create(NULL, &other));
        params = other;
        documented = STATE | SHAPE;
    } else {
        args.struct_size = 3;
    }
    need(fuzz_status(lstm_dynamic_rnn(tape, params, &args), "lstm_dynamic_rnn", documented));
    need(outputs_untouched(n, w, a));
    lstm_params_destroy(other);
    for (size_t k = 0; k < w->batch; k++)
        a->lengths[k] = length_of(n, w, k);
}

static void backward(network *n, const way *w, arrays *a, lstm_tape *tape, lstm_params *params, bool first)
{
    lstm_params *gradient;
    need(!lstm_params_create_like(params, &gradient));
    const lstm_dynamic_rnn_grads grads = {.struct_size = sizeof grads,
                                          .d_outputs = a->d_y,
                                          .d_last_output = a->d_last,
                                          .d_final_state = (const float *const *)a->d_final,
                                          .d_params = gradient,
                                          .d_inputs = a->d_x,
                                          .d_initial_state = n->given_state ? a->d_initial : NULL};
    need(!lstm_dynamic_rnn_backward(tape, params, &grads));
    take_backward(n, w, a, gradient, first);
    need(fuzz_status(lstm_dynamic_rnn_backward(tape, params, &grads), "lstm_dynamic_rnn_backward", STATE));
    lstm_params_destroy(gradient);
}

static lstm_tape *make_tape(const way *w, const lstm_rnn *rnn, void **memory)
{
    lstm_tape *tape = FUZZ_MARK;
    size_t alignment;
    lstm_tape_config config = {.struct_size = sizeof config,
                               .max_batch = w->batch + w->spare ? w->batch + w->spare : 1,
                               .max_time = steps_of(w) + w->spare ? steps_of(w) + w->spare : 1,
                               .inference = w->inference};
    *memory = NULL;
    need(!lstm_tape_size(rnn, &config, &config.memory_size, &alignment));
    if (w->given_memory) {
        need(!posix_memalign(memory, alignment, config.memory_size));
        memset(*memory, 0xFF, config.memory_size);
        config.memory = *memory;
        config.memory_size--;
        need(fuzz_status(lstm_tape_create(rnn, &config, &tape), "lstm_tape_create", CAPACITY) && tape == FUZZ_MARK);
        config.memory_size++;
    }
    need(!lstm_tape_create(rnn, &config, &tape));
    return tape;
}

void fuzz_run(network *n, const way *w, bool first, fuzz_bytes *bytes)
{
    lstm_params *params;
    lstm_rnn *rnn;
    arrays a;
    void *memory;
    need(!fuzz_plan(n, w->context, w->layout, &params, &rnn));
    fuzz_weights(params);
    lstm_tape *tape = make_tape(w, rnn, &memory);
    make_arrays(n, w, &a);
    const bool given = n->given_state || w->begin;
    const lstm_dynamic_rnn_args args = {.struct_size = sizeof args,
                                        .batch = w->batch,
                                        .time = steps_of(w),
                                        .inputs = a.x,
                                        .sequence_length = a.lengths,
                                        .initial_state = given ? (const float *const *)a.initial : NULL,
                                        .outputs = a.y,
                                        .last_output = a.last,
                                        .final_state = a.final,
                                        .training = n->training,
                                        .seed = 11,
                                        .step = 12,
                                        .row_id = a.row_id};
    if (w->wrong)
        run_wrong(n, w, &a, tape, params, &args, bytes);
    need(!lstm_dynamic_rnn(tape, params, &args));
    take_forward(n, w, &a, first);
    if (!w->inference)
        backward(n, w, &a, tape, params, first);
    lstm_tape_destroy(tape);
    free(memory);
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
    fuzz_arrays_check();
}
