/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wycheproof's X25519 tests. Each runs alone, and in a full burst at a place that changes from test
 * to test among copies of itself and of the base point. Points and secrets that a strict
 * implementation may refuse have an answer too, and lib/x25519 gives it: only a zero result is
 * refused.
 */
#include <string.h>

#include "third_party.h"

static void check_alone(const struct item *item, const struct lm_secret *secret,
			const struct lm_point *public, const struct lm_point *shared)
{
	struct lm_point out;
	bool good = lm_x25519_burst(&out, secret, public, 1) == 1;

	item_check(item, memcmp(&out, shared, sizeof(out)) == 0, "wrong shared secret");
	item_check(item, good == !lm_is_zero(shared, sizeof(*shared)), "wrong verdict");
}

static void check_in_burst(const struct item *item, const struct lm_secret *secret,
			   const struct lm_point *public, const struct lm_point *shared)
{
	static const struct lm_point base = {{9}};
	unsigned at = item->number % LM_X25519_BURST;
	struct lm_secret secrets[LM_X25519_BURST];
	struct lm_point point[LM_X25519_BURST], out[LM_X25519_BURST], neighbour;
	uint64_t good;

	for (unsigned i = 0; i < LM_X25519_BURST; i++) {
		secrets[i] = *secret;
		point[i] = i == at ? *public : base;
	}
	lm_x25519_base_burst(&neighbour, secret, 1);
	good = lm_x25519_each_burst(out, secrets, point, LM_X25519_BURST);
	for (unsigned i = 0; i < LM_X25519_BURST; i++) {
		const struct lm_point *want = i == at ? shared : &neighbour;

		item_check(item, memcmp(&out[i], want, sizeof(*want)) == 0,
			   i == at ? "wrong shared secret in a burst" : "harms a neighbour");
		item_check(item, (good >> i & 1) == !lm_is_zero(want, sizeof(*want)),
			   "wrong verdict in a burst");
	}
}

static void check_test(const struct item *item, struct lm_symmetric *symmetric)
{
	struct lm_secret secret;
	struct lm_point public, shared;

	(void)symmetric;
	get_bytes(&item->node, "private", &secret, sizeof(secret));
	get_bytes(&item->node, "public", &public, sizeof(public));
	get_bytes(&item->node, "shared", &shared, sizeof(shared));
	check_alone(item, &secret, &public, &shared);
	check_in_burst(item, &secret, &public, &shared);
}

static bool recognise(const json_t *root)
{
	return wycheproof_is(root, "XDH");
}

static void check(const struct node *root, struct lm_symmetric *symmetric)
{
	wycheproof_each(root, symmetric, check_test);
}

const struct third_party wycheproof_x25519 = {recognise, wycheproof_count, check};
