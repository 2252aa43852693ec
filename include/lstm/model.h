/* A network described by a JSON graph: made, run, trained, saved and opened. SPDX-License-Identifier: MIT */
#ifndef LSTM_MODEL_H
#define LSTM_MODEL_H

#include <lstm/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Layers in a row, recurrent and dense, bound to names in a store. Immutable, any number of threads. The graph's keys and
 * their meaning are in docs/file-format.md; a short one:
 *     {"input_size": 1, "layers": [{"type": "rnn", "return": "last", "cell": {"type": "lstm", "num_units": 50}},
 *                                  {"type": "dense", "units": 21, "activation": "softmax"}]}
 * One sequence_length applies to every recurrent layer. A dense layer before the first recurrent one reads no padding
 * and gives zeros there; one behind it is applied to the zeros that it receives. */
typedef struct lstm_model lstm_model;

/* Make a network from its graph: on an open store declare its variables, on a sealed one bind to those that are there.
 * The text is kept as it is. Destroy with lstm_model_destroy.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, FORMAT (a graph that is not as described, or, on an empty store, whose
 * widths do not fit; the message names the place), SHAPE (widths that do not fit; a variable is there with another
 * shape), STATE (a name is taken, or missing). On failure an open store is as it was before. */
LSTM_API lstm_status lstm_model_create(lstm_params *params, const char *graph, lstm_model **model);

/* Open a file that lstm_model_save or lstm_checkpoint_save wrote, or another program in the same format: the network and
 * a sealed store with its weights. Everything is checked before it is used. Destroy both.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, IO, FORMAT (also: no graph in the file, tensors that are missing, unused or
 * of another shape). */
LSTM_API lstm_status lstm_model_open(lstm_context *context, const char *path, lstm_model **model, lstm_params **params);

/* The same from a file's bytes, which are not needed afterwards. */
LSTM_API lstm_status lstm_model_open_memory(lstm_context *context, const void *bytes, size_t size, lstm_model **model,
                                            lstm_params **params);

/* Write the graph and the network's weights, taken from a store of its layout, which may hold more than these. The file
 * is written whole or not at all, as by lstm_params_save. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, SHAPE (a store of
 * another layout), STATE (params are open), IO. */
LSTM_API lstm_status lstm_model_save(const lstm_model *model, const lstm_params *params, const char *path);

/* Give back the caller's reference; NULL is fine. */
LSTM_API void lstm_model_destroy(lstm_model *model);

/* The graph's text as it was given; lives as long as the model. NULL for NULL. */
LSTM_API const char *lstm_model_graph(const lstm_model *model);

/* Widths of one input, of one output, and of state leaf `leaf` below lstm_model_state_count: the leaves of all recurrent
 * layers, in order. 0 for NULL or a leaf that is not there. Any thread. */
LSTM_API size_t lstm_model_input_size(const lstm_model *model);
LSTM_API size_t lstm_model_output_size(const lstm_model *model);
LSTM_API size_t lstm_model_state_count(const lstm_model *model);
LSTM_API size_t lstm_model_state_size(const lstm_model *model, size_t leaf);

/* Whether outputs are [batch][output], those of the last relevant step, and not [batch][time][output]. */
LSTM_API bool lstm_model_returns_last(const lstm_model *model);

/* Whether its last layer is dense, so that its logits can be had. */
LSTM_API bool lstm_model_has_logits(const lstm_model *model);

/* The memory of one run over time: one thread at a time. It keeps its model alive. */
typedef struct lstm_model_tape lstm_model_tape;

/* As lstm_tape_size, lstm_tape_create and lstm_tape_destroy, for all layers. */
LSTM_API lstm_status lstm_model_tape_size(const lstm_model *model, const lstm_tape_config *config, size_t *bytes,
                                          size_t *alignment);
LSTM_API lstm_status lstm_model_tape_create(const lstm_model *model, const lstm_tape_config *config,
                                            lstm_model_tape **tape);
LSTM_API void lstm_model_tape_destroy(lstm_model_tape *tape);

/* One run. Arrays are the caller's and are borrowed for the call; but for the states, they must not overlap. */
typedef struct lstm_model_args {
    size_t struct_size;
    size_t batch, time;                /* either may be 0: the state passes through */
    const float *inputs;               /* [batch][time][input]; past a row's length not read */
    const size_t *sequence_length;     /* [batch], each 0 .. time; NULL: all of them `time` */
    const float *const *initial_state; /* per leaf [batch][width]; NULL: zeros */
    float *outputs;                    /* [batch][time][output], or [batch][output] where the model returns the last */
    float *const *final_state;         /* per leaf [batch][width]; NULL, or a NULL leaf: not wanted */
    bool logits;                       /* outputs, and their gradients, are those before the last layer's activation */
} lstm_model_args;

/* Run the whole network. params: the model's store, or one created like it. Hot path: nothing is allocated.
 * Statuses: INVALID_ARGUMENT, SHAPE (params of another layout), STATE (params are open), CAPACITY (more than the tape
 * holds). Nothing is written on failure. */
LSTM_API lstm_status lstm_model_run(lstm_model_tape *tape, const lstm_params *params, const lstm_model_args *args);

/* Gradients in, gradients out, with the shapes of the run. */
typedef struct lstm_model_grads {
    size_t struct_size;
    const float *d_outputs;            /* of all outputs; a recurrent layer at the end does not read its padding */
    const float *const *d_final_state; /* per leaf; NULL, or a NULL leaf: zero */
    lstm_params *d_params;             /* added to; NULL: not wanted, not computed */
    float *d_inputs;                   /* overwritten, zeros past a row's length; NULL: not wanted, not computed */
    float *const *d_initial_state;     /* per leaf, overwritten; NULL, or a NULL leaf: not wanted */
} lstm_model_grads;

/* The gradient of the tape's last lstm_model_run, through all layers and all of time: one backward per run. params: the
 * same store, unchanged since. Hot path: nothing is allocated. Statuses: INVALID_ARGUMENT, SHAPE (d_params of another
 * layout), STATE (no run before it, an inference tape, weights that are others or were edited since, d_params frozen or
 * open). Nothing is written on failure. */
LSTM_API lstm_status lstm_model_backward(lstm_model_tape *tape, const lstm_params *params,
                                         const lstm_model_grads *grads);

/* One inference stream through all layers, or a batch of them, over frozen weights. One thread at a time, and otherwise
 * as lstm_stream. */
typedef struct lstm_model_stream lstm_model_stream;

/* As lstm_stream_size and lstm_stream_create, for all layers. Destroy with lstm_model_stream_destroy. Statuses:
 * INVALID_ARGUMENT, OUT_OF_MEMORY, UNSUPPORTED (a bidirectional layer), and of _create CAPACITY (memory_size is too small),
 * SHAPE (weights of another layout), STATE (weights that are not frozen). */
LSTM_API lstm_status lstm_model_stream_size(const lstm_model *model, const lstm_stream_config *config, size_t *bytes,
                                            size_t *alignment);
LSTM_API lstm_status lstm_model_stream_create(const lstm_model *model, const lstm_params *frozen,
                                              const lstm_stream_config *config, lstm_model_stream **stream);

/* NULL is fine. */
LSTM_API void lstm_model_stream_destroy(lstm_model_stream *stream);

/* Go on by `time` steps, row `row` by steps[row] of them, 0 .. time, or all by `time` where steps is NULL.
 * inputs[batch][time][input]; past a row's steps they are not read. outputs[batch][time][output], past a row's steps as
 * lstm_model_run gives them past its length; of a model that returns the last: [batch][output], of each row's last step
 * so far, which may lie in an earlier call. Of other models the two may be one array where a step has as many inputs as
 * outputs; they do not overlap otherwise. Hot path: nothing is allocated. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_model_stream_run(lstm_model_stream *stream, size_t time, const size_t *steps,
                                           const float *inputs, float *outputs);

/* Back to the start: all rows, or row `row` alone. Statuses: INVALID_ARGUMENT. */
LSTM_API lstm_status lstm_model_stream_reset(lstm_model_stream *stream);
LSTM_API lstm_status lstm_model_stream_reset_row(lstm_model_stream *stream, size_t row);

/* Leaf `leaf` of the model's state, [batch][width], to read and to set between runs; lives as long as the stream. NULL if
 * there is no such leaf. */
LSTM_API float *lstm_model_stream_state(lstm_model_stream *stream, size_t leaf);

/* As lstm_stream_copy, lstm_stream_save_size, lstm_stream_save and lstm_stream_restore, for all layers; of a model that
 * returns the last, what each row had last belongs to its state. */
LSTM_API lstm_status lstm_model_stream_copy(const lstm_model_stream *from, lstm_model_stream *to);
LSTM_API size_t lstm_model_stream_save_size(const lstm_model_stream *stream);
LSTM_API lstm_status lstm_model_stream_save(const lstm_model_stream *stream, void *bytes, size_t size);
LSTM_API lstm_status lstm_model_stream_restore(lstm_model_stream *stream, const void *bytes, size_t size);

/* Replay the self-tests recorded in a model's file: selftest/0/inputs, with or without selftest/0/sequence_length,
 * against selftest/0/outputs, and so on. *tests becomes how many there are, *difference the largest of all, as a share
 * of the largest output of its test. Statuses: those of lstm_model_open, FORMAT (also: there are no self-tests, one is
 * malformed or, of a bidirectional model, so long that a row takes more than 16 MiB and 32 bytes for each of the file's,
 * or one differs by more than 1e-4; the message says by how much). */
LSTM_API lstm_status lstm_model_selftest(lstm_context *context, const char *path, size_t *tests, double *difference);

#ifdef __cplusplus
}
#endif
#endif
