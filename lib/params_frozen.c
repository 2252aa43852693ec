/* Frozen stores: the weights, and beside them, packed, those that streams read. */
#include "context.h"
#include "kernels/kernels.h"
#include "memory.h"
#include "params_store.h"
#include "status.h"

#include <string.h>

static size_t find(const lstm__layout *layout, const lstm__packing *wanted)
{
    size_t k = 0;
    while (k < layout->packing_count && memcmp(&layout->packings[k], wanted, sizeof *wanted) != 0)
        k++;
    return k;
}

lstm_status lstm__params_want_packed(const char *function, lstm_params *params, const lstm__packing *wanted)
{
    lstm__layout *layout = params->layout;
    if (params->data || find(layout, wanted) < layout->packing_count)
        return LSTM_OK;
    lstm__packing *grown =
        lstm__grow(layout->context, layout->packings, layout->packing_count, &layout->packing_capacity, sizeof *grown);
    if (!grown)
        return lstm__fail_memory(function);
    layout->packings = grown;
    grown[layout->packing_count++] = *wanted;
    return LSTM_OK;
}

const float *lstm__params_packed(const lstm_params *params, const lstm__packing *wanted)
{
    const size_t index = params->packed ? find(params->layout, wanted) : SIZE_MAX;
    return index < params->layout->packing_count ? params->packed[index] : NULL;
}

/* Cut a frozen store with its arrays out of the arena. */
static lstm_params *cut_frozen(lstm__arena *arena, const lstm_params *params)
{
    const lstm__layout *layout = params->layout;
    const bool packs = lstm__context_kernels(params->context)->packs;
    lstm_params *made = lstm__arena_take(arena, 1, sizeof *made);
    float *data = lstm__arena_take(arena, layout->floats, sizeof *data);
    float **packed = lstm__arena_take(arena, packs ? layout->packing_count : 0, sizeof *packed);
    for (size_t k = 0; packs && k < layout->packing_count; k++) {
        size_t count = 0;
        arena->overflow |=
            !lstm__multiply(layout->packings[k].rows, lstm__packed_width(layout->packings[k].columns), &count);
        float *array = lstm__arena_take(arena, count, sizeof *array);
        if (packed)
            packed[k] = array;
    }
    if (made) {
        made->data = data;
        made->packed = packs ? packed : NULL;
    }
    return made;
}

static lstm_status measure(const char *function, const lstm_params *params, size_t *bytes)
{
    if (!params->data)
        return lstm__fail(LSTM_ERR_STATE, "%s: params is open; initialize it first", function);
    lstm__arena counting = {0};
    cut_frozen(&counting, params);
    *bytes = counting.used;
    return counting.overflow ? lstm__fail_memory(function) : LSTM_OK;
}

static void fill(lstm_params *made, const lstm_params *params)
{
    const lstm__layout *layout = params->layout;
    if (layout->floats)
        memcpy(made->data, params->data, layout->floats * sizeof *made->data);
    for (size_t k = 0; made->packed && k < layout->packing_count; k++) {
        const lstm__packing *p = &layout->packings[k];
        lstm__context_kernels(params->context)
            ->pack_few(p->rows, p->columns, made->data + p->offset, p->columns, made->packed[k]);
    }
}

lstm_status lstm_params_freeze_size(const lstm_params *params, size_t *bytes, size_t *alignment)
{
    const char *function = "lstm_params_freeze_size";
    if (!params || !bytes)
        return lstm__fail_null(function, params ? "bytes" : "params");
    lstm_status status = measure(function, params, bytes);
    if (!status && alignment)
        *alignment = LSTM__ALIGNMENT;
    return status;
}

lstm_status lstm_params_freeze(const lstm_params *params, const lstm_freeze_config *config, lstm_params **frozen)
{
    const char *function = "lstm_params_freeze";
    if (!params || !frozen)
        return lstm__fail_null(function, params ? "frozen" : "params");
    lstm_freeze_config c;
    void *memory;
    size_t bytes;
    lstm_status status = lstm__read_args(function, &c, sizeof c, config);
    if (status || (status = measure(function, params, &bytes)) ||
        (status = lstm__take_memory(function, params->context, c.memory, c.memory_size, bytes, &memory)))
        return status;
    lstm__arena arena = {.base = memory};
    lstm_params *made = cut_frozen(&arena, params);
    lstm__params_begin(made, params->context, params->layout);
    made->owns_memory = !c.memory;
    made->frozen = true;
    fill(made, params);
    *frozen = made;
    return LSTM_OK;
}
