/* Every allocation fails once, and every call of the operating system, in a scenario that has every function of the
 * library: the status and its message are right, the objects, the results and the files are as before, the step can be made
 * again, and in the end all results and files have the bits of a run without failures and nothing has leaked. Prints TAP,
 * and then how many failures there were. */
#define _GNU_SOURCE
#include "folder.h"
#include "injection.h"
#include "scenario.h"
#include "small_stack.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One kind of failure, at each place where it is possible. */
typedef struct sweep {
    const char *name;
    fault what;
    int error;
    bool onwards;
    memory memory;
} sweep;

static const sweep sweeps[] = {
    {"an allocation", NO_MEMORY, 0, false, THREADS},
    {"all allocations from one on", NO_MEMORY, 0, true, THREADS},
    {"an allocation, with an allocator of the host's", NO_MEMORY, 0, false, OWN_ALLOCATOR},
    {"all allocations from one on, with an allocator of the host's", NO_MEMORY, 0, true, OWN_ALLOCATOR},
    {"a call: EIO", ERROR, EIO, false, THREADS},
    {"a call and all of its name after it: EIO", ERROR, EIO, true, THREADS},
    {"a call: the disk is full", ERROR, ENOSPC, false, THREADS},
    {"a call and all of its name after it: the disk is full", ERROR, ENOSPC, true, THREADS},
    {"a call: the system has no memory", ERROR, ENOMEM, false, THREADS},
    {"a call is interrupted", INTERRUPTED, 0, false, THREADS},
    {"every call is interrupted once", INTERRUPTED, 0, true, THREADS},
    {"a read or write moves one byte", SHORT, 0, false, THREADS},
    {"reads and writes move one byte from one on", SHORT, 0, true, THREADS},
    {"a read finds the end, a write moves nothing", EMPTY, 0, false, THREADS},
    {"reads find the end, writes move nothing, from one on", EMPTY, 0, true, THREADS},
};
enum { SWEEPS = sizeof sweeps / sizeof *sweeps };

static const step *steps[STEPS];
static size_t step_count;
static result reference[STEPS];
static uint64_t reference_files;
static size_t points, complaints;

static void complain(const step *s, const injection *i, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void complain(const step *s, const injection *i, const char *format, ...)
{
    va_list list;
    if (complaints++ >= 20)
        return;
    printf("# step %s", s ? s->name : "none");
    if (i)
        printf(", place %zu (%s)", i->place, i->name ? i->name : "nothing failed");
    printf(": ");
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    puts("");
}

/* ---- a step that fails ---- */

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name))
        names++;
    return *names;
}

static lstm_status expected_status(const injection *i)
{
    const bool threads = !strncmp(i->name, "pthread_", 8);
    switch (i->what) {
    case NO_MEMORY: return LSTM_ERR_OUT_OF_MEMORY;
    case INTERRUPTED:
    case SHORT: return LSTM_OK;
    case EMPTY: return strcmp(i->name, "read") ? LSTM_ERR_IO : LSTM_ERR_FORMAT;
    default: break;
    }
    if (i->harmless)
        return LSTM_OK;
    return threads ? LSTM_ERR_UNSUPPORTED : i->error == ENOMEM ? LSTM_ERR_OUT_OF_MEMORY : LSTM_ERR_IO;
}

static void check_message(const step *s, const injection *i, lstm_status status)
{
    static const char *const of_folders[] = {"opendir", "readdir64", NULL};
    const char *message = lstm_error_message(), *call = scenario_call;
    if (!call || strncmp(call, "lstm_", 5))
        call = "lstm_("; /* a function of the step's own */
    if (strncmp(message, call, strcspn(call, "(")))
        complain(s, i, "the message \"%s\" does not name the function", message);
    if (status == LSTM_ERR_OUT_OF_MEMORY && !strstr(message, "out of memory"))
        complain(s, i, "the message is \"%s\"", message);
    if (status == LSTM_ERR_IO && i->what == ERROR && !strstr(message, strerror(i->error)))
        complain(s, i, "the message \"%s\" does not say \"%s\"", message, strerror(i->error));
    if (status == LSTM_ERR_IO || status == LSTM_ERR_FORMAT)
        /* Only steps with a file have these two. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        if (!(s->file[0] == '/' || strstr(message, folder_name)) ||
            !(is_one_of(i->name, of_folders) || strstr(message, s->file)))
            complain(s, i, "the message \"%s\" does not name the file", message);
}

/* When the oldest of a row of checkpoints cannot be found or removed, the latest has been written. */
static bool may_have_written(const step *s)
{
    return !strcmp(s->name, "keep_two");
}

static void check_failure(const step *s, const injection *i, lstm_status status, bool same_world, uint64_t files)
{
    bool temporary = false;
    const lstm_status expected = expected_status(i);
    const uint64_t now = s->file ? folder_sum(&temporary) : 0;
    if (status != expected)
        complain(s, i, "got \"%s\" (%s), expected \"%s\"", lstm_status_string(status),
                 status ? lstm_error_message() : "", lstm_status_string(expected));
    else if (status)
        check_message(s, i, status);
    if (status && !same_world)
        complain(s, i, "it failed and has changed an object's handle or a result");
    if (temporary)
        complain(s, i, "a temporary file is left");
    if (status && now != files && !may_have_written(s))
        complain(s, i, "it failed and has changed a file");
}

/* ---- which calls have failed ---- */

static char calls[] = " " FAULTS_CALLS " ";

/* Cross it out. */
static void note_call(const char *name)
{
    const size_t length = strlen(name);
    for (char *at = calls; (at = strstr(at, name)); at += length)
        if (at[-1] == ' ' && at[length] == ' ')
            memset(at, ' ', length);
}

static bool all_calls_have_failed(void)
{
    const char *left = calls + strspn(calls, " ");
    if (*left)
        printf("# these have not:%s\n", calls);
    return !*left;
}

/* ---- a run through all steps ---- */

/* What is still to be tried: the next place of each step, 0 if there are no more. */
typedef struct plan {
    size_t next[STEPS];
} plan;

/* Make a step, again and again while failures are to be tried that it reports; returns its status. */
static lstm_status make_step(const sweep *kind, size_t *place, const step *s, world *w, result *r)
{
    static world before;
    bool temporary;
    const uint64_t files = *place && s->file ? folder_sum(&temporary) : 0;
    while (*place) {
        injection i = {.what = kind->what, .error = kind->error, .place = *place, .onwards = kind->onwards};
        memcpy(&before, w, sizeof before);
        scenario_call = NULL;
        inject(&i);
        const lstm_status status = s->run(w, r);
        inject(NULL);
        *place = i.failed ? *place + 1 : 0;
        if (!i.failed)
            return status;
        points++;
        note_call(i.name);
        check_failure(s, &i, status, !memcmp(&before, w, sizeof before), files);
        if (!status)
            return status;
    }
    return s->run(w, r);
}

/* All steps; false: some are to be made again with other failures. */
static bool run(const sweep *kind, plan *p, bool is_reference)
{
    static world w;
    const long alive = live_allocations();
    bool temporary, done = true;
    memset(&w, 0, sizeof w);
    folder_empty();
    scenario_memory = kind->memory;
    lstm_status status = LSTM_OK;
    for (size_t k = 0; k < step_count && !status; k++) {
        result *r = &w.results[k];
        status = make_step(kind, &p->next[k], steps[k], &w, r);
        if (status)
            complain(steps[k], NULL, "without a failure: %s", lstm_error_message());
        else if (is_reference)
            reference[k] = *r;
        else if (memcmp(r, &reference[k], sizeof *r))
            complain(steps[k], NULL, "other results than without failures");
        done = done && (status || !p->next[k]);
    }
    const uint64_t files = folder_sum(&temporary);
    if (is_reference)
        reference_files = files;
    else if (!status && files != reference_files)
        complain(NULL, NULL, "other files than without failures");
    scenario_end(&w);
    if (live_allocations() != alive)
        complain(NULL, NULL, "%ld allocations are left", live_allocations() - alive);
    return done;
}

static void collect(const step *list, size_t count)
{
    for (size_t k = 0; k < count; k++)
        steps[step_count++] = &list[k];
}

static void *run_all(void *passed)
{
    static char buffer[BUFSIZ];
    static plan p;
    size_t failures = 0;
    setvbuf(stdout, buffer, _IOLBF, sizeof buffer); /* so that it allocates nothing on the way */
    if (object_step_count + number_step_count + file_step_count > STEPS || !folder_make())
        return NULL;
    collect(object_steps, object_step_count);
    collect(number_steps, number_step_count);
    collect(file_steps, file_step_count);
    run(&(sweep){.memory = C_LIBRARY}, &p, true);
    run(&(sweep){.memory = THREADS}, &p, false);
    printf("%s 1 - %zu steps without a failure\n", complaints ? "not ok" : "ok", step_count);
    if (complaints)
        return NULL;
    for (size_t k = 0; k < SWEEPS; k++) {
        const size_t before = points;
        complaints = 0;
        for (size_t n = 0; n < step_count; n++)
            p.next[n] = 1;
        while (!run(&sweeps[k], &p, false)) {
        }
        if (points == before)
            complain(NULL, NULL, "nothing has failed");
        printf("%s %zu - %s: %zu failures\n", complaints ? "not ok" : "ok", k + 2, sweeps[k].name, points - before);
        failures += complaints > 0;
    }
    const bool all = all_calls_have_failed();
    printf("%s %d - every call has failed\n1..%d\n", all ? "ok" : "not ok", SWEEPS + 2, SWEEPS + 2);
    printf("# %zu failures\n", points);
    return failures || !all ? NULL : passed;
}

/* On a thread with little stack, which is enough for every function of the library. */
int main(void)
{
    return !small_stack_run(run_all, calls);
}
