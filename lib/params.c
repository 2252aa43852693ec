#include "params.h"

#include "context.h"
#include "memory.h"
#include "status.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <lstm/random.h>

typedef struct variable {
    lstm_variable_info info; /* info.name is `name` */
    lstm_initializer initializer;
    char name[];
} variable;

struct lstm__layout {
    atomic_size_t references;
    lstm_context *context;
    variable **variables; /* one allocation each: names keep their address while the store grows */
    size_t count, capacity;
    size_t floats;
};

struct lstm_params {
    atomic_size_t references;
    lstm_context *context;
    lstm__layout *layout;
    float *data; /* NULL: open */
    uint64_t version;
    bool frozen;
};

bool lstm__name_is_good(const char *name)
{
    size_t length = strlen(name), part = 0;
    if (!length || length > LSTM_MAX_NAME)
        return false;
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F || (*c == '/' && part == 0))
            return false;
        part = *c == '/' ? 0 : part + 1;
    }
    return part > 0;
}

lstm__layout *lstm__layout_retain(lstm__layout *layout)
{
    atomic_fetch_add(&layout->references, 1);
    return layout;
}

static void drop_variables(lstm__layout *layout, size_t count)
{
    while (layout->count > count) {
        variable *last = layout->variables[--layout->count];
        layout->floats -= last->info.count;
        lstm__release(layout->context, last);
    }
}

void lstm__params_truncate(lstm_params *params, size_t count)
{
    drop_variables(params->layout, count);
}

void lstm__layout_release(lstm__layout *layout)
{
    if (!layout || atomic_fetch_sub(&layout->references, 1) > 1)
        return;
    drop_variables(layout, 0);
    lstm_context *context = layout->context;
    lstm__release(context, layout->variables);
    lstm__release(context, layout);
    lstm_context_destroy(context);
}

static lstm__layout *create_layout(lstm_context *context)
{
    lstm__layout *layout = lstm__allocate(context, 1, sizeof *layout);
    if (!layout)
        return NULL;
    atomic_init(&layout->references, 1);
    layout->context = context;
    lstm__context_retain(context);
    return layout;
}

/* A store on that layout, which it takes a reference to. */
static lstm_params *create_store(lstm_context *context, lstm__layout *layout)
{
    lstm_params *params = lstm__allocate(context, 1, sizeof *params);
    if (!params)
        return NULL;
    atomic_init(&params->references, 1);
    params->context = context;
    lstm__context_retain(context);
    params->layout = lstm__layout_retain(layout);
    return params;
}

static bool allocate_block(lstm_params *params)
{
    size_t floats = params->layout->floats;
    params->data = lstm__allocate(params->context, floats ? floats : 1, sizeof(float));
    return params->data != NULL;
}

lstm_status lstm__params_seal(const char *function, lstm_params *params)
{
    return params->data || allocate_block(params) ? LSTM_OK : lstm__fail_memory(function);
}

lstm_status lstm_params_create(lstm_context *context, lstm_params **params)
{
    if (!params)
        return lstm__fail_null("lstm_params_create", "params");
    lstm__layout *layout = create_layout(context);
    lstm_params *made = layout ? create_store(context, layout) : NULL;
    lstm__layout_release(layout);
    if (!made)
        return lstm__fail_memory("lstm_params_create");
    *params = made;
    return LSTM_OK;
}

lstm_status lstm_params_create_like(const lstm_params *params, lstm_params **zeros)
{
    if (!params || !zeros)
        return lstm__fail_null("lstm_params_create_like", params ? "zeros" : "params");
    if (!params->data)
        return lstm__fail(LSTM_ERR_STATE, "lstm_params_create_like: params is open; initialize it first");
    lstm_params *made = create_store(params->context, params->layout);
    if (!made || !allocate_block(made)) {
        lstm_params_destroy(made);
        return lstm__fail_memory("lstm_params_create_like");
    }
    *zeros = made;
    return LSTM_OK;
}

lstm_status lstm_params_freeze(const lstm_params *params, lstm_params **frozen)
{
    const char *function = "lstm_params_freeze";
    if (!params || !frozen)
        return lstm__fail_null(function, params ? "frozen" : "params");
    lstm_params *made;
    lstm_status status = params->data ? lstm_params_create_like(params, &made)
                                      : lstm__fail(LSTM_ERR_STATE, "%s: params is open; initialize it first", function);
    if (status)
        return status;
    if (params->layout->floats)
        memcpy(made->data, params->data, params->layout->floats * sizeof *made->data);
    made->frozen = true;
    *frozen = made;
    return LSTM_OK;
}

bool lstm__params_is_frozen(const lstm_params *params)
{
    return params->frozen;
}

void lstm__params_retain(lstm_params *params)
{
    atomic_fetch_add(&params->references, 1);
}

void lstm_params_destroy(lstm_params *params)
{
    if (!params || atomic_fetch_sub(&params->references, 1) > 1)
        return;
    lstm_context *context = params->context;
    lstm__release(context, params->data);
    lstm__layout_release(params->layout);
    lstm__release(context, params);
    lstm_context_destroy(context);
}

static variable *find(const lstm__layout *layout, const char *name)
{
    for (size_t k = 0; k < layout->count; k++)
        if (!strcmp(layout->variables[k]->name, name))
            return layout->variables[k];
    return NULL;
}

lstm_status lstm__check_initializer(const char *function, const char *name, const lstm_initializer *initializer)
{
    if (initializer->kind < LSTM_INITIALIZER_GLOROT_UNIFORM || initializer->kind > LSTM_INITIALIZER_UNIFORM)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: initializer %d of \"%s\" is not known", function,
                          (int)initializer->kind, name);
    if (initializer->kind == LSTM_INITIALIZER_UNIFORM && !isfinite(initializer->b - initializer->a))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: the range of \"%s\" is not finite", function, name);
    return LSTM_OK;
}

static lstm_status check_declaration(const char *function, const lstm_params *params, const char *name, size_t rank,
                                     const size_t *shape, const lstm_initializer *initializer)
{
    if (params->data)
        return lstm__fail(LSTM_ERR_STATE, "%s: the store is sealed, \"%.64s\" cannot be declared", function, name);
    if (!lstm__name_is_good(name))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.64s\" is not a variable's name", function, name);
    if (find(params->layout, name))
        return lstm__fail(LSTM_ERR_STATE, "%s: the name \"%s\" is taken", function, name);
    if (rank < 1 || rank > LSTM_MAX_RANK)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: rank of \"%s\" is %zu, expected 1 to %d", function, name,
                          rank, LSTM_MAX_RANK);
    for (size_t k = 0; k < rank; k++)
        if (shape[k] < 1 || shape[k] > INT32_MAX)
            return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: axis %zu of \"%s\" is %zu, expected 1 to 2^31 - 1",
                              function, k, name, shape[k]);
    return lstm__check_initializer(function, name, initializer);
}

static lstm_status declare(const char *function, lstm_params *params, const char *name, size_t rank,
                           const size_t *shape, const lstm_initializer *initializer)
{
    static const lstm_initializer glorot = {0};
    if (!initializer)
        initializer = &glorot;
    lstm_status status = check_declaration(function, params, name, rank, shape, initializer);
    if (status)
        return status;
    lstm__layout *layout = params->layout;
    size_t count = 1, floats, bytes;
    for (size_t k = 0; k < rank; k++)
        if (!lstm__multiply(count, shape[k], &count))
            return lstm__fail_memory(function);
    if (!lstm__add(layout->floats, count, &floats) || !lstm__multiply(floats, sizeof(float), &bytes))
        return lstm__fail_memory(function);
    variable **grown = lstm__grow(layout->context, layout->variables, layout->count, &layout->capacity, sizeof *grown);
    if (!grown)
        return lstm__fail_memory(function);
    layout->variables = grown;
    const size_t size = strlen(name) + 1;
    variable *made = lstm__allocate(layout->context, 1, sizeof *made + size);
    if (!made)
        return lstm__fail_memory(function);
    memcpy(made->name, name, size);
    made->initializer = *initializer;
    made->info = (lstm_variable_info){.name = made->name, .rank = rank, .offset = layout->floats, .count = count};
    memcpy(made->info.shape, shape, rank * sizeof *shape);
    layout->variables[layout->count++] = made;
    layout->floats = floats;
    return LSTM_OK;
}

lstm_status lstm_params_declare(lstm_params *params, const char *name, size_t rank, const size_t *shape,
                                const lstm_initializer *initializer)
{
    if (!params || !name || !shape)
        return lstm__fail_null("lstm_params_declare", !params ? "params" : !name ? "name" : "shape");
    return declare("lstm_params_declare", params, name, rank, shape, initializer);
}

/* Find a variable and check that it is what is wanted. */
static lstm_status match(const char *function, const lstm_params *params, const char *name, const lstm__wanted *wanted,
                         size_t *offset)
{
    const variable *found = find(params->layout, name);
    if (!found)
        return lstm__fail(LSTM_ERR_STATE, "%s: the store has no variable \"%s\"", function, name);
    if (found->info.rank != wanted->rank || memcmp(found->info.shape, wanted->shape, wanted->rank * sizeof(size_t)))
        return lstm__fail(LSTM_ERR_SHAPE, "%s: \"%s\" is there with %zu axes, [%zu, %zu], expected %zu, [%zu, %zu]",
                          function, name, found->info.rank, found->info.shape[0], found->info.shape[1], wanted->rank,
                          wanted->shape[0], wanted->shape[1]);
    *offset = found->info.offset;
    return LSTM_OK;
}

size_t lstm__wanted_count(const lstm__wanted *wanted)
{
    size_t count = 1;
    for (size_t k = 0; k < wanted->rank; k++)
        if (!lstm__multiply(count, wanted->shape[k], &count))
            return SIZE_MAX;
    return count;
}

lstm_status lstm__params_bind(const char *function, lstm_params *params, const char *scope, bool reuse, size_t count,
                              const lstm__wanted *wanted, size_t *offsets)
{
    const size_t before = params->layout->count;
    lstm_status status = LSTM_OK;
    for (size_t k = 0; k < count && !status; k++) {
        char name[LSTM_MAX_NAME + 2]; /* one byte longer than a good name, so that a cut one is refused */
        snprintf(name, sizeof name, "%s/%s", scope, wanted[k].name);
        if (params->data || reuse) {
            status = match(function, params, name, &wanted[k], &offsets[k]);
        } else {
            offsets[k] = params->layout->floats;
            status = declare(function, params, name, wanted[k].rank, wanted[k].shape, &wanted[k].initializer);
        }
    }
    if (status)
        drop_variables(params->layout, before);
    return status;
}

static void fill(const variable *v, uint64_t seed, float *values)
{
    const size_t *shape = v->info.shape;
    const size_t rank = v->info.rank;
    float low = v->initializer.a, high = v->initializer.b;
    if (v->initializer.kind == LSTM_INITIALIZER_CONSTANT) {
        for (size_t k = 0; k < v->info.count; k++)
            values[k] = v->initializer.a;
        return;
    }
    if (v->initializer.kind == LSTM_INITIALIZER_GLOROT_UNIFORM) {
        double others = 1.0;
        for (size_t k = 0; k + 2 < rank; k++)
            others *= (double)shape[k];
        double fans = others * ((double)shape[rank - 1] + (double)shape[rank > 1 ? rank - 2 : 0]);
        high = (float)sqrt(6.0 / fans);
        low = -high;
    }
    lstm_random random = lstm_random_named(seed, v->name);
    lstm_random_uniform(&random, 0, v->info.count, low, high, values);
}

lstm_status lstm_params_initialize(lstm_params *params, uint64_t seed)
{
    if (!params)
        return lstm__fail_null("lstm_params_initialize", "params");
    if (params->frozen)
        return lstm__fail(LSTM_ERR_STATE, "lstm_params_initialize: params is frozen");
    lstm_status status = lstm__params_seal("lstm_params_initialize", params);
    if (status)
        return status;
    for (size_t k = 0; k < params->layout->count; k++)
        fill(params->layout->variables[k], seed, params->data + params->layout->variables[k]->info.offset);
    params->version++;
    return LSTM_OK;
}

size_t lstm_params_variable_count(const lstm_params *params)
{
    return params ? params->layout->count : 0;
}

lstm_status lstm_params_variable(const lstm_params *params, size_t index, lstm_variable_info *info)
{
    if (!params || !info)
        return lstm__fail_null("lstm_params_variable", params ? "info" : "params");
    if (index >= params->layout->count)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "lstm_params_variable: index is %zu, expected below %zu", index,
                          params->layout->count);
    *info = params->layout->variables[index]->info;
    return LSTM_OK;
}

lstm_status lstm_params_find(const lstm_params *params, const char *name, lstm_variable_info *info)
{
    if (!params || !name || !info)
        return lstm__fail_null("lstm_params_find", !params ? "params" : !name ? "name" : "info");
    const variable *found = find(params->layout, name);
    if (!found)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "lstm_params_find: there is no variable \"%.200s\"", name);
    *info = found->info;
    return LSTM_OK;
}

const float *lstm_params_data(const lstm_params *params, size_t *count)
{
    if (!params || !params->data)
        return NULL;
    if (count)
        *count = params->layout->floats;
    return params->data;
}

float *lstm_params_edit(lstm_params *params, size_t *count)
{
    if (!lstm_params_data(params, count) || params->frozen)
        return NULL;
    params->version++;
    return params->data;
}

void lstm_params_zero(lstm_params *params)
{
    size_t count;
    float *values = lstm_params_edit(params, &count);
    if (values)
        memset(values, 0, count * sizeof *values);
}

lstm__layout *lstm__params_layout(const lstm_params *params)
{
    return params->layout;
}

lstm_context *lstm__params_context(const lstm_params *params)
{
    return params->context;
}

uint64_t lstm__params_version(const lstm_params *params)
{
    return params->version;
}

lstm_status lstm__params_check(const char *function, const char *argument, const lstm_params *params,
                               const lstm__layout *layout)
{
    if (!params)
        return lstm__fail_null(function, argument);
    if (params->layout != layout)
        return lstm__fail(LSTM_ERR_SHAPE, "%s: %s has another layout than the plan's store", function, argument);
    if (!params->data)
        return lstm__fail(LSTM_ERR_STATE, "%s: %s is open; initialize it first", function, argument);
    return LSTM_OK;
}

lstm_status lstm__params_check_writable(const char *function, const char *argument, const lstm_params *params,
                                        const lstm__layout *layout)
{
    lstm_status status = lstm__params_check(function, argument, params, layout);
    if (!status && params->frozen)
        return lstm__fail(LSTM_ERR_STATE, "%s: %s is frozen", function, argument);
    return status;
}
