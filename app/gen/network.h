/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making up a whole network for tests: signed topologies, the keys of who signs them, and every
 * node's keys.
 */
#pragma once

#include "lm_base.h"
#include "lm_topology.h"

/* Further epochs that a network may be written for. */
#define NETWORK_AHEAD_MAX 60

/* An address of a node is the prefix plus its id. */
struct network_prefix {
	bool given;
	uint8_t address[16]; /* the first four bytes for IPv4 */
	unsigned len;        /* in bits */
};

struct network {
	unsigned layers, per_layer;
	unsigned gateways; /* beside node 1, which is the generator */
	unsigned profile;
	uint32_t epoch;
	unsigned epochs_ahead; /* NETWORK_AHEAD_MAX at most */
	uint64_t from_s;       /* when the first epoch begins */
	uint32_t epoch_seconds;
	unsigned authorities, threshold; /* LM_SIGNED_SIGNATURES at most */
	unsigned operators;              /* who take turns; 0: every node has its own */
	uint32_t capacity;               /* of every node */
	uint16_t port;
	struct lm_mix_params mix;
	struct lm_topology_cover cover;
	struct lm_topology_paths paths;
	struct network_prefix ipv4, ipv6; /* one of them at least */
	bool static_macs;                 /* frame_mac_of_id in the topology; else none */
};

/* "192.0.2.0/24" or "2001:db8::/64" into the right one of the two; false if it is neither. */
LM_MUST_CHECK bool network_parse_prefix(struct network *network, const char *text);

/*
 * Gateways are 1, 2, ..; mix i of layer l, both from 1, is l * s + i, where s is 10, or the next
 * power of ten that keeps ids apart.
 */
uint32_t network_mix_id(const struct network *network, unsigned layer, unsigned index);

/*
 * Writes into the folder `out`, made if need be: authority-N.key of each authority, and
 * authorities.yaml, the lines of a configuration that name them; keys-ID.json, identity-ID.key and
 * link-ID.key of every node (all key files of mode 0600); topology.json, signed by every authority;
 * and topology-E.json for each of the epochs_ahead epochs E that follow, of the same nodes with
 * their keys of those epochs. No file is overwritten, and on failure none is left. -errno and a
 * message.
 */
LM_MUST_CHECK int network_write(const struct network *network, const char *out,
				struct lm_error *err);
