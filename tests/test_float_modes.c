/* The caller's floating-point mode: it is left alone, and what it changes is bounded. Denormal states do not come about. */
#include "golden.h"
#include "streamed.h"

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE__)
#include <xmmintrin.h>
enum { FLUSH = 0x8040 }; /* FTZ and DAZ */
static unsigned mode_get(void)
{
    return _mm_getcsr() & ~0x3Fu; /* without the flags of what has happened */
}
static void mode_set(unsigned mode)
{
    _mm_setcsr(mode);
}
#elif defined(__aarch64__)
enum { FLUSH = 1 << 24 }; /* FZ */
static unsigned mode_get(void)
{
    unsigned long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return (unsigned)mode;
}
static void mode_set(unsigned mode)
{
    const unsigned long all = mode;
    __asm__ volatile("msr fpcr, %0" : : "r"(all));
}
#else
enum { FLUSH = 0 }; /* not known: the rounding mode alone is tested */
static unsigned mode_get(void)
{
    return (unsigned)fegetround();
}
static void mode_set(unsigned mode)
{
    fesetround((int)mode);
}
#endif

/* How far another rounding mode takes outputs from those to nearest, as a share of the largest: each operation is off by
 * up to a unit in the last place, not half of one, always to one side, and the ranges of the exponential are cut elsewhere. */
#define MODE_TOLERANCE 1e-4

enum { UNITS = 8, BATCH = 3, TIME = 200 };

typedef struct trained {
    lstm_params *weights, *grads;
    lstm_rnn *rnn;
    lstm_tape *tape;
    lstm_optimizer *adam;
} trained;

static trained trained_create(const char *kind)
{
    trained t;
    lstm_cell *cell = test_cell(kind, UNITS, LSTM_ACTIVATION_DEFAULT, 1.0f);
    ck_ok(lstm_params_create(NULL, &t.weights));
    ck_ok(lstm_rnn_create(t.weights, NULL, cell, STREAMED_IN, NULL, &t.rnn));
    ck_ok(lstm_params_initialize(t.weights, 3));
    ck_ok(lstm_params_create_like(t.weights, &t.grads));
    ck_ok(lstm_tape_create(t.rnn, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME), &t.tape));
    ck_ok(lstm_optimizer_create_adam(NULL, t.weights, NULL, &t.adam));
    lstm_cell_destroy(cell);
    return t;
}

static void trained_destroy(trained *t)
{
    lstm_params_destroy(t->weights);
    lstm_params_destroy(t->grads);
    lstm_rnn_destroy(t->rnn);
    lstm_tape_destroy(t->tape);
    lstm_optimizer_destroy(t->adam);
}

/* Outputs of a whole sequence and then of a stream, and a step of training, all in one mode that none of it changes. */
static void run_in_mode(const char *kind, unsigned mode, const float *x, float *y, size_t count)
{
    trained t = trained_create(kind);
    lstm_params *frozen;
    lstm_stream *stream;
    const unsigned before = mode_get();
    mode_set(mode);
    const unsigned set = mode_get(); /* Valgrind does not flush, nor say so */
    ck_assert(set == mode || set == (mode & ~(unsigned)FLUSH));
    ck_ok(lstm_dynamic_rnn(t.tape, t.weights,
                           LSTM_ARGS(lstm_dynamic_rnn_args, .batch = BATCH, .time = TIME, .inputs = x, .outputs = y)));
    ck_assert_uint_eq(mode_get(), set);
    ck_ok(lstm_dynamic_rnn_backward(t.tape, t.weights,
                                    LSTM_ARGS(lstm_dynamic_rnn_grads, .d_outputs = y, .d_params = t.grads)));
    ck_assert_uint_eq(mode_get(), set);
    ck_ok(lstm_params_freeze(t.weights, NULL, &frozen));
    ck_ok(lstm_stream_create(t.rnn, frozen, LSTM_ARGS(lstm_stream_config, .batch = BATCH), &stream));
    ck_ok(lstm_stream_run(stream, TIME, x, y + count));
    ck_assert_uint_eq(mode_get(), set);
    ck_ok(lstm_optimizer_apply(t.adam, t.weights, t.grads));
    ck_assert_uint_eq(mode_get(), set);
    mode_set(before);
    lstm_stream_destroy(stream);
    lstm_params_destroy(frozen);
    trained_destroy(&t);
}

static bool sums_in_one_order(void)
{
    return strcmp(lstm_context_isa_name(NULL), "cblas") != 0;
}

START_TEST(no_call_changes_the_callers_mode_and_flushing_changes_no_bit)
{
    float *x = test_numbers("x", BATCH * TIME * STREAMED_IN, 1.0f);
    const unsigned plain = mode_get();
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        const size_t count = BATCH * TIME * test_output_width(test_cell_kinds[kind], UNITS);
        float *expected = test_allocate(2 * count, sizeof *expected), *y = test_allocate(2 * count, sizeof *y);
        run_in_mode(test_cell_kinds[kind], plain, x, expected, count);
        run_in_mode(test_cell_kinds[kind], plain | FLUSH, x, y, count);
        ck_assert(same_bits(y, expected, 2 * count));
        free(expected);
        free(y);
    }
    free(x);
}
END_TEST

START_TEST(another_rounding_mode_is_kept_and_costs_little_precision)
{
    static const int rounding[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    float *x = test_numbers("x", BATCH * TIME * STREAMED_IN, 1.0f);
    const unsigned plain = mode_get();
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        const size_t count = BATCH * TIME * test_output_width(test_cell_kinds[kind], UNITS);
        float *expected = test_allocate(2 * count, sizeof *expected), *y = test_allocate(2 * count, sizeof *y);
        run_in_mode(test_cell_kinds[kind], plain, x, expected, count);
        for (size_t k = 0; k < sizeof rounding / sizeof *rounding; k++) {
            ck_assert_int_eq(fesetround(rounding[k]), 0);
            const unsigned mode = mode_get();
            fesetround(FE_TONEAREST);
            run_in_mode(test_cell_kinds[kind], mode, x, y, count);
            ck_assert_int_eq(fegetround(), FE_TONEAREST);
            const double difference = golden_difference(y, expected, 2 * count);
            ck_assert_msg(difference <= MODE_TOLERANCE, "%s: %.3g", test_cell_kinds[kind], difference);
            if (sums_in_one_order())
                ck_assert(same_bits(y, y + count, count)); /* streams and sequences agree in any mode */
        }
        free(expected);
        free(y);
    }
    free(x);
}
END_TEST

/* A loud second, then silence: without inputs and biases the states of these cells decay to nothing. */
START_TEST(a_decaying_state_becomes_zero_and_is_never_denormal)
{
    enum { LOUD = 100, SILENT = 1000 };
    for (size_t kind = 0; kind < test_cell_kind_count; kind++) {
        trained t = trained_create(test_cell_kinds[kind]);
        lstm_params *frozen;
        lstm_stream *stream;
        size_t count, decayed = 0, values = 0;
        float *weights = lstm_params_edit(t.weights, &count), *x = test_numbers("x", LOUD * STREAMED_IN, 1.0f);
        for (size_t k = 0; k < count; k++)
            weights[k] *= 0.05f; /* nothing holds a state up */
        ck_ok(lstm_params_freeze(t.weights, NULL, &frozen));
        ck_ok(lstm_stream_create(t.rnn, frozen, NULL, &stream));
        for (size_t step = 0; step < LOUD + SILENT; step++) {
            const float silence[STREAMED_IN] = {0};
            float y[4 * UNITS];
            ck_ok(lstm_stream_run(stream, 1, step < LOUD ? x + step * STREAMED_IN : silence, y));
            for (size_t leaf = 0; leaf < lstm_rnn_state_count(t.rnn); leaf++)
                for (size_t k = 0; k < lstm_rnn_state_size(t.rnn, leaf); k++) {
                    const float value = lstm_stream_state(stream, leaf)[k];
                    ck_assert_msg(fpclassify(value) != FP_SUBNORMAL, "%s, step %zu: %g", test_cell_kinds[kind], step,
                                  (double)value);
                    values += step == LOUD + SILENT - 1;
                    decayed += step == LOUD + SILENT - 1 && value == 0.0f;
                }
        }
        /* A norm makes something of the smallest values, and without it there is a bias that starts at random. */
        ck_assert(strstr(test_cell_kinds[kind], "layer_norm") || (values && decayed == values));
        lstm_stream_destroy(stream);
        lstm_params_destroy(frozen);
        trained_destroy(&t);
        free(x);
    }
}
END_TEST

Suite *float_modes_suite(void)
{
    return test_suite("float_modes", (const TTest *const[]){
                                         no_call_changes_the_callers_mode_and_flushing_changes_no_bit,
                                         another_rounding_mode_is_kept_and_costs_little_precision,
                                         a_decaying_state_becomes_zero_and_is_never_denormal,
                                         NULL,
                                     });
}
