/* The benchmark: this library and its rivals, interleaved. docs/performance.md says what is measured and how; run.sh
 * builds this program and calls it. The CSV goes to standard output or a file, everything else to standard error. */
#define _POSIX_C_SOURCE 200809L
#include "cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sh tests/bench/run.sh [options]\n"
    "\n"
    "  --quick         fewer and shorter turns\n"
    "  --threads N     of every library (1)\n"
    "  --rivals LIST   of cblas, onednn, tf1, torch, onnxruntime, with commas between; or none (onednn)\n"
    "  --cases LIST    names, or patterns such as 'stream_*', with commas between (all)\n"
    "  --csv FILE      where the CSV goes (standard output)\n"
    "  --sweep         instead of the cases: double time, batch and units, print the exponent of the cost\n"
    "  --describe      print the machine and the BLAS, and measure nothing\n"
    "  --latency       also print percentiles of single steps of the stream cases\n"
    "\n"
    "Exit status: 0 success, 1 a wrong result or a failure, 2 wrong usage.\n";

static const char header[] = "case,kind,cell,time,batch,input,units,threads,library,version,isa,median_ms,min_ms,"
                             "max_ms,gflops,peak_gflops,peak_fraction,ratio\n";

enum { PEAK_WARM_UP = 1, LATENCY_STEPS = 1000000, QUICK_LATENCY_STEPS = 50000 };

typedef struct bench {
    bool describe, quick, sweep, latency;
    size_t threads;
    const char *rivals, *cases;
    FILE *csv;
    library *libraries[BENCH_MAX_LIBRARIES];
    size_t count;
    double peak; /* GFLOP/s */
    bool failed;
} bench;

/* ---- rows ---- */

static void print_row(const bench *b, const measurement *m, size_t which)
{
    const bench_case *c = &m->problem->shape;
    const series *s = &m->series[which];
    const double rate = problem_flops(m->problem) / s->median * 1e-9, ratio = measured_ratio(m, which);
    fprintf(b->csv, "%s,%s,%s,%zu,%zu,%zu,%zu,%zu,%s,%s,%s,%.6g,%.6g,%.6g,%.4g,%.4g,%.4f,%.3f\n", c->name,
            problem_kind_name(c->kind), problem_cell_name(c->cell), c->time, c->batch, c->input, c->units, b->threads,
            s->library->name, s->library->version, s->library->isa, 1e3 * s->median, 1e3 * s->least, 1e3 * s->most,
            rate, b->peak, rate / b->peak, ratio);
    fflush(b->csv);
    fprintf(stderr, "%-18s %-20s %-11s %12.5g %12.5g %12.5g %8.2f %7.1f %% %8.2f\n", c->name,
            problem_cell_name(c->cell), s->library->name, 1e3 * s->median, 1e3 * s->least, 1e3 * s->most, rate,
            100.0 * rate / b->peak, ratio);
}

static void print_memory(const measurement *m)
{
    const bench_case *c = &m->problem->shape;
    const double values = (double)m->problem->steps * (double)c->units;
    if (c->kind != BENCH_TRAIN)
        return;
    fprintf(stderr, "    kept for backward, bytes for each unit, row and step:");
    for (size_t k = 0; k < m->count; k++)
        if (m->series[k].library->kept_bytes)
            fprintf(stderr, " %s %.1f", m->series[k].library->name, (double)m->series[k].library->kept_bytes / values);
    fprintf(stderr, "\n");
}

/* Percentiles of single steps of the library's own stream, clock and call included. */
static void print_latency(const bench *b, library *own)
{
    const size_t steps = b->quick ? QUICK_LATENCY_STEPS : LATENCY_STEPS;
    double *seconds = system_allocate(steps, sizeof *seconds), *clock = system_allocate(steps, sizeof *clock);
    for (size_t k = 0; k < steps; k++) {
        const double before = system_seconds(), again = system_seconds();
        own->run(own, 1);
        seconds[k] = system_seconds() - again;
        clock[k] = again - before;
    }
    const double median = median_of(steps, seconds);
    fprintf(
        stderr,
        "    latency of %zu steps, ns: p50 %.0f, p99 %.0f, p99.9 %.0f, max %.0f (the clock alone takes %.0f of it)\n",
        steps, 1e9 * median, 1e9 * seconds[steps * 99 / 100], 1e9 * seconds[steps * 999 / 1000],
        1e9 * seconds[steps - 1], 1e9 * median_of(steps, clock));
    free(clock);
    free(seconds);
}

/* ---- one case ---- */

/* Let the library solve the problem. False, after a line, if it cannot or is wrong. */
static bool open_library(bench *b, const problem *p, library *solver)
{
    answers found;
    char errors[256];
    answers_create(p, &found);
    bool good = solver->open(solver, p, &found);
    if (!good) {
        fprintf(stderr, "%-18s %-20s %-11s left out: %s\n", p->shape.name, problem_cell_name(p->shape.cell),
                solver->name, solver->reason);
        b->failed = b->failed || solver == b->libraries[0];
    } else if (!answers_agree(p, &found, errors, sizeof errors)) {
        fprintf(stderr, "%-18s %-20s %-11s is WRONG and not timed: %s\n", p->shape.name,
                problem_cell_name(p->shape.cell), solver->name, errors);
        solver->close(solver);
        good = false;
        b->failed = true;
    }
    answers_destroy(&found);
    return good;
}

/* False if the library itself failed, so that there is nothing to compare. */
static bool measure_case(bench *b, const bench_case *shape, double *seconds)
{
    problem *p = problem_create(shape, b->threads);
    measurement m = {.problem = p};
    for (size_t k = 0; k < b->count; k++) {
        if (open_library(b, p, b->libraries[k]))
            m.series[m.count++].library = b->libraries[k];
        else if (k == 0)
            break;
    }
    const bool good = m.count > 0;
    if (good) {
        measure(&m, b->quick, &b->peak);
        for (size_t k = 0; k < m.count; k++)
            print_row(b, &m, k);
        print_memory(&m);
        if (m.disturbed)
            fprintf(stderr, "    other programs were busy in %zu of %zu rounds\n", m.disturbed, m.turns);
        if (b->latency && shape->kind == BENCH_STREAM)
            print_latency(b, m.series[0].library);
        *seconds = m.series[0].median;
    }
    for (size_t k = 0; k < m.count; k++)
        m.series[k].library->close(m.series[k].library);
    problem_destroy(p);
    return good;
}

/* ---- the sweep ---- */

static double flops_of(const bench_case *shape)
{
    problem p = {.shape = *shape, .steps = shape->time * shape->batch};
    return problem_flops(&p);
}

/* Double one size again and again; the exponent is the base-two logarithm of what the cost is multiplied by. */
static void sweep_size(bench *b, bench_kind kind, const char *name, size_t offset, size_t doublings)
{
    bench_case shape = {.kind = kind, .cell = REFERENCE_LSTM, .time = 32, .batch = 32, .input = 16, .units = 32};
    size_t *size = (size_t *)(void *)((char *)&shape + offset);
    double before = 0.0, flops_before = 0.0, first = 0.0, last = 0.0;
    for (size_t k = 0; k <= doublings; k++, *size *= 2) {
        snprintf(shape.name, sizeof shape.name, "sweep_%s_%zu_%s", name, *size, problem_kind_name(kind));
        if (!measure_case(b, &shape, &last))
            return;
        if (k)
            fprintf(stderr, "    exponent over this doubling of %s: cost %.2f, FLOPs %.2f\n", name, log2(last / before),
                    log2(flops_of(&shape) / flops_before));
        else
            first = last;
        before = last;
        flops_before = flops_of(&shape);
    }
    fprintf(stderr, "    exponent of the cost over all doublings of %s: %.2f\n", name,
            log2(last / first) / (double)doublings);
}

/* Rows of different lengths against rows of the full length: the cost should fall as the sum of the lengths. */
static void sweep_lengths(bench *b, bench_kind kind)
{
    bench_case shape = {.kind = kind, .cell = REFERENCE_LSTM, .time = 128, .batch = 64, .input = 128, .units = 128};
    double full, ragged;
    snprintf(shape.name, sizeof shape.name, "sweep_full_%s", problem_kind_name(kind));
    if (!measure_case(b, &shape, &full))
        return;
    shape.ragged = true;
    snprintf(shape.name, sizeof shape.name, "sweep_ragged_%s", problem_kind_name(kind));
    problem *p = problem_create(&shape, b->threads);
    const double share = (double)p->steps / (double)(shape.time * shape.batch);
    problem_destroy(p);
    if (measure_case(b, &shape, &ragged))
        fprintf(stderr, "    lengths of 1 to %zu cost %.3f of full ones; they add up to %.3f\n", shape.time,
                ragged / full, share);
}

static void sweep(bench *b)
{
    for (bench_kind kind = BENCH_TRAIN; kind <= BENCH_INFER; kind++) {
        sweep_size(b, kind, "time", offsetof(bench_case, time), 4);
        sweep_size(b, kind, "batch", offsetof(bench_case, batch), 5);
        sweep_size(b, kind, "units", offsetof(bench_case, units), 4);
        sweep_lengths(b, kind);
    }
}

/* ---- options ---- */

static bool refuse(const char *what, const char *value)
{
    fprintf(stderr, "bench: %s '%s'\n\n%s", what, value, usage);
    return false;
}

static bool parse_threads(const char *text, size_t *threads)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || number < 1 || number > 1024)
        return refuse("--threads takes a number from 1 to 1024, not", text);
    *threads = number;
    return true;
}

static bool parse(bench *b, int argc, char **argv)
{
    for (int k = 1; k < argc; k++) {
        const char *value = k + 1 < argc && strncmp(argv[k + 1], "--", 2) != 0 ? argv[k + 1] : NULL;
        if (!strcmp(argv[k], "--describe"))
            b->describe = true;
        else if (!strcmp(argv[k], "--quick"))
            b->quick = true;
        else if (!strcmp(argv[k], "--sweep"))
            b->sweep = true;
        else if (!strcmp(argv[k], "--latency"))
            b->latency = true;
        else if (!value)
            return refuse("not an option, or without its value:", argv[k]);
        else if (!strcmp(argv[k], "--rivals"))
            b->rivals = argv[++k];
        else if (!strcmp(argv[k], "--cases"))
            b->cases = argv[++k];
        else if (!strcmp(argv[k], "--threads")) {
            if (!parse_threads(argv[++k], &b->threads))
                return false;
        } else if (!strcmp(argv[k], "--csv")) {
            if (!(b->csv = fopen(argv[++k], "w")))
                return refuse("this file cannot be written:", argv[k]);
        } else
            return refuse("not an option:", argv[k]);
    }
    return true;
}

/* The rival of that name: a part of this program, or a worker of the Python that BENCH_PYTHON_NAME tells. */
static library *create_rival(const char *name)
{
    static const char *const workers[] = {"tf1", "torch", "onnxruntime"};
    static const char *const variables[] = {"BENCH_PYTHON_TF1", "BENCH_PYTHON_TORCH", "BENCH_PYTHON_ONNXRUNTIME"};
    if (!strcmp(name, "cblas"))
        return library_create_own("cblas", true);
#ifdef BENCH_ONEDNN
    if (!strcmp(name, "onednn"))
        return library_create_onednn();
#endif
    for (size_t k = 0; k < sizeof workers / sizeof *workers; k++)
        if (!strcmp(name, workers[k]) && getenv(variables[k]))
            return library_create_worker(workers[k], getenv(variables[k]));
    return NULL;
}

static bool create_libraries(bench *b)
{
    char names[256], *next = NULL;
    b->libraries[b->count++] = library_create_own("liblstm", false);
    snprintf(names, sizeof names, "%s", b->rivals);
    for (char *name = strtok_r(names, ",", &next); name; name = strtok_r(NULL, ",", &next)) {
        if (!strcmp(name, "none"))
            continue;
        if (b->count == BENCH_MAX_LIBRARIES || !(b->libraries[b->count] = create_rival(name)))
            return refuse("this rival is unknown, or not in this build:", name);
        b->count++;
    }
    return true;
}

static bool measure_cases(bench *b)
{
    bool any = false;
    bench_case shape;
    double seconds;
    for (size_t k = 0; case_at(k, &shape); k++)
        if (case_is_wanted(b->cases, shape.name)) {
            any = true;
            measure_case(b, &shape, &seconds);
        }
    return any;
}

int main(int argc, char **argv)
{
    bench b = {.threads = 1, .rivals = "none", .csv = stdout};
    bool understood = parse(&b, argc, argv) && create_libraries(&b);
    if (understood && b.describe) {
        system_describe(stdout);
    } else if (understood) {
        system_set_blas_threads(1);
        system_describe(stderr);
        double mean;
        b.peak = fma_peak(b.threads, PEAK_WARM_UP, &mean);
        fprintf(stderr, "FMA peak on %zu thread%s: %.1f GFLOP/s\n\n", b.threads, b.threads > 1 ? "s" : "", b.peak);
        fprintf(stderr, "%-18s %-20s %-11s %12s %12s %12s %8s %9s %8s\n", "case", "cell", "library", "median ms",
                "min ms", "max ms", "GFLOP/s", "of peak", "ratio");
        fputs(header, b.csv);
        if (b.sweep)
            sweep(&b);
        else if (!measure_cases(&b))
            understood = refuse("no case is called", b.cases);
    }
    for (size_t k = 0; k < b.count; k++)
        b.libraries[k]->destroy(b.libraries[k]);
    if (!understood)
        return 2;
    return b.failed || (b.csv != stdout && fclose(b.csv) != 0) ? EXIT_FAILURE : EXIT_SUCCESS;
}
