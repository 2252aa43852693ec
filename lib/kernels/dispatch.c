#include "kernels.h"

extern const lstm__kernels lstm__kernels_portable;
#ifdef LSTM__HAVE_AVX2
extern const lstm__kernels lstm__kernels_avx2;
#endif
#ifdef LSTM__HAVE_AVX512
extern const lstm__kernels lstm__kernels_avx512;
#endif

/* Slowest first. */
const lstm__kernels *lstm__kernels_at(size_t index)
{
    const lstm__kernels *tables[4] = {&lstm__kernels_portable};
    size_t count = 1;
#ifdef LSTM__HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        tables[count++] = &lstm__kernels_avx2;
#endif
#ifdef LSTM__HAVE_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        tables[count++] = &lstm__kernels_avx512;
#endif
    return index < count ? tables[index] : NULL;
}

const lstm__kernels *lstm__kernels_select(lstm_isa isa)
{
    if (isa != LSTM_ISA_BEST && isa != LSTM_ISA_CBLAS)
        return NULL;
    size_t last = 0;
    while (lstm__kernels_at(last + 1))
        last++;
    return lstm__kernels_at(last);
}
