#include "crew.h"

#include "context.h"
#include "platform.h"

#include <stdatomic.h>

enum { MOST = 16, CACHE_LINE = 64, IDLE_TURNS = 5000 };

struct lstm__crew {
    void (*lead)(void *arg, lstm__crew *crew);
    void *lead_arg;
    size_t size;
    _Atomic(const char *) leader; /* something of its thread's; NULL: nobody yet */
    atomic_size_t leading;        /* which member it is */
    atomic_bool is_over;
    /* The job, and which parts of it nobody has taken. */
    _Alignas(CACHE_LINE) void *arg;
    void (*piece)(void *arg, size_t part, size_t parts);
    size_t parts;
    atomic_bool open[MOST];
    _Alignas(CACHE_LINE) atomic_size_t unfinished;
};

/* Everyone begins at a part of his own, the same in each job: what it reads is in his cache then. */
static bool take_parts(lstm__crew *crew, size_t own)
{
    bool any = false;
    for (size_t k = 0, part = own; k < crew->size; k++, part = part + 1 < crew->size ? part + 1 : 0) {
        if (!atomic_load_explicit(&crew->open[part], memory_order_relaxed) ||
            !atomic_exchange_explicit(&crew->open[part], false, memory_order_acquire))
            continue;
        crew->piece(crew->arg, part, crew->parts);
        atomic_fetch_sub_explicit(&crew->unfinished, 1, memory_order_release);
        any = true;
    }
    return any;
}

void lstm__crew_share(lstm__crew *crew, size_t parts, void (*piece)(void *arg, size_t part, size_t parts), void *arg)
{
    crew->piece = piece;
    crew->arg = arg;
    crew->parts = parts < crew->size ? parts : crew->size;
    atomic_store_explicit(&crew->unfinished, crew->parts, memory_order_relaxed);
    for (size_t part = 0; part < crew->parts; part++)
        atomic_store_explicit(&crew->open[part], true, memory_order_release);
    take_parts(crew, 0);
    for (size_t turns = 0; atomic_load_explicit(&crew->unfinished, memory_order_acquire);)
        lstm__platform_wait(turns++);
}

/* A host's thread that waits in a task, as where a cell of the user's calls the executor, may do another meanwhile. So
 * the leader, or one it waits for, may come here, and goes on only when this has returned: the leader at once, the
 * others after IDLE_TURNS with nothing to do: 0.1 s or more, for lstm__platform_wait sleeps in the last thousand. */
static void join(void *arg, size_t member)
{
    static _Thread_local char thread;
    lstm__crew *crew = arg;
    const char *leader = NULL;
    if (atomic_compare_exchange_strong(&crew->leader, &leader, &thread)) {
        atomic_store_explicit(&crew->leading, member, memory_order_relaxed);
        crew->lead(crew->lead_arg, crew);
        atomic_store_explicit(&crew->is_over, true, memory_order_release);
        return;
    }
    if (leader == &thread)
        return;
    for (size_t turns = 0; turns < IDLE_TURNS && !atomic_load_explicit(&crew->is_over, memory_order_acquire);) {
        const size_t leading = atomic_load_explicit(&crew->leading, memory_order_relaxed);
        if (take_parts(crew, (member + crew->size - leading) % crew->size))
            turns = 0;
        else
            lstm__platform_wait(turns++);
    }
}

void lstm__crew_run(lstm_context *context, void (*lead)(void *arg, lstm__crew *crew), void *arg)
{
    lstm__crew crew = {.lead = lead, .lead_arg = arg, .size = lstm__lanes(context, MOST)};
    lstm__context_run(context, crew.size, join, &crew);
}
