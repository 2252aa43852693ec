#include "wrapped.h"

#include "testing.h"

#include <string.h>

lstm_cell *wrap_multi(lstm_cell *first, lstm_cell *second)
{
    lstm_cell *cells[2] = {first, second}, *cell;
    ck_ok(lstm_cell_create_multi_rnn(NULL, cells, second ? 2 : 1, &cell));
    lstm_cell_destroy(first);
    lstm_cell_destroy(second);
    return cell;
}

lstm_cell *wrap_residual(lstm_cell *inner)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_residual(NULL, inner, &cell));
    lstm_cell_destroy(inner);
    return cell;
}

lstm_cell *wrap_highway(lstm_cell *inner)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_highway(NULL, inner, &cell));
    lstm_cell_destroy(inner);
    return cell;
}

lstm_cell *wrap_input_projection(lstm_cell *inner, size_t width, lstm_activation activation)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_input_projection(NULL, inner, width,
                                            LSTM_ARGS(lstm_projection_config, .activation = activation), &cell));
    lstm_cell_destroy(inner);
    return cell;
}

lstm_cell *wrap_output_projection(lstm_cell *inner, size_t width, lstm_activation activation)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_output_projection(NULL, inner, width,
                                             LSTM_ARGS(lstm_projection_config, .activation = activation), &cell));
    lstm_cell_destroy(inner);
    return cell;
}

lstm_cell *wrap_dropout(lstm_cell *inner, const lstm_dropout_config *config)
{
    lstm_cell *cell;
    ck_ok(lstm_cell_create_dropout(NULL, inner, config, &cell));
    lstm_cell_destroy(inner);
    return cell;
}
