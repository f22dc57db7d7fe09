/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compares every usable backend of lib/x25519 with libsodium on as many inputs as the argument says
 * (ten million if none): random points, and one in eight from x25519_edges.h, in bursts of random
 * size, half of them in place. Prints the seed's place and stops at the first difference.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "x25519_edges.h"

#define N LM_X25519_BURST

/* What one burst is asked, and the right answers. */
struct question {
	unsigned n;
	struct lm_secret secret[N];
	struct lm_point point[N];
	struct lm_point shared[N], each[N], base[N];
	uint64_t shared_good, each_good;
};

static uint64_t answer(struct lm_point *out, const struct lm_secret *secret,
		       const struct lm_point *point)
{
	if (crypto_scalarmult_curve25519(out->b, secret->b, point->b) == 0)
		return 1;
	memset(out, 0, sizeof(*out));
	return 0;
}

static void ask(struct question *q, struct lm_prng *prng)
{
	memset(q, 0, sizeof(*q));
	q->n = 1 + lm_prng_below(prng, N);
	lm_prng_bytes(prng, q->secret, sizeof(q->secret));
	lm_prng_bytes(prng, q->point, sizeof(q->point));
	for (unsigned i = 0; i < q->n; i++) {
		if (lm_prng_below(prng, 8) == 0)
			q->point[i] = x25519_edge(lm_prng_below(prng, x25519_edge_count()));
		q->shared_good |= answer(&q->shared[i], &q->secret[0], &q->point[i]) << i;
		q->each_good |= answer(&q->each[i], &q->secret[i], &q->point[i]) << i;
		if (crypto_scalarmult_curve25519_base(q->base[i].b, q->secret[i].b))
			abort();
	}
}

static bool same(const struct question *q, const char *what, const struct lm_point *got,
		 const struct lm_point *want, uint64_t got_good, uint64_t want_good)
{
	char text[3][65];

	for (unsigned i = 0; i < q->n; i++) {
		if (memcmp(&got[i], &want[i], sizeof(got[i])) == 0 &&
		    (got_good >> i & 1) == (want_good >> i & 1))
			continue;
		lm_hex_encode(text[0], &q->point[i], sizeof(q->point[i]));
		lm_hex_encode(text[1], &got[i], sizeof(got[i]));
		lm_hex_encode(text[2], &want[i], sizeof(want[i]));
		printf("%s, %s: item %u of %u, point %s gives %s, not %s\n", lm_x25519_selected(),
		       what, i, q->n, text[0], text[1], text[2]);
		return false;
	}
	return true;
}

static bool check(const struct question *q, bool in_place)
{
	struct lm_point out[N], *to = in_place ? memcpy(out, q->point, sizeof(out)) : out;
	const struct lm_point *from = in_place ? out : q->point;
	uint64_t good = lm_x25519_burst(to, &q->secret[0], from, q->n);

	if (!same(q, "shared", to, q->shared, good, q->shared_good))
		return false;
	memcpy(out, q->point, sizeof(out));
	good = lm_x25519_each_burst(to, q->secret, from, q->n);
	if (!same(q, "each", to, q->each, good, q->each_good))
		return false;
	lm_x25519_base_burst(to, q->secret, q->n);
	return same(q, "base", to, q->base, 0, 0);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000000, done = 0;
	struct lm_prng prng;
	struct question q;
	uint8_t seed[32];

	if (lm_base_init(NULL) != 0 || count == 0)
		return 1;
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&prng, seed);
	for (unsigned long round = 0; done < count; round++, done += q.n) {
		ask(&q, &prng);
		for (unsigned b = 0; lm_x25519_backend_name(b); b++) {
			if (!lm_x25519_backend_usable(b))
				continue;
			if (lm_x25519_select(lm_x25519_backend_name(b), NULL) != 0 ||
			    !check(&q, round % 2))
				return 1;
		}
	}
	printf("%lu inputs equal on every backend\n", done);
	return 0;
}
