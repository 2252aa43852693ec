/* Learning rates as functions of the step. SPDX-License-Identifier: MIT */
#ifndef LSTM_SCHEDULE_H
#define LSTM_SCHEDULE_H

#include <lstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For lstm_optimizer_set_learning_rate: `rate` is the starting one, `step` counts from 0, `decay_steps` D is above 0.
 * Formulas: TF1's learning_rate_decay, in double. Pure functions, any thread; arguments that are out of range (D not above
 * 0, say) give NaN, which the optimizer refuses. */

/* rate * decay_rate ^ (step / D); staircase: step / D is cut to whole numbers. */
LSTM_API float lstm_exponential_decay(float rate, uint64_t step, double decay_steps, double decay_rate, bool staircase);

/* rate * exp(-decay_rate * step / D), or with a staircase. */
LSTM_API float lstm_natural_exp_decay(float rate, uint64_t step, double decay_steps, double decay_rate, bool staircase);

/* rate / (1 + decay_rate * step / D), or with a staircase. */
LSTM_API float lstm_inverse_time_decay(float rate, uint64_t step, double decay_steps, double decay_rate,
                                       bool staircase);

/* values[0] up to and with step boundaries[0], then values[1] up to and with boundaries[1], ..., at last values[count].
 * boundaries[count] rise; values[count + 1]. */
LSTM_API float lstm_piecewise_constant(uint64_t step, size_t count, const uint64_t *boundaries, const float *values);

/* (rate - end_rate) * (1 - step / D) ^ power + end_rate, and end_rate from step D on (with power 0 always rate);
 * cycle: instead D grows to the next multiple that is not below the step. */
LSTM_API float lstm_polynomial_decay(float rate, uint64_t step, double decay_steps, float end_rate, double power,
                                     bool cycle);

/* rate * ((1 - alpha) * (1 + cos(pi * step / D)) / 2 + alpha), and rate * alpha from step D on. */
LSTM_API float lstm_cosine_decay(float rate, uint64_t step, double decay_steps, double alpha);

/* The same again and again: period i is first_steps * t_mul^i long and starts at
 * rate * ((1 - alpha) * m_mul^i + alpha). t_mul >= 1.
 * I. Loshchilov and F. Hutter, "SGDR", 2017. */
LSTM_API float lstm_cosine_decay_restarts(float rate, uint64_t step, double first_steps, double t_mul, double m_mul,
                                          double alpha);

#ifdef __cplusplus
}
#endif
#endif
