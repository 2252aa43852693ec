/* What a tensor's elements are as floats and as integers. */
#include "suites.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static lstm_tensor vector(lstm_dtype dtype, const size_t *count, const void *data, size_t size)
{
    return (lstm_tensor){"x", dtype, 1, count, data, size};
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* sign, 5 bits of exponent, 10 of fraction: by the definition of IEEE 754. */
static double half_value(unsigned half)
{
    const double sign = half & 0x8000 ? -1.0 : 1.0;
    const int exponent = (int)(half >> 10 & 31), fraction = (int)(half & 1023);
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

START_TEST(every_f16_is_the_float_of_its_value)
{
    const size_t count = 65536;
    uint16_t *halves = test_allocate(count, sizeof *halves);
    float *values = test_allocate(count, sizeof *values);
    for (size_t k = 0; k < count; k++)
        halves[k] = (uint16_t)k;
    const lstm_tensor tensor = vector(LSTM_DTYPE_F16, &count, halves, 2 * count);
    ck_ok(lstm_tensor_floats(&tensor, count, values));
    for (unsigned k = 0; k < count; k++) {
        const double expected = half_value(k);
        ck_assert_msg(isnan(expected) ? isnan(values[k]) : bits_of(values[k]) == bits_of((float)expected),
                      "%04x is %g, expected %g", k, (double)values[k], expected);
        ck_assert_int_eq(!signbit(values[k]), !(k & 0x8000));
    }
    free(halves);
    free(values);
}
END_TEST

START_TEST(every_bf16_is_the_upper_half_of_a_float)
{
    const size_t count = 65536;
    uint16_t *halves = test_allocate(count, sizeof *halves);
    float *values = test_allocate(count, sizeof *values);
    for (size_t k = 0; k < count; k++)
        halves[k] = (uint16_t)k;
    const lstm_tensor tensor = vector(LSTM_DTYPE_BF16, &count, halves, 2 * count);
    ck_ok(lstm_tensor_floats(&tensor, count, values));
    for (uint32_t k = 0; k < count; k++)
        ck_assert_uint_eq(bits_of(values[k]), k << 16);
    free(halves);
    free(values);
}
END_TEST

START_TEST(f64_goes_to_the_nearest_float_with_ties_to_even)
{
    const struct {
        double from;
        float to;
    } cases[] = {{0.1, 0.1f},
                 {1.0 + 0x1p-24, 1.0f},
                 {1.0 + 0x3p-24, 1.0f + 0x1p-22f},
                 {1.0 + 0x1p-24 + 0x1p-50, 1.0f + 0x1p-23f},
                 {0x1.fffffefffffffp127, 0x1.fffffep127f},
                 {0x1.ffffffp127, INFINITY},
                 {-1e300, -INFINITY},
                 {INFINITY, INFINITY},
                 {0x1p-149, 0x1p-149f},
                 {0x1p-150, 0.0f},
                 {0x3p-150, 0x1p-148f},
                 {-1e-300, -0.0f}};
    enum { CASES = sizeof cases / sizeof cases[0] };
    const size_t count = CASES + 1;
    double from[CASES + 1];
    float to[CASES + 1];
    for (size_t k = 0; k < CASES; k++)
        from[k] = cases[k].from;
    from[CASES] = NAN;
    const lstm_tensor tensor = vector(LSTM_DTYPE_F64, &count, from, sizeof from);
    ck_ok(lstm_tensor_floats(&tensor, count, to));
    for (size_t k = 0; k < CASES; k++)
        ck_assert_msg(bits_of(to[k]) == bits_of(cases[k].to), "%a is %a, expected %a", from[k], (double)to[k],
                      (double)cases[k].to);
    ck_assert(isnan(to[CASES]));
}
END_TEST

START_TEST(f32_keeps_every_bit_also_of_nan)
{
    const uint32_t bits[] = {0x3F800000, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC12345, 0x7F812345, 1};
    const size_t count = sizeof bits / sizeof bits[0];
    uint32_t values[sizeof bits / sizeof bits[0]];
    const lstm_tensor tensor = vector(LSTM_DTYPE_F32, &count, bits, sizeof bits);
    ck_ok(lstm_tensor_floats(&tensor, count, (float *)(void *)values));
    ck_assert_mem_eq(values, bits, sizeof bits);
}
END_TEST

START_TEST(data_may_stand_at_any_address)
{
    unsigned char bytes[1 + 3 * sizeof(double)];
    const double from[] = {1.5, -2.0, 1e10};
    const size_t count = 3;
    float to[3];
    int64_t integers[3];
    const int64_t whole[] = {-1, 0, INT64_MAX};
    memcpy(bytes + 1, from, sizeof from);
    lstm_tensor tensor = vector(LSTM_DTYPE_F64, &count, bytes + 1, sizeof from);
    ck_ok(lstm_tensor_floats(&tensor, count, to));
    for (size_t k = 0; k < 3; k++)
        ck_assert_float_eq(to[k], (float)from[k]);
    memcpy(bytes + 1, whole, sizeof whole);
    tensor.dtype = LSTM_DTYPE_I64;
    ck_ok(lstm_tensor_integers(&tensor, count, integers));
    /* All of them were read. NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    ck_assert_mem_eq(integers, whole, sizeof whole);
}
END_TEST

START_TEST(integers_of_three_dtypes_are_read)
{
    const size_t count = 3;
    const int32_t narrow[] = {-5, 0, INT32_MAX};
    const uint64_t natural[] = {0, 7, INT64_MAX};
    uint64_t large[] = {1, 2, (uint64_t)INT64_MAX + 1};
    int64_t values[3] = {55, 55, 55};
    lstm_tensor tensor = vector(LSTM_DTYPE_I32, &count, narrow, sizeof narrow);
    ck_ok(lstm_tensor_integers(&tensor, count, values));
    for (size_t k = 0; k < 3; k++)
        ck_assert_int_eq(values[k], narrow[k]);
    tensor = vector(LSTM_DTYPE_U64, &count, natural, sizeof natural);
    ck_ok(lstm_tensor_integers(&tensor, count, values));
    for (size_t k = 0; k < 3; k++)
        ck_assert_uint_eq((uint64_t)values[k], natural[k]);
    values[0] = 55;
    tensor.data = large;
    ck_fails(lstm_tensor_integers(&tensor, count, values), LSTM_ERR_FORMAT, "element 2");
    ck_assert_int_eq(values[0], 55);
}
END_TEST

START_TEST(other_dtypes_are_refused_by_name)
{
    const size_t count = 4;
    const uint64_t zeros[8] = {0};
    float values[8] = {55.0f};
    int64_t integers[8] = {55};
    for (lstm_dtype dtype = LSTM_DTYPE_BOOL; dtype <= LSTM_DTYPE_U64; dtype++) {
        const bool real =
            dtype == LSTM_DTYPE_F32 || dtype == LSTM_DTYPE_F64 || dtype == LSTM_DTYPE_F16 || dtype == LSTM_DTYPE_BF16;
        const bool integer = dtype == LSTM_DTYPE_I64 || dtype == LSTM_DTYPE_I32 || dtype == LSTM_DTYPE_U64;
        const char *name = lstm_dtype_name(dtype);
        size_t size = 0; /* of four elements: whatever of these the library takes */
        for (size_t tried = 2; tried <= 32 && !size; tried++) {
            const lstm_tensor tensor = vector(dtype, &count, zeros, tried);
            if (lstm_tensor_floats(&tensor, count, values) != LSTM_ERR_INVALID_ARGUMENT)
                size = tried;
        }
        ck_assert_msg(size > 0, "%s has no size", name);
        const lstm_tensor tensor = vector(dtype, &count, zeros, size);
        if (!real)
            ck_fails(lstm_tensor_floats(&tensor, count, values), LSTM_ERR_FORMAT, name);
        if (!integer)
            ck_fails(lstm_tensor_integers(&tensor, count, integers), LSTM_ERR_FORMAT, name);
    }
    ck_assert_str_eq(lstm_dtype_name((lstm_dtype)22), "unknown");
    ck_assert_str_eq(lstm_dtype_name((lstm_dtype)-1), "unknown");
}
END_TEST

START_TEST(a_tensor_that_does_not_hold_together_is_refused)
{
    const size_t shape[] = {2, 3}, huge[] = {SIZE_MAX / 2, 3};
    const float data[6] = {0};
    float values[6];
    int64_t integers[6];
    const lstm_tensor good = {"x", LSTM_DTYPE_F32, 2, shape, data, sizeof data};
    ck_ok(lstm_tensor_floats(&good, 6, values));
    ck_fails(lstm_tensor_floats(&good, 5, values), LSTM_ERR_SHAPE, "\"x\" has 6 elements, not 5");
    ck_fails(lstm_tensor_floats(NULL, 6, values), LSTM_ERR_INVALID_ARGUMENT, "tensor is NULL");
    ck_fails(lstm_tensor_floats(&good, 6, NULL), LSTM_ERR_INVALID_ARGUMENT, "values is NULL");
    ck_fails(lstm_tensor_integers(NULL, 6, integers), LSTM_ERR_INVALID_ARGUMENT, "tensor is NULL");
    lstm_tensor bad = good;
    bad.size--;
    ck_fails(lstm_tensor_floats(&bad, 6, values), LSTM_ERR_INVALID_ARGUMENT, "do not fit");
    bad = good;
    bad.shape = NULL;
    ck_fails(lstm_tensor_floats(&bad, 6, values), LSTM_ERR_INVALID_ARGUMENT, "do not fit");
    bad = good;
    bad.data = NULL;
    ck_fails(lstm_tensor_floats(&bad, 6, values), LSTM_ERR_INVALID_ARGUMENT, "do not fit");
    bad = good;
    bad.dtype = (lstm_dtype)99;
    ck_fails(lstm_tensor_floats(&bad, 6, values), LSTM_ERR_INVALID_ARGUMENT, "do not fit");
    bad = good;
    bad.shape = huge;
    ck_fails(lstm_tensor_floats(&bad, 6, values), LSTM_ERR_INVALID_ARGUMENT, "do not fit");
    const lstm_tensor nameless = {NULL, LSTM_DTYPE_F32, 2, shape, data, sizeof data};
    ck_fails(lstm_tensor_floats(&nameless, 1, values), LSTM_ERR_SHAPE, "6 elements");
}
END_TEST

START_TEST(a_tensor_without_elements_needs_no_memory)
{
    const size_t shape[] = {3, 0};
    const lstm_tensor empty = {"x", LSTM_DTYPE_F16, 2, shape, NULL, 0};
    const lstm_tensor none = {"x", LSTM_DTYPE_I64, 2, shape, NULL, 0};
    ck_ok(lstm_tensor_floats(&empty, 0, NULL));
    ck_ok(lstm_tensor_integers(&none, 0, NULL));
}
END_TEST

START_TEST(a_tensor_without_axes_is_one_element)
{
    const float half = 0.5f;
    const lstm_tensor scalar = {"x", LSTM_DTYPE_F32, 0, NULL, &half, sizeof half};
    float value = 0.0f;
    ck_ok(lstm_tensor_floats(&scalar, 1, &value));
    ck_assert_float_eq(value, half);
}
END_TEST

Suite *tensor_suite(void)
{
    return test_suite(
        "tensor",
        (const TTest *const[]){every_f16_is_the_float_of_its_value, every_bf16_is_the_upper_half_of_a_float,
                               f64_goes_to_the_nearest_float_with_ties_to_even, f32_keeps_every_bit_also_of_nan,
                               data_may_stand_at_any_address, integers_of_three_dtypes_are_read,
                               other_dtypes_are_refused_by_name, a_tensor_that_does_not_hold_together_is_refused,
                               a_tensor_without_elements_needs_no_memory, a_tensor_without_axes_is_one_element, NULL});
}
