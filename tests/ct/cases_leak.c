/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tool sees what leaks. If it does not, no other case means anything.
 */
#include <string.h>

#include "follow.h"
#include "leaks.h"

static void branch(const void *argument)
{
	uint8_t secret = 1;
	unsigned result;

	(void)argument;
	follow_secret(&secret, sizeof(secret));
	result = leak_by_branch(&secret);
	lm_declassify(&result, sizeof(result));
}

static void index_by_secret(const void *argument)
{
	uint8_t secret = 7;
	unsigned result;

	(void)argument;
	follow_secret(&secret, sizeof(secret));
	result = leak_by_index(&secret);
	lm_declassify(&result, sizeof(result));
}

static void early_exit(const void *argument)
{
	uint8_t a[16] = {1}, b[16] = {1};
	bool result;

	(void)argument;
	follow_secret(a, sizeof(a));
	result = leak_by_early_exit(a, b);
	lm_declassify(&result, sizeof(result));
}

/* What was copied and computed with is still followed. */
static void branch_on_computed(const void *argument)
{
	uint8_t secret[64] = {0}, computed[64];
	unsigned result;

	(void)argument;
	follow_secret(secret, sizeof(secret));
	memcpy(computed, secret, sizeof(computed));
	for (unsigned i = 1; i < sizeof(computed); i++)
		computed[i] ^= computed[i - 1];
	result = leak_by_branch(&computed[63]);
	lm_declassify(&result, sizeof(result));
}

static void branch_on_declassified(const void *argument)
{
	uint8_t secret = 1;

	(void)argument;
	follow_secret(&secret, sizeof(secret));
	lm_declassify(&secret, sizeof(secret));
	FOLLOW_CHECK(leak_by_branch(&secret) == 1);
}

void leak_cases(void)
{
	follow_case(true, branch, NULL, "a branch on a secret is reported");
	follow_case(true, index_by_secret, NULL, "an address from a secret is reported");
	follow_case(true, early_exit, NULL, "a comparison that stops early is reported");
	follow_case(true, branch_on_computed, NULL, "what a secret went into is secret");
	follow_case(false, branch_on_declassified, NULL, "what was declassified is not reported");
}
