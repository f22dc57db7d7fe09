/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The avx2 backend of lib/x25519: four lanes, Montgomery's ladder in radix 2^29.
 *
 * A burst runs one ladder a vector, then divides X by Z for all of its vectors with one inversion.
 * All state lives on the stack, is secret, and is wiped with the registers once per burst.
 */
#include <string.h>

#include "avx2.h"
#include "invert.h"
#include "usable.h"

/* Curve25519 is v^2 = u^3 + 486662 u^2 + u; (486662 - 2) / 4. */
#define A24 121665

/* What the burst's functions may have used below its frame; a test looks for more. */
#define STACK_USED 32768

/* The scalar's bits that the loop takes: 253 to 3. The others are known once clamped. */
#define STEPS 251

/* ---- vectors of items ---- */

void lm_x25519_avx2_load(vec w[4], const void *items, unsigned count)
{
	uint64_t word[4][LANES] = {{0}};

	for (unsigned lane = 0; lane < count; lane++)
		for (unsigned i = 0; i < 4; i++)
			memcpy(&word[i][lane], (const uint8_t *)items + 32 * lane + 8 * i, 8);
	for (unsigned i = 0; i < 4; i++)
		w[i] = _mm256_loadu_si256((const vec *)word[i]);
}

static void store(void *items, const vec w[4], unsigned count)
{
	uint64_t word[4][LANES];

	for (unsigned i = 0; i < 4; i++)
		_mm256_storeu_si256((vec *)word[i], w[i]);
	for (unsigned lane = 0; lane < count; lane++)
		for (unsigned i = 0; i < 4; i++)
			memcpy((uint8_t *)items + 32 * lane + 8 * i, &word[i][lane], 8);
}

struct fe lm_x25519_avx2_unpack(const vec w[4])
{
	struct fe r;

	for (int i = 0; i < LIMBS; i++) {
		int word = 29 * i / 64, shift = 29 * i % 64;
		vec limb = _mm256_srli_epi64(w[word], shift);

		if (shift > 35 && word < 3)
			limb = or (limb, _mm256_slli_epi64(w[word + 1], 64 - shift));
		r.limb[i] = and(limb, splat(i < 8 ? MASK29 : MASK23));
	}
	return r;
}

/* The words of a carried element, below p. */
static void pack(vec w[4], const struct fe *a)
{
	vec over = splat(19), carried;

	/* The value is below 2 p; adding 19 carries out of 2^255 exactly if it is p or more. */
	for (int i = 0; i < LIMBS; i++)
		over = _mm256_srli_epi64(add(over, a->limb[i]), i < 8 ? 29 : 23);
	carried = mul(over, splat(19));
	for (int i = 0; i < 4; i++)
		w[i] = _mm256_setzero_si256();
	for (int i = 0; i < LIMBS; i++) {
		int word = 29 * i / 64, shift = 29 * i % 64;
		vec limb;

		carried = add(carried, a->limb[i]);
		limb = and(carried, splat(i < 8 ? MASK29 : MASK23));
		carried = _mm256_srli_epi64(carried, 29);
		w[word] = or (w[word], _mm256_slli_epi64(limb, shift));
		if (shift > 35 && word < 3)
			w[word + 1] = or (w[word + 1], _mm256_srli_epi64(limb, 64 - shift));
	}
}

/* ---- division ---- */

static __attribute__((noinline)) struct fe multiply(const struct fe *a, const struct fe *b)
{
	return fe_mul(a, b);
}

/* All bits of the lanes in which the words are all zero. */
static vec zero_lanes(const vec w[4])
{
	return _mm256_cmpeq_epi64(or (or (w[0], w[1]), or (w[2], w[3])), _mm256_setzero_si256());
}

static struct fe invert(const struct fe *a)
{
	uint64_t word[4][LANES], z[LANES][4];
	vec w[4];

	pack(w, a);
	for (unsigned i = 0; i < 4; i++)
		_mm256_storeu_si256((vec *)word[i], w[i]);
	for (unsigned lane = 0; lane < LANES; lane++)
		for (unsigned i = 0; i < 4; i++)
			z[lane][i] = word[i][lane];
	lm_x25519_invert(z, LANES);
	lm_x25519_avx2_load(w, z, LANES);
	return lm_x25519_avx2_unpack(w);
}

/* Montgomery's trick. A denominator of zero counts as 1, so that it harms no neighbour. */
uint64_t lm_x25519_avx2_quotients(struct lm_point *out, struct fe num[VECTORS],
				  struct fe den[VECTORS], unsigned n)
{
	unsigned vectors = (n + LANES - 1) / LANES;
	struct fe before[VECTORS], inverse;
	vec zero[VECTORS], w[4];
	uint64_t good = 0;

	for (unsigned v = 0; v < vectors; v++) {
		pack(w, &den[v]);
		zero[v] = zero_lanes(w);
		den[v].limb[0] = _mm256_blendv_epi8(den[v].limb[0], splat(1), zero[v]);
		for (int i = 1; i < LIMBS; i++)
			den[v].limb[i] = _mm256_andnot_si256(zero[v], den[v].limb[i]);
		before[v] = v > 0 ? multiply(&before[v - 1], &den[v]) : den[0];
	}
	inverse = invert(&before[vectors - 1]);
	for (unsigned v = vectors; v-- > 0;) {
		struct fe q = v > 0 ? multiply(&inverse, &before[v - 1]) : inverse;

		inverse = multiply(&inverse, &den[v]);
		q = multiply(&q, &num[v]);
		pack(w, &q);
		for (int i = 0; i < 4; i++)
			w[i] = _mm256_andnot_si256(zero[v], w[i]);
		store(out + v * LANES, w, lanes_of(v, n));
		good |= (uint64_t)(~_mm256_movemask_pd(_mm256_castsi256_pd(zero_lanes(w))) & 0xf)
			<< (v * LANES);
	}
	return good & (UINT64_MAX >> (64 - n));
}

/* ---- the ladder ---- */

/* A point's X + Z and X - Z. */
struct half {
	struct fe plus, minus;
};

/* R0 and R1 as the last step left them: its double and its sum. */
struct ladder {
	struct half twice, sum;
	struct fe times[LIMBS]; /* 2^(29 i) * x */
};

static inline struct half choose(vec swap, const struct half *a, const struct half *b)
{
	struct half r;

	for (int i = 0; i < LIMBS; i++) {
		r.plus.limb[i] = _mm256_blendv_epi8(a->plus.limb[i], b->plus.limb[i], swap);
		r.minus.limb[i] = _mm256_blendv_epi8(a->minus.limb[i], b->minus.limb[i], swap);
	}
	return r;
}

/*
 * The second half of doubling: with AA and BB the squares of a point's halves and E = AA - BB the
 * double's halves are AA^2 + A24 E^2 and BB^2 - (A24 + 1) E^2.
 */
static inline __attribute__((always_inline)) struct half
double_end(const struct fe *aa, const struct fe *bb, const struct fe *ee)
{
	vec plus[LIMBS], minus[LIMBS];

	for (int i = 0; i < LIMBS; i++) {
		plus[i] = mul(ee->limb[i], splat(A24));
		minus[i] =
			_mm256_sub_epi64(splat(twice_p(i) << 17), mul(ee->limb[i], splat(A24 + 1)));
	}
	return (struct half){sqr(aa, plus, false), sqr(bb, minus, false)};
}

static struct half point_double(const struct half *p)
{
	struct fe aa = sqr(&p->plus, NULL, false), bb = sqr(&p->minus, NULL, true);
	struct fe e = fe_sub(&aa, &bb), ee = sqr(&e, NULL, true);

	return double_end(&aa, &bb, &ee);
}

/* In an order in which no product waits for the one before it; measured against a dozen others. */
static inline __attribute__((always_inline)) void ladder_step(struct ladder *l, vec swap)
{
	struct half p = choose(swap, &l->twice, &l->sum);
	struct fe da = fe_mul(&l->sum.minus, &l->twice.plus);
	struct fe aa = sqr(&p.plus, NULL, false);
	struct fe cb = fe_mul(&l->sum.plus, &l->twice.minus);
	struct fe bb = sqr(&p.minus, NULL, true);
	struct fe s = fe_add(&da, &cb), r = fe_sub(&da, &cb), e = fe_sub(&aa, &bb);
	struct fe rr = sqr(&r, NULL, true), ee = sqr(&e, NULL, true);
	struct fe x = sqr(&s, NULL, false), z = fe_mul_table(&rr, l->times);

	l->twice = double_end(&aa, &bb, &ee);
	l->sum.plus = fe_add(&x, &z);
	l->sum.minus = fe_sub(&x, &z);
}

/* All bits of the lanes whose scalar has this bit. */
static inline vec bit_of(const vec k[4], unsigned bit)
{
	vec one = _mm256_srl_epi64(k[bit / 64], _mm_cvtsi32_si128((int)(bit % 64)));

	return _mm256_sub_epi64(_mm256_setzero_si256(), and(one, splat(1)));
}

/* Bit 254 of a clamped scalar is set, so R0 is the point; then R1 is its double. */
static void ladder_start(struct ladder *l, const struct fe *x)
{
	struct fe one = {{splat(1)}};

	l->sum = (struct half){fe_add(x, &one), fe_sub(x, &one)};
	l->twice = point_double(&l->sum);
	l->times[0] = *x;
	for (int i = 1; i < LIMBS; i++) {
		const struct fe *low = &l->times[i - 1];
		struct fe *up = &l->times[i];

		/* Limb 8 becomes column 9, which is 1216 times column 0, below 2^40. */
		vec carried = _mm256_setzero_si256();

		up->limb[0] = carry(&carried, mul(low->limb[8], splat(1216)));
		for (int j = 1; j < 8; j++)
			up->limb[j] = carry(&carried, low->limb[j - 1]);
		*up = carry_end(*up, low->limb[7], carried);
	}
}

/* Bits 2 to 0 of a clamped scalar are clear: three doubles of R0, then twice X and twice Z. */
static void ladder_end(struct fe *num, struct fe *den, const struct ladder *l, vec last)
{
	struct half p = choose(last, &l->twice, &l->sum);

	for (int i = 0; i < 3; i++)
		p = point_double(&p);
	*num = fe_carry(fe_add(&p.plus, &p.minus));
	*den = fe_carry(fe_sub(&p.plus, &p.minus));
}

/* step is 0 for one secret for all items, 1 for one each. */
static __attribute__((noinline)) uint64_t multiply_points(struct lm_point *out,
							  const struct lm_secret *secret,
							  unsigned step,
							  const struct lm_point *point, unsigned n)
{
	struct fe num[VECTORS], den[VECTORS];

	for (unsigned v = 0; v < (n + LANES - 1) / LANES; v++) {
		unsigned first = v * LANES, count = lanes_of(v, n);
		vec k[4], w[4], above = splat(UINT64_MAX), now;
		struct ladder ladder;
		struct fe x;

		if (step > 0)
			lm_x25519_avx2_load(k, &secret[first], count);
		else
			for (int i = 0; i < 4; i++) {
				uint64_t word;

				memcpy(&word, secret->b + 8 * i, 8);
				k[i] = splat(word);
			}
		lm_x25519_avx2_load(w, &point[first], count);
		x = lm_x25519_avx2_unpack(w);
		ladder_start(&ladder, &x);
		for (unsigned i = 0; i < STEPS; i++) {
			now = bit_of(k, 253 - i);
			ladder_step(&ladder, _mm256_xor_si256(now, above));
			above = now;
		}
		ladder_end(&num[v], &den[v], &ladder, above);
	}
	return lm_x25519_avx2_quotients(out, num, den, n);
}

/* ---- wiping ---- */

void lm_x25519_avx2_wipe(void)
{
	lm_wipe_stack(STACK_USED);
	lm_wipe_registers();
}

static uint64_t avx2_burst(struct lm_point *out, const struct lm_secret *secret,
			   const struct lm_point *point, unsigned n)
{
	uint64_t good = multiply_points(out, secret, 0, point, n);

	lm_x25519_avx2_wipe();
	return good;
}

static uint64_t avx2_each(struct lm_point *out, const struct lm_secret *secret,
			  const struct lm_point *point, unsigned n)
{
	uint64_t good = multiply_points(out, secret, 1, point, n);

	lm_x25519_avx2_wipe();
	return good;
}

const struct lm_x25519_backend lm_x25519_avx2 = {
	.name = "avx2",
	.usable = lm_x25519_avx2_usable,
	.burst = avx2_burst,
	.each = avx2_each,
	.base = lm_x25519_avx2_base,
};
