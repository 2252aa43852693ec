#include "rnn_variants.h"

#include "rnn_problem.h"

/* Small enough that some of a problem's values exceed them, large enough that some do not. */
static const double CELL_CLIP = 0.4;
static const double PROJ_CLIP = 0.2;

const reference_activation CELL_ACTIVATIONS[ACTIVATION_COUNT] = {REFERENCE_TANH, REFERENCE_SIGMOID,
                                                                 REFERENCE_RELU, REFERENCE_LINEAR};

static const reference_cell OTHERS[OTHER_VARIANTS] = {
    {.kind = REFERENCE_BASIC_RNN},
    {.kind = REFERENCE_BASIC_LSTM, .forget_bias = 1.0},
    {.kind = REFERENCE_BASIC_LSTM, .forget_bias = 0.0},
    {.kind = REFERENCE_GRU},
    {.kind = REFERENCE_CUDNN_COMPATIBLE_GRU},
    {.kind = REFERENCE_LAYER_NORM_BASIC_LSTM, .forget_bias = 1.0, .layer_norm = true},
    {.kind = REFERENCE_LAYER_NORM_BASIC_LSTM, .forget_bias = 0.0, .layer_norm = true},
    {.kind = REFERENCE_LAYER_NORM_BASIC_LSTM, .forget_bias = 1.0, .layer_norm = false},
    {.kind = REFERENCE_LAYER_NORM_BASIC_LSTM, .forget_bias = 0.0, .layer_norm = false},
    {.kind = REFERENCE_COUPLED_INPUT_FORGET_LSTM, .forget_bias = 1.0},
    {.kind = REFERENCE_COUPLED_INPUT_FORGET_LSTM, .forget_bias = 0.0},
};

reference_cell rnn_variant(size_t variant, reference_activation activation)
{
    reference_cell cell = {0};

    if (variant < LSTM_VARIANTS) {
        cell.kind = REFERENCE_LSTM;
        cell.use_peepholes = variant & 1;
        cell.cell_clip = variant & 2 ? CELL_CLIP : 0.0;
        cell.num_proj = variant & 4 ? PROBLEM_PROJECTION : 0;
        cell.proj_clip = variant & 8 ? PROJ_CLIP : 0.0;
        cell.forget_bias = variant & 16 ? 0.0 : 1.0;
    } else {
        cell = OTHERS[variant - LSTM_VARIANTS];
    }
    cell.input = PROBLEM_INPUT;
    cell.units = PROBLEM_UNITS;
    cell.activation = activation;
    return cell;
}
