/* The elementwise kernels, written once over vector.h; the build compiles this file once per instruction set. */
#include "cell_bodies.h"
#include "logarithm.h"
#include "loops.h"
#include "loss_bodies.h"
#include "product_bodies.h"
#ifdef LSTM__HAVE_CBLAS
#include "products.h"
#endif

#include <math.h>

#if defined(LSTM__ISA_AVX512)
#define TABLE lstm__kernels_avx512
#define TABLE_CBLAS lstm__kernels_avx512_cblas
#define VECTORS "avx512"
#elif defined(LSTM__ISA_AVX2)
#define TABLE lstm__kernels_avx2
#define TABLE_CBLAS lstm__kernels_avx2_cblas
#define VECTORS "avx2"
#elif defined(LSTM__ISA_NEON)
#define TABLE lstm__kernels_neon
#define TABLE_CBLAS lstm__kernels_neon_cblas
#define VECTORS "neon"
#else
#define TABLE lstm__kernels_portable
#define TABLE_CBLAS lstm__kernels_portable_cblas
#define VECTORS "portable"
#endif

static void column_sums(size_t rows, size_t n, const float *x, size_t ldx, float *sums)
{
    FOR_VECTORS (j, lanes, n) {
        V sum = all(0.0f);
        for (size_t row = 0; row < rows; row++)
            sum = plus(sum, load(x + row * ldx + j, lanes));
        store(sums + j, lanes, plus(load(sums + j, lanes), sum));
    }
}

static void scale(size_t count, float factor, float *x)
{
    FOR_VECTORS (k, lanes, count)
        store(x + k, lanes, times(load(x + k, lanes), all(factor)));
}

static void sum_of_squares(size_t count, const float *x, double *sum)
{
    double parts[16] = {0.0}; /* each over every 16th number, and one fixed tree over them */
    size_t first = 0;
    for (; first + 16 <= count; first += 16)
        for (size_t k = 0; k < 16; k++)
            parts[k] += (double)x[first + k] * (double)x[first + k];
    for (size_t k = 0; first + k < count; k++)
        parts[k] += (double)x[first + k] * (double)x[first + k];
    *sum = sum_of_parts(parts);
}

static void multiply(size_t count, const float *x, float *y)
{
    FOR_VECTORS (k, lanes, count)
        store(y + k, lanes, times(load(y + k, lanes), load(x + k, lanes)));
}

static void product_sums(size_t rows, size_t n, const float *x, size_t ldx, const float *y, size_t ldy, float *sums)
{
    FOR_VECTORS (j, lanes, n) {
        V sum = all(0.0f);
        for (size_t row = 0; row < rows; row++)
            sum = fused(load(x + row * ldx + j, lanes), load(y + row * ldy + j, lanes), sum);
        store(sums + j, lanes, plus(load(sums + j, lanes), sum));
    }
}

static void clip(size_t count, float low, float high, float *x)
{
    FOR_VECTORS (k, lanes, count) /* NaN stays NaN */
        store(x + k, lanes, minimum(all(high), maximum(all(low), load(x + k, lanes))));
}

static void clip_backward(size_t count, float limit, const float *x, float *d)
{
    FOR_VECTORS (k, lanes, count)
        store(d + k, lanes, if_less(all(limit), magnitude(load(x + k, lanes)), all(0.0f), load(d + k, lanes)));
}

INLINE void activate_as(lstm_activation kind, const lstm_function *function, size_t count, float *x)
{
    FOR_VECTORS (k, lanes, count)
        store(x + k, lanes, activated(kind, function, load(x + k, lanes)));
}

static void activate(const lstm__activation *act, size_t count, float *x)
{
    activate_as(act->kind, &act->function, count, x);
}

INLINE void activate_state_as(lstm_activation kind, const lstm_function *function, size_t count, float *x)
{
    FOR_VECTORS (k, lanes, count)
        store(x + k, lanes, without_denormals(activated(kind, function, load(x + k, lanes))));
}

static void activate_state(const lstm__activation *act, size_t count, float *x)
{
    activate_state_as(act->kind, &act->function, count, x);
}

INLINE void activate_backward_as(lstm_activation kind, const lstm_function *function, size_t count, const float *keeps,
                                 const float *dy, float *dz)
{
    FOR_VECTORS (k, lanes, count)
        store(dz + k, lanes, times(load(dy + k, lanes), derivative(kind, function, load(keeps + k, lanes))));
}

static void activate_backward(const lstm__activation *act, size_t count, const float *keeps, const float *dy, float *dz)
{
    activate_backward_as(act->kind, &act->function, count, keeps, dy, dz);
}

/* 16 partial sums, each over every 16th number, and one fixed tree over them: the same bits for any vector width. */
typedef struct strided_sums {
    V parts[16 / VECTOR_WIDTH];
} strided_sums;

INLINE void add_strided(strided_sums *sums, size_t index, V x)
{
    size_t part = index / VECTOR_WIDTH % (16 / VECTOR_WIDTH);
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

/* The sums over n numbers of a and, where b is not NULL, of a b. */
INLINE float strided_sum(size_t n, const float *a, const float *b)
{
    strided_sums sums = no_sums();
    FOR_VECTORS (k, lanes, n) {
        V x = load(a + k, lanes); /* lanes past the end are zero */
        add_strided(&sums, k, b ? times(x, load(b + k, lanes)) : x);
    }
    return sum_of_strided(&sums);
}

/* normal and its scale where the squares are too large for a float. NaN stays NaN. */
static float normalise_wide(size_t n, const float *x, float *normal)
{
    double mean = 0.0, variance = 0.0;
    for (size_t k = 0; k < n; k++)
        mean += (double)x[k] / (double)n;
    for (size_t k = 0; k < n; k++)
        variance += ((double)x[k] - mean) * ((double)x[k] - mean) / (double)n;
    const double scale = 1.0 / sqrt(variance + 1e-12);
    for (size_t k = 0; k < n; k++)
        normal[k] = (float)(((double)x[k] - mean) * scale);
    return (float)scale;
}

static void layer_norm(size_t rows, size_t n, const float *gain, const float *shift, float *x, size_t ldx,
                       float *normal, size_t ldn, float *scale, size_t lds)
{
    const float share = 1.0f / (float)n;
    for (size_t row = 0; row < rows; row++, x += ldx, normal += ldn, scale += lds) {
        const V mean = all(strided_sum(n, x, NULL) * share);
        FOR_VECTORS (k, lanes, n)
            store(normal + k, lanes, minus(load(x + k, lanes), mean));
        const float variance = strided_sum(n, normal, normal) * share;
        float factor = 1.0f / sqrtf(variance + 1e-12f);
        *scale = factor;
        if (!(variance <= FLT_MAX)) {
            *scale = normalise_wide(n, x, normal);
            factor = 1.0f;
        }
        FOR_VECTORS (k, lanes, n) {
            V value = times(load(normal + k, lanes), all(factor));
            store(normal + k, lanes, value);
            store(x + k, lanes, fused(value, load(gain + k, lanes), load(shift + k, lanes)));
        }
    }
}

static void layer_norm_backward(size_t rows, size_t n, const float *gain, const float *normal, size_t ldn,
                                const float *scale, size_t lds, float *d, size_t ldd)
{
    const float share = 1.0f / (float)n;
    for (size_t row = 0; row < rows; row++, normal += ldn, scale += lds, d += ldd) {
        FOR_VECTORS (k, lanes, n)
            store(d + k, lanes, times(load(d + k, lanes), load(gain + k, lanes)));
        const V mean = all(strided_sum(n, d, NULL) * share), along = all(-strided_sum(n, d, normal) * share);
        FOR_VECTORS (k, lanes, n) {
            V centred = minus(load(d + k, lanes), mean);
            store(d + k, lanes, times(fused(load(normal + k, lanes), along, centred), all(*scale)));
        }
    }
}

static void softmax_cross_entropy(size_t n, const float *logits, const float *labels, size_t label, float scale,
                                  float *d_logits, double *loss)
{
    const float shift = largest(n, logits);
    const float sum = sum_of_exponentials(n, logits, shift, d_logits);
    const double log_sum = lstm__logarithm((double)sum);
    if (labels) {
        *loss = 0.0;
        for (size_t k = 0; k < n; k++)
            if (labels[k] != 0.0f || logits[k] != -INFINITY) /* which takes its class away */
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

static void log_softmax(size_t n, const float *z, float *p, double *normal)
{
    const float shift = largest(n, z), sum = sum_of_exponentials(n, z, shift, p);
    normal[0] = (double)shift;
    normal[1] = lstm__logarithm((double)sum);
    if (p)
        FOR_VECTORS (k, lanes, n)
            store(p + k, lanes, over(load(p + k, lanes), all(sum)));
}

/* x + share (y - x) */
INLINE V moved(V x, V y, float share)
{
    return fused(minus(y, x), all(share), x);
}

static void move(size_t count, float share, const float *y, float *x)
{
    FOR_VECTORS (k, lanes, count)
        store(x + k, lanes, moved(load(x + k, lanes), load(y + k, lanes), share));
}

static void gradient_descent(size_t count, float rate, const float *g, float *w)
{
    FOR_VECTORS (k, lanes, count)
        store(w + k, lanes, fused(all(-rate), load(g + k, lanes), load(w + k, lanes)));
}

static void momentum(size_t count, float rate, float momentum, bool nesterov, const float *g, float *a, float *w)
{
    FOR_VECTORS (k, lanes, count) {
        V gradient = load(g + k, lanes), sum = fused(load(a + k, lanes), all(momentum), gradient);
        V step = nesterov ? fused(sum, all(momentum), gradient) : sum;
        store(a + k, lanes, sum);
        store(w + k, lanes, fused(all(-rate), step, load(w + k, lanes)));
    }
}

static void adagrad(size_t count, float rate, const float *g, float *a, float *w)
{
    FOR_VECTORS (k, lanes, count) {
        V gradient = load(g + k, lanes), sum = fused(gradient, gradient, load(a + k, lanes));
        store(a + k, lanes, sum);
        store(w + k, lanes, minus(load(w + k, lanes), over(times(all(rate), gradient), square_root(sum))));
    }
}

static void adadelta(size_t count, float rate, float one_minus_rho, float epsilon, const float *g, float *a, float *u,
                     float *w)
{
    FOR_VECTORS (k, lanes, count) {
        V gradient = load(g + k, lanes), update = load(u + k, lanes);
        V square = moved(load(a + k, lanes), times(gradient, gradient), one_minus_rho);
        V root = square_root(plus(update, all(epsilon)));
        V step = times(over(root, square_root(plus(square, all(epsilon)))), gradient);
        store(a + k, lanes, square);
        store(u + k, lanes, moved(update, times(step, step), one_minus_rho));
        store(w + k, lanes, fused(all(-rate), step, load(w + k, lanes)));
    }
}

static void rmsprop(size_t count, float rate, float one_minus_decay, float momentum, float epsilon, const float *g,
                    float *s, float *mean, float *m, float *w)
{
    FOR_VECTORS (k, lanes, count) {
        V gradient = load(g + k, lanes);
        V square = moved(load(s + k, lanes), times(gradient, gradient), one_minus_decay), spread = square;
        if (mean) {
            V centre = moved(load(mean + k, lanes), gradient, one_minus_decay);
            store(mean + k, lanes, centre);
            spread = maximum(all(0.0f), minus(square, times(centre, centre))); /* rounding takes it below */
        }
        V step = over(times(all(rate), gradient), square_root(plus(spread, all(epsilon))));
        step = fused(load(m + k, lanes), all(momentum), step);
        store(s + k, lanes, square);
        store(m + k, lanes, step);
        store(w + k, lanes, minus(load(w + k, lanes), step));
    }
}

static void adam(size_t count, float rate, float one_minus_beta1, float one_minus_beta2, float epsilon, const float *g,
                 float *m, float *v, float *w)
{
    FOR_VECTORS (k, lanes, count) {
        V gradient = load(g + k, lanes), mean = load(m + k, lanes), square = load(v + k, lanes);
        mean = moved(mean, gradient, one_minus_beta1);
        square = fused(fused(gradient, gradient, minus(all(0.0f), square)), all(one_minus_beta2), square);
        V step = over(times(all(rate), mean), plus(square_root(square), all(epsilon)));
        store(m + k, lanes, mean);
        store(v + k, lanes, square);
        store(w + k, lanes, minus(load(w + k, lanes), step));
    }
}

#define LSTM__PRODUCT(name, arguments) .name = name,
#define LSTM__BODY(name, arguments) .name = name,
extern const lstm__kernels TABLE;
const lstm__kernels TABLE = {
    .name = VECTORS,
    .vectors = VECTORS,
    .packs = true,
#include "kernels.def"
};
#undef LSTM__PRODUCT

#ifdef LSTM__HAVE_CBLAS
#define LSTM__PRODUCT(name, arguments) .name = lstm__cblas_##name,
extern const lstm__kernels TABLE_CBLAS;
const lstm__kernels TABLE_CBLAS = {
    .name = "cblas",
    .vectors = VECTORS,
#include "kernels.def"
};
#endif
