/* liblstm: recurrent networks on the CPU, in C. SPDX-License-Identifier: MIT
 *
 * TensorFlow 1's recurrent API in float32, for training and for inference inside other programs. The objects:
 *
 *   lstm_context    memory, threads, kernels; optional: NULL means the defaults
 *   lstm_params     a store of named arrays: weights, and gradients of the same layout
 *   lstm_cell       one recurrent step, described without weights
 *   lstm_rnn        a cell bound to names in a store: the plan
 *   lstm_tape       the memory of one unroll over time
 *   lstm_stream     the state of one inference stream over frozen weights
 *   lstm_dense      a dense layer bound to names in a store
 *   lstm_optimizer  an update rule with its slots
 *   lstm_model      a network of such layers, described by a JSON graph; run, trained, saved and opened as one
 *   lstm_checkpoint a list of what to save and load together, so that training goes on as if never stopped
 *   lstm_safetensors  a file of named tensors, in the format that Python and Rust share
 *   lstm_batches    the order in which training goes through the caller's examples
 *
 * Rules that hold for all of them. Every function that can fail returns an lstm_status and says why in
 * lstm_error_message(); the library never aborts, exits, prints or reads the environment. Handles come from a create
 * function through its last argument, which is set on LSTM_OK only; they may be destroyed in any order, and destroying
 * NULL does nothing. Arrays are dense, row-major, the caller's, and borrowed for the call. A NULL where an object or
 * array is required is LSTM_ERR_INVALID_ARGUMENT, and nothing is written where arguments are wrong.
 *
 * Threads: the comment of each object's type says who may use it at once. Those that are immutable serve any number of
 * threads, the others one at a time; a store has many readers or one writer. A const object is only read. Beyond that
 * every function may be called on any thread. A function that creates an object allocates; what is called a hot path
 * does not, and makes no system call where one thread does the work.
 *
 * Comments give shapes as x[batch][time][width]; sizes and indices count elements, not bytes, unless they say so. */
#ifndef LSTM_LSTM_H
#define LSTM_LSTM_H

#include <lstm/array.h>
#include <lstm/batches.h>
#include <lstm/cell.h>
#include <lstm/checkpoint.h>
#include <lstm/context.h>
#include <lstm/ctc.h>
#include <lstm/custom_cell.h>
#include <lstm/dense.h>
#include <lstm/loss.h>
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

#endif
