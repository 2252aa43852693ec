/* One probe for each kernel body: calls with all its options, over arrays with guards around them. */
#ifndef KERNEL_PROBES_H
#define KERNEL_PROBES_H

#include "kernels/kernels.h"
#include "testing.h"

enum { AREA_CAPACITY = 1 << 18, AREA_EDGES = 256 };

/* ck_assert tells Check of every pass, which takes too long for millions of numbers. */
#define check_that(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                                                 \
    } while (0)

uint32_t bits_of(float x);
float float_of(uint32_t bits);

/* The same bits, or both NaN: IEEE 754 leaves open which NaN an operation gives. */
bool agree(float a, float b);

/* A stretch of floats from which a kernel's arrays are cut, with guards between them. What an array holds at first
 * depends on its place alone. */
typedef struct area {
    float floats[AREA_CAPACITY], ordinary[AREA_CAPACITY], mixed[AREA_CAPACITY];
    bool guarded[AREA_CAPACITY];
    size_t used;
    bool odd;             /* from `mixed`: every fourth is no ordinary number */
    unsigned char *pages; /* not NULL: each array ends where a page does, and the next page cannot be touched */
    size_t page_size, arrays;
    double results; /* of kernels that give a double */
} area;

/* Free it by free(). */
area *area_create(void);

/* rows x n numbers whose rows are ld apart; guards before and after, and in the gaps. */
float *area_matrix(area *a, size_t rows, size_t n, size_t ld);

void area_check_guards(const area *a, const char *name, const lstm__kernels *kernels);

/* The activations that a kernel takes, a custom one last. */
extern const lstm__activation probe_activations[];
extern const size_t probe_activation_count;

typedef struct kernel_probe {
    const char *name;
    void (*call)(const lstm__kernels *kernels, area *a, size_t n);
} kernel_probe;

/* One for each kernel of kernels.def: one without a probe does not compile. */
extern const kernel_probe kernel_probes[];
extern const size_t kernel_probe_count;

/* Call that body at the size n, with arrays from an area that is empty again. */
void kernel_probe_run(const kernel_probe *probe, const lstm__kernels *kernels, size_t n, bool odd, area *a);

#endif
