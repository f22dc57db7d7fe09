/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20 (RFC 8439) and HChaCha20 by the backend's kernels. The scalar kernels are libsodium's,
 * which wipes the states it makes.
 */
#include <sodium.h>
#include <string.h>

#include "context.h"

void lm_chacha20_xor_scalar(uint8_t *const to[], const uint8_t *const from[], size_t len,
			    const struct lm_key *key, const struct lm_nonce *nonce,
			    uint32_t counter, unsigned n)
{
	static const struct lm_nonce zero;

	for (unsigned i = 0; i < n; i++)
		crypto_stream_chacha20_ietf_xor_ic(to[i], from[i], len, nonce ? nonce[i].b : zero.b,
						   counter, key[i].b);
}

void lm_chacha20_block_scalar(struct lm_block *out, const struct lm_key *key,
			      const struct lm_u128 *input, unsigned n)
{
	static const struct lm_block zero;

	for (unsigned i = 0; i < n; i++)
		crypto_stream_chacha20_ietf_xor_ic(out[i].b, zero.b, sizeof(zero.b), input[i].b + 4,
						   lm_load_u32(input[i].b), key[i].b);
}

void lm_hchacha20_scalar(struct lm_key *out, const struct lm_key *key, const struct lm_u128 *input,
			 unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		crypto_core_hchacha20(out[i].b, input[i].b, key[i].b, NULL);
}

void lm_symmetric_chacha20_first(struct lm_symmetric *symmetric, struct lm_block *out,
				 const struct lm_key *key, const struct lm_nonce *nonce, unsigned n)
{
	struct lm_u128 *input = symmetric->input;

	LM_ASSERT(n >= 1 && n <= LM_BURST);
	memset(input, 0, n * sizeof(input[0]));
	for (unsigned i = 0; nonce && i < n; i++)
		memcpy(input[i].b + 4, nonce[i].b, sizeof(nonce[i].b));
	symmetric->backend->chacha20_block(out, key, input, n);
	lm_symmetric_end();
}

void lm_symmetric_chacha20_rest(struct lm_symmetric *symmetric, uint8_t *const to[],
				const uint8_t *const from[], size_t len, const struct lm_key *key,
				const struct lm_nonce *nonce, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST && len >= 1);
	symmetric->backend->chacha20_xor(to, from, len, key, nonce, 1, n);
	lm_symmetric_end();
}

void lm_symmetric_hchacha20(struct lm_symmetric *symmetric, struct lm_key *out,
			    const struct lm_key *key, const struct lm_u128 *input, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST);
	symmetric->backend->hchacha20(out, key, input, n);
	lm_symmetric_end();
}
