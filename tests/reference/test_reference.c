#include "test_reference.h"

Suite *reference_suite(void)
{
    Suite *suite = suite_create("reference");

    suite_add_tcase(suite, reference_gradient_tests());
    suite_add_tcase(suite, reference_driver_tests());
    suite_add_tcase(suite, reference_golden_tests());
    suite_add_tcase(suite, reference_tensorflow_tests());
    suite_add_tcase(suite, reference_dense_loss_tests());
    suite_add_tcase(suite, reference_optimizer_tests());
    return suite;
}
