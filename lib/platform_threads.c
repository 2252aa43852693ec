#include "platform.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* How often something is looked for: first with the pause of a processor between, for 20 to 50 microseconds, then as often as
 * other threads want it. A thread without work sleeps soon; who waits for a part of a job is patient. */
enum { PAUSES = 1000, LOOKS = 1200, PATIENCE = 4000 };

struct lstm__team {
    pthread_mutex_t caller; /* held by the caller whose work the team does */
    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t wake, done;
    fenv_t mode; /* the caller's: its tasks round as it does */
    void (*task)(void *arg, size_t index);
    void *arg;
    size_t tasks, next, unfinished;
    atomic_size_t begun, ended; /* calls; written with the lock held */
    bool stop;
    size_t count;
    pthread_t threads[];
};

/* Take tasks until none is left; called and left with the lock held. */
static void take_tasks(lstm__team *team)
{
    while (team->next < team->tasks) {
        const size_t index = team->next++;
        const fenv_t mode = team->mode;
        pthread_mutex_unlock(&team->lock);
        fesetenv(&mode);
        team->task(team->arg, index);
        pthread_mutex_lock(&team->lock);
        if (--team->unfinished == 0) {
            team->ended++;
            pthread_cond_signal(&team->done);
        }
    }
}

/* Look for a while whether the number of calls becomes another: to wake a thread that sleeps takes longer than many tasks do.
 * Called and left with the lock held. */
static void watch(lstm__team *team, const atomic_size_t *calls)
{
    const size_t before = *calls;
    pthread_mutex_unlock(&team->lock);
    for (size_t turns = 0; turns < LOOKS && atomic_load_explicit(calls, memory_order_relaxed) == before;)
        lstm__platform_wait(turns++);
    pthread_mutex_lock(&team->lock);
}

static void *work(void *argument)
{
    lstm__team *team = argument;
    pthread_mutex_lock(&team->lock);
    while (!team->stop) {
        take_tasks(team);
        watch(team, &team->begun);
        if (!team->stop && team->next == team->tasks)
            pthread_cond_wait(&team->wake, &team->lock);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

void lstm__team_run(lstm__team *team, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    if (pthread_mutex_trylock(&team->caller)) {
        for (size_t k = 0; k < tasks; k++)
            task(arg, k);
        return;
    }
    pthread_mutex_lock(&team->lock);
    team->task = task;
    team->arg = arg;
    team->tasks = team->unfinished = tasks;
    team->next = 0;
    team->begun++;
    fegetenv(&team->mode);
    pthread_cond_broadcast(&team->wake);
    take_tasks(team);
    if (team->unfinished)
        watch(team, &team->ended);
    while (team->unfinished)
        pthread_cond_wait(&team->done, &team->lock);
    pthread_mutex_unlock(&team->lock);
    pthread_mutex_unlock(&team->caller);
}

void lstm__platform_wait(size_t turns)
{
    if (turns >= PATIENCE) {
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    } else if (turns >= PAUSES) {
        sched_yield(); /* what is waited for may wait for this processor */
    } else {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
}

size_t lstm__team_size(size_t count)
{
    return sizeof(lstm__team) + count * sizeof(pthread_t);
}

/* Some systems take memory for a lock. */
static bool make_locks(lstm__team *team)
{
    if (pthread_mutex_init(&team->caller, NULL))
        return false;
    if (pthread_mutex_init(&team->lock, NULL))
        goto no_lock;
    if (pthread_cond_init(&team->wake, NULL))
        goto no_wake;
    if (!pthread_cond_init(&team->done, NULL))
        return true;
    pthread_cond_destroy(&team->wake);
no_wake:
    pthread_mutex_destroy(&team->lock);
no_lock:
    pthread_mutex_destroy(&team->caller);
    return false;
}

/* Where a thread would have less stack than the tasks may take, by the C library's choice or by the shell's ulimit -s, it
 * gets as much as they may. MinGW calls its default, which is more, 0. */
static bool start_thread(pthread_t *thread, lstm__team *team)
{
    enum { ENOUGH = 256 * 1024 };
    pthread_attr_t attributes;
    size_t stack = 0;
    if (pthread_attr_init(&attributes))
        return false;
    pthread_attr_getstacksize(&attributes, &stack);
    if (stack && stack < ENOUGH)
        pthread_attr_setstacksize(&attributes, ENOUGH);
    const bool started = !pthread_create(thread, &attributes, work, team);
    pthread_attr_destroy(&attributes);
    return started;
}

bool lstm__team_start(lstm__team *team, size_t count)
{
    memset(team, 0, lstm__team_size(count));
    if (!make_locks(team))
        return false;
    for (; team->count < count; team->count++)
        if (!start_thread(&team->threads[team->count], team)) {
            lstm__team_stop(team);
            return false;
        }
    return true;
}

void lstm__team_stop(lstm__team *team)
{
    if (!team)
        return;
    pthread_mutex_lock(&team->lock);
    team->stop = true;
    team->begun++;
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
    for (size_t k = 0; k < team->count; k++)
        pthread_join(team->threads[k], NULL);
    pthread_cond_destroy(&team->done);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
    pthread_mutex_destroy(&team->caller);
}
