/* The library's cells and plans, of those that the oracle knows. */
#include "oracle.h"

static lstm_activation activation_of(reference_activation activation)
{
    static const lstm_activation activations[] = {[REFERENCE_LINEAR] = LSTM_ACTIVATION_LINEAR,
                                                  [REFERENCE_TANH] = LSTM_ACTIVATION_TANH,
                                                  [REFERENCE_SIGMOID] = LSTM_ACTIVATION_SIGMOID,
                                                  [REFERENCE_RELU] = LSTM_ACTIVATION_RELU};
    return activations[activation];
}

static lstm_status make_own(bool training, const reference_cell *r, lstm_cell **cell)
{
    const lstm_optional forget_bias = LSTM_VALUE((float)r->forget_bias);
    const lstm_activation activation = activation_of(r->activation);
    const lstm_basic_rnn_config rnn = {.struct_size = sizeof rnn, .activation = activation};
    const lstm_gru_config gru = {.struct_size = sizeof gru, .activation = activation};
    const lstm_basic_lstm_config basic = {
        .struct_size = sizeof basic, .activation = activation, .forget_bias = forget_bias};
    switch (r->kind) {
    case REFERENCE_BASIC_RNN: return lstm_cell_create_basic_rnn(NULL, r->units, &rnn, cell);
    case REFERENCE_GRU: return lstm_cell_create_gru(NULL, r->units, &gru, cell);
    case REFERENCE_CUDNN_COMPATIBLE_GRU: return lstm_cell_create_cudnn_compatible_gru(NULL, r->units, &gru, cell);
    case REFERENCE_BASIC_LSTM: return lstm_cell_create_basic_lstm(NULL, r->units, &basic, cell);
    case REFERENCE_COUPLED_INPUT_FORGET_LSTM:
        return lstm_cell_create_coupled_input_forget_lstm(NULL, r->units, &basic, cell);
    case REFERENCE_LAYER_NORM_BASIC_LSTM:
        return lstm_cell_create_layer_norm_basic_lstm(
            NULL, r->units,
            LSTM_ARGS(lstm_layer_norm_basic_lstm_config, .activation = activation, .forget_bias = forget_bias,
                      .no_layer_norm = !r->layer_norm, .dropout_keep_prob = training ? 1.0f : 0.5f),
            cell);
    default: break;
    }
    return lstm_cell_create_lstm(NULL, r->units,
                                 LSTM_ARGS(lstm_lstm_config, .activation = activation, .forget_bias = forget_bias,
                                           .use_peepholes = r->use_peepholes, .cell_clip = (float)r->cell_clip,
                                           .num_proj = r->num_proj, .proj_clip = (float)r->proj_clip),
                                 cell);
}

static lstm_cell *make_cell(bool training, const oracle_cell *o)
{
    lstm_cell *inside[ORACLE_MAX_INSIDE] = {NULL}, *cell = NULL;
    const float keep = training ? 1.0f : 0.5f; /* which without training is no dropout either */
    const lstm_projection_config config = {.struct_size = sizeof config, .activation = activation_of(o->activation)};
    for (size_t k = 0; k < o->count; k++)
        inside[k] = make_cell(training, o->inside[k]);
    switch (o->kind) {
    case ORACLE_CELL: ck_ok(make_own(training, &o->cell, &cell)); break;
    case ORACLE_MULTI: ck_ok(lstm_cell_create_multi_rnn(NULL, inside, o->count, &cell)); break;
    case ORACLE_RESIDUAL: ck_ok(lstm_cell_create_residual(NULL, inside[0], &cell)); break;
    case ORACLE_HIGHWAY: ck_ok(lstm_cell_create_highway(NULL, inside[0], &cell)); break;
    case ORACLE_INPUT_PROJECTION:
        ck_ok(lstm_cell_create_input_projection(NULL, inside[0], o->width, &config, &cell));
        break;
    case ORACLE_OUTPUT_PROJECTION:
        ck_ok(lstm_cell_create_output_projection(NULL, inside[0], o->width, &config, &cell));
        break;
    case ORACLE_NO_DROPOUT:
        ck_ok(lstm_cell_create_dropout(
            NULL, inside[0],
            LSTM_ARGS(lstm_dropout_config, .input_keep_prob = keep, .output_keep_prob = keep, .state_keep_prob = keep),
            &cell));
        break;
    }
    for (size_t k = 0; k < o->count; k++)
        lstm_cell_destroy(inside[k]);
    return cell;
}

lstm_rnn *oracle_make(const oracle_plan *plan, const unroll_shape *shape, lstm_params *weights)
{
    const lstm_rnn_config *config = LSTM_ARGS(lstm_rnn_config, .layout = shape->layout, .merge = plan->merge,
                                              .learned_initial_state = plan->learned);
    lstm_cell *fw[ORACLE_MAX_LAYERS] = {NULL}, *bw[ORACLE_MAX_LAYERS] = {NULL};
    lstm_rnn *rnn;
    for (size_t k = 0; k < plan->layers; k++) {
        fw[k] = make_cell(shape->training, plan->fw[k]);
        bw[k] = plan->bw[k] ? make_cell(shape->training, plan->bw[k]) : NULL;
    }
    if (!bw[0])
        ck_ok(lstm_rnn_create(weights, NULL, fw[0], shape->input, config, &rnn));
    else if (plan->layers == 1)
        ck_ok(lstm_rnn_create_bidirectional(weights, NULL, fw[0], bw[0], shape->input, config, &rnn));
    else
        ck_ok(lstm_rnn_create_stack_bidirectional(weights, NULL, fw, bw, plan->layers, shape->input, config, &rnn));
    for (size_t k = 0; k < plan->layers; k++) {
        lstm_cell_destroy(fw[k]);
        lstm_cell_destroy(bw[k]);
    }
    return rnn;
}
