/* The smallest host: host PLUGIN.so BUNDLE/ IN.wav OUT.wav BLOCK [WET.wav]
 * Runs the plug-in in place, BLOCK samples a call, and prints how long that took as a share of how long the sound is; with
 * the sound that was wanted, also the error-to-signal ratios of its last fifth. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dlfcn.h>
#include <lv2/core/lv2.h>

#include "esr.h"
#include "wav.h"

enum { MOST_BLOCK = 65536 };

static bool complain(const char *what)
{
    fprintf(stderr, "host: %s\n", what);
    return false;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static const LV2_Descriptor *find_plugin(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    LV2_Descriptor_Function descriptor = NULL;
    if (library)
        *(void **)(void *)&descriptor = dlsym(library, "lv2_descriptor");
    if (!descriptor)
        complain(dlerror());
    return descriptor ? descriptor(0) : NULL;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* took[blocks]: seconds, which are sorted. On a machine that does other things the median says more than the sum. */
static void report(const wav *sound, size_t block, size_t blocks, double *took)
{
    const double length = (double)sound->count / (double)sound->rate;
    double all = 0;
    for (size_t k = 0; k < blocks; k++)
        all += took[k];
    qsort(took, blocks, sizeof *took, by_size);
    const double median = took[blocks / 2];
    printf("%.1f s of sound at %u Hz took %.3f s, %.2f %% of one core; blocks of %zu: median %.1f us (%.2f %%), 99 %% "
           "below %.1f us, longest %.0f us\n",
           length, sound->rate, all, 100 * all / length, block, 1e6 * median,
           100 * median * (double)sound->rate / (double)block, 1e6 * took[blocks * 99 / 100], 1e6 * took[blocks - 1]);
}

static bool process(const LV2_Descriptor *plugin, LV2_Handle instance, wav *sound, size_t block)
{
    const size_t blocks = (sound->count + block - 1) / block;
    double *took = malloc((blocks + 1) * sizeof *took);
    if (!took || !blocks) {
        free(took);
        return complain(blocks ? "no memory is left" : "there is no sound");
    }
    for (size_t k = 0; k < blocks; k++) {
        float *samples = sound->samples + k * block;
        const size_t left = sound->count - k * block;
        plugin->connect_port(instance, 0, samples);
        plugin->connect_port(instance, 1, samples);
        const double start = seconds();
        plugin->run(instance, (uint32_t)(left < block ? left : block));
        took[k] = seconds() - start;
    }
    report(sound, block, blocks, took);
    free(took);
    return true;
}

static bool compare(const wav *got, const char *path)
{
    wav wet;
    bool good = wav_read(path, &wet);
    if (good && wet.count != got->count)
        good = complain("the sounds differ in length");
    if (good) {
        const size_t seen = wet.count / HELD_OUT * (HELD_OUT - 1);
        const esr e = esr_measure(got->samples + seen, wet.samples + seen, wet.count - seen);
        printf("error-to-signal ratio on the held-out signal: %.3f %%, emphasized %.3f %%\n", 100 * e.plain,
               100 * e.emphasized);
    }
    wav_free(&wet);
    return good;
}

int main(int argc, char **argv)
{
    const unsigned long block = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
    const LV2_Feature *const features[] = {NULL};
    float zero = 0; /* decibels */
    wav sound = {0};
    if (argc < 6 || argc > 7 || block < 1 || block > MOST_BLOCK) {
        fprintf(stderr, "usage: host PLUGIN.so BUNDLE/ IN.wav OUT.wav BLOCK [WET.wav]\n");
        return 2;
    }
    const LV2_Descriptor *plugin = find_plugin(argv[1]);
    if (!plugin || !wav_read(argv[3], &sound))
        return EXIT_FAILURE;
    LV2_Handle instance = plugin->instantiate(plugin, sound.rate, argv[2], features);
    bool good = instance != NULL;
    if (good) {
        plugin->connect_port(instance, 2, &zero);
        plugin->connect_port(instance, 3, &zero);
        plugin->activate(instance);
        good = process(plugin, instance, &sound, block);
        plugin->cleanup(instance);
        good = good && wav_write(argv[4], &sound) && (argc < 7 || compare(&sound, argv[6]));
    }
    wav_free(&sound);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
