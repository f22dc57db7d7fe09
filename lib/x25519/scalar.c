/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scalar backend of lib/x25519: libsodium, one item after the other. It runs on every CPU and
 * is what the other backends are checked against. Secrets are read in place, never copied here.
 */
#include <sodium.h>

#include "backend.h"

/* libsodium's ladder may use the sixteen registers of 128 bits, and nothing wider. */
static void wipe_registers(void)
{
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\t"
			 "pxor %%xmm1, %%xmm1\n\t"
			 "pxor %%xmm2, %%xmm2\n\t"
			 "pxor %%xmm3, %%xmm3\n\t"
			 "pxor %%xmm4, %%xmm4\n\t"
			 "pxor %%xmm5, %%xmm5\n\t"
			 "pxor %%xmm6, %%xmm6\n\t"
			 "pxor %%xmm7, %%xmm7\n\t"
			 "pxor %%xmm8, %%xmm8\n\t"
			 "pxor %%xmm9, %%xmm9\n\t"
			 "pxor %%xmm10, %%xmm10\n\t"
			 "pxor %%xmm11, %%xmm11\n\t"
			 "pxor %%xmm12, %%xmm12\n\t"
			 "pxor %%xmm13, %%xmm13\n\t"
			 "pxor %%xmm14, %%xmm14\n\t"
			 "pxor %%xmm15, %%xmm15" ::
				 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
				   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
				   "xmm15");
}

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

static uint64_t scalar_each(struct lm_point *out, const struct lm_secret *secret,
			    const struct lm_point *point, unsigned n)
{
	uint64_t good = 0;

	for (unsigned i = 0; i < n; i++)
		good |= multiply(&out[i], &secret[i], &point[i]) << i;
	wipe_registers();
	return good;
}

static uint64_t scalar_burst(struct lm_point *out, const struct lm_secret *secret,
			     const struct lm_point *point, unsigned n)
{
	uint64_t good = 0;

	for (unsigned i = 0; i < n; i++)
		good |= multiply(&out[i], secret, &point[i]) << i;
	wipe_registers();
	return good;
}

static void scalar_base(struct lm_point *out, const struct lm_secret *secret, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		LM_ASSERT(crypto_scalarmult_curve25519_base(out[i].b, secret[i].b) == 0);
	wipe_registers();
}

const struct lm_x25519_backend lm_x25519_scalar = {
	.name = "scalar",
	.usable = scalar_usable,
	.burst = scalar_burst,
	.each = scalar_each,
	.base = scalar_base,
};
