#include "cell.h"

#include "context.h"
#include "crew.h"
#include "memory.h"
#include "status.h"

#include <math.h>
#include <string.h>

/* A cell that gives single steps, run over many. */

/* Step t of a run, whose rows start at packed row `first`. The pointers are the run's first two per leaf. */
static lstm_step step_at(const lstm__run *run, size_t t, size_t first)
{
    const lstm_cell_spec *spec = run->spec;
    float **state = run->pointers, **next_state = run->pointers + spec->states;
    for (size_t leaf = 0; leaf < spec->states; leaf++) {
        const size_t width = spec->state_sizes[leaf];
        next_state[leaf] = run->next_state[leaf] + first * width;
        state[leaf] = (float *)(uintptr_t)lstm__run_state_at(run, leaf, width, t, first);
    }
    return (lstm_step){.rows = run->active[t],
                       .input_size = spec->input_size,
                       .training = run->training,
                       .input = run->input + first * spec->input_size,
                       .state = (const float *const *)state,
                       .next_state = next_state,
                       .output = run->output + first * spec->output_size,
                       .variables = run->variables,
                       .tape = run->keep ? run->tape + first * spec->tape_floats : NULL,
                       .scratch = run->scratch};
}

static void steps_forward(const lstm_cell *cell, const lstm__run *run)
{
    for (size_t t = 0, first = 0; t < run->time; first += run->active[t++]) {
        lstm_step step = step_at(run, t, first);
        cell->ops.step(cell->self, &step);
    }
}

/* The driver's scratch holds an output gradient of zeros and a second set of state gradients: a step reads the one while
 * it writes the other. */
static void steps_backward(const lstm_cell *cell, const lstm__run *run, const lstm__run_grad *grad)
{
    const lstm_cell_spec *spec = run->spec;
    float *no_output = run->scratch + run->rows * spec->scratch_floats;
    float **d_next_state = run->pointers + 2 * spec->states;
    float *place = no_output + run->rows * spec->output_size;
    for (size_t leaf = 0; leaf < spec->states; place += run->rows * spec->state_sizes[leaf++])
        d_next_state[leaf] = place;
    memset(no_output, 0, run->rows * spec->output_size * sizeof(float));
    for (size_t t = run->time, first = run->steps; t-- > 0;) {
        const size_t rows = run->active[t];
        first -= rows;
        for (size_t leaf = 0; leaf < spec->states; leaf++)
            memcpy(d_next_state[leaf], grad->d_state[leaf], rows * spec->state_sizes[leaf] * sizeof(float));
        lstm_step step = step_at(run, t, first);
        lstm_step_grad step_grad = {
            .d_output = grad->d_output ? grad->d_output + first * spec->output_size : no_output,
            .d_next_state = (const float *const *)d_next_state,
            .d_input = grad->d_input ? grad->d_input + first * spec->input_size : NULL,
            .d_state = grad->d_state,
            .d_variables = grad->d_variables,
        };
        cell->ops.step_backward(cell->self, &step, &step_grad);
    }
}

static const lstm__body steps = {.forward = steps_forward, .backward = steps_backward};

/* The object. */

lstm_status lstm__cell_create(const char *function, lstm_context *context, const lstm_cell_ops *ops,
                              const lstm__body *body, const void *self, size_t size, lstm_cell **cell)
{
    const char *name = ops->name ? ops->name : "";
    if (*name && !lstm__name_is_good(name))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: \"%.64s\" cannot name a cell", function, name);
    const size_t length = strlen(name);
    lstm_cell *made = lstm__allocate(context, 1, sizeof *made + size + length + 1);
    if (!made)
        return lstm__fail_memory(function);
    atomic_init(&made->references, 1);
    made->context = context;
    lstm__context_retain(context);
    made->ops = *ops;
    made->body = body;
    made->self = size ? memcpy(made + 1, self, size) : (void *)(uintptr_t)self;
    made->name = memcpy((char *)(made + 1) + size, name, length + 1);
    made->ops.name = made->name;
    *cell = made;
    return LSTM_OK;
}

lstm_status lstm_cell_create_custom(lstm_context *context, const lstm_cell_ops *ops, void *self, lstm_cell **cell)
{
    const char *function = "lstm_cell_create_custom";
    if (!ops || !cell)
        return lstm__fail_null(function, ops ? "cell" : "ops");
    lstm_cell_ops table;
    lstm_status status = lstm__read_args(function, &table, sizeof table, ops);
    if (status)
        return status;
    if (!table.declare || !table.step)
        return lstm__fail_null(function, table.declare ? "ops->step" : "ops->declare");
    return lstm__cell_create(function, context, &table, &steps, self, 0, cell);
}

void lstm__cell_retain(lstm_cell *cell)
{
    atomic_fetch_add(&cell->references, 1);
}

void lstm_cell_destroy(lstm_cell *cell)
{
    if (!cell || atomic_fetch_sub(&cell->references, 1) > 1)
        return;
    if (cell->ops.destroy)
        cell->ops.destroy(cell->self);
    lstm_context *context = cell->context;
    lstm__release(context, cell);
    lstm_context_destroy(context);
}

bool lstm__cell_gives_steps(const lstm_cell *cell)
{
    return cell->body == &steps;
}

/* What the built-in cells share. */

const lstm__activation lstm__linear = {.kind = LSTM_ACTIVATION_LINEAR};

lstm_status lstm__cell_activation(const char *function, lstm_activation kind, const lstm_function *custom,
                                  lstm_activation otherwise, lstm__activation *activation)
{
    if (kind == LSTM_ACTIVATION_DEFAULT)
        kind = otherwise;
    if (kind < LSTM_ACTIVATION_LINEAR || kind > LSTM_ACTIVATION_CUSTOM || kind == LSTM_ACTIVATION_SOFTMAX ||
        (kind == LSTM_ACTIVATION_CUSTOM && !custom))
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: activation %d is not one for this", function, (int)kind);
    *activation = (lstm__activation){.kind = kind};
    if (kind != LSTM_ACTIVATION_CUSTOM)
        return LSTM_OK;
    if (!custom->value || !custom->derivative)
        return lstm__fail_null(function, custom->value ? "function.derivative" : "function.value");
    activation->function = *custom;
    return LSTM_OK;
}

lstm_status lstm__cell_width(const char *function, const char *name, size_t width)
{
    if (width < 1 || width > INT32_MAX)
        return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s is %zu, expected 1 to 2^31 - 1", function, name, width);
    return LSTM_OK;
}

/* The finalizer of D. Lea's and S. Vigna's SplitMix64: every bit of x moves half of the result's. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

void lstm__run_mask(const lstm__run *run, const lstm__mask *kind, size_t t, size_t width, float *mask)
{
    const uint64_t place = mix(mix(run->random.stream ^ (run->spec->site + 1)) ^ kind->which);
    const uint64_t moment = mix(place ^ (kind->variational ? 0 : run->start + t + 1));
    for (size_t row = 0; row < run->active[t]; row++, mask += width) {
        const lstm_random random = {.seed = run->random.seed,
                                    .stream = mix(moment ^ (kind->whole_batch ? 0 : mix(run->row_id[row])))};
        lstm_random_uniform(&random, 0, width, 0.0f, 1.0f, mask);
        for (size_t k = 0; k < width; k++)
            mask[k] = mask[k] < kind->keep ? 1.0f / kind->keep : 0.0f;
    }
}

lstm_status lstm__cell_keep(const char *function, const char *name, float given, float *keep)
{
    *keep = given == 0.0f ? 1.0f : given;
    if (*keep > 0.0f && *keep <= 1.0f)
        return LSTM_OK;
    return lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: %s is %g, expected above 0 and at most 1", function, name,
                      (double)given);
}

lstm_status lstm__cell_forget_bias(const char *function, lstm_optional given, float *forget_bias)
{
    *forget_bias = given.given ? given.value : 1.0f;
    return isfinite(*forget_bias) ? LSTM_OK
                                  : lstm__fail(LSTM_ERR_INVALID_ARGUMENT, "%s: forget_bias is not finite", function);
}

/* Up to so many inputs go into the product of each step: that costs less than to store z and load it again. */
enum { FEW_INPUTS = 4 };

static bool steps_take_inputs(const lstm_cell_spec *spec)
{
    return spec->input_size <= FEW_INPUTS;
}

lstm_status lstm__spec_step_matrix(lstm_cell_spec *spec, size_t kernel, size_t n, size_t width)
{
    return lstm__spec_matrix(spec, kernel, 0, spec->input_size + n, width, false);
}

/* A single step of a few rows takes its inputs, too, however many they are, from a matrix that has them. */
static bool step_takes_inputs(const lstm__run *run, size_t matrix)
{
    return steps_take_inputs(run->spec) ||
           (run->time == 1 && run->rows <= LSTM__FEW_ROWS && run->matrices[matrix].few != NULL);
}

size_t lstm__product_parts(size_t m, size_t n, size_t k)
{
    const double operations = (double)m * (double)n * (double)k, moved = (double)m * ((double)n + 2.0 * (double)k);
    const double parts = operations / LSTM__WORTH_A_PART;
    return parts < 2.0 || operations < LSTM__WORTH_A_NUMBER * moved ? 1 : (size_t)parts;
}

/* A product, for the threads that compute some columns each. A matrix of a plan's is multiplied by [x|h], any other,
 * w.values, by x. */
typedef struct product {
    const lstm__run *run;
    size_t m, n;
    const lstm__rows *x, *h;
    lstm__matrix w;
    bool backwards;
    const float *start;
    size_t lds;
    float *c;
} product;

static void compute_packed_columns(void *arg, size_t part, size_t parts)
{
    const product *p = arg;
    lstm__matrix w = p->w;
    w.part = (unsigned short)part;
    w.parts = (unsigned short)parts;
    p->run->kernels->product_packed(p->m, p->n, p->x, p->h, &w, p->backwards, p->start, p->lds, p->c, p->n);
}

static void compute_columns(void *arg, size_t part, size_t parts)
{
    const product *p = arg;
    const lstm__kernels *kernels = p->run->kernels;
    const lstm__matrix *w = &p->w;
    const float *start = p->start;
    size_t begin, end;
    lstm__part_columns(p->n, part, parts, &begin, &end);
    (w->transposed ? kernels->product_nt : kernels->product_nn)(
        p->m, end - begin, p->x->width, p->x->first, p->x->ld, w->values + begin * (w->transposed ? w->ld : 1), w->ld,
        start ? start + begin : NULL, p->lds, p->c + begin, p->n);
}

static void share(void (*columns)(void *arg, size_t part, size_t parts), product *p)
{
    const size_t parts = p->run->crew ? lstm__product_parts(p->m, p->n, p->x->width + p->h->width) : 1;
    if (parts > 1)
        lstm__crew_share(p->run->crew, parts, columns, p);
    else
        columns(p, 0, 1);
}

/* Without a crew it is to cost nothing: a step of a small network takes a tenth of a microsecond. */
static inline void step_product(const lstm__run *run, size_t t, size_t matrix, size_t rows, size_t n,
                                const lstm__rows *x, const lstm__rows *h, const float *start, size_t lds, float *c)
{
    const lstm__matrix *w = &run->matrices[matrix];
    const bool backwards = (run->start + t) % 2;
    if (run->crew)
        share(compute_packed_columns, &(product){run, rows, n, x, h, *w, backwards, start, lds, c});
    else
        run->kernels->product_packed(rows, n, x, h, w, backwards, start, lds, c, n);
}

static void run_product(const lstm__run *run, size_t rows, size_t n, const float *x, size_t k, const lstm__matrix *w,
                        const float *start, size_t lds, float *c)
{
    const lstm__rows of_x = {.first = x, .ld = k, .width = k}, nothing = {0};
    share(compute_columns, &(product){run, rows, n, &of_x, &nothing, *w, false, start, lds, c});
}

void lstm__run_product_nn(const lstm__run *run, size_t rows, size_t n, const float *x, size_t k, const float *kernel,
                          const float *bias, float *y)
{
    run_product(run, rows, n, x, k, &(lstm__matrix){.values = kernel, .ld = n}, bias, 0, y);
}

void lstm__run_product_nt(const lstm__run *run, size_t rows, size_t n, const float *dy, size_t k, const float *kernel,
                          const float *start, float *dx)
{
    run_product(run, rows, n, dy, k, &(lstm__matrix){.values = kernel, .ld = k, .transposed = true}, start, n, dx);
}

void lstm__run_inputs(const lstm__run *run, size_t matrix, const float *bias, size_t width, float *z)
{
    const size_t input = run->spec->input_size;
    const lstm__matrix *w = &run->matrices[matrix];
    if (step_takes_inputs(run, matrix))
        return;
    if (!w->packed) {
        lstm__run_product_nn(run, run->steps, width, run->input, input, w->values, bias, z);
        return;
    }
    const lstm__rows x = {.first = run->input, .ld = input, .width = input}, nothing = {0};
    step_product(run, 0, matrix, run->steps, width, &x, &nothing, bias, 0, z);
}

void lstm__run_step(const lstm__run *run, size_t t, size_t matrix, const float *bias, size_t first, size_t rows,
                    const float *state, size_t n, size_t width, float *z)
{
    const bool takes_inputs = step_takes_inputs(run, matrix);
    const size_t input = takes_inputs ? run->spec->input_size : 0;
    const lstm__rows x = {.first = run->input + first * input, .ld = input, .width = input};
    const lstm__rows h = {.first = state, .ld = n, .width = n};
    z += first * width;
    step_product(run, t, matrix, rows, width, &x, &h, takes_inputs ? bias : z, takes_inputs ? 0 : width, z);
}

void lstm__run_product(const lstm__run *run, size_t t, size_t matrix, size_t rows, const float *x, size_t k, size_t n,
                       const float *start, float *y)
{
    const lstm__rows of_x = {.first = x, .ld = k, .width = k}, nothing = {0};
    step_product(run, t, matrix, rows, n, &of_x, &nothing, start, start == y ? n : 0, y);
}

void lstm__run_kernel_gradient(const lstm__run *run, const float *x, size_t x_width, const float *h, size_t h_width,
                               const float *dz, size_t width, float *d_kernel, float *d_bias, size_t part, size_t parts)
{
    const lstm__rows of_x = {.first = x, .ld = x_width, .width = x_width};
    const lstm__rows of_h = {.first = h, .ld = h_width, .width = h_width};
    size_t begin, end;
    lstm__part_columns(width, part, parts, &begin, &end);
    run->kernels->product_tn(end - begin, run->steps, &of_x, &of_h, dz + begin, width, d_kernel + begin, width,
                             d_bias ? d_bias + begin : NULL);
}

void lstm__run_input_gradient(const lstm__run *run, const float *dz, size_t width, const float *kernel, float *d_input)
{
    const size_t input = run->spec->input_size;
    if (d_input)
        lstm__run_product_nt(run, run->steps, input, dz, width, kernel, NULL, d_input);
}

const float *lstm__run_state_at(const lstm__run *run, size_t leaf, size_t width, size_t t, size_t first)
{
    return t ? run->next_state[leaf] + (first - run->active[t - 1]) * width : run->state[leaf];
}

const float *lstm__run_states_before(const lstm__run *run, size_t leaf, size_t width, float *scratch)
{
    const float *entering = run->state[leaf], *next = run->next_state[leaf];
    if (entering + run->rows * width == next && run->active[run->time - 1] == run->rows)
        return entering;
    float *place = scratch;
    for (size_t t = 0; t < run->time; t++) {
        memcpy(place, entering, run->active[t] * width * sizeof *place);
        place += run->active[t] * width;
        entering = next;
        next += run->active[t] * width;
    }
    return scratch;
}

void lstm__part_columns(size_t n, size_t part, size_t parts, size_t *begin, size_t *end)
{
    const size_t groups = (n + 15) / 16;
    *begin = groups * part / parts * 16;
    *end = groups * (part + 1) / parts * 16;
    if (*end > n)
        *end = n;
    if (*begin > *end)
        *begin = *end;
}
