/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sender's context and what its files share. Private to this folder. The working memory is
 * secret and zero between calls.
 */
#pragma once

#include "keys.h"

/* One hop of one packet: all hops of a chunk of packets are worked on at once. */
struct lm_packet_lane {
	const struct lm_packet_build *item;
	unsigned hop;
};

struct lm_packet_build_work {
	struct lm_packet_lane lane[LM_BURST];
	struct lm_packet_keys keys; /* by lane */
	uint8_t seed_hop[LM_BURST][33];
	struct lm_secret esk[LM_BURST];
	struct lm_point epk[LM_BURST];
	struct lm_point pk[LM_BURST];
	struct lm_point ss[LM_BURST];

	/* by packet of the chunk */
	unsigned first_lane[LM_BURST];
	struct lm_packet_seed seed[LM_BURST];
	struct lm_key pad_key[LM_BURST];
	struct lm_block pad_first[LM_BURST];
	uint8_t pad_rest[LM_BURST][3 * 64];

	/* by packet that has the hop in hand */
	struct lm_mac_key mk[LM_BURST];
	struct lm_mac mac[LM_BURST];
	struct lm_key kp[LM_BURST];
};

struct lm_packet_builder {
	unsigned profile;
	size_t payload_len;
	struct lm_symmetric *symmetric; /* behind this struct */
	struct lm_packet_build_work work LM_CACHE_ALIGNED;
};

/* payload = D(key, 0^16 || data): readable with this one key. */
void lm_packet_close(struct lm_packet_builder *builder, uint8_t *payload, const struct lm_key *key,
		     const uint8_t *data);

/* payload = E(key, payload), its zero tag checked: 0, or -EBADMSG and the payload zeroed. */
LM_MUST_CHECK int lm_packet_open(struct lm_packet_builder *builder, uint8_t *payload,
				 const struct lm_key *key);
