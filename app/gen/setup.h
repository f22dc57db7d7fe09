/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every command of the generator but `network` starts from: its configuration, the topology,
 * its place in it, and its keys.
 *
 * Owns all that it points to. Read-only after gen_setup_load. Secret: mix_keys and keys, in locked
 * memory.
 */
#pragma once

#include "config.h"
#include "keys.h"
#include "message.h"
#include "view.h"

struct gen_config {
	struct node_config node;
};

struct gen_setup {
	struct gen_config config;
	struct lm_topology *topology;
	const struct lm_topology_node *self;
	uint32_t epoch; /* of the network: the topology's own */
	struct mix_keys mix_keys;
	struct gen_keys *keys;
	struct links *links; /* of views */
};

/*
 * Reads the configuration at path and all that it names, and selects the X25519 backend. The node
 * must be a gateway. The replay sets take replay_capacity tags each. 0, or -errno and a message;
 * setup is then empty.
 */
LM_MUST_CHECK int gen_setup_load(struct gen_setup *setup, const char *path,
				 uint64_t replay_capacity, struct lm_error *err);
void gen_setup_free(struct gen_setup *setup);

/* The same keys with new replay sets of this capacity. -errno and a message; it has no keys then.
 */
LM_MUST_CHECK int gen_setup_renew(struct gen_setup *setup, uint64_t replay_capacity,
				  struct lm_error *err);

/*
 * A view of the mixes of the first layer by addresses that need no network: the topology's MAC, or
 * frame_mac_of_id; the generator's own likewise. NULL and a message if there is no memory or if one
 * of them shares no address family with this node. For free().
 */
LM_MUST_CHECK struct view *gen_setup_static_view(struct gen_setup *setup, struct lm_error *err);

/* Prints the keys of the configuration file. */
void gen_setup_describe(FILE *to);
