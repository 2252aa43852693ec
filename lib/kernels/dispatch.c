#include "kernels.h"

extern const lstm__kernels lstm__kernels_portable, lstm__kernels_portable_cblas;
#ifdef LSTM__HAVE_AVX2
extern const lstm__kernels lstm__kernels_avx2, lstm__kernels_avx2_cblas;
#endif
#ifdef LSTM__HAVE_AVX512
extern const lstm__kernels lstm__kernels_avx512, lstm__kernels_avx512_cblas;
#endif

/* One instruction set: our own kernels, and the same with the CBLAS's products. */
typedef struct family {
    lstm_isa isa;
    const lstm__kernels *own, *cblas;
} family;

/* Slowest first. */
static family family_at(size_t index)
{
    family families[4] = {{LSTM_ISA_PORTABLE, &lstm__kernels_portable, &lstm__kernels_portable_cblas}};
    size_t count = 1;
#ifdef LSTM__HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        families[count++] = (family){LSTM_ISA_AVX2, &lstm__kernels_avx2, &lstm__kernels_avx2_cblas};
#endif
#ifdef LSTM__HAVE_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        families[count++] = (family){LSTM_ISA_AVX512, &lstm__kernels_avx512, &lstm__kernels_avx512_cblas};
#endif
    return index < count ? families[index] : (family){0};
}

const lstm__kernels *lstm__kernels_at(size_t index)
{
    return family_at(index).own;
}

const lstm__kernels *lstm__kernels_select(lstm_isa isa)
{
    family best = {0};
    for (size_t k = 0; family_at(k).own; k++) {
        best = family_at(k);
        if (best.isa == isa)
            return best.own;
    }
    if (isa == LSTM_ISA_CBLAS)
        return best.cblas;
    /* Without the instruction a fused multiply-add is a call of the C library. */
    return isa != LSTM_ISA_BEST ? NULL : best.isa == LSTM_ISA_PORTABLE ? best.cblas : best.own;
}
