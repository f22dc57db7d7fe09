/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Public keys on the avx2 backend: the comb of comb.h over four lanes, as avx512ifma_base.c has it
 * over eight. A lane's table entry is chosen by permuting registers, so no address and no branch
 * depends on a secret.
 */
#include "avx2.h"
#include "comb.h"

/* Extended coordinates, x = X / Z, y = Y / Z, x y = T / Z. */
struct edwards {
	struct fe x, y, z, t;
};

struct entry {
	struct fe coordinate[COMB_COORDINATES];
	vec negative;
};

static struct fe splat_words(const uint64_t word[4])
{
	const vec w[4] = {splat(word[0]), splat(word[1]), splat(word[2]), splat(word[3])};

	return lm_x25519_avx2_unpack(w);
}

static struct edwards start(void)
{
	const struct fe one = {{splat(1)}};

	return (struct edwards){splat_words(lm_x25519_comb_start[0]),
				splat_words(lm_x25519_comb_start[1]), one,
				splat_words(lm_x25519_comb_start[2])};
}

/* K of a clamped scalar: m + 2^254, and m = 2^251 + bits 3 to 253 / 8. */
static void read_scalars(vec k[4], const struct lm_secret *secret, unsigned count)
{
	vec s[4];

	lm_x25519_avx2_load(s, secret, count);
	s[3] = or (and(s[3], splat(UINT64_MAX >> 2)), splat(UINT64_C(1) << 62));
	for (unsigned i = 0; i < 3; i++)
		k[i] = or (_mm256_srli_epi64(s[i], 3), _mm256_slli_epi64(s[i + 1], 61));
	k[3] = or (_mm256_srli_epi64(s[3], 3), splat(UINT64_C(1) << 62));
}

/* Sixteen words, of which each lane takes the one that its pick names. */
struct pick {
	vec pair;       /* which two of eight half words */
	vec bit2, bit3; /* all bits set, or none */
};

static struct pick make_pick(vec index)
{
	const vec zero = _mm256_setzero_si256();
	vec even = _mm256_slli_epi64(and(index, splat(3)), 1);

	return (struct pick){
		add(or (even, _mm256_slli_epi64(even, 32)), splat(UINT64_C(1) << 32)),
		_mm256_sub_epi64(zero, and(_mm256_srli_epi64(index, 2), splat(1))),
		_mm256_sub_epi64(zero, and(_mm256_srli_epi64(index, 3), splat(1))),
	};
}

static inline vec pick_word(const uint64_t row[COMB_POINTS], const struct pick *pick)
{
	vec quarter[4];

	for (int i = 0; i < 4; i++)
		quarter[i] =
			_mm256_permutevar8x32_epi32(_mm256_load_si256((const vec *)(row + 4 * i)),
						    pick->pair);
	return _mm256_blendv_epi8(_mm256_blendv_epi8(quarter[0], quarter[1], pick->bit2),
				  _mm256_blendv_epi8(quarter[2], quarter[3], pick->bit2),
				  pick->bit3);
}

/* Digit i of K as a table entry: v >= 16 is +(2 (v - 16) + 1), v < 16 is -(2 (15 - v) + 1). */
static struct entry look_up(const vec k[4], unsigned i)
{
	unsigned word = 5 * i / 64, shift = 5 * i % 64;
	vec v = _mm256_srl_epi64(k[word], _mm_cvtsi32_si128((int)shift));
	struct entry entry;
	struct pick pick;

	if (shift > 59)
		v = or (v, _mm256_sll_epi64(k[word + 1], _mm_cvtsi32_si128((int)(64 - shift))));
	entry.negative = _mm256_cmpeq_epi64(and(v, splat(16)), _mm256_setzero_si256());
	pick = make_pick(_mm256_xor_si256(v, and(entry.negative, splat(15))));
	for (unsigned c = 0; c < COMB_COORDINATES; c++) {
		vec w[4];

		for (unsigned j = 0; j < 4; j++)
			w[j] = pick_word(lm_x25519_comb[i][c][j], &pick);
		entry.coordinate[c] = lm_x25519_avx2_unpack(w);
	}
	return entry;
}

/* a in the lanes where mask is clear, b where it is set */
static inline struct fe choose(vec mask, const struct fe *a, const struct fe *b)
{
	struct fe r;

	for (int i = 0; i < LIMBS; i++)
		r.limb[i] = _mm256_blendv_epi8(a->limb[i], b->limb[i], mask);
	return r;
}

static __attribute__((noinline)) struct fe multiply(struct fe a, struct fe b)
{
	return fe_mul(&a, &b);
}

/* A negative entry has x negated: its first two coordinates change places, as do f and g. */
static struct edwards point_add(const struct edwards *p, const struct entry *q)
{
	const struct fe *plus = &q->coordinate[COMB_PLUS], *minus = &q->coordinate[COMB_MINUS];
	struct fe a = multiply(fe_sub(&p->y, &p->x), choose(q->negative, minus, plus));
	struct fe b = multiply(fe_add(&p->y, &p->x), choose(q->negative, plus, minus));
	struct fe c = multiply(p->t, q->coordinate[COMB_DXY]);
	struct fe e = fe_carry(fe_sub(&b, &a)), h = fe_add(&b, &a);
	struct fe less = fe_sub(&p->z, &c), more = fe_add(&p->z, &c);
	struct fe f = choose(q->negative, &less, &more), g = choose(q->negative, &more, &less);

	return (struct edwards){multiply(e, f), multiply(g, h), multiply(f, g), multiply(e, h)};
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
		for (unsigned i = 0; i < COMB_DIGITS; i++) {
			struct entry entry = look_up(k, i);

			sum = point_add(&sum, &entry);
		}
		num[v] = fe_carry(fe_add(&sum.z, &sum.y));
		den[v] = fe_carry(fe_sub(&sum.z, &sum.y));
	}
	lm_x25519_avx2_quotients(out, num, den, n);
}

void lm_x25519_avx2_base(struct lm_point *out, const struct lm_secret *secret, unsigned n)
{
	multiply_base(out, secret, n);
	lm_x25519_avx2_wipe();
}
