/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES-256 (FIPS 197) of one block a key, four keys a vector, with VAES. Constant time; what stays
 * on the stack and in registers is wiped by the caller.
 */
#include "avx512_lanes.h"
#include "backend.h"

#define LANES      4
#define ROUND_KEYS 15

/* The S-box on each key's last word, in all columns: equal columns take no harm from ShiftRows. */
static inline vec substitute_last(vec key)
{
	return _mm512_aesenclast_epi128(_mm512_shuffle_epi32(key, 0xff), _mm512_setzero_si512());
}

/* Each word of the next round key takes up all words before it, and `first`. */
static inline vec next_key(vec key, vec first)
{
	key = bit_xor(key, _mm512_bslli_epi128(key, 4));
	key = bit_xor(key, _mm512_bslli_epi128(key, 8));
	return bit_xor(key, first);
}

INLINE void expand(vec round_key[ROUND_KEYS])
{
#pragma GCC unroll 16
	for (unsigned i = 2; i < ROUND_KEYS; i++) {
		vec first = substitute_last(round_key[i - 1]);

		if (i % 2 == 0)
			first = bit_xor(_mm512_ror_epi32(first, 8), splat32(1u << (i / 2 - 1)));
		round_key[i] = next_key(round_key[i - 2], first);
	}
}

INLINE vec encrypt(vec text, const vec round_key[ROUND_KEYS])
{
	text = bit_xor(text, round_key[0]);
#pragma GCC unroll 16
	for (unsigned i = 1; i < ROUND_KEYS - 1; i++)
		text = _mm512_aesenc_epi128(text, round_key[i]);
	return _mm512_aesenclast_epi128(text, round_key[ROUND_KEYS - 1]);
}

/* InvMixColumns, which the equivalent inverse cipher (FIPS 197, 5.3.5) wants on its round keys. */
static inline vec inverse_mix(vec key)
{
	const vec zero = _mm512_setzero_si512();

	return _mm512_aesdec_epi128(_mm512_aesenclast_epi128(key, zero), zero);
}

INLINE vec decipher(vec text, const vec round_key[ROUND_KEYS])
{
	text = bit_xor(text, round_key[ROUND_KEYS - 1]);
#pragma GCC unroll 16
	for (unsigned i = ROUND_KEYS - 2; i > 0; i--)
		text = _mm512_aesdec_epi128(text, inverse_mix(round_key[i]));
	return _mm512_aesdeclast_epi128(text, round_key[0]);
}

void lm_aes256_avx512(struct lm_symmetric *symmetric, struct lm_u128 *text,
		      const struct lm_key *key, bool decrypt, unsigned n)
{
	(void)symmetric;
	for (unsigned i = 0; i < n; i += LANES) {
		unsigned count = n - i < LANES ? n - i : LANES;
		unsigned words = (1u << 4 * count) - 1; /* of the keys, 64 bits each */
		__mmask8 blocks = (__mmask8)((1u << 2 * count) - 1);
		vec keys01 = _mm512_maskz_loadu_epi64((__mmask8)words, &key[i]);
		vec keys23 = _mm512_maskz_loadu_epi64((__mmask8)(words >> 8), &key[i] + 2);
		vec block = _mm512_maskz_loadu_epi64(blocks, &text[i]);
		vec round_key[ROUND_KEYS];

		round_key[0] = _mm512_shuffle_i64x2(keys01, keys23, 0x88);
		round_key[1] = _mm512_shuffle_i64x2(keys01, keys23, 0xdd);
		expand(round_key);
		block = decrypt ? decipher(block, round_key) : encrypt(block, round_key);
		_mm512_mask_storeu_epi64(&text[i], blocks, block);
	}
}
