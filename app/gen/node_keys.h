/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mix keys of all nodes of a network, from their key files as they were made: a laboratory has
 * those. They look into packets that are on their way.
 *
 * Secret: all of it. Read-only between _load and _free.
 */
#pragma once

#include "keys.h"

struct node_keys {
	const struct lm_topology *topology;
	struct mix_keys *keys; /* by place in the topology; empty where there is no file */
	unsigned loaded;
};

/*
 * Reads keys-ID.json in the folder for each node of the topology, which must outlive it; a node
 * without one has no keys. -ENOENT and a message if none has; -errno and a message. For _free in
 * every case.
 */
LM_MUST_CHECK int node_keys_load(struct node_keys *all, const struct lm_topology *topology,
				 const char *folder, struct lm_error *err);
void node_keys_free(struct node_keys *all);

/* The keys of the node at this place, or NULL if there are none. */
static inline const struct lm_packet_keyring *node_keys_ring(const struct node_keys *all,
							     uint32_t place)
{
	return all->keys[place].epoch ? &all->keys[place].ring : NULL;
}
