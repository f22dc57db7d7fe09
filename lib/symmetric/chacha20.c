/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20 (RFC 8439) and HChaCha20: whole blocks from counter 1 on by ipsec-mb, everything else by
 * the backend's kernels. The scalar kernels are libsodium's, which wipes the states it makes.
 */
#include <sodium.h>
#include <string.h>

#include "context.h"

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

/* The block of `counter` for every item. */
static void make_blocks(struct lm_symmetric *symmetric, struct lm_block *out,
			const struct lm_key *key, const struct lm_nonce *nonce, uint32_t counter,
			unsigned n)
{
	struct lm_u128 *input = symmetric->input;

	memset(input, 0, n * sizeof(input[0]));
	for (unsigned i = 0; i < n; i++) {
		lm_store_u32(input[i].b, counter);
		if (nonce)
			memcpy(input[i].b + 4, nonce[i].b, sizeof(nonce[i].b));
	}
	symmetric->backend->chacha20_block(out, key, input, n);
}

/* Up to one block of every item, at an offset. */
static void xor_block(struct lm_symmetric *symmetric, uint8_t *const to[],
		      const uint8_t *const from[], size_t at, size_t len, const struct lm_key *key,
		      const struct lm_nonce *nonce, uint32_t counter, unsigned n)
{
	struct lm_block *block = symmetric->block;

	make_blocks(symmetric, block, key, nonce, counter, n);
	for (unsigned i = 0; i < n; i++)
		for (size_t j = 0; j < len; j++)
			to[i][at + j] = from[i][at + j] ^ block[i].b[j];
	lm_wipe(block, n * sizeof(block[0]));
}

void lm_chacha20_stream(struct lm_symmetric *symmetric, uint8_t *const to[],
			const uint8_t *const from[], size_t len, const struct lm_key *key,
			const struct lm_nonce *nonce, uint32_t counter, unsigned n)
{
	size_t head = counter > 0 ? 0 : len < 64 ? len : 64; /* block 0 */
	size_t whole = (len - head) / 64 * 64;               /* blocks from 1 on */
	size_t tail = len - head - whole;
	uint8_t *to_whole[LM_BURST];
	const uint8_t *from_whole[LM_BURST];

	if (head > 0)
		xor_block(symmetric, to, from, 0, head, key, nonce, 0, n);
	for (unsigned i = 0; i < n; i++) {
		to_whole[i] = to[i] + head;
		from_whole[i] = from[i] + head;
	}
	if (whole > 0)
		lm_imb_chacha20(symmetric, to_whole, from_whole, whole, key, nonce, n);
	if (tail > 0)
		xor_block(symmetric, to, from, head + whole, tail, key, nonce,
			  (uint32_t)(1 + whole / 64), n);
}

void lm_symmetric_chacha20_first(struct lm_symmetric *symmetric, struct lm_block *out,
				 const struct lm_key *key, const struct lm_nonce *nonce, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST);
	make_blocks(symmetric, out, key, nonce, 0, n);
	symmetric->backend->wipe_registers();
}

void lm_symmetric_chacha20_rest(struct lm_symmetric *symmetric, uint8_t *const to[],
				const uint8_t *const from[], size_t len, const struct lm_key *key,
				const struct lm_nonce *nonce, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST && len >= 1);
	lm_chacha20_stream(symmetric, to, from, len, key, nonce, 1, n);
	symmetric->backend->wipe_registers();
}

void lm_symmetric_hchacha20(struct lm_symmetric *symmetric, struct lm_key *out,
			    const struct lm_key *key, const struct lm_u128 *input, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST);
	symmetric->backend->hchacha20(out, key, input, n);
	symmetric->backend->wipe_registers();
}
