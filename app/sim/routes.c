/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See routes.h.
 */
#include "routes.h"

static void set(struct packet *packet, const struct lm_topology *topology, struct lm_prng *prng,
		const struct lm_topology_node *const *path, unsigned hops)
{
	LM_ASSERT(hops <= PACKET_HOPS);
	for (unsigned i = 0; i < hops; i++)
		packet->path[i] = route_number(topology, path[i]);
	lm_topology_draw_delays(topology, prng, packet->delay_us, hops);
	packet->hops = (uint8_t)hops;
	packet->at = 0;
}

void route_message(struct packet *packet, const struct lm_topology *topology, struct lm_prng *prng,
		   const struct lm_topology_node *last)
{
	const struct lm_topology_node *path[PACKET_HOPS];
	unsigned hops;

	/* every topology that can be loaded has one for every gateway */
	LM_ASSERT(lm_topology_draw_path(topology, prng, last, path, &hops));
	set(packet, topology, prng, path, hops);
}

bool route_loop(struct packet *packet, const struct lm_topology *topology, struct lm_prng *prng,
		const struct lm_topology_node *self)
{
	const struct lm_topology_node *path[PACKET_HOPS];
	unsigned hops;

	if (!lm_topology_draw_loop(topology, prng, self, path, &hops))
		return false;
	set(packet, topology, prng, path, hops);
	return true;
}

bool route_drop(struct packet *packet, const struct lm_topology *topology, struct lm_prng *prng,
		const struct lm_topology_node *self)
{
	const struct lm_topology_node *path[PACKET_HOPS];
	unsigned hops;

	if (!lm_topology_draw_drop(topology, prng, self, path, &hops))
		return false;
	set(packet, topology, prng, path, hops);
	return true;
}
