/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles and their sizes. */
#include <errno.h>

#include "layout.h"

static const size_t payload_len[LM_PACKET_PROFILES] = {976, LM_PACKET_PAYLOAD_MAX};

bool lm_packet_profile_ok(unsigned profile, struct lm_error *err)
{
	if (profile < LM_PACKET_PROFILES)
		return true;
	lm_error_set(err, EINVAL, "no packet profile %u; there are 0 to %u", profile,
		     LM_PACKET_PROFILES - 1);
	return false;
}

size_t lm_packet_payload_len(unsigned profile)
{
	return profile < LM_PACKET_PROFILES ? payload_len[profile] : 0;
}

size_t lm_packet_len(unsigned profile)
{
	return profile < LM_PACKET_PROFILES ? LM_PACKET_HEADER + payload_len[profile] : 0;
}

size_t lm_packet_exit_data_len(unsigned profile)
{
	return profile < LM_PACKET_PROFILES
		       ? payload_len[profile] - ZERO_TAG_LEN - sizeof(struct lm_packet_dest)
		       : 0;
}

size_t lm_packet_mbox_data_len(unsigned profile)
{
	return profile < LM_PACKET_PROFILES ? payload_len[profile] - ZERO_TAG_LEN : 0;
}
