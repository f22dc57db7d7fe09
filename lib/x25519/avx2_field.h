/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four elements of the field modulo p = 2^255 - 19 in nine vectors: radix 2^29, one element a lane
 * of 64 bits. README.md proves the bounds that the comments here state. Everything is constant
 * time.
 *
 * A carried element has limbs below 2^29, limb 8 below 2^23 and limb 0 below 2^29 + 2^17. Sums of
 * two such (limbs up to 2^30) and differences (up to 3 * 2^29) are factors as they are; fe_sqr_wide
 * is for squares of differences.
 */
#pragma once

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANES  4
#define LIMBS  9
#define MASK29 ((UINT64_C(1) << 29) - 1)
#define MASK23 ((UINT64_C(1) << 23) - 1)

typedef __m256i vec;

struct fe {
	vec limb[LIMBS];
};

static inline vec splat(uint64_t x)
{
	return _mm256_set1_epi64x((long long)x);
}

static inline vec add(vec a, vec b)
{
	return _mm256_add_epi64(a, b);
}

static inline vec and (vec a, vec b)
{
	return _mm256_and_si256(a, b);
}

static inline vec or (vec a, vec b)
{
	return _mm256_or_si256(a, b);
}

static inline vec mul(vec a, vec b)
{
	return _mm256_mul_epu32(a, b);
}

/* z + a * b, of the low 32 bits of a and b */
static inline vec mul_add(vec z, vec a, vec b)
{
	return add(z, mul(a, b));
}

/*
 * The end of every product: column i < 9 comes with what column i + 9 adds to it already. Carries
 * from column to column; 2^255 is 19. Column 8 gives up its bits above 32 first (2^264 is 9728), so
 * that its last carry is small.
 */
static inline vec carry(vec *carried, vec column)
{
	column = add(column, *carried);
	*carried = _mm256_srli_epi64(column, 29);
	return and(column, splat(MASK29));
}

static inline struct fe carry_end(struct fe r, vec column8, vec carried)
{
	column8 = add(column8, carried);
	r.limb[8] = and(column8, splat(MASK23));
	r.limb[0] = mul_add(r.limb[0], _mm256_srli_epi64(column8, 23), splat(19));
	return r;
}

/* What column 16 adds to column 7, at once: limbs 8 are short, and 1216 is 19 * 2^6. */
static inline vec column16(vec a, vec b)
{
	return _mm256_slli_epi64(mul(a, mul(b, splat(19))), 6);
}

/* a * b */
static inline __attribute__((always_inline)) struct fe fe_mul(const struct fe *a,
							      const struct fe *b)
{
	const vec *x = a->limb, *y = b->limb;
	vec column8 = mul(x[0], y[8]), above, carried;
	struct fe r;

#pragma GCC unroll 16
	for (int i = 1; i < LIMBS; i++)
		column8 = mul_add(column8, x[i], y[8 - i]);
	carried = mul(_mm256_srli_epi64(column8, 32), splat(9728));
	column8 = and(column8, splat(UINT32_MAX));
	above = _mm256_setzero_si256();
#pragma GCC unroll 16
	for (int k = 0; k < 8; k++) {
		vec low = mul(x[0], y[k]),
		    high = k < 7 ? mul(x[k + 1], y[8]) : column16(x[8], y[8]);

#pragma GCC unroll 16
		for (int i = 1; i <= k; i++)
			low = mul_add(low, x[i], y[k - i]);
#pragma GCC unroll 16
		for (int i = k + 2; i < LIMBS; i++)
			high = mul_add(high, x[i], y[k + 9 - i]);
		low = add(low, above);
		if (k < 7) {
			low = mul_add(low, high, splat(1216));
			above = mul(_mm256_srli_epi64(high, 32), splat(9728));
		} else {
			low = add(low, high);
		}
		r.limb[k] = carry(&carried, low);
	}
	return carry_end(r, column8, carried);
}

/*
 * start + a * a, where start is left out if NULL. wide: a may be a difference, and the eight large
 * products of column 7 are summed in two halves, as together they can pass 2^64.
 */
static inline __attribute__((always_inline)) struct fe sqr(const struct fe *a, const vec *start,
							   bool wide)
{
	const vec *x = a->limb;
	vec twice[8], column8, above, carried, extra = _mm256_setzero_si256();
	struct fe r;

#pragma GCC unroll 16
	for (int i = 0; i < 8; i++)
		twice[i] = add(x[i], x[i]);
	column8 = mul(x[4], x[4]);
#pragma GCC unroll 16
	for (int i = 0; i < 4; i++)
		column8 = mul_add(column8, twice[i], x[8 - i]);
	if (start)
		column8 = add(column8, start[8]);
	carried = mul(_mm256_srli_epi64(column8, 32), splat(9728));
	column8 = and(column8, splat(UINT32_MAX));
	above = _mm256_setzero_si256();
#pragma GCC unroll 16
	for (int k = 0; k < 8; k++) {
		vec low, high;

		if (k % 2 == 0) {
			low = mul(x[k / 2], x[k / 2]);
			high = mul(twice[k + 1], x[8]);
		} else {
			low = mul(twice[0], x[k]);
			high = k < 7 ? mul(x[(k + 9) / 2], x[(k + 9) / 2]) : column16(x[8], x[8]);
		}
#pragma GCC unroll 16
		for (int i = k % 2; 2 * i < k; i++)
			if (!wide || k < 7 || i < 2)
				low = mul_add(low, twice[i], x[k - i]);
#pragma GCC unroll 16
		for (int i = k % 2 == 0 ? k + 2 : k + 1; 2 * i < k + 9; i++)
			high = mul_add(high, twice[i], x[k + 9 - i]);
		if (start)
			low = add(low, start[k]);
		if (wide && k == 7) {
			vec half = mul_add(mul_add(carried, twice[2], x[5]), twice[3], x[4]);

			carried = and(half, splat(MASK29));
			extra = _mm256_srli_epi64(half, 29);
		}
		low = add(low, above);
		if (k < 7) {
			low = mul_add(low, high, splat(1216));
			above = mul(_mm256_srli_epi64(high, 32), splat(9728));
		} else {
			low = add(low, high);
		}
		r.limb[k] = carry(&carried, low);
	}
	if (wide)
		carried = add(carried, extra);
	return carry_end(r, column8, carried);
}

/* times[i] is 2^(29 i) * the other factor, carried: so there are no columns above 8. */
static inline __attribute__((always_inline)) struct fe fe_mul_table(const struct fe *a,
								    const struct fe times[LIMBS])
{
	vec column8 = mul(a->limb[0], times[0].limb[8]), carried;
	struct fe r;

#pragma GCC unroll 16
	for (int i = 1; i < LIMBS; i++)
		column8 = mul_add(column8, a->limb[i], times[i].limb[8]);
	carried = mul(_mm256_srli_epi64(column8, 32), splat(9728));
	column8 = and(column8, splat(UINT32_MAX));
#pragma GCC unroll 16
	for (int k = 0; k < 8; k++) {
		vec low = mul(a->limb[0], times[0].limb[k]);

#pragma GCC unroll 16
		for (int i = 1; i < LIMBS; i++)
			low = mul_add(low, a->limb[i], times[i].limb[k]);
		r.limb[k] = carry(&carried, low);
	}
	return carry_end(r, column8, carried);
}

static inline struct fe fe_add(const struct fe *a, const struct fe *b)
{
	struct fe r;

	for (int i = 0; i < LIMBS; i++)
		r.limb[i] = add(a->limb[i], b->limb[i]);
	return r;
}

/* Limb i of 2 p, in limbs that are larger than any carried element's. */
static inline uint64_t twice_p(int i)
{
	if (i == 0)
		return (UINT64_C(1) << 30) - 38;
	return (UINT64_C(1) << (i < 8 ? 30 : 24)) - 2;
}

/* a - b + 2 p, of carried elements */
static inline struct fe fe_sub(const struct fe *a, const struct fe *b)
{
	struct fe r;

	for (int i = 0; i < LIMBS; i++)
		r.limb[i] = add(_mm256_sub_epi64(a->limb[i], b->limb[i]), splat(twice_p(i)));
	return r;
}

/* The same element, carried. */
static inline struct fe fe_carry(struct fe a)
{
	vec carried = _mm256_setzero_si256();

	for (int i = 0; i < 8; i++)
		a.limb[i] = carry(&carried, a.limb[i]);
	return carry_end(a, a.limb[8], carried);
}
