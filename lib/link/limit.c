/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token buckets. See limit.h. A bucket is one number: the time at which it is full again. Taking a
 * token moves that time on by the period of one; a bucket from which more than LIMIT_TOKENS are
 * missing gives none (the generic cell rate algorithm, ITU-T I.371).
 */
#include "limit.h"

#include <sodium.h>
#include <string.h>

static const uint8_t ipv4_mapped[12] = {[10] = 0xff, [11] = 0xff};

void lm_link_limit_init(struct lm_link_limit *limit)
{
	memset(limit, 0, sizeof(*limit));
	lm_rand(limit->key, sizeof(limit->key));
}

static unsigned bucket_of(const struct lm_link_limit *limit, const struct lm_link_source *source)
{
	bool ipv4 = memcmp(source->address, ipv4_mapped, sizeof(ipv4_mapped)) == 0;
	uint8_t hash[crypto_shorthash_BYTES];

	crypto_shorthash(hash, source->address, ipv4 ? 16 : 8, limit->key);
	return lm_load_u32(hash) % LIMIT_BUCKETS;
}

bool lm_link_limit_take(struct lm_link_limit *limit, const struct lm_link_source *source,
			uint64_t now_us)
{
	uint64_t *full_us = &limit->full_us[bucket_of(limit, source)];
	uint64_t from_us = *full_us > now_us ? *full_us : now_us;

	if (from_us - now_us > (LIMIT_TOKENS - 1) * LIMIT_PERIOD_US)
		return false;
	*full_us = from_us + LIMIT_PERIOD_US;
	return true;
}
