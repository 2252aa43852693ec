#include "names.h"

#include "context.h"
#include "status.h"

#include <lstm/params.h>
#include <lstm/random.h>

#include <stdio.h>
#include <string.h>

/* The bytes of the character of UTF-8 that begins the text; 0 if none does. The Unicode Standard, table 3-7. */
static size_t character_length(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    const size_t length = c[0] < 0x80 ? 1 : c[0] < 0xC2 || c[0] > 0xF4 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    const unsigned char low = c[0] == 0xE0 ? 0xA0 : c[0] == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = c[0] == 0xED ? 0x9F : c[0] == 0xF4 ? 0x8F : 0xBF;
    if (length > 1 && (c[1] < low || c[1] > high))
        return 0;
    for (size_t k = 2; k < length; k++)
        if ((c[k] & 0xC0) != 0x80)
            return 0;
    return length;
}

size_t lstm__join_name(const char *const parts[3], size_t room, char *name)
{
    size_t used = 0;
    for (size_t k = 0; k < 3; k++)
        if (parts[k] && *parts[k]) {
            const bool fits = used < room;
            used +=
                (size_t)snprintf(fits ? name + used : NULL, fits ? room - used : 0, "%s%s", used ? "/" : "", parts[k]);
        }
    return used;
}

bool lstm__name_is_good(const char *name)
{
    size_t length = strlen(name), part = 0, character;
    if (!length || length > LSTM_MAX_NAME || !strcmp(name, "__metadata__"))
        return false;
    for (const char *c = name; *c; c += character) {
        character = character_length(c);
        if (!character || lstm__control_length(c) || (*c == '/' && part == 0))
            return false;
        part = *c == '/' ? 0 : part + 1;
    }
    return part > 0;
}

uint64_t lstm__name_hash(const char *name)
{
    return lstm_random_named(0, name).stream;
}

static void put_name(lstm__names *names, uint64_t hash, size_t place)
{
    size_t at = (size_t)hash & (names->size - 1);
    while (names->slots[at].place)
        at = (at + 1) & (names->size - 1);
    names->slots[at] = (struct lstm__name){hash, place};
}

size_t lstm__names_next(const lstm__names *names, uint64_t hash, size_t *probe)
{
    while (names->size) {
        const struct lstm__name *slot = &names->slots[(hash + (*probe)++) & (names->size - 1)];
        if (!slot->place)
            break;
        if (slot->hash == hash)
            return slot->place - 1;
    }
    return SIZE_MAX;
}

bool lstm__names_add(lstm_context *context, lstm__names *names, uint64_t hash)
{
    if (names->used >= names->size / 2) {
        lstm__names grown = {.size = names->size ? 2 * names->size : 32, .used = names->used};
        grown.slots = lstm__allocate(context, grown.size, sizeof *grown.slots);
        if (!grown.slots)
            return false;
        for (size_t k = 0; k < names->size; k++)
            if (names->slots[k].place)
                put_name(&grown, names->slots[k].hash, names->slots[k].place);
        lstm__release(context, names->slots);
        *names = grown;
    }
    put_name(names, hash, ++names->used);
    return true;
}

void lstm__names_clear(lstm__names *names)
{
    memset(names->slots, 0, names->size * sizeof *names->slots);
    names->used = 0;
}
