#include "safetensors_json.h"

#include "context.h"
#include "json_read.h"
#include "memory.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 127 }; /* the official reader's limit */

static lstm_status parse(const char *where, lstm_context *context, const char *text, size_t length,
                         lstm__header *header)
{
    char quoted[LSTM__QUOTED];
    json_error_t error;
    if (lstm__json_nests_deeper(text, length, MAX_DEPTH))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: the header nests more than %d levels deep", where, MAX_DEPTH);
    lstm_status status =
        lstm__json_load(where, context, text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &header->json, &error);
    if (status)
        return status;
    if (!header->json)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: the JSON header cannot be read: byte %d: %s", where, error.position,
                          lstm__quote(error.text, quoted));
    return json_is_object(header->json) ? LSTM_OK
                                        : lstm__fail(LSTM_ERR_FORMAT, "%s: the header is not a JSON object", where);
}

/* A size that an integer of JSON stands for; 2.0 and 1e2 are none. */
static bool read_size(const json_t *value, size_t *size)
{
    const json_int_t integer = json_is_integer(value) ? json_integer_value(value) : -1;
    if (integer < 0 || (unsigned long long)integer > SIZE_MAX)
        return false;
    *size = (size_t)integer;
    return true;
}

/* The official reader, which serde makes, also takes an entry's values as an array, and {"F32":null} for "F32". */
static json_t *field(const json_t *entry, const char *key, size_t place)
{
    return json_array_size(entry) == 3 ? json_array_get(entry, place) : json_object_get(entry, key);
}

static lstm_status read_dtype(const char *where, const char *quoted, json_t *value, lstm_dtype *dtype)
{
    char other[LSTM__QUOTED];
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (json_object_size(value) == 1 && json_is_null(json_object_iter_value(json_object_iter(value)))) {
        text = json_object_iter_key(json_object_iter(value));
        length = strlen(text);
    }
    if (!text)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: tensor \"%s\" has no dtype", where, quoted);
    if (!lstm__dtype_named(text, length, dtype))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: tensor \"%s\" is of the unknown dtype \"%s\"", where, quoted,
                          lstm__quote(text, other));
    return LSTM_OK;
}

/* Fill e from the header's value for a tensor; its axes go to shape. */
static lstm_status read_entry(const char *where, const char *name, const json_t *value, size_t *shape, lstm__entry *e)
{
    char quoted[LSTM__QUOTED], other[LSTM__QUOTED];
    const json_t *axes = field(value, "shape", 1), *offsets = field(value, "data_offsets", 2);
    size_t begin, end, size;
    lstm_status status = read_dtype(where, lstm__quote(name, quoted), field(value, "dtype", 0), &e->tensor.dtype);
    if (status)
        return status;
    if (!json_is_array(axes))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: tensor \"%s\" has no shape", where, quoted);
    e->tensor.name = name;
    e->tensor.rank = json_array_size(axes);
    e->tensor.shape = shape;
    for (size_t k = 0; k < e->tensor.rank; k++)
        if (!read_size(json_array_get(axes, k), &shape[k]))
            return lstm__fail(LSTM_ERR_FORMAT, "%s: axis %zu of tensor \"%s\" is not a size", where, k, quoted);
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end) || end < begin)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: data_offsets of tensor \"%s\" are not a begin and an end", where,
                          quoted);
    if (!lstm__tensor_size(e->tensor.dtype, e->tensor.rank, shape, &size))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: tensor \"%s\" of shape %s is too large, or ends within a byte", where,
                          quoted, lstm__shape_text(e->tensor.rank, shape, other));
    if (size != end - begin)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: tensor \"%s\" of shape %s takes %zu bytes, data_offsets span %zu",
                          where, quoted, lstm__shape_text(e->tensor.rank, shape, other), size, end - begin);
    e->begin = begin;
    e->tensor.size = size;
    return LSTM_OK;
}

static int by_begin(const void *left, const void *right)
{
    const lstm__entry *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->tensor.size != b->tensor.size) /* an empty one goes before what stands there */
        return a->tensor.size < b->tensor.size ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static int by_name(const void *left, const void *right)
{
    const lstm__entry *const *a = left, *const *b = right;
    return strcmp((*a)->tensor.name, (*b)->tensor.name);
}

/* The tensors stand one behind the other and fill the data. */
static lstm_status check_places(const char *where, const lstm__header *header, size_t data_size)
{
    char quoted[LSTM__QUOTED];
    size_t end = 0;
    for (size_t k = 0; k < header->count; k++) {
        const lstm__entry *e = &header->entries[k];
        if (e->begin != end)
            return lstm__fail(LSTM_ERR_FORMAT, "%s: tensor \"%s\" begins at %zu, %s", where,
                              lstm__quote(e->tensor.name, quoted), e->begin,
                              e->begin < end ? "within another tensor" : "behind a hole");
        if (e->tensor.size > data_size - end)
            return lstm__fail(LSTM_ERR_FORMAT, "%s: tensor \"%s\" ends at %zu, but there are %zu bytes of data", where,
                              lstm__quote(e->tensor.name, quoted), end + e->tensor.size, data_size);
        end += e->tensor.size;
    }
    if (end != data_size)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: %zu bytes follow the last tensor", where, data_size - end);
    return LSTM_OK;
}

static lstm_status read_metadata(const char *where, json_t *metadata, lstm__header *header)
{
    char quoted[LSTM__QUOTED];
    const char *key;
    json_t *value;
    void *next;
    if (!metadata || json_is_null(metadata))
        return LSTM_OK;
    if (!json_is_object(metadata))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: __metadata__ is not a JSON object", where);
    json_object_foreach_safe (metadata, next, key, value)
        if (json_is_null(value)) /* as if the key were absent */
            json_object_del(metadata, key);
        else if (!json_is_string(value))
            return lstm__fail(LSTM_ERR_FORMAT, "%s: \"%s\" of __metadata__ is not a string", where,
                              lstm__quote(key, quoted));
    header->metadata = metadata;
    return lstm__metadata_check(where, LSTM_ERR_FORMAT, metadata);
}

/* Fill entries, shapes and by_name, which have room enough. */
static lstm_status read_entries(const char *where, lstm__header *header)
{
    const char *name;
    json_t *value;
    size_t axes = 0, count = 0;
    json_object_foreach (header->json, name, value) {
        if (!strcmp(name, "__metadata__"))
            continue;
        lstm__entry *e = &header->entries[count];
        lstm_status status = read_entry(where, name, value, header->shapes + axes, e);
        if (status)
            return status;
        e->place = count++;
        axes += e->tensor.rank;
    }
    qsort(header->entries, count, sizeof *header->entries, by_begin);
    for (size_t k = 0; k < count; k++)
        header->by_name[k] = &header->entries[k];
    qsort(header->by_name, count, sizeof *header->by_name, by_name);
    return LSTM_OK;
}

lstm_status lstm__header_read(const char *where, lstm_context *context, const char *text, size_t length,
                              size_t data_size, lstm__header *header)
{
    lstm_status status = parse(where, context, text, length, header);
    if (status)
        return status;
    size_t axes = 0;
    const char *name;
    json_t *value;
    json_object_foreach (header->json, name, value)
        axes += json_array_size(field(value, "shape", 1));
    json_t *metadata = json_object_get(header->json, "__metadata__");
    header->count = json_object_size(header->json) - (metadata ? 1 : 0);
    header->entries = lstm__allocate(context, header->count + 1, sizeof *header->entries);
    header->by_name = lstm__allocate(context, header->count + 1, sizeof *header->by_name);
    header->shapes = lstm__allocate(context, axes + 1, sizeof *header->shapes);
    if (!header->entries || !header->by_name || !header->shapes)
        status = lstm__fail_memory(where);
    if (!status)
        status = read_metadata(where, metadata, header);
    if (!status)
        status = read_entries(where, header);
    return status ? status : check_places(where, header, data_size);
}

void lstm__header_free(lstm_context *context, lstm__header *header)
{
    lstm__release(context, header->shapes);
    lstm__release(context, header->by_name);
    lstm__release(context, header->entries);
    json_decref(header->json);
}

static const char *text_of(const json_t *metadata, const char *key)
{
    return json_string_value(json_object_get(metadata, key));
}

static bool is_checksum(const char *text)
{
    return !strncmp(text, "crc32:", 6) && strlen(text) == 14 && strspn(text + 6, "0123456789abcdef") == 8;
}

lstm_status lstm__metadata_check(const char *where, lstm_status status, json_t *metadata)
{
    char quoted[LSTM__QUOTED];
    const char *key;
    json_t *value;
    bool any = false;
    json_object_foreach (metadata, key, value) {
        if (strncmp(key, "lstm.", 5) != 0)
            continue;
        any = true;
        if (strlen(json_string_value(value)) != json_string_length(value))
            return lstm__fail(status, "%s: \"%s\" holds a NUL", where, lstm__quote(key, quoted));
    }
    if (!any)
        return LSTM_OK;
    const char *format = text_of(metadata, "lstm.format"), *version = text_of(metadata, "lstm.version");
    const char *checksum = text_of(metadata, "lstm.checksum");
    if (!format || !version)
        return lstm__fail(status, "%s: there are keys \"lstm...\", but no %s", where,
                          format ? "lstm.version" : "lstm.format");
    if (strcmp(version, "1") != 0)
        return lstm__fail(status, "%s: lstm.version is \"%s\", expected \"1\"", where, lstm__quote(version, quoted));
    if (strcmp(format, "model") != 0 && strcmp(format, "params") != 0 && strcmp(format, "checkpoint") != 0)
        return lstm__fail(status, "%s: lstm.format is \"%s\", expected \"model\", \"params\" or \"checkpoint\"", where,
                          lstm__quote(format, quoted));
    if (!strcmp(format, "params") && text_of(metadata, "lstm.model"))
        return lstm__fail(status, "%s: lstm.format is \"params\", but there is an lstm.model", where);
    if (checksum && !is_checksum(checksum))
        return lstm__fail(status, "%s: lstm.checksum is \"%s\", expected \"crc32:\" and 8 hexadecimal digits", where,
                          lstm__quote(checksum, quoted));
    return LSTM_OK;
}
