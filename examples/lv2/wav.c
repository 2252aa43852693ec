#include "wav.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PCM = 1, IEEE_FLOAT = 3, EXTENSIBLE = 0xFFFE, HEADER = 44 };

typedef struct wav_format {
    unsigned tag, channels, bits;
    uint32_t rate;
} wav_format;

static bool complain(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    return false;
}

static uint32_t little(const unsigned char *bytes, int count)
{
    uint32_t value = 0;
    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

/* The whole file, or NULL. */
static unsigned char *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    long length = -1;
    if (file && !fseek(file, 0, SEEK_END))
        length = ftell(file);
    if (length >= 0 && !fseek(file, 0, SEEK_SET) && (bytes = malloc((size_t)length + 1)) &&
        fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        free(bytes);
        bytes = NULL;
    }
    if (file)
        fclose(file);
    *size = bytes ? (size_t)length : 0;
    return bytes;
}

static float sample_at(const unsigned char *bytes, const wav_format *format)
{
    const int width = (int)format->bits / 8;
    const uint32_t word = little(bytes, width) << (32 - format->bits); /* integers of any width become 32-bit ones */
    float value;
    if (format->tag == IEEE_FLOAT) {
        memcpy(&value, &word, sizeof value);
        return value;
    }
    return (float)((word < 0x80000000u ? (double)word : (double)word - 4294967296.0) / 2147483648.0);
}

static bool known(const wav_format *format)
{
    return format->channels && format->rate &&
           (format->tag == IEEE_FLOAT
                ? format->bits == 32
                : format->tag == PCM && format->bits % 8 == 0 && format->bits >= 16 && format->bits <= 32);
}

static bool take_samples(const char *path, const unsigned char *data, size_t size, const wav_format *format, wav *sound)
{
    const size_t frame = (size_t)format->channels * (format->bits / 8);
    sound->rate = format->rate;
    sound->count = size / frame;
    sound->samples = malloc((sound->count + 1) * sizeof *sound->samples);
    if (!sound->samples)
        return complain(path, "no memory is left");
    for (size_t k = 0; k < sound->count; k++)
        sound->samples[k] = sample_at(data + k * frame, format);
    return true;
}

/* The chunks between the file's header and its end: "fmt ", then "data"; others are passed over. */
static bool take_chunks(const char *path, const unsigned char *bytes, size_t size, wav *sound)
{
    wav_format format = {0};
    if (size < 12 || memcmp(bytes, "RIFF", 4) || memcmp(bytes + 8, "WAVE", 4))
        return complain(path, "no WAV file");
    for (size_t at = 12; size - at >= 8;) {
        const unsigned char *chunk = bytes + at + 8;
        const size_t left = size - at - 8, length = little(bytes + at + 4, 4);
        if (!memcmp(bytes + at, "data", 4)) {
            if (!known(&format))
                return complain(path, "neither integers of 16, 24 or 32 bits nor floats of 32 bits");
            return take_samples(path, chunk, length < left ? length : left, &format, sound);
        }
        if (length > left)
            break;
        if (!memcmp(bytes + at, "fmt ", 4) && length >= 16) {
            const unsigned tag = little(chunk, 2);
            format = (wav_format){.tag = tag == EXTENSIBLE && length >= 26 ? little(chunk + 24, 2) : tag,
                                  .channels = little(chunk + 2, 2),
                                  .bits = little(chunk + 14, 2),
                                  .rate = little(chunk + 4, 4)};
        }
        if (left - length < length % 2)
            break;
        at += 8 + length + length % 2;
    }
    return complain(path, "a WAV file without samples");
}

bool wav_read(const char *path, wav *sound)
{
    size_t size;
    unsigned char *bytes = read_bytes(path, &size);
    *sound = (wav){0};
    const bool good = bytes ? take_chunks(path, bytes, size, sound) : complain(path, "cannot be read");
    free(bytes);
    return good;
}

static unsigned char *put(unsigned char *bytes, uint32_t value, int count)
{
    for (; count > 0; count--, value >>= 8)
        *bytes++ = (unsigned char)(value & 0xFF);
    return bytes;
}

bool wav_write(const char *path, const wav *sound)
{
    if (sound->count > (UINT32_MAX - HEADER) / sizeof(float))
        return complain(path, "too long for a WAV file");
    const uint32_t size = (uint32_t)(sound->count * sizeof(float));
    unsigned char *bytes = malloc(HEADER + (size_t)size);
    if (!bytes)
        return complain(path, "no memory is left");
    unsigned char *at = (unsigned char *)memcpy(bytes, "RIFF", 4) + 4;
    at = put(at, HEADER - 8 + size, 4);
    at = (unsigned char *)memcpy(at, "WAVEfmt ", 8) + 8;
    at = put(at, 16, 4);
    at = put(put(at, IEEE_FLOAT, 2), 1, 2);
    at = put(put(at, sound->rate, 4), sound->rate * (uint32_t)sizeof(float), 4);
    at = put(put(at, sizeof(float), 2), 32, 2);
    at = (unsigned char *)memcpy(at, "data", 4) + 4;
    at = put(at, size, 4);
    for (size_t k = 0; k < sound->count; k++) {
        uint32_t word;
        memcpy(&word, &sound->samples[k], sizeof word);
        at = put(at, word, 4);
    }
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(bytes, 1, HEADER + (size_t)size, file) == HEADER + (size_t)size;
    if (file && fclose(file))
        good = false;
    free(bytes);
    return good || complain(path, "cannot be written");
}

void wav_free(wav *sound)
{
    free(sound->samples);
    *sound = (wav){0};
}
