/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See fuzz.h.
 */
#include <stdio.h>

#include "fuzz.h"
#include "lm_x25519.h"

static struct lm_prng prng;

static void fill(void *out, size_t n)
{
	lm_prng_bytes(&prng, out, n);
}

void fuzz_start(void)
{
	static bool started;
	struct lm_error err;

	if (started)
		return;
	started = true;
	if (lm_base_init(&err) != 0 || lm_x25519_select("auto", &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	lm_prng_init(&prng, (const uint8_t[32]){1});
	lm_rand_replace(fill);
}
