/* Counting the ones in sequences that somebody types. SPDX-License-Identifier: MIT */
#ifndef COUNTING_PROMPT_H
#define COUNTING_PROMPT_H

#include "network.h"

/* Read sequences from standard input, one a line, and print for each what the network says and what
 * is true. A shorter one gets zeros on its left, of a longer one only the first `bits` count; a
 * line with other characters is refused. An empty line, the end of the input or an interrupt ends
 * it. False, after a line on standard error, on failure. */
bool prompt(counting_network *network, size_t bits);

#endif
