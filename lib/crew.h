/* Threads that share one small job after another: too small to wake a thread for each. */
#ifndef LSTM__CREW_H
#define LSTM__CREW_H

#include <lstm/context.h>

typedef struct lstm__crew lstm__crew;

/* What is worth a crew, in operations. A thread that sleeps is there after some 50 microseconds, in which one alone
 * does 2 to 5 million of them in products of a few rows. And what is worth a part of a job, in multiply-adds: one that
 * is there costs half a microsecond or so for each job, and each number that goes to the other core, or comes from it,
 * costs its share of a cache line's way: a part of the result, and what all parts read. */
enum { LSTM__WORTH_A_CREW = 10000000, LSTM__WORTH_A_PART = 100000, LSTM__WORTH_A_NUMBER = 50 };

/* Do lead(arg, crew) on one of the context's threads, maybe another than the caller's; meanwhile the others wait for
 * what it shares, and leave when it is done, or for good when there was nothing for a while. None of them has to be
 * there: what nobody has taken, the one that leads does. For a context of more than one thread. */
void lstm__crew_run(lstm_context *context, void (*lead)(void *arg, lstm__crew *crew), void *arg);

/* Do piece(arg, part, parts) for each part below `parts`, of which there are so many, or less if the crew is smaller.
 * By the one that leads alone, and not from within a piece. */
void lstm__crew_share(lstm__crew *crew, size_t parts, void (*piece)(void *arg, size_t part, size_t parts), void *arg);

#endif
