#include "finite_difference.h"

#include <math.h>

/* Small enough to stay on one side of a clip or a relu; rounding then leaves about 1e-10. */
static const double DIFFERENCE_STEP = 1e-5;

/*
 * Gradients smaller than this are compared absolutely: the differences carry no more digits there.
 */
static const double SMALLEST_SCALE = 1e-2;

static double relative_difference(double a, double b)
{
    double scale = fmax(SMALLEST_SCALE, fmax(fabs(a), fabs(b)));

    return fabs(a - b) / scale;
}

/* Fourth order, because the curvature of a layer norm is large where its variance is small. */
static double central_difference(double *value, finite_difference_loss *loss, void *context)
{
    const double kept = *value;
    double near;
    double far;

    *value = kept + DIFFERENCE_STEP;
    near = loss(context);
    *value = kept - DIFFERENCE_STEP;
    near -= loss(context);
    *value = kept + 2.0 * DIFFERENCE_STEP;
    far = loss(context);
    *value = kept - 2.0 * DIFFERENCE_STEP;
    far -= loss(context);
    *value = kept;
    return (8.0 * near - far) / (12.0 * DIFFERENCE_STEP);
}

double finite_difference_error(size_t count, double *values, const double *gradient,
                               finite_difference_loss *loss, void *context)
{
    double worst = 0.0;

    for (size_t k = 0; k < count && !isnan(worst); k++) {
        double numeric = central_difference(&values[k], loss, context);
        double error = relative_difference(numeric, gradient[k]);

        if (isnan(error) || error > worst) {
            worst = error;
        }
    }
    return worst;
}
