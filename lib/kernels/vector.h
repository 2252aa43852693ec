/* Some vector operations, the same in every instruction set: V is a vector of VECTOR_WIDTH floats.
 * Every operation rounds each lane once, as IEEE 754 says, so that all sets give the same bits.
 * minimum(a, b) is a < b ? a : b, which is b where either is NaN; maximum likewise. */
#ifndef LSTM__VECTOR_H
#define LSTM__VECTOR_H

#include <stddef.h>

/* clang-format off: one line for each operation */

#if defined(LSTM__ISA_AVX512)

#include <immintrin.h>
#define VECTOR_WIDTH 16
typedef __m512 V;
typedef __mmask16 vector_mask;

static inline vector_mask first_lanes(size_t n)
{
    return (vector_mask)((1u << n) - 1u);
}
static inline V load(const float *p, size_t n)
{
    return __builtin_constant_p(n) && n >= 16 ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(first_lanes(n), p);
}
static inline void store(float *p, size_t n, V x)
{
    if (__builtin_constant_p(n) && n >= 16)
        _mm512_storeu_ps(p, x);
    else
        _mm512_mask_storeu_ps(p, first_lanes(n), x);
}
/* Of a single row, where a step loads what the one before has just stored: a load waits for a masked store, and for one that is
 * narrower. */
static inline V load_row(const float *p, size_t n)
{
    return n >= 16 ? _mm512_loadu_ps(p) : n == 8 ? _mm512_zextps256_ps512(_mm256_loadu_ps(p)) : load(p, n);
}
static inline void store_row(float *p, size_t n, V x)
{
    if (n >= 16)
        _mm512_storeu_ps(p, x);
    else if (n == 8)
        _mm256_storeu_ps(p, _mm512_castps512_ps256(x));
    else
        store(p, n, x);
}
static inline V load_either(vector_mask first, const float *p, const float *q) /* the other lanes from q on */
{
    return _mm512_mask_loadu_ps(_mm512_maskz_loadu_ps(first, p), (vector_mask)~first, q);
}
static inline void store_either(vector_mask first, float *p, float *q, V x)
{
    if (first == 0xff) { /* by halves: a load beside a masked store waits for it, even if it is of other lanes */
        _mm256_storeu_ps(p, _mm512_castps512_ps256(x));
        _mm256_storeu_ps(q + 8, _mm512_extractf32x8_ps(x, 1));
        return;
    }
    _mm512_mask_storeu_ps(p, first, x);
    _mm512_mask_storeu_ps(q, (vector_mask)~first, x);
}
static inline V all(float x)
{
    return _mm512_set1_ps(x);
}
static inline V plus(V a, V b)
{
    return _mm512_add_ps(a, b);
}
static inline V minus(V a, V b)
{
    return _mm512_sub_ps(a, b);
}
static inline V times(V a, V b)
{
    return _mm512_mul_ps(a, b);
}
static inline V over(V a, V b)
{
    return _mm512_div_ps(a, b);
}
static inline V fused(V a, V b, V c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline V minus_fused(V a, V b, V c) /* (-a) b - c, also in the sign of a 0 */
{
    return _mm512_fnmsub_ps(a, b, c);
}
static inline V minimum(V a, V b)
{
    return _mm512_min_ps(a, b);
}
static inline V maximum(V a, V b)
{
    return _mm512_max_ps(a, b);
}
static inline V square_root(V a)
{
    return _mm512_sqrt_ps(a);
}
static inline V magnitude(V a)
{
    return _mm512_abs_ps(a);
}
static inline V if_less(V a, V b, V then, V otherwise)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, then);
}
static inline V zero_if_less(V a, V b, V otherwise) /* if_less(a, b, 0, otherwise) */
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ), otherwise);
}
static inline V nearest(V a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline V times_power_of_2(V a, V n)
{
    return _mm512_scalef_ps(a, n);
}
static inline V power_of_2_in(V sum, int more) /* 2^(n + more), where the sum is n + 1.5 2^23 */
{
    const __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(sum), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(shifted, _mm512_set1_epi32((127 + more) << 23)));
}

#elif defined(LSTM__ISA_AVX2)

#include <immintrin.h>
#define VECTOR_WIDTH 8
typedef __m256 V;

static inline __m256i first_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline V load(const float *p, size_t n)
{
    return n >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first_lanes(n));
}
static inline void store(float *p, size_t n, V x) /* AMD's processors take long over a masked store */
{
    __m128 part = _mm256_castps256_ps128(x);
    if (n >= 8) {
        _mm256_storeu_ps(p, x);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(x, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, part);
}
static inline V all(float x)
{
    return _mm256_set1_ps(x);
}
static inline V plus(V a, V b)
{
    return _mm256_add_ps(a, b);
}
static inline V minus(V a, V b)
{
    return _mm256_sub_ps(a, b);
}
static inline V times(V a, V b)
{
    return _mm256_mul_ps(a, b);
}
static inline V over(V a, V b)
{
    return _mm256_div_ps(a, b);
}
static inline V fused(V a, V b, V c)
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline V minus_fused(V a, V b, V c)
{
    return _mm256_fnmsub_ps(a, b, c);
}
static inline V minimum(V a, V b)
{
    return _mm256_min_ps(a, b);
}
static inline V maximum(V a, V b)
{
    return _mm256_max_ps(a, b);
}
static inline V square_root(V a)
{
    return _mm256_sqrt_ps(a);
}
static inline V magnitude(V a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
static inline V if_less(V a, V b, V then, V otherwise)
{
    return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
static inline V zero_if_less(V a, V b, V otherwise)
{
    return _mm256_andnot_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ), otherwise);
}
static inline V nearest(V a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline V power_of_2(V n) /* -126 <= n <= 127 */
{
    __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
static inline V power_of_2_in(V sum, int more)
{
    const __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(sum), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(shifted, _mm256_set1_epi32((127 + more) << 23)));
}
static inline V times_power_of_2(V a, V n) /* in two halves: the first is exact, the second may become denormal */
{
    V half = nearest(times(n, all(0.5f)));
    return times(times(a, power_of_2(half)), power_of_2(minus(n, half)));
}

#elif defined(LSTM__ISA_NEON)

#include <arm_neon.h>
#include <string.h>
#define VECTOR_WIDTH 4
typedef float32x4_t V;

static inline V load(const float *p, size_t n)
{
    float some[4] = {0};
    if (n >= 4)
        return vld1q_f32(p);
    memcpy(some, p, n * sizeof *p);
    return vld1q_f32(some);
}
static inline void store(float *p, size_t n, V x)
{
    float some[4];
    if (n >= 4) {
        vst1q_f32(p, x);
        return;
    }
    vst1q_f32(some, x);
    memcpy(p, some, n * sizeof *p);
}
static inline V all(float x)
{
    return vdupq_n_f32(x);
}
static inline V plus(V a, V b)
{
    return vaddq_f32(a, b);
}
static inline V minus(V a, V b)
{
    return vsubq_f32(a, b);
}
static inline V times(V a, V b)
{
    return vmulq_f32(a, b);
}
static inline V over(V a, V b)
{
    return vdivq_f32(a, b);
}
static inline V fused(V a, V b, V c)
{
    return vfmaq_f32(c, a, b);
}
static inline V minus_fused(V a, V b, V c)
{
    return vfmsq_f32(vnegq_f32(c), a, b);
}
static inline V if_less(V a, V b, V then, V otherwise)
{
    return vbslq_f32(vcltq_f32(a, b), then, otherwise);
}
static inline V minimum(V a, V b)
{
    return if_less(a, b, a, b);
}
static inline V maximum(V a, V b)
{
    return if_less(b, a, a, b);
}
static inline V square_root(V a)
{
    return vsqrtq_f32(a);
}
static inline V magnitude(V a)
{
    return vabsq_f32(a);
}
static inline V nearest(V a)
{
    return vrndnq_f32(a);
}
static inline V power_of_2(V n) /* -126 <= n <= 127 */
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23));
}
static inline V power_of_2_in(V sum, int more)
{
    const int32x4_t shifted = vshlq_n_s32(vreinterpretq_s32_f32(sum), 23);
    return vreinterpretq_f32_s32(vaddq_s32(shifted, vdupq_n_s32((127 + more) * (1 << 23))));
}
static inline V times_power_of_2(V a, V n)
{
    V half = nearest(times(n, all(0.5f)));
    return times(times(a, power_of_2(half)), power_of_2(minus(n, half)));
}

#else

#include <math.h>
#include <stdint.h>
#include <string.h>
#define VECTOR_WIDTH 1
typedef float V;

static inline V load(const float *p, size_t n)
{
    (void)n;
    return *p;
}
static inline void store(float *p, size_t n, V x)
{
    (void)n;
    *p = x;
}
static inline V all(float x)
{
    return x;
}
static inline V plus(V a, V b)
{
    return a + b;
}
static inline V minus(V a, V b)
{
    return a - b;
}
static inline V times(V a, V b)
{
    return a * b;
}
static inline V over(V a, V b)
{
    return a / b;
}
static inline V fused(V a, V b, V c)
{
#ifdef FP_FAST_FMAF
    return fmaf(a, b, c);
#else
    /* A C library's fmaf may be slow, and MinGW's rounds twice. The product is exact in double. The sum is rounded to odd
     * there, by the sign of its error (Knuth's two-sum), and a number rounded to odd with two digits more than a float
     * has, denormals included, rounds to the right float (Boldo and Melquiond). */
    const double product = (double)a * (double)b, wide = (double)c, sum = product + wide;
    const double of_c = sum - product, error = (product - (sum - of_c)) + (wide - of_c);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if ((error > 0.0 || error < 0.0) && !(bits & 1)) /* NaN, where the sum is no number, is neither */
        bits += (error > 0.0) == (sum > 0.0) ? 1 : (uint64_t)-1;
    double odd;
    memcpy(&odd, &bits, sizeof odd);
    return (float)odd;
#endif
}
static inline V minus_fused(V a, V b, V c) /* not -fused: GCC moves that sign into a quotient's numerator, whose 0 has one */
{
    return fused(-a, b, -c);
}
static inline V minimum(V a, V b)
{
    return a < b ? a : b;
}
static inline V maximum(V a, V b)
{
    return a > b ? a : b;
}
static inline V square_root(V a)
{
    return sqrtf(a);
}
static inline V magnitude(V a)
{
    return fabsf(a);
}
static inline V if_less(V a, V b, V then, V otherwise)
{
    return a < b ? then : otherwise;
}
static inline V nearest(V a) /* |a| < 2^22 or NaN; the constant pushes the fraction out, ties to even */
{
    V rounded = (a + 0x1.8p23f) - 0x1.8p23f;
    return rounded;
}
static inline V power_of_2(V n) /* -126 <= n <= 127; NaN and infinities give what the caller ignores */
{
    uint32_t bits = (uint32_t)((n >= -126.0f && n <= 127.0f ? (int32_t)n : 0) + 127) << 23;
    V power;
    memcpy(&power, &bits, sizeof power);
    return power;
}
static inline V power_of_2_in(V sum, int more)
{
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    bits = (bits << 23) + ((uint32_t)(127 + more) << 23);
    memcpy(&sum, &bits, sizeof sum);
    return sum;
}
static inline V times_power_of_2(V a, V n)
{
    V half = nearest(n * 0.5f);
    return a * power_of_2(half) * power_of_2(n - half);
}

#endif

#ifndef LSTM__ISA_AVX512
static inline V load_row(const float *p, size_t n)
{
    return load(p, n);
}
static inline void store_row(float *p, size_t n, V x)
{
    store(p, n, x);
}
#endif

#if !defined(LSTM__ISA_AVX512) && !defined(LSTM__ISA_AVX2)
static inline V zero_if_less(V a, V b, V otherwise)
{
    return if_less(a, b, all(0.0f), otherwise);
}
#endif
#endif
