#include "circuit.h"

#include <math.h>

/* An op-amp without faults amplifies the input u; diodes across its feedback bend what it adds, v:
 *
 *     ground - C1 - R1 - (-)        through this leg flows i = (u - c) / R1, c being C1's voltage
 *     (-) - R2 | C2 | diodes - out  i = v / R2 + C2 dv/dt + D(v): one diode one way, two in a row the other way
 *     out = u + v
 *
 * A passive tone control follows, a low-pass (RA, CA) and a high-pass (CB, RB) with a potentiometer RP between them that
 * stands in its middle, and a coupling capacitor CO into RO.
 * Every derivative is a backward difference, which no stiffness shakes, at OVERSAMPLING times the rate; the input between
 * two samples is a straight line, and a Butterworth filter takes off what the lower rate cannot hold. */
enum { RATE = 48000, OVERSAMPLING = 8, SECTIONS = 4 };

static const double pi = 3.14159265358979323846;
static const double R1 = 4.7e3, C1 = 47e-9, R2 = 151e3, C2 = 51e-12; /* ohms, farads */
static const double RA = 39e3, CA = 10e-9, RB = 22e3, CB = 3.9e-9, RP = 100e3, RO = 1e6, CO = 4.7e-9;
static const double saturation = 2.52e-9, emission = 1.752 * 25.85e-3; /* a 1N4148: amperes, volts */
static const double corner = 20e3, step = 1.0 / (RATE * OVERSAMPLING);

typedef struct circuit {
    double c, v, a, b, o;  /* voltages of C1, C2, CA, CB, CO */
    double z[SECTIONS][2]; /* the filter's states */
    double b0[SECTIONS], a1[SECTIONS], a2[SECTIONS];
} circuit;

/* Second-order sections of a Butterworth low-pass by the bilinear transform; all have the zeros of 1 + 2 z^-1 + z^-2. */
static void make_filter(circuit *s)
{
    const double k = tan(pi * corner * step);
    for (int n = 0; n < SECTIONS; n++) {
        const double damping = 2 * cos(pi * (2 * n + 1) / (4.0 * SECTIONS)), norm = 1 / (1 + damping * k + k * k);
        s->b0[n] = k * k * norm;
        s->a1[n] = 2 * (k * k - 1) * norm;
        s->a2[n] = (1 - damping * k + k * k) * norm;
    }
}

static double filter(circuit *s, double x)
{
    for (int n = 0; n < SECTIONS; n++) {
        const double w = x * s->b0[n], y = w + s->z[n][0];
        s->z[n][0] = 2 * w - s->a1[n] * y + s->z[n][1];
        s->z[n][1] = w - s->a2[n] * y;
        x = y;
    }
    return x;
}

/* v of the next step, where the current i flows: Newton's iteration on a function that only rises. Far from the solution an
 * exponential's tangent overshoots, so no turn goes further than two of its widths. */
static double solve_diodes(double v_before, double i)
{
    const double h = step / C2, most = 2 * emission;
    double v = v_before;
    for (int turn = 0; turn < 100; turn++) {
        const double forward = exp(v / emission), backward = exp(-v / (2 * emission));
        const double f = v - v_before - h * (i - v / R2 - saturation * (forward - backward));
        const double slope = 1 + h * (1 / R2 + saturation / emission * (forward + backward / 2));
        const double change = fmax(-most, fmin(most, -f / slope));
        v += change;
        if (fabs(change) < 1e-12)
            break;
    }
    return v;
}

/* The tone control and the coupling capacitor, driven by x. With p = 1/RP, the nodes' voltages a and n = x - b:
 *     CA da/dt = (x - a)/RA - p(a - n);   CB db/dt = n/RB - p(a - n);   the middle of RP is (a + n)/2, hardly loaded. */
static double tone(circuit *s, double x)
{
    const double p = 1 / RP, ga = step / CA, gb = step / CB;
    const double m11 = 1 + ga * (1 / RA + p), m12 = ga * p, m21 = gb * p, m22 = 1 + gb * (1 / RB + p);
    const double r1 = s->a + ga * x * (1 / RA + p), r2 = s->b + gb * x * (1 / RB + p);
    const double determinant = m11 * m22 - m12 * m21;
    s->a = (r1 * m22 - m12 * r2) / determinant;
    s->b = (m11 * r2 - m21 * r1) / determinant;
    const double middle = (s->a + x - s->b) / 2, g = step / (RO * CO);
    s->o = (s->o + g * middle) / (1 + g);
    return middle - s->o;
}

void circuit_run(const float *dry, size_t count, float *wet)
{
    circuit s = {0};
    double before = 0;
    make_filter(&s);
    for (size_t t = 0; t < count; t++) {
        const double now = (double)dry[t];
        double out = 0;
        for (int k = 1; k <= OVERSAMPLING; k++) {
            const double u = before + (now - before) * k / OVERSAMPLING, g = step / (R1 * C1);
            s.c = (s.c + g * u) / (1 + g);
            s.v = solve_diodes(s.v, (u - s.c) / R1);
            out = filter(&s, tone(&s, u + s.v));
        }
        wet[t] = (float)out;
        before = now;
    }
}
