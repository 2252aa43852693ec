#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refused(const char *graph, const char *words)
{
    lstm_params *params;
    ck_ok(lstm_params_create(NULL, &params));
    ck_makes_nothing(lstm_model, lstm_model_create(params, graph, &made), LSTM_ERR_FORMAT, words);
    ck_assert_uint_eq(lstm_params_variable_count(params), 0);
    lstm_params_destroy(params);
}

#define ONE(layer) "{\"input_size\": 2, \"layers\": [" layer "]}"
#define CELL(cell) ONE("{\"type\": \"rnn\", \"cell\": " cell "}")
#define NOUGHTS "0000000000000000000000000000000000000000" /* 40 of them: more than a float holds */

START_TEST(graphs_that_are_wrong_are_refused_by_name)
{
    static const char *const cases[][2] = {
        {"", "line 1"},
        {"[]", "no object"},
        {"{\"input_size\": 2}", "\"layers\""},
        {"{\"input_size\": 2, \"layers\": []}", "\"layers\""},
        {"{\"input_size\": 2.0, \"layers\": [1]}", "\"input_size\""},
        {"{\"input_size\": 0, \"layers\": [1]}", "\"input_size\""},
        {"{\"input_size\": 4294967296, \"layers\": [1]}", "\"input_size\""},
        {"{\"input_size\": 2, \"layers\": [1]}", "layers[0]: it is no object"},
        {"{\"input_size\": 2, \"input_size\": 2, \"layers\": []}", "input_size"},
        {"{\"input_size\": 2, \"more\": 1, \"layers\": []}", "\"more\""},
        {ONE("{\"type\": \"conv\"}"), "\"conv\""},
        {ONE("{\"units\": 3}"), "\"type\" is missing"},
        {ONE("{\"type\": 3}"), "\"type\" has to be a string"},
        {ONE("{\"type\": \"dense\"}"), "\"units\""},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"activation\": \"gelu\"}"), "\"gelu\""},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"use_bias\": 1}"), "\"use_bias\""},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"activation\": null}"), "\"activation\""},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": \"\"}"), "is not a scope"},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": \"a//b\"}"), "\"a//b\" is not a scope"},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": \"a\\u0007\"}"), "\"a\\x07\" is not a scope"},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": \"a\\u0085\"}"), "\"a\\x85\" is not a scope"},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": \"a\\u0000\"}"), "line 1"},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": 3}"), "\"scope\""},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": \"checkpoint\"}"), "reserved"},
        {ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": \"selftest/0\"}"), "reserved"},
        {ONE("{\"type\": \"dense\", \"units\": 3}, {\"type\": \"dense\", \"units\": 3}"), "\"dense\" is used twice"},
        {ONE("{\"type\": \"rnn\"}"), "layers[0].cell: it is no object"},
        {ONE("{\"type\": \"rnn\", \"return\": \"first\", \"cell\": {}}"), "\"first\""},
        {CELL("{}"), "layers[0].cell: \"type\" is missing"},
        {CELL("{\"type\": \"sru\", \"num_units\": 2}"), "\"sru\""},
        {CELL("{\"type\": \"gru\"}"), "\"num_units\""},
        {CELL("{\"type\": \"gru\", \"num_units\": -1}"), "\"num_units\""},
        {CELL("{\"type\": \"gru\", \"num_units\": \"2\"}"), "\"num_units\""},
        {CELL("{\"type\": \"gru\", \"num_units\": 9223372036854775808}"), "\"num_units\""},
        {CELL("{\"type\": \"gru\", \"num_units\": 1" NOUGHTS "}"), "\"num_units\""},
        {CELL("{\"type\": \"gru\", \"num_units\": 2, \"forget_bias\": 1}"), "\"forget_bias\""},
        {CELL("{\"type\": \"gru\", \"num_units\": 2, \"activation\": \"softmax\"}"), "\"softmax\""},
        {CELL("{\"type\": \"basic_lstm\", \"num_units\": 2, \"forget_bias\": 1e39}"), "\"forget_bias\""},
        {CELL("{\"type\": \"basic_lstm\", \"num_units\": 2, \"forget_bias\": 1" NOUGHTS "}"), "\"forget_bias\""},
        {CELL("{\"type\": \"basic_lstm\", \"num_units\": 2.0, \"forget_bias\": 9223372036854775808}"), "\"num_units\""},
        {CELL("{\"type\": \"basic_lstm\", \"num_units\": 2, \"forget_bias\": null}"), "\"forget_bias\""},
        {CELL("{\"type\": \"lstm\", \"num_units\": 2, \"cell_clip\": 0}"), "\"cell_clip\""},
        {CELL("{\"type\": \"lstm\", \"num_units\": 2, \"cell_clip\": 1e-50}"), "\"cell_clip\""},
        {CELL("{\"type\": \"lstm\", \"num_units\": 2, \"cell_clip\": 1e39}"), "\"cell_clip\""},
        {CELL("{\"type\": \"lstm\", \"num_units\": 2, \"proj_clip\": \"1\"}"), "\"proj_clip\""},
        {CELL("{\"type\": \"lstm\", \"num_units\": 2, \"num_proj\": 0}"), "\"num_proj\""},
        {CELL("{\"type\": \"lstm\", \"num_units\": 2, \"use_peepholes\": null}"), "\"use_peepholes\""},
        {CELL("{\"type\": \"layer_norm_basic_lstm\", \"num_units\": 2, \"layer_norm\": 0}"), "\"layer_norm\""},
        {CELL("{\"type\": \"multi_rnn\"}"), "\"cells\""},
        {CELL("{\"type\": \"multi_rnn\", \"cells\": []}"), "\"cells\""},
        {CELL("{\"type\": \"multi_rnn\", \"num_units\": 3, \"cells\": [{}]}"), "\"num_units\""},
        {CELL("{\"type\": \"multi_rnn\", \"cells\": [{\"type\": \"gru\", \"num_units\": 2}, {\"type\": \"x\"}]}"),
         "layers[0].cell.cells[1]: \"type\" is \"x\""},
        {CELL("{\"type\": \"residual\"}"), "layers[0].cell.cell: it is no object"},
        {CELL("{\"type\": \"residual\", \"cell\": {\"type\": \"gru\", \"num_units\": 3}}"), "output width 3"},
        {ONE("{\"type\": \"bidirectional_rnn\", \"merge\": \"sum\", \"forward\": {\"type\": \"gru\", \"num_units\": 3},"
             " \"backward\": {\"type\": \"gru\", \"num_units\": 2}}"),
         "layers[0]"},
        {ONE("{\"type\": \"bidirectional_rnn\", \"forward\": {\"type\": \"gru\", \"num_units\": 3}}"),
         "layers[0].backward"},
        {ONE("{\"type\": \"rnn\", \"return\": \"last\", \"cell\": {\"type\": \"gru\", \"num_units\": 3}},"
             " {\"type\": \"rnn\", \"scope\": \"b\", \"cell\": {\"type\": \"gru\", \"num_units\": 3}}"),
         "layers[1]: a recurrent layer stands behind"},
        {ONE("{\"type\": \"dense\", \"units\": 1}") " x", "line 1: more follows"},
        {ONE("{\"type\": \"dense\", \"units\": 1}") "\n,{}", "line 2: more follows"},
        {ONE("{\"type\": \"dense\", \"units\": 1}") "]", "line 1: more follows"},
        {ONE("{\"type\": \"dense\", \"units\": 1}") ",", "line 1: more follows"},
        {ONE("{\"type\": \"dense\", \"units\": 1}") "\n{}", "line 2: more follows"},
        {ONE("{\"type\": \"dense\", \"units\": 1}") "[", "line 1: more follows"},
        {ONE("{\"type\": \"dense\", \"units\": 1}") ",{}\n\n", "line 1: more follows"},
        {ONE("{\"type\": \"dense\", \"units\": 1}") ", x", "line 1: more follows"},
        {"{\"input_size\": 1, \"layers\": [1 2]}", "']' expected near '2'"},
        {"{\"input_size\": 1, \"layers\": [1}", "']' expected near '}'"},
        {"{\"input_size\": 1", "the text ends too early"},
        {"", "the text ends too early"},
        {"x", "near 'x'"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        refused(cases[k][0], cases[k][1]);
}
END_TEST

START_TEST(whole_numbers_past_64_bits_are_numbers_as_others)
{
    static const char *const cases[] = {
        CELL("{\"type\": \"basic_lstm\", \"num_units\": 2, \"forget_bias\": 9223372036854775808}"),
        CELL("{\"type\": \"basic_lstm\", \"num_units\": 2, \"forget_bias\": -100000000000000000000}"),
        CELL("{\"type\": \"lstm\", \"num_units\": 2, \"num_proj\": 1, \"cell_clip\": 18446744073709551616,"
             " \"proj_clip\": 100000000000000000000}"),
        ONE("{\"type\": \"rnn\", \"scope\": \"1\\\"18446744073709551616\", \"cell\": {\"type\": \"basic_lstm\","
            " \"num_units\": 2, \"forget_bias\":9223372036854775808}}"),
        CELL("{\"type\": \"basic_lstm\", \"num_units\": 2, \"forget_bias\": 1.0000000000000000000000}"),
        CELL("{\"type\": \"basic_lstm\", \"num_units\": 2, \"forget_bias\": 10000000000000000000e-19}"),
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        lstm_params *params;
        lstm_model *model;
        ck_ok(lstm_params_create(NULL, &params));
        ck_ok(lstm_model_create(params, cases[k], &model));
        ck_assert_str_eq(lstm_model_graph(model), cases[k]);
        lstm_model_destroy(model);
        lstm_params_destroy(params);
    }
}
END_TEST

/* A graph of `levels` residual cells, one inside the other, around a GRU. */
static char *nested(size_t levels)
{
    static const char open[] = "{\"type\": \"residual\", \"cell\": ";
    char *text = test_allocate(levels * (sizeof open + 1) + 200, 1), *end = text;
    end += sprintf(end, "{\"input_size\": 2, \"layers\": [{\"type\": \"rnn\", \"cell\": ");
    for (size_t k = 0; k < levels; k++)
        end += sprintf(end, "%s", open);
    end += sprintf(end, "{\"type\": \"gru\", \"num_units\": 2}");
    for (size_t k = 0; k < levels; k++)
        *end++ = '}';
    strcpy(end, "}]}");
    return text;
}

START_TEST(cells_nest_to_64_levels_and_scopes_go_to_255_bytes)
{
    lstm_params *params;
    lstm_model *model;
    ck_ok(lstm_params_create(NULL, &params));
    char *text = nested(63);
    ck_ok(lstm_model_create(params, text, &model));
    lstm_model_destroy(model);
    free(text);
    text = nested(64);
    refused(text, "deeper than 64");
    free(text);
    for (int over = 0; over < 2; over++) {
        char graph[600], scope[257];
        memset(scope, 's', sizeof scope);
        scope[255 + over] = 0;
        snprintf(graph, sizeof graph, ONE("{\"type\": \"dense\", \"units\": 3, \"scope\": \"%s\"}"), scope);
        if (over)
            refused(graph, "is not a scope");
        else
            ck_ok(lstm_model_create(params, graph, &model));
    }
    lstm_model_destroy(model);
    lstm_params_destroy(params);
}
END_TEST

/* The stack counts, too. */
START_TEST(there_are_8192_cells_at_most)
{
    static const char gru[] = "{\"type\": \"gru\", \"num_units\": 1}";
    enum { MOST = 8192 };
    char *cells = test_allocate(MOST * (sizeof gru + 1), 1), *end = cells;
    char *text = test_allocate(MOST * (sizeof gru + 1) + 200, 1);
    for (size_t k = 1; k < MOST; k++)
        end += sprintf(end, "%s%s", k > 1 ? ", " : "", gru);
    lstm_params *params;
    lstm_model *model;
    ck_ok(lstm_params_create(NULL, &params));
    sprintf(text, CELL("{\"type\": \"multi_rnn\", \"cells\": [%s]}"), cells);
    ck_ok(lstm_model_create(params, text, &model));
    ck_assert_uint_eq(lstm_params_variable_count(params), 4 * (MOST - 1));
    lstm_model_destroy(model);
    lstm_params_destroy(params);
    sprintf(text, CELL("{\"type\": \"multi_rnn\", \"cells\": [%s, %s]}"), cells, gru);
    refused(text, "more than 8192 cells");
    free(cells);
    free(text);
}
END_TEST

Suite *graph_suite(void)
{
    return test_suite("graph", (const TTest *const[]){
                                   graphs_that_are_wrong_are_refused_by_name,
                                   whole_numbers_past_64_bits_are_numbers_as_others,
                                   cells_nest_to_64_levels_and_scopes_go_to_255_bytes,
                                   there_are_8192_cells_at_most,
                                   NULL,
                               });
}
