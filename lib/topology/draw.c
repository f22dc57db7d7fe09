/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sender's draws: paths, kids and delays. Nothing here changes the topology or allocates.
 */
#include "loaded.h"

/*
 * Whole paths are drawn until one is allowed, so that each allowed one has its share. At the bound
 * one is searched for. Where one in a thousand is allowed, that happens once in 2^94 draws; it
 * takes milliseconds.
 */
#define TRIES 65536

/* Draws a node of each layer; false as soon as two may not go together. */
static bool try(const struct loaded *loaded, struct lm_prng *prng, const struct hole *hole,
		const struct lm_topology_node **path)
{
	const struct lm_topology *topology = &loaded->topology;

	for (unsigned i = 0; i < hole->n; i++) {
		path[i] = lm_topology_draw_node(loaded, prng, hole->layer[i]);
		if (hole->fixed && nodes_conflict(topology, hole->fixed, path[i]))
			return false;
		for (unsigned j = 0; j < i; j++)
			if (nodes_conflict(topology, path[j], path[i]))
				return false;
	}
	return true;
}

static bool draw(const struct lm_topology *topology, struct lm_prng *prng, const struct hole *hole,
		 const struct lm_topology_node **path)
{
	const struct loaded *loaded = loaded_of(topology);

	for (unsigned i = 0; i < TRIES; i++)
		if (try(loaded, prng, hole, path))
			return true;
	return lm_topology_fill(loaded, prng, hole, path);
}

/* ---- Holes ---- */

static struct hole hole_of_path(const struct lm_topology *topology,
				const struct lm_topology_node *last)
{
	struct hole hole = {.fixed = last, .n = topology->layers};

	LM_ASSERT(last->role == LM_TOPOLOGY_GATEWAY);
	for (unsigned i = 0; i < hole.n; i++)
		hole.layer[i] = i + 1;
	return hole;
}

/* Gateways are layer 0: the layers are a ring, and a loop goes round it once. */
static struct hole hole_of_loop(const struct lm_topology *topology,
				const struct lm_topology_node *self)
{
	struct hole hole = {.fixed = self, .n = topology->layers};

	for (unsigned i = 0; i < hole.n; i++)
		hole.layer[i] = (self->layer + 1 + i) % (topology->layers + 1);
	return hole;
}

/* A mix is one of the packet's path like any other before; a gateway is its sender. */
static struct hole hole_of_drop(const struct lm_topology *topology,
				const struct lm_topology_node *self)
{
	struct hole hole = {.fixed = self->role == LM_TOPOLOGY_MIX ? self : NULL};

	for (unsigned layer = self->layer + 1; layer <= topology->layers; layer++)
		hole.layer[hole.n++] = layer;
	hole.layer[hole.n++] = 0;
	return hole;
}

/* ---- Paths ---- */

bool lm_topology_draw_path(const struct lm_topology *topology, struct lm_prng *prng,
			   const struct lm_topology_node *last,
			   const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1],
			   unsigned *hops)
{
	struct hole hole = hole_of_path(topology, last);

	path[hole.n] = last;
	*hops = hole.n + 1;
	return draw(topology, prng, &hole, path);
}

bool lm_topology_draw_loop(const struct lm_topology *topology, struct lm_prng *prng,
			   const struct lm_topology_node *self,
			   const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1],
			   unsigned *hops)
{
	struct hole hole = hole_of_loop(topology, self);

	path[hole.n] = self;
	*hops = hole.n + 1;
	return draw(topology, prng, &hole, path);
}

bool lm_topology_draw_drop(const struct lm_topology *topology, struct lm_prng *prng,
			   const struct lm_topology_node *self,
			   const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1],
			   unsigned *hops)
{
	struct hole hole = hole_of_drop(topology, self);

	*hops = hole.n;
	return draw(topology, prng, &hole, path);
}

bool lm_topology_has_loop(const struct lm_topology *topology, const struct lm_topology_node *self)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	struct hole hole = hole_of_loop(topology, self);

	return lm_topology_fill(loaded_of(topology), NULL, &hole, path);
}

bool lm_topology_has_drop(const struct lm_topology *topology, const struct lm_topology_node *self)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	struct hole hole = hole_of_drop(topology, self);

	return lm_topology_fill(loaded_of(topology), NULL, &hole, path);
}

/* ---- Several paths ---- */

#define SETS      64  /* beginnings from the first path */
#define SET_TRIES 256 /* for each further path of a set */

/* Does no operator of these mixes stand in the paths before? */
static bool is_disjoint(const struct lm_topology_node *path[][LM_TOPOLOGY_LAYERS + 1], unsigned n,
			unsigned mixes)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < mixes; j++)
			for (unsigned k = 0; k < mixes; k++)
				if (path[i][j]->operator_number == path[n][k]->operator_number)
					return false;
	return true;
}

static bool draw_next(const struct lm_topology *topology, struct lm_prng *prng,
		      const struct hole *hole,
		      const struct lm_topology_node *path[][LM_TOPOLOGY_LAYERS + 1], unsigned n)
{
	for (unsigned i = 0; i < SET_TRIES; i++)
		if (draw(topology, prng, hole, path[n]) && is_disjoint(path, n, hole->n))
			return true;
	return false;
}

bool lm_topology_draw_disjoint(const struct lm_topology *topology, struct lm_prng *prng,
			       const struct lm_topology_node *last,
			       const struct lm_topology_node *path[][LM_TOPOLOGY_LAYERS + 1],
			       unsigned n, unsigned *hops)
{
	struct hole hole = hole_of_path(topology, last);

	*hops = hole.n + 1;
	for (unsigned layer = 1; layer <= topology->layers; layer++)
		if (topology->layer_nodes[layer] < n)
			return false;
	for (unsigned set = 0; set < SETS; set++) {
		unsigned have = 0;

		while (have < n && draw_next(topology, prng, &hole, path, have))
			path[have++][hole.n] = last;
		if (have == n)
			return true;
	}
	return false;
}

/* ---- Kids and delays ---- */

static bool all_have_key(const struct lm_topology_node *const *path, unsigned n, uint8_t kid)
{
	for (unsigned i = 0; i < n; i++)
		if (!lm_topology_key(path[i], kid))
			return false;
	return true;
}

void lm_topology_draw_kids(const struct lm_topology *topology, struct lm_prng *prng, uint32_t epoch,
			   enum lm_topology_phase phase, const struct lm_topology_node *const *path,
			   uint8_t *kid, unsigned n)
{
	uint32_t base = epoch;

	LM_ASSERT(epoch - topology->epoch <= 1);
	if (phase != LM_TOPOLOGY_ENDING && epoch > 0 && all_have_key(path, n, (uint8_t)(epoch - 1)))
		base -= phase == LM_TOPOLOGY_BEGINNING ? 1 : lm_prng_below(prng, 2);
	for (unsigned i = 0; i < n; i++)
		kid[i] = (uint8_t)(base + lm_prng_below(prng, 2));
}

void lm_topology_draw_delays(const struct lm_topology *topology, struct lm_prng *prng,
			     uint32_t *delay_us, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		delay_us[i] = lm_mix_draw_delay_us(&topology->mix, prng);
}
