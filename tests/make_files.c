/* Files for the tests of lstm-run:
 *     make_files model GRAPH FILE
 *     make_files inputs BATCH TIME WIDTH FILE [LEAF_WIDTH...]
 * Inputs are ragged, with NaN for padding, and have an initial state where widths of leaves are given. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lstm/lstm.h>

enum { MAX_LEAVES = 16 };

static int done(lstm_status status)
{
    if (status)
        fprintf(stderr, "make_files: %s\n", lstm_error_message());
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

static float *numbers(const char *name, size_t count)
{
    const lstm_random random = lstm_random_named(5, name);
    float *values = malloc((count + 1) * sizeof *values);
    if (!values)
        exit(EXIT_FAILURE);
    lstm_random_uniform(&random, 0, count, -1.0f, 1.0f, values);
    return values;
}

static int make_model(const char *graph, const char *path)
{
    lstm_params *params;
    lstm_model *model = NULL;
    size_t count;
    if (lstm_params_create(NULL, &params))
        return EXIT_FAILURE;
    lstm_status status = lstm_model_create(params, graph, &model);
    if (!status)
        status = lstm_params_initialize(params, 1);
    if (!status) {
        float *w = lstm_params_edit(params, &count), *noise = numbers("noise", count);
        for (size_t k = 0; k < count; k++)
            w[k] += 0.25f * noise[k]; /* no bias stays at zero */
        free(noise);
        status = lstm_model_save(model, params, path);
    }
    lstm_model_destroy(model);
    lstm_params_destroy(params);
    return done(status);
}

static int make_inputs(size_t batch, size_t time, size_t width, const char *path, size_t leaves, char **widths)
{
    lstm_tensor tensors[MAX_LEAVES + 2];
    size_t shapes[MAX_LEAVES][2], count = 2;
    char names[MAX_LEAVES][48];
    const size_t x_shape[3] = {batch, time, width};
    float *x = numbers("inputs", batch * time * width);
    int64_t *lengths = calloc(batch + 1, sizeof *lengths);
    if (!lengths)
        exit(EXIT_FAILURE);
    for (size_t row = 0; row < batch; row++) {
        lengths[row] = (int64_t)(row % 3 == 0 ? time : row * 7 % (time + 1));
        for (size_t k = (size_t)lengths[row] * width; k < time * width; k++)
            x[row * time * width + k] = NAN;
    }
    tensors[0] = (lstm_tensor){"inputs", LSTM_DTYPE_F32, 3, x_shape, x, batch * time * width * sizeof *x};
    tensors[1] = (lstm_tensor){"sequence_length", LSTM_DTYPE_I64, 1, &batch, lengths, batch * sizeof *lengths};
    for (size_t leaf = 0; leaf < leaves; leaf++, count++) {
        snprintf(names[leaf], sizeof names[leaf], "initial_state.%zu", leaf);
        shapes[leaf][0] = batch;
        shapes[leaf][1] = strtoul(widths[leaf], NULL, 10);
        const size_t floats = batch * shapes[leaf][1];
        tensors[count] = (lstm_tensor){
            names[leaf], LSTM_DTYPE_F32, 2, shapes[leaf], numbers(names[leaf], floats), floats * sizeof(float)};
    }
    lstm_status status = lstm_safetensors_save(NULL, path, NULL, 0, tensors, count);
    for (size_t k = 2; k < count; k++)
        free((void *)(uintptr_t)tensors[k].data);
    free(lengths);
    free(x);
    return done(status);
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "model"))
        return make_model(argv[2], argv[3]);
    if (argc >= 6 && argc <= 6 + MAX_LEAVES && !strcmp(argv[1], "inputs"))
        return make_inputs(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), argv[5],
                           (size_t)argc - 6, argv + 6);
    fprintf(stderr, "make_files: wrong usage\n");
    return 2;
}
