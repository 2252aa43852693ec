#include "json_read.h"

#include "platform.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

/* How deep the brackets of a text nest; *end: behind the first object or array that is complete, 0 if none is. */
static size_t deepest_of(const char *text, size_t length, size_t *end)
{
    size_t depth = 0, deepest = 0;
    bool in_string = false;
    *end = 0;
    for (size_t k = 0; k < length; k++) {
        if (in_string) {
            if (text[k] == '\\')
                k++;
            else
                in_string = text[k] != '"';
        } else if (text[k] == '"') {
            in_string = true;
        } else if (text[k] == '[' || text[k] == '{') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if ((text[k] == ']' || text[k] == '}') && depth && !--depth && !*end) {
            *end = k + 1;
        }
    }
    return deepest;
}

bool lstm__json_nests_deeper(const char *text, size_t length, size_t levels)
{
    size_t end;
    return deepest_of(text, length, &end) > levels;
}

/* Jansson (2.14 and before) keeps a token's text in a buffer that doubles when it is full, and does not look whether that
 * worked. The byte that is lost may be the quote that ends a string, which it then looks for behind the buffer, or the one
 * behind a number, which it asserts to be there. So the buffer is to grow at a place where nothing happens: the text is
 * given to Jansson as ["xxx...", text], with a string that is as long as any token and ends where the buffer has room left,
 * byte by byte, and is cut off when memory has run out. Behind the string the buffer grows no more. */
typedef struct feed {
    const char *text;
    size_t length, filler, at; /* filler: the string's length without its quotes */
} feed;

enum { BEFORE = 2, BEHIND = 2 }; /* [" and ", */

/* From one quote to the next: no token is longer, in strings or between them. */
static size_t longest_token(const char *text, size_t length)
{
    size_t longest = 0, begin = 0;
    bool in_string = false;
    for (size_t k = 0; k < length; k++) {
        if (text[k] == '"') {
            longest = k - begin > longest ? k - begin : longest;
            begin = k;
            in_string = !in_string;
        } else if (text[k] == '\\' && in_string) {
            k++;
        }
    }
    return length - begin > longest ? length - begin : longest;
}

static size_t filler_for(const char *text, size_t length)
{
    const size_t token = longest_token(text, length) + 2; /* its other quote, or the byte behind a number */
    const bool grows = (token & (token - 1)) == 0;        /* with the last byte of such a token */
    return token - 2 + grows;
}

static char byte_before_text(const feed *f)
{
    if (f->at < BEFORE)
        return "[\""[f->at];
    return f->at < BEFORE + f->filler ? 'x' : "\","[f->at - BEFORE - f->filler];
}

static size_t give(void *buffer, size_t size, void *user)
{
    feed *f = user;
    const size_t before = BEFORE + f->filler + BEHIND, done = f->at < before ? 0 : f->at - before;
    const size_t left = done < f->length ? f->length - done : 0, count = left < size ? left : size;
    if (f->at < before) {
        *(char *)buffer = byte_before_text(f);
        f->at++;
        return !lstm__memory_ran_out();
    }
    if (count)
        memcpy(buffer, f->text + done, count);
    else if (done == f->length)
        *(char *)buffer = ']';
    f->at += count ? count : 1;
    return count ? count : done == f->length;
}

static void set_error(json_error_t *error, enum json_error_code code, const char *words)
{
    snprintf(error->text, sizeof error->text - 1, "%s", words);
    error->text[sizeof error->text - 1] = (char)code;
}

/* As json_loadb. */
static json_t *read_text(const char *text, size_t length, size_t flags, json_error_t *error)
{
    feed f = {.text = text, .length = length, .filler = filler_for(text, length)};
    const int before = (int)(BEFORE + f.filler + BEHIND);
    lstm__memory_forget();
    json_t *both = json_load_callback(give, &f, flags, error), *json = NULL;
    size_t position = error->position > before ? (size_t)(error->position - before) : 0, end = 0;
    if (json_array_size(both) != 2)
        deepest_of(text, length, &end);
    if (json_array_size(both) == 2) {
        json = json_incref(json_array_get(both, 1));
    } else if (!both && lstm__memory_ran_out()) { /* which Jansson calls anything */
        set_error(error, json_error_out_of_memory, "out of memory");
    } else if (both || (end && position > end)) {
        set_error(error, json_error_end_of_input_expected, "more follows");
        error->line = 1;
        for (position = 0; position < end || (position < length && strchr(" \t\r\n", text[position])); position++)
            error->line += text[position] == '\n';
    } else if (position > length) { /* at the bracket behind it */
        set_error(error, json_error_premature_end_of_input, "the text ends too early");
    }
    error->position = (int)position;
    json_decref(both);
    return json;
}

/* How many characters of a number stand there; is_whole: no fraction and no exponent are among them. */
static size_t number_length(const char *text, size_t length, bool *is_whole)
{
    size_t n = 0;
    for (*is_whole = true; n < length && text[n] && strchr("0123456789+-.eE", text[n]); n++)
        *is_whole = *is_whole && !strchr(".eE", text[n]);
    return n;
}

/* Copy JSON text and give whole numbers of 19 characters and more a fraction; the length of the copy. */
static size_t copy_with_fractions(const char *text, size_t length, char *copy)
{
    size_t used = 0, token;
    bool in_string = false, is_whole;
    for (size_t k = 0; k < length; k += token) {
        const size_t number = in_string ? 0 : number_length(text + k, length - k, &is_whole);
        const bool is_escape = in_string && text[k] == '\\' && k + 1 < length;
        token = number ? number : is_escape ? 2 : 1;
        memcpy(copy + used, text + k, token);
        used += token;
        if (number >= 19 && is_whole) {
            copy[used++] = '.';
            copy[used++] = '0';
        }
        in_string ^= text[k] == '"';
    }
    return used;
}

lstm_status lstm__json_load(const char *where, lstm_context *context, const char *text, size_t length, size_t flags,
                            json_t **json, json_error_t *error)
{
    *json = read_text(text, length, flags, error);
    if (!*json && json_error_code(error) == json_error_numeric_overflow) {
        char *copy = lstm__allocate(context, length + length / 8 + 3, 1); /* two more for each 19 */
        if (!copy)
            return lstm__fail_memory(where);
        *json = read_text(copy, copy_with_fractions(text, length, copy), flags, error);
        lstm__release(context, copy);
    }
    return !*json && json_error_code(error) == json_error_out_of_memory ? lstm__fail_memory(where) : LSTM_OK;
}
