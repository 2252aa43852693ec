#include "describe.h"

#include "complain.h"

#include <stdio.h>

#include <lstm/lstm.h>

/* Text from a file: control characters are escaped, but for line breaks and tabs between the words of a graph. */
static void print_text(const char *text, bool spaces)
{
    while (*text) {
        const size_t control = spaces && (*text == '\n' || *text == '\t') ? 0 : control_length(text);
        text += control ? control : 1;
        if (control)
            printf("\\x%02x", (unsigned)(unsigned char)text[-1]);
        else
            putchar(text[-1]);
    }
}

static bool print_tensors(const lstm_safetensors *file)
{
    for (size_t k = 0; k < lstm_safetensors_count(file); k++) {
        lstm_tensor t;
        if (!succeeded(lstm_safetensors_tensor(file, k, &t)))
            return false;
        fputs("tensor ", stdout);
        print_text(t.name, false);
        fputs(" [", stdout);
        for (size_t axis = 0; axis < t.rank; axis++)
            printf("%s%zu", axis ? ", " : "", t.shape[axis]);
        printf("] %s\n", lstm_dtype_name(t.dtype));
    }
    return true;
}

/* In each step each element of each matrix is multiplied and added once, for each row. */
static bool print_costs(const lstm_params *params)
{
    size_t weights, products = 0;
    lstm_params_data(params, &weights);
    for (size_t k = 0; k < lstm_params_variable_count(params); k++) {
        lstm_variable_info info;
        if (!succeeded(lstm_params_variable(params, k, &info)))
            return false;
        products += info.rank == 2 ? info.count : 0;
    }
    printf("parameters %zu\nmultiply-adds %zu\n", weights, products);
    return true;
}

bool describe(const char *path)
{
    lstm_model *model;
    lstm_params *params;
    lstm_safetensors *file;
    if (!succeeded(lstm_model_open(NULL, path, &model, &params)))
        return false;
    bool good = succeeded(lstm_safetensors_open(NULL, path, &file));
    if (good) {
        fputs("graph ", stdout);
        print_text(lstm_model_graph(model), true);
        putchar('\n');
        good = print_tensors(file) && print_costs(params);
        lstm_safetensors_destroy(file);
    }
    lstm_params_destroy(params);
    lstm_model_destroy(model);
    return good && output_arrived();
}
