/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay says of itself to the authorities: it makes its mix keys ahead, and keeps its
 * descriptor in the state folder, where whoever carries it to them finds it.
 *
 * Keys that have come into use have left the key file; their public halves and proofs go on from
 * the descriptor before. A descriptor that is lost begins anew with the keys that still wait. Where
 * the key file is lost, new keys begin behind those that documents may list.
 *
 * Control path; one thread at a time. The identity key is secret, in locked memory.
 */
#pragma once

#include "config.h"
#include "lm_topology_descriptor.h"

#define PUBLISH_FILE "descriptor" /* in the state folder: a signed file */

struct publish {
	const struct relay_config *config;
	struct lm_signer *identity; /* NULL: this relay publishes nothing */
	struct lm_verifier public;
	struct lm_point link;
	struct lm_key_proof link_proof;
	uint32_t measured; /* what --self-test has found, for publish.capacity: auto; 0: nothing */
};

/*
 * Loads the identity, and the link key to prove it; and the measured capacity where that is to be
 * published: without one, or with one of another configuration, a line on stderr says what is
 * published in its place. -errno and a message.
 */
LM_MUST_CHECK int publish_open(struct publish *publish, const struct relay_config *config,
			       struct lm_error *err);
void publish_close(struct publish *publish);

/* What a relay knows of the time when it publishes. */
struct publish_time {
	uint32_t sure;  /* the network has reached this epoch: older keys are not listed any more */
	uint32_t epoch; /* that the relay goes by: keys are made ahead from here on; >= sure */
	uint64_t now_s; /* UTC */
};

/*
 * Brings keys and descriptor up to date; `node` is this relay in its topology, NULL: it is not
 * there yet. Writes nothing if nothing has changed. -errno and a message.
 */
LM_MUST_CHECK int publish_update(const struct publish *publish, const struct lm_topology_node *node,
				 const struct publish_time *time, struct lm_error *err);
