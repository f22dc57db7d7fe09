/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eight elements of the field modulo p = 2^255 - 19 in five vectors: radix 2^52, one element a
 * lane. README.md proves the bounds that the comments here state. Everything is constant time.
 *
 * vpmadd52 reads the low 52 bits of its factors and no more. So a carry leaves limbs 0 to 3 as they
 * are, with stale bits above 52 that the next limb has already taken over, and saves the masks.
 */
#pragma once

#include <immintrin.h>
#include <stdint.h>

#define LANES  8
#define MASK52 ((UINT64_C(1) << 52) - 1)
#define MASK47 ((UINT64_C(1) << 47) - 1)

typedef __m512i vec;

/* A factor: limbs 0 to 3 count modulo 2^52, limb 4 is below 2^50. */
struct fe {
	vec limb[5];
};

/* A product, or a sum of few: limbs of up to 64 bits whose carries have not been made. */
struct sum {
	vec limb[5];
};

static inline vec splat(uint64_t x)
{
	return _mm512_set1_epi64((long long)x);
}

/* A constant factor that the compiler must not turn into shifts and additions. */
static inline vec factor(uint64_t x)
{
	vec v = splat(x);

	__asm__("" : "+v"(v));
	return v;
}

static inline vec add(vec a, vec b)
{
	return _mm512_add_epi64(a, b);
}

static inline vec and (vec a, vec b)
{
	return _mm512_and_si512(a, b);
}

static inline vec or (vec a, vec b)
{
	return _mm512_or_si512(a, b);
}

/* Adds the low, then the high 52 bits of a * b to z and the column above it. */
static inline void mul_add(vec z[2], vec a, vec b)
{
	z[0] = _mm512_madd52lo_epu64(z[0], a, b);
	z[1] = _mm512_madd52hi_epu64(z[1], a, b);
}

/*
 * Columns 0 to 5, weights 2^(52 i), to a sum: what lies at 2^255 and above comes back times 19.
 * Column 5 is below 2^52 + 2^4.
 */
static inline struct sum fold_top(const vec z[6])
{
	vec top = add(_mm512_srli_epi64(z[4], 47), _mm512_slli_epi64(z[5], 5));

	return (struct sum){{add(z[0], _mm512_mullo_epi64(top, factor(19))), z[1], z[2], z[3],
			     and(z[4], splat(MASK47))}};
}

/* Ten columns to a sum: 2^260 is 608. Columns 5 and 6 could overflow times 608, so carry them. */
static inline struct sum fold(vec z[10])
{
	const vec mask = splat(MASK52), c = factor(608);

	z[6] = add(z[6], _mm512_srli_epi64(z[5], 52));
	z[7] = add(z[7], _mm512_srli_epi64(z[6], 52));
	z[5] = and(z[5], mask);
	z[6] = and(z[6], mask);
	for (int i = 6; i < 10; i++)
		z[i - 5] = add(z[i - 5], _mm512_mullo_epi64(z[i], c));
	return fold_top(z);
}

static inline struct sum fe_mul(struct fe a, struct fe b)
{
	vec z[10] = {_mm512_setzero_si512()};

	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 5; j++)
			mul_add(&z[i + j], a.limb[i], b.limb[j]);
	return fold(z);
}

/* Products that occur twice come first, and their columns are doubled; 2 * limb 4 has room. */
static inline struct sum fe_sqr(struct fe a)
{
	vec z[10] = {_mm512_setzero_si512()};
	vec twice4 = add(a.limb[4], a.limb[4]);

	for (int i = 0; i < 3; i++)
		for (int j = i + 1; j < 4; j++)
			mul_add(&z[i + j], a.limb[i], a.limb[j]);
	for (int i = 1; i < 7; i++)
		z[i] = add(z[i], z[i]);
	for (int i = 0; i < 4; i++)
		mul_add(&z[i + 4], a.limb[i], twice4);
	for (int i = 0; i < 5; i++)
		mul_add(&z[2 * i], a.limb[i], a.limb[i]);
	return fold(z);
}

/* k < 2^18 */
static inline struct sum fe_mul_small(struct fe a, uint64_t k)
{
	vec z[6] = {_mm512_setzero_si512()};

	for (int i = 0; i < 5; i++)
		mul_add(&z[i], a.limb[i], splat(k));
	return fold_top(z);
}

static inline struct fe carry(struct sum a)
{
	for (int i = 0; i < 4; i++)
		a.limb[i + 1] = add(a.limb[i + 1], _mm512_srli_epi64(a.limb[i], 52));
	return (struct fe){{a.limb[0], a.limb[1], a.limb[2], a.limb[3], a.limb[4]}};
}

static inline struct sum sum_add(struct sum a, struct sum b)
{
	for (int i = 0; i < 5; i++)
		a.limb[i] = add(a.limb[i], b.limb[i]);
	return a;
}

/*
 * a - b, plus 3 p in limbs that are larger than those of any two sums b of which only one is a
 * product by fe_mul or fe_sqr. a may be one such product.
 */
static inline struct sum sum_sub(struct sum a, struct sum b)
{
	static const uint64_t u[5] = {57, 800, 800, 2016, 800};

	for (int i = 0; i < 5; i++) {
		uint64_t p3 = (i < 4 ? u[i + 1] << 52 : UINT64_C(3) << 47) - u[i];

		a.limb[i] = add(_mm512_sub_epi64(a.limb[i], b.limb[i]), splat(p3));
	}
	return a;
}

/* a in the lanes where k is clear, b where it is set */
static inline struct fe fe_select(__mmask8 k, struct fe a, struct fe b)
{
	for (int i = 0; i < 5; i++)
		a.limb[i] = _mm512_mask_blend_epi64(k, a.limb[i], b.limb[i]);
	return a;
}

/* The same element below p, every limb below 2^52. */
static inline struct fe fe_canonical(struct fe a)
{
	vec over, carried = _mm512_setzero_si512();

	a.limb[0] = and(a.limb[0], splat(MASK52));
	a.limb[0] = add(a.limb[0], _mm512_mullo_epi64(_mm512_srli_epi64(a.limb[4], 47), splat(19)));
	a.limb[4] = and(a.limb[4], splat(MASK47));
	for (int i = 1; i < 4; i++)
		a.limb[i] = and(a.limb[i], splat(MASK52));
	/* The value is below 2 p; adding 19 carries out of 2^255 exactly if it is p or more. */
	over = splat(19);
	for (int i = 0; i < 4; i++)
		over = _mm512_srli_epi64(add(over, a.limb[i]), 52);
	over = _mm512_srli_epi64(add(over, a.limb[4]), 47);
	carried = _mm512_mullo_epi64(over, splat(19));
	for (int i = 0; i < 5; i++) {
		carried = add(carried, a.limb[i]);
		a.limb[i] = and(carried, splat(i < 4 ? MASK52 : MASK47));
		carried = _mm512_srli_epi64(carried, 52);
	}
	return a;
}

/* The lanes in which a canonical element is zero. */
static inline __mmask8 fe_is_zero(struct fe a)
{
	vec any = or (or (or (a.limb[0], a.limb[1]), or (a.limb[2], a.limb[3])), a.limb[4]);

	return _mm512_testn_epi64_mask(any, any);
}

/* From and to four little-endian words a lane; bit 255 is left out, a must be canonical. */
static inline struct fe fe_unpack(const vec w[4])
{
	const vec mask = splat(MASK52);

	return (struct fe){{
		and(w[0], mask),
		and(or (_mm512_srli_epi64(w[0], 52), _mm512_slli_epi64(w[1], 12)), mask),
		and(or (_mm512_srli_epi64(w[1], 40), _mm512_slli_epi64(w[2], 24)), mask),
		and(or (_mm512_srli_epi64(w[2], 28), _mm512_slli_epi64(w[3], 36)), mask),
		and(_mm512_srli_epi64(w[3], 16), splat(MASK47)),
	}};
}

static inline void fe_pack(vec w[4], struct fe a)
{
	w[0] = or (a.limb[0], _mm512_slli_epi64(a.limb[1], 52));
	w[1] = or (_mm512_srli_epi64(a.limb[1], 12), _mm512_slli_epi64(a.limb[2], 40));
	w[2] = or (_mm512_srli_epi64(a.limb[2], 24), _mm512_slli_epi64(a.limb[3], 28));
	w[3] = or (_mm512_srli_epi64(a.limb[3], 36), _mm512_slli_epi64(a.limb[4], 16));
}
