/* Calls of stores of weights. */
#include "calls.h"

#include <string.h>

static const char *const names[] = {
    "a", "b/c", "rnn/lstm_cell/kernel", "dense/kernel", "dense/bias", "", "a//b", "\x01", "/a", "x"};
static const char *const patterns[] = {"*", "a", "*kernel", "b/?", "nothing", "", "*a*b*"};

static lstm_initializer initializer(caller *c)
{
    return (lstm_initializer){.kind = (lstm_initializer_kind)fuzz_pick(&c->bytes, LSTM_INITIALIZER_IDENTITY + 2),
                              .a = call_number(c),
                              .b = call_number(c),
                              .mode = (lstm_fan_mode)fuzz_pick(&c->bytes, 4),
                              .distribution = (lstm_distribution)fuzz_pick(&c->bytes, 4)};
}

static void create(caller *c)
{
    size_t slot;
    MAKE(c, lstm_params, params, lstm_params_destroy, INVALID,
         lstm_params_create(fuzz_pick(&c->bytes, 2) ? fuzz_context() : any(c, contexts), out));
    (void)slot;
}

static void create_like(caller *c)
{
    size_t slot;
    MAKE(c, lstm_params, params, lstm_params_destroy, INVALID | STATE, lstm_params_create_like(any(c, params), out));
    (void)slot;
}

static void freeze(caller *c)
{
    const lstm_params *params = any(c, params);
    size_t bytes = 0, alignment, slot;
    lstm_status status =
        fuzz_status(lstm_params_freeze_size(params, call_pointer(c, &bytes), &alignment), LSTM_NAME, INVALID | STATE);
    lstm_freeze_config config = {.struct_size = call_struct_size(c, sizeof config)};
    if (!status && fuzz_pick(&c->bytes, 2)) {
        config.memory = call_memory(c, bytes);
        config.memory_size = bytes - (fuzz_pick(&c->bytes, 8) == 1);
    }
    MAKE(c, lstm_params, params, lstm_params_destroy, INVALID | CAPACITY | STATE,
         lstm_params_freeze(params, call_pointer(c, &config), out));
    (void)slot;
}

static void declare(caller *c)
{
    lstm_params *params = any(c, params);
    const lstm_initializer start = initializer(c);
    const size_t rank = fuzz_pick(&c->bytes, 6);
    size_t shape[6] = {1, 1, 1, 1, 1, 1};
    const size_t before = lstm_params_variable_count(params);
    for (size_t k = 0; k < rank; k++)
        shape[k] = fuzz_pick(&c->bytes, 32) == 1 ? call_size(c) : call_small(c) + 1;
    lstm_status status =
        fuzz_status(lstm_params_declare(params, call_pointer(c, (void *)(uintptr_t)fuzz_one_of(&c->bytes, names)), rank,
                                        call_pointer(c, shape), call_pointer(c, (void *)(uintptr_t)&start)),
                    "lstm_params_declare", INVALID | MEMORY | STATE);
    need(lstm_params_variable_count(params) == before + !status);
}

static void set_initializer(caller *c)
{
    const lstm_initializer start = initializer(c);
    fuzz_status(lstm_params_set_initializer(any(c, params), fuzz_one_of(&c->bytes, patterns),
                                            call_pointer(c, (void *)(uintptr_t)&start)),
                "lstm_params_set_initializer", INVALID | STATE);
}

static void set_trainable(caller *c)
{
    fuzz_status(lstm_params_set_trainable(any(c, params), fuzz_one_of(&c->bytes, patterns), fuzz_pick(&c->bytes, 2),
                                          fuzz_pick(&c->bytes, 2)),
                "lstm_params_set_trainable", INVALID | STATE);
}

static void copy(caller *c)
{
    fuzz_status(lstm_params_copy(any(c, params), any(c, params), fuzz_one_of(&c->bytes, patterns)), "lstm_params_copy",
                INVALID | SHAPE | STATE);
}

/* More floats than this in a store are not initialized: it would take time, and show nothing. */
enum { MAX_FLOATS = 100000 };

static bool is_small(const lstm_params *params)
{
    lstm_variable_info info;
    const size_t count = lstm_params_variable_count(params);
    return !count || (!lstm_params_variable(params, count - 1, &info) && info.offset + info.count <= MAX_FLOATS);
}

static void initialize(caller *c)
{
    lstm_params *params = any(c, params);
    const bool was_open = params && !lstm_params_data(params, NULL);
    if (!is_small(params))
        return;
    lstm_status status =
        fuzz_status(lstm_params_initialize(params, call_small(c)), "lstm_params_initialize", INVALID | STATE);
    need(!status || !was_open || !lstm_params_data(params, NULL));
    need(status || lstm_params_data(params, NULL));
}

static void look(caller *c)
{
    const lstm_params *params = any(c, params);
    lstm_variable_info info, found;
    size_t count = 0;
    memset(&info, 0xFF, sizeof info);
    lstm_status status = fuzz_status(lstm_params_variable(params, call_size(c), call_pointer(c, &info)),
                                     "lstm_params_variable", INVALID);
    if (status) {
        need(fuzz_untouched(&info, sizeof info));
    } else {
        need(!lstm_params_find(params, info.name, &found) && found.offset == info.offset);
        const float *values = lstm_params_data(params, &count);
        need(!values || info.offset + info.count <= count);
    }
    fuzz_status(lstm_params_find(params, fuzz_one_of(&c->bytes, names), call_pointer(c, &found)), "lstm_params_find",
                INVALID);
}

static void edit(caller *c)
{
    lstm_params *params = any(c, params);
    size_t count = 0;
    float *values = lstm_params_edit(params, call_pointer(c, &count));
    if (values && count)
        values[count - 1] = call_number(c);
    else
        lstm_params_zero(params);
}

/* To a file and back, into this store or another. */
static void save_and_load(caller *c)
{
    const lstm_params *from = any(c, params);
    lstm_params *to = any(c, params);
    lstm_status status = fuzz_status(lstm_params_save(from, call_pointer(c, (void *)(uintptr_t)fuzz_output_path())),
                                     "lstm_params_save", INVALID | STATE);
    if (!status)
        fuzz_status(lstm_params_load(to, fuzz_output_path()), "lstm_params_load", INVALID | STATE | FORMAT);
}

static void measure(caller *c)
{
    const lstm_params *params = any(c, params);
    double norm = 77.0;
    size_t index = 77;
    lstm_status status = fuzz_status(lstm_variable_norm(params, call_small(c), call_pointer(c, &norm)),
                                     "lstm_variable_norm", INVALID | STATE);
    need(!status || norm == 77.0);
    status =
        fuzz_status(lstm_first_not_finite(params, call_pointer(c, &index)), "lstm_first_not_finite", INVALID | STATE);
    need(status ? index == 77 : index <= lstm_params_variable_count(params));
}

call *const calls_of_params[] = {create,        create, create_like, freeze,     declare, declare, set_initializer,
                                 set_trainable, copy,   initialize,  initialize, look,    edit,    save_and_load,
                                 measure,       NULL};
