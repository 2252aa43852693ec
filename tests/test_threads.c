/* The number of threads, and who runs them, changes no bit; and how much stack they need. */
#define _GNU_SOURCE
#include "crew.h"
#include "platform.h"
#include "unroll.h"

#include <fenv.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static lstm_context *team(size_t threads)
{
    lstm_context *context;
    ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
    return context;
}

static const size_t *ragged(size_t batch, size_t time)
{
    static size_t lengths[200];
    for (size_t row = 0; row < batch; row++)
        lengths[row] = (row * 13 + 5) % (time + 1);
    return lengths;
}

/* Enough work for several blocks, each of more than a chunk, and for the driver to think it worth a thread. */
static unroll_shape several_blocks(bool with_lengths)
{
    return (unroll_shape){.input = 5, .batch = 150, .time = 10, .lengths = with_lengths ? ragged(150, 10) : NULL};
}

/* A block alone, whose products are worth sharing while all rows are there. */
static unroll_shape large_units(size_t batch)
{
    static const size_t lengths[] = {40, 33, 40, 7, 40};
    return (unroll_shape){.input = 5, .batch = batch, .time = 40, .lengths = batch == 1 ? NULL : lengths};
}

static void compare_thread_counts(const char *kind, size_t units, const unroll_shape *shape)
{
    lstm_cell *cell = test_cell(kind, units, LSTM_ACTIVATION_DEFAULT, 1.0f);
    unroll one;
    unroll_create(&one, NULL, cell, shape);
    unroll_run(&one);
    for (size_t threads = 2; threads <= 3; threads++) {
        lstm_context *context = team(threads);
        unroll many;
        unroll_create(&many, context, cell, shape);
        lstm_context_destroy(context);
        unroll_run(&many);
        unroll_assert_same_bits(&one, &many);
        unroll_destroy(&many);
    }
    lstm_cell_destroy(cell);
    unroll_destroy(&one);
}

START_TEST(one_two_and_three_threads_give_the_same_bits)
{
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        for (int with_lengths = 0; with_lengths < 2; with_lengths++) {
            const unroll_shape shape = several_blocks(with_lengths);
            /* of few weights each block has a gradient, that of many, more than 32768, is computed in parts */
            const size_t wide = strcmp(test_cell_kinds[kind], "basic_rnn") != 0 ? 105 : 180;
            compare_thread_counts(test_cell_kinds[kind], with_lengths ? 20 : wide, &shape);
        }
}
END_TEST

/* Where blocks are higher or lower than in training, a CBLAS gives their rows other bits: OpenBLAS's kernels for AVX2 and
 * AVX-512 do with rows of this shape. */
START_TEST(inference_on_one_thread_and_on_two_has_the_bits_of_training)
{
    static const lstm_isa isas[] = {LSTM_ISA_BEST, LSTM_ISA_CBLAS};
    const unroll_shape shape = {.input = 100, .batch = 107, .time = 6, .lengths = ragged(107, 6)};
    for (size_t k = 0; k < 4; k++) {
        lstm_context *context;
        const lstm_status status =
            lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = 1 + k % 2, .isa = isas[k / 2]), &context);
        if (status == LSTM_ERR_UNSUPPORTED)
            continue;
        ck_ok(status);
        lstm_cell *cell = test_cell("lstm", 21, LSTM_ACTIVATION_DEFAULT, 1.0f);
        unroll u;
        unroll_create(&u, context, cell, &shape);
        lstm_cell_destroy(cell);
        lstm_context_destroy(context);
        unroll_run(&u);
        float *y = unroll_infer_outputs(&u);
        ck_assert_msg(same_bits(y, u.y, u.y_count), "isa %d, %zu threads", (int)isas[k / 2], 1 + k % 2);
        free(y);
        unroll_destroy(&u);
    }
}
END_TEST

/* An executor that does its tasks backwards on the calling thread, and counts. */
static void run_backwards(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    size_t *runs = user;
    ck_assert_uint_le(tasks, 4);
    for (size_t k = tasks; k-- > 0;)
        task(arg, k);
    (*runs)++;
}

/* runs: of the executor, that many at least. */
static void check_hosted(size_t units, const unroll_shape *shape, size_t least_runs)
{
    size_t runs = 0;
    const lstm_executor executor = {.user = &runs, .concurrency = 4, .run = run_backwards};
    lstm_cell *cell = test_cell("lstm", units, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_context *context;
    unroll plain, hosted;
    ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .executor = executor), &context));
    unroll_create(&plain, NULL, cell, shape);
    unroll_create(&hosted, context, cell, shape);
    unroll_run(&plain);
    unroll_run(&hosted);
    unroll_assert_same_bits(&plain, &hosted);
    ck_assert_uint_ge(runs, least_runs);
    unroll_destroy(&plain);
    unroll_destroy(&hosted);
    lstm_cell_destroy(cell);
    lstm_context_destroy(context);
}

START_TEST(a_hosts_executor_does_the_work_and_changes_no_bit)
{
    const unroll_shape blocks = several_blocks(true), block = large_units(5);
    check_hosted(20, &blocks, 2);
    check_hosted(100, &blocks, 3); /* forward, backward, the gradient of many weights */
    check_hosted(210, &block, 3);
}
END_TEST

START_TEST(units_of_a_single_block_are_shared_and_change_no_bit)
{
    const unroll_shape rows = large_units(5), row = large_units(1);
    for (size_t kind = 0; kind < test_cell_kind_count; kind++)
        compare_thread_counts(test_cell_kinds[kind], 210, &rows);
    compare_thread_counts("full_lstm", 330, &row);
    compare_thread_counts("gru", 330, &row);
}
END_TEST

/* Jobs of a crew, of which each part notes who did it, and as one of how many. */
enum { CREW = 3, JOBS = 2000 };
typedef struct jobs {
    size_t job, done[CREW], parts[CREW];
    pthread_t by[CREW];
    bool others; /* go on until another thread has helped */
    bool wrong;
} jobs;

static void note_part(void *arg, size_t part, size_t parts)
{
    jobs *j = arg;
    j->done[part] += j->job;
    j->parts[part] = parts;
    j->by[part] = pthread_self();
}

/* Checked later, as this may be another thread than the test's. */
static void lead_jobs(void *arg, lstm__crew *crew)
{
    jobs *j = arg;
    size_t sums[CREW] = {0};
    bool alone = j->others;
    for (size_t k = 1; k <= JOBS || alone; k++) {
        const size_t parts = k % 2 ? CREW : 2;
        j->job = k;
        lstm__crew_share(crew, k % 2 ? CREW + 1 : 2, note_part, j);
        for (size_t part = 0; part < CREW; part++) {
            sums[part] += part < parts ? k : 0;
            j->wrong |= j->done[part] != sums[part] || (part < parts && j->parts[part] != parts);
            alone &= part >= parts || pthread_equal(j->by[part], pthread_self());
        }
    }
}

START_TEST(a_crew_does_each_part_of_a_job_once_and_all_of_it_before_the_next)
{
    size_t runs = 0;
    const lstm_executor executor = {.user = &runs, .concurrency = CREW, .run = run_backwards};
    lstm_context *contexts[2] = {team(CREW)};
    ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .executor = executor), &contexts[1]));
    for (size_t k = 0; k < 2; k++) {
        jobs done = {.others = k == 0};
        lstm__crew_run(contexts[k], lead_jobs, &done);
        ck_assert(!done.wrong);
        ck_assert_uint_ge(done.job, JOBS);
        lstm_context_destroy(contexts[k]);
    }
}
END_TEST

/* A pool whose threads, where they wait, do other tasks. */
typedef struct helping_pool {
    void (*task)(void *arg, size_t index);
    void *arg;
    size_t tasks, next;
    bool led;
} helping_pool;

static void run_helping(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    helping_pool *pool = user;
    *pool = (helping_pool){.task = task, .arg = arg, .tasks = tasks};
    while (pool->next < tasks)
        task(arg, pool->next++);
}

static void lead_and_wait(void *arg, lstm__crew *crew)
{
    helping_pool *pool = arg;
    (void)crew;
    pool->led = true;
    while (pool->next < pool->tasks)
        pool->task(pool->arg, pool->next++);
}

static void *do_a_task(void *arg)
{
    helping_pool *pool = arg;
    pool->task(pool->arg, pool->next++);
    return NULL;
}

/* Wait for a thread that does another task of the crew while it waits. */
static void lead_and_wait_for_another(void *arg, lstm__crew *crew)
{
    pthread_t other;
    helping_pool *pool = arg;
    (void)crew;
    pool->led = true;
    ck_assert_int_eq(pthread_create(&other, NULL, do_a_task, pool), 0);
    ck_assert_int_eq(pthread_join(other, NULL), 0);
}

START_TEST(a_crew_ends_where_a_thread_that_waits_does_other_tasks)
{
    void (*const leads[])(void *arg, lstm__crew *crew) = {lead_and_wait, lead_and_wait_for_another};
    for (size_t k = 0; k < 2; k++) {
        helping_pool pool;
        lstm_context *context;
        const lstm_executor executor = {.user = &pool, .concurrency = CREW, .run = run_helping};
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .executor = executor), &context));
        lstm__crew_run(context, leads[k], &pool);
        ck_assert(pool.led && pool.next == CREW);
        lstm_context_destroy(context);
    }
}
END_TEST

static void note_rounding(void *arg, size_t index)
{
    ((int *)arg)[index] = fegetround();
}

START_TEST(a_team_rounds_as_its_caller_does)
{
    enum { TASKS = 64 };
    static const int modes[] = {FE_UPWARD, FE_TONEAREST};
    lstm__team *team = test_allocate(lstm__team_size(CREW - 1), 1);
    ck_assert(lstm__team_start(team, CREW - 1));
    for (size_t k = 0; k < 2000; k++) {
        int found[TASKS];
        ck_assert_int_eq(fesetround(modes[k % 2]), 0);
        lstm__team_run(team, TASKS, note_rounding, found);
        fesetround(FE_TONEAREST);
        for (size_t task = 0; task < TASKS; task++)
            ck_assert_int_eq(found[task], modes[k % 2]);
    }
    lstm__team_stop(team);
    free(team);
}
END_TEST

START_TEST(a_stream_shares_large_units_and_changes_no_bit)
{
    enum { UNITS = 330, INPUT = 4, TIME = 40, ROWS = 2 };
    lstm_context *context = team(2);
    float *x = test_numbers("x", ROWS * TIME * INPUT, 1.0f), *y[2];
    for (size_t k = 0; k < 2; k++) {
        lstm_params *weights, *frozen;
        lstm_cell *cell = test_cell("lstm", UNITS, LSTM_ACTIVATION_DEFAULT, 1.0f);
        lstm_rnn *rnn;
        lstm_stream *stream;
        y[k] = test_allocate(ROWS * TIME * UNITS, sizeof *y[k]);
        ck_ok(lstm_params_create(k ? context : NULL, &weights));
        ck_ok(lstm_rnn_create(weights, NULL, cell, INPUT, LSTM_ARGS(lstm_rnn_config, .layout = LSTM_TIME_MAJOR), &rnn));
        ck_ok(lstm_params_initialize(weights, 5));
        ck_ok(lstm_params_freeze(weights, NULL, &frozen));
        ck_ok(lstm_stream_create(rnn, frozen, LSTM_ARGS(lstm_stream_config, .batch = ROWS), &stream));
        ck_ok(lstm_stream_run(stream, TIME - 1, x, y[k]));
        ck_ok(lstm_stream_run(stream, 1, x + ROWS * (TIME - 1) * INPUT, y[k] + ROWS * (TIME - 1) * UNITS));
        lstm_stream_destroy(stream);
        lstm_rnn_destroy(rnn);
        lstm_cell_destroy(cell);
        lstm_params_destroy(frozen);
        lstm_params_destroy(weights);
    }
    ck_assert(same_bits(y[0], y[1], ROWS * TIME * UNITS));
    free(x);
    free(y[0]);
    free(y[1]);
    lstm_context_destroy(context);
}
END_TEST

typedef struct caller {
    pthread_t thread;
    unroll u;
} caller;

static void *run_often(void *argument)
{
    caller *c = argument;
    for (int k = 0; k < 10; k++)
        unroll_run(&c->u);
    return NULL;
}

START_TEST(several_callers_share_a_context_each_with_its_own_tape)
{
    enum { CALLERS = 4 };
    const unroll_shape shape = several_blocks(true);
    lstm_cell *cell = test_cell("gru", 12, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_context *context = team(2);
    unroll alone;
    caller callers[CALLERS];
    unroll_create(&alone, NULL, cell, &shape);
    unroll_run(&alone);
    for (size_t k = 0; k < CALLERS; k++)
        unroll_create(&callers[k].u, context, cell, &shape);
    for (size_t k = 0; k < CALLERS; k++)
        ck_assert_int_eq(pthread_create(&callers[k].thread, NULL, run_often, &callers[k]), 0);
    for (size_t k = 0; k < CALLERS; k++) {
        pthread_join(callers[k].thread, NULL);
        unroll_assert_same_bits(&alone, &callers[k].u);
        unroll_destroy(&callers[k].u);
    }
    lstm_context_destroy(context);
    lstm_cell_destroy(cell);
    unroll_destroy(&alone);
}
END_TEST

static void *run_forward(void *argument)
{
    const unroll *u = argument;
    lstm_tape *tape;
    float *y = test_allocate(u->y_count, sizeof *y);
    const lstm_tape_config *config =
        LSTM_ARGS(lstm_tape_config, .max_batch = u->shape.batch, .max_time = u->shape.time, .inference = true);
    bool same = lstm_tape_create(u->rnn, config, &tape) == LSTM_OK;
    for (int k = 0; k < 5 && same; k++) {
        memset(y, 0, u->y_count * sizeof *y);
        same = lstm_dynamic_rnn(tape, u->weights,
                                LSTM_ARGS(lstm_dynamic_rnn_args, .batch = u->shape.batch, .time = u->shape.time,
                                          .inputs = u->x, .sequence_length = u->shape.lengths,
                                          .initial_state = (const float *const *)u->state, .outputs = y)) == LSTM_OK &&
               same_bits(y, u->y, u->y_count);
    }
    lstm_tape_destroy(tape);
    free(y);
    return same ? argument : NULL;
}

START_TEST(one_plan_and_one_set_of_weights_serve_many_threads)
{
    enum { CALLERS = 4 };
    const unroll_shape shape = several_blocks(true);
    lstm_cell *cell = test_cell("lstm", 12, LSTM_ACTIVATION_DEFAULT, 1.0f);
    pthread_t threads[CALLERS];
    unroll u;
    unroll_create(&u, NULL, cell, &shape);
    lstm_cell_destroy(cell);
    unroll_run(&u);
    for (size_t k = 0; k < CALLERS; k++)
        ck_assert_int_eq(pthread_create(&threads[k], NULL, run_forward, &u), 0);
    for (size_t k = 0; k < CALLERS; k++) {
        void *same;
        pthread_join(threads[k], &same);
        ck_assert_ptr_nonnull(same);
    }
    unroll_destroy(&u);
}
END_TEST

/* Twenty steps of training, everything included; the weights at the end. */
static float *trained(lstm_context *context, size_t *count)
{
    enum { BATCH = 150, TIME = 8, UNITS = 16, CLASSES = 3 };
    lstm_params *weights, *grads;
    lstm_cell *cell = test_cell("lstm", UNITS, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_rnn *rnn;
    lstm_dense *dense;
    lstm_tape *tape;
    lstm_optimizer *adam;
    ck_ok(lstm_params_create(context, &weights));
    ck_ok(lstm_rnn_create(weights, NULL, cell, 2, NULL, &rnn));
    ck_ok(lstm_dense_create(weights, NULL, UNITS, CLASSES, NULL, &dense));
    ck_ok(lstm_params_initialize(weights, 5));
    ck_ok(lstm_params_create_like(weights, &grads));
    ck_ok(lstm_tape_create(rnn, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME), &tape));
    ck_ok(lstm_optimizer_create_adam(context, weights, NULL, &adam));
    float *x = test_numbers("x", BATCH * TIME * 2, 1.0f), *h = test_allocate(BATCH * UNITS, sizeof *h);
    float *dh = test_allocate(BATCH * UNITS, sizeof *dh), loss;
    float *logits = test_allocate(BATCH * CLASSES, sizeof *logits), *d = test_allocate(BATCH * CLASSES, sizeof *d);
    size_t labels[BATCH];
    for (size_t row = 0; row < BATCH; row++)
        labels[row] = row % CLASSES;
    for (int step = 0; step < 20; step++) {
        ck_ok(lstm_dynamic_rnn(
            tape, weights,
            LSTM_ARGS(lstm_dynamic_rnn_args, .batch = BATCH, .time = TIME, .inputs = x, .last_output = h)));
        ck_ok(lstm_dense_forward(dense, weights, BATCH, h, logits));
        ck_ok(lstm_sparse_softmax_cross_entropy(context, NULL, BATCH, CLASSES, logits, labels, d, &loss));
        lstm_params_zero(grads);
        ck_ok(lstm_dense_backward(dense, weights, BATCH, h, logits, d, grads, dh));
        ck_ok(lstm_dynamic_rnn_backward(tape, weights,
                                        LSTM_ARGS(lstm_dynamic_rnn_grads, .d_last_output = dh, .d_params = grads)));
        ck_ok(lstm_optimizer_apply(adam, weights, grads));
    }
    const float *block = lstm_params_data(weights, count);
    float *result = test_allocate(*count, sizeof *result);
    memcpy(result, block, *count * sizeof *result);
    free(x);
    free(h);
    free(dh);
    free(logits);
    free(d);
    lstm_optimizer_destroy(adam);
    lstm_tape_destroy(tape);
    lstm_dense_destroy(dense);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
    return result;
}

START_TEST(training_on_more_threads_ends_at_the_same_weights)
{
    size_t count;
    float *one = trained(NULL, &count);
    for (size_t threads = 2; threads <= 3; threads++) {
        lstm_context *context = team(threads);
        float *many = trained(context, &count);
        ck_assert(same_bits(one, many, count));
        free(many);
        lstm_context_destroy(context);
    }
    free(one);
}
END_TEST

/* Without optimization, and with sanitizers, frames are larger. */
#if defined(__linux__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define STACK_IS_MEASURED
#include "small_stack.h"

/* What needs the most: products whose sums run over many rows, for the gradient of many weights. */
static void *run_wide(void *argument)
{
    const unroll_shape shape = several_blocks(false);
    unroll u;
    unroll_take(&u, test_cell("lstm", 100, LSTM_ACTIVATION_DEFAULT, 1.0f), &shape);
    unroll_run(&u);
    unroll_destroy(&u);
    return argument;
}

/* And what goes deepest: cells in cells, as many levels as files have. */
static void *run_deep(void *argument)
{
    lstm_cell *cell = test_cell("gru", 4, LSTM_ACTIVATION_DEFAULT, 1.0f);
    for (size_t level = 1; level < 64; level++) {
        lstm_cell *inner = cell;
        ck_ok(lstm_cell_create_dropout(NULL, inner, LSTM_ARGS(lstm_dropout_config, .output_keep_prob = 0.5f), &cell));
        lstm_cell_destroy(inner);
    }
    unroll u;
    unroll_take(&u, cell, &(unroll_shape){.input = 4, .batch = 3, .time = 2});
    unroll_run(&u);
    unroll_destroy(&u);
    return argument;
}

START_TEST(a_thread_with_128_KiB_of_stack_can_train)
{
    ck_assert_ptr_nonnull(small_stack_run(run_wide, "done"));
    ck_assert_ptr_nonnull(small_stack_run(run_deep, "done"));
}
END_TEST

enum { MEMBERS = 3 };

typedef struct stacks {
    pthread_barrier_t all; /* each member does one task */
    pthread_t caller;
    size_t size[MEMBERS]; /* SIZE_MAX for the caller's, which is not the team's; musl tells what is in use of it */
} stacks;

static void look_at_stack(void *arg, size_t index)
{
    stacks *s = arg;
    pthread_attr_t own;
    pthread_barrier_wait(&s->all);
    if (pthread_equal(pthread_self(), s->caller))
        s->size[index] = SIZE_MAX;
    else if (!pthread_getattr_np(pthread_self(), &own)) {
        pthread_attr_getstacksize(&own, &s->size[index]);
        pthread_attr_destroy(&own);
    }
}

START_TEST(a_team_has_the_stack_it_needs_where_threads_have_less)
{
    stacks s = {.caller = pthread_self()};
    pthread_attr_t tiny;
    lstm__team *team = test_allocate(lstm__team_size(MEMBERS - 1), 1);
    ck_assert_int_eq(pthread_barrier_init(&s.all, NULL, MEMBERS), 0);
    ck_assert_int_eq(pthread_attr_init(&tiny), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&tiny, (size_t)PTHREAD_STACK_MIN), 0);
    ck_assert_int_eq(pthread_setattr_default_np(&tiny), 0);
    ck_assert(lstm__team_start(team, MEMBERS - 1));
    lstm__team_run(team, MEMBERS, look_at_stack, &s);
    lstm__team_stop(team);
    for (size_t k = 0; k < MEMBERS; k++)
        ck_assert_uint_gt(s.size[k], 128 * 1024); /* the least of AArch64 */
    pthread_attr_destroy(&tiny);
    pthread_barrier_destroy(&s.all);
    free(team);
}
END_TEST

#endif

Suite *threads_suite(void)
{
    return test_suite("threads", (const TTest *const[]){
                                     one_two_and_three_threads_give_the_same_bits,
                                     inference_on_one_thread_and_on_two_has_the_bits_of_training,
                                     a_hosts_executor_does_the_work_and_changes_no_bit,
                                     units_of_a_single_block_are_shared_and_change_no_bit,
                                     a_crew_does_each_part_of_a_job_once_and_all_of_it_before_the_next,
                                     a_crew_ends_where_a_thread_that_waits_does_other_tasks,
                                     a_team_rounds_as_its_caller_does,
                                     a_stream_shares_large_units_and_changes_no_bit,
                                     several_callers_share_a_context_each_with_its_own_tape,
                                     one_plan_and_one_set_of_weights_serve_many_threads,
                                     training_on_more_threads_ends_at_the_same_weights,
#ifdef STACK_IS_MEASURED
                                     a_thread_with_128_KiB_of_stack_can_train,
                                     a_team_has_the_stack_it_needs_where_threads_have_less,
#endif
                                     NULL,
                                 });
}
