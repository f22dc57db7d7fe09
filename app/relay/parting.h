/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbours that part: nodes that the document before lists in a neighbouring layer, and the one
 * in force nowhere. What was built for them is still on its way, and what they hold is still to
 * come, so they are neighbours as before, with their links, until the keys of that document's epoch
 * are erased (documents_parting). Nothing waits for them: they may be gone.
 *
 * Pure; topologies are the caller's.
 */
#pragma once

#include "links.h"
#include "lm_topology.h"

/*
 * The next that parts, of those that `self` sends to if `after`, else of those that send to it:
 * from *place on, which begins with 0 and moves on. NULL: there are no more, or links->before is
 * NULL.
 */
const struct lm_topology_node *parting_next(const struct links *links,
					    const struct lm_topology *topology,
					    const struct lm_topology_node *self, bool after,
					    unsigned *place);
