/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BLAKE2b (RFC 7693) of one block with a personalisation, by the backend's kernel. The scalar
 * kernel is libsodium's, which wipes its state.
 */
#include <sodium.h>

#include "context.h"

void lm_blake2b_scalar(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
		       const char person[16], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		LM_ASSERT(crypto_generichash_blake2b_salt_personal(out + i * out_len, out_len,
								   message + i * len, len, NULL, 0,
								   NULL,
								   (const uint8_t *)person) == 0);
}

void lm_symmetric_blake2b(struct lm_symmetric *symmetric, uint8_t *out, size_t out_len,
			  const uint8_t *message, size_t len, const char person[16], unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST);
	LM_ASSERT(out_len >= 1 && out_len <= 64 && len >= 1 && len <= 128);
	symmetric->backend->blake2b(out, out_len, message, len, person, n);
	lm_symmetric_end();
}
