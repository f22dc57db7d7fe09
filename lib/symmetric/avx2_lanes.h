/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lanes of AVX2: what chacha20_lanes.h (eight lanes of 32 bits) and blake2b_lanes.h (four of 64)
 * are written in. Private to the kernels of this instruction set.
 */
#pragma once

#include <immintrin.h>
#include <string.h>

#include "lm_symmetric.h"

#define LANES32 8u
#define LANES64 4u

/* Vectors in arrays stay in registers only if the functions that pass them on disappear. */
#define INLINE static inline __attribute__((always_inline))

typedef __m256i vec;

static inline vec load(const void *from)
{
	return _mm256_loadu_si256(from);
}

static inline void store(void *to, vec v)
{
	_mm256_storeu_si256(to, v);
}

static inline vec splat32(uint32_t x)
{
	return _mm256_set1_epi32((int)x);
}

static inline vec splat64(uint64_t x)
{
	return _mm256_set1_epi64x((long long)x);
}

static inline vec add32(vec a, vec b)
{
	return _mm256_add_epi32(a, b);
}

static inline vec add64(vec a, vec b)
{
	return _mm256_add_epi64(a, b);
}

static inline vec bit_xor(vec a, vec b)
{
	return _mm256_xor_si256(a, b);
}

/* Sixteen bytes to be picked from each half, the lowest first. */
static inline vec pick(uint64_t low, uint64_t high)
{
	return _mm256_set_epi64x((long long)high, (long long)low, (long long)high, (long long)low);
}

/* By whole bytes these are one shuffle. */
static inline vec rotate_left32(vec a, int k)
{
	if (k == 16)
		return _mm256_shuffle_epi8(a, pick(0x0504070601000302, 0x0d0c0f0e09080b0a));
	if (k == 8)
		return _mm256_shuffle_epi8(a, pick(0x0605040702010003, 0x0e0d0c0f0a09080b));
	return _mm256_or_si256(_mm256_slli_epi32(a, k), _mm256_srli_epi32(a, 32 - k));
}

static inline vec rotate_right64(vec a, int k)
{
	if (k == 32)
		return _mm256_shuffle_epi32(a, 0xb1);
	if (k == 24)
		return _mm256_shuffle_epi8(a, pick(0x0201000706050403, 0x0a09080f0e0d0c0b));
	if (k == 16)
		return _mm256_shuffle_epi8(a, pick(0x0100070605040302, 0x09080f0e0d0c0b0a));
	return _mm256_or_si256(_mm256_srli_epi64(a, k), _mm256_slli_epi64(a, 64 - k));
}

#define ROTATE_LEFT32(a, k)  rotate_left32(a, k)
#define ROTATE_RIGHT64(a, k) rotate_right64(a, k)

/* Rows of four words to columns, or back. */
INLINE void transpose64(vec v[4])
{
	vec a[4];

	for (int i = 0; i < 4; i += 2) {
		a[i] = _mm256_unpacklo_epi64(v[i], v[i + 1]);
		a[i + 1] = _mm256_unpackhi_epi64(v[i], v[i + 1]);
	}
	for (int i = 0; i < 2; i++) {
		v[i] = _mm256_permute2x128_si256(a[i], a[i + 2], 0x20);
		v[i + 2] = _mm256_permute2x128_si256(a[i], a[i + 2], 0x31);
	}
}

/* Rows of eight words to columns, or back. */
INLINE void transpose32_half(vec v[8])
{
	vec a[8], b[8];

	for (int i = 0; i < 8; i += 2) {
		a[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
		a[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
	}
	for (int i = 0; i < 8; i += 4) {
		b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
		b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
		b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
		b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
	}
	for (int i = 0; i < 4; i++) {
		v[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
		v[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
	}
}

/* ---- ChaCha20 states of sixteen words, one a lane ---- */

/* Row `lane` is v[lane], v[lane + 8]; column j is v[j]. */
INLINE void transpose32(vec v[16])
{
	transpose32_half(v);
	transpose32_half(v + 8);
}

static inline vec halves(const void *low, const void *high)
{
	return _mm256_loadu2_m128i(high, low);
}

/* Row `lane` of v = constants || key || input. */
static inline void put_row(vec v[16], unsigned lane, const uint8_t constants[16],
			   const struct lm_key *key, const struct lm_u128 *input)
{
	v[lane] = halves(constants, key->b);
	v[lane + 8] = halves(key->b + 16, input->b);
}

static inline void store_row(uint8_t out[64], const vec v[16], unsigned lane)
{
	store(out, v[lane]);
	store(out + 32, v[lane + 8]);
}

/* The first and the last four words of a row. */
static inline void store_row_ends(uint8_t out[32], const vec v[16], unsigned lane)
{
	store(out, _mm256_blend_epi32(v[lane], v[lane + 8], 0xf0));
}

/* to = from ^ the first `len` bytes of a row; 64 or more are all of it. */
static inline void xor_row(uint8_t *to, const uint8_t *from, size_t len, const vec v[16],
			   unsigned lane)
{
	uint8_t block[64];

	if (len >= 64) {
		store(to, bit_xor(v[lane], load(from)));
		store(to + 32, bit_xor(v[lane + 8], load(from + 32)));
		return;
	}
	memcpy(block, from, len);
	store(block, bit_xor(v[lane], load(block)));
	store(block + 32, bit_xor(v[lane + 8], load(block + 32)));
	memcpy(to, block, len);
}
