/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions to a topology: who has this id, who may follow whom, and a sender's draws. Nothing here
 * changes it.
 */
#include "loaded.h"

const struct lm_topology_node *lm_topology_find(const struct lm_topology *topology, uint32_t id)
{
	const struct loaded *loaded = (const struct loaded *)topology;
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

/* Uniformly one of a layer's nodes; layer 0: a gateway. */
static const struct lm_topology_node *draw_node(const struct lm_topology *topology,
						struct lm_prng *prng, unsigned layer)
{
	uint32_t drawn = lm_prng_below(prng, topology->layer_nodes[layer]);

	return &topology->node[topology->layer_node[layer][drawn]];
}

void lm_topology_draw_path(const struct lm_topology *topology, struct lm_prng *prng,
			   const struct lm_topology_node *last,
			   const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1],
			   unsigned *hops)
{
	LM_ASSERT(last->role == LM_TOPOLOGY_GATEWAY);
	for (unsigned layer = 1; layer <= topology->layers; layer++)
		path[layer - 1] = draw_node(topology, prng, layer);
	path[topology->layers] = last;
	*hops = topology->layers + 1;
}

void lm_topology_draw_loop(const struct lm_topology *topology, struct lm_prng *prng,
			   const struct lm_topology_node *self,
			   const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1],
			   unsigned *hops)
{
	/* gateways are layer 0: the layers are a ring, and a loop goes round it once */
	unsigned ring = topology->layers + 1;

	for (unsigned i = 1; i < ring; i++)
		path[i - 1] = draw_node(topology, prng, (self->layer + i) % ring);
	path[ring - 1] = self;
	*hops = ring;
}

void lm_topology_draw_drop(const struct lm_topology *topology, struct lm_prng *prng,
			   const struct lm_topology_node *self,
			   const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1],
			   unsigned *hops)
{
	unsigned n = 0;

	for (unsigned layer = self->layer + 1; layer <= topology->layers; layer++)
		path[n++] = draw_node(topology, prng, layer);
	path[n++] = draw_node(topology, prng, 0);
	*hops = n;
}

static bool all_have_key(const struct lm_topology_node *const *path, unsigned n, uint8_t kid)
{
	for (unsigned i = 0; i < n; i++)
		if (!lm_topology_key(path[i], kid))
			return false;
	return true;
}

void lm_topology_draw_kids(const struct lm_topology *topology, struct lm_prng *prng, uint32_t epoch,
			   bool ending, const struct lm_topology_node *const *path, uint8_t *kid,
			   unsigned n)
{
	uint32_t base = epoch;

	LM_ASSERT(epoch - topology->epoch <= 1);
	if (!ending && epoch > 0 && all_have_key(path, n, (uint8_t)(epoch - 1)))
		base -= lm_prng_below(prng, 2);
	for (unsigned i = 0; i < n; i++)
		kid[i] = (uint8_t)(base + lm_prng_below(prng, 2));
}

void lm_topology_draw_delays(const struct lm_topology *topology, struct lm_prng *prng,
			     uint32_t *delay_us, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		delay_us[i] = lm_mix_draw_delay_us(&topology->mix, prng);
}
