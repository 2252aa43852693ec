/* An LV2 plug-in that runs the model of its bundle on each sample. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lv2/core/lv2.h>
#include <lv2/core/lv2_util.h>
#include <lv2/log/logger.h>
#include <lv2/urid/urid.h>

#include <lstm/lstm.h>

#define PLUGIN_URI "urn:liblstm:overdrive"

enum { INPUT, OUTPUT, DRIVE, LEVEL, PORTS };
enum { RATE = 48000, PORTION = 64 };

/* Beyond this a sample is no sound but somebody's mistake, as are NaN and infinity. The network never forgets those. */
#define LOUDEST 1000.0f

#define LARGEST_DECIBELS 24.0f

/* Gains come this much nearer to where they should be with each sample, so that a knob makes no clicks. */
#define APPROACH 0.002f

typedef struct overdrive {
    lstm_model_stream *stream;
    float *ports[PORTS]; /* the host's */
    float gains[2];      /* of input and output, where they are now; below 0: not known yet */
} overdrive;

/* What is wrong, or NULL. The stream keeps the model and its weights alive. */
static const char *open_stream(const char *path, lstm_model_stream **stream)
{
    const lstm_stream_config config = {.struct_size = sizeof config, .max_steps = PORTION};
    const char *wrong = NULL;
    lstm_model *model;
    lstm_params *weights, *frozen = NULL;
    if (lstm_model_open(NULL, path, &model, &weights))
        return lstm_error_message();
    if (lstm_model_input_size(model) != 1 || lstm_model_output_size(model) != 1 || lstm_model_returns_last(model))
        wrong = "the model does not give one number for each one that it gets";
    else if (lstm_params_freeze(weights, NULL, &frozen) || lstm_model_stream_create(model, frozen, &config, stream))
        wrong = lstm_error_message();
    lstm_params_destroy(frozen);
    lstm_params_destroy(weights);
    lstm_model_destroy(model);
    return wrong;
}

static LV2_Handle instantiate(const LV2_Descriptor *descriptor, double rate, const char *bundle,
                              const LV2_Feature *const *features)
{
    static const char file[] = "model.safetensors"; /* the bundle's path ends in a slash */
    LV2_URID_Map *map = lv2_features_data(features, LV2_URID__map);
    LV2_Log_Logger logger;
    (void)descriptor;
    lv2_log_logger_init(&logger, map, map ? lv2_features_data(features, LV2_LOG__log) : NULL);
    const size_t length = strlen(bundle) + sizeof file;
    char *path = malloc(length);
    overdrive *self = calloc(1, sizeof *self);
    const char *wrong = "no memory is left";
    if (path && self) {
        snprintf(path, length, "%s%s", bundle, file);
        wrong = open_stream(path, &self->stream);
    }
    free(path);
    if (wrong) {
        lv2_log_error(&logger, "lstm_overdrive: %s%s: %s\n", bundle, file, wrong);
        free(self);
        return NULL;
    }
    if (rate != RATE)
        lv2_log_warning(&logger, "lstm_overdrive: the model sounds as it was trained to at %d Hz only, not at %g Hz\n",
                        RATE, rate);
    return self;
}

static void cleanup(LV2_Handle instance)
{
    overdrive *self = instance;
    lstm_model_stream_destroy(self->stream);
    free(self);
}

static void connect_port(LV2_Handle instance, uint32_t port, void *data)
{
    overdrive *self = instance;
    if (port < PORTS)
        self->ports[port] = data;
}

static void activate(LV2_Handle instance)
{
    overdrive *self = instance;
    (void)lstm_model_stream_reset(self->stream);
    self->gains[0] = self->gains[1] = -1;
}

/* The factor that a control asks for, exactly 1 for 0 dB. */
static float gain(float decibels)
{
    const float low = decibels > -LARGEST_DECIBELS ? decibels : -LARGEST_DECIBELS; /* of NaN, too */
    return powf(10.0f, (low < LARGEST_DECIBELS ? low : LARGEST_DECIBELS) / 20.0f);
}

static void amplify(float *now, float wanted, const float *x, size_t count, float *y)
{
    float factor = *now < 0 ? wanted : *now;
    for (size_t t = 0; t < count; t++) {
        factor += APPROACH * (wanted - factor);
        const float value = x[t] * factor;
        y[t] = fabsf(value) < LOUDEST ? value : 0;
    }
    *now = factor;
}

/* Real time: nothing here allocates, locks or waits. Input and output may be one buffer. */
static void run(LV2_Handle instance, uint32_t count)
{
    overdrive *self = instance;
    const float drive = gain(*self->ports[DRIVE]), level = gain(*self->ports[LEVEL]);
    float x[PORTION], y[PORTION];
    for (size_t first = 0, portion; first < count; first += portion) {
        portion = count - first < PORTION ? count - first : PORTION;
        amplify(&self->gains[0], drive, self->ports[INPUT] + first, portion, x);
        (void)lstm_model_stream_run(self->stream, portion, NULL, x, y);
        amplify(&self->gains[1], level, y, portion, self->ports[OUTPUT] + first);
    }
}

LV2_SYMBOL_EXPORT const LV2_Descriptor *lv2_descriptor(uint32_t index)
{
    static const LV2_Descriptor descriptor = {
        .URI = PLUGIN_URI,
        .instantiate = instantiate,
        .connect_port = connect_port,
        .activate = activate,
        .run = run,
        .cleanup = cleanup,
    };
    return index ? NULL : &descriptor;
}
