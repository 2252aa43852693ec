#ifndef TEST_REFERENCE_H
#define TEST_REFERENCE_H

#include <check.h>

/* The proof of the oracle; its parts by file. */
Suite *reference_suite(void);

TCase *reference_gradient_tests(void);
TCase *reference_driver_tests(void);
TCase *reference_golden_tests(void);
TCase *reference_tensorflow_tests(void);
TCase *reference_dense_loss_tests(void);
TCase *reference_optimizer_tests(void);

#endif
