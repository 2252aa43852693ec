/* What programs around the library rely on: memory of their own, thousands of streams, models swapped while they run. */
#include "counted.h"
#include "streamed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory of the host's ---- */

enum { GUARD = 256, GUARD_BYTE = 0xC3 };

/* Memory between guards; `offset` puts it out of line. */
typedef struct guarded {
    unsigned char *whole, *memory;
    size_t size;
} guarded;

static guarded guard(size_t size, size_t alignment)
{
    guarded g = {.whole = test_allocate(size + 2 * GUARD + alignment, 1), .size = size};
    g.memory = g.whole + GUARD;
    g.memory += (alignment - (uintptr_t)g.memory % alignment) % alignment;
    memset(g.whole, GUARD_BYTE, size + 2 * GUARD + alignment);
    return g;
}

static void check_guards(const guarded *g)
{
    for (size_t k = 1; k <= GUARD; k++) {
        ck_assert_uint_eq(g->memory[-(ptrdiff_t)k], GUARD_BYTE);
        ck_assert_uint_eq(g->memory[g->size + k - 1], GUARD_BYTE);
    }
}

enum { UNITS = 9, TIME = 20, MOST = 50 };

/* Run a stream over TIME steps, ragged and whole, and save and restore its state on the way. */
static void run_plain(lstm_stream *stream, size_t batch, const float *x, float *y)
{
    unsigned char bytes[10000];
    size_t steps[MOST];
    for (size_t row = 0; row < batch; row++)
        steps[row] = row % TIME;
    ck_ok(lstm_stream_run_ragged(stream, TIME, steps, x, y));
    ck_ok(lstm_stream_save(stream, bytes, sizeof bytes));
    ck_ok(lstm_stream_run(stream, TIME, x, y));
    ck_ok(lstm_stream_restore(stream, bytes, lstm_stream_save_size(stream)));
    ck_ok(lstm_stream_run(stream, TIME, x, y));
}

static void run_whole(lstm_model_stream *stream, size_t batch, const float *x, float *y)
{
    unsigned char bytes[10000];
    size_t steps[MOST];
    for (size_t row = 0; row < batch; row++)
        steps[row] = row % TIME;
    ck_ok(lstm_model_stream_run(stream, TIME, steps, x, y));
    ck_ok(lstm_model_stream_save(stream, bytes, sizeof bytes));
    ck_ok(lstm_model_stream_run(stream, TIME, NULL, x, y));
    ck_ok(lstm_model_stream_restore(stream, bytes, lstm_model_stream_save_size(stream)));
    ck_ok(lstm_model_stream_run(stream, TIME, NULL, x, y));
}

/* A stream in memory of its own gives what one in the context's does, and asks the context for nothing. */
static void check_plain_in_memory(counter *c, const lstm_rnn *rnn, const lstm_params *frozen, size_t batch,
                                  const float *x)
{
    lstm_stream_config config = {.struct_size = sizeof config, .batch = batch, .max_steps = 6};
    size_t alignment;
    lstm_stream *stream;
    float *expected = test_allocate(batch * TIME * UNITS, sizeof(float));
    float *y = test_allocate(batch * TIME * UNITS, sizeof(float));
    ck_ok(lstm_stream_create(rnn, frozen, &config, &stream));
    run_plain(stream, batch, x, expected);
    lstm_stream_destroy(stream);
    ck_ok(lstm_stream_size(rnn, &config, &config.memory_size, &alignment));
    guarded g = guard(config.memory_size, alignment);
    config.memory = g.memory;
    const size_t made = c->made;
    ck_ok(lstm_stream_create(rnn, frozen, &config, &stream));
    run_plain(stream, batch, x, y);
    lstm_stream_destroy(stream);
    ck_assert_uint_eq(c->made, made);
    ck_assert(same_bits(y, expected, batch * TIME * UNITS));
    check_guards(&g);
    free(g.whole);
    free(y);
    free(expected);
}

static void check_whole_in_memory(counter *c, const lstm_model *model, const lstm_params *frozen, size_t batch,
                                  const float *x)
{
    lstm_stream_config config = {.struct_size = sizeof config, .batch = batch, .max_steps = 6};
    size_t alignment;
    lstm_model_stream *stream;
    float *expected = test_allocate(batch * TIME * STREAMED_OUT, sizeof(float));
    float *y = test_allocate(batch * TIME * STREAMED_OUT, sizeof(float));
    ck_ok(lstm_model_stream_create(model, frozen, &config, &stream));
    run_whole(stream, batch, x, expected);
    lstm_model_stream_destroy(stream);
    ck_ok(lstm_model_stream_size(model, &config, &config.memory_size, &alignment));
    guarded g = guard(config.memory_size, alignment);
    config.memory = g.memory;
    const size_t made = c->made;
    ck_ok(lstm_model_stream_create(model, frozen, &config, &stream));
    run_whole(stream, batch, x, y);
    lstm_model_stream_destroy(stream);
    ck_assert_uint_eq(c->made, made);
    ck_assert(same_bits(y, expected, batch * TIME * STREAMED_OUT));
    check_guards(&g);
    free(g.whole);
    free(y);
    free(expected);
}

START_TEST(streams_and_frozen_weights_take_only_the_memory_they_are_given)
{
    static const size_t batches[] = {1, 2, 8, MOST};
    counter c = {.left = SIZE_MAX};
    lstm_context *context;
    lstm_params *of_plan, *of_model, *frozen[2];
    float *x = test_numbers("x", MOST * TIME * STREAMED_IN, 1.0f);
    ck_ok(counted_context(&c, &context));
    lstm_rnn *rnn = streamed_plan(context, UNITS, &of_plan);
    lstm_model *model = streamed_model(context, UNITS, false, &of_model);
    lstm_params *const stores[2] = {of_plan, of_model};
    guarded g[2];
    for (int k = 0; k < 2; k++) {
        lstm_freeze_config config = {.struct_size = sizeof config};
        size_t alignment;
        ck_ok(lstm_params_freeze_size(stores[k], &config.memory_size, &alignment));
        g[k] = guard(config.memory_size, alignment);
        config.memory = g[k].memory;
        const size_t made = c.made;
        ck_ok(lstm_params_freeze(stores[k], &config, &frozen[k]));
        ck_assert_uint_eq(c.made, made);
        lstm_params_destroy(stores[k]);
    }
    for (size_t k = 0; k < sizeof batches / sizeof *batches; k++) {
        check_plain_in_memory(&c, rnn, frozen[0], batches[k], x);
        check_whole_in_memory(&c, model, frozen[1], batches[k], x);
    }
    for (int k = 0; k < 2; k++) {
        lstm_params_destroy(frozen[k]);
        check_guards(&g[k]);
        free(g[k].whole);
    }
    lstm_rnn_destroy(rnn);
    lstm_model_destroy(model);
    lstm_context_destroy(context);
    ck_assert_uint_eq(c.live, 0);
    free(x);
}
END_TEST

START_TEST(memory_that_does_not_do_is_refused_and_not_touched)
{
    lstm_params *of_plan, *of_model, *open;
    lstm_rnn *rnn = streamed_plan(NULL, UNITS, &of_plan);
    lstm_model *model = streamed_model(NULL, UNITS, false, &of_model);
    size_t plain, whole, weights;
    ck_ok(lstm_stream_size(rnn, NULL, &plain, NULL));
    ck_ok(lstm_model_stream_size(model, NULL, &whole, NULL));
    ck_ok(lstm_params_freeze_size(of_plan, &weights, NULL));
    guarded g = guard(0, 64);
    for (int k = 0; k < 2; k++) {
        void *memory = g.memory + k;
        const lstm_status status = k ? LSTM_ERR_INVALID_ARGUMENT : LSTM_ERR_CAPACITY;
        const char *words = k ? "aligned" : "memory_size is";
#define IN_MEMORY(size) .memory = memory, .memory_size = (size) - !k
        ck_makes_nothing(lstm_stream,
                         lstm_stream_create(rnn, of_plan, LSTM_ARGS(lstm_stream_config, IN_MEMORY(plain)), &made),
                         status, words);
        ck_makes_nothing(
            lstm_model_stream,
            lstm_model_stream_create(model, of_model, LSTM_ARGS(lstm_stream_config, IN_MEMORY(whole)), &made), status,
            words);
        ck_makes_nothing(lstm_params,
                         lstm_params_freeze(of_plan, LSTM_ARGS(lstm_freeze_config, IN_MEMORY(weights)), &made), status,
                         words);
    }
    check_guards(&g);
    free(g.whole);
    ck_fails(lstm_stream_size(NULL, NULL, &plain, NULL), LSTM_ERR_INVALID_ARGUMENT, "rnn is NULL");
    ck_fails(lstm_stream_size(rnn, NULL, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    ck_fails(lstm_model_stream_size(NULL, NULL, &plain, NULL), LSTM_ERR_INVALID_ARGUMENT, "model is NULL");
    ck_fails(lstm_model_stream_size(model, NULL, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    ck_fails(lstm_params_freeze_size(NULL, &plain, NULL), LSTM_ERR_INVALID_ARGUMENT, "params is NULL");
    ck_fails(lstm_params_freeze_size(of_plan, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    ck_ok(lstm_params_create(NULL, &open));
    ck_fails(lstm_params_freeze_size(open, &plain, NULL), LSTM_ERR_STATE, "open");
    const lstm_stream_config many = {.struct_size = sizeof many, .batch = SIZE_MAX / 8, .max_steps = 1000};
    ck_fails(lstm_stream_size(rnn, &many, &plain, NULL), LSTM_ERR_OUT_OF_MEMORY, "memory");
    ck_fails(lstm_model_stream_size(model, &many, &plain, NULL), LSTM_ERR_OUT_OF_MEMORY, "memory");
    lstm_params_destroy(open);
    lstm_params_destroy(of_plan);
    lstm_params_destroy(of_model);
    lstm_rnn_destroy(rnn);
    lstm_model_destroy(model);
}
END_TEST

START_TEST(the_nth_allocation_of_a_stream_that_fails_leaks_nothing)
{
    counter c = {.left = SIZE_MAX};
    lstm_context *context;
    lstm_params *weights;
    ck_ok(counted_context(&c, &context));
    lstm_model *model = streamed_model(context, UNITS, false, &weights);
    const size_t live = c.live, bytes = c.bytes;
    c.left = 0;
    ck_makes_nothing(lstm_model_stream, lstm_model_stream_create(model, weights, NULL, &made), LSTM_ERR_OUT_OF_MEMORY,
                     "memory");
    ck_makes_nothing(lstm_params, lstm_params_freeze(weights, NULL, &made), LSTM_ERR_OUT_OF_MEMORY, "memory");
    ck_assert_uint_eq(c.live, live);
    ck_assert_uint_eq(c.bytes, bytes);
    lstm_model_destroy(model);
    lstm_params_destroy(weights);
    lstm_context_destroy(context);
    ck_assert_uint_eq(c.live, 0);
}
END_TEST

/* ---- thousands of streams ---- */

enum { STREAMS = 10000, THREADS = 4, STEPS = 12, SIGNALS = 7 };

/* What a stream of one LSTM of 16 units takes that is run one step at a time; docs/hosts.md says so. */
enum { MOST_BYTES = 4096 };

typedef struct crowd {
    lstm_model_stream **streams;
    const float *x, *expected; /* per signal [STEPS] */
    atomic_size_t next, wrong;
} crowd;

/* Each stream is taken by whichever thread comes first, for one step at a time. */
static void *run_crowd(void *arg)
{
    crowd *all = arg;
    for (size_t k; (k = atomic_fetch_add(&all->next, 1)) < STREAMS;)
        for (size_t t = 0; t < STEPS; t++) {
            float y;
            const size_t at = k % SIGNALS * STEPS + t;
            if (lstm_model_stream_run(all->streams[k], 1, NULL, &all->x[at], &y) ||
                !same_bits(&y, &all->expected[at], 1))
                atomic_fetch_add(&all->wrong, 1);
        }
    return NULL;
}

static lstm_model *small_model(lstm_context *context, uint64_t seed, lstm_params **frozen)
{
    lstm_params *params;
    lstm_model *model;
    ck_ok(lstm_params_create(context, &params));
    ck_ok(lstm_model_create(params,
                            "{\"input_size\": 1, \"layers\": [{\"type\": \"rnn\", \"cell\": {\"type\": \"lstm\", "
                            "\"num_units\": 16}}, {\"type\": \"dense\", \"units\": 1}]}",
                            &model));
    ck_ok(lstm_params_initialize(params, seed));
    ck_ok(lstm_params_freeze(params, NULL, frozen));
    lstm_params_destroy(params);
    return model;
}

START_TEST(ten_thousand_streams_over_one_model_are_as_one_alone_and_small)
{
    counter c = {.left = SIZE_MAX};
    lstm_context *context;
    lstm_params *frozen;
    float expected[SIGNALS * STEPS];
    ck_ok(counted_context(&c, &context));
    lstm_model *model = small_model(context, 1, &frozen);
    const size_t before = c.bytes;
    crowd all = {.streams = test_allocate(STREAMS, sizeof *all.streams),
                 .x = test_numbers("crowd", SIGNALS * STEPS, 1.0f),
                 .expected = expected};
    for (size_t k = 0; k < STREAMS; k++)
        ck_ok(lstm_model_stream_create(model, frozen, LSTM_ARGS(lstm_stream_config, .max_steps = 1), &all.streams[k]));
    ck_assert_uint_le((c.bytes - before) / STREAMS, MOST_BYTES);
    for (size_t k = 0; k < SIGNALS; k++) {
        ck_ok(lstm_model_stream_run(all.streams[0], STEPS, NULL, all.x + k * STEPS, expected + k * STEPS));
        ck_ok(lstm_model_stream_reset(all.streams[0]));
    }
    pthread_t threads[THREADS];
    for (int k = 0; k < THREADS; k++)
        ck_assert_int_eq(pthread_create(&threads[k], NULL, run_crowd, &all), 0);
    for (int k = 0; k < THREADS; k++)
        ck_assert_int_eq(pthread_join(threads[k], NULL), 0);
    ck_assert_uint_eq(all.wrong, 0);
    for (size_t k = 0; k < STREAMS; k++)
        lstm_model_stream_destroy(all.streams[k]);
    free(all.streams);
    free((void *)(uintptr_t)all.x);
    lstm_params_destroy(frozen);
    lstm_model_destroy(model);
    lstm_context_destroy(context);
    ck_assert_uint_eq(c.live, 0);
}
END_TEST

/* ---- a model swapped while a thread runs the one before ---- */

typedef struct loaded {
    uint64_t seed;
    lstm_model *model;
    lstm_params *frozen;
    lstm_model_stream *stream;
} loaded;

typedef struct player {
    _Atomic(loaded *) coming, gone; /* between the host's threads; NULL: nothing */
    atomic_bool stop;
    atomic_size_t calls, wrong;
    const float *expected; /* per seed the first output */
} player;

enum { SWAPS = 40 };

static loaded *load(uint64_t seed)
{
    loaded *l = test_allocate(1, sizeof *l);
    l->seed = seed;
    l->model = small_model(NULL, seed, &l->frozen);
    ck_ok(lstm_model_stream_create(l->model, l->frozen, NULL, &l->stream));
    return l;
}

static void unload(loaded *l)
{
    if (!l)
        return;
    lstm_model_stream_destroy(l->stream);
    lstm_params_destroy(l->frozen);
    lstm_model_destroy(l->model);
    free(l);
}

/* The audio thread: it takes what is coming once the one that is gone has been fetched. */
static void *play(void *arg)
{
    player *p = arg;
    loaded *now = NULL;
    while (!atomic_load(&p->stop)) {
        if (!atomic_load(&p->gone)) {
            loaded *next = atomic_exchange(&p->coming, NULL);
            if (next) {
                atomic_store(&p->gone, now);
                now = next;
            }
        }
        if (!now)
            continue;
        const float x = 1.0f;
        float y;
        if (lstm_model_stream_reset(now->stream) || lstm_model_stream_run(now->stream, 1, NULL, &x, &y) ||
            !same_bits(&y, &p->expected[now->seed], 1))
            atomic_fetch_add(&p->wrong, 1);
        atomic_fetch_add(&p->calls, 1);
    }
    unload(now);
    return NULL;
}

START_TEST(models_are_swapped_under_a_running_thread)
{
    float expected[SWAPS];
    player p = {.expected = expected};
    pthread_t thread;
    for (uint64_t seed = 0; seed < SWAPS; seed++) {
        loaded *l = load(seed);
        const float x = 1.0f;
        ck_ok(lstm_model_stream_run(l->stream, 1, NULL, &x, &expected[seed]));
        unload(l);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, play, &p), 0);
    for (uint64_t seed = 0; seed < SWAPS; seed++) {
        unload(atomic_exchange(&p.coming, load(seed)));
        const size_t calls = atomic_load(&p.calls);
        while (atomic_load(&p.coming) || atomic_load(&p.calls) < calls + 3)
            unload(atomic_exchange(&p.gone, NULL));
    }
    atomic_store(&p.stop, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    unload(p.gone);
    unload(p.coming);
    ck_assert_uint_eq(p.wrong, 0);
}
END_TEST

Suite *hosts_suite(void)
{
    return test_suite("hosts", (const TTest *const[]){
                                   streams_and_frozen_weights_take_only_the_memory_they_are_given,
                                   memory_that_does_not_do_is_refused_and_not_touched,
                                   the_nth_allocation_of_a_stream_that_fails_leaks_nothing,
                                   ten_thousand_streams_over_one_model_are_as_one_alone_and_small,
                                   models_are_swapped_under_a_running_thread,
                                   NULL,
                               });
}
