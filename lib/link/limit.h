/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many handshakes a source may ask for under load: token buckets, one for each prefix of
 * sources, in constant memory. Private to this folder; the control side alone.
 *
 * A prefix is an IPv4 address or the first 64 bits of an IPv6 one. Its bucket is picked by a keyed
 * hash: prefixes share a bucket by chance, and nobody outside can aim for one.
 */
#pragma once

#include "lm_link.h"

#define LIMIT_BUCKETS   8192
#define LIMIT_PERIOD_US 50000 /* a token comes back: 20 a second */
#define LIMIT_TOKENS    5     /* at most in a bucket */

struct lm_link_limit {
	uint8_t key[16];
	uint64_t full_us[LIMIT_BUCKETS]; /* when all tokens are back */
};

void lm_link_limit_init(struct lm_link_limit *limit);

/* Takes a token of the source's prefix; false if there is none. */
LM_MUST_CHECK bool lm_link_limit_take(struct lm_link_limit *limit,
				      const struct lm_link_source *source, uint64_t now_us);
