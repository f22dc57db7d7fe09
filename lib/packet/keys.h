/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keys of one hop, for a burst of hops (FORMAT.md, "Keys of one hop"). Private to this folder.
 * Everything here is secret but replay_tag; whoever owns the struct wipes it once per burst.
 */
#pragma once

#include "layout.h"

/* What the KDF binds, byte for byte. */
struct lm_packet_kdf_input {
	struct lm_point ss;
	struct lm_point epk;
	struct lm_point pk;
	uint8_t prefix[PREFIX_LEN];
	uint8_t id[4];
};

struct lm_packet_keys {
	struct lm_packet_kdf_input input[LM_BURST];
	struct lm_block okm[LM_BURST];
	struct lm_block first[LM_BURST]; /* block 0 of the header stream */
	struct lm_key kh[LM_BURST];
	struct lm_key kp[LM_BURST];
	struct lm_mac_key mk[LM_BURST];
	struct lm_replay_tag replay_tag[LM_BURST];
	uint8_t stream[LM_BURST][STREAM_LEN]; /* for lm_packet_keys_stream */
};

/* From input[0 .. n) to kh, kp, mk and replay_tag. */
void lm_packet_keys_derive(struct lm_packet_keys *keys, struct lm_symmetric *symmetric, unsigned n);

/* stream[i] ^= ks of kh[i]. */
void lm_packet_keys_stream(struct lm_packet_keys *keys, struct lm_symmetric *symmetric, unsigned n);

/* Wipes what a burst of n hops has left. */
void lm_packet_keys_wipe(struct lm_packet_keys *keys, unsigned n);
