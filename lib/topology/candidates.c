/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is there a path? Exactly, and with bounded work, however many nodes a layer has.
 *
 * A path's other nodes, OTHERS at most, rule out OTHERS operators and OTHERS jurisdictions. So a
 * layer needs no more nodes of one operator than OTHERS + 1, in as many jurisdictions: if the
 * operator is not ruled out, one of them is allowed. The same holds for one jurisdiction. And of
 * nodes that pairwise share neither, 2 OTHERS + 1 are enough for the whole layer: each operator and
 * each jurisdiction rules out one of them at most. Nodes that share neither with any before are
 * "apart" below; every node shares one of the 2 (2 OTHERS) operators and jurisdictions of those,
 * and no more than OTHERS + 1 are kept of each: 80 nodes. Without the rule on jurisdictions, OTHERS
 * + 1 operators do.
 */
#include "loaded.h"

#define OTHERS LM_TOPOLOGY_LAYERS

_Static_assert(2 * (2 * OTHERS) * (OTHERS + 1) + 1 <= LM_TOPOLOGY_CANDIDATES, "all that are kept");

static bool same_jurisdiction(const struct lm_topology_node *a, const struct lm_topology_node *b)
{
	return a->jurisdiction[0] == b->jurisdiction[0] && a->jurisdiction[1] == b->jurisdiction[1];
}

/* Whether there are enough nodes like this one already. */
static bool is_redundant(const struct lm_topology *topology, const struct candidates *kept,
			 const struct lm_topology_node *node)
{
	unsigned of_operator = 0, of_jurisdiction = 0;

	for (unsigned i = 0; i < kept->n; i++) {
		const struct lm_topology_node *other = &topology->node[kept->node[i]];
		bool operator= other->operator_number == node->operator_number;
		bool jurisdiction = same_jurisdiction(other, node);

		if (operator&&(jurisdiction || !topology->paths.jurisdictions))
			return true;
		of_operator += operator;
		of_jurisdiction += jurisdiction;
	}
	return topology->paths.jurisdictions && (of_operator > OTHERS || of_jurisdiction > OTHERS);
}

static bool is_apart(const struct lm_topology *topology, const uint32_t *apart, unsigned n,
		     const struct lm_topology_node *node)
{
	for (unsigned i = 0; i < n; i++)
		if (nodes_conflict(topology, &topology->node[apart[i]], node))
			return false;
	return true;
}

static void choose(struct candidates *kept, const struct lm_topology *topology, unsigned layer)
{
	unsigned enough = topology->paths.jurisdictions ? 2 * OTHERS + 1 : OTHERS + 1, n = 0;
	uint32_t apart[2 * OTHERS + 1];

	kept->n = 0;
	for (unsigned i = 0; i < topology->layer_nodes[layer] && n < enough; i++) {
		uint32_t index = topology->layer_node[layer][i];
		const struct lm_topology_node *node = &topology->node[index];

		if (is_apart(topology, apart, n, node))
			apart[n++] = index;
		else if (is_redundant(topology, kept, node))
			continue;
		LM_ASSERT(kept->n < LM_TOPOLOGY_CANDIDATES);
		kept->node[kept->n++] = index;
	}
}

void lm_topology_choose_candidates(struct loaded *loaded)
{
	for (unsigned layer = 0; layer <= loaded->topology.layers; layer++)
		choose(&loaded->candidates[layer], &loaded->topology, layer);
}

/* ---- Searches ---- */

struct search {
	const struct loaded *loaded;
	const struct hole *hole;
	const struct lm_topology_node **path;
	unsigned begin[LM_TOPOLOGY_LAYERS + 1];
};

static bool is_allowed(const struct search *search, unsigned at,
		       const struct lm_topology_node *node)
{
	const struct lm_topology *topology = &search->loaded->topology;

	if (search->hole->fixed && nodes_conflict(topology, search->hole->fixed, node))
		return false;
	for (unsigned i = 0; i < at; i++)
		if (nodes_conflict(topology, search->path[i], node))
			return false;
	return true;
}

/* Fills the layers from `at` on, with what is allowed beside those before. */
static bool fill_from(const struct search *search, unsigned at)
{
	const struct candidates *candidates;

	if (at == search->hole->n ||
	    at > LM_TOPOLOGY_LAYERS) /* the latter never: for the compiler */
		return true;
	candidates = &search->loaded->candidates[search->hole->layer[at]];
	for (unsigned i = 0; i < candidates->n; i++) {
		uint32_t index = candidates->node[(search->begin[at] + i) % candidates->n];

		search->path[at] = &search->loaded->topology.node[index];
		if (is_allowed(search, at, search->path[at]) && fill_from(search, at + 1))
			return true;
	}
	return false;
}

bool lm_topology_fill(const struct loaded *loaded, struct lm_prng *prng, const struct hole *hole,
		      const struct lm_topology_node **path)
{
	struct search search = {.loaded = loaded, .hole = hole, .path = path};

	for (unsigned i = 0; prng && i < hole->n; i++)
		search.begin[i] = lm_prng_below(prng, loaded->candidates[hole->layer[i]].n);
	return fill_from(&search, 0);
}

/*
 * Paths that were found serve all gateways that they allow. Who allows none of them shares an
 * operator or a jurisdiction with the first; one that was searched beside that one, the other of
 * both with the next: so no more than 1 + 2 L + 2 L L searches, L layers.
 */
#define FOUND (1 + 2 * LM_TOPOLOGY_LAYERS + 2 * LM_TOPOLOGY_LAYERS * LM_TOPOLOGY_LAYERS)

static bool goes_with(const struct lm_topology *topology, const struct lm_topology_node *gateway,
		      const struct lm_topology_node *const *path)
{
	for (unsigned i = 0; i < topology->layers; i++)
		if (nodes_conflict(topology, gateway, path[i]))
			return false;
	return true;
}

const struct lm_topology_node *lm_topology_without_path(const struct loaded *loaded, unsigned *from)
{
	const struct lm_topology *topology = &loaded->topology;
	const struct lm_topology_node *found[FOUND][LM_TOPOLOGY_LAYERS];
	struct hole hole = {.n = topology->layers};
	unsigned n = 0;

	for (unsigned i = 0; i < topology->layers; i++)
		hole.layer[i] = i + 1;
	while (*from < topology->layer_nodes[0]) {
		unsigned i = (*from)++, old = 0;

		hole.fixed = &topology->node[topology->layer_node[0][i]];
		while (old < n && !goes_with(topology, hole.fixed, found[old]))
			old++;
		if (old < n)
			continue;
		LM_ASSERT(n < FOUND);
		if (!lm_topology_fill(loaded, NULL, &hole, found[n++]))
			return hole.fixed;
	}
	return NULL;
}
