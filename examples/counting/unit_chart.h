/* What the hidden units do as inline SVG, coloured by the page's style sheet. SPDX-License-Identifier: MIT */
#ifndef COUNTING_UNIT_CHART_H
#define COUNTING_UNIT_CHART_H

#include "hidden_units.h"

#include <stdio.h>

/* The most units on a map. */
enum { UNIT_CHART_MAP_UNITS = 64 };

/* A row of colours for each unit, those that go with the count most closely first: its mean output by ones seen. */
void unit_chart_write_map(FILE *page, const hidden_units *units);

/* The mean output of one unit by ones seen, and a standard deviation to either side. */
void unit_chart_write_curve(FILE *page, const hidden_units *units, size_t unit);

#endif
