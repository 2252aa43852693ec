/* Weights of PyTorch's: its own outputs come out, and what does not fit is named. */
#include "files.h"
#include "golden.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3, TIME = 6, INPUT = 3, CELLS = 16 };

/* The modules of tests/golden/make_pytorch_import.py as plans on one store. */
typedef struct model {
    lstm_params *params;
    lstm_cell *cells[CELLS];
    size_t cell_count;
    lstm_rnn *bilstm, *projected, *gru, *bigru, *relu, *tanh;
    lstm_dense *head;
} model;

static lstm_cell *keep(model *m, lstm_cell *cell)
{
    ck_assert_uint_lt(m->cell_count, CELLS);
    return m->cells[m->cell_count++] = cell;
}

static lstm_cell *lstm(model *m, size_t units, size_t num_proj, float forget_bias)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_lstm(
        NULL, units, LSTM_ARGS(lstm_lstm_config, .num_proj = num_proj, .forget_bias = LSTM_VALUE(forget_bias)), &cell));
    return keep(m, cell);
}

static lstm_cell *two(model *m, lstm_cell *first, lstm_cell *second)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_multi_rnn(NULL, (lstm_cell *const[]){first, second}, 2, &cell));
    return keep(m, cell);
}

static lstm_cell *other(model *m, const char *kind, size_t units, lstm_activation activation)
{
    return keep(m, test_cell(kind, units, activation, 0.0f));
}

/* The GRU's two layers are one plan, or two of the scopes gru_0 and gru_1. */
static model open_model(bool split_gru)
{
    model m = {0};
    ck_ok(lstm_params_create(NULL, &m.params));
    lstm_cell *fw[] = {lstm(&m, 4, 0, 1.0f), lstm(&m, 4, 0, 1.0f)};
    lstm_cell *bw[] = {lstm(&m, 4, 0, 1.0f), lstm(&m, 4, 0, 1.0f)};
    ck_ok(lstm_rnn_create_stack_bidirectional(m.params, "bilstm", fw, bw, 2, INPUT, NULL, &m.bilstm));
    lstm_cell *cell = two(&m, lstm(&m, 5, 2, 0.25f), lstm(&m, 5, 2, 0.25f));
    ck_ok(lstm_rnn_create(m.params, "projected", cell, INPUT, NULL, &m.projected));
    lstm_cell *gru[] = {other(&m, "cudnn_compatible_gru", 4, LSTM_ACTIVATION_TANH),
                        other(&m, "cudnn_compatible_gru", 4, LSTM_ACTIVATION_TANH)};
    if (split_gru) {
        lstm_rnn *second;
        ck_ok(lstm_rnn_create(m.params, "gru_0", gru[0], INPUT, NULL, &m.gru));
        ck_ok(lstm_rnn_create(m.params, "gru_1", gru[1], 4, NULL, &second));
        lstm_rnn_destroy(second);
    } else {
        ck_ok(lstm_rnn_create(m.params, "gru", two(&m, gru[0], gru[1]), INPUT, NULL, &m.gru));
    }
    cell = other(&m, "cudnn_compatible_gru", 3, LSTM_ACTIVATION_TANH);
    ck_ok(lstm_rnn_create_bidirectional(
        m.params, "bigru", cell, other(&m, "cudnn_compatible_gru", 3, LSTM_ACTIVATION_TANH), INPUT, NULL, &m.bigru));
    ck_ok(lstm_rnn_create(m.params, "relu", other(&m, "basic_rnn", 4, LSTM_ACTIVATION_RELU), INPUT, NULL, &m.relu));
    cell = two(&m, other(&m, "basic_rnn", 4, LSTM_ACTIVATION_TANH), other(&m, "basic_rnn", 4, LSTM_ACTIVATION_TANH));
    ck_ok(lstm_rnn_create(m.params, "tanh", cell, INPUT, NULL, &m.tanh));
    ck_ok(lstm_dense_create(m.params, "head", INPUT, 5, NULL, &m.head));
    return m;
}

static void close_model(model *m)
{
    lstm_rnn_destroy(m->bilstm);
    lstm_rnn_destroy(m->projected);
    lstm_rnn_destroy(m->gru);
    lstm_rnn_destroy(m->bigru);
    lstm_rnn_destroy(m->relu);
    lstm_rnn_destroy(m->tanh);
    lstm_dense_destroy(m->head);
    for (size_t k = 0; k < m->cell_count; k++)
        lstm_cell_destroy(m->cells[k]);
    lstm_params_destroy(m->params);
}

static const lstm_pytorch_module modules[] = {
    {"bilstm", "bilstm", {0}}, {"projected", "projected", {true, 0.25f}},
    {"gru", "gru", {0}},       {"bigru", "bigru", {0}},
    {"relu", "relu", {0}},     {"tanh", "tanh", {0}},
    {"head", "head", {0}},
};
enum { MODULES = sizeof modules / sizeof modules[0] };
static const char state_dict[] = GOLDEN_DIR "/pytorch_import.safetensors";

static void check_outputs(const model *m, const golden_case *c, const lstm_rnn *rnn)
{
    size_t count;
    const float *expected = golden_array(c, "outputs", &count);
    float inputs[BATCH * TIME * INPUT], *outputs = test_allocate(count, sizeof *outputs);
    golden_fill((uint32_t)golden_integer(c, "seed", 0), BATCH * TIME * INPUT, 1.0f, inputs);
    if (rnn) {
        lstm_tape *tape;
        ck_assert_uint_eq(count, BATCH * TIME * lstm_rnn_output_size(rnn));
        ck_ok(lstm_tape_create(
            rnn, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME, .inference = true), &tape));
        ck_ok(lstm_dynamic_rnn(
            tape, m->params,
            LSTM_ARGS(lstm_dynamic_rnn_args, .batch = BATCH, .time = TIME, .inputs = inputs, .outputs = outputs)));
        lstm_tape_destroy(tape);
    } else {
        ck_assert_uint_eq(count, BATCH * TIME * 5);
        ck_ok(lstm_dense_forward(m->head, m->params, BATCH * TIME, inputs, outputs));
    }
    ck_close(outputs, expected, count, golden_name(c));
    free(outputs);
}

START_TEST(imported_modules_compute_what_pytorch_computes)
{
    model m = open_model(false);
    ck_ok(lstm_params_import_pytorch(m.params, state_dict, modules, MODULES));
    golden *file = golden_open(GOLDEN_DIR "/pytorch_import.golden");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(golden_case_count(file), MODULES);
    const lstm_rnn *const rnns[] = {m.bilstm, m.projected, m.gru, m.bigru, m.relu, m.tanh, NULL};
    for (size_t k = 0; k < MODULES; k++)
        check_outputs(&m, golden_find(file, modules[k].prefix), rnns[k]);
    golden_close(file);
    close_model(&m);
}
END_TEST

static const float *values_of(const lstm_params *params, const char *name, size_t *count)
{
    lstm_variable_info info;
    ck_ok(lstm_params_find(params, name, &info));
    *count = info.count;
    return lstm_params_data(params, NULL) + info.offset;
}

START_TEST(modules_of_one_prefix_go_on_with_the_layers)
{
    static const char *const names[] = {"cudnn_compatible_gru_cell/gates/kernel",
                                        "cudnn_compatible_gru_cell/candidate/hidden_projection/bias"};
    model whole = open_model(false), split = open_model(true);
    lstm_pytorch_module more[MODULES + 1];
    memcpy(more, modules, sizeof modules);
    more[2].scope = "gru_0";
    more[MODULES] = (lstm_pytorch_module){"gru", "gru_1", {0}};
    ck_ok(lstm_params_import_pytorch(whole.params, state_dict, modules, MODULES));
    ck_ok(lstm_params_import_pytorch(split.params, state_dict, more, MODULES + 1));
    for (size_t layer = 0; layer < 2; layer++)
        for (size_t k = 0; k < 2; k++) {
            char a[200], b[200];
            size_t count, other_count;
            snprintf(a, sizeof a, "gru/multi_rnn_cell/cell_%zu/%s", layer, names[k]);
            snprintf(b, sizeof b, "gru_%zu/%s", layer, names[k]);
            const float *values = values_of(whole.params, a, &count);
            ck_assert(same_bits(values, values_of(split.params, b, &other_count), count));
            ck_assert_uint_eq(count, other_count);
        }
    close_model(&whole);
    close_model(&split);
}
END_TEST

/* A state_dict put together by hand: tensors of F32 with values 1, 2, 3, ... */
typedef struct entry {
    const char *name;
    size_t rank, shape[2];
} entry;

static void write_state_dict(size_t count, const entry *entries, lstm_dtype dtype)
{
    static float data[64];
    lstm_tensor tensors[16];
    for (size_t k = 0; k < 64; k++)
        data[k] = (float)(k + 1);
    for (size_t k = 0; k < count; k++) {
        const size_t elements = entries[k].shape[0] * (entries[k].rank > 1 ? entries[k].shape[1] : 1);
        tensors[k] =
            (lstm_tensor){entries[k].name, dtype, entries[k].rank, entries[k].shape, data, elements * sizeof *data};
    }
    ck_ok(lstm_safetensors_save(NULL, test_path("x"), NULL, 0, tensors, count));
}

static const entry small_lstm[] = {
    {"weight_ih_l0", 2, {4, 2}}, {"weight_hh_l0", 2, {4, 1}}, {"bias_ih_l0", 1, {4}}, {"bias_hh_l0", 1, {4}}};

/* A store of an LSTM of one unit with two inputs, below "rnn". */
static lstm_params *small_store(lstm_rnn **rnn)
{
    lstm_params *params;
    lstm_cell *cell = test_cell("lstm", 1, LSTM_ACTIVATION_TANH, 1.0f);
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, "rnn", cell, 2, NULL, rnn));
    lstm_cell_destroy(cell);
    return params;
}

static const lstm_pytorch_module plain[] = {{NULL, "rnn", {0}}};

START_TEST(gates_are_reordered_matrices_transposed_and_biases_added)
{
    /* weight_ih rows i, f, g, o are 1 2, 3 4, 5 6, 7 8; weight_hh 1, 2, 3, 4; TF1 has i, j, f, o in columns. */
    const float kernel[] = {1, 5, 3, 7, 2, 6, 4, 8, 1, 3, 2, 4};
    const float biases[][4] = {{2, 6, 4 - 1, 8}, {2, 6, 4 - 2.5f, 8}, {0, 0, -1, 0}};
    lstm_pytorch_module module = plain[0];
    for (size_t k = 0; k < 3; k++) {
        lstm_rnn *rnn;
        size_t count;
        lstm_params *params = small_store(&rnn);
        write_state_dict(k == 2 ? 2 : 4, small_lstm, LSTM_DTYPE_F32); /* the last one has no biases */
        module.forget_bias = k == 1 ? LSTM_VALUE(2.5f) : (lstm_optional){0};
        module.prefix = k == 1 ? "" : NULL;
        ck_ok(lstm_params_import_pytorch(params, test_path("x"), &module, 1));
        ck_assert(same_bits(values_of(params, "rnn/lstm_cell/kernel", &count), kernel, 12));
        ck_assert(same_bits(values_of(params, "rnn/lstm_cell/bias", &count), biases[k], 4));
        ck_ok(lstm_params_import_pytorch(params, test_path("x"), &module, 1)); /* on a sealed store: the same */
        ck_assert(same_bits(values_of(params, "rnn/lstm_cell/kernel", &count), kernel, 12));
        ck_assert(same_bits(values_of(params, "rnn/lstm_cell/bias", &count), biases[k], 4));
        lstm_rnn_destroy(rnn);
        lstm_params_destroy(params);
    }
}
END_TEST

/* The state_dict at x is refused with those words, and the store stays as it was, open or sealed. */
static void check_refused(lstm_status expected, const char *words)
{
    lstm_rnn *rnn;
    lstm_params *params = small_store(&rnn);
    ck_fails(lstm_params_import_pytorch(params, test_path("x"), plain, 1), expected, words);
    ck_assert_ptr_null((const void *)lstm_params_data(params, NULL));
    ck_ok(lstm_params_initialize(params, 1));
    const float first = lstm_params_data(params, NULL)[0];
    ck_fails(lstm_params_import_pytorch(params, test_path("x"), plain, 1), expected, words);
    ck_assert_float_eq(lstm_params_data(params, NULL)[0], first);
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
}

START_TEST(missing_unused_and_misshaped_tensors_are_named_and_nothing_changes)
{
    const struct {
        size_t place; /* of the entry that is changed */
        entry changed;
        const char *words;
    } cases[] = {
        {0, {"weight_ih_l1", 2, {4, 2}}, "missing \"weight_ih_l0\" [4, 2]; unused \"weight_ih_l1\" [4, 2]"},
        {1, {"lstm.weight_hh_l0", 2, {4, 1}}, "missing \"weight_hh_l0\" [4, 1]; unused \"lstm.weight_hh_l0\""},
        {2, {"bias_ih_l0_reverse", 1, {4}}, "missing \"bias_ih_l0\" [4]; unused \"bias_ih_l0_reverse\""},
        {3, {"other", 1, {4}}, "missing \"bias_hh_l0\" [4]; unused \"other\" [4]"},
        {0, {"weight_ih_l0", 2, {4, 3}}, "wrong shape of \"weight_ih_l0\" [4, 3], expected [4, 2]"},
        {0, {"weight_ih_l0", 1, {8}}, "wrong shape of \"weight_ih_l0\" [8], expected [4, 2]"},
        {2, {"bias_ih_l0", 1, {3}}, "wrong shape of \"bias_ih_l0\" [3], expected [4]"},
        {2, {"bias_ih_l0", 2, {4, 1}}, "wrong shape of \"bias_ih_l0\" [4, 1], expected [4]"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        entry entries[4];
        memcpy(entries, small_lstm, sizeof entries);
        entries[cases[k].place] = cases[k].changed;
        write_state_dict(4, entries, LSTM_DTYPE_F32);
        check_refused(LSTM_ERR_FORMAT, cases[k].words);
    }
    entry more[5] = {{"weight_hr_l0", 2, {1, 1}}};
    memcpy(more + 1, small_lstm, sizeof small_lstm);
    write_state_dict(5, more, LSTM_DTYPE_F32);
    check_refused(LSTM_ERR_FORMAT, "unused \"weight_hr_l0\" [1, 1]");
    write_state_dict(4, small_lstm, LSTM_DTYPE_I32);
    check_refused(LSTM_ERR_FORMAT, "wrong dtype of \"weight_ih_l0\" [4, 2]: I32");
    remove(test_path("x"));
    check_refused(LSTM_ERR_IO, "No such file");
}
END_TEST

/* A variable below "rnn" that no module of PyTorch's has. */
static void check_unfilled(const char *kind, size_t units, const char *words)
{
    lstm_params *params;
    lstm_rnn *rnn;
    lstm_cell *cell = test_cell(kind, units, LSTM_ACTIVATION_TANH, 1.0f);
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, "rnn", cell, 2, NULL, &rnn));
    ck_fails(lstm_params_import_pytorch(params, test_path("x"), plain, 1), LSTM_ERR_FORMAT, words);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
    lstm_params_destroy(params);
}

START_TEST(cells_that_pytorch_has_not_are_refused_by_name)
{
    write_state_dict(4, small_lstm, LSTM_DTYPE_F32);
    check_unfilled("gru", 1,
                   "not filled \"rnn/gru_cell/gates/kernel\" [3, 2]: PyTorch's GRU is a cudnn_compatible_gru");
    check_unfilled("layer_norm_basic_lstm", 1, "not filled \"rnn/layer_norm_basic_lstm_cell/kernel\"");
    check_unfilled("coupled_input_forget_lstm", 1, "not filled \"rnn/coupled_input_forget_gate_lstm_cell/");
    const entry projected[] = {{"weight_ih_l0", 2, {8, 2}},
                               {"weight_hh_l0", 2, {8, 2}},
                               {"weight_hr_l0", 2, {2, 2}},
                               {"bias_ih_l0", 1, {8}},
                               {"bias_hh_l0", 1, {8}}};
    write_state_dict(5, projected, LSTM_DTYPE_F32);
    check_unfilled("full_lstm", 2, "not filled \"rnn/lstm_cell/w_f_diag\" [2]");
}
END_TEST

START_TEST(arguments_are_checked)
{
    lstm_rnn *rnn;
    lstm_params *params = small_store(&rnn), *frozen, *wide;
    const size_t shape[] = {3, 5};
    const lstm_pytorch_module twice[] = {{NULL, "rnn", {0}}, {NULL, "rnn", {0}}};
    const lstm_pytorch_module none = {NULL, "rn", {0}}, null = {NULL, NULL, {0}}, nan = {NULL, "rnn", {true, NAN}};
    const lstm_status bad = LSTM_ERR_INVALID_ARGUMENT;
    write_state_dict(4, small_lstm, LSTM_DTYPE_F32);
    const char *path = test_path("x");
    ck_fails(lstm_params_import_pytorch(NULL, path, plain, 1), bad, "params is NULL");
    ck_fails(lstm_params_import_pytorch(params, NULL, plain, 1), bad, "path is NULL");
    ck_fails(lstm_params_import_pytorch(params, path, NULL, 1), bad, "modules is NULL");
    ck_fails(lstm_params_import_pytorch(params, path, &null, 1), bad, "modules[0].scope is NULL");
    ck_fails(lstm_params_import_pytorch(params, path, &none, 1), bad, "modules[0].scope \"rn\"");
    ck_fails(lstm_params_import_pytorch(params, path, &nan, 1), bad, "modules[0].forget_bias");
    ck_fails(lstm_params_import_pytorch(params, path, twice, 2), bad,
             "rnn/lstm_cell/kernel\" is below the scopes of two");
    ck_fails(lstm_params_import_pytorch(params, path, plain, 0), LSTM_ERR_FORMAT, "not filled");
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_params_freeze(params, NULL, &frozen));
    ck_fails(lstm_params_import_pytorch(frozen, path, plain, 1), LSTM_ERR_STATE, "frozen");
    /* A kernel that no LSTM has: five columns. */
    ck_ok(lstm_params_create(NULL, &wide));
    ck_ok(lstm_params_declare(wide, "rnn/lstm_cell/kernel", 2, shape, NULL));
    ck_fails(lstm_params_import_pytorch(wide, path, plain, 1), LSTM_ERR_FORMAT, "not filled \"rnn/lstm_cell/kernel\"");
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
    lstm_params_destroy(frozen);
    lstm_params_destroy(wide);
}
END_TEST

Suite *import_pytorch_suite(void)
{
    return test_suite("import_pytorch",
                      (const TTest *const[]){
                          imported_modules_compute_what_pytorch_computes, modules_of_one_prefix_go_on_with_the_layers,
                          gates_are_reordered_matrices_transposed_and_biases_added,
                          missing_unused_and_misshaped_tensors_are_named_and_nothing_changes,
                          cells_that_pytorch_has_not_are_refused_by_name, arguments_are_checked, NULL});
}
