/* Streams without end over models that are swapped under them. Usage: load SECONDS FOLDER [STREAMS [THREADS]]
 *
 * One thread trains, saves a checkpoint of every few steps, opens its file, compares the weights, and gives them to all others
 * instead of the last ones. The others run streams, each of which takes the latest weights when it starts anew; its outputs
 * are compared with those of a whole sequence. Prints the process's memory over time; the last line has all figures. */
#define _POSIX_C_SOURCE 200809L
#include <lstm/lstm.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { INPUT = 4, OUTPUT = 5, LENGTH = 64, KINDS = 16, BATCH = 8, STEPS = 20, KEEP = 3, MOST_THREADS = 64 };

static const char graph[] =
    "{\"input_size\": 4, \"layers\": [{\"type\": \"rnn\", \"cell\": {\"type\": \"multi_rnn\", \"cells\": "
    "[{\"type\": \"lstm\", \"num_units\": 16}, {\"type\": \"gru\", \"num_units\": 16}]}}, {\"type\": "
    "\"dense\", \"units\": 5, \"activation\": \"softmax\"}]}";

/* A sequence of each kind. */
static float sequences[KINDS][LENGTH][INPUT];
static const char *folder;
static atomic_bool over;
static atomic_size_t steps_done, differences;

static void must(lstm_status status)
{
    if (!status)
        return;
    fprintf(stderr, "load: %s\n", lstm_error_message());
    exit(EXIT_FAILURE);
}

static void *must_have(void *memory)
{
    if (memory)
        return memory;
    fprintf(stderr, "load: out of memory\n");
    exit(EXIT_FAILURE);
}

static uint64_t mix(uint64_t hash, const float *values, size_t count)
{
    uint32_t bits;
    for (size_t k = 0; k < count; k++) {
        memcpy(&bits, &values[k], sizeof bits);
        hash = (hash ^ bits) * 1099511628211u;
    }
    return hash;
}

/* ---- the weights of the day ---- */

typedef struct version {
    lstm_model *model;
    lstm_params *frozen;
    uint64_t number, expected[KINDS]; /* expected: of each sequence's outputs */
} version;

static version latest;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint_fast64_t latest_number;

static void publish(lstm_model *model, lstm_params *params)
{
    static float y[LENGTH * OUTPUT];
    version next = {.model = model, .number = latest.number + 1}, before;
    lstm_model_stream *whole;
    must(lstm_params_freeze(params, NULL, &next.frozen));
    must(lstm_model_stream_create(model, next.frozen, LSTM_ARGS(lstm_stream_config, .max_steps = LENGTH), &whole));
    for (size_t kind = 0; kind < KINDS; kind++) {
        must(lstm_model_stream_reset(whole));
        must(lstm_model_stream_run(whole, LENGTH, NULL, sequences[kind][0], y));
        next.expected[kind] = mix(0, y, LENGTH * OUTPUT);
    }
    lstm_model_stream_destroy(whole);
    pthread_mutex_lock(&lock);
    before = latest;
    latest = next;
    atomic_store(&latest_number, next.number);
    pthread_mutex_unlock(&lock);
    lstm_params_destroy(before.frozen);
    lstm_model_destroy(before.model);
}

/* ---- streams ---- */

typedef struct one_stream {
    lstm_model_stream *stream;
    void *memory; /* the caller's; NULL: the stream has its own */
    uint64_t number, expected, found;
    size_t kind, at, chunk;
} one_stream;

typedef struct share {
    pthread_t thread;
    one_stream *streams;
    size_t first, count;
} share;

static void start(one_stream *s)
{
    if (s->number == atomic_load(&latest_number)) {
        must(lstm_model_stream_reset(s->stream));
    } else {
        size_t bytes, alignment;
        lstm_stream_config config = {.struct_size = sizeof config, .max_steps = s->chunk};
        lstm_model_stream_destroy(s->stream);
        pthread_mutex_lock(&lock);
        must(lstm_model_stream_size(latest.model, &config, &bytes, &alignment));
        if (s->chunk > 1) { /* every other one */
            if (!s->memory && posix_memalign(&s->memory, alignment, bytes))
                must_have(NULL);
            config.memory = s->memory;
            config.memory_size = bytes;
        }
        must(lstm_model_stream_create(latest.model, latest.frozen, &config, &s->stream));
        s->number = latest.number;
        s->expected = latest.expected[s->kind];
        pthread_mutex_unlock(&lock);
    }
    s->at = 0;
    s->found = 0;
}

static void go_on(one_stream *s)
{
    float y[4 * OUTPUT];
    must(lstm_model_stream_run(s->stream, s->chunk, NULL, sequences[s->kind][s->at], y));
    s->found = mix(s->found, y, s->chunk * OUTPUT);
    s->at += s->chunk;
    if (s->at < LENGTH)
        return;
    if (s->found != s->expected)
        atomic_fetch_add(&differences, 1);
    start(s);
}

static void *run_streams(void *argument)
{
    share *mine = argument;
    mine->streams = must_have(calloc(mine->count, sizeof *mine->streams));
    for (size_t k = 0; k < mine->count; k++) {
        one_stream *s = &mine->streams[k];
        s->kind = (mine->first + k) % KINDS;
        s->chunk = (mine->first + k) % 2 ? 4 : 1;
        start(s);
    }
    while (!atomic_load(&over)) {
        size_t done = 0;
        for (size_t k = 0; k < mine->count; k++) {
            go_on(&mine->streams[k]);
            done += mine->streams[k].chunk;
        }
        atomic_fetch_add(&steps_done, done);
    }
    for (size_t k = 0; k < mine->count; k++) {
        lstm_model_stream_destroy(mine->streams[k].stream);
        free(mine->streams[k].memory);
    }
    free(mine->streams);
    return NULL;
}

/* ---- training ---- */

typedef struct training {
    lstm_context *context;
    lstm_params *weights, *grads;
    lstm_model *model;
    lstm_model_tape *tape;
    lstm_optimizer *adam;
    lstm_checkpoint *checkpoint;
    uint64_t step;
    char prefix[4096];
} training;

static void begin(training *t)
{
    must(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = 2), &t->context));
    must(lstm_params_create(t->context, &t->weights));
    must(lstm_model_create(t->weights, graph, &t->model));
    must(lstm_params_initialize(t->weights, 1));
    must(lstm_params_create_like(t->weights, &t->grads));
    must(lstm_model_tape_create(t->model, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = LENGTH),
                                &t->tape));
    must(lstm_optimizer_create_adam(t->context, t->weights, NULL, &t->adam));
    must(lstm_checkpoint_create(t->context, &t->checkpoint));
    must(lstm_checkpoint_add_model(t->checkpoint, t->model, t->weights));
    must(lstm_checkpoint_add_optimizer(t->checkpoint, t->adam));
    must(lstm_checkpoint_add_u64(t->checkpoint, "step", &t->step, 1));
    snprintf(t->prefix, sizeof t->prefix, "%s/load", folder);
}

static void end(training *t)
{
    lstm_checkpoint_destroy(t->checkpoint);
    lstm_optimizer_destroy(t->adam);
    lstm_model_tape_destroy(t->tape);
    lstm_model_destroy(t->model);
    lstm_params_destroy(t->grads);
    lstm_params_destroy(t->weights);
    lstm_context_destroy(t->context);
}

/* To tell the next input's place in its sequence from the outputs is as good a task as any. */
static void train(training *t)
{
    static float y[BATCH * LENGTH * OUTPUT], d_y[BATCH * LENGTH * OUTPUT];
    static size_t labels[BATCH * LENGTH];
    const float *x = sequences[t->step % (KINDS - BATCH + 1)][0];
    for (size_t k = 0; k < BATCH * LENGTH; k++)
        labels[k] = (size_t)((k + t->step) % OUTPUT);
    must(lstm_model_run(
        t->tape, t->weights,
        LSTM_ARGS(lstm_model_args, .batch = BATCH, .time = LENGTH, .inputs = x, .outputs = y, .logits = true)));
    must(lstm_sparse_softmax_cross_entropy(t->context, NULL, BATCH * LENGTH, OUTPUT, y, labels, d_y, NULL));
    lstm_params_zero(t->grads);
    must(lstm_model_backward(t->tape, t->weights, LSTM_ARGS(lstm_model_grads, .d_outputs = d_y, .d_params = t->grads)));
    must(lstm_optimizer_apply(t->adam, t->weights, t->grads));
    t->step++;
}

/* Save, and load and open what was saved: it is the same. */
static void save_and_open(training *t)
{
    char path[sizeof t->prefix + 64];
    lstm_model *model;
    lstm_params *params;
    size_t count;
    uint64_t step;
    const float *weights = lstm_params_data(t->weights, &count);
    const uint64_t trained = mix(t->step, weights, count);
    must(lstm_checkpoint_save_step(t->checkpoint, t->prefix, t->step, KEEP));
    lstm_params_zero(t->weights);
    must(lstm_checkpoint_load_latest(t->checkpoint, t->prefix, &step));
    snprintf(path, sizeof path, "%s-%" PRIu64 ".safetensors", t->prefix, t->step);
    must(lstm_model_open(NULL, path, &model, &params));
    if (mix(step, weights, count) != trained || mix(step, lstm_params_data(params, NULL), count) != trained)
        atomic_fetch_add(&differences, 1);
    publish(model, params);
    lstm_params_destroy(params);
}

static void *run_training(void *argument)
{
    training *t = argument;
    const struct timespec pause = {.tv_nsec = 20000000};
    while (!atomic_load(&over)) {
        for (size_t k = 0; k < STEPS; k++)
            train(t);
        save_and_open(t);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* ---- memory ---- */

/* MB that the process has in memory; 0 if the system does not say. */
static double resident(void)
{
    unsigned long all, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%lu %lu", &all, &pages) != 2) /* NOLINT(cert-err34-c): the kernel's numbers fit */
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static double mean(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t k = 0; k < count; k++)
        /* watch has written one each second. NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
        sum += values[k];
    return sum / (double)count;
}

/* Wait, looking at the memory every second; the growth from the second fifth of the time to the last, in MB. */
static double watch(size_t seconds, double *end_of_it)
{
    double *memory = must_have(malloc(seconds * sizeof *memory));
    const size_t tell = seconds < 20 ? 1 : seconds / 20, fifth = seconds / 5 ? seconds / 5 : 1;
    for (size_t k = 0; k < seconds; k++) {
        sleep(1);
        memory[k] = resident();
        if (k % tell == 0)
            printf("# %zu s: %.1f MB, %zu steps, version %" PRIuFAST64 "\n", k + 1, memory[k], atomic_load(&steps_done),
                   atomic_load(&latest_number));
        fflush(stdout);
    }
    *end_of_it = mean(memory + seconds - fifth, fifth);
    const double growth = *end_of_it - mean(memory + (seconds > fifth ? fifth : 0), fifth);
    free(memory);
    return growth;
}

static size_t number(int count, char **arguments, int place, size_t otherwise)
{
    return count > place ? strtoul(arguments[place], NULL, 10) : otherwise;
}

int main(int count, char **arguments)
{
    static share shares[MOST_THREADS];
    static training t;
    pthread_t trainer;
    const size_t seconds = number(count, arguments, 1, 0), streams = number(count, arguments, 3, 10000);
    const size_t threads = number(count, arguments, 4, 4);
    if (count < 3 || !seconds || !threads || threads > MOST_THREADS) {
        fprintf(stderr, "usage: load SECONDS FOLDER [STREAMS [THREADS]]\n");
        return EXIT_FAILURE;
    }
    folder = arguments[2];
    const lstm_random random = lstm_random_named(1, "load");
    lstm_random_uniform(&random, 0, sizeof sequences / sizeof(float), -1.0f, 1.0f, sequences[0][0]);
    begin(&t);
    save_and_open(&t);
    bool started = !pthread_create(&trainer, NULL, run_training, &t);
    for (size_t k = 0; k < threads && started; k++) {
        shares[k].first = streams * k / threads;
        shares[k].count = streams * (k + 1) / threads - shares[k].first;
        started = !pthread_create(&shares[k].thread, NULL, run_streams, &shares[k]);
    }
    if (!started)
        return EXIT_FAILURE;
    double memory;
    const double growth = watch(seconds, &memory);
    atomic_store(&over, true);
    pthread_join(trainer, NULL);
    for (size_t k = 0; k < threads; k++)
        pthread_join(shares[k].thread, NULL);
    const uint64_t swapped = latest.number;
    lstm_params_destroy(latest.frozen);
    lstm_model_destroy(latest.model);
    end(&t);
    const bool flat = growth < 0.5; /* MB: of an allocator's holes, 0.15 in a minute of 10,000 streams */
    printf("%zu s: %zu streams on %zu threads, %.1f million steps, %" PRIu64
           " checkpoints and models, %.1f MB, %+.2f MB "
           "since the second fifth, %zu differences\n",
           seconds, streams, threads, 1e-6 * (double)atomic_load(&steps_done), swapped, memory, growth,
           atomic_load(&differences));
    return flat && !atomic_load(&differences) ? EXIT_SUCCESS : EXIT_FAILURE;
}
