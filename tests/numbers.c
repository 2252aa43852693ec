/* Random configurations against the double reference: cell, options, wrappers, sizes, lengths, layout, threads and
 * instruction set, all drawn from a seed; outputs, states and every gradient are compared.
 * Usage: numbers [COUNT [FIRST]]: the seeds from FIRST (1) on; one that fails says its seed, S, and what it stands for,
 * and numbers 1 S runs it alone. With CK_FORK=no the largest difference is told as well. */
#include "golden.h"
#include "oracle.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ARRAY_TOLERANCE holds but for one array in some thousand, where the numbers themselves are to blame:
 * - a sum cancels, or a kink is near: the reference moves as well when its numbers move by a rounding. Of 10,000
 *   configurations, the library was away by 4.2 times as much at most;
 * - what is left of a gradient is small beside its terms: that of a gate that is all but open has the factor 1 - y, y near
 *   1, and a norm passes nothing along what it takes away. Then it is small beside other gradients: 1e-7 of the largest
 *   was the most. */
static const double ROUNDING = 0x1p-23, ROUNDINGS = 8.0, NOISE = 5e-7;
enum { DISTURBANCES = 6 };

enum { MAX_BATCH = 65, MAX_CELLS = 32, MAX_LEVELS = 2 };
static const size_t MOST_PRODUCTS = 4000000; /* of one configuration: some ten milliseconds of the reference */

typedef struct configuration {
    lstm_random random;
    uint64_t drawn;
    oracle_cell cells[MAX_CELLS];
    size_t cell_count;
    oracle_plan plan;
    unroll_shape shape;
    size_t lengths[MAX_BATCH];
    bool norms; /* of layers */
    lstm_isa isa;
    size_t threads; /* 0: a host's executor */
    float weights, inputs, states;
    char text[1000];
} configuration;

/* ---- drawing ---- */

static size_t pick(configuration *c, size_t below)
{
    return lstm_random_bits(&c->random, c->drawn++) % below;
}

#define ONE_OF(c, array) ((array)[pick((c), sizeof(array) / sizeof *(array))])

static size_t draw_width(configuration *c)
{
    static const size_t edges[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65};
    return pick(c, 3) ? pick(c, 33) + 1 : ONE_OF(c, edges);
}

static size_t draw_batch(configuration *c)
{
    static const size_t edges[] = {0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65};
    return pick(c, 3) ? pick(c, 9) + 1 : ONE_OF(c, edges);
}

static reference_activation draw_activation(configuration *c)
{
    static const reference_activation activations[] = {REFERENCE_TANH, REFERENCE_TANH, REFERENCE_SIGMOID,
                                                       REFERENCE_RELU, REFERENCE_LINEAR};
    return ONE_OF(c, activations);
}

static oracle_cell *draw_cell(configuration *c, size_t input, size_t output, size_t level);

/* output: how wide the cell's has to be; 0: as it comes. */
static void draw_own(configuration *c, oracle_cell *cell, size_t output)
{
    static const reference_kind kinds[] = {REFERENCE_BASIC_RNN,
                                           REFERENCE_BASIC_LSTM,
                                           REFERENCE_LSTM,
                                           REFERENCE_LSTM,
                                           REFERENCE_LSTM,
                                           REFERENCE_GRU,
                                           REFERENCE_CUDNN_COMPATIBLE_GRU,
                                           REFERENCE_LAYER_NORM_BASIC_LSTM,
                                           REFERENCE_COUPLED_INPUT_FORGET_LSTM};
    static const double biases[] = {1.0, 0.0, -0.5, 3.0}, clips[] = {0.0, 0.0, 0.25, 0.75, 5.0};
    cell->cell = (reference_cell){.kind = ONE_OF(c, kinds),
                                  .input = cell->input,
                                  .units = output ? output : draw_width(c),
                                  .forget_bias = ONE_OF(c, biases),
                                  .activation = draw_activation(c)};
    /* A norm of two values is no more than their order: its gradient is what is left when all cancels. */
    cell->cell.layer_norm = pick(c, 4) && cell->cell.units != 2;
    c->norms = c->norms || (cell->cell.kind == REFERENCE_LAYER_NORM_BASIC_LSTM && cell->cell.layer_norm);
    if (cell->cell.kind != REFERENCE_LSTM)
        return;
    cell->cell.use_peepholes = pick(c, 2);
    cell->cell.cell_clip = ONE_OF(c, clips);
    if (pick(c, 2))
        return;
    cell->cell.num_proj = output ? output : draw_width(c);
    cell->cell.units = draw_width(c);
    cell->cell.proj_clip = ONE_OF(c, clips);
}

static void draw_inside(configuration *c, oracle_cell *cell, size_t output, size_t level)
{
    cell->width = draw_width(c);
    cell->activation = draw_activation(c);
    cell->count = cell->kind == ORACLE_MULTI ? pick(c, c->plan.layers > 1 ? 2 : ORACLE_MAX_INSIDE) + 1 : 1;
    if (cell->kind == ORACLE_OUTPUT_PROJECTION)
        cell->width = output ? output : cell->width;
    size_t input = cell->kind == ORACLE_INPUT_PROJECTION ? cell->width : cell->input;
    for (size_t k = 0; k < cell->count; k++) {
        const bool last = k == cell->count - 1 && cell->kind != ORACLE_OUTPUT_PROJECTION;
        /* One stack in a cell, so that the leaves are not too many; and a highway has no level in names. */
        const size_t next = cell->kind == ORACLE_MULTI || cell->kind == ORACLE_HIGHWAY ? MAX_LEVELS : level + 1;
        cell->inside[k] = draw_cell(c, input, last ? output : 0, next);
        input = oracle_output_width(cell->inside[k]);
    }
}

static oracle_cell *draw_cell(configuration *c, size_t input, size_t output, size_t level)
{
    static const oracle_kind kinds[] = {ORACLE_MULTI,      ORACLE_MULTI,
                                        ORACLE_MULTI,      ORACLE_RESIDUAL,
                                        ORACLE_HIGHWAY,    ORACLE_INPUT_PROJECTION,
                                        ORACLE_NO_DROPOUT, ORACLE_OUTPUT_PROJECTION};
    ck_assert_uint_lt(c->cell_count, MAX_CELLS);
    oracle_cell *cell = &c->cells[c->cell_count++];
    *cell = (oracle_cell){.kind = ORACLE_CELL, .input = input};
    if (level < MAX_LEVELS && pick(c, 3) == 0)
        cell->kind = ONE_OF(c, kinds);
    if (cell->kind == ORACLE_RESIDUAL || cell->kind == ORACLE_HIGHWAY) {
        if (output && output != input)
            cell->kind = ORACLE_NO_DROPOUT;
        else
            output = input;
    }
    if (cell->kind == ORACLE_CELL)
        draw_own(c, cell, output);
    else
        draw_inside(c, cell, output, level);
    return cell;
}

static void draw_plan(configuration *c)
{
    static const size_t layers[] = {1, 1, 1, 1, 1, 2};
    oracle_plan *plan = &c->plan;
    plan->layers = ONE_OF(c, layers);
    const bool both = plan->layers > 1 || pick(c, 4) == 0;
    plan->merge = both && pick(c, 2) ? LSTM_MERGE_SUM : LSTM_MERGE_CONCAT;
    plan->learned = pick(c, 4) == 0;
    size_t input = c->shape.input = draw_width(c);
    for (size_t k = 0; k < plan->layers; k++) {
        plan->fw[k] = draw_cell(c, input, 0, 0);
        const size_t width = oracle_output_width(plan->fw[k]);
        plan->bw[k] = both ? draw_cell(c, input, plan->merge == LSTM_MERGE_SUM ? width : 0, 0) : NULL;
        input = width + (both && plan->merge == LSTM_MERGE_CONCAT ? oracle_output_width(plan->bw[k]) : 0);
    }
}

static void draw(configuration *c, uint64_t seed)
{
    static const lstm_isa isas[] = {LSTM_ISA_BEST, LSTM_ISA_CBLAS,  LSTM_ISA_PORTABLE,
                                    LSTM_ISA_AVX2, LSTM_ISA_AVX512, LSTM_ISA_NEON};
    static const float scales[] = {0.2f, 1.0f, 2.0f};
    *c = (configuration){.random = lstm_random_named(seed, "configuration")};
    draw_plan(c);
    c->shape.batch = draw_batch(c);
    c->shape.time = pick(c, 10) ? pick(c, 10) : pick(c, 40);
    c->shape.layout = pick(c, 2) ? LSTM_TIME_MAJOR : LSTM_BATCH_MAJOR;
    c->shape.training = pick(c, 2);
    c->shape.no_initial_state = pick(c, 3) == 0;
    c->shape.lengths = pick(c, 3) ? c->lengths : NULL;
    c->isa = ONE_OF(c, isas);
    c->threads = pick(c, 4);
    c->weights = ONE_OF(c, scales);
    c->inputs = ONE_OF(c, scales);
    c->states = ONE_OF(c, scales);
}

/* ---- the library's side ---- */

/* Tasks one after another, the last one first. */
static void run_backwards(void *user, size_t tasks, void (*task)(void *arg, size_t index), void *arg)
{
    (void)user;
    while (tasks)
        task(arg, --tasks);
}

/* The best instruction set stands for those that this build or machine has not. */
static lstm_context *make_context(const configuration *c)
{
    lstm_context_config config = {.struct_size = sizeof config, .threads = c->threads, .isa = c->isa};
    lstm_context *context;
    if (!c->threads)
        config.executor = (lstm_executor){.concurrency = 4, .run = run_backwards};
    lstm_status status = lstm_context_create(&config, &context);
    if (status == LSTM_ERR_UNSUPPORTED) {
        config.isa = LSTM_ISA_BEST;
        status = lstm_context_create(&config, &context);
    }
    ck_ok(status);
    return context;
}

/* ---- the numbers ---- */

/* Batch and time, so that the reference takes no longer than it may, and the rows' lengths. */
static void fit(configuration *c, const lstm_params *weights)
{
    unroll_shape *shape = &c->shape;
    size_t products = 1;
    for (size_t k = 0; k < lstm_params_variable_count(weights); k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(weights, k, &info));
        products += info.count;
    }
    while (shape->batch * shape->time * products > MOST_PRODUCTS)
        *(shape->time > shape->batch / 2 ? &shape->time : &shape->batch) /= 2;
    for (size_t row = 0; row < shape->batch; row++)
        c->lengths[row] = pick(c, 4) ? pick(c, shape->time + 1) : pick(c, 2) * shape->time;
}

/* What is padding stays so. */
static void refill(const configuration *c, const char *name, float *numbers, size_t count, float scale)
{
    const lstm_random random = lstm_random_named(c->random.seed, name);
    float *all = test_allocate(count, sizeof *all);
    lstm_random_uniform(&random, 0, count, -scale, scale, all);
    for (size_t k = 0; k < count; k++)
        numbers[k] = isnan(numbers[k]) ? numbers[k] : all[k];
    free(all);
}

/* Matrices are scaled so that sums of many terms are no larger than those of few. */
static void refill_all(const configuration *c, unroll *u)
{
    float *weights = lstm_params_edit(u->weights, NULL);
    for (size_t k = 0; k < lstm_params_variable_count(u->weights); k++) {
        lstm_variable_info info;
        ck_ok(lstm_params_variable(u->weights, k, &info));
        refill(c, info.name, weights + info.offset, info.count,
               info.rank == 1 ? c->weights : c->weights / sqrtf((float)info.shape[0]));
    }
    refill(c, "x", u->x, u->x_count, c->inputs);
    refill(c, "d_y", u->d_y, u->y_count, 1.0f);
    refill(c, "d_last", u->d_last, u->last_count, 1.0f);
    for (size_t leaf = 0; leaf < u->leaves; leaf++) {
        char name[32];
        snprintf(name, sizeof name, "state %zu", leaf);
        refill(c, name, u->state[leaf], u->state_count[leaf], c->states);
        snprintf(name, sizeof name, "d_final %zu", leaf);
        refill(c, name, u->d_final[leaf], u->state_count[leaf], 1.0f);
    }
}

/* ---- what it says of itself ---- */

static void say(configuration *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(configuration *c, const char *format, ...)
{
    const size_t length = strlen(c->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->text + length, sizeof c->text - length, format, arguments);
    va_end(arguments);
}

static void say_cell(configuration *c, const oracle_cell *cell)
{
    static const char *const kinds[] = {[ORACLE_MULTI] = "multi",
                                        [ORACLE_RESIDUAL] = "residual",
                                        [ORACLE_HIGHWAY] = "highway",
                                        [ORACLE_INPUT_PROJECTION] = "input_projection",
                                        [ORACLE_OUTPUT_PROJECTION] = "output_projection",
                                        [ORACLE_NO_DROPOUT] = "no_dropout"};
    static const char *const own[] = {"basic_rnn",
                                      "basic_lstm",
                                      "lstm",
                                      "gru",
                                      "cudnn_compatible_gru",
                                      "layer_norm_basic_lstm",
                                      "coupled_input_forget_lstm"};
    static const char *const activations[] = {"linear", "tanh", "sigmoid", "relu"};
    const reference_cell *r = &cell->cell;
    if (cell->kind == ORACLE_CELL) {
        say(c, "%s %zu %s", own[r->kind], r->units, activations[r->activation]);
        if (strstr(own[r->kind], "lstm"))
            say(c, " forget_bias %g", r->forget_bias);
        if (r->kind == REFERENCE_LSTM)
            say(c, "%s cell_clip %g num_proj %zu proj_clip %g", r->use_peepholes ? " peepholes" : "", r->cell_clip,
                r->num_proj, r->proj_clip);
        if (r->kind == REFERENCE_LAYER_NORM_BASIC_LSTM)
            say(c, " norms %d", r->layer_norm);
        return;
    }
    say(c, "%s", kinds[cell->kind]);
    if (cell->kind == ORACLE_INPUT_PROJECTION || cell->kind == ORACLE_OUTPUT_PROJECTION)
        say(c, " %zu %s", cell->width, activations[cell->activation]);
    for (size_t k = 0; k < cell->count; k++) {
        say(c, k ? ", " : "(");
        say_cell(c, cell->inside[k]);
    }
    say(c, ")");
}

static void say_all(configuration *c, const lstm_context *context)
{
    const unroll_shape *shape = &c->shape;
    for (size_t k = 0; k < c->plan.layers; k++) {
        say(c, "%s", k ? "; " : "");
        say_cell(c, c->plan.fw[k]);
        say(c, "%s", c->plan.bw[k] ? c->plan.merge == LSTM_MERGE_SUM ? " + bw " : " | bw " : "");
        if (c->plan.bw[k])
            say_cell(c, c->plan.bw[k]);
    }
    say(c, "; input %zu, batch %zu, time %zu, %s, %s, %s initial state%s; weights %g, inputs %g, states %g; ",
        shape->input, shape->batch, shape->time, shape->layout == LSTM_TIME_MAJOR ? "time-major" : "batch-major",
        shape->training ? "training" : "no training", shape->no_initial_state ? "no" : "an",
        c->plan.learned ? " (learned)" : "", (double)c->weights, (double)c->inputs, (double)c->states);
    say(c, c->threads ? "%s, %zu threads" : "%s, an executor", lstm_context_isa_name(context), c->threads);
    say(c, shape->lengths ? "; lengths" : "; full");
    for (size_t row = 0; row < shape->batch && shape->lengths; row++)
        say(c, " %zu", shape->lengths[row]);
}

/* ---- judging ---- */

static double worst_seen;
static size_t judged_otherwise;
static bool tells; /* what is run */

static double largest(const oracle_array *array)
{
    double most = 0.0;
    for (size_t k = 0; k < array->count; k++)
        most = fmax(most, fabs(array->expected[k]));
    return most;
}

static double largest_gradient(const oracle_results *results)
{
    double most = 0.0;
    for (size_t k = 0; k < results->count; k++)
        if (results->arrays[k].is_gradient)
            most = fmax(most, largest(&results->arrays[k]));
    return most;
}

/* How far the reference's array moves when all that the reference reads moves by a rounding. */
static double movement(const configuration *c, const unroll *u, const oracle_results *still, size_t index)
{
    const oracle_array *array = &still->arrays[index];
    double most = 0.0;
    for (uint64_t seed = 0; seed < DISTURBANCES; seed++) {
        oracle_results moved;
        oracle_ask(&c->plan, u, ROUNDING, seed, &moved);
        for (size_t k = 0; k < array->count; k++)
            most = fmax(most, fabs(moved.arrays[index].expected[k] - array->expected[k]));
        oracle_release(&moved);
    }
    return most;
}

static void judge(const configuration *c, const unroll *u, const oracle_results *results, size_t index)
{
    const oracle_array *array = &results->arrays[index];
    const double difference = oracle_difference(array), size = largest(array);
    if (difference <= ARRAY_TOLERANCE) {
        worst_seen = fmax(worst_seen, difference);
        return;
    }
    const double away = size > 0.0 ? difference * size : difference, moves = movement(c, u, results, index);
    const double noise = array->is_gradient ? largest_gradient(results) : 0.0;
    ck_assert_msg(away <= fmax(ROUNDINGS * moves, NOISE * noise),
                  "%s: away by %.3g of %.3g; moves by %.3g; the largest gradient is %.3g: %s", array->what, away, size,
                  moves, noise, c->text);
    judged_otherwise++;
}

/* _i: the seed. */
START_TEST(a_configuration_agrees_with_the_double_reference)
{
    configuration c;
    oracle_results results;
    unroll u;
    lstm_params *weights;
    draw(&c, (uint64_t)_i);
    lstm_context *context = make_context(&c);
    ck_ok(lstm_params_create(context, &weights));
    lstm_rnn *rnn = oracle_make(&c.plan, &c.shape, weights);
    fit(&c, weights);
    say_all(&c, context);
    if (tells)
        printf("%s\n", c.text);
    unroll_adopt(&u, weights, rnn, &c.shape);
    refill_all(&c, &u);
    unroll_run(&u);
    oracle_ask(&c.plan, &u, 0.0, 0, &results);
    for (size_t k = 0; k < results.count; k++)
        judge(&c, &u, &results, k);
    float *inferred = unroll_infer_outputs(&u);
    results.arrays[0].found = inferred; /* the outputs */
    judge(&c, &u, &results, 0);
    free(inferred);
    oracle_release(&results);
    unroll_destroy(&u);
    lstm_context_destroy(context);
}
END_TEST

int main(int count, char **arguments)
{
    const int configurations = count > 1 ? (int)strtol(arguments[1], NULL, 10) : 300;
    const int first = count > 2 ? (int)strtol(arguments[2], NULL, 10) : 1;
    if (count > 3 || configurations < 1 || first < 0) {
        fprintf(stderr, "usage: numbers [COUNT [FIRST]]\n");
        return EXIT_FAILURE;
    }
    tells = configurations == 1;
    Suite *suite = suite_create("numbers");
    TCase *tests = tcase_create("numbers");
    tcase_add_loop_test(tests, a_configuration_agrees_with_the_double_reference, first, first + configurations);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    if (srunner_fork_status(runner) == CK_NOFORK)
        printf("away by %.2g of an array's largest at most, but for %zu arrays, and those with reason\n", worst_seen,
               judged_otherwise);
    srunner_free(runner);
    printf("%d configurations passed, %d failed\n", configurations - failed, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
