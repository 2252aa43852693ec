/* The list of suites: tests/test_NAME.c gives NAME_suite(). */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

#define ALL_SUITES                                                                                                     \
    SUITE(arguments)                                                                                                   \
    SUITE(array)                                                                                                       \
    SUITE(cells)                                                                                                       \
    SUITE(context)                                                                                                     \
    SUITE(custom_cell)                                                                                                 \
    SUITE(dense)                                                                                                       \
    SUITE(golden)                                                                                                      \
    SUITE(kernels)                                                                                                     \
    SUITE(loss)                                                                                                        \
    SUITE(optimizer)                                                                                                   \
    SUITE(params)                                                                                                      \
    SUITE(random)                                                                                                      \
    SUITE(reference)                                                                                                   \
    SUITE(rnn)                                                                                                         \
    SUITE(status)                                                                                                      \
    SUITE(synthetic_dataset)                                                                                           \
    SUITE(threads)

#define SUITE(name) Suite *name##_suite(void);
ALL_SUITES
#undef SUITE

#endif
