/* A library of Python's: rivals/worker.py in a process of its own, which is told what to do through a pipe. Lines:
 *     open KIND CELL TIME BATCH INPUT UNITS RAGGED THREADS    numbers are in FOLDER/problem, answers come in FOLDER/answers
 *     run CALLS                                               answered by the seconds that they took
 *     close
 * Every answer is a line of fields with tabs between: "ok", then more; or "no" and the reason. */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct process {
    pid_t id;
    FILE *to, *from;
    char folder[256];
    char reply[512];
} process;

/* Send a line and wait for the answer: what follows "ok\t"; NULL, with the reason in the library, otherwise. */
static const char *ask(library *self, const char *line)
{
    process *w = self->state;
    if (fprintf(w->to, "%s\n", line) < 0 || fflush(w->to) != 0 || !fgets(w->reply, sizeof w->reply, w->from)) {
        snprintf(self->reason, sizeof self->reason, "its process has ended");
        return NULL;
    }
    w->reply[strcspn(w->reply, "\n")] = '\0';
    if (strncmp(w->reply, "ok\t", 3) == 0)
        return w->reply + 3;
    snprintf(self->reason, sizeof self->reason, "%.*s", (int)sizeof self->reason - 1,
             strlen(w->reply) > 3 ? w->reply + 3 : "no reason given");
    return NULL;
}

static FILE *open_file(const process *w, const char *name, const char *mode)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    return fopen(path, mode);
}

/* Inputs, labels, weights, lengths: float32, one array behind the other. */
static bool write_problem(const process *w, const problem *p)
{
    FILE *file = open_file(w, "problem", "wb");
    if (!file)
        return false;
    fwrite(p->inputs, sizeof(float), p->input_count, file);
    if (p->labels)
        fwrite(p->labels, sizeof(float), p->shape.batch * BENCH_CLASSES, file);
    fwrite(p->weights, sizeof(float), p->weight_count, file);
    for (size_t row = 0; row < p->shape.batch; row++) {
        const float length = (float)(p->lengths ? p->lengths[row] : p->shape.time);
        fwrite(&length, sizeof length, 1, file);
    }
    const bool good = !ferror(file);
    return fclose(file) == 0 && good;
}

/* Output, logits, gradient, losses, in the same way. */
static bool read_answers(const process *w, answers *found)
{
    FILE *file = open_file(w, "answers", "rb");
    float loss[2];
    if (!file)
        return false;
    bool good = fread(found->output, sizeof(float), found->output_count, file) == found->output_count &&
                fread(found->logits, sizeof(float), found->logits_count, file) == found->logits_count &&
                fread(found->gradient, sizeof(float), found->gradient_count, file) == found->gradient_count &&
                fread(loss, sizeof *loss, found->loss_count, file) == found->loss_count;
    for (size_t k = 0; good && k < found->loss_count; k++)
        found->loss[k] = (double)loss[k];
    fclose(file);
    return good;
}

static bool worker_open(library *self, const problem *p, answers *found)
{
    const process *w = self->state;
    const bench_case *c = &p->shape;
    char line[256];
    if (!write_problem(w, p)) {
        snprintf(self->reason, sizeof self->reason, "%.200s cannot be written", w->folder);
        return false;
    }
    snprintf(line, sizeof line, "open %s %s %zu %zu %zu %zu %d %zu", problem_kind_name(c->kind),
             problem_cell_name(c->cell), c->time, c->batch, c->input, c->units, c->ragged, p->threads);
    const char *reply = ask(self, line);
    if (!reply)
        return false;
    if (sscanf(reply, "%63[^\t]\t%63s", self->version, self->isa) == 2 && read_answers(w, found))
        return true;
    snprintf(self->reason, sizeof self->reason, "its answers cannot be read");
    return false;
}

static double worker_run_timed(library *self, size_t calls)
{
    char line[64];
    snprintf(line, sizeof line, "run %zu", calls);
    const char *reply = ask(self, line);
    if (!reply) {
        fprintf(stderr, "bench: %s: %s\n", self->name, self->reason);
        exit(EXIT_FAILURE);
    }
    return strtod(reply, NULL);
}

static void worker_close(library *self)
{
    ask(self, "close");
}

static void worker_destroy(library *self)
{
    process *w = self->state;
    static const char *const files[] = {"problem", "answers"};
    fclose(w->to); /* its input ends, and so does it */
    fclose(w->from);
    waitpid(w->id, NULL, 0);
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", w->folder, files[k]);
        unlink(path);
    }
    rmdir(w->folder);
    free(w);
    free(self);
}

static bool start(process *w, const char *name, const char *python)
{
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0)
        return false;
    for (int end = 0; end < 2; end++) { /* a worker that had the pipes of others would keep them open */
        fcntl(to[end], F_SETFD, FD_CLOEXEC);
        fcntl(from[end], F_SETFD, FD_CLOEXEC);
    }
    if ((w->id = fork()) < 0)
        return false;
    if (w->id == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        execlp(python, python, BENCH_WORKER, name, w->folder, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    w->to = fdopen(to[1], "w");
    w->from = fdopen(from[0], "r");
    return w->to && w->from;
}

library *library_create_worker(const char *name, const char *python)
{
    library *made = system_allocate(1, sizeof *made);
    process *w = system_allocate(1, sizeof *w);
    signal(SIGPIPE, SIG_IGN); /* a worker that has ended shows in what it answers */
    const char *temporary = getenv("TMPDIR");
    snprintf(w->folder, sizeof w->folder, "%s/bench_XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(w->folder) || !start(w, name, python)) {
        fprintf(stderr, "bench: %s cannot be started\n", name);
        free(w);
        free(made);
        return NULL;
    }
    *made = (library){.name = name,
                      .open = worker_open,
                      .run_timed = worker_run_timed,
                      .close = worker_close,
                      .destroy = worker_destroy,
                      .state = w};
    return made;
}
