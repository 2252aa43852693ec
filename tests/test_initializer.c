/* How variables start: distributions, fans, orthogonal and identity matrices. */
#include "platform.h"
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double truncated_stddev = 0.8796256610342398;

/* A store of one variable "w", initialized; the caller reads its block. */
static lstm_params *started(const lstm_initializer *initializer, size_t rank, const size_t *shape)
{
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_declare(params, "w", rank, shape, initializer));
    ck_ok(lstm_params_initialize(params, 9));
    return params;
}

/* Mean and variance to within five standard deviations (kurtosis: the fourth moment over the variance squared), and the
 * largest value: below `limit`, and close to it unless that is infinite. */
static void check_numbers(const lstm_params *params, double variance, double kurtosis, double limit)
{
    double sum = 0.0, squares = 0.0, most = 0.0;
    size_t count;
    const float *values = lstm_params_data(params, &count);
    for (size_t k = 0; k < count; k++) {
        sum += (double)values[k];
        squares += (double)values[k] * (double)values[k];
        most = fmax(most, fabs((double)values[k]));
    }
    const double n = (double)count;
    ck_assert_double_eq_tol(sum / n, 0.0, 5.0 * sqrt(variance / n));
    ck_assert_double_eq_tol(squares / n, variance, 5.0 * variance * sqrt((kurtosis - 1.0) / n));
    ck_assert_double_le(most, limit * (1.0 + 1e-7)); /* the limit is rounded to float32 */
    ck_assert(isinf(limit) || most > 0.99 * limit);
}

static void check_distribution(const lstm_params *params, lstm_distribution distribution, double variance)
{
    switch (distribution) {
    case LSTM_DISTRIBUTION_UNIFORM: check_numbers(params, variance, 1.8, sqrt(3.0 * variance)); break;
    case LSTM_DISTRIBUTION_UNTRUNCATED_NORMAL: check_numbers(params, variance, 3.0, INFINITY); break;
    case LSTM_DISTRIBUTION_TRUNCATED_NORMAL:
        check_numbers(params, variance, 2.365566, 2.0 * sqrt(variance) / truncated_stddev);
        break;
    }
}

START_TEST(variance_scaling_has_the_variance_of_its_fan_for_every_mode_distribution_and_rank)
{
    const size_t shapes[][4] = {{60000}, {150, 400}, {5, 60, 200}, {3, 4, 50, 100}};
    const double in[] = {60000, 150, 300, 600}, out[] = {60000, 400, 1000, 1200};
    for (size_t rank = 1; rank <= 4; rank++)
        for (lstm_fan_mode mode = LSTM_FAN_IN; mode <= LSTM_FAN_AVG; mode++)
            for (lstm_distribution d = LSTM_DISTRIBUTION_TRUNCATED_NORMAL; d <= LSTM_DISTRIBUTION_UNIFORM; d++) {
                const lstm_initializer scaling = {
                    .kind = LSTM_INITIALIZER_VARIANCE_SCALING, .a = 2.5f, .mode = mode, .distribution = d};
                const double i = in[rank - 1], o = out[rank - 1];
                const double fan = mode == LSTM_FAN_IN ? i : mode == LSTM_FAN_OUT ? o : (i + o) / 2.0;
                lstm_params *params = started(&scaling, rank, shapes[rank - 1]);
                check_distribution(params, d, 2.5 / fan);
                lstm_params_destroy(params);
            }
}
END_TEST

static void same_start(const lstm_initializer *a, const lstm_initializer *b)
{
    const size_t shape[2] = {30, 40};
    lstm_params *one = started(a, 2, shape), *two = started(b, 2, shape);
    ck_assert(same_bits(lstm_params_data(one, NULL), lstm_params_data(two, NULL), 1200));
    lstm_params_destroy(one);
    lstm_params_destroy(two);
}

START_TEST(glorot_is_variance_scaling_by_the_average_fan)
{
    const lstm_initializer uniform = {.kind = LSTM_INITIALIZER_VARIANCE_SCALING,
                                      .a = 1.0f,
                                      .mode = LSTM_FAN_AVG,
                                      .distribution = LSTM_DISTRIBUTION_UNIFORM};
    const lstm_initializer truncated = {.kind = LSTM_INITIALIZER_VARIANCE_SCALING, .a = 1.0f, .mode = LSTM_FAN_AVG};
    const size_t shape[2] = {200, 300};
    same_start(&(lstm_initializer){.kind = LSTM_INITIALIZER_GLOROT_UNIFORM}, &uniform);
    same_start(&(lstm_initializer){.kind = LSTM_INITIALIZER_GLOROT_NORMAL}, &truncated);
    lstm_params *params = started(&(lstm_initializer){.kind = LSTM_INITIALIZER_GLOROT_NORMAL}, 2, shape);
    check_distribution(params, LSTM_DISTRIBUTION_TRUNCATED_NORMAL, 2.0 / 500);
    lstm_params_destroy(params);
}
END_TEST

START_TEST(a_number_of_zero_means_one)
{
    for (lstm_initializer_kind kind = LSTM_INITIALIZER_NORMAL; kind <= LSTM_INITIALIZER_IDENTITY; kind++) {
        const bool normal = kind == LSTM_INITIALIZER_NORMAL || kind == LSTM_INITIALIZER_TRUNCATED_NORMAL;
        const lstm_initializer zero = {.kind = kind};
        const lstm_initializer one = {.kind = kind, .a = normal ? 0.0f : 1.0f, .b = normal ? 1.0f : 0.0f};
        same_start(&zero, &one);
    }
}
END_TEST

START_TEST(normal_and_truncated_normal_are_numbers_of_the_variables_stream)
{
    enum { COUNT = 50 };
    const size_t shape = COUNT;
    const lstm_random random = lstm_random_named(9, "w");
    float expected[COUNT];
    lstm_params *normal =
        started(&(lstm_initializer){.kind = LSTM_INITIALIZER_NORMAL, .a = -2.0f, .b = 0.5f}, 1, &shape);
    lstm_params *truncated =
        started(&(lstm_initializer){.kind = LSTM_INITIALIZER_TRUNCATED_NORMAL, .a = 3.0f, .b = 0.1f}, 1, &shape);
    lstm_random_normal(&random, 0, COUNT, -2.0f, 0.5f, expected);
    ck_assert(same_bits(lstm_params_data(normal, NULL), expected, COUNT));
    lstm_random_truncated_normal(&random, 0, COUNT, 3.0f, 0.1f, expected);
    ck_assert(same_bits(lstm_params_data(truncated, NULL), expected, COUNT));
    lstm_params_destroy(normal);
    lstm_params_destroy(truncated);
}
END_TEST

/* Orthogonal. */

/* Element (i, j) of the matrix with orthonormal columns: the variable, or its transpose if it is wide. */
typedef struct matrix {
    const float *values;
    size_t rows, columns, width;
} matrix;

static matrix matrix_of(const float *values, size_t rank, const size_t *shape)
{
    size_t height = 1;
    const size_t width = shape[rank - 1];
    for (size_t k = 0; k + 1 < rank; k++)
        height *= shape[k];
    return (matrix){.values = values,
                    .rows = height >= width ? height : width,
                    .columns = height >= width ? width : height,
                    .width = width};
}

static double element(const matrix *m, size_t i, size_t j)
{
    return (double)(m->columns == m->width ? m->values[i * m->width + j] : m->values[j * m->width + i]);
}

static void check_orthogonal(double gain, size_t rank, const size_t *shape)
{
    const lstm_initializer orthogonal = {.kind = LSTM_INITIALIZER_ORTHOGONAL, .a = (float)gain};
    lstm_params *params = started(&orthogonal, rank, shape);
    const matrix q = matrix_of(lstm_params_data(params, NULL), rank, shape);
    const size_t count = q.rows * q.columns;
    /* The normal numbers that Q is made of: column after column. */
    const lstm_random random = lstm_random_named(9, "w");
    float *a = test_allocate(count, sizeof *a);
    lstm_random_normal(&random, 0, count, 0.0f, 1.0f, a);
    for (size_t j = 0; j < q.columns; j++)
        for (size_t k = 0; k < q.columns; k++) {
            double product = 0.0, r = 0.0;
            for (size_t i = 0; i < q.rows; i++) {
                product += element(&q, i, j) * element(&q, i, k);
                r += element(&q, i, j) / gain * (double)a[k * q.rows + i];
            }
            /* Q' Q = gain^2, and R = Q' A / gain is upper triangular with a positive diagonal. */
            if (fabs(product - (j == k ? gain * gain : 0.0)) > 1e-6 * gain * gain)
                ck_abort_msg("%zu x %zu: Q'Q[%zu][%zu] is %g", q.rows, q.columns, j, k, product);
            if (j > k ? fabs(r) > 1e-5 : j == k && !(r > 0.0))
                ck_abort_msg("%zu x %zu: R[%zu][%zu] is %g", q.rows, q.columns, j, k, r);
        }
    free(a);
    lstm_params_destroy(params);
}

START_TEST(orthogonal_matrices_are_orthonormal_tall_wide_square_and_of_more_axes)
{
    const size_t shapes[][4] = {{1, 1},      {1, 5},       {5, 1},     {2, 2},     {3, 7},      {7, 3},
                                {8, 8},      {64, 200},    {200, 64},  {96, 96},   {257, 9},    {5, 6, 7},
                                {2, 3, 100}, {2, 2, 3, 5}, {40, 1, 1}, {1, 1, 40}, {3, 1, 3, 1}};
    const size_t ranks[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 3, 3, 4};
    for (size_t k = 0; k < sizeof ranks / sizeof ranks[0]; k++) {
        check_orthogonal(1.0, ranks[k], shapes[k]);
        check_orthogonal(1.5, ranks[k], shapes[k]);
    }
}
END_TEST

START_TEST(orthogonal_matrices_and_scaled_ones_are_the_same_on_every_machine)
{
    const size_t wide[2] = {3, 4}, tall[2] = {4, 3};
    const lstm_initializer orthogonal = {.kind = LSTM_INITIALIZER_ORTHOGONAL};
    const lstm_initializer scaling = {.kind = LSTM_INITIALIZER_VARIANCE_SCALING};
    const lstm_initializer glorot = {.kind = LSTM_INITIALIZER_GLOROT_NORMAL};
    const float expected[4][4] = {{0x1.a1dd5p-3f, 0x1.c918a4p-1f, 0x1.776458p-2f, 0x1.503126p-3f},
                                  {0x1.06ccap-1f, 0x1.65effap-4f, 0x1.9c3fbep-1f, 0x1.436fcp-1f},
                                  {0x1.00a384p-2f, -0x1.f6c138p-2f, 0x1.0a9dfcp-4f, 0x1.4851f8p-1f},
                                  {-0x1.f26928p-3f, -0x1.e38b22p-4f, -0x1.0d3406p-2f, 0x1.fed3ap-4f}};
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_params_declare(params, "wide", 2, wide, &orthogonal));
    ck_ok(lstm_params_declare(params, "tall", 2, tall, &orthogonal));
    ck_ok(lstm_params_declare(params, "scaled", 2, wide, &scaling));
    ck_ok(lstm_params_declare(params, "glorot", 2, wide, &glorot));
    ck_ok(lstm_params_initialize(params, 1));
    for (size_t k = 0; k < 4; k++)
        ck_assert(same_bits(lstm_params_data(params, NULL) + 12 * k, expected[k], 4));
    lstm_params_destroy(params);
}
END_TEST

START_TEST(the_identity_has_its_gain_on_the_diagonal)
{
    const size_t shapes[][2] = {{4, 4}, {3, 5}, {5, 3}, {1, 1}};
    for (size_t s = 0; s < 4; s++) {
        const lstm_initializer identity = {.kind = LSTM_INITIALIZER_IDENTITY, .a = -0.5f};
        lstm_params *params = started(&identity, 2, shapes[s]);
        const float *w = lstm_params_data(params, NULL);
        for (size_t i = 0; i < shapes[s][0]; i++)
            for (size_t j = 0; j < shapes[s][1]; j++)
                ck_assert_float_eq(w[i * shapes[s][1] + j], i == j ? -0.5f : 0.0f);
        lstm_params_destroy(params);
    }
}
END_TEST

START_TEST(a_variable_starts_by_seed_and_name_whatever_stands_beside_it)
{
    const size_t shape[2] = {6, 9};
    for (lstm_initializer_kind kind = LSTM_INITIALIZER_GLOROT_UNIFORM; kind <= LSTM_INITIALIZER_IDENTITY; kind++) {
        const lstm_initializer initializer = {.kind = kind, .a = 0.5f, .b = 2.0f};
        lstm_params *alone = started(&initializer, 2, shape), *params;
        lstm_variable_info w;
        ck_ok(lstm_params_create(NULL, &params));
        ck_ok(lstm_params_declare(params, "before", 2, (size_t[]){17, 20}, &initializer));
        ck_ok(lstm_params_declare(params, "w", 2, shape, &initializer));
        ck_ok(lstm_params_declare(params, "behind", 2, (size_t[]){2, 3}, &initializer));
        for (int round = 0; round < 2; round++) { /* sealed and filled, and filled anew */
            lstm_params_zero(params);
            ck_ok(lstm_params_initialize(params, 9));
            ck_ok(lstm_params_find(params, "w", &w));
            ck_assert(same_bits(lstm_params_data(params, NULL) + w.offset, lstm_params_data(alone, NULL), w.count));
        }
        lstm_params_destroy(params);
        lstm_params_destroy(alone);
    }
}
END_TEST

START_TEST(initializers_that_are_none_or_not_of_the_rank_are_refused)
{
    const size_t shape[3] = {2, 3, 4};
    const struct {
        lstm_initializer initializer;
        size_t rank;
        const char *words;
    } wrong[] = {
        {{.kind = (lstm_initializer_kind)9}, 2, "initializer 9 of \"w\" is not known"},
        {{.kind = (lstm_initializer_kind)-1}, 2, "is not known"},
        {{.kind = LSTM_INITIALIZER_UNIFORM, .a = -3e38f, .b = 3e38f}, 2, "range"},
        {{.kind = LSTM_INITIALIZER_NORMAL, .b = -1.0f}, 2, "standard deviation"},
        {{.kind = LSTM_INITIALIZER_NORMAL, .b = NAN}, 2, "standard deviation"},
        {{.kind = LSTM_INITIALIZER_NORMAL, .a = NAN}, 2, "not finite"},
        {{.kind = LSTM_INITIALIZER_TRUNCATED_NORMAL, .b = INFINITY}, 2, "not finite"},
        {{.kind = LSTM_INITIALIZER_TRUNCATED_NORMAL, .a = 3e38f, .b = 1e38f}, 2, "not finite"},
        {{.kind = LSTM_INITIALIZER_VARIANCE_SCALING, .a = -1.0f}, 2, "scale"},
        {{.kind = LSTM_INITIALIZER_VARIANCE_SCALING, .a = NAN}, 2, "scale"},
        {{.kind = LSTM_INITIALIZER_VARIANCE_SCALING, .a = INFINITY}, 2, "scale"},
        {{.kind = LSTM_INITIALIZER_VARIANCE_SCALING, .mode = (lstm_fan_mode)3}, 2, "mode"},
        {{.kind = LSTM_INITIALIZER_VARIANCE_SCALING, .mode = (lstm_fan_mode)-1}, 2, "mode"},
        {{.kind = LSTM_INITIALIZER_VARIANCE_SCALING, .distribution = (lstm_distribution)3}, 2, "distribution"},
        {{.kind = LSTM_INITIALIZER_VARIANCE_SCALING, .distribution = (lstm_distribution)-1}, 2, "distribution"},
        {{.kind = LSTM_INITIALIZER_ORTHOGONAL, .a = INFINITY}, 2, "gain"},
        {{.kind = LSTM_INITIALIZER_ORTHOGONAL}, 1, "rank 1"},
        {{.kind = LSTM_INITIALIZER_IDENTITY, .a = NAN}, 2, "gain"},
        {{.kind = LSTM_INITIALIZER_IDENTITY}, 1, "rank 1"},
        {{.kind = LSTM_INITIALIZER_IDENTITY}, 3, "rank 3"},
    };
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        ck_fails(lstm_params_declare(params, "w", wrong[k].rank, shape, &wrong[k].initializer),
                 LSTM_ERR_INVALID_ARGUMENT, wrong[k].words);
        ck_assert(strstr(lstm_error_message(), "\"w\"") != NULL);
    }
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    lstm_params_destroy(params);
}
END_TEST

/* LSTMCell hands its initializer to the peepholes, too, as TF1 does. */
START_TEST(a_cell_takes_an_initializer_and_refuses_one_that_its_peepholes_cannot)
{
    const lstm_initializer orthogonal = {.kind = LSTM_INITIALIZER_ORTHOGONAL};
    for (int peepholes = 0; peepholes < 2; peepholes++) {
        lstm_params *params;
        lstm_cell *cell;
        lstm_rnn *rnn = NULL;
        ck_ok(lstm_params_create(NULL, &params));
        ck_ok(lstm_cell_create_lstm(
            NULL, 4, LSTM_ARGS(lstm_lstm_config, .initializer = &orthogonal, .use_peepholes = peepholes), &cell));
        if (peepholes)
            ck_fails(lstm_rnn_create(params, NULL, cell, 3, NULL, &rnn), LSTM_ERR_INVALID_ARGUMENT, "_diag");
        else
            ck_ok(lstm_rnn_create(params, NULL, cell, 3, NULL, &rnn));
        ck_assert_uint_eq(lstm_params_variable_count(params), peepholes ? 0 : 2);
        lstm_rnn_destroy(rnn);
        lstm_cell_destroy(cell);
        lstm_params_destroy(params);
    }
}
END_TEST

static void *allocate_little(void *user, size_t size, size_t alignment)
{
    (void)user;
    return size < (size_t)1 << 20 ? lstm__platform_allocate(size, alignment) : NULL;
}

static void release_little(void *user, void *memory)
{
    (void)user;
    lstm__platform_release(memory);
}

START_TEST(without_memory_to_orthogonalize_the_store_stays_open)
{
    const lstm_initializer orthogonal = {.kind = LSTM_INITIALIZER_ORTHOGONAL};
    const lstm_initializer identity = {.kind = LSTM_INITIALIZER_IDENTITY};
    const size_t shape[2] = {400, 400}; /* 640 kB of floats, but twice that of doubles */
    lstm_context *context;
    lstm_params *params;
    ck_ok(lstm_context_create(LSTM_ARGS(lstm_context_config, .allocator = {NULL, allocate_little, release_little}),
                              &context));
    ck_ok(lstm_params_create(context, &params));
    lstm_context_destroy(context);
    ck_ok(lstm_params_declare(params, "w", 2, shape, &orthogonal));
    ck_fails(lstm_params_initialize(params, 1), LSTM_ERR_OUT_OF_MEMORY, "lstm_params_initialize");
    ck_assert_ptr_null(lstm_params_data(params, NULL));
    ck_ok(lstm_params_set_initializer(params, "w", &identity));
    ck_ok(lstm_params_initialize(params, 1));
    lstm_params_destroy(params);
}
END_TEST

Suite *initializer_suite(void)
{
    return test_suite("initializer",
                      (const TTest *const[]){
                          variance_scaling_has_the_variance_of_its_fan_for_every_mode_distribution_and_rank,
                          glorot_is_variance_scaling_by_the_average_fan,
                          a_number_of_zero_means_one,
                          normal_and_truncated_normal_are_numbers_of_the_variables_stream,
                          orthogonal_matrices_are_orthonormal_tall_wide_square_and_of_more_axes,
                          orthogonal_matrices_and_scaled_ones_are_the_same_on_every_machine,
                          the_identity_has_its_gain_on_the_diagonal,
                          a_variable_starts_by_seed_and_name_whatever_stands_beside_it,
                          initializers_that_are_none_or_not_of_the_rank_are_refused,
                          a_cell_takes_an_initializer_and_refuses_one_that_its_peepholes_cannot,
                          without_memory_to_orthogonalize_the_store_stays_open,
                          NULL,
                      });
}
