/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wiping, constant-time comparison and locked memory, over libsodium.
 */
#include <sodium.h>

#include "lm_base.h"

void lm_wipe(void *memory, size_t n)
{
	sodium_memzero(memory, n);
}

bool lm_is_zero(const void *memory, size_t n)
{
	const uint8_t *bytes = memory;
	volatile uint8_t result; /* or the compiler might learn to stop early */
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= bytes[i];
	result = any;
	return result == 0;
}

bool lm_equal16(const uint8_t a[16], const uint8_t b[16])
{
	return crypto_verify_16(a, b) == 0;
}

void *lm_secret_alloc(size_t n)
{
	/* sodium_malloc puts the end at a guard page, so round up to keep the start aligned. */
	size_t rounded = (n + LM_CACHE_LINE - 1) & ~(size_t)(LM_CACHE_LINE - 1);
	void *memory = rounded < n ? NULL : sodium_malloc(rounded);

	if (!memory)
		return NULL;
	/* sodium_malloc locks too, but does not tell when the kernel refused. */
	if (sodium_mlock(memory, rounded) != 0) {
		sodium_free(memory);
		return NULL;
	}
	lm_wipe(memory, rounded);
	return memory;
}

void lm_secret_free(void *memory)
{
	sodium_free(memory);
}
