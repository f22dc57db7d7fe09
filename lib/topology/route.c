/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions to a topology: who has this id, and who may follow whom.
 */
#include "loaded.h"

const struct lm_topology_node *lm_topology_find(const struct lm_topology *topology, uint32_t id)
{
	const struct loaded *loaded = loaded_of(topology);
	const uint32_t *first = loaded->id;

	/* Halve the range that may hold id; without a branch on what is found. */
	for (unsigned n = topology->nodes; n > 1;) {
		unsigned half = n / 2;

		first = first[half] <= id ? first + half : first;
		n -= half;
	}
	return *first == id ? &topology->node[first - loaded->id] : NULL;
}

const struct lm_point *lm_topology_key(const struct lm_topology_node *node, uint8_t kid)
{
	for (unsigned i = 0; i < node->keys; i++)
		if (node->key[i].kid == kid)
			return &node->key[i].pk;
	return NULL;
}

bool lm_topology_may_follow(const struct lm_topology *topology, const struct lm_topology_node *from,
			    const struct lm_topology_node *to)
{
	return to->layer == (from->layer == topology->layers ? 0 : from->layer + 1);
}

enum lm_drop lm_topology_route(const struct lm_topology *topology,
			       const struct lm_topology_node *self, uint32_t next)
{
	const struct lm_topology_node *node = lm_topology_find(topology, next);

	if (!node)
		return LM_DROP_NEXT_UNKNOWN;
	/* This also refuses self: no layer follows itself. */
	return lm_topology_may_follow(topology, self, node) ? LM_DROP_NONE : LM_DROP_NEXT_LAYER;
}

bool lm_topology_in_first_layer(const struct lm_topology *topology, uint32_t id)
{
	const struct lm_topology_node *node = lm_topology_find(topology, id);

	return node && node->layer == 1;
}
