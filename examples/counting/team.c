#include "team.h"

#include "platform.h"

static bool gradient(void *user, counting_network *network, size_t batch, const float *inputs, const float *targets,
                     team_step *step)
{
    (void)user;
    if (!network_gradient(network, batch, inputs, targets, &step->loss, &step->accuracy))
        return false;
    step->interrupted = platform_interrupted() != 0;
    return true;
}

static void add(void *user, double *numbers, size_t count)
{
    (void)user;
    (void)numbers;
    (void)count;
}

const counting_team team_of_one = {.rank = 0, .size = 1, .gradient = gradient, .add = add};
