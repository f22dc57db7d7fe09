/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poly1305 (RFC 8439, 2.5) in four lanes of AVX2, one message a lane.
 *
 * Numbers modulo p = 2^130 - 5 are five limbs of 26 bits. Four blocks a step:
 * h = (h + m0) r^4 + m1 r^3 + m2 r^2 + m3 r, so that carries are made once in 64 bytes. Everything
 * is constant time; what stays on the stack and in registers is wiped by the caller.
 */
#include "avx2_lanes.h"
#include "backend.h"

#define MASK26  ((UINT64_C(1) << 26) - 1)
#define CHUNK   64
#define POWERS  4 /* blocks in a chunk */
#define FEWEST  2 /* items that are worth four lanes */
#define LANES   LANES64
#define BIT_128 (UINT64_C(1) << 24) /* in the top limb */

struct number {
	vec limb[5];
};

/* A factor, and five times it: what its limbs add to at 2^130 and above. */
struct power {
	vec r[5], s[5];
};

static inline vec bit_and(vec a, vec b)
{
	return _mm256_and_si256(a, b);
}

static inline vec bit_or(vec a, vec b)
{
	return _mm256_or_si256(a, b);
}

static inline vec times5(vec a)
{
	return add64(a, _mm256_slli_epi64(a, 2));
}

/* z += a * p. Limbs of a below 2^28, of p below 2^27: twenty products leave a limb below 2^63. */
INLINE void add_product(struct number *z, const struct number *a, const struct power *p)
{
#pragma GCC unroll 8
	for (int i = 0; i < 5; i++)
#pragma GCC unroll 8
		for (int j = 0; j < 5; j++) {
			int to = i + j;

			z->limb[to % 5] =
				add64(z->limb[to % 5],
				      _mm256_mul_epu32(a->limb[i], to < 5 ? p->r[j] : p->s[j]));
		}
}

/* z = a * p. */
INLINE void set_product(struct number *z, const struct number *a, const struct power *p)
{
#pragma GCC unroll 8
	for (int j = 0; j < 5; j++)
		z->limb[j] = _mm256_mul_epu32(a->limb[0], p->r[j]);
#pragma GCC unroll 8
	for (int i = 1; i < 5; i++)
#pragma GCC unroll 8
		for (int j = 0; j < 5; j++) {
			int to = i + j;

			z->limb[to % 5] =
				add64(z->limb[to % 5],
				      _mm256_mul_epu32(a->limb[i], to < 5 ? p->r[j] : p->s[j]));
		}
}

/* Carries one limb into the next; `to` below `from` is the way round p. */
INLINE void carry_limb(struct number *a, int from, int to)
{
	vec up = _mm256_srli_epi64(a->limb[from], 26);

	a->limb[from] = bit_and(a->limb[from], splat64(MASK26));
	a->limb[to] = add64(a->limb[to], to < from ? times5(up) : up);
}

/* The same in half the time, two chains at once: limbs 1 and 4 end a little above 2^26. */
INLINE struct number carry_fast(struct number a)
{
	carry_limb(&a, 0, 1);
	carry_limb(&a, 3, 4);
	carry_limb(&a, 1, 2);
	carry_limb(&a, 4, 0);
	carry_limb(&a, 2, 3);
	carry_limb(&a, 0, 1);
	carry_limb(&a, 3, 4);
	return a;
}

/* All limbs end below 2^26, but limb 1 a little above. */
INLINE struct number carry(struct number a)
{
	carry_limb(&a, 0, 1);
	carry_limb(&a, 1, 2);
	carry_limb(&a, 2, 3);
	carry_limb(&a, 3, 4);
	carry_limb(&a, 4, 0);
	carry_limb(&a, 0, 1);
	return a;
}

/* A block of sixteen bytes as a number, `top` being 2^128 or nothing. */
INLINE struct number unpack(vec low, vec high, vec top)
{
	const vec mask = splat64(MASK26);

	return (struct number){{
		bit_and(low, mask),
		bit_and(_mm256_srli_epi64(low, 26), mask),
		bit_and(bit_or(_mm256_srli_epi64(low, 52), _mm256_slli_epi64(high, 12)), mask),
		bit_and(_mm256_srli_epi64(high, 14), mask),
		bit_or(_mm256_srli_epi64(high, 40), top),
	}};
}

INLINE struct power to_power(struct number a)
{
	struct power p;

	for (int i = 0; i < 5; i++) {
		p.r[i] = a.limb[i];
		p.s[i] = times5(a.limb[i]);
	}
	return p;
}

/* power[i] = r^(i + 1), for the clamped r of each key's first two words. */
INLINE void make_powers(struct power power[POWERS], const vec key[4])
{
	const vec zero = _mm256_setzero_si256();
	struct number a = unpack(bit_and(key[0], splat64(UINT64_C(0x0ffffffc0fffffff))),
				 bit_and(key[1], splat64(UINT64_C(0x0ffffffc0ffffffc))), zero);

	power[0] = to_power(a);
	for (int i = 1; i < POWERS; i++) {
		struct number z = {{zero, zero, zero, zero, zero}};

		add_product(&z, &a, &power[0]);
		a = carry(z);
		power[i] = to_power(a);
	}
}

/* A block of each lane as a number, 2^128 added. */
INLINE struct number load_blocks(const uint8_t *const text[LANES], size_t at)
{
	vec even = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(
						   (const __m128i *)(text[0] + at))),
					   _mm_loadu_si128((const __m128i *)(text[2] + at)), 1);
	vec odd = _mm256_inserti128_si256(_mm256_castsi128_si256(
						  _mm_loadu_si128((const __m128i *)(text[1] + at))),
					  _mm_loadu_si128((const __m128i *)(text[3] + at)), 1);

	return unpack(_mm256_unpacklo_epi64(even, odd), _mm256_unpackhi_epi64(even, odd),
		      splat64(BIT_128));
}

/* Adds the next CHUNK bytes. h, which is late, joins sums that are nearly done. */
INLINE struct number absorb_chunk(struct number h, const uint8_t *const text[LANES], size_t at,
				  const struct power power[POWERS])
{
	struct number z, m = load_blocks(text, at + 48);

	set_product(&z, &m, &power[0]);
	m = load_blocks(text, at + 32);
	add_product(&z, &m, &power[1]);
	m = load_blocks(text, at + 16);
	add_product(&z, &m, &power[2]);
	m = load_blocks(text, at);
	for (int j = 0; j < 5; j++)
		m.limb[j] = add64(m.limb[j], h.limb[j]);
	add_product(&z, &m, &power[3]);
	return carry_fast(z);
}

/* Adds the next `len` bytes: CHUNK, or what is left at the end, padded to CHUNK by the caller. */
INLINE struct number absorb(struct number h, const uint8_t *const chunk[LANES], size_t len,
			    const struct power power[POWERS])
{
	const vec zero = _mm256_setzero_si256();
	struct number z = {{zero, zero, zero, zero, zero}};
	int blocks = (int)((len + 15) / 16);
	vec v[8];

	for (unsigned lane = 0; lane < LANES; lane++) {
		v[lane] = load(chunk[lane]);
		v[lane + 4] = load(chunk[lane] + 32);
	}
	transpose64(v);
	transpose64(v + 4);
	/* Backwards: then h, which is late, joins sums that are nearly done. */
	for (int i = blocks - 1; i >= 0; i--) {
		bool cut = i == blocks - 1 && len % 16 != 0;
		struct number m = unpack(v[2 * i], v[2 * i + 1], splat64(cut ? 0 : BIT_128));

		for (int j = 0; j < 5 && i == 0; j++)
			m.limb[j] = add64(m.limb[j], h.limb[j]);
		add_product(&z, &m, &power[blocks - 1 - i]);
	}
	return carry(z);
}

/* The end of every message; a cut block ends in a byte of 1, at its end and not at 2^128. */
static struct number absorb_end(struct number h, const uint8_t *const rest[LANES], size_t len,
				const struct power power[POWERS])
{
	uint8_t padded[LANES][CHUNK] = {{0}};
	const uint8_t *chunk[LANES];

	for (unsigned lane = 0; lane < LANES; lane++) {
		memcpy(padded[lane], rest[lane], len);
		if (len % 16 != 0)
			padded[lane][len] = 1;
		chunk[lane] = padded[lane];
	}
	return absorb(h, chunk, len, power);
}

/*
 * The end of every message as an AEAD's (RFC 8439, 2.8, without additional data): the last `left`
 * bytes, zeros up to a whole block, and the block of lengths.
 */
static struct number absorb_aead_end(struct number h, const uint8_t *const rest[LANES], size_t left,
				     size_t len, const struct power power[POWERS])
{
	size_t end = (left + 15) / 16 * 16 + 16;
	uint8_t padded[LANES][2 * CHUNK] = {{0}};
	const uint8_t *chunk[LANES];

	for (unsigned lane = 0; lane < LANES; lane++) {
		memcpy(padded[lane], rest[lane], left);
		_mm_storeu_si128((__m128i *)(padded[lane] + end - 16),
				 _mm_set_epi64x((long long)len, 0));
		chunk[lane] = padded[lane];
	}
	if (end <= CHUNK)
		return absorb(h, chunk, end, power);
	h = absorb(h, chunk, CHUNK, power);
	for (unsigned lane = 0; lane < LANES; lane++)
		chunk[lane] += CHUNK;
	return absorb(h, chunk, 16, power);
}

/* v[0], v[1] = h modulo p, in words of 64 bits. */
INLINE void pack(vec v[4], struct number h)
{
	struct number g;
	vec over;

	h = carry(carry(h));
	/* g = h + 5 reaches 2^130 exactly if h is p or more; its rest is then h - p. */
	g = h;
	g.limb[0] = add64(g.limb[0], splat64(5));
	for (int i = 0; i < 4; i++)
		carry_limb(&g, i, i + 1);
	over = _mm256_cmpgt_epi64(g.limb[4], splat64(MASK26));
	g.limb[4] = bit_and(g.limb[4], splat64(MASK26));
	for (int i = 0; i < 5; i++)
		h.limb[i] = _mm256_blendv_epi8(h.limb[i], g.limb[i], over);

	v[0] = bit_or(bit_or(h.limb[0], _mm256_slli_epi64(h.limb[1], 26)),
		      _mm256_slli_epi64(h.limb[2], 52));
	v[1] = bit_or(bit_or(_mm256_srli_epi64(h.limb[2], 12), _mm256_slli_epi64(h.limb[3], 14)),
		      _mm256_slli_epi64(h.limb[4], 40));
}

/* mac = v + the second half of the key, modulo 2^128. */
static void add_pad(struct lm_mac *mac, const uint8_t v[32], const struct lm_mac_key *key)
{
	unsigned __int128 sum, pad;

	memcpy(&sum, v, sizeof(sum));
	memcpy(&pad, key->b + 16, sizeof(pad));
	sum += pad;
	memcpy(mac->b, &sum, sizeof(sum));
}

/*
 * LANES messages at most; lanes beyond n repeat the last. `aead`: padded, and with lengths. What
 * stands behind them in `message`, n_all in all, is fetched meanwhile.
 */
INLINE void hash_lanes(struct lm_mac *mac, const struct lm_mac_key *key,
		       const uint8_t *const message[], size_t len, bool aead, unsigned n_all)
{
	const vec zero = _mm256_setzero_si256();
	struct number h = {{zero, zero, zero, zero, zero}};
	struct power power[POWERS];
	const uint8_t *text[LANES], *ahead[LANES];
	uint8_t sum[LANES][32];
	vec words[4], v[4] = {zero, zero, zero, zero};
	size_t left = len % CHUNK;
	unsigned n = n_all < LANES ? n_all : LANES;

	for (unsigned lane = 0; lane < LANES; lane++) {
		unsigned i = lane < n ? lane : n - 1;

		text[lane] = message[i];
		ahead[lane] = message[lane + LANES < n_all ? lane + LANES : i];
		words[lane] = load(key[i].b);
	}
	transpose64(words);
	make_powers(power, words);
	for (size_t at = 0; at < len - left; at += CHUNK) {
		for (unsigned lane = 0; lane < LANES; lane++)
			_mm_prefetch((const char *)ahead[lane] + at, _MM_HINT_T0);
		h = absorb_chunk(h, text, at, power);
	}
	for (unsigned lane = 0; lane < LANES; lane++)
		text[lane] += len - left;
	if (aead)
		h = absorb_aead_end(h, text, left, len, power);
	else if (left > 0)
		h = absorb_end(h, text, left, power);
	pack(v, h);
	transpose64(v);
	for (unsigned lane = 0; lane < LANES; lane++) {
		store(sum[lane], v[lane]);
		if (lane < n)
			add_pad(&mac[lane], sum[lane], &key[lane]);
	}
}

void lm_poly1305_avx2(struct lm_symmetric *symmetric, struct lm_mac *mac,
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

void lm_poly1305_aead_avx2(struct lm_mac *mac, const struct lm_mac_key *key,
			   const uint8_t *const message[], size_t len, unsigned n)
{
	for (unsigned first = 0; first < n; first += LANES)
		hash_lanes(mac + first, key + first, message + first, len, true, n - first);
}
