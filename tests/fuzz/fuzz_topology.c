/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Topology documents: refused with a message that begins with the name, or a topology from which
 * paths of every kind can be drawn that keep to its layers.
 */
#include "fuzz.h"
#include "lm_topology.h"

static void check_path(const struct lm_topology *topology,
		       const struct lm_topology_node *const *path, unsigned hops,
		       const struct lm_topology_node *from)
{
	LM_ASSERT(hops >= 1 && hops <= LM_TOPOLOGY_LAYERS + 1);
	for (unsigned i = 0; i < hops; i++) {
		LM_ASSERT(lm_topology_find(topology, path[i]->id) == path[i]);
		if (from)
			LM_ASSERT(lm_topology_may_follow(topology, from, path[i]));
		from = path[i];
	}
}

static void draw(const struct lm_topology *topology)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	const struct lm_topology_node *gateway =
		&topology->node[topology->layer_node[0][topology->layer_nodes[0] - 1]];
	uint8_t kid[LM_TOPOLOGY_LAYERS + 1];
	struct lm_prng prng;
	unsigned hops;

	lm_prng_init(&prng, (const uint8_t[32]){2});
	LM_ASSERT(lm_topology_draw_path(topology, &prng, gateway, path, &hops));
	check_path(topology, path, hops, NULL);
	LM_ASSERT(path[0]->layer == 1 && path[hops - 1] == gateway);
	lm_topology_draw_kids(topology, &prng, topology->epoch, LM_TOPOLOGY_MIDDLE, path, kid,
			      hops);
	for (unsigned i = 0; i < hops; i++)
		LM_ASSERT(lm_topology_key(path[i], kid[i]) != NULL);
	for (unsigned i = 0; i < topology->nodes; i += 1 + topology->nodes / 8) {
		const struct lm_topology_node *self = &topology->node[i];

		if (lm_topology_draw_loop(topology, &prng, self, path, &hops)) {
			check_path(topology, path, hops, self);
			LM_ASSERT(path[hops - 1] == self);
		}
		if (lm_topology_draw_drop(topology, &prng, self, path, &hops))
			check_path(topology, path, hops, self);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lm_topology *topology;
	struct lm_error err = {""};

	fuzz_start();
	if (lm_topology_parse(&topology, (const char *)data, size, "net.json", &err) != 0) {
		LM_ASSERT(topology == NULL && strncmp(err.text, "net.json:", 9) == 0);
		return 0;
	}
	draw(topology);
	lm_topology_free(topology);
	return 0;
}
