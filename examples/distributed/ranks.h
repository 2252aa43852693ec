/* A team of MPI's ranks: each takes a part of every batch. SPDX-License-Identifier: MIT */
#ifndef DISTRIBUTED_RANKS_H
#define DISTRIBUTED_RANKS_H

#include "team.h"

/* Make this process one of a team. A batch is cut into shards, as many as there are ranks; where there is only one, into as
 * many as are asked for (shards >= 1). ordered: the gradients of the shards are added in their order, and not as
 * MPI_Allreduce does; always so for several shards in one process. MPI is initialized. False, after a line on standard
 * error, without memory. */
bool ranks_join(counting_team *team, size_t shards, bool ordered);

/* Free what the team has used. */
void ranks_leave(counting_team *team);

#endif
