/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast-erasure generator. Its state is secret: whoever reads it knows what comes next, but not
 * what came before, since each refill overwrites the key and each output is erased when it is
 * handed out.
 */
#include <sodium.h>
#include <string.h>

#include "lm_base.h"

static void refill(struct lm_prng *prng)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t stream[sizeof(prng->key) + sizeof(prng->pool)];

	crypto_stream_chacha20_ietf(stream, sizeof(stream), nonce, prng->key);
	memcpy(prng->key, stream, sizeof(prng->key));
	memcpy(prng->pool, stream + sizeof(prng->key), sizeof(prng->pool));
	prng->used = 0;
	lm_wipe(stream, sizeof(stream));
}

void lm_prng_init(struct lm_prng *prng, const uint8_t seed[32])
{
	memcpy(prng->key, seed, sizeof(prng->key));
	refill(prng);
}

void lm_prng_bytes(struct lm_prng *prng, void *out, size_t n)
{
	uint8_t *at = out;

	while (n > 0) {
		size_t left = sizeof(prng->pool) - prng->used;
		size_t step = n < left ? n : left;

		memcpy(at, prng->pool + prng->used, step);
		memset(prng->pool + prng->used, 0, step);
		prng->used += (unsigned)step;
		at += step;
		n -= step;
		if (prng->used == sizeof(prng->pool))
			refill(prng);
	}
}

uint32_t lm_prng_u32(struct lm_prng *prng)
{
	uint8_t bytes[4];

	lm_prng_bytes(prng, bytes, sizeof(bytes));
	return lm_load_u32(bytes);
}

uint32_t lm_prng_below(struct lm_prng *prng, uint32_t bound)
{
	LM_ASSERT(bound >= 1);

	/*
	 * The high half of a 32 x 32 bit product, drawn again while the low half falls into the
	 * part that would favour some results (Lemire, "Fast random integer generation in an
	 * interval", 2019).
	 */
	uint64_t product = (uint64_t)lm_prng_u32(prng) * bound;

	if ((uint32_t)product < bound) {
		uint32_t threshold = -bound % bound;

		while ((uint32_t)product < threshold)
			product = (uint64_t)lm_prng_u32(prng) * bound;
	}
	return (uint32_t)(product >> 32);
}
