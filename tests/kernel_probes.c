#include "kernel_probes.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 5, ROWS = 3 };

uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

bool agree(float a, float b)
{
    return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

/* The area. */

/* A NaN: whoever reads it shows it. Each has bits of its own, for what computes with one may write the same. */
static uint32_t guard_at(size_t place)
{
    return 0x7FC00001 + (uint32_t)place;
}

area *area_create(void)
{
    static const float strange[] = {NAN,     INFINITY, -INFINITY, 0.0f,    -0.0f, 1e-45f,  -1e-40f, FLT_MIN,
                                    FLT_MAX, -FLT_MAX, 1e-30f,    -1e-31f, 88.0f, -104.0f, 1.0f,    -20.0f};
    const lstm_random values = lstm_random_named(1, "values"), places = lstm_random_named(1, "places");
    area *a = test_allocate(1, sizeof *a);
    lstm_random_uniform(&values, 0, AREA_CAPACITY, -4.0f, 4.0f, a->ordinary);
    for (size_t k = 0; k < AREA_CAPACITY; k++) {
        const uint32_t bits = lstm_random_bits(&places, k);
        a->mixed[k] = bits % 4 ? a->ordinary[k] : strange[bits / 4 % 16];
    }
    return a;
}

static void guard(area *a, size_t count)
{
    check_that(a->used + count <= AREA_CAPACITY, "the area is full");
    for (; count; count--, a->used++) {
        a->floats[a->used] = float_of(guard_at(a->used));
        a->guarded[a->used] = true;
    }
}

/* The same numbers at the end of a page of their own. */
static float *matrix_at_an_edge(area *a, size_t rows, size_t n, size_t ld)
{
    const size_t extent = rows ? (rows - 1) * ld + n : 0;
    check_that(extent * sizeof(float) <= a->page_size && a->arrays < AREA_EDGES, "the pages are too small or too few");
    float *end = (float *)(void *)(a->pages + (2 * a->arrays++ + 1) * a->page_size);
    return memcpy(end - extent, a->ordinary, extent * sizeof(float));
}

float *area_matrix(area *a, size_t rows, size_t n, size_t ld)
{
    if (a->pages)
        return matrix_at_an_edge(a, rows, n, ld);
    guard(a, GUARD);
    float *at = a->floats + a->used;
    check_that(a->used + rows * ld <= AREA_CAPACITY, "the area is full");
    for (size_t row = 0; row < rows; row++) {
        memcpy(a->floats + a->used, (a->odd ? a->mixed : a->ordinary) + a->used, n * sizeof *at);
        memset(a->guarded + a->used, 0, n * sizeof *a->guarded);
        a->used += n;
        guard(a, ld - n);
    }
    guard(a, GUARD);
    return at;
}

void area_check_guards(const area *a, const char *name, const lstm__kernels *kernels)
{
    for (size_t k = 0; k < a->used; k++)
        check_that(!a->guarded[k] || bits_of(a->floats[k]) == guard_at(k), "%s of %s wrote outside its arrays", name,
                   kernels->vectors);
}

static float *numbers(area *a, size_t count)
{
    return area_matrix(a, 1, count, count);
}

/* What kernels are called with. */

/* x / (1 + x^2): neither monotone nor bounded away from its derivative's zeros. */
static void hump(void *user, size_t count, const float *x, float *y)
{
    (void)user;
    for (size_t k = 0; k < count; k++)
        y[k] = x[k] / (1.0f + x[k] * x[k]);
}

static void hump_derivative(void *user, size_t count, const float *x, float *d)
{
    (void)user;
    for (size_t k = 0; k < count; k++) {
        const float divisor = 1.0f + x[k] * x[k];
        d[k] = (1.0f - x[k] * x[k]) / (divisor * divisor);
    }
}

const lstm__activation probe_activations[] = {
    {.kind = LSTM_ACTIVATION_LINEAR},
    {.kind = LSTM_ACTIVATION_TANH},
    {.kind = LSTM_ACTIVATION_SIGMOID},
    {.kind = LSTM_ACTIVATION_RELU},
    {.kind = LSTM_ACTIVATION_CUSTOM, .function = {.value = hump, .derivative = hump_derivative}},
};
const size_t probe_activation_count = sizeof probe_activations / sizeof probe_activations[0];

/* way 0 to 3: with peepholes or not, with a clip or not. */
static lstm__lstm_options options(area *a, size_t n, int way)
{
    lstm__lstm_options made = {.forget_bias = 0.75f, .cell_clip = way & 2 ? 1.5f : 0.0f};
    if (way & 1) {
        made.w_i = numbers(a, n);
        made.w_f = numbers(a, n);
        made.w_o = numbers(a, n);
    }
    return made;
}

/* The probes: calls at the size n, with arrays from the area. */

typedef void call_product(const lstm__kernels *kernels, area *a, size_t m, size_t n, size_t k, int start);

/* From no start, from one row for all, and from what is there; heights with and without a remainder. */
static void call_products(const lstm__kernels *kernels, area *a, size_t n, call_product *call)
{
    static const size_t heights[] = {1, 2, 4, 13}, depths[] = {0, 3, 17};
    for (size_t m = 0; m < 4; m++)
        for (size_t k = 0; k < 3; k++)
            call(kernels, a, heights[m], n, depths[k], (int)(m + k) % 3);
}

static void call_nn(const lstm__kernels *kernels, area *a, size_t m, size_t n, size_t k, int start)
{
    const float *x = area_matrix(a, m, k, k + 1), *w = area_matrix(a, k, n, n + 2), *bias = numbers(a, n);
    float *y = area_matrix(a, m, n, n + 3);
    kernels->product_nn(m, n, k, x, k + 1, w, n + 2,
                        start == 0   ? NULL
                        : start == 1 ? bias
                                     : y,
                        start == 1 ? 0 : n + 3, y, n + 3);
}

static void call_nt(const lstm__kernels *kernels, area *a, size_t m, size_t n, size_t k, int start)
{
    const float *x = area_matrix(a, m, k, k + 1), *w = area_matrix(a, n, k, k + 2), *bias = numbers(a, n);
    float *y = area_matrix(a, m, n, n + 3);
    kernels->product_nt(m, n, k, x, k + 1, w, k + 2,
                        start == 0   ? NULL
                        : start == 1 ? bias
                                     : y,
                        start == 1 ? 0 : n + 3, y, n + 3);
}

static void call_tn_of(const lstm__kernels *kernels, area *a, size_t of_x, size_t m, size_t n, size_t k, bool with_sums)
{
    const size_t of_h = m - of_x;
    const lstm__rows x = {.first = area_matrix(a, k, of_x, m + 1), .ld = m + 1, .width = of_x};
    const lstm__rows h = {.first = area_matrix(a, k, of_h, m + 2), .ld = m + 2, .width = of_h};
    const float *y = area_matrix(a, k, n, n + 2);
    float *c = area_matrix(a, m, n, n + 3), *sums = area_matrix(a, 1, n, n);
    kernels->product_tn(n, k, &x, &h, y, n + 2, c, n + 3, with_sums ? sums : NULL);
}

static void call_tn(const lstm__kernels *kernels, area *a, size_t m, size_t n, size_t k, int start)
{
    call_tn_of(kernels, a, m / 3, m, n, k, start != 0);
}

typedef enum packing { AS_IT_IS, TRANSPOSED, FEW } packing;

/* Weights that are packed first: how they are is each instruction set's own business. Those for a few rows have one row
 * more, which is not used. */
static void call_packed(const lstm__kernels *kernels, area *a, size_t m, size_t n, size_t k, int start, packing way)
{
    const size_t of_x = k / 3, of_h = k - of_x, few_rows = k + 1;
    const lstm__rows x = {.first = area_matrix(a, m, of_x, k + 1), .ld = k + 1, .width = of_x};
    const lstm__rows h = {.first = area_matrix(a, m, of_h, k + 2), .ld = k + 2, .width = of_h};
    const float *values = way == TRANSPOSED ? area_matrix(a, n, k, k + 2) : area_matrix(a, few_rows, n, n + 2);
    const float *bias = numbers(a, n);
    float *y = area_matrix(a, m, n, n + 3), *packed = test_allocate(few_rows * lstm__packed_width(n), sizeof *packed);
    const lstm__matrix w = {.values = values,
                            .packed = packed,
                            .few = way == FEW ? packed : NULL,
                            .ld = way == TRANSPOSED ? k + 2 : n + 2,
                            .rows = way == FEW ? few_rows : k,
                            .transposed = way == TRANSPOSED};
    if (way == FEW)
        kernels->pack_few(few_rows, n, values, w.ld, packed);
    else
        kernels->pack(k, n, values, w.ld, w.transposed, packed);
    if (way != FEW || m <= LSTM__FEW_ROWS)
        kernels->product_packed(m, n, &x, &h, &w, m % 2,
                                start == 0   ? NULL
                                : start == 1 ? bias
                                             : y,
                                start == 1 ? 0 : n + 3, y, n + 3);
    free(packed);
}

static void call_packed_as_it_is(const lstm__kernels *kernels, area *a, size_t m, size_t n, size_t k, int start)
{
    call_packed(kernels, a, m, n, k, start, AS_IT_IS);
}

static void call_packed_transposed(const lstm__kernels *kernels, area *a, size_t m, size_t n, size_t k, int start)
{
    call_packed(kernels, a, m, n, k, start, TRANSPOSED);
}

static void call_packed_few(const lstm__kernels *kernels, area *a, size_t m, size_t n, size_t k, int start)
{
    call_packed(kernels, a, m, n, k, start, FEW);
}

static void probe_product_packed(const lstm__kernels *kernels, area *a, size_t n)
{
    call_products(kernels, a, n, call_packed_as_it_is);
}

static void probe_pack(const lstm__kernels *kernels, area *a, size_t n)
{
    call_products(kernels, a, n, call_packed_transposed);
}

static void probe_pack_few(const lstm__kernels *kernels, area *a, size_t n)
{
    call_products(kernels, a, n, call_packed_few);
}

static void probe_product_nn(const lstm__kernels *kernels, area *a, size_t n)
{
    call_products(kernels, a, n, call_nn);
}

static void probe_product_nt(const lstm__kernels *kernels, area *a, size_t n)
{
    call_products(kernels, a, n, call_nt);
}

static void probe_product_tn(const lstm__kernels *kernels, area *a, size_t n)
{
    call_products(kernels, a, n, call_tn);
    if (n <= 12) /* so many columns of [x|h] that b is packed; more than these of c have no room in a page */
        call_tn(kernels, a, 66, n, 3, 1);
    for (size_t few = 1; few <= 3; few++) /* of x's columns, which become rows */
        call_tn_of(kernels, a, few, 6, n, 3, true);
}

static void probe_column_sums(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t rows = 0; rows < 20; rows += 3)
        kernels->column_sums(rows, n, area_matrix(a, rows, n, n + 2), n + 2, numbers(a, n));
}

static void probe_product_sums(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t rows = 0; rows < 20; rows += 3) {
        const float *x = area_matrix(a, rows, n, n + 2), *y = area_matrix(a, rows, n, n + 3);
        kernels->product_sums(rows, n, x, n + 2, y, n + 3, numbers(a, n));
    }
}

static void probe_add(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *x = numbers(a, n);
    kernels->add(n, x, numbers(a, n));
}

static void probe_multiply(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *x = numbers(a, n);
    kernels->multiply(n, x, numbers(a, n));
}

static void probe_clip(const lstm__kernels *kernels, area *a, size_t n)
{
    kernels->clip(n, -0.5f, 1.5f, numbers(a, n));
    kernels->clip(n, 0.0f, 0.0f, numbers(a, n)); /* a zero keeps its sign */
}

static void probe_scale(const lstm__kernels *kernels, area *a, size_t n)
{
    kernels->scale(n, 0.3f, numbers(a, n));
}

static void probe_sum_of_squares(const lstm__kernels *kernels, area *a, size_t n)
{
    double sum;
    kernels->sum_of_squares(n, numbers(a, n), &sum);
    a->results += sum;
}

static void probe_clip_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *x = numbers(a, n);
    kernels->clip_backward(n, 1.5f, x, numbers(a, n));
}

static void probe_activate(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++)
        kernels->activate(&probe_activations[act], n, numbers(a, n));
}

static void probe_activate_state(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++)
        kernels->activate_state(&probe_activations[act], n, numbers(a, n));
}

static void probe_activate_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++) {
        const float *kept = numbers(a, n), *dy = numbers(a, n);
        kernels->activate_backward(&probe_activations[act], n, kept, dy, numbers(a, n));
    }
}

static void probe_softmax(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t rows = 0; rows < 4; rows++)
        kernels->softmax(rows, n, numbers(a, rows * n));
}

static void probe_lstm_forward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++)
        for (int way = 0; way < 4; way++) {
            const lstm__lstm_options made = options(a, n, way);
            float *gates = numbers(a, ROWS * 4 * n), *c_previous = numbers(a, ROWS * n), *c = numbers(a, ROWS * n);
            float *shown = numbers(a, ROWS * n);
            kernels->lstm_forward(&probe_activations[act], &made, ROWS, n, gates, c_previous, c, shown,
                                  numbers(a, ROWS * n));
            gates = numbers(a, ROWS * 4 * n);
            kernels->lstm_forward(&probe_activations[act], &made, ROWS, n, gates, c_previous, numbers(a, ROWS * n),
                                  NULL, numbers(a, ROWS * n));
        }
}

static void probe_lstm_row(const lstm__kernels *kernels, area *a, size_t n)
{
    for (int way = 0; way < 4; way++) {
        const lstm__lstm_options made = options(a, n, way);
        const float *gates = numbers(a, 4 * n), *c_previous = numbers(a, n);
        float *c = numbers(a, n);
        kernels->lstm_row(&made, n, gates, c_previous, c, numbers(a, n));
    }
}

static void probe_lstm_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++)
        for (int way = 0; way < 4; way++) {
            const lstm__lstm_options made = options(a, n, way);
            float *gates = numbers(a, ROWS * 4 * n), *c_previous = numbers(a, ROWS * n), *shown = numbers(a, ROWS * n);
            const float *dm = numbers(a, ROWS * n);
            kernels->lstm_backward(&probe_activations[act], &made, ROWS, n, gates, c_previous, shown, dm,
                                   numbers(a, ROWS * n));
        }
}

static void probe_coupled_forward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++) {
        float *gates = numbers(a, ROWS * 3 * n), *c_previous = numbers(a, ROWS * n), *c = numbers(a, ROWS * n);
        float *shown = numbers(a, ROWS * n);
        kernels->coupled_forward(&probe_activations[act], 0.75f, ROWS, n, gates, c_previous, c, shown,
                                 numbers(a, ROWS * n));
    }
}

static void probe_coupled_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++) {
        float *gates = numbers(a, ROWS * 3 * n), *c_previous = numbers(a, ROWS * n), *shown = numbers(a, ROWS * n);
        const float *dh = numbers(a, ROWS * n);
        kernels->coupled_backward(&probe_activations[act], ROWS, n, gates, c_previous, shown, dh, numbers(a, ROWS * n));
    }
}

static void probe_lstm_cell_forward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++)
        for (int masked = 0; masked < 2; masked++) {
            float *gates = numbers(a, ROWS * 4 * n), *mask = masked ? numbers(a, ROWS * n) : NULL;
            const float *c_previous = numbers(a, ROWS * n);
            kernels->lstm_cell_forward(&probe_activations[act], 0.75f, ROWS, n, gates, mask, c_previous,
                                       numbers(a, ROWS * n));
        }
}

static void probe_lstm_output_forward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++) {
        const float *gates = numbers(a, ROWS * 4 * n), *c = numbers(a, ROWS * n);
        float *shown = numbers(a, ROWS * n);
        kernels->lstm_output_forward(&probe_activations[act], ROWS, n, gates, c, shown, numbers(a, ROWS * n));
    }
}

static void probe_lstm_output_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++) {
        float *gates = numbers(a, ROWS * 4 * n), *shown = numbers(a, ROWS * n), *dh = numbers(a, ROWS * n);
        kernels->lstm_output_backward(&probe_activations[act], ROWS, n, gates, shown, dh, numbers(a, ROWS * n));
    }
}

static void probe_lstm_cell_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++)
        for (int masked = 0; masked < 2; masked++) {
            float *gates = numbers(a, ROWS * 4 * n), *mask = masked ? numbers(a, ROWS * n) : NULL;
            const float *c_previous = numbers(a, ROWS * n);
            kernels->lstm_cell_backward(&probe_activations[act], ROWS, n, gates, mask, c_previous,
                                        numbers(a, ROWS * n));
        }
}

static void probe_layer_norm(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *gain = numbers(a, n), *shift = numbers(a, n);
    float *x = area_matrix(a, ROWS, n, n + 2), *normal = area_matrix(a, ROWS, n, n + 3);
    kernels->layer_norm(ROWS, n, gain, shift, x, n + 2, normal, n + 3, area_matrix(a, ROWS, 1, 5), 5);
}

static void probe_layer_norm_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *gain = numbers(a, n), *normal = area_matrix(a, ROWS, n, n + 3), *scale = area_matrix(a, ROWS, 1, 5);
    kernels->layer_norm_backward(ROWS, n, gain, normal, n + 3, scale, 5, area_matrix(a, ROWS, n, n + 2), n + 2);
}

static void probe_gru_gates(const lstm__kernels *kernels, area *a, size_t n)
{
    for (int wanted = 0; wanted < 2; wanted++) {
        float *gates = numbers(a, ROWS * 2 * n), *h_previous = numbers(a, ROWS * n);
        kernels->gru_gates(ROWS, n, gates, h_previous, wanted ? numbers(a, ROWS * n) : NULL);
    }
}

static void probe_gru_output(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++) {
        float *gates = numbers(a, ROWS * 2 * n), *candidate = numbers(a, ROWS * n), *h_previous = numbers(a, ROWS * n);
        kernels->gru_output(&probe_activations[act], ROWS, n, gates, candidate, h_previous, numbers(a, ROWS * n));
    }
}

static void probe_gru_output_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < probe_activation_count; act++) {
        float *gates = numbers(a, ROWS * 2 * n), *candidate = numbers(a, ROWS * n), *h_previous = numbers(a, ROWS * n);
        kernels->gru_output_backward(&probe_activations[act], ROWS, n, gates, candidate, h_previous,
                                     numbers(a, ROWS * n));
    }
}

static void probe_gru_gates_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    float *gates = numbers(a, ROWS * 2 * n), *h_previous = numbers(a, ROWS * n), *d_reset = numbers(a, ROWS * n);
    kernels->gru_gates_backward(ROWS, n, gates, h_previous, d_reset, numbers(a, ROWS * n));
}

static void probe_gru_reset_after(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *gates = numbers(a, ROWS * 2 * n), *hidden = numbers(a, ROWS * n);
    kernels->gru_reset_after(ROWS, n, gates, hidden, numbers(a, ROWS * n));
}

static void probe_gru_reset_after_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    float *gates = numbers(a, ROWS * 2 * n), *hidden = numbers(a, ROWS * n);
    kernels->gru_reset_after_backward(ROWS, n, gates, hidden, numbers(a, ROWS * n));
}

static void probe_softmax_cross_entropy(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t way = 0; way < 4; way++) {
        double loss;
        const float *logits = numbers(a, n), *labels = numbers(a, n);
        float *d_logits = numbers(a, n);
        kernels->softmax_cross_entropy(n, logits, way & 1 ? labels : NULL, n / 2, 0.3f, way & 2 ? d_logits : NULL,
                                       &loss);
        a->results += loss * (double)(way + 1);
    }
}

static void probe_element_losses(const lstm__kernels *kernels, area *a, size_t n)
{
    const lstm__element_kind kinds[] = {LSTM__SIGMOID_CROSS_ENTROPY, LSTM__SQUARED_ERROR, LSTM__ABSOLUTE_DIFFERENCE,
                                        LSTM__HUBER};
    for (size_t way = 0; way < 16; way++) {
        const lstm__element_loss kind = {.kind = kinds[way % 4], .delta = 1.25};
        const float *x = numbers(a, n), *y = numbers(a, n), *weights = numbers(a, way & 8 ? 1 : n);
        float *d = numbers(a, n), *losses = numbers(a, n);
        double sum;
        kernels->element_losses(&kind, n, x, y, weights, way & 8 ? 0 : 1, 0.3, way & 4 ? d : NULL,
                                way & 4 ? losses : NULL, &sum);
        a->results += sum * (double)(way + 1);
    }
}

static void probe_log_softmax(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t way = 0; way < 2; way++) {
        const float *z = numbers(a, n);
        float *p = numbers(a, n);
        double normal[2];
        kernels->log_softmax(n, z, way ? p : NULL, normal);
        a->results += normal[0] + 3.0 * normal[1];
    }
}

enum { WIDE = 64 };

/* Numbers that come from the area, and a guard behind them. */
static void widen(area *a, size_t n, double scale, double *wide)
{
    const float *from = numbers(a, n);
    for (size_t k = 0; k < n; k++)
        wide[k] = scale * (double)from[k];
    wide[n] = 55.0;
}

static void add_wide(area *a, const char *name, size_t n, const double *wide)
{
    check_that(wide[n] == 55.0, "%s wrote outside its array", name);
    for (size_t k = 0; k < n; k++)
        a->results += (isfinite(wide[k]) ? wide[k] : isnan(wide[k]) ? 1e3 : 1e4) * (double)(k + 1);
}

static void probe_ctc_step(const lstm__kernels *kernels, area *a, size_t n)
{
    for (int far = 0; far < 2; far++) {
        double wide[7][WIDE];
        for (size_t k = 0; k < 7; k++)
            widen(a, n, far ? 300.0 : 1.0, wide[k]);
        kernels->ctc_step(n, wide[0], wide[1], wide[2], wide[3], wide[4], wide[5], wide[6]);
        add_wide(a, "ctc_step", n, wide[6]);
    }
}

static void probe_ctc_shares(const lstm__kernels *kernels, area *a, size_t n)
{
    for (int far = 0; far < 2; far++) {
        double wide[4][WIDE];
        for (size_t k = 0; k < 4; k++)
            widen(a, n, far ? 300.0 : 1.0, wide[k]);
        kernels->ctc_shares(n, wide[0], wide[1], wide[2], wide[3]);
        add_wide(a, "ctc_shares", n, wide[3]);
    }
}

static void probe_gradient_descent(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *g = numbers(a, n);
    kernels->gradient_descent(n, 0.3f, g, numbers(a, n));
}

/* Numbers of which most are not negative, as sums of squares are. */
static float *squares(area *a, size_t n)
{
    float *v = numbers(a, n);
    for (size_t k = 0; k < n; k++)
        v[k] = k % 5 ? fabsf(v[k]) : v[k];
    return v;
}

static void probe_move(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *y = numbers(a, n);
    kernels->move(n, 0.1f, y, numbers(a, n));
}

static void probe_momentum(const lstm__kernels *kernels, area *a, size_t n)
{
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        float *g = numbers(a, n), *sum = numbers(a, n);
        kernels->momentum(n, 0.1f, 0.9f, nesterov, g, sum, numbers(a, n));
    }
}

static void probe_adagrad(const lstm__kernels *kernels, area *a, size_t n)
{
    float *g = numbers(a, n), *sum = squares(a, n);
    kernels->adagrad(n, 0.1f, g, sum, numbers(a, n));
}

static void probe_adadelta(const lstm__kernels *kernels, area *a, size_t n)
{
    float *g = numbers(a, n), *square = squares(a, n), *update = squares(a, n);
    kernels->adadelta(n, 1.0f, 0.05f, 1e-8f, g, square, update, numbers(a, n));
}

static void probe_rmsprop(const lstm__kernels *kernels, area *a, size_t n)
{
    for (int centered = 0; centered < 2; centered++) {
        float *g = numbers(a, n), *square = squares(a, n), *mean = numbers(a, n), *m = numbers(a, n);
        kernels->rmsprop(n, 0.01f, 0.1f, 0.9f, 1e-10f, g, square, centered ? mean : NULL, m, numbers(a, n));
    }
}

static void probe_adam(const lstm__kernels *kernels, area *a, size_t n)
{
    float *g = numbers(a, n), *m = numbers(a, n), *v = squares(a, n);
    kernels->adam(n, 0.01f, 0.1f, 0.001f, 1e-8f, g, m, v, numbers(a, n));
}

const kernel_probe kernel_probes[] = {
#define LSTM__PRODUCT(name, arguments) {#name, probe_##name},
#define LSTM__BODY(name, arguments) {#name, probe_##name},
#include "kernels/kernels.def"
#undef LSTM__PRODUCT
#undef LSTM__BODY
};
const size_t kernel_probe_count = sizeof kernel_probes / sizeof kernel_probes[0];

void kernel_probe_run(const kernel_probe *probe, const lstm__kernels *kernels, size_t n, bool odd, area *a)
{
    a->used = 0;
    a->odd = odd;
    a->results = 0.0;
    a->arrays = 0;
    probe->call(kernels, a, n);
    area_check_guards(a, probe->name, kernels);
}
