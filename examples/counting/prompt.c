#define _POSIX_C_SOURCE 200809L

#include "prompt.h"

#include "platform.h"
#include "synthetic_dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The length of a line without its end. */
static size_t trimmed_length(const char *line, size_t length)
{
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    return length;
}

/* False if a character is neither 0 nor 1. */
static bool parse_sequence(const char *line, size_t length, size_t bits, uint32_t *sequence)
{
    *sequence = 0; /* what is not there is 0 on the left */
    for (size_t i = 0; i < length; i++) {
        if (line[i] != '0' && line[i] != '1')
            return false;
        if (i < bits)
            *sequence = *sequence << 1 | (line[i] == '1');
    }
    return true;
}

static bool answer(counting_network *network, size_t bits, uint32_t sequence)
{
    float inputs[SYNTHETIC_DATASET_MAX_BITS];
    float logits[SYNTHETIC_DATASET_MAX_CLASSES], probabilities[SYNTHETIC_DATASET_MAX_CLASSES];
    size_t prediction;

    synthetic_sequence_expand(sequence, bits, inputs);
    if (!network_forward(network, 1, inputs, logits, probabilities) ||
        !succeeded(lstm_argmax(1, bits + 1, probabilities, &prediction)))
        return false;
    for (size_t i = 0; i < bits; i++)
        putchar(inputs[i] > 0 ? '1' : '0');
    printf(": predicted %zu (probability %.4f), true %zu\n", prediction, (double)probabilities[prediction],
           synthetic_sequence_ones(sequence));
    fflush(stdout);
    return true;
}

bool prompt(counting_network *network, size_t bits)
{
    bool typed = platform_typed_at(), going_on = true, good = true;
    char *line = NULL;
    size_t capacity = 0;

    platform_catch_interrupts(true);
    while (going_on) {
        ssize_t length;
        uint32_t sequence;

        if (typed)
            fprintf(stderr, "%zu bits (an empty line ends): ", bits);
        length = getline(&line, &capacity, stdin);
        if (length >= 0)
            length = (ssize_t)trimmed_length(line, (size_t)length);
        if (length <= 0)
            going_on = false;
        else if (!parse_sequence(line, (size_t)length, bits, &sequence))
            fprintf(stderr, "counting: a sequence is made of 0 and 1 only\n");
        else
            going_on = good = answer(network, bits, sequence);
    }
    if (typed && (feof(stdin) || platform_interrupted()))
        fputc('\n', stderr); /* nobody has ended the line that asks */
    free(line);
    return good;
}
