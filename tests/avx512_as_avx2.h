/* AVX-512 for machines that have AVX2 alone: the operations that lib/kernels/vector.h uses, each as two of AVX2. A build of
 * the kernels in front of which this header stands, and whose dispatch takes one instruction set for the other, runs in a
 * test what only a newer machine runs otherwise. */
#ifndef AVX512_AS_AVX2_H
#define AVX512_AS_AVX2_H

#ifndef LSTM__ISA_AVX512 /* the dispatch */

#include <stdio.h>
#include <stdlib.h>

static int has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#define __builtin_cpu_supports(set) has_avx2()

enum { SKIPPED = 77 };

__attribute__((constructor)) static void need_avx2(void)
{
    if (!has_avx2()) {
        puts("skipped: AVX-512 is emulated by AVX2, which this machine lacks");
        exit(SKIPPED);
    }
}

#else

#include <immintrin.h>
#include <string.h>

typedef struct wide {
    __m256 low, high;
} wide;
typedef struct wide_bits {
    __m256i low, high;
} wide_bits;

#define __m512 wide
#define __m512i wide_bits

/* All lanes. */

#define ONE(name)                                                                                                      \
    static inline wide wide_##name(wide a)                                                                             \
    {                                                                                                                  \
        return (wide){_mm256_##name(a.low), _mm256_##name(a.high)};                                                    \
    }
#define TWO(name)                                                                                                      \
    static inline wide wide_##name(wide a, wide b)                                                                     \
    {                                                                                                                  \
        return (wide){_mm256_##name(a.low, b.low), _mm256_##name(a.high, b.high)};                                     \
    }
ONE(sqrt_ps)
TWO(add_ps)
TWO(sub_ps)
TWO(mul_ps)
TWO(div_ps)
TWO(min_ps)
TWO(max_ps)

static inline wide wide_set1_ps(float x)
{
    return (wide){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
static inline wide wide_fmadd_ps(wide a, wide b, wide c)
{
    return (wide){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
static inline wide wide_fnmsub_ps(wide a, wide b, wide c)
{
    return (wide){_mm256_fnmsub_ps(a.low, b.low, c.low), _mm256_fnmsub_ps(a.high, b.high, c.high)};
}
static inline wide wide_abs_ps(wide a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (wide){_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
static inline wide wide_scalef_ps(wide a, wide n) /* of whole n: exact in double, and rounded once */
{
    float x[16], exponent[16];
    memcpy(x, &a, sizeof x);
    memcpy(exponent, &n, sizeof exponent);
    for (int k = 0; k < 16; k++) {
        const long long bits = 1023 + (long long)(exponent[k] > -1000.0f ? exponent[k] : -1000.0f); /* NaN: so is x */
        const long long power_bits = (bits < 2046 ? bits : 2046) << 52;
        double power;
        memcpy(&power, &power_bits, sizeof power);
        x[k] = (float)((double)x[k] * power);
    }
    memcpy(&a, x, sizeof a);
    return a;
}

/* Integers, and bits of floats. */

static inline wide_bits wide_set1_epi32(int x)
{
    return (wide_bits){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
static inline wide_bits wide_add_epi32(wide_bits a, wide_bits b)
{
    return (wide_bits){_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
static inline wide_bits wide_slli_epi32(wide_bits a, int count)
{
    return (wide_bits){_mm256_slli_epi32(a.low, count), _mm256_slli_epi32(a.high, count)};
}
static inline wide_bits wide_bits_of(wide a)
{
    return (wide_bits){_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)};
}
static inline wide wide_of_bits(wide_bits a)
{
    return (wide){_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)};
}

/* Some lanes. */

static inline __m256i lanes_of(int mask)
{
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(mask), bits), bits);
}
static inline __mmask16 mask_of(__m256 low, __m256 high)
{
    return (__mmask16)(_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8);
}
static inline wide wide_mask_blend_ps(__mmask16 mask, wide a, wide b)
{
    return (wide){_mm256_blendv_ps(a.low, b.low, _mm256_castsi256_ps(lanes_of(mask))),
                  _mm256_blendv_ps(a.high, b.high, _mm256_castsi256_ps(lanes_of(mask >> 8)))};
}
static inline wide wide_maskz_mov_ps(__mmask16 mask, wide a)
{
    return wide_mask_blend_ps(mask, wide_set1_ps(0.0f), a);
}
static inline wide wide_loadu_ps(const float *p)
{
    return (wide){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline wide wide_maskz_loadu_ps(__mmask16 mask, const float *p)
{
    return (wide){_mm256_maskload_ps(p, lanes_of(mask)), _mm256_maskload_ps(p + 8, lanes_of(mask >> 8))};
}
static inline wide wide_mask_loadu_ps(wide otherwise, __mmask16 mask, const float *p)
{
    return wide_mask_blend_ps(mask, otherwise, wide_maskz_loadu_ps(mask, p));
}
static inline void wide_storeu_ps(float *p, wide x)
{
    _mm256_storeu_ps(p, x.low);
    _mm256_storeu_ps(p + 8, x.high);
}
static inline void wide_mask_storeu_ps(float *p, __mmask16 mask, wide x)
{
    _mm256_maskstore_ps(p, lanes_of(mask), x.low);
    _mm256_maskstore_ps(p + 8, lanes_of(mask >> 8), x.high);
}

static inline __m256 wide_half(wide x, int which)
{
    return which ? x.high : x.low;
}

/* The names, some of which are macros already. */

#undef _mm512_cmp_ps_mask
#undef _mm512_extractf32x8_ps
#undef _mm512_roundscale_ps
#undef _mm512_slli_epi32
#define _mm512_abs_ps wide_abs_ps
#define _mm512_add_epi32 wide_add_epi32
#define _mm512_add_ps wide_add_ps
#define _mm512_castps512_ps256(x) wide_half(x, 0)
#define _mm512_castps_si512 wide_bits_of
#define _mm512_castsi512_ps wide_of_bits
#define _mm512_cmp_ps_mask(a, b, how)                                                                                  \
    mask_of(_mm256_cmp_ps((a).low, (b).low, how), _mm256_cmp_ps((a).high, (b).high, how))
#define _mm512_div_ps wide_div_ps
#define _mm512_extractf32x8_ps wide_half
#define _mm512_fmadd_ps wide_fmadd_ps
#define _mm512_fnmsub_ps wide_fnmsub_ps
#define _mm512_loadu_ps wide_loadu_ps
#define _mm512_mask_blend_ps wide_mask_blend_ps
#define _mm512_mask_loadu_ps wide_mask_loadu_ps
#define _mm512_mask_storeu_ps wide_mask_storeu_ps
#define _mm512_maskz_loadu_ps wide_maskz_loadu_ps
#define _mm512_maskz_mov_ps wide_maskz_mov_ps
#define _mm512_max_ps wide_max_ps
#define _mm512_min_ps wide_min_ps
#define _mm512_mul_ps wide_mul_ps
#define _mm512_roundscale_ps(a, how) ((wide){_mm256_round_ps((a).low, how), _mm256_round_ps((a).high, how)})
#define _mm512_scalef_ps wide_scalef_ps
#define _mm512_set1_epi32 wide_set1_epi32
#define _mm512_set1_ps wide_set1_ps
#define _mm512_slli_epi32 wide_slli_epi32
#define _mm512_sqrt_ps wide_sqrt_ps
#define _mm512_storeu_ps wide_storeu_ps
#define _mm512_sub_ps wide_sub_ps
#define _mm512_zextps256_ps512(half) ((wide){half, _mm256_setzero_ps()})

#endif
#endif
