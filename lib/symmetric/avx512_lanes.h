/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lanes of AVX-512: what chacha20_lanes.h (sixteen lanes of 32 bits) and blake2b_lanes.h (eight of
 * 64) are written in. Private to the kernels of this instruction set.
 */
#pragma once

#include <immintrin.h>

#include "lm_symmetric.h"

#define LANES32 16u
#define LANES64 8u

/* Vectors in arrays stay in registers only if the functions that pass them on disappear. */
#define INLINE static inline __attribute__((always_inline))

typedef __m512i vec;

static inline vec load(const void *from)
{
	return _mm512_loadu_si512(from);
}

static inline void store(void *to, vec v)
{
	_mm512_storeu_si512(to, v);
}

static inline vec splat32(uint32_t x)
{
	return _mm512_set1_epi32((int)x);
}

static inline vec splat64(uint64_t x)
{
	return _mm512_set1_epi64((long long)x);
}

static inline vec add32(vec a, vec b)
{
	return _mm512_add_epi32(a, b);
}

static inline vec add64(vec a, vec b)
{
	return _mm512_add_epi64(a, b);
}

static inline vec bit_xor(vec a, vec b)
{
	return _mm512_xor_si512(a, b);
}

#define ROTATE_LEFT32(a, k)  _mm512_rol_epi32(a, k)
#define ROTATE_RIGHT64(a, k) _mm512_ror_epi64(a, k)

/* The first `len` bytes (64 at most count), zeros behind them. */
static inline __mmask64 first_bytes(size_t len)
{
	return len < 64 ? (UINT64_C(1) << len) - 1 : UINT64_MAX;
}

/* Rows of eight words to columns, or back. */
INLINE void transpose64(vec v[8])
{
	vec a[8], b[8];

	for (int i = 0; i < 8; i += 2) {
		a[i] = _mm512_unpacklo_epi64(v[i], v[i + 1]);
		a[i + 1] = _mm512_unpackhi_epi64(v[i], v[i + 1]);
	}
	for (int i = 0; i < 2; i++) {
		b[i] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0x88);
		b[i + 2] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0xdd);
		b[i + 4] = _mm512_shuffle_i64x2(a[i + 4], a[i + 6], 0x88);
		b[i + 6] = _mm512_shuffle_i64x2(a[i + 4], a[i + 6], 0xdd);
	}
	for (int i = 0; i < 4; i++) {
		v[i] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0x88);
		v[i + 4] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0xdd);
	}
}

/* Rows of sixteen words to columns, or back. */
INLINE void transpose32(vec v[16])
{
	vec a[16], b[16];

	for (int i = 0; i < 16; i += 2) {
		a[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
		a[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
	}
	for (int i = 0; i < 16; i += 4) {
		b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
		b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
		b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
		b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
	}
	for (int i = 0; i < 4; i++) {
		a[i] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0x88);
		a[i + 4] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0xdd);
		a[i + 8] = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0x88);
		a[i + 12] = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0xdd);
	}
	for (int i = 0; i < 8; i++) {
		v[i] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0x88);
		v[i + 8] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0xdd);
	}
}

/* ---- ChaCha20 states of sixteen words, one a lane ---- */

/* Row `lane` of v = constants || key || input. */
static inline void put_row(vec v[16], unsigned lane, const uint8_t constants[16],
			   const struct lm_key *key, const struct lm_u128 *input)
{
	const __m128i *half = (const __m128i *)key->b;
	vec row = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)constants));

	row = _mm512_inserti32x4(row, _mm_loadu_si128(half), 1);
	row = _mm512_inserti32x4(row, _mm_loadu_si128(half + 1), 2);
	v[lane] = _mm512_inserti32x4(row, _mm_loadu_si128((const __m128i *)input->b), 3);
}

static inline void store_row(uint8_t out[64], const vec v[16], unsigned lane)
{
	store(out, v[lane]);
}

/* The first and the last four words of a row. */
static inline void store_row_ends(uint8_t out[32], const vec v[16], unsigned lane)
{
	_mm_storeu_si128((__m128i *)out, _mm512_castsi512_si128(v[lane]));
	_mm_storeu_si128((__m128i *)(out + 16), _mm512_extracti32x4_epi32(v[lane], 3));
}

/* to = from ^ the first `len` bytes of a row; 64 or more are all of it. */
static inline void xor_row(uint8_t *to, const uint8_t *from, size_t len, const vec v[16],
			   unsigned lane)
{
	__mmask64 mask = first_bytes(len);

	if (len >= 64)
		store(to, bit_xor(v[lane], load(from)));
	else
		_mm512_mask_storeu_epi8(to, mask,
					bit_xor(v[lane], _mm512_maskz_loadu_epi8(mask, from)));
}
