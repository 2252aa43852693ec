#include "reference_cells.h"

#include <stdlib.h>

/*
 * The LSTM family. A row's state is c[units] then m[output width], m being TF's h. A row's
 * pre-activations z[4][units] are in TF's gate order i, j, f, o (coupled: z[3][units], j, f, o).
 */

static double sigmoid_slope(double x)
{
    return reference_sigmoid(x) * (1.0 - reference_sigmoid(x));
}

/* The options of an LSTMCell and where its optional variables are; all off for a BasicLSTMCell. */
typedef struct lstm_options {
    bool peepholes; /* w_f, w_i, w_o are variables 2, 3, 4 */
    bool projects;
    size_t projection; /* index of projection/kernel */
    double cell_clip;
    double proj_clip;
} lstm_options;

static lstm_options options_of(const reference_cell *cell)
{
    lstm_options options = {0};

    if (cell->kind == REFERENCE_LSTM) {
        options.peepholes = cell->use_peepholes;
        options.projects = cell->num_proj > 0;
        options.projection = cell->use_peepholes ? 5 : 2;
        options.cell_clip = cell->cell_clip;
        options.proj_clip = options.projects ? cell->proj_clip : 0.0;
    }
    return options;
}

/* What one step of one row computes on its way. */
typedef struct lstm_values {
    double *z;         /* pre-activations, peepholes included, forget_bias not */
    double *c_raw;     /* the cell before cell_clip or the state's layer norm */
    double *c;         /* the cell in the next state */
    double *m_raw;     /* sigmoid(o) act(c) */
    double *projected; /* m_raw W_p before proj_clip, or m_raw */
} lstm_values;

static lstm_values create_values(const reference_cell *cell)
{
    return (lstm_values){
        .z = reference_zeros(4 * cell->units),
        .c_raw = reference_zeros(cell->units),
        .c = reference_zeros(cell->units),
        .m_raw = reference_zeros(cell->units),
        .projected = reference_zeros(reference_output_width(cell)),
    };
}

static void destroy_values(lstm_values *values)
{
    free(values->z);
    free(values->c_raw);
    free(values->c);
    free(values->m_raw);
    free(values->projected);
}

/* i and f see the previous c; o sees the next, clipped one. */
static lstm_values lstm_compute(const reference_cell *cell, const double *const *variables,
                                const double *x, const double *state)
{
    lstm_options options = options_of(cell);
    lstm_values values = create_values(cell);
    size_t n = cell->units;
    size_t m_width = reference_output_width(cell);
    double *i = values.z, *j = values.z + n, *f = values.z + 2 * n, *o = values.z + 3 * n;

    reference_add(4 * n, variables[1], values.z);
    reference_add_joined_product(cell, m_width, 4 * n, x, state + n, variables[0], values.z);
    for (size_t k = 0; k < n; k++) {
        double c_previous = state[k];

        if (options.peepholes) {
            f[k] += variables[2][k] * c_previous;
            i[k] += variables[3][k] * c_previous;
        }
        values.c_raw[k] = reference_sigmoid(f[k] + cell->forget_bias) * c_previous +
                          reference_sigmoid(i[k]) * reference_act(cell, j[k]);
        values.c[k] = reference_clip(values.c_raw[k], options.cell_clip);
        if (options.peepholes) {
            o[k] += variables[4][k] * values.c[k];
        }
        values.m_raw[k] = reference_sigmoid(o[k]) * reference_act(cell, values.c[k]);
    }
    if (options.projects) {
        reference_add_product(n, m_width, values.m_raw, variables[options.projection],
                              values.projected);
    } else {
        reference_add(n, values.m_raw, values.projected);
    }
    return values;
}

void reference_lstm_step(const reference_cell *cell, const double *const *variables,
                         const double *x, const double *state, double *output, double *next_state)
{
    lstm_options options = options_of(cell);
    lstm_values values = lstm_compute(cell, variables, x, state);

    for (size_t k = 0; k < cell->units; k++) {
        next_state[k] = values.c[k];
    }
    for (size_t k = 0; k < reference_output_width(cell); k++) {
        output[k] = reference_clip(values.projected[k], options.proj_clip);
        next_state[cell->units + k] = output[k];
    }
    destroy_values(&values);
}

/*
 * From the gradient of m back to that of m_raw: proj_clip, then the projection. The caller frees.
 */
static double *projection_backward(const reference_cell *cell, const double *const *variables,
                                   const lstm_values *values, const double *d_output,
                                   const double *d_m_next, double *const *d_variables)
{
    lstm_options options = options_of(cell);
    size_t m_width = reference_output_width(cell);
    double *d_projected = reference_zeros(m_width);
    double *d_m_raw;

    for (size_t k = 0; k < m_width; k++) {
        d_projected[k] = (d_output[k] + d_m_next[k]) *
                         reference_clip_slope(values->projected[k], options.proj_clip);
    }
    if (!options.projects) {
        return d_projected;
    }
    d_m_raw = reference_zeros(cell->units);
    reference_add_product_backward(cell->units, m_width, values->m_raw,
                                   variables[options.projection], d_projected, d_m_raw,
                                   d_variables[options.projection]);
    free(d_projected);
    return d_m_raw;
}

void reference_lstm_step_backward(const reference_cell *cell, const double *const *variables,
                                  const double *x, const double *state, const double *d_output,
                                  const double *d_next_state, double *d_x, double *d_state,
                                  double *const *d_variables)
{
    lstm_options options = options_of(cell);
    lstm_values values = lstm_compute(cell, variables, x, state);
    size_t n = cell->units;
    double *d_m_raw =
        projection_backward(cell, variables, &values, d_output, d_next_state + n, d_variables);
    double *d_z = reference_zeros(4 * n);
    const double *i = values.z, *j = i + n, *f = i + 2 * n, *o = i + 3 * n;
    double *d_i = d_z, *d_j = d_z + n, *d_f = d_z + 2 * n, *d_o = d_z + 3 * n;

    for (size_t k = 0; k < n; k++) {
        double c = values.c[k];
        double d_c =
            d_next_state[k] + d_m_raw[k] * reference_sigmoid(o[k]) * reference_act_slope(cell, c);

        d_o[k] = d_m_raw[k] * reference_act(cell, c) * sigmoid_slope(o[k]);
        if (options.peepholes) {
            d_c += variables[4][k] * d_o[k];
        }
        d_c *= reference_clip_slope(values.c_raw[k], options.cell_clip);
        d_i[k] = d_c * reference_act(cell, j[k]) * sigmoid_slope(i[k]);
        d_j[k] = d_c * reference_sigmoid(i[k]) * reference_act_slope(cell, j[k]);
        d_f[k] = d_c * state[k] * sigmoid_slope(f[k] + cell->forget_bias);
        d_state[k] += d_c * reference_sigmoid(f[k] + cell->forget_bias);
        if (options.peepholes) {
            d_state[k] += variables[2][k] * d_f[k] + variables[3][k] * d_i[k];
            d_variables[2][k] += d_f[k] * state[k];
            d_variables[3][k] += d_i[k] * state[k];
            d_variables[4][k] += d_o[k] * c;
        }
    }
    reference_add(4 * n, d_z, d_variables[1]);
    reference_add_joined_product_backward(cell, reference_output_width(cell), 4 * n, x, state + n,
                                          variables[0], d_z, d_x, d_state + n, d_variables[0]);
    free(d_m_raw);
    free(d_z);
    destroy_values(&values);
}

/*
 * LayerNormBasicLSTMCell without dropout. With layer_norm there is no bias: variables 1 + 2g and
 * 2 + 2g are gate g's gamma and beta, 9 and 10 the state's. Without it variable 1 is the bias.
 * z_raw[4][units] gets the pre-activations before the layer norm.
 */
static lstm_values layer_norm_lstm_compute(const reference_cell *cell,
                                           const double *const *variables, const double *x,
                                           const double *state, double *z_raw)
{
    lstm_values values = create_values(cell);
    size_t n = cell->units;
    const double *i = values.z, *j = i + n, *f = i + 2 * n, *o = i + 3 * n;

    if (!cell->layer_norm) {
        reference_add(4 * n, variables[1], z_raw);
    }
    reference_add_joined_product(cell, n, 4 * n, x, state + n, variables[0], z_raw);
    for (size_t gate = 0; gate < 4 && cell->layer_norm; gate++) {
        reference_layer_norm(n, z_raw + gate * n, variables[1 + 2 * gate], variables[2 + 2 * gate],
                             values.z + gate * n);
    }
    if (!cell->layer_norm) {
        reference_add(4 * n, z_raw, values.z);
    }
    for (size_t k = 0; k < n; k++) {
        values.c_raw[k] = state[k] * reference_sigmoid(f[k] + cell->forget_bias) +
                          reference_sigmoid(i[k]) * reference_act(cell, j[k]);
    }
    if (cell->layer_norm) {
        reference_layer_norm(n, values.c_raw, variables[9], variables[10], values.c);
    } else {
        reference_add(n, values.c_raw, values.c);
    }
    for (size_t k = 0; k < n; k++) {
        values.m_raw[k] = reference_act(cell, values.c[k]) * reference_sigmoid(o[k]);
    }
    return values;
}

void reference_layer_norm_lstm_step(const reference_cell *cell, const double *const *variables,
                                    const double *x, const double *state, double *output,
                                    double *next_state)
{
    double *z_raw = reference_zeros(4 * cell->units);
    lstm_values values = layer_norm_lstm_compute(cell, variables, x, state, z_raw);

    for (size_t k = 0; k < cell->units; k++) {
        next_state[k] = values.c[k];
        next_state[cell->units + k] = values.m_raw[k];
        output[k] = values.m_raw[k];
    }
    free(z_raw);
    destroy_values(&values);
}

/* From the gradient of the normalized c back to that of c_raw, in place. */
static void state_norm_backward(const reference_cell *cell, const double *const *variables,
                                const lstm_values *values, double *d_c, double *const *d_variables)
{
    double *d_c_raw;

    if (!cell->layer_norm) {
        return;
    }
    d_c_raw = reference_zeros(cell->units);
    reference_layer_norm_backward(cell->units, values->c_raw, variables[9], d_c, d_c_raw,
                                  d_variables[9], d_variables[10]);
    for (size_t k = 0; k < cell->units; k++) {
        d_c[k] = d_c_raw[k];
    }
    free(d_c_raw);
}

/* From the gradient of z back to those of kernel, bias or layer norms, x and h. */
static void gate_norms_backward(const reference_cell *cell, const double *const *variables,
                                const double *z_raw, const double *d_z, const double *x,
                                const double *h, double *d_x, double *d_h,
                                double *const *d_variables)
{
    size_t n = cell->units;
    double *d_z_raw = reference_zeros(4 * n);

    if (cell->layer_norm) {
        for (size_t gate = 0; gate < 4; gate++) {
            reference_layer_norm_backward(n, z_raw + gate * n, variables[1 + 2 * gate],
                                          d_z + gate * n, d_z_raw + gate * n,
                                          d_variables[1 + 2 * gate], d_variables[2 + 2 * gate]);
        }
    } else {
        reference_add(4 * n, d_z, d_z_raw);
        reference_add(4 * n, d_z_raw, d_variables[1]);
    }
    reference_add_joined_product_backward(cell, n, 4 * n, x, h, variables[0], d_z_raw, d_x, d_h,
                                          d_variables[0]);
    free(d_z_raw);
}

void reference_layer_norm_lstm_step_backward(const reference_cell *cell,
                                             const double *const *variables, const double *x,
                                             const double *state, const double *d_output,
                                             const double *d_next_state, double *d_x,
                                             double *d_state, double *const *d_variables)
{
    size_t n = cell->units;
    double *z_raw = reference_zeros(4 * n);
    double *d_z = reference_zeros(4 * n);
    double *d_c = reference_zeros(n);
    lstm_values values = layer_norm_lstm_compute(cell, variables, x, state, z_raw);
    const double *i = values.z, *j = i + n, *f = i + 2 * n, *o = i + 3 * n;
    double *d_i = d_z, *d_j = d_z + n, *d_f = d_z + 2 * n, *d_o = d_z + 3 * n;

    for (size_t k = 0; k < n; k++) {
        double c = values.c[k];
        double d_m = d_output[k] + d_next_state[n + k];

        d_o[k] = d_m * reference_act(cell, c) * sigmoid_slope(o[k]);
        d_c[k] = d_next_state[k] + d_m * reference_sigmoid(o[k]) * reference_act_slope(cell, c);
    }
    state_norm_backward(cell, variables, &values, d_c, d_variables);
    for (size_t k = 0; k < n; k++) {
        d_i[k] = d_c[k] * reference_act(cell, j[k]) * sigmoid_slope(i[k]);
        d_j[k] = d_c[k] * reference_sigmoid(i[k]) * reference_act_slope(cell, j[k]);
        d_f[k] = d_c[k] * state[k] * sigmoid_slope(f[k] + cell->forget_bias);
        d_state[k] += d_c[k] * reference_sigmoid(f[k] + cell->forget_bias);
    }
    gate_norms_backward(cell, variables, z_raw, d_z, x, state + n, d_x, d_state + n, d_variables);
    free(z_raw);
    free(d_z);
    free(d_c);
    destroy_values(&values);
}

/*
 * CoupledInputForgetGateLSTMCell without its options: with s = sigmoid(f + forget_bias),
 * c' = s c + (1 - s) act(j) and h' = sigmoid(o) act(c').
 */
static double *coupled_pre_activations(const reference_cell *cell, const double *const *variables,
                                       const double *x, const double *h)
{
    size_t n = cell->units;
    double *z = reference_zeros(3 * n);

    reference_add(3 * n, variables[1], z);
    reference_add_joined_product(cell, n, 3 * n, x, h, variables[0], z);
    return z;
}

void reference_coupled_lstm_step(const reference_cell *cell, const double *const *variables,
                                 const double *x, const double *state, double *output,
                                 double *next_state)
{
    size_t n = cell->units;
    double *z = coupled_pre_activations(cell, variables, x, state + n);
    const double *j = z, *f = z + n, *o = z + 2 * n;

    for (size_t k = 0; k < n; k++) {
        double s = reference_sigmoid(f[k] + cell->forget_bias);

        next_state[k] = s * state[k] + (1.0 - s) * reference_act(cell, j[k]);
        output[k] = reference_sigmoid(o[k]) * reference_act(cell, next_state[k]);
        next_state[n + k] = output[k];
    }
    free(z);
}

void reference_coupled_lstm_step_backward(const reference_cell *cell,
                                          const double *const *variables, const double *x,
                                          const double *state, const double *d_output,
                                          const double *d_next_state, double *d_x, double *d_state,
                                          double *const *d_variables)
{
    size_t n = cell->units;
    double *z = coupled_pre_activations(cell, variables, x, state + n);
    double *d_z = reference_zeros(3 * n);
    const double *j = z, *f = z + n, *o = z + 2 * n;

    for (size_t k = 0; k < n; k++) {
        double s = reference_sigmoid(f[k] + cell->forget_bias);
        double c = s * state[k] + (1.0 - s) * reference_act(cell, j[k]);
        double d_m = d_output[k] + d_next_state[n + k];
        double d_c = d_next_state[k] + d_m * reference_sigmoid(o[k]) * reference_act_slope(cell, c);

        d_z[k] = d_c * (1.0 - s) * reference_act_slope(cell, j[k]);
        d_z[n + k] = d_c * (state[k] - reference_act(cell, j[k])) * s * (1.0 - s);
        d_z[2 * n + k] = d_m * reference_act(cell, c) * sigmoid_slope(o[k]);
        d_state[k] += d_c * s;
    }
    reference_add(3 * n, d_z, d_variables[1]);
    reference_add_joined_product_backward(cell, n, 3 * n, x, state + n, variables[0], d_z, d_x,
                                          d_state + n, d_variables[0]);
    free(z);
    free(d_z);
}
