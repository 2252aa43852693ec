/* CTC beside the sum over all paths, one by one; long rows, and numbers at the ends. */
#include "ctc_problem.h"
#include "finite_difference.h"
#include "golden.h"
#include "suites.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Float32 exponentials in each frame's softmax; sums of paths are in double. */
static const double TOLERANCE = 1e-6;

/* All paths, one by one. */

enum { MOST_FRAMES = 6, MOST_CLASSES = 4, MOST = MOST_FRAMES * MOST_CLASSES };

typedef struct paths {
    size_t frames, classes, blank, count;
    const size_t *labels;
    bool no_merge;
    double logits[MOST], p[MOST];
} paths;

/* Whether the path reads as the labels. */
static bool reads(const paths *s, const size_t *path)
{
    size_t found = 0;
    for (size_t t = 0; t < s->frames; t++) {
        const bool repeats = t && path[t] == path[t - 1] && !s->no_merge;
        if (path[t] == s->blank || repeats)
            continue;
        if (found == s->count || s->labels[found] != path[t])
            return false;
        found++;
    }
    return found == s->count;
}

static void softmax(paths *s)
{
    for (size_t t = 0; t < s->frames; t++) {
        double sum = 0.0;
        for (size_t k = 0; k < s->classes; k++)
            sum += exp(s->logits[t * s->classes + k]);
        for (size_t k = 0; k < s->classes; k++)
            s->p[t * s->classes + k] = exp(s->logits[t * s->classes + k]) / sum;
    }
}

/* -log of the probability of all of them, and (NULL: not wanted) its gradient. */
static double sum_over_paths(paths *s, double *d)
{
    double total = 0.0, through[MOST] = {0};
    size_t all = 1;
    softmax(s);
    for (size_t t = 0; t < s->frames; t++)
        all *= s->classes;
    for (size_t k = 0; k < all; k++) {
        size_t path[MOST_FRAMES], rest = k;
        double probability = 1.0;
        for (size_t t = 0; t < s->frames; t++, rest /= s->classes) {
            path[t] = rest % s->classes;
            probability *= s->p[t * s->classes + path[t]];
        }
        if (!reads(s, path))
            continue;
        total += probability;
        for (size_t t = 0; t < s->frames; t++)
            through[t * s->classes + path[t]] += probability;
    }
    for (size_t k = 0; d && k < s->frames * s->classes; k++)
        d[k] = s->p[k] - through[k] / total;
    return -log(total);
}

static double loss_of_paths(void *context)
{
    return sum_over_paths(context, NULL);
}

static bool enough_frames(const paths *s)
{
    size_t needed = s->count;
    for (size_t k = 1; k < s->count && !s->no_merge; k++)
        needed += s->labels[k] == s->labels[k - 1];
    return needed <= s->frames;
}

static void check_problem(paths *s, float scale)
{
    const size_t floats = s->frames * s->classes;
    double expected[MOST];
    float *logits = test_numbers("logits", floats, scale), d[MOST], loss;
    for (size_t k = 0; k < floats; k++)
        s->logits[k] = (double)logits[k];
    problem p = posed(1, s->frames, s->classes, logits, s->count, s->labels);
    p.frames.blank = s->blank;
    p.labels.no_merge_repeated = s->no_merge;
    if (!enough_frames(s)) {
        ck_fails(solve_in(NULL, NULL, &p, d, &loss), LSTM_ERR_INVALID_ARGUMENT, "need");
        free(logits);
        return;
    }
    solve(&p, d, &loss);
    const double loss_expected = sum_over_paths(s, expected);
    ck_assert_double_eq_tol((double)loss, loss_expected, TOLERANCE * (loss_expected + 1.0));
    for (size_t k = 0; k < floats; k++)
        ck_assert_double_eq_tol((double)d[k], expected[k], TOLERANCE);
    free(logits);
}

/* Every row of up to three labels, at every number of frames. */
START_TEST(the_loss_and_its_gradient_are_those_of_the_sum_over_all_paths)
{
    for (size_t classes = 1; classes <= MOST_CLASSES; classes++)
        for (size_t blank = 0; blank < classes; blank++)
            for (size_t code = 0, rows = classes * classes * classes; code < rows; code++)
                for (size_t count = 0; count <= 3; count++)
                    for (size_t frames = 1; frames <= (classes < MOST_CLASSES ? 6 : 4); frames++) {
                        const size_t labels[] = {code % classes, code / classes % classes, code / classes / classes};
                        paths s = {.frames = frames, .classes = classes, .blank = blank, .labels = labels};
                        s.count = count;
                        s.no_merge = _i;
                        bool valid = true;
                        for (size_t k = 0; k < 3; k++)
                            valid = valid && (k < count ? labels[k] != blank : labels[k] == 0);
                        if (valid)
                            check_problem(&s, frames % 2 ? 1.0f : 6.0f);
                    }
}
END_TEST

START_TEST(the_gradient_of_the_sum_over_all_paths_is_that_of_finite_differences)
{
    const size_t labels[] = {1, 1, 2};
    paths s = {.frames = 6, .classes = 3, .count = 3, .labels = labels};
    double gradient[MOST];
    float *logits = test_numbers("differences", 18, 2.0f);
    for (size_t k = 0; k < 18; k++)
        s.logits[k] = (double)logits[k];
    sum_over_paths(&s, gradient);
    ck_assert_double_le(finite_difference_error(18, s.logits, gradient, loss_of_paths, &s), 1e-8);
    free(logits);
}
END_TEST

/* Long rows, beside sums of logarithms in double by the C library. */

static double log_add(double a, double b)
{
    const double larger = fmax(a, b);
    return larger == -(double)INFINITY ? larger : larger + log1p(exp(fmin(a, b) - larger));
}

/* -log of the labels' probability, blank 0. */
static double slow_loss(size_t frames, size_t classes, const double *logits, size_t count, const size_t *labels)
{
    const size_t states = 2 * count + 1;
    double *before = test_allocate(states, sizeof *before), *now = test_allocate(states, sizeof *now);
    for (size_t t = 0; t < frames; t++) {
        const double *z = logits + t * classes;
        double normal = -(double)INFINITY;
        for (size_t k = 0; k < classes; k++)
            normal = log_add(normal, z[k]);
        for (size_t u = 0; u < states; u++) {
            double sum = t ? before[u] : u < 2 ? 0.0 : -(double)INFINITY;
            if (t && u)
                sum = log_add(sum, before[u - 1]);
            if (t && u % 2 && u > 1 && labels[u / 2] != labels[u / 2 - 1])
                sum = log_add(sum, before[u - 2]);
            now[u] = sum + z[u % 2 ? labels[u / 2] : 0] - normal;
        }
        double *swap = before;
        before = now;
        now = swap;
    }
    const double log_p = log_add(before[states - 1], count ? before[states - 2] : -(double)INFINITY);
    free(before);
    free(now);
    return -log_p;
}

/* _i is a size of logits; the slope along a random direction is that of the gradient. */
START_TEST(long_rows_neither_underflow_nor_drift)
{
    enum { FRAMES = 1500, CLASSES = 12, COUNT = 300, FLOATS = FRAMES * CLASSES };
    const double scales[] = {1.0, 10.0, 100.0}, step = 1e-4;
    float *logits = test_numbers("long", FLOATS, (float)scales[_i]), *along = test_numbers("along", FLOATS, 1.0f);
    float *d = test_allocate(FLOATS, sizeof *d), loss;
    double *wide = test_allocate(FLOATS, sizeof *wide), slope = 0.0, size = 0.0;
    size_t labels[COUNT];
    for (size_t k = 0; k < COUNT; k++)
        labels[k] = 1 + k / 2 * 7 % (CLASSES - 1); /* each twice */
    const problem p = posed(1, FRAMES, CLASSES, logits, COUNT, labels);
    solve(&p, d, &loss);
    for (size_t k = 0; k < FLOATS; k++)
        wide[k] = (double)logits[k];
    const double expected = slow_loss(FRAMES, CLASSES, wide, COUNT, labels);
    ck_assert_double_eq_tol((double)loss, expected, 2e-7 * expected);
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < FLOATS; k++)
            wide[k] = (double)logits[k] + (side ? -step : step) * (double)along[k];
        slope += (side ? -1.0 : 1.0) * slow_loss(FRAMES, CLASSES, wide, COUNT, labels) / (2.0 * step);
    }
    for (size_t k = 0; k < FLOATS; k++) {
        slope -= (double)d[k] * (double)along[k];
        size += fabs((double)d[k]);
    }
    ck_assert_double_le(fabs(slope), 1e-5 * size);
    free(logits);
    free(along);
    free(d);
    free(wide);
}
END_TEST

/* What has few paths, or none. */

START_TEST(without_labels_the_loss_is_that_of_all_frames_blank)
{
    float *logits = test_numbers("blank", 4 * 3, 2.0f), d[12], loss, frame_loss, sum = 0.0f, d_frame[3];
    for (size_t t = 0; t < 4; t++) {
        const size_t blank = 2;
        ck_ok(lstm_sparse_softmax_cross_entropy(NULL, NULL, 1, 3, logits + t * 3, &blank, d_frame, &frame_loss));
        sum += frame_loss;
    }
    problem p = posed(1, 4, 3, logits, 0, NULL);
    p.frames.blank = 2;
    solve(&p, d, &loss);
    ck_assert_float_eq_tol(loss, sum, 1e-5f);
    ck_assert(golden_difference(d + 9, d_frame, 3) < 1e-6);
    free(logits);
}
END_TEST

START_TEST(labels_with_too_few_frames_are_an_error_or_ignored)
{
    const size_t labels[] = {1, 1, 1, 2, 1, 2, 1, 1, 1};
    const size_t enough = 5;
    float *logits = test_numbers("few", 3 * 5 * 3, 2.0f), d[45], losses[3] = {55, 55, 55}, alone;
    problem p = posed(3, 5, 3, logits, 3, labels);
    p.frames.sequence_length = (const size_t[]){4, 3, 2};
    ck_fails(solve_in(NULL, NULL, &p, d, losses), LSTM_ERR_INVALID_ARGUMENT, "row 0 need 5 frames, it has 4");
    p.frames.sequence_length = (const size_t[]){enough, 3, 2};
    ck_fails(solve_in(NULL, NULL, &p, d, losses), LSTM_ERR_INVALID_ARGUMENT, "row 2 need 5 frames, it has 2");
    ck_assert(losses[0] == 55 && losses[1] == 55 && losses[2] == 55);
    p.labels.ignore_longer_outputs_than_inputs = true;
    for (size_t k = 30; k < 45; k++)
        logits[k] = NAN;
    solve(&p, d, losses);
    ck_assert(losses[0] > 0.0f && losses[1] > 0.0f && losses[2] == 0.0f);
    for (size_t k = 30; k < 45; k++)
        ck_assert(d[k] == 0.0f);
    p.frames.batch = 1;
    solve(&p, NULL, &alone);
    ck_assert_float_eq(alone, losses[0]);
    p.frames.sequence_length = (const size_t[]){0};
    solve(&p, d, &alone);
    ck_assert_float_eq(alone, 0.0f);
    free(logits);
}
END_TEST

START_TEST(collapsed_labels_are_those_without_repetition)
{
    const size_t repeated[] = {1, 1, 2, 2, 2, 1}, once[] = {1, 2, 1};
    float *logits = test_numbers("collapse", 5 * 3, 2.0f), d[15], d_once[15], loss, loss_once;
    problem p = posed(1, 5, 3, logits, 6, repeated);
    const problem expected = posed(1, 5, 3, logits, 3, once);
    p.labels.preprocess_collapse_repeated = true;
    solve(&p, d, &loss);
    solve(&expected, d_once, &loss_once);
    ck_assert(same_bits(d, d_once, 15) && same_bits(&loss, &loss_once, 1));
    free(logits);
}
END_TEST

/* Numbers at the ends. */

START_TEST(the_largest_logits_give_a_finite_loss_and_a_gradient_that_adds_up_to_zero)
{
    const float scales[] = {1e4f, FLT_MAX / 4, FLT_MAX};
    const size_t labels[] = {1, 2, 2};
    float *random = test_numbers("extreme", 18, 1.0f), logits[18], d[18], loss, zero_loss, zeros[18] = {0};
    for (size_t s = 0; s < 3; s++) {
        const problem p = posed(1, 6, 3, logits, 3, labels), flat = posed(1, 6, 3, zeros, 3, labels);
        for (size_t k = 0; k < 18; k++)
            logits[k] = random[k] < 0.0f ? -scales[s] : scales[s];
        solve(&p, d, &loss);
        ck_assert(isfinite(loss) && loss >= 0.0f);
        for (size_t t = 0; t < 6; t++) {
            ck_assert(fabsf(d[3 * t]) <= 1.0f && fabsf(d[3 * t + 1]) <= 1.0f && fabsf(d[3 * t + 2]) <= 1.0f);
            ck_assert_float_eq_tol(d[3 * t] + d[3 * t + 1] + d[3 * t + 2], 0.0f, 1e-6f);
        }
        for (size_t k = 0; k < 18; k++)
            logits[k] = scales[s];
        solve(&p, d, &loss);
        solve(&flat, NULL, &zero_loss);
        ck_assert(same_bits(&loss, &zero_loss, 1));
    }
    free(random);
}
END_TEST

START_TEST(labels_may_be_impossible_in_some_frames)
{
    const size_t labels[] = {1, 2};
    paths s = {.frames = 5, .classes = 3, .count = 2, .labels = labels};
    double expected[MOST];
    for (size_t gone = 0; gone < 15; gone++) { /* one class in one frame, and another two frames later */
        float *logits = test_numbers("gone", 15, 2.0f), d[15], loss;
        const problem p = posed(1, 5, 3, logits, 2, labels);
        logits[gone] = logits[(gone + 7) % 15] = -INFINITY;
        for (size_t k = 0; k < 15; k++)
            s.logits[k] = (double)logits[k];
        solve(&p, d, &loss);
        const double loss_expected = sum_over_paths(&s, expected);
        ck_assert_double_eq_tol((double)loss, loss_expected, TOLERANCE * (loss_expected + 1.0));
        for (size_t k = 0; k < 15; k++)
            ck_assert_double_eq_tol((double)d[k], expected[k], TOLERANCE);
        free(logits);
    }
}
END_TEST

START_TEST(a_logit_of_minus_infinity_takes_a_class_away)
{
    const float without[] = {1, 2, 0.5f, -1, 0, 3}, with[] = {1, 2, -INFINITY, 0.5f, -1, -INFINITY, 0, 3, -INFINITY};
    const size_t possible[] = {1}, impossible[] = {2};
    float d[9], d_without[6], loss, loss_without;
    problem p = posed(1, 3, 3, with, 1, possible);
    const problem fewer = posed(1, 3, 2, without, 1, possible);
    solve(&p, d, &loss);
    solve(&fewer, d_without, &loss_without);
    ck_assert_float_eq(loss, loss_without);
    for (size_t k = 0; k < 9; k++)
        ck_assert_float_eq(d[k], k % 3 == 2 ? 0.0f : d_without[k / 3 * 2 + k % 3]);
    p.labels.labels = impossible;
    const float half = 0.5f;
    ck_ok(solve_in(NULL, LSTM_ARGS(lstm_loss_config, .weights = &half), &p, d, &loss));
    ck_assert(isinf(loss) && loss > 0.0f);
    for (size_t t = 0; t < 3; t++) {
        const double p0 = 0.5 / (1.0 + exp((double)with[3 * t + 1] - (double)with[3 * t]));
        ck_assert_double_eq_tol((double)d[3 * t], p0, TOLERANCE);
        ck_assert_double_eq_tol((double)d[3 * t + 1], 0.5 - p0, TOLERANCE);
        ck_assert_float_eq(d[3 * t + 2], 0.0f);
    }
}
END_TEST

Suite *ctc_paths_suite(void)
{
    Suite *suite = test_suite(
        "ctc_paths", (const TTest *const[]){the_gradient_of_the_sum_over_all_paths_is_that_of_finite_differences,
                                            without_labels_the_loss_is_that_of_all_frames_blank,
                                            labels_with_too_few_frames_are_an_error_or_ignored,
                                            collapsed_labels_are_those_without_repetition,
                                            the_largest_logits_give_a_finite_loss_and_a_gradient_that_adds_up_to_zero,
                                            labels_may_be_impossible_in_some_frames,
                                            a_logit_of_minus_infinity_takes_a_class_away, NULL});
    TCase *loops = tcase_create("loops");
    tcase_add_loop_test(loops, the_loss_and_its_gradient_are_those_of_the_sum_over_all_paths, 0, 2);
    tcase_add_loop_test(loops, long_rows_neither_underflow_nor_drift, 0, 3);
    suite_add_tcase(suite, loops);
    return suite;
}
