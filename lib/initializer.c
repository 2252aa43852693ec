#include "initializer.h"

#include "status.h"

#include <math.h>
#include <string.h>

#include <lstm/random.h>

/* The standard deviation that a standard normal distribution keeps when it is cut at -2 and 2. */
static const double truncated_stddev = 0.8796256610342398;

static float or_one(float number)
{
    return number == 0.0f ? 1.0f : number;
}

static lstm_status refuse(const char *function, const char *name, const char *number, double value,
                          const char *expected)
{
    return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s of \"%s\"'s initializer is %g, expected %s", function, number,
                      name, value, expected);
}

static lstm_status check_scaling(const char *function, const char *name, const lstm_initializer *initializer)
{
    if (!(initializer->a >= 0.0f) || isinf(initializer->a))
        return refuse(function, name, "scale", (double)initializer->a, "finite and not negative");
    if (initializer->mode < LSTM_FAN_IN || initializer->mode > LSTM_FAN_AVG)
        return refuse(function, name, "mode", (double)initializer->mode, "a lstm_fan_mode");
    if (initializer->distribution < LSTM_DISTRIBUTION_TRUNCATED_NORMAL ||
        initializer->distribution > LSTM_DISTRIBUTION_UNIFORM)
        return refuse(function, name, "distribution", (double)initializer->distribution, "a lstm_distribution");
    return LSTM_OK;
}

lstm_status lstm__check_initializer(const char *function, const char *name, const lstm_initializer *initializer)
{
    const float a = initializer->a, b = initializer->b;
    switch (initializer->kind) {
    case LSTM_INITIALIZER_GLOROT_UNIFORM:
    case LSTM_INITIALIZER_GLOROT_NORMAL:
    case LSTM_INITIALIZER_CONSTANT: return LSTM_OK;
    case LSTM_INITIALIZER_UNIFORM:
        return isfinite(b - a)
                   ? LSTM_OK
                   : lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the range of \"%s\" is not finite", function, name);
    case LSTM_INITIALIZER_NORMAL:
    case LSTM_INITIALIZER_TRUNCATED_NORMAL:
        if (!(b >= 0.0f))
            return refuse(function, name, "standard deviation", (double)b, "not negative");
        return isfinite(fabsf(a) + 7.0f * b)
                   ? LSTM_OK
                   : lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%s\" starts at numbers that are not finite", function,
                                name);
    case LSTM_INITIALIZER_VARIANCE_SCALING: return check_scaling(function, name, initializer);
    case LSTM_INITIALIZER_ORTHOGONAL:
    case LSTM_INITIALIZER_IDENTITY: return isfinite(a) ? LSTM_OK : refuse(function, name, "gain", (double)a, "finite");
    }
    return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: initializer %d of \"%s\" is not known", function,
                      (int)initializer->kind, name);
}

lstm_status lstm__check_initializer_of(const char *function, const char *name, size_t rank,
                                       const lstm_initializer *initializer)
{
    if (initializer->kind == LSTM_INITIALIZER_ORTHOGONAL && rank < 2)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT,
                          "%s: \"%s\" is of rank %zu, an orthogonal initializer needs 2 or more", function, name, rank);
    if (initializer->kind == LSTM_INITIALIZER_IDENTITY && rank != 2)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%s\" is of rank %zu, the identity needs 2", function, name,
                          rank);
    return lstm__check_initializer(function, name, initializer);
}

/* How many numbers of a variable go into an output and come out of an input, as TF1 counts them. */
static double fan_of(const lstm_variable_info *info, lstm_fan_mode mode)
{
    const size_t rank = info->rank;
    double others = 1.0;
    for (size_t k = 0; k + 2 < rank; k++)
        others *= (double)info->shape[k];
    const double in = others * (double)info->shape[rank > 1 ? rank - 2 : 0];
    const double out = others * (double)info->shape[rank - 1];
    return mode == LSTM_FAN_IN ? in : mode == LSTM_FAN_OUT ? out : (in + out) / 2.0;
}

static void fill_scaled(double scale, lstm_fan_mode mode, lstm_distribution distribution,
                        const lstm_variable_info *info, const lstm_random *random, float *values)
{
    const double fan = fan_of(info, mode);
    const float limit = (float)sqrt(3.0 * scale / fan);
    switch (distribution) {
    case LSTM_DISTRIBUTION_UNIFORM: lstm_random_uniform(random, 0, info->count, -limit, limit, values); break;
    case LSTM_DISTRIBUTION_UNTRUNCATED_NORMAL:
        lstm_random_normal(random, 0, info->count, 0.0f, (float)sqrt(scale / fan), values);
        break;
    case LSTM_DISTRIBUTION_TRUNCATED_NORMAL:
        lstm_random_truncated_normal(random, 0, info->count, 0.0f, (float)(sqrt(scale / fan) / truncated_stddev),
                                     values);
        break;
    }
}

static void fill_constant(size_t count, float value, float *values)
{
    for (size_t k = 0; k < count; k++)
        values[k] = value;
}

/* Eight strided sums and a tree over them: an order that vectors of any width can keep. */
static double dot(size_t count, const double *a, const double *b)
{
    double parts[8] = {0.0};
    size_t k = 0;
    for (; k + 8 <= count; k += 8)
        for (size_t j = 0; j < 8; j++)
            parts[j] += a[k + j] * b[k + j];
    for (; k < count; k++)
        parts[k % 8] += a[k] * b[k];
    for (size_t half = 4; half; half /= 2)
        for (size_t j = 0; j < half; j++)
            parts[j] += parts[j + half];
    return parts[0];
}

/* x = (1 - v v') x */
static void reflect(size_t count, const double *v, double *x)
{
    const double along = dot(count, v, x);
    for (size_t k = 0; k < count; k++)
        x[k] -= along * v[k];
}

/* x becomes the v, v'v = 2, whose reflection maps x to a multiple of the first axis, with the sign that x[0] has not. */
static void make_reflector(size_t count, double *x)
{
    const double norm = sqrt(dot(count, x, x));
    x[0] += x[0] < 0.0 ? -norm : norm;
    const double length = dot(count, x, x), factor = length > 0.0 ? sqrt(2.0 / length) : 0.0;
    for (size_t k = 0; k < count; k++)
        x[k] *= factor;
}

/* q[columns][rows], rows >= columns, holds the columns of a matrix and becomes those of Q in its factors Q R, with the
 * signs that make R's diagonal positive: A. Householder, 1958. */
static void orthogonalize(size_t rows, size_t columns, double *q)
{
    for (size_t k = 0; k < columns; k++) {
        const double *v = q + k * rows + k;
        make_reflector(rows - k, q + k * rows + k);
        for (size_t j = k + 1; j < columns; j++)
            reflect(rows - k, v, q + j * rows + k);
    }
    for (size_t k = columns; k-- > 0;) {
        double *v = q + k * rows + k;
        for (size_t j = k + 1; j < columns; j++)
            reflect(rows - k, v, q + j * rows + k);
        const double first = v[0], sign = first < 0.0 ? 1.0 : -1.0; /* of R's diagonal */
        memset(q + k * rows, 0, k * sizeof *q);
        for (size_t i = 0; i < rows - k; i++)
            v[i] *= -sign * first;
        v[0] += sign;
    }
}

/* The variable as a matrix: all axes but the last, and the last. */
static void fill_orthogonal(double gain, const lstm_variable_info *info, const lstm_random *random, double *q,
                            float *values)
{
    const size_t width = info->shape[info->rank - 1], height = info->count / width;
    const bool tall = height >= width;
    const size_t rows = tall ? height : width, columns = tall ? width : height;
    lstm_random_normal(random, 0, info->count, 0.0f, 1.0f, values);
    for (size_t k = 0; k < info->count; k++)
        q[k] = (double)values[k];
    orthogonalize(rows, columns, q);
    for (size_t k = 0; k < info->count; k++)
        values[k] = (float)(gain * (tall ? q[k % width * rows + k / width] : q[k]));
}

static void fill_identity(float gain, const lstm_variable_info *info, float *values)
{
    fill_constant(info->count, 0.0f, values);
    for (size_t k = 0; k < info->shape[0] && k < info->shape[1]; k++)
        values[k * info->shape[1] + k] = gain;
}

size_t lstm__initializer_scratch(const lstm_initializer *initializer, const lstm_variable_info *info)
{
    return initializer->kind == LSTM_INITIALIZER_ORTHOGONAL ? info->count : 0;
}

void lstm__initialize(const lstm_initializer *initializer, const lstm_variable_info *info, uint64_t seed,
                      double *scratch, float *values)
{
    const lstm_random random = lstm_random_named(seed, info->name);
    const float a = initializer->a, b = initializer->b;
    switch (initializer->kind) {
    case LSTM_INITIALIZER_GLOROT_UNIFORM:
        fill_scaled(1.0, LSTM_FAN_AVG, LSTM_DISTRIBUTION_UNIFORM, info, &random, values);
        break;
    case LSTM_INITIALIZER_GLOROT_NORMAL:
        fill_scaled(1.0, LSTM_FAN_AVG, LSTM_DISTRIBUTION_TRUNCATED_NORMAL, info, &random, values);
        break;
    case LSTM_INITIALIZER_VARIANCE_SCALING:
        fill_scaled((double)or_one(a), initializer->mode, initializer->distribution, info, &random, values);
        break;
    case LSTM_INITIALIZER_CONSTANT: fill_constant(info->count, a, values); break;
    case LSTM_INITIALIZER_UNIFORM: lstm_random_uniform(&random, 0, info->count, a, b, values); break;
    case LSTM_INITIALIZER_NORMAL: lstm_random_normal(&random, 0, info->count, a, or_one(b), values); break;
    case LSTM_INITIALIZER_TRUNCATED_NORMAL:
        lstm_random_truncated_normal(&random, 0, info->count, a, or_one(b), values);
        break;
    case LSTM_INITIALIZER_ORTHOGONAL: fill_orthogonal((double)or_one(a), info, &random, scratch, values); break;
    case LSTM_INITIALIZER_IDENTITY: fill_identity(or_one(a), info, values); break;
    }
}
