#include <lstm/checkpoint.h>

#include "checkpoint_files.h"
#include "context.h"
#include "model.h"
#include "optimizer.h"
#include "params_file.h"
#include "status.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One tensor of the file, and where its values are in memory. */
typedef struct item {
    char *name;
    uint64_t hash; /* of the name */
    lstm_dtype dtype;
    size_t rank, shape[LSTM_MAX_RANK], size;
    void *data;
    double low, high; /* of single numbers, which a file may give */
} item;

struct lstm_checkpoint {
    lstm_context *context;
    lstm_model *model; /* NULL: no graph */
    item *items;
    size_t item_count, item_capacity;
    lstm_params **stores; /* whose values the items are */
    size_t store_count, store_capacity;
    lstm_optimizer **optimizers;
    size_t optimizer_count, optimizer_capacity;
    double best; /* metric */
};

/* ---- the list ---- */

static lstm_status add_item(const char *function, lstm_checkpoint *c, const char *const parts[3], item made)
{
    char name[LSTM_MAX_NAME + 64];
    const size_t length = lstm__join_name(parts, sizeof name, name);
    if (length >= sizeof name)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the name %.64s... is too long", function, name);
    made.hash = lstm__name_hash(name);
    for (size_t k = 0; k < c->item_count; k++)
        if (c->items[k].hash == made.hash && !strcmp(c->items[k].name, name))
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.200s\" is on the list already", function, name);
    item *grown = lstm__grow(c->context, c->items, c->item_count, &c->item_capacity, sizeof *grown);
    if (!grown)
        return lstm__fail_memory(function);
    c->items = grown;
    made.name = lstm__allocate(c->context, 1, length + 1);
    if (!made.name)
        return lstm__fail_memory(function);
    memcpy(made.name, name, length + 1);
    grown[c->item_count++] = made;
    return LSTM_OK;
}

static void drop_items(lstm_checkpoint *c, size_t count)
{
    while (c->item_count > count)
        lstm__release(c->context, c->items[--c->item_count].name);
}

/* The variables of `names`, with the values that they have in params, as prefix/slot/name. */
static lstm_status add_variables(const char *function, lstm_checkpoint *c, const char *prefix, const char *slot,
                                 const lstm_params *names, lstm_params *params)
{
    lstm_params **grown = lstm__grow(c->context, c->stores, c->store_count, &c->store_capacity, sizeof *grown);
    if (!grown)
        return lstm__fail_memory(function);
    c->stores = grown;
    float *block = (float *)(uintptr_t)lstm_params_data(params, NULL);
    for (size_t k = 0; k < lstm_params_variable_count(names); k++) {
        lstm_variable_info info;
        lstm_status status = lstm_params_variable(names, k, &info);
        if (!status)
            status = lstm_params_find(params, info.name, &info);
        if (status)
            return status;
        item made = {.dtype = LSTM_DTYPE_F32,
                     .rank = info.rank,
                     .size = info.count * sizeof *block,
                     .data = block + info.offset};
        memcpy(made.shape, info.shape, sizeof made.shape);
        if ((status = add_item(function, c, (const char *const[3]){prefix, slot, info.name}, made)))
            return status;
    }
    lstm__params_retain(params);
    c->stores[c->store_count++] = params;
    return LSTM_OK;
}

/* Numbers below "checkpoint/"; values: their dtype, place, and range. */
static lstm_status add_numbers(const char *function, lstm_checkpoint *c, const char *prefix, const char *name,
                               size_t count, item values)
{
    values.rank = 1;
    values.shape[0] = count;
    values.size = count * (values.dtype == LSTM_DTYPE_F32 ? sizeof(float) : sizeof(double));
    return add_item(function, c, (const char *const[3]){"checkpoint", prefix, name}, values);
}

lstm_status lstm_checkpoint_create(lstm_context *context, lstm_checkpoint **checkpoint)
{
    const char *function = "lstm_checkpoint_create";
    if (!checkpoint)
        return lstm__fail_null(function, "checkpoint");
    lstm_checkpoint *made = lstm__allocate(context, 1, sizeof *made);
    if (!made)
        return lstm__fail_memory(function);
    made->context = context;
    lstm__context_retain(context);
    made->best = -INFINITY;
    lstm_status status =
        add_numbers(function, made, NULL, "best_metric", 1,
                    (item){.dtype = LSTM_DTYPE_F64, .data = &made->best, .low = -INFINITY, .high = INFINITY});
    if (status) {
        lstm_checkpoint_destroy(made);
        return status;
    }
    *checkpoint = made;
    return LSTM_OK;
}

void lstm_checkpoint_destroy(lstm_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    lstm_context *context = checkpoint->context;
    drop_items(checkpoint, 0);
    lstm__release(context, checkpoint->items);
    while (checkpoint->store_count)
        lstm_params_destroy(checkpoint->stores[--checkpoint->store_count]);
    lstm__release(context, checkpoint->stores);
    while (checkpoint->optimizer_count)
        lstm_optimizer_destroy(checkpoint->optimizers[--checkpoint->optimizer_count]);
    lstm__release(context, checkpoint->optimizers);
    lstm_model_destroy(checkpoint->model);
    lstm__release(context, checkpoint);
    lstm_context_destroy(context);
}

/* A name below "checkpoint/" that is given by the caller. */
static lstm_status check_name(const char *function, const char *argument, const char *name)
{
    char quoted[LSTM__QUOTED];
    if (!lstm__name_is_good(name))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s is \"%s\", which is no name", function, argument,
                          lstm__quote(name, quoted));
    return LSTM_OK;
}

lstm_status lstm_checkpoint_add_model(lstm_checkpoint *checkpoint, const lstm_model *model, lstm_params *params)
{
    const char *function = "lstm_checkpoint_add_model";
    if (!checkpoint || !model)
        return lstm__fail_null(function, checkpoint ? "model" : "checkpoint");
    if (checkpoint->model)
        return lstm__fail(LSTM_ERR_STATE, "%s: there is a model already", function);
    lstm_params *names;
    lstm_status status = lstm__params_check_writable(function, "params", params, model->layout);
    if (status || (status = lstm__model_names(function, model, &names)))
        return status;
    const size_t before = checkpoint->item_count;
    status = add_variables(function, checkpoint, NULL, NULL, names, params);
    lstm_params_destroy(names);
    if (status) {
        drop_items(checkpoint, before);
        return status;
    }
    checkpoint->model = (lstm_model *)(uintptr_t)model;
    lstm__model_retain(checkpoint->model);
    return LSTM_OK;
}

lstm_status lstm_checkpoint_add_params(lstm_checkpoint *checkpoint, const char *prefix, lstm_params *params)
{
    const char *function = "lstm_checkpoint_add_params";
    if (!checkpoint || !params)
        return lstm__fail_null(function, checkpoint ? "params" : "checkpoint");
    lstm_status status = prefix ? check_name(function, "prefix", prefix) : LSTM_OK;
    if (status || (status = lstm__params_check_writable(function, "params", params, lstm__params_layout(params))))
        return status;
    const size_t before = checkpoint->item_count;
    status = add_variables(function, checkpoint, prefix ? "checkpoint" : NULL, prefix, params, params);
    if (status)
        drop_items(checkpoint, before);
    return status;
}

static lstm_status add_optimizer(const char *function, lstm_checkpoint *c, const lstm__optimizer_state *o)
{
    lstm_status status = LSTM_OK;
    char prefix[64];
    for (size_t k = 0; k < o->slots && !status; k++) {
        snprintf(prefix, sizeof prefix, "checkpoint/%s", o->name);
        status = add_variables(function, c, prefix, o->slot_names[k], o->stores[k], o->stores[k]);
    }
    if (!status)
        status = add_numbers(function, c, o->name, "learning_rate", 1,
                             (item){.dtype = LSTM_DTYPE_F32, .data = o->learning_rate, .high = (double)FLT_MAX});
    if (!status)
        status = add_numbers(function, c, o->name, "beta_powers", 2,
                             (item){.dtype = LSTM_DTYPE_F64, .data = o->beta_powers, .high = 0x1.fffffep-1});
    return status;
}

lstm_status lstm_checkpoint_add_optimizer(lstm_checkpoint *checkpoint, lstm_optimizer *optimizer)
{
    const char *function = "lstm_checkpoint_add_optimizer";
    if (!checkpoint || !optimizer)
        return lstm__fail_null(function, checkpoint ? "optimizer" : "checkpoint");
    lstm_checkpoint *c = checkpoint;
    const size_t items = c->item_count, stores = c->store_count;
    lstm_optimizer **grown =
        lstm__grow(c->context, c->optimizers, c->optimizer_count, &c->optimizer_capacity, sizeof *grown);
    if (!grown)
        return lstm__fail_memory(function);
    c->optimizers = grown;
    const lstm__optimizer_state state = lstm__optimizer_state_of(optimizer);
    lstm_status status = add_optimizer(function, c, &state);
    if (status) {
        drop_items(c, items);
        while (c->store_count > stores)
            lstm_params_destroy(c->stores[--c->store_count]);
        return status;
    }
    lstm__optimizer_retain(optimizer);
    c->optimizers[c->optimizer_count++] = optimizer;
    return LSTM_OK;
}

lstm_status lstm_checkpoint_add_u64(lstm_checkpoint *checkpoint, const char *name, uint64_t *values, size_t count)
{
    const char *function = "lstm_checkpoint_add_u64";
    if (!checkpoint || !name || !values)
        return lstm__fail_null(function, !checkpoint ? "checkpoint" : !name ? "name" : "values");
    if (count < 1 || count > SIZE_MAX / sizeof *values)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: count is %zu", function, count);
    lstm_status status = check_name(function, "name", name);
    return status
               ? status
               : add_numbers(function, checkpoint, NULL, name, count, (item){.dtype = LSTM_DTYPE_U64, .data = values});
}

/* ---- files ---- */

static lstm_status save(const char *function, const lstm_checkpoint *c, const char *path)
{
    lstm_tensor *tensors = lstm__allocate(c->context, c->item_count, sizeof *tensors);
    if (!tensors)
        return lstm__fail_memory(function);
    for (size_t k = 0; k < c->item_count; k++) {
        const item *i = &c->items[k];
        tensors[k] = (lstm_tensor){
            .name = i->name, .dtype = i->dtype, .rank = i->rank, .shape = i->shape, .data = i->data, .size = i->size};
    }
    const lstm_metadata metadata[] = {
        {"lstm.format", "checkpoint"}, {"lstm.version", "1"}, {"lstm.model", lstm_model_graph(c->model)}};
    lstm_status status =
        lstm__safetensors_save(function, c->context, path, metadata, c->model ? 3 : 2, tensors, c->item_count);
    lstm__release(c->context, tensors);
    return status;
}

lstm_status lstm_checkpoint_save(const lstm_checkpoint *checkpoint, const char *path)
{
    const char *function = "lstm_checkpoint_save";
    if (!checkpoint || !path)
        return lstm__fail_null(function, checkpoint ? "path" : "checkpoint");
    return save(function, checkpoint, path);
}

/* Whether numbers that have a range keep to it; NaN does not. */
static bool in_range(const item *i, const lstm_tensor *t)
{
    double number;
    float narrow;
    for (size_t k = 0; i->low < i->high && k < i->shape[0]; k++) {
        if (i->dtype == LSTM_DTYPE_F32) {
            memcpy(&narrow, (const char *)t->data + k * sizeof narrow, sizeof narrow);
            number = (double)narrow;
        } else {
            memcpy(&number, (const char *)t->data + k * sizeof number, sizeof number);
        }
        if (!(number >= i->low && number <= i->high))
            return false;
    }
    return true;
}

/* Every item has its tensor, every tensor its item. used: false for each tensor. */
static lstm_status match(const char *where, const lstm_checkpoint *c, const lstm_safetensors *file, bool *used)
{
    char expected[LSTM__QUOTED], found[LSTM__QUOTED], detail[2 * LSTM__QUOTED + 40];
    lstm__faults faults = {0};
    for (size_t k = 0; k < c->item_count; k++) {
        const item *i = &c->items[k];
        const lstm_tensor *t = lstm__safetensors_find(file, i->name, used);
        if (t && t->dtype == i->dtype && t->rank == i->rank &&
            !memcmp(t->shape, i->shape, i->rank * sizeof *i->shape)) {
            if (!in_range(i, t))
                lstm__fault(&faults, "a wrong number in", i->name, "");
            continue;
        }
        const char *have = t ? lstm__shape_text(t->rank, t->shape, found) : "none";
        snprintf(detail, sizeof detail, ": %s %s, expected %s %s", t ? lstm_dtype_name(t->dtype) : "", have,
                 lstm_dtype_name(i->dtype), lstm__shape_text(i->rank, i->shape, expected));
        lstm__fault(&faults, t ? "another" : "missing", i->name, t ? detail : "");
    }
    for (size_t k = 0; k < lstm_safetensors_count(file); k++)
        if (!used[k])
            lstm__fault(&faults, "unused", lstm__safetensors_at(file, k)->name, "");
    return lstm__faults_status(&faults, where);
}

/* Check that the file has what is on the list, and nothing else. */
static lstm_status check_file(const char *where, const lstm_checkpoint *c, const lstm_safetensors *file)
{
    const char *format = lstm_safetensors_metadata(file, "lstm.format");
    const char *graph = lstm_safetensors_metadata(file, "lstm.model");
    if (!format || strcmp(format, "checkpoint") != 0)
        return lstm__fail(LSTM_ERR_FORMAT, "%s: it is no checkpoint", where);
    if (c->model && (!graph || strcmp(graph, lstm_model_graph(c->model)) != 0))
        return lstm__fail(LSTM_ERR_FORMAT, "%s: it is of another graph (lstm.model)", where);
    bool *used = lstm__allocate(c->context, lstm_safetensors_count(file) + 1, sizeof *used);
    lstm_status status = used ? match(where, c, file, used) : lstm__fail_memory(where);
    lstm__release(c->context, used);
    return status;
}

static lstm_status load(const char *function, lstm_checkpoint *c, const char *path)
{
    char where[2 * LSTM__QUOTED];
    lstm_safetensors *file;
    lstm_status status = lstm__safetensors_open(function, c->context, path, NULL, 0, &file);
    if (status)
        return status;
    status = check_file(lstm__where(function, path, where), c, file);
    for (size_t k = 0; k < c->store_count && !status; k++)
        (void)lstm_params_edit(c->stores[k], NULL); /* the values change */
    for (size_t k = 0; k < c->item_count && !status; k++)
        memcpy(c->items[k].data, lstm__safetensors_find(file, c->items[k].name, NULL)->data, c->items[k].size);
    lstm_safetensors_destroy(file);
    return status;
}

lstm_status lstm_checkpoint_load(lstm_checkpoint *checkpoint, const char *path)
{
    const char *function = "lstm_checkpoint_load";
    if (!checkpoint || !path)
        return lstm__fail_null(function, checkpoint ? "path" : "checkpoint");
    return load(function, checkpoint, path);
}

lstm_status lstm_checkpoint_save_step(const lstm_checkpoint *checkpoint, const char *prefix, uint64_t step, size_t keep)
{
    const char *function = "lstm_checkpoint_save_step";
    if (!checkpoint || !prefix)
        return lstm__fail_null(function, checkpoint ? "prefix" : "checkpoint");
    char *path = lstm__numbered_path(checkpoint->context, prefix, step);
    lstm_status status = path ? save(function, checkpoint, path) : lstm__fail_memory(function);
    lstm__release(checkpoint->context, path);
    return status || !keep ? status : lstm__numbered_keep(function, checkpoint->context, prefix, step, keep);
}

lstm_status lstm_checkpoint_load_latest(lstm_checkpoint *checkpoint, const char *prefix, uint64_t *step)
{
    const char *function = "lstm_checkpoint_load_latest";
    if (!checkpoint || !prefix || !step)
        return lstm__fail_null(function, !checkpoint ? "checkpoint" : !prefix ? "prefix" : "step");
    uint64_t latest;
    lstm_status status = lstm__numbered_latest(function, checkpoint->context, prefix, &latest);
    if (status)
        return status;
    char *path = lstm__numbered_path(checkpoint->context, prefix, latest);
    status = path ? load(function, checkpoint, path) : lstm__fail_memory(function);
    lstm__release(checkpoint->context, path);
    if (!status)
        *step = latest;
    return status;
}

lstm_status lstm_checkpoint_save_best(lstm_checkpoint *checkpoint, const char *path, double metric, bool *saved)
{
    const char *function = "lstm_checkpoint_save_best";
    if (!checkpoint || !path)
        return lstm__fail_null(function, checkpoint ? "path" : "checkpoint");
    const double before = checkpoint->best;
    const bool better = metric > before;
    lstm_status status = LSTM_OK;
    if (better) {
        checkpoint->best = metric;
        status = save(function, checkpoint, path);
    }
    if (status)
        checkpoint->best = before;
    else if (saved)
        *saved = better;
    return status;
}
