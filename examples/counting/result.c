#include "result.h"

#include <inttypes.h>
#include <stdio.h>

static void print_classes(const evaluation *test, size_t classes)
{
    printf("\n ones  test sequences     right   accuracy\n");
    for (size_t k = 0; k < classes; k++) {
        size_t sequences = test->class_sequences[k], right = test->class_correct[k];

        printf("%5zu  %14zu  %8zu", k, sequences, right);
        if (sequences > 0)
            printf("  %7.2f %%\n", 100 * (double)right / (double)sequences);
        else
            printf("          -\n");
    }
    printf("  all  %14zu  %8zu", test->sequences, test->correct);
    if (test->sequences > 0)
        printf("  %7.2f %%\n", 100 * test->accuracy);
    else
        printf("          -\n");
}

static void print_baselines(const counting_result *result)
{
    const baselines *found = &result->baselines;
    char majority[32];

    snprintf(majority, sizeof majority, "always %zu", found->majority_class);
    printf("\n                        accuracy   loss (nats)\n");
    if (result->test.sequences > 0)
        printf("this network           %7.2f %%   %11.4f\n", 100 * result->test.accuracy, result->test.loss);
    printf("%-23s%7.2f %%   %11s\n", majority, 100 * found->majority_share, "-");
    printf("the classes' frequencies        -   %11.4f\n", found->label_entropy);
    printf("all classes alike      %7.2f %%   %11.4f\n\n", 100 * found->uniform_share, found->uniform_loss);
    fflush(stdout);
}

void result_print_tables(const counting_result *result)
{
    print_classes(&result->test, result->options.bits + 1);
    print_baselines(result);
}

void result_format(const counting_result *result, char *line, size_t size)
{
    const counting_options *options = &result->options;
    char ranks[32] = "";

    if (result->ranks > 0)
        snprintf(ranks, sizeof ranks, " ranks=%zu", result->ranks);
    snprintf(line, size,
             "result cell=%s units=%zu layers=%zu bits=%zu batch=%zu epochs=%zu seed=%" PRIu64
             " threads=%zu train=%zu test=%zu train_loss=%.4f test_loss=%.4f test_accuracy=%.6f"
             " lab_metric=%.6f train_seconds=%.1f seconds=%.1f isa=%s%s",
             options->cell, options->units, options->layers, options->bits, options->batch, options->epochs,
             options->seed, result->threads, options->train, result->test.sequences, result->training.last.loss,
             result->test.loss, result->test.accuracy, result->test.lab_metric, result->training.seconds,
             result->seconds, result->isa, ranks);
}

bool output_arrived(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "counting: standard output cannot be written\n");
    return false;
}
