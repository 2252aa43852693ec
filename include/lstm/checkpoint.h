/* What training needs to go on as if it had never stopped. SPDX-License-Identifier: MIT */
#ifndef LSTM_CHECKPOINT_H
#define LSTM_CHECKPOINT_H

#include <lstm/model.h>
#include <lstm/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A list of what to save and to load together: one list for both, so that they cannot differ. One thread at a time, and
 * none may write to what is on the list meanwhile. Keeps the stores, the optimizers and the model on it alive. */
typedef struct lstm_checkpoint lstm_checkpoint;

/* Create an empty list. Destroy with lstm_checkpoint_destroy. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY. */
LSTM_API lstm_status lstm_checkpoint_create(lstm_context *context, lstm_checkpoint **checkpoint);

/* NULL is fine. */
LSTM_API void lstm_checkpoint_destroy(lstm_checkpoint *checkpoint);

/* The functions below add to the list. Names in the file are those given here; what is not a weight stands below
 * "checkpoint/". Statuses: INVALID_ARGUMENT (a name that is on the list, or is none), OUT_OF_MEMORY, SHAPE (a store of
 * another layout than the model's), STATE (a store that is open or frozen; a second model). A failure adds nothing. */

/* The model's graph and weights: what lstm_model_open and lstm-run read from the file. */
LSTM_API lstm_status lstm_checkpoint_add_model(lstm_checkpoint *checkpoint, const lstm_model *model,
                                               lstm_params *params);

/* A store: its variables as checkpoint/prefix/name, or, with prefix NULL, under their own names, as weights. */
LSTM_API lstm_status lstm_checkpoint_add_params(lstm_checkpoint *checkpoint, const char *prefix, lstm_params *params);

/* An optimizer: its slots, as checkpoint/adam/m/name, its learning rate and the powers of its betas; one of each kind,
 * of which Adam and AdamW are one. */
LSTM_API lstm_status lstm_checkpoint_add_optimizer(lstm_checkpoint *checkpoint, lstm_optimizer *optimizer);

/* Numbers of the caller's, such as the step, seeds, the position in the data: checkpoint/name. values[count] is
 * borrowed until the list is destroyed; lstm_checkpoint_load writes to it. count >= 1. */
LSTM_API lstm_status lstm_checkpoint_add_u64(lstm_checkpoint *checkpoint, const char *name, uint64_t *values,
                                             size_t count);

/* Write everything on the list to a file of format `checkpoint`: whole or not at all, on the disk before it takes the
 * place of an older one, which is untouched on failure. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, IO. */
LSTM_API lstm_status lstm_checkpoint_save(const lstm_checkpoint *checkpoint, const char *path);

/* Read everything on the list from a file: `k` steps, save, load in another process and `k` more steps give the bits of
 * 2 * `k` steps. Nothing is changed on failure. Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY, IO, FORMAT (not a
 * checkpoint, or one of another list or another graph: the message names what is missing, unused, of another shape, or
 * no learning rate or metric). */
LSTM_API lstm_status lstm_checkpoint_load(lstm_checkpoint *checkpoint, const char *path);

/* Save to prefix-STEP.safetensors, then remove the other files of that prefix, those of the smallest steps first, until
 * `keep` are left; keep 0: none is removed. One that cannot be removed is a failure too: the new file is there then,
 * and the others that were to go are not. Who goes back to an earlier step removes the files of the later ones: they
 * would stay, and be the latest. Statuses: those of lstm_checkpoint_save. */
LSTM_API lstm_status lstm_checkpoint_save_step(const lstm_checkpoint *checkpoint, const char *prefix, uint64_t step,
                                               size_t keep);

/* Load the file of that prefix with the largest step, which becomes *step. Statuses: those of lstm_checkpoint_load, IO
 * (there is none). */
LSTM_API lstm_status lstm_checkpoint_load_latest(lstm_checkpoint *checkpoint, const char *prefix, uint64_t *step);

/* Save to `path` if metric is above that of every call before, in this process or before the checkpoint that was
 * loaded: the best so far is written to every file of the list, so call it before lstm_checkpoint_save_step. NaN and
 * -INFINITY are never the best. *saved (may be NULL) tells. Statuses: those of lstm_checkpoint_save. */
LSTM_API lstm_status lstm_checkpoint_save_best(lstm_checkpoint *checkpoint, const char *path, double metric,
                                               bool *saved);

#ifdef __cplusplus
}
#endif
#endif
