/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One compression of BLAKE2b (RFC 7693) a lane, for every instruction set: the lanes' header comes
 * first and gives the vectors. Vector j is word j of all lanes.
 *
 * Everything is constant time: addresses and branches depend on counts and lengths alone. What
 * stays on the stack and in registers is wiped by the caller.
 */
#pragma once

#include <string.h>

static const uint64_t blake2b_iv[8] = {
	UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
	UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
	UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179),
};

static const uint8_t blake2b_sigma[12][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
};

INLINE void mix(vec v[16], int a, int b, int c, int d, vec x, vec y)
{
	v[a] = add64(add64(v[a], v[b]), x);
	v[d] = ROTATE_RIGHT64(bit_xor(v[d], v[a]), 32);
	v[c] = add64(v[c], v[d]);
	v[b] = ROTATE_RIGHT64(bit_xor(v[b], v[c]), 24);
	v[a] = add64(add64(v[a], v[b]), y);
	v[d] = ROTATE_RIGHT64(bit_xor(v[d], v[a]), 16);
	v[c] = add64(v[c], v[d]);
	v[b] = ROTATE_RIGHT64(bit_xor(v[b], v[c]), 63);
}

/* h = the state after the last and only block, m, of `len` bytes. */
INLINE void compress(vec h[8], const vec m[16], size_t len)
{
	vec v[16];

	for (int i = 0; i < 8; i++) {
		v[i] = h[i];
		v[i + 8] = splat64(blake2b_iv[i]);
	}
	v[12] = bit_xor(v[12], splat64(len));
	v[14] = bit_xor(v[14], splat64(UINT64_MAX));
	for (int round = 0; round < 12; round++) {
		const uint8_t *s = blake2b_sigma[round];

		mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
		mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
		mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
		mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
		mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
		mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
		mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
		mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
	}
	for (int i = 0; i < 8; i++)
		h[i] = bit_xor(h[i], bit_xor(v[i], v[i + 8]));
}

/* The chaining value before the first block: IV and parameter block. */
INLINE void start(vec h[8], size_t out_len, const char person[16])
{
	uint64_t parameter[8] = {UINT64_C(0x01010000) | out_len};

	memcpy(&parameter[6], person, 16);
	for (int i = 0; i < 8; i++)
		h[i] = splat64(blake2b_iv[i] ^ parameter[i]);
}

/* LANES64 items at most; lanes beyond n repeat the last. */
static inline void hash_items(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
			      const char person[16], unsigned n)
{
	uint64_t row[LANES64][16] = {{0}};
	vec m[16], h[8];

	for (unsigned lane = 0; lane < LANES64; lane++)
		memcpy(row[lane], message + (lane < n ? lane : n - 1) * len, len);
	for (unsigned i = 0; i < 16; i += LANES64) {
		for (unsigned lane = 0; lane < LANES64; lane++)
			m[i + lane] = load(&row[lane][i]);
		transpose64(m + i);
	}
	start(h, out_len, person);
	compress(h, m, len);
	for (unsigned i = 0; i < 8; i += LANES64) {
		transpose64(h + i);
		for (unsigned lane = 0; lane < LANES64; lane++)
			store(&row[lane][i], h[i + lane]);
	}
	for (unsigned lane = 0; lane < n && lane < LANES64; lane++)
		memcpy(out + lane * out_len, row[lane], out_len);
}

static inline void blake2b_lanes(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
				 const char person[16], unsigned n)
{
	for (unsigned first = 0; first < n; first += LANES64)
		hash_items(out + first * out_len, out_len, message + first * len, len, person,
			   n - first);
}
