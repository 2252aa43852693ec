#include "report.h"

#include "chart.h"
#include "unit_chart.h"

#include <inttypes.h>
#include <math.h>

enum { UNIT_CURVES = 6 };

static const char page_head[] = "<!DOCTYPE html>\n"
                                "<html lang=\"en\">\n"
                                "<head>\n"
                                "<meta charset=\"utf-8\">\n"
                                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                                "<meta name=\"color-scheme\" content=\"light dark\">\n";

static const char style[] =
    "<style>\n"
    ":root { --page: #f6f6f3; --card: #ffffff; --ink: #1d2127; --soft: #5c6470; --line: #e2e4e8;\n"
    "  --base: #b9bec6; --data: #2a66b0; --room: #eef1f5; --compare: #a6581c; }\n"
    "@media (prefers-color-scheme: dark) { :root { --page: #14161a; --card: #1d2025;\n"
    "  --ink: #e7e9ec; --soft: #9ba4b0; --line: #30353d; --base: #565e6a; --data: #6ba8ec;\n"
    "  --room: #262a31; --compare: #e09a5c; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0 auto; max-width: 1080px; padding: 32px 20px 48px; background: var(--page);\n"
    "  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }\n"
    "h1 { margin: 0; font-size: 26px; line-height: 1.25; }\n"
    "h2 { margin: 0 0 2px; font-size: 16px; }\n"
    "p { margin: 0; color: var(--soft); }\n"
    ".tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr));\n"
    "  gap: 12px; margin: 20px 0 12px; }\n"
    ".cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%),"
    " 1fr));\n"
    "  gap: 12px; align-items: start; margin-bottom: 12px; }\n"
    ".stack { display: grid; grid-template-columns: minmax(0, 1fr); gap: 12px; }\n"
    ".tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px;\n"
    "  padding: 14px 18px; }\n"
    ".tile b { display: block; font-size: 26px; line-height: 1.3; font-weight: 600; }\n"
    ".tile span, .card p { color: var(--soft); font-size: 13px; }\n"
    "svg { display: block; width: 100%; height: auto; margin-top: 8px;\n"
    "  font: 12px system-ui, sans-serif; }\n"
    "svg .grid, svg .base { stroke: var(--line); }\n"
    "svg .base { stroke: var(--base); }\n"
    "svg .tick, svg .axis { fill: var(--soft); font-variant-numeric: tabular-nums; }\n"
    "svg .note { fill: var(--compare); }\n"
    "svg .reference { stroke: var(--compare); stroke-dasharray: 5 4; }\n"
    "svg .curve { fill: none; stroke: var(--data); stroke-width: 2; stroke-linejoin: round;\n"
    "  stroke-linecap: round; }\n"
    "svg .strip rect { fill: transparent; }\n"
    "svg .strip circle { fill: var(--data); stroke: var(--card); stroke-width: 2; opacity: 0; }\n"
    "svg .strip:hover circle, svg .strip:last-of-type circle { opacity: 1; }\n"
    "svg .bar rect { fill: var(--data); }\n"
    "svg .bar rect.room { fill: var(--room); }\n"
    "svg .bar:hover rect:not(.room) { fill: var(--ink); }\n"
    "svg .above { fill: var(--data); }\n"
    "svg .below { fill: var(--compare); }\n"
    "svg.map rect:hover { stroke: var(--ink); }\n"
    "svg .band { fill: var(--data); fill-opacity: 0.2; }\n"
    ".figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr));\n"
    "  gap: 12px; margin-top: 8px; }\n"
    "figure { margin: 0; }\n"
    "figure svg { font-size: 14px; }\n"
    "figcaption { font-size: 13px; font-weight: 600; }\n"
    "table { width: 100%; margin-top: 8px; border-collapse: collapse;\n"
    "  font-variant-numeric: tabular-nums; }\n"
    "th, td { padding: 4px 0 4px 16px; border-bottom: 1px solid var(--line); text-align: right; }\n"
    "th { color: var(--soft); font-size: 13px; font-weight: 500; }\n"
    "th:first-child, td:first-child { padding-left: 0; text-align: left; }\n"
    "tr:last-child td { border-bottom: 0; }\n"
    "tr.strong td { font-weight: 600; }\n"
    ".wide { overflow-x: auto; }\n"
    ".tall { max-height: 420px; overflow-y: auto; }\n"
    ".confusion { line-height: 1.3; table-layout: fixed; }\n"
    ".confusion th, .confusion td { padding: 3px 2px; font-size: 11px; }\n"
    ".confusion th:first-child { position: sticky; left: 0; background: var(--card);\n"
    "  text-align: right; }\n"
    ".right { background: rgb(42 102 176 / var(--shade)); }\n"
    ".wrong { background: rgb(217 108 30 / var(--shade)); }\n"
    "pre { margin: 8px 0 0; font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap;\n"
    "  overflow-wrap: anywhere; }\n"
    "@media (max-width: 640px) {\n"
    "  body { padding: 20px 12px 32px; }\n"
    "  .tile, .card { padding: 12px; }\n"
    "  svg { font-size: 17px; }\n"
    "  svg .odd { display: none; }\n"
    "  .figures { grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); }\n"
    "  figure svg { font-size: 19px; }\n"
    "}\n"
    "</style>\n";

/* The curves' points, one array for each. */
typedef struct curves {
    chart_point loss[TRAINING_MAX_POINTS], accuracy[TRAINING_MAX_POINTS];
    size_t count;
} curves;

static curves collect_curves(const training_record *training)
{
    curves collected = {.count = (size_t)training->point_count};

    for (size_t i = 0; i < training->point_count; i++) {
        const training_point *point = &training->points[i];

        collected.loss[i] = (chart_point){point->epochs, point->loss};
        collected.accuracy[i] = (chart_point){point->epochs, 100 * point->accuracy};
    }
    return collected;
}

static void write_heading(FILE *page, const counting_result *result)
{
    const counting_options *options = &result->options;
    const training_epoch *last = &result->training.last;

    fprintf(page, "<title>Counting ones: %s of %zu units</title>\n", options->cell, options->units);
    fputs(style, page);
    fprintf(page,
            "</head>\n<body>\n<h1>Counting ones in %zu bits</h1>\n"
            "<p>A recurrent network reads a sequence of %zu bits, one at a time, and says how many "
            "of them are 1.<br>",
            options->bits, options->bits);
    if (options->layers > 1)
        fprintf(page, "%zu layers of ", options->layers);
    fprintf(page, "%s of %zu units, %zu weights, trained with %s on %zu sequences for ", options->cell, options->units,
            result->weights, options->optimizer, options->train);
    if (last->epoch == options->epochs && last->steps == options->train / options->batch)
        fprintf(page, "%zu epoch%s.</p>\n", options->epochs, options->epochs == 1 ? "" : "s");
    else
        fprintf(page, "%" PRIu64 " of %zu epochs, interrupted after step %" PRIu64 " of the last.</p>\n", last->epoch,
                options->epochs, last->steps);
}

/* A loss in few characters, even if training went astray. */
static void format_loss(double loss, char *text, size_t size)
{
    snprintf(text, size, loss < 1e6 ? "%.4f" : "%.3g", loss);
}

static void write_tile(FILE *page, const char *figure, const char *meaning)
{
    fprintf(page, "<div class=\"tile\"><b>%s</b><span>%s</span></div>\n", figure, meaning);
}

static void write_tiles(FILE *page, const counting_result *result)
{
    const evaluation *test = &result->test;
    char figure[64], meaning[96];

    fprintf(page, "<div class=\"tiles\">\n");
    if (test->sequences > 0) {
        snprintf(figure, sizeof figure, "%.3f %%", 100 * test->accuracy);
        write_tile(page, figure, "of the test sequences counted right");
        snprintf(figure, sizeof figure, "%zu", test->sequences - test->correct);
        snprintf(meaning, sizeof meaning, "wrong, of %zu never seen in training", test->sequences);
        write_tile(page, figure, meaning);
        format_loss(test->loss, figure, sizeof figure);
        write_tile(page, figure, "test loss, nats per sequence");
    } else {
        write_tile(page, "none", "test sequences: all were for training");
    }
    snprintf(figure, sizeof figure, "%.1f s", result->training.seconds);
    snprintf(meaning, sizeof meaning, "of training, on %zu thread%s (%s)", result->threads,
             result->threads == 1 ? "" : "s", result->isa);
    write_tile(page, figure, meaning);
    fprintf(page, "</div>\n");
}

static void write_curves(FILE *page, const counting_result *result)
{
    curves collected = collect_curves(&result->training);
    size_t count = collected.count;
    line_chart chart = {
        .name = "training loss over epochs",
        .x_name = "epoch",
        .unit = " nats",
        .x_high = count > 0 ? collected.loss[count - 1].x : 1,
        .logarithmic = true,
        .reference = result->baselines.label_entropy,
        .reference_name = "knowing the classes' frequencies only",
        .points = collected.loss,
        .count = count,
    };

    fprintf(page, "<div class=\"card\"><h2>Training loss</h2><p>mean cross entropy per sequence, "
                  "in nats, on a logarithmic scale</p>\n");
    chart_write_line(page, &chart);
    fprintf(page, "</div>\n<div class=\"card\"><h2>Training accuracy</h2><p>share counted right, "
                  "each before the step that it was seen in</p>\n");
    chart.name = "training accuracy over epochs";
    chart.unit = " %";
    chart.logarithmic = false;
    chart.reference = 100 * result->baselines.majority_share;
    chart.reference_name = "always the most frequent class";
    chart.points = collected.accuracy;
    chart_write_line(page, &chart);
    fprintf(page, "</div>\n");
}

static void write_class_chart(FILE *page, const counting_result *result)
{
    const bar_chart chart = {
        .name = "test accuracy by number of ones",
        .x_name = "ones in the sequence",
        .totals = result->test.class_sequences,
        .parts = result->test.class_correct,
        .count = result->options.bits + 1,
    };

    fprintf(page, "<div class=\"card\"><h2>Test accuracy by number of ones</h2><p>sequences of "
                  "very few or very many ones are rare in the data</p>\n");
    chart_write_bars(page, &chart);
    fprintf(page, "</div>\n");
}

static void write_class_table(FILE *page, const counting_result *result)
{
    const evaluation *test = &result->test;

    fprintf(page, "<div class=\"card\"><h2>By number of ones</h2>\n<table>\n<tr><th>ones</th>"
                  "<th>test sequences</th><th>right</th><th>accuracy</th></tr>\n");
    for (size_t k = 0; k <= result->options.bits; k++) {
        size_t sequences = test->class_sequences[k], right = test->class_correct[k];

        fprintf(page, "<tr><td>%zu</td><td>%zu</td><td>%zu</td>", k, sequences, right);
        if (sequences > 0)
            fprintf(page, "<td>%.2f %%</td></tr>\n", 100 * (double)right / (double)sequences);
        else
            fprintf(page, "<td>&ndash;</td></tr>\n");
    }
    fprintf(page, "</table></div>\n");
}

static void write_comparison(FILE *page, const counting_result *result)
{
    const baselines *found = &result->baselines;
    char loss[32];

    fprintf(page, "<div class=\"card\"><h2>Compared with not looking</h2>\n<table>\n"
                  "<tr><th></th><th>accuracy</th><th>loss (nats)</th></tr>\n");
    if (result->test.sequences > 0) {
        format_loss(result->test.loss, loss, sizeof loss);
        fprintf(page, "<tr class=\"strong\"><td>this network</td><td>%.2f %%</td><td>%s</td></tr>\n",
                100 * result->test.accuracy, loss);
    }
    fprintf(page,
            "<tr><td>always %zu</td><td>%.2f %%</td><td>&ndash;</td></tr>\n"
            "<tr><td>the classes' frequencies</td><td>&ndash;</td><td>%.4f</td></tr>\n"
            "<tr><td>all classes alike</td><td>%.2f %%</td><td>%.4f</td></tr>\n"
            "</table></div>\n",
            found->majority_class, 100 * found->majority_share, found->label_entropy, 100 * found->uniform_share,
            found->uniform_loss);
}

static void write_epochs(FILE *page, const counting_result *result)
{
    fprintf(page, "<div class=\"card\"><h2>Epochs</h2>\n<div class=\"tall\" "
                  "tabindex=\"0\"><table>\n<tr><th>epoch</th><th>loss</th>"
                  "<th>accuracy</th><th>steps</th><th>seconds</th></tr>\n");
    for (size_t i = 0; i < result->training.epoch_count; i++) {
        const training_epoch *epoch = &result->training.epochs[i];
        char loss[32];

        format_loss(epoch->loss, loss, sizeof loss);
        fprintf(page, "<tr><td>%" PRIu64 "</td><td>%s</td><td>%.2f %%</td><td>%" PRIu64 "</td><td>%.1f</td></tr>\n",
                epoch->epoch, loss, 100 * epoch->accuracy, epoch->steps, epoch->seconds);
    }
    fprintf(page, "</table></div></div>\n");
}

static void write_settings(FILE *page, const counting_result *result)
{
    const counting_options *options = &result->options;

    fprintf(page,
            "<div class=\"card\"><h2>Settings</h2>\n<table>\n"
            "<tr><td>cell</td><td>%s</td></tr>\n<tr><td>units</td><td>%zu</td></tr>\n"
            "<tr><td>layers</td><td>%zu</td></tr>\n<tr><td>weights</td><td>%zu</td></tr>\n<tr><td>bits</td><td>%zu</"
            "td></tr>\n"
            "<tr><td>training sequences</td><td>%zu</td></tr>\n"
            "<tr><td>batch</td><td>%zu</td></tr>\n<tr><td>epochs</td><td>%zu</td></tr>\n"
            "<tr><td>optimizer</td><td>%s</td></tr>\n<tr><td>learning rate</td><td>%g, falling to 0 over the last "
            "third</td></tr>\n"
            "<tr><td>seed</td><td>%" PRIu64 "</td></tr>\n</table></div>\n",
            options->cell, options->units, options->layers, result->weights, options->bits, options->train,
            options->batch, options->epochs, options->optimizer, (double)options->learning_rate, options->seed);
}

/* How strong the colour of a count is: by its logarithm, so that few errors among many answers can be seen. */
static double shade(size_t count, size_t most)
{
    return 0.08 + 0.42 * log((double)count) / log((double)most + 1);
}

static void write_confusion(FILE *page, const counting_result *result)
{
    const evaluation *test = &result->test;
    const size_t bits = result->options.bits;
    size_t most = 1;

    for (size_t k = 0; k <= bits; k++)
        most = test->class_sequences[k] > most ? test->class_sequences[k] : most;
    fprintf(page,
            "<div class=\"card\"><h2>What was answered</h2><p>test sequences by the ones in them, and by the "
            "answer; errors stand beside the diagonal</p>\n"
            "<div class=\"wide\" tabindex=\"0\">\n<table class=\"confusion\" style=\"min-width:%zupx\">\n"
            "<tr><th>ones</th>",
            (bits + 2) * (10 + 7 * (size_t)log10((double)most)));
    for (size_t said = 0; said <= bits; said++)
        fprintf(page, "<th>%zu</th>", said);
    fprintf(page, "</tr>\n");
    for (size_t k = 0; k <= bits; k++) {
        fprintf(page, "<tr><th>%zu</th>", k);
        for (size_t said = 0; said <= bits; said++)
            if (test->answers[k][said] > 0)
                fprintf(page, "<td class=\"%s\" style=\"--shade:%.2f\">%zu</td>", said == k ? "right" : "wrong",
                        shade(test->answers[k][said], most), test->answers[k][said]);
            else
                fprintf(page, "<td></td>");
        fprintf(page, "</tr>\n");
    }
    fprintf(page, "</table></div></div>\n");
}

static void write_units(FILE *page, const hidden_units *units)
{
    const size_t on_map = units->units < UNIT_CHART_MAP_UNITS ? units->units : UNIT_CHART_MAP_UNITS;
    const size_t shown = units->units < UNIT_CURVES ? units->units : UNIT_CURVES;

    fprintf(page,
            "<div class=\"cards\">\n<div class=\"card\"><h2>What the cell counts</h2><p>a row for each of %zu units of "
            "the last layer: its mean output when so many ones were seen, over all steps of %zu test sequences; those "
            "that go with the count most closely are on top</p>\n",
            on_map, units->sequences);
    unit_chart_write_map(page, units);
    fprintf(page, "</div>\n<div class=\"card\"><h2>The units that follow the count</h2><p>mean output and standard "
                  "deviation by ones seen; r: correlation of output and ones</p>\n<div class=\"figures\">\n");
    for (size_t k = 0; k < shown; k++)
        unit_chart_write_curve(page, units, units->order[k]);
    fprintf(page, "</div></div>\n</div>\n");
}

void report_write(FILE *page, const counting_result *result, const hidden_units *units)
{
    char line[1024];

    fputs(page_head, page);
    write_heading(page, result);
    write_tiles(page, result);
    fprintf(page, "<div class=\"cards\">\n");
    write_curves(page, result);
    fprintf(page, "</div>\n<div class=\"cards\">\n<div class=\"stack\">\n");
    if (result->test.sequences > 0)
        write_class_chart(page, result);
    write_comparison(page, result);
    write_settings(page, result);
    fprintf(page, "</div>\n<div class=\"stack\">\n");
    if (result->test.sequences > 0)
        write_class_table(page, result);
    write_epochs(page, result);
    result_format(result, line, sizeof line);
    fprintf(page, "</div>\n</div>\n");
    if (units != NULL)
        write_units(page, units);
    fprintf(page, "<div class=\"stack\">\n");
    if (result->test.sequences > 0)
        write_confusion(page, result);
    fprintf(page, "<div class=\"card\"><h2>Result</h2><pre>%s</pre></div>\n</div>\n", line);
    fprintf(page, "</body>\n</html>\n");
}
