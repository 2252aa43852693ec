#include "reference.h"

#include <stdlib.h>

/* A variable's name and shape; rows is 0 for a vector, name NULL past the last variable. */
typedef struct variable {
    const char *name;
    size_t rows;
    size_t columns;
} variable;

static bool is_lstm(const reference_cell *cell)
{
    switch (cell->kind) {
    case REFERENCE_BASIC_LSTM:
    case REFERENCE_LSTM:
    case REFERENCE_LAYER_NORM_BASIC_LSTM:
    case REFERENCE_COUPLED_INPUT_FORGET_LSTM:
        return true;
    case REFERENCE_BASIC_RNN:
    case REFERENCE_GRU:
    case REFERENCE_CUDNN_COMPATIBLE_GRU:
        break;
    }
    return false;
}

size_t reference_state_count(const reference_cell *cell)
{
    return is_lstm(cell) ? 2 : 1;
}

size_t reference_output_width(const reference_cell *cell)
{
    bool projects = cell->kind == REFERENCE_LSTM && cell->num_proj > 0;

    return projects ? cell->num_proj : cell->units;
}

size_t reference_state_width(const reference_cell *cell, size_t leaf)
{
    bool is_output = leaf + 1 == reference_state_count(cell);

    return is_output ? reference_output_width(cell) : cell->units;
}

/* The fused kernel and bias of `gates` gates. */
static variable kernel_or_bias(const reference_cell *cell, size_t index, size_t gates)
{
    size_t rows = cell->input + reference_output_width(cell);
    size_t columns = gates * cell->units;

    switch (index) {
    case 0:
        return (variable){"kernel", rows, columns};
    case 1:
        return (variable){"bias", 0, columns};
    default:
        return (variable){NULL, 0, 0};
    }
}

static variable lstm_variable(const reference_cell *cell, size_t index)
{
    static const char *const diagonals[] = {"w_f_diag", "w_i_diag", "w_o_diag"};
    size_t diagonal_count = cell->use_peepholes ? 3 : 0;

    if (index < 2) {
        return kernel_or_bias(cell, index, 4);
    }
    if (index < 2 + diagonal_count) {
        return (variable){diagonals[index - 2], 0, cell->units};
    }
    if (index == 2 + diagonal_count && cell->num_proj > 0) {
        return (variable){"projection/kernel", cell->units, cell->num_proj};
    }
    return (variable){NULL, 0, 0};
}

static variable layer_norm_variable(const reference_cell *cell, size_t index)
{
    static const char *const gains_and_shifts[] = {
        "input/gamma", "input/beta",   "transform/gamma", "transform/beta", "forget/gamma",
        "forget/beta", "output/gamma", "output/beta",     "state/gamma",    "state/beta",
    };

    if (!cell->layer_norm || index == 0) {
        return kernel_or_bias(cell, index, 4);
    }
    if (index <= sizeof gains_and_shifts / sizeof *gains_and_shifts) {
        return (variable){gains_and_shifts[index - 1], 0, cell->units};
    }
    return (variable){NULL, 0, 0};
}

static variable gru_variable(const reference_cell *cell, size_t index)
{
    size_t rows = cell->input + cell->units;

    switch (index) {
    case 0:
        return (variable){"gates/kernel", rows, 2 * cell->units};
    case 1:
        return (variable){"gates/bias", 0, 2 * cell->units};
    case 2:
        return (variable){"candidate/kernel", rows, cell->units};
    case 3:
        return (variable){"candidate/bias", 0, cell->units};
    default:
        return (variable){NULL, 0, 0};
    }
}

static variable cudnn_compatible_gru_variable(const reference_cell *cell, size_t index)
{
    switch (index) {
    case 0:
    case 1:
        return gru_variable(cell, index);
    case 2:
        return (variable){"candidate/input_projection/kernel", cell->input, cell->units};
    case 3:
        return (variable){"candidate/input_projection/bias", 0, cell->units};
    case 4:
        return (variable){"candidate/hidden_projection/kernel", cell->units, cell->units};
    case 5:
        return (variable){"candidate/hidden_projection/bias", 0, cell->units};
    default:
        return (variable){NULL, 0, 0};
    }
}

static variable find_variable(const reference_cell *cell, size_t index)
{
    switch (cell->kind) {
    case REFERENCE_BASIC_RNN:
        return kernel_or_bias(cell, index, 1);
    case REFERENCE_BASIC_LSTM:
        return kernel_or_bias(cell, index, 4);
    case REFERENCE_LSTM:
        return lstm_variable(cell, index);
    case REFERENCE_GRU:
        return gru_variable(cell, index);
    case REFERENCE_CUDNN_COMPATIBLE_GRU:
        return cudnn_compatible_gru_variable(cell, index);
    case REFERENCE_LAYER_NORM_BASIC_LSTM:
        return layer_norm_variable(cell, index);
    case REFERENCE_COUPLED_INPUT_FORGET_LSTM:
        return kernel_or_bias(cell, index, 3);
    }
    abort();
}

size_t reference_variable_count(const reference_cell *cell)
{
    size_t count = 0;

    while (find_variable(cell, count).name != NULL) {
        count++;
    }
    return count;
}

const char *reference_variable_name(const reference_cell *cell, size_t index)
{
    return find_variable(cell, index).name;
}

size_t reference_variable_rows(const reference_cell *cell, size_t index)
{
    return find_variable(cell, index).rows;
}

size_t reference_variable_columns(const reference_cell *cell, size_t index)
{
    return find_variable(cell, index).columns;
}

size_t reference_variable_size(const reference_cell *cell, size_t index)
{
    variable v = find_variable(cell, index);

    return v.rows > 0 ? v.rows * v.columns : v.columns;
}
