/* WAV files of one channel. */
#ifndef LV2_EXAMPLE_WAV_H
#define LV2_EXAMPLE_WAV_H

#include <stdbool.h>
#include <stddef.h>

typedef struct wav {
    float *samples; /* [count] */
    size_t count;
    unsigned rate; /* samples a second */
} wav;

/* Read 16-, 24- or 32-bit integers or 32-bit floats; of several channels the first is taken. False after a line on standard
 * error. Free with wav_free. */
bool wav_read(const char *path, wav *sound);

/* Write 32-bit floats. False after a line on standard error. */
bool wav_write(const char *path, const wav *sound);

void wav_free(wav *sound);

#endif
