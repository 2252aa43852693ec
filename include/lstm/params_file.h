/* The variables of a store in files. SPDX-License-Identifier: MIT */
#ifndef LSTM_PARAMS_FILE_H
#define LSTM_PARAMS_FILE_H

#include <lstm/params.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Write the variables to a safetensors file of format `params`, in order of declaration, as lstm_safetensors_save does.
 * One of many readers of params.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (params is open), IO. */
LSTM_API lstm_status lstm_params_save(const lstm_params *params, const char *path);

/* Fill every variable from the tensor of its name, of F32, F16, BF16 or F64, and seal an open store as
 * lstm_params_initialize does; on a sealed one the values are written over. The file holds a tensor of the same shape for
 * each variable and no others, but for those below "checkpoint/" and "selftest/" in files of the formats `checkpoint` and
 * `model`: weights can be taken from them as well. A failure changes nothing, neither values nor state. The one writer of
 * params.
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (params is frozen), IO, FORMAT (not such a file; tensors that are missing,
 * unused, of another dtype or shape: the message names them, with the shapes expected and found). */
LSTM_API lstm_status lstm_params_load(lstm_params *params, const char *path);

/* The same from memory, which is borrowed for the call. */
LSTM_API lstm_status lstm_params_load_memory(lstm_params *params, const void *bytes, size_t size);

/* One of PyTorch's modules, and the variables that it fills. */
typedef struct lstm_pytorch_module {
    const char *prefix; /* of its tensors: "encoder.lstm" for "encoder.lstm.weight_ih_l0"; NULL or "": they have none */
    const char *scope;  /* of the variables: that of a plan or of a dense layer */
    /* What the LSTM cells there were told to add to the forget gate; 1, as they do by default. It is taken off the bias, for
     * PyTorch stores the whole of it. */
    lstm_optional forget_bias;
} lstm_pytorch_module;

/* Fill every variable from a state_dict of PyTorch's in a safetensors file, with the statuses, and all or nothing, as
 * lstm_params_load does. Cells and layers that can be filled:
 *
 *     nn.LSTM, with proj_size or without   lstm_cell, basic_lstm_cell; without peepholes
 *     nn.GRU                               cudnn_compatible_gru_cell (gru_cell is another formula)
 *     nn.RNN                               basic_rnn_cell, of the same activation, tanh or relu
 *     nn.Linear                            dense layers
 *
 * The cells below a scope are the module's layers in order of declaration; those with a path component "bw" are the
 * reverse direction's. Modules of one prefix, one behind the other, fill the layers of one state_dict. Matrices are
 * transposed, the two biases of a gate are added up (the GRU's candidate keeps both), a module without biases counts as
 * one of zeros. Formulas: docs/file-format.md.
 * Statuses: those of lstm_params_load; INVALID_ARGUMENT also for a scope that is NULL, given twice or names no variable,
 * and for a forget bias that is not finite. */
LSTM_API lstm_status lstm_params_import_pytorch(lstm_params *params, const char *path,
                                                const lstm_pytorch_module *modules, size_t count);

#ifdef __cplusplus
}
#endif
#endif
