/* The JSON graph of a model, read into cells and a list of layers. */
#ifndef LSTM__GRAPH_H
#define LSTM__GRAPH_H

#include <lstm/rnn.h>

enum { LSTM__MAX_SCOPE = 255 };

/* What stands in one layer of the graph. */
typedef struct lstm__graph_layer {
    char scope[LSTM__MAX_SCOPE + 1];
    lstm_cell *forward, *backward; /* backward: of a bidirectional layer; a dense one has no cells */
    lstm_merge merge;
    bool returns_last;
    size_t units; /* of a dense layer */
    lstm_activation activation;
    bool no_bias;
} lstm__graph_layer;

typedef struct lstm__graph {
    lstm_context *context;
    size_t input_size, count;
    lstm__graph_layer *layers;
} lstm__graph;

/* Read the text. Release the graph by lstm__graph_release, also after a failure. */
lstm_status lstm__graph_read(const char *function, lstm_context *context, const char *text, lstm__graph *graph);
void lstm__graph_release(lstm__graph *graph);

#endif
