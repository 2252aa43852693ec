#include "chart.h"

#include <math.h>

/* The drawing, in units of its view box: a frame for the data, and room for labels around it. */
static const double WIDTH = 560, HEIGHT = 260;
static const double LEFT = 60, RIGHT = 544, TOP = 14, BOTTOM = 218;

static const double SMALLEST_DECADE = -8; /* of a logarithmic axis */

/* Where the values of an axis lie: low at `from`, high at `to`. */
typedef struct scale {
    double low, high, from, to;
    bool logarithmic; /* low and high are then exponents of ten */
} scale;

static double place(const scale *axis, double value)
{
    double v = axis->logarithmic ? log10(value) : value;

    return axis->from + (v - axis->low) / (axis->high - axis->low) * (axis->to - axis->from);
}

static bool is_drawable(const line_chart *chart, const chart_point *point)
{
    return isfinite(point->x) && isfinite(point->y) && (!chart->logarithmic || point->y > 0);
}

/* Whole decades around all that is drawn; at least one. */
static scale decades_around(const line_chart *chart)
{
    scale axis = {.low = INFINITY, .high = -INFINITY, .logarithmic = true};

    for (size_t i = 0; i < chart->count; i++)
        if (is_drawable(chart, &chart->points[i])) {
            axis.low = fmin(axis.low, floor(log10(chart->points[i].y)));
            axis.high = fmax(axis.high, ceil(log10(chart->points[i].y)));
        }
    if (chart->reference > 0) {
        axis.low = fmin(axis.low, floor(log10(chart->reference)));
        axis.high = fmax(axis.high, ceil(log10(chart->reference)));
    }
    if (axis.low > axis.high)
        axis.low = axis.high = 0;
    axis.low = fmax(axis.low, SMALLEST_DECADE);
    axis.high = fmax(axis.high, axis.low + 1);
    return axis;
}

/* A step of 1, 2 or 5 times a power of ten that divides the span into at most `most` parts. */
static double round_step(double span, double most)
{
    static const double factors[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(span / most)));

    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++)
        if (span / (factors[i] * power) <= most)
            return factors[i] * power;
    return 10 * power;
}

static void open_drawing(FILE *page, const char *name, const char *x_name)
{
    fprintf(page, "<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n", WIDTH, HEIGHT, name);
    fprintf(page, "<text class=\"axis\" x=\"%g\" y=\"%g\" text-anchor=\"middle\">%s</text>\n", (LEFT + RIGHT) / 2,
            HEIGHT - 6, x_name);
}

/* A horizontal line of the grid with its number. */
static void write_level(FILE *page, double y, const char *style, double value, const char *unit)
{
    fprintf(page, "<line class=\"%s\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>", style, LEFT, RIGHT, y, y);
    fprintf(page, "<text class=\"tick\" x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%g%s</text>\n", LEFT - 8, y + 4, value,
            unit);
}

static void write_percent_levels(FILE *page, const scale *axis)
{
    for (int percent = 0; percent <= 100; percent += 25)
        write_level(page, place(axis, percent), percent == 0 ? "base" : "grid", percent, " %");
}

static void write_decades(FILE *page, const scale *axis)
{
    double step = ceil((axis->high - axis->low) / 8); /* decades between labels */

    for (int i = 0; axis->low + i * step <= axis->high; i++) {
        double value = pow(10, axis->low + i * step);

        write_level(page, place(axis, value), i == 0 ? "base" : "grid", value, "");
    }
}

static void write_x_ticks(FILE *page, const scale *axis)
{
    double step = round_step(axis->high, 8);

    for (int i = 0; i * step <= axis->high * 1.0001; i++)
        fprintf(page, "<text class=\"tick\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%g</text>\n",
                place(axis, i * step), BOTTOM + 18, i * step);
}

static void write_curve(FILE *page, const line_chart *chart, const scale *x, const scale *y)
{
    fprintf(page, "<polyline class=\"curve\" points=\"");
    for (size_t i = 0; i < chart->count; i++)
        if (is_drawable(chart, &chart->points[i]))
            fprintf(page, "%.1f,%.1f ", place(x, chart->points[i].x), fmin(place(y, chart->points[i].y), BOTTOM));
    fprintf(page, "\"/>\n");
}

/* A strip over each point that shows the point and its numbers when hovered over. */
static void write_hover_strips(FILE *page, const line_chart *chart, const scale *x, const scale *y)
{
    double left = LEFT;

    for (size_t i = 0; i < chart->count; i++) {
        const chart_point *point = &chart->points[i];
        double centre = place(x, point->x);

        if (!is_drawable(chart, point))
            continue;
        fprintf(page,
                "<g class=\"strip\"><rect x=\"%.1f\" y=\"%g\" width=\"%.1f\" height=\"%g\"/>"
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/><title>%s %.2f: %.4g%s</title></g>\n",
                left, TOP, fmax(centre - left, 0), BOTTOM - TOP, centre, fmin(place(y, point->y), BOTTOM),
                chart->x_name, point->x, point->y, chart->unit);
        left = centre;
    }
}

void chart_write_line(FILE *page, const line_chart *chart)
{
    scale x = {.low = 0, .high = chart->x_high > 0 ? chart->x_high : 1};
    scale y = chart->logarithmic ? decades_around(chart) : (scale){.low = 0, .high = 100};

    x.from = LEFT;
    x.to = RIGHT;
    y.from = BOTTOM;
    y.to = TOP;
    open_drawing(page, chart->name, chart->x_name);
    if (chart->logarithmic)
        write_decades(page, &y);
    else
        write_percent_levels(page, &y);
    write_x_ticks(page, &x);
    if (chart->reference > 0) {
        double level = place(&y, chart->reference);

        fprintf(page,
                "<line class=\"reference\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text class=\"note\" x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                LEFT, RIGHT, level, level, RIGHT, level - 6, chart->reference_name);
    }
    write_curve(page, chart, &x, &y);
    write_hover_strips(page, chart, &x, &y);
    fprintf(page, "</svg>\n");
}

void chart_write_bars(FILE *page, const bar_chart *chart)
{
    scale y = {.low = 0, .high = 100, .from = BOTTOM, .to = TOP};
    double pitch = (RIGHT - LEFT) / (double)chart->count;
    double width = fmin(pitch - 2, 40);

    open_drawing(page, chart->name, chart->x_name);
    write_percent_levels(page, &y);
    for (size_t k = 0; k < chart->count; k++) {
        double centre = LEFT + pitch * ((double)k + 0.5);

        fprintf(page, "<text class=\"tick%s\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%zu</text>",
                k % 2 ? " odd" : "", centre, BOTTOM + 18, k);
        if (chart->totals[k] > 0) {
            double percent = 100 * (double)chart->parts[k] / (double)chart->totals[k];
            double top = place(&y, percent);

            fprintf(page,
                    "<g class=\"bar\"><rect class=\"room\" x=\"%.1f\" y=\"%g\" width=\"%.1f\" "
                    "height=\"%g\"/><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                    "rx=\"2\"/><title>%zu: %zu of %zu right, %.2f %%</title></g>",
                    centre - width / 2, TOP, width, BOTTOM - TOP, centre - width / 2, top, width, BOTTOM - top, k,
                    chart->parts[k], chart->totals[k], percent);
        }
        fprintf(page, "\n");
    }
    fprintf(page, "</svg>\n");
}
