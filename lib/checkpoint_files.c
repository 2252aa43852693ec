#include "checkpoint_files.h"

#include "context.h"
#include "platform.h"
#include "status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char ending[] = ".safetensors";

/* A search through a folder. */
typedef struct search {
    lstm_context *context;
    const char *name; /* the prefix without its folder */
    uint64_t *steps;
    size_t count, capacity;
    bool out_of_memory;
} search;

char *lstm__numbered_path(lstm_context *context, const char *prefix, uint64_t step)
{
    const size_t size = strlen(prefix) + sizeof ending + 24;
    char *path = lstm__allocate(context, 1, size);
    if (path)
        snprintf(path, size, "%s-%" PRIu64 "%s", prefix, step, ending);
    return path;
}

/* The step in a file's name; false: it is not one of these files, such as one that is being written. */
static bool step_of(const char *prefix, const char *name, uint64_t *step)
{
    const size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) || name[length] != '-')
        return false;
    const char *digits = name + length + 1;
    const size_t count = strspn(digits, "0123456789");
    if (!count || (count > 1 && *digits == '0') || strcmp(digits + count, ending) != 0)
        return false;
    *step = 0;
    for (size_t k = 0; k < count; k++) {
        const uint64_t digit = (uint64_t)(digits[k] - '0');
        if (*step > (UINT64_MAX - digit) / 10)
            return false;
        *step = *step * 10 + digit;
    }
    return true;
}

static void see(void *user, const char *name)
{
    search *s = user;
    uint64_t step;
    if (s->out_of_memory || !step_of(s->name, name, &step))
        return;
    uint64_t *grown = lstm__grow(s->context, s->steps, s->count, &s->capacity, sizeof *grown);
    s->out_of_memory = !grown;
    if (!grown)
        return;
    s->steps = grown;
    s->steps[s->count++] = step;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The steps of all files of that prefix, in rising order. */
static lstm_status find_steps(const char *function, lstm_context *context, const char *prefix, search *s)
{
    const size_t length = lstm__folder_length(prefix);
    *s = (search){.context = context, .name = prefix + length};
    char *folder = lstm__allocate(context, 1, length + 2);
    if (!folder)
        return lstm__fail_memory(function);
    memcpy(folder, length ? prefix : ".", length ? length : 1);
    const int error = lstm__folder_list(folder, see, s);
    lstm_status status = s->out_of_memory ? lstm__fail_memory(function)
                         : error          ? lstm__fail_file(function, folder, error)
                                          : LSTM_OK;
    lstm__release(context, folder);
    if (status)
        lstm__release(context, s->steps);
    else if (s->count)
        qsort(s->steps, s->count, sizeof *s->steps, compare);
    return status;
}

lstm_status lstm__numbered_latest(const char *function, lstm_context *context, const char *prefix, uint64_t *step)
{
    char quoted[LSTM__QUOTED];
    search s;
    lstm_status status = find_steps(function, context, prefix, &s);
    if (status)
        return status;
    if (s.count)
        *step = s.steps[s.count - 1];
    else
        status = lstm__fail(LSTM_ERR_IO, "%s: no file \"%s\"-STEP%s", function, lstm__quote(prefix, quoted), ending);
    lstm__release(context, s.steps);
    return status;
}

lstm_status lstm__numbered_keep(const char *function, lstm_context *context, const char *prefix, uint64_t step,
                                size_t keep)
{
    search s;
    lstm_status status = find_steps(function, context, prefix, &s);
    if (status)
        return status;
    for (size_t k = 0, left = s.count; left > keep && k < s.count; k++) {
        if (s.steps[k] == step)
            continue;
        char *path = lstm__numbered_path(context, prefix, s.steps[k]);
        const int error = path ? lstm__file_remove(path) : 0;
        if (!path || error)
            status = path ? lstm__fail_file(function, path, error) : lstm__fail_memory(function);
        lstm__release(context, path);
        left--;
    }
    lstm__release(context, s.steps);
    return status;
}
