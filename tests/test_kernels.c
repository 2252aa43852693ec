/* The inner loops: the same bits in every instruction set, and what those bits are worth. */
#include "kernels/kernels.h"
#include "suites.h"
#include "testing.h"

#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const lstm_activation activations[] = {LSTM_ACTIVATION_LINEAR, LSTM_ACTIVATION_TANH, LSTM_ACTIVATION_SIGMOID,
                                              LSTM_ACTIVATION_RELU};
enum { ACTIVATIONS = 4, LARGEST = 40, EDGES = 32, GUARD = 5, CAPACITY = 1 << 15 };

/* ck_assert tells Check of every pass, which takes too long for millions of numbers. */
#define check_that(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                                                 \
    } while (0)

static const uint32_t guard_bits = 0x7FC0DEAD; /* a NaN: whoever reads it shows it */

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE 754 leaves open which NaN an operation gives. */
static bool agree(float a, float b)
{
    return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

/* A stretch of floats from which a kernel's arrays are cut, with guards between them. What an array holds at first
 * depends on its place alone. */
typedef struct area {
    float floats[CAPACITY], ordinary[CAPACITY], mixed[CAPACITY];
    bool guarded[CAPACITY];
    size_t used;
    bool odd;             /* from `mixed`: every fourth is no ordinary number */
    unsigned char *pages; /* not NULL: each array ends where a page does, and the next page cannot be touched */
    size_t page_size, arrays;
    double results; /* of kernels that give a double */
} area;

static area *create_area(void)
{
    static const float strange[] = {NAN,     INFINITY, -INFINITY, 0.0f,    -0.0f, 1e-45f,  -1e-40f, FLT_MIN,
                                    FLT_MAX, -FLT_MAX, 1e-30f,    -1e-31f, 88.0f, -104.0f, 1.0f,    -20.0f};
    const lstm_random values = lstm_random_named(1, "values"), places = lstm_random_named(1, "places");
    area *a = test_allocate(1, sizeof *a);
    lstm_random_uniform(&values, 0, CAPACITY, -4.0f, 4.0f, a->ordinary);
    for (size_t k = 0; k < CAPACITY; k++) {
        const uint32_t bits = lstm_random_bits(&places, k);
        a->mixed[k] = bits % 4 ? a->ordinary[k] : strange[bits / 4 % 16];
    }
    return a;
}

static void guard(area *a, size_t count)
{
    check_that(a->used + count <= CAPACITY, "the area is full");
    for (; count; count--, a->used++) {
        a->floats[a->used] = float_of(guard_bits);
        a->guarded[a->used] = true;
    }
}

/* The same numbers at the end of a page of their own. */
static float *matrix_at_an_edge(area *a, size_t rows, size_t n, size_t ld)
{
    const size_t extent = rows ? (rows - 1) * ld + n : 0;
    check_that(extent * sizeof(float) <= a->page_size && a->arrays < EDGES, "the pages are too small or too few");
    float *end = (float *)(void *)(a->pages + (2 * a->arrays++ + 1) * a->page_size);
    return memcpy(end - extent, a->ordinary, extent * sizeof(float));
}

/* rows x n numbers whose rows are ld apart; guards before and after, and in the gaps. */
static float *matrix(area *a, size_t rows, size_t n, size_t ld)
{
    if (a->pages)
        return matrix_at_an_edge(a, rows, n, ld);
    guard(a, GUARD);
    float *at = a->floats + a->used;
    check_that(a->used + rows * ld <= CAPACITY, "the area is full");
    for (size_t row = 0; row < rows; row++) {
        memcpy(a->floats + a->used, (a->odd ? a->mixed : a->ordinary) + a->used, n * sizeof *at);
        memset(a->guarded + a->used, 0, n * sizeof *a->guarded);
        a->used += n;
        guard(a, ld - n);
    }
    guard(a, GUARD);
    return at;
}

static void check_guards(const area *a, const char *name, const lstm__kernels *kernels)
{
    for (size_t k = 0; k < a->used; k++)
        check_that(!a->guarded[k] || bits_of(a->floats[k]) == guard_bits, "%s of %s wrote outside its arrays", name,
                   kernels->vectors);
}

static float *numbers(area *a, size_t count)
{
    return matrix(a, 1, count, count);
}

/* For each body, its probe: calls at the size n, with arrays from the area. A body without a probe does not compile. */

static void probe_narrow_affine(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t k = 0; k < 6; k++) {
        const float *x = matrix(a, 3, k, k + 1), *w = matrix(a, k, n, n + 2), *bias = numbers(a, n);
        float *y = matrix(a, 3, n, n + 3);
        kernels->narrow_affine(3, k, n, x, k + 1, w, n + 2, k % 2 ? bias : NULL, y, n + 3);
    }
}

static void probe_narrow_outer(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t k = 0; k < 6; k++) {
        const float *x = matrix(a, 5, k, k + 1), *dy = matrix(a, 5, n, n + 2);
        kernels->narrow_outer(5, k, n, x, k + 1, dy, n + 2, matrix(a, k, n, n + 3), n + 3);
    }
}

static void probe_column_sums(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t rows = 0; rows < 20; rows += 3)
        kernels->column_sums(rows, n, matrix(a, rows, n, n + 2), n + 2, numbers(a, n));
}

static void probe_add(const lstm__kernels *kernels, area *a, size_t n)
{
    kernels->add(n, numbers(a, n), numbers(a, n));
}

static void probe_activate(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < ACTIVATIONS; act++)
        kernels->activate(activations[act], n, numbers(a, n));
}

static void probe_activate_state(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < ACTIVATIONS; act++)
        kernels->activate_state(activations[act], n, numbers(a, n));
}

static void probe_activate_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < ACTIVATIONS; act++) {
        const float *y = numbers(a, n), *dy = numbers(a, n);
        kernels->activate_backward(activations[act], n, y, dy, numbers(a, n));
    }
}

static void probe_softmax(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t rows = 0; rows < 4; rows++)
        kernels->softmax(rows, n, numbers(a, rows * n));
}

static void probe_lstm_forward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < ACTIVATIONS; act++) {
        float *gates = numbers(a, 3 * 4 * n), *c_previous = numbers(a, 3 * n), *c = numbers(a, 3 * n);
        float *tanh_c = numbers(a, 3 * n), *h_next = numbers(a, 3 * n);
        kernels->lstm_forward(activations[act], 0.75f, 3, n, gates, c_previous, c, tanh_c, h_next);
    }
}

static void probe_lstm_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < ACTIVATIONS; act++) {
        float *gates = numbers(a, 3 * 4 * n), *c_previous = numbers(a, 3 * n), *tanh_c = numbers(a, 3 * n);
        float *dh = numbers(a, 3 * n), *dc = numbers(a, 3 * n);
        kernels->lstm_backward(activations[act], 3, n, gates, c_previous, tanh_c, dh, dc);
    }
}

static void probe_gru_gates(const lstm__kernels *kernels, area *a, size_t n)
{
    float *gates = numbers(a, 3 * 2 * n), *h_previous = numbers(a, 3 * n);
    kernels->gru_gates(3, n, gates, h_previous, numbers(a, 3 * n));
}

static void probe_gru_output(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < ACTIVATIONS; act++) {
        float *gates = numbers(a, 3 * 2 * n), *candidate = numbers(a, 3 * n), *h_previous = numbers(a, 3 * n);
        kernels->gru_output(activations[act], 3, n, gates, candidate, h_previous, numbers(a, 3 * n));
    }
}

static void probe_gru_output_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    for (size_t act = 0; act < ACTIVATIONS; act++) {
        float *gates = numbers(a, 3 * 2 * n), *candidate = numbers(a, 3 * n), *h_previous = numbers(a, 3 * n);
        kernels->gru_output_backward(activations[act], 3, n, gates, candidate, h_previous, numbers(a, 3 * n));
    }
}

static void probe_gru_gates_backward(const lstm__kernels *kernels, area *a, size_t n)
{
    float *gates = numbers(a, 3 * 2 * n), *h_previous = numbers(a, 3 * n), *d_reset = numbers(a, 3 * n);
    kernels->gru_gates_backward(3, n, gates, h_previous, d_reset, numbers(a, 3 * n));
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

static void probe_gradient_descent(const lstm__kernels *kernels, area *a, size_t n)
{
    const float *g = numbers(a, n);
    kernels->gradient_descent(n, 0.3f, g, numbers(a, n));
}

static void probe_adam(const lstm__kernels *kernels, area *a, size_t n)
{
    float *g = numbers(a, n), *m = numbers(a, n), *v = numbers(a, n);
    for (size_t k = 0; k < n; k++)
        v[k] = k % 5 ? fabsf(v[k]) : v[k];
    kernels->adam(n, 0.01f, 0.1f, 0.001f, 1e-8f, g, m, v, numbers(a, n));
}

typedef struct body {
    const char *name;
    void (*probe)(const lstm__kernels *kernels, area *a, size_t n);
} body;

static const body bodies[] = {
#define LSTM__PRODUCT(name, arguments)
#define LSTM__BODY(name, arguments) {#name, probe_##name},
#include "kernels/kernels.def"
#undef LSTM__PRODUCT
#undef LSTM__BODY
};
enum { BODIES = sizeof bodies / sizeof bodies[0] };

static void probe(const body *b, const lstm__kernels *kernels, size_t n, bool odd, area *a)
{
    a->used = 0;
    a->odd = odd;
    a->results = 0.0;
    a->arrays = 0;
    b->probe(kernels, a, n);
    check_guards(a, b->name, kernels);
}

static void compare_bodies(bool odd)
{
    area *first = create_area(), *other = create_area();
    for (size_t k = 0; k < BODIES; k++)
        for (size_t n = 1; n <= LARGEST; n++) {
            probe(&bodies[k], lstm__kernels_at(0), n, odd, first);
            for (size_t table = 1; lstm__kernels_at(table); table++) {
                const lstm__kernels *kernels = lstm__kernels_at(table);
                probe(&bodies[k], kernels, n, odd, other);
                for (size_t at = 0; at < first->used; at++)
                    check_that(agree(first->floats[at], other->floats[at]), "%s, size %zu: %a, and %a in %s",
                               bodies[k].name, n, (double)first->floats[at], (double)other->floats[at],
                               kernels->vectors);
                ck_assert(first->results == other->results || (isnan(first->results) && isnan(other->results)));
            }
        }
    free(first);
    free(other);
}

START_TEST(every_instruction_set_gives_the_same_bits_and_writes_nothing_outside)
{
    compare_bodies(false);
}
END_TEST

START_TEST(they_do_for_nans_infinities_denormals_and_negative_zero_too)
{
    compare_bodies(true);
}
END_TEST

START_TEST(they_touch_nothing_behind_their_arrays)
{
    area *a = create_area();
    const int zeros = open("/dev/zero", O_RDWR);
    a->page_size = (size_t)sysconf(_SC_PAGESIZE);
    void *pages = mmap(NULL, 2 * EDGES * a->page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, zeros, 0);
    ck_assert_ptr_ne(pages, MAP_FAILED);
    a->pages = pages;
    for (size_t k = 0; k < EDGES; k++)
        ck_assert_int_eq(mprotect(a->pages + (2 * k + 1) * a->page_size, a->page_size, PROT_NONE), 0);
    for (size_t table = 0; lstm__kernels_at(table); table++)
        for (size_t k = 0; k < BODIES; k++)
            for (size_t n = 1; n <= LARGEST; n++)
                probe(&bodies[k], lstm__kernels_at(table), n, false, a);
    munmap(pages, 2 * EDGES * a->page_size);
    close(zeros);
    free(a);
}
END_TEST

START_TEST(the_tables_begin_with_the_portable_one_and_the_last_is_in_use)
{
    size_t count = 0;
    ck_assert_str_eq(lstm__kernels_at(0)->vectors, "portable");
    for (; lstm__kernels_at(count); count++)
        for (size_t before = 0; before < count; before++)
            ck_assert_str_ne(lstm__kernels_at(before)->vectors, lstm__kernels_at(count)->vectors);
    ck_assert_ptr_eq(lstm__kernels_select(LSTM_ISA_BEST), lstm__kernels_at(count - 1));
    ck_assert_ptr_eq(lstm__kernels_select(LSTM_ISA_CBLAS), lstm__kernels_at(count - 1));
    ck_assert_ptr_null(lstm__kernels_at(SIZE_MAX));
}
END_TEST

/* tanh and sigmoid over the floats. */

enum { STRIDE = 257, PIECES = 16, BLOCK = 4096 };

/* The distance in units of the last place that a float at `exact` has. */
static double ulps(float found, double exact)
{
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)found - exact) / ldexp(1.0, exponent - 24 > -149 ? exponent - 24 : -149);
}

/* Activate x[count] by every table; all give the first one's bits, which go to y. */
static void activate_by_all(lstm_activation act, size_t count, const float *x, float *y)
{
    float other[BLOCK];
    memcpy(y, x, count * sizeof *y);
    lstm__kernels_at(0)->activate(act, count, y);
    for (size_t table = 1; lstm__kernels_at(table); table++) {
        memcpy(other, x, count * sizeof *other);
        lstm__kernels_at(table)->activate(act, count, other);
        ck_assert(same_bits(y, other, count));
    }
}

/* 4: the polynomial, the division and the sums round once each. */
static void check_accuracy(size_t count, const float *x)
{
    float negative[BLOCK], y[BLOCK], mirrored[BLOCK];
    for (size_t k = 0; k < count; k++)
        negative[k] = -x[k];
    activate_by_all(LSTM_ACTIVATION_TANH, count, x, y);
    activate_by_all(LSTM_ACTIVATION_TANH, count, negative, mirrored);
    for (size_t k = 0; k < count; k++) {
        check_that(ulps(y[k], tanh((double)x[k])) <= 4.0, "tanh(%a) = %a", (double)x[k], (double)y[k]);
        check_that(bits_of(mirrored[k]) == (bits_of(y[k]) ^ 0x80000000u), "tanh(-%a)", (double)x[k]);
    }
    activate_by_all(LSTM_ACTIVATION_SIGMOID, count, x, y);
    activate_by_all(LSTM_ACTIVATION_SIGMOID, count, negative, mirrored);
    for (size_t k = 0; k < count; k++) {
        const double e = exp(-(double)x[k]);
        check_that(ulps(y[k], 1.0 / (1.0 + e)) <= 4.0, "sigmoid(%a) = %a", (double)x[k], (double)y[k]);
        check_that(ulps(mirrored[k], e / (1.0 + e)) <= 4.0, "sigmoid(-%a) = %a", (double)x[k], (double)mirrored[k]);
    }
}

/* Every 257th float from 0 to infinity, and its negative; _i is the piece of them. */
START_TEST(tanh_and_sigmoid_are_within_four_ulps_and_tanh_is_exactly_odd)
{
    const uint32_t infinity = 0x7F800000u, first = infinity / PIECES * (uint32_t)_i, end = first + infinity / PIECES;
    float x[BLOCK];
    size_t count = 0;
    for (uint32_t bits = (first + STRIDE - 1) / STRIDE * STRIDE; bits < end; bits += STRIDE) {
        x[count++] = float_of(bits);
        if (count == BLOCK || bits + STRIDE >= end) {
            check_accuracy(count, x);
            count = 0;
        }
    }
}
END_TEST

START_TEST(activations_at_the_ends_are_exact_and_nan_stays_nan)
{
    const float x[] = {INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0.0f, -0.0f, NAN};
    enum { POINTS = sizeof x / sizeof x[0] };
    const float expected[ACTIVATIONS][POINTS] = {{INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0.0f, -0.0f, NAN},
                                                 {1, -1, 1, -1, 0.0f, -0.0f, NAN},
                                                 {1, 0.0f, 1, 0.0f, 0.5f, 0.5f, NAN},
                                                 {INFINITY, 0.0f, FLT_MAX, 0.0f, 0.0f, -0.0f, NAN}};
    for (size_t act = 0; act < ACTIVATIONS; act++)
        for (size_t table = 0; lstm__kernels_at(table); table++)
            for (size_t places = 1; places <= POINTS; places++) {
                float y[POINTS];
                memcpy(y, x, sizeof y);
                lstm__kernels_at(table)->activate(activations[act], places, y);
                for (size_t k = 0; k < places; k++)
                    ck_assert_msg(agree(y[k], expected[act][k]), "%s, activation %d, %a: %a",
                                  lstm__kernels_at(table)->vectors, (int)activations[act], (double)x[k], (double)y[k]);
            }
}
END_TEST

static double slope(lstm_activation act, double y)
{
    switch (act) {
    case LSTM_ACTIVATION_TANH: return 1.0 - y * y;
    case LSTM_ACTIVATION_SIGMOID: return y * (1.0 - y);
    case LSTM_ACTIVATION_RELU: return y > 0.0 ? 1.0 : 0.0;
    default: return 1.0;
    }
}

START_TEST(the_gradient_of_an_activation_comes_from_its_value)
{
    const float y[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -0.25f, 0.999f, 1e-20f, 0.75f},
                dy[] = {1, 2, 3, 4, 5, 6, 7, 8, -9};
    float dz[9];
    for (size_t act = 0; act < ACTIVATIONS; act++)
        for (size_t table = 0; lstm__kernels_at(table); table++) {
            lstm__kernels_at(table)->activate_backward(activations[act], 9, y, dy, dz);
            for (size_t k = 0; k < 9; k++)
                ck_assert_double_le(fabs((double)dz[k] - (double)dy[k] * slope(activations[act], (double)y[k])),
                                    1e-6 * fabs((double)dy[k]));
        }
}
END_TEST

START_TEST(state_values_too_small_to_matter_become_zero)
{
    const float tiny = nextafterf(LSTM__TINY_STATE, 0.0f), least = LSTM__TINY_STATE;
    const float states[] = {tiny, -tiny, 1e-45f, -1e-40f, least, -least, 2.0f * least};
    enum { POINTS = sizeof states / sizeof states[0], ZEROS = 4 };
    for (size_t table = 0; lstm__kernels_at(table); table++) {
        const lstm__kernels *kernels = lstm__kernels_at(table);
        float x[POINTS], gates[4 * POINTS], c[POINTS], shown[POINTS], h[POINTS], candidate[POINTS] = {0};
        memcpy(x, states, sizeof x);
        kernels->activate_state(LSTM_ACTIVATION_LINEAR, POINTS, x);
        for (size_t k = 0; k < POINTS; k++)
            ck_assert(bits_of(x[k]) == bits_of(k < ZEROS ? 0.0f : states[k]));
        for (size_t k = 0; k < 4 * POINTS; k++) /* i shut, j 0, f and o open */
            gates[k] = k < POINTS ? -INFINITY : k < 2 * POINTS ? 0.0f : INFINITY;
        kernels->lstm_forward(LSTM_ACTIVATION_LINEAR, 0.0f, 1, POINTS, gates, states, c, shown, h);
        for (size_t k = 0; k < POINTS; k++) {
            ck_assert(bits_of(c[k]) == bits_of(k < ZEROS ? 0.0f : states[k]));
            ck_assert(bits_of(h[k]) == bits_of(k < ZEROS ? 0.0f : states[k]));
        }
        const float whole[POINTS] = {1, 1, 1, 1, 1, 1, 1};
        for (size_t k = 3 * POINTS; k < 4 * POINTS; k++) /* f as it is, o all but shut: sigmoid(-80) = 2e-35 */
            gates[k - POINTS] = INFINITY, gates[k] = -80.0f;
        kernels->lstm_forward(LSTM_ACTIVATION_LINEAR, 0.0f, 1, POINTS, gates, whole, c, shown, h);
        for (size_t k = 0; k < POINTS; k++)
            ck_assert(c[k] >= 1.0f && bits_of(h[k]) == 0);
        for (size_t k = 0; k < 2 * POINTS; k++) /* u: keep the old state */
            gates[k] = 1.0f;
        kernels->gru_output(LSTM_ACTIVATION_LINEAR, 1, POINTS, gates, candidate, states, h);
        for (size_t k = 0; k < POINTS; k++)
            ck_assert(bits_of(h[k]) == bits_of(k < ZEROS ? 0.0f : states[k]));
    }
}
END_TEST

/* Products, beside sums in double. */

/* One element: start + sum over k of a[k a_step] b[k b_step], and the allowed error: float32 sums of k terms. */
static void check_element(float found, double start, size_t k, const float *a, size_t a_step, const float *b,
                          size_t b_step)
{
    double sum = start, size = fabs(start);
    for (size_t i = 0; i < k; i++) {
        const double term = (double)a[i * a_step] * (double)b[i * b_step];
        sum += term;
        size += fabs(term);
    }
    check_that(fabs((double)found - sum) <= 1e-6 * size, "%zu terms: %.9g, expected %.9g", k, (double)found, sum);
}

/* way 0: nn, 1: nt, 2: tn. All with rows that are further apart than they are long. */
static void check_product(const lstm__kernels *kernels, area *space, int way, size_t m, size_t n, size_t k,
                          bool accumulate)
{
    space->used = 0;
    const size_t lda = (way == 2 ? m : k) + 2, ldb = (way == 1 ? k : n) + 1, ldc = n + 3;
    const float *a = way == 2 ? matrix(space, k, m, lda) : matrix(space, m, k, lda);
    const float *b = way == 1 ? matrix(space, n, k, ldb) : matrix(space, k, n, ldb);
    float *c = matrix(space, m, n, ldc), *before = test_allocate(m * ldc, sizeof *before);
    for (size_t row = 0; row < m; row++)
        for (size_t column = 0; column < n && !accumulate; column++)
            c[row * ldc + column] = NAN; /* what is overwritten does not matter */
    memcpy(before, c, m * ldc * sizeof *c);
    if (way == 0)
        kernels->product_nn(m, n, k, a, lda, b, ldb, accumulate, c, ldc);
    else if (way == 1)
        kernels->product_nt(m, n, k, a, lda, b, ldb, accumulate, c, ldc);
    else
        kernels->product_tn(m, n, k, a, lda, b, ldb, c, ldc);
    for (size_t row = 0; row < m; row++)
        for (size_t column = 0; column < n; column++)
            check_element(c[row * ldc + column], accumulate ? (double)before[row * ldc + column] : 0.0, k,
                          way == 2 ? a + row : a + row * lda, way == 2 ? lda : 1,
                          way == 1 ? b + column * ldb : b + column, way == 1 ? 1 : ldb);
    check_guards(space, "a product", kernels);
    free(before);
}

START_TEST(products_agree_with_sums_in_double_for_any_row_distance)
{
    const size_t sizes[] = {0, 1, 2, 5, 16, 17, 33, 70};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    area *space = create_area();
    for (size_t table = 0; lstm__kernels_at(table); table++)
        for (size_t c = 0; c < SIZES * SIZES * SIZES; c++) {
            const size_t m = sizes[c % SIZES], n = sizes[c / SIZES % SIZES], k = sizes[c / SIZES / SIZES];
            check_product(lstm__kernels_at(table), space, 0, m, n, k, c % 2);
            check_product(lstm__kernels_at(table), space, 1, m, n, k, c % 2);
            check_product(lstm__kernels_at(table), space, 2, m, n, k, true);
        }
    free(space);
}
END_TEST

START_TEST(empty_products_take_any_row_distance_and_no_memory)
{
    const lstm__kernels *kernels = lstm__kernels_at(0);
    kernels->product_nn(0, 5, 3, NULL, 0, NULL, 0, false, NULL, 0);
    kernels->product_nt(5, 0, 3, NULL, 0, NULL, 0, true, NULL, 0);
    kernels->product_tn(0, 0, 0, NULL, 0, NULL, 0, NULL, 0);
}
END_TEST

START_TEST(narrow_products_and_sums_agree_with_sums_in_double)
{
    const float ones[20] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    area *space = create_area();
    for (size_t table = 0; lstm__kernels_at(table); table++)
        for (size_t n = 1; n <= LARGEST; n++)
            for (size_t k = 0; k < 6; k++) {
                enum { ROWS = 20 };
                const lstm__kernels *kernels = lstm__kernels_at(table);
                const size_t ldx = k + 1, ldw = n + 2, ldy = n + 3;
                space->used = 0;
                const float *x = matrix(space, ROWS, k, ldx), *w = matrix(space, k, n, ldw), *bias = numbers(space, n);
                float *y = matrix(space, ROWS, n, ldy), *dw = matrix(space, k, n, ldw), *sums = numbers(space, n);
                float before[6 * (LARGEST + 2)], sums_before[LARGEST];
                memcpy(before, dw, k * ldw * sizeof *dw);
                memcpy(sums_before, sums, n * sizeof *sums);
                kernels->narrow_affine(ROWS, k, n, x, ldx, w, ldw, n % 2 ? bias : NULL, y, ldy);
                kernels->narrow_outer(ROWS, k, n, x, ldx, y, ldy, dw, ldw);
                kernels->column_sums(ROWS, n, y, ldy, sums);
                for (size_t j = 0; j < n; j++) {
                    for (size_t row = 0; row < ROWS; row++)
                        check_element(y[row * ldy + j], n % 2 ? (double)bias[j] : 0.0, k, x + row * ldx, 1, w + j, ldw);
                    for (size_t i = 0; i < k; i++)
                        check_element(dw[i * ldw + j], (double)before[i * ldw + j], ROWS, x + i, ldx, y + j, ldy);
                    check_element(sums[j], (double)sums_before[j], ROWS, ones, 1, y + j, ldy);
                }
                check_guards(space, "a narrow product", kernels);
            }
    free(space);
}
END_TEST

Suite *kernels_suite(void)
{
    Suite *suite = test_suite(
        "kernels",
        (const TTest *const[]){
            the_tables_begin_with_the_portable_one_and_the_last_is_in_use,
            every_instruction_set_gives_the_same_bits_and_writes_nothing_outside,
            they_do_for_nans_infinities_denormals_and_negative_zero_too, they_touch_nothing_behind_their_arrays,
            activations_at_the_ends_are_exact_and_nan_stays_nan, the_gradient_of_an_activation_comes_from_its_value,
            state_values_too_small_to_matter_become_zero, products_agree_with_sums_in_double_for_any_row_distance,
            empty_products_take_any_row_distance_and_no_memory, narrow_products_and_sums_agree_with_sums_in_double,
            NULL});
    TCase *accuracy = tcase_create("accuracy");
    tcase_add_loop_test(accuracy, tanh_and_sigmoid_are_within_four_ulps_and_tanh_is_exactly_odd, 0, PIECES);
    suite_add_tcase(suite, accuracy);
    return suite;
}
