/* What a stream keeps: rows that come and go, copies, and states as bytes. */
#include "golden.h"
#include "streamed.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ROWS = 8, PORTION = 24, REQUESTS = 1000, LONGEST = 60, UNITS = 5 };

static bool sums_in_one_order(void)
{
    return strcmp(lstm_context_isa_name(NULL), "cblas") != 0;
}

/* ---- a server: requests of any lengths come into rows that are free, and leave them ---- */

typedef struct request {
    size_t length, done;
    float *x, *y;
} request;

typedef struct server {
    lstm_model *model;
    lstm_rnn *rnn; /* the one or the other */
    lstm_params *frozen;
    size_t out;
} server;

/* A stream of the server's, of so many rows; run and reset by the functions of its kind. */
typedef struct line {
    lstm_stream *plain;
    lstm_model_stream *whole;
} line;

static line open_line(const server *s, size_t rows)
{
    line l = {0};
    const lstm_stream_config config = {.struct_size = sizeof config, .batch = rows, .max_steps = 7};
    if (s->rnn)
        ck_ok(lstm_stream_create(s->rnn, s->frozen, &config, &l.plain));
    else
        ck_ok(lstm_model_stream_create(s->model, s->frozen, &config, &l.whole));
    return l;
}

static void run_line(line *l, size_t time, const size_t *steps, const float *x, float *y)
{
    if (l->plain)
        ck_ok(steps ? lstm_stream_run_ragged(l->plain, time, steps, x, y) : lstm_stream_run(l->plain, time, x, y));
    else
        ck_ok(lstm_model_stream_run(l->whole, time, steps, x, y));
}

static void reset_row(line *l, size_t row)
{
    ck_ok(l->plain ? lstm_stream_reset_row(l->plain, row) : lstm_model_stream_reset_row(l->whole, row));
}

static void close_line(line *l)
{
    lstm_stream_destroy(l->plain);
    lstm_model_stream_destroy(l->whole);
}

typedef struct dice {
    lstm_random random;
    uint64_t thrown;
} dice;

static size_t draw(dice *d, size_t below)
{
    return lstm_random_bits(&d->random, d->thrown++) % below;
}

static void make_requests(const server *s, dice *d, request *requests)
{
    float *numbers = test_numbers("requests", 4096, 1.0f);
    for (size_t k = 0; k < REQUESTS; k++) {
        request *r = &requests[k];
        r->length = 1 + draw(d, LONGEST);
        r->done = 0;
        r->x = test_allocate(r->length * STREAMED_IN, sizeof(float));
        r->y = test_allocate(r->length * s->out, sizeof(float));
        memcpy(r->x, numbers + draw(d, 4096 - LONGEST * STREAMED_IN), r->length * STREAMED_IN * sizeof(float));
    }
    free(numbers);
}

/* Each turn, a row goes on by what has come in of its request, none to all; the rest of the row's inputs are NaN. */
static void serve_turn(const server *s, line *l, dice *d, size_t time, request *of_row[ROWS])
{
    size_t steps[ROWS];
    float x[ROWS * PORTION * STREAMED_IN], y[ROWS * PORTION * 16];
    memset(x, 0xFF, sizeof x);
    bool all = true;
    for (size_t row = 0; row < ROWS; row++) {
        const size_t left = of_row[row] ? of_row[row]->length - of_row[row]->done : 0;
        steps[row] = draw(d, 4) ? time : draw(d, time + 1);
        steps[row] = steps[row] < left ? steps[row] : left;
        all = all && steps[row] == time;
        if (steps[row])
            memcpy(x + row * time * STREAMED_IN, of_row[row]->x + of_row[row]->done * STREAMED_IN,
                   steps[row] * STREAMED_IN * sizeof *x);
    }
    run_line(l, time, all ? NULL : steps, x, y);
    for (size_t row = 0; row < ROWS; row++)
        if (steps[row]) {
            memcpy(of_row[row]->y + of_row[row]->done * s->out, y + row * time * s->out,
                   steps[row] * s->out * sizeof *y);
            of_row[row]->done += steps[row];
        }
}

static void serve(const server *s, dice *d, request *requests)
{
    line l = open_line(s, ROWS);
    request *of_row[ROWS] = {0};
    for (size_t next = 0, busy = 1; busy;) {
        busy = 0;
        for (size_t row = 0; row < ROWS; row++) {
            if (of_row[row] && of_row[row]->done == of_row[row]->length)
                of_row[row] = NULL;
            if (!of_row[row] && next < REQUESTS && draw(d, 3)) {
                of_row[row] = &requests[next++];
                reset_row(&l, row);
            }
            busy += of_row[row] != NULL || next < REQUESTS;
        }
        serve_turn(s, &l, d, draw(d, 2) ? 1 : 1 + draw(d, PORTION), of_row);
    }
    close_line(&l);
}

static void check_server(server *s)
{
    dice d = {lstm_random_named(7, "server"), 0};
    request *requests = test_allocate(REQUESTS, sizeof *requests);
    make_requests(s, &d, requests);
    serve(s, &d, requests);
    line alone = open_line(s, 1);
    for (size_t k = 0; k < REQUESTS; k++) {
        float y[LONGEST * 16];
        reset_row(&alone, 0);
        run_line(&alone, requests[k].length, NULL, requests[k].x, y);
        if (sums_in_one_order())
            ck_assert_msg(same_bits(y, requests[k].y, requests[k].length * s->out), "request %zu", k);
        else
            ck_close(y, requests[k].y, requests[k].length * s->out, "a request");
        free(requests[k].x);
        free(requests[k].y);
    }
    close_line(&alone);
    free(requests);
    lstm_params_destroy(s->frozen);
    lstm_model_destroy(s->model);
    lstm_rnn_destroy(s->rnn);
}

START_TEST(a_thousand_requests_through_eight_rows_are_as_each_alone)
{
    server plan = {.out = UNITS}, model = {.out = STREAMED_OUT};
    plan.rnn = streamed_plan(NULL, UNITS, &plan.frozen);
    check_server(&plan);
    model.model = streamed_model(NULL, UNITS, false, &model.frozen);
    check_server(&model);
}
END_TEST

/* ---- copies ---- */

typedef struct pair {
    lstm_model *model;
    lstm_rnn *rnn;
    lstm_params *model_weights, *plan_weights;
    lstm_model_stream *whole, *other_whole;
    lstm_stream *plain, *other_plain;
    float *x;
} pair;

enum { BATCH = 2, TIME = 9 };

static void pair_create(pair *p)
{
    const lstm_stream_config one = {.struct_size = sizeof one, .batch = BATCH};
    const lstm_stream_config other = {.struct_size = sizeof other, .batch = BATCH, .max_steps = 3};
    p->model = streamed_model(NULL, UNITS, true, &p->model_weights);
    p->rnn = streamed_plan(NULL, UNITS, &p->plan_weights);
    ck_ok(lstm_model_stream_create(p->model, p->model_weights, &one, &p->whole));
    ck_ok(lstm_model_stream_create(p->model, p->model_weights, &other, &p->other_whole));
    ck_ok(lstm_stream_create(p->rnn, p->plan_weights, &one, &p->plain));
    ck_ok(lstm_stream_create(p->rnn, p->plan_weights, &other, &p->other_plain));
    p->x = test_numbers("pair", BATCH * TIME * STREAMED_IN, 1.0f);
    float y[BATCH * TIME * UNITS];
    ck_ok(lstm_model_stream_run(p->whole, TIME, NULL, p->x, y));
    ck_ok(lstm_stream_run(p->plain, TIME, p->x, y));
}

static void pair_destroy(pair *p)
{
    lstm_model_stream_destroy(p->whole);
    lstm_model_stream_destroy(p->other_whole);
    lstm_stream_destroy(p->plain);
    lstm_stream_destroy(p->other_plain);
    lstm_params_destroy(p->model_weights);
    lstm_params_destroy(p->plan_weights);
    lstm_model_destroy(p->model);
    lstm_rnn_destroy(p->rnn);
    free(p->x);
}

/* Both streams of each kind go on alike, the model's from what a row had last, too. */
static void check_equal(pair *p)
{
    float a[BATCH * TIME * UNITS], b[BATCH * TIME * UNITS];
    const size_t none[BATCH] = {0}, some[BATCH] = {TIME, 0};
    ck_ok(lstm_model_stream_run(p->whole, TIME, none, p->x, a));
    ck_ok(lstm_model_stream_run(p->other_whole, TIME, none, p->x, b));
    ck_assert(same_bits(a, b, BATCH * STREAMED_OUT));
    ck_ok(lstm_model_stream_run(p->whole, TIME, some, p->x, a));
    ck_ok(lstm_model_stream_run(p->other_whole, TIME, some, p->x, b));
    ck_assert(same_bits(a, b, BATCH * STREAMED_OUT));
    ck_ok(lstm_stream_run(p->plain, TIME, p->x, a));
    ck_ok(lstm_stream_run(p->other_plain, TIME, p->x, b));
    ck_assert(same_bits(a, b, BATCH * TIME * UNITS));
}

START_TEST(a_copy_goes_on_from_where_the_other_is)
{
    pair p;
    pair_create(&p);
    ck_ok(lstm_model_stream_copy(p.whole, p.other_whole));
    ck_ok(lstm_stream_copy(p.plain, p.other_plain));
    check_equal(&p);
    ck_ok(lstm_stream_copy(p.plain, p.plain));
    check_equal(&p);
    pair_destroy(&p);
}
END_TEST

/* ---- bytes ---- */

START_TEST(a_restored_stream_goes_on_as_if_it_had_never_stopped)
{
    pair p;
    pair_create(&p);
    const size_t whole = lstm_model_stream_save_size(p.whole), plain = lstm_stream_save_size(p.plain);
    ck_assert_uint_eq(plain, 36 + 3 * 8 + 3 * BATCH * UNITS * sizeof(float));
    ck_assert_uint_eq(whole, plain + 8 + BATCH * UNITS * sizeof(float));
    unsigned char *bytes = test_allocate(whole + 1, 1);
    bytes[whole] = 0x5A;
    ck_ok(lstm_model_stream_save(p.whole, bytes, whole));
    ck_assert_uint_eq(bytes[whole], 0x5A);
    ck_ok(lstm_model_stream_restore(p.other_whole, bytes, whole));
    bytes[plain] = 0x5A;
    ck_ok(lstm_stream_save(p.plain, bytes, whole));
    ck_assert_uint_eq(bytes[plain], 0x5A);
    ck_ok(lstm_stream_restore(p.other_plain, bytes, plain));
    check_equal(&p);
    free(bytes);
    pair_destroy(&p);
}
END_TEST

/* A state of one row and two leaves of one value, 1 and -2, as any machine writes it. */
START_TEST(the_bytes_of_a_state_are_little_endian_and_do_not_change)
{
    static const char expected[] = "lstmstat"
                                   "\1\0\0\0\0\0\0\0"
                                   "\1\0\0\0\0\0\0\0"
                                   "\2\0\0\0\0\0\0\0"
                                   "\1\0\0\0\0\0\0\0"
                                   "\1\0\0\0\0\0\0\0"
                                   "\0\0\x80\x3F"
                                   "\0\0\0\xC0";
    lstm_cell *cell = test_cell("lstm", 1, LSTM_ACTIVATION_DEFAULT, 1.0f);
    lstm_params *params, *frozen;
    lstm_rnn *rnn;
    lstm_stream *stream;
    unsigned char bytes[sizeof expected - 1 + 4];
    ck_ok(lstm_params_create(NULL, &params));
    ck_ok(lstm_rnn_create(params, NULL, cell, 1, NULL, &rnn));
    ck_ok(lstm_params_initialize(params, 1));
    ck_ok(lstm_params_freeze(params, NULL, &frozen));
    ck_ok(lstm_stream_create(rnn, frozen, NULL, &stream));
    lstm_stream_state(stream, 0)[0] = 1.0f;
    lstm_stream_state(stream, 1)[0] = -2.0f;
    ck_assert_uint_eq(lstm_stream_save_size(stream), sizeof bytes);
    ck_ok(lstm_stream_save(stream, bytes, sizeof bytes));
    ck_assert_mem_eq(bytes, expected, sizeof expected - 1);
    for (size_t k = 0; k < 4; k++)
        ck_assert_uint_eq(bytes[sizeof expected - 1 + k], crc32(0, bytes, sizeof expected - 1) >> 8 * k & 0xFF);
    lstm_stream_destroy(stream);
    lstm_params_destroy(params);
    lstm_params_destroy(frozen);
    lstm_rnn_destroy(rnn);
    lstm_cell_destroy(cell);
}
END_TEST

/* Write the checksum that belongs to such bytes. */
static void seal(unsigned char *bytes, size_t size)
{
    const unsigned long checksum = crc32(0, bytes, (unsigned)size - 4);
    for (size_t k = 0; k < 4; k++)
        bytes[size - 4 + k] = (unsigned char)(checksum >> 8 * k & 0xFF);
}

/* Restoring fails, and the stream's next save has the bytes of the one before. */
static void check_refused(lstm_stream *stream, const unsigned char *bytes, size_t size, lstm_status expected,
                          const char *words)
{
    const size_t own = lstm_stream_save_size(stream);
    unsigned char *before = test_allocate(own, 1), *after = test_allocate(own, 1);
    unsigned char *exact = test_allocate(size, 1); /* so that a byte read too far is found */
    memcpy(exact, bytes, size);
    ck_ok(lstm_stream_save(stream, before, own));
    ck_fails(lstm_stream_restore(stream, exact, size), expected, words);
    ck_ok(lstm_stream_save(stream, after, own));
    ck_assert_mem_eq(before, after, own);
    free(before);
    free(after);
    free(exact);
}

START_TEST(damaged_and_hostile_bytes_are_refused_and_change_nothing)
{
    pair p;
    pair_create(&p);
    const size_t size = lstm_stream_save_size(p.plain);
    unsigned char *good = test_allocate(size + 8, 1), *bytes = test_allocate(size + 8, 1);
    ck_ok(lstm_stream_save(p.plain, good, size));
    for (size_t cut = 1; cut < size; cut++)
        check_refused(p.other_plain, good, cut, LSTM_ERR_FORMAT, cut < 36 ? "not a stream's state" : "cut off");
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(bytes, good, size);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        check_refused(p.other_plain, bytes, size, LSTM_ERR_FORMAT, "lstm_stream_restore");
    }
    /* Well sealed, but none of ours: the byte at a place becomes another. */
    static const struct {
        size_t place;
        unsigned char value;
        lstm_status status;
        const char *words;
    } lies[] = {{8, 2, LSTM_ERR_FORMAT, "version 2"},  {15, 1, LSTM_ERR_FORMAT, "version"},
                {16, 3, LSTM_ERR_SHAPE, "batch of 3"}, {23, 255, LSTM_ERR_SHAPE, "batch"},
                {24, 2, LSTM_ERR_SHAPE, "2 arrays"},   {31, 255, LSTM_ERR_SHAPE, "arrays"},
                {32, 4, LSTM_ERR_SHAPE, "array 0"},    {55, 128, LSTM_ERR_SHAPE, "array 2"}};
    for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
        memcpy(bytes, good, size);
        bytes[lies[k].place] = lies[k].value;
        seal(bytes, size);
        check_refused(p.other_plain, bytes, size, lies[k].status, lies[k].words);
    }
    for (size_t other = 36; other <= size + 8; other++) {
        memcpy(bytes, good, size);
        seal(bytes, other);
        if (other != size)
            check_refused(p.other_plain, bytes, other, LSTM_ERR_FORMAT, "state has");
    }
    free(good);
    free(bytes);
    pair_destroy(&p);
}
END_TEST

START_TEST(states_of_other_shapes_and_nothing_are_refused)
{
    pair p;
    pair_create(&p);
    lstm_stream *three;
    unsigned char bytes[1000];
    const size_t size = lstm_stream_save_size(p.plain), whole = lstm_model_stream_save_size(p.whole);
    ck_ok(lstm_stream_create(p.rnn, p.plan_weights, LSTM_ARGS(lstm_stream_config, .batch = 3), &three));
    ck_fails(lstm_stream_copy(p.plain, three), LSTM_ERR_SHAPE, "batch");
    ck_fails(lstm_stream_copy(NULL, three), LSTM_ERR_INVALID_ARGUMENT, "from is NULL");
    ck_fails(lstm_stream_copy(p.plain, NULL), LSTM_ERR_INVALID_ARGUMENT, "to is NULL");
    ck_fails(lstm_stream_save(p.plain, bytes, size - 1), LSTM_ERR_CAPACITY, "size is");
    ck_fails(lstm_stream_save(NULL, bytes, size), LSTM_ERR_INVALID_ARGUMENT, "stream is NULL");
    ck_fails(lstm_stream_save(p.plain, NULL, size), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    ck_ok(lstm_stream_save(p.plain, bytes, size));
    check_refused(three, bytes, size, LSTM_ERR_SHAPE, "batch of 2, expected 3");
    ck_fails(lstm_model_stream_restore(p.whole, bytes, size), LSTM_ERR_SHAPE, "3 arrays, expected 4");
    ck_fails(lstm_stream_restore(NULL, bytes, size), LSTM_ERR_INVALID_ARGUMENT, "stream is NULL");
    ck_fails(lstm_stream_restore(p.plain, NULL, size), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    ck_assert_uint_eq(lstm_stream_save_size(NULL), 0);

    lstm_params *weights;
    lstm_model *wider = streamed_model(NULL, UNITS + 1, true, &weights);
    lstm_model_stream *other;
    ck_ok(lstm_model_stream_create(wider, weights, LSTM_ARGS(lstm_stream_config, .batch = BATCH), &other));
    ck_fails(lstm_model_stream_copy(p.whole, other), LSTM_ERR_SHAPE, "widths");
    ck_fails(lstm_model_stream_copy(NULL, other), LSTM_ERR_INVALID_ARGUMENT, "from is NULL");
    ck_fails(lstm_model_stream_copy(other, NULL), LSTM_ERR_INVALID_ARGUMENT, "to is NULL");
    ck_fails(lstm_model_stream_save(p.whole, bytes, whole - 1), LSTM_ERR_CAPACITY, "size is");
    ck_fails(lstm_model_stream_save(NULL, bytes, whole), LSTM_ERR_INVALID_ARGUMENT, "stream is NULL");
    ck_fails(lstm_model_stream_save(p.whole, NULL, whole), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    ck_ok(lstm_model_stream_save(p.whole, bytes, whole));
    ck_fails(lstm_model_stream_restore(other, bytes, whole), LSTM_ERR_SHAPE, "array 0 is 5 wide, expected 6");
    ck_fails(lstm_model_stream_restore(NULL, bytes, whole), LSTM_ERR_INVALID_ARGUMENT, "stream is NULL");
    ck_fails(lstm_model_stream_restore(p.whole, NULL, whole), LSTM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    ck_assert_uint_eq(lstm_model_stream_save_size(NULL), 0);
    lstm_model_stream_destroy(other);
    lstm_model_destroy(wider);
    lstm_params_destroy(weights);
    lstm_stream_destroy(three);
    pair_destroy(&p);
}
END_TEST

Suite *stream_state_suite(void)
{
    return test_suite("stream_state", (const TTest *const[]){
                                          a_thousand_requests_through_eight_rows_are_as_each_alone,
                                          a_copy_goes_on_from_where_the_other_is,
                                          a_restored_stream_goes_on_as_if_it_had_never_stopped,
                                          the_bytes_of_a_state_are_little_endian_and_do_not_change,
                                          damaged_and_hostile_bytes_are_refused_and_change_nothing,
                                          states_of_other_shapes_and_nothing_are_refused,
                                          NULL,
                                      });
}
