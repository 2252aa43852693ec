#include "context.h"
#include "memory.h"
#include "platform.h"
#include "safetensors_json.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

#include <zlib.h>

enum { PREFIX = 8, ALIGNMENT = 8 };

/* What is to be written. */
typedef struct writer {
    const char *function;
    lstm_context *context;
    const lstm_tensor *tensors;
    size_t count;
    json_t *header;
    unsigned char *text;    /* the header as it stands in the file */
    lstm__piece *pieces;    /* the text, then the data in their order */
    unsigned char *swapped; /* the data in the file's byte order, where the machine's is another */
} writer;

static void release(writer *w)
{
    json_decref(w->header);
    lstm__release(w->context, w->text);
    lstm__release(w->context, w->pieces);
    lstm__release(w->context, w->swapped);
}

static lstm_status fail_memory(const writer *w)
{
    return lstm__fail_memory(w->function);
}

/* Put a key into an object: a value, which the object takes over, or a text if there is none. */
static lstm_status add(const writer *w, json_t *object, const char *key, json_t *value, const char *text)
{
    char quoted[LSTM__QUOTED];
    if (json_object_get(object, key)) {
        json_decref(value);
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%s\" is given twice", w->function,
                          lstm__quote(key, quoted));
    }
    lstm__memory_forget();
    if (!json_object_set_new(object, key, value ? value : json_string(text)))
        return LSTM_OK;
    if (lstm__memory_ran_out())
        return fail_memory(w);
    return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%s\" or its value is not UTF-8", w->function,
                      lstm__quote(key, quoted));
}

static lstm_status add_default(const writer *w, json_t *metadata, const char *key, const char *value)
{
    return json_object_get(metadata, key) ? LSTM_OK : add(w, metadata, key, NULL, value);
}

static lstm_status add_metadata(const writer *w, const lstm_metadata *pairs, size_t count)
{
    lstm_status status = LSTM_OK;
    json_t *metadata = json_object();
    if (!metadata || json_object_set_new(w->header, "__metadata__", metadata))
        return fail_memory(w);
    for (size_t k = 0; k < count && !status; k++) {
        if (!pairs[k].key || !pairs[k].value)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: metadata[%zu] has no key or no value", w->function, k);
        if (!strcmp(pairs[k].key, "lstm.checksum"))
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: lstm.checksum is not the caller's to give", w->function);
        status = add(w, metadata, pairs[k].key, NULL, pairs[k].value);
    }
    if (!status)
        status = add_default(w, metadata, "lstm.format", "params");
    if (!status)
        status = add_default(w, metadata, "lstm.version", "1");
    return status ? status : lstm__metadata_check(w->function, LSTM_ERR_INVALID_ARGUMENT, metadata);
}

static lstm_status check_tensor(const writer *w, size_t k)
{
    char quoted[LSTM__QUOTED];
    const lstm_tensor *t = &w->tensors[k];
    size_t size;
    if (!t->name || (!t->shape && t->rank) || (!t->data && t->size))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: tensors[%zu] has no %s", w->function, k,
                          !t->name               ? "name"
                          : !t->shape && t->rank ? "shape"
                                                 : "data");
    bool good = lstm__tensor_size(t->dtype, t->rank, t->shape, &size) && size == t->size;
    for (size_t axis = 0; axis < t->rank; axis++) {
        const uint64_t length = t->shape[axis];
        good = good && length <= INT64_MAX;
    }
    if (!good)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: size, dtype and shape of \"%s\" do not fit", w->function,
                          lstm__quote(t->name, quoted));
    return LSTM_OK;
}

static lstm_status add_tensor(const writer *w, const lstm_tensor *t, size_t begin, size_t end)
{
    json_t *shape = json_array();
    for (size_t axis = 0; axis < t->rank; axis++)
        if (json_array_append_new(shape, json_integer((json_int_t)t->shape[axis]))) {
            json_decref(shape);
            return fail_memory(w);
        }
    json_t *entry = json_pack("{s:s,s:o,s:[I,I]}", "dtype", lstm_dtype_name(t->dtype), "shape", shape, "data_offsets",
                              (json_int_t)begin, (json_int_t)end);
    return entry ? add(w, w->header, t->name, entry, NULL) : fail_memory(w);
}

/* By falling width, and else in the caller's order: then each tensor begins at a multiple of its width. */
static lstm_status add_tensors(const writer *w, size_t *data_size)
{
    size_t begin = 0, end;
    lstm__piece *piece = w->pieces + 1;
    for (size_t k = 0; k < w->count; k++) {
        lstm_status status = check_tensor(w, k);
        if (status)
            return status;
    }
    for (size_t unit = ALIGNMENT; unit; unit /= 2)
        for (size_t k = 0; k < w->count; k++) {
            const lstm_tensor *t = &w->tensors[k];
            if (lstm__dtype_unit(t->dtype) != unit)
                continue;
            if (!lstm__add(begin, t->size, &end))
                return fail_memory(w);
            lstm_status status = add_tensor(w, t, begin, end);
            if (status)
                return status;
            *piece++ = (lstm__piece){t->data, t->size};
            begin = end;
        }
    *data_size = begin;
    return LSTM_OK;
}

/* The pieces point to the data in the machine's byte order; let them point to copies in the file's. */
static lstm_status swap_data(writer *w, size_t data_size)
{
    w->swapped = lstm__allocate(w->context, data_size + 1, 1);
    if (!w->swapped)
        return fail_memory(w);
    unsigned char *at = w->swapped;
    lstm__piece *piece = w->pieces + 1;
    for (size_t unit = ALIGNMENT; unit; unit /= 2)
        for (size_t k = 0; k < w->count; k++) {
            if (lstm__dtype_unit(w->tensors[k].dtype) != unit)
                continue;
            if (piece->size)
                memcpy(at, piece->bytes, piece->size);
            lstm__swap_bytes(unit, at, piece->size);
            piece->bytes = at;
            at += piece->size;
            piece++;
        }
    return LSTM_OK;
}

static lstm_status add_checksum(const writer *w)
{
    char text[32];
    unsigned long checksum = crc32_z(0, NULL, 0);
    for (size_t k = 1; k <= w->count; k++)
        if (w->pieces[k].size)
            checksum = crc32_z(checksum, w->pieces[k].bytes, w->pieces[k].size);
    snprintf(text, sizeof text, "crc32:%08lx", checksum);
    return add(w, json_object_get(w->header, "__metadata__"), "lstm.checksum", NULL, text);
}

/* The header's length and JSON, with spaces up to a multiple of 8 bytes. */
static lstm_status make_text(writer *w)
{
    const size_t length = json_dumpb(w->header, NULL, 0, JSON_COMPACT);
    const size_t padded = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (padded > LSTM__MAX_HEADER)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the header would have %zu bytes, at most %d are allowed",
                          w->function, padded, LSTM__MAX_HEADER);
    w->text = lstm__allocate(w->context, PREFIX + padded, 1);
    if (!length || !w->text)
        return fail_memory(w);
    for (size_t k = 0; k < PREFIX; k++)
        w->text[k] = (unsigned char)((uint64_t)padded >> 8 * k);
    if (json_dumpb(w->header, (char *)w->text + PREFIX, length, JSON_COMPACT) != length)
        return fail_memory(w);
    memset(w->text + PREFIX + length, ' ', padded - length);
    w->pieces[0] = (lstm__piece){w->text, PREFIX + padded};
    return LSTM_OK;
}

static lstm_status prepare(writer *w, const lstm_metadata *metadata, size_t metadata_count)
{
    size_t data_size = 0;
    w->header = json_object();
    w->pieces = lstm__allocate(w->context, w->count + 1, sizeof *w->pieces);
    lstm_status status = w->header && w->pieces ? add_metadata(w, metadata, metadata_count) : fail_memory(w);
    if (!status)
        status = add_tensors(w, &data_size);
    if (!status && !lstm__is_little_endian())
        status = swap_data(w, data_size);
    if (!status)
        status = add_checksum(w);
    return status ? status : make_text(w);
}

lstm_status lstm__safetensors_save(const char *function, lstm_context *context, const char *path,
                                   const lstm_metadata *metadata, size_t metadata_count, const lstm_tensor *tensors,
                                   size_t tensor_count)
{
    writer w = {.function = function, .context = context, .tensors = tensors, .count = tensor_count};
    lstm_status status = prepare(&w, metadata, metadata_count);
    if (!status) {
        const int error = lstm__file_write(path, w.pieces, tensor_count + 1);
        if (error)
            status = lstm__fail_file(function, path, error);
    }
    release(&w);
    return status;
}

lstm_status lstm_safetensors_save(lstm_context *context, const char *path, const lstm_metadata *metadata,
                                  size_t metadata_count, const lstm_tensor *tensors, size_t tensor_count)
{
    const char *function = "lstm_safetensors_save";
    if (!path || (!metadata && metadata_count) || (!tensors && tensor_count))
        return lstm__fail_null(function, !path ? "path" : !metadata && metadata_count ? "metadata" : "tensors");
    return lstm__safetensors_save(function, context, path, metadata, metadata_count, tensors, tensor_count);
}
