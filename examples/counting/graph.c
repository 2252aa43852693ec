#define _POSIX_C_SOURCE 200809L

#include "graph.h"

#include <stdio.h>
#include <stdlib.h>

static void write_cells(FILE *json, const counting_options *options)
{
    for (size_t k = 0; k < options->layers; k++)
        fprintf(json, "%s{\"type\": \"%s\", \"num_units\": %zu}", k > 0 ? ", " : "", options->cell, options->units);
}

static void write_graph(FILE *json, const counting_options *options)
{
    fputs("{\"input_size\": 1, \"layers\": [{\"type\": \"rnn\", \"scope\": \"rnn\", \"return\": \"last\", \"cell\": ",
          json);
    if (options->layers > 1)
        fputs("{\"type\": \"multi_rnn\", \"cells\": [", json);
    write_cells(json, options);
    if (options->layers > 1)
        fputs("]}", json);
    fprintf(json, "}, {\"type\": \"dense\", \"scope\": \"dense\", \"units\": %zu, \"activation\": \"softmax\"}]}",
            options->bits + 1);
}

char *graph_create(const counting_options *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *json = open_memstream(&text, &size);
    bool written = json != NULL;

    if (written) {
        write_graph(json, options);
        written = !ferror(json);
        if (fclose(json) != 0)
            written = false;
    }
    if (!written) {
        fprintf(stderr, "counting: no memory is left for the network's graph\n");
        free(text);
        return NULL;
    }
    return text;
}
