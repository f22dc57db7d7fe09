/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One document after another: what the next one takes over from the one before.
 */
#include <string.h>

#include "lm_topology.h"

static bool same(const void *a, const void *b)
{
	return memcmp(a, b, 32) == 0;
}

static void prepend_key(struct lm_topology_node *node, uint8_t kid, const struct lm_point *pk)
{
	LM_ASSERT(node->keys < LM_TOPOLOGY_NODE_KEYS);
	memmove(&node->key[1], &node->key[0], node->keys * sizeof(node->key[0]));
	node->key[0].kid = kid;
	node->key[0].pk = *pk;
	node->keys++;
}

bool lm_topology_inherit(struct lm_topology *topology, const struct lm_topology *known)
{
	uint8_t kid = (uint8_t)(topology->epoch - 1);
	bool before = topology->epoch > 0 && known->epoch == topology->epoch - 1 &&
		      same(known->hash.b, topology->previous.b);
	bool beside =
		known->epoch == topology->epoch && same(known->previous.b, topology->previous.b);

	if (!before && !beside)
		return false;
	for (unsigned i = 0; i < topology->nodes; i++) {
		struct lm_topology_node *node = &topology->node[i];
		const struct lm_topology_node *old = lm_topology_find(known, node->id);
		const struct lm_point *pk = old ? lm_topology_key(old, kid) : NULL;

		if (pk && same(old->identity.b, node->identity.b) && node->keys == LM_TOPOLOGY_KEYS)
			prepend_key(node, kid, pk);
	}
	return true;
}
