/* The mutator of safetensors files asks a target how many bytes of its own stand in front of the file. */
#ifndef MUTATE_FILE_H
#define MUTATE_FILE_H

#include <stddef.h>

extern const size_t fuzz_selector_size;

#endif
