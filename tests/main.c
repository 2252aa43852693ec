/* Runs the suites: all of them, or those named. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct named_suite {
    const char *name;
    Suite *(*create)(void);
} named_suite;

#define SUITE(name) {#name, name##_suite},
static const named_suite suites[] = {ALL_SUITES};
enum { SUITES = sizeof suites / sizeof suites[0] };

int main(int argc, char **argv)
{
    SRunner *runner = srunner_create(NULL);
    for (int a = 1; a < argc || a == 1; a++) {
        size_t found = 0;
        for (size_t k = 0; k < SUITES; k++)
            if (argc == 1 || !strcmp(argv[a], suites[k].name)) {
                srunner_add_suite(runner, suites[k].create());
                found++;
            }
        if (!found) {
            fprintf(stderr, "lstm_tests: no suite %s\n", argv[a]);
            return EXIT_FAILURE;
        }
    }
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
