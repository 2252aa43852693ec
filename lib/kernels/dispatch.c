#include "kernels.h"

/* One instruction set: our own kernels, and the same with the CBLAS's products, or NULL. */
typedef struct family {
    lstm_isa isa;
    const lstm__kernels *own, *cblas;
} family;

#ifdef LSTM__HAVE_CBLAS
#define DECLARE(name) extern const lstm__kernels lstm__kernels_##name, lstm__kernels_##name##_cblas
#define FAMILY(isa, name)                                                                                              \
    {                                                                                                                  \
        isa, &lstm__kernels_##name, &lstm__kernels_##name##_cblas                                                      \
    }
#else
#define DECLARE(name) extern const lstm__kernels lstm__kernels_##name
#define FAMILY(isa, name)                                                                                              \
    {                                                                                                                  \
        isa, &lstm__kernels_##name, NULL                                                                               \
    }
#endif

DECLARE(portable);
#ifdef LSTM__HAVE_AVX2
DECLARE(avx2);
#endif
#ifdef LSTM__HAVE_AVX512
DECLARE(avx512);
#endif
#ifdef LSTM__HAVE_NEON
DECLARE(neon);
#endif

/* Slowest first. */
static family family_at(size_t index)
{
    family families[4] = {FAMILY(LSTM_ISA_PORTABLE, portable)};
    size_t count = 1;
#ifdef LSTM__HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        families[count++] = (family)FAMILY(LSTM_ISA_AVX2, avx2);
#endif
#ifdef LSTM__HAVE_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        families[count++] = (family)FAMILY(LSTM_ISA_AVX512, avx512);
#endif
#ifdef LSTM__HAVE_NEON
    families[count++] = (family)FAMILY(LSTM_ISA_NEON, neon);
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
    /* Without the instruction a fused multiply-add is a dozen operations. */
    const bool slow = best.isa == LSTM_ISA_PORTABLE && best.cblas;
    return isa != LSTM_ISA_BEST ? NULL : slow ? best.cblas : best.own;
}
