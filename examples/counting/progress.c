#include "progress.h"

#include "platform.h"

#include <stdio.h>

enum { LINE_WIDTH = 79, MAX_BAR = 40, MIN_BAR = 5 };

static const double SECONDS_BETWEEN = 0.1;
static const double MOST_SECONDS = 359999; /* 99:59:59 */

bool progress_due(const progress_bar *progress)
{
    return progress->enabled && platform_seconds() - progress->drawn >= SECONDS_BETWEEN;
}

/* What stands right of the bar. */
static void format_figures(const progress_state *state, char *text, size_t size)
{
    char quality[48] = "";
    double seconds = state->seconds_left < MOST_SECONDS ? state->seconds_left : MOST_SECONDS;
    unsigned left = (unsigned)(seconds + 0.5);

    if (state->loss >= 0)
        snprintf(quality, sizeof quality, "  loss %.4f  acc %.2f%%", state->loss, 100 * state->accuracy);
    if (left >= 3600)
        snprintf(text, size, " %3.0f%%%s  %.0f/s  %u:%02u:%02u left", 100 * state->share, quality, state->rate,
                 left / 3600, left / 60 % 60, left % 60);
    else
        snprintf(text, size, " %3.0f%%%s  %.0f/s  %u:%02u left", 100 * state->share, quality, state->rate, left / 60,
                 left % 60);
}

void progress_draw(progress_bar *progress, const progress_state *state)
{
    char figures[128], line[256], bar[MAX_BAR + 1];
    int room, filled, width;

    format_figures(state, figures, sizeof figures);
    room = LINE_WIDTH - snprintf(line, sizeof line, "%s []%s", state->label, figures);
    if (room > MAX_BAR)
        room = MAX_BAR;
    if (room < MIN_BAR)
        room = MIN_BAR;
    filled = (int)(state->share * room);
    for (int i = 0; i < room; i++)
        bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
    bar[room] = '\0';
    width = snprintf(line, sizeof line, "%s [%s]%s", state->label, bar, figures);
    fprintf(stderr, "\r%-*s", (int)progress->width, line); /* covers what stood there */
    progress->width = (size_t)width;
    progress->drawn = platform_seconds();
}

void progress_clear(progress_bar *progress)
{
    if (progress->width > 0)
        fprintf(stderr, "\r%*s\r", (int)progress->width, "");
    progress->width = 0;
}
