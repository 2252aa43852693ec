#include "safetensors.h"

#include "memory.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

typedef struct dtype_info {
    char name[12];
    unsigned char bits, unit;
} dtype_info;

static const dtype_info dtypes[] = {
    [LSTM_DTYPE_BOOL] = {"BOOL", 8, 1},
    [LSTM_DTYPE_F4] = {"F4", 4, 1},
    [LSTM_DTYPE_F6_E2M3] = {"F6_E2M3", 6, 1},
    [LSTM_DTYPE_F6_E3M2] = {"F6_E3M2", 6, 1},
    [LSTM_DTYPE_U8] = {"U8", 8, 1},
    [LSTM_DTYPE_I8] = {"I8", 8, 1},
    [LSTM_DTYPE_F8_E5M2] = {"F8_E5M2", 8, 1},
    [LSTM_DTYPE_F8_E4M3] = {"F8_E4M3", 8, 1},
    [LSTM_DTYPE_F8_E8M0] = {"F8_E8M0", 8, 1},
    [LSTM_DTYPE_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8, 1},
    [LSTM_DTYPE_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8, 1},
    [LSTM_DTYPE_I16] = {"I16", 16, 2},
    [LSTM_DTYPE_U16] = {"U16", 16, 2},
    [LSTM_DTYPE_F16] = {"F16", 16, 2},
    [LSTM_DTYPE_BF16] = {"BF16", 16, 2},
    [LSTM_DTYPE_I32] = {"I32", 32, 4},
    [LSTM_DTYPE_U32] = {"U32", 32, 4},
    [LSTM_DTYPE_F32] = {"F32", 32, 4},
    [LSTM_DTYPE_C64] = {"C64", 64, 4},
    [LSTM_DTYPE_F64] = {"F64", 64, 8},
    [LSTM_DTYPE_I64] = {"I64", 64, 8},
    [LSTM_DTYPE_U64] = {"U64", 64, 8},
};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

static bool is_known(lstm_dtype dtype)
{
    return (size_t)dtype < DTYPES;
}

const char *lstm_dtype_name(lstm_dtype dtype)
{
    return is_known(dtype) ? dtypes[dtype].name : "unknown";
}

bool lstm__dtype_named(const char *name, size_t length, lstm_dtype *dtype)
{
    for (size_t k = 0; k < DTYPES; k++)
        if (strlen(dtypes[k].name) == length && !memcmp(dtypes[k].name, name, length)) {
            *dtype = (lstm_dtype)k;
            return true;
        }
    return false;
}

size_t lstm__dtype_unit(lstm_dtype dtype)
{
    return dtypes[dtype].unit;
}

bool lstm__dtype_is_real(lstm_dtype dtype)
{
    return dtype == LSTM_DTYPE_F32 || dtype == LSTM_DTYPE_F16 || dtype == LSTM_DTYPE_BF16 || dtype == LSTM_DTYPE_F64;
}

bool lstm__tensor_size(lstm_dtype dtype, size_t rank, const size_t *shape, size_t *size)
{
    size_t bits = 1;
    for (size_t k = 0; k < rank; k++)
        if (!lstm__multiply(bits, shape[k], &bits))
            return false;
    if (!is_known(dtype) || !lstm__multiply(bits, dtypes[dtype].bits, &bits) || bits % 8)
        return false;
    *size = bits / 8;
    return true;
}

bool lstm__is_little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

void lstm__swap_bytes(size_t unit, void *bytes, size_t size)
{
    unsigned char *at = bytes;
    for (size_t k = 0; k + unit <= size; k += unit)
        for (size_t low = 0, high = unit - 1; low < high; low++, high--) {
            const unsigned char byte = at[k + low];
            at[k + low] = at[k + high];
            at[k + high] = byte;
        }
}

/* A tensor that holds together: its size is what its dtype and shape say. */
static lstm_status check_elements(const char *function, const lstm_tensor *tensor, size_t count, const void *values)
{
    char name[LSTM__QUOTED];
    size_t size, elements = 1;
    if (!tensor || (!values && count))
        return lstm__fail_null(function, tensor ? "values" : "tensor");
    if ((tensor->rank && !tensor->shape) || !lstm__tensor_size(tensor->dtype, tensor->rank, tensor->shape, &size) ||
        size != tensor->size || (size && !tensor->data))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: size, dtype and shape of the tensor do not fit", function);
    for (size_t k = 0; k < tensor->rank; k++)
        elements *= tensor->shape[k];
    if (elements != count)
        return lstm__fail(LSTM_ERR_SHAPE, "%s: \"%s\" has %zu elements, not %zu", function,
                          lstm__quote(tensor->name ? tensor->name : "", name), elements, count);
    return LSTM_OK;
}

static lstm_status fail_dtype(const char *function, const lstm_tensor *tensor, const char *expected)
{
    char name[LSTM__QUOTED];
    return lstm__fail(LSTM_ERR_FORMAT, "%s: \"%s\" is of dtype %s, expected %s", function,
                      lstm__quote(tensor->name ? tensor->name : "", name), lstm_dtype_name(tensor->dtype), expected);
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754's binary16: every value is a float. */
static float float_of_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3FF;
    if (exponent == 31)
        return float_of_bits(sign | 0x7F800000 | fraction << 13);
    if (exponent)
        return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    const float value = (float)fraction * 0x1p-24f;
    return sign ? -value : value;
}

static void convert_halves(const unsigned char *data, bool brain, size_t count, float *values)
{
    for (size_t k = 0; k < count; k++) {
        uint16_t half;
        memcpy(&half, data + k * sizeof half, sizeof half);
        values[k] = brain ? float_of_bits((uint32_t)half << 16) : float_of_half(half);
    }
}

static void convert_doubles(const unsigned char *data, size_t count, float *values)
{
    for (size_t k = 0; k < count; k++) {
        double wide;
        memcpy(&wide, data + k * sizeof wide, sizeof wide);
        values[k] = (float)wide;
    }
}

lstm_status lstm_tensor_floats(const lstm_tensor *tensor, size_t count, float *values)
{
    const char *function = "lstm_tensor_floats";
    lstm_status status = check_elements(function, tensor, count, values);
    if (status)
        return status;
    if (!lstm__dtype_is_real(tensor->dtype))
        return fail_dtype(function, tensor, "F32, F16, BF16 or F64");
    if (!count)
        return LSTM_OK;
    if (tensor->dtype == LSTM_DTYPE_F32)
        memcpy(values, tensor->data, tensor->size);
    else if (tensor->dtype == LSTM_DTYPE_F64)
        convert_doubles(tensor->data, count, values);
    else
        convert_halves(tensor->data, tensor->dtype == LSTM_DTYPE_BF16, count, values);
    return LSTM_OK;
}

static int64_t integer_at(const lstm_tensor *tensor, size_t k)
{
    int64_t wide;
    int32_t narrow;
    const unsigned char *data = tensor->data;
    if (tensor->dtype == LSTM_DTYPE_I32) {
        memcpy(&narrow, data + k * sizeof narrow, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, data + k * sizeof wide, sizeof wide);
    return wide;
}

lstm_status lstm_tensor_integers(const lstm_tensor *tensor, size_t count, int64_t *values)
{
    const char *function = "lstm_tensor_integers";
    lstm_status status = check_elements(function, tensor, count, values);
    if (status)
        return status;
    if (tensor->dtype != LSTM_DTYPE_I64 && tensor->dtype != LSTM_DTYPE_I32 && tensor->dtype != LSTM_DTYPE_U64)
        return fail_dtype(function, tensor, "I64, I32 or U64");
    for (size_t k = 0; k < count && tensor->dtype == LSTM_DTYPE_U64; k++)
        if (integer_at(tensor, k) < 0)
            return lstm__fail(LSTM_ERR_FORMAT, "%s: element %zu is above 2^63 - 1", function, k);
    for (size_t k = 0; k < count; k++)
        values[k] = integer_at(tensor, k);
    return LSTM_OK;
}
