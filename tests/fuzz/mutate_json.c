#include "mutate_json.h"

#include <stdlib.h>
#include <string.h>

/* What headers and graphs are made of. */
static const char *const words[] = {"F32",
                                    "F16",
                                    "BF16",
                                    "F64",
                                    "I64",
                                    "I32",
                                    "U64",
                                    "U8",
                                    "BOOL",
                                    "F4",
                                    "F6_E2M3",
                                    "C64",
                                    "F8_E4M3",
                                    "dtype",
                                    "shape",
                                    "data_offsets",
                                    "__metadata__",
                                    "lstm.format",
                                    "lstm.version",
                                    "lstm.model",
                                    "lstm.checksum",
                                    "model",
                                    "params",
                                    "checkpoint",
                                    "1",
                                    "2",
                                    "crc32:00000000",
                                    "input_size",
                                    "layers",
                                    "type",
                                    "scope",
                                    "return",
                                    "cell",
                                    "cells",
                                    "units",
                                    "num_units",
                                    "activation",
                                    "use_bias",
                                    "forget_bias",
                                    "use_peepholes",
                                    "cell_clip",
                                    "num_proj",
                                    "proj_clip",
                                    "layer_norm",
                                    "forward",
                                    "backward",
                                    "merge",
                                    "rnn",
                                    "bidirectional_rnn",
                                    "dense",
                                    "multi_rnn",
                                    "residual",
                                    "basic_rnn",
                                    "basic_lstm",
                                    "lstm",
                                    "gru",
                                    "cudnn_compatible_gru",
                                    "layer_norm_basic_lstm",
                                    "sequence",
                                    "last",
                                    "concat",
                                    "sum",
                                    "linear",
                                    "tanh",
                                    "sigmoid",
                                    "relu",
                                    "softmax",
                                    "selftest/0/inputs",
                                    "selftest/0/outputs",
                                    "selftest/0/sequence_length",
                                    "selftest/1/inputs",
                                    "checkpoint/step",
                                    "checkpoint/best_metric",
                                    "rnn/lstm_cell/kernel",
                                    "dense/kernel",
                                    "dense/bias",
                                    "bias",
                                    "kernel",
                                    "weight_ih_l0",
                                    "weight_hh_l0",
                                    "bias_ih_l0",
                                    "bias_hh_l0",
                                    "weight_hr_l0",
                                    "weight_ih_l0_reverse",
                                    "",
                                    "a/b",
                                    "a//b",
                                    "\xC3\xA4",
                                    "\x01"};

static json_t *random_value(uint64_t *state)
{
    static const json_int_t integers[] = {0,
                                          1,
                                          2,
                                          3,
                                          4,
                                          5,
                                          6,
                                          7,
                                          8,
                                          12,
                                          16,
                                          24,
                                          255,
                                          65536,
                                          0x7FFFFFFF,
                                          0x80000000,
                                          0x100000000,
                                          (json_int_t)1 << 53,
                                          (json_int_t)1 << 62,
                                          0x7FFFFFFFFFFFFFFF,
                                          -1};
    static const double reals[] = {0.0, -0.0, 0.5, 1.0, 2.0, 3.0, -1.0, 1e-46, 1e39, 1e300, 9007199254740992.0, 1.9e19};
    switch (fuzz_random(state, 8)) {
    case 0: return json_null();
    case 1: return json_boolean(fuzz_random(state, 2));
    case 2: return json_real(reals[fuzz_random(state, sizeof reals / sizeof *reals)]);
    case 3: return fuzz_random(state, 2) ? json_array() : json_object();
    case 4:
    case 5: return json_string(words[fuzz_random(state, sizeof words / sizeof *words)]);
    default: return json_integer(integers[fuzz_random(state, sizeof integers / sizeof *integers)]);
    }
}

/* A place below the root: of an object by key, of an array by index. */
typedef struct place {
    json_t *parent;
    const char *key;
    size_t index;
} place;

typedef struct places {
    place list[512];
    size_t count;
} places;

static void collect(json_t *value, places *all)
{
    const char *key;
    json_t *child;
    size_t index;
    if (json_is_object(value)) {
        json_object_foreach (value, key, child) {
            if (all->count < sizeof all->list / sizeof *all->list)
                all->list[all->count++] = (place){value, key, 0};
            collect(child, all);
        }
    } else {
        json_array_foreach(value, index, child)
        {
            if (all->count < sizeof all->list / sizeof *all->list)
                all->list[all->count++] = (place){value, NULL, index};
            collect(child, all);
        }
    }
}

static json_t *at(const place *p)
{
    return p->key ? json_object_get(p->parent, p->key) : json_array_get(p->parent, p->index);
}

/* Takes over the value; NULL changes nothing. */
static void put(const place *p, json_t *value)
{
    if (value && p->key)
        json_object_set_new(p->parent, p->key, value);
    else if (value)
        json_array_set_new(p->parent, p->index, value);
}

static void drop(const place *p)
{
    if (p->key)
        json_object_del(p->parent, p->key);
    else
        json_array_remove(p->parent, p->index);
}

/* Put a value beside another one: under a word, or under the same key with a byte more. */
static void insert(const place *p, json_t *value, uint64_t *state)
{
    char longer[300];
    if (!p->key) {
        json_array_insert_new(p->parent, p->index, value);
    } else if (fuzz_random(state, 2) && strlen(p->key) < sizeof longer - 2) {
        strcat(strcpy(longer, p->key), "2");
        json_object_set_new(p->parent, longer, value);
    } else {
        json_object_set_new(p->parent, words[fuzz_random(state, sizeof words / sizeof *words)], value);
    }
}

static void rename_key(const place *p, uint64_t *state)
{
    if (!p->key)
        return;
    json_t *value = json_deep_copy(at(p));
    drop(p);
    json_object_set_new(p->parent, words[fuzz_random(state, sizeof words / sizeof *words)], value);
}

static void change(const place *p, uint64_t *state)
{
    const json_t *value = at(p);
    const json_int_t n = json_integer_value(value);
    if (json_is_integer(value) && n > -(1 << 30) && n < 1 << 30)
        put(p, json_integer(fuzz_random(state, 2) ? n + (json_int_t)fuzz_random(state, 5) - 2 : 2 * n));
    else if (json_is_boolean(value))
        put(p, json_boolean(!json_is_true(value)));
    else
        put(p, random_value(state));
}

/* The text of an object, such as a graph, has changes inside. */
static bool change_inside(const place *p, uint64_t *state)
{
    const char *text = json_string_value(at(p));
    json_t *inner = text && *text == '{' && fuzz_random(state, 8) ? json_loads(text, 0, NULL) : NULL;
    if (!inner)
        return false;
    fuzz_mutate_json(inner, state);
    char *changed = json_dumps(inner, JSON_COMPACT);
    if (changed)
        put(p, json_string(changed));
    free(changed);
    json_decref(inner);
    return true;
}

/* A graph in the metadata, or NULL: it is worth more than one place among many. */
static const place *text_of_object(const places *all)
{
    for (size_t k = 0; k < all->count; k++) {
        const char *text = json_string_value(at(&all->list[k]));
        if (text && *text == '{')
            return &all->list[k];
    }
    return NULL;
}

void fuzz_mutate_json(json_t *root, uint64_t *state)
{
    places all = {.count = 0};
    collect(root, &all);
    if (!all.count)
        return;
    const place *p = &all.list[fuzz_random(state, all.count)], *q = &all.list[fuzz_random(state, all.count)];
    const place *graph = text_of_object(&all);
    if (graph && fuzz_random(state, 3) == 0)
        p = graph;
    if (change_inside(p, state))
        return;
    switch (fuzz_random(state, 8)) {
    case 0: put(p, random_value(state)); break;
    case 1: drop(p); break;
    case 2: put(p, json_deep_copy(at(q))); break;
    case 3: insert(p, random_value(state), state); break;
    case 4: insert(p, json_deep_copy(at(q)), state); break;
    case 5: rename_key(p, state); break;
    default: change(p, state); break;
    }
}
