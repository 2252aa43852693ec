#define _POSIX_C_SOURCE 200809L

#include "prompt.h"

#include "network.h"
#include "platform.h"
#include "synthetic_dataset.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cut the end of a line off; the length of what is left. */
static size_t trim(char *line, size_t length)
{
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        line[--length] = '\0';
    return length;
}

static uint32_t read_sequence(const char *digits)
{
    uint32_t sequence = 0; /* what is not there is 0 on the left */

    for (size_t i = 0; digits[i] != '\0'; i++)
        sequence = sequence << 1 | (digits[i] == '1');
    return sequence;
}

/* The softmax of the largest logit: 1 / sum of exp(logit - largest). */
static double largest_probability(size_t classes, const float *logits, size_t largest)
{
    double sum = 0;

    for (size_t k = 0; k < classes; k++)
        sum += exp((double)logits[k] - (double)logits[largest]);
    return 1 / sum;
}

bool prompt_fits(const trained_counter *counter, const char *digits)
{
    size_t length = strlen(digits);

    if (length > counter->bits)
        fprintf(stderr, "counting: a sequence of %zu bits is too long: the network counts in %zu\n", length,
                counter->bits);
    return length <= counter->bits;
}

bool prompt_answer(const trained_counter *counter, const char *digits)
{
    size_t bits = counter->bits, prediction;
    uint32_t sequence = read_sequence(digits);
    float inputs[SYNTHETIC_DATASET_MAX_BITS], logits[SYNTHETIC_DATASET_MAX_CLASSES];

    synthetic_sequence_expand(sequence, bits, inputs);
    if (!counter->run(counter->network, inputs, logits) || !succeeded(lstm_argmax(1, bits + 1, logits, &prediction)))
        return false;
    for (size_t i = 0; i < bits; i++)
        putchar(inputs[i] > 0 ? '1' : '0');
    printf(": predicted %zu (probability %.4f), true %zu\n", prediction,
           largest_probability(bits + 1, logits, prediction), synthetic_sequence_ones(sequence));
    return fflush(stdout) == 0;
}

bool prompt(const trained_counter *counter)
{
    bool typed = platform_typed_at(), going_on = true, good = true;
    char *line = NULL;
    size_t capacity = 0;

    platform_catch_interrupts(true);
    while (going_on && !platform_interrupted()) {
        ssize_t length;

        if (typed)
            fprintf(stderr, "%zu bits (an empty line ends): ", counter->bits);
        length = getline(&line, &capacity, stdin);
        if (length >= 0)
            length = (ssize_t)trim(line, (size_t)length);
        if (length < 0 && !feof(stdin) && !platform_interrupted()) {
            fprintf(stderr, "counting: standard input cannot be read: %s\n", strerror(errno));
            going_on = good = false;
        } else if (length <= 0) {
            going_on = length == 0 && !typed;
        } else if (strspn(line, "01") != (size_t)length) { /* a NUL is another character too */
            fprintf(stderr, "counting: a sequence is made of 0 and 1 only\n");
            good = good && typed;
        } else if (!prompt_fits(counter, line)) {
            good = good && typed;
        } else if (!prompt_answer(counter, line)) {
            going_on = good = false;
        }
    }
    if (typed && (feof(stdin) || platform_interrupted()))
        fputc('\n', stderr); /* nobody has ended the line that asks */
    free(line);
    return good;
}
