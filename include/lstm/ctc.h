/* Connectionist temporal classification: labels without alignment. SPDX-License-Identifier: MIT */
#ifndef LSTM_CTC_H
#define LSTM_CTC_H

#include <lstm/loss.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a network says of a batch: at each frame a logit for each class, one of them the blank. */
typedef struct lstm_ctc_frames {
    size_t struct_size;
    lstm_layout layout;
    size_t batch, time, classes;
    size_t blank;                  /* its class: 0 as in PyTorch, or classes - 1 as in TF1 */
    const float *logits;           /* [batch][time][classes] */
    const size_t *sequence_length; /* [batch], each 0 .. time; frames past it are never read; NULL: all `time` */
} lstm_ctc_frames;

/* What should have been said. */
typedef struct lstm_ctc_labels {
    size_t struct_size;
    size_t max_length;
    const size_t *labels; /* [batch][max_length], each below classes and not the blank; not read past a row's length */
    const size_t *length; /* [batch], each 0 .. max_length; NULL: `max_length` */
    /* TF1's options. A label that follows itself counts once; frames of one label that follow each other are that many
     * labels (TF1's ctc_merge_repeated = false); a row with too few frames has a loss and gradient of 0. */
    bool preprocess_collapse_repeated, no_merge_repeated, ignore_longer_outputs_than_inputs;
} lstm_ctc_labels;

/* *bytes = how much memory lstm_ctc_loss needs for frames and labels of these sizes; their pointers are not read. It
 * grows with time * max_length, for each of the context's threads. Any thread. Statuses: INVALID_ARGUMENT,
 * OUT_OF_MEMORY (the size overflows). */
LSTM_API lstm_status lstm_ctc_workspace_size(const lstm_context *context, const lstm_ctc_frames *frames,
                                             const lstm_ctc_labels *labels, size_t *bytes);

/* One loss for each row: -log of the probability, in the softmax of its frames, of all paths that read as its labels,
 * once what repeats is merged and blanks are dropped. It is reduced, and weighted for each row, by config (NULL: the
 * mean over the batch); *loss and d_logits[batch][time][classes], the gradient with respect to the logits, are as in
 * <lstm/loss.h>, zeros past a row's length. Sums of paths are of logarithms, in double.
 *
 * A row may have no labels (all frames are blank); with no frames either its loss is 0. Labels that need more frames
 * than a row has, counting one between a label and its repetition, are an error, or ignored: also where TF1 has an
 * infinite loss. Labels that are impossible by logits of -infinity have an infinite loss and the softmax as gradient; a
 * NaN or an infinity makes the row's loss NaN. Of rows of weight 0 nothing is read but a sequence_length, which has to be
 * valid.
 *
 * workspace: the caller's, of workspace_size bytes and any alignment; what is in it does not matter. Rows run in
 * parallel; their number changes no bit. Hot path: nothing is allocated. Formula: TF1's nn.ctc_loss (Graves, Fernandez,
 * Gomez, Schmidhuber 2006).
 * Statuses: INVALID_ARGUMENT, OUT_OF_MEMORY (the size overflows), CAPACITY (the workspace is too small); nothing is
 * written then. */
LSTM_API lstm_status lstm_ctc_loss(lstm_context *context, const lstm_loss_config *config, const lstm_ctc_frames *frames,
                                   const lstm_ctc_labels *labels, void *workspace, size_t workspace_size,
                                   float *d_logits, float *loss);

/* The best path: the class with the largest logit of each frame (the lowest of equals; NaN is never the largest),
 * repeated ones merged if merge_repeated (TF1's default), blanks dropped: decoded[batch][time], of which
 * decoded_length[batch] are written. neg_sum_logits[batch] (NULL: not wanted) = minus the sum of these logits. Any
 * thread; nothing is allocated. Formula: TF1's nn.ctc_greedy_decoder.
 * Statuses: INVALID_ARGUMENT; nothing is written then. */
LSTM_API lstm_status lstm_ctc_greedy_decode(const lstm_ctc_frames *frames, bool merge_repeated, size_t *decoded,
                                            size_t *decoded_length, float *neg_sum_logits);

/* *distance = the least insertions, deletions and substitutions that make truth[truth_length] of
 * hypothesis[hypothesis_length]; if normalize, divided by truth_length: of an empty truth that is 0 for an empty
 * hypothesis and infinity for others. The mean over rows is the label error rate. workspace[truth_length] is the
 * caller's. Any thread; nothing is allocated. Formula: TF1's edit_distance. Statuses: INVALID_ARGUMENT; nothing is
 * written then. */
LSTM_API lstm_status lstm_edit_distance(size_t hypothesis_length, const size_t *hypothesis, size_t truth_length,
                                        const size_t *truth, bool normalize, size_t *workspace, float *distance);

#ifdef __cplusplus
}
#endif
#endif
