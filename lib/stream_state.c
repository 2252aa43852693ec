#include "stream.h"

#include "status.h"

#include <string.h>
#include <zlib.h>

static const char magic[] = {'l', 's', 't', 'm', 's', 't', 'a', 't'};
enum { VERSION = 1, FIELDS = sizeof magic + 3 * 8, CHECKSUM = 4 }; /* in bytes */

static size_t width_of(const lstm__state *state, size_t k)
{
    size_t width;
    (void)state->array(state->stream, k, &width);
    return width;
}

static bool have_equal_shapes(const lstm__state *a, const lstm__state *b)
{
    bool equal = a->batch == b->batch && a->arrays == b->arrays;
    for (size_t k = 0; equal && k < a->arrays; k++)
        equal = width_of(a, k) == width_of(b, k);
    return equal;
}

lstm_status lstm__state_copy(const char *function, const lstm__state *from, const lstm__state *to)
{
    if (!have_equal_shapes(from, to))
        return lstm__fail(LSTM_ERR_SHAPE, "%s: from and to differ in their batch or in the widths of their states",
                          function);
    for (size_t k = 0; k < from->arrays; k++) {
        size_t width;
        const float *values = from->array(from->stream, k, &width);
        memmove(to->array(to->stream, k, &width), values, from->batch * width * sizeof *values);
    }
    return LSTM_OK;
}

/* Write the lowest `count` bytes of a number, or read it; the place behind. */
static unsigned char *put(unsigned char *at, size_t count, uint64_t number)
{
    for (size_t k = 0; k < count; k++)
        *at++ = (unsigned char)(number >> 8 * k & 0xFF);
    return at;
}

static const unsigned char *get(const unsigned char *at, size_t count, uint64_t *number)
{
    *number = 0;
    for (size_t k = 0; k < count; k++)
        *number |= (uint64_t)*at++ << 8 * k;
    return at;
}

size_t lstm__state_bytes(const lstm__state *state)
{
    size_t bytes = FIELDS + CHECKSUM;
    for (size_t k = 0; k < state->arrays; k++)
        bytes += 8 + state->batch * width_of(state, k) * sizeof(float);
    return bytes;
}

lstm_status lstm__state_save(const char *function, const lstm__state *state, void *bytes, size_t size)
{
    const size_t needed = lstm__state_bytes(state);
    if (size < needed)
        return lstm__fail(LSTM_ERR_CAPACITY, "%s: size is %zu, expected at least %zu", function, size, needed);
    unsigned char *at = (unsigned char *)memcpy(bytes, magic, sizeof magic) + sizeof magic;
    at = put(at, 8, VERSION);
    at = put(at, 8, state->batch);
    at = put(at, 8, state->arrays);
    for (size_t k = 0; k < state->arrays; k++)
        at = put(at, 8, width_of(state, k));
    for (size_t k = 0; k < state->arrays; k++) {
        size_t width;
        const float *values = state->array(state->stream, k, &width);
        for (size_t n = 0; n < state->batch * width; n++) {
            uint32_t bits;
            memcpy(&bits, &values[n], sizeof bits);
            at = put(at, sizeof bits, bits);
        }
    }
    put(at, CHECKSUM, crc32_z(0, bytes, needed - CHECKSUM));
    return LSTM_OK;
}

/* What the bytes say of themselves. */
static lstm_status check_bytes(const char *function, const unsigned char *bytes, size_t size)
{
    uint64_t version, checksum;
    if (size < FIELDS + CHECKSUM || memcmp(bytes, magic, sizeof magic))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: the bytes are not a stream's state", function);
    get(bytes + sizeof magic, 8, &version);
    if (version != VERSION)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: the state has version %llu, expected %d", function,
                          (unsigned long long)version, VERSION);
    get(bytes + size - CHECKSUM, CHECKSUM, &checksum);
    if (checksum != crc32_z(0, bytes, size - CHECKSUM))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: the state is damaged or cut off: its checksum does not fit", function);
    return LSTM_OK;
}

static lstm_status check_shapes(const char *function, const lstm__state *state, const unsigned char *bytes, size_t size)
{
    uint64_t batch, arrays;
    const unsigned char *at = get(bytes + sizeof magic + 8, 8, &batch);
    at = get(at, 8, &arrays);
    if (batch != state->batch)
        return lstm__fail(LSTM_ERR_SHAPE, "%s: the state is of a batch of %llu, expected %zu", function,
                          (unsigned long long)batch, state->batch);
    if (arrays != state->arrays)
        return lstm__fail(LSTM_ERR_SHAPE, "%s: the state has %llu arrays, expected %zu", function,
                          (unsigned long long)arrays, state->arrays);
    for (size_t k = 0; k < arrays && size >= FIELDS + CHECKSUM + 8 * (k + 1); k++) {
        uint64_t width;
        at = get(at, 8, &width);
        if (width != width_of(state, k))
            return lstm__fail(LSTM_ERR_SHAPE, "%s: the state's array %zu is %llu wide, expected %zu", function, k,
                              (unsigned long long)width, width_of(state, k));
    }
    if (size != lstm__state_bytes(state))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: the state has %zu bytes, expected %zu", function, size,
                          lstm__state_bytes(state));
    return LSTM_OK;
}

lstm_status lstm__state_restore(const char *function, const lstm__state *state, const void *bytes, size_t size)
{
    lstm_status status = check_bytes(function, bytes, size);
    if (status || (status = check_shapes(function, state, bytes, size)))
        return status;
    const unsigned char *at = (const unsigned char *)bytes + FIELDS + 8 * state->arrays;
    for (size_t k = 0; k < state->arrays; k++) {
        size_t width;
        float *values = state->array(state->stream, k, &width);
        for (size_t n = 0; n < state->batch * width; n++) {
            uint64_t number;
            at = get(at, sizeof(float), &number);
            const uint32_t bits = (uint32_t)number;
            memcpy(&values[n], &bits, sizeof bits);
        }
    }
    return LSTM_OK;
}

/* ---- a stream's ---- */

static float *leaf_array(const void *stream, size_t k, size_t *width)
{
    const lstm_stream *s = stream;
    *width = s->tape->rnn->state_sizes[k];
    return s->state[k];
}

static lstm__state state_of(const lstm_stream *stream)
{
    return (lstm__state){
        .stream = stream, .batch = stream->batch, .arrays = stream->tape->rnn->states, .array = leaf_array};
}

lstm_status lstm_stream_copy(const lstm_stream *from, lstm_stream *to)
{
    const char *function = "lstm_stream_copy";
    if (!from || !to)
        return lstm__fail_null(function, from ? "to" : "from");
    const lstm__state source = state_of(from), target = state_of(to);
    return lstm__state_copy(function, &source, &target);
}

size_t lstm_stream_save_size(const lstm_stream *stream)
{
    if (!stream)
        return 0;
    const lstm__state state = state_of(stream);
    return lstm__state_bytes(&state);
}

lstm_status lstm_stream_save(const lstm_stream *stream, void *bytes, size_t size)
{
    const char *function = "lstm_stream_save";
    if (!stream || !bytes)
        return lstm__fail_null(function, stream ? "bytes" : "stream");
    const lstm__state state = state_of(stream);
    return lstm__state_save(function, &state, bytes, size);
}

lstm_status lstm_stream_restore(lstm_stream *stream, const void *bytes, size_t size)
{
    const char *function = "lstm_stream_restore";
    if (!stream || !bytes)
        return lstm__fail_null(function, stream ? "bytes" : "stream");
    const lstm__state state = state_of(stream);
    return lstm__state_restore(function, &state, bytes, size);
}
