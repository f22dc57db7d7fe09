/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scalar backend of lib/x25519: libsodium, one item after the other. It runs on every CPU and
 * is what the other backends are checked against. Secrets are read in place, never copied here.
 */
#include <sodium.h>

#include "backend.h"

#define STACK_USED 8192 /* more than one scalar multiplication takes */

static bool scalar_usable(void)
{
	return true;
}

/* libsodium says -1 for a result of zero, before which it may leave out as it was. */
static uint64_t multiply(struct lm_point *out, const struct lm_secret *secret,
			 const struct lm_point *point)
{
	struct lm_point result = {{0}};
	uint64_t good = crypto_scalarmult_curve25519(result.b, secret->b, point->b) == 0;

	good &= !lm_is_zero(result.b, sizeof(result.b));
	for (size_t i = 0; i < sizeof(result.b); i++)
		out->b[i] = result.b[i] & (uint8_t)-good;
	lm_wipe(&result, sizeof(result));
	return good;
}

/* libsodium leaves a clamped copy of the secret in frames that have returned. */
static void wipe_residue(void)
{
	lm_wipe_stack(STACK_USED);
	lm_wipe_registers();
}

static uint64_t scalar_each(struct lm_point *out, const struct lm_secret *secret,
			    const struct lm_point *point, unsigned n)
{
	uint64_t good = 0;

	for (unsigned i = 0; i < n; i++)
		good |= multiply(&out[i], &secret[i], &point[i]) << i;
	wipe_residue();
	return good;
}

static uint64_t scalar_burst(struct lm_point *out, const struct lm_secret *secret,
			     const struct lm_point *point, unsigned n)
{
	uint64_t good = 0;

	for (unsigned i = 0; i < n; i++)
		good |= multiply(&out[i], secret, &point[i]) << i;
	wipe_residue();
	return good;
}

static void scalar_base(struct lm_point *out, const struct lm_secret *secret, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		LM_ASSERT(crypto_scalarmult_curve25519_base(out[i].b, secret[i].b) == 0);
	wipe_residue();
}

const struct lm_x25519_backend lm_x25519_scalar = {
	.name = "scalar",
	.usable = scalar_usable,
	.burst = scalar_burst,
	.each = scalar_each,
	.base = scalar_base,
};
