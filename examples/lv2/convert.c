/* Sound for lstm-run, and back:
 *     convert inputs IN.wav INPUTS      the tensor "inputs" [1, samples, 1]
 *     convert wav OUTPUTS OUT.wav       from "outputs", at 48 kHz
 *     convert compare A.wav B.wav       fails unless all samples have the same bits */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lstm/safetensors.h>

#include "wav.h"

enum { RATE = 48000 };

static bool succeeded(lstm_status status)
{
    if (status)
        fprintf(stderr, "convert: %s\n", lstm_error_message());
    return !status;
}

static bool to_inputs(const char *from, const char *to)
{
    wav sound;
    bool good = wav_read(from, &sound);
    if (good) {
        const size_t shape[3] = {1, sound.count, 1};
        const lstm_tensor inputs = {"inputs", LSTM_DTYPE_F32, 3, shape, sound.samples, sound.count * sizeof(float)};
        good = succeeded(lstm_safetensors_save(NULL, to, NULL, 0, &inputs, 1));
    }
    wav_free(&sound);
    return good;
}

static bool to_wav(const char *from, const char *to)
{
    lstm_safetensors *file = NULL;
    lstm_tensor outputs;
    wav sound = {.rate = RATE};
    bool good = succeeded(lstm_safetensors_open(NULL, from, &file)) &&
                succeeded(lstm_safetensors_find(file, "outputs", &outputs));
    if (good) {
        sound.count = outputs.size / sizeof(float);
        sound.samples = malloc(outputs.size + 1);
        good = sound.samples && succeeded(lstm_tensor_floats(&outputs, sound.count, sound.samples)) &&
               wav_write(to, &sound);
    }
    wav_free(&sound);
    lstm_safetensors_destroy(file);
    return good;
}

static bool compare(const char *first, const char *second)
{
    wav a, b = {0};
    bool good = wav_read(first, &a) && wav_read(second, &b);
    if (good && a.count != b.count) {
        fprintf(stderr, "%s has %zu samples, %s %zu\n", first, a.count, second, b.count);
        good = false;
    }
    for (size_t t = 0; good && t < a.count; t++)
        if (memcmp(&a.samples[t], &b.samples[t], sizeof(float))) {
            fprintf(stderr, "sample %zu is %.9g and %.9g\n", t, (double)a.samples[t], (double)b.samples[t]);
            good = false;
        }
    if (good)
        printf("%zu samples, all of the same bits\n", a.count);
    wav_free(&a);
    wav_free(&b);
    return good;
}

int main(int argc, char **argv)
{
    bool good = false;
    if (argc == 4 && !strcmp(argv[1], "inputs"))
        good = to_inputs(argv[2], argv[3]);
    else if (argc == 4 && !strcmp(argv[1], "wav"))
        good = to_wav(argv[2], argv[3]);
    else if (argc == 4 && !strcmp(argv[1], "compare"))
        good = compare(argv[2], argv[3]);
    else {
        fprintf(stderr, "usage: convert inputs IN.wav INPUTS | wav OUTPUTS OUT.wav | compare A.wav B.wav\n");
        return 2;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
