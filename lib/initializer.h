/* How a variable starts. */
#ifndef LSTM__INITIALIZER_H
#define LSTM__INITIALIZER_H

#include <lstm/params.h>

/* Check its kind and numbers; name is the variable's or the argument's. */
lstm_status lstm__check_initializer(const char *function, const char *name, const lstm_initializer *initializer);

/* And that it can fill a variable of that many axes. */
lstm_status lstm__check_initializer_of(const char *function, const char *name, size_t rank,
                                       const lstm_initializer *initializer);

/* How many doubles of scratch filling the variable takes. */
size_t lstm__initializer_scratch(const lstm_initializer *initializer, const lstm_variable_info *info);

/* Fill values[info->count] from the stream (seed, info->name). */
void lstm__initialize(const lstm_initializer *initializer, const lstm_variable_info *info, uint64_t seed,
                      double *scratch, float *values);

#endif
