#include "context.h"

#include "memory.h"
#include "platform.h"
#include "status.h"

#include <stdatomic.h>
#include <string.h>

enum { MAX_THREADS = 1024 };

/* Below this many operations a second thread's wake-up, some 10 microseconds, costs more than it brings. */
static const double worth_a_thread = 5e5;

struct lstm_context {
    atomic_size_t references;
    lstm_allocator allocator;
    lstm_executor executor;
    lstm__team *team; /* the built-in executor's, or NULL */
    const lstm__kernels *kernels;
};

static void *allocate(const lstm_allocator *allocator, size_t size)
{
    return allocator->allocate ? allocator->allocate(allocator->user, size, LSTM__ALIGNMENT)
                               : lstm__platform_allocate(size, LSTM__ALIGNMENT);
}

static void release(const lstm_allocator *allocator, void *memory)
{
    if (!memory)
        return;
    if (allocator->allocate)
        allocator->release(allocator->user, memory);
    else
        lstm__platform_release(memory);
}

static void run_on_team(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    lstm__team_run(user, tasks, task, arg);
}

static lstm_status check_config(const lstm_context_config *config)
{
    const char *function = "lstm_context_create";
    if (!config->allocator.allocate != !config->allocator.release)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: allocator needs both allocate and release", function);
    if (!config->executor.run && (config->executor.concurrency || config->executor.user))
        return lstm__fail_null(function, "executor.run");
    if (config->executor.run && (config->executor.concurrency < 1 || config->executor.concurrency > MAX_THREADS))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: executor.concurrency is %zu, expected 1 to %d", function,
                          config->executor.concurrency, MAX_THREADS);
    if (config->threads > MAX_THREADS)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: threads is %zu, expected at most %d", function,
                          config->threads, MAX_THREADS);
    if (config->executor.run && config->threads)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: threads and executor exclude each other", function);
    if (!lstm__kernels_select(config->isa))
        return lstm__fail(LSTM_ERR_UNSUPPORTED, "%s: isa %d is not available", function, (int)config->isa);
    return LSTM_OK;
}

lstm_status lstm_context_create(const lstm_context_config *config, lstm_context **context)
{
    if (!context)
        return lstm__fail_null("lstm_context_create", "context");
    lstm_context_config c;
    lstm_status status = lstm__read_args("lstm_context_create", &c, sizeof c, config);
    if (status || (status = check_config(&c)))
        return status;
    lstm_context *made = allocate(&c.allocator, sizeof *made);
    if (!made)
        return lstm__fail_memory("lstm_context_create");
    *made = (lstm_context){.allocator = c.allocator, .executor = c.executor, .kernels = lstm__kernels_select(c.isa)};
    atomic_init(&made->references, 1);
    if (!made->executor.run)
        made->executor = (lstm_executor){.concurrency = c.threads ? c.threads : 1};
    if (c.threads > 1) {
        made->team = allocate(&c.allocator, lstm__team_size(c.threads - 1));
        if (!made->team || !lstm__team_start(made->team, c.threads - 1)) {
            const bool memory = made->team != NULL;
            release(&c.allocator, made->team);
            release(&c.allocator, made);
            return memory ? lstm__fail(LSTM_ERR_UNSUPPORTED, "lstm_context_create: %zu threads cannot be started",
                                       c.threads)
                          : lstm__fail_memory("lstm_context_create");
        }
        made->executor.user = made->team;
        made->executor.run = run_on_team;
    }
    *context = made;
    return LSTM_OK;
}

void lstm__context_retain(lstm_context *context)
{
    if (context)
        atomic_fetch_add(&context->references, 1);
}

void lstm_context_destroy(lstm_context *context)
{
    if (!context || atomic_fetch_sub(&context->references, 1) > 1)
        return;
    lstm_allocator allocator = context->allocator;
    lstm__team_stop(context->team);
    release(&allocator, context->team);
    release(&allocator, context);
}

size_t lstm_context_threads(const lstm_context *context)
{
    return context ? context->executor.concurrency : 1;
}

const lstm__kernels *lstm__context_kernels(const lstm_context *context)
{
    return context ? context->kernels : lstm__kernels_select(LSTM_ISA_BEST);
}

const char *lstm_context_isa_name(const lstm_context *context)
{
    return lstm__context_kernels(context)->name;
}

void *lstm__allocate(lstm_context *context, size_t count, size_t size)
{
    static const lstm_allocator c_library = {0};
    size_t bytes;
    if (!lstm__multiply(count, size, &bytes))
        return NULL;
    void *memory = allocate(context ? &context->allocator : &c_library, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

void lstm__release(lstm_context *context, void *memory)
{
    static const lstm_allocator c_library = {0};
    release(context ? &context->allocator : &c_library, memory);
}

lstm_status lstm__take_memory(const char *function, lstm_context *context, void *memory, size_t memory_size,
                              size_t bytes, void **taken)
{
    if (memory && (uintptr_t)memory % LSTM__ALIGNMENT)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: memory is not aligned to %d bytes", function,
                          LSTM__ALIGNMENT);
    if (memory && memory_size < bytes)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: memory_size is %zu, expected at least %zu", function, memory_size,
                          bytes);
    *taken = memory ? memset(memory, 0, bytes) : lstm__allocate(context, bytes, 1);
    return *taken ? LSTM_OK : lstm__fail_memory(function);
}

void *lstm__grow(lstm_context *context, void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    size_t doubled = *capacity ? 2 * *capacity : 8;
    void *larger = lstm__allocate(context, doubled, size);
    if (!larger)
        return NULL;
    if (count)
        memcpy(larger, array, count * size);
    lstm__release(context, array);
    *capacity = doubled;
    return larger;
}

size_t lstm__lanes(const lstm_context *context, size_t items)
{
    size_t threads = lstm_context_threads(context);
    return items < threads ? items : threads;
}

void lstm__context_run(lstm_context *context, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    context->executor.run(context->executor.user, tasks, task, arg);
}

typedef struct parallel_work {
    atomic_size_t next;
    size_t items;
    void (*item)(void *arg, size_t k, size_t lane);
    void *arg;
} parallel_work;

static void run_lane(void *arg, size_t lane)
{
    parallel_work *work = arg;
    for (size_t k; (k = atomic_fetch_add(&work->next, 1)) < work->items;)
        work->item(work->arg, k, lane);
}

void lstm__parallel(lstm_context *context, size_t items, double operations,
                    void (*item)(void *arg, size_t k, size_t lane), void *arg)
{
    size_t lanes = lstm__lanes(context, items);
    if (lanes <= 1 || operations < worth_a_thread) {
        for (size_t k = 0; k < items; k++)
            item(arg, k, 0);
        return;
    }
    parallel_work work = {.items = items, .item = item, .arg = arg};
    atomic_init(&work.next, 0);
    lstm__context_run(context, lanes, run_lane, &work);
}
