/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast-erasure generator. Its state is secret: whoever reads it knows what comes next, but not
 * what came before, since each refill overwrites the key and each output is erased when it is
 * handed out. Single numbers are drawn inline, in lm_base.h; here is what happens once a stretch.
 */
#include <math.h>
#include <sodium.h>

#include "lm_base.h"

/* Bytes that are made anew: the key and behind it the pool. */
#define STRETCH offsetof(struct lm_prng, used)

void lm_prng_refill(struct lm_prng *prng)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t key[sizeof(prng->key)];

	memcpy(key, prng->key, sizeof(key));
	crypto_stream_chacha20_ietf((uint8_t *)prng, STRETCH, nonce, key);
	prng->used = 0;
	lm_wipe(key, sizeof(key));
}

void lm_prng_init(struct lm_prng *prng, const uint8_t seed[32])
{
	memcpy(prng->key, seed, sizeof(prng->key));
	lm_prng_refill(prng);
}

void lm_prng_bytes(struct lm_prng *prng, void *out, size_t n)
{
	uint8_t *at = out;

	while (n > 0) {
		size_t left = sizeof(prng->pool) - prng->used;
		size_t step = n < left ? n : left;

		memcpy(at, prng->pool + prng->used, step);
		memset(prng->pool + prng->used, 0, step);
		prng->used += (uint32_t)step;
		at += step;
		n -= step;
		if (prng->used == sizeof(prng->pool))
			lm_prng_refill(prng);
	}
}

/*
 * A multiple of 2^-64 from 2^-64 to 1, rounded to the 53 bits that a double has wherever they
 * stand: small numbers, which make long delays, are as exact as large ones.
 */
double lm_prng_log_uniform(struct lm_prng *prng)
{
	uint64_t bits = (uint64_t)lm_prng_u32(prng) << 32 | lm_prng_u32(prng);

	return log(((double)bits + 1) * 0x1p-64);
}

/*
 * By inversion. The draw has a relative error of a few 2^-53 and rounding to a microsecond moves
 * the distribution function by at most 1 / (2 mean_us): far below what any sample shows.
 */
uint64_t lm_prng_exponential_us(struct lm_prng *prng, uint32_t mean_us)
{
	return (uint64_t)(-lm_prng_log_uniform(prng) * mean_us + 0.5);
}
