/* The list of suites: tests/test_NAME.c gives NAME_suite(). */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

/* What only one kind of system has. */
#ifdef _WIN32
#define SYSTEM_SUITES SUITE(files_windows)
#else
#define SYSTEM_SUITES SUITE(synthetic_dataset)
#endif

#define ALL_SUITES                                                                                                     \
    SUITE(arguments)                                                                                                   \
    SUITE(array)                                                                                                       \
    SUITE(batches)                                                                                                     \
    SUITE(bidirectional)                                                                                               \
    SUITE(cell_arguments)                                                                                              \
    SUITE(cell_variables)                                                                                              \
    SUITE(cells)                                                                                                       \
    SUITE(check_gradient)                                                                                              \
    SUITE(checkpoint)                                                                                                  \
    SUITE(clip)                                                                                                        \
    SUITE(context)                                                                                                     \
    SUITE(ctc)                                                                                                         \
    SUITE(ctc_paths)                                                                                                   \
    SUITE(custom_activation)                                                                                           \
    SUITE(custom_cell)                                                                                                 \
    SUITE(dense)                                                                                                       \
    SUITE(dropout)                                                                                                     \
    SUITE(element_loss)                                                                                                \
    SUITE(embedding)                                                                                                   \
    SUITE(extremes)                                                                                                    \
    SUITE(files)                                                                                                       \
    SUITE(float_modes)                                                                                                 \
    SUITE(golden)                                                                                                      \
    SUITE(golden_losses)                                                                                               \
    SUITE(gradients)                                                                                                   \
    SUITE(graph)                                                                                                       \
    SUITE(hosts)                                                                                                       \
    SUITE(import_pytorch)                                                                                              \
    SUITE(initializer)                                                                                                 \
    SUITE(kernels)                                                                                                     \
    SUITE(loss)                                                                                                        \
    SUITE(model)                                                                                                       \
    SUITE(model_stream)                                                                                                \
    SUITE(optimizer)                                                                                                   \
    SUITE(optimizer_rules)                                                                                             \
    SUITE(params)                                                                                                      \
    SUITE(params_file)                                                                                                 \
    SUITE(patterns)                                                                                                    \
    SUITE(raw_rnn)                                                                                                     \
    SUITE(random)                                                                                                      \
    SUITE(reference)                                                                                                   \
    SUITE(rnn)                                                                                                         \
    SUITE(same_bits)                                                                                                   \
    SUITE(safetensors)                                                                                                 \
    SUITE(schedule)                                                                                                    \
    SUITE(sequence_array)                                                                                              \
    SUITE(sequence_loss)                                                                                               \
    SUITE(sequence_text)                                                                                               \
    SUITE(status)                                                                                                      \
    SUITE(stream)                                                                                                      \
    SUITE(stream_state)                                                                                                \
    SUITE(struct_size)                                                                                                 \
    SUITE(tensor)                                                                                                      \
    SUITE(threads)                                                                                                     \
    SUITE(trainable)                                                                                                   \
    SUITE(training)                                                                                                    \
    SUITE(wrappers)                                                                                                    \
    SUITE(zoneout)                                                                                                     \
    SYSTEM_SUITES

#define SUITE(name) Suite *name##_suite(void);
ALL_SUITES
#undef SUITE

#endif
