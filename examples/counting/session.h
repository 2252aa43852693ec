/* The counting program from its options to its result. SPDX-License-Identifier: MIT */
#ifndef COUNTING_SESSION_H
#define COUNTING_SESSION_H

#include "options.h"
#include "team.h"

/* Do what the options ask for, and say on standard output what came of it. Returns the program's exit status. In a team of
 * several every process calls this with the same options, but for those that name files to be written. */
int session_run(const counting_options *options, const counting_team *team);

#endif
