/* A model from the inside. */
#ifndef LSTM__MODEL_H
#define LSTM__MODEL_H

#include <lstm/dense.h>
#include <lstm/model.h>
#include <lstm/safetensors.h>

#include "params.h"

#include <stdatomic.h>

typedef struct lstm__model_layer {
    lstm_rnn *rnn; /* NULL: a dense layer */
    lstm_dense *dense;
    lstm_dense *logits; /* of the last layer: the same without its activation */
    bool returns_last;
    bool reads_padding; /* a dense layer behind a recurrent one */
    bool by_row;        /* its input and output are [batch][width] */
    size_t input_size, output_size;
    size_t first_state; /* its first leaf among the model's */
} lstm__model_layer;

struct lstm_model {
    atomic_size_t references;
    lstm_context *context;
    lstm__layout *layout;
    char *graph;
    size_t states, layer_count;
    lstm__model_layer layers[];
};

void lstm__model_retain(lstm_model *model);

/* An open store that has exactly the model's variables, in order: their names. */
lstm_status lstm__model_names(const char *function, const lstm_model *model, lstm_params **names);

/* lstm_model_open from a file that is open already; where begins the messages. */
lstm_status lstm__model_open_file(const char *where, lstm_context *context, const lstm_safetensors *file,
                                  lstm_model **model, lstm_params **params);

#endif
