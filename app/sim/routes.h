/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where packets go and how long each hop holds them: drawn by lib/topology as senders draw. Each
 * sets path, hops, at and delays of the packet. Nothing is allocated.
 */
#pragma once

#include "packets.h"

/* From a client: one mix of each layer, then the gateway `last`. */
void route_message(struct packet *packet, const struct lm_topology *topology, struct lm_prng *prng,
		   const struct lm_topology_node *last);

/* A relay's own cover, behind its own mix. False: the topology has no such way for it. */
LM_MUST_CHECK bool route_loop(struct packet *packet, const struct lm_topology *topology,
			      struct lm_prng *prng, const struct lm_topology_node *self);
LM_MUST_CHECK bool route_drop(struct packet *packet, const struct lm_topology *topology,
			      struct lm_prng *prng, const struct lm_topology_node *self);

/* A node's number: its place in the topology. */
static inline uint16_t route_number(const struct lm_topology *topology,
				    const struct lm_topology_node *node)
{
	return (uint16_t)(node - topology->node);
}
