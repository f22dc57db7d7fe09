/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The newest document of a network as the agent and the signer hold it: each believes only what k
 * authorities have signed and what may follow what it has.
 */
#pragma once

#include "lm_topology.h"

/*
 * Reads a signed file as the successor of `known` (NULL: the first) at the time now_s: signatures,
 * form, order and time, as a relay does. *topology is for lm_topology_free; -errno and a message,
 * and it is NULL. -EALREADY: it is the one that is known.
 */
LM_MUST_CHECK int newest_open(struct lm_topology **topology, const char *text, size_t len,
			      const struct lm_authorities *authorities,
			      const struct lm_topology *known, uint64_t now_s, const char *name,
			      struct lm_error *err);

/* The length of a document's epoch in seconds, which is at least 1. */
uint64_t newest_span_s(const struct lm_topology *topology);

/* The epoch in which the network is at now_s, counted on from the document; 0 at least. */
uint32_t newest_epoch(const struct lm_topology *topology, uint64_t now_s);
