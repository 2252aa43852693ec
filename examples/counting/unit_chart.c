#include "unit_chart.h"

#include <math.h>

/* The map, in units of its view box. */
static const double MAP_WIDTH = 560, MAP_LEFT = 8, MAP_RIGHT = 552, MAP_TOP = 4, ROW = 9;

/* A curve: outputs of all cells lie between -1 and 1, but for activations of other kinds. */
static const double CURVE_WIDTH = 280, CURVE_HEIGHT = 170;
static const double LEFT = 34, RIGHT = 268, TOP = 14, BOTTOM = 128;

/* The largest mean of all that the map shows; not 0. */
static double strongest(const hidden_units *h, size_t rows)
{
    double most = 0;

    for (size_t row = 0; row < rows; row++)
        for (size_t ones = 0; ones < h->counts; ones++)
            if (isfinite(h->mean[h->order[row] * h->counts + ones]))
                most = fmax(most, fabs(h->mean[h->order[row] * h->counts + ones]));
    return most > 0 ? most : 1;
}

/* A rectangle whose colour says a value between -most and most. */
static void write_cell(FILE *page, double x, double y, double width, double value, double most)
{
    fprintf(page, "<rect class=\"%s\" x=\"%.1f\" y=\"%g\" width=\"%.1f\" height=\"%g\" fill-opacity=\"%.3f\"",
            value < 0 ? "below" : "above", x, y, width, ROW - 1, fabs(value) / most);
}

/* What the colours mean: from -most to most. */
static void write_key(FILE *page, double y, double most)
{
    enum { STEPS = 11, MIDDLE = STEPS / 2 };
    const double width = 12, left = (MAP_LEFT + MAP_RIGHT - STEPS * width) / 2;

    for (int k = 0; k < STEPS; k++) {
        write_cell(page, left + k * width, y, width, (k - MIDDLE) * most / MIDDLE, most);
        fprintf(page, "/>");
    }
    fprintf(page, "<text class=\"tick\" x=\"%g\" y=\"%g\" text-anchor=\"end\">%.2f</text>", left - 8, y + ROW, -most);
    fprintf(page, "<text class=\"tick\" x=\"%g\" y=\"%g\">%.2f</text>\n", left + STEPS * width + 8, y + ROW, most);
}

void unit_chart_write_map(FILE *page, const hidden_units *h)
{
    const size_t rows = h->units < UNIT_CHART_MAP_UNITS ? h->units : UNIT_CHART_MAP_UNITS;
    const double pitch = (MAP_RIGHT - MAP_LEFT) / (double)h->counts, bottom = MAP_TOP + (double)rows * ROW;
    const double most = strongest(h, rows);

    fprintf(page,
            "<svg class=\"map\" viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"mean output of each unit by number of "
            "ones seen\">\n",
            MAP_WIDTH, bottom + 66);
    for (size_t row = 0; row < rows; row++) {
        const size_t unit = h->order[row];

        for (size_t ones = 0; ones < h->counts; ones++) {
            const double mean = h->mean[unit * h->counts + ones];

            if (!(h->steps[ones] > 0) || !isfinite(mean))
                continue;
            write_cell(page, MAP_LEFT + pitch * (double)ones, MAP_TOP + (double)row * ROW, pitch - 1, mean, most);
            fprintf(page, "><title>unit %zu, %zu seen: %.3f (r %.3f)</title></rect>\n", unit, ones, mean,
                    h->correlation[unit]);
        }
    }
    for (size_t ones = 0; ones < h->counts; ones++)
        fprintf(page, "<text class=\"tick%s\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%zu</text>\n",
                ones % 2 ? " odd" : "", MAP_LEFT + pitch * ((double)ones + 0.5), bottom + 16, ones);
    fprintf(page, "<text class=\"axis\" x=\"%g\" y=\"%g\" text-anchor=\"middle\">ones seen so far</text>\n",
            MAP_WIDTH / 2, bottom + 36);
    write_key(page, bottom + 50, most);
    fprintf(page, "</svg>\n");
}

static double place_value(double value)
{
    return BOTTOM - (fmin(fmax(value, -1), 1) + 1) / 2 * (BOTTOM - TOP);
}

/* The points that were seen, in their order or from the last to the first, each moved by so many deviations. */
static void write_points(FILE *page, const hidden_units *h, size_t unit, double deviations, bool reverse)
{
    for (size_t k = 0; k < h->counts; k++) {
        const size_t ones = reverse ? h->counts - 1 - k : k, at = unit * h->counts + ones;

        if (h->steps[ones] > 0 && isfinite(h->mean[at]))
            fprintf(page, "%.1f,%.1f ", LEFT + (RIGHT - LEFT) * (double)ones / (double)(h->counts - 1),
                    place_value(h->mean[at] + deviations * h->deviation[at]));
    }
}

void unit_chart_write_curve(FILE *page, const hidden_units *h, size_t unit)
{
    const size_t ticks[] = {0, (h->counts - 1) / 2, h->counts - 1};

    fprintf(page,
            "<figure><figcaption>unit %zu, r = %.3f</figcaption>\n<svg viewBox=\"0 0 %g %g\" role=\"img\" "
            "aria-label=\"output of unit %zu by number of ones seen\">\n",
            unit, h->correlation[unit], CURVE_WIDTH, CURVE_HEIGHT, unit);
    for (int level = -1; level <= 1; level++)
        fprintf(page,
                "<line class=\"%s\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/><text class=\"tick\" x=\"%g\" y=\"%g\" "
                "text-anchor=\"end\">%d</text>\n",
                level < 0 ? "base" : "grid", LEFT, RIGHT, place_value(level), place_value(level), LEFT - 8,
                place_value(level) + 4, level);
    for (size_t k = ticks[1] > 0 ? 0 : 1; k < 3; k++)
        fprintf(page, "<text class=\"tick\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%zu</text>\n",
                LEFT + (RIGHT - LEFT) * (double)ticks[k] / (double)(h->counts - 1), BOTTOM + 18, ticks[k]);
    fprintf(page, "<text class=\"axis\" x=\"%g\" y=\"%g\" text-anchor=\"middle\">ones seen</text>\n",
            (LEFT + RIGHT) / 2, CURVE_HEIGHT - 4);
    fprintf(page, "<polygon class=\"band\" points=\"");
    write_points(page, h, unit, 1, false);
    write_points(page, h, unit, -1, true);
    fprintf(page, "\"/>\n<polyline class=\"curve\" points=\"");
    write_points(page, h, unit, 0, false);
    fprintf(page, "\"/>\n</svg></figure>\n");
}
