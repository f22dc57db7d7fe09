/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands in memory behind the public struct: one allocation, with the nodes, the indices and
 * the columns behind it.
 */
#pragma once

#include "lm_topology.h"

/*
 * Of a layer's nodes, enough to fill any hole in a path: if the other nodes of a path, of which
 * there are LM_TOPOLOGY_LAYERS at most, leave one of the layer's nodes allowed, they leave one of
 * these allowed.
 */
#define LM_TOPOLOGY_CANDIDATES 96
struct candidates {
	unsigned n;
	uint32_t node[LM_TOPOLOGY_CANDIDATES];
};

/* A column of the alias method: its own node below `keep` of the layer's capacity, else another. */
struct column {
	uint64_t keep;
	uint32_t alias; /* a place in the layer */
};

struct loaded {
	struct lm_topology topology; /* first, so that a pointer to it is one to the whole */
	const uint32_t *id;          /* by rising id, dense: a search touches few cache lines */
	struct candidates candidates[LM_TOPOLOGY_LAYERS + 1];
	uint64_t capacity[LM_TOPOLOGY_LAYERS + 1];     /* of a layer */
	struct column *column[LM_TOPOLOGY_LAYERS + 1]; /* one for each node of a layer */
};

static inline const struct loaded *loaded_of(const struct lm_topology *topology)
{
	return (const struct loaded *)topology;
}

/* May these two not be on one path? */
static inline bool nodes_conflict(const struct lm_topology *topology,
				  const struct lm_topology_node *a,
				  const struct lm_topology_node *b)
{
	return a->operator_number == b->operator_number ||
	       (topology->paths.jurisdictions && a->jurisdiction[0] == b->jurisdiction[0] &&
		a->jurisdiction[1] == b->jurisdiction[1]);
}

/* The hole in a path: nodes of these layers, which go with `fixed` (NULL: none) and each other. */
struct hole {
	const struct lm_topology_node *fixed;
	unsigned n;
	unsigned layer[LM_TOPOLOGY_LAYERS + 1];
};

/* ---- Tables, made when a topology is loaded ---- */

void lm_topology_choose_candidates(struct loaded *loaded);

/* false: too little memory. */
LM_MUST_CHECK bool lm_topology_make_columns(struct loaded *loaded);

/* The first gateway without a path, or NULL, of the gateways from *from on, which is moved on. */
const struct lm_topology_node *lm_topology_without_path(const struct loaded *loaded,
							unsigned *from);

/* ---- Draws and searches ---- */

/* One of a layer's nodes, uniformly or by capacity as the document says. Packet path. */
const struct lm_topology_node *lm_topology_draw_node(const struct loaded *loaded,
						     struct lm_prng *prng, unsigned layer);

/*
 * Fills the hole if it can be filled, exactly: path[i] of layer[i]. The search begins at random
 * places; without `prng`, at the first.
 */
LM_MUST_CHECK bool lm_topology_fill(const struct loaded *loaded, struct lm_prng *prng,
				    const struct hole *hole, const struct lm_topology_node **path);
