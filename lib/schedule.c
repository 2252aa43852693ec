#include <lstm/schedule.h>

#include <math.h>

static const double pi = 3.14159265358979323846;

/* step / D, cut to whole numbers on a staircase, and finite; NaN where D is none. */
static double periods(uint64_t step, double decay_steps, bool staircase)
{
    if (!(decay_steps > 0.0))
        return NAN;
    const double share = fmin((double)step / decay_steps, 1e300);
    return staircase ? floor(share) : share;
}

float lstm_exponential_decay(float rate, uint64_t step, double decay_steps, double decay_rate, bool staircase)
{
    return (float)((double)rate * pow(decay_rate, periods(step, decay_steps, staircase)));
}

float lstm_natural_exp_decay(float rate, uint64_t step, double decay_steps, double decay_rate, bool staircase)
{
    return (float)((double)rate * exp(-decay_rate * periods(step, decay_steps, staircase)));
}

float lstm_inverse_time_decay(float rate, uint64_t step, double decay_steps, double decay_rate, bool staircase)
{
    return (float)((double)rate / (1.0 + decay_rate * periods(step, decay_steps, staircase)));
}

float lstm_piecewise_constant(uint64_t step, size_t count, const uint64_t *boundaries, const float *values)
{
    if (!values || (count && !boundaries))
        return NAN;
    size_t k = 0;
    while (k < count && step > boundaries[k])
        k++;
    return values[k];
}

float lstm_polynomial_decay(float rate, uint64_t step, double decay_steps, float end_rate, double power, bool cycle)
{
    double share = periods(step, decay_steps, false);
    if (share > 1.0)
        share = cycle ? share / ceil(share) : 1.0;
    return (float)(((double)rate - (double)end_rate) * pow(1.0 - share, power) + (double)end_rate);
}

/* Half a wave over [0, 1], between 1 and alpha. */
static double half_wave(double share, double height, double alpha)
{
    return (1.0 - alpha) * 0.5 * height * (1.0 + cos(pi * share)) + alpha;
}

float lstm_cosine_decay(float rate, uint64_t step, double decay_steps, double alpha)
{
    const double share = periods(step, decay_steps, false);
    return (float)((double)rate * half_wave(share > 1.0 ? 1.0 : share, 1.0, alpha));
}

float lstm_cosine_decay_restarts(float rate, uint64_t step, double first_steps, double t_mul, double m_mul,
                                 double alpha)
{
    double share = periods(step, first_steps, false), restarts;
    if (!(t_mul >= 1.0))
        return NAN;
    if (t_mul == 1.0) {
        restarts = floor(share);
        share -= restarts;
    } else { /* the first periods together are (t_mul^i - 1) / (t_mul - 1) times the first */
        restarts = floor(log(1.0 - share * (1.0 - t_mul)) / log(t_mul));
        const double length = pow(t_mul, restarts);
        share = (share - (1.0 - length) / (1.0 - t_mul)) / length;
        if (share >= 1.0) { /* logarithms are rounded: the next has begun */
            share = (share - 1.0) / t_mul;
            restarts += 1.0;
        }
    }
    return (float)((double)rate * half_wave(share, pow(m_mul, restarts), alpha));
}
