#include "score.h"

bool score_add(score *s, size_t length, const size_t *predicted, const size_t *ends)
{
    const size_t before = s->wrong + s->missed;

    for (size_t t = 0; t + 1 < length; t++) {
        s->found += predicted[t] && ends[t];
        s->wrong += predicted[t] && !ends[t];
        s->missed += !predicted[t] && ends[t];
    }
    s->sentences++;
    s->right += s->wrong + s->missed == before;
    return s->wrong + s->missed == before;
}

static double share(size_t part, size_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

double score_precision(const score *s)
{
    return share(s->found, s->found + s->wrong);
}

double score_recall(const score *s)
{
    return share(s->found, s->found + s->missed);
}

double score_f1(const score *s)
{
    return share(2 * s->found, 2 * s->found + s->wrong + s->missed);
}

double score_right(const score *s)
{
    return share(s->right, s->sentences);
}
