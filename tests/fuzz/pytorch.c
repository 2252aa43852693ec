/* Any bytes as a state_dict of PyTorch's: it fills the store, or changes nothing. The first byte says which store, the
 * second how the modules are described. */
#include "fuzz.h"
#include "mutate_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const size_t fuzz_selector_size = 2;

static lstm_cell *make_cell(size_t kind)
{
    lstm_cell *cell;
    switch (kind) {
    case 0: need(!lstm_cell_create_lstm(NULL, 2, NULL, &cell)); break;
    case 1: need(!lstm_cell_create_lstm(NULL, 3, LSTM_ARGS(lstm_lstm_config, .num_proj = 2), &cell)); break;
    case 2: need(!lstm_cell_create_cudnn_compatible_gru(NULL, 2, NULL, &cell)); break;
    case 3: need(!lstm_cell_create_basic_rnn(NULL, 2, NULL, &cell)); break;
    default: need(!lstm_cell_create_gru(NULL, 2, NULL, &cell)); break;
    }
    return cell;
}

/* A plan below "rnn", one of two layers or two directions too, and a dense layer below "head". */
static lstm_params *make_store(size_t store, size_t kind)
{
    lstm_params *params;
    lstm_rnn *rnn;
    lstm_dense *dense;
    lstm_cell *cells[2] = {make_cell(kind), make_cell(kind)}, *stack;
    need(!lstm_cell_create_multi_rnn(NULL, cells, 2, &stack));
    need(!lstm_params_create(fuzz_context(), &params));
    if (store == 0)
        need(!lstm_rnn_create(params, "rnn", cells[0], 2, NULL, &rnn));
    else if (store == 1)
        need(!lstm_rnn_create(params, "rnn", stack, 2, NULL, &rnn));
    else
        need(!lstm_rnn_create_bidirectional(params, "rnn", cells[0], cells[1], 2, NULL, &rnn));
    need(!lstm_dense_create(params, "head", 2, 1, NULL, &dense));
    lstm_cell_destroy(cells[0]);
    lstm_cell_destroy(cells[1]);
    lstm_cell_destroy(stack);
    lstm_rnn_destroy(rnn);
    lstm_dense_destroy(dense);
    return params;
}

/* With other bits set: wrong ones. */
static size_t describe(unsigned how, lstm_pytorch_module *modules)
{
    modules[0] = (lstm_pytorch_module){how & 1 ? "rnn" : NULL, "rnn", {0}};
    modules[1] = (lstm_pytorch_module){"head", "head", {0}};
    if (how & 2)
        modules[0].forget_bias = LSTM_VALUE(how & 4 ? 0.5f : 0.0f);
    if (how & 16)
        modules[1].scope = how & 4 ? "rnn" : "h";
    if (how & 32)
        modules[0].scope = how & 4 ? NULL : "";
    if (how & 64)
        modules[1].forget_bias = LSTM_VALUE(INFINITY);
    return how & 8 ? 1 : 2;
}

/* The file has no tensors beside those of the modules: each layer's weights and, if it has them, biases. */
static void check_all_used(size_t store, size_t kind, const void *bytes, size_t size)
{
    lstm_safetensors *file;
    need(!lstm_safetensors_open_memory(fuzz_context(), bytes, size, &file));
    need(lstm_safetensors_count(file) <= (store ? 2U : 1U) * (kind == 1 ? 5 : 4) + 2);
    lstm_safetensors_destroy(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    lstm_pytorch_module modules[2];
    float before[256];
    size_t count = 0;
    if (size < 2)
        return 0;
    const size_t store = bytes[0] % 3, kind = bytes[0] / 3 % 5;
    const bool sealed = bytes[0] / 15 % 2, wrong = bytes[1] & (16 | 32 | 64);
    const size_t module_count = describe(bytes[1], modules);
    fuzz_memory_begin();
    lstm_params *params = make_store(store, kind);
    if (sealed) {
        need(!lstm_params_initialize(params, 1));
        const float *values = lstm_params_data(params, &count);
        need(count <= sizeof before / sizeof *before);
        memcpy(before, values, count * sizeof *before);
    }
    const size_t taken = fuzz_memory_taken();
    lstm_status status =
        fuzz_status(lstm_params_import_pytorch(params, fuzz_input_path(bytes + 2, size - 2), modules, module_count),
                    "lstm_params_import_pytorch", FORMAT | (wrong ? INVALID : 0));
    need(fuzz_memory_taken() - taken <= 64 * size + 8192);
    const float *after = lstm_params_data(params, NULL);
    if (!status)
        check_all_used(store, kind, bytes + 2, size - 2);
    if (status)
        need(sealed ? !memcmp(before, after, count * sizeof *before) : !after);
    else
        need(after && module_count == 2 && kind < 4);
    lstm_params_destroy(params);
    fuzz_memory_check();
    return 0;
}

/* The tensors of a module: of one layer, or two, or one in both directions. */
typedef struct state_dict {
    lstm_tensor tensors[24];
    size_t shapes[24][2], count;
    char names[24][40];
} state_dict;

static void add(state_dict *s, const char *name, const char *suffix, size_t rows, size_t columns)
{
    static const float values[32] = {0.5f, -0.25f, 1.0f};
    const size_t k = s->count++;
    snprintf(s->names[k], sizeof s->names[k], "%s%s", name, suffix);
    s->shapes[k][0] = rows;
    s->shapes[k][1] = columns;
    s->tensors[k] = (lstm_tensor){s->names[k],  LSTM_DTYPE_F32, columns ? 2 : 1,
                                  s->shapes[k], values,         rows * (columns ? columns : 1) * sizeof *values};
}

static void add_layer(state_dict *s, size_t kind, const char *suffix)
{
    static const size_t gates[] = {4, 4, 3, 1};
    const size_t rows = gates[kind] * (kind == 1 ? 3 : 2);
    add(s, "rnn.weight_ih", suffix, rows, 2);
    add(s, "rnn.weight_hh", suffix, rows, 2);
    add(s, "rnn.bias_ih", suffix, rows, 0);
    add(s, "rnn.bias_hh", suffix, rows, 0);
    if (kind == 1)
        add(s, "rnn.weight_hr", suffix, 2, 3);
}

/* Tensors of all that is in the store, but one module too few, or one tensor too many. */
static void seed_wrong(bool too_many)
{
    state_dict s = {.count = 0};
    add_layer(&s, 0, "_l0");
    if (too_many) {
        add(&s, "head.weight", "", 1, 2);
        add(&s, "head.bias", "", 1, 0);
        add(&s, "tail.bias", "", 1, 0);
    }
    need(!lstm_safetensors_save(NULL, fuzz_output_path(), NULL, 0, s.tensors, s.count));
    fuzz_seed_file(too_many ? "unused" : "not_filled", (const uint8_t[]){0, too_many ? 1 : 1 | 8}, 2,
                   fuzz_output_path());
}

void fuzz_seeds(void)
{
    seed_wrong(false);
    seed_wrong(true);
    static const char *const second[] = {NULL, "_l1", "_l0_reverse"};
    for (size_t store = 0; store < 3; store++)
        for (size_t kind = 0; kind < 4; kind++) {
            char name[32];
            state_dict s = {.count = 0};
            add_layer(&s, kind, "_l0");
            if (store)
                add_layer(&s, kind, second[store]);
            add(&s, "head.weight", "", 1, 2);
            add(&s, "head.bias", "", 1, 0);
            need(!lstm_safetensors_save(NULL, fuzz_output_path(), NULL, 0, s.tensors, s.count));
            snprintf(name, sizeof name, "store_%zu_kind_%zu", store, kind);
            fuzz_seed_file(name, (const uint8_t[]){(uint8_t)(3 * kind + store), 1}, 2, fuzz_output_path());
        }
}
