/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES-128 (FIPS 197) of tags with the processor's own instructions: eight blocks at a time, which
 * hides the latency of a round. Constant time. The key and what is made of it are secret; round
 * keys are read from the set for every eight blocks, never kept on the stack.
 */
#include <immintrin.h>

#include "table.h"

#define BLOCKS 8 /* with the round key in hand they fit the sixteen registers */

/* Each word of the next round key takes up all words before it, and the S-box of the last one. */
static inline __m128i next_key(__m128i key, __m128i assist)
{
	key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
	key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
	return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

void lm_replay_expand(uint8_t round_key[LM_REPLAY_ROUND_KEYS][16], const uint8_t key[16])
{
	__m128i at = _mm_loadu_si128((const __m128i *)key);

	_mm_storeu_si128((__m128i *)round_key[0], at);
/* The round constant is part of the instruction. */
#define ROUND(i, constant)                                            \
	at = next_key(at, _mm_aeskeygenassist_si128(at, (constant))); \
	_mm_storeu_si128((__m128i *)round_key[i], at)
	ROUND(1, 0x01);
	ROUND(2, 0x02);
	ROUND(3, 0x04);
	ROUND(4, 0x08);
	ROUND(5, 0x10);
	ROUND(6, 0x20);
	ROUND(7, 0x40);
	ROUND(8, 0x80);
	ROUND(9, 0x1b);
	ROUND(10, 0x36);
#undef ROUND
	lm_wipe_registers();
}

static inline void encrypt(__m128i block[BLOCKS], const uint8_t round_key[LM_REPLAY_ROUND_KEYS][16])
{
	const __m128i *key = (const __m128i *)round_key;

#pragma GCC unroll 8
	for (unsigned j = 0; j < BLOCKS; j++)
		block[j] = _mm_xor_si128(block[j], _mm_loadu_si128(&key[0]));
#pragma GCC unroll 16
	for (unsigned i = 1; i < LM_REPLAY_ROUND_KEYS - 1; i++) {
		__m128i round = _mm_loadu_si128(&key[i]);

#pragma GCC unroll 8
		for (unsigned j = 0; j < BLOCKS; j++)
			block[j] = _mm_aesenc_si128(block[j], round);
	}
#pragma GCC unroll 8
	for (unsigned j = 0; j < BLOCKS; j++)
		block[j] = _mm_aesenclast_si128(block[j],
						_mm_loadu_si128(&key[LM_REPLAY_ROUND_KEYS - 1]));
}

void lm_replay_permute(struct lm_replay_mark *mark,
		       const uint8_t round_key[LM_REPLAY_ROUND_KEYS][16],
		       const struct lm_replay_tag *tag, const uint8_t *index, unsigned n)
{
	for (unsigned at = 0; at < n; at += BLOCKS) {
		__m128i block[BLOCKS];

		/* a last one that is not whole repeats its last tag, and stores it once */
#pragma GCC unroll 8
		for (unsigned j = 0; j < BLOCKS; j++) {
			unsigned which = at + j < n ? at + j : n - 1;

			block[j] = _mm_loadu_si128((const __m128i *)tag[index[which]].b);
		}
		encrypt(block, round_key);
#pragma GCC unroll 8
		for (unsigned j = 0; j < BLOCKS; j++)
			if (at + j < n)
				_mm_storeu_si128((__m128i *)&mark[at + j], block[j]);
	}
	lm_wipe_registers();
}
