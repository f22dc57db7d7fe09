/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Public keys on the avx512ifma backend: the comb of comb.h over eight lanes, on the Edwards form
 * of the curve. A lane's table entry is chosen by permuting registers, so no address and no branch
 * depends on a secret. The addition is that of Hisil, Wong, Carter and Dawson (2008), section 3.1,
 * for a = -1, with all four coordinates halved; it is complete on this curve.
 */
#include "avx512ifma.h"
#include "comb.h"

/* Extended coordinates, x = X / Z, y = Y / Z, x y = T / Z, carries not made. */
struct edwards {
	struct sum x, y, z, t;
};

struct entry {
	struct fe coordinate[COMB_COORDINATES];
	__mmask8 negative;
};

static struct sum splat_words(const uint64_t word[4])
{
	const vec w[4] = {splat(word[0]), splat(word[1]), splat(word[2]), splat(word[3])};
	struct fe a = fe_unpack(w);

	return (struct sum){{a.limb[0], a.limb[1], a.limb[2], a.limb[3], a.limb[4]}};
}

static struct edwards start(void)
{
	struct sum one = {{splat(1)}};

	return (struct edwards){splat_words(lm_x25519_comb_start[0]),
				splat_words(lm_x25519_comb_start[1]), one,
				splat_words(lm_x25519_comb_start[2])};
}

/* K of a clamped scalar: m + 2^254, and m = 2^251 + bits 3 to 253 / 8. */
static void read_scalars(vec k[4], const struct lm_secret *secret, unsigned count)
{
	vec s[4];

	lm_x25519_ifma_load(s, secret, count);
	s[3] = or (and(s[3], splat(UINT64_MAX >> 2)), splat(UINT64_C(1) << 62));
	for (unsigned i = 0; i < 3; i++)
		k[i] = or (_mm512_srli_epi64(s[i], 3), _mm512_slli_epi64(s[i + 1], 61));
	k[3] = or (_mm512_srli_epi64(s[3], 3), splat(UINT64_C(1) << 62));
}

/* Digit i of K as a table entry: v >= 16 is +(2 (v - 16) + 1), v < 16 is -(2 (15 - v) + 1). */
static struct entry look_up(const vec k[4], unsigned i)
{
	unsigned word = 5 * i / 64, shift = 5 * i % 64;
	vec v = _mm512_srl_epi64(k[word], _mm_cvtsi32_si128((int)shift));
	struct entry entry;
	vec index;

	if (shift > 59)
		v = or (v, _mm512_sll_epi64(k[word + 1], _mm_cvtsi32_si128((int)(64 - shift))));
	entry.negative = _mm512_testn_epi64_mask(v, splat(16));
	index = _mm512_mask_xor_epi64(v, entry.negative, v, splat(15));
	for (unsigned c = 0; c < COMB_COORDINATES; c++) {
		vec w[4];

		for (unsigned j = 0; j < 4; j++) {
			const uint64_t *row = lm_x25519_comb[i][c][j];

			w[j] = _mm512_permutex2var_epi64(_mm512_load_si512(row), index,
							 _mm512_load_si512(row + LANES));
		}
		entry.coordinate[c] = fe_unpack(w);
	}
	return entry;
}

/* A negative entry has x negated: its first two coordinates change places, as do f and g. */
static struct edwards point_add(struct edwards p, struct entry q)
{
	struct fe *plus = &q.coordinate[COMB_PLUS], *minus = &q.coordinate[COMB_MINUS];
	struct sum a = fe_mul(carry(sum_sub(p.y, p.x)), fe_select(q.negative, *minus, *plus));
	struct sum b = fe_mul(carry(sum_add(p.y, p.x)), fe_select(q.negative, *plus, *minus));
	struct sum c = fe_mul(carry(p.t), q.coordinate[COMB_DXY]);
	struct fe e = carry(sum_sub(b, a)), h = carry(sum_add(b, a));
	struct fe less = carry(sum_sub(p.z, c)), more = carry(sum_add(p.z, c));
	struct fe f = fe_select(q.negative, less, more), g = fe_select(q.negative, more, less);

	return (struct edwards){fe_mul(e, f), fe_mul(g, h), fe_mul(f, g), fe_mul(e, h)};
}

/* u = (1 + y) / (1 - y) on the Montgomery form. */
static __attribute__((noinline)) void multiply_base(struct lm_point *out,
						    const struct lm_secret *secret, unsigned n)
{
	struct fe num[VECTORS], den[VECTORS];

	for (unsigned v = 0; v < (n + LANES - 1) / LANES; v++) {
		struct edwards sum = start();
		vec k[4];

		read_scalars(k, &secret[v * LANES], lanes_of(v, n));
		for (unsigned i = 0; i < COMB_DIGITS; i++)
			sum = point_add(sum, look_up(k, i));
		num[v] = carry(sum_add(sum.z, sum.y));
		den[v] = carry(sum_sub(sum.z, sum.y));
	}
	lm_x25519_ifma_quotients(out, num, den, n);
}

void lm_x25519_ifma_base(struct lm_point *out, const struct lm_secret *secret, unsigned n)
{
	multiply_base(out, secret, n);
	lm_x25519_ifma_wipe();
}
