/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the fields of a packet and of a SURB stand (FORMAT.md, "Wire" and "SURB"). Private to this
 * folder.
 */
#pragma once

#include "lm_packet.h"

enum {
	AT_VERSION = 0,
	AT_PROFILE = 1,
	AT_KID = 2,
	AT_ZERO = 3,
	AT_EPK = 4,
	AT_TAG = 36,
	AT_BETA = 52,
	AT_PAYLOAD = LM_PACKET_HEADER,

	AT_SURB_FIRST_ID = LM_PACKET_HEADER,
	AT_SURB_LAST_EPOCH = LM_PACKET_HEADER + 4,
	AT_SURB_KEY = LM_PACKET_HEADER + 8,

	PREFIX_LEN = 4,                                   /* version, profile, kid, zero */
	ZERO_TAG_LEN = 16,                                /* before what a payload carries */
	STREAM_LEN = LM_PACKET_BETA + LM_PACKET_COMMAND,  /* ks: beta and what shifts in */
	SHIFTED_LEN = LM_PACKET_BETA - LM_PACKET_COMMAND, /* of beta, what goes one hop on */
};

/* True if there is such a profile; otherwise the message says which there are. */
LM_MUST_CHECK bool lm_packet_profile_ok(unsigned profile, struct lm_error *err);

/* version || profile || kid || 0 */
static inline void lm_packet_put_prefix(uint8_t prefix[PREFIX_LEN], unsigned profile, uint8_t kid)
{
	prefix[AT_VERSION] = LM_PACKET_VERSION;
	prefix[AT_PROFILE] = (uint8_t)profile;
	prefix[AT_KID] = kid;
	prefix[AT_ZERO] = 0;
}

/* The prefix is one of this version and profile; its kid is not looked at. */
static inline bool lm_packet_prefix_ok(const uint8_t prefix[PREFIX_LEN], unsigned profile)
{
	return prefix[AT_VERSION] == LM_PACKET_VERSION && prefix[AT_PROFILE] == profile &&
	       prefix[AT_ZERO] == 0;
}
