/* Every cell in every wrapper, at full, ragged and empty rows: its backward against central differences. */
#include "sru_cell.h"
#include "three_leaves.h"
#include "unroll.h"
#include "wrapped.h"

#include <stdio.h>
#include <string.h>

/* Wide enough that layer norms seldom meet a variance near zero, where differences say nothing. */
enum { INPUT = 8 };

/* The library's cells by number, then those of users. Their inputs are INPUT wide, but for three_leaves's. */
static size_t cell_count(void)
{
    return test_cell_kind_count + 2;
}

static bool is_three_leaves(size_t kind)
{
    return kind == test_cell_kind_count + 1;
}

static const char *cell_name(size_t kind)
{
    return is_three_leaves(kind) ? "three_leaves" : kind == test_cell_kind_count ? "sru" : test_cell_kinds[kind];
}

static size_t input_of(size_t kind)
{
    return is_three_leaves(kind) ? 2 : INPUT;
}

/* The outputs of "full_lstm" and three_leaves are not as wide as their inputs: they are projected where they must be. */
static lstm_cell *make_cell(size_t kind, bool must_fit)
{
    lstm_cell *cell;
    if (is_three_leaves(kind))
        cell = three_leaves_create();
    else if (kind == test_cell_kind_count)
        ck_ok(sru_cell_create(NULL, INPUT, &cell));
    else
        cell = test_cell(test_cell_kinds[kind], INPUT, LSTM_ACTIVATION_DEFAULT, 0.5f);
    const bool fits = !is_three_leaves(kind) &&
                      test_output_width(kind < test_cell_kind_count ? test_cell_kinds[kind] : "", INPUT) == INPUT;
    return must_fit && !fits ? wrap_output_projection(cell, input_of(kind), LSTM_ACTIVATION_DEFAULT) : cell;
}

static const char *const wrappers[] = {"plain",          "dropout",  "state dropout", "variational", "zoneout",
                                       "zoneout's mean", "residual", "highway",       "multi",       "projections"};
enum { WRAPPERS = sizeof wrappers / sizeof wrappers[0] };

static lstm_cell *wrapped(const char *wrapper, size_t kind)
{
    if (!strcmp(wrapper, "dropout"))
        return wrap_dropout(make_cell(kind, false),
                            LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.8f, .output_keep_prob = 0.7f));
    if (!strcmp(wrapper, "state dropout"))
        return wrap_dropout(make_cell(kind, false), LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.8f,
                                                              .output_keep_prob = 0.7f, .state_keep_prob = 0.75f));
    if (!strcmp(wrapper, "variational"))
        return wrap_dropout(make_cell(kind, false),
                            LSTM_ARGS(lstm_dropout_config, .input_keep_prob = 0.8f, .output_keep_prob = 0.7f,
                                      .state_keep_prob = 0.75f, .variational = true, .whole_batch = true,
                                      .drop_all_state = true));
    if (!strncmp(wrapper, "zoneout", 7))
        return wrap_dropout(make_cell(kind, false), LSTM_ARGS(lstm_dropout_config, .zoneout = 0.4f));
    if (!strcmp(wrapper, "residual"))
        return wrap_residual(make_cell(kind, true));
    if (!strcmp(wrapper, "highway"))
        return wrap_highway(make_cell(kind, true));
    if (!strcmp(wrapper, "multi"))
        return wrap_multi(make_cell(kind, true), make_cell(kind, false));
    if (!strcmp(wrapper, "projections"))
        return wrap_input_projection(wrap_output_projection(make_cell(kind, false), 3, LSTM_ACTIVATION_SIGMOID),
                                     input_of(kind), LSTM_ACTIVATION_TANH);
    return make_cell(kind, false);
}

/* Full, ragged, some rows empty, all of them empty. */
static const size_t rows_of_length[4][5] = {{6, 6, 6, 6, 6}, {5, 2, 6, 1, 3}, {0, 6, 0, 2, 0}, {0}};

static unroll_shape shape_of(const char *wrapper, size_t kind, size_t lengths)
{
    return (unroll_shape){.input = input_of(kind),
                          .batch = 5,
                          .time = 6,
                          .lengths = lengths ? rows_of_length[lengths] : NULL,
                          .training = strcmp(wrapper, "zoneout's mean") != 0,
                          .seed = 6,
                          .step = 2};
}

START_TEST(every_cell_in_every_wrapper_has_the_gradient_of_its_loss)
{
    const char *wrapper = wrappers[_i];
    for (size_t kind = 0; kind < cell_count(); kind++)
        for (size_t lengths = 0; lengths < 4; lengths++) {
            const unroll_shape shape = shape_of(wrapper, kind, lengths);
            unroll u;
            unroll_take(&u, wrapped(wrapper, kind), &shape);
            snprintf(u.name, sizeof u.name, "%s, %s, lengths %zu", wrapper, cell_name(kind), lengths);
            unroll_check_gradient(&u);
            unroll_destroy(&u);
        }
}
END_TEST

START_TEST(every_wrapper_has_the_gradient_of_its_loss_over_several_blocks_and_chunks)
{
    static size_t lengths[70];
    for (size_t row = 0; row < 70; row++)
        lengths[row] = row % 3 ? 9 : row % 10;
    for (size_t kind = 0; kind < cell_count(); kind++) {
        if (!strcmp(cell_name(kind), "full_lstm")) /* of so many values, some are at a clip's kink for every step */
            continue;
        unroll_shape shape = shape_of(wrappers[_i], kind, 0);
        shape.batch = 70;
        shape.time = 9;
        shape.lengths = lengths;
        unroll u;
        unroll_take(&u, wrapped(wrappers[_i], kind), &shape);
        snprintf(u.name, sizeof u.name, "%s, %s, several blocks", wrappers[_i], cell_name(kind));
        unroll_check_gradient(&u);
        unroll_destroy(&u);
    }
}
END_TEST

/* Two cells of that kind in a bidirectional plan, or in one of two layers. */
static void unroll_bidirectional(unroll *u, size_t kind, bool stacked, bool learned, const unroll_shape *shape)
{
    lstm_params *weights;
    lstm_rnn *rnn;
    lstm_cell *fw[2], *bw[2];
    const lstm_rnn_config *config = LSTM_ARGS(lstm_rnn_config, .learned_initial_state = learned,
                                              .merge = learned ? LSTM_MERGE_SUM : LSTM_MERGE_CONCAT);
    for (size_t k = 0; k < 2; k++) {
        fw[k] = make_cell(kind, false);
        bw[k] = make_cell(kind, false);
        if (k && is_three_leaves(kind)) { /* whose input is 2 wide, not what the lower layer gives */
            fw[k] = wrap_input_projection(fw[k], 2, LSTM_ACTIVATION_DEFAULT);
            bw[k] = wrap_input_projection(bw[k], 2, LSTM_ACTIVATION_DEFAULT);
        }
    }
    ck_ok(lstm_params_create(NULL, &weights));
    ck_ok(stacked ? lstm_rnn_create_stack_bidirectional(weights, NULL, fw, bw, 2, shape->input, config, &rnn)
                  : lstm_rnn_create_bidirectional(weights, NULL, fw[0], bw[0], shape->input, config, &rnn));
    unroll_adopt(u, weights, rnn, shape);
    for (size_t k = 0; k < 2; k++) {
        lstm_cell_destroy(fw[k]);
        lstm_cell_destroy(bw[k]);
    }
}

START_TEST(every_cell_in_a_bidirectional_plan_has_the_gradient_of_its_loss)
{
    for (size_t kind = 0; kind < cell_count(); kind++)
        for (size_t lengths = 0; lengths < 4; lengths++)
            for (int stacked = 0; stacked < 2; stacked++)
                for (int learned = 0; learned < 2; learned++) {
                    unroll_shape shape = shape_of("plain", kind, lengths);
                    shape.no_initial_state = learned;
                    unroll u;
                    unroll_bidirectional(&u, kind, stacked, learned, &shape);
                    snprintf(u.name, sizeof u.name, "%s, lengths %zu, stacked %d, learned %d", cell_name(kind), lengths,
                             stacked, learned);
                    unroll_check_gradient(&u);
                    unroll_destroy(&u);
                }
}
END_TEST

Suite *gradients_suite(void)
{
    Suite *suite = test_suite(
        "gradients", (const TTest *const[]){every_cell_in_a_bidirectional_plan_has_the_gradient_of_its_loss, NULL});
    TCase *group = tcase_create("wrappers");
    tcase_add_loop_test(group, every_cell_in_every_wrapper_has_the_gradient_of_its_loss, 0, WRAPPERS);
    tcase_add_loop_test(group, every_wrapper_has_the_gradient_of_its_loss_over_several_blocks_and_chunks, 0, WRAPPERS);
    suite_add_tcase(suite, group);
    return suite;
}
