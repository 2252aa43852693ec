#include "safetensors.h"

#include "context.h"
#include "platform.h"
#include "safetensors_json.h"
#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

struct lstm_safetensors {
    lstm_context *context;
    lstm__header header;
    void *memory; /* what the data stand in, or NULL: they are the caller's */
};

enum { PREFIX = 8 }; /* the bytes of the header's length */

/* The length of the header of a file of that many bytes. */
static lstm_status read_prefix(const char *where, const unsigned char prefix[PREFIX], uint64_t size, size_t *length)
{
    uint64_t wide = 0;
    for (size_t k = 0; k < PREFIX; k++)
        wide |= (uint64_t)prefix[k] << 8 * k;
    if (wide > LSTM__MAX_HEADER)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: not a safetensors file: a header of %llu bytes, at most %d are allowed",
                          where, (unsigned long long)wide, LSTM__MAX_HEADER);
    if (wide > size - PREFIX)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: the header has %llu bytes, but the file ends before", where,
                          (unsigned long long)wide);
    *length = (size_t)wide;
    return LSTM_OK;
}

static lstm_status fail_short(const char *where)
{
    return lstm__fail(LSTM_ERR_FORMAT, "%s: not a safetensors file: it has fewer than %d bytes", where, PREFIX);
}

/* Check the data against the checksum, and let the tensors point to them. */
static lstm_status take_data(const char *where, lstm_safetensors *file, const unsigned char *data, size_t size)
{
    const char *expected = lstm_safetensors_metadata(file, "lstm.checksum");
    if (expected) {
        const unsigned long found = crc32_z(0, data, size);
        if (found != strtoul(expected + strlen("crc32:"), NULL, 16))
            return lstm__fail(LSTM_ERR_FORMAT, "%s: lstm.checksum is %s, but the data give crc32:%08lx", where,
                              expected, found);
    }
    if (!lstm__is_little_endian() && !file->memory) {
        file->memory = lstm__allocate(file->context, size + 1, 1);
        if (!file->memory)
            return lstm__fail_memory(where);
        data = size ? memcpy(file->memory, data, size) : data;
    }
    for (size_t k = 0; k < file->header.count; k++) {
        lstm__entry *e = &file->header.entries[k];
        e->tensor.data = data + e->begin;
        if (!lstm__is_little_endian())
            lstm__swap_bytes(lstm__dtype_unit(e->tensor.dtype), (unsigned char *)file->memory + e->begin,
                             e->tensor.size);
    }
    return LSTM_OK;
}

static lstm_status read_memory(const char *where, lstm_safetensors *file, const unsigned char *bytes, size_t size)
{
    size_t length;
    if (size < PREFIX)
        return fail_short(where);
    lstm_status status = read_prefix(where, bytes, size, &length);
    if (status)
        return status;
    const size_t data_size = size - PREFIX - length;
    status = lstm__header_read(where, file->context, (const char *)bytes + PREFIX, length, data_size, &file->header);
    return status ? status : take_data(where, file, bytes + PREFIX + length, data_size);
}

/* Read exactly that many bytes. */
static lstm_status read_exactly(const char *where, int handle, void *bytes, size_t size)
{
    size_t got;
    const int error = lstm__file_read(handle, bytes, size, &got);
    if (error)
        return lstm__fail_file(where, NULL, error);
    if (got < size)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: the file became shorter while it was read", where);
    return LSTM_OK;
}

/* Nothing is allocated that the file is too short for. */
static lstm_status read_handle(const char *where, lstm_safetensors *file, int handle, uint64_t size)
{
    unsigned char prefix[PREFIX];
    size_t length;
    lstm_status status = size < PREFIX ? fail_short(where) : read_exactly(where, handle, prefix, PREFIX);
    if (status || (status = read_prefix(where, prefix, size, &length)))
        return status;
    const uint64_t data_size = size - PREFIX - length;
    if (data_size >= SIZE_MAX)
        return lstm__fail_memory(where);
    char *text = lstm__allocate(file->context, length + 1, 1);
    status = text ? read_exactly(where, handle, text, length) : lstm__fail_memory(where);
    if (!status)
        status = lstm__header_read(where, file->context, text, length, (size_t)data_size, &file->header);
    lstm__release(file->context, text);
    if (status)
        return status;
    file->memory = lstm__allocate(file->context, (size_t)data_size + 1, 1);
    status = file->memory ? read_exactly(where, handle, file->memory, (size_t)data_size) : lstm__fail_memory(where);
    return status ? status : take_data(where, file, file->memory, (size_t)data_size);
}

static lstm_status read_path(const char *where, lstm_safetensors *file, const char *path)
{
    int handle;
    uint64_t size;
    const int error = lstm__file_open(path, &handle, &size);
    if (error)
        return lstm__fail_file(where, NULL, error);
    lstm_status status = read_handle(where, file, handle, size);
    lstm__file_close(handle);
    return status;
}

const char *lstm__where(const char *function, const char *path, char text[2 * LSTM__QUOTED])
{
    char quoted[LSTM__QUOTED];
    if (path)
        snprintf(text, 2 * LSTM__QUOTED, "%s: \"%s\"", function, lstm__quote(path, quoted));
    else
        snprintf(text, 2 * LSTM__QUOTED, "%s", function);
    return text;
}

lstm_status lstm__safetensors_open(const char *function, lstm_context *context, const char *path, const void *bytes,
                                   size_t size, lstm_safetensors **file)
{
    char where[2 * LSTM__QUOTED];
    lstm__where(function, path, where);
    lstm_safetensors *made = lstm__allocate(context, 1, sizeof *made);
    if (!made)
        return lstm__fail_memory(function);
    made->context = context;
    lstm__context_retain(context);
    lstm_status status = path ? read_path(where, made, path) : read_memory(where, made, bytes, size);
    if (status)
        lstm_safetensors_destroy(made);
    else
        *file = made;
    return status;
}

lstm_status lstm_safetensors_open(lstm_context *context, const char *path, lstm_safetensors **file)
{
    const char *function = "lstm_safetensors_open";
    if (!path || !file)
        return lstm__fail_null(function, path ? "file" : "path");
    return lstm__safetensors_open(function, context, path, NULL, 0, file);
}

lstm_status lstm_safetensors_open_memory(lstm_context *context, const void *bytes, size_t size, lstm_safetensors **file)
{
    const char *function = "lstm_safetensors_open_memory";
    if (!bytes || !file)
        return lstm__fail_null(function, bytes ? "file" : "bytes");
    return lstm__safetensors_open(function, context, NULL, bytes, size, file);
}

void lstm_safetensors_destroy(lstm_safetensors *file)
{
    if (!file)
        return;
    lstm_context *context = file->context;
    lstm__release(context, file->memory);
    lstm__header_free(context, &file->header);
    lstm__release(context, file);
    lstm_context_destroy(context);
}

size_t lstm_safetensors_count(const lstm_safetensors *file)
{
    return file ? file->header.count : 0;
}

const lstm_tensor *lstm__safetensors_at(const lstm_safetensors *file, size_t index)
{
    return &file->header.entries[index].tensor;
}

lstm_status lstm_safetensors_tensor(const lstm_safetensors *file, size_t index, lstm_tensor *tensor)
{
    const char *function = "lstm_safetensors_tensor";
    if (!file || !tensor)
        return lstm__fail_null(function, file ? "tensor" : "file");
    if (index >= file->header.count)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: index is %zu, expected below %zu", function, index,
                          file->header.count);
    *tensor = *lstm__safetensors_at(file, index);
    return LSTM_OK;
}

static int compare_name(const void *name, const void *element)
{
    const lstm__entry *const *e = element;
    return strcmp(name, (*e)->tensor.name);
}

const lstm_tensor *lstm__safetensors_find(const lstm_safetensors *file, const char *name, bool *used)
{
    const lstm__entry *const *found =
        bsearch(name, file->header.by_name, file->header.count, sizeof *file->header.by_name, compare_name);
    if (!found)
        return NULL;
    if (used)
        used[*found - file->header.entries] = true;
    return &(*found)->tensor;
}

lstm_status lstm_safetensors_find(const lstm_safetensors *file, const char *name, lstm_tensor *tensor)
{
    const char *function = "lstm_safetensors_find";
    char quoted[LSTM__QUOTED];
    if (!file || !name || !tensor)
        return lstm__fail_null(function, !file ? "file" : !name ? "name" : "tensor");
    const lstm_tensor *found = lstm__safetensors_find(file, name, NULL);
    if (!found)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: there is no tensor \"%s\"", function,
                          lstm__quote(name, quoted));
    *tensor = *found;
    return LSTM_OK;
}

const char *lstm_safetensors_metadata(const lstm_safetensors *file, const char *key)
{
    return file && key ? json_string_value(json_object_get(file->header.metadata, key)) : NULL;
}
