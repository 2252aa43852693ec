#include "counted.h"

#include "platform.h"

#include <string.h>

/* What stands before the memory that is given out. */
typedef struct piece {
    void *whole;
    size_t size;
} piece;

void *counted_allocate(void *user, size_t size, size_t alignment)
{
    counter *c = user;
    void *memory = NULL;
    c->made++;
    c->wrong |= alignment == 0 || alignment > 64 || (alignment & (alignment - 1)) != 0;
    if (c->left == 0)
        return NULL;
    c->left--;
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    /* An odd multiple of what was asked for, so that no one counts on more. */
    unsigned char *whole = lstm__platform_allocate(size + 256, 128);
    if (!whole)
        return NULL;
    memset(whole, 0xA5, size + 256);
    memory = whole + 128 + (alignment < 128 ? alignment : 0);
    const piece p = {whole, size};
    memcpy((unsigned char *)memory - sizeof p, &p, sizeof p);
    c->bytes += size;
    c->peak = c->bytes > c->peak ? c->bytes : c->peak;
    c->live++;
    return memory;
}

void counted_release(void *user, void *memory)
{
    counter *c = user;
    if (!memory) {
        c->wrong = true;
        return;
    }
    piece p;
    memcpy(&p, (unsigned char *)memory - sizeof p, sizeof p);
    c->bytes -= p.size;
    c->live--;
    lstm__platform_release(p.whole);
}

lstm_status counted_context(counter *c, lstm_context **context)
{
    return lstm_context_create(LSTM_ARGS(lstm_context_config, .allocator = {c, counted_allocate, counted_release}),
                               context);
}
