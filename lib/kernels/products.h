/* The products of the CBLAS backend. */
#ifndef LSTM__PRODUCTS_H
#define LSTM__PRODUCTS_H

#include "kernels.h"

#define LSTM__PRODUCT(name, arguments) void lstm__cblas_##name arguments;
#define LSTM__BODY(name, arguments)
#include "kernels.def"
#undef LSTM__PRODUCT
#undef LSTM__BODY

#endif
