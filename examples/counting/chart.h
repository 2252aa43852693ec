/* Charts as inline SVG, coloured by the page's style sheet. SPDX-License-Identifier: MIT */
#ifndef COUNTING_CHART_H
#define COUNTING_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct chart_point {
    double x, y;
} chart_point;

/* A curve. Points that are not finite, or not above 0 on a logarithmic axis, are left out. */
typedef struct line_chart {
    const char *name;   /* for who cannot see it */
    const char *x_name; /* what stands below the axis, and before x when a point is hovered over */
    const char *unit;   /* behind y */
    double x_high;      /* x goes from 0 to it */
    bool logarithmic;   /* y: whole decades around the points; otherwise 0 to 100 */
    double reference;   /* a level to compare with, if above 0 */
    const char *reference_name;
    const chart_point *points;
    size_t count;
} line_chart;

void chart_write_line(FILE *page, const line_chart *chart);

/* Bars between 0 and 100 %, one per class. */
typedef struct bar_chart {
    const char *name, *x_name;
    const size_t *totals; /* a class of no member has no bar */
    const size_t *parts;
    size_t count;
} bar_chart;

void chart_write_bars(FILE *page, const bar_chart *chart);

#endif
