/* oneDNN 2, by its C interface: its recurrent primitives alone, without dense layer, loss and optimizer. Weights stand in
 * the layout that it likes best, and bringing them there is not timed. Rows of different lengths are padded. */
#include "bench.h"

#include <oneapi/dnnl/dnnl.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_MEMORIES = 32, MAX_ARGUMENTS = 24 };

typedef struct call {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[MAX_ARGUMENTS];
    int count;
} call;

/* What a primitive is made of; weights in any layout. */
typedef struct shapes {
    dnnl_memory_desc_t source, state, layer, iteration, bias, target;
} shapes;

typedef struct session {
    const problem *p;
    dnnl_status_t status; /* the first failure */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_memory_t memories[MAX_MEMORIES];
    size_t memory_count;
    shapes shapes;
    dnnl_memory_t layer, iteration, bias;       /* weights as ldigo and ldgo */
    dnnl_memory_t d_layer, d_iteration, d_bias; /* their gradients, as the primitive leaves them */
    dnnl_memory_t source, target, d_target;
    call forward[2]; /* two, that pass the state to each other, for streams */
    call backward;
    size_t at; /* the stream's steps so far, modulo twice the inputs: tells the next input, and which call is next */
} session;

static void need(session *s, dnnl_status_t status)
{
    if (s->status == dnnl_success)
        s->status = status;
}

static size_t gates_of(reference_kind cell)
{
    return cell == REFERENCE_BASIC_RNN ? 1 : cell == REFERENCE_LSTM ? 4 : 3;
}

static size_t biases_of(reference_kind cell)
{
    return cell == REFERENCE_CUDNN_COMPATIBLE_GRU ? 4 : gates_of(cell);
}

/* ---- weights, from and to TensorFlow's order ---- */

/* Where a gate's columns begin: in the rows of inputs, in those of states, in the bias; and how long a row is. */
typedef struct place {
    size_t input, state, bias, stride;
} place;

/* LSTM: i, f, j, o of i, j, f, o. GRU: u, r, candidate of r, u, candidate; the fourth bias is the hidden one. */
static place place_of(const bench_case *c, size_t gate)
{
    static const size_t lstm_order[] = {0, 2, 1, 3};
    const size_t input = c->input, units = c->units, rows = input + units;
    if (c->cell == REFERENCE_BASIC_RNN)
        return (place){0, input * units, rows * units, units};
    if (c->cell == REFERENCE_LSTM) {
        const size_t column = lstm_order[gate] * units, stride = 4 * units;
        return (place){column, input * stride + column, rows * stride + column, stride};
    }
    if (gate < 2) {
        const size_t column = gate == 0 ? units : 0, stride = 2 * units;
        return (place){column, input * stride + column, rows * stride + column, stride};
    }
    const size_t candidate = (rows + 1) * 2 * units;
    if (c->cell == REFERENCE_GRU)
        return (place){candidate, candidate + input * units, candidate + rows * units, units};
    const size_t hidden = candidate + (input + 1) * units;
    return (place){candidate, hidden, gate == 2 ? candidate + input * units : hidden + units * units, units};
}

static void copy(bool to_tensorflow, size_t count, float *tensorflow, float *onednn)
{
    if (to_tensorflow)
        memcpy(tensorflow, onednn, count * sizeof *onednn);
    else
        memcpy(onednn, tensorflow, count * sizeof *onednn);
}

static void exchange(const bench_case *c, bool to_tensorflow, float *weights, float *layer, float *iteration,
                     float *bias)
{
    const size_t units = c->units, gates = gates_of(c->cell);
    for (size_t gate = 0; gate < biases_of(c->cell); gate++) {
        const place at = place_of(c, gate);
        for (size_t row = 0; gate < gates && row < c->input; row++)
            copy(to_tensorflow, units, weights + at.input + row * at.stride, layer + (row * gates + gate) * units);
        for (size_t row = 0; gate < gates && row < units; row++)
            copy(to_tensorflow, units, weights + at.state + row * at.stride, iteration + (row * gates + gate) * units);
        copy(to_tensorflow, units, weights + at.bias, bias + gate * units);
    }
}

/* ---- memory ---- */

static dnnl_memory_desc_t describe(session *s, int rank, const size_t *sizes, dnnl_format_tag_t tag)
{
    dnnl_dims_t dims = {0};
    dnnl_memory_desc_t made;
    for (int k = 0; k < rank; k++)
        dims[k] = (dnnl_dim_t)sizes[k];
    need(s, dnnl_memory_desc_init_by_tag(&made, rank, dims, dnnl_f32, tag));
    return made;
}

/* Zeros. The session destroys it. */
static dnnl_memory_t allocate(session *s, const dnnl_memory_desc_t *description)
{
    dnnl_memory_t made = NULL;
    if (s->status == dnnl_success)
        need(s, description && s->memory_count < MAX_MEMORIES
                    ? dnnl_memory_create(&made, description, s->engine, DNNL_MEMORY_ALLOCATE)
                    : dnnl_unimplemented);
    if (made) {
        void *data;
        dnnl_memory_get_data_handle(made, &data);
        memset(data, 0, dnnl_memory_desc_get_size(description));
        s->memories[s->memory_count++] = made;
    }
    return made;
}

static float *data_of(dnnl_memory_t memory)
{
    void *data = NULL;
    if (memory)
        dnnl_memory_get_data_handle(memory, &data);
    return data;
}

static void reorder(session *s, dnnl_memory_t from, dnnl_memory_t to)
{
    const dnnl_memory_desc_t *from_shape, *to_shape;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    if (s->status != dnnl_success)
        return;
    dnnl_memory_get_memory_desc(from, &from_shape);
    dnnl_memory_get_memory_desc(to, &to_shape);
    need(s, dnnl_reorder_primitive_desc_create(&description, from_shape, s->engine, to_shape, s->engine, NULL));
    if (s->status == dnnl_success)
        need(s, dnnl_primitive_create(&primitive, description));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    if (s->status == dnnl_success)
        need(s, dnnl_primitive_execute(primitive, s->stream, 2, arguments));
    dnnl_stream_wait(s->stream);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(description);
}

/* ---- primitives ---- */

static void create_shapes(session *s)
{
    const bench_case *c = &s->p->shape;
    const size_t gates = gates_of(c->cell);
    s->shapes = (shapes){
        .source = describe(s, 3, (size_t[]){c->time, c->batch, c->input}, dnnl_tnc),
        .state = describe(s, 4, (size_t[]){1, 1, c->batch, c->units}, dnnl_ldnc),
        .layer = describe(s, 5, (size_t[]){1, 1, c->input, gates, c->units}, dnnl_format_tag_any),
        .iteration = describe(s, 5, (size_t[]){1, 1, c->units, gates, c->units}, dnnl_format_tag_any),
        .bias = describe(s, 4, (size_t[]){1, 1, biases_of(c->cell), c->units}, dnnl_ldgo),
        .target = describe(s, 3, (size_t[]){c->time, c->batch, c->units}, dnnl_tnc),
    };
}

static dnnl_primitive_desc_t describe_forward(session *s)
{
    const shapes *d = &s->shapes;
    const bench_kind kind = s->p->shape.kind;
    const dnnl_prop_kind_t use = kind == BENCH_TRAIN ? dnnl_forward_training : dnnl_forward_inference;
    const dnnl_rnn_direction_t way = dnnl_unidirectional_left2right;
    const dnnl_memory_desc_t *initial = kind == BENCH_INFER ? NULL : &d->state;
    const dnnl_memory_desc_t *final = kind == BENCH_STREAM || kind == BENCH_BLOCK ? &d->state : NULL;
    dnnl_primitive_desc_t made = NULL;
    dnnl_rnn_desc_t rnn;
    switch (s->p->shape.cell) {
    case REFERENCE_BASIC_RNN:
        need(s, dnnl_vanilla_rnn_forward_desc_init(&rnn, use, dnnl_eltwise_tanh, way, &d->source, initial, &d->layer,
                                                   &d->iteration, &d->bias, &d->target, final, 0, 0.0f, 0.0f));
        break;
    case REFERENCE_GRU:
        need(s, dnnl_gru_forward_desc_init(&rnn, use, way, &d->source, initial, &d->layer, &d->iteration, &d->bias,
                                           &d->target, final, 0));
        break;
    case REFERENCE_CUDNN_COMPATIBLE_GRU:
        need(s, dnnl_lbr_gru_forward_desc_init(&rnn, use, way, &d->source, initial, &d->layer, &d->iteration, &d->bias,
                                               &d->target, final, 0));
        break;
    default:
        need(s, dnnl_lstm_forward_desc_init(&rnn, use, way, &d->source, initial, initial, &d->layer, &d->iteration,
                                            &d->bias, &d->target, final, final, 0));
    }
    if (s->status == dnnl_success)
        need(s, dnnl_primitive_desc_create(&made, &rnn, NULL, s->engine, NULL));
    return made;
}

static dnnl_primitive_desc_t describe_backward(session *s, dnnl_primitive_desc_t forward)
{
    const shapes *d = &s->shapes;
    const dnnl_rnn_direction_t way = dnnl_unidirectional_left2right;
    dnnl_primitive_desc_t made = NULL;
    dnnl_rnn_desc_t rnn;
    switch (s->p->shape.cell) {
    case REFERENCE_BASIC_RNN:
        need(s, dnnl_vanilla_rnn_backward_desc_init(&rnn, dnnl_backward, dnnl_eltwise_tanh, way, &d->source, &d->state,
                                                    &d->layer, &d->iteration, &d->bias, &d->target, NULL, &d->source,
                                                    &d->state, &d->layer, &d->iteration, &d->bias, &d->target, NULL, 0,
                                                    0.0f, 0.0f));
        break;
    case REFERENCE_GRU:
        need(s, dnnl_gru_backward_desc_init(&rnn, dnnl_backward, way, &d->source, &d->state, &d->layer, &d->iteration,
                                            &d->bias, &d->target, NULL, &d->source, &d->state, &d->layer, &d->iteration,
                                            &d->bias, &d->target, NULL, 0));
        break;
    case REFERENCE_CUDNN_COMPATIBLE_GRU:
        need(s, dnnl_lbr_gru_backward_desc_init(&rnn, dnnl_backward, way, &d->source, &d->state, &d->layer,
                                                &d->iteration, &d->bias, &d->target, NULL, &d->source, &d->state,
                                                &d->layer, &d->iteration, &d->bias, &d->target, NULL, 0));
        break;
    default:
        need(s, dnnl_lstm_backward_desc_init(&rnn, dnnl_backward, way, &d->source, &d->state, &d->state, &d->layer,
                                             &d->iteration, &d->bias, &d->target, NULL, NULL, &d->source, &d->state,
                                             &d->state, &d->layer, &d->iteration, &d->bias, &d->target, NULL, NULL, 0));
    }
    if (s->status == dnnl_success)
        need(s, dnnl_primitive_desc_create(&made, &rnn, NULL, s->engine, forward));
    return made;
}

static void add_argument(call *c, int argument, dnnl_memory_t memory)
{
    c->arguments[c->count++] = (dnnl_exec_arg_t){argument, memory};
}

/* Memory as the primitive wants it for an argument. */
static dnnl_memory_t add_wanted(session *s, call *c, dnnl_primitive_desc_t description, int argument)
{
    dnnl_memory_t made = allocate(s, dnnl_primitive_desc_query_md(description, dnnl_query_exec_arg_md, argument));
    add_argument(c, argument, made);
    return made;
}

static void add_weights(session *s, call *c, dnnl_primitive_desc_t description)
{
    reorder(s, s->layer, add_wanted(s, c, description, DNNL_ARG_WEIGHTS_LAYER));
    reorder(s, s->iteration, add_wanted(s, c, description, DNNL_ARG_WEIGHTS_ITER));
    add_argument(c, DNNL_ARG_BIAS, s->bias);
    add_argument(c, DNNL_ARG_SRC_LAYER, s->source);
    add_argument(c, DNNL_ARG_DST_LAYER, s->target);
}

/* An array for each leaf of the state, zeros at first. Without an initial state, the gradient that 2.6.3 gives for the
 * recurrent kernel of an LSTM or a basic RNN is wrong; so training has one. */
static void add_state(session *s, call *c, int argument, int cell_argument)
{
    add_argument(c, argument, allocate(s, &s->shapes.state));
    if (s->p->shape.cell == REFERENCE_LSTM)
        add_argument(c, cell_argument, allocate(s, &s->shapes.state));
}

/* Two calls over the same weights; the second reads the state that the first writes. */
static void pass_state(session *s)
{
    static const int reads[] = {DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C};
    static const int writes[] = {DNNL_ARG_DST_ITER, DNNL_ARG_DST_ITER_C};
    s->forward[1] = s->forward[0];
    for (size_t leaf = 0; leaf < (s->p->shape.cell == REFERENCE_LSTM ? 2u : 1u); leaf++) {
        dnnl_memory_t even = allocate(s, &s->shapes.state), odd = allocate(s, &s->shapes.state);
        add_argument(&s->forward[0], reads[leaf], even);
        add_argument(&s->forward[0], writes[leaf], odd);
        add_argument(&s->forward[1], reads[leaf], odd);
        add_argument(&s->forward[1], writes[leaf], even);
    }
}

static void create_backward(session *s, dnnl_primitive_desc_t forward, dnnl_memory_t workspace)
{
    call *c = &s->backward;
    dnnl_primitive_desc_t description = describe_backward(s, forward);
    if (s->status == dnnl_success) {
        add_weights(s, c, description);
        add_argument(c, DNNL_ARG_WORKSPACE, workspace);
        add_argument(c, DNNL_ARG_DIFF_SRC_LAYER, allocate(s, &s->shapes.source));
        add_state(s, c, DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C);
        add_state(s, c, DNNL_ARG_DIFF_SRC_ITER, DNNL_ARG_DIFF_SRC_ITER_C);
        s->d_target = allocate(s, &s->shapes.target);
        add_argument(c, DNNL_ARG_DIFF_DST_LAYER, s->d_target);
        s->d_layer = add_wanted(s, c, description, DNNL_ARG_DIFF_WEIGHTS_LAYER);
        s->d_iteration = add_wanted(s, c, description, DNNL_ARG_DIFF_WEIGHTS_ITER);
        s->d_bias = add_wanted(s, c, description, DNNL_ARG_DIFF_BIAS);
        need(s, dnnl_primitive_create(&c->primitive, description));
    }
    dnnl_primitive_desc_destroy(description);
}

static void create_primitives(session *s, size_t *kept_bytes)
{
    const bench_kind kind = s->p->shape.kind;
    call *c = &s->forward[0];
    dnnl_primitive_desc_t description = describe_forward(s);
    if (s->status == dnnl_success) {
        add_weights(s, c, description);
        need(s, dnnl_primitive_create(&c->primitive, description));
    }
    if (s->status == dnnl_success && kind == BENCH_TRAIN) {
        const dnnl_memory_desc_t *shape = dnnl_primitive_desc_query_md(description, dnnl_query_workspace_md, 0);
        dnnl_memory_t workspace = allocate(s, shape);
        add_argument(c, DNNL_ARG_WORKSPACE, workspace);
        add_state(s, c, DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C);
        *kept_bytes = dnnl_memory_desc_get_size(shape);
        create_backward(s, description, workspace);
    }
    if (s->status == dnnl_success && (kind == BENCH_STREAM || kind == BENCH_BLOCK))
        pass_state(s);
    dnnl_primitive_desc_destroy(description);
}

/* ---- the problem's numbers ---- */

static void load(session *s)
{
    const problem *p = s->p;
    const bench_case *c = &p->shape;
    shapes plain = s->shapes;
    const size_t gates = gates_of(c->cell);
    plain.layer = describe(s, 5, (size_t[]){1, 1, c->input, gates, c->units}, dnnl_ldigo);
    plain.iteration = describe(s, 5, (size_t[]){1, 1, c->units, gates, c->units}, dnnl_ldigo);
    s->layer = allocate(s, &plain.layer);
    s->iteration = allocate(s, &plain.iteration);
    s->bias = allocate(s, &plain.bias);
    s->source = allocate(s, &plain.source);
    s->target = allocate(s, &plain.target);
    if (s->status != dnnl_success)
        return;
    exchange(c, false, p->weights, data_of(s->layer), data_of(s->iteration), data_of(s->bias));
    for (size_t unit = 0; c->cell == REFERENCE_LSTM && unit < c->units; unit++)
        data_of(s->bias)[c->units + unit] += 1.0f; /* the forget bias, which TensorFlow adds at run time */
    if (c->kind == BENCH_STREAM || c->kind == BENCH_BLOCK)
        return;
    for (size_t row = 0; row < c->batch; row++)
        for (size_t t = 0; t < c->time; t++)
            memcpy(data_of(s->source) + (t * c->batch + row) * c->input, p->inputs + (row * c->time + t) * c->input,
                   c->input * sizeof *p->inputs);
}

/* The row's last step in an array [time][batch][units]. */
static float *last_of(const problem *p, float *values, size_t row)
{
    const size_t length = p->lengths ? p->lengths[row] : p->shape.time;
    return values + ((length - 1) * p->shape.batch + row) * p->shape.units;
}

static void execute(session *s, const call *c)
{
    need(s, dnnl_primitive_execute(c->primitive, s->stream, c->count, c->arguments));
    need(s, dnnl_stream_wait(s->stream));
}

static void stream_call(session *s)
{
    const bench_case *c = &s->p->shape;
    memcpy(data_of(s->source), s->p->inputs + s->at % BENCH_STREAM_STEPS * c->input,
           c->time * c->input * sizeof *s->p->inputs);
    execute(s, &s->forward[s->at / c->time % 2]);
    s->at = (s->at + c->time) % (2 * BENCH_STREAM_STEPS);
}

static void train_call(session *s)
{
    execute(s, &s->forward[0]);
    execute(s, &s->backward);
}

static void answer_gradient(session *s, answers *found)
{
    const bench_case *c = &s->p->shape;
    for (size_t row = 0; row < c->batch; row++)
        memcpy(last_of(s->p, data_of(s->d_target), row), s->p->d_last + row * c->units,
               c->units * sizeof *s->p->d_last);
    train_call(s);
    reorder(s, s->d_layer, s->layer); /* which has served */
    reorder(s, s->d_iteration, s->iteration);
    exchange(c, true, found->gradient, data_of(s->layer), data_of(s->iteration), data_of(s->d_bias));
    found->gradient_count = s->p->cell_weight_count;
}

static void answer(session *s, answers *found)
{
    const bench_case *c = &s->p->shape;
    found->logits_count = found->gradient_count = found->loss_count = 0;
    if (c->kind == BENCH_STREAM || c->kind == BENCH_BLOCK) {
        for (size_t step = 0; step < BENCH_STREAM_STEPS; step += c->time) {
            stream_call(s);
            memcpy(found->output + step * c->units, data_of(s->target), c->time * c->units * sizeof *found->output);
        }
        return;
    }
    if (c->kind == BENCH_TRAIN)
        answer_gradient(s, found);
    else
        execute(s, &s->forward[0]);
    for (size_t row = 0; row < c->batch; row++)
        memcpy(found->output + row * c->units, last_of(s->p, data_of(s->target), row),
               c->units * sizeof *found->output);
}

/* ---- the library ---- */

static void onednn_run(library *self, size_t calls)
{
    session *s = self->state;
    const bench_kind kind = s->p->shape.kind;
    for (size_t k = 0; k < calls; k++) {
        if (kind == BENCH_TRAIN)
            train_call(s);
        else if (kind == BENCH_INFER)
            execute(s, &s->forward[0]);
        else
            stream_call(s);
    }
}

static void onednn_close(library *self)
{
    session *s = self->state;
    dnnl_primitive_destroy(s->forward[0].primitive);
    dnnl_primitive_destroy(s->backward.primitive);
    while (s->memory_count > 0)
        dnnl_memory_destroy(s->memories[--s->memory_count]);
    dnnl_stream_destroy(s->stream);
    dnnl_engine_destroy(s->engine);
    *s = (session){0};
}

static bool onednn_open(library *self, const problem *p, answers *found)
{
    session *s = self->state;
    s->p = p;
    self->kept_bytes = 0;
    system_set_openmp_threads((int)p->threads);
    need(s, dnnl_engine_create(&s->engine, dnnl_cpu, 0));
    need(s, dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags));
    create_shapes(s);
    load(s);
    if (s->status == dnnl_success)
        create_primitives(s, &self->kept_bytes);
    if (s->status == dnnl_success)
        answer(s, found);
    if (s->status == dnnl_success)
        return true;
    snprintf(self->reason, sizeof self->reason, "oneDNN's status is %d", (int)s->status);
    onednn_close(self);
    return false;
}

static void onednn_destroy(library *self)
{
    free(self->state);
    free(self);
}

static const char *isa_name(void)
{
    switch ((unsigned)dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "sse41";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2:
    case dnnl_cpu_isa_avx2_vnni: return "avx2";
    default: return "avx512";
    }
}

library *library_create_onednn(void)
{
    const dnnl_version_t *version = dnnl_version();
    library *made = system_allocate(1, sizeof *made);
    *made = (library){.name = "onednn",
                      .open = onednn_open,
                      .run = onednn_run,
                      .close = onednn_close,
                      .destroy = onednn_destroy,
                      .state = system_allocate(1, sizeof(session))};
    snprintf(made->version, sizeof made->version, "%d.%d.%d", version->major, version->minor, version->patch);
    snprintf(made->isa, sizeof made->isa, "%s", isa_name());
    return made;
}
