/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See link_key.h.
 */
#include "link_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "lm_packet.h"

#define SPARE     2 /* times the peers that there are at the start, at least */
#define PEERS_MIN 8 /* and no fewer, however small the network */

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

unsigned link_lanes(const struct node_config *config)
{
	unsigned lanes = LM_LINK_LANES_MIN;

	while (lanes < config->cpus.workers_count)
		lanes *= 2;
	return lanes;
}

void link_sessions(struct sessions_config *wanted, const struct node_config *config,
		   const struct lm_topology *topology, const struct lm_topology_node *self,
		   unsigned clients)
{
	uint32_t peers = SPARE * sessions_peers(topology, self, clients);

	wanted->sessions = sessions_for(LINK_PEERS);
	wanted->least = sessions_for(peers > PEERS_MIN ? peers : PEERS_MIN);
	if (wanted->least > wanted->sessions)
		wanted->least = wanted->sessions;
	if (config->link.sessions != 0)
		wanted->sessions = wanted->least = (uint32_t)config->link.sessions;
	wanted->lanes = link_lanes(config);
	wanted->packet_len = lm_packet_len(topology->profile);
}
