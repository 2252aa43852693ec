/* A run of the counting program as a web page. SPDX-License-Identifier: MIT */
#ifndef COUNTING_REPORT_H
#define COUNTING_REPORT_H

#include "hidden_units.h"
#include "result.h"

#include <stdio.h>

/* Write one page that needs no other file: curves, tables, what the hidden units do (NULL: nobody watched them) and the
 * result line. The caller looks for errors of the stream. */
void report_write(FILE *page, const counting_result *result, const hidden_units *units);

#endif
