#include "files.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char graph[] =
    "{\"input_size\": 2, \"layers\": [{\"type\": \"rnn\", \"return\": \"last\", \"cell\": {\"type\": \"lstm\","
    " \"num_units\": 5}}, {\"type\": \"dense\", \"units\": 3, \"activation\": \"softmax\"}]}";
enum { BATCH = 4, TIME = 3, CLASSES = 3 };

/* The names of all files; they go. */
static void empty_folder(char *names, size_t size)
{
    list_files(names, size);
    remove_files();
}

/* A training run with everything that goes on from step to step. */
typedef struct training {
    lstm_params *weights, *grads, *shadow;
    lstm_model *model;
    lstm_model_tape *tape;
    lstm_optimizer *optimizer;
    lstm_checkpoint *checkpoint;
    uint64_t position[2]; /* the step, and a number that does not fit a double */
} training;

static const char *const optimizers[] = {"gradient_descent", "momentum",         "adagrad", "adadelta",
                                         "rmsprop",          "centered_rmsprop", "adam",    "adamw"};
enum { OPTIMIZERS = sizeof optimizers / sizeof *optimizers };

static void make_optimizer(training *t, const char *kind)
{
    lstm_params *w = t->weights;
    lstm_optimizer **o = &t->optimizer;
    if (!strcmp(kind, "gradient_descent"))
        ck_ok(lstm_optimizer_create_gradient_descent(
            NULL, w, LSTM_ARGS(lstm_gradient_descent_config, .learning_rate = 0.1f), o));
    else if (!strcmp(kind, "momentum"))
        ck_ok(lstm_optimizer_create_momentum(
            NULL, w, LSTM_ARGS(lstm_momentum_config, .learning_rate = 0.1f, .momentum = 0.9f), o));
    else if (!strcmp(kind, "adagrad"))
        ck_ok(lstm_optimizer_create_adagrad(NULL, w, LSTM_ARGS(lstm_adagrad_config, .learning_rate = 0.1f), o));
    else if (!strcmp(kind, "adadelta"))
        ck_ok(lstm_optimizer_create_adadelta(NULL, w, LSTM_ARGS(lstm_adadelta_config, .learning_rate = 0.5f), o));
    else if (!strcmp(kind, "rmsprop") || !strcmp(kind, "centered_rmsprop"))
        ck_ok(lstm_optimizer_create_rmsprop(
            NULL, w, LSTM_ARGS(lstm_rmsprop_config, .learning_rate = 0.01f, .momentum = 0.5f, .centered = *kind == 'c'),
            o));
    else if (!strcmp(kind, "adam"))
        ck_ok(lstm_optimizer_create_adam(NULL, w, NULL, o));
    else
        ck_ok(lstm_optimizer_create_adamw(NULL, w, LSTM_ARGS(lstm_adamw_config, .weight_decay = 0.01f), o));
}

static void start(training *t, const char *kind, uint64_t seed)
{
    *t = (training){.position = {0, UINT64_MAX - 1}};
    ck_ok(lstm_params_create(NULL, &t->weights));
    ck_ok(lstm_model_create(t->weights, graph, &t->model));
    ck_ok(lstm_params_initialize(t->weights, seed));
    ck_ok(lstm_params_create_like(t->weights, &t->grads));
    ck_ok(lstm_params_create_like(t->weights, &t->shadow));
    ck_ok(
        lstm_model_tape_create(t->model, LSTM_ARGS(lstm_tape_config, .max_batch = BATCH, .max_time = TIME), &t->tape));
    make_optimizer(t, kind);
    ck_ok(lstm_checkpoint_create(NULL, &t->checkpoint));
    ck_ok(lstm_checkpoint_add_model(t->checkpoint, t->model, t->weights));
    ck_ok(lstm_checkpoint_add_params(t->checkpoint, "ema", t->shadow));
    ck_ok(lstm_checkpoint_add_optimizer(t->checkpoint, t->optimizer));
    ck_ok(lstm_checkpoint_add_u64(t->checkpoint, "position", t->position, 2));
}

static void end(training *t)
{
    lstm_optimizer_destroy(t->optimizer);
    lstm_params_destroy(t->weights);
    lstm_model_tape_destroy(t->tape);
    lstm_model_destroy(t->model);
    lstm_params_destroy(t->grads);
    lstm_params_destroy(t->shadow);
    lstm_checkpoint_destroy(t->checkpoint); /* it keeps alive what is on its list */
}

static void train(training *t, int steps)
{
    for (int k = 0; k < steps; k++) {
        char name[32];
        const uint64_t step = t->position[0]++;
        size_t labels[BATCH];
        float logits[BATCH * CLASSES], d_logits[BATCH * CLASSES], loss;
        snprintf(name, sizeof name, "batch %d", (int)step);
        float *x = test_numbers(name, BATCH * TIME * 2, 1.0f);
        for (size_t row = 0; row < BATCH; row++)
            labels[row] = (size_t)((row + step) % CLASSES);
        ck_ok(lstm_model_run(
            t->tape, t->weights,
            LSTM_ARGS(lstm_model_args, .batch = BATCH, .time = TIME, .inputs = x, .outputs = logits, .logits = true)));
        ck_ok(lstm_sparse_softmax_cross_entropy(NULL, NULL, BATCH, CLASSES, logits, labels, d_logits, &loss));
        lstm_params_zero(t->grads);
        ck_ok(lstm_model_backward(t->tape, t->weights,
                                  LSTM_ARGS(lstm_model_grads, .d_outputs = d_logits, .d_params = t->grads)));
        ck_ok(lstm_optimizer_set_learning_rate(t->optimizer, lstm_exponential_decay(0.05f, step, 4, 0.9, false)));
        ck_ok(lstm_optimizer_apply(t->optimizer, t->weights, t->grads));
        ck_ok(lstm_moving_average(t->shadow, t->weights, 0.9f));
        free(x);
    }
}

static void same(const lstm_params *a, const lstm_params *b)
{
    size_t count;
    const float *x = lstm_params_data(a, &count);
    ck_assert(same_bits(x, lstm_params_data(b, NULL), count));
}

START_TEST(so_many_steps_a_checkpoint_and_as_many_more_have_the_bits_of_all_in_one_go)
{
    for (size_t k = 0; k < OPTIMIZERS; k++) {
        training whole, first, second;
        start(&whole, optimizers[k], 3);
        train(&whole, 10);
        start(&first, optimizers[k], 3);
        train(&first, 5);
        ck_ok(lstm_checkpoint_save(first.checkpoint, test_path("c")));
        end(&first);
        start(&second, optimizers[k], 99);
        second.position[1] = 5;
        ck_ok(lstm_checkpoint_load(second.checkpoint, test_path("c")));
        ck_assert_uint_eq(second.position[0], 5);
        ck_assert(second.position[1] == UINT64_MAX - 1);
        train(&second, 5);
        same(whole.weights, second.weights);
        same(whole.shadow, second.shadow);
        end(&second);
        end(&whole);
    }
    remove_files();
}
END_TEST

START_TEST(a_checkpoint_is_a_model_and_its_weights)
{
    training t;
    start(&t, "adam", 3);
    train(&t, 2);
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("c")));
    lstm_model *model;
    lstm_params *params;
    ck_ok(lstm_model_open(NULL, test_path("c"), &model, &params));
    ck_assert_str_eq(lstm_model_graph(model), graph);
    same(params, t.weights);
    lstm_params_zero(params);
    ck_ok(lstm_params_load(params, test_path("c")));
    same(params, t.weights);
    lstm_params_destroy(params);
    lstm_model_destroy(model);
    end(&t);
    remove_files();
}
END_TEST

START_TEST(what_does_not_fit_the_list_is_refused_by_name_and_changes_nothing)
{
    training adam, other;
    start(&adam, "adam", 3);
    train(&adam, 2);
    ck_ok(lstm_checkpoint_save(adam.checkpoint, test_path("c")));
    start(&other, "momentum", 4);
    train(&other, 1);
    lstm_params *before;
    ck_ok(lstm_params_create_like(other.weights, &before));
    size_t count;
    const float *weights = lstm_params_data(other.weights, &count);
    memcpy(lstm_params_edit(before, NULL), weights, count * sizeof *weights);
    lstm_checkpoint *c = other.checkpoint;
    ck_fails(lstm_checkpoint_load(c, test_path("c")), LSTM_ERR_FORMAT,
             "checkpoint/momentum/momentum/rnn/lstm_cell/kernel");
    ck_fails(lstm_checkpoint_load(c, test_path("nothing")), LSTM_ERR_IO, "nothing");
    ck_ok(lstm_params_save(other.weights, test_path("p")));
    ck_fails(lstm_checkpoint_load(c, test_path("p")), LSTM_ERR_FORMAT, "no checkpoint");
    ck_ok(lstm_model_save(other.model, other.weights, test_path("m")));
    ck_fails(lstm_checkpoint_load(c, test_path("m")), LSTM_ERR_FORMAT, "no checkpoint");
    /* One number less on the list than in the file, and one of another length. */
    lstm_checkpoint *shorter;
    uint64_t position[3] = {7, 8, 9};
    ck_ok(lstm_checkpoint_create(NULL, &shorter));
    ck_ok(lstm_checkpoint_add_model(shorter, other.model, other.weights));
    ck_ok(lstm_checkpoint_add_params(shorter, "ema", other.shadow));
    ck_ok(lstm_checkpoint_add_optimizer(shorter, other.optimizer));
    ck_ok(lstm_checkpoint_save(other.checkpoint, test_path("d")));
    ck_fails(lstm_checkpoint_load(shorter, test_path("d")), LSTM_ERR_FORMAT, "unused \"checkpoint/position\"");
    ck_ok(lstm_checkpoint_add_u64(shorter, "position", position, 3));
    ck_fails(lstm_checkpoint_load(shorter, test_path("d")), LSTM_ERR_FORMAT, "U64 [2], expected U64 [3]");
    ck_assert_uint_eq(position[0], 7);
    same(before, other.weights);
    ck_assert_uint_eq(other.position[0], 1);
    lstm_checkpoint_destroy(shorter);
    lstm_params_destroy(before);
    end(&adam);
    end(&other);
    remove_files();
}
END_TEST

START_TEST(another_graph_is_refused)
{
    training t;
    start(&t, "adam", 3);
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("c")));
    lstm_params *params;
    lstm_model *model;
    lstm_checkpoint *checkpoint;
    char text[sizeof graph + 32];
    snprintf(text, sizeof text, "%s ", graph);
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_model_create(params, text, &model));
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_checkpoint_create(NULL, &checkpoint));
    ck_ok(lstm_checkpoint_add_model(checkpoint, model, params));
    ck_fails(lstm_checkpoint_load(checkpoint, test_path("c")), LSTM_ERR_FORMAT, "another graph");
    ck_fails(lstm_checkpoint_add_model(checkpoint, model, params), LSTM_ERR_STATE, "a model already");
    ck_fails(lstm_checkpoint_add_model(t.checkpoint, model, t.weights), LSTM_ERR_STATE, "a model already");
    lstm_checkpoint_destroy(checkpoint);
    lstm_model_destroy(model);
    lstm_params_destroy(params);
    end(&t);
    remove_files();
}
END_TEST

START_TEST(the_last_so_many_are_kept_and_the_latest_is_found)
{
    char names[512], prefix[128];
    training t;
    start(&t, "momentum", 3);
    uint64_t step = 77;
    snprintf(prefix, sizeof prefix, "%s/run", test_folder());
    ck_fails(lstm_checkpoint_load_latest(t.checkpoint, prefix, &step), LSTM_ERR_IO, "run");
    ck_assert_uint_eq(step, 77);
    for (int k = 8; k <= 11; k++) {
        train(&t, 1);
        ck_ok(lstm_checkpoint_save_step(t.checkpoint, prefix, (uint64_t)k, 2));
    }
    /* Of these none is one of the run's files. */
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("run-012.safetensors")));
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("run-99.safetensors.tmp")));
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("running-99.safetensors")));
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("run-99999999999999999999999.safetensors")));
    ck_ok(lstm_checkpoint_load_latest(t.checkpoint, prefix, &step));
    ck_assert_uint_eq(step, 11);
    ck_assert_uint_eq(t.position[0], 4);
    ck_ok(lstm_checkpoint_save_step(t.checkpoint, prefix, 100, 0));
    empty_folder(names, sizeof names);
    ck_assert_str_eq(names, "run-012.safetensors run-10.safetensors run-100.safetensors run-11.safetensors "
                            "run-99.safetensors.tmp run-99999999999999999999999.safetensors running-99.safetensors ");
    ck_ok(lstm_checkpoint_save_step(t.checkpoint, prefix, 7, 2));
    ck_ok(lstm_checkpoint_save_step(t.checkpoint, prefix, 5, 1)); /* what was just written is not removed */
    empty_folder(names, sizeof names);
    ck_assert_str_eq(names, "run-5.safetensors ");
#ifndef _WIN32
    ck_ok(lstm_checkpoint_save_step(t.checkpoint, prefix, 5, 2));
    ck_assert_int_eq(mkdir(test_path("run-1.safetensors"), 0700), 0);
    for (uint64_t k = 6; k <= 7; k++) /* one that cannot be removed keeps no other */
        ck_fails(lstm_checkpoint_save_step(t.checkpoint, prefix, k, 2), LSTM_ERR_IO, "run-1.safetensors");
    empty_folder(names, sizeof names);
    ck_assert_str_eq(names, "run-1.safetensors run-6.safetensors run-7.safetensors ");
#endif
    snprintf(prefix, sizeof prefix, "%s/no/run", test_folder());
    ck_fails(lstm_checkpoint_save_step(t.checkpoint, prefix, 1, 2), LSTM_ERR_IO, "no/run-1.safetensors");
    ck_fails(lstm_checkpoint_load_latest(t.checkpoint, prefix, &step), LSTM_ERR_IO, "/no");
    end(&t);
    remove_files();
}
END_TEST

START_TEST(the_best_is_kept_over_restarts_and_nan_is_not_it)
{
    training t, later;
    bool saved;
    start(&t, "adam", 3);
    static const struct {
        double metric;
        bool best;
    } rounds[] = {{NAN, false}, {-INFINITY, false}, {0.5, true}, {0.25, false},
                  {0.5, false}, {NAN, false},       {0.75, true}};
    for (size_t k = 0; k < sizeof rounds / sizeof *rounds; k++) {
        ck_ok(lstm_checkpoint_save_best(t.checkpoint, test_path("best"), rounds[k].metric, &saved));
        ck_assert_int_eq(saved, rounds[k].best);
    }
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("last")));
    start(&later, "adam", 4);
    ck_ok(lstm_checkpoint_load(later.checkpoint, test_path("last")));
    ck_ok(lstm_checkpoint_save_best(later.checkpoint, test_path("best"), 0.7, &saved));
    ck_assert(!saved);
    ck_fails(lstm_checkpoint_save_best(later.checkpoint, test_path("no/best"), 0.8, &saved), LSTM_ERR_IO, "no/best");
    ck_ok(lstm_checkpoint_save_best(later.checkpoint, test_path("best"), 0.8, NULL));
    end(&later);
    end(&t);
    remove_files();
}
END_TEST

/* In a saved file, the last `number` becomes `wrong`; the checksum goes. */
static void spoil(const char *path, const void *number, const void *wrong, size_t size)
{
    char bytes[20000], had[8], gets[8];
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    const size_t all = fread(bytes, 1, sizeof bytes, file);
    memcpy(had, number, size);
    memcpy(gets, wrong, size);
    swap_to_file_order(had, size, 1);
    swap_to_file_order(gets, size, 1);
    size_t at = all - size;
    while (at && memcmp(bytes + at, had, size) != 0)
        at--;
    ck_assert_uint_gt(at, 0);
    memcpy(bytes + at, gets, size);
    for (at = 0; at + 13 < all && memcmp(bytes + at, "lstm.checksum", 13) != 0;)
        at++;
    ck_assert_uint_lt(at + 13, all);
    memcpy(bytes + at, "some.checksum", 13);
    rewind(file);
    ck_assert_uint_eq(fwrite(bytes, 1, all, file), all);
    fclose(file);
}

START_TEST(numbers_that_no_run_can_have_are_refused)
{
    const float rate = 0.001f, nan_rate = NAN;
    const double power = (double)0.9f, one = 1.0;
    training t;
    start(&t, "adam", 3);
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("c")));
    spoil(test_path("c"), &rate, &nan_rate, sizeof rate);
    ck_fails(lstm_checkpoint_load(t.checkpoint, test_path("c")), LSTM_ERR_FORMAT, "checkpoint/adam/learning_rate");
    ck_ok(lstm_checkpoint_save(t.checkpoint, test_path("c")));
    spoil(test_path("c"), &power, &one, sizeof power);
    ck_fails(lstm_checkpoint_load(t.checkpoint, test_path("c")), LSTM_ERR_FORMAT, "checkpoint/adam/beta_powers");
    end(&t);
    remove_files();
}
END_TEST

START_TEST(lists_say_what_is_wrong)
{
    training t;
    start(&t, "adam", 3);
    lstm_checkpoint *c = t.checkpoint;
    lstm_params *open, *frozen;
    uint64_t number = 0;
    ck_ok(lstm_params_create(NULL, &open));
    ck_ok(lstm_params_freeze(t.weights, NULL, &frozen));
    ck_fails(lstm_checkpoint_create(NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "checkpoint is NULL");
    ck_fails(lstm_checkpoint_add_params(c, "a", open), LSTM_ERR_STATE, "open");
    ck_fails(lstm_checkpoint_add_params(c, "a", frozen), LSTM_ERR_STATE, "frozen");
    ck_fails(lstm_checkpoint_add_params(c, "a//b", t.grads), LSTM_ERR_INVALID_ARGUMENT, "\"a//b\"");
    ck_fails(lstm_checkpoint_add_params(c, NULL, NULL), LSTM_ERR_INVALID_ARGUMENT, "params is NULL");
    ck_fails(lstm_checkpoint_add_u64(c, "", &number, 1), LSTM_ERR_INVALID_ARGUMENT, "no name");
    ck_fails(lstm_checkpoint_add_u64(c, "a", &number, 0), LSTM_ERR_INVALID_ARGUMENT, "count");
    ck_fails(lstm_checkpoint_add_u64(c, "a", NULL, 1), LSTM_ERR_INVALID_ARGUMENT, "values is NULL");
    ck_fails(lstm_checkpoint_add_optimizer(c, NULL), LSTM_ERR_INVALID_ARGUMENT, "optimizer is NULL");
    ck_fails(lstm_checkpoint_add_model(c, NULL, t.weights), LSTM_ERR_INVALID_ARGUMENT, "model is NULL");
    ck_fails(lstm_checkpoint_save(NULL, "x"), LSTM_ERR_INVALID_ARGUMENT, "checkpoint is NULL");
    ck_fails(lstm_checkpoint_load(c, NULL), LSTM_ERR_INVALID_ARGUMENT, "path is NULL");
    ck_fails(lstm_checkpoint_add_u64(c, "position", &number, 1), LSTM_ERR_INVALID_ARGUMENT, "checkpoint/position");
    ck_fails(lstm_checkpoint_add_u64(c, "best_metric", &number, 1), LSTM_ERR_INVALID_ARGUMENT, "best_metric");
    ck_fails(lstm_checkpoint_add_params(c, "ema", t.grads), LSTM_ERR_INVALID_ARGUMENT, "on the list already");
    ck_fails(lstm_checkpoint_add_params(c, NULL, t.grads), LSTM_ERR_INVALID_ARGUMENT, "on the list already");
    ck_fails(lstm_checkpoint_add_optimizer(c, t.optimizer), LSTM_ERR_INVALID_ARGUMENT, "on the list already");
    ck_fails(lstm_checkpoint_add_u64(c, "a\xFF", &number, 1), LSTM_ERR_INVALID_ARGUMENT, "no name");
    lstm_params *other;
    ck_ok(lstm_params_create(NULL, &other));
    ck_ok(lstm_params_declare(other, "own", 1, (const size_t[]){2}, NULL));
    ck_ok(lstm_params_declare(other, "dense/bias", 1, (const size_t[]){2}, NULL)); /* the second of its names */
    ck_ok(lstm_params_initialize(other, 1));
    ck_fails(lstm_checkpoint_add_params(c, NULL, other), LSTM_ERR_INVALID_ARGUMENT, "\"dense/bias\" is on the list");
    ck_ok(lstm_checkpoint_add_params(c, "other", other));
    lstm_params_destroy(other);
    lstm_checkpoint_destroy(NULL);
    lstm_params_destroy(open);
    lstm_params_destroy(frozen);
    end(&t);
}
END_TEST

Suite *checkpoint_suite(void)
{
    return test_suite("checkpoint", (const TTest *const[]){
                                        so_many_steps_a_checkpoint_and_as_many_more_have_the_bits_of_all_in_one_go,
                                        a_checkpoint_is_a_model_and_its_weights,
                                        what_does_not_fit_the_list_is_refused_by_name_and_changes_nothing,
                                        another_graph_is_refused,
                                        the_last_so_many_are_kept_and_the_latest_is_found,
                                        the_best_is_kept_over_restarts_and_nan_is_not_it,
                                        numbers_that_no_run_can_have_are_refused,
                                        lists_say_what_is_wrong,
                                        NULL,
                                    });
}
