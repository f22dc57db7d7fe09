/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/x25519: the secrets are secret, the points are not; nor is the number of items.
 */
#include <string.h>

#include "follow.h"
#include "lm_x25519.h"

enum call { BURST, EACH, BASE, CALLS };

static const char *const call_names[CALLS] = {
	[BURST] = "one secret",
	[EACH] = "a secret each",
	[BASE] = "public keys",
};

struct question {
	const char *backend;
	enum call call;
	unsigned n;
};

/* Vectors that are full, and that are not. */
static const unsigned sizes[] = {1, 13, LM_X25519_BURST};

/* Some are of small order, and one is not below p. */
static void make_points(struct lm_point *point, unsigned n)
{
	lm_rand(point, n * sizeof(*point));
	for (unsigned i = 0; i < n; i += 5)
		memset(&point[i], 0, sizeof(point[i]));
	memset(&point[n - 1], 0xff, sizeof(point[n - 1]));
}

static void multiply(const void *argument)
{
	const struct question *question = argument;
	static struct lm_secret secret[LM_X25519_BURST];
	static struct lm_point point[LM_X25519_BURST], out[LM_X25519_BURST];
	unsigned n = question->n;
	uint64_t good = 0;

	FOLLOW_CHECK(lm_x25519_select(question->backend, NULL) == 0);
	lm_rand(secret, sizeof(secret));
	make_points(point, n);
	follow_secret(secret, sizeof(secret));
	switch (question->call) {
	case BURST:
		good = lm_x25519_burst(out, secret, point, n);
		break;
	case EACH:
		good = lm_x25519_each_burst(out, secret, point, n);
		break;
	case BASE:
	case CALLS:
		lm_x25519_base_burst(out, secret, n);
		FOLLOW_CHECK(follow_is_secret(out, n * sizeof(out[0])));
		return;
	}
	FOLLOW_CHECK(follow_is_secret(&out[n - 1], sizeof(out[0])));
	lm_declassify(&good, sizeof(good));
	FOLLOW_CHECK(n == 1 || (good & 3) == 2);
}

void x25519_cases(void)
{
	for (unsigned b = 0; lm_x25519_backend_name(b); b++) {
		const char *backend = lm_x25519_backend_name(b);

		if (!lm_x25519_backend_usable(b)) {
			follow_skip("x25519", backend);
			continue;
		}
		for (enum call call = 0; call < CALLS; call++)
			for (unsigned s = 0; s < LM_COUNT(sizes); s++) {
				struct question question = {backend, call, sizes[s]};

				follow_case(false, multiply, &question, "x25519 %s: %s, %u items",
					    backend, call_names[call], sizes[s]);
			}
	}
}
