/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poly1305 (RFC 8439, 2.5) in eight lanes of AVX-512 IFMA, one message a lane.
 *
 * Numbers modulo p = 2^130 - 5 are limbs of 44, 44 and 42 bits. Four blocks a step:
 * h = (h + m0) r^4 + m1 r^3 + m2 r^2 + m3 r, so that carries are made once in 64 bytes. Everything
 * is constant time; what stays on the stack and in registers is wiped by the caller.
 */
#include "avx512_lanes.h"
#include "backend.h"

#define MASK44  ((UINT64_C(1) << 44) - 1)
#define MASK42  ((UINT64_C(1) << 42) - 1)
#define CHUNK   64
#define POWERS  4 /* blocks in a chunk */
#define FEWEST  4 /* items that are worth eight lanes */
#define LANES   LANES64
#define BIT_128 (UINT64_C(1) << 40) /* in the top limb */

struct number {
	vec limb[3];
};

/* A factor, with limbs 1 and 2 also times 20: what they add to at 2^132 and above. */
struct power {
	vec r0, r1, r2, s1, s2;
};

/* Columns of 44 bits: sums of the low 52 bits of products, and of the bits above them. */
struct columns {
	vec low[3], high[3];
};

static inline vec bit_and(vec a, vec b)
{
	return _mm512_and_si512(a, b);
}

INLINE void multiply_add(vec *low, vec *high, vec a, vec b)
{
	*low = _mm512_madd52lo_epu64(*low, a, b);
	*high = _mm512_madd52hi_epu64(*high, a, b);
}

/* z += a * p. Limbs of a below 2^46, so that twelve products leave a column below 2^57. */
INLINE void columns_add(struct columns *z, const struct number *a, const struct power *p)
{
	multiply_add(&z->low[0], &z->high[0], a->limb[0], p->r0);
	multiply_add(&z->low[1], &z->high[1], a->limb[0], p->r1);
	multiply_add(&z->low[2], &z->high[2], a->limb[0], p->r2);
	multiply_add(&z->low[0], &z->high[0], a->limb[1], p->s2);
	multiply_add(&z->low[1], &z->high[1], a->limb[1], p->r0);
	multiply_add(&z->low[2], &z->high[2], a->limb[1], p->r1);
	multiply_add(&z->low[0], &z->high[0], a->limb[2], p->s1);
	multiply_add(&z->low[1], &z->high[1], a->limb[2], p->s2);
	multiply_add(&z->low[2], &z->high[2], a->limb[2], p->r0);
}

static inline vec times5(vec a)
{
	return add64(a, _mm512_slli_epi64(a, 2));
}

/* Limbs 0 and 2 end below 2^44 and 2^42, limb 1 below 2^44 + 2^20. */
INLINE struct number carry(const struct columns *z)
{
	const vec mask44 = splat64(MASK44);
	struct number a;
	vec up;

	up = add64(_mm512_srli_epi64(z->low[0], 44), _mm512_slli_epi64(z->high[0], 8));
	a.limb[0] = bit_and(z->low[0], mask44);
	a.limb[1] = add64(z->low[1], up);
	up = add64(_mm512_srli_epi64(a.limb[1], 44), _mm512_slli_epi64(z->high[1], 8));
	a.limb[1] = bit_and(a.limb[1], mask44);
	a.limb[2] = add64(z->low[2], up);
	up = add64(_mm512_srli_epi64(a.limb[2], 42), _mm512_slli_epi64(z->high[2], 10));
	a.limb[2] = bit_and(a.limb[2], splat64(MASK42));
	a.limb[0] = add64(a.limb[0], times5(up));
	a.limb[1] = add64(a.limb[1], _mm512_srli_epi64(a.limb[0], 44));
	a.limb[0] = bit_and(a.limb[0], mask44);
	return a;
}

/* A block of sixteen bytes as a number, `top` being 2^128 or nothing. */
INLINE struct number unpack(vec low, vec high, vec top)
{
	const vec mask44 = splat64(MASK44);
	vec middle = _mm512_or_si512(_mm512_srli_epi64(low, 44), _mm512_slli_epi64(high, 20));

	return (struct number){{bit_and(low, mask44), bit_and(middle, mask44),
				_mm512_or_si512(_mm512_srli_epi64(high, 24), top)}};
}

INLINE struct power to_power(struct number a)
{
	const vec twenty = splat64(20);

	return (struct power){a.limb[0], a.limb[1], a.limb[2],
			      _mm512_mullo_epi64(a.limb[1], twenty),
			      _mm512_mullo_epi64(a.limb[2], twenty)};
}

/* power[i] = r^(i + 1), for the clamped r of each key's first two words. */
INLINE void make_powers(struct power power[POWERS], const vec key[8])
{
	const vec zero = _mm512_setzero_si512();
	struct number r = unpack(bit_and(key[0], splat64(UINT64_C(0x0ffffffc0fffffff))),
				 bit_and(key[1], splat64(UINT64_C(0x0ffffffc0ffffffc))), zero);
	struct number a = r;

	power[0] = to_power(r);
	for (int i = 1; i < POWERS; i++) {
		struct columns z = {{zero, zero, zero}, {zero, zero, zero}};

		columns_add(&z, &a, &power[0]);
		a = carry(&z);
		power[i] = to_power(a);
	}
}

/* Adds `len` bytes at `at` of every message, CHUNK at most, and less at a message's end only. */
INLINE struct number absorb(struct number h, const uint8_t *const message[LANES], size_t at,
			    size_t len, const struct power power[POWERS])
{
	const vec zero = _mm512_setzero_si512();
	__mmask64 bytes = first_bytes(len);
	struct columns z = {{zero, zero, zero}, {zero, zero, zero}};
	int blocks = (int)((len + 15) / 16);
	vec v[8];

	for (unsigned lane = 0; lane < LANES; lane++)
		v[lane] = _mm512_maskz_loadu_epi8(bytes, message[lane] + at);
	if (len % 16 != 0) /* a cut block ends in a byte of 1, at its end and not at 2^128 */
		for (unsigned lane = 0; lane < LANES; lane++)
			v[lane] = _mm512_mask_set1_epi8(v[lane], UINT64_C(1) << len, 1);
	transpose64(v);
	/* Backwards: then h, which is late, joins sums that are nearly done. */
	for (int i = blocks - 1; i >= 0; i--) {
		bool cut = i == blocks - 1 && len % 16 != 0;
		struct number m = unpack(v[2 * i], v[2 * i + 1], splat64(cut ? 0 : BIT_128));

		for (int j = 0; j < 3 && i == 0; j++)
			m.limb[j] = add64(m.limb[j], h.limb[j]);
		columns_add(&z, &m, &power[blocks - 1 - i]);
	}
	return carry(&z);
}

/* v[0], v[1] = h modulo p, plus the second half of the key, modulo 2^128. */
INLINE void finish(vec v[8], struct number h, const vec key[8])
{
	const vec mask44 = splat64(MASK44), mask42 = splat64(MASK42);
	struct number g;
	vec carried;
	__mmask8 over;

	for (int i = 0; i < 2; i++) {
		h.limb[2] = add64(h.limb[2], _mm512_srli_epi64(h.limb[1], 44));
		h.limb[1] = bit_and(h.limb[1], mask44);
		h.limb[0] = add64(h.limb[0], times5(_mm512_srli_epi64(h.limb[2], 42)));
		h.limb[2] = bit_and(h.limb[2], mask42);
		h.limb[1] = add64(h.limb[1], _mm512_srli_epi64(h.limb[0], 44));
		h.limb[0] = bit_and(h.limb[0], mask44);
	}
	/* g = h + 5 reaches 2^130 exactly if h is p or more; its rest is then h - p. */
	g.limb[0] = add64(h.limb[0], splat64(5));
	g.limb[1] = add64(h.limb[1], _mm512_srli_epi64(g.limb[0], 44));
	g.limb[2] = add64(h.limb[2], _mm512_srli_epi64(g.limb[1], 44));
	over = _mm512_test_epi64_mask(g.limb[2], splat64(MASK42 + 1));
	h.limb[0] = _mm512_mask_and_epi64(h.limb[0], over, g.limb[0], mask44);
	h.limb[1] = _mm512_mask_and_epi64(h.limb[1], over, g.limb[1], mask44);
	h.limb[2] = _mm512_mask_and_epi64(h.limb[2], over, g.limb[2], mask42);

	v[0] = _mm512_or_si512(h.limb[0], _mm512_slli_epi64(h.limb[1], 44));
	v[1] = _mm512_or_si512(_mm512_srli_epi64(h.limb[1], 20), _mm512_slli_epi64(h.limb[2], 24));
	v[0] = add64(v[0], key[2]);
	carried = _mm512_maskz_set1_epi64(_mm512_cmplt_epu64_mask(v[0], key[2]), 1);
	v[1] = add64(add64(v[1], key[3]), carried);
}

/*
 * The end of every message as an AEAD's (RFC 8439, 2.8, without additional data): the bytes from
 * `at` on, zeros up to a whole block, and the block of lengths.
 */
static struct number absorb_aead_end(struct number h, const uint8_t *const message[LANES],
				     size_t at, size_t len, const struct power power[POWERS])
{
	size_t left = len - at, end = (left + 15) / 16 * 16 + 16;
	uint8_t padded[LANES][CHUNK + 16];
	const uint8_t *rest[LANES];

	for (unsigned lane = 0; lane < LANES; lane++) {
		store(padded[lane], _mm512_maskz_loadu_epi8(first_bytes(left), message[lane] + at));
		_mm_storeu_si128((__m128i *)(padded[lane] + end - 16),
				 _mm_set_epi64x((long long)len, 0));
		rest[lane] = padded[lane];
	}
	if (end <= CHUNK)
		return absorb(h, rest, 0, end, power);
	h = absorb(h, rest, 0, CHUNK, power);
	return absorb(h, rest, CHUNK, 16, power);
}

/* LANES messages at most; lanes beyond n repeat the last. `aead`: padded, and with lengths. */
INLINE void hash_lanes(struct lm_mac *mac, const struct lm_mac_key *key,
		       const uint8_t *const message[], size_t len, bool aead, unsigned n)
{
	const vec zero = _mm512_setzero_si512();
	struct number h = {{zero, zero, zero}};
	struct power power[POWERS];
	const uint8_t *text[LANES];
	vec words[8], v[8] = {zero, zero, zero, zero, zero, zero, zero, zero};
	size_t at = 0;

	for (unsigned lane = 0; lane < LANES; lane++) {
		unsigned i = lane < n ? lane : n - 1;

		text[lane] = message[i];
		words[lane] = _mm512_maskz_loadu_epi64(0x0f, key[i].b);
	}
	transpose64(words);
	make_powers(power, words);
	for (; len - at >= CHUNK; at += CHUNK)
		h = absorb(h, text, at, CHUNK, power);
	if (aead)
		h = absorb_aead_end(h, text, at, len, power);
	else if (at < len)
		h = absorb(h, text, at, len - at, power);
	finish(v, h, words);
	transpose64(v);
#pragma GCC unroll 8
	for (unsigned lane = 0; lane < LANES; lane++)
		if (lane < n)
			_mm_storeu_si128((__m128i *)mac[lane].b, _mm512_castsi512_si128(v[lane]));
}

void lm_poly1305_avx512(struct lm_symmetric *symmetric, struct lm_mac *mac,
			const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
			unsigned n)
{
	unsigned first = 0;

	for (; n - first >= FEWEST; first += n - first < LANES ? n - first : LANES)
		hash_lanes(mac + first, key + first, message + first, len, false, n - first);
	if (first < n)
		lm_poly1305_imb(symmetric, mac + first, key + first, message + first, len,
				n - first);
}

void lm_poly1305_aead_avx512(struct lm_mac *mac, const struct lm_mac_key *key,
			     const uint8_t *const message[], size_t len, unsigned n)
{
	for (unsigned first = 0; first < n; first += LANES)
		hash_lanes(mac + first, key + first, message + first, len, true,
			   n - first < LANES ? n - first : LANES);
}
