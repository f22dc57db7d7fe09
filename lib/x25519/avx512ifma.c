/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The avx512ifma backend of lib/x25519: eight lanes, Montgomery's ladder in radix 2^52.
 *
 * A burst runs one ladder a vector, then divides X by Z for all of its vectors with one inversion.
 * All state lives on the stack, is secret, and is wiped with the registers once per burst.
 */
#include <string.h>

#include "avx512ifma.h"
#include "ifma_ladder.h"
#include "invert.h"
#include "usable.h"

/* Curve25519 is v^2 = u^3 + 486662 u^2 + u; (486662 - 2) / 4. */
#define A24 121665

/* What the burst's functions may have used below its frame; a test looks for more. */
#define STACK_USED 32768

/* ---- vectors of items ---- */

void lm_x25519_ifma_load(vec w[4], const void *items, unsigned count)
{
	uint64_t word[4][LANES] = {{0}};

	for (unsigned lane = 0; lane < count; lane++)
		for (unsigned i = 0; i < 4; i++)
			memcpy(&word[i][lane], (const uint8_t *)items + 32 * lane + 8 * i, 8);
	for (unsigned i = 0; i < 4; i++)
		w[i] = _mm512_loadu_si512(word[i]);
}

static void store(void *items, const vec w[4], unsigned count)
{
	uint64_t word[4][LANES];

	for (unsigned i = 0; i < 4; i++)
		_mm512_storeu_si512(word[i], w[i]);
	for (unsigned lane = 0; lane < count; lane++)
		for (unsigned i = 0; i < 4; i++)
			memcpy((uint8_t *)items + 32 * lane + 8 * i, &word[i][lane], 8);
}

/* ---- division ---- */

static __attribute__((noinline)) struct fe multiply(struct fe a, struct fe b)
{
	return carry(fe_mul(a, b));
}

/* Inverts the eight lanes one after the other: shorter than the chain of squares in vectors. */
static struct fe invert(struct fe a)
{
	uint64_t word[4][LANES], z[LANES][4];
	vec w[4];

	fe_pack(w, fe_canonical(a));
	for (unsigned i = 0; i < 4; i++)
		_mm512_storeu_si512(word[i], w[i]);
	for (unsigned lane = 0; lane < LANES; lane++)
		for (unsigned i = 0; i < 4; i++)
			z[lane][i] = word[i][lane];
	lm_x25519_invert(z, LANES);
	lm_x25519_ifma_load(w, z, LANES);
	return fe_unpack(w);
}

/* Montgomery's trick. A denominator of zero counts as 1, so that it harms no neighbour. */
uint64_t lm_x25519_ifma_quotients(struct lm_point *out, struct fe num[VECTORS],
				  struct fe den[VECTORS], unsigned n)
{
	unsigned vectors = (n + LANES - 1) / LANES;
	struct fe before[VECTORS], inverse;
	__mmask8 zero[VECTORS];
	uint64_t good = 0;

	for (unsigned v = 0; v < vectors; v++) {
		den[v] = fe_canonical(den[v]);
		zero[v] = fe_is_zero(den[v]);
		den[v].limb[0] = _mm512_mask_mov_epi64(den[v].limb[0], zero[v], splat(1));
		before[v] = v > 0 ? multiply(before[v - 1], den[v]) : den[0];
	}
	inverse = invert(before[vectors - 1]);
	for (unsigned v = vectors; v-- > 0;) {
		struct fe q = v > 0 ? multiply(inverse, before[v - 1]) : inverse;
		vec w[4];

		inverse = multiply(inverse, den[v]);
		q = fe_canonical(multiply(q, num[v]));
		fe_pack(w, q);
		for (unsigned i = 0; i < 4; i++)
			w[i] = _mm512_maskz_mov_epi64((__mmask8)~zero[v], w[i]);
		store(out + v * LANES, w, lanes_of(v, n));
		good |= (uint64_t)(__mmask8) ~(zero[v] | fe_is_zero(q)) << (v * LANES);
	}
	return good & (UINT64_MAX >> (64 - n));
}

/* ---- the ladder ---- */

/* The swap masks of a clamped scalar (RFC 7748, section 5) in each lane: bit i against bit i + 1.
 */
static void read_scalars(uint8_t swap[LADDER_STEPS], __mmask8 *last, const vec w[4])
{
	__mmask8 above = 0xff; /* bit 254 */

	for (unsigned i = 0; i < LADDER_STEPS; i++) {
		unsigned bit = 253 - i;
		__mmask8 now = _mm512_test_epi64_mask(w[bit / 64], splat(UINT64_C(1) << bit % 64));

		swap[i] = now ^ above;
		above = now;
	}
	*last = above;
}

/* X + Z and X - Z of a point to X and Z of its double. */
static void point_double(struct sum *x, struct sum *z, struct fe plus, struct fe minus)
{
	struct sum pp = fe_sqr(plus), mm = fe_sqr(minus);
	struct fe e = carry(sum_sub(pp, mm));

	*x = fe_mul(carry(pp), carry(mm));
	*z = fe_mul(e, carry(sum_add(pp, fe_mul_small(e, A24))));
}

static struct sum to_sum(struct fe a)
{
	return (struct sum){{a.limb[0], a.limb[1], a.limb[2], a.limb[3], a.limb[4]}};
}

/* The first double (bit 254 is set, so R0 is the point), and 2^(52 i) x for the loop. */
static void ladder_start(struct ifma_ladder *ladder, struct fe x)
{
	struct sum one = {{splat(1)}}, x2, z2;

	ladder->state[2] = carry(sum_add(to_sum(x), one));
	ladder->state[3] = carry(sum_sub(to_sum(x), one));
	point_double(&x2, &z2, ladder->state[2], ladder->state[3]);
	ladder->state[0] = carry(sum_add(x2, z2));
	ladder->state[1] = carry(sum_sub(x2, z2));

	ladder->times[0] = x;
	for (int i = 1; i < 5; i++) {
		const vec *limb = ladder->times[i - 1].limb;
		vec z[6] = {_mm512_setzero_si512(), limb[0], limb[1], limb[2], limb[3], limb[4]};
		struct fe up = carry(fold_top(z));

		for (int j = 0; j < 4; j++)
			up.limb[j] = and(up.limb[j], splat(MASK52));
		ladder->times[i] = up;
	}
}

/* Bits 2 to 0 of a clamped scalar are clear: three doubles of R0. */
static void ladder_end(struct fe *num, struct fe *den, const struct ifma_ladder *ladder,
		       __mmask8 last)
{
	struct fe plus = fe_select(last, ladder->state[0], ladder->state[2]);
	struct fe minus = fe_select(last, ladder->state[1], ladder->state[3]);
	struct sum x, z;

	for (int i = 0; i < 2; i++) {
		point_double(&x, &z, plus, minus);
		plus = carry(sum_add(x, z));
		minus = carry(sum_sub(x, z));
	}
	point_double(&x, &z, plus, minus);
	*num = carry(x);
	*den = carry(z);
}

/* step is 0 for one secret for all items, 1 for one each. */
static __attribute__((noinline)) uint64_t multiply_points(struct lm_point *out,
							  const struct lm_secret *secret,
							  unsigned step,
							  const struct lm_point *point, unsigned n)
{
	struct fe num[VECTORS], den[VECTORS];
	uint8_t swap[LADDER_STEPS];
	struct ifma_ladder ladder;
	__mmask8 last;
	vec w[4];

	for (unsigned v = 0; v < (n + LANES - 1) / LANES; v++) {
		unsigned first = v * LANES, count = lanes_of(v, n);

		if (step > 0)
			lm_x25519_ifma_load(w, &secret[first], count);
		else if (v == 0)
			for (unsigned i = 0; i < 4; i++) {
				uint64_t word;

				memcpy(&word, secret->b + 8 * i, 8);
				w[i] = splat(word);
			}
		if (step > 0 || v == 0)
			read_scalars(swap, &last, w);
		lm_x25519_ifma_load(w, &point[first], count);
		ladder_start(&ladder, fe_unpack(w));
		lm_x25519_ifma_ladder(&ladder, swap);
		ladder_end(&num[v], &den[v], &ladder, last);
	}
	return lm_x25519_ifma_quotients(out, num, den, n);
}

/* ---- wiping ---- */

void lm_x25519_ifma_wipe(void)
{
	lm_wipe_stack(STACK_USED);
	lm_wipe_registers();
}

static uint64_t ifma_burst(struct lm_point *out, const struct lm_secret *secret,
			   const struct lm_point *point, unsigned n)
{
	uint64_t good = multiply_points(out, secret, 0, point, n);

	lm_x25519_ifma_wipe();
	return good;
}

static uint64_t ifma_each(struct lm_point *out, const struct lm_secret *secret,
			  const struct lm_point *point, unsigned n)
{
	uint64_t good = multiply_points(out, secret, 1, point, n);

	lm_x25519_ifma_wipe();
	return good;
}

const struct lm_x25519_backend lm_x25519_avx512ifma = {
	.name = "avx512ifma",
	.usable = lm_x25519_avx512ifma_usable,
	.burst = ifma_burst,
	.each = ifma_each,
	.base = lm_x25519_ifma_base,
};
