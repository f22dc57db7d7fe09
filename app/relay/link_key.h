/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a node's configuration to what its links need: its key, which must be the one that the
 * topology says, the keys of its clients, and how many sessions there is room for.
 */
#pragma once

#include "config.h"
#include "lm_topology.h"
#include "sessions.h"

/* Room for the neighbours in any topology, and all clients. */
#define LINK_PEERS (LM_TOPOLOGY_NODES + CONFIG_CLIENTS)

/*
 * Reads link.key into locked memory, for lm_secret_free. -errno and a message: it is missing,
 * damaged, or not the key that the topology gives this node.
 */
LM_MUST_CHECK int link_key_load(struct lm_secret **secret, const struct node_config *config,
				const struct lm_topology_node *self, struct lm_error *err);

/* Warns of links without sessions on stderr. */
void link_key_warn_none(const char *program);

/*
 * Says in `wanted` how many sessions there may be: link.sessions, or room for LINK_PEERS; where the
 * kernel locks no memory for so many, for twice the neighbours and clients that there are at least.
 * And how many lanes, and how long packets are.
 */
void link_sessions(struct sessions_config *wanted, const struct node_config *config,
		   const struct lm_topology *topology, const struct lm_topology_node *self,
		   unsigned clients);

/* Lanes to receive on: enough for every worker to own one. */
unsigned link_lanes(const struct node_config *config);
