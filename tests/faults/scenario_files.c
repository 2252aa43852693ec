/* What reads and writes files. */
#include "folder.h"
#include "injection.h"
#include "scenario.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file's bytes, read without a failure. */
static const unsigned char *bytes_of(const char *name, size_t *size)
{
    injection *const wanted = inject(NULL);
    const unsigned char *bytes = folder_read(name, size);
    inject(wanted);
    return bytes;
}

/* ---- tensors ---- */

static lstm_status tensors_save(world *w, result *r)
{
    static const size_t shape[] = {2, 3};
    static const int64_t whole[] = {1, 2, 3, 4, 5, 6};
    const lstm_metadata metadata[] = {{"a key of many characters", "a value of many characters"}};
    const lstm_tensor tensors[] = {
        {"a name of many characters", LSTM_DTYPE_F32, 2, shape, scenario_numbers, 6 * sizeof(float)},
        {"whole", LSTM_DTYPE_I64, 2, shape, whole, sizeof whole}};
    (void)r;
    return lstm_safetensors_save(w->context, folder_path("tensors"), metadata, 1, tensors, 2);
}

STEP(tensors_open, lstm_safetensors_open(w->context, folder_path("tensors"), &w->file))

static lstm_status tensors_open_memory(world *w, result *r)
{
    (void)r;
    size_t size;
    const unsigned char *bytes = bytes_of("tensors", &size);
    return lstm_safetensors_open_memory(w->context, bytes, size, &w->in_memory);
}

/* A header with one name of that length. Jansson's buffer for a token is full at 16 bytes, 32 and so on. */
static lstm_status open_name(world *w, int length)
{
    unsigned char bytes[256] = {0};
    lstm_safetensors *file = NULL;
    const int size = snprintf((char *)bytes + 8, sizeof bytes - 8,
                              "{\"%.*s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", length,
                              "a_name_that_is_cut_to_each_of_many_lengths");
    bytes[0] = (unsigned char)size;
    lstm_status status = lstm_safetensors_open_memory(w->context, bytes, 8 + (size_t)size, &file);
    lstm_safetensors_destroy(file);
    return status;
}

STEP(name_of_13, open_name(w, 13))
STEP(name_of_14, open_name(w, 14))
STEP(name_of_15, open_name(w, 15))
STEP(name_of_29, open_name(w, 29))
STEP(name_of_30, open_name(w, 30))
STEP(name_of_31, open_name(w, 31))

static lstm_status tensors_read(world *w, result *r)
{
    lstm_tensor tensor;
    int64_t whole[6] = {0};
    lstm_status status = lstm_safetensors_find(w->file, "a name of many characters", &tensor);
    if (!status)
        status = lstm_tensor_floats(&tensor, 6, r->f);
    if (!status)
        status = lstm_safetensors_tensor(w->in_memory, 0, &tensor);
    if (!status)
        status = lstm_tensor_integers(&tensor, 6, whole);
    r->n[0] = lstm_safetensors_count(w->in_memory) + (size_t)whole[5];
    r->n[1] = strlen(lstm_safetensors_metadata(w->file, "a key of many characters"));
    return status;
}

/* ---- weights ---- */

STEP(params_save, lstm_params_save(w->net, folder_path("weights")))
STEP(params_replace, lstm_params_save(w->net_frozen, folder_path("weights")))
STEP(params_to_device, lstm_params_save(w->net, "/dev/null"))

/* To a file that is not there. */
static lstm_status make_link(world *w, result *r)
{
    (void)w, (void)r;
    return symlink("linked", folder_path("link")) ? LSTM_ERR_IO : LSTM_OK;
}

STEP(params_through_link, lstm_params_save(w->net, folder_path("link")))
STEP(loaded, lstm_params_create_like(w->net, &w->loaded))

static lstm_status params_load(world *w, result *r)
{
    lstm_status status = lstm_params_load(w->loaded, folder_path("weights"));
    if (!status)
        r->f[0] = lstm_params_data(w->loaded, NULL)[5];
    return status;
}

static lstm_status params_load_memory(world *w, result *r)
{
    size_t size;
    const unsigned char *bytes = bytes_of("weights", &size);
    lstm_status status = lstm_params_load_memory(w->loaded, bytes, size);
    if (!status)
        r->f[0] = lstm_params_edit(w->loaded, NULL)[5];
    return status;
}

enum { UNITS = 3, INPUT = 2 };
static const lstm_pytorch_module modules[] = {{.prefix = "encoder", .scope = "lstm"}};
STEP(torch, lstm_params_create(w->context, &w->torch))
STEP(torch_plan, lstm_rnn_create(w->torch, "lstm", w->cells[1], INPUT, NULL, &w->lstm))

static lstm_status torch_save(world *w, result *r)
{
    static const size_t ih[] = {4 * UNITS, INPUT}, hh[] = {4 * UNITS, UNITS};
    const float *x = scenario_numbers;
    const lstm_tensor tensors[] = {{"encoder.weight_ih_l0", LSTM_DTYPE_F32, 2, ih, x, ih[0] * ih[1] * sizeof *x},
                                   {"encoder.weight_hh_l0", LSTM_DTYPE_F32, 2, hh, x, hh[0] * hh[1] * sizeof *x},
                                   {"encoder.bias_ih_l0", LSTM_DTYPE_F32, 1, ih, x, ih[0] * sizeof *x},
                                   {"encoder.bias_hh_l0", LSTM_DTYPE_F32, 1, ih, x + 1, ih[0] * sizeof *x}};
    (void)r;
    return lstm_safetensors_save(w->context, folder_path("torch"), NULL, 0, tensors, 4);
}

static lstm_status torch_import(world *w, result *r)
{
    lstm_status status = lstm_params_import_pytorch(w->torch, folder_path("torch"), modules, 1);
    if (!status)
        r->f[0] = lstm_params_data(w->torch, NULL)[5];
    return status;
}

/* ---- models ---- */

STEP(model_save, lstm_model_save(w->model, w->net, folder_path("model")))
STEP(model_open, lstm_model_open(w->context, folder_path("model"), &w->opened_model, &w->opened))

static lstm_status model_open_memory(world *w, result *r)
{
    (void)r;
    size_t size;
    const unsigned char *bytes = bytes_of("model", &size);
    return lstm_model_open_memory(w->context, bytes, size, &w->model_of_memory, &w->memory);
}

/* The model with a test of it. */
static lstm_status selftest_save(world *w, result *r)
{
    static const size_t x_shape[] = {1, 3, 2}, y_shape[] = {1, 3, 3};
    lstm_tensor tensors[16] = {{"selftest/0/inputs", LSTM_DTYPE_F32, 3, x_shape, scenario_numbers, 6 * sizeof(float)},
                               {"selftest/0/outputs", LSTM_DTYPE_F32, 3, y_shape, w->outputs, sizeof w->outputs}};
    const lstm_metadata metadata[] = {
        {"lstm.format", "model"}, {"lstm.version", "1"}, {"lstm.model", lstm_model_graph(w->model)}};
    lstm_variable_info info[14];
    const size_t count = lstm_params_variable_count(w->net);
    const float *values = lstm_params_data(w->net, NULL);
    (void)r;
    for (size_t k = 0; k < count; k++) {
        lstm_status status = lstm_params_variable(w->net, k, &info[k]);
        if (status)
            return status;
        tensors[2 + k] = (lstm_tensor){.name = info[k].name,
                                       .dtype = LSTM_DTYPE_F32,
                                       .rank = info[k].rank,
                                       .shape = info[k].shape,
                                       .data = values + info[k].offset,
                                       .size = info[k].count * sizeof *values};
    }
    return lstm_safetensors_save(w->context, folder_path("tested"), metadata, 3, tensors, 2 + count);
}

STEP(selftest, lstm_model_selftest(w->context, folder_path("tested"), &r->n[0], &r->d[0]))

/* ---- checkpoints ---- */

static const lstm_rmsprop_config rms = {.struct_size = sizeof rms, .learning_rate = 0.5f, .centered = true};

STEP(checkpoint, lstm_checkpoint_create(w->context, &w->checkpoint))
STEP(average, lstm_params_create_like(w->torch, &w->average))
STEP(rmsprop, lstm_optimizer_create_rmsprop(w->context, w->torch, &rms, &w->optimizers[OPTIMIZERS - 1]))
STEP(add_params, lstm_checkpoint_add_params(w->checkpoint, NULL, w->torch))
STEP(add_average, lstm_checkpoint_add_params(w->checkpoint, "average", w->average))
STEP(add_optimizer, lstm_checkpoint_add_optimizer(w->checkpoint, w->optimizers[OPTIMIZERS - 1]))
STEP(add_u64, lstm_checkpoint_add_u64(w->checkpoint, "counters", w->counters, 2))
STEP(checkpoint_save, lstm_checkpoint_save(w->checkpoint, folder_path("checkpoint")))
STEP(checkpoint_load, lstm_checkpoint_load(w->checkpoint, folder_path("checkpoint")))
STEP(save_best, lstm_checkpoint_save_best(w->checkpoint, folder_path("best"), 0.5, &r->b))
STEP(save_better, lstm_checkpoint_save_best(w->checkpoint, folder_path("best"), 0.75, &r->b))
STEP(save_step_8, lstm_checkpoint_save_step(w->checkpoint, folder_path("run"), 8, 0))
STEP(save_step_9, lstm_checkpoint_save_step(w->checkpoint, folder_path("run"), 9, 0))
STEP(save_step_10, lstm_checkpoint_save_step(w->checkpoint, folder_path("run"), 10, 0))
STEP(keep_two, lstm_checkpoint_save_step(w->checkpoint, folder_path("run"), 10, 2))
STEP(load_latest, lstm_checkpoint_load_latest(w->checkpoint, folder_path("run"), &w->counters[1]))
STEP(checkpoint_of_model, lstm_checkpoint_create(w->context, &w->model_checkpoint))
STEP(add_model, lstm_checkpoint_add_model(w->model_checkpoint, w->model, w->net))
STEP(save_model, lstm_checkpoint_save(w->model_checkpoint, folder_path("of_model")))
STEP(load_model, lstm_checkpoint_load(w->model_checkpoint, folder_path("of_model")))

#define TELL(name)                                                                                                     \
    {                                                                                                                  \
#name, name, NULL                                                                                              \
    }
#define FILE_TELL(name, file)                                                                                          \
    {                                                                                                                  \
#name, name, file                                                                                              \
    }
const step file_steps[] = {FILE_TELL(tensors_save, "tensors"),
                           FILE_TELL(tensors_open, "tensors"),
                           TELL(tensors_open_memory),
                           TELL(tensors_read),
                           TELL(name_of_13),
                           TELL(name_of_14),
                           TELL(name_of_15),
                           TELL(name_of_29),
                           TELL(name_of_30),
                           TELL(name_of_31),
                           FILE_TELL(params_save, "weights"),
                           FILE_TELL(params_replace, "weights"),
                           FILE_TELL(params_to_device, "/dev/null"),
                           TELL(make_link),
                           FILE_TELL(params_through_link, "link"),
                           TELL(loaded),
                           FILE_TELL(params_load, "weights"),
                           TELL(params_load_memory),
                           TELL(torch),
                           TELL(torch_plan),
                           FILE_TELL(torch_save, "torch"),
                           FILE_TELL(torch_import, "torch"),
                           FILE_TELL(model_save, "model"),
                           FILE_TELL(model_open, "model"),
                           TELL(model_open_memory),
                           FILE_TELL(selftest_save, "tested"),
                           FILE_TELL(selftest, "tested"),
                           TELL(checkpoint),
                           TELL(average),
                           TELL(rmsprop),
                           TELL(add_params),
                           TELL(add_average),
                           TELL(add_optimizer),
                           TELL(add_u64),
                           FILE_TELL(checkpoint_save, "checkpoint"),
                           FILE_TELL(checkpoint_load, "checkpoint"),
                           FILE_TELL(save_best, "best"),
                           FILE_TELL(save_better, "best"),
                           FILE_TELL(save_step_8, "run"),
                           FILE_TELL(save_step_9, "run"),
                           FILE_TELL(save_step_10, "run"),
                           FILE_TELL(keep_two, "run"),
                           FILE_TELL(load_latest, "run"),
                           TELL(checkpoint_of_model),
                           TELL(add_model),
                           FILE_TELL(save_model, "of_model"),
                           FILE_TELL(load_model, "of_model")};
const size_t file_step_count = sizeof file_steps / sizeof *file_steps;
