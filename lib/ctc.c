/* CTC: its loss, its best path, and the distance between what is read and what should be.
 *
 * The n labels of a row are 2n + 1 states: a blank, then each label and a blank. A path is in one state each frame; it
 * stays, goes to the next, or from a label to the next label. From either end, a state's value is the logarithm of the
 * sum over the paths up to and including this frame. Before the first frame all paths are in the first blank, after the
 * last frame in the last. */
#include <lstm/ctc.h>

#include "loss.h"
#include "memory.h"
#include "sequence_array.h"
#include "status.h"

#include <math.h>
#include <string.h>

enum { PADS = 2 }; /* a step sees this many states beside each */

static const double log_one = 0.0, log_zero = LSTM__LOG_ZERO;

/* The memory of one row; u is a state of at most 2 * labels + 1. */
typedef struct lane {
    size_t *labels;
    double *forward;     /* [time + 1][PADS + u], before the first frame and after each */
    double *backward[2]; /* [u + PADS], after the frame and before it */
    double *normals;     /* [time][2], of log_softmax */
    double *stay, *skip; /* [u], [u + PADS]: log 1 or 0, whether a path may stay, or come from two states before */
    double *log_y;       /* [u], log probability of the state's class in a frame */
    double *shares;      /* [u], of the paths that are in this state */
    double *by_class;    /* [classes], shares of the states of each class; zeros between frames */
} lane;

typedef struct work {
    const lstm__kernels *kernels;
    lstm_ctc_frames frames;
    lstm_ctc_labels labels;
    lstm__sequences at;
    lstm__reduction reduction;
    double *losses; /* [batch] */
    unsigned char *lanes;
    size_t lane_size;
    float *d_logits;
} work;

static size_t frames_of(const lstm_ctc_frames *f, size_t row)
{
    return f->sequence_length ? f->sequence_length[row] : f->time;
}

/* Memory. */

/* Cut a lane; base NULL: only its size. Rows with more labels than frames are never computed. */
static lane cut_lane(const lstm_ctc_frames *f, const lstm_ctc_labels *labels, void *base, size_t *size)
{
    lstm__arena arena = {.base = base};
    const size_t most = labels->max_length < f->time ? labels->max_length : f->time;
    size_t states = 0, padded = 0, rows = 0, values = 0;
    arena.overflow = !lstm__multiply(most, 2, &states) || !lstm__add(states, 1, &states) ||
                     !lstm__add(states, PADS, &padded) || !lstm__add(f->time, 1, &rows) ||
                     !lstm__multiply(rows, padded, &values);
    lane l;
    l.labels = lstm__arena_take(&arena, most, sizeof *l.labels);
    l.forward = lstm__arena_take(&arena, values, sizeof *l.forward);
    l.backward[0] = lstm__arena_take(&arena, padded, sizeof *l.backward[0]);
    l.backward[1] = lstm__arena_take(&arena, padded, sizeof *l.backward[1]);
    l.normals = lstm__arena_take(&arena, f->time, 2 * sizeof *l.normals);
    l.stay = lstm__arena_take(&arena, states, sizeof *l.stay);
    l.skip = lstm__arena_take(&arena, padded, sizeof *l.skip);
    l.log_y = lstm__arena_take(&arena, states, sizeof *l.log_y);
    l.shares = lstm__arena_take(&arena, states, sizeof *l.shares);
    l.by_class = lstm__arena_take(&arena, f->classes, sizeof *l.by_class);
    *size = arena.overflow ? 0 : arena.used;
    return l;
}

/* Cut the workspace into losses and lanes; base NULL: only the size. */
static lstm_status cut(const char *function, const lstm_context *context, work *w, void *base, size_t *size)
{
    lstm__arena arena = {.base = base};
    cut_lane(&w->frames, &w->labels, NULL, &w->lane_size);
    w->losses = lstm__arena_take(&arena, w->frames.batch, sizeof *w->losses);
    w->lanes = lstm__arena_take(&arena, lstm__lanes(context, w->frames.batch), w->lane_size);
    if (arena.overflow || !w->lane_size || !lstm__add(arena.used, LSTM__ALIGNMENT - 1, size))
        return lstm__fail(LSTM_ERR_OUT_OF_MEMORY, "%s: the size of the workspace overflows", function);
    return LSTM_OK;
}

/* One row. */

typedef struct row {
    const work *w;
    lane m;
    const float *logits;
    float *d; /* NULL: not wanted */
    size_t frames, states;
} row;

/* The labels of a row as they count, which go to `read` unless it is NULL; *needed: how many frames they take. */
static size_t read_labels(const work *w, size_t k, size_t *read, size_t *needed)
{
    const lstm_ctc_labels *l = &w->labels;
    const size_t length = l->length ? l->length[k] : l->max_length;
    size_t count = 0, blanks = 0;
    for (size_t j = 0; j < length; j++) {
        const size_t *label = l->labels + k * l->max_length + j;
        const bool repeats = j && label[0] == label[-1];
        if (repeats && l->preprocess_collapse_repeated)
            continue;
        if (read)
            read[count] = *label;
        blanks += repeats && !l->no_merge_repeated;
        count++;
    }
    *needed = count + blanks;
    return count;
}

static bool is_label(size_t state)
{
    return state % 2;
}

/* Where a path may stay, and which labels it may come to from the label before. */
static void connect(const row *r)
{
    const bool merge = !r->w->labels.no_merge_repeated;
    const size_t *labels = r->m.labels;
    for (size_t u = 0; u < r->states; u++)
        r->m.stay[u] = is_label(u) && !merge ? log_zero : log_one;
    for (size_t u = 0; u < r->states + PADS; u++) {
        const bool follows = is_label(u) && u > 2 && u < r->states;
        r->m.skip[u] = follows && !(merge && labels[u / 2] == labels[u / 2 - 1]) ? log_one : log_zero;
    }
}

static size_t class_of(const row *r, size_t state)
{
    return is_label(state) ? r->m.labels[state / 2] : r->w->frames.blank;
}

static void read_frame(const row *r, size_t t)
{
    const float *z = r->logits + t * r->w->at.step;
    const double *normal = r->m.normals + 2 * t;
    for (size_t u = 0; u < r->states; u++) {
        const double log_y = ((double)z[class_of(r, u)] - normal[0]) - normal[1];
        r->m.log_y[u] = log_y < log_zero ? log_zero : log_y;
    }
}

/* Through all frames; the softmax of each goes to d. Returns the logarithm of the labels' probability. */
static double forward(const row *r)
{
    const lstm__kernels *kernels = r->w->kernels;
    const size_t n = r->states;
    double *from = r->m.forward + PADS, log_p;
    for (size_t u = 0; u < n + PADS; u++)
        r->m.forward[u] = log_zero;
    from[0] = log_one;
    for (size_t t = 0; t < r->frames; t++) {
        const size_t at = t * r->w->at.step;
        double *to = from + n + PADS;
        kernels->log_softmax(r->w->frames.classes, r->logits + at, r->d ? r->d + at : NULL, r->m.normals + 2 * t);
        read_frame(r, t);
        to[-2] = to[-1] = log_zero;
        kernels->ctc_step(n, from, r->m.stay, from - 1, from - 2, r->m.skip, r->m.log_y, to);
        from = to;
    }
    kernels->ctc_step(1, from + n - 1, &log_one, from + n - 2, &log_zero, &log_one, &log_one, &log_p);
    return log_p;
}

/* From the softmax of frame t, in d, subtract the shares of the classes. */
static void write_gradient(const row *r, size_t t, double scale)
{
    float *d = r->d + t * r->w->at.step;
    for (size_t k = 0; k < r->w->frames.classes; k++) {
        d[k] = lstm__rounded(scale * ((double)d[k] - r->m.by_class[k]));
        r->m.by_class[k] = 0.0;
    }
}

static void backward(const row *r, double scale)
{
    const lstm__kernels *kernels = r->w->kernels;
    const size_t n = r->states;
    double *from = r->m.backward[0], *to = r->m.backward[1];
    for (size_t u = 0; u < n + PADS; u++)
        from[u] = log_zero;
    from[n - 1] = log_one;
    for (size_t t = r->frames; t-- > 0;) {
        read_frame(r, t);
        to[n] = to[n + 1] = log_zero;
        kernels->ctc_step(n, from, r->m.stay, from + 1, from + 2, r->m.skip + 2, r->m.log_y, to);
        kernels->ctc_shares(n, r->m.forward + (t + 1) * (n + PADS) + PADS, to, r->m.log_y, r->m.shares);
        for (size_t u = 0; u < n; u++)
            r->m.by_class[class_of(r, u)] += r->m.shares[u];
        write_gradient(r, t, scale);
        double *swap = from;
        from = to;
        to = swap;
    }
}

static void compute_row(void *arg, size_t k, size_t lane_index)
{
    const work *w = arg;
    const lstm_ctc_frames *f = &w->frames;
    const double weight = lstm__reduction_weight(&w->reduction, k), scale = weight * w->reduction.scale;
    size_t needed = 0, unused;
    if (weight != 0.0)
        read_labels(w, k, NULL, &needed);
    row r = {.w = w, .logits = f->logits + k * w->at.row, .d = w->d_logits ? w->d_logits + k * w->at.row : NULL};
    r.m = cut_lane(f, &w->labels, w->lanes + lane_index * w->lane_size, &unused);
    r.frames = weight != 0.0 && needed <= frames_of(f, k) ? frames_of(f, k) : 0;
    w->losses[k] = 0.0;
    for (size_t t = r.frames; r.d && t < f->time; t++)
        memset(r.d + t * w->at.step, 0, f->classes * sizeof *r.d);
    if (!r.frames)
        return;
    r.states = 2 * read_labels(w, k, r.m.labels, &needed) + 1;
    connect(&r);
    memset(r.m.by_class, 0, f->classes * sizeof *r.m.by_class);
    const double log_p = forward(&r);
    const bool possible = !(log_p <= log_zero);
    w->losses[k] = possible ? 0.0 - log_p : (double)INFINITY;
    if (r.d && possible)
        backward(&r, scale);
    for (size_t t = 0; r.d && !possible && t < r.frames; t++)
        write_gradient(&r, t, scale);
}

/* The whole batch. */

static lstm_status read_sizes(const char *function, const lstm_ctc_frames *frames, const lstm_ctc_labels *labels,
                              work *w)
{
    if (!frames || !labels)
        return lstm__fail_null(function, frames ? "labels" : "frames");
    lstm_status status = lstm__read_args(function, &w->frames, sizeof w->frames, frames);
    return status ? status : lstm__read_args(function, &w->labels, sizeof w->labels, labels);
}

static lstm_status check_frames(const char *function, const lstm_ctc_frames *f, lstm__sequences *at)
{
    if (f->blank >= f->classes)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: blank is %zu, expected below classes, %zu", function,
                          f->blank, f->classes);
    lstm_status status =
        lstm__check_sequences(function, f->layout, f->batch, f->time, f->classes, f->sequence_length, at);
    if (status)
        return status;
    return at->floats && !f->logits ? lstm__fail_null(function, "logits") : LSTM_OK;
}

static lstm_status check_labels(const char *function, const work *w, size_t k)
{
    const lstm_ctc_labels *l = &w->labels;
    const size_t length = l->length ? l->length[k] : l->max_length, frames = frames_of(&w->frames, k);
    size_t needed;
    if (length > l->max_length)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: length[%zu] is %zu, expected 0 to %zu", function, k, length,
                          l->max_length);
    if (length && !l->labels)
        return lstm__fail_null(function, "labels->labels");
    for (size_t j = 0; j < length; j++) {
        const size_t label = l->labels[k * l->max_length + j];
        if (label >= w->frames.classes || label == w->frames.blank)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT,
                              "%s: label %zu of row %zu is %zu, expected below %zu and not %zu", function, j, k, label,
                              w->frames.classes, w->frames.blank);
    }
    read_labels(w, k, NULL, &needed);
    if (needed > frames && !l->ignore_longer_outputs_than_inputs)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the labels of row %zu need %zu frames, it has %zu", function,
                          k, needed, frames);
    return LSTM_OK;
}

lstm_status lstm_ctc_workspace_size(const lstm_context *context, const lstm_ctc_frames *frames,
                                    const lstm_ctc_labels *labels, size_t *bytes)
{
    const char *function = "lstm_ctc_workspace_size";
    work w;
    size_t size;
    lstm_status status = read_sizes(function, frames, labels, &w);
    if (status)
        return status;
    if (!bytes)
        return lstm__fail_null(function, "bytes");
    if ((status = cut(function, context, &w, NULL, &size)))
        return status;
    *bytes = size;
    return LSTM_OK;
}

/* Everything but frames and workspace. */
static lstm_status check_rows(const char *function, const lstm_loss_config *config, work *w)
{
    lstm_status status = lstm__reduction_begin(function, config, w->frames.batch, 1, &w->reduction);
    for (size_t k = 0; !status && k < w->frames.batch; k++)
        if (lstm__reduction_weight(&w->reduction, k) != 0.0)
            status = check_labels(function, w, k);
    return status;
}

lstm_status lstm_ctc_loss(lstm_context *context, const lstm_loss_config *config, const lstm_ctc_frames *frames,
                          const lstm_ctc_labels *labels, void *workspace, size_t workspace_size, float *d_logits,
                          float *loss)
{
    const char *function = "lstm_ctc_loss";
    work w = {.kernels = lstm__context_kernels(context), .d_logits = d_logits};
    size_t size, count;
    lstm_status status = read_sizes(function, frames, labels, &w);
    if (status || (status = check_frames(function, &w.frames, &w.at)))
        return status;
    if (!lstm__multiply(w.frames.batch, w.labels.max_length, &count))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: batch * max_length overflows", function);
    if ((status = cut(function, context, &w, NULL, &size)))
        return status;
    const size_t batch = w.frames.batch;
    if (batch && !workspace)
        return lstm__fail_null(function, "workspace");
    if (batch && workspace_size < size)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: workspace_size is %zu, expected at least %zu", function,
                          workspace_size, size);
    if ((status = check_rows(function, config, &w)))
        return status;
    if (batch)
        cut(function, context, &w, (unsigned char *)workspace + -(uintptr_t)workspace % LSTM__ALIGNMENT, &size);
    const double states = 2.0 * (double)w.labels.max_length + 1.0,
                 cells = (double)batch * (double)w.frames.time * states;
    lstm__parallel(context, batch, 20.0 * (double)w.at.floats + 100.0 * cells, compute_row, &w);
    for (size_t k = 0; k < batch; k++)
        lstm__reduction_add(&w.reduction, k, w.losses[k], loss);
    lstm__reduction_end(&w.reduction, loss);
    return LSTM_OK;
}

/* Reading. */

lstm_status lstm_ctc_greedy_decode(const lstm_ctc_frames *frames, bool merge_repeated, size_t *decoded,
                                   size_t *decoded_length, float *neg_sum_logits)
{
    const char *function = "lstm_ctc_greedy_decode";
    lstm_ctc_frames f;
    lstm__sequences at;
    if (!frames)
        return lstm__fail_null(function, "frames");
    lstm_status status = lstm__read_args(function, &f, sizeof f, frames);
    if (status || (status = check_frames(function, &f, &at)))
        return status;
    if ((at.floats && !decoded) || (f.batch && !decoded_length))
        return lstm__fail_null(function, at.floats && !decoded ? "decoded" : "decoded_length");
    for (size_t k = 0; k < f.batch; k++) {
        size_t length = 0, before = f.blank;
        double sum = 0.0;
        for (size_t t = 0; t < frames_of(&f, k); t++) {
            const float *z = f.logits + k * at.row + t * at.step;
            size_t best = 0;
            lstm_argmax(1, f.classes, z, &best);
            sum += (double)z[best];
            if (best != f.blank && !(merge_repeated && best == before))
                decoded[k * f.time + length++] = best;
            before = best;
        }
        decoded_length[k] = length;
        if (neg_sum_logits)
            neg_sum_logits[k] = lstm__rounded(0.0 - sum);
    }
    return LSTM_OK;
}

lstm_status lstm_edit_distance(size_t hypothesis_length, const size_t *hypothesis, size_t truth_length,
                               const size_t *truth, bool normalize, size_t *workspace, float *distance)
{
    const char *function = "lstm_edit_distance";
    if ((hypothesis_length && !hypothesis) || (truth_length && !truth))
        return lstm__fail_null(function, hypothesis_length && !hypothesis ? "hypothesis" : "truth");
    if ((truth_length && !workspace) || !distance)
        return lstm__fail_null(function, distance ? "workspace" : "distance");
    /* workspace[j]: from the hypothesis so far to the first j + 1 of truth */
    for (size_t j = 0; j < truth_length; j++)
        workspace[j] = j + 1;
    size_t last = truth_length;
    for (size_t i = 0; i < hypothesis_length; i++) {
        size_t diagonal = i; /* one less of both */
        last = i + 1;
        for (size_t j = 0; j < truth_length; j++) {
            const size_t substituted = diagonal + (hypothesis[i] != truth[j]);
            const size_t fewer = last < workspace[j] ? last : workspace[j];
            diagonal = workspace[j];
            last = substituted < fewer + 1 ? substituted : fewer + 1;
            workspace[j] = last;
        }
    }
    const float count = (float)last;
    *distance = !normalize || !last ? count : truth_length ? count / (float)truth_length : INFINITY;
    return LSTM_OK;
}
