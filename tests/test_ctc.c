/* CTC over a batch: lengths, layouts, threads, weights, memory; best paths and edit distances. */
#include "ctc_problem.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Float32 exponentials in each frame's softmax; sums of paths are in double. */
static const double TOLERANCE = 1e-6;

static const lstm_loss_config each = {.struct_size = sizeof each, .reduction = LSTM_REDUCTION_NONE};

enum { BATCH = 5, TIME = 9, CLASSES = 5, LABELS = 4, FRAME_FLOATS = BATCH * TIME * CLASSES };
static const size_t lengths[BATCH] = {9, 4, 0, 7, 1}, label_lengths[BATCH] = {4, 2, 0, 0, 1};
static const size_t batch_labels[BATCH * LABELS] = {1, 2, 2, 4, 3, 3, 77, 77, 0, 0,
                                                    0, 0, 0, 0, 0, 0, 4,  0,  0, SIZE_MAX};

/* Frames past a row's length are NaN. */
static float *ragged_logits(void)
{
    float *logits = test_numbers("ragged", FRAME_FLOATS, 3.0f);
    for (size_t k = 0; k < FRAME_FLOATS; k++)
        if (k / CLASSES % TIME >= lengths[k / CLASSES / TIME])
            logits[k] = NAN;
    return logits;
}

static problem ragged(const float *logits)
{
    problem p = posed(BATCH, TIME, CLASSES, logits, LABELS, batch_labels);
    p.frames.sequence_length = lengths;
    p.labels.length = label_lengths;
    return p;
}

static void to_time_major(const float *from, float *to)
{
    for (size_t row = 0; row < BATCH; row++)
        for (size_t t = 0; t < TIME; t++)
            memcpy(to + (t * BATCH + row) * CLASSES, from + (row * TIME + t) * CLASSES, CLASSES * sizeof *to);
}

START_TEST(frames_past_a_length_are_not_read_and_have_gradients_of_zero)
{
    float *logits = ragged_logits(), d[FRAME_FLOATS], losses[BATCH];
    const problem p = ragged(logits);
    solve(&p, d, losses);
    for (size_t k = 0; k < FRAME_FLOATS; k++)
        if (isnan(logits[k]))
            ck_assert(d[k] == 0.0f && !signbit(d[k]));
        else
            ck_assert(isfinite(d[k]) && d[k] != 0.0f);
    ck_assert(losses[0] > 0.0f && losses[1] > 0.0f && losses[3] > 0.0f && losses[4] > 0.0f);
    ck_assert(losses[2] == 0.0f && !signbit(losses[2]));
    free(logits);
}
END_TEST

START_TEST(the_layout_changes_no_bit)
{
    float *logits = ragged_logits(), there[FRAME_FLOATS], d[FRAME_FLOATS], d_there[FRAME_FLOATS], back[FRAME_FLOATS];
    float losses[BATCH], losses_there[BATCH];
    problem p = ragged(logits);
    solve(&p, d, losses);
    to_time_major(logits, there);
    p.frames.layout = LSTM_TIME_MAJOR;
    p.frames.logits = there;
    solve(&p, d_there, losses_there);
    to_time_major(d, back);
    ck_assert(same_bits(d_there, back, FRAME_FLOATS) && same_bits(losses, losses_there, BATCH));
    free(logits);
}
END_TEST

START_TEST(a_row_of_a_batch_has_the_bits_it_has_alone)
{
    float *logits = ragged_logits(), d[FRAME_FLOATS], d_row[TIME * CLASSES], losses[BATCH], loss;
    const problem p = ragged(logits);
    solve(&p, d, losses);
    for (size_t row = 0; row < BATCH; row++) {
        const problem alone = posed(1, lengths[row], CLASSES, logits + row * TIME * CLASSES, label_lengths[row],
                                    batch_labels + row * LABELS);
        solve(&alone, d_row, &loss);
        ck_assert(same_bits(d_row, d + row * TIME * CLASSES, lengths[row] * CLASSES));
        ck_assert(same_bits(&loss, &losses[row], 1));
    }
    free(logits);
}
END_TEST

START_TEST(the_gradient_need_not_be_wanted_nor_the_loss)
{
    float *logits = ragged_logits(), d[FRAME_FLOATS], d_alone[FRAME_FLOATS], losses[BATCH], losses_alone[BATCH];
    const problem p = ragged(logits);
    solve(&p, d, losses);
    solve(&p, NULL, losses_alone);
    solve(&p, d_alone, NULL);
    solve(&p, NULL, NULL);
    ck_assert(same_bits(d, d_alone, FRAME_FLOATS) && same_bits(losses, losses_alone, BATCH));
    free(logits);
}
END_TEST

START_TEST(threads_change_no_bit)
{
    enum { ROWS = 23, FRAMES = 300, KINDS = 20, COUNT = 40, FLOATS = ROWS * FRAMES * KINDS };
    float *logits = test_numbers("threads", FLOATS, 4.0f), losses[3][ROWS], sums[3];
    float *d[3];
    size_t labels[ROWS * COUNT];
    for (size_t k = 0; k < ROWS * COUNT; k++)
        labels[k] = 1 + k * k % (KINDS - 1);
    const problem p = posed(ROWS, FRAMES, KINDS, logits, COUNT, labels);
    for (size_t k = 0; k < 3; k++) {
        lstm_context *context;
        ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .threads = k + 1), &context));
        d[k] = test_allocate(FLOATS, sizeof *d[k]);
        ck_ok(solve_in(context, NULL, &p, d[k], &sums[k]));
        ck_ok(solve_in(context, &each, &p, d[k], losses[k]));
        lstm_context_destroy(context);
        ck_assert(same_bits(d[0], d[k], FLOATS) && same_bits(losses[0], losses[k], ROWS));
        ck_assert(same_bits(&sums[0], &sums[k], 1));
    }
    for (size_t k = 0; k < 3; k++)
        free(d[k]);
    free(logits);
}
END_TEST

START_TEST(rows_are_weighted_and_reduced_and_those_of_no_weight_are_not_read)
{
    float *logits = ragged_logits(), plain[BATCH], d_plain[FRAME_FLOATS], d[FRAME_FLOATS], loss[BATCH];
    const float weights[BATCH] = {2, 0, 0.5f, -1, 0.5f};
    const double by[] = {5.0, 1.0, 1.0, 4.0, 2.0};
    size_t bad_lengths[BATCH];
    problem p = ragged(logits);
    solve(&p, d_plain, plain);
    for (size_t k = TIME * CLASSES; k < 2 * TIME * CLASSES; k++)
        logits[k] = NAN;
    memcpy(bad_lengths, label_lengths, sizeof bad_lengths);
    bad_lengths[1] = SIZE_MAX;
    p.labels.length = bad_lengths;
    for (unsigned reduction = 0; reduction < 5; reduction++) {
        const lstm_loss_config config = {
            .struct_size = sizeof config, .reduction = (lstm_reduction)reduction, .weights = weights};
        double sum = 0.0;
        ck_ok(solve_in(NULL, &config, &p, d, loss));
        for (size_t row = 0; row < BATCH; row++) {
            sum += (double)weights[row] * (double)plain[row];
            for (size_t k = row * TIME * CLASSES; k < (row + 1) * TIME * CLASSES; k++)
                ck_assert_double_eq_tol((double)d[k], (double)(weights[row] * d_plain[k]) / by[reduction], TOLERANCE);
            if (reduction == LSTM_REDUCTION_NONE)
                ck_assert_float_eq(loss[row], weights[row] * plain[row]);
        }
        if (reduction != LSTM_REDUCTION_NONE)
            ck_assert_double_eq_tol((double)loss[0], sum / by[reduction], 1e-5);
    }
    free(logits);
}
END_TEST

START_TEST(nan_makes_the_loss_of_its_row_nan_and_no_other)
{
    float *logits = ragged_logits(), losses[BATCH], clean[BATCH];
    const problem p = ragged(logits);
    solve(&p, NULL, clean);
    for (size_t k = 0; k < lengths[0] * CLASSES; k++) {
        const float kept = logits[k];
        for (int infinite = 0; infinite < 2; infinite++) {
            logits[k] = infinite ? INFINITY : NAN;
            solve(&p, NULL, losses);
            ck_assert(isnan(losses[0]));
            ck_assert(same_bits(losses + 1, clean + 1, BATCH - 1));
        }
        logits[k] = kept;
    }
    free(logits);
}
END_TEST

/* Memory and arguments. */

START_TEST(a_workspace_that_is_too_small_is_refused_and_an_empty_batch_needs_none)
{
    float *logits = ragged_logits(), losses[BATCH] = {55}, loss = 55.0f;
    problem p = ragged(logits);
    size_t bytes, more;
    ck_ok(lstm_ctc_workspace_size(NULL, &p.frames, &p.labels, &bytes));
    void *workspace = test_allocate(bytes, 1);
    ck_fails(lstm_ctc_loss(NULL, &each, &p.frames, &p.labels, workspace, bytes - 1, NULL, losses), LSTM_ERR_CAPACITY,
             "workspace_size");
    ck_assert_float_eq(losses[0], 55.0f);
    p.labels.max_length = LABELS + 2;
    ck_ok(lstm_ctc_workspace_size(NULL, &p.frames, &p.labels, &more));
    ck_assert_uint_gt(more, bytes);
    p.frames.batch = 0;
    ck_ok(lstm_ctc_loss(NULL, NULL, &p.frames, &p.labels, NULL, 0, NULL, &loss));
    ck_assert_float_eq(loss, 0.0f);
    free(workspace);
    free(logits);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    const size_t huge[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8, (size_t)1 << 5 * sizeof(size_t)};
    const size_t label = 1;
    const float logit = 0.0f;
    for (size_t k = 0; k < 4; k++) {
        problem p = posed(1, huge[k], 3, &logit, huge[k], &label);
        size_t bytes = 77;
        float loss;
        ck_fails(lstm_ctc_workspace_size(NULL, &p.frames, &p.labels, &bytes), LSTM_ERR_OUT_OF_MEMORY, "overflows");
        p.frames.batch = huge[k];
        ck_fails(lstm_ctc_workspace_size(NULL, &p.frames, &p.labels, &bytes), LSTM_ERR_OUT_OF_MEMORY, "overflows");
        ck_assert_uint_eq(bytes, 77);
        ck_assert_int_ne(lstm_ctc_loss(NULL, NULL, &p.frames, &p.labels, &loss, sizeof loss, NULL, &loss), LSTM_OK);
        p = posed(huge[k], 0, 3, &logit, 0, &label);
        ck_assert_int_ne(lstm_ctc_loss(NULL, NULL, &p.frames, &p.labels, &loss, sizeof loss, NULL, &loss), LSTM_OK);
    }
}
END_TEST

START_TEST(bad_arguments_are_refused_and_nothing_is_written)
{
    float *logits = ragged_logits(), out[FRAME_FLOATS + BATCH];
    const problem good = ragged(logits);
    const lstm_loss_config unknown = {.struct_size = sizeof unknown, .reduction = (lstm_reduction)7};
    size_t bytes;
    ck_ok(lstm_ctc_workspace_size(NULL, &good.frames, &good.labels, &bytes));
    void *workspace = test_allocate(bytes, 1);
#define REFUSED(words)                                                                                                 \
    ck_nothing_written(                                                                                                \
        out, lstm_ctc_loss(NULL, &each, &p.frames, &p.labels, workspace, bytes, out, out + FRAME_FLOATS), words);      \
    p = good
    problem p = good;
    p.frames.layout = (lstm_layout)3;
    REFUSED("layout 3");
    p.frames.blank = CLASSES;
    REFUSED("blank is 5");
    p.frames.classes = 0;
    REFUSED("blank is 0");
    p.frames.logits = NULL;
    REFUSED("logits is NULL");
    p.frames.sequence_length = (const size_t[]){9, 10, 0, 0, 0};
    REFUSED("sequence_length[1] is 10");
    p.labels.length = (const size_t[]){4, 2, 5, 0, 1};
    REFUSED("length[2] is 5, expected 0 to 4");
    p.labels.labels = NULL;
    REFUSED("labels is NULL");
    p.frames.blank = 4;
    REFUSED("label 3 of row 0 is 4");
    p.labels.length = (const size_t[]){4, 3, 0, 0, 1};
    REFUSED("label 2 of row 1 is 77");
    p.labels.max_length = SIZE_MAX / 2;
    REFUSED("overflows");
#undef REFUSED
    ck_nothing_written(out, lstm_ctc_loss(NULL, &unknown, &p.frames, &p.labels, workspace, bytes, out, out),
                       "reduction 7");
    ck_nothing_written(out, lstm_ctc_loss(NULL, NULL, NULL, &p.labels, workspace, bytes, out, out), "frames is NULL");
    ck_nothing_written(out, lstm_ctc_loss(NULL, NULL, &p.frames, NULL, workspace, bytes, out, out), "labels is NULL");
    ck_nothing_written(out, lstm_ctc_loss(NULL, NULL, &p.frames, &p.labels, NULL, bytes, out, out),
                       "workspace is NULL");
    ck_fails(lstm_ctc_workspace_size(NULL, NULL, &p.labels, &bytes), LSTM_ERR_INVALID_ARGUMENT, "frames is NULL");
    ck_fails(lstm_ctc_workspace_size(NULL, &p.frames, NULL, &bytes), LSTM_ERR_INVALID_ARGUMENT, "labels is NULL");
    ck_fails(lstm_ctc_workspace_size(NULL, &p.frames, &p.labels, NULL), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    free(workspace);
    free(logits);
}
END_TEST

/* Best paths and edit distances. */

START_TEST(the_best_path_merges_repetitions_and_drops_blanks)
{
    /* 1 1 0 1 2 2 0 0, as the largest of three; the second row has three frames */
    const size_t best[2][8] = {{1, 1, 0, 1, 2, 2, 0, 0}, {0, 2, 2, 9, 9, 9, 9, 9}}, frames[2] = {8, 3};
    float logits[2 * 8 * 3], sums[2];
    size_t decoded[16], decoded_length[2];
    for (size_t k = 0; k < 48; k++)
        logits[k] = best[k / 24][k / 3 % 8] > 2 ? NAN : k % 3 == best[k / 24][k / 3 % 8] ? 2.5f : -1.0f;
    for (size_t k = 0; k < 16; k++)
        decoded[k] = 77;
    problem p = posed(2, 8, 3, logits, 0, NULL);
    p.frames.sequence_length = frames;
    ck_ok(lstm_ctc_greedy_decode(&p.frames, true, decoded, decoded_length, sums));
    ck_assert(decoded_length[0] == 3 && decoded[0] == 1 && decoded[1] == 1 && decoded[2] == 2 && decoded[3] == 77);
    ck_assert(decoded_length[1] == 1 && decoded[8] == 2 && decoded[9] == 77);
    ck_assert(sums[0] == -20.0f && sums[1] == -7.5f);
    ck_ok(lstm_ctc_greedy_decode(&p.frames, false, decoded, decoded_length, NULL));
    ck_assert(decoded_length[0] == 5 && decoded[1] == 1 && decoded[2] == 1 && decoded[4] == 2);
    p.frames.blank = 2;
    ck_ok(lstm_ctc_greedy_decode(&p.frames, true, decoded, decoded_length, NULL));
    ck_assert(decoded_length[0] == 4 && decoded[0] == 1 && decoded[1] == 0 && decoded[2] == 1 && decoded[3] == 0);
}
END_TEST

START_TEST(a_decode_takes_the_lowest_of_equals_and_nan_for_none)
{
    const float logits[] = {2, 2, 1, NAN, 1, 1, NAN, NAN, NAN, -INFINITY, -INFINITY, 0};
    size_t decoded[4], decoded_length;
    float sum;
    problem p = posed(1, 4, 3, logits, 0, NULL);
    p.frames.blank = 2;
    ck_ok(lstm_ctc_greedy_decode(&p.frames, false, decoded, &decoded_length, &sum));
    ck_assert(decoded_length == 3 && decoded[0] == 0 && decoded[1] == 1 && decoded[2] == 0);
    ck_assert(isnan(sum));
    p.frames.time = 0;
    ck_ok(lstm_ctc_greedy_decode(&p.frames, true, NULL, &decoded_length, &sum));
    ck_assert(decoded_length == 0 && sum == 0.0f && !signbit(sum));
}
END_TEST

START_TEST(a_decode_refuses_bad_arguments_and_writes_nothing)
{
    const float logits[6] = {0};
    size_t decoded[2] = {77, 77}, decoded_length = 77;
    float out[1];
    problem p = posed(1, 2, 3, logits, 0, NULL);
    ck_nothing_written(out, lstm_ctc_greedy_decode(NULL, true, decoded, &decoded_length, out), "frames is NULL");
    ck_nothing_written(out, lstm_ctc_greedy_decode(&p.frames, true, NULL, &decoded_length, out), "decoded is NULL");
    ck_nothing_written(out, lstm_ctc_greedy_decode(&p.frames, true, decoded, NULL, out), "decoded_length is NULL");
    p.frames.blank = 3;
    ck_nothing_written(out, lstm_ctc_greedy_decode(&p.frames, true, decoded, &decoded_length, out), "blank is 3");
    p.frames.blank = 0;
    p.frames.sequence_length = (const size_t[]){3};
    ck_nothing_written(out, lstm_ctc_greedy_decode(&p.frames, true, decoded, &decoded_length, out),
                       "sequence_length[0]");
    ck_assert(decoded[0] == 77 && decoded_length == 77);
}
END_TEST

/* By its definition: the last of both match, or one of three edits. */
static size_t slow_distance(size_t n, const size_t *a, size_t m, const size_t *b)
{
    if (!n || !m)
        return n + m;
    const size_t substituted = slow_distance(n - 1, a, m - 1, b) + (a[n - 1] != b[m - 1]);
    const size_t deleted = slow_distance(n - 1, a, m, b) + 1, inserted = slow_distance(n, a, m - 1, b) + 1;
    const size_t fewer = deleted < inserted ? deleted : inserted;
    return substituted < fewer ? substituted : fewer;
}

START_TEST(an_edit_distance_is_the_least_number_of_edits)
{
    lstm_random random = lstm_random_named(3, "words");
    for (uint64_t k = 0; k < 300; k++) {
        size_t words[12], space[6];
        float distance, normal, back;
        for (uint64_t j = 0; j < 12; j++)
            words[j] = lstm_random_bits(&random, k * 20 + j) % 3;
        const size_t n = lstm_random_bits(&random, k * 20 + 12) % 7, m = lstm_random_bits(&random, k * 20 + 13) % 7;
        const size_t expected = slow_distance(n, words, m, words + 6);
        ck_ok(lstm_edit_distance(n, words, m, words + 6, false, space, &distance));
        ck_ok(lstm_edit_distance(m, words + 6, n, words, false, space, &back));
        ck_ok(lstm_edit_distance(n, words, m, words + 6, true, space, &normal));
        ck_assert(distance == (float)expected && back == (float)expected);
        ck_assert_float_eq(normal, m ? (float)expected / (float)m : n ? INFINITY : 0.0f);
    }
}
END_TEST

START_TEST(an_edit_distance_refuses_null_where_there_are_labels)
{
    const size_t word[2] = {1, 2};
    size_t space[2];
    float out[1];
    ck_nothing_written(out, lstm_edit_distance(2, NULL, 2, word, true, space, out), "hypothesis is NULL");
    ck_nothing_written(out, lstm_edit_distance(2, word, 2, NULL, true, space, out), "truth is NULL");
    ck_nothing_written(out, lstm_edit_distance(2, word, 2, word, true, NULL, out), "workspace is NULL");
    ck_nothing_written(out, lstm_edit_distance(2, word, 2, word, true, space, NULL), "distance is NULL");
    ck_ok(lstm_edit_distance(0, NULL, 0, NULL, true, NULL, out));
    ck_assert_float_eq(out[0], 0.0f);
}
END_TEST

Suite *ctc_suite(void)
{
    return test_suite(
        "ctc",
        (const TTest *const[]){
            frames_past_a_length_are_not_read_and_have_gradients_of_zero, the_layout_changes_no_bit,
            a_row_of_a_batch_has_the_bits_it_has_alone, the_gradient_need_not_be_wanted_nor_the_loss,
            threads_change_no_bit, rows_are_weighted_and_reduced_and_those_of_no_weight_are_not_read,
            nan_makes_the_loss_of_its_row_nan_and_no_other,
            a_workspace_that_is_too_small_is_refused_and_an_empty_batch_needs_none, sizes_that_overflow_are_refused,
            bad_arguments_are_refused_and_nothing_is_written, the_best_path_merges_repetitions_and_drops_blanks,
            a_decode_takes_the_lowest_of_equals_and_nan_for_none, a_decode_refuses_bad_arguments_and_writes_nothing,
            an_edit_distance_is_the_least_number_of_edits, an_edit_distance_refuses_null_where_there_are_labels, NULL});
}
