#include "cases.h"

#include <fnmatch.h>
#include <string.h>

typedef struct batch_shape {
    const char *name;
    size_t time, batch, input, units;
} batch_shape;

static const batch_shape batch_shapes[] = {
    {"lab", 20, 128, 1, 50},    {"tutorial", 20, 1000, 1, 24}, {"h128", 50, 32, 128, 128},
    {"h256", 50, 64, 256, 256}, {"h512", 50, 64, 512, 512},    {"row_h512", 100, 1, 512, 512},
};

/* The GRU has two forms: TF1's and oneDNN's; and the one that PyTorch has. */
static const struct {
    const char *prefix;
    reference_kind cell;
    size_t shapes; /* the first ones */
} families[] = {
    {"", REFERENCE_LSTM, 6},
    {"gru_", REFERENCE_GRU, 4},
    {"gru_", REFERENCE_CUDNN_COMPATIBLE_GRU, 4},
    {"rnn_", REFERENCE_BASIC_RNN, 4},
};

static const struct {
    size_t units, input;
} streams[] = {{8, 1}, {16, 1}, {24, 1}, {40, 1}, {64, 1}, {128, 128}, {256, 256}};

enum { FAMILIES = sizeof families / sizeof *families, STREAMS = sizeof streams / sizeof *streams };

static bool batch_case(bench_kind kind, size_t *index, bench_case *shape)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        if (*index < families[f].shapes) {
            const batch_shape *b = &batch_shapes[*index];
            *shape = (bench_case){"", kind, families[f].cell, b->time, b->batch, b->input, b->units, false};
            snprintf(shape->name, sizeof shape->name, "%s%s_%s", families[f].prefix, b->name, problem_kind_name(kind));
            return true;
        }
        *index -= families[f].shapes;
    }
    return false;
}

static bool stream_case(bench_kind kind, size_t *index, bench_case *shape)
{
    if (*index >= STREAMS) {
        *index -= STREAMS;
        return false;
    }
    *shape = (bench_case){.kind = kind, .cell = REFERENCE_LSTM, .batch = 1};
    shape->time = kind == BENCH_STREAM ? 1 : BENCH_STREAM_STEPS;
    shape->input = streams[*index].input;
    shape->units = streams[*index].units;
    snprintf(shape->name, sizeof shape->name, "%s_h%zu", problem_kind_name(kind), shape->units);
    return true;
}

bool case_at(size_t index, bench_case *shape)
{
    if (batch_case(BENCH_TRAIN, &index, shape) || batch_case(BENCH_INFER, &index, shape) ||
        stream_case(BENCH_STREAM, &index, shape) || stream_case(BENCH_BLOCK, &index, shape))
        return true;
    if (index > 1)
        return false;
    const bench_kind kind = index == 0 ? BENCH_TRAIN : BENCH_INFER;
    *shape = (bench_case){"", kind, REFERENCE_LSTM, 128, 64, 128, 128, true};
    snprintf(shape->name, sizeof shape->name, "ragged_%s", problem_kind_name(kind));
    return true;
}

bool case_is_wanted(const char *list, const char *name)
{
    if (!list)
        return true;
    while (*list) {
        const size_t length = strcspn(list, ",");
        char pattern[128];
        snprintf(pattern, sizeof pattern, "%.*s", (int)length, list);
        if (fnmatch(pattern, name, 0) == 0)
            return true;
        list += length + (list[length] == ',');
    }
    return false;
}
