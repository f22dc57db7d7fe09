/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The network that is simulated: a topology document from a file, or a network that does not exist,
 * of as many mixes and gateways as asked for with keys that nobody has, which lib/topology reads
 * like any other.
 */
#pragma once

#include "lm_topology.h"

struct synthesis {
	unsigned layers;    /* 1 .. LM_TOPOLOGY_LAYERS */
	unsigned mixes;     /* of a layer, >= 1 */
	unsigned gateways;  /* >= 1 */
	unsigned operators; /* nodes are dealt out to so many; 0: each has its own */
	unsigned profile;   /* of lib/packet */
	struct lm_mix_params mix;
	struct lm_topology_cover cover;
};

/* *topology is for lm_topology_free. -errno and a message, as of lm_topology_parse. */
LM_MUST_CHECK int synthesize(struct lm_topology **topology, const struct synthesis *synthesis,
			     struct lm_error *err);

/*
 * A document from a file, signed or not; no signature is checked. -errno and a message that names
 * the file and the place.
 */
LM_MUST_CHECK int network_load(struct lm_topology **topology, const char *path,
			       struct lm_error *err);
