/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One inversion, shared by up to eight elements (Montgomery's trick). It is by the division steps
 * of Bernstein and Yang ("Fast constant-time gcd computation and modular inversion", 2019) with the
 * start delta = 1/2: always 590 of them, in batches on 62 bits of f and g, of which each ends with
 * a multiplication by a matrix.
 *
 * Products modulo p are in five limbs of 51 bits; each is reduced below 2^52 a limb, so that the
 * 128-bit columns of the next stay below 5 * 19 * 2^104.
 */
#include "invert.h"

#define MASK51 ((UINT64_C(1) << 51) - 1)

typedef unsigned __int128 wide;

/* ---- Bernstein and Yang's division steps ---- */

#define MASK62      (INT64_MAX >> 1)
#define BATCHES     10
#define BATCH_STEPS 59 /* 590 steps suffice for numbers below 2^256 */

/* 1 / p modulo 2^62 */
#define P_INVERSE UINT64_C(0x39435e50d79435e5)

typedef __int128 signed_wide;

/* Limbs of 62 bits, the last with the sign. p is -19, 0, 0, 0, 2^7. */
struct number {
	int64_t l[5];
};

/* Some steps as a matrix, times 2^62: f, g become (u f + v g, q f + r g) / 2^62. */
struct matrix {
	int64_t u, v, q, r;
};

/*
 * Steps on the low 62 bits of f and g. With zeta = -(delta + 1/2): if delta > 0 and g is odd then
 * (delta, f, g) becomes (1 - delta, g, (g - f) / 2), else (1 + delta, f, (g + (g odd) f) / 2).
 * Instead of g, f and the matrix rows being halved, the first row is doubled.
 */
static int64_t divide_steps(struct matrix *m, int64_t zeta, uint64_t f, uint64_t g)
{
	uint64_t u = 8, v = 0, q = 0, r = 8; /* 62 - 59 doublings ahead */

	for (unsigned i = 0; i < BATCH_STEPS; i++) {
		uint64_t swap = (uint64_t)(zeta >> 63), odd = -(g & 1);

		g += ((f ^ swap) - swap) & odd;
		q += ((u ^ swap) - swap) & odd;
		r += ((v ^ swap) - swap) & odd;
		swap &= odd;
		zeta = (zeta ^ (int64_t)swap) - 1;
		f += g & swap;
		u += q & swap;
		v += r & swap;
		g >>= 1;
		u <<= 1;
		v <<= 1;
	}
	*m = (struct matrix){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
	return zeta;
}

/* (f, g) = m (f, g) / 2^62, which is exact. */
static void apply(struct number *f, struct number *g, const struct matrix *m)
{
	signed_wide cf = (signed_wide)m->u * f->l[0] + (signed_wide)m->v * g->l[0];
	signed_wide cg = (signed_wide)m->q * f->l[0] + (signed_wide)m->r * g->l[0];

	for (unsigned i = 1; i < 5; i++) {
		cf = (cf >> 62) + (signed_wide)m->u * f->l[i] + (signed_wide)m->v * g->l[i];
		cg = (cg >> 62) + (signed_wide)m->q * f->l[i] + (signed_wide)m->r * g->l[i];
		f->l[i - 1] = (int64_t)cf & MASK62;
		g->l[i - 1] = (int64_t)cg & MASK62;
	}
	f->l[4] = (int64_t)(cf >> 62);
	g->l[4] = (int64_t)(cg >> 62);
}

/* The multiple of p that makes low divisible by 2^62, near to what keeps the sum within +-p. */
static int64_t multiple(int64_t near, signed_wide low)
{
	return near - (int64_t)((P_INVERSE * (uint64_t)low + (uint64_t)near) & MASK62);
}

/* (d, e) = m (d, e) / 2^62 modulo p, with d and e in (-2 p, p) before and after. */
static void apply_modulo_p(struct number *d, struct number *e, const struct matrix *m)
{
	int64_t sd = d->l[4] >> 63, se = e->l[4] >> 63;
	signed_wide cd = (signed_wide)m->u * d->l[0] + (signed_wide)m->v * e->l[0];
	signed_wide ce = (signed_wide)m->q * d->l[0] + (signed_wide)m->r * e->l[0];
	int64_t md = multiple((m->u & sd) + (m->v & se), cd);
	int64_t me = multiple((m->q & sd) + (m->r & se), ce);

	cd -= (signed_wide)19 * md;
	ce -= (signed_wide)19 * me;
	for (unsigned i = 1; i < 5; i++) {
		cd = (cd >> 62) + (signed_wide)m->u * d->l[i] + (signed_wide)m->v * e->l[i];
		ce = (ce >> 62) + (signed_wide)m->q * d->l[i] + (signed_wide)m->r * e->l[i];
		if (i == 4) {
			cd += (signed_wide)md * 128;
			ce += (signed_wide)me * 128;
		}
		d->l[i - 1] = (int64_t)cd & MASK62;
		e->l[i - 1] = (int64_t)ce & MASK62;
	}
	d->l[4] = (int64_t)(cd >> 62);
	e->l[4] = (int64_t)(ce >> 62);
}

/* Adds p if d is negative, then negates if sign is all ones; limbs end within 62 bits. */
static void add_p_if_negative(struct number *d, int64_t sign)
{
	int64_t negative = d->l[4] >> 63;

	d->l[0] -= 19 & negative;
	d->l[4] += 128 & negative;
	for (unsigned i = 0; i < 5; i++)
		d->l[i] = (d->l[i] ^ sign) - sign;
	for (unsigned i = 0; i < 4; i++) {
		d->l[i + 1] += d->l[i] >> 62;
		d->l[i] &= MASK62;
	}
}

/* 1 / a modulo p, 0 for 0; words below p in and out. */
static void invert(uint64_t w[4])
{
	struct number f = {{-19, 0, 0, 0, 128}}, d = {{0}}, e = {{1}};
	struct number g = {{
		(int64_t)w[0] & MASK62,
		(int64_t)(w[0] >> 62 | w[1] << 2) & MASK62,
		(int64_t)(w[1] >> 60 | w[2] << 4) & MASK62,
		(int64_t)(w[2] >> 58 | w[3] << 6) & MASK62,
		(int64_t)(w[3] >> 56),
	}};
	int64_t zeta = -1;

	for (unsigned i = 0; i < BATCHES; i++) {
		struct matrix m;

		zeta = divide_steps(&m, zeta, (uint64_t)f.l[0], (uint64_t)g.l[0]);
		apply_modulo_p(&d, &e, &m);
		apply(&f, &g, &m);
	}
	/* Now g is 0 and f is 1 or -1: d is the inverse, up to that sign. */
	add_p_if_negative(&d, f.l[4] >> 63);
	add_p_if_negative(&d, 0);
	w[0] = (uint64_t)d.l[0] | (uint64_t)d.l[1] << 62;
	w[1] = (uint64_t)d.l[1] >> 2 | (uint64_t)d.l[2] << 60;
	w[2] = (uint64_t)d.l[2] >> 4 | (uint64_t)d.l[3] << 58;
	w[3] = (uint64_t)d.l[3] >> 6 | (uint64_t)d.l[4] << 56;
}

/* ---- Montgomery's trick ---- */

struct element {
	uint64_t l[5];
};

static inline struct element carry(wide c0, wide c1, wide c2, wide c3, wide c4)
{
	struct element r;

	c1 += (uint64_t)(c0 >> 51);
	c2 += (uint64_t)(c1 >> 51);
	c3 += (uint64_t)(c2 >> 51);
	c4 += (uint64_t)(c3 >> 51);
	r.l[0] = ((uint64_t)c0 & MASK51) + 19 * (uint64_t)(c4 >> 51);
	r.l[1] = ((uint64_t)c1 & MASK51) + (r.l[0] >> 51);
	r.l[0] &= MASK51;
	r.l[2] = (uint64_t)c2 & MASK51;
	r.l[3] = (uint64_t)c3 & MASK51;
	r.l[4] = (uint64_t)c4 & MASK51;
	return r;
}

static struct element multiply(struct element a, struct element b)
{
	uint64_t a0 = a.l[0], a1 = a.l[1], a2 = a.l[2], a3 = a.l[3], a4 = a.l[4];
	uint64_t b0 = b.l[0], b1 = b.l[1], b2 = b.l[2], b3 = b.l[3], b4 = b.l[4];
	uint64_t f1 = 19 * b1, f2 = 19 * b2, f3 = 19 * b3, f4 = 19 * b4;

	return carry((wide)a0 * b0 + (wide)a1 * f4 + (wide)a2 * f3 + (wide)a3 * f2 + (wide)a4 * f1,
		     (wide)a0 * b1 + (wide)a1 * b0 + (wide)a2 * f4 + (wide)a3 * f3 + (wide)a4 * f2,
		     (wide)a0 * b2 + (wide)a1 * b1 + (wide)a2 * b0 + (wide)a3 * f4 + (wide)a4 * f3,
		     (wide)a0 * b3 + (wide)a1 * b2 + (wide)a2 * b1 + (wide)a3 * b0 + (wide)a4 * f4,
		     (wide)a0 * b4 + (wide)a1 * b3 + (wide)a2 * b2 + (wide)a3 * b1 + (wide)a4 * b0);
}

static struct element unpack(const uint64_t w[4])
{
	return (struct element){{
		w[0] & MASK51,
		(w[0] >> 51 | w[1] << 13) & MASK51,
		(w[1] >> 38 | w[2] << 26) & MASK51,
		(w[2] >> 25 | w[3] << 39) & MASK51,
		w[3] >> 12 & MASK51,
	}};
}

/* The value below p, from limbs of which only limb 1 may be up to 2^51 + 2^8. */
static void pack(uint64_t w[4], struct element a)
{
	uint64_t l[5], carried = 19;

	/* Adding 19 carries out of 2^255 exactly if the value is p or more. */
	for (unsigned i = 0; i < 5; i++)
		carried = (a.l[i] + carried) >> 51;
	carried *= 19;
	for (unsigned i = 0; i < 5; i++) {
		carried += a.l[i];
		l[i] = carried & MASK51;
		carried >>= 51;
	}
	w[0] = l[0] | l[1] << 51;
	w[1] = l[1] >> 13 | l[2] << 38;
	w[2] = l[2] >> 26 | l[3] << 25;
	w[3] = l[3] >> 39 | l[4] << 12;
}

void lm_x25519_invert(uint64_t (*z)[4], unsigned n)
{
	struct element value[8], before[8], inverse;

	for (unsigned i = 0; i < n; i++) {
		value[i] = unpack(z[i]);
		before[i] = i > 0 ? multiply(before[i - 1], value[i]) : value[0];
	}
	pack(z[0], before[n - 1]);
	invert(z[0]);
	inverse = unpack(z[0]);
	for (unsigned i = n; i-- > 1;) {
		pack(z[i], multiply(inverse, before[i - 1]));
		inverse = multiply(inverse, value[i]);
	}
	pack(z[0], inverse);
}
