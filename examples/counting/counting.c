/* Teach a recurrent network to count the ones in a sequence of bits, and say how well it does.
 * SPDX-License-Identifier: MIT */
#include "options.h"
#include "result.h"
#include "session.h"

#include <stdlib.h>

enum { EXIT_USAGE = 2 };

int main(int argc, char **argv)
{
    counting_options options;

    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_HELP: return output_arrived() ? EXIT_SUCCESS : EXIT_FAILURE;
    case OPTIONS_REFUSED: return EXIT_USAGE;
    case OPTIONS_RUN: break;
    }
    return session_run(&options, &team_of_one);
}
