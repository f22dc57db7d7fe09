/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20 in eight lanes of AVX2.
 */
#include "avx2_lanes.h"
#include "backend.h"
#include "chacha20_lanes.h"

void lm_chacha20_block_avx2(struct lm_block *out, const struct lm_key *key,
			    const struct lm_u128 *input, unsigned n)
{
	blocks_lanes(out, key, input, n);
}

void lm_hchacha20_avx2(struct lm_key *out, const struct lm_key *key, const struct lm_u128 *input,
		       unsigned n)
{
	hchacha20_lanes(out, key, input, n);
}

void lm_chacha20_xor_avx2(uint8_t *const to[], const uint8_t *const from[], size_t len,
			  const struct lm_key *key, const struct lm_nonce *nonce, uint32_t counter,
			  unsigned n)
{
	xor_lanes(to, from, len, key, nonce, counter, n);
}
