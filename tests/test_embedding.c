/* Embedding lookup and its sparse gradient. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 6, SIZE = 5, COUNT = 9 };
static const size_t ids[COUNT] = {4, 0, 4, 5, 1, 4, 0, 5, 5}; /* never 2 or 3 */

START_TEST(a_lookup_gives_the_rows_at_the_ids)
{
    for (size_t size = 1; size <= SIZE; size++) {
        float *table = test_numbers("table", CLASSES * size, 1.0f), y[COUNT * SIZE + 1];
        y[COUNT * size] = 55.0f;
        ck_ok(lstm_embedding_lookup(CLASSES, size, COUNT, ids, table, y));
        for (size_t k = 0; k < COUNT; k++)
            ck_assert(same_bits(y + k * size, table + ids[k] * size, size));
        ck_assert_float_eq(y[COUNT * size], 55.0f);
        free(table);
    }
}
END_TEST

START_TEST(a_lookup_is_a_gather_of_rows)
{
    const size_t shape[] = {CLASSES, SIZE};
    float *table = test_numbers("table", CLASSES * SIZE, 1.0f), y[COUNT * SIZE], gathered[COUNT * SIZE];
    ck_ok(lstm_embedding_lookup(CLASSES, SIZE, COUNT, ids, table, y));
    ck_ok(lstm_gather(2, shape, 0, COUNT, ids, table, gathered));
    ck_assert(same_bits(y, gathered, COUNT * SIZE));
    free(table);
}
END_TEST

START_TEST(the_gradient_adds_in_the_order_of_ids)
{
    for (size_t size = 1; size <= SIZE; size++) {
        float *d_y = test_numbers("d_y", COUNT * size, 1.0f), *before = test_numbers("before", CLASSES * size, 1.0f);
        float d_table[CLASSES * SIZE + 1];
        memcpy(d_table, before, CLASSES * size * sizeof *d_table);
        d_table[CLASSES * size] = 55.0f;
        ck_ok(lstm_embedding_gradient(CLASSES, size, COUNT, ids, d_y, d_table));
        for (size_t row = 0; row < CLASSES; row++)
            for (size_t j = 0; j < size; j++) {
                float sum = before[row * size + j];
                for (size_t k = 0; k < COUNT; k++)
                    if (ids[k] == row)
                        sum += d_y[k * size + j];
                ck_assert(same_bits(&d_table[row * size + j], &sum, 1));
            }
        ck_assert_float_eq(d_table[CLASSES * size], 55.0f);
        free(d_y);
        free(before);
    }
}
END_TEST

START_TEST(rows_that_were_not_looked_up_are_not_touched)
{
    float *d_y = test_numbers("d_y", COUNT * SIZE, 1.0f), d_table[CLASSES * SIZE], before[CLASSES * SIZE];
    for (size_t k = 0; k < CLASSES * SIZE; k++)
        d_table[k] = before[k] = k / SIZE == 2 ? NAN : -0.0f;
    ck_ok(lstm_embedding_gradient(CLASSES, SIZE, COUNT, ids, d_y, d_table));
    ck_assert(same_bits(d_table + 2 * SIZE, before + 2 * SIZE, 2 * SIZE));
    ck_assert(!same_bits(d_table, before, 2 * SIZE) && !same_bits(d_table + 4 * SIZE, before + 4 * SIZE, 2 * SIZE));
    free(d_y);
}
END_TEST

START_TEST(the_gradient_is_the_transpose_of_the_lookup)
{
    float *table = test_numbers("table", CLASSES * SIZE, 1.0f), *d_y = test_numbers("d_y", COUNT * SIZE, 1.0f);
    float y[COUNT * SIZE], d_table[CLASSES * SIZE] = {0};
    double outside = 0.0, inside = 0.0;
    ck_ok(lstm_embedding_lookup(CLASSES, SIZE, COUNT, ids, table, y));
    ck_ok(lstm_embedding_gradient(CLASSES, SIZE, COUNT, ids, d_y, d_table));
    for (size_t k = 0; k < COUNT * SIZE; k++)
        outside += (double)y[k] * (double)d_y[k];
    for (size_t k = 0; k < CLASSES * SIZE; k++)
        inside += (double)table[k] * (double)d_table[k];
    ck_assert_double_eq_tol(inside, outside, ARRAY_TOLERANCE);
    ck_assert_double_gt(fabs(outside), 0.01);
    free(table);
    free(d_y);
}
END_TEST

START_TEST(a_table_in_a_store_is_read_and_its_gradient_is_written_there)
{
    lstm_params *params, *grads;
    lstm_variable_info info;
    float y[COUNT * SIZE];
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_declare(params, "before", 1, (const size_t[]){3}, NULL));
    ck_ok(lstm_params_declare(params, "embedding", 2, (const size_t[]){CLASSES, SIZE}, NULL));
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_params_create_like(params, &grads));
    ck_ok(lstm_params_find(params, "embedding", &info));
    const float *table = lstm_params_data(params, NULL) + info.offset;
    float *d_table = lstm_params_edit(grads, NULL) + info.offset;
    ck_ok(lstm_embedding_lookup(info.shape[0], info.shape[1], COUNT, ids, table, y));
    ck_ok(lstm_embedding_gradient(info.shape[0], info.shape[1], COUNT, ids, y, d_table));
    ck_assert(same_bits(d_table + SIZE, table + SIZE, SIZE)); /* id 1 came once */
    for (size_t j = 0; j < SIZE; j++)                         /* id 0 came twice */
        ck_assert_float_eq(d_table[j], 2.0f * table[j]);
    lstm_params_destroy(grads);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(no_ids_or_no_columns_need_no_memory)
{
    float y = 55.0f;
    ck_ok(lstm_embedding_lookup(CLASSES, SIZE, 0, NULL, NULL, NULL));
    ck_ok(lstm_embedding_lookup(0, SIZE, 0, NULL, NULL, &y));
    ck_ok(lstm_embedding_lookup(CLASSES, 0, COUNT, ids, NULL, &y));
    ck_ok(lstm_embedding_gradient(CLASSES, SIZE, 0, NULL, NULL, NULL));
    ck_ok(lstm_embedding_gradient(0, SIZE, 0, NULL, NULL, &y));
    ck_ok(lstm_embedding_gradient(CLASSES, 0, COUNT, ids, NULL, &y));
    ck_assert_float_eq(y, 55.0f);
    ck_fails(lstm_embedding_lookup(5, 0, COUNT, ids, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "ids[3] is 5");
    ck_fails(lstm_embedding_gradient(0, 0, 1, ids, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "ids[0] is 4");
}
END_TEST

START_TEST(a_lookup_or_gradient_that_cannot_be_is_refused_and_writes_nothing)
{
    const size_t half = SIZE_MAX / 2 + 1, huge[] = {0, 1, SIZE_MAX};
    float x[COUNT * SIZE] = {0}, y[COUNT * SIZE];
    ck_nothing_written(y, lstm_embedding_lookup(5, SIZE, COUNT, ids, x, y), "ids[3] is 5, expected below 5");
    ck_nothing_written(y, lstm_embedding_lookup(CLASSES, SIZE, 3, huge, x, y), "ids[2]");
    ck_nothing_written(y, lstm_embedding_lookup(0, SIZE, 1, huge, x, y), "ids[0] is 0");
    ck_nothing_written(y, lstm_embedding_lookup(half, 2, 1, ids, x, y), "overflows");
    ck_nothing_written(y, lstm_embedding_lookup(CLASSES, half / 8, 16, ids, x, y), "overflows");
    ck_nothing_written(y, lstm_embedding_lookup(CLASSES, SIZE, COUNT, NULL, x, y), "ids is NULL");
    ck_nothing_written(y, lstm_embedding_lookup(CLASSES, SIZE, COUNT, ids, NULL, y), "table is NULL");
    ck_nothing_written(y, lstm_embedding_lookup(CLASSES, SIZE, COUNT, ids, x, NULL), "y is NULL");
    ck_nothing_written(y, lstm_embedding_gradient(5, SIZE, COUNT, ids, x, y), "ids[3] is 5, expected below 5");
    ck_nothing_written(y, lstm_embedding_gradient(CLASSES, SIZE, 3, huge, x, y), "ids[2]");
    ck_nothing_written(y, lstm_embedding_gradient(0, SIZE, 1, huge, x, y), "ids[0] is 0");
    ck_nothing_written(y, lstm_embedding_gradient(half, 2, 1, ids, x, y), "overflows");
    ck_nothing_written(y, lstm_embedding_gradient(CLASSES, half / 8, 16, ids, x, y), "overflows");
    ck_nothing_written(y, lstm_embedding_gradient(CLASSES, SIZE, COUNT, NULL, x, y), "ids is NULL");
    ck_nothing_written(y, lstm_embedding_gradient(CLASSES, SIZE, COUNT, ids, NULL, y), "d_y is NULL");
    ck_nothing_written(y, lstm_embedding_gradient(CLASSES, SIZE, COUNT, ids, x, NULL), "d_table is NULL");
}
END_TEST

Suite *embedding_suite(void)
{
    return test_suite(
        "embedding",
        (const TTest *const[]){
            a_lookup_gives_the_rows_at_the_ids, a_lookup_is_a_gather_of_rows, the_gradient_adds_in_the_order_of_ids,
            rows_that_were_not_looked_up_are_not_touched, the_gradient_is_the_transpose_of_the_lookup,
            a_table_in_a_store_is_read_and_its_gradient_is_written_there, no_ids_or_no_columns_need_no_memory,
            a_lookup_or_gradient_that_cannot_be_is_refused_and_writes_nothing, NULL});
}
