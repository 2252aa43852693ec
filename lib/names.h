/* Names of variables and cells: which are good, how they are joined, and where they are found. */
#ifndef LSTM__NAMES_H
#define LSTM__NAMES_H

#include <lstm/context.h>

/* To tell most names apart at once. */
uint64_t lstm__name_hash(const char *name);

/* Where names stand in an array that grows at its end: a hash table, open and at most half full. Another name may have
 * the same hash, so the name at a place decides. */
typedef struct lstm__names {
    struct lstm__name {
        uint64_t hash;
        size_t place; /* plus 1; 0: free */
    } * slots;
    size_t size, used; /* size: a power of 2, or 0 */
} lstm__names;

/* The next place where a name of that hash may stand, SIZE_MAX behind the last; *probe begins with 0. */
size_t lstm__names_next(const lstm__names *names, uint64_t hash, size_t *probe);

/* One more name, at the end of the array. false: no memory. Release slots in the end. */
bool lstm__names_add(lstm_context *context, lstm__names *names, uint64_t hash);

/* No name is there any longer; the room is. */
void lstm__names_clear(lstm__names *names);

/* Write those of the parts that are neither NULL nor empty to name[room], with a '/' between them. How long it is; it
 * is cut off if that is not less than room. */
size_t lstm__join_name(const char *const parts[3], size_t room, char *name);

/* A name is 1 to LSTM_MAX_NAME bytes of UTF-8 without control characters and without empty parts between its '/', and
 * not "__metadata__", which files have for themselves. */
bool lstm__name_is_good(const char *name);

#endif
