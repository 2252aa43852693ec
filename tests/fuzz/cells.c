#include "cells.h"

enum { MAX_LEVELS = 3, MAX_CELLS = 3 };

static lstm_optional optional(fuzz_bytes *b)
{
    static const float values[] = {0.0f, 1.0f, -0.5f, 3.0f};
    return fuzz_pick(b, 2) ? LSTM_VALUE(fuzz_one_of(b, values)) : (lstm_optional){0};
}

static lstm_activation activation(fuzz_bytes *b)
{
    return (lstm_activation)fuzz_pick(b, LSTM_ACTIVATION_RELU + 1);
}

/* A share, now and then one that is refused. */
static float share(fuzz_bytes *b)
{
    static const float values[] = {0.0f, 0.0f, 0.5f, 0.9f, 1.0f, 0.01f, 0.5f, -1.0f};
    return fuzz_one_of(b, values);
}

/* Often as wide as the input, as residual cells have to be. */
static size_t width(fuzz_bytes *b, size_t input_size)
{
    static const size_t widths[] = {0, 0, 0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 33};
    const size_t chosen = fuzz_one_of(b, widths);
    return chosen ? chosen : input_size;
}

static lstm_status simple_cell(fuzz_bytes *b, size_t kind, size_t units, lstm_cell **cell)
{
    const lstm_basic_lstm_config basic = {
        .struct_size = sizeof basic, .forget_bias = optional(b), .activation = activation(b)};
    const lstm_basic_rnn_config rnn = {.struct_size = sizeof rnn, .activation = basic.activation};
    const lstm_gru_config gru = {.struct_size = sizeof gru, .activation = basic.activation};
    switch (kind) {
    case 0: return lstm_cell_create_basic_rnn(NULL, units, &rnn, cell);
    case 1: return lstm_cell_create_basic_lstm(NULL, units, &basic, cell);
    case 2: return lstm_cell_create_gru(NULL, units, &gru, cell);
    case 3: return lstm_cell_create_cudnn_compatible_gru(NULL, units, &gru, cell);
    default: return lstm_cell_create_coupled_input_forget_lstm(NULL, units, &basic, cell);
    }
}

static lstm_status lstm_with_options(fuzz_bytes *b, size_t units, lstm_cell **cell)
{
    static const float clips[] = {0.0f, 0.0f, 0.25f, 5.0f};
    const lstm_lstm_config config = {.struct_size = sizeof config,
                                     .forget_bias = optional(b),
                                     .activation = activation(b),
                                     .use_peepholes = fuzz_pick(b, 2),
                                     .cell_clip = fuzz_one_of(b, clips),
                                     .num_proj = fuzz_pick(b, 2) ? width(b, units) : 0,
                                     .proj_clip = fuzz_one_of(b, clips)};
    return lstm_cell_create_lstm(NULL, units, &config, cell);
}

static lstm_status layer_norm(fuzz_bytes *b, size_t units, lstm_cell **cell)
{
    const lstm_layer_norm_basic_lstm_config config = {.struct_size = sizeof config,
                                                      .forget_bias = optional(b),
                                                      .activation = activation(b),
                                                      .no_layer_norm = fuzz_pick(b, 2),
                                                      .norm_gain = optional(b),
                                                      .dropout_keep_prob = share(b)};
    return lstm_cell_create_layer_norm_basic_lstm(NULL, units, &config, cell);
}

static lstm_status dropout(fuzz_bytes *b, lstm_cell *inner, lstm_cell **cell)
{
    const lstm_dropout_config config = {.struct_size = sizeof config,
                                        .input_keep_prob = share(b),
                                        .output_keep_prob = share(b),
                                        .state_keep_prob = share(b),
                                        .zoneout = fuzz_pick(b, 3) ? 0.0f : 0.25f,
                                        .variational = fuzz_pick(b, 2),
                                        .whole_batch = fuzz_pick(b, 2),
                                        .drop_all_state = fuzz_pick(b, 2)};
    return lstm_cell_create_dropout(NULL, inner, &config, cell);
}

static lstm_cell *cell_at(fuzz_bytes *b, size_t input_size, size_t level);

static lstm_status multi_rnn(fuzz_bytes *b, size_t input_size, size_t level, lstm_cell **cell)
{
    lstm_cell *cells[MAX_CELLS] = {0};
    const size_t count = fuzz_pick(b, MAX_CELLS) + 1, shared = fuzz_pick(b, 4) == 0;
    for (size_t k = 0; k < count; k++)
        cells[k] = shared && k ? cells[0] : cell_at(b, input_size, level);
    lstm_status status = lstm_cell_create_multi_rnn(NULL, cells, count, cell);
    for (size_t k = 0; k < (shared ? 1 : count); k++)
        lstm_cell_destroy(cells[k]);
    return status;
}

static lstm_status wrapper(fuzz_bytes *b, size_t kind, size_t input_size, size_t level, lstm_cell **cell)
{
    const lstm_projection_config config = {.struct_size = sizeof config, .activation = activation(b)};
    const size_t projected = width(b, input_size);
    lstm_cell *inner = cell_at(b, kind == 3 ? projected : input_size, level);
    lstm_status status;
    switch (kind) {
    case 0: status = dropout(b, inner, cell); break;
    case 1: status = lstm_cell_create_residual(NULL, inner, cell); break;
    case 2: status = lstm_cell_create_highway(NULL, inner, cell); break;
    case 3: status = lstm_cell_create_input_projection(NULL, inner, projected, &config, cell); break;
    default: status = lstm_cell_create_output_projection(NULL, inner, projected, &config, cell); break;
    }
    lstm_cell_destroy(inner);
    return status;
}

/* NULL inside becomes NULL outside: a NULL cell is an invalid argument. */
static lstm_cell *cell_at(fuzz_bytes *b, size_t input_size, size_t level)
{
    enum { OPTIONS = 5, NORM = 6, WRAPPER = 7, MULTI = 12, KINDS = 13 };
    const size_t kind = fuzz_pick(b, level < MAX_LEVELS ? KINDS : WRAPPER);
    lstm_cell *cell = FUZZ_MARK;
    lstm_status status;
    if (kind >= MULTI)
        status = multi_rnn(b, input_size, level + 1, &cell);
    else if (kind >= WRAPPER)
        status = wrapper(b, kind - WRAPPER, input_size, level + 1, &cell);
    else if (kind >= NORM)
        status = layer_norm(b, width(b, input_size), &cell);
    else if (kind >= OPTIONS)
        status = lstm_with_options(b, width(b, input_size), &cell);
    else
        status = simple_cell(b, kind, width(b, input_size), &cell);
    fuzz_status(status, LSTM_NAME, INVALID);
    need(!status == (cell != FUZZ_MARK));
    return status ? NULL : cell;
}

lstm_cell *fuzz_cell(fuzz_bytes *bytes, size_t input_size)
{
    return cell_at(bytes, input_size, 0);
}
