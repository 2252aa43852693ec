/* The elementwise kernels, written once over vector.h; the build compiles this file once per instruction set. */
#include "functions.h"
#include "products.h"

#if defined(LSTM__ISA_AVX512)
#define TABLE lstm__kernels_avx512
#define VECTORS "avx512"
#elif defined(LSTM__ISA_AVX2)
#define TABLE lstm__kernels_avx2
#define VECTORS "avx2"
#else
#define TABLE lstm__kernels_portable
#define VECTORS "portable"
#endif

#define INLINE static inline __attribute__((always_inline))

/* For each vector of an array of `count` floats: its place k and its number of lanes n. */
#define FOR_VECTORS(k, n, count)                                                                                       \
    for (size_t k = 0, n; k < (count) && (n = (count)-k < VECTOR_WIDTH ? (count)-k : VECTOR_WIDTH, true);              \
         k += VECTOR_WIDTH)

/* Call a function whose first argument is an activation, with that argument as a constant. */
#define WITH_ACTIVATION(function, act, ...)                                                                            \
    switch (act) {                                                                                                     \
    case LSTM_ACTIVATION_TANH: function(LSTM_ACTIVATION_TANH, __VA_ARGS__); break;                                     \
    case LSTM_ACTIVATION_SIGMOID: function(LSTM_ACTIVATION_SIGMOID, __VA_ARGS__); break;                               \
    case LSTM_ACTIVATION_RELU: function(LSTM_ACTIVATION_RELU, __VA_ARGS__); break;                                     \
    default: function(LSTM_ACTIVATION_LINEAR, __VA_ARGS__); break;                                                     \
    }

static void narrow_affine(size_t rows, size_t k, size_t n, const float *x, size_t ldx, const float *w, size_t ldw,
                          const float *bias, float *y, size_t ldy)
{
    for (size_t row = 0; row < rows; row++, x += ldx, y += ldy)
        FOR_VECTORS (j, lanes, n) {
            V sum = bias ? load(bias + j, lanes) : all(0.0f);
            for (size_t i = 0; i < k; i++)
                sum = fused(all(x[i]), load(w + i * ldw + j, lanes), sum);
            store(y + j, lanes, sum);
        }
}

static void narrow_outer(size_t rows, size_t k, size_t n, const float *x, size_t ldx, const float *dy, size_t lddy,
                         float *dw, size_t lddw)
{
    for (size_t i = 0; i < k; i++)
        FOR_VECTORS (j, lanes, n) {
            V sum = load(dw + i * lddw + j, lanes);
            for (size_t row = 0; row < rows; row++)
                sum = fused(all(x[row * ldx + i]), load(dy + row * lddy + j, lanes), sum);
            store(dw + i * lddw + j, lanes, sum);
        }
}

static void column_sums(size_t rows, size_t n, const float *x, size_t ldx, float *sums)
{
    FOR_VECTORS (j, lanes, n) {
        V sum = all(0.0f);
        for (size_t row = 0; row < rows; row++)
            sum = plus(sum, load(x + row * ldx + j, lanes));
        store(sums + j, lanes, plus(load(sums + j, lanes), sum));
    }
}

static void add(size_t count, const float *x, float *y)
{
    FOR_VECTORS (k, lanes, count)
        store(y + k, lanes, plus(load(y + k, lanes), load(x + k, lanes)));
}

INLINE void activate_as(lstm_activation act, size_t count, float *x)
{
    FOR_VECTORS (k, lanes, count)
        store(x + k, lanes, activated(act, load(x + k, lanes)));
}

static void activate(lstm_activation act, size_t count, float *x)
{
    WITH_ACTIVATION(activate_as, act, count, x)
}

INLINE void activate_state_as(lstm_activation act, size_t count, float *x)
{
    FOR_VECTORS (k, lanes, count)
        store(x + k, lanes, without_denormals(activated(act, load(x + k, lanes))));
}

static void activate_state(lstm_activation act, size_t count, float *x)
{
    WITH_ACTIVATION(activate_state_as, act, count, x)
}

INLINE void activate_backward_as(lstm_activation act, size_t count, const float *y, const float *dy, float *dz)
{
    FOR_VECTORS (k, lanes, count)
        store(dz + k, lanes, times(load(dy + k, lanes), derivative(act, load(y + k, lanes))));
}

static void activate_backward(lstm_activation act, size_t count, const float *y, const float *dy, float *dz)
{
    WITH_ACTIVATION(activate_backward_as, act, count, y, dy, dz)
}

/* 16 partial sums, each over every 16th number, and one fixed tree over them: the same bits for any vector width. */
typedef struct strided_sums {
    V parts[16 / VECTOR_WIDTH];
} strided_sums;

INLINE void add_strided(strided_sums *sums, size_t place, V x)
{
    size_t part = place / VECTOR_WIDTH % (16 / VECTOR_WIDTH);
    sums->parts[part] = plus(sums->parts[part], x);
}

INLINE float sum_of_strided(const strided_sums *sums)
{
    float parts[16];
    for (size_t k = 0; k < 16 / VECTOR_WIDTH; k++)
        store(parts + k * VECTOR_WIDTH, VECTOR_WIDTH, sums->parts[k]);
    for (size_t half = 8; half; half /= 2)
        for (size_t k = 0; k < half; k++)
            parts[k] = parts[k] + parts[k + half];
    return parts[0];
}

INLINE strided_sums no_sums(void)
{
    strided_sums sums;
    for (size_t k = 0; k < 16 / VECTOR_WIDTH; k++)
        sums.parts[k] = all(0.0f);
    return sums;
}

static float largest(size_t n, const float *x)
{
    float largest = x[0];
    for (size_t k = 1; k < n; k++)
        largest = largest > x[k] ? largest : x[k];
    return largest;
}

/* The sum of exp(x - shift) over n numbers; the exponentials go to e unless it is NULL. */
INLINE float sum_of_exponentials(size_t n, const float *x, float shift, float *e)
{
    strided_sums sums = no_sums();
    FOR_VECTORS (k, lanes, n) {
        float terms[VECTOR_WIDTH] = {0}; /* lanes past the end add nothing */
        V exponential = exp_not_positive(minus(load(x + k, lanes), all(shift)));
        store(terms, lanes, exponential);
        add_strided(&sums, k, load(terms, VECTOR_WIDTH));
        if (e)
            store(e + k, lanes, exponential);
    }
    return sum_of_strided(&sums);
}

static void softmax(size_t rows, size_t n, float *x)
{
    for (size_t row = 0; row < rows; row++, x += n) {
        V sum = all(sum_of_exponentials(n, x, largest(n, x), x));
        FOR_VECTORS (k, lanes, n)
            store(x + k, lanes, over(load(x + k, lanes), sum));
    }
}

INLINE void lstm_forward_as(lstm_activation act, float forget_bias, size_t rows, size_t h, float *gates,
                            const float *c_previous, float *c, float *tanh_c, float *h_next)
{
    for (size_t row = 0; row < rows; row++) {
        float *i = gates + row * 4 * h, *j = i + h, *f = j + h, *o = f + h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V gate_i = sigmoid(load(i + u, lanes));
            V value_j = activated(act, load(j + u, lanes));
            V gate_f = sigmoid(plus(load(f + u, lanes), all(forget_bias)));
            V gate_o = sigmoid(load(o + u, lanes));
            V cell = fused(load(c_previous + at + u, lanes), gate_f, times(gate_i, value_j));
            cell = without_denormals(cell);
            V shown = activated(act, cell);
            store(i + u, lanes, gate_i);
            store(j + u, lanes, value_j);
            store(f + u, lanes, gate_f);
            store(o + u, lanes, gate_o);
            store(c + at + u, lanes, cell);
            store(tanh_c + at + u, lanes, shown);
            store(h_next + at + u, lanes, without_denormals(times(gate_o, shown)));
        }
    }
}

static void lstm_forward(lstm_activation act, float forget_bias, size_t rows, size_t h, float *gates,
                         const float *c_previous, float *c, float *tanh_c, float *h_next)
{
    WITH_ACTIVATION(lstm_forward_as, act, forget_bias, rows, h, gates, c_previous, c, tanh_c, h_next)
}

INLINE V sigmoid_derivative(V y)
{
    return derivative(LSTM_ACTIVATION_SIGMOID, y);
}

INLINE void lstm_backward_as(lstm_activation act, size_t rows, size_t h, float *gates, const float *c_previous,
                             const float *tanh_c, const float *dh, float *dc)
{
    for (size_t row = 0; row < rows; row++) {
        float *i = gates + row * 4 * h, *j = i + h, *f = j + h, *o = f + h;
        const size_t at = row * h;
        FOR_VECTORS (u, lanes, h) {
            V gate_i = load(i + u, lanes), value_j = load(j + u, lanes);
            V gate_f = load(f + u, lanes), gate_o = load(o + u, lanes);
            V shown = load(tanh_c + at + u, lanes), d_output = load(dh + at + u, lanes);
            V d_cell = fused(times(d_output, gate_o), derivative(act, shown), load(dc + at + u, lanes));
            store(i + u, lanes, times(times(d_cell, value_j), sigmoid_derivative(gate_i)));
            store(j + u, lanes, times(times(d_cell, gate_i), derivative(act, value_j)));
            store(f + u, lanes, times(times(d_cell, load(c_previous + at + u, lanes)), sigmoid_derivative(gate_f)));
            store(o + u, lanes, times(times(d_output, shown), sigmoid_derivative(gate_o)));
            store(dc + at + u, lanes, times(d_cell, gate_f));
        }
    }
}

static void lstm_backward(lstm_activation act, size_t rows, size_t h, float *gates, const float *c_previous,
                          const float *tanh_c, const float *dh, float *dc)
{
    WITH_ACTIVATION(lstm_backward_as, act, rows, h, gates, c_previous, tanh_c, dh, dc)
}

static void gru_gates(size_t rows, size_t h, float *gates, const float *h_previous, float *reset)
{
    for (size_t row = 0; row < rows; row++) {
        float *r = gates + row * 2 * h, *u = r + h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_r = sigmoid(load(r + k, lanes));
            store(r + k, lanes, gate_r);
            store(u + k, lanes, sigmoid(load(u + k, lanes)));
            store(reset + at + k, lanes, times(gate_r, load(h_previous + at + k, lanes)));
        }
    }
}

INLINE void gru_output_as(lstm_activation act, size_t rows, size_t h, const float *gates, float *candidate,
                          const float *h_previous, float *h_next)
{
    for (size_t row = 0; row < rows; row++) {
        const float *u = gates + row * 2 * h + h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_u = load(u + k, lanes), value = activated(act, load(candidate + at + k, lanes));
            V kept = times(gate_u, load(h_previous + at + k, lanes));
            store(candidate + at + k, lanes, value);
            store(h_next + at + k, lanes, without_denormals(fused(minus(all(1.0f), gate_u), value, kept)));
        }
    }
}

static void gru_output(lstm_activation act, size_t rows, size_t h, const float *gates, float *candidate,
                       const float *h_previous, float *h_next)
{
    WITH_ACTIVATION(gru_output_as, act, rows, h, gates, candidate, h_previous, h_next)
}

INLINE void gru_output_backward_as(lstm_activation act, size_t rows, size_t h, float *gates, float *candidate,
                                   const float *h_previous, float *dh)
{
    for (size_t row = 0; row < rows; row++) {
        float *u = gates + row * 2 * h + h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_u = load(u + k, lanes), value = load(candidate + at + k, lanes), d = load(dh + at + k, lanes);
            V difference = minus(load(h_previous + at + k, lanes), value);
            store(u + k, lanes, times(times(d, difference), sigmoid_derivative(gate_u)));
            store(candidate + at + k, lanes, times(times(d, minus(all(1.0f), gate_u)), derivative(act, value)));
            store(dh + at + k, lanes, times(d, gate_u));
        }
    }
}

static void gru_output_backward(lstm_activation act, size_t rows, size_t h, float *gates, float *candidate,
                                const float *h_previous, float *dh)
{
    WITH_ACTIVATION(gru_output_backward_as, act, rows, h, gates, candidate, h_previous, dh)
}

static void gru_gates_backward(size_t rows, size_t h, float *gates, const float *h_previous, const float *d_reset,
                               float *dh)
{
    for (size_t row = 0; row < rows; row++) {
        float *r = gates + row * 2 * h;
        const size_t at = row * h;
        FOR_VECTORS (k, lanes, h) {
            V gate_r = load(r + k, lanes), d = load(d_reset + at + k, lanes);
            store(r + k, lanes, times(times(d, load(h_previous + at + k, lanes)), sigmoid_derivative(gate_r)));
            store(dh + at + k, lanes, fused(d, gate_r, load(dh + at + k, lanes)));
        }
    }
}

/* log(x) for x >= 1, in double: x = m 2^e with m in [sqrt(1/2), sqrt(2)], and the series of log((1 + s) / (1 - s)) in
 * s = (m - 1) / (m + 1), cut below 1e-11. Only IEEE operations: the same bits everywhere. */
static double logarithm(double x)
{
    int exponent = 0;
    for (; x > 0x1p32; x *= 0x1p-32)
        exponent += 32;
    for (; x > 0x1.6a09e667f3bcdp+0; x *= 0.5)
        exponent++;
    double s = (x - 1.0) / (x + 1.0), square = s * s, sum = 0.0;
    for (int k = 13; k > 0; k -= 2)
        sum = sum * square + 1.0 / k;
    return exponent * 0x1.62e42fefa39efp-1 + 2.0 * s * sum;
}

static void softmax_cross_entropy(size_t n, const float *logits, const float *labels, size_t label, float scale,
                                  float *d_logits, double *loss)
{
    const float shift = largest(n, logits);
    const float sum = sum_of_exponentials(n, logits, shift, d_logits);
    const double log_sum = logarithm((double)sum);
    if (labels) {
        *loss = 0.0;
        for (size_t k = 0; k < n; k++)
            *loss += (double)labels[k] * (log_sum - ((double)logits[k] - (double)shift));
    } else {
        *loss = log_sum - ((double)logits[label] - (double)shift);
    }
    if (!d_logits)
        return;
    if (!labels)
        d_logits[label] -= sum;
    FOR_VECTORS (k, lanes, n) {
        V p = over(load(d_logits + k, lanes), all(sum));
        if (labels)
            p = minus(p, load(labels + k, lanes));
        store(d_logits + k, lanes, times(p, all(scale)));
    }
}

static void gradient_descent(size_t count, float rate, const float *g, float *w)
{
    FOR_VECTORS (k, lanes, count)
        store(w + k, lanes, fused(all(-rate), load(g + k, lanes), load(w + k, lanes)));
}

static void adam(size_t count, float rate, float one_minus_beta1, float one_minus_beta2, float epsilon, const float *g,
                 float *m, float *v, float *w)
{
    FOR_VECTORS (k, lanes, count) {
        V gradient = load(g + k, lanes), mean = load(m + k, lanes), square = load(v + k, lanes);
        mean = fused(minus(gradient, mean), all(one_minus_beta1), mean);
        square = fused(fused(gradient, gradient, minus(all(0.0f), square)), all(one_minus_beta2), square);
        V step = over(times(all(rate), mean), plus(square_root(square), all(epsilon)));
        store(m + k, lanes, mean);
        store(v + k, lanes, square);
        store(w + k, lanes, minus(load(w + k, lanes), step));
    }
}

#define LSTM__PRODUCT(name, arguments) .name = lstm__cblas_##name,
#define LSTM__BODY(name, arguments) .name = name,
extern const lstm__kernels TABLE;
const lstm__kernels TABLE = {
    .name = "cblas",
    .vectors = VECTORS,
#include "kernels.def"
};
