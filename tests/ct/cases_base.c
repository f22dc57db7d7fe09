/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/base: comparisons, wiping and the generator do not depend on the secrets in them.
 */
#include "follow.h"

static void compare(const void *argument)
{
	uint8_t a[16] = {1}, b[16] = {1};
	bool equal, zero;

	(void)argument;
	follow_secret(a, sizeof(a));
	equal = lm_equal16(a, b);
	zero = lm_is_zero(a, sizeof(a));
	FOLLOW_CHECK(follow_is_secret(&equal, sizeof(equal)));
	FOLLOW_CHECK(follow_is_secret(&zero, sizeof(zero)));
	lm_declassify(&equal, sizeof(equal));
	lm_declassify(&zero, sizeof(zero));
	FOLLOW_CHECK(equal && !zero);
}

static void wipe(const void *argument)
{
	uint8_t secret[33] = {1};

	(void)argument;
	follow_secret(secret, sizeof(secret));
	lm_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret); i++)
		FOLLOW_CHECK(secret[i] == 0);
}

static void integers(const void *argument)
{
	uint8_t from[8] = {1, 2, 3, 4, 5, 6, 7, 8}, to[8];
	struct lm_cursor in = lm_cursor_read(from, sizeof(from));
	struct lm_cursor out = lm_cursor_write(to, sizeof(to));

	(void)argument;
	follow_secret(from, sizeof(from));
	lm_put_u32(&out, lm_get_u32(&in));
	lm_put_u16(&out, lm_get_u16(&in));
	lm_put_u8(&out, lm_get_u8(&in));
	lm_put_u8(&out, lm_get_u8(&in));
	FOLLOW_CHECK(lm_cursor_done(&in) && lm_cursor_done(&out));
	FOLLOW_CHECK(follow_is_secret(to, sizeof(to)));
}

static void generator(const void *argument)
{
	uint8_t seed[32] = {1}, out[1000];
	struct lm_prng prng;

	(void)argument;
	follow_secret(seed, sizeof(seed));
	lm_prng_init(&prng, seed);
	lm_prng_bytes(&prng, out, sizeof(out));
	FOLLOW_CHECK(follow_is_secret(out, sizeof(out)));
	FOLLOW_CHECK(follow_is_secret(prng.key, sizeof(prng.key)));
}

void base_cases(void)
{
	follow_case(false, compare, NULL, "base: comparing secrets");
	follow_case(false, wipe, NULL, "base: wiping secrets");
	follow_case(false, integers, NULL, "base: reading and writing secret integers");
	follow_case(false, generator, NULL, "base: the generator");
}
