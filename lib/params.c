#include "params_store.h"

#include "context.h"
#include "memory.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

lstm__layout *lstm__layout_retain(lstm__layout *layout)
{
    atomic_fetch_add(&layout->references, 1);
    return layout;
}

/* The table of names is made anew, for what is left. */
static void drop_variables(lstm__layout *layout, size_t count)
{
    lstm__names *names = &layout->names;
    if (layout->count <= count)
        return;
    while (layout->count > count) {
        lstm__variable *last = layout->variables[--layout->count];
        layout->floats -= last->info.count;
        lstm__release(layout->context, last);
    }
    lstm__names_clear(names);
    while (names->used < count) /* there is room */
        lstm__names_add(layout->context, names, lstm__name_hash(layout->variables[names->used]->name));
}

lstm__mark lstm__params_mark(const lstm_params *params)
{
    return (lstm__mark){.variables = params->layout->count, .packings = params->layout->packing_count};
}

void lstm__params_truncate(lstm_params *params, lstm__mark mark)
{
    drop_variables(params->layout, mark.variables);
    if (params->layout->packing_count > mark.packings) /* those of variables that were there, too */
        params->layout->packing_count = mark.packings;
}

void lstm__layout_release(lstm__layout *layout)
{
    if (!layout || atomic_fetch_sub(&layout->references, 1) > 1)
        return;
    drop_variables(layout, 0);
    lstm_context *context = layout->context;
    lstm__release(context, layout->variables);
    lstm__release(context, layout->names.slots);
    lstm__release(context, layout->packings);
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

void lstm__params_begin(lstm_params *params, lstm_context *context, lstm__layout *layout)
{
    atomic_init(&params->references, 1);
    params->context = context;
    lstm__context_retain(context);
    params->layout = lstm__layout_retain(layout);
    params->owns_memory = true;
}

static lstm_params *create_store(lstm_context *context, lstm__layout *layout)
{
    lstm_params *params = lstm__allocate(context, 1, sizeof *params);
    if (params)
        lstm__params_begin(params, context, layout);
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
    if (!params->frozen)
        lstm__release(context, params->data);
    lstm__layout_release(params->layout);
    if (params->owns_memory)
        lstm__release(context, params);
    lstm_context_destroy(context);
}

static lstm__variable *find(const lstm__layout *layout, const char *name)
{
    const uint64_t hash = lstm__name_hash(name);
    for (size_t probe = 0, k; (k = lstm__names_next(&layout->names, hash, &probe)) != SIZE_MAX;)
        if (!strcmp(layout->variables[k]->name, name))
            return layout->variables[k];
    return NULL;
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
    return lstm__check_initializer_of(function, name, rank, initializer);
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
    lstm__variable **grown =
        lstm__grow(layout->context, layout->variables, layout->count, &layout->capacity, sizeof *grown);
    if (!grown)
        return lstm__fail_memory(function);
    layout->variables = grown;
    const size_t size = strlen(name) + 1;
    lstm__variable *made = lstm__allocate(layout->context, 1, sizeof *made + size);
    if (!made || !lstm__names_add(layout->context, &layout->names, lstm__name_hash(name))) {
        lstm__release(layout->context, made);
        return lstm__fail_memory(function);
    }
    memcpy(made->name, name, size);
    made->initializer = *initializer;
    made->info = (lstm_variable_info){
        .name = made->name, .rank = rank, .offset = layout->floats, .count = count, .trainable = true, .decay = true};
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
static lstm_status match(const char *function, const lstm_params *params, const char *name, size_t rank,
                         const size_t *shape, size_t *offset)
{
    char have[LSTM__QUOTED], expected[LSTM__QUOTED];
    const lstm__variable *found = find(params->layout, name);
    if (!found)
        return lstm__fail(LSTM_ERR_STATE, "%s: the store has no variable \"%s\"", function, name);
    if (found->info.rank != rank || memcmp(found->info.shape, shape, rank * sizeof *shape) != 0)
        return lstm__fail(LSTM_ERR_SHAPE, "%s: \"%s\" is there with shape %s, expected %s", function, name,
                          lstm__shape_text(found->info.rank, found->info.shape, have),
                          lstm__shape_text(rank, shape, expected));
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
            status = match(function, params, name, wanted[k].rank, wanted[k].shape, &offsets[k]);
        } else {
            offsets[k] = params->layout->floats;
            status = declare(function, params, name, wanted[k].rank, wanted[k].shape, &wanted[k].initializer);
        }
    }
    if (status)
        drop_variables(params->layout, before);
    return status;
}

/* Whether a name matches a pattern. What does not fit is tried again with one more byte for the last '*' only: where that
 * fails, more for an earlier one fails too. No more steps than the product of both lengths. */
static bool matches(const char *pattern, const char *name)
{
    const char *star = NULL, *taken = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            taken = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* The next variable from *index on whose name matches; NULL: none is left. */
static lstm__variable *next_match(const lstm__layout *layout, const char *pattern, size_t *index)
{
    while (*index < layout->count) {
        lstm__variable *next = layout->variables[(*index)++];
        if (matches(pattern, next->name))
            return next;
    }
    return NULL;
}

static lstm_status fail_no_match(const char *function, const char *pattern)
{
    return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: no variable's name matches \"%.200s\"", function, pattern);
}

lstm_status lstm_params_set_initializer(lstm_params *params, const char *pattern, const lstm_initializer *initializer)
{
    const char *function = "lstm_params_set_initializer";
    if (!params || !pattern || !initializer)
        return lstm__fail_null(function, !params ? "params" : !pattern ? "pattern" : "initializer");
    if (params->data)
        return lstm__fail(LSTM_ERR_STATE, "%s: the store is sealed", function);
    size_t index = 0, matched = 0;
    lstm_status status = LSTM_OK;
    for (lstm__variable *v; !status && (v = next_match(params->layout, pattern, &index)); matched++)
        status = lstm__check_initializer_of(function, v->name, v->info.rank, initializer);
    if (status || !matched)
        return status ? status : fail_no_match(function, pattern);
    index = 0;
    for (lstm__variable *v; (v = next_match(params->layout, pattern, &index));)
        v->initializer = *initializer;
    return LSTM_OK;
}

lstm_status lstm_params_set_trainable(lstm_params *params, const char *pattern, bool trainable, bool decay)
{
    const char *function = "lstm_params_set_trainable";
    if (!params || !pattern)
        return lstm__fail_null(function, params ? "pattern" : "params");
    if (params->frozen)
        return lstm__fail(LSTM_ERR_STATE, "%s: params is frozen", function);
    size_t index = 0, matched = 0;
    for (lstm__variable *v; (v = next_match(params->layout, pattern, &index)); matched++) {
        v->info.trainable = trainable;
        v->info.decay = decay;
    }
    return matched ? LSTM_OK : fail_no_match(function, pattern);
}

lstm_status lstm_params_copy(const lstm_params *from, lstm_params *to, const char *pattern)
{
    const char *function = "lstm_params_copy";
    if (!from || !to || !pattern)
        return lstm__fail_null(function, !from ? "from" : !to ? "to" : "pattern");
    lstm_status status = lstm__params_check(function, "from", from, from->layout);
    if (status || (status = lstm__params_check_writable(function, "to", to, to->layout)))
        return status;
    size_t matched = 0;
    for (int checked = 0; checked < 2; checked++) {
        size_t index = 0, offset;
        for (const lstm__variable *v; (v = next_match(to->layout, pattern, &index)); matched++) {
            if ((status = match(function, from, v->name, v->info.rank, v->info.shape, &offset)))
                return status;
            if (checked && from != to)
                memcpy(to->data + v->info.offset, from->data + offset, v->info.count * sizeof *to->data);
        }
    }
    if (!matched)
        return fail_no_match(function, pattern);
    to->version++;
    return LSTM_OK;
}

/* The variable that a place of the block belongs to. */
static size_t variable_at(const lstm__layout *layout, size_t place)
{
    size_t low = 0, high = layout->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (layout->variables[middle]->info.offset <= place)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool lstm__next_range(lstm__ranges *ranges)
{
    const lstm__layout *layout = ranges->layout;
    ranges->count = 0;
    for (size_t k = variable_at(layout, ranges->begin); ranges->begin < ranges->end; k++) {
        const lstm_variable_info *info = &layout->variables[k]->info;
        const size_t behind = info->offset + info->count, end = behind < ranges->end ? behind : ranges->end;
        if (info->trainable && (info->decay || !ranges->decay)) {
            if (!ranges->count)
                ranges->first = ranges->begin;
            ranges->count += end - ranges->begin;
        } else if (ranges->count) {
            break;
        }
        ranges->begin = end;
    }
    return ranges->count > 0;
}

/* The scratch of the variable that takes most. */
static size_t largest_scratch(const lstm__layout *layout)
{
    size_t largest = 0;
    for (size_t k = 0; k < layout->count; k++) {
        const lstm__variable *v = layout->variables[k];
        const size_t scratch = lstm__initializer_scratch(&v->initializer, &v->info);
        largest = scratch > largest ? scratch : largest;
    }
    return largest;
}

lstm_status lstm_params_initialize(lstm_params *params, uint64_t seed)
{
    if (!params)
        return lstm__fail_null("lstm_params_initialize", "params");
    if (params->frozen)
        return lstm__fail(LSTM_ERR_STATE, "lstm_params_initialize: params is frozen");
    const size_t doubles = largest_scratch(params->layout);
    double *scratch = doubles ? lstm__allocate(params->context, doubles, sizeof *scratch) : NULL;
    if ((doubles && !scratch) || (!params->data && !allocate_block(params))) {
        lstm__release(params->context, scratch);
        return lstm__fail_memory("lstm_params_initialize");
    }
    for (size_t k = 0; k < params->layout->count; k++) {
        const lstm__variable *v = params->layout->variables[k];
        lstm__initialize(&v->initializer, &v->info, seed, scratch, params->data + v->info.offset);
    }
    lstm__release(params->context, scratch);
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
    const lstm__variable *found = find(params->layout, name);
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
        return lstm__fail(LSTM_ERR_SHAPE,
                          "%s: %s is of another layout: not the store that was declared on, and not made from it",
                          function, argument);
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
