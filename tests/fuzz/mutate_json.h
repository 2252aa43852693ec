/* Changes to JSON that leave it JSON. */
#ifndef MUTATE_JSON_H
#define MUTATE_JSON_H

#include "fuzz.h"

#include <jansson.h>

/* Change one value, one key or one place somewhere below root, an object or array; where a value is itself the text of
 * a JSON object, as a graph in metadata is, often within it. */
void fuzz_mutate_json(json_t *root, uint64_t *state);

#endif
