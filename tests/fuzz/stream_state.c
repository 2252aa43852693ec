/* Any bytes as the state of a stream: it becomes the state, or changes nothing. The first byte says of which stream. */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { MAX_BATCH = 3, CELLS = 3, STREAMS = CELLS * MAX_BATCH, MAX_STATE = 1024, CHECKSUM = 4 };

/* A stream of a plan, or if there is one, a model's. */
typedef struct subject {
    lstm_stream *stream;
    lstm_model_stream *model_stream;
    unsigned char first[MAX_STATE]; /* the state that it starts from */
    size_t size;
} subject;

static lstm_stream *make_stream(size_t kind, size_t batch)
{
    lstm_params *params, *frozen;
    lstm_cell *cells[2], *cell;
    lstm_rnn *rnn;
    lstm_stream *stream;
    need(!lstm_params_create(NULL, &params));
    need(!lstm_cell_create_lstm(NULL, 3, LSTM_ARGS(lstm_lstm_config, .num_proj = 2), &cells[0]));
    need(!lstm_cell_create_gru(NULL, 2, NULL, &cells[1]));
    need(!lstm_cell_create_multi_rnn(NULL, cells, 2, &cell));
    need(!lstm_rnn_create(params, NULL, kind ? cell : cells[0], 2, NULL, &rnn));
    need(!lstm_params_initialize(params, 1) && !lstm_params_freeze(params, NULL, &frozen));
    need(!lstm_stream_create(rnn, frozen, LSTM_ARGS(lstm_stream_config, .batch = batch), &stream));
    lstm_cell_destroy(cells[0]);
    lstm_cell_destroy(cells[1]);
    lstm_cell_destroy(cell);
    lstm_rnn_destroy(rnn);
    lstm_params_destroy(params);
    lstm_params_destroy(frozen);
    return stream;
}

static lstm_model_stream *make_model_stream(size_t batch)
{
    static const char graph[] = "{\"input_size\":2,\"layers\":[{\"type\":\"dense\",\"units\":2},{\"type\":\"rnn\","
                                "\"return\":\"last\",\"cell\":{\"type\":\"basic_lstm\",\"num_units\":2}}]}";
    lstm_params *params, *frozen;
    lstm_model *model;
    lstm_model_stream *stream;
    need(!lstm_params_create(NULL, &params) && !lstm_model_create(params, graph, &model));
    need(!lstm_params_initialize(params, 1) && !lstm_params_freeze(params, NULL, &frozen));
    need(!lstm_model_stream_create(model, frozen, LSTM_ARGS(lstm_stream_config, .batch = batch), &stream));
    lstm_model_destroy(model);
    lstm_params_destroy(params);
    lstm_params_destroy(frozen);
    return stream;
}

static void save(const subject *s, void *bytes)
{
    if (s->stream)
        need(!lstm_stream_save(s->stream, bytes, s->size));
    else
        need(!lstm_model_stream_save(s->model_stream, bytes, s->size));
}

static lstm_status restore(const subject *s, const void *bytes, size_t size)
{
    const unsigned documented = FORMAT | SHAPE;
    return s->stream ? fuzz_status(lstm_stream_restore(s->stream, bytes, size), "lstm_stream_restore", documented)
                     : fuzz_status(lstm_model_stream_restore(s->model_stream, bytes, size), "lstm_model_stream_restore",
                                   documented);
}

static void run(const subject *s)
{
    static const float x[MAX_BATCH * 2] = {1, -1, 0.5f};
    float *y = fuzz_array(MAX_BATCH * 2, sizeof *y);
    if (s->stream)
        need(!lstm_stream_run(s->stream, 1, x, y));
    else
        need(!lstm_model_stream_run(s->model_stream, 1, NULL, x, y));
}

static subject *subject_at(size_t index)
{
    static subject subjects[STREAMS];
    subject *s = &subjects[index];
    if (s->size)
        return s;
    const size_t kind = index % CELLS, batch = index / CELLS + 1;
    if (kind < 2)
        s->stream = make_stream(kind, batch);
    else
        s->model_stream = make_model_stream(batch);
    s->size = s->stream ? lstm_stream_save_size(s->stream) : lstm_model_stream_save_size(s->model_stream);
    need(s->size <= MAX_STATE);
    run(s);
    save(s, s->first);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    unsigned char after[MAX_STATE];
    if (!size)
        return 0;
    const subject *s = subject_at(bytes[0] % STREAMS);
    lstm_status status = restore(s, bytes + 1, size - 1);
    save(s, after);
    if (status) {
        need(!memcmp(after, s->first, s->size));
        return 0;
    }
    need(size - 1 == s->size && !memcmp(after, bytes + 1, s->size));
    run(s);
    need(!restore(s, s->first, s->size));
    fuzz_arrays_check();
    return 0;
}

/* Mostly with a checksum that is right again. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed;
    size = LLVMFuzzerMutate(data, size, max_size);
    if (size < 1 + CHECKSUM || fuzz_random(&state, 8) == 0)
        return size;
    const unsigned long checksum = crc32_z(0, data + 1, size - 1 - CHECKSUM);
    for (size_t k = 0; k < CHECKSUM; k++)
        data[size - CHECKSUM + k] = (uint8_t)(checksum >> 8 * k);
    return size;
}

void fuzz_seeds(void)
{
    for (size_t k = 0; k < STREAMS; k++) {
        char name[32];
        unsigned char bytes[1 + MAX_STATE] = {(unsigned char)k};
        const subject *s = subject_at(k);
        snprintf(name, sizeof name, "stream_%zu", k);
        memcpy(bytes + 1, s->first, s->size);
        fuzz_seed(name, bytes, 1 + s->size);
    }
}
