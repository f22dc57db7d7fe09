/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See parting.h. By the layers of the document before: the node itself may have had another one.
 */
#include "parting.h"

#include "view.h"

const struct lm_topology_node *parting_next(const struct links *links,
					    const struct lm_topology *topology,
					    const struct lm_topology_node *self, bool after,
					    unsigned *place)
{
	const struct lm_topology *before = links->before;
	const struct lm_topology_node *was = before ? lm_topology_find(before, self->id) : NULL;
	unsigned layer;

	if (!was) /* it is new, and nobody before has sent to it */
		return NULL;
	layer = after ? view_layer_after(before, was) : view_layer_before(before, was);
	while (*place < before->layer_nodes[layer]) {
		uint32_t at = before->layer_node[layer][(*place)++];

		if (!lm_topology_find(topology, before->node[at].id))
			return &before->node[at];
	}
	return NULL;
}
