/* Hot paths under watch: the allocator, locks and the C library's doors to the system are replaced by functions that note a
 * call while they are armed, and the process may make no system call: seccomp kills it if it does. Prints TAP. */
#define _GNU_SOURCE
#include <lstm/lstm.h>

#include <stdio.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#if !defined(__linux__) || !defined(__GLIBC__) || defined(SANITIZED)

int main(void)
{
    puts("ok 1 - hot paths under watch # SKIP needs Linux and glibc, and no sanitizer\n1..1");
    return 0;
}

#else

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- the watch ---- */

/* Shared with the child that runs armed. */
typedef struct watch {
    volatile bool armed;
    volatile size_t calls;
    char first[32];
    char message[256]; /* why a function of the library failed */
} watch;

static watch before_main, *watched = &before_main;

static void note(const char *name)
{
    if (watched->armed && !watched->calls++)
        strncpy(watched->first, name, sizeof watched->first - 1);
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

void *malloc(size_t size)
{
    note("malloc");
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    note("calloc");
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    note("realloc");
    return __libc_realloc(memory, size);
}

void free(void *memory)
{
    note("free");
    __libc_free(memory);
}

void *memalign(size_t alignment, size_t size)
{
    note("memalign");
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    note("aligned_alloc");
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    note("posix_memalign");
    *memory = __libc_memalign(alignment, size);
    return !*memory;
}

/* All others pass on to the C library's. */
#define WATCH(type, name, parameters, arguments)                                                                       \
    type name parameters                                                                                               \
    {                                                                                                                  \
        static type(*next) parameters;                                                                                 \
        note(#name);                                                                                                   \
        if (!next)                                                                                                     \
            *(void **)&next = dlsym(RTLD_NEXT, #name);                                                                 \
        return next arguments;                                                                                         \
    }

WATCH(int, pthread_mutex_lock, (pthread_mutex_t * m), (m))
WATCH(int, pthread_mutex_trylock, (pthread_mutex_t * m), (m))
WATCH(int, pthread_mutex_unlock, (pthread_mutex_t * m), (m))
WATCH(int, pthread_cond_wait, (pthread_cond_t * c, pthread_mutex_t *m), (c, m))
WATCH(int, pthread_cond_signal, (pthread_cond_t * c), (c))
WATCH(int, pthread_cond_broadcast, (pthread_cond_t * c), (c))
WATCH(int, pthread_rwlock_rdlock, (pthread_rwlock_t * l), (l))
WATCH(int, pthread_rwlock_wrlock, (pthread_rwlock_t * l), (l))
WATCH(int, pthread_spin_lock, (pthread_spinlock_t * l), (l))
WATCH(int, pthread_once, (pthread_once_t * o, void (*f)(void)), (o, f))
WATCH(int, pthread_create, (pthread_t * t, const pthread_attr_t *a, void *(*f)(void *), void *arg), (t, a, f, arg))
WATCH(int, sem_wait, (sem_t * s), (s))
WATCH(int, sem_post, (sem_t * s), (s))
WATCH(ssize_t, read, (int file, void *bytes, size_t size), (file, bytes, size))
WATCH(ssize_t, write, (int file, const void *bytes, size_t size), (file, bytes, size))
WATCH(int, close, (int file), (file))
WATCH(void *, mmap, (void *at, size_t size, int protection, int flags, int file, off_t offset),
      (at, size, protection, flags, file, offset))
WATCH(int, munmap, (void *at, size_t size), (at, size))
WATCH(int, mprotect, (void *at, size_t size, int protection), (at, size, protection))
WATCH(int, madvise, (void *at, size_t size, int advice), (at, size, advice))
WATCH(int, brk, (void *end), (end))
WATCH(void *, sbrk, (intptr_t more), (more))
WATCH(int, clock_gettime, (clockid_t id, struct timespec *now), (id, now))
WATCH(int, gettimeofday, (struct timeval * now, void *zone), (now, zone))
WATCH(time_t, time, (time_t * now), (now))
WATCH(int, nanosleep, (const struct timespec *t, struct timespec *left), (t, left))
WATCH(int, usleep, (useconds_t t), (t))
WATCH(int, sched_yield, (void), ())
WATCH(char *, getenv, (const char *name), (name))

/* Libraries call these before main. */
static long enter(long number, const long a[6])
{
    static long (*next)(long number, ...);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

long syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int k = 0; k < 6; k++)
        a[k] = va_arg(list, long);
    va_end(list);
    note("syscall");
    return enter(number, a);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    const long a[6] = {AT_FDCWD, (long)path, flags, flags & O_CREAT ? va_arg(list, int) : 0};
    va_end(list);
    note("open");
    return (int)enter(SYS_openat, a);
}

/* ---- what is to be watched ---- */

enum { INPUT = 4, UNITS = 16, CLASSES = 5, BATCH = 16, TIME = 10, MILLION = 1000000 };

static float signal_at(size_t t)
{
    return (float)((t * 7919) % 1000) * 0.002f - 1.0f;
}

/* Everything is made before the watch is armed. */
typedef struct hot_path {
    size_t steps;
    lstm_status (*run)(const struct hot_path *path);
    lstm_params *weights, *frozen, *grads;
    lstm_rnn *rnn;
    lstm_stream *stream, *fork;
    lstm_model *model;
    lstm_model_stream *whole, *whole_fork;
    lstm_tape *tape;
    lstm_model_tape *whole_tape;
    lstm_dense *dense;
    lstm_optimizer *adam;
    float *x;
} hot_path;

static lstm_status run_stream(const hot_path *p)
{
    float x[INPUT], y[UNITS];
    unsigned char bytes[1024];
    const size_t one = 1;
    lstm_status status = LSTM_OK;
    for (size_t t = 0; t < p->steps && !status; t++) {
        for (size_t k = 0; k < INPUT; k++)
            x[k] = signal_at(t + k);
        status = lstm_stream_run(p->stream, 1, x, y);
        if (t % 1000 || status)
            continue;
        if ((status = lstm_stream_run_ragged(p->stream, 1, &one, x, y)) ||
            (status = lstm_stream_copy(p->stream, p->fork)) ||
            (status = lstm_stream_save(p->stream, bytes, sizeof bytes)) || (status = lstm_stream_reset(p->stream)) ||
            (status = lstm_stream_reset_row(p->stream, 0)))
            break;
        status = lstm_stream_restore(p->stream, bytes, lstm_stream_save_size(p->stream));
    }
    return status;
}

static lstm_status run_model(const hot_path *p)
{
    float x[INPUT], y[CLASSES];
    unsigned char bytes[1024];
    const size_t one = 1;
    lstm_status status = LSTM_OK;
    for (size_t t = 0; t < p->steps && !status; t++) {
        for (size_t k = 0; k < INPUT; k++)
            x[k] = signal_at(t + k);
        status = lstm_model_stream_run(p->whole, 1, NULL, x, y);
        if (t % 1000 || status)
            continue;
        if ((status = lstm_model_stream_run(p->whole, 1, &one, x, y)) ||
            (status = lstm_model_stream_copy(p->whole, p->whole_fork)) ||
            (status = lstm_model_stream_save(p->whole, bytes, sizeof bytes)) ||
            (status = lstm_model_stream_reset(p->whole)))
            break;
        status = lstm_model_stream_restore(p->whole, bytes, lstm_model_stream_save_size(p->whole));
    }
    return status;
}

static lstm_status run_training(const hot_path *p)
{
    float h[BATCH * UNITS], dh[BATCH * UNITS], logits[BATCH * CLASSES], d_logits[BATCH * CLASSES], loss;
    float labels[BATCH * CLASSES] = {0};
    for (size_t row = 0; row < BATCH; row++)
        labels[row * CLASSES + row % CLASSES] = 1.0f;
    lstm_status status = LSTM_OK;
    for (size_t t = 0; t < p->steps && !status; t++) {
        const lstm_dynamic_rnn_args args = {
            .struct_size = sizeof args, .batch = BATCH, .time = TIME, .inputs = p->x, .last_output = h};
        const lstm_dynamic_rnn_grads grads = {.struct_size = sizeof grads, .d_last_output = dh, .d_params = p->grads};
        if ((status = lstm_dynamic_rnn(p->tape, p->weights, &args)) ||
            (status = lstm_dense_forward(p->dense, p->weights, BATCH, h, logits)) ||
            (status = lstm_softmax_cross_entropy(NULL, NULL, BATCH, CLASSES, logits, labels, d_logits, &loss)))
            break;
        lstm_params_zero(p->grads);
        if ((status = lstm_dense_backward(p->dense, p->weights, BATCH, h, logits, d_logits, p->grads, dh)) ||
            (status = lstm_dynamic_rnn_backward(p->tape, p->weights, &grads)))
            break;
        if (!(status = lstm_clip_by_global_norm(p->grads, 1.0f, NULL)))
            status = lstm_optimizer_apply(p->adam, p->weights, p->grads);
    }
    return status;
}

static lstm_status run_model_training(const hot_path *p)
{
    float y[BATCH * CLASSES];
    lstm_status status = LSTM_OK;
    for (size_t t = 0; t < p->steps && !status; t++) {
        const lstm_model_args args = {
            .struct_size = sizeof args, .batch = BATCH, .time = TIME, .inputs = p->x, .outputs = y};
        const lstm_model_grads grads = {.struct_size = sizeof grads, .d_outputs = y, .d_params = p->grads};
        if (!(status = lstm_model_run(p->whole_tape, p->weights, &args)))
            status = lstm_model_backward(p->whole_tape, p->weights, &grads);
    }
    return status;
}

static lstm_status next_input(void *user, size_t time, size_t first_row, size_t rows, const float *output,
                              const float *const *state, float *input, bool *finished)
{
    const hot_path *p = user;
    (void)output;
    (void)state;
    memcpy(input, p->x + (first_row * TIME + time) * INPUT, rows * INPUT * sizeof *input);
    finished[0] = time == TIME / 2;
    return LSTM_OK;
}

static lstm_status run_raw_training(const hot_path *p)
{
    float h[BATCH * TIME * UNITS];
    const lstm_raw_loop loop = {.struct_size = sizeof loop, .user = (void *)(uintptr_t)p, .next = next_input};
    lstm_status status = LSTM_OK;
    for (size_t t = 0; t < p->steps && !status; t++) {
        const lstm_raw_rnn_args args = {.struct_size = sizeof args, .batch = BATCH, .max_time = TIME, .outputs = h};
        const lstm_raw_rnn_grads grads = {.struct_size = sizeof grads, .d_outputs = h, .d_params = p->grads};
        if (!(status = lstm_raw_rnn(p->tape, p->weights, &loop, &args)))
            status = lstm_raw_rnn_backward(p->tape, p->weights, &loop, &grads);
    }
    return status;
}

/* Controls: each does what the watch is there to find. */
static void *volatile kept;

static lstm_status allocate(const hot_path *p)
{
    (void)p;
    kept = malloc(1);
    free(kept);
    return LSTM_OK;
}

static lstm_status create_in_the_library(const hot_path *p)
{
    lstm_stream *stream;
    lstm_status status = lstm_stream_create(p->rnn, p->frozen, NULL, &stream);
    if (!status)
        lstm_stream_destroy(stream);
    return status;
}

static lstm_status lock(const hot_path *p)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    (void)p;
    return pthread_mutex_lock(&mutex) || pthread_mutex_unlock(&mutex) ? LSTM_ERR_STATE : LSTM_OK;
}

static lstm_status enter_the_kernel(const hot_path *p)
{
    (void)p;
    enter(SYS_getpid, (const long[6]){0});
    return LSTM_OK;
}

/* ---- setting up ---- */

static void must(lstm_status status)
{
    if (!status)
        return;
    printf("Bail out! %s\n", lstm_error_message());
    exit(1);
}

static const char *const cells[] = {"basic_rnn",
                                    "basic_lstm",
                                    "lstm",
                                    "lstm with everything",
                                    "gru",
                                    "cudnn_compatible_gru",
                                    "layer_norm_basic_lstm",
                                    "coupled_input_forget_lstm",
                                    "dropout around residual around two gru"};
enum { CELLS = sizeof cells / sizeof *cells, LSTM = 2 };

static lstm_cell *wrapped(void)
{
    lstm_cell *gru, *stack, *residual, *made;
    must(lstm_cell_create_gru(NULL, INPUT, NULL, &gru));
    must(lstm_cell_create_multi_rnn(NULL, (lstm_cell *[]){gru, gru}, 2, &stack));
    must(lstm_cell_create_residual(NULL, stack, &residual));
    must(lstm_cell_create_dropout(NULL, residual, LSTM_ARGS(lstm_dropout_config, .output_keep_prob = 0.5f), &made));
    lstm_cell_destroy(gru);
    lstm_cell_destroy(stack);
    lstm_cell_destroy(residual);
    return made;
}

static lstm_cell *make_cell(size_t kind)
{
    lstm_cell *made = NULL;
    switch (kind) {
    case 0: must(lstm_cell_create_basic_rnn(NULL, UNITS, NULL, &made)); break;
    case 1: must(lstm_cell_create_basic_lstm(NULL, UNITS, NULL, &made)); break;
    case LSTM: must(lstm_cell_create_lstm(NULL, UNITS, NULL, &made)); break;
    case 3:
        must(lstm_cell_create_lstm(
            NULL, UNITS,
            LSTM_ARGS(lstm_lstm_config, .use_peepholes = true, .cell_clip = 3.0f, .num_proj = 7, .proj_clip = 1.0f),
            &made));
        break;
    case 4: must(lstm_cell_create_gru(NULL, UNITS, NULL, &made)); break;
    case 5: must(lstm_cell_create_cudnn_compatible_gru(NULL, UNITS, NULL, &made)); break;
    case 6: must(lstm_cell_create_layer_norm_basic_lstm(NULL, UNITS, NULL, &made)); break;
    case 7: must(lstm_cell_create_coupled_input_forget_lstm(NULL, UNITS, NULL, &made)); break;
    default: made = wrapped(); break;
    }
    return made;
}

static hot_path stream_path(size_t kind)
{
    hot_path p = {.steps = kind == LSTM ? MILLION : MILLION / 10, .run = run_stream};
    lstm_cell *cell = make_cell(kind);
    must(lstm_params_create(NULL, &p.weights));
    must(lstm_rnn_create(p.weights, NULL, cell, INPUT, NULL, &p.rnn));
    must(lstm_params_initialize(p.weights, 1));
    must(lstm_params_freeze(p.weights, NULL, &p.frozen));
    must(lstm_stream_create(p.rnn, p.frozen, NULL, &p.stream));
    must(lstm_stream_create(p.rnn, p.frozen, NULL, &p.fork));
    lstm_cell_destroy(cell);
    return p;
}

/* What training takes beside the network: gradients and inputs. */
static void add_training(hot_path *p)
{
    must(lstm_params_create_like(p->weights, &p->grads));
    p->x = malloc(BATCH * TIME * INPUT * sizeof *p->x);
    for (size_t k = 0; p->x && k < BATCH * TIME * INPUT; k++)
        p->x[k] = signal_at(k);
}

static hot_path model_path(void)
{
    hot_path p = {.steps = MILLION, .run = run_model};
    must(lstm_params_create(NULL, &p.weights));
    must(lstm_model_create(p.weights,
                           "{\"input_size\": 4, \"layers\": [{\"type\": \"rnn\", \"return\": \"last\", \"cell\": "
                           "{\"type\": \"lstm\", \"num_units\": 16}}, {\"type\": \"dense\", \"units\": 5, "
                           "\"activation\": \"softmax\"}]}",
                           &p.model));
    must(lstm_params_initialize(p.weights, 1));
    must(lstm_params_freeze(p.weights, NULL, &p.frozen));
    must(lstm_model_stream_create(p.model, p.frozen, NULL, &p.whole));
    must(lstm_model_stream_create(p.model, p.frozen, NULL, &p.whole_fork));
    return p;
}

static hot_path model_training_path(void)
{
    hot_path p = model_path();
    p.steps = 1000;
    p.run = run_model_training;
    must(lstm_model_tape_create(p.model, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME),
                                &p.whole_tape));
    add_training(&p);
    return p;
}

static hot_path training_path(lstm_status (*run)(const hot_path *path))
{
    hot_path p = {.steps = 1000, .run = run};
    lstm_cell *cell = make_cell(LSTM);
    must(lstm_params_create(NULL, &p.weights));
    must(lstm_rnn_create(p.weights, NULL, cell, INPUT, NULL, &p.rnn));
    must(lstm_dense_create(p.weights, NULL, UNITS, CLASSES, NULL, &p.dense));
    must(lstm_params_initialize(p.weights, 1));
    must(lstm_tape_create(p.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME), &p.tape));
    must(lstm_optimizer_create_adam(NULL, p.weights, NULL, &p.adam));
    add_training(&p);
    lstm_cell_destroy(cell);
    return p;
}

static void drop(hot_path *p)
{
    lstm_stream_destroy(p->stream);
    lstm_stream_destroy(p->fork);
    lstm_model_stream_destroy(p->whole);
    lstm_model_stream_destroy(p->whole_fork);
    lstm_tape_destroy(p->tape);
    lstm_model_tape_destroy(p->whole_tape);
    lstm_optimizer_destroy(p->adam);
    lstm_dense_destroy(p->dense);
    lstm_rnn_destroy(p->rnn);
    lstm_model_destroy(p->model);
    lstm_params_destroy(p->weights);
    lstm_params_destroy(p->frozen);
    lstm_params_destroy(p->grads);
    free(p->x);
}

/* ---- running it ---- */

typedef enum outcome { QUIET, CALLED, SYSTEM_CALL, FAILED } outcome;

/* Run a path in a child, armed; strict: seccomp leaves it nothing but read, write and exit. */
static outcome run_armed(const hot_path *p, bool strict)
{
    watched->calls = 0;
    memset(watched->first, 0, sizeof watched->first);
    fflush(stdout);
    const pid_t child = fork();
    if (child < 0)
        return FAILED;
    if (!child) {
        if (strict && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
            enter(SYS_exit, (const long[6]){3});
        watched->armed = true;
        const lstm_status status = p->run(p);
        watched->armed = false;
        if (status)
            snprintf(watched->message, sizeof watched->message, "%s", lstm_error_message());
        enter(SYS_exit, (const long[6]){status ? 2 : 0});
    }
    int ended;
    const bool waited = waitpid(child, &ended, 0) == child;
    watched->armed = false; /* a child that was killed has left it so */
    if (!waited)
        return FAILED;
    if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL)
        return SYSTEM_CALL;
    if (!WIFEXITED(ended) || WEXITSTATUS(ended))
        return FAILED;
    return watched->calls ? CALLED : QUIET;
}

static int number, failures;

static void report(bool good, const char *what, const char *which)
{
    printf("%s %d - %s%s\n", good ? "ok" : "not ok", ++number, what, which);
    failures += !good;
}

static void check_quiet(hot_path p, bool strict, const char *what, const char *which)
{
    const outcome seen = run_armed(&p, strict);
    report(seen == QUIET, what, which);
    if (seen == CALLED)
        printf("# %zu calls, the first of %s\n", watched->calls, watched->first);
    else if (seen != QUIET)
        printf("# %s %s\n", seen == SYSTEM_CALL ? "a system call" : "it failed:", watched->message);
    drop(&p);
}

/* The watch finds what it is there to find. */
static void check_controls(bool strict)
{
    hot_path p = stream_path(LSTM);
    p.run = allocate;
    report(run_armed(&p, false) == CALLED && !strcmp(watched->first, "malloc"), "control: malloc is seen", "");
    p.run = create_in_the_library;
    report(run_armed(&p, false) == CALLED && strstr(watched->first, "align"), "control: the library's is seen", "");
    p.run = lock;
    report(run_armed(&p, false) == CALLED && !strcmp(watched->first, "pthread_mutex_lock"), "control: a lock is seen",
           "");
    p.run = enter_the_kernel;
    if (strict)
        report(run_armed(&p, true) == SYSTEM_CALL, "control: a system call is seen", "");
    drop(&p);
}

/* ---- what a decaying state costs ---- */

enum { RATE = 48000, SECONDS = 60, BLOCK = 480, BLOCKS = SECONDS * RATE / BLOCK };

static int in_order(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double seconds_of(lstm_stream *stream, size_t first, float loudness)
{
    struct timespec begin, end;
    float x[INPUT], y[UNITS];
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (size_t t = first; t < first + BLOCK; t++) {
        for (size_t k = 0; k < INPUT; k++)
            x[k] = loudness * signal_at(t + k);
        must(lstm_stream_run(stream, 1, x, y));
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}

/* A minute of audio, block by block in turn: noise, and silence behind a second of noise while the state decays by some
 * 1 / 20,000 a step. Medians, for the machine does other things as well; for the reader: time is no criterion, and an
 * emulator's tells nothing. */
static void tell_decay(void)
{
    hot_path p = {0};
    lstm_cell *cell;
    must(lstm_cell_create_lstm(NULL, UNITS, LSTM_ARGS(lstm_lstm_config, .forget_bias = LSTM_VALUE(10.0f)), &cell));
    must(lstm_params_create(NULL, &p.weights));
    must(lstm_rnn_create(p.weights, NULL, cell, INPUT, NULL, &p.rnn));
    must(lstm_params_initialize(p.weights, 1));
    size_t count;
    float *weights = lstm_params_edit(p.weights, &count);
    for (size_t k = 0; k < count; k++)
        weights[k] *= 1e-5f; /* so that outputs do not feed the state */
    must(lstm_params_freeze(p.weights, NULL, &p.frozen));
    must(lstm_stream_create(p.rnn, p.frozen, NULL, &p.stream));
    must(lstm_stream_create(p.rnn, p.frozen, NULL, &p.fork));
    static double noise[BLOCKS], ratio[BLOCKS];
    size_t decaying = 0;
    for (size_t k = 0; k < BLOCKS; k++) {
        noise[k] = seconds_of(p.stream, k * BLOCK, 1.0f);
        ratio[k] = seconds_of(p.fork, k * BLOCK, k < RATE / BLOCK ? 1.0f : 0.0f) / noise[k];
        decaying += lstm_stream_state(p.fork, 0)[0] != 0.0f;
    }
    qsort(noise, BLOCKS, sizeof *noise, in_order);
    qsort(ratio, decaying, sizeof *ratio, in_order);
    qsort(ratio + decaying, BLOCKS - decaying, sizeof *ratio, in_order);
    printf(
        "# a step of noise takes %.0f ns; %.3f times that while a state decays, for %.0f s; %.3f times when it is 0\n",
        noise[BLOCKS / 2] / BLOCK * 1e9, ratio[decaying / 2], (double)decaying * BLOCK / RATE,
        ratio[decaying + (BLOCKS - decaying) / 2]);
    lstm_cell_destroy(cell);
    drop(&p);
}

static lstm_status do_nothing(const hot_path *p)
{
    (void)p;
    return LSTM_OK;
}

int main(void)
{
    enter(SYS_getpid, (const long[6]){0}); /* so that it has been looked up */
    watch *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    watched = shared;
    const bool strict = run_armed(&(hot_path){.run = do_nothing}, true) == QUIET;
    if (!strict)
        puts("# no seccomp here: system calls are seen only where the C library makes them");
    check_controls(strict);
    for (size_t kind = 0; kind < CELLS; kind++)
        check_quiet(stream_path(kind), strict, "no allocation, lock or system call in streams: ", cells[kind]);
    check_quiet(model_path(), strict, "no allocation, lock or system call in a million steps of a model", "");
    check_quiet(training_path(run_training), strict, "no allocation, lock or system call in training", "");
    check_quiet(training_path(run_raw_training), strict, "no allocation, lock or system call in training by a raw loop",
                "");
    check_quiet(model_training_path(), strict, "no allocation, lock or system call in the training of a model", "");
    if (strict)
        tell_decay();
    printf("1..%d\n", number);
    return failures > 0;
}

#endif
