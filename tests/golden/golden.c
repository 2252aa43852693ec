#include "golden.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    size_t rank, shape[GOLDEN_MAX_RANK], count;
    const float *values;
} golden_entry;

struct golden_case {
    const char *name;
    const char **keys; /* "key=value" */
    size_t key_count;
    golden_entry *arrays;
    size_t array_count;
};

struct golden {
    char *header;
    float *values;
    golden_case *cases;
    size_t case_count;
};

/* Makes room for one more item of `size` bytes, set to zero; NULL if there is no memory. */
static void *grow(void *items, size_t count, size_t size)
{
    if (count >= SIZE_MAX / size - 1) {
        return NULL;
    }
    char *larger = realloc(items, (count + 1) * size);
    if (larger != NULL) {
        memset(larger + count * size, 0, size);
    }
    return larger;
}

/* Cuts the next word off a line; NULL at its end. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " ");
    size_t length = strcspn(word, " ");
    if (length == 0) {
        return NULL;
    }
    *line = word + length;
    if (**line == ' ') {
        *(*line)++ = '\0';
    }
    return word;
}

/* Reads a number up to `end` or the end of the text; false if anything else is there. */
static bool parse_size(const char *text, char end, size_t *value, const char **rest)
{
    char *stop;
    if (text == NULL || *text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    unsigned long long parsed = strtoull(text, &stop, 10);
    if (errno != 0 || parsed > SIZE_MAX || (*stop != end && *stop != '\0')) {
        return false;
    }
    *value = (size_t)parsed;
    *rest = stop;
    return true;
}

static const golden_entry *find_array(const golden_case *c, const char *name)
{
    for (size_t k = 0; k < c->array_count; k++) {
        if (strcmp(c->arrays[k].name, name) == 0) {
            return &c->arrays[k];
        }
    }
    return NULL;
}

/* case NAME key=value ... */
static const char *parse_case(golden *file, char *line)
{
    const char *name = next_word(&line);
    if (name == NULL) {
        return "a case without a name";
    }
    if (golden_find(file, name) != NULL) {
        return "two cases of one name";
    }
    golden_case *cases = grow(file->cases, file->case_count, sizeof *cases);
    if (cases == NULL) {
        return "out of memory";
    }
    file->cases = cases;
    golden_case *c = &file->cases[file->case_count++];
    c->name = name;
    for (const char *key; (key = next_word(&line)) != NULL; c->key_count++) {
        if (strchr(key, '=') == NULL || *key == '=') {
            return "a key that is not key=value";
        }
        const char **keys = grow(c->keys, c->key_count, sizeof *keys);
        if (keys == NULL) {
            return "out of memory";
        }
        c->keys = keys;
        c->keys[c->key_count] = key;
    }
    return NULL;
}

/* NAME rank d0 d1 ... */
static const char *parse_shape(golden_entry *array, char *line)
{
    const char *rest;
    array->name = next_word(&line);
    if (!parse_size(next_word(&line), '\0', &array->rank, &rest) || array->rank > GOLDEN_MAX_RANK) {
        return "an array without a name or rank";
    }
    array->count = 1;
    for (size_t k = 0; k < array->rank; k++) {
        if (!parse_size(next_word(&line), '\0', &array->shape[k], &rest)) {
            return "an array with too few dimensions";
        }
        if (array->shape[k] != 0 && array->count > SIZE_MAX / sizeof(float) / array->shape[k]) {
            return "an array that is too large";
        }
        array->count *= array->shape[k];
    }
    return next_word(&line) == NULL ? NULL : "an array with too many dimensions";
}

/* array NAME rank d0 d1 ...: belongs to the latest case; its values are found later. */
static const char *parse_array(golden *file, char *line)
{
    golden_entry array = {0};
    const char *problem = parse_shape(&array, line);
    if (problem != NULL) {
        return problem;
    }
    if (file->case_count == 0) {
        return "an array before the first case";
    }
    golden_case *c = &file->cases[file->case_count - 1];
    if (find_array(c, array.name) != NULL) {
        return "two arrays of one name";
    }
    golden_entry *arrays = grow(c->arrays, c->array_count, sizeof *arrays);
    if (arrays == NULL) {
        return "out of memory";
    }
    c->arrays = arrays;
    c->arrays[c->array_count++] = array;
    return NULL;
}

/* Reads every line of the header, which ends at its NUL. */
static const char *parse_header(golden *file)
{
    char *line = file->header, *next;
    for (size_t number = 0; line != NULL; line = next, number++) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        const char *problem = NULL;
        if (number == 0) {
            problem = strcmp(line, "golden 1") == 0 ? NULL : "not a golden file of version 1";
        } else if (strncmp(line, "case ", 5) == 0) {
            problem = parse_case(file, line + 5);
        } else if (strncmp(line, "array ", 6) == 0) {
            problem = parse_array(file, line + 6);
        } else {
            problem = "a line that is neither a case nor an array";
        }
        if (problem != NULL) {
            return problem;
        }
    }
    return NULL;
}

/* Decodes little-endian float32 whatever the byte order of this machine. */
static void decode(const unsigned char *bytes, size_t count, float *values)
{
    for (size_t k = 0; k < count; k++, bytes += 4) {
        uint32_t bits = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                        (uint32_t)bytes[3] << 24;
        memcpy(&values[k], &bits, sizeof bits);
    }
}

/* Gives every array its place among the `count` values of the file; false if they do not add up. */
static bool place_arrays(golden *file, size_t count)
{
    size_t used = 0;
    for (size_t k = 0; k < file->case_count; k++) {
        golden_case *c = &file->cases[k];
        for (size_t i = 0; i < c->array_count; i++) {
            if (c->arrays[i].count > count - used) {
                return false;
            }
            c->arrays[i].values = file->values + used;
            used += c->arrays[i].count;
        }
    }
    return used == count;
}

/* Splits the bytes of a file into `file`; the problem, or NULL. */
static const char *parse(golden *file, const unsigned char *bytes, size_t size)
{
    size_t length = 0;
    while (length + 1 < size && (bytes[length] != '\n' || bytes[length + 1] != '\n')) {
        length++;
    }
    if (length + 1 >= size || memchr(bytes, '\0', length) != NULL) {
        return "no header";
    }
    size_t rest = size - length - 2;
    if (rest % sizeof(float) != 0) {
        return "values that are not whole floats";
    }
    file->header = malloc(length + 1);
    file->values = malloc(rest + 1);
    if (file->header == NULL || file->values == NULL) {
        return "out of memory";
    }
    memcpy(file->header, bytes, length);
    file->header[length] = '\0';
    decode(bytes + length + 2, rest / sizeof(float), file->values);
    const char *problem = parse_header(file);
    if (problem != NULL) {
        return problem;
    }
    if (file->case_count == 0) {
        return "no cases";
    }
    return place_arrays(file, rest / sizeof(float)) ? NULL
                                                    : "arrays that do not add up to the file";
}

/* The bytes of a file, which the caller frees, or NULL. */
static unsigned char *read_file(const char *path, size_t *size)
{
    enum { BLOCK = 1 << 16 };
    unsigned char *bytes = NULL;
    size_t got = BLOCK;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        return NULL;
    }
    for (*size = 0; got == BLOCK; *size += got) {
        unsigned char *larger = realloc(bytes, *size + BLOCK);
        if (larger == NULL) {
            break;
        }
        bytes = larger;
        got = fread(bytes + *size, 1, BLOCK, stream);
    }
    if (got == BLOCK || ferror(stream)) {
        free(bytes);
        bytes = NULL;
    }
    fclose(stream);
    return bytes;
}

golden *golden_open(const char *path)
{
    size_t size = 0;
    unsigned char *bytes = read_file(path, &size);
    golden *file = calloc(1, sizeof *file);
    const char *problem = "it cannot be read";
    if (bytes != NULL && file != NULL) {
        problem = parse(file, bytes, size);
    }
    free(bytes);
    if (problem != NULL) {
        fprintf(stderr, "%s: %s\n", path, problem);
        golden_close(file);
        return NULL;
    }
    return file;
}

void golden_close(golden *file)
{
    if (file == NULL) {
        return;
    }
    for (size_t k = 0; k < file->case_count; k++) {
        free(file->cases[k].keys);
        free(file->cases[k].arrays);
    }
    free(file->cases);
    free(file->values);
    free(file->header);
    free(file);
}

size_t golden_case_count(const golden *file)
{
    return file->case_count;
}

const golden_case *golden_case_at(const golden *file, size_t index)
{
    return index < file->case_count ? &file->cases[index] : NULL;
}

const golden_case *golden_find(const golden *file, const char *name)
{
    for (size_t k = 0; k < file->case_count; k++) {
        if (strcmp(file->cases[k].name, name) == 0) {
            return &file->cases[k];
        }
    }
    return NULL;
}

const char *golden_name(const golden_case *c)
{
    return c->name;
}

const char *golden_text(const golden_case *c, const char *key)
{
    size_t length = strlen(key);
    for (size_t k = 0; k < c->key_count; k++) {
        if (strncmp(c->keys[k], key, length) == 0 && c->keys[k][length] == '=') {
            return c->keys[k] + length + 1;
        }
    }
    return NULL;
}

long golden_integer(const golden_case *c, const char *key, long fallback)
{
    const char *text = golden_text(c, key);
    char *end = NULL;
    if (text == NULL) {
        return fallback;
    }
    errno = 0;
    long value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' ? value : fallback;
}

double golden_real(const golden_case *c, const char *key, double fallback)
{
    const char *text = golden_text(c, key);
    char *end = NULL;
    if (text == NULL) {
        return fallback;
    }
    double value = strtod(text, &end);
    return end != text && *end == '\0' ? value : fallback;
}

size_t golden_list(const golden_case *c, const char *key, size_t capacity, size_t *values)
{
    const char *text = golden_text(c, key);
    size_t count = 0, value = 0;
    for (bool more = text != NULL; more; count++) {
        if (!parse_size(text, ',', &value, &text)) {
            return 0;
        }
        if (count < capacity) {
            values[count] = value;
        }
        more = *text++ == ',';
    }
    return count;
}

const char *golden_item(const golden_case *c, const char *key, size_t index, size_t size,
                        char *item)
{
    const char *text = golden_text(c, key);
    for (; text != NULL && index > 0; index--) {
        text = strchr(text, ',');
        text = text == NULL ? NULL : text + 1;
    }
    size_t length = text == NULL ? 0 : strcspn(text, ",");
    if (length == 0 || length >= size) {
        return NULL;
    }
    memcpy(item, text, length);
    item[length] = '\0';
    return item;
}

const float *golden_array(const golden_case *c, const char *name, size_t *count)
{
    const golden_entry *array = find_array(c, name);
    if (count != NULL) {
        *count = array == NULL ? 0 : array->count;
    }
    return array == NULL ? NULL : array->values;
}

const size_t *golden_shape(const golden_case *c, const char *name, size_t *rank)
{
    const golden_entry *array = find_array(c, name);
    if (rank != NULL) {
        *rank = array == NULL ? 0 : array->rank;
    }
    return array == NULL ? NULL : array->shape;
}

const char *golden_array_name(const golden_case *c, size_t k)
{
    return k < c->array_count ? c->arrays[k].name : NULL;
}

void golden_fill(uint32_t seed, size_t n, float scale, float *out)
{
    for (size_t k = 0; k < n; k++) {
        uint32_t h = seed * 0x9E3779B1U + (uint32_t)k * 0x85EBCA77U;
        h = (h ^ h >> 16) * 0x7FEB352DU;
        h = (h ^ h >> 15) * 0x846CA68BU;
        h ^= h >> 16;
        out[k] = (float)((int32_t)(h >> 8) - (1 << 23)) * 0x1p-23F * scale;
    }
}

double golden_difference(const float *a, const float *b, size_t n)
{
    double gap = 0.0, scale = 0.0;
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(a[k]) || !isfinite(b[k])) {
            return (double)INFINITY;
        }
        gap = fmax(gap, fabs((double)a[k] - (double)b[k]));
        scale = fmax(scale, fabs((double)b[k]));
    }
    return scale > 0.0 ? gap / scale : gap;
}
