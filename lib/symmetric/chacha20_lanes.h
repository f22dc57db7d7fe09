/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20 and HChaCha20 (RFC 8439, 2.3; draft-irtf-cfrg-xchacha-03, 2.2) with one state a lane,
 * for every instruction set: the lanes' header comes first and gives the vectors. States come and
 * go as rows of 64 bytes; the rounds run on columns, vector j being word j of all lanes.
 *
 * Everything is constant time: addresses and branches depend on counts and lengths alone. What
 * stays on the stack and in registers is wiped by the caller.
 */
#pragma once

#include <string.h>

static const uint8_t constants[16] = "expand 32-byte k";

INLINE void quarter_round(vec v[16], int a, int b, int c, int d)
{
	v[a] = add32(v[a], v[b]);
	v[d] = ROTATE_LEFT32(bit_xor(v[d], v[a]), 16);
	v[c] = add32(v[c], v[d]);
	v[b] = ROTATE_LEFT32(bit_xor(v[b], v[c]), 12);
	v[a] = add32(v[a], v[b]);
	v[d] = ROTATE_LEFT32(bit_xor(v[d], v[a]), 8);
	v[c] = add32(v[c], v[d]);
	v[b] = ROTATE_LEFT32(bit_xor(v[b], v[c]), 7);
}

/* Twenty rounds on columns. */
INLINE void rounds(vec v[16])
{
	for (int i = 0; i < 10; i++) {
		quarter_round(v, 0, 4, 8, 12);
		quarter_round(v, 1, 5, 9, 13);
		quarter_round(v, 2, 6, 10, 14);
		quarter_round(v, 3, 7, 11, 15);
		quarter_round(v, 0, 5, 10, 15);
		quarter_round(v, 1, 6, 11, 12);
		quarter_round(v, 2, 7, 8, 13);
		quarter_round(v, 3, 4, 9, 14);
	}
}

/* Columns of the first states of n items; lanes beyond them repeat the last. */
INLINE void load_states(vec v[16], const struct lm_key *key, const struct lm_u128 *input,
			unsigned n)
{
	for (unsigned lane = 0; lane < LANES32; lane++) {
		unsigned i = lane < n ? lane : n - 1;

		put_row(v, lane, constants, &key[i], &input[i]);
	}
	transpose32(v);
}

/* One keystream block a lane, as rows. */
INLINE void make_blocks(vec v[16], const vec state[16])
{
	for (int i = 0; i < 16; i++)
		v[i] = state[i];
	rounds(v);
	for (int i = 0; i < 16; i++)
		v[i] = add32(v[i], state[i]);
	transpose32(v);
}

static inline void blocks_lanes(struct lm_block *out, const struct lm_key *key,
				const struct lm_u128 *input, unsigned n)
{
	vec state[16], v[16];

	for (unsigned first = 0; first < n; first += LANES32) {
		unsigned left = n - first;

		load_states(state, key + first, input + first, left);
		make_blocks(v, state);
#pragma GCC unroll 16
		for (unsigned lane = 0; lane < LANES32; lane++)
			if (lane < left)
				store_row(out[first + lane].b, v, lane);
	}
}

static inline void hchacha20_lanes(struct lm_key *out, const struct lm_key *key,
				   const struct lm_u128 *input, unsigned n)
{
	vec v[16];

	for (unsigned first = 0; first < n; first += LANES32) {
		unsigned left = n - first;

		load_states(v, key + first, input + first, left);
		rounds(v);
		transpose32(v);
#pragma GCC unroll 16
		for (unsigned lane = 0; lane < LANES32; lane++)
			if (lane < left)
				store_row_ends(out[first + lane].b, v, lane);
	}
}

/* Streams of LANES32 >> shift items; 1 << shift lanes take an item's blocks in turn. */
static inline void xor_streams(uint8_t *const to[], const uint8_t *const from[], size_t len,
			       const struct lm_key *key, const struct lm_nonce *nonce,
			       uint32_t counter, unsigned shift)
{
	unsigned turn = (1u << shift) - 1;
	vec state[16], v[16];

	for (unsigned lane = 0; lane < LANES32; lane++) {
		struct lm_u128 input = {{0}};

		lm_store_u32(input.b, counter + (lane & turn));
		if (nonce)
			memcpy(input.b + 4, nonce[lane >> shift].b, sizeof(nonce->b));
		put_row(state, lane, constants, &key[lane >> shift], &input);
	}
	transpose32(state);
	for (size_t at = 0; at < len; at += (size_t)64 << shift) {
		make_blocks(v, state);
		state[12] = add32(state[12], splat32(1u << shift));
#pragma GCC unroll 16
		for (unsigned lane = 0; lane < LANES32; lane++) {
			size_t here = at + (size_t)64 * (lane & turn);
			unsigned i = lane >> shift;

			if (here < len)
				xor_row(to[i] + here, from[i] + here, len - here, v, lane);
		}
	}
}

/* Powers of two of items, so that every lane has work whatever their number. */
static inline void xor_lanes(uint8_t *const to[], const uint8_t *const from[], size_t len,
			     const struct lm_key *key, const struct lm_nonce *nonce,
			     uint32_t counter, unsigned n)
{
	for (unsigned first = 0, shift = 0; first < n; first += LANES32 >> shift) {
		while ((LANES32 >> shift) > n - first)
			shift++;
		xor_streams(to + first, from + first, len, key + first,
			    nonce ? nonce + first : NULL, counter, shift);
	}
}
