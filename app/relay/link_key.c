/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See link_key.h.
 */
#include "link_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "sessions.h"
#include "view.h"

#define PEERS_MIN 8 /* that there is room for, however small the network */

int link_key_load(struct lm_secret **secret, const struct node_config *config,
		  const struct lm_topology_node *self, struct lm_error *err)
{
	struct lm_point public;
	int rc;

	if (config->link.key[0] == '\0')
		return lm_error_set(err, EINVAL,
				    "link.key: is missing; name the file of this node's link key, "
				    "or set link.mode to none for benchmarks and captures");
	*secret = lm_secret_alloc(sizeof(**secret));
	if (!*secret)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	rc = lm_keyfile_load((*secret)->b, public.b, LM_KEYFILE_LINK, config->link.key, err);
	if (rc == 0 && memcmp(&public, &self->link, sizeof(public)) != 0)
		rc = lm_error_set(
			err, EKEYREJECTED,
			"link.key: %s is not the key that the topology gives node %" PRIu32
			"; neighbours would refuse it: use that node's own key file, or "
			"publish the new key first",
			config->link.key, self->id);
	if (rc != 0) {
		lm_secret_free(*secret);
		*secret = NULL;
	}
	return rc;
}

void link_key_warn_none(const char *program)
{
	fprintf(stderr,
		"%s: warning: link.mode is none: neighbours are known by their addresses alone, "
		"and anybody on the way sees bare packets; for benchmarks and captures only\n",
		program);
}

uint32_t link_sessions(const struct node_config *config, const struct lm_topology *topology,
		       const struct lm_topology_node *self, unsigned clients)
{
	unsigned after = view_layer_after(topology, self);
	unsigned before = view_layer_before(topology, self);
	uint32_t peers = topology->layer_nodes[after] + clients;

	if (config->link.sessions != 0)
		return (uint32_t)config->link.sessions;
	if (before != after)
		peers += topology->layer_nodes[before];
	peers *= LINK_SPARE;
	return sessions_for(peers > PEERS_MIN ? peers : PEERS_MIN);
}

unsigned link_lanes(const struct node_config *config)
{
	unsigned lanes = LM_LINK_LANES_MIN;

	while (lanes < config->cpus.workers_count)
		lanes *= 2;
	return lanes;
}
