/* The inner loops: the same bits in every instruction set, and what those bits are worth. */
#include "kernel_probes.h"
#include "reference_math.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

enum { LARGEST = 40, PRODUCT_TABLES = 4 };

static void compare_bodies(bool odd)
{
    area *first = area_create(), *other = area_create();
    for (size_t k = 0; k < kernel_probe_count; k++)
        for (size_t n = 1; n <= LARGEST; n++) {
            kernel_probe_run(&kernel_probes[k], lstm__kernels_at(0), n, odd, first);
            for (size_t table = 1; lstm__kernels_at(table); table++) {
                const lstm__kernels *kernels = lstm__kernels_at(table);
                kernel_probe_run(&kernel_probes[k], kernels, n, odd, other);
                for (size_t at = 0; at < first->used; at++)
                    check_that(agree(first->floats[at], other->floats[at]), "%s, size %zu: %a, and %a in %s",
                               kernel_probes[k].name, n, (double)first->floats[at], (double)other->floats[at],
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

/* Pages, every second of which nobody may touch. */
static void create_pages(area *a)
{
#ifdef _WIN32
    DWORD before;
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    a->page_size = system.dwPageSize;
    a->pages = VirtualAlloc(NULL, 2 * AREA_EDGES * a->page_size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ck_assert_ptr_nonnull(a->pages);
    for (size_t k = 0; k < AREA_EDGES; k++)
        ck_assert(VirtualProtect(a->pages + (2 * k + 1) * a->page_size, a->page_size, PAGE_NOACCESS, &before));
#else
    const int zeros = open("/dev/zero", O_RDWR);
    a->page_size = (size_t)sysconf(_SC_PAGESIZE);
    void *pages = mmap(NULL, 2 * AREA_EDGES * a->page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, zeros, 0);
    ck_assert_ptr_ne(pages, MAP_FAILED);
    a->pages = pages;
    for (size_t k = 0; k < AREA_EDGES; k++)
        ck_assert_int_eq(mprotect(a->pages + (2 * k + 1) * a->page_size, a->page_size, PROT_NONE), 0);
    close(zeros);
#endif
}

static void free_pages(area *a)
{
#ifdef _WIN32
    VirtualFree(a->pages, 0, MEM_RELEASE);
#else
    munmap(a->pages, 2 * AREA_EDGES * a->page_size);
#endif
}

START_TEST(they_touch_nothing_behind_their_arrays)
{
    area *a = area_create();
    create_pages(a);
    for (size_t table = 0; lstm__kernels_at(table); table++)
        for (size_t k = 0; k < kernel_probe_count; k++)
            for (size_t n = 1; n <= LARGEST; n++)
                kernel_probe_run(&kernel_probes[k], lstm__kernels_at(table), n, false, a);
    free_pages(a);
    free(a);
}
END_TEST

START_TEST(the_tables_begin_with_the_portable_one_and_the_last_is_in_use)
{
    size_t count = 0;
    const lstm__kernels *best = lstm__kernels_select(LSTM_ISA_BEST), *cblas = lstm__kernels_select(LSTM_ISA_CBLAS);
    ck_assert_str_eq(lstm__kernels_at(0)->vectors, "portable");
    for (; lstm__kernels_at(count); count++)
        for (size_t before = 0; before < count; before++)
            ck_assert_str_ne(lstm__kernels_at(before)->vectors, lstm__kernels_at(count)->vectors);
    ck_assert_ptr_eq(best, count > 1 || !cblas ? lstm__kernels_at(count - 1) : cblas);
    ck_assert(!cblas || !strcmp(cblas->name, "cblas"));
    ck_assert(!cblas || !strcmp(cblas->vectors, lstm__kernels_at(count - 1)->vectors));
    ck_assert_uint_lt(count, PRODUCT_TABLES);
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
static void activate_by_all(lstm_activation kind, size_t count, const float *x, float *y)
{
    const lstm__activation act = {.kind = kind};
    float other[BLOCK];
    memcpy(y, x, count * sizeof *y);
    lstm__kernels_at(0)->activate(&act, count, y);
    for (size_t table = 1; lstm__kernels_at(table); table++) {
        memcpy(other, x, count * sizeof *other);
        lstm__kernels_at(table)->activate(&act, count, other);
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
        check_that(y[k] <= 1.0f, "tanh(%a) = %a", (double)x[k], (double)y[k]);
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
    enum { POINTS = sizeof x / sizeof x[0], BUILT_IN = 4 };
    const float expected[BUILT_IN][POINTS] = {{INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0.0f, -0.0f, NAN},
                                              {1, -1, 1, -1, 0.0f, -0.0f, NAN},
                                              {1, 0.0f, 1, 0.0f, 0.5f, 0.5f, NAN},
                                              {INFINITY, 0.0f, FLT_MAX, 0.0f, 0.0f, -0.0f, NAN}};
    for (size_t act = 0; act < BUILT_IN; act++)
        for (size_t table = 0; lstm__kernels_at(table); table++)
            for (size_t places = 1; places <= POINTS; places++) {
                float y[POINTS];
                memcpy(y, x, sizeof y);
                lstm__kernels_at(table)->activate(&probe_activations[act], places, y);
                for (size_t k = 0; k < places; k++)
                    ck_assert_msg(agree(y[k], expected[act][k]), "%s, activation %zu, %a: %a",
                                  lstm__kernels_at(table)->vectors, act, (double)x[k], (double)y[k]);
            }
}
END_TEST

/* From what the tape keeps: the value, or of a custom function its argument. */
static double slope(lstm_activation kind, double kept)
{
    switch (kind) {
    case LSTM_ACTIVATION_TANH: return 1.0 - kept * kept;
    case LSTM_ACTIVATION_SIGMOID: return kept * (1.0 - kept);
    case LSTM_ACTIVATION_RELU: return kept > 0.0 ? 1.0 : 0.0;
    case LSTM_ACTIVATION_CUSTOM: return (1.0 - kept * kept) / ((1.0 + kept * kept) * (1.0 + kept * kept));
    default: return 1.0;
    }
}

START_TEST(the_gradient_of_an_activation_comes_from_its_value_and_of_a_custom_one_from_its_argument)
{
    const float kept[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -0.25f, 0.999f, 1e-20f, 0.75f},
                dy[] = {1, 2, 3, 4, 5, 6, 7, 8, -9};
    float dz[9];
    for (size_t act = 0; act < probe_activation_count; act++)
        for (size_t table = 0; lstm__kernels_at(table); table++) {
            lstm__kernels_at(table)->activate_backward(&probe_activations[act], 9, kept, dy, dz);
            for (size_t k = 0; k < 9; k++)
                ck_assert_double_le(
                    fabs((double)dz[k] - (double)dy[k] * slope(probe_activations[act].kind, (double)kept[k])),
                    1e-6 * fabs((double)dy[k]));
        }
}
END_TEST

enum { STATES = 7, TOO_SMALL = 4 };

/* Those that are too small are zeros, the others as they were. */
static void check_flushed(const float *found, const float *states)
{
    for (size_t k = 0; k < STATES; k++)
        ck_assert(bits_of(found[k]) == bits_of(k < TOO_SMALL ? 0.0f : states[k]));
}

/* Of `count` gates those below `zero` are shut, those below `open` are 0, the others open. */
static void keep_state(float *gates, size_t count, size_t zero, size_t open)
{
    for (size_t k = 0; k < count * STATES; k++)
        gates[k] = k < zero * STATES ? -INFINITY : k < open * STATES ? 0.0f : INFINITY;
}

static void check_flushed_lstms(const lstm__kernels *kernels, const float *states)
{
    const lstm__activation linear = {.kind = LSTM_ACTIVATION_LINEAR};
    const lstm__lstm_options plain = {0};
    const float whole[STATES] = {1, 1, 1, 1, 1, 1, 1};
    float gates[4 * STATES], c[STATES], shown[STATES], h[STATES];
    keep_state(gates, 4, 1, 2);
    kernels->lstm_forward(&linear, &plain, 1, STATES, gates, states, c, shown, h);
    check_flushed(c, states);
    check_flushed(h, states);
    keep_state(gates, 4, 1, 2);
    for (size_t k = 3 * STATES; k < 4 * STATES; k++)
        gates[k] = -80.0f; /* o all but shut: sigmoid(-80) = 2e-35 */
    kernels->lstm_forward(&linear, &plain, 1, STATES, gates, whole, c, shown, h);
    for (size_t k = 0; k < STATES; k++)
        ck_assert(c[k] >= 1.0f && bits_of(h[k]) == 0);
    keep_state(gates, 3, 0, 1);
    kernels->coupled_forward(&linear, 0.0f, 1, STATES, gates, states, c, shown, h);
    check_flushed(c, states);
    check_flushed(h, states);
    keep_state(gates, 4, 1, 2);
    kernels->lstm_cell_forward(&linear, 0.0f, 1, STATES, gates, NULL, states, c);
    check_flushed(c, states);
    kernels->lstm_output_forward(&linear, 1, STATES, gates, states, shown, h);
    check_flushed(h, states);
}

START_TEST(state_values_too_small_to_matter_become_zero)
{
    const lstm__activation linear = {.kind = LSTM_ACTIVATION_LINEAR};
    const float tiny = nextafterf(LSTM__TINY_STATE, 0.0f), least = LSTM__TINY_STATE;
    const float states[STATES] = {tiny, -tiny, 1e-45f, -1e-40f, least, -least, 2.0f * least};
    for (size_t table = 0; lstm__kernels_at(table); table++) {
        const lstm__kernels *kernels = lstm__kernels_at(table);
        float x[STATES], gates[2 * STATES], h[STATES], candidate[STATES] = {0};
        memcpy(x, states, sizeof x);
        kernels->activate_state(&linear, STATES, x);
        check_flushed(x, states);
        check_flushed_lstms(kernels, states);
        for (size_t k = 0; k < 2 * STATES; k++) /* u: keep the old state */
            gates[k] = 1.0f;
        kernels->gru_output(&linear, 1, STATES, gates, candidate, states, h);
        check_flushed(h, states);
    }
}
END_TEST

START_TEST(a_clip_keeps_its_limit_and_nan_and_passes_the_gradient_up_to_the_limit)
{
    const float above = nextafterf(1.5f, 2.0f), below = nextafterf(1.5f, 0.0f);
    const float x[] = {1.5f, -1.5f, above, -above, below, -below, 0.0f, -0.0f, INFINITY, -INFINITY, NAN};
    const float y[] = {1.5f, -1.5f, 1.5f, -1.5f, below, -below, 0.0f, -0.0f, 1.5f, -1.5f, NAN};
    const float d[] = {1, 2, 0, 0, 5, 6, 7, 8, 0, 0, 11};
    enum { POINTS = sizeof x / sizeof x[0] };
    for (size_t table = 0; lstm__kernels_at(table); table++) {
        float clipped[POINTS], gradient[POINTS];
        memcpy(clipped, x, sizeof x);
        lstm__kernels_at(table)->clip(POINTS, -1.5f, 1.5f, clipped);
        for (size_t k = 0; k < POINTS; k++)
            gradient[k] = (float)(k + 1);
        lstm__kernels_at(table)->clip_backward(POINTS, 1.5f, x, gradient);
        for (size_t k = 0; k < POINTS; k++) {
            ck_assert_msg(agree(clipped[k], y[k]), "%a: %a", (double)x[k], (double)clipped[k]);
            ck_assert_msg(agree(gradient[k], d[k]), "%a: %a", (double)x[k], (double)gradient[k]);
        }
    }
}
END_TEST

/* Float32 sums of up to 40 terms of order 10. A gradient is what remains of terms as large as the scale times theirs. */
#define NORM_TOLERANCE 2e-6

static void check_norm_row(size_t n, const float *x, const float *gain, const float *shift, const float *d_y,
                           const float *y, const float *d_x)
{
    double wide_x[LARGEST], wide_gain[LARGEST], wide_shift[LARGEST], wide_d[LARGEST], mean = 0.0, variance = 0.0;
    double exact[LARGEST], exact_d[LARGEST], unused[2][LARGEST];
    for (size_t k = 0; k < n; k++) {
        wide_x[k] = (double)x[k];
        wide_gain[k] = (double)gain[k];
        wide_shift[k] = (double)shift[k];
        wide_d[k] = (double)d_y[k];
        mean += wide_x[k] / (double)n;
    }
    for (size_t k = 0; k < n; k++)
        variance += (wide_x[k] - mean) * (wide_x[k] - mean) / (double)n;
    reference_layer_norm(n, wide_x, wide_gain, wide_shift, exact);
    reference_layer_norm_backward(n, wide_x, wide_gain, wide_d, exact_d, unused[0], unused[1]);
    const double scale = n > 1 ? 1.0 / sqrt(variance) : 0.0; /* of one number nothing is left */
    for (size_t k = 0; k < n; k++) {
        check_that(fabs((double)y[k] - exact[k]) <= NORM_TOLERANCE * 16.0, "%zu numbers: %g, expected %g", n,
                   (double)y[k], exact[k]);
        check_that(fabs((double)d_x[k] - exact_d[k]) <= NORM_TOLERANCE * 16.0 * scale, "%zu numbers: d %g, expected %g",
                   n, (double)d_x[k], exact_d[k]);
    }
}

START_TEST(normalised_rows_and_their_gradients_agree_with_sums_in_double)
{
    enum { ROWS = 3 };
    area *space = area_create();
    for (size_t table = 0; lstm__kernels_at(table); table++)
        for (size_t n = 1; n <= LARGEST; n++) {
            const lstm__kernels *kernels = lstm__kernels_at(table);
            const size_t ldx = n + 2, ldn = n + 3;
            float before[ROWS][LARGEST], d_before[ROWS][LARGEST];
            space->used = 0;
            const float *gain = area_matrix(space, 1, n, n), *shift = area_matrix(space, 1, n, n);
            float *x = area_matrix(space, ROWS, n, ldx), *normal = area_matrix(space, ROWS, n, ldn);
            float *scale = area_matrix(space, ROWS, 1, 5), *d = area_matrix(space, ROWS, n, ldx);
            for (size_t row = 0; row < ROWS; row++) {
                memcpy(before[row], x + row * ldx, n * sizeof *x);
                memcpy(d_before[row], d + row * ldx, n * sizeof *d);
            }
            kernels->layer_norm(ROWS, n, gain, shift, x, ldx, normal, ldn, scale, 5);
            kernels->layer_norm_backward(ROWS, n, gain, normal, ldn, scale, 5, d, ldx);
            for (size_t row = 0; row < ROWS; row++)
                check_norm_row(n, before[row], gain, shift, d_before[row], x + row * ldx, d + row * ldx);
            area_check_guards(space, "a layer norm", kernels);
        }
    free(space);
}
END_TEST

/* Products. */

/* Sums of a product and a number between two floats, where rounding to double first would go astray: just beside the
 * middle, also of two denormals, and what neither overflows nor is lost. */
START_TEST(a_product_is_added_before_anything_is_rounded)
{
    static const struct {
        float a, b, c, sum;
    } cases[] = {
        {0x1.000002p-12f, 0x1.000002p-12f, 1.0f, 0x1.000002p+0f},
        {0x1.000002p-12f, 0x1.000002p-12f, 0x1.000002p+0f, 0x1.000004p+0f},
        {0x1.0002p-12f, 0x1.fffcp-13f, 0x1.000002p+0f, 0x1.000002p+0f},
        {0x1.0002p-75f, 0x1.fffcp-76f, 0x1.000004p-127f, 0x1.000004p-127f},
        {0x1.0002p-75f, -0x1.fffcp-76f, -0x1.000004p-127f, -0x1.000004p-127f},
        {0x1.fffffep+127f, 2.0f, -0x1.fffffep+127f, 0x1.fffffep+127f},
        {0x1.000002p+0f, 0x1.fffffcp-1f, -1.0f, -0x1p-46f},
        {0x1.fffffep+127f, 0x1.fffffep+127f, 0x1p-149f, INFINITY},
        {0x1p-100f, 0x1p-100f, -0x1p-149f, -0x1p-149f},
        {-1.0f, 0.0f, 0.0f, 0.0f},
        {-1.0f, 0.0f, -0.0f, -0.0f},
    };
    for (size_t table = 0; lstm__kernels_at(table); table++)
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            float sum;
            lstm__kernels_at(table)->product_nn(1, 1, 1, &cases[k].a, 1, &cases[k].b, 1, &cases[k].c, 1, &sum, 1);
            check_that(same_bits(&sum, &cases[k].sum, 1), "%a %a + %a = %a in %s, expected %a", (double)cases[k].a,
                       (double)cases[k].b, (double)cases[k].c, (double)sum, lstm__kernels_at(table)->vectors,
                       (double)cases[k].sum);
        }
}
END_TEST

/* start + the sum over k of a[k a_step] b[k b_step], in double, and the sum of the sizes. */
static double wide_sum(float start, size_t k, const float *a, size_t a_step, const float *b, size_t b_step,
                       double *size)
{
    double sum = (double)start;
    *size = fabs(sum);
    for (size_t i = 0; i < k; i++) {
        const double term = (double)a[i * a_step] * (double)b[i * b_step];
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static float chain(float start, size_t k, const float *a, size_t a_step, const float *b, size_t b_step)
{
    for (size_t i = 0; i < k; i++)
        start = fused(a[i * a_step], b[i * b_step], start);
    return start;
}

/* Sums over rows are sums of chains. */
static float chains(float start, size_t k, const float *a, size_t a_step, const float *b, size_t b_step)
{
    for (size_t i = 0; i < k; i += LSTM__SUM_ROWS)
        start += chain(0.0f, k - i < LSTM__SUM_ROWS ? k - i : LSTM__SUM_ROWS, a + i * a_step, a_step, b + i * b_step,
                       b_step);
    return start;
}

typedef enum form { NN, NT, TN, PACKED, PACKED_T, PACKED_FEW } form;
typedef enum start_kind { ZERO, ONE_ROW, IN_PLACE } start_kind;
typedef struct product {
    form form;
    start_kind start;
    size_t m, n, k;
} product;

static void call_product(const lstm__kernels *kernels, const product *p, const float *a, size_t lda, const float *b,
                         size_t ldb, const float *start, size_t lds, float *c, size_t ldc)
{
    const size_t along = p->form == TN ? p->m : p->k, of_x = along / 3;
    const bool backwards = (p->m + p->form) % 2;
    const lstm__rows x = {.first = a, .ld = lda, .width = of_x}, h = {a + of_x, lda, along - of_x};
    if (p->form == NN) {
        kernels->product_nn(p->m, p->n, p->k, a, lda, b, ldb, start, lds, c, ldc);
    } else if (p->form == NT) {
        kernels->product_nt(p->m, p->n, p->k, a, lda, b, ldb, start, lds, c, ldc);
    } else if (p->form == TN) {
        kernels->product_tn(p->n, p->k, &x, &h, b, ldb, c, ldc, NULL);
    } else {
        float *packed = test_allocate(p->k * lstm__packed_width(p->n) + 1, sizeof *packed);
        lstm__matrix w = {.values = b, .packed = packed, .ld = ldb, .rows = p->k, .transposed = p->form == PACKED_T};
        if (p->form == PACKED_FEW && p->m <= LSTM__FEW_ROWS) {
            kernels->pack_few(p->k, p->n, b, ldb, packed);
            w.few = packed;
        } else {
            kernels->pack(p->k, p->n, b, ldb, w.transposed, packed);
        }
        w.parts = kernels->packs ? (unsigned short)(p->n % 3) : 0; /* in one call, or in parts: 1 or 2 */
        do {
            if (p->m % 3) {
                kernels->product_packed(p->m, p->n, &x, &h, &w, backwards, start, lds, c, ldc);
                continue;
            }
            const lstm__rows nothing = {0}; /* x's rows and h's one after the other */
            kernels->product_packed(p->m, p->n, &x, &nothing, &w, backwards, start, lds, c, ldc);
            kernels->product_packed(p->m, p->n, &nothing, &h, &w, backwards, c, ldc, c, ldc);
        } while (++w.part < w.parts);
        free(packed);
    }
}

/* Our own are the chains to the bit, those of the CBLAS to rounding. All rows are further apart than they are long. */
static void check_product(const lstm__kernels *kernels, area *space, const product *p)
{
    const size_t m = p->m, n = p->n, k = p->k;
    const bool by_rows = p->form == NT || p->form == PACKED_T;
    const size_t lda = (p->form == TN ? m : k) + 2, ldb = (by_rows ? k : n) + 1, ldc = n + 3;
    space->used = 0;
    const float *a = p->form == TN ? area_matrix(space, k, m, lda) : area_matrix(space, m, k, lda);
    const float *b = by_rows ? area_matrix(space, n, k, ldb) : area_matrix(space, k, n, ldb);
    const float *bias = area_matrix(space, 1, n, n);
    float *c = area_matrix(space, m, n, ldc), *before = test_allocate(m * ldc + 1, sizeof *before);
    for (size_t at = 0; at < m * ldc; at++)
        before[at] = p->start == ZERO ? 0.0f : p->start == ONE_ROW && at % ldc < n ? bias[at % ldc] : c[at];
    for (size_t at = 0; at < m * ldc; at++) /* what is overwritten does not matter */
        c[at] = at % ldc < n && p->start != IN_PLACE ? NAN : c[at];
    call_product(kernels, p, a, lda, b, ldb,
                 p->start == ZERO      ? NULL
                 : p->start == ONE_ROW ? bias
                                       : c,
                 p->start == ONE_ROW ? 0 : ldc, c, ldc);
    const size_t a_step = p->form == TN ? lda : 1, b_step = by_rows ? 1 : ldb;
    for (size_t at = 0; at < m * ldc; at++) {
        const size_t row = at / ldc, column = at % ldc;
        const float *x = a + row * (p->form == TN ? 1 : lda), *y = b + column * (by_rows ? ldb : 1);
        if (column >= n)
            continue;
        double size, sum = wide_sum(before[at], k, x, a_step, y, b_step, &size);
        check_that(fabs((double)c[at] - sum) <= 2e-6 * size, "%zu terms: %.9g, expected %.9g", k, (double)c[at], sum);
        if (strcmp(kernels->name, "cblas") != 0) {
            const float exact = p->form == TN ? chains(before[at], k, x, a_step, y, b_step)
                                              : chain(before[at], k, x, a_step, y, b_step);
            check_that(bits_of(c[at]) == bits_of(exact), "%s, %zu x %zu x %zu: %a, expected %a", kernels->name, m, n, k,
                       (double)c[at], (double)exact);
        }
    }
    area_check_guards(space, "a product", kernels);
    free(before);
}

static const size_t product_sizes[] = {0, 1, 2, 3, 4, 5, 16, 17, 33, 70, 130};
enum { PRODUCT_SIZES = sizeof product_sizes / sizeof product_sizes[0] };
enum { CUBED = PRODUCT_SIZES * PRODUCT_SIZES * PRODUCT_SIZES };

/* Of more rows than a panel has in any instruction set, and of more columns, for a few rows and for many; and of more
 * rows than packed weights are multiplied by at once (48 where k is 1370, 32784 where it is 1), and more panels (64
 * columns). */
static const product large_products[] = {{.m = 6, .n = 20, .k = 1700}, {.m = 1, .n = 200, .k = 30},
                                         {.m = 2, .n = 200, .k = 30},  {.m = 3, .n = 200, .k = 30},
                                         {.m = 4, .n = 200, .k = 30},  {.m = 7, .n = 200, .k = 30},
                                         {.m = 49, .n = 70, .k = 1370}, {.m = 32785, .n = 1, .k = 1}};
enum { LARGE_PRODUCTS = sizeof large_products / sizeof large_products[0] };

/* _i: the table, the CBLAS's last. */
START_TEST(each_element_of_a_product_is_one_chain_of_fused_multiply_adds_in_order)
{
    const lstm__kernels *kernels =
        _i == PRODUCT_TABLES - 1 ? lstm__kernels_select(LSTM_ISA_CBLAS) : lstm__kernels_at((size_t)_i);
    area *space = area_create();
    for (size_t c = 0; kernels && c < CUBED + LARGE_PRODUCTS; c++) {
        product p = c < CUBED ? (product){.m = product_sizes[c % PRODUCT_SIZES],
                                          .n = product_sizes[c / PRODUCT_SIZES % PRODUCT_SIZES],
                                          .k = product_sizes[c / PRODUCT_SIZES / PRODUCT_SIZES]}
                              : large_products[c - CUBED];
        for (form f = NN; f <= PACKED_FEW; f++) {
            p.form = f;
            p.start = f == TN ? IN_PLACE : (start_kind)((c + f) % 3);
            check_product(kernels, space, &p);
        }
    }
    free(space);
}
END_TEST

START_TEST(empty_products_take_any_row_distance_and_no_memory)
{
    const lstm__kernels *const tables[] = {lstm__kernels_at(0), lstm__kernels_select(LSTM_ISA_BEST),
                                           lstm__kernels_select(LSTM_ISA_CBLAS)};
    for (size_t k = 0; k < 3 && tables[k]; k++) {
        tables[k]->product_nn(0, 5, 3, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
        tables[k]->product_nt(5, 0, 3, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
        const lstm__rows nothing = {0};
        float untouched = NAN;
        const lstm__matrix weights = {.values = &untouched};
        tables[k]->product_packed(0, 5, &nothing, &nothing, &weights, false, NULL, 0, NULL, 0);
        tables[k]->product_tn(0, 0, &nothing, &nothing, NULL, 0, &untouched, 0, NULL);
    }
}
END_TEST

/* By themselves, and beside products of no columns and of many. */
START_TEST(column_sums_agree_with_sums_in_double)
{
    enum { ROWS = 200, MANY = 70 };
    const float one = 1.0f;
    area *space = area_create();
    for (size_t table = 0; lstm__kernels_at(table); table++)
        for (size_t n = 1; n <= LARGEST; n++) {
            space->used = 0;
            const float *y = area_matrix(space, ROWS, n, n + 3);
            float *sums = area_matrix(space, 6, n, n), *c = area_matrix(space, MANY + 3, n, n), before[6 * LARGEST];
            const lstm__rows nothing = {0}, x = {area_matrix(space, ROWS, MANY, MANY), MANY, MANY};
            memcpy(before, sums, 6 * n * sizeof *sums);
            lstm__kernels_at(table)->column_sums(ROWS, n, y, n + 3, sums);
            lstm__kernels_at(table)->product_tn(n, ROWS, &nothing, &nothing, y, n + 3, c, n, sums + n);
            lstm__kernels_at(table)->product_tn(n, ROWS, &nothing, &x, y, n + 3, c, n, sums + 2 * n);
            for (size_t few = 1; few <= 3; few++) {
                const lstm__rows of_x = {x.first, MANY, few};
                lstm__kernels_at(table)->product_tn(n, ROWS, &of_x, &x, y, n + 3, c, n, sums + (2 + few) * n);
            }
            for (size_t j = 0; j < 6 * n; j++) {
                double size, sum = wide_sum(before[j], ROWS, &one, 0, y + j % n, n + 3, &size);
                check_that(fabs((double)sums[j] - sum) <= 2e-6 * size, "%g, expected %g", (double)sums[j], sum);
            }
            area_check_guards(space, "column_sums", lstm__kernels_at(table));
        }
    free(space);
}
END_TEST

/* Of two states, of which one is exp(-x) as likely as the other. */
START_TEST(exponentials_in_double_are_exact_to_thirteen_digits)
{
    for (size_t table = 0; lstm__kernels_at(table); table++)
        for (size_t k = 0; k < 1860; k++) {
            const double x = (double)k * 0.37, a[] = {0.0, -x}, nothing[] = {0.0, 0.0};
            double share[2];
            lstm__kernels_at(table)->ctc_shares(2, a, nothing, nothing, share);
            check_that(fabs(share[1] / share[0] / exp(-x) - 1.0) <= 1e-13, "exp(-%g) = %.17g", x, share[1] / share[0]);
        }
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
            activations_at_the_ends_are_exact_and_nan_stays_nan,
            the_gradient_of_an_activation_comes_from_its_value_and_of_a_custom_one_from_its_argument,
            state_values_too_small_to_matter_become_zero,
            a_clip_keeps_its_limit_and_nan_and_passes_the_gradient_up_to_the_limit,
            normalised_rows_and_their_gradients_agree_with_sums_in_double,
            a_product_is_added_before_anything_is_rounded, empty_products_take_any_row_distance_and_no_memory,
            column_sums_agree_with_sums_in_double, exponentials_in_double_are_exact_to_thirteen_digits, NULL});
    TCase *products = tcase_create("products");
    tcase_add_loop_test(products, each_element_of_a_product_is_one_chain_of_fused_multiply_adds_in_order, 0,
                        PRODUCT_TABLES);
    suite_add_tcase(suite, products);
    TCase *accuracy = tcase_create("accuracy");
    tcase_add_loop_test(accuracy, tanh_and_sigmoid_are_within_four_ulps_and_tanh_is_exactly_odd, 0, PIECES);
    suite_add_tcase(suite, accuracy);
    return suite;
}
