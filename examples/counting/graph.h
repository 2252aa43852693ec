/* The network as the text that model files describe it by. SPDX-License-Identifier: MIT */
#ifndef COUNTING_GRAPH_H
#define COUNTING_GRAPH_H

#include "options.h"

/* The graph of the network that the options ask for, in the JSON of docs/file-format.md. Free it. NULL, after a line on
 * standard error, without memory. */
char *graph_create(const counting_options *options);

#endif
