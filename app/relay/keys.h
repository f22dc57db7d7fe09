/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node's mix keys, each with the replay set that lives and dies with it.
 */
#pragma once

#include "lm_packet.h"
#include "lm_topology.h"

/* One mix key in use. The first member is what lib/packet sees, so its pointer finds the set. */
struct mix_key {
	struct lm_packet_key key;
	struct lm_replay *replay;
};

struct mix_keys {
	struct mix_key *key; /* locked memory */
	void *replay_memory[LM_PACKET_KIDS];
	struct lm_packet_keyring ring;
};

/*
 * Reads the key file of node `node`: JSON, {"format": "linemix-keys-v1", "id": ID, "keys": {"KID":
 * "64 hex digits"}}, readable by its owner alone. Every kid that the topology lists for the node
 * must be there and fit its public key. Makes an empty replay set of replay_capacity tags for each.
 * -errno and a message that names the file; keys is then empty.
 */
LM_MUST_CHECK int mix_keys_load(struct mix_keys *keys, const char *path,
				const struct lm_topology_node *node, uint64_t replay_capacity,
				struct lm_error *err);

/* Wipes and frees. */
void mix_keys_free(struct mix_keys *keys);

/* The replay set of a key that a peel item points to. */
struct lm_replay *mix_key_replay(const struct lm_packet_key *key);
