/* The losses against TensorFlow and PyTorch themselves: tests/golden/. */
#include "golden.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIST = 256 };

/* Of an array's largest number. The stored losses are TensorFlow's in float32 or, of CTC, in float64; ours have float32
 * exponentials and sums in double. Either is good to some 1e-7 of the terms, which are up to ten times their sum. */
static const double TOLERANCE = 1e-6;

static golden *opened(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.golden", GOLDEN_DIR, name);
    golden *file = golden_open(path);
    ck_assert_ptr_nonnull(file);
    return file;
}

static size_t number(const golden_case *c, const char *key)
{
    const long value = golden_integer(c, key, -1);
    ck_assert_msg(value >= 0, "%s: no %s", golden_name(c), key);
    return (size_t)value;
}

static float *filled(const golden_case *c, unsigned offset, size_t count, const char *scale)
{
    float *numbers = test_allocate(count, sizeof *numbers);
    golden_fill((uint32_t)golden_integer(c, "seed", 0) + offset, count, (float)golden_real(c, scale, 1.0), numbers);
    return numbers;
}

static bool is(const golden_case *c, const char *key, const char *text)
{
    return !strcmp(golden_text(c, key), text);
}

static void check_array(const golden_case *c, const char *name, const float *found, size_t count)
{
    size_t expected;
    const float *values = golden_array(c, name, &expected);
    ck_assert_msg(values && expected == count, "%s/%s is not there, or of another size", golden_name(c), name);
    const double gap = golden_difference(found, values, count);
    ck_assert_msg(gap <= TOLERANCE, "%s/%s: differs by %.3g of the largest", golden_name(c), name, gap);
}

/* tf.losses. */

static lstm_loss_config config_of(const golden_case *c)
{
    static const char *const reductions[] = {"mean", "sum", "none", "by_nonzero", "over_weights"};
    static const char *const shapes[] = {"row", "element", "column", "scalar"};
    lstm_loss_config config = {.struct_size = sizeof config, .weights = golden_array(c, "weights", NULL)};
    for (unsigned k = 0; k < 5; k++)
        if (is(c, "reduction", reductions[k]))
            config.reduction = (lstm_reduction)k;
    for (unsigned k = 0; k < 4; k++)
        if (is(c, "weights", shapes[k]))
            config.weights_shape = (lstm_weights_shape)k;
    return config;
}

static lstm_status loss_of(const golden_case *c, const lstm_loss_config *config, const float *x, const float *labels,
                           const size_t *indices, float *d, float *loss)
{
    const size_t batch = number(c, "batch"), width = number(c, "width");
    if (is(c, "op", "softmax_cross_entropy"))
        return lstm_softmax_cross_entropy(NULL, config, batch, width, x, labels, d, loss);
    if (is(c, "op", "sparse_softmax_cross_entropy"))
        return lstm_sparse_softmax_cross_entropy(NULL, config, batch, width, x, indices, d, loss);
    if (is(c, "op", "sigmoid_cross_entropy"))
        return lstm_sigmoid_cross_entropy(NULL, config, batch, width, x, labels, d, loss);
    if (is(c, "op", "mean_squared_error"))
        return lstm_mean_squared_error(NULL, config, batch, width, x, labels, d, loss);
    if (is(c, "op", "absolute_difference"))
        return lstm_absolute_difference(NULL, config, batch, width, x, labels, d, loss);
    ck_assert_str_eq(golden_text(c, "op"), "huber_loss");
    return lstm_huber_loss(NULL, config, batch, width, (float)golden_real(c, "delta", 1.0), x, labels, d, loss);
}

static void check_loss(const golden_case *c)
{
    const size_t count = number(c, "batch") * number(c, "width");
    const lstm_loss_config config = config_of(c);
    size_t losses, indices[MAX_LIST];
    golden_array(c, "loss", &losses);
    golden_list(c, "indices", MAX_LIST, indices);
    float *x = filled(c, 0, count, "scale_x"), *labels = filled(c, 1, count, "scale_labels");
    float *d = test_allocate(count, sizeof *d), *loss = test_allocate(losses, sizeof *loss);
    for (size_t k = 0; k < count && strstr(golden_text(c, "op"), "cross_entropy"); k++)
        labels[k] = fabsf(labels[k]);
    ck_ok(loss_of(c, &config, x, labels, indices, d, loss));
    check_array(c, "loss", loss, losses);
    check_array(c, "d", d, count);
    free(x);
    free(labels);
    free(d);
    free(loss);
}

/* Those of loss_optimizer.golden: unreduced, sum and mean of a loss of elements. */
static void check_plain(const golden_case *c, bool sigmoid)
{
    static const char *const names[] = {"loss_mean", "loss_sum", "loss"};
    const size_t batch = number(c, "batch"), classes = number(c, "classes"), count = batch * classes;
    float *x = filled(c, 0, count, sigmoid ? "scale_logits" : "scale_predictions");
    float *labels = filled(c, 1, count, "scale_labels"), *d = test_allocate(count, sizeof *d);
    float *loss = test_allocate(count, sizeof *loss);
    if (sigmoid)
        memcpy(labels, golden_array(c, "labels", NULL), count * sizeof *labels);
    for (unsigned k = 0; k < (sigmoid ? 3 : 1); k++) {
        const lstm_loss_config *config = LSTM_ARGS(lstm_loss_config, .reduction = (lstm_reduction)k);
        ck_ok(sigmoid ? lstm_sigmoid_cross_entropy(NULL, config, batch, classes, x, labels, d, loss)
                      : lstm_mean_squared_error(NULL, config, batch, classes, x, labels, d, loss));
        check_array(c, names[k], loss, k < 2 ? 1 : count);
        check_array(c, !sigmoid ? "d_predictions" : k ? "d_logits_sum" : "d_logits_mean", d, count);
    }
    free(x);
    free(labels);
    free(d);
    free(loss);
}

START_TEST(sigmoid_cross_entropies_and_squared_errors_agree_with_tensorflow)
{
    golden *file = opened("loss_optimizer");
    size_t checked = 0;
    for (size_t k = 0; k < golden_case_count(file); k++) {
        const golden_case *c = golden_case_at(file, k);
        const bool sigmoid = is(c, "op", "sigmoid_cross_entropy_with_logits");
        if (sigmoid || is(c, "op", "mean_squared_error")) {
            check_plain(c, sigmoid);
            checked++;
        }
    }
    ck_assert_uint_eq(checked, 7);
    golden_close(file);
}
END_TEST

/* The same arrays in the other layout: [rows][columns][width] to [columns][rows][width]. */
static void transposed(size_t rows, size_t columns, size_t size, const void *from, void *to)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++)
            memcpy((char *)to + (column * rows + row) * size, (const char *)from + (row * columns + column) * size,
                   size);
}

static void check_sequence_loss(const golden_case *c)
{
    static const char *const averages[] = {"both", "timesteps", "batch", "neither"};
    const size_t batch = number(c, "batch"), time = number(c, "time"), classes = number(c, "classes");
    const float *weights = golden_array(c, "weights", NULL);
    size_t targets[MAX_LIST], lengths[MAX_LIST], losses;
    golden_array(c, "loss", &losses);
    ck_assert_uint_eq(golden_list(c, "targets", MAX_LIST, targets), batch * time);
    lstm_sequence_loss_args args = {.struct_size = sizeof args, .batch = batch, .time = time, .classes = classes};
    args.sequence_length = golden_list(c, "lengths", MAX_LIST, lengths) ? lengths : NULL;
    while (!is(c, "average", averages[args.average]))
        args.average++;
    float *z = filled(c, 0, batch * time * classes, "scale_x"), *d = test_allocate(batch * time * classes, sizeof *d);
    float *loss = test_allocate(losses, sizeof *loss);
    args.logits = z;
    args.targets = targets;
    args.weights = weights;
    args.d_logits = d;
    args.loss = loss;
    ck_ok(lstm_sequence_loss(NULL, &args));
    check_array(c, "loss", loss, losses);
    check_array(c, "d_logits", d, batch * time * classes);
    free(z);
    free(d);
    free(loss);
}

START_TEST(losses_with_every_reduction_and_shape_of_weights_agree_with_tensorflow)
{
    golden *file = opened("losses");
    size_t losses = 0, sequences = 0;
    for (size_t k = 0; k < golden_case_count(file); k++) {
        const golden_case *c = golden_case_at(file, k);
        if (is(c, "op", "sequence_loss")) {
            check_sequence_loss(c);
            sequences++;
        } else {
            check_loss(c);
            losses++;
        }
    }
    ck_assert_uint_eq(losses, 2 * 4 * 5 + 4 * 6 * 5);
    ck_assert_uint_eq(sequences, 4 * 2 * 4);
    golden_close(file);
}
END_TEST

/* CTC. */

static lstm_ctc_frames frames_of(const golden_case *c, const float *logits, size_t *lengths)
{
    ck_assert_uint_eq(golden_list(c, "lengths", MAX_LIST, lengths), number(c, "batch"));
    return (lstm_ctc_frames){.struct_size = sizeof(lstm_ctc_frames),
                             .batch = number(c, "batch"),
                             .time = number(c, "time"),
                             .classes = number(c, "classes"),
                             .blank = number(c, "blank"),
                             .logits = logits,
                             .sequence_length = lengths};
}

/* The rows of a comma list one after the other, each in its place of [rows][width]; what is past them is no class. */
static void lay_out(size_t rows, size_t width, const size_t *lengths, const size_t *list, size_t *labels)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t k = 0; k < width; k++)
            labels[row * width + k] = k < lengths[row] ? *list++ : SIZE_MAX;
}

static void check_ctc_in(const golden_case *c, lstm_layout layout)
{
    enum { WIDTH = 32 };
    size_t lengths[MAX_LIST], label_lengths[MAX_LIST], list[MAX_LIST], labels[MAX_LIST], bytes;
    const size_t batch = number(c, "batch"), time = number(c, "time"), classes = number(c, "classes");
    float *logits = filled(c, 0, batch * time * classes, "scale_x");
    float *z = test_allocate(batch * time * classes, sizeof *z), *d = test_allocate(batch * time * classes, sizeof *d);
    lstm_ctc_frames frames = frames_of(c, logits, lengths);
    float losses[MAX_LIST], loss;
    golden_list(c, "label_lengths", MAX_LIST, label_lengths);
    golden_list(c, "labels", MAX_LIST, list);
    lay_out(batch, WIDTH, label_lengths, list, labels);
    const lstm_ctc_labels what = {.struct_size = sizeof what,
                                  .max_length = WIDTH,
                                  .labels = labels,
                                  .length = label_lengths,
                                  .preprocess_collapse_repeated = number(c, "collapse"),
                                  .no_merge_repeated = number(c, "no_merge"),
                                  .ignore_longer_outputs_than_inputs = number(c, "ignore")};
    if (layout == LSTM_TIME_MAJOR) {
        transposed(batch, time, classes * sizeof *z, logits, z);
        frames.layout = layout;
        frames.logits = z;
    }
    ck_ok(lstm_ctc_workspace_size(NULL, &frames, &what, &bytes));
    void *workspace = test_allocate(bytes, 1);
    ck_ok(lstm_ctc_loss(NULL, LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_NONE), &frames, &what, workspace,
                        bytes, d, losses));
    check_array(c, "losses", losses, batch);
    ck_ok(lstm_ctc_loss(NULL, LSTM_ARGS(lstm_loss_config, .reduction = LSTM_REDUCTION_SUM), &frames, &what, workspace,
                        bytes, NULL, &loss));
    double sum = 0.0;
    for (size_t k = 0; k < batch; k++)
        sum += (double)losses[k];
    ck_assert_double_eq_tol((double)loss, sum, 1e-6 * sum);
    if (layout == LSTM_TIME_MAJOR)
        transposed(time, batch, classes * sizeof *d, d, z);
    check_array(c, "d_logits", layout == LSTM_TIME_MAJOR ? z : d, batch * time * classes);
    free(workspace);
    free(logits);
    free(z);
    free(d);
}

static void check_decode(const golden_case *c)
{
    size_t lengths[MAX_LIST], decoded[MAX_LIST], decoded_length[MAX_LIST];
    const size_t batch = number(c, "batch"), time = number(c, "time"), count = batch * time * number(c, "classes");
    float *logits = filled(c, 0, count, "scale_x"), sums[MAX_LIST];
    const float *expected = golden_array(c, "decoded", NULL);
    for (size_t k = 0; k < count; k++)
        logits[k] = rintf(logits[k]);
    const lstm_ctc_frames frames = frames_of(c, logits, lengths);
    ck_ok(lstm_ctc_greedy_decode(&frames, number(c, "merge"), decoded, decoded_length, sums));
    check_array(c, "neg_sum_logits", sums, batch);
    for (size_t k = 0; k < batch * time; k++)
        ck_assert_int_eq(k % time < decoded_length[k / time] ? (long)decoded[k] : -1, (long)expected[k]);
    free(logits);
}

static void check_distances(const golden_case *c)
{
    size_t hypothesis[MAX_LIST], hypothesis_length[MAX_LIST], truth[MAX_LIST], truth_length[MAX_LIST], space[MAX_LIST];
    const float *expected = golden_array(c, "distance", NULL);
    const size_t *h = hypothesis, *t = truth;
    golden_list(c, "hypothesis", MAX_LIST, hypothesis);
    golden_list(c, "truth", MAX_LIST, truth);
    golden_list(c, "hypothesis_lengths", MAX_LIST, hypothesis_length);
    golden_list(c, "truth_lengths", MAX_LIST, truth_length);
    for (size_t k = 0; k < number(c, "batch"); h += hypothesis_length[k], t += truth_length[k], k++) {
        float distance;
        ck_ok(
            lstm_edit_distance(hypothesis_length[k], h, truth_length[k], t, number(c, "normalize"), space, &distance));
        ck_assert_float_eq(distance, expected[k] < 0.0f ? INFINITY : expected[k]);
    }
}

START_TEST(ctc_losses_best_paths_and_edit_distances_agree_with_tensorflow)
{
    golden *file = opened("ctc");
    size_t losses = 0, decodes = 0, distances = 0;
    for (size_t k = 0; k < golden_case_count(file); k++) {
        const golden_case *c = golden_case_at(file, k);
        if (is(c, "op", "ctc_loss")) {
            check_ctc_in(c, LSTM_BATCH_MAJOR);
            check_ctc_in(c, LSTM_TIME_MAJOR);
            losses++;
        } else if (is(c, "op", "ctc_greedy_decoder")) {
            check_decode(c);
            decodes++;
        } else {
            check_distances(c);
            distances++;
        }
    }
    ck_assert(losses == 11 && decodes == 6 && distances == 2);
    golden_close(file);
}
END_TEST

START_TEST(ctc_losses_with_any_blank_and_empty_labels_agree_with_pytorch)
{
    golden *file = opened("torch_ctc");
    for (size_t k = 0; k < golden_case_count(file); k++)
        check_ctc_in(golden_case_at(file, k), k % 2 ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR);
    ck_assert_uint_eq(golden_case_count(file), 8);
    golden_close(file);
}
END_TEST

Suite *golden_losses_suite(void)
{
    return test_suite("golden_losses",
                      (const TTest *const[]){sigmoid_cross_entropies_and_squared_errors_agree_with_tensorflow,
                                             losses_with_every_reduction_and_shape_of_weights_agree_with_tensorflow,
                                             ctc_losses_best_paths_and_edit_distances_agree_with_tensorflow,
                                             ctc_losses_with_any_blank_and_empty_labels_agree_with_pytorch, NULL});
}
