/* The public headers are fit for C++17. */
#include <lstm/array.h>
#include <lstm/batches.h>
#include <lstm/cell.h>
#include <lstm/checkpoint.h>
#include <lstm/context.h>
#include <lstm/ctc.h>
#include <lstm/custom_cell.h>
#include <lstm/dense.h>
#include <lstm/loss.h>
#include <lstm/lstm.h>
#include <lstm/model.h>
#include <lstm/optimizer.h>
#include <lstm/params.h>
#include <lstm/params_file.h>
#include <lstm/random.h>
#include <lstm/raw_rnn.h>
#include <lstm/rnn.h>
#include <lstm/safetensors.h>
#include <lstm/schedule.h>
#include <lstm/status.h>
#include <lstm/stream.h>
#include <lstm/version.h>

#include <iostream>

int main()
{
    lstm_context_config config{};
    config.struct_size = sizeof config;
    config.threads = 2;
    lstm_basic_lstm_config cell_config{};
    cell_config.struct_size = sizeof cell_config;
    cell_config.forget_bias = LSTM_VALUE(0);
    lstm_context *context = nullptr;
    lstm_cell *cell = nullptr;
    if (lstm_context_create(&config, &context) != LSTM_OK ||
        lstm_cell_create_basic_lstm(context, 8, &cell_config, &cell) != LSTM_OK) {
        std::cerr << lstm_error_message() << '\n';
        return 1;
    }
    std::cout << "liblstm " << lstm_version() << '\n';
    lstm_cell_destroy(cell);
    lstm_context_destroy(context);
    return 0;
}
