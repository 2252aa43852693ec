/* Where memory comes from, who runs the work, and what outlives what. */
#include "counted.h"
#include "suites.h"
#include "testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Whether that name is one of the kernels of our own. */
static bool is_own(const char *name)
{
    static const char *const names[] = {"portable", "avx2", "avx512", "neon"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        if (!strcmp(names[k], name))
            return true;
    return false;
}

START_TEST(the_defaults_are_one_thread_and_the_best_kernels)
{
    lstm_context *context;
    ck_ok(lstm_context_create(NULL, &context));
    ck_assert_uint_eq(lstm_context_threads(context), 1);
    ck_assert(is_own(lstm_context_isa_name(context)) || !strcmp(lstm_context_isa_name(context), "cblas"));
    ck_assert_str_eq(lstm_context_isa_name(NULL), lstm_context_isa_name(context));
    lstm_context_destroy(context);
}
END_TEST

START_TEST(no_context_means_the_defaults)
{
    ck_assert_uint_eq(lstm_context_threads(NULL), 1);
    lstm_context_destroy(NULL);
}
END_TEST

START_TEST(the_number_of_threads_is_kept_and_zero_means_one)
{
    const size_t threads[] = {0, 1, 2, 3, 16};
    for (size_t k = 0; k < sizeof threads / sizeof threads[0]; k++) {
        lstm_context *context;
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads[k]), &context));
        ck_assert_uint_eq(lstm_context_threads(context), threads[k] ? threads[k] : 1);
        lstm_context_destroy(context);
    }
}
END_TEST

/* What must be there: compilers of today know it, as do most machines that this is tested on. */
static bool must_be_there(int isa)
{
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__MINGW32__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return isa == LSTM_ISA_PORTABLE || (isa == LSTM_ISA_AVX2 && avx2) || (isa == LSTM_ISA_AVX512 && avx2 && avx512);
#elif defined(__aarch64__)
    return isa == LSTM_ISA_PORTABLE || isa == LSTM_ISA_NEON;
#else
    return isa == LSTM_ISA_PORTABLE;
#endif
}

START_TEST(every_isa_is_there_by_its_name_or_unsupported)
{
    static const char *const names[] = {"", "cblas", "portable", "avx2", "avx512", "neon"};
    lstm_context *context, *const untouched = (lstm_context *)(void *)&context;
    for (int isa = LSTM_ISA_CBLAS; isa <= LSTM_ISA_NEON; isa++) {
        const lstm_status status = lstm_context_create(LSTM_ARGS(lstm_context_config, .isa = (lstm_isa)isa), &context);
        ck_assert(status == LSTM_ERR_UNSUPPORTED || status == LSTM_OK);
        ck_assert(status == LSTM_OK || !must_be_there(isa));
        if (status)
            continue;
        ck_assert_str_eq(lstm_context_isa_name(context), names[isa]);
        lstm_context_destroy(context);
    }
    const int unknown[] = {6, 99, -1};
    for (size_t k = 0; k < 3; k++) {
        context = untouched;
        ck_fails(lstm_context_create(LSTM_ARGS(lstm_context_config, .isa = (lstm_isa)unknown[k]), &context),
                 LSTM_ERR_UNSUPPORTED, "isa");
        ck_assert_ptr_eq(context, untouched);
    }
}
END_TEST

/* One of every object, most of them in use by another. */
enum { CONTEXT, PARAMS, GRADS, CELL, CUSTOM, RNN, TAPE, DENSE, DESCENT, ADAM, BATCHES, OBJECTS };

typedef struct objects {
    counter count;
    lstm_context *context;
    lstm_params *params, *grads;
    lstm_cell *cell, *custom;
    lstm_rnn *rnn;
    lstm_tape *tape;
    lstm_dense *dense;
    lstm_optimizer *descent, *adam;
    lstm_batches *batches;
} objects;

static lstm_status declare(const void *self, size_t input_size, lstm_cell_spec *spec)
{
    (void)self;
    lstm_status status = lstm_cell_spec_state(spec, input_size);
    for (size_t k = 0; k < 9 && !status; k++) /* more than a first array holds */
        status = lstm_cell_spec_variable(spec, (const char[]){(char)('a' + (int)k), 0}, 1, &input_size, NULL, NULL);
    return status ? status : lstm_cell_spec_output_state(spec, 0);
}

static void step(const void *self, const lstm_step *s)
{
    (void)self;
    memcpy(s->next_state[0], s->input, s->rows * s->input_size * sizeof(float));
}

static lstm_status create(objects *o, int which)
{
    switch (which) {
    case CONTEXT: return counted_context(&o->count, &o->context);
    case PARAMS: return lstm_params_create(o->context, &o->params);
    case CELL: return lstm_cell_create_lstm(o->context, 3, NULL, &o->cell);
    case CUSTOM:
        return lstm_cell_create_custom(
            o->context, LSTM_ARGS(lstm_cell_ops, .name = "copy", .declare = declare, .step = step), NULL, &o->custom);
    case RNN: return lstm_rnn_create(o->params, "a", o->cell, 2, NULL, &o->rnn);
    case DENSE: return lstm_dense_create(o->params, "b", 3, 2, NULL, &o->dense);
    case GRADS: return lstm_params_create_like(o->params, &o->grads);
    case TAPE: return lstm_tape_create(o->rnn, LSTM_ARGS(lstm_tape_config, .max_batch = 2, .max_time = 2), &o->tape);
    case DESCENT:
        return lstm_optimizer_create_gradient_descent(
            o->context, o->params, LSTM_ARGS(lstm_gradient_descent_config, .learning_rate = 1.0f), &o->descent);
    case ADAM: return lstm_optimizer_create_adam(o->context, o->params, NULL, &o->adam);
    default:
        return lstm_batches_create(o->context,
                                   LSTM_ARGS(lstm_batches_config, .examples = 5, .batch_size = 2, .bucket_batches = 2,
                                             .lengths = (const size_t[]){3, 2, 1, 2, 3}),
                                   &o->batches);
    }
}

static void destroy(objects *o, uint32_t which)
{
    switch (which) {
    case CONTEXT: lstm_context_destroy(o->context); break;
    case PARAMS: lstm_params_destroy(o->params); break;
    case GRADS: lstm_params_destroy(o->grads); break;
    case CELL: lstm_cell_destroy(o->cell); break;
    case CUSTOM: lstm_cell_destroy(o->custom); break;
    case RNN: lstm_rnn_destroy(o->rnn); break;
    case TAPE: lstm_tape_destroy(o->tape); break;
    case DENSE: lstm_dense_destroy(o->dense); break;
    case DESCENT: lstm_optimizer_destroy(o->descent); break;
    case ADAM: lstm_optimizer_destroy(o->adam); break;
    default: lstm_batches_destroy(o->batches); break;
    }
}

/* Creation in an order that works, and the sealing of the store, up to `end`. */
enum { SEAL = OBJECTS };
static const int order[] = {CONTEXT, PARAMS, CELL, CUSTOM, RNN, DENSE, SEAL, GRADS, TAPE, DESCENT, ADAM, BATCHES};
enum { STEPS = sizeof order / sizeof order[0] };

static lstm_status take_step(objects *o, int which)
{
    return which == SEAL ? lstm_params_initialize(o->params, 1) : create(o, which);
}

static void create_up_to(objects *o, size_t end)
{
    *o = (objects){.count = {.left = SIZE_MAX}};
    for (size_t k = 0; k < end; k++)
        ck_ok(take_step(o, order[k]));
}

static void destroy_all(objects *o, const uint32_t *sequence)
{
    for (uint32_t k = 0; k < OBJECTS; k++)
        destroy(o, sequence ? sequence[k] : OBJECTS - 1 - k);
    ck_assert_uint_eq(o->count.live, 0);
    ck_assert(!o->count.wrong);
}

/* Steps forward, so that the tape holds on to the store; none backward. */
static void use(objects *o)
{
    const float x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    ck_ok(lstm_dynamic_rnn(o->tape, o->params, LSTM_ARGS(lstm_dynamic_rnn_args, .batch = 2, .time = 2, .inputs = x)));
}

START_TEST(objects_may_be_destroyed_in_any_order)
{
    const lstm_random random = lstm_random_named(1, "orders");
    for (uint32_t trial = 0; trial < 200; trial++) {
        uint32_t sequence[OBJECTS];
        lstm_random stream = random;
        objects o;
        for (uint32_t k = 0; k < OBJECTS; k++)
            sequence[k] = trial & 1 ? (k + trial / 2) % OBJECTS : (OBJECTS - 1 - k + trial / 2) % OBJECTS;
        stream.stream += trial;
        if (trial >= 2 * OBJECTS)
            ck_ok(lstm_random_shuffle(&stream, OBJECTS, sequence));
        create_up_to(&o, STEPS);
        use(&o);
        destroy_all(&o, sequence);
    }
}
END_TEST

START_TEST(all_memory_comes_from_the_allocator_and_goes_back_to_it)
{
    objects o;
    create_up_to(&o, 1);
    for (size_t k = 1, before = o.count.made; k < STEPS; k++, before = o.count.made) {
        ck_ok(take_step(&o, order[k]));
        ck_assert_msg(o.count.made > before, "step %zu took no memory", k);
    }
    ck_assert_uint_eq((uintptr_t)lstm_params_data(o.params, NULL) % 64, 0);
    ck_assert_uint_eq((uintptr_t)lstm_params_data(o.grads, NULL) % 64, 0);
    const size_t made = o.count.made;
    use(&o);
    ck_ok(lstm_optimizer_apply(o.adam, o.params, o.grads));
    for (size_t k = 0; k < 2 * lstm_batches_count(o.batches); k++)
        ck_ok(lstm_batches_next(o.batches, &(lstm_batch){0}));
    ck_assert_uint_eq(o.count.made, made); /* hot paths allocate nothing */
    destroy_all(&o, NULL);
}
END_TEST

START_TEST(the_nth_allocation_that_fails_is_out_of_memory_and_leaks_nothing)
{
    for (size_t k = 0; k < STEPS; k++) {
        lstm_status status = LSTM_ERR_OUT_OF_MEMORY;
        size_t n = 0;
        for (; status == LSTM_ERR_OUT_OF_MEMORY; n++) {
            objects o;
            create_up_to(&o, k);
            const size_t live = o.count.live;
            o.count.left = n;
            status = take_step(&o, order[k]);
            ck_assert_msg(status == LSTM_OK || status == LSTM_ERR_OUT_OF_MEMORY, "step %zu, allocation %zu: %s", k, n,
                          lstm_status_string(status));
            if (status) {
                ck_assert_ptr_nonnull(strstr(lstm_error_message(), "out of memory"));
                /* A store may keep the room that it made for one more variable and its name. */
                ck_assert_uint_ge(o.count.live, live);
                ck_assert_uint_le(o.count.live, live + (order[k] == RNN || order[k] == DENSE ? 2 : 0));
            }
            o.count.left = SIZE_MAX;
            if (status)
                ck_ok(take_step(&o, order[k])); /* what failed for want of memory can be had later */
            destroy_all(&o, NULL);
        }
        ck_assert_msg(n > 1, "step %zu took no memory", k);
    }
}
END_TEST

/* The cells that the objects above lack, and a plan on the custom one, whose spec grows. */
static lstm_status create_more(objects *o, int which, lstm_cell **cell, lstm_rnn **rnn)
{
    switch (which) {
    case 0: return lstm_cell_create_basic_rnn(o->context, 3, NULL, cell);
    case 1: return lstm_cell_create_basic_lstm(o->context, 3, NULL, cell);
    case 2: return lstm_cell_create_gru(o->context, 3, NULL, cell);
    default: return lstm_rnn_create(o->params, "more", o->custom, 2, NULL, rnn);
    }
}

START_TEST(other_cells_and_a_plan_of_a_custom_cell_survive_failed_allocations_too)
{
    for (int which = 0; which < 4; which++) {
        lstm_status status = LSTM_ERR_OUT_OF_MEMORY;
        size_t n = 0;
        for (; status == LSTM_ERR_OUT_OF_MEMORY; n++) {
            objects o;
            lstm_cell *cell = NULL;
            lstm_rnn *rnn = NULL;
            create_up_to(&o, 6);
            o.count.left = n;
            const size_t variables = lstm_params_variable_count(o.params);
            status = create_more(&o, which, &cell, &rnn);
            ck_assert(status == LSTM_OK || status == LSTM_ERR_OUT_OF_MEMORY);
            ck_assert(status == LSTM_OK || (!cell && !rnn));
            if (status)
                ck_assert_uint_eq(lstm_params_variable_count(o.params), variables);
            lstm_rnn_destroy(rnn);
            lstm_cell_destroy(cell);
            destroy_all(&o, NULL);
        }
        ck_assert_uint_gt(n, which < 3 ? 1 : 5);
    }
}
END_TEST

START_TEST(a_declared_variable_that_finds_no_memory_is_not_there)
{
    const size_t shape = 2;
    lstm_status status = LSTM_ERR_OUT_OF_MEMORY;
    for (size_t n = 0; status; n++) {
        objects o;
        create_up_to(&o, 2);
        o.count.left = n;
        status = lstm_params_declare(o.params, "v", 1, &shape, NULL);
        ck_assert_uint_eq(lstm_params_variable_count(o.params), status ? 0 : 1);
        ck_assert(n < 3 ? status == LSTM_ERR_OUT_OF_MEMORY : status == LSTM_OK);
        destroy_all(&o, NULL);
    }
}
END_TEST

/* The variables of one direction of 20 layers get a plan of their own, whose matrices frozen copies keep packed. */
START_TEST(a_plan_that_finds_no_memory_leaves_nothing_behind_that_is_packed)
{
    enum { LAYERS = 20 };
    lstm_status status = LSTM_ERR_OUT_OF_MEMORY;
    size_t plain = 0, failures = 0;
    for (size_t n = 0; status; n++) {
        counter count = {.left = SIZE_MAX};
        lstm_context *context;
        lstm_params *params;
        lstm_cell *layers[LAYERS], *ways[2];
        lstm_rnn *both, *one = NULL;
        size_t bytes;
        ck_ok(counted_context(&count, &context));
        ck_ok(lstm_params_create(context, &params));
        for (size_t k = 0; k < LAYERS; k++)
            ck_ok(lstm_cell_create_basic_rnn(context, 2, NULL, &layers[k]));
        for (size_t way = 0; way < 2; way++)
            ck_ok(lstm_cell_create_multi_rnn(context, layers, LAYERS, &ways[way]));
        ck_ok(lstm_rnn_create_bidirectional(params, "b", ways[0], ways[1], 2, NULL, &both));
        count.left = n;
        status = lstm_rnn_create(params, "b/fw", ways[0], 2, LSTM_ARGS(lstm_rnn_config, .reuse = true), &one);
        count.left = SIZE_MAX;
        ck_ok(lstm_params_initialize(params, 1));
        ck_ok(lstm_params_freeze_size(params, &bytes, NULL));
        plain = n ? plain : bytes;
        failures += status != LSTM_OK;
        ck_assert_msg(!status || bytes == plain, "%zu allocations: %zu bytes, not %zu", n, bytes, plain);
        lstm_rnn_destroy(one);
        lstm_rnn_destroy(both);
        for (size_t k = 0; k < LAYERS; k++)
            lstm_cell_destroy(layers[k]);
        lstm_cell_destroy(ways[0]);
        lstm_cell_destroy(ways[1]);
        lstm_params_destroy(params);
        lstm_context_destroy(context);
    }
    ck_assert_uint_gt(failures, LAYERS);
}
END_TEST

START_TEST(an_allocator_needs_both_of_its_functions)
{
    lstm_context *context = NULL;
    ck_fails(lstm_context_create(LSTM_ARGS(lstm_context_config, .allocator.allocate = counted_allocate), &context),
             LSTM_ERR_INVALID_ARGUMENT, "allocator");
    ck_fails(lstm_context_create(LSTM_ARGS(lstm_context_config, .allocator.release = counted_release), &context),
             LSTM_ERR_INVALID_ARGUMENT, "allocator");
    ck_assert_ptr_null(context);
}
END_TEST

/* Executors. */

enum { MANY = 100000 };

typedef struct pool {
    size_t runs, most_tasks;
    bool backwards;
} pool;

static void run_one_by_one(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    pool *p = user;
    p->runs++;
    p->most_tasks = tasks > p->most_tasks ? tasks : p->most_tasks;
    for (size_t k = 0; k < tasks; k++)
        task(arg, p->backwards ? tasks - 1 - k : k);
}

typedef struct job {
    void (*task)(void *arg, size_t index);
    void *arg;
    size_t index;
} job;

static void *do_job(void *argument)
{
    const job *j = argument;
    j->task(j->arg, j->index);
    return NULL;
}

/* All tasks at once, each on a thread of its own. */
static void run_at_once(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    enum { MOST = 16 };
    pool *p = user;
    pthread_t threads[MOST];
    job jobs[MOST];
    p->runs++;
    p->most_tasks = tasks > p->most_tasks ? tasks : p->most_tasks;
    ck_assert_uint_le(tasks, MOST);
    for (size_t k = 0; k < tasks; k++) {
        jobs[k] = (job){.task = task, .arg = arg, .index = k};
        ck_assert_int_eq(pthread_create(&threads[k], NULL, do_job, &jobs[k]), 0);
    }
    for (size_t k = 0; k < tasks; k++)
        ck_assert_int_eq(pthread_join(threads[k], NULL), 0);
}

/* Some steps of Adam on MANY weights; what becomes of them goes to `result`. */
static void work(lstm_context *context, float *result)
{
    const size_t count = MANY;
    lstm_params *weights, *grads;
    lstm_optimizer *optimizer;
    ck_ok(lstm_params_create(context, &weights));
    ck_ok(lstm_params_declare(weights, "w", 1, &count, NULL));
    ck_ok(lstm_params_initialize(weights, 1));
    ck_ok(lstm_params_create_like(weights, &grads));
    ck_ok(lstm_params_initialize(grads, 2));
    ck_ok(lstm_optimizer_create_adam(context, weights, NULL, &optimizer));
    for (size_t k = 0; k < 3; k++)
        ck_ok(lstm_optimizer_apply(optimizer, weights, grads));
    memcpy(result, lstm_params_data(weights, NULL), MANY * sizeof *result);
    lstm_optimizer_destroy(optimizer);
    lstm_params_destroy(grads);
    lstm_params_destroy(weights);
}

static void check_executor(pool *p, size_t concurrency,
                           void (*run)(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg))
{
    lstm_context *context;
    float *alone = test_allocate(MANY, sizeof *alone), *by_pool = test_allocate(MANY, sizeof *by_pool);
    ck_ok(lstm_context_create(
        LSTM_ARGS(lstm_context_config, .executor = {.user = p, .concurrency = concurrency, .run = run}), &context));
    ck_assert_uint_eq(lstm_context_threads(context), concurrency);
    work(NULL, alone);
    work(context, by_pool);
    ck_assert(same_bits(alone, by_pool, MANY));
    lstm_context_destroy(context);
    free(alone);
    free(by_pool);
}

START_TEST(an_executor_that_runs_one_task_after_the_other_does_the_work)
{
    pool p = {0};
    check_executor(&p, 3, run_one_by_one);
    ck_assert_uint_eq(p.runs, 3);
    ck_assert_uint_eq(p.most_tasks, 3);
    p = (pool){.backwards = true};
    check_executor(&p, 5, run_one_by_one);
    ck_assert_uint_eq(p.runs, 3);
    ck_assert_uint_eq(p.most_tasks, 5);
}
END_TEST

START_TEST(an_executor_that_runs_all_tasks_at_once_does_the_work)
{
    pool p = {0};
    check_executor(&p, 4, run_at_once);
    ck_assert_uint_eq(p.runs, 3);
    ck_assert_uint_eq(p.most_tasks, 4);
}
END_TEST

START_TEST(an_executor_never_gets_more_tasks_than_there_is_work_for)
{
    pool p = {0};
    check_executor(&p, 1024, run_one_by_one);
    ck_assert_uint_eq(p.runs, 3);
    ck_assert_uint_gt(p.most_tasks, 1);
    ck_assert_uint_lt(p.most_tasks, 1024);
}
END_TEST

START_TEST(the_built_in_executor_gives_the_same_bits_for_any_number_of_threads)
{
    float *alone = test_allocate(MANY, sizeof *alone), *together = test_allocate(MANY, sizeof *together);
    work(NULL, alone);
    for (size_t threads = 1; threads < 5; threads++) {
        lstm_context *context;
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = threads), &context));
        work(context, together);
        ck_assert(same_bits(alone, together, MANY));
        lstm_context_destroy(context);
    }
    free(alone);
    free(together);
}
END_TEST

START_TEST(threads_and_executors_have_their_limits)
{
    lstm_context *context = NULL;
    pool p = {0};
    ck_fails(lstm_context_create(NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "context is NULL");
    ck_fails(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = 1025), &context), LSTM_ERR_INVALID_ARGUMENT,
             "threads");
    ck_fails(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = SIZE_MAX), &context),
             LSTM_ERR_INVALID_ARGUMENT, "threads");
    const size_t wrong[] = {0, 1025, SIZE_MAX};
    for (size_t k = 0; k < 3; k++)
        ck_fails(
            lstm_context_create(LSTM_ARGS(lstm_context_config, .executor = {&p, wrong[k], run_one_by_one}), &context),
            LSTM_ERR_INVALID_ARGUMENT, "concurrency");
    ck_fails(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = 2, .executor = {&p, 2, run_one_by_one}),
                                 &context),
             LSTM_ERR_INVALID_ARGUMENT, "threads and executor");
    ck_assert_ptr_null(context);
}
END_TEST

START_TEST(an_executor_without_run_is_refused)
{
    lstm_context *context = NULL;
    ck_fails(lstm_context_create(LSTM_ARGS(lstm_context_config, .executor = {.concurrency = 8}), &context),
             LSTM_ERR_INVALID_ARGUMENT, "executor.run");
    ck_assert_ptr_null(context);
}
END_TEST

START_TEST(a_cell_of_another_context_gives_each_allocator_its_own_memory_back)
{
    counter counts[2] = {{.left = SIZE_MAX}, {.left = SIZE_MAX}};
    lstm_context *contexts[2];
    lstm_params *params;
    lstm_cell *cell;
    lstm_rnn *rnn;
    for (size_t k = 0; k < 2; k++)
        ck_ok(counted_context(&counts[k], &contexts[k]));
    ck_ok(lstm_params_create(contexts[0], &params));
    ck_ok(lstm_cell_create_lstm(contexts[1], 3, NULL, &cell));
    ck_ok(lstm_rnn_create(params, NULL, cell, 2, LSTM_ARGS(lstm_rnn_config, .learned_initial_state = true), &rnn));
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
    for (size_t k = 0; k < 2; k++) {
        lstm_context_destroy(contexts[k]);
        ck_assert_uint_eq(counts[k].live, 0);
    }
}
END_TEST

Suite *context_suite(void)
{
    return test_suite(
        "context",
        (const TTest *const[]){
            the_defaults_are_one_thread_and_the_best_kernels, no_context_means_the_defaults,
            the_number_of_threads_is_kept_and_zero_means_one, every_isa_is_there_by_its_name_or_unsupported,
            objects_may_be_destroyed_in_any_order, all_memory_comes_from_the_allocator_and_goes_back_to_it,
            the_nth_allocation_that_fails_is_out_of_memory_and_leaks_nothing,
            other_cells_and_a_plan_of_a_custom_cell_survive_failed_allocations_too,
            a_declared_variable_that_finds_no_memory_is_not_there,
            a_plan_that_finds_no_memory_leaves_nothing_behind_that_is_packed, an_allocator_needs_both_of_its_functions,
            an_executor_that_runs_one_task_after_the_other_does_the_work,
            an_executor_that_runs_all_tasks_at_once_does_the_work,
            an_executor_never_gets_more_tasks_than_there_is_work_for,
            the_built_in_executor_gives_the_same_bits_for_any_number_of_threads,
            threads_and_executors_have_their_limits, an_executor_without_run_is_refused,
            a_cell_of_another_context_gives_each_allocator_its_own_memory_back, NULL});
}
