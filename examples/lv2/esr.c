#include "esr.h"

esr esr_measure(const float *got, const float *wanted, size_t count)
{
    double error = 0, signal = 0, error_e = 0, signal_e = 0;
    double e_before = 0, w_before = 0;
    for (size_t k = 0; k < count; k++) {
        const double w = (double)wanted[k], e = (double)got[k] - w;
        const double e_e = e - (double)EMPHASIS * e_before, w_e = w - (double)EMPHASIS * w_before;
        error += e * e;
        signal += w * w;
        error_e += e_e * e_e;
        signal_e += w_e * w_e;
        e_before = e;
        w_before = w;
    }
    return (esr){.plain = error / signal, .emphasized = error_e / signal_e};
}
