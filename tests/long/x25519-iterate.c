/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The iterated test of RFC 7748, section 5.2, to its end: a million rounds on every usable backend.
 * About a minute each.
 */
#include <stdio.h>
#include <string.h>

#include "lm_x25519.h"

#define ROUNDS 1000000

/* k and u start as 9; each round k becomes k * u, and u the old k. */
static bool right(void)
{
	struct lm_secret k = {.b = {9}};
	struct lm_point u = {.b = {9}};
	uint8_t want[32];

	if (!lm_hex_decode(want, "7c3911e0ab2586fd864497297e575e6f3bc601c0883c30df5f4dd2d24f665424",
			   sizeof(want)))
		return false;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct lm_point next;

		if (lm_x25519_burst(&next, &k, &u, 1) != 1)
			return false;
		memcpy(u.b, k.b, sizeof(u.b));
		memcpy(k.b, next.b, sizeof(k.b));
	}
	return memcmp(k.b, want, sizeof(want)) == 0;
}

int main(void)
{
	struct lm_error err;
	unsigned passed = 0, failed = 0;
	const char *name;

	if (lm_base_init(&err) != 0)
		return 1;
	for (unsigned i = 0; (name = lm_x25519_backend_name(i)) != NULL; i++) {
		if (!lm_x25519_backend_usable(i) || lm_x25519_select(name, &err) != 0) {
			printf("%s: not on this machine\n", name);
			continue;
		}
		bool good = right();

		printf("%s: %u rounds %s\n", name, ROUNDS, good ? "right" : "WRONG");
		passed += good;
		failed += !good;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
