#include "params_file.h"

#include "context.h"
#include "params.h"
#include "status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_GATES = 4, TENSOR_NAME = 512 };

/* The part of a module's tensor that one variable takes: of `gates` gates from `first` on, each [units][width] in the
 * tensor, [width][units] in the variable, where gate g goes to place order[g]. */
typedef enum source {
    FROM_INPUT,      /* weight_ih; also nn.Linear's weight */
    FROM_STATE,      /* weight_hh: in a kernel of both, below the input's rows */
    FROM_PROJECTION, /* weight_hr */
    TO_BIAS          /* a vector, added to what is there */
} source;

typedef struct part {
    const char *variable, *tensor;
    source from;
    bool both; /* the variable has rows for the input and for the state */
    size_t first, gates;
    size_t order[MAX_GATES];
} part;

typedef struct layer_kind {
    const char *cell; /* the component of the variables' names, NULL for a dense layer */
    size_t gates;     /* of the tensors */
    size_t part_count;
    const part *parts; /* the first one is what the sizes are read from */
} layer_kind;

static const part lstm_parts[] = {
    {"kernel", "weight_ih", FROM_INPUT, true, 0, 4, {0, 2, 1, 3}}, /* i, f, g, o become i, j, f, o */
    {"kernel", "weight_hh", FROM_STATE, true, 0, 4, {0, 2, 1, 3}},
    {"bias", "bias_ih", TO_BIAS, false, 0, 4, {0, 2, 1, 3}},
    {"bias", "bias_hh", TO_BIAS, false, 0, 4, {0, 2, 1, 3}},
    {"projection/kernel", "weight_hr", FROM_PROJECTION, false, 0, 1, {0}},
};
static const part gru_parts[] = {
    {"gates/kernel", "weight_ih", FROM_INPUT, true, 0, 2, {0, 1}}, /* r, z, n: z is u */
    {"gates/kernel", "weight_hh", FROM_STATE, true, 0, 2, {0, 1}},
    {"gates/bias", "bias_ih", TO_BIAS, false, 0, 2, {0, 1}},
    {"gates/bias", "bias_hh", TO_BIAS, false, 0, 2, {0, 1}},
    {"candidate/input_projection/kernel", "weight_ih", FROM_INPUT, false, 2, 1, {0}},
    {"candidate/input_projection/bias", "bias_ih", TO_BIAS, false, 2, 1, {0}},
    {"candidate/hidden_projection/kernel", "weight_hh", FROM_STATE, false, 2, 1, {0}},
    {"candidate/hidden_projection/bias", "bias_hh", TO_BIAS, false, 2, 1, {0}},
};
static const part rnn_parts[] = {
    {"kernel", "weight_ih", FROM_INPUT, true, 0, 1, {0}},
    {"kernel", "weight_hh", FROM_STATE, true, 0, 1, {0}},
    {"bias", "bias_ih", TO_BIAS, false, 0, 1, {0}},
    {"bias", "bias_hh", TO_BIAS, false, 0, 1, {0}},
};
static const part dense_parts[] = {
    {"kernel", "weight", FROM_INPUT, false, 0, 1, {0}},
    {"bias", "bias", TO_BIAS, false, 0, 1, {0}},
};
#define PARTS(parts) sizeof parts / sizeof parts[0], parts
static const layer_kind kinds[] = {
    {"lstm_cell", 4, PARTS(lstm_parts)},
    {"basic_lstm_cell", 4, PARTS(lstm_parts)},
    {"cudnn_compatible_gru_cell", 3, PARTS(gru_parts)},
    {"basic_rnn_cell", 1, PARTS(rnn_parts)},
    {NULL, 1, PARTS(dense_parts)},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* One import. It is gone through twice: with values NULL only to check, then to write. */
typedef struct import {
    const char *function;
    lstm_params *params;
    const lstm_safetensors *file;
    const lstm_pytorch_module *modules;
    size_t count;
    size_t (*layers)[2]; /* of each module's prefix so far, forward and reverse */
    bool *filled, *used; /* of the variables and of the file's tensors */
    lstm__faults faults;
    size_t largest; /* elements of the largest tensor that is wanted */
    float *tensor;  /* room for it */
    float *values;  /* the store's block */
} import;

/* A cell or dense layer of the store, and where its tensors are. */
typedef struct layer {
    const layer_kind *kind;       /* NULL: none yet */
    char path[LSTM_MAX_NAME + 1]; /* "rnn/lstm_cell/" */
    const char *prefix;
    char suffix[40];            /* "_l0_reverse" */
    size_t units, input, state; /* state: the columns of weight_hh; 0 for a dense layer */
} layer;

/* What kind of layer a variable below a scope belongs to, and how much of its name is the layer's path; NULL: no kind. */
static const layer_kind *kind_of(const char *name, size_t scope, size_t *path)
{
    const layer_kind *found = NULL;
    const char *end;
    for (const char *at = name + scope + 1; (end = strchr(at, '/')); at = end + 1)
        for (size_t k = 0; k < KINDS; k++)
            if (kinds[k].cell && strlen(kinds[k].cell) == (size_t)(end - at) &&
                !strncmp(kinds[k].cell, at, (size_t)(end - at))) {
                found = &kinds[k];
                *path = (size_t)(end - name) + 1;
            }
    if (!found && !strchr(name + scope + 1, '/')) {
        found = &kinds[KINDS - 1];
        *path = scope + 1;
    }
    return found;
}

static bool is_reverse(const char *name)
{
    return !strncmp(name, "bw/", 3) || strstr(name, "/bw/");
}

/* The width of an LSTM's projection; 0: it has none. */
static size_t projection_of(const import *im, const char *path)
{
    char name[LSTM_MAX_NAME + 32];
    lstm_variable_info info;
    snprintf(name, sizeof name, "%sprojection/kernel", path);
    for (size_t k = 0; k < lstm_params_variable_count(im->params); k++)
        if (!lstm_params_variable(im->params, k, &info) && !strcmp(info.name, name))
            return info.shape[info.rank - 1];
    return 0;
}

/* The layer that this variable is the first kernel of. */
static void begin_layer(import *im, size_t module, const layer_kind *kind, size_t path, const lstm_variable_info *info,
                        layer *l)
{
    const size_t reverse = is_reverse(info->name);
    *l = (layer){.kind = kind, .prefix = im->modules[module].prefix};
    memcpy(l->path, info->name, path);
    l->units = info->shape[info->rank - 1] / kind->parts[0].gates;
    if (kind->cell) {
        const size_t projection = kind->parts == lstm_parts ? projection_of(im, l->path) : 0;
        l->state = projection ? projection : l->units;
        snprintf(l->suffix, sizeof l->suffix, "_l%zu%s", im->layers[module][reverse]++, reverse ? "_reverse" : "");
    }
    l->input = info->shape[0] > l->state ? info->shape[0] - l->state : 0;
}

static const lstm_tensor *find_tensor(const import *im, const layer *l, const char *tensor, char name[TENSOR_NAME])
{
    const bool prefixed = l->prefix && *l->prefix;
    snprintf(name, TENSOR_NAME, "%s%s%s%s", prefixed ? l->prefix : "", prefixed ? "." : "", tensor, l->suffix);
    return lstm__safetensors_find(im->file, name, im->used);
}

static void fault(import *im, const char *words, const char *name, size_t rank, const size_t *shape, const char *more)
{
    char text[LSTM__QUOTED], detail[2 * LSTM__QUOTED + 16];
    snprintf(detail, sizeof detail, " %s%s", lstm__shape_text(rank, shape, text), more);
    lstm__fault(&im->faults, words, name, detail);
}

/* Check a tensor that is to have that shape; NULL if it is not as it must be. */
static const lstm_tensor *check_tensor(import *im, const layer *l, const part *p, size_t rank, const size_t *shape)
{
    char name[TENSOR_NAME], other[TENSOR_NAME], text[LSTM__QUOTED], more[LSTM__QUOTED + 16];
    const lstm_tensor *tensor = find_tensor(im, l, p->tensor, name);
    if (!tensor) {
        const bool no_bias =
            p->from == TO_BIAS && !find_tensor(im, l, "bias_ih", other) && !find_tensor(im, l, "bias_hh", other);
        if (!no_bias && !p->first)
            fault(im, "missing", name, rank, shape, "");
        return NULL;
    }
    const bool fits = tensor->rank == rank && !memcmp(tensor->shape, shape, rank * sizeof *shape);
    if (fits && lstm__dtype_is_real(tensor->dtype))
        return tensor;
    if (fits)
        snprintf(more, sizeof more, ": %s, expected F32, F16, BF16 or F64", lstm_dtype_name(tensor->dtype));
    else
        snprintf(more, sizeof more, ", expected %s", lstm__shape_text(rank, shape, text));
    if (!p->first)
        fault(im, fits ? "wrong dtype of" : "wrong shape of", name, tensor->rank, tensor->shape, more);
    return NULL;
}

/* Take a part of its tensor into the variable; false: that variable is not of such a layer. */
static bool take_part(import *im, const layer *l, const part *p, const lstm_variable_info *info)
{
    const bool vector = p->from == TO_BIAS, projection = p->from == FROM_PROJECTION;
    const size_t units = projection ? l->state : l->units;
    const size_t width = vector ? 1 : projection ? l->units : p->from == FROM_STATE ? l->state : l->input;
    const size_t rows = p->both ? l->input + l->state : width, columns = p->gates * units;
    const size_t above = p->both && p->from == FROM_STATE ? l->input : 0;
    const size_t shape[] = {(projection ? 1 : l->kind->gates) * units, width};
    if (info->rank != (vector ? 1 : 2) || !width || info->shape[info->rank - 1] != columns ||
        (!vector && info->shape[0] != rows))
        return false;
    const lstm_tensor *tensor = check_tensor(im, l, p, vector ? 1 : 2, shape);
    if (!tensor)
        return true;
    if (im->largest < shape[0] * width)
        im->largest = shape[0] * width;
    if (!im->values)
        return true;
    lstm_tensor_floats(tensor, shape[0] * width, im->tensor);
    float *to = im->values + info->offset + above * columns;
    for (size_t gate = 0; gate < p->gates; gate++)
        for (size_t unit = 0; unit < units; unit++)
            for (size_t k = 0; k < width; k++)
                to[k * columns + p->order[gate] * units + unit] +=
                    im->tensor[((p->first + gate) * units + unit) * width + k];
    return true;
}

/* The forget bias that the cell will add is taken off its block, the third. */
static void take_off_forget_bias(const import *im, const layer *l, lstm_optional forget_bias,
                                 const lstm_variable_info *info)
{
    for (size_t unit = 0; unit < l->units; unit++)
        im->values[info->offset + 2 * l->units + unit] -= forget_bias.given ? forget_bias.value : 1.0f;
}

/* Fill variable `index`, which is below the module's scope, from the layer or the one that begins with it. */
static void take_variable(import *im, size_t module, size_t index, const lstm_variable_info *info, layer *l)
{
    size_t path;
    const layer_kind *kind = kind_of(info->name, strlen(im->modules[module].scope), &path);
    if (!kind)
        return;
    if (!strcmp(info->name + path, kind->parts[0].variable))
        begin_layer(im, module, kind, path, info, l);
    if (l->kind != kind || strlen(l->path) != path || strncmp(l->path, info->name, path) != 0)
        return;
    for (size_t k = 0; k < kind->part_count; k++)
        if (!strcmp(info->name + path, kind->parts[k].variable) && take_part(im, l, &kind->parts[k], info))
            im->filled[index] = true;
    if (im->values && kind->parts == lstm_parts && !strcmp(info->name + path, "bias"))
        take_off_forget_bias(im, l, im->modules[module].forget_bias, info);
}

static lstm_status take_module(import *im, size_t module)
{
    const char *scope = im->modules[module].scope;
    const size_t length = strlen(scope);
    char quoted[LSTM__QUOTED];
    layer l = {0};
    bool any = false;
    for (size_t k = 0; k < lstm_params_variable_count(im->params); k++) {
        lstm_variable_info info;
        lstm_params_variable(im->params, k, &info);
        if (strncmp(info.name, scope, length) != 0 || info.name[length] != '/')
            continue;
        if (im->filled[k])
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%s\" is below the scopes of two modules", im->function,
                              lstm__quote(info.name, quoted));
        any = true;
        take_variable(im, module, k, &info, &l);
    }
    return any ? LSTM_OK
               : lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the store has no variable below modules[%zu].scope \"%s\"",
                            im->function, module, lstm__quote(scope, quoted));
}

static const char *prefix_of(const lstm_pytorch_module *module)
{
    return module->prefix ? module->prefix : "";
}

static lstm_status take_modules(import *im)
{
    memset(im->filled, 0, lstm_params_variable_count(im->params) * sizeof *im->filled);
    for (size_t k = 0; k < im->count; k++) {
        im->layers[k][0] = im->layers[k][1] = 0;
        for (size_t before = 0; before < k; before++)
            if (!strcmp(prefix_of(&im->modules[before]), prefix_of(&im->modules[k])))
                memcpy(im->layers[k], im->layers[before], sizeof im->layers[k]);
        lstm_status status = take_module(im, k);
        if (status)
            return status;
    }
    return LSTM_OK;
}

/* Every variable is filled and every tensor used. */
static lstm_status check_rest(import *im, const char *where)
{
    for (size_t k = 0; k < lstm_params_variable_count(im->params); k++) {
        lstm_variable_info info;
        lstm_params_variable(im->params, k, &info);
        if (!im->filled[k])
            fault(im, "not filled", info.name, info.rank, info.shape,
                  strstr(info.name, "gru_cell/") ? ": PyTorch's GRU is a cudnn_compatible_gru_cell" : "");
    }
    for (size_t k = 0; k < lstm_safetensors_count(im->file); k++) {
        const lstm_tensor *tensor = lstm__safetensors_at(im->file, k);
        if (!im->used[k])
            fault(im, "unused", tensor->name, tensor->rank, tensor->shape, "");
    }
    return lstm__faults_status(&im->faults, where);
}

static lstm_status run(import *im, const char *where)
{
    lstm_context *context = lstm__params_context(im->params);
    lstm_status status = take_modules(im);
    if (!status)
        status = check_rest(im, where);
    if (status)
        return status;
    im->tensor = lstm__allocate(context, im->largest + 1, sizeof *im->tensor);
    status = im->tensor ? lstm__params_seal(im->function, im->params) : lstm__fail_memory(im->function);
    if (!status) {
        lstm_params_zero(im->params);
        im->values = lstm_params_edit(im->params, NULL);
        status = take_modules(im);
    }
    lstm__release(context, im->tensor);
    return status;
}

static lstm_status check_arguments(const char *function, const lstm_params *params, const char *path,
                                   const lstm_pytorch_module *modules, size_t count)
{
    if (!params || !path || !modules)
        return lstm__fail_null(function, !params ? "params" : !path ? "path" : "modules");
    if (lstm__params_is_frozen(params))
        return lstm__fail(LSTM_ERR_STATE, "%s: params is frozen", function);
    for (size_t k = 0; k < count; k++) {
        if (!modules[k].scope)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: modules[%zu].scope is NULL", function, k);
        if (modules[k].forget_bias.given && !isfinite(modules[k].forget_bias.value))
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: modules[%zu].forget_bias is not finite", function, k);
    }
    return LSTM_OK;
}

lstm_status lstm_params_import_pytorch(lstm_params *params, const char *path, const lstm_pytorch_module *modules,
                                       size_t count)
{
    const char *function = "lstm_params_import_pytorch";
    char where[2 * LSTM__QUOTED];
    lstm_safetensors *file;
    lstm_status status = check_arguments(function, params, path, modules, count);
    if (status)
        return status;
    lstm_context *context = lstm__params_context(params);
    if ((status = lstm__safetensors_open(function, context, path, NULL, 0, &file)))
        return status;
import im = {.function = function, .params = params, .file = file, .modules = modules, .count = count };
    im.layers = lstm__allocate(context, count + 1, sizeof *im.layers);
    im.filled = lstm__allocate(context, lstm_params_variable_count(params) + 1, sizeof *im.filled);
    im.used = lstm__allocate(context, lstm_safetensors_count(file) + 1, sizeof *im.used);
    status =
        im.layers && im.filled && im.used ? run(&im, lstm__where(function, path, where)) : lstm__fail_memory(function);
    lstm__release(context, im.used);
    lstm__release(context, im.filled);
    lstm__release(context, im.layers);
    lstm_safetensors_destroy(file);
    return status;
}
