/* Random numbers as a function of their names. */
#include "suites.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Philox4x32-10 once more, written from the paper: words of counter and key in, words out. */
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (uint32_t round = 0; round < 10; round++) {
        const uint32_t k0 = key[0] + round * 0x9E3779B9u, k1 = key[1] + round * 0xBB67AE85u;
        const uint64_t left = (uint64_t)c0 * 0xD2511F53u, right = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(right >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)right;
        c2 = (uint32_t)(left >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)left;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

typedef struct known_answer {
    uint32_t counter[4], key[2], answer[4];
} known_answer;

/* The three known answers that Random123, the authors' own library, publishes for Philox4x32-10. */
static const known_answer published[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}},
    {{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF},
     {0xFFFFFFFF, 0xFFFFFFFF},
     {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}},
    {{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344},
     {0xA4093822, 0x299F31D0},
     {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}},
};

START_TEST(the_second_philox_of_this_file_gives_the_published_answers)
{
    for (size_t k = 0; k < sizeof published / sizeof published[0]; k++) {
        uint32_t out[4];
        philox(published[k].counter, published[k].key, out);
        ck_assert_mem_eq(out, published[k].answer, sizeof out);
    }
}
END_TEST

static uint32_t expected_bits(const lstm_random *random, uint64_t index)
{
    const uint64_t block = index / 4;
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)random->stream,
                                 (uint32_t)(random->stream >> 32)};
    const uint32_t key[2] = {(uint32_t)random->seed, (uint32_t)(random->seed >> 32)};
    uint32_t out[4];
    philox(counter, key, out);
    return out[index % 4];
}

/* An index counts words and a counter blocks of four, so the counter of all ones is out of reach: the largest that is
 * within it, and one of mixed digits, come from an implementation in Python that gives the published answers. */
START_TEST(the_bits_are_known_answers_of_philox)
{
    const lstm_random zero = {0, 0}, ones = {UINT64_MAX, UINT64_MAX};
    const lstm_random mixed = {0x299F31D0A4093822u, 0x0370734413198A2Eu};
    const uint32_t at_end[4] = {0x8C5F4338, 0x4A57523D, 0x7E300CB1, 0x411FCEFD};
    const uint32_t at_mixed[4] = {0x2FE11A02, 0x572A2F27, 0x2F88763B, 0x78D5E325};
    for (uint64_t k = 0; k < 4; k++) {
        ck_assert_uint_eq(lstm_random_bits(&zero, k), published[0].answer[k]);
        ck_assert_uint_eq(lstm_random_bits(&ones, UINT64_MAX - 3 + k), at_end[k]);
        ck_assert_uint_eq(lstm_random_bits(&mixed, 4 * 0x05A308D3243F6A88u + k), at_mixed[k]);
    }
}
END_TEST

START_TEST(seed_stream_and_index_stand_where_the_header_says)
{
    const uint64_t values[] = {
        0, 1, 3, 4, 5, 0xFFFFFFFFu, 0x100000000u, 0x3FFFFFFFFu, 0x400000000u, 0x123456789ABCDEFu, UINT64_MAX};
    enum { VALUES = sizeof values / sizeof values[0] };
    for (size_t s = 0; s < VALUES; s++)
        for (size_t t = 0; t < VALUES; t++)
            for (size_t i = 0; i < VALUES; i++) {
                const lstm_random random = {.seed = values[s], .stream = values[t]};
                ck_assert_uint_eq(lstm_random_bits(&random, values[i]), expected_bits(&random, values[i]));
            }
}
END_TEST

START_TEST(a_name_gives_the_stream_of_its_hash)
{
    ck_assert(lstm_random_named(7, "").stream == 0xCBF29CE484222325u);
    ck_assert(lstm_random_named(7, "a").stream == 0xAF63DC4C8601EC8Cu);
    ck_assert(lstm_random_named(7, "foobar").stream == 0x85944171F73967E8u);
    ck_assert(lstm_random_named(7, "rnn/lstm_cell/kernel").stream == 0x0BBFA0133EBC1253u);
    ck_assert(lstm_random_named(7, "\xC3\xA4").stream != lstm_random_named(7, "\x43\x24").stream);
    ck_assert(lstm_random_named(UINT64_MAX, "a").seed == UINT64_MAX);
}
END_TEST

/* What part of two streams' bits is equal, over some thousand numbers. */
static double agreement(lstm_random a, lstm_random b)
{
    enum { NUMBERS = 4096 };
    double equal = 0.0;
    for (uint64_t k = 0; k < NUMBERS; k++)
        for (uint32_t differ = lstm_random_bits(&a, k) ^ lstm_random_bits(&b, k), bit = 0; bit < 32; bit++)
            equal += (differ >> bit & 1) ? 0.0 : 1.0;
    return equal / (32.0 * NUMBERS);
}

START_TEST(streams_of_other_names_or_seeds_have_nothing_in_common)
{
    const lstm_random kernel = lstm_random_named(1, "kernel");
    /* 131072 coins: 0.01 is seven standard deviations */
    ck_assert_double_eq_tol(agreement(kernel, lstm_random_named(1, "kerneL")), 0.5, 0.01);
    ck_assert_double_eq_tol(agreement(kernel, lstm_random_named(1, "bias")), 0.5, 0.01);
    ck_assert_double_eq_tol(agreement(kernel, lstm_random_named(2, "kernel")), 0.5, 0.01);
    ck_assert_double_eq_tol(agreement(kernel, lstm_random_named(1ull << 32 | 1, "kernel")), 0.5, 0.01);
    ck_assert_double_eq(agreement(kernel, lstm_random_named(1, "kernel")), 1.0);
}
END_TEST

START_TEST(many_numbers_at_once_are_those_taken_one_by_one)
{
    enum { NUMBERS = 41 };
    const lstm_random random = lstm_random_named(3, "bulk");
    const uint64_t starts[] = {0, 1, 2, 3, 4, 0x3FFFFFFFEu, UINT64_MAX - 50};
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++)
        for (size_t count = 0; count <= NUMBERS; count++) {
            float many[NUMBERS + 1], one;
            many[count] = 99.0f;
            lstm_random_uniform(&random, starts[s], count, -2.0f, 3.0f, many);
            for (size_t k = 0; k < count; k++) {
                lstm_random_uniform(&random, starts[s] + k, 1, -2.0f, 3.0f, &one);
                ck_assert(same_bits(&many[k], &one, 1));
            }
            ck_assert_float_eq(many[count], 99.0f);
        }
}
END_TEST

START_TEST(a_uniform_number_is_the_top_24_bits_of_its_word)
{
    const lstm_random random = lstm_random_named(4, "unit");
    for (uint64_t k = 0; k < 1000; k++) {
        float unit;
        lstm_random_uniform(&random, k, 1, 0.0f, 1.0f, &unit);
        ck_assert_double_eq((double)unit, (double)(lstm_random_bits(&random, k) >> 8) / 16777216.0);
    }
}
END_TEST

START_TEST(uniform_numbers_have_the_mean_variance_and_range_of_their_interval)
{
    enum { NUMBERS = 1000000 };
    float *x = test_allocate(NUMBERS, sizeof *x);
    const lstm_random random = lstm_random_named(5, "moments");
    double sum = 0.0, squares = 0.0, product = 0.0, least = INFINITY, most = -INFINITY;
    lstm_random_uniform(&random, 0, NUMBERS, -1.0f, 3.0f, x);
    for (size_t k = 0; k < NUMBERS; k++) {
        const double centred = (double)x[k] - 1.0;
        sum += centred;
        squares += centred * centred;
        product += k ? centred * ((double)x[k - 1] - 1.0) : 0.0;
        least = fmin(least, (double)x[k]);
        most = fmax(most, (double)x[k]);
    }
    /* Five standard deviations, which are 4 / sqrt(12 n) = 0.00115 and (16 / 12) sqrt(0.8 / n) = 0.0012. */
    ck_assert_double_eq_tol(sum / NUMBERS, 0.0, 0.006);
    ck_assert_double_eq_tol(squares / NUMBERS, 16.0 / 12.0, 0.006);
    ck_assert_double_eq_tol(product / NUMBERS, 0.0, 0.007);
    ck_assert(least >= -1.0 && least < -0.9999);
    ck_assert(most < 3.0 && most > 2.9999);
    free(x);
}
END_TEST

START_TEST(a_uniform_number_never_reaches_high)
{
    /* The next float after low: half of the numbers would round up to it. */
    const float low = 1.0f, high = nextafterf(1.0f, 2.0f);
    const lstm_random random = lstm_random_named(6, "edge");
    float x[1000];
    lstm_random_uniform(&random, 0, 1000, low, high, x);
    for (size_t k = 0; k < 1000; k++)
        ck_assert_float_eq(x[k], low);
    /* Far from zero the sum rounds to the spacing 2: of [2^24, 2^24 + 4) the values 0 and 2 above remain. */
    lstm_random_uniform(&random, 0, 1000, 0x1p24f, 0x1p24f + 4.0f, x);
    for (size_t k = 0; k < 1000; k++)
        ck_assert(x[k] == 0x1p24f || x[k] == 0x1p24f + 2.0f);
}
END_TEST

START_TEST(an_interval_of_no_width_gives_its_one_value)
{
    const lstm_random random = lstm_random_named(6, "point");
    float x[64];
    lstm_random_uniform(&random, 0, 64, 0.75f, 0.75f, x);
    for (size_t k = 0; k < 64; k++)
        ck_assert_float_eq(x[k], 0.75f);
}
END_TEST

/* Normal numbers. */

typedef void draw(const lstm_random *random, uint64_t first, size_t count, float mean, float stddev, float *values);

/* Beside the C library's erfc: how far the probability is off at z, over the density there. */
static double quantile_error(double z, double p)
{
    const double off = z < 0.0 ? 0.5 * erfc(-z * sqrt(0.5)) - p : (1.0 - p) - 0.5 * erfc(z * sqrt(0.5));
    return fabs(off) / (exp(-0.5 * z * z) / sqrt(2.0 * 3.14159265358979323846));
}

START_TEST(a_normal_number_is_the_quantile_of_its_word)
{
    enum { NUMBERS = 1000000 };
    /* Found by going through the stream: words next to 0 and to 2^32. */
    const uint64_t extremes[] = {93439281, 440143518, 1466727077, 1806894, 864318971, 2157929761};
    const lstm_random random = lstm_random_named(1, "tail");
    float *z = test_allocate(NUMBERS + 6, sizeof *z);
    lstm_random_normal(&random, 0, NUMBERS, 0.0f, 1.0f, z);
    for (size_t k = 0; k < NUMBERS + 6; k++) {
        const uint64_t index = k < NUMBERS ? k : extremes[k - NUMBERS];
        if (k >= NUMBERS)
            lstm_random_normal(&random, index, 1, 0.0f, 1.0f, &z[k]);
        const double p = ((double)lstm_random_bits(&random, index) + 0.5) / 4294967296.0;
        /* Half a float's step, and the 4e-10 of the header. */
        if (quantile_error((double)z[k], p) > (0x1p-24 + 5e-10) * fabs((double)z[k]))
            ck_abort_msg("number %llu: %.9g at p = %.12g", (unsigned long long)index, (double)z[k], p);
    }
    ck_assert_uint_eq(lstm_random_bits(&random, extremes[5]), UINT32_MAX);
    ck_assert_double_eq_tol((double)z[NUMBERS + 5], 6.337958, 1e-6);
    ck_assert_double_eq_tol((double)z[NUMBERS + 2], -6.085105, 1e-6);
    free(z);
}
END_TEST

/* The first four moments of 2^20 numbers, to within five standard deviations of each. */
static void check_moments(draw *drawn, float mean, float stddev, double variance, double fourth, double eighth)
{
    enum { NUMBERS = 1 << 20 };
    float *x = test_allocate(NUMBERS, sizeof *x);
    const lstm_random random = lstm_random_named(11, "moments");
    double sums[5] = {0.0};
    drawn(&random, 0, NUMBERS, mean, stddev, x);
    for (size_t k = 0; k < NUMBERS; k++) {
        const double z = ((double)x[k] - (double)mean) / (double)stddev;
        sums[1] += z;
        sums[2] += z * z;
        sums[3] += z * z * z;
        sums[4] += z * z * z * z;
    }
    ck_assert_double_eq_tol(sums[1] / NUMBERS, 0.0, 5.0 * sqrt(variance / NUMBERS));
    ck_assert_double_eq_tol(sums[2] / NUMBERS, variance, 5.0 * sqrt((fourth - variance * variance) / NUMBERS));
    ck_assert_double_eq_tol(sums[3] / NUMBERS, 0.0, 5.0 * sqrt(5.0 * fourth * variance / NUMBERS));
    ck_assert_double_eq_tol(sums[4] / NUMBERS, fourth, 5.0 * sqrt((eighth - fourth * fourth) / NUMBERS));
    free(x);
}

START_TEST(normal_numbers_have_the_moments_of_their_distribution)
{
    check_moments(lstm_random_normal, 0.0f, 1.0f, 1.0, 3.0, 105.0);
    check_moments(lstm_random_normal, -3.0f, 0.25f, 1.0, 3.0, 105.0);
    check_moments(lstm_random_truncated_normal, 0.0f, 1.0f, 0.773741, 1.416189, 9.745089);
    check_moments(lstm_random_truncated_normal, 2.0f, 0.5f, 0.773741, 1.416189, 9.745089);
}
END_TEST

START_TEST(truncated_normal_numbers_stay_within_two_deviations_and_do_not_pile_up_there)
{
    enum { NUMBERS = 1 << 20 };
    const float deviations[] = {1.0f, 0.1f, 3.0f, 1e-30f, 0x1.fffffep-4f, 7e30f};
    const lstm_random random = lstm_random_named(12, "cut");
    float *x = test_allocate(NUMBERS, sizeof *x);
    for (size_t d = 0; d < sizeof deviations / sizeof deviations[0]; d++) {
        double most = 0.0, near = 0.0;
        lstm_random_truncated_normal(&random, 0, NUMBERS, 0.0f, deviations[d], x);
        for (size_t k = 0; k < NUMBERS; k++) {
            const double z = fabs((double)x[k] / (double)deviations[d]);
            most = fmax(most, z);
            near += z > 1.99 ? 1.0 : 0.0;
        }
        ck_assert_double_lt(most, 2.0);
        ck_assert_double_gt(most, 1.9999);
        /* (erf(2 / sqrt(2)) - erf(1.99 / sqrt(2))) / erf(2 / sqrt(2)), and five standard deviations. */
        ck_assert_double_eq_tol(near / NUMBERS, 0.00114266, 5.0 * sqrt(0.00114266 / NUMBERS));
    }
    free(x);
}
END_TEST

START_TEST(many_normal_numbers_at_once_are_those_taken_one_by_one)
{
    enum { NUMBERS = 21 };
    draw *const draws[] = {lstm_random_normal, lstm_random_truncated_normal};
    const uint64_t starts[] = {0, 1, 2, 3, UINT64_MAX - 50};
    const lstm_random random = lstm_random_named(3, "bulk");
    for (size_t d = 0; d < 2; d++)
        for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++)
            for (size_t count = 0; count <= NUMBERS; count++) {
                float many[NUMBERS + 1], one;
                many[count] = 99.0f;
                draws[d](&random, starts[s], count, -2.0f, 3.0f, many);
                for (size_t k = 0; k < count; k++) {
                    draws[d](&random, starts[s] + k, 1, -2.0f, 3.0f, &one);
                    ck_assert(same_bits(&many[k], &one, 1));
                }
                ck_assert_float_eq(many[count], 99.0f);
            }
}
END_TEST

START_TEST(normal_numbers_are_the_same_on_every_machine)
{
    const float normal[8] = {0x1.3f5066p+0f, 0x1.dcfb5ap-5f, 0x1.29ab14p+1f, 0x1.0ba912p-3f,
                             0x1.fbc8e6p-5f, 0x1.94cfaap+0f, 0x1.43621cp-2f, -0x1.a3bc8ep-1f};
    const float truncated[8] = {0x1.27a91ep+0f, 0x1.c741aap-5f, 0x1.d9093ap+0f, 0x1.fed576p-4f,
                                0x1.e4a708p-5f, 0x1.6cd256p+0f, 0x1.343488p-2f, -0x1.8c2accp-1f};
    const lstm_random random = lstm_random_named(1, "rnn/lstm_cell/kernel");
    float x[8];
    lstm_random_normal(&random, 0, 8, 0.0f, 1.0f, x);
    ck_assert(same_bits(x, normal, 8));
    lstm_random_truncated_normal(&random, 0, 8, 0.0f, 1.0f, x);
    ck_assert(same_bits(x, truncated, 8));
}
END_TEST

START_TEST(a_standard_deviation_of_zero_gives_the_mean)
{
    const lstm_random random = lstm_random_named(6, "point");
    float x[64];
    lstm_random_normal(&random, 0, 64, 0.75f, 0.0f, x);
    for (size_t k = 0; k < 64; k++)
        ck_assert_float_eq(x[k], 0.75f);
    lstm_random_truncated_normal(&random, 0, 64, -0.75f, 0.0f, x);
    for (size_t k = 0; k < 64; k++)
        ck_assert_float_eq(x[k], -0.75f);
}
END_TEST

START_TEST(a_shuffle_is_a_permutation_and_the_same_one_each_time)
{
    enum { MOST = 1000 };
    const size_t counts[] = {0, 1, 2, 3, 17, MOST};
    const lstm_random random = lstm_random_named(8, "shuffle");
    uint32_t values[MOST + 1], again[MOST + 1];
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        bool there[MOST] = {false};
        size_t moved = 0;
        for (uint32_t k = 0; k <= counts[c]; k++)
            values[k] = again[k] = k;
        ck_ok(lstm_random_shuffle(&random, counts[c], values));
        ck_ok(lstm_random_shuffle(&random, counts[c], again));
        ck_assert_mem_eq(values, again, (counts[c] + 1) * sizeof *values);
        ck_assert_uint_eq(values[counts[c]], counts[c]);
        for (size_t k = 0; k < counts[c]; k++) {
            ck_assert(values[k] < counts[c] && !there[values[k]]);
            there[values[k]] = true;
            moved += values[k] != k;
        }
        ck_assert(counts[c] < MOST || moved > MOST * 9 / 10);
    }
}
END_TEST

START_TEST(the_six_orders_of_three_are_equally_likely)
{
    enum { SHUFFLES = 60000 };
    double count[6] = {0}, chi_square = 0.0;
    for (uint64_t k = 0; k < SHUFFLES; k++) {
        const lstm_random random = {.seed = 9, .stream = k};
        uint32_t v[3] = {0, 1, 2};
        ck_ok(lstm_random_shuffle(&random, 3, v));
        count[2 * v[0] + (v[1] > v[2] ? 1u : 0u)] += 1.0;
    }
    for (size_t k = 0; k < 6; k++)
        chi_square += (count[k] - SHUFFLES / 6.0) * (count[k] - SHUFFLES / 6.0) / (SHUFFLES / 6.0);
    /* Five degrees of freedom: above 30.9 once in 10^5. */
    ck_assert_double_lt(chi_square, 30.9);
}
END_TEST

START_TEST(every_value_is_as_likely_at_every_place_of_a_longer_shuffle)
{
    enum { SHUFFLES = 20000, LENGTH = 9 };
    double count[LENGTH][LENGTH] = {{0}}, chi_square = 0.0;
    const double mean = (double)SHUFFLES / LENGTH;
    for (uint64_t k = 0; k < SHUFFLES; k++) {
        const lstm_random random = {.seed = 10, .stream = k};
        uint32_t v[LENGTH];
        for (uint32_t place = 0; place < LENGTH; place++)
            v[place] = place;
        ck_ok(lstm_random_shuffle(&random, LENGTH, v));
        for (size_t place = 0; place < LENGTH; place++)
            count[place][v[place]] += 1.0;
    }
    for (size_t k = 0; k < LENGTH * LENGTH; k++) {
        const double off = count[k / LENGTH][k % LENGTH] - mean;
        chi_square += off * off / mean;
    }
    /* 64 degrees of freedom, and (9 - 1) / 9 of chi square for fixed margins: 125 is beyond 10^-5 in any case. */
    ck_assert_double_lt(chi_square, 125.0);
}
END_TEST

START_TEST(a_shuffle_of_too_many_is_refused_and_touches_nothing)
{
    const lstm_random random = lstm_random_named(8, "huge");
    uint32_t value = 5;
    if (SIZE_MAX == UINT32_MAX)
        return; /* no count is too large there */
    ck_fails(lstm_random_shuffle(&random, (size_t)UINT32_MAX + 1, &value), LSTM_ERR_INVALID_ARGUMENT, "count");
    ck_fails(lstm_random_shuffle(&random, SIZE_MAX, &value), LSTM_ERR_INVALID_ARGUMENT, "count");
    ck_fails(lstm_random_shuffle(&random, 1, NULL), LSTM_ERR_INVALID_ARGUMENT, "values is NULL");
    ck_fails(lstm_random_shuffle(NULL, 1, &value), LSTM_ERR_INVALID_ARGUMENT, "random is NULL");
    ck_assert_uint_eq(value, 5);
}
END_TEST

Suite *random_suite(void)
{
    return test_suite(
        "random", (const TTest *const[]){the_second_philox_of_this_file_gives_the_published_answers,
                                         the_bits_are_known_answers_of_philox,
                                         seed_stream_and_index_stand_where_the_header_says,
                                         a_name_gives_the_stream_of_its_hash,
                                         streams_of_other_names_or_seeds_have_nothing_in_common,
                                         many_numbers_at_once_are_those_taken_one_by_one,
                                         a_uniform_number_is_the_top_24_bits_of_its_word,
                                         uniform_numbers_have_the_mean_variance_and_range_of_their_interval,
                                         a_uniform_number_never_reaches_high,
                                         an_interval_of_no_width_gives_its_one_value,
                                         a_normal_number_is_the_quantile_of_its_word,
                                         normal_numbers_have_the_moments_of_their_distribution,
                                         truncated_normal_numbers_stay_within_two_deviations_and_do_not_pile_up_there,
                                         many_normal_numbers_at_once_are_those_taken_one_by_one,
                                         normal_numbers_are_the_same_on_every_machine,
                                         a_standard_deviation_of_zero_gives_the_mean,
                                         a_shuffle_is_a_permutation_and_the_same_one_each_time,
                                         the_six_orders_of_three_are_equally_likely,
                                         every_value_is_as_likely_at_every_place_of_a_longer_shuffle,
                                         a_shuffle_of_too_many_is_refused_and_touches_nothing,
                                         NULL});
}
