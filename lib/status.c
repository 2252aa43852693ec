#include "status.h"

#include "platform.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[512];
static _Thread_local size_t failures;

const char *lstm_status_string(lstm_status status)
{
    switch (status) {
    case LSTM_OK: return "ok";
    case LSTM_ERR_INVALID_ARGUMENT: return "invalid argument";
    case LSTM_ERR_OUT_OF_MEMORY: return "out of memory";
    case LSTM_ERR_SHAPE: return "shapes do not fit";
    case LSTM_ERR_CAPACITY: return "more than was reserved";
    case LSTM_ERR_STATE: return "not possible in this state";
    case LSTM_ERR_UNSUPPORTED: return "not supported";
    case LSTM_ERR_IO: return "input or output failed";
    case LSTM_ERR_FORMAT: return "malformed data";
    }
    return "unknown status";
}

const char *lstm_error_message(void)
{
    return message;
}

lstm_status lstm__fail(lstm_status status, const char *format, ...)
{
    char words[sizeof message]; /* the last message may be among the arguments */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    memcpy(message, words, sizeof message);
    failures++;
    return status;
}

size_t lstm__failures(void)
{
    return failures;
}

lstm_status lstm__fail_as(const char *function, lstm_status status)
{
    const char *words = strchr(message, ':');
    return status && words ? lstm__fail(status, "%s%s", function, words) : status;
}

lstm_status lstm__fail_null(const char *function, const char *argument)
{
    return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s is NULL", function, argument);
}

lstm_status lstm__fail_memory(const char *function)
{
    return lstm__fail(LSTM_ERR_OUT_OF_MEMORY, "%s: out of memory", function);
}

size_t lstm__control_length(const char *text)
{
    const unsigned char c = (unsigned char)text[0];
    if (c == 0xC2 && ((unsigned char)text[1] & 0xE0) == 0x80) /* U+0080 to U+009F */
        return 2;
    return c && (c < 0x20 || c == 0x7F) ? 1 : 0;
}

lstm_status lstm__fail_file(const char *where, const char *path, int error)
{
    char quoted[LSTM__QUOTED], reason[LSTM__QUOTED];
    if (lstm__file_error_is_memory(error))
        return lstm__fail_memory(where);
    lstm__file_error(error, reason, sizeof reason);
    return path ? lstm__fail(LSTM_ERR_IO, "%s: \"%s\": %s", where, lstm__quote(path, quoted), reason)
                : lstm__fail(LSTM_ERR_IO, "%s: %s", where, reason);
}

const char *lstm__quote(const char *text, char quoted[LSTM__QUOTED])
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = (const unsigned char *)text;
    size_t used = 0, k = 0;
    while (bytes[k] && used < LSTM__QUOTED - 8) { /* room for one escape, the dots and the end */
        const size_t control = lstm__control_length(text + k);
        k += control ? control : 1;
        const unsigned char c = bytes[k - 1];
        if (!control) {
            if (c == '"' || c == '\\')
                quoted[used++] = '\\';
            quoted[used++] = (char)c;
            continue;
        }
        quoted[used++] = '\\';
        quoted[used++] = 'x';
        quoted[used++] = digits[c >> 4];
        quoted[used++] = digits[c & 15];
    }
    if (bytes[k]) {
        while (used && (quoted[used - 1] & 0xC0) == 0x80) /* no part of a UTF-8 sequence is left behind */
            used--;
        used -= used && (quoted[used - 1] & 0x80);
        memcpy(quoted + used, "...", 3);
        used += 3;
    }
    quoted[used] = '\0';
    return quoted;
}

const char *lstm__shape_text(size_t rank, const size_t *shape, char text[LSTM__QUOTED])
{
    size_t used = 1;
    text[0] = '[';
    for (size_t k = 0; k < rank && used < LSTM__QUOTED - 32; k++)
        used += (size_t)snprintf(text + used, LSTM__QUOTED - used, k ? ", %zu" : "%zu", shape[k]);
    memcpy(text + used, "]", 2);
    return text;
}

lstm_status lstm__read_args(const char *function, void *into, size_t size, const void *from)
{
    memset(into, 0, size);
    if (!from)
        return LSTM_OK;
    size_t given;
    memcpy(&given, from, sizeof given);
    if (given < sizeof given || given % _Alignof(size_t)) /* no struct has such a size: it may end within a pointer */
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: struct_size is %zu; set it by LSTM_ARGS", function, given);
    const unsigned char *bytes = from;
    for (size_t k = size; k < given; k++)
        if (bytes[k])
            return lstm__fail(LSTM_ERR_UNSUPPORTED, "%s: the argument struct sets a field that this version lacks",
                              function);
    memcpy(into, from, given < size ? given : size);
    return LSTM_OK;
}
