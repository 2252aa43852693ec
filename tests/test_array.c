/* Transpose, gather, concat, one-hot, argmax, accuracy. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096 };

static size_t product(size_t rank, const size_t *shape)
{
    size_t count = 1;
    for (size_t k = 0; k < rank; k++)
        count *= shape[k];
    return count;
}

/* Where an element of flat place `flat` in an array of shape `shape` stands on each axis, and back. */
static void unravel(size_t rank, const size_t *shape, size_t flat, size_t *index)
{
    for (size_t k = rank; k-- > 0; flat /= shape[k])
        index[k] = flat % shape[k];
}

static size_t ravel(size_t rank, const size_t *shape, const size_t *index)
{
    size_t flat = 0;
    for (size_t k = 0; k < rank; k++)
        flat = flat * shape[k] + index[k];
    return flat;
}

static void check_transpose(size_t rank, const size_t *shape, const size_t *permutation)
{
    const size_t count = product(rank, shape);
    size_t moved[LSTM_MAX_RANK], from[LSTM_MAX_RANK], to[LSTM_MAX_RANK];
    float *x = test_numbers("transpose", count, 1.0f), *y = test_allocate(count + 1, sizeof *y);
    y[count] = 55.0f;
    for (size_t k = 0; k < rank; k++)
        moved[k] = shape[permutation ? permutation[k] : rank - 1 - k];
    ck_ok(lstm_transpose(rank, shape, permutation, x, y));
    for (size_t flat = 0; flat < count; flat++) {
        unravel(rank, shape, flat, from);
        for (size_t k = 0; k < rank; k++)
            to[k] = from[permutation ? permutation[k] : rank - 1 - k];
        ck_assert(same_bits(&y[ravel(rank, moved, to)], &x[flat], 1));
    }
    ck_assert_float_eq(y[count], 55.0f);
    free(x);
    free(y);
}

/* The next order of `rank` axes counted like a number of that many digits; false past the last. */
static bool next_permutation(size_t rank, size_t *axes)
{
    for (;;) {
        size_t k = rank, seen = 0;
        while (k > 0 && ++axes[k - 1] == rank)
            axes[--k] = 0;
        if (k == 0)
            return false;
        for (size_t a = 0; a < rank; a++)
            seen |= (size_t)1 << axes[a];
        if (seen == ((size_t)1 << rank) - 1)
            return true;
    }
}

START_TEST(transpose_agrees_with_the_definition_for_all_permutations)
{
    const size_t shapes[][LSTM_MAX_RANK] = {{5, 3, 2, 4}, {1, 7, 1, 2}, {3, 3, 3, 3}};
    const size_t factorial[] = {1, 1, 2, 6, 24};
    for (size_t s = 0; s < 3; s++)
        for (size_t rank = 1; rank <= LSTM_MAX_RANK; rank++) {
            size_t axes[LSTM_MAX_RANK] = {0, 1, 2, 3}, permutations = 0;
            do {
                check_transpose(rank, shapes[s], axes);
                permutations++;
            } while (next_permutation(rank, axes));
            ck_assert_uint_eq(permutations, factorial[rank]);
            check_transpose(rank, shapes[s], NULL);
        }
}
END_TEST

START_TEST(a_transpose_and_its_inverse_give_the_array_back)
{
    const size_t shape[] = {2, 3, 4, 5}, there[] = {2, 0, 3, 1}, back[] = {1, 3, 0, 2}, moved[] = {4, 2, 5, 3};
    float *x = test_numbers("there and back", 120, 1.0f), y[120], z[120];
    ck_ok(lstm_transpose(4, shape, there, x, y));
    ck_ok(lstm_transpose(4, moved, back, y, z));
    ck_assert(same_bits(x, z, 120));
    ck_assert(!same_bits(x, y, 120));
    free(x);
}
END_TEST

static void check_gather(size_t rank, const size_t *shape, size_t axis, size_t count, const size_t *indices)
{
    size_t out[LSTM_MAX_RANK], place[LSTM_MAX_RANK];
    float *x = test_numbers("gather", product(rank, shape), 1.0f), y[MOST + 1];
    memcpy(out, shape, rank * sizeof *out);
    out[axis] = count;
    const size_t floats = product(rank, out);
    ck_assert_uint_le(floats, MOST);
    y[floats] = 55.0f;
    ck_ok(lstm_gather(rank, shape, axis, count, indices, x, y));
    for (size_t flat = 0; flat < floats; flat++) {
        unravel(rank, out, flat, place);
        place[axis] = indices[place[axis]];
        ck_assert(same_bits(&y[flat], &x[ravel(rank, shape, place)], 1));
    }
    ck_assert_float_eq(y[floats], 55.0f);
    free(x);
}

START_TEST(gather_agrees_with_the_definition_on_every_axis)
{
    const size_t shape[LSTM_MAX_RANK] = {3, 4, 3, 5}, indices[] = {2, 0, 0, 2, 1, 2, 2};
    for (size_t rank = 1; rank <= LSTM_MAX_RANK; rank++)
        for (size_t axis = 0; axis < rank; axis++)
            for (size_t count = 0; count <= sizeof indices / sizeof indices[0]; count++)
                check_gather(rank, shape, axis, count, indices);
}
END_TEST

START_TEST(transpose_then_gather_of_the_last_step_is_the_last_column_of_time)
{
    enum { BATCH = 3, TIME = 4, WIDTH = 5 };
    const size_t shape[] = {BATCH, TIME, WIDTH}, swap[] = {1, 0, 2}, time_major[] = {TIME, BATCH, WIDTH};
    const size_t last = TIME - 1;
    float *outputs = test_numbers("outputs", BATCH * TIME * WIDTH, 1.0f);
    float moved[BATCH * TIME * WIDTH], by_transpose[BATCH * WIDTH], at_once[BATCH * WIDTH];
    ck_ok(lstm_transpose(3, shape, swap, outputs, moved));
    ck_ok(lstm_gather(3, time_major, 0, 1, &last, moved, by_transpose));
    ck_ok(lstm_gather(3, shape, 1, 1, &last, outputs, at_once));
    for (size_t b = 0; b < BATCH; b++)
        ck_assert(same_bits(by_transpose + b * WIDTH, outputs + (b * TIME + TIME - 1) * WIDTH, WIDTH));
    ck_assert(same_bits(by_transpose, at_once, BATCH * WIDTH));
    free(outputs);
}
END_TEST

/* Cuts shape[axis] into `count` pieces of `sizes`, and expects each element of y in the piece where its place falls. */
static void check_concat(size_t rank, const size_t *shape, size_t axis, size_t count, const size_t *sizes)
{
    enum { PIECES = 4 };
    const char *const names[PIECES] = {"first", "second", "third", "fourth"};
    float *x[PIECES] = {NULL}, y[MOST + 1];
    const size_t floats = product(rank, shape);
    size_t piece[LSTM_MAX_RANK], place[LSTM_MAX_RANK];
    ck_assert_uint_le(floats, MOST);
    memcpy(piece, shape, rank * sizeof *piece);
    for (size_t k = 0; k < count; k++) {
        piece[axis] = sizes[k];
        x[k] = product(rank, piece) ? test_numbers(names[k], product(rank, piece), 1.0f) : NULL;
    }
    y[floats] = 55.0f;
    ck_ok(lstm_concat(rank, shape, axis, count, sizes, (const float *const *)x, y));
    for (size_t flat = 0; flat < floats; flat++) {
        size_t k = 0;
        unravel(rank, shape, flat, place);
        while (place[axis] >= sizes[k])
            place[axis] -= sizes[k++];
        piece[axis] = sizes[k];
        ck_assert(same_bits(&y[flat], &x[k][ravel(rank, piece, place)], 1));
    }
    ck_assert_float_eq(y[floats], 55.0f);
    for (size_t k = 0; k < count; k++)
        free(x[k]);
}

START_TEST(concat_agrees_with_the_definition_on_every_axis)
{
    const size_t sizes[][4] = {{6, 0, 0, 0}, {2, 4, 0, 0}, {1, 0, 5, 0}, {0, 6, 0, 0}, {3, 1, 1, 1}, {0, 0, 0, 6}};
    for (size_t rank = 1; rank <= LSTM_MAX_RANK; rank++)
        for (size_t axis = 0; axis < rank; axis++)
            for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
                size_t shape[LSTM_MAX_RANK] = {3, 4, 2, 5};
                shape[axis] = 6;
                check_concat(rank, shape, axis, 4, sizes[k]);
                if (sizes[k][0] == 6)
                    check_concat(rank, shape, axis, 1, sizes[k]);
            }
}
END_TEST

START_TEST(concat_gives_the_example_of_tensorflow)
{
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {7, 8, 9, 10, 11, 12}, *const x[] = {a, b};
    const float below[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, beside[] = {1, 2, 3, 7, 8, 9, 4, 5, 6, 10, 11, 12};
    float y[12];
    ck_ok(lstm_concat(2, (const size_t[]){4, 3}, 0, 2, (const size_t[]){2, 2}, x, y));
    ck_assert(same_bits(y, below, 12));
    ck_ok(lstm_concat(2, (const size_t[]){2, 6}, 1, 2, (const size_t[]){3, 3}, x, y));
    ck_assert(same_bits(y, beside, 12));
}
END_TEST

START_TEST(one_hot_writes_a_one_and_zeros)
{
    const size_t indices[] = {2, 0, 2, 3};
    float y[4 * 4 + 1];
    for (size_t k = 0; k < 17; k++)
        y[k] = NAN;
    ck_ok(lstm_one_hot(4, indices, 4, y));
    for (size_t k = 0; k < 16; k++)
        ck_assert_float_eq(y[k], indices[k / 4] == k % 4 ? 1.0f : 0.0f);
    ck_assert(isnan(y[16]));
}
END_TEST

START_TEST(argmax_takes_the_lowest_of_equals_and_never_a_nan)
{
    const float x[][4] = {{1, 3, 3, 2},
                          {5, 5, 5, 5},
                          {NAN, 1, 2, 0},
                          {1, NAN, 0, 2},
                          {NAN, NAN, NAN, NAN},
                          {NAN, NAN, -5, NAN},
                          {-INFINITY, -1, -1, -2},
                          {0, 1, INFINITY, NAN},
                          {-INFINITY, NAN, -INFINITY, -INFINITY},
                          {-0.0f, 0.0f, -0.0f, 0.0f},
                          {NAN, -INFINITY, NAN, NAN}};
    const size_t expected[] = {1, 0, 2, 3, 0, 2, 1, 2, 0, 0, 1};
    enum { ROWS = sizeof x / sizeof x[0] };
    size_t indices[ROWS + 1];
    indices[ROWS] = 77;
    ck_ok(lstm_argmax(ROWS, 4, x[0], indices));
    for (size_t k = 0; k < ROWS; k++)
        ck_assert_msg(indices[k] == expected[k], "row %zu: %zu, expected %zu", k, indices[k], expected[k]);
    ck_assert_uint_eq(indices[ROWS], 77);
    ck_ok(lstm_argmax(4, 1, x[0], indices));
    for (size_t k = 0; k < 4; k++)
        ck_assert_uint_eq(indices[k], 0);
}
END_TEST

START_TEST(accuracy_is_the_share_of_rows_whose_largest_stand_at_the_same_place)
{
    const float logits[] = {0.1f, 0.7f, 0.2f, 3, 1, 2, -5, -6, -4, 1, 1, 0};
    const float labels[] = {0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0};
    double accuracy = -1.0;
    ck_ok(lstm_accuracy(4, 3, logits, labels, &accuracy));
    ck_assert_double_eq(accuracy, 0.75);
    ck_ok(lstm_accuracy(1, 3, logits, labels, &accuracy));
    ck_assert_double_eq(accuracy, 1.0);
    ck_ok(lstm_accuracy(1, 3, logits + 3, labels + 3, &accuracy));
    ck_assert_double_eq(accuracy, 0.0);
    ck_ok(lstm_accuracy(3, 3, logits, labels, &accuracy));
    ck_assert_double_eq(accuracy, 2.0 / 3.0);
}
END_TEST

START_TEST(an_axis_of_zero_is_an_empty_array_and_needs_no_memory)
{
    const size_t empty[] = {2, 0, 3}, first[] = {0}, some[] = {1, 1};
    float y = 55.0f;
    ck_ok(lstm_transpose(3, empty, NULL, NULL, NULL));
    ck_ok(lstm_transpose(1, first, NULL, NULL, &y));
    ck_ok(lstm_gather(3, empty, 0, 2, some, NULL, NULL));
    ck_ok(lstm_gather(3, empty, 1, 0, NULL, NULL, NULL));
    ck_ok(lstm_gather(3, (const size_t[]){2, 5, 3}, 1, 0, NULL, NULL, &y));
    ck_ok(lstm_concat(3, empty, 0, 2, some, NULL, NULL));
    ck_ok(lstm_concat(1, first, 0, 1, first, NULL, &y));
    ck_ok(lstm_one_hot(0, NULL, 5, NULL));
    ck_ok(lstm_one_hot(0, NULL, 0, &y));
    ck_ok(lstm_argmax(0, 0, NULL, NULL));
    ck_ok(lstm_argmax(0, 3, NULL, NULL));
    ck_assert_float_eq(y, 55.0f);
    ck_fails(lstm_gather(3, empty, 1, 1, (const size_t[]){0}, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "indices[0]");
}
END_TEST

START_TEST(a_transpose_that_cannot_be_is_refused_and_writes_nothing)
{
    const size_t shape[5] = {2, 3, 4, 1, 1}, huge[] = {SIZE_MAX / 2, 3};
    float x[32] = {0}, y[32];
    ck_nothing_written(y, lstm_transpose(3, shape, (const size_t[]){0, 1, 1}, x, y), "permutation[2] is 1");
    ck_nothing_written(y, lstm_transpose(3, shape, (const size_t[]){0, 1, 3}, x, y), "permutation[2] is 3");
    ck_nothing_written(y, lstm_transpose(3, shape, (const size_t[]){SIZE_MAX, 1, 0}, x, y), "permutation[0]");
    ck_nothing_written(y, lstm_transpose(0, shape, NULL, x, y), "rank");
    ck_nothing_written(y, lstm_transpose(5, shape, NULL, x, y), "rank");
    ck_nothing_written(y, lstm_transpose(2, huge, NULL, x, y), "shape");
    ck_nothing_written(y, lstm_transpose(3, NULL, NULL, x, y), "shape is NULL");
    ck_nothing_written(y, lstm_transpose(3, shape, NULL, NULL, y), "x is NULL");
    ck_nothing_written(y, lstm_transpose(3, shape, NULL, x, NULL), "y is NULL");
}
END_TEST

START_TEST(a_gather_that_cannot_be_is_refused_and_writes_nothing)
{
    const size_t shape[5] = {2, 3, 4, 1, 1}, huge[] = {SIZE_MAX / 2, 3}, zero = 0;
    float x[32] = {0}, y[32];
    ck_nothing_written(y, lstm_gather(3, shape, 1, 3, (const size_t[]){0, 2, 3}, x, y), "indices[2] is 3");
    ck_nothing_written(y, lstm_gather(3, shape, 0, 1, (const size_t[]){SIZE_MAX}, x, y), "indices[0]");
    ck_nothing_written(y, lstm_gather(3, shape, 3, 1, &zero, x, y), "axis is 3");
    ck_nothing_written(y, lstm_gather(3, shape, SIZE_MAX, 1, &zero, x, y), "axis");
    ck_nothing_written(y, lstm_gather(0, shape, 0, 1, &zero, x, y), "rank");
    ck_nothing_written(y, lstm_gather(5, shape, 0, 1, &zero, x, y), "rank");
    ck_nothing_written(y, lstm_gather(2, huge, 0, 1, &zero, x, y), "shape");
    ck_nothing_written(y, lstm_gather(3, NULL, 0, 1, &zero, x, y), "shape is NULL");
    ck_nothing_written(y, lstm_gather(3, shape, 0, 1, NULL, x, y), "indices is NULL");
    ck_nothing_written(y, lstm_gather(3, shape, 0, 1, &zero, NULL, y), "x is NULL");
    ck_nothing_written(y, lstm_gather(3, shape, 0, 1, &zero, x, NULL), "y is NULL");
}
END_TEST

START_TEST(a_concat_that_cannot_be_is_refused_and_writes_nothing)
{
    const size_t shape[5] = {2, 3, 4, 1, 1}, huge[] = {SIZE_MAX / 2, 3}, sizes[] = {1, 2};
    const float a[32] = {0}, *const x[] = {a, a}, *const half[] = {a, NULL};
    float y[32];
    ck_nothing_written(y, lstm_concat(3, shape, 1, 1, sizes, x, y), "shape[1], which is 3");
    ck_nothing_written(y, lstm_concat(3, shape, 0, 2, sizes, x, y), "shape[0], which is 2");
    ck_nothing_written(y, lstm_concat(3, shape, 2, 2, sizes, x, y), "shape[2], which is 4");
    ck_nothing_written(y, lstm_concat(3, shape, 1, 2, (const size_t[]){4, SIZE_MAX}, x, y), "sizes do not add up");
    ck_nothing_written(y, lstm_concat(3, shape, 1, 2, (const size_t[]){3, 1}, x, y), "sizes do not add up");
    ck_nothing_written(y, lstm_concat(3, shape, 1, 0, sizes, x, y), "count is 0");
    ck_nothing_written(y, lstm_concat(1, (const size_t[]){0}, 0, 0, NULL, NULL, y), "count is 0");
    ck_nothing_written(y, lstm_concat(3, shape, 3, 2, sizes, x, y), "axis is 3");
    ck_nothing_written(y, lstm_concat(3, shape, SIZE_MAX, 2, sizes, x, y), "axis");
    ck_nothing_written(y, lstm_concat(0, shape, 0, 2, sizes, x, y), "rank");
    ck_nothing_written(y, lstm_concat(5, shape, 1, 2, sizes, x, y), "rank");
    ck_nothing_written(y, lstm_concat(2, huge, 1, 2, sizes, x, y), "shape");
    ck_nothing_written(y, lstm_concat(3, NULL, 1, 2, sizes, x, y), "shape is NULL");
    ck_nothing_written(y, lstm_concat(3, shape, 1, 2, NULL, x, y), "sizes is NULL");
    ck_nothing_written(y, lstm_concat(3, shape, 1, 2, sizes, NULL, y), "x is NULL");
    ck_nothing_written(y, lstm_concat(3, shape, 1, 2, sizes, half, y), "x[1] is NULL");
    ck_nothing_written(y, lstm_concat(3, shape, 1, 2, sizes, x, NULL), "y is NULL");
}
END_TEST

START_TEST(one_hot_argmax_and_accuracy_write_nothing_when_they_cannot)
{
    const size_t wrong[] = {0, 3, 1};
    float x[32] = {0}, y[32];
    size_t indices[2] = {77, 78};
    double accuracy = 55.0;
    ck_nothing_written(y, lstm_one_hot(3, wrong, 3, y), "indices[1] is 3");
    ck_nothing_written(y, lstm_one_hot(1, wrong, 0, y), "indices[0]");
    ck_nothing_written(y, lstm_one_hot(3, NULL, 3, y), "indices is NULL");
    ck_nothing_written(y, lstm_one_hot(3, wrong, 4, NULL), "y is NULL");
    ck_fails(lstm_argmax(2, 0, x, indices), LSTM_ERR_INVALID_ARGUMENT, "columns");
    ck_fails(lstm_argmax(2, 3, NULL, indices), LSTM_ERR_INVALID_ARGUMENT, "x is NULL");
    ck_fails(lstm_argmax(2, 3, x, NULL), LSTM_ERR_INVALID_ARGUMENT, "indices is NULL");
    ck_assert(indices[0] == 77 && indices[1] == 78);
    ck_fails(lstm_accuracy(0, 3, x, x, &accuracy), LSTM_ERR_INVALID_ARGUMENT, "rows");
    ck_fails(lstm_accuracy(3, 0, x, x, &accuracy), LSTM_ERR_INVALID_ARGUMENT, "classes");
    ck_fails(lstm_accuracy(3, 3, NULL, x, &accuracy), LSTM_ERR_INVALID_ARGUMENT, "logits is NULL");
    ck_fails(lstm_accuracy(3, 3, x, NULL, &accuracy), LSTM_ERR_INVALID_ARGUMENT, "labels is NULL");
    ck_fails(lstm_accuracy(3, 3, x, x, NULL), LSTM_ERR_INVALID_ARGUMENT, "accuracy is NULL");
    ck_assert_double_eq(accuracy, 55.0);
}
END_TEST

Suite *array_suite(void)
{
    return test_suite(
        "array", (const TTest *const[]){
                     transpose_agrees_with_the_definition_for_all_permutations,
                     a_transpose_and_its_inverse_give_the_array_back, gather_agrees_with_the_definition_on_every_axis,
                     transpose_then_gather_of_the_last_step_is_the_last_column_of_time,
                     concat_agrees_with_the_definition_on_every_axis, concat_gives_the_example_of_tensorflow,
                     one_hot_writes_a_one_and_zeros, argmax_takes_the_lowest_of_equals_and_never_a_nan,
                     accuracy_is_the_share_of_rows_whose_largest_stand_at_the_same_place,
                     an_axis_of_zero_is_an_empty_array_and_needs_no_memory,
                     a_transpose_that_cannot_be_is_refused_and_writes_nothing,
                     a_gather_that_cannot_be_is_refused_and_writes_nothing,
                     a_concat_that_cannot_be_is_refused_and_writes_nothing,
                     one_hot_argmax_and_accuracy_write_nothing_when_they_cannot, NULL});
}
