/* Time, in turns: every library has one in each round, so that what disturbs the machine disturbs all of them. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>

/* A turn is long beside the clock's steps and a change of the process, a round short beside changes of the machine's speed. */
static const double TURN_SECONDS = 0.02, QUICK_TURN_SECONDS = 0.004;
static const double LIBRARY_SECONDS = 3.0, QUICK_LIBRARY_SECONDS = 0.15;
enum { LEAST_TURNS = 11, QUICK_LEAST_TURNS = 5 };
/* Threads of OpenMP and of Python's libraries wait for more work by spinning for some milliseconds. */
static const double REST_SECONDS = 0.01;
/* Before each round the FMA peak is measured again. Where it is not reached, others use the machine: wait for a while. To
 * see that takes longer than a slice of the scheduler's, which a thread that has slept is given at once. */
static const double PEAK_SECONDS = 0.002, PROBE_SECONDS = 0.03, QUIET = 0.9, WAIT_SECONDS = 0.05,
                    PATIENCE_SECONDS = 10.0, QUICK_PATIENCE_SECONDS = 0.5;

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median_of(size_t count, double *values)
{
    qsort(values, count, sizeof *values, compare);
    return 0.5 * (values[(count - 1) / 2] + values[count / 2]);
}

double measured_ratio(const measurement *m, size_t rival)
{
    double ratios[BENCH_MAX_TURNS];
    for (size_t turn = 0; turn < m->turns; turn++)
        ratios[turn] = m->series[rival].seconds[turn] / m->series[0].seconds[turn];
    return median_of(m->turns, ratios);
}

static double run(library *timed, size_t calls, size_t threads)
{
    if (timed->run_timed)
        return timed->run_timed(timed, calls);
    const double before = system_work_seconds(threads);
    timed->run(timed, calls);
    return system_work_seconds(threads) - before;
}

/* How many calls fill a turn. The first call is not counted: it may allocate. */
static size_t calls_per_turn(library *timed, size_t threads, double turn_seconds)
{
    size_t calls = 1;
    run(timed, 1, threads);
    for (;;) {
        const double seconds = run(timed, calls, threads);
        if (seconds >= turn_seconds / 4.0) {
            const double fit = turn_seconds / (seconds / (double)calls);
            return fit < 1.0 ? 1 : (size_t)fit;
        }
        calls *= 2;
    }
}

/* Seconds of one call. A call before the clock brings weights and code back into the caches. */
static double take_turn(const measurement *m, library *timed, size_t calls)
{
    const size_t threads = m->problem->threads;
    if (threads > 1)
        system_rest(REST_SECONDS);
    if (calls > 1)
        run(timed, 1 + calls / 10, threads);
    return run(timed, calls, threads) / (double)calls;
}

static void summarize(series *s, size_t turns)
{
    double sorted[BENCH_MAX_TURNS];
    for (size_t turn = 0; turn < turns; turn++)
        sorted[turn] = s->seconds[turn];
    s->median = median_of(turns, sorted);
    s->least = sorted[0];
    s->most = sorted[turns - 1];
}

/* Wait until the machine is quiet or patience, in seconds, is at an end; one thread need not wait, as its clock stands
 * still while others run. */
static bool find_quiet(size_t threads, double *patience, double *peak)
{
    for (;;) {
        double mean;
        *peak = fmax(*peak, fma_peak(threads, threads > 1 ? PROBE_SECONDS : PEAK_SECONDS, &mean));
        if (threads == 1 || mean >= QUIET * *peak)
            return true;
        if (*patience <= 0.0)
            return false;
        system_rest(WAIT_SECONDS);
        *patience -= WAIT_SECONDS;
    }
}

void measure(measurement *m, bool quick, double *peak)
{
    const double turn_seconds = quick ? QUICK_TURN_SECONDS : TURN_SECONDS;
    const double library_seconds = quick ? QUICK_LIBRARY_SECONDS : LIBRARY_SECONDS;
    const size_t least = quick ? QUICK_LEAST_TURNS : LEAST_TURNS;
    const double end = system_seconds() + library_seconds * (double)m->count;
    double patience = quick ? QUICK_PATIENCE_SECONDS : PATIENCE_SECONDS;
    size_t calls[BENCH_MAX_LIBRARIES];
    for (size_t k = 0; k < m->count; k++)
        calls[k] = calls_per_turn(m->series[k].library, m->problem->threads, turn_seconds);
    while (m->turns < BENCH_MAX_TURNS && (m->turns < least || system_seconds() < end)) {
        m->disturbed += !find_quiet(m->problem->threads, &patience, peak);
        for (size_t k = 0; k < m->count; k++) { /* each round begins with another library */
            series *s = &m->series[(k + m->turns) % m->count];
            s->seconds[m->turns] = take_turn(m, s->library, calls[s - m->series]);
        }
        m->turns++;
    }
    for (size_t k = 0; k < m->count; k++)
        summarize(&m->series[k], m->turns);
}
